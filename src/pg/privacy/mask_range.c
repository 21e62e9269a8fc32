/*
 * mask_range.c
 *		lakehouse.mask_range and mask_range_text: the range that a value is in.
 */
#include "pg/privacy/mask_value.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "core/datetime.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/rangetypes.h"

extern PGDLLEXPORT Datum lakehouse_mask_range_integer(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_range_bigint(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_range_numeric(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_range_date(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_range_timestamp(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_range_timestamptz(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_range_text_numeric(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_range_text_date(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_range_text_text(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_integer);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_bigint);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_numeric);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_date);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_timestamp);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_timestamptz);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_text_numeric);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_text_date);
PG_FUNCTION_INFO_V1(lakehouse_mask_range_text_text);

/* ---- classes ---- */

/* Numbers beyond have no use for ranges, and their sums might have no room. */
#define MOST_NUMERIC 1e100

static bool
is_usable(Datum numeric)
{
	/* NaN is not below it, either */
	return fabs(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, numeric))) < MOST_NUMERIC;
}

static bool
is_below(Datum a, Datum b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b)) < 0;
}

LhMaskOutcome
lh_mask_range_numeric(Datum value, Datum width, Datum *lower, Datum *upper)
{
	Datum		zero = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));
	Datum		rest;

	if (!is_usable(width) || !is_below(zero, width))
		return LH_MASK_ARGUMENT;
	if (!is_usable(value))
		return LH_MASK_RANGE;
	/* of the sign of the value */
	rest = DirectFunctionCall2(numeric_mod, value, width);
	if (is_below(rest, zero))
		rest = DirectFunctionCall2(numeric_add, rest, width);
	*lower = DirectFunctionCall2(numeric_sub, value, rest);
	/* a multiple of the width has no more decimals than it; the value's own would tell more than the class */
	*lower = DirectFunctionCall2(numeric_round, *lower, DirectFunctionCall1(numeric_scale, width));
	*upper = DirectFunctionCall2(numeric_add, *lower, width);
	return LH_MASK_DONE;
}

LhMaskOutcome
lh_mask_range_date(DateADT date, LhSlice unit, LhMaskTimes *times)
{
	LhMaskUnit	u;
	int64_t		first,
				next;

	/* of one day there is but one value */
	if (!lh_mask_unit(unit, &u) || u <= LH_MASK_DAY)
		return LH_MASK_ARGUMENT;
	if (DATE_NOT_FINITE(date))
		return LH_MASK_RANGE;
	if (lh_mask_days((int64) date + LH_PG_EPOCH_DAYS, u, &first, &next) != LH_MASK_DONE)
		return LH_MASK_ARGUMENT;
	times->open_below = first < LH_PG_MIN_DATE;
	times->open_above = next > LH_PG_MAX_DATE;
	times->first = first - LH_PG_EPOCH_DAYS;
	times->next = next - LH_PG_EPOCH_DAYS;
	return LH_MASK_DONE;
}

LhMaskOutcome
lh_mask_range_timestamp(Timestamp t, LhSlice unit, LhMaskTimes *times)
{
	LhMaskUnit	u;
	int64_t		first,
				next;

	if (!lh_mask_unit(unit, &u))
		return LH_MASK_ARGUMENT;
	if (TIMESTAMP_NOT_FINITE(t))
		return LH_MASK_RANGE;
	lh_mask_microseconds(t, u, &first, &next);
	times->open_below = !IS_VALID_TIMESTAMP(first);
	times->open_above = !IS_VALID_TIMESTAMP(next);
	times->first = first;
	times->next = next;
	return LH_MASK_DONE;
}

/* ---- ranges ---- */

static Datum
make(FunctionCallInfo fcinfo, Oid type, Datum lower, bool open_below, Datum upper, bool open_above)
{
	TypeCacheEntry *cache = range_get_typcache(fcinfo, type);
	RangeBound	from = {.val = lower, .infinite = open_below, .inclusive = !open_below, .lower = true};
	RangeBound	to = {.val = upper, .infinite = open_above, .inclusive = false, .lower = false};

	return RangeTypePGetDatum(LH_MAKE_RANGE(cache, &from, &to));
}

Datum
lakehouse_mask_range_integer(PG_FUNCTION_ARGS)
{
	LhMaskRange range;
	LhMaskOutcome outcome = lh_mask_range(PG_GETARG_INT32(0), PG_GETARG_INT32(1), &range);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(RANGE, outcome);
	return make(fcinfo, INT4RANGEOID, Int32GetDatum((int32) range.lower), range.lower < PG_INT32_MIN,
				Int32GetDatum((int32) range.upper), range.upper > PG_INT32_MAX);
}

