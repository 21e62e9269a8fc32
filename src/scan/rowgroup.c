/*
 * rowgroup.c
 *		Which rows of a row group have to be read.
 *
 * From cheap to dear; each step may end the matter:
 *
 *	1. statistics	verdict of each filter on the bounds of its columns: NONE skips
 *					the row group, ALL takes the filter off the list
 *	2. bloom		equality filters ask whether their values occur at all
 *	3. page index	rows of pages in which no filter can be true are cut out
 *	4. dictionary	a column that is dictionary-coded throughout has no value that
 *					its dictionary lacks
 *
 * A filter over several columns with an index is judged on the pieces between
 * all their page boundaries: the bounds of a page hold for every part of it.
 * What is left of each filter is intersected, so no row is lost that all
 * filters may pass and none is read twice.
 *
 * An index is help, never needed: one that no longer fits into the budget is
 * done without.
 */
#include "scan/state.h"

/* Dictionaries larger than this are not searched for pruning. */
#define MAX_PRUNE_DICT 65536

/*
 * Bounds
 */

static void
no_bounds(int64_t rows, LhBounds *out)
{
	*out = (LhBounds){.rows = rows, .nulls = -1, .may_nan = true};
}

/* Numbers that count on from "first". */
static void
range_bounds(const LhFileColumn *fc, int64_t first, int64_t rows, LhBounds *out)
{
	out->known = out->has_min = out->has_max = out->min_exact = out->max_exact = true;
	out->may_nan = false;
	out->nulls = 0;
	out->min = (LhValue){.type = fc->type, .i64 = first};
	out->max = (LhValue){.type = fc->type, .i64 = first + (rows > 0 ? rows - 1 : 0)};
}

/* What is known of a column in this row group without reading data. */
static LhStatus
column_bounds(LhCtx *ctx, const LhScan *scan, int col, LhBounds *out)
{
	const LhScanGroup *group = &scan->group;
	const LhFileColumn *fc = &scan->file->cols[col];

	no_bounds(group->rows, out);
	switch (fc->kind)
	{
		case LH_COL_MISSING:
			out->known = true;
			out->nulls = group->rows;
			break;
		case LH_COL_CONST:
			out->known = true;
			out->nulls = fc->value.null ? group->rows : 0;
			out->may_nan = false;
			if (!fc->value.null && fc->project == NULL)
			{
				out->has_min = out->has_max = out->min_exact = out->max_exact = true;
				out->min = out->max = fc->value;
			}
			break;
		case LH_COL_NODE:
			/* what a promotion changes of the type does not change the order of values */
			if (fc->flat)
				return scan->file->data->format->bounds(ctx, scan->file->data, group->group, fc->node, out);
			break;
		case LH_COL_POSITION: range_bounds(fc, group->first_row, group->rows, out); break;
		case LH_COL_ROW_ID:
			if (fc->stored < 0)
				range_bounds(fc, scan->tasks.tasks[scan->file->task].first_row_id + group->first_row,
							 group->rows, out);
			break;
		default: break;
	}
	return LH_OK;
}

/* Bounds of the columns that filters and checks ask about; the others' are left as they are. */
static LhStatus
load_bounds(LhCtx *ctx, LhScan *scan)
{
	LhScanGroup *group = &scan->group;
	bool *done;

	LH_NEW_ARRAY(ctx, done, (size_t) scan->ntotal + 1);
	group->bounds = scan->bounds;
	for (int i = 0; i < scan->nfilters; i++)
		for (int k = 0; group->todo[i] && k < scan->infos[i].ncols; k++)
		{
			int col = scan->infos[i].cols[k];

			if (!done[col])
				LH_TRY(column_bounds(ctx, scan, col, &group->bounds[col]));
			done[col] = true;
		}
	for (int i = 0; i < scan->file->nchecks; i++)
		LH_TRY(column_bounds(ctx, scan, scan->file->checks[i].hidden,
							 &group->bounds[scan->file->checks[i].hidden]));
	return LH_OK;
}

/*
 * Steps 1 and 2
 */

