/*
 * test_keep.c
 *		What is kept of files: who is let in, what is displaced, whose it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "store/keep.h"

#define LEN  10000
/* An entry of LEN bytes with all that belongs to it. */
#define ROOM (LEN + 512)

static LhKeep *keep;
static uint64_t stamp;

static int
setup(void **state)
{
	(void) state;
	keep = lh_keep_create(10 * ROOM);
	if (keep == NULL)
		return 1;
	lh_keep_stamp(keep, ++stamp);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	lh_keep_destroy(keep);
	return 0;
}

static const LhObjectId local = {.path = "/a", .size = 10, .mtime_ns = 1000, .dev = 1, .ino = 2};

static LhKeepEntry *
make(const LhKeepKey *key)
{
	LhKeepEntry *entry = lh_keep_make(key, LEN);

	assert_non_null(entry);
	memset(lh_keep_data(entry), 'x', LEN);
	return entry;
}

/* As who needs it does; was it kept? */
static bool
use(const LhObjectId *id, int64_t a, int64_t b)
{
	LhKeepKey key = {id, a, b};
	LhKeepEntry *entry = lh_keep_get(keep, &key);
	bool was = entry != NULL;

	assert_int_equal(lh_keep_has(keep, &key), was);
	if (!was && lh_keep_wants(keep, &key, LEN))
	{
		entry = make(&key);
		lh_keep_add(keep, 1, &entry, 0, NULL);
	}
	lh_keep_release(entry);
	return was;
}

/* A statement that needs n entries from "from" on; how many were kept. */
static int
statement(int64_t from, int n)
{
	int hits = 0;

	lh_keep_stamp(keep, ++stamp);
	for (int64_t i = from; i < from + n; i++)
		hits += use(&local, i, 0);
	return hits;
}

static void
an_entry_comes_in_the_second_time(void **state)
{
	LhKeepKey key = {&local, 4, 0};
	LhKeepEntry *entry;
	const uint8_t *data;

	(void) state;
	assert_false(use(&local, 4, 0));
	assert_int_equal(lh_keep_bytes(keep), 0);
	assert_false(use(&local, 4, 0));
	assert_true(lh_keep_bytes(keep) > LEN && lh_keep_bytes(keep) <= ROOM);
	entry = lh_keep_get(keep, &key);
	assert_non_null(entry);
	data = lh_keep_data(entry);
	assert_int_equal((uintptr_t) data % 64, 0);
	for (size_t i = 0; i < LEN; i++)
		assert_int_equal(data[i], 'x');
	for (size_t i = 0; i < LH_PADDING; i++)
		assert_int_equal(data[LEN + i], 0);
	assert_int_equal(lh_keep_size(entry), lh_keep_bytes(keep));
	lh_keep_release(entry);
}

/* A scan of 200 groups of ten columns; of how many groups are all wanted? */
static int
count_wanted(void)
{
	int wanted = 0;

	lh_keep_stamp(keep, ++stamp);
	for (int64_t group = 0; group < 200; group++)
	{
		bool all = true;

		for (int64_t node = 0; node < 10; node++)
		{
			LhKeepKey key = {&local, group, node};

			all &= lh_keep_wants(keep, &key, 1);
		}
		wanted += all;
	}
	return wanted;
}

/* Columns of a group come in together: one that another one made forgotten would keep all of them out, each time. */
static void
what_comes_together_is_not_forgotten(void **state)
{
	(void) state;
	assert_int_equal(count_wanted(), 0);
	assert_int_equal(count_wanted(), 200);
}

/* Each difference alone makes another of it. */
static void
another_file_is_not_found(void **state)
{
	const LhObjectId remote = {.path = "s3://b/a", .size = 10, .etag = "v1", .scope = "me"};
	LhObjectId id;

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		use(&local, 4, 7);
		use(&remote, 4, 7);
	}
	assert_true(use(&local, 4, 7));
	assert_true(use(&remote, 4, 7));
	id = local;
	id.path = "/link";
	assert_true(use(&id, 4, 7)); /* the same file by another name */
#define OTHER(base, field, value) \
	id = base; \
	id.field = value; \
	assert_false(use(&id, 4, 7))
	OTHER(local, size, 11);
	OTHER(local, mtime_ns, 1001);
	OTHER(local, dev, 2);
	OTHER(local, ino, 3);
	OTHER(remote, path, "s3://b/b");
	OTHER(remote, size, 11);
	OTHER(remote, etag, "v2");
	OTHER(remote, scope, "you");
	assert_false(use(&local, 5, 7));
	assert_false(use(&local, 4, 8));
}

static void
who_tells_no_version_is_not_kept(void **state)
{
	LhObjectId id = {.path = "http://h/a", .size = 10, .etag = ""};
	struct timespec now;

	(void) state;
	for (int i = 0; i < 3; i++)
		assert_false(use(&id, 4, 0));
	/* nor what may be written again within the clock's tick */
	clock_gettime(CLOCK_REALTIME, &now);
	id = local;
	id.mtime_ns = ((int64_t) now.tv_sec + 3600) * 1000000000;
	for (int i = 0; i < 3; i++)
		assert_false(use(&id, 4, 0));
	assert_int_equal(lh_keep_bytes(keep), 0);
}

