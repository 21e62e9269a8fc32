/*
 * test_scan.c
 *		The scan: what it returns, what it skips, what it verifies.
 *
 * That pruning never changes an answer is for test_scan_random.c.
 */
#include "test_scan.h"

static const char *
trips(World *w)
{
	return fixture(w, "flat/trips.parquet");
}

/*
 * Rows and values
 */

static void
every_row_comes_once_and_in_order(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;
	int64_t		next = 0;

	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	assert_null(lh_scan_file(scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		assert_string_equal(lh_scan_file(scan), trips(w));
		assert_int_equal(batch->first_row, next);
		assert_int_equal(batch->new_file, next == 0);
		assert_int_equal(batch->sel.count, batch->n);
		for (int i = 0; i < batch->n; i++)
			assert_int_equal(lh_vec_value(batch->vecs[0], i).i64, 1000 + 3 * (next + i));
		next += batch->n;
	}
	assert_int_equal(next, 20000);
	assert_null(lh_scan_file(scan));
	/* the end stays the end */
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_null(batch);
	assert_int_equal(counter(w, LH_CTR_FILES), 1);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS), 8);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), 20000);
	assert_int_equal(counter(w, LH_CTR_ROWS_SELECTED), 20000);
	assert_int_equal(counter(w, LH_CTR_ROWS_PRUNED), 0);
}

static void
the_first_batches_are_small_and_grow(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;

	spec.first_batch = 10;
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	for (int expected = 10; expected <= 160; expected *= 2)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		assert_int_equal(batch->n, expected);
	}
	spec.first_batch = 1;
	assert_int_equal(count_rows(w, &spec), 20000);
	spec.first_batch = 1 << 20;
	assert_int_equal(count_rows(w, &spec), 20000);
}

static void
a_scan_without_columns_counts(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhScanSpec	spec = {.table = t.table, .prune = true};

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 20000);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
}

static void
a_row_group_is_read_only_as_far_as_rows_are_asked(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;

	spec.first_batch = 10;
	reset_counters(w);
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS), 1);
	assert_true(counter(w, LH_CTR_PAGES_READ) <= 12);
}

/*
 * Pruning, by the counters
 */

static void
statistics_skip_row_groups(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 5000)), cmp(w, 0, LH_LT, int_value(1000 + 3 * 7500))};
	LhScanSpec	spec = spec_of(w, &t, f, 2);

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 2500);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS), 8);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_STATS), 7);
	assert_int_equal(counter(w, LH_CTR_ROWS_PRUNED), 17500);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), 2500);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_STATS), 0);
	/* all of them */
	f[0] = cmp(w, 0, LH_GT, int_value(1000000));
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 0);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_STATS), 8);
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_STATS), 1);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
	/* switched off */
	spec.prune = false;
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 0);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_STATS), 0);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), 20000);
}

static void
a_filter_that_all_rows_pass_is_not_evaluated(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, 0, LH_GT, int_value(0))};
	LhScanSpec	spec = spec_of(w, &t, f, 1);
	LhScanColumn col = spec.cols[0];

	col.filter_only = true;
	spec.cols = &col;
	spec.ncols = 1;
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 20000);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
}

static void
bloom_filters_skip_row_groups(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, 0, LH_EQ, int_value(1000 + 3 * 5001 + 1))};
	LhScanSpec	spec = spec_of(w, &t, f, 1);

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 0);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_STATS), 7);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_BLOOM), 1);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
	assert_int_equal(counter(w, LH_CTR_ROWS_PRUNED), 20000);
	/* near-unique text without order: bounds say nothing, bloom filters do */
	f[0] = cmp(w, column_of(&t, "code"), LH_EQ, text_value("C50000x"));
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 0);
	assert_true(counter(w, LH_CTR_ROW_GROUPS_PRUNED_BLOOM) >= 6);
}

static void
the_page_index_cuts_rows_out(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 5250)), cmp(w, 0, LH_LT, int_value(1000 + 3 * 5300))};
	LhScanSpec	spec = spec_of(w, &t, f, 2);

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 50);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), 250);
	assert_int_equal(counter(w, LH_CTR_PAGES_PRUNED_INDEX), 9);
	assert_int_equal(counter(w, LH_CTR_ROWS_PRUNED), 19750);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 12);
}

