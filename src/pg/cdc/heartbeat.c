/*
 * heartbeat.c
 *		lakehouse.cdc_heartbeat(): something in the log by which slots can let go of
 *		what is before it.
 *
 * A slot's restart_lsn and catalog_xmin move in two steps: decoding meets a record
 * of the transactions that run, and later the client confirms a position behind it.
 * The server writes such records every 15 seconds at most, in which a cluster can
 * write any amount of log.  So this writes
 *
 *	1. that record, for the slots of all databases; first, as our own transaction
 *	   would be among those that run once it has a number;
 *	2. a transactional message, which the stream of this database gets to see as a
 *	   transaction that is empty, so that it says at once how far it is.  (A message
 *	   outside of transactions would not do: positions are ends of commits.)
 *
 * Each costs every slot of the cluster a small file that is synced, so it is not for
 * everybody: who may read slots may also help them forward.
 */
#include "pg/cdc/cdc.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/message.h"
#include "storage/standby.h"
#include "utils/pg_lsn.h"

extern PGDLLEXPORT Datum lakehouse_cdc_heartbeat(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_heartbeat);

static XLogRecPtr
emit_message(void)
{
#if PG_VERSION_NUM >= 170000
	return LogLogicalMessage(LH_HEARTBEAT_PREFIX, "", 0, true, false);
#else
	return LogLogicalMessage(LH_HEARTBEAT_PREFIX, "", 0, true);
#endif
}

Datum
lakehouse_cdc_heartbeat(PG_FUNCTION_ARGS)
{
	if (!superuser() && !has_rolreplication(GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for lakehouse.cdc_heartbeat()"),
				 errdetail("Only superusers and roles with the REPLICATION attribute may write heartbeats.")));
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a standby cannot write heartbeats"),
				 errhint("Call lakehouse.cdc_heartbeat() on the primary; lakehouse_cdc does so with --primary.")));
	if (!XLogStandbyInfoActive())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("heartbeats need wal_level \"logical\" or \"replica\"")));
	(void) LogStandbySnapshot();
	PG_RETURN_LSN(emit_message());
}
