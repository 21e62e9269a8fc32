/*
 * expr_loops.c
 *		The arithmetic itself: one row exactly, or whole batches quickly.
 *
 * The loops notice that something overflowed but not where; that is rare and
 * may concern a row nobody wants, so lh_expr_row is asked then.
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
	size_t		i;
	const uint8_t *p = locate(v, row, &i);
	LhI128		x;

	switch (v->type.lane)
	{
		case LH_LANE_I32:
			return lh_load_i32(p + i * 4);
		case LH_LANE_I64:
			return lh_load_i64(p + i * 8);
		case LH_LANE_I128:
			memcpy(&x, p + i * 16, sizeof(x));
			return x;
		default:
			return p[i];
	}
}

static double
float_at(const LhVec *v, size_t row)
{
	size_t		i;
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
	return (float) (int64_t) int_at(v, row);	/* once rounded, not twice */
}

static LhStr
str_at(const LhVec *v, size_t row)
{
	size_t		i;
	const uint8_t *p = locate(v, row, &i);
	LhStr		s;

	if (v->type.lane == LH_LANE_FIX)
		return (LhStr) {p + i * (size_t) v->type.width, (uint32_t) v->type.width, 0};
	memcpy(&s, p + i * sizeof(s), sizeof(s));
	return s;
}

static bool
in_arith_range(LhArith arith, LhI128 x)
{
	switch (arith)
	{
		case LH_ARITH_INT2:
			return x >= INT16_MIN && x <= INT16_MAX;
		case LH_ARITH_INT4:
			return x >= INT32_MIN && x <= INT32_MAX;
		case LH_ARITH_INT8:
			return x >= INT64_MIN && x <= INT64_MAX;
		default:
			return true;
	}
}

