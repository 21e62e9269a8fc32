/*
 * test_variant.c
 *		Variants as bytes: every scalar, nesting, hostile input.
 */
#include "unit/test_variant_make.h"

#include <math.h>

static const char *
show_scalar_of(int kind, const void *p, size_t n)
{
	return show(metadata_abc(), scalar(kind, p, n));
}

#define SHOW(kind, type, x) show_scalar_of(kind, &(type){x}, sizeof(type))

static void
every_scalar_has_its_type(void **state)
{
	const uint8_t uuid[16] = {0xf2, 0x4f, 0x9b, 0x64, 0x81, 0xfa, 0x49, 0xd1,
							  0xb7, 0x4e, 0x8c, 0x09, 0xa6, 0xe3, 0x1c, 0x56};

	assert_string_equal(show_scalar_of(0, NULL, 0), "null");
	assert_string_equal(show_scalar_of(1, NULL, 0), "bool true");
	assert_string_equal(show_scalar_of(2, NULL, 0), "bool false");
	assert_string_equal(SHOW(3, int8_t, -128), "int8 -128");
	assert_string_equal(SHOW(4, int16_t, -32768), "int16 -32768");
	assert_string_equal(SHOW(5, int32_t, INT32_MIN), "int32 -2147483648");
	assert_string_equal(SHOW(6, int64_t, INT64_MIN), "int64 -9223372036854775808");
	assert_string_equal(SHOW(7, double, 0.1), "double 0.1");
	assert_string_equal(SHOW(7, double, -INFINITY), "double -Infinity");
	assert_string_equal(SHOW(11, int32_t, 20089), "date 2025-01-01");
	assert_string_equal(SHOW(12, int64_t, 1729794114937123), "timestamp(us, utc) 2024-10-24T18:21:54.937123+00:00");
	assert_string_equal(SHOW(13, int64_t, -1), "timestamp(us) 1969-12-31T23:59:59.999999");
	assert_string_equal(SHOW(14, float, 0.1f), "float 0.1");
	assert_string_equal(SHOW(17, int64_t, 86399999999), "time(us) 23:59:59.999999");
	assert_string_equal(SHOW(18, int64_t, 1), "timestamp(ns, utc) 1970-01-01T00:00:00.000000001+00:00");
	assert_string_equal(SHOW(19, int64_t, INT64_MIN), "timestamp(ns) 1677-09-21T00:12:43.145224192");
	assert_string_equal(show_scalar_of(20, uuid, 16), "uuid f24f9b64-81fa-49d1-b74e-8c09a6e31c56");
	assert_string_equal(show_scalar_of(15, "\3\0\0\0\0\1\377", 7), "binary \\x0001ff");
	assert_string_equal(show_scalar_of(16, "\4\0\0\0gr\303\274", 8), "string gr\303\274");
}

static void
every_decimal_has_all_its_digits(void **state)
{
	uint8_t p[17] = {38};

	assert_string_equal(show_scalar_of(8, "\2\x39\x30\0\0", 5), "decimal(9,2) 123.45");
	assert_string_equal(show_scalar_of(8, "\0\377\377\377\377", 5), "decimal(9,0) -1");
	assert_string_equal(show_scalar_of(9, "\x12\0\0\0\0\0\0\0\x80", 9), "decimal(18,18) -9.223372036854775808");
	memset(p + 1, 0xff, 15);
	p[16] = 0x7f;
	assert_string_equal(show_scalar_of(10, p, 17), "decimal(38,38) 1.70141183460469231731687303715884105727");
	p[0] = 39;
	assert_string_equal(show_scalar_of(10, p, 17),
						"corrupt: a decimal of a variant has scale 39, expected 0 to 38");
}

static void
strings_of_both_forms_are_the_same(void **state)
{
	char long_form[4 + 63] = {63};

	memset(long_form + 4, 'x', 63);
	assert_string_equal(show(metadata_abc(), vstr("")), "string ");
	assert_string_equal(show(metadata_abc(), vstr("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")),
						show_scalar_of(16, long_form, sizeof(long_form)));
}

