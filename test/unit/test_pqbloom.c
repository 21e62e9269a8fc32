/*
 * test_pqbloom.c
 *		Bloom filters: other writers' bits are found, and what may be in is never denied.
 */
#include "unit/pq_file.h"

#include <math.h>

#include "core/hash.h"
#include "parquet/indexes.h"

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
	return 0;
}

/*
 * bloom_filter.xxhash.bin of apache/parquet-testing: parquet-java put "hello",
 * "parquet", "bloom" and "filter" in.  Its 16 bytes of header, and of the 1,024
 * bytes behind them those that are not zero.
 */
static void
java_filter(uint8_t out[1040])
{
	static const uint8_t header[16] = {0x15, 0x80, 0x10, 0x1c, 0x1c, 0, 0, 0x1c,
									   0x1c, 0,    0,    0x1c, 0x1c, 0, 0, 0};
	static const struct
	{
		uint16_t at;
		uint8_t byte;
	} bits[] = {{0x092, 0x10}, {0x095, 0x02}, {0x099, 0x04}, {0x09c, 0x80}, {0x0a1, 0x02},
				{0x0a7, 0x80}, {0x0ab, 0x10}, {0x0af, 0x08}, {0x0b2, 0x80}, {0x0b7, 0x10},
				{0x0b8, 0x01}, {0x0bf, 0x10}, {0x0c0, 0x20}, {0x0c6, 0x20}, {0x0cb, 0x40},
				{0x0ce, 0x08}, {0x0f0, 0x04}, {0x0f6, 0x40}, {0x0fa, 0x40}, {0x0fe, 0x08},
				{0x103, 0x04}, {0x105, 0x20}, {0x108, 0x10}, {0x10c, 0x02}, {0x152, 0x20},
				{0x155, 0x08}, {0x159, 0x01}, {0x15f, 0x20}, {0x162, 0x80}, {0x167, 0x08},
				{0x169, 0x01}, {0x16d, 0x10}};

	memset(out, 0, 1040);
	memcpy(out, header, sizeof(header));
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		out[bits[i].at] = bits[i].byte;
}

/* The node of the only column of a schema. */
static const LhPqNode *
node_of(PqEl el)
{
	PqEl els[] = {PQ_ROOT(1), el};
	PqFooter f = {.els = els, .nels = 2};
	Tw w = {0};
	LhPqMeta *meta;

	pq_write_footer(&w, &f);
	ASSERT_OK(ctx, lh_pq_meta_parse(ctx, w.p, w.len, 1000, &meta));
	tw_free(&w);
	return &meta->nodes[1];
}

static LhValue
text(const LhPqNode *node, const char *s)
{
	return (LhValue){.type = *lh_pq_value_type(node),
					 .str = {.ptr = (const uint8_t *) s, .len = (uint32_t) strlen(s)}};
}

static void
the_filter_of_parquet_java_holds_its_words(void **state)
{
	const LhPqNode *node = node_of((PqEl) PQ_LEAF_AS("c", PQ_OPT, 6, LH_PQ_CONV_UTF8));
	const char *const in[] = {"hello", "parquet", "bloom", "filter"};
	uint8_t bytes[1040];
	LhPqBloom *bloom;
	size_t need;
	int false_hits = 0;

	(void) state;
	java_filter(bytes);
	ASSERT_OK(ctx, lh_pq_bloom_parse(ctx, bytes, sizeof(bytes), &need, &bloom));
	assert_non_null(bloom);
	assert_int_equal(need, sizeof(bytes));
	for (size_t i = 0; i < 4; i++)
	{
		LhValue v = text(node, in[i]);

		assert_true(lh_pq_bloom_may_hold(bloom, node, &v));
	}
	for (int i = 0; i < 1000; i++)
	{
		char word[24];
		LhValue v;

		snprintf(word, sizeof(word), "word %d", i);
		v = text(node, word);
		false_hits += lh_pq_bloom_may_hold(bloom, node, &v);
	}
	assert_true(false_hits < 5);
}

