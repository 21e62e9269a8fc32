/*
 * eqset_probe.c
 *		Rows looked up in a set, a batch at a time.
 *
 *	1. A bitmap of keys answers at once, for all rows of a batch.
 *	2. Of a hash table the Bloom filter answers for most rows that are not
 *	   deleted.  For the others all slots are prefetched, then looked at: with
 *	   very many keys the table is larger than the caches, and the waits overlap.
 *	   Only where half of the hash agrees the entry is compared.
 *	3. The dictionary of a single key column is looked up as a whole, as soon as
 *	   enough rows were asked for to make that worth its while.  Then a row is a bit
 *	   of its code.
 */
#include <string.h>

#include "scan/eqset_state.h"
#include "vec/kernels.h"
#include "vec/value.h"

/* A dictionary is looked up when a row was asked for of so many of its entries. */
#define ENTRIES_OF_ROW 4

struct LhEqFilter
{
	LhEqSet *set;
	LhKeyWork *work;
	const uint64_t *owners;
	uint64_t dict_id; /* of the dictionary at hand */
	uint64_t asked;   /* rows of it */
	bool learned;
	LhBuf known; /* learned: a bit for each entry */
};

LhStatus
lh_eqfilter_create(LhCtx *ctx, LhEqSet *set, const uint64_t *owners, LhEqFilter **out)
{
	LH_NEW(ctx, *out);
	(*out)->set = set;
	(*out)->owners = owners;
	LH_TRY(lh_keys_work_create(ctx, set, &(*out)->work));
	return lh_buf_init(ctx, &(*out)->known, true);
}

/* Does one of the files that hold the key apply? */
static bool
applies(const LhEqFilter *filter, uint32_t number)
{
	for (; number != 0; number = lh_eqhash_entry(filter->set, number)->next)
		if (lh_bit_get(filter->owners, lh_eqhash_entry(filter->set, number)->owner))
			return true;
	return false;
}

/* Are nulls deleted?  Of simple sets. */
static bool
deletes_nulls(const LhEqFilter *filter)
{
	const LhEqSet *set = filter->set;

	return set->hashed ? applies(filter, set->null_entry)
					   : set->null_key && lh_bit_get(filter->owners, set->owner);
}

/*
 * Step 1
 */

/* Bits of n values. */
static void
find_bits(const LhEqSet *set, const void *values, int n, uint64_t *found)
{
	if (set->ndense == 0)
		memset(found, 0, LH_WORDS(n) * sizeof(*found));
	else
		lh_vec_kernels()->member_i64(values, (size_t) n, (int64_t) lh_eqdense_place(set->base),
									 set->dense.len * 8, (const uint64_t *) set->dense.data, found);
}

static LhStatus
probe_dense(LhCtx *ctx, LhEqFilter *filter, const LhVec *vec, int n, const uint64_t *rows, uint64_t *hits)
{
	const LhEqSet *set = filter->set;
	LhKeyColumn *col = filter->work->cols[0];
	uint64_t null_hit = deletes_nulls(filter) ? ~UINT64_C(0) : 0;
	uint64_t found[LH_BATCH_WORDS];
	LhVec flat;

	if (!lh_bit_get(filter->owners, set->owner))
		return LH_OK;
	if (vec->type.id != LH_T_NULL && !lh_vec_all_null(vec))
	{
		LH_TRY(lh_vec_flatten(ctx, vec, col->scratch, &flat));
		if (lh_keys_canonical(col, &flat))
		{
			find_bits(set, flat.data, n, found);
			for (size_t w = 0; w < LH_WORDS(n); w++)
			{
				uint64_t valid = flat.valid != NULL ? flat.valid[w] : ~UINT64_C(0);

				hits[w] = rows[w] & ((found[w] & valid) | (null_hit & ~valid));
			}
			return LH_OK;
		}
	}
	LH_TRY(lh_keys_load_column(ctx, col, vec));
	find_bits(set, col->low, n, found);
	for (size_t w = 0; w < LH_WORDS(n); w++)
		hits[w] = rows[w] & ((found[w] & ~col->null[w] & ~col->other[w]) | (null_hit & col->null[w]));
	return LH_OK;
}

/*
 * Step 2
 */

/* Is there an entry whose half of the hash agrees?  Then it is prefetched. */
static inline bool
is_candidate(const LhEqSet *set, uint64_t hash)
{
	const uint64_t *slots = lh_eqhash_slots(set);
	size_t mask = set->nslots - 1;

	for (size_t s = hash & mask; slots[s] != 0; s = (s + 1) & mask)
		if (slots[s] >> 32 == hash >> 32)
		{
			__builtin_prefetch(lh_eqhash_entry(set, (uint32_t) slots[s]));
			return true;
		}
	return false;
}

