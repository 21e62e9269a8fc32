/*
 * enforce.c
 *		Policies applied before planning: which tables of a statement, and for whom.
 *
 * The planner's hook sees a statement when views, rules and row security have become part of it, whatever it came
 * from: a client, a cursor, CREATE TABLE AS, EXPLAIN, a function's body.  So:
 *
 *	1. no policy in the database, or none on any table of the statement: nothing is done;
 *	2. each table that a FROM reads is replaced by a subquery (enforce_table.c), at every level: CTEs, sublinks,
 *	   branches of UNION;
 *	3. a table that is written to cannot be replaced.  What may be done with its masked columns is little (enforce_write.c), and
 *	   rows that the subject may not see are added to row security's conditions;
 *	4. entries that nothing scans (of views, for privileges) stay, and are marked as looked at.
 *
 * What the planner itself brings in (bodies of inlined set-returning functions) was not here to be seen: such functions
 * stay calls while there are policies, and a plan that has such a table all the same is refused (enforce_plan.c).
 */
#include "pg/privacy/enforce.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* On the way through a statement. */
typedef struct Visit
{
	const LhSubject *subject;
	bool		kept;			/* masked tables have to stay subqueries: see enforce_place.c */
} Visit;

static void visit(Query *query, const Visit *v);

const LhEffective *
lh_enforce_effective(Oid relid, const LhSubject *subject)
{
	if (!lh_policy_any(relid))
		return NULL;
	if (subject->unknown)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", get_rel_name(relid)),
				 errdetail("It has policies, and is read by a SECURITY DEFINER function while PostgreSQL works for another table.")));
	return lh_policy_effective(relid, subject);
}

bool
lh_enforce_holds(Oid relid)
{
	LhSubject	subject;

	if (lh_policy_none() || !lh_policy_any(relid))
		return false;
	subject = lh_subject();
	return lh_enforce_effective(relid, &subject) != NULL;
}

void
lh_enforce_denied(Oid relid, AttrNumber attnum, const char *what)
{
	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", get_rel_name(relid)), errdetail("%s", what)));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for column %s of table %s", get_attname(relid, attnum, false), get_rel_name(relid)),
			 errdetail("%s", what)));
}

/* ---- what is written to ---- */

/* Of rows that a filter hides none may be changed. */
static void
restrict_rows(Query *query, RangeTblEntry *rte, List *filters, const LhSubject *subject)
{
	ListCell   *lc;

	if (filters == NIL || (query->commandType == CMD_INSERT && query->onConflict == NULL))
		return;
	/* the row in conflict may be a hidden one, and no condition is asked of it */
	if (query->commandType == CMD_INSERT)
	{
		if (query->onConflict->action == ONCONFLICT_NOTHING)
			return;
		lh_enforce_denied(rte->relid, InvalidAttrNumber,
						  "Rows are filtered by a policy: ON CONFLICT DO UPDATE could change one that is not visible.");
	}
	/* each is a level of its own, after those of row security */
	foreach(lc, filters)
	{
		Node	   *filter = lfirst(lc);

		ChangeVarNodes(filter, 1, query->resultRelation, 0);
		query->hasSubLinks |= checkExprHasSubLink(filter);
		lh_enforce_expression(filter, subject);
		rte->securityQuals = lappend(rte->securityQuals, filter);
	}
}

/* A check of a foreign key: no policy holds, and its plan is good for no other use. */
static bool
visit_integrity(RangeTblEntry *rte, const LhSubject *subject)
{
	if (subject->integrity && lh_policy_any(rte->relid))
		lh_mark_set(rte, LH_MARK_INTEGRITY, NULL);
	return subject->integrity;
}

static void
visit_result(Query *query, const LhSubject *subject)
{
	RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);
	const LhEffective *effective;
	LhPrivileges privileges;
	List	   *filters;

	if (rte->rtekind != RTE_RELATION || visit_integrity(rte, subject) ||
		(effective = lh_enforce_effective(rte->relid, subject)) == NULL)
		return;
	/* its filters outlive what follows */
	filters = copyObject(effective->filters);
	lh_mark_set(rte, LH_MARK_WRITTEN, effective);
	if (lh_privileges(LH_QUERY_PRIVILEGES(query), rte, &privileges))
		lh_enforce_written(query, effective, &privileges);
	restrict_rows(query, rte, filters, subject);
}

/* ---- what is read ---- */

/* Range table indexes that a FROM scans. */
static Bitmapset *
scanned(Node *node, Bitmapset *found)
{
	check_stack_depth();
	if (node == NULL)
		return found;
	if (IsA(node, RangeTblRef))
		return bms_add_member(found, ((RangeTblRef *) node)->rtindex);
	if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;

		return scanned(join->rarg, scanned(join->larg, found));
	}
	if (IsA(node, FromExpr))
	{
		ListCell   *lc;

		foreach(lc, ((FromExpr *) node)->fromlist)
			found = scanned(lfirst(lc), found);
		return found;
	}
	elog(ERROR, "unknown node in FROM: %d", (int) nodeTag(node));
}

