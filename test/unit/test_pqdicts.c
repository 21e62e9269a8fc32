/*
 * test_pqdicts.c
 *		The cache of dictionary pages: who is let in, what is displaced, whose pages they are.
 */
#include "unit/pq_file.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "parquet/dicts.h"

#define LEN LH_PQ_DICTS_LEAST
/* A page of LEN bytes with all that belongs to it. */
#define ROOM (LEN + 1024)

static LhPqDicts *dicts;
static uint64_t stamp;
static uint8_t bytes[2 * LEN];

static int
setup(void **state)
{
	(void) state;
	dicts = lh_pq_dicts_create(10 * ROOM);
	if (dicts == NULL)
		return 1;
	memset(bytes, 'x', sizeof(bytes));
	lh_pq_use_dicts(dicts, ++stamp);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	lh_pq_dicts_destroy(dicts);
	return 0;
}

static void
next_statement(void)
{
	lh_pq_use_dicts(dicts, ++stamp);
}

static const LhObjectId local = {.path = "/a", .size = 10, .mtime_ns = 1000, .dev = 1, .ino = 2};

static void
put(const LhObjectId *id, int64_t start, size_t len, bool checked)
{
	const LhPqKeptPage page = {
		.header = {.num_values = (int32_t) start, .header_size = 20, .stored_size = 300}, .checked = checked,
		.data = bytes, .len = len};

	lh_pq_dicts_put(id, start, &page);
}

/* As a column does that needs it; was it kept? */
static bool
use(const LhObjectId *id, int64_t start)
{
	LhPqKept *kept = lh_pq_dicts_get(id, start, false);

	if (kept == NULL)
		put(id, start, LEN, true);
	lh_pq_kept_release(kept);
	return kept != NULL;
}

/* A statement that reads n dictionaries from "from" on; how many were kept. */
static int
statement(int64_t from, int n)
{
	int hits = 0;

	next_statement();
	for (int64_t i = from; i < from + n; i++)
		hits += use(&local, i);
	return hits;
}

static void
a_page_comes_in_the_second_time(void **state)
{
	LhPqKept *kept;
	const LhPqKeptPage *page;

	(void) state;
	assert_false(use(&local, 4));
	assert_int_equal(lh_pq_dicts_bytes(dicts), 0);
	assert_false(use(&local, 4));
	assert_true(lh_pq_dicts_bytes(dicts) > LEN);
	kept = lh_pq_dicts_get(&local, 4, true);
	assert_non_null(kept);
	page = lh_pq_kept_page(kept);
	assert_int_equal(page->header.num_values, 4);
	assert_int_equal(page->len, LEN);
	assert_true(page->data != bytes);
	assert_int_equal((uintptr_t) page->data % 64, 0);
	assert_memory_equal(page->data, bytes, LEN);
	for (size_t i = 0; i < LH_PADDING; i++)
		assert_int_equal(page->data[LEN + i], 0);
	lh_pq_kept_release(kept);
	assert_int_equal(lh_pq_dicts_skip(&local, 4, true), 4 + 20 + 300);
	assert_int_equal(lh_pq_dicts_skip(&local, 5, true), 5);
}

static void
small_and_enormous_ones_are_not_kept(void **state)
{
	(void) state;
	for (int i = 0; i < 3; i++)
	{
		put(&local, 4, LEN - 1, true);
		assert_int_equal(lh_pq_dicts_bytes(dicts), 0);
	}
	lh_pq_dicts_resize(dicts, LEN);
	for (int i = 0; i < 3; i++)
		put(&local, 4, LEN, true);
	assert_int_equal(lh_pq_dicts_bytes(dicts), 0);
}

/* Each difference alone makes another file of it. */
static void
another_file_is_not_found(void **state)
{
	const LhObjectId remote = {.path = "s3://b/a", .size = 10, .etag = "v1", .scope = "me"};
	LhObjectId id;

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		use(&local, 4);
		use(&remote, 4);
	}
	assert_true(use(&local, 4));
	assert_true(use(&remote, 4));
	id = local;
	id.path = "/link";
	assert_true(use(&id, 4)); /* the same file by another name */
#define OTHER(base, field, value) \
	id = base; \
	id.field = value; \
	assert_false(use(&id, 4))
	OTHER(local, size, 11);
	OTHER(local, mtime_ns, 1001);
	OTHER(local, dev, 2);
	OTHER(local, ino, 3);
	OTHER(remote, path, "s3://b/b");
	OTHER(remote, size, 11);
	OTHER(remote, etag, "v2");
	OTHER(remote, scope, "you");
	assert_false(use(&local, 5));
}

static void
who_tells_no_version_is_not_kept(void **state)
{
	LhObjectId id = {.path = "http://h/a", .size = 10, .etag = ""};
	struct timespec now;

	(void) state;
	for (int i = 0; i < 3; i++)
		assert_false(use(&id, 4));
	/* nor what may be written again within the clock's tick */
	clock_gettime(CLOCK_REALTIME, &now);
	id = local;
	id.mtime_ns = ((int64_t) now.tv_sec + 3600) * 1000000000;
	for (int i = 0; i < 3; i++)
		assert_false(use(&id, 4));
	assert_int_equal(lh_pq_dicts_bytes(dicts), 0);
}

