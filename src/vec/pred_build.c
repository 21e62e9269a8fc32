/*
 * pred_build.c
 *		Building predicates, negation, printing.
 *
 * Trees are in negation normal form from the start.  Nothing that three-valued
 * logic would need later is simplified away here: lh_pred_not of what these
 * functions return is exact.
 */
#include <stdlib.h>
#include <string.h>

#include "vec/like.h"
#include "vec/pred.h"
#include "vec/value.h"

static LhStatus
new_pred(LhCtx *ctx, LhPredKind kind, int col, LhPred **out)
{
	LhPred *p;

	LH_NEW(ctx, p);
	p->kind = kind;
	p->col = col;
	*out = p;
	return LH_OK;
}

/* NEVER that is null for every row. */
static LhStatus
new_null(LhCtx *ctx, int col, LhPred **out)
{
	LH_TRY(new_pred(ctx, LH_P_NEVER, col, out));
	(*out)->value.null = true;
	return LH_OK;
}

static LhStatus
copy_value(LhCtx *ctx, const LhValue *v, LhValue *out)
{
	*out = *v;
	if (!v->null && (v->type.lane == LH_LANE_STR || v->type.lane == LH_LANE_FIX))
	{
		out->str.ptr = lh_memdup(ctx, v->str.ptr, v->str.len);
		if (out->str.ptr == NULL)
			return ctx->error->code;
	}
	return LH_OK;
}

LhStatus
lh_pred_cmp(LhCtx *ctx, int col, LhCmp op, const LhValue *value, LhPred **out)
{
	if (value->null)
		return new_null(ctx, col, out);
	LH_TRY(new_pred(ctx, LH_P_CMP, col, out));
	(*out)->op = op;
	return copy_value(ctx, value, &(*out)->value);
}

static int
compare_values(const void *a, const void *b)
{
	return lh_value_compare(a, b);
}

/*
 * An empty list is false, NOT of it true, even for null rows, as PostgreSQL
 * has it for = ANY of an empty array.
 */
LhStatus
lh_pred_in(LhCtx *ctx, int col, bool negate, const LhValue *values, int n, bool has_null,
		   LhPred **out)
{
	LhPred *p = NULL;
	int used = 0;

	LH_TRY(new_pred(ctx, negate ? LH_P_NOT_IN : LH_P_IN, col, &p));
	*out = p;
	LH_NEW_ARRAY(ctx, p->values, n > 0 ? (size_t) n : 1);
	for (int i = 0; i < n; i++)
	{
		if (values[i].null)
			has_null = true;
		else
			LH_TRY(copy_value(ctx, &values[i], &p->values[p->nvalues++]));
	}
	p->has_null = has_null;
	if (p->nvalues == 0)
	{
		if (has_null)
			return new_null(ctx, col, out);
		return new_pred(ctx, negate ? LH_P_ALWAYS : LH_P_NEVER, -1, out);
	}
	qsort(p->values, (size_t) p->nvalues, sizeof(LhValue), compare_values);
	for (int i = 1; i < p->nvalues; i++)
	{
		if (lh_value_compare(&p->values[used], &p->values[i]) != 0)
			p->values[++used] = p->values[i];
	}
	p->nvalues = used + 1;
	return LH_OK;
}

static bool
is_text(const LhType *t)
{
	return t->id == LH_T_STRING || t->id == LH_T_ENUM || t->id == LH_T_JSON;
}

LhStatus
lh_pred_leaf(LhCtx *ctx, LhPredKind kind, int col, const LhValue *value, LhPred **out)
{
	bool null = value != NULL && value->null;

	switch (kind)
	{
		case LH_P_NEVER: return null ? new_null(ctx, col, out) : new_pred(ctx, kind, col, out);
		case LH_P_ALWAYS:
		case LH_P_IS_NULL:
		case LH_P_NOT_NULL:
		case LH_P_IS_TRUE_BOOL:
		case LH_P_IS_FALSE_BOOL:
		case LH_P_HOST: return new_pred(ctx, kind, col, out);
		case LH_P_DISTINCT:
		case LH_P_NOT_DISTINCT:
			if (null)
				return new_pred(ctx, kind == LH_P_DISTINCT ? LH_P_NOT_NULL : LH_P_IS_NULL, col,
								out);
			break;
		case LH_P_LIKE:
		case LH_P_NOT_LIKE:
		case LH_P_PREFIX:
		case LH_P_NOT_PREFIX:
			if (null)
				return new_null(ctx, col, out);
			break;
		default: LH_FAIL(ctx, LH_BUG, "predicate kind %d is not a leaf", (int) kind);
	}
	if (value == NULL)
		LH_FAIL(ctx, LH_BUG, "predicate kind %d needs a value", (int) kind);
	LH_TRY(new_pred(ctx, kind, col, out));
	LH_TRY(copy_value(ctx, value, &(*out)->value));
	if (kind == LH_P_LIKE || kind == LH_P_NOT_LIKE)
	{
		(*out)->escape = '\\';
		(*out)->text = is_text(&value->type);
		if (lh_like_ends_in_escape(value->str.ptr, value->str.len, '\\'))
			LH_FAIL(ctx, LH_UNSUPPORTED, "LIKE pattern ends with escape character");
	}
	return LH_OK;
}

