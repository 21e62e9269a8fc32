/*
 * transform.c
 *		Partition transforms: applied, turned round, and predicates projected on them.
 *
 * All but bucket keep order, so a range of source values is a range of partition
 * values:
 *
 *	1. The leaf is bound to the source's type, which makes of its constant exact
 *	   keys of that type (pred_bind.c): a range, a set, or bytes.
 *	2. The ends of a range are transformed; both are included, since a partition
 *	   value stands for many source values.
 *	3. Sets and ranges of few keys are transformed key by key; that is all that can
 *	   be said of buckets.
 *
 * What is negated (<>, NOT IN) says nothing of values that stand for several, and
 * goes through identity only.
 *
 * Years, months, days and hours before 1970 are rounded down, but writers of old rounded
 * them towards zero: such a value lies in its own partition or, if that is negative,
 * perhaps in the one above.  Both are looked at, and a partition of a number below
 * one stands for the one below, too.  Days of dates were never rounded.
 *
 * Format: "Partition Transforms" and appendix B of https://iceberg.apache.org/spec/
 */
#include <strings.h>

#include "core/datetime.h"
#include "iceberg/ice.h"
#include "vec/pred_fit.h"

/* A range of at most so many keys is hashed key by key. */
#define MAX_BUCKET_KEYS 256
/* A longer IN list says nothing of buckets. */
#define MAX_SET_KEYS 10000

/*
 * Names
 */

static bool
word_is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* "name[N]" */
static LhStatus
parse_parameter(LhCtx *ctx, const char *s, size_t len, LhIceTransform *out)
{
	int64_t v = 0;
	size_t i = strlen(out->kind == LH_ICE_BUCKET ? "bucket[" : "truncate[");

	for (; i < len && s[i] >= '0' && s[i] <= '9' && v <= INT32_MAX; i++)
		v = v * 10 + (s[i] - '0');
	if (i + 1 != len || s[i] != ']' || v < 1 || v > INT32_MAX)
		LH_FAIL(ctx, LH_CORRUPT,
				"partition transform \"%s\": expected a positive 32-bit number in brackets",
				out->text);
	out->param = (int32_t) v;
	return LH_OK;
}

LhStatus
lh_ice_transform_parse(LhCtx *ctx, const char *text, size_t len, LhIceTransform *out)
{
	static const struct
	{
		const char *name;
		LhIceTransformKind kind;
	} names[] = {{"identity", LH_ICE_IDENTITY}, {"year", LH_ICE_YEAR}, {"month", LH_ICE_MONTH},
				 {"day", LH_ICE_DAY},           {"hour", LH_ICE_HOUR}, {"void", LH_ICE_VOID}};

	*out = (LhIceTransform){.kind = LH_ICE_UNKNOWN, .text = lh_strndup(ctx, text, len)};
	if (out->text == NULL)
		return ctx->error->code;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (word_is(text, len, names[i].name))
			out->kind = names[i].kind;
	}
	if (len > 7 && strncasecmp(text, "bucket[", 7) == 0)
		out->kind = LH_ICE_BUCKET;
	else if (len > 9 && strncasecmp(text, "truncate[", 9) == 0)
		out->kind = LH_ICE_TRUNCATE;
	else
		return LH_OK;
	return parse_parameter(ctx, text, len, out);
}

/*
 * Types
 */

static LhType
type_of(LhTypeId id)
{
	return (LhType){.id = id, .lane = LH_LANE_I32};
}

static bool
is_moment(const LhType *t)
{
	return t->id == LH_T_DATE || t->id == LH_T_TIMESTAMP;
}

static bool
is_hashed(const LhType *t)
{
	switch (t->id)
	{
		case LH_T_INT32:
		case LH_T_INT64:
		case LH_T_DATE:
		case LH_T_TIME:
		case LH_T_TIMESTAMP:
		case LH_T_STRING:
		case LH_T_BINARY:
		case LH_T_FIXED:
		case LH_T_UUID: return true;
		case LH_T_DECIMAL: return t->lane != LH_LANE_STR;
		default: return false;
	}
}

