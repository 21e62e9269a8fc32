/*
 * test_agg.c
 *		Ungrouped aggregates against a loop over rows; sets of distinct values: test_agg_distinct.c.
 *
 * Random tables of several files, whose columns differ in unit, scale or
 * width, come in batches of every kind of vector; dictionaries are destroyed
 * when their turn is over, as a reader does.
 */
#include "test_agg.h"

#define MAX_ROWS 6000

/* All values that a filter let through, in order. */
typedef struct Rows
{
	int n;
	int nulls;
	LhValue v[MAX_ROWS];
} Rows;

static LhValue
keep(LhValue v)
{
	if (!v.null && (v.type.lane == LH_LANE_STR || v.type.lane == LH_LANE_FIX))
		v.str = gen_bytes(ctx, v.str.ptr, v.str.len);
	return v;
}

/* As count(distinct) sees it: PostgreSQL has microseconds. */
static LhValue
as_postgres(LhValue v)
{
	if ((v.type.id == LH_T_TIMESTAMP || v.type.id == LH_T_TIME) && v.type.unit == LH_UNIT_NS)
	{
		v.type.unit = LH_UNIT_US;
		v.i64 = lh_floor_div(v.i64, 1000);
	}
	return v;
}

static int
order(const void *a, const void *b)
{
	return lh_value_compare(a, b);
}

static int64_t
slow_distinct(const Rows *rows)
{
	static LhValue v[MAX_ROWS];
	int64_t count = rows->n > 0;

	for (int i = 0; i < rows->n; i++)
		v[i] = as_postgres(rows->v[i]);
	qsort(v, (size_t) rows->n, sizeof(LhValue), order);
	for (int i = 1; i < rows->n; i++)
		count += lh_value_compare(&v[i - 1], &v[i]) != 0;
	return count;
}

static bool
is_sum(const LhAggState *s, LhI128 sum)
{
	LhI256 want = lh_i256_of(sum);

	return s->sum.lo == want.lo && s->sum.hi == want.hi;
}


static void
check_sum(const LhAggState *s, const Rows *rows)
{
	LhI128 sum = 0;
	double fsum = 0;
	float fsum4 = 0;
	bool over = false;

	assert_int_equal(s->seen, rows->n > 0);
	for (int i = 0; i < rows->n; i++)
	{
		const LhValue *v = &rows->v[i];

		if (lh_type_family(&v->type) == LH_FAMILY_FLOAT)
		{
			fsum = i == 0 ? v->f64 : fsum + v->f64;
			fsum4 = i == 0 ? (float) v->f64 : fsum4 + (float) v->f64;
		}
		else
		{
			LhI128 x = v->type.lane == LH_LANE_I128 ? v->i128 : v->i64;
			int scale = v->type.id == LH_T_DECIMAL ? v->type.scale : 0;

			for (; scale < s->scale; scale++)
				over |= !lh_mul_i128(x, 10, &x);
			over |= __builtin_add_overflow(sum, x, &sum);
		}
	}
	if (rows->n > 0 && lh_type_family(&rows->v[0].type) == LH_FAMILY_FLOAT)
	{
		if (memcmp(&fsum, &s->fsum, sizeof(fsum)) != 0 && !(isnan(fsum) && isnan(s->fsum)))
			fail_msg("sum %.17g instead of %.17g", s->fsum, fsum);
		if (rows->v[0].type.lane == LH_LANE_F32 && memcmp(&fsum4, &s->fsum4, sizeof(fsum4)) != 0 &&
			!(isnan(fsum4) && isnan(s->fsum4)))
			fail_msg("float4 sum %.9g instead of %.9g", s->fsum4, fsum4);
		return;
	}
	if (!over)
		assert_true(!s->overflow && is_sum(s, sum));
}

