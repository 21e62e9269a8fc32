/*
 * hidden_read.c
 *		Definitions read back from the rule trees of their views.
 *
 * The tree comes from pg_rewrite itself, not from the relation: reading takes no lock, so nobody waits
 * for who is changing a policy, and what he changes is seen when it is committed.
 *
 * Nothing here trusts the view: a dump may have been edited.  What does not have the shape that lh_hidden_put gives is
 * said to be wrong, and relid is told as soon as it is known, so that the relation can be closed.
 */
#include "pg/privacy/hidden.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteDefine.h"
#include "rewrite/rewriteManip.h"
#include "rewrite/rewriteSupport.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/privacy/hidden_internal.h"

/* The query of a view; NULL: it has none.  More than one action: *wrong. */
static Query *
rule_query(Oid view, const char **wrong)
{
	Relation	rel = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Query	   *query = NULL;

	ScanKeyInit(&keys[0], Anum_pg_rewrite_ev_class, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(view));
	ScanKeyInit(&keys[1], Anum_pg_rewrite_rulename, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum(ViewSelectRuleName));
	scan = systable_beginscan(rel, RewriteRelRulenameIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		action = heap_getattr(tuple, Anum_pg_rewrite_ev_action, RelationGetDescr(rel), &isnull);
		List	   *actions = isnull ? NIL : stringToNode(TextDatumGetCString(action));

		if (list_length(actions) == 1 && IsA(linitial(actions), Query))
			query = linitial(actions);
		else
			*wrong = "its rule is not one query";
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return query;
}

/* Everything that a definition does not have. */
static const char *
query_shape(const Query *query)
{
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL || query->setOperations != NULL)
		return "it is not one SELECT";
	if (query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs || query->hasDistinctOn ||
		query->hasModifyingCTE || query->hasForUpdate || query->hasRecursive || query->hasRowSecurity ||
		query->cteList != NIL || query->groupClause != NIL || query->groupingSets != NIL || query->havingQual != NULL ||
		query->windowClause != NIL || query->distinctClause != NIL || query->sortClause != NIL ||
		query->limitOffset != NULL || query->limitCount != NULL || query->rowMarks != NIL ||
		query->withCheckOptions != NIL || query->returningList != NIL)
		return "it has clauses besides SELECT, FROM and WHERE";
	if (query->jointree == NULL || list_length(query->jointree->fromlist) > 1)
		return "it is not of one relation";
	return NULL;
}

/* The relation in FROM; 0: none. */
static const char *
query_relation(const Query *query, int *varno, Oid *relid)
{
	const RangeTblRef *ref;
	const RangeTblEntry *rte;

	*varno = 0;
	if (query->jointree->fromlist == NIL)
		return NULL;
	ref = linitial(query->jointree->fromlist);
	if (!IsA(ref, RangeTblRef))
		return "it is not of one relation";
	rte = list_nth(query->rtable, ref->rtindex - 1);
	if (rte->rtekind != RTE_RELATION)
		return "it is not of a relation";
	*varno = ref->rtindex;
	*relid = rte->relid;
	if (!rte->inh || rte->tablesample != NULL || rte->securityQuals != NIL)
		return "it does not take the whole relation";
	return NULL;
}

static Node *
over_relation(const void *expr, int varno)
{
	Node	   *copy = copyObject(unconstify(void *, expr));

	if (varno > 0)
		ChangeVarNodes(copy, varno, 1, 0);
	return copy;
}

static const char *
read_definition(LhHidden *hidden, const Query *query)
{
	const TargetEntry *first = query->targetList != NIL ? linitial(query->targetList) : NULL;
	const Const *constant;

	if (first == NULL || first->resjunk || !IsA(first->expr, Const))
		return "its first column is not a constant";
	constant = (const Const *) first->expr;
	if (constant->consttype != JSONBOID || constant->constisnull)
		return "its first column is not of type jsonb";
	hidden->definition = DatumGetJsonbPCopy(constant->constvalue);
	if (!JB_ROOT_IS_OBJECT(hidden->definition))
		return "its options are not an object";
	return NULL;
}

