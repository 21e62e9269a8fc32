/*
 * test_scan_formats.c
 *		Avro and ORC files are scanned as Parquet files are: the same rows under any
 *		filter, with any rows deleted, whatever is skipped.
 */
#include "test_lake.h"

#include "scan/datafile.h"
#include "scan/share.h"

#define ROWS 10000

/*
 * An Avro file: id long (1), name nullable string (2), point record (3) of x long (4) and nullable y double (5)
 */

static void
put_long(World *w, LhBuf *out, int64_t v)
{
	uint64_t z = (uint64_t) v << 1 ^ (uint64_t) (v >> 63);

	for (; z >= 128; z >>= 7)
		ok(w, lh_buf_putc(w->ctx, out, (char) (z | 128)));
	ok(w, lh_buf_putc(w->ctx, out, (char) z));
}

static void
put_string(World *w, LhBuf *out, const char *s)
{
	put_long(w, out, (int64_t) strlen(s));
	ok(w, lh_buf_append_str(w->ctx, out, s));
}

static const char avro_schema[] =
	"{\"type\": \"record\", \"name\": \"r\", \"fields\": ["
	"{\"name\": \"id\", \"type\": \"long\", \"field-id\": 1},"
	"{\"name\": \"name\", \"type\": [\"null\", \"string\"], \"default\": null, \"field-id\": 2},"
	"{\"name\": \"point\", \"type\": {\"type\": \"record\", \"name\": \"p\", \"fields\": ["
	"{\"name\": \"x\", \"type\": \"long\", \"field-id\": 4},"
	"{\"name\": \"y\", \"type\": [\"double\", \"null\"], \"field-id\": 5}]}, \"field-id\": 3}]}";

static void
put_row(World *w, LhBuf *out, int64_t row)
{
	double y = (double) row / 4;

	put_long(w, out, row);
	put_long(w, out, row % 7 != 0);
	if (row % 7 != 0)
		put_string(w, out, lh_sprintf(w->ctx, "n%d", (int) (row % 50)));
	put_long(w, out, -row);
	put_long(w, out, row % 5 == 0);
	if (row % 5 != 0)
		ok(w, lh_buf_append(w->ctx, out, &y, 8));
}

/* Blocks of 1 to block_rows rows. */
static LakeFile
avro_file(World *w, const char *name, int64_t rows, int block_rows, bool ids)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", w->dir, name);
	char sync[16] = "0123456789abcde", *schema = lh_strdup(w->ctx, avro_schema);
	FILE *f = fopen(path, "wb");
	LhBuf out, block;
	int n = 1;

	for (char *p = schema; !ids && (p = strstr(p, "field-id")) != NULL;)
		memcpy(p, "field_id", 8);
	ok(w, lh_buf_init(w->ctx, &out, false));
	ok(w, lh_buf_init(w->ctx, &block, false));
	ok(w, lh_buf_append(w->ctx, &out, "Obj\1", 4));
	put_long(w, &out, 1);
	put_string(w, &out, "avro.schema");
	put_string(w, &out, schema);
	put_long(w, &out, 0);
	ok(w, lh_buf_append(w->ctx, &out, sync, 16));
	for (int64_t row = 0; row < rows; n = n * 3 % block_rows + 1)
	{
		int64_t end = row + n < rows ? row + n : rows;

		block.len = 0;
		put_long(w, &out, end - row);
		for (; row < end; row++)
			put_row(w, &block, row);
		put_long(w, &out, (int64_t) block.len);
		ok(w, lh_buf_append(w->ctx, &out, block.data, block.len));
		ok(w, lh_buf_append(w->ctx, &out, sync, 16));
	}
	fwrite(out.data, 1, out.len, f);
	fclose(f);
	return (LakeFile){path, (int64_t) out.len};
}

static LhType
point_type(LhField *members)
{
	members[0] = field("x", lake_long, 4);
	members[1] = field("y", lake_double, 5);
	return (LhType){.id = LH_T_STRUCT, .nfields = 2, .fields = members};
}

