/*
 * decimal.c
 *		Decimals as unscaled 128-bit integers, and their text.
 */
#include "core/decimal.h"

#include <string.h>

#include "core/buffer.h"

#define E18 ((LhI128) INT64_C(1000000000000000000))
#define P18(n)                                                                                    \
	(n) * 1, (n) *10, (n) *100, (n) *1000, (n) *10000, (n) *100000, (n) *1000000, (n) *10000000,  \
		(n) *100000000, (n) *1000000000, (n) *INT64_C(10000000000), (n) *INT64_C(100000000000),   \
		(n) *INT64_C(1000000000000), (n) *INT64_C(10000000000000), (n) *INT64_C(100000000000000), \
		(n) *INT64_C(1000000000000000), (n) *INT64_C(10000000000000000),                          \
		(n) *INT64_C(100000000000000000)

const LhI128 lh_pow10[LH_DECIMAL_MAX_PRECISION + 1] = {P18((LhI128) 1), P18(E18), E18 *E18,
													   E18 *E18 * 10, E18 *E18 * 100};

const int64_t lh_pow10_i64[19] = {P18(INT64_C(1)), INT64_C(1000000000000000000)};

/*
 * PostgreSQL's numeric has at most 131,072 digits before the point and 16,383
 * behind it; a longer number could not be shown, and printing is quadratic.
 */
#define MAX_SCALE  16383
#define MAX_DIGITS (131072 + MAX_SCALE)
#define MAX_BYTES  61232 /* log256(10^MAX_DIGITS), rounded up */

/* Nine digits a limb when a wide number is converted. */
#define LIMB_DIGITS 9
#define LIMB        1000000000u

LhI128
lh_i128_from_be(const uint8_t *p, size_t n)
{
	LhU128 v;

	if (n == 0)
		return 0;
	v = (p[0] & 0x80) != 0 ? ~(LhU128) 0 : 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return (LhI128) v;
}

bool
lh_i128_from_be_wide(const uint8_t *p, size_t n, LhI128 *out)
{
	uint8_t sign;

	if (n > sizeof(LhI128))
	{
		sign = (p[0] & 0x80) != 0 ? 0xff : 0;
		for (; n > sizeof(LhI128); n--)
		{
			if (*p++ != sign)
				return false;
		}
		if (((p[0] ^ sign) & 0x80) != 0)
			return false;
	}
	*out = lh_i128_from_be(p, n);
	return true;
}

/* The digits of v, at least min of them, to the bytes before end; returns their begin. */
static char *
digits_before(LhU128 v, int min, char *end)
{
	char *p = end;

	while (v > UINT64_MAX)
	{
		uint64_t low = (uint64_t) (v % (LhU128) E18);

		v /= (LhU128) E18;
		for (int i = 0; i < 18; i++, low /= 10)
			*--p = (char) ('0' + low % 10);
	}
	for (uint64_t rest = (uint64_t) v; rest > 0; rest /= 10)
		*--p = (char) ('0' + rest % 10);
	while (end - p < min)
		*--p = '0';
	return p;
}

int
lh_decimal_format(LhI128 v, int scale, char *out)
{
	char digits[48];
	char *end = digits + sizeof(digits);
	char *p;
	size_t whole;
	char *o = out;

	if (scale < 0)
		scale = 0;
	if (scale > LH_DECIMAL_MAX_PRECISION)
		scale = LH_DECIMAL_MAX_PRECISION;
	p = digits_before(v < 0 ? -(LhU128) v : (LhU128) v, scale + 1, end);
	whole = (size_t) (end - p) - (size_t) scale;
	if (v < 0)
		*o++ = '-';
	memcpy(o, p, whole);
	o += whole;
	if (scale > 0)
	{
		*o++ = '.';
		memcpy(o, p + whole, (size_t) scale);
		o += scale;
	}
	*o = '\0';
	return (int) (o - out);
}

/*
 * The magnitude of a big-endian two's complement number as little-endian
 * 32-bit words; returns their count without leading zeros.
 */
static size_t
magnitude_words(const uint8_t *p, size_t n, bool negative, uint32_t *words)
{
	size_t nwords = (n + 3) / 4;
	uint32_t carry = negative;

	for (size_t w = 0; w < nwords; w++)
	{
		uint32_t v = 0;

		for (size_t b = 0; b < 4; b++)
		{
			size_t at = 4 * w + b; /* from the number's low end */
			uint8_t byte = at < n ? p[n - 1 - at] : (negative ? 0xff : 0);

			v |= (uint32_t) byte << (8 * b);
		}
		if (negative)
		{
			v = ~v + carry;
			carry = carry && v == 0;
		}
		words[w] = v;
	}
	while (nwords > 0 && words[nwords - 1] == 0)
		nwords--;
	return nwords;
}

