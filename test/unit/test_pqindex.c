/*
 * test_pqindex.c
 *		Page indexes: used when they make sense, absent when they contradict anything.
 */
#include "unit/pq_file.h"

#include <math.h>

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

enum
{
	ROWS = 30,
	PAGES = 3,
	BODY = 2000
};

/* Both indexes of a chunk that begins at byte 4 and has its indexes from byte 1004 on. */
typedef struct Index
{
	int npages;
	int64_t offset[PAGES + 1];
	int32_t size[PAGES + 1];
	int64_t first_row[PAGES + 1];
	/* column index */
	int nnull_pages, nmin, nmax, nnulls, nnans; /* lengths of the lists; -1 left out */
	bool null_page[PAGES + 1];
	const char *min[PAGES + 1];
	const char *max[PAGES + 1];
	int width;
	int64_t nulls[PAGES + 1];
	int64_t nans[PAGES + 1];
} Index;

static Index
sound(void)
{
	return (Index){.npages = 3,
				   .offset = {4, 104, 254},
				   .size = {100, 100, 50},
				   .first_row = {0, 10, 25},
				   .nnull_pages = 3,
				   .nmin = 3,
				   .nmax = 3,
				   .nnulls = 3,
				   .nnans = -1,
				   .null_page = {false, true, false},
				   .min = {"\1\0\0\0", "", "\7\0\0\0"},
				   .max = {"\5\0\0\0", "", "\x9\0\0\0"},
				   .width = 4,
				   .nulls = {2, 15, 0}};
}

static void
write_offset_index(Tw *w, const Index *x)
{
	tw_open(w);
	tw_list(w, 1, TW_STRUCT, (uint64_t) x->npages);
	for (int i = 0; i < x->npages; i++)
	{
		tw_open(w);
		tw_i64(w, 1, x->offset[i]);
		tw_i32(w, 2, x->size[i]);
		tw_i64(w, 3, x->first_row[i]);
		tw_close(w);
	}
	tw_close(w);
}

static void
write_bounds(Tw *w, int id, const Index *x, int n, const char *const *bounds)
{
	if (n < 0)
		return;
	tw_list(w, id, TW_BINARY, (uint64_t) n);
	for (int i = 0; i < n; i++)
		tw_binary_item(w, bounds[i], x->null_page[i] ? 0 : (size_t) x->width);
}

static void
write_column_index(Tw *w, const Index *x)
{
	tw_open(w);
	if (x->nnull_pages >= 0)
	{
		tw_list(w, 1, 1, (uint64_t) x->nnull_pages);
		for (int i = 0; i < x->nnull_pages; i++)
			tw_byte(w, x->null_page[i] ? 1 : 2);
	}
	write_bounds(w, 2, x, x->nmin, x->min);
	write_bounds(w, 3, x, x->nmax, x->max);
	tw_i32(w, 4, 0);
	if (x->nnulls >= 0)
	{
		tw_list(w, 5, TW_I64, (uint64_t) x->nnulls);
		for (int i = 0; i < x->nnulls; i++)
			tw_zigzag(w, x->nulls[i]);
	}
	if (x->nnans >= 0)
	{
		tw_list(w, 8, TW_I64, (uint64_t) x->nnans);
		for (int i = 0; i < x->nnans; i++)
			tw_zigzag(w, x->nans[i]);
	}
	tw_close(w);
}

/* How the file is around the index. */
typedef struct Around
{
	PqEl el;
	int order;      /* -1 none */
	int offset_cut; /* bytes that the offset index is said to be shorter */
	int column_cut;
	int64_t offset_at; /* 0: where it is */
	int64_t column_at;
	bool no_column_index;
	bool encrypted;
} Around;