LhStatus
lh_pred_list(LhCtx *ctx, LhPredKind kind, LhPred **args, int nargs, LhPred **out)
{
	LhPred *p = NULL;
	int n = 0;

	if (nargs == 0)
		return new_pred(ctx, kind == LH_P_AND ? LH_P_ALWAYS : LH_P_NEVER, -1, out);
	if (nargs == 1)
	{
		*out = args[0];
		return LH_OK;
	}
	for (int i = 0; i < nargs; i++)
		n += args[i]->kind == kind ? args[i]->nargs : 1;
	LH_TRY(new_pred(ctx, kind, -1, &p));
	LH_NEW_ARRAY(ctx, p->args, (size_t) n);
	for (int i = 0; i < nargs; i++)
	{
		if (args[i]->kind != kind)
			p->args[p->nargs++] = args[i];
		else
		{
			memcpy(p->args + p->nargs, args[i]->args, (size_t) args[i]->nargs * sizeof(LhPred *));
			p->nargs += args[i]->nargs;
		}
	}
	*out = p;
	return LH_OK;
}

static LhStatus
negate_list(LhCtx *ctx, const LhPred *pred, LhPred **out)
{
	LhPred **args;

	LH_NEW_ARRAY(ctx, args, (size_t) pred->nargs);
	for (int i = 0; i < pred->nargs; i++)
		LH_TRY(lh_pred_not(ctx, pred->args[i], &args[i]));
	return lh_pred_list(ctx, pred->kind == LH_P_AND ? LH_P_OR : LH_P_AND, args, pred->nargs, out);
}

LhStatus
lh_pred_not(LhCtx *ctx, const LhPred *pred, LhPred **out)
{
	static const LhCmp inverse[] = {
		[LH_EQ] = LH_NE, [LH_NE] = LH_EQ, [LH_LT] = LH_GE,
		[LH_LE] = LH_GT, [LH_GT] = LH_LE, [LH_GE] = LH_LT,
	};
	static const LhPredKind opposite[] = {
		[LH_P_NEVER] = LH_P_ALWAYS,
		[LH_P_ALWAYS] = LH_P_NEVER,
		[LH_P_CMP] = LH_P_CMP,
		[LH_P_IN] = LH_P_NOT_IN,
		[LH_P_NOT_IN] = LH_P_IN,
		[LH_P_IS_NULL] = LH_P_NOT_NULL,
		[LH_P_NOT_NULL] = LH_P_IS_NULL,
		[LH_P_DISTINCT] = LH_P_NOT_DISTINCT,
		[LH_P_NOT_DISTINCT] = LH_P_DISTINCT,
		[LH_P_LIKE] = LH_P_NOT_LIKE,
		[LH_P_NOT_LIKE] = LH_P_LIKE,
		[LH_P_PREFIX] = LH_P_NOT_PREFIX,
		[LH_P_NOT_PREFIX] = LH_P_PREFIX,
		[LH_P_IS_TRUE_BOOL] = LH_P_IS_FALSE_BOOL,
		[LH_P_IS_FALSE_BOOL] = LH_P_IS_TRUE_BOOL,
	};
	LhPred *p;

	if (pred->kind == LH_P_AND || pred->kind == LH_P_OR)
		return negate_list(ctx, pred, out);
	if (pred->kind == LH_P_HOST)
		LH_FAIL(ctx, LH_UNSUPPORTED, "a condition evaluated by the host cannot be negated");
	if (pred->kind == LH_P_RANGE)
		LH_FAIL(ctx, LH_BUG, "cannot negate a bound predicate");
	LH_NEW(ctx, p);
	*p = *pred;
	p->state = NULL;
	if (!(pred->kind == LH_P_NEVER && pred->value.null))
		p->kind = opposite[pred->kind];
	if (p->kind == LH_P_CMP)
		p->op = inverse[pred->op];
	*out = p;
	return LH_OK;
}

