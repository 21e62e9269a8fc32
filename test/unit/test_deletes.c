/*
 * test_deletes.c
 *		Deleted rows do not come, by position and by vector; who wants them sees them;
 *		and what that costs.
 */
#include "test_deletes.h"

#include "exec/threads.h"

/*
 * Position delete files
 */

static void
positions_take_rows_out(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task = one_file(w, &lake);
	Position p[] = {{task->path, 0}, {task->path, 4999}, {task->path, 5000}, {task->path, ROWS - 1},
					{task->path, 5000}, {"/elsewhere", 7}, {task->path, ROWS + 5}};
	int64_t rows;

	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 7, 0));
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	assert_int_equal(sum_of(w, &lake.spec, &rows), SUM - 0 - 4999 - 5000 - (ROWS - 1));
	assert_int_equal(rows, ROWS - 4);
	assert_int_equal(counter(w, LH_CTR_ROWS_DELETED_POSITION), 4);
	assert_int_equal(counter(w, LH_CTR_DELETE_FILES_READ), 1);
	/* rows of the delete file are no rows of the table */
	assert_int_equal(counter(w, LH_CTR_FILES), 1);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS), 4);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), ROWS);
}

static void
one_delete_file_is_read_once_for_all_its_files(void **state)
{
	World *w = *state;
	Lake lake;
	int64_t rows;
	Position p[9];

	lake_init(w, &lake);
	lake_column(&lake, "id", lake_long, 1);
	for (int i = 0; i < 3; i++)
		lake_task(&lake, data_file(w, lh_sprintf(w->ctx, "d%d", i), 100, 0, 0));
	/* paths change with every row */
	for (int i = 0; i < 9; i++)
		p[i] = (Position){lake.tasks[i % 3].path, i};
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 9, 0));
	/* the second file was written later: the delete file is not about it */
	lake_applies(&lake, 0, 0);
	lake_applies(&lake, 2, 0);
	reset_counters(w);
	assert_int_equal(sum_of(w, &lake.spec, &rows), 3 * 4950 - (0 + 3 + 6) - (2 + 5 + 8));
	assert_int_equal(rows, 294);
	assert_int_equal(counter(w, LH_CTR_DELETE_FILES_READ), 1);
}

/* The same file as two tasks, and two delete files of which one is about one of them only. */
static void
sets_are_united(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task = one_file(w, &lake);
	Position a[] = {{task->path, 1}, {task->path, 2}}, b[] = {{task->path, 2}, {task->path, 30}};
	LakeFile again = {task->path, task->size};
	int64_t rows;

	lake_task(&lake, again);
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "a", a, 2, 0));
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "b", b, 2, 0));
	lake_applies(&lake, 0, 0);
	lake_applies(&lake, 0, 1);
	lake_applies(&lake, 1, 0);
	assert_int_equal(sum_of(w, &lake.spec, &rows), 2 * SUM - (1 + 2 + 30) - (1 + 2));
	assert_int_equal(rows, 2 * ROWS - 5);
}

static const char *wanted_prefix;

static LhStatus
strip_prefix(LhCtx *ctx, LhTable *table, LhStr raw, const char **out)
{
	size_t n = strlen(wanted_prefix);

	*out = NULL;
	if (raw.len < n || memcmp(raw.ptr, wanted_prefix, n) != 0)
		return LH_OK;
	*out = lh_strndup(ctx, (const char *) raw.ptr + n, raw.len - n);
	return *out == NULL ? ctx->error->code : LH_OK;
}

static void
paths_are_brought_to_one_form(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task = one_file(w, &lake);
	const char *raw = lh_sprintf(w->ctx, "hdfs://host:20500%s", task->path);
	Position p[] = {{raw, 1}, {raw, 2}, {task->path, 3}};
	int64_t rows;

	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 3, 0));
	lake_applies(&lake, 0, 0);
	sum_of(w, &lake.spec, &rows);
	assert_int_equal(rows, ROWS - 1);
	wanted_prefix = "hdfs://host:20500";
	lake.table.file_path = strip_prefix;
	sum_of(w, &lake.spec, &rows);
	assert_int_equal(rows, ROWS - 2);
}

