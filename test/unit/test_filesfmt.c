/*
 * test_filesfmt.c
 *		The format of bare files: locations, schemas of many files, tasks.
 */
#include "test_scan.h"

#include "iceberg/iceberg.h"

/* "name type[!], ..." of a schema; '!' for required, '@' for partition, '#' for file name. */
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
		ok(w, lh_buf_printf(w->ctx, &out, "%s%s", c->required ? "!" : "",
							c->source == LH_SRC_PARTITION  ? "@"
							: c->source == LH_SRC_FILENAME ? "#"
														   : ""));
	}
	ok(w, lh_buf_putc(w->ctx, &out, '\0'));
	return (const char *) out.data;
}

static LhTableOptions
options_of(const char *location)
{
	return (LhTableOptions){.location = location, .hive_partitioning = -1, .union_by_name = true};
}

/* Paths of all tasks below the scratch or fixture directory, joined by spaces. */
static const char *
tasks_of(World *w, const LhTableOptions *options, const char *root)
{
	LhTaskList tasks;
	LhTable *table;
	LhBuf out;

	ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", options, &table));
	ok(w, table->tasks(w->ctx, table, NULL, &tasks));
	ok(w, lh_buf_init(w->ctx, &out, false));
	for (size_t i = 0; i < tasks.n; i++)
	{
		assert_memory_equal(tasks.tasks[i].path, root, strlen(root));
		assert_true(tasks.tasks[i].size > 0);
		ok(w, lh_buf_printf(w->ctx, &out, "%s%s", i ? " " : "",
							tasks.tasks[i].path + strlen(root) + 1));
	}
	ok(w, lh_buf_putc(w->ctx, &out, '\0'));
	return (const char *) out.data;
}

static void
one_file_is_a_table(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "flat/trips.parquet"));

	assert_string_equal(
		columns(w, &t.schema),
		"trip_id int64!, day date!, picked_at timestamp(us, utc)!, vendor string!, zone string, "
		"passengers int16, distance double!, fare decimal(9,2)!, tip decimal(9,2), code string!, "
		"note string, shared bool!");
	assert_int_equal(t.schema.files, 1);
	assert_int_equal(t.schema.files_total, 1);
	assert_true(t.schema.rows == 20000);
	assert_true(t.schema.bytes > 300000);
}

static void
a_json_array_names_several_locations(void **state)
{
	World *w = *state;
	const char *a = fixture(w, "union/a.parquet"), *glob = fixture(w, "union/*.parquet"),
			   *root = fixture(w, "union");
	LhTableOptions options;

	/* together in byte order, each file once */
	options = options_of(lh_sprintf(w->ctx, " [\"%s\", \"%s\"]", glob, a));
	assert_string_equal(tasks_of(w, &options, root), "a.parquet b.parquet");
	options = options_of(lh_sprintf(w->ctx, "[\"%s/b.parquet\",\"%s\"]", root, a));
	assert_string_equal(tasks_of(w, &options, root), "a.parquet b.parquet");
}

static void
a_bad_location_is_refused_when_the_table_is_opened(void **state)
{
	static const char *const bad[] = {
		"[",          "[]",         "[1]",      "[\"/a\", null]", "[\"/a\"",
		"[\"/a\"] x", "[[\"/a\"]]", "relative", "[\"relative\"]", ""};
	World *w = *state;
	LhTable *table;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		LhTableOptions options = options_of(bad[i]);

		refused(w, lh_files_format.open(w->ctx, w->store, w->cache, &options, &table), LH_INVALID,
				NULL, NULL, NULL);
	}
	{
		LhTableOptions options = options_of(NULL);

		refused(w, lh_files_format.open(w->ctx, w->store, w->cache, &options, &table), LH_INVALID,
				NULL, NULL, NULL);
		options = options_of("[\"/a\", \"s3://user:secret@b/k\"]");
		refused(w, lh_files_format.open(w->ctx, w->store, w->cache, &options, &table),
				LH_INVALID, "user name or password", NULL, NULL);
	}
}

static void
opening_a_table_reads_nothing(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of("/nowhere/at/all");
	LhTable *table;
	LhTaskList tasks;

	ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", &options, &table));
	refused(w, table->tasks(w->ctx, table, NULL, &tasks), LH_NOT_FOUND, "/nowhere/at/all", NULL, NULL);
}

