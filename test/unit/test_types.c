/*
 * test_types.c
 *		Names, unions and order of types and values.
 */
#include "test_vec_gen.h"

static LhCtx *ctx;

static int
setup(void **state)
{
	ctx = lh_ctx_create();
	return 0;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(ctx);
	return 0;
}

static const char *
type_text(const LhType *t)
{
	LhBuf text;

	ok(lh_buf_init(ctx, &text, false));
	ok(lh_type_format(ctx, t, &text));
	ok(lh_buf_putc(ctx, &text, 0));
	return (const char *) text.data;
}

static const char *
value_text(LhValue v)
{
	LhBuf text;

	ok(lh_buf_init(ctx, &text, false));
	ok(lh_value_format(ctx, &v, &text));
	ok(lh_buf_putc(ctx, &text, 0));
	return (const char *) text.data;
}

static const LhType t_int8 = {.id = LH_T_INT8, .lane = LH_LANE_I32};
static const LhType t_int16 = {.id = LH_T_INT16, .lane = LH_LANE_I32};
static const LhType t_int32 = {.id = LH_T_INT32, .lane = LH_LANE_I32};
static const LhType t_int64 = {.id = LH_T_INT64, .lane = LH_LANE_I64};
static const LhType t_uint8 = {.id = LH_T_UINT8, .lane = LH_LANE_I32};
static const LhType t_uint32 = {.id = LH_T_UINT32, .lane = LH_LANE_I64};
static const LhType t_uint64 = {.id = LH_T_UINT64, .lane = LH_LANE_I128};
static const LhType t_half = {.id = LH_T_FLOAT16, .lane = LH_LANE_F32};
static const LhType t_float = {.id = LH_T_FLOAT, .lane = LH_LANE_F32};
static const LhType t_double = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
static const LhType t_date = {.id = LH_T_DATE, .lane = LH_LANE_I32};
static const LhType t_string = {.id = LH_T_STRING, .lane = LH_LANE_STR};
static const LhType t_json = {.id = LH_T_JSON, .lane = LH_LANE_STR};
static const LhType t_binary = {.id = LH_T_BINARY, .lane = LH_LANE_STR};
static const LhType t_null = {.id = LH_T_NULL};
static const LhType t_bool = {.id = LH_T_BOOL, .lane = LH_LANE_U8};

static void
types_print(void **state)
{
	LhField fields[2] = {{.name = "a", .type = t_int32}, {.name = "b", .type = t_string}};
	LhType list = {.id = LH_T_LIST, .nfields = 1, .fields = fields},
		   map = {.id = LH_T_MAP, .nfields = 2, .fields = fields},
		   strct = {.id = LH_T_STRUCT, .nfields = 2, .fields = fields},
		   ts = {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US, .utc = true},
		   dec = gen_decimal(15, 2, LH_LANE_I64),
		   fixed = {.id = LH_T_FIXED, .lane = LH_LANE_FIX, .width = 7};

	assert_string_equal(type_text(&list), "list<int32>");
	assert_string_equal(type_text(&map), "map<int32, string>");
	assert_string_equal(type_text(&strct), "struct<a: int32, b: string>");
	assert_string_equal(type_text(&ts), "timestamp(us, utc)");
	assert_string_equal(type_text(&dec), "decimal(15,2)");
	assert_string_equal(type_text(&fixed), "fixed(7)");
	assert_string_equal(lh_type_name(&t_uint64), "uint64");
}

static void
expect_union(const LhType *a, const LhType *b, const char *want)
{
	LhType u;

	for (int turn = 0; turn < 2; turn++)
	{
		bool yes = lh_type_union(ctx, turn ? b : a, turn ? a : b, &u);

		if (want == NULL)
			assert_false(yes);
		else
		{
			assert_true(yes);
			assert_string_equal(type_text(&u), want);
		}
	}
}

