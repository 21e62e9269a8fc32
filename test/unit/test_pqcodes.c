/*
 * test_pqcodes.c
 *		Pages of codes that are stored as they are: random pages, selections and instruction sets
 *		against what was written, and blocks that are nearly such ones.
 */
#include "unit/test_column.h"

#include "parquet/kernels.h"

/* What the pages made so far hold; NULL_ROW: a null. */
#define NULL_ROW INT64_MIN
static int64_t want[5 * 60000];
static size_t nwant;

/* How the pages of a column are made. */
typedef struct Shape
{
	int width;
	bool v2;
	bool optional;
	int nulls;     /* of 100 */
	int codec;     /* of parquet.thrift: 0, 1 */
	bool literal;  /* snappy without a copy, whatever could be copied */
	int packed;    /* of 100 runs; the others are RLE */
	uint32_t most; /* values a packed run */
} Shape;

/* A snappy block of one literal. */
static void
put_literal(Tw *w, const void *p, size_t n)
{
	tw_varint(w, n);
	if (n <= 60)
		tw_byte(w, (int) (n - 1) << 2);
	else
	{
		uint32_t len = (uint32_t) n - 1;

		tw_byte(w, 62 << 2);
		tw_bytes(w, &len, 3);
	}
	tw_bytes(w, p, n);
}

/* Runs of codes below "below_this"; a page may end in one that is padded. */
static void
put_runs(Tw *w, const Shape *s, uint32_t ncodes, size_t n, uint32_t *all)
{
	tw_byte(w, s->width);
	for (size_t at = 0; at < n;)
	{
		uint32_t *codes = all + at;
		size_t k = 1 + below(s->most);

		k = k < n - at ? k : n - at;
		if ((int) below(100) < s->packed)
		{
			/* a run that others follow has whole groups */
			k = k == n - at ? k : (k + 7) / 8 * 8 < n - at ? (k + 7) / 8 * 8 : n - at;
			for (size_t i = 0; i < k; i++)
				codes[i] = s->width == 0 ? 0 : below(ncodes);
			put_packed(w, s->width, codes, k);
		}
		else
		{
			codes[0] = s->width == 0 ? 0 : below(ncodes);
			for (size_t i = 1; i < k; i++)
				codes[i] = codes[0];
			put_rle(w, s->width, codes[0], k);
		}
		at += k;
	}
}

/* Definition levels: bits, or one run when nothing is null. */
static size_t
make_levels(Tw *w, const Shape *s, size_t n, uint32_t *levels)
{
	size_t there = 0;

	for (size_t i = 0; i < n; i++)
	{
		levels[i] = (int) below(100) >= s->nulls;
		there += levels[i];
	}
	if (there == n)
		put_rle(w, 1, 1, n);
	else
		put_packed(w, 1, levels, n);
	return there;
}

static void
page_header(Maker *m, const Shape *s, const Tw *all, size_t usize, size_t def, int values,
			int nulls)
{
	Tw h = {0};

	maker_header(m, &h, s->v2 ? 3 : 0, usize, all->p, all->len);
	tw_struct(&h, s->v2 ? 8 : 5);
	tw_i32(&h, 1, values);
	if (s->v2)
	{
		tw_i32(&h, 2, nulls);
		tw_i32(&h, 3, values);
		tw_i32(&h, 4, LH_PQ_RLE_DICTIONARY);
		tw_i32(&h, 5, (int64_t) def);
		tw_i32(&h, 6, 0);
	}
	else
	{
		tw_i32(&h, 2, LH_PQ_RLE_DICTIONARY);
		tw_i32(&h, 3, LH_PQ_RLE);
		tw_i32(&h, 4, LH_PQ_RLE);
	}
	tw_close(&h);
	tw_close(&h);
	maker_page(m, &h, all->p, all->len);
	m->cols[m->ncols].values += values;
}

