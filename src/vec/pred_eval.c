/*
 * pred_eval.c
 *		Filtering a batch.
 *
 * A node gets the rows that are still alive and returns those for which it is
 * true: AND hands what is left from one argument to the next, OR asks each
 * argument only about rows that are not true yet.
 *
 * A leaf takes what the vector offers: one test for a constant, one a run, one
 * a dictionary entry; values are looked at one by one only in flat vectors,
 * numbers by kernels over the whole batch, bytes at live rows only.  Results
 * of a dictionary's entries are remembered by its id: all are computed at once
 * when that is cheaper than the rows it serves, else each at its first row.
 *
 * Host leaves collect the entries (or rows) whose result is missing and return
 * LH_NEED_HOST; the repetition goes on with the conjunct that asked.
 */
#include <string.h>

#include "vec/kernels.h"
#include "vec/pred_impl.h"

/* Entries of a dictionary that are always worth a table. */
#define SMALL_DICT  64
/* With at least one live row in so many, LIKE reads the whole page. */
#define DENSE       4
/* A kernel tests so many numbers in the time of one look-up by row. */
#define KERNEL_GAIN 4

typedef struct Eval
{
	LhCtx *ctx;
	const LhVec *const *vecs;
	LhHostRequest **request;
	LhPredProgress *progress;
} Eval;

static LhStatus eval_node(Eval *e, LhPred *p, const LhSel *in, LhSel *out);

/* Rows of in that are not null. */
static int
live_rows(const LhSel *in, const LhVec *v, uint64_t *live)
{
	int count = 0;

	if (v->valid == NULL)
	{
		memcpy(live, in->w, LH_WORDS(in->n) * sizeof(uint64_t));
		return in->count;
	}
	for (size_t i = 0; i < LH_WORDS(in->n); i++)
	{
		live[i] = in->w[i] & v->valid[i];
		count += (int) lh_bits_count_word(live[i]);
	}
	return count;
}

static bool
any_in_range(const uint64_t *w, uint32_t from, uint32_t to)
{
	for (uint32_t i = from / 64; i <= (to - 1) / 64; i++)
	{
		uint64_t x = w[i];

		if (i == from / 64)
			x &= ~UINT64_C(0) << (from % 64);
		if (i == to / 64)
			x &= lh_low_bits((int) (to % 64));
		if (x != 0)
			return true;
	}
	return false;
}

/* LIKE through all strings of a page at once; nulls have no bytes there. */
static bool
scan_like(const LhLeaf *leaf, const LhVec *v, const uint64_t *live, int n, uint64_t *hit)
{
	const LhStr *strs = v->data;
	LhStr present[LH_BATCH];
	uint16_t rows[LH_BATCH];
	uint64_t found[LH_BATCH_WORDS];
	int count = 0;

	if (v->valid == NULL)
		return lh_like_scan(leaf->like, strs, (size_t) n, live, hit);
	LH_FOR_ROWS(v->valid, n, row)
	{
		present[count] = strs[row];
		rows[count++] = (uint16_t) row;
	}
	if (count < 2 || !lh_like_scan(leaf->like, present, (size_t) count, NULL, found))
		return false;
	memset(hit, 0, LH_WORDS(n) * sizeof(uint64_t));
	LH_FOR_ROWS(found, count, i)
	{
		lh_bit_set(hit, rows[i]);
	}
	return true;
}

static void
hits_flat(const LhLeaf *leaf, const LhVec *v, const uint64_t *live, int count, int n, uint64_t *hit)
{
	if (lh_leaf_kernel(leaf, v->data, (size_t) n, hit))
		return;
	if (leaf->test == LH_TEST_LIKE && v->type.lane == LH_LANE_STR && count * DENSE >= n &&
		scan_like(leaf, v, live, n, hit))
	{
		for (size_t i = 0; leaf->negate && i < LH_WORDS(n); i++)
			hit[i] = ~hit[i];
		return;
	}
	memset(hit, 0, LH_WORDS(n) * sizeof(uint64_t));
	if (v->type.lane == LH_LANE_STR && lh_leaf_strs(leaf, v->data, live, (size_t) n, hit))
		return;
	LH_FOR_ROWS(live, n, row)
	{
		if (lh_leaf_test(leaf, v->data, row))
			lh_bit_set(hit, row);
	}
}

/* Is it time to test all entries at once? */
static bool
worth_completing(const LhLeaf *leaf, const LhDict *dict)
{
	uint64_t gain = lh_lane_is_number(leaf->type.lane) ? KERNEL_GAIN : 1;

	return dict->n <= SMALL_DICT || dict->n <= leaf->dict.rows * gain;
}

