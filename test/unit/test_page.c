/*
 * test_page.c
 *		Pages: both versions, checksums, codecs, levels, and headers that lie.
 *
 * The tests named rule_N are the decode rules of reference 6.3 that concern
 * the data half; rules 4 and 5 also have tests in test_rle.c and test_decode.c,
 * rules 7 and 13 in test_column.c, rule 10 in test_nested.c.
 */
#include "unit/test_page_make.h"

/* One flat column. */
static void
one_column(Maker *m, LhCtx *ctx, int rep, int type)
{
	maker_init(m, ctx);
	maker_el(m, (PqEl) PQ_LEAF("c", rep, type));
	maker_begin(m, type);
}

/* All rows of column 0 as integers; nulls as INT64_MIN. */
static LhStatus
read_ints(LhCtx *ctx, LhPqFile *file, int64_t *out)
{
	int64_t rows = lh_pq_meta(file)->groups[0].num_rows;
	LhPqColumn *col;
	LhVec v;

	LH_TRY(lh_pq_column_open(ctx, file, 0, 1, &col));
	for (int64_t row = 0; row < rows; row += v.n)
	{
		int n = rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH;

		LH_TRY(lh_pq_column_read(ctx, col, row, n, NULL, &v));
		for (int i = 0; i < n; i++)
			out[row + i] = lh_vec_is_null(&v, i) ? INT64_MIN : lh_vec_value(&v, i).i64;
	}
	lh_pq_column_close(col);
	return LH_OK;
}

static void
put_i32s(Tw *w, int from, int n)
{
	for (int i = 0; i < n; i++)
	{
		int32_t v = from + i;

		tw_bytes(w, &v, 4);
	}
}

/* Finish the only column and read it. */
static LhStatus
finish_and_read(Maker *m, int64_t rows, int64_t *out)
{
	LhPqFile *file;

	maker_end(m);
	m->rows = rows;
	LH_TRY(maker_open(m, &file));
	return read_ints(m->ctx, file, out);
}

static void
every_codec_in_both_versions(void **state)
{
	static const int thrift[] = {0, 1, 2, 4, 5, 6, 7};

	for (int i = 0; i < 7; i++)
	{
		for (int v2 = 0; v2 < 2; v2++)
		{
			int64_t out[5000];
			Maker m;

			one_column(&m, *state, PQ_REQ, T_INT32);
			m.cols[0].codec = m.codec = thrift[i];
			for (int at = 0; at < 5000; at += 1000)
			{
				Tw w = {0},
				   none = {0},
				   none2 = {0};

				put_i32s(&w, at, 1000);
				if (v2)
					maker_v2(&m, &none, &none2, &w, 1000, 0, 1000, LH_PQ_PLAIN, at % 2000 ? -1 : 1);
				else
					maker_v1(&m, &w, 1000, LH_PQ_PLAIN);
			}
			ASSERT_OK(m.ctx, finish_and_read(&m, 5000, out));
			for (int k = 0; k < 5000; k++)
				assert_int_equal(out[k], k);
		}
	}
}

static void
unknown_codecs_and_lzo_are_refused(void **state)
{
	static const int thrift[] = {3, 8, -1};

	for (int i = 0; i < 3; i++)
	{
		int64_t out[10];
		Tw w = {0};
		Maker m;

		one_column(&m, *state, PQ_REQ, T_INT32);
		put_i32s(&w, 0, 10);
		maker_v1(&m, &w, 10, LH_PQ_PLAIN);
		m.cols[0].codec = thrift[i];
		assert_int_equal(finish_and_read(&m, 10, out), LH_UNSUPPORTED);
		lh_error_clear(m.ctx);
	}
}

