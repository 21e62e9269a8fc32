/*
 * expr_loops.c
 *		The arithmetic of whole batches of flat operands.
 *
 * The loops notice that something overflowed but not where; that is rare and
 * may concern a row nobody wants, so lh_expr_row (expr_row.c) is asked then.
 */
#include <math.h>
#include <string.h>

#include "vec/expr_impl.h"
#include "vec/kernels.h"

/* Loads of row i from a flat array of the named lane; pages may be unaligned. */
#define AT_I32(p, i) ((int64_t) lh_load_i32((p) + (i) *4))
#define AT_I64(p, i) lh_load_i64((p) + (i) *8)
#define AT_F32(p, i) lh_load_f32((p) + (i) *4)
#define AT_F64(p, i) lh_load_f64((p) + (i) *8)

/* Two flat operands whose lanes are I32 or I64. */
typedef struct Pair
{
	const uint8_t *a;
	const uint8_t *b;
	bool a_long, /* I64 */
		b_long;
} Pair;

/* BODY for each row, with x and y as int64_t: a loop for each pair of lanes. */
#define FOR_PAIR(p, n, BODY)                   \
	do                                         \
	{                                          \
		const uint8_t *restrict pa = (p).a;    \
		const uint8_t *restrict pb = (p).b;    \
		if ((p).a_long && (p).b_long)          \
			FOR_ROWS(n, AT_I64, AT_I64, BODY); \
		else if ((p).a_long)                   \
			FOR_ROWS(n, AT_I64, AT_I32, BODY); \
		else if ((p).b_long)                   \
			FOR_ROWS(n, AT_I32, AT_I64, BODY); \
		else                                   \
			FOR_ROWS(n, AT_I32, AT_I32, BODY); \
	} while (0)
#define FOR_ROWS(n, AT_A, AT_B, BODY)                 \
	do                                                \
	{                                                 \
		for (size_t i = 0; i < (n); i++)              \
		{                                             \
			int64_t x = AT_A(pa, i), y = AT_B(pb, i); \
			BODY;                                     \
		}                                             \
	} while (0)

/* INT2, INT4: operands of 32 bits cannot overflow 64. */
static bool
loop_int4(const LhExpr *e, Pair p, size_t n, int32_t *restrict out)
{
	const uint8_t *restrict pa = p.a;
	const uint8_t *restrict pb = p.b;
	int64_t lo = e->arith == LH_ARITH_INT2 ? INT16_MIN : INT32_MIN,
			hi = e->arith == LH_ARITH_INT2 ? INT16_MAX : INT32_MAX;
	uint64_t bad = 0;

#define STORE(EXPR)                                                       \
	FOR_ROWS(n, AT_I32, AT_I32, int64_t r = (EXPR); out[i] = (int32_t) r; \
			 bad |= (uint64_t) (r < lo) | (uint64_t) (r > hi))
	if (e->kind == LH_E_ADD)
		STORE(x + y);
	else if (e->kind == LH_E_SUB)
		STORE(x - y);
	else
		STORE(x * y);
#undef STORE
	return bad != 0;
}

/* A sum overflowed when its sign differs from that of both operands. */
static bool
loop_add64(Pair p, size_t n, int64_t *restrict out)
{
	uint64_t bad = 0;

	FOR_PAIR(p, n, uint64_t r = (uint64_t) x + (uint64_t) y; out[i] = (int64_t) r;
			 bad |= ((uint64_t) x ^ r) & ((uint64_t) y ^ r));
	return bad >> 63 != 0;
}

static bool
loop_sub64(Pair p, size_t n, int64_t *restrict out)
{
	uint64_t bad = 0;

	FOR_PAIR(p, n, uint64_t r = (uint64_t) x - (uint64_t) y; out[i] = (int64_t) r;
			 bad |= ((uint64_t) x ^ (uint64_t) y) & ((uint64_t) x ^ r));
	return bad >> 63 != 0;
}

static bool
loop_mul64(Pair p, size_t n, int64_t *restrict out)
{
	bool bad = false;

	FOR_PAIR(p, n, int64_t r; bad |= __builtin_mul_overflow(x, y, &r); out[i] = r);
	return bad;
}

