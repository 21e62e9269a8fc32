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
 *	3. What bounds show to be for other files is left out: file paths of position
 *	   deletes, keys of equality deletes.  Looking is bounded (MAX_COMPARISONS):
 *	   beyond, files take the whole end of the group, which is never wrong.
 *	4. A deletion vector replaces all position deletes of its file.
 *
 * Lists are kept once each, and the whole end of a group is no list of its own, so
 * that memory stays small however many files share deletes.
 *
 * Rules: "Scan Planning" of https://iceberg.apache.org/spec/; where Java's
 * DeleteFileIndex raises an error (two vectors for one file, a vector older than
 * its file, a delete that names a file of another partition), so do we.
 */
#include <math.h>
#include <stdlib.h>

#include "iceberg/plan.h"
#include "vec/value.h"

/* Pairs of a data file and a delete file whose bounds are compared for one plan. */
#define MAX_COMPARISONS 20000000

/* A delete file. */
typedef struct Item
{
	uint32_t manifest; /* in d->manifests */
	uint32_t entry;
	int64_t sequence;
	int32_t out;   /* number in the task list; -1: not given out */
	int32_t next;  /* of those for one path; -1 */
	int32_t group; /* of its spec and tuple */
} Item;

/* Of one kind, ordered by sequence. */
typedef struct Items
{
	LhBuf items; /* uint32_t, in d->items */
	uint32_t n;
	uint32_t *out; /* once asked for: their numbers in the task list */
} Items;

typedef struct Group
{
	Items equality;
	Items positions;
	/* position deletes by bounds of the paths in them */
	bool indexed;
	LhStr root; /* scheme and authority of the paths */
	uint32_t nranges;
	struct Range
	{
		LhStr lower;
		LhStr upper;
		LhStr most; /* greatest upper up to here */
		uint32_t item;
	} *ranges;      /* by lower */
	uint32_t nothers;
	uint32_t *others; /* without bounds, or of another root */
} Group;

typedef struct Source
{
	LhIceManifest *m;
	const LhIceManifestFile *line;
	LhIceView *view;
	int64_t *groups;           /* by tuple; -2: not looked up */
	const LhType **types;      /* of keys: those of each set, one after the other; NULL: unknown */
	const uint32_t *type_from; /* by set */
} Source;

struct LhIceDeletes
{
	LhArena *arena;
	LhIceTable *table;
	LhIcePrune *prune;
	LhBuf manifests; /* Source */
	uint32_t nmanifests;
	LhBuf items;
	uint32_t nitems;
	Items global; /* equality deletes for all */
	LhIceIntern group_keys;
	LhBuf groups;
	LhIceIntern paths; /* of data files that deletes name */
	LhBuf by_path;     /* PathEntry */
	LhIceDeleteFiles *out;
	int64_t comparisons;
	LhArena *scratch;
	LhBuf key, found, numbers, text;
	/* the view that was asked for last */
	uint64_t view;
	LhBuf view_groups; /* int64_t by tuple */
};

typedef struct PathEntry
{
	int32_t vector; /* -1 */
	int32_t positions;
} PathEntry;

static Item *
item_at(const LhIceDeletes *d, uint32_t i)
{
	return (Item *) (void *) d->items.data + i;
}

static Source *
source_of(const LhIceDeletes *d, const Item *item)
{
	return (Source *) (void *) d->manifests.data + item->manifest;
}

static Group *
group_at(const LhIceDeletes *d, int64_t i)
{
	return (Group *) (void *) d->groups.data + i;
}

static PathEntry *
path_at(const LhIceDeletes *d, int64_t i)
{
	return (PathEntry *) (void *) d->by_path.data + i;
}

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
static LhStatus
make_key(LhCtx *ctx, LhIceDeletes *d, const LhIceView *view, uint32_t tuple)
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
	Group g = {0};

	LH_TRY(lh_buf_init(ctx, &g.equality.items, true));
	LH_TRY(lh_buf_init(ctx, &g.positions.items, true));
	return lh_buf_append(ctx, &d->groups, &g, sizeof(g));
}

