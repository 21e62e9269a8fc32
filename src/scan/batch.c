/*
 * batch.c
 *		One batch: filters in order, then the payload of what is left.
 *
 *	1. The batch is as long as its target, or ends with its range of rows, or at
 *	   a page boundary that spares copying.
 *	2. Each filter reads the columns it needs and has not yet, for the rows still
 *	   selected, and narrows the selection.  A batch without rows reads no more.
 *	   A filter that needs the host stops here and is repeated afterwards.
 *	3. The remaining columns are read for the selected rows.  When nearly all
 *	   rows are left they are read as if all were: skipping a row here and there
 *	   costs more than decoding it.
 *	4. What the planner or the folder's name promised is verified on the selected
 *	   rows: NOT NULL, and partition columns that are in the file as well.
 */
#include "scan/state.h"

/* With more than this part of the rows selected, columns are read whole. */
#define DENSE_NUM 9
#define DENSE_DEN 10

/* Rows that can be read at once without copying, by the columns that are open. */
static int
natural_rows(const LhScan *scan, int n)
{
	const LhScanGroup *group = &scan->group;
	int best = n;

	for (int i = 0; i < scan->ntotal; i++)
	{
		int k;

		if (group->columns[i] == NULL)
			continue;
		k = scan->file->data->format->column_natural(group->columns[i], group->row, n);
		if (k >= LH_SCAN_MIN_NATURAL && k < best)
			best = k;
	}
	return best;
}

LhStatus
lh_scan_begin_batch(LhCtx *ctx, LhScan *scan, bool *more)
{
	LhScanGroup *group = &scan->group;
	LhBatch *batch = &scan->batch;
	int64_t left;
	int n;

	LH_TRY(lh_poll(ctx));
	if (group->row == group->ranges[group->range].to && ++group->range < group->nranges)
		group->row = group->ranges[group->range].from;
	*more = group->range < group->nranges;
	if (!*more)
		return LH_OK;
	left = group->ranges[group->range].to - group->row;
	n = left < scan->target ? (int) left : scan->target;
	n = natural_rows(scan, n);
	if (scan->file->data->format->together != NULL)
		LH_TRY(lh_scan_together(ctx, scan, &n));
	memset(scan->vec_ptrs, 0, (size_t) scan->ntotal * sizeof(*scan->vec_ptrs));
	lh_sel_all(&batch->sel, n);
	batch->n = n;
	batch->first_row = group->first_row + group->row;
	batch->task = &scan->tasks.tasks[scan->file->task];
	scan->filter = 0;
	lh_scan_begin_deletes(scan);
	if (scan->target < LH_BATCH)
		scan->target = scan->target > LH_BATCH / 2 ? LH_BATCH : scan->target * 2;
	LH_COUNT(ctx, ROWS_SCANNED, (uint64_t) n);
	return LH_OK;
}

/* The selection to read with; NULL: read all. */
static const LhSel *
read_selection(const LhBatch *batch)
{
	return (int64_t) batch->sel.count * DENSE_DEN > (int64_t) batch->n * DENSE_NUM ? NULL
																				   : &batch->sel;
}

LhStatus
lh_scan_read_column(LhCtx *ctx, LhScan *scan, int col)
{
	const LhFileColumn *fc = &scan->file->cols[col];
	LhVec *vec = &scan->vecs[col];
	LhDataColumn *column;

	if (scan->vec_ptrs[col] != NULL)
		return LH_OK;
	switch (fc->kind)
	{
		case LH_COL_MISSING: lh_vec_null(vec, &fc->type, scan->batch.n); break;
		case LH_COL_CONST:
			if (fc->value.null)
				lh_vec_null(vec, &fc->type, scan->batch.n);
			else if (fc->project != NULL)
				lh_project_make(fc->project, scan->batch.n, vec);
			else
				lh_vec_const(vec, &fc->value, scan->batch.n);
			break;
		case LH_COL_NODE:
			LH_TRY(lh_scan_column(ctx, scan, col, &column));
			LH_TRY(scan->file->data->format->column_read(ctx, column, scan->group.row, scan->batch.n,
														 read_selection(&scan->batch), vec));
			if (fc->project != NULL)
				lh_project_apply(fc->project, vec);
			break;
		default: LH_TRY(lh_scan_make_column(ctx, scan, col)); break;
	}
	scan->vec_ptrs[col] = vec;
	return LH_OK;
}

