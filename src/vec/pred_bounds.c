/*
 * pred_bounds.c
 *		Answers from statistics: does any row pass, do all rows pass?
 *
 * For a leaf both questions are asked of the values that the bounds allow:
 *
 *	any		some allowed value passes
 *	all		every allowed value passes
 *
 * Negation swaps them (any of NOT = not all).  Then null rows are added.  A
 * wrong "no row passes" would lose rows, so whatever is unknown, missing or
 * contradicts itself counts as "anything is possible".
 */
#include <string.h>

#include "vec/pred_fit.h"

typedef struct Reach
{
	bool any;
	bool all;
} Reach;

/* Keys that non-null values may have: min..max, and NaN. */
typedef struct KeyBounds
{
	LhI128 min;
	LhI128 max;
	bool may_nan;
} KeyBounds;

static const LhBounds nothing_known = {.may_nan = true, .rows = -1, .nulls = -1};

static bool
has_min(const LhBounds *b)
{
	return b->known && b->has_min && !b->min.null;
}

static bool
has_max(const LhBounds *b)
{
	return b->known && b->has_max && !b->max.null;
}

static KeyBounds
key_bounds(const LhLeaf *leaf, const LhBounds *b)
{
	KeyBounds k;
	LhI128 min, max;

	lh_lane_limits(leaf->type.lane, &min, &max);
	if (leaf->is_float)
		max = LH_KEY_INF;
	k.min = has_min(b) && b->min.type.lane == leaf->type.lane ? lh_value_key(&b->min) : min;
	k.max = has_max(b) && b->max.type.lane == leaf->type.lane ? lh_value_key(&b->max) : max;
	k.may_nan = leaf->is_float && (!b->known || b->may_nan);
	if (k.min > k.max || (leaf->is_float && (k.min == LH_KEY_NAN || k.max == LH_KEY_NAN)))
	{
		/* a bound that is NaN, or bounds the wrong way round, say nothing */
		k.min = min;
		k.max = max;
		k.may_nan = leaf->is_float;
	}
	return k;
}

static Reach
reach_range(const LhLeaf *leaf, const LhBounds *b)
{
	KeyBounds k = key_bounds(leaf, b);
	bool nan = leaf->hi >= LH_KEY_NAN && leaf->lo <= LH_KEY_NAN;
	Reach r;

	r.any = (k.min <= leaf->hi && k.max >= leaf->lo) || (k.may_nan && nan);
	r.all = k.min >= leaf->lo && k.max <= leaf->hi && (!k.may_nan || nan);
	return r;
}

