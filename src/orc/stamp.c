/*
 * stamp.c
 *		Time stamps: seconds since 2015 and nanoseconds.
 *
 *	1. DATA counts seconds from 2015-01-01 00:00:00 in the writer's zone (the stripe
 *	   footer names it); for time stamps with local time zone in UTC.
 *	2. SECONDARY has nanoseconds; their three low bits say how many zeros were
 *	   cut off at the end, less one.
 *	   Arrow writes negative ones before 1970: they count downwards.
 *	3. Writers divide milliseconds by 1,000 towards zero: before 1970 a moment
 *	   with at least a millisecond is a second too late in the file, and readers
 *	   take that back.  (So moments less than a second before 1970 come out a
 *	   second later, in all readers.)
 *	4. A plain time stamp is the wall clock in the writer's zone: the
 *	   moment plus what that zone was ahead of UTC then.
 *	5. What was written in the hybrid calendar is the same date and time in ours.
 */
#include "orc/reader.h"

#define BEGIN_2015 INT64_C(1420070400)

static LhStatus
open_stamps(LhCtx *ctx, LhOrcReader *r)
{
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->second, LH_ORC_SECONDARY));
	LH_TRY(lh_orc_leaf_rle(ctx, &r->data, true, r->v2, &r->first_rle));
	LH_TRY(lh_orc_leaf_rle(ctx, &r->second, false, r->v2, &r->second_rle));
	r->epoch = BEGIN_2015;
	if (r->node->kind == LH_ORC_TIMESTAMP)
	{
		LH_TRY(lh_zone_get(ctx, r->file->options.zoneinfo, r->stripe->info.timezone, &r->zone));
		r->epoch = lh_zone_to_utc(r->zone, BEGIN_2015);
		if (lh_zone_is_utc(r->zone))
			r->zone = NULL;
	}
	/* an interval that holds nothing */
	r->zone_from = 1;
	r->zone_until = 0;
	return LH_OK;
}

static LhStatus
out_of_range(LhCtx *ctx, const LhOrcReader *r)
{
	LH_FAIL(ctx, LH_OUT_OF_RANGE, "a time stamp does not fit into 64 bits of %s",
			r->type.unit == LH_UNIT_NS ? "nanoseconds" : "microseconds");
}

/* Nanoseconds of a second; false: more than there are. */
static inline bool
nanoseconds(int64_t coded, int64_t *out)
{
	static const int32_t zeros[8] = {1, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
	int64_t v = coded >> 3;

	if (v > 999999999 || v < -999999999)
		return false;
	v *= zeros[coded & 7];
	*out = v;
	return v <= 999999999 && v >= -999999999;
}

/* Seconds as a wall clock shows them. */
static inline int64_t
local_seconds(LhOrcReader *r, int64_t utc)
{
	if (r->zone == NULL)
		return utc;
	if (utc < r->zone_from || utc >= r->zone_until)
		r->zone_offset = lh_zone_offset(r->zone, utc, &r->zone_from, &r->zone_until);
	return (int64_t) ((uint64_t) utc + (uint64_t) (int64_t) r->zone_offset);
}

static LhStatus
read_stamps(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	int64_t *values = out;
	const int64_t *nanos;
	int64_t factor = r->type.unit == LH_UNIT_NS ? 1000000000 : 1000000;
	int64_t divide = r->type.unit == LH_UNIT_NS ? 1 : 1000;
	uint64_t lost = 0;

	LH_TRY(lh_orc_fit(ctx, &r->numbers, n, sizeof(int64_t)));
	LH_TRY(lh_orc_rle_read(ctx, r->first_rle, n, values));
	LH_TRY(lh_orc_rle_read(ctx, r->second_rle, n, (int64_t *) (void *) r->numbers.data));
	nanos = (const int64_t *) (const void *) r->numbers.data;
	for (size_t i = 0; i < n; i++)
	{
		int64_t ns, seconds, v;

		if (!nanoseconds(nanos[i], &ns))
			return lh_orc_stream_bad(ctx, &r->second, "less than 10^9 nanoseconds");
		if (__builtin_add_overflow(values[i], r->epoch, &seconds) || seconds == INT64_MIN)
			return out_of_range(ctx, r);
		seconds -= seconds < 0 && ns > 999999;
		seconds = local_seconds(r, seconds);
		if (__builtin_mul_overflow(seconds, factor, &v) || __builtin_add_overflow(v, lh_floor_div(ns, divide), &v))
			return out_of_range(ctx, r);
		lost += divide > 1 && ns % 1000 != 0;
		values[i] = v;
	}
	LH_COUNT(ctx, DIGITS_LOST, lost);
	if (r->file->meta->hybrid)
		for (size_t i = 0; i < n; i++)
			values[i] = lh_timestamp_from_hybrid(values[i], (LhUnit) r->type.unit);
	return LH_OK;
}

static LhStatus
skip_stamps(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	LH_TRY(lh_orc_rle_skip(ctx, r->first_rle, n));
	return lh_orc_rle_skip(ctx, r->second_rle, n);
}

static LhStatus
seek_stamps(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left)
{
	LH_TRY(lh_orc_places(ctx, &r->data, 1, left));
	LH_TRY(lh_orc_rle_seek(ctx, r->first_rle, *place));
	*place += lh_orc_stream_places(&r->data) + 1;
	LH_TRY(lh_orc_places(ctx, &r->second, 1, left));
	LH_TRY(lh_orc_rle_seek(ctx, r->second_rle, *place));
	*place += lh_orc_stream_places(&r->second) + 1;
	return LH_OK;
}

static void
rewind_stamps(LhOrcReader *r)
{
	lh_orc_stream_rewind(&r->data);
	lh_orc_stream_rewind(&r->second);
	lh_orc_rle_reset(r->first_rle);
	lh_orc_rle_reset(r->second_rle);
}

const LhOrcLeafOps lh_orc_stamp_ops = {open_stamps, read_stamps, NULL, skip_stamps, seek_stamps, rewind_stamps};
