/*
 * read_plan.c
 *		lakehouse.read in FROM, planned as a CustomScan in place of the function.
 *
 *	1. The hook looks at function RTEs whose only function is ours and whose
 *	   arguments depend on no other relation, and replaces their paths.
 *	2. Clauses that the engine evaluates exactly are pushed; the others stay with
 *	   the executor.
 *	3. The scan tuple has the function's columns at their places (those that
 *	   nobody needs stay null) and, where it is wanted, the whole row behind them.
 *
 * There is no relation, so scanrelid is 0 and EvalPlanQual is ours to answer.
 * A plan holds no fact about files: names, types, clauses.
 */
#include "pg/lake/read.h"
#include "pg/bridge/members.h"

#include "access/sysattr.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

/* For a location that is not known or cannot be read now. */
#define DEFAULT_BYTES (100 * BLCKSZ)
#define DEFAULT_COLUMNS 10

static Plan *plan_read(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
					   List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "LakehouseRead",
	.PlanCustomPath = plan_read,
};

static const CustomScanMethods scan_methods = {
	.CustomName = "LakehouseRead",
	.CreateCustomScanState = lh_read_create_state,
};

/* Workers of parallel plans find the methods by their name. */
void
lh_lake_read_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
}

/* ---- is it our function? ---- */

static bool
is_read(Oid funcid)
{
	char	   *name = get_func_name(funcid);

	return name != NULL && strcmp(name, "read") == 0 &&
		get_func_namespace(funcid) == get_namespace_oid("lakehouse", true);
}

/* The call that an RTE consists of, when a CustomScan can stand for it. */
static FuncExpr *
read_call(RangeTblEntry *rte)
{
	FuncExpr   *call;

	if (rte->rtekind != RTE_FUNCTION || list_length(rte->functions) != 1 || rte->funcordinality)
		return NULL;
	call = (FuncExpr *) linitial_node(RangeTblFunction, rte->functions)->funcexpr;
	if (!IsA(call, FuncExpr) || !is_read(call->funcid) || list_length(call->args) < LH_READ_ARGS)
		return NULL;
	if (contain_var_clause((Node *) call->args) || contain_volatile_functions((Node *) call->args) ||
		contain_subplans((Node *) call->args))
		return NULL;
	return call;
}

/* ---- paths ---- */

/* Attributes of the relation that a list of expressions or RestrictInfos uses. */
static void
add_attrs(List *exprs, Index rti, Bitmapset **attrs)
{
	ListCell   *lc;

	foreach(lc, exprs)
	{
		Node	   *node = lfirst(lc);

		if (IsA(node, RestrictInfo))
			node = (Node *) ((RestrictInfo *) node)->clause;
		pull_varattnos(node, rti, attrs);
	}
}

/* What a scan of the call reads. */
typedef struct Work
{
	LhReadSize	size;
	double		used;			/* columns */
	double		bytes;			/* of these */
} Work;

static void
measure(PlannerInfo *root, RelOptInfo *rel, FuncExpr *call, Work *work)
{
	Bitmapset  *attrs = NULL;

	/* what nobody could look at may have snapshots */
	work->size = (LhReadSize) {rel->tuples, DEFAULT_BYTES, INT_MAX, DEFAULT_COLUMNS, true};
	(void) lh_read_size(root, call, &work->size);
	add_attrs(rel->reltarget->exprs, rel->relid, &attrs);
	add_attrs(rel->baserestrictinfo, rel->relid, &attrs);
	work->used = bms_num_members(attrs);
	work->bytes = work->size.bytes * Min(work->used / Max(work->size.columns, 1), 1.0);
}

/*
 * As for foreign tables: the bytes of the columns read, some work per value, the
 * executor's share.  workers > 0: of one process of a parallel plan.
 */