static void
unverified_pages_are_not_for_who_verifies(void **state)
{
	LhPqKept *kept;

	(void) state;
	put(&local, 4, LEN, false);
	put(&local, 4, LEN, false);
	kept = lh_pq_dicts_get(&local, 4, false);
	assert_non_null(kept);
	assert_null(lh_pq_dicts_get(&local, 4, true));
	assert_int_equal(lh_pq_dicts_skip(&local, 4, true), 4);
	/* who verified it replaces it; the one before lives while it is used */
	put(&local, 4, LEN, true);
	assert_memory_equal(lh_pq_kept_page(kept)->data, bytes, LEN);
	lh_pq_kept_release(kept);
	kept = lh_pq_dicts_get(&local, 4, true);
	assert_non_null(kept);
	lh_pq_kept_release(kept);
	/* and is not replaced in turn */
	put(&local, 4, LEN, false);
	kept = lh_pq_dicts_get(&local, 4, true);
	assert_non_null(kept);
	lh_pq_kept_release(kept);
}

static void
a_scan_of_more_than_fits_keeps_what_it_has(void **state)
{
	int first;

	(void) state;
	assert_int_equal(statement(0, 30), 0);
	assert_int_equal(statement(0, 30), 0);
	first = statement(0, 30);
	assert_true(first >= 9 && first <= 10);
	for (int i = 0; i < 20; i++)
		assert_int_equal(statement(0, 30), first);
	assert_true(lh_pq_dicts_bytes(dicts) <= 10 * ROOM);
}

static void
what_was_not_used_for_some_statements_is_displaced(void **state)
{
	int held;

	(void) state;
	statement(0, 10);
	statement(0, 10);
	held = statement(0, 10);
	assert_true(held >= 9);
	/* each in turn: who was there stays */
	for (int i = 0; i < 5; i++)
	{
		assert_int_equal(statement(100, 10), 10 - held);
		assert_true(statement(0, 10) >= held);
	}
	/* alone: the others give way */
	for (int i = 0; i < LH_PQ_DICTS_TURNS; i++)
		statement(100, 10);
	assert_true(statement(100, 10) >= held);
	assert_true(lh_pq_dicts_bytes(dicts) <= 10 * ROOM);
}

/* Statements that do not use the cache do not count. */
static void
other_statements_displace_nothing(void **state)
{
	int held;

	(void) state;
	statement(0, 20);
	statement(0, 20);
	held = statement(0, 20);
	for (int i = 0; i < 100; i++)
		next_statement();
	assert_int_equal(statement(100, 20), 0);
	assert_int_equal(statement(100, 20), 0);
	assert_int_equal(statement(0, 20), held);
}

static void
a_page_outlives_its_place(void **state)
{
	LhPqKept *kept;

	(void) state;
	use(&local, 4);
	use(&local, 4);
	kept = lh_pq_dicts_get(&local, 4, false);
	lh_pq_dicts_resize(dicts, 0);
	assert_int_equal(lh_pq_dicts_bytes(dicts), 0);
	assert_memory_equal(lh_pq_kept_page(kept)->data, bytes, LEN);
	lh_pq_kept_release(kept);
	assert_false(use(&local, 4));
	lh_pq_dicts_resize(dicts, 10 * ROOM);
	use(&local, 4);
	assert_true(use(&local, 4));
}

static void
without_a_cache_nothing_is_kept(void **state)
{
	(void) state;
	lh_pq_use_dicts(NULL, 0);
	assert_false(lh_pq_dicts_on());
	for (int i = 0; i < 3; i++)
		assert_false(use(&local, 4));
	assert_int_equal(lh_pq_dicts_skip(&local, 4, false), 4);
}

static void *
work(void *arg)
{
	(void) arg;
	for (int i = 0; i < 5000; i++)
	{
		LhPqKept *kept = lh_pq_dicts_get(&local, i % 17, false);

		if (kept == NULL)
			put(&local, i % 17, LEN, true);
		else if (memcmp(lh_pq_kept_page(kept)->data, bytes, LEN) != 0)
			abort();
		lh_pq_kept_release(kept);
		if (i % 100 == 0)
			lh_pq_dicts_resize(dicts, (size_t) (i / 100 % 12) * ROOM);
	}
	return NULL;
}

static void
threads_share_it(void **state)
{
	pthread_t threads[4];

	(void) state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	lh_pq_dicts_resize(dicts, 0);
	assert_int_equal(lh_pq_dicts_bytes(dicts), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_page_comes_in_the_second_time),
		TEST(small_and_enormous_ones_are_not_kept),
		TEST(another_file_is_not_found),
		TEST(who_tells_no_version_is_not_kept),
		TEST(unverified_pages_are_not_for_who_verifies),
		TEST(a_scan_of_more_than_fits_keeps_what_it_has),
		TEST(what_was_not_used_for_some_statements_is_displaced),
		TEST(other_statements_displace_nothing),
		TEST(a_page_outlives_its_place),
		TEST(without_a_cache_nothing_is_kept),
		TEST(threads_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
