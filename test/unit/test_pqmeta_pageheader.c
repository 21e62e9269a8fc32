/*
 * test_pqmeta_pageheader.c
 *		Page headers: what readers of pages rely on after parsing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "parquet/page.h"
#include "unit/pq_write.h"

static LhCtx *ctx;
static Tw w;

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
	tw_free(&w);
	return 0;
}

static void
begin(int type, int uncompressed, int compressed)
{
	w.len = 0;
	w.depth = 0;
	tw_open(&w);
	tw_i32(&w, 1, type);
	tw_i32(&w, 2, uncompressed);
	tw_i32(&w, 3, compressed);
}

/* Inner header of fields 1, 2, ... with these numbers. */
static void
inner(int id, int n, const int64_t *v)
{
	tw_struct(&w, id);
	for (int i = 0; i < n; i++)
		tw_i32(&w, i + 1, v[i]);
	tw_close(&w);
}

static LhStatus
end_and_parse(LhPqPageHeader *h, bool *more)
{
	tw_close(&w);
	return lh_pq_page_header_parse(ctx, w.p, w.len, h, more);
}

static void
data_page_of_version_1(void **state)
{
	LhPqPageHeader h;
	bool more;

	(void) state;
	begin(LH_PQ_DATA_PAGE, 1000, 500);
	tw_i32(&w, 4, -1); /* CRC */
	inner(5, 4, (int64_t[]){77, LH_PQ_RLE_DICTIONARY, LH_PQ_RLE, LH_PQ_BIT_PACKED});
	assert_int_equal(end_and_parse(&h, &more), LH_OK);
	assert_false(more);
	assert_int_equal(h.type, LH_PQ_DATA_PAGE);
	assert_int_equal(h.uncompressed_size, 1000);
	assert_int_equal(h.compressed_size, 500);
	assert_true(h.has_crc);
	assert_int_equal(h.crc, 0xffffffff);
	assert_int_equal(h.num_values, 77);
	assert_int_equal(h.encoding, LH_PQ_RLE_DICTIONARY);
	assert_int_equal(h.def_encoding, LH_PQ_RLE);
	assert_int_equal(h.rep_encoding, LH_PQ_BIT_PACKED);
	assert_int_equal(h.header_size, w.len);
}

static void
data_page_of_version_2(void **state)
{
	LhPqPageHeader h;
	bool more;

	(void) state;
	begin(LH_PQ_DATA_PAGE_V2, 100, 100);
	inner(8, 6, (int64_t[]){10, 3, 9, LH_PQ_PLAIN, 4, 5});
	assert_int_equal(end_and_parse(&h, &more), LH_OK);
	assert_int_equal(h.num_values, 10);
	assert_int_equal(h.num_nulls, 3);
	assert_int_equal(h.num_rows, 9);
	assert_int_equal(h.def_length, 4);
	assert_int_equal(h.rep_length, 5);
	assert_false(h.has_crc);
	/* the default of the format */
	assert_true(h.is_compressed);
}

static void
version_2_pages_say_when_they_are_not_compressed(void **state)
{
	LhPqPageHeader h;
	bool more;

	(void) state;
	begin(LH_PQ_DATA_PAGE_V2, 100, 100);
	tw_struct(&w, 8);
	tw_i32(&w, 1, 0);
	tw_bool(&w, 7, false);
	tw_close(&w);
	assert_int_equal(end_and_parse(&h, &more), LH_OK);
	assert_false(h.is_compressed);
}

static void
dictionary_page(void **state)
{
	LhPqPageHeader h;
	bool more;

	(void) state;
	begin(LH_PQ_DICTIONARY_PAGE, 20, 10);
	inner(7, 2, (int64_t[]){5, LH_PQ_PLAIN_DICTIONARY});
	assert_int_equal(end_and_parse(&h, &more), LH_OK);
	assert_int_equal(h.num_values, 5);
	assert_int_equal(h.encoding, LH_PQ_PLAIN_DICTIONARY);
}

static void
unknown_page_types_are_handed_on(void **state)
{
	LhPqPageHeader h;
	bool more;

	(void) state;
	begin(17, 20, 10);
	tw_struct(&w, 99);
	tw_string(&w, 1, "something new");
	tw_close(&w);
	assert_int_equal(end_and_parse(&h, &more), LH_OK);
	assert_int_equal(h.type, 17);
	assert_int_equal(h.compressed_size, 10);
}

