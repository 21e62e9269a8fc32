/*
 * enforce_raw.c
 *		Plans: what is masked is nowhere above its scan.
 *
 * Masks are evaluated where a table is scanned, so no node above has any use for the raw column.  That is how queries are built
 * (enforce_table.c, enforce_place.c); here a finished plan is looked at for whether it is so.
 *
 *	1. A scan gives out a masked column as it is where the planner let it give out all columns, which is
 *	   quicker than picking.  Most nodes hand on what they get, and so raw values would come to the temporary files of
 *	   a join or sort, though nobody asked for them.  From such a node downward a NULL is put in the column's place, in the scan.
 *	2. Where an expression above uses the column, no node between may store rows; and a plan, or a subplan, may not give it out.
 *	   Otherwise the plan is refused: an ERROR, which tells of a mistake of ours and of no values.
 *
 * Columns are followed by their numbers from the scan upward, node by node.
 */
#include "pg/privacy/enforce.h"

#include "access/sysattr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

/* A masked column in a scan's target list. */
typedef struct Raw
{
	TargetEntry *entry;
	bool		used;
	bool		stored;
} Raw;

/* The same, as a column of a node above. */
typedef struct Carried
{
	AttrNumber	resno;
	Raw		   *raw;
} Carried;

typedef struct Plans
{
	PlannedStmt *stmt;
	const LhSubject *subject;
	List	   *all;			/* of Raw */
} Plans;

static List *follow(Plans *plans, Plan *plan);

/* ---- masked columns of a scan ---- */

static const LhEffective *
masks_of(const Plans *plans, Index rti, Oid *relid)
{
	RangeTblEntry *rte;
	LhMark		mark;

	if (rti == 0 || rti > list_length(plans->stmt->rtable))
		return NULL;
	rte = list_nth_node(RangeTblEntry, plans->stmt->rtable, rti - 1);
	if (rte->rtekind != RTE_RELATION || !lh_mark_get(rte, &mark) || mark.kind != LH_MARK_MASKED)
		return NULL;
	*relid = rte->relid;
	return lh_enforce_effective(mark.relid, plans->subject);
}

static bool
is_masked(const LhEffective *effective, Oid relid, AttrNumber attnum)
{
	const LhColumnPolicy *column;

	if (attnum <= 0)
		return attnum == InvalidAttrNumber;
	/* a child may have its columns in another order */
	if (relid != effective->relid)
		attnum = get_attnum(effective->relid, get_attname(relid, attnum, false));
	column = lh_policy_column(effective, attnum);
	return column != NULL && column->mask != NULL;
}

static Var *
plain_var(Expr *expr)
{
	while (expr != NULL && IsA(expr, RelabelType))
		expr = ((RelabelType *) expr)->arg;
	return expr != NULL && IsA(expr, Var) ? (Var *) expr : NULL;
}

/* Columns of an index stand for those of the table; an expression of it is none. */
static AttrNumber
column_of(const Scan *scan, const Var *var)
{
	TargetEntry *entry;
	Var		   *of;

	if (var->varno == scan->scanrelid)
		return var->varattno;
	if (var->varno != INDEX_VAR || !IsA(scan, IndexOnlyScan))
		return FirstLowInvalidHeapAttributeNumber;
	entry = list_nth_node(TargetEntry, ((const IndexOnlyScan *) scan)->indextlist, var->varattno - 1);
	of = plain_var(entry->expr);
	/* an index expression is no column, and statements know of masked ones by their masks only */
	return of != NULL ? of->varattno : FirstLowInvalidHeapAttributeNumber;
}

static List *
carry(List *carried, AttrNumber resno, Raw *raw)
{
	Carried    *c = palloc(sizeof(Carried));

	c->resno = resno;
	c->raw = raw;
	return lappend(carried, c);
}

static List *
scan_gives(Plans *plans, Scan *scan)
{
	Oid			relid;
	const LhEffective *effective = masks_of(plans, scan->scanrelid, &relid);
	List	   *carried = NIL;
	ListCell   *lc;

	if (effective == NULL)
		return NIL;
	foreach(lc, scan->plan.targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Var		   *var = plain_var(entry->expr);
		Raw		   *raw;

		if (var == NULL || !is_masked(effective, relid, column_of(scan, var)))
			continue;
		raw = palloc0(sizeof(Raw));
		raw->entry = entry;
		plans->all = lappend(plans->all, raw);
		carried = carry(carried, entry->resno, raw);
	}
	return carried;
}

