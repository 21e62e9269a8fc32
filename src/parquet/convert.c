/*
 * convert.c
 *		Physical values to the lanes of vec/types.h.
 *
 * Most columns need nothing: INT32, INT64, floats and byte arrays already lie
 * as their lane wants them.  The rest: unsigned and short integers, times in
 * ms, decimals as big-endian bytes of any width, float16, INT96, days that
 * are Julian (calendar.c).
 *
 * Format: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md
 */
#include "parquet/convert.h"

#include "parquet/decode.h"
#include "parquet/kernels.h"

/* INT96: Julian day of 1970-01-01 */
#define JULIAN_1970 2440588
#define US_PER_DAY  UINT64_C(86400000000)

/* The kind for a leaf whose type is what "type" says; -1: there is none. */
static int
from_int32(const LhType *type)
{
	if (type->id == LH_T_UINT8)
		return LH_PQ_MASK8;
	if (type->id == LH_T_UINT16)
		return LH_PQ_MASK16;
	switch (type->lane)
	{
		case LH_LANE_I32: return LH_PQ_AS_IS;
		case LH_LANE_I64: return type->id == LH_T_UINT32 ? LH_PQ_U32_I64 : LH_PQ_I32_I64;
		case LH_LANE_I128: return LH_PQ_I32_I128;
		default: return -1;
	}
}

static int
from_int64(const LhType *type)
{
	switch (type->lane)
	{
		case LH_LANE_I64: return LH_PQ_AS_IS;
		case LH_LANE_I128: return type->id == LH_T_UINT64 ? LH_PQ_U64_I128 : LH_PQ_I64_I128;
		default: return -1;
	}
}

static int
from_fixed(const LhType *type, int width)
{
	switch (type->lane)
	{
		case LH_LANE_I32: return LH_PQ_FIXED_I32;
		case LH_LANE_I64: return LH_PQ_FIXED_I64;
		case LH_LANE_I128: return LH_PQ_FIXED_I128;
		case LH_LANE_STR: return LH_PQ_FIXED_STR;
		case LH_LANE_FIX: return type->width == width ? LH_PQ_AS_IS : -1;
		case LH_LANE_F32: return width == 2 ? LH_PQ_HALF : -1;
		default: return -1;
	}
}

static int
from_bytes(const LhType *type)
{
	switch (type->lane)
	{
		case LH_LANE_I32: return LH_PQ_BYTES_I32;
		case LH_LANE_I64: return LH_PQ_BYTES_I64;
		case LH_LANE_I128: return LH_PQ_BYTES_I128;
		case LH_LANE_STR: return LH_PQ_AS_IS;
		case LH_LANE_FIX: return LH_PQ_BYTES_FIXED;
		default: return -1;
	}
}

static int
kind_of(const LhPqNode *node, const LhType *type)
{
	if (type->id == LH_T_NULL)
		return LH_PQ_ALL_NULL;
	switch (node->physical)
	{
		case LH_PQ_BOOLEAN: return type->lane == LH_LANE_U8 ? LH_PQ_AS_IS : -1;
		case LH_PQ_INT32: return from_int32(type);
		case LH_PQ_INT64: return from_int64(type);
		case LH_PQ_INT96:
			if (type->lane == LH_LANE_FIX && type->width == 12)
				return LH_PQ_AS_IS;
			return type->lane == LH_LANE_I64 ? LH_PQ_INT96_US : -1;
		case LH_PQ_FLOAT: return type->lane == LH_LANE_F32 ? LH_PQ_AS_IS : -1;
		case LH_PQ_DOUBLE: return type->lane == LH_LANE_F64 ? LH_PQ_AS_IS : -1;
		case LH_PQ_BYTE_ARRAY: return from_bytes(type);
		case LH_PQ_FLBA: return from_fixed(type, node->type_length);
		case LH_PQ_GROUP: break;
	}
	return -1;
}

LhStatus
lh_pq_convert_choose(LhCtx *ctx, const LhPqNode *node, const LhType *type,
					 const LhPqOptions *options, LhPqConvert *out)
{
	int kind;

	*out = (LhPqConvert){.type = *type};
	if (node->physical == LH_PQ_INT96 && options->raw_int96)
	{
		out->type.id = LH_T_FIXED;
		out->type.lane = LH_LANE_FIX;
		out->type.width = 12;
		out->type.int96 = true;
	}
	kind = kind_of(node, &out->type);
	if (kind < 0)
		LH_FAIL(ctx, LH_UNSUPPORTED, "a column of physical type %s cannot be read as %s",
				lh_pq_physical_name((int) node->physical), lh_type_name(&out->type));
	out->hybrid = node->hybrid;
	out->kind = (LhPqConvertKind) (out->hybrid && kind == LH_PQ_AS_IS ? LH_PQ_HYBRID : kind);
	out->in = lh_pq_physical_width(node->physical, node->type_length);
	out->out = lh_lane_size(out->type.lane, out->type.width);
	return LH_OK;
}

