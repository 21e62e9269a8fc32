/*
 * test_levels.c
 *		Levels: bitmaps of what is not null, both encodings, wrong levels.
 */
#include "unit/test_page_make.h"

#include "parquet/levels.h"

#define MOST 5000

typedef struct Case
{
	int max;
	bool msb; /* BIT_PACKED */
	size_t n;
	uint32_t level[MOST];
	uint8_t *p;
	size_t len;
} Case;

static void
make_case(Case *c, int max, bool msb)
{
	int width = lh_pq_level_width(max);
	Tw w = {0};

	c->max = max;
	c->msb = msb;
	c->n = 1 + below(MOST - 1);
	for (size_t i = 0; i < c->n;)
	{
		size_t k = 1 + below(below(2) ? 3 : 200);
		uint32_t v = below(2) ? (uint32_t) max : below((uint32_t) max + 1);

		for (; k > 0 && i < c->n; k--)
			c->level[i++] = v;
	}
	if (msb)
	{
		uint8_t byte = 0;
		int have = 0;

		for (size_t i = 0; i < c->n; i++)
		{
			for (int b = width - 1; b >= 0; b--)
			{
				byte = (uint8_t) (byte << 1 | (c->level[i] >> b & 1));
				if (++have == 8)
				{
					tw_byte(&w, byte);
					have = 0;
					byte = 0;
				}
			}
		}
		if (have > 0)
			tw_byte(&w, byte << (8 - have));
	}
	else
	{
		for (size_t i = 0; i < c->n;)
		{
			size_t same = 1;

			while (i + same < c->n && c->level[i + same] == c->level[i])
				same++;
			if (same >= 8)
				put_rle(&w, width, c->level[i], same);
			else
			{
				same = c->n - i < 8 ? c->n - i : 8;
				put_packed(&w, width, c->level + i, same);
			}
			i += same;
		}
	}
	c->p = malloc(w.len + LH_PADDING);
	memset(c->p, 0xff, w.len + LH_PADDING);
	memcpy(c->p, w.p, w.len);
	c->len = w.len;
	tw_free(&w);
}

static void
bitmap_count_and_read_agree_with_the_levels(void **unused)
{
	static Case c;

	for (int round = 0; round < 600; round++)
	{
		LhPqLevels lv;
		size_t at = 0;

		make_case(&c, 1 + round % 9, round % 5 == 0);
		lh_pq_levels_init(&lv, c.p, c.len, c.max, c.msb);
		while (at < c.n)
		{
			size_t k = 1 + below(below(2) ? 30 : 2048);
			size_t from = below(100);
			uint64_t bits[40] = {0};
			uint8_t out[2048];
			size_t set = 0,
				   want = 0;

			k = k < c.n - at ? k : c.n - at;
			for (size_t i = 0; i < k; i++)
				want += c.level[at + i] == (uint32_t) c.max;
			switch (below(3))
			{
				case 0:
					assert_true(lh_pq_levels_bitmap(&lv, k, bits, from, &set));
					assert_int_equal(set, want);
					for (size_t i = 0; i < 40 * 64; i++)
						assert_int_equal(lh_bit_get(bits, i),
										 i >= from && i < from + k &&
											 c.level[at + i - from] == (uint32_t) c.max);
					break;
				case 1:
					assert_true(lh_pq_levels_count(&lv, k, &set));
					assert_int_equal(set, want);
					break;
				default:
					assert_true(lh_pq_levels_read(&lv, k, out));
					for (size_t i = 0; i < k; i++)
						assert_int_equal(out[i], c.level[at + i]);
			}
			at += k;
		}
		free(c.p);
	}
}

static void
no_levels_are_needed_for_level_zero(void **unused)
{
	uint8_t out[10];
	LhPqLevels lv;

	lh_pq_levels_init(&lv, NULL, 0, 0, false);
	memset(out, 9, sizeof(out));
	assert_true(lh_pq_levels_read(&lv, 10, out));
	assert_int_equal(out[9], 0);
}

static void
too_few_levels_are_noticed(void **unused)
{
	for (int msb = 0; msb < 2; msb++)
	{
		static Case c;
		uint64_t bits[MOST / 64 + 4] = {0};
		uint8_t out[MOST + 100];
		size_t set;
		LhPqLevels lv;

		c.p = NULL;
		do
		{
			free(c.p);
			make_case(&c, 1, msb);
		} while (c.n % 8 != 0); /* no padding */
		lh_pq_levels_init(&lv, c.p, c.len, 1, msb);
		assert_false(lh_pq_levels_bitmap(&lv, c.n + 8, bits, 0, &set));
		lh_pq_levels_init(&lv, c.p, c.len, 1, msb);
		assert_false(lh_pq_levels_count(&lv, c.n + 8, &set));
		lh_pq_levels_init(&lv, c.p, c.len, 1, msb);
		assert_false(lh_pq_levels_read(&lv, c.n + 8, out));
		free(c.p);
	}
}

/* Level 3 of at most 2, in each kind of run. */
static void
levels_above_the_largest_are_refused(void **unused)
{
	uint32_t packed[8] = {0, 1, 2, 3, 0, 0, 0, 0};

	for (int kind = 0; kind < 3; kind++)
	{
		uint64_t bits[2] = {0};
		uint8_t out[8];
		size_t set;
		Tw w = {0};
		uint8_t p[64 + LH_PADDING] = {0};
		LhPqLevels lv;

		if (kind == 0)
			put_rle(&w, 2, 3, 8);
		else if (kind == 1)
			put_packed(&w, 2, packed, 8);
		else
			tw_bytes(&w, "\x1b\x00", 2); /* 0 1 2 3 from the top */
		memcpy(p, w.p, w.len);
		lh_pq_levels_init(&lv, p, w.len, 2, kind == 2);
		assert_false(lh_pq_levels_bitmap(&lv, 8, bits, 0, &set));
		lh_pq_levels_init(&lv, p, w.len, 2, kind == 2);
		assert_false(lh_pq_levels_count(&lv, 8, &set));
		lh_pq_levels_init(&lv, p, w.len, 2, kind == 2);
		assert_false(lh_pq_levels_read(&lv, 8, out));
		tw_free(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bitmap_count_and_read_agree_with_the_levels),
		cmocka_unit_test(no_levels_are_needed_for_level_zero),
		cmocka_unit_test(too_few_levels_are_noticed),
		cmocka_unit_test(levels_above_the_largest_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