/* ---- what a node does with the columns below it ---- */

typedef struct Below
{
	List	   *outer;			/* of Carried */
	List	   *inner;
	int			outer_no;		/* by which number references name them */
} Below;

/*
 * The masked columns that a reference stands for: one of each child of an Append that gives it out there, and all of a whole row.
 * Each child has columns of its own, in an order of its own, and what is done with one of them says nothing of the others.
 */
static List *
referenced(const Below *below, const Var *var)
{
	List	   *carried = var->varno == below->outer_no ? below->outer : var->varno == INNER_VAR ? below->inner : NIL;
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, carried)
	{
		Carried    *c = lfirst(lc);

		if (c->resno == var->varattno || var->varattno == InvalidAttrNumber)
			found = lappend(found, c->raw);
	}
	return found;
}

static bool
mark_used(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		ListCell   *lc;

		foreach(lc, referenced(context, (Var *) node))
			((Raw *) lfirst(lc))->used = true;
		return false;
	}
	/* not one that the walker knows */
	if (IsA(node, NestLoopParam))
		return mark_used((Node *) ((NestLoopParam *) node)->paramval, context);
	if (IsA(node, List))
	{
		ListCell   *lc;

		foreach(lc, (List *) node)
			(void) mark_used(lfirst(lc), context);
		return false;
	}
	return expression_tree_walker(node, mark_used, context);
}

/* Columns that a node compares by their numbers. */
static void
mark_columns(const Below *below, int n, const AttrNumber *columns)
{
	ListCell   *lc;

	for (int i = 0; i < n; i++)
	{
		foreach(lc, below->outer)
		{
			Carried    *c = lfirst(lc);

			if (c->resno == columns[i])
				c->raw->used = true;
		}
	}
}

static void
mark_stored(List *carried)
{
	ListCell   *lc;

	foreach(lc, carried)
		((Carried *) lfirst(lc))->raw->stored = true;
}

/* Columns of nodes below that expressions of this kind of node use, or whose rows it stores. */
static void
join_uses(Plan *plan, Below *below)
{
	(void) mark_used((Node *) ((Join *) plan)->joinqual, below);
	if (IsA(plan, NestLoop))
		(void) mark_used((Node *) ((NestLoop *) plan)->nestParams, below);
	else if (IsA(plan, MergeJoin))
		(void) mark_used((Node *) ((MergeJoin *) plan)->mergeclauses, below);
	else
	{
		(void) mark_used((Node *) ((HashJoin *) plan)->hashclauses, below);
		(void) mark_used((Node *) ((HashJoin *) plan)->hashkeys, below);
		/* of all batches but the first; also where one was thought to be enough */
		mark_stored(below->outer);
	}
}

static void
node_uses(Plan *plan, Below *below)
{
	switch (nodeTag(plan))
	{
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			join_uses(plan, below);
			return;
		case T_Hash:
			(void) mark_used((Node *) ((Hash *) plan)->hashkeys, below);
			break;
		case T_Memoize:
			(void) mark_used((Node *) ((Memoize *) plan)->param_exprs, below);
			break;
		case T_Sort:
		case T_IncrementalSort:
			mark_columns(below, ((Sort *) plan)->numCols, ((Sort *) plan)->sortColIdx);
			break;
		case T_WindowAgg:
			mark_columns(below, ((WindowAgg *) plan)->partNumCols, ((WindowAgg *) plan)->partColIdx);
			mark_columns(below, ((WindowAgg *) plan)->ordNumCols, ((WindowAgg *) plan)->ordColIdx);
			break;
		case T_Agg:
			mark_columns(below, ((Agg *) plan)->numCols, ((Agg *) plan)->grpColIdx);
			if (((Agg *) plan)->aggstrategy == AGG_PLAIN)
				return;
			break;
		case T_Group:
			mark_columns(below, ((Group *) plan)->numCols, ((Group *) plan)->grpColIdx);
			return;
		case T_Unique:
			mark_columns(below, ((Unique *) plan)->numCols, ((Unique *) plan)->uniqColIdx);
			return;
		case T_GatherMerge:
			mark_columns(below, ((GatherMerge *) plan)->numCols, ((GatherMerge *) plan)->sortColIdx);
			return;
		case T_MergeAppend:
			mark_columns(below, ((MergeAppend *) plan)->numCols, ((MergeAppend *) plan)->sortColIdx);
			return;
		case T_Result:
			(void) mark_used(((Result *) plan)->resconstantqual, below);
			return;
		case T_Append:
		case T_Gather:
		case T_Limit:
		case T_LockRows:
		case T_ProjectSet:
		case T_SubqueryScan:
			return;
		default:
			/* Material, RecursiveUnion, and whatever there will be */
			break;
	}
	mark_stored(below->outer);
	mark_stored(below->inner);
}

