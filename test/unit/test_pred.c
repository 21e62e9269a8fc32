/*
 * test_pred.c
 *		Predicates by example: binding, negation, bounds, probes, and the
 *		conversation with the host.
 */
#include "test_vec_gen.h"

#include "vec/pred.h"

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

static LhValue
int_value(int64_t x)
{
	return (LhValue){.type = gen_simple(LH_T_INT64, LH_LANE_I64), .i64 = x};
}

static LhValue
decimal_value(int64_t x, int scale)
{
	return (LhValue){.type = gen_decimal(18, scale, LH_LANE_I64), .i64 = x};
}

static LhValue
double_value(double x)
{
	return (LhValue){.type = gen_simple(LH_T_DOUBLE, LH_LANE_F64), .f64 = x};
}

static LhValue
text_value(const char *s)
{
	return (LhValue){.type = gen_simple(LH_T_STRING, LH_LANE_STR),
					 .str = {(const uint8_t *) s, (uint32_t) strlen(s), 0}};
}

static LhValue
ticks_value(LhUnit unit, int64_t x)
{
	return (LhValue){.type = gen_ticks(LH_T_TIMESTAMP, unit), .i64 = x};
}

static LhValue
date_value(int64_t days)
{
	return (LhValue){.type = gen_simple(LH_T_DATE, LH_LANE_I32), .i64 = days};
}

static LhPred *
cmp(int col, LhCmp op, LhValue v)
{
	LhPred *p;

	ok(lh_pred_cmp(ctx, col, op, &v, &p));
	return p;
}

static LhPred *
leaf(LhPredKind kind, int col, LhValue v)
{
	LhPred *p;

	ok(lh_pred_leaf(ctx, kind, col, &v, &p));
	return p;
}

static LhPred *
host(int col, int id)
{
	LhPred *p;

	ok(lh_pred_leaf(ctx, LH_P_HOST, col, NULL, &p));
	p->host_id = id;
	return p;
}

static LhPred *
list(LhPredKind kind, LhPred *a, LhPred *b)
{
	LhPred *args[2] = {a, b}, *p;

	ok(lh_pred_list(ctx, kind, args, 2, &p));
	return p;
}

static LhPred * not(LhPred * p)
{
	ok(lh_pred_not(ctx, p, &p));
	return p;
}

static LhPred *
bind(LhPred *p, LhType type)
{
	LhType types[3] = {type, type, type};

	ok(lh_pred_bind(ctx, p, types, &p));
	return p;
}

static void
expect_format(const LhPred *p, const char *want)
{
	LhBuf text;

	ok(lh_buf_init(ctx, &text, false));
	ok(lh_pred_format(ctx, p, NULL, &text));
	ok(lh_buf_putc(ctx, &text, 0));
	assert_string_equal((const char *) text.data, want);
}

static const LhType int32 = {.id = LH_T_INT32, .lane = LH_LANE_I32};
static const LhType int64 = {.id = LH_T_INT64, .lane = LH_LANE_I64};
static const LhType dec2 = {.id = LH_T_DECIMAL, .lane = LH_LANE_I64, .precision = 15, .scale = 2};
static const LhType float4 = {.id = LH_T_FLOAT, .lane = LH_LANE_F32};
static const LhType float8 = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
static const LhType string = {.id = LH_T_STRING, .lane = LH_LANE_STR};
static const LhType date = {.id = LH_T_DATE, .lane = LH_LANE_I32};
static const LhType boolean = {.id = LH_T_BOOL, .lane = LH_LANE_U8};
static const LhType ts_ns = {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_NS};
static const LhType ts_ms = {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_MS};
static const LhType ts_utc = {
	.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US, .utc = true};
static const LhType uuid = {.id = LH_T_UUID, .lane = LH_LANE_FIX, .width = 16};
static const LhType interval = {.id = LH_T_INTERVAL, .lane = LH_LANE_FIX, .width = 12};

