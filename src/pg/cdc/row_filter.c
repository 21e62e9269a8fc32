/*
 * row_filter.c
 *		The option "row.filter": conditions of the consumer over a table's rows.
 *
 * They are publications' row filters by another way, and obey their rules: only
 * columns, built-in types and immutable built-in functions, no subqueries; where
 * updates or deletes are wanted, only columns that old rows have.  Besides:
 *
 *	1. A column that is masked, or that is not in the stream, cannot be asked for:
 *	   whether a row comes would tell what it holds.
 *	2. They are joined by AND to what the publications say, so they only narrow, and
 *	   see no row that those hide.
 *
 * A condition is compiled for each plan, with the catalog as it was when the row was
 * written.  Columns are found by a hook of the parser, so no relation is opened and no
 * lock taken while the log is decoded.
 */
#include "pg/cdc/cdc.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "change/transform.h"

/* A condition is parsed with this around it. */
#define BEFORE "SELECT ("
#define AFTER "\n)"

typedef struct Reading
{
	LhCdc	   *cdc;
	LhCdcRel   *rel;
	Relation	published;
	const LhRowFilter *filter;
	const char *condition;		/* in the server's encoding */
	const LhChangeColumn *outside;	/* one that was read and that old rows have not */
	ParseState *pstate;
} Reading;

/* ---- errors ---- */

/* Bytes of a condition that are quoted. */
#define QUOTED 60

/* Says which condition it is, and where in it. */
static void
where(void *arg)
{
	Reading    *r = arg;
	int			position = geterrposition();

	int			at = Max(0, Min(position - (int) strlen(BEFORE) - 1, pg_mbstrlen(r->condition)));
	const char *rest = r->condition;

	/* consumers show the detail, hardly ever the context */
	while (at-- > 0)
		rest += pg_mblen(rest);
	errposition(0);
	errdetail("Option \"row.filter\", item %d, table \"%s.%s\", at \"%.*s\".", r->filter->place,
			  lh_pg_text(r->filter->schema), lh_pg_text(r->filter->table), pg_mbcliplen(rest, (int) strlen(rest), QUOTED), rest);
}

static void
refuse(Reading *r, Node *node, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("option \"row.filter\" has a condition with %s", why),
			 errhint("As in row filters of publications, only columns, constants and immutable built-in functions and operators are allowed."),
			 parser_errposition(r->pstate, exprLocation(node))));
}

/* ---- parsing ---- */

static bool
find_subquery(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		refuse(arg, node, "a subquery");
	return raw_expression_tree_walker(node, find_subquery, arg);
}

/* The text as one expression, and nothing but that. */
static Node *
parse_condition(Reading *r)
{
	char	   *text = psprintf(BEFORE "%s" AFTER, r->condition);
	ParseState *pstate = make_parsestate(NULL);
	List	   *statements;
	SelectStmt *select;

	pstate->p_sourcetext = text;
	r->pstate = pstate;
	statements = raw_parser(text, RAW_PARSE_DEFAULT);
	select = list_length(statements) == 1 ? (SelectStmt *) linitial_node(RawStmt, statements)->stmt : NULL;
	if (select == NULL || !IsA(select, SelectStmt) || select->op != SETOP_NONE || list_length(select->targetList) != 1 ||
		select->distinctClause != NIL || select->intoClause != NULL || select->fromClause != NIL ||
		select->whereClause != NULL || select->groupClause != NIL || select->havingClause != NULL ||
		select->windowClause != NIL || select->valuesLists != NIL || select->sortClause != NIL ||
		select->limitOffset != NULL || select->limitCount != NULL || select->lockingClause != NIL ||
		select->withClause != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("option \"row.filter\" has an item that is not one condition")));
	find_subquery(linitial_node(ResTarget, select->targetList)->val, r);
	return linitial_node(ResTarget, select->targetList)->val;
}

static const LhChangeColumn *
streamed_column(const LhCdcRel *rel, AttrNumber attnum, int *i)
{
	for (*i = 0; *i < rel->change.ncolumns; ++*i)
	{
		if (rel->change.columns[*i].attnum == attnum)
			return &rel->change.columns[*i];
	}
	return NULL;
}

/* What a condition may read of the table. */
static Node *
read_column(Reading *r, Form_pg_attribute a, int location)
{
	int			i;
	const LhChangeColumn *c = streamed_column(r->rel, a->attnum, &i);

	if (c == NULL || c->masked)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("option \"row.filter\" reads column \"%s\" of table \"%s\", which %s", NameStr(a->attname),
						RelationGetRelationName(r->published), c == NULL ? "is not in this stream" : "is masked"),
				 errhint("Which rows come would tell what it holds."),
				 parser_errposition(r->pstate, location)));
	if (!r->rel->identity[i])
		r->outside = c;
	return (Node *) makeVar(1, a->attnum, a->atttypid, a->atttypmod, a->attcollation, 0);
}

/* column, table.column or schema.table.column; NULL: the parser says that there is none. */
static Node *
column_ref(ParseState *pstate, ColumnRef *cref)
{
	Reading    *r = pstate->p_ref_hook_state;
	TupleDesc	desc = RelationGetDescr(r->published);
	int			n = list_length(cref->fields);
	const char *names[3];

	for (int i = 0; i < n; i++)
	{
		Node	   *field = list_nth(cref->fields, i);

		if (n > 3 || !IsA(field, String))
			return NULL;
		names[i] = strVal(field);
	}
	if (n > 1 && strcmp(names[n - 2], RelationGetRelationName(r->published)) != 0)
		return NULL;
	if (n > 2 && strcmp(names[0], get_namespace_name(RelationGetNamespace(r->published))) != 0)
		return NULL;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(desc, i);

		if (!a->attisdropped && strcmp(NameStr(a->attname), names[n - 1]) == 0)
			return read_column(r, a, cref->location);
	}
	return NULL;
}

