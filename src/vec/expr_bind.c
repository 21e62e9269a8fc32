/*
 * expr_bind.c
 *		Result types of expressions for one file's column types.
 */
#include <string.h>

#include "vec/expr_impl.h"

static LhType
simple_type(LhTypeId id, LhLane lane)
{
	LhType t = {0};

	t.id = id;
	t.lane = lane;
	return t;
}

static LhType
arith_type(LhArith arith)
{
	switch (arith)
	{
		case LH_ARITH_INT2: return simple_type(LH_T_INT16, LH_LANE_I32);
		case LH_ARITH_INT4: return simple_type(LH_T_INT32, LH_LANE_I32);
		case LH_ARITH_INT8: return simple_type(LH_T_INT64, LH_LANE_I64);
		case LH_ARITH_FLOAT4: return simple_type(LH_T_FLOAT, LH_LANE_F32);
		case LH_ARITH_FLOAT8: return simple_type(LH_T_DOUBLE, LH_LANE_F64);
		default: return simple_type(LH_T_DECIMAL, LH_LANE_I64);
	}
}

static LhType
decimal_type(int precision, int scale)
{
	LhType t = simple_type(LH_T_DECIMAL, LH_LANE_I64);

	if (precision > 18)
		t.lane = LH_LANE_I128;
	t.precision =
		(int16_t) (precision < LH_DECIMAL_MAX_PRECISION ? precision : LH_DECIMAL_MAX_PRECISION);
	t.scale = (int16_t) scale;
	return t;
}

/* Digits and scale of a number as PostgreSQL's numeric sees it. */
static void
digits_of(const LhType *t, int *precision, int *scale)
{
	*scale = 0;
	switch (t->id)
	{
		case LH_T_DECIMAL:
			*precision = t->precision;
			*scale = t->scale;
			/* the lane may hold more than the declared digits: a file is not to be trusted */
			break;
		case LH_T_INT8:
		case LH_T_UINT8: *precision = 3; break;
		case LH_T_INT16:
		case LH_T_UINT16: *precision = 5; break;
		case LH_T_INT32:
		case LH_T_UINT32: *precision = 10; break;
		case LH_T_UINT64: *precision = 20; break;
		default: *precision = 19; break;
	}
}

static LhStatus
unsupported(LhCtx *ctx, const LhExpr *e, const LhType *t)
{
	LH_FAIL(ctx, LH_UNSUPPORTED, "expression of kind %d does not take type %s", (int) e->kind,
			lh_type_name(t));
}

/* May values of type t be operands of the arithmetic? */
static bool
is_operand(LhArith arith, const LhType *t)
{
	LhFamily f = lh_type_family(t);

	if (t->id == LH_T_NULL)
		return true;
	if (lh_arith_is_int(arith))
		return f == LH_FAMILY_NUMBER && t->id != LH_T_DECIMAL && t->id != LH_T_UINT64;
	if (arith == LH_ARITH_NUMERIC)
		return f == LH_FAMILY_NUMBER && t->lane != LH_LANE_STR;
	/* an int becomes a float by a rounding that both sides do alike; a decimal does not */
	return f == LH_FAMILY_FLOAT ||
		   (f == LH_FAMILY_NUMBER && t->id != LH_T_DECIMAL && t->id != LH_T_UINT64);
}

/*
 * Bring an operand of + or - to the result's scale: a constant now, others by
 * a factor later.
 */
static void
raise_operand(LhExpr *e, int i, int scale, int by)
{
	LhExprState *state = e->state;
	LhExpr *arg = e->args[i];
	LhI128 x;

	state->factor[i] = lh_pow10[by];
	if (by == 0 || arg->kind != LH_E_CONST || arg->value.null ||
		!lh_value_unscaled(&arg->value, &x) || !lh_mul_i128(x, lh_pow10[by], &x) || x > INT64_MAX ||
		x < INT64_MIN)
		return;
	state->factor[i] = 1;
	arg->value.type = (LhType){
		.id = LH_T_DECIMAL, .lane = LH_LANE_I64, .precision = 18, .scale = (int16_t) scale};
	arg->value.i64 = (int64_t) x;
	lh_vec_const(&((LhExprState *) arg->state)->constant, &arg->value, 0);
}

static LhStatus
bind_numeric(LhCtx *ctx, LhExpr *e)
{
	LhExprState *state = e->state;
	int p[2] = {1, 1}, s[2] = {0, 0}, scale, whole;

	for (int i = 0; i < 2; i++)
	{
		if (e->args[i] != NULL && e->args[i]->type.id != LH_T_NULL)
			digits_of(&e->args[i]->type, &p[i], &s[i]);
		if (s[i] < 0 || s[i] > LH_DECIMAL_MAX_PRECISION)
			return unsupported(ctx, e, &e->args[i]->type);
		state->factor[i] = 1;
	}
	if (e->args[1] == NULL)
	{
		e->type = decimal_type(p[0], s[0]);
		return LH_OK;
	}
	if (e->kind == LH_E_MUL)
	{
		if (s[0] + s[1] > LH_DECIMAL_MAX_PRECISION)
			LH_FAIL(ctx, LH_UNSUPPORTED, "product with scale %d needs more than 38 digits",
					s[0] + s[1]);
		e->type = decimal_type(p[0] + p[1], s[0] + s[1]);
		return LH_OK;
	}
	scale = s[0] > s[1] ? s[0] : s[1];
	whole = p[0] - s[0] > p[1] - s[1] ? p[0] - s[0] : p[1] - s[1];
	e->type = decimal_type(whole + scale + 1, scale);
	raise_operand(e, 0, scale, scale - s[0]);
	raise_operand(e, 1, scale, scale - s[1]);
	return LH_OK;
}

