/*
 * test_pred_random.c
 *		Random predicates over random batches: filters and bounds against the
 *		slow reference.
 *
 * LAKEHOUSE_PRED_TRIES sets the number of predicates (default 220,000),
 * LAKEHOUSE_SEED the start of the random numbers.
 */
#include "test_vec_gen.h"

#include "vec/pred.h"

#define MAX_COLS  3
#define MAX_HOSTS 8

static int bind_failures, host_requests, verdicts[3];

/* What the host thinks of a value: anything that depends on the value only. */
static bool
host_says(int host_id, const LhValue *v)
{
	uint64_t h = (uint64_t) host_id;

	if (v->type.lane == LH_LANE_STR || v->type.lane == LH_LANE_FIX)
		h = lh_hash_bytes(v->str.ptr, v->str.len, h);
	else
		h = lh_hash_bytes(&v->i128, lh_lane_size(v->type.lane, 0) < 16 ? 8 : 16, h);
	return h % 3 != 0;
}

/* The reference, with host leaves. */
static bool
is_true(const LhPred *p, const LhValue *row)
{
	if (p->kind == LH_P_AND || p->kind == LH_P_OR)
	{
		for (int i = 0; i < p->nargs; i++)
		{
			if (is_true(p->args[i], row) == (p->kind == LH_P_OR))
				return p->kind == LH_P_OR;
		}
		return p->kind == LH_P_AND;
	}
	if (p->kind == LH_P_HOST)
		return !row[p->col].null && host_says(p->host_id, &row[p->col]);
	return lh_pred_reference(p, row);
}

/* A constant that the column can be compared with: of its own type, or of a cousin. */
static LhValue
random_constant(LhCtx *ctx, const LhType *t)
{
	LhType other = *t;

	if (gen_chance(2))
	{
		switch (lh_type_family(t))
		{
			case LH_FAMILY_NUMBER:
				switch (gen_int(4))
				{
					case 0: other = gen_simple(LH_T_INT64, LH_LANE_I64); break;
					case 1: other = gen_decimal(18, gen_int(6), LH_LANE_I64); break;
					case 2: other = gen_decimal(38, gen_int(20), LH_LANE_I128); break;
					default: other = gen_simple(LH_T_INT32, LH_LANE_I32); break;
				}
				break;
			case LH_FAMILY_FLOAT:
				other = gen_chance(3) ? gen_simple(LH_T_INT32, LH_LANE_I32)
									  : gen_simple(LH_T_DOUBLE, LH_LANE_F64);
				break;
			case LH_FAMILY_MOMENT:
				other = gen_chance(3) ? gen_simple(LH_T_DATE, LH_LANE_I32)
									  : gen_ticks(LH_T_TIMESTAMP, (LhUnit) gen_int(4));
				break;
			case LH_FAMILY_TIME:
				other = gen_ticks(LH_T_TIME, (LhUnit) (LH_UNIT_MS + gen_int(3)));
				break;
			case LH_FAMILY_BYTES:
				if (t->id == LH_T_FIXED)
					other = gen_simple(LH_T_BINARY, LH_LANE_STR);
				break;
			default: break;
		}
	}
	return gen_value(ctx, &other);
}

