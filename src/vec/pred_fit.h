/*
 * pred_fit.h
 *		Constants as intervals of a column's keys.
 */
#ifndef LH_VEC_PRED_FIT_H
#define LH_VEC_PRED_FIT_H

#include "vec/pred_impl.h"

/* How constants of one type meet a column of another. */
typedef enum LhFitKind
{
	LH_FIT_NONE, /* not comparable here */
	LH_FIT_KEY,
	LH_FIT_BYTES,
	LH_FIT_WIDE
} LhFitKind;

/*
 * Column keys below lo are less than the constant, keys above hi greater,
 * lo..hi equal to it.  hi = lo - 1: it lies between two keys.
 */
typedef struct LhFit
{
	int over; /* 1: greater than every key, -1: less; 0: see lo and hi */
	LhI128 lo;
	LhI128 hi;
} LhFit;

extern LhFitKind lh_fit_kind(const LhType *column, const LhType *constant);
/* For LH_FIT_KEY; false when the constant cannot be compared exactly. */
extern bool lh_fit_value(const LhValue *constant, const LhType *column, LhFit *out);

static inline LhI128
lh_floor_div_i128(LhI128 a, LhI128 b)
{
	LhI128 q = a / b;

	return q - (a % b < 0);
}

#endif
