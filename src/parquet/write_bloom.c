/*
 * write_bloom.c
 *		Split-block bloom filters of the right size, without counting first.
 *
 *	1. A filter begins with as many blocks as the row group could need if all
 *	   values were different, a power of two.
 *	2. Values are inserted page by page; those of the dictionary once, at the end.
 *	3. How many different ones there were is estimated from the bits that are
 *	   set, and the filter is folded in halves to the size that so many need: a
 *	   value's block is the upper part of its hash times the number of blocks, so
 *	   two neighbouring blocks become one.
 *
 * Format: https://parquet.apache.org/docs/file-format/bloomfilter/
 */
#include <math.h>

#include "core/hash.h"
#include "parquet/write_internal.h"

#define BLOCK_WORDS  8
#define BLOCK_BYTES  32
/* What the reader takes, and parquet-java. */
#define MAX_BLOCKS   ((UINT32_C(128) << 20) / BLOCK_BYTES)
#define DEFAULT_FPP  0.01
/* Without a budget a filter may be large; with one it begins with at most this share of it. */
#define BUDGET_SHARE 16

static const uint32_t salt[BLOCK_WORDS] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
										   0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};

/* Blocks for n different values: the format's formula. */
static double
blocks_for(double n, double fpp)
{
	return -8 * n / log(1 - pow(fpp, 1.0 / 8)) / (BLOCK_BYTES * 8);
}

static LhStatus
begin(LhCtx *ctx, LhPqwLeaf *leaf)
{
	const LhBudget *budget = lh_arena_budget(leaf->shared->arena);
	LhPqwBloom *b = &leaf->bloom;
	double want = blocks_for((double) leaf->shared->options.row_group_rows,
							 b->fpp > 0 && b->fpp < 1 ? b->fpp : DEFAULT_FPP);
	uint32_t most = MAX_BLOCKS;

	if (budget != NULL && budget->limit > 0)
		while (most > 1 && (size_t) most * BLOCK_BYTES > budget->limit / BUDGET_SHARE)
			most /= 2;
	b->nblocks = 1;
	while (b->nblocks < most && b->nblocks < want)
		b->nblocks *= 2;
	LH_TRY(lh_buf_fit(ctx, &b->bits, (size_t) b->nblocks * BLOCK_BYTES));
	memset(b->bits.data, 0, (size_t) b->nblocks * BLOCK_BYTES);
	return LH_OK;
}

static inline void
insert(LhPqwBloom *b, uint64_t hash)
{
	size_t block = (size_t) ((hash >> 32) * b->nblocks >> 32);
	uint32_t *words = (uint32_t *) (void *) (b->bits.data + block * BLOCK_BYTES);

	for (int i = 0; i < BLOCK_WORDS; i++)
		words[i] |= UINT32_C(1) << ((uint32_t) hash * salt[i] >> 27);
}

LhStatus
lh_pqw_bloom_add(LhCtx *ctx, LhPqwLeaf *leaf, const LhPqwValues *v)
{
	if (v->n > 0 && leaf->bloom.nblocks == 0)
		LH_TRY(begin(ctx, leaf));
	for (size_t i = 0; i < v->n; i++)
	{
		LhSlice s = lh_pqw_value(v, i);

		insert(&leaf->bloom, lh_xxh64(s.data, s.len));
	}
	return LH_OK;
}

/* How many different values there are about: each sets one bit of 32 in each word of a block. */
static double
estimate(const LhPqwBloom *b)
{
	size_t nwords = (size_t) b->nblocks * BLOCK_BYTES / 8;
	double set = (double) lh_bits_count((const uint64_t *) (const void *) b->bits.data, nwords);
	double share = set / ((double) nwords * 64);

	if (share >= 1)
		return INFINITY;
	return -32 * log(1 - share) * b->nblocks;
}

static void
fold(LhPqwBloom *b)
{
	uint32_t *words = (uint32_t *) (void *) b->bits.data;

	b->nblocks /= 2;
	for (size_t i = 0; i < b->nblocks; i++)
		for (size_t k = 0; k < BLOCK_WORDS; k++)
			words[i * BLOCK_WORDS + k] =
				words[2 * i * BLOCK_WORDS + k] | words[(2 * i + 1) * BLOCK_WORDS + k];
}

static LhStatus
put_header(LhCtx *ctx, const LhPqwBloom *b, LhBuf *out)
{
	LhTout t;

	lh_tout_begin(&t, ctx, out);
	lh_tout_i32(&t, 1, (int32_t) (b->nblocks * BLOCK_BYTES));
	/* SplitBlockAlgorithm, XxHash, Uncompressed: the only ones there are */
	for (int id = 2; id <= 4; id++)
	{
		lh_tout_struct(&t, id);
		lh_tout_empty(&t, 1);
		lh_tout_close(&t);
	}
	return lh_tout_end(&t);
}

LhStatus
lh_pqw_bloom_put(LhCtx *ctx, LhPqwLeaf *leaf, LhBuf *out)
{
	LhPqwBloom *b = &leaf->bloom;
	double want;

	if (leaf->physical == LH_PQ_BOOLEAN)
		return LH_OK;
	if (leaf->dict.used)
		LH_TRY(lh_pqw_bloom_add(ctx, leaf, &leaf->dict.values));
	if (b->nblocks == 0)
		LH_TRY(begin(ctx, leaf));
	want = blocks_for(estimate(b), b->fpp > 0 && b->fpp < 1 ? b->fpp : DEFAULT_FPP);
	while (b->nblocks > 1 && b->nblocks / 2 >= want)
		fold(b);
	LH_TRY(put_header(ctx, b, out));
	return lh_buf_append(ctx, out, b->bits.data, (size_t) b->nblocks * BLOCK_BYTES);
}

void
lh_pqw_bloom_clear(LhPqwBloom *b)
{
	b->nblocks = 0;
}
