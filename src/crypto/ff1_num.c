/*
 * ff1_num.c
 *		Moduli of FF1, and numerals as numbers.
 *
 * Numerals are taken several at a time, as many as fit 64 bits, so that a string of
 * n of them costs n^2 / (2 * 19 * 19) steps of one limb where they are decimal digits.  On
 * the way back a number is divided by such a power with its reciprocal (Moeller and Granlund,
 * "Improved division by invariant integers", 2011), whose steps are the same for all numbers.
 */
#include "crypto/ff1_num.h"

/* Limb steps between two polls. */
#define POLL_STEPS ((size_t) 1 << 20)

void
lh_ff1_radix_init(LhFf1Radix *r, uint32_t radix)
{
	uint64_t d;

	r->radix = radix;
	r->inverse = UINT64_MAX / radix;
	r->digits = 1;
	r->power = radix;
	while (r->power <= UINT64_MAX / radix)
	{
		r->power *= radix;
		r->digits++;
	}
	r->shift = (unsigned) __builtin_clzll(r->power);
	d = r->power << r->shift;
	/* floor((2^128 - 1) / d) - 2^64 = floor((2^128 - 1 - 2^64 d) / d) */
	r->reciprocal = (uint64_t) (((LhU128) ~d << 64 | UINT64_MAX) / d);
}

/* Count work, and ask now and then whether to go on. */
static LhStatus
worked(LhCtx *ctx, size_t *work, size_t steps)
{
	*work += steps;
	if (*work < POLL_STEPS)
		return LH_OK;
	*work = 0;
	return lh_poll(ctx);
}

LhStatus
lh_ff1_power(LhCtx *ctx, const LhFf1Radix *r, size_t exponent, LhFf1Modulus *m)
{
	size_t bits = 64 - (size_t) __builtin_clzll(r->radix), work = 0;
	/* one more than the number needs, for a modulus in limbs that it does not fill */
	size_t most = exponent * bits / 64 + 3;

	LH_NEW_ARRAY(ctx, m->limbs, most);
	m->limbs[0] = 1;
	m->n = 1;
	while (exponent > 0)
	{
		unsigned k = exponent < r->digits ? (unsigned) exponent : r->digits;
		uint64_t by = r->power, carry;

		if (k < r->digits)
		{
			by = 1;
			for (unsigned i = 0; i < k; i++)
				by *= r->radix;
		}
		carry = lh_limbs_multiply(m->limbs, m->n, by, 0);
		if (carry != 0)
			m->limbs[m->n++] = carry;
		exponent -= k;
		LH_TRY(worked(ctx, &work, m->n));
	}
	return LH_OK;
}

static size_t
bit_length(const uint64_t *x, size_t n)
{
	while (n > 1 && x[n - 1] == 0)
		n--;
	return n * 64 - (x[n - 1] == 0 ? 64 : (size_t) __builtin_clzll(x[n - 1]));
}

size_t
lh_ff1_bits_below(const LhFf1Modulus *m)
{
	size_t bits = bit_length(m->limbs, m->n), ones = 0;

	for (size_t i = 0; i < m->n; i++)
		ones += (size_t) __builtin_popcountll(m->limbs[i]);
	/* one less for a power of two */
	return ones == 1 ? bits - 1 : bits;
}

