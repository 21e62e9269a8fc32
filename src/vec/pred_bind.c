/*
 * pred_bind.c
 *		Fitting a predicate to the column types of one file.
 *
 *	1. A constant becomes the interval of column keys that are equal to it
 *	   (pred_fit.c): one key, none when it lies between two, a thousand when a
 *	   nanosecond column meets microseconds.
 *	2. Every comparison becomes a closed range of keys, IN becomes a range or a
 *	   set, LIKE becomes equality, a prefix or a compiled pattern.
 *	3. AND intersects the ranges of one column and OR and AND drop what is
 *	   certain; what is left is ordered by cost: keys, LIKE, host.
 */
#include <string.h>

#include "vec/pred_fit.h"

static LhStatus bind_node(LhCtx *ctx, const LhPred *pred, const LhType *types, LhPred **out);

static LhStatus
new_node(LhCtx *ctx, LhPredKind kind, int col, LhPred **out)
{
	LhPred *p;
	LhPredState *state;

	LH_NEW(ctx, p);
	LH_NEW(ctx, state);
	p->kind = kind;
	p->col = col;
	p->state = state;
	state->arena = ctx->arena;
	*out = p;
	return LH_OK;
}

static LhStatus
new_leaf(LhCtx *ctx, LhPredKind kind, int col, const LhType *type, LhTest test, LhPred **out)
{
	LhLeaf *leaf;

	LH_TRY(new_node(ctx, kind, col, out));
	LH_NEW(ctx, leaf);
	leaf->test = test;
	leaf->type = *type;
	leaf->is_float = type->lane == LH_LANE_F32 || type->lane == LH_LANE_F64;
	LH_TRY(lh_buf_init(ctx, &leaf->dict.pass, true));
	LH_TRY(lh_buf_init(ctx, &leaf->dict.known, true));
	((LhPredState *) (*out)->state)->leaf = leaf;
	return LH_OK;
}

static LhStatus
make_never(LhCtx *ctx, LhPred **out)
{
	return new_node(ctx, LH_P_NEVER, -1, out);
}

/* True for every row. */
static LhStatus
make_true(LhCtx *ctx, LhPred **out)
{
	return new_node(ctx, LH_P_ALWAYS, -1, out);
}

/* True (or false) for every non-null row; nulls as said. */
static LhStatus
make_certain(LhCtx *ctx, int col, const LhType *type, bool yes, bool null_passes, LhPred **out)
{
	LhPredKind kind = yes ? LH_P_ALWAYS : LH_P_IS_NULL;

	if (yes == null_passes)
		return yes ? make_true(ctx, out) : make_never(ctx, out);
	LH_TRY(new_leaf(ctx, kind, col, type, LH_TEST_NONE, out));
	lh_pred_get_leaf(*out)->negate = yes;
	lh_pred_get_leaf(*out)->null_passes = null_passes;
	return LH_OK;
}

/* Say in the tree's own terms what the leaf tests, for printing and probes. */
static LhStatus
describe_range(LhCtx *ctx, LhPred *p, LhI128 min, LhI128 max)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);

	if (leaf->lo == leaf->hi)
	{
		p->op = leaf->negate ? LH_NE : LH_EQ;
		p->value = lh_key_value(&leaf->type, leaf->lo);
		if (leaf->null_passes)
			p->kind = LH_P_DISTINCT;
		return LH_OK;
	}
	if (!leaf->negate && !leaf->null_passes && (leaf->lo == min || leaf->hi == max))
	{
		p->op = leaf->lo == min ? LH_LE : LH_GE;
		p->value = lh_key_value(&leaf->type, leaf->lo == min ? leaf->hi : leaf->lo);
		return LH_OK;
	}
	p->kind = LH_P_RANGE;
	p->negate = leaf->negate;
	p->nvalues = 2;
	LH_NEW_ARRAY(ctx, p->values, 2);
	p->values[0] = lh_key_value(&leaf->type, leaf->lo);
	p->values[1] = lh_key_value(&leaf->type, leaf->hi);
	return LH_OK;
}

