/*
 * test_column.c
 *		Flat columns: the form vectors come in, selections, pages that are passed
 *		over, lanes of all types, and how long memory lives.
 */
#include "unit/test_page_make.h"

#include "parquet/column.h"

static uint64_t
counter(LhCtx *ctx, LhCounterId id)
{
	return ctx->counters->v[id];
}

static void
one_column(Maker *m, LhCtx *ctx, PqEl el)
{
	maker_init(m, ctx);
	maker_el(m, el);
	maker_begin(m, el.type);
}

static LhPqColumn *
finish(Maker *m, int64_t rows)
{
	LhPqFile *file;
	LhPqColumn *col;

	maker_end(m);
	m->rows = rows;
	ASSERT_OK(m->ctx, maker_open(m, &file));
	ASSERT_OK(m->ctx, lh_pq_column_open(m->ctx, file, 0, 1, &col));
	return col;
}

static void
put_i64s(Tw *w, int64_t from, int n)
{
	for (int64_t i = 0; i < n; i++)
	{
		int64_t v = from + i;

		tw_bytes(w, &v, 8);
	}
}

static void
put_i32(Tw *w, int32_t v)
{
	tw_bytes(w, &v, 4);
}

/* A dictionary of "entry 0", "entry 1", ... */
static void
string_dict(Maker *m, int n)
{
	Tw w = {0};
	char text[32];

	for (int i = 0; i < n; i++)
	{
		snprintf(text, sizeof(text), "entry %d", i);
		put_string(&w, text);
	}
	maker_dict(m, &w, n);
}

static void
assert_string(const LhVec *v, int i, const char *want)
{
	LhValue value = lh_vec_value(v, i);

	assert_int_equal(value.str.len, strlen(want));
	assert_memory_equal(value.str.ptr, want, value.str.len);
}

/* ---- forms ---- */

static void
long_runs_stay_runs(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 4);
	tw_byte(&w, 2);
	put_rle(&w, 2, 3, 1000);
	put_rle(&w, 2, 1, 500);
	put_rle(&w, 2, 0, 1500);
	maker_v1(&m, &w, 3000, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 3000);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 2048, NULL, &v));
	assert_int_equal(v.kind, LH_VEC_RUNS);
	assert_int_equal(v.nruns, 3);
	assert_int_equal(v.runs[0].code, 3);
	assert_int_equal(v.runs[0].end, 1000);
	assert_int_equal(v.runs[1].end, 1500);
	assert_int_equal(v.runs[2].end, 2048);
	assert_string(&v, 1200, "entry 1");
	/* one run is the constant of the rest */
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 2048, 952, NULL, &v));
	assert_int_equal(v.kind, LH_VEC_RUNS);
	assert_int_equal(v.nruns, 1);
	assert_int_equal(v.runs[0].end, 952);
}

static void
runs_go_on_over_pages(void **state)
{
	LhPqColumn *col;
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 4);
	for (int page = 0; page < 4; page++)
	{
		Tw w = {0};

		tw_byte(&w, 2);
		put_rle(&w, 2, page < 3, 100);
		maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
	}
	col = finish(&m, 400);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 400, NULL, &v));
	assert_int_equal(v.kind, LH_VEC_RUNS);
	assert_int_equal(v.nruns, 2);
	assert_int_equal(v.runs[0].end, 300);
}

static void
short_runs_become_codes(void **state)
{
	uint32_t want[2000];
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 8);
	tw_byte(&w, 3);
	for (uint32_t at = 0; at < 2000; at += 8)
	{
		/* long runs first: what was gathered as runs must become codes */
		for (uint32_t i = 0; i < 8; i++)
			want[at + i] = at < 200 ? 5 : at % 16 == 0 ? (at / 16) % 8 : (at + i) % 8;
		if (at < 200 || at % 16 == 0)
			put_rle(&w, 3, want[at], 8);
		else
			put_packed(&w, 3, want + at, 8);
	}
	maker_v1(&m, &w, 2000, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 2000);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 2000, NULL, &v));
	assert_int_equal(v.kind, LH_VEC_DICT);
	assert_null(v.valid);
	assert_memory_equal(v.codes, want, sizeof(want));
}

static void
nulls_spread_codes_with_zero_at_nulls(void **state)
{
	uint32_t levels[64],
		codes[64];
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;
	int n = 0;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_OPT, T_BYTES));
	string_dict(&m, 4);
	for (int i = 0; i < 64; i++)
	{
		levels[i] = i % 3 != 0;
		if (levels[i])
			codes[n++] = 1 + (uint32_t) i % 3;
	}
	put_levels(&w, 1, levels, 64);
	put_codes(&w, 2, codes, (size_t) n);
	maker_v1(&m, &w, 64, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 64);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 64, NULL, &v));
	assert_int_equal(v.kind, LH_VEC_DICT);
	for (int i = 0; i < 64; i++)
	{
		assert_int_equal(lh_vec_is_null(&v, i), i % 3 == 0);
		assert_int_equal(v.codes[i], i % 3 == 0 ? 0 : 1 + i % 3);
	}
}

