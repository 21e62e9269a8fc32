/*
 * test_avro_hostile.c
 *		Containers that lie: each is refused with a reason, none reads or takes too much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

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

/* Bytes in a block of their own, so that a sanitizer sees what is read behind them. */
static LhStatus
open_slice(const void *p, size_t n, LhAvroFile **out)
{
	uint8_t *copy = lh_alloc(ctx, n > 0 ? n : 1);

	if (n > 0)
		memcpy(copy, p, n);
	return lh_avro_open_bytes(ctx, lh_slice(copy, n), "made", out);
}

static const char *
text_of(LhAvroFile *file, int nwants, const LhAvroWant *wants, size_t max_block)
{
	LhAvroOptions options = {max_block};
	LhAvroReader *reader;
	LhBuf out;

	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	if (lh_avro_reader_open(ctx, file, nwants, wants, &options, &reader) != LH_OK ||
		avro_show_rows(ctx, reader, &out) != LH_OK)
		return ctx->error->message;
	return (const char *) out.data;
}

/* All rows of a file, or its error. */
static const char *
show(const AvroMake *m)
{
	LhAvroWant all = {0};
	LhAvroFile *file;

	if (open_slice(m->b.data, m->b.len, &file) != LH_OK)
		return ctx->error->message;
	return text_of(file, 1, &all, 0);
}

/* The same with nothing wanted: all is skipped. */
static const char *
pass(const AvroMake *m)
{
	LhAvroFile *file;

	if (open_slice(m->b.data, m->b.len, &file) != LH_OK)
		return ctx->error->message;
	return text_of(file, 0, NULL, 0);
}

static void
expect_part(const char *got, const char *part)
{
	if (strstr(got, part) == NULL)
		fail_msg("\"%s\" has no \"%s\"", got, part);
}

static AvroMake
with_schema(const char *schema)
{
	AvroMake m = avro_new(ctx);

	avro_header(&m, schema, NULL, NULL);
	return m;
}

static const char *
record_of(const char *type)
{
	return lh_sprintf(ctx, "{\"type\":\"record\",\"name\":\"row\",\"fields\":[{\"name\":\"x\",\"type\":%s}]}",
					  type);
}

/* A file of one row of these bytes. */
static AvroMake
one_row(const char *type, const void *p, size_t n)
{
	AvroMake m = with_schema(record_of(type));

	avro_raw_block(&m, 1, p, n);
	return m;
}

static LhStatus
schema_status(const char *schema)
{
	AvroMake m = with_schema(schema);
	LhAvroFile *file;

	return open_slice(m.b.data, m.b.len, &file);
}

/* ---- headers ---- */

static void
other_files_are_told_apart(void **state)
{
	LhAvroFile *file;

	assert_int_equal(open_slice("PAR1....", 8, &file), LH_CORRUPT);
	expect_part(ctx->error->message, "is not an Avro file");
	assert_int_equal(open_slice("", 0, &file), LH_CORRUPT);
	assert_int_equal(open_slice("Obj\2\0\0", 6, &file), LH_CORRUPT);
	expect_part(ctx->error->message, "is not an Avro file");
}

/* Every prefix of a file is an error or has fewer rows; none reads past its end. */
static void
every_prefix_is_refused_or_shorter(void **state)
{
	AvroMake m = with_schema(record_of("{\"type\":\"array\",\"items\":[\"null\",\"string\"]}"));
	size_t header = m.b.len;

	avro_raw_block(&m, 1, "\4\2\6abc\0\0", 8);
	avro_raw_block(&m, 1, "\3\12\2\4de\0\0", 8);
	for (size_t n = 0; n <= m.b.len; n++)
	{
		AvroMake prefix = avro_new(ctx);
		const char *got;

		avro_raw(&prefix, m.b.data, n);
		got = show(&prefix);
		if (n < header)
			expect_part(got, n < 4 ? "is not an Avro file" : "the header is cut off");
		else if (n == header)
			assert_string_equal(got, "");
		else if (n == header + 26)
			assert_string_equal(got, "{\"x\":[\"abc\",null]}\n");
		else if (n < m.b.len)
			expect_part(got, "block ");
		else
			assert_string_equal(got, "{\"x\":[\"abc\",null]}\n{\"x\":[\"de\",null]}\n");
	}
}

