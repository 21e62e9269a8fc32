/*
 * test_ice_value.c
 *		Iceberg's single values: bytes of bounds, JSON of defaults (appendix D).
 */
#include "unit/ice_make.h"

#include <math.h>

static LhCtx *ctx;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

/* JSON of the value that bytes are under a type; "-" when they are none. */
static const char *
read_bytes(LhType type, const void *bytes, size_t n)
{
	LhValue v;

	if (!lh_ice_value_binary(&type, lh_slice(bytes, n), &v))
		return "-";
	assert_true(lh_type_equal(&v.type, &type));
	return ice_written(ctx, &v);
}

#define READ(type, bytes) read_bytes(type, bytes, sizeof(bytes) - 1)

static void
bytes_of_each_type(void **state)
{
	(void) state;
	assert_string_equal(READ(ICE_BOOL, "\0"), "false");
	assert_string_equal(READ(ICE_BOOL, "\x01"), "true");
	assert_string_equal(READ(ICE_INT, "\x22\0\0\0"), "34");
	assert_string_equal(READ(ICE_INT, "\xFF\xFF\xFF\xFF"), "-1");
	assert_string_equal(READ(ICE_LONG, "\x22\0\0\0\0\0\0\0"), "34");
	assert_string_equal(READ(ICE_FLOAT, "\0\0\x80\xBF"), "-1");
	assert_string_equal(READ(ICE_DOUBLE, "\0\0\0\0\0\0\xF8\x3F"), "1.5");
	assert_string_equal(READ(ICE_DATE, "\x4E\x44\0\0"), "\"2017-11-16\"");
	assert_string_equal(READ(ICE_TIME, "\0\x83\x07\xE0\x12\0\0\0"), "\"22:31:08\"");
	assert_string_equal(READ(ICE_TS, "\x01\xC3\x26\x2D\x21\x5E\x05\0"),
						"\"2017-11-16T22:31:08.000001\"");
	assert_string_equal(READ(ICE_TSTZ, "\x01\xC3\x26\x2D\x21\x5E\x05\0"),
						"\"2017-11-16T22:31:08.000001+00:00\"");
	assert_string_equal(READ(ICE_STRING, "abc"), "\"abc\"");
	assert_string_equal(READ(ICE_STRING, ""), "\"\"");
	assert_string_equal(READ(ICE_BINARY, "\0\xFF"), "\"\\\\x00ff\"");
	assert_string_equal(READ(ICE_FIXED4, "\0\x01\x02\x03"), "\"\\\\x00010203\"");
	assert_string_equal(
		READ(ICE_UUID, "\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7\x85\xe7"),
		"\"f79c3e09-677c-4bbd-a479-3f349cb785e7\"");
}

/* 6.4 no. 4: the length says what type a bound was written with. */
static void
promoted_bounds_are_read_by_their_length(void **state)
{
	(void) state;
	assert_string_equal(READ(ICE_LONG, "\xFE\xFF\xFF\xFF"), "-2");
	assert_string_equal(READ(ICE_DOUBLE, "\0\0\xC0\x3F"), "1.5");
	assert_string_equal(READ(ICE_TS, "\x4E\x44\0\0"), "\"2017-11-16T00:00:00\"");
	assert_string_equal(READ(ICE_TS_NS, "\x4E\x44\0\0"), "\"2017-11-16T00:00:00\"");
	assert_string_equal(READ(ICE_TS, "\xFF\xFF\xFF\xFF"), "\"1969-12-31T00:00:00\"");
	/* days that no tick counts */
	assert_string_equal(READ(ICE_TS_NS, "\xFF\xFF\xFF\x7F"), "-");
	assert_string_equal(READ(ICE_TS, "\xFF\xFF\xFF\x7F"), "-");
	/* a long is no int unless it fits */
	assert_string_equal(READ(ICE_INT, "\0\0\0\0\x01\0\0\0"), "-");
	assert_string_equal(READ(ICE_FLOAT, "\0\0\0\0\0\0\xF8\x3F"), "-");
}