static void
objects_and_arrays_nest(void **state)
{
	Bytes *inner = OBJECT(IDS(1, 3), vint(7), ARRAY(vnull(), vstr("x"), ARRAY(vint(1))));

	assert_string_equal(show(metadata_abc(), OBJECT(IDS(0, 2), inner, vstr("end"))),
						"{\"a\":{\"b\":int64 7,\"d\":[null,string x,[int64 1]]},\"c\":string end}");
	assert_string_equal(show(metadata_abc(), container(narrow, 0, NULL, NULL)), "[]");
	assert_string_equal(show(metadata_abc(), container(narrow, 0, IDS(0), NULL)), "{}");
}

static void
numbers_have_every_width(void **state)
{
	static const char *const names[] = {"", "bc", "d", NULL};

	for (int metadata = 1; metadata <= 4; metadata++)
		for (int id = 1; id <= 4; id++)
			for (int offset = 1; offset <= 4; offset++)
				for (int large = 0; large < 2; large++)
				{
					Widths w = {id, offset, large};
					Bytes *array = container(w, 2, NULL, (Bytes *[]){vint(1), vint(2)});
					Bytes *object = container(w, 3, IDS(0, 1, 2), (Bytes *[]){vstr("v"), array, vnull()});

					assert_string_equal(show(metadata_of(metadata, names), object),
										"{\"\":string v,\"bc\":[int64 1,int64 2],\"d\":null}");
				}
}

/* Values of an object may lie in any order: here c's before a's. */
static void
offsets_need_not_ascend(void **state)
{
	const uint8_t object[] = {2, 2, 0, 2, 2, 0, 4, 1 | 1 << 2, 'C', 1 | 1 << 2, 'A'};

	assert_string_equal(show_bytes(metadata_abc()->p, metadata_abc()->len, object, sizeof(object)),
						"{\"a\":string A,\"c\":string C}");
}

static void
reserved_bits_are_ignored(void **state)
{
	Bytes *m = metadata_abc();
	Bytes *object = OBJECT(IDS(0), vnull());
	Bytes *array = ARRAY(vnull());

	m->p[0] |= 1 << 5 | 1 << 4;
	object->p[0] |= 1 << 7;
	array->p[0] |= 7 << 5;
	assert_string_equal(show(m, object), "{\"a\":null}");
	assert_string_equal(show(m, array), "[null]");
}

static void
names_out_of_order_are_read_but_never_twice(void **state)
{
	static const char *const twins[] = {"x", "y", "x", NULL};

	assert_string_equal(show(metadata_abc(), OBJECT(IDS(2, 0, 1), vint(1), vint(2), vint(3))),
						"{\"c\":int64 1,\"a\":int64 2,\"b\":int64 3}");
	assert_string_equal(show(metadata_abc(), OBJECT(IDS(1, 1), vint(1), vint(2))),
						"corrupt: an object of a variant has field \"b\" twice");
	assert_string_equal(show(metadata_abc(), OBJECT(IDS(2, 1, 0, 2), vint(1), vint(2), vint(3), vint(4))),
						"corrupt: an object of a variant has field \"c\" twice");
	/* the same name under two numbers */
	assert_string_equal(show(metadata_of(1, twins), OBJECT(IDS(0, 2), vint(1), vint(2))),
						"corrupt: an object of a variant has field \"x\" twice");
	assert_string_equal(show(metadata_of(1, twins), OBJECT(IDS(1, 0, 2), vint(1), vint(2), vint(3))),
						"corrupt: an object of a variant has field \"x\" twice");
}

