/*
 * walk.c
 *		The pages of a chunk for describe functions: headers only.
 */
#include "parquet/leaf.h"

static LhPqPageInfo
info_of(const LhPqPageHeader *h, int64_t offset)
{
	bool v2 = h->type == LH_PQ_DATA_PAGE_V2;

	return (LhPqPageInfo){.type = h->type,
						  .offset = offset,
						  .header_size = h->header_size,
						  .compressed_size = h->stored_size,
						  .uncompressed_size = h->uncompressed_size,
						  .encoding = h->encoding,
						  .def_encoding = h->def_encoding,
						  .rep_encoding = h->rep_encoding,
						  .num_values = h->num_values,
						  .num_rows = v2 ? h->num_rows : -1,
						  .num_nulls = v2 ? h->num_nulls : -1,
						  .has_crc = h->has_crc,
						  .crc = h->crc};
}

static LhStatus
walk(LhCtx *ctx, LhPqWindow *w, const LhPqChunk *chunk, LhPqDecrypt *decrypt, LhPqPageFn fn, void *arg)
{
	int64_t pos = chunk->start;
	int64_t values = 0;
	int ordinal = 0;

	while (values < chunk->num_values)
	{
		LhPqPageHeader h;
		LhPqPageInfo info;

		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_pq_header_read(ctx, w, chunk, decrypt, pos, LH_PQ_PEEK, ordinal, &h));
		info = info_of(&h, pos);
		LH_TRY(fn(ctx, arg, &info));
		pos += (int64_t) h.header_size + h.stored_size;
		if (h.type == LH_PQ_DATA_PAGE || h.type == LH_PQ_DATA_PAGE_V2)
		{
			values += h.num_values;
			ordinal++;
		}
	}
	return LH_OK;
}

LhStatus
lh_pq_walk_pages(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhPqPageFn fn, void *arg)
{
	const LhPqChunk *chunk;
	LhPqDecrypt *decrypt = NULL;
	LhPqPool pool;
	LhPqWindow w;
	LhStatus status;

	LH_TRY(lh_pq_chunk(ctx, file, group, leaf, &chunk));
	if (chunk->file_path != NULL || chunk->locked)
		LH_FAIL(ctx, LH_UNSUPPORTED, "%s: its pages are in another file, or encrypted with a key that is not given",
				lh_pq_where(ctx, file, group, file->meta->leaf_nodes[leaf]));
	if (chunk->key != NULL)
		LH_TRY(lh_pq_decrypt_create(ctx, file, group, leaf, chunk->key, &decrypt));
	lh_pq_pool_init(&pool, ctx->arena);
	lh_pq_window_init(&w, file, &pool, file->size);
	status = walk(ctx, &w, chunk, decrypt, fn, arg);
	lh_pq_window_drop(&w);
	lh_pq_pool_drop(&pool);
	if (status == LH_CORRUPT)
		lh_error_prefix(ctx, "%s",
						lh_pq_where(ctx, file, group, file->meta->leaf_nodes[leaf]));
	return status;
}
