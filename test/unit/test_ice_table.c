/*
 * test_ice_table.c
 *		Whole tables that others wrote: opened, planned and read through the vtable.
 *
 * The tables are duckdb-iceberg's (../shared/fixtures); their metadata says paths relative to
 * a checkout of that project, so they are rebased.
 */
#include "test_scan.h"

#include "iceberg/ice.h"

/* Absolute path of a table; NULL, loudly, when it is not there. */
static const char *
shared(World *w, const char *name)
{
	char root[PATH_MAX];

	if (realpath(lh_sprintf(w->ctx, "../shared/fixtures/iceberg/%s", name), root) == NULL)
	{
		print_message("SKIPPED: ../shared/fixtures/iceberg/%s is not there\n", name);
		return NULL;
	}
	return lh_strdup(w->ctx, root);
}

/* What is there was tested; the rest was not. */
static void
skip_if(int absent)
{
	if (absent > 0)
		skip();
}

static LhTableOptions
options_of(const char *location)
{
	return (LhTableOptions){.location = location,
							.rebase = "auto",
							.allow_version_guess = true,
							.legacy_vectors = true};
}

static Table
opened(World *w, const LhTableOptions *options)
{
	Table t;

	ok(w, lh_table_open(w->ctx, w->store, w->cache, NULL, options, &t.table));
	assert_ptr_equal(t.table->format, &lh_iceberg_format);
	ok(w, t.table->schema(w->ctx, t.table, &t.schema));
	return t;
}

/* A scan of the columns that are not hidden. */
static LhScanSpec
visible(World *w, const Table *t)
{
	LhScanSpec spec = {.table = t->table, .schema = &t->schema, .prune = true};
	LhScanColumn *cols = lh_alloc_array(w->ctx, (size_t) t->schema.ncols + 1, sizeof(*cols));

	for (int i = 0; i < t->schema.ncols; i++)
		if (!t->schema.cols[i].hidden)
			cols[spec.ncols++] = (LhScanColumn){
				.name = t->schema.cols[i].name,
				.source = t->schema.cols[i].source,
				.type = t->schema.cols[i].type,
				.field_id = t->schema.cols[i].field_id,
			};
	spec.cols = cols;
	return spec;
}