/* floor(2^(k+64) / m), bit by bit: rest * 2 in each of 64 steps, m taken off where it fits */
static LhStatus
invert(LhCtx *ctx, LhFf1Modulus *m)
{
	size_t n = m->n + 1, work = 0;
	uint64_t *rest, inverse = 0;

	LH_NEW_ARRAY(ctx, rest, n);
	rest[m->k / 64] = UINT64_C(1) << m->k % 64;
	/* 2^k: m itself where m is a power of two, whose inverse would be 2^64 */
	if (memcmp(rest, m->limbs, m->n * 8) == 0)
	{
		m->inverse = UINT64_MAX;
		return LH_OK;
	}
	for (int bit = 63; bit >= 0; bit--)
	{
		uint64_t borrow = 0;

		(void) lh_limbs_multiply(rest, n, 2, 0);
		for (size_t i = 0; i < m->n; i++)
			(void) lh_ff1_sub(rest[i], m->limbs[i], &borrow);
		(void) lh_ff1_sub(rest[m->n], 0, &borrow);
		inverse |= (1 - borrow) << bit;
		lh_ff1_sub_once(rest, n, m->limbs, m->n);
		LH_TRY(worked(ctx, &work, n));
	}
	m->inverse = inverse;
	return LH_OK;
}

LhStatus
lh_ff1_modulus_finish(LhCtx *ctx, LhFf1Modulus *m, size_t n)
{
	uint64_t *limbs;

	m->k = bit_length(m->limbs, m->n) - 1;
	if (n < m->n)
		LH_FAIL(ctx, LH_BUG, "a modulus of FF1 has %zu limbs, not %zu", m->n, n);
	LH_NEW_ARRAY(ctx, limbs, n);
	memcpy(limbs, m->limbs, m->n * 8);
	m->limbs = limbs;
	m->n = n;
	return invert(ctx, m);
}

LhStatus
lh_ff1_number(LhCtx *ctx, const LhFf1Radix *r, const uint16_t *numerals, size_t count, uint64_t *x,
			  size_t n)
{
	size_t done = 0, used = 0, work = 0;

	memset(x, 0, n * 8);
	while (done < count)
	{
		/* the first group takes what is no whole one: the power is the same for all others */
		size_t k = (count - done) % r->digits;
		uint64_t group = 0;

		if (k == 0)
			k = r->digits;
		for (size_t i = 0; i < k; i++)
			group = group * r->radix + numerals[done + i];
		used += used < n;
		(void) lh_limbs_multiply(x, used, r->power, group);
		done += k;
		LH_TRY(worked(ctx, &work, used));
	}
	return LH_OK;
}

/* x /= power, of n limbs; the rest is given back */
static uint64_t
divide(const LhFf1Radix *r, uint64_t *x, size_t n)
{
	uint64_t d = r->power << r->shift, rest;

	rest = r->shift == 0 ? 0 : x[n - 1] >> (64 - r->shift);
	for (size_t i = n; i-- > 0;)
	{
		uint64_t low = x[i] << r->shift, q1, q0, over;
		LhU128 q;

		if (i > 0 && r->shift > 0)
			low |= x[i - 1] >> (64 - r->shift);
		q = (LhU128) r->reciprocal * rest + ((LhU128) rest << 64 | low);
		q1 = (uint64_t) (q >> 64) + 1;
		q0 = (uint64_t) q;
		rest = low - q1 * d;
		over = 0 - (uint64_t) (rest > q0);
		q1 += over;
		rest += d & over;
		over = 0 - (uint64_t) (rest >= d);
		q1 -= over;
		rest -= d & over;
		x[i] = q1;
	}
	return rest >> r->shift;
}

LhStatus
lh_ff1_numerals_of(LhCtx *ctx, const LhFf1Radix *r, uint64_t *x, size_t n, uint16_t *numerals,
				   size_t count)
{
	size_t bits = 64 - (size_t) __builtin_clzll(r->radix), work = 0;

	while (count > 0)
	{
		size_t k = count < r->digits ? count : r->digits;
		uint64_t group = n == 1 && count == k ? x[0] : divide(r, x, n), digit;

		for (size_t i = 0; i < k; i++)
		{
			group = lh_ff1_div(r, group, &digit);
			numerals[--count] = (uint16_t) digit;
		}
		/* what is left is below radix^count: a limb less at times, seen by sizes alone */
		if (n > 1 && n - 1 >= count * bits / 64 + 1)
			n--;
		LH_TRY(worked(ctx, &work, n));
	}
	return LH_OK;
}