static void
headers_that_promise_too_much_are_refused(void **state)
{
	AvroMake m = avro_new(ctx);

	avro_raw(&m, "Obj\1", 4);
	avro_long(&m, INT64_C(1) << 62);
	expect_part(show(&m), "the header promises");
	m.b.len = 4;
	avro_long(&m, INT64_MIN);
	avro_long(&m, 1);
	expect_part(show(&m), "the header promises");
	m.b.len = 4;
	avro_long(&m, 1);
	avro_long(&m, INT64_C(1) << 40);
	expect_part(show(&m), "a text in the header has");
	m.b.len = 4;
	avro_long(&m, 1);
	avro_long(&m, -1);
	expect_part(show(&m), "a text in the header has");
	m.b.len = 4;
	avro_raw(&m, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	expect_part(show(&m), "a number in the header does not end");
	m.b.len = 4;
	avro_long(&m, 0);
	avro_raw(&m, avro_sync, 16);
	expect_part(show(&m), "has no avro.schema");
}

static void
unknown_codecs_are_named(void **state)
{
	AvroMake m = avro_new(ctx);

	avro_header(&m, "\"int\"", "bzip2", NULL);
	expect_part(show(&m), "is compressed by \"bzip2\"");
	assert_int_equal(ctx->error->code, LH_UNSUPPORTED);
}

/* ---- schemas ---- */

static void
wrong_schemas_are_refused(void **state)
{
	static const char *const wrong[][2] = {
		{"", "no JSON"},
		{"{\"type\":", "no JSON"},
		{"17", "a type is missing"},
		{"{}", "neither a name nor an object nor a union"},
		{"\"nothing\"", "there is no type \"nothing\""},
		{"{\"type\":\"record\",\"name\":\"r\"}", "has no fields"},
		{"{\"type\":\"record\",\"fields\":[]}", "has no name"},
		{"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"type\":\"int\"}]}", "a field has no name"},
		{"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\"}]}", "a type is missing"},
		{"{\"type\":\"record\",\"name\":\"r\",\"fields\":[17]}", "a field has no name"},
		{"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[]}", "an enum has no symbols"},
		/* no name is cut at a zero byte */
		{"\"int\\u0000eger\"", "a type is missing"},
		{"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\\u0000b\",\"type\":\"int\"}]}", "a field has no name"},
		{"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\\u0000B\"]}", "a symbol of an enum is no text"},
		{"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[1]}", "a symbol of an enum is no text"},
		{"{\"type\":\"fixed\",\"name\":\"f\"}", "a fixed has no size"},
		{"{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}", "a fixed has no size"},
		{"{\"type\":\"array\"}", "a type is missing"},
		{"{\"type\":\"map\"}", "a type is missing"},
		{"[]", "a union has no branches"},
		{"[\"null\",\"null\"]", "a union has null twice"},
		{"[\"int\",[\"null\",\"long\"],\"string\"]", "a union lies directly in a union"},
		{"[\"null\",[\"null\",\"long\"]]", "a union lies in a union"},
		{"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":"
		 "\"f\",\"size\":1}},{\"name\":\"b\",\"type\":{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}}]}",
		 "two types have the same name"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		assert_int_equal(schema_status(wrong[i][0]), LH_CORRUPT);
		expect_part(ctx->error->message, wrong[i][1]);
	}
}

/* Bytes of a default are characters, one of which may be 0. */
static void
defaults_may_hold_a_zero_byte(void **state)
{
	assert_int_equal(schema_status("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"d\",\"type\":"
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2},\"default\":\"\\u0000\\u00ff\"}]}"), LH_OK);
}

static void
types_that_contain_themselves_are_not_supported(void **state)
{
	assert_int_equal(schema_status("{\"type\":\"record\",\"name\":\"node\",\"fields\":[{\"name\":\"v\",\"type\":"
		"\"int\"},{\"name\":\"next\",\"type\":[\"null\",\"node\"]}]}"), LH_UNSUPPORTED);
	expect_part(ctx->error->message, "type \"node\" contains itself");
	assert_int_equal(schema_status("{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"b\",\"type\":"
		"{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"b\",\"fields\":[{\"name\":\"a\",\"type\":"
		"{\"type\":\"map\",\"values\":\"a\"}}]}}}]}"), LH_UNSUPPORTED);
	assert_int_equal(schema_status("{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\","
		"\"name\":\"p\",\"fields\":[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":"
		"[\"null\",\"p\"]}]}}"), LH_UNSUPPORTED);
}

/* Arrays of arrays of arrays... */
static const char *
nested(size_t depth)
{
	LhBuf b;

	avro_must(lh_buf_init(ctx, &b, false));
	for (size_t i = 0; i < depth; i++)
		avro_must(lh_buf_append_str(ctx, &b, "{\"type\":\"array\",\"items\":"));
	avro_must(lh_buf_append_str(ctx, &b, "\"int\""));
	for (size_t i = 0; i < depth; i++)
		avro_must(lh_buf_putc(ctx, &b, '}'));
	avro_must(lh_buf_append(ctx, &b, "", 1));
	return (const char *) b.data;
}

static void
deep_schemas_are_refused(void **state)
{
	LhBuf b;

	assert_int_equal(schema_status(nested(LH_AVRO_MAX_DEPTH)), LH_OK);
	assert_int_equal(schema_status(nested(LH_AVRO_MAX_DEPTH + 1)), LH_LIMIT);
	expect_part(ctx->error->message, "nested deeper than");
	assert_int_equal(schema_status(nested(500000)), LH_CORRUPT);
	expect_part(ctx->error->message, "maximum parsing depth");

	/* a million brackets; objects around types, which make no node */
	avro_must(lh_buf_init(ctx, &b, false));
	for (int i = 0; i < 1000000; i++)
		avro_must(lh_buf_putc(ctx, &b, '['));
	avro_must(lh_buf_append(ctx, &b, "", 1));
	assert_int_equal(schema_status((const char *) b.data), LH_CORRUPT);
	b.len = 0;
	for (int i = 0; i < 1000; i++)
		avro_must(lh_buf_append_str(ctx, &b, "{\"type\":"));
	avro_must(lh_buf_append_str(ctx, &b, "\"int\""));
	for (int i = 0; i < 1000; i++)
		avro_must(lh_buf_putc(ctx, &b, '}'));
	avro_must(lh_buf_append(ctx, &b, "", 1));
	assert_int_equal(schema_status((const char *) b.data), LH_LIMIT);
}

/* Each type holds the one before twice: 2^30 nodes of a short schema. */
static void
schemas_that_explode_are_refused(void **state)
{
	LhBuf b;

	avro_must(lh_buf_init(ctx, &b, false));
	avro_must(lh_buf_append_str(ctx, &b, "{\"type\":\"record\",\"name\":\"all\",\"fields\":[{\"name\":\"x\",\"type\":"
								"{\"type\":\"record\",\"name\":\"r0\",\"fields\":[]}}"));
	for (int i = 1; i <= 30; i++)
		avro_must(lh_buf_printf(ctx, &b, ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"r%d\",\"fields\":"
								"[{\"name\":\"a\",\"type\":\"r%d\"},{\"name\":\"b\",\"type\":\"r%d\"}]}}", i, i,
								i - 1, i - 1));
	avro_must(lh_buf_append_str(ctx, &b, "]}"));
	avro_must(lh_buf_append(ctx, &b, "", 1));
	assert_int_equal(schema_status((const char *) b.data), LH_LIMIT);
	expect_part(ctx->error->message, "has more than");
}

/* ---- values ---- */

static void
wrong_values_are_refused(void **state)
{
	static const struct
	{
		const char *type;
		const char *bytes;
		size_t n;
		const char *error;
	} wrong[] = {
		{"\"boolean\"", "\2", 1, "a boolean is 2"},
		{"\"int\"", "\x80\x80\x80\x80\x10", 5, "2147483648 is no int"},
		{"\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11, "longer than ten bytes"},
		{"\"long\"", "\x80", 1, "is cut off"},
		{"\"double\"", "1234567", 7, "do not fit its 7 bytes"},
		{"\"string\"", "\x0c" "abc", 4, "a length of 6 bytes leaves the block"},
		{"\"bytes\"", "\1", 1, "a length of -1 bytes"},
		{"\"bytes\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, "a length of -9223372036854775808 bytes"},
		{"[\"null\",\"int\"]", "\4\2", 2, "no branch 2"},
		{"[\"null\",\"int\"]", "\1\2", 2, "no branch -1"},
		{"[\"null\",\"int\",\"string\"]", "\6\2", 2, "no branch 3"},
		{"[\"null\",\"int\",\"string\"]", "\1", 1, "no branch -1"},
		{"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]}", "\2", 1, "no symbol 1"},
		{"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]}", "\1", 1, "no symbol -1"},
		{"{\"type\":\"string\",\"logicalType\":\"uuid\"}", "\6abc", 4, "is no UUID"},
		{"{\"type\":\"string\",\"logicalType\":\"uuid\"}", "\x48g24f9b64-81fa-49d1-b74e-8c09a6e31c56", 37,
		 "is no UUID"},
		{"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9}", "\x12\1\0\0\0\0\0\0\0\0", 10,
		 "more digits"},
		{"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9}", "\x12\xff\0\0\0\0\0\0\0\0", 10,
		 "more digits"},
		{"{\"type\":\"array\",\"items\":\"int\"}", "\6\2\2", 3, "3 items do not fit"},
		{"{\"type\":\"array\",\"items\":\"int\"}", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\2", 11,
		 "4611686018427387904 items do not fit"},
		{"{\"type\":\"array\",\"items\":\"int\"}", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\2\2\0", 13,
		 "items do not fit"},
		{"{\"type\":\"array\",\"items\":\"int\"}", "\1\4\2\0", 4, "do not end where their size says"},
		{"{\"type\":\"array\",\"items\":\"int\"}", "\1\x20\2\0", 4, "a length of 16 bytes leaves"},
		{"{\"type\":\"array\",\"items\":\"int\"}", "\1\1\2\0", 4, "a length of -1 bytes"},
		{"{\"type\":\"array\",\"items\":\"null\"}", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\0", 11,
		 "items of no bytes"},
		{"{\"type\":\"map\",\"values\":\"int\"}", "\2\4a\2\0", 5, "is cut off"},
		{"{\"type\":\"fixed\",\"name\":\"f\",\"size\":1048576}", "abc", 3, "do not fit its 3 bytes"},
		{"[\"null\",{\"type\":\"fixed\",\"name\":\"f\",\"size\":1048576}]", "\2abc", 4, "is cut off"},
		{"{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":"
		 "[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"long\"}]}}", "\2\2\x80", 3, "is cut off"},
		{"{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":"
		 "[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"long\"}]}}", "\2\x80\x80", 3, "is cut off"},
		{"{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":"
		 "[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"long\"}]}}", "\2\x80\x80\x80\x80\x10\2\0", 8, "2147483648 is no int"},
		{"{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":"
		 "[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"bytes\"}]}}", "\2\2\x0c" "ab", 5, "leaves the block"},
		{"{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":"
		 "[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"bytes\"}]}}", "\2\2\1\0", 4, "a length of -1"},
		{"{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":"
		 "[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"bytes\"}]}}", "\2\x80\x80\x80\x80\x10\0\0", 8, "2147483648 is no int"},
		{"{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":"
		 "[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"bytes\"}]}}", "\2\x80\x80", 3, "is cut off"},
		{"\"int\"", "\2\2", 2, "1 bytes are left after its last row"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		AvroMake m = one_row(wrong[i].type, wrong[i].bytes, wrong[i].n);

		expect_part(show(&m), wrong[i].error);
		expect_part(show(&m), "\"made\": block 0 at offset ");
	}
}

/* What is skipped stays in its block, too. */
static void
skips_stay_in_their_block(void **state)
{
	static const struct
	{
		const char *type;
		const char *bytes;
		size_t n;
		const char *error;
	} wrong[] = {
		{"\"long\"", "\x80\x80", 2, "is cut off"},
		{"\"string\"", "\x0c" "abc", 4, "leaves the block"},
		{"\"bytes\"", "\1", 1, "a length of -1 bytes"},
		{"[\"null\",\"int\"]", "\4\2", 2, "no branch 2"},
		{"[\"null\",\"int\",\"string\"]", "\6\2", 2, "no branch 3"},
		{"[\"null\",{\"type\":\"fixed\",\"name\":\"f\",\"size\":2147483647}]", "\2abc", 4, "is cut off"},
		{"{\"type\":\"array\",\"items\":\"double\"}", "\2" "1234567\0", 9, "is cut off"},
		{"{\"type\":\"array\",\"items\":\"double\"}", "\4" "12345678\0", 10, "2 items do not fit"},
		{"{\"type\":\"array\",\"items\":\"double\"}", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\2", 11,
		 "items do not fit"},
		{"{\"type\":\"array\",\"items\":\"double\"}", "\1\x20" "1234\0", 7, "a length of 16 bytes leaves"},
		{"{\"type\":\"map\",\"values\":\"int\"}", "\2\4a\2\0", 5, "is cut off"},
		{"{\"type\":\"array\",\"items\":\"long\"}", "\4\2\x80", 3, "is cut off"},
		{"{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":[{\"name\":\"k\",\"type\":"
		 "\"int\"},{\"name\":\"v\",\"type\":\"bytes\"}]}}", "\2\2\x40" "abc", 6, "is cut off"},
		{"{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":[{\"name\":\"k\",\"type\":"
		 "\"int\"},{\"name\":\"v\",\"type\":\"bytes\"}]}}", "\2\2\3" "abc", 6, "a length of -2 bytes"},
		{"{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"p\",\"fields\":[{\"name\":\"k\",\"type\":"
		 "\"int\"},{\"name\":\"v\",\"type\":\"bytes\"}]}}", "\2\x80\x80\x80\x80", 5, "is cut off"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		AvroMake m = one_row(wrong[i].type, wrong[i].bytes, wrong[i].n);

		expect_part(pass(&m), wrong[i].error);
	}
}

static void
very_long_fixed_values_are_refused_when_wanted(void **state)
{
	AvroMake m = one_row("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2000000000}", "abc", 3);

	expect_part(show(&m), "is a fixed of 2000000000 bytes, the limit is 1048576");
	expect_part(pass(&m), "do not fit its 3 bytes");
}

/* Keys that are picked. */
static void
wrong_maps_are_refused_when_keys_are_picked(void **state)
{
	static const struct
	{
		const char *value;
		const char *bytes;
		size_t n;
		const char *error;
	} wrong[] = {
		{"\"long\"", "\4\2\2\2", 4, "2 items do not fit"},
		{"\"long\"", "\2\2\x80", 3, "is cut off"},
		{"\"long\"", "\2\x80\x80", 3, "is cut off"},
		{"\"long\"", "\2\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "longer than ten"},
		{"\"bytes\"", "\2\2\x0c" "ab", 5, "leaves the block"},
		{"\"bytes\"", "\2\4\x0c" "ab", 5, "leaves the block"},
		{"\"bytes\"", "\2\2\1", 3, "a length of -1"},
		{"\"bytes\"", "\1\x0a\2\2a\0", 6, "leaves the block"},
		{"\"bytes\"", "\1\x08\2\2a\0", 6, "do not end where"},
		{"\"double\"", "\2\2" "1234567", 9, "do not fit"},
		{"[\"double\",\"null\"]", "\2\2\0" "1234567", 10, "is cut off"},
		{"[\"double\",\"null\"]", "\2\2\4", 3, "no branch 2"},
	};
	static const int32_t key = 1;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		LhAvroWant want = {.node = 1, .nkeys = 1, .keys = &key};
		AvroMake m = one_row(lh_sprintf(ctx, "{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":"
										"\"record\",\"name\":\"p\",\"fields\":[{\"name\":\"key\",\"type\":\"int\"},"
										"{\"name\":\"value\",\"type\":%s}]}}", wrong[i].value),
							 wrong[i].bytes, wrong[i].n);
		LhAvroFile *file;

		assert_int_equal(open_slice(m.b.data, m.b.len, &file), LH_OK);
		expect_part(text_of(file, 1, &want, 0), wrong[i].error);
	}
}

static void
errors_name_file_block_field_and_byte(void **state)
{
	AvroMake m = with_schema("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
							 "{\"name\":\"b\",\"type\":{\"type\":\"record\",\"name\":\"s\",\"fields\":"
							 "[{\"name\":\"c\",\"type\":\"boolean\"}]}}]}");
	size_t offset;

	avro_raw_block(&m, 1, "\2\1", 2);
	offset = m.b.len;
	avro_raw_block(&m, 2, "\2\1\2\3", 4);
	assert_string_equal(show(&m),
		lh_sprintf(ctx, "\"made\": block 1 at offset %zu: field \"b.c\", byte 3 of 4: a boolean is 3, "
				   "expected 0 or 1", offset));
}

/* ---- blocks ---- */

static void
blocks_that_lie_are_refused(void **state)
{
	AvroMake m = with_schema(record_of("\"int\""));
	size_t begin = m.b.len;

	avro_long(&m, -1);
	avro_long(&m, 1);
	avro_raw(&m, "\2<sync marker 16>", 17);
	expect_part(show(&m), "says -1 rows");
	m.b.len = begin;
	avro_long(&m, 1);
	avro_long(&m, -1);
	avro_raw(&m, "\2<sync marker 16>", 17);
	expect_part(show(&m), "rows in -1 bytes");
	m.b.len = begin;
	avro_long(&m, 1);
	avro_long(&m, INT64_C(1) << 62);
	avro_raw(&m, "\2<sync marker 16>", 17);
	expect_part(show(&m), "but the file has 17 more");
	m.b.len = begin;
	avro_long(&m, 1);
	avro_long(&m, 2);
	avro_raw(&m, "\2<sync marker 16>", 17);
	expect_part(show(&m), "but the file has 17 more");
	m.b.len = begin;
	avro_raw_block(&m, INT64_C(1) << 62, "\2", 1);
	expect_part(show(&m), "rows do not fit its 1 bytes");
	m.b.len = begin;
	avro_raw_block(&m, 2, "\2\2", 2);
	m.b.data[m.b.len - 1] ^= 1;
	expect_part(show(&m), "does not end with the file's sync marker");
	expect_part(pass(&m), "does not end with the file's sync marker");
}

/* Blocks that are passed or only counted have their markers checked, too. */
static void
markers_are_checked_wherever_blocks_are_passed(void **state)
{
	AvroMake m = with_schema(record_of("\"int\""));
	LhAvroReader *reader;
	LhAvroFile *file;
	int64_t rows;

	avro_raw_block(&m, 2, "\2\2", 2);
	m.b.data[m.b.len - 1] ^= 1;
	avro_raw_block(&m, 2, "\2\2", 2);
	assert_int_equal(open_slice(m.b.data, m.b.len, &file), LH_OK);
	assert_int_equal(avro_count(ctx, file, &rows), LH_CORRUPT);
	expect_part(ctx->error->message, "sync marker");
	assert_int_equal(lh_avro_reader_open(ctx, file, 0, NULL, NULL, &reader), LH_OK);
	assert_int_equal(lh_avro_skip_rows(ctx, reader, 3), LH_CORRUPT);
	expect_part(ctx->error->message, "sync marker");
}

static void
row_counts_do_not_overflow(void **state)
{
	AvroMake m = with_schema(record_of("\"int\""));
	LhAvroReader *reader;
	LhAvroFile *file;
	int64_t rows;

	avro_raw_block(&m, INT64_MAX, "\2", 1);
	avro_raw_block(&m, INT64_MAX, "\2", 1);
	assert_int_equal(open_slice(m.b.data, m.b.len, &file), LH_OK);
	assert_int_equal(avro_count(ctx, file, &rows), LH_CORRUPT);
	assert_int_equal(lh_avro_reader_open(ctx, file, 0, NULL, NULL, &reader), LH_OK);
	assert_int_equal(lh_avro_skip_rows(ctx, reader, INT64_MAX), LH_OK);
	assert_int_equal(lh_avro_skip_rows(ctx, reader, 1), LH_CORRUPT);
	expect_part(ctx->error->message, "says 9223372036854775807 rows");
}

static void
rows_of_no_bytes_are_bounded(void **state)
{
	AvroMake m = with_schema(record_of("\"null\""));
	size_t begin = m.b.len;

	avro_raw_block(&m, 3, "", 0);
	assert_string_equal(show(&m), "{\"x\":null}\n{\"x\":null}\n{\"x\":null}\n");
	m.b.len = begin;
	avro_raw_block(&m, INT64_C(1) << 62, "", 0);
	expect_part(show(&m), "rows of no bytes");
}

/* ---- codecs ---- */

static AvroMake
packed(const char *codec, const void *p, size_t n)
{
	AvroMake m = avro_new(ctx);

	avro_header(&m, "\"string\"", codec, NULL);
	avro_raw_block(&m, 1, p, n);
	return m;
}

static void
damaged_blocks_are_refused(void **state)
{
	static const char *const codecs[] = {"deflate", "snappy", "zstandard"};
	AvroMake rows = avro_new(ctx);

	avro_text(&rows, "some text, some text, some text and some more text");
	for (int c = 0; c < 3; c++)
	{
		AvroMake good = avro_new(ctx),
			m;

		if (c == 0)
			avro_deflate(&good, &rows.b);
		else if (c == 1)
			avro_snappy(&good, &rows.b);
		else
			avro_zstd(&good, &rows.b);
		m = packed(codecs[c], good.b.data, good.b.len);
		expect_part(show(&m), "\"some text, ");
		for (size_t n = 0; n < good.b.len; n++)
		{
			m = packed(codecs[c], good.b.data, n);
			expect_part(show(&m), "\"made\": block 0 at offset ");
		}
		m = packed(codecs[c], "not compressed at all", 21);
		expect_part(show(&m), "\"made\": block 0 at offset ");
	}
}

static void
checksums_of_snappy_are_verified(void **state)
{
	AvroMake rows = avro_new(ctx),
		good = avro_new(ctx),
		m;

	avro_text(&rows, "abc");
	avro_snappy(&good, &rows.b);
	good.b.data[good.b.len - 1] ^= 1;
	m = packed("snappy", good.b.data, good.b.len);
	expect_part(show(&m), "its checksum is");
}

/* DuckDB's writer leaves rubbish behind the stream. */
static void
bytes_behind_a_deflate_stream_do_not_matter(void **state)
{
	AvroMake rows = avro_new(ctx),
		good = avro_new(ctx),
		m;

	avro_text(&rows, "abc");
	avro_deflate(&good, &rows.b);
	avro_raw(&good, "xyz", 3);
	m = packed("deflate", good.b.data, good.b.len);
	assert_string_equal(show(&m), "\"abc\"\n");
}

/* 64 MB of zeros in some kB; with a limit of 1 MB no codec makes more. */
static void
bombs_are_stopped_at_the_limit(void **state)
{
	static const char *const codecs[] = {"null", "deflate", "snappy", "zstandard"};
	AvroMake zeros = avro_new(ctx);
	size_t n = (size_t) 16 << 20;

	avro_must(lh_buf_reserve(ctx, &zeros.b, n));
	memset(zeros.b.data, 0, n);
	zeros.b.len = n;
	for (int c = 0; c < 4; c++)
	{
		LhAvroWant all = {0};
		AvroMake m = avro_new(ctx);
		size_t before = lh_arena_used(ctx->arena);
		LhAvroFile *file;

		avro_header(&m, "\"int\"", codecs[c], NULL);
		avro_block(&m, (int64_t) n, &zeros.b, codecs[c]);
		/* what lies behind lets uncompressed bytes be used where they are */
		avro_raw_block(&m, 1, zeros.b.data, LH_PADDING);
		assert_int_equal(lh_avro_open_bytes(ctx, lh_slice(m.b.data, m.b.len), "made", &file), LH_OK);
		before = lh_arena_used(ctx->arena);
		expect_part(text_of(file, 1, &all, (size_t) 1 << 20), "1048576");
		assert_int_equal(ctx->error->code, LH_LIMIT);
		assert_true(lh_arena_used(ctx->arena) - before < (size_t) 3 << 20);
		lh_buf_free(&m.b);
	}
}

/* A frame or block that promises much more than it can hold does not make us take memory. */
static void
promised_lengths_take_no_memory(void **state)
{
	AvroMake m = packed("snappy", "\xff\xff\xff\xff\3abcdefg", 12);
	size_t before = lh_arena_used(ctx->arena);

	expect_part(show(&m), "promise");
	/* a zstd frame header: single segment, content size of 8 bytes: 2^29 */
	m = packed("zstandard", "\x28\xb5\x2f\xfd\xe0\0\0\0\x20\0\0\0\0\1\0\0", 16);
	expect_part(show(&m), "\"made\": block 0 at offset ");
	assert_true(lh_arena_used(ctx->arena) - before < (size_t) 1 << 20);
}

/* A cancelled host is noticed. */
static bool
always(void *arg)
{
	return true;
}

static void
reading_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = always};
	AvroMake m = one_row("\"int\"", "\2", 1);
	LhAvroWant all = {0};
	LhAvroReader *reader;
	LhAvroFile *file;
	LhAvroBatch batch;

	assert_int_equal(open_slice(m.b.data, m.b.len, &file), LH_OK);
	assert_int_equal(lh_avro_reader_open(ctx, file, 1, &all, NULL, &reader), LH_OK);
	ctx->host = &host;
	assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_CANCELLED);
	ctx->host = NULL;
}

static int asked;

static bool
count_questions(void *arg)
{
	asked++;
	return false;
}

/* Nulls of a record of 2,000 fields: the host is asked the more often. */
static void
wide_nulls_are_work(void **state)
{
	static const LhHost host = {.interrupted = count_questions};
	AvroMake m,
		nulls = avro_new(ctx);
	LhBuf b;
	int narrow;

	avro_must(lh_buf_reserve(ctx, &nulls.b, 2000));
	memset(nulls.b.data, 0, 2000);
	nulls.b.len = 2000;
	ctx->host = &host;
	m = with_schema("[\"null\",\"int\"]");
	avro_raw_block(&m, 2000, nulls.b.data, nulls.b.len);
	expect_part(show(&m), "null\n");
	narrow = asked;

	avro_must(lh_buf_init(ctx, &b, false));
	avro_must(lh_buf_append_str(ctx, &b, "[\"null\",{\"type\":\"record\",\"name\":\"r\",\"fields\":["));
	for (int i = 0; i < 2000; i++)
		avro_must(lh_buf_printf(ctx, &b, "%s{\"name\":\"f%d\",\"type\":\"int\"}", i > 0 ? "," : "", i));
	avro_must(lh_buf_append(ctx, &b, "]}]", 4));
	m = with_schema((const char *) b.data);
	avro_raw_block(&m, 2000, nulls.b.data, nulls.b.len);
	asked = 0;
	expect_part(show(&m), "null\n");
	assert_true(asked > narrow + 2000 * 2000 / 65536 / 2);
	ctx->host = NULL;
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(other_files_are_told_apart),
		TEST(every_prefix_is_refused_or_shorter),
		TEST(headers_that_promise_too_much_are_refused),
		TEST(unknown_codecs_are_named),
		TEST(wrong_schemas_are_refused),
		TEST(defaults_may_hold_a_zero_byte),
		TEST(types_that_contain_themselves_are_not_supported),
		TEST(deep_schemas_are_refused),
		TEST(schemas_that_explode_are_refused),
		TEST(wrong_values_are_refused),
		TEST(skips_stay_in_their_block),
		TEST(very_long_fixed_values_are_refused_when_wanted),
		TEST(wrong_maps_are_refused_when_keys_are_picked),
		TEST(errors_name_file_block_field_and_byte),
		TEST(blocks_that_lie_are_refused),
		TEST(markers_are_checked_wherever_blocks_are_passed),
		TEST(row_counts_do_not_overflow),
		TEST(rows_of_no_bytes_are_bounded),
		TEST(damaged_blocks_are_refused),
		TEST(checksums_of_snappy_are_verified),
		TEST(bytes_behind_a_deflate_stream_do_not_matter),
		TEST(bombs_are_stopped_at_the_limit),
		TEST(promised_lengths_take_no_memory),
		TEST(wide_nulls_are_work),
		TEST(reading_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
