/*
 * test_ice_manifest.c
 *		Manifests and lists: those of all fixtures, what they inherit, hostile ones.
 */
#include "unit/ice_manifest_make.h"

static LhCtx *ctx;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static const char *
path_of(const LhIceManifest *m, size_t i)
{
	LhBuf out;

	ASSERT_OK(ctx, lh_buf_init(ctx, &out, false));
	ASSERT_OK(ctx, lh_ice_manifest_path(ctx, m, i, &out));
	return (const char *) out.data;
}

static void
entries_come_as_they_were_written(void **state)
{
	const int32_t ids[] = {1, 3};
	const IceEntry e[] = {
		{ICE_ENTRY, .path = "/t/data/p=1/a.parquet", .part = 1, .part_str = "ab", .records = 7,
		 .nstats = 2,
		 .stats = {{1, 7, 1, ICE_NULL, ice_long_bytes(ctx, 3), ice_long_bytes(ctx, 9)},
				   {3, 9, 0, 2, ice_double_bytes(ctx, 1.5), {0}}}},
		{ICE_ENTRY, .status = 0, .sequence = 4, .file_sequence = 3, .snapshot = 77, .content = 2,
		 .path = "/t/data/p=1/b.parquet", .format = "orc", .part = 1, .part_str = "ab", .nids = 2,
		 .ids = {4, 2}, .size = 5000000000},
		{ICE_ENTRY, .status = 2, .path = "c", .format = "Avro", .part_str = "ab", .content = 1,
		 .referenced = "/t/x", .offset = 4, .length = 40},
		{ICE_ENTRY, .path = "/t/data/p=1/d", .format = "puffin", .part = 1, .part_str = "ab"},
	};
	LhIceManifest *m = ice_decode(ctx, e, 4, true, 2, ids);
	const LhIceStats *s = lh_ice_manifest_stats(m, 1);
	LhSlice bytes;

	(void) state;
	assert_int_equal(m->n, 4);
	for (int i = 0; i < 4; i++)
	{
		assert_string_equal(path_of(m, (size_t) i), e[i].path);
		assert_int_equal(lh_ice_int(&m->status, (size_t) i), e[i].status);
		assert_int_equal(lh_ice_int(&m->content, (size_t) i), e[i].content);
		assert_int_equal(lh_ice_int(&m->size, (size_t) i), e[i].size);
		assert_int_equal(lh_ice_int(&m->records, (size_t) i), e[i].records);
		assert_true(lh_ice_int(&m->sequence, (size_t) i) == e[i].sequence);
		assert_true(lh_ice_int(&m->file_sequence, (size_t) i) == e[i].file_sequence);
		assert_true(lh_ice_int(&m->snapshot, (size_t) i) == e[i].snapshot);
	}
	assert_int_equal(lh_ice_int(&m->format, 0), LH_FILE_PARQUET);
	assert_int_equal(lh_ice_int(&m->format, 1), LH_FILE_ORC);
	assert_int_equal(lh_ice_int(&m->format, 2), LH_FILE_AVRO);
	assert_int_equal(lh_ice_int(&m->format, 3), LH_ICE_PUFFIN);
	/* directories and tuples once each */
	assert_int_equal(m->ndirs, 2);
	assert_int_equal(m->ntuples, 2);
	assert_int_equal(lh_ice_int(&m->tuple, 0), lh_ice_int(&m->tuple, 3));
	assert_int_equal(m->parts[0].field_id, 1001);
	assert_int_equal(lh_ice_part_value(&m->parts[1], 0).i64, 1);
	assert_true(lh_ice_part_value(&m->parts[1], 1).null);
	/* ids are sorted: they are a set */
	assert_int_equal(m->nidsets, 1);
	assert_int_equal(m->idsets[0].ids[0], 2);
	assert_int_equal(m->idsets[0].ids[1], 4);
	assert_true(lh_ice_int(&m->ids, 0) == LH_ICE_NONE);
	assert_true(lh_ice_bytes(&m->referenced, 2, &bytes) && bytes.len == 4);
	assert_false(lh_ice_bytes(&m->referenced, 0, &bytes));
	/* statistics */
	assert_int_equal(lh_ice_int(&s->values, 0), 0);
	assert_int_equal(lh_ice_int(&s->nulls, 0), 1);
	assert_true(lh_ice_int(&s->nans, 0) == LH_ICE_NONE);
	assert_true(lh_ice_int(&s->nulls, 1) == LH_ICE_NONE);
	assert_true(lh_ice_bytes(&s->upper, 0, &bytes) && lh_load_i64(bytes.data) == 9);
	s = lh_ice_manifest_stats(m, 3);
	assert_int_equal(lh_ice_int(&s->values, 0), 2);
	assert_false(lh_ice_bytes(&s->upper, 0, &bytes));
	assert_null(lh_ice_manifest_stats(m, 2));
	lh_ice_manifest_unref(m);
}

