/*
 * subject_erase.c
 *		Erasing the key of a subject, and the proof of it.
 *
 *	1. The key is destroyed in the store, and that is synced (crypto/keystore_erase.c).  No rollback takes it back, and it does not wait for the commit.
 *	2. Whoever keeps keys in memory sees the store's number of erasures change before he uses one again (subject_keys.h).
 *	3. The proof is written: a row of lakehouse.erasures with the store's receipt, in the caller's transaction.  When that does not commit,
 *	   the key is gone all the same; the function called again has the same receipt and writes the row, and so does
 *	   lakehouse.subject_store_reconcile(), which compares all rows with the store, both ways:
 *
 *		a row, and a key or nothing in the store (which was restored from a backup): erased again
 *		an erasure in the store, of a parent of this database, and no row (the database was restored): a row
 */
#include "pg/privacy/subject_store.h"

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/privacy/token_state.h"
#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_subject_erase);
PG_FUNCTION_INFO_V1(lakehouse_erase_verify);
PG_FUNCTION_INFO_V1(lakehouse_subject_store_reconcile);
extern PGDLLEXPORT Datum lakehouse_subject_erase(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_erase_verify(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_subject_store_reconcile(PG_FUNCTION_ARGS);

#define RECEIPT_HEX (2 * LH_SHA256 + 1)

static void
hex(const uint8_t *bytes, char out[RECEIPT_HEX])
{
	for (int i = 0; i < LH_SHA256; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- proofs ---- */

typedef struct Proof
{
	LhErasure	erasure;
	bool		known_by;		/* who and why are those of this call; else nobody knows */
	Datum		reason;			/* text; 0: none */
} Proof;

/* The row of an erasure; one that is there stays, but for a newer receipt. */
static void
write_proof(LhSubjectStore *s, const Proof *p)
{
	const LhErasure *e = &p->erasure;
	Datum		values[10] = {Int64GetDatum((int64) e->id), Int64GetDatum((int64) e->parent), Int32GetDatum((int32) e->ordinal),
		lh_keys_bytea(lh_slice(e->blind, LH_SHA256)), lh_keys_bytea(lh_slice(lh_keystore_id(s->store), LH_KEYSTORE_ID)),
		Int64GetDatum((int64) e->seq), lh_keys_bytea(lh_slice(e->receipt, LH_SHA256)), Int64GetDatum(e->erased),
	CStringGetTextDatum(GetUserNameFromId(GetOuterUserId(), false)), p->reason};
	char		nulls[] = "          ";

	nulls[8] = p->known_by ? ' ' : 'n';
	nulls[9] = p->reason != 0 ? ' ' : 'n';
	(void) lh_keys_sql("INSERT INTO lakehouse.erasures (key_id, parent, ordinal, subject, store, number, receipt, erased, erased_by, reason)"
					   " VALUES ($1, $2, $3, $4, $5, $6, $7, timestamptz 'epoch' + $8 * interval '1 microsecond', $9, $10)"
					   " ON CONFLICT (key_id) DO UPDATE SET number = excluded.number, receipt = excluded.receipt"
					   " WHERE erasures.receipt <> excluded.receipt", "llibblbltt", values, nulls);
	values[0] = Int64GetDatum((int64) e->seq);
	values[1] = lh_keys_bytea(lh_slice(e->receipt, LH_SHA256));
	(void) lh_keys_sql("UPDATE lakehouse.subject_stores SET erasures = $1, receipt = $2 WHERE erasures < $1", "lb", values, NULL);
}

/* ---- lakehouse.subject_erase ---- */

typedef struct Erasing
{
	const char *parent;
	Datum		reason;
	LhErasure	last;
} Erasing;

static void
tell(const char *action, const char *parent, const LhErasure *e, uint64 id)
{
	char		receipt[RECEIPT_HEX] = "";

	if (e != NULL)
		hex(e->receipt, receipt);
	lh_audit_event(action, "key", parent, e != NULL ? psprintf("key " INT64_FORMAT ", erasure " UINT64_FORMAT ", receipt %s", (int64) id, e->seq, receipt) :
				   psprintf("key " INT64_FORMAT, (int64) id));
}

static void
erase_one(LhSubjectStore *s, const LhKeyStoreEntry *entry, Erasing *erasing)
{
	LhKeyStoreEntry what = *entry;
	Proof		proof = {.known_by = true, .reason = erasing->reason};

	if (what.state != LH_KEYSTORE_ERASED)
	{
		/* no record of it can be kept: then nothing is done */
		tell("subject_erase", erasing->parent, NULL, what.id);
		what.erased = lh_subject_now();
	}
	lh_subject_check(s, lh_keystore_erase(s->ctx, s->store, &what, false, &proof.erasure));
	if (entry->state != LH_KEYSTORE_ERASED)
		tell("subject_erased", erasing->parent, &proof.erasure, what.id);
	write_proof(s, &proof);
	erasing->last = proof.erasure;
}

static void
nothing(LhSubjectStore *s, void *arg)
{
}

/*
 * All keys that the subject has had; how many.  An entry that is damaged has one of its numbers, which nobody else's has but by chance: it is
 * erased, too.
 */
static int
erase_all(LhSubjectStore *s, uint64 parent, const LhHmac *index, LhSlice subject, Erasing *erasing)
{
	uint8_t		blind[LH_SHA256];
	int			n = 0;

	lh_subject_check(s, lh_subject_blind(s->ctx, index, subject, blind));
	/* what was interrupted is finished first */
	lh_subject_locked(s, LH_KEYSTORE_EXCLUSIVE, nothing, NULL);
	for (uint32 ordinal = 0; ordinal < LH_SUBJECT_ORDINALS; ordinal++)
	{
		uint64		id = lh_subject_id(index, blind, ordinal);
		LhKeyStoreEntry entry;
		LhStatus	status = lh_keystore_get(s->ctx, s->store, id, &entry);

		CHECK_FOR_INTERRUPTS();
		if (status == LH_NOT_FOUND)
			break;
		if (status == LH_CORRUPT)
		{
			entry = (LhKeyStoreEntry) {.id = id, .parent = parent, .ordinal = ordinal};
			memcpy(entry.blind, blind, LH_SHA256);
		}
		else
			lh_subject_check(s, status);
		if (entry.parent != parent || memcmp(entry.blind, blind, LH_SHA256) != 0)
			continue;
		lh_error_clear(s->ctx);
		erase_one(s, &entry, erasing);
		n++;
	}
	lh_error_clear(s->ctx);
	return n;
}

Datum
lakehouse_subject_erase(PG_FUNCTION_ARGS)
{
	Erasing		erasing = {0};
	LhSubjectStore *s;
	const LhHmac *index;
	LhSlice		subject;
	LhKeysSql	sql;
	uint64		parent;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false};

	lh_right_require(LH_RIGHT_KEY_ADMIN, "to erase keys of subjects");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("parent and subject must not be NULL")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result of lakehouse.subject_erase is no row");
	erasing.parent = text_to_cstring(PG_GETARG_TEXT_PP(0));
	erasing.reason = PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2);
	subject = lh_token_utf8(lh_slice(VARDATA_ANY(PG_GETARG_TEXT_PP(1)), VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(1))));
	lh_crypto_ready();
	/* whatever could keep the proof from being written is asked before the key goes */
	lh_keys_begin(&sql, "lakehouse.subject_erase()", true, true);
	parent = lh_subject_parent_id(erasing.parent);
	s = lh_subject_store();
	index = lh_subject_index(s, parent, false);
	if (index == NULL || erase_all(s, parent, index, subject, &erasing) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("this subject has no key under \"%s\"", erasing.parent),
				 errdetail("It never had one in this store.")));
	lh_keys_end(&sql);
	values[0] = Int64GetDatum((int64) erasing.last.id);
	values[1] = TimestampTzGetDatum(lh_subject_time(erasing.last.erased));
	values[2] = Int64GetDatum((int64) erasing.last.seq);
	values[3] = lh_keys_bytea(lh_slice(erasing.last.receipt, LH_SHA256));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- proofs against the store ---- */

/*
 * Rows of lakehouse.erasures of this store, a few at a time: there may be many.  In the order in which they were erased, so that a log that has
 * lost just these comes out as it was.
 */
#define PROOFS 500
#define SELECT_PROOFS "SELECT key_id, parent, ordinal, subject, number, receipt," \
	" (extract(epoch FROM erased) * 1000000)::bigint FROM lakehouse.erasures WHERE store = $1 AND (number, key_id) > ($2, $3) ORDER BY number, key_id LIMIT 500"

static void
bytes_to(Datum value, uint8_t out[LH_SHA256])
{
	bytea	   *b = DatumGetByteaPP(value);

	if (VARSIZE_ANY_EXHDR(b) != LH_SHA256)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of lakehouse.erasures is not whole")));
	memcpy(out, VARDATA_ANY(b), LH_SHA256);
}

static int
read_proofs(LhSubjectStore *s, const LhErasure *after, LhErasure *out)
{
	Datum		values[3] = {lh_keys_bytea(lh_slice(lh_keystore_id(s->store), LH_KEYSTORE_ID)),
	Int64GetDatum((int64) after->seq), Int64GetDatum((int64) after->id)};
	int			n = (int) lh_keys_sql(SELECT_PROOFS, "bll", values, NULL);

	for (int i = 0; i < n; i++)
	{
		Datum		v[7];

		for (int c = 0; c < lengthof(v); c++)
			if (!lh_keys_get((uint64) i, c + 1, &v[c]))
				ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of lakehouse.erasures is not whole")));
		out[i] = (LhErasure) {.id = (uint64) DatumGetInt64(v[0]), .parent = (uint64) DatumGetInt64(v[1]),
			.ordinal = (uint32) DatumGetInt32(v[2]), .seq = (uint64) DatumGetInt64(v[4]), .erased = DatumGetInt64(v[6])};
		bytes_to(v[3], out[i].blind);
		bytes_to(v[5], out[i].receipt);
	}
	return n;
}

/* NULL: the proof holds. */
static const char *
find_problem(LhSubjectStore *s, const LhErasure *proof)
{
	LhKeyStoreEntry entry;
	LhErasure	record;
	LhStatus	status = lh_keystore_get(s->ctx, s->store, proof->id, &entry);

	if (status == LH_NOT_FOUND)
		return "the store has no entry of this key";
	if (status != LH_OK)
		return pstrdup(s->ctx->error->message);
	if (entry.state != LH_KEYSTORE_ERASED)
		return "the store has the key";
	if (entry.seq != proof->seq || memcmp(entry.receipt, proof->receipt, LH_SHA256) != 0)
		return "the entry has another receipt";
	status = lh_keystore_erasure(s->ctx, s->store, proof->seq, &record);
	if (status != LH_OK)
		return pstrdup(s->ctx->error->message);
	if (record.id != proof->id || record.parent != proof->parent || record.ordinal != proof->ordinal ||
		memcmp(record.blind, proof->blind, LH_SHA256) != 0 || memcmp(record.receipt, proof->receipt, LH_SHA256) != 0)
		return "the record in the log of the store is of another erasure";
	return NULL;
}

static void
return_proof(LhSubjectStore *s, ReturnSetInfo *result, const LhErasure *proof)
{
	const char *problem = find_problem(s, proof);
	char	   *parent = lh_key_name(proof->parent);
	Datum		values[5] = {Int64GetDatum((int64) proof->id), parent != NULL ? CStringGetTextDatum(parent) : (Datum) 0,
		TimestampTzGetDatum(lh_subject_time(proof->erased)), BoolGetDatum(problem == NULL),
	problem != NULL ? CStringGetTextDatum(problem) : (Datum) 0};
	bool		nulls[5] = {false, parent == NULL, false, false, problem == NULL};

	lh_error_clear(s->ctx);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
lakehouse_erase_verify(PG_FUNCTION_ARGS)
{
	LhErasure  *proofs = palloc(sizeof(LhErasure) * PROOFS);
	LhErasure	after = {0};
	LhSubjectStore *s;
	LhKeysSql	sql;
	int			n;

	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_KEY_ADMIN, "to verify erasures");
	InitMaterializedSRF(fcinfo, 0);
	s = lh_subject_store_older();
	lh_keys_begin(&sql, "lakehouse.erase_verify()", false, true);
	while ((n = read_proofs(s, &after, proofs)) > 0)
	{
		for (int i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			return_proof(s, (ReturnSetInfo *) fcinfo->resultinfo, &proofs[i]);
		}
		after = proofs[n - 1];
	}
	lh_keys_end(&sql);
	MemoryContextDelete(s->mcxt);
	return (Datum) 0;
}

/* ---- lakehouse.subject_store_reconcile ---- */

typedef struct Reconciling
{
	LhSubjectStore *s;
	int64		erased, recorded;
} Reconciling;

static void
erase_again(Reconciling *r, const LhErasure *proof)
{
	LhKeyStoreEntry what = {.id = proof->id, .parent = proof->parent, .ordinal = proof->ordinal, .erased = proof->erased};
	Datum		id = Int64GetDatum((int64) proof->id);
	Proof		again = {0};

	if (find_problem(r->s, proof) == NULL)
		return;
	lh_error_clear(r->s->ctx);
	memcpy(what.blind, proof->blind, LH_SHA256);
	lh_subject_check(r->s, lh_keystore_erase(r->s->ctx, r->s->store, &what, true, &again.erasure));
	write_proof(r->s, &again);
	(void) lh_keys_sql("UPDATE lakehouse.erasures SET reconciled = clock_timestamp() WHERE key_id = $1", "l", &id, NULL);
	r->erased++;
}

static void
reconcile_proofs(Reconciling *r)
{
	LhErasure  *proofs = palloc(sizeof(LhErasure) * PROOFS);
	LhErasure	after = {0};
	int			n;

	while ((n = read_proofs(r->s, &after, proofs)) > 0)
	{
		for (int i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			erase_again(r, &proofs[i]);
		}
		after = proofs[n - 1];
	}
}

/* An erasure of ours without a proof. */
static void
record_missing(Reconciling *r, const LhErasure *e)
{
	Datum		values[2] = {Int64GetDatum((int64) e->id), Int64GetDatum((int64) e->parent)};
	LhKeyStoreEntry entry;
	Proof		proof = {0};
	LhKeyRow	row;

	if (!lh_key_row(e->parent, &row) ||
		lh_keys_sql("SELECT 1 FROM lakehouse.erasures WHERE key_id = $1 AND parent = $2", "ll", values, NULL) > 0)
		return;
	/* of several records the tombstone's counts */
	if (lh_keystore_get(r->s->ctx, r->s->store, e->id, &entry) != LH_OK || entry.seq != e->seq)
	{
		lh_error_clear(r->s->ctx);
		return;
	}
	proof.erasure = *e;
	write_proof(r->s, &proof);
	r->recorded++;
}

static void
reconcile_log(Reconciling *r)
{
	uint64		n;

	lh_subject_check(r->s, lh_keystore_erasures(r->s->ctx, r->s->store, &n));
	for (uint64 seq = 1; seq <= n; seq++)
	{
		LhErasure	e;

		CHECK_FOR_INTERRUPTS();
		lh_subject_check(r->s, lh_keystore_erasure(r->s->ctx, r->s->store, seq, &e));
		record_missing(r, &e);
	}
}

/* As new as it gets: what only other databases have erased they find missing themselves. */
static void
know_all(LhSubjectStore *s)
{
	LhErasure	last = {0};
	Datum		values[2];
	uint64		n;

	lh_subject_check(s, lh_keystore_erasures(s->ctx, s->store, &n));
	if (n > 0)
		lh_subject_check(s, lh_keystore_erasure(s->ctx, s->store, n, &last));
	values[0] = Int64GetDatum((int64) n);
	values[1] = lh_keys_bytea(lh_slice(last.receipt, LH_SHA256));
	(void) lh_keys_sql("UPDATE lakehouse.subject_stores SET erasures = $1, receipt = $2", "lb", values, NULL);
}

Datum
lakehouse_subject_store_reconcile(PG_FUNCTION_ARGS)
{
	Reconciling r = {0};
	LhKeysSql	sql;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false};

	lh_right_require(LH_RIGHT_KEY_ADMIN, "to reconcile the store of keys of subjects");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result of lakehouse.subject_store_reconcile is no row");
	lh_keys_begin(&sql, "lakehouse.subject_store_reconcile()", true, true);
	r.s = lh_subject_store_older();
	lh_audit_event("subject_reconcile", "store", "subject_key_store", NULL);
	reconcile_proofs(&r);
	reconcile_log(&r);
	know_all(r.s);
	lh_keys_end(&sql);
	MemoryContextDelete(r.s->mcxt);
	values[0] = Int64GetDatum(r.erased);
	values[1] = Int64GetDatum(r.recorded);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
