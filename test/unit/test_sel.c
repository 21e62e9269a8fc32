/*
 * test_sel.c
 *		Selections.
 */
#include "test_vec_gen.h"

static void
all_and_none(void **state)
{
	LhSel sel;

	for (int n = 0; n <= LH_BATCH; n++)
	{
		lh_sel_all(&sel, n);
		assert_int_equal(sel.n, n);
		assert_int_equal(sel.count, n);
		assert_int_equal(lh_bits_count(sel.w, LH_BATCH_WORDS), n);
		assert_true(n == 0 || lh_bit_get(sel.w, (size_t) n - 1));
		lh_sel_none(&sel, n);
		assert_int_equal(sel.count, 0);
		assert_int_equal(lh_bits_count(sel.w, LH_BATCH_WORDS), 0);
	}
}

static void
and_keeps_count_and_rows(void **state)
{
	for (int round = 0; round < 3000; round++)
	{
		int n = gen_batch(), count = 0;
		uint64_t w[LH_BATCH_WORDS];
		uint16_t rows[LH_BATCH];
		LhSel a, b;

		gen_sel(&a, n);
		b = a;
		for (int i = 0; i < LH_BATCH_WORDS; i++)
			w[i] = gen_u64();
		lh_sel_and(&b, w);
		assert_int_equal(lh_sel_rows(&b, rows), b.count);
		for (int i = 0; i < n; i++)
		{
			if (lh_bit_get(a.w, (size_t) i) && lh_bit_get(w, (size_t) i))
				assert_int_equal(rows[count++], i);
		}
		assert_int_equal(count, b.count);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_and_none),
		cmocka_unit_test(and_keeps_count_and_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