/* Widths change on the way: nothing, 4 bytes, 8 bytes, nulls in between. */
static void
numbers_take_the_room_they_need(void **state)
{
	enum { N = 300 };
	IceEntry e[N];
	LhIceManifest *m;

	(void) state;
	for (int i = 0; i < N; i++)
	{
		e[i] = (IceEntry){ICE_ENTRY, .path = lh_sprintf(ctx, "/t/%d", i)};
		e[i].sequence = i < 100 ? 5 : i == 150 ? ICE_NULL : i < 200 ? i : INT64_C(1) << 40;
		e[i].status = 0;
		e[i].size = i == 299 ? INT32_MAX : 3;
		e[i].first_row_id = i == 0 ? ICE_NULL : i;
	}
	m = ice_decode(ctx, e, N, false, 0, NULL);
	assert_int_equal(m->sequence.width, 8);
	assert_int_equal(m->size.width, 4);
	assert_int_equal(m->records.width, 0);
	assert_int_equal(m->first_row_id.width, 4);
	for (int i = 0; i < N; i++)
	{
		assert_true(lh_ice_int(&m->sequence, (size_t) i) == e[i].sequence);
		assert_true(lh_ice_int(&m->size, (size_t) i) == e[i].size);
		assert_true(lh_ice_int(&m->first_row_id, (size_t) i) == e[i].first_row_id);
		assert_string_equal(path_of(m, (size_t) i), e[i].path);
	}
	lh_ice_manifest_unref(m);
}

/*
 * Inheritance
 */

static void
sequences_and_snapshots_are_inherited(void **state)
{
	const IceEntry e[] = {{ICE_ENTRY, .path = "a"},
						  {ICE_ENTRY, .path = "b", .status = 0, .sequence = 3, .snapshot = 9},
						  {ICE_ENTRY, .path = "c", .status = 2}};
	LhIceManifest *m = ice_decode(ctx, e, 3, false, 0, NULL);
	LhIceManifestFile line = {.path = "m", .sequence = 8, .added_snapshot = 42};
	LhIceInherit in = {0};

	(void) state;
	ASSERT_OK(ctx, lh_ice_inherit(ctx, &line, m, 0, &in));
	assert_int_equal(in.sequence, 8);
	assert_int_equal(in.snapshot, 42);
	assert_true(in.first_row_id == LH_ICE_NONE);
	ASSERT_OK(ctx, lh_ice_inherit(ctx, &line, m, 1, &in));
	assert_int_equal(in.sequence, 3);
	assert_int_equal(in.snapshot, 9);
	ASSERT_OK(ctx, lh_ice_inherit(ctx, &line, m, 2, &in));
	lh_ice_manifest_unref(m);
}