static LhStatus
hits_dict(Eval *e, LhPred *p, const LhVec *v, const uint64_t *live, int count, int n, uint64_t *hit)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);
	const LhDict *dict = v->dict;

	LH_TRY(lh_leaf_use_dict(e->ctx, p, dict));
	leaf->dict.rows += (uint64_t) count;
	if (!leaf->dict.complete && worth_completing(leaf, dict))
		LH_TRY(lh_leaf_complete(e->ctx, p, dict));
	if (!leaf->dict.complete)
	{
		memset(hit, 0, LH_WORDS(n) * sizeof(uint64_t));
		LH_FOR_ROWS(live, n, row)
		{
			if (lh_leaf_entry(leaf, dict, v->codes[row]))
				lh_bit_set(hit, row);
		}
	}
	else if (leaf->dict.npass == 0 || leaf->dict.npass == dict->n)
		memset(hit, leaf->dict.npass == 0 ? 0 : 0xFF, LH_WORDS(n) * sizeof(uint64_t));
	else
		lh_vec_kernels()->codes(v->codes, (size_t) n, (const uint64_t *) leaf->dict.pass.data,
								dict->n, hit);
	return LH_OK;
}

static LhStatus
hits_runs(Eval *e, LhPred *p, const LhVec *v, const uint64_t *live, int n, uint64_t *hit)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);
	uint32_t at = 0;

	LH_TRY(lh_leaf_use_dict(e->ctx, p, v->dict));
	leaf->dict.rows += (uint64_t) v->nruns;
	if (!leaf->dict.complete && worth_completing(leaf, v->dict))
		LH_TRY(lh_leaf_complete(e->ctx, p, v->dict));
	memset(hit, 0, LH_WORDS(n) * sizeof(uint64_t));
	for (int r = 0; r < v->nruns; r++)
	{
		uint32_t end = v->runs[r].end;

		if ((leaf->dict.complete || any_in_range(live, at, end)) &&
			lh_leaf_entry(leaf, v->dict, v->runs[r].code))
			lh_bits_set_range(hit, at, end);
		at = end;
	}
	LH_COUNT(e->ctx, RUNS_FOLDED, (uint64_t) v->nruns);
	return LH_OK;
}

/* Leave with the request filled. */
static LhStatus
ask_host(Eval *e, LhPred *p, const LhVec *v, const LhDict *dict, int n)
{
	LhHostRequest *request = &lh_pred_get_leaf(p)->request;

	if (e->request == NULL || e->progress == NULL)
		LH_FAIL(e->ctx, LH_BUG, "a condition of the host was evaluated without a host");
	request->dict = dict;
	request->vec = v;
	request->n = n;
	memset(request->result, 0, (size_t) n);
	e->progress->asking = p;
	*e->request = request;
	if (dict != NULL)
		LH_COUNT(e->ctx, HOST_EVALS, (uint64_t) n);
	return LH_NEED_HOST;
}

/* Add an entry to the request unless it is known or there already. */
static void
want_entry(LhLeaf *leaf, uint32_t code, int *n)
{
	uint64_t *known = (uint64_t *) leaf->dict.known.data;

	if (lh_bit_get(known, code))
		return;
	lh_bit_set(known, code);
	leaf->request.items[(*n)++] = code;
}

static LhStatus
host_dict(Eval *e, LhPred *p, const LhVec *v, const uint64_t *live, int n, uint64_t *hit)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);
	int missing = 0;
	uint32_t at = 0;

	LH_TRY(lh_leaf_use_dict(e->ctx, p, v->dict));
	if (v->kind == LH_VEC_DICT)
	{
		LH_FOR_ROWS(live, n, row)
		{
			want_entry(leaf, v->codes[row], &missing);
		}
	}
	else
	{
		for (int r = 0; r < v->nruns; r++)
		{
			if (any_in_range(live, at, v->runs[r].end))
				want_entry(leaf, v->runs[r].code, &missing);
			at = v->runs[r].end;
		}
	}
	if (missing > 0)
	{
		/* known only when the answers are in */
		for (int i = 0; i < missing; i++)
			lh_bit_clear((uint64_t *) leaf->dict.known.data, leaf->request.items[i]);
		return ask_host(e, p, v, v->dict, missing);
	}
	if (v->kind == LH_VEC_DICT && v->dict->n > 0)
	{
		lh_vec_kernels()->codes(v->codes, (size_t) n, (const uint64_t *) leaf->dict.pass.data,
								v->dict->n, hit);
		return LH_OK;
	}
	memset(hit, 0, LH_WORDS(n) * sizeof(uint64_t));
	at = 0;
	for (int r = 0; r < v->nruns; r++)
	{
		if (lh_bit_get((const uint64_t *) leaf->dict.pass.data, v->runs[r].code))
			lh_bits_set_range(hit, at, v->runs[r].end);
		at = v->runs[r].end;
	}
	LH_COUNT(e->ctx, RUNS_FOLDED, (uint64_t) v->nruns);
	return LH_OK;
}

