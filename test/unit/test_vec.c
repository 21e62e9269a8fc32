/*
 * test_vec.c
 *		Vectors of every kind and type: flattening, single values, constants.
 */
#include "test_vec_gen.h"

static void
expect_same(LhValue got, LhValue want)
{
	assert_int_equal(got.null, want.null);
	assert_int_equal(got.type.id, want.type.id);
	if (!want.null && lh_value_compare(&got, &want) != 0)
		fail_msg("values of type %s differ", lh_type_name(&want.type));
}

static void
every_kind_flattens_to_its_rows(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhCtx *keep = lh_ctx_create();
	LhVecScratch *scratch, *runs;

	ok(lh_vec_scratch_create(keep, &scratch));
	ok(lh_vec_scratch_create(keep, &runs));
	for (int round = 0; round < 20000; round++)
	{
		LhType t = gen_type();
		LhDict *d = gen_dict(ctx, &t, (uint32_t) (1 + gen_int(40)));
		int n = gen_chance(200) ? LH_BATCH + gen_int(5000) : gen_batch();
		LhVec v = gen_vec(ctx, d, n), flat, codes;

		ok(lh_vec_flatten(ctx, &v, scratch, &flat));
		assert_int_equal(flat.kind, LH_VEC_FLAT);
		assert_int_equal(flat.n, n);
		for (int k = 0; k < 20; k++)
		{
			int i = k == 0 ? 0 : k == 1 ? n - 1 : gen_int(n);
			LhValue want = gen_row(&v, i);

			expect_same(lh_vec_value(&v, i), want);
			expect_same(lh_vec_value(&flat, i), want);
			assert_int_equal(lh_vec_is_null(&v, i), want.null);
			if (v.kind == LH_VEC_RUNS || v.kind == LH_VEC_DICT)
			{
				ok(lh_vec_expand_runs(ctx, &v, runs, &codes));
				assert_int_equal(codes.kind, LH_VEC_DICT);
				expect_same(gen_row(&codes, i), want);
			}
		}
		lh_arena_reset(ctx->arena);
	}
	lh_ctx_destroy(ctx);
	lh_ctx_destroy(keep);
}

static void
constants_of_every_type(void **state)
{
	LhCtx *ctx = lh_ctx_create();

	for (int round = 0; round < 2000; round++)
	{
		LhType t = gen_type();
		LhValue x = gen_value(ctx, &t);
		LhVec v;

		lh_vec_const(&v, &x, 3000);
		assert_false(lh_vec_all_null(&v));
		expect_same(lh_vec_value(&v, 2999), x);
		x.null = true;
		lh_vec_const(&v, &x, 3000);
		assert_true(lh_vec_all_null(&v));
		assert_true(lh_vec_value(&v, 2999).null); /* beyond the words of a batch */
		lh_vec_null(&v, &t, 10);
		assert_true(lh_vec_all_null(&v));
	}
	lh_ctx_destroy(ctx);
}

static void
a_dictionary_without_entries_holds_only_nulls(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhVecScratch *scratch;
	LhDict d = {.type = gen_simple(LH_T_STRING, LH_LANE_STR), .id = lh_dict_new_id()};
	uint32_t codes[3] = {0};
	uint64_t valid = 0;
	LhVec v = {.type = d.type,
			   .kind = LH_VEC_DICT,
			   .n = 3,
			   .valid = &valid,
			   .dict = &d,
			   .codes = codes},
		  flat;

	ok(lh_vec_scratch_create(ctx, &scratch));
	ok(lh_vec_flatten(ctx, &v, scratch, &flat));
	assert_true(lh_vec_value(&flat, 2).null);
	lh_ctx_destroy(ctx);
}

static void
ids_of_dictionaries_never_repeat(void **state)
{
	uint64_t a = lh_dict_new_id(), b = lh_dict_new_id();

	assert_true(a != 0 && b > a);
}

static void
nested_types_do_not_flatten(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhVecScratch *scratch;
	LhVec v = {.type = {.id = LH_T_LIST}, .kind = LH_VEC_CONST, .n = 3}, out;

	ok(lh_vec_scratch_create(ctx, &scratch));
	assert_int_equal(lh_vec_flatten(ctx, &v, scratch, &out), LH_BUG);
	lh_ctx_destroy(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_flattens_to_its_rows),
		cmocka_unit_test(constants_of_every_type),
		cmocka_unit_test(a_dictionary_without_entries_holds_only_nulls),
		cmocka_unit_test(ids_of_dictionaries_never_repeat),
		cmocka_unit_test(nested_types_do_not_flatten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
