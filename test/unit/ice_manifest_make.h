/*
 * ice_manifest_make.h
 *		Manifests and manifest lists made in C, right or wrong, and tables in
 *		memory that planning can work with.
 */
#ifndef LH_TEST_ICE_MANIFEST_MAKE_H
#define LH_TEST_ICE_MANIFEST_MAKE_H

#include <unistd.h>

#include "iceberg/plan.h"
#include "unit/avro_make.h"
#include "unit/ice_manifest_schema.h"
#include "unit/ice_table.h"

#define ICE_NULL INT64_MIN

/* ICE_ENTRY gives what a test does not say. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* A statistic of one field in one entry. */
typedef struct IceStat
{
	int id;
	int64_t values, nulls, nans; /* ICE_NULL: not there */
	LhSlice lower, upper;        /* data NULL: not there */
} IceStat;

/* One entry; what is 0 or NULL is written so, ICE_NULL as null. */
typedef struct IceEntry
{
	int status;
	int64_t snapshot, sequence, file_sequence;
	int content;
	const char *path;
	const char *format;
	int64_t part;         /* the partition field "p" (id 1000), int; ICE_NULL */
	const char *part_str; /* the partition field "s" (id 1001), string */
	int64_t records, size;
	int nstats;
	IceStat stats[4];
	int nids; /* equality ids; -1: null */
	int ids[4];
	int64_t first_row_id;
	const char *referenced;
	int64_t offset, length;
} IceEntry;

#define ICE_ENTRY                                                                               \
	.status = 1, .snapshot = ICE_NULL, .sequence = ICE_NULL, .file_sequence = ICE_NULL,         \
	.format = "PARQUET", .records = 10, .size = 100, .nids = -1, .first_row_id = ICE_NULL,      \
	.offset = ICE_NULL, .length = ICE_NULL, .part = ICE_NULL

static inline void
ice_put_long(AvroMake *m, int64_t v)
{
	avro_long(m, v != ICE_NULL);
	if (v != ICE_NULL)
		avro_long(m, v);
}

static inline void
ice_put_text(AvroMake *m, const char *s)
{
	avro_long(m, s != NULL);
	if (s != NULL)
		avro_text(m, s);
}

/* Map number which (0 values, 1 nulls, 2 nans, 3 lower, 4 upper) of an entry. */
static inline void
ice_put_map(AvroMake *m, const IceEntry *e, int which)
{
	AvroMake items = avro_new(m->ctx);
	int n = 0;

	for (int i = 0; i < e->nstats; i++)
	{
		const IceStat *s = &e->stats[i];
		int64_t count = which == 0 ? s->values : which == 1 ? s->nulls : s->nans;
		LhSlice bound = which == 3 ? s->lower : s->upper;

		if (which < 3 ? count == ICE_NULL : bound.data == NULL)
			continue;
		avro_long(&items, s->id);
		if (which < 3)
			avro_long(&items, count);
		else
			avro_bytes(&items, bound.data, bound.len);
		n++;
	}
	avro_long(m, n > 0);
	if (n == 0)
		return;
	avro_long(m, n);
	avro_raw(m, items.b.data, items.b.len);
	avro_long(m, 0);
}

static inline void
ice_put_entry(AvroMake *m, const IceEntry *e, bool parts)
{
	avro_long(m, e->status);
	ice_put_long(m, e->snapshot);
	ice_put_long(m, e->sequence);
	ice_put_long(m, e->file_sequence);
	avro_long(m, e->content);
	avro_text(m, e->path);
	avro_text(m, e->format);
	if (parts)
	{
		ice_put_text(m, e->part_str);
		ice_put_long(m, e->part);
	}
	avro_long(m, e->records);
	avro_long(m, e->size);
	for (int k = 0; k < 5; k++)
		ice_put_map(m, e, k);
	avro_long(m, e->nids >= 0);
	if (e->nids > 0)
	{
		avro_long(m, e->nids);
		for (int k = 0; k < e->nids; k++)
			avro_long(m, e->ids[k]);
	}
	if (e->nids >= 0)
		avro_long(m, 0);
	ice_put_long(m, e->first_row_id);
	ice_put_text(m, e->referenced);
	ice_put_long(m, e->offset);
	ice_put_long(m, e->length);
}

/* A whole manifest. */
static inline LhSlice
ice_make_manifest(LhCtx *ctx, const IceEntry *entries, int n, bool parts)
{
	AvroMake m = avro_new(ctx), rows = avro_new(ctx);

	avro_header(&m, parts ? ICE_ENTRY_SCHEMA(ICE_PARTS) : ICE_ENTRY_SCHEMA(""), "deflate",
				(const char *const[]){"partition-spec-id", parts ? "1" : "0", "content", "data",
									  NULL});
	for (int i = 0; i < n; i++)
		ice_put_entry(&rows, &entries[i], parts);
	if (n > 0)
		avro_block(&m, n, &rows.b, "deflate");
	return lh_slice(m.b.data, m.b.len);
}

static inline LhIceManifest *
ice_decode(LhCtx *ctx, const IceEntry *entries, int n, bool parts, int nids, const int32_t *ids)
{
	LhAvroFile *file;
	LhIceManifest *m;

	ASSERT_OK(ctx, lh_avro_open_bytes(ctx, ice_make_manifest(ctx, entries, n, parts), "m.avro",
									  &file));
	ASSERT_OK(ctx, lh_ice_manifest_decode(ctx, file, nids, ids, &m));
	return m;
}

/* The table of ICE_METADATA, in memory. */
static inline LhIceTable *
ice_make_table(LhCtx *ctx)
{
	static const char json[] = ICE_METADATA;
	LhIceMetadata *m;
	LhIceTable *t = lh_alloc0(ctx, sizeof(*t));

	assert_non_null(t);
	ASSERT_OK(ctx, lh_ice_metadata_parse(ctx, "/t/metadata/v1.metadata.json",
										 lh_slice(json, sizeof(json) - 1), &m));
	t->arena = ctx->arena;
	t->base.store = ice_store(ctx);
	t->metadata = m;
	t->loaded = t->has_list = true;
	t->schema = lh_ice_schema_find(m, 0);
	ASSERT_OK(ctx, lh_ice_paths_init(ctx, t->base.store, "/t/metadata/v1.metadata.json", "/t", NULL,
									 &t->paths));
	return t;
}

static inline LhSlice
ice_long_bytes(LhCtx *ctx, int64_t v)
{
	return lh_slice(lh_memdup(ctx, &v, 8), 8);
}

static inline LhSlice
ice_int_bytes(LhCtx *ctx, int32_t v)
{
	return lh_slice(lh_memdup(ctx, &v, 4), 4);
}

static inline LhSlice
ice_double_bytes(LhCtx *ctx, double v)
{
	return lh_slice(lh_memdup(ctx, &v, 8), 8);
}

static inline LhSlice
ice_text_bytes(const char *s)
{
	return lh_slice(s, strlen(s));
}

#endif
