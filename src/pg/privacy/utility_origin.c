/*
 * utility_origin.c
 *		From which columns of tables an output column of a query comes.
 *
 * A column counts when it is anywhere in the expression, through subqueries, views, joins, CTEs and set operations.
 * What only decides which rows come (WHERE, join conditions) does not count.  Too much may be found, never too little:
 * what cannot be followed into (a whole row, a sublink, a recursion) counts with all columns it could have.
 */
#include "pg/privacy/utility_parts.h"

#include "access/sysattr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"

/* The query that an expression is in, and those around it. */
typedef struct Scope
{
	Query	   *query;
	const struct Scope *outer;
} Scope;

typedef struct Search
{
	const Scope *scope;
	LhOrigins  *found;
	bool		plain;			/* so far the value itself, not computed with */
} Search;

/* Where the search has been: CTEs refer to themselves, and views may use one column many times over. */
typedef struct Visit
{
	const Query *query;
	AttrNumber	column;
	bool		plain;
} Visit;

static bool search_expression(Node *node, Search *search);
static void search_output(Query *query, AttrNumber column, const Scope *outer, bool plain, LhOrigins *found);

static void
add(LhOrigins *found, Oid relid, AttrNumber attnum, bool plain)
{
	LhOrigin   *origin;
	ListCell   *lc;

	foreach(lc, found->origins)
	{
		origin = lfirst(lc);
		if (origin->relid == relid && origin->attnum == attnum)
		{
			origin->plain &= plain;
			return;
		}
	}
	origin = palloc(sizeof(LhOrigin));
	*origin = (LhOrigin) {.relid = relid, .attnum = attnum, .plain = plain};
	found->origins = lappend(found->origins, origin);
}

static void
add_relation(LhOrigins *found, Oid relid, AttrNumber attnum, bool plain)
{
	if (attnum > 0)
		add(found, relid, attnum, plain);
	else if (attnum == InvalidAttrNumber)
	{
		for (AttrNumber i = lh_utility_natts(relid); i > 0; i--)
			add(found, relid, i, false);
	}
}

/* Of a statement that writes, in a CTE, it is RETURNING that is read. */
static List *
outputs_of(const Query *query)
{
	return query->commandType == CMD_SELECT ? query->targetList : query->returningList;
}

/* All output columns of a query. */
static void
search_all(Query *query, const Scope *outer, LhOrigins *found)
{
	ListCell   *lc;

	foreach(lc, outputs_of(query))
		search_output(query, ((TargetEntry *) lfirst(lc))->resno, outer, false, found);
}

static CommonTableExpr *
cte_of(const RangeTblEntry *rte, const Scope *scope, const Scope **home)
{
	ListCell   *lc;

	for (Index i = 0; i < rte->ctelevelsup && scope != NULL; i++)
		scope = scope->outer;
	*home = scope;
	if (scope == NULL)
		return NULL;
	foreach(lc, scope->query->cteList)
	{
		CommonTableExpr *cte = lfirst(lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return cte;
	}
	return NULL;
}

static void
search_query(Query *query, AttrNumber column, const Scope *outer, bool plain, LhOrigins *found)
{
	if (column > 0)
		search_output(query, column, outer, plain, found);
	else
		search_all(query, outer, found);
}

static void
search_var(const Var *var, Search *search)
{
	const Scope *scope = search->scope;
	const Scope *home;
	RangeTblEntry *rte;
	CommonTableExpr *cte;
	Search		inner = *search;

	for (Index i = 0; i < var->varlevelsup && scope != NULL; i++)
		scope = scope->outer;
	if (scope == NULL || var->varno < 1 || var->varno > list_length(scope->query->rtable))
		return;
	rte = rt_fetch(var->varno, scope->query->rtable);
	inner.scope = scope;
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			add_relation(search->found, rte->relid, var->varattno, search->plain);
			break;
		case RTE_SUBQUERY:
			search_query(rte->subquery, var->varattno, scope, search->plain, search->found);
			break;
		case RTE_CTE:
			cte = cte_of(rte, scope, &home);
			if (cte != NULL)
				search_query((Query *) cte->ctequery, var->varattno, home, search->plain, search->found);
			break;
		case RTE_JOIN:
			if (var->varattno > 0 && var->varattno <= list_length(rte->joinaliasvars))
				search_expression(list_nth(rte->joinaliasvars, var->varattno - 1), &inner);
			else
				search_expression((Node *) rte->joinaliasvars, &inner);
			break;
#if PG_VERSION_NUM >= 180000
		case RTE_GROUP:
			if (var->varattno > 0 && var->varattno <= list_length(rte->groupexprs))
				search_expression(list_nth(rte->groupexprs, var->varattno - 1), &inner);
			break;
#endif
		case RTE_FUNCTION:
			inner.plain = false;
			search_expression((Node *) rte->functions, &inner);
			break;
		case RTE_TABLEFUNC:
			inner.plain = false;
			search_expression((Node *) rte->tablefunc, &inner);
			break;
		case RTE_VALUES:
			inner.plain = false;
			search_expression((Node *) rte->values_lists, &inner);
			break;
		default:
			break;
	}
}