/* A point in the gap between two pages: no bounds hold it. */
static void
the_page_index_can_skip_a_whole_row_group(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 250 - 2)), cmp(w, 0, LH_LE, int_value(1000 + 3 * 250 - 1))};
	LhScanSpec	spec = spec_of(w, &t, f, 2);

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 0);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_INDEX), 1);
	assert_int_equal(counter(w, LH_CTR_PAGES_PRUNED_INDEX), 10);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
}

/* Two filters leave different pages of different columns: only rows of both are read. */
static void
ranges_of_several_columns_are_intersected(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	int			tip = column_of(&t, "tip");
	LhPred	   *some,
			   *either[2],
			   *or;
	LhPred	   *f[2];
	LhScanSpec	spec = spec_of(w, &t, f, 2);

	/* tip is null in every second block of 500 rows */
	ok(w, lh_pred_leaf(w->ctx, LH_P_NOT_NULL, tip, NULL, &some));
	f[0] = some;
	f[1] = cmp(w, 0, LH_LT, int_value(1000 + 3 * 1250));
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 750);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), 750);
	/* the same in one tree, with OR: rows 0 to 499, and 1000 to 1249 and all later ones */
	either[0] = some;
	either[1] = cmp(w, 0, LH_GE, int_value(1000 + 3 * 1250));
	ok(w, lh_pred_list(w->ctx, LH_P_OR, either, 2, &or));
	f[0] = or;
	f[1] = cmp(w, 0, LH_LT, int_value(1000 + 3 * 2500));
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 500 + 250 + 1250);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), 2000);
}

static void
dictionaries_skip_row_groups(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	int			zone = column_of(&t, "zone");
	LhPred	   *f[] = {cmp(w, zone, LH_EQ, text_value("Zone 10x"))};
	LhScanSpec	spec = spec_of(w, &t, f, 1);

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 0);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_DICT), 8);
	assert_int_equal(counter(w, LH_CTR_DICT_PAGES_READ), 8);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
	assert_int_equal(counter(w, LH_CTR_ROWS_PRUNED), 20000);
}

static void
payload_is_read_only_where_rows_are_left(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, column_of(&t, "code"), LH_EQ, text_value("C00003"))};
	LhScanSpec	spec = spec_of(w, &t, f, 1);
	uint64_t	all;

	reset_counters(w);
	count_rows(w, &(LhScanSpec) {.table = t.table, .ncols = spec.ncols, .cols = spec.cols});
	all = counter(w, LH_CTR_PAGES_READ);
	reset_counters(w);
	spec.prune = false;
	assert_in_range(count_rows(w, &spec), 1, 3);
	/* all pages of code; of the others the few with a hit */
	assert_true(counter(w, LH_CTR_PAGES_READ) < all / 12 + 3 * 12);
	assert_true(counter(w, LH_CTR_PAGES_SKIPPED) > 0 || counter(w, LH_CTR_PAGES_READ) < all / 2);
}

/*
 * Partitions and file names
 */

