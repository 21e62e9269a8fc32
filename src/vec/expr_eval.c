/*
 * expr_eval.c
 *		Evaluating bound expressions over a batch.
 *
 * A node has three ways to its result:
 *
 *	1. over the entries of a dictionary, once, when its only operand that is not
 *	   a constant comes as codes or runs: the result has the same codes or runs;
 *	2. row by row, when few rows are selected;
 *	3. by a loop over flat operands.
 *
 * An overflow counts only at a selected row without nulls.  A dictionary with
 * an entry that overflows is therefore left to 2 and 3.
 */
#include <string.h>

#include "vec/expr_impl.h"

/* Below one selected row in so many, rows are computed singly. */
#define SPARSE 8

static LhStatus
eval_node(LhCtx *ctx, LhExpr *e, const LhVec *const *vecs, const LhSel *sel, LhVec *out);

/* Room for n results; new memory is zeroed, because unselected rows stay unwritten. */
static LhStatus
reserve_results(LhCtx *ctx, const LhExpr *e, LhBuf *buf, size_t n)
{
	size_t bytes = n * lh_lane_size(e->type.lane, e->type.width);

	if (buf->cap >= bytes)
		return LH_OK;
	LH_TRY(lh_buf_fit(ctx, buf, bytes));
	memset(buf->data, 0, bytes);
	return LH_OK;
}

/* Validity of the result; NULL: no nulls. */
static const uint64_t *
join_valid(LhExprState *state, const LhVec *a, const LhVec *b, size_t n)
{
	const uint64_t *va = a->valid, *vb = b != NULL ? b->valid : NULL;

	if (va == NULL || vb == NULL)
		return va == NULL ? vb : va;
	for (size_t i = 0; i < LH_WORDS(n); i++)
		state->valid[i] = va[i] & vb[i];
	return state->valid;
}

/* Compute selected rows of operands in any form but runs. */
static LhStatus
eval_rows(LhCtx *ctx, const LhExpr *e, const LhVec *a, const LhVec *b, const LhSel *sel,
		  const uint64_t *valid, void *out)
{
	for (size_t k = 0; k < LH_WORDS(sel->n); k++)
	{
		uint64_t w = sel->w[k] & (valid != NULL ? valid[k] : ~UINT64_C(0));

		for (; w != 0; w &= w - 1)
		{
			size_t row = k * 64 + (size_t) __builtin_ctzll(w);
			LhNumber x;

			if (!lh_expr_row(e, a, b, row, &x))
				return lh_expr_error(ctx, e, a, b, row);
			lh_expr_store(e, out, row, x);
		}
	}
	return LH_OK;
}

static bool
has_dict(const LhVec *v)
{
	return v->kind == LH_VEC_DICT || v->kind == LH_VEC_RUNS;
}

/* The operand to work on by its dictionary: the other one, if any, is a constant of the query. */
static int
dict_operand(const LhExpr *e, const LhVec *a, const LhVec *b)
{
	if (has_dict(a) && (b == NULL || e->args[1]->kind == LH_E_CONST))
		return 0;
	if (b != NULL && has_dict(b) && e->args[0]->kind == LH_E_CONST)
		return 1;
	return -1;
}

/*
 * Results of all entries of dict.  The operands are seen as vectors of dict->n
 * rows.  *good false: some entry is out of range.
 */
static LhStatus
eval_dict(LhCtx *ctx, LhExpr *e, const LhVec *a, const LhVec *b, int which, const LhDict *dict,
		  bool *good)
{
	LhExprState *state = e->state;
	LhVec entries = {
		.type = dict->type, .kind = LH_VEC_FLAT, .n = (int) dict->n, .data = dict->values};
	const LhVec *x = which == 0 ? &entries : a;
	const LhVec *y = which == 1 ? &entries : b;

	*good = true;
	LH_TRY(reserve_results(ctx, e, &state->dict_values, dict->n));
	for (uint32_t i = 0; i < dict->n; i++)
	{
		LhNumber r;

		if (i % 16384 == 16383)
			LH_TRY(lh_poll(ctx));
		if (!lh_expr_row(e, x, y, i, &r))
		{
			*good = false;
			return LH_OK;
		}
		lh_expr_store(e, state->dict_values.data, i, r);
	}
	state->source_id = dict->id;
	state->dict = (LhDict){
		.type = e->type, .n = dict->n, .values = state->dict_values.data, .id = lh_dict_new_id()};
	return LH_OK;
}

/* Way 1; *done false: take another. */
static LhStatus
try_dict(LhCtx *ctx, LhExpr *e, const LhVec *a, const LhVec *b, const LhSel *sel, LhVec *out,
		 bool *done)
{
	LhExprState *state = e->state;
	int which = dict_operand(e, a, b);
	const LhVec *v = which == 1 ? b : a;

	*done = false;
	if (which < 0)
		return LH_OK;
	if (state->seen_id != v->dict->id)
	{
		state->seen_id = v->dict->id;
		state->seen_rows = 0;
		state->refused = false;
	}
	state->seen_rows += (uint64_t) sel->count;
	if (state->source_id != v->dict->id)
	{
		if (state->refused || (v->dict->n > 64 && v->dict->n > state->seen_rows))
			return LH_OK;
		state->source_id = 0;
		LH_TRY(eval_dict(ctx, e, a, b, which, v->dict, done));
		state->refused = !*done;
		if (state->refused)
			return LH_OK;
	}
	*done = true;
	*out = *v;
	out->type = e->type;
	out->dict = &state->dict;
	return LH_OK;
}