/* Statistics; *keep false: no row can pass. */
static bool
judge_by_stats(LhScan *scan)
{
	LhScanGroup *group = &scan->group;

	for (int i = 0; i < scan->nfilters; i++)
	{
		LhVerdict verdict;

		if (!group->todo[i])
			continue;
		verdict = lh_pred_bounds(scan->file->filters[i], group->bounds);
		if (verdict == LH_NONE)
			return false;
		if (verdict == LH_ALL)
			group->todo[i] = false;
	}
	return true;
}

/* Do the statistics say that a partition column's own values are the partition's? */
static void
judge_checks(LhScan *scan)
{
	for (int i = 0; i < scan->file->nchecks; i++)
		scan->group.check_todo[i] =
			lh_pred_bounds(scan->file->checks[i].differs, scan->group.bounds) != LH_NONE;
}

/* Without an index that does not fit into memory a scan is slower, not wrong. */
static LhStatus
or_without(LhCtx *ctx, LhStatus status)
{
	if (status != LH_NO_MEMORY)
		return status;
	lh_error_clear(ctx);
	return LH_OK;
}

typedef struct Probe
{
	LhCtx *ctx;
	LhScan *scan;
	LhStatus status;
} Probe;

/* LhProbeFn: is the value surely absent from the row group? */
static LhVerdict
probe_bloom(void *arg, int col, const LhValue *value)
{
	Probe *probe = arg;
	const LhScan *scan = probe->scan;
	const LhFileColumn *fc = &scan->file->cols[col];
	LhDataFile *data = scan->file->data;
	bool may = true;

	if (probe->status != LH_OK || fc->kind != LH_COL_NODE || !fc->flat || value->null)
		return LH_MAYBE;
	probe->status = or_without(
		probe->ctx, data->format->may_hold(probe->ctx, data, scan->group.group, fc->node, value, &may));
	return probe->status != LH_OK || may ? LH_MAYBE : LH_NONE;
}

static LhStatus
judge_by_bloom(LhCtx *ctx, LhScan *scan, bool *keep)
{
	Probe probe = {ctx, scan, LH_OK};

	for (int i = 0; i < scan->nfilters && *keep; i++)
	{
		if (!scan->group.todo[i])
			continue;
		if (lh_pred_probe(scan->file->filters[i], probe_bloom, &probe) == LH_NONE)
			*keep = false;
		LH_TRY(probe.status);
	}
	return LH_OK;
}

/*
 * Step 3
 */

/* The page index of a filter's column, and where the sweep over it stands. */
typedef struct Sweep
{
	int col;
	LhFilePages pages;
	int page;
	LhBounds saved; /* of the row group */
} Sweep;

/* The column's pages with bounds, if there are several; else none. */
static LhStatus
column_pages(LhCtx *ctx, const LhScan *scan, int col, LhFilePages *out)
{
	const LhFileColumn *fc = &scan->file->cols[col];
	LhDataFile *data = scan->file->data;

	*out = (LhFilePages){0};
	if (fc->kind != LH_COL_NODE || !fc->flat)
		return LH_OK;
	LH_TRY(or_without(ctx, data->format->pages(ctx, data, scan->group.group, fc->node, out)));
	if (out->n <= 1)
		out->n = 0;
	return LH_OK;
}

static int64_t
page_end(const LhFilePages *pages, int page, int64_t rows)
{
	return page + 1 < pages->n ? pages->first_row[page + 1] : rows;
}

/* Append a range, joined to the last where they touch. */
static void
append_range(LhRowRange *ranges, int *n, int64_t from, int64_t to)
{
	if (*n > 0 && ranges[*n - 1].to == from)
		ranges[*n - 1].to = to;
	else
		ranges[(*n)++] = (LhRowRange){from, to};
}

