/*
 * test_buffer.c
 *		Growable buffers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

#define MB ((size_t) 1024 * 1024)

typedef struct World
{
	LhBudget budget;
	LhError error;
	LhCounters counters;
	LhCtx ctx;
	LhBuf buf;
} World;

static int
setup(void **state)
{
	static World w;

	memset(&w, 0, sizeof(w));
	w.ctx =
		(LhCtx){.arena = lh_arena_create(&w.budget), .error = &w.error, .counters = &w.counters};
	*state = &w;
	return lh_buf_init(&w.ctx, &w.buf, false) != LH_OK;
}

static int
teardown(void **state)
{
	World *w = *state;

	lh_arena_destroy(w->ctx.arena);
	return w->budget.used != 0;
}

#define ok(call) assert_int_equal((call), LH_OK)

static void
a_new_buffer_takes_no_memory(void **state)
{
	World *w = *state;

	assert_null(w->buf.data);
	assert_int_equal(w->budget.used, 0);
	ok(lh_buf_append(&w->ctx, &w->buf, NULL, 0));
	ok(lh_buf_fit(&w->ctx, &w->buf, 0));
	assert_null(w->buf.data);
}

static void
growing_keeps_the_content(void **state)
{
	World *w = *state;

	for (uint32_t i = 0; i < 100000; i++)
		ok(lh_buf_append(&w->ctx, &w->buf, &i, sizeof(i)));
	assert_int_equal(w->buf.len, 400000);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(lh_load_u32(w->buf.data + 4 * i), i);
	/* by half, so about 600 kB at most, and only one block is left */
	assert_true(w->budget.used < 601000);
}

static void
data_is_aligned_and_padding_is_zero(void **state)
{
	World *w = *state;

	for (size_t cap = 1; cap < 3000; cap += 77)
	{
		LhBuf buf;

		ok(lh_buf_init(&w->ctx, &buf, false));
		ok(lh_buf_reserve(&w->ctx, &buf, cap));
		assert_true(buf.cap >= cap);
		assert_int_equal((uintptr_t) buf.data % 64, 0);
		for (size_t i = 0; i < LH_PADDING; i++)
			assert_int_equal(buf.data[buf.cap + i], 0);
	}
}

/* Buffers of about the same size, taken and freed again and again, come to lie where another lay. */
static void
a_large_block_is_used_again(void **state)
{
	World *w = *state;
	size_t before = w->budget.used;
	uint8_t *first;

#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: under the sanitizer nothing is kept\n");
	skip();
#endif
	ok(lh_buf_reserve(&w->ctx, &w->buf, 1 << 20));
	first = w->buf.data;
	memset(first, 0xAA, (1 << 20) + LH_PADDING);
	lh_buf_free(&w->buf);
	assert_int_equal(w->budget.used, before);
	/* far smaller, or larger: another block */
	ok(lh_buf_reserve(&w->ctx, &w->buf, 1 << 19));
	assert_ptr_not_equal(w->buf.data, first);
	lh_buf_free(&w->buf);
	/* a little smaller: the same, charged as what was asked for, and zeros behind it */
	ok(lh_buf_reserve(&w->ctx, &w->buf, (1 << 20) - 5000));
	assert_ptr_equal(w->buf.data, first);
	assert_in_range(w->budget.used - before, (1 << 20) - 5000, (1 << 20) - 4500);
	for (size_t i = 0; i < LH_PADDING; i++)
		assert_int_equal(w->buf.data[w->buf.cap + i], 0);
	/* very large ones go back to the system */
	for (int i = 0; i < 3; i++)
	{
		lh_buf_free(&w->buf);
		ok(lh_buf_reserve(&w->ctx, &w->buf, 64 << 20));
	}
}

static void
fitting_reuses_a_block_for_pages_of_similar_size(void **state)
{
	World *w = *state;
	const uint8_t *data;

	ok(lh_buf_fit(&w->ctx, &w->buf, MB));
	data = w->buf.data;
	for (size_t cap = MB - 5000; cap < MB + 5000; cap += 1000)
	{
		ok(lh_buf_fit(&w->ctx, &w->buf, MB - 5000));
		assert_ptr_equal(w->buf.data, data);
		assert_int_equal(w->buf.len, 0);
	}
}

static void
fitting_gives_memory_back(void **state)
{
	World *w = *state;

	ok(lh_buf_fit(&w->ctx, &w->buf, 100 * MB));
	ok(lh_buf_fit(&w->ctx, &w->buf, MB));
	assert_true(w->budget.used < 2 * MB);
	assert_true(w->buf.cap >= MB);
}

static void
fitting_frees_before_it_allocates(void **state)
{
	World *w = *state;

	w->budget.limit = 10 * MB;
	ok(lh_buf_fit(&w->ctx, &w->buf, 8 * MB));
	ok(lh_buf_fit(&w->ctx, &w->buf, 9 * MB));
	assert_true(w->budget.peak <= 10 * MB);
}

