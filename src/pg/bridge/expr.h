/*
 * expr.h
 *		Internal to the expression part of the bridge.
 */
#ifndef LH_PG_BRIDGE_EXPR_H
#define LH_PG_BRIDGE_EXPR_H

#include "pg/bridge/bridge.h"

/* How a PostgreSQL value lies among the values that files can hold. */
typedef enum LhFit
{
	LH_FIT_EXACT,				/* it is one of them */
	LH_FIT_BELOW_ALL,			/* -infinity, and numbers of more than 38 digits before the point */
	LH_FIT_ABOVE_ALL,			/* infinity, NaN of numeric, large numbers */
	LH_FIT_BETWEEN				/* between *out and the next larger one */
} LhFit;

/* As lh_value_from_datum, and tells values that are not exact apart. */
extern bool lh_expr_value(Datum d, Oid typid, LhValue *out, LhFit *fit);

/* A comparison operator that the engine knows. */
typedef struct LhCmpFunction
{
	Oid			funcid;
	LhCmp		cmp;
	bool		text;			/* collation decides */
	bool		date_left;		/* date compared with timestamp: which side is the date */
	bool		date_right;
} LhCmpFunction;

extern const LhCmpFunction *lh_cmp_function(Oid funcid);
/* May text be compared so under this collation?  Equality: deterministic; order: C. */
extern bool lh_cmp_collation_ok(LhCmp cmp, Oid collid);
extern LhCmp lh_cmp_commute(LhCmp cmp);

/*
 * date_trunc(unit, column), column::date and extract(year from column) as a
 * step function of the column: for a wanted result c, the first column value
 * whose result is >= c, and the first whose result is > c.
 */
typedef enum LhStepKind
{
	LH_STEP_NONE, LH_STEP_TO_DATE, LH_STEP_TRUNC, LH_STEP_YEAR
} LhStepKind;

typedef struct LhStep
{
	LhStepKind	kind;
	Var		   *var;
	Oid			typid;			/* of the column */
	const char *unit;			/* TRUNC */
} LhStep;

/* Is this expression such a function of a Var? */
extern bool lh_step_match(Expr *expr, LhStep *step);
/* column op result, as a predicate on the column; false when it cannot be said exactly. */
extern bool lh_step_build(LhCtx *ctx, const LhStep *step, int col, LhCmp cmp, Datum result,
						  Oid resulttype, LhPred **out);

#endif