/* Every prefix of a value is an error, and so is every prefix of its metadata. */
static void
cut_off_anywhere_is_an_error(void **state)
{
	uint8_t uuid[16] = {0};
	Bytes *m = metadata_abc();
	Bytes *v = OBJECT(IDS(0, 1, 2, 3), ARRAY(vint(1), vstr("text")), scalar(16, "\3\0\0\0abc", 7), scalar(20, uuid, 16),
					  scalar(10, "\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17));

	assert_string_equal(show(m, v), "{\"a\":[int64 1,string text],\"b\":string abc,"
									"\"c\":uuid 00000000-0000-0000-0000-000000000000,\"d\":decimal(38,2) 0.01}");
	for (size_t n = 0; n < v->len; n++)
		assert_non_null(strstr(show_bytes(m->p, m->len, v->p, n), "corrupt: "));
	for (size_t n = 0; n < m->len; n++)
		assert_non_null(strstr(show_bytes(m->p, n, v->p, v->len), "corrupt: "));
}

static void
bytes_behind_the_end_are_ignored(void **state)
{
	Bytes *m = metadata_abc(), *v = ARRAY(vint(1));

	put(m, "rest", 4);
	put(v, "rest", 4);
	assert_string_equal(show(m, v), "[int64 1]");
}

static void
any_damaged_byte_is_harmless(void **state)
{
	Bytes *m = metadata_abc();
	Bytes *v = OBJECT(IDS(0, 1, 2), ARRAY(vint(1), vstr("text")), scalar(16, "\3\0\0\0abc", 7), OBJECT(IDS(3), vnull()));

	for (size_t i = 0; i < m->len + v->len; i++)
		for (int x = 0; x < 256; x++)
		{
			Bytes *b = i < m->len ? m : v;
			size_t at = i < m->len ? i : i - m->len;
			uint8_t was = b->p[at];

			b->p[at] = (uint8_t) x;
			assert_non_null(show(m, v));
			b->p[at] = was;
			lh_arena_reset(ctx->arena);
		}
}

static void
names_and_offsets_are_checked(void **state)
{
	const uint8_t empty[] = {1, 0, 0};
	const uint8_t falling[] = {1, 1, 2, 1, 'x', 'y'};
	const uint8_t beyond[] = {1, 1, 0, 3, 'x', 'y'};
	const uint8_t version_2[] = {2, 0, 0};
	const uint8_t huge[] = {1 | 3 << 6, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
	const uint8_t object[] = {2, 1, 0, 0, 1, 0};
	const uint8_t outside[] = {3, 1, 5, 1, 0};
	const uint8_t huge_array[] = {3 | 7 << 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};

#define BOTH(m, v) show_bytes(m, sizeof(m), v, sizeof(v))
	assert_string_equal(BOTH(empty, object), "corrupt: a field of a variant has name 0, but metadata has 0 names");
	assert_string_equal(BOTH(falling, object), "corrupt: name 0 of a variant lies at bytes 2 to 1 of 2");
	assert_string_equal(BOTH(beyond, object), "corrupt: name 0 of a variant lies at bytes 0 to 3 of 2");
	assert_string_equal(BOTH(version_2, object), "unsupported: metadata of a variant has version 2, expected 1");
	assert_string_equal(BOTH(huge, object), "corrupt: metadata of a variant needs 17179869189 bytes, but 9 are there");
	assert_string_equal(BOTH(empty, outside), "corrupt: value 0 of a variant's array begins at byte 5 of 1");
	assert_string_equal(BOTH(empty, huge_array),
						"corrupt: a list of values of a variant needs 17179869189 bytes, but 9 are there");
}

/*
 * An array whose elements are all the same bytes doubles its work a level;
 * what overlaps is found before that costs anything.
 */
static void
overlapping_values_are_refused(void **state)
{
	Bytes *v = vnull();
	const uint8_t twice[] = {3, 2, 0, 0, 3, 1 | 2 << 2, 'x', 'y'};

	assert_string_equal(show_bytes(metadata_abc()->p, metadata_abc()->len, twice, sizeof(twice)),
						"corrupt: values of a variant overlap each other");
	for (int level = 0; level < 60; level++)
	{
		Bytes *outer = new_bytes();

		put_uint(outer, 3 | 3 << 2, 1); /* offsets of 4 bytes */
		put_uint(outer, 2, 1);
		put_uint(outer, 0, 4);
		put_uint(outer, 0, 4);
		put_uint(outer, v->len, 4);
		put(outer, v->p, v->len);
		v = outer;
	}
	assert_string_equal(show(metadata_abc(), v), "corrupt: values of a variant overlap each other");
}

/* n arrays around a null. */
static Bytes *
nested_arrays(int n)
{
	Bytes *b = new_bytes();

	for (int i = n; i > 0; i--)
	{
		put_uint(b, 3 | 2 << 2, 1); /* offsets of 3 bytes */
		put_uint(b, 1, 1);
		put_uint(b, 0, 3);
		put_uint(b, (uint64_t) (i - 1) * 8 + 1, 3);
	}
	put_uint(b, 0, 1);
	return b;
}

static void
depth_is_bounded(void **state)
{
	const char *s = show(metadata_abc(), nested_arrays(LH_VARIANT_MAX_DEPTH));

	assert_int_equal(strlen(s), 2 * LH_VARIANT_MAX_DEPTH + 4);
	assert_string_equal(show(metadata_abc(), nested_arrays(LH_VARIANT_MAX_DEPTH + 1)),
						"limit: values of a variant are nested more than 1000 deep");
}

static void
text_must_be_valid(void **state)
{
	static const char *const bad_name[] = {"\xff", NULL};

	assert_string_equal(show(metadata_abc(), vstr("\xff")),
						"bad text: a string of a variant is not valid UTF-8 or holds a NUL");
	assert_string_equal(show_scalar_of(16, "\1\0\0\0\0", 5),
						"bad text: a string of a variant is not valid UTF-8 or holds a NUL");
	assert_string_equal(show(metadata_of(1, bad_name), OBJECT(IDS(0), vnull())),
						"bad text: name 0 of a variant is not valid UTF-8 or holds a NUL");
	/* a name that nothing refers to is not looked at */
	assert_string_equal(show(metadata_of(1, bad_name), vint(1)), "int64 1");
}

static void
types_of_later_versions_are_refused(void **state)
{
	for (int kind = 21; kind < 64; kind++)
		assert_string_equal(show_scalar_of(kind, "", 0),
							lh_sprintf(ctx, "unsupported: a variant has a scalar of type %d, which is not known", kind));
}

static bool
interrupted(void *arg)
{
	return true;
}

static void
long_values_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = interrupted};
	const uint32_t n = 70000;
	uint8_t *v = calloc(1, 5 + 4 * (n + 1) + n);
	LhVariantReader *r;
	LhBuf out;

	v[0] = 3 | 7 << 2;
	memcpy(v + 1, &n, 4);
	for (uint32_t i = 0; i <= n; i++)
		memcpy(v + 5 + 4 * i, &i, 4);
	ctx->host = &host;
	assert_int_equal(lh_variant_reader_create(ctx, NULL, &r), LH_OK);
	assert_int_equal(lh_buf_init(ctx, &out, true), LH_OK);
	assert_int_equal(lh_variant_start_bytes(ctx, r, lh_slice("\1\0\0", 3), lh_slice(v, 5 + 4 * (n + 1) + n)), LH_OK);
	assert_int_equal(show_tokens(r, &out), LH_CANCELLED);
	free(v);
}

#define T(f) cmocka_unit_test_setup_teardown(f, variant_setup, variant_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_scalar_has_its_type),
		T(every_decimal_has_all_its_digits),
		T(strings_of_both_forms_are_the_same),
		T(objects_and_arrays_nest),
		T(numbers_have_every_width),
		T(offsets_need_not_ascend),
		T(reserved_bits_are_ignored),
		T(names_out_of_order_are_read_but_never_twice),
		T(cut_off_anywhere_is_an_error),
		T(bytes_behind_the_end_are_ignored),
		T(any_damaged_byte_is_harmless),
		T(names_and_offsets_are_checked),
		T(overlapping_values_are_refused),
		T(depth_is_bounded),
		T(text_must_be_valid),
		T(types_of_later_versions_are_refused),
		T(long_values_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
