/*
 * deletes.c
 *		Which deletes apply to which data file.
 *
 *	1. Delete files are sorted into groups: equality deletes of unpartitioned specs
 *	   are for all data files, all others for those of their own spec and partition
 *	   tuple; position deletes that are for one data file and deletion vectors are
 *	   found by its path.
 *	2. A data file takes, by data sequence number: equality deletes that are younger,
 *	   position deletes that are younger or as old.  Each group is ordered by
 *	   sequence, so these are its end.
 *	3. A deletion vector replaces all position deletes of its file.
 *
 * Looking up is deletes_find.c's.
 *
 * Rules: "Scan Planning" of https://iceberg.apache.org/spec/; where Java's
 * DeleteFileIndex raises an error (two vectors for one file, a vector older than
 * its file, a delete that names a file of another partition), so do we.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "iceberg/deletes.h"

LhStatus
lh_ice_delete_files_init(LhCtx *ctx, LhIceDeleteFiles *out)
{
	*out = (LhIceDeleteFiles){.arena = ctx->arena};
	LH_TRY(lh_buf_init(ctx, &out->files, true));
	LH_TRY(lh_buf_init(ctx, &out->memory, true));
	return lh_ice_intern_init(ctx, &out->lists);
}

LhStatus
lh_ice_deletes_create(LhCtx *ctx, LhIceTable *table, LhIcePrune *prune, LhIceDeleteFiles *out,
					  LhIceDeletes **deletes)
{
	LhIceDeletes *d;

	LH_NEW(ctx, d);
	d->arena = ctx->arena;
	d->table = table;
	d->prune = prune;
	d->out = out;
	{
		LhBuf *const bufs[] = {&d->manifests, &d->items,   &d->global.items, &d->groups,
							   &d->by_path,   &d->key,     &d->found,        &d->numbers,
							   &d->text,      &d->view_groups};

		for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
			LH_TRY(lh_buf_init(ctx, bufs[i], true));
	}
	d->scratch = lh_arena_child(ctx->arena);
	if (d->scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(d->scratch);
	LH_TRY(lh_ice_intern_init(ctx, &d->group_keys));
	LH_TRY(lh_ice_intern_init(ctx, &d->paths));
	*deletes = d;
	return LH_OK;
}

bool
lh_ice_deletes_empty(const LhIceDeletes *d)
{
	return d->nitems == 0;
}

/*
 * Groups
 */

/* A value so that equal ones have equal bytes. */
static LhStatus
put_value(LhCtx *ctx, LhBuf *key, const LhValue *v)
{
	LhValue x = *v;

	LH_TRY(lh_buf_putc(ctx, key, v->null ? 0 : 1));
	if (v->null)
		return LH_OK;
	switch (v->type.lane)
	{
		case LH_LANE_STR:
		case LH_LANE_FIX:
			LH_TRY(lh_buf_append(ctx, key, &v->str.len, sizeof(v->str.len)));
			return lh_buf_append(ctx, key, v->str.ptr, v->str.len);
		case LH_LANE_I128: return lh_buf_append(ctx, key, &x.i128, sizeof(x.i128));
		case LH_LANE_F32:
		case LH_LANE_F64:
			if (isnan(x.f64))
				x.f64 = NAN;
			return lh_buf_append(ctx, key, &x.f64, sizeof(x.f64));
		case LH_LANE_U8: x.i64 = (x.i64 & 0xFF) != 0; /* fall through */
		default: return lh_buf_append(ctx, key, &x.i64, sizeof(x.i64));
	}
}

/* Spec and tuple in d->key. */
LhStatus
lh_ice_delete_key(LhCtx *ctx, LhIceDeletes *d, const LhIceView *view, uint32_t tuple)
{
	d->key.len = 0;
	LH_TRY(lh_buf_append(ctx, &d->key, &view->spec->spec_id, sizeof(int)));
	for (int j = 0; j < view->spec->nfields; j++)
	{
		LhValue v;

		if (!lh_ice_view_value(view, j, tuple, &v))
		{
			/* of an unknown transform: as the manifest has it */
			if (view->parts[j] < 0)
				v = (LhValue){.null = true};
			else
				v = lh_ice_part_value(&view->m->parts[view->parts[j]], tuple);
		}
		LH_TRY(put_value(ctx, &d->key, &v));
	}
	return LH_OK;
}

