/*
 * deletes.c
 *		Reading delete files, once for all data files of a task list.
 *
 * Delete files that are data files are read by a scan of their own, which finds
 * columns by field id in any format, as the table's files are read.  Equality
 * delete files are deletes_keys.c's.
 *
 *	1. A position delete file may name any data file of its partition.  Its first
 *	   reader takes the rows of all tasks that name this delete file, so nobody
 *	   reads it again.  Row groups whose paths are all one other file's are skipped.
 *	   Paths are brought to the form of the task list once a run or dictionary
 *	   entry.  A row without a path deletes nothing.
 *	2. When the rows for all tasks do not fit into memory, only those of the task
 *	   at hand are taken, which cannot be done without; others read it again.
 */
#include "scan/deletes_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "scan/state.h"
#include "scan/vector.h"
#include "vec/value.h"

/* Positions that are gathered before they are put into a set. */
#define POSITIONS 1024

static int
by_number(const void *a, const void *b)
{
	int x = *(const int *) a, y = *(const int *) b;

	return x < y ? -1 : x > y;
}

/* The place for keys by these columns. */
static LhStatus
find_set(LhCtx *ctx, LhDeletes *d, const LhDeleteFile *file, int *out)
{
	int *ids;

	if (file->nids <= 0)
		LH_FAIL(ctx, LH_CORRUPT, "equality delete file \"%s\" has no equality ids", file->path);
	LH_NEW_ARRAY(ctx, ids, (size_t) file->nids);
	memcpy(ids, file->ids, (size_t) file->nids * sizeof(*ids));
	qsort(ids, (size_t) file->nids, sizeof(*ids), by_number);
	for (*out = 0; *out < d->nsets; ++*out)
		if (d->sets[*out].nids == file->nids &&
			memcmp(d->sets[*out].ids, ids, (size_t) file->nids * sizeof(*ids)) == 0)
			return LH_OK;
	d->sets[d->nsets++] = (LhDeletesKeySet){.nids = file->nids, .ids = ids};
	return LH_OK;
}

static LhStatus
gather_key_ids(LhCtx *ctx, LhDeletes *d)
{
	size_t total = 0;
	int n = 0;

	for (int i = 0; i < d->nsets; i++)
		total += (size_t) d->sets[i].nids;
	LH_NEW_ARRAY(ctx, d->key_ids, total + 1);
	for (int i = 0; i < d->nsets; i++)
		for (int k = 0; k < d->sets[i].nids; k++)
			d->key_ids[n++] = d->sets[i].ids[k];
	qsort(d->key_ids, (size_t) n, sizeof(int), by_number);
	for (int i = 0; i < n; i++)
		if (d->nkey_ids == 0 || d->key_ids[d->nkey_ids - 1] != d->key_ids[i])
			d->key_ids[d->nkey_ids++] = d->key_ids[i];
	return LH_OK;
}

/* Are the rows of each task wanted from it? */
static bool
has_rows(const LhDeletes *d, uint32_t at)
{
	return d->tasks->deletes[at].kind == LH_DELETE_POSITIONS;
}

/* For each position delete file the tasks that name it; for each equality delete file its set. */
static LhStatus
gather_tasks(LhCtx *ctx, LhDeletes *d)
{
	const LhTaskList *list = d->tasks;

	for (size_t t = 0; t < list->n; t++)
		for (int k = 0; k < list->tasks[t].ndeletes; k++)
		{
			uint32_t at = list->tasks[t].deletes[k];

			if (at >= list->ndeletes)
				LH_FAIL(ctx, LH_BUG, "file \"%s\" has delete file %u of %zu", list->tasks[t].path, at,
						list->ndeletes);
			d->files[at].nrows += has_rows(d, at);
		}
	for (size_t i = 0; i < list->ndeletes; i++)
	{
		if (d->files[i].nrows > 0)
			LH_NEW_ARRAY(ctx, d->files[i].rows, d->files[i].nrows);
		d->files[i].nrows = 0;
		d->files[i].keys = -1;
		if (list->deletes[i].kind == LH_DELETE_EQUALITY)
			LH_TRY(find_set(ctx, d, &list->deletes[i], &d->files[i].keys));
	}
	for (size_t t = 0; t < list->n; t++)
		for (int k = 0; k < list->tasks[t].ndeletes; k++)
		{
			uint32_t at = list->tasks[t].deletes[k];

			if (has_rows(d, at))
				d->files[at].rows[d->files[at].nrows++].task = t;
		}
	return LH_OK;
}