/* Group of a tuple of a manifest of deletes, made when it is new. */
static LhStatus
group_of(LhCtx *ctx, LhIceDeletes *d, const Source *s, uint32_t tuple, int32_t *group)
{
	uint32_t number;
	bool added;

	if (s->groups[tuple] == -2)
	{
		LH_TRY(make_key(ctx, d, s->view, tuple));
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

static LhStatus
bad_delete(LhCtx *ctx, const Source *s, uint32_t entry, const char *what)
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
add_by_path(LhCtx *ctx, LhIceDeletes *d, const Source *s, uint32_t number, bool vector,
			LhSlice raw)
{
	Item *item = item_at(d, number);
	PathEntry *at;
	const char *path;
	uint32_t p;
	bool added;

	LH_TRY(form_of(ctx, d, raw, &path));
	LH_TRY(lh_ice_intern_put(ctx, &d->paths, path, strlen(path), &p, &added));
	if (added)
		LH_TRY(lh_buf_append(ctx, &d->by_path, &(PathEntry){-1, -1}, sizeof(PathEntry)));
	at = path_at(d, p);
	if (!vector)
	{
		item->next = at->positions;
		at->positions = (int32_t) number;
		return LH_OK;
	}
	if (at->vector >= 0)
	{
		const Item *other = item_at(d, (uint32_t) at->vector);

		lh_fail(ctx, LH_CORRUPT, "data file \"%.300s\" has two deletion vectors", path);
		lh_detail(ctx, "They stand in manifests %.300s and %.300s.", source_of(d, other)->line->path,
				  s->line->path);
		return LH_CORRUPT;
	}
	at->vector = (int32_t) number;
	return LH_OK;
}

static LhStatus
add_vector(LhCtx *ctx, LhIceDeletes *d, const Source *s, uint32_t number)
{
	uint32_t entry = item_at(d, number)->entry;
	LhSlice path;

	if (!lh_ice_bytes(&s->m->referenced, entry, &path))
		return bad_delete(ctx, s, entry, "is a deletion vector without referenced_data_file");
	if (lh_ice_int(&s->m->offset, entry) == LH_ICE_NONE ||
		lh_ice_int(&s->m->length, entry) == LH_ICE_NONE)
		return bad_delete(ctx, s, entry,
						  "is a deletion vector without content_offset or content_size_in_bytes");
	return add_by_path(ctx, d, s, number, true, path);
}

static LhStatus
add_to(LhCtx *ctx, Items *items, uint32_t number)
{
	items->n++;
	return lh_buf_append(ctx, &items->items, &number, sizeof(number));
}

static LhStatus
add_equality(LhCtx *ctx, LhIceDeletes *d, const Source *s, const Item *item, uint32_t number)
{
	int64_t set = lh_ice_int(&s->m->ids, item->entry);

	if (set == LH_ICE_NONE || s->m->idsets[set].n == 0)
		return bad_delete(ctx, s, item->entry, "has equality deletes, but no equality_ids");
	return add_to(ctx, s->view->spec->unpartitioned ? &d->global
													: &group_at(d, item->group)->equality,
				  number);
}

static LhStatus
add_item(LhCtx *ctx, LhIceDeletes *d, const Source *s, uint32_t entry, int64_t sequence)
{
	Item item = {.manifest = d->nmanifests - 1, .entry = entry, .sequence = sequence, .out = -1,
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
			return add_to(ctx, &group_at(d, item.group)->positions, number);
		default: return bad_delete(ctx, s, entry, "is a data file");
	}
}

/* Types of the fields that equality ids name. */
static LhStatus
find_types(LhCtx *ctx, const LhIceDeletes *d, Source *s)
{
	uint32_t *from, n = 0;

	LH_NEW_ARRAY(ctx, from, (size_t) s->m->nidsets + 1);
	for (uint32_t i = 0; i < s->m->nidsets; i++)
	{
		from[i] = n;
		n += (uint32_t) s->m->idsets[i].n;
	}
	s->type_from = from;
	LH_NEW_ARRAY(ctx, s->types, (size_t) n + 1);
	for (uint32_t i = 0; i < s->m->nidsets; i++)
	{
		for (int k = 0; k < s->m->idsets[i].n; k++)
		{
			const LhField *f = lh_ice_field_any(d->table->metadata, s->m->idsets[i].ids[k]);

			if (f != NULL && !lh_type_is_nested(&f->type))
				s->types[from[i] + (uint32_t) k] = &f->type;
		}
	}
	return LH_OK;
}

static LhStatus
add_source(LhCtx *ctx, LhIceDeletes *d, const LhIceManifestFile *line, LhIceManifest *m, Source *s)
{
	*s = (Source){.m = m, .line = line};
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
	Source s;

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
sort_items(LhCtx *ctx, const LhIceDeletes *d, Items *items)
{
	uint32_t *numbers = (uint32_t *) (void *) items->items.data;
	SortKey *keys;

	if (items->n < 2)
		return LH_OK;
	LH_NEW_ARRAY(ctx, keys, items->n);
	for (uint32_t i = 0; i < items->n; i++)
		keys[i] = (SortKey){item_at(d, numbers[i])->sequence, numbers[i]};
	qsort(keys, items->n, sizeof(*keys), compare_keys);
	for (uint32_t i = 0; i < items->n; i++)
		numbers[i] = keys[i].item;
	return LH_OK;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct Range *x = a, *y = b;
	int c = lh_bytes_compare(x->lower, y->lower);

	return c != 0 ? c : x->item < y->item ? -1 : 1;
}

/* "s3://bucket/", "file:///", "/": what paths must share before they can be compared. */
static uint32_t
root_length(LhStr path)
{
	const uint8_t *colon = memchr(path.ptr, ':', path.len);
	const uint8_t *end = path.ptr + path.len, *p;

	if (colon == NULL || memchr(path.ptr, '/', (size_t) (colon - path.ptr)) != NULL)
		p = path.ptr;
	else
	{
		p = colon + 1;
		if (end - p >= 3 && p[0] == '/' && p[1] == '/' && p[2] != '/')
			for (p += 2; p < end && *p != '/'; p++)
				;
	}
	while (p < end && *p == '/')
		p++;
	return (uint32_t) (p - path.ptr);
}

static bool
begins_with(LhStr s, LhStr prefix)
{
	return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

/* Paths that position deletes of a group are for, by their bounds. */
static LhStatus
index_paths(LhCtx *ctx, const LhIceDeletes *d, Group *g)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) g->positions.items.data;

	g->indexed = true;
	LH_NEW_ARRAY(ctx, g->ranges, (size_t) g->positions.n + 1);
	LH_NEW_ARRAY(ctx, g->others, (size_t) g->positions.n + 1);
	for (uint32_t i = 0; i < g->positions.n; i++)
	{
		const Item *item = item_at(d, numbers[i]);
		const LhIceStats *stats = lh_ice_manifest_stats(source_of(d, item)->m, LH_ID_DELETE_PATH);
		struct Range r = {.item = numbers[i]};
		LhSlice lower, upper;
		bool known = stats != NULL && lh_ice_bytes(&stats->lower, item->entry, &lower) &&
					 lh_ice_bytes(&stats->upper, item->entry, &upper);

		if (known)
		{
			r.lower = (LhStr){lower.data, (uint32_t) lower.len, 0};
			r.upper = (LhStr){upper.data, (uint32_t) upper.len, 0};
			if (g->nranges == 0)
				g->root = (LhStr){r.lower.ptr, root_length(r.lower), 0};
			known = begins_with(r.lower, g->root) && begins_with(r.upper, g->root) &&
					root_length(r.lower) == g->root.len && g->root.len > 0;
		}
		if (known)
			g->ranges[g->nranges++] = r;
		else
			g->others[g->nothers++] = numbers[i];
	}
	qsort(g->ranges, g->nranges, sizeof(*g->ranges), compare_ranges);
	for (uint32_t i = 0; i < g->nranges; i++)
	{
		g->ranges[i].most = g->ranges[i].upper;
		if (i > 0 && lh_bytes_compare(g->ranges[i - 1].most, g->ranges[i].upper) > 0)
			g->ranges[i].most = g->ranges[i - 1].most;
	}
	return LH_OK;
}

LhStatus
lh_ice_deletes_finish(LhCtx *ctx, LhIceDeletes *d)
{
	LhArena *old = lh_use(ctx, d->arena);
	LhStatus status = sort_items(ctx, d, &d->global);

	for (uint32_t g = 0; g < d->group_keys.n && status == LH_OK; g++)
	{
		status = sort_items(ctx, d, &group_at(d, g)->equality);
		if (status == LH_OK)
			status = sort_items(ctx, d, &group_at(d, g)->positions);
	}
	lh_use(ctx, old);
	return status;
}

/*
 * What is given out
 */

static LhStatus
describe(LhCtx *ctx, LhIceDeletes *d, const Item *item, LhDeleteFile *f)
{
	const Source *s = source_of(d, item);
	int64_t format = lh_ice_int(&s->m->format, item->entry);
	LhSlice key;

	*f = (LhDeleteFile){.size = lh_ice_int(&s->m->size, item->entry),
						.records = lh_ice_int(&s->m->records, item->entry)};
	LH_TRY(lh_ice_manifest_path(ctx, s->m, item->entry, &d->text));
	LH_TRY(lh_ice_path(ctx, &d->table->paths, "delete file", s->line->path,
					   (const char *) d->text.data, d->text.len, &f->path));
	if (lh_ice_bytes(&s->m->keys, item->entry, &key) && key.len > 0)
	{
		f->key_metadata = lh_slice(lh_memdup(ctx, key.data, key.len), key.len);
		if (f->key_metadata.data == NULL)
			return ctx->error->code;
	}
	if (lh_ice_int(&s->m->content, item->entry) == LH_ICE_EQUALITY_DELETES)
	{
		const struct LhIceIdSet *set = &s->m->idsets[lh_ice_int(&s->m->ids, item->entry)];

		f->kind = LH_DELETE_EQUALITY;
		f->nids = set->n;
		f->ids = lh_memdup(ctx, set->ids, (size_t) set->n * sizeof(int));
		if (f->ids == NULL)
			return ctx->error->code;
	}
	else if (format == LH_ICE_PUFFIN)
	{
		f->kind = LH_DELETE_VECTOR;
		f->offset = lh_ice_int(&s->m->offset, item->entry);
		f->length = lh_ice_int(&s->m->length, item->entry);
		f->bare = d->table->options.legacy_vectors;
		return LH_OK;
	}
	else
		f->kind = LH_DELETE_POSITIONS;
	if (format >= LH_N_FILE_FORMATS)
		return bad_delete(ctx, s, item->entry, "has a format that is none of avro, orc and parquet");
	f->format = (LhFileFormat) format;
	return LH_OK;
}

static LhStatus
give_out(LhCtx *ctx, LhIceDeletes *d, uint32_t number, uint32_t *out)
{
	Item *item = item_at(d, number);

	if (item->out < 0)
	{
		LhArena *old = lh_use(ctx, d->out->arena);
		LhDeleteFile f;
		LhStatus status = describe(ctx, d, item, &f);

		if (status == LH_OK)
			status = lh_buf_append(ctx, &d->out->files, &f, sizeof(f));
		lh_use(ctx, old);
		LH_TRY(status);
		item->out = (int32_t) d->out->n++;
	}
	*out = (uint32_t) item->out;
	return LH_OK;
}

/* All of a group's numbers, so that its ends can be shared. */
static LhStatus
give_out_all(LhCtx *ctx, LhIceDeletes *d, Items *items)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) items->items.data;
	LhArena *old;

	if (items->out != NULL)
		return LH_OK;
	old = lh_use(ctx, d->out->arena);
	items->out = lh_alloc_array(ctx, (size_t) items->n + 1, sizeof(*items->out));
	lh_use(ctx, old);
	if (items->out == NULL)
		return ctx->error->code;
	for (uint32_t i = 0; i < items->n; i++)
		LH_TRY(give_out(ctx, d, numbers[i], &items->out[i]));
	return LH_OK;
}