/* id, name, point.x, point.y */
static LhFileTask *
avro_lake(World *w, Lake *lake, LhField *members, LakeFile file)
{
	LhFileTask *task;
	LhType point = point_type(members);

	lake_init(w, lake);
	lake_column(lake, "id", lake_long, 1);
	lake_column(lake, "name", lake_text, 2);
	lake->columns[2] = (LhColumn){.name = "point", .type = point, .field_id = 3};
	lake->schema.ncols = 3;
	lake->cols[2] = (LhScanColumn){.name = "point.x", .type = lake_long, .field_id = 4};
	lake->cols[3] = (LhScanColumn){.name = "point.y", .type = lake_double, .field_id = 5};
	lake->spec.ncols = 4;
	task = lake_task(lake, file);
	task->format = LH_FILE_AVRO;
	return task;
}

static void
check_row(const LhBatch *batch, int i, int64_t row)
{
	LhValue id = lh_vec_value(batch->vecs[0], i), name = lh_vec_value(batch->vecs[1], i);
	LhValue x = lh_vec_value(batch->vecs[2], i), y = lh_vec_value(batch->vecs[3], i);
	char expected[16];
	int len = snprintf(expected, sizeof(expected), "n%d", (int) (row % 50));

	assert_int_equal(id.i64, row);
	assert_int_equal(name.null, row % 7 == 0);
	if (!name.null)
		assert_true(name.str.len == (uint32_t) len && memcmp(name.str.ptr, expected, (size_t) len) == 0);
	assert_int_equal(x.i64, -row);
	assert_int_equal(y.null, row % 5 == 0);
	if (!y.null)
		assert_true(y.f64 == (double) row / 4);
}

/* All rows of a scan are those of which "given" is set, in order. */
static void
check_scan(World *w, LhScan *scan, const uint8_t *given, int64_t rows)
{
	LhHostRequest *request;
	const LhBatch *batch;
	int64_t next = 0;

	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		for (int i = 0; i < batch->n; i++)
		{
			if (!lh_bit_get(batch->sel.w, (size_t) i))
				continue;
			while (next < rows && !given[next])
				next++;
			assert_int_equal(batch->first_row + i, next);
			check_row(batch, i, next++);
		}
	}
	while (next < rows && !given[next])
		next++;
	assert_int_equal(next, rows);
}

static void
avro_rows_under_filters_and_deletes(void **state)
{
	World *w = *state;
	LakeFile file = avro_file(w, "f.avro", ROWS, 3001, true);
	uint64_t seed = 7;

	for (int round = 0; round < 24; round++)
	{
		Lake lake;
		LhField members[2];
		int64_t *deleted = lh_alloc(w->ctx, ROWS * sizeof(int64_t));
		uint8_t *given = lh_alloc(w->ctx, ROWS);
		LhPred *f[] = {cmp(w, 2, LH_LE, int_value(-round * 100))};
		LhScan *scan;
		int n = 0;

		memset(given, 1, ROWS);
		avro_lake(w, &lake, members, file);
		for (int64_t row = 0; round % 3 != 0 && row < ROWS;)
		{
			int64_t len;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			len = 1 + (int64_t) (seed >> 33) % (round % 3 == 1 ? 5 : 4000);
			len = row + len < ROWS ? len : ROWS - row;
			if (seed >> 62 < 2)
			{
				n = stretch(deleted, n, row, row + len);
				memset(given + row, 0, (size_t) len);
			}
			row += len;
		}
		if (n > 0)
		{
			vector_file(w, &lake, "v", deleted, n);
			lake_applies(&lake, 0, 0);
		}
		if (round % 2)
		{
			lake.spec.filters = f;
			lake.spec.nfilters = 1;
			memset(given, 0, (size_t) round * 100);
		}
		lake.spec.first_batch = round % 4 == 1 ? 7 : 0;
		ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
		check_scan(w, scan, given, ROWS);
		/* and again from the beginning */
		ok(w, lh_scan_rewind(w->ctx, scan, lake.spec.nfilters, lake.spec.filters));
		check_scan(w, scan, given, ROWS);
	}
}