/* Runs have no nulls: with a page of nulls before, between or behind, they are codes. */
static void
a_page_of_nulls_beside_runs_makes_codes(void **state)
{
	for (int nulls = 0; nulls < 3; nulls++)
	{
		LhPqColumn *col;
		LhVec v;
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_OPT, T_BYTES));
		string_dict(&m, 4);
		for (int page = 0; page < 3; page++)
		{
			Tw w = {0},
			   levels = {0};
			uint32_t len;

			put_rle(&levels, 1, page != nulls, 100);
			len = (uint32_t) levels.len;
			tw_bytes(&w, &len, 4);
			tw_bytes(&w, levels.p, levels.len);
			tw_free(&levels);
			tw_byte(&w, 2);
			if (page != nulls)
				put_rle(&w, 2, 3, 100);
			maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
		}
		col = finish(&m, 300);
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 300, NULL, &v));
		assert_int_equal(v.kind, LH_VEC_DICT);
		for (int i = 0; i < 300; i++)
		{
			assert_int_equal(lh_vec_is_null(&v, i), i / 100 == nulls);
			assert_int_equal(v.codes[i], i / 100 == nulls ? 0 : 3);
		}
	}
}

static void
only_nulls_are_a_null_constant(void **state)
{
	LhPqColumn *col;
	Tw w = {0},
	   levels = {0};
	uint32_t len;
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_OPT, T_INT64));
	put_rle(&levels, 1, 0, 100);
	len = (uint32_t) levels.len;
	tw_bytes(&w, &len, 4);
	tw_bytes(&w, levels.p, levels.len);
	tw_free(&levels);
	maker_v1(&m, &w, 100, LH_PQ_PLAIN);
	col = finish(&m, 100);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 100, NULL, &v));
	assert_true(lh_vec_all_null(&v));
	assert_int_equal(v.n, 100);
}

static void
plain_values_of_one_page_are_not_copied(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	m.codec = m.cols[0].codec = 1;
	put_i64s(&w, 0, 5000);
	maker_v1(&m, &w, 5000, LH_PQ_PLAIN);
	col = finish(&m, 5000);
	for (int64_t row = 0; row < 5000; row += 1000)
	{
		static const uint8_t *first;

		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, row, 1000, NULL, &v));
		assert_int_equal(v.kind, LH_VEC_FLAT);
		if (row == 0)
			first = v.data;
		assert_ptr_equal(v.data, first + row * 8);
		assert_int_equal((uintptr_t) v.data % 8, 0);
	}
}

/* Also where pages are not compressed and the levels before the values have any length. */
static void
large_uncompressed_pages_are_read_where_values_are_aligned(void **state)
{
	for (int kind = 0; kind < 3; kind++)
	{
		LhPqColumn *col;
		Tw w = {0},
		   rep = {0},
		   def = {0};
		uint32_t len;
		LhVec v;
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", kind > 0 ? PQ_OPT : PQ_REQ, T_INT64));
		put_rle(&def, 1, 1, 10000);
		len = (uint32_t) def.len;
		if (kind == 1)
		{
			tw_bytes(&w, &len, 4);
			tw_bytes(&w, def.p, def.len);
		}
		put_i64s(&w, 0, 10000);
		if (kind == 2)
			maker_v2(&m, &rep, &def, &w, 10000, 0, 10000, LH_PQ_PLAIN, 0);
		else
			maker_v1(&m, &w, 10000, LH_PQ_PLAIN);
		tw_free(&def);
		col = finish(&m, 10000);
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 3000, 2048, NULL, &v));
		assert_int_equal(v.kind, LH_VEC_FLAT);
		assert_int_equal((uintptr_t) v.data % 8, 0);
		assert_ptr_not_equal(v.data, col->data.data); /* not in the batch's buffer */
		assert_int_equal(((const int64_t *) v.data)[5], 3005);
	}
}

static void
batches_that_cross_pages_are_put_together(void **state)
{
	LhPqColumn *col;
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	for (int64_t at = 0; at < 2000; at += 50)
	{
		Tw w = {0};

		put_i64s(&w, at, 50);
		maker_v1(&m, &w, 50, LH_PQ_PLAIN);
	}
	col = finish(&m, 2000);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 25, 1950, NULL, &v));
	assert_int_equal(v.kind, LH_VEC_FLAT);
	for (int i = 0; i < 1950; i++)
		assert_int_equal(((const int64_t *) v.data)[i], 25 + i);
}

/* Strings of all pages of a batch must be readable: ASan sees who gave a page back. */
static void
strings_of_many_pages_live_until_the_next_read(void **state)
{
	for (int codec = 0; codec < 2; codec++)
	{
		LhPqColumn *col;
		LhVec v;
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
		m.codec = m.cols[0].codec = codec;
		for (int at = 0; at < 3000; at += 30)
		{
			Tw w = {0};
			char text[64];

			for (int i = 0; i < 30; i++)
			{
				snprintf(text, sizeof(text), "a string that says it is number %d", at + i);
				put_string(&w, text);
			}
			maker_v1(&m, &w, 30, LH_PQ_PLAIN);
		}
		col = finish(&m, 3000);
		for (int row = 0; row < 3000; row += 1500)
		{
			ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, row, 1500, NULL, &v));
			for (int i = 0; i < 1500; i++)
			{
				char text[64];

				snprintf(text, sizeof(text), "a string that says it is number %d", row + i);
				assert_string(&v, i, text);
			}
		}
	}
}