static void
unions_hold_both_exactly(void **state)
{
	LhType dec = gen_decimal(9, 2, LH_LANE_I32), dec6 = gen_decimal(20, 6, LH_LANE_I128),
		   wide = gen_decimal(38, 38, LH_LANE_I128), ms = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_MS),
		   us = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_US), utc = us;

	utc.utc = true;
	expect_union(&t_int8, &t_int32, "int32");
	expect_union(&t_uint8, &t_int8, "int16");
	expect_union(&t_uint32, &t_int32, "int64");
	expect_union(&t_uint32, &t_int64, "int64");
	expect_union(&t_uint64, &t_int8, "decimal(20,0)");
	expect_union(&t_uint64, &t_uint8, "uint64");
	expect_union(&t_int32, &dec, "decimal(12,2)");
	expect_union(&t_int64, &dec6, "decimal(25,6)");
	expect_union(&dec, &dec6, "decimal(20,6)");
	expect_union(&wide, &dec, "decimal(45,38)");
	expect_union(&t_int16, &t_float, "float");
	expect_union(&t_int32, &t_float, "double");
	expect_union(&t_int8, &t_half, "float16");
	expect_union(&t_int16, &t_half, "float");
	expect_union(&t_int64, &t_double, NULL);
	expect_union(&t_float, &t_double, "double");
	expect_union(&dec, &t_double, NULL);
	expect_union(&ms, &us, "timestamp(us)");
	expect_union(&us, &utc, NULL);
	expect_union(&t_date, &us, NULL);
	expect_union(&t_string, &t_json, "string");
	expect_union(&t_string, &t_binary, NULL);
	expect_union(&t_null, &t_string, "string");
	expect_union(&t_bool, &t_int8, NULL);
}

static void
unions_of_nested_types(void **state)
{
	LhField a[2] = {{.name = "x", .type = t_int32, .required = true},
					{.name = "y", .type = t_string}},
			b[2] = {{.name = "x", .type = t_int64, .required = true},
					{.name = "z", .type = t_date, .required = true}};
	LhType sa = {.id = LH_T_STRUCT, .nfields = 2, .fields = a},
		   sb = {.id = LH_T_STRUCT, .nfields = 2, .fields = b}, u;
	LhField ea = {.name = "element", .type = sa}, eb = {.name = "item", .type = sb};
	LhType la = {.id = LH_T_LIST, .nfields = 1, .fields = &ea},
		   lb = {.id = LH_T_LIST, .nfields = 1, .fields = &eb};

	assert_true(lh_type_union(ctx, &la, &lb, &u));
	assert_string_equal(type_text(&u), "list<struct<x: int64, y: string, z: date>>");
	assert_true(u.fields[0].type.fields[0].required);
	assert_false(u.fields[0].type.fields[2].required);
	b[0].type = t_bool;
	assert_false(lh_type_union(ctx, &la, &lb, &u));
}

static void
equality_looks_at_what_matters(void **state)
{
	LhType a = gen_decimal(9, 2, LH_LANE_I32), b = gen_decimal(9, 3, LH_LANE_I32),
		   us = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_US), ns = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_NS);
	LhField x = {.name = "x", .type = a}, y = {.name = "y", .type = a};
	LhType lx = {.id = LH_T_LIST, .nfields = 1, .fields = &x},
		   ly = {.id = LH_T_LIST, .nfields = 1, .fields = &y};

	assert_true(lh_type_equal(&a, &a));
	assert_false(lh_type_equal(&a, &b));
	assert_false(lh_type_equal(&us, &ns));
	assert_false(lh_type_equal(&lx, &ly));
	assert_false(lh_type_equal(&t_int32, &t_int64));
}