static void
every_cut_says_how_much_is_needed(void **state)
{
	uint8_t bytes[1040];
	LhPqBloom *bloom;
	size_t need;

	(void) state;
	java_filter(bytes);
	for (size_t n = 0; n < sizeof(bytes); n++)
	{
		uint8_t *exact = malloc(n > 0 ? n : 1);

		memcpy(exact, bytes, n);
		ASSERT_OK(ctx, lh_pq_bloom_parse(ctx, exact, n, &need, &bloom));
		assert_null(bloom);
		assert_int_equal(need, n < 16 ? 0 : sizeof(bytes));
		free(exact);
	}
}

/* A filter of nbytes zeros, described by these fields of the unions. */
static LhPqBloom *
filter(int64_t nbytes, int algorithm, int hash, int compression)
{
	const int ids[] = {algorithm, hash, compression};
	Tw w = {0};
	LhPqBloom *bloom;
	uint8_t *copy;
	size_t need;

	tw_open(&w);
	tw_i32(&w, 1, nbytes);
	for (int i = 0; i < 3; i++)
	{
		tw_struct(&w, i + 2);
		if (ids[i] > 0)
		{
			tw_struct(&w, ids[i]);
			tw_close(&w);
		}
		tw_close(&w);
	}
	tw_close(&w);
	for (int i = 0; i < 2048; i++)
		tw_byte(&w, 0);
	copy = lh_memdup(ctx, w.p, w.len);
	ASSERT_OK(ctx, lh_pq_bloom_parse(ctx, copy, w.len, &need, &bloom));
	tw_free(&w);
	return bloom;
}

static void
filters_of_other_kinds_count_as_absent(void **state)
{
	(void) state;
	assert_non_null(filter(64, 1, 1, 1));
	assert_null(filter(64, 2, 1, 1));
	assert_null(filter(64, 1, 2, 1));
	assert_null(filter(64, 1, 1, 2));
	assert_null(filter(64, 0, 1, 1));
	assert_null(filter(0, 1, 1, 1));
	assert_null(filter(-32, 1, 1, 1));
	assert_null(filter(33, 1, 1, 1));
	assert_null(filter(INT32_MAX - 31, 1, 1, 1));
	assert_null(filter(4096, 1, 1, 1)); /* more than there is */
}

/* Put PLAIN bytes into a filter: the other half of the algorithm, written from the specification. */
static void
insert(uint8_t *blocks, uint32_t nblocks, const void *p, size_t n)
{
	static const uint32_t salt[8] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
									 0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};
	uint64_t h = lh_xxh64(p, n);
	uint8_t *block = blocks + 32 * (((h >> 32) * nblocks) >> 32);

	for (int i = 0; i < 8; i++)
	{
		uint32_t bit = ((uint32_t) h * salt[i]) >> 27;

		block[4 * i + (int) bit / 8] |= (uint8_t) (1 << bit % 8);
	}
}

/* A filter with one value in. */
static LhPqBloom *
filter_with(const void *p, size_t n)
{
	Tw w = {0};
	uint8_t *bytes;
	size_t need;
	LhPqBloom *bloom;

	tw_bytes(&w, "\x15\x80\x20\x1c\x1c\0\0\x1c\x1c\0\0\x1c\x1c\0\0\0", 16); /* 2048 bytes */
	for (int i = 0; i < 2048; i++)
		tw_byte(&w, 0);
	bytes = lh_memdup(ctx, w.p, w.len);
	tw_free(&w);
	insert(bytes + 16, 64, p, n);
	ASSERT_OK(ctx, lh_pq_bloom_parse(ctx, bytes, 2064, &need, &bloom));
	assert_non_null(bloom);
	return bloom;
}