/* The batch that has both is flattened; before it are codes, behind it values. */
static void
fallback_from_dictionary_to_plain_inside_a_batch(void **state)
{
	for (int optional = 0; optional < 2; optional++)
	{
		uint32_t ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
		uint32_t codes[96];
		LhPqColumn *col;
		Tw w = {0};
		LhVec v;
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", optional ? PQ_OPT : PQ_REQ, T_BYTES));
		string_dict(&m, 3);
		for (uint32_t i = 0; i < 96; i++)
			codes[i] = i % 3;
		for (int page = 0; page < 2; page++)
		{
			if (optional)
			{
				put_levels(&w, 1, (uint32_t[]) {1, 0, 1, 1, 1, 1, 1, 1}, 8);
				put_codes(&w, 2, codes, 7);
			}
			else
				put_codes(&w, 2, codes, 8);
			maker_v1(&m, &w, 8, LH_PQ_RLE_DICTIONARY);
		}
		for (int page = 0; page < 2; page++)
		{
			if (optional)
				put_levels(&w, 1, ones, 8);
			for (int i = 0; i < 8; i++)
				put_string(&w, "plain");
			maker_v1(&m, &w, 8, LH_PQ_PLAIN);
		}
		/* back to the dictionary: unusual, but legal */
		if (optional)
			put_levels(&w, 1, ones, 8);
		put_codes(&w, 2, codes, 8);
		maker_v1(&m, &w, 8, LH_PQ_RLE_DICTIONARY);
		col = finish(&m, 40);
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 4, NULL, &v));
		assert_int_equal(v.kind, LH_VEC_DICT);
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 4, 16, NULL, &v));
		assert_int_equal(v.kind, LH_VEC_FLAT);
		assert_string(&v, 4, "entry 0");
		assert_int_equal(lh_vec_is_null(&v, 5), optional);
		assert_string(&v, 7, optional ? "entry 2" : "entry 0");
		assert_string(&v, 12, "plain");
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 20, 20, NULL, &v));
		assert_int_equal(v.kind, LH_VEC_FLAT);
		assert_string(&v, 11, "plain");
		assert_string(&v, 13, "entry 1");
	}
}

/* ---- selections, and pages nobody wants ---- */

static LhSel
select_rows(int n, const int *rows, int count)
{
	LhSel sel;

	lh_sel_none(&sel, n);
	for (int i = 0; i < count; i++)
		lh_bit_set(sel.w, (size_t) rows[i]);
	sel.count = count;
	return sel;
}

/* 20 pages of 100 int64, v1 or v2; with an offset index when asked for. */
static LhPqColumn *
pages_of_100(Maker *m, LhCtx *ctx, bool index)
{
	int64_t at[20],
		first[20];
	int size[20];

	one_column(m, ctx, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	m->codec = m->cols[0].codec = 1;
	for (int page = 0; page < 20; page++)
	{
		Tw w = {0};

		put_i64s(&w, page * 100, 100);
		maker_v1(m, &w, 100, LH_PQ_PLAIN);
		at[page] = m->page_at;
		size[page] = m->page_size;
		first[page] = page * 100;
	}
	if (!index)
		return finish(m, 2000);
	maker_end(m);
	m->ncols = 0;
	maker_index(m, 0, 20, at, size, first);
	m->ncols = 1;
	m->rows = 2000;
	{
		LhPqFile *file;
		LhPqColumn *col;

		ASSERT_OK(m->ctx, maker_open(m, &file));
		ASSERT_OK(m->ctx, lh_pq_column_open(m->ctx, file, 0, 1, &col));
		return col;
	}
}

static void
pages_without_selected_rows_are_not_decompressed(void **state)
{
	static const int rows[] = {250, 251, 1999};
	LhSel sel = select_rows(2000, rows, 3);
	LhPqColumn *col;
	LhVec v;
	Maker m;

	col = pages_of_100(&m, *state, false);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 2000, &sel, &v));
	for (int i = 0; i < 3; i++)
		assert_int_equal(((const int64_t *) v.data)[rows[i]], rows[i]);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_READ), 2);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_SKIPPED), 18);
	assert_int_equal(counter(m.ctx, LH_CTR_BYTES_DECOMPRESSED), 2 * 800);
}

static void
rows_passed_over_cost_no_pages(void **state)
{
	LhPqColumn *col;
	LhVec v;
	Maker m;

	col = pages_of_100(&m, *state, false);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 50, 10, NULL, &v));
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 70, 10, NULL, &v));
	assert_int_equal(((const int64_t *) v.data)[0], 70);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 1555, 10, NULL, &v));
	assert_int_equal(((const int64_t *) v.data)[9], 1564);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_READ), 2);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_SKIPPED), 14);
}

static void
no_selected_row_means_no_page(void **state)
{
	LhSel sel = select_rows(1000, NULL, 0);
	LhPqColumn *col;
	LhVec v;
	Maker m;

	col = pages_of_100(&m, *state, false);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 1000, &sel, &v));
	assert_int_equal(v.n, 1000);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 1000, 1000, NULL, &v));
	assert_int_equal(((const int64_t *) v.data)[999], 1999);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_READ), 10);
}

