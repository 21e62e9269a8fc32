/*
 * facts.c
 *		What planners ask of a table: how many rows, how many distinct values, in which order.
 *
 *	1. Counts come from the manifest list; where its lines lack them (version 1) from
 *	   the snapshot's summary, which also says how many positions are deleted and how
 *	   large all files are.
 *	2. Distinct values come from what the metadata file repeats of the statistics'
 *	   blobs.  Where it leaves the number out, the sketch of a field that is asked for is read.
 *	3. An order is that of all files or of none: manifests are read for it, if
 *	   the table declares one.
 */
#include "iceberg/manifest.h"
#include "iceberg/meta.h"
#include "iceberg/puffin.h"

#include <stdlib.h>

/* Ancestors that are asked for statistics before there are none. */
#define MAX_ANCESTORS 1000

/*
 * Counts
 */

/* A count of the summary; -1: it says none. */
static LhStatus
summary_count(LhCtx *ctx, const LhIceSnapshot *s, const char *key, int64_t *out)
{
	const char *text;
	char *end;

	*out = -1;
	LH_TRY(lh_ice_summary_value(ctx, s, key, &text));
	if (text == NULL || text[0] < '0' || text[0] > '9')
		return LH_OK;
	*out = strtoll(text, &end, 10);
	if (*end != '\0' || *out == INT64_MAX)
		*out = -1;
	return LH_OK;
}

/* Sums over the lines of a manifest list; unknown counts make them unknown. */
typedef struct Sums
{
	int64_t files, rows;
	bool unknown;
} Sums;

static void
add_counts(Sums *sums, const LhIceManifestFile *f)
{
	if (f->added_files < 0 || f->existing_files < 0 || f->added_rows < 0 || f->existing_rows < 0 ||
		__builtin_add_overflow(sums->files, f->added_files, &sums->files) ||
		__builtin_add_overflow(sums->files, f->existing_files, &sums->files) ||
		__builtin_add_overflow(sums->rows, f->added_rows, &sums->rows) ||
		__builtin_add_overflow(sums->rows, f->existing_rows, &sums->rows))
		sums->unknown = true;
}

static LhStatus
count_snapshot(LhCtx *ctx, LhIceTable *table, LhIceSnapshotInfo *out)
{
	const LhIceSnapshot *s = table->snapshot;
	Sums data = {0}, deletes = {0};
	int64_t rows, files, positions, delete_files;

	for (size_t i = 0; i < table->nmanifests; i++)
		add_counts(table->manifests[i].deletes ? &deletes : &data, &table->manifests[i]);
	LH_TRY(summary_count(ctx, s, "total-records", &rows));
	LH_TRY(summary_count(ctx, s, "total-data-files", &files));
	LH_TRY(summary_count(ctx, s, "total-position-deletes", &positions));
	LH_TRY(summary_count(ctx, s, "total-delete-files", &delete_files));
	LH_TRY(summary_count(ctx, s, "total-files-size", &out->bytes));
	out->data_files = data.unknown ? files : data.files;
	out->rows = (double) (data.unknown ? rows : data.rows);
	out->delete_files = deletes.unknown ? delete_files : deletes.files;
	out->delete_rows =
		deletes.unknown ? (positions > 0 ? (double) positions : 0) : (double) deletes.rows;
	if (out->rows >= 0)
	{
		/* without the summary all deletes count as if they were of positions */
		out->rows -= positions >= 0 ? (double) positions : out->delete_rows;
		out->rows = out->rows < 0 ? 0 : out->rows;
	}
	return LH_OK;
}

LhStatus
lh_ice_snapshot_info(LhCtx *ctx, LhTable *base, LhIceSnapshotInfo *out)
{
	LhIceTable *table = (LhIceTable *) base;

	LH_TRY(lh_ice_load_list(ctx, table));
	*out = (LhIceSnapshotInfo){
		.schema_id = table->schema->schema_id,
		.metadata_path = table->metadata->path,
		.ref = table->options.ref,
	};
	if (table->snapshot == NULL)
		return LH_OK;
	out->has_snapshot = true;
	out->snapshot_id = table->snapshot->snapshot_id;
	out->timestamp_ms = table->snapshot->timestamp_ms;
	return count_snapshot(ctx, table, out);
}