static LhPqFile *
open_with(const Index *x, const Around *a)
{
	PqEl els[] = {PQ_ROOT(1), a->el};
	PqCol col = {
		.type = a->el.type, .values = ROWS, .data = 4, .csize = 300, .encrypted = a->encrypted};
	PqGroup group = {ROWS, 1, &col};
	PqFooter f = {.els = els,
				  .nels = 2,
				  .groups = &group,
				  .ngroups = 1,
				  .rows = ROWS,
				  .orders = a->order >= 0 ? &a->order : NULL,
				  .norders = 1};
	uint8_t body[BODY] = {0};
	Tw oi = {0}, ci = {0};
	LhPqFile *file;

	write_offset_index(&oi, x);
	write_column_index(&ci, x);
	memcpy(body + 1000, oi.p, oi.len);
	memcpy(body + 1500, ci.p, ci.len);
	col.offset_index = a->offset_at != 0 ? a->offset_at : 1004;
	col.offset_index_length = (int) oi.len - a->offset_cut;
	if (!a->no_column_index)
	{
		col.column_index = a->column_at != 0 ? a->column_at : 1504;
		col.column_index_length = (int) ci.len - a->column_cut;
	}
	tw_free(&oi);
	tw_free(&ci);
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	return file;
}

static const LhPqPageIndex *
index_of(const Index *x, const Around *a)
{
	const LhPqPageIndex *index;

	ASSERT_OK(ctx, lh_pq_page_index(ctx, open_with(x, a), 0, 0, &index));
	return index;
}

static const Around plain = {.el = PQ_LEAF("c", PQ_OPT, 1), .order = 1};

static void
places_and_bounds_are_read(void **state)
{
	Index x = sound();
	const LhPqPageIndex *p = index_of(&x, &plain);

	(void) state;
	assert_non_null(p);
	assert_int_equal(p->npages, 3);
	assert_int_equal(p->offset[1], 104);
	assert_int_equal(p->size[2], 50);
	assert_int_equal(p->first_row[2], 25);
	assert_non_null(p->bounds);
	assert_int_equal(p->bounds[0].min.i64, 1);
	assert_int_equal(p->bounds[0].max.i64, 5);
	assert_int_equal(p->bounds[0].rows, 10);
	assert_int_equal(p->bounds[0].nulls, 2);
	assert_int_equal(p->bounds[2].rows, 5);
	assert_int_equal(p->bounds[2].min.i64, 7);
	/* a page of nulls */
	assert_false(p->bounds[1].known);
	assert_int_equal(p->bounds[1].rows, 15);
	assert_int_equal(p->bounds[1].nulls, 15);
	/* writers may truncate without saying */
	assert_false(p->bounds[0].min_exact || p->bounds[0].max_exact);
}

static void
it_is_read_once(void **state)
{
	Index x = sound();
	LhPqFile *file = open_with(&x, &plain);
	const LhPqPageIndex *a, *b;
	uint64_t reads;

	(void) state;
	ASSERT_OK(ctx, lh_pq_page_index(ctx, file, 0, 0, &a));
	reads = ctx->counters->v[LH_CTR_READS];
	ASSERT_OK(ctx, lh_pq_page_index(ctx, file, 0, 0, &b));
	assert_ptr_equal(a, b);
	assert_int_equal(ctx->counters->v[LH_CTR_READS], reads);
}

static void
a_file_without_one_has_none(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_LEAF("c", PQ_OPT, 1)};
	const PqCol col = {.type = 1, .values = ROWS, .data = 4};
	const PqGroup group = {ROWS, 1, &col};
	const PqFooter f = {.els = els, .nels = 2, .groups = &group, .ngroups = 1, .rows = ROWS};
	uint8_t body[200] = {0};
	LhPqFile *file;
	const LhPqPageIndex *p;

	(void) state;
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	ASSERT_OK(ctx, lh_pq_page_index(ctx, file, 0, 0, &p));
	assert_null(p);
}

static void
an_offset_index_alone_has_places(void **state)
{
	Index x = sound();
	Around a = plain;
	const LhPqPageIndex *p;

	(void) state;
	a.no_column_index = true;
	p = index_of(&x, &a);
	assert_non_null(p);
	assert_int_equal(p->npages, 3);
	assert_null(p->bounds);
}

