/*
 * expr_scalar.c
 *		Scalar expressions of PostgreSQL as core expressions: arguments of
 *		aggregates.
 *
 * A column in such an expression must reach core with exactly the values
 * PostgreSQL would see; the caller guarantees it (fdw/agg_exec.c turns other
 * columns into vectors of their declared type first).
 */
#include "pg/bridge/agg.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "pg/bridge/expr.h"

typedef struct ScalarFunction
{
	Oid			funcid;
	LhExprKind	kind;
	LhArith		arith;			/* of the result */
	int			nargs;
} ScalarFunction;

#define THREE(p, a) \
	{F_##p##PL, LH_E_ADD, a, 2}, {F_##p##MI, LH_E_SUB, a, 2}, {F_##p##MUL, LH_E_MUL, a, 2}

static const ScalarFunction scalar_functions[] = {
	THREE(INT2, LH_ARITH_INT2),
	THREE(INT4, LH_ARITH_INT4), THREE(INT24, LH_ARITH_INT4), THREE(INT42, LH_ARITH_INT4),
	THREE(INT8, LH_ARITH_INT8), THREE(INT28, LH_ARITH_INT8), THREE(INT82, LH_ARITH_INT8),
	THREE(INT48, LH_ARITH_INT8), THREE(INT84, LH_ARITH_INT8),
	THREE(FLOAT4, LH_ARITH_FLOAT4),
	THREE(FLOAT8, LH_ARITH_FLOAT8), THREE(FLOAT48, LH_ARITH_FLOAT8), THREE(FLOAT84, LH_ARITH_FLOAT8),
	{F_NUMERIC_ADD, LH_E_ADD, LH_ARITH_NUMERIC, 2},
	{F_NUMERIC_SUB, LH_E_SUB, LH_ARITH_NUMERIC, 2},
	{F_NUMERIC_MUL, LH_E_MUL, LH_ARITH_NUMERIC, 2},
	{F_INT2UM, LH_E_NEG, LH_ARITH_INT2, 1},
	{F_INT4UM, LH_E_NEG, LH_ARITH_INT4, 1},
	{F_INT8UM, LH_E_NEG, LH_ARITH_INT8, 1},
	{F_FLOAT4UM, LH_E_NEG, LH_ARITH_FLOAT4, 1},
	{F_FLOAT8UM, LH_E_NEG, LH_ARITH_FLOAT8, 1},
	{F_NUMERIC_UMINUS, LH_E_NEG, LH_ARITH_NUMERIC, 1},
	{F_LENGTH_TEXT, LH_E_LENGTH, LH_ARITH_INT4, 1},
	{F_CHAR_LENGTH_TEXT, LH_E_LENGTH, LH_ARITH_INT4, 1},
	{F_CHARACTER_LENGTH_TEXT, LH_E_LENGTH, LH_ARITH_INT4, 1},
	{F_OCTET_LENGTH_TEXT, LH_E_OCTET_LENGTH, LH_ARITH_INT4, 1},
	{F_OCTET_LENGTH_BYTEA, LH_E_OCTET_LENGTH, LH_ARITH_INT4, 1},
	{F_LENGTH_BYTEA, LH_E_OCTET_LENGTH, LH_ARITH_INT4, 1},
	{F_INT4_INT2, LH_E_CAST, LH_ARITH_INT4, 1},
	{F_INT8_INT2, LH_E_CAST, LH_ARITH_INT8, 1},
	{F_INT8_INT4, LH_E_CAST, LH_ARITH_INT8, 1},
	{F_FLOAT4_INT2, LH_E_CAST, LH_ARITH_FLOAT4, 1},
	{F_FLOAT4_INT4, LH_E_CAST, LH_ARITH_FLOAT4, 1},
	{F_FLOAT4_INT8, LH_E_CAST, LH_ARITH_FLOAT4, 1},
	{F_FLOAT8_INT2, LH_E_CAST, LH_ARITH_FLOAT8, 1},
	{F_FLOAT8_INT4, LH_E_CAST, LH_ARITH_FLOAT8, 1},
	{F_FLOAT8_INT8, LH_E_CAST, LH_ARITH_FLOAT8, 1},
	{F_FLOAT8_FLOAT4, LH_E_CAST, LH_ARITH_FLOAT8, 1},
	{F_NUMERIC_INT2, LH_E_CAST, LH_ARITH_NUMERIC, 1},
	{F_NUMERIC_INT4, LH_E_CAST, LH_ARITH_NUMERIC, 1},
	{F_NUMERIC_INT8, LH_E_CAST, LH_ARITH_NUMERIC, 1},
};

static const ScalarFunction *
find_function(Oid funcid)
{
	for (size_t i = 0; i < lengthof(scalar_functions); i++)
	{
		if (scalar_functions[i].funcid == funcid)
			return &scalar_functions[i];
	}
	return NULL;
}

static Node *
strip(Node *node)
{
	while (node && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* Function call or operator: its OID and arguments. */
static bool
call_of(Node *node, Oid *funcid, List **args)
{
	if (IsA(node, OpExpr))
	{
		OpExpr	   *op = (OpExpr *) node;

		*funcid = OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
		*args = op->args;
		return true;
	}
	if (IsA(node, FuncExpr))
	{
		*funcid = ((FuncExpr *) node)->funcid;
		*args = ((FuncExpr *) node)->args;
		return true;
	}
	return false;
}

/* Types whose columns and constants expressions may use. */
static bool
scalar_type(Oid typid)
{
	switch (typid)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case BYTEAOID:
		case UUIDOID:
			return true;
		case TEXTOID:
		case VARCHAROID:
			return GetDatabaseEncoding() == PG_UTF8;
		default:
			return false;
	}
}

static bool
reason(const char **why, const char *text)
{
	if (why != NULL && *why == NULL)
		*why = text;
	return false;
}

/*
 * Digits that a numeric expression can have; 0 when unknown.  Core computes in
 * 128 bits, 38 digits, so an expression that may need more is not pushed.
 * *scale follows numeric's rules.
 */
static int
numeric_digits(Node *node, int *scale)
{
	Oid			funcid;
	List	   *args;
	int			p1,
				p2,
				s1,
				s2;
	const ScalarFunction *f;

	node = strip(node);
	if (IsA(node, Var))
	{
		int32		typmod = ((Var *) node)->vartypmod - (int32) VARHDRSZ;

		if (typmod < 0)
			return 0;
		*scale = ((typmod & 0x7ff) ^ 1024) - 1024;
		return (typmod >> 16) & 0xffff;
	}
	if (IsA(node, Const))
	{
		LhValue		v;
		LhFit		fit;
		char		text[64];

		if (((Const *) node)->constisnull || !lh_expr_value(((Const *) node)->constvalue, NUMERICOID, &v, &fit) ||
			fit != LH_FIT_EXACT)
			return 0;
		*scale = v.type.scale;
		return Max(lh_decimal_format(v.i128 < 0 ? -v.i128 : v.i128, 0, text), v.type.scale + 1);
	}
	if (!call_of(node, &funcid, &args) || (f = find_function(funcid)) == NULL)
		return 0;
	if (f->kind == LH_E_CAST)
	{
		*scale = 0;
		return funcid == F_NUMERIC_INT2 ? 5 : funcid == F_NUMERIC_INT4 ? 10 : 19;
	}
	p1 = numeric_digits(linitial(args), &s1);
	if (f->nargs == 1)
	{
		*scale = s1;
		return p1;
	}
	p2 = numeric_digits(lsecond(args), &s2);
	if (p1 == 0 || p2 == 0)
		return 0;
	if (f->kind == LH_E_MUL)
	{
		*scale = s1 + s2;
		return p1 + p2;
	}
	*scale = Max(s1, s2);
	return Max(p1 - s1, p2 - s2) + *scale + 1;
}

static bool
walk(Node *node, Index rti, const char **why)
{
	Oid			funcid;
	List	   *args;
	ListCell   *lc;
	const ScalarFunction *f;

	check_stack_depth();
	node = strip(node);
	if (!scalar_type(exprType(node)))
		return reason(why, "type has no vector form");
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varno != (int) rti || var->varlevelsup != 0 || var->varattno <= 0)
			return reason(why, "not a plain column");
		return true;
	}
	if (IsA(node, Const))
		return !((Const *) node)->constisnull || reason(why, "null constant");
	if (!call_of(node, &funcid, &args) || (f = find_function(funcid)) == NULL ||
		f->nargs != list_length(args))
		return reason(why, "function has no vector form");
	foreach(lc, args)
	{
		if (!walk(lfirst(lc), rti, why))
			return false;
	}
	return true;
}

