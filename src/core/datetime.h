/*
 * datetime.h
 *		Days and time stamps since 1970-01-01, in the units files use, and the
 *		ranges that PostgreSQL can hold.
 *
 * PostgreSQL counts from 2000-01-01: 10,957 days, 946,684,800,000,000 us later.
 */
#ifndef LH_CORE_DATETIME_H
#define LH_CORE_DATETIME_H

#include "core/ctx.h"

typedef enum LhUnit
{
	LH_UNIT_S, LH_UNIT_MS, LH_UNIT_US, LH_UNIT_NS
} LhUnit;

#define LH_PG_EPOCH_DAYS 10957
#define LH_PG_EPOCH_US INT64_C(946684800000000)
/* PostgreSQL's ranges, in days and us since 1970 (4714-11-24 BC .. 5874897-12-31; end of 294276) */
#define LH_PG_MIN_DATE (-2440588)
#define LH_PG_MAX_DATE (2145031948 + LH_PG_EPOCH_DAYS)	/* checked by test_datetime */
#define LH_PG_MIN_TIMESTAMP (INT64_C(-211813488000000000) + LH_PG_EPOCH_US)
#define LH_PG_END_TIMESTAMP (INT64_C(9223371331200000000))	/* since 2000, exclusive */

/* Floor division that also works below zero. */
static inline int64_t
lh_floor_div(int64_t a, int64_t b)
{
	int64_t		q = a / b;

	return q - (a % b < 0);
}

/* Its rest: 0 .. b - 1 */
static inline int64_t
lh_floor_mod(int64_t a, int64_t b)
{
	int64_t		r = a % b;

	return r < 0 ? r + b : r;
}

/* Civil date of days since 1970 (proleptic Gregorian; year 0 = 1 BC); the way back takes |y| up to 10^16. */
extern void lh_civil_from_days(int64_t days, int64_t *y, int *m, int *d);
extern int64_t lh_days_from_civil(int64_t y, int m, int d);

/*
 * Calendars.  Java's GregorianCalendar, and what was written with it, is Julian
 * before 1582-10-15 and Gregorian from then on; PostgreSQL is Gregorian at all
 * times.  The same date (year, month, day) in PostgreSQL's calendar, as
 * days since 1970; a 29th of February that it lacks becomes the 1st of March.
 */
#define LH_GREGORIAN_START (-141427)
extern int64_t lh_days_from_hybrid(int64_t days);
/* The same for a moment in "unit" since 1970 in UTC; saturates far outside of all ranges. */
extern int64_t lh_timestamp_from_hybrid(int64_t v, LhUnit unit);

/*
 * INT96 (nanoseconds of the day, then Julian day, little-endian): us since 1970
 * by floor; false when it does not fit in int64.  *lost becomes true when
 * digits were cut, and is never cleared.
 */
extern bool lh_int96_to_us(const uint8_t p[12], int64_t *us, bool *lost);

/*
 * ISO text "2024-01-31", "10:00:00.5", "2024-01-31T10:00:00.123456+00:00" (utc
 * adds the offset), fraction without trailing zeros, with ns up to 9 digits;
 * years before 1 as "0000", "-0044".  A time below zero gets a "-".  Any value
 * is taken.  Returns the length, a NUL follows; out >= 48.
 */
extern int	lh_format_date(int64_t days, char *out);
extern int	lh_format_time(int64_t v, LhUnit unit, char *out);
extern int	lh_format_timestamp(int64_t v, LhUnit unit, bool utc, char *out);

#endif
