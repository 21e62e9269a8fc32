/*
 * deletes_find.c
 *		The deletes of one data file, and what of them goes into a task list.
 *
 *	1. What bounds show to be for other files is left out: file paths of position
 *	   deletes, keys of equality deletes.  Looking is bounded (MAX_COMPARISONS):
 *	   beyond, files take the whole end of the group, which is never wrong.
 *	2. Lists are kept once each, and the whole end of a group is no list of its own, so
 *	   that memory stays small however many files share deletes.
 */
#include <stdlib.h>

#include "iceberg/deletes.h"
#include "vec/value.h"

/* Pairs of a data file and a delete file whose bounds are compared for one plan. */
#define MAX_COMPARISONS 20000000

/*
 * Paths in position deletes
 */

static int
compare_ranges(const void *a, const void *b)
{
	const struct LhIceRange *x = a, *y = b;
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

/*
 * Is the path, behind its root, written as it is opened?  Local ones lose empty and "." parts there, so that
 * bytes of such a path are not to be compared with those of another.
 */
static bool
is_clean(LhStr path)
{
	for (uint32_t i = root_length(path); i < path.len; i++)
	{
		const uint8_t *p = path.ptr + i;
		uint32_t left = path.len - i;

		if (*p == '/' && left >= 2 && (p[1] == '/' || (p[1] == '.' && (left == 2 || p[2] == '/'))))
			return false;
	}
	return true;
}

static bool
begins_with(LhStr s, LhStr prefix)
{
	return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

/* Paths that position deletes of a group are for, by their bounds. */
static LhStatus
index_paths(LhCtx *ctx, const LhIceDeletes *d, LhIceDeleteGroup *g)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) g->positions.items.data;

	g->indexed = true;
	LH_NEW_ARRAY(ctx, g->ranges, (size_t) g->positions.n + 1);
	LH_NEW_ARRAY(ctx, g->others, (size_t) g->positions.n + 1);
	for (uint32_t i = 0; i < g->positions.n; i++)
	{
		const LhIceDeleteItem *item = lh_ice_delete_item(d, numbers[i]);
		const LhIceStats *stats = lh_ice_manifest_stats(lh_ice_delete_source(d, item)->m, LH_ID_DELETE_PATH);
		struct LhIceRange r = {.item = numbers[i]};
		LhSlice lower, upper;
		bool known = stats != NULL && lh_ice_bytes(&stats->lower, item->entry, &lower) &&
					 lh_ice_bytes(&stats->upper, item->entry, &upper);

		if (known)
		{
			r.lower = (LhStr){lower.data, (uint32_t) lower.len, 0};
			r.upper = (LhStr){upper.data, (uint32_t) upper.len, 0};
			if (g->nranges == 0)
				g->root = (LhStr){r.lower.ptr, root_length(r.lower), 0};
			known = begins_with(r.lower, g->root) && begins_with(r.upper, g->root) && is_clean(r.lower) &&
					is_clean(r.upper) &&
					root_length(r.lower) == g->root.len && g->root.len > 0 &&
					lh_bytes_compare(r.lower, r.upper) <= 0;
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

/*
 * What is given out
 */

static LhStatus
describe(LhCtx *ctx, LhIceDeletes *d, const LhIceDeleteItem *item, LhDeleteFile *f)
{
	const LhIceDeleteSource *s = lh_ice_delete_source(d, item);
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
		return lh_ice_bad_delete(ctx, s, item->entry, "has a format that is none of avro, orc and parquet");
	f->format = (LhFileFormat) format;
	return LH_OK;
}

static LhStatus
give_out(LhCtx *ctx, LhIceDeletes *d, uint32_t number, uint32_t *out)
{
	LhIceDeleteItem *item = lh_ice_delete_item(d, number);

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
give_out_all(LhCtx *ctx, LhIceDeletes *d, LhIceDeleteItems *items)
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
first_from(const LhIceDeletes *d, const LhIceDeleteItems *items, int64_t from)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) items->items.data;
	uint32_t lo = 0, hi = items->n;

	while (lo < hi)
	{
		uint32_t mid = lo + (hi - lo) / 2;

		if (lh_ice_delete_item(d, numbers[mid])->sequence < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first that is younger than a data file. */
static uint32_t
first_above(const LhIceDeletes *d, const LhIceDeleteItems *items, int64_t sequence)
{
	return sequence == INT64_MAX ? items->n : first_from(d, items, sequence + 1);
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
may_delete_by_key(LhIceDeletes *d, const LhIceDataFile *file, const LhIceDeleteItem *item)
{
	const LhIceDeleteSource *s = lh_ice_delete_source(d, item);
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
find_equality(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, const LhIceDeleteItems *items)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) items->items.data;
	uint32_t from = first_above(d, items, file->sequence);
	bool look = d->comparisons + items->n - from <= MAX_COMPARISONS;

	d->comparisons += look ? items->n - from : 0;
	for (uint32_t i = from; i < items->n; i++)
	{
		if (!look || may_delete_by_key(d, file, lh_ice_delete_item(d, numbers[i])))
			LH_TRY(lh_buf_append(ctx, &d->found, &numbers[i], sizeof(numbers[i])));
	}
	return LH_OK;
}

/* Position deletes for all files of a partition. */
static LhStatus
find_positions(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, LhIceDeleteGroup *g)
{
	const uint32_t *numbers = (const uint32_t *) (const void *) g->positions.items.data;
	uint32_t lo = 0, hi;
	LhStr raw;

	if (g->positions.n == 0)
		return LH_OK;
	if (!g->indexed)
		LH_TRY(index_paths(ctx, d, g));
	LH_TRY(lh_ice_manifest_path(ctx, file->view->m, file->entry, &d->text));
	raw = (LhStr){d->text.data, (uint32_t) d->text.len, 0};
	if (d->comparisons > MAX_COMPARISONS || g->nranges == 0 || root_length(raw) != g->root.len ||
		!begins_with(raw, g->root) || !is_clean(raw))
	{
		uint32_t from = first_from(d, &g->positions, file->sequence);

		return lh_buf_append(ctx, &d->found, numbers + from,
							 (size_t) (g->positions.n - from) * sizeof(*numbers));
	}
	for (uint32_t i = 0; i < g->nothers; i++)
	{
		if (lh_ice_delete_item(d, g->others[i])->sequence >= file->sequence)
			LH_TRY(lh_buf_append(ctx, &d->found, &g->others[i], sizeof(uint32_t)));
	}
	hi = g->nranges;
	while (lo < hi)
	{
		uint32_t mid = lo + (hi - lo) / 2;

		if (lh_bytes_compare(g->ranges[mid].lower, raw) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	d->comparisons += g->nothers;
	for (uint32_t i = lo; i-- > 0 && lh_bytes_compare(g->ranges[i].most, raw) >= 0;)
	{
		d->comparisons++;
		if (lh_bytes_compare(g->ranges[i].upper, raw) >= 0 &&
			lh_ice_delete_item(d, g->ranges[i].item)->sequence >= file->sequence)
			LH_TRY(lh_buf_append(ctx, &d->found, &g->ranges[i].item, sizeof(uint32_t)));
	}
	return LH_OK;
}

static LhStatus
wrong_partition(LhCtx *ctx, const LhIceDeletes *d, const LhIceDataFile *file, const LhIceDeleteItem *item)
{
	const LhIceDeleteSource *s = lh_ice_delete_source(d, item);
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
	const LhIceDeletePath *at;

	*vector = false;
	if (p < 0)
		return LH_OK;
	at = lh_ice_delete_path(d, p);
	if (at->vector >= 0)
	{
		const LhIceDeleteItem *item = lh_ice_delete_item(d, (uint32_t) at->vector);
		uint32_t number = (uint32_t) at->vector;

		if (item->group != group)
			return wrong_partition(ctx, d, file, item);
		if (item->sequence < file->sequence)
			LH_FAIL(ctx, LH_CORRUPT,
					"%s: the deletion vector for \"%.300s\" has data sequence number %lld, the file "
					"has %lld",
					lh_ice_delete_source(d, item)->line->path, file->path, (long long) item->sequence,
					(long long) file->sequence);
		*vector = true;
		return lh_buf_append(ctx, &d->found, &number, sizeof(number));
	}
	for (int32_t i = at->positions; i >= 0; i = lh_ice_delete_item(d, (uint32_t) i)->next)
	{
		const LhIceDeleteItem *item = lh_ice_delete_item(d, (uint32_t) i);
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
		LH_TRY(lh_ice_delete_key(ctx, d, file->view, tuple));
		groups[tuple] = lh_ice_intern_find(&d->group_keys, d->key.data, d->key.len);
	}
	*group = groups[tuple];
	return LH_OK;
}

/* When all there is to apply is the end of one group, and too much to look at: that end itself. */
static LhStatus
share_end(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, LhIceDeleteGroup *g, int *n,
		  const uint32_t **out)
{
	LhIceDeleteItems *lists[3] = {&d->global, g != NULL ? &g->equality : NULL,
								  g != NULL ? &g->positions : NULL};
	LhIceDeleteItems *only = NULL;
	uint32_t from = 0;

	*n = -1;
	if (d->comparisons <= MAX_COMPARISONS)
		return LH_OK;
	for (int k = 0; k < 3; k++)
	{
		uint32_t at;

		if (lists[k] == NULL)
			continue;
		at = lists[k] == lists[2] ? first_from(d, lists[k], file->sequence)
								  : first_above(d, lists[k], file->sequence);
		if (at == lists[k]->n)
			continue;
		if (only != NULL)
			return LH_OK;
		only = lists[k];
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
	LhIceDeleteGroup *g;
	uint32_t *found;
	size_t by_path;

	*n = 0;
	*out = NULL;
	LH_TRY(find_group(ctx, d, file, &group));
	g = group >= 0 ? lh_ice_delete_group(d, group) : NULL;
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
