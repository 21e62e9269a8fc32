/*
 * enc_rotate.c
 *		Values of a column under the newest version of their key; lakehouse.encryption_rotate.
 *
 *	1. A batch is some blocks of the table and a transaction.  In it, rows whose value is stale (seen from its first bytes) and that nobody has
 *	   locked are updated.  No row is waited for, so no writer waits for more than a batch.
 *	2. Rows that were locked are met in the next pass.  Passes follow, with pauses that grow, until no stale value is seen.
 *	3. What stops it (a cancel, kill -9) leaves the rest under the old version, as good as before.  Begun again, it finds what is left: the rows that
 *	   are done are not touched again.
 *	4. It updates as the table's owner, without ordinary triggers (session_replication_role = replica), row security or policies: no value
 *	   changes, none is shown.  In a restricted operation PostgreSQL refuses triggers that are deferred, which would run as who commits.
 *	5. One run at a time for a table: a lock of the session, which also shows that it runs (view encryption_progress).
 *	6. Before each batch it is looked whether it shall go on, and whether who wanted it may still rotate.
 */
#include "pg/privacy/enc_rotate.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "pg/privacy/keys_store.h"
#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_encryption_rotate);
extern PGDLLEXPORT Datum lakehouse_encryption_rotate(PG_FUNCTION_ARGS);

#define FUNCTION     "lakehouse.encryption_rotate()"
#define PAUSE_MS     50
#define MOST_PAUSE_MS 5000
/* no longer without a look at whether it shall go on */
#define NAP_MS       1000
/* passes in which stale rows were met and none was changed */
#define MOST_IN_VAIN 10

static bool in_update = false;

bool
lh_rotate_foreign_error(void)
{
	return in_update && !lh_enc_row_failed;
}

