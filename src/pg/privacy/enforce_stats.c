/*
 * enforce_stats.c
 *		What the planner may know of masked columns: nothing.
 *
 * EXPLAIN shows estimates, and these come from samples of raw values: how many there are of each, how many differ, how long
 * they are.  A mask hides the column from most of it, being an expression, but the planner looks through expressions
 * when it counts groups.  So for tables that are read through a policy statistics are held back:
 * of masked columns, of all columns when rows are filtered, of index expressions, and all extended ones.
 */
#include "pg/privacy/enforce.h"

#include "access/htup_details.h"
#include "catalog/index.h"
#include "nodes/pathnodes.h"
#include "optimizer/plancat.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

static get_index_stats_hook_type next_index_stats;
static get_relation_info_hook_type next_relation_info;
static get_attavgwidth_hook_type next_attavgwidth;

/* What holds for the subject of the statement that is planned. */
static const LhEffective *
effective_of(Oid relid)
{
	LhSubject	subject;

	if (lh_policy_none() || !lh_policy_any(relid))
		return NULL;
	subject = lh_subject();
	return lh_policy_effective(relid, &subject);
}

static bool
hides_column(const LhEffective *effective, AttrNumber attnum)
{
	const LhColumnPolicy *column;

	if (effective->filters != NIL)
		return true;
	column = lh_policy_column(effective, attnum);
	return column != NULL && column->mask != NULL;
}

bool
lh_enforce_hides_stats(RangeTblEntry *rte, AttrNumber attnum)
{
	const LhEffective *effective;
	LhMark		mark;

	if (rte->rtekind != RTE_RELATION || !lh_mark_get(rte, &mark) || mark.kind == LH_MARK_INTEGRITY)
		return false;
	effective = effective_of(mark.relid);
	if (effective == NULL)
		return true;
	/* a child may have its columns in another order */
	if (mark.relid != rte->relid && effective->filters == NIL)
	{
		char	   *name = get_attname(rte->relid, attnum, true);

		attnum = name != NULL ? get_attnum(mark.relid, name) : InvalidAttrNumber;
		if (attnum == InvalidAttrNumber)
			return true;
	}
	return hides_column(effective, attnum);
}

static bool
index_stats(PlannerInfo *root, Oid index, AttrNumber attnum, VariableStatData *vardata)
{
	if (!lh_policy_none() && effective_of(IndexGetRelation(index, false)) != NULL)
		return true;
	return next_index_stats != NULL && next_index_stats(root, index, attnum, vardata);
}

static void
relation_info(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	LhMark		mark;

	if (next_relation_info != NULL)
		next_relation_info(root, relid, inhparent, rel);
	if (rel->statlist != NIL && lh_mark_get(planner_rt_fetch(rel->relid, root), &mark))
		rel->statlist = NIL;
}

/* Of columns that no statistics are known of it asks for the type's own guess. */
static int32
attavgwidth(Oid relid, AttrNumber attnum)
{
	const LhEffective *effective = effective_of(relid);
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (effective != NULL && attnum > 0 && hides_column(effective, attnum))
	{
		get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
		return get_typavgwidth(type, typmod);
	}
	return next_attavgwidth != NULL ? next_attavgwidth(relid, attnum) : 0;
}

void
lh_enforce_stats_init(void)
{
	next_index_stats = get_index_stats_hook;
	get_index_stats_hook = index_stats;
	next_relation_info = get_relation_info_hook;
	get_relation_info_hook = relation_info;
	next_attavgwidth = get_attavgwidth_hook;
	get_attavgwidth_hook = attavgwidth;
}