static bool
any_rows(const LhDeletes *d)
{
	for (size_t i = 0; i < d->tasks->ndeletes; i++)
		if (d->files[i].nrows > 0)
			return true;
	return false;
}

/* Tasks by their paths, for position delete files: one file may be the file of several tasks. */
static LhStatus
gather_paths(LhCtx *ctx, LhDeletes *d)
{
	const LhTaskList *list = d->tasks;

	if (!any_rows(d))
		return LH_OK;
	LH_TRY(lh_namemap_create(ctx, list->n, &d->paths));
	LH_NEW_ARRAY(ctx, d->same_path, list->n + 1);
	for (size_t t = list->n; t-- > 0;)
	{
		const char *path = list->tasks[t].path;
		int other = lh_namemap_get(d->paths, path, strlen(path));

		d->same_path[t] = SIZE_MAX;
		if (other < 0)
		{
			LH_TRY(lh_namemap_put(ctx, d->paths, path, strlen(path), (int) t));
			continue;
		}
		d->same_path[t] = d->same_path[other];
		d->same_path[other] = t;
	}
	return LH_OK;
}

static void
destroy_lock(void *arg)
{
	pthread_rwlock_destroy(arg);
}

static LhStatus
prepare(LhCtx *ctx, LhDeletes *d)
{
	LH_NEW_ARRAY(ctx, d->files, d->tasks->ndeletes);
	LH_NEW_ARRAY(ctx, d->sets, d->tasks->ndeletes);
	LH_TRY(gather_tasks(ctx, d));
	LH_TRY(gather_paths(ctx, d));
	LH_TRY(gather_key_ids(ctx, d));
	if (d->schema != NULL)
		d->key_schema = *d->schema;
	d->key_schema.by_id = true;
	if (d->key_schema.mapping == NULL)
		LH_TRY(lh_schema_names(ctx, &d->key_schema, &d->key_schema.mapping));
	pthread_rwlock_init(&d->lock, NULL);
	return lh_arena_on_reset(ctx, d->arena, destroy_lock, &d->lock);
}

static bool
any_deletes(const LhTaskList *tasks)
{
	for (size_t i = 0; i < tasks->n; i++)
		if (tasks->tasks[i].ndeletes > 0)
			return true;
	return false;
}

