/*
 * plan.c
 *		A snapshot -> file tasks with their deletes.
 *
 *	1. The manifest list is pruned by counts and partition summaries.
 *	2. Manifests of deletes are read first: they are few, and stay while the plan is
 *	   made (deletes.c).
 *	3. Data manifests follow one by one: each is decoded with the statistics that the
 *	   filters need, its files are pruned, what is left becomes tasks, and it goes
 *	   (or stays in the cache).
 *
 * Memory is therefore one manifest and what is left.  Tasks are in the order of
 * manifests and entries, whatever came from the cache.  A file that a snapshot holds
 * twice is read twice, as in Java.
 *
 * Tasks become one array.  When the list says how many there will be, they are made in
 * place; else in pieces, which are put together at the end, so that there is no array
 * that grows and stands in memory twice.
 */
#include <stdlib.h>

#include "core/text.h"
#include "iceberg/order.h"
#include "iceberg/plan.h"

/* Tasks of a piece, and of the first one at most: lists may say any number. */
#define PIECE       1024
#define FIRST_PIECE ((size_t) 1 << 18)

/*
 * Tasks
 */

static LhStatus
new_piece(LhCtx *ctx, LhIcePlan *plan)
{
	size_t n = PIECE;
	LhArena *old;
	LhBuf fresh;
	LhStatus status;

	if (plan->npieces == 0 && plan->expected > 0)
		n = plan->expected < FIRST_PIECE ? plan->expected : FIRST_PIECE;
	old = lh_use(ctx, plan->result);
	status = lh_buf_init(ctx, &fresh, true);
	if (status == LH_OK)
		status = lh_buf_reserve(ctx, &fresh, n * sizeof(LhFileTask));
	lh_use(ctx, old);
	LH_TRY(status);
	LH_TRY(lh_buf_append(ctx, &plan->pieces, &fresh, sizeof(fresh)));
	plan->npieces++;
	return LH_OK;
}

static LhBuf *
piece_of(const LhIcePlan *plan, size_t i)
{
	return (LhBuf *) (void *) plan->pieces.data + i;
}

static LhStatus
new_task(LhCtx *ctx, LhIcePlan *plan, LhFileTask **out)
{
	LhBuf *piece = plan->npieces > 0 ? piece_of(plan, plan->npieces - 1) : NULL;

	if (piece == NULL || piece->cap - piece->len < sizeof(LhFileTask))
	{
		LH_TRY(new_piece(ctx, plan));
		piece = piece_of(plan, plan->npieces - 1);
	}
	*out = (LhFileTask *) (void *) (piece->data + piece->len);
	**out = (LhFileTask){0};
	piece->len += sizeof(LhFileTask);
	plan->n++;
	return LH_OK;
}

/* All pieces in one array; a single one that is mostly full is it. */
static LhStatus
collect(LhCtx *ctx, LhIcePlan *plan, LhTaskList *out)
{
	LhArena *old;
	uint8_t *to;

	out->n = plan->n;
	out->ndeletes = plan->files.n;
	out->deletes = (const LhDeleteFile *) (const void *) plan->files.files.data;
	if (plan->npieces == 1 && piece_of(plan, 0)->len >= piece_of(plan, 0)->cap / 2)
	{
		out->tasks = (LhFileTask *) (void *) piece_of(plan, 0)->data;
		return LH_OK;
	}
	old = lh_use(ctx, plan->result);
	out->tasks = lh_alloc_array(ctx, plan->n, sizeof(*out->tasks));
	lh_use(ctx, old);
	if (out->tasks == NULL)
		return ctx->error->code;
	to = (uint8_t *) out->tasks;
	for (size_t i = 0; i < plan->npieces; i++)
	{
		LhBuf *piece = piece_of(plan, i);

		memcpy(to, piece->data, piece->len);
		to += piece->len;
		lh_buf_free(piece);
	}
	return LH_OK;
}

/*
 * Paths
 */

