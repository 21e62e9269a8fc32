/*
 * keys_rewrap.c
 *		lakehouse.key_rewrap: wrapped keys under the newest version of what wraps them.
 *
 *	1. Keys of providers first, by provider and name of its key; then those of parents.  Whether a version is
 *	   to be wrapped anew is seen from its row, so that a run which was stopped, by
 *	   whatever, goes on where it was by being called again.
 *	2. A batch is a transaction.  Nothing is locked while a provider is asked: a row is changed if it still
 *	   has the wrapped key that was wrapped anew.  What replaces it was unwrapped before, so that no key is lost
 *	   by a provider that does not do what it should.
 *	3. Parents are locked FOR SHARE before rows are changed, and looked at again: their version is not retired meanwhile.
 *	4. Keys of subjects, which are in a store outside of the database, come last (subject_rewrap.c).
 *	5. One run at a time in a database: a lock of the session, which also shows that it runs (view key_progress).
 */
#include "pg/privacy/keys_store.h"
#include "pg/privacy/subject_store.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_key_rewrap);
extern PGDLLEXPORT Datum lakehouse_key_rewrap(PG_FUNCTION_ARGS);

/* Versions in a transaction. */
#define BATCH 16
#define FUNCTION "lakehouse.key_rewrap()"

/* Keys that one key of a provider wraps, or (provider NULL) that parents wrap. */
typedef struct Target
{
	char	   *provider, *kek;
	int64		newest;
	LhKeyRef	last;			/* done up to here */
} Target;

typedef struct Rewrap
{
	MemoryContext mcxt;			/* outlives the transactions */
	uint64		only;			/* 0: all keys */
	const char *name;			/* NULL: all keys */
	Target	   *targets;
	int			ntargets;
	int64		job;
} Rewrap;

typedef struct Pending
{
	LhKeyRow	row;
	LhKeyVersion version;
	LhKeyWrapped wrapped;
	bool		gone;			/* meanwhile */
} Pending;

/* Versions to wrap anew: $1 the only key or NULL; of a provider $2, $3 and its newest version $4. */
#define OF_PROVIDER \
	"FROM lakehouse.keys k JOIN lakehouse.key_versions v ON v.id = k.id" \
	" WHERE k.provider = $2 AND k.kek = $3 AND v.state <> 'destroyed' AND v.parent_version IS DISTINCT FROM $4" \
	" AND ($1 IS NULL OR k.id = $1)"
#define OF_PARENTS \
	"FROM lakehouse.keys k JOIN lakehouse.key_versions v ON v.id = k.id" \
	" WHERE k.parent IS NOT NULL AND v.state <> 'destroyed' AND v.parent_version IS DISTINCT FROM" \
	" (SELECT max(p.version) FROM lakehouse.key_versions p WHERE p.id = k.parent AND p.state = 'active')" \
	" AND ($1 IS NULL OR k.id = $1 OR k.parent = $1) AND $2::text IS NULL AND $3::text IS NULL AND $4::bigint IS NULL"

static const char *
source(const Target *g)
{
	return g->provider != NULL ? OF_PROVIDER : OF_PARENTS;
}

/* $1 to $4 */
static void
parameters(const Rewrap *r, const Target *g, Datum *values, char *nulls)
{
	bool		parents = g->provider == NULL;

	values[0] = Int64GetDatum((int64) r->only);
	nulls[0] = r->only == 0 ? 'n' : ' ';
	values[1] = parents ? (Datum) 0 : CStringGetTextDatum(g->provider);
	values[2] = parents ? (Datum) 0 : CStringGetTextDatum(g->kek);
	values[3] = Int64GetDatum(g->newest);
	nulls[1] = nulls[2] = nulls[3] = parents ? 'n' : ' ';
}

/* ---- what is to be done ---- */

static char *
keep_text(MemoryContext mcxt, Datum value)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	char	   *copy = TextDatumGetCString(value);

	MemoryContextSwitchTo(old);
	return copy;
}

static void
find_targets(Rewrap *r)
{
	Datum		only = Int64GetDatum((int64) r->only);
	uint64		n = lh_keys_sql("SELECT DISTINCT provider, kek FROM lakehouse.keys WHERE provider IS NOT NULL"
								" AND ($1 IS NULL OR id = $1) ORDER BY 1, 2", "l", &only, r->only == 0 ? "n" : " ");

	r->targets = MemoryContextAllocZero(r->mcxt, sizeof(Target) * (n + 1));
	for (uint64 i = 0; i < n; i++)
	{
		Datum		provider, kek;

		(void) lh_keys_get(i, 1, &provider);
		(void) lh_keys_get(i, 2, &kek);
		r->targets[i].provider = keep_text(r->mcxt, provider);
		r->targets[i].kek = keep_text(r->mcxt, kek);
	}
	r->ntargets = (int) n + 1;
}

static void
ask_newest(LhCtx *ctx, Target *g)
{
	LhKeyRow	row = {.name = g->kek, .provider = g->provider, .kek = g->kek};

	g->newest = lh_key_provider_status(ctx, &row).latest;
}