static void
checksums_are_verified_when_asked_for(void **state)
{
	for (int broken = 0; broken < 2; broken++)
	{
		for (int check = 0; check < 2; check++)
		{
			int64_t out[10];
			LhPqFile *file;
			Tw w = {0};
			Maker m;

			one_column(&m, *state, PQ_REQ, T_INT32);
			m.crc = true;
			put_i32s(&w, 0, 10);
			maker_v1(&m, &w, 10, LH_PQ_PLAIN);
			if (broken)
				m.body.p[m.body.len - 1] ^= 1;
			maker_end(&m);
			m.rows = 10;
			ASSERT_OK(m.ctx, maker_open(&m, &file));
			file->options.check_crc = check;
			if (broken && check)
				ASSERT_FAILS(m.ctx, read_ints(m.ctx, file, out), LH_CORRUPT, "checksum");
			else
				ASSERT_OK(m.ctx, read_ints(m.ctx, file, out));
		}
	}
}

/* 6.3 (1): the dictionary stands at the chunk's start, whatever dictionary_page_offset says. */
static void
rule_1_dictionary_without_its_offset(void **state)
{
	for (int named = 0; named < 2; named++)
	{
		uint32_t codes[8] = {1, 0, 1, 1, 0, 0, 1, 0};
		int64_t out[8];
		int64_t dict_at;
		Tw w = {0};
		Maker m;

		one_column(&m, *state, PQ_REQ, T_INT32);
		dict_at = maker_at(&m);
		put_i32s(&w, 50, 2);
		maker_dict(&m, &w, 2);
		if (named)
		{
			m.cols[0].dict = dict_at;
			m.cols[0].data = maker_at(&m);
		}
		put_codes(&w, 1, codes, 8);
		maker_v1(&m, &w, 8, LH_PQ_RLE_DICTIONARY);
		ASSERT_OK(m.ctx, finish_and_read(&m, 8, out));
		for (int i = 0; i < 8; i++)
			assert_int_equal(out[i], 50 + codes[i]);
	}
}

/* 6.3 (2): a v1 page counts nulls among its values. */
static void
rule_2_num_values_counts_nulls(void **state)
{
	uint32_t levels[10] = {1, 0, 0, 1, 1, 0, 1, 0, 0, 1};
	int64_t out[10];
	Tw w = {0};
	Maker m;

	one_column(&m, *state, PQ_OPT, T_INT32);
	put_levels(&w, 1, levels, 10);
	put_i32s(&w, 0, 5);
	maker_v1(&m, &w, 10, LH_PQ_PLAIN);
	ASSERT_OK(m.ctx, finish_and_read(&m, 10, out));
	for (int i = 0, k = 0; i < 10; i++)
		assert_int_equal(out[i], levels[i] ? k++ : INT64_MIN);
}

/* 6.3 (3): levels of a v2 page are not compressed, values may be, or may not be although the chunk is. */
static void
rule_3_v2_levels_are_outside_compression(void **state)
{
	for (int compressed = -1; compressed < 2; compressed++)
	{
		uint32_t levels[8] = {1, 1, 0, 1, 0, 1, 1, 0};
		int64_t out[8];
		Tw rep = {0},
		   def = {0},
		   w = {0};
		Maker m;

		one_column(&m, *state, PQ_OPT, T_INT32);
		m.cols[0].codec = m.codec = 6;
		put_packed(&def, 1, levels, 8);
		put_i32s(&w, 7, 5);
		maker_v2(&m, &rep, &def, &w, 8, 3, 8, LH_PQ_PLAIN, compressed);
		ASSERT_OK(m.ctx, finish_and_read(&m, 8, out));
		for (int i = 0, k = 7; i < 8; i++)
			assert_int_equal(out[i], levels[i] ? k++ : INT64_MIN);
	}
}

