/*
 * mask_functions.c
 *		lakehouse.cdc_mask_set() and cdc_mask_drop().
 *
 * Once they have committed no stream with the old masks runs:
 *
 *	1. the table of masks is locked against all until the end of the transaction.
 *	   An SQL function that decodes holds a lock on it as long as its transaction
 *	   does, so we wait for those;
 *	2. walsenders read the masks in a transaction that is long over: those that
 *	   decode with our plugin are ended, and we wait until they are gone;
 *	3. who connects now waits for our lock, and then sees what we committed.
 */
#include "pg/cdc/cdc.h"

#include <signal.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "replication/walsender_private.h"
#include "storage/lmgr.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

extern PGDLLEXPORT Datum lakehouse_cdc_mask_set(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_mask_drop(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_mask_set);
PG_FUNCTION_INFO_V1(lakehouse_cdc_mask_drop);

#define WAIT_MS 20

static void
lock_masks(void)
{
	Oid			schema = get_namespace_oid("lakehouse", false);
	Oid			table = get_relname_relid("cdc_masks", schema);

	if (!OidIsValid(table))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table lakehouse.cdc_masks does not exist")));
	LockRelationOid(table, AccessExclusiveLock);
}

/* ---- walsenders ---- */

bool
lh_cdc_is_our_plugin(const char *plugin)
{
	const char *slash = strrchr(plugin, '/');
	const char *name = slash != NULL ? slash + 1 : plugin;

	return strcmp(name, "lakehouse") == 0 || strcmp(name, "lakehouse.so") == 0;
}

static bool
is_walsender(pid_t pid)
{
	for (int i = 0; i < max_wal_senders; i++)
	{
		if (WalSndCtl->walsnds[i].pid == pid)
			return true;
	}
	return false;
}

/* The walsender that decodes from slot i, 0: none does. */
static pid_t
decoder_of(int i)
{
	ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];
	pid_t		pid = 0;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	if (slot->in_use)
	{
		SpinLockAcquire(&slot->mutex);
		if (slot->data.database == MyDatabaseId && lh_cdc_is_our_plugin(NameStr(slot->data.plugin)))
			pid = slot->active_pid;
		SpinLockRelease(&slot->mutex);
	}
	LWLockRelease(ReplicationSlotControlLock);
	return pid != 0 && pid != MyProcPid && is_walsender(pid) ? pid : 0;
}

static void
end_decoders(void)
{
	for (int i = 0; i < max_replication_slots; i++)
	{
		pid_t		pid = decoder_of(i);

		if (pid == 0)
			continue;
		if (kill(pid, SIGTERM) != 0 && errno != ESRCH)
			ereport(ERROR,
					(errmsg("could not end walsender %d, which streams with the masks of before: %m", (int) pid)));
		while (decoder_of(i) == pid)
		{
			CHECK_FOR_INTERRUPTS();
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, WAIT_MS, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
		}
	}
}

/* ---- the table ---- */

/* The column's number; what cannot be in a stream is an error. */
static AttrNumber
find_column(Oid relid, const char *name)
{
	HeapTuple	tuple;
	char		kind = get_rel_relkind(relid);
	AttrNumber	attnum;

	/* REFRESH ... CONCURRENTLY of a materialized view is in the log as inserts and deletes */
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", kind == '\0' ? psprintf("%u", relid) : get_rel_name(relid))));
	tuple = SearchSysCacheAttName(relid, name);
	if (!HeapTupleIsValid(tuple) || ((Form_pg_attribute) GETSTRUCT(tuple))->attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist", name, get_rel_name(relid))));
	attnum = ((Form_pg_attribute) GETSTRUCT(tuple))->attnum;
	ReleaseSysCache(tuple);
	return attnum;
}

static uint64
run(const char *sql, int nargs, Oid *types, Datum *values)
{
	uint64		n;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0) < 0)
		elog(ERROR, "a change of lakehouse.cdc_masks failed");
	n = SPI_processed;
	SPI_finish();
	return n;
}

Datum
lakehouse_cdc_mask_set(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Name		column = PG_GETARG_NAME(1);
	Oid			types[] = {REGCLASSOID, INT2OID, NAMEOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(relid), 0, NameGetDatum(column), PG_GETARG_DATUM(2)};

	LockRelationOid(relid, AccessShareLock);
	values[1] = Int16GetDatum(find_column(relid, NameStr(*column)));
	lh_cdc_check_mask(TextDatumGetCString(values[3]));
	lock_masks();
	(void) run("INSERT INTO lakehouse.cdc_masks (relation, attnum, column_name, mask) VALUES ($1, $2, $3, $4)"
			   " ON CONFLICT (relation, attnum) DO UPDATE SET column_name = excluded.column_name, mask = excluded.mask",
			   4, types, values);
	end_decoders();
	PG_RETURN_VOID();
}

/* By the recorded name, which may be an old one, or by the present one. */
Datum
lakehouse_cdc_mask_drop(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Name		column = PG_GETARG_NAME(1);
	Oid			types[] = {REGCLASSOID, NAMEOID, INT2OID};
	Datum		values[] = {ObjectIdGetDatum(relid), NameGetDatum(column), Int16GetDatum(0)};

	lock_masks();
	if (run("DELETE FROM lakehouse.cdc_masks WHERE relation = $1 AND column_name = $2", 2, types, values) == 0)
	{
		AttrNumber	attnum = get_attnum(relid, NameStr(*column));

		values[2] = Int16GetDatum(attnum);
		if (attnum <= 0 || run("DELETE FROM lakehouse.cdc_masks WHERE relation = $1 AND attnum = $3 AND $2 IS NOT NULL", 3,
							   types, values) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("column \"%s\" has no mask", NameStr(*column))));
	}
	end_decoders();
	PG_RETURN_VOID();
}