static void
all_come_in_or_none(void **state)
{
	LhKeepEntry *entries[11];
	LhKeepKey key;

	(void) state;
	for (int i = 0; i < 11; i++)
	{
		key = (LhKeepKey){&local, i, 0};
		entries[i] = make(&key);
	}
	assert_false(lh_keep_add(keep, 11, entries, 0, NULL));
	assert_int_equal(lh_keep_bytes(keep), 0);
	assert_true(lh_keep_add(keep, 3, entries, 0, NULL));
	/* what is there already takes no room a second time */
	assert_true(lh_keep_add(keep, 10, entries, 0, NULL));
	assert_true(lh_keep_bytes(keep) <= 10 * ROOM);
	assert_false(lh_keep_add(keep, 11, entries, 0, NULL));
	for (int i = 0; i < 11; i++)
	{
		key = (LhKeepKey){&local, i, 0};
		assert_int_equal(lh_keep_has(keep, &key), i < 10);
		lh_keep_release(entries[i]);
	}
	/* the same one twice at once */
	lh_keep_resize(keep, 0);
	lh_keep_resize(keep, 10 * ROOM);
	key = (LhKeepKey){&local, 1, 1};
	entries[0] = make(&key);
	entries[1] = make(&key);
	assert_true(lh_keep_add(keep, 2, entries, 0, NULL));
	assert_int_equal(lh_keep_bytes(keep), lh_keep_size(entries[0]));
	lh_keep_release(entries[0]);
	lh_keep_release(entries[1]);
}

/* What is used together does not make way for each other, and comes to nothing where a part is gone. */
static void
what_is_beside_stays(void **state)
{
	LhKeepKey stale = {&local, 0, 0}, other = {&local, 1, 0}, key = {&local, 2, 0}, gone = {&local, 3, 0};
	LhKeepEntry *entry;

	(void) state;
	lh_keep_resize(keep, 2 * ROOM);
	statement(0, 2);
	statement(0, 2);
	for (int i = 0; i < LH_KEEP_TURNS; i++)
		statement(100 + i, 1);
	entry = make(&key);
	assert_false(lh_keep_add(keep, 1, &entry, 1, &gone));
	assert_true(lh_keep_has(keep, &stale) && lh_keep_has(keep, &other));
	/* the older one would go first, but is what the new one is used with */
	assert_true(lh_keep_add(keep, 1, &entry, 1, &stale));
	assert_true(lh_keep_has(keep, &stale) && lh_keep_has(keep, &key));
	assert_false(lh_keep_has(keep, &other));
	lh_keep_release(entry);
	/* no room beside both: nothing changes, and they were not used by that */
	for (int i = 0; i < LH_KEEP_TURNS; i++)
		statement(200 + i, 1);
	entry = make(&other);
	assert_false(lh_keep_add(keep, 1, &entry, 2, (const LhKeepKey[]){stale, key}));
	assert_true(lh_keep_has(keep, &stale) && lh_keep_has(keep, &key));
	assert_true(lh_keep_add(keep, 1, &entry, 0, NULL));
	lh_keep_release(entry);
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
	assert_true(lh_keep_bytes(keep) <= 10 * ROOM);
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
	for (int i = 0; i < LH_KEEP_TURNS; i++)
		statement(100, 10);
	assert_true(statement(100, 10) >= held);
	assert_true(lh_keep_bytes(keep) <= 10 * ROOM);
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
		lh_keep_stamp(keep, ++stamp);
	assert_int_equal(statement(100, 20), 0);
	assert_int_equal(statement(100, 20), 0);
	assert_int_equal(statement(0, 20), held);
}

static void
an_entry_outlives_its_place(void **state)
{
	LhKeepKey key = {&local, 4, 0};
	LhKeepEntry *entry;

	(void) state;
	use(&local, 4, 0);
	use(&local, 4, 0);
	entry = lh_keep_get(keep, &key);
	lh_keep_resize(keep, 0);
	assert_int_equal(lh_keep_bytes(keep), 0);
	assert_int_equal(((uint8_t *) lh_keep_data(entry))[LEN - 1], 'x');
	lh_keep_release(entry);
	assert_false(use(&local, 4, 0));
	lh_keep_resize(keep, 10 * ROOM);
	use(&local, 4, 0);
	assert_true(use(&local, 4, 0));
}

static void
what_memory_has_no_room_for_is_not_made(void **state)
{
	LhKeepKey key = {&local, 4, 0};

	(void) state;
	assert_null(lh_keep_make(&key, SIZE_MAX - 10));
	assert_null(lh_keep_make(&key, LH_ALLOC_MAX + 1));
}

static void *
work(void *arg)
{
	(void) arg;
	for (int i = 0; i < 5000; i++)
	{
		LhKeepKey key = {&local, i % 17, 0};
		LhKeepEntry *entry = lh_keep_get(keep, &key);

		if (entry == NULL && lh_keep_wants(keep, &key, LEN))
		{
			entry = lh_keep_make(&key, LEN);
			if (entry == NULL)
				abort();
			memset(lh_keep_data(entry), i % 17, LEN);
			lh_keep_add(keep, 1, &entry, 0, NULL);
		}
		else if (entry != NULL && ((uint8_t *) lh_keep_data(entry))[i % LEN] != i % 17)
			abort();
		lh_keep_release(entry);
		if (i % 100 == 0)
			lh_keep_resize(keep, (size_t) (i / 100 % 12) * ROOM);
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
	lh_keep_resize(keep, 0);
	assert_int_equal(lh_keep_bytes(keep), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_entry_comes_in_the_second_time),
		TEST(what_comes_together_is_not_forgotten),
		TEST(another_file_is_not_found),
		TEST(who_tells_no_version_is_not_kept),
		TEST(all_come_in_or_none),
		TEST(what_is_beside_stays),
		TEST(a_scan_of_more_than_fits_keeps_what_it_has),
		TEST(what_was_not_used_for_some_statements_is_displaced),
		TEST(other_statements_displace_nothing),
		TEST(an_entry_outlives_its_place),
		TEST(what_memory_has_no_room_for_is_not_made),
		TEST(threads_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
