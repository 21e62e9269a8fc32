/*
 * test_arena.c
 *		Arenas: memory, budget, children, release functions.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#define KB ((size_t) 1024)
#define MB (KB * KB)

/* A context whose arena has a budget. */
typedef struct World
{
	LhBudget budget;
	LhError error;
	LhCounters counters;
	LhCtx ctx;
} World;

static int
setup(void **state)
{
	static World w;

	memset(&w, 0, sizeof(w));
	w.budget.setting = "work_mem";
	w.ctx =
		(LhCtx){.arena = lh_arena_create(&w.budget), .error = &w.error, .counters = &w.counters};
	*state = &w;
	return w.ctx.arena == NULL;
}

static int
teardown(void **state)
{
	World *w = *state;

	lh_arena_destroy(w->ctx.arena);
	/* whatever a test did: nothing stays accounted */
	return w->budget.used != 0 || w->budget.floor != 0;
}

static void
memory_is_aligned_and_apart(void **state)
{
	World *w = *state;
	uint8_t *p[1000];

	for (size_t i = 0; i < 1000; i++)
	{
		p[i] = lh_alloc(&w->ctx, i);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t) p[i] % 16, 0);
		memset(p[i], (int) (i & 0xff), i);
	}
	for (size_t i = 0; i < 1000; i++)
	{
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[i][k], i & 0xff);
	}
}

static void
zeroed_memory_is_zero_even_after_reuse(void **state)
{
	World *w = *state;
	static const size_t sizes[] = {1, 100, 3000, 9000, 300000, 2000000};

	for (int round = 0; round < 2; round++)
	{
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		{
			uint8_t *p = lh_alloc0(&w->ctx, sizes[i]);

			assert_non_null(p);
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(p[k], 0);
			memset(p, 0xff, sizes[i]);
		}
		lh_arena_reset(w->ctx.arena);
	}
}

static void
an_arena_without_memory_costs_no_budget(void **state)
{
	World *w = *state;

	assert_non_null(lh_arena_child(w->ctx.arena));
	assert_int_equal(w->budget.used, 0);
	assert_int_equal(lh_arena_used(w->ctx.arena), 0);
}

static void
chunks_begin_small_and_grow_to_a_megabyte(void **state)
{
	World *w = *state;
	size_t largest = 0;

	lh_alloc(&w->ctx, 1);
	assert_int_equal(w->budget.used, 8 * KB);
	for (int i = 0; i < 20000; i++)
	{
		size_t before = w->budget.used;

		assert_non_null(lh_alloc(&w->ctx, 1000));
		if (w->budget.used - before > largest)
			largest = w->budget.used - before;
	}
	assert_int_equal(largest, MB);
	assert_true(w->budget.used < 20000 * 1016 * 11 / 10 + 2 * MB);
}

static void
a_large_allocation_does_not_end_the_current_chunk(void **state)
{
	World *w = *state;
	size_t used;

	lh_alloc(&w->ctx, 16);
	lh_alloc(&w->ctx, 100 * KB);
	used = w->budget.used;
	assert_in_range(used, 108 * KB, 109 * KB);
	lh_alloc(&w->ctx, 4000);
	assert_int_equal(w->budget.used, used);
}

static void
many_middling_allocations_do_not_get_a_chunk_each(void **state)
{
	World *w = *state;
	size_t chunks = 0;

	for (int i = 0; i < 1000; i++)
	{
		size_t before = w->budget.used;

		assert_non_null(lh_alloc(&w->ctx, 3000));
		chunks += w->budget.used != before;
	}
	assert_true(chunks < 20);
}

static void
a_reset_gives_back_all_but_the_first_chunk(void **state)
{
	World *w = *state;
	size_t kept;

	lh_alloc(&w->ctx, 5 * MB); /* large ones come before the first chunk here */
	for (int i = 0; i < 1000; i++)
		lh_alloc(&w->ctx, 3000);
	lh_alloc(&w->ctx, 7 * MB);
	assert_true(w->budget.used > 14 * MB);
	lh_arena_reset(w->ctx.arena);
	kept = w->budget.used;
	assert_in_range(kept, 8 * KB, 32 * KB);
	assert_int_equal(lh_arena_used(w->ctx.arena), kept);
	lh_alloc(&w->ctx, 3000);
	assert_int_equal(w->budget.used, kept);
	lh_arena_reset(w->ctx.arena);
	lh_arena_reset(w->ctx.arena);
}

