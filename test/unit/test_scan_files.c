/*
 * test_scan_files.c
 *		The scan over files that differ: partitions, file names, schemas, types,
 *		promises that files break, files that go away.
 */
#include "test_scan.h"

#include "scan/overlap.h"

static const char *
trips(World *w)
{
	return fixture(w, "flat/trips.parquet");
}

/*
 * Partitions and file names
 */

static void
partition_filters_spare_files(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive"));
	int year = column_of(&t, "year"), month = column_of(&t, "month");
	LhPred *f[] = {cmp(w, year, LH_EQ, int_value(2023)), cmp(w, month, LH_GT, int_value(1))};
	LhScanSpec spec = spec_of(w, &t, f, 2);

	lh_pq_cache_clear(w->cache);
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 6);
	assert_int_equal(counter(w, LH_CTR_FILES), 4);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 2);
	assert_int_equal(counter(w, LH_CTR_FOOTERS_READ), 2);
	/* nothing is left: nothing is opened */
	f[1] = cmp(w, month, LH_EQ, int_value(7));
	lh_pq_cache_clear(w->cache);
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 0);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 4);
	assert_int_equal(counter(w, LH_CTR_READS), 0);
	spec.prune = false;
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 0);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 0);
}

/* Bounds cannot answer a LIKE in the middle; one evaluation for the file does. */
static void
any_filter_over_partitions_alone_is_decided_before_opening(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive_text"));
	LhValue pattern = text_value("%a%");
	LhPred *like, *null;
	LhPred *f[1];
	LhScanSpec spec = spec_of(w, &t, f, 1);

	ok(w, lh_pred_leaf(w->ctx, LH_P_LIKE, column_of(&t, "city"), &pattern, &like));
	f[0] = like;
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 2); /* plain, São Paulo */
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 5);
	ok(w, lh_pred_leaf(w->ctx, LH_P_IS_NULL, column_of(&t, "city"), NULL, &null));
	f[0] = null;
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 1);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 6);
}

static void
filters_over_partitions_and_data_prune_too(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive"));
	LhPred *and[] = {cmp(w, column_of(&t, "year"), LH_EQ, int_value(2024)),
					 cmp(w, column_of(&t, "id"), LH_GE, int_value(1011))};
	LhPred * or [2];
	LhPred *f[1];
	LhScanSpec spec = spec_of(w, &t, f, 1);

	ok(w, lh_pred_list(w->ctx, LH_P_AND, and, 2, & or [0]));
	or [1] = cmp(w, column_of(&t, "id"), LH_EQ, int_value(20));
	f[0] = or [0];
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 2);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 3);
	ok(w, lh_pred_list(w->ctx, LH_P_OR, or, 2, &f[0]));
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 3);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 0);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_STATS), 2);
}

static void
constants_come_with_every_row(void **state)
{
	World *w = *state;
	LhTableOptions options = {.location = fixture(w, "hive_types"),
							  .hive_partitioning = -1,
							  .union_by_name = true,
							  .filename_column = "file"};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScanSpec spec;
	LhScan *scan;
	Table t;

	ok(w, open_table(w, &options, &t));
	spec = spec_of(w, &t, NULL, 0);
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_true(batch->new_file);
	assert_string_equal(cell(w, batch, 1, 0), "2024-02-29");
	assert_string_equal(cell(w, batch, 2, 0), "1");
	assert_string_equal(cell(w, batch, 5, 0), "1");
	assert_string_equal(cell(w, batch, 6, 0), batch->task->path);
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_true(batch->new_file);
	assert_string_equal(cell(w, batch, 3, 0), "9999999999");
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_string_equal(cell(w, batch, 1, 0), "null");
	assert_string_equal(cell(w, batch, 5, 0), "007");
}

static void
file_names_can_be_filtered(void **state)
{
	World *w = *state;
	LhTableOptions options = {
		.location = fixture(w, "union"), .union_by_name = true, .filename_column = "file"};
	LhValue pattern = text_value("%/b.parquet");
	LhPred *f[1];
	LhScanSpec spec;
	Table t;

	ok(w, open_table(w, &options, &t));
	ok(w, lh_pred_leaf(w->ctx, LH_P_LIKE, column_of(&t, "file"), &pattern, &f[0]));
	spec = spec_of(w, &t, f, 1);
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 2);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 1);
}

static void
a_partition_column_in_the_file_is_verified(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive_same"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhPred *f[1];

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 4);
	t = table_of(w, fixture(w, "hive_clash"));
	spec = spec_of(w, &t, f, 0);
	for (int prune = 0; prune <= 1; prune++)
	{
		spec.prune = prune;
		spec.nfilters = 0;
		refused(w, run_scan(w, &spec), LH_MISMATCH, "\"year\" is 2023", "row 2 of file",
				"holds 1999");
		/* a row that is not returned is not looked at */
		spec.nfilters = 1;
		f[0] = cmp(w, column_of(&t, "id"), LH_EQ, int_value(1));
		ok(w, run_scan(w, &spec));
		f[0] = cmp(w, column_of(&t, "id"), LH_EQ, int_value(2));
		refused(w, run_scan(w, &spec), LH_MISMATCH, "row 2", NULL, NULL);
	}
}