static LhPred *
random_leaf(LhCtx *ctx, const LhType *types, int ncols)
{
	int col = gen_int(ncols);
	const LhType *t = &types[col];
	bool bytes = lh_type_family(t) == LH_FAMILY_BYTES;
	LhValue v = random_constant(ctx, t), values[40];
	LhPred *p = NULL;
	int n;

	switch (gen_int(bytes ? 13 : 9))
	{
		case 0:
		case 1:
		case 2:
			v.null = gen_chance(40);
			ok(lh_pred_cmp(ctx, col, (LhCmp) gen_int(6), &v, &p));
			break;
		case 3:
		case 4:
			n = gen_chance(8) ? gen_int(40) : gen_int(5);
			for (int i = 0; i < n; i++)
			{
				values[i] = gen_value(ctx, &v.type);
				values[i].null = gen_chance(60);
			}
			ok(lh_pred_in(ctx, col, gen_chance(2), values, n, gen_chance(20), &p));
			break;
		case 5:
			ok(lh_pred_leaf(ctx, gen_chance(2) ? LH_P_IS_NULL : LH_P_NOT_NULL, col, NULL, &p));
			break;
		case 6:
			v.null = gen_chance(20);
			ok(lh_pred_leaf(ctx, gen_chance(2) ? LH_P_DISTINCT : LH_P_NOT_DISTINCT, col, &v, &p));
			break;
		case 7:
			if (t->id == LH_T_BOOL)
				ok(lh_pred_leaf(ctx, gen_chance(2) ? LH_P_IS_TRUE_BOOL : LH_P_IS_FALSE_BOOL, col,
								NULL, &p));
			else
			{
				ok(lh_pred_leaf(ctx, LH_P_HOST, col, NULL, &p));
				p->host_id = gen_int(MAX_HOSTS);
			}
			break;
		case 8:
			ok(lh_pred_leaf(ctx, gen_chance(2) ? LH_P_ALWAYS : LH_P_NEVER, gen_chance(3) ? -1 : col,
							NULL, &p));
			break;
		default:
			v = gen_value(ctx, t);
			if (t->lane == LH_LANE_STR && gen_chance(2))
			{
				/* text to be found anywhere */
				uint8_t wrapped[256] = "%";

				memcpy(wrapped + 1, v.str.ptr, v.str.len);
				wrapped[v.str.len + 1] = '%';
				v.str = gen_bytes(ctx, wrapped, v.str.len + 2);
			}
			if (lh_pred_leaf(ctx, (LhPredKind) (LH_P_LIKE + gen_int(4)), col, &v, &p) != LH_OK)
			{
				lh_error_clear(ctx);
				return random_leaf(ctx, types, ncols);
			}
			break;
	}
	return p;
}

static bool
has_host(const LhPred *p)
{
	for (int i = 0; i < p->nargs; i++)
	{
		if (has_host(p->args[i]))
			return true;
	}
	return p->kind == LH_P_HOST;
}

static LhPred *
random_pred(LhCtx *ctx, const LhType *types, int ncols, int depth)
{
	LhPred *args[4], *p = NULL;
	int n = 1 + gen_int(4);

	if (depth == 0 || gen_chance(3))
		p = random_leaf(ctx, types, ncols);
	else
	{
		for (int i = 0; i < n; i++)
			args[i] = random_pred(ctx, types, ncols, depth - 1);
		ok(lh_pred_list(ctx, gen_chance(2) ? LH_P_AND : LH_P_OR, args, n, &p));
	}
	if (gen_chance(4) && !has_host(p))
		ok(lh_pred_not(ctx, p, &p));
	return p;
}

static void
print_failure(LhCtx *ctx, const LhPred *pred, const LhPred *bound, const char *what)
{
	LhBuf text;

	ok(lh_buf_init(ctx, &text, false));
	ok(lh_pred_format(ctx, pred, NULL, &text));
	ok(lh_buf_append_str(ctx, &text, "\nbound: "));
	ok(lh_pred_format(ctx, bound, NULL, &text));
	fprintf(stderr, "%s: %.*s\n", what, (int) text.len, (const char *) text.data);
}

/* An entry may be asked for only when a selected row without null carries it. */
static void
check_item(const LhHostRequest *request, uint32_t item, const LhVec *v, const LhSel *sel)
{
	uint32_t at = 0;

	if (request->dict == NULL)
	{
		assert_true(lh_bit_get(sel->w, item) && !lh_vec_is_null(v, (int) item));
		return;
	}
	for (int i = 0; i < v->n; i++)
	{
		bool carries;

		if (v->kind == LH_VEC_RUNS && v->runs[at].end <= (uint32_t) i)
			at++;
		carries = v->kind == LH_VEC_RUNS ? v->runs[at].code == item : v->codes[i] == item;
		if (carries && lh_bit_get(sel->w, (size_t) i) && !lh_vec_is_null(v, i))
			return;
	}
	fail_msg("the host was asked for entry %u of no selected row", item);
}