/* With a page index, pages between are not even read: here the window is smaller than the chunk. */
static void
the_page_index_spares_reading_pages_between(void **state)
{
	enum {PAGES = 40, ROWS = 4000};
	int64_t at[PAGES],
		first[PAGES];
	int size[PAGES];
	LhPqFile *file;
	LhPqColumn *col;
	uint64_t before;
	LhVec v;
	Maker m;

	for (int index = 0; index < 2; index++)
	{
		one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
		for (int page = 0; page < PAGES; page++)
		{
			Tw w = {0};

			put_i64s(&w, page * ROWS, ROWS);
			maker_v1(&m, &w, ROWS, LH_PQ_PLAIN);
			at[page] = m.page_at;
			size[page] = m.page_size;
			first[page] = (int64_t) page * ROWS;
		}
		maker_end(&m);
		if (index)
			maker_index(&m, 0, PAGES, at, size, first);
		m.rows = PAGES * ROWS;
		ASSERT_OK(m.ctx, maker_open(&m, &file));
		before = counter(m.ctx, LH_CTR_READS);
		ASSERT_OK(m.ctx, lh_pq_column_open(m.ctx, file, 0, 1, &col));
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 123456, 2, NULL, &v));
		assert_int_equal(((const int64_t *) v.data)[1], 123457);
		/* index: itself, and the page in one or two pieces; else a header each */
		if (index)
			assert_true(counter(m.ctx, LH_CTR_READS) - before <= 3);
		else
			assert_true(counter(m.ctx, LH_CTR_READS) - before >= 30);
		/* and on to the end */
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 159999, 1, NULL, &v));
		assert_int_equal(((const int64_t *) v.data)[0], 159999);
		assert_int_equal(counter(m.ctx, LH_CTR_PAGES_READ), 2 * (index + 1));
	}
}

static void
a_page_index_that_lies_is_noticed(void **state)
{
	enum {PAGES = 40, ROWS = 4000};
	int64_t at[PAGES],
		first[PAGES];
	int size[PAGES];
	LhPqFile *file;
	LhPqColumn *col;
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	for (int page = 0; page < PAGES; page++)
	{
		Tw w = {0};

		put_i64s(&w, page * ROWS, ROWS);
		maker_v1(&m, &w, ROWS, LH_PQ_PLAIN);
		at[page] = m.page_at;
		size[page] = m.page_size;
		first[page] = (int64_t) page * (ROWS - 7);
	}
	maker_end(&m);
	maker_index(&m, 0, PAGES, at, size, first);
	m.rows = PAGES * ROWS;
	ASSERT_OK(m.ctx, maker_open(&m, &file));
	ASSERT_OK(m.ctx, lh_pq_column_open(m.ctx, file, 0, 1, &col));
	ASSERT_FAILS(m.ctx, lh_pq_column_read(m.ctx, col, 100000, 2, NULL, &v), LH_CORRUPT,
				 "page index");
}

static void
unselected_rows_are_safe_to_touch(void **state)
{
	static const int rows[] = {500};

	for (int dict = 0; dict < 2; dict++)
	{
		LhSel sel = select_rows(1000, rows, 1);
		LhPqColumn *col;
		Tw w = {0};
		LhVec v;
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
		if (dict)
		{
			string_dict(&m, 5);
			tw_byte(&w, 3);
			for (int i = 0; i < 125; i++)
				put_packed(&w, 3, (uint32_t[]) {0, 1, 2, 3, 4, 0, 1, 2}, 8);
			maker_v1(&m, &w, 1000, LH_PQ_RLE_DICTIONARY);
		}
		else
		{
			for (int i = 0; i < 1000; i++)
				put_string(&w, i == 500 ? "five hundred" : "some other");
			maker_v1(&m, &w, 1000, LH_PQ_PLAIN);
		}
		col = finish(&m, 1000);
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 1000, &sel, &v));
		for (int i = 0; i < 1000; i++)
		{
			LhValue value = lh_vec_value(&v, i);

			assert_true(value.str.len < 20 && (value.str.len == 0 || value.str.ptr[0] != 0));
		}
		assert_string(&v, 500, dict ? "entry 4" : "five hundred");
	}
}

static void
natural_batches_end_with_their_page(void **state)
{
	LhPqColumn *col;
	LhVec v;
	Maker m;

	col = pages_of_100(&m, *state, false);
	assert_int_equal(lh_pq_column_natural(col, 0, 2048), 2048); /* nothing is known yet */
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 10, NULL, &v));
	assert_int_equal(lh_pq_column_natural(col, 10, 2048), 90);
	assert_int_equal(lh_pq_column_natural(col, 10, 20), 20);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 10, 90, NULL, &v));
	/* the next page's header was at hand */
	assert_int_equal(lh_pq_column_natural(col, 100, 2048), 100);
}

static void
rows_must_not_go_back(void **state)
{
	LhPqColumn *col;
	LhVec v;
	Maker m;

	col = pages_of_100(&m, *state, false);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 100, 10, NULL, &v));
	assert_int_equal(lh_pq_column_read(m.ctx, col, 109, 10, NULL, &v), LH_BUG);
	assert_int_equal(lh_pq_column_read(m.ctx, col, 1995, 10, NULL, &v), LH_BUG);
	assert_int_equal(lh_pq_column_read(m.ctx, col, 200, LH_BATCH + 1, NULL, &v), LH_BUG);
}

/* ---- dictionaries ---- */

