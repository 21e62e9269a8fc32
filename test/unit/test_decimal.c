/*
 * test_decimal.c
 *		Decimals of 128 bits and wider.
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

#define I128_MAX ((LhI128) (~(LhU128) 0 >> 1))
#define I128_MIN (-I128_MAX - 1)

static const char *
text_of(LhCtx *ctx, const LhI256 *v)
{
	uint8_t bytes[32];
	LhBuf text;

	lh_i256_to_be(v, bytes);
	assert_int_equal(lh_buf_init(ctx, &text, true), LH_OK);
	assert_int_equal(lh_decimal_format_be(ctx, bytes, sizeof(bytes), 0, &text), LH_OK);
	assert_int_equal(lh_buf_append(ctx, &text, "", 1), LH_OK);
	return (const char *) text.data;
}

static void
wide_integers_are_added_and_multiplied(void **state)
{
	LhI256 a = lh_i256_of(I128_MAX), b = lh_i256_of(I128_MIN), c = lh_i256_of(-7), before;

	assert_true(lh_i256_add(&a, &a));
	assert_string_equal(text_of(*state, &a), "340282366920938463463374607431768211454");
	assert_true(lh_i256_add(&a, &b));
	assert_true(lh_i256_add(&a, &b));
	assert_string_equal(text_of(*state, &a), "-2");
	assert_true(lh_i256_add(&a, &c));
	assert_string_equal(text_of(*state, &a), "-9");
	assert_true(lh_i256_mul(&a, lh_pow10[38]));
	assert_true(lh_i256_mul(&a, lh_pow10[37]));
	assert_string_equal(text_of(*state, &a),
						"-9000000000000000000000000000000000000000000000000000000000000000000000000000");
	/* -9e75 * 6 is inside, * 10 is not, and changes nothing */
	before = a;
	assert_false(lh_i256_mul(&a, 10));
	assert_memory_equal(&a, &before, sizeof(a));
	assert_true(lh_i256_mul(&a, 6));
	assert_false(lh_i256_add(&a, &a));
	assert_string_equal(text_of(*state, &a),
						"-54000000000000000000000000000000000000000000000000000000000000000000000000000");
	assert_true(lh_i256_mul(&a, 0));
	assert_true(lh_i256_is_zero(&a));
	assert_true(lh_i256_mul(&b, 1));
	assert_string_equal(text_of(*state, &b), "-170141183460469231731687303715884105728");
}

static void
powers_of_ten_are_what_they_say(void **state)
{
	LhI128 p = 1;

	(void) state;
	for (int i = 0; i <= LH_DECIMAL_MAX_PRECISION; i++)
	{
		assert_true(lh_pow10[i] == p);
		if (i < 19)
			assert_true(lh_pow10_i64[i] == (int64_t) p);
		if (i < LH_DECIMAL_MAX_PRECISION)
			p *= 10;
	}
}

static void
big_endian_bytes_become_numbers_of_any_width(void **state)
{
	static const uint8_t minus_two[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
										  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe};
	static const uint8_t large[] = {0x7f, 0xff, 0x00};
	uint8_t lowest[16] = {0x80};

	(void) state;
	assert_true(lh_i128_from_be(large, 0) == 0);
	assert_true(lh_i128_from_be(large, 1) == 127);
	assert_true(lh_i128_from_be(large, 3) == 0x7fff00);
	for (size_t n = 1; n <= 16; n++)
		assert_true(lh_i128_from_be(minus_two + 16 - n, n) == -2);
	assert_true(lh_i128_from_be(lowest, 16) == I128_MIN);
}

static void
wide_numbers_are_taken_while_they_fit(void **state)
{
	uint8_t p[40];
	LhI128 v;

	(void) state;
	memset(p, 0, sizeof(p));
	p[39] = 5;
	assert_true(lh_i128_from_be_wide(p, 40, &v));
	assert_true(v == 5);
	p[24] = 0x7f;
	assert_true(lh_i128_from_be_wide(p, 40, &v));
	p[24] = 0x80; /* would be read as negative */
	assert_false(lh_i128_from_be_wide(p, 40, &v));
	p[24] = 0;
	p[23] = 1;
	assert_false(lh_i128_from_be_wide(p, 40, &v));
	memset(p, 0xff, sizeof(p));
	assert_true(lh_i128_from_be_wide(p, 40, &v));
	assert_true(v == -1);
	p[24] = 0x7f;
	assert_false(lh_i128_from_be_wide(p, 40, &v));
	assert_true(lh_i128_from_be_wide(p, 0, &v));
	assert_true(v == 0);
}

