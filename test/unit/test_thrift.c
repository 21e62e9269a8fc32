/*
 * test_thrift.c
 *		The reader of the compact protocol: right values, and no trust in lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "parquet/thrift.h"
#include "unit/pq_write.h"

static void
takes_every_kind_of_field(void **state)
{
	Tw w = {0};
	LhThrift r;
	LhThriftField f = {0};
	int32_t i32 = 0;
	int64_t i64 = 0;
	int i8 = 0;
	bool yes = false, no = true;
	LhSlice s = {0};

	(void) state;
	tw_open(&w);
	tw_bool(&w, 1, true);
	tw_bool(&w, 2, false);
	tw_i8(&w, 3, -7);
	tw_i32(&w, 4, INT32_MIN);
	tw_i64(&w, 300, INT64_MIN);
	tw_binary(&w, 301, "a\0b", 3);
	tw_close(&w);
	lh_thrift_init(&r, w.p, w.len);
	while (lh_thrift_next(&r, &f))
		switch (f.id)
		{
			case 1: assert_true(lh_thrift_bool(&r, &f, &yes)); break;
			case 2: assert_true(lh_thrift_bool(&r, &f, &no)); break;
			case 3: assert_true(lh_thrift_i8(&r, &f, &i8)); break;
			case 4: assert_true(lh_thrift_i32(&r, &f, &i32)); break;
			case 300: assert_true(lh_thrift_i64(&r, &f, &i64)); break;
			case 301: assert_true(lh_thrift_binary(&r, &f, &s)); break;
			default: fail();
		}
	assert_true(lh_thrift_ok(&r));
	assert_ptr_equal(r.p, r.end);
	assert_true(yes && !no);
	assert_int_equal(i8, -7);
	assert_int_equal(i32, INT32_MIN);
	assert_true(i64 == INT64_MIN);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.data, "a\0b", 3);
	tw_free(&w);
}

static void
skips_fields_of_another_type(void **state)
{
	Tw w = {0};
	LhThrift r;
	LhThriftField f = {0};
	int32_t v = 42;
	LhThriftList list = {0};

	(void) state;
	tw_open(&w);
	tw_string(&w, 1, "not a number");
	tw_list(&w, 2, TW_BINARY, 2);
	tw_binary_item(&w, "x", 1);
	tw_binary_item(&w, "y", 1);
	tw_i32(&w, 3, 5);
	tw_close(&w);
	lh_thrift_init(&r, w.p, w.len);
	assert_true(lh_thrift_next(&r, &f));
	assert_false(lh_thrift_i32(&r, &f, &v));
	assert_int_equal(v, 42);
	assert_true(lh_thrift_next(&r, &f));
	assert_false(lh_thrift_list(&r, &f, LH_THRIFT_I32, &list));
	assert_true(lh_thrift_next(&r, &f));
	assert_true(lh_thrift_i32(&r, &f, &v));
	assert_int_equal(v, 5);
	assert_false(lh_thrift_next(&r, &f));
	assert_true(lh_thrift_ok(&r));
	tw_free(&w);
}

/* Everything that can be skipped, nested. */
static void
write_zoo(Tw *w)
{
	tw_open(w);
	tw_bool(w, 1, true);
	tw_i8(w, 2, 1);
	tw_i64(w, 3, INT64_MAX);
	tw_field(w, 4, TW_DOUBLE);
	tw_bytes(w, "12345678", 8);
	tw_string(w, 5, "a string that is longer than the others, so that its length ...");
	tw_list(w, 6, 1, 20);
	for (int i = 0; i < 20; i++)
		tw_byte(w, i % 2 + 1);
	tw_list(w, 7, TW_STRUCT, 2);
	for (int i = 0; i < 2; i++)
	{
		tw_open(w);
		tw_i32(w, 200, i);
		tw_close(w);
	}
	tw_field(w, 8, TW_MAP);
	tw_varint(w, 2);
	tw_byte(w, TW_BINARY << 4 | 1);
	for (int i = 0; i < 2; i++)
	{
		tw_binary_item(w, "key", 3);
		tw_byte(w, 1);
	}
	tw_field(w, 9, TW_MAP);
	tw_varint(w, 0);
	tw_field(w, 10, 13); /* UUID */
	tw_bytes(w, "0123456789abcdef", 16);
	tw_field(w, 11, TW_I16);
	tw_zigzag(w, -30000);
	tw_close(w);
}

