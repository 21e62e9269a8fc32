/*
 * fdw.h
 *		The foreign data wrapper's callbacks, by file.
 *
 *	handler.c		the routine: which callback is where
 *	validator.c		options of CREATE and ALTER
 *	plan.c			sizes, paths, plans
 *	exec.c			rows
 *	explain.c		what EXPLAIN shows
 *	analyze.c		samples for ANALYZE
 *	agg_*.c			aggregates as foreign scans (agg.h)
 */
#ifndef LH_PG_FDW_H
#define LH_PG_FDW_H

#include "postgres.h"

#include "commands/explain.h"
#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

#include "pg/bridge/reader.h"

/*
 * fdw_private of a plan that scans rows: core nodes only, because it is copied
 * and printed.  The pushed clauses are fdw_exprs.
 */
enum LhFdwPrivate
{
	LH_FDW_ATTRS,				/* List of int: attribute numbers to emit, ascending */
	LH_FDW_REASONS,				/* List of String: why clauses of the plan's qual were not pushed */
	LH_FDW_MEMBERS				/* paths of members to emit of other attributes (members.h) */
};

/* plan.c */
extern void lh_fdw_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void lh_fdw_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *lh_fdw_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
								List *tlist, List *clauses, Plan *outer);

/* exec.c */

/* State of a scan of rows, node->fdw_state. */
typedef struct LhFdwScan
{
	LhSource   *source;
	LhReader   *reader;			/* NULL: no row was asked for yet */
	ExprState  *refused;		/* clauses that the engine refused, or NULL */
	List	   *refused_list;
} LhFdwScan;

extern void lh_fdw_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *lh_fdw_iterate(ForeignScanState *node);
extern void lh_fdw_rescan(ForeignScanState *node);
extern void lh_fdw_end(ForeignScanState *node);

/* explain.c */
extern void lh_fdw_explain(ForeignScanState *node, ExplainState *es);

/* analyze.c */
extern bool lh_fdw_analyze(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages);

#endif
