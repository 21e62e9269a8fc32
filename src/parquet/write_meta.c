/*
 * write_meta.c
 *		Column chunks, row groups and the footer.
 *
 * The metadata of a chunk is written down when the chunk is, and kept as bytes;
 * at the end the footer is put together from these.
 *
 * Format: parquet.thrift, FileMetaData
 */
#include "parquet/write_internal.h"

/* CompressionCodec of parquet.thrift */
static const int codec_numbers[LH_N_CODECS] = {
	[LH_CODEC_NONE] = 0,   [LH_CODEC_SNAPPY] = 1,     [LH_CODEC_GZIP] = 2, [LH_CODEC_LZO] = 3,
	[LH_CODEC_BROTLI] = 4, [LH_CODEC_LZ4_HADOOP] = 5, [LH_CODEC_ZSTD] = 6, [LH_CODEC_LZ4_RAW] = 7,
};

static LhStatus
put_statistics(LhTout *t, LhCtx *ctx, const LhPqwLeaf *leaf)
{
	const LhPqwKept *k = &leaf->chunk;
	LhBuf *buf = &leaf->shared->trial;
	bool min_exact = false, max_exact = false;
	uint32_t min_len = 0, max_len = 0;

	if (leaf->shared->options.no_statistics)
		return LH_OK;
	buf->len = 0;
	if (k->known)
		LH_TRY(lh_pqw_bounds_put(ctx, leaf, lh_slice(k->min.data, k->min.len),
								 lh_slice(k->max.data, k->max.len), buf, &min_len, &max_len,
								 &min_exact, &max_exact));
	lh_tout_struct(t, 12);
	lh_tout_i64(t, 3, k->nulls);
	if (k->known)
	{
		lh_tout_binary(t, 5, lh_slice(buf->data + min_len, max_len));
		lh_tout_binary(t, 6, lh_slice(buf->data, min_len));
		lh_tout_bool(t, 7, max_exact);
		lh_tout_bool(t, 8, min_exact);
	}
	if (lh_pqw_order_is_float(leaf->order))
		lh_tout_i64(t, 9, k->nans);
	lh_tout_close(t);
	return LH_OK;
}

/* Encodings of pages, and that of levels. */
static void
put_encodings(LhTout *t, const LhPqwLeaf *leaf)
{
	uint32_t set = leaf->dict_pages > 0 ? UINT32_C(1) << LH_PQ_PLAIN : 0;

	if (leaf->max_def > 0 || leaf->max_rep > 0)
		set |= UINT32_C(1) << LH_PQ_RLE;
	for (int i = 0; i <= LH_PQ_BYTE_STREAM_SPLIT; i++)
		set |= (uint32_t) (leaf->data_pages[i] > 0) << i;
	lh_tout_list(t, 2, LH_TOUT_I32, (size_t) __builtin_popcount(set));
	for (int i = 0; i <= LH_PQ_BYTE_STREAM_SPLIT; i++)
		if (set >> i & 1)
			lh_tout_i32_item(t, i);
}

static void
put_page_count(LhTout *t, int type, int encoding, int n)
{
	lh_tout_item(t);
	lh_tout_i32(t, 1, type);
	lh_tout_i32(t, 2, encoding);
	lh_tout_i32(t, 3, n);
	lh_tout_close(t);
}

/* How many pages of each kind: readers see that all are dictionary coded. */
static void
put_page_counts(LhTout *t, const LhPqwLeaf *leaf)
{
	int data = leaf->shared->options.data_page == 2 ? LH_PQ_DATA_PAGE_V2 : LH_PQ_DATA_PAGE;
	size_t n = leaf->dict_pages > 0;

	for (int i = 0; i <= LH_PQ_BYTE_STREAM_SPLIT; i++)
		n += leaf->data_pages[i] > 0;
	lh_tout_list(t, 13, LH_TOUT_STRUCT, n);
	if (leaf->dict_pages > 0)
		put_page_count(t, LH_PQ_DICTIONARY_PAGE, LH_PQ_PLAIN, leaf->dict_pages);
	for (int i = 0; i <= LH_PQ_BYTE_STREAM_SPLIT; i++)
		if (leaf->data_pages[i] > 0)
			put_page_count(t, data, i, leaf->data_pages[i]);
}

