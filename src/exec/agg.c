/*
 * agg.c
 *		Ungrouped aggregates: what is shared, and the order of steps.
 *
 *	1. lh_agg_create gathers the specs into inputs: one for each argument under
 *	   each filter, whatever aggregates want of it.
 *	2. For each batch, lh_agg_update evaluates every filter and every argument
 *	   once, takes the rows that are selected and not null, and hands them to
 *	   the folds that are wanted (agg_sum.c, agg_float.c, agg_extreme.c,
 *	   distinct.c).
 *	3. lh_agg_finish folds what is pending and writes the states.
 *
 * Merging the states of several threads is agg_merge.c.
 */
#include <string.h>

#include "exec/agg_impl.h"

static int
find_filter(LhAgg *agg, const LhPred *pred)
{
	if (pred == NULL)
		return -1;
	for (int i = 0; i < agg->nfilters; i++)
	{
		if (agg->filters[i].pred == pred)
			return i;
	}
	agg->filters[agg->nfilters].pred = pred;
	return agg->nfilters++;
}

static LhStatus
find_input(LhCtx *ctx, LhAgg *agg, const LhExpr *arg, int filter, int *out)
{
	LhAggInput *in;

	for (int i = 0; i < agg->ninputs; i++)
	{
		if (agg->inputs[i].filter == filter && lh_expr_equal(agg->inputs[i].arg, arg))
		{
			*out = i;
			return LH_OK;
		}
	}
	*out = agg->ninputs++;
	in = &agg->inputs[*out];
	in->arg = arg;
	in->filter = filter;
	in->index = *out;
	in->max.max = true;
	in->min.now = in->max.now = &agg->place;
	in->factor = 1;
	LH_TRY(lh_buf_init(ctx, &in->hist.values, true));
	LH_TRY(lh_buf_init(ctx, &in->hist.counts, true));
	LH_TRY(lh_buf_init(ctx, &in->codes.bits, true));
	LH_TRY(lh_buf_init(ctx, &in->min.bytes, true));
	LH_TRY(lh_buf_init(ctx, &in->max.bytes, true));
	LH_NEW_ARRAY(ctx, in->codes.fresh, LH_BATCH);
	return lh_vec_scratch_create(ctx, &in->scratch);
}

static unsigned
want_of(const LhAggSpec *spec)
{
	switch (spec->kind)
	{
		case LH_AGG_SUM:
			return spec->float_sum == LH_FLOAT_YOUNGS_CRAMER ? LH_WANT_YC : LH_WANT_SUM;
		case LH_AGG_MIN: return LH_WANT_MIN;
		case LH_AGG_MAX: return LH_WANT_MAX;
		case LH_AGG_COUNT_DISTINCT: return LH_WANT_DISTINCT;
		case LH_AGG_BOOL_AND:
		case LH_AGG_BOOL_OR: return LH_WANT_TRUES;
		default: return 0;
	}
}

static LhStatus
create(LhCtx *ctx, LhAgg *agg, const LhAggSpec *specs, int n)
{
	LH_NEW_ARRAY(ctx, agg->specs, (size_t) n);
	LH_NEW_ARRAY(ctx, agg->input_of, (size_t) n);
	LH_NEW_ARRAY(ctx, agg->extra, (size_t) n);
	LH_NEW_ARRAY(ctx, agg->states, (size_t) n);
	LH_NEW_ARRAY(ctx, agg->inputs, (size_t) n);
	LH_NEW_ARRAY(ctx, agg->filters, (size_t) n);
	agg->nspecs = n;
	for (int i = 0; i < n; i++)
	{
		const LhAggSpec *spec = &specs[i];
		LhAggInput *in;

		agg->specs[i] = *spec;
		LH_TRY(find_input(ctx, agg, spec->kind == LH_AGG_COUNT_STAR ? NULL : spec->arg,
						  find_filter(agg, spec->filter), &agg->input_of[i]));
		in = &agg->inputs[agg->input_of[i]];
		in->want |= want_of(spec);
		if ((in->want & LH_WANT_DISTINCT) && in->distinct == NULL)
			LH_TRY(lh_distinct_create(ctx, &in->distinct));
	}
	return LH_OK;
}