static void
skips_every_kind_of_value(void **state)
{
	Tw w = {0};
	LhThrift r;
	LhThriftField f = {0};

	(void) state;
	write_zoo(&w);
	lh_thrift_init(&r, w.p, w.len);
	lh_thrift_skip_struct(&r);
	assert_true(lh_thrift_ok(&r));
	assert_ptr_equal(r.p, r.end);
	/* field by field it comes to the same place */
	lh_thrift_init(&r, w.p, w.len);
	while (lh_thrift_next(&r, &f))
		lh_thrift_skip(&r, f.type);
	assert_true(lh_thrift_ok(&r));
	assert_ptr_equal(r.p, r.end);
	tw_free(&w);
}

static void
says_short_for_every_cut(void **state)
{
	Tw w = {0};

	(void) state;
	write_zoo(&w);
	for (size_t n = 0; n < w.len; n++)
	{
		uint8_t *exact = malloc(n + 1); /* so that ASan sees the byte behind */
		LhThrift r;

		memcpy(exact, w.p, n);
		exact = realloc(exact, n > 0 ? n : 1);
		lh_thrift_init(&r, exact, n);
		lh_thrift_skip_struct(&r);
		assert_int_equal(r.error, LH_THRIFT_SHORT);
		assert_ptr_equal(r.p, r.end);
		free(exact);
	}
	tw_free(&w);
}

/* A structure of one field whose bytes follow: what does skipping it say? */
static LhThriftError
skip_one(int type, const void *p, size_t n)
{
	Tw w = {0};
	LhThrift r;
	LhThriftError error;

	tw_open(&w);
	tw_field(&w, 1, type);
	tw_bytes(&w, p, n);
	tw_close(&w);
	lh_thrift_init(&r, w.p, w.len);
	lh_thrift_skip_struct(&r);
	error = r.error;
	tw_free(&w);
	return error;
}

