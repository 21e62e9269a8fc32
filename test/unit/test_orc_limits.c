/*
 * test_orc_limits.c
 *		ORC at its limits: widths, sizes and counts that a file claims, names with dots, polls.
 */
#include "unit/orc_make.h"

#include "codec/block.h"

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

/* One value of one byte in a column of a length that an attribute claims. */
static OrcFileMaker
fixed(const char *length, int encoding)
{
	OrcFileMaker m = orc_one(LH_ORC_BINARY, encoding, 1, "x", 1);

	m.types[1].attributes[0] = "iceberg.binary-type";
	m.types[1].attributes[1] = "FIXED";
	m.types[1].attributes[2] = "iceberg.length";
	m.types[1].attributes[3] = length;
	orc_add(&m, LH_ORC_LENGTH, 1, "\x00\x00\x01", 3);
	return m;
}

static void
claimed_lengths_are_bounded(void **unused)
{
	static const char *const wide[] = {"1048577", "2147483647"};
	OrcFileMaker m;
	LhOrcColumn *col;
	LhOrcFile *file;

	for (size_t i = 0; i < 2; i++)
		for (int encoding = LH_ORC_DIRECT; encoding <= LH_ORC_DICTIONARY; encoding++)
		{
			m = fixed(wide[i], encoding);
			/* it can be looked at */
			ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
			assert_int_equal(lh_orc_column_open(ctx, file, 0, 1, &col), LH_LIMIT);
			assert_non_null(strstr(ctx->error->message, "column a"));
			assert_non_null(strstr(ctx->error->message, wide[i]));
			assert_non_null(strstr(ctx->error->message, "the limit is 1048576"));
			assert_non_null(strstr(ctx->error->hint, "iceberg.length"));
			lh_error_clear(ctx);
		}
	m = fixed("1048576", LH_ORC_DIRECT);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 1, &col));
	/* 8 MB of them at once */
	assert_int_equal(lh_orc_column_natural(col, 0, LH_BATCH), 8);
	m = fixed("1", LH_ORC_DIRECT);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 1, &col));
	assert_int_equal(lh_orc_column_natural(col, 0, LH_BATCH), LH_BATCH);
}

static void
put_pair(Ob *stats, unsigned field, int64_t min, int64_t max)
{
	Ob inner = {0};

	ob_varint(&inner, (field == 9 ? 3 : 1) << 3);
	ob_zigzag(&inner, min);
	ob_varint(&inner, (field == 9 ? 4 : 2) << 3);
	ob_zigzag(&inner, max);
	ob_num(stats, 1, 9);
	ob_msg(stats, field, &inner);
}

/* A second more than the highest time stamp is the highest one. */
static void
bounds_do_not_wrap_around(void **unused)
{
	OrcFileMaker m = orc_one(LH_ORC_TIMESTAMP, LH_ORC_DIRECT_V2, 10, "", 0);
	LhOrcFile *file;
	LhBounds b;

	put_pair(&m.stats[1], 9, -1, INT64_C(9223372036854774));
	m.has_stats = true;
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_true(b.known && b.max.i64 == INT64_MAX);
	assert_false(b.max_exact);
}

/* Asked in any order, each column has its own; one without has none. */
static void
statistics_are_found_by_column(void **unused)
{
	static const int order[] = {3, 1, 2, 2, 3, 1};
	OrcFileMaker m = orc_one(LH_ORC_LONG, LH_ORC_DIRECT_V2, 10, "", 0);
	LhOrcFile *file;
	LhBounds b;

	m.ntypes = 4;
	m.types[0] = (OrcType){.kind = LH_ORC_STRUCT,
						   .nchildren = 3,
						   .children = {1, 2, 3},
						   .names = {"a", "b", "c"}};
	m.types[2] = m.types[3] = (OrcType){.kind = LH_ORC_LONG};
	m.encodings[2] = m.encodings[3] = LH_ORC_DIRECT_V2;
	m.has_stats = true;
	put_pair(&m.stats[1], 2, 10, 11);
	put_pair(&m.stats[3], 2, 30, 31);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
	{
		ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, order[i], &b));
		assert_int_equal(b.known, order[i] != 2);
		if (b.known)
			assert_int_equal(b.min.i64, 10 * order[i]);
	}
}