bool
lh_pred_uses(const LhPred *pred, int col)
{
	for (int i = 0; i < pred->nargs; i++)
	{
		if (lh_pred_uses(pred->args[i], col))
			return true;
	}
	return pred->nargs == 0 && pred->col == col;
}

static LhStatus
format_constant(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	bool bare = v->null || lh_type_family(&v->type) <= LH_FAMILY_FLOAT;

	if (!bare)
		LH_TRY(lh_buf_putc(ctx, out, '\''));
	LH_TRY(lh_value_format(ctx, v, out));
	return bare ? LH_OK : lh_buf_putc(ctx, out, '\'');
}

static LhStatus
format_values(LhCtx *ctx, const LhPred *p, const char *op, LhBuf *out)
{
	LH_TRY(lh_buf_append_str(ctx, out, op));
	for (int i = 0; i < p->nvalues; i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_append_str(ctx, out, ", "));
		LH_TRY(format_constant(ctx, &p->values[i], out));
	}
	if (p->has_null)
		LH_TRY(lh_buf_append_str(ctx, out, ", NULL"));
	return lh_buf_putc(ctx, out, ')');
}

static LhStatus
format_list(LhCtx *ctx, const LhPred *p, const char *const *names, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '('));
	for (int i = 0; i < p->nargs; i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_append_str(ctx, out, p->kind == LH_P_AND ? " AND " : " OR "));
		LH_TRY(lh_pred_format(ctx, p->args[i], names, out));
	}
	return lh_buf_putc(ctx, out, ')');
}

LhStatus
lh_pred_format(LhCtx *ctx, const LhPred *p, const char *const *names, LhBuf *out)
{
	static const char *const ops[] = {" = ", " <> ", " < ", " <= ", " > ", " >= "};
	static const char *const after[] = {
		[LH_P_IS_NULL] = " IS NULL",
		[LH_P_NOT_NULL] = " IS NOT NULL",
		[LH_P_DISTINCT] = " IS DISTINCT FROM ",
		[LH_P_NOT_DISTINCT] = " IS NOT DISTINCT FROM ",
		[LH_P_LIKE] = " LIKE ",
		[LH_P_NOT_LIKE] = " NOT LIKE ",
		[LH_P_PREFIX] = " STARTS WITH ",
		[LH_P_NOT_PREFIX] = " NOT STARTS WITH ",
		[LH_P_IS_TRUE_BOOL] = " IS TRUE",
		[LH_P_IS_FALSE_BOOL] = " IS FALSE",
	};

	if (p->kind == LH_P_AND || p->kind == LH_P_OR)
		return format_list(ctx, p, names, out);
	if (p->kind == LH_P_NEVER)
		return lh_buf_append_str(ctx, out, "false");
	if (p->kind == LH_P_ALWAYS && p->col < 0)
		return lh_buf_append_str(ctx, out, "true");
	if (p->kind == LH_P_HOST)
		LH_TRY(lh_buf_printf(ctx, out, "host%d(", p->host_id));
	if (names != NULL)
		LH_TRY(lh_buf_append_str(ctx, out, names[p->col]));
	else
		LH_TRY(lh_buf_printf(ctx, out, "c%d", p->col));
	switch (p->kind)
	{
		case LH_P_HOST: return lh_buf_putc(ctx, out, ')');
		case LH_P_ALWAYS: return lh_buf_append_str(ctx, out, " IS NOT NULL");
		case LH_P_CMP:
			LH_TRY(lh_buf_append_str(ctx, out, ops[p->op]));
			return format_constant(ctx, &p->value, out);
		case LH_P_IN: return format_values(ctx, p, " IN (", out);
		case LH_P_NOT_IN: return format_values(ctx, p, " NOT IN (", out);
		case LH_P_RANGE: return format_values(ctx, p, p->negate ? " OUTSIDE (" : " WITHIN (", out);
		case LH_P_DISTINCT:
		case LH_P_NOT_DISTINCT:
		case LH_P_LIKE:
		case LH_P_NOT_LIKE:
		case LH_P_PREFIX:
		case LH_P_NOT_PREFIX:
			LH_TRY(lh_buf_append_str(ctx, out, after[p->kind]));
			return format_constant(ctx, &p->value, out);
		default: return lh_buf_append_str(ctx, out, after[p->kind]);
	}
}
