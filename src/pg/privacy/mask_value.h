/*
 * mask_value.h
 *		Classes of numbers and times that mask_value.c and mask_range.c share.
 */
#ifndef LH_PG_PRIVACY_MASK_VALUE_H
#define LH_PG_PRIVACY_MASK_VALUE_H

#include "pg/privacy/mask_table.h"

#include "utils/date.h"
#include "utils/timestamp.h"

#include "mask/network.h"
#include "mask/number.h"

/* A unit of time, as PostgreSQL counts; an end that its type cannot hold is open. */
typedef struct LhMaskTimes
{
	int64		first,
				next;
	bool		open_below,
				open_above;
} LhMaskTimes;

extern LhMaskOutcome lh_mask_range_date(DateADT date, LhSlice unit, LhMaskTimes *times);
extern LhMaskOutcome lh_mask_range_timestamp(Timestamp t, LhSlice unit, LhMaskTimes *times);

/* [lower, upper) of a numeric, both with the scale of the width, palloc'd. */
extern LhMaskOutcome lh_mask_range_numeric(Datum value, Datum width, Datum *lower, Datum *upper);

#endif