static void
partition_filters_spare_files(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive"));
	int			year = column_of(&t, "year"),
				month = column_of(&t, "month");
	LhPred	   *f[] = {cmp(w, year, LH_EQ, int_value(2023)), cmp(w, month, LH_GT, int_value(1))};
	LhScanSpec	spec = spec_of(w, &t, f, 2);

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
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive_text"));
	LhValue		pattern = text_value("%a%");
	LhPred	   *like,
			   *null;
	LhPred	   *f[1];
	LhScanSpec	spec = spec_of(w, &t, f, 1);

	ok(w, lh_pred_leaf(w->ctx, LH_P_LIKE, column_of(&t, "city"), &pattern, &like));
	f[0] = like;
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 2);	/* plain, São Paulo */
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
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive"));
	LhPred	   *and[] = {cmp(w, column_of(&t, "year"), LH_EQ, int_value(2024)),
	cmp(w, column_of(&t, "id"), LH_GE, int_value(1011))};
	LhPred	   *or[2];
	LhPred	   *f[1];
	LhScanSpec	spec = spec_of(w, &t, f, 1);

	ok(w, lh_pred_list(w->ctx, LH_P_AND, and, 2, &or[0]));
	or[1] = cmp(w, column_of(&t, "id"), LH_EQ, int_value(20));
	f[0] = or[0];
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
	World	   *w = *state;
	LhTableOptions options = {.location = fixture(w, "hive_types"), .hive_partitioning = -1,
	.union_by_name = true, .filename_column = "file"};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScanSpec	spec;
	LhScan	   *scan;
	Table		t;

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
	World	   *w = *state;
	LhTableOptions options = {.location = fixture(w, "union"), .union_by_name = true, .filename_column = "file"};
	LhValue		pattern = text_value("%/b.parquet");
	LhPred	   *f[1];
	LhScanSpec	spec;
	Table		t;

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
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive_same"));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhPred	   *f[1];

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 4);
	t = table_of(w, fixture(w, "hive_clash"));
	spec = spec_of(w, &t, f, 0);
	for (int prune = 0; prune <= 1; prune++)
	{
		spec.prune = prune;
		spec.nfilters = 0;
		refused(w, run_scan(w, &spec), LH_MISMATCH, "\"year\" is 2023", "row 2 of file", "holds 1999");
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
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "union"));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;

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
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "union"));
	LhPred	   *f[] = {cmp(w, 2, LH_GE, int_value(20))};
	LhScanSpec	spec = spec_of(w, &t, f, 1);

	assert_int_equal(count_rows(w, &spec), 2);
	f[0] = cmp(w, 2, LH_GT, int_value(INT64_C(1) << 39));	/* beyond the first file's int32 */
	assert_int_equal(count_rows(w, &spec), 1);
	f[0] = cmp(w, 1, LH_NE, text_value("two"));		/* missing in the second: null */
	assert_int_equal(count_rows(w, &spec), 1);
	ok(w, lh_pred_leaf(w->ctx, LH_P_IS_NULL, 1, NULL, &f[0]));
	assert_int_equal(count_rows(w, &spec), 3);
}

static void
a_type_of_another_family_is_refused(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "union_bad/numbers.parquet"));
	LhTaskList	tasks;
	LhScanSpec	spec;
	LhTable    *both;
	LhTableOptions options = {.location = fixture(w, "union_bad")};

	ok(w, lh_table_open(w->ctx, w->store, w->cache, "parquet", &options, &both));
	ok(w, both->tasks(w->ctx, both, &tasks));
	spec = spec_of(w, &t, NULL, 0);
	spec.tasks = &tasks;
	refused(w, run_scan(w, &spec), LH_MISMATCH, "column \"v\" of file", "texts.parquet\" has type string",
			"type int64");
}

static void
types_of_one_family_fit(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "flat/alltypes.parquet"));
	static const struct
	{
		const char *column;
		LhType		wanted;
		bool		fits;
	}			cases[] = {
		{"c_int8", {.id = LH_T_INT64, .lane = LH_LANE_I64}, true},
		{"c_int64", {.id = LH_T_INT8, .lane = LH_LANE_I32}, true},		/* whoever takes it checks the range */
		{"c_int32", {.id = LH_T_DECIMAL, .lane = LH_LANE_I64, .precision = 12}, true},
		{"c_int32", {.id = LH_T_STRING, .lane = LH_LANE_STR}, false},
		{"c_dec_9_2", {.id = LH_T_INT32, .lane = LH_LANE_I32}, false},
		{"c_dec_9_2", {.id = LH_T_DECIMAL, .lane = LH_LANE_I32, .precision = 5, .scale = 1}, true},
		{"c_float32", {.id = LH_T_DOUBLE, .lane = LH_LANE_F64}, true},
		{"c_float64", {.id = LH_T_INT64, .lane = LH_LANE_I64}, false},
		{"c_ts_us", {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_NS}, true},
		{"c_ts_us", {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US, .utc = true}, false},
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
		LhScanSpec	spec = {.table = t.table, .ncols = 1, .cols = &col};

		if (run_scan(w, &spec) != (cases[i].fits ? LH_OK : LH_MISMATCH))
			fail_msg("%s as %s: %s", cases[i].column, lh_type_name(&cases[i].wanted), w->ctx->error->message);
		lh_error_clear(w->ctx);
	}
}