static bool
holds_int(const LhPqBloom *bloom, const LhPqNode *node, int64_t v)
{
	LhValue value = {.type = *lh_pq_value_type(node)};

	if (value.type.lane == LH_LANE_I128)
		value.i128 = v;
	else
		value.i64 = v;
	return lh_pq_bloom_may_hold(bloom, node, &value);
}

static bool
holds_float(const LhPqBloom *bloom, const LhPqNode *node, double v)
{
	LhValue value = {.type = *lh_pq_value_type(node), .f64 = v};

	return lh_pq_bloom_may_hold(bloom, node, &value);
}

static void
integers_of_every_width_are_hashed_as_stored(void **state)
{
	const PqEl narrow[] = {PQ_LEAF("c", 1, 1),
						   PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_INT_8),
						   PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_8),
						   PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_32),
						   PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_DATE),
						   PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_TIME_MILLIS),
						   {"c", 1, 1, -1, LH_PQ_CONV_DECIMAL, .precision = 5, .scale = 1}};
	const PqEl wide[] = {PQ_LEAF("c", 1, 2),
						 PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_UINT_64),
						 PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_TIMESTAMP_MILLIS),
						 PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_TIME_MICROS),
						 {"c", 1, 2, -1, LH_PQ_CONV_DECIMAL, .precision = 15, .scale = 1}};
	const int32_t v32 = 100;
	const int64_t v64 = 100;
	LhPqBloom *b32 = filter_with(&v32, 4), *b64 = filter_with(&v64, 8);

	(void) state;
	for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++)
	{
		assert_true(holds_int(b32, node_of(narrow[i]), 100));
		assert_false(holds_int(b32, node_of(narrow[i]), 101));
		assert_false(holds_int(b64, node_of(narrow[i]), 100));
	}
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
	{
		assert_true(holds_int(b64, node_of(wide[i]), 100));
		assert_false(holds_int(b64, node_of(wide[i]), 101));
		assert_false(holds_int(b32, node_of(wide[i]), 100));
	}
}

static void
unsigned_values_have_their_bits(void **state)
{
	const uint32_t v32 = UINT32_MAX;
	const uint64_t v64 = UINT64_MAX;
	const LhPqNode *n32 = node_of((PqEl) PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_32)),
				   *n64 = node_of((PqEl) PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_UINT_64));
	LhValue v = {.type = n64->type, .i128 = UINT64_MAX};

	(void) state;
	assert_true(holds_int(filter_with(&v32, 4), n32, UINT32_MAX));
	assert_false(holds_int(filter_with(&v32, 4), n32, -1));
	assert_true(lh_pq_bloom_may_hold(filter_with(&v64, 8), n64, &v));
	assert_false(holds_int(filter_with(&v64, 8), n64, -1));
}

static void
decimals_in_fixed_binary_are_sign_extended(void **state)
{
	const PqEl el = {"c", 1, 7, -1, LH_PQ_CONV_DECIMAL, .length = 5, .precision = 10};
	const PqEl wide = {"c", 1, 7, -1, LH_PQ_CONV_DECIMAL, .length = 16, .precision = 38};
	const PqEl bytes = {"c", 1, 6, -1, LH_PQ_CONV_DECIMAL, .precision = 10};
	LhPqBloom *minus_two = filter_with("\xff\xff\xff\xff\xfe", 5);

	(void) state;
	assert_true(holds_int(minus_two, node_of(el), -2));
	assert_false(holds_int(minus_two, node_of(el), 2));
	/* what 5 bytes cannot hold is not there, whatever its low bytes */
	assert_false(holds_int(minus_two, node_of(el), (INT64_C(1) << 40) - 2));
	assert_true(holds_int(filter_with("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
									  "\xfe",
									  16),
						  node_of(wide), -2));
	/* BYTE_ARRAY may hold one number in several ways */
	assert_true(holds_int(minus_two, node_of(bytes), 7));
}