static LhStatus
too_wide(LhCtx *ctx, const LhPqConvert *c, size_t bytes)
{
	LH_FAIL(ctx, LH_CORRUPT, "decimal of %zu bytes exceeds its precision of %d digits", bytes,
			(int) c->type.precision);
}

/* A decimal of len bytes in *v; false when it does not fit in "bits" bits. */
static bool
decimal_from(const uint8_t *p, size_t len, int bits, LhI128 *v)
{
	if (len <= 16)
		*v = lh_i128_from_be(p, len);
	else if (!lh_i128_from_be_wide(p, len, v))
		return false;
	return bits == 128 || (LhI128) ((LhU128) *v << (128 - bits)) >> (128 - bits) == *v;
}

static void
store_decimal(LhI128 v, int bits, void *out, size_t i)
{
	if (bits == 128)
		((LhI128 *) out)[i] = v;
	else if (bits == 64)
		((int64_t *) out)[i] = (int64_t) v;
	else
		((int32_t *) out)[i] = (int32_t) v;
}

static LhStatus
decimals_from_fixed(LhCtx *ctx, const LhPqConvert *c, int bits, const uint8_t *in, size_t n,
					void *out)
{
	int width = c->in < 1000 ? (int) c->in : 1000;

	if (bits == 64 && width >= 1 && width <= 8)
	{
		lh_pq_kernels->be_to_i64(in, width, n, out);
		return LH_OK;
	}
	if (bits == 128 && width >= 1 && width <= 16)
	{
		lh_pq_kernels->be_to_i128(in, width, n, out);
		return LH_OK;
	}
	for (size_t i = 0; i < n; i++)
	{
		LhI128 v;

		if (!decimal_from(in + i * c->in, c->in, bits, &v))
			return too_wide(ctx, c, c->in);
		store_decimal(v, bits, out, i);
	}
	return LH_OK;
}

static LhStatus
decimals_from_bytes(LhCtx *ctx, const LhPqConvert *c, int bits, const LhStr *in, size_t n,
					void *out)
{
	for (size_t i = 0; i < n; i++)
	{
		LhI128 v;

		if (!decimal_from(in[i].ptr, in[i].len, bits, &v))
			return too_wide(ctx, c, in[i].len);
		store_decimal(v, bits, out, i);
	}
	return LH_OK;
}

static void
fixed_to_str(const uint8_t *in, size_t width, size_t n, LhStr *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (LhStr){in + i * width, (uint32_t) width, 0};
}

static LhStatus
bytes_to_fixed(LhCtx *ctx, const LhPqConvert *c, const LhStr *in, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
	{
		if (in[i].len != c->out)
			LH_FAIL(ctx, LH_CORRUPT, "value of %u bytes in a column of type %s, whose values have %zu",
					in[i].len, lh_type_name(&c->type), c->out);
		memcpy(out + i * c->out, in[i].ptr, c->out);
	}
	return LH_OK;
}

/*
 * Days before the Julian epoch.  Spark adds that epoch to microseconds in 64
 * bits and lets the sum wrap around, so that dates after the year 287,586 get
 * a negative day; wrapping once more gives them back.
 */
static bool
int96_negative_day(const uint8_t *p, int64_t *us)
{
	int32_t day = lh_load_i32(p + 8);
	uint64_t days = (uint64_t) ((int64_t) day - JULIAN_1970);

	if (day >= 0)
		return false;
	*us = (int64_t) (days * US_PER_DAY + (uint64_t) lh_floor_div(lh_load_i64(p), 1000));
	return true;
}

static LhStatus
int96_to_us(LhCtx *ctx, const uint8_t *in, size_t n, int64_t *out, int64_t *digits_lost)
{
	for (size_t i = 0; i < n; i++)
	{
		bool lost = false;

		if (!lh_int96_to_us(in + 12 * i, &out[i], &lost) &&
			!int96_negative_day(in + 12 * i, &out[i]))
			LH_FAIL(ctx, LH_BAD_DATETIME, "INT96 timestamp does not fit in microseconds of 64 bits");
		*digits_lost += lost;
	}
	return LH_OK;
}

