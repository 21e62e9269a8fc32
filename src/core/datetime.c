/*
 * datetime.c
 *		Calendar arithmetic and ISO text.
 *
 * Civil dates: years are counted from March, so that the leap day is the last
 * of its year, and in eras of 400 years, which all have 146,097 days.  See
 * Howard Hinnant, "chrono-compatible low-level date algorithms".
 */
#include "core/datetime.h"

#include <string.h>

#define DAYS_PER_ERA    146097
#define DAYS_PER_CYCLE  1461   /* four Julian years */
#define DAYS_TO_1970    719468 /* from 0000-03-01 */
#define ERAS_TO_1970    (DAYS_TO_1970 / DAYS_PER_ERA)
#define JULIAN_1970     2440588 /* Julian day of 1970-01-01 */
#define SECONDS_PER_DAY 86400
#define US_PER_DAY      INT64_C(86400000000)

static const int64_t per_second[] = {
	[LH_UNIT_S] = 1,
	[LH_UNIT_MS] = 1000,
	[LH_UNIT_US] = 1000000,
	[LH_UNIT_NS] = 1000000000,
};

static const int fraction_digits[] = {
	[LH_UNIT_S] = 0,
	[LH_UNIT_MS] = 3,
	[LH_UNIT_US] = 6,
	[LH_UNIT_NS] = 9,
};

void
lh_civil_from_days(int64_t days, int64_t *y, int *m, int *d)
{
	int64_t era = lh_floor_div(days, DAYS_PER_ERA) + ERAS_TO_1970;
	int doe = (int) lh_floor_mod(days, DAYS_PER_ERA) + DAYS_TO_1970 % DAYS_PER_ERA;
	int yoe, doy, mp;

	if (doe >= DAYS_PER_ERA)
	{
		doe -= DAYS_PER_ERA;
		era++;
	}
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153; /* months since March */
	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = era * 400 + yoe + (*m <= 2);
}

int64_t
lh_days_from_civil(int64_t y, int m, int d)
{
	int64_t era, yoe, doy, doe;

	y -= m <= 2;
	era = lh_floor_div(y, 400);
	yoe = y - era * 400;
	doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * DAYS_PER_ERA + doe - DAYS_TO_1970;
}

int64_t
lh_days_from_hybrid(int64_t days)
{
	/* days from 0000-03-01 of the Julian calendar; the leap day is the last of a cycle */
	int64_t n = days + DAYS_TO_1970 + 2;
	int64_t cycle = lh_floor_div(n, DAYS_PER_CYCLE);
	int doc = (int) lh_floor_mod(n, DAYS_PER_CYCLE);
	int yoc = (doc - doc / (DAYS_PER_CYCLE - 1)) / 365;
	int doy = doc - 365 * yoc;
	int mp = (5 * doy + 2) / 153; /* months since March */
	int m = mp < 10 ? mp + 3 : mp - 9;

	if (days >= LH_GREGORIAN_START)
		return days;
	/* by the month's first day: the last of February may be one too many */
	return lh_days_from_civil(4 * cycle + yoc + (m <= 2), m, 1) + doy - (153 * mp + 2) / 5;
}

int64_t
lh_timestamp_from_hybrid(int64_t v, LhUnit unit)
{
	int64_t per_day = per_second[unit] * SECONDS_PER_DAY;
	int64_t day = lh_floor_div(v, per_day);
	int64_t shift, out;

	if (day >= LH_GREGORIAN_START)
		return v;
	shift = lh_days_from_hybrid(day) - day;
	if (__builtin_mul_overflow(shift, per_day, &shift) || __builtin_add_overflow(v, shift, &out))
		return INT64_MIN;
	return out;
}

bool
lh_int96_to_us(const uint8_t p[12], int64_t *us, bool *lost)
{
	int64_t ns;
	uint32_t day;
	__int128 sum;

	memcpy(&ns, p, sizeof(ns));
	memcpy(&day, p + 8, sizeof(day));
	sum = ((__int128) day - JULIAN_1970) * US_PER_DAY + lh_floor_div(ns, 1000);
	if (sum < INT64_MIN || sum > INT64_MAX)
		return false;
	*us = (int64_t) sum;
	if (ns % 1000 != 0)
		*lost = true;
	return true;
}

/* v in decimal with at least min digits; returns the end. */
static char *
put_number(char *out, uint64_t v, int min)
{
	char digits[20];
	int n = 0;

	for (; v > 0 || n < min; v /= 10)
		digits[n++] = (char) ('0' + v % 10);
	while (n > 0)
		*out++ = digits[--n];
	return out;
}

static char *
put_date(char *out, int64_t days)
{
	int64_t y;
	int m, d;

	lh_civil_from_days(days, &y, &m, &d);
	if (y < 0)
		*out++ = '-';
	out = put_number(out, (uint64_t) (y < 0 ? -y : y), 4);
	*out++ = '-';
	out = put_number(out, (uint64_t) m, 2);
	*out++ = '-';
	return put_number(out, (uint64_t) d, 2);
}

/* Seconds of a day (or more) and a fraction of "digits" digits, without trailing zeros. */
static char *
put_time(char *out, uint64_t seconds, uint64_t fraction, int digits)
{
	out = put_number(out, seconds / 3600, 2);
	*out++ = ':';
	out = put_number(out, seconds / 60 % 60, 2);
	*out++ = ':';
	out = put_number(out, seconds % 60, 2);
	if (fraction == 0)
		return out;
	for (; fraction % 10 == 0; fraction /= 10)
		digits--;
	*out++ = '.';
	return put_number(out, fraction, digits);
}

int
lh_format_date(int64_t days, char *out)
{
	char *end = put_date(out, days);

	*end = '\0';
	return (int) (end - out);
}

int
lh_format_time(int64_t v, LhUnit unit, char *out)
{
	uint64_t magnitude = v < 0 ? -(uint64_t) v : (uint64_t) v;
	uint64_t per = (uint64_t) per_second[unit];
	char *end = out;

	if (v < 0)
		*end++ = '-';
	end = put_time(end, magnitude / per, magnitude % per, fraction_digits[unit]);
	*end = '\0';
	return (int) (end - out);
}

int
lh_format_timestamp(int64_t v, LhUnit unit, bool utc, char *out)
{
	int64_t per = per_second[unit];
	int64_t seconds = lh_floor_div(v, per);
	char *end = put_date(out, lh_floor_div(seconds, SECONDS_PER_DAY));

	*end++ = 'T';
	end = put_time(end, (uint64_t) lh_floor_mod(seconds, SECONDS_PER_DAY),
				   (uint64_t) lh_floor_mod(v, per), fraction_digits[unit]);
	if (utc)
	{
		memcpy(end, "+00:00", 6);
		end += 6;
	}
	*end = '\0';
	return (int) (end - out);
}
