/*
 * test_pool.c
 *		Helper threads: made late, signals blocked, cancelled within moments, joined.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/core.h"

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

/* Threads of this process that the pool has named. */
static int
count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	while ((e = readdir(dir)) != NULL)
	{
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (f == NULL)
			continue;
		n += fgets(name, sizeof(name), f) != NULL && strcmp(name, "lakehouse\n") == 0;
		fclose(f);
	}
	closedir(dir);
	return n;
}

/* A thread that has been joined may be listed for a moment yet. */
static int
count_threads_left(void)
{
	int n = count_threads();

	for (int i = 0; n > 0 && i < 30000; i++)
	{
		usleep(1000);
		n = count_threads();
	}
	return n;
}

static LhPool *
make_pool(LhCtx *ctx, int n)
{
	LhPool *pool;

	assert_int_equal(lh_pool_create(ctx, n, &pool), LH_OK);
	return pool;
}

static LhStatus
add_up(LhCtx *ctx, void *arg)
{
	uint64_t *sum = arg;

	for (uint64_t i = 1; i <= 1000; i++)
		*sum += i;
	LH_COUNT(ctx, READS, 3);
	return LH_OK;
}

static void
jobs_run_and_are_counted(void **state)
{
	LhCtx *ctx = *state;
	LhPool *pool = make_pool(ctx, 4);
	uint64_t sums[4] = {0};

	assert_int_equal(count_threads(), 0);
	for (int round = 1; round <= 50; round++)
	{
		for (int i = 0; i < 4; i++)
			assert_true(lh_pool_start(pool, i, add_up, &sums[i]));
		assert_int_equal(lh_pool_settle(ctx, pool), LH_OK);
		for (int i = 0; i < 4; i++)
			assert_int_equal(sums[i], round * 500500);
	}
	assert_int_equal(count_threads(), 4);
	assert_int_equal(lh_pool_threads(pool), 4);
	lh_pool_collect(ctx, pool);
	lh_pool_collect(ctx, pool);
	assert_int_equal(ctx->counters->v[LH_CTR_READS], 4 * 50 * 3);
	lh_arena_reset(ctx->arena);
	assert_int_equal(count_threads_left(), 0);
}

static void
only_wanted_threads_are_made(void **state)
{
	LhCtx *ctx = *state;
	LhPool *pool = make_pool(ctx, 1000);
	uint64_t sum = 0;

	assert_int_equal(lh_pool_size(pool), LH_POOL_MAX);
	assert_true(lh_pool_start(pool, 7, add_up, &sum));
	assert_int_equal(lh_pool_settle(ctx, pool), LH_OK);
	assert_int_equal(count_threads(), 1);
	assert_int_equal(lh_pool_size(make_pool(ctx, 0)), 0);
}

static LhStatus
read_mask(LhCtx *ctx, void *arg)
{
	return pthread_sigmask(SIG_SETMASK, NULL, arg) == 0 ? LH_OK : lh_fail(ctx, LH_BUG, "mask");
}

static void
all_signals_are_blocked_in_helpers(void **state)
{
	LhCtx *ctx = *state;
	LhPool *pool = make_pool(ctx, 1);
	sigset_t mask, mine;

	sigemptyset(&mask);
	assert_true(lh_pool_start(pool, 0, read_mask, &mask));
	assert_int_equal(lh_pool_settle(ctx, pool), LH_OK);
	for (int s = 1; s < SIGRTMIN; s++)
		if (s != SIGKILL && s != SIGSTOP && s < 32 && !sigismember(&mask, s))
			fail_msg("signal %d is not blocked", s);
	/* and the leader's own are as they were */
	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_false(sigismember(&mine, SIGINT));
}

static LhStatus
work_for_ever(LhCtx *ctx, void *arg)
{
	__atomic_store_n((bool *) arg, true, __ATOMIC_RELEASE);
	for (;;)
		LH_TRY(lh_poll(ctx));
}

static LhStatus
wait_for_ever(LhCtx *ctx, void *arg)
{
	LhWaitFd fd = {.fd = *(int *) arg, .events = POLLIN};

	for (;;)
	{
		if (lh_host_wait(ctx, &fd, 1, -1) < 0)
			LH_FAIL(ctx, LH_IO, "wait");
		LH_TRY(lh_poll(ctx));
	}
}

static void
stop_ends_work_and_waiting(void **state)
{
	LhCtx *ctx = *state;
	LhPool *pool = make_pool(ctx, 2);
	bool runs = false;
	LhStatus status;
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	for (int round = 0; round < 3; round++)
	{
		assert_true(lh_pool_start(pool, 0, work_for_ever, &runs));
		assert_true(lh_pool_start(pool, 1, wait_for_ever, &pipes[0]));
		while (!__atomic_load_n(&runs, __ATOMIC_ACQUIRE))
			;
		lh_pool_stop(pool);
		assert_int_equal(count_threads_left(), 0);
		assert_true(lh_pool_idle(pool, 0, &status));
		assert_int_equal(status, LH_CANCELLED);
	}
	close(pipes[0]);
	close(pipes[1]);
}

