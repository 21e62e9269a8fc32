/*
 * emit_datetime.c
 *		Dates, times, timestamps and intervals.
 *
 * PostgreSQL counts from 2000-01-01 and its smallest and largest integers mean
 * the infinities, which no value of a file may become.  Nanoseconds are cut by
 * floor, toward the past; how many values lost digits is counted.
 */
#include "pg/bridge/emit.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* ---- date ---- */

static Datum
date_out_of_range(LhEmitter *em, int j, int32_t days, bool *null)
{
	char		text[64];

	lh_format_date(days, text);
	return lh_emit_out_of_range(em, j, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, text,
								DateADTGetDatum(days < 0 ? DATEVAL_NOBEGIN : DATEVAL_NOEND), null);
}

static void
emit_date(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyI32 *v = data;
	bool		bad = false;

	LH_EMIT_LOOP(src, n,
				 bad |= v[i] < LH_PG_MIN_DATE || v[i] > LH_PG_MAX_DATE;
				 out[j] = DateADTGetDatum((int32) ((uint32) v[i] - LH_PG_EPOCH_DAYS)););
	if (likely(!bad))
		return;
	LH_EMIT_LOOP(src, n,
				 if (v[i] < LH_PG_MIN_DATE || v[i] > LH_PG_MAX_DATE)
					 out[j] = date_out_of_range(em, j, v[i], &nulls[j]););
}

/* ---- time ---- */

/* 24:00:00 is a time of PostgreSQL. */
static Datum
time_out_of_range(LhEmitter *em, int j, int64_t v, bool *null)
{
	char		text[64];

	snprintf(text, sizeof(text), INT64_FORMAT, v);
	return lh_emit_out_of_range(em, j, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, text,
								TimeADTGetDatum(v < 0 ? 0 : USECS_PER_DAY), null);
}

/* per_day: units of the lane in a day; expr: microseconds of v[i] */
#define TIME(name, per_day, expr) \
	static void \
	name(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls) \
	{ \
		const LhAnyI64 *v = data; \
		bool		bad = false; \
\
		LH_EMIT_LOOP(src, n, \
					 bad |= (uint64_t) v[i] > (uint64_t) (per_day); \
					 out[j] = TimeADTGetDatum((int64) (expr));); \
		if (likely(!bad)) \
			return; \
		LH_EMIT_LOOP(src, n, \
					 if ((uint64_t) v[i] > (uint64_t) (per_day)) \
						 out[j] = time_out_of_range(em, j, v[i], &nulls[j]);); \
	}

TIME(emit_time_s, SECS_PER_DAY, (uint64_t) v[i] * 1000000)
TIME(emit_time_ms, SECS_PER_DAY * INT64CONST(1000), (uint64_t) v[i] * 1000)
TIME(emit_time_us, USECS_PER_DAY, v[i])
TIME(emit_time_ns_cut, USECS_PER_DAY * INT64CONST(1000), v[i] / 1000)

static void
count_lost(LhEmitter *em, const int64_t *v, const uint32_t *src, int n)
{
	int			lost = 0,
				at = -1;

	LH_EMIT_LOOP(src, n, if (v[i] % 1000 != 0) { lost++; at = at < 0 ? j : at; });
	if (lost > 0)
		lh_emit_digits_lost(em, lost, at);
}

static void
emit_time_ns(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	count_lost(em, data, src, n);
	emit_time_ns_cut(em, data, src, n, out, nulls);
}

/* ---- timestamp ---- */

static Datum
timestamp_out_of_range(LhEmitter *em, int j, int64_t v, LhUnit unit, bool *null)
{
	char		text[64];

	lh_format_timestamp(v, unit, em->type.utc, text);
	return lh_emit_out_of_range(em, j, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, text,
								v < 0 ? TimestampGetDatum(DT_NOBEGIN) : TimestampGetDatum(DT_NOEND), null);
}

/* v in units of per_second; low and high: what PostgreSQL holds, since 2000, high exclusive */
#define TIMESTAMP(name, unit, per_second, scale) \
	static void \
	name(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls) \
	{ \
		const LhAnyI64 *v = data; \
		const int64_t epoch = LH_PG_EPOCH_US / 1000000 * (per_second); \
		const int64_t low = MIN_TIMESTAMP / (scale) + epoch; \
		const int64_t high = END_TIMESTAMP / (scale) > PG_INT64_MAX - epoch ? PG_INT64_MAX : \
			END_TIMESTAMP / (scale) + epoch - 1; \
		bool		bad = false; \
\
		LH_EMIT_LOOP(src, n, \
					 bad |= v[i] < low || v[i] > high; \
					 out[j] = TimestampGetDatum((int64) (((uint64_t) v[i] - (uint64_t) epoch) * (scale)));); \
		if (likely(!bad)) \
			return; \
		LH_EMIT_LOOP(src, n, \
					 if (v[i] < low || v[i] > high) \
						 out[j] = timestamp_out_of_range(em, j, v[i], unit, &nulls[j]);); \
	}