/* Under AddressSanitizer: what lay in the chunk must not pass for what was not written yet. */
static void
what_a_reset_keeps_is_not_read_again(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
	World *w = *state;
	uint8_t *before, *after;

	/* the chunk is the current one, or there is another behind it */
	for (int others = 0; others <= 1; others++)
	{
		before = lh_alloc(&w->ctx, 100);
		memset(before, 0, 100);
		for (int i = 0; i < 10 * others; i++)
			lh_alloc(&w->ctx, 3000);
		lh_arena_reset(w->ctx.arena);
		assert_true(__asan_address_is_poisoned(before + 50));
		after = lh_alloc(&w->ctx, 100);
		assert_ptr_equal(after, before);
		assert_int_equal(after[50], 0xbe);
		lh_arena_reset(w->ctx.arena);
	}
#else
	skip();
#endif
}

static void
the_budget_refuses_and_names_its_setting(void **state)
{
	World *w = *state;

	w->budget.limit = 64 * KB;
	assert_non_null(lh_alloc(&w->ctx, 40 * KB));
	assert_null(lh_alloc(&w->ctx, 40 * KB));
	assert_int_equal(w->error.code, LH_NO_MEMORY);
	assert_non_null(strstr(w->error.hint, "work_mem"));
	assert_non_null(strstr(w->error.message, "64 kB"));
	assert_in_range(w->budget.used, 40 * KB, 41 * KB);
	/* small ones still fit, to the end and no further */
	for (int i = 0; i < 100 && lh_alloc(&w->ctx, 1000) != NULL; i++)
		;
	assert_int_equal(w->error.code, LH_NO_MEMORY);
	assert_true(w->budget.used <= 64 * KB);
	assert_true(w->budget.peak <= 64 * KB);
}

static void
without_a_limit_the_budget_only_counts(void **state)
{
	World *w = *state;

	assert_non_null(lh_alloc(&w->ctx, 100 * MB));
	assert_true(w->budget.peak >= 100 * MB);
	lh_arena_reset(w->ctx.arena);
	assert_int_equal(w->budget.used, 0);
	assert_true(w->budget.peak >= 100 * MB);
}

static void
the_floor_counts_but_is_never_refused(void **state)
{
	World *w = *state;
	LhBuf floor, rest;

	w->budget.limit = MB;
	assert_int_equal(lh_buf_init(&w->ctx, &floor, true), LH_OK);
	assert_int_equal(lh_buf_init(&w->ctx, &rest, false), LH_OK);
	assert_int_equal(lh_buf_fit(&w->ctx, &floor, 10 * MB), LH_OK);
	assert_true(w->budget.used >= 10 * MB);
	assert_true(w->budget.floor >= 10 * MB);
	assert_true(w->budget.floor_peak >= 10 * MB);
	assert_int_equal(lh_buf_fit(&w->ctx, &rest, MB), LH_NO_MEMORY);
	lh_buf_free(&floor);
	assert_int_equal(w->budget.floor, 0);
	assert_int_equal(lh_buf_fit(&w->ctx, &rest, MB / 2), LH_OK);
}

static void
a_large_floor_leaves_a_quarter_of_the_limit(void **state)
{
	World *w = *state;
	LhBuf floor;

	assert_true(lh_arena_room(w->ctx.arena) == SIZE_MAX);
	w->budget.limit = MB;
	assert_in_range(lh_arena_room(w->ctx.arena), MB - 16 * KB, MB);
	assert_int_equal(lh_buf_init(&w->ctx, &floor, true), LH_OK);
	assert_int_equal(lh_buf_fit(&w->ctx, &floor, 10 * MB), LH_OK);
	assert_in_range(lh_arena_room(w->ctx.arena), 240 * KB, 256 * KB);
	assert_non_null(lh_alloc(&w->ctx, 200 * KB));
	assert_in_range(lh_arena_room(w->ctx.arena), 1, 56 * KB);
	assert_null(lh_alloc(&w->ctx, 100 * KB));
}

static void
children_share_the_budget_and_die_with_the_parent(void **state)
{
	World *w = *state;
	LhArena *parent = w->ctx.arena;
	LhArena *child = lh_arena_child(parent);
	LhArena *grandchild = lh_arena_child(child);

	assert_ptr_equal(lh_arena_budget(grandchild), &w->budget);
	lh_use(&w->ctx, grandchild);
	assert_non_null(lh_alloc(&w->ctx, MB));
	lh_use(&w->ctx, child);
	assert_non_null(lh_alloc(&w->ctx, MB));
	lh_use(&w->ctx, parent);
	assert_true(lh_arena_used(parent) >= 2 * MB);
	assert_true(lh_arena_used(child) >= 2 * MB);
	assert_in_range(lh_arena_used(grandchild), MB, 3 * MB / 2);
	lh_arena_reset(parent);
	assert_int_equal(w->budget.used, 0);
}

