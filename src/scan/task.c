/*
 * task.c
 *		From a file task to an open file, or past it.
 *
 *	1. Partition values and the file's name are known without opening anything.
 *	   A filter over them alone is evaluated for the one value that all rows of
 *	   the file share; a filter that also names data columns is asked by bounds.
 *	   A filter that is true for the whole file is not looked at again in it.
 *	2. Filters of the host never run here: whether a row survives the filters
 *	   before them is not known yet.
 *	3. A file that is opened again must be the one that was opened first: an answer
 *	   never holds rows of two versions of a file, whatever was rewound between.
 *	4. The file is opened and bound (bind.c).  After the first rewind a few files
 *	   stay open, with footer, page indexes and bound columns, because a scan
 *	   that was rewound once is the inner side of a join and will be again.
 */
#include "scan/state.h"

/* Part of the budget that kept files, and the indexes of one file, may use. */
#define KEEP_PART  4
/* ... and what they leave of it to the file that is read. */
#define LEAVE_PART 8
/* ... and their bytes where there is no budget. */
#define KEEP_BYTES ((size_t) 64 << 20)

/*
 * Filters
 */

static bool
has_host(const LhPred *pred)
{
	if (pred->kind == LH_P_HOST)
		return true;
	for (int i = 0; i < pred->nargs; i++)
		if (has_host(pred->args[i]))
			return true;
	return false;
}

static bool
is_list(const LhPred *pred)
{
	return pred->kind == LH_P_AND || pred->kind == LH_P_OR;
}

/* Mark the columns of a tree; LH_INVALID for one that the scan does not have. */
static LhStatus
mark_columns(LhCtx *ctx, const LhPred *pred, int ncols, bool *used)
{
	for (int i = 0; i < pred->nargs; i++)
		LH_TRY(mark_columns(ctx, pred->args[i], ncols, used));
	if (is_list(pred) || pred->col == -1)
		return LH_OK;
	if (pred->col < 0 || pred->col >= ncols)
		LH_FAIL(ctx, LH_BUG, "filter on column %d of a scan of %d columns", pred->col, ncols);
	used[pred->col] = true;
	return LH_OK;
}

static LhStatus
describe_filter(LhCtx *ctx, const LhScan *scan, const LhPred *pred, bool *used, LhFilterInfo *info)
{
	memset(used, 0, (size_t) scan->ncols * sizeof(*used));
	LH_TRY(mark_columns(ctx, pred, scan->ncols, used));
	LH_NEW_ARRAY(ctx, info->cols, (size_t) scan->ncols + 1);
	info->has_host = has_host(pred);
	for (int i = 0; i < scan->ncols; i++)
		if (used[i])
			info->cols[info->ncols++] = i;
	return LH_OK;
}

/* Take new filters; whatever was bound to the old ones is void. */
LhStatus
lh_scan_filters_set(LhCtx *ctx, LhScan *scan, int nfilters, LhPred **filters)
{
	LhArena *old;
	bool *used;

	lh_arena_reset(scan->filter_arena);
	lh_arena_reset(scan->prune_arena);
	scan->generation++;
	scan->prune_bound = false;
	scan->nfilters = 0;
	old = lh_use(ctx, scan->filter_arena);
	LH_NEW_ARRAY(ctx, used, (size_t) scan->ncols + 1);
	LH_NEW_ARRAY(ctx, scan->filters, (size_t) nfilters + 1);
	LH_NEW_ARRAY(ctx, scan->infos, (size_t) nfilters + 1);
	LH_NEW_ARRAY(ctx, scan->prune_satisfied, (size_t) nfilters + 1);
	for (int i = 0; i < nfilters; i++)
	{
		scan->filters[i] = filters[i];
		LH_TRY(describe_filter(ctx, scan, filters[i], used, &scan->infos[i]));
	}
	scan->nfilters = nfilters;
	lh_use(ctx, old);
	return LH_OK;
}

