/*
 * test_scan.c
 *		The scan: what it returns, what it skips, what it verifies.
 *
 * That pruning never changes an answer is for test_scan_random.c.
 */
#include "test_scan.h"

#include "scan/state.h"

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	int64_t next = 0;

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhScanSpec spec = {.table = t.table, .prune = true};

	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 20000);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
}

static void
a_row_group_is_read_only_as_far_as_rows_are_asked(void **state)
{
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 5000)),
				   cmp(w, 0, LH_LT, int_value(1000 + 3 * 7500))};
	LhScanSpec spec = spec_of(w, &t, f, 2);

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_GT, int_value(0))};
	LhScanSpec spec = spec_of(w, &t, f, 1);
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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_EQ, int_value(1000 + 3 * 5001 + 1))};
	LhScanSpec spec = spec_of(w, &t, f, 1);

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 5250)),
				   cmp(w, 0, LH_LT, int_value(1000 + 3 * 5300))};
	LhScanSpec spec = spec_of(w, &t, f, 2);

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 250 - 2)),
				   cmp(w, 0, LH_LE, int_value(1000 + 3 * 250 - 1))};
	LhScanSpec spec = spec_of(w, &t, f, 2);

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	int tip = column_of(&t, "tip");
	LhPred *some, *either[2], * or ;
	LhPred *f[2];
	LhScanSpec spec = spec_of(w, &t, f, 2);

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
	ok(w, lh_pred_list(w->ctx, LH_P_OR, either, 2, & or));
	f[0] = or ;
	f[1] = cmp(w, 0, LH_LT, int_value(1000 + 3 * 2500));
	reset_counters(w);
	assert_int_equal(count_rows(w, &spec), 500 + 250 + 1250);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), 2000);
}

static void
dictionaries_skip_row_groups(void **state)
{
	World *w = *state;
	Table t = table_of(w, trips(w));
	int zone = column_of(&t, "zone");
	LhPred *f[] = {cmp(w, zone, LH_EQ, text_value("Zone 10x"))};
	LhScanSpec spec = spec_of(w, &t, f, 1);

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, column_of(&t, "code"), LH_EQ, text_value("C00003"))};
	LhScanSpec spec = spec_of(w, &t, f, 1);
	uint64_t all;

	reset_counters(w);
	count_rows(w, &(LhScanSpec){.table = t.table, .ncols = spec.ncols, .cols = spec.cols});
	all = counter(w, LH_CTR_PAGES_READ);
	reset_counters(w);
	spec.prune = false;
	assert_in_range(count_rows(w, &spec), 1, 3);
	/* all pages of code; of the others the few with a hit */
	assert_true(counter(w, LH_CTR_PAGES_READ) < all / 12 + 3 * 12);
	assert_true(counter(w, LH_CTR_PAGES_SKIPPED) > 0 || counter(w, LH_CTR_PAGES_READ) < all / 2);
}

/*
 * Rewinds, metadata, memory
 */

