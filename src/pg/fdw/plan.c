/*
 * plan.c
 *		Sizes, paths and plans of scans.
 *
 *	1. Size: at most 32 footers are read, through the cache of the backend; more
 *	   files are scaled by their bytes.  A location that cannot be read now is
 *	   no error: it may be there when the plan runs.
 *	2. Paths: one, in the order that the table declares, if any (sorted.c); where metadata says an
 *	   order, one with and one without it; and an unsorted one for parallel plans, whose processes share the row groups.
 *	   It costs the bytes of the columns it needs and some work per value.
 *	   Others take parameters of nested loops (probe.c).
 *	3. Plan: clauses that the engine evaluates exactly go to fdw_exprs, where
 *	   setrefs fixes their parameters, and to fdw_recheck_quals for
 *	   EvalPlanQual; the others stay with the executor.  Where it can, the
 *	   scan's tuple is the row that the plan wants, so that nothing is projected.
 *
 * A plan holds no fact about files: names, clauses and attribute numbers only.
 */
#include "pg/fdw/fdw.h"
#include "pg/bridge/iceberg.h"
#include "pg/bridge/members.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "access/table.h"

/* Guesses for a location that cannot be read. */
#define DEFAULT_ROWS 1000
#define DEFAULT_BYTES (100 * BLCKSZ)

/* An order that has to be checked costs at least this part of the scan: less than a hundredth is no difference to add_path. */
#define ORDER_COST 0.015

/* ---- sources ---- */

/*
 * A table with snapshots that this planning has opened: its state is looked up once,
 * however often the planner comes back to it (self-joins, MIN and MAX).
 */
typedef struct Planned
{
	PlannerGlobal *glob;		/* of the planning */
	Oid			relid;
	LhSource   *source;
	LhFdwDistinct *distinct;
	struct Planned *next;
	MemoryContextCallback forget;
} Planned;

static Planned *planned;

static void
forget_planned(void *arg)
{
	for (Planned **p = &planned; *p != NULL; p = &(*p)->next)
	{
		if (*p == arg)
		{
			*p = (*p)->next;
			return;
		}
	}
}

static Planned *
remember(PlannerInfo *root, Oid relid, LhSource *source)
{
	Planned    *p = MemoryContextAllocZero(source->mcxt, sizeof(Planned));

	p->glob = root->glob;
	p->relid = relid;
	p->source = source;
	p->distinct = lh_fdw_distinct(source);
	p->next = planned;
	p->forget.func = forget_planned;
	p->forget.arg = p;
	MemoryContextRegisterResetCallback(source->mcxt, &p->forget);
	planned = p;
	return p;
}

/* The table as far as it can be opened now; *shared: it is not the caller's to delete; NULL: it is. */
static LhSource *
open_source(PlannerInfo *root, Oid relid, bool allowed, bool *opened, Planned **shared)
{
	LhSource   *source;

	for (Planned *p = planned; p != NULL; p = p->next)
	{
		if (p->glob != root->glob || p->relid != relid)
			continue;
		*opened = true;
		*shared = p;
		return p->source;
	}
	source = lh_source_create(relid, root->planner_cxt);
	source->options.table.estimate = true;
	*opened = allowed && lh_source_try_open(source, LH_PLAN_FOOTERS);
	*shared = *opened && lh_is_iceberg(source->table) ? remember(root, relid, source) : NULL;
	return source;
}

/* ---- size ---- */

/*
 * Who may read nothing of a table has no look-ups made for him either, with its owner's rights: his
 * statement ends when the executor checks.  Of partitions their parent is checked, and the executor does it.
 */
static bool
may_read(const RelOptInfo *rel, Oid relid)
{
	Oid			user = OidIsValid(rel->userid) ? rel->userid : GetUserId();

	return rel->reloptkind != RELOPT_BASEREL || pg_class_aclcheck(relid, user, ACL_SELECT) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relid, user, ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

void
lh_fdw_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	LhFdwRel   *info = palloc0(sizeof(LhFdwRel));
	double		known = rel->tuples;	/* from ANALYZE; below 0: never */
	bool		opened;
	Planned    *shared;
	LhSource   *source = open_source(root, relid, may_read(rel, relid), &opened, &shared);

	rel->fdw_private = info;
	if (opened)
	{
		rel->tuples = source->schema.rows;
		info->bytes = (double) source->schema.bytes;
		info->columns = lh_source_visible(&source->schema);
		info->deletes = source->schema.deletes;
		info->groups = source->schema.files_total > LH_PARALLEL_FILES ? 0 : source->schema.groups;
	}
	else
	{
		/* where nobody knows the row groups, the bytes decide about workers */
		info->groups = INT_MAX;
		info->deletes = true;
		rel->tuples = known > 0 ? known : DEFAULT_ROWS;
		info->bytes = rel->pages > 0 ? (double) rel->pages * BLCKSZ : DEFAULT_BYTES;
		info->columns = rel->max_attr;
	}
	info->states = source->table != NULL ? lh_is_iceberg(source->table)
		: source->options.format != NULL && strcmp(source->options.format, lh_iceberg_name) == 0;
	info->leader_only = info->states || (source->table == NULL && source->options.format == NULL);
	info->changes = source->options.table.changes;
	/* files of such tables come in an order that is nobody's to declare */
	info->sorted = source->options.sorted_by != NIL && !info->states;
	info->distinct = shared != NULL ? shared->distinct : NULL;
	info->planned = shared != NULL ? shared->source : NULL;
	if (info->planned != NULL)
		lh_fdw_estimate(root, rel, info->planned);
	/* which row groups look-ups read would have to be asked of all manifests */
	if (opened && !info->states && source->schema.groups > 1 && (rel->joininfo != NIL || rel->has_eclass_joins))
		info->source = source;
	else if (shared == NULL)
		MemoryContextDelete(source->mcxt);
	set_baserel_size_estimates(root, rel);
}