/* More rows than any index can have entries for: it is none. */
static void
rows_without_end_have_no_index(void **unused)
{
	OrcFileMaker m = orc_one(LH_ORC_LONG, LH_ORC_DIRECT_V2, INT64_MAX, "", 0);
	const LhOrcRowIndex *index;
	const LhOrcBloom *bloom;
	LhOrcFile *file;

	m.stride = 10000;
	m.writer = LH_ORC_JAVA;
	orc_add(&m, LH_ORC_ROW_INDEX, 1, "\x0a\x00", 2);
	orc_add(&m, LH_ORC_BLOOM_FILTER_UTF8, 1, "\x0a\x00", 2);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_row_index(ctx, file, 0, 1, &index));
	assert_null(index);
	ASSERT_OK(ctx, lh_orc_bloom(ctx, file, 0, 1, &bloom));
	assert_null(bloom);
}

static int asked;

static bool
count_questions(void *arg)
{
	(void) arg;
	asked++;
	return false;
}

/* Four bytes of lengths are 512 entries: the host is asked by entries. */
static void
large_dictionaries_ask_the_host(void **unused)
{
	static const LhHost host = {.interrupted = count_questions};
	OrcFileMaker m = orc_one(LH_ORC_STRING, LH_ORC_DICTIONARY_V2, 3, "\x02\x00\x00", 3);
	const LhDict *dict;
	LhOrcColumn *col;
	LhOrcFile *file;
	Ob lengths = {0};
	int n = 1 << 22;

	for (int i = 0; i < n; i += 512)
		ob_put(&lengths, "\xc1\xff\x00\x00", 4);
	orc_add(&m, LH_ORC_LENGTH, 1, lengths.p, lengths.len);
	orc_add(&m, LH_ORC_DICTIONARY_DATA, 1, "", 0);
	m.dictionary_sizes[1] = n;
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 1, &col));
	ctx->host = &host;
	asked = 0;
	ASSERT_OK(ctx, lh_orc_column_dict(ctx, col, &dict));
	ctx->host = NULL;
	assert_int_equal(dict->n, n);
	assert_true(asked >= 2 * (n / 65536));
}

/* The size of chunks that the postscript claims is not allocated for bytes that cannot fill it. */
static void
small_chunks_take_little_room(void **unused)
{
	/* the empty deflate stream of two bytes: a block of fixed codes that ends at once */
	static const uint8_t chunk[] = {4, 0, 0, 3, 0};
	size_t before = lh_arena_used(ctx->arena);
	LhBlocks *blocks;
	LhSlice out;

	ASSERT_OK(ctx, lh_blocks_create(ctx, &blocks));
	ASSERT_OK(ctx, lh_orc_section(ctx, blocks, LH_ORC_ZLIB, LH_ORC_MAX_BLOCK_SIZE,
								  lh_slice(chunk, sizeof(chunk)), &out));
	assert_int_equal(out.len, 0);
	assert_true(lh_arena_used(ctx->arena) - before < (size_t) 1 << 20);
}

/* Names may hold dots: the whole path as one name comes before any way to split it. */
static void
a_whole_name_comes_before_its_parts(void **unused)
{
	OrcFileMaker m = orc_one(LH_ORC_LONG, LH_ORC_DIRECT_V2, 0, "", 0);
	const LhOrcMeta *meta;
	LhOrcFile *file;

	m.ntypes = 6;
	m.types[0] = (OrcType){
		.kind = LH_ORC_STRUCT, .nchildren = 2, .children = {1, 5}, .names = {"a", "a.b"}};
	m.types[1] = (OrcType){
		.kind = LH_ORC_STRUCT, .nchildren = 3, .children = {2, 3, 4}, .names = {"b", "c", "b.c"}};
	for (int i = 2; i < 6; i++)
		m.types[i] = (OrcType){.kind = LH_ORC_LONG};
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	meta = lh_orc_meta(file);
	assert_int_equal(lh_orc_find(meta, "a.b"), 5);
	assert_int_equal(lh_orc_find(meta, "a.c"), 3);
	assert_int_equal(lh_orc_find(meta, "a.b.c"), 4);
	assert_int_equal(lh_orc_find(meta, "a."), -1);
	assert_int_equal(lh_orc_find(meta, "a.b.d"), -1);
	assert_int_equal(lh_orc_find(meta, ""), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claimed_lengths_are_bounded),
		cmocka_unit_test(bounds_do_not_wrap_around),
		cmocka_unit_test(statistics_are_found_by_column),
		cmocka_unit_test(rows_without_end_have_no_index),
		cmocka_unit_test(large_dictionaries_ask_the_host),
		cmocka_unit_test(small_chunks_take_little_room),
		cmocka_unit_test(a_whole_name_comes_before_its_parts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
