/*
 * test_pqwrite_rules.c
 *		What the writer says about what it wrote: statistics, page indexes, bloom
 *		filters.
 */
#include "unit/test_pqwrite_column.h"

/*
 * Statistics
 */

static void
bounds_of_integers_are_exact(void **state)
{
	Test *t = *state;
	const int32_t v[] = {5, -7, 0, 12};
	const uint64_t valid[] = {0xb};
	const LhPqChunk *c;

	write_all(t, int32_type, 4, v, valid);
	c = chunk(t);
	assert_true(c->stats.has_min && c->stats.has_max);
	assert_true(c->stats.min_exact && c->stats.max_exact);
	assert_int_equal(lh_load_i32(c->stats.min.data), -7);
	assert_int_equal(lh_load_i32(c->stats.max.data), 12);
	assert_int_equal(c->stats.nulls, 1);
	assert_int_equal(c->stats.distinct, -1);
	assert_true(lh_pq_meta(t->file)->has_column_orders);
	assert_int_equal(lh_pq_order(lh_pq_meta(t->file), 0), LH_PQ_ORDER_TYPE);
}

static void
unsigned_integers_compare_unsigned(void **state)
{
	Test *t = *state;
	const int64_t v[] = {1, UINT32_MAX, 7};
	const LhType type = {.id = LH_T_UINT32, .lane = LH_LANE_I64};
	const LhPqChunk *c;

	write_all(t, type, 3, v, NULL);
	c = chunk(t);
	assert_int_equal(lh_load_u32(c->stats.min.data), 1);
	assert_int_equal(lh_load_u32(c->stats.max.data), UINT32_MAX);
	assert_int_equal(t->written.leaves[0].max.i64, UINT32_MAX);
}

static void
wide_decimals_compare_signed(void **state)
{
	Test *t = *state;
	const LhI128 v[] = {-5, 3, -lh_pow10[30], lh_pow10[30]};
	LhBounds b;

	write_all(t, pqw_decimal(31, 2, LH_LANE_I128), 4, v, NULL);
	OK(t, lh_pq_bounds(t->ctx, t->file, 0, 0, &b));
	assert_true(b.has_min && b.has_max);
	assert_true(b.min.i128 == v[2] && b.max.i128 == v[3]);
	assert_true(t->written.leaves[0].min.i128 == v[2]);
}

static void
nan_is_never_a_bound_and_is_counted(void **state)
{
	Test *t = *state;
	const double v[] = {NAN, 2, NAN, -3};
	const LhPqChunk *c;

	write_all(t, double_type, 4, v, NULL);
	c = chunk(t);
	assert_true(lh_load_f64(c->stats.min.data) == -3 && lh_load_f64(c->stats.max.data) == 2);
	assert_int_equal(c->stats.nans, 2);
	assert_int_equal(t->written.leaves[0].nans, 2);
}

static void
only_nan_has_no_bounds_and_no_column_index(void **state)
{
	Test *t = *state;
	const double v[] = {NAN, NAN};
	const LhPqPageIndex *index;
	const LhPqChunk *c;

	write_all(t, double_type, 2, v, NULL);
	c = chunk(t);
	assert_false(c->stats.has_min || c->stats.has_max);
	assert_null(c->stats.raw_min.data);
	assert_int_equal(c->column_index_offset, -1);
	OK(t, lh_pq_page_index(t->ctx, t->file, 0, 0, &index));
	assert_non_null(index);
	assert_null(index->bounds);
	assert_false(t->written.leaves[0].has_bounds);
}

static void
zeros_of_floats_are_written_with_both_signs(void **state)
{
	Test *t = *state;
	const double low[] = {0.0, 5}, high[] = {-0.0, -5};
	const LhPqChunk *c;

	write_all(t, double_type, 2, low, NULL);
	c = chunk(t);
	assert_true(signbit(lh_load_f64(c->stats.min.data)));
	assert_false(c->stats.min_exact);
	assert_true(c->stats.max_exact);
	write_all(t, double_type, 2, high, NULL);
}

static void
negative_zero_as_maximum_becomes_positive(void **state)
{
	Test *t = *state;
	const double v[] = {-0.0, -5};
	const LhPqChunk *c;

	write_all(t, double_type, 2, v, NULL);
	c = chunk(t);
	assert_true(lh_load_f64(c->stats.max.data) == 0 && !signbit(lh_load_f64(c->stats.max.data)));
	assert_false(c->stats.max_exact);
}