static const char *
read_pairs(LhHidden *hidden, const Query *query, int varno)
{
	int			n = list_length(query->targetList);

	if (n % 2 != 1)
		return "its columns and expressions are not pairs";
	for (int i = 1; i < n; i += 2)
	{
		const TargetEntry *column = list_nth(query->targetList, i);
		const TargetEntry *mask = list_nth(query->targetList, i + 1);
		const Var  *var = (const Var *) column->expr;
		LhHiddenPair *pair;

		if (column->resjunk || mask->resjunk)
			return "its columns and expressions are not pairs";
		if (!IsA(var, Var) || var->varno != varno || var->varlevelsup != 0 || var->varattno <= 0)
			return "one of its columns is not a column of the relation";
		pair = palloc(sizeof(LhHiddenPair));
		pair->attnum = var->varattno;
		pair->expr = (Expr *) over_relation(mask->expr, varno);
		hidden->pairs = lappend(hidden->pairs, pair);
	}
	return NULL;
}

static const char *
read_query(LhHidden *hidden, Query *query)
{
	const char *wrong = query_shape(query);
	int			varno = 0;

	if (wrong != NULL)
		return wrong;
	/* what its row filter looks up is read as its owner, as in any view */
	setRuleCheckAsUser((Node *) query, hidden->owner);
	if ((wrong = query_relation(query, &varno, &hidden->relid)) != NULL ||
		(wrong = read_definition(hidden, query)) != NULL ||
		(wrong = read_pairs(hidden, query, varno)) != NULL)
		return wrong;
	if (query->jointree->quals != NULL)
	{
		if (varno == 0)
			return "it has a row filter and no relation";
		hidden->filter = over_relation(query->jointree->quals, varno);
	}
	return NULL;
}

/* Every relation in the query: of a view whose shape is wrong nobody knows which is meant. */
static bool
name_relations(Node *node, void *context)
{
	LhHidden   *hidden = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, name_relations, context, QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, RangeTblEntry))
	{
		const RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION && rte->relid != hidden->view)
			hidden->named = list_append_unique_oid(hidden->named, rte->relid);
		return false;
	}
	return expression_tree_walker(node, name_relations, context);
}

LhHidden *
lh_hidden_look(Oid view, const char **wrong)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(view));
	LhHidden   *hidden;
	Form_pg_class form;
	Datum		acl;
	bool		isnull;
	Query	   *query;

	*wrong = NULL;
	if (!HeapTupleIsValid(tuple))
		return NULL;
	lh_hidden_know(view);
	hidden = palloc0(sizeof(LhHidden));
	form = (Form_pg_class) GETSTRUCT(tuple);
	hidden->view = view;
	hidden->name = pstrdup(NameStr(form->relname));
	hidden->owner = form->relowner;
	acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	if (!isnull)
		hidden->acl = DatumGetAclPCopy(acl);
	(void) SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	if (!isnull)
		*wrong = "it has options of views";
	if (form->relkind != RELKIND_VIEW)
		*wrong = "it is not a view";
	ReleaseSysCache(tuple);
	if ((query = rule_query(view, wrong)) == NULL)
	{
		if (*wrong == NULL)
			*wrong = "it has no query";
		return hidden;
	}
	(void) name_relations((Node *) query, hidden);
	if (*wrong == NULL)
		*wrong = read_query(hidden, query);
	return hidden;
}

LhHidden *
lh_hidden_read(Oid view)
{
	const char *wrong;
	LhHidden   *hidden = lh_hidden_look(view, &wrong);

	if (hidden == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("definition with OID %u does not exist", view)));
	if (wrong != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("definition \"%s\" is damaged", hidden->name),
				 errdetail("It is a view that was not made by lakehouse, or was changed: %s.", wrong),
				 errhint("Drop it and make it again.")));
	return hidden;
}
