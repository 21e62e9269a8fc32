/*
 * expr_row.c
 *		The arithmetic of one row, exactly as PostgreSQL does it, and its errors.
 */
#include <math.h>
#include <string.h>

#include "vec/expr_impl.h"
#include "vec/kernels.h"

#define US_PER_DAY INT64_C(86400000000)

static const int64_t unit_per_day[] = {
	[LH_UNIT_S] = 86400,
	[LH_UNIT_MS] = 86400000,
	[LH_UNIT_US] = US_PER_DAY,
	[LH_UNIT_NS] = US_PER_DAY * 1000,
};

/* Where a row's value lies: array and index. */
static inline const void *
locate(const LhVec *v, size_t row, size_t *at)
{
	*at = v->kind == LH_VEC_FLAT ? row : v->kind == LH_VEC_DICT ? v->codes[row] : 0;
	return v->kind == LH_VEC_DICT ? v->dict->values : v->data;
}

static LhI128
int_at(const LhVec *v, size_t row)
{
	size_t i;
	const uint8_t *p = locate(v, row, &i);
	LhI128 x;

	switch (v->type.lane)
	{
		case LH_LANE_I32: return lh_load_i32(p + i * 4);
		case LH_LANE_I64: return lh_load_i64(p + i * 8);
		case LH_LANE_I128: memcpy(&x, p + i * 16, sizeof(x)); return x;
		default: return p[i];
	}
}

static double
float_at(const LhVec *v, size_t row)
{
	size_t i;
	const uint8_t *p = locate(v, row, &i);

	if (v->type.lane == LH_LANE_F32)
		return lh_load_f32(p + i * 4);
	if (v->type.lane == LH_LANE_F64)
		return lh_load_f64(p + i * 8);
	return (double) (int64_t) int_at(v, row);
}

static float
float4_at(const LhVec *v, size_t row)
{
	if (lh_type_family(&v->type) == LH_FAMILY_FLOAT)
		return (float) float_at(v, row);
	return (float) (int64_t) int_at(v, row); /* once rounded, not twice */
}

static LhStr
str_at(const LhVec *v, size_t row)
{
	size_t i;
	const uint8_t *p = locate(v, row, &i);
	LhStr s;

	if (v->type.lane == LH_LANE_FIX)
		return (LhStr){p + i * (size_t) v->type.width, (uint32_t) v->type.width, 0};
	memcpy(&s, p + i * sizeof(s), sizeof(s));
	return s;
}

static bool
in_arith_range(LhArith arith, LhI128 x)
{
	switch (arith)
	{
		case LH_ARITH_INT2: return x >= INT16_MIN && x <= INT16_MAX;
		case LH_ARITH_INT4: return x >= INT32_MIN && x <= INT32_MAX;
		case LH_ARITH_INT8: return x >= INT64_MIN && x <= INT64_MAX;
		default: return true;
	}
}

/* Ints and decimals; factors are 1 for ints. */
static bool
exact_row(const LhExpr *e, const LhVec *a, const LhVec *b, size_t row, LhI128 *out)
{
	const LhExprState *state = e->state;
	bool numeric = e->arith == LH_ARITH_NUMERIC;
	LhI128 x = int_at(a, row), y = b != NULL ? int_at(b, row) : 0;

	switch (e->kind)
	{
		case LH_E_MUL:
			if (!lh_mul_i128(x, y, out))
				return false;
			break;
		case LH_E_ADD:
		case LH_E_SUB:
			if (numeric &&
				(!lh_mul_i128(x, state->factor[0], &x) || !lh_mul_i128(y, state->factor[1], &y)))
				return false;
			if (e->kind == LH_E_ADD ? __builtin_add_overflow(x, y, out)
									: __builtin_sub_overflow(x, y, out))
				return false;
			break;
		case LH_E_NEG:
			if (__builtin_sub_overflow((LhI128) 0, x, out))
				return false;
			break;
		default: /* CAST */ *out = x; break;
	}
	if (e->type.lane == LH_LANE_I64 && (*out < INT64_MIN || *out > INT64_MAX))
		return false;
	return in_arith_range(e->arith, *out);
}

/* PostgreSQL's float4_pl and so on: infinite from finite, or zero from a product of others. */
static bool
float_is_good(const LhExpr *e, double x, double y, double r)
{
	if (isinf(r) && !isinf(x) && !isinf(y))
		return false;
	return !(e->kind == LH_E_MUL && r == 0 && x != 0 && y != 0);
}