/* float8_accum of PostgreSQL. */
static void
check_youngs_cramer(const LhAggState *s, const Rows *rows)
{
	double n = 0, sx = 0, sxx = 0;

	for (int i = 0; i < rows->n; i++)
	{
		double x = rows->v[i].f64, old = n;

		n += 1.0;
		sx += x;
		if (old > 0.0)
		{
			double tmp = x * n - sx;

			sxx += tmp * tmp / (n * old);
			if (isinf(sx) || isinf(sxx))
				sxx = NAN;
		}
		else if (isnan(x) || isinf(x))
			sxx = NAN;
	}
	assert_true(s->yc_n == n);
	assert_true(s->yc_sx == sx || (isnan(sx) && isnan(s->yc_sx)));
	assert_true(s->yc_sxx == sxx || (isnan(sxx) && isnan(s->yc_sxx)));
}

static void
check_extreme(const LhAggState *s, const Rows *rows, bool max)
{
	const LhValue *best = NULL;

	for (int i = 0; i < rows->n; i++)
	{
		int c = best == NULL ? 0 : lh_value_compare(&rows->v[i], best);

		/* the last of equal ones, as float8smaller and its kin keep it */
		if (c == 0 || (max ? c > 0 : c < 0))
			best = &rows->v[i];
	}
	assert_int_equal(s->seen, best != NULL);
	if (best == NULL)
		return;
	assert_int_equal(lh_value_compare(&s->extreme, best), 0);
	if (best->type.lane == LH_LANE_F64 && best->f64 == 0)
		assert_int_equal(signbit(s->extreme.f64), signbit(best->f64));
}

static void
check_state(const LhAggSpec *spec, const LhAggState *s, const Rows *rows)
{
	int64_t trues = 0;

	for (int i = 0; i < rows->n; i++)
		trues += rows->v[i].type.id == LH_T_BOOL && rows->v[i].i64;
	switch (spec->kind)
	{
		case LH_AGG_COUNT_STAR: assert_int_equal(s->count, rows->n + rows->nulls); break;
		case LH_AGG_COUNT: assert_int_equal(s->count, rows->n); break;
		case LH_AGG_COUNT_DISTINCT: assert_int_equal(s->count, slow_distinct(rows)); break;
		case LH_AGG_SUM:
			assert_int_equal(s->count, rows->n);
			if (spec->float_sum == LH_FLOAT_YOUNGS_CRAMER)
				check_youngs_cramer(s, rows);
			else
				check_sum(s, rows);
			break;
		case LH_AGG_MIN:
		case LH_AGG_MAX: check_extreme(s, rows, spec->kind == LH_AGG_MAX); break;
		case LH_AGG_BOOL_AND: assert_int_equal(s->boolean, trues == rows->n); break;
		case LH_AGG_BOOL_OR: assert_int_equal(s->boolean, trues > 0); break;
	}
}

/* A type of the next file: a cousin of the first. */
static LhType
cousin(const LhType *t)
{
	if (gen_chance(2))
		return *t;
	switch (t->id)
	{
		case LH_T_INT8:
		case LH_T_INT16:
		case LH_T_INT32:
		case LH_T_INT64:
			return gen_chance(2) ? gen_simple(LH_T_INT64, LH_LANE_I64)
								 : gen_simple(LH_T_INT32, LH_LANE_I32);
		case LH_T_DECIMAL:
			if (t->lane == LH_LANE_STR)
				return *t;
			return gen_chance(3)
					   ? gen_decimal(38, gen_int(12), LH_LANE_I128)
					   : gen_decimal(15, gen_int(5), gen_chance(2) ? LH_LANE_I64 : LH_LANE_I32);
		case LH_T_TIMESTAMP: return gen_ticks(LH_T_TIMESTAMP, (LhUnit) (LH_UNIT_MS + gen_int(3)));
		case LH_T_FLOAT:
		case LH_T_DOUBLE: return gen_chance(2) ? gen_simple(LH_T_DOUBLE, LH_LANE_F64) : *t;
		default: return *t;
	}
}

