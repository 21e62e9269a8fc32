/*
 * test_cdc_protobuf.c
 *		The format "protobuf": bytes of every kind of value, and rows at random.
 *
 * What foreign readers make of it, test/differential/cdc/protobuf tells.
 */
#include "unit/cdc_protobuf.h"

static void
is(LhCtx *ctx, uint32_t typid, LhCell cell, const char *want)
{
	LhChangeColumn c = cdc_col(ctx, "a", typid, (LhCellKind) cell.kind, "type", "type");

	assert_string_equal(hex(ctx, row_of(ctx, 1, &c, &cell)), want);
}

static void
numbers(void **state)
{
	LhCtx *ctx = *state;

	is(ctx, 16, cdc_bool(false), "0800");
	is(ctx, 16, cdc_bool(true), "0801");
	is(ctx, 21, cdc_int(0), "0800");
	is(ctx, 21, cdc_int(-1), "0801");
	is(ctx, 23, cdc_int(1), "0802");
	is(ctx, 23, cdc_int(63), "087e");
	is(ctx, 23, cdc_int(64), "088001");
	is(ctx, 23, cdc_int(INT32_MAX), "08feffffff0f");
	is(ctx, 23, cdc_int(INT32_MIN), "08ffffffff0f");
	is(ctx, 20, cdc_int(INT64_MAX), "08feffffffffffffffff01");
	is(ctx, 20, cdc_int(INT64_MIN), "08ffffffffffffffffff01");
	is(ctx, 26, cdc_int(0), "0800");
	is(ctx, 26, cdc_int(UINT32_MAX), "08ffffffff0f");
	is(ctx, 28, cdc_int(300), "08ac02");
	is(ctx, 700, cdc_float4(1.5f), "0d0000c03f");
	is(ctx, 700, cdc_float4(-0.0f), "0d00000080");
	is(ctx, 700, cdc_float4(__builtin_inff()), "0d0000807f");
	is(ctx, 701, cdc_float8(0.1), "099a9999999999b93f");
	is(ctx, 701, cdc_float8(-__builtin_inf()), "09000000000000f0ff");
	is(ctx, 701, cdc_float8(__builtin_nan("")), "09000000000000f87f");
}

static void
times(void **state)
{
	LhCtx *ctx = *state;

	is(ctx, 1082, cdc_time(LH_CELL_DATE, -10957), "0800"); /* 1970-01-01 */
	is(ctx, 1082, cdc_time(LH_CELL_DATE, 0), "089aab01");  /* 2000-01-01 */
	is(ctx, 1082, cdc_time(LH_CELL_DATE, INT32_MAX), "08feffffff0f");
	is(ctx, 1082, cdc_time(LH_CELL_DATE, INT32_MIN), "08ffffffff0f");
	is(ctx, 1082, cdc_time(LH_CELL_DATE, 2145031948), "08b287d6fd0f"); /* 5874897-12-31 */
	is(ctx, 1083, cdc_time(LH_CELL_TIME, INT64_C(86400000000)), "088080bbdd8305"); /* 24:00:00 */
	is(ctx, 1114, cdc_time(LH_CELL_TIMESTAMP, -INT64_C(946684800000000)), "090000000000000000");
	is(ctx, 1114, cdc_time(LH_CELL_TIMESTAMP, 0), "0900e0373b015d0300");
	is(ctx, 1184, cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MAX), "09ffffffffffffff7f");
	is(ctx, 1184, cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MIN), "090000000000000080");
	/* the last that 64 bits hold, and the first that they do not */
	is(ctx, 1114, cdc_time(LH_CELL_TIMESTAMP, INT64_MAX - INT64_C(946684800000000) - 1),
	   "09feffffffffffff7f");
	is(ctx, 1114, cdc_time(LH_CELL_TIMESTAMP, INT64_MAX - INT64_C(946684800000000)),
	   "827d20"
	   "0801"
	   "121c"
	   "3239343234372d30312d31302030343a30303a35342e373735383037");
	is(ctx, 1266, cdc_timetz(INT64_C(14706789000), -19800),
	   "0a12"
	   "30343a30353a30362e3738392b30353a3330");
	is(ctx, 1186, cdc_interval(INT64_C(14706789000), 3, 14),
	   "0a12"
	   "503159324d3344543448354d362e37383953");
}

static void
texts(void **state)
{
	LhCtx *ctx = *state;

	is(ctx, 25, cdc_text(""), "0a00");
	is(ctx, 25, cdc_text("\xc3\xa9"), "0a02c3a9");
	is(ctx, 3802, cdc_string(LH_CELL_JSON, "{\"a\": 1}"), "0a087b2261223a20317d");
	is(ctx, 790, cdc_other("$1.00"), "0a0524312e3030");
	is(ctx, 17, cdc_data(LH_CELL_BYTES, "\x00\xff", 2), "0a0200ff");
	is(ctx, 17, cdc_data(LH_CELL_BYTES, "", 0), "0a00");
	is(ctx, 2950,
	   cdc_data(LH_CELL_UUID, "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11",
				16),
	   "0a24"
	   "61306565626339392d396330622d346566382d626236642d366262396264333830613131");
	is(ctx, 1700, cdc_decimal(ctx, "-12.30"), "0a062d31322e3330");
	is(ctx, 1700, cdc_decimal(ctx, "NaN"), "0a034e614e");
	is(ctx, 1700, cdc_decimal(ctx, "-Infinity"), "0a092d496e66696e697479");
	is(ctx, 1700, cdc_decimal(ctx, "0"), "0a0130");
}

