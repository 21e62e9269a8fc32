/*
 * test_avro_blocks.c
 *		Blocks and batches: every codec, rows that are skipped, blocks on their own.
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

/* Rows 0, 1, 2... of {x: long, s: text} in blocks of per rows. */
static AvroMake
make_rows(const char *codec, int rows, int per)
{
	AvroMake m = avro_new(ctx);
	AvroMake r = avro_new(ctx);
	int n = 0;

	avro_header(
		&m,
		"{\"type\":\"record\",\"name\":\"row\",\"fields\":[{\"name\":\"x\",\"type\":\"long\"},"
		"{\"name\":\"s\",\"type\":\"string\"}]}",
		codec, NULL);
	for (int i = 0; i < rows; i++)
	{
		avro_long(&r, i);
		avro_text(&r, lh_sprintf(ctx, "text %d", i));
		if (++n < per && i + 1 < rows)
			continue;
		avro_block(&m, n, &r.b, codec);
		r.b.len = 0;
		n = 0;
		if (i % (3 * per) == 0)
			avro_block(&m, 0, &r.b, codec);
	}
	return m;
}

/* Rows [from, to) come, with batches that go over block borders. */
static void
expect_rows(LhAvroReader *reader, int64_t from, int64_t to)
{
	LhAvroBatch batch;

	do
	{
		char text[32];

		if (lh_avro_next(ctx, reader, &batch) != LH_OK)
			fail_msg("%s", ctx->error->message);
		assert_int_equal(batch.first_row, from);
		for (int i = 0; i < batch.n; i++)
		{
			LhValue s = lh_vec_value(&batch.vecs[1], i);

			assert_int_equal(lh_vec_value(&batch.vecs[0], i).i64, from + i);
			snprintf(text, sizeof(text), "text %d", (int) from + i);
			assert_int_equal(s.str.len, strlen(text));
			assert_memory_equal(s.str.ptr, text, s.str.len);
		}
		from += batch.n;
	} while (batch.n > 0);
	assert_int_equal(from, to);
}

static LhAvroReader *
open_rows(LhAvroFile *file)
{
	static const LhAvroWant wants[] = {{.node = 1}, {.node = 2}};
	LhAvroReader *reader;

	if (lh_avro_reader_open(ctx, file, 2, wants, NULL, &reader) != LH_OK)
		fail_msg("%s", ctx->error->message);
	return reader;
}

static void
every_codec_gives_the_same_rows(void **state)
{
	static const char *const codecs[] = {"null", "deflate", "snappy", "zstandard"};

	for (int c = 0; c < 4; c++)
		for (int per = 1; per <= 5000; per = per * 7 + 3)
		{
			AvroMake m = make_rows(codecs[c], 5000, per);

			expect_rows(open_rows(open_made(&m)), 0, 5000);
		}
}

static void
batches_go_over_blocks(void **state)
{
	AvroMake m = make_rows("deflate", 5000, 100);
	LhAvroReader *reader = open_rows(open_made(&m));
	LhAvroBatch batch;

	assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_OK);
	assert_int_equal(batch.n, LH_BATCH);
	assert_int_equal(lh_avro_row(reader), LH_BATCH);
}

static void
rows_are_skipped_by_whole_blocks(void **state)
{
	static const int64_t skips[] = {0, 1, 99, 100, 101, 2048, 4999, 5000, 6000};
	AvroMake m = make_rows("deflate", 5000, 100);

	for (size_t i = 0; i < sizeof(skips) / sizeof(skips[0]); i++)
	{
		LhAvroReader *reader = open_rows(open_made(&m));
		int64_t to = skips[i] < 5000 ? skips[i] : 5000;
		uint64_t before = ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED];

		assert_int_equal(lh_avro_skip_rows(ctx, reader, skips[i]), LH_OK);
		assert_int_equal(lh_avro_row(reader), to);
		if (to % 100 == 0)
			assert_int_equal(ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED], before);
		expect_rows(reader, to, 5000);
	}
}

