/*
 * test_threads.c
 *		Aggregates by any number of threads are those of one, to the bit.
 *
 * Random tables of several files and many row groups: floats whose sum depends
 * on every order, decimals of several scales, strings, zeros of both signs.
 * Random filters and aggregates, one to eight threads; then what goes wrong:
 * damaged pages, overflow, memory, a host that wants to stop.
 *
 * LH_SEED sets the seed, LH_ROUNDS the number of rounds.
 */
#include "test_scan.h"

#include <math.h>
#include <poll.h>

#include "exec/threads.h"
#include "unit/pq_table.h"

#define MAX_SPECS 24
#define MOST      8

static uint64_t seed;

static uint64_t
next_random(void)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return lh_hash_u64(seed);
}

static int
pick(int n)
{
	return (int) (next_random() % (uint64_t) n);
}

static int
rounds(int n)
{
	const char *all = getenv("LH_ROUNDS");

	seed = getenv("LH_SEED") ? (uint64_t) atoll(getenv("LH_SEED")) : 1;
	return all ? atoi(all) : n;
}

/*
 * Tables
 */

enum
{
	COL_V, /* int64 */
	COL_D, /* double */
	COL_F, /* float, in some files double */
	COL_T, /* text */
	COL_M, /* decimal, of a scale that differs from file to file */
	NCOLS
};

static double
random_double(void)
{
	switch (pick(12))
	{
		case 0: return 0.0;
		case 1: return -0.0;
		default: return ldexp((double) (int64_t) next_random(), pick(120) - 110);
	}
}

typedef struct Shape
{
	int files;
	int groups; /* of a file, at most */
	int rows;   /* of a group, at most */
	double odd; /* a double that occurs once; 0: none */
} Shape;

static void
write_group(PqTable *t, int rows, int scale, bool wide, double odd)
{
	Tw values[NCOLS] = {{0}};

	for (int r = 0; r < rows; r++)
	{
		int64_t v = (int64_t) (next_random() % 100000) - 50000,
				m = v % 1000 * (scale > 2 ? 100 : 1);
		double d = r == rows / 2 && odd != 0 ? odd : random_double();
		float f = (float) random_double();
		double df = f;
		char text[16];
		uint32_t len = (uint32_t) snprintf(text, sizeof(text), "%d", pick(3000));

		tw_bytes(&values[COL_V], &v, 8);
		tw_bytes(&values[COL_D], &d, 8);
		if (wide)
			tw_bytes(&values[COL_F], &df, 8);
		else
			tw_bytes(&values[COL_F], &f, 4);
		tw_bytes(&values[COL_T], &len, 4);
		tw_bytes(&values[COL_T], text, len);
		tw_bytes(&values[COL_M], &m, 8);
	}
	pq_table_group(t, rows, values);
	for (int c = 0; c < NCOLS; c++)
		tw_free(&values[c]);
}

static void
write_file(const char *path, const Shape *shape, bool odd_here)
{
	static PqTable t;
	bool wide = pick(3) == 0;
	int scale = pick(2) ? 2 : 4, groups = 1 + pick(shape->groups);
	PqEl els[NCOLS] = {
		PQ_LEAF("v", PQ_REQ, 2),
		PQ_LEAF("d", PQ_REQ, 5),
		PQ_LEAF("f", PQ_REQ, wide ? 5 : 4),
		PQ_LEAF_AS("t", PQ_REQ, 6, 0),
		{.name = "m",
		 .rep = PQ_REQ,
		 .type = 2,
		 .children = -1,
		 .converted = 5,
		 .precision = 18,
		 .scale = scale},
	};

	pq_table_init(&t, els, NCOLS);
	for (int g = 0; g < groups; g++)
		write_group(&t, pick(8) == 0 ? 0 : 1 + pick(shape->rows), scale, wide,
					odd_here && g == groups / 2 ? shape->odd : 0);
	pq_table_write(&t, path);
}