/* Ints and decimals; factors are 1 for ints. */
static bool
exact_row(const LhExpr *e, const LhVec *a, const LhVec *b, size_t row, LhI128 *out)
{
	const LhExprState *state = e->state;
	bool		numeric = e->arith == LH_ARITH_NUMERIC;
	LhI128		x = int_at(a, row),
				y = b != NULL ? int_at(b, row) : 0;

	switch (e->kind)
	{
		case LH_E_MUL:
			if (!lh_mul_i128(x, y, out))
				return false;
			break;
		case LH_E_ADD:
		case LH_E_SUB:
			if (numeric && (!lh_mul_i128(x, state->factor[0], &x) || !lh_mul_i128(y, state->factor[1], &y)))
				return false;
			if (e->kind == LH_E_ADD ? __builtin_add_overflow(x, y, out) : __builtin_sub_overflow(x, y, out))
				return false;
			break;
		case LH_E_NEG:
			if (__builtin_sub_overflow((LhI128) 0, x, out))
				return false;
			break;
		default:				/* CAST */
			*out = x;
			break;
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
	double		x = float_at(a, row),
				y = b != NULL ? float_at(b, row) : 0;

	switch (e->kind)
	{
		case LH_E_ADD:
			*out = x + y;
			break;
		case LH_E_SUB:
			*out = x - y;
			break;
		case LH_E_MUL:
			*out = x * y;
			break;
		case LH_E_NEG:
			*out = -x;
			return true;
		default:
			*out = x;
			return true;
	}
	return float_is_good(e, x, y, *out);
}

static bool
float4_row(const LhExpr *e, const LhVec *a, const LhVec *b, size_t row, double *out)
{
	float		x = float4_at(a, row),
				y = b != NULL ? float4_at(b, row) : 0,
				r;

	switch (e->kind)
	{
		case LH_E_ADD:
			r = x + y;
			break;
		case LH_E_SUB:
			r = x - y;
			break;
		case LH_E_MUL:
			r = x * y;
			break;
		case LH_E_NEG:
			*out = -x;
			return true;
		default:
			*out = x;
			return true;
	}
	*out = r;
	return float_is_good(e, x, y, r);
}

static bool
date_row(const LhExpr *e, const LhVec *a, size_t row, LhI128 *out)
{
	LhI128		us = int_at(a, row) * US_PER_DAY;

	*out = int_at(a, row) * unit_per_day[e->type.unit & 3];
	return us >= LH_PG_MIN_TIMESTAMP && us < (LhI128) LH_PG_END_TIMESTAMP + LH_PG_EPOCH_US &&
		*out >= INT64_MIN && *out <= INT64_MAX;
}

bool
lh_expr_row(const LhExpr *e, const LhVec *a, const LhVec *b, size_t row, LhNumber *out)
{
	LhStr		s;

	if (e->kind == LH_E_LENGTH || e->kind == LH_E_OCTET_LENGTH)
	{
		s = str_at(a, row);
		out->i = e->kind == LH_E_LENGTH ? (LhI128) lh_vec_kernels()->utf8_length(s.ptr, s.len) : s.len;
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
		case LH_LANE_I32:
			((int32_t *) data)[row] = (int32_t) x.i;
			break;
		case LH_LANE_I64:
			((int64_t *) data)[row] = (int64_t) x.i;
			break;
		case LH_LANE_F32:
			((float *) data)[row] = (float) x.f;
			break;
		case LH_LANE_F64:
			((double *) data)[row] = x.f;
			break;
		default:
			memcpy((uint8_t *) data + row * 16, &x.i, 16);
			break;
	}
}

LhStatus
lh_expr_error(LhCtx *ctx, const LhExpr *e, const LhVec *a, const LhVec *b, size_t row)
{
	LhNumber	x;

	if (e->type.id == LH_T_TIMESTAMP)
		LH_FAIL(ctx, LH_BAD_DATETIME, "date out of range for timestamp");
	switch (e->arith)
	{
		case LH_ARITH_INT2:
			LH_FAIL(ctx, LH_OUT_OF_RANGE, "smallint out of range");
		case LH_ARITH_INT4:
			LH_FAIL(ctx, LH_OUT_OF_RANGE, "integer out of range");
		case LH_ARITH_INT8:
			LH_FAIL(ctx, LH_OUT_OF_RANGE, "bigint out of range");
		case LH_ARITH_NUMERIC:
			LH_FAIL(ctx, LH_UNSUPPORTED, "result of numeric arithmetic needs more than 128 bits");
		default:
			lh_expr_row(e, a, b, row, &x);
			if (isinf(x.f))
				LH_FAIL(ctx, LH_OUT_OF_RANGE, "value out of range: overflow");
			LH_FAIL(ctx, LH_OUT_OF_RANGE, "value out of range: underflow");
	}
}

/* Loads of row i from a flat array of the named lane; pages may be unaligned. */
#define AT_I32(p, i) ((int64_t) lh_load_i32((p) + (i) * 4))
#define AT_I64(p, i) lh_load_i64((p) + (i) * 8)
#define AT_F32(p, i) lh_load_f32((p) + (i) * 4)
#define AT_F64(p, i) lh_load_f64((p) + (i) * 8)

/* LOOP(BODY) for each lane of two int operands: x and y are int64_t. */
#define FOR_INTS(BODY) \
	do { \
		if (la == LH_LANE_I64 && lb == LH_LANE_I64) \
			FOR_ROWS(AT_I64, AT_I64, BODY); \
		else if (la == LH_LANE_I64) \
			FOR_ROWS(AT_I64, AT_I32, BODY); \
		else if (lb == LH_LANE_I64) \
			FOR_ROWS(AT_I32, AT_I64, BODY); \
		else \
			FOR_ROWS(AT_I32, AT_I32, BODY); \
	} while (0)
#define FOR_ROWS(AT_A, AT_B, BODY) \
	do { \
		for (size_t i = 0; i < n; i++) \
		{ \
			int64_t		x = AT_A(pa, i), \
						y = AT_B(pb, i); \
			BODY; \
		} \
	} while (0)

/* INT2, INT4: operands of 32 bits cannot overflow 64. */
static bool
loop_int4(const LhExpr *e, const uint8_t *pa, LhLane la, const uint8_t *pb, LhLane lb, size_t n,
		  int32_t *out)
{
	int64_t		lo = e->arith == LH_ARITH_INT2 ? INT16_MIN : INT32_MIN,
				hi = e->arith == LH_ARITH_INT2 ? INT16_MAX : INT32_MAX;
	uint64_t	bad = 0;

	if (la != LH_LANE_I32 || lb != LH_LANE_I32)
		return true;			/* not what a planner sends: row by row */
#define STORE(EXPR) \
	FOR_ROWS(AT_I32, AT_I32, int64_t r = (EXPR); out[i] = (int32_t) r; bad |= (uint64_t) (r < lo) | (r > hi))
	if (e->kind == LH_E_ADD)
		STORE(x + y);
	else if (e->kind == LH_E_SUB)
		STORE(x - y);
	else
		STORE(x * y);
#undef STORE
	return bad != 0;
}

static bool
loop_int8(const LhExpr *e, const uint8_t *pa, LhLane la, const uint8_t *pb, LhLane lb, size_t n,
		  int64_t *out)
{
	uint64_t	bad = 0;

	/* a sum overflowed when its sign differs from that of both operands */
	if (e->kind == LH_E_ADD)
		FOR_INTS(uint64_t r = (uint64_t) x + (uint64_t) y; out[i] = (int64_t) r;
				 bad |= ((uint64_t) x ^ r) & ((uint64_t) y ^ r));
	else if (e->kind == LH_E_SUB)
		FOR_INTS(uint64_t r = (uint64_t) x - (uint64_t) y; out[i] = (int64_t) r;
				 bad |= ((uint64_t) x ^ (uint64_t) y) & ((uint64_t) x ^ r));
	else
	{
		bool		over = false;

		FOR_INTS(over |= __builtin_mul_overflow(x, y, &out[i]));
		return over;
	}
	return bad >> 63 != 0;
}

/* Decimals whose result has at most 18 digits, or a product of two such. */
static bool
loop_decimal64(const LhExpr *e, const uint8_t *pa, LhLane la, const uint8_t *pb, LhLane lb, size_t n,
			   int64_t *out)
{
	const LhExprState *state = e->state;
	int64_t		fa = (int64_t) state->factor[0],
				fb = (int64_t) state->factor[1];
	bool		bad = false;

	if (e->kind == LH_E_MUL)
		FOR_INTS(bad |= __builtin_mul_overflow(x, y, &out[i]));
	else
	{
		if (e->kind == LH_E_SUB)
			fb = -fb;
		FOR_INTS(bad |= __builtin_mul_overflow(x, fa, &x); bad |= __builtin_mul_overflow(y, fb, &y);
				 bad |= __builtin_add_overflow(x, y, &out[i]));
	}
	return bad;
}

/* 64-bit operands, 128-bit result: cannot overflow but by a factor beyond 64 bits. */
static bool
loop_decimal128(const LhExpr *e, const uint8_t *pa, LhLane la, const uint8_t *pb, LhLane lb, size_t n,
				LhI128 *out)
{
	const LhExprState *state = e->state;
	LhI128		fa = state->factor[0],
				fb = state->factor[1];

	if (e->kind == LH_E_MUL)
		FOR_INTS(out[i] = (LhI128) x * y);
	else
	{
		if (fa > INT64_MAX / 2 || fb > INT64_MAX / 2)
			return true;
		if (e->kind == LH_E_SUB)
			fb = -fb;
		FOR_INTS(out[i] = (LhI128) x * (int64_t) fa + (LhI128) y * (int64_t) fb);
	}
	return false;
}

#undef FOR_ROWS

/* BODY computes r of x and y; what is bad is looked at again. */
#define FLOAT_LOOP(type, AT, r_type) \
	do { \
		r_type	   *o = out; \
		unsigned	bad = 0; \
		for (size_t i = 0; i < n; i++) \
		{ \
			type		x = AT(pa, i), \
						y = AT(pb, i), \
						r = e->kind == LH_E_ADD ? x + y : e->kind == LH_E_SUB ? x - y : x * y; \
			o[i] = r; \
			bad |= (unsigned) (r - r != 0) | ((unsigned) (r == 0) & (x != 0) & (y != 0) & mul); \
		} \
		return bad != 0; \
	} while (0)

static bool
loop_float4(const LhExpr *e, const uint8_t *pa, const uint8_t *pb, size_t n, float *out)
{
	unsigned	mul = e->kind == LH_E_MUL;

	FLOAT_LOOP(float, AT_F32, float);
}

static bool
loop_float8(const LhExpr *e, const uint8_t *pa, const uint8_t *pb, size_t n, double *out)
{
	unsigned	mul = e->kind == LH_E_MUL;

	FLOAT_LOOP(double, AT_F64, double);
}

static bool
is_short(LhLane lane)
{
	return lane == LH_LANE_I32 || lane == LH_LANE_I64;
}

/* A fast loop for the types at hand; *done false: there is none. */
static bool
fast_loop(const LhExpr *e, const LhVec *a, const LhVec *b, size_t n, void *out, bool *done)
{
	LhLane		la = a->type.lane,
				lb = b->type.lane;

	*done = true;
	switch (e->arith)
	{
		case LH_ARITH_INT2:
		case LH_ARITH_INT4:
			if (la == LH_LANE_I32 && lb == LH_LANE_I32)
				return loop_int4(e, a->data, la, b->data, lb, n, out);
			break;
		case LH_ARITH_INT8:
			if (is_short(la) && is_short(lb))
				return loop_int8(e, a->data, la, b->data, lb, n, out);
			break;
		case LH_ARITH_FLOAT4:
			if (la == LH_LANE_F32 && lb == LH_LANE_F32)
				return loop_float4(e, a->data, b->data, n, out);
			break;
		case LH_ARITH_FLOAT8:
			if (la == LH_LANE_F64 && lb == LH_LANE_F64)
				return loop_float8(e, a->data, b->data, n, out);
			break;
		default:
			if (is_short(la) && is_short(lb) && e->type.lane == LH_LANE_I64)
				return loop_decimal64(e, a->data, la, b->data, lb, n, out);
			if (is_short(la) && is_short(lb))
				return loop_decimal128(e, a->data, la, b->data, lb, n, out);
			break;
	}
	*done = false;
	return false;
}

bool
lh_expr_loop(const LhExpr *e, const LhVec *a, const LhVec *b, size_t n, const uint64_t *sel, void *out)
{
	bool		done = false,
				bad = false;

	if (b != NULL)
		bad = fast_loop(e, a, b, n, out, &done);
	if (done)
		return bad;
	for (size_t i = 0; i < n; i++)
	{
		LhNumber	x = {.i = 0};

		if (sel != NULL && !lh_bit_get(sel, i))
			continue;
		if (!lh_expr_row(e, a, b, i, &x))
			bad = true;
		lh_expr_store(e, out, i, x);
	}
	return bad;
}
