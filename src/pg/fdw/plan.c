/*
 * plan.c
 *		Sizes, paths and plans of scans.
 *
 *	1. Size: at most 32 footers are read, through the cache of the backend; more
 *	   files are scaled by their bytes.  A location that cannot be read now is
 *	   no error: it may be there when the plan runs.
 *	2. Paths: one, unsorted.  It costs the bytes of the columns it needs and
 *	   some work per value.
 *	3. Plan: clauses that the engine evaluates exactly go to fdw_exprs, where
 *	   setrefs fixes their parameters, and to fdw_recheck_quals for
 *	   EvalPlanQual; the others stay with the executor.
 *
 * A plan holds no fact about files: names, clauses and attribute numbers only.
 */
#include "pg/fdw/fdw.h"
#include "pg/bridge/members.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "access/table.h"

/* Footers that planning reads at most. */
#define PLAN_FOOTERS 32
/* Guesses for a location that cannot be read. */
#define DEFAULT_ROWS 1000
#define DEFAULT_BYTES (100 * BLCKSZ)

/* rel->fdw_private of a base relation during planning. */
typedef struct LhFdwRel
{
	double		bytes;			/* of all files */
	int			columns;		/* of the files */
} LhFdwRel;

/* ---- size ---- */

void
lh_fdw_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	LhFdwRel   *info = palloc0(sizeof(LhFdwRel));
	LhSource   *source = lh_source_create(relid, CurrentMemoryContext);
	double		known = rel->tuples;	/* from ANALYZE; below 0: never */

	rel->fdw_private = info;
	if (lh_source_try_open(source, PLAN_FOOTERS))
	{
		rel->tuples = source->schema.rows;
		info->bytes = (double) source->schema.bytes;
		info->columns = source->schema.ncols;
	}
	else
	{
		rel->tuples = known > 0 ? known : DEFAULT_ROWS;
		info->bytes = rel->pages > 0 ? (double) rel->pages * BLCKSZ : DEFAULT_BYTES;
		info->columns = rel->max_attr;
	}
	MemoryContextDelete(source->mcxt);
	set_baserel_size_estimates(root, rel);
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

static void
cost_scan(RelOptInfo *rel, Cost *startup, Cost *total)
{
	LhFdwRel   *info = rel->fdw_private;
	Bitmapset  *attrs = NULL;
	double		used;

	add_attrs(rel->reltarget->exprs, rel->relid, &attrs);
	add_attrs(rel->baserestrictinfo, rel->relid, &attrs);
	used = bms_num_members(attrs);
	*startup = rel->baserestrictcost.startup + rel->reltarget->cost.startup;
	*total = *startup + rel->reltarget->cost.per_tuple * rel->rows;
	/* bytes of the columns read */
	*total += info->bytes / BLCKSZ * seq_page_cost * Min(used / Max(info->columns, 1), 1.0);
	/* decoding, a fraction of what an operator costs; then the executor's share */
	*total += rel->tuples * used * cpu_operator_cost * 0.5;
	*total += rel->tuples * rel->baserestrictcost.per_tuple + rel->rows * cpu_tuple_cost;
}

void
lh_fdw_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	Cost		startup,
				total;

	cost_scan(rel, &startup, &total);
	add_path(rel, (Path *) LH_CREATE_FOREIGNSCAN_PATH(root, rel, NULL, rel->rows, startup, total, NIL,
													  rel->lateral_relids, NULL, NIL));
}

/* ---- plan ---- */

/*
 * Attribute numbers to emit, ascending; nothing for what only pushed clauses
 * need.  Of composite attributes perhaps only *members.
 */
static List *
attrs_to_emit(PlannerInfo *root, RelOptInfo *rel, Oid relid, List *local, List **members)
{
	Relation	relation = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);
	Bitmapset  *attrs = NULL;
	List	   *list = NIL;
	bool		whole_row;

	/* not the plan's tlist: that may be all columns, needed or not */
	add_attrs(rel->reltarget->exprs, rel->relid, &attrs);
	add_attrs(local, rel->relid, &attrs);
	*members = lh_plan_members(root, rel, local, &attrs);
	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		if (whole_row || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, attrs))
			list = lappend_int(list, i + 1);
	}
	table_close(relation, NoLock);
	return list;
}

ForeignScan *
lh_fdw_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist,
			List *clauses, Plan *outer)
{
	List	   *pushed,
			   *local,
			   *reasons,
			   *attrs,
			   *members;

	lh_push_clauses(rel, clauses, &pushed, &local, &reasons);
	attrs = attrs_to_emit(root, rel, relid, local, &members);
	pushed = extract_actual_clauses(pushed, false);
	return make_foreignscan(tlist, extract_actual_clauses(local, false), rel->relid, pushed,
							list_make3(attrs, reasons, members), NIL, pushed, outer);
}