/* Pieces between the page boundaries of all swept columns that filter i may pass. */
static int
sweep_filter(LhScan *scan, int i, Sweep *sweeps, int nsweeps, LhRowRange *out)
{
	LhScanGroup *group = &scan->group;
	int64_t from = 0;
	int n = 0;

	while (from < group->rows)
	{
		int64_t to = group->rows;

		for (int k = 0; k < nsweeps; k++)
		{
			int64_t end = page_end(&sweeps[k].pages, sweeps[k].page, group->rows);

			if (end < to)
				to = end;
			group->bounds[sweeps[k].col] = sweeps[k].pages.bounds[sweeps[k].page];
		}
		if (lh_pred_bounds(scan->file->filters[i], group->bounds) != LH_NONE)
			append_range(out, &n, from, to);
		for (int k = 0; k < nsweeps; k++)
			if (page_end(&sweeps[k].pages, sweeps[k].page, group->rows) == to)
				sweeps[k].page++;
		from = to;
	}
	return n;
}

/* a and b are ascending and disjoint; so is the result, which has at most na + nb ranges. */
static int
intersect(const LhRowRange *a, int na, const LhRowRange *b, int nb, LhRowRange *out)
{
	int i = 0, k = 0, n = 0;

	while (i < na && k < nb)
	{
		int64_t from = a[i].from > b[k].from ? a[i].from : b[k].from;
		int64_t to = a[i].to < b[k].to ? a[i].to : b[k].to;

		if (from < to)
			out[n++] = (LhRowRange){from, to};
		if (a[i].to < b[k].to)
			i++;
		else
			k++;
	}
	return n;
}

/* Cut out what filter i cannot pass by the page indexes of its columns. */
static LhStatus
cut_by_filter(LhCtx *ctx, LhScan *scan, int i)
{
	LhScanGroup *group = &scan->group;
	const LhFilterInfo *info = &scan->infos[i];
	LhRowRange *passed, *both;
	Sweep *sweeps;
	int nsweeps = 0, npassed;
	size_t pieces = 1;

	LH_NEW_ARRAY(ctx, sweeps, (size_t) info->ncols + 1);
	for (int k = 0; k < info->ncols; k++)
	{
		Sweep *sweep = &sweeps[nsweeps];

		LH_TRY(column_pages(ctx, scan, info->cols[k], &sweep->pages));
		if (sweep->pages.n == 0)
			continue;
		sweep->col = info->cols[k];
		sweep->page = 0;
		sweep->saved = group->bounds[sweep->col];
		pieces += (size_t) sweep->pages.n;
		nsweeps++;
	}
	if (nsweeps == 0)
		return LH_OK;
	LH_NEW_ARRAY(ctx, passed, pieces);
	npassed = sweep_filter(scan, i, sweeps, nsweeps, passed);
	for (int k = 0; k < nsweeps; k++)
		group->bounds[sweeps[k].col] = sweeps[k].saved;
	LH_NEW_ARRAY(ctx, both, (size_t) (group->nranges + npassed) + 1);
	group->nranges = intersect(group->ranges, group->nranges, passed, npassed, both);
	group->ranges = both;
	return LH_OK;
}

/* Pages of an index that hold none of the rows to be read. */
static uint64_t
pages_outside(const LhScanGroup *group, const LhFilePages *index)
{
	uint64_t outside = 0;
	int r = 0;

	for (int p = 0; p < index->n; p++)
	{
		while (r < group->nranges && group->ranges[r].to <= index->first_row[p])
			r++;
		if (r == group->nranges || group->ranges[r].from >= page_end(index, p, group->rows))
			outside++;
	}
	return outside;
}

static LhStatus
count_pruned_pages(LhCtx *ctx, const LhScan *scan)
{
	bool *seen;

	LH_NEW_ARRAY(ctx, seen, (size_t) scan->ntotal + 1);
	for (int i = 0; i < scan->nfilters; i++)
		for (int k = 0; scan->group.todo[i] && k < scan->infos[i].ncols; k++)
		{
			int col = scan->infos[i].cols[k];
			LhFilePages pages;

			if (seen[col])
				continue;
			seen[col] = true;
			LH_TRY(column_pages(ctx, scan, col, &pages));
			if (pages.n > 0)
				LH_COUNT(ctx, PAGES_PRUNED_INDEX, pages_outside(&scan->group, &pages));
		}
	return LH_OK;
}