/* 6.3 (3): no bytes are no compressed stream; an empty stream is one, too. */
static void
rule_3_empty_v2_data_is_not_decompressed(void **state)
{
	static const int thrift[] = {1, 6};
	static const uint8_t empty_zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00};

	for (int codec = 0; codec < 2; codec++)
	{
		for (int frame = 0; frame < 2; frame++)
		{
			int64_t out[5];
			Tw rep = {0},
			   def = {0},
			   w = {0};
			Maker m;

			one_column(&m, *state, PQ_OPT, T_INT32);
			m.cols[0].codec = m.codec = thrift[codec];
			put_rle(&def, 1, 0, 5);
			if (!frame)
				maker_v2(&m, &rep, &def, &w, 5, 5, 5, LH_PQ_PLAIN, 1);
			else
			{
				/* the header's uncompressed size leaves the frame out */
				Tw h = {0},
				   all = {0};

				tw_bytes(&all, def.p, def.len);
				if (codec == 1)
					tw_bytes(&all, empty_zstd, sizeof(empty_zstd));
				else
					tw_byte(&all, 0); /* snappy: length 0 */
				maker_header(&m, &h, 3, def.len, all.p, all.len);
				tw_struct(&h, 8);
				tw_i32(&h, 1, 5);
				tw_i32(&h, 2, 5);
				tw_i32(&h, 3, 5);
				tw_i32(&h, 4, 0);
				tw_i32(&h, 5, (int64_t) def.len);
				tw_i32(&h, 6, 0);
				tw_close(&h);
				tw_close(&h);
				maker_page(&m, &h, all.p, all.len);
				m.cols[0].values = 5;
				tw_free(&all);
				tw_free(&def);
			}
			ASSERT_OK(m.ctx, finish_and_read(&m, 5, out));
			assert_true(out[4] == INT64_MIN);
		}
	}
}

/* 6.3 (4): codes of no bits: every row has the only entry; with runs and without. */
static void
rule_4_dictionary_codes_may_have_width_zero(void **state)
{
	for (int runs = 0; runs < 2; runs++)
	{
		int64_t out[100];
		Tw w = {0};
		Maker m;

		one_column(&m, *state, PQ_REQ, T_INT32);
		put_i32s(&w, 42, 1);
		maker_dict(&m, &w, 1);
		tw_byte(&w, 0);
		if (runs)
			put_rle(&w, 0, 0, 100);
		maker_v1(&m, &w, 100, LH_PQ_PLAIN_DICTIONARY);
		ASSERT_OK(m.ctx, finish_and_read(&m, 100, out));
		assert_int_equal(out[0], 42);
		assert_int_equal(out[99], 42);
	}
}

static void
rule_4_dictionary_codes_wider_than_32_bits_are_refused(void **state)
{
	int64_t out[8];
	Tw w = {0};
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	put_i32s(&w, 42, 1);
	maker_dict(&m, &w, 1);
	tw_byte(&w, 33);
	put_rle(&w, 0, 0, 8);
	maker_v1(&m, &w, 8, LH_PQ_PLAIN_DICTIONARY);
	ASSERT_FAILS(m.ctx, finish_and_read(&m, 8, out), LH_CORRUPT, "33 bits");
}

/* 6.3 (6): gzip pages may have several members. */
static void
rule_6_gzip_pages_of_several_members(void **state)
{
	int64_t out[20];
	Tw half[2] = {{0}, {0}};
	Tw all = {0},
	   h = {0};
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	m.cols[0].codec = m.codec = 2;
	for (int i = 0; i < 2; i++)
	{
		LhBuf z;

		put_i32s(&half[i], 10 * i, 10);
		maker_compress(&m, half[i].p, half[i].len, &z);
		tw_bytes(&all, z.data, z.len);
		tw_free(&half[i]);
	}
	maker_header(&m, &h, 0, 80, all.p, all.len);
	tw_struct(&h, 5);
	tw_i32(&h, 1, 20);
	tw_i32(&h, 2, 0);
	tw_i32(&h, 3, 3);
	tw_i32(&h, 4, 3);
	tw_close(&h);
	tw_close(&h);
	maker_page(&m, &h, all.p, all.len);
	tw_free(&all);
	m.cols[0].values = 20;
	ASSERT_OK(m.ctx, finish_and_read(&m, 20, out));
	assert_int_equal(out[19], 19);
}

