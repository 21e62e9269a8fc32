/*
 * pred_reference.c
 *		What a predicate means, one row at a time, written plainly.
 *
 * Tests compare everything else in vec/ with it.  It uses the unbound tree and
 * shares nothing with the compiled form.
 */
#include <string.h>

#include "vec/pred.h"
#include "vec/value.h"

/* PostgreSQL sees nanoseconds cut to microseconds, unless the constant has them too. */
static LhValue
as_seen(const LhValue *v, const LhValue *constant)
{
	LhValue seen = *v;
	bool ticks = v->type.id == LH_T_TIME || v->type.id == LH_T_TIMESTAMP;

	if (ticks && v->type.unit == LH_UNIT_NS &&
		(constant->type.id == LH_T_DATE || constant->type.unit != LH_UNIT_NS))
	{
		seen.type.unit = LH_UNIT_US;
		seen.i64 = lh_floor_div(v->i64, 1000);
	}
	return seen;
}

static int
compare(const LhValue *v, const LhValue *constant)
{
	LhValue seen = as_seen(v, constant);

	return lh_value_compare(&seen, constant);
}

static bool
compares(LhCmp op, int c)
{
	switch (op)
	{
		case LH_EQ: return c == 0;
		case LH_NE: return c != 0;
		case LH_LT: return c < 0;
		case LH_LE: return c <= 0;
		case LH_GT: return c > 0;
		default: return c >= 0;
	}
}

static bool
is_member(const LhPred *p, const LhValue *v)
{
	for (int i = 0; i < p->nvalues; i++)
	{
		if (compare(v, &p->values[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_like(const LhPred *p, const LhValue *v)
{
	return lh_like_match(v->str.ptr, v->str.len, p->value.str.ptr, p->value.str.len, p->escape,
						 p->text);
}

static bool
has_prefix(const LhPred *p, const LhValue *v)
{
	return v->str.len >= p->value.str.len &&
		   (p->value.str.len == 0 || memcmp(v->str.ptr, p->value.str.ptr, p->value.str.len) == 0);
}

bool
lh_pred_reference(const LhPred *p, const LhValue *values)
{
	const LhValue *v = p->col >= 0 ? &values[p->col] : NULL;

	switch (p->kind)
	{
		case LH_P_AND:
			for (int i = 0; i < p->nargs; i++)
			{
				if (!lh_pred_reference(p->args[i], values))
					return false;
			}
			return true;
		case LH_P_OR:
			for (int i = 0; i < p->nargs; i++)
			{
				if (lh_pred_reference(p->args[i], values))
					return true;
			}
			return false;
		case LH_P_NEVER: return false;
		case LH_P_ALWAYS: return v == NULL || !v->null;
		case LH_P_IS_NULL: return v->null;
		case LH_P_NOT_NULL: return !v->null;
		case LH_P_DISTINCT: return v->null || compare(v, &p->value) != 0;
		default: break;
	}
	if (v->null)
		return false;
	switch (p->kind)
	{
		case LH_P_CMP: return compares(p->op, compare(v, &p->value));
		case LH_P_NOT_DISTINCT: return compare(v, &p->value) == 0;
		case LH_P_IN: return is_member(p, v);
		case LH_P_NOT_IN: return !p->has_null && !is_member(p, v);
		case LH_P_LIKE: return is_like(p, v);
		case LH_P_NOT_LIKE: return !is_like(p, v);
		case LH_P_PREFIX: return has_prefix(p, v);
		case LH_P_NOT_PREFIX: return !has_prefix(p, v);
		case LH_P_IS_TRUE_BOOL: return lh_value_bool(v);
		case LH_P_IS_FALSE_BOOL: return !lh_value_bool(v);
		default: return false;
	}
}