static void
constants_outside_the_type_decide_at_once(void **state)
{
	expect_format(bind(cmp(0, LH_LT, int_value(INT64_C(1) << 40)), int32), "c0 IS NOT NULL");
	expect_format(bind(cmp(0, LH_GT, int_value(INT64_C(1) << 40)), int32), "false");
	expect_format(bind(cmp(0, LH_EQ, int_value(INT64_C(1) << 40)), int32), "false");
	expect_format(bind(cmp(0, LH_NE, int_value(INT64_C(1) << 40)), int32), "c0 IS NOT NULL");
	expect_format(bind(cmp(0, LH_GE, int_value(INT32_MIN)), int32), "c0 IS NOT NULL");
	expect_format(bind(leaf(LH_P_DISTINCT, 0, int_value(INT64_C(1) << 40)), int32), "true");
	expect_format(bind(leaf(LH_P_NOT_DISTINCT, 0, int_value(INT64_C(1) << 40)), int32), "false");
}

static void
decimals_are_fitted_by_floor(void **state)
{
	expect_format(bind(cmp(0, LH_LT, decimal_value(1005, 3)), dec2), "c0 <= 1.00");
	expect_format(bind(cmp(0, LH_GE, decimal_value(1005, 3)), dec2), "c0 >= 1.01");
	expect_format(bind(cmp(0, LH_EQ, decimal_value(1005, 3)), dec2), "false");
	expect_format(bind(cmp(0, LH_NE, decimal_value(1005, 3)), dec2), "c0 IS NOT NULL");
	expect_format(bind(cmp(0, LH_EQ, decimal_value(1000, 3)), dec2), "c0 = 1.00");
	expect_format(bind(cmp(0, LH_LE, decimal_value(-1005, 3)), dec2), "c0 <= -1.01");
	expect_format(bind(cmp(0, LH_EQ, int_value(7)), dec2), "c0 = 7.00");
	expect_format(bind(cmp(0, LH_GT, decimal_value(15, 1)), int32), "c0 >= 2");
}

static void
moments_are_fitted_by_unit(void **state)
{
	/* PostgreSQL sees nanoseconds cut to microseconds */
	LhPred *p = bind(cmp(0, LH_EQ, ticks_value(LH_UNIT_US, 5)), ts_ns);

	assert_int_equal(p->kind, LH_P_RANGE);
	assert_int_equal(p->values[0].i64, 5000);
	assert_int_equal(p->values[1].i64, 5999);
	p = bind(cmp(0, LH_LE, ticks_value(LH_UNIT_US, -1)), ts_ns);
	assert_int_equal(p->value.i64, -1);
	p = bind(cmp(0, LH_LT, ticks_value(LH_UNIT_US, -1)), ts_ns);
	assert_int_equal(p->value.i64, -1001);
	p = bind(cmp(0, LH_EQ, ticks_value(LH_UNIT_NS, 5)), ts_ns);
	assert_int_equal(p->kind, LH_P_CMP);
	assert_int_equal(p->value.i64, 5);
	/* between two milliseconds */
	p = bind(cmp(0, LH_GE, ticks_value(LH_UNIT_US, 1500)), ts_ms);
	assert_int_equal(p->value.i64, 2);
	/* a day has 86,400,000 of them */
	p = bind(cmp(0, LH_LT, date_value(2)), ts_ms);
	assert_int_equal(p->value.i64, 2 * 86400000 - 1);
	p = bind(cmp(0, LH_GT, ticks_value(LH_UNIT_MS, 86400000)), date);
	assert_int_equal(p->value.i64, 2);
	p = bind(cmp(0, LH_GE, ticks_value(LH_UNIT_MS, 86400001)), date);
	assert_int_equal(p->value.i64, 2);
}

static void
conjuncts_of_a_column_become_one_range(void **state)
{
	expect_format(
		bind(list(LH_P_AND, cmp(0, LH_GE, int_value(3)), cmp(0, LH_LT, int_value(9))), int32),
		"c0 WITHIN (3, 8)");
	expect_format(
		bind(list(LH_P_AND, cmp(0, LH_GE, int_value(3)), cmp(0, LH_LE, int_value(3))), int32),
		"c0 = 3");
	expect_format(
		bind(list(LH_P_AND, cmp(0, LH_GE, int_value(3)), cmp(0, LH_LT, int_value(3))), int32),
		"false");
	expect_format(
		bind(list(LH_P_AND, cmp(0, LH_GE, int_value(3)), cmp(1, LH_LT, int_value(3))), int32),
		"(c0 >= 3 AND c1 <= 2)");
	expect_format(
		bind(list(LH_P_OR, cmp(0, LH_GE, int_value(3)), cmp(0, LH_LT, int_value(INT64_MAX))),
			 int64),
		"(c0 >= 3 OR c0 <= 9223372036854775806)");
}