/*
 * Schemas that differ
 */

static void
missing_columns_are_null_and_types_are_the_files(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "union"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_int_equal(batch->vecs[2]->type.id, LH_T_INT32);
	assert_string_equal(cell(w, batch, 1, 0), "one");
	assert_string_equal(cell(w, batch, 4, 0), "null");
	assert_int_equal(batch->vecs[4]->type.id, LH_T_BOOL);
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_int_equal(batch->vecs[2]->type.id, LH_T_INT64);
	assert_string_equal(cell(w, batch, 2, 0), "1099511627776");
	assert_string_equal(cell(w, batch, 1, 0), "null");
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_null(batch);
}

static void
filters_follow_each_files_types(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "union"));
	LhPred *f[] = {cmp(w, 2, LH_GE, int_value(20))};
	LhScanSpec spec = spec_of(w, &t, f, 1);

	assert_int_equal(count_rows(w, &spec), 2);
	f[0] = cmp(w, 2, LH_GT, int_value(INT64_C(1) << 39)); /* beyond the first file's int32 */
	assert_int_equal(count_rows(w, &spec), 1);
	f[0] = cmp(w, 1, LH_NE, text_value("two")); /* missing in the second: null */
	assert_int_equal(count_rows(w, &spec), 1);
	ok(w, lh_pred_leaf(w->ctx, LH_P_IS_NULL, 1, NULL, &f[0]));
	assert_int_equal(count_rows(w, &spec), 3);
}

static void
a_type_of_another_family_is_refused(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "union_bad/numbers.parquet"));
	LhTaskList tasks;
	LhScanSpec spec;
	LhTable *both;
	LhTableOptions options = {.location = fixture(w, "union_bad")};

	ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", &options, &both));
	ok(w, both->tasks(w->ctx, both, NULL, &tasks));
	spec = spec_of(w, &t, NULL, 0);
	spec.tasks = &tasks;
	refused(w, run_scan(w, &spec), LH_MISMATCH, "column \"v\" of file",
			"texts.parquet\" has type string", "type int64");
}

static void
types_of_one_family_fit(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "flat/alltypes.parquet"));
	static const struct
	{
		const char *column;
		LhType wanted;
		bool fits;
	} cases[] = {
		{"c_int8", {.id = LH_T_INT64, .lane = LH_LANE_I64}, true},
		{"c_int64",
		 {.id = LH_T_INT8, .lane = LH_LANE_I32},
		 true}, /* whoever takes it checks the range */
		{"c_int32", {.id = LH_T_DECIMAL, .lane = LH_LANE_I64, .precision = 12}, true},
		{"c_int32", {.id = LH_T_STRING, .lane = LH_LANE_STR}, false},
		{"c_dec_9_2", {.id = LH_T_INT32, .lane = LH_LANE_I32}, false},
		{"c_dec_9_2", {.id = LH_T_DECIMAL, .lane = LH_LANE_I32, .precision = 5, .scale = 1}, true},
		{"c_float32", {.id = LH_T_DOUBLE, .lane = LH_LANE_F64}, true},
		{"c_float64", {.id = LH_T_INT64, .lane = LH_LANE_I64}, false},
		{"c_ts_us", {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_NS}, true},
		{"c_ts_us",
		 {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US, .utc = true},
		 false},
		{"c_tstz_us", {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US}, false},
		{"c_date", {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US}, false},
		{"c_string", {.id = LH_T_JSON, .lane = LH_LANE_STR}, true},
		{"c_string", {.id = LH_T_BINARY, .lane = LH_LANE_STR}, false},
		{"c_fixed5", {.id = LH_T_BINARY, .lane = LH_LANE_STR}, true},
		{"c_uuid", {.id = LH_T_BINARY, .lane = LH_LANE_STR}, false},
		{"c_bool", {.id = LH_T_INT8, .lane = LH_LANE_I32}, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhScanColumn col = {.name = cases[i].column, .type = cases[i].wanted};
		LhScanSpec spec = {.table = t.table, .ncols = 1, .cols = &col};

		if (run_scan(w, &spec) != (cases[i].fits ? LH_OK : LH_MISMATCH))
			fail_msg("%s as %s: %s", cases[i].column, lh_type_name(&cases[i].wanted),
					 w->ctx->error->message);
		lh_error_clear(w->ctx);
	}
}