/* A list of items, kept once. */
static LhStatus
keep_list(LhCtx *ctx, LhIceDeletes *d, const uint32_t *items, uint32_t n, const uint32_t **out)
{
	uint32_t number;
	bool added;

	d->numbers.len = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t v;

		LH_TRY(give_out(ctx, d, items[i], &v));
		LH_TRY(lh_buf_append(ctx, &d->numbers, &v, sizeof(v)));
	}
	LH_TRY(lh_ice_intern_put(ctx, &d->out->lists, d->numbers.data, d->numbers.len, &number,
							 &added));
	if (added)
	{
		LhArena *old = lh_use(ctx, d->out->arena);
		uint32_t *list = lh_memdup(ctx, d->numbers.data, d->numbers.len);

		lh_use(ctx, old);
		if (list == NULL)
			return ctx->error->code;
		LH_TRY(lh_buf_append(ctx, &d->out->memory, &list, sizeof(list)));
	}
	*out = ((const uint32_t *const *) (const void *) d->out->memory.data)[number];
	return LH_OK;
}

/*
 * Looking up
 */

/* First item of a sequence of at least "from". */
static uint32_t
first_from(const LhIceDeletes *d, const Items *items, int64_t from)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) items->items.data;
	uint32_t lo = 0, hi = items->n;

	while (lo < hi)
	{
		uint32_t mid = lo + (hi - lo) / 2;

		if (item_at(d, numbers[mid])->sequence < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Can rows of a data file be equal to keys of a delete file in one column, by
 * what is known of both?
 */
static bool
may_be_equal(const LhBounds *data, const LhBounds *keys)
{
	bool null = data->nulls != 0 && keys->nulls != 0, value = true;

	if ((data->rows >= 0 && data->nulls == data->rows) ||
		(keys->rows >= 0 && keys->nulls == keys->rows))
		value = false;
	else if (data->known && keys->known && !(data->may_nan && keys->may_nan))
	{
		if (data->has_min && keys->has_max && lh_value_compare(&data->min, &keys->max) > 0)
			value = false;
		if (data->has_max && keys->has_min && lh_value_compare(&data->max, &keys->min) < 0)
			value = false;
	}
	return null || value;
}

static bool
may_delete_by_key(LhIceDeletes *d, const LhIceDataFile *file, const Item *item)
{
	const Source *s = source_of(d, item);
	int64_t number = lh_ice_int(&s->m->ids, item->entry);
	const struct LhIceIdSet *set = &s->m->idsets[number];
	int64_t records = lh_ice_int(&file->view->m->records, file->entry);

	for (int k = 0; k < set->n; k++)
	{
		const LhType *type = s->types[s->type_from[number] + (uint32_t) k];
		const LhIceStats *stats = lh_ice_manifest_stats(file->view->m, set->ids[k]);
		LhBounds data, keys;

		/* a column that the file lacks has its default there, of which bounds say nothing */
		if (type == NULL || stats == NULL)
			continue;
		lh_ice_stats_bounds(stats, type, file->entry, records, &data);
		lh_ice_stats_bounds(lh_ice_manifest_stats(s->m, set->ids[k]), type, item->entry,
							lh_ice_int(&s->m->records, item->entry), &keys);
		if (!may_be_equal(&data, &keys))
			return false;
	}
	return true;
}

static LhStatus
find_equality(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, const Items *items)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) items->items.data;
	uint32_t from = first_from(d, items, file->sequence + 1);
	bool look = d->comparisons + items->n - from <= MAX_COMPARISONS;

	d->comparisons += look ? items->n - from : 0;
	for (uint32_t i = from; i < items->n; i++)
	{
		if (!look || may_delete_by_key(d, file, item_at(d, numbers[i])))
			LH_TRY(lh_buf_append(ctx, &d->found, &numbers[i], sizeof(numbers[i])));
	}
	return LH_OK;
}