static const char *
text(LhI128 v, int scale)
{
	static char out[48];
	int n = lh_decimal_format(v, scale, out);

	assert_int_equal(n, strlen(out));
	return out;
}

static void
decimals_are_printed_with_their_scale(void **state)
{
	(void) state;
	assert_string_equal(text(0, 0), "0");
	assert_string_equal(text(0, 2), "0.00");
	assert_string_equal(text(-1230, 2), "-12.30");
	assert_string_equal(text(5, 3), "0.005");
	assert_string_equal(text(-5, 1), "-0.5");
	assert_string_equal(text(lh_pow10[38] - 1, 38), "0.99999999999999999999999999999999999999");
	assert_string_equal(text(1 - lh_pow10[38], 38), "-0.99999999999999999999999999999999999999");
	assert_string_equal(text(I128_MAX, 0), "170141183460469231731687303715884105727");
	assert_string_equal(text(I128_MIN, 0), "-170141183460469231731687303715884105728");
	assert_string_equal(text(I128_MIN, 38), "-1.70141183460469231731687303715884105728");
	assert_string_equal(text((LhI128) UINT64_MAX + 1, 0), "18446744073709551616");
	/* zeros inside */
	assert_string_equal(text(lh_pow10[37], 0), "10000000000000000000000000000000000000");
}

static const char *
wide_text(LhCtx *ctx, const uint8_t *p, size_t n, int scale)
{
	LhBuf out;

	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	assert_int_equal(lh_buf_append_str(ctx, &out, "="), LH_OK);
	assert_int_equal(lh_decimal_format_be(ctx, p, n, scale, &out), LH_OK);
	assert_int_equal(lh_buf_putc(ctx, &out, '\0'), LH_OK);
	return (const char *) out.data;
}

static void
wide_decimals_are_printed_exactly(void **state)
{
	LhCtx *ctx = *state;
	uint8_t p[25] = {1};

	/* 2^192 and its negative */
	assert_string_equal(wide_text(ctx, p, 25, 0),
						"=6277101735386680763835789423207666416102355444464034512896");
	assert_string_equal(wide_text(ctx, p, 25, 50),
						"=62771017.35386680763835789423207666416102355444464034512896");
	assert_string_equal(wide_text(ctx, p, 25, 60),
						"=0.006277101735386680763835789423207666416102355444464034512896");
	p[0] = 0xff;
	assert_string_equal(wide_text(ctx, p, 25, 0),
						"=-6277101735386680763835789423207666416102355444464034512896");
	assert_string_equal(wide_text(ctx, p, 0, 0), "=0");
	assert_string_equal(wide_text(ctx, p + 1, 24, 3), "=0.000");
	assert_string_equal(wide_text(ctx, p + 1, 1, 45),
						"=0.000000000000000000000000000000000000000000000");
}

static void
wide_and_narrow_printing_agree(void **state)
{
	LhCtx *ctx = *state;

	for (uint64_t i = 0; i < 20000; i++)
	{
		uint8_t p[24];
		LhI128 v = (LhI128) ((LhU128) lh_hash_u64(2 * i) << 64 | lh_hash_u64(2 * i + 1)) >> i % 128;
		int scale = (int) (i % 39);
		char narrow[64];
		LhBuf out;

		for (int k = 0; k < 24; k++)
			p[k] = (uint8_t) (v >> (k < 8 ? 127 : 8 * (23 - k)));
		/* scale 39 goes the wide way: a zero more than scale 38 */
		lh_decimal_format(v, scale, narrow);
		assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
		assert_int_equal(lh_decimal_format_be(ctx, p, 24, scale, &out), LH_OK);
		assert_int_equal(out.len, strlen(narrow));
		assert_memory_equal(out.data, narrow, out.len);
		if (i % 100 == 0)
		{
			out.len = 0;
			lh_decimal_format(v, 38, narrow);
			assert_int_equal(lh_decimal_format_be(ctx, p, 24, 39, &out), LH_OK);
			/* the same digits behind a point moved by one */
			assert_int_equal(out.data[out.len - 1], narrow[strlen(narrow) - 1]);
		}
	}
}