LhStatus
lh_agg_create(LhCtx *ctx, const LhAggSpec *specs, int n, LhAgg **out)
{
	LhAgg *agg;
	LhArena *old;
	LhStatus status;

	LH_NEW(ctx, agg);
	agg->arena = lh_arena_child(ctx->arena);
	if (agg->arena == NULL || (agg->file = lh_arena_child(agg->arena)) == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, agg->arena);
	status = create(ctx, agg, specs, n);
	lh_use(ctx, old);
	*out = agg;
	return status;
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

/* May this be wanted of the type? */
static LhStatus
check_type(LhCtx *ctx, const LhAggInput *in, const LhType *type)
{
	LhFamily family = lh_type_family(type);
	unsigned sums = LH_WANT_SUM | LH_WANT_YC, extremes = LH_WANT_MIN | LH_WANT_MAX;

	if (type->id == LH_T_NULL)
		return LH_OK;
	if (((in->want & sums) && family != LH_FAMILY_NUMBER && family != LH_FAMILY_FLOAT) ||
		((in->want & sums) && family == LH_FAMILY_NUMBER && type->lane == LH_LANE_STR) ||
		((in->want & extremes) && family == LH_FAMILY_NONE) ||
		((in->want & LH_WANT_TRUES) && family != LH_FAMILY_BOOL))
		LH_FAIL(ctx, LH_UNSUPPORTED, "aggregate over type %s is not supported", lh_type_name(type));
	return LH_OK;
}

static LhStatus
bind_input(LhCtx *ctx, LhAggInput *in, const LhType *types)
{
	const LhType *type;

	LH_TRY(lh_agg_fold(ctx, in));
	in->bound = NULL;
	if (in->arg == NULL)
		return LH_OK;
	LH_TRY(lh_expr_bind(ctx, in->arg, types, &in->bound));
	type = &in->bound->type;
	LH_TRY(check_type(ctx, in, type));
	if (lh_type_family(type) == LH_FAMILY_NUMBER)
		lh_agg_set_scale(in, type->id == LH_T_DECIMAL ? type->scale : 0);
	if (in->distinct != NULL)
		LH_TRY(lh_distinct_set_type(ctx, in->distinct, type));
	return LH_OK;
}

static LhStatus
bind(LhCtx *ctx, LhAgg *agg, const LhType *types)
{
	for (int i = 0; i < agg->nfilters; i++)
	{
		LhAggFilter *f = &agg->filters[i];

		if (has_host(f->pred))
			LH_FAIL(ctx, LH_UNSUPPORTED, "a FILTER of an aggregate cannot ask the host");
		LH_TRY(lh_pred_bind(ctx, f->pred, types, &f->bound));
	}
	for (int i = 0; i < agg->ninputs; i++)
		LH_TRY(bind_input(ctx, &agg->inputs[i], types));
	return LH_OK;
}

LhStatus
lh_agg_bind(LhCtx *ctx, LhAgg *agg, const LhType *types)
{
	LhArena *old;
	LhStatus status;

	lh_arena_reset(agg->file);
	old = lh_use(ctx, agg->file);
	status = bind(ctx, agg, types);
	lh_use(ctx, old);
	return status;
}

LhStatus
lh_agg_new_codes(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	LhSeenCodes *s = &in->codes;
	uint64_t *bits;
	uint32_t at = 0;

	s->nnew = 0;
	if (s->dict_id != v->dict->id)
	{
		size_t bytes = LH_WORDS(v->dict->n) * sizeof(uint64_t);

		s->dict_id = 0;
		LH_TRY(lh_buf_fit(ctx, &s->bits, bytes));
		memset(s->bits.data, 0, bytes);
		s->nseen = 0;
		s->dict_id = v->dict->id;
	}
	if (s->nseen == v->dict->n)
		return LH_OK;
	bits = (uint64_t *) s->bits.data;
#define MEET(code)                    \
	if (!lh_bit_get(bits, (code)))    \
	{                                 \
		lh_bit_set(bits, (code));     \
		s->fresh[s->nnew++] = (code); \
	}
	if (v->kind == LH_VEC_DICT)
	{
		LH_FOR_ROWS(live->w, live->n, row)
		{
			MEET(v->codes[row]);
		}
	}
	else
	{
		for (int r = 0; r < v->nruns; r++)
		{
			if (lh_count_range(live->w, at, v->runs[r].end) > 0)
				MEET(v->runs[r].code);
			at = v->runs[r].end;
		}
	}
#undef MEET
	s->nseen += (uint32_t) s->nnew;
	return LH_OK;
}

/* Values of live rows that may be new to the set. */
static LhStatus
add_distinct(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	uint32_t rows[LH_BATCH];
	int n = 0;

	if (v->kind == LH_VEC_DICT || v->kind == LH_VEC_RUNS)
		return lh_distinct_add(ctx, in->distinct, v->dict->values, in->codes.fresh, in->codes.nnew);
	if (v->kind == LH_VEC_CONST)
		rows[n++] = 0;
	else
	{
		LH_FOR_ROWS(live->w, live->n, row)
		{
			rows[n++] = (uint32_t) row;
		}
	}
	return lh_distinct_add(ctx, in->distinct, v->data, rows, n);
}

static LhStatus
fold_batch(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	unsigned sums = LH_WANT_SUM | LH_WANT_YC, extremes = LH_WANT_MIN | LH_WANT_MAX;
	bool has_float = v->type.lane == LH_LANE_F32 || v->type.lane == LH_LANE_F64;

	if (v->kind == LH_VEC_RUNS && !has_float && in->want != 0)
		LH_COUNT(ctx, RUNS_FOLDED, (uint64_t) v->nruns);
	if (in->want & sums)
	{
		if (has_float)
			LH_TRY(lh_agg_sum_floats(ctx, in, v, live));
		else
			LH_TRY(lh_agg_sum(ctx, in, v, live));
	}
	if ((in->want & (extremes | LH_WANT_DISTINCT)) &&
		(v->kind == LH_VEC_DICT || v->kind == LH_VEC_RUNS))
		LH_TRY(lh_agg_new_codes(ctx, in, v, live));
	if (in->want & extremes)
		LH_TRY(lh_agg_extremes(ctx, in, v, live));
	if (in->want & LH_WANT_DISTINCT)
		LH_TRY(add_distinct(ctx, in, v, live));
	if (in->want & LH_WANT_TRUES)
		lh_agg_trues(in, v, live);
	in->count += live->count;
	return LH_OK;
}

static LhStatus
update_input(LhCtx *ctx, LhAggInput *in, const LhVec *const *vecs, const LhSel *sel)
{
	LhVec v;
	LhSel live;

	if (in->arg == NULL)
	{
		in->count += sel->count;
		return LH_OK;
	}
	if (sel->count == 0)
		return LH_OK;
	LH_TRY(lh_expr_eval(ctx, in->bound, vecs, sel, &v));
	if (v.type.id == LH_T_NULL || lh_vec_all_null(&v))
		return LH_OK;
	if (v.valid == NULL)
		return fold_batch(ctx, in, &v, sel);
	live = *sel;
	lh_sel_and(&live, v.valid);
	return live.count > 0 ? fold_batch(ctx, in, &v, &live) : LH_OK;
}

LhStatus
lh_agg_update(LhCtx *ctx, LhAgg *agg, const LhVec *const *vecs, const LhSel *sel)
{
	for (int i = 0; i < agg->nfilters; i++)
	{
		agg->filters[i].sel = *sel;
		LH_TRY(lh_pred_eval(ctx, agg->filters[i].bound, vecs, &agg->filters[i].sel, NULL));
	}
	for (int i = 0; i < agg->ninputs; i++)
	{
		LhAggInput *in = &agg->inputs[i];

		LH_TRY(update_input(ctx, in, vecs, in->filter < 0 ? sel : &agg->filters[in->filter].sel));
	}
	return LH_OK;
}

LhStatus
lh_agg_add_rows(LhCtx *ctx, LhAgg *agg, int64_t n)
{
	for (int i = 0; i < agg->nspecs; i++)
	{
		if (agg->specs[i].kind == LH_AGG_COUNT_STAR && agg->specs[i].filter == NULL)
			agg->extra[i] += n;
	}
	return LH_OK;
}

LhStatus
lh_agg_add_count(LhCtx *ctx, LhAgg *agg, int i, int64_t n)
{
	if (agg->specs[i].kind != LH_AGG_COUNT && agg->specs[i].kind != LH_AGG_COUNT_STAR)
		LH_FAIL(ctx, LH_BUG, "aggregate %d does not count", i);
	agg->extra[i] += n;
	return LH_OK;
}

LhStatus
lh_agg_add_extreme(LhCtx *ctx, LhAgg *agg, int i, const LhValue *value)
{
	LhAggInput *in = &agg->inputs[agg->input_of[i]];

	if (agg->specs[i].kind != LH_AGG_MIN && agg->specs[i].kind != LH_AGG_MAX)
		LH_FAIL(ctx, LH_BUG, "aggregate %d has no extreme", i);
	return lh_extreme_offer(ctx, agg->specs[i].kind == LH_AGG_MIN ? &in->min : &in->max, value);
}

static void
write_state(LhAgg *agg, int i)
{
	const LhAggSpec *spec = &agg->specs[i];
	const LhAggInput *in = &agg->inputs[agg->input_of[i]];
	const LhExtreme *x = spec->kind == LH_AGG_MAX ? &in->max : &in->min;

	agg->states[i] = (LhAggState){
		.count = in->count + agg->extra[i],
		.seen = in->count > 0,
		.scale = in->scale,
		.fsum = in->fsum,
		.fsum4 = in->fsum4,
		.yc_n = in->yc_n,
		.yc_sx = in->yc_sx,
		.yc_sxx = in->yc_sxx,
		.boolean = spec->kind == LH_AGG_BOOL_OR ? in->trues > 0 : in->trues == in->count,
		.extreme = {.null = true},
	};
	agg->states[i].sum = lh_agg_total(in, &agg->states[i].overflow);
	if (spec->kind == LH_AGG_MIN || spec->kind == LH_AGG_MAX)
	{
		agg->states[i].seen = x->seen;
		if (x->seen)
			agg->states[i].extreme = x->value;
	}
}

LhStatus
lh_agg_finish(LhCtx *ctx, LhAgg *agg)
{
	for (int i = 0; i < agg->ninputs; i++)
		LH_TRY(lh_agg_fold(ctx, &agg->inputs[i]));
	for (int i = 0; i < agg->nspecs; i++)
	{
		write_state(agg, i);
		if (agg->specs[i].kind == LH_AGG_COUNT_DISTINCT)
			LH_TRY(lh_distinct_count(ctx, agg->inputs[agg->input_of[i]].distinct, &agg->states[i].count));
	}
	return LH_OK;
}

const LhAggState *
lh_agg_state(const LhAgg *agg, int i)
{
	return &agg->states[i];
}

static void
reset_input(LhAggInput *in)
{
	in->count = in->trues = 0;
	in->sum = 0;
	in->wide = (LhI256){0};
	in->overflow = false;
	in->fsum = in->yc_n = in->yc_sx = in->yc_sxx = 0;
	in->fsum4 = 0;
	in->fseen = false;
	in->hist.dict_id = in->codes.dict_id = 0;
	in->hist.rows = 0;
	in->min.seen = in->max.seen = false;
	if (in->distinct != NULL)
		lh_distinct_reset(in->distinct);
}

void
lh_agg_reset(LhAgg *agg)
{
	for (int i = 0; i < agg->ninputs; i++)
		reset_input(&agg->inputs[i]);
	memset(agg->extra, 0, (size_t) agg->nspecs * sizeof(int64_t));
	memset(agg->states, 0, (size_t) agg->nspecs * sizeof(LhAggState));
}
