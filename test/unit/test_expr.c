/*
 * test_expr.c
 *		Expressions: PostgreSQL's results and errors, whatever form the operands
 *		have.
 */
#include "test_vec_gen.h"

#include "vec/expr.h"

static LhCtx *ctx;

static int
setup(void **state)
{
	ctx = lh_ctx_create();
	return 0;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(ctx);
	return 0;
}

/* What a row's expression is: null, an error, or a value. */
typedef struct Result
{
	bool null;
	LhStatus error;
	bool is_float;
	LhI128 i;
	int scale;
	double f;
} Result;

static Result
bad(LhStatus code)
{
	return (Result){.error = code};
}

static Result
from_value(const LhValue *v)
{
	Result r = {.null = v->null};

	if (v->null)
		return r;
	r.is_float = lh_type_family(&v->type) == LH_FAMILY_FLOAT;
	if (r.is_float)
		r.f = v->f64;
	else if (v->type.lane == LH_LANE_I128)
		r.i = v->i128;
	else
		r.i = v->i64;
	r.scale = v->type.id == LH_T_DECIMAL ? v->type.scale : 0;
	return r;
}

static LhI128
scaled(Result r, int scale)
{
	for (int s = r.scale; s < scale; s++)
		r.i *= 10;
	return r.i;
}

static Result
checked_int(LhArith arith, LhI128 x)
{
	LhI128 limit = arith == LH_ARITH_INT2   ? INT16_MAX
				   : arith == LH_ARITH_INT4 ? INT32_MAX
											: INT64_MAX;

	if (x > limit || x < -limit - 1)
		return bad(LH_OUT_OF_RANGE);
	return (Result){.i = x};
}

static Result
checked_float(bool mul, double x, double y, double r)
{
	if (isinf(r) && !isinf(x) && !isinf(y))
		return bad(LH_OUT_OF_RANGE);
	if (mul && r == 0 && x != 0 && y != 0)
		return bad(LH_OUT_OF_RANGE);
	return (Result){.is_float = true, .f = r};
}

static double
as_double(Result r)
{
	return r.is_float ? r.f : (double) (int64_t) r.i;
}

static Result
apply(const LhExpr *e, Result a, Result b)
{
	switch (e->arith)
	{
		case LH_ARITH_FLOAT8:
		{
			double x = as_double(a), y = as_double(b);

			return checked_float(e->kind == LH_E_MUL, x, y,
								 e->kind == LH_E_ADD   ? x + y
								 : e->kind == LH_E_SUB ? x - y
													   : x * y);
		}
		case LH_ARITH_FLOAT4:
		{
			float x = (float) as_double(a), y = (float) as_double(b),
				  r = e->kind == LH_E_ADD   ? x + y
					  : e->kind == LH_E_SUB ? x - y
											: x * y;

			return checked_float(e->kind == LH_E_MUL, x, y, r);
		}
		case LH_ARITH_NUMERIC:
			if (e->kind == LH_E_MUL)
				return (Result){.i = a.i * b.i, .scale = a.scale + b.scale};
			else
			{
				int scale = a.scale > b.scale ? a.scale : b.scale;
				LhI128 x = scaled(a, scale), y = scaled(b, scale);

				return (Result){.i = e->kind == LH_E_ADD ? x + y : x - y, .scale = scale};
			}
		default:
			return checked_int(e->arith, e->kind == LH_E_ADD   ? a.i + b.i
										 : e->kind == LH_E_SUB ? a.i - b.i
															   : a.i * b.i);
	}
}