static void
floats_are_asked_for_every_equal_value(void **state)
{
	const LhPqNode *f = node_of((PqEl) PQ_LEAF("c", 1, 4)), *d = node_of((PqEl) PQ_LEAF("c", 1, 5));
	const float f1 = 1.5f, fz = -0.0f;
	const double d1 = 1.5, dz = -0.0;

	(void) state;
	assert_true(holds_float(filter_with(&f1, 4), f, 1.5));
	assert_false(holds_float(filter_with(&f1, 4), f, 1.25));
	/* no float, so not in a column of floats */
	assert_false(holds_float(filter_with(&f1, 4), f, 1.5000000001));
	assert_true(holds_float(filter_with(&d1, 8), d, 1.5));
	assert_false(holds_float(filter_with(&d1, 8), d, 1.25));
	/* -0 = 0 */
	assert_true(holds_float(filter_with(&fz, 4), f, 0.0));
	assert_true(holds_float(filter_with(&dz, 8), d, 0.0));
	/* NaNs have many bits */
	assert_true(holds_float(filter_with(&d1, 8), d, NAN));
}

static void
halves_are_exact_or_absent(void **state)
{
	const PqEl el = {"c", 1, 7, -1, -1, .logical = LH_PQ_LOGICAL_FLOAT16, .length = 2};
	const LhPqNode *node = node_of(el);

	(void) state;
	/* every half, through its value, finds itself and not its neighbour */
	for (int h = 0; h < 65536; h += 7)
	{
		uint8_t bytes[2] = {(uint8_t) h, (uint8_t) (h >> 8)};
		LhCtx *main_ctx = ctx;
		LhValue v;

		if ((h & 0x7c00) == 0x7c00 && (h & 0x3ff) != 0)
			continue; /* NaN */
		ctx = lh_ctx_create();
		assert_true(lh_pq_stat_value(ctx, node, lh_slice(bytes, 2), &v));
		assert_true(lh_pq_bloom_may_hold(filter_with(bytes, 2), node, &v));
		if (!isinf(v.f64) && v.f64 != 0)
		{
			v.f64 += fabs(v.f64) / 65536;
			assert_false(lh_pq_bloom_may_hold(filter_with(bytes, 2), node, &v));
		}
		lh_ctx_destroy(ctx);
		ctx = main_ctx;
	}
	assert_false(holds_float(filter_with("\0\x7c", 2), node, 1e6));
}

static void
what_cannot_be_asked_may_be_there(void **state)
{
	const LhPqNode *int96 = node_of((PqEl) PQ_LEAF("c", 1, 3)),
				   *bools = node_of((PqEl) PQ_LEAF("c", 1, 0)),
				   *i32 = node_of((PqEl) PQ_LEAF("c", 1, 1)),
				   *day = node_of((PqEl) PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_DATE)),
				   *us = node_of((PqEl) PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_TIMESTAMP_MICROS)),
				   *ms = node_of((PqEl) PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_TIMESTAMP_MILLIS));
	LhPqBloom *bloom = filter_with("x", 1);
	LhValue v = {.type = i32->type, .null = true}, date = {.type = day->type, .i64 = -200000};
	LhPqNode julian = *day;

	(void) state;
	assert_true(holds_int(bloom, int96, 1));
	assert_true(holds_int(bloom, bools, 1));
	assert_true(lh_pq_bloom_may_hold(bloom, i32, &v));
	assert_true(lh_pq_bloom_may_hold(NULL, i32, &v));
	/* Julian days are not the days that the filter saw */
	assert_false(lh_pq_bloom_may_hold(bloom, day, &date));
	julian.hybrid = true;
	assert_true(lh_pq_bloom_may_hold(bloom, &julian, &date));
	/* a value in another type than the column's */
	v = (LhValue){.type = us->type, .i64 = 5};
	assert_true(lh_pq_bloom_may_hold(bloom, ms, &v));
	assert_false(lh_pq_bloom_may_hold(bloom, us, &v));
	assert_true(lh_pq_bloom_may_hold(bloom, i32, &v));
}

