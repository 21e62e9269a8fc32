/*
 * test_datetime.c
 *		Calendar arithmetic, INT96, ISO text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/core.h"

#define US_PER_DAY INT64_C(86400000000)

static void
the_ranges_are_those_of_postgresql(void **state)
{
	(void) state;
	assert_int_equal(lh_days_from_civil(2000, 1, 1), LH_PG_EPOCH_DAYS);
	assert_true(LH_PG_EPOCH_DAYS * US_PER_DAY == LH_PG_EPOCH_US);
	/* 4714-11-24 BC is Julian day 0; the year before 1 is 0 */
	assert_int_equal(lh_days_from_civil(-4713, 11, 24), LH_PG_MIN_DATE);
	assert_int_equal(lh_days_from_civil(5874897, 12, 31), LH_PG_MAX_DATE);
	assert_true(LH_PG_MIN_DATE * US_PER_DAY == LH_PG_MIN_TIMESTAMP);
	assert_true((lh_days_from_civil(294277, 1, 1) - LH_PG_EPOCH_DAYS) * US_PER_DAY ==
				LH_PG_END_TIMESTAMP);
}

/* Counted by hand from a day that both calendars know. */
static void
days_of_the_hybrid_calendar_keep_their_dates(void **state)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t y = 1582, last = INT64_MAX;
	int m = 10, d = 4;

	(void) state;
	for (int64_t day = LH_GREGORIAN_START; day < LH_GREGORIAN_START + 20000; day += 7)
		assert_int_equal(lh_days_from_hybrid(day), day);
	/* back to 5000 BC: every fourth year has a leap day */
	for (int64_t day = LH_GREGORIAN_START - 1; y > -5000; day--)
	{
		bool gregorian = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
		bool lost = m == 2 && d == 29 && !gregorian;
		int64_t moved = lh_days_from_hybrid(day);

		assert_int_equal(moved, lost ? lh_days_from_civil(y, 3, 1) : lh_days_from_civil(y, m, d));
		assert_true(moved <= last);
		last = moved;
		if (--d == 0)
		{
			y -= m == 1;
			m = m == 1 ? 12 : m - 1;
			d = lengths[m - 1] + (m == 2 && y % 4 == 0);
		}
	}
}

static void
moments_of_the_hybrid_calendar_keep_their_time_of_day(void **state)
{
	int64_t day = LH_GREGORIAN_START - 1, late = US_PER_DAY - 1;

	(void) state;
	assert_int_equal(lh_timestamp_from_hybrid(day * US_PER_DAY + late, LH_UNIT_US),
					 lh_days_from_civil(1582, 10, 4) * US_PER_DAY + late);
	assert_int_equal(lh_timestamp_from_hybrid((day + 1) * US_PER_DAY, LH_UNIT_US), (day + 1) * US_PER_DAY);
	assert_int_equal(lh_timestamp_from_hybrid(day * 86400000 + 5, LH_UNIT_MS),
					 lh_days_from_civil(1582, 10, 4) * 86400000 + 5);
	assert_int_equal(lh_timestamp_from_hybrid(5, LH_UNIT_NS), 5);
	/* outside of all ranges: ordered, and no overflow */
	assert_true(lh_timestamp_from_hybrid(INT64_MIN, LH_UNIT_US) <=
				lh_timestamp_from_hybrid(INT64_MIN / 2, LH_UNIT_US));
	assert_true(lh_timestamp_from_hybrid(INT64_MIN, LH_UNIT_S) <=
				lh_timestamp_from_hybrid(INT64_MIN / 2, LH_UNIT_S));
	(void) lh_days_from_hybrid(INT64_MIN / 400);
}

static void
every_day_goes_to_its_date_and_back(void **state)
{
	int64_t y = -1;
	int m = 3, d = 1;

	(void) state;
	/* count through 1200 years by hand */
	for (int64_t day = lh_days_from_civil(y, m, d); y < 1200; day++)
	{
		static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
		bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
		int64_t year;
		int month, dom;

		lh_civil_from_days(day, &year, &month, &dom);
		assert_true(year == y && month == m && dom == d);
		assert_true(lh_days_from_civil(y, m, d) == day);
		if (++d > lengths[m - 1] + (m == 2 && leap))
		{
			d = 1;
			if (++m > 12)
			{
				m = 1;
				y++;
			}
		}
	}
}

