/*
 * debezium_time.c
 *		Dates, times and intervals in each of Debezium's precision modes.
 *
 * Moments count from 1970 or midnight in the unit of the schema, or are ISO 8601
 * as Java prints it, or structs of their parts.
 */
#include <stdio.h>

#include "change/debezium.h"
#include "core/datetime.h"
#include "core/decimal.h"

#define NULL_TEXT    "null", 4
#define US_PER_DAY   INT64_C(86400000000)
#define US_PER_MONTH INT64_C(2629800000000) /* of 30.4375 days, as MicroDuration has it */

/* What Debezium's driver makes of PostgreSQL's infinite timestamps, in ms since 1970. */
#define INFINITE_MS       INT64_C(9223372036825200)
#define MINUS_INFINITE_MS INT64_C(-9223372036832400)

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
	int64_t year;
	int month, day;

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
	int64_t s = us / 1000000;
	int fraction = (int) (us % 1000000);
	int shown = digits;

	p = two(p, (int) (s / 3600));
	*p++ = ':';
	p = two(p, (int) (s / 60 % 60));
	*p++ = ':';
	p = two(p, (int) (s % 60));
	if (digits < 0)
		for (shown = fraction != 0 ? 6 : 0;
			 shown > 0 && fraction % lh_pow10_i64[6 - shown + 1] == 0;)
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
	int64_t year;
	int month, day;

	lh_civil_from_days(days, &year, &month, &day);
	return p + sprintf(p, "{\"year\":%lld,\"month\":%d,\"day\":%d", (long long) year, month, day);
}

static char *
struct_time(char *p, const char *before, int64_t us)
{
	int64_t s = us / 1000000;

	return p + sprintf(p, "%s\"hour\":%d,\"minute\":%d,\"second\":%d,\"nanos\":%d", before,
					   (int) (s / 3600), (int) (s / 60 % 60), (int) (s % 60),
					   (int) (us % 1000000 * 1000));
}

bool
lh_dbz_is_infinite(const LhCell *c, bool *minus)
{
	const int32_t days = (int32_t) c->len;

	*minus = c->i64 == INT64_MIN && days == INT32_MIN && c->aux == INT32_MIN;
	return *minus || (c->i64 == INT64_MAX && days == INT32_MAX && c->aux == INT32_MAX);
}

/* An interval in us; saturates. */
static int64_t
interval_number(const LhCell *c)
{
	LhI128 v = (LhI128) c->aux * US_PER_MONTH + (LhI128) (int32_t) c->len * US_PER_DAY + c->i64;
	bool minus;

	if (lh_dbz_is_infinite(c, &minus) || v > INT64_MAX || v < INT64_MIN)
		return minus || v < 0 ? INT64_MIN : INT64_MAX;
	return (int64_t) v;
}

bool
lh_dbz_number(const LhDbzType *type, const LhCell *c, int64_t *out)
{
	bool minus = c->i64 == INT64_MIN;
	bool infinite = minus || c->i64 == INT64_MAX;
	int64_t v = c->i64;

	switch (type->kind)
	{
		case LH_DBZ_DAYS: v += v == INT32_MAX || v == INT32_MIN ? 0 : LH_PG_EPOCH_DAYS; break;
		case LH_DBZ_TIME:
			v = type->unit == LH_DBZ_MS ? v / 1000 : type->unit == LH_DBZ_US ? v : v * 1000;
			break;
		case LH_DBZ_INTERVAL: v = interval_number(c); break;
		default: /* LH_DBZ_STAMP */
			if (type->unit == LH_DBZ_MS)
				v = infinite ? (minus ? MINUS_INFINITE_MS : INFINITE_MS)
							 : lh_floor_div(v, 1000) + LH_PG_EPOCH_US / 1000;
			else if (type->unit == LH_DBZ_US)
				v = infinite ? (minus ? MINUS_INFINITE_MS : INFINITE_MS) * 1000
							 : v + LH_PG_EPOCH_US;
			/* years 1677 to 2262 */
			else if (!infinite && __builtin_mul_overflow(v + LH_PG_EPOCH_US, 1000, &v))
				return false;
			break;
	}
	*out = v;
	return true;
}

static LhStatus
put_number(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	int64_t v;
	char *p;

	if (!lh_dbz_number(type, c, &v))
		return lh_put(ctx, buf, NULL_TEXT);
	LH_TRY(lh_put_room(ctx, buf, LH_TEXT_INT, &p));
	lh_put_end(buf, lh_text_i64(p, v));
	return LH_OK;
}

