/*
 * debezium_decimal.c
 *		Numbers as Debezium writes them: decimals, money, doubles.
 *
 * A precise decimal is base64 of its unscaled value (unscaled.h).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "change/debezium.h"
#include "change/unscaled.h"
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

static LhStatus
put_unscaled_i64(LhCtx *ctx, LhBuf *buf, int64_t v)
{
	uint8_t few[LH_UNSCALED_FEW];

	return lh_dbz_bytes64(ctx, buf, few, lh_unscaled_bytes(v, few));
}

LhStatus
lh_dbz_unscaled(LhCtx *ctx, LhBuf *buf, const LhCell *c, int scale)
{
	uint8_t few[LH_UNSCALED_FEW];
	LhSlice bytes;

	LH_TRY(lh_unscaled(ctx, c, scale, few, &bytes));
	return lh_dbz_bytes64(ctx, buf, bytes.data, bytes.len);
}

/* The scale without trailing zeros, 0 at least. */
int
lh_dbz_least_scale(const LhCell *c)
{
	int power;
	int last;

	if (c->ndigits == 0)
		return 0;
	power = lh_unscaled_last_power(c);
	last = lh_unscaled_digit(c, c->ndigits - 1);
	for (int i = 0; i < 4 && power < 0 && last % 10 == 0; i++, last /= 10)
		power++;
	return power < 0 ? -power : 0;
}

LhStatus
lh_dbz_decimal(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
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
			p = lh_text_i64(stpcpy(p, "{\"scale\":"), lh_dbz_least_scale(c));
			lh_put_end(buf, stpcpy(p, ",\"value\":"));
			LH_TRY(lh_dbz_unscaled(ctx, buf, c, lh_dbz_least_scale(c)));
			return lh_put(ctx, buf, "}", 1);
		case LH_DBZ_DECIMAL_DOUBLE:
			LH_TRY(lh_numeric_double(ctx, c, &v));
			return lh_dbz_double(ctx, buf, v);
		default: return lh_put_cell_text_json(ctx, buf, c);
	}
}

/*
 * money's text in any locale: digits, a sign or parentheses, and a last separator
 * that parts a fraction unless three digits follow it.
 */
bool
lh_dbz_money_of(const LhDbzType *type, const LhCell *c, int64_t *unscaled, char text[64])
{
	const char *s = (const char *) c->ptr;
	const char *separator = NULL;
	LhI128 v = 0;
	int fraction = 0;
	bool minus = false;

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
		return true;
	}
	for (; fraction < type->scale && v < lh_pow10[30] && v > -lh_pow10[30]; fraction++)
		v *= 10;
	for (; fraction > type->scale; fraction--)
		v = (v + (fraction == type->scale + 1 ? (minus ? -5 : 5) : 0)) / 10;
	*unscaled = (int64_t) v;
	return v <= INT64_MAX && v >= INT64_MIN;
}

LhStatus
lh_dbz_money(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	int64_t unscaled;
	char text[64];

	if (!lh_dbz_money_of(type, c, &unscaled, text))
		return lh_put(ctx, buf, NULL_TEXT);
	if (type->decimal == LH_DECIMAL_DOUBLE)
		return lh_dbz_double(ctx, buf, strtod(text, NULL));
	if (type->decimal == LH_DECIMAL_STRING)
		return lh_put_json_string(ctx, buf, text, strlen(text));
	return put_unscaled_i64(ctx, buf, unscaled);
}
