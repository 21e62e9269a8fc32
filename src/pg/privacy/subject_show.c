/*
 * subject_show.c
 *		lakehouse.subject_store_status and subject_store_verify: what is in the store of keys of subjects.
 */
#include "pg/privacy/subject_store.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(lakehouse_subject_store_status);
PG_FUNCTION_INFO_V1(lakehouse_subject_store_verify);
extern PGDLLEXPORT Datum lakehouse_subject_store_status(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_subject_store_verify(PG_FUNCTION_ARGS);

static void
require_reader(void)
{
	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_KEY_ADMIN, "to see the store of keys of subjects");
}

static Datum
return_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result is no row");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
lakehouse_subject_store_status(PG_FUNCTION_ARGS)
{
	LhSubjectStore *s;
	LhSubjectKnown known;
	LhErasure	last = {0};
	uint64		n;
	Datum		values[5];
	bool		nulls[5] = {false};

	require_reader();
	s = lh_subject_store_older();
	(void) lh_subject_store_known(&known);
	lh_subject_check(s, lh_keystore_erasures(s->ctx, s->store, &n));
	if (n > 0)
		lh_subject_check(s, lh_keystore_erasure(s->ctx, s->store, n, &last));
	values[0] = lh_keys_bytea(lh_slice(lh_keystore_id(s->store), LH_KEYSTORE_ID));
	values[1] = CStringGetTextDatum(s->path);
	values[2] = Int64GetDatum((int64) n);
	values[3] = Int64GetDatum((int64) known.erasures);
	values[4] = lh_keys_bytea(lh_slice(last.receipt, LH_SHA256));
	nulls[4] = n == 0;
	MemoryContextDelete(s->mcxt);
	return return_row(fcinfo, values, nulls);
}

/* ---- verify ---- */

typedef struct Counts
{
	LhSubjectStore *s;
	int64		active, erased, others, damaged, strange;
	char	   *problem;		/* the first one */
} Counts;

static void
note_problem(Counts *c, const char *problem)
{
	if (c->problem == NULL)
		c->problem = pstrdup(problem);
	lh_error_clear(c->s->ctx);
}

static void
damaged(Counts *c)
{
	c->damaged++;
	note_problem(c, c->s->ctx->error->message);
}

/* Does it open?  An ERROR of the parent's is one of the whole: it says nothing of this entry. */
static void
check_active(Counts *c, const LhKeyStoreEntry *entry)
{
	LhSubjectStore *s = c->s;
	LhArena    *keep = s->ctx->arena, *scratch;
	LhEnvelopeKey *parent;
	LhStatus	status;
	LhKeyRow	row;
	LhKeyRef	ref;
	LhSlice		key;

	if (!lh_key_row(entry->parent, &row))
	{
		c->others++;
		return;
	}
	if (lh_subject_wrapped_by(s->ctx, entry, &ref) != LH_OK)
	{
		damaged(c);
		return;
	}
	parent = lh_subject_parent(s, ref);
	scratch = lh_arena_child(keep);
	if (scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	lh_use(s->ctx, scratch);
	status = lh_subject_unwrap(s->ctx, parent, entry, &key);
	lh_use(s->ctx, keep);
	lh_arena_destroy(scratch);
	if (status == LH_CORRUPT)
		damaged(c);
	else
	{
		lh_subject_check(s, status);
		c->active++;
	}
}

static void
check_entry(Counts *c, uint64 id)
{
	LhKeyStoreEntry entry;
	LhErasure	record;
	LhStatus	status = lh_keystore_get(c->s->ctx, c->s->store, id, &entry);

	CHECK_FOR_INTERRUPTS();
	if (status == LH_NOT_FOUND)
		lh_error_clear(c->s->ctx);
	else if (status != LH_OK)
		damaged(c);
	else if (entry.state == LH_KEYSTORE_ACTIVE)
		check_active(c, &entry);
	else if (lh_keystore_erasure(c->s->ctx, c->s->store, entry.seq, &record) != LH_OK ||
			 memcmp(record.receipt, entry.receipt, LH_SHA256) != 0)
	{
		c->damaged++;
		note_problem(c, psprintf("the tombstone of key " INT64_FORMAT " has no record in the log", (int64) id));
	}
	else
		c->erased++;
}

/* A record's key is gone. */
static LhStatus
check_record(LhCtx *ctx, void *arg, const LhErasure *record)
{
	Counts	   *c = arg;
	LhKeyStoreEntry entry;
	LhStatus	status = lh_keystore_get(ctx, c->s->store, record->id, &entry);

	LH_TRY(lh_poll(ctx));
	if (status == LH_OK && entry.state == LH_KEYSTORE_ERASED)
		return LH_OK;
	lh_error_clear(ctx);
	LH_FAIL(ctx, LH_CORRUPT, "erasure %llu in the log has not happened: the key is there, or its entry is missing or damaged",
			(unsigned long long) record->seq);
}

static void
check_shard(Counts *c, int shard)
{
	LhSubjectStore *s = c->s;
	uint64	   *ids;
	size_t		n, strange;

	lh_subject_check(s, lh_keystore_list(s->ctx, s->store, shard, &ids, &n, &strange));
	for (size_t i = 0; i < n; i++)
		check_entry(c, ids[i]);
	if (strange > 0)
		note_problem(c, "there are files that are no entries");
	c->strange += (int64) strange;
}

Datum
lakehouse_subject_store_verify(PG_FUNCTION_ARGS)
{
	Counts		c = {0};
	uint64		erasures = 0;
	LhStatus	status;
	Datum		values[7];
	bool		nulls[7] = {false};

	require_reader();
	lh_crypto_ready();
	c.s = lh_subject_store_older();
	status = lh_keystore_log(c.s->ctx, c.s->store, check_record, &c, &erasures);
	if (status == LH_CORRUPT)
		note_problem(&c, c.s->ctx->error->message);
	else
		lh_subject_check(c.s, status);
	for (int shard = -1; shard < LH_KEYSTORE_SHARDS; shard++)
		check_shard(&c, shard);
	values[0] = Int64GetDatum(c.active);
	values[1] = Int64GetDatum(c.erased);
	values[2] = Int64GetDatum(c.others);
	values[3] = Int64GetDatum(c.damaged);
	values[4] = Int64GetDatum(c.strange);
	values[5] = Int64GetDatum((int64) erasures);
	values[6] = c.problem != NULL ? CStringGetTextDatum(c.problem) : (Datum) 0;
	nulls[6] = c.problem == NULL;
	MemoryContextDelete(c.s->mcxt);
	return return_row(fcinfo, values, nulls);
}