/* What the codec makes of n bytes. */
static void
put_block(Maker *m, const Shape *s, Tw *out, const Tw *in)
{
	LhBuf buf;

	if (s->codec == 0)
		tw_bytes(out, in->p, in->len);
	else if (s->literal)
		put_literal(out, in->p, in->len);
	else
	{
		maker_compress(m, in->p, in->len, &buf);
		tw_bytes(out, buf.data, buf.len);
		lh_buf_free(&buf);
	}
}

static void
add_page(Maker *m, const Shape *s, uint32_t ncodes, int n)
{
	Tw def = {0}, runs = {0}, content = {0}, all = {0};
	uint32_t *levels = malloc((size_t) n * sizeof(*levels)),
			 *codes = malloc((size_t) n * sizeof(*codes));
	size_t there = (size_t) n, at = 0;

	if (s->optional)
		there = make_levels(&def, s, (size_t) n, levels);
	put_runs(&runs, s, ncodes, there, codes);
	for (int i = 0; i < n; i++)
		want[nwant++] = s->optional && levels[i] == 0 ? NULL_ROW : 1000 + (int64_t) codes[at++];
	free(levels);
	free(codes);
	if (s->v2)
		tw_bytes(&all, def.p, def.len);
	else if (s->optional)
	{
		uint32_t len = (uint32_t) def.len;

		tw_bytes(&content, &len, 4);
		tw_bytes(&content, def.p, def.len);
	}
	tw_bytes(&content, runs.p, runs.len);
	put_block(m, s, &all, &content);
	page_header(m, s, &all, content.len + (s->v2 ? def.len : 0), def.len, n, n - (int) there);
	tw_free(&def);
	tw_free(&runs);
	tw_free(&content);
	tw_free(&all);
}

/* A column of pages of the shape. */
static LhPqColumn *
make_column(LhCtx *ctx, const Shape *s, int npages, int most_rows)
{
	uint32_t ncodes = s->width > 11 ? 3000 : s->width == 0 ? 1 : UINT32_C(1) << s->width;
	LhPqColumn *col;
	LhPqFile *file;
	Tw dict = {0};
	Maker m;

	nwant = 0;
	one_column(&m, ctx, (PqEl) PQ_LEAF("c", s->optional ? PQ_OPT : PQ_REQ, T_INT64));
	m.codec = m.cols[0].codec = s->codec;
	put_i64s(&dict, 1000, (int) ncodes);
	maker_dict(&m, &dict, (int) ncodes);
	for (int page = 0; page < npages; page++)
	{
		int n = 1 + (int) below((uint32_t) most_rows);

		m.rows += n;
		add_page(&m, s, ncodes, n);
	}
	maker_end(&m);
	ASSERT_OK(ctx, maker_open(&m, &file));
	ASSERT_OK(ctx, lh_pq_column_open(ctx, file, 0, 1, &col));
	return col;
}

/* Nothing, all, single rows, or stretches. */
static const LhSel *
random_selection(LhSel *sel, int n)
{
	uint32_t kind = below(4);

	if (kind == 0)
		return NULL;
	lh_sel_none(sel, n);
	for (int i = 0; i < n;)
	{
		int k = kind == 1 ? 1 : 1 + (int) below(kind == 2 ? 60 : 700);
		bool live = kind == 1 ? below(50) == 0 : below(2) == 0;

		for (; k > 0 && i < n; k--, i++)
			if (live)
				lh_bit_set(sel->w, (size_t) i);
	}
	sel->count = (int) lh_bits_count(sel->w, LH_WORDS(n));
	return sel;
}

static void
check_rows(const LhVec *v, int n, const LhSel *sel, int64_t row)
{
	for (int i = 0; i < n; i++)
	{
		LhValue x;

		if (sel != NULL && !lh_bit_get(sel->w, (size_t) i))
			continue;
		x = lh_vec_value(v, i);
		if (x.null ? want[row + i] != NULL_ROW : x.i64 != want[row + i])
			fail_msg("row %lld is %lld, not %lld", (long long) row + i,
					 x.null ? -1 : (long long) x.i64, (long long) want[row + i]);
	}
}

