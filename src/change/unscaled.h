/*
 * unscaled.h
 *		A finite numeric times a power of ten, as an integer: what decimals of Avro
 *		and Kafka Connect are.
 *
 * Its bytes are the big-endian two's complement, as few as Java's BigInteger takes:
 * up to 18 digits by 64-bit arithmetic, any more as a long number.
 */
#ifndef LH_CHANGE_UNSCALED_H
#define LH_CHANGE_UNSCALED_H

#include "core/decimal.h"
#include "vec/cell.h"

#define LH_UNSCALED_FEW 8

static inline int
lh_unscaled_digit(const LhCell *c, int i)
{
	int16_t		d;

	memcpy(&d, c->ptr + 2 * i, 2);
	return d;
}

/* Power of ten of the last digit of the last group. */
static inline int
lh_unscaled_last_power(const LhCell *c)
{
	return (c->weight - c->ndigits + 1) * 4;
}

/* The number times 10^scale, cut to an integer; false: it has too many digits for this. */
static inline bool
lh_unscaled_i64(const LhCell *c, int scale, int64_t *out)
{
	int			shift = c->ndigits > 0 ? lh_unscaled_last_power(c) + scale : 0;
	int64_t		v = 0;

	if (c->ndigits > 4 || c->ndigits * 4 + shift > 18 || shift < -18)
		return false;
	for (int i = 0; i < c->ndigits; i++)
		v = v * 10000 + lh_unscaled_digit(c, i);
	if (shift >= 0)
		v *= lh_pow10_i64[shift];
	else
		v /= lh_pow10_i64[-shift];
	*out = c->sign == LH_SIGN_MINUS ? -v : v;
	return true;
}

/* The shortest two's complement; returns how many bytes there are. */
static inline size_t
lh_unscaled_bytes(int64_t v, uint8_t out[LH_UNSCALED_FEW])
{
	/* bits that are not all like the sign, and one for the sign */
	uint64_t	magnitude = (uint64_t) (v ^ (v >> 63));
	size_t		n = magnitude == 0 ? 1 : (size_t) (64 - __builtin_clzll(magnitude)) / 8 + 1;
	uint64_t	be = __builtin_bswap64((uint64_t) v << (64 - 8 * n));

	memcpy(out, &be, 8);
	return n;
}

/* The bytes of any finite numeric, in "few" or ctx->arena. */
extern LhStatus lh_unscaled(LhCtx *ctx, const LhCell *c, int scale, uint8_t few[LH_UNSCALED_FEW], LhSlice *out);

/* The nearest double of any numeric. */
extern LhStatus lh_numeric_double(LhCtx *ctx, const LhCell *c, double *out);

#endif
