/*
 * cache.c
 *		The backend's caches of file footers, of dictionaries and of columns of row files.
 *
 * They live as long as the backend.  Entries are keyed by the identity of the
 * file's content; whether a role may open the file is checked by the store
 * each time, before the cache is asked.
 */
#include "pg/util/util.h"

#include "access/xact.h"

#include "parquet/parquet.h"
#include "scan/colcache.h"

static LhPqCache *footer_cache;
static LhPqDicts *dictionary_cache;
static LhKeep *column_cache;

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

/*
 * For the statement that runs: one of the client's, or what a procedure does between two
 * commits.  Once made a cache stays, empty when its setting is 0: threads may look at it.
 */
void
lh_pg_use_data_caches(void)
{
	uint64_t	stamp = (uint64_t) GetCurrentStatementStartTimestamp() * 31 + (uint64_t) GetCurrentTransactionStartTimestamp();

	if (dictionary_cache == NULL && lakehouse_dictionary_cache_kb > 0)
		dictionary_cache = lh_pq_dicts_create((size_t) lakehouse_dictionary_cache_kb * 1024);
	if (dictionary_cache != NULL)
		lh_pq_use_dicts(dictionary_cache, stamp);
	if (column_cache == NULL && lakehouse_column_cache_kb > 0)
		column_cache = lh_keep_create((size_t) lakehouse_column_cache_kb * 1024);
	if (column_cache != NULL)
		lh_use_column_cache(column_cache, stamp);
}

void
lh_pg_dictionary_cache_resize(size_t max_bytes)
{
	if (dictionary_cache != NULL)
		lh_pq_dicts_resize(dictionary_cache, max_bytes);
}

void
lh_pg_column_cache_resize(size_t max_bytes)
{
	if (column_cache != NULL)
		lh_keep_resize(column_cache, max_bytes);
}