static void
long_text_is_cut_between_characters(void **state)
{
	Test *t = *state;
	/* 7 bytes would cut the third character, of three bytes, in two */
	const LhStr v[] = {str("ab\xc3\xa9\xe2\x82\xac\xe2\x82\xac")};
	const LhPqChunk *c;

	t->options.truncate = 8;
	write_all(t, string_type, 1, v, NULL);
	c = chunk(t);
	ASSERT_BYTES(c->stats.min, "ab\xc3\xa9\xe2\x82\xac");
	ASSERT_BYTES(c->stats.max, "ab\xc3\xa9\xe2\x82\xad");
	assert_false(c->stats.min_exact || c->stats.max_exact);
	/* the caller gets the whole */
	assert_int_equal(t->written.leaves[0].max.str.len, v[0].len);
}

static void
a_cut_maximum_is_raised_to_another_character(void **state)
{
	Test *t = *state;
	/* U+10FFFF cannot be raised, U+D7FF becomes U+E000 */
	const LhStr v[] = {str("a\xed\x9f\xbf\xf4\x8f\xbf\xbfzzzz")};
	const LhPqChunk *c;

	t->options.truncate = 8;
	write_all(t, string_type, 1, v, NULL);
	c = chunk(t);
	ASSERT_BYTES(c->stats.max, "a\xee\x80\x80");
	assert_true(lh_utf8_valid(c->stats.max.data, c->stats.max.len));
}

static void
a_maximum_that_cannot_be_raised_stays_whole(void **state)
{
	Test *t = *state;
	const LhStr v[] = {str("\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf")};
	const LhStr bytes[] = {str("\xff\xff\xff\xff\xff\xff\xff\xff\xff")};
	const LhPqChunk *c;

	t->options.truncate = 4;
	write_all(t, string_type, 1, v, NULL);
	c = chunk(t);
	assert_int_equal(c->stats.max.len, 12);
	assert_true(c->stats.max_exact);
	assert_int_equal(c->stats.min.len, 4);
	assert_false(c->stats.min_exact);
	free(t->sink.p);
	t->sink = (PqwSink){0};
	write_all(t, binary_type, 1, bytes, NULL);
	c = chunk(t);
	assert_int_equal(c->stats.max.len, 9);
}

/* Else one value would make every footer and page index as long as itself. */
static void
a_very_long_maximum_that_cannot_be_raised_is_left_out(void **state)
{
	Test *t = *state;
	static uint8_t bytes[5000];
	const LhStr v[] = {{bytes, sizeof(bytes), 0}};
	const LhPqChunk *c;

	memset(bytes, 0xff, sizeof(bytes));
	write_all(t, binary_type, 1, v, NULL);
	c = chunk(t);
	assert_true(c->stats.has_min);
	assert_int_equal(c->stats.min.len, 64);
	assert_null(c->stats.raw_max.data);
	assert_int_equal(c->column_index_offset, -1);
	assert_true(c->offset_index_offset > 0);
	assert_int_equal(t->written.leaves[0].max.str.len, sizeof(bytes));
}

static void
cut_bytes_are_raised_in_the_last_that_can(void **state)
{
	Test *t = *state;
	const LhStr v[] = {str("a\xfe\xff\xff\xff\xff")};
	const LhPqChunk *c;

	t->options.truncate = 4;
	write_all(t, binary_type, 1, v, NULL);
	c = chunk(t);
	ASSERT_BYTES(c->stats.min, "a\xfe\xff\xff");
	ASSERT_BYTES(c->stats.max, "a\xff");
}

/* Property: whatever the texts, the written bounds hold them. */
static void
bounds_hold_all_values(void **state)
{
	Test *t = *state;
	PqwSource s = {.state = 4711};

	for (int round = 0; round < 300; round++)
	{
		const LhType *type = round % 2 ? &string_type : &binary_type;
		int n = 1 + pqw_int(&s, 20);
		const LhPqChunk *c;
		LhStr v[20];

		for (int i = 0; i < n; i++)
			pqw_put_value(t->ctx, &s, type, v, (size_t) i);
		t->options.truncate = 1 + pqw_int(&s, 12);
		t->sink.len = 0;
		write_all(t, *type, n, v, NULL);
		c = chunk(t);
		for (int i = 0; i < n; i++)
		{
			LhStr min = {c->stats.min.data, (uint32_t) c->stats.min.len, 0};
			LhStr max = {c->stats.max.data, (uint32_t) c->stats.max.len, 0};

			assert_true(lh_bytes_compare(min, v[i]) <= 0);
			assert_true(lh_bytes_compare(v[i], max) <= 0);
		}
	}
}

