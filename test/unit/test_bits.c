/*
 * test_bits.c
 *		Bitmaps of 64-bit words, against arrays of bool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/bits.h"

#define N 256

static void
words_are_rounded_up(void **state)
{
	(void) state;
	assert_int_equal(LH_WORDS(0), 0);
	assert_int_equal(LH_WORDS(1), 1);
	assert_int_equal(LH_WORDS(64), 1);
	assert_int_equal(LH_WORDS(65), 2);
}

static void
bits_are_set_and_cleared_singly(void **state)
{
	uint64_t w[LH_WORDS(N)] = {0};

	(void) state;
	for (size_t i = 0; i < N; i += 3)
		lh_bit_set(w, i);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(lh_bit_get(w, i), i % 3 == 0);
	assert_int_equal(lh_bits_count(w, LH_WORDS(N)), 86);
	for (size_t i = 0; i < N; i += 6)
		lh_bit_clear(w, i);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(lh_bit_get(w, i), i % 6 == 3);
}

static void
low_bits_work_from_none_to_all(void **state)
{
	(void) state;
	assert_true(lh_low_bits(0) == 0);
	assert_true(lh_low_bits(1) == 1);
	assert_true(lh_low_bits(63) == UINT64_MAX >> 1);
	assert_true(lh_low_bits(64) == UINT64_MAX);
}

static void
every_range_sets_its_bits_and_no_others(void **state)
{
	(void) state;
	for (size_t from = 0; from <= N; from++)
	{
		for (size_t to = 0; to <= N; to++)
		{
			uint64_t w[LH_WORDS(N) + 1] = {0};

			lh_bits_set_range(w, from, to);
			assert_int_equal(lh_bits_count(w, LH_WORDS(N)), to > from ? to - from : 0);
			assert_true(w[LH_WORDS(N)] == 0);
			if (to > from)
			{
				assert_true(lh_bit_get(w, from) && lh_bit_get(w, to - 1));
				assert_false(from > 0 && lh_bit_get(w, from - 1));
				assert_false(lh_bit_get(w, to));
			}
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_rounded_up),
		cmocka_unit_test(bits_are_set_and_cleared_singly),
		cmocka_unit_test(low_bits_work_from_none_to_all),
		cmocka_unit_test(every_range_sets_its_bits_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