static LhStatus
read_all(World *w, const LhScanSpec *spec, int64_t *rows)
{
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	*rows = 0;
	LH_TRY(lh_scan_open(w->ctx, spec, &scan));
	for (;;)
	{
		LH_TRY(lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return LH_OK;
		*rows += batch->sel.count;
	}
}

static int64_t
rows_of(World *w, const Table *t)
{
	LhScanSpec spec = visible(w, t);
	int64_t rows;

	ok(w, read_all(w, &spec, &rows));
	return rows;
}

/* PyIceberg counts as many, and where it cannot (see below) DuckDB. */
static void
tables_of_others_have_their_rows(void **state)
{
	World *w = *state;
	int absent = 0;
	static const struct
	{
		const char *name;
		int64_t rows;
	} tables[] = {
		{"add_columns_with_defaults/default.db/add_columns_with_defaults", 3},
		{"add_columns_with_defaults_in_struct/default.db/add_columns_with_defaults_in_struct", 2},
		{"case_sensitive_names/default.db/case_sensitive_names", 3},
		{"custom_write_paths", 0},
		{"expression_filter", 3},
		{"hive_partitioned_table", 6},
		{"iceberg/lineitem_iceberg", 51793},
		{"iceberg/lineitem_iceberg_no_hint", 51793},
		{"iceberg_v1_repro/repro/merch_v1", 4},
		{"is_null_is_not_null", 8},
		{"map_stats/default.db/map_stats", 2},
		{"name_mapping/warehouse_1/mydb/t1", 10000},
		{"null_stats/default/test_nulls", 9},
		{"partition_bigint", 2},
		{"partition_binary", 2},
		{"partition_bool", 2},
		{"partition_decimal_bigint", 10},
		{"partition_decimal_hugeint", 15},
		{"partition_decimal_integer", 3},
		{"partition_decimal_smallint", 2},
		{"partition_double", 2},
		{"partition_float", 2},
		{"partition_integer", 2},
		{"uuid", 10},
		/* equality deletes, identity partitions that the files lack: DuckDB */
		{"equality_deletes/warehouse/mydb/mytable", 2},
		{"equality_deletes/warehouse/mydb/mytable_partitioned", 3},
		/* DuckDB 1.5.5 says 2: it applies a delete of one partition to another */
		{"equality_delete_cross_partition/warehouse/ns/t/metadata/vfinal.metadata.json", 3},
		{"equality_delete_extra_column/warehouse/ns/t/metadata/vfinal.metadata.json", 2},
		{"partition_fixed_length_binary/default.db/partition_fixed_length_binary", 2},
		{"partition_time/default.db/partition_time", 2},
		{"partition_timestamp/default.db/partition_timestamp", 2},
		{"partition_timestamptz/default.db/partition_timestamptz", 2},
		/* neither reads these where they lie; their own summaries say so */
		{"iceberg/lineitem_iceberg_gz", 111968},
		{"iceberg/lineitem_iceberg_gz_no_hint", 111968},
		{"iceberg_v1_deprecated/default/legacy_v1", 3},
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
	{
		const char *location = shared(w, lh_sprintf(w->ctx, "duckdb/%s", tables[i].name));
		LhTableOptions options = options_of(location);
		Table t;
		int64_t rows;

		if (location == NULL)
		{
			absent++;
			continue;
		}
		t = opened(w, &options);
		rows = rows_of(w, &t);
		if (rows != tables[i].rows)
			fail_msg("%s has %lld rows", tables[i].name, (long long) rows);
	}
	skip_if(absent);
}

/* Tables whose files lie beside them, under a place that was moved as a whole. */
static void
files_beside_a_table_are_found(void **state)
{
	World *w = *state;
	int absent = 0;
	static const struct
	{
		const char *table, *base, *old;
		int64_t rows;
	} cases[] = {
		{"duckdb/column_mapping/warehouse/default.db/my_table", "duckdb", "data/persistent", 3},
		{"duckdb/big_query_error/metadata/v1749025517.metadata.json", "duckdb", "data/persistent",
		 2},
		{"impala/iceberg_test/hadoop_catalog/ice/iceberg_multiple_storage_locations",
		 "impala/iceberg_test", "/test-warehouse/iceberg_test", 9},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *location = shared(w, cases[i].table);
		LhTableOptions options = options_of(location);
		Table t;

		if (location == NULL)
		{
			absent++;
			continue;
		}
		options.rebase = lh_sprintf(w->ctx, "%s=>%s", cases[i].old, shared(w, cases[i].base));
		t = opened(w, &options);
		assert_int_equal(rows_of(w, &t), cases[i].rows);
	}
	skip_if(absent);
}

static void
every_snapshot_can_be_read(void **state)
{
	World *w = *state;
	int absent = 0;
	static const struct
	{
		const char *name;
		int64_t snapshot, ms, rows;
	} cases[] = {
		{"is_null_is_not_null", 6009550004485738065, 0, 3},
		{"is_null_is_not_null", 2353095958979530531, 0, 6},
		{"is_null_is_not_null", 1222714758486840798, 1752074211103, 8},
		{"null_stats/default/test_nulls", 250057325269371674, 1773914190602, 3},
		{"null_stats/default/test_nulls", 9136741709133330043, 1773914190612, 6},
		{"null_stats/default/test_nulls", 4694394728259848547, 1773914190617, 9},
		{"hive_partitioned_table", 2541674261311761067, 1746793271358, 2},
		{"iceberg_v1_repro/repro/merch_v1", 381223374871251311, 1781274994784, 6},
		{"iceberg/lineitem_iceberg", 7817332053627255703, 1746188479060, 60175},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *location = shared(w, lh_sprintf(w->ctx, "duckdb/%s", cases[i].name));
		LhTableOptions options = options_of(location);
		LhIceSnapshotInfo info;
		Table t;

		if (location == NULL)
		{
			absent++;
			continue;
		}
		options.snapshot_id = cases[i].snapshot;
		t = opened(w, &options);
		assert_int_equal(rows_of(w, &t), cases[i].rows);
		/* estimates are exact without equality deletes */
		ok(w, lh_ice_snapshot_info(w->ctx, t.table, &info));
		assert_true(info.rows == cases[i].rows && info.snapshot_id == cases[i].snapshot);
		if (cases[i].ms == 0)
			continue;
		options.snapshot_id = 0;
		options.has_time = true;
		options.snapshot_time_us = cases[i].ms * 1000 + 999;
		t = opened(w, &options);
		ok(w, lh_ice_snapshot_info(w->ctx, t.table, &info));
		assert_true(info.snapshot_id == cases[i].snapshot);
	}
	skip_if(absent);
}

/* "name type[!][-]" of all columns: '!' required, '-' hidden. */
static const char *
columns(World *w, const LhTableSchema *schema)
{
	LhBuf out;

	ok(w, lh_buf_init(w->ctx, &out, false));
	for (int i = 0; i < schema->ncols; i++)
	{
		const LhColumn *c = &schema->cols[i];

		ok(w, lh_buf_printf(w->ctx, &out, "%s%s ", i ? ", " : "", c->name));
		ok(w, lh_type_format(w->ctx, &c->type, &out));
		ok(w, lh_buf_printf(w->ctx, &out, "%s%s", c->required ? "!" : "", c->hidden ? "-" : ""));
	}
	ok(w, lh_buf_putc(w->ctx, &out, '\0'));
	return (const char *) out.data;
}

#define V1_COLUMNS \
	"_file string!-, _pos int64!-, _deleted bool!-, _spec_id int32!-, _partition json-"

static void
metadata_columns_are_hidden_unless_asked_for(void **state)
{
	World *w = *state;
	const char *location = shared(w, "duckdb/is_null_is_not_null"), *text;
	LhTableOptions options = options_of(location);
	Table t;

	if (location == NULL)
		skip();
	t = opened(w, &options);
	text = columns(w, &t.schema);
	assert_non_null(strstr(text, V1_COLUMNS));
	assert_null(strstr(text, "_row_id"));
	assert_null(strstr(text, "_change"));
	assert_true(t.schema.by_id && t.schema.cols[0].field_id == 1);

	options.metadata_columns = true;
	t = opened(w, &options);
	assert_null(strstr(columns(w, &t.schema), "-"));
	assert_int_equal(rows_of(w, &t), 8 + 0);

	options.metadata_columns = false;
	options.changes = true;
	t = opened(w, &options);
	assert_non_null(
		strstr(columns(w, &t.schema),
			   "_change_type string!, _change_ordinal int32!, _commit_snapshot_id int64!"));
}

static void
chosen_columns_must_exist(void **state)
{
	World *w = *state;
	static const char *const some[] = {"_pos", NULL}, *const none[] = {"nothing", NULL};
	const char *location = shared(w, "duckdb/uuid");
	LhTableOptions options = options_of(location);
	LhTableSchema schema;
	LhTable *table;
	Table t;

	if (location == NULL)
		skip();
	options.columns = some;
	t = opened(w, &options);
	assert_string_equal(
		columns(w, &t.schema),
		"_file string!-, _pos int64!, _deleted bool!-, _spec_id int32!-, _partition json-");
	options.columns = none;
	ok(w, lh_table_open(w->ctx, w->store, w->cache, "iceberg", &options, &table));
	refused(w, table->schema(w->ctx, table, &schema), LH_NOT_FOUND, "\"nothing\"", NULL, NULL);
}

/* Paths of delete files, deletes and all, without a look at the metadata. */
static void
another_process_adopts_schema_and_tasks(void **state)
{
	World *w = *state;
	const char *location = shared(w, "duckdb/equality_deletes/warehouse/mydb/mytable"), *a, *b;
	LhTableOptions options = options_of(location), gone;
	LhScanSpec spec;
	LhTaskList tasks;
	int64_t rows;
	Table t, other;
	LhStr raw = {(const uint8_t *) "data/persistent/equality_deletes/warehouse/mydb/mytable/x", 57,
				 0};

	if (location == NULL)
		skip();
	t = opened(w, &options);
	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	gone = options_of("/nowhere/at/all");
	ok(w, lh_table_open(w->ctx, w->store, w->cache, "iceberg", &gone, &other.table));
	ok(w, other.table->adopt(w->ctx, other.table, &t.schema));
	other.schema = t.schema;
	spec = visible(w, &other);
	spec.tasks = &tasks;
	ok(w, read_all(w, &spec, &rows));
	assert_int_equal(rows, 2);
	ok(w, t.table->file_path(w->ctx, t.table, raw, &a));
	ok(w, other.table->file_path(w->ctx, other.table, raw, &b));
	assert_string_equal(a, b);
	assert_string_equal(a, lh_sprintf(w->ctx, "%s/x", location));

	/* a state cut off is an error */
	t.schema.state.len -= 1;
	refused(w, other.table->adopt(w->ctx, other.table, &t.schema), LH_BUG, "state", NULL, NULL);
	t.schema.state.len = 3;
	refused(w, other.table->adopt(w->ctx, other.table, &t.schema), LH_BUG, "state", NULL, NULL);
}

/* One line a row, values joined by '|'. */
typedef struct Lines
{
	World *w;
	LhIceMetaTable which;
	LhBuf text;
	int rows;
} Lines;

static LhStatus
add_line(LhCtx *ctx, void *arg, const LhValue *values)
{
	Lines *lines = arg;
	int n;

	(void) lh_ice_meta_columns(lines->which, &n);
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_putc(ctx, &lines->text, '|'));
		if (!values[i].null)
			LH_TRY(lh_value_format(ctx, &values[i], &lines->text));
	}
	lines->rows++;
	return lh_buf_putc(ctx, &lines->text, '\n');
}

