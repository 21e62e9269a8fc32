/*
 * debezium_value.c
 *		Cells as Kafka Connect's JSON converter writes Debezium's values.
 *
 * Numbers are those of Debezium: decimals as base64 of the big-endian two's
 * complement of their unscaled value, times counted from 1970 or midnight in
 * the unit of the schema, bits with the last one first.  docs/cdc-formats.md
 * tells where its values are wrong and ours are not.
 */
#include "change/debezium.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/datetime.h"
#include "core/decimal.h"

#define NULL_TEXT "null", 4
#define US_PER_DAY INT64_C(86400000000)
#define US_PER_MONTH INT64_C(2629800000000)		/* of 30.4375 days, as MicroDuration has it */

/* What Debezium's driver makes of PostgreSQL's infinite timestamps, in ms since 1970. */
#define INFINITE_MS INT64_C(9223372036825200)
#define MINUS_INFINITE_MS INT64_C(-9223372036832400)

/* ---- decimals ---- */
static LhStatus
put_bytes64(LhCtx *ctx, LhBuf *buf, const uint8_t *p, size_t n)
{
	LH_TRY(lh_put(ctx, buf, "\"", 1));
	LH_TRY(lh_put_base64(ctx, buf, p, n, false));
	return lh_put(ctx, buf, "\"", 1);
}

/* The shortest two's complement of v. */
static LhStatus
put_unscaled_i64(LhCtx *ctx, LhBuf *buf, int64_t v)
{
	uint64_t	be = __builtin_bswap64((uint64_t) v);
	uint8_t		bytes[8];
	int			skip = 0;

	memcpy(bytes, &be, 8);
	while (skip < 7 && bytes[skip] == (v < 0 ? 0xff : 0) && (bytes[skip + 1] >= 0x80) == (v < 0))
		skip++;
	return put_bytes64(ctx, buf, bytes + skip, (size_t) (8 - skip));
}

static int
digit_at(const LhCell *c, int i)
{
	int16_t		d;

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
	uint64_t	carry = add;

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
	uint64_t	rest = 0;

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
	size_t		room = (size_t) c->ndigits / 2 + (size_t) (shift > 0 ? shift / 9 + 1 : 0) + 2;
	uint32_t   *words = lh_alloc_array(ctx, room, sizeof(uint32_t));
	uint8_t    *bytes = lh_alloc(ctx, room * 4 + 1);
	bool		minus = c->sign == LH_SIGN_MINUS;
	size_t		n = 0;
	size_t		skip = 0;
	unsigned	carry = 1;

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
		unsigned	v = (uint8_t) ~bytes[i] + carry;

		bytes[i] = (uint8_t) v;
		carry = v >> 8;
	}
	if (n == 0)
		bytes[0] = 0;
	while (skip < n * 4 && bytes[skip] == (minus ? 0xff : 0) && (bytes[skip + 1] >= 0x80) == minus)
		skip++;
	return put_bytes64(ctx, buf, bytes + skip, n * 4 + 1 - skip);
}

LhStatus
lh_dbz_unscaled(LhCtx *ctx, LhBuf *buf, const LhCell *c, int scale)
{
	int			shift = c->ndigits > 0 ? last_power(c) + scale : 0;
	int64_t		v = 0;

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
	int			power;
	int			last;

	if (c->ndigits == 0)
		return 0;
	power = last_power(c);
	last = digit_at(c, c->ndigits - 1);
	for (int i = 0; i < 4 && power < 0 && last % 10 == 0; i++, last /= 10)
		power++;
	return power < 0 ? -power : 0;
}

static LhStatus
put_double(LhCtx *ctx, LhBuf *buf, double v)
{
	char	   *p;

	LH_TRY(lh_put_room(ctx, buf, LH_TEXT_FLOAT + 2, &p));
	if (!isfinite(v))
		*p++ = '"';
	p = lh_text_float8(p, v);
	if (!isfinite(v))
		*p++ = '"';
	lh_put_end(buf, p);
	return LH_OK;
}