LhStatus
lh_pqw_put_chunk(LhCtx *ctx, LhPqWriter *w, const LhPqwLeaf *leaf, LhPqwChunk *chunk)
{
	const LhPqwPlace *place = &leaf->place;
	LhTout t;

	chunk->meta_at = w->metas.len;
	lh_tout_begin(&t, ctx, &w->metas);
	lh_tout_i32(&t, 1, (int32_t) leaf->physical);
	put_encodings(&t, leaf);
	lh_tout_list(&t, 3, LH_TOUT_BINARY, (size_t) leaf->depth);
	for (int i = 0; i < leaf->depth; i++)
		lh_tout_binary_item(&t, lh_slice(leaf->names[i], strlen(leaf->names[i])));
	lh_tout_i32(&t, 4, codec_numbers[w->shared.options.codec]);
	lh_tout_i64(&t, 5, leaf->chunk.values);
	lh_tout_i64(&t, 6, leaf->uncompressed);
	lh_tout_i64(&t, 7, place->compressed);
	lh_tout_i64(&t, 9, place->data);
	if (leaf->dict_pages > 0)
		lh_tout_i64(&t, 11, place->start);
	LH_TRY(put_statistics(&t, ctx, leaf));
	put_page_counts(&t, leaf);
	if (place->bloom > 0)
	{
		lh_tout_i64(&t, 14, place->bloom);
		lh_tout_i32(&t, 15, place->bloom_len);
	}
	LH_TRY(lh_tout_end(&t));
	chunk->meta_len = w->metas.len - chunk->meta_at;
	return LH_OK;
}

/* Where the next indexes stand. */
typedef struct Indexes
{
	int64_t column, offset;
} Indexes;

static void
put_column(LhTout *t, const LhPqWriter *w, const LhPqwChunk *c, Indexes *at)
{
	lh_tout_item(t);
	lh_tout_i64(t, 2, 0);
	lh_tout_raw(t, 3, lh_slice(w->metas.data + c->meta_at, c->meta_len));
	if (c->offset_index_len > 0)
	{
		lh_tout_i64(t, 4, at->offset);
		lh_tout_i32(t, 5, (int32_t) c->offset_index_len);
	}
	if (c->column_index_len > 0)
	{
		lh_tout_i64(t, 6, at->column);
		lh_tout_i32(t, 7, (int32_t) c->column_index_len);
	}
	lh_tout_close(t);
	at->offset += c->offset_index_len;
	at->column += c->column_index_len;
}

static void
put_groups(LhTout *t, const LhPqWriter *w, int64_t indexes_at)
{
	const LhPqwGroup *groups = (const LhPqwGroup *) (const void *) w->groups.data;
	const LhPqwChunk *chunks = (const LhPqwChunk *) (const void *) w->chunks.data;
	Indexes at = {indexes_at, indexes_at + (int64_t) w->column_indexes.len};

	lh_tout_list(t, 4, LH_TOUT_STRUCT, (size_t) w->ngroups);
	for (int g = 0; g < w->ngroups; g++)
	{
		lh_tout_item(t);
		lh_tout_list(t, 1, LH_TOUT_STRUCT, (size_t) w->nleaves);
		for (int i = 0; i < w->nleaves; i++)
			put_column(t, w, chunks++, &at);
		lh_tout_i64(t, 2, groups[g].uncompressed);
		lh_tout_i64(t, 3, groups[g].rows);
		lh_tout_i64(t, 5, groups[g].offset);
		lh_tout_i64(t, 6, groups[g].compressed);
		lh_tout_close(t);
	}
}

static void
put_key_values(LhTout *t, const LhPqWriteOptions *o)
{
	if (o->nkv <= 0)
		return;
	lh_tout_list(t, 5, LH_TOUT_STRUCT, (size_t) o->nkv);
	for (int i = 0; i < o->nkv; i++)
	{
		lh_tout_item(t);
		lh_tout_string(t, 1, o->kv[2 * i]);
		if (o->kv[2 * i + 1] != NULL)
			lh_tout_string(t, 2, o->kv[2 * i + 1]);
		lh_tout_close(t);
	}
}

LhStatus
lh_pqw_put_footer(LhCtx *ctx, LhPqWriter *w, int64_t indexes_at, LhBuf *out)
{
	const LhPqWriteOptions *o = &w->shared.options;
	LhTout t;

	lh_tout_begin(&t, ctx, out);
	lh_tout_i32(&t, 1, 2);
	lh_pqw_put_schema(&t, 2, w);
	lh_tout_i64(&t, 3, w->rows);
	put_groups(&t, w, indexes_at);
	put_key_values(&t, o);
	lh_tout_string(&t, 6,
				   o->created_by != NULL ? o->created_by : "lakehouse version " LAKEHOUSE_VERSION);
	lh_tout_list(&t, 7, LH_TOUT_STRUCT, (size_t) w->nleaves);
	for (int i = 0; i < w->nleaves; i++)
	{
		lh_tout_item(&t);
		lh_tout_empty(&t, LH_PQ_ORDER_TYPE);
		lh_tout_close(&t);
	}
	return lh_tout_end(&t);
}