/* Values that neither overflow a float sum, nor leave PostgreSQL's time stamps. */
static LhDict *
tame_dict(const LhType *t, uint32_t n)
{
	LhDict *d = gen_dict(ctx, t, n);

	for (uint32_t i = 0; i < n; i++)
	{
		LhValue v = lh_dict_value(d, i);

		if (lh_type_family(t) == LH_FAMILY_FLOAT && fabs(v.f64) > 1e30 && !isinf(v.f64))
			v.f64 = 0.25;
		if (t->id == LH_T_TIMESTAMP)
			v.i64 %= INT64_C(1000000000000000);
		gen_put((void *) d->values, i, &v);
	}
	return d;
}

static int
random_specs(LhAggSpec *specs, const LhType *t, LhArith arith, LhPred *filter)
{
	LhFamily family = lh_type_family(t);
	int n = 0;

	for (int pass = 0; pass < 2; pass++)
	{
		LhPred *f = pass == 0 ? NULL : filter;

		specs[n++] = (LhAggSpec){.kind = LH_AGG_COUNT_STAR, .filter = f};
		specs[n++] = (LhAggSpec){.kind = LH_AGG_COUNT, .arg = column(arith), .filter = f};
		specs[n++] = (LhAggSpec){.kind = LH_AGG_COUNT_DISTINCT, .arg = column(arith), .filter = f};
		if (family != LH_FAMILY_BOOL)
		{
			specs[n++] = (LhAggSpec){.kind = LH_AGG_MIN, .arg = column(arith), .filter = f};
			specs[n++] = (LhAggSpec){.kind = LH_AGG_MAX, .arg = column(arith), .filter = f};
		}
		else
		{
			specs[n++] = (LhAggSpec){.kind = LH_AGG_BOOL_AND, .arg = column(arith), .filter = f};
			specs[n++] = (LhAggSpec){.kind = LH_AGG_BOOL_OR, .arg = column(arith), .filter = f};
		}
		if ((family == LH_FAMILY_NUMBER && t->lane != LH_LANE_STR) || family == LH_FAMILY_FLOAT)
			specs[n++] = (LhAggSpec){.kind = LH_AGG_SUM, .arg = column(arith), .filter = f};
		if (family == LH_FAMILY_FLOAT)
			specs[n++] = (LhAggSpec){.kind = LH_AGG_SUM,
									 .float_sum = LH_FLOAT_YOUNGS_CRAMER,
									 .arg = column(arith),
									 .filter = f};
	}
	for (int i = n - 1; i > 0; i--)
	{
		int j = gen_int(i + 1);
		LhAggSpec swap = specs[i];

		specs[i] = specs[j];
		specs[j] = swap;
	}
	return n;
}

static void
one_batch(LhAgg *agg, const LhDict *d, const LhPred *filter, LhArith arith, Rows *all, Rows *some)
{
	int n = gen_batch() % 700 + 1;
	LhVec v = gen_vec(ctx, d, n);
	const LhVec *vecs[1] = {&v};
	LhSel sel;

	if (all->n + all->nulls + n > MAX_ROWS)
		return;
	gen_sel(&sel, n);
	ok(lh_agg_update(ctx, agg, vecs, &sel));
	for (int i = 0; i < n; i++)
	{
		LhValue x = keep(gen_row(&v, i));

		if (!lh_bit_get(sel.w, (size_t) i))
			continue;
		for (int pass = 0; pass < 2; pass++)
		{
			Rows *rows = pass == 0 ? all : some;

			if (pass == 1 && !lh_pred_reference(filter, &x))
				continue;
			if (x.null)
				rows->nulls++;
			else
			{
				rows->v[rows->n] = x;
				if (arith == LH_ARITH_FLOAT8)
					rows->v[rows->n].type = gen_simple(LH_T_DOUBLE, LH_LANE_F64);
				rows->n++;
			}
		}
	}
}