/* A deleted stretch is passed over by blocks. */
static void
avro_blocks_of_deleted_rows_stay_as_they_are(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2];
	int64_t *deleted = lh_alloc(w->ctx, ROWS * sizeof(int64_t));
	uint8_t *given = lh_alloc0(w->ctx, ROWS);
	LhScan *scan;
	int n = stretch(deleted, 0, 0, ROWS - 3);

	memset(given + ROWS - 3, 1, 3);
	avro_lake(w, &lake, members, avro_file(w, "f.avro", ROWS, 100, true));
	vector_file(w, &lake, "v", deleted, n);
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
	check_scan(w, scan, given, ROWS);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), 3);
}

static void
avro_without_ids_goes_by_names(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2];
	uint8_t *given = lh_alloc(w->ctx, 100);
	LhScan *scan;

	memset(given, 1, 100);
	avro_lake(w, &lake, members, avro_file(w, "f.avro", 100, 30, false));
	ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
	check_scan(w, scan, given, 100);
	lake.columns[0].name = "other";
	lake.spec.ncols = 1;
	assert_string_equal(lh_strndup(w->ctx, lake_rows(w, &lake.spec), 14), "null null null");
}

/* Nested, projected, and in slices: a small first batch. */
static void
avro_structs_are_projected(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2], wanted[3];
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	int64_t next = 0;

	avro_lake(w, &lake, members, avro_file(w, "f.avro", 5000, 3001, true));
	wanted[0] = field("why", lake_double, 5);
	wanted[1] = field("new", lake_text, 9);
	wanted[2] = field("x", lake_long, 4);
	lake.cols[0] = (LhScanColumn){.name = "point", .field_id = 3,
								  .type = {.id = LH_T_STRUCT, .nfields = 3, .fields = wanted}};
	lake.spec.ncols = 1;
	lake.spec.first_batch = 13;
	ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		assert_string_equal(batch->vecs[0]->type.fields[0].name, "why");
		for (int i = 0; i < batch->n; i++, next++)
		{
			const LhVec *c = batch->vecs[0]->children;

			assert_int_equal(lh_vec_value(&c[2], i).i64, -next);
			assert_int_equal(lh_vec_is_null(&c[0], i), next % 5 == 0);
			if (next % 5 != 0)
				assert_true(lh_vec_value(&c[0], i).f64 == (double) next / 4);
			assert_true(lh_vec_is_null(&c[1], i));
		}
	}
	assert_int_equal(next, 5000);
}

static LhValue
avro_key(World *w, int64_t row, int col)
{
	return row == 0 ? null_value() : text_value("n3");
}

/* Keys in a Parquet file about rows of an Avro file: formats may be mixed. */
static void
equality_deletes_across_formats(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2], name[] = {field("name", lake_text, 2)};
	static const int ids[] = {2};
	uint8_t *given = lh_alloc(w->ctx, ROWS);
	LhDeleteFile *d;
	LhScan *scan;

	avro_lake(w, &lake, members, avro_file(w, "f.avro", ROWS, 3001, true));
	d = lake_delete(&lake, LH_DELETE_EQUALITY, lake_file(w, "e", 1, name, 2, 0, 0, avro_key));
	d->nids = 1;
	d->ids = ids;
	lake_applies(&lake, 0, 0);
	for (int64_t row = 0; row < ROWS; row++)
		given[row] = row % 7 != 0 && row % 50 != 3;
	ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
	check_scan(w, scan, given, ROWS);
}

/* Scans that take turns at the groups of one file see every row once. */
static void
avro_groups_are_shared(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2];
	LhScanShare share;
	LhScan *scans[3];
	LhHostRequest *request;
	const LhBatch *batch;
	int64_t rows = 0, sum = 0, n = 200000;
	bool more = true;

	avro_lake(w, &lake, members, avro_file(w, "f.avro", n, 1009, true));
	lake.spec.share = &share;
	lh_share_init(&share);
	for (int i = 0; i < 3; i++)
		ok(w, lh_scan_open(w->ctx, &lake.spec, &scans[i]));
	while (more)
	{
		more = false;
		for (int i = 0; i < 3; i++)
		{
			LhScanUnit unit;

			if (!lh_scan_take(scans[i], &unit))
				continue;
			more = true;
			for (;;)
			{
				ok(w, lh_scan_next(w->ctx, scans[i], &batch, &request));
				if (batch == NULL)
					break;
				for (int k = 0; k < batch->n; k++)
					sum += lh_vec_value(batch->vecs[0], k).i64;
				rows += batch->n;
			}
		}
	}
	assert_int_equal(rows, n);
	assert_int_equal(sum, n * (n - 1) / 2);
	assert_true(counter(w, LH_CTR_ROW_GROUPS) >= 3);
}