static void
a_child_may_die_early_in_any_order(void **state)
{
	World *w = *state;
	LhArena *parent = w->ctx.arena;

	for (int dead = 0; dead < 3; dead++)
	{
		LhArena *child[3];

		for (int i = 0; i < 3; i++)
		{
			child[i] = lh_arena_child(parent);
			lh_use(&w->ctx, child[i]);
			lh_alloc(&w->ctx, 10);
		}
		lh_use(&w->ctx, parent);
		lh_arena_destroy(child[dead]);
		assert_int_equal(lh_arena_used(parent), 16 * KB);
		lh_arena_destroy(child[(dead + 1) % 3]);
		lh_arena_destroy(child[(dead + 2) % 3]);
		assert_int_equal(lh_arena_used(parent), 0);
	}
	lh_arena_destroy(NULL);
}

/* ---- release functions ---- */

static char order[32];

static void
note(void *arg)
{
	strncat(order, arg, sizeof(order) - strlen(order) - 1);
}

static void
release_functions_run_in_reverse_order(void **state)
{
	World *w = *state;
	LhArena *arena = w->ctx.arena;

	order[0] = '\0';
	assert_int_equal(lh_arena_on_reset(&w->ctx, arena, note, "a"), LH_OK);
	assert_int_equal(lh_arena_on_reset(&w->ctx, arena, note, "b"), LH_OK);
	assert_int_equal(lh_arena_on_reset(&w->ctx, arena, note, "c"), LH_OK);
	lh_arena_reset(arena);
	assert_string_equal(order, "cba");
	lh_arena_reset(arena);
	assert_string_equal(order, "cba");
}

static void
children_are_released_before_their_parent_youngest_first(void **state)
{
	World *w = *state;
	LhArena *parent = w->ctx.arena;
	LhArena *old = lh_arena_child(parent);
	LhArena *young;

	order[0] = '\0';
	lh_arena_on_reset(&w->ctx, old, note, "o");
	lh_arena_on_reset(&w->ctx, parent, note, "p");
	young = lh_arena_child(parent);
	lh_arena_on_reset(&w->ctx, young, note, "y");
	lh_arena_reset(parent);
	assert_string_equal(order, "yop");
}

static void
a_forgotten_release_is_not_run(void **state)
{
	World *w = *state;
	LhArena *arena = w->ctx.arena;
	char *twice = "t";

	order[0] = '\0';
	lh_arena_on_reset(&w->ctx, arena, note, twice);
	lh_arena_on_reset(&w->ctx, arena, note, "b");
	lh_arena_on_reset(&w->ctx, arena, note, twice);
	lh_arena_forget(arena, note, twice); /* the last one */
	lh_arena_forget(arena, note, &order);
	lh_arena_reset(arena);
	assert_string_equal(order, "bt");
}

static void
check_and_note(void *arg)
{
	/* memory of the arena is still there */
	note(arg);
	memset(arg, 'x', 1);
}

static void
memory_outlives_the_release_functions(void **state)
{
	World *w = *state;
	LhArena *child = lh_arena_child(w->ctx.arena);
	LhArena *old = lh_use(&w->ctx, child);
	char *text = lh_strdup(&w->ctx, "m");

	lh_use(&w->ctx, old);
	order[0] = '\0';
	lh_arena_on_reset(&w->ctx, child, check_and_note, text);
	lh_arena_destroy(child);
	assert_string_equal(order, "m");
}

static LhArena *sibling;

static void
kill_sibling(void *arg)
{
	(void) arg;
	lh_arena_destroy(sibling);
}

static void
a_release_may_destroy_another_arena(void **state)
{
	World *w = *state;
	LhArena *parent = w->ctx.arena;
	LhArena *child;

	sibling = lh_arena_child(parent);
	child = lh_arena_child(parent);
	lh_arena_on_reset(&w->ctx, child, kill_sibling, NULL);
	lh_arena_reset(parent);
	assert_int_equal(w->budget.used, 0);
}

/* ---- sizes and strings ---- */