static Result
slow(const LhExpr *e, const LhValue *row)
{
	Result a, b;
	size_t chars = 0;

	switch (e->kind)
	{
		case LH_E_COLUMN: return from_value(&row[e->col]);
		case LH_E_CONST: return from_value(&e->value);
		case LH_E_LENGTH:
		case LH_E_OCTET_LENGTH:
		{
			const LhValue *v = &row[e->args[0]->col];

			if (v->null)
				return (Result){.null = true};
			for (uint32_t i = 0; i < v->str.len; i++)
				chars += (v->str.ptr[i] & 0xC0) != 0x80;
			return (Result){.i = e->kind == LH_E_LENGTH ? (LhI128) chars : v->str.len};
		}
		case LH_E_NEG:
		case LH_E_CAST:
			a = slow(e->args[0], row);
			if (a.null || a.error != LH_OK)
				return a;
			if (e->kind == LH_E_CAST && e->type.id == LH_T_TIMESTAMP)
			{
				LhI128 us = a.i * INT64_C(86400000000);

				if (us < LH_PG_MIN_TIMESTAMP || us >= (LhI128) LH_PG_END_TIMESTAMP + LH_PG_EPOCH_US)
					return bad(LH_BAD_DATETIME);
				return (Result){.i = us};
			}
			if (e->arith == LH_ARITH_FLOAT4 || e->arith == LH_ARITH_FLOAT8)
			{
				a.f = as_double(a);
				if (e->arith == LH_ARITH_FLOAT4)
					a.f = a.is_float ? (float) a.f : (float) (int64_t) a.i;
				a.is_float = true;
				a.f = e->kind == LH_E_NEG ? -a.f : a.f;
				return a;
			}
			a.i = e->kind == LH_E_NEG ? -a.i : a.i;
			return e->arith == LH_ARITH_NUMERIC ? a : checked_int(e->arith, a.i);
		default:
			a = slow(e->args[0], row);
			b = slow(e->args[1], row);
			if (a.error != LH_OK || b.error != LH_OK)
				return a.error != LH_OK ? a : b;
			if (a.null || b.null)
				return (Result){.null = true};
			return apply(e, a, b);
	}
}

/* Columns of the random tests. */
enum
{
	C_INT8,
	C_INT16,
	C_INT32,
	C_INT64,
	C_FLOAT,
	C_DOUBLE,
	C_DEC9,
	C_DEC15,
	C_TEXT,
	C_DATE,
	NCOLS
};

static const LhType types[NCOLS] = {
	[C_INT8] = {.id = LH_T_INT8, .lane = LH_LANE_I32},
	[C_INT16] = {.id = LH_T_INT16, .lane = LH_LANE_I32},
	[C_INT32] = {.id = LH_T_INT32, .lane = LH_LANE_I32},
	[C_INT64] = {.id = LH_T_INT64, .lane = LH_LANE_I64},
	[C_FLOAT] = {.id = LH_T_FLOAT, .lane = LH_LANE_F32},
	[C_DOUBLE] = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64},
	[C_DEC9] = {.id = LH_T_DECIMAL, .lane = LH_LANE_I32, .precision = 9, .scale = 3},
	[C_DEC15] = {.id = LH_T_DECIMAL, .lane = LH_LANE_I64, .precision = 15, .scale = 2},
	[C_TEXT] = {.id = LH_T_STRING, .lane = LH_LANE_STR},
	[C_DATE] = {.id = LH_T_DATE, .lane = LH_LANE_I32},
};

static LhExpr *
node(LhExprKind kind, LhArith arith, LhExpr *a, LhExpr *b)
{
	LhExpr *e = lh_alloc0(ctx, sizeof(*e));

	e->kind = kind;
	e->arith = arith;
	e->args[0] = a;
	e->args[1] = b;
	return e;
}

static LhExpr *
column(int col)
{
	LhExpr *e = node(LH_E_COLUMN, 0, NULL, NULL);

	e->col = col;
	return e;
}

static LhExpr *
constant(LhValue v)
{
	LhExpr *e = node(LH_E_CONST, 0, NULL, NULL);

	e->value = v;
	return e;
}

static LhExpr *
random_operand(LhArith arith)
{
	static const int ints[] = {C_INT8, C_INT16, C_INT32, C_INT64};
	static const int decimals[] = {C_DEC9, C_DEC15, C_DEC15, C_INT16};
	int col;
	LhValue v;

	switch (arith)
	{
		case LH_ARITH_INT2: col = ints[gen_int(2)]; break;
		case LH_ARITH_INT4:
			if (gen_chance(4))
				return node(gen_chance(2) ? LH_E_LENGTH : LH_E_OCTET_LENGTH, arith, column(C_TEXT),
							NULL);
			col = ints[gen_int(3)];
			break;
		case LH_ARITH_INT8: col = ints[gen_int(4)]; break;
		case LH_ARITH_FLOAT4:
			col = gen_chance(4) ? C_INT16 : C_FLOAT;
			if (col == C_INT16)
				return node(LH_E_CAST, arith, column(col), NULL);
			break;
		case LH_ARITH_FLOAT8:
			col = gen_chance(3) ? C_FLOAT : gen_chance(4) ? C_INT64 : C_DOUBLE;
			if (col == C_INT64)
				return node(LH_E_CAST, arith, column(col), NULL);
			break;
		default: col = decimals[gen_int(4)]; break;
	}
	if (gen_chance(4))
	{
		v = gen_value(ctx, &types[col]);
		if (arith == LH_ARITH_NUMERIC)
			v.i64 %= 1000000;
		v.null = gen_chance(50);
		return constant(v);
	}
	return column(col);
}

