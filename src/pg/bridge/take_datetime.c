/*
 * take_datetime.c
 *		Dates, times, timestamps and intervals.
 *
 * Files have no infinities.  Option out_of_range = clamp writes them as the
 * smallest and largest integer, which a table with the same option shows as
 * infinities again.  Parquet's interval is months, days and milliseconds, none
 * of them negative: of PostgreSQL's only those that are so are taken.
 */
#include "pg/bridge/take_impl.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* A value that the file's type has no place for: clamped (true), null (false) or an error. */
static bool
out_of_range(LhTaker *t, PGFunction output, Datum d)
{
	switch (t->take->options.out_of_range)
	{
		case LH_RANGE_CLAMP:
			return true;
		case LH_RANGE_NULL:
			return false;
		case LH_RANGE_ERROR:
			break;
	}
	lh_take_out_of_range(t, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, DatumGetCString(DirectFunctionCall1(output, d)));
}

static bool
take_date(LhTaker *t, Datum d)
{
	DateADT		date = DatumGetDateADT(d);
	int32_t    *out = &((int32_t *) t->data.data)[t->n];

	if (unlikely(DATE_NOT_FINITE(date)))
	{
		*out = DATE_IS_NOBEGIN(date) ? PG_INT32_MIN : PG_INT32_MAX;
		return out_of_range(t, date_out, d);
	}
	*out = date + LH_PG_EPOCH_DAYS;
	return true;
}

static bool
take_time(LhTaker *t, Datum d)
{
	((int64_t *) t->data.data)[t->n] = DatumGetTimeADT(d);
	return true;
}

/* The last years of PostgreSQL's range are more microseconds since 1970 than 64 bits hold. */
static bool
take_timestamp(LhTaker *t, Datum d)
{
	Timestamp	ts = DatumGetTimestamp(d);
	int64_t    *out = &((int64_t *) t->data.data)[t->n];

	if (unlikely(TIMESTAMP_NOT_FINITE(ts) || pg_add_s64_overflow(ts, LH_PG_EPOCH_US, out)))
	{
		*out = TIMESTAMP_IS_NOBEGIN(ts) ? PG_INT64_MIN : PG_INT64_MAX;
		return out_of_range(t, t->type.utc ? timestamptz_out : timestamp_out, d);
	}
	return true;
}

/* There is no nearest interval: "clamp" is an error, too. */
static bool
interval_out_of_range(LhTaker *t, Datum d)
{
	if (t->take->options.out_of_range == LH_RANGE_NULL)
		return false;
	lh_take_out_of_range(t, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE,
						 DatumGetCString(DirectFunctionCall1(interval_out, d)));
}

static bool
take_interval(LhTaker *t, Datum d)
{
	const Interval *span = DatumGetIntervalP(d);
	uint32_t	parts[3];

	if (unlikely(span->month < 0 || span->day < 0 || span->time < 0 || span->time % 1000 != 0 ||
				 span->time / 1000 > PG_UINT32_MAX))
		return interval_out_of_range(t, d);
	parts[0] = (uint32_t) span->month;
	parts[1] = (uint32_t) span->day;
	parts[2] = (uint32_t) (span->time / 1000);
	memcpy(t->data.data + (size_t) t->n * sizeof(parts), parts, sizeof(parts));
	return true;
}

static bool
take_interval_text(LhTaker *t, Datum d)
{
	char		text[MAXDATELEN + 1];

	lh_interval_iso(DatumGetIntervalP(d), text);
	lh_take_string(t, text, strlen(text));
	return true;
}

static void
choose(LhTaker *t, LhTypeId id, LhLane lane, LhTakeFn fn)
{
	t->type.id = id;
	t->type.lane = lane;
	t->fn = fn;
	if (id == LH_T_TIME || id == LH_T_TIMESTAMP)
		t->type.unit = LH_UNIT_US;
}

bool
lh_take_datetime(LhTaker *t)
{
	switch (t->typid)
	{
		case DATEOID:
			choose(t, LH_T_DATE, LH_LANE_I32, take_date);
			return true;
		case TIMEOID:
			choose(t, LH_T_TIME, LH_LANE_I64, take_time);
			return true;
		case TIMESTAMPTZOID:
			t->type.utc = true;
			/* FALLTHROUGH */
		case TIMESTAMPOID:
			choose(t, LH_T_TIMESTAMP, LH_LANE_I64, take_timestamp);
			return true;
		case INTERVALOID:
			if (t->take->options.interval_text)
				choose(t, LH_T_STRING, LH_LANE_STR, take_interval_text);
			else
				choose(t, LH_T_INTERVAL, LH_LANE_FIX, take_interval);
			t->type.width = t->type.lane == LH_LANE_FIX ? 12 : 0;
			return true;
		default:
			return false;
	}
}
