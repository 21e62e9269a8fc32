/*
 * scan.c
 *		The scan itself: from file to file, row group to row group, batch to batch.
 *
 * lh_scan_next is a small machine, so that it can stop for the host in the
 * middle of a batch and go on there:
 *
 *	FILE	next task: prune it by its partition (task.c), else open it
 *	GROUP	next row group: prune it, or let metadata answer (rowgroup.c)
 *	BATCH	next rows of the row group (batch.c)
 *	FILTER	filters, perhaps LH_NEED_HOST; then payload, and out it goes
 *	END		nothing more until a rewind, or until another unit is taken (share.c)
 *
 * All of a scan's memory lies in an arena of its own below the one it was
 * opened in; the arena of the calls does not matter.
 */
#include "scan/state.h"

/* A column of the files that nobody asked for by name. */
static LhScanColumn
hidden_column(const LhScan *scan, int field_id)
{
	LhScanColumn col = {.name = "key", .source = LH_SRC_DATA, .filter_only = true, .field_id = field_id};
	const LhType *type =
		scan->spec.schema != NULL ? lh_schema_field(scan->spec.schema, field_id) : NULL;

	if (field_id == LH_ID_ROW_ID || field_id == LH_ID_ROW_SEQUENCE)
		col.type = (LhType){.id = LH_T_INT64, .lane = LH_LANE_I64};
	else if (type != NULL)
		col.type = *type;
	return col;
}

int
lh_scan_key_column(const LhScan *scan, int field_id)
{
	for (int i = 0; i < scan->ntotal; i++)
		if ((i < scan->ncols || i >= scan->first_key) && scan->cols[i].source == LH_SRC_DATA &&
			scan->cols[i].field_id == field_id)
			return i;
	return -1;
}

static LhStatus
prepare_fields(LhCtx *ctx, LhScan *scan)
{
	int *ids;

	scan->by_id = scan->spec.schema != NULL && scan->spec.schema->by_id;
	if (!scan->by_id)
		return LH_OK;
	LH_NEW_ARRAY(ctx, ids, (size_t) scan->ntotal + 1);
	for (int i = 0; i < scan->ntotal; i++)
		ids[i] = scan->cols[i].source == LH_SRC_DATA ? scan->cols[i].field_id : -1;
	return lh_fields_prepare(ctx, scan->spec.schema, scan->ntotal, ids, &scan->finder);
}

static LhStatus
copy_columns(LhCtx *ctx, LhScan *scan, const LhScanSpec *spec)
{
	int nkeys = 0, most = spec->ncols;
	const int *keys = NULL;
	LhScanColumn *cols;

	if (scan->deletes != NULL)
		lh_deletes_key_ids(scan->deletes, &nkeys, &keys);
	for (int i = 0; i < spec->ncols; i++)
		most += spec->cols[i].source == LH_SRC_PARTITION || spec->cols[i].source == LH_SRC_ROW_ID ||
				spec->cols[i].source == LH_SRC_ROW_SEQUENCE;
	LH_NEW_ARRAY(ctx, cols, (size_t) (most + nkeys) + 1);
	if (spec->ncols > 0)
		memcpy(cols, spec->cols, (size_t) spec->ncols * sizeof(*cols));
	scan->cols = cols;
	scan->spec.cols = cols;
	scan->ncols = scan->ntotal = spec->ncols;
	for (int i = 0; i < spec->ncols; i++)
	{
		scan->shows_deleted |= cols[i].source == LH_SRC_DELETED;
		if (cols[i].source == LH_SRC_PARTITION)
			cols[scan->ntotal++] = cols[i];
	}
	scan->first_lineage = scan->ntotal;
	for (int i = 0; i < spec->ncols; i++)
		if (cols[i].source == LH_SRC_ROW_ID || cols[i].source == LH_SRC_ROW_SEQUENCE)
			cols[scan->ntotal++] = hidden_column(
				scan, cols[i].source == LH_SRC_ROW_ID ? LH_ID_ROW_ID : LH_ID_ROW_SEQUENCE);
	scan->first_key = scan->ntotal;
	for (int i = 0; i < nkeys; i++)
		if (lh_scan_key_column(scan, keys[i]) < 0)
			cols[scan->ntotal++] = hidden_column(scan, keys[i]);
	LH_TRY(prepare_fields(ctx, scan));
	LH_NEW_ARRAY(ctx, scan->made, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, scan->vecs, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, scan->vec_ptrs, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, scan->bounds, (size_t) scan->ntotal + 1);
	scan->batch.vecs = scan->vec_ptrs;
	return LH_OK;
}