static LhExpr *
random_expr(LhArith arith, int depth)
{
	static const LhExprKind kinds[] = {LH_E_ADD, LH_E_SUB, LH_E_MUL};

	if (depth == 0)
		return random_operand(arith);
	if (gen_chance(6))
		return node(LH_E_NEG, arith, random_expr(arith, depth - 1), NULL);
	return node(kinds[gen_int(arith == LH_ARITH_NUMERIC && depth > 1 ? 2 : 3)], arith,
				random_expr(arith, depth - 1), random_expr(arith, gen_int(depth)));
}

static void
check_row(const LhVec *out, int i, Result want)
{
	LhValue got = lh_vec_value(out, i);

	assert_int_equal(got.null, want.null);
	if (want.null)
		return;
	if (want.is_float)
	{
		if (memcmp(&got.f64, &want.f, sizeof(double)) != 0 && !(isnan(got.f64) && isnan(want.f)))
			fail_msg("row %d: %.17g instead of %.17g", i, got.f64, want.f);
		return;
	}
	assert_int_equal(got.type.id == LH_T_DECIMAL ? got.type.scale : 0, want.scale);
	if ((got.type.lane == LH_LANE_I128 ? got.i128 : (LhI128) got.i64) != want.i)
		fail_msg("row %d differs", i);
}

static int errors;

static void
check_expr(LhExpr *expr)
{
	const LhDict *dicts[NCOLS];
	LhExpr *bound;

	ok(lh_expr_bind(ctx, expr, types, &bound));
	for (int c = 0; c < NCOLS; c++)
		dicts[c] = gen_dict(ctx, &types[c], (uint32_t) (1 + gen_int(gen_chance(10) ? 300 : 20)));
	for (int batch = 0; batch < 3; batch++)
	{
		int n = gen_batch();
		LhVec vecs[NCOLS], out;
		const LhVec *pvecs[NCOLS];
		LhSel sel;
		LhStatus status, want = LH_OK;

		for (int c = 0; c < NCOLS; c++)
		{
			vecs[c] = gen_vec(ctx, dicts[c], n);
			pvecs[c] = &vecs[c];
		}
		gen_sel(&sel, n);
		status = lh_expr_eval(ctx, bound, pvecs, &sel, &out);
		for (int i = 0; i < n; i++)
		{
			LhValue row[NCOLS];
			Result r;

			if (!lh_bit_get(sel.w, (size_t) i))
				continue;
			for (int c = 0; c < NCOLS; c++)
				row[c] = gen_row(&vecs[c], i);
			r = slow(expr, row);
			if (r.error != LH_OK)
				want = r.error;
			else if (status == LH_OK)
				check_row(&out, i, r);
		}
		assert_int_equal(status, want);
		errors += want != LH_OK;
		lh_error_clear(ctx);
	}
}

static void
random_expressions_agree_with_rows(void **state)
{
	errors = 0;
	for (int i = 0; i < 12000; i++)
	{
		gen_isa();
		check_expr(random_expr((LhArith) gen_int(6), gen_int(4)));
		lh_arena_reset(ctx->arena);
	}
	lh_isa_choose(LH_ISA_AVX512);
	assert_true(errors > 500);
}

static void
dates_become_timestamps(void **state)
{
	for (int i = 0; i < 500; i++)
	{
		LhExpr *e = node(LH_E_CAST, 0, column(C_DATE), NULL);

		e->type = gen_ticks(LH_T_TIMESTAMP, LH_UNIT_US);
		check_expr(e);
		lh_arena_reset(ctx->arena);
	}
}