static Table
random_table(World *w, const Shape *shape)
{
	char *dir = lh_sprintf(w->ctx, "%s/%d", w->dir, pick(1 << 30));

	assert_int_equal(mkdir(dir, 0700), 0);
	for (int i = 0; i < shape->files; i++)
		write_file(lh_sprintf(w->ctx, "%s/%d.parquet", dir, i), shape, i == shape->files / 2);
	return table_of(w, dir);
}

/*
 * Queries
 */

typedef struct Query
{
	LhScanSpec scan;
	int nspecs;
	LhAggSpec specs[MAX_SPECS];
	LhTaskList *tasks;
} Query;

static LhExpr *
column(World *w, int col)
{
	LhExpr *e = lh_alloc0(w->ctx, sizeof(*e));

	e->kind = LH_E_COLUMN;
	e->col = col;
	/* as PostgreSQL's float8 would be summed: the table's type, when a file has float */
	e->arith = col == COL_F ? LH_ARITH_FLOAT8 : LH_ARITH_INT8;
	return e;
}

/* All kinds over all columns where they are allowed; some under a FILTER. */
static void
random_specs(World *w, Query *q)
{
	LhPred *filter = cmp(w, COL_V, LH_GT, int_value(pick(100000) - 50000));

	q->nspecs = 0;
	q->specs[q->nspecs++] = (LhAggSpec){.kind = LH_AGG_COUNT_STAR};
	for (int c = 0; c < NCOLS; c++)
	{
		LhExpr *e = column(w, c);

		q->specs[q->nspecs++] = (LhAggSpec){.kind = LH_AGG_MIN, .arg = e};
		q->specs[q->nspecs++] = (LhAggSpec){.kind = LH_AGG_MAX, .arg = e};
		q->specs[q->nspecs++] = (LhAggSpec){.kind = LH_AGG_COUNT_DISTINCT, .arg = e};
		if (c != COL_T)
			q->specs[q->nspecs++] =
				(LhAggSpec){.kind = LH_AGG_SUM, .arg = e, .filter = pick(2) ? filter : NULL};
	}
	q->specs[q->nspecs++] = (LhAggSpec){
		.kind = LH_AGG_SUM, .arg = column(w, COL_D), .float_sum = LH_FLOAT_YOUNGS_CRAMER};
}

static void
use_tasks(World *w, Table *t, Query *q)
{
	q->tasks = lh_alloc0(w->ctx, sizeof(*q->tasks));
	ok(w, t->table->tasks(w->ctx, t->table, NULL, q->tasks));
	q->scan.tasks = q->tasks;
}

static Query
random_query(World *w, Table *t)
{
	Query q = {0};
	LhPred **filters = lh_alloc_array(w->ctx, 2, sizeof(*filters));
	int n = pick(3) > 0;

	if (n > 0)
		filters[0] = cmp(w, COL_V, pick(2) ? LH_LT : LH_GE, int_value(pick(110000) - 55000));
	q.scan = spec_of(w, t, filters, n);
	use_tasks(w, t, &q);
	random_specs(w, &q);
	return q;
}

/* What the query gave, or how it failed. */
typedef struct Answer
{
	LhStatus status;
	char message[LH_ERROR_TEXT];
	LhAggState states[MAX_SPECS];
	LhCounters counters;
	int threads;
} Answer;

static void
keep(World *w, const Query *q, LhAgg *agg, LhStatus status, Answer *a)
{
	if (status == LH_OK)
		status = lh_agg_finish(w->ctx, agg);
	a->status = status;
	strcpy(a->message, status == LH_OK ? "" : w->ctx->error->message);
	lh_error_clear(w->ctx);
	for (int i = 0; status == LH_OK && i < q->nspecs; i++)
	{
		a->states[i] = *lh_agg_state(agg, i);
		if (!a->states[i].extreme.null && a->states[i].extreme.type.lane == LH_LANE_STR)
			a->states[i].extreme.str.ptr =
				lh_memdup(w->ctx, a->states[i].extreme.str.ptr, a->states[i].extreme.str.len);
	}
	a->counters = *w->ctx->counters;
}