/* One value of a column found by a path. */
static const char *
value_at(World *w, const char *file, const char *path, LhType type)
{
	Table t = table_of(w, fixture(w, file));
	LhScanColumn col = {.name = path, .type = type};
	LhScanSpec spec = {.table = t.table, .ncols = 1, .cols = &col};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	LhStatus status;

	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	status = lh_scan_next(w->ctx, scan, &batch, &request);
	if (status != LH_OK)
	{
		lh_error_clear(w->ctx);
		return lh_status_name(status);
	}
	return cell(w, batch, 0, 0);
}

static void
columns_are_found_by_name_number_or_path(void **state)
{
	World *w = *state;
	LhType i32 = {.id = LH_T_INT32, .lane = LH_LANE_I32};
	LhType i64 = {.id = LH_T_INT64, .lane = LH_LANE_I64};

	assert_string_equal(value_at(w, "names/awkward.parquet", "dup", i32), "4");
	assert_string_equal(value_at(w, "names/awkward.parquet", "dup#2", i32), "5");
	assert_string_equal(value_at(w, "names/awkward.parquet", "dup#3", i32), "null");
	assert_string_equal(value_at(w, "names/awkward.parquet", "", i32), "1");
	assert_string_equal(value_at(w, "names/awkward.parquet", "Id", i32), "3");
	assert_string_equal(value_at(w, "names/awkward.parquet", "iD", i32), "null");
	assert_string_equal(value_at(w, "names/awkward.parquet", "dot.ted", i32), "16");
	/* a column of that very name goes before a path */
	assert_string_equal(value_at(w, "names/dotted.parquet", "a.b", i64), "3");
	assert_string_equal(value_at(w, "names/dotted.parquet", "a.c.d", i64), "2");
	assert_string_equal(value_at(w, "names/dotted.parquet", "e.f.g", i64), "4");
	assert_string_equal(value_at(w, "names/dotted.parquet", "e.f.h", i64), "null");
}

/*
 * What is promised is verified
 */

static void
a_null_where_none_may_be_is_an_error_with_its_row(void **state)
{
	World *w = *state;
	Table t = table_of(w, trips(w));
	int tip = column_of(&t, "tip");
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhPred *f[] = {cmp(w, 0, LH_LT, int_value(1000 + 3 * 500))};

	((LhScanColumn *) spec.cols)[tip].required = true;
	refused(w, run_scan(w, &spec), LH_NULL_VALUE, "column \"tip\" is null in row 501",
			"trips.parquet", NULL);
	/* rows that are filtered out may be null */
	spec.filters = f;
	spec.nfilters = 1;
	ok(w, run_scan(w, &spec));
	/* also where the column only filters */
	((LhScanColumn *) spec.cols)[tip].filter_only = true;
	ok(w, lh_pred_leaf(w->ctx, LH_P_IS_NULL, tip, NULL, &f[0]));
	spec.prune = false;
	refused(w, run_scan(w, &spec), LH_NULL_VALUE, "row 501", NULL, NULL);
}

static void
a_required_column_must_not_be_missing(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "union"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);

	((LhScanColumn *) spec.cols)[4].required = true;
	refused(w, run_scan(w, &spec), LH_NULL_VALUE, "column \"extra\" is missing", "a.parquet", NULL);
}

static void
a_null_partition_counts_as_null(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive_types"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);

	((LhScanColumn *) spec.cols)[1].required = true;
	refused(w, run_scan(w, &spec), LH_NULL_VALUE, "column \"d\" is null in row 1", NULL, NULL);
}

static void
a_lost_file_is_named(void **state)
{
	World *w = *state;
	const char *a = copied(w, "union/a.parquet", "t/a.parquet"),
			   *b = copied(w, "union/b.parquet", "t/b.parquet");
	Table t = table_of(w, lh_sprintf(w->ctx, "%s/t", w->dir));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_int_equal(unlink(a), 0);
	assert_int_equal(unlink(b), 0);
	refused(w, lh_scan_next(w->ctx, scan, &batch, &request), LH_NOT_FOUND, b, NULL, NULL);
}

static void
a_file_that_changes_under_the_scan_is_noticed(void **state)
{
	World *w = *state;
	const char *a = copied(w, "flat/trips.parquet", "t.parquet");
	Table t = table_of(w, a);
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	LhStatus status;
	FILE *file;

	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	file = fopen(a, "a");
	fputs("more", file);
	fclose(file);
	do
		status = lh_scan_next(w->ctx, scan, &batch, &request);
	while (status == LH_OK && batch != NULL);
	refused(w, status, LH_CHANGED, a, NULL, NULL);
}