bool
lh_fdw_has_statistics(PlannerInfo *root, RelOptInfo *rel, Bitmapset *counted, Bitmapset *compared)
{
	LhSource   *source = lh_source_create(planner_rt_fetch(rel->relid, root)->relid, CurrentMemoryContext);
	bool		yes = lh_source_try_open(source, 1);
	int			attno = -1;

	while (yes && (attno = bms_next_member(counted, attno)) >= 0)
		yes = lh_source_exact(source, (AttrNumber) attno, false);
	attno = -1;
	while (yes && (attno = bms_next_member(compared, attno)) >= 0)
		yes = lh_source_exact(source, (AttrNumber) attno, true);
	MemoryContextDelete(source->mcxt);
	return yes;
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

/* Cost of a scan, and of the part of it that one of several processes does. */
static void
cost_scan(RelOptInfo *rel, double divisor, Cost *startup, Cost *total)
{
	LhFdwRel   *info = rel->fdw_private;
	double		used = info->used;
	Cost		cpu;

	*startup = rel->baserestrictcost.startup + rel->reltarget->cost.startup;
	cpu = rel->reltarget->cost.per_tuple * rel->rows;
	/* decoding, a fraction of what an operator costs; then the executor's share */
	cpu += rel->tuples * used * cpu_operator_cost * 0.5;
	cpu += rel->tuples * rel->baserestrictcost.per_tuple + rel->rows * cpu_tuple_cost;
	/* bytes of the columns read: no process reads them faster because there are others */
	*total = *startup + info->read / BLCKSZ * seq_page_cost + cpu / divisor;
}

static void
add_parallel_path(PlannerInfo *root, RelOptInfo *rel)
{
	LhFdwRel   *info = rel->fdw_private;
	Cost		startup,
				total;
	Path	   *path;

	info->workers = lh_parallel_workers(rel, info->read, info->groups);
	if (info->workers == 0)
		return;
	cost_scan(rel, lh_parallel_divisor(info->workers), &startup, &total);
	path = (Path *) LH_CREATE_FOREIGNSCAN_PATH(root, rel, NULL,
											   clamp_row_est(rel->rows / lh_parallel_divisor(info->workers)),
											   startup, total, NIL, NULL, NULL, NIL);
	path->parallel_aware = true;
	path->parallel_workers = info->workers;
	add_partial_path(rel, path);
}

/* The path of one process. */
static void
add_scan_path(PlannerInfo *root, RelOptInfo *rel, Cost startup, Cost total, List *pathkeys, List *sorted)
{
	LhFdwRel   *info = rel->fdw_private;
	Path	   *path = (Path *) LH_CREATE_FOREIGNSCAN_PATH(root, rel, NULL, rel->rows, startup, total, pathkeys,
														   rel->lateral_relids, NULL, sorted);

	/* a worker that reads the whole table by itself is told of no state */
	path->parallel_safe &= !info->leader_only;
	add_path(rel, path);
}

void
lh_fdw_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	LhFdwRel   *info = rel->fdw_private;
	List	   *pathkeys = NIL,
			   *sorted = NIL;
	Bitmapset  *attrs = NULL;
	Cost		startup,
				total;

	if (info->sorted)
	{
		LhSource   *source = lh_source_create(relid, CurrentMemoryContext);

		pathkeys = lh_sorted_pathkeys(root, rel, source, &sorted);
		MemoryContextDelete(source->mcxt);
	}
	else if (info->planned != NULL && !info->changes && lakehouse_metadata_order && has_useful_pathkeys(root, rel))
		pathkeys = lh_sorted_metadata_pathkeys(root, rel, info->planned, &sorted);
	add_attrs(rel->reltarget->exprs, rel->relid, &attrs);
	add_attrs(rel->baserestrictinfo, rel->relid, &attrs);
	info->used = bms_num_members(attrs);
	info->read = info->bytes * Min(info->used / Max(info->columns, 1), 1.0);
	cost_scan(rel, 1, &startup, &total);
	/* who has no use for the order that metadata says neither checks nor restores it */
	if (lh_sorted_by_metadata(sorted))
	{
		add_scan_path(root, rel, startup, total, NIL, NIL);
		total += Max(rel->rows * list_length(sorted) * cpu_operator_cost, total * ORDER_COST);
	}
	add_scan_path(root, rel, startup, total, pathkeys, sorted);
	if (rel->consider_parallel && bms_is_empty(rel->lateral_relids) && !info->changes)
		add_parallel_path(root, rel);
	if (info->source != NULL)
	{
		lh_fdw_probe_paths(root, rel);
		MemoryContextDelete(info->source->mcxt);
		info->source = NULL;
	}
}

