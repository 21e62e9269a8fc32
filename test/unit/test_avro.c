/*
 * test_avro.c
 *		Containers built byte by byte: types, names, projections, keys of maps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "unit/avro_make.h"
#include "unit/avro_show.h"

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

static LhAvroFile *
open_made(const AvroMake *m)
{
	LhAvroFile *file;

	if (lh_avro_open_bytes(ctx, lh_slice(m->b.data, m->b.len), "made", &file) != LH_OK)
		fail_msg("%s", ctx->error->message);
	return file;
}

/* All rows as text, or the error. */
static const char *
show_wants(LhAvroFile *file, int n, const LhAvroWant *wants)
{
	LhAvroReader *reader;
	LhBuf out;

	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	if (lh_avro_reader_open(ctx, file, n, wants, NULL, &reader) != LH_OK ||
		avro_show_rows(ctx, reader, &out) != LH_OK)
		return ctx->error->message;
	return (const char *) out.data;
}

static const char *
show_file(LhAvroFile *file)
{
	LhAvroWant all = {0};

	return show_wants(file, 1, &all);
}

/* One block of rows without compression. */
static LhAvroFile *
one_block(const char *schema, int64_t rows, const AvroMake *bytes)
{
	AvroMake m = avro_new(ctx);

	avro_header(&m, schema, NULL, NULL);
	avro_raw_block(&m, rows, bytes->b.data, bytes->b.len);
	return open_made(&m);
}

/* A record of one field "x" of a type. */
static const char *
record_of(const char *type)
{
	return lh_sprintf(ctx, "{\"type\":\"record\",\"name\":\"row\",\"fields\":[{\"name\":\"x\",\"type\":%s}]}",
					  type);
}

static const char *
type_of(LhAvroFile *file, const char *path)
{
	int node = lh_avro_find(file, path);
	LhBuf out;

	assert_true(node >= 0);
	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	assert_int_equal(lh_type_format(ctx, &lh_avro_meta(file)->nodes[node].type, &out), LH_OK);
	assert_int_equal(lh_buf_append(ctx, &out, "", 1), LH_OK);
	return (const char *) out.data;
}

/* ---- types ---- */

static void
every_primitive_has_its_type_and_range(void **state)
{
	AvroMake r = avro_new(ctx);
	LhAvroFile *file;

	for (int i = 0; i < 2; i++)
	{
		avro_byte(&r, i);
		avro_long(&r, i == 0 ? INT32_MIN : INT32_MAX);
		avro_long(&r, i == 0 ? INT64_MIN : INT64_MAX);
		avro_float(&r, i == 0 ? 0.1f : -INFINITY);
		avro_double(&r, i == 0 ? 0.1 : NAN);
		avro_bytes(&r, "\0\xff", i == 0 ? 2 : 0);
		avro_text(&r, i == 0 ? "gr\303\274n" : "");
	}
	file = one_block("{\"type\":\"record\",\"name\":\"row\",\"fields\":["
					 "{\"name\":\"n\",\"type\":\"null\"},{\"name\":\"b\",\"type\":\"boolean\"},"
					 "{\"name\":\"i\",\"type\":\"int\"},{\"name\":\"l\",\"type\":{\"type\":\"long\"}},"
					 "{\"name\":\"f\",\"type\":\"float\"},{\"name\":\"d\",\"type\":\"double\"},"
					 "{\"name\":\"y\",\"type\":\"bytes\"},{\"name\":\"s\",\"type\":\"string\"}]}",
					 2, &r);
	assert_string_equal(show_file(file),
		"{\"n\":null,\"b\":false,\"i\":-2147483648,\"l\":-9223372036854775808,\"f\":0.1,\"d\":0.1,"
		"\"y\":\"\\\\x00ff\",\"s\":\"gr\303\274n\"}\n"
		"{\"n\":null,\"b\":true,\"i\":2147483647,\"l\":9223372036854775807,\"f\":\"-Infinity\",\"d\":\"NaN\","
		"\"y\":\"\\\\x\",\"s\":\"\"}\n");
	assert_string_equal(type_of(file, "i"), "int32");
	assert_string_equal(type_of(file, "n"), "null");
}

/* Numbers of every length, decoded and passed. */
static void
numbers_of_every_length_are_read_and_skipped(void **state)
{
	const char *schema = "{\"type\":\"record\",\"name\":\"row\",\"fields\":["
		"{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"b\",\"type\":\"long\"},{\"name\":\"c\",\"type\":\"long\"}]}";
	AvroMake r = avro_new(ctx);
	LhAvroFile *file;
	LhBuf want;
	LhAvroWant c;

	assert_int_equal(lh_buf_init(ctx, &want, false), LH_OK);
	for (int i = 0; i < 64; i++)
		for (int sign = -1; sign <= 1; sign += 2)
		{
			int64_t x = (int64_t) (UINT64_C(1) << i) * (i < 63 ? sign : 1);

			avro_long(&r, x);
			avro_long(&r, ~x);
			avro_long(&r, x);
			assert_int_equal(lh_buf_printf(ctx, &want, "%lld\n", (long long) x), LH_OK);
		}
	assert_int_equal(lh_buf_append(ctx, &want, "", 1), LH_OK);
	file = one_block(schema, 128, &r);
	c = (LhAvroWant){.node = lh_avro_find(file, "c")};
	assert_string_equal(show_wants(file, 1, &c), (const char *) want.data);
	c.node = lh_avro_find(file, "a");
	assert_string_equal(show_wants(file, 1, &c), (const char *) want.data);
}

