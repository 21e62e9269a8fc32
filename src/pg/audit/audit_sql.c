/*
 * audit_sql.c
 *		The audit log in SQL: its state, its records, and its proofs.
 *
 * Functions read the files of the log themselves, as anybody may who has them; only the worker writes.  They are for
 * auditors (lakehouse.right_grant) alone: nothing here asks who calls, EXECUTE does.
 */
#include "pg/audit/ring.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "audit/proof.h"

#define FUNCTION(name) \
	extern PGDLLEXPORT Datum lakehouse_audit_##name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(lakehouse_audit_##name)

FUNCTION(status);
FUNCTION(read);
FUNCTION(export);
FUNCTION(checkpoint);
FUNCTION(notes);
FUNCTION(inclusion_proof);
FUNCTION(consistency_proof);
FUNCTION(inclusion_document);
FUNCTION(consistency_document);
FUNCTION(public_key);
FUNCTION(verify);
FUNCTION(retain);

/* ---- arguments and results ---- */

static void
require_ring(void)
{
	if (lh_ring == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no audit"),
				 errhint("Add lakehouse to shared_preload_libraries and restart the server.")));
}

static LhCtx *
begin(LhAuditLog **log)
{
	LhCtx	   *ctx;

	require_ring();
	ctx = lh_pg_ctx(CurrentMemoryContext, work_mem, "work_mem");
	lh_pg_check(ctx, lh_audit_log_read(ctx, lh_audit_directory(), log));
	return ctx;
}

static uint64
entry_argument(FunctionCallInfo fcinfo, int n, uint64 otherwise)
{
	int64		value;

	if (PG_ARGISNULL(n))
		return otherwise;
	value = PG_GETARG_INT64(n);
	if (value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("entries of the audit log are numbered from 0")));
	return (uint64) value;
}

