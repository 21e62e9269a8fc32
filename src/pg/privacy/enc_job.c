/*
 * enc_job.c
 *		What is to be encrypted anew, and how far that is: lakehouse.encryption_jobs.
 *
 * A column has one job at most that has not ended.  "background": the worker is to do it; else the session does that has called
 * lakehouse.encryption_rotate, and the job waits for another call when that ends.  A job is run by the right of the role that wanted it, which is
 * asked for again before each batch.
 */
#include "pg/privacy/enc_rotate.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "pg/privacy/keys_store.h"
#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_rotation_start);
PG_FUNCTION_INFO_V1(lakehouse_rotation_start_key);
PG_FUNCTION_INFO_V1(lakehouse_rotation_pause);
PG_FUNCTION_INFO_V1(lakehouse_rotation_resume);
PG_FUNCTION_INFO_V1(lakehouse_rotation_cancel);
extern PGDLLEXPORT Datum lakehouse_rotation_start(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_rotation_start_key(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_rotation_pause(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_rotation_resume(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_rotation_cancel(PG_FUNCTION_ARGS);

#define WHAT "a rotation of encrypted columns"
/* Jobs that have ended and are kept to be looked at. */
#define KEPT 100

static void
change(const char *text, const char *types, const Datum *values)
{
	LhKeysSql	sql;

	lh_keys_begin(&sql, WHAT, true, true);
	(void) lh_keys_sql(text, types, values, NULL);
	lh_keys_end(&sql);
}

/* ---- while it runs ---- */

void
lh_job_take(LhRotate *r)
{
	Datum		values[5] = {Int64GetDatum((int64) r->relid), CStringGetTextDatum(NameStr(r->column)), Int32GetDatum(MyProcPid),
	Int64GetDatum((int64) r->role), Int32GetDatum((int32) r->blocks)};
	LhKeysSql	sql;
	Datum		job;

	lh_keys_begin(&sql, WHAT, true, true);
	(void) lh_keys_sql("INSERT INTO lakehouse.encryption_jobs AS j (relation, \"column\", pid, role, blocks, background)"
					   " VALUES ($1::oid, $2, $3, $4::oid, $5, false) ON CONFLICT (relation, \"column\") WHERE ended IS NULL DO UPDATE"
					   " SET pid = $3, role = $4::oid, state = 'active', error = NULL, retry_at = NULL, updated = clock_timestamp() RETURNING job",
					   "ltili", values, NULL);
	(void) lh_keys_get(0, 1, &job);
	r->job = DatumGetInt64(job);
	job = Int64GetDatum(r->job - KEPT);
	(void) lh_keys_sql("DELETE FROM lakehouse.encryption_jobs WHERE job < $1 AND ended IS NOT NULL", "l", &job, NULL);
	lh_keys_end(&sql);
}

void
lh_job_claim(const LhRotate *r)
{
	Datum		values[2] = {Int64GetDatum(r->job), Int32GetDatum(MyProcPid)};

	change("UPDATE lakehouse.encryption_jobs SET pid = $2, updated = clock_timestamp() WHERE job = $1", "li", values);
}

bool
lh_job_goes_on(const LhRotate *r, bool hold)
{
	Datum		job = Int64GetDatum(r->job);
	LhKeysSql	sql;
	bool		active;

	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(r->role)) || !lh_right_has(LH_RIGHT_KEY_ADMIN, r->role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to encrypt values anew"),
				 errdetail("Who wanted it has no longer the right \"key_admin\".")));
	lh_keys_begin(&sql, WHAT, true, true);
	if (hold)
		active = lh_keys_sql("SELECT 1 FROM lakehouse.encryption_jobs WHERE job = $1 AND state = 'active' FOR NO KEY UPDATE", "l", &job, NULL) > 0;
	else
		active = lh_keys_sql_now("SELECT 1 FROM lakehouse.encryption_jobs WHERE job = $1 AND state = 'active'", "l", &job) > 0;
	lh_keys_end(&sql);
	return active;
}

void
lh_job_note_pass(const LhRotate *r, int64 blocks, const LhEncStale *left)
{
	Datum		values[5] = {Int64GetDatum(r->job), Int64GetDatum(blocks), Int64GetDatum(left->rows), Int32GetDatum((int32) left->from),
	Int32GetDatum((int32) left->to)};

	change("UPDATE lakehouse.encryption_jobs SET passes = passes + 1, blocks_total = $2, blocks_done = 0, rows_left = $3,"
		   " version_from = coalesce(version_from, $4), version_to = $5, updated = clock_timestamp() WHERE job = $1", "lllii", values);
}

void
lh_job_note_batch(const LhRotate *r, int64 blocks, uint64 rows)
{
	Datum		values[3] = {Int64GetDatum(r->job), Int64GetDatum(blocks), Int64GetDatum((int64) rows)};

	change("UPDATE lakehouse.encryption_jobs SET blocks_done = blocks_done + $2, rows_done = rows_done + $3,"
		   " rows_left = greatest(rows_left - $3, 0), retries = CASE WHEN $3 > 0 THEN 0 ELSE retries END,"
		   " error = CASE WHEN $3 > 0 THEN NULL ELSE error END, updated = clock_timestamp() WHERE job = $1", "lll", values);
}

void
lh_job_end(const LhRotate *r)
{
	Datum		job = Int64GetDatum(r->job);

	change("UPDATE lakehouse.encryption_jobs SET state = 'finished', ended = clock_timestamp(), updated = clock_timestamp(),"
		   " blocks_done = blocks_total, rows_left = 0, error = NULL, retry_at = NULL WHERE job = $1 AND state = 'active'", "l", &job);
}

void
lh_job_failed(const LhRotate *r, const char *state, const char *error, int retry_s)
{
	Datum		values[4] = {Int64GetDatum(r->job), CStringGetTextDatum(state), CStringGetTextDatum(error), Int32GetDatum(retry_s)};

	change("UPDATE lakehouse.encryption_jobs SET state = $2, error = $3, updated = clock_timestamp(), retries = retries + 1,"
		   " retry_at = CASE WHEN $4 > 0 THEN clock_timestamp() + make_interval(secs => $4) END,"
		   " ended = CASE WHEN $2 = 'failed' THEN clock_timestamp() END WHERE job = $1 AND state = 'active'", "ltti", values);
}

static LhRotate *
job_of_row(MemoryContext mcxt, uint64 row)
{
	LhRotate   *r = MemoryContextAllocZero(mcxt, sizeof(LhRotate));
	Datum		values[7];

	for (int i = 0; i < 7; i++)
		(void) lh_keys_get(row, i + 1, &values[i]);
	r->mcxt = mcxt;
	r->job = DatumGetInt64(values[0]);
	r->relid = DatumGetObjectId(values[1]);
	namestrcpy(&r->column, TextDatumGetCString(values[2]));
	r->role = DatumGetObjectId(values[3]);
	r->blocks = (BlockNumber) DatumGetInt32(values[4]);
	r->rate = DatumGetInt32(values[5]);
	r->retries = DatumGetInt32(values[6]);
	return r;
}

List *
lh_job_list(MemoryContext mcxt, bool *left)
{
	LhKeysSql	sql;
	List	   *jobs = NIL;
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	uint64		n;

	lh_keys_begin(&sql, WHAT, true, true);
	n = lh_keys_sql("SELECT job, relation, \"column\", role, blocks, rows_per_second, retries, coalesce(retry_at <= clock_timestamp(), true)"
					" FROM lakehouse.encryption_jobs WHERE background AND state = 'active' ORDER BY job", "", NULL, NULL);
	*left = n > 0;
	for (uint64 i = 0; i < n; i++)
	{
		Datum		now;

		(void) lh_keys_get(i, 8, &now);
		MemoryContextSwitchTo(mcxt);
		if (DatumGetBool(now))
			jobs = lappend(jobs, job_of_row(mcxt, i));
	}
	lh_keys_end(&sql);
	MemoryContextSwitchTo(old);
	return jobs;
}

/* ---- functions ---- */

static void
require_start(const char *function)
{
	lh_right_require(LH_RIGHT_KEY_ADMIN, "to encrypt values anew");
	PreventCommandIfReadOnly(function);
	if (!lh_privacy_loaded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the worker that encrypts values anew needs lakehouse in shared_preload_libraries"),
				 errhint("lakehouse.encryption_rotate does it in a session.")));
}

static void
check_numbers(int64 rate, int64 blocks)
{
	if (rate < 0 || rate > LH_ROTATE_MAX_RATE || blocks < 1 || blocks > LH_ROTATE_MAX_BLOCKS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows a second are 0 (no limit) to %d, blocks of a transaction 1 to %d", LH_ROTATE_MAX_RATE, LH_ROTATE_MAX_BLOCKS)));
}

/* The job of the column, as it is wanted now. */
static void
queue(ReturnSetInfo *result, Oid relid, const char *column, int32 rate, int32 blocks)
{
	Datum		values[5] = {Int64GetDatum((int64) relid), CStringGetTextDatum(column), Int64GetDatum((int64) GetUserId()), Int32GetDatum(rate),
	Int32GetDatum(blocks)};
	LhKeysSql	sql;

	lh_audit_event("encryption_rotate", "table", get_rel_name(relid), column);
	lh_keys_begin(&sql, WHAT, true, true);
	(void) lh_keys_sql("INSERT INTO lakehouse.encryption_jobs AS j (relation, \"column\", role, rows_per_second, blocks, background)"
					   " VALUES ($1::oid, $2, $3::oid, $4, $5, true) ON CONFLICT (relation, \"column\") WHERE ended IS NULL DO UPDATE"
					   " SET role = $3::oid, rows_per_second = $4, blocks = $5, background = true, state = 'active', error = NULL, retry_at = NULL,"
					   " updated = clock_timestamp() RETURNING job", "ltlii", values, NULL);
	lh_keys_return(result);
	lh_keys_end(&sql);
	lh_rotate_wake();
}

static bool
holds(Oid relid, AttrNumber attnum)
{
	LhEncWalk	walk;
	Oid			type = get_atttype(relid, attnum);

	lh_enc_walk_begin(&walk);
	return OidIsValid(type) && lh_enc_walk_holds(&walk, type);
}

/* All columns of a table that can have encrypted values. */
static void
queue_all(ReturnSetInfo *result, Oid relid, int32 rate, int32 blocks)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	AttrNumber	natts;
	bool		any = false;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table of number %u", relid)));
	natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);
	for (AttrNumber i = 1; i <= natts; i++)
	{
		char	   *name = get_attname(relid, i, true);

		/* dropped */
		if (name == NULL || get_attnum(relid, name) != i || !holds(relid, i))
			continue;
		lh_rotate_check(relid, name);
		queue(result, relid, name, rate, blocks);
		any = true;
	}
	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("relation \"%s\" has no column of an encrypted type", get_rel_name(relid))));
}