/* 6.3 (6): LZ4 (codec 5) is Hadoop-framed or a raw block. */
static void
rule_6_lz4_is_framed_or_raw(void **state)
{
	for (int raw = 0; raw < 2; raw++)
	{
		int64_t out[1000];
		Tw w = {0};
		Maker m;

		one_column(&m, *state, PQ_REQ, T_INT32);
		m.cols[0].codec = 5;
		m.codec = raw ? 7 : 5;
		put_i32s(&w, 0, 1000);
		maker_v1(&m, &w, 1000, LH_PQ_PLAIN);
		ASSERT_OK(m.ctx, finish_and_read(&m, 1000, out));
		assert_int_equal(out[999], 999);
	}
}

/* 6.3 (9): the chunk ends where its values do. */
static void
rule_9_total_compressed_size_may_be_wrong(void **state)
{
	static const int64_t sizes[] = {1, 100};

	for (int i = 0; i < 2; i++)
	{
		int64_t out[3000];
		LhPqFile *file;
		Maker m;

		one_column(&m, *state, PQ_REQ, T_INT32);
		for (int at = 0; at < 3000; at += 1000)
		{
			Tw w = {0};

			put_i32s(&w, at, 1000);
			maker_v1(&m, &w, 1000, LH_PQ_PLAIN);
		}
		maker_end(&m);
		m.cols[0].csize = sizes[i];
		m.rows = 3000;
		ASSERT_OK(m.ctx, maker_open(&m, &file));
		ASSERT_OK(m.ctx, read_ints(m.ctx, file, out));
		assert_int_equal(out[2999], 2999);
	}
}

/* 6.3 (9): more pages than an int16 counts. */
static void
rule_9_more_pages_than_int16(void **state)
{
	enum {PAGES = 33000};
	int64_t *out = malloc(PAGES * sizeof(*out));
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	for (int i = 0; i < PAGES; i++)
	{
		Tw w = {0};

		put_i32s(&w, i, 1);
		maker_v1(&m, &w, 1, LH_PQ_PLAIN);
	}
	ASSERT_OK(m.ctx, finish_and_read(&m, PAGES, out));
	for (int i = 0; i < PAGES; i++)
		assert_int_equal(out[i], i);
	assert_int_equal(m.ctx->counters->v[LH_CTR_PAGES_READ], PAGES);
	free(out);
}

static void
pages_of_unknown_kinds_and_empty_pages_are_passed_over(void **state)
{
	int64_t out[4];
	Tw w = {0},
	   h = {0};
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	put_i32s(&w, 0, 2);
	maker_v1(&m, &w, 2, LH_PQ_PLAIN);
	maker_header(&m, &h, 1, 3, "abc", 3); /* index page */
	tw_close(&h);
	maker_page(&m, &h, "abc", 3);
	maker_v1(&m, &w, 0, LH_PQ_PLAIN);
	maker_header(&m, &h, 9, 3, "abc", 3);
	tw_close(&h);
	maker_page(&m, &h, "abc", 3);
	put_i32s(&w, 2, 2);
	maker_v1(&m, &w, 2, LH_PQ_PLAIN);
	ASSERT_OK(m.ctx, finish_and_read(&m, 4, out));
	assert_int_equal(out[3], 3);
}

static void
levels_that_exceed_their_page_are_refused(void **state)
{
	static const char *const bodies[] = {"", "\x01\x00", "\x05\x00\x00\x00" "\x10\x01", "\xff\xff\xff\xff" "\x10\x01"};
	static const size_t lens[] = {0, 2, 6, 6};

	for (int i = 0; i < 4; i++)
	{
		int64_t out[8];
		Tw w = {0};
		Maker m;

		one_column(&m, *state, PQ_OPT, T_INT32);
		tw_bytes(&w, bodies[i], lens[i]);
		maker_v1(&m, &w, 8, LH_PQ_PLAIN);
		assert_int_equal(finish_and_read(&m, 8, out), LH_CORRUPT);
		lh_error_clear(m.ctx);
	}
}

static void
fewer_levels_than_values_are_refused(void **state)
{
	uint32_t levels[8] = {1, 1, 1, 1, 1, 1, 1, 1};
	int64_t out[20];
	Tw w = {0};
	Maker m;

	one_column(&m, *state, PQ_OPT, T_INT32);
	put_levels(&w, 1, levels, 8);
	put_i32s(&w, 0, 20);
	maker_v1(&m, &w, 20, LH_PQ_PLAIN);
	ASSERT_FAILS(m.ctx, finish_and_read(&m, 20, out), LH_CORRUPT, "levels");
}

