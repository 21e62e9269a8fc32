/*
 * write_take.c
 *		Values of vectors -> the physical form of their column.
 *
 * The opposite of convert.c.  Lanes that are wider than the physical type are
 * checked: what does not fit is refused with the value's type, never cut.
 */
#include "parquet/write_internal.h"
#include "vec/value.h"

/* What a decimal's precision takes on FLBA: the least n with 10^p <= 2^(8n - 1). */
static int
decimal_width(int precision)
{
	/* log2(10) = 3.321928...; the bound is never met exactly, so rounding up is right */
	int bits = (int) ((int64_t) precision * 3321928095 / 1000000000) + 2;

	return (bits + 7) / 8;
}

static LhStatus
unsupported(LhCtx *ctx, const LhPqwLeaf *leaf)
{
	LH_FAIL(ctx, LH_UNSUPPORTED, "column \"%s\": values of type %s in lane %d cannot be written",
			leaf->path, lh_type_name(&leaf->type), (int) leaf->type.lane);
}

static LhStatus
choose(LhCtx *ctx, LhPqwLeaf *leaf, LhPqPhysical physical, int length, LhPqwTake take)
{
	leaf->physical = physical;
	leaf->type_length = length;
	leaf->take = take;
	return LH_OK;
}

static LhStatus
choose_decimal(LhCtx *ctx, LhPqwLeaf *leaf)
{
	int precision = leaf->type.precision;
	LhPqwTake narrow, wide, be;

	if (precision < 1 || leaf->type.scale < 0 || leaf->type.scale > precision)
		LH_FAIL(ctx, LH_INVALID, "column \"%s\": decimal(%d,%d) is no type of Parquet", leaf->path,
				precision, (int) leaf->type.scale);
	switch (leaf->type.lane)
	{
		case LH_LANE_I32:
			narrow = LH_PQW_AS_IS;
			wide = LH_PQW_I32_I64;
			be = LH_PQW_I32_BE;
			break;
		case LH_LANE_I64:
			narrow = LH_PQW_I64_I32;
			wide = LH_PQW_AS_IS;
			be = LH_PQW_I64_BE;
			break;
		case LH_LANE_I128:
			narrow = LH_PQW_I128_I32;
			wide = LH_PQW_I128_I64;
			be = LH_PQW_I128_BE;
			break;
		case LH_LANE_STR:
			narrow = LH_PQW_STR_I32;
			wide = LH_PQW_STR_I64;
			be = LH_PQW_STR_BE;
			break;
		default: return unsupported(ctx, leaf);
	}
	if (precision <= 9)
		return choose(ctx, leaf, LH_PQ_INT32, 0, narrow);
	if (precision <= 18)
		return choose(ctx, leaf, LH_PQ_INT64, 0, wide);
	return choose(ctx, leaf, LH_PQ_FLBA, decimal_width(precision), be);
}

static LhStatus
choose_lane(LhCtx *ctx, LhPqwLeaf *leaf, LhLane lane, LhPqPhysical physical, LhPqwTake take)
{
	if (leaf->type.lane != lane)
		return unsupported(ctx, leaf);
	return choose(ctx, leaf, physical, 0, take);
}

static LhStatus
choose_fixed(LhCtx *ctx, LhPqwLeaf *leaf, int width)
{
	if (leaf->type.lane != LH_LANE_FIX || leaf->type.width != width || width < 1)
		return unsupported(ctx, leaf);
	return choose(ctx, leaf, LH_PQ_FLBA, width, LH_PQW_AS_IS);
}