static void
lists_of_neighbours_become_ranges(void **state)
{
	LhValue v[4] = {int_value(4), int_value(2), int_value(3), int_value(3)};
	LhPred *p;

	ok(lh_pred_in(ctx, 0, false, v, 4, false, &p));
	expect_format(p, "c0 IN (2, 3, 4)");
	expect_format(bind(p, int32), "c0 WITHIN (2, 4)");
	v[0] = decimal_value(45, 1);
	ok(lh_pred_in(ctx, 0, true, v, 4, false, &p));
	expect_format(bind(p, int32), "c0 OUTSIDE (2, 3)");
	ok(lh_pred_in(ctx, 0, true, v, 4, true, &p));
	expect_format(bind(p, int32), "false");
	ok(lh_pred_in(ctx, 0, true, v, 0, false, &p));
	expect_format(p, "true");
	ok(lh_pred_in(ctx, 0, false, v, 0, false, &p));
	expect_format(p, "false");
}

static void
patterns_become_what_is_cheapest(void **state)
{
	expect_format(bind(leaf(LH_P_LIKE, 0, text_value("abc")), string), "c0 = 'abc'");
	expect_format(bind(leaf(LH_P_NOT_LIKE, 0, text_value("a\\%c")), string), "c0 <> 'a%c'");
	expect_format(bind(leaf(LH_P_LIKE, 0, text_value("")), string), "c0 = ''");
	expect_format(bind(leaf(LH_P_LIKE, 0, text_value("%%")), string), "c0 IS NOT NULL");
	expect_format(bind(leaf(LH_P_NOT_LIKE, 0, text_value("%")), string), "false");
	expect_format(bind(leaf(LH_P_LIKE, 0, text_value("abc%")), string), "c0 LIKE 'abc%'");
}

static void
floats_compare_as_double(void **state)
{
	LhPred *p = bind(cmp(0, LH_EQ, double_value(0.1)), float4);
	float x[4] = {0.1f, 0.0f, -0.0f, NAN};
	LhVec v = {.type = float4, .kind = LH_VEC_FLAT, .n = 4, .data = x};
	const LhVec *vecs[1] = {&v};
	LhSel sel;
	struct
	{
		LhCmp op;
		double c;
		uint64_t want;
	} cases[] = {
		{LH_EQ, 0.1, 0},      {LH_NE, 0.1, 15},     {LH_GT, 0.1, 9},   {LH_LT, 0.1, 6},
		{LH_EQ, 0.1f, 1},     {LH_EQ, 0.0, 6},      {LH_EQ, -0.0, 6},  {LH_LT, 0.0, 0},
		{LH_GE, 0.0, 15},     {LH_EQ, NAN, 8},      {LH_NE, NAN, 7},   {LH_GE, NAN, 8},
		{LH_GT, NAN, 0},      {LH_LE, NAN, 15},     {LH_LT, NAN, 7},   {LH_GT, INFINITY, 8},
		{LH_GE, INFINITY, 8}, {LH_LT, INFINITY, 7}, {LH_GT, 1e300, 8}, {LH_LT, -1e300, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		p = bind(cmp(0, cases[i].op, double_value(cases[i].c)), float4);
		lh_sel_all(&sel, 4);
		ok(lh_pred_eval(ctx, p, vecs, &sel, NULL));
		if (sel.w[0] != cases[i].want)
			fail_msg("case %zu: %llx", i, (unsigned long long) sel.w[0]);
	}
}

static void
what_does_not_fit_is_refused(void **state)
{
	struct
	{
		LhType type;
		LhValue v;
	} cases[] = {
		{int32, double_value(1)}, {dec2, double_value(1)},        {string, int_value(1)},
		{int32, text_value("1")}, {float8, decimal_value(15, 1)}, {float8, int_value(INT64_MAX)},
		{date, int_value(1)},     {ts_utc, date_value(1)},        {interval, text_value("1 day")},
		{uuid, text_value("1")},  {boolean, int_value(1)},        {{.id = LH_T_LIST}, int_value(1)},
	};
	LhPred *p;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_int_equal(lh_pred_bind(ctx, cmp(0, LH_EQ, cases[i].v), &cases[i].type, &p),
						 LH_UNSUPPORTED);
		lh_error_clear(ctx);
	}
	assert_int_equal(lh_pred_bind(ctx, leaf(LH_P_LIKE, 0, text_value("a%")), &uuid, &p),
					 LH_UNSUPPORTED);
	/* but every type may be null or asked about by the host */
	ok(lh_pred_bind(ctx, leaf(LH_P_IS_NULL, 0, int_value(0)), &interval, &p));
	ok(lh_pred_bind(ctx, host(0, 1), &interval, &p));
}