static void
the_number_of_files_is_limited_over_all_locations(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(lh_sprintf(w->ctx, "[\"%s\",\"%s\"]", fixture(w, "union"),
												   fixture(w, "flat/trips.parquet")));
	LhTable *table;
	LhTaskList tasks;

	options.max_files = 2;
	ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", &options, &table));
	refused(w, table->tasks(w->ctx, table, NULL, &tasks), LH_LIMIT, "2", NULL, NULL);
	options.max_files = 3;
	ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", &options, &table));
	ok(w, table->tasks(w->ctx, table, NULL, &tasks));
	assert_int_equal(tasks.n, 3);
}

static void
schema_and_tasks_speak_of_the_same_files(void **state)
{
	World *w = *state;
	LhTableOptions options;
	LhTaskList tasks;
	Table t;

	copied(w, "union/a.parquet", "t/a.parquet");
	options = options_of(lh_sprintf(w->ctx, "%s/t", w->dir));
	ok(w, open_table(w, &options, &t));
	copied(w, "union/b.parquet", "t/b.parquet");
	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	assert_int_equal(tasks.n, 1);
	/* a new table sees the new file */
	ok(w, open_table(w, &options, &t));
	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	assert_int_equal(tasks.n, 2);
}

/*
 * Schemas of many files
 */

static void
columns_of_all_files_are_united(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "union"));

	assert_string_equal(columns(w, &t.schema),
						"id int32, name string, amount int64, price double, extra bool");
	t = table_of(w, fixture(w, "union_wide"));
	assert_string_equal(columns(w, &t.schema), "id int32, d decimal(30,2), whole decimal(12,1), "
											   "t timestamp(us), u int16, n string");
}

static void
types_that_do_not_fit_name_both_files(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(fixture(w, "union_bad"));
	Table t;

	refused(w, open_table(w, &options, &t), LH_MISMATCH, "column \"v\" has type int64",
			"numbers.parquet\"", "string in file");
	refused(w, open_table(w, &options, &t), LH_MISMATCH, "texts.parquet\"", NULL, NULL);
	options.union_by_name = false;
	refused(w, open_table(w, &options, &t), LH_MISMATCH, "column \"v\"", "numbers.parquet",
			"texts.parquet");
	/* without the column they fit */
	options.columns = (const char *const[]){"id", NULL};
	ok(w, open_table(w, &options, &t));
	assert_string_equal(columns(w, &t.schema), "id int32");
}

static void
without_union_the_first_file_decides(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(fixture(w, "union"));
	Table t;

	options.union_by_name = false;
	refused(w, open_table(w, &options, &t), LH_MISMATCH, "column \"name\"", "a.parquet",
			"b.parquet");
	/* more columns than the first has do no harm */
	copied(w, "union_wide/1.parquet", "first/1.parquet");
	copied(w, "union_wide/1.parquet", "first/2.parquet");
	options.location = lh_sprintf(w->ctx, "%s/first", w->dir);
	options.columns = (const char *const[]){"id", "d", NULL};
	ok(w, open_table(w, &options, &t));
	assert_string_equal(columns(w, &t.schema), "id int32, d decimal(5,1)");
}

static void
a_sample_of_footers_is_scaled_by_size(void **state)
{
	World *w = *state;
	LhTableOptions options;
	Table t;

	for (int i = 0; i < 10; i++)
		copied(w, "flat/trips.parquet", lh_sprintf(w->ctx, "many/%d.parquet", i));
	options = options_of(lh_sprintf(w->ctx, "%s/many", w->dir));
	options.max_schema_files = 3;
	reset_counters(w);
	ok(w, open_table(w, &options, &t));
	assert_int_equal(counter(w, LH_CTR_FOOTERS_READ) + counter(w, LH_CTR_FOOTER_CACHE_HITS), 3);
	assert_int_equal(t.schema.files, 3);
	assert_int_equal(t.schema.files_total, 10);
	assert_true(t.schema.rows > 199999 && t.schema.rows < 200001);
	/* seven files may hold nulls for all we know */
	assert_false(t.schema.cols[0].required);
	options.max_schema_files = 0;
	ok(w, open_table(w, &options, &t));
	assert_true(t.schema.rows == 200000 && t.schema.files == 10 && t.schema.cols[0].required);
}

static void
chosen_columns_must_exist(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(fixture(w, "flat/trips.parquet"));
	Table t;

	options.columns = (const char *const[]){"fare", "day", NULL};
	ok(w, open_table(w, &options, &t));
	assert_string_equal(columns(w, &t.schema), "day date!, fare decimal(9,2)!");
	options.columns = (const char *const[]){"fare", "nothing", NULL};
	refused(w, open_table(w, &options, &t), LH_NOT_FOUND, "\"nothing\"", NULL, NULL);
}