/* As a host would: answer until there is nothing to ask. */
static void
eval(LhCtx *ctx, LhPred *bound, const LhVec *const *vecs, LhSel *sel)
{
	LhHostRequest *request;
	LhStatus status;

	while ((status = lh_pred_eval(ctx, bound, vecs, sel, &request)) == LH_NEED_HOST)
	{
		assert_non_null(request);
		assert_true(request->n > 0);
		host_requests++;
		for (int i = 0; i < request->n; i++)
		{
			LhValue v = request->dict != NULL ? lh_dict_value(request->dict, request->items[i])
											  : gen_row(request->vec, (int) request->items[i]);

			assert_false(v.null);
			check_item(request, request->items[i], vecs[request->col], sel);
			request->result[i] = host_says(request->host_id, &v);
		}
	}
	assert_int_equal(status, LH_OK);
}

/* Bounds that are true of the rows: exact, wider, or missing. */
static LhBounds
random_bounds(LhCtx *ctx, const LhVec *v)
{
	LhBounds b = {.known = true, .rows = v->n, .may_nan = gen_chance(2)};
	bool any = false;

	for (int i = 0; i < v->n; i++)
	{
		LhValue x = gen_row(v, i);

		if (x.null)
		{
			b.nulls++;
			continue;
		}
		if (lh_type_family(&x.type) == LH_FAMILY_FLOAT && isnan(x.f64))
		{
			b.may_nan = true;
			continue;
		}
		if (!any || lh_value_compare(&x, &b.min) < 0)
			b.min = x;
		if (!any || lh_value_compare(&x, &b.max) > 0)
			b.max = x;
		any = true;
	}
	b.has_min = b.has_max = any;
	b.min_exact = b.max_exact = true;
	if (any && gen_chance(3))
	{
		LhValue wide = gen_value(ctx, &v->type);

		if (lh_value_compare(&wide, &b.min) < 0)
			b.min = wide;
		if (lh_value_compare(&wide, &b.max) > 0 &&
			!(lh_type_family(&wide.type) == LH_FAMILY_FLOAT && isnan(wide.f64)))
			b.max = wide;
	}
	/* statistics of byte strings may be cut: a prefix below, more above */
	if (any && lh_type_family(&v->type) == LH_FAMILY_BYTES && b.min.str.len > 1 && gen_chance(3))
		b.min.str.len--;
	b.has_min &= !gen_chance(6);
	b.has_max &= !gen_chance(6);
	b.known = !gen_chance(10);
	if (gen_chance(6))
		b.nulls = -1;
	if (gen_chance(8))
		b.rows = -1;
	return b;
}

static void
check_batch(LhCtx *ctx, const LhPred *pred, LhPred *bound, const LhDict **dicts, int ncols)
{
	int n = gen_batch();
	LhVec vecs[MAX_COLS];
	const LhVec *pvecs[MAX_COLS];
	LhBounds bounds[MAX_COLS];
	LhSel sel, before;
	LhVerdict verdict;

	for (int c = 0; c < ncols; c++)
	{
		vecs[c] = gen_vec(ctx, dicts[c], n);
		pvecs[c] = &vecs[c];
		bounds[c] = random_bounds(ctx, &vecs[c]);
	}
	gen_sel(&sel, n);
	before = sel;
	eval(ctx, bound, pvecs, &sel);
	verdict = lh_pred_bounds(bound, bounds);
	verdicts[verdict]++;
	for (int i = 0; i < n; i++)
	{
		LhValue row[MAX_COLS];
		bool want;

		for (int c = 0; c < ncols; c++)
			row[c] = gen_row(&vecs[c], i);
		want = is_true(pred, row);
		if (lh_bit_get(sel.w, (size_t) i) != (want && lh_bit_get(before.w, (size_t) i)))
		{
			print_failure(ctx, pred, bound, "filter differs");
			fail_msg("row %d of %d: reference says %d", i, n, want);
		}
		if ((verdict == LH_NONE && want) || (verdict == LH_ALL && !want))
		{
			print_failure(ctx, pred, bound, "bounds contradict");
			fail_msg("row %d of %d: reference says %d", i, n, want);
		}
	}
	assert_int_equal((int) lh_bits_count(sel.w, LH_WORDS(n)), sel.count);
}