/* 6.4 no. 5: entries of version 1 have no sequence number, which is 0. */
static void
version_1_has_sequence_0(void **state)
{
	const IceEntry e[] = {{ICE_ENTRY, .path = "a", .status = 0}};
	LhIceManifest *m = ice_decode(ctx, e, 1, false, 0, NULL);
	LhIceManifestFile line = {.path = "m", .sequence = 0, .added_snapshot = -1};
	LhIceInherit in = {0};

	(void) state;
	ASSERT_OK(ctx, lh_ice_inherit(ctx, &line, m, 0, &in));
	assert_int_equal(in.sequence, 0);
	assert_true(in.snapshot == LH_ICE_NONE);
	/* an existing entry of a later version must say its own */
	line.sequence = 5;
	assert_int_equal(lh_ice_inherit(ctx, &line, m, 0, &in), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "sequence_number"));
	lh_ice_manifest_unref(m);
}

/* 6.4 no. 15 */
static void
row_ids_are_assigned_in_file_order_over_nulls(void **state)
{
	const IceEntry e[] = {
		{ICE_ENTRY, .path = "a", .records = 10},
		{ICE_ENTRY, .path = "b", .records = 5, .first_row_id = 1000, .status = 0, .sequence = 1},
		{ICE_ENTRY, .path = "c", .records = 7, .status = 2},
		{ICE_ENTRY, .path = "d", .records = 20},
		{ICE_ENTRY, .path = "e", .records = 1}};
	const int64_t expected[] = {100, 1000, LH_ICE_NONE, 110, 130};
	LhIceManifest *m = ice_decode(ctx, e, 5, false, 0, NULL);
	LhIceManifestFile line = {.path = "m", .sequence = 2, .has_first_row_id = true,
							  .first_row_id = 100};

	(void) state;
	for (int round = 0; round < 3; round++)
	{
		LhIceInherit in = {0};

		/* lists of upgraded snapshots give none, delete files never have any */
		line.has_first_row_id = round != 1;
		line.deletes = round == 2;
		for (size_t i = 0; i < 5; i++)
		{
			ASSERT_OK(ctx, lh_ice_inherit(ctx, &line, m, i, &in));
			assert_true(in.first_row_id == (round == 0 ? expected[i] : LH_ICE_NONE));
		}
	}
	line = (LhIceManifestFile){.path = "m", .has_first_row_id = true, .first_row_id = INT64_MAX - 3};
	assert_int_equal(lh_ice_inherit(ctx, &line, m, 0, &(LhIceInherit){0}), LH_CORRUPT);
	lh_ice_manifest_unref(m);
}

/*
 * Hostile ones
 */

static const char *
refused(const IceEntry *e)
{
	LhAvroFile *file;
	LhIceManifest *m;

	lh_error_clear(ctx);
	ASSERT_OK(ctx, lh_avro_open_bytes(ctx, ice_make_manifest(ctx, e, 1, true), "bad.avro", &file));
	assert_int_equal(lh_ice_manifest_decode(ctx, file, 0, NULL, &m), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "bad.avro"));
	return ctx->error->message;
}

static void
numbers_out_of_range_are_refused_by_name(void **state)
{
	(void) state;
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .records = -1}), "record_count"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .size = -1}),
						   "file_size_in_bytes"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .status = 3}), "status"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .status = -1}), "status"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .content = 3}), "content"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .sequence = -5}),
						   "sequence_number"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .first_row_id = -5}),
						   "first_row_id"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .offset = -5}),
						   "content_offset"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .length = -5}),
						   "content_size_in_bytes"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = ""}), "file_path"));
	assert_non_null(strstr(refused(&(IceEntry){ICE_ENTRY, .path = "a", .nids = 1, .ids = {-4}}),
						   "equality_ids"));
}

/* A manifest of a schema, with one block of rows. */
static LhStatus
decode_schema(const char *schema, const void *rows, size_t n)
{
	AvroMake m = avro_new(ctx);
	const int32_t ids[] = {1};
	LhIceManifest *out;
	LhAvroFile *file;
	LhStatus status;

	lh_error_clear(ctx);
	avro_header(&m, schema, NULL, NULL);
	avro_raw_block(&m, 1, rows, n);
	status = lh_avro_open_bytes(ctx, lh_slice(m.b.data, m.b.len), "m.avro", &file);
	if (status == LH_OK)
		status = lh_ice_manifest_decode(ctx, file, 1, ids, &out);
	if (status == LH_OK)
		lh_ice_manifest_unref(out);
	return status;
}