LhStatus
lh_dbz_date(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	bool infinite = c->i64 == INT32_MAX || c->i64 == INT32_MIN;
	int64_t days = c->i64 + LH_PG_EPOCH_DAYS;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 128, &p));
	if (type->kind == LH_DBZ_DAYS)
		return put_number(ctx, buf, type, c);
	if (type->kind == LH_DBZ_DATE_STRUCT)
	{
		if (infinite)
			p += sprintf(
				p, "{\"year\":null,\"month\":null,\"day\":null,\"specialValue\":\"%s_INFINITY\"}",
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

LhStatus
lh_dbz_time(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	int64_t us = c->i64;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 160, &p));
	if (type->kind == LH_DBZ_TIME)
		return put_number(ctx, buf, type, c);
	if (type->kind == LH_DBZ_TIME_ISO)
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

LhStatus
lh_dbz_timetz(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 192, &p));
	if (type->kind == LH_DBZ_TIMETZ_STRUCT)
	{
		p = struct_time(p, "{", c->i64);
		p += sprintf(p, ",\"offsetSeconds\":%d,\"precision\":%d}", -c->aux, type->precision);
	}
	else
	{
		/* the same moment of the day in UTC */
		int64_t us = c->i64 + c->aux * INT64_C(1000000);

		*p++ = '"';
		if (!(us == US_PER_DAY && c->aux == 0))
			us = lh_floor_mod(us, US_PER_DAY);
		p = stpcpy(iso_time(p, us, -1), "Z\"");
	}
	lh_put_end(buf, p);
	return LH_OK;
}

LhStatus
lh_dbz_stamp(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	bool minus = c->i64 == INT64_MIN;
	bool infinite = c->i64 == INT64_MAX || minus;
	bool zoned = type->kind == LH_DBZ_STAMPTZ_STRUCT;
	int64_t of_day;
	int64_t days;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 256, &p));
	if (type->kind == LH_DBZ_STAMP)
		return put_number(ctx, buf, type, c);
	days = infinite ? 0 : split(c->i64, &of_day);
	if (type->kind == LH_DBZ_STAMP_STRUCT || zoned)
	{
		const char *zone = zoned ? ",\"offsetSeconds\":0,\"zoneId\":\"Z\"" : "";

		if (infinite)
			p += sprintf(
				p,
				"{\"year\":null,\"month\":null,\"day\":null,\"hour\":null,\"minute\":null,\"second\":null,"
				"\"nanos\":null%s,\"specialValue\":\"%s_INFINITY\"",
				zoned ? ",\"offsetSeconds\":null,\"zoneId\":null" : "",
				minus ? "NEGATIVE" : "POSITIVE");
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

LhStatus
lh_dbz_interval(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	int32_t days = (int32_t) c->len;
	int64_t us = c->i64;
	bool minus;
	bool infinite = lh_dbz_is_infinite(c, &minus);
	int64_t hours = us / INT64_C(3600000000);
	int minutes = (int) (us / 60000000 % 60);
	int rest = (int) (us % 60000000);
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 256, &p));
	if (type->kind == LH_DBZ_INTERVAL)
		return put_number(ctx, buf, type, c);
	if (infinite && type->kind == LH_DBZ_INTERVAL_ISO)
		return put_infinity(ctx, buf, minus);
	else if (type->kind == LH_DBZ_INTERVAL_ISO)
	{
		int fraction = rest % 1000000;
		int digits = 6;

		fraction = fraction < 0 ? -fraction : fraction;
		p += sprintf(p, "\"P%dY%dM%dDT%lldH%dM%s%d", c->aux / 12, c->aux % 12, days,
					 (long long) hours, minutes, rest < 0 && rest > -1000000 ? "-" : "",
					 rest / 1000000);
		for (; fraction != 0 && fraction % 10 == 0; digits--)
			fraction /= 10;
		if (fraction != 0)
			p += sprintf(p, ".%0*d", digits, fraction);
		p = stpcpy(p, "S\"");
	}
	else if (infinite)
		return lh_put(ctx, buf, NULL_TEXT);
	else
		p += sprintf(
			p,
			"{\"years\":%d,\"months\":%d,\"days\":%d,\"hours\":%lld,\"minutes\":%d,\"seconds\":%d,\"nanos\":%d,"
			"\"precision\":%d}",
			c->aux / 12, c->aux % 12, days, (long long) hours, minutes, rest / 1000000,
			rest % 1000000 * 1000, type->precision);
	lh_put_end(buf, p);
	return LH_OK;
}