static void
start(LhScan *scan)
{
	scan->stage = scan->spec.share != NULL ? LH_STAGE_END : LH_STAGE_FILE;
	scan->next_task = 0;
	scan->target = scan->spec.first_batch > 0 && scan->spec.first_batch < LH_BATCH
					   ? scan->spec.first_batch
					   : LH_BATCH;
}

static LhStatus
open_scan(LhCtx *ctx, const LhScanSpec *spec, LhScan *scan)
{
	scan->spec = *spec;
	scan->filter_arena = lh_arena_child(scan->arena);
	scan->prune_arena = lh_arena_child(scan->arena);
	if (scan->filter_arena == NULL || scan->prune_arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	if (spec->tasks != NULL)
		scan->tasks = *spec->tasks;
	else
		LH_TRY(spec->table->tasks(ctx, spec->table, NULL, &scan->tasks));
	scan->deletes = spec->deletes;
	if (scan->deletes == NULL)
		LH_TRY(lh_deletes_open(ctx, spec->table, spec->schema, &scan->tasks, &scan->deletes));
	LH_TRY(copy_columns(ctx, scan, spec));
	LH_TRY(lh_scan_filters_set(ctx, scan, spec->nfilters, spec->filters));
	if (spec->share != NULL)
		LH_TRY(lh_share_prepare(ctx, scan));
	start(scan);
	return LH_OK;
}

/*
 * Names, predicates, the task list if given, and the table are borrowed and
 * must outlive the scan; the arrays of columns and filters are copied.
 */
LhStatus
lh_scan_open(LhCtx *ctx, const LhScanSpec *spec, LhScan **out)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhScan *scan;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	scan = lh_alloc0(ctx, sizeof(*scan));
	if (scan == NULL)
		status = ctx->error->code;
	else
	{
		scan->arena = arena;
		status = open_scan(ctx, spec, scan);
	}
	lh_use(ctx, old);
	if (status != LH_OK)
		lh_arena_destroy(arena);
	else
		*out = scan;
	return status;
}

void
lh_scan_set_meta(LhScan *scan, LhMetaFn fn, void *arg)
{
	scan->meta_fn = fn;
	scan->meta_arg = arg;
}

/* FILE: the next file that cannot be pruned, or the end. */
static LhStatus
next_file(LhCtx *ctx, LhScan *scan)
{
	if (scan->spec.share != NULL)
		return lh_share_enter(ctx, scan);
	while (scan->next_task < scan->tasks.n)
	{
		size_t task = scan->next_task++;
		bool pruned;

		lh_progress(ctx, "files", (int64_t) task, (int64_t) scan->tasks.n);
		LH_TRY(lh_poll(ctx));
		LH_COUNT(ctx, FILES, 1);
		LH_TRY(lh_scan_prune_task(ctx, scan, &scan->tasks.tasks[task], &pruned));
		if (pruned)
		{
			LH_COUNT(ctx, FILES_PRUNED_PARTITION, 1);
			continue;
		}
		LH_TRY(lh_scan_open_file(ctx, scan, task));
		scan->stage = LH_STAGE_GROUP;
		return LH_OK;
	}
	scan->stage = LH_STAGE_END;
	return LH_OK;
}

void
lh_scan_count_file(LhCtx *ctx, const LhScanFile *file, int stats, int meta, int read)
{
	if (read == 0 && meta > 0)
		LH_COUNT(ctx, FILES_METADATA_ONLY, 1);
	else if (file->data->ngroups > 0 && stats == file->data->ngroups)
		LH_COUNT(ctx, FILES_PRUNED_STATS, 1);
}