#define FILE_FIELDS(more)                                                                       \
	"{\"type\":\"record\",\"name\":\"e\",\"fields\":[{\"name\":\"status\",\"type\":\"int\"},"    \
	"{\"name\":\"data_file\",\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":["         \
	"{\"name\":\"file_path\",\"type\":\"string\"},{\"name\":\"file_format\",\"type\":\"string\"}," \
	"{\"name\":\"record_count\",\"type\":\"long\"},"                                             \
	"{\"name\":\"file_size_in_bytes\",\"type\":\"long\"}" more "]}}]}"

static void
fields_are_found_by_name_where_ids_are_missing(void **state)
{
	(void) state;
	assert_int_equal(decode_schema(FILE_FIELDS(""), "\x02\x02" "a" "\x02" "b" "\x02\x02", 7), LH_OK);
}

static void
statistics_of_another_form_are_none(void **state)
{
	(void) state;
	assert_int_equal(decode_schema(FILE_FIELDS(",{\"name\":\"lower_bounds\",\"field-id\":125,"
											   "\"type\":\"string\"}"),
								   "\x02\x02" "a" "\x02" "b" "\x02\x02\x02" "c", 9),
					 LH_OK);
}

static void
schemas_without_what_is_needed_are_refused(void **state)
{
	(void) state;
	assert_int_equal(decode_schema("{\"type\":\"record\",\"name\":\"e\",\"fields\":[{\"name\":"
								   "\"status\",\"type\":\"int\",\"field-id\":0}]}",
								   "\x02", 1),
					 LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "file_path"));
	assert_int_equal(decode_schema(FILE_FIELDS(",{\"name\":\"partition\",\"field-id\":102,"
											   "\"type\":\"string\"}"),
								   "", 0),
					 LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "partition"));
	assert_int_equal(decode_schema(FILE_FIELDS(",{\"name\":\"content_offset\",\"field-id\":144,"
											   "\"type\":\"double\"}"),
								   "", 0),
					 LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "content_offset"));
	assert_int_equal(decode_schema("\"int\"", "\x02", 1), LH_CORRUPT);
}

/*
 * The cache, and manifests on disk
 */

static void
put_file(const char *path, LhSlice bytes)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes.data, 1, bytes.len, f), bytes.len);
	assert_int_equal(fclose(f), 0);
}

/* A table in a directory of its own with one manifest; the directory. */
static char *
table_on_disk(LhIceTable **table, LhIceManifestFile *line)
{
	char dir[] = "/tmp/lh_ice_manifest_XXXXXX";
	const IceEntry e[] = {
		{ICE_ENTRY, .path = "a", .nstats = 1,
		 .stats = {{1, 10, 0, ICE_NULL, ice_long_bytes(ctx, 3), ice_long_bytes(ctx, 9)}}},
		{ICE_ENTRY, .path = "b", .status = 2}};
	LhSlice bytes = ice_make_manifest(ctx, e, 2, false);
	char *path;

	assert_non_null(mkdtemp(dir));
	path = lh_sprintf(ctx, "%s/m.avro", dir);
	put_file(path, bytes);
	*table = ice_make_table(ctx);
	ASSERT_OK(ctx, lh_ice_paths_init(ctx, (*table)->base.store,
									 lh_sprintf(ctx, "%s/metadata/v1.metadata.json", dir), dir, NULL,
									 &(*table)->paths));
	*line = (LhIceManifestFile){.path = path, .length = (int64_t) bytes.len, .added_files = 1,
								.deleted_files = 1, .added_snapshot = -1};
	return lh_strdup(ctx, dir);
}

static void
remove_table(const char *dir)
{
	unlink(lh_sprintf(ctx, "%s/m.avro", dir));
	rmdir(dir);
}

