/*
 * distinct_impl.h
 *		Internal: what the files of sets of distinct values share.
 *
 *	distinct.c			keys, tables, counting
 *	distinct_spill.c	what does not fit
 *	distinct_merge.c	one set of two
 */
#ifndef LH_EXEC_DISTINCT_IMPL_H
#define LH_EXEC_DISTINCT_IMPL_H

#include "exec/distinct.h"
#include "exec/spill.h"

struct LhDistinct
{
	LhArena *home;      /* the set's own */
	LhArena *arena;     /* copies of strings; reset with the set */
	bool in_memory;     /* never spill */
	int level;          /* 0; of a partition's set one more than the partition's */
	LhSpill *key_spill; /* NULL: all is in memory */
	LhSpill *str_spill;
	LhType type;
	int scale;     /* of decimal keys */
	LhI128 factor; /* brings values of type to it */

	/* bit i: key base + i */
	bool hashing; /* the bitmap was given up */
	int64_t base;
	uint64_t nbits;
	LhBuf bitmap;
	uint64_t offered;

	/* open addressing; 0 marks a free slot */
	LhBuf keys;
	uint64_t nkeys;
	uint64_t key_mask;
	bool has_zero;

	/* open addressing; ptr NULL marks a free slot, spare holds hash bits */
	LhBuf strs;
	uint64_t nstrs;
	uint64_t str_mask;
	uint8_t *block;
	size_t block_left;
	LhBuf wide; /* a wide decimal with its tag */
};

/* Keys in the set's scale. */
extern LhStatus lh_distinct_add_keys(LhCtx *ctx, LhDistinct *d, const int64_t *keys, int n);
/* A number of another scale; factor brings it to the set's. */
extern LhStatus lh_distinct_add_i128(LhCtx *ctx, LhDistinct *d, LhI128 x, int scale, LhI128 factor);
/* Bytes with a tag (distinct.c), as another set has them. */
extern LhStatus
lh_distinct_add_rescaled(LhCtx *ctx, LhDistinct *d, LhStr s, int old_scale, LhI128 factor);
/* Room for more strings, then one of them with its hash. */
extern LhStatus lh_distinct_reserve_strs(LhCtx *ctx, LhDistinct *d, uint64_t more);
extern LhStatus lh_distinct_put_bytes(LhCtx *ctx, LhDistinct *d, LhStr s, uint32_t hash);
/* All that is there to a larger scale. */
extern LhStatus lh_distinct_rescale(LhCtx *ctx, LhDistinct *d, int scale);

/* A failure that spilling may help against: false for other ones, and where partitions end. */
extern bool lh_distinct_may_spill(LhCtx *ctx, const LhDistinct *d, LhStatus status);
/* One value to its partition. */
extern LhStatus lh_distinct_spill_key(LhCtx *ctx, LhDistinct *d, int64_t key);
extern LhStatus lh_distinct_spill_bytes(LhCtx *ctx, LhDistinct *d, LhStr s);
/* All of a table to the partitions: it is empty then, and has no memory. */
extern LhStatus lh_distinct_flush_keys(LhCtx *ctx, LhDistinct *d);
extern LhStatus lh_distinct_flush_strs(LhCtx *ctx, LhDistinct *d);

#endif
