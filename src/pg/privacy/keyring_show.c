/*
 * keyring_show.c
 *		What of the keyring is seen in SQL: keys that are cached, the worker, and whether a provider works.
 *
 * Never a byte of a key.
 */
#include "pg/privacy/keyring_internal.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "pg/privacy/keys.h"

extern PGDLLEXPORT Datum lakehouse_keyring_keys(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_keyring_worker(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_provider_check(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_keyring_keys);
PG_FUNCTION_INFO_V1(lakehouse_keyring_worker);
PG_FUNCTION_INFO_V1(lakehouse_key_provider_check);

static void
require_keyring(void)
{
	if (lh_keyring == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no keyring"),
				 errdetail("It is in shared memory, which a library gets only when the server starts."),
				 errhint("Add lakehouse to shared_preload_libraries and restart the server.")));
}

/* ---- lakehouse.keyring_keys() ---- */

typedef struct Shown
{
	Oid			database;
	uint64		id;
	uint32		version;
	TimestampTz used;
} Shown;

/* All at one moment; nothing may be raised with the lock held. */
static Shown *
cached_keys(int *n)
{
	Shown	   *shown = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Shown) * (lh_keyring->nentries + 1));

	*n = 0;
	LWLockAcquire(lh_keyring->cache_lock, LW_SHARED);
	for (int i = 0; i < lh_keyring->nentries; i++)
	{
		LhKeyEntry *e = &lh_keyring->entries[i];

		if (e->len > 0)
			shown[(*n)++] = (Shown) {e->database, e->id, e->version, (TimestampTz) pg_atomic_read_u64(&e->used)};
	}
	LWLockRelease(lh_keyring->cache_lock);
	return shown;
}

Datum
lakehouse_keyring_keys(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Shown	   *shown;
	int			n;

	require_keyring();
	InitMaterializedSRF(fcinfo, 0);
	shown = cached_keys(&n);
	for (int i = 0; i < n; i++)
	{
		Datum		values[4] = {ObjectIdGetDatum(shown[i].database), Int64GetDatum((int64) shown[i].id),
		Int64GetDatum(shown[i].version), TimestampTzGetDatum(shown[i].used)};
		bool		nulls[4] = {false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- lakehouse.keyring_worker() ---- */

Datum
lakehouse_keyring_worker(PG_FUNCTION_ARGS)
{
	Datum		values[15];
	bool		nulls[15] = {false};
	int			n = 0,
				waiting = 0,
				running = 0;
	LhKeyringCounts c;
	TimestampTz started;
	TupleDesc	desc;
	pid_t		pid;

	require_keyring();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	LWLockAcquire(lh_keyring->slot_lock, LW_SHARED);
	pid = lh_keyring->worker;
	started = lh_keyring->started;
	c = lh_keyring->counts;
	for (int i = 0; i < lh_keyring->nslots; i++)
	{
		waiting += lh_keyring->slots[i].state == LH_KEY_SLOT_WAITING;
		running += lh_keyring->slots[i].state == LH_KEY_SLOT_BEGUN;
	}
	LWLockRelease(lh_keyring->slot_lock);
	nulls[0] = nulls[1] = pid == 0;
	values[n++] = Int32GetDatum(pid);
	values[n++] = TimestampTzGetDatum(started);
	values[n++] = Int64GetDatum(c.starts);
	values[n++] = Int32GetDatum(waiting);
	values[n++] = Int32GetDatum(running);
	values[n++] = Int64GetDatum(c.requests);
	values[n++] = Int64GetDatum(c.failed);
	values[n++] = Int64GetDatum(c.timed_out);
	values[n++] = Int64GetDatum(c.abandoned);
	values[n++] = Int64GetDatum(c.lost);
	LWLockAcquire(lh_keyring->cache_lock, LW_SHARED);
	values[n++] = Int32GetDatum(lh_keyring->used_entries);
	LWLockRelease(lh_keyring->cache_lock);
	values[n++] = Int32GetDatum(lh_keyring->nentries);
	values[n++] = Int64GetDatum((int64) pg_atomic_read_u64(&lh_keyring->hits));
	values[n++] = Int64GetDatum((int64) pg_atomic_read_u64(&lh_keyring->misses));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* ---- lakehouse.key_provider_check(kind, options, key) ---- */

static char *
option_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("options of a key provider must be texts or numbers")));
	}
}

/* Members of an object; core checks names and values. */
static LhProviderOption *
options_of(Jsonb *jsonb, int *n)
{
	JsonbIterator *it = JsonbIteratorInit(&jsonb->root);
	LhProviderOption *options = palloc0(sizeof(LhProviderOption) * (JB_ROOT_COUNT(jsonb) + 1));
	JsonbIteratorToken token;
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of a key provider must be a JSON object")));
	*n = 0;
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			options[*n].name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
			options[(*n)++].value = option_text(&v);
	}
	return options;
}

static void
fail_check(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the key provider gives another key back than it wrapped"),
			 errdetail("This was noticed %s.", what)));
}

/* The same key in all its forms. */
static void
check_key(LhCtx *ctx, LhKeyringCall call, LhSlice key, LhSlice wrapped, const char *what)
{
	LhKeyringAnswer answer;

	call.op = LH_KEYRING_UNWRAP;
	call.input = wrapped;
	lh_keyring_call(ctx, &call, &answer);
	if (answer.key.len != key.len || !lh_same_secret(answer.key.data, key.data, key.len))
		fail_check(what);
}

/* All that keys need of a provider, with a key that is thrown away. */
static void
exercise(LhCtx *ctx, LhKeyringCall call, LhProviderStatus *status)
{
	LhKeyringAnswer made,
				answer;

	call.op = LH_KEYRING_STATUS;
	lh_keyring_call(ctx, &call, &answer);
	*status = answer.status;
	call.op = LH_KEYRING_GENERATE;
	lh_keyring_call(ctx, &call, &made);
	check_key(ctx, call, made.key, made.wrapped, "when a new key was unwrapped");
	call.op = LH_KEYRING_WRAP;
	call.input = made.key;
	lh_keyring_call(ctx, &call, &answer);
	check_key(ctx, call, made.key, answer.wrapped, "when a given key was wrapped");
	call.op = LH_KEYRING_REWRAP;
	call.input = made.wrapped;
	lh_keyring_call(ctx, &call, &answer);
	check_key(ctx, call, made.key, answer.wrapped, "when a key was rewrapped");
}

Datum
lakehouse_key_provider_check(PG_FUNCTION_ARGS)
{
	LhKeyringCall call = {.kind = text_to_cstring(PG_GETARG_TEXT_PP(0)), .name = text_to_cstring(PG_GETARG_TEXT_PP(2))};
	MemoryContext mcxt;
	LhProviderStatus status;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false};

	/* options name files of the server and hosts that it connects to: no grant changes that */
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only superusers check key providers"),
				 errdetail("Their options name files that the server reads and hosts that it connects to.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	lh_crypto_ready();
	call.options = options_of(PG_GETARG_JSONB_P(1), &call.noptions);
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse key provider", ALLOCSET_SMALL_SIZES);
	exercise(lh_pg_ctx(mcxt, 0, NULL), call, &status);
	/* the key goes now, not with the statement */
	MemoryContextDelete(mcxt);
	values[0] = Int64GetDatum(status.latest);
	values[1] = Int64GetDatum(status.oldest);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
