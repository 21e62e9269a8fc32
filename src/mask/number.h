/*
 * number.h
 *		Masks that give the class of a number, place or time instead of itself.
 *
 * A value that is the least of its class is given back as it is: that tells no more than the class.  Classes of
 * one value are refused.
 */
#ifndef LH_MASK_NUMBER_H
#define LH_MASK_NUMBER_H

#include "mask/outcome.h"

/* ---- numbers ---- */

/* The class [lower, upper) of a number, of width 2 or more; what is beyond int64 is open. */
typedef struct LhMaskRange
{
	int64_t		lower,
				upper;
	bool		open_below,
				open_above;
} LhMaskRange;

extern LhMaskOutcome lh_mask_range(int64_t value, int64_t width, LhMaskRange *range);

/* The greatest multiple of width that is not above the value; finite, width above 0. */
extern LhMaskOutcome lh_mask_floor(double value, double width, double *out);

/* ---- places ---- */

/*
 * Degrees (-180 to 180), rounded to so many decimals: -1 (tens of degrees) to 3 (111 m along a meridian).
 */
#define LH_MASK_LEAST_DECIMALS (-1)
#define LH_MASK_MOST_DECIMALS  3
extern LhMaskOutcome lh_mask_degrees(double value, int64_t decimals, double *out);

/* ---- times ---- */

typedef enum LhMaskUnit
{
	LH_MASK_MINUTE, LH_MASK_HOUR, LH_MASK_DAY, LH_MASK_WEEK, LH_MASK_MONTH, LH_MASK_QUARTER, LH_MASK_YEAR,
	LH_MASK_DECADE, LH_MASK_CENTURY
} LhMaskUnit;

/* By its name; false: none of these. */
extern bool lh_mask_unit(LhSlice name, LhMaskUnit *unit);
/*
 * First day of the unit that a day is in, and of the next one; days since 1970, unit longer than a day.  As date_trunc:
 * weeks begin on Mondays, centuries with the years 1, 101, ... and decades with 0, 10, ...
 */
extern LhMaskOutcome lh_mask_days(int64_t day, LhMaskUnit unit, int64_t *first, int64_t *next);
/*
 * The same for microseconds since 2000 (as PostgreSQL counts: since 1970 its last years do not fit) and any unit; beyond
 * int64 its ends.
 */
extern void lh_mask_microseconds(int64_t us, LhMaskUnit unit, int64_t *first, int64_t *next);

#endif