/* A scan and a state, as they were before there were threads. */
static Answer
serial(World *w, const Query *q)
{
	LhHostRequest *request;
	const LhBatch *batch;
	LhType *types = lh_alloc_array(w->ctx, NCOLS, sizeof(*types));
	LhStatus status = LH_OK;
	const char *file = NULL;
	Answer a = {0};
	LhScan *scan;
	LhAgg *agg;

	reset_counters(w);
	ok(w, lh_agg_create(w->ctx, q->specs, q->nspecs, &agg));
	ok(w, lh_scan_open(w->ctx, &q->scan, &scan));
	while ((status = lh_scan_next(w->ctx, scan, &batch, &request)) == LH_OK && batch != NULL)
	{
		if (file != batch->task->path)
		{
			file = batch->task->path;
			for (int c = 0; c < q->scan.ncols; c++)
				types[c] = batch->vecs[c]->type;
			ok(w, lh_agg_bind(w->ctx, agg, types));
		}
		if ((status = lh_agg_update(w->ctx, agg, batch->vecs, &batch->sel)) != LH_OK)
			break;
	}
	keep(w, q, agg, status, &a);
	return a;
}

static Answer
threaded(World *w, const Query *q, int helpers, bool fast)
{
	LhArena *old = w->ctx->arena, *arena = lh_arena_child(old);
	LhAggJob job = {.scan = q->scan,
					.nspecs = q->nspecs,
					.specs = q->specs,
					.helpers = helpers,
					.float_fast = fast};
	Answer a = {0};
	LhStatus status;
	LhAgg *agg;

	reset_counters(w);
	lh_use(w->ctx, arena);
	status = lh_pool_create(w->ctx, helpers, &job.pool);
	if (status == LH_OK)
		status = lh_agg_create(w->ctx, q->specs, q->nspecs, &agg);
	assert_int_equal(status, LH_OK);
	status = lh_agg_with_threads(w->ctx, &job, agg);
	a.threads = lh_pool_threads(job.pool);
	for (int i = 0; i < helpers; i++)
		assert_true(lh_pool_idle(job.pool, i, NULL));
	lh_use(w->ctx, old);
	keep(w, q, agg, status, &a);
	lh_arena_destroy(arena);
	return a;
}

static bool
same_value(const LhValue *a, const LhValue *b)
{
	if (a->null || b->null)
		return a->null == b->null;
	if (!lh_type_equal(&a->type, &b->type))
		return false;
	if (a->type.lane == LH_LANE_F64 || a->type.lane == LH_LANE_F32)
		return a->i64 == b->i64;
	return lh_value_compare(a, b) == 0;
}

static bool
same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static bool
same_state(const LhAggState *a, const LhAggState *b)
{
	return a->count == b->count && a->seen == b->seen && memcmp(&a->sum, &b->sum, sizeof(a->sum)) == 0 && a->scale == b->scale &&
		   a->overflow == b->overflow && same_double(a->fsum, b->fsum) &&
		   memcmp(&a->fsum4, &b->fsum4, 4) == 0 && same_double(a->yc_n, b->yc_n) &&
		   same_double(a->yc_sx, b->yc_sx) && same_double(a->yc_sxx, b->yc_sxx) &&
		   a->boolean == b->boolean && same_value(&a->extreme, &b->extreme);
}