LhStatus
lh_pqw_take_choose(LhCtx *ctx, LhPqwLeaf *leaf)
{
	const LhType *t = &leaf->type;

	if ((t->id == LH_T_TIME || t->id == LH_T_TIMESTAMP) && t->unit == LH_UNIT_S)
		LH_FAIL(ctx, LH_UNSUPPORTED, "column \"%s\": Parquet has no times in seconds", leaf->path);
	switch (t->id)
	{
		case LH_T_NULL: return choose(ctx, leaf, LH_PQ_INT32, 0, LH_PQW_NOTHING);
		case LH_T_BOOL: return choose_lane(ctx, leaf, LH_LANE_U8, LH_PQ_BOOLEAN, LH_PQW_BOOL);
		case LH_T_INT8:
		case LH_T_INT16:
		case LH_T_INT32:
		case LH_T_UINT8:
		case LH_T_UINT16:
		case LH_T_DATE: return choose_lane(ctx, leaf, LH_LANE_I32, LH_PQ_INT32, LH_PQW_AS_IS);
		case LH_T_UINT32: return choose_lane(ctx, leaf, LH_LANE_I64, LH_PQ_INT32, LH_PQW_I64_U32);
		case LH_T_INT64:
		case LH_T_TIMESTAMP: return choose_lane(ctx, leaf, LH_LANE_I64, LH_PQ_INT64, LH_PQW_AS_IS);
		case LH_T_UINT64: return choose_lane(ctx, leaf, LH_LANE_I128, LH_PQ_INT64, LH_PQW_I128_U64);
		case LH_T_TIME:
			if (t->unit == LH_UNIT_MS)
				return choose_lane(ctx, leaf, LH_LANE_I64, LH_PQ_INT32, LH_PQW_I64_I32);
			return choose_lane(ctx, leaf, LH_LANE_I64, LH_PQ_INT64, LH_PQW_AS_IS);
		case LH_T_FLOAT16:
			LH_TRY(choose_lane(ctx, leaf, LH_LANE_F32, LH_PQ_FLBA, LH_PQW_HALF));
			leaf->type_length = 2;
			return LH_OK;
		case LH_T_FLOAT: return choose_lane(ctx, leaf, LH_LANE_F32, LH_PQ_FLOAT, LH_PQW_AS_IS);
		case LH_T_DOUBLE: return choose_lane(ctx, leaf, LH_LANE_F64, LH_PQ_DOUBLE, LH_PQW_AS_IS);
		case LH_T_DECIMAL: return choose_decimal(ctx, leaf);
		case LH_T_INTERVAL: return choose_fixed(ctx, leaf, 12);
		case LH_T_UUID: return choose_fixed(ctx, leaf, 16);
		case LH_T_FIXED: return choose_fixed(ctx, leaf, t->width);
		default: return choose_lane(ctx, leaf, LH_LANE_STR, LH_PQ_BYTE_ARRAY, LH_PQW_BYTES);
	}
}

static LhStatus
does_not_fit(LhCtx *ctx, const LhPqwLeaf *leaf)
{
	LhBuf type;

	LH_TRY(lh_buf_init(ctx, &type, false));
	LH_TRY(lh_type_format(ctx, &leaf->type, &type));
	LH_FAIL(ctx, LH_OUT_OF_RANGE, "column \"%s\": a value does not fit its type %.*s", leaf->path,
			(int) type.len, (const char *) type.data);
}

/* The position of value i. */
static inline size_t
at(const LhPqwPicks *p, size_t i)
{
	return p->pos != NULL ? p->pos[i] : p->first + i;
}

/* Values of width bytes as they lie. */
static void
copy(const uint8_t *in, size_t width, const LhPqwPicks *p, uint8_t *out)
{
	if (p->pos == NULL)
	{
		memcpy(out, in + p->first * width, p->n * width);
		return;
	}
	switch (width)
	{
		case 4:
			for (size_t i = 0; i < p->n; i++)
				memcpy(out + i * 4, in + (size_t) p->pos[i] * 4, 4);
			break;
		case 8:
			for (size_t i = 0; i < p->n; i++)
				memcpy(out + i * 8, in + (size_t) p->pos[i] * 8, 8);
			break;
		default:
			for (size_t i = 0; i < p->n; i++)
				memcpy(out + i * width, in + (size_t) p->pos[i] * width, width);
	}
}