static double
double_of(LhCtx *ctx, LhBuf *buf, const LhCell *c, LhStatus *status)
{
	size_t		at = buf->len;
	double		v = 0;

	*status = lh_put_numeric(ctx, buf, c);
	if (*status == LH_OK)
		*status = lh_put(ctx, buf, "", 1);
	if (*status == LH_OK)
		v = strtod((const char *) buf->data + at, NULL);
	buf->len = at;
	return v;
}

static LhStatus
put_decimal(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	LhStatus	status;
	double		v;
	char	   *p;

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
			return put_double(ctx, buf, v);
		default:
			return lh_put_cell_text_json(ctx, buf, c);
	}
}

/*
 * money's text in any locale: digits, a sign or parentheses, and a last separator
 * that parts a fraction unless three digits follow it.
 */
static LhStatus
put_money(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	const char *s = (const char *) c->ptr;
	const char *separator = NULL;
	LhI128		v = 0;
	int			fraction = 0;
	bool		minus = false;
	char		text[64];

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
			return put_double(ctx, buf, strtod(text, NULL));
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

/* ---- bytes ---- */
static LhStatus
put_binary(LhCtx *ctx, LhBuf *buf, LhBinaryMode mode, const void *p, size_t n)
{
	LH_TRY(lh_put(ctx, buf, "\"", 1));
	if (mode == LH_BINARY_HEX)
		LH_TRY(lh_put_hex(ctx, buf, p, n));
	else
		LH_TRY(lh_put_base64(ctx, buf, p, n, mode == LH_BINARY_BASE64_URL));
	return lh_put(ctx, buf, "\"", 1);
}

/* bytea, or the output text of anything else */
static LhStatus
put_bytes(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	size_t		at = buf->len;
	size_t		n;
	void	   *copy;

	if (c->kind == LH_CELL_BYTES || lh_cell_is_text(c) || c->kind == LH_CELL_RAW)
		return put_binary(ctx, buf, type->binary, c->ptr, c->len);
	LH_TRY(lh_put_cell_text(ctx, buf, c));
	n = buf->len - at;
	if ((copy = lh_memdup(ctx, buf->data + at, n)) == NULL)
		return LH_NO_MEMORY;
	buf->len = at;
	return put_binary(ctx, buf, type->binary, copy, n);
}

/* "0101": the last bit is the lowest of the first byte; bytes end with the highest bit that is set. */
static LhStatus
put_bits(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	uint8_t		few[32];
	size_t		room = (size_t) c->len / 8 + 1;
	uint8_t    *bytes = room <= sizeof(few) ? few : lh_alloc(ctx, room);
	size_t		n = 0;

	if (bytes == NULL)
		return LH_NO_MEMORY;
	memset(bytes, 0, room);
	for (uint32_t i = 0; i < c->len; i++)
		if (c->ptr[c->len - 1 - i] == '1')
		{
			bytes[i / 8] |= (uint8_t) (1 << i % 8);
			n = i / 8 + 1;
		}
	return put_bytes64(ctx, buf, bytes, n);
}

/* ---- dates and times ---- */
static char *
two(char *p, int v)
{
	p[0] = (char) ('0' + v / 10);
	p[1] = (char) ('0' + v % 10);
	return p + 2;
}

/* ISO 8601 as Java has it: years beyond 0000 .. 9999 with their sign */
static char *
iso_date(char *p, int64_t days)
{
	int64_t		year;
	int			month,
				day;

	lh_civil_from_days(days, &year, &month, &day);
	if (year < 0 || year > 9999)
		*p++ = year < 0 ? '-' : '+';
	p += sprintf(p, "%04lld", (long long) (year < 0 ? -year : year));
	*p++ = '-';
	p = two(p, month);
	*p++ = '-';
	return two(p, day);
}

/* hh:mm:ss; digits of the fraction, -1: as many as there are */
static char *
iso_time(char *p, int64_t us, int digits)
{
	int64_t		s = us / 1000000;
	int			fraction = (int) (us % 1000000);
	int			shown = digits;

	p = two(p, (int) (s / 3600));
	*p++ = ':';
	p = two(p, (int) (s / 60 % 60));
	*p++ = ':';
	p = two(p, (int) (s % 60));
	if (digits < 0)
		for (shown = fraction != 0 ? 6 : 0; shown > 0 && fraction % lh_pow10_i64[6 - shown + 1] == 0;)
			shown--;
	if (shown > 0)
	{
		*p++ = '.';
		for (int i = 0; i < shown; i++)
			*p++ = (char) ('0' + fraction / lh_pow10_i64[5 - i] % 10);
	}
	return p;
}

/* us since 2000 to days since 1970 and us of the day */
static int64_t
split(int64_t us, int64_t *of_day)
{
	*of_day = lh_floor_mod(us, US_PER_DAY);
	return lh_floor_div(us, US_PER_DAY) + LH_PG_EPOCH_DAYS;
}

static LhStatus
put_infinity(LhCtx *ctx, LhBuf *buf, bool minus)
{
	return minus ? lh_put(ctx, buf, "\"-infinity\"", 11) : lh_put(ctx, buf, "\"infinity\"", 10);
}

static char *
struct_date(char *p, int64_t days)
{
	int64_t		year;
	int			month,
				day;

	lh_civil_from_days(days, &year, &month, &day);
	return p + sprintf(p, "{\"year\":%lld,\"month\":%d,\"day\":%d", (long long) year, month, day);
}

static char *
struct_time(char *p, const char *before, int64_t us)
{
	int64_t		s = us / 1000000;

	return p + sprintf(p, "%s\"hour\":%d,\"minute\":%d,\"second\":%d,\"nanos\":%d", before, (int) (s / 3600),
					   (int) (s / 60 % 60), (int) (s % 60), (int) (us % 1000000 * 1000));
}

static LhStatus
put_date(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	bool		infinite = c->i64 == INT32_MAX || c->i64 == INT32_MIN;
	int64_t		days = c->i64 + LH_PG_EPOCH_DAYS;
	char	   *p;

	LH_TRY(lh_put_room(ctx, buf, 128, &p));
	if (type->kind == LH_DBZ_DAYS)
		p = lh_text_i64(p, infinite ? c->i64 : days);
	else if (type->kind == LH_DBZ_DATE_STRUCT)
	{
		if (infinite)
			p += sprintf(p, "{\"year\":null,\"month\":null,\"day\":null,\"specialValue\":\"%s_INFINITY\"}",
						 c->i64 < 0 ? "NEGATIVE" : "POSITIVE");
		else
			p = stpcpy(struct_date(p, days), ",\"specialValue\":null}");
	}
	else if (infinite)
		return put_infinity(ctx, buf, c->i64 < 0);
	else
	{
		*p++ = '"';
		p = stpcpy(iso_date(p, days), "Z\"");
	}
	lh_put_end(buf, p);
	return LH_OK;
}

static LhStatus
put_time(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	int64_t		us = c->i64;
	char	   *p;

	LH_TRY(lh_put_room(ctx, buf, 160, &p));
	if (type->kind == LH_DBZ_TIME)
		p = lh_text_i64(p, type->unit == LH_DBZ_MS ? us / 1000 : type->unit == LH_DBZ_US ? us : us * 1000);
	else if (type->kind == LH_DBZ_TIME_ISO)
	{
		*p++ = '"';
		p = stpcpy(iso_time(p, us, -1), "Z\"");
	}
	else
	{
		p = struct_time(p, "{", us);
		p += sprintf(p, ",\"precision\":%d}", type->precision);
	}
	lh_put_end(buf, p);
	return LH_OK;
}

static LhStatus
put_timetz(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	char	   *p;

	LH_TRY(lh_put_room(ctx, buf, 192, &p));
	if (type->kind == LH_DBZ_TIMETZ_STRUCT)
	{
		p = struct_time(p, "{", c->i64);
		p += sprintf(p, ",\"offsetSeconds\":%d,\"precision\":%d}", -c->aux, type->precision);
	}
	else
	{
		/* the same moment of the day in UTC */
		int64_t		us = c->i64 + c->aux * INT64_C(1000000);

		*p++ = '"';
		if (!(us == US_PER_DAY && c->aux == 0))
			us = lh_floor_mod(us, US_PER_DAY);
		p = stpcpy(iso_time(p, us, -1), "Z\"");
	}
	lh_put_end(buf, p);
	return LH_OK;
}

static LhStatus
put_stamp(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	bool		minus = c->i64 == INT64_MIN;
	bool		infinite = c->i64 == INT64_MAX || minus;
	bool		zoned = type->kind == LH_DBZ_STAMPTZ_STRUCT;
	int64_t		of_day;
	int64_t		days;
	int64_t		v;
	char	   *p;

	LH_TRY(lh_put_room(ctx, buf, 256, &p));
	if (type->kind == LH_DBZ_STAMP)
	{
		if (infinite)
			v = minus ? MINUS_INFINITE_MS : INFINITE_MS;
		else
			v = lh_floor_div(c->i64, 1000) + LH_PG_EPOCH_US / 1000;
		if (type->unit == LH_DBZ_US)
			v = infinite ? v * 1000 : c->i64 + LH_PG_EPOCH_US;
		else if (type->unit == LH_DBZ_NS && infinite)
			v = c->i64;
		/* years 1677 to 2262 */
		else if (type->unit == LH_DBZ_NS && __builtin_mul_overflow(c->i64 + LH_PG_EPOCH_US, 1000, &v))
			return lh_put(ctx, buf, NULL_TEXT);
		lh_put_end(buf, lh_text_i64(p, v));
		return LH_OK;
	}
	days = infinite ? 0 : split(c->i64, &of_day);
	if (type->kind == LH_DBZ_STAMP_STRUCT || zoned)
	{
		const char *zone = zoned ? ",\"offsetSeconds\":0,\"zoneId\":\"Z\"" : "";

		if (infinite)
			p += sprintf(p, "{\"year\":null,\"month\":null,\"day\":null,\"hour\":null,\"minute\":null,\"second\":null,"
						 "\"nanos\":null%s,\"specialValue\":\"%s_INFINITY\"", zoned ?
						 ",\"offsetSeconds\":null,\"zoneId\":null" : "", minus ? "NEGATIVE" : "POSITIVE");
		else
		{
			p = struct_time(struct_date(p, days), ",", of_day);
			p += sprintf(p, "%s,\"specialValue\":null", zone);
		}
		p += sprintf(p, ",\"precision\":%d}", type->precision);
		lh_put_end(buf, p);
		return LH_OK;
	}
	if (infinite)
		return put_infinity(ctx, buf, minus);
	*p++ = '"';
	p = iso_date(p, days);
	*p++ = 'T';
	p = iso_time(p, of_day, type->kind == LH_DBZ_STAMPTZ ? type->precision : -1);
	lh_put_end(buf, stpcpy(p, "Z\""));
	return LH_OK;
}

static LhStatus
put_interval(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	int32_t		days = (int32_t) c->len;
	int64_t		us = c->i64;
	bool		minus = us == INT64_MIN && days == INT32_MIN && c->aux == INT32_MIN;
	bool		infinite = minus || (us == INT64_MAX && days == INT32_MAX && c->aux == INT32_MAX);
	int64_t		hours = us / INT64_C(3600000000);
	int			minutes = (int) (us / 60000000 % 60);
	int			rest = (int) (us % 60000000);
	char	   *p;

	LH_TRY(lh_put_room(ctx, buf, 256, &p));
	if (type->kind == LH_DBZ_INTERVAL)
	{
		LhI128		v = (LhI128) c->aux * US_PER_MONTH + (LhI128) days * US_PER_DAY + us;

		if (infinite || v > INT64_MAX || v < INT64_MIN)
			v = minus || v < 0 ? INT64_MIN : INT64_MAX;
		p = lh_text_i64(p, (int64_t) v);
	}
	else if (infinite && type->kind == LH_DBZ_INTERVAL_ISO)
		return put_infinity(ctx, buf, minus);
	else if (type->kind == LH_DBZ_INTERVAL_ISO)
	{
		int			fraction = rest % 1000000;
		int			digits = 6;

		fraction = fraction < 0 ? -fraction : fraction;
		p += sprintf(p, "\"P%dY%dM%dDT%lldH%dM%s%d", c->aux / 12, c->aux % 12, days, (long long) hours, minutes,
					 rest < 0 && rest > -1000000 ? "-" : "", rest / 1000000);
		for (; fraction != 0 && fraction % 10 == 0; digits--)
			fraction /= 10;
		if (fraction != 0)
			p += sprintf(p, ".%0*d", digits, fraction);
		p = stpcpy(p, "S\"");
	}
	else if (infinite)
		return lh_put(ctx, buf, NULL_TEXT);
	else
		p += sprintf(p, "{\"years\":%d,\"months\":%d,\"days\":%d,\"hours\":%lld,\"minutes\":%d,\"seconds\":%d,\"nanos\":%d,"
					 "\"precision\":%d}", c->aux / 12, c->aux % 12, days, (long long) hours, minutes, rest / 1000000,
					 rest % 1000000 * 1000, type->precision);
	lh_put_end(buf, p);
	return LH_OK;
}

/* ---- types of extensions, and points: from their text ---- */
/* A coordinate, as float8in reads it. */
static bool
coordinate(const char **s, const char *end, char stop, double *v)
{
	char		text[64];
	size_t		n = 0;
	char	   *rest;

	while (*s < end && **s != stop && n < sizeof(text) - 1)
		text[n++] = *(*s)++;
	text[n] = '\0';
	*v = strtod(text, &rest);
	if (n == 0 || *rest != '\0' || *s == end || **s != stop)
		return false;
	(*s)++;
	return true;
}

/* "(1.5,-2)" with its well-known binary */
static LhStatus
put_point(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	const char *s = (const char *) c->ptr;
	const char *end = s + c->len;
	uint8_t		wkb[21] = {1, 1};
	double		x,
				y;

	if (c->len == 0 || *s++ != '(' || !coordinate(&s, end, ',', &x) || !coordinate(&s, end, ')', &y))
		return lh_put(ctx, buf, NULL_TEXT);
	memcpy(wkb + 5, &x, 8);
	memcpy(wkb + 13, &y, 8);
	LH_TRY(lh_put(ctx, buf, "{\"x\":", 5));
	LH_TRY(put_double(ctx, buf, x));
	LH_TRY(lh_put(ctx, buf, ",\"y\":", 5));
	LH_TRY(put_double(ctx, buf, y));
	LH_TRY(lh_put(ctx, buf, ",\"wkb\":", 7));
	LH_TRY(put_bytes64(ctx, buf, wkb, sizeof(wkb)));
	return lh_put(ctx, buf, ",\"srid\":null}", 13);
}

/* One of hstore_out's quoted strings without its quotes and backslashes. */
static bool
hstore_string(const uint8_t **s, const uint8_t *end, uint8_t *out, size_t *n)
{
	*n = 0;
	if (*s == end || *(*s)++ != '"')
		return false;
	while (*s < end && **s != '"')
	{
		if (**s == '\\' && ++*s == end)
			return false;
		out[(*n)++] = *(*s)++;
	}
	if (*s == end)
		return false;
	(*s)++;
	return true;
}

static bool
skip_text(const uint8_t **s, const uint8_t *end, const char *text)
{
	size_t		n = strlen(text);

	if ((size_t) (end - *s) < n || memcmp(*s, text, n) != 0)
		return false;
	*s += n;
	return true;
}

/* "a"=>"1", "b"=>NULL as {"a":"1","b":null}; false: this is no hstore's text */
static LhStatus
put_hstore_object(LhCtx *ctx, LhBuf *buf, const LhCell *c, bool *good)
{
	const uint8_t *s = c->ptr;
	const uint8_t *end = s + c->len;
	uint8_t    *text = lh_alloc(ctx, (size_t) c->len + 1);
	size_t		n;

	if (text == NULL)
		return LH_NO_MEMORY;
	*good = false;
	LH_TRY(lh_put(ctx, buf, "{", 1));
	while (s < end)
	{
		if (!hstore_string(&s, end, text, &n) || !skip_text(&s, end, "=>"))
			return LH_OK;
		LH_TRY(lh_put_json_string(ctx, buf, text, n));
		LH_TRY(lh_put(ctx, buf, ":", 1));
		if (skip_text(&s, end, "NULL"))
			LH_TRY(lh_put(ctx, buf, NULL_TEXT));
		else if (hstore_string(&s, end, text, &n))
			LH_TRY(lh_put_json_string(ctx, buf, text, n));
		else
			return LH_OK;
		if (s < end && !skip_text(&s, end, ", "))
			return LH_OK;
		if (s < end)
			LH_TRY(lh_put(ctx, buf, ",", 1));
	}
	*good = true;
	return lh_put(ctx, buf, "}", 1);
}

static LhStatus
put_hstore(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	size_t		at = buf->len;
	size_t		n;
	bool		good;
	void	   *copy;

	LH_TRY(put_hstore_object(ctx, buf, c, &good));
	if (!good)
	{
		buf->len = at;
		return lh_put(ctx, buf, NULL_TEXT);
	}
	if (type->kind == LH_DBZ_HSTORE_MAP)
		return LH_OK;
	n = buf->len - at;
	if ((copy = lh_memdup(ctx, buf->data + at, n)) == NULL)
		return LH_NO_MEMORY;
	buf->len = at;
	return lh_put_json_string(ctx, buf, copy, n);
}

/* "[1,2.5,3]": digits, signs, points and exponents between commas, or it is not one */
static LhStatus
put_vector(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	bool		good = c->len >= 2 && c->ptr[0] == '[' && c->ptr[c->len - 1] == ']';
	bool		digit = false;

	for (uint32_t i = 1; good && i + 1 < c->len; i++)
	{
		bool		comma = c->ptr[i] == ',';

		good = comma ? digit : memchr("0123456789.+-eE", c->ptr[i], 15) != NULL;
		digit = c->ptr[i] >= '0' && c->ptr[i] <= '9';
	}
	if (!good || !(digit || c->len == 2))
		return lh_put(ctx, buf, NULL_TEXT);
	return lh_put(ctx, buf, c->ptr, c->len);
}

static int
hex_value(uint8_t h)
{
	return h >= '0' && h <= '9' ? h - '0' : h >= 'A' && h <= 'F' ? h - 'A' + 10 : h >= 'a' && h <= 'f' ? h - 'a' + 10 : -1;
}

/* EWKB in hex: the bytes, and the SRID where its flag is set */
static LhStatus
put_geometry(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	size_t		n = c->len / 2;
	uint8_t    *wkb = lh_alloc(ctx, n + 1);
	bool		good = c->len % 2 == 0 && n >= 9;
	uint32_t	word[2];
	char	   *p;

	if (wkb == NULL)
		return LH_NO_MEMORY;
	for (size_t i = 0; good && i < n; i++)
	{
		int			high = hex_value(c->ptr[2 * i]);
		int			low = hex_value(c->ptr[2 * i + 1]);

		good = high >= 0 && low >= 0;
		wkb[i] = (uint8_t) (high << 4 | low);
	}
	if (!good)
		return lh_put(ctx, buf, NULL_TEXT);
	memcpy(word, wkb + 1, 8);
	if (wkb[0] == 0)
		for (int i = 0; i < 2; i++)
			word[i] = __builtin_bswap32(word[i]);
	LH_TRY(lh_put(ctx, buf, "{\"wkb\":", 7));
	LH_TRY(put_bytes64(ctx, buf, wkb, n));
	LH_TRY(lh_put_room(ctx, buf, 48, &p));
	p = stpcpy(p, ",\"srid\":");
	p = (word[0] & 0x20000000) != 0 ? lh_text_i64(p, (int32_t) word[1]) : stpcpy(p, "null");
	*p++ = '}';
	lh_put_end(buf, p);
	return LH_OK;
}

/* ---- all of them ---- */
/* One dimension is a list; more are lists of lists. */
static LhStatus
put_array(LhCtx *ctx, LhBuf *buf, const LhDbzType *element, const LhCellArray *a, int dim, int *item)
{
	LH_TRY(lh_put(ctx, buf, "[", 1));
	for (int i = 0; a->ndim > 0 && i < a->dims[dim]; i++)
	{
		if (i > 0)
			LH_TRY(lh_put(ctx, buf, ",", 1));
		if (dim + 1 < a->ndim)
			LH_TRY(put_array(ctx, buf, element, a, dim + 1, item));
		else if (*item < a->nitems)
			LH_TRY(lh_dbz_value(ctx, buf, element, &a->items[(*item)++]));
		else
			LH_TRY(lh_put(ctx, buf, NULL_TEXT));
	}
	return lh_put(ctx, buf, "]", 1);
}

/* Kinds of cells that a kind of value is made of; others (a mask's) go out as strings. */
static bool
fits(LhDbzKind kind, LhCellKind cell)
{
	switch (kind)
	{
		case LH_DBZ_INT:
			return cell == LH_CELL_INT;
		case LH_DBZ_BOOL:
			return cell == LH_CELL_BOOL;
		case LH_DBZ_FLOAT:
			return cell == LH_CELL_FLOAT4 || cell == LH_CELL_FLOAT8;
		case LH_DBZ_DECIMAL:
		case LH_DBZ_DECIMAL_ANY:
		case LH_DBZ_DECIMAL_STRING:
		case LH_DBZ_DECIMAL_DOUBLE:
			return cell == LH_CELL_NUMERIC;
		case LH_DBZ_STRING:
		case LH_DBZ_BYTES:
			return true;
		case LH_DBZ_DAYS:
		case LH_DBZ_DATE_ISO:
		case LH_DBZ_DATE_STRUCT:
			return cell == LH_CELL_DATE;
		case LH_DBZ_TIME:
		case LH_DBZ_TIME_ISO:
		case LH_DBZ_TIME_STRUCT:
			return cell == LH_CELL_TIME;
		case LH_DBZ_TIMETZ:
		case LH_DBZ_TIMETZ_STRUCT:
			return cell == LH_CELL_TIMETZ;
		case LH_DBZ_STAMP:
		case LH_DBZ_STAMP_ISO:
		case LH_DBZ_STAMP_STRUCT:
			return cell == LH_CELL_TIMESTAMP;
		case LH_DBZ_STAMPTZ:
		case LH_DBZ_STAMPTZ_STRUCT:
			return cell == LH_CELL_TIMESTAMPTZ;
		case LH_DBZ_INTERVAL:
		case LH_DBZ_INTERVAL_ISO:
		case LH_DBZ_INTERVAL_STRUCT:
			return cell == LH_CELL_INTERVAL;
		case LH_DBZ_ARRAY:
			return cell == LH_CELL_ARRAY;
		default:				/* made of text */
			return cell == LH_CELL_OTHER || cell == LH_CELL_TEXT;
	}
}

LhStatus
lh_dbz_value(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	int			item = 0;
	char	   *p;

	if (!LH_CELL_IS_VALUE(c))
		return lh_put(ctx, buf, NULL_TEXT);
	if (!fits(type->kind, c->kind))
		return lh_put_cell_text_json(ctx, buf, c);
	switch (type->kind)
	{
		case LH_DBZ_INT:
			LH_TRY(lh_put_room(ctx, buf, LH_TEXT_INT, &p));
			lh_put_end(buf, lh_text_i64(p, c->i64));
			return LH_OK;
		case LH_DBZ_BOOL:
			return c->i64 != 0 ? lh_put(ctx, buf, "true", 4) : lh_put(ctx, buf, "false", 5);
		case LH_DBZ_FLOAT:
			if (c->kind == LH_CELL_FLOAT8 || !isfinite(c->f64))
				return put_double(ctx, buf, c->f64);
			LH_TRY(lh_put_room(ctx, buf, LH_TEXT_FLOAT, &p));
			lh_put_end(buf, lh_text_float4(p, (float) c->f64));
			return LH_OK;
		case LH_DBZ_DECIMAL:
		case LH_DBZ_DECIMAL_ANY:
		case LH_DBZ_DECIMAL_STRING:
		case LH_DBZ_DECIMAL_DOUBLE:
			return put_decimal(ctx, buf, type, c);
		case LH_DBZ_MONEY:
			return put_money(ctx, buf, type, c);
		case LH_DBZ_STRING:
			if (lh_cell_is_text(c))
				return lh_put_json_string(ctx, buf, c->ptr, c->len);
			if (c->kind == LH_CELL_UUID)
			{
				LH_TRY(lh_put_room(ctx, buf, 38, &p));
				*p++ = '"';
				p = lh_text_uuid(p, c->ptr);
				*p++ = '"';
				lh_put_end(buf, p);
				return LH_OK;
			}
			return lh_put_cell_text_json(ctx, buf, c);
		case LH_DBZ_BYTES:
			return put_bytes(ctx, buf, type, c);
		case LH_DBZ_DAYS:
		case LH_DBZ_DATE_ISO:
		case LH_DBZ_DATE_STRUCT:
			return put_date(ctx, buf, type, c);
		case LH_DBZ_TIME:
		case LH_DBZ_TIME_ISO:
		case LH_DBZ_TIME_STRUCT:
			return put_time(ctx, buf, type, c);
		case LH_DBZ_TIMETZ:
		case LH_DBZ_TIMETZ_STRUCT:
			return put_timetz(ctx, buf, type, c);
		case LH_DBZ_STAMP:
		case LH_DBZ_STAMP_ISO:
		case LH_DBZ_STAMP_STRUCT:
		case LH_DBZ_STAMPTZ:
		case LH_DBZ_STAMPTZ_STRUCT:
			return put_stamp(ctx, buf, type, c);
		case LH_DBZ_INTERVAL:
		case LH_DBZ_INTERVAL_ISO:
		case LH_DBZ_INTERVAL_STRUCT:
			return put_interval(ctx, buf, type, c);
		case LH_DBZ_BIT:
			return c->len == 1 && c->ptr[0] == '1' ? lh_put(ctx, buf, "true", 4) : lh_put(ctx, buf, "false", 5);
		case LH_DBZ_BITS:
			return put_bits(ctx, buf, c);
		case LH_DBZ_POINT:
			return put_point(ctx, buf, c);
		case LH_DBZ_HSTORE_JSON:
		case LH_DBZ_HSTORE_MAP:
			return put_hstore(ctx, buf, type, c);
		case LH_DBZ_VECTOR:
			return put_vector(ctx, buf, c);
		case LH_DBZ_GEOMETRY:
			return put_geometry(ctx, buf, c);
		case LH_DBZ_ARRAY:
			return put_array(ctx, buf, type->element, c->array, 0, &item);
	}
	return lh_put_cell_text_json(ctx, buf, c);
}