/* A dictionary of which no entry passes holds no row that does. */
static void
check_dict(LhCtx *ctx, const LhPred *pred, LhPred *bound, const LhDict *dict)
{
	LhVerdict verdict;
	LhValue row[1];
	bool any = false;

	ok(lh_pred_dict(ctx, bound, 0, dict, &verdict));
	if (verdict != LH_NONE)
		return;
	for (uint32_t i = 0; i < dict->n; i++)
	{
		row[0] = lh_dict_value(dict, i);
		any |= is_true(pred, row);
	}
	row[0] = (LhValue){.type = dict->type, .null = true};
	any |= is_true(pred, row);
	if (any)
		print_failure(ctx, pred, bound, "dictionary verdict is wrong");
	assert_false(any);
}

static void
one_pred(LhCtx *ctx)
{
	int ncols = 1 + gen_int(MAX_COLS);
	LhType types[MAX_COLS];
	const LhDict *dicts[MAX_COLS];
	LhPred *pred, *bound;
	LhStatus status;

	for (int c = 0; c < ncols; c++)
	{
		types[c] = gen_type();
		dicts[c] = gen_dict(ctx, &types[c],
							(uint32_t) (gen_chance(300) ? 1 + gen_int(1500) : 1 + gen_int(30)));
	}
	pred = random_pred(ctx, types, ncols, gen_int(3));
	status = lh_pred_bind(ctx, pred, types, &bound);
	if (status != LH_OK)
	{
		assert_int_equal(status, LH_UNSUPPORTED);
		lh_error_clear(ctx);
		bind_failures++;
		return;
	}
	gen_isa();
	if (ncols == 1 && gen_chance(2))
		check_dict(ctx, pred, bound, dicts[0]);
	for (int batch = gen_chance(3) ? 3 : 1; batch > 0; batch--)
	{
		if (gen_chance(3))
			dicts[0] =
				gen_dict(ctx, &types[0], (uint32_t) (1 + gen_int(gen_chance(10) ? 100 : 20)));
		check_batch(ctx, pred, bound, dicts, ncols);
	}
}

/* Three-valued evaluation of an unbound tree: 1 true, 0 false, -1 null. */
static int
truth(const LhPred *p, const LhValue *row)
{
	const LhValue *v = p->col >= 0 ? &row[p->col] : NULL;
	bool never_null = p->kind == LH_P_IS_NULL || p->kind == LH_P_NOT_NULL ||
					  p->kind == LH_P_DISTINCT || p->kind == LH_P_NOT_DISTINCT;
	int result;

	if (p->kind == LH_P_AND || p->kind == LH_P_OR)
	{
		result = p->kind == LH_P_AND;
		for (int i = 0; i < p->nargs; i++)
		{
			int t = truth(p->args[i], row);

			if (t == (p->kind == LH_P_OR))
				return t;
			result = t == -1 ? -1 : result;
		}
		return result;
	}
	if (p->kind == LH_P_NEVER && p->value.null)
		return -1;
	if (v != NULL && v->null && !never_null)
		return -1;
	if (p->kind == LH_P_IN && p->has_null)
		return lh_pred_reference(p, row) ? 1 : -1;
	if (p->kind == LH_P_NOT_IN && p->has_null)
	{
		LhPred in = *p;

		in.kind = LH_P_IN;
		return lh_pred_reference(&in, row) ? 0 : -1;
	}
	return lh_pred_reference(p, row);
}

