/*
 * test_pqwrite_encode.c
 *		The writer's encodings at their edges, read by the decoders of the reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "parquet/rle.h"
#include "parquet/write_encode.h"
#include "unit/test_pqwrite.h"

#define OK(ctx, call)                              \
	do                                             \
	{                                              \
		if ((call) != LH_OK)                       \
			fail_msg("%s", (ctx)->error->message); \
	} while (0)

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

/* Values in runs of random length, single ones among them. */
static void
fill(PqwSource *s, uint32_t *v, size_t n, int width)
{
	uint32_t mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
	size_t i = 0;

	while (i < n)
	{
		size_t run = pqw_chance(s, 2) ? 1 : 1 + (size_t) pqw_int(s, 40);
		uint32_t value = (uint32_t) pqw_u64(s) & mask;

		for (; run > 0 && i < n; run--)
			v[i++] = value;
	}
}

static void
check_codes(LhCtx *ctx, const uint32_t *v, size_t n, int width)
{
	uint32_t got[600 + LH_RLE_SLACK], max = 0;
	LhBuf out;
	LhRle r;

	OK(ctx, lh_buf_init(ctx, &out, false));
	OK(ctx, lh_pqw_rle32(ctx, v, n, width, &out));
	lh_rle_init(&r, out.data, out.len, width);
	assert_int_equal(lh_rle_read(&r, n, got, &max), n);
	if (n > 0)
		assert_memory_equal(got, v, n * sizeof(*v));
	/* what is left are only the zeros that fill the last group */
	assert_true(r.left < 8 && r.p == r.end);
	lh_buf_free(&out);
}

static void
runs_and_groups_of_any_width_come_back(void **state)
{
	LhCtx *ctx = *state;
	PqwSource s = {.state = 17};

	for (int width = 0; width <= 32; width++)
	{
		for (int round = 0; round < 40; round++)
		{
			uint32_t v[600];
			size_t n = (size_t) pqw_int(&s, 600);

			fill(&s, v, n, width);
			check_codes(ctx, v, n, width);
		}
	}
}

static void
levels_come_back(void **state)
{
	LhCtx *ctx = *state;
	PqwSource s = {.state = 18};

	for (int width = 1; width <= 8; width++)
	{
		uint32_t v[600], got[600 + LH_RLE_SLACK], max = 0;
		uint8_t levels[600];
		LhBuf out;
		LhRle r;

		fill(&s, v, 600, width);
		for (int i = 0; i < 600; i++)
			levels[i] = (uint8_t) v[i];
		OK(ctx, lh_buf_init(ctx, &out, false));
		OK(ctx, lh_pqw_rle8(ctx, levels, 600, width, &out));
		lh_rle_init(&r, out.data, out.len, width);
		assert_int_equal(lh_rle_read(&r, 600, got, &max), 600);
		assert_memory_equal(got, v, sizeof(v));
	}
}

static void
equal_values_are_one_run(void **state)
{
	LhCtx *ctx = *state;
	uint32_t *v = calloc(100000, sizeof(*v));
	LhBuf out;

	assert_non_null(v);
	for (int i = 0; i < 100000; i++)
		v[i] = 5;
	OK(ctx, lh_buf_init(ctx, &out, false));
	OK(ctx, lh_pqw_rle32(ctx, v, 100000, 7, &out));
	assert_int_equal(out.len, 4);
	free(v);
}

/* One column, one encoding, through a file. */
static void
check_file(LhCtx *ctx, const LhType *type, const void *data, int n, LhPqWriteEncoding encoding,
		   LhPqEncoding expected)
{
	const LhField col = {.name = "c", .type = *type, .required = true, .field_id = -1};
	const LhPqColumnOptions options = {.encoding = encoding};
	const LhVec vec = {.type = *type, .n = n, .data = data};
	const LhVec *vecs[] = {&vec};
	PqwSink sink = {0};
	const LhPqChunk *chunk;
	LhPqColumn *column;
	LhOutput *out;
	LhPqWriter *w;
	LhPqFile *file;
	LhVec got;

	OK(ctx, lh_output_to(ctx, pqw_sink, &sink, &out));
	OK(ctx, lh_pq_writer_create(ctx, out, 1, &col, &options, NULL, &w));
	OK(ctx, lh_pq_writer_write(ctx, w, n, vecs));
	OK(ctx, lh_pq_writer_finish(ctx, w, NULL));
	OK(ctx, pqw_open(ctx, &sink, &file));
	OK(ctx, lh_pq_chunk(ctx, file, 0, 0, &chunk));
	assert_int_equal(chunk->encodings, UINT32_C(1) << expected);
	OK(ctx, lh_pq_column_open(ctx, file, 0, 1, &column));
	OK(ctx, lh_pq_column_read(ctx, column, 0, n, NULL, &got));
	for (int i = 0; i < n; i++)
		assert_true(pqw_same(&vec, i, &got, i));
	free(sink.p);
}