static void
fewer_values_than_promised_are_refused(void **state)
{
	int64_t out[20];
	Tw w = {0};
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	put_i32s(&w, 0, 19);
	maker_v1(&m, &w, 20, LH_PQ_PLAIN);
	ASSERT_FAILS(m.ctx, finish_and_read(&m, 20, out), LH_CORRUPT, "row group 0, column c");
}

/* GH-47662: a required column has no levels and no nulls. */
static void
required_column_with_nulls_is_refused(void **state)
{
	int64_t out[20];
	Tw w = {0},
	   none = {0},
	   none2 = {0};
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	put_i32s(&w, 0, 18);
	maker_v2(&m, &none, &none2, &w, 20, 2, 20, LH_PQ_PLAIN, 0);
	ASSERT_FAILS(m.ctx, finish_and_read(&m, 20, out), LH_CORRUPT, "required");
}

/* GH-41317: a column has as many rows as its row group. */
static void
columns_of_another_length_than_the_group_are_refused(void **state)
{
	for (int rows = 19; rows <= 21; rows += 2)
	{
		int64_t out[21];
		Tw w = {0};
		Maker m;

		one_column(&m, *state, PQ_REQ, T_INT32);
		put_i32s(&w, 0, 20);
		maker_v1(&m, &w, 20, LH_PQ_PLAIN);
		ASSERT_FAILS(m.ctx, finish_and_read(&m, rows, out), LH_CORRUPT, "20 values");
	}
}

/* The chunk promises more values than its pages hold: what follows is no page. */
static void
chunks_that_end_too_early_are_refused(void **state)
{
	int64_t out[30];
	Tw w = {0};
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	put_i32s(&w, 0, 20);
	maker_v1(&m, &w, 20, LH_PQ_PLAIN);
	m.cols[0].values = 30;
	assert_int_equal(finish_and_read(&m, 30, out), LH_CORRUPT);
}

static void
pages_that_hold_too_many_values_are_refused(void **state)
{
	int64_t out[15];
	Tw w = {0};
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	put_i32s(&w, 0, 20);
	maker_v1(&m, &w, 20, LH_PQ_PLAIN);
	m.cols[0].values = 15;
	ASSERT_FAILS(m.ctx, finish_and_read(&m, 15, out), LH_CORRUPT, "page of 20 values");
}

static void
dictionary_codes_beyond_the_dictionary_are_refused(void **state)
{
	for (int rle = 0; rle < 2; rle++)
	{
		for (int isa = 0; isa < 3; isa++)
		{
			uint32_t codes[16] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 3, 2, 1, 0, 1};
			int64_t out[16];
			Tw w = {0};
			Maker m;

			lh_isa_choose((LhIsa) isa);
			one_column(&m, *state, PQ_REQ, T_INT32);
			put_i32s(&w, 0, 3);
			maker_dict(&m, &w, 3);
			tw_byte(&w, 2);
			if (rle)
				put_rle(&w, 2, 3, 16);
			else
				put_packed(&w, 2, codes, 16);
			maker_v1(&m, &w, 16, LH_PQ_RLE_DICTIONARY);
			ASSERT_FAILS(m.ctx, finish_and_read(&m, 16, out), LH_CORRUPT, "code 3");
		}
	}
}