static void
row_groups_about_other_files_are_not_read(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task = one_file(w, &lake);
	Position p[400];
	uint64_t pages;
	int64_t rows;

	for (int i = 0; i < 400; i++)
		p[i] = (Position){i / 100 == 2 ? task->path : lh_sprintf(w->ctx, "/other%d", i / 100), i};
	lake.spec.ncols = 0;
	reset_counters(w);
	sum_of(w, &(LhScanSpec){.table = &lake.table, .schema = &lake.schema, .tasks = &lake.list, .ncols = 1, .cols = lake.cols}, &rows);
	pages = counter(w, LH_CTR_PAGES_READ);
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 400, 100));
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	sum_of(w, &(LhScanSpec){.table = &lake.table, .schema = &lake.schema, .tasks = &lake.list, .ncols = 1, .cols = lake.cols}, &rows);
	assert_int_equal(rows, ROWS - 100);
	/* two pages of the row group about this file, none of the three others */
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), pages + 2);
}

/* As Iceberg's library has it, which compares paths: none is equal to no path. */
static void
a_row_without_a_path_deletes_nothing(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task = one_file(w, &lake);
	Position p[] = {{NULL, 1}, {task->path, 3}, {NULL, 4}, {task->path, 5}, {NULL, -1}};
	int64_t rows;

	lake.spec.ncols = 0;
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 5, 0));
	lake_applies(&lake, 0, 0);
	sum_of(w, &(LhScanSpec){.table = &lake.table, .schema = &lake.schema, .tasks = &lake.list, .ncols = 1, .cols = lake.cols}, &rows);
	assert_int_equal(rows, ROWS - 2);
}

/* Row groups of many paths, of one, which a dictionary holds, and of many again, the first one empty. */
static void
an_empty_path_is_not_the_one_before(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task = one_file(w, &lake);
	Position p[300];
	int64_t rows;

	for (int i = 0; i < 300; i++)
		p[i] = (Position){i / 100 == 1 ? task->path : lh_sprintf(w->ctx, "/other%d", i), i};
	p[200].path = "";
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 300, 100));
	lake_applies(&lake, 0, 0);
	sum_of(w, &lake.spec, &rows);
	assert_int_equal(rows, ROWS - 100);
}

static void
positions_must_be_positions(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task = one_file(w, &lake);
	Position negative[] = {{task->path, 1}, {task->path, -1}};
	LhField other[] = {field("file_path", lake_text, LH_ID_DELETE_PATH)};

	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", negative, 2, 0));
	lake_applies(&lake, 0, 0);
	refused(w, run_scan(w, &lake.spec), LH_CORRUPT, "/p\"", "row 2", "negative");
	positions = negative;
	lake.deletes[0].path = lake_file(w, "r", 1, other, 1, 0, 0, position_value).path;
	refused(w, run_scan(w, &lake.spec), LH_CORRUPT, "/r\"", "no column with field id 2147483545", NULL);
	lake.deletes[0].path = "/nowhere/s";
	refused(w, run_scan(w, &lake.spec), LH_NOT_FOUND, "/nowhere/s", NULL, NULL);
}

/* A small budget: rows of other files are not kept, the answer is the same. */
static void
without_memory_for_all_files_each_reads_for_itself(void **state)
{
	World *w = *state;
	Lake lake;
	enum { EACH = 3000 };
	Position *p = lh_alloc(w->ctx, 4 * EACH * sizeof(*p));
	LhBudget budget = {.limit = 400 * 1024, .setting = "work_mem"};
	LhArena *arena = lh_arena_create(&budget), *old;
	uint64_t read;
	int64_t rows;

	lake_init(w, &lake);
	lake_column(&lake, "id", lake_long, 1);
	for (int i = 0; i < 4; i++)
		lake_task(&lake, data_file(w, lh_sprintf(w->ctx, "d%d", i), EACH, 0, 0));
	/* one row in a container of its own: bulky; the first ones are in the files */
	for (int i = 0; i < 4 * EACH; i++)
		p[i] = (Position){lake.tasks[i / EACH].path, i % EACH < 100 ? i % EACH : (int64_t) (i % EACH) * 65536};
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 4 * EACH, 0));
	for (int i = 0; i < 4; i++)
		lake_applies(&lake, i, 0);
	reset_counters(w);
	old = lh_use(w->ctx, arena);
	sum_of(w, &lake.spec, &rows);
	lh_use(w->ctx, old);
	read = counter(w, LH_CTR_DELETE_FILES_READ);
	lh_arena_destroy(arena);
	assert_int_equal(rows, 4 * (EACH - 100));
	assert_true(read >= 2);
	assert_int_equal(budget.used, 0);
}