static void
a_rewound_scan_takes_other_filters_and_keeps_its_files(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive"));
	int year = column_of(&t, "year"), id = column_of(&t, "id");
	LhPred *f[1];
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	spec.prune = true;
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	for (int round = 0; round < 200; round++)
	{
		int64_t rows = 0;
		int expected = 12;

		if (round == 1)
			ok(w, lh_scan_rewind(w->ctx, scan, 0, NULL));
		else if (round > 1)
		{
			f[0] = round % 2 ? cmp(w, year, LH_EQ, int_value(2024))
							 : cmp(w, id, LH_EQ, int_value(120));
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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_EQ, int_value(1000 + 3 * 6000))};
	LhScanSpec spec = spec_of(w, &t, f, 1);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	size_t after_ten = 0;

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

/* The row group is the one read before: its dictionaries are there. */
static void
a_rewound_scan_keeps_the_dictionaries_of_its_last_row_group(void **state)
{
	World *w = *state;
	Table t = table_of(w, trips(w));
	int vendor = column_of(&t, "vendor");
	LhPred *f[] = {cmp(w, 0, LH_EQ, int_value(1000 + 3 * 6000))};
	LhScanSpec spec = spec_of(w, &t, f, 1);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	uint64_t dict = 0, pages = 0;

	spec.prune = true;
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	for (int round = 0; round < 20; round++)
	{
		uint16_t rows[LH_BATCH];
		LhValue v;

		/* other rows of the same row group; then another row group */
		f[0] = cmp(w, 0, LH_EQ, int_value(1000 + 3 * (round < 19 ? 6000 + round : 100)));
		if (round > 0)
			ok(w, lh_scan_rewind(w->ctx, scan, 1, f));
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		assert_int_equal(batch->sel.count, 1);
		assert_int_equal(lh_sel_rows(&batch->sel, rows), 1);
		v = lh_vec_value(batch->vecs[vendor], rows[0]);
		assert_true(v.str.len > 0);
		if (round == 0)
			dict = counter(w, LH_CTR_DICT_PAGES_READ);
		assert_true(dict > 0 && counter(w, LH_CTR_PAGES_READ) > pages);
		pages = counter(w, LH_CTR_PAGES_READ);
		assert_int_equal(counter(w, LH_CTR_DICT_PAGES_READ), round < 19 ? dict : 2 * dict);
		/* some rounds stop in the middle */
		if (round % 3 != 0)
			ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	}
}

typedef struct Meta
{
	int calls;
	int take; /* so many calls are taken */
	int64_t rows;
	int node; /* of column 0 */
} Meta;

static LhStatus
meta_fn(LhCtx *ctx, void *arg, const LhMetaGroup *group, bool *taken)
{
	Meta *meta = arg;

	assert_true(group->group >= 0 && group->group < group->file->ngroups);
	meta->node = group->nodes[0];
	*taken = meta->calls++ < meta->take;
	if (*taken)
		meta->rows += group->rows;
	return LH_OK;
}

static Meta
scan_with_meta(World *w, const LhScanSpec *spec, int take, int64_t *rows)
{
	Meta meta = {.take = take};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 6000))};
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	int64_t rows;
	Meta m = scan_with_meta(w, &spec, 100, &rows);

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
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive_same"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	int64_t rows;

	/* without pruning nothing proves that the file's own years are the folder's */
	spec.prune = false;
	assert_int_equal(scan_with_meta(w, &spec, 100, &rows).calls, 0);
	assert_int_equal(rows, 4);
	spec.prune = true;
	assert_int_equal(scan_with_meta(w, &spec, 100, &rows).calls, 2);
	/* column id may be null as far as the schema goes; statistics say it is not */
	((LhScanColumn *) spec.cols)[0].required = true;
	assert_int_equal(scan_with_meta(w, &spec, 100, &rows).calls, 2);
}

/* Removal proof: else count(*) would be right and the planner's belief in NOT NULL wrong. */
static void
metadata_does_not_hide_a_null_where_none_may_be(void **state)
{
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	Meta meta = {.take = 100};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	((LhScanColumn *) spec.cols)[column_of(&t, "tip")].required = true;
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	lh_scan_set_meta(scan, meta_fn, &meta);
	refused(w, lh_scan_next(w->ctx, scan, &batch, &request), LH_NULL_VALUE,
			"\"tip\" is null in row 501", NULL, NULL);
	assert_int_equal(meta.calls, 0);
}

static int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
nothing_stays_open_or_allocated(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	int before = open_fds();
	size_t used = lh_arena_used(w->ctx->arena);
	LhHostRequest *request;
	const LhBatch *batch;

	for (int i = 0; i < 100; i++)
	{
		LhArena *arena = lh_arena_child(w->ctx->arena), *old = lh_use(w->ctx, arena);
		LhScan *scan;

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 5250)),
				   cmp(w, 0, LH_LT, int_value(1000 + 3 * 9300))};
	LhScanSpec spec = spec_of(w, &t, f, 2);
	LhTaskList tasks;
	static LhBudget budget = {.limit = 1024 * 1024, .setting = "work_mem"};
	LhArena *old = w->ctx->arena;

	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	spec.tasks = &tasks;
	w->ctx->arena = lh_arena_create(&budget);
	assert_int_equal(count_rows(w, &spec), 4050);
	lh_arena_destroy(w->ctx->arena);
	w->ctx->arena = old;
	assert_int_equal(budget.used, 0);
}

