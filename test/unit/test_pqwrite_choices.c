/*
 * test_pqwrite_choices.c
 *		What the writer decides: encodings, where row groups and pages end, what it
 *		refuses; and the footer.
 */
#include "unit/test_pqwrite_column.h"

/*
 * Encodings
 */

static uint32_t
encodings_of(Test *t)
{
	return chunk(t)->encodings;
}

#define HAS(set, encoding) (((set) >> (encoding) &1) != 0)

static void
sorted_integers_become_deltas(void **state)
{
	Test *t = *state;

	write_ramp(t, 50000, 1000);
	assert_true(HAS(encodings_of(t), LH_PQ_DELTA_BINARY_PACKED));
	assert_false(HAS(encodings_of(t), LH_PQ_RLE_DICTIONARY));
	assert_int_equal(chunk(t)->dict_offset <= 0, 1);
	assert_true(t->sink.len < 10000);
}

static void
few_values_stay_a_dictionary(void **state)
{
	Test *t = *state;
	PqwSource s = {.state = 1};

	OK(t, create(t, int64_type, true));
	for (int b = 0; b < 30; b++)
	{
		int64_t v[1000];

		for (int i = 0; i < 1000; i++)
			v[i] = (int64_t) pqw_int(&s, 50) * INT64_C(1000000007);
		OK(t, add(t, 1000, v, NULL));
	}
	finish(t);
	assert_true(chunk(t)->all_dictionary);
}

static void
different_texts_leave_no_dictionary(void **state)
{
	Test *t = *state;
	char text[1000][24];
	LhStr v[1000];

	OK(t, create(t, string_type, true));
	for (int b = 0; b < 30; b++)
	{
		for (int i = 0; i < 1000; i++)
		{
			snprintf(text[i], sizeof(text[i]), "%016llx",
					 (unsigned long long) lh_hash_u64((uint64_t) (b * 1000 + i) + 1));
			v[i] = str(text[i]);
		}
		OK(t, add(t, 1000, v, NULL));
	}
	finish(t);
	assert_false(HAS(encodings_of(t), LH_PQ_RLE_DICTIONARY));
}

static void
a_dictionary_that_is_given_up_keeps_its_pages(void **state)
{
	Test *t = *state;
	LhPqColumn *col;
	LhVec v;

	t->column.encoding = LH_PQ_WRITE_DICTIONARY;
	t->options.dictionary_bytes = 20000;
	t->options.page_rows = 1000;
	write_ramp(t, 10000, 3);
	assert_true(HAS(encodings_of(t), LH_PQ_RLE_DICTIONARY));
	assert_true(HAS(encodings_of(t), LH_PQ_PLAIN));
	assert_false(chunk(t)->all_dictionary);
	OK(t, lh_pq_column_open(t->ctx, t->file, 0, 1, &col));
	for (int row = 0; row < 10000; row += 1000)
	{
		OK(t, lh_pq_column_read(t->ctx, col, row, 1000, NULL, &v));
		for (int i = 0; i < 1000; i++)
			assert_int_equal(lh_vec_value(&v, i).i64, (row + i) * 3);
	}
}

/*
 * Row groups and memory
 */

static void
row_groups_end_where_they_should(void **state)
{
	Test *t = *state;
	const LhPqMeta *meta;

	t->options.row_group_rows = 3333;
	write_ramp(t, 10000, 3);
	meta = lh_pq_meta(t->file);
	assert_int_equal(meta->ngroups, 4);
	assert_int_equal(meta->groups[0].num_rows, 3333);
	assert_int_equal(meta->groups[3].num_rows, 1);
	assert_int_equal(t->written.ngroups, 4);
	assert_int_equal(t->written.split_offsets[0], 4);
}

static void
row_groups_end_by_size(void **state)
{
	Test *t = *state;

	t->options.row_group_bytes = 24000;
	t->column.encoding = LH_PQ_WRITE_PLAIN;
	write_ramp(t, 10000, 3);
	assert_true(lh_pq_meta(t->file)->ngroups >= 3 && lh_pq_meta(t->file)->ngroups <= 5);
}

