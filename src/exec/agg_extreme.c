/*
 * agg_extreme.c
 *		Minima and maxima.
 *
 * A dictionary entry is compared when its code is met first; batches that
 * bring no new code cost next to nothing.  Flat numbers go through kernels.
 *
 * Of values that compare equal PostgreSQL keeps the last, which shows for -0
 * and 0 only: then the batch is searched for the last zero.
 */
#include <math.h>
#include <string.h>

#include "exec/agg_impl.h"
#include "vec/kernels.h"

LhStatus
lh_extreme_offer(LhCtx *ctx, LhExtreme *x, const LhValue *value)
{
	if (x->seen)
	{
		int c = lh_value_compare(value, &x->value);

		if (x->max ? c < 0 : c > 0)
			return LH_OK;
	}
	if (value->type.lane == LH_LANE_STR || value->type.lane == LH_LANE_FIX)
	{
		LH_TRY(lh_buf_fit(ctx, &x->bytes, value->str.len > 0 ? value->str.len : 1));
		if (value->str.len > 0)
			memmove(x->bytes.data, value->str.ptr, value->str.len);
		x->value = *value;
		x->value.str.ptr = x->bytes.data;
	}
	else
		x->value = *value;
	x->seen = true;
	x->place = *x->now;
	return LH_OK;
}

/* Of equal values the one of the later place stays, as if all had come in order. */
LhStatus
lh_extreme_merge(LhCtx *ctx, LhExtreme *into, const LhExtreme *from)
{
	if (!from->seen)
		return LH_OK;
	if (into->seen && lh_value_compare(&from->value, &into->value) == 0 &&
		from->place < into->place)
		return LH_OK;
	LH_TRY(lh_extreme_offer(ctx, into, &from->value));
	/* a worse value was not taken: then the place stays, too */
	if (lh_value_compare(&from->value, &into->value) == 0)
		into->place = from->place;
	return LH_OK;
}

static LhStatus
offer(LhCtx *ctx, LhAggInput *in, const LhValue *value)
{
	if (in->want & LH_WANT_MIN)
		LH_TRY(lh_extreme_offer(ctx, &in->min, value));
	if (in->want & LH_WANT_MAX)
		LH_TRY(lh_extreme_offer(ctx, &in->max, value));
	return LH_OK;
}

/* Smallest and largest of a batch of ints of one type. */
static LhStatus
offer_ints(LhCtx *ctx, LhAggInput *in, const LhType *type, int64_t min, int64_t max)
{
	LhValue v = {.type = *type};

	v.i64 = min;
	if (in->want & LH_WANT_MIN)
		LH_TRY(lh_extreme_offer(ctx, &in->min, &v));
	v.i64 = max;
	if (in->want & LH_WANT_MAX)
		LH_TRY(lh_extreme_offer(ctx, &in->max, &v));
	return LH_OK;
}

static double
float_at(const LhVec *v, size_t row)
{
	const uint8_t *p = v->data;

	return v->type.lane == LH_LANE_F32 ? lh_load_f32(p + row * 4) : lh_load_f64(p + row * 8);
}

/* The zero that PostgreSQL would keep: the last one. */
static double
last_zero(const LhVec *v, const LhSel *live)
{
	for (int row = live->n - 1; row >= 0; row--)
	{
		if (lh_bit_get(live->w, (size_t) row) && float_at(v, (size_t) row) == 0)
			return float_at(v, (size_t) row);
	}
	return 0;
}

static LhStatus
flat_floats(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	LhValue value = {.type = v->type};
	double min = INFINITY, max = -INFINITY;
	int saw;

	if (v->type.lane == LH_LANE_F32)
	{
		float fmin = INFINITY, fmax = -INFINITY;

		saw = lh_vec_kernels()->minmax_f32(v->data, (size_t) live->n, live->w, &fmin, &fmax);
		min = fmin;
		max = fmax;
	}
	else
		saw = lh_vec_kernels()->minmax_f64(v->data, (size_t) live->n, live->w, &min, &max);
	if (in->want & LH_WANT_MIN)
	{
		value.f64 = saw & LH_SAW_NUMBER ? min : NAN;
		if (value.f64 == 0)
			value.f64 = last_zero(v, live);
		LH_TRY(lh_extreme_offer(ctx, &in->min, &value));
	}
	if (in->want & LH_WANT_MAX)
	{
		value.f64 = saw & LH_SAW_NAN ? NAN : max;
		if (value.f64 == 0)
			value.f64 = last_zero(v, live);
		LH_TRY(lh_extreme_offer(ctx, &in->max, &value));
	}
	return LH_OK;
}