/* Let the file being read look as if it had gathered more than any budget. */
static void
make_heavy(LhScan *scan)
{
	if (scan->file != NULL)
		scan->file->memory = lh_arena_used(scan->file->body) - ((size_t) 1 << 30);
}

/* What a file gathers on the way, page indexes above all, is given back between row groups. */
static void
a_heavy_file_is_opened_anew_and_goes_on(void **state)
{
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[] = {cmp(w, 0, LH_GE, int_value(1000 + 3 * 3000))};
	LhScanSpec spec = spec_of(w, &t, f, 1);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	int64_t next = 3000;

	reset_counters(w);
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	for (;;)
	{
		make_heavy(scan);
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		for (int i = 0; i < batch->n; i++)
			if (lh_bit_get(batch->sel.w, (size_t) i))
				assert_int_equal(batch->first_row + i, next++);
	}
	assert_int_equal(next, 20000);
	assert_true(counter(w, LH_CTR_FOOTER_CACHE_HITS) > 5);
	assert_int_equal(counter(w, LH_CTR_FILES), 1);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS), 8);
}

/* By then another file may lie there; the scan stays with its own. */
static void
a_heavy_file_that_was_replaced_is_read_to_its_end(void **state)
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
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_int_equal(rename(b, a), 0);
	while (batch != NULL)
	{
		rows += batch->n;
		make_heavy(scan);
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	}
	assert_int_equal(rows, 20000);
}

static bool
interrupted(void *arg)
{
	return --*(int *) arg < 0;
}

static void
a_scan_can_be_cancelled_anywhere(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhHost host = {.interrupted = interrupted};
	LhStatus status = LH_CANCELLED;
	int polls = 0, left;

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
	int requests;
	int64_t items;
	int64_t rows;
	int64_t sum; /* of trip_id */
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
		LhValue v = request->dict != NULL ? lh_dict_value(request->dict, request->items[i])
										  : lh_vec_value(request->vec, (int) request->items[i]);

		assert_int_equal(request->host_id, 77);
		request->result[i] = host_likes(&v);
	}
}

static HostRun
run_with_host(World *w, const LhScanSpec *spec)
{
	HostRun run = {0};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	ok(w, lh_scan_open(w->ctx, spec, &scan));
	for (;;)
	{
		LhStatus status = lh_scan_next(w->ctx, scan, &batch, &request);

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
	World *w = *state;
	static const char *const names[] = {"zone", "code", "note"};
	Table t = table_of(w, trips(w));

	for (int c = 0; c < 3; c++)
	{
		int col = column_of(&t, names[c]);
		LhPred *host;
		LhPred *f[2];
		LhScanSpec spec = spec_of(w, &t, f, 2);
		LhHostRequest *request;
		const LhBatch *batch;
		LhScan *scan;
		int64_t rows = 0, sum = 0;
		HostRun run;

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
				LhValue v = lh_vec_value(batch->vecs[col], i);

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
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive_text"));
	LhPred *f[2];
	LhScanSpec spec = spec_of(w, &t, f, 2);
	HostRun run;

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
	World *w = *state;
	Table t = table_of(w, trips(w));
	LhPred *f[1];
	LhScanSpec spec = spec_of(w, &t, f, 1);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

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
		TEST(a_rewound_scan_takes_other_filters_and_keeps_its_files),
		TEST(rewinding_does_not_gather_memory),
		TEST(a_rewound_scan_keeps_the_dictionaries_of_its_last_row_group),
		TEST(metadata_answers_for_row_groups_that_pass_whole),
		TEST(metadata_does_not_answer_for_what_must_be_verified),
		TEST(metadata_does_not_hide_a_null_where_none_may_be),
		TEST(nothing_stays_open_or_allocated),
		TEST(a_small_budget_is_enough),
		TEST(a_heavy_file_is_opened_anew_and_goes_on),
		TEST(a_heavy_file_that_was_replaced_is_read_to_its_end),
		TEST(a_scan_can_be_cancelled_anywhere),
		TEST(the_host_is_asked_in_the_middle_of_a_batch),
		TEST(the_host_never_sees_what_earlier_filters_hide),
		TEST(a_scan_can_be_rewound_while_the_host_is_asked),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
