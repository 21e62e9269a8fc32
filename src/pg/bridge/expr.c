/*
 * expr.c
 *		PostgreSQL clauses as core predicates.
 *
 * One walk serves planning and execution: with walk->build NULL it only
 * classifies.  Functions are recognised by OID, never by name; the list of
 * what is pushed, by type and operator, is docs/pushdown.md, and
 * sql/pushdown.sql compares every cell of it with a heap table.
 *
 * Three-valued logic: core computes "is true" only, on trees without NOT.
 * NOT is pushed to the leaves by lh_pred_not.
 */
#include "pg/bridge/bridge.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "pg/bridge/expr.h"
#include "pg/bridge/members.h"

typedef struct Walk
{
	Index		rti;
	const LhQualBuild *build;	/* NULL: classify */
	const char *why;			/* first reason against */
} Walk;

static bool walk_clause(Walk *w, Node *node, LhPred **out);

static bool
no(Walk *w, const char *why)
{
	if (w->why == NULL)
		w->why = why;
	return false;
}

/* A core call in build mode: LH_UNSUPPORTED means "not this one", the rest are errors. */
static bool
built(Walk *w, LhStatus status)
{
	if (status == LH_UNSUPPORTED)
	{
		lh_error_clear(w->build->ctx);
		return no(w, "not supported by the vector engine");
	}
	lh_pg_check(w->build->ctx, status);
	return true;
}