static void
negation_by_de_morgan(void **state)
{
	LhValue null = int_value(1);
	LhPred *p = list(LH_P_AND, cmp(0, LH_LT, int_value(1)), leaf(LH_P_IS_NULL, 1, int_value(0)));

	expect_format(not(p), "(c0 >= 1 OR c1 IS NOT NULL)");
	expect_format(not(not(p)), "(c0 < 1 AND c1 IS NULL)");
	null.null = true;
	/* NOT (c = NULL) is null, not true */
	expect_format(not(cmp(0, LH_EQ, null)), "false");
	/* b, NOT b; null stays null */
	expect_format(not(leaf(LH_P_IS_TRUE_BOOL, 0, int_value(0))), "c0 IS FALSE");
	assert_int_equal(lh_pred_not(ctx, host(0, 1), &p), LH_UNSUPPORTED);
}

static void
constants_fold_in_lists(void **state)
{
	LhPred *never = leaf(LH_P_NEVER, -1, int_value(0)),
		   *always = leaf(LH_P_ALWAYS, -1, int_value(0)), *p = cmp(0, LH_EQ, int_value(1));

	expect_format(bind(list(LH_P_AND, p, never), int32), "false");
	expect_format(bind(list(LH_P_AND, p, always), int32), "c0 = 1");
	expect_format(bind(list(LH_P_OR, p, never), int32), "c0 = 1");
	expect_format(bind(list(LH_P_OR, p, always), int32), "true");
	expect_format(list(LH_P_AND, list(LH_P_AND, p, p), p), "(c0 = 1 AND c0 = 1 AND c0 = 1)");
}

static LhBounds
int_bounds(const LhType *type, int64_t min, int64_t max, int64_t rows, int64_t nulls)
{
	return (LhBounds){.known = true,
					  .has_min = true,
					  .has_max = true,
					  .min = {.type = *type, .i64 = min},
					  .max = {.type = *type, .i64 = max},
					  .rows = rows,
					  .nulls = nulls};
}

static void
bounds_by_example(void **state)
{
	LhBounds b = int_bounds(&int32, 10, 20, 100, 0), nulls = int_bounds(&int32, 10, 20, 100, 5),
			 unknown = int_bounds(&int32, 10, 20, 100, -1), all_null = {.rows = 100, .nulls = 100},
			 nothing = {.rows = -1, .nulls = -1};

	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LT, int_value(10)), int32), &b), LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LE, int_value(10)), int32), &b), LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LE, int_value(20)), int32), &b), LH_ALL);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LE, int_value(20)), int32), &nulls), LH_MAYBE);
	/* a missing null count is not zero */
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LE, int_value(20)), int32), &unknown), LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_IS_NULL, 0, int_value(0)), int32), &unknown),
					 LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_IS_NULL, 0, int_value(0)), int32), &b), LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_IS_NULL, 0, int_value(0)), int32), &all_null),
					 LH_ALL);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_NOT_NULL, 0, int_value(0)), int32), &all_null),
					 LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_NE, int_value(1)), int32), &all_null), LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_DISTINCT, 0, int_value(1)), int32), &all_null),
					 LH_ALL);
	assert_int_equal(lh_pred_bounds(bind(host(0, 1), int32), &all_null), LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(host(0, 1), int32), &b), LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LT, int_value(10)), int32), &nothing), LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LT, int_value(10)), int32), NULL), LH_MAYBE);
	/* bounds the wrong way round say nothing */
	b = int_bounds(&int32, 20, 10, 100, 0);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LT, int_value(5)), int32), &b), LH_MAYBE);
}