static void
what_numeric_cannot_hold_is_out_of_range(void **state)
{
	LhCtx *ctx = *state;
	uint8_t *p = lh_alloc0(ctx, 70000);
	LhBuf out;

	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	p[0] = 1;
	assert_int_equal(lh_decimal_format_be(ctx, p, 70000, 0, &out), LH_OUT_OF_RANGE);
	assert_int_equal(lh_decimal_format_be(ctx, p, 20, 16384, &out), LH_OUT_OF_RANGE);
	assert_int_equal(lh_decimal_format_be(ctx, p, 20, -1, &out), LH_OUT_OF_RANGE);
	assert_int_equal(out.len, 0);
	/* many bytes of a small number are no harm */
	p[0] = 0;
	assert_int_equal(lh_decimal_format_be(ctx, p, 70000, 0, &out), LH_OK);
	/* the largest that is printed */
	memset(p, 0x7f, 61232);
	assert_int_equal(lh_decimal_format_be(ctx, p, 61232, 16383, &out), LH_OK);
	assert_true(out.len > 147000);
}

static void
raising_a_scale_multiplies_or_fails(void **state)
{
	LhI128 v;
	bool exact;

	(void) state;
	assert_true(lh_decimal_rescale(-125, 1, 4, &v, &exact));
	assert_true(v == -125000 && exact);
	assert_true(lh_decimal_rescale(9, 0, 37, &v, &exact));
	assert_true(v == 9 * lh_pow10[37]);
	assert_false(lh_decimal_rescale(10, 0, 37, &v, &exact));
	assert_false(lh_decimal_rescale(-10, 0, 37, &v, &exact));
	assert_false(lh_decimal_rescale(I128_MAX, 0, 1, &v, &exact));
	assert_false(lh_decimal_rescale(1, 0, 39, &v, &exact));
	assert_true(lh_decimal_rescale(0, 0, 100, &v, &exact));
	assert_true(v == 0 && exact);
	assert_true(lh_decimal_rescale(I128_MIN, 5, 5, &v, &exact));
	assert_true(v == I128_MIN);
}

static void
lowering_a_scale_is_floor_and_says_if_exact(void **state)
{
	LhI128 v;
	bool exact;

	(void) state;
	assert_true(lh_decimal_rescale(1299, 2, 0, &v, &exact));
	assert_true(v == 12 && !exact);
	assert_true(lh_decimal_rescale(-1201, 2, 0, &v, &exact));
	assert_true(v == -13 && !exact);
	assert_true(lh_decimal_rescale(-1200, 2, 0, &v, &exact));
	assert_true(v == -12 && exact);
	assert_true(lh_decimal_rescale(-1, 50, 0, &v, &exact));
	assert_true(v == -1 && !exact);
	assert_true(lh_decimal_rescale(0, 50, 0, &v, &exact));
	assert_true(v == 0 && exact);
	assert_true(lh_decimal_rescale(I128_MIN, 38, 0, &v, &exact));
	assert_true(v == -2 && !exact);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(powers_of_ten_are_what_they_say),
		TEST(wide_integers_are_added_and_multiplied),
		TEST(big_endian_bytes_become_numbers_of_any_width),
		TEST(wide_numbers_are_taken_while_they_fit),
		TEST(decimals_are_printed_with_their_scale),
		TEST(wide_decimals_are_printed_exactly),
		TEST(wide_and_narrow_printing_agree),
		TEST(what_numeric_cannot_hold_is_out_of_range),
		TEST(raising_a_scale_multiplies_or_fails),
		TEST(lowering_a_scale_is_floor_and_says_if_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