static void
the_dictionary_can_be_had_alone(void **state)
{
	const LhDict *dict,
		*again;
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 3);
	tw_byte(&w, 2);
	put_rle(&w, 2, 2, 100);
	maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 100);
	ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &dict));
	assert_int_equal(dict->n, 3);
	assert_int_equal(lh_dict_value(dict, 2).str.len, 7);
	assert_false(dict->text_checked);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_READ), 0);
	ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &again));
	assert_ptr_equal(dict, again);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 90, 10, NULL, &v));
	assert_ptr_equal(v.dict, dict);
	assert_int_equal(counter(m.ctx, LH_CTR_DICT_PAGES_READ), 1);

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	put_i64s(&w, 0, 10);
	maker_v1(&m, &w, 10, LH_PQ_PLAIN);
	col = finish(&m, 10);
	ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &dict));
	assert_null(dict);
}

static void
dictionaries_never_share_an_id(void **state)
{
	uint64_t last = 0;

	for (int i = 0; i < 3; i++)
	{
		const LhDict *dict;
		LhPqColumn *col;
		Tw w = {0};
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
		string_dict(&m, 3);
		tw_byte(&w, 2);
		put_rle(&w, 2, 2, 100);
		maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
		col = finish(&m, 100);
		ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &dict));
		assert_true(dict->id > last);
		last = dict->id;
	}
}

/* The dictionary is read only when a page needs it: a point look-up in plain pages does without. */
static void
a_dictionary_that_no_page_needs_is_not_decoded(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 3);
	tw_byte(&w, 2);
	put_rle(&w, 2, 2, 100);
	maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
	for (int i = 0; i < 100; i++)
		put_string(&w, "plain");
	maker_v1(&m, &w, 100, LH_PQ_PLAIN);
	col = finish(&m, 200);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 150, 10, NULL, &v));
	assert_string(&v, 0, "plain");
	assert_int_equal(counter(m.ctx, LH_CTR_DICT_PAGES_READ), 0);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_SKIPPED), 1);
}

/* ---- lanes ---- */

/* One PLAIN page and one of codes of the same values must both give what is wanted. */
typedef struct Lane
{
	PqEl el;
	const char *bytes;
	size_t len; /* of two values */
	LhTypeId id;
	LhLane lane;
	const char *want[2]; /* of lh_value_format */
} Lane;

static void
check_lane(LhCtx *ctx, const Lane *lane)
{
	for (int dict = 0; dict < 2; dict++)
	{
		for (int optional = 0; optional < 2; optional++)
		{
			PqEl el = lane->el;
			LhPqColumn *col;
			Tw w = {0};
			LhVec v;
			Maker m;

			el.rep = optional;
			one_column(&m, ctx, el);
			if (dict)
			{
				tw_bytes(&w, lane->bytes, lane->len);
				maker_dict(&m, &w, 2);
			}
			if (optional)
				put_levels(&w, 1, (uint32_t[]) {1, 0, 1}, 3);
			if (dict)
				put_codes(&w, 1, (uint32_t[]) {0, 1}, 2);
			else
				tw_bytes(&w, lane->bytes, lane->len);
			maker_v1(&m, &w, 2 + optional, dict ? LH_PQ_RLE_DICTIONARY : LH_PQ_PLAIN);
			col = finish(&m, 2 + optional);
			ASSERT_OK(ctx, lh_pq_column_read(ctx, col, 0, 2 + optional, NULL, &v));
			assert_int_equal(v.type.id, lane->id);
			assert_int_equal(v.type.lane, lane->lane);
			if (optional)
				assert_true(lh_vec_is_null(&v, 1));
			for (int i = 0; i < 2; i++)
			{
				LhValue value = lh_vec_value(&v, i * (1 + optional));
				LhBuf text;

				ASSERT_OK(ctx, lh_buf_init(ctx, &text, false));
				ASSERT_OK(ctx, lh_value_format(ctx, &value, &text));
				ASSERT_OK(ctx, lh_buf_putc(ctx, &text, 0));
				assert_string_equal((char *) text.data, lane->want[i]);
			}
		}
	}
}

#define DECIMAL(type, length, p, s) \
	{ \
		"c", 0, type, -1, C_DECIMAL, 0, length, p, s \
	}