/* By rename, as every sane writer does it: the scan goes on with what it began. */
static void
a_replaced_file_is_read_to_its_end(void **state)
{
	World *w = *state;
	const char *a = copied(w, "flat/trips.parquet", "t.parquet"),
			   *b = copied(w, "union/a.parquet", "u.parquet");
	Table t = table_of(w, a);
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	int64_t rows = 0;

	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		if (rows == 0)
			assert_int_equal(rename(b, a), 0);
		rows += batch->sel.count;
	}
	assert_int_equal(rows, 20000);
}

/* A scan that is rewound, and one that shares the task list, see the files that the first one saw. */
static void
a_file_that_was_replaced_between_two_reads_is_noticed(void **state)
{
	World *w = *state;
	const char *a = copied(w, "union/a.parquet", "t/a.parquet"),
			   *b = copied(w, "union/a.parquet", "t/b.parquet"),
			   *c = copied(w, "union/a.parquet", "c.parquet");
	Table t = table_of(w, lh_sprintf(w->ctx, "%s/t", w->dir));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhTaskList tasks;
	LhScan *scans[2];

	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	spec.tasks = &tasks;
	for (int i = 0; i < 2; i++)
	{
		ok(w, lh_scan_open(w->ctx, &spec, &scans[i]));
		do
			ok(w, lh_scan_next(w->ctx, scans[i], &batch, &request));
		while (batch != NULL);
	}
	assert_int_equal(rename(c, b), 0);
	ok(w, lh_scan_rewind(w->ctx, scans[0], 0, NULL));
	ok(w, lh_scan_open(w->ctx, &spec, &scans[1]));
	for (int i = 0; i < 2; i++)
	{
		ok(w, lh_scan_next(w->ctx, scans[i], &batch, &request));
		assert_string_equal(batch->task->path, a);
		refused(w, lh_scan_next(w->ctx, scans[i], &batch, &request), LH_CHANGED, b, NULL, NULL);
	}
}

/*
 * How row groups divide the values of a column
 */

static LhOverlap
overlap_of(World *w, const char *location, const char *column, int max_files)
{
	Table t = table_of(w, location);
	LhTaskList tasks;
	LhOverlap o;

	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	ok(w, lh_overlap(w->ctx, t.table, &tasks, column, max_files, &o));
	return o;
}

static void
overlap_tells_sorted_columns_from_others(void **state)
{
	World *w = *state;
	LhOverlap o = overlap_of(w, trips(w), "trip_id", 32);

	assert_true(o.groups == 8 && o.others == 0 && o.bloom);
	o = overlap_of(w, trips(w), "code", 32);
	assert_true(o.groups == 8 && o.others == 1 && o.bloom);
	/* neighbours share a day: 7 of 28 pairs at most */
	o = overlap_of(w, trips(w), "day", 32);
	assert_true(o.others > 0 && o.others <= 0.25 && !o.bloom);
	/* one row group divides nothing, and what no file has is known of none */
	assert_true(overlap_of(w, fixture(w, "flat/alltypes.parquet"), "id", 32).others == 1);
	assert_true(overlap_of(w, trips(w), "none", 32).others == 0);
}

static void
overlap_looks_at_some_files_and_knows_partitions(void **state)
{
	World *w = *state;
	LhOverlap o;

	/* 4 files: two of each year */
	o = overlap_of(w, fixture(w, "hive"), "month", 32);
	assert_true(o.groups == 4 && o.others < 1 && !o.bloom);
	o = overlap_of(w, fixture(w, "hive"), "year", 32);
	assert_true(o.others > 0 && o.others < 1);
	assert_true(overlap_of(w, fixture(w, "hive"), "year", 1).groups == 1);
	assert_true(overlap_of(w, fixture(w, "hive"), "year", 2).groups == 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(partition_filters_spare_files),
		TEST(any_filter_over_partitions_alone_is_decided_before_opening),
		TEST(filters_over_partitions_and_data_prune_too),
		TEST(constants_come_with_every_row),
		TEST(file_names_can_be_filtered),
		TEST(a_partition_column_in_the_file_is_verified),
		TEST(missing_columns_are_null_and_types_are_the_files),
		TEST(filters_follow_each_files_types),
		TEST(a_type_of_another_family_is_refused),
		TEST(types_of_one_family_fit),
		TEST(columns_are_found_by_name_number_or_path),
		TEST(a_null_where_none_may_be_is_an_error_with_its_row),
		TEST(a_required_column_must_not_be_missing),
		TEST(a_null_partition_counts_as_null),
		TEST(a_lost_file_is_named),
		TEST(a_file_that_changes_under_the_scan_is_noticed),
		TEST(a_replaced_file_is_read_to_its_end),
		TEST(a_file_that_was_replaced_between_two_reads_is_noticed),
		TEST(overlap_tells_sorted_columns_from_others),
		TEST(overlap_looks_at_some_files_and_knows_partitions),
	};

	return cmocka_run_group_tests_name("scan_files", tests, NULL, NULL);
}