/* Slices of a group's vectors go with its columns; who reads them keeps nothing. */
static void
avro_slices_go_with_their_group(void **state)
{
	World *w = *state;
	LakeFile file = avro_file(w, "f.avro", 200000, 1009, true);
	LhArena *reader = lh_arena_child(w->ctx->arena), *old;
	LhDataOptions options = {0};
	LhDataFile *data;
	LhObject *obj;
	int node;

	assert_non_null(reader);
	ok(w, lh_object_open(w->ctx, w->store, file.path, &obj));
	ok(w, lh_data_open(w->ctx, LH_FILE_AVRO, obj, &options, &data));
	node = data->format->find(data, "point");
	ok(w, data->format->wants(w->ctx, data, 1, &node));
	assert_true(data->ngroups >= 3);
	for (int g = 0; g < data->ngroups; g++)
	{
		LhArena *columns = lh_arena_child(w->ctx->arena);
		int64_t first = lh_data_group(data, g).first_row;
		LhDataColumn *col;
		LhVec vec;
		LhSel all;
		int n = 100;

		assert_non_null(columns);
		lh_sel_all(&all, 10);
		old = lh_use(w->ctx, columns);
		ok(w, data->format->together(w->ctx, data, g, 0, &n));
		ok(w, data->format->column_open(w->ctx, data, g, node, &col));
		assert_int_equal(n, 100);
		lh_use(w->ctx, reader);
		ok(w, data->format->column_read(w->ctx, col, 7, 10, &all, &vec));
		lh_use(w->ctx, old);
		assert_int_equal(lh_vec_value(&vec.children[0], 0).i64, -(first + 7));
		lh_arena_destroy(columns);
		assert_int_equal(lh_arena_used(reader), 0);
	}
}

static void
a_cut_avro_file_is_an_error(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2];
	LakeFile file = avro_file(w, "f.avro", ROWS, 3001, true);

	assert_int_equal(truncate(file.path, file.size / 2), 0);
	avro_lake(w, &lake, members, file);
	refused(w, run_scan(w, &lake.spec), LH_CORRUPT, "f.avro", NULL, NULL);
}

/*
 * Bare files
 */

static Table
bare_table(World *w, const char *format, const char *location)
{
	LhTableOptions options = {.location = location, .hive_partitioning = -1, .union_by_name = true};
	Table t;

	ok(w, lh_table_open(w->ctx, w->store, w->cache, format, &options, &t.table));
	ok(w, t.table->schema(w->ctx, t.table, &t.schema));
	return t;
}

/* The rows of a JSON lines file beside a fixture. */
static int64_t
lines_of(World *w, const char *name)
{
	FILE *f = fopen(fixture(w, name), "r");
	int64_t lines = 0;
	int c;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	return lines;
}