static void
absurd_sizes_are_refused_not_wrapped(void **state)
{
	World *w = *state;

	assert_null(lh_alloc(&w->ctx, SIZE_MAX));
	assert_int_equal(w->error.code, LH_LIMIT);
	assert_null(lh_alloc0(&w->ctx, SIZE_MAX - 15));
	assert_null(lh_alloc(&w->ctx, LH_ALLOC_MAX + 1));
	assert_int_equal(w->error.code, LH_LIMIT);
	assert_null(lh_alloc_array(&w->ctx, SIZE_MAX / 8, 16));
	assert_int_equal(w->error.code, LH_LIMIT);
	assert_null(lh_strndup(&w->ctx, "", SIZE_MAX - 1));
}

static LhStatus
macros(LhCtx *ctx, size_t n)
{
	uint32_t *numbers;
	struct
	{
		int a;
	} * thing;
	char *bytes;

	LH_NEW(ctx, thing);
	LH_NEW_ARRAY(ctx, numbers, n);
	LH_ALLOC(ctx, bytes, n);
	bytes[0] = 1;
	return thing->a == 0 && numbers[n - 1] == 0 ? LH_OK : LH_BUG;
}

static void
the_macros_return_when_there_is_no_memory(void **state)
{
	World *w = *state;

	assert_int_equal(macros(&w->ctx, 100), LH_OK);
	w->budget.limit = 10 * KB;
	assert_int_equal(macros(&w->ctx, 100000), LH_NO_MEMORY);
	assert_int_equal(macros(&w->ctx, SIZE_MAX), LH_LIMIT);
}

static void
strings_are_copied_with_a_nul(void **state)
{
	World *w = *state;
	char long_text[600];

	memset(long_text, 'z', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_string_equal(lh_strdup(&w->ctx, "abc"), "abc");
	assert_string_equal(lh_strndup(&w->ctx, "abc", 2), "ab");
	assert_string_equal(lh_strndup(&w->ctx, NULL, 0), "");
	assert_non_null(lh_memdup(&w->ctx, NULL, 0));
	assert_memory_equal(lh_memdup(&w->ctx, "a\0b", 3), "a\0b", 3);
	assert_string_equal(lh_sprintf(&w->ctx, "%s-%d", "x", 5), "x-5");
	assert_string_equal(lh_sprintf(&w->ctx, "%s", long_text), long_text);
	long_text[256] = '\0';
	assert_string_equal(lh_sprintf(&w->ctx, "%s", long_text), long_text);
	long_text[255] = '\0';
	assert_string_equal(lh_sprintf(&w->ctx, "%s", long_text), long_text);
}

/* ---- threads ---- */

static void *
work(void *arg)
{
	LhBudget *budget = arg;
	LhError error;
	LhCounters counters;
	LhCtx ctx = {.arena = lh_arena_create(budget), .error = &error, .counters = &counters};

	for (int i = 0; i < 3000; i++)
	{
		lh_alloc(&ctx, (size_t) i * 10);
		if (i % 100 == 0)
			lh_arena_reset(ctx.arena);
	}
	lh_arena_destroy(ctx.arena);
	return NULL;
}

static void
arenas_of_several_threads_share_a_budget(void **state)
{
	World *w = *state;
	pthread_t threads[4];

	w->budget.limit = MB;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &w->budget), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(w->budget.used, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(memory_is_aligned_and_apart),
		TEST(zeroed_memory_is_zero_even_after_reuse),
		TEST(an_arena_without_memory_costs_no_budget),
		TEST(chunks_begin_small_and_grow_to_a_megabyte),
		TEST(a_large_allocation_does_not_end_the_current_chunk),
		TEST(many_middling_allocations_do_not_get_a_chunk_each),
		TEST(a_reset_gives_back_all_but_the_first_chunk),
		TEST(what_a_reset_keeps_is_not_read_again),
		TEST(the_budget_refuses_and_names_its_setting),
		TEST(without_a_limit_the_budget_only_counts),
		TEST(the_floor_counts_but_is_never_refused),
		TEST(a_large_floor_leaves_a_quarter_of_the_limit),
		TEST(children_share_the_budget_and_die_with_the_parent),
		TEST(a_child_may_die_early_in_any_order),
		TEST(release_functions_run_in_reverse_order),
		TEST(children_are_released_before_their_parent_youngest_first),
		TEST(a_forgotten_release_is_not_run),
		TEST(memory_outlives_the_release_functions),
		TEST(a_release_may_destroy_another_arena),
		TEST(absurd_sizes_are_refused_not_wrapped),
		TEST(the_macros_return_when_there_is_no_memory),
		TEST(strings_are_copied_with_a_nul),
		TEST(arenas_of_several_threads_share_a_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
