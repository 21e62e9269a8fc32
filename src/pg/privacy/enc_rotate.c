/*
 * enc_rotate.c
 *		lakehouse.encryption_rotate: values of a column under the newest version of their key.
 *
 *	1. A batch is some blocks of the table and a transaction.  In it, rows whose value is stale (seen from its first bytes) and that nobody has
 *	   locked are updated.  No row is waited for, so no writer waits for more than a batch.
 *	2. Rows that were locked are met in the next pass.  Passes follow, with pauses that grow, until no stale value is seen.
 *	3. What stops it (a cancel, kill -9) leaves the rest under the old version, as good as before.  Called again, it finds what is left: the rows that
 *	   are done are not touched again.
 *	4. It updates as the table's owner, without ordinary triggers (session_replication_role = replica), row security or policies: no value
 *	   changes, none is shown.
 *	5. One run at a time for a table: a lock of the session, which also shows that it runs (view encryption_progress).
 */
#include "pg/privacy/enc.h"

#include "access/relation.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

#include "pg/privacy/keys_store.h"
#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_encryption_rotate);
extern PGDLLEXPORT Datum lakehouse_encryption_rotate(PG_FUNCTION_ARGS);

#define FUNCTION     "lakehouse.encryption_rotate()"
#define MAX_BLOCKS   65536
#define PAUSE_MS     50
#define MOST_PAUSE_MS 5000

typedef struct Rotate
{
	MemoryContext mcxt;			/* outlives the transactions */
	Oid			relid;
	NameData	column;
	List	   *tables;			/* Oid */
	BlockNumber step;
	int64		job;
} Rotate;

/* ---- the job ---- */

static void
start_job(Rotate *r, int64 total)
{
	Datum		values[4] = {Int64GetDatum((int64) r->relid), CStringGetTextDatum(NameStr(r->column)), Int32GetDatum(MyProcPid), Int64GetDatum(total)};
	LhKeysSql	sql;
	Datum		job;

	lh_keys_begin(&sql, FUNCTION, true, true);
	if (lh_keys_sql("UPDATE lakehouse.encryption_jobs SET pid = $3, updated = clock_timestamp(), blocks_total = $4, blocks_done = 0"
					" WHERE job = (SELECT max(job) FROM lakehouse.encryption_jobs WHERE relation = $1::oid AND \"column\" = $2 AND ended IS NULL)"
					" RETURNING job", "ltil", values, NULL) == 0)
		(void) lh_keys_sql("INSERT INTO lakehouse.encryption_jobs (relation, \"column\", pid, started, updated, passes, blocks_total, blocks_done, values_done)"
						   " VALUES ($1::oid, $2, $3, clock_timestamp(), clock_timestamp(), 0, $4, 0, 0) RETURNING job", "ltil", values, NULL);
	(void) lh_keys_get(0, 1, &job);
	r->job = DatumGetInt64(job);
	job = Int64GetDatum(r->job - 100);
	(void) lh_keys_sql("DELETE FROM lakehouse.encryption_jobs WHERE job < $1 AND ended IS NOT NULL", "l", &job, NULL);
	lh_keys_end(&sql);
}

static void
note_pass(const Rotate *r, int64 total)
{
	Datum		values[2] = {Int64GetDatum(r->job), Int64GetDatum(total)};
	LhKeysSql	sql;

	lh_keys_begin(&sql, FUNCTION, true, true);
	(void) lh_keys_sql("UPDATE lakehouse.encryption_jobs SET passes = passes + 1, blocks_total = $2, blocks_done = 0, updated = clock_timestamp()"
					   " WHERE job = $1", "ll", values, NULL);
	lh_keys_end(&sql);
}

static void
note_batch(const Rotate *r, int64 blocks, uint64 rows)
{
	Datum		values[3] = {Int64GetDatum(r->job), Int64GetDatum(blocks), Int64GetDatum((int64) rows)};
	LhKeysSql	sql;

	lh_keys_begin(&sql, FUNCTION, true, true);
	(void) lh_keys_sql("UPDATE lakehouse.encryption_jobs SET blocks_done = blocks_done + $2, values_done = values_done + $3,"
					   " updated = clock_timestamp() WHERE job = $1", "lll", values, NULL);
	lh_keys_end(&sql);
}

static void
end_job(const Rotate *r)
{
	Datum		job = Int64GetDatum(r->job);
	LhKeysSql	sql;

	lh_keys_begin(&sql, FUNCTION, true, true);
	(void) lh_keys_sql("UPDATE lakehouse.encryption_jobs SET ended = clock_timestamp(), updated = clock_timestamp(), blocks_done = blocks_total"
					   " WHERE job = $1", "l", &job, NULL);
	lh_keys_end(&sql);
}

/* ---- a batch ---- */

static Oid
owner_of(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	Oid			owner = rel != NULL ? rel->rd_rel->relowner : InvalidOid;

	if (rel != NULL)
		relation_close(rel, AccessShareLock);
	return owner;
}