/* An overflow in a row that is not selected, or in an entry that no row has, is none. */
static void
only_selected_rows_overflow(void **state)
{
	int32_t values[3] = {1, INT32_MAX, 5}, x[3] = {1, INT32_MAX, 5};
	LhDict d = {.type = types[C_INT32], .n = 3, .values = values, .id = lh_dict_new_id()};
	uint32_t codes[3] = {0, 1, 2};
	LhVec flat = {.type = types[C_INT32], .kind = LH_VEC_FLAT, .n = 3, .data = x},
		  dict = {.type = types[C_INT32], .kind = LH_VEC_DICT, .n = 3, .dict = &d, .codes = codes},
		  out;
	LhExpr *e = node(LH_E_ADD, LH_ARITH_INT4, column(C_INT32),
					 constant((LhValue){.type = types[C_INT32], .i64 = 1}));
	LhSel sel;

	for (int k = 0; k < 2; k++)
	{
		const LhVec *vecs[NCOLS] = {[C_INT32] = k == 0 ? &flat : &dict};
		LhExpr *bound;

		ok(lh_expr_bind(ctx, e, types, &bound));
		lh_sel_all(&sel, 3);
		lh_bit_clear(sel.w, 1);
		sel.count = 2;
		ok(lh_expr_eval(ctx, bound, vecs, &sel, &out));
		assert_int_equal(lh_vec_value(&out, 0).i64, 2);
		assert_int_equal(lh_vec_value(&out, 2).i64, 6);
		lh_sel_all(&sel, 3);
		assert_int_equal(lh_expr_eval(ctx, bound, vecs, &sel, &out), LH_OUT_OF_RANGE);
		assert_string_equal(ctx->error->message, "integer out of range");
		lh_error_clear(ctx);
	}
}

static void
functions_of_dictionaries_stay_dictionaries(void **state)
{
	LhStr values[2] = {{(const uint8_t *) "h\xc3\xa9", 3, 0}, {(const uint8_t *) "abcd", 4, 0}};
	LhDict d = {.type = types[C_TEXT], .n = 2, .values = values, .id = lh_dict_new_id()};
	LhRun runs[2] = {{1, 1000}, {0, 2000}};
	uint32_t codes[100] = {0};
	LhVec vruns = {.type = d.type,
				   .kind = LH_VEC_RUNS,
				   .n = 2000,
				   .dict = &d,
				   .nruns = 2,
				   .runs = runs},
		  vcodes = {.type = d.type, .kind = LH_VEC_DICT, .n = 100, .dict = &d, .codes = codes}, out;
	const LhVec *vecs[NCOLS] = {[C_TEXT] = &vruns};
	LhExpr *bound;
	LhSel sel;
	uint64_t id;

	ok(lh_expr_bind(ctx, node(LH_E_LENGTH, LH_ARITH_INT4, column(C_TEXT), NULL), types, &bound));
	lh_sel_all(&sel, 2000);
	ok(lh_expr_eval(ctx, bound, vecs, &sel, &out));
	assert_int_equal(out.kind, LH_VEC_RUNS);
	assert_int_equal(out.nruns, 2);
	assert_int_equal(lh_vec_value(&out, 0).i64, 4);
	assert_int_equal(lh_vec_value(&out, 1999).i64, 2);
	id = out.dict->id;
	vecs[C_TEXT] = &vcodes;
	lh_sel_all(&sel, 100);
	ok(lh_expr_eval(ctx, bound, vecs, &sel, &out));
	assert_int_equal(out.kind, LH_VEC_DICT);
	assert_int_equal(out.dict->id, id);
}

static void
what_does_not_fit_is_refused(void **state)
{
	LhExpr *out;

	assert_int_equal(lh_expr_bind(ctx,
								  node(LH_E_ADD, LH_ARITH_INT4, column(C_TEXT), column(C_INT32)),
								  types, &out),
					 LH_UNSUPPORTED);
	assert_int_equal(lh_expr_bind(ctx,
								  node(LH_E_ADD, LH_ARITH_FLOAT8, column(C_DEC9), column(C_DOUBLE)),
								  types, &out),
					 LH_UNSUPPORTED);
	assert_int_equal(
		lh_expr_bind(ctx, node(LH_E_ADD, LH_ARITH_NUMERIC, column(C_DOUBLE), column(C_DEC9)), types,
					 &out),
		LH_UNSUPPORTED);
	assert_int_equal(
		lh_expr_bind(ctx, node(LH_E_LENGTH, LH_ARITH_INT4, column(C_INT32), NULL), types, &out),
		LH_UNSUPPORTED);
	assert_int_equal(
		lh_expr_bind(ctx, node(LH_E_CAST, LH_ARITH_FLOAT4, column(C_DOUBLE), NULL), types, &out),
		LH_UNSUPPORTED);
}