/* One value of a column found by a path. */
static const char *
value_at(World *w, const char *file, const char *path, LhType type)
{
	Table		t = table_of(w, fixture(w, file));
	LhScanColumn col = {.name = path, .type = type};
	LhScanSpec	spec = {.table = t.table, .ncols = 1, .cols = &col};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;
	LhStatus	status;

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
	World	   *w = *state;
	LhType		i32 = {.id = LH_T_INT32, .lane = LH_LANE_I32};
	LhType		i64 = {.id = LH_T_INT64, .lane = LH_LANE_I64};

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
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	int			tip = column_of(&t, "tip");
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhPred	   *f[] = {cmp(w, 0, LH_LT, int_value(1000 + 3 * 500))};

	((LhScanColumn *) spec.cols)[tip].required = true;
	refused(w, run_scan(w, &spec), LH_MISMATCH, "column \"tip\" is null in row 501", "trips.parquet", NULL);
	/* rows that are filtered out may be null */
	spec.filters = f;
	spec.nfilters = 1;
	ok(w, run_scan(w, &spec));
	/* also where the column only filters */
	((LhScanColumn *) spec.cols)[tip].filter_only = true;
	ok(w, lh_pred_leaf(w->ctx, LH_P_IS_NULL, tip, NULL, &f[0]));
	spec.prune = false;
	refused(w, run_scan(w, &spec), LH_MISMATCH, "row 501", NULL, NULL);
}

static void
a_required_column_must_not_be_missing(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "union"));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);

	((LhScanColumn *) spec.cols)[4].required = true;
	refused(w, run_scan(w, &spec), LH_MISMATCH, "column \"extra\" is missing", "a.parquet", NULL);
}

static void
a_null_partition_counts_as_null(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive_types"));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);

	((LhScanColumn *) spec.cols)[1].required = true;
	refused(w, run_scan(w, &spec), LH_MISMATCH, "column \"d\" is null in row 1", NULL, NULL);
}

static void
a_lost_file_is_named(void **state)
{
	World	   *w = *state;
	const char *a = copied(w, "union/a.parquet", "t/a.parquet"),
			   *b = copied(w, "union/b.parquet", "t/b.parquet");
	Table		t = table_of(w, lh_sprintf(w->ctx, "%s/t", w->dir));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;

	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_int_equal(unlink(a), 0);
	assert_int_equal(unlink(b), 0);
	refused(w, lh_scan_next(w->ctx, scan, &batch, &request), LH_NOT_FOUND, b, NULL, NULL);
}

static void
a_file_that_changes_under_the_scan_is_noticed(void **state)
{
	World	   *w = *state;
	const char *a = copied(w, "flat/trips.parquet", "t.parquet");
	Table		t = table_of(w, a);
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;
	LhStatus	status;
	FILE	   *file;

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
	World	   *w = *state;
	const char *a = copied(w, "flat/trips.parquet", "t.parquet"),
			   *b = copied(w, "union/a.parquet", "u.parquet");
	Table		t = table_of(w, a);
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;
	int64_t		rows = 0;

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

/*
 * Rewinds, metadata, memory
 */

static void
a_rewound_scan_takes_other_filters_and_keeps_its_files(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive"));
	int			year = column_of(&t, "year"),
				id = column_of(&t, "id");
	LhPred	   *f[1];
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;

	spec.prune = true;
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	for (int round = 0; round < 200; round++)
	{
		int64_t		rows = 0;
		int			expected = 12;

		if (round == 1)
			ok(w, lh_scan_rewind(w->ctx, scan, 0, NULL));
		else if (round > 1)
		{
			f[0] = round % 2 ? cmp(w, year, LH_EQ, int_value(2024)) : cmp(w, id, LH_EQ, int_value(120));
			expected = round % 2 ? 3 : 1;
			ok(w, lh_scan_rewind(w->ctx, scan, 1, f));
		}
		if (round == 2)
		{
			lh_pq_cache_clear(w->cache);
			reset_counters(w);
		}
		do
		{
			ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
			rows += batch != NULL ? batch->sel.count : 0;
			/* some rounds stop in the middle */
		} while (batch != NULL && round % 7 != 3);
		if (round % 7 != 3)
			assert_int_equal(rows, expected);
	}
	assert_int_equal(counter(w, LH_CTR_FOOTERS_READ) + counter(w, LH_CTR_FOOTER_CACHE_HITS), 0);
}

static void
rewinding_does_not_gather_memory(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, 0, LH_EQ, int_value(1000 + 3 * 6000))};
	LhScanSpec	spec = spec_of(w, &t, f, 1);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;
	size_t		after_ten = 0;

	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	for (int round = 0; round < 500; round++)
	{
		ok(w, lh_scan_rewind(w->ctx, scan, 1, f));
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		assert_int_equal(batch->sel.count, 1);
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		assert_null(batch);
		if (round == 10)
			after_ten = lh_arena_used(w->ctx->arena);
	}
	assert_int_equal(lh_arena_used(w->ctx->arena), after_ten);
}