/* Keys lo..hi, or all others; simplified when that is all or nothing. */
static LhStatus
make_range(LhCtx *ctx, int col, const LhType *type, LhI128 lo, LhI128 hi, bool negate,
		   bool null_passes, LhPred **out)
{
	LhI128 min, max;
	LhLeaf *leaf;

	lh_lane_limits(type->lane, &min, &max);
	lo = lo < min ? min : lo;
	hi = hi > max ? max : hi;
	if (lo > hi)
		return make_certain(ctx, col, type, negate, null_passes, out);
	if (lo == min && hi == max)
		return make_certain(ctx, col, type, !negate, null_passes, out);
	LH_TRY(new_leaf(ctx, LH_P_CMP, col, type, LH_TEST_RANGE, out));
	leaf = lh_pred_get_leaf(*out);
	leaf->lo = lo;
	leaf->hi = hi;
	leaf->negate = negate;
	leaf->null_passes = null_passes;
	return describe_range(ctx, *out, min, max);
}

static LhStatus
compare_fit(LhCtx *ctx, int col, const LhType *type, LhCmp op, const LhFit *fit, LhPred **out)
{
	LhI128 before = fit->lo == LH_I128_MIN ? fit->lo : fit->lo - 1;
	LhI128 after = fit->hi == LH_I128_MAX ? fit->hi : fit->hi + 1;

	if (fit->over != 0)
	{
		bool yes = op == LH_NE ||
				   (fit->over > 0 ? op == LH_LT || op == LH_LE : op == LH_GT || op == LH_GE);

		return make_certain(ctx, col, type, yes, false, out);
	}
	switch (op)
	{
		case LH_EQ:
		case LH_NE: return make_range(ctx, col, type, fit->lo, fit->hi, op == LH_NE, false, out);
		case LH_LT: return make_range(ctx, col, type, LH_I128_MIN, before, false, false, out);
		case LH_LE: return make_range(ctx, col, type, LH_I128_MIN, fit->hi, false, false, out);
		case LH_GT: return make_range(ctx, col, type, after, LH_I128_MAX, false, false, out);
		default: return make_range(ctx, col, type, fit->lo, LH_I128_MAX, false, false, out);
	}
}

/* Decimals that need more than 128 bits: value by value. */
static LhStatus
bind_wide(LhCtx *ctx, const LhPred *pred, const LhType *type, LhCmp op, bool null_passes,
		  LhPred **out)
{
	LhLeaf *leaf;

	LH_TRY(new_leaf(ctx, pred->kind, pred->col, type, LH_TEST_WIDE, out));
	(*out)->op = op;
	(*out)->value = pred->value;
	leaf = lh_pred_get_leaf(*out);
	leaf->op = op;
	leaf->value = pred->value;
	leaf->null_passes = null_passes;
	leaf->costly = true;
	return LH_OK;
}

static LhStatus
bind_bytes(LhCtx *ctx, const LhPred *pred, const LhType *type, LhCmp op, bool null_passes,
		   LhPred **out)
{
	LhLeaf *leaf;
	bool equal = op == LH_EQ || op == LH_NE;

	LH_TRY(new_leaf(ctx, pred->kind, pred->col, type,
					equal ? LH_TEST_BYTES_EQ : LH_TEST_BYTES_RANGE, out));
	(*out)->op = op;
	(*out)->value = pred->value;
	leaf = lh_pred_get_leaf(*out);
	leaf->negate = op == LH_NE;
	leaf->null_passes = null_passes;
	leaf->bytes.has_lo = op != LH_LT && op != LH_LE;
	leaf->bytes.has_hi = op != LH_GT && op != LH_GE;
	leaf->bytes.lo_open = op == LH_GT;
	leaf->bytes.hi_open = op == LH_LT;
	leaf->bytes.lo = pred->value.str;
	leaf->bytes.hi = pred->value.str;
	return LH_OK;
}

static LhStatus
does_not_fit(LhCtx *ctx, const LhPred *pred, const LhType *type, const LhType *constant)
{
	LH_FAIL(ctx, LH_UNSUPPORTED,
			"condition on column %d: a constant of type %s does not fit type %s", pred->col,
			lh_type_name(constant), lh_type_name(type));
}