/* Rows of noise, which does not compress, under a small budget. */
static void
a_small_budget_makes_short_row_groups(void **state)
{
	Test *t = *state;
	LhBudget budget = {.limit = 1 << 20, .setting = "work_mem"};
	LhArena *arena = lh_arena_create(&budget), *old = lh_use(t->ctx, arena);
	PqwSource s = {.state = 99};
	int64_t v[1000];

	OK(t, create(t, int64_type, true));
	for (int b = 0; b < 400; b++)
	{
		for (int i = 0; i < 1000; i++)
			v[i] = (int64_t) pqw_u64(&s);
		OK(t, add(t, 1000, v, NULL));
	}
	OK(t, lh_pq_writer_finish(t->ctx, t->w, &t->written));
	OK(t, lh_output_finish(t->ctx, t->out, NULL));
	assert_true(t->written.ngroups >= 4 && t->written.ngroups <= 20);
	assert_true(budget.peak <= budget.limit);
	lh_use(t->ctx, old);
	lh_arena_destroy(arena);
	OK(t, pqw_open(t->ctx, &t->sink, &t->file));
	assert_int_equal(lh_pq_meta(t->file)->num_rows, 400000);
}

/* However small it is, a page of each column is written. */
static void
no_budget_is_too_small(void **state)
{
	Test *t = *state;
	LhBudget budget = {.limit = 16384, .setting = "work_mem"};
	LhArena *arena = lh_arena_create(&budget), *old = lh_use(t->ctx, arena);
	int64_t v[1000] = {0};

	OK(t, create(t, int64_type, true));
	for (int b = 0; b < 50; b++)
		OK(t, add(t, 1000, v, NULL));
	OK(t, lh_pq_writer_finish(t->ctx, t->w, NULL));
	lh_use(t->ctx, old);
	lh_arena_destroy(arena);
	OK(t, pqw_open(t->ctx, &t->sink, &t->file));
	assert_int_equal(lh_pq_meta(t->file)->num_rows, 50000);
}

static void
long_values_make_small_pages(void **state)
{
	Test *t = *state;
	size_t len = 100000;
	char *text = malloc(len);
	const LhPqPageIndex *index;
	LhStr v[64];

	assert_non_null(text);
	memset(text, 'x', len);
	for (int i = 0; i < 64; i++)
		v[i] = (LhStr){(uint8_t *) text, (uint32_t) len, 0};
	t->column.encoding = LH_PQ_WRITE_PLAIN;
	write_all(t, string_type, 64, v, NULL);
	OK(t, lh_pq_page_index(t->ctx, t->file, 0, 0, &index));
	assert_true(index->npages >= 3 && index->npages <= 16);
	free(text);
}

static void
writing_can_be_cancelled(void **state)
{
	Test *t = *state;
	int64_t v[1000] = {0};

	OK(t, create(t, int64_type, true));
	t->polls = 0;
	assert_int_equal(add(t, 1000, v, NULL), LH_CANCELLED);
	t->polls = -1;
	/* what was cancelled in the middle is no file any more */
	assert_int_equal(add(t, 1000, v, NULL), LH_BUG);
	assert_int_equal(lh_pq_writer_finish(t->ctx, t->w, NULL), LH_BUG);
}

static LhStatus
full(LhCtx *ctx, void *arg, const uint8_t *bytes, size_t len)
{
	size_t *room = arg;

	if (len > *room)
		LH_FAIL(ctx, LH_IO, "disk full");
	*room -= len;
	return LH_OK;
}

static void
a_failing_output_fails_the_writer(void **state)
{
	Test *t = *state;
	int64_t v[1000] = {0};

	for (size_t room = 0; room < 400; room += 7)
	{
		size_t left = room;
		LhStatus status;

		t->col = (LhField){.name = "c", .type = int64_type, .field_id = -1};
		OK(t, lh_output_to(t->ctx, full, &left, &t->out));
		status = lh_pq_writer_create(t->ctx, t->out, 1, &t->col, NULL, NULL, &t->w);
		if (status == LH_OK)
			status = add(t, 1000, v, NULL);
		if (status == LH_OK)
			status = lh_pq_writer_finish(t->ctx, t->w, NULL);
		if (room < 100)
		{
			assert_int_equal(status, LH_IO);
			assert_string_equal(t->ctx->error->message, "disk full");
		}
		lh_error_clear(t->ctx);
	}
}

/*
 * What is refused
 */