static void
nulls_come_first_or_last(void **state)
{
	AvroMake r = avro_new(ctx);
	LhAvroFile *file;

	avro_long(&r, 0);
	avro_long(&r, 0);
	avro_long(&r, 7);
	avro_long(&r, 0);
	avro_text(&r, "only");
	avro_long(&r, 0);

	avro_long(&r, 1);
	avro_text(&r, "x");
	avro_long(&r, 1);
	avro_long(&r, 0);
	avro_text(&r, "branch");
	avro_long(&r, 0);
	file = one_block("{\"type\":\"record\",\"name\":\"row\",\"fields\":["
					 "{\"name\":\"a\",\"type\":[\"null\",\"string\"]},{\"name\":\"b\",\"type\":[\"int\",\"null\"]},"
					 "{\"name\":\"c\",\"type\":[\"string\"]},{\"name\":\"d\",\"type\":[\"null\"]}]}", 2, &r);
	assert_string_equal(show_file(file), "{\"a\":null,\"b\":7,\"c\":\"only\",\"d\":null}\n"
						"{\"a\":\"x\",\"b\":null,\"c\":\"branch\",\"d\":null}\n");
	assert_true(lh_avro_meta(file)->nodes[1].nullable);
	assert_false(lh_avro_meta(file)->nodes[3].nullable);
}

/* A number may have needless bytes, a branch, too. */
static void
branches_in_long_form_are_understood(void **state)
{
	AvroMake r = avro_new(ctx);

	avro_raw(&r, "\x82\0\x86\x80\0\x80\x80\x80\0", 9);
	assert_string_equal(show_file(one_block(record_of("[\"null\",\"int\"]"), 2, &r)),
						"{\"x\":3}\n{\"x\":null}\n");
}

static void
unions_of_several_types_have_a_field_for_each(void **state)
{
	const char *schema = record_of("[\"int\",\"null\",{\"type\":\"record\",\"name\":\"p\",\"fields\":"
		"[{\"name\":\"q\",\"type\":\"string\"}]},{\"type\":\"array\",\"items\":\"long\"}]");
	AvroMake r = avro_new(ctx);
	LhAvroFile *file;
	LhAvroWant none = {0};

	avro_long(&r, 0);
	avro_long(&r, 5);
	avro_long(&r, 1);
	avro_long(&r, 2);
	avro_text(&r, "in p");
	avro_long(&r, 3);
	avro_long(&r, 2);
	avro_long(&r, 8);
	avro_long(&r, 9);
	avro_long(&r, 0);
	file = one_block(schema, 4, &r);
	assert_string_equal(show_file(file),
		"{\"x\":{\"member0\":5,\"member1\":null,\"member2\":null}}\n"
		"{\"x\":null}\n"
		"{\"x\":{\"member0\":null,\"member1\":{\"q\":\"in p\"},\"member2\":null}}\n"
		"{\"x\":{\"member0\":null,\"member1\":null,\"member2\":[8,9]}}\n");
	assert_string_equal(lh_avro_meta(file)->nodes[lh_avro_find(file, "x.member1")].avro_name, "p");
	none.node = lh_avro_find(file, "x.member1");
	assert_non_null(strstr(show_wants(file, 1, &none), "lies in a list, map or union"));
	/* all skipped */
	assert_string_equal(show_wants(file, 0, NULL), "\n\n\n\n");
}

static void
lists_and_maps_nest(void **state)
{
	const char *schema = record_of("{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"map\",\"values\":"
		"{\"type\":\"array\",\"items\":\"int\"}}]}");
	AvroMake r = avro_new(ctx);

	/* [{a: [1, 2], b: []}, null], in blocks of both forms */
	avro_long(&r, 1);
	avro_long(&r, 1);
	avro_long(&r, 1);
	avro_text(&r, "a");
	avro_long(&r, -2);
	avro_long(&r, 2);
	avro_long(&r, 1);
	avro_long(&r, 2);
	avro_long(&r, 0);
	avro_long(&r, -1);
	avro_long(&r, 3);
	avro_text(&r, "b");
	avro_long(&r, 0);
	avro_long(&r, 0);
	avro_long(&r, -1);
	avro_long(&r, 1);
	avro_long(&r, 0);
	avro_long(&r, 0);
	/* [] */
	avro_long(&r, 0);
	assert_string_equal(show_file(one_block(schema, 2, &r)),
						"{\"x\":[[[\"a\",[1,2]],[\"b\",[]]],null]}\n{\"x\":[]}\n");
	assert_string_equal(show_wants(one_block(schema, 2, &r), 0, NULL), "\n\n");
}