static void
skips_and_batches_alternate(void **state)
{
	AvroMake m = make_rows("null", 9000, 777);
	LhAvroReader *reader = open_rows(open_made(&m));
	LhAvroBatch batch;
	int64_t row = 0;

	while (row < 9000)
	{
		assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_OK);
		assert_int_equal(batch.first_row, row);
		assert_int_equal(lh_vec_value(&batch.vecs[0], 0).i64, row);
		row += batch.n;
		assert_int_equal(lh_avro_skip_rows(ctx, reader, 50), LH_OK);
		row = row + 50 < 9000 ? row + 50 : 9000;
	}
	assert_int_equal(lh_avro_row(reader), 9000);
}

static void
blocks_are_found_without_their_rows(void **state)
{
	AvroMake m = make_rows("deflate", 1000, 100);
	LhAvroFile *file = open_made(&m);
	uint64_t before = ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED];
	const LhAvroBlock *blocks;
	LhAvroReader *reader;
	int64_t rows;
	int n;

	assert_int_equal(avro_count(ctx, file, &rows), LH_OK);
	assert_int_equal(rows, 1000);
	assert_int_equal(lh_avro_blocks(ctx, file, &n, &blocks), LH_OK);
	assert_int_equal(n, 10);
	assert_int_equal(blocks[7].first_row, 700);
	assert_int_equal(blocks[7].rows, 100);
	assert_int_equal(ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED], before);

	reader = open_rows(file);
	assert_int_equal(lh_avro_read_blocks(ctx, reader, blocks + 7, 2), LH_OK);
	expect_rows(reader, 700, 900);
	assert_int_equal(lh_avro_read_blocks(ctx, reader, blocks + 2, 1), LH_OK);
	expect_rows(reader, 200, 300);
	assert_int_equal(lh_avro_read_blocks(ctx, reader, blocks, 0), LH_OK);
	expect_rows(reader, 300, 300);
}

/* A reader of everything. */
static LhAvroReader *
open_all(LhAvroFile *file)
{
	LhAvroWant all = {0};
	LhAvroReader *reader;

	if (lh_avro_reader_open(ctx, file, 1, &all, NULL, &reader) != LH_OK)
		fail_msg("%s", ctx->error->message);
	return reader;
}

/* Rows of the next batch. */
static int
next(LhAvroReader *reader, LhAvroBatch *batch)
{
	if (lh_avro_next(ctx, reader, batch) != LH_OK)
		fail_msg("%s", ctx->error->message);
	return batch->n;
}

/* Lists of 1,000 numbers: a batch of 2,048 would have two million. */
static void
batches_with_very_many_items_are_shorter(void **state)
{
	AvroMake m = avro_new(ctx);
	AvroMake r = avro_new(ctx);
	LhAvroReader *reader;
	LhAvroBatch batch;
	int rows = 0;

	for (int i = 0; i < 500; i++)
	{
		avro_long(&r, 1000);
		for (int k = 0; k < 1000; k++)
			avro_long(&r, i + k);
		avro_long(&r, 0);
	}
	avro_header(&m, "{\"type\":\"array\",\"items\":\"long\"}", "deflate", NULL);
	avro_block(&m, 500, &r.b, "deflate");
	reader = open_all(open_made(&m));
	assert_int_equal(next(reader, &batch), 66);
	do
	{
		for (int i = 0; i < batch.n; i++)
		{
			const uint32_t *offsets = batch.vecs[0].offsets;

			assert_int_equal(offsets[i + 1] - offsets[i], 1000);
			assert_int_equal(lh_vec_value(&batch.vecs[0].children[0], (int) offsets[i] + 999).i64,
							 rows + i + 999);
		}
		rows += batch.n;
	} while (next(reader, &batch) > 0);
	assert_int_equal(rows, 500);
}

/* Fixed values of 1 MB: 8 of them, not 2,048, are one batch. */
static void
batches_of_wide_values_are_shorter(void **state)
{
	size_t width = (size_t) 1 << 20;
	AvroMake m = avro_new(ctx);
	AvroMake r = avro_new(ctx);
	LhAvroReader *reader;
	LhAvroBatch batch;

	avro_must(lh_buf_reserve(ctx, &r.b, 10 * width));
	r.b.len = 10 * width;
	for (int i = 0; i < 10; i++)
		memset(r.b.data + (size_t) i * width, 'a' + i, width);
	avro_header(&m, "{\"type\":\"fixed\",\"name\":\"f\",\"size\":1048576}", "deflate", NULL);
	avro_block(&m, 10, &r.b, "deflate");
	reader = open_all(open_made(&m));
	assert_int_equal(next(reader, &batch), 8);
	assert_memory_equal(lh_vec_value(&batch.vecs[0], 7).str.ptr, r.b.data + 7 * width, width);
	assert_int_equal(next(reader, &batch), 2);
	assert_memory_equal(lh_vec_value(&batch.vecs[0], 1).str.ptr, r.b.data + 9 * width, width);
	assert_int_equal(next(reader, &batch), 0);
}

