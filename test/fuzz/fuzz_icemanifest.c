/*
 * fuzz_icemanifest.c
 *		Manifests and manifest lists, and planning with what they say.
 *
 * The first byte says what follows: a whole container (0), or rows of a manifest
 * (1), of a manifest of deletes (2) or of a list (3) under the usual schemas, a byte for how
 * many there are before them.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "fuzz/fuzz_json.h"
#include "iceberg/plan.h"
#include "unit/avro_make.h"
#include "unit/ice_manifest_schema.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static LhCtx *table_ctx;
static LhIceTable *table;

static void
make_table(void)
{
	static const char json[] = ICE_METADATA;
	static const LhAccess access = {.local_any = true};
	LhIceMetadata *m;

	table_ctx = lh_ctx_create();
	CHECK(table_ctx != NULL);
	table = lh_alloc0(table_ctx, sizeof(*table));
	CHECK(lh_store_create(table_ctx, &access, &table->base.store) == LH_OK);
	CHECK(lh_ice_metadata_parse(table_ctx, "/t/metadata/v1.metadata.json",
								lh_slice(json, sizeof(json) - 1), &m) == LH_OK);
	table->metadata = m;
	table->loaded = table->has_list = true;
	table->schema = lh_ice_schema_find(m, 0);
	CHECK(lh_ice_paths_init(table_ctx, table->base.store, m->path, "/t", NULL, &table->paths) == LH_OK);
}

static LhSlice
container(LhCtx *ctx, const uint8_t *data, size_t size)
{
	AvroMake m = avro_new(ctx);
	int kind = data[0] & 3;

	if (kind == 0)
		return lh_slice(data + 1, size - 1);
	avro_header(&m, kind == 3 ? ICE_LIST_SCHEMA : ICE_ENTRY_SCHEMA(ICE_PARTS), NULL,
				(const char *const[]){"partition-spec-id", "1", NULL});
	avro_raw_block(&m, size > 1 ? data[1] : 0, data + 2, size > 2 ? size - 2 : 0);
	return lh_slice(m.b.data, m.b.len);
}

static LhStatus
filters(LhCtx *ctx, LhScanColumn *cols, LhPred **out)
{
	LhValue id = {.type = {.id = LH_T_INT64, .lane = LH_LANE_I64}, .i64 = 5};
	LhValue s = {.type = {.id = LH_T_STRING, .lane = LH_LANE_STR}, .str = {(const uint8_t *) "ab", 2, 0}};
	LhValue d = {.type = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64}, .f64 = 1};

	for (int i = 0; i < 5; i++)
	{
		const LhField *f = &table->schema->root.fields[i];

		cols[i] = (LhScanColumn){.name = f->name, .type = f->type, .field_id = f->field_id};
	}
	LH_TRY(lh_pred_cmp(ctx, 0, LH_LE, &id, &out[0]));
	LH_TRY(lh_pred_cmp(ctx, 1, LH_GT, &id, &out[1]));
	LH_TRY(lh_pred_cmp(ctx, 2, LH_LT, &d, &out[2]));
	return lh_pred_leaf(ctx, LH_P_PREFIX, 3, &s, &out[3]);
}

static LhStatus
find_deletes(LhCtx *ctx, LhIcePrune *prune, LhIceDeletes *deletes, LhIceView *view, size_t i,
			 int64_t sequence)
{
	LhIceDataFile file = {.view = view, .entry = i, .sequence = sequence};
	const uint32_t *list;
	LhBuf path;
	int n;

	(void) prune;
	LH_TRY(lh_buf_init(ctx, &path, false));
	LH_TRY(lh_ice_manifest_path(ctx, view->m, i, &path));
	file.path = (const char *) path.data;
	CHECK(strlen(file.path) == path.len);
	LH_TRY(lh_ice_deletes_find(ctx, deletes, &file, &n, &list));
	CHECK(n == 0 || list != NULL);
	return LH_OK;
}

static LhStatus
plan(LhCtx *ctx, LhIceManifest *m, bool is_deletes)
{
	LhIceManifestFile line = {.path = "m", .spec_id = 1, .deletes = is_deletes, .sequence = 7,
							  .added_snapshot = 1, .has_first_row_id = true};
	LhScanColumn cols[5];
	LhPred *preds[4];
	LhTaskFilter filter = {.ncols = 5, .cols = cols, .nfilters = 4, .filters = preds};
	LhIceInherit inherit = {0};
	LhIceTupleFields fields;
	LhIceDeleteFiles files;
	LhIceDeletes *deletes;
	LhIcePrune *prune;
	LhIceView *view;
	LhBuf json;

	LH_TRY(filters(ctx, cols, preds));
	LH_TRY(lh_ice_prune_create(ctx, table, &filter, &prune));
	LH_TRY(lh_ice_view_create(ctx, prune, 1, m, &view));
	LH_TRY(lh_ice_delete_files_init(ctx, &files));
	LH_TRY(lh_ice_deletes_create(ctx, table, prune, &files, &deletes));
	LH_TRY(lh_buf_init(ctx, &json, false));
	LH_TRY(lh_ice_tuple_fields(ctx, table->metadata, &fields));
	if (is_deletes)
		LH_TRY(lh_ice_deletes_add(ctx, deletes, &line, m, 0));
	LH_TRY(lh_ice_deletes_finish(ctx, deletes));
	for (size_t i = 0; i < m->n; i++)
	{
		uint64_t satisfied;
		LhIceFate fate;

		LH_TRY(lh_ice_inherit(ctx, &line, m, i, &inherit));
		LH_TRY(lh_ice_prune_file(ctx, view, i, &fate, &satisfied));
		CHECK(lh_ice_int(&m->tuple, i) < m->ntuples);
		json.len = 0;
		LH_TRY(lh_ice_partition_json(ctx, &fields, view,
									 (uint32_t) lh_ice_int(&m->tuple, i), &json));
		LH_TRY(find_deletes(ctx, prune, deletes, view, i, inherit.sequence));
	}
	return LH_OK;
}

static LhStatus
run(LhCtx *ctx, const uint8_t *data, size_t size)
{
	static const int32_t ids[] = {1, 2, 3, 4, 5, LH_ID_DELETE_PATH};
	LhIceManifestFile *lines;
	LhIceManifest *m;
	LhAvroFile *file;
	LhStatus status;
	size_t n;

	LH_TRY(lh_avro_open_bytes(ctx, container(ctx, data, size), "fuzz.avro", &file));
	if (lh_ice_list_decode(ctx, file, &n, &lines) == LH_OK)
	{
		LhIcePrune *prune;
		bool may;

		LH_TRY(lh_ice_prune_create(ctx, table, NULL, &prune));
		for (size_t i = 0; i < n; i++)
		{
			CHECK(lines[i].path[0] != '\0' && lines[i].length >= 0 && lines[i].spec_id >= 0);
			if (lh_ice_prune_manifest(ctx, prune, &lines[i], &may) != LH_OK)
				lh_error_clear(ctx);
		}
		return LH_OK;
	}
	lh_error_clear(ctx);
	LH_TRY(lh_ice_manifest_decode(ctx, file, 6, ids, &m));
	status = plan(ctx, m, (data[0] & 3) == 2);
	lh_ice_manifest_unref(m);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	LhStatus status;

	if (size < 1 || size > 65536)
		return 0;
	if (table == NULL)
	{
		make_table();
		fuzz_json_begin();
	}
	ctx = fuzz_ctx();
	status = run(ctx, data, size);
	CHECK(status == LH_OK || ctx->error->message[0] != '\0');
	CHECK(status != LH_BUG);
	fuzz_ctx_done(ctx);
	fuzz_json_done();
	return 0;
}