typedef struct Meta
{
	int			calls;
	int			take;			/* so many calls are taken */
	int64_t		rows;
	int			node;			/* of column 0 */
} Meta;

static LhStatus
meta_fn(LhCtx *ctx, void *arg, LhPqFile *file, int group, const int *nodes, bool *taken)
{
	Meta	   *meta = arg;

	assert_true(group >= 0 && group < lh_pq_meta(file)->ngroups);
	meta->node = nodes[0];
	*taken = meta->calls++ < meta->take;
	if (*taken)
		meta->rows += lh_pq_meta(file)->groups[group].num_rows;
	return LH_OK;
}

static Meta
scan_with_meta(World *w, const LhScanSpec *spec, int take, int64_t *rows)
{
	Meta		meta = {.take = take};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;

	reset_counters(w);
	ok(w, lh_scan_open(w->ctx, spec, &scan));
	lh_scan_set_meta(scan, meta_fn, &meta);
	*rows = 0;
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return meta;
		*rows += batch->sel.count;
	}
}

static void
metadata_answers_for_row_groups_that_pass_whole(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 6000))};
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	int64_t		rows;
	Meta		m = scan_with_meta(w, &spec, 100, &rows);

	assert_true(m.calls == 8 && m.rows == 20000 && rows == 0 && m.node > 0);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
	assert_int_equal(counter(w, LH_CTR_FILES_METADATA_ONLY), 1);
	/* what is not taken is read */
	m = scan_with_meta(w, &spec, 3, &rows);
	assert_true(m.calls == 8 && m.rows == 7500 && rows == 12500);
	assert_int_equal(counter(w, LH_CTR_FILES_METADATA_ONLY), 0);
	/* two are pruned, one passes in part */
	spec.filters = f;
	spec.nfilters = 1;
	m = scan_with_meta(w, &spec, 100, &rows);
	assert_true(m.calls == 5 && m.rows == 12500 && rows == 1500);
	/* a promise that only reading can verify */
	spec.nfilters = 0;
	((LhScanColumn *) spec.cols)[column_of(&t, "day")].required = true;
	m = scan_with_meta(w, &spec, 100, &rows);
	assert_int_equal(m.calls, 8);
}

static void
metadata_does_not_answer_for_what_must_be_verified(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive_same"));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	int64_t		rows;

	/* without pruning nothing proves that the file's own years are the folder's */
	spec.prune = false;
	assert_int_equal(scan_with_meta(w, &spec, 100, &rows).calls, 0);
	assert_int_equal(rows, 4);
	spec.prune = true;
	assert_int_equal(scan_with_meta(w, &spec, 100, &rows).calls, 2);
	/* column id may be null as far as the schema goes; statistics say it is not */
	((LhScanColumn *) spec.cols)[0].required = true;
	assert_int_equal(scan_with_meta(w, &spec, 100, &rows).calls, 2);
	t = table_of(w, trips(w));
	spec = spec_of(w, &t, NULL, 0);
	((LhScanColumn *) spec.cols)[column_of(&t, "tip")].required = true;
	spec.ncols = 0;
	assert_int_equal(scan_with_meta(w, &spec, 100, &rows).calls, 8);
}