static bool
loop_int8(const LhExpr *e, Pair p, size_t n, int64_t *out)
{
	if (e->kind == LH_E_ADD)
		return loop_add64(p, n, out);
	return e->kind == LH_E_SUB ? loop_sub64(p, n, out) : loop_mul64(p, n, out);
}

/* Decimals whose result has at most 18 digits. */
static bool
loop_decimal64(const LhExpr *e, Pair p, size_t n, int64_t *restrict out)
{
	const LhExprState *state = e->state;
	int64_t fa = (int64_t) state->factor[0], fb = (int64_t) state->factor[1];
	bool bad = false;

	if (fa == 1 && fb == 1)
		return loop_int8(e, p, n, out);
	if (e->kind == LH_E_SUB)
		fb = -fb;
	FOR_PAIR(p, n, int64_t r; bad |= __builtin_mul_overflow(x, fa, &x);
			 bad |= __builtin_mul_overflow(y, fb, &y); bad |= __builtin_add_overflow(x, y, &r);
			 out[i] = r);
	return bad;
}

/* 64-bit operands, 128-bit result: only a factor beyond 64 bits could overflow. */
static bool
loop_decimal128(const LhExpr *e, Pair p, size_t n, LhI128 *restrict out)
{
	const LhExprState *state = e->state;
	LhI128 fa = state->factor[0], fb = state->factor[1];

	if (e->kind == LH_E_MUL)
		FOR_PAIR(p, n, out[i] = (LhI128) x * y);
	else
	{
		if (fa > INT64_MAX / 2 || fb > INT64_MAX / 2)
			return true;
		if (e->kind == LH_E_SUB)
			fb = -fb;
		FOR_PAIR(p, n, out[i] = (LhI128) x * (int64_t) fa + (LhI128) y * (int64_t) fb);
	}
	return false;
}

/*
 * Infinite or NaN results, and products that became zero, are looked at again.
 * Both are found by arithmetic on the bits, which compilers vectorise where
 * they do not vectorise comparisons of floats: the top bit of bad tells.
 *
 *	exponent of all ones: adding one to it carries into the top bit
 *	not zero: u | -u has the top bit for every u but 0 (u: bits without sign)
 */
#define NOT_ZERO(u) ((u) | (0 - (u)))
#define FLOAT_LOOP(type, bits_type, AT, AT_BITS, EXPONENT, OP, EXTRA)                           \
	for (size_t i = 0; i < n; i++)                                                              \
	{                                                                                           \
		type r = AT(pa, i) OP AT(pb, i);                                                        \
		bits_type rb, xb = AT_BITS(pa + i * sizeof(type)), yb = AT_BITS(pb + i * sizeof(type)); \
		memcpy(&rb, &r, sizeof(r));                                                             \
		out[i] = r;                                                                             \
		bad |= (rb & (EXPONENT)) + ((EXPONENT) & (0 - (EXPONENT)));                             \
		bad |= (EXTRA);                                                                         \
		(void) xb;                                                                              \
		(void) yb;                                                                              \
	}
#define UNDERFLOW (~NOT_ZERO(rb << 1) & NOT_ZERO(xb << 1) & NOT_ZERO(yb << 1))
#define FLOAT_LOOPS(name, type, bits_type, AT, AT_BITS, EXPONENT)                             \
	static bool name(const LhExpr *e, const uint8_t *restrict pa, const uint8_t *restrict pb, \
					 size_t n, type *restrict out)                                            \
	{                                                                                         \
		bits_type bad = 0;                                                                    \
		if (e->kind == LH_E_ADD)                                                              \
			FLOAT_LOOP(type, bits_type, AT, AT_BITS, EXPONENT, +, 0)                          \
		else if (e->kind == LH_E_SUB)                                                         \
			FLOAT_LOOP(type, bits_type, AT, AT_BITS, EXPONENT, -, 0)                          \
		else                                                                                  \
			FLOAT_LOOP(type, bits_type, AT, AT_BITS, EXPONENT, *, UNDERFLOW)                  \
		return bad >> (8 * sizeof(bad) - 1) != 0;                                             \
	}

