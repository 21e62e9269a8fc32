/*
 * distinct_merge.c
 *		Make one set of distinct values of two.
 *
 * Both are in memory (lh_distinct_keep_in_memory).  Keys of different scales meet
 * in the larger one.
 */
#include "exec/distinct_impl.h"
#include "vec/value.h"

/* Keys of another set, in its scale. */
static LhStatus
merge_keys(LhCtx *ctx, LhDistinct *into, const int64_t *keys, int n, int scale, LhI128 factor)
{
	if (n == 0)
		return LH_OK;
	LH_TRY(lh_poll(ctx));
	if (factor == 1)
		return lh_distinct_add_keys(ctx, into, keys, n);
	for (int i = 0; i < n; i++)
		LH_TRY(lh_distinct_add_i128(ctx, into, keys[i], scale, factor));
	return LH_OK;
}

static LhStatus
merge_bitmap(LhCtx *ctx, LhDistinct *into, const LhDistinct *from, LhI128 factor)
{
	const uint64_t *w = (const uint64_t *) from->bitmap.data;
	int64_t keys[LH_BATCH];
	int n = 0;

	for (size_t i = 0; i < (size_t) (from->nbits / 64); i++)
	{
		for (uint64_t bits = w[i]; bits != 0; bits &= bits - 1)
			keys[n++] = from->base + (int64_t) (i * 64) + __builtin_ctzll(bits);
		if (n > LH_BATCH - 64)
		{
			LH_TRY(merge_keys(ctx, into, keys, n, from->scale, factor));
			n = 0;
		}
	}
	return merge_keys(ctx, into, keys, n, from->scale, factor);
}

static LhStatus
merge_table(LhCtx *ctx, LhDistinct *into, const LhDistinct *from, LhI128 factor)
{
	const int64_t *slots = (const int64_t *) from->keys.data;
	uint64_t size = from->keys.cap == 0 ? 0 : from->key_mask + 1;
	int64_t keys[LH_BATCH];
	int n = 0;

	if (from->has_zero)
		keys[n++] = 0;
	for (uint64_t i = 0; i < size; i++)
	{
		if (slots[i] != 0)
			keys[n++] = slots[i];
		if (n == LH_BATCH)
		{
			LH_TRY(merge_keys(ctx, into, keys, n, from->scale, factor));
			n = 0;
		}
	}
	return merge_keys(ctx, into, keys, n, from->scale, factor);
}

static LhStatus
merge_strs(LhCtx *ctx, LhDistinct *into, const LhDistinct *from, LhI128 factor)
{
	uint64_t size = from->strs.cap == 0 ? 0 : from->str_mask + 1;

	for (uint64_t i = 0; i < size; i++)
	{
		LhStr s = ((const LhStr *) from->strs.data)[i];

		if (i % LH_BATCH == 0)
			LH_TRY(lh_poll(ctx));
		if (s.ptr == NULL)
			continue;
		if (factor != 1)
		{
			LH_TRY(lh_distinct_add_rescaled(ctx, into, s, from->scale, factor));
			continue;
		}
		LH_TRY(lh_distinct_reserve_strs(ctx, into, 1));
		LH_TRY(lh_distinct_put_bytes(ctx, into, s, s.spare));
	}
	return LH_OK;
}

LhStatus
lh_distinct_merge(LhCtx *ctx, LhDistinct *into, const LhDistinct *from)
{
	LhI128 factor;

	if (from->scale > into->scale)
	{
		if (from->scale - into->scale > LH_DECIMAL_MAX_PRECISION)
			LH_FAIL(ctx, LH_UNSUPPORTED, "count(distinct) over decimals of too different scales");
		LH_TRY(lh_distinct_rescale(ctx, into, from->scale));
	}
	if (into->scale - from->scale > LH_DECIMAL_MAX_PRECISION)
		LH_FAIL(ctx, LH_UNSUPPORTED, "count(distinct) over decimals of too different scales");
	factor = lh_pow10[into->scale - from->scale];
	LH_TRY(merge_bitmap(ctx, into, from, factor));
	LH_TRY(merge_table(ctx, into, from, factor));
	return merge_strs(ctx, into, from, factor);
}