void
lh_rotate_begin(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
lh_rotate_end(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

static void
commit(const LhRotate *r)
{
	if (r->session)
	{
		SPI_commit();
		return;
	}
	lh_rotate_end();
	lh_rotate_begin();
}

/* ---- a batch ---- */

/* It stays, and has its name and owner, until the transaction ends. */
static Oid
lock_owned(Oid relid)
{
	Relation	rel = try_relation_open(relid, RowExclusiveLock);
	Oid			owner = rel != NULL ? rel->rd_rel->relowner : InvalidOid;

	if (rel != NULL)
		relation_close(rel, NoLock);
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

/* By the places of the rows and nothing else; gives rows that were met, and rows that were changed. */
static char *
statement(const LhRotate *r, Oid relid, BlockNumber from)
{
	const char *table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
	const char *column = quote_identifier(NameStr(r->column));
	BlockNumber to = from > InvalidBlockNumber - r->blocks ? InvalidBlockNumber : from + r->blocks;

	return psprintf("WITH todo AS MATERIALIZED (SELECT ctid FROM ONLY %s WHERE ctid >= '(%u,0)' AND ctid < '(%u,0)'"
					" AND lakehouse.enc_value_stale(%s) FOR NO KEY UPDATE SKIP LOCKED), done AS ("
					" UPDATE ONLY %s x SET %s = lakehouse.enc_row_renew(x.%s, %u, x.ctid) FROM todo WHERE x.ctid = todo.ctid RETURNING 1)"
					" SELECT (SELECT count(*) FROM todo), (SELECT count(*) FROM done)",
					table, from, to, column, table, column, column, relid);
}

typedef struct Changed
{
	int64		met, done;
} Changed;

/* As the owner: rights, settings and the place for SPI are the caller's. */
static void
run_update(const char *text, Changed *changed)
{
	bool		null;
	int			code = SPI_execute(text, false, 0);

	if (code != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	changed->met += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	changed->done += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null));
}

static void
update(const LhRotate *r, Oid relid, BlockNumber from, Changed *changed)
{
	Oid			owner = lock_owned(relid);
	int			nest;
	Oid			user;
	int			context;

	/* dropped meanwhile */
	if (!OidIsValid(owner))
		return;
	nest = NewGUCNestLevel();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	set("search_path", "pg_catalog, pg_temp");
	set("session_replication_role", "replica");
	/* rows are found by their places: anything else would read all of the table */
	set("enable_seqscan", "off");
	set("enable_hashjoin", "off");
	set("enable_mergejoin", "off");
	GetUserIdAndSecContext(&user, &context);
	/* as a check of a foreign key is run: forced row security and policies hold for what is shown, and nothing is */
	SetUserIdAndSecContext(owner, context | SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	lh_enc_row_failed = false;
	in_update = true;
	run_update(statement(r, relid, from), changed);
	in_update = false;
	SetUserIdAndSecContext(user, context);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(false, nest);
}

/* False: it shall not go on. */
static bool
batch(const LhRotate *r, Oid relid, BlockNumber from, BlockNumber end, Changed *changed)
{
	MemoryContext mcxt;
	MemoryContext old;
	int64		before = changed->done;

	if (!lh_job_goes_on(r, true))
		return false;
	mcxt = AllocSetContextCreate(r->mcxt, "lakehouse values encrypted anew", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	update(r, relid, from, changed);
	lh_job_note_batch(r, Min(r->blocks, end - from), (uint64) (changed->done - before));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	commit(r);
	return true;
}

/* ---- waiting ---- */

static void
nap(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Without a snapshot, which would keep dead rows. */
static void
nap_outside(const LhRotate *r, long ms)
{
	if (r->session)
	{
		nap(ms);
		return;
	}
	lh_rotate_end();
	nap(ms);
	lh_rotate_begin();
}

/* After a commit.  False: it shall not go on. */
static bool
wait_ms(const LhRotate *r, int64 ms)
{
	while (ms > 0)
	{
		long		step = (long) Min(ms, NAP_MS);

		nap_outside(r, step);
		ms -= step;
		if (ms > 0)
		{
			if (!lh_job_goes_on(r, false))
				return false;
			commit(r);
		}
	}
	return true;
}

static int64
pause_for_rate(const LhRotate *r, int64 rows)
{
	return r->rate > 0 ? rows * 1000 / r->rate : 0;
}

/* ---- a pass ---- */

static int64
all_blocks(const LhRotate *r)
{
	int64		total = 0;
	ListCell   *lc;

	foreach(lc, r->tables)
		total += blocks_of(lfirst_oid(lc));
	return total;
}

static bool
pass_table(const LhRotate *r, Oid relid, Changed *changed)
{
	BlockNumber end = blocks_of(relid);

	for (BlockNumber from = 0; from < end; from = end - from > r->blocks ? from + r->blocks : end)
	{
		int64		before = changed->done;

		CHECK_FOR_INTERRUPTS();
		if (!batch(r, relid, from, end, changed) || !wait_ms(r, pause_for_rate(r, changed->done - before)))
			return false;
	}
	return true;
}

static bool
pass(const LhRotate *r, const LhEncStale *left, Changed *changed)
{
	ListCell   *lc;

	lh_job_note_pass(r, all_blocks(r), left);
	commit(r);
	foreach(lc, r->tables)
	{
		if (!pass_table(r, lfirst_oid(lc), changed))
			return false;
	}
	return true;
}

/* Partitions come and go; temporary children of other sessions are out of reach. */
static void
find_tables(LhRotate *r)
{
	MemoryContext old = MemoryContextSwitchTo(r->mcxt);
	ListCell   *lc;

	list_free(r->tables);
	r->tables = NIL;
	if (get_rel_name(r->relid) == NULL || get_attnum(r->relid, NameStr(r->column)) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table number %u, or its column \"%s\", is not there any more", r->relid, NameStr(r->column))));
	r->tables = lh_enc_tables(r->relid, NameStr(r->column));
	foreach(lc, r->tables)
	{
		if (isOtherTempNamespace(get_rel_namespace(lfirst_oid(lc))))
			r->tables = foreach_delete_current(r->tables, lc);
	}
	MemoryContextSwitchTo(old);
}

static LhEncStale
count_left(const LhRotate *r)
{
	LhEncStale	left = {0};
	ListCell   *lc;

	foreach(lc, r->tables)
		lh_enc_count_stale(lfirst_oid(lc), NameStr(r->column), 0, 0, &left);
	return left;
}

bool
lh_rotate_run(LhRotate *r)
{
	int			passes = 0,
				in_vain = 0;

	in_update = false;
	lh_enc_row_failed = false;
	for (;;)
	{
		LhEncStale	left;
		Changed		changed = {0};

		find_tables(r);
		left = count_left(r);
		if (left.rows == 0)
			return lh_job_goes_on(r, true);
		commit(r);
		if (passes++ > 0 && !wait_ms(r, Min((int64) PAUSE_MS * passes, MOST_PAUSE_MS)))
			return false;
		if (!pass(r, &left, &changed))
			return false;
		in_vain = changed.met > 0 && changed.done == 0 ? in_vain + 1 : 0;
		if (in_vain >= MOST_IN_VAIN)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("values of column \"%s\" of table \"%s\" stay as they are when they are updated", NameStr(r->column), get_rel_name(r->relid)),
					 errhint("A trigger or rule with ENABLE ALWAYS or ENABLE REPLICA keeps them.")));
	}
}

/* ---- a run ---- */

static void
run_tag(LOCKTAG *tag, Oid relid)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, lh_keys_table("encryption_jobs", false), relid, 0);
}