static void
scan_files(LhAgg *agg, const LhType *type, const LhPred *filter, LhArith arith, Rows *all,
		   Rows *some)
{
	all->n = all->nulls = some->n = some->nulls = 0;
	for (int file = 1 + gen_int(3); file > 0; file--)
	{
		LhType t = cousin(type);

		ok(lh_agg_bind(ctx, agg, &t));
		for (int group = 1 + gen_int(3); group > 0; group--)
		{
			LhDict *d = tame_dict(&t, (uint32_t) (1 + gen_int(gen_chance(8) ? 5000 : 30)));

			for (int batch = 1 + gen_int(3); batch > 0; batch--)
			{
				one_batch(agg, d, filter, arith, all, some);
				if (gen_chance(6))
					ok(lh_agg_finish(ctx, agg)); /* in between is allowed */
			}
			/* the row group is over */
			memset((void *) d->values, 0xFF, d->n * lh_lane_size(t.lane, t.width));
		}
	}
	ok(lh_agg_finish(ctx, agg));
}

static void
one_table(void)
{
	static Rows all, some;
	LhType type = gen_type();
	bool is_float = lh_type_family(&type) == LH_FAMILY_FLOAT;
	LhArith arith = is_float ? LH_ARITH_FLOAT8 : 0;
	LhAggSpec specs[20];
	LhValue constant = gen_value(ctx, &type);
	LhPred *filter;
	LhAgg *agg;
	int nspecs;

	ok(lh_pred_cmp(ctx, 0, (LhCmp) gen_int(6), &constant, &filter));
	nspecs = random_specs(specs, &type, arith, filter);
	ok(lh_agg_create(ctx, specs, nspecs, &agg));
	for (int scan = gen_chance(4) ? 2 : 1; scan > 0; scan--)
	{
		scan_files(agg, &type, filter, arith, &all, &some);
		for (int i = 0; i < nspecs; i++)
			check_state(&specs[i], lh_agg_state(agg, i), specs[i].filter == NULL ? &all : &some);
		lh_agg_reset(agg);
	}
}

static void
random_tables_agree_with_rows(void **state)
{
	for (int i = 0; i < 6000; i++)
	{
		gen_isa();
		one_table();
		lh_arena_reset(ctx->arena);
	}
	lh_isa_choose(LH_ISA_AVX512);
}