/* Blocks of 1 MB: a batch holds some of them, not all. */
static void
batches_hold_few_large_blocks(void **state)
{
	AvroMake m = avro_new(ctx);
	AvroMake r = avro_new(ctx);
	LhAvroReader *reader;
	LhAvroBatch batch;
	size_t most = 0;
	int rows = 0;

	avro_header(&m, "\"bytes\"", "deflate", NULL);
	for (int i = 0; i < 64; i++)
	{
		r.b.len = 0;
		avro_long(&r, 1 << 20);
		avro_must(lh_buf_reserve(ctx, &r.b, r.b.len + (1 << 20)));
		memset(r.b.data + r.b.len, 'a' + i % 26, 1 << 20);
		r.b.len += 1 << 20;
		avro_block(&m, 1, &r.b, "deflate");
	}
	reader = open_all(open_made(&m));
	most = lh_arena_used(ctx->arena);
	while (next(reader, &batch) > 0)
	{
		assert_true(batch.n <= 5);
		for (int i = 0; i < batch.n; i++, rows++)
		{
			LhStr s = lh_vec_value(&batch.vecs[0], i).str;

			assert_int_equal(s.len, 1 << 20);
			assert_int_equal(s.ptr[0], 'a' + rows % 26);
			assert_int_equal(s.ptr[s.len - 1], 'a' + rows % 26);
		}
		assert_true(lh_arena_used(ctx->arena) - most < (size_t) 12 << 20);
	}
	assert_int_equal(rows, 64);
}

/* Rows that are null after rows that were not, and lists after longer ones: nothing is left over. */
static void
batches_do_not_remember_each_other(void **state)
{
	AvroMake m = avro_new(ctx);
	AvroMake r = avro_new(ctx);
	LhAvroReader *reader;
	LhAvroBatch batch;

	for (int i = 0; i < 3 * LH_BATCH; i++)
	{
		bool null = (i / LH_BATCH) % 2 == 0 ? i % 3 == 0 : i % 5 == 0;

		avro_long(&r, !null);
		if (null)
			continue;
		avro_long(&r, 2);
		avro_long(&r, 0);
		avro_long(&r, 1);
		avro_long(&r, i);
		avro_long(&r, 0);
	}
	avro_header(&m, "[\"null\",{\"type\":\"array\",\"items\":[\"null\",\"long\"]}]", NULL, NULL);
	avro_block(&m, 3 * LH_BATCH, &r.b, NULL);
	reader = open_all(open_made(&m));
	for (int b = 0; b < 3; b++)
	{
		assert_int_equal(next(reader, &batch), LH_BATCH);
		for (int i = 0; i < LH_BATCH; i++)
		{
			const LhVec *v = &batch.vecs[0];
			int row = b * LH_BATCH + i;

			assert_int_equal(lh_vec_is_null(v, i), b % 2 == 0 ? row % 3 == 0 : row % 5 == 0);
			if (lh_vec_is_null(v, i))
				continue;
			assert_int_equal(v->offsets[i + 1] - v->offsets[i], 2);
			assert_true(lh_vec_is_null(&v->children[0], (int) v->offsets[i]));
			assert_int_equal(lh_vec_value(&v->children[0], (int) v->offsets[i] + 1).i64, row);
		}
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_codec_gives_the_same_rows),     TEST(batches_go_over_blocks),
		TEST(rows_are_skipped_by_whole_blocks),    TEST(skips_and_batches_alternate),
		TEST(blocks_are_found_without_their_rows), TEST(batches_with_very_many_items_are_shorter),
		TEST(batches_of_wide_values_are_shorter),  TEST(batches_hold_few_large_blocks),
		TEST(batches_do_not_remember_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
