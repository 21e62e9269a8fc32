/*
 * iceberg.c
 *		Iceberg tables as the PostgreSQL side sees them: the setting that travels in
 *		time, sizes for planning, the cache of manifests.
 */
#include "pg/bridge/iceberg.h"

#include "utils/builtins.h"

#include "iceberg/iceberg.h"
#include "pg/bridge/options.h"
#include "scan/keycache.h"

/* Of rows that nobody has counted. */
#define TYPICAL_ROW 64
/* Of a row group. */
#define TYPICAL_GROUP (128 * 1024 * 1024)

/* Forces a name that begins with a digit to be taken for one. */
#define REF_PREFIX "ref:"

static LhIceCache *manifest_cache;
static LhKeyCache *key_cache;

bool
lh_is_iceberg(const LhTable *table)
{
	return strcmp(table->format->name, lh_iceberg_name) == 0;
}

bool
lh_iceberg_as_of(LhLakeOptions *options)
{
	LhTableOptions *t = &options->table;
	const char *as_of = lakehouse_as_of;

	if (as_of == NULL || as_of[0] == '\0' || t->snapshot_id != 0 || t->has_time || t->ref != NULL || t->changes)
		return false;
	if (as_of[0] >= '0' && as_of[0] <= '9')
	{
		t->has_time = true;
		t->snapshot_time_us = lh_option_moment(as_of);
		return true;
	}
	if (strncmp(as_of, REF_PREFIX, strlen(REF_PREFIX)) == 0)
		as_of += strlen(REF_PREFIX);
	t->ref = lh_pg_utf8(as_of);
	return true;
}

LhStatus
lh_iceberg_locate(LhCtx *ctx, LhTable *table, const LhTableOptions *options, const char **path)
{
	LH_TRY(lh_ice_locate(ctx, table->store, options, path));
	return lh_ice_pin(ctx, table, *path);
}

LhStatus
lh_iceberg_size(LhCtx *ctx, LhTable *table, LhTableSchema *schema)
{
	LhIceSnapshotInfo info;

	LH_TRY(lh_ice_snapshot_info(ctx, table, &info));
	schema->deletes = info.delete_files != 0;
	schema->files_total = Max(info.data_files, 0);
	schema->files = schema->files_total;
	schema->bytes = Max(info.bytes, 0);
	schema->rows = info.rows >= 0 ? info.rows : (double) schema->bytes / TYPICAL_ROW;
	schema->groups = Max((double) schema->files_total, (double) schema->bytes / TYPICAL_GROUP);
	return LH_OK;
}

void
lh_iceberg_use_cache(void)
{
	/* without memory for one nothing is kept */
	if (manifest_cache == NULL && lakehouse_manifest_cache_kb > 0)
	{
		manifest_cache = lh_ice_cache_create((size_t) lakehouse_manifest_cache_kb * 1024);
		lh_ice_use_cache(manifest_cache);
	}
	if (key_cache == NULL && lakehouse_delete_cache_kb > 0)
	{
		key_cache = lh_key_cache_create((size_t) lakehouse_delete_cache_kb * 1024);
		lh_use_key_cache(key_cache);
	}
}

void
lh_iceberg_resize_cache(void)
{
	if (manifest_cache != NULL)
		lh_ice_cache_resize(manifest_cache, (size_t) lakehouse_manifest_cache_kb * 1024);
	if (key_cache != NULL)
		lh_key_cache_resize(key_cache, (size_t) lakehouse_delete_cache_kb * 1024);
}