/* Flat vectors: every live row; constants: one of them. */
static LhStatus
host_rows(Eval *e, LhPred *p, const LhVec *v, const uint64_t *live, int n, uint64_t *hit)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);
	int missing = 0;
	bool one = v->kind == LH_VEC_CONST;

	LH_FOR_ROWS(live, n, row)
	{
		if (one)
		{
			if (!lh_bit_get(leaf->row_known, row))
				leaf->request.items[missing++] = (uint32_t) row;
			else
				memset(hit, lh_bit_get(leaf->row_pass, row) ? 0xFF : 0, LH_WORDS(n) * 8);
			return missing > 0 ? ask_host(e, p, v, NULL, missing) : LH_OK;
		}
		if (!lh_bit_get(leaf->row_known, row))
			leaf->request.items[missing++] = (uint32_t) row;
	}
	if (missing > 0)
		return ask_host(e, p, v, NULL, missing);
	memcpy(hit, leaf->row_pass, LH_WORDS(n) * sizeof(uint64_t));
	return LH_OK;
}

static LhStatus
leaf_hits(Eval *e, LhPred *p, const LhVec *v, const LhSel *in, uint64_t *hit)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);
	bool host = leaf->test == LH_TEST_HOST;
	uint64_t live[LH_BATCH_WORDS];
	int count;

	if (!host && v->type.lane != leaf->type.lane)
		LH_FAIL(e->ctx, LH_BUG, "column %d came as %s and was bound as %s", p->col,
				lh_type_name(&v->type), lh_type_name(&leaf->type));
	count = live_rows(in, v, live);
	if (count == 0)
	{
		memset(hit, 0, LH_WORDS(in->n) * sizeof(uint64_t));
		return LH_OK;
	}
	switch (v->kind)
	{
		case LH_VEC_DICT:
			if (host)
				return host_dict(e, p, v, live, in->n, hit);
			return hits_dict(e, p, v, live, count, in->n, hit);
		case LH_VEC_RUNS:
			if (host)
				return host_dict(e, p, v, live, in->n, hit);
			return hits_runs(e, p, v, live, in->n, hit);
		case LH_VEC_CONST:
			if (host)
				return host_rows(e, p, v, live, in->n, hit);
			memset(hit, lh_leaf_test(leaf, v->data, 0) ? 0xFF : 0, LH_WORDS(in->n) * 8);
			return LH_OK;
		default:
			if (host)
				return host_rows(e, p, v, live, in->n, hit);
			hits_flat(leaf, v, live, count, in->n, hit);
			return LH_OK;
	}
}

static LhStatus
eval_leaf(Eval *e, LhPred *p, const LhSel *in, LhSel *out)
{
	const LhLeaf *leaf = lh_pred_get_leaf(p);
	const LhVec *v = e->vecs[p->col];
	uint64_t hit[LH_BATCH_WORDS];

	if (v == NULL)
		LH_FAIL(e->ctx, LH_BUG, "column %d is missing in the batch that is filtered", p->col);
	if (v->type.id == LH_T_NULL || lh_vec_all_null(v))
	{
		*out = *in;
		if (!leaf->null_passes)
			lh_sel_none(out, in->n);
		return LH_OK;
	}
	if (leaf->test == LH_TEST_NONE)
		memset(hit, leaf->negate ? 0xFF : 0, sizeof(hit));
	else
		LH_TRY(leaf_hits(e, p, v, in, hit));
	out->n = in->n;
	out->count = 0;
	for (size_t i = 0; i < LH_WORDS(in->n); i++)
	{
		uint64_t valid = v->valid != NULL ? v->valid[i] : ~UINT64_C(0);

		out->w[i] = in->w[i] & ((hit[i] & valid) | (leaf->null_passes ? ~valid : 0));
		out->count += (int) lh_bits_count_word(out->w[i]);
	}
	return LH_OK;
}

static LhStatus
eval_and(Eval *e, LhPred *p, const LhSel *in, LhSel *out)
{
	LhSel rest = *in;

	for (int i = 0; i < p->nargs && rest.count > 0; i++)
	{
		LH_TRY(eval_node(e, p->args[i], &rest, out));
		rest = *out;
	}
	*out = rest;
	return LH_OK;
}

