/*
 * ahead.c
 *		Which columns a remote store is told of, and when.
 *
 * What filters read is sure to be needed when a row group is entered; the
 * payload only once a row passed.  Where the page index cut rows out, columns
 * are not read from their beginning, and nothing is said.
 */
#include "scan/state.h"

/* The nodes of marked columns, those that are open already left out. */
static LhStatus
ask(LhCtx *ctx, LhScan *scan, const bool *wanted)
{
	LhScanGroup *group = &scan->group;
	int *nodes, n = 0;

	if (scan->file->data->format->will_need == NULL)
		return LH_OK;
	LH_NEW_ARRAY(ctx, nodes, (size_t) scan->ntotal + 1);
	for (int i = 0; i < scan->ntotal; i++)
		if (wanted[i] && scan->file->cols[i].kind == LH_COL_NODE && group->columns[i] == NULL)
			nodes[n++] = scan->file->cols[i].node;
	return scan->file->data->format->will_need(ctx, scan->file->data, group->group, n, nodes);
}

static bool
is_whole(const LhScanGroup *group)
{
	return group->nranges == 1 && group->ranges[0].from == 0 && group->ranges[0].to == group->rows;
}

static LhStatus
ask_payload(LhCtx *ctx, LhScan *scan)
{
	bool *wanted;

	scan->group.payload_asked = true;
	LH_NEW_ARRAY(ctx, wanted, (size_t) scan->ntotal + 1);
	for (int i = 0; i < scan->ncols; i++)
		wanted[i] = !scan->spec.cols[i].filter_only;
	return ask(ctx, scan, wanted);
}

static LhStatus
ask_filters(LhCtx *ctx, LhScan *scan)
{
	bool *wanted, any = false;

	LH_NEW_ARRAY(ctx, wanted, (size_t) scan->ntotal + 1);
	for (int i = 0; i < scan->nfilters; i++)
		for (int k = 0; scan->group.todo[i] && k < scan->infos[i].ncols; k++)
			wanted[scan->infos[i].cols[k]] = any = true;
	return any ? ask(ctx, scan, wanted) : ask_payload(ctx, scan);
}

/* In memory of its own, and only where it can be of use. */
static LhStatus
with_scratch(LhCtx *ctx, LhScan *scan, LhStatus (*fn)(LhCtx *ctx, LhScan *scan))
{
	LhArena *scratch, *old;
	LhStatus status;

	if (!lh_object_is_remote(scan->file->obj) || !is_whole(&scan->group))
		return LH_OK;
	scratch = lh_arena_child(scan->group.arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(scratch);
	old = lh_use(ctx, scratch);
	status = fn(ctx, scan);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

LhStatus
lh_scan_ask_filters(LhCtx *ctx, LhScan *scan)
{
	return with_scratch(ctx, scan, ask_filters);
}

LhStatus
lh_scan_ask_payload(LhCtx *ctx, LhScan *scan)
{
	if (scan->group.payload_asked || scan->batch.sel.count == 0)
		return LH_OK;
	scan->group.payload_asked = true;
	return with_scratch(ctx, scan, ask_payload);
}
