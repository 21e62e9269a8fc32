/*
 * agg_merge.c
 *		Make one state of two, as if it had seen the rows of both.
 *
 * Counts, sums of integers and decimals, and sets of distinct values do not
 * depend on the order of rows.  Extremes do where values are equal but look
 * different (-0 and 0, 1.0 and 1.00), so they remember their place.  A sum that
 * left 256 bits on the way is another matter: in another order it might not
 * have, so the caller is told.
 */
#include "exec/agg_impl.h"
#include "vec/kernels.h"

void
lh_agg_place(LhAgg *agg, uint64_t place)
{
	agg->place = place;
}

void
lh_agg_set_sink(LhAgg *agg, LhFloatSink *sink)
{
	for (int i = 0; i < agg->ninputs; i++)
		agg->inputs[i].floats = sink;
}

void
lh_agg_keep_in_memory(LhAgg *agg, bool keep)
{
	for (int i = 0; i < agg->ninputs; i++)
		if (agg->inputs[i].distinct != NULL)
			lh_distinct_keep_in_memory(agg->inputs[i].distinct, keep);
}

int
lh_agg_inputs(const LhAgg *agg)
{
	return agg->ninputs;
}

/* Both sums in the larger scale. */
static void
merge_sum(LhAggInput *into, const LhAggInput *from)
{
	bool overflow = false;
	LhI256 x = lh_agg_total(from, &overflow);
	int digits;

	if (from->scale > into->scale)
		lh_agg_set_scale(into, from->scale);
	digits = into->scale - from->scale;
	if (overflow || digits > LH_DECIMAL_MAX_PRECISION || !lh_i256_mul(&x, lh_pow10[digits]) ||
		!lh_i256_add(&into->wide, &x))
		into->overflow = true;
}

static LhStatus
merge_input(LhCtx *ctx, LhAggInput *into, const LhAggInput *from)
{
	into->count += from->count;
	into->trues += from->trues;
	merge_sum(into, from);
	LH_TRY(lh_agg_merge_floats(ctx, into, from));
	LH_TRY(lh_extreme_merge(ctx, &into->min, &from->min));
	LH_TRY(lh_extreme_merge(ctx, &into->max, &from->max));
	if (into->distinct != NULL)
		LH_TRY(lh_distinct_merge(ctx, into->distinct, from->distinct));
	return LH_OK;
}

LhStatus
lh_agg_merge(LhCtx *ctx, LhAgg *into, LhAgg *from, bool *same)
{
	*same = true;
	LH_TRY(lh_agg_finish(ctx, into));
	for (int i = 0; i < into->ninputs; i++)
	{
		LH_TRY(merge_input(ctx, &into->inputs[i], &from->inputs[i]));
		*same = *same && !into->inputs[i].overflow;
	}
	for (int i = 0; i < into->nspecs; i++)
		into->extra[i] += from->extra[i];
	return LH_OK;
}