/* NOT p is true where p is false, and only there. */
static void
negation_is_three_valued(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	int seen[3] = {0};

	for (int i = 0; i < 30000; i++)
	{
		LhType types[2] = {gen_type(), gen_type()};
		LhPred *pred = random_pred(ctx, types, 2, 2), *not ;

		if (has_host(pred))
		{
			assert_int_equal(lh_pred_not(ctx, pred, &not ), LH_UNSUPPORTED);
			lh_error_clear(ctx);
			continue;
		}
		ok(lh_pred_not(ctx, pred, &not ));
		for (int k = 0; k < 10; k++)
		{
			LhValue row[2] = {gen_value(ctx, &types[0]), gen_value(ctx, &types[1])};
			int t;

			row[0].null = gen_chance(4);
			row[1].null = gen_chance(4);
			t = truth(pred, row);
			seen[t + 1]++;
			assert_int_equal(lh_pred_reference(pred, row), t == 1);
			assert_int_equal(lh_pred_reference(not, row), t == 0);
		}
		lh_arena_reset(ctx->arena);
	}
	assert_true(seen[0] > 1000 && seen[1] > 1000 && seen[2] > 1000);
	lh_ctx_destroy(ctx);
}

static void
random_predicates_agree_with_reference(void **state)
{
	const char *tries = getenv("LAKEHOUSE_PRED_TRIES"), *seed = getenv("LAKEHOUSE_SEED");
	int n = tries != NULL ? atoi(tries) : 220000;
	LhCtx *ctx = lh_ctx_create();

	if (seed != NULL)
		gen_state ^= strtoull(seed, NULL, 10) * UINT64_C(0x9E3779B97F4A7C15);
	for (int i = 0; i < n; i++)
	{
		one_pred(ctx);
		lh_arena_reset(ctx->arena);
	}
	lh_isa_choose(LH_ISA_AVX512);
	print_message(
		"%d predicates, %d not supported, %d host requests, verdicts: %d maybe, %d none, %d all\n",
		n, bind_failures, host_requests, verdicts[LH_MAYBE], verdicts[LH_NONE], verdicts[LH_ALL]);
	assert_true(bind_failures < n / 5);
	assert_true(verdicts[LH_NONE] > n / 50 && verdicts[LH_ALL] > n / 50);
	lh_ctx_destroy(ctx);
}

/* Columns that a file lacks are null in every row. */
static void
missing_columns_are_null(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhType missing = {.id = LH_T_NULL};

	for (int i = 0; i < 5000; i++)
	{
		LhType type = gen_type();
		LhPred *pred = random_pred(ctx, &type, 1, 2), *bound;
		LhValue row = {.type = type, .null = true};
		LhVec null;
		const LhVec *vecs[1] = {&null};
		LhSel sel;
		bool want = is_true(pred, &row);
		LhBounds bounds = {.rows = 5, .nulls = 5};

		lh_vec_null(&null, &type, 5);
		ok(lh_pred_bind(ctx, pred, &missing, &bound));
		lh_sel_all(&sel, 5);
		eval(ctx, bound, vecs, &sel);
		assert_int_equal(sel.count, want ? 5 : 0);
		assert_int_not_equal(lh_pred_bounds(bound, &bounds), want ? LH_NONE : LH_ALL);
		lh_arena_reset(ctx->arena);
	}
	lh_ctx_destroy(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_predicates_agree_with_reference),
		cmocka_unit_test(missing_columns_are_null),
		cmocka_unit_test(negation_is_three_valued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