static char
persistence_of(Oid relid)
{
	return get_rel_name(relid) != NULL ? get_rel_persistence(relid) : '\0';
}

Datum
lakehouse_rotation_start(PG_FUNCTION_ARGS)
{
	require_start("lakehouse.encryption_rotation_start()");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("table, rows a second and blocks must not be null")));
	check_numbers(PG_GETARG_INT32(2), PG_GETARG_INT32(3));
	if (persistence_of(PG_GETARG_OID(0)) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("temporary table \"%s\" is out of the worker's reach", get_rel_name(PG_GETARG_OID(0))),
				 errhint("lakehouse.encryption_rotate does it in a session.")));
	if (PG_ARGISNULL(1))
		queue_all((ReturnSetInfo *) fcinfo->resultinfo, PG_GETARG_OID(0), PG_GETARG_INT32(2), PG_GETARG_INT32(3));
	else
	{
		lh_rotate_check(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)));
		queue((ReturnSetInfo *) fcinfo->resultinfo, PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)), PG_GETARG_INT32(2), PG_GETARG_INT32(3));
	}
	return (Datum) 0;
}

/* Columns of the database that have stale values under a key; materialized views are left to who refreshes them. */
Datum
lakehouse_rotation_start_key(PG_FUNCTION_ARGS)
{
	LhKeyRow	key;
	LhEncColumn *columns;
	int			n;

	require_start("lakehouse.encryption_rotation_start_key()");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	check_numbers(PG_GETARG_INT32(1), PG_GETARG_INT32(2));
	if (!lh_key_row_named(text_to_cstring(PG_GETARG_TEXT_PP(0)), &key))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" does not exist", text_to_cstring(PG_GETARG_TEXT_PP(0)))));
	columns = lh_enc_columns(&n);
	for (int i = 0; i < n; i++)
	{
		LhEncStale	stale = {0};
		char	   *name = get_attname(columns[i].relid, columns[i].attnum, true);

		if (name == NULL || get_rel_relkind(columns[i].relid) != RELKIND_RELATION || persistence_of(columns[i].relid) == RELPERSISTENCE_TEMP)
			continue;
		lh_enc_count_stale(columns[i].relid, name, key.id, 1, &stale);
		if (stale.rows > 0)
			queue((ReturnSetInfo *) fcinfo->resultinfo, columns[i].relid, name, PG_GETARG_INT32(1), PG_GETARG_INT32(2));
	}
	return (Datum) 0;
}

