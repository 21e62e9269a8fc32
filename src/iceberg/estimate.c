/*
 * estimate.c
 *		How many rows pass which condition, by the manifest list alone.
 *
 * A line says how many rows its files have and between which partition values they lie.  So of each
 * condition it is known in which manifests no row passes it, and, where partition values tell
 * enough of the column (identity, or the range of a day), in which all do.  The rows of the others are
 * the planner's to guess.
 */
#include "iceberg/plan.h"

static LhStatus
add_line(LhCtx *ctx, LhIcePrune *prune, const LhIceManifestFile *line, int n, LhVerdict *verdicts,
		 LhIceShare *out, double *total)
{
	double rows = (double) line->added_rows + (double) line->existing_rows;

	if (rows <= 0)
		return LH_OK;
	LH_TRY(lh_ice_prune_verdicts(ctx, prune, line, verdicts));
	for (int i = 0; i < n; i++)
	{
		out[i].all += verdicts[i] == LH_ALL ? rows : 0;
		out[i].maybe += verdicts[i] == LH_MAYBE ? rows : 0;
	}
	*total += rows;
	return LH_OK;
}

/* Rows until now; false: a line does not count them. */
static LhStatus
add_lines(LhCtx *ctx, LhIceTable *table, const LhTaskFilter *filter, LhIceShare *out, double *total)
{
	LhArena *scratch = lh_arena_child(ctx->arena), *keep;
	LhVerdict *verdicts;
	LhIcePrune *prune;
	LhStatus status = LH_OK;

	LH_NEW_ARRAY(ctx, verdicts, (size_t) filter->nfilters + 1);
	LH_TRY(lh_ice_prune_create(ctx, table, filter, &prune));
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < table->nmanifests && status == LH_OK; i++)
	{
		const LhIceManifestFile *line = &table->manifests[i];

		if (line->deletes)
			continue;
		if (line->added_rows < 0 || line->existing_rows < 0)
		{
			*total = 0;
			break;
		}
		keep = lh_use(ctx, scratch);
		status = lh_poll(ctx);
		if (status == LH_OK)
			status = add_line(ctx, prune, line, filter->nfilters, verdicts, out, total);
		lh_use(ctx, keep);
		lh_arena_reset(scratch);
	}
	lh_arena_destroy(scratch);
	return status;
}

LhStatus
lh_ice_shares(LhCtx *ctx, LhTable *base, const LhTaskFilter *filter, LhIceShare *out)
{
	LhIceTable *table = (LhIceTable *) base;
	double total = 0;
	LhArena *scratch, *keep;
	LhStatus status;

	for (int i = 0; i < filter->nfilters; i++)
		out[i] = (LhIceShare){0};
	LH_TRY(lh_ice_load_list(ctx, table));
	scratch = lh_arena_child(ctx->arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	keep = lh_use(ctx, scratch);
	status = add_lines(ctx, table, filter, out, &total);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	LH_TRY(status);
	for (int i = 0; i < filter->nfilters; i++)
		out[i] =
			total > 0 ? (LhIceShare){out[i].all / total, out[i].maybe / total} : (LhIceShare){0, 1};
	return LH_OK;
}