/* A filter of the host alone has nothing that an index could tell. */
static LhStatus
cut_by_index(LhCtx *ctx, LhScan *scan)
{
	LhScanGroup *group = &scan->group;

	for (int i = 0; i < scan->nfilters && group->nranges > 0; i++)
		if (group->todo[i] && scan->file->filters[i]->kind != LH_P_HOST)
			LH_TRY(cut_by_filter(ctx, scan, i));
	if (group->nranges == 1 && group->ranges[0].from == 0 && group->ranges[0].to == group->rows)
		return LH_OK;
	return count_pruned_pages(ctx, scan);
}

/*
 * Step 4
 */

/* Has the tree a leaf on the column that a dictionary could answer? */
static bool
asks_values(const LhPred *pred, int col)
{
	if (pred->kind == LH_P_AND || pred->kind == LH_P_OR)
	{
		for (int i = 0; i < pred->nargs; i++)
			if (asks_values(pred->args[i], col))
				return true;
		return false;
	}
	return pred->col == col && pred->kind != LH_P_HOST && pred->kind != LH_P_IS_NULL &&
		   pred->kind != LH_P_NOT_NULL && pred->kind != LH_P_ALWAYS && pred->kind != LH_P_NEVER;
}

static LhStatus
judge_by_column_dict(LhCtx *ctx, LhScan *scan, int i, int col, bool *keep)
{
	const LhFileColumn *fc = &scan->file->cols[col];
	LhPred *filter = scan->file->filters[i];
	LhDataFile *data = scan->file->data;
	const LhDict *dict;
	LhDataColumn *column;
	LhVerdict verdict;
	bool all;

	if (fc->kind != LH_COL_NODE || !fc->flat || !asks_values(filter, col))
		return LH_OK;
	LH_TRY(data->format->all_dict(ctx, data, scan->group.group, fc->node, &all));
	if (!all)
		return LH_OK;
	LH_TRY(lh_scan_column(ctx, scan, col, &column));
	LH_TRY(data->format->column_dict(ctx, column, &dict));
	/* near-unique: judging each entry costs what judging each row does */
	if (dict == NULL || dict->n > MAX_PRUNE_DICT || (int64_t) dict->n * 2 > scan->group.rows)
		return LH_OK;
	LH_TRY(lh_pred_dict(ctx, filter, col, dict, &verdict));
	*keep = verdict != LH_NONE;
	return LH_OK;
}

static LhStatus
judge_by_dict(LhCtx *ctx, LhScan *scan, bool *keep)
{
	for (int i = 0; i < scan->nfilters; i++)
		for (int k = 0; scan->group.todo[i] && k < scan->infos[i].ncols && *keep; k++)
			LH_TRY(judge_by_column_dict(ctx, scan, i, scan->infos[i].cols[k], keep));
	return LH_OK;
}

/*
 * The row group
 */

static int64_t
rows_left(const LhScanGroup *group)
{
	int64_t rows = 0;

	for (int i = 0; i < group->nranges; i++)
		rows += group->ranges[i].to - group->ranges[i].from;
	return rows;
}

/* All four steps; *keep false: nothing is to be read. */
static LhStatus
prune(LhCtx *ctx, LhScan *scan, bool *keep)
{
	LhScanGroup *group = &scan->group;

	if (!judge_by_stats(scan))
	{
		LH_COUNT(ctx, ROW_GROUPS_PRUNED_STATS, 1);
		scan->file->groups_stats++;
		*keep = false;
		return LH_OK;
	}
	LH_TRY(judge_by_bloom(ctx, scan, keep));
	if (!*keep)
	{
		LH_COUNT(ctx, ROW_GROUPS_PRUNED_BLOOM, 1);
		return LH_OK;
	}
	LH_TRY(cut_by_index(ctx, scan));
	if (group->nranges == 0)
	{
		LH_COUNT(ctx, ROW_GROUPS_PRUNED_INDEX, 1);
		*keep = false;
		return LH_OK;
	}
	LH_TRY(judge_by_dict(ctx, scan, keep));
	if (!*keep)
		LH_COUNT(ctx, ROW_GROUPS_PRUNED_DICT, 1);
	return LH_OK;
}