static LhStatus
probe_hash(LhCtx *ctx, LhEqFilter *filter, const LhVec *const *vecs, int n, const uint64_t *rows,
		   uint64_t *hits)
{
	const LhEqSet *set = filter->set;
	LhKeyWork *work = filter->work;
	bool null_hit = set->simple && deletes_nulls(filter);
	uint16_t candidates[LH_BATCH];
	int some = 0, ncandidates = 0;

	LH_TRY(lh_keys_load(ctx, set, work, vecs, n, rows));
	LH_FOR_ROWS(rows, n, row)
	{
		uint64_t hash = work->hash[row], bits = lh_eqhash_bloom_bits(hash);

		if (set->simple && lh_bit_get(work->cols[0]->null, row))
		{
			if (null_hit)
				lh_bit_set(hits, row);
		}
		else if (set->nslots > 0 && (*lh_eqhash_bloom_word(set, hash) & bits) == bits)
		{
			__builtin_prefetch(&lh_eqhash_slots(set)[hash & (set->nslots - 1)]);
			candidates[some++] = (uint16_t) row;
		}
	}
	for (int k = 0; k < some; k++)
		if (is_candidate(set, work->hash[candidates[k]]))
			candidates[ncandidates++] = candidates[k];
	for (int k = 0; k < ncandidates; k++)
	{
		int i = candidates[k];

		if (!lh_keys_other(set, work, i) &&
			applies(filter, (uint32_t) lh_eqhash_slots(set)[lh_eqhash_find(set, work, i)]))
			lh_bit_set(hits, (size_t) i);
	}
	return LH_OK;
}

/* Rows of the bitmap, of vectors of any kind; hits are zeros. */
static LhStatus
probe_rows(LhCtx *ctx, LhEqFilter *filter, const LhVec *const *vecs, int n, const uint64_t *rows,
		   uint64_t *hits)
{
	return filter->set->hashed ? probe_hash(ctx, filter, vecs, n, rows, hits)
							   : probe_dense(ctx, filter, vecs[0], n, rows, hits);
}

/*
 * Step 3
 */

/* Look up all entries. */
static LhStatus
learn(LhCtx *ctx, LhEqFilter *filter, const LhDict *dict)
{
	size_t size = lh_lane_size(dict->type.lane, dict->type.width), nwords = LH_WORDS(dict->n);
	uint64_t *known;
	LhSel all;

	LH_TRY(lh_buf_fit(ctx, &filter->known, nwords * sizeof(uint64_t)));
	known = (uint64_t *) filter->known.data;
	memset(known, 0, nwords * sizeof(uint64_t));
	for (uint32_t from = 0; from < dict->n; from += LH_BATCH)
	{
		int n = dict->n - from < LH_BATCH ? (int) (dict->n - from) : LH_BATCH;
		LhVec vec = {.type = dict->type, .kind = LH_VEC_FLAT, .n = n,
					 .data = (const uint8_t *) dict->values + from * size};
		const LhVec *vecs[] = {&vec};

		LH_TRY(lh_poll(ctx));
		lh_sel_all(&all, n);
		LH_TRY(probe_rows(ctx, filter, vecs, n, all.w, known + from / 64));
	}
	filter->learned = true;
	return LH_OK;
}

/* Another batch of these rows; is the dictionary known after this? */
static LhStatus
meet(LhCtx *ctx, LhEqFilter *filter, const LhDict *dict, const LhSel *sel)
{
	if (filter->dict_id != dict->id)
	{
		filter->dict_id = dict->id;
		filter->asked = 0;
		filter->learned = false;
	}
	filter->asked += (uint64_t) sel->count;
	if (filter->learned || filter->asked < dict->n / ENTRIES_OF_ROW)
		return LH_OK;
	return learn(ctx, filter, dict);
}

static void
take_runs(const LhEqFilter *filter, const LhVec *vec, const LhSel *sel, uint64_t *hits)
{
	const uint64_t *known = (const uint64_t *) filter->known.data;
	uint32_t from = 0;

	for (int r = 0; r < vec->nruns; from = vec->runs[r++].end)
		if (lh_bit_get(known, vec->runs[r].code))
			lh_bits_set_range(hits, from, vec->runs[r].end);
	for (size_t w = 0; w < LH_WORDS(sel->n); w++)
		hits[w] &= sel->w[w];
}

static void
take_codes(const LhEqFilter *filter, const LhVec *vec, const LhSel *sel, uint64_t *hits)
{
	uint64_t null_hit = filter->set->simple && deletes_nulls(filter) ? ~UINT64_C(0) : 0;

	lh_vec_kernels()->codes(vec->codes, (size_t) sel->n, (const uint64_t *) filter->known.data,
							vec->dict->n, hits);
	for (size_t w = 0; w < LH_WORDS(sel->n); w++)
	{
		uint64_t valid = vec->valid != NULL ? vec->valid[w] : ~UINT64_C(0);

		hits[w] = sel->w[w] & ((hits[w] & valid) | (null_hit & ~valid));
	}
}

LhStatus
lh_eqfilter_probe(LhCtx *ctx, LhEqFilter *filter, const LhVec *const *vecs, const LhSel *sel,
				  uint64_t *hits)
{
	const LhEqSet *set = filter->set;
	const LhVec *vec = vecs[0];

	memset(hits, 0, LH_WORDS(sel->n) * sizeof(*hits));
	if (lh_eqset_keys(set) == 0)
		return LH_OK;
	/* what is null deletes as what is not only in a simple set */
	if (set->ncols == 1 && (vec->kind == LH_VEC_RUNS || vec->kind == LH_VEC_DICT) && vec->dict->n > 0 &&
		(vec->valid == NULL || set->simple))
	{
		LH_TRY(meet(ctx, filter, vec->dict, sel));
		if (filter->learned && vec->kind == LH_VEC_RUNS)
			take_runs(filter, vec, sel, hits);
		else if (filter->learned)
			take_codes(filter, vec, sel, hits);
		if (filter->learned)
			return LH_OK;
	}
	return probe_rows(ctx, filter, vecs, sel->n, sel->w, hits);
}