static int64
count(const Rewrap *r, const Target *g)
{
	Datum		values[4], n;
	char		nulls[] = "    ";

	parameters(r, g, values, nulls);
	(void) lh_keys_sql(psprintf("SELECT count(*) %s", source(g)), "lttl", values, nulls);
	(void) lh_keys_get(0, 1, &n);
	return DatumGetInt64(n);
}

/* A row for this run: that of one which was stopped, if it was for the same keys. */
static void
start_job(Rewrap *r, int64 total)
{
	Datum		values[3] = {r->name != NULL ? CStringGetTextDatum(r->name) : (Datum) 0, Int32GetDatum(MyProcPid), Int64GetDatum(total)};
	const char *nulls = r->name != NULL ? "   " : "n  ";
	Datum		job;

	if (lh_keys_sql("UPDATE lakehouse.key_rewraps SET pid = $2, updated = clock_timestamp(), total = done + $3"
					" WHERE job = (SELECT max(job) FROM lakehouse.key_rewraps WHERE key IS NOT DISTINCT FROM $1 AND ended IS NULL)"
					" RETURNING job", "til", values, nulls) == 0)
		(void) lh_keys_sql("INSERT INTO lakehouse.key_rewraps (key, pid, started, updated, total, done)"
						   " VALUES ($1, $2, clock_timestamp(), clock_timestamp(), $3, 0) RETURNING job", "til", values, nulls);
	(void) lh_keys_get(0, 1, &job);
	r->job = DatumGetInt64(job);
	job = Int64GetDatum(r->job - 100);
	(void) lh_keys_sql("DELETE FROM lakehouse.key_rewraps WHERE job < $1 AND ended IS NOT NULL", "l", &job, NULL);
}

static void
plan(Rewrap *r)
{
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	int64		total = 0;
	LhKeysSql	sql;
	LhKeyRow	row;

	lh_crypto_ready();
	if (r->name != NULL && !lh_key_row_named(r->name, &row))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" does not exist", r->name)));
	r->only = r->name != NULL ? row.id : 0;
	lh_keys_begin(&sql, FUNCTION, true, true);
	find_targets(r);
	for (int i = 0; i < r->ntargets; i++)
	{
		if (r->targets[i].provider != NULL)
			ask_newest(ctx, &r->targets[i]);
		total += count(r, &r->targets[i]);
	}
	start_job(r, total);
	lh_keys_end(&sql);
}

/* ---- a batch ---- */

static int
next_items(const Rewrap *r, const Target *g, Pending *items)
{
	char		nulls[] = "      ";
	Datum		values[6];
	uint64		n;

	parameters(r, g, values, nulls);
	values[4] = Int64GetDatum((int64) g->last.id);
	values[5] = Int32GetDatum((int32) g->last.version);
	n = lh_keys_sql(psprintf("SELECT v.id, v.version %s AND (v.id, v.version) > ($5, $6) ORDER BY v.id, v.version LIMIT %d",
							 source(g), BATCH), "lttlli", values, nulls);
	for (uint64 i = 0; i < n; i++)
	{
		Datum		id, version;

		(void) lh_keys_get(i, 1, &id);
		(void) lh_keys_get(i, 2, &version);
		items[i] = (Pending) {.version.ref = {(uint64) DatumGetInt64(id), (uint32) DatumGetInt32(version)}};
	}
	return (int) n;
}

static void
wrap_anew(LhCtx *ctx, Pending *item)
{
	LhKeyRef	ref = item->version.ref;

	CHECK_FOR_INTERRUPTS();
	item->gone = !lh_key_row(ref.id, &item->row) || !lh_key_version(ref, &item->version) ||
		item->version.state == LH_KEY_DESTROYED;
	if (!item->gone)
		lh_key_rewrap(ctx, &item->row, &item->version, &item->wrapped);
}

/* The version of the parent that it was wrapped under stays until we have committed. */
static void
hold_parent(const Pending *item)
{
	Datum		parent = Int64GetDatum((int64) item->row.parent);
	LhKeyVersion version;

	if (item->row.parent == 0)
		return;
	(void) lh_keys_sql("SELECT 1 FROM lakehouse.keys WHERE id = $1 FOR SHARE", "l", &parent, NULL);
	if (!lh_key_version((LhKeyRef) {item->row.parent, (uint32) item->wrapped.under}, &version) || version.state != LH_KEY_ACTIVE)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the key that wraps \"%s\" was retired meanwhile", item->row.name),
				 errhint("CALL lakehouse.key_rewrap again.")));
}

static void
store(const Pending *item)
{
	Datum		values[5] = {Int64GetDatum((int64) item->version.ref.id), Int32GetDatum((int32) item->version.ref.version),
	lh_keys_bytea(item->version.wrapped), lh_keys_bytea(item->wrapped.wrapped), Int64GetDatum(item->wrapped.under)};

	(void) lh_keys_sql("UPDATE lakehouse.key_versions SET wrapped = $4, parent_version = $5"
					   " WHERE id = $1 AND version = $2 AND wrapped = $3", "libbl", values,
					   item->wrapped.under < 0 ? "    n" : "     ");
}

