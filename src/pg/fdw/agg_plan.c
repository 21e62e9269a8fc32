/*
 * agg_plan.c
 *		Plan ungrouped aggregates over a lake table as one foreign scan.
 *
 *	1. GetForeignUpperPaths is asked for the final aggregate (GROUP_AGG) and,
 *	   under a partitioned table, for the partial one (PARTIAL_GROUP_AGG).
 *	2. Everything must be exact: every condition of the table is evaluated by
 *	   the engine, every aggregate has a vector form.  Otherwise no path is
 *	   made, and with lakehouse.require_vector the reason is an error.
 *	3. The aggregates become fdw_scan_tlist; HAVING and expressions over the
 *	   aggregates are evaluated by core on the one row we return.
 *
 * Partial aggregates return PostgreSQL's own transition values, so core's
 * Finalize Aggregate above an Append of partitions, or above the Gather of a
 * parallel plan, needs nothing from us.  Where the metadata of files answers (a count, a least or greatest value of a
 * column without conditions), there is nothing to share, and no process is started for it.  In a parallel plan each process returns
 * one row for the row groups that it took; float sums stay out of it, because
 * their bits depend on the order of rows.
 */
#include "pg/fdw/agg.h"
#include "pg/fdw/fdw.h"

#include "catalog/pg_type.h"
#include "foreign/fdwapi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"

#include "pg/bridge/parallel.h"
#include "pg/bridge/reader.h"

/* A row costs the engine less than the executor. */
#define ENGINE_CPU_FRACTION 0.1

/* Collect the Aggrefs of an expression; false when it holds columns outside them. */
static bool
collect_aggrefs(Node *expr, List **aggs)
{
	List	   *vars = pull_var_clause(expr, PVC_INCLUDE_AGGREGATES | PVC_RECURSE_PLACEHOLDERS |
									   PVC_RECURSE_WINDOWFUNCS);
	ListCell   *lc;

	foreach(lc, vars)
	{
		if (!IsA(lfirst(lc), Aggref))
			return false;
		*aggs = list_append_unique(*aggs, lfirst(lc));
	}
	return true;
}

static bool
no(const char **why, const char *text)
{
	if (*why == NULL)
		*why = text;
	return false;
}

/* All conditions of the table must be the engine's, or PostgreSQL's once a dictionary entry. */
static bool
conditions_pushable(RelOptInfo *rel, List **conds, const char **why)
{
	List	   *pushed,
			   *local,
			   *reasons;
	ListCell   *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		if (lfirst_node(RestrictInfo, lc)->pseudoconstant)
			return no(why, "condition without columns");
	}
	lh_push_clauses(rel, rel->baserestrictinfo, &pushed, &local, &reasons);
	if (local != NIL)
		return no(why, strVal(linitial(reasons)));
	*conds = extract_actual_clauses(pushed, false);
	return true;
}

static bool
query_is_simple(PlannerInfo *root, const char **why)
{
	Query	   *parse = root->parse;

	if (parse->groupClause != NIL || parse->groupingSets != NIL)
		return no(why, "GROUP BY");
	if (!parse->hasAggs && !root->hasHavingQual)
		return no(why, "no aggregate");
	return true;
}

/* Every Aggref of the target and of HAVING, or false. */
static bool
aggregates_pushable(RelOptInfo *input_rel, RelOptInfo *output_rel, Node *having, bool partial,
					List **aggs, const char **why)
{
	ListCell   *lc;

	foreach(lc, output_rel->reltarget->exprs)
	{
		if (!collect_aggrefs(lfirst(lc), aggs))
			return no(why, "column outside an aggregate");
	}
	if (having != NULL && !partial && !collect_aggrefs(having, aggs))
		return no(why, "column outside an aggregate");
	foreach(lc, *aggs)
	{
		if (!lh_aggref_pushable(lfirst_node(Aggref, lc), input_rel->relid, partial, why))
			return false;
	}
	return *aggs != NIL || no(why, "no aggregate");
}