static void
assert_same(const Query *q, const Answer *want, const Answer *found, int helpers)
{
	if (want->status != found->status || strcmp(want->message, found->message) != 0)
		fail_msg("%d helpers: %s %s instead of %s %s", helpers, lh_status_name(found->status),
				 found->message, lh_status_name(want->status), want->message);
	if (want->status != LH_OK)
		return;
	for (int i = 0; i < q->nspecs; i++)
		if (!same_state(&want->states[i], &found->states[i]))
			fail_msg("%d helpers: aggregate %d (kind %d) differs: %.17g and %.17g", helpers, i,
					 q->specs[i].kind, want->states[i].fsum, found->states[i].fsum);
	/* footers and reads apart: each thread opens the files it reads */
	for (int i = 0; i < LH_CTR_BYTES_READ; i++)
		if (want->counters.v[i] != found->counters.v[i])
			fail_msg("%d helpers: counter %s is %llu instead of %llu", helpers, lh_counter_name[i],
					 (unsigned long long) found->counters.v[i],
					 (unsigned long long) want->counters.v[i]);
}

/*
 * Tests
 */

static void
any_number_of_threads_gives_the_same_bits(void **state)
{
	World *w = *state;
	int n = rounds(12), threads = 0;

	for (int round = 0; round < n; round++)
	{
		Shape shape = {.files = 1 + pick(4), .groups = 1 + pick(12), .rows = pick(2) ? 300 : 9000};
		Table t = random_table(w, &shape);

		for (int k = 0; k < 3; k++)
		{
			Query q = random_query(w, &t);
			Answer want = serial(w, &q);

			assert_int_equal(want.status, LH_OK);
			for (int helpers = 0; helpers < MOST; helpers += 1 + pick(3))
			{
				Answer found = threaded(w, &q, helpers, false);

				assert_same(&q, &want, &found, helpers);
				threads += found.threads;
			}
		}
	}
	assert_true(threads > n);
}

static void
sums_in_parts_are_close(void **state)
{
	World *w = *state;
	Shape shape = {.files = 3, .groups = 10, .rows = 3000};

	for (int round = rounds(3); round > 0; round--)
	{
		Table t = random_table(w, &shape);
		Query q = random_query(w, &t);
		Answer want = serial(w, &q), found = threaded(w, &q, 3, true);

		assert_int_equal(found.status, LH_OK);
		for (int i = 0; i < q.nspecs; i++)
		{
			LhAggState *a = &want.states[i], *b = &found.states[i];

			assert_true(fabs(a->fsum - b->fsum) <= 1e-9 * (1 + fabs(a->fsum)));
			assert_true(fabs(a->yc_sx - b->yc_sx) <= 1e-9 * (1 + fabs(a->yc_sx)));
			assert_true(fabs(a->yc_sxx - b->yc_sxx) <= 1e-6 * (1 + fabs(a->yc_sxx)));
			a->fsum = b->fsum, a->fsum4 = b->fsum4;
			a->yc_sx = b->yc_sx, a->yc_sxx = b->yc_sxx;
			assert_true(same_state(a, b));
		}
	}
}

static void
of_equal_extremes_the_last_stays(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "stats/zeros.parquet"));

	for (int round = rounds(40); round > 0; round--)
	{
		Query q = {.nspecs = 2, .scan = spec_of(w, &t, NULL, 0)};
		Answer want, found;
		LhExpr *e = column(w, 0);

		use_tasks(w, &t, &q);
		q.specs[0] = (LhAggSpec){.kind = LH_AGG_MIN, .arg = e};
		q.specs[1] = (LhAggSpec){.kind = LH_AGG_MAX, .arg = e};
		want = serial(w, &q);
		found = threaded(w, &q, 3, false);
		assert_same(&q, &want, &found, 3);
	}
}

/* A byte of the file becomes another: mostly a page header or a length. */
static void
damage(const char *path)
{
	FILE *f = fopen(path, "r+");
	long size;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	for (int i = 0; i < 30; i++)
	{
		fseek(f, 4 + (long) (next_random() % (uint64_t) (size / 2)), SEEK_SET);
		fputc(0xff, f);
	}
	fclose(f);
}

