/*
 * test_rle.c
 *		RLE hybrid: runs, widths, ends, and what writers get wrong.
 */
#include "unit/test_page_make.h"

#include "parquet/rle.h"

/* Bytes with padding behind them, as pages have. */
static uint8_t *
padded(const Tw *w)
{
	uint8_t *p = malloc(w->len + LH_PADDING);

	memset(p + w->len, 0xff, LH_PADDING);
	if (w->len > 0)
		memcpy(p, w->p, w->len);
	return p;
}

/* Random runs of n values in "values"; returns the bytes. */
static uint8_t *
random_runs(int width, size_t n, uint32_t *values, size_t *len)
{
	uint32_t mask = (uint32_t) lh_low_bits(width);
	Tw w = {0};
	uint8_t *p;

	for (size_t at = 0; at < n;)
	{
		size_t k = 1 + below(below(2) ? 20 : 300);
		uint32_t v = below(UINT32_MAX) & mask;

		if (k > n - at)
			k = n - at;
		if (below(2))
		{
			put_rle(&w, width, v, k);
			for (size_t i = 0; i < k; i++)
				values[at + i] = v;
		}
		else
		{
			/* only the last packed run may be padded */
			if (k < n - at)
				k = (k + 7) / 8 * 8;
			if (k > n - at)
				k = (n - at) / 8 * 8;
			if (k == 0)
				k = n - at;
			for (size_t i = 0; i < k; i++)
				values[at + i] = below(UINT32_MAX) & mask;
			put_packed(&w, width, values + at, k);
		}
		at += k;
	}
	p = padded(&w);
	*len = w.len;
	tw_free(&w);
	return p;
}

static void
every_width_reads_and_skips_in_any_pieces(void **unused)
{
	for (int round = 0; round < 400; round++)
	{
		int width = round % 33;
		size_t n = 1 + below(3000);
		uint32_t *want = malloc(n * sizeof(*want));
		uint32_t *got = malloc((n + LH_RLE_SLACK) * sizeof(*got));
		size_t len;
		uint8_t *p = random_runs(width, n, want, &len);
		LhRle r;

		lh_isa_choose((LhIsa) (round % 3));
		lh_rle_init(&r, p, len, width);
		for (size_t at = 0; at < n;)
		{
			size_t k = 1 + below(below(4) ? 50 : 2048);
			uint32_t max = 0,
					 most = 0;

			k = k < n - at ? k : n - at;
			if (below(3) == 0)
				assert_int_equal(lh_rle_skip(&r, k), k);
			else
			{
				assert_int_equal(lh_rle_read(&r, k, got, &max), k);
				for (size_t i = 0; i < k; i++)
				{
					assert_int_equal(got[i], want[at + i]);
					most = most > got[i] ? most : got[i];
				}
				assert_int_equal(max, most);
			}
			at += k;
		}
		free(p);
		free(want);
		free(got);
	}
	lh_isa_choose(LH_ISA_AVX512);
}

static void
the_maximum_does_not_see_padding(void **unused)
{
	for (int isa = 0; isa < 3; isa++)
	{
		uint32_t values[8] = {1, 2, 1, 7, 7, 7, 7, 7};
		uint32_t out[8 + LH_RLE_SLACK];
		uint32_t max = 0;
		Tw w = {0};
		uint8_t *p;
		LhRle r;

		lh_isa_choose((LhIsa) isa);
		put_packed(&w, 3, values, 8);
		p = padded(&w);
		lh_rle_init(&r, p, w.len, 3);
		assert_int_equal(lh_rle_read(&r, 3, out, &max), 3);
		assert_int_equal(max, 2);
		free(p);
		tw_free(&w);
	}
}

/* 6.3 (4): old writers cut the padding of the last packed run off. */
static void
rule_4_last_packed_run_may_be_cut_off(void **unused)
{
	uint32_t values[16];
	uint32_t out[16 + LH_RLE_SLACK];
	uint32_t max = 0;
	Tw w = {0};
	uint8_t *p;
	LhRle r;

	for (uint32_t i = 0; i < 16; i++)
		values[i] = i;
	put_packed(&w, 5, values, 16);
	p = padded(&w);
	/* 16 values of 5 bits are 10 bytes; 7 bytes hold 11 */
	lh_rle_init(&r, p, 1 + 7, 5);
	assert_int_equal(lh_rle_read(&r, 16, out, &max), 11);
	for (uint32_t i = 0; i < 11; i++)
		assert_int_equal(out[i], i);
	lh_rle_init(&r, p, 1 + 7, 5);
	assert_int_equal(lh_rle_skip(&r, 16), 11);
	free(p);
	tw_free(&w);
}