static void
float4_sums_are_added_in_float4(void **state)
{
	float x[3] = {16777216.0f, 1.0f, 1.0f};
	LhAgg *agg = single(LH_AGG_SUM, LH_FLOAT_PLAIN, &float4);

	add_flat(agg, &float4, x, 3, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_true(lh_agg_state(agg, 0)->fsum4 == 16777216.0f); /* not ...218 */
	assert_true(lh_agg_state(agg, 0)->fsum == 16777218.0);
}

static void
sum_of_minus_zero_is_minus_zero(void **state)
{
	double x[2] = {-0.0, -0.0};
	LhAgg *agg = single(LH_AGG_SUM, LH_FLOAT_PLAIN, &float8);

	add_flat(agg, &float8, x, 2, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_true(signbit(lh_agg_state(agg, 0)->fsum));
}

static void
overflow_of_float_sums_is_an_error(void **state)
{
	double x[3] = {1e308, 1e308, -1e308}, inf[3] = {1e308, INFINITY, -INFINITY};
	float y[2] = {3e38f, 3e38f};
	LhAgg *agg = single(LH_AGG_SUM, LH_FLOAT_PLAIN, &float8);

	add_flat(agg, &float8, x, 3, LH_OUT_OF_RANGE);
	assert_string_equal(ctx->error->message, "value out of range: overflow");
	lh_error_clear(ctx);
	agg = single(LH_AGG_SUM, LH_FLOAT_PLAIN, &float8);
	add_flat(agg, &float8, inf, 3, LH_OK); /* infinities of the data are none */
	ok(lh_agg_finish(ctx, agg));
	assert_true(isnan(lh_agg_state(agg, 0)->fsum));
	agg = single(LH_AGG_SUM, LH_FLOAT_PLAIN, &float4);
	add_flat(agg, &float4, y, 2, LH_OUT_OF_RANGE);
	lh_error_clear(ctx);
	agg = single(LH_AGG_SUM, LH_FLOAT_YOUNGS_CRAMER, &float8);
	add_flat(agg, &float8, x, 2, LH_OUT_OF_RANGE);
}

static void
int_sums_do_not_overflow(void **state)
{
	static int64_t x[2000];
	LhAgg *agg = single(LH_AGG_SUM, LH_FLOAT_PLAIN, &int64);

	for (int i = 0; i < 2000; i++)
		x[i] = INT64_MIN;
	add_flat(agg, &int64, x, 2000, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_true(is_sum(lh_agg_state(agg, 0), (LhI128) INT64_MIN * 2000));
}

static const char *
sum_text(const LhAgg *agg)
{
	const LhAggState *s = lh_agg_state(agg, 0);
	uint8_t bytes[32];
	LhBuf text;

	assert_false(s->overflow);
	lh_i256_to_be(&s->sum, bytes);
	ok(lh_buf_init(ctx, &text, true));
	ok(lh_decimal_format_be(ctx, bytes, sizeof(bytes), s->scale, &text));
	ok(lh_buf_append(ctx, &text, "", 1));
	return (const char *) text.data;
}

/* In whatever form values come: flat, constant, runs, codes; and in the scale of a later file. */
static void
sums_continue_beyond_128_bits(void **state)
{
	LhType t = gen_decimal(38, 0, LH_LANE_I128), t2 = gen_decimal(38, 2, LH_LANE_I128);
	LhI128 top = lh_pow10[38] - 1, x[4] = {top, top, top, -1};
	LhI128 down[4] = {-top, -top, -top, -top};
	LhValue constant = {.type = t, .i128 = top};
	LhAgg *agg = single(LH_AGG_SUM, LH_FLOAT_PLAIN, &t);
	const LhVec *vecs[1];
	LhSel sel;
	LhVec v;

	add_flat(agg, &t, x, 4, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_string_equal(sum_text(agg), "299999999999999999999999999999999999996");
	/* 2048 times as a constant */
	lh_vec_const(&v, &constant, LH_BATCH);
	vecs[0] = &v;
	lh_sel_all(&sel, LH_BATCH);
	ok(lh_agg_update(ctx, agg, vecs, &sel));
	ok(lh_agg_finish(ctx, agg));
	assert_string_equal(sum_text(agg), "205099999999999999999999999999999999997948");
	/* a file with two decimals more */
	ok(lh_agg_bind(ctx, agg, &t2));
	add_flat(agg, &t2, x, 4, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_string_equal(sum_text(agg), "205102999999999999999999999999999999997947.96");
	/* one with fewer again, whose numbers are brought to the larger scale */
	ok(lh_agg_bind(ctx, agg, &t));
	add_flat(agg, &t, down, 4, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_string_equal(sum_text(agg), "204702999999999999999999999999999999997951.96");
	lh_agg_reset(agg);
	add_flat(agg, &t, x, 1, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_string_equal(sum_text(agg), "99999999999999999999999999999999999999.00");
}

/* 76 digits are the end, and the end is noticed. */
static void
sums_beyond_256_bits_are_noticed(void **state)
{
	LhType t = gen_decimal(38, 0, LH_LANE_I128), t38 = gen_decimal(38, 38, LH_LANE_I128);
	LhI128 top = lh_pow10[38] - 1, one = 1;
	static LhI128 many[LH_BATCH];
	LhAgg *agg = single(LH_AGG_SUM, LH_FLOAT_PLAIN, &t);

	for (int i = 0; i < LH_BATCH; i++)
		many[i] = top;
	add_flat(agg, &t, many, LH_BATCH, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_false(lh_agg_state(agg, 0)->overflow);
	ok(lh_agg_bind(ctx, agg, &t38));
	add_flat(agg, &t38, &one, 1, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_true(lh_agg_state(agg, 0)->overflow);
	lh_agg_reset(agg);
	add_flat(agg, &t38, &one, 1, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_false(lh_agg_state(agg, 0)->overflow);
}

static void
nothing_seen_is_null(void **state)
{
	LhAgg *agg = single(LH_AGG_MIN, LH_FLOAT_PLAIN, &int32);

	add_flat(agg, &int32, "", 0, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_false(lh_agg_state(agg, 0)->seen);
	assert_true(lh_agg_state(agg, 0)->extreme.null);
}

static void
metadata_counts_and_extremes_join_in(void **state)
{
	LhExpr *arg = column(0);
	LhAggSpec specs[4] = {{.kind = LH_AGG_COUNT_STAR},
						  {.kind = LH_AGG_COUNT, .arg = arg},
						  {.kind = LH_AGG_MIN, .arg = arg},
						  {.kind = LH_AGG_MAX, .arg = arg}};
	int32_t x[2] = {5, 7};
	LhValue three = {.type = int32, .i64 = 3}, six = {.type = int32, .i64 = 6};
	LhAgg *agg;

	ok(lh_agg_create(ctx, specs, 4, &agg));
	ok(lh_agg_add_rows(ctx, agg, 10));
	ok(lh_agg_add_count(ctx, agg, 1, 8));
	ok(lh_agg_add_extreme(ctx, agg, 2, &three));
	ok(lh_agg_add_extreme(ctx, agg, 3, &six));
	ok(lh_agg_bind(ctx, agg, &int32));
	add_flat(agg, &int32, x, 2, LH_OK);
	ok(lh_agg_finish(ctx, agg));
	assert_int_equal(lh_agg_state(agg, 0)->count, 12);
	assert_int_equal(lh_agg_state(agg, 1)->count, 10);
	assert_int_equal(lh_agg_state(agg, 2)->extreme.i64, 3);
	assert_int_equal(lh_agg_state(agg, 3)->extreme.i64, 7);
	assert_int_equal(lh_agg_add_extreme(ctx, agg, 0, &six), LH_BUG);
}

static void
runs_and_expressions_are_folded(void **state)
{
	LhStr values[2] = {{(const uint8_t *) "abc", 3, 0}, {(const uint8_t *) "h\xc3\xa9", 3, 0}};
	LhType text = gen_simple(LH_T_STRING, LH_LANE_STR);
	LhDict d = {.type = text, .n = 2, .values = values, .id = lh_dict_new_id()};
	LhRun runs[2] = {{0, 1000}, {1, 2048}};
	LhVec v = {.type = text, .kind = LH_VEC_RUNS, .n = 2048, .dict = &d, .nruns = 2, .runs = runs};
	const LhVec *vecs[1] = {&v};
	LhExpr length = {.kind = LH_E_LENGTH, .arith = LH_ARITH_INT4, .args = {column(0)}};
	LhAggSpec spec = {.kind = LH_AGG_SUM, .arg = &length};
	LhAgg *agg;
	LhSel sel;

	ok(lh_agg_create(ctx, &spec, 1, &agg));
	ok(lh_agg_bind(ctx, agg, &text));
	lh_sel_all(&sel, 2048);
	ok(lh_agg_update(ctx, agg, vecs, &sel));
	ok(lh_agg_finish(ctx, agg));
	assert_true(is_sum(lh_agg_state(agg, 0), 3 * 1000 + 2 * 1048));
	assert_int_equal(ctx->counters->v[LH_CTR_RUNS_FOLDED], 2);
}

/* Larger than what lies in a processor's cache: the values of live rows, whatever length and place they have. */
static void
large_dictionaries_are_summed(void **state)
{
	enum
	{
		ENTRIES = 70000
	};
	LhType type = gen_simple(LH_T_INT64, LH_LANE_I64);
	static int64_t values[ENTRIES];
	static uint32_t codes[LH_BATCH];
	LhDict d = {.type = type, .n = ENTRIES, .values = values, .id = lh_dict_new_id()};

	for (int i = 0; i < ENTRIES; i++)
		values[i] = ((int64_t) i << 40) - ((int64_t) 1 << 55) + i;
	for (int round = 0; round < 400; round++)
	{
		int n = round == 0 ? LH_BATCH : 1 + gen_int(LH_BATCH);
		LhVec v = {.type = type, .kind = LH_VEC_DICT, .n = n, .dict = &d, .codes = codes};
		const LhVec *vecs[1] = {&v};
		LhAgg *agg;
		LhI128 want = 0;
		LhSel sel;

		gen_isa();
		agg = single(LH_AGG_SUM, 0, &type);
		lh_sel_all(&sel, n);
		for (int i = 0; i < n; i++)
			codes[i] = (uint32_t) gen_int(ENTRIES);
		for (int w = 0; w < (int) LH_WORDS(n) && round % 3 != 0; w++)
			sel.w[w] &= gen_chance(3) ? 0 : gen_u64();
		sel.count = (int) lh_bits_count(sel.w, LH_WORDS(n));
		for (int i = 0; i < n; i++)
			if (lh_bit_get(sel.w, (size_t) i))
				want += values[codes[i]];
		ok(lh_agg_update(ctx, agg, vecs, &sel));
		ok(lh_agg_finish(ctx, agg));
		assert_int_equal(lh_agg_state(agg, 0)->count, sel.count);
		assert_true(sel.count == 0 || is_sum(lh_agg_state(agg, 0), want));
		lh_arena_reset(ctx->arena);
	}
	lh_isa_choose(LH_ISA_AVX512);
}

static void
what_does_not_fit_is_refused(void **state)
{
	LhType list = {.id = LH_T_LIST},
		   interval = {.id = LH_T_INTERVAL, .lane = LH_LANE_FIX, .width = 12},
		   wide = gen_decimal(50, 0, LH_LANE_STR), text = gen_simple(LH_T_STRING, LH_LANE_STR);
	LhPred *host;
	LhAggSpec specs[5] = {{.kind = LH_AGG_SUM},
						  {.kind = LH_AGG_MIN},
						  {.kind = LH_AGG_SUM},
						  {.kind = LH_AGG_BOOL_OR},
						  {.kind = LH_AGG_COUNT_DISTINCT}};
	const LhType *types[5] = {&text, &list, &wide, &int32, &interval};
	LhAgg *agg;

	for (int i = 0; i < 5; i++)
	{
		specs[i].arg = column(0);
		ok(lh_agg_create(ctx, &specs[i], 1, &agg));
		assert_int_equal(lh_agg_bind(ctx, agg, types[i]), LH_UNSUPPORTED);
		lh_error_clear(ctx);
	}
	ok(lh_pred_leaf(ctx, LH_P_HOST, 0, NULL, &host));
	specs[0] = (LhAggSpec){.kind = LH_AGG_COUNT_STAR, .filter = host};
	ok(lh_agg_create(ctx, specs, 1, &agg));
	assert_int_equal(lh_agg_bind(ctx, agg, &int32), LH_UNSUPPORTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(random_tables_agree_with_rows),
		TEST(float4_sums_are_added_in_float4),
		TEST(sum_of_minus_zero_is_minus_zero),
		TEST(overflow_of_float_sums_is_an_error),
		TEST(int_sums_do_not_overflow),
		TEST(sums_continue_beyond_128_bits),
		TEST(sums_beyond_256_bits_are_noticed),
		TEST(nothing_seen_is_null),
		TEST(metadata_counts_and_extremes_join_in),
		TEST(runs_and_expressions_are_folded),
		TEST(large_dictionaries_are_summed),
		TEST(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