/* Read from files */

static LhPqFile *
open_with(const uint8_t *bytes, size_t n, int64_t at, int length)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_LEAF_AS("c", PQ_OPT, 6, LH_PQ_CONV_UTF8)};
	const PqCol col = {.type = 6, .values = 5, .data = 4, .bloom = at, .bloom_length = length};
	const PqGroup group = {5, 1, &col};
	const PqFooter f = {.els = els, .nels = 2, .groups = &group, .ngroups = 1, .rows = 5};
	static uint8_t body[4000];
	LhPqFile *file;

	memcpy(body + 1000, bytes, n);
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	return file;
}

static void
filters_are_read_with_and_without_their_length(void **state)
{
	const int lengths[] = {0, 1040, 40, 3000, -5, INT32_MAX};
	uint8_t bytes[1040];

	(void) state;
	java_filter(bytes);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		LhPqFile *file = open_with(bytes, sizeof(bytes), 1004, lengths[i]);
		const LhPqBloom *a, *b;
		uint64_t reads;
		LhValue v;

		ASSERT_OK(ctx, lh_pq_bloom(ctx, file, 0, 0, &a));
		if (a == NULL)
			fail_msg("length %d", lengths[i]);
		v = text(&file->meta->nodes[1], "parquet");
		assert_true(lh_pq_bloom_may_hold(a, &file->meta->nodes[1], &v));
		v = text(&file->meta->nodes[1], "orc");
		assert_false(lh_pq_bloom_may_hold(a, &file->meta->nodes[1], &v));
		reads = ctx->counters->v[LH_CTR_READS];
		ASSERT_OK(ctx, lh_pq_bloom(ctx, file, 0, 0, &b));
		assert_ptr_equal(a, b);
		assert_int_equal(ctx->counters->v[LH_CTR_READS], reads);
	}
}

static void
filters_outside_the_file_are_not_read(void **state)
{
	const int64_t places[] = {-1, 1, 3, 3500, 4004, 100000, INT64_MAX, INT64_MIN};
	uint8_t bytes[1040];

	(void) state;
	java_filter(bytes);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		const LhPqBloom *bloom;

		ASSERT_OK(ctx,
				  lh_pq_bloom(ctx, open_with(bytes, sizeof(bytes), places[i], 1040), 0, 0, &bloom));
		assert_null(bloom);
	}
}

static void
a_filter_beyond_the_budget_is_left_out(void **state)
{
	LhBudget budget = {.limit = (size_t) 1 << 20, .setting = "work_mem"};
	LhArena *arena = lh_arena_create(&budget);
	LhArena *old = lh_use(ctx, arena);
	uint8_t bytes[1040];
	LhPqFile *file;
	const LhPqBloom *bloom;

	(void) state;
	java_filter(bytes);
	file = open_with(bytes, sizeof(bytes), 1004, 1040);
	budget.limit = budget.used + 900;
	/* the chunk's own metadata fits, the filter does not */
	if (lh_pq_bloom(ctx, file, 0, 0, &bloom) == LH_OK)
		assert_null(bloom);
	else
		assert_int_equal(ctx->error->code, LH_NO_MEMORY);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_filter_of_parquet_java_holds_its_words),
		T(every_cut_says_how_much_is_needed),
		T(filters_of_other_kinds_count_as_absent),
		T(integers_of_every_width_are_hashed_as_stored),
		T(unsigned_values_have_their_bits),
		T(decimals_in_fixed_binary_are_sign_extended),
		T(floats_are_asked_for_every_equal_value),
		T(halves_are_exact_or_absent),
		T(what_cannot_be_asked_may_be_there),
		T(filters_are_read_with_and_without_their_length),
		T(filters_outside_the_file_are_not_read),
		T(a_filter_beyond_the_budget_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