/* A name that means the same in every directory. */
static bool
is_plain(LhSlice name)
{
	if (name.len == 0 || name.data[0] == '.')
		return false;
	for (size_t i = 0; i < name.len; i++)
	{
		uint8_t c = name.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  c == '-' || c == '_' || c == '.' || c == '='))
			return false;
	}
	return true;
}

static bool
lies_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return n > 0 && strncmp(path, directory, n) == 0 && (path[n] == '/' || directory[n - 1] == '/');
}

/* Directory and name in pm->path, with a NUL behind. */
static LhStatus
join(LhCtx *ctx, LhIcePlanManifest *pm, LhStr dir, LhSlice name)
{
	pm->path.len = 0;
	LH_TRY(lh_buf_append(ctx, &pm->path, dir.ptr, dir.len));
	LH_TRY(lh_buf_append(ctx, &pm->path, name.data, name.len));
	return lh_buf_putc(ctx, &pm->path, '\0');
}

/*
 * The first file of a directory goes through lh_ice_path; when it lies in the
 * table's own location, the others' paths are made from its.  In ctx->arena are
 * those of the first files only; *out is valid until the next one.
 */
static LhStatus
open_path(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, size_t i, const char **out)
{
	size_t dir = (size_t) lh_ice_int(&pm->m->dir, i), length;
	const char *path;
	LhSlice name = {0};
	bool plain;

	lh_ice_bytes(&pm->m->names, i, &name);
	plain = is_plain(name);
	if (!plain || pm->dirs[dir].ptr == NULL)
	{
		LH_TRY(lh_ice_manifest_path(ctx, pm->m, i, &plan->text));
		LH_TRY(lh_ice_path(ctx, &plan->table->paths, "data file", pm->line->path,
						   (const char *) plan->text.data, plan->text.len, &path));
		length = strlen(path);
		*out = path;
		if (!plain || length <= name.len ||
			memcmp(path + length - name.len, name.data, name.len) != 0 ||
			path[length - name.len - 1] != '/' || !lies_below(path, plan->table->paths.found))
			return LH_OK;
		pm->dirs[dir] = (LhStr){(const uint8_t *) path, (uint32_t) (length - name.len), 0};
		return LH_OK;
	}
	LH_TRY(join(ctx, pm, pm->dirs[dir], name));
	*out = (const char *) pm->path.data;
	return LH_OK;
}

/*
 * What a tuple gives its tasks
 */

static LhStatus
copy_value(LhCtx *ctx, const LhValue *v, LhValue *out)
{
	*out = *v;
	if (v->null || (v->type.lane != LH_LANE_STR && v->type.lane != LH_LANE_FIX))
		return LH_OK;
	out->str.ptr = lh_memdup(ctx, v->str.len > 0 ? v->str.ptr : (const uint8_t *) "",
							 v->str.len > 0 ? v->str.len : 1);
	return out->str.ptr == NULL ? ctx->error->code : LH_OK;
}

/* Identity partitions, whose columns are constant in a file. */
static LhStatus
find_consts(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm)
{
	const LhIceSpecInfo *s = pm->view->spec;

	LH_NEW_ARRAY(ctx, pm->const_fields, (size_t) s->nfields + 1);
	LH_NEW_ARRAY(ctx, pm->const_ids, (size_t) s->nfields + 1);
	LH_NEW_ARRAY(ctx, pm->const_types, (size_t) s->nfields + 1);
	for (int j = 0; j < s->nfields && plan->table->schema != NULL; j++)
	{
		const LhIceSpecField *f = s->fields[j].field;
		const LhField *column = f->source_id < 0
									? NULL
									: lh_ice_field_find(plan->table->schema, f->source_id);

		if (f->transform.kind != LH_ICE_IDENTITY || column == NULL || pm->view->parts[j] < 0 ||
			!s->fields[j].known || lh_type_is_nested(&column->type))
			continue;
		pm->const_fields[pm->nconsts] = j;
		pm->const_ids[pm->nconsts] = f->source_id;
		pm->const_types[pm->nconsts++] = column->type;
	}
	return LH_OK;
}