static void
the_first_error_of_the_rows_is_raised(void **state)
{
	World *w = *state;
	Shape shape = {.files = 3, .groups = 12, .rows = 400};
	int errors = 0;

	for (int round = rounds(25); round > 0; round--)
	{
		Table t = random_table(w, &shape);
		Query q = random_query(w, &t);
		Answer want;

		damage(q.tasks->tasks[pick((int) q.tasks->n)].path);
		damage(q.tasks->tasks[pick((int) q.tasks->n)].path);
		lh_pq_cache_clear(w->cache);
		want = serial(w, &q);
		errors += want.status != LH_OK;
		for (int helpers = 1; helpers < MOST; helpers += 2)
		{
			Answer found = threaded(w, &q, helpers, false);

			assert_same(&q, &want, &found, helpers);
		}
	}
	assert_true(errors > 5 || rounds(25) < 25);
}

/* Helpers take as much as the leader: where that is half of the budget, there is none. */
static void
threads_stay_within_the_budget(void **state)
{
	World *w = *state;
	Shape shape = {.files = 1, .groups = 1, .rows = 9000};
	int made = -1;
	Table t;
	Query q;

	rounds(0);
	for (int i = 0; i < 8; i++)
		t = random_table(w, &shape);
	q = random_query(w, &t);
	q.scan.nfilters = 0;
	q.nspecs = 1;
	for (size_t limit = (size_t) 64 << 20; limit >= (size_t) 256 << 10; limit /= 2)
	{
		LhBudget budget = {.limit = limit};
		LhArena *old = w->ctx->arena, *arena = lh_arena_create(&budget);
		Answer a;

		lh_use(w->ctx, arena);
		a = threaded(w, &q, MOST - 1, false);
		lh_use(w->ctx, old);
		lh_arena_destroy(arena);
		if (limit == (size_t) 64 << 20)
			assert_int_equal(a.threads, MOST - 1);
		made = a.threads;
	}
	assert_int_equal(made, 0);
}

/* Two numbers that are too large for one sum: the error comes where the second is added. */
static void
overflow_is_an_error_in_its_place(void **state)
{
	World *w = *state;
	Shape shape = {.files = 4, .groups = 6, .rows = 2500, .odd = 1.7e308};

	for (int round = rounds(4); round > 0; round--)
	{
		char *dir = lh_sprintf(w->ctx, "%s/over%d", w->dir, round);
		Query q;
		Answer want, found;
		Table t;

		assert_int_equal(mkdir(dir, 0700), 0);
		for (int i = 0; i < shape.files; i++)
			write_file(lh_sprintf(w->ctx, "%s/%d.parquet", dir, i), &shape, i % 2 == 0);
		t = table_of(w, dir);
		q = random_query(w, &t);
		q.scan.nfilters = 0;
		for (int i = 0; i < q.nspecs; i++)
			q.specs[i].filter = NULL;
		want = serial(w, &q);
		found = threaded(w, &q, 3, false);
		assert_same(&q, &want, &found, 3);
		/* a row group without rows has no odd number */
		if (want.status != LH_OK)
		{
			assert_int_equal(want.status, LH_OUT_OF_RANGE);
			/* a damaged file behind it changes nothing */
			damage(q.tasks->tasks[q.tasks->n - 1].path);
			found = threaded(w, &q, 3, false);
			assert_int_equal(found.status, LH_OUT_OF_RANGE);
		}
	}
}