/* Tables of one level. */
static void
visit_tables(Query *query, const Visit *v)
{
	const LhSubject *subject = v->subject;
	Bitmapset  *from = NULL;
	int			entries = list_length(query->rtable);	/* more are appended */
	int			i;

	for (i = 1; i <= entries; i++)
	{
		RangeTblEntry *rte = rt_fetch(i, query->rtable);
		const LhEffective *effective;

		if (rte->rtekind != RTE_RELATION || i == query->resultRelation || visit_integrity(rte, subject) ||
			!(lh_policy_any(rte->relid) || lh_enforce_is_statistics(rte->relid)))
			continue;
		if (from == NULL)
			from = scanned((Node *) query->jointree, NULL);
		if (lh_enforce_is_statistics(rte->relid))
			lh_enforce_statistics(rte, i, subject);
		else if (bms_is_member(i, from))
			lh_enforce_table(query, i, subject, v->kept);
		else if ((effective = lh_enforce_effective(rte->relid, subject)) != NULL)
		{
			lh_mark_set(rte, LH_MARK_PRIVILEGES, effective);
			if (query->onConflict != NULL && i == query->onConflict->exclRelIndex)
				lh_enforce_excluded(query, rte, effective);
		}
	}
	bms_free(from);
}

static bool
visit_sublinks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		visit((Query *) node, context);
		return false;
	}
	return expression_tree_walker(node, visit_sublinks, context);
}

/* A branch of UNION ALL like this may become a child of one relation. */
static bool
scans_one(const Query *query)
{
	const FromExpr *from = query->jointree;

	return from->quals == NULL && list_length(from->fromlist) == 1 && IsA(linitial(from->fromlist), RangeTblRef);
}

static void
visit(Query *query, const Visit *v)
{
	ListCell   *lc;

	check_stack_depth();
	/* first what is below: subqueries that come to be here are not looked at again */
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_SUBQUERY)
		{
			Visit		below = *v;

			below.kept |= query->setOperations != NULL && scans_one(rte->subquery);
			visit(rte->subquery, &below);
		}
	}
	foreach(lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);
		Visit		below = *v;

		/* each reference to it becomes a subquery of its own */
		below.kept |= cte->ctematerialized == CTEMaterializeNever && cte->cterefcount > 1;
		visit(castNode(Query, cte->ctequery), &below);
	}
	if (query->hasSubLinks)
		query_tree_walker(query, visit_sublinks, (void *) v, QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_CTE_SUBQUERIES);
	if (query->resultRelation != 0)
		visit_result(query, v->subject);
	visit_tables(query, v);
}

/* ---- has it any table with a policy? ---- */

static bool
concerns(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		check_stack_depth();
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst(lc);

			if (rte->rtekind == RTE_RELATION ? lh_policy_any(rte->relid) || lh_enforce_is_statistics(rte->relid) :
				rte->rtekind == RTE_SUBQUERY && concerns((Node *) rte->subquery, context))
				return true;
		}
		foreach(lc, query->cteList)
		{
			if (concerns(lfirst_node(CommonTableExpr, lc)->ctequery, context))
				return true;
		}
		/* expressions have tables in sublinks only */
		return query->hasSubLinks &&
			query_tree_walker(query, concerns, context, QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_CTE_SUBQUERIES);
	}
	return expression_tree_walker(node, concerns, context);
}

LhPlaces
lh_enforce_query(Query *query)
{
	LhSubject	subject;
	Visit		v = {.subject = &subject};
	LhPlaces	before;

	lh_enforce_subject_changed();
	if (lh_policy_none())
		return 0;
	if (!concerns((Node *) query, NULL))
		return 0;
	subject = lh_subject();
	before = lh_places_begin();
	visit(query, &v);
	return lh_places_end(before);
}

/* ---- functions that stay calls ---- */

LhPlanning	lh_planning;
static needs_fmgr_hook_type next_needs_fmgr;

LhPlanning
lh_enforce_planning_begin(LhPlaces places)
{
	LhPlanning	before = lh_planning;

	lh_planning = (LhPlanning) {.active = !lh_policy_none(), .places = places};
	return before;
}

void
lh_enforce_planning_end(LhPlanning before)
{
	lh_planning = before;
}

/*
 * True keeps the planner from putting a function's body in place of its call.  Only bodies of set-returning functions
 * can bring tables: of others a single expression without sublinks is taken.
 */
static bool
needs_fmgr(Oid function)
{
	HeapTuple	tuple;
	bool		found;

	if (next_needs_fmgr != NULL && next_needs_fmgr(function))
		return true;
	if (!lh_planning.active || !IsUnderPostmaster)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	found = ((Form_pg_proc) GETSTRUCT(tuple))->prolang == SQLlanguageId && ((Form_pg_proc) GETSTRUCT(tuple))->proretset;
	ReleaseSysCache(tuple);
	return found;
}

void
lh_enforce_init(void)
{
	next_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = needs_fmgr;
	lh_enforce_plan_init();
	lh_enforce_stats_init();
}