static int
open_fds(void)
{
	DIR		   *dir = opendir("/proc/self/fd");
	int			n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
nothing_stays_open_or_allocated(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive"));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	int			before = open_fds();
	size_t		used = lh_arena_used(w->ctx->arena);
	LhHostRequest *request;
	const LhBatch *batch;

	for (int i = 0; i < 100; i++)
	{
		LhArena    *arena = lh_arena_child(w->ctx->arena),
				   *old = lh_use(w->ctx, arena);
		LhScan	   *scan;

		ok(w, lh_scan_open(w->ctx, &spec, &scan));
		for (int k = 0; k < i % 6; k++)
			ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		lh_use(w->ctx, old);
		lh_arena_destroy(arena);
	}
	assert_int_equal(open_fds(), before);
	assert_int_equal(lh_arena_used(w->ctx->arena), used);
}

/* The floor is granted, and indexes that no longer fit are done without. */
static void
a_small_budget_is_enough(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 5250)), cmp(w, 0, LH_LT, int_value(1000 + 3 * 9300))};
	LhScanSpec	spec = spec_of(w, &t, f, 2);
	LhTaskList	tasks;
	static LhBudget budget = {.limit = 1024 * 1024, .setting = "work_mem"};
	LhArena    *old = w->ctx->arena;

	ok(w, t.table->tasks(w->ctx, t.table, &tasks));
	spec.tasks = &tasks;
	w->ctx->arena = lh_arena_create(&budget);
	assert_int_equal(count_rows(w, &spec), 4050);
	lh_arena_destroy(w->ctx->arena);
	w->ctx->arena = old;
	assert_int_equal(budget.used, 0);
}

static bool
interrupted(void *arg)
{
	return --*(int *) arg < 0;
}

static void
a_scan_can_be_cancelled_anywhere(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive"));
	LhScanSpec	spec = spec_of(w, &t, NULL, 0);
	LhHost		host = {.interrupted = interrupted};
	LhStatus	status = LH_CANCELLED;
	int			polls = 0,
				left;

	w->ctx->host = &host;
	w->ctx->host_arg = &left;
	for (; status == LH_CANCELLED; polls++)
	{
		left = polls;
		lh_error_clear(w->ctx);
		status = run_scan(w, &spec);
	}
	assert_int_equal(status, LH_OK);
	assert_true(polls > 20);
	w->ctx->host = NULL;
}

/*
 * The host's own filters
 */

typedef struct HostRun
{
	int			requests;
	int64_t		items;
	int64_t		rows;
	int64_t		sum;			/* of trip_id */
} HostRun;

/* What the host thinks of a value. */
static bool
host_likes(const LhValue *v)
{
	return !v->null && lh_hash_bytes(v->str.ptr, v->str.len, 0) % 3 == 0;
}

static void
answer(World *w, LhHostRequest *request)
{
	for (int i = 0; i < request->n; i++)
	{
		LhValue		v = request->dict != NULL ? lh_dict_value(request->dict, request->items[i])
			: lh_vec_value(request->vec, (int) request->items[i]);

		assert_int_equal(request->host_id, 77);
		request->result[i] = host_likes(&v);
	}
}

static HostRun
run_with_host(World *w, const LhScanSpec *spec)
{
	HostRun		run = {0};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;

	ok(w, lh_scan_open(w->ctx, spec, &scan));
	for (;;)
	{
		LhStatus	status = lh_scan_next(w->ctx, scan, &batch, &request);

		if (status == LH_NEED_HOST)
		{
			run.requests++;
			run.items += request->n;
			answer(w, request);
			continue;
		}
		ok(w, status);
		if (batch == NULL)
			return run;
		run.rows += batch->sel.count;
		for (int i = 0; i < batch->n; i++)
			if (lh_bit_get(batch->sel.w, (size_t) i))
				run.sum += lh_vec_value(batch->vecs[0], i).i64;
	}
}

