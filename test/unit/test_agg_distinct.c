/*
 * test_agg_distinct.c
 *		count(distinct): windows, tables, decimals of several scales, and what does not fit the
 *		budget and goes to temporary files.
 */
#include "test_agg.h"

#include <errno.h>

/* Windows that grow on both sides, then too wide for a bitmap. */
static void
distinct_of_many_integers(void **state)
{
	static int64_t x[LH_BATCH];
	LhAgg *agg = single(LH_AGG_COUNT_DISTINCT, LH_FLOAT_PLAIN, &int64);
	int64_t lo = 0, hi = 0, want = 0;

	for (int batch = 0; batch < 100; batch++)
	{
		for (int i = 0; i < LH_BATCH; i++)
		{
			x[i] = i % 2 == 0 ? hi++ : --lo;
			want++;
		}
		add_flat(agg, &int64, x, LH_BATCH, LH_OK);
		add_flat(agg, &int64, x, LH_BATCH, LH_OK);
	}
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, want);
	for (int i = 0; i < LH_BATCH; i++)
		x[i] = (int64_t) (lh_hash_u64((uint64_t) i) | UINT64_C(0x4000000000000000)) *
			   (i % 2 == 0 ? 1 : -1);
	add_flat(agg, &int64, x, LH_BATCH, LH_OK);
	x[0] = INT64_MIN;
	x[1] = INT64_MAX;
	add_flat(agg, &int64, x, 2, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, want + LH_BATCH + 2);
}