/* CMP and [NOT] DISTINCT */
static LhStatus
bind_compare(LhCtx *ctx, const LhPred *pred, const LhType *type, LhCmp op, bool null_passes,
			 LhPred **out)
{
	LhFit fit;

	switch (lh_fit_kind(type, &pred->value.type))
	{
		case LH_FIT_BYTES: return bind_bytes(ctx, pred, type, op, null_passes, out);
		case LH_FIT_WIDE: return bind_wide(ctx, pred, type, op, null_passes, out);
		case LH_FIT_KEY:
			if (!lh_fit_value(&pred->value, type, &fit))
				break;
			if (!null_passes)
				return compare_fit(ctx, pred->col, type, op, &fit, out);
			if (fit.over != 0)
				return make_certain(ctx, pred->col, type, op == LH_NE, null_passes, out);
			return make_range(ctx, pred->col, type, fit.lo, fit.hi, op == LH_NE, null_passes, out);
		case LH_FIT_NONE: break;
	}
	return does_not_fit(ctx, pred, type, &pred->value.type);
}

/* IN over wide decimals: a list of comparisons. */
static LhStatus
bind_wide_in(LhCtx *ctx, const LhPred *pred, const LhType *type, LhPred **out)
{
	bool negate = pred->kind == LH_P_NOT_IN;
	LhPred **args;

	LH_NEW_ARRAY(ctx, args, (size_t) pred->nvalues);
	for (int i = 0; i < pred->nvalues; i++)
	{
		LhPred one = {.kind = LH_P_CMP, .col = pred->col, .value = pred->values[i]};

		LH_TRY(bind_wide(ctx, &one, type, negate ? LH_NE : LH_EQ, false, &args[i]));
	}
	if (pred->nvalues == 1)
	{
		*out = args[0];
		return LH_OK;
	}
	LH_TRY(new_node(ctx, negate ? LH_P_AND : LH_P_OR, -1, out));
	(*out)->args = args;
	(*out)->nargs = pred->nvalues;
	return LH_OK;
}

static LhStatus
bind_bytes_in(LhCtx *ctx, const LhPred *pred, const LhType *type, LhPred **out)
{
	LhLeaf *leaf;
	LhKeySet *set;

	if (pred->nvalues == 1)
	{
		LhPred one = {.kind = LH_P_CMP, .col = pred->col, .value = pred->values[0]};

		return bind_bytes(ctx, &one, type, pred->kind == LH_P_NOT_IN ? LH_NE : LH_EQ, false, out);
	}
	LH_TRY(new_leaf(ctx, pred->kind, pred->col, type, LH_TEST_BYTES_SET, out));
	(*out)->values = pred->values;
	(*out)->nvalues = pred->nvalues;
	leaf = lh_pred_get_leaf(*out);
	leaf->negate = pred->kind == LH_P_NOT_IN;
	LH_NEW(ctx, set);
	LH_NEW_ARRAY(ctx, set->strs, (size_t) pred->nvalues);
	for (int i = 0; i < pred->nvalues; i++)
		set->strs[set->n++] = pred->values[i].str;
	leaf->set = set;
	return lh_keyset_finish(ctx, set, type);
}

/*
 * Keys of the constants that the column can hold.  Where a constant stands for
 * several keys (ns columns), the set is of keys divided.
 */
static LhStatus
fit_set(LhCtx *ctx, const LhPred *pred, const LhType *type, LhKeySet *set)
{
	LhI128 min, max;

	lh_lane_limits(type->lane, &min, &max);
	set->divisor = 1;
	LH_NEW_ARRAY(ctx, set->keys, (size_t) pred->nvalues);
	for (int i = 0; i < pred->nvalues; i++)
	{
		LhFit fit;
		LhI128 width, key;

		if (!lh_fit_value(&pred->values[i], type, &fit))
			return does_not_fit(ctx, pred, type, &pred->values[i].type);
		if (fit.over != 0 || fit.lo > fit.hi || fit.hi < min || fit.lo > max)
			continue;
		width = fit.hi - fit.lo + 1;
		if (set->n == 0)
			set->divisor = (int64_t) width;
		else if (width != set->divisor)
			return does_not_fit(ctx, pred, type, &pred->values[i].type);
		key = lh_floor_div_i128(fit.lo, width);
		if (set->n == 0 || set->keys[set->n - 1] != key)
			set->keys[set->n++] = key;
	}
	return LH_OK;
}