/* An order written down by hand; each line is greater than the one above. */
static void
values_are_ordered(void **state)
{
	LhValue numbers[] = {
		{.type = gen_decimal(38, 0, LH_LANE_I128), .i128 = -lh_pow10[37]},
		{.type = t_int64, .i64 = INT64_MIN},
		{.type = gen_decimal(9, 2, LH_LANE_I32), .i64 = -101},
		{.type = t_int32, .i64 = -1},
		{.type = gen_decimal(18, 18, LH_LANE_I64), .i64 = -1},
		{.type = t_int32, .i64 = 0},
		{.type = gen_decimal(38, 38, LH_LANE_I128), .i128 = 1},
		{.type = gen_decimal(9, 3, LH_LANE_I32), .i64 = 999},
		{.type = t_int8, .i64 = 1},
		{.type = gen_decimal(9, 3, LH_LANE_I32), .i64 = 1001},
		{.type = t_uint64, .i128 = (LhI128) UINT64_MAX},
		{.type = gen_decimal(38, 0, LH_LANE_I128), .i128 = lh_pow10[37]},
	};
	LhValue floats[] = {
		{.type = t_double, .f64 = -INFINITY}, {.type = t_float, .f64 = -1},
		{.type = t_double, .f64 = 0},         {.type = t_double, .f64 = 5e-324},
		{.type = t_double, .f64 = INFINITY},  {.type = t_double, .f64 = NAN},
	};
	LhValue moments[] = {
		{.type = t_date, .i64 = -1},
		{.type = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_NS), .i64 = -1},
		{.type = t_date, .i64 = 0},
		{.type = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_NS), .i64 = 1},
		{.type = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_MS), .i64 = 1},
		{.type = t_date, .i64 = 1},
		{.type = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_S), .i64 = INT64_MAX},
	};
	struct
	{
		LhValue *v;
		int n;
	} lists[] = {{numbers, 12}, {floats, 6}, {moments, 7}};

	for (int l = 0; l < 3; l++)
	{
		for (int i = 0; i < lists[l].n; i++)
		{
			for (int j = 0; j < lists[l].n; j++)
			{
				int c = lh_value_compare(&lists[l].v[i], &lists[l].v[j]);

				if (c != (i < j ? -1 : i > j))
					fail_msg("list %d: %d against %d gives %d", l, i, j, c);
			}
		}
	}
}

static void
equal_values_of_other_forms(void **state)
{
	LhValue a = {.type = t_int32, .i64 = 12},
			b = {.type = gen_decimal(9, 3, LH_LANE_I32), .i64 = 12000},
			c = {.type = gen_decimal(50, 1, LH_LANE_STR),
				 .str = {(const uint8_t *) "\0\0\0\x78", 4, 0}},
			d = {.type = t_double, .f64 = -0.0}, e = {.type = t_float, .f64 = 0.0},
			null = {.type = t_int32, .null = true};

	assert_int_equal(lh_value_compare(&a, &b), 0);
	assert_int_equal(lh_value_compare(&a, &c), 0);
	assert_int_equal(lh_value_compare(&c, &b), 0);
	assert_int_equal(lh_value_compare(&d, &e), 0);
	assert_int_equal(lh_value_compare(&null, &null), 0);
	assert_int_equal(lh_value_compare(&a, &null), -1);
	d.f64 = e.f64 = NAN;
	assert_int_equal(lh_value_compare(&d, &e), 0);
}

/* Decimals beyond 128 bits, against their decimal text. */
static void
wide_decimals_compare_by_number(void **state)
{
	for (int i = 0; i < 20000; i++)
	{
		int scale = gen_int(4);
		LhType t[2] = {gen_decimal(60, scale, LH_LANE_STR),
					   gen_decimal(60, gen_chance(2) ? scale : gen_int(4), LH_LANE_STR)};
		LhValue v[2] = {gen_value(ctx, &t[0]), gen_value(ctx, &t[1])};
		char digits[2][128];
		int want;

		/* the same number of digits after the point, then compare sign, length, digits */
		for (int k = 0; k < 2; k++)
		{
			const char *text = value_text(v[k]);
			const char *point = strchr(text, '.');
			bool neg = *text == '-';
			char *d = digits[k];
			size_t n = 0;
			char all[128];

			for (const char *p = text + neg; *p != 0; p++)
			{
				if (*p != '.')
					all[n++] = *p;
			}
			for (size_t f = point != NULL ? strlen(point + 1) : 0; f < 4; f++)
				all[n++] = '0';
			all[n] = 0;
			sprintf(d, "%c%0100d", neg ? '-' : '+', 0);
			memcpy(d + 101 - n, all, n);
			if (strspn(d + 1, "0") == 100)
				d[0] = '+';
		}
		want = strcmp(digits[0] + 1, digits[1] + 1);
		if (digits[0][0] != digits[1][0])
			want = digits[0][0] == '-' ? -1 : 1;
		else if (digits[0][0] == '-')
			want = -want;
		want = (want > 0) - (want < 0);
		if (lh_value_compare(&v[0], &v[1]) != want)
			fail_msg("%s against %s should be %d", value_text(v[0]), value_text(v[1]), want);
		if (i % 100 == 0)
			lh_arena_reset(ctx->arena);
	}
}

