/*
 * test_cdc_protobuf_schema.c
 *		The format "protobuf": the schemas that it tells, and their names.
 */
#include "unit/cdc_protobuf.h"

static const char *
schema_text(LhCtx *ctx, const char *settings, const LhChangeRel *rel, bool key)
{
	LhChangeOptions options;
	LhPbRow row;
	LhBuf buf;
	char *copy = lh_strdup(ctx, settings);
	char *value = strchr(copy, '=');

	LH_OK_(ctx, lh_change_options_init(ctx, &options));
	if (value != NULL)
	{
		*value++ = '\0';
		LH_OK_(ctx, lh_change_option_set(ctx, &options, copy, value));
	}
	LH_OK_(ctx, lh_buf_init(ctx, &buf, false));
	LH_OK_(ctx, lh_pb_row_create(ctx, rel, rel->nkeys, key ? rel->keys : NULL, &row));
	LH_OK_(ctx, key ? lh_pb_key_schema(ctx, &buf, &options, rel, &row)
					: lh_pb_value_schema(ctx, &buf, &options, rel, &row));
	LH_OK_(ctx, lh_buf_putc(ctx, &buf, '\0'));
	return (char *) buf.data;
}

static void
schema_of_a_table(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {
		cdc_int4(ctx, "id", 2),
		cdc_col(ctx, "price", 1700, LH_CELL_NUMERIC, "numeric", "numeric(10,2)"),
		cdc_col(ctx, "tags", 1009, LH_CELL_ARRAY, "_text", "text[]"), cdc_textcol(ctx, "mail")};
	LhChangeRel *rel;
	const char *text;

	columns[1].attnum = 4;
	columns[1].pk = 1;
	columns[2].attnum = 5;
	columns[2].elem_typid = 25;
	columns[2].elem_kind = LH_CELL_TEXT;
	columns[3].attnum = 7;
	columns[3].masked = true;
	rel = cdc_rel(ctx, "public", "Orders", LH_IDENTITY_DEFAULT, 4, columns);
	assert_string_equal(schema_text(ctx, "", rel, true),
						"syntax = \"proto3\";\n"
						"\n"
						"package lakehouse.public_.Orders;\n"
						"\n"
						"message Key {\n"
						"  message LakehouseText {\n"
						"    int32 column = 1;\n"
						"    bytes text = 2;\n"
						"  }\n"
						"  optional sint32 id = 1; // integer\n"
						"  optional string price = 4; // numeric\n"
						"  // Values that the fields above cannot hold.\n"
						"  repeated LakehouseText lakehouse_texts = 2000;\n"
						"}\n");
	text = schema_text(ctx, "topic.prefix=shop.eu-1.new", rel, false);
	assert_memory_equal(
		text,
		"syntax = \"proto3\";\n\npackage shop.eu_U2d_1.new_.public_.Orders;\n\nmessage Envelope {\n",
		80);
	assert_non_null(strstr(text, "\nmessage Row {\n"
								 "  message StringArray {\n"
								 "    repeated string values = 1;\n"
								 "    repeated int32 nulls = 2;\n"
								 "    repeated int32 dimensions = 3;\n"
								 "    repeated sint32 lower_bounds = 4;\n"
								 "  }\n"
								 "  message LakehouseText {\n"));
	assert_non_null(strstr(text, "  optional sint32 id = 1; // integer\n"
								 "  optional string price = 4; // numeric\n"
								 "  optional StringArray tags = 5; // text[]\n"
								 "  optional string mail = 7; // text, masked\n"
								 "  // Values that"));
}