static bool
plan_aggregates(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input_rel,
				RelOptInfo *output_rel, GroupPathExtraData *extra, List **private, const char **why)
{
	bool		partial = stage == UPPERREL_PARTIAL_GROUP_AGG;
	List	   *conds = NIL;
	List	   *aggs = NIL;

	if (!IS_SIMPLE_REL(input_rel))
		return no(why, "join");
	if (!query_is_simple(root, why) || !conditions_pushable(input_rel, &conds, why) ||
		!aggregates_pushable(input_rel, output_rel, extra ? extra->havingQual : NULL, partial, &aggs, why))
		return false;
	*private = list_make4(makeString(LH_AGG_PLAN_TAG), makeInteger((int) input_rel->relid), conds, aggs);
	if (!partial && extra && extra->havingQual)
		*private = lappend(*private, copyObject(extra->havingQual));	/* a list, implicitly ANDed */
	else
		*private = lappend(*private, NIL);
	return true;
}

/* What the work of one process is divided by; a helper thread is not worth a whole one. */
static double
threads_divisor(RelOptInfo *input_rel)
{
	LhFdwRel   *info = input_rel->fdw_private;

	return 1 + 0.7 * lh_pg_helpers(info->read);
}

/*
 * The rows that the scan is expected to read cost a fraction of what core takes
 * for them, shared by so many threads or processes.
 */
static void
cost_aggregates(RelOptInfo *input_rel, List *aggs, double divisor, Cost *startup, Cost *total)
{
	double		rows = Max(input_rel->tuples, 1);
	Path	   *cheapest = input_rel->cheapest_total_path;

	*total = (1 + list_length(aggs)) * cpu_operator_cost * rows * ENGINE_CPU_FRACTION + cpu_tuple_cost;
	if (cheapest != NULL && *total > cheapest->total_cost)
		*total = cheapest->total_cost;
	*startup = (*total - cpu_tuple_cost) / divisor;
	*total = *startup + cpu_tuple_cost;
}

/* Values of these are in statistics as they are: no text that was cut, no NaN. */
static bool
is_exact_in_metadata(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return false;
	}
}

/* Attributes whose statistics answer the aggregates; false: rows have to be read. */
static bool
asks_metadata(List *private, Index rti, Bitmapset **counted, Bitmapset **compared)
{
	ListCell   *lc;

	if (lthird(private) != NIL || !lakehouse_pushdown)
		return false;
	foreach(lc, (List *) lfourth(private))
	{
		Aggref	   *agg = lfirst_node(Aggref, lc);
		Expr	   *arg = agg->args != NIL ? linitial_node(TargetEntry, agg->args)->expr : NULL;
		LhAggKind	kind = lh_aggref_kind(agg);

		if (agg->aggfilter != NULL)
			return false;
		if (kind == LH_AGG_COUNT_STAR)
			continue;
		if (arg == NULL || !IsA(arg, Var) || ((Var *) arg)->varno != (int) rti || ((Var *) arg)->varattno <= 0 ||
			!(kind == LH_AGG_COUNT ||
			  ((kind == LH_AGG_MIN || kind == LH_AGG_MAX) && is_exact_in_metadata(((Var *) arg)->vartype))))
			return false;
		if (kind == LH_AGG_COUNT)
			*counted = bms_add_member(*counted, ((Var *) arg)->varattno);
		else
			*compared = bms_add_member(*compared, ((Var *) arg)->varattno);
	}
	return true;
}

/*
 * Is the answer in the metadata of files?  Where a parallel plan is the alternative, a footer is looked at, whether it
 * has the statistics; manifests, and footers below them, are not read for it.  Should the guess be wrong, one process
 * reads what several might have, with its threads.
 */
static bool
metadata_answers(PlannerInfo *root, RelOptInfo *input_rel, List *private)
{
	LhFdwRel   *info = input_rel->fdw_private;
	Bitmapset  *counted = NULL,
			   *compared = NULL;

	if (info->deletes || !asks_metadata(private, input_rel->relid, &counted, &compared))
		return false;
	if (info->states || input_rel->partial_pathlist == NIL)
		return true;
	/* the same ones are asked for in both stages of planning */
	if (!info->asked_footers)
		info->statistics = lh_fdw_has_statistics(root, input_rel, counted, compared);
	info->asked_footers = true;
	return info->statistics;
}

/* Of looking at statistics, whatever the rows. */
static void
cost_metadata(RelOptInfo *input_rel, List *aggs, Cost *startup, Cost *total)
{
	LhFdwRel   *info = input_rel->fdw_private;

	*startup = list_length(aggs) * cpu_operator_cost * Max(info->groups, 1);
	*total = *startup + cpu_tuple_cost;
}

static bool
any_ordered(List *aggs)
{
	ListCell   *lc;

	foreach(lc, aggs)
	{
		if (lh_aggref_ordered(lfirst_node(Aggref, lc)) && !lakehouse_float_fast)
			return true;
	}
	return false;
}