static void
wrong_dictionaries_are_refused(void **state)
{
	for (int kind = 0; kind < 4; kind++)
	{
		int64_t out[8];
		Tw w = {0};
		Maker m;

		one_column(&m, *state, PQ_REQ, T_INT32);
		put_i32s(&w, 0, 3);
		if (kind == 0) /* none */
			tw_free(&w);
		else if (kind == 1) /* more entries than bytes */
			maker_dict(&m, &w, 4);
		else if (kind == 2) /* two of them */
		{
			maker_dict(&m, &w, 3);
			put_i32s(&w, 0, 3);
			maker_dict(&m, &w, 3);
		}
		else /* empty */
		{
			w.len = 0;
			maker_dict(&m, &w, 0);
		}
		tw_byte(&w, 2);
		put_rle(&w, 2, 0, 8);
		maker_v1(&m, &w, 8, LH_PQ_RLE_DICTIONARY);
		ASSERT_FAILS(m.ctx, finish_and_read(&m, 8, out), LH_CORRUPT, "dictionary");
	}
}

/* A header may promise 2 GB; memory is taken only for what the codec can make of its bytes. */
static void
implausible_sizes_take_no_memory(void **state)
{
	static const int thrift[] = {1, 2, 5, 7};

	for (int i = 0; i < 4; i++)
	{
		int64_t out[8];
		Tw h = {0};
		Maker m;

		one_column(&m, *state, PQ_REQ, T_INT32);
		m.cols[0].codec = thrift[i];
		maker_header(&m, &h, 0, INT32_MAX, "0123456789", 10);
		tw_struct(&h, 5);
		tw_i32(&h, 1, 8);
		tw_i32(&h, 2, 0);
		tw_i32(&h, 3, 3);
		tw_i32(&h, 4, 3);
		tw_close(&h);
		tw_close(&h);
		maker_page(&m, &h, "0123456789", 10);
		m.cols[0].values = 8;
		ASSERT_FAILS(m.ctx, finish_and_read(&m, 8, out), LH_CORRUPT, "cannot decompress");
	}
}

static void
pages_beyond_the_end_of_the_file_are_refused(void **state)
{
	int64_t out[8];
	Tw h = {0};
	Maker m;

	one_column(&m, *state, PQ_REQ, T_INT32);
	tw_open(&h);
	tw_i32(&h, 1, 0);
	tw_i32(&h, 2, 1000000);
	tw_i32(&h, 3, 1000000);
	tw_struct(&h, 5);
	tw_i32(&h, 1, 8);
	tw_i32(&h, 2, 0);
	tw_i32(&h, 3, 3);
	tw_i32(&h, 4, 3);
	tw_close(&h);
	tw_close(&h);
	maker_page(&m, &h, "abc", 3);
	m.cols[0].values = 8;
	ASSERT_FAILS(m.ctx, finish_and_read(&m, 8, out), LH_CORRUPT, "end of the file");
}

static void
level_encodings_other_than_rle_and_bit_packed_are_refused(void **state)
{
	int64_t out[8];
	Tw h = {0};
	Maker m;

	one_column(&m, *state, PQ_OPT, T_INT32);
	maker_header(&m, &h, 0, 10, "0123456789", 10);
	tw_struct(&h, 5);
	tw_i32(&h, 1, 8);
	tw_i32(&h, 2, 0);
	tw_i32(&h, 3, 5);
	tw_i32(&h, 4, 5);
	tw_close(&h);
	tw_close(&h);
	maker_page(&m, &h, "0123456789", 10);
	m.cols[0].values = 8;
	ASSERT_FAILS(m.ctx, finish_and_read(&m, 8, out), LH_CORRUPT, "levels cannot be coded");
}

static void
bit_packed_levels_are_read(void **state)
{
	int64_t out[10];
	Tw h = {0},
	   w = {0};
	Maker m;

	one_column(&m, *state, PQ_OPT, T_INT32);
	tw_bytes(&w, "\xa5\xc0", 2); /* 1010 0101 11 */
	put_i32s(&w, 0, 6);
	maker_header(&m, &h, 0, w.len, w.p, w.len);
	tw_struct(&h, 5);
	tw_i32(&h, 1, 10);
	tw_i32(&h, 2, 0);
	tw_i32(&h, 3, 4);
	tw_i32(&h, 4, 4);
	tw_close(&h);
	tw_close(&h);
	maker_page(&m, &h, w.p, w.len);
	tw_free(&w);
	m.cols[0].values = 10;
	ASSERT_OK(m.ctx, finish_and_read(&m, 10, out));
	assert_true(out[0] == 0 && out[1] == INT64_MIN && out[2] == 1 && out[9] == 5);
}