static LhStatus
bind_key_in(LhCtx *ctx, const LhPred *pred, const LhType *type, LhPred **out)
{
	bool negate = pred->kind == LH_P_NOT_IN;
	LhKeySet *set;
	LhLeaf *leaf;

	LH_NEW(ctx, set);
	LH_TRY(fit_set(ctx, pred, type, set));
	if (set->n == 0)
		return make_certain(ctx, pred->col, type, negate, false, out);
	if ((LhU128) set->keys[set->n - 1] - (LhU128) set->keys[0] == (LhU128) (set->n - 1))
		return make_range(ctx, pred->col, type, set->keys[0] * set->divisor,
						  set->keys[set->n - 1] * set->divisor + set->divisor - 1, negate, false,
						  out);
	LH_TRY(new_leaf(ctx, pred->kind, pred->col, type, LH_TEST_SET, out));
	leaf = lh_pred_get_leaf(*out);
	leaf->negate = negate;
	leaf->set = set;
	(*out)->nvalues = set->n;
	LH_NEW_ARRAY(ctx, (*out)->values, (size_t) set->n);
	for (int i = 0; i < set->n; i++)
		(*out)->values[i] = lh_key_value(type, set->keys[i] * set->divisor);
	return lh_keyset_finish(ctx, set, type);
}

static LhStatus
bind_in(LhCtx *ctx, const LhPred *pred, const LhType *type, LhPred **out)
{
	LhFitKind kind;

	if (pred->kind == LH_P_NOT_IN && pred->has_null)
		return make_never(ctx, out);
	kind = lh_fit_kind(type, &pred->values[0].type);
	for (int i = 1; i < pred->nvalues; i++)
	{
		if (lh_fit_kind(type, &pred->values[i].type) != kind)
			return does_not_fit(ctx, pred, type, &pred->values[i].type);
	}
	switch (kind)
	{
		case LH_FIT_BYTES: return bind_bytes_in(ctx, pred, type, out);
		case LH_FIT_WIDE: return bind_wide_in(ctx, pred, type, out);
		case LH_FIT_KEY: return bind_key_in(ctx, pred, type, out);
		default: return does_not_fit(ctx, pred, type, &pred->values[0].type);
	}
}

/* The range of all strings that begin with prefix. */
static LhStatus
prefix_range(LhCtx *ctx, LhStr prefix, LhByteRange *range)
{
	uint32_t n = prefix.len;
	uint8_t *next;

	*range = (LhByteRange){.lo = prefix, .has_lo = true};
	while (n > 0 && prefix.ptr[n - 1] == 0xFF)
		n--;
	if (n == 0)
		return LH_OK;
	next = lh_memdup(ctx, prefix.ptr, n);
	if (next == NULL)
		return ctx->error->code;
	next[n - 1]++;
	range->hi = (LhStr){next, n, 0};
	range->has_hi = range->hi_open = true;
	return LH_OK;
}

static LhStatus
bind_prefix(LhCtx *ctx, const LhPred *pred, const LhType *type, LhStr prefix, bool negate,
			LhPred **out)
{
	LhLeaf *leaf;

	if (prefix.len == 0)
		return make_certain(ctx, pred->col, type, !negate, false, out);
	LH_TRY(new_leaf(ctx, pred->kind, pred->col, type, LH_TEST_BYTES_PREFIX, out));
	(*out)->value = pred->value;
	leaf = lh_pred_get_leaf(*out);
	leaf->negate = negate;
	return prefix_range(ctx, prefix, &leaf->bytes);
}

static LhStatus
bind_like(LhCtx *ctx, const LhPred *pred, const LhType *type, LhPred **out)
{
	bool negate = pred->kind == LH_P_NOT_LIKE;
	LhPred exact = {.kind = LH_P_CMP, .col = pred->col, .value = pred->value};
	LhLike *like;
	LhLeaf *leaf;

	if (lh_like_ends_in_escape(pred->value.str.ptr, pred->value.str.len, pred->escape))
		LH_FAIL(ctx, LH_UNSUPPORTED, "LIKE pattern ends with escape character");
	LH_TRY(lh_like_compile(ctx, pred->value.str.ptr, pred->value.str.len, pred->escape, pred->text,
						   &like));
	switch (like->kind)
	{
		case LH_LIKE_ANY: return make_certain(ctx, pred->col, type, !negate, false, out);
		case LH_LIKE_EXACT:
			exact.value.str =
				like->npieces > 0 ? like->prefix : (LhStr){(const uint8_t *) "", 0, 0};
			return bind_bytes(ctx, &exact, type, negate ? LH_NE : LH_EQ, false, out);
		case LH_LIKE_STARTS: return bind_prefix(ctx, pred, type, like->prefix, negate, out);
		default: break;
	}
	LH_TRY(new_leaf(ctx, pred->kind, pred->col, type, LH_TEST_LIKE, out));
	(*out)->value = pred->value;
	(*out)->escape = pred->escape;
	(*out)->text = pred->text;
	leaf = lh_pred_get_leaf(*out);
	leaf->negate = negate;
	leaf->like = like;
	leaf->costly = true;
	((LhPredState *) (*out)->state)->cost = 1;
	return like->prefix.len > 0 ? prefix_range(ctx, like->prefix, &leaf->bytes) : LH_OK;
}