static void
set_state(const char *function, int64 job, const char *state, bool ends)
{
	Datum		values[3] = {Int64GetDatum(job), CStringGetTextDatum(state), BoolGetDatum(ends)};
	LhKeysSql	sql;
	uint64		n;

	lh_right_require(LH_RIGHT_KEY_ADMIN, "to change what is encrypted anew");
	lh_audit_event(function, "job", psprintf(INT64_FORMAT, job), state);
	lh_keys_begin(&sql, WHAT, true, true);
	n = lh_keys_sql("UPDATE lakehouse.encryption_jobs SET state = $2, ended = CASE WHEN $3 THEN clock_timestamp() END, updated = clock_timestamp()"
					" WHERE job = $1 AND ended IS NULL", "lto", values, NULL);
	lh_keys_end(&sql);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no job " INT64_FORMAT " that has not ended", job),
				 errhint("View lakehouse.encryption_progress has them.")));
}

Datum
lakehouse_rotation_pause(PG_FUNCTION_ARGS)
{
	set_state("encryption_rotation_pause", PG_GETARG_INT64(0), "paused", false);
	PG_RETURN_VOID();
}

Datum
lakehouse_rotation_cancel(PG_FUNCTION_ARGS)
{
	set_state("encryption_rotation_cancel", PG_GETARG_INT64(0), "cancelled", true);
	PG_RETURN_VOID();
}

/* By the right of who resumes it; the worker does what a session has left, too. */
Datum
lakehouse_rotation_resume(PG_FUNCTION_ARGS)
{
	Datum		values[2] = {PG_GETARG_DATUM(0), Int64GetDatum((int64) GetUserId())};

	require_start("lakehouse.encryption_rotation_resume()");
	set_state("encryption_rotation_resume", PG_GETARG_INT64(0), "active", false);
	change("UPDATE lakehouse.encryption_jobs SET role = $2::oid, background = true, error = NULL, retry_at = NULL WHERE job = $1", "ll", values);
	lh_rotate_wake();
	PG_RETURN_VOID();
}