/*
 * Pruning by partition values and file names
 */

/* What is constant in one task's file. */
typedef struct Constants
{
	bool *known;
	LhValue *values;
} Constants;

static bool
uses_known(const LhFilterInfo *info, const bool *known)
{
	for (int k = 0; k < info->ncols; k++)
		if (known[info->cols[k]])
			return true;
	return false;
}

static bool
uses_known_only(const LhFilterInfo *info, const bool *known)
{
	for (int k = 0; k < info->ncols; k++)
		if (!known[info->cols[k]])
			return false;
	return true;
}

/* Does any filter speak of such a column at all?  Before memory is taken for an answer. */
static bool
can_prune(const LhScan *scan, const LhFileTask *task)
{
	LhValue value;

	for (int i = 0; scan->spec.prune && i < scan->nfilters; i++)
		for (int k = 0; k < scan->infos[i].ncols; k++)
			if (lh_scan_constant(scan, scan->infos[i].cols[k], task, &value))
				return true;
	return false;
}

/* Bind the filters to the types of these constants; kept while the types stay. */
static LhStatus
bind_prune_filters(LhCtx *ctx, LhScan *scan, const Constants *c)
{
	bool same = scan->prune_bound;
	LhArena *old;

	for (int i = 0; same && i < scan->ncols; i++)
		if (scan->prune_known[i] != c->known[i] ||
			(c->known[i] && !lh_type_equal(&scan->prune_types[i], &c->values[i].type)))
			same = false;
	if (same)
		return LH_OK;
	lh_arena_reset(scan->prune_arena);
	old = lh_use(ctx, scan->prune_arena);
	LH_NEW_ARRAY(ctx, scan->prune_types, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, scan->prune_known, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, scan->prune_filters, (size_t) scan->nfilters + 1);
	for (int i = 0; i < scan->ncols; i++)
	{
		scan->prune_known[i] = c->known[i];
		scan->prune_types[i] = c->known[i] ? c->values[i].type : scan->cols[i].type;
	}
	for (int i = 0; i < scan->nfilters; i++)
	{
		LhStatus status;

		if (!uses_known(&scan->infos[i], c->known))
			continue;
		status = lh_pred_bind(ctx, scan->filters[i], scan->prune_types, &scan->prune_filters[i]);
		if (status == LH_UNSUPPORTED || status == LH_MISMATCH)
		{
			/* whoever opens the file will say it */
			lh_error_clear(ctx);
			scan->prune_filters[i] = NULL;
		}
		else
			LH_TRY(status);
	}
	lh_use(ctx, old);
	scan->prune_bound = true;
	return LH_OK;
}

static void
constant_bounds(const LhValue *value, int64_t rows, LhBounds *out)
{
	*out = (LhBounds){.known = true, .rows = rows, .nulls = value->null ? rows : 0};
	if (value->null)
		return;
	out->has_min = out->has_max = out->min_exact = out->max_exact = true;
	out->may_nan = false;
	out->min = out->max = *value;
}

/* What filter i says of all rows of a file with these constants. */
static LhStatus
judge(LhCtx *ctx, LhScan *scan, int i, const Constants *c, const LhBounds *bounds,
	  LhVerdict *verdict)
{
	LhFilterInfo *info = &scan->infos[i];
	LhHostRequest *request;
	LhSel sel;

	*verdict = lh_pred_bounds(scan->prune_filters[i], bounds);
	if (*verdict != LH_MAYBE || !uses_known_only(info, c->known) || info->has_host)
		return LH_OK;
	for (int k = 0; k < info->ncols; k++)
	{
		int col = info->cols[k];

		lh_vec_const(&scan->vecs[col], &c->values[col], 1);
		scan->vec_ptrs[col] = &scan->vecs[col];
	}
	lh_sel_all(&sel, 1);
	LH_TRY(lh_pred_eval(ctx, scan->prune_filters[i], scan->vec_ptrs, &sel, &request));
	*verdict = sel.count > 0 ? LH_ALL : LH_NONE;
	return LH_OK;
}

