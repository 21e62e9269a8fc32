/*
 * template_rank.c
 *		Positions of several classes as one number.
 *
 * A value's number is that of its numerals in the mixed radix of its positions' classes, the bound the
 * product of them.  Positions are taken in runs whose product fits 64 bits, so
 * that a run costs one pass over the limbs.
 */
#include "mask/template_internal.h"
#include "crypto/ff1_num.h"

static uint64_t
divide(uint64_t *x, size_t n, uint64_t by)
{
	uint64_t rest = 0;

	while (n-- > 0)
	{
		LhU128 p = (LhU128) rest << 64 | x[n];

		if (rest == 0)
		{
			rest = x[n] % by;
			x[n] /= by;
			continue;
		}
		x[n] = (uint64_t) (p / by);
		rest = (uint64_t) (p % by);
	}
	return rest;
}

/* The run that begins at i: its end, and the product of its radixes. */
static size_t
run_of(const LhTemplate *t, const LhPosition *p, size_t i, size_t to, uint64_t *product)
{
	*product = 1;
	for (; i < to; i++)
	{
		uint64_t radix = t->classes[p[i].class].n;

		if (*product > UINT64_MAX / radix)
			break;
		*product *= radix;
	}
	return i;
}

static size_t
bit_length(const uint64_t *x, size_t n)
{
	while (n > 0 && x[n - 1] == 0)
		n--;
	return n == 0 ? 0 : n * 64 - (size_t) __builtin_clzll(x[n - 1]);
}

/* Bits of bound - 1, for a bound of at least 1. */
static size_t
bits_below(const uint64_t *bound, size_t n)
{
	size_t ones = 0, bits = bit_length(bound, n);

	for (size_t i = 0; i < n; i++)
		ones += (size_t) __builtin_popcountll(bound[i]);
	return ones == 1 ? bits - 1 : bits;
}

/* Take the last "offset" off: number and bound each one less. */
static void
decrement(uint64_t *x, size_t n)
{
	for (size_t i = 0; i < n && x[i]-- == 0; i++)
		;
}

static void
increment(uint64_t *x, size_t n)
{
	for (size_t i = 0; i < n && ++x[i] == 0; i++)
		;
}

bool
lh_template_below(const uint64_t *x, const uint64_t *bound, size_t n)
{
	while (n-- > 0)
	{
		if (x[n] != bound[n])
			return x[n] < bound[n];
	}
	return false;
}

/* Room for a number and its bound, of n limbs each, zeroed. */
static LhStatus
make_room(LhCtx *ctx, LhTemplate *t, LhValue *v, size_t n)
{
	size_t bytes = 2 * n * sizeof(uint64_t);

	LH_TRY(lh_buf_reserve(ctx, &t->limbs, t->limbs.len + bytes));
	v->number = t->limbs.len / sizeof(uint64_t);
	v->limbs = n;
	memset(t->limbs.data + t->limbs.len, 0, bytes);
	t->limbs.len += bytes;
	return LH_OK;
}

static void
finish(const LhTemplate *t, LhValue *v, const uint64_t *bound)
{
	uint64_t least = t->spec.legacy ? LH_FF1_DOMAIN_LEGACY : LH_FF1_DOMAIN;

	v->ranked = true;
	v->radix = 2;
	v->length = bits_below(bound, v->limbs);
	if (bit_length(bound, v->limbs) <= 64 && bound[0] < least)
		v->why = LH_CANNOT_SMALL;
}

LhStatus
lh_template_rank(LhCtx *ctx, LhTemplate *t, LhValue *v)
{
	const LhPosition *p = lh_positions(t, v);
	size_t n = ((size_t) v->to - v->from) / 4 + 2, used = 1;
	uint64_t *x, *bound;

	/* a position has at most 16 bits; one limb more for the bound */
	LH_TRY(make_room(ctx, t, v, n));
	x = lh_limbs(t, v);
	bound = x + n;
	bound[0] = 1;
	for (size_t i = v->from; i < v->to;)
	{
		uint64_t product, digits = 0, carry;
		size_t end = run_of(t, p, i, v->to, &product);

		for (; i < end; i++)
			digits = digits * t->classes[p[i].class].n + p[i].numeral;
		(void) lh_limbs_multiply(x, used < n ? used + 1 : n, product, digits);
		carry = lh_limbs_multiply(bound, used, product, 0);
		if (carry != 0)
			bound[used++] = carry;
	}
	if (v->minus)
	{
		decrement(x, n);
		decrement(bound, n);
	}
	finish(t, v, bound);
	return LH_OK;
}

void
lh_template_unrank(LhTemplate *t, LhValue *v)
{
	LhPosition *p = lh_positions(t, v);
	uint64_t *x = lh_limbs(t, v);
	size_t to = v->to;

	if (v->minus)
		increment(x, v->limbs);
	while (to > v->from)
	{
		size_t from = to;
		uint64_t product = 1, digits;

		while (from > v->from && product <= UINT64_MAX / t->classes[p[from - 1].class].n)
			product *= t->classes[p[--from].class].n;
		digits = divide(x, v->limbs, product);
		for (size_t i = to; i-- > from;)
		{
			uint64_t radix = t->classes[p[i].class].n;

			p[i].numeral = (uint16_t) (digits % radix);
			digits /= radix;
		}
		to = from;
	}
}

LhStatus
lh_template_number(LhCtx *ctx, LhTemplate *t, LhValue *v, LhU128 number, LhU128 bound)
{
	uint64_t *x;

	LH_TRY(make_room(ctx, t, v, 2));
	x = lh_limbs(t, v);
	x[0] = (uint64_t) number;
	x[1] = (uint64_t) (number >> 64);
	x[2] = (uint64_t) bound;
	x[3] = (uint64_t) (bound >> 64);
	finish(t, v, x + 2);
	return LH_OK;
}
