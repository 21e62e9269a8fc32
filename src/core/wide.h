/*
 * wide.h
 *		Sums of decimals that leave 128 bits: 256-bit integers, some 76 digits.
 */
#ifndef LH_CORE_WIDE_H
#define LH_CORE_WIDE_H

#include "core/decimal.h"

/* hi * 2^128 + lo */
typedef struct LhI256
{
	LhU128		lo;
	LhI128		hi;
} LhI256;

static inline bool
lh_i256_is_zero(const LhI256 *a)
{
	return a->lo == 0 && a->hi == 0;
}

static inline LhI256
lh_i256_of(LhI128 v)
{
	return (LhI256) {(LhU128) v, v < 0 ? -1 : 0};
}

/* *a += b and *a *= m (m >= 0); false, and *a is as it was, when that leaves 256 bits. */
extern bool lh_i256_add(LhI256 *a, const LhI256 *b);
extern bool lh_i256_mul(LhI256 *a, LhI128 m);
/* Big-endian two's complement, for lh_decimal_format_be. */
extern void lh_i256_to_be(const LhI256 *a, uint8_t out[32]);

#endif