static LhStatus
new_group(LhCtx *ctx, LhIceDeletes *d)
{
	LhIceDeleteGroup g = {0};

	LH_TRY(lh_buf_init(ctx, &g.equality.items, true));
	LH_TRY(lh_buf_init(ctx, &g.positions.items, true));
	return lh_buf_append(ctx, &d->groups, &g, sizeof(g));
}

/* Group of a tuple of a manifest of deletes, made when it is new. */
static LhStatus
group_of(LhCtx *ctx, LhIceDeletes *d, const LhIceDeleteSource *s, uint32_t tuple, int32_t *group)
{
	uint32_t number;
	bool added;

	if (s->groups[tuple] == -2)
	{
		LH_TRY(lh_ice_delete_key(ctx, d, s->view, tuple));
		LH_TRY(lh_ice_intern_put(ctx, &d->group_keys, d->key.data, d->key.len, &number, &added));
		if (added)
			LH_TRY(new_group(ctx, d));
		s->groups[tuple] = number;
	}
	*group = (int32_t) s->groups[tuple];
	return LH_OK;
}

/*
 * Entries
 */

LhStatus
lh_ice_bad_delete(LhCtx *ctx, const LhIceDeleteSource *s, uint32_t entry, const char *what)
{
	LhSlice name = {0};

	lh_ice_bytes(&s->m->names, entry, &name);
	LH_FAIL(ctx, LH_CORRUPT, "%s: delete file \"%.*s\" %s", s->line->path,
			name.len > 300 ? 300 : (int) name.len, (const char *) name.data, what);
}

/*
 * The one data file that a position delete file is for, as written: by its field, or
 * because the least path in it is the greatest one.
 */
static bool
names_one_file(const LhIceManifest *m, uint32_t entry, LhSlice *path)
{
	const LhIceStats *stats = lh_ice_manifest_stats(m, LH_ID_DELETE_PATH);
	LhSlice upper;

	if (lh_ice_bytes(&m->referenced, entry, path))
		return true;
	return stats != NULL && lh_ice_bytes(&stats->lower, entry, path) &&
		   lh_ice_bytes(&stats->upper, entry, &upper) && path->len == upper.len &&
		   memcmp(path->data, upper.data, upper.len) == 0 && path->len > 0;
}

/* A path to compare with those that are opened; valid until the next one. */
static LhStatus
form_of(LhCtx *ctx, LhIceDeletes *d, LhSlice raw, const char **path)
{
	LhArena *old;
	LhStatus status;

	lh_arena_reset(d->scratch);
	old = lh_use(ctx, d->scratch);
	status = lh_ice_path_form(ctx, &d->table->paths, (const char *) raw.data, raw.len, path);
	lh_use(ctx, old);
	return status;
}

static LhStatus
add_by_path(LhCtx *ctx, LhIceDeletes *d, const LhIceDeleteSource *s, uint32_t number, bool vector,
			LhSlice raw)
{
	LhIceDeleteItem *item = lh_ice_delete_item(d, number);
	LhIceDeletePath *at;
	const char *path;
	uint32_t p;
	bool added;

	LH_TRY(form_of(ctx, d, raw, &path));
	LH_TRY(lh_ice_intern_put(ctx, &d->paths, path, strlen(path), &p, &added));
	if (added)
		LH_TRY(lh_buf_append(ctx, &d->by_path, &(LhIceDeletePath){-1, -1}, sizeof(LhIceDeletePath)));
	at = lh_ice_delete_path(d, p);
	if (!vector)
	{
		item->next = at->positions;
		at->positions = (int32_t) number;
		return LH_OK;
	}
	if (at->vector >= 0)
	{
		const LhIceDeleteItem *other = lh_ice_delete_item(d, (uint32_t) at->vector);

		lh_fail(ctx, LH_CORRUPT, "data file \"%.300s\" has two deletion vectors", path);
		lh_detail(ctx, "They stand in manifests %.300s and %.300s.", lh_ice_delete_source(d, other)->line->path,
				  s->line->path);
		return LH_CORRUPT;
	}
	at->vector = (int32_t) number;
	return LH_OK;
}