/* 10^37 in the scale of the first file would need more than 128 bits. */
static void
distinct_of_decimals_beyond_the_scale(void **state)
{
	LhType t10 = gen_decimal(38, 10, LH_LANE_I128), t0 = gen_decimal(38, 0, LH_LANE_I128),
		   t1 = gen_decimal(38, 1, LH_LANE_I128), t12 = gen_decimal(38, 12, LH_LANE_I128);
	LhI128 a[1] = {1}, b[3] = {lh_pow10[37], lh_pow10[37] + 1, lh_pow10[37]}, c[1] = {lh_pow10[38]},
		   d[2] = {100, 101};
	LhAgg *agg = single(LH_AGG_COUNT_DISTINCT, LH_FLOAT_PLAIN, &t10);

	add_flat(agg, &t10, a, 1, LH_OK);
	ok(lh_agg_bind(ctx, agg, &t0));
	add_flat(agg, &t0, b, 3, LH_OK);
	ok(lh_agg_bind(ctx, agg, &t1));
	add_flat(agg, &t1, c, 1, LH_OK);
	ok(lh_agg_bind(ctx, agg, &t12));
	add_flat(agg, &t12, d, 2, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	/* 1e-10, 1e37, 1e37 + 1, 1.01e-10 */
	assert_int_equal(lh_agg_state(agg, 0)->count, 4);
}

/* The same number with and without needless sign bytes; others that look alike. */
static void
distinct_of_wide_decimals(void **state)
{
	LhType t = gen_decimal(60, 0, LH_LANE_STR);
	uint8_t bytes[4][20] = {{0, 0x80, 1}, {0x80, 1}, {0xFF, 0x7F, 2}, {0x7F, 2}};
	LhStr x[5] = {
		{bytes[0], 20, 0},     {bytes[0] + 1, 19, 0}, {bytes[2], 20, 0},
		{bytes[2] + 1, 19, 0}, {bytes[0], 20, 0},
	};
	LhAgg *agg = single(LH_AGG_COUNT_DISTINCT, LH_FLOAT_PLAIN, &t);

	add_flat(agg, &t, x, 5, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, 4);
	/* sign bytes that say nothing */
	memset(bytes, 0, sizeof(bytes));
	bytes[0][1] = bytes[1][0] = 5;
	x[0] = (LhStr){bytes[0], 20, 0};
	x[1] = (LhStr){bytes[1], 19, 0};
	add_flat(agg, &t, x, 2, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, 5);
}

/* Agg with a budget of its own: what does not fit goes to a temporary file. */
static LhAgg *
begin_budget(LhBudget *budget, const LhType *type)
{
	lh_use(ctx, lh_arena_create(budget));
	memset(ctx->counters, 0, sizeof(*ctx->counters));
	return single(LH_AGG_COUNT_DISTINCT, LH_FLOAT_PLAIN, type);
}

static void
end_budget(const LhBudget *budget, LhArena *old, bool spilled)
{
	assert_int_equal(ctx->counters->v[LH_CTR_BYTES_SPILLED] > 0, spilled);
	assert_true(budget->peak <= budget->limit + budget->floor_peak);
	lh_arena_destroy(lh_use(ctx, old));
}

/* Numbers 0 .. n - 1 in an order without order, every second one twice. */
static void
add_scattered(LhAgg *agg, int n, int64_t times)
{
	static int64_t x[LH_BATCH];

	for (int from = 0; from < n; from += LH_BATCH)
	{
		for (int i = 0; i < LH_BATCH; i++)
			x[i] = (int64_t) (lh_hash_u64((uint64_t) (from + i)) >> 8) * times;
		add_flat(agg, &int64, x, LH_BATCH, LH_OK);
		add_flat(agg, &int64, x, LH_BATCH / 2, LH_OK);
	}
}

static void
distinct_beyond_the_budget_is_spilled(void **state)
{
	LhBudget budget = {.limit = 1024 * 1024, .setting = "work_mem"};
	LhArena *old = ctx->arena;
	LhAgg *agg = begin_budget(&budget, &int64);
	int64_t zero[2] = {0, 0};
	const int n = 300 * LH_BATCH;

	(void) state;
	add_scattered(agg, n, 1);
	add_flat(agg, &int64, zero, 2, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	/* hash_u64(0) is 0 in some hashes, so 0 may be among the numbers already */
	assert_in_range(lh_agg_state(agg, 0)->count, n, n + 1);
	/* counted again, and with more of the same and of others */
	ok(lh_agg_finish(ctx, agg));
	assert_in_range(lh_agg_state(agg, 0)->count, n, n + 1);
	add_scattered(agg, n, 1);
	add_scattered(agg, 10 * LH_BATCH, -1);
	ok(lh_agg_finish(ctx, agg));
	assert_in_range(lh_agg_state(agg, 0)->count, n + 10 * LH_BATCH - 1, n + 10 * LH_BATCH + 1);
	/* nothing is left of it */
	lh_agg_reset(agg);
	add_flat(agg, &int64, zero, 2, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, 1);
	end_budget(&budget, old, true);
}

/* So little memory that partitions have partitions. */
static void
partitions_are_spilled_again(void **state)
{
	LhBudget budget = {.limit = 1024 * 1024, .setting = "work_mem"};
	LhArena *old = ctx->arena;
	LhAgg *agg = begin_budget(&budget, &int64);
	const int n = 2000 * LH_BATCH;

	(void) state;
	add_scattered(agg, n, 1);
	ok(lh_agg_finish(ctx, agg));
	assert_in_range(lh_agg_state(agg, 0)->count, n, n + 1);
	/* the first partitions have every key once; most were written again */
	assert_true(ctx->counters->v[LH_CTR_BYTES_SPILLED] > (uint64_t) n * 8 * 3 / 2);
	end_budget(&budget, old, true);
}

/* A range that a bitmap holds needs no file. */
static void
distinct_of_a_range_stays_in_memory(void **state)
{
	LhBudget budget = {.limit = 1024 * 1024, .setting = "work_mem"};
	LhArena *old = ctx->arena;
	LhAgg *agg = begin_budget(&budget, &int64);
	static int64_t x[LH_BATCH];

	(void) state;
	for (int batch = 0; batch < 400; batch++)
	{
		for (int i = 0; i < LH_BATCH; i++)
			x[i] = batch * LH_BATCH + i;
		add_flat(agg, &int64, x, LH_BATCH, LH_OK);
	}
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, 400 * LH_BATCH);
	end_budget(&budget, old, false);
}

static void
distinct_strings_are_spilled(void **state)
{
	static char bytes[LH_BATCH][24];
	static LhStr x[LH_BATCH];
	const LhType string = {.id = LH_T_STRING, .lane = LH_LANE_STR};
	LhBudget budget = {.limit = 1024 * 1024, .setting = "work_mem"};
	LhArena *old = ctx->arena;
	LhAgg *agg = begin_budget(&budget, &string);
	char *large = calloc(1, 100000);
	LhStr odd[3] = {
		{(uint8_t *) large, 100000, 0}, {(uint8_t *) large, 0, 0}, {(uint8_t *) large, 99999, 0}};

	(void) state;
	for (int round = 0; round < 2; round++)
	{
		for (int batch = 0; batch < 100; batch++)
		{
			for (int i = 0; i < LH_BATCH; i++)
			{
				int len = snprintf(bytes[i], sizeof(bytes[i]), "value %d", batch * LH_BATCH + i);

				x[i] = (LhStr){(uint8_t *) bytes[i], (uint32_t) len, 0};
			}
			add_flat(agg, &string, x, LH_BATCH, LH_OK);
		}
		add_flat(agg, &string, odd, 3, LH_OK);
	}
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, 100 * LH_BATCH + 3);
	free(large);
	end_budget(&budget, old, true);
}

