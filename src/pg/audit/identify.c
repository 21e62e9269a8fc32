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
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"

#include "pg/util/features.h"

static bool
is_users(Oid id, void *context)
{
	return id >= FirstNormalObjectId;
}

/* The nodes of most statements are looked at here: the walkers of all nodes cost as much as half of an identifier. */
static bool
uses_more(Node *node, void *context)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_RangeTblRef:
			return false;
		case T_Var:
			return is_users(((Var *) node)->vartype, NULL);
		case T_Const:
			return is_users(((Const *) node)->consttype, NULL);
		case T_Param:
			return is_users(((Param *) node)->paramtype, NULL);
		case T_TargetEntry:
			return uses_more((Node *) ((TargetEntry *) node)->expr, context);
		case T_FromExpr:
			return uses_more((Node *) ((FromExpr *) node)->fromlist, context) || uses_more(((FromExpr *) node)->quals, context);
		case T_List:
			foreach(lc, (List *) node)
			{
				if (uses_more(lfirst(lc), context))
					return true;
			}
			return false;
		case T_OpExpr:
			if (OidIsValid(((OpExpr *) node)->opfuncid))
			{
				check_stack_depth();
				return is_users(((OpExpr *) node)->opfuncid, NULL) || uses_more((Node *) ((OpExpr *) node)->args, context);
			}
			break;
		case T_Query:
			return true;
		default:
			break;
	}
	return check_functions_in_node(node, is_users, NULL) || expression_tree_walker(node, uses_more, context);
}

static bool
is_bare(const Query *query)
{
	return query->commandType == CMD_SELECT && query->havingQual == NULL && query->limitOffset == NULL && query->limitCount == NULL &&
		query->windowClause == NIL;
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
	if (is_bare(query))
		return uses_more((Node *) query->targetList, NULL) || uses_more((Node *) query->jointree, NULL);
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
