/*
 * agg.h
 *		Aggregates between PostgreSQL and core: which are taken, how a clause
 *		becomes a specification, how a state becomes PostgreSQL's result or
 *		transition value.
 */
#ifndef LH_PG_BRIDGE_AGG_H
#define LH_PG_BRIDGE_AGG_H

#include "pg/bridge/bridge.h"

#include "exec/exec.h"
#include "nodes/primnodes.h"

/*
 * May the engine compute this aggregate exactly?  By declared types only.
 * partial: its transition value is wanted (AGGSPLIT_INITIAL_SERIAL).
 */
extern bool lh_aggref_pushable(Aggref *agg, Index rti, bool partial, const char **why);

/*
 * Does its result depend on the order of rows?  Sums and averages of floats do,
 * so processes of a parallel plan may not split them (DESIGN D5), unless
 * lakehouse.float_order is "fast".
 */
extern bool lh_aggref_ordered(const Aggref *agg);
/* What a pushable one is to the engine. */
extern LhAggKind lh_aggref_kind(const Aggref *agg);

/* How one Aggref is computed: filled at execution. */
typedef struct LhAggTarget
{
	Aggref	   *aggref;
	bool		partial;
	Oid			argtype;		/* InvalidOid: count(*) */
} LhAggTarget;

extern void lh_aggref_build(Aggref *agg, const LhQualBuild *build, LhAggSpec *spec, LhAggTarget *target);

/* The Datum PostgreSQL expects in place of the Aggref; memory in CurrentMemoryContext. */
extern Datum lh_aggref_result(LhCtx *ctx, const LhAggTarget *target, const LhAggState *state, bool *isnull);

/* Scalar expressions (expr_scalar.c): same contract as lh_qual_pushable and lh_qual_build. */
extern bool lh_scalar_pushable(Expr *expr, Index rti, const char **why);
extern LhExpr *lh_scalar_build(Expr *expr, const LhQualBuild *build);

#endif
