/*
 * fuzz_icejson.c
 *		Metadata files of Iceberg: whatever lies where a table is said to be.
 *
 * What parses is asked for its snapshots, the state it chooses and its paths:
 * nothing of that may do worse than fail, and a path that is opened lies where
 * it may.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "iceberg/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A table in an object store names nothing local and nothing of other buckets. */
static void
check_path(LhCtx *ctx, const LhIcePaths *paths, const char *raw)
{
	const char *path;

	if (raw == NULL || lh_ice_path(ctx, paths, "file", "f", raw, strlen(raw), &path) != LH_OK)
		return;
	if (strncmp(path, "s3://b/", 7) != 0 && strcmp(path, "s3://b") != 0)
		abort();
	if (paths->rebase && strncmp(path, "s3://b/t", 8) == 0 && strstr(path, "/../") != NULL)
		abort();
}

static void
check_snapshots(LhCtx *ctx, const LhIceMetadata *m, const LhIcePaths *paths)
{
	for (size_t i = 0; i < m->nsnapshots && i < 100; i++)
	{
		const LhIceSnapshotEntry *e = lh_ice_snapshot_find(m, m->snapshots[i].snapshot_id);
		LhIceSnapshot s;

		if (e != &m->snapshots[i])
			abort();
		if (lh_ice_snapshot_read(ctx, m, e, &s) != LH_OK)
			continue;
		if (s.snapshot_id != e->snapshot_id || s.timestamp_ms != e->timestamp_ms)
			abort();
		check_path(ctx, paths, s.manifest_list);
	}
}

static void
check(LhCtx *ctx, LhStore *store, const LhIceMetadata *m)
{
	const LhTableOptions options[] = {{0},
									  {.ref = "main"},
									  {.ref = "b"},
									  {.has_time = true, .snapshot_time_us = INT64_MAX},
									  {.has_time = true},
									  {.snapshot_id = 1}};
	const LhIceSnapshot *snapshot;
	const LhIceSchema *schema;
	LhIcePaths paths;

	if (lh_ice_schema_find(m, m->current_schema) == NULL ||
		lh_ice_spec_find(m, m->default_spec) == NULL)
		abort();
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (lh_ice_choose(ctx, m, &options[i], &snapshot, &schema) == LH_OK && schema == NULL)
			abort();
	for (int rebase = 0; rebase <= 1; rebase++)
		if (lh_ice_paths_init(ctx, store, "s3://b/t/metadata/v1.metadata.json", m->location,
							  rebase ? "auto" : NULL, &paths) == LH_OK)
			check_snapshots(ctx, m, &paths);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const LhAccess access = {.local_any = true};
	LhCtx *ctx = fuzz_ctx();
	LhIceMetadata *m;
	LhStore *store;

	if (lh_store_create(ctx, &access, &store) != LH_OK)
		abort();
	if (lh_ice_metadata_parse(ctx, "f", lh_slice(data, size), &m) == LH_OK)
		check(ctx, store, m);
	else if (ctx->error->message[0] == '\0')
		abort();
	fuzz_ctx_done(ctx);
	return 0;
}