/* More items than a first room, so that columns move while they are filled. */
static void
long_lists_keep_all_their_items(void **state)
{
	const char *schema = record_of("{\"type\":\"array\",\"items\":[\"null\",\"long\"]}");
	AvroMake r = avro_new(ctx);
	LhBuf want;

	assert_int_equal(lh_buf_init(ctx, &want, false), LH_OK);
	for (int row = 0; row < 3; row++)
	{
		assert_int_equal(lh_buf_append_str(ctx, &want, "{\"x\":["), LH_OK);
		for (int i = 0; i < 5000; i++)
		{
			if (i % 1000 == 0)
				avro_long(&r, 1000);
			avro_long(&r, i % 3 != 0);
			if (i % 3 != 0)
				avro_long(&r, (int64_t) i * i);
			assert_int_equal(i % 3 != 0 ? lh_buf_printf(ctx, &want, "%s%d", i > 0 ? "," : "", i * i)
							 : lh_buf_printf(ctx, &want, "%snull", i > 0 ? "," : ""), LH_OK);
		}
		avro_long(&r, 0);
		assert_int_equal(lh_buf_append_str(ctx, &want, "]}\n"), LH_OK);
	}
	assert_int_equal(lh_buf_append(ctx, &want, "", 1), LH_OK);
	assert_string_equal(show_file(one_block(schema, 3, &r)), (const char *) want.data);
}

static void
enums_are_codes_into_their_symbols(void **state)
{
	AvroMake r = avro_new(ctx);
	LhAvroReader *reader;
	LhAvroBatch batch;
	LhAvroWant x = {.node = 1};

	for (int i = 0; i < 3; i++)
	{
		avro_long(&r, i < 2);
		if (i < 2)
			avro_long(&r, 1 - i);
	}
	assert_int_equal(lh_avro_reader_open(ctx, one_block(record_of("[\"null\",{\"type\":\"enum\",\"name\":\"e\","
		"\"symbols\":[\"RED\",\"BLUE\"]}]"), 3, &r), 1, &x, NULL, &reader), LH_OK);
	assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_OK);
	assert_int_equal(batch.vecs[0].kind, LH_VEC_DICT);
	assert_int_equal(batch.vecs[0].type.id, LH_T_ENUM);
	assert_int_equal(batch.vecs[0].codes[0], 1);
	assert_int_equal(batch.vecs[0].codes[1], 0);
	assert_int_equal(batch.vecs[0].codes[2], 0);
	assert_true(lh_vec_is_null(&batch.vecs[0], 2));
	assert_memory_equal(lh_vec_value(&batch.vecs[0], 0).str.ptr, "BLUE", 4);
}

/* A type, bytes of one value, and what it is. */
static void
check_value(const char *type, const void *p, size_t n, const char *type_text, const char *value)
{
	AvroMake r = avro_new(ctx);
	LhAvroFile *file;
	const char *got;

	avro_raw(&r, p, n);
	file = one_block(record_of(type), 1, &r);
	assert_string_equal(type_of(file, "x"), type_text);
	got = show_file(file);
	if (strcmp(got, lh_sprintf(ctx, "{\"x\":%s}\n", value)) != 0)
		fail_msg("%s: %s, expected %s", type, got, value);
}

static void
logical_types_have_their_types(void **state)
{
	check_value("{\"type\":\"int\",\"logicalType\":\"date\"}", "\xfa\xb9\x02", 3, "date", "\"2025-01-05\"");
	check_value("{\"type\":\"int\",\"logicalType\":\"time-millis\"}", "\x02", 1, "time(ms)", "\"00:00:00.001\"");
	check_value("{\"type\":\"long\",\"logicalType\":\"time-micros\"}", "\x02", 1, "time(us)",
				"\"00:00:00.000001\"");
	check_value("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "\x01", 1, "timestamp(ms, utc)",
				"\"1969-12-31T23:59:59.999+00:00\"");
	check_value("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", "\x02", 1, "timestamp(us, utc)",
				"\"1970-01-01T00:00:00.000001+00:00\"");
	check_value("{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}", "\x02", 1, "timestamp(ns, utc)",
				"\"1970-01-01T00:00:00.000000001+00:00\"");
	check_value("{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}", "\x02", 1, "timestamp(ms)",
				"\"1970-01-01T00:00:00.001\"");
	check_value("{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}", "\x02", 1, "timestamp(us)",
				"\"1970-01-01T00:00:00.000001\"");
	check_value("{\"type\":\"long\",\"logicalType\":\"local-timestamp-nanos\"}", "\x02", 1, "timestamp(ns)",
				"\"1970-01-01T00:00:00.000000001\"");
	/* Iceberg says it with an attribute */
	check_value("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":false}", "\x02", 1,
				"timestamp(us)", "\"1970-01-01T00:00:00.000001\"");
	check_value("{\"type\":\"fixed\",\"name\":\"f\",\"size\":12,\"logicalType\":\"duration\"}",
				"\1\0\0\0\2\0\0\0\3\0\0\0", 12, "interval", "\"\\\\x010000000200000003000000\"");
	check_value("{\"type\":\"fixed\",\"name\":\"f\",\"size\":16,\"logicalType\":\"uuid\"}",
				"\xf2\x4f\x9b\x64\x81\xfa\x49\xd1\xb7\x4e\x8c\x09\xa6\xe3\x1c\x56", 16, "uuid",
				"\"f24f9b64-81fa-49d1-b74e-8c09a6e31c56\"");
	check_value("{\"type\":\"string\",\"logicalType\":\"uuid\"}", "\x48" "F24f9b64-81fa-49d1-b74e-8c09a6e31c56",
				37, "uuid", "\"f24f9b64-81fa-49d1-b74e-8c09a6e31c56\"");
}