/*
 * Distinct values
 */

#define THETA "apache-datasketches-theta-v1"

/* A sketch that is larger is not read for an estimate (the default keeps 4,096 hashes). */
#define MAX_SKETCH (4 * 1024 * 1024)

/* Of a number: it has to be read from statistics file -(n + 2). */
#define IS_UNREAD(n) ((n) <= -2)

/* Numbers of distinct values by field, once they were looked for. */
struct LhIceDistinct
{
	LhIceIntern fields; /* ids */
	LhBuf numbers;      /* double */
};

static LhStatus
add_number(LhCtx *ctx, struct LhIceDistinct *out, int field, double n)
{
	uint32_t number;
	bool added;

	LH_TRY(lh_ice_intern_put(ctx, &out->fields, &field, sizeof(field), &number, &added));
	return added ? lh_buf_append(ctx, &out->numbers, &n, sizeof(n)) : LH_OK;
}

/* "ndv" of a blob that is of one field alone, or that its sketch is to be read; those of younger statistics stay. */
static LhStatus
add_blob(LhCtx *ctx, LhPull *j, int file, struct LhIceDistinct *out)
{
	enum
	{
		TYPE,
		FIELDS,
		PROPERTIES
	};
	static const char *const names[] = {"type", "fields", "properties", NULL};
	const char *const *pairs = NULL;
	int which, npairs = 0, nfields = 0, field = -1;
	LhSlice type = {0};
	uint64_t seen = 0;
	bool more;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		if (which == TYPE)
			LH_TRY(lh_pull_slice(ctx, j, &type));
		else if (which == PROPERTIES)
			LH_TRY(lh_pull_pairs(ctx, j, &npairs, &pairs));
		else
		{
			LH_TRY(lh_pull_array(ctx, j));
			for (;; nfields++)
			{
				LH_TRY(lh_pull_item(ctx, j, &more));
				if (!more)
					break;
				LH_TRY(lh_pull_i32(ctx, j, &field));
			}
		}
	}
	if (nfields != 1 || !lh_slice_is(type, THETA))
		return LH_OK;
	for (int i = 0; i < npairs; i++)
	{
		const char *text = pairs[2 * i + 1];

		if (strcmp(pairs[2 * i], "ndv") == 0 && text[0] >= '0' && text[0] <= '9')
			return add_number(ctx, out, field, strtod(text, NULL));
	}
	return add_number(ctx, out, field, -(double) file - 2);
}

static LhStatus
add_file(LhCtx *ctx, const LhIceMetadata *m, int number, struct LhIceDistinct *out)
{
	const LhIceStatistics *file = &m->statistics[number];
	const char *what = lh_sprintf(ctx, "metadata file \"%s\": statistics", m->path);
	LhPull j;
	bool more;

	if (what == NULL)
		return ctx->error->code;
	LH_TRY(lh_pull_open(ctx, &j, what, file->blobs));
	LH_TRY(lh_pull_array(ctx, &j));
	for (;;)
	{
		LH_TRY(lh_pull_item(ctx, &j, &more));
		if (!more)
			return LH_OK;
		LH_TRY(add_blob(ctx, &j, number, out));
	}
}

/* Of the snapshot and its ancestors, for statistics are often older; in ctx->arena is what is passing. */
static LhStatus
collect_distinct(LhCtx *ctx, const LhIceTable *table, struct LhIceDistinct *out)
{
	const LhIceMetadata *m = table->metadata;
	int64_t id = table->snapshot->snapshot_id;
	int files = 0;

	for (int step = 0; step < MAX_ANCESTORS && files < m->nstatistics; step++)
	{
		LhIceSnapshot *s;

		LH_TRY(lh_poll(ctx));
		for (int i = 0; i < m->nstatistics; i++)
		{
			if (m->statistics[i].snapshot_id != id)
				continue;
			files++;
			LH_TRY(add_file(ctx, m, i, out));
		}
		if (lh_ice_snapshot_find(m, id) == NULL)
			return LH_OK;
		LH_TRY(lh_ice_snapshot_get(ctx, m, id, &s));
		if (!s->has_parent)
			return LH_OK;
		id = s->parent_id;
	}
	return LH_OK;
}

