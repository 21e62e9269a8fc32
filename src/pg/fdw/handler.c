/*
 * handler.c
 *		The foreign data wrapper: which callback is where.
 *
 * A foreign scan is either a scan of rows (exec.c) or an aggregate computed by
 * the engine (agg_exec.c); the plan says which.
 */
#include "pg/fdw/fdw.h"

#include "fmgr.h"

#include "pg/fdw/agg.h"
#include "pg/util/features.h"

extern PGDLLEXPORT Datum lakehouse_fdw_handler(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_fdw_handler);

static bool
is_aggregate(ForeignScanState *node)
{
	return lh_fdw_is_agg_plan((ForeignScan *) node->ss.ps.plan);
}

static ForeignScan *
get_foreign_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist,
				 List *clauses, Plan *outer)
{
	if (IS_UPPER_REL(rel))
		return lh_fdw_upper_plan(path, tlist);
	return lh_fdw_plan(root, rel, relid, path, tlist, clauses, outer);
}

static void
begin_foreign_scan(ForeignScanState *node, int eflags)
{
	if (is_aggregate(node))
		lh_fdw_agg_begin(node);
	else
		lh_fdw_begin(node);
}

/* Scans of rows, by far the more calls, are told apart by their state alone. */
static TupleTableSlot *
iterate_foreign_scan(ForeignScanState *node)
{
	if (((ForeignScan *) node->ss.ps.plan)->scan.scanrelid > 0)
		return lh_fdw_iterate(node);
	return lh_fdw_agg_iterate(node);
}

static void
rescan_foreign_scan(ForeignScanState *node)
{
	if (is_aggregate(node))
		lh_fdw_agg_rescan(node);
	else
		lh_fdw_rescan(node);
}

static void
end_foreign_scan(ForeignScanState *node)
{
	if (is_aggregate(node))
		lh_fdw_agg_end(node);
	else
		lh_fdw_end(node);
}

static void
explain_foreign_scan(ForeignScanState *node, ExplainState *es)
{
	if (is_aggregate(node))
		lh_fdw_agg_explain(node, es);
	else
		lh_fdw_explain(node, es);
}

/* Nothing can be written yet. */
static int
is_foreign_rel_updatable(Relation rel)
{
	return 0;
}

Datum
lakehouse_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = lh_fdw_rel_size;
	routine->GetForeignPaths = lh_fdw_paths;
	routine->GetForeignUpperPaths = lh_fdw_upper_paths;
	routine->GetForeignPlan = get_foreign_plan;
	routine->BeginForeignScan = begin_foreign_scan;
	routine->IterateForeignScan = iterate_foreign_scan;
	routine->ReScanForeignScan = rescan_foreign_scan;
	routine->EndForeignScan = end_foreign_scan;
	routine->ExplainForeignScan = explain_foreign_scan;
	routine->IsForeignScanParallelSafe = lh_fdw_parallel_safe;
	routine->EstimateDSMForeignScan = lh_fdw_estimate_dsm;
	routine->InitializeDSMForeignScan = lh_fdw_initialize_dsm;
	routine->ReInitializeDSMForeignScan = lh_fdw_reinitialize_dsm;
	routine->InitializeWorkerForeignScan = lh_fdw_initialize_worker;
	routine->ShutdownForeignScan = lh_fdw_shutdown;
	routine->AnalyzeForeignTable = lh_fdw_analyze;
	routine->IsForeignRelUpdatable = is_foreign_rel_updatable;
	routine->ImportForeignSchema = lh_features.import_foreign_schema;
	PG_RETURN_POINTER(routine);
}
