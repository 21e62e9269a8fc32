/*
 * test_ice_theta.c
 *		Numbers of distinct values by the preambles of theta sketches.
 */
#include "unit/ice_table.h"

#include <string.h>

#include "iceberg/puffin.h"

#define EMPTY 0x04

/* A preamble of serial version 3 with n hashes behind it that it may count. */
static size_t
version_3(uint8_t *out, int longs, uint32_t count, uint64_t theta, size_t hashes)
{
	memset(out, 0, 24 + hashes * 8);
	out[0] = (uint8_t) longs;
	out[1] = 3;
	out[2] = 3;
	if (longs > 1)
		memcpy(out + 8, &count, 4);
	if (longs > 2)
		memcpy(out + 16, &theta, 8);
	return (size_t) longs * 8 + hashes * 8;
}

static double
estimate(const uint8_t *bytes, size_t n)
{
	double out = -1;

	return lh_ice_theta_estimate(lh_slice(bytes, n), &out) ? out : -1;
}

static void
a_count_below_theta_of_one_is_exact(void **state)
{
	uint8_t bytes[1024];

	(void) state;
	assert_true(estimate(bytes, version_3(bytes, 1, 1, 0, 1)) == 1);
	assert_true(estimate(bytes, version_3(bytes, 2, 7, 0, 7)) == 7);
	bytes[0] = 1;
	bytes[5] = EMPTY;
	assert_true(estimate(bytes, 8) == 0);
}

static void
a_smaller_theta_stands_for_more(void **state)
{
	uint8_t bytes[1024];
	double n = estimate(bytes, version_3(bytes, 3, 64, (uint64_t) 1 << 59, 64));

	(void) state;
	assert_true(n > 1023.9 && n < 1024.1);
}

static void
the_compressed_form_says_the_same(void **state)
{
	/* two longs, 16 bits an entry, one byte of count: 8 entries */
	uint8_t bytes[40] = {2, 4, 3, 16, 1};
	uint64_t theta = (uint64_t) 1 << 60;
	double n;

	(void) state;
	memcpy(bytes + 8, &theta, 8);
	bytes[16] = 8;
	n = estimate(bytes, 17 + 16);
	assert_true(n > 63.9 && n < 64.1);
	assert_true(estimate(bytes, 17 + 15) < 0);
	bytes[3] = 0;
	assert_true(estimate(bytes, 17 + 16) < 0);
}

static void
what_is_no_sketch_says_nothing(void **state)
{
	uint8_t bytes[1024];
	size_t n = version_3(bytes, 2, 7, 0, 7);

	(void) state;
	/* fewer hashes than it counts, another family, another version, cut */
	assert_true(estimate(bytes, n - 1) < 0);
	bytes[2] = 2;
	assert_true(estimate(bytes, n) < 0);
	bytes[2] = 3;
	bytes[1] = 2;
	assert_true(estimate(bytes, n) < 0);
	assert_true(estimate(bytes, 7) < 0);
	n = version_3(bytes, 3, 7, 0, 7);
	assert_true(estimate(bytes, n) < 0);
	n = version_3(bytes, 3, 7, UINT64_MAX, 7);
	assert_true(estimate(bytes, n) < 0);
	n = version_3(bytes, 2, UINT32_MAX, 0, 7);
	assert_true(estimate(bytes, n) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_count_below_theta_of_one_is_exact),
		cmocka_unit_test(a_smaller_theta_stands_for_more),
		cmocka_unit_test(the_compressed_form_says_the_same),
		cmocka_unit_test(what_is_no_sketch_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
