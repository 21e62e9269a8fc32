/*
 * describe_chunks.c
 *		Row groups, column chunks, their statistics and their pages.
 *
 * Statistics are shown twice: as the values that pruning may use under the
 * rules of column orders, and as the bytes that the file holds, so that one
 * sees why a file is not pruned.
 */
#include "pg/lake/describe.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

extern PGDLLEXPORT Datum lakehouse_parquet_row_groups(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_parquet_column_chunks(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_parquet_statistics(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_parquet_pages(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_parquet_row_groups);
PG_FUNCTION_INFO_V1(lakehouse_parquet_column_chunks);
PG_FUNCTION_INFO_V1(lakehouse_parquet_statistics);
PG_FUNCTION_INFO_V1(lakehouse_parquet_pages);

/* Bits of LhPqChunk.encodings. */
#define ENCODING_BITS 32

/* ---- row groups ---- */

/* "a, b DESC NULLS LAST": how the writer says it sorted; NULL when it says nothing. */
static char *
sorting_text(LhDescribe *d, const LhPqRowGroup *group)
{
	StringInfoData out;

	if (group->nsorting == 0)
		return NULL;
	initStringInfo(&out);
	for (int i = 0; i < group->nsorting; i++)
	{
		const int  *s = &group->sorting[3 * i];
		bool		descending = s[1] != 0,
					nulls_first = s[2] != 0;
		char	   *path = "?";

		if (s[0] >= 0 && s[0] < d->meta->nleaves)
			lh_pg_check(d->ctx, lh_pq_path(d->ctx, d->meta, d->meta->leaf_nodes[s[0]], &path));
		appendStringInfo(&out, "%s%s%s", i > 0 ? ", " : "", path, descending ? " DESC" : "");
		/* PostgreSQL's defaults stay unsaid */
		if (nulls_first != descending)
			appendStringInfoString(&out, nulls_first ? " NULLS FIRST" : " NULLS LAST");
	}
	return out.data;
}

static void
row_groups_of(LhDescribe *d)
{
	for (int g = 0; g < d->meta->ngroups; g++)
	{
		const LhPqRowGroup *group = &d->meta->groups[g];

		lh_rows_text(&d->rows, d->path);
		lh_rows_int(&d->rows, g);
		lh_rows_bigint(&d->rows, group->first_row);
		lh_rows_bigint(&d->rows, group->num_rows);
		lh_rows_bigint(&d->rows, group->total_byte_size);
		lh_describe_known(d, group->compressed_size > 0 ? group->compressed_size : -1);
		lh_rows_text(&d->rows, sorting_text(d, group));
		lh_rows_put(&d->rows);
	}
}

Datum
lakehouse_parquet_row_groups(PG_FUNCTION_ARGS)
{
	return lh_describe(fcinfo, true, row_groups_of);
}

/* ---- chunks ---- */

typedef void (*ChunkFn) (LhDescribe *d, int group, int leaf, const LhPqChunk *chunk);

static void
for_each_chunk(LhDescribe *d, ChunkFn fn)
{
	for (int g = 0; g < d->meta->ngroups; g++)
	{
		for (int leaf = 0; leaf < d->meta->nleaves; leaf++)
		{
			const LhPqChunk *chunk;

			lh_pg_check(d->ctx, lh_pq_chunk(d->ctx, d->file, g, leaf, &chunk));
			fn(d, g, leaf, chunk);
		}
	}
}

/* What every row about a chunk begins with. */
static void
put_place(LhDescribe *d, int group, int leaf)
{
	lh_rows_text(&d->rows, d->path);
	lh_rows_int(&d->rows, group);
	lh_rows_int(&d->rows, leaf);
	lh_describe_path(d, d->meta->leaf_nodes[leaf]);
}

static Datum
encodings_array(uint32_t bits)
{
	Datum		names[ENCODING_BITS];
	int			n = 0;

	for (int i = 0; i < ENCODING_BITS; i++)
	{
		if (bits & (UINT32_C(1) << i))
			names[n++] = CStringGetTextDatum(lh_pq_encoding_name(i));
	}
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_chunk(LhDescribe *d, int group, int leaf, const LhPqChunk *chunk)
{
	put_place(d, group, leaf);
	lh_rows_text(&d->rows, lh_pq_physical_name(chunk->physical));
	lh_rows_text(&d->rows, lh_pq_codec_name(chunk->codec));
	lh_rows_datum(&d->rows, encodings_array(chunk->encodings));
	lh_rows_bigint(&d->rows, chunk->num_values);
	lh_rows_bigint(&d->rows, chunk->compressed_size);
	lh_rows_bigint(&d->rows, chunk->uncompressed_size);
	lh_rows_bigint(&d->rows, chunk->start);
	lh_describe_known(d, chunk->dict_offset > 0 ? chunk->dict_offset : -1);
	lh_rows_bigint(&d->rows, chunk->data_offset);
	lh_rows_bool(&d->rows, chunk->all_dictionary);
	lh_rows_bool(&d->rows, chunk->stats.present);
	lh_rows_bool(&d->rows, chunk->column_index_offset >= 0);
	lh_rows_bool(&d->rows, chunk->offset_index_offset >= 0);
	lh_rows_bool(&d->rows, chunk->bloom_offset >= 0);
	lh_describe_known(d, chunk->bloom_length);
	lh_rows_bool(&d->rows, chunk->encrypted);
	lh_rows_put(&d->rows);
}

static void
chunks_of(LhDescribe *d)
{
	for_each_chunk(d, put_chunk);
}

Datum
lakehouse_parquet_column_chunks(PG_FUNCTION_ARGS)
{
	return lh_describe(fcinfo, true, chunks_of);
}

/* ---- statistics ---- */

/* A bound as the leaf's type reads it. */
static void
put_bound(LhDescribe *d, const LhPqNode *node, bool has, LhSlice bytes)
{
	LhValue		value;

	if (has && lh_pq_stat_value(d->ctx, node, bytes, &value))
		lh_describe_value(d, &value);
	else
		lh_rows_null(&d->rows);
}

static void
put_raw(LhDescribe *d, LhSlice bytes)
{
	bytea	   *copy;

	if (bytes.data == NULL)
	{
		lh_rows_null(&d->rows);
		return;
	}
	copy = palloc(VARHDRSZ + bytes.len);
	SET_VARSIZE(copy, VARHDRSZ + bytes.len);
	memcpy(VARDATA(copy), bytes.data, bytes.len);
	lh_rows_datum(&d->rows, PointerGetDatum(copy));
}

static void
put_exact(LhDescribe *d, bool has, bool exact)
{
	if (has)
		lh_rows_bool(&d->rows, exact);
	else
		lh_rows_null(&d->rows);
}

/* {"xmin": -180, "xmax": 180, ...}, the axes that the file has; what is no number is a string. */
static void
put_box(LhDescribe *d, const LhPqGeo *geo)
{
	static const char *const keys[LH_PQ_GEO_AXES][2] = {
		{"xmin", "xmax"}, {"ymin", "ymax"}, {"zmin", "zmax"}, {"mmin", "mmax"}
	};
	const char *comma = "";
	StringInfoData out;

	initStringInfo(&out);
	for (int axis = 0; axis < LH_PQ_GEO_AXES; axis++)
	{
		if (!geo->known[axis])
			continue;
		for (int high = 0; high < 2; high++)
		{
			double		x = high ? geo->high[axis] : geo->low[axis];
			const char *quote = isfinite(x) ? "" : "\"";
			char		text[32];

			(void) lh_format_double(x, text);
			appendStringInfo(&out, "%s\"%s\": %s%s%s", comma, keys[axis][high], quote, text, quote);
			comma = ", ";
		}
	}
	if (out.len == 0)
		lh_rows_null(&d->rows);
	else
		lh_rows_datum(&d->rows, DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{%s}", out.data))));
}

static void
put_geometry_types(LhDescribe *d, const LhPqGeo *geo)
{
	Datum	   *types;

	if (geo->ntypes == 0)
	{
		lh_rows_null(&d->rows);
		return;
	}
	types = palloc(sizeof(Datum) * geo->ntypes);
	for (int i = 0; i < geo->ntypes; i++)
		types[i] = Int32GetDatum(geo->types[i]);
	lh_rows_datum(&d->rows, PointerGetDatum(construct_array(types, geo->ntypes, INT4OID, sizeof(int32), true,
															 TYPALIGN_INT)));
}

static void
put_statistics(LhDescribe *d, int group, int leaf, const LhPqChunk *chunk)
{
	const LhPqNode *node = &d->meta->nodes[d->meta->leaf_nodes[leaf]];
	const LhPqStats *stats = &chunk->stats;

	if (!stats->present && !chunk->geo.present)
		return;
	put_place(d, group, leaf);
	lh_describe_type(d, lh_pq_value_type(node));
	lh_rows_bigint(&d->rows, chunk->num_values);
	lh_describe_known(d, stats->nulls);
	lh_describe_known(d, stats->distinct);
	lh_describe_known(d, stats->nans);
	put_bound(d, node, stats->has_min, stats->min);
	put_bound(d, node, stats->has_max, stats->max);
	put_exact(d, stats->has_min, stats->min_exact);
	put_exact(d, stats->has_max, stats->max_exact);
	put_raw(d, stats->raw_min);
	put_raw(d, stats->raw_max);
	put_box(d, &chunk->geo);
	put_geometry_types(d, &chunk->geo);
	lh_rows_put(&d->rows);
}

static void
statistics_of(LhDescribe *d)
{
	for_each_chunk(d, put_statistics);
}

Datum
lakehouse_parquet_statistics(PG_FUNCTION_ARGS)
{
	return lh_describe(fcinfo, true, statistics_of);
}

/* ---- pages ---- */

/* Page headers are gathered first: rows are made with no core frame on the stack. */
typedef struct Pages
{
	int			n;
	int			cap;
	LhPqPageInfo *pages;
} Pages;

static LhStatus
gather(LhCtx *ctx, void *arg, const LhPqPageInfo *page)
{
	Pages	   *p = arg;

	if (p->n == p->cap)
	{
		int			cap = p->cap > 0 ? 2 * p->cap : 64;
		LhPqPageInfo *pages;

		LH_NEW_ARRAY(ctx, pages, (size_t) cap);
		if (p->n > 0)
			memcpy(pages, p->pages, (size_t) p->n * sizeof(*pages));
		p->pages = pages;
		p->cap = cap;
	}
	p->pages[p->n++] = *page;
	return LH_OK;
}

static bool
is_data_page(const LhPqPageInfo *page)
{
	return page->type != 1 && page->type != 2;	/* index and dictionary pages */
}

/* What the page index says of the k-th data page. */
static void
put_index(LhDescribe *d, const LhPqPageIndex *index, int k)
{
	const LhBounds *bounds = index != NULL && index->bounds != NULL && k >= 0 && k < index->npages ?
		&index->bounds[k] : NULL;

	if (index != NULL && k >= 0 && k < index->npages)
		lh_rows_bigint(&d->rows, index->first_row[k]);
	else
		lh_rows_null(&d->rows);
	if (bounds != NULL && bounds->known && bounds->has_min)
		lh_describe_value(d, &bounds->min);
	else
		lh_rows_null(&d->rows);
	if (bounds != NULL && bounds->known && bounds->has_max)
		lh_describe_value(d, &bounds->max);
	else
		lh_rows_null(&d->rows);
}

static void
put_page(LhDescribe *d, int group, int leaf, int ordinal, const LhPqPageInfo *page,
		 const LhPqPageIndex *index, int k)
{
	bool		v1 = page->type == 0;
	int64		nulls = page->num_nulls;

	if (nulls < 0 && index != NULL && index->bounds != NULL && k >= 0 && k < index->npages)
		nulls = index->bounds[k].nulls;
	put_place(d, group, leaf);
	lh_rows_int(&d->rows, ordinal);
	lh_rows_text(&d->rows, lh_pq_page_type_name(page->type));
	lh_rows_text(&d->rows, lh_pq_encoding_name(page->encoding));
	lh_rows_text(&d->rows, v1 ? lh_pq_encoding_name(page->def_encoding) : NULL);
	lh_rows_text(&d->rows, v1 ? lh_pq_encoding_name(page->rep_encoding) : NULL);
	lh_rows_bigint(&d->rows, page->offset);
	lh_rows_int(&d->rows, page->header_size);
	lh_rows_bigint(&d->rows, page->compressed_size);
	lh_rows_bigint(&d->rows, page->uncompressed_size);
	lh_rows_bigint(&d->rows, page->num_values);
	lh_describe_known(d, page->num_rows);
	lh_describe_known(d, nulls);
	lh_describe_known(d, page->has_crc ? (int64) page->crc : -1);
	put_index(d, index, k);
	lh_rows_put(&d->rows);
}

static void
put_pages(LhDescribe *d, int group, int leaf, const LhPqChunk *chunk)
{
	const LhPqPageIndex *index = NULL;
	Pages		p = {0};
	int			k = 0;

	if (chunk->locked || chunk->file_path != NULL)
		return;
	lh_pg_check(d->ctx, lh_pq_walk_pages(d->ctx, d->file, group, leaf, gather, &p));
	lh_pg_check(d->ctx, lh_pq_page_index(d->ctx, d->file, group, leaf, &index));
	for (int i = 0; i < p.n; i++)
	{
		bool		data = is_data_page(&p.pages[i]);

		put_page(d, group, leaf, i, &p.pages[i], index, data ? k : -1);
		k += data;
	}
}

static void
pages_of(LhDescribe *d)
{
	for_each_chunk(d, put_pages);
}

Datum
lakehouse_parquet_pages(PG_FUNCTION_ARGS)
{
	return lh_describe(fcinfo, true, pages_of);
}
