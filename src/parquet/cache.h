/*
 * cache.h
 *		Internal: look-up and insertion, for open.c and tests.
 */
#ifndef LH_PARQUET_CACHE_H
#define LH_PARQUET_CACHE_H

#include "parquet/parquet.h"

/* The metadata of this object, with a reference for the caller; NULL: not there. */
extern LhPqMeta *lh_pq_cache_get(LhPqCache *cache, const LhObjectId *id);
/* Keep it, with a reference of the cache's own; nothing happens when it is too large or memory is short. */
extern void lh_pq_cache_put(LhPqCache *cache, const LhObjectId *id, LhPqMeta *meta);

#endif
