/*
 * test_orcproto.c
 *		Protocol buffers, and metadata sections: what is read, and what is refused.
 */
#include "unit/orc_make.h"

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
	ob_free_all();
	return 0;
}

static LhProto
reader(const void *p, size_t n)
{
	LhProto r;

	lh_proto_init(&r, lh_slice(p, n));
	return r;
}

static void
fields_of_all_wire_types_are_read(void **unused)
{
	const uint8_t bytes[] = {0x08, 0x96, 0x01,                            /* 1: 150 */
							 0x10, 0x03,                                  /* 2: zigzag -2 */
							 0x1a, 2,    'h',  'i',                       /* 3: "hi" */
							 0x21, 0,    0,    0,    0, 0, 0, 0xf0, 0x3f, /* 4: 1.0 */
							 0x2d, 7,    0,    0,    0,                   /* 5: fixed32 7 */
							 0x32, 3,    1,    0x80, 1};                  /* 6: packed 1, 128 */
	LhProto r = reader(bytes, sizeof(bytes));
	LhProtoField f;
	LhProtoPacked packed;
	LhSlice text;
	uint64_t u = 0;
	int64_t s = 0;
	double d = 0;

	assert_true(lh_proto_next(&r, &f) && f.id == 1 && lh_proto_u64(&f, &u) && u == 150);
	assert_false(lh_proto_double(&f, &d));
	assert_true(lh_proto_next(&r, &f) && lh_proto_s64(&f, &s) && s == -2);
	assert_true(lh_proto_next(&r, &f) && lh_proto_bytes(&f, &text) && text.len == 2 &&
				text.data[1] == 'i');
	assert_false(lh_proto_u64(&f, &u));
	assert_true(lh_proto_next(&r, &f) && lh_proto_double(&f, &d) && d == 1.0);
	assert_true(lh_proto_next(&r, &f) && f.id == 5 && f.number == 7);
	assert_true(lh_proto_next(&r, &f));
	lh_proto_packed(&f, &packed);
	assert_true(lh_proto_packed_next(&packed, &u) && u == 1);
	assert_true(lh_proto_packed_next(&packed, &u) && u == 128);
	assert_false(lh_proto_packed_next(&packed, &u));
	assert_false(lh_proto_next(&r, &f));
	assert_int_equal(lh_proto_status(ctx, &r, "x"), LH_OK);
}