static Datum
text_of(LhSlice s)
{
	char	   *copy = palloc(s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return CStringGetTextDatum(lh_pg_text(copy));
}

static void
put_text(Datum *values, bool *nulls, int i, LhSlice s)
{
	nulls[i] = s.len == 0;
	if (!nulls[i])
		values[i] = text_of(s);
}

static void
put_string(Datum *values, bool *nulls, int i, const char *s)
{
	put_text(values, nulls, i, s != NULL ? lh_slice(s, strlen(s)) : (LhSlice) {0});
}

static Datum
time_of(int64 us)
{
	return TimestampTzGetDatum((TimestampTz) (us - lh_audit_time(0)));
}

static Datum
hash_of(const LhMerkleHash *hash)
{
	bytea	   *b = palloc(VARHDRSZ + LH_SHA256);

	SET_VARSIZE(b, VARHDRSZ + LH_SHA256);
	memcpy(VARDATA(b), hash->b, LH_SHA256);
	return PointerGetDatum(b);
}

static Datum
path_of(const LhMerkleProof *proof)
{
	Datum	   *hashes = palloc(sizeof(Datum) * Max(proof->n, 1));

	for (int i = 0; i < proof->n; i++)
		hashes[i] = hash_of(&proof->hashes[i]);
	return PointerGetDatum(construct_array(hashes, proof->n, BYTEAOID, -1, false, TYPALIGN_INT));
}

static Datum
row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* ---- lakehouse.audit_status() ---- */

static const char *const mode_names[] = {
	[LH_AUDIT_OFF] = "off", [LH_AUDIT_ASYNCHRONOUS] = "asynchronous", [LH_AUDIT_SYNCHRONOUS] = "synchronous",
};

Datum
lakehouse_audit_status(PG_FUNCTION_ARGS)
{
	Datum		values[17];
	bool		nulls[17] = {false};
	LhAuditWorkerState s;
	uint64		reserved;

	require_ring();
	LWLockAcquire(lh_ring->state_lock, LW_SHARED);
	s = lh_ring->state;
	LWLockRelease(lh_ring->state_lock);
	SpinLockAcquire(&lh_ring->lock);
	reserved = lh_ring->reserved;
	SpinLockRelease(&lh_ring->lock);
	put_string(values, nulls, 0, mode_names[lakehouse_audit]);
	put_string(values, nulls, 1, lh_audit_directory());
	nulls[2] = nulls[3] = s.worker == 0;
	values[2] = Int32GetDatum(s.worker);
	values[3] = TimestampTzGetDatum(s.started);
	values[4] = Int64GetDatum(s.starts);
	values[5] = BoolGetDatum(s.open);
	put_string(values, nulls, 6, s.error);
	values[7] = Int64GetDatum((int64) lh_ring->size);
	values[8] = Int64GetDatum((int64) (pg_atomic_read_u64(&lh_ring->write) - pg_atomic_read_u64(&lh_ring->read)));
	values[9] = Int64GetDatum((int64) reserved);
	values[10] = Int64GetDatum((int64) pg_atomic_read_u64(&lh_ring->dropped));
	nulls[11] = nulls[12] = nulls[13] = !s.known;
	values[11] = Int64GetDatum((int64) s.size);
	values[12] = Int64GetDatum((int64) s.durable);
	values[13] = Int64GetDatum((int64) s.first);
	nulls[14] = nulls[15] = s.checkpoint_time == 0;
	values[14] = Int64GetDatum((int64) s.checkpoint_size);
	values[15] = TimestampTzGetDatum(s.checkpoint_time);
	put_string(values, nulls, 16, s.target_error);
	return row(fcinfo, values, nulls);
}

/* ---- lakehouse.audit_read(first, most) ---- */

static const char *const kind_names[] = {
	[LH_AUDIT_INTENT] = "intent", [LH_AUDIT_OUTCOME] = "outcome", [LH_AUDIT_EVENT] = "event", [LH_AUDIT_LOST] = "lost",
	[LH_AUDIT_START] = "start", [LH_AUDIT_STOP] = "stop",
};

static const char *const result_names[] = {
	[LH_AUDIT_OK] = "ok", [LH_AUDIT_FAILED] = "failed", [LH_AUDIT_CANCELLED] = "cancelled", [LH_AUDIT_DENIED] = "denied",
	[LH_AUDIT_GONE] = "gone",
};

static const char *const use_names[] = {
	[LH_AUDIT_TOKENIZE] = "tokenize", [LH_AUDIT_DETOKENIZE] = "detokenize", [LH_AUDIT_ENCRYPT] = "encrypt",
	[LH_AUDIT_DECRYPT] = "decrypt", [LH_AUDIT_BLIND_INDEX] = "blind_index", [LH_AUDIT_SEARCH] = "search",
};

static Datum
array_of(Datum *texts, int n)
{
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* schema.name.column, with what became of it: "=mask", or "<-" when it is written */
static Datum
column_text(const LhAuditRelation *r, const LhAuditColumn *c)
{
	return CStringGetTextDatum(lh_pg_text(psprintf("%.*s.%.*s.%.*s%s%.*s", (int) r->schema.len, r->schema.data, (int) r->name.len,
												   r->name.data, (int) c->name.len, c->name.data,
												   c->written ? "<-" : c->mask.len > 0 ? "=" : "", (int) c->mask.len, c->mask.data)));
}

static void
put_relations(Datum *values, bool *nulls, int i, const LhAuditRecord *r)
{
	Datum	   *names = palloc(sizeof(Datum) * Max(r->nrelations, 1));
	Datum	   *columns;
	int			n = 0;

	for (int k = 0; k < r->nrelations; k++)
		n += r->relations[k].ncolumns;
	columns = palloc(sizeof(Datum) * Max(n, 1));
	n = 0;
	for (int k = 0; k < r->nrelations; k++)
	{
		const LhAuditRelation *rel = &r->relations[k];

		names[k] = CStringGetTextDatum(lh_pg_text(psprintf("%.*s%s%.*s", (int) rel->schema.len, rel->schema.data,
														   rel->schema.len > 0 ? "." : "", (int) rel->name.len, rel->name.data)));
		for (int c = 0; c < rel->ncolumns; c++)
			columns[n++] = column_text(rel, &rel->columns[c]);
	}
	nulls[i] = nulls[i + 1] = r->nrelations == 0;
	values[i] = array_of(names, r->nrelations);
	values[i + 1] = array_of(columns, n);
}

static void
put_uses(Datum *values, bool *nulls, int i, const LhAuditRecord *r)
{
	Datum	   *uses = palloc(sizeof(Datum) * Max(r->nused, 1));

	for (int k = 0; k < r->nused; k++)
		uses[k] = CStringGetTextDatum(lh_pg_text(psprintf("%s %.*s " UINT64_FORMAT, use_names[r->used[k].use], (int) r->used[k].object.len,
														  r->used[k].object.data, r->used[k].values)));
	nulls[i] = r->nused == 0;
	values[i] = array_of(uses, r->nused);
}

static void
put_record(ReturnSetInfo *result, uint64 number, const LhAuditRecord *r, LhSlice line)
{
	Datum		values[26];
	bool		nulls[26] = {false};

	values[0] = Int64GetDatum((int64) number);
	values[1] = time_of(r->time);
	put_string(values, nulls, 2, kind_names[r->kind]);
	put_text(values, nulls, 3, r->database);
	put_text(values, nulls, 4, r->session_user);
	put_text(values, nulls, 5, r->role);
	put_text(values, nulls, 6, r->roles);
	put_text(values, nulls, 7, r->application);
	put_text(values, nulls, 8, r->address);
	nulls[9] = r->pid == 0;
	values[9] = Int32GetDatum(r->pid);
	nulls[10] = r->session_start == 0;
	values[10] = time_of(r->session_start);
	nulls[11] = r->transaction == 0;
	values[11] = CStringGetTextDatum(psprintf("%u/%u", (uint32) (r->transaction >> 32), (uint32) r->transaction));
	nulls[12] = r->statement == 0;
	values[12] = Int64GetDatum((int64) r->statement);
	put_text(values, nulls, 13, r->purpose);
	put_text(values, nulls, 14, r->command);
	put_text(values, nulls, 15, r->fingerprint);
	put_text(values, nulls, 16, r->object);
	put_text(values, nulls, 17, r->detail);
	put_relations(values, nulls, 18, r);
	put_string(values, nulls, 20, r->result > 0 ? result_names[r->result] : NULL);
	put_string(values, nulls, 21, r->sqlstate);
	nulls[22] = r->kind != LH_AUDIT_OUTCOME;
	values[22] = Int64GetDatum((int64) r->rows);
	nulls[23] = r->kind != LH_AUDIT_LOST;
	values[23] = Int64GetDatum((int64) r->count);
	put_uses(values, nulls, 24, r);
	values[25] = text_of(line);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Each entry in its own memory. */
typedef void (*EntryFn) (LhCtx *ctx, ReturnSetInfo *result, uint64 number, LhSlice line, bool ocsf);

static void
each_entry(FunctionCallInfo fcinfo, LhCtx *ctx, LhAuditLog *log, uint64 from, uint64 to, EntryFn fn, bool ocsf)
{
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "lakehouse audit entry", ALLOCSET_DEFAULT_SIZES);
	LhArena    *arena = lh_arena_child(ctx->arena);
	LhArena    *before;

	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	before = lh_use(ctx, arena);
	for (uint64 i = Max(from, lh_audit_log_first(log)); i < Min(to, lh_audit_log_size(log)); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(each);
		LhSlice		line;

		CHECK_FOR_INTERRUPTS();
		lh_pg_check(ctx, lh_audit_log_entry(ctx, log, i, &line));
		fn(ctx, (ReturnSetInfo *) fcinfo->resultinfo, i, line, ocsf);
		MemoryContextSwitchTo(old);
		MemoryContextReset(each);
		lh_arena_reset(arena);
	}
	lh_use(ctx, before);
}

static void
read_entry(LhCtx *ctx, ReturnSetInfo *result, uint64 number, LhSlice line, bool ocsf)
{
	LhAuditRecord record;

	lh_pg_check(ctx, lh_audit_read_line(ctx, line, &record));
	put_record(result, number, &record, line);
}

Datum
lakehouse_audit_read(PG_FUNCTION_ARGS)
{
	LhAuditLog *log;
	LhCtx	   *ctx;
	uint64		most = entry_argument(fcinfo, 1, PG_INT64_MAX);
	uint64		from;

	InitMaterializedSRF(fcinfo, 0);
	ctx = begin(&log);
	/* without a beginning: the last ones */
	from = entry_argument(fcinfo, 0, lh_audit_log_size(log) - Min(most, lh_audit_log_size(log)));
	each_entry(fcinfo, ctx, log, from, most > PG_INT64_MAX - from ? PG_INT64_MAX : from + most, read_entry, false);
	return (Datum) 0;
}

/* ---- lakehouse.audit_export(format, first, most) ---- */

static void
export_entry(LhCtx *ctx, ReturnSetInfo *result, uint64 number, LhSlice line, bool ocsf)
{
	Datum		value;
	bool		null = false;
	LhAuditRecord record;
	LhBuf		out;

	if (ocsf)
	{
		lh_pg_check(ctx, lh_audit_read_line(ctx, line, &record));
		lh_pg_check(ctx, lh_buf_init(ctx, &out, false));
		lh_pg_check(ctx, lh_audit_ocsf(ctx, &record, number, &out));
		line = lh_slice(out.data, out.len);
	}
	value = text_of(line);
	tuplestore_putvalues(result->setResult, result->setDesc, &value, &null);
}

Datum
lakehouse_audit_export(PG_FUNCTION_ARGS)
{
	char	   *format = text_to_cstring(PG_GETARG_TEXT_PP(0));
	uint64		from = entry_argument(fcinfo, 1, 0);
	uint64		most = entry_argument(fcinfo, 2, PG_INT64_MAX);
	bool		ocsf = strcmp(format, "ocsf") == 0;
	LhAuditLog *log;
	LhCtx	   *ctx;

	if (!ocsf && strcmp(format, "json") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no format \"%s\" of audit records", format), errhint("It is json or ocsf.")));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	ctx = begin(&log);
	each_entry(fcinfo, ctx, log, from, most > PG_INT64_MAX - from ? PG_INT64_MAX : from + most, export_entry, ocsf);
	return (Datum) 0;
}