static void
types_come_in_their_lanes(void **state)
{
	static const Lane lanes[] = {
		{PQ_LEAF("c", 0, T_INT32), "\x01\0\0\0\xff\xff\xff\xff", 8, LH_T_INT32, LH_LANE_I32, {"1", "-1"}},
		{PQ_LEAF_AS("c", 0, T_INT32, C_UINT8), "\x01\0\0\0\xff\xff\xff\xff", 8, LH_T_UINT8, LH_LANE_I32, {"1", "255"}},
		{PQ_LEAF_AS("c", 0, T_INT32, C_UINT16), "\x01\0\0\0\xff\xff\0\0", 8, LH_T_UINT16, LH_LANE_I32, {"1", "65535"}},
		{PQ_LEAF_AS("c", 0, T_INT32, C_UINT32), "\x01\0\0\0\xff\xff\xff\xff", 8, LH_T_UINT32, LH_LANE_I64, {"1", "4294967295"}},
		{PQ_LEAF_AS("c", 0, T_INT64, C_UINT64), "\x01\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, LH_T_UINT64, LH_LANE_I128, {"1", "18446744073709551615"}},
		{PQ_LEAF("c", 0, T_INT64), "\x01\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, LH_T_INT64, LH_LANE_I64, {"1", "-1"}},
		{PQ_LEAF_AS("c", 0, T_INT32, C_TIME_MILLIS), "\x01\0\0\0\xff\xff\0\0", 8, LH_T_TIME, LH_LANE_I64, {"00:00:00.001", "00:01:05.535"}},
		{PQ_LEAF("c", 0, T_FLOAT), "\0\0\x80\x3f\0\0\0\xc0", 8, LH_T_FLOAT, LH_LANE_F32, {"1", "-2"}},
		{PQ_LEAF("c", 0, T_DOUBLE), "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", 16, LH_T_DOUBLE, LH_LANE_F64, {"1", "-2"}},
		{{"c", 0, T_FLBA, -1, -1, 15, 2}, "\x00\x3c\x01\x80", 4, LH_T_FLOAT16, LH_LANE_F32, {"1", "-5.9604645e-08"}},
		{PQ_LEAF("c", 0, T_BYTES), "\x01\0\0\0a\x02\0\0\0bc", 11, LH_T_BINARY, LH_LANE_STR, {"\\x61", "\\x6263"}},
		{PQ_LEAF_AS("c", 0, T_BYTES, C_UTF8), "\x01\0\0\0a\x02\0\0\0bc", 11, LH_T_STRING, LH_LANE_STR, {"a", "bc"}},
		{{"c", 0, T_FLBA, -1, -1, 0, 3}, "abcdef", 6, LH_T_FIXED, LH_LANE_FIX, {"\\x616263", "\\x646566"}},
	};

	for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++)
		check_lane(*state, &lanes[i]);
}

/* 6.3 (7): decimals are big-endian two's complement of any width, fixed or variable. */
static void
rule_7_decimals_of_any_width(void **state)
{
	static const Lane lanes[] = {
		{DECIMAL(T_INT32, 0, 5, 2), "\x39\x30\0\0\xff\xff\xff\xff", 8, LH_T_DECIMAL, LH_LANE_I32, {"123.45", "-0.01"}},
		{DECIMAL(T_INT64, 0, 15, 2), "\x39\x30\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, LH_T_DECIMAL, LH_LANE_I64, {"123.45", "-0.01"}},
		{DECIMAL(T_FLBA, 3, 5, 2), "\x00\x30\x39\xff\xff\xff", 6, LH_T_DECIMAL, LH_LANE_I64, {"123.45", "-0.01"}},
		{DECIMAL(T_FLBA, 8, 18, 0), "\0\0\0\0\0\0\x30\x39\xff\xff\xff\xff\xff\xff\xff\xff", 16, LH_T_DECIMAL, LH_LANE_I64, {"12345", "-1"}},
		/* wider than its digits need */
		{DECIMAL(T_FLBA, 11, 9, 2), "\0\0\0\0\0\0\0\0\0\x30\x39\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 22, LH_T_DECIMAL, LH_LANE_I64, {"123.45", "-0.01"}},
		{DECIMAL(T_FLBA, 16, 38, 3), "\x7f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 32, LH_T_DECIMAL, LH_LANE_I128, {"168811955464684315858783496655603761.152", "-0.001"}},
		{DECIMAL(T_FLBA, 20, 30, 1), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x30\x39\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 40, LH_T_DECIMAL, LH_LANE_I128, {"1234.5", "-0.1"}},
		{DECIMAL(T_BYTES, 0, 5, 2), "\x02\0\0\0\x30\x39\x01\0\0\0\xff", 11, LH_T_DECIMAL, LH_LANE_I64, {"123.45", "-0.01"}},
		{DECIMAL(T_BYTES, 0, 5, 2), "\x00\0\0\0\x05\0\0\0\0\0\0\x30\x39", 13, LH_T_DECIMAL, LH_LANE_I64, {"0.00", "123.45"}},
		{DECIMAL(T_BYTES, 0, 30, 2), "\x02\0\0\0\x30\x39\x01\0\0\0\xff", 11, LH_T_DECIMAL, LH_LANE_I128, {"123.45", "-0.01"}},
		{DECIMAL(T_BYTES, 0, 60, 2), "\x02\0\0\0\x30\x39\x01\0\0\0\xff", 11, LH_T_DECIMAL, LH_LANE_STR, {"123.45", "-0.01"}},
		{DECIMAL(T_FLBA, 20, 45, 1), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x30\x39\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 40, LH_T_DECIMAL, LH_LANE_STR, {"1234.5", "-0.1"}},
	};

	for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++)
		check_lane(*state, &lanes[i]);
}

static void
rule_7_decimals_that_exceed_their_lane_are_refused(void **state)
{
	static const struct
	{
		PqEl el;
		const char *bytes;
		size_t len;
	} bad[] = {{DECIMAL(T_FLBA, 9, 9, 2), "\x01\0\0\0\0\0\0\0\0", 9},
			   {DECIMAL(T_BYTES, 0, 9, 2), "\x09\0\0\0\x01\0\0\0\0\0\0\0\0", 13},
			   {DECIMAL(T_BYTES, 0, 38, 2), "\x11\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 21}};

	for (int i = 0; i < 3; i++)
	{
		LhPqColumn *col;
		Tw w = {0};
		LhVec v;
		Maker m;

		one_column(&m, *state, bad[i].el);
		tw_bytes(&w, bad[i].bytes, bad[i].len);
		maker_v1(&m, &w, 1, LH_PQ_PLAIN);
		col = finish(&m, 1);
		ASSERT_FAILS(m.ctx, lh_pq_column_read(m.ctx, col, 0, 1, NULL, &v), LH_CORRUPT, "precision");
	}
}

/* Nanoseconds of the day, then the Julian day. */
static void
put_int96(Tw *w, int64_t ns, int32_t day)
{
	tw_bytes(w, &ns, 8);
	tw_bytes(w, &day, 4);
}

static void
int96_becomes_microseconds_or_stays_raw(void **state)
{
	for (int raw = 0; raw < 2; raw++)
	{
		LhPqFile *file;
		LhPqColumn *col;
		Tw w = {0};
		LhVec v;
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT96));
		put_int96(&w, 1000, 2440588);
		put_int96(&w, -1, 2440588);
		put_int96(&w, 0, 2440587);
		/* as Spark writes 290000-12-31: its sum of microseconds wraps around */
		put_int96(&w, INT64_C(-32509551616000), -105862232);
		put_int96(&w, 0, -1); /* a day before the Julian epoch */
		maker_v1(&m, &w, 5, LH_PQ_PLAIN);
		maker_end(&m);
		m.rows = 5;
		ASSERT_OK(m.ctx, maker_open(&m, &file));
		file->options.raw_int96 = raw;
		ASSERT_OK(m.ctx, lh_pq_column_open(m.ctx, file, 0, 1, &col));
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 5, NULL, &v));
		if (raw)
		{
			assert_int_equal(v.type.lane, LH_LANE_FIX);
			assert_int_equal(v.type.width, 12);
			assert_true(v.type.int96);
		}
		else
		{
			const int64_t *us = v.data;

			assert_int_equal(us[0], 1);
			assert_int_equal(us[1], -1);
			assert_true(us[2] == INT64_C(-86400000000));
			assert_true(us[3] == INT64_C(9089380393200000000));
			assert_true(us[4] == INT64_C(-2440589) * INT64_C(86400000000));
			assert_int_equal(counter(m.ctx, LH_CTR_DIGITS_LOST), 1);
		}
	}
}

static void
int96_beyond_64_bits_is_an_error(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT96));
	put_int96(&w, 0, INT32_MAX);
	maker_v1(&m, &w, 1, LH_PQ_PLAIN);
	col = finish(&m, 1);
	assert_int_equal(lh_pq_column_read(m.ctx, col, 0, 1, NULL, &v), LH_BAD_DATETIME);
}