static void
intervals_and_geometries_have_no_bounds(void **state)
{
	Test *t = *state;
	const uint8_t interval[12] = {1};
	const LhStr point[] = {str("\1")};
	const LhType types[] = {{.id = LH_T_INTERVAL, .lane = LH_LANE_FIX, .width = 12},
							{.id = LH_T_GEOMETRY, .lane = LH_LANE_STR},
							{.id = LH_T_GEOGRAPHY, .lane = LH_LANE_STR}};

	for (int i = 0; i < 3; i++)
	{
		const LhPqChunk *c;

		t->sink.len = 0;
		write_all(t, types[i], 1, i == 0 ? (const void *) interval : point, NULL);
		c = chunk(t);
		assert_null(c->stats.raw_min.data);
		assert_null(c->stats.raw_max.data);
		assert_int_equal(c->stats.nulls, 0);
		assert_int_equal(c->column_index_offset, -1);
	}
}

static void
bounds_of_codes_are_those_of_values_that_occur(void **state)
{
	Test *t = *state;
	const int32_t values[] = {-100, 3, 4, 100};
	const uint32_t codes[] = {1, 2, 1, 2};
	const LhDict dict = {.type = int32_type, .n = 4, .values = values, .id = lh_dict_new_id()};
	const LhVec vec = {
		.type = int32_type, .kind = LH_VEC_DICT, .n = 4, .dict = &dict, .codes = codes};
	const LhVec *vecs[] = {&vec};
	const LhPqChunk *c;

	t->column.encoding = LH_PQ_WRITE_DICTIONARY;
	OK(t, create(t, int32_type, true));
	OK(t, lh_pq_writer_write(t->ctx, t->w, 4, vecs));
	finish(t);
	c = chunk(t);
	assert_true(c->all_dictionary);
	assert_int_equal(lh_load_i32(c->stats.min.data), 3);
	assert_int_equal(lh_load_i32(c->stats.max.data), 4);
}

static void
without_statistics_there_are_none(void **state)
{
	Test *t = *state;
	const int32_t v[] = {1, 2};
	const LhPqChunk *c;

	t->options.no_statistics = true;
	write_all(t, int32_type, 2, v, NULL);
	c = chunk(t);
	assert_false(c->stats.has_min);
	assert_int_equal(c->stats.nulls, -1);
	assert_int_equal(c->column_index_offset, -1);
	assert_true(c->offset_index_offset > 0);
}

/*
 * Page index
 */

static void
the_page_index_leads_to_every_page(void **state)
{
	Test *t = *state;
	const LhPqPageIndex *index;

	t->options.page_rows = 1000;
	write_ramp(t, 10000, 3);
	OK(t, lh_pq_page_index(t->ctx, t->file, 0, 0, &index));
	assert_non_null(index);
	assert_int_equal(index->npages, 10);
	for (int i = 0; i < 10; i++)
	{
		assert_int_equal(index->first_row[i], i * 1000);
		assert_int_equal(index->bounds[i].min.i64, i * 3000);
		assert_int_equal(index->bounds[i].max.i64, i * 3000 + 2997);
	}
}