/* A file with more decimals comes when keys are on disk already. */
static void
spilled_decimals_are_rescaled(void **state)
{
	const LhType t0 = gen_decimal(18, 0, LH_LANE_I64), t2 = gen_decimal(18, 2, LH_LANE_I64);
	LhBudget budget = {.limit = 1024 * 1024, .setting = "work_mem"};
	LhArena *old = ctx->arena;
	LhAgg *agg = begin_budget(&budget, &t0);
	static int64_t x[LH_BATCH];

	(void) state;
	for (int pass = 0; pass < 2; pass++)
	{
		const LhType *t = pass == 0 ? &t0 : &t2;

		ok(lh_agg_bind(ctx, agg, t));
		for (int batch = 0; batch < 50; batch++)
		{
			/* the same numbers in another scale, and as many that the first has not */
			for (int i = 0; i < LH_BATCH; i++)
				x[i] = (int64_t) (lh_hash_u64((uint64_t) (batch * LH_BATCH + i) + 1) >> 12) *
					   (pass == 0 ? 1 : 100);
			add_flat(agg, t, x, LH_BATCH, LH_OK);
			for (int i = 0; i < LH_BATCH; i++)
				x[i]++;
			if (pass == 1)
				add_flat(agg, t, x, LH_BATCH, LH_OK);
		}
	}
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, 2 * 50 * LH_BATCH);
	end_budget(&budget, old, true);
}

/* A temporary file that cannot be made is an error, and nothing breaks. */
static int
no_temp_file(void *arg)
{
	(void) arg;
	errno = ENOSPC;
	return -1;
}

static void
without_temporary_files_spilling_fails(void **state)
{
	static const LhHost poor = {.temp_file = no_temp_file};
	LhBudget budget = {.limit = 1024 * 1024, .setting = "work_mem"};
	LhArena *old = ctx->arena;
	LhAgg *agg = begin_budget(&budget, &int64);
	const LhHost *host = ctx->host;
	static int64_t x[LH_BATCH];
	LhVec v = {.type = int64, .kind = LH_VEC_FLAT, .n = LH_BATCH, .data = x};
	const LhVec *vecs[1] = {&v};
	LhStatus status = LH_OK;
	LhSel sel;

	(void) state;
	ctx->host = &poor;
	lh_sel_all(&sel, LH_BATCH);
	for (int batch = 0; batch < 1000 && status == LH_OK; batch++)
	{
		for (int i = 0; i < LH_BATCH; i++)
			x[i] = (int64_t) lh_hash_u64((uint64_t) (batch * LH_BATCH + i));
		status = lh_agg_update(ctx, agg, vecs, &sel);
	}
	ctx->host = host;
	assert_int_equal(status, LH_IO);
	end_budget(&budget, old, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(distinct_of_many_integers),
		TEST(distinct_of_decimals_beyond_the_scale),
		TEST(distinct_of_wide_decimals),
		TEST(distinct_beyond_the_budget_is_spilled),
		TEST(partitions_are_spilled_again),
		TEST(distinct_of_a_range_stays_in_memory),
		TEST(distinct_strings_are_spilled),
		TEST(spilled_decimals_are_rescaled),
		TEST(without_temporary_files_spilling_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