/* Each makes the offset index nonsense. */
static void
no_pages(Index *x)
{
	x->npages = 0;
}
static void
offsets_fall(Index *x)
{
	x->offset[1] = 3;
}
static void
pages_overlap(Index *x)
{
	x->offset[1] = 103;
}
static void
page_before_the_chunk(Index *x)
{
	x->offset[0] = 0;
}
static void
page_behind_the_file(Index *x)
{
	x->offset[2] = 100000;
}
static void
page_reaches_into_the_footer(Index *x)
{
	x->size[2] = BODY;
}
static void
offset_overflows(Index *x)
{
	x->offset[2] = INT64_MAX;
}
static void
size_is_zero(Index *x)
{
	x->size[1] = 0;
}
static void
size_is_negative(Index *x)
{
	x->size[1] = -1;
}
static void
first_row_is_not_zero(Index *x)
{
	x->first_row[0] = 1;
}
static void
rows_stand_still(Index *x)
{
	x->first_row[1] = 0;
}
static void
rows_fall(Index *x)
{
	x->first_row[2] = 5;
}
static void
row_behind_the_group(Index *x)
{
	x->first_row[2] = ROWS;
}
static void
row_is_negative(Index *x)
{
	x->first_row[0] = -1;
}

static void
an_offset_index_that_contradicts_is_absent(void **state)
{
	void (*const spoil[])(Index *) = {no_pages,
									  offsets_fall,
									  pages_overlap,
									  page_before_the_chunk,
									  page_behind_the_file,
									  page_reaches_into_the_footer,
									  offset_overflows,
									  size_is_zero,
									  size_is_negative,
									  first_row_is_not_zero,
									  rows_stand_still,
									  rows_fall,
									  row_behind_the_group,
									  row_is_negative};

	(void) state;
	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++)
	{
		Index x = sound();

		spoil[i](&x);
		if (index_of(&x, &plain) != NULL)
			fail_msg("case %zu was believed", i);
		assert_int_equal(ctx->error->code, LH_OK);
	}
}

static void
one_min_less(Index *x)
{
	x->nmin = 2;
}
static void
one_max_less(Index *x)
{
	x->nmax = 2;
}
static void
one_max_more(Index *x)
{
	x->nmax = 4;
	x->max[3] = "\1\0\0\0";
}
static void
one_null_page_less(Index *x)
{
	x->nnull_pages = 2;
}
static void
null_pages_missing(Index *x)
{
	x->nnull_pages = -1;
}
static void
min_missing(Index *x)
{
	x->nmin = -1;
}
static void
one_null_count_less(Index *x)
{
	x->nnulls = 2;
}
static void
one_nan_count_less(Index *x)
{
	x->nnans = 2;
}

static void
a_column_index_of_other_pages_is_absent(void **state)
{
	void (*const spoil[])(Index *) = {one_min_less,       one_max_less,      one_max_more,
									  null_pages_missing, min_missing,       one_null_count_less,
									  one_nan_count_less, one_null_page_less};

	(void) state;
	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++)
	{
		Index x = sound();
		const LhPqPageIndex *p;

		spoil[i](&x);
		p = index_of(&x, &plain);
		/* the places are good all the same */
		assert_non_null(p);
		if (p->bounds != NULL)
			fail_msg("case %zu was believed", i);
	}
}

static void
places_outside_the_file_are_not_read(void **state)
{
	const int64_t places[] = {-7, 1, 3, 2004, 1000000, INT64_MAX, INT64_MIN};
	Index x = sound();

	(void) state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		Around a = plain;
		const LhPqPageIndex *p;

		a.offset_at = places[i];
		assert_null(index_of(&x, &a));
		a = plain;
		a.column_at = places[i];
		p = index_of(&x, &a);
		assert_non_null(p);
		assert_null(p->bounds);
	}
	for (int cut = 1; cut < 20; cut++)
	{
		Around a = plain;

		a.offset_cut = cut;
		assert_null(index_of(&x, &a));
		a = plain;
		a.column_cut = cut;
		assert_null(index_of(&x, &a)->bounds);
	}
	{
		/* lengths that are none */
		Around a = plain;

		a.offset_cut = 1000;
		assert_null(index_of(&x, &a));
	}
}

static void
without_a_column_order_only_nulls_are_known(void **state)
{
	Index x = sound();
	Around a = plain;
	const LhPqPageIndex *p;

	(void) state;
	a.order = -1;
	p = index_of(&x, &a);
	assert_false(p->bounds[0].known);
	assert_int_equal(p->bounds[0].nulls, 2);
	assert_int_equal(p->bounds[1].nulls, 15);
}