static void
decimals_of_every_width_are_exact(void **state)
{
	check_value("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}", "\4\x30\x39", 3,
				"decimal(9,2)", "\"123.45\"");
	check_value("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}", "\2\xff", 2,
				"decimal(9,2)", "\"-0.01\"");
	check_value("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":18}", "\0", 1, "decimal(18,0)",
				"\"0\"");
	/* needless bytes of sign */
	check_value("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":18}",
				"\x14\xff\xff\x80\0\0\0\0\0\0\1", 11, "decimal(18,0)", "\"-9223372036854775807\"");
	check_value("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2,\"logicalType\":\"decimal\",\"precision\":4,\"scale\":1}",
				"\xff\xfe", 2, "decimal(4,1)", "\"-0.2\"");
	check_value("{\"type\":\"fixed\",\"name\":\"f\",\"size\":16,\"logicalType\":\"decimal\",\"precision\":38,\"scale\":38}",
				"\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16, "decimal(38,38)",
				"\"1.70141183460469231731687303715884105727\"");
	check_value("{\"type\":\"fixed\",\"name\":\"f\",\"size\":17,\"logicalType\":\"decimal\",\"precision\":40}",
				"\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17, "decimal(40,0)",
				"\"340282366920938463463374607431768211456\"");
	check_value("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":40}", "\0", 1, "decimal(40,0)",
				"\"0\"");
}

/* The specification: what is not understood keeps the type that it is stored in. */
static void
senseless_annotations_are_ignored(void **state)
{
	check_value("{\"type\":\"int\",\"logicalType\":\"timestamp-micros\"}", "\x02", 1, "int32", "1");
	check_value("{\"type\":\"long\",\"logicalType\":\"new\"}", "\x02", 1, "int64", "1");
	check_value("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":0}", "\2a", 2, "binary",
				"\"\\\\x61\"");
	check_value("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":3,\"scale\":4}", "\2a", 2, "binary",
				"\"\\\\x61\"");
	check_value("{\"type\":\"fixed\",\"name\":\"f\",\"size\":3,\"logicalType\":\"uuid\"}", "abc", 3, "fixed(3)",
				"\"\\\\x616263\"");
}

/* ---- names ---- */

static void
named_types_are_found_in_their_name_spaces(void **state)
{
	const char *schema = "{\"type\":\"record\",\"name\":\"org.a.row\",\"fields\":["
		"{\"name\":\"p\",\"type\":{\"type\":\"fixed\",\"name\":\"f\",\"size\":1,\"aliases\":[\"other\",\"x.y\"]}},"
		"{\"name\":\"q\",\"type\":{\"type\":\"record\",\"name\":\"r\",\"namespace\":\"org.b\",\"fields\":["
		"{\"name\":\"one\",\"type\":\"org.a.f\"},"
		"{\"name\":\"two\",\"type\":{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}},"
		"{\"name\":\"three\",\"type\":\"f\"}]}},"
		"{\"name\":\"s\",\"type\":\"f\"},{\"name\":\"t\",\"type\":\"org.b.f\"},"
		"{\"name\":\"u\",\"type\":\"other\"},{\"name\":\"v\",\"type\":\"x.y\"},"
		"{\"name\":\"w\",\"type\":{\"type\":\"org.b.r\"}}]}";
	AvroMake r = avro_new(ctx);

	avro_raw(&r, "abccddefFGHijjkk", 16);
	assert_string_equal(show_file(one_block(schema, 1, &r)),
		"{\"p\":\"\\\\x61\",\"q\":{\"one\":\"\\\\x62\",\"two\":\"\\\\x6363\",\"three\":\"\\\\x6464\"},"
		"\"s\":\"\\\\x65\",\"t\":\"\\\\x6646\",\"u\":\"\\\\x47\",\"v\":\"\\\\x48\","
		"\"w\":{\"one\":\"\\\\x69\",\"two\":\"\\\\x6a6a\",\"three\":\"\\\\x6b6b\"}}\n");
}

