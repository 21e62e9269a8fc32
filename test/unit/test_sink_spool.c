/*
 * test_sink_spool.c
 *		The file that a queue overflows into: whose it is, its ring, its checks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "core/core.h"
#include "sink/queue.h"
#include "unit/fine.h"

static LhCtx *ctx;

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static void
nobody_else_can_open_the_spool(void **state)
{
	struct stat st;
	LhSpool s;

	(void) state;
	FINE(lh_spool_open(ctx, "/tmp", 1 << 20, &s));
	assert_int_equal(fstat(s.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 0);
	lh_spool_close(&s);
	assert_int_equal(lh_spool_open(ctx, "/nonexistent", 1 << 20, &s), LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "/nonexistent"));
}

/* Extents against a map of who has which byte. */
static void
extents_never_overlap(void **state)
{
	enum
	{
		SIZE = 1000
	};
	struct
	{
		uint64_t at, n;
	} live[SIZE];
	char used[SIZE] = {0};
	int first = 0, n = 0, refused = 0, undone = 0;
	LhSpool s;

	(void) state;
	srand(815);
	FINE(lh_spool_open(ctx, "/tmp", SIZE, &s));
	for (int i = 0; i < 200000; i++)
	{
		uint64_t want = (uint64_t) (1 + rand() % (rand() % 10 == 0 ? SIZE : 90)), at, sum = 0;

		if (rand() % 2 == 0 && n > 0)
		{
			memset(used + live[first].at, 0, live[first].n);
			lh_spool_release(&s, live[first].at, live[first].n);
			first = (first + 1) % SIZE;
			n--;
		}
		else if (lh_spool_take(&s, want, &at))
		{
			assert_true(at + want <= SIZE);
			for (uint64_t k = at; k < at + want; k++)
				assert_false(used[k]);
			if (rand() % 5 == 0)
			{
				lh_spool_untake(&s, at, want);
				undone++;
				continue;
			}
			memset(used + at, 1, want);
			live[(first + n) % SIZE].at = at;
			live[(first + n++) % SIZE].n = want;
		}
		else
			refused++;
		/* what fits into an empty ring is taken by one */
		if (n == 0)
		{
			assert_true(lh_spool_take(&s, SIZE, &at) && at == 0);
			lh_spool_untake(&s, at, SIZE);
		}
		for (int k = 0; k < n; k++)
			sum += live[(first + k) % SIZE].n;
		assert_true(s.live == sum && s.n == (uint64_t) n);
	}
	assert_true(refused > 1000 && undone > 1000);
	lh_spool_close(&s);
}

static void
other_bytes_than_were_written_are_told(void **state)
{
	char bytes[5000], back[5000];
	uint64_t at;
	bool full;
	LhSpool s;

	(void) state;
	memset(bytes, 'b', sizeof(bytes));
	FINE(lh_spool_open(ctx, "/tmp", 1 << 20, &s));
	assert_true(lh_spool_take(&s, sizeof(bytes), &at));
	FINE(lh_spool_write(ctx, &s, at, bytes, sizeof(bytes), &full));
	assert_false(full);
	FINE(lh_spool_read(ctx, &s, at, back, sizeof(back), lh_crc32(bytes, sizeof(bytes))));
	assert_memory_equal(bytes, back, sizeof(bytes));
	assert_int_equal(pwrite(s.fd, "x", 1, 777), 1);
	assert_int_equal(lh_spool_read(ctx, &s, at, back, sizeof(back), lh_crc32(bytes, sizeof(bytes))),
					 LH_IO);
	assert_non_null(strstr(ctx->error->message, "does not hold what was written"));
	assert_int_equal(ftruncate(s.fd, 100), 0);
	assert_int_equal(lh_spool_read(ctx, &s, at, back, sizeof(back), lh_crc32(bytes, sizeof(bytes))),
					 LH_IO);
	lh_spool_close(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_else_can_open_the_spool),
		TEST(extents_never_overlap),
		TEST(other_bytes_than_were_written_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