/* Divide the words by LIMB in place; returns the rest. */
static uint32_t
divide_words(uint32_t *words, size_t nwords)
{
	uint64_t rest = 0;

	for (size_t w = nwords; w-- > 0;)
	{
		rest = rest << 32 | words[w];
		words[w] = (uint32_t) (rest / LIMB);
		rest %= LIMB;
	}
	return (uint32_t) rest;
}

/* Append sign, digits and point. */
static LhStatus
append_decimal(LhCtx *ctx, LhBuf *out, bool negative, const char *digits, size_t n, size_t scale)
{
	size_t whole = n > scale ? n - scale : 0;

	if (negative)
		LH_TRY(lh_buf_putc(ctx, out, '-'));
	if (whole == 0)
		LH_TRY(lh_buf_putc(ctx, out, '0'));
	LH_TRY(lh_buf_append(ctx, out, digits, whole));
	if (scale == 0)
		return LH_OK;
	LH_TRY(lh_buf_putc(ctx, out, '.'));
	for (size_t i = n - whole; i < scale; i++)
		LH_TRY(lh_buf_putc(ctx, out, '0'));
	return lh_buf_append(ctx, out, digits + whole, n - whole);
}

LhStatus
lh_decimal_format_be(LhCtx *ctx, const uint8_t *p, size_t n, int scale, LhBuf *out)
{
	bool negative = n > 0 && (p[0] & 0x80) != 0;
	LhI128 small;
	uint32_t *words;
	size_t nwords;
	char *digits, *end, *d;

	if (scale < 0 || scale > MAX_SCALE)
		LH_FAIL(ctx, LH_OUT_OF_RANGE, "decimal scale %d is outside 0 to %d", scale, MAX_SCALE);
	if (scale <= LH_DECIMAL_MAX_PRECISION && lh_i128_from_be_wide(p, n, &small))
	{
		LH_TRY(lh_buf_reserve(ctx, out, out->len + 48));
		out->len += (size_t) lh_decimal_format(small, scale, (char *) out->data + out->len);
		return LH_OK;
	}
	if (n > MAX_BYTES)
		LH_FAIL(ctx, LH_OUT_OF_RANGE, "decimal of %zu bytes has more than %d digits", n,
				MAX_DIGITS);

	LH_ALLOC(ctx, words, (n + 3) / 4 * sizeof(uint32_t));
	LH_ALLOC(ctx, digits, (n + 3) / 4 * 10 + LIMB_DIGITS);
	end = d = digits + (n + 3) / 4 * 10 + LIMB_DIGITS;
	nwords = magnitude_words(p, n, negative, words);
	while (nwords > 0)
	{
		uint32_t limb = divide_words(words, nwords);

		for (int i = 0; i < LIMB_DIGITS; i++, limb /= 10)
			*--d = (char) ('0' + limb % 10);
		if (words[nwords - 1] == 0)
			nwords--;
	}
	while (d < end && *d == '0')
		d++;
	return append_decimal(ctx, out, negative, d, (size_t) (end - d), (size_t) scale);
}

bool
lh_decimal_rescale(LhI128 v, int from, int to, LhI128 *out, bool *exact)
{
	const LhI128 limit = lh_pow10[LH_DECIMAL_MAX_PRECISION];
	LhI128 scaled, rest;

	*exact = true;
	if (to >= from)
	{
		if (v == 0 || to == from)
		{
			*out = v;
			return true;
		}
		if (to - from > LH_DECIMAL_MAX_PRECISION ||
			__builtin_mul_overflow(v, lh_pow10[to - from], &scaled) || scaled >= limit ||
			scaled <= -limit)
			return false;
		*out = scaled;
		return true;
	}
	if (from - to > LH_DECIMAL_MAX_PRECISION)
	{
		/* 10^39 and more: larger than any v of 128 bits */
		*out = v < 0 ? -1 : 0;
		*exact = v == 0;
		return true;
	}
	scaled = v / lh_pow10[from - to];
	rest = v % lh_pow10[from - to];
	*out = scaled - (rest < 0);
	*exact = rest == 0;
	return true;
}