/* Keys of the set that are at most key. */
static int
count_up_to(const LhKeySet *set, LhI128 key)
{
	int lo = 0, hi = set->n;

	while (lo < hi)
	{
		int mid = (lo + hi) / 2;

		if (set->keys[mid] <= key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static Reach
reach_set(const LhLeaf *leaf, const LhBounds *b)
{
	const LhKeySet *set = leaf->set;
	KeyBounds k = key_bounds(leaf, b);
	bool nan = k.may_nan && lh_keyset_has(set, LH_KEY_NAN);
	LhI128 min = lh_floor_div_i128(k.min, set->divisor),
		   max = lh_floor_div_i128(k.max, set->divisor);
	int inside = count_up_to(set, max) - count_up_to(set, min == LH_I128_MIN ? min : min - 1);
	Reach r;

	r.any = inside > 0 || nan;
	/* all keys between the bounds are in the set; max - min may exceed 128 bits, inside may not */
	r.all = inside > 0 && (LhU128) max - (LhU128) min == (LhU128) inside - 1 && (!k.may_nan || nan);
	return r;
}

static Reach
reach_bytes(const LhByteRange *range, const LhBounds *b)
{
	bool min = has_min(b), max = has_max(b);
	Reach r = {true, true};
	int c;

	if (min && max && lh_bytes_compare(b->min.str, b->max.str) > 0)
		min = max = false;
	if (range->has_lo)
	{
		c = max ? lh_bytes_compare(b->max.str, range->lo) : 1;
		r.any &= range->lo_open ? c > 0 : c >= 0;
		c = min ? lh_bytes_compare(b->min.str, range->lo) : -1;
		r.all &= range->lo_open ? c > 0 : c >= 0;
	}
	if (range->has_hi)
	{
		c = min ? lh_bytes_compare(b->min.str, range->hi) : -1;
		r.any &= range->hi_open ? c < 0 : c <= 0;
		c = max ? lh_bytes_compare(b->max.str, range->hi) : 1;
		r.all &= range->hi_open ? c < 0 : c <= 0;
	}
	return r;
}

static Reach
reach_bytes_set(const LhLeaf *leaf, const LhBounds *b)
{
	Reach r = {false, true};

	for (int i = 0; i < leaf->set->n; i++)
	{
		LhByteRange one = {
			.lo = leaf->set->strs[i], .hi = leaf->set->strs[i], .has_lo = true, .has_hi = true};
		Reach o = reach_bytes(&one, b);

		r.any |= o.any;
		if (o.all)
			return (Reach){true, true};
	}
	r.all = false;
	return r;
}

/* LIKE is true at most for strings with its literal prefix, and never surely. */
static Reach
reach_like(const LhLeaf *leaf, const LhBounds *b)
{
	Reach r = reach_bytes(&leaf->bytes, b);

	r.all = false;
	return r;
}

static bool
compares(LhCmp op, int c)
{
	switch (op)
	{
		case LH_EQ: return c == 0;
		case LH_NE: return c != 0;
		case LH_LT: return c < 0;
		case LH_LE: return c <= 0;
		case LH_GT: return c > 0;
		default: return c >= 0;
	}
}

static Reach
reach_wide(const LhLeaf *leaf, const LhBounds *b)
{
	int min = has_min(b) ? lh_value_compare(&b->min, &leaf->value) : -1;
	int max = has_max(b) ? lh_value_compare(&b->max, &leaf->value) : 1;
	Reach r = {false, true};

	if (min > max)
	{
		min = -1;
		max = 1;
	}
	/* values on each side of the constant and equal to it, as far as the bounds allow */
	for (int c = min; c <= max; c++)
	{
		r.any |= compares(leaf->op, c);
		r.all &= compares(leaf->op, c);
	}
	return r;
}

static Reach
reach_leaf(const LhLeaf *leaf, const LhBounds *b)
{
	switch (leaf->test)
	{
		case LH_TEST_NONE: return (Reach){false, false};
		case LH_TEST_RANGE: return reach_range(leaf, b);
		case LH_TEST_SET: return reach_set(leaf, b);
		case LH_TEST_BYTES_EQ:
		case LH_TEST_BYTES_PREFIX:
		case LH_TEST_BYTES_RANGE: return reach_bytes(&leaf->bytes, b);
		case LH_TEST_BYTES_SET: return reach_bytes_set(leaf, b);
		case LH_TEST_LIKE: return reach_like(leaf, b);
		case LH_TEST_WIDE: return reach_wide(leaf, b);
		default: return (Reach){true, false};
	}
}

static LhVerdict
verdict_of(bool any, bool all)
{
	return !any ? LH_NONE : all ? LH_ALL : LH_MAYBE;
}

static LhVerdict
leaf_verdict(const LhLeaf *leaf, const LhBounds *b)
{
	Reach r = reach_leaf(leaf, b);
	int64_t nulls = b->rows >= 0 && b->nulls > b->rows ? -1 : b->nulls;
	bool no_null = nulls == 0, all_null = b->rows >= 0 && nulls == b->rows;

	if (leaf->negate)
		r = (Reach){!r.all, !r.any};
	return verdict_of((!all_null && r.any) || (leaf->null_passes && !no_null),
					  (all_null || r.all) && (no_null || leaf->null_passes));
}

LhVerdict
lh_pred_bounds(const LhPred *p, const LhBounds *bounds)
{
	bool none = p->kind == LH_P_OR, all = p->kind == LH_P_AND;

	if (p->kind == LH_P_NEVER)
		return LH_NONE;
	if (p->kind == LH_P_ALWAYS && p->col < 0)
		return LH_ALL;
	if (p->kind != LH_P_AND && p->kind != LH_P_OR)
		return leaf_verdict(lh_pred_get_leaf(p), bounds != NULL ? &bounds[p->col] : &nothing_known);
	for (int i = 0; i < p->nargs; i++)
	{
		LhVerdict v = lh_pred_bounds(p->args[i], bounds);

		if (p->kind == LH_P_AND)
		{
			none |= v == LH_NONE;
			all &= v == LH_ALL;
		}
		else
		{
			none &= v == LH_NONE;
			all |= v == LH_ALL;
		}
	}
	return verdict_of(!none, all);
}

/* One key of a column; zero and NaN are written in several ways. */
static LhVerdict
probe_key(const LhPred *p, LhI128 key, LhProbeFn fn, void *arg)
{
	const LhLeaf *leaf = lh_pred_get_leaf(p);
	LhValue v = lh_key_value(&leaf->type, key);
	LhVerdict verdict;

	if (leaf->is_float && key == LH_KEY_NAN)
		return LH_MAYBE;
	if (leaf->is_float && leaf->type.lane == LH_LANE_F32 && (double) (float) v.f64 != v.f64)
		return LH_NONE;
	verdict = fn(arg, p->col, &v);
	if (verdict == LH_NONE && leaf->is_float && v.f64 == 0)
	{
		v.f64 = -0.0;
		verdict = fn(arg, p->col, &v);
	}
	return verdict == LH_NONE ? LH_NONE : LH_MAYBE;
}

static LhVerdict
probe_bytes(const LhPred *p, LhStr s, LhProbeFn fn, void *arg)
{
	LhValue v = {.type = lh_pred_get_leaf(p)->type, .str = s};

	return fn(arg, p->col, &v) == LH_NONE ? LH_NONE : LH_MAYBE;
}

static LhVerdict
probe_leaf(const LhPred *p, LhProbeFn fn, void *arg)
{
	const LhLeaf *leaf = lh_pred_get_leaf(p);

	if (leaf->negate || leaf->null_passes)
		return LH_MAYBE;
	switch (leaf->test)
	{
		case LH_TEST_RANGE:
			return leaf->lo == leaf->hi ? probe_key(p, leaf->lo, fn, arg) : LH_MAYBE;
		case LH_TEST_BYTES_EQ: return probe_bytes(p, leaf->bytes.lo, fn, arg);
		case LH_TEST_SET:
			if (leaf->set->divisor != 1)
				return LH_MAYBE;
			for (int i = 0; i < leaf->set->n; i++)
			{
				if (probe_key(p, leaf->set->keys[i], fn, arg) != LH_NONE)
					return LH_MAYBE;
			}
			return LH_NONE;
		case LH_TEST_BYTES_SET:
			for (int i = 0; i < leaf->set->n; i++)
			{
				if (probe_bytes(p, leaf->set->strs[i], fn, arg) != LH_NONE)
					return LH_MAYBE;
			}
			return LH_NONE;
		default: return LH_MAYBE;
	}
}

LhVerdict
lh_pred_probe(const LhPred *p, LhProbeFn fn, void *arg)
{
	if (p->kind == LH_P_NEVER)
		return LH_NONE;
	if (p->kind == LH_P_ALWAYS && p->col < 0)
		return LH_MAYBE;
	if (p->kind != LH_P_AND && p->kind != LH_P_OR)
		return probe_leaf(p, fn, arg);
	for (int i = 0; i < p->nargs; i++)
	{
		LhVerdict v = lh_pred_probe(p->args[i], fn, arg);

		if ((v == LH_NONE) == (p->kind == LH_P_AND))
			return v;
	}
	return p->kind == LH_P_AND ? LH_MAYBE : LH_NONE;
}