static void
bounds_of_floats_know_nan(void **state)
{
	LhBounds b = {.known = true,
				  .has_min = true,
				  .has_max = true,
				  .min = double_value(1),
				  .max = double_value(2),
				  .rows = 10,
				  .nulls = 0};

	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_GT, double_value(5)), float8), &b), LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LT, double_value(5)), float8), &b), LH_ALL);
	b.may_nan = true;
	/* NaN is greater than every number */
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_GT, double_value(5)), float8), &b), LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LT, double_value(5)), float8), &b), LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LT, double_value(1)), float8), &b), LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_GE, double_value(1)), float8), &b), LH_ALL);
	/* a bound that is NaN is no bound */
	b.min = double_value(NAN);
	assert_int_equal(lh_pred_bounds(bind(cmp(0, LH_LT, double_value(1)), float8), &b), LH_MAYBE);
}

static void
bounds_of_strings(void **state)
{
	LhBounds b = {.known = true,
				  .has_min = true,
				  .has_max = true,
				  .min = text_value("b"),
				  .max = text_value("cz"),
				  .rows = 10,
				  .nulls = 0};

	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_LIKE, 0, text_value("a%")), string), &b),
					 LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_NOT_LIKE, 0, text_value("a%")), string), &b),
					 LH_ALL);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_LIKE, 0, text_value("a%x%")), string), &b),
					 LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_LIKE, 0, text_value("c%x%")), string), &b),
					 LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_LIKE, 0, text_value("%x%")), string), &b),
					 LH_MAYBE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_PREFIX, 0, text_value("d")), string), &b),
					 LH_NONE);
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_PREFIX, 0, text_value("c")), string), &b),
					 LH_MAYBE);
	b.min = text_value("ca");
	assert_int_equal(lh_pred_bounds(bind(leaf(LH_P_PREFIX, 0, text_value("c")), string), &b),
					 LH_ALL);
}

typedef struct Probes
{
	int n;
	LhValue v[32];
	double absent_from; /* values at and above are absent */
} Probes;

static LhVerdict
probe(void *arg, int col, const LhValue *v)
{
	Probes *p = arg;

	p->v[p->n++] = *v;
	if (v->type.lane == LH_LANE_F64)
		return v->f64 >= p->absent_from ? LH_NONE : LH_MAYBE;
	return v->i64 >= p->absent_from ? LH_NONE : LH_MAYBE;
}

static void
probes_ask_for_equal_values_only(void **state)
{
	Probes p = {.absent_from = 100};
	LhValue v[3] = {int_value(1), int_value(200), int_value(300)};
	LhPred *in;

	assert_int_equal(lh_pred_probe(bind(cmp(0, LH_EQ, int_value(5)), int32), probe, &p), LH_MAYBE);
	assert_int_equal(lh_pred_probe(bind(cmp(0, LH_EQ, int_value(500)), int32), probe, &p), LH_NONE);
	assert_int_equal(p.n, 2);
	assert_int_equal(lh_pred_probe(bind(cmp(0, LH_NE, int_value(500)), int32), probe, &p),
					 LH_MAYBE);
	assert_int_equal(lh_pred_probe(bind(cmp(0, LH_GT, int_value(500)), int32), probe, &p),
					 LH_MAYBE);
	assert_int_equal(p.n, 2);
	ok(lh_pred_in(ctx, 0, false, v, 3, false, &in));
	assert_int_equal(lh_pred_probe(bind(in, int32), probe, &p), LH_MAYBE);
	ok(lh_pred_in(ctx, 0, false, v + 1, 2, false, &in));
	assert_int_equal(lh_pred_probe(bind(in, int32), probe, &p), LH_NONE);
	assert_int_equal(lh_pred_probe(bind(not(in), int32), probe, &p), LH_MAYBE);
	/* one absent conjunct is enough; of alternatives all must be absent */
	assert_int_equal(
		lh_pred_probe(
			bind(list(LH_P_AND, cmp(0, LH_EQ, int_value(1)), cmp(1, LH_EQ, int_value(100))), int32),
			probe, &p),
		LH_NONE);
	assert_int_equal(
		lh_pred_probe(
			bind(list(LH_P_OR, cmp(0, LH_EQ, int_value(1)), cmp(1, LH_EQ, int_value(100))), int32),
			probe, &p),
		LH_MAYBE);
	assert_int_equal(lh_pred_probe(bind(list(LH_P_OR, cmp(0, LH_EQ, int_value(200)),
											 cmp(1, LH_EQ, int_value(100))),
										int32),
								   probe, &p),
					 LH_NONE);
}