/*
 * Vectors, and what is not read
 */

static void
deleted_stretches_are_not_decompressed(void **state)
{
	World *w = *state;
	Lake lake;
	int64_t *deleted = lh_alloc(w->ctx, ROWS * sizeof(int64_t)), rows;
	uint64_t whole;
	int n = 0;

	one_file(w, &lake);
	reset_counters(w);
	sum_of(w, &lake.spec, &rows);
	whole = counter(w, LH_CTR_PAGES_READ);
	/* the second row group; most of the third */
	n = stretch(deleted, n, 5000, 10000);
	n = stretch(deleted, n, 10500, 14500);
	vector_file(w, &lake, "v", deleted, n);
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	assert_int_equal(sum_of(w, &lake.spec, &rows), SUM - (5000 + 9999) * 2500 - (10500 + 14499) * 2000);
	assert_int_equal(rows, ROWS - n);
	assert_int_equal(counter(w, LH_CTR_DELETION_VECTORS_READ), 1);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_DELETES), 1);
	assert_int_equal(counter(w, LH_CTR_ROWS_DELETED_POSITION), n);
	assert_int_equal(counter(w, LH_CTR_ROWS_SCANNED), ROWS - n);
	/* 3 columns: 10 pages a row group, 2 of 10 in the third */
	assert_true(counter(w, LH_CTR_PAGES_READ) <= whole - 3 * 10 - 3 * 8 + 3);
}

/* The same where rows before and behind the stretch are deleted one by one. */
static void
so_are_those_among_scattered_ones(void **state)
{
	World *w = *state;
	Lake lake;
	int64_t *deleted = lh_alloc(w->ctx, ROWS * sizeof(int64_t)), rows, sum = SUM;
	uint64_t whole;
	int n = 0;

	one_file(w, &lake);
	reset_counters(w);
	sum_of(w, &lake.spec, &rows);
	whole = counter(w, LH_CTR_PAGES_READ);
	for (int64_t row = 10000; row < 15000; row++)
		if ((row >= 10500 && row < 14500) || row % 3 == 1)
		{
			deleted[n++] = row;
			sum -= row;
		}
	vector_file(w, &lake, "v", deleted, n);
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	assert_int_equal(sum_of(w, &lake.spec, &rows), sum);
	assert_int_equal(rows, ROWS - n);
	assert_int_equal(counter(w, LH_CTR_ROWS_DELETED_POSITION), n);
	/* 3 columns: 2 of 10 pages in the third row group */
	assert_true(counter(w, LH_CTR_PAGES_READ) <= whole - 3 * 8 + 3);
}

static void
a_file_of_deleted_rows_only(void **state)
{
	World *w = *state;
	Lake lake;
	int64_t *deleted = lh_alloc(w->ctx, ROWS * sizeof(int64_t)), rows;

	one_file(w, &lake);
	vector_file(w, &lake, "v", deleted, stretch(deleted, 0, 0, ROWS));
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	sum_of(w, &lake.spec, &rows);
	assert_int_equal(rows, 0);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_DELETES), 4);
}

