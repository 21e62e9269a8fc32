/*
 * agg_float.c
 *		Sums of floats, bit for bit as PostgreSQL's serial plan makes them.
 *
 * Values are added one after the other in row order with a single accumulator
 * (DESIGN D5): float4pl in float, float8pl in double, avg by the
 * Youngs-Cramer step of float8_accum.  The first value starts a sum, so that
 * the sum of -0 is -0.  Overflow from finite values is PostgreSQL's error.
 *
 * A thread that does not hold the first rows gives its values to a sink, and
 * the leader adds them when their turn has come.
 */
#include <math.h>
#include <string.h>

#include "exec/agg_impl.h"

/* Values of live rows in order, as doubles; returns how many. */
static int
collect(const LhVec *v, const LhSel *live, double *out)
{
	bool narrow = v->type.lane == LH_LANE_F32;
	const uint8_t *values = v->kind == LH_VEC_DICT ? v->dict->values : v->data;
	int n = 0;

#define COLLECT(INDEX)                                                                   \
	LH_FOR_ROWS(live->w, live->n, row)                                                   \
	{                                                                                    \
		size_t at = (INDEX);                                                             \
		out[n++] = narrow ? lh_load_f32(values + at * 4) : lh_load_f64(values + at * 8); \
	}
	if (v->kind == LH_VEC_DICT)
		COLLECT(v->codes[row])
	else if (v->kind == LH_VEC_CONST)
		COLLECT(0 * row)
	else if (live->count == live->n && !narrow)
	{
		memcpy(out, values, (size_t) live->n * sizeof(double));
		n = live->n;
	}
	else
		COLLECT(row)
#undef COLLECT
	return n;
}

static LhStatus
overflow(LhCtx *ctx)
{
	LH_FAIL(ctx, LH_OUT_OF_RANGE, "value out of range: overflow");
}

/* The sum has become infinite or NaN: was it by values that already were? */
static LhStatus
check_sum(LhCtx *ctx, double sum, const double *x, int n)
{
	for (int i = 0; i < n; i++)
	{
		double next = sum + x[i];

		if (isinf(next) && !isinf(sum) && !isinf(x[i]))
			return overflow(ctx);
		sum = next;
	}
	return LH_OK;
}

static LhStatus
check_sum4(LhCtx *ctx, float sum, const double *x, int n)
{
	for (int i = 0; i < n; i++)
	{
		float next = sum + (float) x[i];

		if (isinf(next) && !isinf(sum) && !isinf(x[i]))
			return overflow(ctx);
		sum = next;
	}
	return LH_OK;
}

static LhStatus
add_plain(LhCtx *ctx, LhAggInput *in, const double *x, int n, bool narrow)
{
	bool first = !in->fseen;
	double before = first ? x[0] : in->fsum, sum = before;
	float before4 = first ? (float) x[0] : in->fsum4, sum4 = before4;
	int from = first ? 1 : 0;

	for (int i = from; i < n; i++)
		sum += x[i];
	if (!isfinite(sum) && isfinite(before))
		LH_TRY(check_sum(ctx, before, x + from, n - from));
	in->fsum = sum;
	in->fseen = true;
	if (!narrow)
		return LH_OK;
	for (int i = from; i < n; i++)
		sum4 += (float) x[i];
	if (!isfinite(sum4) && isfinite(before4))
		LH_TRY(check_sum4(ctx, before4, x + from, n - from));
	in->fsum4 = sum4;
	return LH_OK;
}

/* float8_accum, step by step. */
static LhStatus
add_youngs_cramer(LhCtx *ctx, LhAggInput *in, const double *x, int n)
{
	double count = in->yc_n, sx = in->yc_sx, sxx = in->yc_sxx;

	for (int i = 0; i < n; i++)
	{
		double before = count, sx_before = sx;

		count += 1.0;
		sx += x[i];
		if (before > 0.0)
		{
			double tmp = x[i] * count - sx;

			sxx += tmp * tmp / (count * before);
			if (isinf(sx) || isinf(sxx))
			{
				if (!isinf(sx_before) && !isinf(x[i]))
					return overflow(ctx);
				sxx = NAN;
			}
		}
		else if (!isfinite(x[i]))
			sxx = NAN;
	}
	in->yc_n = count;
	in->yc_sx = sx;
	in->yc_sxx = sxx;
	return LH_OK;
}

static LhStatus
add_values(LhCtx *ctx, LhAggInput *in, const double *x, int n, bool narrow)
{
	if (n == 0)
		return LH_OK;
	if (in->want & LH_WANT_SUM)
		LH_TRY(add_plain(ctx, in, x, n, narrow));
	if (in->want & LH_WANT_YC)
		LH_TRY(add_youngs_cramer(ctx, in, x, n));
	return LH_OK;
}

LhStatus
lh_agg_add_floats(LhCtx *ctx, LhAgg *agg, int input, const double *x, int n, bool narrow)
{
	return add_values(ctx, &agg->inputs[input], x, n, narrow);
}

/* float8_combine */
static LhStatus
merge_youngs_cramer(LhCtx *ctx, LhAggInput *into, const LhAggInput *from)
{
	double n1 = into->yc_n, n2 = from->yc_n, n = n1 + n2, sx = into->yc_sx + from->yc_sx, tmp;

	if (n2 == 0)
		return LH_OK;
	if (n1 == 0)
	{
		into->yc_n = n2;
		into->yc_sx = from->yc_sx;
		into->yc_sxx = from->yc_sxx;
		return LH_OK;
	}
	if (isinf(sx) && !isinf(into->yc_sx) && !isinf(from->yc_sx))
		return overflow(ctx);
	tmp = into->yc_sx / n1 - from->yc_sx / n2;
	into->yc_sxx = into->yc_sxx + from->yc_sxx + n1 * n2 * tmp * tmp / n;
	into->yc_n = n;
	into->yc_sx = sx;
	return LH_OK;
}

/* Sums of parts, for those who asked not to mind the order. */
LhStatus
lh_agg_merge_floats(LhCtx *ctx, LhAggInput *into, const LhAggInput *from)
{
	double x = from->fsum, sum = from->fsum4;

	LH_TRY(merge_youngs_cramer(ctx, into, from));
	if (!from->fseen)
		return LH_OK;
	if (!into->fseen)
	{
		into->fseen = true;
		into->fsum = x;
		into->fsum4 = from->fsum4;
		return LH_OK;
	}
	LH_TRY(check_sum(ctx, into->fsum, &x, 1));
	LH_TRY(check_sum4(ctx, into->fsum4, &sum, 1));
	into->fsum += x;
	into->fsum4 += from->fsum4;
	return LH_OK;
}

LhStatus
lh_agg_sum_floats(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	bool narrow = v->type.lane == LH_LANE_F32;
	double x[LH_BATCH];
	LhVec codes = *v;
	int n;

	if (v->kind == LH_VEC_RUNS)
		LH_TRY(lh_vec_expand_runs(ctx, v, in->scratch, &codes));
	n = collect(&codes, live, x);
	if (in->floats != NULL)
		return in->floats->add(ctx, in->floats, in->index, x, n, narrow);
	return add_values(ctx, in, x, n, narrow);
}