/* Read it in random pieces, some passed over. */
static void
check_column(LhCtx *ctx, LhPqColumn *col)
{
	int64_t rows = (int64_t) nwant;

	for (int64_t row = 0; row < rows;)
	{
		int n = 1 + (int) below(LH_BATCH);
		const LhSel *sel;
		LhSel space;
		LhVec v;

		/* stretches that nobody asks for */
		if (below(4) == 0)
			row += below(below(2) == 0 ? 100 : 20000);
		if (row >= rows)
			break;
		n = n < rows - row ? n : (int) (rows - row);
		sel = random_selection(&space, n);
		if (sel == NULL || sel->count > 0)
		{
			ASSERT_OK(ctx, lh_pq_column_read(ctx, col, row, n, sel, &v));
			check_rows(&v, n, sel, row);
		}
		row += n;
	}
}

static Shape
random_shape(int width)
{
	static const uint32_t runs[] = {8, 30, 504, 3000, 100000};

	return (Shape){.width = width,
				   .v2 = below(2) == 0,
				   .optional = below(2) == 0,
				   .nulls = (int) below(3) * 30,
				   .codec = (int) below(2),
				   .literal = below(3) > 0,
				   .packed = below(3) == 0 ? 100 : (int) below(101),
				   .most = runs[below(5)]};
}

/* Does the page in use lie in the window? */
static bool
is_view(const LhPqLeaf *leaf)
{
	return leaf->loaded && leaf->page.block == leaf->window.block;
}

static void
stored_codes_are_read_where_they_lie(void **state)
{
	int views = 0, inflated = 0;

	for (int round = 0; round < 3 * 33 * 4; round++)
	{
		LhCtx *ctx = lh_ctx_create();
		Shape s = random_shape(round / 3 % 33);
		LhPqColumn *col;

		lh_isa_choose((LhIsa) (round % 3));
		col = make_column(ctx, &s, 1 + (int) below(5), below(2) == 0 ? 300 : 60000);
		check_column(ctx, col);
		if (col->leaf.loaded && s.codec != 0)
		{
			views += is_view(&col->leaf);
			inflated += !is_view(&col->leaf);
		}
		lh_pq_column_rewind(col);
		check_column(ctx, col);
		lh_ctx_destroy(ctx);
	}
	(void) state;
	lh_isa_choose(lh_isa_best());
	assert_true(views > 50);
	assert_true(inflated > 10);
}

/* Values other than codes, and dictionaries, are better off in a block of their own. */
static void
other_values_leave_the_window(void **state)
{
	LhPqColumn *col;
	Tw w = {0}, block = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	m.codec = m.cols[0].codec = 1;
	put_i64s(&w, 7, 100);
	put_literal(&block, w.p, w.len);
	{
		Tw h = {0};

		maker_header(&m, &h, 0, w.len, block.p, block.len);
		tw_struct(&h, 5);
		tw_i32(&h, 1, 100);
		tw_i32(&h, 2, LH_PQ_PLAIN);
		tw_i32(&h, 3, LH_PQ_RLE);
		tw_i32(&h, 4, LH_PQ_RLE);
		tw_close(&h);
		tw_close(&h);
		maker_page(&m, &h, block.p, block.len);
		m.cols[0].values = 100;
	}
	tw_free(&w);
	tw_free(&block);
	col = finish(&m, 100);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 100, NULL, &v));
	assert_false(is_view(&col->leaf));
	assert_int_equal(lh_vec_value(&v, 99).i64, 106);
}

/*
 * Blocks
 */

/* What says that it is stored is what the decoder makes of it, and only that. */
static void
check_block(const uint8_t *in, size_t len, size_t out_len, bool stored)
{
	size_t at = 0, head = len < LH_CODEC_STORED_HEAD ? len : LH_CODEC_STORED_HEAD;
	/* of the block only its head is there, and nothing behind it */
	uint8_t *some = malloc(head + 1), *out = malloc(out_len + LH_PADDING);

	memcpy(some, in, head);
	assert_int_equal(lh_codec_stored(LH_CODEC_SNAPPY, some, len, out_len, &at), stored);
	if (stored)
	{
		assert_true(lh_snappy_decode(in, len, out, out_len));
		assert_int_equal(len - at, out_len);
		assert_memory_equal(out, in + at, out_len);
	}
	free(some);
	free(out);
}