/* Random deletes and filters against the plain rule. */
static void
any_rows_under_any_filter(void **state)
{
	World *w = *state;
	uint64_t seed = 42;

	for (int round = 0; round < 24; round++)
	{
		Lake lake;
		int64_t *deleted = lh_alloc(w->ctx, ROWS * sizeof(int64_t)), rows, expected = 0, count = 0;
		uint8_t *gone = lh_alloc0(w->ctx, ROWS);
		LhPred *f[] = {cmp(w, 1, LH_LT, int_value(round * 5))};
		int n = 0;

		one_file(w, &lake);
		for (int64_t row = 0; row < ROWS;)
		{
			int64_t len;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			len = 1 + (int64_t) (seed >> 33) % (round % 3 == 0 ? 3 : round % 3 == 1 ? 700 : 6000);
			if (seed >> 62 < 2)
				n = stretch(deleted, n, row, row + len < ROWS ? row + len : ROWS);
			row += len;
		}
		for (int i = 0; i < n; i++)
			gone[deleted[i]] = 1;
		for (int64_t row = 0; row < ROWS; row++)
			if (!gone[row] && (round % 2 == 0 || (row % 10 != 9 && row % 100 < round * 5)))
			{
				expected += row;
				count++;
			}
		if (n > 0)
		{
			vector_file(w, &lake, "v", deleted, n);
			lake_applies(&lake, 0, 0);
		}
		lake.spec.filters = f;
		lake.spec.nfilters = round % 2;
		lake.spec.first_batch = round % 4 == 0 ? 7 : 0;
		assert_int_equal(sum_of(w, &lake.spec, &rows), expected);
		assert_int_equal(rows, count);
	}
}

/*
 * Answers from metadata
 */

static void
metadata_counts_rows_that_are_alive(void **state)
{
	World *w = *state;
	Lake lake;
	int64_t *deleted = lh_alloc(w->ctx, ROWS * sizeof(int64_t)), rows;
	Meta m;
	int n;

	one_file(w, &lake);
	n = stretch(deleted, 0, 100, 7000);
	vector_file(w, &lake, "v", deleted, n);
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	m = ask_meta(w, &lake.spec, &rows);
	assert_true(m.alive == ROWS - n && m.calls == 4 && rows == 0);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
}

static int64_t
aggregate(World *w, const Lake *lake, LhAggKind kind)
{
	LhExpr arg = {.kind = LH_E_COLUMN, .col = 0};
	LhAggSpec specs[] = {{.kind = kind, .arg = kind == LH_AGG_COUNT_STAR ? NULL : &arg}};
	LhAggJob job = {.scan = lake->spec, .specs = specs, .nspecs = 1, .metadata = true, .helpers = 2};
	const LhAggState *state;
	LhAgg *agg;

	ok(w, lh_pool_create(w->ctx, 2, &job.pool));
	ok(w, lh_agg_create(w->ctx, specs, 1, &agg));
	ok(w, lh_agg_with_threads(w->ctx, &job, agg));
	ok(w, lh_agg_finish(w->ctx, agg));
	state = lh_agg_state(agg, 0);
	return kind == LH_AGG_MIN || kind == LH_AGG_MAX ? state->extreme.i64 : state->count;
}

/*
 * Columns and tasks that show deleted rows
 */

static void
a_column_says_what_is_deleted(void **state)
{
	World *w = *state;
	Lake lake;
	LhField id[] = {field("id", lake_long, 1)};
	LhValue values[] = {num(2)};
	LhFileTask *task;
	LhPred *f[2];
	Position p[1];

	lake_init(w, &lake);
	lake_column(&lake, "id", lake_long, 1);
	lake_meta(&lake, LH_SRC_DELETED, lake_bool);
	task = lake_task(&lake, data_file(w, "d", 5, 0, 0));
	p[0] = (Position){task->path, 1};
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 1, 0));
	equality_file(w, &lake, "e", 1, id, values, 1);
	lake_applies(&lake, 0, 0);
	lake_applies(&lake, 0, 1);
	assert_string_equal(lake_rows(w, &lake.spec), "0,false 1,true 2,true 3,false 4,false");
	ok(w, lh_pred_leaf(w->ctx, LH_P_IS_TRUE_BOOL, 1, NULL, &f[0]));
	lake.spec.filters = f;
	lake.spec.nfilters = 1;
	assert_string_equal(lake_rows(w, &lake.spec), "1,true 2,true");
	/* the filter before it does not hide what it needs */
	f[1] = f[0];
	f[0] = cmp(w, 0, LH_GE, int_value(2));
	lake.spec.nfilters = 2;
	assert_string_equal(lake_rows(w, &lake.spec), "2,true");
}