LhStatus
lh_deletes_open(LhCtx *ctx, LhTable *table, const LhTableSchema *schema, const LhTaskList *tasks,
				LhDeletes **out)
{
	LhDeletes *d;
	LhArena *old;
	LhStatus status;

	*out = NULL;
	if (!any_deletes(tasks))
		return LH_OK;
	if (tasks->n > INT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a table of %zu files with deletes is too large", tasks->n);
	LH_NEW(ctx, d);
	d->arena = lh_arena_child(ctx->arena);
	if (d->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	d->table = table;
	d->schema = schema;
	d->tasks = tasks;
	old = lh_use(ctx, d->arena);
	status = prepare(ctx, d);
	lh_use(ctx, old);
	*out = d;
	return status;
}

void
lh_deletes_key_ids(const LhDeletes *deletes, int *n, const int **ids)
{
	*n = deletes->nkey_ids;
	*ids = deletes->key_ids;
}

/*
 * Reading a delete file
 */

/* A delete file as a table of one file. */
typedef struct Reader
{
	LhTable table;
	LhTableSchema schema;
	LhFileTask task;
	LhTaskList tasks;
	LhScanSpec spec;
	LhScan *scan;
	LhDeletesOpened *opened; /* NULL: nobody asks */
} Reader;

static LhStatus
open_reader(LhCtx *ctx, const LhTable *table, const LhTableSchema *schema, const LhDeleteFile *file,
			int ncols, const LhScanColumn *cols, Reader *r)
{
	*r = (Reader){.table.store = table->store, .table.cache = table->cache, .schema = *schema};
	r->task = (LhFileTask){.path = file->path, .size = file->size, .format = file->format,
						   .key_metadata = file->key_metadata};
	r->tasks = (LhTaskList){.n = 1, .tasks = &r->task};
	r->spec = (LhScanSpec){.table = &r->table, .schema = &r->schema, .ncols = ncols, .cols = cols,
						   .prune = true, .tasks = &r->tasks};
	return lh_scan_open(ctx, &r->spec, &r->scan);
}

/* Every key column must be in the file; otherwise its rows would be keys of nulls. */
static LhStatus
check_columns(LhCtx *ctx, const Reader *r)
{
	for (int i = 0; i < r->spec.ncols; i++)
		if (r->scan->file->cols[i].absent)
			LH_FAIL(ctx, LH_CORRUPT, "delete file \"%s\" has no column with field id %d", r->task.path,
					r->spec.cols[i].field_id);
	return LH_OK;
}

/* The identity outlives the file. */
static LhStatus
tell_opened(LhCtx *ctx, Reader *r)
{
	const LhObjectId *id = lh_object_id(r->scan->file->obj);
	const LhDataFile *data = r->scan->file->data;
	LhDeletesOpened *o = r->opened;
	LhFileNode first = {.field_id = -1};

	if (r->scan->file->nodes[0] >= 0)
		data->format->node(data, r->scan->file->nodes[0], &first);
	*o = (LhDeletesOpened){.rows = data->rows, .id = *id, .by_id = first.field_id == r->spec.cols[0].field_id};
	o->id.path = lh_strdup(ctx, id->path);
	o->id.etag = id->etag != NULL ? lh_strdup(ctx, id->etag) : NULL;
	o->id.scope = id->scope != NULL ? lh_strdup(ctx, id->scope) : NULL;
	if (o->id.path == NULL || (id->etag != NULL && o->id.etag == NULL) || (id->scope != NULL && o->id.scope == NULL))
		return ctx->error->code;
	return LH_OK;
}

static LhStatus
read_batches(LhCtx *ctx, Reader *r, LhDeletesBatchFn fn, void *arg)
{
	LhHostRequest *request;
	const LhBatch *batch;

	for (;;)
	{
		LH_TRY(lh_scan_next(ctx, r->scan, &batch, &request));
		if (batch == NULL)
			return LH_OK;
		if (batch->new_file)
		{
			LH_TRY(check_columns(ctx, r));
			if (r->opened != NULL)
				LH_TRY(tell_opened(ctx, r));
		}
		LH_TRY(fn(ctx, arg, batch));
		if (r->opened != NULL && r->opened->enough)
			return LH_OK;
	}
}

/* Counters of the rows of data files are not for rows of delete files. */
static const LhCounterId kept_counters[] = {
	LH_CTR_FILES, LH_CTR_ROW_GROUPS, LH_CTR_ROW_GROUPS_PRUNED_STATS, LH_CTR_FILES_METADATA_ONLY,
	LH_CTR_FILES_PRUNED_STATS, LH_CTR_ROWS_SCANNED, LH_CTR_ROWS_SELECTED, LH_CTR_ROWS_PRUNED,
};

LhStatus
lh_deletes_read_file(LhCtx *ctx, const LhTable *table, const LhTableSchema *schema,
					 const LhDeleteFile *file, int ncols, const LhScanColumn *cols, LhMetaFn meta,
					 LhDeletesBatchFn fn, void *arg, LhDeletesOpened *opened)
{
	LhCounters before = *ctx->counters;
	LhStatus status;
	Reader r;

	status = open_reader(ctx, table, schema, file, ncols, cols, &r);
	if (status == LH_OK)
	{
		if (meta != NULL)
			lh_scan_set_meta(r.scan, meta, arg);
		r.opened = opened;
		status = read_batches(ctx, &r, fn, arg);
	}
	/* other errors name it themselves */
	if (status == LH_NO_MEMORY)
		lh_error_prefix(ctx, "delete file \"%.300s\"", file->path);
	for (size_t i = 0; i < sizeof(kept_counters) / sizeof(kept_counters[0]); i++)
		ctx->counters->v[kept_counters[i]] = before.v[kept_counters[i]];
	if (status == LH_OK && opened != NULL && opened->enough)
		LH_COUNT(ctx, DELETE_FILES_CACHED, 1);
	else if (status == LH_OK)
		LH_COUNT(ctx, DELETE_FILES_READ, 1);
	return status;
}

/*
 * Positions
 */

typedef struct Positions
{
	LhDeletes *d;
	const LhDeleteFile *def;
	LhDeletesFile *file;
	size_t only;   /* a task; SIZE_MAX: all */
	LhRowSet *own; /* of that task */
	LhArena *keep; /* where sets live */
	bool floor;
	/* the path looked up last, unless it was a dictionary's */
	bool path_known;
	LhBuf path;
	int task; /* first with that path; -1: none */
	/* and those of a dictionary */
	uint64_t dict_id;
	LhBuf codes; /* int32: as task, -2: not looked up */
	LhVecScratch *scratch; /* of the positions of a batch */
	int64_t rows[POSITIONS];
	int nrows; /* of "task" */
} Positions;

/* The task's rows of a delete file; NULL: it does not concern the task. */
static LhDeletesRows *
find_row(const LhDeletesFile *file, size_t task)
{
	size_t low = 0, high = file->nrows;

	while (low < high)
	{
		size_t mid = (low + high) / 2;

		if (file->rows[mid].task < task)
			low = mid + 1;
		else
			high = mid;
	}
	return low < file->nrows && file->rows[low].task == task ? &file->rows[low] : NULL;
}

/* The set of a task in this delete file; NULL: it does not concern the task. */
static LhStatus
set_of(LhCtx *ctx, Positions *p, size_t task, LhRowSet **out)
{
	LhRowSet **set = NULL;
	LhArena *old;
	LhStatus status = LH_OK;

	*out = NULL;
	if (p->only != SIZE_MAX)
		set = task == p->only ? &p->own : NULL;
	else
	{
		LhDeletesRows *row = find_row(p->file, task);

		set = row != NULL ? &row->set : NULL;
	}
	if (set == NULL)
		return LH_OK;
	if (*set == NULL)
	{
		old = lh_use(ctx, p->keep);
		status = lh_rowset_create(ctx, p->floor, set);
		lh_use(ctx, old);
	}
	*out = *set;
	return status;
}

static LhStatus
flush(LhCtx *ctx, Positions *p)
{
	for (size_t t = p->task >= 0 ? (size_t) p->task : SIZE_MAX; p->nrows > 0 && t != SIZE_MAX;
		 t = p->d->same_path[t])
	{
		LhRowSet *set;

		LH_TRY(set_of(ctx, p, t, &set));
		if (set != NULL)
			LH_TRY(lh_rowset_add(ctx, set, p->rows, p->nrows));
	}
	p->nrows = 0;
	return LH_OK;
}

/* The first task whose file this is, as the delete file calls it; -1: none. */
static LhStatus
look_up(LhCtx *ctx, const Positions *p, LhStr raw, int *out)
{
	LhTable *table = p->d->table;
	const char *path = (const char *) raw.ptr;
	size_t len = raw.len;

	if (table->file_path != NULL)
	{
		LH_TRY(table->file_path(ctx, table, raw, &path));
		len = path != NULL ? strlen(path) : 0;
	}
	*out = path == NULL ? -1 : lh_namemap_get(p->d->paths, path, len);
	return LH_OK;
}

static LhStatus
change_task(LhCtx *ctx, Positions *p, int task)
{
	if (task == p->task)
		return LH_OK;
	LH_TRY(flush(ctx, p));
	p->task = task;
	return LH_OK;
}

/* The following positions are of this path. */
static LhStatus
enter_path(LhCtx *ctx, Positions *p, LhStr raw)
{
	int task;

	if (p->path_known && p->path.len == raw.len &&
		(raw.len == 0 || memcmp(p->path.data, raw.ptr, raw.len) == 0))
		return LH_OK;
	p->path_known = false;
	LH_TRY(look_up(ctx, p, raw, &task));
	LH_TRY(change_task(ctx, p, task));
	p->path.len = 0;
	LH_TRY(lh_buf_append(ctx, &p->path, raw.ptr, raw.len));
	p->path_known = true;
	return LH_OK;
}

static LhStatus
enter_code(LhCtx *ctx, Positions *p, const LhDict *dict, uint32_t code)
{
	int32_t *tasks;

	if (p->dict_id != dict->id)
	{
		LH_TRY(lh_buf_fit(ctx, &p->codes, dict->n * sizeof(int32_t)));
		tasks = (int32_t *) p->codes.data;
		for (uint32_t i = 0; i < dict->n; i++)
			tasks[i] = -2;
		p->dict_id = dict->id;
	}
	tasks = (int32_t *) p->codes.data;
	if (tasks[code] == -2)
		LH_TRY(look_up(ctx, p, ((const LhStr *) dict->values)[code], &tasks[code]));
	p->path_known = false;
	return change_task(ctx, p, tasks[code]);
}

/* pos: flat */
static LhStatus
take_position(LhCtx *ctx, Positions *p, const LhBatch *batch, const LhVec *pos, int i)
{
	bool null;
	int64_t row;

	if (p->task < 0)
		return LH_OK;
	null = lh_vec_is_null(pos, i);
	row = null ? -1 : lh_scan_integer(pos, i);
	if (row < 0)
		LH_FAIL(ctx, LH_CORRUPT, "position delete file \"%s\": position in row %" PRId64 " is %s",
				p->def->path, batch->first_row + i + 1, null ? "null" : "negative");
	if (p->nrows == POSITIONS)
		LH_TRY(flush(ctx, p));
	p->rows[p->nrows++] = row;
	return LH_OK;
}

static LhStatus
take_positions(LhCtx *ctx, void *arg, const LhBatch *batch)
{
	Positions *p = arg;
	const LhVec *path = batch->vecs[0], *pos = batch->vecs[1];
	uint16_t rows[LH_BATCH];
	int n = lh_sel_rows(&batch->sel, rows);
	int run = 0;
	LhVec flat;

	if (path->type.lane != LH_LANE_STR ||
		(pos->type.lane != LH_LANE_I64 && pos->type.lane != LH_LANE_I32))
		LH_FAIL(ctx, LH_CORRUPT, "position delete file \"%s\" has columns of types %s and %s",
				p->def->path, lh_type_name(&path->type), lh_type_name(&pos->type));
	LH_TRY(lh_vec_flatten(ctx, pos, p->scratch, &flat));
	for (int k = 0; k < n; k++)
	{
		int i = rows[k];

		if (lh_vec_is_null(path, i))
			continue;
		switch (path->kind)
		{
			case LH_VEC_RUNS:
				while (path->runs[run].end <= (uint32_t) i)
					run++;
				LH_TRY(enter_code(ctx, p, path->dict, path->runs[run].code));
				break;
			case LH_VEC_DICT: LH_TRY(enter_code(ctx, p, path->dict, path->codes[i])); break;
			default: LH_TRY(enter_path(ctx, p, lh_vec_value(path, i).str)); break;
		}
		LH_TRY(take_position(ctx, p, batch, &flat, i));
	}
	return LH_OK;
}

/* LhMetaFn: a row group that speaks of one file only, which is none of ours, is not read. */
static LhStatus
skip_other_files(LhCtx *ctx, void *arg, const LhMetaGroup *group, bool *taken)
{
	Positions *p = arg;
	bool concerns = false;
	LhBounds b;
	int task;

	*taken = false;
	LH_TRY(lh_meta_bounds(ctx, group, 0, &b));
	if (!b.known || !b.has_min || !b.has_max || !b.min_exact || !b.max_exact || b.nulls != 0 ||
		b.min.type.lane != LH_LANE_STR || lh_bytes_compare(b.min.str, b.max.str) != 0)
		return LH_OK;
	LH_TRY(look_up(ctx, p, b.min.str, &task));
	for (size_t t = task >= 0 ? (size_t) task : SIZE_MAX; t != SIZE_MAX && !concerns;
		 t = p->d->same_path[t])
		concerns = p->only == SIZE_MAX || p->only == t;
	*taken = !concerns;
	return LH_OK;
}

static const LhScanColumn position_columns[] = {
	{.name = "file_path", .source = LH_SRC_DATA, .type = {.id = LH_T_STRING, .lane = LH_LANE_STR},
	 .field_id = LH_ID_DELETE_PATH},
	{.name = "pos", .source = LH_SRC_DATA, .type = {.id = LH_T_INT64, .lane = LH_LANE_I64},
	 .field_id = LH_ID_DELETE_POS},
};

static LhStatus
finish_sets(LhCtx *ctx, Positions *p)
{
	if (p->own != NULL)
		return lh_rowset_finish(ctx, p->own);
	for (size_t i = 0; p->only == SIZE_MAX && i < p->file->nrows; i++)
		if (p->file->rows[i].set != NULL)
			LH_TRY(lh_rowset_finish(ctx, p->file->rows[i].set));
	return LH_OK;
}

/* Names of delete files without ids are the specification's. */
static const LhNameMapping position_fields[] = {
	{.field_id = LH_ID_DELETE_PATH, .nnames = 1, .names = (const char *const[]){"file_path"}},
	{.field_id = LH_ID_DELETE_POS, .nnames = 1, .names = (const char *const[]){"pos"}},
};
static const LhNameMapping position_mapping = {
	.field_id = -1, .nchildren = 2, .children = position_fields};

static LhStatus
read_positions(LhCtx *ctx, Positions *p)
{
	LhTableSchema schema = {.by_id = true, .mapping = &position_mapping};

	LH_TRY(lh_buf_init(ctx, &p->path, true));
	LH_TRY(lh_buf_init(ctx, &p->codes, true));
	LH_TRY(lh_vec_scratch_create(ctx, &p->scratch));
	p->task = -1;
	LH_TRY(lh_deletes_read_file(ctx, p->d->table, &schema, p->def, 2, position_columns,
							skip_other_files, take_positions, p, NULL));
	LH_TRY(flush(ctx, p));
	return finish_sets(ctx, p);
}

/* In a scratch arena; sets go to keep. */
static LhStatus
load_positions_into(LhCtx *ctx, LhDeletes *d, uint32_t at, size_t only, LhArena *keep, bool floor,
					LhRowSet **own)
{
	LhArena *old = ctx->arena, *scratch = lh_arena_child(old);
	Positions *p;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, scratch);
	p = lh_alloc0(ctx, sizeof(*p));
	status = p == NULL ? ctx->error->code : LH_OK;
	if (p != NULL)
	{
		p->d = d;
		p->def = &d->tasks->deletes[at];
		p->file = &d->files[at];
		p->only = only;
		p->keep = keep;
		p->floor = floor;
		status = read_positions(ctx, p);
		*own = p->own;
	}
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

static void
forget_rows(LhDeletesFile *file)
{
	for (size_t i = 0; i < file->nrows; i++)
		file->rows[i].set = NULL;
}

/* The rows of one position delete file for a task: step 1, else 2.  ctx->arena: the task's. */
static LhStatus
rows_of_file(LhCtx *ctx, LhDeletes *d, uint32_t at, size_t task, LhRowSet **out)
{
	LhDeletesFile *file = &d->files[at];
	const LhDeletesRows *row;
	LhRowSet *none = NULL;

	if (!file->loaded)
	{
		LhArena *keep = lh_arena_child(d->arena);
		LhStatus status;

		if (keep == NULL)
			LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
		status = load_positions_into(ctx, d, at, SIZE_MAX, keep, false, &none);
		file->loaded = status == LH_OK;
		if (status != LH_OK)
		{
			forget_rows(file);
			lh_arena_destroy(keep);
		}
		if (status == LH_NO_MEMORY)
		{
			lh_error_clear(ctx);
			return load_positions_into(ctx, d, at, task, ctx->arena, true, out);
		}
		LH_TRY(status);
	}
	row = find_row(file, task);
	*out = row != NULL ? row->set : NULL;
	return LH_OK;
}

/* A vector is of one data file, and kept for the list's next reader of it. */
static LhStatus
rows_of_vector(LhCtx *ctx, LhDeletes *d, uint32_t at, LhRowSet **out)
{
	LhDeletesFile *file = &d->files[at];
	LhArena *keep, *old;
	LhStatus status;

	if (!file->loaded)
	{
		keep = lh_arena_child(d->arena);
		if (keep == NULL)
			LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
		old = lh_use(ctx, keep);
		status = lh_vector_read(ctx, d->table->store, &d->tasks->deletes[at], true, &file->vector);
		lh_use(ctx, old);
		if (status != LH_OK)
			lh_arena_destroy(keep);
		LH_TRY(status);
		file->loaded = true;
	}
	*out = file->vector;
	return LH_OK;
}

static LhStatus
positions(LhCtx *ctx, LhDeletes *d, size_t task, int from, int to, const LhRowSet **out)
{
	const LhFileTask *t = &d->tasks->tasks[task];
	LhRowSet *first = NULL, *both = NULL;

	for (int i = from; i < to; i++)
	{
		LhRowSet *rows = NULL;

		switch (d->tasks->deletes[t->deletes[i]].kind)
		{
			case LH_DELETE_POSITIONS: LH_TRY(rows_of_file(ctx, d, t->deletes[i], task, &rows)); break;
			case LH_DELETE_VECTOR: LH_TRY(rows_of_vector(ctx, d, t->deletes[i], &rows)); break;
			case LH_DELETE_EQUALITY: break;
		}
		if (rows == NULL)
			continue;
		if (first == NULL)
		{
			first = rows;
			continue;
		}
		if (both == NULL)
		{
			LH_TRY(lh_rowset_create(ctx, true, &both));
			LH_TRY(lh_rowset_or(ctx, both, first));
		}
		LH_TRY(lh_rowset_or(ctx, both, rows));
	}
	if (both != NULL)
		LH_TRY(lh_rowset_finish(ctx, both));
	*out = both != NULL ? both : first;
	return LH_OK;
}

LhStatus
lh_deletes_positions(LhCtx *ctx, LhDeletes *d, size_t task, int from, int to, const LhRowSet **out)
{
	LhStatus status;

	pthread_rwlock_wrlock(&d->lock);
	status = positions(ctx, d, task, from, to, out);
	pthread_rwlock_unlock(&d->lock);
	return status;
}