/* Value i in one of the integer lanes; false: it needs more than 128 bits. */
static inline bool
wide_value(LhPqwTake take, const uint8_t *in, size_t i, LhI128 *v)
{
	LhStr s;

	switch (take)
	{
		case LH_PQW_I32_I64:
		case LH_PQW_I32_BE: *v = lh_load_i32(in + i * 4); return true;
		case LH_PQW_I64_I32:
		case LH_PQW_I64_U32:
		case LH_PQW_I64_BE: *v = lh_load_i64(in + i * 8); return true;
		case LH_PQW_STR_I32:
		case LH_PQW_STR_I64:
			memcpy(&s, in + i * sizeof(s), sizeof(s));
			return lh_i128_from_be_wide(s.ptr, s.len, v);
		default: memcpy(v, in + i * sizeof(*v), sizeof(*v)); return true;
	}
}

/* The largest value of a decimal; where our integers end, the width of the bytes is the limit. */
static LhI128
most_of(const LhType *t)
{
	return t->precision <= LH_DECIMAL_MAX_PRECISION ? lh_pow10[t->precision] - 1 : LH_I128_MAX;
}

/* The values that the leaf's type takes, of those that come in wider lanes. */
static void
range_of(const LhPqwLeaf *leaf, LhI128 *min, LhI128 *max)
{
	switch (leaf->type.id)
	{
		case LH_T_DECIMAL:
			*max = most_of(&leaf->type);
			*min = -*max;
			break;
		case LH_T_UINT32:
			*min = 0;
			*max = UINT32_MAX;
			break;
		case LH_T_UINT64:
			*min = 0;
			*max = UINT64_MAX;
			break;
		default:
			/* times of day in milliseconds */
			*min = 0;
			*max = INT32_MAX;
	}
}

/* To INT32 and INT64. */
static LhStatus
narrow(LhCtx *ctx, const LhPqwLeaf *leaf, const uint8_t *in, const LhPqwPicks *p, uint8_t *out)
{
	size_t width = leaf->physical == LH_PQ_INT32 ? 4 : 8;
	LhI128 min, max;

	range_of(leaf, &min, &max);

	for (size_t i = 0; i < p->n; i++)
	{
		uint64_t low;
		LhI128 v;

		if (!wide_value(leaf->take, in, at(p, i), &v) || v < min || v > max)
			return does_not_fit(ctx, leaf);
		low = (uint64_t) v;
		memcpy(out + i * width, &low, width);
	}
	return LH_OK;
}

/* INT32 and INT64 as they came: have they no more digits than their type? */
static LhStatus
check_digits(LhCtx *ctx, const LhPqwLeaf *leaf, const uint8_t *p, size_t n)
{
	int64_t most = (int64_t) most_of(&leaf->type), bad = 0;

	for (size_t i = 0; i < n; i++)
	{
		int64_t v = leaf->physical == LH_PQ_INT32 ? lh_load_i32(p + i * 4) : lh_load_i64(p + i * 8);

		bad |= (v > most) | (v < -most);
	}
	return bad ? does_not_fit(ctx, leaf) : LH_OK;
}

/* Integers to big-endian bytes. */
static LhStatus
big_endian(LhCtx *ctx, const LhPqwLeaf *leaf, const uint8_t *in, const LhPqwPicks *p, uint8_t *out)
{
	LhI128 most = most_of(&leaf->type);
	int width = leaf->type_length;

	for (size_t i = 0; i < p->n; i++, out += width)
	{
		LhU128 u;
		LhI128 v;

		if (!wide_value(leaf->take, in, at(p, i), &v) || v < -most || v > most)
			return does_not_fit(ctx, leaf);
		u = (LhU128) v;
		for (int k = width - 1; k >= 0; k--, u >>= 8)
			out[k] = k >= width - 16 ? (uint8_t) u : (uint8_t) (v < 0 ? 0xff : 0);
	}
	return LH_OK;
}