/* Both operands are constants: one row, and a constant result. */
static LhStatus
eval_constant(LhCtx *ctx, LhExpr *e, const LhVec *a, const LhVec *b, int n, LhVec *out)
{
	LhExprState *state = e->state;
	LhNumber x;

	LH_TRY(reserve_results(ctx, e, &state->data, LH_BATCH));
	if (!lh_expr_row(e, a, b, 0, &x))
		return lh_expr_error(ctx, e, a, b, 0);
	lh_expr_store(e, state->data.data, 0, x);
	*out = (LhVec){.type = e->type, .kind = LH_VEC_CONST, .n = n, .data = state->data.data};
	return LH_OK;
}

/* Ways 2 and 3. */
static LhStatus
eval_values(LhCtx *ctx, LhExpr *e, LhVec *a, LhVec *b, const LhSel *sel, LhVec *out)
{
	LhExprState *state = e->state;
	LhVec *operand[2] = {a, b};
	size_t n = (size_t) sel->n;
	bool dense = sel->count * SPARSE >= sel->n, loop = dense && lh_expr_is_binary(e);
	const uint64_t *valid;
	uint64_t wanted[LH_BATCH_WORDS];

	for (int i = 0; i < 2 && operand[i] != NULL; i++)
	{
		if (loop)
			LH_TRY(lh_vec_flatten(ctx, operand[i], state->scratch[i], operand[i]));
		else if (operand[i]->kind == LH_VEC_RUNS)
			LH_TRY(lh_vec_expand_runs(ctx, operand[i], state->scratch[i], operand[i]));
	}
	valid = join_valid(state, a, b, n);
	LH_TRY(reserve_results(ctx, e, &state->data, n > LH_BATCH ? n : LH_BATCH));
	*out = (LhVec){.type = e->type,
				   .kind = LH_VEC_FLAT,
				   .n = sel->n,
				   .valid = valid,
				   .data = state->data.data};
	for (size_t k = 0; k < LH_WORDS(n); k++)
		wanted[k] = sel->w[k] & (valid != NULL ? valid[k] : ~UINT64_C(0));
	if (dense && b == NULL && a->kind == LH_VEC_FLAT &&
		lh_expr_unary_loop(e, a, n, wanted, state->data.data))
		return LH_OK;
	if (!loop)
		return eval_rows(ctx, e, a, b, sel, valid, state->data.data);
	/* a loop that met an overflow does not know whose it is */
	if (lh_expr_loop(e, a, b, n, wanted, state->data.data))
		return eval_rows(ctx, e, a, b, sel, valid, state->data.data);
	return LH_OK;
}

static LhStatus
eval_function(LhCtx *ctx, LhExpr *e, const LhVec *const *vecs, const LhSel *sel, LhVec *out)
{
	LhVec a, b;
	LhVec *pb = NULL;
	bool done;

	LH_TRY(eval_node(ctx, e->args[0], vecs, sel, &a));
	if (e->args[1] != NULL)
	{
		pb = &b;
		LH_TRY(eval_node(ctx, e->args[1], vecs, sel, &b));
	}
	if (lh_vec_all_null(&a) || (pb != NULL && lh_vec_all_null(pb)) || sel->count == 0)
	{
		lh_vec_null(out, &e->type, sel->n);
		return LH_OK;
	}
	if (a.kind == LH_VEC_CONST && (pb == NULL || pb->kind == LH_VEC_CONST))
		return eval_constant(ctx, e, &a, pb, sel->n, out);
	LH_TRY(try_dict(ctx, e, &a, pb, sel, out, &done));
	if (done)
		return LH_OK;
	return eval_values(ctx, e, &a, pb, sel, out);
}

static LhStatus
eval_node(LhCtx *ctx, LhExpr *e, const LhVec *const *vecs, const LhSel *sel, LhVec *out)
{
	LhExprState *state = e->state;

	switch (e->kind)
	{
		case LH_E_COLUMN:
			if (e->type.id == LH_T_NULL)
			{
				lh_vec_null(out, &e->type, sel->n);
				return LH_OK;
			}
			if (vecs[e->col] == NULL)
				LH_FAIL(ctx, LH_BUG, "column %d is missing in the batch", e->col);
			*out = *vecs[e->col];
			if (out->type.lane != e->type.lane && !lh_vec_all_null(out))
				LH_FAIL(ctx, LH_BUG, "column %d came as %s and was bound as %s", e->col,
						lh_type_name(&out->type), lh_type_name(&e->type));
			return LH_OK;
		case LH_E_CONST:
			*out = state->constant;
			out->n = sel->n;
			return LH_OK;
		default: return eval_function(ctx, e, vecs, sel, out);
	}
}

LhStatus
lh_expr_eval(LhCtx *ctx, LhExpr *bound, const LhVec *const *vecs, const LhSel *sel, LhVec *out)
{
	return eval_node(ctx, bound, vecs, sel, out);
}