static void
damage_is_refused_once_and_for_all(void **unused)
{
	static const struct
	{
		uint8_t bytes[12];
		size_t len;
	} bad[] = {
		{{0x08}, 1},       /* no value */
		{{0x08, 0x80}, 2}, /* a varint without end */
		{{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, 11}, /* 65 bits */
		{{0x1a, 3, 'h', 'i'}, 4}, /* more bytes than there are */
		{{0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 11},
		{{0x21, 0, 0}, 3}, /* fixed64 */
		{{0x2d, 0, 0}, 3}, /* fixed32 */
		{{0x0b}, 1},       /* a group */
		{{0x00, 1}, 2},    /* field 0 */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		LhProto r = reader(bad[i].bytes, bad[i].len);
		LhProtoField f;

		assert_false(lh_proto_next(&r, &f));
		assert_false(lh_proto_next(&r, &f));
		ASSERT_FAILS(ctx, lh_proto_status(ctx, &r, "thing"), LH_CORRUPT,
					 "thing is damaged: expected");
	}
}

static void
numbers_beyond_their_field_are_damage(void **unused)
{
	const uint8_t big[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
	LhProto r = reader(big, sizeof(big));
	LhProtoField f;
	int64_t v = 5;
	int i = 5;

	assert_true(lh_proto_next(&r, &f));
	assert_false(lh_proto_i64(&r, &f, &v));
	assert_int_equal(v, 5);
	assert_int_not_equal(lh_proto_status(ctx, &r, "x"), LH_OK);
	r = reader(big, sizeof(big));
	assert_true(lh_proto_next(&r, &f));
	assert_false(lh_proto_int(&r, &f, 100, &i));
	assert_int_equal(i, 5);
	assert_int_not_equal(lh_proto_status(ctx, &r, "x"), LH_OK);
}

/*
 * Metadata
 */

static OrcFileMaker
nested(void)
{
	OrcFileMaker m = {.ntypes = 7, .calendar = 2, .writer_version = 9};

	m.types[0] = (OrcType){
		.kind = LH_ORC_STRUCT, .nchildren = 3, .children = {1, 2, 5}, .names = {"a", "l", "m.x"}};
	m.types[1] = (OrcType){
		.kind = LH_ORC_LONG,
		.attributes = {"iceberg.id", "7", "iceberg.required", "true", "iceberg.long-type", "TIME"}};
	m.types[2] = (OrcType){.kind = LH_ORC_LIST, .nchildren = 1, .children = {3}};
	m.types[3] = (OrcType){.kind = LH_ORC_STRUCT, .nchildren = 1, .children = {4}, .names = {"b"}};
	m.types[4] = (OrcType){.kind = LH_ORC_BINARY,
						   .attributes = {"iceberg.binary-type", "FIXED", "iceberg.length", "5"}};
	m.types[5] = (OrcType){.kind = LH_ORC_UNION, .nchildren = 1, .children = {6}};
	m.types[6] = (OrcType){.kind = LH_ORC_DECIMAL, .precision = 20, .scale = 3};
	return m;
}

static void
nodes_have_types_names_and_attributes(void **unused)
{
	OrcFileMaker m = nested();
	const LhOrcMeta *meta;
	LhOrcFile *file;
	char *path;

	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	meta = lh_orc_meta(file);
	assert_int_equal(meta->nnodes, 7);
	assert_int_equal(meta->nleaves, 3);
	assert_int_equal(meta->nodes[1].type.id, LH_T_TIME);
	assert_int_equal(meta->nodes[1].field_id, 7);
	assert_true(meta->nodes[1].required);
	assert_int_equal(meta->nodes[2].type.id, LH_T_LIST);
	assert_int_equal(meta->nodes[4].type.id, LH_T_FIXED);
	assert_int_equal(meta->nodes[4].type.width, 5);
	assert_true(meta->nodes[4].repeated);
	assert_false(meta->nodes[2].repeated);
	assert_int_equal(meta->nodes[5].type.id, LH_T_STRUCT);
	assert_string_equal(meta->nodes[6].name, "field0");
	assert_int_equal(meta->nodes[6].type.lane, LH_LANE_I128);
	assert_int_equal(lh_orc_find(meta, "l.element.b"), 4);
	assert_int_equal(lh_orc_find(meta, "m.x"), 5);
	assert_int_equal(lh_orc_find(meta, "m.x.field0"), 6);
	assert_int_equal(lh_orc_find(meta, "m"), -1);
	ASSERT_OK(ctx, lh_orc_path(ctx, meta, 4, &path));
	assert_string_equal(path, "l.element.b");
}

static void
types_that_are_no_tree_are_refused(void **unused)
{
	OrcFileMaker m = nested();
	LhOrcFile *file;

	m.types[2].children[0] = 2; /* itself */
	ASSERT_FAILS(ctx, orc_open_made(ctx, &m, NULL, &file), LH_CORRUPT,
				 "type 2 of 7 has the child 2");
	m = nested();
	m.types[2].children[0] = 9;
	ASSERT_FAILS(ctx, orc_open_made(ctx, &m, NULL, &file), LH_CORRUPT, "has the child 9");
	m = nested();
	m.types[0].children[2] = 3; /* the list's */
	ASSERT_FAILS(ctx, orc_open_made(ctx, &m, NULL, &file), LH_CORRUPT, "two parents");
	m = nested();
	m.types[2].nchildren = 0;
	ASSERT_FAILS(ctx, orc_open_made(ctx, &m, NULL, &file), LH_CORRUPT, "a list, has 0 children");
	m = nested();
	m.types[6].precision = 39;
	ASSERT_FAILS(ctx, orc_open_made(ctx, &m, NULL, &file), LH_CORRUPT, "decimal(39,3)");
	m = nested();
	m.types[1].kind = 99;
	ASSERT_FAILS(ctx, orc_open_made(ctx, &m, NULL, &file), LH_UNSUPPORTED, "kind 99");
}

static void
what_we_do_not_read_is_refused_with_a_hint(void **unused)
{
	OrcFileMaker m = nested();
	const LhOrcOptions any = {.any_acid = true};
	LhOrcColumn *col;
	LhOrcFile *file;

	m.kv[0] = "hive.acid.version";
	m.kv[1] = "2";
	assert_int_equal(orc_open_made(ctx, &m, NULL, &file), LH_UNSUPPORTED);
	assert_non_null(strstr(ctx->error->hint, "transactional"));
	ASSERT_OK(ctx, orc_open_made(ctx, &m, &any, &file));
	assert_true(lh_orc_meta(file)->acid);
	m = nested();
	m.encrypted = 4;
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_FAILS(ctx, lh_orc_column_open(ctx, file, 0, 4, &col), LH_UNSUPPORTED, "encrypted");
	ASSERT_FAILS(ctx, lh_orc_column_open(ctx, file, 0, 2, &col), LH_UNSUPPORTED, "encrypted");
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 5, &col));
}

static void
tails_that_lie_are_refused(void **unused)
{
	OrcFileMaker m = nested();
	LhOrcFile *file;
	Ob bytes = {0};

	m.footer_rows = 3;
	ASSERT_FAILS(ctx, orc_open_made(ctx, &m, NULL, &file), LH_CORRUPT,
				 "expected 3 rows in the stripes");
	m = nested();
	orc_make(&bytes, &m);
	/* cut off anywhere: an error, never more */
	for (size_t n = 0; n < bytes.len; n++)
		assert_int_not_equal(orc_open_bytes(ctx, bytes.p, n, NULL, &file), LH_OK);
	/* any byte of the tail turned round: rows or an error */
	for (size_t i = 3; i < bytes.len; i++)
	{
		bytes.p[i] ^= 0x55;
		if (orc_open_bytes(ctx, bytes.p, bytes.len, NULL, &file) == LH_OK)
			assert_true(lh_orc_meta(file)->nnodes >= 1);
		bytes.p[i] ^= 0x55;
	}
	ASSERT_FAILS(ctx, orc_open_bytes(ctx, "PAR1 and no ORC file", 20, NULL, &file), LH_CORRUPT,
				 "is not an ORC file");
}

static void
metadata_outlives_its_file(void **unused)
{
	OrcFileMaker m = nested();
	LhOrcFile *file;
	LhOrcMeta *meta;

	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	meta = lh_orc_meta(file);
	lh_orc_meta_ref(meta);
	lh_ctx_destroy(ctx);
	assert_int_equal(meta->nnodes, 7);
	lh_orc_meta_unref(meta);
	ctx = lh_ctx_create();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_of_all_wire_types_are_read),
		cmocka_unit_test(damage_is_refused_once_and_for_all),
		cmocka_unit_test(numbers_beyond_their_field_are_damage),
		cmocka_unit_test(nodes_have_types_names_and_attributes),
		cmocka_unit_test(types_that_are_no_tree_are_refused),
		cmocka_unit_test(what_we_do_not_read_is_refused_with_a_hint),
		cmocka_unit_test(tails_that_lie_are_refused),
		cmocka_unit_test(metadata_outlives_its_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