static const char *
rows_text(World *w, LhTable *table, LhIceMetaTable which, int *rows)
{
	Lines lines = {.w = w, .which = which};

	ok(w, lh_buf_init(w->ctx, &lines.text, false));
	ok(w, lh_ice_meta_rows(w->ctx, table, which, add_line, &lines));
	ok(w, lh_buf_putc(w->ctx, &lines.text, '\0'));
	*rows = lines.rows;
	return (const char *) lines.text.data;
}

static void
metadata_tables_have_rows(void **state)
{
	World *w = *state;
	const char *location = shared(w, "duckdb/hive_partitioned_table"), *text;
	LhTableOptions options = options_of(location);
	Table t;
	int n;

	if (location == NULL)
		skip();
	t = opened(w, &options);
	text = rows_text(w, t.table, LH_ICE_SNAPSHOTS, &n);
	assert_int_equal(n, 2);
	assert_non_null(strstr(
		text, "2025-05-09T12:21:11.644+00:00|5128628767169163501|2541674261311761067|append|"
			  "data/persistent/hive_partitioned_table/metadata/snap-5128628767169163501-1-"));
	assert_non_null(strstr(text, "\"added-records\": \"4\""));
	/* it has a column of its own */
	assert_null(strstr(text, "\"operation\""));
	assert_string_equal(
		rows_text(w, t.table, LH_ICE_HISTORY, &n),
		"2025-05-09T12:21:11.358+00:00|2541674261311761067||true\n"
		"2025-05-09T12:21:11.644+00:00|5128628767169163501|2541674261311761067|true\n");
	assert_string_equal(rows_text(w, t.table, LH_ICE_REFS, &n),
						"main|BRANCH|5128628767169163501|||\n");
	assert_string_equal(
		rows_text(w, t.table, LH_ICE_METADATA_LOG, &n),
		lh_sprintf(
			w->ctx,
			"2025-05-09T12:21:10.313+00:00|data/persistent/hive_partitioned_table/metadata/v1.metadata.json|||\n"
			"2025-05-09T12:21:11.358+00:00|data/persistent/hive_partitioned_table/metadata/v2.metadata.json|2541674261311761067|0|1\n"
			"2025-05-09T12:21:11.427+00:00|data/persistent/hive_partitioned_table/metadata/v3.metadata.json|2541674261311761067|0|1\n"
			"2025-05-09T12:21:11.644+00:00|%s/metadata/v4.metadata.json|5128628767169163501|0|2\n",
			location));
	assert_non_null(
		strstr(rows_text(w, t.table, LH_ICE_PROPERTIES, &n), "write.update.mode|merge-on-read\n"));
}