/* ---- checkpoints and proofs ---- */

static text *
newest_note(uint64 size)
{
	LhAuditLog *log;
	LhCtx	   *ctx = begin(&log);
	LhSlice		note;

	lh_pg_check(ctx, lh_audit_log_note(ctx, log, size, &note));
	return DatumGetTextPP(text_of(note));
}

Datum
lakehouse_audit_checkpoint(PG_FUNCTION_ARGS)
{
	require_ring();
	PG_RETURN_TEXT_P(newest_note(lh_ring_ask(LH_ASK_CHECKPOINT, (int64) lh_ring_mine())));
}

/* The newest signed checkpoint of at most so many entries. */
Datum
lakehouse_audit_notes(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(newest_note(entry_argument(fcinfo, 0, PG_UINT64_MAX)));
}

Datum
lakehouse_audit_inclusion_proof(PG_FUNCTION_ARGS)
{
	LhAuditLog *log;
	LhCtx	   *ctx = begin(&log);
	uint64		number = entry_argument(fcinfo, 0, 0);
	uint64		size = entry_argument(fcinfo, 1, lh_audit_log_size(log));
	bool		nulls[5] = {false};
	Datum		values[5];
	LhMerkleHash leaf;
	LhMerkleHash root;
	LhMerkleProof proof;

	lh_pg_check(ctx, lh_audit_log_inclusion(ctx, log, number, size, &proof));
	lh_pg_check(ctx, lh_audit_log_leaf(ctx, log, number, &leaf));
	lh_pg_check(ctx, lh_audit_log_root(ctx, log, size, &root));
	values[0] = Int64GetDatum((int64) number);
	values[1] = Int64GetDatum((int64) size);
	values[2] = hash_of(&leaf);
	values[3] = hash_of(&root);
	values[4] = path_of(&proof);
	return row(fcinfo, values, nulls);
}