static CustomPath *
make_path(RelOptInfo *rel, const Work *work, int workers)
{
	CustomPath *path = makeNode(CustomPath);
	double		divisor = workers > 0 ? lh_parallel_divisor(workers) : 1;

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	/* a worker that reads the whole table by itself is told of no state */
	path->path.parallel_safe = rel->consider_parallel && (workers > 0 || !work->size.states);
	path->path.parallel_aware = workers > 0;
	path->path.parallel_workers = workers;
	path->path.rows = clamp_row_est(rel->rows / divisor);
	path->path.startup_cost = rel->baserestrictcost.startup + rel->reltarget->cost.startup;
	path->path.total_cost = path->path.startup_cost + work->bytes / BLCKSZ * seq_page_cost +
		(rel->reltarget->cost.per_tuple * rel->rows +
		 work->size.rows * work->used * cpu_operator_cost * 0.5 +
		 work->size.rows * rel->baserestrictcost.per_tuple + rel->rows * cpu_tuple_cost) / divisor;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->methods = &path_methods;
	return path;
}

/* Does a rescan never bring another location?  Then its files can be shared. */
static bool
holds_exec_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind != PARAM_EXTERN;
	return expression_tree_walker(node, holds_exec_param, context);
}

/* Calls that no CustomScan stands for: the function itself is told of no state in a worker. */
static void
stay_in_leader(RelOptInfo *rel, RangeTblEntry *rte)
{
	bool		reads = false;
	ListCell   *lc;

	if (rte->rtekind != RTE_FUNCTION || !rel->consider_parallel)
		return;
	foreach(lc, rte->functions)
	{
		FuncExpr   *call = (FuncExpr *) lfirst_node(RangeTblFunction, lc)->funcexpr;

		reads |= IsA(call, FuncExpr) && is_read(call->funcid);
	}
	if (!reads)
		return;
	rel->consider_parallel = false;
	rel->partial_pathlist = NIL;
	foreach(lc, rel->pathlist)
		((Path *) lfirst(lc))->parallel_safe = false;
}

void
lh_lake_read_paths(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	FuncExpr   *call = rte->rtekind == RTE_FUNCTION ? read_call(rte) : NULL;
	TupleDesc	desc;
	Oid			typid;
	Work		work;
	int			workers;
	TypeFuncClass class;

	if (call == NULL || !bms_is_empty(rel->lateral_relids))
	{
		stay_in_leader(rel, rte);
		return;
	}
	class = get_expr_result_type((Node *) call, &typid, &desc);
	if (class != TYPEFUNC_RECORD && class != TYPEFUNC_COMPOSITE)
		return;
	if (call->funcformat != LH_READ_BY_COPY)
		lh_read_check_execute(call->funcid);

	measure(root, rel, call, &work);
	rel->pathlist = list_make1(make_path(rel, &work, 0));
	rel->partial_pathlist = NIL;
	if (!rel->consider_parallel || holds_exec_param((Node *) lh_read_arguments(call), NULL))
		return;
	workers = lh_parallel_workers(rel, work.bytes, work.size.groups);
	if (workers > 0)
		add_partial_path(rel, (Path *) make_path(rel, &work, workers));
}

/* ---- plans ---- */

/* The function's columns. */
typedef struct Shape
{
	List	   *names;			/* String; empty: dropped */
	List	   *types;
	List	   *typmods;
	List	   *collations;
	Oid			rowtype;		/* InvalidOid: from the AS list */
} Shape;

static void
shape_of(RangeTblEntry *rte, FuncExpr *call, Shape *shape)
{
	RangeTblFunction *function = linitial_node(RangeTblFunction, rte->functions);
	TupleDesc	desc;

	memset(shape, 0, sizeof(*shape));
	if (get_expr_result_type((Node *) call, &shape->rowtype, &desc) == TYPEFUNC_RECORD)
	{
		shape->rowtype = InvalidOid;
		shape->names = function->funccolnames;
		shape->types = function->funccoltypes;
		shape->typmods = function->funccoltypmods;
		shape->collations = function->funccolcollations;
		return;
	}
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		dropped = att->attisdropped;

		shape->names = lappend(shape->names, makeString(pstrdup(dropped ? "" : NameStr(att->attname))));
		shape->types = lappend_oid(shape->types, dropped ? InvalidOid : att->atttypid);
		shape->typmods = lappend_int(shape->typmods, att->atttypmod);
		shape->collations = lappend_oid(shape->collations, att->attcollation);
	}
}