/* Big-endian bytes of any width to type_length. */
static LhStatus
resize(LhCtx *ctx, const LhPqwLeaf *leaf, const uint8_t *in, const LhPqwPicks *p, uint8_t *out)
{
	size_t width = (size_t) leaf->type_length;

	for (size_t i = 0; i < p->n; i++, out += width)
	{
		uint8_t sign;
		size_t extra;
		LhStr s;

		memcpy(&s, in + at(p, i) * sizeof(s), sizeof(s));
		if (s.len == 0)
			return does_not_fit(ctx, leaf);
		sign = s.ptr[0] & 0x80 ? 0xff : 0;
		extra = s.len > width ? s.len - width : 0;
		for (size_t k = 0; k < extra; k++)
			if (s.ptr[k] != sign)
				return does_not_fit(ctx, leaf);
		if (extra > 0 && (s.ptr[extra] & 0x80) != (sign & 0x80))
			return does_not_fit(ctx, leaf);
		memset(out, sign, width);
		memcpy(out + (width - (s.len - extra)), s.ptr + extra, s.len - extra);
	}
	return LH_OK;
}

/* To the nearest half, ties to even. */
static uint16_t
to_half(float f)
{
	uint32_t bits, sign, rest;
	int exponent;

	memcpy(&bits, &f, sizeof(bits));
	sign = bits >> 16 & 0x8000;
	exponent = (int) (bits >> 23 & 0xff);
	bits &= 0x7fffff;
	if (exponent == 0xff)
		return (uint16_t) (sign | 0x7c00 | (bits != 0 ? 0x200 | bits >> 13 : 0));
	exponent -= 127 - 15;
	if (exponent >= 31)
		return (uint16_t) (sign | 0x7c00);
	if (exponent < -10)
		return (uint16_t) sign;
	if (exponent <= 0)
	{
		/* a denormal: the leading one becomes visible */
		int shift = 14 - exponent;

		bits |= 0x800000;
		rest = bits & ((UINT32_C(1) << shift) - 1);
		bits >>= shift;
		if (rest > UINT32_C(1) << (shift - 1) || (rest == UINT32_C(1) << (shift - 1) && (bits & 1)))
			bits++;
		return (uint16_t) (sign | bits);
	}
	rest = bits & 0x1fff;
	bits = (uint32_t) exponent << 10 | bits >> 13;
	if (rest > 0x1000 || (rest == 0x1000 && (bits & 1)))
		bits++;
	return (uint16_t) (sign | bits);
}

static void
halves(const uint8_t *in, const LhPqwPicks *p, uint8_t *out)
{
	for (size_t i = 0; i < p->n; i++)
	{
		uint16_t h = to_half(lh_load_f32(in + at(p, i) * 4));

		memcpy(out + i * 2, &h, 2);
	}
}

static LhStatus
take_strs(LhCtx *ctx, const uint8_t *in, const LhPqwPicks *p, LhPqwValues *out)
{
	LhStr strs[256];

	for (size_t done = 0; done < p->n;)
	{
		size_t k = 0;

		for (; k < 256 && done < p->n; k++, done++)
			memcpy(&strs[k], in + at(p, done) * sizeof(LhStr), sizeof(LhStr));
		LH_TRY(lh_pqw_values_add_strs(ctx, out, strs, k));
	}
	return LH_OK;
}

LhStatus
lh_pqw_take(LhCtx *ctx, const LhPqwLeaf *leaf, const void *data, const LhPqwPicks *p,
			LhPqwValues *out)
{
	const uint8_t *in = data;
	uint8_t *to = NULL;

	if (leaf->take == LH_PQW_BYTES)
		return take_strs(ctx, in, p, out);
	LH_TRY(lh_pqw_values_extend(ctx, out, p->n, &to));
	switch (leaf->take)
	{
		case LH_PQW_AS_IS:
			copy(in, out->width, p, to);
			if (leaf->type.id == LH_T_DECIMAL)
				return check_digits(ctx, leaf, to, p->n);
			break;
		case LH_PQW_BOOL:
			for (size_t i = 0; i < p->n; i++)
				to[i] = in[at(p, i)] != 0;
			break;
		case LH_PQW_I32_BE:
		case LH_PQW_I64_BE:
		case LH_PQW_I128_BE: return big_endian(ctx, leaf, in, p, to);
		case LH_PQW_STR_BE: return resize(ctx, leaf, in, p, to);
		case LH_PQW_HALF: halves(in, p, to); break;
		case LH_PQW_BYTES:
		case LH_PQW_NOTHING: break;
		default: return narrow(ctx, leaf, in, p, to);
	}
	return LH_OK;
}