static bool
float_row(const LhExpr *e, const LhVec *a, const LhVec *b, size_t row, double *out)
{
	double x = float_at(a, row), y = b != NULL ? float_at(b, row) : 0;

	switch (e->kind)
	{
		case LH_E_ADD: *out = x + y; break;
		case LH_E_SUB: *out = x - y; break;
		case LH_E_MUL: *out = x * y; break;
		case LH_E_NEG: *out = -x; return true;
		default: *out = x; return true;
	}
	return float_is_good(e, x, y, *out);
}

static bool
float4_row(const LhExpr *e, const LhVec *a, const LhVec *b, size_t row, double *out)
{
	float x = float4_at(a, row), y = b != NULL ? float4_at(b, row) : 0, r;

	switch (e->kind)
	{
		case LH_E_ADD: r = x + y; break;
		case LH_E_SUB: r = x - y; break;
		case LH_E_MUL: r = x * y; break;
		case LH_E_NEG: *out = -x; return true;
		default: *out = x; return true;
	}
	*out = r;
	return float_is_good(e, x, y, r);
}

static bool
date_row(const LhExpr *e, const LhVec *a, size_t row, LhI128 *out)
{
	LhI128 us = int_at(a, row) * US_PER_DAY;

	*out = int_at(a, row) * unit_per_day[e->type.unit & 3];
	return us >= LH_PG_MIN_TIMESTAMP && us < (LhI128) LH_PG_END_TIMESTAMP + LH_PG_EPOCH_US &&
		   *out >= INT64_MIN && *out <= INT64_MAX;
}

bool
lh_expr_row(const LhExpr *e, const LhVec *a, const LhVec *b, size_t row, LhNumber *out)
{
	LhStr s;

	if (e->kind == LH_E_LENGTH || e->kind == LH_E_OCTET_LENGTH)
	{
		s = str_at(a, row);
		out->i =
			e->kind == LH_E_LENGTH ? (LhI128) lh_vec_kernels()->utf8_length(s.ptr, s.len) : s.len;
		return true;
	}
	if (e->type.id == LH_T_TIMESTAMP)
		return date_row(e, a, row, &out->i);
	if (e->arith == LH_ARITH_FLOAT8)
		return float_row(e, a, b, row, &out->f);
	if (e->arith == LH_ARITH_FLOAT4)
		return float4_row(e, a, b, row, &out->f);
	return exact_row(e, a, b, row, &out->i);
}

void
lh_expr_store(const LhExpr *e, void *data, size_t row, LhNumber x)
{
	switch (e->type.lane)
	{
		case LH_LANE_I32: ((int32_t *) data)[row] = (int32_t) x.i; break;
		case LH_LANE_I64: ((int64_t *) data)[row] = (int64_t) x.i; break;
		case LH_LANE_F32: ((float *) data)[row] = (float) x.f; break;
		case LH_LANE_F64: ((double *) data)[row] = x.f; break;
		default: memcpy((uint8_t *) data + row * 16, &x.i, 16); break;
	}
}

LhStatus
lh_expr_error(LhCtx *ctx, const LhExpr *e, const LhVec *a, const LhVec *b, size_t row)
{
	LhNumber x;

	if (e->type.id == LH_T_TIMESTAMP)
		LH_FAIL(ctx, LH_BAD_DATETIME, "date out of range for timestamp");
	switch (e->arith)
	{
		case LH_ARITH_INT2: LH_FAIL(ctx, LH_OUT_OF_RANGE, "smallint out of range");
		case LH_ARITH_INT4: LH_FAIL(ctx, LH_OUT_OF_RANGE, "integer out of range");
		case LH_ARITH_INT8: LH_FAIL(ctx, LH_OUT_OF_RANGE, "bigint out of range");
		case LH_ARITH_NUMERIC:
			LH_FAIL(ctx, LH_UNSUPPORTED, "result of numeric arithmetic needs more than 128 bits");
		default:
			lh_expr_row(e, a, b, row, &x);
			if (isinf(x.f))
				LH_FAIL(ctx, LH_OUT_OF_RANGE, "value out of range: overflow");
			LH_FAIL(ctx, LH_OUT_OF_RANGE, "value out of range: underflow");
	}
}