static void
values_print(void **state)
{
	assert_string_equal(value_text((LhValue){.type = t_bool, .b = true}), "true");
	assert_string_equal(value_text((LhValue){.type = t_int64, .i64 = INT64_MIN}),
						"-9223372036854775808");
	assert_string_equal(value_text((LhValue){.type = gen_decimal(9, 2, LH_LANE_I32), .i64 = -5}),
						"-0.05");
	assert_string_equal(value_text((LhValue){.type = t_date, .i64 = 0}), "1970-01-01");
	assert_string_equal(
		value_text((LhValue){.type = t_string, .str = {(const uint8_t *) "hé", 3, 0}}), "hé");
	assert_string_equal(
		value_text((LhValue){.type = t_binary, .str = {(const uint8_t *) "\x01\xff", 2, 0}}),
		"\\x01ff");
	assert_string_equal(value_text((LhValue){.type = t_int32, .null = true}), "NULL");
	assert_string_equal(
		value_text((LhValue){.type = {.id = LH_T_UUID, .lane = LH_LANE_FIX, .width = 16},
							 .str = {(const uint8_t *) "0123456789abcdef", 16, 0}}),
		"30313233-3435-3637-3839-616263646566");
}

static void
products_of_128_bits(void **state)
{
	LhI128 r;

	assert_true(lh_mul_i128(LH_I128_MIN, 1, &r) && r == LH_I128_MIN);
	assert_false(lh_mul_i128(LH_I128_MIN, -1, &r));
	assert_true(lh_mul_i128(LH_I128_MAX, -1, &r) && r == -LH_I128_MAX);
	assert_false(lh_mul_i128(LH_I128_MAX, 2, &r));
	assert_true(lh_mul_i128((LhI128) 1 << 64, -((LhI128) 1 << 63), &r) && r == LH_I128_MIN);
	assert_false(lh_mul_i128((LhI128) 1 << 64, (LhI128) 1 << 63, &r));
	assert_true(lh_mul_i128(0, LH_I128_MIN, &r) && r == 0);
	for (int i = 0; i < 10000; i++)
	{
		int64_t a = (int64_t) gen_u64(), b = (int64_t) gen_u64();

		assert_true(lh_mul_i128(a, b, &r) && r == (LhI128) a * b);
	}
}

static void
float_keys_keep_the_order(void **state)
{
	static const double x[] = {-INFINITY, -1e308, -1, -5e-324, 0, 5e-324, 1, 1e308, INFINITY};

	for (int i = 0; i < 9; i++)
	{
		assert_true(lh_key_float(lh_float_key(x[i])) == x[i]);
		assert_true(i == 0 || lh_float_key(x[i - 1]) < lh_float_key(x[i]));
	}
	assert_int_equal(lh_float_key(-0.0), lh_float_key(0.0));
	assert_int_equal(lh_float_key(INFINITY), LH_KEY_INF);
	assert_int_equal(lh_float_key(-INFINITY), LH_KEY_MINUS_INF);
	assert_int_equal(lh_float_key(NAN), LH_KEY_NAN);
	assert_int_equal(lh_float_key(-NAN), LH_KEY_NAN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(types_print),
		TEST(unions_hold_both_exactly),
		TEST(unions_of_nested_types),
		TEST(equality_looks_at_what_matters),
		TEST(values_are_ordered),
		TEST(equal_values_of_other_forms),
		TEST(wide_decimals_compare_by_number),
		TEST(values_print),
		TEST(products_of_128_bits),
		TEST(float_keys_keep_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