static LhStatus
eval_or(Eval *e, LhPred *p, const LhSel *in, LhSel *out)
{
	LhSel rest = *in, yes;

	lh_sel_none(out, in->n);
	for (int i = 0; i < p->nargs && rest.count > 0; i++)
	{
		LH_TRY(eval_node(e, p->args[i], &rest, &yes));
		for (size_t w = 0; w < LH_WORDS(in->n); w++)
		{
			out->w[w] |= yes.w[w];
			rest.w[w] &= ~yes.w[w];
		}
		out->count += yes.count;
		rest.count -= yes.count;
	}
	return LH_OK;
}

static LhStatus
eval_node(Eval *e, LhPred *p, const LhSel *in, LhSel *out)
{
	switch (p->kind)
	{
		case LH_P_AND: return eval_and(e, p, in, out);
		case LH_P_OR: return eval_or(e, p, in, out);
		case LH_P_NEVER: lh_sel_none(out, in->n); return LH_OK;
		default:
			if (p->col >= 0)
				return eval_leaf(e, p, in, out);
			*out = *in; /* ALWAYS */
			return LH_OK;
	}
}

/* Rows are of a new batch: what the host said of the last one is void. */
static void
forget_rows(LhPred *p)
{
	for (int i = 0; i < p->nargs; i++)
		forget_rows(p->args[i]);
	if (p->kind == LH_P_HOST)
		memset(lh_pred_get_leaf(p)->row_known, 0, sizeof(lh_pred_get_leaf(p)->row_known));
}

static void
take_answers(LhPred *p)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);
	const LhHostRequest *request = &leaf->request;
	uint64_t *known = request->dict != NULL ? (uint64_t *) leaf->dict.known.data : leaf->row_known;
	uint64_t *pass = request->dict != NULL ? (uint64_t *) leaf->dict.pass.data : leaf->row_pass;

	for (int i = 0; i < request->n; i++)
	{
		lh_bit_set(known, request->items[i]);
		if (request->result[i])
			lh_bit_set(pass, request->items[i]);
		else
			lh_bit_clear(pass, request->items[i]);
	}
}

static bool
same_call(const LhPredProgress *progress, const LhVec *const *vecs, const LhSel *sel)
{
	return progress->asking != NULL && progress->vecs == vecs && progress->before.n == sel->n &&
		   memcmp(progress->before.w, sel->w, LH_WORDS(sel->n) * sizeof(uint64_t)) == 0;
}

static LhStatus
eval_with_host(Eval *e, LhPred *root, LhSel *sel)
{
	LhPredState *state = root->state;
	LhPredProgress *progress = state->progress;
	int nargs = root->kind == LH_P_AND ? root->nargs : 1;
	int i = 0;
	LhSel rest = *sel, next;

	if (progress == NULL)
	{
		LhArena *old = lh_use(e->ctx, state->arena);

		progress = lh_alloc0(e->ctx, sizeof(*progress));
		lh_use(e->ctx, old);
		if (progress == NULL)
			return e->ctx->error->code;
		state->progress = progress;
	}
	if (same_call(progress, e->vecs, sel))
	{
		take_answers(progress->asking);
		rest = progress->sel;
		i = progress->arg;
	}
	else
		forget_rows(root);
	progress->asking = NULL;
	e->progress = progress;
	for (; i < nargs && rest.count > 0; i++)
	{
		LhStatus status = eval_node(e, root->kind == LH_P_AND ? root->args[i] : root, &rest, &next);

		if (status == LH_NEED_HOST)
		{
			progress->before = *sel;
			progress->sel = rest;
			progress->arg = i;
			progress->vecs = e->vecs;
		}
		LH_TRY(status);
		rest = next;
	}
	*sel = rest;
	return LH_OK;
}

LhStatus
lh_pred_eval(LhCtx *ctx, LhPred *bound, const LhVec *const *vecs, LhSel *sel,
			 LhHostRequest **request)
{
	const LhPredState *state = bound->state;
	Eval e = {.ctx = ctx, .vecs = vecs, .request = request};
	LhSel out;

	if (request != NULL)
		*request = NULL;
	if (sel->count == 0)
		return LH_OK;
	if (state == NULL)
		LH_FAIL(ctx, LH_BUG, "predicate was not bound");
	if (state->has_host)
		return eval_with_host(&e, bound, sel);
	LH_TRY(eval_node(&e, bound, sel, &out));
	*sel = out;
	return LH_OK;
}