static LhStatus
bind_arith(LhCtx *ctx, LhExpr *e)
{
	for (int i = 0; i < 2 && e->args[i] != NULL; i++)
	{
		if (!is_operand(e->arith, &e->args[i]->type))
			return unsupported(ctx, e, &e->args[i]->type);
	}
	if (e->arith == LH_ARITH_NUMERIC)
		return bind_numeric(ctx, e);
	e->type = arith_type(e->arith);
	return LH_OK;
}

static LhStatus
bind_cast(LhCtx *ctx, LhExpr *e, const LhType *wanted)
{
	const LhType *from = &e->args[0]->type;

	if (wanted->id == LH_T_TIMESTAMP)
	{
		if (from->id != LH_T_DATE && from->id != LH_T_NULL)
			return unsupported(ctx, e, from);
		e->type = *wanted;
		e->type.lane = LH_LANE_I64;
		return LH_OK;
	}
	if (from->id == LH_T_DOUBLE && e->arith != LH_ARITH_FLOAT8)
		return unsupported(ctx, e, from);
	return bind_arith(ctx, e);
}

static LhStatus
bind_length(LhCtx *ctx, LhExpr *e)
{
	const LhType *from = &e->args[0]->type;
	bool bytes = lh_type_family(from) == LH_FAMILY_BYTES;

	if (from->id != LH_T_NULL &&
		!(bytes && (e->kind == LH_E_OCTET_LENGTH || from->lane == LH_LANE_STR)))
		return unsupported(ctx, e, from);
	e->type = arith_type(LH_ARITH_INT4);
	return LH_OK;
}

static LhStatus
new_node(LhCtx *ctx, const LhExpr *from, LhExpr **out)
{
	LhExpr *e;
	LhExprState *state;

	LH_NEW(ctx, e);
	LH_NEW(ctx, state);
	*e = *from;
	e->state = state;
	memset(&e->type, 0, sizeof(e->type));
	state->arena = ctx->arena;
	LH_TRY(lh_buf_init(ctx, &state->data, true));
	LH_TRY(lh_buf_init(ctx, &state->dict_values, true));
	*out = e;
	return LH_OK;
}

/* A float column that PostgreSQL sees as double precision. */
static LhStatus
widen_column(LhCtx *ctx, LhExpr *column, LhExpr **out)
{
	LhExpr cast = {.kind = LH_E_CAST, .arith = LH_ARITH_FLOAT8};

	LH_TRY(new_node(ctx, &cast, out));
	(*out)->args[0] = column;
	(*out)->type = arith_type(LH_ARITH_FLOAT8);
	LH_TRY(lh_vec_scratch_create(ctx, &((LhExprState *) (*out)->state)->scratch[0]));
	return LH_OK;
}

static LhStatus
bind_constant(LhCtx *ctx, LhExpr *e)
{
	LhExprState *state = e->state;

	e->type = e->value.type;
	if (!e->value.null && (e->type.lane == LH_LANE_STR || e->type.lane == LH_LANE_FIX))
	{
		e->value.str.ptr = lh_memdup(ctx, e->value.str.ptr, e->value.str.len);
		if (e->value.str.ptr == NULL)
			return ctx->error->code;
	}
	lh_vec_const(&state->constant, &e->value, 0);
	return LH_OK;
}

LhStatus
lh_expr_bind(LhCtx *ctx, const LhExpr *expr, const LhType *types, LhExpr **out)
{
	LhExpr *e = NULL;

	LH_TRY(new_node(ctx, expr, &e));
	*out = e;
	if (expr->kind == LH_E_COLUMN)
	{
		e->type = types[expr->col];
		if (expr->arith == LH_ARITH_FLOAT8 && e->type.lane == LH_LANE_F32)
			return widen_column(ctx, e, out);
		return LH_OK;
	}
	if (expr->kind == LH_E_CONST)
		return bind_constant(ctx, e);
	for (int i = 0; i < 2; i++)
	{
		e->args[i] = NULL;
		if (i == 1 && !lh_expr_is_binary(expr))
			break;
		LH_TRY(lh_expr_bind(ctx, expr->args[i], types, &e->args[i]));
		LH_TRY(lh_vec_scratch_create(ctx, &((LhExprState *) e->state)->scratch[i]));
	}
	switch (expr->kind)
	{
		case LH_E_LENGTH:
		case LH_E_OCTET_LENGTH: return bind_length(ctx, e);
		case LH_E_CAST: return bind_cast(ctx, e, &expr->type);
		default: return bind_arith(ctx, e);
	}
}

static bool
same_constant(const LhValue *a, const LhValue *b)
{
	return lh_type_equal(&a->type, &b->type) && a->null == b->null &&
		   (a->null || (lh_value_compare(a, b) == 0 &&
						(lh_type_family(&a->type) != LH_FAMILY_FLOAT || a->i64 == b->i64)));
}

bool
lh_expr_equal(const LhExpr *a, const LhExpr *b)
{
	if (a == b)
		return true;
	if (a == NULL || b == NULL || a->kind != b->kind || a->arith != b->arith)
		return false;
	switch (a->kind)
	{
		case LH_E_COLUMN: return a->col == b->col;
		case LH_E_CONST: return same_constant(&a->value, &b->value);
		case LH_E_CAST:
			return lh_type_equal(&a->type, &b->type) && lh_expr_equal(a->args[0], b->args[0]);
		default:
			return lh_expr_equal(a->args[0], b->args[0]) &&
				   (!lh_expr_is_binary(a) || lh_expr_equal(a->args[1], b->args[1]));
	}
}
