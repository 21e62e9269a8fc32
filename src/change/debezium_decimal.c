/*
 * debezium_decimal.c
 *		Numbers as Debezium writes them: decimals, money, doubles.
 *
 * A precise decimal is base64 of the big-endian two's complement of its unscaled
 * value, in as few bytes as Java's BigInteger takes: up to 18 digits by 64-bit
 * arithmetic, any more as a long number.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "change/debezium.h"
#include "core/decimal.h"

#define NULL_TEXT "null", 4

LhStatus
lh_dbz_bytes64(LhCtx *ctx, LhBuf *buf, const uint8_t *p, size_t n)
{
	LH_TRY(lh_put(ctx, buf, "\"", 1));
	LH_TRY(lh_put_base64(ctx, buf, p, n, false));
	return lh_put(ctx, buf, "\"", 1);
}

LhStatus
lh_dbz_double(LhCtx *ctx, LhBuf *buf, double v)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, LH_TEXT_FLOAT + 2, &p));
	if (!isfinite(v))
		*p++ = '"';
	p = lh_text_float8(p, v);
	if (!isfinite(v))
		*p++ = '"';
	lh_put_end(buf, p);
	return LH_OK;
}

/* The shortest two's complement of v. */
static LhStatus
put_unscaled_i64(LhCtx *ctx, LhBuf *buf, int64_t v)
{
	uint64_t be = __builtin_bswap64((uint64_t) v);
	uint8_t bytes[8];
	int skip = 0;

	memcpy(bytes, &be, 8);
	while (skip < 7 && bytes[skip] == (v < 0 ? 0xff : 0) && (bytes[skip + 1] >= 0x80) == (v < 0))
		skip++;
	return lh_dbz_bytes64(ctx, buf, bytes + skip, (size_t) (8 - skip));
}

static int
digit_at(const LhCell *c, int i)
{
	int16_t d;

	memcpy(&d, c->ptr + 2 * i, 2);
	return d;
}

/* Power of ten of the last digit of the last group. */
static int
last_power(const LhCell *c)
{
	return (c->weight - c->ndigits + 1) * 4;
}

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
put_unscaled_long(LhCtx *ctx, LhBuf *buf, const LhCell *c, int shift)
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
		multiply_add(words, &n, 10000, (uint32_t) digit_at(c, i));
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
	return lh_dbz_bytes64(ctx, buf, bytes + skip, n * 4 + 1 - skip);
}

LhStatus
lh_dbz_unscaled(LhCtx *ctx, LhBuf *buf, const LhCell *c, int scale)
{
	int shift = c->ndigits > 0 ? last_power(c) + scale : 0;
	int64_t v = 0;

	if (c->ndigits > 4 || c->ndigits * 4 + shift > 18 || shift < -18)
		return put_unscaled_long(ctx, buf, c, shift);
	for (int i = 0; i < c->ndigits; i++)
		v = v * 10000 + digit_at(c, i);
	if (shift >= 0)
		v *= lh_pow10_i64[shift];
	else
		v /= lh_pow10_i64[-shift];
	return put_unscaled_i64(ctx, buf, c->sign == LH_SIGN_MINUS ? -v : v);
}

/* The scale without trailing zeros, 0 at least. */
static int
least_scale(const LhCell *c)
{
	int power;
	int last;

	if (c->ndigits == 0)
		return 0;
	power = last_power(c);
	last = digit_at(c, c->ndigits - 1);
	for (int i = 0; i < 4 && power < 0 && last % 10 == 0; i++, last /= 10)
		power++;
	return power < 0 ? -power : 0;
}

static double
double_of(LhCtx *ctx, LhBuf *buf, const LhCell *c, LhStatus *status)
{
	size_t at = buf->len;
	double v = 0;

	*status = lh_put_numeric(ctx, buf, c);
	if (*status == LH_OK)
		*status = lh_put(ctx, buf, "", 1);
	if (*status == LH_OK)
		v = strtod((const char *) buf->data + at, NULL);
	buf->len = at;
	return v;
}

LhStatus
lh_dbz_decimal(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	LhStatus status;
	double v;
	char *p;

	switch (type->kind)
	{
		case LH_DBZ_DECIMAL:
			if (c->sign >= LH_SIGN_NAN)
				return lh_put(ctx, buf, NULL_TEXT);
			return lh_dbz_unscaled(ctx, buf, c, type->scale);
		case LH_DBZ_DECIMAL_ANY:
			if (c->sign >= LH_SIGN_NAN)
				return lh_put(ctx, buf, NULL_TEXT);
			LH_TRY(lh_put_room(ctx, buf, 64, &p));
			p = lh_text_i64(stpcpy(p, "{\"scale\":"), least_scale(c));
			lh_put_end(buf, stpcpy(p, ",\"value\":"));
			LH_TRY(lh_dbz_unscaled(ctx, buf, c, least_scale(c)));
			return lh_put(ctx, buf, "}", 1);
		case LH_DBZ_DECIMAL_DOUBLE:
			v = double_of(ctx, buf, c, &status);
			LH_TRY(status);
			return lh_dbz_double(ctx, buf, v);
		default: return lh_put_cell_text_json(ctx, buf, c);
	}
}

/*
 * money's text in any locale: digits, a sign or parentheses, and a last separator
 * that parts a fraction unless three digits follow it.
 */
LhStatus
lh_dbz_money(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	const char *s = (const char *) c->ptr;
	const char *separator = NULL;
	LhI128 v = 0;
	int fraction = 0;
	bool minus = false;
	char text[64];

	for (size_t i = 0; i < c->len; i++)
	{
		minus |= s[i] == '-' || s[i] == '(';
		if ((s[i] == '.' || s[i] == ',') && i + 1 < c->len && s[i + 1] >= '0' && s[i + 1] <= '9')
			separator = s + i;
	}
	for (size_t i = 0; i < c->len && v < lh_pow10[30]; i++)
		if (s[i] >= '0' && s[i] <= '9')
		{
			v = v * 10 + (s[i] - '0');
			fraction += separator != NULL && s + i > separator;
		}
	if (fraction == 3)
		fraction = 0;
	if (minus)
		v = -v;
	if (type->decimal != LH_DECIMAL_PRECISE)
	{
		lh_decimal_format(v, fraction <= 30 ? fraction : 0, text);
		if (type->decimal == LH_DECIMAL_DOUBLE)
			return lh_dbz_double(ctx, buf, strtod(text, NULL));
		return lh_put_json_string(ctx, buf, text, strlen(text));
	}
	for (; fraction < type->scale && v < lh_pow10[30] && v > -lh_pow10[30]; fraction++)
		v *= 10;
	for (; fraction > type->scale; fraction--)
		v = (v + (fraction == type->scale + 1 ? (minus ? -5 : 5) : 0)) / 10;
	if (v > INT64_MAX || v < INT64_MIN)
		return lh_put(ctx, buf, NULL_TEXT);
	return put_unscaled_i64(ctx, buf, (int64_t) v);
}