static LhStatus
make_consts(LhCtx *ctx, LhIcePlanManifest *pm, uint32_t tuple)
{
	LhValue *values;

	LH_NEW_ARRAY(ctx, values, (size_t) pm->nconsts + 1);
	for (int k = 0; k < pm->nconsts; k++)
	{
		LhValue v, fitted;

		if (!lh_ice_view_value(pm->view, pm->const_fields[k], tuple, &v) ||
			!lh_ice_value_promote(&v, &pm->const_types[k], &fitted))
			LH_FAIL(ctx, LH_CORRUPT, "%s: a value of partition field \"%s\" is none of its type",
					pm->line->path, pm->view->spec->fields[pm->const_fields[k]].field->name);
		LH_TRY(copy_value(ctx, &fitted, &values[k]));
	}
	pm->consts[tuple] = values;
	return LH_OK;
}

/* Field f of any spec: the number of the field in this view with its id; -1: not here. */
static int
field_in_view(const LhIceView *view, int field_id)
{
	for (int j = 0; j < view->spec->nfields; j++)
	{
		if (view->spec->fields[j].field->field_id == field_id)
			return j;
	}
	return -1;
}

/* A field of some spec; rank: of later specs first. */
typedef struct Ranked
{
	const LhIceSpecField *field;
	size_t rank;
} Ranked;