TIMESTAMP(emit_timestamp_s, LH_UNIT_S, 1, 1000000)
TIMESTAMP(emit_timestamp_ms, LH_UNIT_MS, 1000, 1000)
TIMESTAMP(emit_timestamp_us, LH_UNIT_US, 1000000, 1)

/* All of int64 in nanoseconds is in PostgreSQL's range. */
static void
emit_timestamp_ns(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyI64 *v = data;

	count_lost(em, v, src, n);
	LH_EMIT_LOOP(src, n, out[j] = TimestampGetDatum(lh_floor_div(v[i], 1000) - LH_PG_EPOCH_US););
}

/* Julian day of 1970-01-01 */
#define JULIAN_1970 2440588u

/* INT96 as it lies in the file: the table wants to know of lost digits. */
static void
emit_int96(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const uint8_t *v = data;

	LH_EMIT_LOOP(src, n, {
		int64_t		us;
		bool		lost = false;

		if (!lh_int96_to_us(v + (size_t) i * 12, &us, &lost) || us < LH_PG_MIN_TIMESTAMP)
			out[j] = lh_emit_out_of_range(em, j, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, "(INT96)",
										  lh_load_u32(v + (size_t) i * 12 + 8) < JULIAN_1970 ?
										  TimestampGetDatum(DT_NOBEGIN) : TimestampGetDatum(DT_NOEND),
										  &nulls[j]);
		else
			out[j] = TimestampGetDatum(us - LH_PG_EPOCH_US);
		if (lost)
			lh_emit_digits_lost(em, 1, j);
	});
}

/* ---- interval ---- */

/* Months, days and milliseconds, each unsigned. */
static void
emit_interval(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const uint8_t *v = data;
	Interval   *copy = MemoryContextAlloc(em->target, sizeof(Interval) * n);

	LH_EMIT_LOOP(src, n, {
		uint32_t	month = lh_load_u32(v + (size_t) i * 12);
		uint32_t	day = lh_load_u32(v + (size_t) i * 12 + 4);
		uint32_t	ms = lh_load_u32(v + (size_t) i * 12 + 8);

		copy[j].month = (int32) Min(month, PG_INT32_MAX);
		copy[j].day = (int32) Min(day, PG_INT32_MAX);
		copy[j].time = (int64) ms * 1000;
		out[j] = IntervalPGetDatum(&copy[j]);
		if (unlikely(month > PG_INT32_MAX || day > PG_INT32_MAX))
		{
			char		text[64];

			snprintf(text, sizeof(text), "%u months %u days", month, day);
			out[j] = lh_emit_out_of_range(em, j, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, text, out[j], &nulls[j]);
		}
	});
}

/* ---- choice ---- */

static LhEmitKernel
timestamp_kernel(const LhType *type)
{
	if (type->lane == LH_LANE_FIX)
		return emit_int96;
	switch ((LhUnit) type->unit)
	{
		case LH_UNIT_S:
			return emit_timestamp_s;
		case LH_UNIT_MS:
			return emit_timestamp_ms;
		case LH_UNIT_US:
			return emit_timestamp_us;
		case LH_UNIT_NS:
			return emit_timestamp_ns;
	}
	return NULL;
}

static LhEmitKernel
time_kernel(const LhType *type)
{
	switch ((LhUnit) type->unit)
	{
		case LH_UNIT_S:
			return emit_time_s;
		case LH_UNIT_MS:
			return emit_time_ms;
		case LH_UNIT_US:
			return emit_time_us;
		case LH_UNIT_NS:
			return emit_time_ns;
	}
	return NULL;
}

bool
lh_kernel_datetime(const LhType *type, Oid base, LhEmitRoute *route)
{
	LhEmitKernel kernel = NULL;

	switch (type->id)
	{
		case LH_T_DATE:
			kernel = base == DATEOID ? emit_date : NULL;
			break;
		case LH_T_TIME:
			kernel = base == TIMEOID ? time_kernel(type) : NULL;
			break;
		case LH_T_TIMESTAMP:
			if (base == (type->utc ? TIMESTAMPTZOID : TIMESTAMPOID))
				kernel = timestamp_kernel(type);
			break;
		case LH_T_INTERVAL:
			kernel = base == INTERVALOID ? emit_interval : NULL;
			route->by_ref = true;
			break;
		default:
			break;
	}
	route->kernel = kernel;
	return kernel != NULL;
}