static LhStatus
make_distinct(LhCtx *ctx, LhIceTable *table, struct LhIceDistinct **out)
{
	struct LhIceDistinct *d;
	LhArena *scratch, *old;
	LhStatus status;

	LH_NEW(ctx, d);
	LH_TRY(lh_ice_intern_init(ctx, &d->fields));
	LH_TRY(lh_buf_init(ctx, &d->numbers, true));
	*out = d;
	if (table->snapshot == NULL || table->metadata->nstatistics == 0)
		return LH_OK;
	scratch = lh_arena_child(ctx->arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(scratch);
	old = lh_use(ctx, scratch);
	status = collect_distinct(ctx, table, d);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

/* The blob of a field in an open Puffin file; NULL: there is none that is worth it. */
static const LhIceBlob *
find_sketch(const LhIcePuffin *puffin, int field_id)
{
	for (int i = 0; i < puffin->nblobs; i++)
	{
		const LhIceBlob *blob = &puffin->blobs[i];

		if (strcmp(blob->type, THETA) == 0 && blob->nfields == 1 && blob->fields[0] == field_id &&
			blob->length <= MAX_SKETCH)
			return blob;
	}
	return NULL;
}

/* What a sketch says; -1: nothing.  The Puffin file may have the number that the metadata file lacks. */
static LhStatus
read_sketch(LhCtx *ctx, LhIceTable *table, const LhIceStatistics *file, int field_id, double *out)
{
	const LhIceBlob *blob;
	LhIcePuffin *puffin;
	LhObject *obj;
	const char *path, *ndv;
	LhBuf bytes;

	*out = -1;
	if (file->key_metadata != NULL)
		return LH_OK;
	LH_TRY(lh_ice_path(ctx, &table->paths, "statistics file", table->metadata->path, file->path,
					   strlen(file->path), &path));
	LH_TRY(lh_object_open(ctx, table->base.store, path, &obj));
	LH_TRY(lh_ice_puffin_read(ctx, obj, &puffin));
	blob = find_sketch(puffin, field_id);
	if (blob == NULL)
		return LH_OK;
	ndv = lh_ice_blob_property(blob, "ndv");
	if (ndv != NULL && ndv[0] >= '0' && ndv[0] <= '9')
	{
		*out = strtod(ndv, NULL);
		return LH_OK;
	}
	LH_TRY(lh_buf_init(ctx, &bytes, true));
	LH_TRY(lh_ice_puffin_blob(ctx, obj, puffin, blob, &bytes));
	if (!lh_ice_theta_estimate(lh_slice(bytes.data, bytes.len), out))
		*out = -1;
	return LH_OK;
}

/* In an arena of its own, which holds the file no longer than needed. */
static LhStatus
ask_sketch(LhCtx *ctx, LhIceTable *table, int field_id, double *n)
{
	LhArena *scratch = lh_arena_child(ctx->arena), *old;
	int file = (int) -*n - 2;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	*n = -1;
	old = lh_use(ctx, scratch);
	status = read_sketch(ctx, table, &table->metadata->statistics[file], field_id, n);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

/*
 * The metadata file repeats what the blobs of a statistics file say: mostly the sketch itself is not read.
 * It is gone through once for all fields.
 */
LhStatus
lh_ice_distinct(LhCtx *ctx, LhTable *base, int field_id, double *out)
{
	LhIceTable *table = (LhIceTable *) base;
	int64_t number;

	*out = -1;
	LH_TRY(lh_ice_load(ctx, table));
	if (table->distinct == NULL)
	{
		struct LhIceDistinct *made = NULL;
		LhArena *old = lh_use(ctx, table->arena);
		LhStatus status = make_distinct(ctx, table, &made);

		lh_use(ctx, old);
		LH_TRY(status);
		table->distinct = made;
	}
	number = lh_ice_intern_find(&table->distinct->fields, &field_id, sizeof(field_id));
	if (number >= 0)
	{
		double *n = (double *) (void *) table->distinct->numbers.data + number;

		if (IS_UNREAD(*n))
			LH_TRY(ask_sketch(ctx, table, field_id, n));
		*out = *n;
	}
	return LH_OK;
}

/*
 * Sort order
 */

/* Do all live files of a manifest have this order? */
static LhStatus
manifest_has_order(LhCtx *ctx, LhIceTable *table, const LhIceManifestFile *line, int64_t order,
				   bool *yes)
{
	LhIceManifest *m;

	LH_TRY(lh_ice_manifest_open(ctx, table, line, 0, NULL, &m));
	for (size_t i = 0; i < m->n && *yes; i++)
		*yes =
			lh_ice_int(&m->status, i) == LH_ICE_DELETED || lh_ice_int(&m->sort_order, i) == order;
	lh_ice_manifest_close(ctx, m);
	return LH_OK;
}

LhStatus
lh_ice_default_order(LhCtx *ctx, LhTable *base, int *n, const LhIceSortField **out)
{
	LhIceTable *table = (LhIceTable *) base;
	const LhIceSortOrder *order = NULL;

	*n = 0;
	*out = NULL;
	LH_TRY(lh_ice_load(ctx, table));
	for (int i = 0; i < table->metadata->norders; i++)
		if (table->metadata->orders[i].order_id == table->metadata->default_order)
			order = &table->metadata->orders[i];
	/* number 0 stands for no order, also where a file says none */
	if (order == NULL || order->order_id == 0 || order->nfields == 0 || table->snapshot == NULL)
		return LH_OK;
	*n = order->nfields;
	*out = order->fields;
	return LH_OK;
}

LhStatus
lh_ice_sort_order(LhCtx *ctx, LhTable *base, int *n, const LhIceSortField **out)
{
	LhIceTable *table = (LhIceTable *) base;
	bool all = true;

	LH_TRY(lh_ice_default_order(ctx, base, n, out));
	if (*n == 0)
		return LH_OK;
	LH_TRY(lh_ice_load_list(ctx, table));
	for (size_t i = 0; i < table->nmanifests && all; i++)
		if (!table->manifests[i].deletes)
			LH_TRY(manifest_has_order(ctx, table, &table->manifests[i],
									  table->metadata->default_order, &all));
	if (all)
		return LH_OK;
	*n = 0;
	*out = NULL;
	return LH_OK;
}

/* Is what manifests say of data files little enough? */
static bool
is_small(const LhIceTable *table, int64_t max_files, int64_t max_bytes)
{
	int64_t files = 0, bytes = 0;

	for (size_t i = 0; i < table->nmanifests; i++)
	{
		const LhIceManifestFile *line = &table->manifests[i];

		if (line->added_files < 0 || line->existing_files < 0 || line->length < 0 ||
			__builtin_add_overflow(files, line->added_files, &files) ||
			__builtin_add_overflow(files, line->existing_files, &files) ||
			__builtin_add_overflow(bytes, line->length, &bytes))
			return false;
	}
	return files <= max_files && bytes <= max_bytes;
}

LhStatus
lh_ice_follows(LhCtx *ctx, LhTable *base, const LhTaskOrder *order, int64_t max_files,
			   int64_t max_bytes, bool *yes)
{
	LhIceTable *table = (LhIceTable *) base;
	LhTaskFilter filter = {.order = order};
	LhTaskList tasks;
	LhArena *scratch, *old;
	LhStatus status;

	*yes = false;
	LH_TRY(lh_ice_load_list(ctx, table));
	if (!is_small(table, max_files, max_bytes))
		return LH_OK;
	scratch = lh_arena_child(ctx->arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, scratch);
	status = lh_ice_plan(ctx, table, &filter, &tasks);
	lh_use(ctx, old);
	*yes = status == LH_OK && tasks.ordered;
	lh_arena_destroy(scratch);
	return status;
}