/*
 * May metadata alone answer for the row group?  Every row has to pass, and what
 * would be verified while reading (partition checks, NOT NULL) has to be proved.
 */
static LhStatus
metadata_suffices(LhCtx *ctx, const LhScan *scan, bool *yes)
{
	const LhScanFile *file = scan->file;

	*yes = false;
	/* which rows keys delete is not known without reading */
	if (file->now.nkeys + file->earlier.nkeys > 0)
		return LH_OK;
	for (int i = 0; i < scan->nfilters; i++)
		if (scan->group.todo[i])
			return LH_OK;
	for (int i = 0; i < file->nchecks; i++)
		if (scan->group.check_todo[i])
			return LH_OK;
	for (int i = 0; i < scan->ncols; i++)
	{
		LhBounds bounds;

		if (!scan->spec.cols[i].required || file->cols[i].not_null)
			continue;
		LH_TRY(column_bounds(ctx, scan, i, &bounds));
		if (bounds.nulls != 0)
			return LH_OK;
	}
	*yes = true;
	return LH_OK;
}

LhStatus
lh_meta_bounds(LhCtx *ctx, const LhMetaGroup *group, int col, LhBounds *out)
{
	int node = group->nodes[col];
	LhFileNode facts;

	no_bounds(group->rows, out);
	if (node < 0)
		return LH_OK;
	group->file->format->node(group->file, node, &facts);
	return facts.flat ? group->file->format->bounds(ctx, group->file, group->group, node, out) : LH_OK;
}

static LhStatus
ask_metadata(LhCtx *ctx, LhScan *scan, int64_t alive, bool *taken)
{
	LhScanGroup *group = &scan->group;
	LhMetaGroup meta = {scan->file->data, group->group, group->rows, alive, scan->file->nodes};
	bool suffices;

	*taken = false;
	if (scan->meta_fn == NULL)
		return LH_OK;
	LH_TRY(metadata_suffices(ctx, scan, &suffices));
	if (!suffices)
		return LH_OK;
	LH_TRY(scan->meta_fn(ctx, scan->meta_arg, &meta, taken));
	if (*taken)
		scan->file->groups_meta++;
	return LH_OK;
}

/* Memory of a row group, with all of its rows to be read. */
static LhStatus
init_group(LhCtx *ctx, LhScan *scan, int number)
{
	LhScanGroup *group = &scan->group;
	LhScanFile *file = scan->file;
	LhFileGroup facts = lh_data_group(file->data, number);

	*group = (LhScanGroup){.group = number, .rows = facts.rows, .first_row = facts.first_row};
	group->arena = lh_arena_child(file->arena);
	if (group->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, group->arena);
	LH_NEW_ARRAY(ctx, group->columns, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, group->todo, (size_t) scan->nfilters + 1);
	LH_NEW_ARRAY(ctx, group->check_todo, (size_t) file->nchecks + 1);
	LH_NEW(ctx, group->ranges);
	group->ranges[0] = (LhRowRange){0, group->rows};
	group->nranges = 1;
	for (int i = 0; i < scan->nfilters; i++)
		group->todo[i] = !(scan->spec.prune && file->satisfied[i]);
	for (int i = 0; i < file->nchecks; i++)
		group->check_todo[i] = true;
	return LH_OK;
}

