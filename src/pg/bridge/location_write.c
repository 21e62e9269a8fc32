/*
 * location_write.c
 *		Who may write which location.
 *
 *	1. A role with pg_write_server_files, a superuser among them, writes any
 *	   local file that the server can write.
 *	2. Any other role needs USAGE on a server with the option
 *	   writable_directories, which only a superuser can set, and writes below
 *	   these.
 *	3. Object stores need, for any role, USAGE on a server whose
 *	   allowed_locations cover the location (remote.c); which objects may be
 *	   written there is the store's to say, by the caller's credentials.
 *	4. The role is the caller of the function or statement.
 *
 * Of local files, neither this nor the right to read (location.c) implies the
 * other.  Here it is only decided; the store enforces it when it creates a file.
 */
#include "pg/bridge/options.h"

#include "catalog/pg_authid.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "pg/bridge/remote.h"

static bool
writes_any_file(Oid roleid)
{
	return superuser_arg(roleid) || has_privs_of_role(roleid, ROLE_PG_WRITE_SERVER_FILES);
}

/* The access lives in the arena of ctx, as the store does. */
static LhStatus
make_store(LhCtx *ctx, Oid roleid, Oid serverid, LhStore **out)
{
	LhAccess   *access;
	LhRemoteAccess *remote;

	LH_NEW(ctx, access);
	LH_TRY(lh_remote_access(ctx, roleid, serverid, true, &remote));
	access->remote = remote;
	access->write_any = writes_any_file(roleid);
	if (!access->write_any)
		LH_TRY(lh_server_directories(ctx, roleid, serverid, "writable_directories", &access->write_bases,
							  &access->nwrite_bases));
	return lh_store_create(ctx, access, out);
}

void
lh_lake_write_store(LhCtx *ctx, Oid roleid, Oid serverid, LhStore **out)
{
	lh_pg_check(ctx, make_store(ctx, roleid, serverid, out));
}

static void
check_local(Oid roleid, Oid serverid, const char *path)
{
	if (writes_any_file(roleid) || lh_server_covers(roleid, serverid, "writable_directories", path))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to write location \"%s\"", lh_pg_text(path)),
			 errdetail("Role \"%s\" may neither write all files of the server nor is the location below a writable directory of a foreign server that it may use.",
					   GetUserNameFromId(roleid, true)),
			 errhint("Grant pg_write_server_files to the role, or have a superuser set the option writable_directories of the foreign server and name that server.")));
}

/* Web servers, which nobody writes, are left to lh_output_create. */
void
lh_location_check_write(Oid roleid, Oid serverid, const char *location)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse location", ALLOCSET_SMALL_SIZES);
	LhCtx	   *ctx = lh_pg_ctx(mcxt, 0, NULL);
	LhScheme	scheme;
	const char *path;

	lh_pg_check(ctx, lh_location_parse(ctx, lh_pg_utf8(location), &scheme, &path));
	if (scheme == LH_SCHEME_LOCAL)
		check_local(roleid, serverid, path);
	else if (scheme == LH_SCHEME_S3)
		lh_remote_check(ctx, roleid, serverid, lh_pg_utf8(location));
	MemoryContextDelete(mcxt);
}