static void
probes_know_both_zeros_and_no_nan(void **state)
{
	Probes p = {.absent_from = -1};

	assert_int_equal(lh_pred_probe(bind(cmp(0, LH_EQ, double_value(0)), float8), probe, &p),
					 LH_NONE);
	assert_int_equal(p.n, 2);
	assert_true(signbit(p.v[0].f64) != signbit(p.v[1].f64));
	assert_int_equal(lh_pred_probe(bind(cmp(0, LH_EQ, double_value(NAN)), float8), probe, &p),
					 LH_MAYBE);
	assert_int_equal(p.n, 2);
	/* a microsecond is a thousand nanoseconds: too many to ask for */
	assert_int_equal(
		lh_pred_probe(bind(cmp(0, LH_EQ, ticks_value(LH_UNIT_US, 5)), ts_ns), probe, &p), LH_MAYBE);
	assert_int_equal(p.n, 2);
}

static void
dictionaries_prune(void **state)
{
	int32_t values[3] = {10, 20, 30};
	LhDict d = {.type = int32, .n = 3, .values = values, .id = lh_dict_new_id()};
	LhVerdict v;
	LhPred *p =
		bind(list(LH_P_AND, cmp(0, LH_GT, int_value(10)), cmp(0, LH_NE, int_value(20))), int32);

	ok(lh_pred_dict(ctx, bind(cmp(0, LH_EQ, int_value(15)), int32), 0, &d, &v));
	assert_int_equal(v, LH_NONE);
	ok(lh_pred_dict(ctx, bind(cmp(0, LH_EQ, int_value(20)), int32), 0, &d, &v));
	assert_int_equal(v, LH_MAYBE);
	ok(lh_pred_dict(ctx, bind(cmp(1, LH_EQ, int_value(15)), int32), 0, &d, &v));
	assert_int_equal(v, LH_MAYBE);
	ok(lh_pred_dict(ctx, bind(leaf(LH_P_IS_NULL, 0, int_value(0)), int32), 0, &d, &v));
	assert_int_equal(v, LH_MAYBE);
	ok(lh_pred_dict(ctx, bind(leaf(LH_P_DISTINCT, 0, int_value(10)), int32), 0, &d, &v));
	assert_int_equal(v, LH_MAYBE);
	ok(lh_pred_dict(ctx, p, 0, &d, &v));
	assert_int_equal(v, LH_MAYBE);
	/* each side alone has entries, both together have none */
	d.n = 2;
	d.id = lh_dict_new_id();
	ok(lh_pred_dict(ctx, p, 0, &d, &v));
	assert_int_equal(v, LH_NONE);
	ok(lh_pred_dict(
		ctx, bind(list(LH_P_OR, cmp(0, LH_EQ, int_value(15)), cmp(1, LH_EQ, int_value(1))), int32),
		0, &d, &v));
	assert_int_equal(v, LH_MAYBE);
}

/* Answers "is even" and writes down what it was asked. */
typedef struct Host
{
	int calls;
	int nitems;
	uint32_t items[256];
} Host;

static void
ask(Host *h, LhPred *bound, const LhVec *const *vecs, LhSel *sel)
{
	LhHostRequest *r;
	LhStatus status;

	while ((status = lh_pred_eval(ctx, bound, vecs, sel, &r)) == LH_NEED_HOST)
	{
		h->calls++;
		for (int i = 0; i < r->n; i++)
		{
			LhValue v = r->dict != NULL ? lh_dict_value(r->dict, r->items[i])
										: lh_vec_value(r->vec, (int) r->items[i]);

			h->items[h->nitems++] = r->items[i];
			r->result[i] = v.i64 % 2 == 0;
		}
	}
	ok(status);
	assert_null(r);
}