static void
nodes_are_found_by_id_and_by_either_name(void **state)
{
	const char *schema = "{\"type\":\"record\",\"name\":\"row\",\"fields\":["
		"{\"name\":\"a_x2Eb\",\"iceberg-field-name\":\"a.b\",\"field-id\":7,\"type\":\"int\"},"
		"{\"name\":\"l\",\"field-id\":8,\"type\":{\"type\":\"array\",\"element-id\":9,\"items\":\"int\"}},"
		"{\"name\":\"m\",\"field-id\":10,\"type\":{\"type\":\"map\",\"key-id\":11,\"value-id\":12,\"values\":\"int\"}},"
		"{\"name\":\"k\",\"field-id\":13,\"type\":{\"type\":\"array\",\"logicalType\":\"map\",\"items\":"
		"{\"type\":\"record\",\"name\":\"kv\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":14},"
		"{\"name\":\"value\",\"type\":\"int\",\"field-id\":15}]}}},{\"name\":\"none\",\"type\":\"int\"}]}";
	AvroMake r = avro_new(ctx);
	LhAvroFile *file = one_block(schema, 0, &r);
	const LhAvroNode *nodes = lh_avro_meta(file)->nodes;
	const char *path;

	assert_int_equal(lh_avro_find_ids(file, (const int[]){7}, 1), 1);
	assert_int_equal(lh_avro_find(file, "a.b"), 1);
	assert_int_equal(lh_avro_find(file, "a_x2Eb"), 1);
	assert_string_equal(nodes[1].name, "a.b");
	assert_string_equal(nodes[1].avro_name, "a_x2Eb");
	assert_string_equal(nodes[0].type.fields[0].name, "a.b");
	assert_int_equal(nodes[0].type.fields[0].field_id, 7);
	assert_string_equal(nodes[lh_avro_find_ids(file, (const int[]){8, 9}, 2)].name, "element");
	assert_string_equal(nodes[lh_avro_find_ids(file, (const int[]){10, 11}, 2)].name, "key");
	assert_string_equal(nodes[lh_avro_find_ids(file, (const int[]){10, 12}, 2)].name, "value");
	assert_string_equal(nodes[lh_avro_find_ids(file, (const int[]){13, 15}, 2)].name, "value");
	assert_int_equal(nodes[lh_avro_find(file, "k")].type.id, LH_T_MAP);
	assert_int_equal(lh_avro_find_ids(file, (const int[]){14}, 1), -1);
	assert_int_equal(lh_avro_find(file, "l.key"), -1);
	assert_int_equal(nodes[lh_avro_find(file, "none")].field_id, -1);
	assert_int_equal(lh_avro_child_by_id(file, 0, -1), -1);
	assert_int_equal(lh_avro_path(ctx, file, lh_avro_find(file, "k.value"), &path), LH_OK);
	assert_string_equal(path, "k.value");
}

/* Names may hold dots: the whole path as one name comes before any way to split it. */
static void
a_whole_name_comes_before_its_parts(void **state)
{
	const char *schema = "{\"type\":\"record\",\"name\":\"row\",\"fields\":["
		"{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"t\",\"fields\":["
		"{\"name\":\"b\",\"type\":\"int\"},{\"name\":\"c\",\"type\":\"int\"},"
		"{\"name\":\"bc\",\"iceberg-field-name\":\"b.c\",\"type\":\"int\"}]}},"
		"{\"name\":\"ab\",\"iceberg-field-name\":\"a.b\",\"type\":\"int\"}]}";
	AvroMake r = avro_new(ctx);
	LhAvroFile *file = one_block(schema, 0, &r);

	assert_int_equal(lh_avro_find(file, "a.b"), 5);
	assert_int_equal(lh_avro_find(file, "a.c"), 3);
	assert_int_equal(lh_avro_find(file, "a.b.c"), 4);
	assert_int_equal(lh_avro_find(file, "a.bc"), 4);
	assert_int_equal(lh_avro_find(file, "a."), -1);
	assert_int_equal(lh_avro_find(file, ""), -1);
}

static void
metadata_keeps_every_key(void **state)
{
	static const char *const extra[] = {"format-version", "2", "empty", "", NULL};
	AvroMake m = avro_new(ctx);
	LhAvroFile *file;

	avro_header(&m, "\"int\"", "null", extra);
	file = open_made(&m);
	assert_int_equal(lh_avro_meta(file)->nkv, 4);
	assert_string_equal((const char *) lh_avro_meta_value(file, "format-version")->data, "2");
	assert_int_equal(lh_avro_meta_value(file, "empty")->len, 0);
	assert_null(lh_avro_meta_value(file, "none"));
	assert_string_equal(lh_avro_meta(file)->schema, "\"int\"");
	/* no block at all is a file without rows */
	assert_string_equal(show_file(file), "");
}

static void
metadata_may_come_in_sized_blocks(void **state)
{
	AvroMake m = avro_new(ctx);

	avro_raw(&m, "Obj\1", 4);
	avro_long(&m, -1);
	avro_long(&m, 20);
	avro_text(&m, "avro.schema");
	avro_text(&m, "\"string\"");
	avro_long(&m, 1);
	avro_text(&m, "k");
	avro_text(&m, "v");
	avro_long(&m, 0);
	avro_raw(&m, avro_sync, 16);
	avro_raw_block(&m, 1, "\4ab", 3);
	assert_string_equal(show_file(open_made(&m)), "\"ab\"\n");
	assert_string_equal(lh_avro_meta(open_made(&m))->codec, "null");
}

/* ---- projections ---- */