/* Position deletes for all files of a partition. */
static LhStatus
find_positions(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, Group *g)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) g->positions.items.data;
	uint32_t lo = 0, hi;

	if (g->positions.n == 0)
		return LH_OK;
	if (!g->indexed)
		LH_TRY(index_paths(ctx, d, g));
	if (d->comparisons > MAX_COMPARISONS || g->nranges == 0 || root_length(file->raw) != g->root.len ||
		!begins_with(file->raw, g->root))
	{
		uint32_t from = first_from(d, &g->positions, file->sequence);

		return lh_buf_append(ctx, &d->found, numbers + from,
							 (size_t) (g->positions.n - from) * sizeof(*numbers));
	}
	for (uint32_t i = 0; i < g->nothers; i++)
	{
		if (item_at(d, g->others[i])->sequence >= file->sequence)
			LH_TRY(lh_buf_append(ctx, &d->found, &g->others[i], sizeof(uint32_t)));
	}
	hi = g->nranges;
	while (lo < hi)
	{
		uint32_t mid = lo + (hi - lo) / 2;

		if (lh_bytes_compare(g->ranges[mid].lower, file->raw) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	d->comparisons += g->nothers;
	for (uint32_t i = lo; i-- > 0 && lh_bytes_compare(g->ranges[i].most, file->raw) >= 0;)
	{
		d->comparisons++;
		if (lh_bytes_compare(g->ranges[i].upper, file->raw) >= 0 &&
			item_at(d, g->ranges[i].item)->sequence >= file->sequence)
			LH_TRY(lh_buf_append(ctx, &d->found, &g->ranges[i].item, sizeof(uint32_t)));
	}
	return LH_OK;
}

static LhStatus
wrong_partition(LhCtx *ctx, const LhIceDeletes *d, const LhIceDataFile *file, const Item *item)
{
	const Source *s = source_of(d, item);
	LhSlice name = {0};

	lh_ice_bytes(&s->m->names, item->entry, &name);
	lh_fail(ctx, LH_CORRUPT,
			"%s: delete file \"%.*s\" has another partition than the data file \"%.300s\" that it is for",
			s->line->path, name.len > 300 ? 300 : (int) name.len, (const char *) name.data,
			file->path);
	lh_detail(ctx, "A delete applies to data files of its own partition spec and values only.");
	return LH_CORRUPT;
}

/* Deletes that name this file.  *vector: a deletion vector does. */
static LhStatus
find_by_path(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, int64_t group, bool *vector)
{
	int64_t p = d->paths.n == 0
					? -1
					: lh_ice_intern_find(&d->paths, file->path, strlen(file->path));
	const PathEntry *at;

	*vector = false;
	if (p < 0)
		return LH_OK;
	at = path_at(d, p);
	if (at->vector >= 0)
	{
		const Item *item = item_at(d, (uint32_t) at->vector);
		uint32_t number = (uint32_t) at->vector;

		if (item->group != group)
			return wrong_partition(ctx, d, file, item);
		if (item->sequence < file->sequence)
			LH_FAIL(ctx, LH_CORRUPT,
					"%s: the deletion vector for \"%.300s\" has data sequence number %lld, the file "
					"has %lld",
					source_of(d, item)->line->path, file->path, (long long) item->sequence,
					(long long) file->sequence);
		*vector = true;
		return lh_buf_append(ctx, &d->found, &number, sizeof(number));
	}
	for (int32_t i = at->positions; i >= 0; i = item_at(d, (uint32_t) i)->next)
	{
		const Item *item = item_at(d, (uint32_t) i);
		uint32_t number = (uint32_t) i;

		if (item->sequence < file->sequence)
			continue;
		if (item->group != group)
			return wrong_partition(ctx, d, file, item);
		LH_TRY(lh_buf_append(ctx, &d->found, &number, sizeof(number)));
	}
	return LH_OK;
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/* Group of a data file's tuple; -1: no delete has it. */
static LhStatus
find_group(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, int64_t *group)
{
	uint32_t tuple = (uint32_t) lh_ice_int(&file->view->m->tuple, file->entry);

	int64_t *groups;

	if (d->view != file->view->serial)
	{
		d->view_groups.len = 0;
		LH_TRY(lh_buf_reserve(ctx, &d->view_groups,
							  ((size_t) file->view->m->ntuples + 1) * sizeof(int64_t)));
		for (uint32_t t = 0; t < file->view->m->ntuples; t++)
			((int64_t *) (void *) d->view_groups.data)[t] = -2;
		d->view = file->view->serial;
	}
	groups = (int64_t *) (void *) d->view_groups.data;
	if (groups[tuple] == -2)
	{
		LH_TRY(make_key(ctx, d, file->view, tuple));
		groups[tuple] = lh_ice_intern_find(&d->group_keys, d->key.data, d->key.len);
	}
	*group = groups[tuple];
	return LH_OK;
}

/* When all there is to apply is the end of one group, and too much to look at: that end itself. */
static LhStatus
share_end(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, Group *g, int *n,
		  const uint32_t **out)
{
	struct
	{
		Items *items;
		int64_t from;
	} lists[3] = {{&d->global, file->sequence + 1},
				  {g != NULL ? &g->equality : NULL, file->sequence + 1},
				  {g != NULL ? &g->positions : NULL, file->sequence}};
	Items *only = NULL;
	uint32_t from = 0;

	*n = -1;
	if (d->comparisons <= MAX_COMPARISONS)
		return LH_OK;
	for (int k = 0; k < 3; k++)
	{
		uint32_t at = lists[k].items == NULL ? 0 : first_from(d, lists[k].items, lists[k].from);

		if (lists[k].items == NULL || at == lists[k].items->n)
			continue;
		if (only != NULL)
			return LH_OK;
		only = lists[k].items;
		from = at;
	}
	if (only == NULL)
		return LH_OK;
	LH_TRY(give_out_all(ctx, d, only));
	*n = (int) (only->n - from);
	*out = only->out + from;
	return LH_OK;
}

static LhStatus
find(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, int *n, const uint32_t **out)
{
	int64_t group = -1;
	bool vector;
	Group *g;
	uint32_t *found;
	size_t by_path;

	*n = 0;
	*out = NULL;
	LH_TRY(find_group(ctx, d, file, &group));
	g = group >= 0 ? group_at(d, group) : NULL;
	d->found.len = 0;
	LH_TRY(find_by_path(ctx, d, file, group, &vector));
	by_path = d->found.len;
	if (by_path == 0)
	{
		LH_TRY(share_end(ctx, d, file, g, n, out));
		if (*n >= 0)
			return LH_OK;
		*n = 0;
	}
	LH_TRY(find_equality(ctx, d, file, &d->global));
	if (g != NULL)
		LH_TRY(find_equality(ctx, d, file, &g->equality));
	if (g != NULL && !vector)
		LH_TRY(find_positions(ctx, d, file, g));
	*n = (int) (d->found.len / sizeof(uint32_t));
	if (*n == 0)
		return LH_OK;
	/* in the order of the manifests, whatever way they were found */
	found = (uint32_t *) (void *) d->found.data;
	qsort(found, (size_t) *n, sizeof(*found), compare_numbers);
	return keep_list(ctx, d, found, (uint32_t) *n, out);
}

LhStatus
lh_ice_deletes_find(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, int *n,
					const uint32_t **out)
{
	LhArena *old;
	LhStatus status;

	*n = 0;
	*out = NULL;
	if (d->nitems == 0)
		return LH_OK;
	old = lh_use(ctx, d->arena);
	status = find(ctx, d, file, n, out);
	lh_use(ctx, old);
	return status;
}