/* By id; of one id the latest spec's that is not void first. */
static int
compare_fields(const void *a, const void *b)
{
	const Ranked *x = a, *y = b;
	bool xvoid = x->field->transform.kind == LH_ICE_VOID;
	bool yvoid = y->field->transform.kind == LH_ICE_VOID;

	if (x->field->field_id != y->field->field_id)
		return x->field->field_id < y->field->field_id ? -1 : 1;
	if (xvoid != yvoid)
		return xvoid ? 1 : -1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

LhStatus
lh_ice_tuple_fields(LhCtx *ctx, const LhIceMetadata *m, LhIceTupleFields *out)
{
	size_t total = 0, n = 0;
	Ranked *all;

	for (int s = 0; s < m->nspecs; s++)
		total += (size_t) m->specs[s].nfields;
	LH_NEW_ARRAY(ctx, all, total + 1);
	LH_NEW_ARRAY(ctx, out->fields, total + 1);
	for (int s = m->nspecs - 1; s >= 0; s--)
	{
		for (int j = 0; j < m->specs[s].nfields; j++, n++)
			all[n] = (Ranked){&m->specs[s].fields[j], n};
	}
	qsort(all, total, sizeof(*all), compare_fields);
	out->n = 0;
	for (size_t i = 0; i < total; i++)
	{
		if (i == 0 || all[i].field->field_id != all[i - 1].field->field_id)
			out->fields[out->n++] = all[i].field;
	}
	return LH_OK;
}

LhStatus
lh_ice_partition_json(LhCtx *ctx, const LhIceTupleFields *fields, const LhIceView *view,
					  uint32_t tuple, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	for (size_t k = 0; k < fields->n; k++)
	{
		const LhIceSpecField *f = fields->fields[k];
		int j = field_in_view(view, f->field_id);
		LhValue v = {.null = true};

		if (k > 0)
			LH_TRY(lh_buf_append_str(ctx, out, ", "));
		LH_TRY(lh_json_string(ctx, out, f->name, strlen(f->name)));
		LH_TRY(lh_buf_append_str(ctx, out, ": "));
		if (j >= 0 && !lh_ice_view_value(view, j, tuple, &v))
			v = view->parts[j] < 0 ? (LhValue){.null = true}
								   : lh_ice_part_value(&view->m->parts[view->parts[j]], tuple);
		LH_TRY(lh_ice_value_write(ctx, &v, out));
	}
	return lh_buf_putc(ctx, out, '}');
}

static LhStatus
make_json(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, uint32_t tuple)
{
	plan->text.len = 0;
	LH_TRY(lh_ice_partition_json(ctx, &plan->tuple_fields, pm->view, tuple, &plan->text));
	pm->json[tuple] = lh_strndup(ctx, (const char *) plan->text.data, plan->text.len);
	return pm->json[tuple] == NULL ? ctx->error->code : LH_OK;
}

static bool
is_partitioned(const LhIceMetadata *m)
{
	for (int s = 0; s < m->nspecs; s++)
	{
		if (m->specs[s].nfields > 0)
			return true;
	}
	return false;
}

/*
 * Entries
 */

LhStatus
lh_ice_plan_file(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, size_t i,
				 const LhIceInherit *inherit, LhIceDataFile *out)
{
	LhArena *old = lh_use(ctx, pm->arena);
	LhStatus status;

	*out = (LhIceDataFile){.view = pm->view, .entry = i, .sequence = inherit->sequence};
	status = open_path(ctx, plan, pm, i, &out->path);
	lh_use(ctx, old);
	return status;
}

static LhStatus
fill_task(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, const LhIceDataFile *file,
		  LhFileTask *task)
{
	uint32_t tuple = (uint32_t) lh_ice_int(&pm->m->tuple, file->entry);
	LhSlice key;

	task->path = lh_strdup(ctx, file->path);
	if (task->path == NULL)
		return ctx->error->code;
	if (pm->nconsts > 0)
	{
		if (pm->consts[tuple] == NULL)
			LH_TRY(make_consts(ctx, pm, tuple));
		task->nconsts = pm->nconsts;
		task->const_ids = pm->const_ids;
		task->const_values = pm->consts[tuple];
	}
	if (plan->want_partition)
	{
		if (pm->json[tuple] == NULL)
			LH_TRY(make_json(ctx, plan, pm, tuple));
		task->partition = pm->json[tuple];
	}
	if (lh_ice_bytes(&pm->m->keys, file->entry, &key) && key.len > 0)
	{
		task->key_metadata = lh_slice(lh_memdup(ctx, key.data, key.len), key.len);
		if (task->key_metadata.data == NULL)
			return ctx->error->code;
	}
	return LH_OK;
}

LhStatus
lh_ice_plan_task(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, const LhIceDataFile *file,
				 const LhIceInherit *inherit, uint64_t satisfied, LhFileTask **out)
{
	int64_t format = lh_ice_int(&pm->m->format, file->entry);
	LhArena *old;
	LhStatus status;

	if (format >= LH_N_FILE_FORMATS)
		LH_FAIL(ctx, LH_UNSUPPORTED, "%s: file_format of \"%.300s\" is none of avro, orc and parquet",
				pm->line->path, file->path);
	LH_TRY(new_task(ctx, plan, out));
	(*out)->size = lh_ice_int(&pm->m->size, file->entry);
	(*out)->format = (LhFileFormat) format;
	(*out)->satisfied = satisfied;
	(*out)->has_row_ids = inherit->first_row_id != LH_ICE_NONE;
	(*out)->first_row_id = (*out)->has_row_ids ? inherit->first_row_id : 0;
	(*out)->sequence = inherit->sequence;
	(*out)->spec_id = pm->line->spec_id;
	old = lh_use(ctx, plan->result);
	status = fill_task(ctx, plan, pm, file, *out);
	lh_use(ctx, old);
	return status;
}

static LhStatus
entries_of(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, unsigned statuses, LhIceEntryFn fn,
		   void *arg)
{
	LhIceInherit inherit = {0};
	uint64_t by_partition = 0, by_bounds = 0;

	for (size_t i = 0; i < pm->m->n; i++)
	{
		uint64_t satisfied;
		LhIceFate fate;

		if (i % 1024 == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(lh_ice_inherit(ctx, pm->line, pm->m, i, &inherit));
		if ((statuses >> lh_ice_int(&pm->m->status, i) & 1) == 0)
			continue;
		if (lh_ice_int(&pm->m->content, i) != LH_ICE_DATA)
			LH_FAIL(ctx, LH_CORRUPT, "%s: content of entry %zu is not data, as the list says",
					pm->line->path, i + 1);
		LH_TRY(lh_ice_prune_file(ctx, pm->view, i, &fate, &satisfied));
		if (fate == LH_ICE_KEEP)
			LH_TRY(fn(ctx, plan, pm, i, &inherit, satisfied, arg));
		by_partition += fate == LH_ICE_BY_PARTITION;
		by_bounds += fate == LH_ICE_BY_BOUNDS;
	}
	LH_COUNT(ctx, FILES_PRUNED_MANIFEST, by_partition);
	LH_COUNT(ctx, FILES_PRUNED_BOUNDS, by_bounds);
	return LH_OK;
}

/* In ctx->arena, which dies with the manifest; what tasks keep goes to plan->result. */
static LhStatus
open_manifest(LhCtx *ctx, LhIcePlan *plan, const LhIceManifestFile *line, LhIcePlanManifest *pm)
{
	const int32_t *ids;
	int nids = lh_ice_prune_ids(plan->prune, &ids);
	LhArena *old;
	LhStatus status;

	*pm = (LhIcePlanManifest){.line = line, .arena = ctx->arena};
	LH_TRY(lh_buf_init(ctx, &pm->path, true));
	LH_TRY(lh_ice_manifest_open(ctx, plan->table, line, nids, ids, &pm->m));
	LH_TRY(lh_ice_view_create(ctx, plan->prune, line->spec_id, pm->m, &pm->view));
	LH_NEW_ARRAY(ctx, pm->dirs, (size_t) pm->m->ndirs + 1);
	LH_NEW_ARRAY(ctx, pm->consts, (size_t) pm->m->ntuples + 1);
	if (plan->want_partition)
		LH_NEW_ARRAY(ctx, pm->json, (size_t) pm->m->ntuples + 1);
	old = lh_use(ctx, plan->result);
	status = find_consts(ctx, plan, pm);
	lh_use(ctx, old);
	return status;
}

LhStatus
lh_ice_plan_entries(LhCtx *ctx, LhIcePlan *plan, const LhIceManifestFile *line, unsigned statuses,
					LhIceEntryFn fn, void *arg)
{
	LhArena *arena = lh_arena_child(plan->work), *old;
	LhIcePlanManifest pm;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	status = open_manifest(ctx, plan, line, &pm);
	lh_use(ctx, old);
	if (status == LH_OK)
		status = entries_of(ctx, plan, &pm, statuses, fn, arg);
	lh_arena_destroy(arena);
	return status;
}

/*
 * Deletes
 */

/*
 * Are there equality ids whose statistics were not read? They are then wanted, all
 * at once, and only of fields that the table has: a manifest can name any number.
 */
static LhStatus
want_keys(LhCtx *ctx, LhIcePlan *plan, const LhIceManifest *m, bool *more)
{
	LhIceIds all = {0};
	int n = 0, before = plan->delete_ids.n;
	int32_t *ids;

	for (uint32_t s = 0; s < m->nidsets; s++)
	{
		if (m->idsets[s].n > INT32_MAX - n)
			LH_FAIL(ctx, LH_LIMIT, "a manifest of deletes has too many equality_ids");
		n += m->idsets[s].n;
	}
	LH_NEW_ARRAY(ctx, ids, (size_t) n + 1);
	n = 0;
	for (uint32_t s = 0; s < m->nidsets; s++)
	{
		memcpy(ids + n, m->idsets[s].ids, (size_t) m->idsets[s].n * sizeof(*ids));
		n += m->idsets[s].n;
	}
	LH_TRY(lh_ice_ids_add(ctx, &all, n, ids));
	n = 0;
	for (int i = 0; i < all.n; i++)
	{
		if (lh_ice_field_any(plan->table->metadata, all.ids[i]) != NULL)
			all.ids[n++] = all.ids[i];
	}
	LH_TRY(lh_ice_prune_want(ctx, plan->prune, n, all.ids));
	LH_TRY(lh_ice_ids_add(ctx, &plan->delete_ids, n, all.ids));
	*more = plan->delete_ids.n > before;
	return LH_OK;
}

static LhStatus
open_deletes(LhCtx *ctx, LhIcePlan *plan, const LhIceManifestFile *line, LhIceManifest **m)
{
	LhIceIds *ids = &plan->delete_ids;
	bool more = false;

	LH_TRY(lh_ice_ids_add(ctx, ids, 1, (const int32_t[]){LH_ID_DELETE_PATH}));
	LH_TRY(lh_ice_manifest_open(ctx, plan->table, line, ids->n, ids->ids, m));
	LH_TRY(want_keys(ctx, plan, *m, &more));
	if (!more)
		return LH_OK;
	lh_ice_manifest_close(ctx, *m);
	return lh_ice_manifest_open(ctx, plan->table, line, ids->n, ids->ids, m);
}

static LhStatus
index_deletes(LhCtx *ctx, LhIcePlan *plan, size_t n, const LhIceManifestFile *lines,
			  int64_t added_by, LhIceDeletes **out)
{
	LH_TRY(lh_ice_deletes_create(ctx, plan->table, plan->prune, &plan->files, out));
	for (size_t i = 0; i < n; i++)
	{
		LhIceManifest *m;
		bool may;

		if (!lines[i].deletes)
			continue;
		LH_TRY(lh_ice_prune_manifest(ctx, plan->prune, &lines[i], &may));
		if (!may)
		{
			LH_COUNT(ctx, MANIFESTS_PRUNED, 1);
			continue;
		}
		LH_TRY(open_deletes(ctx, plan, &lines[i], &m));
		LH_TRY(lh_ice_deletes_add(ctx, *out, &lines[i], m, added_by));
	}
	return lh_ice_deletes_finish(ctx, *out);
}

LhStatus
lh_ice_plan_deletes(LhCtx *ctx, LhIcePlan *plan, size_t n, const LhIceManifestFile *lines,
					int64_t added_by, LhIceDeletes **out)
{
	LhArena *old = lh_use(ctx, plan->work);
	LhStatus status = index_deletes(ctx, plan, n, lines, added_by, out);

	lh_use(ctx, old);
	return status;
}

/*
 * A snapshot
 */

static LhStatus
live_file(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, size_t i, const LhIceInherit *inherit,
		  uint64_t satisfied, void *arg)
{
	LhIceDeletes *deletes = arg;
	LhIceDataFile file;
	LhFileTask *task;

	LH_TRY(lh_ice_plan_file(ctx, plan, pm, i, inherit, &file));
	LH_TRY(lh_ice_plan_task(ctx, plan, pm, &file, inherit, satisfied, &task));
	if (plan->order != NULL)
		LH_TRY(lh_ice_order_add(ctx, plan->order, pm->m, i));
	if (deletes == NULL)
		return LH_OK;
	return lh_ice_deletes_find(ctx, deletes, &file, &task->ndeletes, &task->deletes);
}

static bool
has_deletes(const LhIceTable *table)
{
	for (size_t i = 0; i < table->nmanifests; i++)
	{
		if (table->manifests[i].deletes)
			return true;
	}
	return false;
}

/* Live files by the list; 0: it does not say. */
static size_t
count_files(const LhIceTable *table)
{
	int64_t n = 0;

	for (size_t i = 0; i < table->nmanifests; i++)
	{
		const LhIceManifestFile *line = &table->manifests[i];

		if (line->deletes)
			continue;
		if (line->added_files < 0 || line->existing_files < 0 ||
			__builtin_add_overflow(n, line->added_files, &n) ||
			__builtin_add_overflow(n, line->existing_files, &n))
			return 0;
	}
	return (size_t) n;
}

static LhStatus
plan_snapshot(LhCtx *ctx, LhIcePlan *plan, bool all)
{
	const LhIceTable *table = plan->table;
	LhIceDeletes *deletes = NULL; /* there are none */

	LH_TRY(lh_ice_load_list(ctx, plan->table));
	if (all)
		plan->expected = count_files(table);
	if (has_deletes(table))
		LH_TRY(lh_ice_plan_deletes(ctx, plan, table->nmanifests, table->manifests, 0, &deletes));
	for (size_t i = 0; i < table->nmanifests; i++)
	{
		const LhIceManifestFile *line = &table->manifests[i];
		bool may;

		if (line->deletes)
			continue;
		LH_TRY(lh_ice_prune_manifest(ctx, plan->prune, line, &may));
		if (may)
			LH_TRY(lh_ice_plan_entries(ctx, plan, line,
									   1u << LH_ICE_EXISTING | 1u << LH_ICE_ADDED, live_file,
									   deletes));
		else
			LH_COUNT(ctx, MANIFESTS_PRUNED, 1);
	}
	return LH_OK;
}

static bool
wants_partition(const LhIceTable *table, const LhTaskFilter *filter)
{
	if (!is_partitioned(table->metadata))
		return false;
	for (int c = 0; filter != NULL && c < filter->ncols; c++)
	{
		if (filter->cols[c].source == LH_SRC_PARTITION_TUPLE)
			return true;
	}
	return filter == NULL;
}

static LhStatus
make_plan(LhCtx *ctx, LhIcePlan *plan, const LhTaskFilter *filter, LhTaskList *out)
{
	LhArena *old = lh_use(ctx, plan->result);
	LhStatus status = lh_ice_delete_files_init(ctx, &plan->files);

	lh_use(ctx, plan->work);
	if (status == LH_OK)
		status = lh_buf_init(ctx, &plan->pieces, true);
	if (status == LH_OK)
		status = lh_buf_init(ctx, &plan->text, true);
	if (status == LH_OK)
		status = lh_ice_prune_create(ctx, plan->table, filter, &plan->prune);
	if (status == LH_OK && filter != NULL && filter->order != NULL && !plan->table->options.changes)
		status = lh_ice_order_create(ctx, plan->table, plan->prune, filter->order, &plan->order);
	if (status == LH_OK)
	{
		plan->want_partition = wants_partition(plan->table, filter);
		if (plan->want_partition)
			status = lh_ice_tuple_fields(ctx, plan->table->metadata, &plan->tuple_fields);
	}
	if (status == LH_OK)
	{
		status = plan->table->options.changes ? lh_ice_plan_changes(ctx, plan)
											  : plan_snapshot(ctx, plan, filter == NULL || filter->nfilters == 0);
	}
	if (status == LH_OK)
		status = collect(ctx, plan, out);
	lh_use(ctx, plan->result);
	if (status == LH_OK && plan->order != NULL)
		status = lh_ice_order_apply(ctx, plan->order, out);
	lh_use(ctx, old);
	return status;
}

LhStatus
lh_ice_plan(LhCtx *ctx, LhIceTable *table, const LhTaskFilter *filter, LhTaskList *out)
{
	LhIcePlan plan = {.table = table};
	LhStatus status;

	*out = (LhTaskList){0};
	LH_TRY(lh_ice_load(ctx, table));
	if (table->snapshot == NULL)
		return LH_OK;
	plan.result = lh_arena_child(ctx->arena);
	plan.work = lh_arena_child(ctx->arena);
	if (plan.result == NULL || plan.work == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(plan.result);
	lh_arena_as_floor(plan.work);
	status = make_plan(ctx, &plan, filter, out);
	lh_arena_destroy(plan.work);
	return status;
}
