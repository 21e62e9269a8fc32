/*
 * identify.c
 *		Fingerprints of statements: PostgreSQL's identifiers of queries.
 *
 * They take more instructions than all else that the audit does for a statement as text.  So where nobody else wants them, only
 * statements that may be recorded have one: with the usual filter those that use a relation with policies, or what may hide one or
 * turn values back (views, functions and types that are not PostgreSQL's).
 */
#include "pg/audit/audit.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"

#include "pg/util/features.h"

static bool
is_users(Oid id, void *context)
{
	return id >= FirstNormalObjectId;
}

static bool
uses_more(Node *node, void *context)
{
	if (node == NULL || IsA(node, RangeTblRef))
		return false;
	if (IsA(node, Var))
		return is_users(((Var *) node)->vartype, NULL);
	if (IsA(node, Const))
		return is_users(((Const *) node)->consttype, NULL);
	if (IsA(node, Param))
		return is_users(((Param *) node)->paramtype, NULL);
	if (IsA(node, Query) || check_functions_in_node(node, is_users, NULL))
		return true;
	return expression_tree_walker(node, uses_more, context);
}

static bool
is_plain(const RangeTblEntry *rte)
{
	if (rte->rtekind != RTE_RELATION)
		return rte->rtekind == RTE_JOIN || rte->rtekind == RTE_RESULT;
	return (rte->relkind == RELKIND_RELATION || rte->relkind == RELKIND_FOREIGN_TABLE || rte->relkind == RELKIND_MATVIEW) &&
		rte->tablesample == NULL && !lh_features.has_policy(rte->relid);
}

/* By the filter, or as it turns values back. */
static bool
may_be_recorded(Query *query)
{
	ListCell   *lc;

	if (!lh_audit_wants_only_policies() || lh_features.has_policy == NULL || query->hasSubLinks || query->cteList != NIL ||
		query->setOperations != NULL)
		return true;
	foreach(lc, query->rtable)
	{
		if (!is_plain(lfirst(lc)))
			return true;
	}
	return query_tree_walker(query, uses_more, NULL, QTW_IGNORE_RANGE_TABLE);
}

void
lh_audit_identify(Query *query, const char *source)
{
	bool		before = query_id_enabled;

	if (query->queryId != 0 || query->commandType == CMD_UTILITY || compute_query_id == COMPUTE_QUERY_ID_OFF || !may_be_recorded(query))
		return;
	query_id_enabled = true;
	(void) LH_JUMBLE_QUERY(query, source);
	query_id_enabled = before;
}