static void
manifests_are_cached_and_grow_statistics(void **state)
{
	LhIceCache *cache = lh_ice_cache_create(1 << 20);
	const int32_t id1[] = {1}, id2[] = {2};
	LhIceManifest *m, *other;
	LhIceManifestFile line;
	LhIceTable *table;
	char *dir = table_on_disk(&table, &line);

	(void) state;
	lh_ice_use_cache(cache);
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 1, id1, &m));
	assert_int_equal(ctx->counters->v[LH_CTR_MANIFESTS], 1);
	assert_true(lh_ice_cache_bytes(cache) > 0);
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 1, id1, &other));
	assert_ptr_equal(m, other);
	assert_int_equal(ctx->counters->v[LH_CTR_MANIFEST_CACHE_HITS], 1);
	lh_ice_manifest_close(ctx, other);
	/* another id: decoded anew, with both */
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 1, id2, &other));
	assert_int_equal(ctx->counters->v[LH_CTR_MANIFESTS], 2);
	assert_ptr_not_equal(m, other);
	assert_non_null(lh_ice_manifest_stats(other, 1));
	assert_non_null(lh_ice_manifest_stats(other, 2));
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 1, id1, &other));
	assert_int_equal(ctx->counters->v[LH_CTR_MANIFEST_CACHE_HITS], 2);
	/* the first one lives on while it is used */
	assert_int_equal(m->n, 2);
	lh_ice_cache_resize(cache, 10);
	assert_int_equal(lh_ice_cache_bytes(cache), 0);
	assert_int_equal(other->n, 2);
	lh_ice_cache_destroy(cache);
	remove_table(dir);
}

/* Rights are asked for again, also when the manifest is cached. */
static void
a_cached_manifest_is_not_for_everybody(void **state)
{
	static const LhAccess nothing = {0};
	LhIceCache *cache = lh_ice_cache_create(1 << 20);
	LhIceManifest *m;
	LhIceManifestFile line;
	LhIceTable *table;
	char *dir = table_on_disk(&table, &line);

	(void) state;
	lh_ice_use_cache(cache);
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m));
	ASSERT_OK(ctx, lh_store_create(ctx, &nothing, &table->base.store));
	table->paths.store = table->base.store;
	assert_int_equal(lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m), LH_DENIED);
	lh_ice_cache_destroy(cache);
	remove_table(dir);
}

/* The manifest itself says that it is not encrypted.  Metadata of Iceberg's own promises that it is. */
static void
a_manifest_with_somebody_elses_key_metadata_is_read(void **state)
{
	LhIceManifest *m;
	LhIceManifestFile line;
	LhIceTable *table;
	char *dir = table_on_disk(&table, &line);

	(void) state;
	line.key_metadata = lh_slice("binary_key_metadata", 19);
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m));
	assert_int_equal(m->n, 2);
	lh_ice_manifest_close(ctx, m);
	line.key_metadata = lh_slice("\x01\x20" "0123456789abcdef" "\0\0", 20);
	assert_int_equal(lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "m.avro"));
	lh_error_clear(ctx);
	remove_table(dir);
}

static void
a_wrong_length_needs_right_counts(void **state)
{
	LhIceManifest *m;
	LhIceManifestFile line;
	LhIceTable *table;
	char *dir = table_on_disk(&table, &line);

	(void) state;
	line.length++;
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m));
	line.added_files = 2;
	assert_int_equal(lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "m.avro"));
	lh_error_clear(ctx);
	line.added_files = -1;
	assert_int_equal(lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m), LH_CORRUPT);
	lh_error_clear(ctx);
	line.length--;
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m));
	remove_table(dir);
}

static LhStatus
count_row(LhCtx *c, void *arg, const LhValue *values)
{
	(void) c, (void) values;
	++*(int *) arg;
	return LH_OK;
}

