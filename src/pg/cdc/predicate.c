/*
 * predicate.c
 *		Conditions that choose rows of a snapshot, as lakehouse.cdc_snapshot_start takes them.
 *
 * Whoever may start a snapshot writes the condition, and the client's role runs it,
 * perhaps a superuser's.  So it must do nothing but look at the row:
 *
 *	1. it is parsed as one expression, and what stands behind it is an error;
 *	2. as in row filters of publications there are columns, constants, and functions
 *	   and operators of PostgreSQL itself that are immutable: no subqueries, none of a
 *	   user's functions, domains or operators, nothing that reads settings or files;
 *	3. what is stored was written from the parsed expression, with the names of types
 *	   and operators as they are with an empty search_path.  With that the client must
 *	   run it: else an operator that somebody made for these types may be found first.
 *
 * Parsing calls input functions of literals, with the rights of who wrote them.
 */
#include "pg/cdc/cdc.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

static void
refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("this condition cannot choose rows of a snapshot"),
			 errdetail_internal("%s", detail),
			 errhint("Use columns, constants, and immutable functions and operators of PostgreSQL itself.")));
}

/* A star is no expression, and nothing below expects one. */
static bool
is_star(Node *node)
{
	return IsA(node, ColumnRef) && IsA(llast(((ColumnRef *) node)->fields), A_Star);
}

/* The expression that the whole text is. */
static Node *
parse_expression(const char *text)
{
	List	   *parsed = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *s = (SelectStmt *) linitial_node(RawStmt, parsed)->stmt;
	ResTarget  *target = list_length(s->targetList) == 1 ? linitial(s->targetList) : NULL;

	if (target == NULL || target->name != NULL || is_star(target->val) || target->indirection != NIL ||
		s->distinctClause != NIL || s->fromClause != NIL || s->whereClause != NULL || s->groupClause != NIL ||
		s->havingClause != NULL || s->windowClause != NIL || s->sortClause != NIL || s->limitCount != NULL ||
		s->limitOffset != NULL || s->lockingClause != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a condition that chooses rows of a snapshot must be one expression"),
				 errhint("For example: created_at >= '2026-01-01' AND NOT archived")));
	return target->val;
}

static bool
is_mutable_or_foreign(Oid function, void *context)
{
	return function >= FirstNormalObjectId || func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

/* An operator of a user's can become another later, under the same name. */
static bool
is_own_operator(Node *node)
{
	ListCell   *lc;

	switch (nodeTag(node))
	{
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return ((OpExpr *) node)->opno < FirstNormalObjectId;
		case T_ScalarArrayOpExpr:
			return ((ScalarArrayOpExpr *) node)->opno < FirstNormalObjectId;
		case T_RowCompareExpr:
			foreach(lc, ((RowCompareExpr *) node)->opnos)
			{
				if (lfirst_oid(lc) >= FirstNormalObjectId)
					return false;
			}
			return true;
		default:
			return true;
	}
}

bool
lh_cdc_calls_builtin(Node *node)
{
	return is_own_operator(node) && !check_functions_in_node(node, is_mutable_or_foreign, NULL);
}

static bool
check_node(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			if (((Var *) node)->varattno <= 0)
				refuse("System columns and whole rows are not allowed.");
			break;
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_CollateExpr:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_ArrayExpr:
		case T_RowExpr:
		case T_RowCompareExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_List:
			break;
		default:
			refuse("Subqueries, domains and such are not allowed.");
	}
	if (!lh_cdc_calls_builtin(node))
		refuse("Functions and operators that are not PostgreSQL's own, or not immutable, are not allowed.");
	return expression_tree_walker(node, check_node, context);
}

static char *
write_expression(Relation relation, Node *expr)
{
	int			level = lh_cell_settings();
	List	   *context = deparse_context_for(RelationGetRelationName(relation), RelationGetRelid(relation));
	char	   *text = deparse_expression(expr, context, false, false);

	AtEOXact_GUC(true, level);
	return text;
}

char *
lh_cdc_predicate(Relation relation, const char *text)
{
	Node	   *raw = parse_expression(text);
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *expr;
	char	   *result;

	pstate->p_sourcetext = text;
	item = addRangeTableEntryForRelation(pstate, relation, AccessShareLock, NULL, false, true);
	addNSItemToQuery(pstate, item, false, true, true);
	expr = transformWhereClause(pstate, raw, EXPR_KIND_WHERE, "WHERE");
	assign_expr_collations(pstate, expr);
	(void) check_node(expr, NULL);
	lh_cdc_policies_refuse(relation, expr);
	result = write_expression(relation, expr);
	free_parsestate(pstate);
	return result;
}