FLOAT_LOOPS(loop_float4, float, uint32_t, AT_F32, lh_load_u32, UINT32_C(0x7F800000))
FLOAT_LOOPS(loop_float8, double, uint64_t, AT_F64, lh_load_u64, UINT64_C(0x7FF0000000000000))

static bool
is_short(LhLane lane)
{
	return lane == LH_LANE_I32 || lane == LH_LANE_I64;
}

/* A fast loop for the types at hand; *done false: there is none. */
static bool
fast_loop(const LhExpr *e, const LhVec *a, const LhVec *b, size_t n, void *out, bool *done)
{
	LhLane la = a->type.lane, lb = b->type.lane;
	Pair p = {a->data, b->data, la == LH_LANE_I64, lb == LH_LANE_I64};

	*done = true;
	switch (e->arith)
	{
		case LH_ARITH_INT2:
		case LH_ARITH_INT4:
			if (la == LH_LANE_I32 && lb == LH_LANE_I32)
				return loop_int4(e, p, n, out);
			break;
		case LH_ARITH_INT8:
			if (is_short(la) && is_short(lb))
				return loop_int8(e, p, n, out);
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
				return loop_decimal64(e, p, n, out);
			if (is_short(la) && is_short(lb))
				return loop_decimal128(e, p, n, out);
			break;
	}
	*done = false;
	return false;
}

bool
lh_expr_loop(const LhExpr *e, const LhVec *a, const LhVec *b, size_t n, const uint64_t *sel,
			 void *out)
{
	bool done, bad = fast_loop(e, a, b, n, out, &done);

	if (done)
		return bad;
	for (size_t i = 0; i < n; i++)
	{
		LhNumber x = {.i = 0};

		if (sel != NULL && !lh_bit_get(sel, i))
			continue;
		if (!lh_expr_row(e, a, b, i, &x))
			bad = true;
		lh_expr_store(e, out, i, x);
	}
	return bad;
}

/* In ASCII a character is a byte, and one look at all strings of a page may tell so. */
static void
lengths(const LhExpr *e, const LhVec *a, size_t n, const uint64_t *sel, int32_t *out)
{
	const LhStr *strs = a->data;
	LhSlice all;

	if (e->kind == LH_E_OCTET_LENGTH || (lh_strs_are_adjacent(strs, n, a->valid, &all) &&
										 lh_vec_kernels()->is_ascii(all.data, all.len)))
	{
		for (size_t i = 0; i < n; i++)
			out[i] = (int32_t) strs[i].len;
		return;
	}
	for (size_t k = 0; k < LH_WORDS(n); k++)
	{
		for (uint64_t w = sel[k]; w != 0; w &= w - 1)
		{
			size_t i = k * 64 + (size_t) __builtin_ctzll(w);

			out[i] = (int32_t) lh_vec_kernels()->utf8_length(strs[i].ptr, strs[i].len);
		}
	}
}

bool
lh_expr_unary_loop(const LhExpr *e, const LhVec *a, size_t n, const uint64_t *sel, void *out)
{
	const uint8_t *p = a->data;
	LhLane from = a->type.lane, to = e->type.lane;

	if ((e->kind == LH_E_LENGTH || e->kind == LH_E_OCTET_LENGTH) && from == LH_LANE_STR)
	{
		lengths(e, a, n, sel, out);
		return true;
	}
	if (e->kind != LH_E_CAST || e->type.id == LH_T_TIMESTAMP)
		return false;
#define CONVERT(type, AT)                        \
	do                                           \
	{                                            \
		for (size_t i = 0; i < n; i++)           \
			((type *) out)[i] = (type) AT(p, i); \
		return true;                             \
	} while (0)
	if (from == LH_LANE_F32 && to == LH_LANE_F64)
		CONVERT(double, AT_F32);
	if (from == LH_LANE_I32 && to == LH_LANE_F64)
		CONVERT(double, AT_I32);
	if (from == LH_LANE_I64 && to == LH_LANE_F64)
		CONVERT(double, AT_I64);
	if (from == LH_LANE_I32 && to == LH_LANE_I64)
		CONVERT(int64_t, AT_I32);
#undef CONVERT
	return false;
}