/* ---- plan ---- */

/*
 * Attribute numbers to emit, ascending; nothing for what only pushed clauses
 * need.  Of composite attributes perhaps only *members.
 */
static List *
attrs_to_emit(PlannerInfo *root, RelOptInfo *rel, Oid relid, List *local, List *sorted, List **members)
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
		if (whole_row || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, attrs) ||
			list_member_int(sorted, i + 1))
			list = lappend_int(list, i + 1);
	}
	table_close(relation, NoLock);
	return list;
}

/* Is this list of target entries nothing but different columns of the relation?  *attrs gets them. */
static bool
is_plain(List *tlist, Index rti, Bitmapset **attrs)
{
	ListCell   *lc;

	foreach(lc, tlist)
	{
		Var		   *var = (Var *) lfirst_node(TargetEntry, lc)->expr;

		if (!IsA(var, Var) || var->varno != (int) rti || var->varattno <= 0 || var->varlevelsup != 0 ||
			bms_is_member(var->varattno - FirstLowInvalidHeapAttributeNumber, *attrs))
			return false;
		*attrs = bms_add_member(*attrs, var->varattno - FirstLowInvalidHeapAttributeNumber);
	}
	return true;
}

/*
 * The plan's target list as fdw_scan_tlist, when it is made of plain columns and
 * clauses use no others: the executor then takes the scan's tuple as it comes.
 * EvalPlanQual would put whole rows of the table in its place, so it must not be
 * possible.  NIL: the scan's tuple is the table's row.
 */
static List *
scan_tlist(PlannerInfo *root, RelOptInfo *rel, List *tlist, List *pushed, List *local, List *sorted)
{
	Bitmapset  *have = NULL,
			   *need = NULL;
	ListCell   *lc;

	if (tlist == NIL || root->rowMarks != NIL ||
		(root->parse->commandType != CMD_SELECT && root->parse->commandType != CMD_INSERT) ||
		!is_plain(tlist, rel->relid, &have))
		return NIL;
	add_attrs(rel->reltarget->exprs, rel->relid, &need);
	add_attrs(pushed, rel->relid, &need);
	add_attrs(local, rel->relid, &need);
	foreach(lc, sorted)
		need = bms_add_member(need, lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber);
	return bms_is_subset(need, have) ? copyObject(tlist) : NIL;
}

/*
 * Of a table that is read for its changes, conditions on columns that are no part of
 * its rows are evaluated after rows that only moved were taken out.
 */
static void
withhold(Oid relid, Index rti, List **pushed, List **local, List **reasons)
{
	LhSource   *source = lh_source_create(relid, CurrentMemoryContext);
	ListCell   *lc;

	foreach(lc, *pushed)
	{
		RestrictInfo *ri = lfirst_node(RestrictInfo, lc);
		Bitmapset  *attrs = NULL;
		int			i = -1;

		pull_varattnos((Node *) ri->clause, rti, &attrs);
		while ((i = bms_next_member(attrs, i)) >= 0)
		{
			AttrNumber	attno = (AttrNumber) (i + FirstLowInvalidHeapAttributeNumber);

			if (attno > 0 && !lh_source_is_metadata(source, attno))
				continue;
			*local = lappend(*local, ri);
			*reasons = lappend(*reasons, makeString("it asks for more than the rows that changed"));
			*pushed = foreach_delete_current(*pushed, lc);
			break;
		}
	}
	MemoryContextDelete(source->mcxt);
}

ForeignScan *
lh_fdw_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist,
			List *clauses, Plan *outer)
{
	List	   *pushed,
			   *local,
			   *reasons,
			   *sorted = lh_sorted_attnos(path->fdw_private),
			   *attrs,
			   *members,
			   *scan;

	lh_push_clauses(rel, clauses, &pushed, &local, &reasons);
	if (((LhFdwRel *) rel->fdw_private)->changes)
		withhold(relid, rel->relid, &pushed, &local, &reasons);
	attrs = attrs_to_emit(root, rel, relid, local, sorted, &members);
	scan = scan_tlist(root, rel, tlist, pushed, local, sorted);
	pushed = extract_actual_clauses(pushed, false);
	return make_foreignscan(tlist, extract_actual_clauses(local, false), rel->relid, pushed,
							list_make4(attrs, reasons, path->fdw_private, members), scan,
							scan == NIL ? pushed : NIL, outer);
}