static const char manifest[] =
	"{\"type\":\"record\",\"name\":\"entry\",\"fields\":[{\"name\":\"status\",\"type\":\"int\",\"field-id\":0},"
	"{\"name\":\"data_file\",\"field-id\":2,\"type\":[\"null\",{\"type\":\"record\",\"name\":\"r2\",\"fields\":["
	"{\"name\":\"path\",\"type\":\"string\",\"field-id\":100},"
	"{\"name\":\"partition\",\"field-id\":102,\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":["
	"{\"name\":\"day\",\"type\":[\"null\",\"int\"],\"field-id\":1000}]}},"
	"{\"name\":\"counts\",\"field-id\":109,\"type\":[\"null\",{\"type\":\"array\",\"logicalType\":\"map\",\"items\":"
	"{\"type\":\"record\",\"name\":\"k1\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":119},"
	"{\"name\":\"value\",\"type\":\"long\",\"field-id\":120}]}}]},"
	"{\"name\":\"bounds\",\"field-id\":125,\"type\":[\"null\",{\"type\":\"array\",\"logicalType\":\"map\",\"items\":"
	"{\"type\":\"record\",\"name\":\"k2\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":126},"
	"{\"name\":\"value\",\"type\":\"bytes\",\"field-id\":127}]}}]},"
	"{\"name\":\"odd\",\"field-id\":126,\"type\":{\"type\":\"array\",\"logicalType\":\"map\",\"items\":"
	"{\"type\":\"record\",\"name\":\"k3\",\"fields\":[{\"name\":\"key\",\"type\":\"long\"},"
	"{\"name\":\"value\",\"type\":[\"double\",\"null\"]}]}}}]}]},"
	"{\"name\":\"last\",\"type\":\"long\",\"field-id\":9}]}";

static void
put_pairs(AvroMake *r, const int *keys, int n, bool bytes, bool sized)
{
	AvroMake pairs = avro_new(ctx);

	for (int i = 0; i < n; i++)
	{
		avro_long(&pairs, keys[i]);
		if (bytes)
			avro_bytes(&pairs, "bound", (size_t) i % 6);
		else
			avro_long(&pairs, keys[i] * 1000);
	}
	if (n > 0)
		avro_long(r, sized ? -n : n);
	if (n > 0 && sized)
		avro_long(r, (int64_t) pairs.b.len);
	avro_raw(r, pairs.b.data, pairs.b.len);
	avro_long(r, 0);
}

/* Four entries: two full ones, one without maps, one without data_file. */
static LhAvroFile *
make_manifest(void)
{
	static const int keys[] = {1, 2, 3, 70000, 255, 256, -5, 2};
	AvroMake r = avro_new(ctx);

	for (int i = 0; i < 4; i++)
	{
		avro_long(&r, i);
		avro_long(&r, i < 3);
		if (i < 3)
		{
			avro_text(&r, lh_sprintf(ctx, "file%d", i));
			avro_long(&r, i != 1);
			if (i != 1)
				avro_long(&r, 100 + i);
			avro_long(&r, i < 2);
			if (i < 2)
				put_pairs(&r, keys, i == 0 ? 8 : 2, false, i == 0);
			avro_long(&r, i < 2);
			if (i < 2)
				put_pairs(&r, keys, i == 0 ? 8 : 2, true, i == 1);
			avro_long(&r, 2);
			avro_long(&r, 1);
			avro_long(&r, 0);
			avro_double(&r, 0.5);
			avro_long(&r, INT64_C(1) << 40);
			avro_long(&r, 1);
			avro_long(&r, 0);
		}
		avro_long(&r, 1000 + i);
	}
	return one_block(manifest, 4, &r);
}

static void
wanted_fields_come_in_the_order_of_wants(void **state)
{
	LhAvroFile *file = make_manifest();
	LhAvroWant wants[4] = {
		{.node = lh_avro_find_ids(file, (const int[]){9}, 1)},
		{.node = lh_avro_find_ids(file, (const int[]){2, 100}, 2)},
		{.node = lh_avro_find_ids(file, (const int[]){0}, 1)},
		{.node = lh_avro_find_ids(file, (const int[]){2, 102}, 2)},
	};

	assert_string_equal(show_wants(file, 4, wants), "1000 \"file0\" 0 {\"day\":100}\n"
		"1001 \"file1\" 1 {\"day\":null}\n1002 \"file2\" 2 {\"day\":102}\n1003 null 3 null\n");
	/* a node and what lies in it; a node twice */
	wants[0].node = lh_avro_find(file, "data_file.partition.day");
	wants[2].node = wants[0].node;
	assert_string_equal(show_wants(file, 4, wants), "100 \"file0\" 100 {\"day\":100}\n"
		"null \"file1\" null {\"day\":null}\n102 \"file2\" 102 {\"day\":102}\nnull null null null\n");
}