static void
twins_are_numbered(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "names/awkward.parquet"));

	assert_int_equal(t.schema.ncols, 27);
	assert_string_equal(t.schema.cols[1].name, "");
	assert_string_equal(t.schema.cols[2].name, "ID");
	assert_string_equal(t.schema.cols[4].name, "dup");
	assert_string_equal(t.schema.cols[5].name, "dup#2");
}

/*
 * Partitions
 */

static void
partitions_become_columns(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive"));

	assert_string_equal(columns(w, &t.schema),
						"id int32, amount double, year int32!@, month int32!@");
	t = table_of(w, fixture(w, "hive_types"));
	assert_string_equal(columns(w, &t.schema),
						"id int32, d date@, n int32@, big int64!@, r string!@, mixed string!@");
	t = table_of(w, fixture(w, "hive_text"));
	assert_string_equal(columns(w, &t.schema), "id int32, city string@");
	/* one partition still has its column */
	t = table_of(w, fixture(w, "hive/year=2024"));
	assert_string_equal(columns(w, &t.schema),
						"id int32, amount double, year int32!@, month int32!@");
}

static void
partitioning_can_be_off(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(fixture(w, "hive"));
	Table t;

	options.hive_partitioning = 0;
	ok(w, open_table(w, &options, &t));
	assert_string_equal(columns(w, &t.schema), "id int32, amount double");
	options.hive_partitioning = 1;
	options.columns = (const char *const[]){"month", "id", NULL};
	ok(w, open_table(w, &options, &t));
	assert_string_equal(columns(w, &t.schema), "id int32, month int32!@");
}

static void
a_partition_key_in_the_file_is_one_column(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive_same"));

	assert_string_equal(columns(w, &t.schema), "id int32, year int32!@");
}

static void
tasks_carry_typed_partition_values(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(fixture(w, "hive_types"));
	LhTaskList tasks;
	LhTable *table;

	ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", &options, &table));
	ok(w, table->tasks(w->ctx, table, NULL, &tasks));
	assert_int_equal(tasks.n, 3);
	assert_int_equal(tasks.tasks[0].npartition, 5);
	assert_string_equal(tasks.tasks[0].partition_names[0], "d");
	assert_int_equal(tasks.tasks[0].partition_values[0].type.id, LH_T_DATE);
	assert_int_equal(tasks.tasks[0].partition_values[0].i64, 19782);
	assert_true(tasks.tasks[2].partition_values[0].null && tasks.tasks[2].partition_values[1].null);
	assert_int_equal(tasks.tasks[1].partition_values[2].i64, INT64_C(9999999999));
	options = options_of(fixture(w, "hive"));
	assert_string_equal(tasks_of(w, &options, options.location),
						"year=2023/month=1/part-0.parquet year=2023/month=12/part-0.parquet "
						"year=2023/month=2/part-0.parquet year=2024/month=1/part-0.parquet");
}

static void
the_file_name_can_be_a_column(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(fixture(w, "union/a.parquet"));
	Table t;

	options.filename_column = "file";
	options.columns = (const char *const[]){"id", NULL};
	ok(w, open_table(w, &options, &t));
	assert_string_equal(columns(w, &t.schema), "id int32, file string!#");
	options.filename_column = "id";
	refused(w, open_table(w, &options, &t), LH_INVALID, "\"id\"", NULL, NULL);
}

static void
globs_and_hidden_files(void **state)
{
	World *w = *state;
	const char *root = fixture(w, "glob");
	LhTableOptions options = options_of(fixture(w, "glob/**/*.parquet"));

	assert_string_equal(tasks_of(w, &options, root),
						"a1.parquet a2.parquet b1.parquet deep/c1.parquet deep/er/d1.parquet");
	options.location = fixture(w, "glob/a?.parquet");
	assert_string_equal(tasks_of(w, &options, root), "a1.parquet a2.parquet");
	options.location = fixture(w, "glob/{b1,_hidden}.parquet");
	assert_string_equal(tasks_of(w, &options, root), "_hidden.parquet b1.parquet");
	root = fixture(w, "glob_odd");
	options.location = fixture(w, "glob_odd/q\\[1\\].parquet");
	assert_string_equal(tasks_of(w, &options, root), "q[1].parquet");
	options.location = lh_sprintf(w->ctx, "file://%s/{two%%20words,per%%2520cent}.parquet", root);
	assert_string_equal(tasks_of(w, &options, root), "per%20cent.parquet two words.parquet");
}

