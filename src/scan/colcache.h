/*
 * colcache.h
 *		Columns of files whose rows come as a whole, kept for the next statement.
 *
 * Such a file must be decompressed and walked through wholly for any column of it.  What
 * was read twice is therefore kept, transposed and compact (chunk.h), in a cache of the
 * process (store/keep.h, which says who is let in): one entry for a column of a group of
 * rows, and one for the list of a file's groups, so that a scan that finds all it wants
 * reads nothing but the file's header.
 *
 *	1. lh_columns_find: are all columns that a scan wants of a group there?
 *	2. Else it reads the file, and gives its batches to lh_columns_gather, which has
 *	   been told the group before.  A group that is not read to its end, whose batches
 *	   do not follow each other, or that does not fit into the memory there is, is
 *	   forgotten; nothing of a group is kept before all of its rows were decoded.
 *
 * All columns that are missing are kept or none is: a part of them would spare nothing.
 *
 * Nothing here fails a scan but the floor of its memory.
 */
#ifndef LH_SCAN_COLCACHE_H
#define LH_SCAN_COLCACHE_H

#include "scan/chunk.h"
#include "store/keep.h"

/* The cache of this process (NULL: none), and which statement runs: a number that is another one for each. */
extern void lh_use_column_cache(LhKeep *cache, uint64_t stamp);
extern bool lh_column_cache_on(void);

/* A group of rows, and the columns of it that a scan wants. */
typedef struct LhColumnsWant
{
	const LhObjectId *id;
	int group;
	int64_t rows;
	int n;
	const int *nodes;    /* no node twice */
	const LhType *types; /* of these */
} LhColumnsWant;

/*
 * chunks (n of them) when all are there, else *found is false.  They live as ctx->arena
 * does, which counts them as floor.
 */
extern LhStatus lh_columns_find(LhCtx *ctx, const LhColumnsWant *want, const LhChunk **chunks, bool *found);

typedef struct LhGather LhGather;

/* Not all were found: gather those that are not, *out NULL: they would not be kept.  In ctx->arena. */
extern LhStatus lh_columns_gather_begin(LhCtx *ctx, const LhColumnsWant *want, LhGather **out);
/*
 * The next n rows of the group, a vector for each column wanted.  *gather becomes NULL when they
 * were the last, and were kept, or when it was given up.
 */
extern LhStatus lh_columns_gather(LhCtx *ctx, LhGather **gather, int64_t first, int n, const LhVec *vecs);
extern void lh_columns_gather_drop(LhGather *gather); /* NULL is allowed */

/* A file's list of groups, as bytes of its reader's, in ctx->arena; *len 0: it is not there. */
extern LhStatus lh_columns_get_list(LhCtx *ctx, const LhObjectId *id, void **list, size_t *len);
extern void lh_columns_put_list(const LhObjectId *id, const void *list, size_t len);

#endif