static void
one_literal_is_stored(void **state)
{
	static const size_t sizes[] = {1, 59, 60, 61, 255, 256, 257, 65535, 65536, 65537, 200000};
	uint8_t *bytes = malloc(200000);

	(void) state;
	for (size_t i = 0; i < 200000; i++)
		bytes[i] = (uint8_t) below(256);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		/* any number of bytes for the length that is large enough */
		for (int extra = sizes[i] > 65536 ? 3
						 : sizes[i] > 256 ? 2
						 : sizes[i] > 60  ? 1
										  : 0;
			 extra <= 4; extra++)
		{
			uint32_t len = (uint32_t) sizes[i] - 1;
			Tw w = {0};

			tw_varint(&w, sizes[i]);
			tw_byte(&w, extra == 0 ? (int) len << 2 : (59 + extra) << 2);
			tw_bytes(&w, &len, (size_t) extra);
			tw_bytes(&w, bytes, sizes[i]);
			check_block(w.p, w.len, sizes[i], true);
			/* cut off, too long, or promised otherwise */
			check_block(w.p, w.len - 1, sizes[i], false);
			tw_byte(&w, 0);
			check_block(w.p, w.len, sizes[i], false);
			check_block(w.p, w.len - 1, sizes[i] + 1, false);
			check_block(w.p, w.len - 1, sizes[i] - 1, false);
			tw_free(&w);
		}
	free(bytes);
}

static void
other_blocks_are_not(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t len, out_len;
	} blocks[] = {
		{"", 0, 0},
		{"\x00", 1, 0},
		{"\x05", 1, 5},
		{"\x01\x00", 2, 1}, /* its byte is missing */
		{"\x02\x00"
		 "a\x00"
		 "b",
		 5, 2}, /* two literals */
		{"\x05\x00"
		 "a\x01\x01",
		 5, 5},                 /* a literal and a copy */
		{"\x05\x01\x01", 3, 5}, /* a copy of nothing */
		{"\x02\xf0", 2, 2},     /* length without its byte */
		{"\x02\xf4\x01", 3, 2}, /* without its second */
		{"\x02\xf8\x01\x00", 4, 2},
		{"\x02\xfc\x01\x00\x00", 5, 2},
		{"\x02\xfc\xff\xff\xff\xff"
		 "ab",
		 8, 2}, /* 4 GB */
		{"\x02\xfc\x01\x00\x00\x80"
		 "ab",
		 8, 2},
		{"\x82\x80\x80\x80\x10\x04"
		 "ab",
		 8, 2}, /* a length beyond 32 bits */
		{"\x82\x80\x80\x80\x80\x00\x04"
		 "ab",
		 9, 2}, /* a varint of six bytes */
	};

	(void) state;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		check_block((const uint8_t *) blocks[i].bytes, blocks[i].len, blocks[i].out_len, false);
}

static void
only_snappy_and_none_store(void **state)
{
	size_t at = 1;

	(void) state;
	assert_true(lh_codec_stored(LH_CODEC_NONE, (const uint8_t *) "abc", 3, 3, &at));
	assert_int_equal(at, 0);
	assert_false(lh_codec_stored(LH_CODEC_NONE, (const uint8_t *) "abc", 3, 2, &at));
	for (int codec = LH_CODEC_SNAPPY + 1; codec < LH_N_CODECS; codec++)
		assert_false(lh_codec_stored((LhCodec) codec,
									 (const uint8_t *) "\x01\x00"
													   "a",
									 3, 1, &at));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stored_codes_are_read_where_they_lie),
		TEST(other_values_leave_the_window),
		TEST(one_literal_is_stored),
		TEST(other_blocks_are_not),
		TEST(only_snappy_and_none_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