static Node *
strip_relabel(Node *node)
{
	while (node && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* The Var of our relation under binary-compatible relabelling, or NULL. */
static Var *
match_var(Walk *w, Node *node)
{
	Var		   *var = (Var *) strip_relabel(node);

	if (var == NULL || !IsA(var, Var) || var->varno != (int) w->rti || var->varlevelsup != 0 ||
		var->varattno <= 0)
		return NULL;
	return var;
}

/* A column of our relation, or a member of a composite one, (s).a; NULL: neither. */
static Node *
match_column(Walk *w, Node *node)
{
	Var		   *var = match_var(w, node);

	if (var != NULL)
		return (Node *) var;
	node = strip_relabel(node);
	return lh_member_path(node, w->rti) != NIL ? node : NULL;
}

static const LhQualColumn *
find_column(Walk *w, Node *node)
{
	if (IsA(node, Var))
		return ((Var *) node)->varattno > w->build->natts ? NULL :
			&w->build->columns[((Var *) node)->varattno - 1];
	return w->build->source == NULL ? NULL :
		lh_source_member_qual(w->build->source, lh_member_path(node, w->rti));
}

/* The scan column of a column or member at execution; -1 when its values are not what PostgreSQL sees. */
static int
column_of(Walk *w, Node *node)
{
	const LhQualColumn *c = find_column(w, node);

	if (c == NULL || c->col < 0 || !lh_type_exact(&c->type, c->typid, c->typmod, &c->emit))
		return -1;
	return c->col;
}

/*
 * Does the value change during one scan?  While a plan is made, columns of other
 * relations do not: they become parameters of a nested loop.
 */
static bool
has_variable(Node *node, Walk *w)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return w->build != NULL || ((Var *) node)->varno == (int) w->rti;
	if (IsA(node, PlaceHolderVar) || IsA(node, CurrentOfExpr))
		return true;
	return expression_tree_walker(node, has_variable, w);
}

/* Constant during one scan: no variables, nothing volatile, no sub-select that would have to run per row. */
static bool
is_scan_constant(Walk *w, Node *node)
{
	return !has_variable(node, w) && !contain_volatile_functions(node) && !contain_subplans(node);
}

static Datum
eval_constant(Walk *w, Node *node, bool *isnull)
{
	ExprState  *state;

	if (IsA(node, Const))
	{
		*isnull = ((Const *) node)->constisnull;
		return ((Const *) node)->constvalue;
	}
	/* without a parent nothing is compiled by JIT, for one evaluation and at every rescan */
	state = ExecInitExprWithParams((Expr *) node, w->build->parent != NULL ? w->build->parent->state->es_param_list_info : NULL);
	return ExecEvalExpr(state, w->build->econtext, isnull);
}

static bool
never(Walk *w, LhPred **out)
{
	return built(w, lh_pred_leaf(w->build->ctx, LH_P_NEVER, -1, NULL, out));
}

/* Compare a column with a value that is none of those it can hold. */
static bool
cmp_inexact(Walk *w, int col, LhCmp cmp, LhFit fit, const LhValue *value, LhPred **out)
{
	bool		less = cmp == LH_LT || cmp == LH_LE;
	bool		yes = cmp == LH_NE || (fit == LH_FIT_ABOVE_ALL ? less : !less);

	if (cmp == LH_EQ)
		return never(w, out);
	if (fit == LH_FIT_BETWEEN && cmp != LH_NE)
		return built(w, lh_pred_cmp(w->build->ctx, col, less ? LH_LE : LH_GT, value, out));
	if (!yes)
		return never(w, out);
	return built(w, lh_pred_leaf(w->build->ctx, LH_P_ALWAYS, col, NULL, out));
}

/*
 * date op timestamp: the date stands for its midnight, so the timestamp is
 * moved to a day: floor for <= and >, ceiling for < and >=, exact for = and <>.
 */
static bool
cmp_date_timestamp(Walk *w, int col, LhCmp cmp, LhValue *value, LhPred **out)
{
	int64_t		day = lh_floor_div(value->i64, INT64_C(86400000000));
	bool		midnight = day * INT64_C(86400000000) == value->i64;

	if (!midnight && (cmp == LH_EQ || cmp == LH_NE))
	{
		if (cmp == LH_EQ)
			return never(w, out);
		return built(w, lh_pred_leaf(w->build->ctx, LH_P_ALWAYS, col, NULL, out));
	}
	if (!midnight && (cmp == LH_LT || cmp == LH_GE))
		day++;
	memset(value, 0, sizeof(*value));
	value->type.id = LH_T_DATE;
	value->type.lane = LH_LANE_I32;
	value->i64 = day;
	return built(w, lh_pred_cmp(w->build->ctx, col, cmp, value, out));
}

/* column op constant; the constant's Datum is known. */
static bool
build_cmp(Walk *w, const LhCmpFunction *f, int col, LhCmp cmp, Datum d, Oid typid,
		  bool date_column, LhPred **out)
{
	LhValue		value;
	LhFit		fit;

	if (!lh_expr_value(d, typid, &value, &fit))
		return no(w, "constant cannot be held exactly");
	if (fit != LH_FIT_EXACT && !(fit == LH_FIT_BETWEEN && (f->date_left || f->date_right)))
		return cmp_inexact(w, col, cmp, fit, &value, out);
	if (f->date_left || f->date_right)
	{
		if (value.type.id == LH_T_TIMESTAMP && value.type.unit != LH_UNIT_US)
			return no(w, "constant cannot be held exactly");
		if (!date_column)		/* timestamp column, date constant: its midnight */
		{
			int64_t		day = value.i64;

			if (day > INT64_C(106000000) || day < INT64_C(-106000000))
				return no(w, "constant cannot be held exactly");
			memset(&value, 0, sizeof(value));
			value.type.id = LH_T_TIMESTAMP;
			value.type.lane = LH_LANE_I64;
			value.type.unit = LH_UNIT_US;
			value.i64 = day * INT64_C(86400000000);
		}
		else
			return cmp_date_timestamp(w, col, cmp, &value, out);
	}
	return built(w, lh_pred_cmp(w->build->ctx, col, cmp, &value, out));
}

/* f(column) op constant for the step functions of expr_step.c */
static bool
walk_step(Walk *w, Node *left, Node *right, LhCmp cmp, LhPred **out)
{
	LhStep		step;
	int			col;
	Datum		d;
	bool		isnull;

	if (!lh_step_match((Expr *) strip_relabel(left), &step) || match_var(w, (Node *) step.var) == NULL ||
		!is_scan_constant(w, right))
		return false;
	if (w->build == NULL)
		return true;
	col = column_of(w, (Node *) step.var);
	if (col < 0)
		return no(w, "the file holds another type than declared");
	d = eval_constant(w, right, &isnull);
	if (isnull)
		return never(w, out);
	if (!lh_step_build(w->build->ctx, &step, col, cmp, d, exprType(right), out))
		return no(w, "constant cannot be held exactly");
	return true;
}

static bool
walk_cmp(Walk *w, Oid funcid, Oid collid, Node *left, Node *right, LhPred **out)
{
	const LhCmpFunction *f = lh_cmp_function(funcid);
	LhCmp		cmp;
	Node	   *var;
	bool		var_left = true;
	bool		isnull;
	Datum		d;
	int			col;

	if (f == NULL)
		return no(w, "operator has no vector kernel");
	cmp = f->cmp;
	if (f->text && !lh_cmp_collation_ok(cmp, collid))
		return no(w, "collation is not C");
	var = match_column(w, left);
	if (var == NULL || !is_scan_constant(w, right))
	{
		Node	   *t = left;

		var = match_column(w, right);
		if (var == NULL || !is_scan_constant(w, left))
		{
			if (walk_step(w, left, right, cmp, out) ||
				walk_step(w, right, left, lh_cmp_commute(cmp), out))
				return true;
			return no(w, "not a comparison of a column with a constant");
		}
		left = right;
		right = t;
		cmp = lh_cmp_commute(cmp);
		var_left = false;
	}
	if (w->build == NULL)
		return true;
	col = column_of(w, var);
	if (col < 0)
		return no(w, "the file holds another type than declared");
	d = eval_constant(w, right, &isnull);
	if (isnull)
		return never(w, out);
	return build_cmp(w, f, col, cmp, d, exprType(right),
					 var_left ? f->date_left : f->date_right, out);
}

/* LIKE, NOT LIKE, starts_with: column on the left only. */
static bool
walk_pattern(Walk *w, LhPredKind kind, Oid collid, Node *left, Node *right, LhPred **out)
{
	Node	   *var = match_column(w, left);
	LhValue		value;
	LhFit		fit;
	bool		isnull;
	Datum		d;
	int			col;

	if (var == NULL || !is_scan_constant(w, right))
		return no(w, "not a comparison of a column with a constant");
	if (!lh_cmp_collation_ok(LH_EQ, collid))
		return no(w, "collation is nondeterministic");
	if (w->build == NULL)
		return true;
	col = column_of(w, var);
	if (col < 0)
		return no(w, "the file holds another type than declared");
	d = eval_constant(w, right, &isnull);
	if (isnull)
		return never(w, out);
	if (!lh_expr_value(d, TEXTOID, &value, &fit))
		return no(w, "server encoding is not UTF8");
	return built(w, lh_pred_leaf(w->build->ctx, kind, col, &value, out));
}

static bool
walk_opexpr(Walk *w, Oid funcid, Oid collid, List *args, LhPred **out)
{
	Node	   *left,
			   *right;

	if (list_length(args) != 2)
		return no(w, "operator has no vector kernel");
	left = linitial(args);
	right = lsecond(args);
	switch (funcid)
	{
		case F_TEXTLIKE:
		case F_LIKE_TEXT_TEXT:
			return walk_pattern(w, LH_P_LIKE, collid, left, right, out);
		case F_TEXTNLIKE:
		case F_NOTLIKE_TEXT_TEXT:
			return walk_pattern(w, LH_P_NOT_LIKE, collid, left, right, out);
		case F_STARTS_WITH:
			return walk_pattern(w, LH_P_PREFIX, collid, left, right, out);
		default:
			return walk_cmp(w, funcid, collid, left, right, out);
	}
}

/* Elements of = ANY(array) or <> ALL(array) as one IN leaf. */
static bool
build_in(Walk *w, int col, bool negate, Datum d, Oid arraytype, LhPred **out)
{
	ArrayType  *array = DatumGetArrayTypeP(d);
	Oid			elem = get_element_type(arraytype);
	int16		len;
	bool		byval;
	char		align;
	Datum	   *datums;
	bool	   *nulls;
	int			n,
				nvalues = 0;
	bool		has_null = false;
	LhValue    *values;

	get_typlenbyvalalign(elem, &len, &byval, &align);
	deconstruct_array(array, elem, len, byval, align, &datums, &nulls, &n);
	if (n == 0)
	{
		if (!negate)
			return never(w, out);
		return built(w, lh_pred_leaf(w->build->ctx, LH_P_ALWAYS, -1, NULL, out));
	}
	/* core's memory: palloc aligns to 8 bytes, an LhValue wants 16 */
	values = lh_alloc_array(w->build->ctx, (size_t) n, sizeof(LhValue));
	if (values == NULL)
		lh_pg_raise(w->build->ctx);
	for (int i = 0; i < n; i++)
	{
		LhFit		fit = LH_FIT_EXACT;

		if (nulls[i])
			has_null = true;
		else if (!lh_expr_value(datums[i], elem, &values[nvalues], &fit))
			return no(w, "constant cannot be held exactly");
		else if (fit == LH_FIT_EXACT)	/* no file value equals another */
			nvalues++;
	}
	if (nvalues == 0 && has_null)
		return never(w, out);
	if (nvalues == 0)
		return negate ? built(w, lh_pred_leaf(w->build->ctx, LH_P_ALWAYS, col, NULL, out)) : never(w, out);
	return built(w, lh_pred_in(w->build->ctx, col, negate, values, nvalues, has_null, out));
}

static bool
walk_array(Walk *w, ScalarArrayOpExpr *op, LhPred **out)
{
	Oid			funcid = OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
	const LhCmpFunction *f = lh_cmp_function(funcid);
	Node	   *left = linitial(op->args);
	Node	   *right = lsecond(op->args);
	Node	   *var = match_column(w, left);
	bool		negate = !op->useOr;
	bool		isnull;
	Datum		d;
	int			col;

	if (f == NULL || f->date_left || f->date_right || f->cmp != (negate ? LH_NE : LH_EQ))
		return no(w, "array operator has no vector kernel");
	if (f->text && !lh_cmp_collation_ok(f->cmp, op->inputcollid))
		return no(w, "collation is nondeterministic");
	if (var == NULL || !is_scan_constant(w, right))
		return no(w, "not a comparison of a column with a constant");
	if (w->build == NULL)
		return true;
	col = column_of(w, var);
	if (col < 0)
		return no(w, "the file holds another type than declared");
	d = eval_constant(w, right, &isnull);
	if (isnull)
		return never(w, out);
	return build_in(w, col, negate, d, getBaseType(exprType(right)), out);
}

static bool
leaf_of_var(Walk *w, Node *arg, LhPredKind kind, LhPredKind or_kind, LhPred **out)
{
	Node	   *var = match_column(w, arg);
	LhPred	   *two[2];
	int			col;

	if (var == NULL)
		return no(w, "not a plain column");
	if (w->build == NULL)
		return true;
	col = column_of(w, var);
	if (col < 0)
		return no(w, "the file holds another type than declared");
	if (!built(w, lh_pred_leaf(w->build->ctx, kind, col, NULL, &two[0])))
		return false;
	if (or_kind == kind)
	{
		*out = two[0];
		return true;
	}
	return built(w, lh_pred_leaf(w->build->ctx, or_kind, col, NULL, &two[1])) &&
		built(w, lh_pred_list(w->build->ctx, LH_P_OR, two, 2, out));
}

static bool
walk_booltest(Walk *w, BooleanTest *test, LhPred **out)
{
	Node	   *arg = (Node *) test->arg;

	switch (test->booltesttype)
	{
		case IS_TRUE:
			return leaf_of_var(w, arg, LH_P_IS_TRUE_BOOL, LH_P_IS_TRUE_BOOL, out);
		case IS_FALSE:
			return leaf_of_var(w, arg, LH_P_IS_FALSE_BOOL, LH_P_IS_FALSE_BOOL, out);
		case IS_NOT_TRUE:
			return leaf_of_var(w, arg, LH_P_IS_FALSE_BOOL, LH_P_IS_NULL, out);
		case IS_NOT_FALSE:
			return leaf_of_var(w, arg, LH_P_IS_TRUE_BOOL, LH_P_IS_NULL, out);
		case IS_UNKNOWN:
			return leaf_of_var(w, arg, LH_P_IS_NULL, LH_P_IS_NULL, out);
		case IS_NOT_UNKNOWN:
			return leaf_of_var(w, arg, LH_P_NOT_NULL, LH_P_NOT_NULL, out);
	}
	return no(w, "boolean test");
}

static bool
walk_bool(Walk *w, BoolExpr *b, LhPred **out)
{
	int			n = list_length(b->args);
	LhPred	  **args = palloc0(sizeof(LhPred *) * n);
	ListCell   *lc;
	int			i = 0;

	foreach(lc, b->args)
	{
		if (!walk_clause(w, lfirst(lc), &args[i++]))
			return false;
	}
	if (w->build == NULL)
		return true;
	if (b->boolop == NOT_EXPR)
		return built(w, lh_pred_not(w->build->ctx, args[0], out));
	return built(w, lh_pred_list(w->build->ctx, b->boolop == AND_EXPR ? LH_P_AND : LH_P_OR, args, n, out));
}

/* column IS [NOT] DISTINCT FROM constant; the planner folds null constants into IS [NOT] NULL only when they are Consts. */
static bool
walk_distinct(Walk *w, DistinctExpr *op, LhPred **out)
{
	Oid			funcid = OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
	const LhCmpFunction *f = lh_cmp_function(funcid);
	Node	   *left = linitial(op->args);
	Node	   *right = lsecond(op->args);
	Node	   *var = match_column(w, left);
	LhValue		value;
	LhFit		fit;
	bool		isnull;
	Datum		d;
	int			col;

	if (f == NULL || f->cmp != LH_EQ || f->date_left || f->date_right)
		return no(w, "operator has no vector kernel");
	if (f->text && !lh_cmp_collation_ok(LH_EQ, op->inputcollid))
		return no(w, "collation is nondeterministic");
	if (var == NULL || !is_scan_constant(w, right))
		return no(w, "not a comparison of a column with a constant");
	if (w->build == NULL)
		return true;
	col = column_of(w, var);
	if (col < 0)
		return no(w, "the file holds another type than declared");
	d = eval_constant(w, right, &isnull);
	if (isnull)
		return built(w, lh_pred_leaf(w->build->ctx, LH_P_NOT_NULL, col, NULL, out));
	if (!lh_expr_value(d, exprType(right), &value, &fit))
		return no(w, "constant cannot be held exactly");
	if (fit != LH_FIT_EXACT)
		return built(w, lh_pred_leaf(w->build->ctx, LH_P_ALWAYS, -1, NULL, out));
	return built(w, lh_pred_leaf(w->build->ctx, LH_P_DISTINCT, col, &value, out));
}

static bool
walk_clause(Walk *w, Node *node, LhPred **out)
{
	check_stack_depth();
	node = strip_relabel(node);
	switch (nodeTag(node))
	{
		case T_BoolExpr:
			return walk_bool(w, (BoolExpr *) node, out);
		case T_OpExpr:
			{
				OpExpr	   *op = (OpExpr *) node;

				return walk_opexpr(w, OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno),
								   op->inputcollid, op->args, out);
			}
		case T_FuncExpr:
			return walk_opexpr(w, ((FuncExpr *) node)->funcid, ((FuncExpr *) node)->inputcollid,
							   ((FuncExpr *) node)->args, out);
		case T_ScalarArrayOpExpr:
			return walk_array(w, (ScalarArrayOpExpr *) node, out);
		case T_DistinctExpr:
			return walk_distinct(w, (DistinctExpr *) node, out);
		case T_NullTest:
			if (((NullTest *) node)->argisrow)
				return no(w, "row null test");
			return ((NullTest *) node)->nulltesttype == IS_NULL ?
				leaf_of_var(w, (Node *) ((NullTest *) node)->arg, LH_P_IS_NULL, LH_P_IS_NULL, out) :
				leaf_of_var(w, (Node *) ((NullTest *) node)->arg, LH_P_NOT_NULL, LH_P_NOT_NULL, out);
		case T_BooleanTest:
			return walk_booltest(w, (BooleanTest *) node, out);
		case T_Var:
		case T_FieldSelect:
			return leaf_of_var(w, node, LH_P_IS_TRUE_BOOL, LH_P_IS_TRUE_BOOL, out);
		default:
			return no(w, "expression has no vector form");
	}
}

