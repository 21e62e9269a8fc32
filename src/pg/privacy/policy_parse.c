/*
 * policy_parse.c
 *		Expressions of policies from text, and back to it.
 *
 * Text is parsed once, when a policy is made; after that there are trees only.  It has to be one expression: what
 * the grammar would take besides (FROM, WHERE, UNION, a second statement) is refused.
 */
#include "pg/privacy/policy_internal.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* The position of a syntax error is one of the expression, not of the statement that brought it. */
static void
parse_context(void *arg)
{
	const LhPolicyText *where = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(where->text);
	}
	errcontext("%s", where->what);
}

static Node *
only_expression(List *statements)
{
	const SelectStmt *select;
	const ResTarget *target;

	if (list_length(statements) != 1)
		return NULL;
	select = (const SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	if (!IsA(select, SelectStmt) || list_length(select->targetList) != 1)
		return NULL;
	if (select->distinctClause != NIL || select->intoClause != NULL || select->fromClause != NIL ||
		select->whereClause != NULL || select->groupClause != NIL || select->havingClause != NULL ||
		select->windowClause != NIL || select->valuesLists != NIL || select->sortClause != NIL ||
		select->limitOffset != NULL || select->limitCount != NULL || select->lockingClause != NIL ||
		select->withClause != NULL || select->op != SETOP_NONE)
		return NULL;
	target = linitial(select->targetList);
	if (!IsA(target, ResTarget) || target->name != NULL || target->indirection != NIL)
		return NULL;
	/* a star is made columns of only where a list of them may be */
	if (IsA(target->val, ColumnRef) && IsA(llast(((const ColumnRef *) target->val)->fields), A_Star))
		return NULL;
	return target->val;
}

void
lh_policy_text_begin(LhPolicyText *at, const char *text, const char *what)
{
	at->text = text;
	at->what = what;
	at->callback.callback = parse_context;
	at->callback.arg = at;
	at->callback.previous = error_context_stack;
	error_context_stack = &at->callback;
}

void
lh_policy_text_end(LhPolicyText *at)
{
	error_context_stack = at->callback.previous;
}

Node *
lh_policy_parse(const char *text)
{
	Node	   *expr = only_expression(raw_parser(text, RAW_PARSE_PLPGSQL_EXPR));

	if (expr == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR), errmsg("a policy takes one expression"),
				 errdetail("There is none, or something besides one, in: %s", text)));
	return expr;
}

/* With all names qualified that are not PostgreSQL's own: it reads the same wherever it is parsed again. */
/* The keyed mask that users write, of the twin that runs; InvalidOid: the function is none. */
static Oid
name_of_twin(Oid function)
{
	Oid			schema = get_namespace_oid("lakehouse", true);
	Oid		   *declared;
	char	   *name;
	int			n;

	if (!OidIsValid(schema) || get_func_namespace(function) != schema)
		return InvalidOid;
	name = get_func_name(function);
	if (name == NULL || strlen(name) < 4 || strcmp(name + strlen(name) - 4, "_run") != 0)
		return InvalidOid;
	(void) get_func_signature(function, &declared, &n);
	if (n < 1 || declared[n - 1] != INTERNALOID)
		return InvalidOid;
	name[strlen(name) - 4] = '\0';
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(declared, n - 1)), ObjectIdGetDatum(schema));
}

static Node *
take_twins(Node *node, void *context)
{
	FuncExpr   *call;
	Oid			name;

	/* sub-selects of filters have no masks */
	if (node == NULL || IsA(node, Query))
		return node;
	node = expression_tree_mutator(node, take_twins, context);
	if (!IsA(node, FuncExpr) || !OidIsValid(name = name_of_twin(((FuncExpr *) node)->funcid)))
		return node;
	call = (FuncExpr *) node;
	call->funcid = name;
	call->args = list_truncate(list_copy(call->args), list_length(call->args) - 1);
	return node;
}

char *
lh_policy_deparse(const Node *expr, Oid relid)
{
	List	   *names = deparse_context_for(get_rel_name(relid), relid);
	int			settings = NewGUCNestLevel();
	char	   *text;

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	text = deparse_expression(take_twins(unconstify(Node *, expr), NULL), names, false, false);
	AtEOXact_GUC(true, settings);
	return text;
}