static void
believes_no_length_beyond_the_bytes(void **state)
{
	(void) state;
	/* 2^63, in a string, a list of numbers, of structures, of booleans, a map */
	assert_int_equal(skip_one(TW_BINARY, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10),
					 LH_THRIFT_SHORT);
	assert_int_equal(skip_one(TW_LIST, "\xf5\xff\xff\xff\xff\x7f", 6), LH_THRIFT_SHORT);
	assert_int_equal(skip_one(TW_LIST, "\xfc\xff\xff\xff\xff\x7f", 6), LH_THRIFT_SHORT);
	assert_int_equal(skip_one(TW_LIST, "\xf1\xff\xff\xff\xff\x7f", 6), LH_THRIFT_SHORT);
	assert_int_equal(skip_one(TW_MAP, "\xff\xff\xff\xff\x7f\x55", 6), LH_THRIFT_SHORT);
	assert_int_equal(skip_one(TW_MAP, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x55", 11),
					 LH_THRIFT_SHORT);
}

static void
refuses_what_the_protocol_does_not_have(void **state)
{
	(void) state;
	assert_int_equal(skip_one(14, "", 0), LH_THRIFT_BAD);
	assert_int_equal(skip_one(15, "", 0), LH_THRIFT_BAD);
	/* eleven bytes of a number */
	assert_int_equal(skip_one(TW_I64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11),
					 LH_THRIFT_BAD);
	/* elements of no type */
	assert_int_equal(skip_one(TW_LIST, "\x20\x01\x01", 3), LH_THRIFT_BAD);
}

static void
refuses_a_stop_byte_with_a_field_number(void **state)
{
	const uint8_t bytes[] = {0x30, 0, 0, 0};
	LhThrift r;
	LhThriftField f = {0};

	(void) state;
	lh_thrift_init(&r, bytes, sizeof(bytes));
	assert_false(lh_thrift_next(&r, &f));
	assert_int_equal(r.error, LH_THRIFT_BAD);
	lh_thrift_init(&r, bytes, sizeof(bytes));
	lh_thrift_skip_struct(&r);
	assert_int_equal(r.error, LH_THRIFT_BAD);
}

static void
refuses_numbers_that_are_too_wide(void **state)
{
	Tw w = {0};
	LhThrift r;
	LhThriftField f = {0};
	int32_t v = 42;

	(void) state;
	tw_open(&w);
	tw_i32(&w, 1, (int64_t) INT32_MAX + 1);
	tw_close(&w);
	lh_thrift_init(&r, w.p, w.len);
	assert_true(lh_thrift_next(&r, &f));
	assert_false(lh_thrift_i32(&r, &f, &v));
	assert_int_equal(r.error, LH_THRIFT_BAD);
	assert_int_equal(r.where, 1);
	assert_int_equal(v, 42);
	tw_free(&w);
}

/* Structures in structures, so many. */
static LhThriftError
skip_nested(int depth)
{
	Tw w = {0};
	LhThrift r;
	LhThriftError error;

	for (int i = 0; i < depth; i++)
		tw_byte(&w, 0x10 | TW_STRUCT);
	for (int i = 0; i <= depth; i++)
		tw_byte(&w, 0);
	lh_thrift_init(&r, w.p, w.len);
	lh_thrift_skip_struct(&r);
	error = r.error;
	tw_free(&w);
	return error;
}

static void
recursion_has_an_end(void **state)
{
	(void) state;
	assert_int_equal(skip_nested(LH_THRIFT_MAX_DEPTH), LH_THRIFT_OK);
	assert_int_equal(skip_nested(LH_THRIFT_MAX_DEPTH + 1), LH_THRIFT_BAD);
	assert_int_equal(skip_nested(10000000), LH_THRIFT_BAD);
}

static void
the_first_error_stays(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhThrift r;
	LhThriftField f = {0};
	LhThriftList list = {0};
	int64_t v = 1;

	(void) state;
	lh_thrift_init(&r, (const uint8_t *) "\x16", 1); /* i64 without its value */
	assert_true(lh_thrift_next(&r, &f));
	assert_false(lh_thrift_i64(&r, &f, &v));
	assert_false(lh_thrift_next(&r, &f));
	assert_false(lh_thrift_list(&r, &f, LH_THRIFT_I32, &list));
	lh_thrift_skip(&r, LH_THRIFT_UUID);
	assert_int_equal(lh_thrift_item_i64(&r), 0);
	assert_int_equal(lh_thrift_item_binary(&r).len, 0);
	assert_int_equal(v, 1);
	assert_int_equal(lh_thrift_status(ctx, &r, "thing"), LH_CORRUPT);
	assert_string_equal(ctx->error->message,
						"thing is damaged: expected more bytes at byte 1 of 1");
	lh_ctx_destroy(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_kind_of_field),
		cmocka_unit_test(skips_fields_of_another_type),
		cmocka_unit_test(skips_every_kind_of_value),
		cmocka_unit_test(says_short_for_every_cut),
		cmocka_unit_test(believes_no_length_beyond_the_bytes),
		cmocka_unit_test(refuses_what_the_protocol_does_not_have),
		cmocka_unit_test(refuses_a_stop_byte_with_a_field_number),
		cmocka_unit_test(refuses_numbers_that_are_too_wide),
		cmocka_unit_test(recursion_has_an_end),
		cmocka_unit_test(the_first_error_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