static void
tasks_of_deleted_rows(void **state)
{
	World *w = *state;
	Lake lake;
	LhField id[] = {field("id", lake_long, 1)};
	LhValue values[] = {num(2), num(5)}, before[] = {num(5), num(7)};
	LhFileTask *task;
	Position early[2], late[3];

	lake_init(w, &lake);
	lake_column(&lake, "id", lake_long, 1);
	task = lake_task(&lake, data_file(w, "d", 10, 0, 0));
	task->rows = LH_ROWS_DELETED;
	assert_string_equal(lake_rows(w, &lake.spec), "");
	early[0] = (Position){task->path, 1};
	early[1] = (Position){task->path, 2};
	late[0] = (Position){task->path, 1};
	late[1] = (Position){task->path, 3};
	late[2] = (Position){task->path, 4};
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "a", early, 2, 0));
	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "b", late, 3, 0));
	equality_file(w, &lake, "e", 1, id, values, 2);
	equality_file(w, &lake, "f", 1, id, before, 2);
	lake_applies(&lake, 0, 0);
	lake_applies(&lake, 0, 1);
	task->nearlier = 1;
	assert_string_equal(lake_rows(w, &lake.spec), "3 4");
	lake_applies(&lake, 0, 2);
	assert_string_equal(lake_rows(w, &lake.spec), "3 4 5");
	/* keys among the earlier deletes */
	task->ndeletes = 0;
	lake_applies(&lake, 0, 0);
	lake_applies(&lake, 0, 3);
	lake_applies(&lake, 0, 1);
	lake_applies(&lake, 0, 2);
	task->nearlier = 2;
	assert_string_equal(lake_rows(w, &lake.spec), "3 4");
}

/* Rewinds, shares and threads see the same deletes. */
static void
rewinds_keep_what_is_deleted(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task = one_file(w, &lake);
	Position p[] = {{task->path, 0}, {task->path, 9}};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	lake_delete(&lake, LH_DELETE_POSITIONS, position_file(w, "p", p, 2, 0));
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
	for (int round = 0; round < 3; round++)
	{
		int64_t rows = 0;

		for (;;)
		{
			ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
			if (batch == NULL)
				break;
			rows += batch->sel.count;
		}
		assert_int_equal(rows, ROWS - 2);
		ok(w, lh_scan_rewind(w->ctx, scan, 0, NULL));
	}
	assert_int_equal(counter(w, LH_CTR_DELETE_FILES_READ), 1);
}

static void
aggregates_of_what_is_left(void **state)
{
	World *w = *state;
	Lake lake;
	int64_t *deleted = lh_alloc(w->ctx, ROWS * sizeof(int64_t));
	LhField id[] = {field("id", lake_long, 1)};
	LhValue values[] = {num(12345)};
	int n = stretch(deleted, 0, 0, 6000);

	one_file(w, &lake);
	n = stretch(deleted, n, ROWS - 1, ROWS);
	vector_file(w, &lake, "v", deleted, n);
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	assert_int_equal(aggregate(w, &lake, LH_AGG_COUNT_STAR), ROWS - n);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
	/* removal proof: bounds of row groups still hold deleted rows */
	assert_int_equal(aggregate(w, &lake, LH_AGG_MIN), 6000);
	assert_int_equal(aggregate(w, &lake, LH_AGG_MAX), ROWS - 2);
	assert_int_equal(aggregate(w, &lake, LH_AGG_COUNT), ROWS - n);
	equality_file(w, &lake, "e", 1, id, values, 1);
	lake_applies(&lake, 0, 1);
	assert_int_equal(aggregate(w, &lake, LH_AGG_COUNT_STAR), ROWS - n - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(positions_take_rows_out),
		TEST(one_delete_file_is_read_once_for_all_its_files),
		TEST(sets_are_united),
		TEST(paths_are_brought_to_one_form),
		TEST(row_groups_about_other_files_are_not_read),
		TEST(a_row_without_a_path_deletes_nothing),
		TEST(an_empty_path_is_not_the_one_before),
		TEST(positions_must_be_positions),
		TEST(without_memory_for_all_files_each_reads_for_itself),
		TEST(deleted_stretches_are_not_decompressed),
		TEST(so_are_those_among_scattered_ones),
		TEST(a_file_of_deleted_rows_only),
		TEST(any_rows_under_any_filter),
		TEST(metadata_counts_rows_that_are_alive),
		TEST(aggregates_of_what_is_left),
		TEST(a_column_says_what_is_deleted),
		TEST(tasks_of_deleted_rows),
		TEST(rewinds_keep_what_is_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