static void
assert_fails(Test *t, LhStatus got, LhStatus code, const char *part)
{
	assert_int_equal(got, code);
	if (strstr(t->ctx->error->message, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, t->ctx->error->message);
	lh_error_clear(t->ctx);
}

static void
a_null_in_a_required_column_names_its_row(void **state)
{
	Test *t = *state;
	const int32_t v[] = {1, 2, 3};
	const uint64_t valid[] = {0x5};

	OK(t, create(t, int32_type, true));
	OK(t, add(t, 3, v, NULL));
	assert_fails(t, add(t, 3, v, valid), LH_MISMATCH, "column \"c\", row 5: null");
}

static void
a_null_in_a_nested_required_value_names_its_row(void **state)
{
	Test *t = *state;
	const LhField element = {
		.name = "element", .type = int32_type, .required = true, .field_id = -1};
	const LhType list = {.id = LH_T_LIST, .nfields = 1, .fields = &element};
	const int32_t values[] = {1, 2, 3, 4};
	const uint64_t valid[] = {0xb};
	const uint32_t offsets[] = {0, 2, 2, 4};
	LhVec child = {.type = int32_type, .n = 4, .data = values, .valid = valid};
	const LhVec vec = {
		.type = list, .n = 3, .offsets = offsets, .nchildren = 1, .children = &child};
	const LhVec *vecs[] = {&vec};

	OK(t, create(t, list, false));
	assert_fails(t, lh_pq_writer_write(t->ctx, t->w, 3, vecs), LH_MISMATCH,
				 "column \"c\", row 3: null in c.list.element");
}

static void
values_that_do_not_fit_are_refused(void **state)
{
	Test *t = *state;
	const int64_t million[] = {INT64_C(10000000000)}, negative[] = {-1};
	const LhI128 wide[] = {(LhI128) 1 << 100};
	const LhType uint32_type = {.id = LH_T_UINT32, .lane = LH_LANE_I64};
	const LhType uint64_type = {.id = LH_T_UINT64, .lane = LH_LANE_I128};

	OK(t, create(t, pqw_decimal(9, 0, LH_LANE_I64), false));
	assert_fails(t, add(t, 1, million, NULL), LH_OUT_OF_RANGE, "decimal(9,0)");
	OK(t, create(t, uint32_type, false));
	assert_fails(t, add(t, 1, negative, NULL), LH_OUT_OF_RANGE, "uint32");
	OK(t, create(t, uint64_type, false));
	assert_fails(t, add(t, 1, wide, NULL), LH_OUT_OF_RANGE, "uint64");
	OK(t, create(t, pqw_decimal(20, 0, LH_LANE_I128), false));
	assert_fails(t, add(t, 1, wide, NULL), LH_OUT_OF_RANGE, "decimal(20,0)");
}

/* More digits than declared fit the bytes, but no reader expects them. */
static void
decimals_have_the_digits_they_declare(void **state)
{
	Test *t = *state;
	const int32_t narrow[] = {1000};
	const int64_t v[] = {99999, -100000};
	const LhI128 wide[] = {lh_pow10[20]};

	OK(t, create(t, pqw_decimal(3, 0, LH_LANE_I32), false));
	assert_fails(t, add(t, 1, narrow, NULL), LH_OUT_OF_RANGE, "decimal(3,0)");
	OK(t, create(t, pqw_decimal(5, 2, LH_LANE_I64), false));
	OK(t, add(t, 1, v, NULL));
	assert_fails(t, add(t, 1, v + 1, NULL), LH_OUT_OF_RANGE, "decimal(5,2)");
	OK(t, create(t, pqw_decimal(20, 0, LH_LANE_I128), false));
	assert_fails(t, add(t, 1, wide, NULL), LH_OUT_OF_RANGE, "decimal(20,0)");
}

static void
types_that_parquet_lacks_are_refused(void **state)
{
	Test *t = *state;

	assert_fails(t, create(t, pqw_time(LH_T_TIMESTAMP, LH_UNIT_S, false), false), LH_UNSUPPORTED,
				 "no times in seconds");
	assert_fails(t, create(t, (LhType){.id = LH_T_STRUCT}, false), LH_UNSUPPORTED, "no fields");
	assert_fails(t, create(t, pqw_decimal(3, 5, LH_LANE_I32), false), LH_INVALID, "decimal(3,5)");
	assert_int_equal(lh_pq_writer_create(t->ctx, t->out, 0, NULL, NULL, NULL, &t->w), LH_INVALID);
	lh_error_clear(t->ctx);
	t->options.codec = LH_CODEC_LZO;
	assert_fails(t, create(t, int32_type, false), LH_UNSUPPORTED, "codec lzo");
	t->options.codec = LH_CODEC_ZSTD;
	t->options.data_page = 3;
	assert_fails(t, create(t, int32_type, false), LH_INVALID, "version 1 or 2");
}

static void
too_deep_types_are_refused(void **state)
{
	Test *t = *state;
	LhType type = int32_type;

	for (int i = 0; i < 300; i++)
	{
		LhField *f = pqw_alloc(t->ctx, sizeof(*f));

		*f = (LhField){.name = "element", .type = type, .field_id = -1};
		type = (LhType){.id = LH_T_LIST, .nfields = 1, .fields = f};
	}
	assert_fails(t, create(t, type, false), LH_LIMIT, "nested deeper");
}

static void
a_vector_of_another_type_is_refused(void **state)
{
	Test *t = *state;
	const LhStr v[] = {str("x")};
	const LhVec vec = {.type = string_type, .n = 1, .data = v};
	const LhVec *vecs[] = {&vec};

	OK(t, create(t, int32_type, false));
	assert_fails(t, lh_pq_writer_write(t->ctx, t->w, 1, vecs), LH_MISMATCH,
				 "expected values of type int32, found string");
}

/* Vectors keep the units of their file: the wrong one would be other moments. */
static void
a_vector_of_another_unit_is_refused(void **state)
{
	Test *t = *state;
	const int64_t v[] = {1};
	const LhVec vec = {.type = pqw_time(LH_T_TIMESTAMP, LH_UNIT_MS, false), .n = 1, .data = v};
	const LhVec scaled = {.type = pqw_decimal(10, 1, LH_LANE_I64), .n = 1, .data = v};
	const LhVec *vecs[] = {&vec};

	OK(t, create(t, pqw_time(LH_T_TIMESTAMP, LH_UNIT_US, false), false));
	assert_fails(t, lh_pq_writer_write(t->ctx, t->w, 1, vecs), LH_MISMATCH, "timestamp(ms)");
	vecs[0] = &scaled;
	OK(t, create(t, pqw_decimal(10, 2, LH_LANE_I64), false));
	assert_fails(t, lh_pq_writer_write(t->ctx, t->w, 1, vecs), LH_MISMATCH, "decimal(10,1)");
}

/* metadata and value: a group whose annotation readers know it by. */
static void
variants_are_groups(void **state)
{
	Test *t = *state;
	const LhField fields[] = {
		{.name = "metadata", .type = binary_type, .required = true, .field_id = -1},
		{.name = "value", .type = binary_type, .field_id = -1}};
	const LhType variant = {.id = LH_T_VARIANT, .nfields = 2, .fields = fields};
	const LhStr metadata[] = {str("\1"), str("\1")}, value[] = {str("\f"), str("\b")};
	LhVec children[] = {{.type = binary_type, .n = 2, .data = metadata},
						{.type = binary_type, .n = 2, .data = value}};
	const uint64_t valid[] = {0x2};
	const LhVec vec = {
		.type = variant, .n = 2, .valid = valid, .nchildren = 2, .children = children};
	const LhVec *vecs[] = {&vec};
	const LhPqNode *node;
	LhPqColumn *col;
	LhVec got;

	OK(t, create(t, variant, false));
	OK(t, lh_pq_writer_write(t->ctx, t->w, 2, vecs));
	finish(t);
	node = &lh_pq_meta(t->file)->nodes[1];
	assert_int_equal(node->type.id, LH_T_VARIANT);
	assert_string_equal(node->logical, "VARIANT(1)");
	OK(t, lh_pq_column_open(t->ctx, t->file, 0, 1, &col));
	OK(t, lh_pq_column_read(t->ctx, col, 0, 2, NULL, &got));
	assert_true(lh_vec_is_null(&got, 0));
	assert_true(pqw_same(&vec, 1, &got, 1));
}

static void
the_size_grows_with_the_rows(void **state)
{
	Test *t = *state;
	PqwSource s = {.state = 3};
	int64_t v[1000], before, size;

	t->column.encoding = LH_PQ_WRITE_PLAIN;
	OK(t, create(t, int64_type, true));
	before = lh_pq_writer_size(t->w);
	assert_int_equal(before, 4);
	for (int b = 0; b < 60; b++)
	{
		for (int i = 0; i < 1000; i++)
			v[i] = (int64_t) pqw_u64(&s);
		OK(t, add(t, 1000, v, NULL));
		size = lh_pq_writer_size(t->w);
		/* noise does not compress */
		assert_true(size >= before + 7900 && size <= before + 8200);
		before = size;
	}
	finish(t);
	assert_true(t->written.bytes >= before && t->written.bytes <= before + 2000);
}

/*
 * The footer
 */

static void
the_footer_says_who_wrote_it_and_what_was_asked_for(void **state)
{
	Test *t = *state;
	const char *const kv[] = {"key", "value", "empty", NULL};
	const int32_t v[] = {1};
	const LhPqMeta *meta;

	t->options.kv = kv;
	t->options.nkv = 2;
	OK(t, create(t, int32_type, true));
	t->col.field_id = 17;
	OK(t, lh_pq_writer_create(t->ctx, t->out, 1, &t->col, NULL, &t->options, &t->w));
	t->sink.len = 0;
	OK(t, lh_output_to(t->ctx, pqw_sink, &t->sink, &t->out));
	OK(t, lh_pq_writer_create(t->ctx, t->out, 1, &t->col, NULL, &t->options, &t->w));
	OK(t, add(t, 1, v, NULL));
	finish(t);
	meta = lh_pq_meta(t->file);
	assert_string_equal(meta->created_by, "lakehouse version " LAKEHOUSE_VERSION);
	assert_int_equal(meta->nkv, 2);
	assert_string_equal(meta->kv[0], "key");
	assert_string_equal(meta->kv[1], "value");
	assert_null(meta->kv[3]);
	assert_int_equal(meta->nodes[1].field_id, 17);
	assert_int_equal(meta->nodes[1].repetition, LH_PQ_REQUIRED);
	assert_int_equal(t->written.leaves[0].field_id, 17);
	assert_string_equal(t->written.leaves[0].path, "c");
}

/* A page whose bytes change is noticed by its checksum. */
static void
pages_have_checksums(void **state)
{
	Test *t = *state;
	const int32_t v[] = {1, 2, 3};
	LhPqColumn *col;
	LhPqFile *file;
	LhVec vec;

	t->options.codec = LH_CODEC_NONE;
	t->column.encoding = LH_PQ_WRITE_PLAIN;
	write_all(t, int32_type, 3, v, NULL);
	/* the last byte before the indexes belongs to the page */
	t->sink.p[chunk(t)->column_index_offset - 1] ^= 1;
	OK(t, pqw_open(t->ctx, &t->sink, &file));
	OK(t, lh_pq_column_open(t->ctx, file, 0, 1, &col));
	assert_int_equal(lh_pq_column_read(t->ctx, col, 0, 3, NULL, &vec), LH_CORRUPT);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(sorted_integers_become_deltas),
		TEST(few_values_stay_a_dictionary),
		TEST(different_texts_leave_no_dictionary),
		TEST(a_dictionary_that_is_given_up_keeps_its_pages),
		TEST(row_groups_end_where_they_should),
		TEST(row_groups_end_by_size),
		TEST(a_small_budget_makes_short_row_groups),
		TEST(no_budget_is_too_small),
		TEST(long_values_make_small_pages),
		TEST(writing_can_be_cancelled),
		TEST(a_failing_output_fails_the_writer),
		TEST(a_null_in_a_required_column_names_its_row),
		TEST(a_null_in_a_nested_required_value_names_its_row),
		TEST(values_that_do_not_fit_are_refused),
		TEST(decimals_have_the_digits_they_declare),
		TEST(types_that_parquet_lacks_are_refused),
		TEST(too_deep_types_are_refused),
		TEST(a_vector_of_another_type_is_refused),
		TEST(a_vector_of_another_unit_is_refused),
		TEST(variants_are_groups),
		TEST(the_size_grows_with_the_rows),
		TEST(the_footer_says_who_wrote_it_and_what_was_asked_for),
		TEST(pages_have_checksums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