static void
booleans_are_bytes(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BOOL));
	tw_bytes(&w, "\x05\x02", 2);
	maker_v1(&m, &w, 10, LH_PQ_PLAIN);
	col = finish(&m, 10);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 1, 9, NULL, &v));
	assert_int_equal(v.type.lane, LH_LANE_U8);
	assert_memory_equal(v.data, "\0\1\0\0\0\0\0\0\1", 9);
}

/* 6.3 (13): decoding hands text on as it is and says that nobody has looked at it yet. */
static void
rule_13_text_is_not_claimed_to_be_valid(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF_AS("c", PQ_REQ, T_BYTES, C_UTF8));
	tw_bytes(&w, "\x02\0\0\0\xff\0", 6);
	maker_dict(&m, &w, 1);
	tw_byte(&w, 0);
	maker_v1(&m, &w, 10, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 10);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 10, NULL, &v));
	assert_false(v.dict->text_checked);
	assert_false(lh_utf8_valid(lh_vec_value(&v, 0).str.ptr, lh_vec_value(&v, 0).str.len));
}

/* An optional leaf in an optional struct is null where its level is not the largest. */
static void
leaves_below_structs_are_flat(void **state)
{
	LhPqFile *file;
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;
	int node;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_("s", PQ_OPT, 1));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_OPT, T_INT32));
	maker_begin(&m, T_INT32);
	put_levels(&w, 2, (uint32_t[]) {2, 1, 0, 2, 2, 0, 1, 2}, 8);
	for (int i = 0; i < 4; i++)
		put_i32(&w, i);
	maker_v1(&m, &w, 8, LH_PQ_PLAIN);
	maker_end(&m);
	m.rows = 8;
	ASSERT_OK(m.ctx, maker_open(&m, &file));
	node = lh_pq_find(lh_pq_meta(file), "s.x");
	ASSERT_OK(m.ctx, lh_pq_column_open(m.ctx, file, 0, node, &col));
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 8, NULL, &v));
	assert_int_equal(v.type.id, LH_T_INT32);
	assert_int_equal(v.valid[0], 0x99);
	assert_int_equal(((const int32_t *) v.data)[7], 3);
}

/* ---- memory ---- */