LhStatus
lh_scan_filter_batch(LhCtx *ctx, LhScan *scan, LhHostRequest **request)
{
	LhBatch *batch = &scan->batch;

	for (; scan->filter < scan->nfilters && batch->sel.count > 0; scan->filter++)
	{
		const LhFilterInfo *info = &scan->infos[scan->filter];

		if (!scan->group.todo[scan->filter])
			continue;
		if (info->has_host)
			LH_TRY(lh_scan_probe_keys(ctx, scan));
		for (int i = 0; i < info->ncols; i++)
			LH_TRY(lh_scan_read_column(ctx, scan, info->cols[i]));
		LH_TRY(lh_pred_eval(ctx, scan->file->filters[scan->filter], scan->vec_ptrs, &batch->sel,
							request));
	}
	return lh_scan_probe_keys(ctx, scan);
}

/*
 * Verification
 */

/* First selected row of a selection that is not empty. */
static int
first_row(const LhSel *sel)
{
	int w = 0;

	while (sel->w[w] == 0)
		w++;
	return w * 64 + __builtin_ctzll(sel->w[w]);
}

/* Rows are counted from 1 in messages. */
static long long
row_number(const LhScan *scan, const LhSel *sel)
{
	return (long long) (scan->batch.first_row + first_row(sel) + 1);
}

static LhStatus
verify_not_null(LhCtx *ctx, const LhScan *scan, int col)
{
	const LhVec *vec = scan->vec_ptrs[col];
	LhSel nulls;

	if (vec == NULL || vec->valid == NULL || scan->file->cols[col].not_null)
		return LH_OK;
	nulls = scan->batch.sel;
	for (size_t w = 0; w < LH_WORDS(nulls.n); w++)
		nulls.w[w] &= ~vec->valid[w];
	nulls.count = (int) lh_bits_count(nulls.w, LH_WORDS(nulls.n));
	if (nulls.count == 0)
		return LH_OK;
	lh_fail(ctx, LH_NULL_VALUE, "column \"%s\" is null in row %lld of file \"%s\"",
			scan->cols[col].name, row_number(scan, &nulls), scan->batch.task->path);
	lh_detail(ctx, "The column is declared NOT NULL.");
	return LH_NULL_VALUE;
}

static LhStatus
verify_partition(LhCtx *ctx, LhScan *scan, const LhPartitionCheck *check)
{
	const LhValue *value = &scan->file->cols[check->col].value;
	LhSel sel = scan->batch.sel;
	LhHostRequest *request;
	LhBuf want, found;
	LhValue other;

	LH_TRY(lh_scan_read_column(ctx, scan, check->hidden));
	LH_TRY(lh_pred_eval(ctx, check->differs, scan->vec_ptrs, &sel, &request));
	if (sel.count == 0)
		return LH_OK;
	other = lh_vec_value(scan->vec_ptrs[check->hidden], first_row(&sel));
	LH_TRY(lh_buf_init(ctx, &want, false));
	LH_TRY(lh_buf_init(ctx, &found, false));
	LH_TRY(lh_value_format(ctx, value, &want));
	LH_TRY(lh_value_format(ctx, &other, &found));
	lh_fail(ctx, LH_MISMATCH,
			"partition column \"%s\" is %.*s, but row %lld of file \"%s\" holds %.*s",
			scan->spec.cols[check->col].name, (int) want.len, (char *) want.data,
			row_number(scan, &sel), scan->batch.task->path, (int) found.len, (char *) found.data);
	lh_hint(ctx, "Without option \"hive_partitioning\" the file's own values are read.");
	return LH_MISMATCH;
}

LhStatus
lh_scan_fill_batch(LhCtx *ctx, LhScan *scan)
{
	LH_TRY(lh_scan_ask_payload(ctx, scan));
	for (int i = 0; i < scan->file->nchecks; i++)
		if (scan->group.check_todo[i])
			LH_TRY(verify_partition(ctx, scan, &scan->file->checks[i]));
	for (int i = 0; i < scan->ncols; i++)
		if (!scan->spec.cols[i].filter_only)
			LH_TRY(lh_scan_read_column(ctx, scan, i));
	for (int i = 0; i < scan->ncols; i++)
		if (scan->spec.cols[i].required)
			LH_TRY(verify_not_null(ctx, scan, i));
	LH_COUNT(ctx, ROWS_SELECTED, (uint64_t) scan->batch.sel.count);
	return LH_OK;
}
