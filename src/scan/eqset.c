/*
 * eqset.c
 *		A set of keys: how they come in, and where they stay (eqset_state.h).
 */
#include "scan/eqset_state.h"
#include "vec/value.h"

LhStatus
lh_eqset_create(LhCtx *ctx, int ncols, const LhType *types, LhEqSet **out)
{
	LhEqSet *set;

	for (int i = 0; i < ncols; i++)
		if (lh_type_family(&types[i]) == LH_FAMILY_NONE)
			LH_FAIL(ctx, LH_UNSUPPORTED, "a column of type %s cannot be a key of equality deletes",
					lh_type_name(&types[i]));
	LH_NEW(ctx, set);
	set->ncols = ncols;
	set->types = types;
	set->simple = ncols == 1 && lh_key_form(&types[0]) == LH_KEY_64;
	set->hashed = !set->simple;
	LH_TRY(lh_keys_work_create(ctx, set, &set->work));
	LH_TRY(lh_buf_init(ctx, &set->entries, true));
	LH_TRY(lh_buf_init(ctx, &set->heap, true));
	LH_TRY(lh_buf_init(ctx, &set->slots, true));
	LH_TRY(lh_buf_init(ctx, &set->bloom, true));
	LH_TRY(lh_buf_init(ctx, &set->loose, true));
	LH_TRY(lh_buf_init(ctx, &set->dense, true));
	*out = set;
	return LH_OK;
}

static int
scale_of(const LhType *t)
{
	return t->id == LH_T_DECIMAL ? t->scale : 0;
}

bool
lh_eqset_fits(const LhEqSet *set, int i, const LhType *type)
{
	const LhType *t = &set->types[i];

	if (type->id == LH_T_NULL)
		return true;
	if (lh_type_family(t) != lh_type_family(type))
		return false;
	return lh_type_family(t) != LH_FAMILY_NUMBER || scale_of(t) == scale_of(type);
}

uint64_t
lh_eqset_keys(const LhEqSet *set)
{
	return set->hashed ? set->nkeys : set->ndense + set->null_key;
}

LhStatus
lh_eqset_reserve(LhCtx *ctx, LhEqSet *set, int64_t n)
{
	return set->hashed && n > 0 ? lh_eqhash_reserve(ctx, set, set->nkeys + (uint64_t) n) : LH_OK;
}

LhStatus
lh_eqset_add(LhCtx *ctx, LhEqSet *set, uint32_t owner, const LhVec *const *vecs, int n)
{
	LhSel all;

	if (!set->hashed && (!set->owned || set->owner == owner))
	{
		set->owned = true;
		set->owner = owner;
		return lh_eqdense_add(ctx, set, vecs[0], n);
	}
	if (!set->hashed)
		LH_TRY(lh_eqdense_to_hash(ctx, set));
	lh_sel_all(&all, n);
	LH_TRY(lh_keys_load(ctx, set, set->work, vecs, n, all.w));
	LH_TRY(lh_eqset_reserve(ctx, set, n));
	return lh_eqhash_add(ctx, set, owner, n);
}

LhStatus
lh_eqset_seal(LhCtx *ctx, LhEqSet *set)
{
	return set->hashed ? LH_OK : lh_eqdense_fold(ctx, set);
}