bool
lh_ice_transform_type(const LhIceTransform *t, const LhType *source, LhType *out)
{
	switch (t->kind)
	{
		case LH_ICE_IDENTITY:
		case LH_ICE_VOID: *out = *source; return true;
		case LH_ICE_BUCKET: *out = type_of(LH_T_INT32); return is_hashed(source);
		case LH_ICE_TRUNCATE:
			*out = *source;
			return source->id == LH_T_INT32 || source->id == LH_T_INT64 ||
				   (source->id == LH_T_DECIMAL && source->lane != LH_LANE_STR) ||
				   source->id == LH_T_STRING || source->id == LH_T_BINARY;
		case LH_ICE_YEAR:
		case LH_ICE_MONTH: *out = type_of(LH_T_INT32); return is_moment(source);
		case LH_ICE_DAY: *out = type_of(LH_T_DATE); return is_moment(source);
		case LH_ICE_HOUR: *out = type_of(LH_T_INT32); return source->id == LH_T_TIMESTAMP;
		default: return false;
	}
}

/* Does the transform round moments, so that those before 1970 may have been rounded upwards? */
static bool
is_rounded(const LhIceTransform *t, const LhType *source)
{
	return t->kind == LH_ICE_YEAR || t->kind == LH_ICE_MONTH || t->kind == LH_ICE_HOUR ||
		   (t->kind == LH_ICE_DAY && source->id != LH_T_DATE);
}

/*
 * Hashes
 */

static uint32_t
rotate(uint32_t x, int r)
{
	return x << r | x >> (32 - r);
}

