/*
 * unscaled.c
 *		Numerics of any length as the bytes of an integer.
 */
#include "change/unscaled.h"

#include <math.h>
#include <stdlib.h>

#include "change/text.h"
#include "core/digits.h"

/* words *= by, += add; *n grows by a carry */
static void
multiply_add(uint32_t *words, size_t *n, uint32_t by, uint32_t add)
{
	uint64_t carry = add;

	for (size_t i = 0; i < *n; i++)
	{
		carry += (uint64_t) words[i] * by;
		words[i] = (uint32_t) carry;
		carry >>= 32;
	}
	if (carry != 0)
		words[(*n)++] = (uint32_t) carry;
}

static void
divide(uint32_t *words, size_t *n, uint32_t by)
{
	uint64_t rest = 0;

	for (size_t i = *n; i-- > 0;)
	{
		rest = rest << 32 | words[i];
		words[i] = (uint32_t) (rest / by);
		rest %= by;
	}
	while (*n > 0 && words[*n - 1] == 0)
		(*n)--;
}

/* Any number of digits: a long number in base 2^32. */
static LhStatus
long_number(LhCtx *ctx, const LhCell *c, int shift, LhSlice *out)
{
	/* a group is under 14 bits, ten to the ninth under 30 */
	size_t room = (size_t) c->ndigits / 2 + (size_t) (shift > 0 ? shift / 9 + 1 : 0) + 2;
	uint32_t *words = lh_alloc_array(ctx, room, sizeof(uint32_t));
	uint8_t *bytes = lh_alloc(ctx, room * 4 + 1);
	bool minus = c->sign == LH_SIGN_MINUS;
	size_t n = 0;
	size_t skip = 0;
	unsigned carry = 1;

	if (words == NULL || bytes == NULL)
		return LH_NO_MEMORY;
	for (int i = 0; i < c->ndigits; i++)
		multiply_add(words, &n, 10000, (uint32_t) lh_unscaled_digit(c, i));
	for (; shift >= 9; shift -= 9)
		multiply_add(words, &n, 1000000000, 0);
	for (; shift > 0; shift--)
		multiply_add(words, &n, 10, 0);
	for (; shift < 0 && n > 0; shift++)
		divide(words, &n, 10);

	bytes[0] = minus ? 0xff : 0;
	for (size_t i = 0; i < n * 4; i++)
		bytes[n * 4 - i] = (uint8_t) (words[i / 4] >> 8 * (i % 4));
	for (size_t i = n * 4; minus && i > 0; i--)
	{
		unsigned v = (uint8_t) ~bytes[i] + carry;

		bytes[i] = (uint8_t) v;
		carry = v >> 8;
	}
	if (n == 0)
		bytes[0] = 0;
	while (skip < n * 4 && bytes[skip] == (minus ? 0xff : 0) && (bytes[skip + 1] >= 0x80) == minus)
		skip++;
	*out = lh_slice(bytes + skip, n * 4 + 1 - skip);
	return LH_OK;
}

LhStatus
lh_unscaled(LhCtx *ctx, const LhCell *c, int scale, uint8_t few[LH_UNSCALED_FEW], LhSlice *out)
{
	int64_t v;

	if (!lh_unscaled_i64(c, scale, &v))
		return long_number(ctx, c, c->ndigits > 0 ? lh_unscaled_last_power(c) + scale : 0, out);
	*out = lh_slice(few, lh_unscaled_bytes(v, few));
	return LH_OK;
}

/* As digits and an exponent: a point is read as the locale says. */
LhStatus
lh_numeric_double(LhCtx *ctx, const LhCell *c, double *out)
{
	char *text, *p;

	if (c->sign > LH_SIGN_MINUS)
	{
		*out = c->sign == LH_SIGN_NAN ? NAN : c->sign == LH_SIGN_INFINITY ? INFINITY : -INFINITY;
		return LH_OK;
	}
	LH_ALLOC(ctx, text, (size_t) c->ndigits * 4 + LH_TEXT_INT + 8);
	p = text;
	*p = '-';
	p += c->sign == LH_SIGN_MINUS;
	*p++ = '0';
	for (int i = 0; i < c->ndigits; i++)
	{
		int d = lh_unscaled_digit(c, i);

		for (int by = 1000; by > 0; by /= 10)
			*p++ = (char) ('0' + d / by % 10);
	}
	*p++ = 'e';
	p = lh_digits_i64(p, c->ndigits > 0 ? lh_unscaled_last_power(c) : 0);
	*p = '\0';
	*out = strtod(text, NULL);
	return LH_OK;
}
