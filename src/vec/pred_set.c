/*
 * pred_set.c
 *		Sets of constants for IN.
 */
#include <string.h>

#include "vec/pred_impl.h"

static inline uint32_t
hash_key(LhI128 key)
{
	return (uint32_t) lh_hash_u64((uint64_t) key ^ (uint64_t) ((LhU128) key >> 64));
}

static inline uint32_t
hash_str(LhStr s)
{
	return (uint32_t) lh_hash_bytes(s.ptr, s.len, 0);
}

static LhStatus
build_slots(LhCtx *ctx, LhKeySet *set)
{
	uint32_t size = 32;

	while (size < (uint32_t) set->n * 2)
		size *= 2;
	set->mask = size - 1;
	LH_NEW_ARRAY(ctx, set->slots, size);
	for (int i = 0; i < set->n; i++)
	{
		uint32_t h = set->strs != NULL ? hash_str(set->strs[i]) : hash_key(set->keys[i]);

		while (set->slots[h & set->mask] != 0)
			h++;
		set->slots[h & set->mask] = (uint32_t) i + 1;
	}
	return LH_OK;
}

/* Arrays in the lane's own type for the kernels; floats and divided keys have none. */
static LhStatus
build_few(LhCtx *ctx, LhKeySet *set, LhLane lane)
{
	if (set->strs != NULL || set->divisor != 1)
		return LH_OK;
	if (lane == LH_LANE_I32)
	{
		LH_NEW_ARRAY(ctx, set->few_i32, (size_t) set->n);
		for (int i = 0; i < set->n; i++)
			set->few_i32[i] = (int32_t) set->keys[i];
	}
	else if (lane == LH_LANE_I64)
	{
		LH_NEW_ARRAY(ctx, set->few_i64, (size_t) set->n);
		for (int i = 0; i < set->n; i++)
			set->few_i64[i] = (int64_t) set->keys[i];
	}
	return LH_OK;
}

LhStatus
lh_keyset_finish(LhCtx *ctx, LhKeySet *set, const LhType *type)
{
	if (set->n > LH_FEW)
		return build_slots(ctx, set);
	return build_few(ctx, set, type->lane);
}

bool
lh_keyset_has(const LhKeySet *set, LhI128 key)
{
	if (set->divisor > 1)
	{
		LhI128 q = key / set->divisor;

		key = q - (key % set->divisor < 0);
	}
	if (set->n == 0 || key < set->keys[0] || key > set->keys[set->n - 1])
		return false;
	if (set->slots == NULL)
	{
		for (int i = 0; i < set->n; i++)
		{
			if (set->keys[i] == key)
				return true;
		}
		return false;
	}
	for (uint32_t h = hash_key(key);; h++)
	{
		uint32_t slot = set->slots[h & set->mask];

		if (slot == 0)
			return false;
		if (set->keys[slot - 1] == key)
			return true;
	}
}

bool
lh_keyset_has_bytes(const LhKeySet *set, LhStr s)
{
	if (set->slots == NULL)
	{
		for (int i = 0; i < set->n; i++)
		{
			if (set->strs[i].len == s.len &&
				(s.len == 0 || memcmp(set->strs[i].ptr, s.ptr, s.len) == 0))
				return true;
		}
		return false;
	}
	for (uint32_t h = hash_str(s);; h++)
	{
		uint32_t slot = set->slots[h & set->mask];

		if (slot == 0)
			return false;
		if (lh_bytes_compare(set->strs[slot - 1], s) == 0)
			return true;
	}
}
