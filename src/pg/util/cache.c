/*
 * cache.c
 *		The backend's cache of file footers.
 *
 * It lives as long as the backend.  Entries are keyed by the identity of the
 * file's content; whether a role may open the file is checked by the store
 * each time, before the cache is asked.
 */
#include "pg/util/util.h"

#include "parquet/parquet.h"

static LhPqCache *footer_cache;

/* NULL when the setting is 0 or memory is short: then nothing is cached. */
LhPqCache *
lh_pg_footer_cache(void)
{
	if (footer_cache == NULL && lakehouse_footer_cache_kb > 0)
		footer_cache = lh_pq_cache_create((size_t) lakehouse_footer_cache_kb * 1024);
	return lakehouse_footer_cache_kb > 0 ? footer_cache : NULL;
}

void
lh_pg_footer_cache_resize(size_t max_bytes)
{
	if (footer_cache != NULL)
		lh_pq_cache_resize(footer_cache, max_bytes);
}