/* Has the list's maker found that the filter passes every row of the file? */
static bool
is_satisfied(const LhScan *scan, const LhFileTask *task, int i)
{
	return scan->rewinds == 0 && i < scan->spec.tasks_filters && i < 64 &&
		   (task->satisfied >> i & 1) != 0;
}

LhStatus
lh_scan_prune_task(LhCtx *ctx, LhScan *scan, const LhFileTask *task, bool *pruned)
{
	Constants c = {0};
	LhBounds *bounds;
	LhArena *arena, *old;

	*pruned = false;
	for (int i = 0; i < scan->nfilters; i++)
		scan->prune_satisfied[i] = is_satisfied(scan, task, i);
	if (!can_prune(scan, task))
		return LH_OK;
	arena = lh_arena_child(scan->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	LH_NEW_ARRAY(ctx, c.known, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, c.values, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, bounds, (size_t) scan->ntotal + 1);
	for (int i = 0; i < scan->ntotal; i++)
	{
		bounds[i] = (LhBounds){.rows = -1, .nulls = -1, .may_nan = true};
		c.known[i] = i < scan->ncols && lh_scan_constant(scan, i, task, &c.values[i]);
		if (c.known[i])
			constant_bounds(&c.values[i], 1, &bounds[i]);
	}
	LH_TRY(bind_prune_filters(ctx, scan, &c));
	for (int i = 0; i < scan->nfilters && !*pruned; i++)
	{
		LhVerdict verdict;

		if (scan->prune_filters[i] == NULL)
			continue;
		LH_TRY(judge(ctx, scan, i, &c, bounds, &verdict));
		*pruned = verdict == LH_NONE;
		scan->prune_satisfied[i] |= verdict == LH_ALL;
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return LH_OK;
}

/*
 * Opening
 */

static size_t
keep_limit(const LhScan *scan)
{
	const LhBudget *budget = lh_arena_budget(scan->arena);

	return budget != NULL && budget->limit > 0 ? budget->limit / KEEP_PART : KEEP_BYTES;
}

static LhScanFile *
find_kept(const LhScan *scan, size_t task)
{
	for (int i = 0; i < scan->nkept; i++)
		if (scan->kept[i]->task == task)
			return scan->kept[i];
	return NULL;
}

/* Begin reading an open file from its first row group. */
static LhStatus
start_file(LhCtx *ctx, LhScan *scan, LhScanFile *file)
{
	file->group = file->groups_stats = file->groups_meta = file->groups_read = 0;
	file->end = file->data->ngroups;
	file->new_file = true;
	scan->file = file;
	return lh_scan_bind_filters(ctx, scan, file);
}

/* The footer, and all that is bound to its schema, in an arena of their own. */
static LhStatus
open_footer(LhCtx *ctx, LhScan *scan, LhScanFile *file)
{
	const LhFileTask *task = &scan->tasks.tasks[file->task];
	LhDataOptions options = {scan->spec.table->cache, scan->spec.parquet, task->key_metadata};
	LhArena *old = lh_use(ctx, file->arena);

	file->body = lh_arena_child(file->arena);
	if (file->body == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(file->body); /* metadata of the columns that are read */
	lh_use(ctx, file->body);
	file->preds = lh_arena_child(file->body);
	if (file->preds == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	file->generation = 0;
	LH_TRY(lh_data_open(ctx, task->format, file->obj, &options, &file->data));
	LH_TRY(lh_scan_bind_columns(ctx, scan, file));
	file->memory = lh_arena_used(file->body);
	lh_use(ctx, old);
	return LH_OK;
}

/* A number for the object's content, never 0. */
static uint64_t
version_of(const LhObjectId *id)
{
	const uint64_t parts[] = {(uint64_t) id->size, (uint64_t) id->mtime_ns, id->dev, id->ino};
	uint64_t hash = lh_hash_bytes(parts, sizeof(parts), 0);

	if (id->etag != NULL)
		hash = lh_hash_bytes(id->etag, strlen(id->etag), hash);
	return hash != 0 ? hash : 1;
}

/* Is the file still the one that the task's first reader saw? */
static LhStatus
check_version(LhCtx *ctx, LhFileTask *task, const LhObject *obj)
{
	uint64_t version = version_of(lh_object_id(obj));

	if (task->version == 0)
		task->version = version;
	if (task->version == version)
		return LH_OK;
	lh_fail(ctx, LH_CHANGED, "file \"%s\" changed while it was being read", task->path);
	lh_detail(ctx, "It was replaced after the query had read it for the first time.");
	lh_hint(ctx, "Run the query again.");
	return LH_CHANGED;
}

LhStatus
lh_scan_open_file(LhCtx *ctx, LhScan *scan, size_t task)
{
	LhScanFile *file = find_kept(scan, task);
	LhArena *arena, *old;

	if (file != NULL)
		return start_file(ctx, scan, file);
	arena = lh_arena_child(scan->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	LH_NEW(ctx, file);
	file->arena = arena;
	file->task = task;
	file->has_deletes = scan->deletes != NULL && scan->tasks.tasks[task].ndeletes > 0;
	LH_TRY(lh_object_open(ctx, scan->spec.table->store, scan->tasks.tasks[task].path, &file->obj));
	LH_TRY(check_version(ctx, &scan->tasks.tasks[task], file->obj));
	LH_TRY(open_footer(ctx, scan, file));
	lh_use(ctx, old);
	return start_file(ctx, scan, file);
}

bool
lh_scan_may_keep(const LhScan *scan)
{
	return (scan->rewinds > 0 || scan->tasks.n == 1) &&
		   lh_arena_used(scan->arena) < keep_limit(scan) &&
		   lh_arena_room(scan->arena) > keep_limit(scan) * KEEP_PART / LEAVE_PART;
}

static void
drop_kept(LhScan *scan, const LhScanFile *file)
{
	for (int i = 0; i < scan->nkept; i++)
		if (scan->kept[i] == file)
		{
			scan->kept[i] = scan->kept[--scan->nkept];
			return;
		}
}

static void
close_file(LhScan *scan)
{
	drop_kept(scan, scan->file);
	if (scan->columns.file == scan->file)
		lh_scan_drop_columns(scan);
	lh_arena_destroy(scan->file->arena);
	scan->file = NULL;
}

void
lh_scan_leave_file(LhScan *scan)
{
	LhScanFile *file = scan->file;

	if (file == NULL)
		return;
	lh_scan_leave_group(scan);
	if (find_kept(scan, file->task) == NULL)
	{
		if (scan->nkept == LH_SCAN_KEEP_FILES || !lh_scan_may_keep(scan))
		{
			close_file(scan);
			return;
		}
		scan->kept[scan->nkept++] = file;
	}
	scan->file = NULL;
}

/*
 * Page indexes and bloom filters stay with their footer.  In a file of very many
 * row groups they would exceed any budget: then the footer is opened anew, on
 * the same descriptor.  Types of columns move, so consumers bind again.
 */
LhStatus
lh_scan_refresh_file(LhCtx *ctx, LhScan *scan)
{
	LhScanFile *file = scan->file;

	if (lh_arena_used(file->body) - file->memory < keep_limit(scan))
		return LH_OK;
	for (int i = 0; i < scan->nfilters; i++)
		scan->prune_satisfied[i] = file->satisfied[i];
	lh_scan_drop_columns(scan);
	lh_arena_destroy(file->body);
	LH_TRY(open_footer(ctx, scan, file));
	file->new_file = true;
	return lh_scan_bind_filters(ctx, scan, file);
}
