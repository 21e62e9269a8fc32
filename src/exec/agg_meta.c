/*
 * agg_meta.c
 *		Answer count, min and max from row-group metadata where it is exact.
 *
 * The scan offers a row group whose every row passes all filters.  It is taken
 * when each aggregate's part is certain:
 *
 *	count(*)    the group's rows less deleted ones; whatever else is asked for needs
 *	            a group without deleted rows
 *	count(c)    rows less nulls, when the null count is there
 *	min, max    a bound that is a value of the group: not truncated, and for
 *	            floats only when the count of NaNs is known to be 0 and the
 *	            bound is not a zero (whose sign statistics do not keep)
 *
 * A row group is taken for all aggregates or for none, so that none is read
 * for one aggregate and counted again for another.
 */
#include "exec/agg_impl.h"

/* What one aggregate gets from a row group. */
typedef struct Part
{
	int64_t count;
	bool has_extreme;
	LhValue extreme;
} Part;

static bool
float_bound_usable(const LhBounds *b, const LhValue *v)
{
	if (v->type.lane != LH_LANE_F32 && v->type.lane != LH_LANE_F64)
		return true;
	return !b->may_nan && v->f64 != 0.0;
}

/* False: this row group has to be read. */
static LhStatus
part_of(LhCtx *ctx, const LhMetaGroup *group, const LhAggSpec *spec, Part *part, bool *certain)
{
	int64_t rows = group->rows;
	LhBounds b;
	bool want_min = spec->kind == LH_AGG_MIN;

	memset(part, 0, sizeof(*part));
	*certain = true;
	if (spec->kind == LH_AGG_COUNT_STAR)
	{
		part->count = group->alive;
		return LH_OK;
	}
	*certain = false;
	if (group->alive < rows)
		return LH_OK;
	LH_TRY(lh_meta_bounds(ctx, group, spec->arg->col, &b));
	if (b.nulls < 0 || b.nulls > rows)
		return LH_OK;
	part->count = rows - b.nulls;
	if (spec->kind == LH_AGG_COUNT || part->count == 0)
	{
		*certain = true;
		return LH_OK;
	}
	if (!b.known || !(want_min ? b.has_min && b.min_exact : b.has_max && b.max_exact))
		return LH_OK;
	part->extreme = want_min ? b.min : b.max;
	part->has_extreme = true;
	*certain = float_bound_usable(&b, &part->extreme);
	return LH_OK;
}

LhStatus
lh_agg_take_group(LhCtx *ctx, void *arg, const LhMetaGroup *group, bool *taken)
{
	LhAgg *agg = arg;
	Part *parts;

	*taken = false;
	LH_NEW_ARRAY(ctx, parts, (size_t) agg->nspecs);
	for (int i = 0; i < agg->nspecs; i++)
	{
		bool certain;

		LH_TRY(part_of(ctx, group, &agg->specs[i], &parts[i], &certain));
		if (!certain)
			return LH_OK;
	}
	for (int i = 0; i < agg->nspecs; i++)
	{
		if (parts[i].has_extreme)
			LH_TRY(lh_agg_add_extreme(ctx, agg, i, &parts[i].extreme));
		else if (agg->specs[i].kind == LH_AGG_COUNT || agg->specs[i].kind == LH_AGG_COUNT_STAR)
			LH_TRY(lh_agg_add_count(ctx, agg, i, parts[i].count));
	}
	*taken = true;
	return LH_OK;
}

static bool
spec_may(const LhAggSpec *spec, const LhScanColumn *cols)
{
	if (spec->filter != NULL)
		return false;
	switch (spec->kind)
	{
		case LH_AGG_COUNT_STAR: return true;
		case LH_AGG_COUNT:
		case LH_AGG_MIN:
		case LH_AGG_MAX:
			return spec->arg->kind == LH_E_COLUMN && spec->arg->col >= 0 &&
				   cols[spec->arg->col].source == LH_SRC_DATA;
		default: return false;
	}
}

bool
lh_agg_metadata_may_answer(const LhAgg *agg, const LhScanColumn *cols)
{
	for (int i = 0; i < agg->nspecs; i++)
		if (!spec_may(&agg->specs[i], cols))
			return false;
	return true;
}