static LhStatus
bind_host(LhCtx *ctx, const LhPred *pred, const LhType *type, LhPred **out)
{
	LhPredState *state;
	LhHostRequest *request;

	LH_TRY(new_leaf(ctx, LH_P_HOST, pred->col, type, LH_TEST_HOST, out));
	(*out)->host_id = pred->host_id;
	state = (*out)->state;
	state->has_host = true;
	state->cost = 2;
	state->leaf->costly = true;
	request = &state->leaf->request;
	request->host_id = pred->host_id;
	request->col = pred->col;
	LH_NEW_ARRAY(ctx, request->items, LH_BATCH);
	LH_NEW_ARRAY(ctx, request->result, LH_BATCH);
	return LH_OK;
}

/* Every row is null. */
static LhStatus
bind_missing(LhCtx *ctx, const LhPred *pred, LhPred **out)
{
	return pred->kind == LH_P_IS_NULL || pred->kind == LH_P_DISTINCT ? make_true(ctx, out)
																	 : make_never(ctx, out);
}

static LhStatus
bind_leaf(LhCtx *ctx, const LhPred *pred, const LhType *type, LhPred **out)
{
	if (type->id == LH_T_NULL)
		return bind_missing(ctx, pred, out);
	switch (pred->kind)
	{
		case LH_P_ALWAYS:
		case LH_P_NOT_NULL: return make_certain(ctx, pred->col, type, true, false, out);
		case LH_P_IS_NULL: return make_certain(ctx, pred->col, type, false, true, out);
		case LH_P_CMP: return bind_compare(ctx, pred, type, pred->op, false, out);
		case LH_P_DISTINCT: return bind_compare(ctx, pred, type, LH_NE, true, out);
		case LH_P_NOT_DISTINCT: return bind_compare(ctx, pred, type, LH_EQ, false, out);
		case LH_P_IN:
		case LH_P_NOT_IN: return bind_in(ctx, pred, type, out);
		case LH_P_HOST: return bind_host(ctx, pred, type, out);
		case LH_P_IS_TRUE_BOOL:
		case LH_P_IS_FALSE_BOOL:
			if (type->id != LH_T_BOOL)
				break;
			return make_range(ctx, pred->col, type, pred->kind == LH_P_IS_TRUE_BOOL,
							  pred->kind == LH_P_IS_TRUE_BOOL, false, false, out);
		case LH_P_LIKE:
		case LH_P_NOT_LIKE:
		case LH_P_PREFIX:
		case LH_P_NOT_PREFIX:
			if (lh_fit_kind(type, &pred->value.type) != LH_FIT_BYTES)
				break;
			if (pred->kind == LH_P_LIKE || pred->kind == LH_P_NOT_LIKE)
				return bind_like(ctx, pred, type, out);
			return bind_prefix(ctx, pred, type, pred->value.str, pred->kind == LH_P_NOT_PREFIX,
							   out);
		default: LH_FAIL(ctx, LH_BUG, "predicate kind %d cannot be bound", (int) pred->kind);
	}
	return does_not_fit(ctx, pred, type, &pred->value.type);
}

/* A range that AND may intersect with another of its column. */
static bool
can_merge(const LhPred *p)
{
	const LhLeaf *leaf = lh_pred_get_leaf(p);

	return leaf != NULL && leaf->test == LH_TEST_RANGE && !leaf->negate && !leaf->null_passes;
}

/* Replace args[i] and args[j] by their intersection at i. */
static LhStatus
merge_ranges(LhCtx *ctx, LhPred **args, int i, int j)
{
	const LhLeaf *a = lh_pred_get_leaf(args[i]), *b = lh_pred_get_leaf(args[j]);

	return make_range(ctx, args[i]->col, &a->type, a->lo > b->lo ? a->lo : b->lo,
					  a->hi < b->hi ? a->hi : b->hi, false, false, &args[i]);
}