Datum
lakehouse_audit_consistency_proof(PG_FUNCTION_ARGS)
{
	LhAuditLog *log;
	LhCtx	   *ctx = begin(&log);
	uint64		from = entry_argument(fcinfo, 0, 0);
	uint64		to = entry_argument(fcinfo, 1, lh_audit_log_size(log));
	bool		nulls[5] = {false};
	Datum		values[5];
	LhMerkleHash from_root;
	LhMerkleHash to_root;
	LhMerkleProof proof;

	lh_pg_check(ctx, lh_audit_log_consistency(ctx, log, from, to, &proof));
	lh_pg_check(ctx, lh_audit_log_root(ctx, log, from, &from_root));
	lh_pg_check(ctx, lh_audit_log_root(ctx, log, to, &to_root));
	values[0] = Int64GetDatum((int64) from);
	values[1] = Int64GetDatum((int64) to);
	values[2] = hash_of(&from_root);
	values[3] = hash_of(&to_root);
	values[4] = path_of(&proof);
	return row(fcinfo, values, nulls);
}

/* ---- the same for the stand-alone verifier ---- */

Datum
lakehouse_audit_inclusion_document(PG_FUNCTION_ARGS)
{
	LhAuditLog *log;
	LhCtx	   *ctx = begin(&log);
	LhBuf		out;

	lh_pg_check(ctx, lh_buf_init(ctx, &out, false));
	lh_pg_check(ctx, lh_audit_proof_inclusion(ctx, log, entry_argument(fcinfo, 0, 0), entry_argument(fcinfo, 1, UINT64_MAX), &out));
	return text_of(lh_slice(out.data, out.len));
}

