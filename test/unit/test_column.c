/*
 * test_column.c
 *		Flat columns: the form vectors come in, selections, and pages that are passed
 *		over.  Dictionaries, types and memory are in test_column_lanes.c.
 */
#include "unit/test_column.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
