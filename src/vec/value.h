/*
 * value.h
 *		What the files of vec/ (and exec/) share about single values.
 */
#ifndef LH_VEC_VALUE_H
#define LH_VEC_VALUE_H

#include <math.h>
#include <string.h>

#include "vec/types.h"

#define LH_I128_MAX ((LhI128) (~(LhU128) 0 >> 1))
#define LH_I128_MIN (-LH_I128_MAX - 1)

/* Types whose values compare with each other. */
typedef enum LhFamily
{
	LH_FAMILY_NONE,
	LH_FAMILY_BOOL,
	LH_FAMILY_NUMBER, /* ints and decimals, by value */
	LH_FAMILY_FLOAT,
	LH_FAMILY_MOMENT, /* dates and time stamps */
	LH_FAMILY_TIME,
	LH_FAMILY_BYTES
} LhFamily;

extern LhFamily lh_type_family(const LhType *t);

/* The unscaled integer of a NUMBER; false when it needs more than 128 bits. */
extern bool lh_value_unscaled(const LhValue *v, LhI128 *out);
/* A NUMBER or FLOAT as the nearest double. */
extern double lh_value_double(const LhValue *v);
/* NUMBERs of any width, slowly. */
extern int lh_value_compare_wide(const LhValue *a, const LhValue *b);
extern int lh_bytes_compare(LhStr a, LhStr b);
/*
 * Do the strings (those whose bit in valid is set; NULL: all) lie behind each
 * other in one piece of memory, which may then be read as one: out?
 */
extern bool lh_strs_are_adjacent(const LhStr *strs, size_t n, const uint64_t *valid, LhSlice *out);

/*
 * a * b in 128 bits; false on overflow.  (The compiler's builtin needs a
 * run-time library that clang does not link by default.)
 */
static inline bool
lh_mul_i128(LhI128 a, LhI128 b, LhI128 *out)
{
	const LhU128 max = ~(LhU128) 0 >> 1;
	LhU128 x = a < 0 ? -(LhU128) a : (LhU128) a, y = b < 0 ? -(LhU128) b : (LhU128) b;
	bool negative = (a < 0) != (b < 0);

	if (((x | y) >> 63) != 0 && y != 0 && x > (max + negative) / y)
		return false;
	*out = (LhI128) (negative ? -(x * y) : x * y);
	return true;
}

/* BOOL's value whether it was written as b or as i64: only the first byte counts. */
static inline int64_t
lh_value_bool(const LhValue *v)
{
	return (v->i64 & 0xFF) != 0;
}

/*
 * Keys of floats.  Bits of a double order like integers when negative numbers
 * are turned round; key -1 (of -0) is never used.
 */
#define LH_KEY_INF       INT64_C(0x7FF0000000000000)
#define LH_KEY_NAN       (LH_KEY_INF + 1)
#define LH_KEY_MINUS_INF INT64_C(-0x7FF0000000000001)

static inline int64_t
lh_float_key(double x)
{
	int64_t bits;

	if (x == 0)
		return 0;
	if (isnan(x))
		return LH_KEY_NAN;
	memcpy(&bits, &x, sizeof(bits));
	return bits ^ ((bits >> 63) & INT64_MAX);
}

/* Of a key that is not of NaN. */
static inline double
lh_key_float(int64_t key)
{
	int64_t bits = key ^ ((key >> 63) & INT64_MAX);
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* Key of value i of an array in a numeric lane. */
static inline LhI128
lh_lane_key(LhLane lane, const void *data, size_t i)
{
	const uint8_t *p = data;
	LhI128 x;

	switch (lane)
	{
		case LH_LANE_U8: return p[i] != 0;
		case LH_LANE_I32: return lh_load_i32(p + i * 4);
		case LH_LANE_I64: return lh_load_i64(p + i * 8);
		case LH_LANE_F32: return lh_float_key(lh_load_f32(p + i * 4));
		case LH_LANE_F64: return lh_float_key(lh_load_f64(p + i * 8));
		default: memcpy(&x, p + i * 16, sizeof(x)); return x;
	}
}

extern bool lh_lane_is_number(LhLane lane);
/* For each set bit of words for n rows, ascending: a statement in braces, with row. */
#define LH_FOR_ROWS(words, n, row)                                                       \
	for (size_t word_ = 0; word_ < LH_WORDS(n); word_++)                                 \
		for (uint64_t bits_ = (words)[word_], row;                                       \
			 bits_ != 0 && (row = word_ * 64 + (uint64_t) __builtin_ctzll(bits_), true); \
			 bits_ &= bits_ - 1)

#endif