static void
the_host_is_asked_once_about_each_entry(void **state)
{
	int32_t values[5] = {0, 1, 2, 3, 4};
	LhDict d = {.type = int32, .n = 5, .values = values, .id = lh_dict_new_id()};
	uint32_t codes[6] = {1, 2, 2, 0, 4, 1};
	uint64_t valid = 0x37; /* row 3 is null */
	LhVec v = {
		.type = int32, .kind = LH_VEC_DICT, .n = 6, .valid = &valid, .dict = &d, .codes = codes};
	const LhVec *vecs[1] = {&v};
	LhPred *p = bind(list(LH_P_AND, host(0, 1), cmp(0, LH_LT, int_value(4))), int32);
	Host h = {0};
	LhSel sel;

	/* rows 0..5 hold 1 2 2 null 4 1; the comparison goes first and drops 4 */
	lh_sel_all(&sel, 6);
	ask(&h, p, vecs, &sel);
	assert_int_equal(sel.w[0], 0x06);
	assert_int_equal(sel.count, 2);
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.nitems, 2);
	assert_int_equal(h.items[0], 1);
	assert_int_equal(h.items[1], 2);
	assert_int_equal(ctx->counters->v[LH_CTR_HOST_EVALS], 2);
	/* the same dictionary again: only what is new */
	codes[0] = 3;
	lh_sel_all(&sel, 6);
	ask(&h, p, vecs, &sel);
	assert_int_equal(sel.w[0], 0x06);
	assert_int_equal(h.calls, 2);
	assert_int_equal(h.nitems, 3);
	assert_int_equal(h.items[2], 3);
	/* all known */
	lh_sel_all(&sel, 6);
	ask(&h, p, vecs, &sel);
	assert_int_equal(h.calls, 2);
	/* another dictionary */
	d.id = lh_dict_new_id();
	ask(&h, p, vecs, &sel);
	assert_int_equal(h.calls, 3);
}

static void
the_host_is_asked_once_a_run(void **state)
{
	int32_t values[3] = {0, 1, 2};
	LhDict d = {.type = int32, .n = 3, .values = values, .id = lh_dict_new_id()};
	LhRun runs[3] = {{0, 100}, {1, 130}, {2, 200}};
	LhVec v = {.type = int32, .kind = LH_VEC_RUNS, .n = 200, .dict = &d, .nruns = 3, .runs = runs};
	const LhVec *vecs[1] = {&v};
	LhPred *p = bind(host(0, 1), int32);
	Host h = {0};
	LhSel sel;

	lh_sel_none(&sel, 200);
	lh_bits_set_range(sel.w, 90, 135);
	lh_bits_set_range(sel.w, 150, 151);
	for (int i = 100; i < 130; i++)
		lh_bit_clear(sel.w, (size_t) i);
	sel.count = (int) lh_bits_count(sel.w, 4);
	ask(&h, p, vecs, &sel);
	assert_int_equal(h.nitems, 2); /* no selected row in the run of 1 */
	assert_int_equal(h.items[0], 0);
	assert_int_equal(h.items[1], 2);
	assert_int_equal(sel.count, 16);
}

static void
the_host_is_asked_about_surviving_rows_of_flat_vectors(void **state)
{
	int32_t x[4] = {2, 3, 4, 5};
	uint64_t valid = 0xB;
	LhVec v = {.type = int32, .kind = LH_VEC_FLAT, .n = 4, .valid = &valid, .data = x};
	const LhVec *vecs[1] = {&v};
	/* host(0) OR c0 = 3: rows that the comparison makes true are not asked about */
	LhPred *p = bind(list(LH_P_OR, host(0, 1), cmp(0, LH_EQ, int_value(3))), int32);
	Host h = {0};
	LhSel sel;

	lh_sel_all(&sel, 4);
	ask(&h, p, vecs, &sel);
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.nitems, 2);
	assert_int_equal(h.items[0], 0);
	assert_int_equal(h.items[1], 3);
	assert_int_equal(sel.w[0], 0x3);
	/* another batch in the same place: answers of the last one are void */
	x[0] = 7;
	x[3] = 8;
	lh_sel_all(&sel, 4);
	ask(&h, p, vecs, &sel);
	assert_int_equal(h.calls, 2);
	assert_int_equal(sel.w[0], 0xA);
}