static void
decimals_of_any_length(void **state)
{
	(void) state;
	assert_string_equal(READ(ICE_DEC_9_2, "\x05\x8C"), "14.20");
	assert_string_equal(READ(ICE_DEC_9_2, "\0\0\0\0\x05\x8C"), "14.20");
	assert_string_equal(READ(ICE_DEC_9_2, "\xFF"), "-0.01");
	assert_string_equal(READ(ICE_DEC_38_2, "\x05\x8C"), "14.20");
	assert_string_equal(READ(ICE_DEC_38_2, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
										   "\xFF\xFF\xFF\xFF\xFF"),
						"-0.01");
	assert_string_equal(READ(ICE_DEC_38_2, "\x4B\x3B\x4C\xA8\x5A\x86\xC4\x7A\x09\x8A\x22\x3F\xFF"
										   "\xFF\xFF\xFF"),
						"999999999999999999999999999999999999.99");
	assert_string_equal(READ(ICE_DEC_9_2, ""), "-");
	assert_string_equal(READ(ICE_DEC_9_2, "\x01\0\0\0\0\0\0\0\0"), "-");
	assert_string_equal(READ(ICE_DEC_38_2, "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "-");
}

static void
bytes_that_fit_no_type_say_nothing(void **state)
{
	const LhType geometry = {.id = LH_T_GEOMETRY, .lane = LH_LANE_STR};
	const LhType variant = {.id = LH_T_VARIANT}, list = {.id = LH_T_LIST}, null = {.id = LH_T_NULL};

	(void) state;
	assert_string_equal(READ(ICE_BOOL, ""), "-");
	assert_string_equal(READ(ICE_INT, "\x01\x02\x03"), "-");
	assert_string_equal(READ(ICE_LONG, "\x01\x02\x03\x04\x05"), "-");
	assert_string_equal(READ(ICE_DATE, "\x01\0\0\0\0\0\0\0"), "-");
	assert_string_equal(READ(ICE_TIME, "\x01\0\0\0"), "-");
	assert_string_equal(READ(ICE_UUID, "\x01\0\0\0"), "-");
	assert_string_equal(READ(ICE_FIXED4, "\x01\0\0\0\0"), "-");
	/* bounds of these are no values: boxes, paths and their bounds */
	assert_string_equal(READ(geometry, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "-");
	assert_string_equal(READ(variant, "\x01\0\0"), "-");
	assert_string_equal(READ(list, "\x01\0\0\0"), "-");
	assert_string_equal(READ(null, "\x01\0\0\0"), "-");
}

/* What is written back of JSON read; "-" when it is refused. */
static const char *
through(LhType type, const char *json)
{
	LhValue v;
	LhStatus status = lh_ice_value_json(ctx, &type, lh_slice(json, strlen(json)), &v);

	if (status != LH_OK)
	{
		assert_int_equal(status, LH_CORRUPT);
		assert_true(ctx->error->message[0] != '\0');
		lh_error_clear(ctx);
		return "-";
	}
	return ice_written(ctx, &v);
}

static void
json_of_each_type(void **state)
{
	LhValue v;

	(void) state;
	assert_string_equal(through(ICE_BOOL, "true"), "true");
	assert_string_equal(through(ICE_INT, "34"), "34");
	assert_string_equal(through(ICE_LONG, "-9223372036854775808"), "-9223372036854775808");
	assert_string_equal(through(ICE_FLOAT, "1.1"), "1.1");
	assert_string_equal(through(ICE_FLOAT, "1"), "1");
	assert_string_equal(through(ICE_DOUBLE, "1.1"), "1.1");
	assert_string_equal(through(ICE_DOUBLE, "123456789012345678901234567890"), "1.2345678901234568e+29");
	assert_string_equal(through(ICE_DATE, "\"2017-11-16\""), "\"2017-11-16\"");
	assert_string_equal(through(ICE_DATE, "\"-0044-03-15\""), "\"-0044-03-15\"");
	assert_string_equal(through(ICE_TIME, "\"22:31:08.123456\""), "\"22:31:08.123456\"");
	assert_string_equal(through(ICE_TIME, "\"22:31\""), "\"22:31:00\"");
	assert_string_equal(through(ICE_TS, "\"2017-11-16T22:31:08.123456\""),
						"\"2017-11-16T22:31:08.123456\"");
	assert_string_equal(through(ICE_TSTZ, "\"2017-11-16T22:31:08.000001+00:00\""),
						"\"2017-11-16T22:31:08.000001+00:00\"");
	assert_string_equal(through(ICE_TSTZ, "\"2017-11-16T14:31:08-08:00\""),
						"\"2017-11-16T22:31:08+00:00\"");
	assert_string_equal(through(ICE_TSTZ, "\"2017-11-16T22:31:08Z\""),
						"\"2017-11-16T22:31:08+00:00\"");
	assert_string_equal(through(ICE_TS_NS, "\"1969-12-31T23:59:59.123456789\""),
						"\"1969-12-31T23:59:59.123456789\"");
	assert_string_equal(through(ICE_UUID, "\"f79c3e09-677c-4bbd-a479-3f349cb785e7\""),
						"\"f79c3e09-677c-4bbd-a479-3f349cb785e7\"");
	assert_string_equal(through(ICE_FIXED4, "\"000102FF\""), "\"\\\\x000102ff\"");
	assert_string_equal(through(ICE_BINARY, "\"\""), "\"\\\\x\"");
	assert_string_equal(through(ICE_STRING, "\"a\\u00e9\\\"\""), "\"a\xc3\xa9\\\"\"");
	assert_string_equal(through(ICE_INT, "null"), "null");
	v = ice_json(ctx, ICE_STRING, "\"a\\u0000b\"");
	assert_int_equal(v.str.len, 3);
	v = ice_json(ctx, ICE_FLOAT, "0.1");
	assert_true(v.f64 == (double) 0.1f);
}

static void
json_decimals_keep_their_scale(void **state)
{
	const LhType round = {
		.id = LH_T_DECIMAL, .lane = LH_LANE_I128, .precision = 38, .scale = 0};

	(void) state;
	assert_string_equal(through(ICE_DEC_9_2, "\"14.20\""), "14.20");
	assert_string_equal(through(ICE_DEC_9_2, "\"14.2\""), "14.20");
	assert_string_equal(through(ICE_DEC_9_2, "\"-14.200\""), "-14.20");
	assert_string_equal(through(ICE_DEC_9_2, "\"14.201\""), "-");
	assert_string_equal(through(ICE_DEC_9_2, "\"9999999.99\""), "9999999.99");
	assert_string_equal(through(ICE_DEC_9_2, "\"10000000.00\""), "-");
	assert_string_equal(through(round, "\"2E+20\""), "200000000000000000000");
	assert_string_equal(through(round, "\"2E+40\""), "-");
	assert_string_equal(through(round, "\"0E+900\""), "0");
	assert_string_equal(through(round, "\"99999999999999999999999999999999999999\""),
						"99999999999999999999999999999999999999");
	assert_string_equal(through(round, "\"999999999999999999999999999999999999999\""), "-");
	assert_string_equal(through(ICE_DEC_9_2, "\"1.2.3\""), "-");
	assert_string_equal(through(ICE_DEC_9_2, "\"\""), "-");
	assert_string_equal(through(ICE_DEC_9_2, "\"1E\""), "-");
	assert_string_equal(through(ICE_DEC_9_2, "\"1E 2\""), "-");
	assert_string_equal(through(ICE_DEC_9_2, "14.20"), "-");
}

static void
json_of_another_type_is_refused(void **state)
{
	const LhType list = {.id = LH_T_LIST};
	LhValue v;

	(void) state;
	assert_string_equal(through(ICE_INT, "2147483648"), "-");
	assert_string_equal(through(ICE_INT, "1.0"), "-");
	assert_string_equal(through(ICE_INT, "\"1\""), "-");
	assert_string_equal(through(ICE_INT, "true"), "-");
	assert_string_equal(through(ICE_BOOL, "1"), "-");
	assert_string_equal(through(ICE_FLOAT, "1e39"), "-");
	assert_string_equal(through(ICE_STRING, "1"), "-");
	assert_string_equal(through(ICE_STRING, "\"a"), "-");
	assert_string_equal(through(ICE_STRING, "\"a\" 1"), "-");
	assert_string_equal(through(ICE_STRING, "{}"), "-");
	assert_string_equal(through(ICE_DATE, "\"2017-02-29\""), "-");
	assert_string_equal(through(ICE_DATE, "\"2017-13-01\""), "-");
	assert_string_equal(through(ICE_DATE, "\"2017-11-16 \""), "-");
	assert_string_equal(through(ICE_DATE, "\"2017-11-16\\u0000\""), "-");
	assert_string_equal(through(ICE_TIME, "\"24:00:00\""), "-");
	assert_string_equal(through(ICE_TIME, "\"22:31:08.1234567\""), "-");
	assert_string_equal(through(ICE_TS, "\"2017-11-16T22:31:08+00:00\""), "-");
	assert_string_equal(through(ICE_TSTZ, "\"2017-11-16T22:31:08\""), "-");
	assert_string_equal(through(ICE_TS, "\"300000-01-01T00:00:00\""), "-");
	assert_string_equal(through(ICE_UUID, "\"f79c3e09677c4bbda4793f349cb785e7\""), "-");
	assert_string_equal(through(ICE_UUID, "\"f79c3e09-677c-4bbd-a479-3f349cb785eg\""), "-");
	assert_string_equal(through(ICE_FIXED4, "\"0001\""), "-");
	assert_string_equal(through(ICE_BINARY, "\"0\""), "-");
	assert_int_equal(lh_ice_value_json(ctx, &list, lh_slice("[1]", 3), &v), LH_UNSUPPORTED);
}

static void
floats_without_json_form_are_strings(void **state)
{
	LhValue nan = ice_float(ICE_DOUBLE, NAN), inf = ice_float(ICE_FLOAT, -INFINITY);

	(void) state;
	assert_string_equal(ice_written(ctx, &nan), "\"NaN\"");
	assert_string_equal(ice_written(ctx, &inf), "\"-Infinity\"");
}

static void
values_become_those_of_a_promoted_type(void **state)
{
	LhValue day = ice_int(ICE_DATE, -1), i = ice_int(ICE_INT, 7), f = ice_float(ICE_FLOAT, 1.5),
			dec = ice_int(ICE_DEC_9_2, 1420), null = ice_null(ICE_INT), out;

	(void) state;
	assert_true(lh_ice_value_promote(&day, &ICE_TS, &out));
	assert_string_equal(ice_written(ctx, &out), "\"1969-12-31T00:00:00\"");
	assert_true(lh_ice_value_promote(&i, &ICE_LONG, &out) && out.i64 == 7);
	assert_true(lh_ice_value_promote(&f, &ICE_DOUBLE, &out) && out.f64 == 1.5);
	assert_true(lh_ice_value_promote(&dec, &ICE_DEC_38_2, &out));
	assert_string_equal(ice_written(ctx, &out), "14.20");
	assert_true(lh_ice_value_promote(&null, &ICE_LONG, &out) && out.null);
	/* 6.4 no. 10: the result of day is an int or a date */
	assert_true(lh_ice_value_promote(&i, &ICE_DATE, &out) && out.i64 == 7);
	assert_false(lh_ice_value_promote(&i, &ICE_STRING, &out));
	assert_false(lh_ice_value_promote(&f, &ICE_LONG, &out));
	assert_false(lh_ice_value_promote(&dec, &ICE_LONG, &out));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_of_each_type),
		TEST(promoted_bounds_are_read_by_their_length),
		TEST(decimals_of_any_length),
		TEST(bytes_that_fit_no_type_say_nothing),
		TEST(json_of_each_type),
		TEST(json_decimals_keep_their_scale),
		TEST(json_of_another_type_is_refused),
		TEST(floats_without_json_form_are_strings),
		TEST(values_become_those_of_a_promoted_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
