/*
 * indexes.h
 *		Internal: page indexes and bloom filters that were read and are kept with the file.
 */
#ifndef LH_PARQUET_INDEXES_H
#define LH_PARQUET_INDEXES_H

#include "parquet/meta.h"

/* Of one chunk; few columns of a file are ever filtered, so a row group has a short list of these. */
typedef struct LhPqFileIndex LhPqFileIndex;
struct LhPqFileIndex
{
	LhPqFileIndex *next;
	int leaf;
	bool index_read, bloom_read; /* then index, bloom hold the answer, NULL: none */
	const LhPqPageIndex *index;
	const LhPqBloom *bloom;
};

typedef struct LhPqFileIndexes
{
	LhPqFileIndex **groups;
} LhPqFileIndexes;

/* The entry of a chunk, made at first use. */
extern LhStatus
lh_pq_index_entry(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhPqFileIndex **out);

/*
 * A page index from its bytes, which are borrowed; column_index may be empty.
 * start is where the chunk begins.  *out NULL when the offset index is empty,
 * damaged or contradicts itself; without bounds when the column index does.
 */
extern LhStatus
lh_pq_index_parse(LhCtx *ctx, const LhPqMeta *meta, int group, int leaf, int64_t start,
				  LhSlice offset_index, LhSlice column_index, LhPqPageIndex **out);

/*
 * A filter from its bytes: header and bitset (tests, fuzzing).  *out NULL when it
 * is not one we know or is damaged; *need, if more than len, says how many bytes
 * the whole takes.  The bytes are borrowed.
 */
extern LhStatus
lh_pq_bloom_parse(LhCtx *ctx, const uint8_t *p, size_t len, size_t *need, LhPqBloom **out);

#endif