/* 6.3 (4): what pads the last packed run is no value, and may be anything. */
static void
rule_4_padding_beyond_the_values_is_legal(void **unused)
{
	uint32_t values[8] = {3, 3, 3, 0, 1, 2, 3, 3};
	uint32_t out[8 + LH_RLE_SLACK];
	uint32_t max = 0;
	Tw w = {0};
	uint8_t *p;
	LhRle r;

	put_packed(&w, 2, values, 8);
	p = padded(&w);
	lh_rle_init(&r, p, w.len, 2);
	assert_int_equal(lh_rle_read(&r, 3, out, &max), 3);
	assert_int_equal(max, 3);
	assert_int_equal(r.left, 5);
	free(p);
	tw_free(&w);
}

static void
runs_of_length_zero_are_passed_over(void **unused)
{
	uint32_t out[4 + LH_RLE_SLACK];
	uint32_t max = 0;
	Tw w = {0};
	uint8_t *p;
	LhRle r;

	put_rle(&w, 8, 9, 0);
	put_packed(&w, 8, NULL, 0);
	put_rle(&w, 8, 5, 4);
	p = padded(&w);
	lh_rle_init(&r, p, w.len, 8);
	assert_int_equal(lh_rle_read(&r, 4, out, &max), 4);
	assert_int_equal(out[3], 5);
	assert_int_equal(max, 5);
	free(p);
	tw_free(&w);
}

static void
ends_are_noticed(void **unused)
{
	static const uint8_t cut_value[LH_PADDING + 2] = {8, 1}; /* 4 values of 16 bits, one byte there */
	static const uint8_t cut_header[LH_PADDING + 3] = {0x80, 0x80, 0x80};
	static const uint8_t endless[LH_PADDING + 16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
													 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint32_t out[8 + LH_RLE_SLACK];
	uint32_t max = 0;
	LhRle r;

	lh_rle_init(&r, cut_value, 0, 16);
	assert_int_equal(lh_rle_read(&r, 8, out, &max), 0);
	lh_rle_init(&r, cut_value, 2, 16);
	assert_int_equal(lh_rle_read(&r, 8, out, &max), 0);
	lh_rle_init(&r, cut_header, 3, 16);
	assert_int_equal(lh_rle_skip(&r, 8), 0);
	lh_rle_init(&r, endless, 16, 16);
	assert_int_equal(lh_rle_skip(&r, 8), 0);
}

static void
huge_counts_do_not_overflow(void **unused)
{
	Tw w = {0};
	uint8_t *p;
	LhRle r;

	put_rle(&w, 3, 1, UINT64_C(1) << 40);
	tw_varint(&w, UINT64_MAX); /* 2^63 groups */
	tw_byte(&w, 0x55);
	p = padded(&w);
	lh_rle_init(&r, p, w.len, 3);
	assert_true(lh_rle_skip(&r, UINT64_C(1) << 40) == UINT64_C(1) << 40);
	assert_int_equal(lh_rle_skip(&r, 100), 2); /* 8 bits hold 2 values */
	free(p);
	tw_free(&w);
}

static void
skipping_a_long_run_costs_nothing(void **unused)
{
	Tw w = {0};
	uint8_t *p;
	LhRle r;

	put_rle(&w, 1, 1, UINT64_C(1) << 50);
	p = padded(&w);
	lh_rle_init(&r, p, w.len, 1);
	/* one by one this would take days */
	for (int i = 0; i < 1000; i++)
		assert_true(lh_rle_skip(&r, UINT64_C(1) << 40) == UINT64_C(1) << 40);
	free(p);
	tw_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width_reads_and_skips_in_any_pieces),
		cmocka_unit_test(the_maximum_does_not_see_padding),
		cmocka_unit_test(rule_4_last_packed_run_may_be_cut_off),
		cmocka_unit_test(rule_4_padding_beyond_the_values_is_legal),
		cmocka_unit_test(runs_of_length_zero_are_passed_over),
		cmocka_unit_test(ends_are_noticed),
		cmocka_unit_test(huge_counts_do_not_overflow),
		cmocka_unit_test(skipping_a_long_run_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
