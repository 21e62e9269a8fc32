/*
 * pred_dict.c
 *		Pruning by a dictionary: does any of its entries pass?
 *
 * Conjuncts on the column are intersected entry by entry, so that
 * "c > 'a' AND c < 'b'" is found empty although each side alone is not.
 */
#include <string.h>

#include "vec/pred_impl.h"

/* Entries that costly tests look at before they decide to look at all. */
#define FIRST_LOOK 64

/* Can the leaf be answered by the dictionary of col alone? */
static bool
is_decidable(const LhPred *p, int col)
{
	const LhLeaf *leaf;

	if (p->col != col || p->nargs > 0 || p->kind == LH_P_NEVER)
		return false;
	leaf = lh_pred_get_leaf(p);
	return leaf != NULL && !leaf->null_passes && leaf->test != LH_TEST_HOST &&
		   leaf->test != LH_TEST_NONE;
}

/* One leaf: costly tests stop at the first entry that passes, if it comes early. */
static LhStatus
leaf_verdict(LhCtx *ctx, LhPred *p, const LhDict *dict, LhVerdict *out)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);

	*out = LH_MAYBE;
	LH_TRY(lh_leaf_use_dict(ctx, p, dict));
	for (uint32_t i = 0; leaf->costly && i < dict->n && i < FIRST_LOOK; i++)
	{
		if (lh_leaf_entry(leaf, dict, i))
			return LH_OK;
	}
	LH_TRY(lh_leaf_complete(ctx, p, dict));
	*out = leaf->dict.npass == 0 ? LH_NONE : LH_MAYBE;
	return LH_OK;
}

/* All cheap conjuncts on col together. */
static LhStatus
conjuncts_verdict(LhCtx *ctx, LhPred *p, int col, const LhDict *dict, LhVerdict *out)
{
	size_t nwords = LH_WORDS(dict->n);
	uint64_t any = 0;
	int n = 0;

	*out = LH_MAYBE;
	for (int i = 0; i < p->nargs; i++)
	{
		LhPred *arg = p->args[i];

		if (!is_decidable(arg, col) || lh_pred_get_leaf(arg)->costly)
			continue;
		LH_TRY(lh_leaf_complete(ctx, arg, dict));
		n++;
	}
	if (n < 2)
		return LH_OK;
	for (size_t w = 0; w < nwords && any == 0; w++)
	{
		any = ~UINT64_C(0);
		for (int i = 0; i < p->nargs; i++)
		{
			LhPred *arg = p->args[i];

			if (is_decidable(arg, col) && !lh_pred_get_leaf(arg)->costly)
				any &= ((const uint64_t *) lh_pred_get_leaf(arg)->dict.pass.data)[w];
		}
	}
	if (any == 0)
		*out = LH_NONE;
	return LH_OK;
}

LhStatus
lh_pred_dict(LhCtx *ctx, LhPred *p, int col, const LhDict *dict, LhVerdict *out)
{
	bool every = p->nargs > 0;

	*out = p->kind == LH_P_NEVER ? LH_NONE : LH_MAYBE;
	if (is_decidable(p, col))
		return leaf_verdict(ctx, p, dict, out);
	for (int i = 0; i < p->nargs; i++)
	{
		LhVerdict v;

		LH_TRY(lh_pred_dict(ctx, p->args[i], col, dict, &v));
		every &= v == LH_NONE;
		if ((v == LH_NONE) == (p->kind == LH_P_AND))
		{
			*out = v;
			return LH_OK;
		}
	}
	if (p->kind == LH_P_AND)
		return conjuncts_verdict(ctx, p, col, dict, out);
	if (every)
		*out = LH_NONE;
	return LH_OK;
}