/* The entries that are cached and those of the file are gone through side by side. */
static void
a_manifest_that_changed_under_its_cache_is_an_error(void **state)
{
	LhIceCache *cache = lh_ice_cache_create(1 << 20);
	const IceEntry e[] = {{ICE_ENTRY, .path = "a"}, {ICE_ENTRY, .path = "b"}, {ICE_ENTRY, .path = "c"}};
	LhIceSnapshot snapshot = {.snapshot_id = 1};
	LhIceManifestFile line;
	LhIceManifest *m;
	LhIceTable *table;
	char *dir = table_on_disk(&table, &line);

	(void) state;
	lh_ice_use_cache(cache);
	table->snapshot = &snapshot;
	table->manifests = &line;
	table->nmanifests = 1;
	ASSERT_OK(ctx, lh_ice_manifest_open(ctx, table, &line, 0, NULL, &m));
	for (int n = 1; n <= 3; n++)
	{
		int rows = 0;

		put_file(line.path, ice_make_manifest(ctx, e, n, false));
		assert_int_equal(lh_ice_file_rows(ctx, table, LH_ICE_FILES, count_row, &rows),
						 n == 2 ? LH_OK : LH_CHANGED);
		lh_error_clear(ctx);
		/* of two entries one is deleted */
		if (n == 2)
			assert_int_equal(rows, 1);
	}
	lh_ice_manifest_close(ctx, m);
	lh_ice_cache_destroy(cache);
	remove_table(dir);
}

static void
ids_are_kept_ascending_and_once(void **state)
{
	LhIceIds set = {0};
	const int32_t *before;

	(void) state;
	ASSERT_OK(ctx, lh_ice_ids_add(ctx, &set, 0, NULL));
	assert_int_equal(set.n, 0);
	assert_false(lh_ice_ids_has(&set, 0));
	ASSERT_OK(ctx, lh_ice_ids_add(ctx, &set, 5, (const int32_t[]){7, INT32_MAX, 1, 7, -3}));
	assert_int_equal(set.n, 4);
	assert_memory_equal(set.ids, ((const int32_t[]){-3, 1, 7, INT32_MAX}), 16);
	before = set.ids;
	ASSERT_OK(ctx, lh_ice_ids_add(ctx, &set, 2, (const int32_t[]){7, 1}));
	assert_ptr_equal(set.ids, before);
	ASSERT_OK(ctx, lh_ice_ids_add(ctx, &set, 3, (const int32_t[]){7, 2, 1}));
	assert_int_equal(set.n, 5);
	assert_memory_equal(set.ids, ((const int32_t[]){-3, 1, 2, 7, INT32_MAX}), 20);
	assert_true(lh_ice_ids_has(&set, 2));
	assert_false(lh_ice_ids_has(&set, 3));
}

/*
 * Lists on disk
 */

static int
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Whoever asks for the lists of all snapshots would run out of file descriptors else. */
static void
lists_do_not_stay_open(void **state)
{
	AvroMake list = avro_new(ctx), row = avro_new(ctx);
	LhIceManifestFile line;
	const LhIceManifestFile *lines;
	LhIceTable *table;
	char *dir = table_on_disk(&table, &line);
	char *path = lh_sprintf(ctx, "%s/list.avro", dir);
	const char *manifests[] = {line.path, line.path, line.path};
	LhIceSnapshot by_list = {.snapshot_id = 1, .manifest_list = path};
	LhIceSnapshot by_name = {.snapshot_id = 1, .nmanifests = 3, .manifests = manifests};
	int before = open_files();
	size_t n;

	(void) state;
	avro_header(&list, ICE_LIST_SCHEMA, "null", (const char *const[]){NULL});
	avro_text(&row, line.path);
	for (int i = 0; i < 6; i++)
		avro_long(&row, i == 0 ? line.length : 0);
	avro_long(&row, 0);
	avro_long(&row, 0);
	avro_block(&list, 1, &row.b, "null");
	put_file(path, lh_slice(list.b.data, list.b.len));
	ASSERT_OK(ctx, lh_ice_manifest_list(ctx, table, &by_list, &n, &lines));
	assert_int_equal(n, 1);
	assert_string_equal(lines[0].path, line.path);
	assert_int_equal(lines[0].length, line.length);
	assert_int_equal(open_files(), before);
	/* version 1 */
	ASSERT_OK(ctx, lh_ice_manifest_list(ctx, table, &by_name, &n, &lines));
	assert_int_equal(n, 3);
	assert_int_equal(lines[2].length, line.length);
	assert_int_equal(lines[2].spec_id, 0);
	assert_int_equal(open_files(), before);
	unlink(path);
	remove_table(dir);
}