static LhStatus
add_vector(LhCtx *ctx, LhIceDeletes *d, const LhIceDeleteSource *s, uint32_t number)
{
	uint32_t entry = lh_ice_delete_item(d, number)->entry;
	LhSlice path;

	if (!lh_ice_bytes(&s->m->referenced, entry, &path))
		return lh_ice_bad_delete(ctx, s, entry, "is a deletion vector without referenced_data_file");
	if (lh_ice_int(&s->m->offset, entry) == LH_ICE_NONE ||
		lh_ice_int(&s->m->length, entry) == LH_ICE_NONE)
		return lh_ice_bad_delete(ctx, s, entry,
						  "is a deletion vector without content_offset or content_size_in_bytes");
	return add_by_path(ctx, d, s, number, true, path);
}

static LhStatus
add_to(LhCtx *ctx, LhIceDeleteItems *items, uint32_t number)
{
	items->n++;
	return lh_buf_append(ctx, &items->items, &number, sizeof(number));
}

static LhStatus
add_equality(LhCtx *ctx, LhIceDeletes *d, const LhIceDeleteSource *s, const LhIceDeleteItem *item,
			 uint32_t number)
{
	int64_t set = lh_ice_int(&s->m->ids, item->entry);

	if (set == LH_ICE_NONE || s->m->idsets[set].n == 0)
		return lh_ice_bad_delete(ctx, s, item->entry, "has equality deletes, but no equality_ids");
	if (s->no_keys[set] >= 0)
	{
		char what[96];

		snprintf(what, sizeof(what), "has wrong equality_ids: field %d is not one value of a row",
				 s->no_keys[set]);
		return lh_ice_bad_delete(ctx, s, item->entry, what);
	}
	if (!lh_ice_prune_keys(d->prune, s->m, item->entry, s->m->idsets[set].n, s->m->idsets[set].ids))
		return LH_OK;
	return add_to(ctx, s->view->spec->unpartitioned ? &d->global
													: &lh_ice_delete_group(d, item->group)->equality,
				  number);
}

static LhStatus
add_item(LhCtx *ctx, LhIceDeletes *d, const LhIceDeleteSource *s, uint32_t entry, int64_t sequence)
{
	LhIceDeleteItem item = {.manifest = d->nmanifests - 1, .entry = entry, .sequence = sequence, .out = -1,
				 .next = -1};
	int64_t format = lh_ice_int(&s->m->format, entry);
	uint32_t number = d->nitems;
	LhSlice path;

	LH_TRY(group_of(ctx, d, s, (uint32_t) lh_ice_int(&s->m->tuple, entry), &item.group));
	LH_TRY(lh_buf_append(ctx, &d->items, &item, sizeof(item)));
	d->nitems++;
	switch (lh_ice_int(&s->m->content, entry))
	{
		case LH_ICE_EQUALITY_DELETES: return add_equality(ctx, d, s, &item, number);
		case LH_ICE_POSITION_DELETES:
			if (format == LH_ICE_PUFFIN)
				return add_vector(ctx, d, s, number);
			if (names_one_file(s->m, entry, &path))
				return add_by_path(ctx, d, s, number, false, path);
			return add_to(ctx, &lh_ice_delete_group(d, item.group)->positions, number);
		default: return lh_ice_bad_delete(ctx, s, entry, "is a data file");
	}
}

/* Is the field, somewhere in type, nested or one of a list's or map's? */
static bool
is_no_key(const LhType *type, int id, bool repeated)
{
	for (int i = 0; i < type->nfields; i++)
	{
		const LhField *f = &type->fields[i];

		if (f->field_id == id)
			return repeated || lh_type_is_nested(&f->type);
		if (is_no_key(&f->type, id, repeated || f->type.id != LH_T_STRUCT))
			return true;
	}
	return false;
}

/* As is_no_key, in any schema of the table. */
static bool
is_no_key_of(const LhIceMetadata *m, int id)
{
	for (int i = 0; i < m->nschemas; i++)
		if (is_no_key(&m->schemas[i].root, id, false))
			return true;
	return false;
}