/* Differences wrap around; blocks and miniblocks of every fill. */
static void
deltas_of_extremes_come_back(void **state)
{
	LhCtx *ctx = *state;
	const LhType narrow = pqw_type(LH_T_INT32, LH_LANE_I32);
	const LhType wide = pqw_type(LH_T_INT64, LH_LANE_I64);
	static const int64_t edges[] = {INT64_MIN, INT64_MAX, 0, -1, 1, INT64_MIN + 1};
	int64_t v64[400];
	int32_t v32[400];
	PqwSource s = {.state = 19};

	for (int i = 0; i < 400; i++)
	{
		v64[i] = edges[pqw_int(&s, 6)];
		v32[i] = (int32_t) (v64[i] >> 32);
	}
	for (int n = 1; n <= 400; n += n < 140 ? 1 : 37)
	{
		check_file(ctx, &wide, v64, n, LH_PQ_WRITE_DELTA, LH_PQ_DELTA_BINARY_PACKED);
		check_file(ctx, &narrow, v32, n, LH_PQ_WRITE_DELTA, LH_PQ_DELTA_BINARY_PACKED);
	}
}

/* Every width of differences, 0 to 64 bits. */
static void
deltas_of_every_width_come_back(void **state)
{
	LhCtx *ctx = *state;
	const LhType wide = pqw_type(LH_T_INT64, LH_LANE_I64);
	PqwSource s = {.state = 20};

	for (int width = 0; width <= 64; width++)
	{
		uint64_t mask = width == 0 ? 0 : UINT64_MAX >> (64 - width), v[300] = {0};

		for (int i = 1; i < 300; i++)
			v[i] = v[i - 1] + (pqw_u64(&s) & mask);
		check_file(ctx, &wide, v, 300, LH_PQ_WRITE_DELTA, LH_PQ_DELTA_BINARY_PACKED);
	}
}

static void
byte_arrays_come_back(void **state)
{
	LhCtx *ctx = *state;
	const LhType binary = pqw_type(LH_T_BINARY, LH_LANE_STR);
	char text[300][40];
	LhStr v[300];

	for (int i = 0; i < 300; i++)
	{
		int n = snprintf(text[i], sizeof(text[i]), "%.*s%d", i % 17, "a common beginning", i / 3);

		v[i] = (LhStr){(uint8_t *) text[i], i % 11 == 0 ? 0 : (uint32_t) n, 0};
	}
	check_file(ctx, &binary, v, 300, LH_PQ_WRITE_DELTA, LH_PQ_DELTA_LENGTH_BYTE_ARRAY);
	check_file(ctx, &binary, v, 300, LH_PQ_WRITE_DELTA_BYTES, LH_PQ_DELTA_BYTE_ARRAY);
	check_file(ctx, &binary, v, 300, LH_PQ_WRITE_PLAIN, LH_PQ_PLAIN);
}

/* An encoding that the type cannot have is not written. */
static void
encodings_that_do_not_fit_become_plain(void **state)
{
	LhCtx *ctx = *state;
	const LhType boolean = pqw_type(LH_T_BOOL, LH_LANE_U8);
	const LhType real = pqw_type(LH_T_FLOAT, LH_LANE_F32);
	const uint8_t b[] = {1, 0, 1};
	const float f[] = {1, 2, 3};

	check_file(ctx, &boolean, b, 3, LH_PQ_WRITE_SPLIT, LH_PQ_PLAIN);
	check_file(ctx, &boolean, b, 3, LH_PQ_WRITE_DICTIONARY, LH_PQ_PLAIN);
	check_file(ctx, &real, f, 3, LH_PQ_WRITE_DELTA, LH_PQ_PLAIN);
	check_file(ctx, &real, f, 3, LH_PQ_WRITE_SPLIT, LH_PQ_BYTE_STREAM_SPLIT);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(runs_and_groups_of_any_width_come_back),
		TEST(levels_come_back),
		TEST(equal_values_are_one_run),
		TEST(deltas_of_extremes_come_back),
		TEST(deltas_of_every_width_come_back),
		TEST(byte_arrays_come_back),
		TEST(encodings_that_do_not_fit_become_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
