/*
 * test_agg.h
 *		What the tests of aggregates share: a context, an aggregate of one column, a batch for it.
 */
#ifndef TEST_AGG_H
#define TEST_AGG_H

#include "test_vec_gen.h"

#include "exec/exec.h"

static LhCtx *ctx;

static inline int
setup(void **state)
{
	ctx = lh_ctx_create();
	return 0;
}

static inline int
teardown(void **state)
{
	lh_ctx_destroy(ctx);
	return 0;
}

static inline LhExpr *
column(LhArith arith)
{
	LhExpr *e = lh_alloc0(ctx, sizeof(*e));

	e->kind = LH_E_COLUMN;
	e->arith = arith;
	return e;
}

static inline LhAgg *
single(LhAggKind kind, LhFloatSum float_sum, const LhType *type)
{
	LhAggSpec *spec = lh_alloc0(ctx, sizeof(*spec));
	LhAgg *agg;

	spec->kind = kind;
	spec->arg = column(0);
	spec->float_sum = float_sum;
	ok(lh_agg_create(ctx, spec, 1, &agg));
	ok(lh_agg_bind(ctx, agg, type));
	return agg;
}

static inline void
add_flat(LhAgg *agg, const LhType *type, const void *data, int n, LhStatus want)
{
	LhVec v = {.type = *type, .kind = LH_VEC_FLAT, .n = n, .data = data};
	const LhVec *vecs[1] = {&v};
	LhSel sel;

	lh_sel_all(&sel, n);
	assert_int_equal(lh_agg_update(ctx, agg, vecs, &sel), want);
}

static const LhType float8 = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
static const LhType float4 = {.id = LH_T_FLOAT, .lane = LH_LANE_F32};
static const LhType int32 = {.id = LH_T_INT32, .lane = LH_LANE_I32};
static const LhType int64 = {.id = LH_T_INT64, .lane = LH_LANE_I64};

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