/* Any numeric arithmetic below must fit 38 digits. */
static bool
numeric_fits(Node *node, const char **why)
{
	int			scale,
				digits;
	Oid			funcid;
	List	   *args;

	node = strip(node);
	if (exprType(node) != NUMERICOID || IsA(node, Var))
		return true;
	digits = numeric_digits(node, &scale);
	if (digits == 0 || digits > LH_DECIMAL_MAX_PRECISION || scale > LH_DECIMAL_MAX_PRECISION)
		return reason(why, "numeric expression may need more than 38 digits");
	if (call_of(node, &funcid, &args))
	{
		ListCell   *lc;

		foreach(lc, args)
		{
			if (!numeric_fits(lfirst(lc), why))
				return false;
		}
	}
	return true;
}

bool
lh_scalar_pushable(Expr *expr, Index rti, const char **why)
{
	return walk((Node *) expr, rti, why) && numeric_fits((Node *) expr, why);
}

static LhExpr *
new_expr(const LhQualBuild *build, LhExprKind kind)
{
	LhExpr	   *e = lh_alloc0(build->ctx, sizeof(LhExpr));

	if (e == NULL)
		lh_pg_raise(build->ctx);
	e->kind = kind;
	return e;
}

/* Constants keep PostgreSQL's width: an int4 constant is an INT32 value. */
static void
narrow_constant(Oid typid, LhValue *v)
{
	if (typid == INT2OID || typid == INT4OID)
	{
		v->type.id = typid == INT2OID ? LH_T_INT16 : LH_T_INT32;
		v->type.lane = LH_LANE_I32;
	}
	else if (typid == FLOAT4OID)
	{
		v->type.id = LH_T_FLOAT;
		v->type.lane = LH_LANE_F32;
	}
}

LhExpr *
lh_scalar_build(Expr *expr, const LhQualBuild *build)
{
	Node	   *node = strip((Node *) expr);
	Oid			funcid;
	List	   *args;
	const ScalarFunction *f;
	LhExpr	   *e;
	int			i = 0;
	ListCell   *lc;

	if (IsA(node, Var))
	{
		e = new_expr(build, LH_E_COLUMN);
		e->col = build->columns[((Var *) node)->varattno - 1].col;
		return e;
	}
	if (IsA(node, Const))
	{
		Const	   *c = (Const *) node;

		e = new_expr(build, LH_E_CONST);
		if (!lh_value_from_datum(c->constvalue, c->consttype, &e->value))
			elog(ERROR, "constant of an aggregate's argument cannot be held exactly");
		narrow_constant(c->consttype, &e->value);
		return e;
	}
	if (!call_of(node, &funcid, &args) || (f = find_function(funcid)) == NULL)
		elog(ERROR, "unexpected expression in an aggregate's argument");
	e = new_expr(build, f->kind);
	e->arith = f->arith;
	foreach(lc, args)
		e->args[i++] = lh_scalar_build(lfirst(lc), build);
	return e;
}