static void
one_useless_page_does_not_spoil_the_others(void **state)
{
	Index x = sound();
	const LhPqPageIndex *p;

	(void) state;
	x.min[0] = "\6\0\0\0"; /* above its max */
	x.nulls[2] = 6;        /* of 5 rows */
	p = index_of(&x, &plain);
	assert_false(p->bounds[0].known);
	assert_true(p->bounds[2].known);
	assert_int_equal(p->bounds[2].nulls, -1);
}

static void
null_pages_and_null_counts_must_agree(void **state)
{
	Index x = sound();
	const LhPqPageIndex *p;

	(void) state;
	x.nulls[1] = 3;
	p = index_of(&x, &plain);
	assert_false(p->bounds[1].known);
	assert_int_equal(p->bounds[1].nulls, -1);
	/* without counts a page of nulls is one */
	x = sound();
	x.nnulls = -1;
	p = index_of(&x, &plain);
	assert_int_equal(p->bounds[1].nulls, 15);
	assert_int_equal(p->bounds[0].nulls, -1);
}

static void
required_columns_have_no_nulls(void **state)
{
	Index x = sound();
	Around a = plain;
	const LhPqPageIndex *p;

	(void) state;
	a.el.rep = PQ_REQ;
	x.null_page[1] = false;
	x.min[1] = x.max[1] = "\5\0\0\0";
	x.nnulls = -1;
	p = index_of(&x, &a);
	assert_int_equal(p->bounds[0].nulls, 0);
	/* a page of nulls where there can be none */
	x.null_page[1] = true;
	p = index_of(&x, &a);
	assert_int_equal(p->bounds[1].nulls, -1);
}

static void
lists_have_no_rows_in_their_bounds(void **state)
{
	Index x = sound();
	Around a = plain;
	const LhPqPageIndex *p;

	(void) state;
	a.el.rep = PQ_REP;
	p = index_of(&x, &a);
	assert_int_equal(p->bounds[0].min.i64, 1);
	assert_int_equal(p->bounds[0].rows, -1);
	assert_int_equal(p->bounds[0].nulls, -1);
	assert_int_equal(p->bounds[1].nulls, -1);
}

static void
nan_counts_are_used_and_nan_bounds_are_not(void **state)
{
	static const double nan_bits = NAN;
	const double lo = 1, hi = 2;
	Index x = sound();
	Around a = plain;
	const LhPqPageIndex *p;

	(void) state;
	a.el.type = 5;
	x.width = 8;
	x.min[0] = x.min[2] = (const char *) &lo;
	x.max[0] = x.max[2] = (const char *) &hi;
	p = index_of(&x, &a);
	assert_true(p->bounds[0].known && p->bounds[0].may_nan);
	assert_false(p->bounds[1].may_nan);
	x.nnans = 3;
	x.nans[2] = 4;
	p = index_of(&x, &a);
	assert_false(p->bounds[0].may_nan);
	assert_true(p->bounds[2].may_nan);
	x.max[0] = (const char *) &nan_bits;
	p = index_of(&x, &a);
	assert_false(p->bounds[0].known);
	assert_true(p->bounds[2].known);
}

static void
encrypted_chunks_have_none(void **state)
{
	Index x = sound();
	Around a = plain;

	(void) state;
	a.encrypted = true;
	assert_null(index_of(&x, &a));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(places_and_bounds_are_read),
		T(it_is_read_once),
		T(a_file_without_one_has_none),
		T(an_offset_index_alone_has_places),
		T(an_offset_index_that_contradicts_is_absent),
		T(a_column_index_of_other_pages_is_absent),
		T(places_outside_the_file_are_not_read),
		T(without_a_column_order_only_nulls_are_known),
		T(one_useless_page_does_not_spoil_the_others),
		T(null_pages_and_null_counts_must_agree),
		T(required_columns_have_no_nulls),
		T(lists_have_no_rows_in_their_bounds),
		T(nan_counts_are_used_and_nan_bounds_are_not),
		T(encrypted_chunks_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