Datum
lakehouse_audit_consistency_document(PG_FUNCTION_ARGS)
{
	LhAuditLog *log;
	LhCtx	   *ctx = begin(&log);
	LhBuf		out;

	lh_pg_check(ctx, lh_buf_init(ctx, &out, false));
	lh_pg_check(ctx, lh_audit_proof_consistency(ctx, log, entry_argument(fcinfo, 0, 0), entry_argument(fcinfo, 1, UINT64_MAX), &out));
	return text_of(lh_slice(out.data, out.len));
}

/* ---- keys, verifying ---- */

/* The verifiers' texts, a line each; empty before the first checkpoint. */
static LhSlice
public_keys(void)
{
	char	   *path = psprintf("%s/public", lh_audit_directory());
	char	   *bytes = palloc(LH_NOTE_MOST);
	FILE	   *file = AllocateFile(path, PG_BINARY_R);
	size_t		n;

	if (file == NULL && errno == ENOENT)
		return lh_slice(bytes, 0);
	if (file == NULL)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
	n = fread(bytes, 1, LH_NOTE_MOST, file);
	FreeFile(file);
	return lh_slice(bytes, n);
}

Datum
lakehouse_audit_public_key(PG_FUNCTION_ARGS)
{
	LhSlice		keys;

	require_ring();
	keys = public_keys();
	if (keys.len == 0)
		PG_RETURN_NULL();
	return text_of(keys);
}

#define KEYS_MOST 64

static int
verifiers_of(LhCtx *ctx, LhSlice keys, LhVerifier *verifiers[KEYS_MOST])
{
	int			n = 0;

	while (keys.len > 0 && n < KEYS_MOST)
	{
		const uint8_t *end = memchr(keys.data, '\n', keys.len);
		size_t		len = end != NULL ? (size_t) (end - keys.data) : keys.len;

		if (len > 0)
			lh_pg_check(ctx, lh_verifier_parse(ctx, lh_slice(keys.data, len), &verifiers[n++]));
		len += end != NULL;
		keys = lh_slice(keys.data + len, keys.len - len);
	}
	return n;
}

static LhSlice *
notes_argument(FunctionCallInfo fcinfo, int *n)
{
	Datum	   *texts;
	LhSlice    *notes;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, n);
	notes = palloc(sizeof(LhSlice) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		char	   *note = TextDatumGetCString(texts[i]);

		notes[i] = lh_slice(note, strlen(note));
	}
	return notes;
}

/* Of the server by itself: it says nothing against who may write its files; the stand-alone verifier does. */
Datum
lakehouse_audit_verify(PG_FUNCTION_ARGS)
{
	LhVerifier *verifiers[KEYS_MOST];
	LhAuditVerdict v;
	LhSlice    *notes;
	Datum		values[8];
	bool		nulls[8] = {false};
	LhCtx	   *ctx;
	int			nnotes;
	int			n;

	require_ring();
	ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	n = verifiers_of(ctx, public_keys(), verifiers);
	notes = notes_argument(fcinfo, &nnotes);
	lh_pg_check(ctx, lh_audit_log_verify(ctx, lh_audit_directory(), verifiers, n,
										 lh_slice(lakehouse_audit_origin, strlen(lakehouse_audit_origin)), notes, nnotes, &v));
	values[0] = BoolGetDatum(v.intact);
	values[1] = Int64GetDatum((int64) v.size);
	values[2] = Int64GetDatum((int64) v.first);
	values[3] = Int64GetDatum((int64) v.lines);
	values[4] = Int64GetDatum((int64) v.notes);
	values[5] = Int64GetDatum((int64) v.covered);
	nulls[6] = v.wrong == UINT64_MAX;
	values[6] = Int64GetDatum((int64) v.wrong);
	put_string(values, nulls, 7, v.why);
	return row(fcinfo, values, nulls);
}

/* ---- lakehouse.audit_retain(age) ---- */

Datum
lakehouse_audit_retain(PG_FUNCTION_ARGS)
{
	TimestampTz before = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
																 PG_GETARG_DATUM(0)));
	uint64		removed;

	require_ring();
	if (before > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("lines of the future are not kept, nor removed")));
	lh_audit_admin_event("audit_retain", "log", "audit", NULL);
	removed = lh_ring_ask(LH_ASK_RETAIN, lh_audit_time(before));
	PG_RETURN_INT64((int64) removed);
}