/* Fields of all ways to be passed, those of fixed size behind each of the others. */
static const char mixture[] =
	"{\"type\":\"record\",\"name\":\"row\",\"fields\":["
	"{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"b\",\"type\":{\"type\":\"fixed\",\"name\":\"f7\",\"size\":7}},"
	"{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"r\",\"fields\":["
	"{\"name\":\"x\",\"type\":\"long\"},{\"name\":\"y\",\"type\":\"double\"}]}]},"
	"{\"name\":\"d\",\"type\":\"float\"},"
	"{\"name\":\"e\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"i\",\"fields\":["
	"{\"name\":\"k\",\"type\":\"int\"},{\"name\":\"v\",\"type\":\"bytes\"},{\"name\":\"w\",\"type\":\"double\"}]}}},"
	"{\"name\":\"f\",\"type\":\"string\"},{\"name\":\"g\",\"type\":\"double\"},{\"name\":\"h\",\"type\":\"boolean\"},"
	"{\"name\":\"i\",\"type\":{\"type\":\"fixed\",\"name\":\"f30\",\"size\":30}},{\"name\":\"j\",\"type\":\"int\"},"
	"{\"name\":\"k\",\"type\":[{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":["
	"{\"name\":\"q\",\"type\":\"int\"},{\"name\":\"r\",\"type\":\"float\"}]}},\"null\"]},{\"name\":\"l\",\"type\":\"f7\"}]}";

#define MIXTURE 12

static void
put_mixture(AvroMake *r, int i)
{
	avro_long(r, i == 1 ? INT64_MIN : i * 1000);
	avro_raw(r, "fixed a", 7);
	avro_long(r, i != 1);
	if (i != 1)
	{
		avro_long(r, i - 70);
		avro_double(r, i + 0.25);
	}
	avro_float(r, (float) i);
	if (i > 0)
	{
		avro_long(r, i);
		for (int k = 0; k < i; k++)
		{
			avro_long(r, k - 1);
			avro_text(r, k == 1 ? "seventy characters, more than sixty-three, are a length of two bytes .." : "v");
			avro_double(r, k);
		}
	}
	avro_long(r, 0);
	avro_text(r, i == 2 ? "seventy characters, more than sixty-three, are a length of two bytes .." : "");
	avro_double(r, -i);
	avro_byte(r, i & 1);
	avro_raw(r, "thirty bytes of a fixed length", 30);
	avro_long(r, -i * 100000);
	avro_long(r, i == 0);
	if (i != 0)
	{
		avro_long(r, 2);
		for (int k = 0; k < 2; k++)
		{
			avro_long(r, k * 300);
			avro_float(r, (float) k);
		}
		avro_long(r, 0);
	}
	avro_raw(r, "fixed b", 7);
}

/* What is said of the fields in mask: rows, a line each, or the error. */
static const char *
show_some(LhAvroFile *file, unsigned mask)
{
	LhAvroWant wants[MIXTURE];
	LhAvroReader *reader;
	int n = 0;
	LhBuf out;

	for (int i = 0; i < MIXTURE; i++)
		if (mask & 1u << i)
			wants[n++] = (LhAvroWant){.node = lh_avro_find(file, (const char[]){(char) ('a' + i), 0})};
	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	if (lh_avro_reader_open(ctx, file, n, wants, NULL, &reader) != LH_OK)
		return ctx->error->message;
	if (avro_show_rows(ctx, reader, &out) != LH_OK)
		return ctx->error->message;
	lh_avro_reader_close(reader);
	return (const char *) out.data;
}

/* Those fields of the lines of text, which are separated by spaces outside of quotes. */
static const char *
cut_fields(const char *text, unsigned mask)
{
	bool quoted = false, first = true;
	int field = 0;
	LhBuf out;

	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	for (; *text != '\0'; text++)
	{
		quoted ^= *text == '"';
		if (!quoted && (*text == ' ' || *text == '\n'))
		{
			first &= !(mask & 1u << field);
			field++;
			if (*text == ' ' && !first && field < MIXTURE && (mask & 1u << field))
				assert_int_equal(lh_buf_putc(ctx, &out, ' '), LH_OK);
			if (*text == '\n')
			{
				assert_int_equal(lh_buf_putc(ctx, &out, '\n'), LH_OK);
				field = 0;
				first = true;
			}
		}
		else if (mask & 1u << field)
			assert_int_equal(lh_buf_putc(ctx, &out, *text), LH_OK);
	}
	assert_int_equal(lh_buf_append(ctx, &out, "", 1), LH_OK);
	return (const char *) out.data;
}

static void
fields_are_the_same_whatever_is_passed_over(void **state)
{
	const unsigned all = (1u << MIXTURE) - 1;
	AvroMake r = avro_new(ctx);
	LhAvroFile *file;
	const char *text;

	for (int i = 0; i < 4; i++)
		put_mixture(&r, i);
	file = one_block(mixture, 4, &r);
	text = show_some(file, all);
	assert_string_equal(cut_fields(text, 1u << 9), "0\n-100000\n-200000\n-300000\n");
	for (unsigned mask = 1; mask <= all; mask++)
	{
		LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);

		assert_string_equal(show_some(file, mask), cut_fields(text, mask));
		lh_use(ctx, old);
		lh_arena_destroy(arena);
	}
	/* nothing is wanted: all are passed */
	for (int n = 0; n <= 4; n++)
	{
		LhAvroReader *reader;
		LhAvroBatch batch;
		LhAvroWant a = {.node = lh_avro_find(file, "a")};

		assert_int_equal(lh_avro_reader_open(ctx, file, 1, &a, NULL, &reader), LH_OK);
		assert_int_equal(lh_avro_skip_rows(ctx, reader, n), LH_OK);
		assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_OK);
		assert_int_equal(batch.n, 4 - n);
		if (batch.n > 0)
			assert_int_equal(((const int64_t *) batch.vecs[0].data)[0], n == 1 ? INT64_MIN : n * 1000);
	}
}