static void
finish_file(LhCtx *ctx, LhScan *scan)
{
	const LhScanFile *file = scan->file;

	if (scan->spec.share != NULL)
	{
		lh_share_leave(ctx, scan);
		return;
	}
	lh_scan_count_file(ctx, file, file->groups_stats, file->groups_meta, file->groups_read);
	lh_scan_leave_file(scan);
	scan->stage = LH_STAGE_FILE;
}

/* GROUP: the next row group with rows to be read. */
static LhStatus
next_group(LhCtx *ctx, LhScan *scan)
{
	bool read;

	lh_progress(ctx, "row groups", scan->file->group, scan->file->data->ngroups);
	LH_TRY(lh_poll(ctx));
	if (scan->file->group == scan->file->end)
	{
		finish_file(ctx, scan);
		return LH_OK;
	}
	LH_TRY(lh_scan_refresh_file(ctx, scan));
	LH_TRY(lh_scan_enter_group(ctx, scan, &read));
	if (read)
		scan->stage = LH_STAGE_BATCH;
	return LH_OK;
}

/* BATCH: the next rows, or the end of the row group. */
static LhStatus
next_batch(LhCtx *ctx, LhScan *scan)
{
	bool more;

	LH_TRY(lh_scan_begin_batch(ctx, scan, &more));
	if (!more)
		lh_scan_leave_group(scan);
	scan->stage = more ? LH_STAGE_FILTER : LH_STAGE_GROUP;
	return LH_OK;
}

/* FILTER: *done when the batch has rows to give. */
static LhStatus
finish_batch(LhCtx *ctx, LhScan *scan, LhHostRequest **request, bool *done)
{
	LH_TRY(lh_scan_filter_batch(ctx, scan, request));
	*done = scan->batch.sel.count > 0;
	if (*done)
	{
		LH_TRY(lh_scan_fill_batch(ctx, scan));
		scan->batch.new_file = scan->file->new_file;
		scan->file->new_file = false;
	}
	scan->group.row += scan->batch.n;
	scan->stage = LH_STAGE_BATCH;
	return LH_OK;
}

static LhStatus
run(LhCtx *ctx, LhScan *scan, const LhBatch **batch, LhHostRequest **request)
{
	bool done = false;

	while (!done)
		switch (scan->stage)
		{
			case LH_STAGE_FILE: LH_TRY(next_file(ctx, scan)); break;
			case LH_STAGE_GROUP: LH_TRY(next_group(ctx, scan)); break;
			case LH_STAGE_BATCH: LH_TRY(next_batch(ctx, scan)); break;
			case LH_STAGE_FILTER: LH_TRY(finish_batch(ctx, scan, request, &done)); break;
			case LH_STAGE_END: return LH_OK;
		}
	*batch = &scan->batch;
	return LH_OK;
}

/* After an error other than LH_NEED_HOST the scan can only be rewound or given up. */
LhStatus
lh_scan_next(LhCtx *ctx, LhScan *scan, const LhBatch **batch, LhHostRequest **request)
{
	LhArena *old = lh_use(ctx, scan->arena);
	LhStatus status;

	*batch = NULL;
	status = run(ctx, scan, batch, request);
	lh_use(ctx, old);
	return status;
}

LhStatus
lh_scan_rewind(LhCtx *ctx, LhScan *scan, int nfilters, LhPred **filters)
{
	LhArena *old = lh_use(ctx, scan->arena);
	LhStatus status;

	scan->rewinds++;
	lh_scan_leave_file(scan);
	status = lh_scan_filters_set(ctx, scan, nfilters, filters);
	start(scan);
	lh_use(ctx, old);
	return status;
}

const char *
lh_scan_file(const LhScan *scan)
{
	return scan->file != NULL ? scan->tasks.tasks[scan->file->task].path : NULL;
}