static void
dates_agree_with_the_c_library(void **state)
{
	(void) state;
	for (int64_t i = 0; i < 100000; i++)
	{
		int64_t day = (int64_t) (lh_hash_u64((uint64_t) i) % 1400000) - 700000;
		time_t seconds = day * 86400;
		struct tm tm;
		int64_t y;
		int m, d;

		gmtime_r(&seconds, &tm);
		lh_civil_from_days(day, &y, &m, &d);
		assert_true(y == tm.tm_year + 1900 && m == tm.tm_mon + 1 && d == tm.tm_mday);
	}
}

static void
any_number_of_days_is_taken(void **state)
{
	static const int64_t days[] = {INT64_MIN,     INT64_MIN + 1, INT64_MAX,
								   INT64_MAX - 1, INT32_MIN,     INT32_MAX};
	char text[48];

	(void) state;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
	{
		int64_t y;
		int m, d;

		lh_civil_from_days(days[i], &y, &m, &d);
		assert_in_range(m, 1, 12);
		assert_in_range(d, 1, 31);
		assert_true((y < 0) == (days[i] < 0));
		assert_true(lh_format_date(days[i], text) < 48);
	}
}

static void
floor_division_goes_down(void **state)
{
	(void) state;
	assert_int_equal(lh_floor_div(7, 3), 2);
	assert_int_equal(lh_floor_div(-7, 3), -3);
	assert_int_equal(lh_floor_div(-6, 3), -2);
	assert_int_equal(lh_floor_mod(-7, 3), 2);
	assert_int_equal(lh_floor_mod(-6, 3), 0);
	assert_int_equal(lh_floor_mod(7, 3), 1);
	assert_true(lh_floor_div(INT64_MIN, 1000) == INT64_MIN / 1000 - 1);
}

/* ---- INT96 ---- */

static bool
int96(int64_t ns, uint32_t day, int64_t *us, bool *lost)
{
	uint8_t p[12];

	memcpy(p, &ns, 8);
	memcpy(p + 8, &day, 4);
	return lh_int96_to_us(p, us, lost);
}

static void
int96_is_julian_day_and_nanoseconds(void **state)
{
	int64_t us = 1;
	bool lost = false;

	(void) state;
	assert_true(int96(0, 2440588, &us, &lost));
	assert_true(us == 0 && !lost);
	assert_true(int96(1500000, 2440589, &us, &lost));
	assert_true(us == US_PER_DAY + 1500 && !lost);
	assert_true(int96(0, 0, &us, &lost));
	assert_true(us == LH_PG_MIN_TIMESTAMP);
}

static void
int96_is_floored_and_tells_lost_digits_for_good(void **state)
{
	int64_t us;
	bool lost = false;

	(void) state;
	assert_true(int96(1999, 2440587, &us, &lost));
	assert_true(us == -US_PER_DAY + 1 && lost);
	assert_true(int96(1000, 2440587, &us, &lost));
	assert_true(lost);
	lost = false;
	assert_true(int96(-1, 2440588, &us, &lost));
	assert_true(us == -1 && lost);
}

static void
an_int96_too_far_away_is_refused(void **state)
{
	int64_t us;
	bool lost = false;

	(void) state;
	assert_false(int96(0, UINT32_MAX, &us, &lost));
	assert_false(int96(INT64_MAX, UINT32_MAX, &us, &lost));
	/* the last day that fits, and nanoseconds that push it over */
	assert_true(int96(0, 2440588 + 106751991, &us, &lost));
	assert_false(int96(INT64_C(86400000000000), 2440588 + 106751991, &us, &lost));
	assert_true(int96(INT64_MIN, 2440588, &us, &lost));
}

/* ---- text ---- */

static const char *
date(int64_t days)
{
	static char out[48];
	int n = lh_format_date(days, out);

	assert_int_equal(n, strlen(out));
	return out;
}