bool
lh_qual_pushable(Expr *clause, Index rti, const char **why)
{
	Walk		w = {rti, NULL, NULL};
	LhPred	   *ignored = NULL;
	bool		yes = walk_clause(&w, (Node *) clause, &ignored);

	if (why != NULL)
		*why = yes ? NULL : w.why;
	return yes;
}

AttrNumber
lh_qual_probe(Expr *clause, Index rti, bool *equality)
{
	Walk		w = {rti, NULL, NULL};
	OpExpr	   *op = (OpExpr *) clause;
	const LhCmpFunction *f;
	Var		   *var;

	if (!IsA(clause, OpExpr) || list_length(op->args) != 2 ||
		(f = lh_cmp_function(OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno))) == NULL ||
		f->cmp == LH_NE)
		return 0;
	var = match_var(&w, linitial(op->args));
	if (var == NULL)
		var = match_var(&w, lsecond(op->args));
	*equality = f->cmp == LH_EQ;
	return var != NULL ? var->varattno : 0;
}

bool
lh_qual_build(Expr *clause, const LhQualBuild *build, LhPred **out, const char **why)
{
	Walk		w = {build->rti, build, NULL};
	bool		yes = walk_clause(&w, (Node *) clause, out);

	if (why != NULL)
		*why = yes ? NULL : w.why;
	return yes;
}
