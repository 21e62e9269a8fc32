/*
 * text_datetime.c
 *		Dates, times and intervals as PostgreSQL writes them under DateStyle ISO.
 *
 * A day number becomes a date by the method of Neri and Schneider ("Euclidean
 * affine functions and their application to calendar algorithms", 2022): two
 * multiplications give century and year, one gives month and day, counted from
 * the first of March.  The rest is pairs of digits.
 */
#include "change/text.h"

#include "core/digits.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR   (60 * US_PER_MINUTE)
#define US_PER_DAY    (24 * US_PER_HOUR)

#define DAYS_PER_ERA INT64_C(146097) /* 400 years */
/* Eras before 2000 that any day number stays above, and days from 0000-03-01 to 2000-01-01. */
#define ERAS         (INT64_C(1) << 20)
#define MARCH_0      730425
#define ANY_DATE     (INT64_C(1) << 36)
#define PAST_YEAR    9999

typedef struct Civil
{
	int64_t year; /* 0 is 1 BC */
	uint32_t month, day;
} Civil;

/* Of days since 2000-01-01 within ANY_DATE. */
static inline Civil
civil(int64_t days)
{
	uint64_t n = (uint64_t) (days + MARCH_0 + ERAS * DAYS_PER_ERA) * 4 + 3;
	uint64_t century = n / DAYS_PER_ERA;
	uint32_t in_century = (uint32_t) (n % DAYS_PER_ERA) | 3;
	uint64_t product = UINT64_C(2939745) * in_century;
	uint32_t of_year = (uint32_t) product / 2939745 / 4;
	uint32_t months = 2141 * of_year + 197913;
	bool next_year = of_year >= 306;

	return (Civil){.year = (int64_t) (100 * century + (product >> 32)) - ERAS * 400 + next_year,
				   .month = (months >> 16) - (next_year ? 12 : 0),
				   .day = (months & 0xffff) / 2141 + 1};
}

static inline char *
put_word(char *p, const char *word)
{
	size_t n = strlen(word);

	memcpy(p, word, n);
	return p + n;
}

/* At least four digits. */
static inline char *
put_year(char *p, uint64_t year)
{
	return year <= PAST_YEAR ? lh_digits_4(p, (uint32_t) year) : lh_digits_u64(p, year);
}

static inline char *
put_month_day(char *p, const Civil *c)
{
	*p++ = '-';
	p = lh_digits_2(p, c->month);
	*p++ = '-';
	return lh_digits_2(p, c->day);
}

/* As date_out, without its BC. */
static inline char *
put_civil(char *p, const Civil *c)
{
	p = put_year(p, c->year > 0 ? (uint64_t) c->year : (uint64_t) (1 - c->year));
	return put_month_day(p, c);
}

/* A point and us < 10^6 without trailing zeros; nothing for 0. */
static inline char *
put_fraction(char *p, uint32_t us)
{
	uint64_t d;
	int digits;

	if (us == 0)
		return p;
	*p++ = '.';
	/* eight places, of which the last two are zeros */
	d = lh_digits8(us * 100);
	digits = 8 - (__builtin_clzll(d) >> 3);
	d |= LH_DIGITS_ZERO;
	memcpy(p, &d, 8);
	return p + digits;
}

/* 0 <= us <= 24 hours */
static inline char *
put_time(char *p, uint64_t us)
{
	uint32_t seconds = (uint32_t) (us / US_PER_SECOND);

	p = lh_digits_2(p, seconds / 3600);
	*p++ = ':';
	p = lh_digits_2(p, seconds / 60 % 60);
	*p++ = ':';
	p = lh_digits_2(p, seconds % 60);
	return put_fraction(p, (uint32_t) (us % US_PER_SECOND));
}

static inline int64_t
clamp(int64_t v, int64_t least, int64_t most)
{
	return v < least ? least : v > most ? most : v;
}

static inline const char *
date_word(int64_t days)
{
	return days == INT32_MAX ? "infinity" : days == INT32_MIN ? "-infinity" : NULL;
}

static inline const char *
timestamp_word(int64_t us)
{
	return us == INT64_MAX ? "infinity" : us == INT64_MIN ? "-infinity" : NULL;
}

char *
lh_text_date(char *p, int64_t days)
{
	Civil c;

	if (date_word(days) != NULL)
		return put_word(p, date_word(days));
	c = civil(clamp(days, -ANY_DATE, ANY_DATE));
	p = put_civil(p, &c);
	return c.year > 0 ? p : put_word(p, " BC");
}

char *
lh_text_time(char *p, int64_t us)
{
	return put_time(p, (uint64_t) clamp(us, 0, US_PER_DAY));
}

char *
lh_text_timetz(char *p, int64_t us, int32_t west)
{
	uint32_t seconds = west < 0 ? 0 - (uint32_t) west : (uint32_t) west;

	p = lh_text_time(p, us);
	*p++ = west <= 0 ? '+' : '-';
	p = lh_digits_2(p, seconds / 3600 % 100);
	if (seconds % 3600 == 0)
		return p;
	*p++ = ':';
	p = lh_digits_2(p, seconds / 60 % 60);
	if (seconds % 60 == 0)
		return p;
	*p++ = ':';
	return lh_digits_2(p, seconds % 60);
}

char *
lh_text_timestamp(char *p, int64_t us, char sep, const char *zone)
{
	Civil c;

	if (timestamp_word(us) != NULL)
		return put_word(p, timestamp_word(us));
	c = civil(lh_floor_div(us, US_PER_DAY));
	p = put_civil(p, &c);
	*p++ = sep;
	p = put_time(p, (uint64_t) lh_floor_mod(us, US_PER_DAY));
	if (zone != NULL)
		p = put_word(p, zone);
	return c.year > 0 ? p : put_word(p, " BC");
}

/* Nothing for 0. */
static inline char *
put_part(char *p, int64_t v, char unit)
{
	if (v == 0)
		return p;
	p = lh_digits_i64(p, v);
	*p++ = unit;
	return p;
}

char *
lh_text_interval(char *p, int64_t us, int32_t days, int32_t months)
{
	int64_t seconds = us / US_PER_SECOND;
	int64_t fraction = us % US_PER_SECOND;

	if (us == INT64_MAX && days == INT32_MAX && months == INT32_MAX)
		return put_word(p, "infinity");
	if (us == INT64_MIN && days == INT32_MIN && months == INT32_MIN)
		return put_word(p, "-infinity");
	if (us == 0 && days == 0 && months == 0)
		return put_word(p, "PT0S");
	*p++ = 'P';
	p = put_part(p, months / 12, 'Y');
	p = put_part(p, months % 12, 'M');
	p = put_part(p, days, 'D');
	if (us == 0)
		return p;
	*p++ = 'T';
	p = put_part(p, seconds / 3600, 'H');
	p = put_part(p, seconds / 60 % 60, 'M');
	seconds %= 60;
	if (seconds == 0 && fraction == 0)
		return p;
	if (us < 0)
		*p++ = '-';
	p = lh_digits_u64(p, (uint64_t) (seconds < 0 ? -seconds : seconds));
	p = put_fraction(p, (uint32_t) (fraction < 0 ? -fraction : fraction));
	*p++ = 'S';
	return p;
}