/* 4 MB of pages through a budget of 300 kB: read-ahead shrinks, the floor is never refused. */
static void
a_tight_budget_shrinks_the_window(void **state)
{
	LhBudget budget = {.limit = 64 * 1024, .setting = "work_mem"};
	LhCtx *ctx = *state;
	LhArena *old = ctx->arena;
	LhArena *arena = lh_arena_create(&budget);
	LhPqColumn *col;
	LhPqFile *file;
	LhVec v;
	Maker m;

	one_column(&m, ctx, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	m.codec = m.cols[0].codec = 1;
	for (int page = 0; page < 64; page++)
	{
		Tw w = {0};

		put_i64s(&w, page * 8000, 8000);
		maker_v1(&m, &w, 8000, LH_PQ_PLAIN);
	}
	maker_end(&m);
	m.rows = 64 * 8000;
	ASSERT_OK(ctx, maker_open(&m, &file));
	lh_use(ctx, arena);
	ASSERT_OK(ctx, lh_pq_column_open(ctx, file, 0, 1, &col));
	for (int64_t row = 0; row < 64 * 8000; row += 2000)
	{
		ASSERT_OK(ctx, lh_pq_column_read(ctx, col, row, 2000, NULL, &v));
		assert_int_equal(((const int64_t *) v.data)[1999], row + 1999);
	}
	assert_true(budget.peak < 300 * 1024);
	lh_pq_column_close(col);
	assert_true(budget.used < 64 * 1024);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
}

/* ---- reading again ---- */

/* A dictionary page, pages of codes, then a plain one. */
static LhPqColumn *
column_that_falls_back(Maker *m, LhCtx *ctx)
{
	Tw plain = {0};

	one_column(m, ctx, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(m, 4);
	for (int page = 0; page < 4; page++)
	{
		Tw w = {0};

		tw_byte(&w, 2);
		put_rle(&w, 2, page, 100);
		maker_v1(m, &w, 100, LH_PQ_RLE_DICTIONARY);
	}
	for (int i = 0; i < 100; i++)
		put_string(&plain, "plain");
	maker_v1(m, &plain, 100, LH_PQ_PLAIN);
	return finish(m, 500);
}

static void
a_rewound_column_keeps_its_dictionary(void **state)
{
	const LhDict *dict, *again;
	LhPqColumn *col;
	uint32_t id;
	LhVec v;
	Maker m;

	col = column_that_falls_back(&m, *state);
	ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &dict));
	id = dict->id;
	for (int round = 0; round < 10; round++)
	{
		int64_t stop_at = 50 * (round + 1);

		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 150, NULL, &v));
		assert_int_equal(v.kind, LH_VEC_RUNS);
		assert_int_equal(v.dict->id, id);
		assert_string(&v, 99, "entry 0");
		assert_string(&v, 100, "entry 1");
		/* wherever the column stood */
		if (stop_at > 150)
		{
			ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, stop_at - 1, 1, NULL, &v));
			assert_string(&v, 0, stop_at > 400 ? "plain" : stop_at > 300 ? "entry 3" :
						  stop_at > 200 ? "entry 2" : "entry 1");
		}
		assert_true(lh_pq_column_can_rewind(col));
		lh_pq_column_rewind(col);
		ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &again));
		assert_ptr_equal(again, dict);
	}
	assert_int_equal(counter(m.ctx, LH_CTR_DICT_PAGES_READ), 1);
}

static void
a_column_that_failed_is_not_rewound(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 4);
	tw_byte(&w, 3);
	put_rle(&w, 3, 7, 100);
	maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 100);
	assert_true(lh_pq_column_can_rewind(col));
	assert_int_equal(lh_pq_column_read(m.ctx, col, 0, 100, NULL, &v), LH_CORRUPT);
	assert_false(lh_pq_column_can_rewind(col));
}

static bool
stop(void *arg)
{
	return (*(int *) arg)-- <= 0;
}

static void
reading_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = stop};
	int left = 5;
	LhCtx *ctx = *state;
	LhPqColumn *col;
	LhStatus status = LH_OK;
	LhVec v;
	Maker m;

	col = pages_of_100(&m, ctx, false);
	ctx->host = &host;
	ctx->host_arg = &left;
	for (int row = 0; row < 2000 && status == LH_OK; row += 10)
		status = lh_pq_column_read(ctx, col, row, 10, NULL, &v);
	assert_int_equal(status, LH_CANCELLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(long_runs_stay_runs),
		TEST(runs_go_on_over_pages),
		TEST(short_runs_become_codes),
		TEST(nulls_spread_codes_with_zero_at_nulls),
		TEST(a_page_of_nulls_beside_runs_makes_codes),
		TEST(only_nulls_are_a_null_constant),
		TEST(plain_values_of_one_page_are_not_copied),
		TEST(large_uncompressed_pages_are_read_where_values_are_aligned),
		TEST(batches_that_cross_pages_are_put_together),
		TEST(strings_of_many_pages_live_until_the_next_read),
		TEST(fallback_from_dictionary_to_plain_inside_a_batch),
		TEST(pages_without_selected_rows_are_not_decompressed),
		TEST(rows_passed_over_cost_no_pages),
		TEST(no_selected_row_means_no_page),
		TEST(the_page_index_spares_reading_pages_between),
		TEST(a_page_index_that_lies_is_noticed),
		TEST(unselected_rows_are_safe_to_touch),
		TEST(natural_batches_end_with_their_page),
		TEST(rows_must_not_go_back),
		TEST(the_dictionary_can_be_had_alone),
		TEST(dictionaries_never_share_an_id),
		TEST(a_dictionary_that_no_page_needs_is_not_decoded),
		TEST(types_come_in_their_lanes),
		TEST(rule_7_decimals_of_any_width),
		TEST(rule_7_decimals_that_exceed_their_lane_are_refused),
		TEST(int96_becomes_microseconds_or_stays_raw),
		TEST(int96_beyond_64_bits_is_an_error),
		TEST(booleans_are_bytes),
		TEST(rule_13_text_is_not_claimed_to_be_valid),
		TEST(leaves_below_structs_are_flat),
		TEST(a_tight_budget_shrinks_the_window),
		TEST(a_rewound_column_keeps_its_dictionary),
		TEST(a_column_that_failed_is_not_rewound),
		TEST(reading_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