static void
bare_files_of_each_format(void **state)
{
	World *w = *state;
	static const struct
	{
		const char *format, *file, *rows;
	} files[] = {
		{"avro", "avro/alltypes_null.avro", "avro/alltypes.jsonl"},
		{"avro", "avro/alltypes_deflate.avro", "avro/alltypes.jsonl"},
		{"avro", "avro/alltypes_snappy.avro", "avro/alltypes.jsonl"},
		{"avro", "avro/alltypes_zstandard.avro", "avro/alltypes.jsonl"},
		{"avro", "avro/nested.avro", "avro/nested.jsonl"},
		{"avro", "avro/empty.avro", "avro/empty.jsonl"},
		{"orc", "orc/types_zlib.orc", "orc/types.jsonl"},
		{"orc", "orc/types_zstd.orc", "orc/types.jsonl"},
		{"orc", "orc/types_snappy.orc", "orc/types.jsonl"},
		{"orc", "orc/types_lz4.orc", "orc/types.jsonl"},
		{"orc", "orc/types_uncompressed.orc", "orc/types.jsonl"},
		{"orc", "orc/types_v1.orc", "orc/types.jsonl"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		/* named, or known by the end of the name */
		Table t = bare_table(w, i % 2 ? files[i].format : NULL, fixture(w, files[i].file));
		LhScanSpec spec = spec_of(w, &t, NULL, 0);

		assert_string_equal(t.table->format->name, files[i].format);
		assert_true(t.schema.ncols > 0);
		assert_int_equal(count_rows(w, &spec), lines_of(w, files[i].rows));
		assert_int_equal((int64_t) t.schema.rows, lines_of(w, files[i].rows));
	}
}

/* ORC: statistics of stripes and row indexes skip what no row can pass, and nothing else. */
static void
orc_prunes_without_losing_rows(void **state)
{
	World *w = *state;
	Table t = bare_table(w, "orc", fixture(w, "orc/many.orc"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	uint64_t pruned = 0;

	for (int c = 0; c < t.schema.ncols; c++)
	{
		if (lh_type_is_nested(&t.schema.cols[c].type))
			continue;
		for (int k = 0; k < 8; k++)
		{
			LhHostRequest *request;
			const LhBatch *batch;
			LhScan *scan;
			LhValue value = {.null = true};
			LhPred *f[1];
			int64_t rows[2], at = 0;

			/* a value of the column, somewhere in the middle */
			spec.nfilters = 0;
			ok(w, lh_scan_open(w->ctx, &spec, &scan));
			do
			{
				ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
				if (batch == NULL)
					break;
				value = lh_vec_value(batch->vecs[c], batch->n / 2);
				at += batch->n;
			} while (at < (int64_t) t.schema.rows * k / 8);
			if (value.null)
				continue;
			ok(w, lh_pred_cmp(w->ctx, c, k % 2 ? LH_EQ : k % 4 ? LH_LT : LH_GT, &value, &f[0]));
			spec.filters = f;
			spec.nfilters = 1;
			reset_counters(w);
			for (int prune = 0; prune < 2; prune++)
			{
				spec.prune = prune;
				rows[prune] = count_rows(w, &spec);
			}
			assert_int_equal(rows[0], rows[1]);
			pruned += counter(w, LH_CTR_ROWS_PRUNED);
		}
	}
	assert_true(pruned > 0);
}

static void
orc_rows_may_be_deleted(void **state)
{
	World *w = *state;
	Table t = bare_table(w, "orc", fixture(w, "orc/many.orc"));
	int64_t all = (int64_t) t.schema.rows, *deleted = lh_alloc(w->ctx, 65536 * sizeof(int64_t));
	Lake lake;
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	int64_t rows = 0;
	int n = stretch(deleted, 0, 10, 2500);

	assert_true(all > 3000 && all < 65536);
	n = stretch(deleted, n, 2600, 2610);
	lake_init(w, &lake);
	lake_column(&lake, t.schema.cols[0].name, t.schema.cols[0].type, 1);
	lake_meta(&lake, LH_SRC_POSITION, lake_long);
	lake_task(&lake, (LakeFile){fixture(w, "orc/many.orc"), -1})->format = LH_FILE_ORC;
	vector_file(w, &lake, "v", deleted, n);
	lake_applies(&lake, 0, 0);
	ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		for (int i = 0; i < batch->n; i++)
			if (lh_bit_get(batch->sel.w, (size_t) i))
			{
				int64_t pos = lh_vec_value(batch->vecs[1], i).i64;

				assert_true(pos < 10 || pos >= 2500);
				assert_true(pos < 2600 || pos >= 2610);
				rows++;
			}
	}
	assert_int_equal(rows, all - n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(avro_rows_under_filters_and_deletes),
		TEST(avro_blocks_of_deleted_rows_stay_as_they_are),
		TEST(avro_without_ids_goes_by_names),
		TEST(avro_structs_are_projected),
		TEST(equality_deletes_across_formats),
		TEST(avro_groups_are_shared),
		TEST(avro_slices_go_with_their_group),
		TEST(a_cut_avro_file_is_an_error),
		TEST(bare_files_of_each_format),
		TEST(orc_prunes_without_losing_rows),
		TEST(orc_rows_may_be_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
