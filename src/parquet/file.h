/*
 * file.h
 *		Internal: an open Parquet file, shared by metadata and column code.
 */
#ifndef LH_PARQUET_FILE_H
#define LH_PARQUET_FILE_H

#include "parquet/page.h"

struct LhPqFile
{
	LhObject   *obj;
	int64_t		size;			/* of the object */
	const char *path;			/* for messages */
	LhPqMeta   *meta;			/* referenced until the arena is reset */
	LhPqOptions options;
	LhCodecs   *codecs;
	LhArena    *arena;			/* of the file: chunks, indexes and blooms are kept here */
	const LhPqChunk **chunks;	/* [group * nleaves + leaf], NULL until parsed */
	struct LhPqCrypt *crypt;	/* NULL: not encrypted (crypt.h) */
	struct LhPqFileIndexes *indexes;	/* page indexes and blooms already read; owned by index.c */
};

/* "file.parquet, row group 3, column a.b": for messages; in ctx->arena. */
extern const char *lh_pq_where(LhCtx *ctx, const LhPqFile *file, int group, int node);

#endif