/* ---- all of a plan ---- */

static List *
follow_all(Plans *plans, List *children)
{
	List	   *carried = NIL;
	ListCell   *lc;

	foreach(lc, children)
		carried = list_concat(carried, follow(plans, lfirst(lc)));
	return carried;
}

static void
below_of(Plans *plans, Plan *plan, Below *below)
{
	below->outer_no = OUTER_VAR;
	if (IsA(plan, Append))
		below->outer = follow_all(plans, ((Append *) plan)->appendplans);
	else if (IsA(plan, MergeAppend))
		below->outer = follow_all(plans, ((MergeAppend *) plan)->mergeplans);
	else if (IsA(plan, SubqueryScan))
	{
		below->outer_no = ((SubqueryScan *) plan)->scan.scanrelid;
		below->outer = follow(plans, ((SubqueryScan *) plan)->subplan);
	}
	else if (IsA(plan, CustomScan))
		below->outer = follow_all(plans, ((CustomScan *) plan)->custom_plans);
	else if (!IsA(plan, BitmapHeapScan))
	{
		below->outer = follow(plans, outerPlan(plan));
		below->inner = follow(plans, innerPlan(plan));
	}
}

static bool
scans_table(const Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_ForeignScan:
		case T_CustomScan:
			return true;
		default:
			return false;
	}
}

/* Masked columns that the node gives out. */
static List *
follow(Plans *plans, Plan *plan)
{
	List	   *carried = NIL;
	Below		below = {0};
	ListCell   *lc;

	if (plan == NULL)
		return NIL;
	check_stack_depth();
	if (scans_table(plan))
		carried = scan_gives(plans, (Scan *) plan);
	below_of(plans, plan, &below);
	if (below.outer == NIL && below.inner == NIL)
		return carried;
	node_uses(plan, &below);
	(void) mark_used((Node *) plan->qual, &below);
	foreach(lc, plan->targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Var		   *var = plain_var(entry->expr);
		List	   *raws = var != NULL ? referenced(&below, var) : NIL;
		ListCell   *raw;

		if (raws == NIL)
			(void) mark_used((Node *) entry->expr, &below);
		else if (IsA(plan, Append) || IsA(plan, MergeAppend))
			break;				/* its columns are those of all below it */
		foreach(raw, raws)
			carried = carry(carried, entry->resno, lfirst(raw));
	}
	return IsA(plan, Append) || IsA(plan, MergeAppend) ? below.outer : carried;
}

/* What a whole plan gives out goes anywhere. */
static void
follow_root(Plans *plans, Plan *plan)
{
	List	   *carried;
	ListCell   *lc;

	if (plan != NULL && IsA(plan, ModifyTable))
		plan = outerPlan(plan);
	carried = follow(plans, plan);
	mark_stored(carried);
	foreach(lc, carried)
	{
		Carried    *c = lfirst(lc);

		if (!list_nth_node(TargetEntry, plan->targetlist, c->resno - 1)->resjunk)
			c->raw->used = true;
	}
}

static void __attribute__((noreturn))
refuse(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("a plan would store values that a policy masks"),
			 errdetail("This is a mistake in lakehouse; the statement was not run."),
			 errhint("Report it with the statement; until then SET lakehouse.mask_plans = 'subquery' may help.")));
}

void
lh_enforce_raw(PlannedStmt *stmt, const LhSubject *subject)
{
	Plans		plans = {.stmt = stmt, .subject = subject};
	ListCell   *lc;

	follow_root(&plans, stmt->planTree);
	foreach(lc, stmt->subplans)
		follow_root(&plans, lfirst(lc));
	foreach(lc, plans.all)
	{
		Raw		   *raw = lfirst(lc);
		Node	   *expr = (Node *) raw->entry->expr;

		if (!raw->stored)
			continue;
		if (raw->used)
			refuse();
		raw->entry->expr = (Expr *) makeNullConst(exprType(expr), exprTypmod(expr), exprCollation(expr));
	}
}