static void
the_host_is_asked_in_the_middle_of_a_batch(void **state)
{
	World	   *w = *state;
	static const char *const names[] = {"zone", "code", "note"};
	Table		t = table_of(w, trips(w));

	for (int c = 0; c < 3; c++)
	{
		int			col = column_of(&t, names[c]);
		LhPred	   *host;
		LhPred	   *f[2];
		LhScanSpec	spec = spec_of(w, &t, f, 2);
		LhHostRequest *request;
		const LhBatch *batch;
		LhScan	   *scan;
		int64_t		rows = 0,
					sum = 0;
		HostRun		run;

		ok(w, lh_pred_leaf(w->ctx, LH_P_HOST, col, NULL, &host));
		host->host_id = 77;
		f[0] = cmp(w, column_of(&t, "passengers"), LH_GE, int_value(3));
		f[1] = host;
		run = run_with_host(w, &spec);
		/* by hand */
		spec.nfilters = 1;
		ok(w, lh_scan_open(w->ctx, &spec, &scan));
		for (;;)
		{
			ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
			if (batch == NULL)
				break;
			for (int i = 0; i < batch->n; i++)
			{
				LhValue		v = lh_vec_value(batch->vecs[col], i);

				if (!lh_bit_get(batch->sel.w, (size_t) i) || !host_likes(&v))
					continue;
				rows++;
				sum += lh_vec_value(batch->vecs[0], i).i64;
			}
		}
		assert_true(run.requests > 0);
		assert_int_equal(run.rows, rows);
		assert_int_equal(run.sum, sum);
		/* entries of a dictionary are asked for once, however many rows carry them */
		if (c == 0)
			assert_true(run.items <= 8 * 40);
	}
}

/* No filter before the host's leaves a row: then nothing reaches the host, not even to prune. */
static void
the_host_never_sees_what_earlier_filters_hide(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, fixture(w, "hive_text"));
	LhPred	   *f[2];
	LhScanSpec	spec = spec_of(w, &t, f, 2);
	HostRun		run;

	f[0] = cmp(w, column_of(&t, "id"), LH_LT, int_value(0));
	ok(w, lh_pred_leaf(w->ctx, LH_P_HOST, column_of(&t, "city"), NULL, &f[1]));
	f[1]->host_id = 77;
	for (int prune = 0; prune <= 1; prune++)
	{
		spec.prune = prune;
		run = run_with_host(w, &spec);
		assert_int_equal(run.requests, 0);
		assert_int_equal(run.rows, 0);
	}
	/* with rows left, each file's value is asked for */
	f[0] = cmp(w, column_of(&t, "id"), LH_GE, int_value(0));
	run = run_with_host(w, &spec);
	assert_int_equal(run.requests, 6);
}

static void
a_scan_can_be_rewound_while_the_host_is_asked(void **state)
{
	World	   *w = *state;
	Table		t = table_of(w, trips(w));
	LhPred	   *f[1];
	LhScanSpec	spec = spec_of(w, &t, f, 1);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan	   *scan;

	ok(w, lh_pred_leaf(w->ctx, LH_P_HOST, column_of(&t, "zone"), NULL, &f[0]));
	f[0]->host_id = 77;
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	assert_int_equal(lh_scan_next(w->ctx, scan, &batch, &request), LH_NEED_HOST);
	ok(w, lh_scan_rewind(w->ctx, scan, 0, NULL));
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_int_equal(batch->first_row, 0);
	assert_int_equal(batch->sel.count, batch->n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_row_comes_once_and_in_order),
		TEST(the_first_batches_are_small_and_grow),
		TEST(a_scan_without_columns_counts),
		TEST(a_row_group_is_read_only_as_far_as_rows_are_asked),
		TEST(statistics_skip_row_groups),
		TEST(a_filter_that_all_rows_pass_is_not_evaluated),
		TEST(bloom_filters_skip_row_groups),
		TEST(the_page_index_cuts_rows_out),
		TEST(the_page_index_can_skip_a_whole_row_group),
		TEST(ranges_of_several_columns_are_intersected),
		TEST(dictionaries_skip_row_groups),
		TEST(payload_is_read_only_where_rows_are_left),
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
		TEST(a_rewound_scan_takes_other_filters_and_keeps_its_files),
		TEST(rewinding_does_not_gather_memory),
		TEST(metadata_answers_for_row_groups_that_pass_whole),
		TEST(metadata_does_not_answer_for_what_must_be_verified),
		TEST(nothing_stays_open_or_allocated),
		TEST(a_small_budget_is_enough),
		TEST(a_scan_can_be_cancelled_anywhere),
		TEST(the_host_is_asked_in_the_middle_of_a_batch),
		TEST(the_host_never_sees_what_earlier_filters_hide),
		TEST(a_scan_can_be_rewound_while_the_host_is_asked),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