/* What the scan tuple consists of: every column at its place, null where it was dropped. */
static List *
scan_tlist(Index rti, RangeTblEntry *rte, const Shape *shape, bool whole_row)
{
	List	   *tlist = NIL;
	int			n = list_length(shape->types);

	for (int i = 0; i < n; i++)
	{
		Oid			typid = list_nth_oid(shape->types, i);
		Expr	   *expr = OidIsValid(typid) ?
			(Expr *) makeVar(rti, (AttrNumber) (i + 1), typid, list_nth_int(shape->typmods, i),
							 list_nth_oid(shape->collations, i), 0) :
			(Expr *) makeNullConst(INT4OID, -1, InvalidOid);

		tlist = lappend(tlist, makeTargetEntry(expr, (AttrNumber) (i + 1), pstrdup(strVal(list_nth(shape->names, i))), false));
	}
	if (whole_row)
		tlist = lappend(tlist, makeTargetEntry((Expr *) makeWholeRowVar(rte, (int) rti, 0, false), (AttrNumber) (n + 1),
											   pstrdup("wholerow"), false));
	return tlist;
}

/* Attribute numbers to emit, ascending; nothing for what only pushed clauses need. */
static List *
attrs_to_emit(const Shape *shape, Bitmapset *attrs, bool whole_row)
{
	List	   *list = NIL;

	for (int i = 0; i < list_length(shape->types); i++)
	{
		if (!OidIsValid(list_nth_oid(shape->types, i)))
			continue;
		if (whole_row || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, attrs))
			list = lappend_int(list, i + 1);
	}
	return list;
}

static Plan *
plan_read(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
		  List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	FuncExpr   *call = read_call(rte);
	Bitmapset  *attrs = NULL;
	List	   *pushed,
			   *local,
			   *reasons,
			   *members;
	bool		whole_row;
	Shape		shape;

	shape_of(rte, call, &shape);
	lh_push_clauses(rel, clauses, &pushed, &local, &reasons);
	/* not the plan's tlist: what is above may still ask for any part of this */
	add_attrs(rel->reltarget->exprs, rel->relid, &attrs);
	add_attrs(local, rel->relid, &attrs);
	members = lh_plan_members(root, rel, local, &attrs);
	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = extract_actual_clauses(local, false);
	scan->scan.scanrelid = 0;
	scan->flags = path->flags;
	scan->methods = &scan_methods;
	scan->custom_exprs = list_concat(lh_read_arguments(call), extract_actual_clauses(pushed, false));
	scan->custom_scan_tlist = scan_tlist(rel->relid, rte, &shape, whole_row);
	/* in the order of LhReadPrivate */
	scan->custom_private = lappend(list_make5(list_make2_oid(call->funcid, shape.rowtype),
											  attrs_to_emit(&shape, attrs, whole_row), reasons,
											  shape.names, shape.types), shape.typmods);
	scan->custom_private = lappend(scan->custom_private, shape.collations);
	scan->custom_private = lappend(scan->custom_private, makeString(pstrdup(rte->eref->aliasname)));
	scan->custom_private = lappend(scan->custom_private, makeInteger(whole_row));
	scan->custom_private = lappend(scan->custom_private, members);
	scan->custom_private = lappend(scan->custom_private, makeInteger(call->funcformat == LH_READ_BY_COPY));
	/* the call is no longer in the plan, but a change of the function must still invalidate it */
	record_plan_function_dependency(root, call->funcid);
	return &scan->scan.plan;
}