static LhStatus
enter(LhCtx *ctx, LhScan *scan, bool *read)
{
	LhScanGroup *group = &scan->group;
	int64_t alive;
	bool taken;

	LH_TRY(init_group(ctx, scan, scan->file->group++));
	LH_COUNT(ctx, ROW_GROUPS, 1);
	*read = group->rows > 0;
	if (*read && scan->spec.prune && scan->nfilters + scan->file->nchecks > 0)
	{
		LH_TRY(load_bounds(ctx, scan));
		LH_TRY(prune(ctx, scan, read));
		LH_COUNT(ctx, ROWS_PRUNED, (uint64_t) (group->rows - (*read ? rows_left(group) : 0)));
		judge_checks(scan);
	}
	if (!*read)
		return LH_OK;
	LH_TRY(lh_scan_cut_deletes(ctx, scan, &alive));
	if (group->nranges == 0)
	{
		LH_COUNT(ctx, ROW_GROUPS_PRUNED_DELETES, 1);
		*read = false;
		return LH_OK;
	}
	LH_TRY(ask_metadata(ctx, scan, alive, &taken));
	*read = !taken;
	group->row = group->ranges[0].from;
	if (!*read)
		return LH_OK;
	scan->file->groups_read++;
	return lh_scan_ask_filters(ctx, scan);
}

LhStatus
lh_scan_enter_group(LhCtx *ctx, LhScan *scan, bool *read)
{
	LhArena *old = ctx->arena;
	LhStatus status = enter(ctx, scan, read);

	lh_use(ctx, old);
	if (status == LH_OK && !*read)
		lh_scan_leave_group(scan);
	return status;
}

void
lh_scan_drop_columns(LhScan *scan)
{
	lh_arena_destroy(scan->columns.arena);
	scan->columns = (LhScanColumns){0};
}

static bool
may_keep_columns(const LhScan *scan)
{
	for (int i = 0; i < scan->ntotal; i++)
		if (scan->columns.columns[i] != NULL &&
			!scan->file->data->format->column_can_rewind(scan->columns.columns[i]))
			return false;
	return lh_scan_may_keep(scan);
}

void
lh_scan_leave_group(LhScan *scan)
{
	LhScanGroup *group = &scan->group;

	if (group->arena == NULL)
		return;
	scan->file->data->format->drop_ahead(scan->file->data);
	lh_arena_destroy(group->arena);
	group->arena = NULL;
	if (scan->columns.arena != NULL && !may_keep_columns(scan))
		lh_scan_drop_columns(scan);
}

/* The place for columns of the row group: theirs from before a rewind, or a new one. */
static LhStatus
need_columns(LhCtx *ctx, LhScan *scan)
{
	LhScanColumns *columns = &scan->columns;
	LhArena *old;

	if (columns->arena != NULL && columns->file == scan->file && columns->group == scan->group.group)
		return LH_OK;
	lh_scan_drop_columns(scan);
	columns->arena = lh_arena_child(scan->file->arena);
	if (columns->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	columns->file = scan->file;
	columns->group = scan->group.group;
	old = lh_use(ctx, columns->arena);
	columns->columns = lh_alloc_array(ctx, (size_t) scan->ntotal + 1, sizeof(*columns->columns));
	lh_use(ctx, old);
	if (columns->columns != NULL)
		return LH_OK;
	lh_scan_drop_columns(scan);
	return ctx->error->code;
}

LhStatus
lh_scan_together(LhCtx *ctx, LhScan *scan, int *n)
{
	LhDataFile *data = scan->file->data;
	LhArena *old;
	LhStatus status;

	LH_TRY(need_columns(ctx, scan));
	old = lh_use(ctx, scan->columns.arena);
	status = data->format->together(ctx, data, scan->group.group, scan->group.row, n);
	lh_use(ctx, old);
	return status;
}

/* The cursor of a column in this row group, opened or rewound when it is first needed. */
LhStatus
lh_scan_column(LhCtx *ctx, LhScan *scan, int col, LhDataColumn **out)
{
	LhScanGroup *group = &scan->group;
	LhDataFile *data = scan->file->data;

	if (group->columns[col] == NULL)
	{
		LhDataColumn **column;

		LH_TRY(need_columns(ctx, scan));
		column = &scan->columns.columns[col];
		if (*column == NULL)
		{
			LhArena *old = lh_use(ctx, scan->columns.arena);
			LhStatus status = data->format->column_open(ctx, data, group->group,
														scan->file->cols[col].node, column);

			lh_use(ctx, old);
			LH_TRY(status);
		}
		else
			data->format->column_rewind(*column);
		group->columns[col] = *column;
	}
	*out = group->columns[col];
	return LH_OK;
}