static void
reset_of_the_arena_joins_a_running_job(void **state)
{
	LhCtx *ctx = *state;
	LhPool *pool = make_pool(ctx, 1);
	bool runs = false;

	assert_true(lh_pool_start(pool, 0, work_for_ever, &runs));
	lh_arena_reset(ctx->arena);
	assert_int_equal(count_threads_left(), 0);
}

static LhStatus
damaged(LhCtx *ctx, void *arg)
{
	LH_FAIL(ctx, LH_CORRUPT, "page %d", *(int *) arg);
}

static void
each_helper_has_its_own_error(void **state)
{
	LhCtx *ctx = *state;
	LhPool *pool = make_pool(ctx, 2);
	int pages[2] = {1, 2};
	LhStatus status;

	for (int i = 0; i < 2; i++)
		assert_true(lh_pool_start(pool, i, damaged, &pages[i]));
	assert_int_equal(lh_pool_settle(ctx, pool), LH_OK);
	for (int i = 0; i < 2; i++)
	{
		assert_true(lh_pool_idle(pool, i, &status));
		assert_int_equal(status, LH_CORRUPT);
		assert_string_equal(lh_pool_ctx(pool, i)->error->message, i == 0 ? "page 1" : "page 2");
	}
	assert_string_equal(ctx->error->message, "");
}

static LhStatus
take_memory(LhCtx *ctx, void *arg)
{
	uint8_t *p;

	for (int i = 0; i < 64; i++)
		LH_ALLOC(ctx, p, *(size_t *) arg);
	return LH_OK;
}

static void
helpers_share_the_leaders_budget(void **state)
{
	LhCtx *ctx = *state;
	LhBudget budget = {.limit = (size_t) 1 << 20, .setting = "work_mem"};
	LhArena *old = ctx->arena, *arena = lh_arena_create(&budget);
	size_t much = 8000, little = 100;
	LhStatus status[2];
	LhPool *pool;

	lh_use(ctx, arena);
	pool = make_pool(ctx, 2);
	for (int i = 0; i < 2; i++)
		assert_true(lh_pool_start(pool, i, take_memory, &little));
	assert_int_equal(lh_pool_settle(ctx, pool), LH_OK);
	for (int i = 0; i < 2; i++)
		assert_true(lh_pool_idle(pool, i, &status[i]) && status[i] == LH_OK);
	for (int round = 0; round < 2; round++)
	{
		for (int i = 0; i < 2; i++)
			assert_true(lh_pool_start(pool, i, take_memory, &much));
		assert_int_equal(lh_pool_settle(ctx, pool), LH_OK);
		for (int i = 0; i < 2; i++)
			assert_true(lh_pool_idle(pool, i, &status[i]));
	}
	/* twice 512 kB each is more than there is */
	assert_true(status[0] == LH_NO_MEMORY || status[1] == LH_NO_MEMORY);
	assert_true(budget.used <= budget.limit);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	assert_int_equal(budget.used, 0);
}

/* The leader's host wants to stop while it waits. */
static bool
stop_soon(void *arg)
{
	return ++*(int *) arg > 2;
}

static int
short_wait(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	struct pollfd p = {.fd = fds[0].fd, .events = fds[0].events};

	return poll(&p, 1, 1);
}

static void
the_leader_can_be_cancelled_while_it_waits(void **state)
{
	static const LhHost host = {.interrupted = stop_soon, .wait = short_wait};
	LhCtx *ctx = *state;
	LhPool *pool = make_pool(ctx, 1);
	bool runs = false;
	int asked = 0;

	assert_true(lh_pool_start(pool, 0, work_for_ever, &runs));
	ctx->host = &host;
	ctx->host_arg = &asked;
	assert_int_equal(lh_pool_settle(ctx, pool), LH_CANCELLED);
	ctx->host = NULL;
	lh_pool_stop(pool);
	assert_int_equal(count_threads_left(), 0);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(jobs_run_and_are_counted),
		TEST(only_wanted_threads_are_made),
		TEST(all_signals_are_blocked_in_helpers),
		TEST(stop_ends_work_and_waiting),
		TEST(reset_of_the_arena_joins_a_running_job),
		TEST(each_helper_has_its_own_error),
		TEST(helpers_share_the_leaders_budget),
		TEST(the_leader_can_be_cancelled_while_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