/* Whoever passes over a field may not believe that all of it is there. */
static void
a_row_that_is_cut_off_anywhere_is_refused(void **state)
{
	AvroMake r = avro_new(ctx);

	put_mixture(&r, 2);
	for (size_t len = 0; len < r.b.len; len++)
	{
		LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
		AvroMake cut = avro_new(ctx);

		avro_raw(&cut, r.b.data, len);
		for (int i = 0; i < MIXTURE; i++)
		{
			const char *said = show_some(one_block(mixture, 1, &cut), 1u << i);

			if (strstr(said, "made") == NULL)
				fail_msg("%zu bytes, field %c: %s", len, 'a' + i, said);
			lh_error_clear(ctx);
		}
		lh_use(ctx, old);
		lh_arena_destroy(arena);
	}
}

static void
keys_of_maps_become_columns(void **state)
{
	static const int32_t keys[] = {70000, 2, -5, 256, 99, 1};
	LhAvroFile *file = make_manifest();
	LhAvroWant wants[3] = {
		{.node = lh_avro_find(file, "data_file.counts"), .nkeys = 6, .keys = keys},
		{.node = lh_avro_find(file, "last")},
		{.node = lh_avro_find(file, "data_file.bounds"), .nkeys = 2, .keys = keys},
	};

	/* key 2 occurs twice in the first entry */
	assert_string_equal(show_wants(file, 3, wants),
		"70000000 2000 -5000 256000 null 1000 1000 \"\\\\x626f75\" \"\\\\x62\"\n"
		"null 2000 null null null 1000 1001 null \"\\\\x62\"\n"
		"null null null null null null 1002 null null\n"
		"null null null null null null 1003 null null\n");
	wants[0] = (LhAvroWant){.node = lh_avro_find(file, "data_file.odd"), .nkeys = 2,
							.keys = (const int32_t[]){1, 0}};
	assert_string_equal(show_wants(file, 1, wants), "0.5 null\n0.5 null\n0.5 null\nnull null\n");
}

static void
what_cannot_be_wanted_is_refused(void **state)
{
	static const int32_t twice[] = {4, 4};
	LhAvroFile *file = make_manifest();
	int counts = lh_avro_find(file, "data_file.counts");
	LhAvroWant wants[2] = {{.node = counts, .nkeys = 2, .keys = twice}, {.node = counts}};

	assert_string_equal(show_wants(file, 1, wants), "key 4 of a map is wanted twice");
	wants[0].nkeys = 1;
	assert_non_null(strstr(show_wants(file, 2, wants), "\"data_file.counts\" is wanted twice"));
	wants[1].node = lh_avro_find(file, "data_file");
	assert_non_null(strstr(show_wants(file, 2, wants), "is wanted twice"));
	wants[0].node = lh_avro_find(file, "data_file.partition");
	assert_non_null(strstr(show_wants(file, 1, wants), "is no map from numbers to flat values"));
	wants[0] = (LhAvroWant){.node = lh_avro_find(file, "data_file.counts.key")};
	assert_non_null(strstr(show_wants(file, 1, wants), "lies in a list, map or union"));
	wants[0].node = 10000;
	assert_non_null(strstr(show_wants(file, 1, wants), "has no node 10000"));
}

static void
variants_are_recognised(void **state)
{
	const char *variant = "{\"type\":\"record\",\"name\":\"v\",\"logicalType\":\"variant\",\"fields\":["
		"{\"name\":\"metadata\",\"type\":\"bytes\"},{\"name\":\"value\",\"type\":\"bytes\"}]}";
	AvroMake r = avro_new(ctx);
	LhAvroFile *file;

	avro_bytes(&r, "\1\0\0", 3);
	avro_bytes(&r, "\0", 1);
	file = one_block(record_of(variant), 1, &r);
	assert_int_equal(lh_avro_meta(file)->nodes[1].type.id, LH_T_VARIANT);
	assert_string_equal(show_file(file), "{\"x\":{\"metadata\":\"\\\\x010000\",\"value\":\"\\\\x00\"}}\n");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_primitive_has_its_type_and_range),
		TEST(numbers_of_every_length_are_read_and_skipped),
		TEST(nulls_come_first_or_last),
		TEST(branches_in_long_form_are_understood),
		TEST(unions_of_several_types_have_a_field_for_each),
		TEST(lists_and_maps_nest),
		TEST(long_lists_keep_all_their_items),
		TEST(enums_are_codes_into_their_symbols),
		TEST(logical_types_have_their_types),
		TEST(decimals_of_every_width_are_exact),
		TEST(senseless_annotations_are_ignored),
		TEST(named_types_are_found_in_their_name_spaces),
		TEST(nodes_are_found_by_id_and_by_either_name),
		TEST(a_whole_name_comes_before_its_parts),
		TEST(metadata_keeps_every_key),
		TEST(metadata_may_come_in_sized_blocks),
		TEST(wanted_fields_come_in_the_order_of_wants),
		TEST(fields_are_the_same_whatever_is_passed_over),
		TEST(a_row_that_is_cut_off_anywhere_is_refused),
		TEST(keys_of_maps_become_columns),
		TEST(what_cannot_be_wanted_is_refused),
		TEST(variants_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