static void
a_file_that_is_no_parquet_is_named(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(fixture(w, "glob"));
	Table t;

	refused(w, open_table(w, &options, &t), LH_CORRUPT, "glob/notes.txt", NULL, NULL);
	options.location = fixture(w, "glob/empty.parquet");
	refused(w, open_table(w, &options, &t), LH_CORRUPT, "glob/empty.parquet", NULL, NULL);
}

/*
 * The registry
 */

static void
formats_are_found_by_name_or_by_looking(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(fixture(w, "union"));
	LhTable *table;

	assert_ptr_equal(lh_format_find("parquet"), &lh_files_format);
	assert_ptr_equal(lh_format_find("PARQUET"), &lh_files_format);
	assert_ptr_equal(lh_format_find("orc"), &lh_files_orc);
	assert_ptr_equal(lh_format_find("avro"), &lh_files_avro);
	assert_null(lh_format_find("excel"));
	ok(w, lh_table_open(w->ctx, w->store, w->cache, NULL, &options, &table));
	assert_ptr_equal(table->format, &lh_files_format);
	refused(w, lh_table_open(w->ctx, w->store, w->cache, "excel", &options, &table), LH_INVALID,
			"excel", NULL, NULL);
}

/* Reading the files of such a table as they lie there gives rows that were deleted. */
static void
tables_of_other_formats_are_not_taken_for_files(void **state)
{
	static const char *const others[][2] = {
		{"delta/_delta_log/00000000000000000000.json", "Delta"},
		{"hudi/.hoodie/hoodie.properties", "Hudi"},
	};
	World *w = *state;

	for (int i = 0; i < 2; i++)
	{
		char *dir =
			lh_sprintf(w->ctx, "%s/%.*s", w->dir, (int) strcspn(others[i][0], "/"), others[i][0]);
		LhTableOptions options = options_of(dir);
		LhTable *table;

		copied(w, "union/a.parquet", others[i][0]);
		copied(w, "union/a.parquet", lh_sprintf(w->ctx, "%s/a.parquet", dir + strlen(w->dir) + 1));
		refused(w, lh_table_open(w->ctx, w->store, w->cache, NULL, &options, &table),
				LH_UNSUPPORTED, others[i][1], NULL, NULL);
		ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", &options, &table));
	}
}

static void
an_iceberg_table_is_one_before_it_is_files(void **state)
{
	World *w = *state;
	LhTableOptions options = options_of(lh_sprintf(w->ctx, "%s/ice", w->dir));
	LhTable *table;

	lh_format_register(&lh_iceberg_format);
	copied(w, "union/a.parquet", "ice/metadata/v1.metadata.json");
	copied(w, "union/a.parquet", "ice/a.parquet");
	ok(w, lh_table_open(w->ctx, w->store, w->cache, NULL, &options, &table));
	assert_ptr_equal(table->format, &lh_iceberg_format);
	ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", &options, &table));
	assert_ptr_equal(table->format, &lh_files_format);
	/* a directory beside it is files still */
	copied(w, "union/a.parquet", "ice/metadata2/a.parquet");
	options.location = lh_sprintf(w->ctx, "%s/ice/metadata2", w->dir);
	ok(w, lh_table_open(w->ctx, w->store, w->cache, NULL, &options, &table));
	assert_ptr_equal(table->format, &lh_files_format);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_file_is_a_table),
		TEST(a_json_array_names_several_locations),
		TEST(a_bad_location_is_refused_when_the_table_is_opened),
		TEST(opening_a_table_reads_nothing),
		TEST(the_number_of_files_is_limited_over_all_locations),
		TEST(schema_and_tasks_speak_of_the_same_files),
		TEST(columns_of_all_files_are_united),
		TEST(types_that_do_not_fit_name_both_files),
		TEST(without_union_the_first_file_decides),
		TEST(a_sample_of_footers_is_scaled_by_size),
		TEST(chosen_columns_must_exist),
		TEST(twins_are_numbered),
		TEST(partitions_become_columns),
		TEST(partitioning_can_be_off),
		TEST(a_partition_key_in_the_file_is_one_column),
		TEST(tasks_carry_typed_partition_values),
		TEST(the_file_name_can_be_a_column),
		TEST(globs_and_hidden_files),
		TEST(a_file_that_is_no_parquet_is_named),
		TEST(formats_are_found_by_name_or_by_looking),
		TEST(tables_of_other_formats_are_not_taken_for_files),
		TEST(an_iceberg_table_is_one_before_it_is_files),
	};

	return cmocka_run_group_tests_name("filesfmt", tests, NULL, NULL);
}