static const char *
time_of(int64_t v, LhUnit unit)
{
	static char out[48];
	int n = lh_format_time(v, unit, out);

	assert_int_equal(n, strlen(out));
	return out;
}

static const char *
timestamp(int64_t v, LhUnit unit, bool utc)
{
	static char out[48];
	int n = lh_format_timestamp(v, unit, utc, out);

	assert_int_equal(n, strlen(out));
	return out;
}

static void
dates_are_iso(void **state)
{
	(void) state;
	assert_string_equal(date(0), "1970-01-01");
	assert_string_equal(date(19753), "2024-01-31");
	assert_string_equal(date(-1), "1969-12-31");
	assert_string_equal(date(lh_days_from_civil(1, 1, 1) - 1), "0000-12-31");
	assert_string_equal(date(lh_days_from_civil(-44, 3, 15)), "-0044-03-15");
	assert_string_equal(date(lh_days_from_civil(12345, 6, 7)), "12345-06-07");
}

static void
times_have_no_trailing_zeros(void **state)
{
	(void) state;
	assert_string_equal(time_of(0, LH_UNIT_US), "00:00:00");
	assert_string_equal(time_of(36000, LH_UNIT_S), "10:00:00");
	assert_string_equal(time_of(86399999, LH_UNIT_MS), "23:59:59.999");
	assert_string_equal(time_of(INT64_C(36000500000), LH_UNIT_US), "10:00:00.5");
	assert_string_equal(time_of(1, LH_UNIT_NS), "00:00:00.000000001");
	assert_string_equal(time_of(INT64_C(86400000000), LH_UNIT_US), "24:00:00");
	assert_string_equal(time_of(-1500, LH_UNIT_MS), "-00:00:01.5");
}

static void
timestamps_are_iso_with_an_offset_if_wanted(void **state)
{
	(void) state;
	assert_string_equal(timestamp(0, LH_UNIT_S, false), "1970-01-01T00:00:00");
	assert_string_equal(timestamp(INT64_C(1706695200123456), LH_UNIT_US, false),
						"2024-01-31T10:00:00.123456");
	assert_string_equal(timestamp(INT64_C(1706695200123456), LH_UNIT_US, true),
						"2024-01-31T10:00:00.123456+00:00");
	assert_string_equal(timestamp(-1, LH_UNIT_NS, false), "1969-12-31T23:59:59.999999999");
	assert_string_equal(timestamp(-1, LH_UNIT_MS, true), "1969-12-31T23:59:59.999+00:00");
	assert_string_equal(timestamp(LH_PG_MIN_TIMESTAMP, LH_UNIT_US, false), "-4713-11-24T00:00:00");
}

static void
any_value_of_any_unit_fits_the_buffer(void **state)
{
	static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, -1, 1};
	char text[49];

	(void) state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		for (int unit = LH_UNIT_S; unit <= LH_UNIT_NS; unit++)
		{
			text[48] = 'x';
			assert_true(lh_format_timestamp(values[i], (LhUnit) unit, true, text) < 48);
			assert_true(lh_format_time(values[i], (LhUnit) unit, text) < 48);
			assert_int_equal(text[48], 'x');
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ranges_are_those_of_postgresql),
		cmocka_unit_test(days_of_the_hybrid_calendar_keep_their_dates),
		cmocka_unit_test(moments_of_the_hybrid_calendar_keep_their_time_of_day),
		cmocka_unit_test(every_day_goes_to_its_date_and_back),
		cmocka_unit_test(dates_agree_with_the_c_library),
		cmocka_unit_test(any_number_of_days_is_taken),
		cmocka_unit_test(floor_division_goes_down),
		cmocka_unit_test(int96_is_julian_day_and_nanoseconds),
		cmocka_unit_test(int96_is_floored_and_tells_lost_digits_for_good),
		cmocka_unit_test(an_int96_too_far_away_is_refused),
		cmocka_unit_test(dates_are_iso),
		cmocka_unit_test(times_have_no_trailing_zeros),
		cmocka_unit_test(timestamps_are_iso_with_an_offset_if_wanted),
		cmocka_unit_test(any_value_of_any_unit_fits_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