/* An INT96 as it came: its day is moved, and what its nanoseconds are too many of a day stays. */
static void
rebase_int96(uint8_t *p)
{
	int64_t day = (int64_t) (uint32_t) lh_load_i32(p + 8) - JULIAN_1970;
	int64_t date = day + lh_floor_div(lh_load_i64(p), (int64_t) US_PER_DAY * 1000);
	uint32_t moved = (uint32_t) (day + lh_days_from_hybrid(date) - date + JULIAN_1970);

	memcpy(p + 8, &moved, sizeof(moved));
}

/* Far outside of PostgreSQL's range a day may leave that of the lane: there it stays the first one. */
static int32_t
hybrid_day(int32_t day)
{
	int64_t moved = lh_days_from_hybrid(day);

	return moved < INT32_MIN ? INT32_MIN : (int32_t) moved;
}

/* Lane values whose days before 1582-10-15 are Julian, in place. */
static void
rebase(const LhPqConvert *c, size_t n, void *out)
{
	int32_t *days = out;
	int64_t *moments = out;

	switch (c->type.lane)
	{
		case LH_LANE_I32:
			for (size_t i = 0; i < n; i++)
				days[i] = hybrid_day(days[i]);
			break;
		case LH_LANE_I64:
			for (size_t i = 0; i < n; i++)
				moments[i] = lh_timestamp_from_hybrid(moments[i], (LhUnit) c->type.unit);
			break;
		default:
			for (size_t i = 0; i < n; i++)
				rebase_int96((uint8_t *) out + i * c->out);
			break;
	}
}

void
lh_pq_rebase_value(const LhPqNode *node, LhValue *v)
{
	if (!node->hybrid)
		return;
	if (v->type.lane == LH_LANE_I32)
		v->i64 = hybrid_day((int32_t) v->i64);
	else if (v->type.lane == LH_LANE_I64)
		v->i64 = lh_timestamp_from_hybrid(v->i64, (LhUnit) v->type.unit);
}

LhStatus
lh_pq_convert(LhCtx *ctx, const LhPqConvert *c, const uint8_t *in, size_t n, void *out,
			  int64_t *digits_lost)
{
	const LhPqKernels *k = lh_pq_kernels;
	const LhStr *str = (const void *) in;

	switch (c->kind)
	{
		case LH_PQ_AS_IS:
		case LH_PQ_HYBRID: memcpy(out, in, n * c->out); break;
		case LH_PQ_MASK8: k->mask32(in, 0xff, n, out); break;
		case LH_PQ_MASK16: k->mask32(in, 0xffff, n, out); break;
		case LH_PQ_I32_I64: k->widen_i32(in, n, out); break;
		case LH_PQ_U32_I64: k->widen_u32(in, n, out); break;
		case LH_PQ_I64_I128: k->widen_i64(in, n, out); break;
		case LH_PQ_U64_I128: k->widen_u64(in, n, out); break;
		case LH_PQ_I32_I128:
			for (size_t i = 0; i < n; i++)
				((LhI128 *) out)[i] = lh_load_i32(in + 4 * i);
			break;
		case LH_PQ_FIXED_I32: return decimals_from_fixed(ctx, c, 32, in, n, out);
		case LH_PQ_FIXED_I64: return decimals_from_fixed(ctx, c, 64, in, n, out);
		case LH_PQ_FIXED_I128: return decimals_from_fixed(ctx, c, 128, in, n, out);
		case LH_PQ_FIXED_STR: fixed_to_str(in, c->in, n, out); break;
		case LH_PQ_BYTES_I32: return decimals_from_bytes(ctx, c, 32, str, n, out);
		case LH_PQ_BYTES_I64: return decimals_from_bytes(ctx, c, 64, str, n, out);
		case LH_PQ_BYTES_I128: return decimals_from_bytes(ctx, c, 128, str, n, out);
		case LH_PQ_BYTES_FIXED: return bytes_to_fixed(ctx, c, str, n, out);
		case LH_PQ_HALF: k->half(in, n, out); break;
		case LH_PQ_INT96_US: LH_TRY(int96_to_us(ctx, in, n, out, digits_lost)); break;
		case LH_PQ_ALL_NULL: break;
	}
	if (c->hybrid)
		rebase(c, n, out);
	return LH_OK;
}
