/*
 * test_column.h
 *		Files of one flat column, made and opened.
 */
#ifndef TEST_COLUMN_H
#define TEST_COLUMN_H

#include "unit/test_page_make.h"

#include "parquet/column.h"

static inline uint64_t
counter(LhCtx *ctx, LhCounterId id)
{
	return ctx->counters->v[id];
}

static inline void
one_column(Maker *m, LhCtx *ctx, PqEl el)
{
	maker_init(m, ctx);
	maker_el(m, el);
	maker_begin(m, el.type);
}

static inline LhPqColumn *
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

static inline void
put_i64s(Tw *w, int64_t from, int n)
{
	for (int64_t i = 0; i < n; i++)
	{
		int64_t v = from + i;

		tw_bytes(w, &v, 8);
	}
}

static inline void
put_i32(Tw *w, int32_t v)
{
	tw_bytes(w, &v, 4);
}

/* A dictionary of "entry 0", "entry 1", ... */
static inline void
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

static inline void
assert_string(const LhVec *v, int i, const char *want)
{
	LhValue value = lh_vec_value(v, i);

	assert_int_equal(value.str.len, strlen(want));
	assert_memory_equal(value.str.ptr, want, value.str.len);
}

static inline LhSel
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
static inline LhPqColumn *
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

#endif