/* Spec 0 is that of most tables: what is no number must not become it. */
static void
a_spec_in_a_header_is_a_number(void **state)
{
	static const struct
	{
		const char *text;
		int spec; /* -1: refused */
	} cases[] = {{"0", 0}, {"1", 1}, {"2147483647", INT32_MAX}, {"2147483648", -1}, {"-1", -1},
				 {"", -1}, {"1x", -1}, {" 1", -1}, {"99999999999999999999", -1}};
	LhIceManifestFile line;
	const LhIceManifestFile *lines;
	LhIceTable *table;
	char *dir = table_on_disk(&table, &line);
	LhIceSnapshot snapshot = {.snapshot_id = 1, .nmanifests = 1, .manifests = &line.path};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		AvroMake m = avro_new(ctx);
		LhStatus status;
		size_t n;

		avro_header(&m, ICE_ENTRY_SCHEMA(""), "null",
					(const char *const[]){"partition-spec-id", cases[i].text, NULL});
		put_file(line.path, lh_slice(m.b.data, m.b.len));
		status = lh_ice_manifest_list(ctx, table, &snapshot, &n, &lines);
		assert_int_equal(status, cases[i].spec < 0 ? LH_CORRUPT : LH_OK);
		if (status == LH_OK)
			assert_int_equal(lines[0].spec_id, cases[i].spec);
		else
			assert_non_null(strstr(ctx->error->message, "m.avro"));
		lh_error_clear(ctx);
	}
	remove_table(dir);
}

/* A table of very many files is planned in little more than its tasks and their paths. */
static void
tasks_stand_in_memory_once(void **state)
{
	enum
	{
		MANIFESTS = 10,
		EACH = 4000,
		N = MANIFESTS * EACH
	};
	LhBudget budget = {0};
	LhArena *arena = lh_arena_create(&budget), *old;
	LhIceManifestFile lines[MANIFESTS];
	LhIceSnapshot snapshot = {.snapshot_id = 1};
	IceEntry *e = lh_alloc_array(ctx, EACH, sizeof(*e));
	LhIceManifestFile line;
	LhIceTable *table;
	char *dir = table_on_disk(&table, &line);
	LhSlice bytes;
	LhTaskList list;
	size_t length = 0;

	(void) state;
	for (int i = 0; i < EACH; i++)
	{
		char *path = lh_sprintf(ctx, "%s/data/day=2026-11-29/part-%05d-0123456789abcdef.parquet", dir, i);

		length = strlen(path) + 1;
		e[i] = (IceEntry){ICE_ENTRY, .path = path};
	}
	bytes = ice_make_manifest(ctx, e, EACH, false);
	put_file(line.path, bytes);
	for (int i = 0; i < MANIFESTS; i++)
		lines[i] = (LhIceManifestFile){.path = line.path, .length = (int64_t) bytes.len,
									   .added_files = EACH, .added_snapshot = 1};
	table->snapshot = &snapshot;
	table->manifests = lines;
	table->nmanifests = MANIFESTS;
	old = lh_use(ctx, arena);
	ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &list));
	lh_use(ctx, old);
	assert_int_equal(list.n, N);
	for (int i = 0; i < N; i++)
		assert_string_equal(list.tasks[i].path, e[i % EACH].path);
	print_message("%zu kB, %zu bytes a file\n", budget.peak / 1024, budget.peak / N);
	/* half a task more: the manifest that is read, and room in chunks */
	assert_true(budget.peak < N * (sizeof(LhFileTask) * 3 / 2 + length + 16));
	/* a list that says what is not so costs memory, no more */
	for (int i = 0; i < 2; i++)
	{
		lines[0].added_files = (const int64_t[]){3, INT64_MAX}[i];
		table->nmanifests = 1;
		ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &list));
		assert_int_equal(list.n, EACH);
		assert_string_equal(list.tasks[EACH - 1].path, e[EACH - 1].path);
	}
	lh_arena_destroy(arena);
	remove_table(dir);
}