/* ---- what is allowed ---- */

static bool
is_allowed_kind(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_ArrayExpr:
		case T_SubscriptingRef:
		case T_RelabelType:
		case T_CollateExpr:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_List:
			return true;
		default:
			return false;
	}
}

static bool
check_node(Node *node, void *arg)
{
	Reading    *r = arg;

	if (node == NULL)
		return false;
	if (!is_allowed_kind(node))
		refuse(r, node, "an expression of a kind that is not allowed");
	if (!IsA(node, List) && !IsA(node, CaseWhen))
	{
		if (exprType(node) >= FirstNormalObjectId)
			refuse(r, node, "a type that is not built in");
		if (!lh_cdc_calls_builtin(node))
			refuse(r, node, "a function or operator that is not immutable and built in");
		if (exprCollation(node) >= FirstNormalObjectId || exprInputCollation(node) >= FirstNormalObjectId)
			refuse(r, node, "a collation that is not built in");
	}
	return expression_tree_walker(node, check_node, arg);
}

/* Where the old row is a key, or none, only what is in it can be asked for. */
static void
check_identity(const Reading *r)
{
	const LhCdcRel *rel = r->rel;

	if (r->outside == NULL || rel->change.identity == LH_IDENTITY_FULL || rel->outbox != NULL ||
		(!rel->actions[LH_CDC_UPDATE] && !rel->actions[LH_CDC_DELETE]))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
			 errmsg("option \"row.filter\" reads column \"%s\" of table \"%s\", which old rows of updates and deletes do not have",
					lh_pg_text(r->outside->name), RelationGetRelationName(r->published)),
			 errhint("Set its REPLICA IDENTITY to FULL, or leave updates and deletes out with option \"skipped.operations\".")));
}

/* ---- compiling ---- */

static Node *
compile(Reading *r)
{
	ErrorContextCallback context = {error_context_stack, where, r};
	int			settings;
	Node	   *node;

	error_context_stack = &context;
	/* constants and names of functions are read the same in every session */
	settings = lh_cell_settings();
	node = parse_condition(r);
	r->pstate->p_pre_columnref_hook = column_ref;
	r->pstate->p_ref_hook_state = r;
	node = transformWhereClause(r->pstate, node, EXPR_KIND_WHERE, "row.filter");
	assign_expr_collations(r->pstate, node);
	(void) check_node(node, r);
	check_identity(r);
	free_parsestate(r->pstate);
	/* what fails among constants fails here */
	node = (Node *) expression_planner((Expr *) node);
	AtEOXact_GUC(true, settings);
	error_context_stack = context.previous;
	return node;
}

/* Is it the table that goes out, or one above it? */
static bool
is_for(LhCdc *cdc, const LhCdcRel *rel, const LhRowFilter *f)
{
	ListCell   *lc;

	if (strcmp(f->schema, rel->change.schema) == 0 && strcmp(f->table, rel->change.name) == 0)
		return true;
	foreach(lc, rel->ancestors)
	{
		char	   *name = get_rel_name(lfirst_oid(lc));
		char	   *schema = get_namespace_name(get_rel_namespace(lfirst_oid(lc)));

		if (name != NULL && schema != NULL && strcmp(f->table, lh_cell_utf8(cdc->ctx, name)) == 0 &&
			strcmp(f->schema, lh_cell_utf8(cdc->ctx, schema)) == 0)
			return true;
	}
	return false;
}

List *
lh_cdc_row_filters(LhCdc *cdc, LhCdcRel *rel, Relation published)
{
	List	   *conditions = NIL;

	for (int i = 0; i < cdc->nrow_filters; i++)
	{
		Reading		r = {cdc, rel, published, &cdc->row_filters[i], cdc->row_filters[i].condition};

		if (!is_for(cdc, rel, r.filter))
			continue;
		r.condition = lh_pg_text(r.condition);
		conditions = lappend(conditions, compile(&r));
	}
	return conditions;
}

/* ---- the start ---- */

/* What is wrong by itself is an error now; a table that is not there may come. */
void
lh_cdc_read_row_filters(LhCdc *cdc)
{
	LhRowFilter *filters;

	lh_pg_check(cdc->ctx, lh_row_filters_parse(cdc->ctx, cdc->options.row_filter, &cdc->nrow_filters, &filters));
	cdc->row_filters = filters;
	for (int i = 0; i < cdc->nrow_filters; i++)
	{
		Reading		r = {cdc, NULL, NULL, &filters[i], lh_pg_text(filters[i].condition)};
		ErrorContextCallback context = {error_context_stack, where, &r};
		Oid			schema = get_namespace_oid(lh_pg_text(filters[i].schema), true);

		error_context_stack = &context;
		(void) parse_condition(&r);
		free_parsestate(r.pstate);
		if (!OidIsValid(schema) || !OidIsValid(get_relname_relid(lh_pg_text(filters[i].table), schema)))
			ereport(WARNING,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("option \"row.filter\" names table \"%s.%s\", which does not exist",
							lh_pg_text(filters[i].schema), lh_pg_text(filters[i].table))));
		error_context_stack = context.previous;
	}
}