/* A reader that skips to a row must find it: by the offset index, without the pages before. */
static void
rows_are_found_through_the_page_index(void **state)
{
	Test *t = *state;
	uint64_t before;
	LhPqColumn *col;
	LhVec v;

	t->options.page_rows = 1000;
	t->options.no_dictionary = true;
	write_ramp(t, 10000, 3);
	OK(t, lh_pq_column_open(t->ctx, t->file, 0, 1, &col));
	before = t->ctx->counters->v[LH_CTR_PAGES_READ];
	OK(t, lh_pq_column_read(t->ctx, col, 7500, 10, NULL, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, 22500);
	assert_int_equal(t->ctx->counters->v[LH_CTR_PAGES_READ] - before, 1);
}

/* Byte of boundary_order in the column index: field 4, after three lists. */
static int
order_of(Test *t)
{
	const LhPqChunk *c = chunk(t);
	LhThrift r;
	LhThriftField f = {0};
	int32_t order = -1;

	lh_thrift_init(&r, t->sink.p + c->column_index_offset, (size_t) c->column_index_length);
	while (lh_thrift_next(&r, &f))
		if (f.id == 4)
			lh_thrift_i32(&r, &f, &order);
		else
			lh_thrift_skip(&r, f.type);
	assert_true(lh_thrift_ok(&r));
	return order;
}

static void
the_order_of_pages_is_told(void **state)
{
	Test *t = *state;

	t->options.page_rows = 1000;
	write_ramp(t, 5000, 3);
	assert_int_equal(order_of(t), 1);
	t->sink.len = 0;
	write_ramp(t, 5000, -3);
	assert_int_equal(order_of(t), 2);
}

static void
pages_without_order_are_unordered(void **state)
{
	Test *t = *state;
	const int32_t v[] = {1, 2, 9, 3, 4};

	t->options.page_rows = 1;
	write_all(t, int32_type, 5, v, NULL);
	assert_int_equal(order_of(t), 0);
}

static void
pages_of_nulls_are_null_pages(void **state)
{
	Test *t = *state;
	const int32_t v[] = {1, 0, 0, 3};
	const uint64_t valid[] = {0x9};
	const LhPqPageIndex *index;

	t->options.page_rows = 1;
	write_all(t, int32_type, 4, v, valid);
	OK(t, lh_pq_page_index(t->ctx, t->file, 0, 0, &index));
	assert_non_null(index);
	assert_non_null(index->bounds);
	assert_int_equal(index->bounds[1].nulls, 1);
	assert_false(index->bounds[1].has_min);
	assert_int_equal(index->bounds[3].min.i64, 3);
	assert_int_equal(order_of(t), 1);
}

/*
 * Bloom filters
 */

static void
check_bloom(Test *t, LhPqWriteEncoding encoding)
{
	const LhPqBloom *bloom;
	const LhPqMeta *meta;
	int wrong = 0;

	t->column = (LhPqColumnOptions){.encoding = encoding, .bloom = true};
	t->sink.len = 0;
	write_ramp(t, 20000, 7);
	meta = lh_pq_meta(t->file);
	OK(t, lh_pq_bloom(t->ctx, t->file, 0, 0, &bloom));
	assert_non_null(bloom);
	for (int64_t i = 0; i < 140000; i++)
	{
		LhValue v = {.type = int64_type, .i64 = i};
		bool may = lh_pq_bloom_may_hold(bloom, &meta->nodes[1], &v);

		if (i % 7 == 0)
			assert_true(may);
		else
			wrong += may;
	}
	/* 1 % of 120,000, and some */
	assert_true(wrong < 2400);
	/* 20,000 values at 10 bits: a power of two of blocks, and its header */
	assert_true(chunk(t)->bloom_length > 20000 && chunk(t)->bloom_length <= 65536 + 32);
}

static void
blooms_hold_all_values_and_few_others(void **state)
{
	Test *t = *state;

	check_bloom(t, LH_PQ_WRITE_PLAIN);
	check_bloom(t, LH_PQ_WRITE_DICTIONARY);
	/* a dictionary that is given up on the way */
	t->options.dictionary_bytes = 30000;
	check_bloom(t, LH_PQ_WRITE_DICTIONARY);
}

static void
a_bloom_is_as_large_as_its_values_need(void **state)
{
	Test *t = *state;
	const LhStr v[] = {str("a"), str("b"), str("a")};

	t->column.bloom = true;
	write_all(t, string_type, 3, v, NULL);
	assert_true(chunk(t)->bloom_length < 100);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(bounds_of_integers_are_exact),
		TEST(unsigned_integers_compare_unsigned),
		TEST(wide_decimals_compare_signed),
		TEST(nan_is_never_a_bound_and_is_counted),
		TEST(only_nan_has_no_bounds_and_no_column_index),
		TEST(zeros_of_floats_are_written_with_both_signs),
		TEST(negative_zero_as_maximum_becomes_positive),
		TEST(long_text_is_cut_between_characters),
		TEST(a_cut_maximum_is_raised_to_another_character),
		TEST(a_maximum_that_cannot_be_raised_stays_whole),
		TEST(a_very_long_maximum_that_cannot_be_raised_is_left_out),
		TEST(cut_bytes_are_raised_in_the_last_that_can),
		TEST(bounds_hold_all_values),
		TEST(intervals_and_geometries_have_no_bounds),
		TEST(bounds_of_codes_are_those_of_values_that_occur),
		TEST(without_statistics_there_are_none),
		TEST(the_page_index_leads_to_every_page),
		TEST(rows_are_found_through_the_page_index),
		TEST(the_order_of_pages_is_told),
		TEST(pages_without_order_are_unordered),
		TEST(pages_of_nulls_are_null_pages),
		TEST(blooms_hold_all_values_and_few_others),
		TEST(a_bloom_is_as_large_as_its_values_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
