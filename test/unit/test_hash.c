/*
 * test_hash.c
 *		Hashes, the CRC of pages, the map of names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

static void
published_hashes_come_out(void **state)
{
	(void) state;
	/* check value of CRC-32/ISO-HDLC; XXH64 and XXH3 of nothing with seed 0 */
	assert_int_equal(lh_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(lh_crc32("", 0), 0);
	assert_int_equal(lh_crc32(NULL, 0), 0);
	assert_int_equal(lh_crc32_more(lh_crc32("1234", 4), "56789", 5), 0xcbf43926);
	assert_int_equal(lh_crc32_more(0xcbf43926, NULL, 0), 0xcbf43926);
	assert_true(lh_xxh64("", 0) == UINT64_C(0xef46db3751d8e999));
	assert_true(lh_xxh64("abc", 3) == UINT64_C(0x44bc2cf5ad770999));
	assert_true(lh_hash_bytes("", 0, 0) == UINT64_C(0x2d06800538d394c2));
	assert_true(lh_hash_bytes("a", 1, 0) != lh_hash_bytes("a", 1, 1));
}

static void
integer_hashes_are_one_to_one_in_practice(void **state)
{
	uint64_t seen = 0;

	(void) state;
	for (uint64_t i = 0; i < 100000; i++)
	{
		assert_true(lh_hash_u64(i) != lh_hash_u64(i + 1));
		seen |= lh_hash_u64(i);
	}
	assert_true(seen == UINT64_MAX);
}

static void
names_are_found_and_others_are_not(void **state)
{
	LhCtx *ctx = *state;
	LhNameMap *map;

	assert_int_equal(lh_namemap_create(ctx, 3, &map), LH_OK);
	assert_int_equal(lh_namemap_get(map, "a", 1), -1);
	assert_int_equal(lh_namemap_put(ctx, map, "a", 1, 10), LH_OK);
	assert_int_equal(lh_namemap_put(ctx, map, "", 0, 20), LH_OK);
	assert_int_equal(lh_namemap_put(ctx, map, "a\0b", 3, 30), LH_OK);
	assert_int_equal(lh_namemap_get(map, "a", 1), 10);
	assert_int_equal(lh_namemap_get(map, "", 0), 20);
	assert_int_equal(lh_namemap_get(map, "a\0b", 3), 30);
	assert_int_equal(lh_namemap_get(map, "a\0c", 3), -1);
	assert_int_equal(lh_namemap_get(map, "A", 1), -1);
}

static void
the_first_value_of_a_name_wins(void **state)
{
	LhCtx *ctx = *state;
	LhNameMap *map;

	assert_int_equal(lh_namemap_create(ctx, 0, &map), LH_OK);
	assert_int_equal(lh_namemap_put(ctx, map, "x", 1, 1), LH_OK);
	assert_int_equal(lh_namemap_put(ctx, map, "x", 1, 2), LH_OK);
	assert_int_equal(lh_namemap_get(map, "x", 1), 1);
}

static void
the_map_grows_beyond_what_was_expected(void **state)
{
	LhCtx *ctx = *state;
	LhNameMap *map;

	assert_int_equal(lh_namemap_create(ctx, 1, &map), LH_OK);
	for (int i = 0; i < 20000; i++)
	{
		const char *name = lh_sprintf(ctx, "column_%d", i);

		assert_int_equal(lh_namemap_put(ctx, map, name, strlen(name), i), LH_OK);
	}
	for (int i = 0; i < 20000; i++)
	{
		const char *name = lh_sprintf(ctx, "column_%d", i);

		assert_int_equal(lh_namemap_get(map, name, strlen(name)), i);
	}
	assert_int_equal(lh_namemap_get(map, "column_20000", 12), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(published_hashes_come_out),
		TEST(integer_hashes_are_one_to_one_in_practice),
		TEST(names_are_found_and_others_are_not),
		TEST(the_first_value_of_a_name_wins),
		TEST(the_map_grows_beyond_what_was_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
