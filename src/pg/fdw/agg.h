/*
 * agg.h
 *		Internal: aggregates as foreign scans, between planning and execution.
 *
 * fdw_private of such a plan is a List of core nodes only (it is copied and
 * printed):
 *
 *	0 String  LH_AGG_PLAN_TAG, tells the plan from a scan of rows
 *	1 Integer range table index of the scanned table when the plan was made
 *	2 List    pushed conditions of the table, with that index in their Vars
 *
 * The Aggrefs are fdw_scan_tlist; HAVING is the plan's own qual.
 */
#ifndef LH_PG_FDW_AGG_H
#define LH_PG_FDW_AGG_H

#include "pg/bridge/agg.h"

#include "commands/explain.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"

#define LH_AGG_PLAN_TAG "aggregate"

/* planning: GetForeignUpperPaths and the upper part of GetForeignPlan */
extern void lh_fdw_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input_rel,
							   RelOptInfo *output_rel, void *extra);
extern ForeignScan *lh_fdw_upper_plan(ForeignPath *best_path, List *tlist);
extern bool lh_fdw_is_agg_plan(const ForeignScan *plan);

/* execution: the callbacks of a plan that lh_fdw_is_agg_plan */
extern void lh_fdw_agg_begin(ForeignScanState *node);
extern TupleTableSlot *lh_fdw_agg_iterate(ForeignScanState *node);
extern void lh_fdw_agg_rescan(ForeignScanState *node);
extern void lh_fdw_agg_end(ForeignScanState *node);
/* Pushed conditions and the index in their Vars, and what is read, for parallel.c. */
extern List *lh_fdw_agg_clauses(ForeignScanState *node, Index *rti);
extern struct LhSource *lh_fdw_agg_source(ForeignScanState *node);
extern void lh_fdw_agg_explain(ForeignScanState *node, ExplainState *es);

#endif