static BlockNumber
blocks_of(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	BlockNumber n = rel != NULL ? RelationGetNumberOfBlocks(rel) : 0;

	if (rel != NULL)
		relation_close(rel, AccessShareLock);
	return n;
}

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* By the places of the rows and nothing else. */
static char *
statement(const Rotate *r, Oid relid, BlockNumber from)
{
	const char *table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
	const char *column = quote_identifier(NameStr(r->column));
	BlockNumber to = from > InvalidBlockNumber - r->step ? InvalidBlockNumber : from + r->step;

	return psprintf("WITH todo AS MATERIALIZED (SELECT ctid FROM ONLY %s WHERE ctid >= '(%u,0)' AND ctid < '(%u,0)'"
					" AND lakehouse.enc_stale(%s) FOR NO KEY UPDATE SKIP LOCKED)"
					" UPDATE ONLY %s x SET %s = lakehouse.enc_renew(x.%s) FROM todo WHERE x.ctid = todo.ctid",
					table, from, to, column, table, column, column);
}

static uint64
update(const Rotate *r, Oid relid, BlockNumber from)
{
	Oid			owner = owner_of(relid);
	int			nest = NewGUCNestLevel();
	Oid			user;
	int			context;
	int			code;
	uint64		rows;

	/* dropped meanwhile */
	if (!OidIsValid(owner))
	{
		AtEOXact_GUC(false, nest);
		return 0;
	}
	set("search_path", "pg_catalog, pg_temp");
	set("session_replication_role", "replica");
	/* rows are found by their places: anything else would read all of the table */
	set("enable_seqscan", "off");
	set("enable_hashjoin", "off");
	set("enable_mergejoin", "off");
	GetUserIdAndSecContext(&user, &context);
	/* as a check of a foreign key is run: forced row security and policies hold for what is shown, and nothing is */
	SetUserIdAndSecContext(owner, context | SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	code = SPI_execute(statement(r, relid, from), false, 0);
	if (code != SPI_OK_UPDATE)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	rows = SPI_processed;
	SetUserIdAndSecContext(user, context);
	AtEOXact_GUC(false, nest);
	return rows;
}

static void
batch(const Rotate *r, Oid relid, BlockNumber from, BlockNumber end)
{
	MemoryContext mcxt = AllocSetContextCreate(r->mcxt, "lakehouse values encrypted anew", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);

	note_batch(r, Min(r->step, end - from), update(r, relid, from));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	SPI_commit();
}

/* ---- a pass ---- */

static int64
all_blocks(const Rotate *r)
{
	int64		total = 0;
	ListCell   *lc;

	foreach(lc, r->tables)
		total += blocks_of(lfirst_oid(lc));
	return total;
}

static void
pass(const Rotate *r)
{
	ListCell   *lc;

	note_pass(r, all_blocks(r));
	SPI_commit();
	foreach(lc, r->tables)
	{
		BlockNumber end = blocks_of(lfirst_oid(lc));

		for (BlockNumber from = 0; from < end; from = end - from > r->step ? from + r->step : end)
		{
			CHECK_FOR_INTERRUPTS();
			batch(r, lfirst_oid(lc), from, end);
		}
	}
}

static bool
anything_left(const Rotate *r)
{
	ListCell   *lc;

	foreach(lc, r->tables)
	{
		AttrNumber	attnum = get_attnum(lfirst_oid(lc), NameStr(r->column));

		if (attnum > 0 && lh_enc_any_stale(lfirst_oid(lc), attnum))
			return true;
	}
	return false;
}

static void
wait_for_pass(int passes)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min((long) PAUSE_MS * passes, MOST_PAUSE_MS), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* ---- a run ---- */

static void
lock_run(LOCKTAG *tag, Oid relid)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, lh_keys_table("encryption_jobs", false), relid, 0);
	if (LockAcquire(tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("values of this table are being encrypted anew by another session"),
				 errhint("View lakehouse.encryption_progress shows it.")));
}

static void
begin(Rotate *r)
{
	MemoryContext old = MemoryContextSwitchTo(r->mcxt);
	ListCell   *lc;

	r->tables = lh_enc_tables(r->relid, NameStr(r->column));
	MemoryContextSwitchTo(old);
	foreach(lc, r->tables)
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_MATVIEW)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is a materialized view", get_rel_name(lfirst_oid(lc))),
					 errhint("REFRESH MATERIALIZED VIEW has it made anew of its tables.")));
	}
}

static bool
in_transaction_block(FunctionCallInfo fcinfo)
{
	return fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic;
}

Datum
lakehouse_encryption_rotate(PG_FUNCTION_ARGS)
{
	Rotate		r = {0};
	LOCKTAG		tag;
	int			passes = 0;

	if (in_transaction_block(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("%s commits as it goes, so it cannot be called in a transaction block", FUNCTION)));
	lh_right_require(LH_RIGHT_KEY_ADMIN, "to encrypt values anew");
	PreventCommandIfReadOnly(FUNCTION);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_GETARG_INT32(2) < 1 || PG_GETARG_INT32(2) > MAX_BLOCKS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s takes a table, a column and a number of blocks from 1 to %d", FUNCTION, MAX_BLOCKS)));
	r.relid = PG_GETARG_OID(0);
	r.column = *PG_GETARG_NAME(1);
	r.step = (BlockNumber) PG_GETARG_INT32(2);
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* of this call of SPI, which lasts longer than a transaction */
	r.mcxt = CurrentMemoryContext;
	begin(&r);
	lh_audit_event("encryption_rotate", "table", get_rel_name(r.relid), NameStr(r.column));
	lock_run(&tag, r.relid);
	start_job(&r, all_blocks(&r));
	SPI_commit();
	do
	{
		if (passes++ > 0)
			wait_for_pass(passes);
		pass(&r);
	} while (anything_left(&r));
	end_job(&r);
	LockRelease(&tag, ExclusiveLock, true);
	SPI_finish();
	PG_RETURN_VOID();
}