/* Parents in the order of their numbers, so that two sessions do not wait for each other. */
static int
by_parent(const void *a, const void *b)
{
	uint64		x = ((const Pending *) a)->row.parent, y = ((const Pending *) b)->row.parent;

	return x < y ? -1 : x > y;
}

static void
count_done(const Rewrap *r, int n)
{
	Datum		values[2] = {Int64GetDatum(r->job), Int32GetDatum(n)};

	(void) lh_keys_sql("UPDATE lakehouse.key_rewraps SET done = done + $2, total = greatest(total, done + $2),"
					   " updated = clock_timestamp() WHERE job = $1", "li", values, NULL);
}

/* false: nothing is left */
static bool
batch(const Rewrap *r, Target *g)
{
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	Pending		items[BATCH];
	LhKeysSql	sql;
	int			n;

	lh_keys_begin(&sql, FUNCTION, true, true);
	n = next_items(r, g, items);
	for (int i = 0; i < n; i++)
		wrap_anew(ctx, &items[i]);
	if (n > 0)
		g->last = items[n - 1].version.ref;
	qsort(items, (size_t) n, sizeof(Pending), by_parent);
	for (int i = 0; i < n; i++)
		if (!items[i].gone)
			hold_parent(&items[i]);
	for (int i = 0; i < n; i++)
		if (!items[i].gone)
			store(&items[i]);
	if (n > 0)
		count_done(r, n);
	lh_keys_end(&sql);
	return n > 0;
}

/* ---- a run ---- */

static void
lock_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, lh_keys_table("key_rewraps", false), 0, 0);
}

static void
lock_run(LOCKTAG *tag)
{
	lock_tag(tag);
	if (LockAcquire(tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("keys are being wrapped anew by another session"),
				 errhint("View lakehouse.key_progress shows it.")));
}

static void
end_job(const Rewrap *r)
{
	Datum		job = Int64GetDatum(r->job);
	LhKeysSql	sql;

	lh_keys_begin(&sql, FUNCTION, true, true);
	/* a run over all keys ends what was stopped before it, too */
	(void) lh_keys_sql(r->name == NULL ? "UPDATE lakehouse.key_rewraps SET ended = clock_timestamp(), updated = clock_timestamp()"
					   " WHERE job <= $1 AND ended IS NULL" :
					   "UPDATE lakehouse.key_rewraps SET ended = clock_timestamp(), updated = clock_timestamp() WHERE job = $1", "l", &job,
					   NULL);
	lh_keys_end(&sql);
}

static bool
in_transaction_block(FunctionCallInfo fcinfo)
{
	return fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic;
}

/* A batch in memory of its own, which is wiped with it. */
static bool
run_batch(const Rewrap *r, Target *g)
{
	MemoryContext mcxt = AllocSetContextCreate(r->mcxt, "lakehouse keys wrapped anew", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	bool		more = batch(r, g);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	SPI_commit();
	return more;
}

/* Keys of subjects: a batch is a part of the store. */
static bool
subject_batch(const Rewrap *r, LhSubjectRewrap *run)
{
	int64		done;
	bool		more = lh_subject_rewrap_next(run, &done);
	LhKeysSql	sql;

	if (done > 0)
	{
		lh_keys_begin(&sql, FUNCTION, true, true);
		count_done(r, (int) done);
		lh_keys_end(&sql);
	}
	SPI_commit();
	return more;
}

static void
run_subjects(const Rewrap *r)
{
	MemoryContext old = MemoryContextSwitchTo(r->mcxt);
	LhSubjectRewrap *run = lh_subject_rewrap_begin(r->only);

	MemoryContextSwitchTo(old);
	while (run != NULL && subject_batch(r, run))
		CHECK_FOR_INTERRUPTS();
}

Datum
lakehouse_key_rewrap(PG_FUNCTION_ARGS)
{
	Rewrap		r = {0};
	LOCKTAG		tag;

	if (in_transaction_block(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("%s commits as it goes, so it cannot be called in a transaction block", FUNCTION)));
	lh_right_require(LH_RIGHT_KEY_ADMIN, "to wrap keys anew");
	PreventCommandIfReadOnly(FUNCTION);
	lh_audit_event("key_rewrap", "key", PG_ARGISNULL(0) ? "all" : text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL);
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* of this call of SPI, which lasts longer than a transaction */
	r.mcxt = CurrentMemoryContext;
	r.name = PG_ARGISNULL(0) ? NULL : keep_text(r.mcxt, PG_GETARG_DATUM(0));
	lock_run(&tag);
	plan(&r);
	SPI_commit();
	for (int i = 0; i < r.ntargets; i++)
		while (run_batch(&r, &r.targets[i]))
			CHECK_FOR_INTERRUPTS();
	run_subjects(&r);
	end_job(&r);
	LockRelease(&tag, ExclusiveLock, true);
	SPI_finish();
	PG_RETURN_VOID();
}