static void
every_cut_asks_for_more(void **state)
{
	LhPqPageHeader h;
	bool more;

	(void) state;
	begin(LH_PQ_DATA_PAGE, 1000, 500);
	inner(5, 4, (int64_t[]){77, 0, 3, 3});
	assert_int_equal(end_and_parse(&h, &more), LH_OK);
	for (size_t n = 0; n < w.len; n++)
	{
		uint8_t *exact = malloc(n > 0 ? n : 1);

		memcpy(exact, w.p, n);
		assert_int_equal(lh_pq_page_header_parse(ctx, exact, n, &h, &more), LH_OK);
		assert_true(more);
		free(exact);
	}
}

static void
asking_for_more_has_an_end(void **state)
{
	size_t size = (size_t) 65 << 20;
	uint8_t *zeros = calloc(1, size);
	LhPqPageHeader h;
	bool more;

	(void) state;
	/* a statistic of 2 GB is promised */
	memcpy(zeros, "\x15\x00\x15\x00\x15\x00\x2c\x5c\x18\xff\xff\xff\xff\x07", 14);
	assert_int_equal(lh_pq_page_header_parse(ctx, zeros, 1000, &h, &more), LH_OK);
	assert_true(more);
	assert_int_equal(lh_pq_page_header_parse(ctx, zeros, size, &h, &more), LH_CORRUPT);
	free(zeros);
}

static void
refused(const char *part)
{
	LhPqPageHeader h;
	bool more;

	assert_int_equal(end_and_parse(&h, &more), LH_CORRUPT);
	if (strstr(ctx->error->message, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, ctx->error->message);
	assert_non_null(strstr(ctx->error->message, "page header"));
}

static void
negative_sizes_and_counts_are_refused(void **state)
{
	(void) state;
	begin(LH_PQ_DATA_PAGE, -1, 10);
	refused("uncompressed size, found -1");
	begin(LH_PQ_DATA_PAGE, 10, -1);
	refused("compressed size, found -1");
	begin(LH_PQ_DATA_PAGE, 10, 10);
	inner(5, 1, (int64_t[]){-5});
	refused("number of values, found -5");
	begin(LH_PQ_DICTIONARY_PAGE, 10, 10);
	inner(7, 1, (int64_t[]){-5});
	refused("number of values, found -5");
}

static void
missing_parts_are_refused(void **state)
{
	(void) state;
	w.len = 0;
	w.depth = 0;
	tw_open(&w);
	refused("a page type, found none");
	w.len = 0;
	w.depth = 0;
	tw_open(&w);
	tw_i32(&w, 1, 0);
	refused("uncompressed size of the page, found none");
	begin(LH_PQ_DATA_PAGE, 10, 10);
	refused("header of a data page");
	begin(LH_PQ_DICTIONARY_PAGE, 10, 10);
	inner(5, 1, (int64_t[]){5});
	refused("header of a dictionary page");
	begin(LH_PQ_DATA_PAGE_V2, 10, 10);
	refused("header of a version 2 data page");
}

static void
version_2_counts_and_levels_fit_the_page(void **state)
{
	(void) state;
	begin(LH_PQ_DATA_PAGE_V2, 100, 100);
	inner(8, 6, (int64_t[]){10, 11, 10, 0, 0, 0});
	refused("expected 0 to 10 nulls, found 11");
	begin(LH_PQ_DATA_PAGE_V2, 100, 100);
	inner(8, 6, (int64_t[]){10, -1, 10, 0, 0, 0});
	refused("nulls, found -1");
	begin(LH_PQ_DATA_PAGE_V2, 100, 100);
	inner(8, 6, (int64_t[]){10, 0, 11, 0, 0, 0});
	refused("rows, found 11");
	begin(LH_PQ_DATA_PAGE_V2, 100, 50);
	inner(8, 6, (int64_t[]){10, 0, 10, 0, 26, 25});
	refused("expected levels within a page of 50 bytes");
	begin(LH_PQ_DATA_PAGE_V2, 50, 100);
	inner(8, 6, (int64_t[]){10, 0, 10, 0, 26, 25});
	refused("expected levels within a page of 100 bytes (50 uncompressed)");
	begin(LH_PQ_DATA_PAGE_V2, 100, 100);
	inner(8, 6, (int64_t[]){10, 0, 10, 0, INT32_MAX, INT32_MAX});
	refused("expected levels");
	begin(LH_PQ_DATA_PAGE_V2, 100, 100);
	inner(8, 6, (int64_t[]){10, 0, 10, 0, 50, -50});
	refused("expected levels");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(data_page_of_version_1),
		T(data_page_of_version_2),
		T(version_2_pages_say_when_they_are_not_compressed),
		T(dictionary_page),
		T(unknown_page_types_are_handed_on),
		T(every_cut_asks_for_more),
		T(asking_for_more_has_an_end),
		T(negative_sizes_and_counts_are_refused),
		T(missing_parts_are_refused),
		T(version_2_counts_and_levels_fit_the_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