/* A name beside the line that its field should have. */
static void
names_of_fields(void **state)
{
	static const char *const names[][2] = {
		{"a b", "a_U20_b = 1; // \"a b\": text\n"},
		{"a_U20_b", "a_U5f_U20_b = 2; // \"a_U20_b\": text\n"},
		{"_U4 ", "_U5f_U4_U20_ = 3; // \"_U4 \": text\n"},
		{"1st", "_U31_st = 4; // \"1st\": text\n"},
		{"\xc3\xa9\xe2\x82\xac", "_Ue9__U20ac_ = 5; // \"\xc3\xa9\xe2\x82\xac\": text\n"},
		{"x\";\n}", "x_U22__U3b__Ua__U7d_ = 6; // \"x\\\";\\n}\": text\n"},
		{"foo_bar", "foo_bar = 7; // text\n"},
		{"fooBar", "fooBar_8 = 8; // \"fooBar\": text\n"},
		{"foobar", "foobar_9 = 9; // \"foobar\": text\n"},
		{"foobar_9", "foobar_9_10 = 10; // \"foobar_9\": text\n"},
		{"Int32Array", "Int32Array_11 = 11; // \"Int32Array\": text\n"},
		{"lakehouse_texts", "lakehouse_texts_12 = 12; // \"lakehouse_texts\": text\n"},
		{"_", "_ = 13; // text\n"},
		{"__", "___14 = 14; // \"__\": text\n"},
		{"message", "message = 15; // text\n"},
		{"string", "string = 16; // text\n"},
	};
	enum
	{
		N = sizeof(names) / sizeof(names[0])
	};
	LhCtx *ctx = *state;
	LhChangeColumn columns[N];
	const char *text;

	for (int i = 0; i < N; i++)
		columns[i] = cdc_textcol(ctx, names[i][0]);
	text = schema_text(ctx, "", cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, N, columns), false);
	for (int i = 0; i < N; i++)
	{
		const char *line = lh_sprintf(ctx, "\n  optional string %s", names[i][1]);

		if (strstr(text, line) == NULL)
			fail_msg("no \"%s\" in\n%s", line, text);
	}
}

static void
names_of_packages(void **state)
{
	static const char *const names[][3] = {
		{"public", "t", "lakehouse.public_.t;"},
		{"public_", "t", "lakehouse.public__.t;"},
		{"Public", "t", "lakehouse.Public.t;"},
		{"a.b", "c", "lakehouse.a_U2e_b.c;"},
		{"a", "b.c", "lakehouse.a.b_U2e_c;"},
		{"reinterpret_cast", "abstract", "lakehouse.reinterpret_cast_.abstract_;"},
		{"class", "xor_eq", "lakehouse.class_.xor_eq_;"},
		{"s", "\xf0\x9f\x98\x80", "lakehouse.s._U1f600_;"},
	};
	LhCtx *ctx = *state;
	LhChangeColumn column = cdc_textcol(ctx, "a");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *text = schema_text(
			ctx, "", cdc_rel(ctx, names[i][0], names[i][1], LH_IDENTITY_DEFAULT, 1, &column),
			false);
		const char *package = strstr(text, "package ") + 8;

		assert_memory_equal(package, names[i][2], strlen(names[i][2]));
	}
}

/* The schema of keys is another only when the key is. */
static void
key_schemas_stay(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a"),
								cdc_textcol(ctx, "b")};
	LhChangeRel *two = cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, 2, columns);
	LhChangeRel *three = cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, 3, columns);

	assert_string_equal(schema_text(ctx, "", two, true), schema_text(ctx, "", three, true));
	assert_string_not_equal(schema_text(ctx, "", two, false), schema_text(ctx, "", three, false));
}

/* As many columns as a table may have, all of them in the key. */
static void
wide_tables(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn *columns = lh_alloc_array(ctx, 1600, sizeof(*columns));
	LhCell *cells = lh_alloc_array(ctx, 1600, sizeof(*cells));
	LhChangeRel *rel;

	for (int i = 0; i < 1600; i++)
	{
		columns[i] = cdc_int4(ctx, lh_sprintf(ctx, "%063d", i), i + 1);
		cells[i] = cdc_int(i - 800);
	}
	rel = cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, 1600, columns);
	row_of(ctx, 1600, rel->columns, cells);
	assert_true(strlen(schema_text(ctx, "", rel, false)) < LH_SCHEMA_TEXT_MAX);
	assert_non_null(strstr(schema_text(ctx, "", rel, true), " = 1600; // "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(schema_of_a_table, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_packages, setup, teardown),
		cmocka_unit_test_setup_teardown(key_schemas_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(wide_tables, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