/* Lengths of one, two and three bytes, of a numeric and of texts. */
static void
lengths(void **state)
{
	static const size_t sizes[] = {0,   1,   111,   112,   113,   126,     127,
								   128, 129, 16383, 16384, 16385, 2097151, 2097152};
	LhCtx *ctx = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		size_t n = sizes[i];
		char *s = lh_alloc(ctx, n + 1);
		LhChangeColumn c = cdc_textcol(ctx, "a");
		LhCell cell;

		memset(s, '7', n);
		s[n] = '\0';
		cell = cdc_text(s);
		assert_int_equal(row_of(ctx, 1, &c, &cell).len, 1 + lh_pb_varint_size(n) + n);
		if (n == 0 || n > 20000)
			continue;
		c = cdc_col(ctx, "a", 1700, LH_CELL_NUMERIC, "numeric", "numeric");
		cell = cdc_decimal(ctx, s);
		assert_int_equal(row_of(ctx, 1, &c, &cell).len, 1 + lh_pb_varint_size(n) + n);
	}
}

static void
array_is(LhCtx *ctx, uint32_t elem, LhCellKind kind, LhCell cell, const char *want)
{
	LhChangeColumn c = cdc_col(ctx, "a", 1007, LH_CELL_ARRAY, "_type", "type[]");

	c.elem_typid = elem;
	c.elem_kind = kind;
	assert_string_equal(hex(ctx, row_of(ctx, 1, &c, &cell)), want);
}

static LhCell
matrix(LhCtx *ctx, int lbound, const LhCell *items)
{
	LhCell c = cdc_list(ctx, 4, items);
	LhCellArray *a = lh_memdup(ctx, c.array, sizeof(*a));

	a->ndim = 2;
	a->dims[0] = a->dims[1] = 2;
	a->lbound[0] = lbound;
	a->lbound[1] = 1;
	c.array = a;
	return c;
}

static void
arrays(void **state)
{
	LhCtx *ctx = *state;
	LhCell ints[] = {cdc_int(1), CDC_NULL, cdc_int(-2), cdc_int(100)};
	LhCell words[] = {cdc_text("a"), CDC_NULL, cdc_text("")};
	LhCell stamps[] = {cdc_time(LH_CELL_TIMESTAMP, INT64_MAX)};
	LhCell late[] = {cdc_time(LH_CELL_TIMESTAMP, INT64_MAX - 1)};
	LhCell uuids[] = {cdc_data(LH_CELL_UUID, "0123456789abcdef", 16)};
	LhCell bools[] = {cdc_bool(true), CDC_NULL};
	LhCell raw[] = {cdc_text("a"), cdc_data(LH_CELL_RAW, "\xff\"", 2)};
	LhCell doubles[] = {cdc_float8(1)};
	LhCell nulls[200];
	LhSlice s;

	array_is(ctx, 23, LH_CELL_INT, cdc_list(ctx, 0, NULL), "0a00");
	array_is(ctx, 23, LH_CELL_INT, cdc_list(ctx, 3, ints),
			 "0a08"
			 "0a03020003"
			 "120101");
	array_is(ctx, 23, LH_CELL_INT, matrix(ctx, 1, ints),
			 "0a0e"
			 "0a05020003c801"
			 "120101"
			 "1a020202");
	array_is(ctx, 23, LH_CELL_INT, matrix(ctx, -1, ints),
			 "0a12"
			 "0a05020003c801"
			 "120101"
			 "1a020202"
			 "22020102");
	array_is(ctx, 25, LH_CELL_TEXT, cdc_list(ctx, 3, words),
			 "0a0a"
			 "0a0161"
			 "0a00"
			 "0a00"
			 "120101");
	array_is(ctx, 17, LH_CELL_BYTES,
			 cdc_list(ctx, 1, (LhCell[]){cdc_data(LH_CELL_BYTES, "\xff", 1)}),
			 "0a03"
			 "0a01ff");
	array_is(ctx, 16, LH_CELL_BOOL, cdc_list(ctx, 2, bools),
			 "0a07"
			 "0a020100"
			 "120101");
	array_is(ctx, 701, LH_CELL_FLOAT8, cdc_list(ctx, 1, doubles),
			 "0a0a"
			 "0a08000000000000f03f");
	array_is(ctx, 1114, LH_CELL_TIMESTAMP, cdc_list(ctx, 1, stamps),
			 "0a0a"
			 "0a08ffffffffffffff7f");
	array_is(ctx, 2950, LH_CELL_UUID, cdc_list(ctx, 1, uuids),
			 "0a26"
			 "0a24"
			 "33303331333233332d333433352d333633372d333833392d363136323633363436353636");
	/* an element that does not fit: the whole array is text, bytes that are no UTF-8 as they are */
	array_is(ctx, 1114, LH_CELL_TIMESTAMP, cdc_list(ctx, 1, late),
			 "827d24"
			 "0801"
			 "1220"
			 "7b223239343237372d30312d30392030343a30303a35342e373735383036227d");
	array_is(ctx, 25, LH_CELL_TEXT, cdc_list(ctx, 2, raw),
			 "827d0d"
			 "0801"
			 "1209"
			 "7b612c22ff5c22227d");
	/* places of nulls beyond 127 */
	for (int i = 0; i < 200; i++)
		nulls[i] = CDC_NULL;
	s = row_of(ctx, 1,
			   (LhChangeColumn[]){{.name = "a",
								   .type_name = "int[]",
								   .attnum = 1,
								   .kind = LH_CELL_ARRAY,
								   .elem_kind = LH_CELL_INT,
								   .elem_typid = 23}},
			   (LhCell[]){cdc_list(ctx, 200, nulls)});
	assert_int_equal(s.len, 1 + 2 + (1 + 2 + 200) + (1 + 2 + 128 + 72 * 2));
}

