/*
 * distinct_spill.c
 *		Sets of distinct values whose tables do not fit: values go to partitions of a temporary
 *		file by their hash.
 */
#include "exec/distinct_impl.h"

/* Partitions of partitions, each a 64th of the one before. */
#define MAX_LEVEL 6

bool
lh_distinct_may_spill(LhCtx *ctx, const LhDistinct *d, LhStatus status)
{
	if (status != LH_NO_MEMORY || d->in_memory || d->level >= MAX_LEVEL)
		return false;
	lh_error_clear(ctx);
	return true;
}

static LhStatus
need_spill(LhCtx *ctx, LhDistinct *d, LhSpill **spill)
{
	LhArena *old;
	LhStatus status;

	if (*spill != NULL)
		return LH_OK;
	old = lh_use(ctx, d->home);
	status = lh_spill_create(ctx, spill);
	lh_use(ctx, old);
	return status;
}

/* Not the hash of the tables: all of a partition would share its bits. */
LhStatus
lh_distinct_spill_key(LhCtx *ctx, LhDistinct *d, int64_t key)
{
	uint64_t h =
		lh_hash_u64((uint64_t) key ^ (uint64_t) (d->level + 1) * UINT64_C(0x9e3779b97f4a7c15));

	if (key == 0)
	{
		d->has_zero = true;
		return LH_OK;
	}
	LH_TRY(need_spill(ctx, d, &d->key_spill));
	return lh_spill_put(ctx, d->key_spill, (int) (h >> 58), &key, sizeof(key), NULL, 0);
}

LhStatus
lh_distinct_spill_bytes(LhCtx *ctx, LhDistinct *d, LhStr s)
{
	uint64_t h = lh_hash_bytes(s.ptr, s.len, (uint64_t) d->level + 1);

	LH_TRY(need_spill(ctx, d, &d->str_spill));
	return lh_spill_put(ctx, d->str_spill, (int) (h >> 58), &s.len, sizeof(s.len), s.ptr, s.len);
}

/* All keys of the table go to the file. */
LhStatus
lh_distinct_flush_keys(LhCtx *ctx, LhDistinct *d)
{
	uint64_t n = d->keys.cap == 0 ? 0 : d->key_mask + 1;

	for (uint64_t i = 0; i < n; i++)
	{
		int64_t key = ((const int64_t *) d->keys.data)[i];

		if (key != 0)
			LH_TRY(lh_distinct_spill_key(ctx, d, key));
	}
	lh_buf_free(&d->keys);
	d->nkeys = d->key_mask = 0;
	return LH_OK;
}

LhStatus
lh_distinct_flush_strs(LhCtx *ctx, LhDistinct *d)
{
	uint64_t n = d->strs.cap == 0 ? 0 : d->str_mask + 1;

	for (uint64_t i = 0; i < n; i++)
	{
		LhStr s = ((const LhStr *) d->strs.data)[i];

		if (s.ptr != NULL)
			LH_TRY(lh_distinct_spill_bytes(ctx, d, s));
	}
	lh_buf_free(&d->strs);
	lh_arena_reset(d->arena);
	d->nstrs = d->str_mask = 0;
	d->block_left = 0;
	return LH_OK;
}
