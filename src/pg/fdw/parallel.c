/*
 * parallel.c
 *		Foreign scans in parallel plans: rows and partial aggregates alike.
 *
 * What the processes share is the source's (pg/bridge/parallel.h); here is only
 * which source that is.
 */
#include "pg/fdw/fdw.h"

#include "pg/fdw/agg.h"

static LhSource *
source_of(ForeignScanState *node)
{
	if (lh_fdw_is_agg_plan((ForeignScan *) node->ss.ps.plan))
		return lh_fdw_agg_source(node);
	return ((LhFdwScan *) node->fdw_state)->source;
}

/* Workers open the files with the rights of the same role, the table's owner. */
bool
lh_fdw_parallel_safe(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	return true;
}

Size
lh_fdw_estimate_dsm(ForeignScanState *node, ParallelContext *pcxt)
{
	Index		rti = ((ForeignScan *) node->ss.ps.plan)->scan.scanrelid;
	List	   *clauses;

	if (lh_fdw_is_agg_plan((ForeignScan *) node->ss.ps.plan))
		clauses = lh_fdw_agg_clauses(node, &rti);
	else
		clauses = ((LhFdwScan *) node->fdw_state)->clauses;
	return lh_parallel_estimate(source_of(node), clauses, rti, &node->ss.ps);
}

void
lh_fdw_initialize_dsm(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	lh_parallel_initialize(source_of(node), pcxt, coordinate);
}

void
lh_fdw_reinitialize_dsm(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	lh_parallel_reinitialize(source_of(node));
}

void
lh_fdw_initialize_worker(ForeignScanState *node, shm_toc *toc, void *coordinate)
{
	lh_parallel_attach(source_of(node), coordinate);
}

/* Also called in the leader, and after the end of a node that never began. */
void
lh_fdw_shutdown(ForeignScanState *node)
{
	if (node->fdw_state != NULL)
		lh_parallel_report(source_of(node));
}