/*
 * All fixtures
 */

typedef struct Seen
{
	int manifests, lists, entries, lines;
} Seen;

static void
look(const char *path, Seen *seen)
{
	const int32_t ids[] = {1, 2, 3, 4, 5, LH_ID_DELETE_PATH};
	LhIceManifestFile *lines;
	LhIceManifest *m;
	LhAvroFile *file;
	LhObject *obj;
	size_t n;
	int64_t rows;

	ASSERT_OK(ctx, lh_object_open(ctx, ice_store(ctx), path, &obj));
	if (lh_avro_open(ctx, obj, &file) != LH_OK)
		fail_msg("%s: %s", path, ctx->error->message);
	ASSERT_OK(ctx, avro_count(ctx, file, &rows));
	if (lh_avro_find(file, "manifest_path") >= 0)
	{
		if (lh_ice_list_decode(ctx, file, &n, &lines) != LH_OK)
			fail_msg("%s", ctx->error->message);
		assert_int_equal(n, rows);
		seen->lists++;
		seen->lines += (int) n;
	}
	else if (lh_avro_find(file, "data_file") >= 0)
	{
		if (lh_ice_manifest_decode(ctx, file, 6, ids, &m) != LH_OK)
			fail_msg("%s", ctx->error->message);
		assert_int_equal(m->n, rows);
		for (size_t i = 0; i < m->n; i++)
			assert_true(strlen(path_of(m, i)) > 0);
		seen->manifests++;
		seen->entries += (int) m->n;
		lh_ice_manifest_unref(m);
	}
	lh_object_close(obj);
}

static void
walk(const char *dir, Seen *seen)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
	{
		char *path = lh_sprintf(ctx, "%s/%s", dir, entry->d_name);
		size_t n = strlen(entry->d_name);
		struct stat st;

		if (entry->d_name[0] == '.' || stat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			walk(path, seen);
		else if (n > 5 && strcmp(entry->d_name + n - 5, ".avro") == 0 &&
				 strstr(entry->d_name, "encrypted") == NULL && st.st_size > 0)
			look(path, seen);
	}
	closedir(d);
}

static void
all_manifests_of_the_fixtures_are_read(void **state)
{
	char *root = ice_fixture(ctx, ".");
	Seen seen = {0};

	(void) state;
	walk(root, &seen);
	print_message("%d manifests of %d entries, %d lists of %d lines\n", seen.manifests, seen.entries,
				  seen.lists, seen.lines);
	assert_true(seen.manifests > 100 && seen.lists > 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_come_as_they_were_written),
		TEST(numbers_take_the_room_they_need),
		TEST(sequences_and_snapshots_are_inherited),
		TEST(version_1_has_sequence_0),
		TEST(row_ids_are_assigned_in_file_order_over_nulls),
		TEST(numbers_out_of_range_are_refused_by_name),
		TEST(fields_are_found_by_name_where_ids_are_missing),
		TEST(statistics_of_another_form_are_none),
		TEST(schemas_without_what_is_needed_are_refused),
		TEST(manifests_are_cached_and_grow_statistics),
		TEST(a_cached_manifest_is_not_for_everybody),
		TEST(a_manifest_with_somebody_elses_key_metadata_is_read),
		TEST(a_wrong_length_needs_right_counts),
		TEST(a_manifest_that_changed_under_its_cache_is_an_error),
		TEST(ids_are_kept_ascending_and_once),
		TEST(lists_do_not_stay_open),
		TEST(tasks_stand_in_memory_once),
		TEST(a_spec_in_a_header_is_a_number),
		TEST(all_manifests_of_the_fixtures_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