static uint32_t
murmur3_mix(uint32_t k)
{
	return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

/* MurmurHash3_x86_32 with seed 0. */
static uint32_t
murmur3(const uint8_t *p, size_t n)
{
	uint32_t h = 0, k = 0;
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		h = rotate(h ^ murmur3_mix(lh_load_u32(p + i)), 13) * 5 + 0xe6546b64u;
	for (size_t j = n; j > i; j--)
		k = k << 8 | p[j - 1];
	h ^= murmur3_mix(k);
	h ^= (uint32_t) n;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

static uint32_t
hash_long(int64_t v)
{
	uint8_t bytes[8];

	memcpy(bytes, &v, sizeof(bytes));
	return murmur3(bytes, sizeof(bytes));
}

/* The fewest big-endian bytes that hold v. */
static uint32_t
hash_decimal(LhI128 v)
{
	uint8_t bytes[16];
	size_t skip = 0;

	for (int i = 15; i >= 0; i--, v >>= 8)
		bytes[i] = (uint8_t) v;
	while (skip < 15 && ((bytes[skip] == 0 && bytes[skip + 1] < 0x80) ||
						 (bytes[skip] == 0xFF && bytes[skip + 1] >= 0x80)))
		skip++;
	return murmur3(bytes + skip, 16 - skip);
}

bool
lh_ice_hash(const LhValue *v, uint32_t *out)
{
	if (!is_hashed(&v->type))
		return false;
	switch (v->type.id)
	{
		case LH_T_TIMESTAMP:
			*out = hash_long(v->type.unit == LH_UNIT_NS ? lh_floor_div(v->i64, 1000) : v->i64);
			break;
		case LH_T_DECIMAL:
			*out = hash_decimal(v->type.lane == LH_LANE_I128 ? v->i128 : v->i64);
			break;
		case LH_T_STRING:
		case LH_T_BINARY:
		case LH_T_FIXED:
		case LH_T_UUID: *out = murmur3(v->str.ptr, v->str.len); break;
		default: *out = hash_long(v->i64); break;
	}
	return true;
}

/*
 * Application
 */

static int64_t
per_day(const LhType *t)
{
	static const int64_t ticks[] = {86400, 86400000, INT64_C(86400000000), INT64_C(86400000000000)};

	return t->id == LH_T_DATE ? 1 : ticks[t->unit & 3];
}

/* Years, months, days or hours since 1970, by floor. */
static int64_t
apply_time(LhIceTransformKind kind, const LhValue *v)
{
	int64_t days, y;
	int m, d;

	if (kind == LH_ICE_HOUR)
		return lh_floor_div(v->i64, per_day(&v->type) / 24);
	days = lh_floor_div(v->i64, per_day(&v->type));
	if (kind == LH_ICE_DAY)
		return days;
	lh_civil_from_days(days, &y, &m, &d);
	return kind == LH_ICE_YEAR ? y - 1970 : (y - 1970) * 12 + m - 1;
}

/* Bytes of the first width characters. */
static uint32_t
clip_text(LhStr s, int32_t width)
{
	uint32_t i = 0;

	for (int32_t n = 0; i < s.len; i++)
	{
		if ((s.ptr[i] & 0xC0) != 0x80 && n++ == width)
			break;
	}
	return i;
}

/* False: the result leaves the lane. */
static bool
apply_truncate(int32_t width, LhValue *v)
{
	LhI128 x, r, min, max;

	if (v->type.lane == LH_LANE_STR)
	{
		if (v->type.id == LH_T_STRING)
			v->str.len = clip_text(v->str, width);
		else if (v->str.len > (uint32_t) width)
			v->str.len = (uint32_t) width;
		return true;
	}
	lh_lane_limits(v->type.lane, &min, &max);
	x = v->type.lane == LH_LANE_I128 ? v->i128 : v->i64;
	r = x - lh_floor_div_i128(x, width) * width;
	if (x < min + r)
		return false;
	if (v->type.lane == LH_LANE_I128)
		v->i128 = x - r;
	else
		v->i64 = (int64_t) (x - r);
	return true;
}

LhStatus
lh_ice_transform_apply(LhCtx *ctx, const LhIceTransform *t, const LhValue *v, LhValue *out,
					   bool *known)
{
	LhType type;
	uint32_t hash;

	*known = lh_ice_transform_type(t, &v->type, &type);
	if (!*known)
		return LH_OK;
	*out = *v;
	out->type = type;
	if (t->kind == LH_ICE_VOID)
		out->null = true;
	if (out->null)
		return LH_OK;
	switch (t->kind)
	{
		case LH_ICE_BUCKET:
			*known = lh_ice_hash(v, &hash);
			out->i64 = (hash & INT32_MAX) % (uint32_t) t->param;
			break;
		case LH_ICE_TRUNCATE: *known = apply_truncate(t->param, out); break;
		case LH_ICE_IDENTITY: break;
		default:
			out->i64 = apply_time(t->kind, v);
			*known = out->i64 >= INT32_MIN && out->i64 <= INT32_MAX;
			break;
	}
	return LH_OK;
}

/*
 * Turned round
 */

/* First day of a year or month since 1970. */
static int64_t
first_day(LhIceTransformKind kind, int64_t v)
{
	return kind == LH_ICE_YEAR ? lh_days_from_civil(1970 + v, 1, 1)
							   : lh_days_from_civil(1970 + lh_floor_div(v, 12),
													(int) lh_floor_mod(v, 12) + 1, 1);
}

static bool
set_key(LhI128 key, const LhType *type, LhValue *out)
{
	LhI128 min, max;

	lh_lane_limits(type->lane, &min, &max);
	if (key < min || key > max)
		return false;
	*out = lh_key_value(type, key);
	return true;
}

static void
range_time(const LhIceTransform *t, const LhType *source, int64_t v, LhBounds *out)
{
	int64_t from = is_rounded(t, source) && v <= 0 ? v - 1 : v;
	LhI128 unit = per_day(source), lo = from, hi = (LhI128) v + 1;

	if (t->kind == LH_ICE_HOUR)
		unit /= 24;
	else if (t->kind != LH_ICE_DAY)
	{
		lo = first_day(t->kind, from);
		hi = first_day(t->kind, v + 1);
	}
	out->has_min = set_key(lo * unit, source, &out->min);
	out->has_max = set_key(hi * unit - 1, source, &out->max);
}

/* Strings that begin with a value as long as the width; a shorter one stands for itself. */
static LhStatus
range_bytes(LhCtx *ctx, const LhIceTransform *t, const LhValue *v, LhBounds *out)
{
	LhValue clipped = *v;
	uint32_t n = v->str.len;
	uint8_t *next;

	out->min = *v;
	out->has_min = true;
	apply_truncate(t->param, &clipped);
	if (v->type.id == LH_T_STRING)
	{
		LhValue less = *v;

		if (t->param > 1)
			apply_truncate(t->param - 1, &less);
		else
			less.str.len = 0;
		if (less.str.len == v->str.len)
		{
			out->max = *v;
			out->has_max = true;
			return LH_OK;
		}
	}
	else if (v->str.len < (uint32_t) t->param)
	{
		out->max = *v;
		out->has_max = true;
		return LH_OK;
	}
	/* the successor of the prefix: above all of its strings */
	while (n > 0 && v->str.ptr[n - 1] == 0xFF)
		n--;
	if (n == 0)
		return LH_OK;
	next = lh_memdup(ctx, v->str.ptr, n);
	if (next == NULL)
		return ctx->error->code;
	next[n - 1]++;
	out->max = *v;
	out->max.str = (LhStr){next, n, 0};
	out->has_max = true;
	return LH_OK;
}

LhStatus
lh_ice_transform_range(LhCtx *ctx, const LhIceTransform *t, const LhType *source, const LhValue *v,
					   LhBounds *out)
{
	LhType type;

	*out = (LhBounds){.may_nan = true, .rows = -1, .nulls = -1};
	if (v->null || !lh_ice_transform_type(t, source, &type) || !lh_type_equal(&type, &v->type))
		return LH_OK;
	switch (t->kind)
	{
		case LH_ICE_IDENTITY:
			/* of floats zero has two signs and NaN many forms, which compare as one */
			out->known = true;
			out->may_nan = source->id == LH_T_FLOAT || source->id == LH_T_DOUBLE;
			if (out->may_nan)
			{
				if (isnan(v->f64))
				{
					out->known = false;
					return LH_OK;
				}
				out->may_nan = false;
			}
			out->min = out->max = *v;
			out->has_min = out->has_max = out->min_exact = out->max_exact = true;
			return LH_OK;
		case LH_ICE_TRUNCATE:
			out->known = true;
			if (v->type.lane == LH_LANE_STR)
				return range_bytes(ctx, t, v, out);
			out->has_min = set_key(lh_value_key(v), source, &out->min);
			out->has_max = set_key(lh_value_key(v) + t->param - 1, source, &out->max);
			return LH_OK;
		case LH_ICE_YEAR:
		case LH_ICE_MONTH:
		case LH_ICE_DAY:
		case LH_ICE_HOUR:
			out->known = true;
			range_time(t, source, v->i64, out);
			return LH_OK;
		default: return LH_OK;
	}
}

/*
 * Projection
 */

/* What a projection works with. */
typedef struct Projection
{
	const LhIceTransform *t;
	const LhType *source;
	LhType type; /* of the partition value */
	int col;
} Projection;

static LhStatus
apply_key(LhCtx *ctx, const Projection *p, LhI128 key, LhValue *out, bool *known)
{
	LhValue v = lh_key_value(p->source, key);

	return lh_ice_transform_apply(ctx, p->t, &v, out, known);
}

/* lo <= value <= hi, either of them missing. */
static LhStatus
between(LhCtx *ctx, int col, const LhValue *lo, const LhValue *hi, LhPred **out)
{
	LhPred *args[2];
	int n = 0;

	*out = NULL;
	if (lo != NULL && hi != NULL && lh_value_compare(lo, hi) == 0)
		return lh_pred_cmp(ctx, col, LH_EQ, lo, out);
	if (lo != NULL)
		LH_TRY(lh_pred_cmp(ctx, col, LH_GE, lo, &args[n++]));
	if (hi != NULL)
		LH_TRY(lh_pred_cmp(ctx, col, LH_LE, hi, &args[n++]));
	if (n == 0)
		return LH_OK;
	if (n == 1)
	{
		*out = args[0];
		return LH_OK;
	}
	return lh_pred_list(ctx, LH_P_AND, args, n, out);
}

/* May writers have put source values of this partition into the one above? */
static bool
may_be_above(const Projection *p, const LhValue *part)
{
	return is_rounded(p->t, p->source) && part->i64 < 0;
}

static LhStatus
project_keys(LhCtx *ctx, const Projection *p, const LhKeySet *set, LhPred **out)
{
	LhValue *values;
	int n = 0;
	int per_key = p->source->id == LH_T_TIMESTAMP && p->source->unit == LH_UNIT_NS ? 1000 : 1;

	/* a set of microseconds over nanoseconds: all of one are alike to every transform */
	if (set->divisor != 1 && set->divisor != per_key)
		return LH_OK;
	if (set->n > MAX_SET_KEYS)
		return LH_OK;
	LH_NEW_ARRAY(ctx, values, (size_t) set->n * 2);
	for (int i = 0; i < set->n; i++)
	{
		bool known;

		LH_TRY(apply_key(ctx, p, set->keys[i] * set->divisor, &values[n], &known));
		if (!known)
			return LH_OK;
		if (may_be_above(p, &values[n++]))
		{
			values[n] = values[n - 1];
			values[n++].i64++;
		}
	}
	return lh_pred_in(ctx, p->col, false, values, n, false, out);
}

/* Buckets of a short range. */
static LhStatus
project_buckets(LhCtx *ctx, const Projection *p, LhI128 lo, LhI128 hi, LhPred **out)
{
	int64_t step = p->source->id == LH_T_TIMESTAMP && p->source->unit == LH_UNIT_NS ? 1000 : 1;
	LhI128 keys[MAX_BUCKET_KEYS];
	LhKeySet set = {.keys = keys, .divisor = step};

	lo = lh_floor_div_i128(lo, step);
	hi = lh_floor_div_i128(hi, step);
	if ((LhU128) hi - (LhU128) lo >= MAX_BUCKET_KEYS)
		return LH_OK;
	for (; lo <= hi; lo++)
		keys[set.n++] = lo;
	return project_keys(ctx, p, &set, out);
}

/*
 * Of ints less than a width above the least one, truncation leaves the type, and
 * writers let it wrap: such values lie in the uppermost partitions.
 */
static LhStatus
add_wrapped(LhCtx *ctx, const Projection *p, const LhLeaf *leaf, LhPred **out)
{
	LhI128 min, max;
	LhPred *args[2] = {*out};
	LhValue top;

	lh_lane_limits(p->source->lane, &min, &max);
	if (*out == NULL || p->t->kind != LH_ICE_TRUNCATE || p->source->id == LH_T_DECIMAL ||
		leaf->lo >= min + p->t->param)
		return LH_OK;
	top = lh_key_value(p->source, max - p->t->param + 1);
	LH_TRY(lh_pred_cmp(ctx, p->col, LH_GE, &top, &args[1]));
	return lh_pred_list(ctx, LH_P_OR, args, 2, out);
}

static LhStatus
project_range(LhCtx *ctx, const Projection *p, const LhLeaf *leaf, LhPred **out)
{
	LhValue lo, hi;
	LhI128 min, max;
	bool has_lo, has_hi;

	if (leaf->is_float)
		return LH_OK;
	if (p->t->kind == LH_ICE_BUCKET)
		return project_buckets(ctx, p, leaf->lo, leaf->hi, out);
	lh_lane_limits(p->source->lane, &min, &max);
	has_lo = leaf->lo > min;
	has_hi = leaf->hi < max;
	if (has_lo)
		LH_TRY(apply_key(ctx, p, leaf->lo, &lo, &has_lo));
	if (has_hi)
		LH_TRY(apply_key(ctx, p, leaf->hi, &hi, &has_hi));
	if (has_hi && may_be_above(p, &hi))
		hi.i64++;
	LH_TRY(between(ctx, p->col, has_lo ? &lo : NULL, has_hi ? &hi : NULL, out));
	return add_wrapped(ctx, p, leaf, out);
}

static LhStatus
apply_str(LhCtx *ctx, const Projection *p, LhStr s, LhValue *out, bool *known)
{
	LhValue v = {.type = *p->source, .str = s};

	return lh_ice_transform_apply(ctx, p->t, &v, out, known);
}

static LhStatus
project_bytes_set(LhCtx *ctx, const Projection *p, const LhStr *strs, int n, LhPred **out)
{
	LhValue *values;

	if (n > MAX_SET_KEYS)
		return LH_OK;
	LH_NEW_ARRAY(ctx, values, (size_t) n);
	for (int i = 0; i < n; i++)
	{
		bool known;

		LH_TRY(apply_str(ctx, p, strs[i], &values[i], &known));
		if (!known)
			return LH_OK;
	}
	return lh_pred_in(ctx, p->col, false, values, n, false, out);
}

static LhStatus
project_bytes_range(LhCtx *ctx, const Projection *p, const LhByteRange *range, LhPred **out)
{
	LhValue lo, hi;
	bool has_lo = range->has_lo, has_hi = range->has_hi;

	if (p->t->kind != LH_ICE_TRUNCATE)
		return LH_OK;
	if (has_lo)
		LH_TRY(apply_str(ctx, p, range->lo, &lo, &has_lo));
	if (has_hi)
		LH_TRY(apply_str(ctx, p, range->hi, &hi, &has_hi));
	return between(ctx, p->col, has_lo ? &lo : NULL, has_hi ? &hi : NULL, out);
}

/* Strings that begin with prefix: their truncations do, or are its own. */
static LhStatus
project_prefix(LhCtx *ctx, const Projection *p, LhStr prefix, LhPred **out)
{
	LhValue v;
	bool known;

	if (p->t->kind != LH_ICE_TRUNCATE || prefix.len == 0)
		return LH_OK;
	LH_TRY(apply_str(ctx, p, prefix, &v, &known));
	if (!known)
		return LH_OK;
	if (v.str.len < prefix.len)
		return lh_pred_cmp(ctx, p->col, LH_EQ, &v, out);
	return lh_pred_leaf(ctx, LH_P_PREFIX, p->col, &v, out);
}

static LhStatus
project_leaf(LhCtx *ctx, const Projection *p, const LhPred *bound, LhPred **out)
{
	const LhLeaf *leaf = lh_pred_get_leaf(bound);

	if (leaf->test == LH_TEST_NONE)
	{
		/* all values or none: what is left is said of nulls, which every transform keeps */
		if (leaf->negate && leaf->null_passes)
			return LH_OK;
		return lh_pred_leaf(ctx, leaf->negate ? LH_P_NOT_NULL : LH_P_IS_NULL, p->col, NULL, out);
	}
	if (leaf->negate || leaf->null_passes)
		return LH_OK;
	switch (leaf->test)
	{
		case LH_TEST_RANGE: return project_range(ctx, p, leaf, out);
		case LH_TEST_SET: return leaf->is_float ? LH_OK : project_keys(ctx, p, leaf->set, out);
		case LH_TEST_BYTES_EQ: return project_bytes_set(ctx, p, &leaf->bytes.lo, 1, out);
		case LH_TEST_BYTES_SET:
			return project_bytes_set(ctx, p, leaf->set->strs, leaf->set->n, out);
		case LH_TEST_BYTES_RANGE: return project_bytes_range(ctx, p, &leaf->bytes, out);
		case LH_TEST_BYTES_PREFIX: return project_prefix(ctx, p, leaf->bytes.lo, out);
		case LH_TEST_LIKE:
			return leaf->bytes.has_lo ? project_prefix(ctx, p, leaf->bytes.lo, out) : LH_OK;
		default: return LH_OK;
	}
}

LhStatus
lh_ice_project(LhCtx *ctx, const LhIceTransform *t, const LhType *source, const LhPred *pred,
			   int col, LhPred **out)
{
	Projection p = {.t = t, .source = source, .col = col};
	LhPred moved = *pred, *bound;
	LhStatus status;

	*out = NULL;
	if (pred->kind == LH_P_AND || pred->kind == LH_P_OR)
		LH_FAIL(ctx, LH_BUG, "a list was given to be projected");
	if (pred->kind == LH_P_NEVER)
		return lh_pred_leaf(ctx, LH_P_NEVER, -1, NULL, out);
	if (pred->kind == LH_P_HOST || pred->col < 0 || t->kind == LH_ICE_VOID ||
		!lh_ice_transform_type(t, source, &p.type))
		return LH_OK;
	moved.col = 0;
	status = lh_pred_bind(ctx, &moved, source, &bound);
	if (status == LH_UNSUPPORTED)
	{
		/* a constant that cannot be compared with the column here is none of our business */
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	if (t->kind == LH_ICE_IDENTITY)
	{
		LH_NEW(ctx, *out);
		**out = *pred;
		(*out)->col = col;
		return LH_OK;
	}
	if (bound->kind == LH_P_NEVER)
		return lh_pred_leaf(ctx, LH_P_NEVER, -1, NULL, out);
	if ((bound->kind == LH_P_ALWAYS && bound->col < 0) || bound->kind == LH_P_AND ||
		bound->kind == LH_P_OR)
		return LH_OK;
	return project_leaf(ctx, &p, bound, out);
}