static void
without_memory_one_thread_does_it(void **state)
{
	World *w = *state;
	Shape shape = {.files = 2, .groups = 12, .rows = 9000};
	Table t;
	Query q;
	Answer want;
	bool again = false;

	rounds(0);
	t = random_table(w, &shape);
	q = random_query(w, &t);
	q.scan.nfilters = 0;
	want = serial(w, &q);
	for (size_t limit = (size_t) 16 << 20; limit >= (size_t) 256 << 10; limit = limit * 3 / 4)
	{
		LhBudget budget = {.limit = limit};
		LhArena *old = w->ctx->arena, *arena = lh_arena_create(&budget);
		LhArena *alone_arena;
		Answer found, one;

		lh_use(w->ctx, arena);
		found = threaded(w, &q, 3, false);
		lh_use(w->ctx, old);
		lh_arena_destroy(arena);
		assert_int_equal(budget.used, 0);
		/* whatever one thread can do, several can */
		budget = (LhBudget){.limit = limit};
		alone_arena = lh_arena_create(&budget);
		lh_use(w->ctx, alone_arena);
		one = threaded(w, &q, 0, false);
		lh_use(w->ctx, old);
		if (one.status == LH_OK)
		{
			/* texts of the answer went with the arena */
			for (int i = 0; i < q.nspecs; i++)
				if (found.states[i].extreme.type.lane == LH_LANE_STR)
					found.states[i].extreme = want.states[i].extreme;
			assert_same(&q, &want, &found, 3);
		}
		else
			again = true;
		lh_arena_destroy(alone_arena);
	}
	assert_true(again);
}

/* A host that wants to stop after so many questions. */
static bool
stop_after(void *arg)
{
	return --*(int *) arg < 0;
}

static int
host_wait(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	struct pollfd p = {.fd = fds[0].fd, .events = fds[0].events};
	int n = poll(&p, 1, 5);

	fds[0].revents = p.revents;
	return n;
}

static void
a_cancel_ends_all_threads(void **state)
{
	static const LhHost host = {.interrupted = stop_after, .wait = host_wait};
	World *w = *state;
	Shape shape = {.files = 3, .groups = 10, .rows = 3000};
	Table t;
	Query q;
	int cancelled = 0, n = rounds(60);

	t = random_table(w, &shape);
	q = random_query(w, &t);
	q.scan.nfilters = 0;
	for (int round = 0; round < n; round++)
	{
		int questions = pick(400);
		Answer found;

		w->ctx->host = &host;
		w->ctx->host_arg = &questions;
		found = threaded(w, &q, 3, false);
		w->ctx->host = NULL;
		assert_true(found.status == LH_OK || found.status == LH_CANCELLED);
		cancelled += found.status == LH_CANCELLED;
		if (found.status == LH_CANCELLED)
			assert_int_equal(found.threads, 0);
	}
	assert_true(cancelled > n / 4 || n < 60);
}

static void
metadata_makes_no_thread(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "flat/trips.parquet"));
	LhExpr *id = column(w, 0);
	LhAggSpec specs[] = {{.kind = LH_AGG_COUNT_STAR}, {.kind = LH_AGG_MAX, .arg = id}};
	LhAggJob job = {.scan = spec_of(w, &t, NULL, 0),
					.nspecs = 2,
					.specs = specs,
					.metadata = true,
					.helpers = 3};
	LhTaskList tasks;
	LhAgg *agg;

	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	job.scan.tasks = &tasks;
	ok(w, lh_pool_create(w->ctx, 3, &job.pool));
	ok(w, lh_agg_create(w->ctx, specs, 2, &agg));
	reset_counters(w);
	ok(w, lh_agg_with_threads(w->ctx, &job, agg));
	ok(w, lh_agg_finish(w->ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, 20000);
	assert_int_equal(lh_agg_state(agg, 1)->extreme.i64, 60997);
	assert_int_equal(counter(w, LH_CTR_PAGES_READ), 0);
	assert_int_equal(counter(w, LH_CTR_FILES_METADATA_ONLY), 1);
	assert_int_equal(lh_pool_threads(job.pool), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_number_of_threads_gives_the_same_bits),
		TEST(sums_in_parts_are_close),
		TEST(of_equal_extremes_the_last_stays),
		TEST(the_first_error_of_the_rows_is_raised),
		TEST(threads_stay_within_the_budget),
		TEST(overflow_is_an_error_in_its_place),
		TEST(without_memory_one_thread_does_it),
		TEST(a_cancel_ends_all_threads),
		TEST(metadata_makes_no_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