/* Partial aggregates of the row groups that one process of a parallel plan takes. */
static void
add_parallel_path(PlannerInfo *root, RelOptInfo *input_rel, RelOptInfo *output_rel, List *private)
{
	Path	   *scan = input_rel->partial_pathlist == NIL ? NULL : linitial(input_rel->partial_pathlist);
	Cost		startup,
				total;
	Path	   *path;

	if (!output_rel->consider_parallel || scan == NULL || !scan->parallel_aware || any_ordered(lfourth(private)))
		return;
	cost_aggregates(input_rel, lfourth(private), lh_parallel_divisor(scan->parallel_workers), &startup, &total);
	path = (Path *) LH_CREATE_FOREIGN_UPPER_PATH(root, output_rel, output_rel->reltarget, 1, startup, total,
												 NIL, NULL, private);
	path->parallel_aware = true;
	path->parallel_workers = scan->parallel_workers;
	add_partial_path(output_rel, path);
}

/*
 * Is a refusal here the end of vectors for this query?  Partial aggregates are
 * also asked for on behalf of parallel plans, which nobody needs.
 */
static bool
refusal_matters(UpperRelationKind stage, RelOptInfo *input_rel)
{
	return stage == UPPERREL_GROUP_AGG || IS_OTHER_REL(input_rel);
}

void
lh_fdw_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input_rel,
				   RelOptInfo *output_rel, void *extra)
{
	List	   *private;
	const char *why = NULL;
	Cost		startup,
				total;
	ForeignPath *path;
	bool		metadata;

	if ((stage != UPPERREL_GROUP_AGG && stage != UPPERREL_PARTIAL_GROUP_AGG) ||
		output_rel->fdw_private != NULL || !lakehouse_pushdown)
		return;
	/* which changes are none is found out row by row */
	if (IS_SIMPLE_REL(input_rel) && input_rel->fdw_private != NULL && ((LhFdwRel *) input_rel->fdw_private)->changes)
		return;
	if (!plan_aggregates(root, stage, input_rel, output_rel, extra, &private, &why))
	{
		if (lakehouse_require_vector && refusal_matters(stage, input_rel))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("aggregate is not computed by the vector engine: %s", why),
					 errhint("lakehouse.require_vector makes this an error.")));
		return;
	}
	output_rel->fdw_private = private;
	metadata = metadata_answers(root, input_rel, private);
	if (metadata)
		cost_metadata(input_rel, lfourth(private), &startup, &total);
	else
		cost_aggregates(input_rel, lfourth(private), threads_divisor(input_rel), &startup, &total);
	path = LH_CREATE_FOREIGN_UPPER_PATH(root, output_rel, output_rel->reltarget, 1, startup, total,
										NIL, NULL, private);
	/* a worker that reads the whole table by itself is told of no state */
	path->path.parallel_safe &= !((LhFdwRel *) input_rel->fdw_private)->leader_only;
	add_path(output_rel, (Path *) path);
	if (stage == UPPERREL_PARTIAL_GROUP_AGG && !metadata)
		add_parallel_path(root, input_rel, output_rel, private);
}

/* Params of an expression tree, for fdw_exprs: they decide when a rescan is due. */
static bool
collect_params(Node *node, List **params)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
	{
		*params = list_append_unique(*params, node);
		return false;
	}
	return expression_tree_walker(node, collect_params, (void *) params);
}

ForeignScan *
lh_fdw_upper_plan(ForeignPath *best_path, List *tlist)
{
	List	   *private = best_path->fdw_private;
	List	   *conds = lthird(private);
	List	   *aggs = lfourth(private);
	List	   *having = list_nth(private, 4);
	List	   *params = NIL;
	List	   *scan_tlist = add_to_flat_tlist(NIL, aggs);

	collect_params((Node *) conds, &params);
	collect_params((Node *) aggs, &params);
	return make_foreignscan(tlist, having, 0, params,
							list_make3(linitial(private), lsecond(private), conds),
							scan_tlist, NIL, NULL);
}

bool
lh_fdw_is_agg_plan(const ForeignScan *plan)
{
	return plan->scan.scanrelid == 0 && plan->fdw_private != NIL &&
		IsA(linitial(plan->fdw_private), String) &&
		strcmp(strVal(linitial(plan->fdw_private)), LH_AGG_PLAN_TAG) == 0;
}