static void
cells_that_do_not_fit(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a"),
								cdc_textcol(ctx, "b")};
	LhCell cells[] = {cdc_text("x"), cdc_data(LH_CELL_RAW, "\xff", 1), cdc_text("b")};

	assert_string_equal(hex(ctx, row_of(ctx, 3, columns, cells)), "1a0162"
																  "827d05"
																  "0801"
																  "120178"
																  "827d05"
																  "0802"
																  "1201ff");
}

/* Numbers of two bytes, as far as PostgreSQL goes. */
static void
attnums(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "a", 0), cdc_int4(ctx, "b", 0),
								cdc_textcol(ctx, "c")};
	LhCell cells[] = {cdc_int(1), cdc_int(2), cdc_text("c")};

	columns[0].attnum = 15;
	columns[1].attnum = 16;
	columns[2].attnum = 1600;
	assert_string_equal(hex(ctx, row_of(ctx, 3, columns, cells)), "7802"
																  "800104"
																  "82640163");
}

/* ---- random rows ---- */

static void
random_rows(void **state)
{
	static const uint32_t ints[] = {21, 23, 20, 26, 28};
	LhCtx *ctx = *state;

	for (int run = 0; run < 20000; run++)
	{
		LhArena *old = lh_use(ctx, lh_arena_child(ctx->arena));
		int n = 1 + (int) (cdc_random() % 12);
		LhChangeColumn columns[12];
		LhCell cells[12];

		for (int i = 0; i < n; i++)
		{
			LhCellKind kind =
				(LhCellKind) (LH_CELL_BOOL + cdc_random() % (LH_N_CELL_KINDS - LH_CELL_BOOL));
			LhChangeColumn *c = &columns[i];
			const LhCellArray *a;

			*c = cdc_col(ctx, "a", 20, kind, "t", "t");
			c->attnum = (i > 0 ? columns[i - 1].attnum : 0) + 1 + (int) (cdc_random() % 100);
			cells[i] = cdc_any_of(ctx, kind, 0);
			if (kind == LH_CELL_INT)
			{
				c->base_typid = ints[cdc_random() % 5];
				if (c->base_typid == 21 || c->base_typid == 23)
					cells[i].i64 =
						c->base_typid == 21 ? (int16_t) cells[i].i64 : (int32_t) cells[i].i64;
				else if (c->base_typid != 20)
					cells[i].i64 = (uint32_t) cells[i].i64;
			}
			a = kind == LH_CELL_ARRAY ? cells[i].array : NULL;
			c->elem_typid = 20;
			for (int k = 0; a != NULL && k < a->nitems; k++)
			{
				if (a->items[k].kind != LH_CELL_NULL)
					c->elem_kind = (LhCellKind) a->items[k].kind;
			}
			if (cdc_random() % 8 == 0)
				cells[i] = (LhCell){.kind = (uint8_t) (cdc_random() % 3)};
			else if (cdc_random() % 16 == 0)
			{
				LhCell other = cdc_any_cell(ctx, 0);

				cells[i] = other.kind != LH_CELL_INT ? other : cells[i];
			}
		}
		row_of(ctx, n, columns, cells);
		lh_arena_destroy(lh_use(ctx, old));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(times, setup, teardown),
		cmocka_unit_test_setup_teardown(texts, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(arrays, setup, teardown),
		cmocka_unit_test_setup_teardown(cells_that_do_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(attnums, setup, teardown),
		cmocka_unit_test_setup_teardown(random_rows, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