static void
decimals_beyond_128_bits_are_refused(void **state)
{
	LhType t = gen_decimal(38, 0, LH_LANE_I128);
	LhI128 x[1] = {lh_pow10[38] - 1};
	LhVec v = {.type = t, .kind = LH_VEC_FLAT, .n = 1, .data = x}, out;
	const LhVec *vecs[1] = {&v};
	LhExpr *bound;
	LhSel sel;

	ok(lh_expr_bind(ctx, node(LH_E_MUL, LH_ARITH_NUMERIC, column(0), column(0)), &t, &bound));
	lh_sel_all(&sel, 1);
	assert_int_equal(lh_expr_eval(ctx, bound, vecs, &sel, &out), LH_UNSUPPORTED);
}

static void
float_columns_widen_where_postgres_sees_double(void **state)
{
	float x[2] = {0.1f, -0.0f};
	LhVec v = {.type = types[C_FLOAT], .kind = LH_VEC_FLAT, .n = 2, .data = x}, out;
	const LhVec *vecs[1] = {&v};
	LhExpr *e = column(0), *bound;
	LhSel sel;

	e->arith = LH_ARITH_FLOAT8;
	ok(lh_expr_bind(ctx, e, &types[C_FLOAT], &bound));
	assert_int_equal(bound->type.id, LH_T_DOUBLE);
	lh_sel_all(&sel, 2);
	ok(lh_expr_eval(ctx, bound, vecs, &sel, &out));
	assert_true(lh_vec_value(&out, 0).f64 == (double) 0.1f);
	assert_true(signbit(lh_vec_value(&out, 1).f64));
}

static void
missing_columns_are_null(void **state)
{
	LhType none = {.id = LH_T_NULL};
	const LhVec *vecs[1] = {NULL};
	LhExpr *bound;
	LhVec out;
	LhSel sel;

	lh_sel_all(&sel, 7);
	ok(lh_expr_bind(ctx, node(LH_E_ADD, LH_ARITH_NUMERIC, column(0), column(0)), &none, &bound));
	ok(lh_expr_eval(ctx, bound, vecs, &sel, &out));
	assert_true(lh_vec_all_null(&out));
	ok(lh_expr_bind(ctx, node(LH_E_LENGTH, LH_ARITH_INT4, column(0), NULL), &none, &bound));
	ok(lh_expr_eval(ctx, bound, vecs, &sel, &out));
	assert_true(lh_vec_all_null(&out));
	assert_int_equal(out.type.id, LH_T_INT32);
}

static void
equal_expressions(void **state)
{
	LhExpr *a = node(LH_E_MUL, LH_ARITH_INT4, column(1),
					 constant((LhValue){.type = types[C_INT32], .i64 = 2})),
		   *b = node(LH_E_MUL, LH_ARITH_INT4, column(1),
					 constant((LhValue){.type = types[C_INT32], .i64 = 2})),
		   *c = node(LH_E_MUL, LH_ARITH_INT4, column(1),
					 constant((LhValue){.type = types[C_INT32], .i64 = 3}));

	assert_true(lh_expr_equal(a, b));
	assert_false(lh_expr_equal(a, c));
	assert_false(lh_expr_equal(a, NULL));
	assert_true(lh_expr_equal(NULL, NULL));
	assert_false(lh_expr_equal(constant((LhValue){.type = types[C_DOUBLE], .f64 = 0.0}),
							   constant((LhValue){.type = types[C_DOUBLE], .f64 = -0.0})));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(random_expressions_agree_with_rows),
		TEST(dates_become_timestamps),
		TEST(only_selected_rows_overflow),
		TEST(functions_of_dictionaries_stay_dictionaries),
		TEST(what_does_not_fit_is_refused),
		TEST(decimals_beyond_128_bits_are_refused),
		TEST(float_columns_widen_where_postgres_sees_double),
		TEST(missing_columns_are_null),
		TEST(equal_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