Datum
lakehouse_mask_range_bigint(PG_FUNCTION_ARGS)
{
	LhMaskRange range;
	LhMaskOutcome outcome = lh_mask_range(PG_GETARG_INT64(0), PG_GETARG_INT64(1), &range);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(RANGE, outcome);
	return make(fcinfo, INT8RANGEOID, Int64GetDatum(range.lower), range.open_below, Int64GetDatum(range.upper),
				range.open_above);
}

Datum
lakehouse_mask_range_numeric(PG_FUNCTION_ARGS)
{
	Datum		lower,
				upper;
	LhMaskOutcome outcome = lh_mask_range_numeric(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), &lower, &upper);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(RANGE, outcome);
	return make(fcinfo, NUMRANGEOID, lower, false, upper, false);
}

Datum
lakehouse_mask_range_date(PG_FUNCTION_ARGS)
{
	LhMaskTimes times;
	LhMaskOutcome outcome = lh_mask_range_date(PG_GETARG_DATEADT(0), lh_mask_argument(fcinfo, 1), &times);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(RANGE, outcome);
	return make(fcinfo, DATERANGEOID, DateADTGetDatum((DateADT) times.first), times.open_below,
				DateADTGetDatum((DateADT) times.next), times.open_above);
}

static Datum
range_of_times(FunctionCallInfo fcinfo, Oid type)
{
	LhMaskTimes times;
	LhMaskOutcome outcome = lh_mask_range_timestamp(PG_GETARG_TIMESTAMP(0), lh_mask_argument(fcinfo, 1), &times);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(RANGE, outcome);
	return make(fcinfo, type, TimestampGetDatum(times.first), times.open_below, TimestampGetDatum(times.next),
				times.open_above);
}

Datum
lakehouse_mask_range_timestamp(PG_FUNCTION_ARGS)
{
	return range_of_times(fcinfo, TSRANGEOID);
}

/* In UTC, so that it does not depend on the session. */
Datum
lakehouse_mask_range_timestamptz(PG_FUNCTION_ARGS)
{
	return range_of_times(fcinfo, TSTZRANGEOID);
}

/* ---- ranges as text ---- */

static const char *
numeric_text(Datum numeric)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, numeric));
}

static Datum
text_of_numeric(FunctionCallInfo fcinfo, Datum value)
{
	Datum		lower,
				upper;
	LhMaskOutcome outcome = lh_mask_range_numeric(value, PG_GETARG_DATUM(1), &lower, &upper);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(RANGE_TEXT, outcome);
	return CStringGetTextDatum(psprintf("[%s,%s)", numeric_text(lower), numeric_text(upper)));
}

Datum
lakehouse_mask_range_text_numeric(PG_FUNCTION_ARGS)
{
	return text_of_numeric(fcinfo, PG_GETARG_DATUM(0));
}

#define MAX_NUMBER 128			/* bytes of a number as text */

/* [-+]digits[.digits]; what numeric takes without an error. */
static bool
is_number(LhSlice s)
{
	size_t		i = s.len > 0 && (s.data[0] == '-' || s.data[0] == '+');
	size_t		digits = 0,
				points = 0;

	for (; i < s.len; i++)
	{
		bool		digit = s.data[i] >= '0' && s.data[i] <= '9';

		if (!digit && s.data[i] != '.')
			return false;
		digits += digit;
		points += !digit;
	}
	return digits > 0 && points <= 1;
}

Datum
lakehouse_mask_range_text_text(PG_FUNCTION_ARGS)
{
	LhSlice		value = lh_mask_argument(fcinfo, 0);

	if (value.len > MAX_NUMBER)
		LH_MASK_GIVE_UP(RANGE_TEXT, LH_MASK_LONG);
	if (!is_number(value))
		LH_MASK_GIVE_UP(RANGE_TEXT, LH_MASK_FORM);
	return text_of_numeric(fcinfo, DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup((const char *) value.data, value.len)),
													   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* In ISO style whatever DateStyle is; an open end is empty. */
Datum
lakehouse_mask_range_text_date(PG_FUNCTION_ARGS)
{
	LhMaskTimes times;
	LhMaskOutcome outcome = lh_mask_range_date(PG_GETARG_DATEADT(0), lh_mask_argument(fcinfo, 1), &times);
	char		from[48] = "",
				to[48] = "";

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(RANGE_TEXT, outcome);
	if (!times.open_below)
		lh_format_date(times.first + LH_PG_EPOCH_DAYS, from);
	if (!times.open_above)
		lh_format_date(times.next + LH_PG_EPOCH_DAYS, to);
	return CStringGetTextDatum(psprintf("[%s,%s)", from, to));
}
