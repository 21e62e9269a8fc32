/*
 * ahead.c
 *		Reading ahead from remote stores: the first bytes of several columns at once.
 *
 * A request to an object store takes as long as reading hundreds of kilobytes.
 * So a row group is entered by asking for the beginning of all columns that will
 * be read, side by side; from there on each column's window asks for its next
 * part while the one before is decoded (window.c).  A hint is never an error:
 * who reads the bytes will meet it.
 */
#include "parquet/dicts.h"
#include "parquet/file.h"
#include "parquet/meta.h"
#include "parquet/window.h"

/* Leaves of a node, into ranges; false when there are more than fit. */
static LhStatus
add_leaves(LhCtx *ctx, LhPqFile *file, int group, int node, LhRange *ranges, int *n, int most)
{
	const LhPqNode *nodes = file->meta->nodes, *at = &nodes[node];
	const LhPqChunk *chunk;
	int64_t start, len;

	if (at->leaf < 0)
	{
		for (int child = at->first_child, i = 0; i < at->nchildren && child >= 0; i++)
		{
			LH_TRY(add_leaves(ctx, file, group, child, ranges, n, most));
			child = nodes[child].next;
		}
		return LH_OK;
	}
	LH_TRY(lh_pq_chunk(ctx, file, group, at->leaf, &chunk));
	if (chunk->file_path != NULL || chunk->num_values == 0 || *n == most)
		return LH_OK;
	start = chunk->start;
	if (file->crypt == NULL)
		start = lh_pq_dicts_skip(lh_object_id(file->obj), start, file->options.check_crc);
	len = chunk->start + chunk->compressed_size - start;
	if (len > (int64_t) LH_PQ_READ_AHEAD_REMOTE)
		len = (int64_t) LH_PQ_READ_AHEAD_REMOTE;
	if (len > 0)
		ranges[(*n)++] = (LhRange){.offset = start, .len = (size_t) len};
	return LH_OK;
}

LhStatus
lh_pq_will_need(LhCtx *ctx, LhPqFile *file, int group, int n, const int *nodes)
{
	LhRange ranges[64];
	int count = 0;

	if (!lh_object_is_remote(file->obj))
		return LH_OK;
	for (int i = 0; i < n; i++)
		LH_TRY(add_leaves(ctx, file, group, nodes[i], ranges, &count,
						  (int) (sizeof(ranges) / sizeof(ranges[0]))));
	return count > 0 ? lh_object_will_need(ctx, file->obj, count, ranges) : LH_OK;
}

void
lh_pq_drop_ahead(LhPqFile *file)
{
	lh_object_drop_ahead(file->obj);
}