/* A file of the scratch directory, and a table of it. */
static Table
made(World *w, const char *json)
{
	const char *path = lh_sprintf(w->ctx, "%s/metadata/v1.metadata.json", w->dir);
	LhTableOptions options = {.location = w->dir};
	FILE *f;

	assert_int_equal(system(lh_sprintf(w->ctx, "mkdir -p %s/metadata", w->dir)), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(json, f);
	fclose(f);
	return opened(w, &options);
}

#define V3(more)                                                                                                             \
	"{\"format-version\":3,\"table-uuid\":\"u\",\"location\":\"/old\",\"last-sequence-number\":9,\"next-row-id\":0,"         \
	"\"last-updated-ms\":5,\"last-column-id\":9,\"current-schema-id\":0,\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,"  \
	"\"fields\":[{\"id\":1,\"name\":\"_pos\",\"required\":true,\"type\":\"int\",\"doc\":\"mine\"}]}],\"default-spec-id\":0," \
	"\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999,\"default-sort-order-id\":0,"             \
	"\"sort-orders\":[{\"order-id\":0,\"fields\":[]}]" more "}"

static void
an_empty_table_has_columns_and_no_rows(void **state)
{
	World *w = *state;
	Table t = made(w, V3(""));
	LhIceSnapshotInfo info;
	LhTaskList tasks;
	double distinct;

	/* a column of the table hides what is called so; version 3 knows row ids */
	assert_string_equal(
		columns(w, &t.schema),
		"_pos int32!, _file string!-, _deleted bool!-, _spec_id int32!-, _partition json-, _row_id int64-, "
		"_last_updated_sequence_number int64-");
	assert_string_equal(t.schema.cols[0].doc, "mine");
	assert_int_equal(rows_of(w, &t), 0);
	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	assert_int_equal(tasks.n, 0);
	ok(w, lh_ice_snapshot_info(w->ctx, t.table, &info));
	assert_true(!info.has_snapshot && info.snapshot_id == 0 && info.rows == 0);
	ok(w, lh_ice_distinct(w->ctx, t.table, 1, &distinct));
	assert_true(distinct == -1);
}

#define SNAP(id, parent)                                                        \
	"{\"snapshot-id\":" id parent ",\"sequence-number\":1,\"timestamp-ms\":" id \
	",\"manifest-list\":\"/none\"}"
#define BLOB(type, field, ndv)                                                          \
	"{\"type\":\"" type "\",\"snapshot-id\":1,\"sequence-number\":1,\"fields\":[" field \
	"],\"properties\":{\"ndv\":\"" ndv "\"}}"

/* Of the snapshot, or of the nearest before it that has them. */
static void
distinct_values_come_from_the_nearest_statistics(void **state)
{
	World *w = *state;
	LhTableOptions options = {.location = w->dir};
	LhTable *table;
	LhTaskList tasks;
	double distinct;
	FILE *f;

	assert_int_equal(system(lh_sprintf(w->ctx, "mkdir -p %s/metadata", w->dir)), 0);
	f = fopen(lh_sprintf(w->ctx, "%s/metadata/v1.metadata.json", w->dir), "w");
	assert_non_null(f);
	fputs(
		V3(",\"current-snapshot-id\":3,\"snapshots\":[" SNAP("1", "") "," SNAP("2", ",\"parent-snapshot-id\":1") "," SNAP(
			"3",
			",\"parent-snapshot-id\":2") "],\"statistics\":[{\"snapshot-id\":1,\"statistics-path\":\"/s1\","
										 "\"file-size-in-bytes\":1,\"file-footer-size-in-bytes\":1,\"blob-metadata\":[" BLOB(
											 "apache-datasketches-theta-v1", "1",
											 "11") "]},"
												   "{\"snapshot-id\":2,\"statistics-path\":\"/s2\",\"file-size-in-bytes\":1,\"file-footer-size-in-bytes\":1,"
												   "\"blob-metadata\":[" BLOB("other", "1", "5") "," BLOB(
													   "apache-datasketches-theta-v1", "1,2",
													   "6") "," BLOB("apache-datasketches-theta-v1",
																	 "1", "22") "]}]"),
		f);
	fclose(f);
	ok(w, lh_table_open(w->ctx, w->store, w->cache, "iceberg", &options, &table));
	ok(w, lh_ice_distinct(w->ctx, table, 1, &distinct));
	assert_true(distinct == 22);
	ok(w, lh_ice_distinct(w->ctx, table, 2, &distinct));
	assert_true(distinct == -1);
	options.snapshot_id = 1;
	ok(w, lh_table_open(w->ctx, w->store, w->cache, "iceberg", &options, &table));
	ok(w, lh_ice_distinct(w->ctx, table, 1, &distinct));
	assert_true(distinct == 11);
	/* what is gone is named with who names it */
	refused(w, table->tasks(w->ctx, table, NULL, &tasks), LH_NOT_FOUND, "/none", NULL, NULL);
}

static void
a_table_has_one_location(void **state)
{
	World *w = *state;
	LhTableOptions options = {.location = "[\"/a\",\"/b\"]"};
	LhTable *table;

	refused(w, lh_table_open(w->ctx, w->store, w->cache, "iceberg", &options, &table), LH_INVALID,
			"array", NULL, NULL);
	options.location = "relative";
	refused(w, lh_table_open(w->ctx, w->store, w->cache, "iceberg", &options, &table), LH_INVALID,
			"absolute", NULL, NULL);
	options.location = NULL;
	refused(w, lh_table_open(w->ctx, w->store, w->cache, "iceberg", &options, &table), LH_INVALID,
			"missing", NULL, NULL);
}

typedef struct Facts
{
	char text[512];
} Facts;

static void
add_fact(void *arg, const char *label, const char *text)
{
	Facts *facts = arg;
	size_t n = strlen(facts->text);
	const char *slash = strrchr(text, '/');

	snprintf(facts->text + n, sizeof(facts->text) - n, "%s=%s;", label,
			 slash != NULL ? slash + 1 : text);
}

static void
facts_name_snapshot_and_file(void **state)
{
	World *w = *state;
	const char *location = shared(w, "duckdb/hive_partitioned_table");
	LhTableOptions options = options_of(location);
	Facts facts = {0};
	Table t;

	if (location == NULL)
		skip();
	options.ref = "main";
	t = opened(w, &options);
	ok(w, t.table->facts(w->ctx, t.table, add_fact, &facts));
	assert_string_equal(facts.text,
						"Metadata File=v4.metadata.json;Ref=main;Snapshot=5128628767169163501;"
						"Snapshot Time=2025-05-09T12:21:11.644+00:00;Manifests=2;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tables_of_others_have_their_rows),
		TEST(files_beside_a_table_are_found),
		TEST(every_snapshot_can_be_read),
		TEST(metadata_columns_are_hidden_unless_asked_for),
		TEST(chosen_columns_must_exist),
		TEST(another_process_adopts_schema_and_tasks),
		TEST(metadata_tables_have_rows),
		TEST(an_empty_table_has_columns_and_no_rows),
		TEST(distinct_values_come_from_the_nearest_statistics),
		TEST(a_table_has_one_location),
		TEST(facts_name_snapshot_and_file),
	};

	lh_format_register(&lh_iceberg_format);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
