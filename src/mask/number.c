/*
 * number.c
 *		Classes of numbers, places and times.
 */
#include "mask/number.h"

#include <math.h>
#include <string.h>

#include "core/datetime.h"

/* ---- numbers ---- */

LhMaskOutcome
lh_mask_range(int64_t value, int64_t width, LhMaskRange *range)
{
	*range = (LhMaskRange){0};
	if (width < 2)
		return LH_MASK_ARGUMENT;
	range->open_below = __builtin_sub_overflow(value, lh_floor_mod(value, width), &range->lower);
	if (range->open_below)
		/* the class ends before value + width, which is far below the greatest */
		range->upper = value + (width - lh_floor_mod(value, width));
	else
		range->open_above = __builtin_add_overflow(range->lower, width, &range->upper);
	return LH_MASK_DONE;
}

/* Above these a double has no digits behind the point: a class would have one value or none. */
#define MOST_QUOTIENT 4503599627370496.0 /* 2^52 */

LhMaskOutcome
lh_mask_floor(double value, double width, double *out)
{
	if (!isfinite(width) || width <= 0)
		return LH_MASK_ARGUMENT;
	if (!isfinite(value) || !(fabs(value / width) < MOST_QUOTIENT))
		return LH_MASK_RANGE;
	/* -0 would tell that the value was -0 */
	*out = floor(value / width) * width + 0.0;
	return isfinite(*out) ? LH_MASK_DONE : LH_MASK_RANGE;
}

/* ---- places ---- */

LhMaskOutcome
lh_mask_degrees(double value, int64_t decimals, double *out)
{
	static const double powers[] = {0.1, 1, 10, 100, 1000};
	double power;

	if (decimals < LH_MASK_LEAST_DECIMALS || decimals > LH_MASK_MOST_DECIMALS)
		return LH_MASK_ARGUMENT;
	/* also false for NaN */
	if (!(fabs(value) <= 180))
		return LH_MASK_RANGE;
	power = powers[decimals - LH_MASK_LEAST_DECIMALS];
	/* -0 would tell the side of zero that the value was on */
	*out = decimals < 0 ? rint(value / 10) * 10 + 0.0 : rint(value * power) / power + 0.0;
	return LH_MASK_DONE;
}

/* ---- times ---- */

#define US_PER_MINUTE INT64_C(60000000)
#define US_PER_HOUR   (60 * US_PER_MINUTE)
#define US_PER_DAY    (24 * US_PER_HOUR)
/* 1970-01-01 was a Thursday */
#define MONDAY        (-3)

static const char *const units[] = {
	[LH_MASK_MINUTE] = "minute", [LH_MASK_HOUR] = "hour",     [LH_MASK_DAY] = "day",
	[LH_MASK_WEEK] = "week",     [LH_MASK_MONTH] = "month",   [LH_MASK_QUARTER] = "quarter",
	[LH_MASK_YEAR] = "year",     [LH_MASK_DECADE] = "decade", [LH_MASK_CENTURY] = "century",
};

/* Letters of either case; the units have nothing else. */
static bool
is_named(const char *unit, LhSlice name)
{
	if (strlen(unit) != name.len)
		return false;
	for (size_t i = 0; i < name.len; i++)
	{
		if ((name.data[i] | 0x20) != unit[i])
			return false;
	}
	return true;
}

bool
lh_mask_unit(LhSlice name, LhMaskUnit *unit)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (is_named(units[i], name))
		{
			*unit = (LhMaskUnit) i;
			return true;
		}
	}
	return false;
}

/* Months since year 0 that a unit takes, and the month it begins with when counted from there. */
static int64_t
months_of(LhMaskUnit unit, int64_t *from)
{
	*from = unit == LH_MASK_CENTURY ? 12 : 0;
	switch (unit)
	{
		case LH_MASK_MONTH: return 1;
		case LH_MASK_QUARTER: return 3;
		case LH_MASK_YEAR: return 12;
		case LH_MASK_DECADE: return 120;
		case LH_MASK_CENTURY: return 1200;
		default: return 0;
	}
}

static int64_t
first_of_month(int64_t month)
{
	return lh_days_from_civil(lh_floor_div(month, 12), (int) lh_floor_mod(month, 12) + 1, 1);
}

LhMaskOutcome
lh_mask_days(int64_t day, LhMaskUnit unit, int64_t *first, int64_t *next)
{
	int64_t from, length, y, month;
	int m, d;

	if (unit == LH_MASK_WEEK)
	{
		*first = day - lh_floor_mod(day - MONDAY, 7);
		*next = *first + 7;
		return LH_MASK_DONE;
	}
	length = months_of(unit, &from);
	if (length == 0)
		return LH_MASK_ARGUMENT;
	lh_civil_from_days(day, &y, &m, &d);
	month = y * 12 + m - 1 - from;
	month = month - lh_floor_mod(month, length) + from;
	*first = first_of_month(month);
	*next = first_of_month(month + length);
	return LH_MASK_DONE;
}

static int64_t
times(int64_t days)
{
	int64_t us;

	if (!__builtin_mul_overflow(days, US_PER_DAY, &us))
		return us;
	return days < 0 ? INT64_MIN : INT64_MAX;
}

void
lh_mask_microseconds(int64_t us, LhMaskUnit unit, int64_t *first, int64_t *next)
{
	int64_t length = unit == LH_MASK_MINUTE ? US_PER_MINUTE
					 : unit == LH_MASK_HOUR ? US_PER_HOUR
					 : unit == LH_MASK_DAY  ? US_PER_DAY
											: 0;

	if (length != 0)
	{
		int64_t rest = lh_floor_mod(us, length);

		if (__builtin_sub_overflow(us, rest, first))
			*first = INT64_MIN;
		if (__builtin_add_overflow(us, length - rest, next))
			*next = INT64_MAX;
		return;
	}
	(void) lh_mask_days(lh_floor_div(us, US_PER_DAY) + LH_PG_EPOCH_DAYS, unit, first, next);
	*first = times(*first - LH_PG_EPOCH_DAYS);
	*next = times(*next - LH_PG_EPOCH_DAYS);
}