static void
near_the_limit_only_what_is_needed_is_taken(void **state)
{
	World *w = *state;

	w->budget.limit = 1000 * 1000;
	ok(lh_buf_reserve(&w->ctx, &w->buf, 400000));
	/* half more would be 600,000, and both blocks exist for a moment */
	ok(lh_buf_reserve(&w->ctx, &w->buf, 500000));
	assert_int_equal(w->buf.cap, 500000);
	assert_int_equal(lh_buf_reserve(&w->ctx, &w->buf, 600000), LH_NO_MEMORY);
	assert_int_equal(w->buf.cap, 500000);
}

static void
a_failed_growth_leaves_the_buffer_as_it_was(void **state)
{
	World *w = *state;

	w->budget.limit = 100000;
	ok(lh_buf_append_str(&w->ctx, &w->buf, "kept"));
	assert_int_equal(lh_buf_reserve(&w->ctx, &w->buf, MB), LH_NO_MEMORY);
	assert_int_equal(w->buf.len, 4);
	assert_memory_equal(w->buf.data, "kept", 4);
}

static void
absurd_sizes_are_refused(void **state)
{
	World *w = *state;

	assert_int_equal(lh_buf_reserve(&w->ctx, &w->buf, SIZE_MAX), LH_LIMIT);
	assert_int_equal(lh_buf_fit(&w->ctx, &w->buf, SIZE_MAX - 10), LH_LIMIT);
	ok(lh_buf_putc(&w->ctx, &w->buf, 'x'));
	assert_int_equal(lh_buf_append(&w->ctx, &w->buf, "", SIZE_MAX), LH_LIMIT);
	assert_int_equal(w->buf.len, 1);
}

static void
printf_grows_and_ends_with_an_uncounted_nul(void **state)
{
	World *w = *state;
	char text[5000];

	memset(text, 'q', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ok(lh_buf_printf(&w->ctx, &w->buf, "%d,", 12));
	assert_string_equal((char *) w->buf.data, "12,");
	ok(lh_buf_printf(&w->ctx, &w->buf, "%s", text));
	assert_int_equal(w->buf.len, 3 + 4999);
	assert_int_equal(w->buf.data[w->buf.len], 0);
	ok(lh_buf_printf(&w->ctx, &w->buf, "%s", ""));
	assert_int_equal(w->buf.len, 3 + 4999);
	for (size_t n = 200; n < 300; n++)
	{
		LhBuf buf;

		ok(lh_buf_init(&w->ctx, &buf, false));
		ok(lh_buf_printf(&w->ctx, &buf, "%.*s", (int) n, text));
		assert_int_equal(buf.len, n);
		assert_string_equal((char *) buf.data, text + 4999 - n);
	}
}

static void
freeing_early_gives_the_memory_back(void **state)
{
	World *w = *state;
	LhBuf a, b;

	ok(lh_buf_init(&w->ctx, &a, false));
	ok(lh_buf_init(&w->ctx, &b, true));
	ok(lh_buf_reserve(&w->ctx, &a, MB));
	ok(lh_buf_reserve(&w->ctx, &w->buf, MB));
	ok(lh_buf_reserve(&w->ctx, &b, MB));
	lh_buf_free(&w->buf);
	lh_buf_free(&w->buf);
	assert_true(w->budget.used < 2 * MB + 1000);
	lh_buf_free(&a);
	lh_buf_free(&b);
	assert_int_equal(w->budget.used, 0);
	ok(lh_buf_append_str(&w->ctx, &a, "again"));
}

static void
loads_are_little_endian_and_unaligned(void **state)
{
	static const uint8_t bytes[] = {0, 1, 2, 3, 4, 5, 6, 7, 0x88};

	(void) state;
	assert_int_equal(lh_load_u16(bytes + 1), 0x0201);
	assert_int_equal(lh_load_u32(bytes + 1), 0x04030201);
	assert_true(lh_load_u64(bytes + 1) == UINT64_C(0x8807060504030201));
	assert_true(lh_load_i64(bytes + 1) < 0);
	assert_int_equal(lh_load_i32(bytes + 5), (int32_t) 0x88070605);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_new_buffer_takes_no_memory),
		TEST(growing_keeps_the_content),
		TEST(data_is_aligned_and_padding_is_zero),
		TEST(a_large_block_is_used_again),
		TEST(fitting_reuses_a_block_for_pages_of_similar_size),
		TEST(fitting_gives_memory_back),
		TEST(fitting_frees_before_it_allocates),
		TEST(near_the_limit_only_what_is_needed_is_taken),
		TEST(a_failed_growth_leaves_the_buffer_as_it_was),
		TEST(absurd_sizes_are_refused),
		TEST(printf_grows_and_ends_with_an_uncounted_nul),
		TEST(freeing_early_gives_the_memory_back),
		TEST(loads_are_little_endian_and_unaligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
