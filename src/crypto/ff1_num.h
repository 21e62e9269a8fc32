/*
 * ff1_num.h
 *		Arithmetic of FF1: numbers of "n" limbs of 64 bits, little-endian.
 *
 * What secrets decide, no branch and no address depends on: the time is the same for all
 * values of a size.  The functions here are inline, and take n as a constant where it is small.
 */
#ifndef LH_CRYPTO_FF1_NUM_H
#define LH_CRYPTO_FF1_NUM_H

#include "core/core.h"

/*
 * A modulus m of n limbs, for dividends X < m * 2^50 of n + 1 limbs.
 *
 * With 2^k <= m < 2^(k+1) and inverse = floor(2^(k+64) / m), the estimate
 * q = floor(floor(X / 2^k) * inverse / 2^64) is at most the quotient and at least
 * the quotient - 2: what was cut off X is worth less than one (X's rest is below 2^k <= m), what
 * was cut off the inverse less than 2^51 / 2^64, and the last floor less than one.
 */
typedef struct LhFf1Modulus
{
	uint64_t   *limbs;
	size_t		n;
	size_t		k;
	uint64_t	inverse;		/* 2^64 - 1 for m = 2^k: also within the bounds above */
} LhFf1Modulus;

/* *borrow: 0 or 1 */
static inline uint64_t
lh_ff1_sub(uint64_t a, uint64_t b, uint64_t *borrow)
{
	LhU128		d = (LhU128) a - b - *borrow;

	*borrow = (uint64_t) (d >> 64) & 1;
	return (uint64_t) d;
}

static inline uint64_t
lh_ff1_add(uint64_t a, uint64_t b, uint64_t *carry)
{
	LhU128		s = (LhU128) a + b + *carry;

	*carry = (uint64_t) (s >> 64);
	return (uint64_t) s;
}

/* x = x * by + more, of n limbs; what leaves them is given back */
static inline uint64_t
lh_limbs_multiply(uint64_t *x, size_t n, uint64_t by, uint64_t more)
{
	for (size_t i = 0; i < n; i++)
	{
		LhU128 p = (LhU128) x[i] * by + more;

		x[i] = (uint64_t) p;
		more = (uint64_t) (p >> 64);
	}
	return more;
}

/* x -= m where x >= m, x having nx limbs: m's, or one more */
static inline __attribute__((always_inline)) void
lh_ff1_sub_once(uint64_t *x, size_t nx, const uint64_t *m, size_t n)
{
	uint64_t	borrow = 0,
				carry = 0,
				mask;

	for (size_t i = 0; i < n; i++)
		(void) lh_ff1_sub(x[i], m[i], &borrow);
	if (nx > n)
		(void) lh_ff1_sub(x[n], 0, &borrow);
	mask = borrow - 1;			/* all ones where nothing was borrowed */
	for (size_t i = 0; i < n; i++)
		x[i] = lh_ff1_sub(x[i], m[i] & mask, &carry);
	if (nx > n)
		x[n] -= carry;
}

/* x %= m, x of n + 1 limbs as above; afterwards x[n] is 0 */
static inline __attribute__((always_inline)) void
lh_ff1_reduce(uint64_t *x, const LhFf1Modulus *m, size_t n)
{
	size_t		at = m->k / 64;
	unsigned	shift = m->k % 64;
	uint64_t	top = x[at] >> shift,
				q,
				carry = 0,
				borrow = 0;

	if (at < n)
		top |= x[at + 1] << 1 << (63 - shift);
	q = (uint64_t) (((LhU128) top * m->inverse) >> 64);
	for (size_t i = 0; i < n; i++)
	{
		LhU128		p = (LhU128) q * m->limbs[i] + carry;

		carry = (uint64_t) (p >> 64);
		x[i] = lh_ff1_sub(x[i], (uint64_t) p, &borrow);
	}
	x[n] -= carry + borrow;
	lh_ff1_sub_once(x, n + 1, m->limbs, n);
	lh_ff1_sub_once(x, n + 1, m->limbs, n);
}

/* a = (a + y) % m, of n limbs, both below m; m < 2^(64 n) */
static inline __attribute__((always_inline)) void
lh_ff1_add_mod(uint64_t *a, const uint64_t *y, const LhFf1Modulus *m, size_t n)
{
	uint64_t	carry = 0,
				borrow = 0,
				mask;

	for (size_t i = 0; i < n; i++)
		a[i] = lh_ff1_add(a[i], y[i], &carry);
	for (size_t i = 0; i < n; i++)
		a[i] = lh_ff1_sub(a[i], m->limbs[i], &borrow);
	/* the sum was below m: nothing to take off after all */
	mask = carry - borrow;
	carry = 0;
	for (size_t i = 0; i < n; i++)
		a[i] = lh_ff1_add(a[i], m->limbs[i] & mask, &carry);
}

/* a = (a - y) % m */
static inline __attribute__((always_inline)) void
lh_ff1_sub_mod(uint64_t *a, const uint64_t *y, const LhFf1Modulus *m, size_t n)
{
	uint64_t	carry = 0,
				borrow = 0,
				mask;

	for (size_t i = 0; i < n; i++)
		a[i] = lh_ff1_sub(a[i], y[i], &borrow);
	mask = 0 - borrow;
	for (size_t i = 0; i < n; i++)
		a[i] = lh_ff1_add(a[i], m->limbs[i] & mask, &carry);
}

/*
 * The way between numerals and numbers, "digits" numerals at a time: the most whose
 * power of the radix is below 2^64.
 */
typedef struct LhFf1Radix
{
	uint32_t	radix;
	uint64_t	inverse;		/* floor((2^64 - 1) / radix) */
	unsigned	digits;
	uint64_t	power;			/* radix^digits */
	unsigned	shift;			/* that brings power's first bit to the top */
	uint64_t	reciprocal;		/* of power << shift: floor((2^128 - 1) / it) - 2^64 */
} LhFf1Radix;

/* x / radix, and the rest: exact for all x (the estimate is at most one too small). */
static inline uint64_t
lh_ff1_div(const LhFf1Radix *r, uint64_t x, uint64_t *rest)
{
	uint64_t	q = (uint64_t) (((LhU128) x * r->inverse) >> 64),
				left = x - q * r->radix,
				more = left >= r->radix;

	*rest = left - (r->radix & (0 - more));
	return q + more;
}

extern void lh_ff1_radix_init(LhFf1Radix *r, uint32_t radix);

/* radix^exponent in n limbs of ctx->arena (n as small as it fits, or at least "least"), without the inverse. */
extern LhStatus
lh_ff1_power(LhCtx *ctx, const LhFf1Radix *r, size_t exponent, LhFf1Modulus *m);
/* Bits of m - 1. */
extern size_t lh_ff1_bits_below(const LhFf1Modulus *m);
/* As n limbs, with the inverse. */
extern LhStatus lh_ff1_modulus_finish(LhCtx *ctx, LhFf1Modulus *m, size_t n);

/* The number of "count" numerals; n limbs hold it.  Cancellable. */
extern LhStatus lh_ff1_number(LhCtx *ctx, const LhFf1Radix *r, const uint16_t *numerals,
							  size_t count, uint64_t *x, size_t n);
/* And back; x is lost. */
extern LhStatus lh_ff1_numerals_of(LhCtx *ctx, const LhFf1Radix *r, uint64_t *x, size_t n,
								   uint16_t *numerals, size_t count);

#endif