/* A subquery within an expression: its outputs, and what they were compared with. */
static bool
search_expression(Node *node, Search *search)
{
	bool		plain = search->plain;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		search_var((Var *) node, search);
		return false;
	}
	if (IsA(node, Query))
	{
		search_all((Query *) node, search->scope, search->found);
		return false;
	}
	if (!IsA(node, RelabelType) && !IsA(node, List) && !IsA(node, TargetEntry))
		search->plain = false;
	expression_tree_walker(node, search_expression, search);
	search->plain = plain;
	return false;
}

/* A set operation has no expressions of its own: the column of each of its queries. */
static void
search_set(Node *node, AttrNumber column, const Scope *scope, LhOrigins *found)
{
	check_stack_depth();
	if (IsA(node, SetOperationStmt))
	{
		search_set(((SetOperationStmt *) node)->larg, column, scope, found);
		search_set(((SetOperationStmt *) node)->rarg, column, scope, found);
	}
	else
	{
		RangeTblEntry *rte = rt_fetch(castNode(RangeTblRef, node)->rtindex, scope->query->rtable);

		if (rte->rtekind == RTE_SUBQUERY)
			search_query(rte->subquery, column, scope, true, found);
		else if (rte->rtekind == RTE_RELATION)
			add_relation(found, rte->relid, column, true);
	}
}

static bool
visited(LhOrigins *found, const Query *query, AttrNumber column, bool plain)
{
	Visit	   *visit;
	ListCell   *lc;

	foreach(lc, found->visits)
	{
		visit = lfirst(lc);
		if (visit->query == query && visit->column == column && visit->plain == plain)
			return true;
	}
	visit = palloc(sizeof(Visit));
	*visit = (Visit) {.query = query, .column = column, .plain = plain};
	found->visits = lappend(found->visits, visit);
	return false;
}

static void
search_output(Query *query, AttrNumber column, const Scope *outer, bool plain, LhOrigins *found)
{
	Scope		scope = {.query = query, .outer = outer};
	Search		search = {.scope = &scope, .found = found, .plain = plain};
	TargetEntry *entry = get_tle_by_resno(outputs_of(query), column);

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (visited(found, query, column, plain))
		return;
	if (query->setOperations != NULL)
		search_set(query->setOperations, column, &scope, found);
	else if (entry != NULL)
		search_expression((Node *) entry->expr, &search);
}

/* Tables anywhere in it, also those that only decide which rows come. */
static bool
collect_relations(Node *node, List **relations)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION)
			*relations = list_append_unique_oid(*relations, rte->relid);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_relations, relations, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, collect_relations, relations);
}

List *
lh_utility_origins(Query *query, List **relations)
{
	List	   *rewritten;
	List	   *outputs = NIL;
	ListCell   *lc;

	/* views become subqueries, as when it runs */
	query = copyObject(query);
	AcquireRewriteLocks(query, true, false);
	rewritten = QueryRewrite(query);
	if (list_length(rewritten) != 1)
		return NIL;
	query = linitial_node(Query, rewritten);
	(void) collect_relations((Node *) query, relations);
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst(lc);
		LhOrigins  *output;

		if (entry->resjunk)
			continue;
		output = palloc0(sizeof(LhOrigins));
		output->name = entry->resname;
		search_output(query, entry->resno, NULL, true, output);
		outputs = lappend(outputs, output);
	}
	return outputs;
}
