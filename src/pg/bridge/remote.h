/*
 * remote.h
 *		What a role may reach over the network by a server, and its credentials.
 */
#ifndef LH_PG_BRIDGE_REMOTE_H
#define LH_PG_BRIDGE_REMOTE_H

#include "pg/bridge/bridge.h"

/*
 * In the arena of ctx.  NULL when the role may not use the server, or the server
 * allows no network location.  Without credentials nothing secret is read: for
 * checks at definition.
 */
extern LhStatus lh_remote_access(LhCtx *ctx, Oid roleid, Oid serverid, bool credentials,
								 LhRemoteAccess **out);
/*
 * Raise unless the role may reach this network location (UTF-8) by the server,
 * to read or to write.  No credential is read, nothing is connected.
 */
extern void lh_remote_check(LhCtx *ctx, Oid roleid, Oid serverid, const char *location);

/* The role's user mapping of a server, or PUBLIC's: its options, DefElems; InvalidOid without one. */
extern Oid	lh_user_mapping(Oid roleid, Oid serverid, List **options);

/*
 * instance.c: the key of the machine's role, from the cloud's metadata service.
 * In the arena of ctx; asked for once until it is about to end.
 */
extern LhStatus lh_instance_key(LhCtx *ctx, LhRemoteAccess *access);

#endif