static void
several_host_conditions_are_asked_in_turn(void **state)
{
	int32_t x[4] = {2, 3, 4, 6}, y[4] = {1, 2, 2, 2};
	LhVec a = {.type = int32, .kind = LH_VEC_FLAT, .n = 4, .data = x},
		  b = {.type = int32, .kind = LH_VEC_FLAT, .n = 4, .data = y};
	const LhVec *vecs[2] = {&a, &b};
	LhPred *p = bind(list(LH_P_AND, host(0, 1), host(1, 2)), int32);
	Host h = {0};
	LhSel sel;

	lh_sel_all(&sel, 4);
	ask(&h, p, vecs, &sel);
	assert_int_equal(h.calls, 2);
	assert_int_equal(h.nitems, 4 + 3); /* row 1 did not survive the first */
	assert_int_equal(sel.w[0], 0xC);
}

static void
a_constant_is_asked_about_once_a_batch(void **state)
{
	LhValue four = {.type = int32, .i64 = 4};
	LhVec v;
	const LhVec *vecs[1] = {&v};
	Host h = {0};
	LhSel sel;

	lh_vec_const(&v, &four, 100);
	lh_sel_all(&sel, 100);
	ask(&h, bind(host(0, 1), int32), vecs, &sel);
	assert_int_equal(h.nitems, 1);
	assert_int_equal(sel.count, 100);
}

static void
runs_are_folded(void **state)
{
	int32_t values[2] = {1, 2};
	LhDict d = {.type = int32, .n = 2, .values = values, .id = lh_dict_new_id()};
	LhRun runs[3] = {{0, 1000}, {1, 1001}, {0, 2048}};
	LhVec v = {.type = int32, .kind = LH_VEC_RUNS, .n = 2048, .dict = &d, .nruns = 3, .runs = runs};
	const LhVec *vecs[1] = {&v};
	LhSel sel;

	lh_sel_all(&sel, 2048);
	ok(lh_pred_eval(ctx, bind(cmp(0, LH_EQ, int_value(2)), int32), vecs, &sel, NULL));
	assert_int_equal(sel.count, 1);
	assert_true(lh_bit_get(sel.w, 1000));
	assert_int_equal(ctx->counters->v[LH_CTR_RUNS_FOLDED], 3);
}

static void
mistakes_are_errors_not_crashes(void **state)
{
	int64_t x[1] = {1};
	LhVec v = {.type = int64, .kind = LH_VEC_FLAT, .n = 1, .data = x};
	const LhVec *none[1] = {NULL}, *other[1] = {&v};
	LhPred *p = cmp(0, LH_EQ, int_value(1));
	LhSel sel;

	lh_sel_all(&sel, 1);
	assert_int_equal(lh_pred_eval(ctx, p, other, &sel, NULL), LH_BUG);
	p = bind(p, int32);
	assert_int_equal(lh_pred_eval(ctx, p, none, &sel, NULL), LH_BUG);
	assert_int_equal(lh_pred_eval(ctx, p, other, &sel, NULL), LH_BUG);
	assert_int_equal(sel.count, 1);
}

static void
uses_columns(void **state)
{
	LhPred *p = list(LH_P_OR, cmp(2, LH_EQ, int_value(1)), host(1, 0));

	assert_true(lh_pred_uses(p, 1));
	assert_true(lh_pred_uses(p, 2));
	assert_false(lh_pred_uses(p, 0));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(constants_outside_the_type_decide_at_once),
		TEST(decimals_are_fitted_by_floor),
		TEST(moments_are_fitted_by_unit),
		TEST(conjuncts_of_a_column_become_one_range),
		TEST(lists_of_neighbours_become_ranges),
		TEST(patterns_become_what_is_cheapest),
		TEST(floats_compare_as_double),
		TEST(what_does_not_fit_is_refused),
		TEST(negation_by_de_morgan),
		TEST(constants_fold_in_lists),
		TEST(bounds_by_example),
		TEST(bounds_of_floats_know_nan),
		TEST(bounds_of_strings),
		TEST(probes_ask_for_equal_values_only),
		TEST(probes_know_both_zeros_and_no_nan),
		TEST(dictionaries_prune),
		TEST(the_host_is_asked_once_about_each_entry),
		TEST(the_host_is_asked_once_a_run),
		TEST(the_host_is_asked_about_surviving_rows_of_flat_vectors),
		TEST(several_host_conditions_are_asked_in_turn),
		TEST(a_constant_is_asked_about_once_a_batch),
		TEST(runs_are_folded),
		TEST(mistakes_are_errors_not_crashes),
		TEST(uses_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