static LhStatus
collect(LhCtx *ctx, void *arg, const LhPqPageInfo *page)
{
	LhPqPageInfo *all = arg;
	int n = 0;

	while (all[n].offset != 0)
		n++;
	all[n] = *page;
	return LH_OK;
}

static void
walking_pages_tells_their_headers(void **state)
{
	LhPqPageInfo pages[8] = {{0}};
	LhPqFile *file;
	Tw rep = {0},
	   def = {0},
	   w = {0};
	Maker m;

	one_column(&m, *state, PQ_OPT, T_INT32);
	m.crc = true;
	put_i32s(&w, 0, 3);
	maker_dict(&m, &w, 3);
	put_rle(&def, 1, 1, 4);
	tw_byte(&w, 2);
	put_rle(&w, 2, 1, 4);
	maker_v2(&m, &rep, &def, &w, 4, 0, 4, LH_PQ_RLE_DICTIONARY, 0);
	put_levels(&w, 1, (uint32_t[]) {1, 0, 0, 1, 0, 0, 0, 0}, 2);
	put_i32s(&w, 0, 1);
	maker_v1(&m, &w, 2, LH_PQ_PLAIN);
	maker_end(&m);
	m.rows = 6;
	ASSERT_OK(m.ctx, maker_open(&m, &file));
	ASSERT_OK(m.ctx, lh_pq_walk_pages(m.ctx, file, 0, 0, collect, pages));
	assert_int_equal(pages[0].type, 2);
	assert_int_equal(pages[0].offset, 4);
	assert_int_equal(pages[0].num_values, 3);
	assert_int_equal(pages[1].type, 3);
	assert_int_equal(pages[1].num_rows, 4);
	assert_int_equal(pages[1].encoding, LH_PQ_RLE_DICTIONARY);
	assert_int_equal(pages[2].type, 0);
	assert_int_equal(pages[2].num_rows, -1);
	assert_int_equal(pages[2].num_nulls, -1);
	assert_true(pages[2].has_crc);
	assert_int_equal(pages[1].offset + pages[1].header_size + pages[1].compressed_size,
					 pages[2].offset);
	assert_int_equal(pages[3].offset, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_codec_in_both_versions),
		TEST(unknown_codecs_and_lzo_are_refused),
		TEST(checksums_are_verified_when_asked_for),
		TEST(rule_1_dictionary_without_its_offset),
		TEST(rule_2_num_values_counts_nulls),
		TEST(rule_3_v2_levels_are_outside_compression),
		TEST(rule_3_empty_v2_data_is_not_decompressed),
		TEST(rule_4_dictionary_codes_may_have_width_zero),
		TEST(rule_4_dictionary_codes_wider_than_32_bits_are_refused),
		TEST(rule_6_gzip_pages_of_several_members),
		TEST(rule_6_lz4_is_framed_or_raw),
		TEST(rule_9_total_compressed_size_may_be_wrong),
		TEST(rule_9_more_pages_than_int16),
		TEST(pages_of_unknown_kinds_and_empty_pages_are_passed_over),
		TEST(levels_that_exceed_their_page_are_refused),
		TEST(fewer_levels_than_values_are_refused),
		TEST(fewer_values_than_promised_are_refused),
		TEST(required_column_with_nulls_is_refused),
		TEST(columns_of_another_length_than_the_group_are_refused),
		TEST(chunks_that_end_too_early_are_refused),
		TEST(pages_that_hold_too_many_values_are_refused),
		TEST(dictionary_codes_beyond_the_dictionary_are_refused),
		TEST(wrong_dictionaries_are_refused),
		TEST(implausible_sizes_take_no_memory),
		TEST(pages_beyond_the_end_of_the_file_are_refused),
		TEST(level_encodings_other_than_rle_and_bit_packed_are_refused),
		TEST(bit_packed_levels_are_read),
		TEST(walking_pages_tells_their_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