static void
remove_arg(LhPred *p, int i)
{
	p->nargs--;
	memmove(&p->args[i], &p->args[i + 1], (size_t) (p->nargs - i) * sizeof(LhPred *));
}

static LhStatus
merge_and(LhCtx *ctx, LhPred *p)
{
	for (int i = 0; i < p->nargs; i++)
	{
		for (int j = i + 1; j < p->nargs && can_merge(p->args[i]);)
		{
			if (p->args[j]->col != p->args[i]->col || !can_merge(p->args[j]))
			{
				j++;
				continue;
			}
			LH_TRY(merge_ranges(ctx, p->args, i, j));
			remove_arg(p, j);
		}
	}
	return LH_OK;
}

static int
node_cost(const LhPred *p)
{
	return ((const LhPredState *) p->state)->cost;
}

/* Stable: leaves of one cost stay in the order they were given. */
static void
order_by_cost(LhPred *p)
{
	LhPredState *state = p->state;

	for (int i = 1; i < p->nargs; i++)
	{
		LhPred *arg = p->args[i];
		int j = i;

		for (; j > 0 && node_cost(p->args[j - 1]) > node_cost(arg); j--)
			p->args[j] = p->args[j - 1];
		p->args[j] = arg;
	}
	for (int i = 0; i < p->nargs; i++)
	{
		const LhPredState *s = p->args[i]->state;

		state->has_host |= s->has_host;
		state->cost = s->cost > state->cost ? s->cost : state->cost;
	}
}

/* Is the node certain for all rows?  AND drops what is true and ends at never, OR the reverse. */
static bool
is_constant(const LhPred *p, LhPredKind kind)
{
	return p->kind == kind && p->col < 0;
}

static LhStatus
bind_list(LhCtx *ctx, const LhPred *pred, const LhType *types, LhPred **out)
{
	LhPredKind neutral = pred->kind == LH_P_AND ? LH_P_ALWAYS : LH_P_NEVER;
	LhPredKind decisive = pred->kind == LH_P_AND ? LH_P_NEVER : LH_P_ALWAYS;
	LhPred *p = NULL;
	int room = pred->nargs;

	LH_TRY(new_node(ctx, pred->kind, -1, &p));
	LH_NEW_ARRAY(ctx, p->args, (size_t) room);
	for (int i = 0; i < pred->nargs; i++)
	{
		LhPred *arg;

		LH_TRY(bind_node(ctx, pred->args[i], types, &arg));
		if (arg->kind != pred->kind)
		{
			p->args[p->nargs++] = arg;
			continue;
		}
		/* NOT IN of wide decimals became a list of our own kind */
		room += arg->nargs;
		{
			LhPred **args;

			LH_NEW_ARRAY(ctx, args, (size_t) room);
			memcpy(args, p->args, (size_t) p->nargs * sizeof(LhPred *));
			memcpy(args + p->nargs, arg->args, (size_t) arg->nargs * sizeof(LhPred *));
			p->args = args;
			p->nargs += arg->nargs;
		}
	}
	if (pred->kind == LH_P_AND)
		LH_TRY(merge_and(ctx, p));
	for (int i = p->nargs - 1; i >= 0; i--)
	{
		if (is_constant(p->args[i], decisive))
		{
			*out = p->args[i];
			return LH_OK;
		}
		if (is_constant(p->args[i], neutral))
			remove_arg(p, i);
	}
	if (p->nargs == 0)
		return neutral == LH_P_ALWAYS ? make_true(ctx, out) : make_never(ctx, out);
	if (p->nargs == 1)
	{
		*out = p->args[0];
		return LH_OK;
	}
	order_by_cost(p);
	*out = p;
	return LH_OK;
}

static LhStatus
bind_node(LhCtx *ctx, const LhPred *pred, const LhType *types, LhPred **out)
{
	if (pred->kind == LH_P_AND || pred->kind == LH_P_OR)
		return bind_list(ctx, pred, types, out);
	if (pred->kind == LH_P_NEVER)
		return make_never(ctx, out);
	if (pred->kind == LH_P_ALWAYS && pred->col < 0)
		return make_true(ctx, out);
	return bind_leaf(ctx, pred, &types[pred->col], out);
}

LhStatus
lh_pred_bind(LhCtx *ctx, const LhPred *pred, const LhType *types, LhPred **out)
{
	return bind_node(ctx, pred, types, out);
}
