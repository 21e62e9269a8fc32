/*
 * eqset_dense.c
 *		Numbers of one column that lie close together, as ids do: a bitmap of their span.
 *
 *	1. Keys are gathered as they come, neither hashed nor compared.
 *	2. When there are many, and when the set is sealed, they are folded into the
 *	   bitmap, which grows to either side.  It is the only place where a key that
 *	   comes twice is noticed, so duplicates take no memory for long.
 *	3. When the span has too many bits for the keys it holds, all of them move
 *	   into the hash table, and what comes afterwards goes there.
 */
#include <string.h>

#include "scan/eqset_state.h"

/* Bits for each key at most: what a slot and an entry of the hash table take is more. */
#define DENSE_BITS 64
/* Keys that are gathered at least before they are folded: 8 MB. */
#define MOST_LOOSE (1 << 20)

static size_t
count_loose(const LhEqSet *set)
{
	return set->loose.len / sizeof(uint64_t);
}

static size_t
count_words(const LhEqSet *set)
{
	return set->dense.len / sizeof(uint64_t);
}

/* Those of n rows of the work's column that are keys. */
static LhStatus
gather_some(LhCtx *ctx, LhEqSet *set, const LhKeyColumn *col, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (lh_bit_get(col->null, (size_t) i))
			set->null_key = true;
		else if (!lh_bit_get(col->other, (size_t) i))
			LH_TRY(lh_buf_append(ctx, &set->loose, &col->low[i], sizeof(col->low[i])));
	}
	return LH_OK;
}

LhStatus
lh_eqdense_add(LhCtx *ctx, LhEqSet *set, const LhVec *vec, int n)
{
	const LhKeyColumn *col = set->work->cols[0];
	uint64_t not_all = 0;

	LH_TRY(lh_keys_load_column(ctx, set->work->cols[0], vec));
	for (int w = 0; w * 64 < n; w++)
		not_all |= (col->null[w] | col->other[w]) & lh_low_bits(n - w * 64);
	if (not_all != 0)
		LH_TRY(gather_some(ctx, set, col, n));
	else
		LH_TRY(lh_buf_append(ctx, &set->loose, col->low, (size_t) n * sizeof(col->low[0])));
	/* as many as are in the bitmap, so that its growing does not count */
	if (count_loose(set) >= MOST_LOOSE && count_loose(set) >= set->ndense)
		return lh_eqdense_fold(ctx, set);
	return LH_OK;
}

/* The span of all keys, as places. */
static void
find_span(const LhEqSet *set, uint64_t *lowest, uint64_t *highest)
{
	const uint64_t *keys = (const uint64_t *) set->loose.data;

	*lowest = set->ndense > 0 ? set->base : UINT64_MAX;
	*highest = set->ndense > 0 ? set->base + (count_words(set) * 64 - 1) : 0;
	for (size_t i = 0; i < count_loose(set); i++)
	{
		uint64_t at = lh_eqdense_place(keys[i]);

		*lowest = at < *lowest ? at : *lowest;
		*highest = at > *highest ? at : *highest;
	}
}

/* Make the bitmap one of this span, which holds all its bits. */
static LhStatus
stretch(LhCtx *ctx, LhEqSet *set, uint64_t lowest, uint64_t highest)
{
	LhBuf wider = {.arena = set->dense.arena, .floor = set->dense.floor};
	uint64_t base = lowest & ~UINT64_C(63);
	size_t nwords = (size_t) (highest / 64 - base / 64 + 1);

	if (set->ndense > 0 && base == set->base && nwords == count_words(set))
		return LH_OK;
	LH_TRY(lh_buf_fit(ctx, &wider, nwords * sizeof(uint64_t)));
	memset(wider.data, 0, nwords * sizeof(uint64_t));
	wider.len = nwords * sizeof(uint64_t);
	if (set->ndense > 0)
		memcpy(wider.data + (set->base - base) / 64 * sizeof(uint64_t), set->dense.data, set->dense.len);
	lh_buf_free(&set->dense);
	set->dense = wider;
	set->base = base;
	return LH_OK;
}

LhStatus
lh_eqdense_fold(LhCtx *ctx, LhEqSet *set)
{
	const uint64_t *keys = (const uint64_t *) set->loose.data;
	size_t n = count_loose(set);
	uint64_t lowest, highest, *bits;

	if (n == 0)
		return LH_OK;
	find_span(set, &lowest, &highest);
	if ((highest - lowest) / DENSE_BITS >= set->ndense + n)
		return lh_eqdense_to_hash(ctx, set);
	LH_TRY(stretch(ctx, set, lowest, highest));
	bits = (uint64_t *) set->dense.data;
	for (size_t i = 0; i < n; i++)
		lh_bit_set(bits, lh_eqdense_place(keys[i]) - set->base);
	set->ndense = lh_bits_count(bits, count_words(set));
	lh_buf_free(&set->loose);
	return LH_OK;
}

static LhStatus
hash_numbers(LhCtx *ctx, LhEqSet *set, const uint64_t *numbers, int n)
{
	LH_TRY(lh_poll(ctx));
	LH_TRY(lh_eqset_reserve(ctx, set, n));
	lh_keys_load_numbers(set->work, numbers, n);
	return lh_eqhash_add(ctx, set, set->owner, n);
}

static LhStatus
hash_bitmap(LhCtx *ctx, LhEqSet *set)
{
	const uint64_t *bits = (const uint64_t *) set->dense.data;
	uint64_t some[LH_BATCH];
	int n = 0;

	for (size_t w = 0; set->ndense > 0 && w < count_words(set); w++)
	{
		for (uint64_t word = bits[w]; word != 0; word &= word - 1)
			some[n++] = lh_eqdense_place(set->base + w * 64 + (uint64_t) __builtin_ctzll(word));
		if (n <= LH_BATCH - 64)
			continue;
		LH_TRY(hash_numbers(ctx, set, some, n));
		n = 0;
	}
	return n > 0 ? hash_numbers(ctx, set, some, n) : LH_OK;
}

/* What a failed try has put into the hash table does not count, and is put in again. */
LhStatus
lh_eqdense_to_hash(LhCtx *ctx, LhEqSet *set)
{
	const uint64_t *keys = (const uint64_t *) set->loose.data;
	size_t n = count_loose(set);

	LH_TRY(lh_eqhash_reserve(ctx, set, set->ndense + n));
	LH_TRY(hash_bitmap(ctx, set));
	for (size_t i = 0; i < n; i += LH_BATCH)
		LH_TRY(hash_numbers(ctx, set, keys + i, n - i < LH_BATCH ? (int) (n - i) : LH_BATCH));
	if (set->null_key)
		LH_TRY(lh_eqhash_add_null(ctx, set, set->owner));
	set->hashed = true;
	lh_buf_free(&set->dense);
	lh_buf_free(&set->loose);
	set->ndense = 0;
	return LH_OK;
}