bool
lh_rotate_lock(Oid relid)
{
	LOCKTAG		tag;

	run_tag(&tag, relid);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
lh_rotate_unlock(Oid relid)
{
	LOCKTAG		tag;

	run_tag(&tag, relid);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

void
lh_rotate_check(Oid relid, const char *column)
{
	ListCell   *lc;

	foreach(lc, lh_enc_tables(relid, column))
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

static void
arguments(FunctionCallInfo fcinfo, LhRotate *r)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_GETARG_INT32(2) < 1 || PG_GETARG_INT32(2) > LH_ROTATE_MAX_BLOCKS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s takes a table, a column and a number of blocks from 1 to %d", FUNCTION, LH_ROTATE_MAX_BLOCKS)));
	r->relid = PG_GETARG_OID(0);
	r->column = *PG_GETARG_NAME(1);
	r->blocks = (BlockNumber) PG_GETARG_INT32(2);
	r->role = GetUserId();
	r->session = true;
}

Datum
lakehouse_encryption_rotate(PG_FUNCTION_ARGS)
{
	LhRotate	r = {0};

	if (in_transaction_block(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("%s commits as it goes, so it cannot be called in a transaction block", FUNCTION)));
	lh_right_require(LH_RIGHT_KEY_ADMIN, "to encrypt values anew");
	PreventCommandIfReadOnly(FUNCTION);
	arguments(fcinfo, &r);
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* of this call of SPI, which lasts longer than a transaction */
	r.mcxt = CurrentMemoryContext;
	lh_rotate_check(r.relid, NameStr(r.column));
	lh_audit_event("encryption_rotate", "table", get_rel_name(r.relid), NameStr(r.column));
	if (!lh_rotate_lock(r.relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("values of this table are being encrypted anew by another session"),
				 errhint("View lakehouse.encryption_progress shows it.")));
	lh_job_take(&r);
	SPI_commit();
	if (!lh_rotate_run(&r))
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("the rotation was paused or cancelled"),
				 errhint("View lakehouse.encryption_progress shows it; what is done stays done.")));
	lh_job_end(&r);
	lh_rotate_unlock(r.relid);
	SPI_finish();
	PG_RETURN_VOID();
}