/* Types of the fields that equality ids name; NULL: manifests say nothing of what is read there. */
static LhStatus
find_types(LhCtx *ctx, const LhIceDeletes *d, LhIceDeleteSource *s)
{
	uint32_t *from, n = 0;
	int *no_keys;

	LH_NEW_ARRAY(ctx, from, (size_t) s->m->nidsets + 1);
	for (uint32_t i = 0; i < s->m->nidsets; i++)
	{
		from[i] = n;
		n += (uint32_t) s->m->idsets[i].n;
	}
	s->type_from = from;
	LH_NEW_ARRAY(ctx, s->types, (size_t) n + 1);
	LH_NEW_ARRAY(ctx, no_keys, (size_t) s->m->nidsets + 1);
	s->no_keys = no_keys;
	for (uint32_t i = 0; i < s->m->nidsets; i++)
	{
		no_keys[i] = -1;
		for (int k = 0; k < s->m->idsets[i].n; k++)
		{
			int id = s->m->idsets[i].ids[k];
			const LhField *f = lh_ice_field_any(d->table->metadata, id);

			if (f != NULL && !lh_type_is_nested(&f->type) &&
				lh_ice_field_described(d->table->metadata, id))
				s->types[from[i] + (uint32_t) k] = &f->type;
			if (f != NULL && is_no_key_of(d->table->metadata, s->m->idsets[i].ids[k]))
				no_keys[i] = s->m->idsets[i].ids[k];
		}
	}
	return LH_OK;
}

static LhStatus
add_source(LhCtx *ctx, LhIceDeletes *d, const LhIceManifestFile *line, LhIceManifest *m,
		   LhIceDeleteSource *s)
{
	*s = (LhIceDeleteSource){.m = m, .line = line};
	LH_TRY(lh_ice_view_create(ctx, d->prune, line->spec_id, m, &s->view));
	LH_TRY(find_types(ctx, d, s));
	LH_NEW_ARRAY(ctx, s->groups, (size_t) m->ntuples + 1);
	for (uint32_t t = 0; t < m->ntuples; t++)
		s->groups[t] = -2;
	d->nmanifests++;
	return lh_buf_append(ctx, &d->manifests, s, sizeof(*s));
}

static LhStatus
add_items(LhCtx *ctx, LhIceDeletes *d, const LhIceManifestFile *line, LhIceManifest *m,
		  int64_t added_by)
{
	LhIceInherit inherit = {0};
	LhIceDeleteSource s;

	LH_TRY(add_source(ctx, d, line, m, &s));
	for (size_t i = 0; i < m->n; i++)
	{
		int64_t status = lh_ice_int(&m->status, i);

		if (i % 1024 == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(lh_ice_inherit(ctx, line, m, i, &inherit));
		if (status == LH_ICE_DELETED ||
			(added_by != 0 && (status != LH_ICE_ADDED || inherit.snapshot != added_by)))
			continue;
		LH_TRY(add_item(ctx, d, &s, (uint32_t) i, inherit.sequence));
	}
	return LH_OK;
}

LhStatus
lh_ice_deletes_add(LhCtx *ctx, LhIceDeletes *d, const LhIceManifestFile *line, LhIceManifest *m,
				   int64_t added_by)
{
	LhArena *old = lh_use(ctx, d->arena);
	LhStatus status = add_items(ctx, d, line, m, added_by);

	lh_use(ctx, old);
	return status;
}

/*
 * Order
 */

typedef struct SortKey
{
	int64_t sequence;
	uint32_t item;
} SortKey;

static int
compare_keys(const void *a, const void *b)
{
	const SortKey *x = a, *y = b;

	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

static LhStatus
sort_items(LhCtx *ctx, const LhIceDeletes *d, LhIceDeleteItems *items)
{
	uint32_t *numbers = (uint32_t *) (void *) items->items.data;
	SortKey *keys;

	if (items->n < 2)
		return LH_OK;
	LH_NEW_ARRAY(ctx, keys, items->n);
	for (uint32_t i = 0; i < items->n; i++)
		keys[i] = (SortKey){lh_ice_delete_item(d, numbers[i])->sequence, numbers[i]};
	qsort(keys, items->n, sizeof(*keys), compare_keys);
	for (uint32_t i = 0; i < items->n; i++)
		numbers[i] = keys[i].item;
	return LH_OK;
}

LhStatus
lh_ice_deletes_finish(LhCtx *ctx, LhIceDeletes *d)
{
	LhArena *old = lh_use(ctx, d->arena);
	LhStatus status = sort_items(ctx, d, &d->global);

	for (uint32_t g = 0; g < d->group_keys.n && status == LH_OK; g++)
	{
		status = sort_items(ctx, d, &lh_ice_delete_group(d, g)->equality);
		if (status == LH_OK)
			status = sort_items(ctx, d, &lh_ice_delete_group(d, g)->positions);
	}
	lh_use(ctx, old);
	return status;
}