/* Is a before b?  Mostly the first byte knows. */
static inline bool
is_before(LhStr a, LhStr b)
{
	if (a.len > 0 && b.len > 0 && a.ptr[0] != b.ptr[0])
		return a.ptr[0] < b.ptr[0];
	return lh_bytes_compare(a, b) < 0;
}

static LhStatus
flat_strs(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	const LhStr *strs = v->data;
	LhValue min = {.null = true}, max = {.null = true};

	LH_FOR_ROWS(live->w, live->n, row)
	{
		LhStr s = strs[row];

		if (min.null)
		{
			min = max = (LhValue){.type = v->type, .str = s};
			continue;
		}
		if ((in->want & LH_WANT_MIN) && is_before(s, min.str))
			min.str = s;
		if ((in->want & LH_WANT_MAX) && is_before(max.str, s))
			max.str = s;
	}
	if (in->want & LH_WANT_MIN)
		LH_TRY(lh_extreme_offer(ctx, &in->min, &min));
	if (in->want & LH_WANT_MAX)
		LH_TRY(lh_extreme_offer(ctx, &in->max, &max));
	return LH_OK;
}

/* Fixed bytes, decimals of 128 bits and wider, row by row. */
static LhStatus
flat_values(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	LhValue min = {.null = true}, max = {.null = true};

	LH_FOR_ROWS(live->w, live->n, row)
	{
		LhValue x = lh_lane_value(&v->type, v->data, row);

		if (min.null || ((in->want & LH_WANT_MIN) && lh_value_compare(&x, &min) < 0))
			min = x;
		if (max.null || ((in->want & LH_WANT_MAX) && lh_value_compare(&x, &max) > 0))
			max = x;
	}
	if (in->want & LH_WANT_MIN)
		LH_TRY(lh_extreme_offer(ctx, &in->min, &min));
	if (in->want & LH_WANT_MAX)
		LH_TRY(lh_extreme_offer(ctx, &in->max, &max));
	return LH_OK;
}

static LhStatus
flat(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	const LhVecKernels *k = lh_vec_kernels();

	if (v->type.lane == LH_LANE_F32 || v->type.lane == LH_LANE_F64)
		return flat_floats(ctx, in, v, live);
	if (v->type.lane == LH_LANE_I32)
	{
		int32_t min = INT32_MAX, max = INT32_MIN;

		k->minmax_i32(v->data, (size_t) live->n, live->w, &min, &max);
		return offer_ints(ctx, in, &v->type, min, max);
	}
	if (v->type.lane == LH_LANE_I64)
	{
		int64_t min = INT64_MAX, max = INT64_MIN;

		k->minmax_i64(v->data, (size_t) live->n, live->w, &min, &max);
		return offer_ints(ctx, in, &v->type, min, max);
	}
	if (v->type.lane == LH_LANE_STR && v->type.id != LH_T_DECIMAL)
		return flat_strs(ctx, in, v, live);
	return flat_values(ctx, in, v, live);
}

LhStatus
lh_agg_extremes(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	if (v->kind == LH_VEC_CONST)
	{
		LhValue x = lh_lane_value(&v->type, v->data, 0);

		return offer(ctx, in, &x);
	}
	if (v->kind == LH_VEC_FLAT)
		return flat(ctx, in, v, live);
	if (v->type.lane == LH_LANE_F32 || v->type.lane == LH_LANE_F64)
	{
		LhVec values;

		/* the order of rows decides between zeros */
		LH_TRY(lh_vec_flatten(ctx, v, in->scratch, &values));
		return flat_floats(ctx, in, &values, live);
	}
	for (int i = 0; i < in->codes.nnew; i++)
	{
		LhValue x = lh_dict_value(v->dict, in->codes.fresh[i]);

		LH_TRY(offer(ctx, in, &x));
	}
	return LH_OK;
}
