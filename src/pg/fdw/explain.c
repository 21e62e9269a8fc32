/*
 * explain.c
 *		What EXPLAIN shows of a scan of rows.
 */
#include "pg/fdw/fdw.h"

#include "pg/bridge/members.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

/* Columns whose declared order the plan relies on. */
static void
explain_order(ForeignScan *plan, const LhSource *source, ExplainState *es)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, lh_sorted_attnos(list_nth(plan->fdw_private, LH_FDW_SORTED)))
		names = lappend(names, NameStr(TupleDescAttr(source->desc, lfirst_int(lc) - 1)->attname));
	if (names != NIL)
		ExplainPropertyList(lh_sorted_by_metadata(list_nth(plan->fdw_private, LH_FDW_SORTED)) ? "Order of Metadata"
							: "Declared Order", names, es);
}

void
lh_fdw_explain(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	LhFdwScan  *scan = node->fdw_state;

	lh_explain_location(scan->source, es);
	lh_explain_columns(lh_columns_read(scan->source->desc, scan->source->names, list_nth(plan->fdw_private, LH_FDW_ATTRS),
									   list_nth(plan->fdw_private, LH_FDW_MEMBERS), scan->clauses,
									   plan->scan.scanrelid), es);
	if (scan->changes != NULL || scan->source->options.table.changes)
		ExplainPropertyText("Changes", scan->source->options.table.net_changes ? "net" : "by commit", es);
	explain_order(plan, scan->source, es);
	lh_explain_pushed(&node->ss.ps, es, scan->clauses, plan->scan.scanrelid);
	if (es->verbose)
		lh_explain_reasons(&node->ss.ps, es, list_nth(plan->fdw_private, LH_FDW_REASONS));
	if (!es->analyze)
		return;
	if (scan->by_metadata && scan->reader != NULL)
		ExplainPropertyText("Files in Order", scan->sorter == NULL ? "yes" : "no, rows were sorted", es);
	if (scan->reader != NULL)
		lh_explain_clauses(&node->ss.ps, es, "Fallback Filter", scan->reader->refused);
	lh_explain_counters(scan->source, es);
}
