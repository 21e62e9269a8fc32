/*
 * policy_vet.c
 *		What expressions of policies may contain.
 *
 * A mask runs for every reader of a table and with nobody asking whose it is, and a row filter looks up tables with
 * its owner's rights.  So nothing may be in them that somebody else could have written, or could write anew later:
 *
 *	1. functions and operators of PostgreSQL itself that depend on their arguments alone, and some that depend on
 *	   the time; our masks; who the subject is;
 *	2. no functions, operators, casts, types or domains of users;
 *	3. nothing that turns text into something else: it fails on values that do not fit, and its message
 *	   shows them;
 *	4. in row filters sub-selects of plain tables, without aggregates, for lists of who may see what.
 *
 * It is a list of what is allowed: a kind of node that a later PostgreSQL brings is refused.  Definitions are vetted
 * when they are made, and whenever they are read.
 */
#include "pg/privacy/policy_internal.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/privacy/mask_table.h"

typedef struct Vet
{
	Oid			relid;
	bool		filter;
	int			level;			/* of sub-selects around the present node */
	LhVetted   *out;
} Vet;

static bool vet_node(Node *node, void *context);

/* ---- functions ---- */

/* Depend on the time or on settings of the session, and on nothing else. */
static const char *const stable_functions[] = {
	"now", "transaction_timestamp", "statement_timestamp", "date_trunc", "date_part", "extract", "age", "timezone",
	"to_char", "concat", "concat_ws", "timestamptz", "timestamp", "date", "time",
};
/* Comparisons and sums of dates and times with a time zone. */
static const char *const stable_prefixes[] = {"timestamp_", "timestamptz_", "date_"};

/* Depend on their arguments alone, but show them in messages, or take names of things. */
static const char *const denied_functions[] = {
	"to_number", "to_date", "to_timestamp", "convert", "convert_from", "convert_to", "decode", "make_date", "make_time",
	"make_timestamp", "make_interval", "pg_size_bytes", "parse_ident", "xpath", "xpath_exists", "xmlexists",
	"xml_is_well_formed", "unistr", "set_bit", "set_byte", "lo_get", "jsonb_populate_record", "json_populate_record",
	"jsonb_to_record", "json_to_record", "binary_upgrade_set_next_pg_type_oid",
};

static const char *const hash_functions[] = {
	"md5", "sha224", "sha256", "sha384", "sha512", "hashtext", "hashtextextended", "hash_numeric", "hashint4", "hashint8",
};

static bool
in_list(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

#define IN(name, list) in_list(name, list, lengthof(list))

static bool
stable_allowed(const char *name)
{
	if (IN(name, stable_functions))
		return true;
	for (size_t i = 0; i < lengthof(stable_prefixes); i++)
		if (strncmp(name, stable_prefixes[i], strlen(stable_prefixes[i])) == 0)
			return true;
	return false;
}

/* lakehouse.subject_role() and its like. */
static bool
of_subject(Oid function, Form_pg_proc form)
{
	static const char *const names[] = {"subject_role", "subject_session", "purpose"};

	return form->pronargs == 0 && form->pronamespace == get_namespace_oid("lakehouse", true) &&
		IN(NameStr(form->proname), names) &&
		getExtensionOfObject(ProcedureRelationId, function) == get_extension_oid("lakehouse", true);
}

static bool
takes(Form_pg_proc form, Oid type)
{
	if (form->prorettype == type)
		return true;
	for (int i = 0; i < form->pronargs; i++)
		if (form->proargtypes.values[i] == type)
			return true;
	return false;
}

static const char *
builtin_wrong(Oid function, Form_pg_proc form, Vet *vet)
{
	const char *name = NameStr(form->proname);

	if (function >= FirstNormalObjectId || form->pronamespace != PG_CATALOG_NAMESPACE)
		return psprintf("function %s is neither PostgreSQL's own nor a mask of lakehouse", name);
	if (form->prokind != PROKIND_FUNCTION || form->proretset)
		return psprintf("%s is not a plain function", name);
	if (takes(form, INTERNALOID) || takes(form, CSTRINGOID) || IN(name, denied_functions))
		return psprintf("function %s may show values in its messages", name);
	if (form->provolatile == PROVOLATILE_VOLATILE ||
		(form->provolatile == PROVOLATILE_STABLE && !stable_allowed(name)))
		return psprintf("function %s depends on more than its arguments", name);
	if (IN(name, hash_functions) && vet->out->hash == NULL)
		vet->out->hash = pstrdup(name);
	return NULL;
}

/* For check_functions_in_node: true stops it. */
static bool
vet_function(Oid function, void *context)
{
	Vet		   *vet = context;
	HeapTuple	tuple;
	Form_pg_proc form;

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
	{
		vet->out->wrong = "a function in it does not exist";
		return true;
	}
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (lh_mask_function(function) != NULL)
	{
		if (vet->filter)
			vet->out->wrong = psprintf("a row filter has no use for mask %s", NameStr(form->proname));
		else if (takes(form, INTERNALOID))
			vet->out->wrong = psprintf("%s cannot be called by name", NameStr(form->proname));
	}
	else if (!of_subject(function, form))
		vet->out->wrong = builtin_wrong(function, form, vet);
	ReleaseSysCache(tuple);
	return vet->out->wrong != NULL;
}

/* ---- types ---- */

static bool
builtin_type(Oid type)
{
	return type < FirstNormalObjectId;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == NAMEOID;
}

static const char *
const_wrong(const Const *constant)
{
	/* its text was read by the input function of the type when it was parsed */
	if (constant->constisnull || builtin_type(constant->consttype) || type_is_enum(constant->consttype))
		return NULL;
	return psprintf("it has a constant of type %s, which a user made", format_type_be(constant->consttype));
}

static const char *
io_wrong(const CoerceViaIO *coerce)
{
	Oid			from = exprType((Node *) coerce->arg);

	if (!is_text(coerce->resulttype))
		return psprintf("it makes %s of %s, which fails on values that do not fit, and shows them",
						format_type_be(coerce->resulttype), format_type_be(from));
	if (!builtin_type(from) && !type_is_enum(from))
		return psprintf("it makes text of type %s, which a user made", format_type_be(from));
	return NULL;
}

static const char *
value_function_wrong(const SQLValueFunction *function)
{
	switch (function->op)
	{
		case SVFOP_CURRENT_DATE:
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			return NULL;
		default:
			return "it asks for current_user, which is not who a statement is run for: use lakehouse.subject_role() or lakehouse.subject_session()";
	}
}

/* ---- sub-selects ---- */

static const char *
table_wrong(const RangeTblEntry *rte, Vet *vet)
{
	char		relkind = get_rel_relkind(rte->relid);

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		return psprintf("it looks up %s, which is not a plain table", get_rel_name(rte->relid));
	if (rte->relid < FirstNormalObjectId)
		return psprintf("it looks up %s, a table of the system", get_rel_name(rte->relid));
	if (rte->relid == vet->relid || list_member_oid(lh_policy_ancestors(vet->relid), rte->relid) ||
		list_member_oid(lh_policy_descendants(vet->relid), rte->relid))
		return psprintf("it looks up %s, which it is about", get_rel_name(rte->relid));
	if (rte->tablesample != NULL)
		return "it samples a table";
	vet->out->tables = list_append_unique_oid(vet->out->tables, rte->relid);
	return NULL;
}

static const char *
rte_wrong(const RangeTblEntry *rte, Vet *vet)
{
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return table_wrong(rte, vet);
		case RTE_JOIN:
		case RTE_RESULT:
			return NULL;
		default:
			return "a sub-select in it is not of plain tables";
	}
}

static const char *
query_wrong(const Query *query)
{
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL || query->setOperations != NULL ||
		query->cteList != NIL || query->hasModifyingCTE || query->hasForUpdate || query->rowMarks != NIL ||
		query->hasTargetSRFs || query->hasAggs || query->hasWindowFuncs || query->groupClause != NIL ||
		query->groupingSets != NIL || query->havingQual != NULL || query->windowClause != NIL ||
		query->distinctClause != NIL || query->sortClause != NIL || query->limitOffset != NULL ||
		query->limitCount != NULL)
		return "a sub-select in it has more than SELECT, FROM and WHERE";
	return NULL;
}

static bool
vet_query(Query *query, Vet *vet)
{
	bool		stop;

	vet->out->wrong = query_wrong(query);
	if (vet->out->wrong != NULL)
		return true;
	vet->level++;
	stop = query_tree_walker(query, vet_node, vet, QTW_EXAMINE_RTES_BEFORE);
	vet->level--;
	return stop;
}

/* ---- the walk ---- */

static const char *
var_wrong(const Var *var, const Vet *vet)
{
	if (var->varattno == 0)
		return "it takes the whole row";
	if (var->varattno < 0)
		return "it takes a system column";
	if ((int) var->varlevelsup > vet->level)
		return "it refers to nothing";
	if ((int) var->varlevelsup == vet->level && var->varno != 1)
		return "it refers to another relation";
	return NULL;
}

/* What is wrong with the node itself, without what is in it. */
static const char *
node_wrong(Node *node, Vet *vet)
{
	switch (nodeTag(node))
	{
		case T_Var:
			return var_wrong((Var *) node, vet);
		case T_Const:
			return const_wrong((Const *) node);
		case T_CoerceViaIO:
			return io_wrong((CoerceViaIO *) node);
		case T_SQLValueFunction:
			return value_function_wrong((SQLValueFunction *) node);
		case T_MinMaxExpr:
			return builtin_type(((MinMaxExpr *) node)->minmaxtype) ? NULL : "it compares values of a user's type";
		case T_SubLink:
			return vet->filter ? NULL : "a mask cannot look up tables";
		case T_RangeTblEntry:
			return vet->level > 0 ? rte_wrong((RangeTblEntry *) node, vet) : "it refers to nothing";
		case T_CoerceToDomain:
		case T_CoerceToDomainValue:
			return "it casts to a domain";
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_ArrayCoerceExpr:
		case T_ArrayExpr:
		case T_BoolExpr:
		case T_BooleanTest:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_CollateExpr:
		case T_NullTest:
		case T_RelabelType:
		case T_List:
			return NULL;
		case T_TargetEntry:
		case T_FromExpr:
		case T_JoinExpr:
		case T_RangeTblRef:
			return vet->level > 0 ? NULL : "it is not an expression";
		case T_Param:
			/* what the test of a sub-select compares with */
			return ((Param *) node)->paramkind == PARAM_SUBLINK && vet->filter ? NULL : "it has a parameter";
		default:
			return "it has something in it that policies cannot have";
	}
}

static bool
vet_node(Node *node, void *context)
{
	Vet		   *vet = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
		return vet->filter ? vet_query((Query *) node, vet) : true;
	vet->out->wrong = node_wrong(node, vet);
	if (vet->out->wrong != NULL)
		return true;
	if (IsA(node, RangeTblEntry))
		return false;
	/* output functions alone would not pass as functions that one may call */
	if (!IsA(node, CoerceViaIO) && check_functions_in_node(node, vet_function, vet))
		return true;
	return expression_tree_walker(node, vet_node, vet);
}

LhVetted
lh_policy_vet(Node *expr, Oid relid, bool filter)
{
	LhVetted	out = {0};
	Vet			vet = {.relid = relid, .filter = filter, .out = &out};

	if (vet_node(expr, &vet) && out.wrong == NULL)
		out.wrong = "it has something in it that policies cannot have";
	return out;
}

const char *
lh_policy_vet_type(const Node *mask, Oid relid, AttrNumber attnum)
{
	Oid			type,
				collation;
	int32		typmod;
	Oid			of = exprType(mask);

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	if (of == type)
		return NULL;
	type = getBaseTypeAndTypmod(type, &typmod);
	if (of != type)
		return psprintf("its type is %s, and that of the column %s", format_type_be(of), format_type_be(type));
	return NULL;
}

/* ---- how much it hides ---- */

static int
weaker(int a, int b)
{
	return a < b ? a : b;
}

static int
strength_of_case(const CaseExpr *expr)
{
	int			strength = expr->defresult != NULL ? lh_policy_strength((Node *) expr->defresult) : LH_STRENGTH_NULL;
	ListCell   *cell;

	foreach(cell, expr->args)
		strength = weaker(strength, lh_policy_strength((Node *) lfirst_node(CaseWhen, cell)->result));
	return strength;
}

static int
strength_of_list(List *args)
{
	int			strength = LH_STRENGTH_NULL;
	ListCell   *cell;

	foreach(cell, args)
		strength = weaker(strength, lh_policy_strength(lfirst(cell)));
	return strength;
}

/*
 * That of the mask at the top of the expression; of several branches that of the weakest.  0: the value itself.
 */
int
lh_policy_strength(const Node *mask)
{
	check_stack_depth();
	if (IsA(mask, Var))
		return 0;
	if (IsA(mask, Const) && ((const Const *) mask)->constisnull)
		return LH_STRENGTH_NULL;
	if (IsA(mask, RelabelType))
		return lh_policy_strength((Node *) ((const RelabelType *) mask)->arg);
	if (IsA(mask, CoerceViaIO))
		return lh_policy_strength((Node *) ((const CoerceViaIO *) mask)->arg);
	if (IsA(mask, CollateExpr))
		return lh_policy_strength((Node *) ((const CollateExpr *) mask)->arg);
	if (IsA(mask, CaseExpr))
		return strength_of_case((const CaseExpr *) mask);
	if (IsA(mask, CoalesceExpr))
		return strength_of_list(((const CoalesceExpr *) mask)->args);
	if (IsA(mask, FuncExpr))
	{
		const FuncExpr *call = (const FuncExpr *) mask;

		if (call->funcformat != COERCE_EXPLICIT_CALL && call->args != NIL)
			return lh_policy_strength(linitial(call->args));
		if (lh_mask_function(call->funcid) != NULL)
			return lh_mask_strength(call->funcid);
	}
	return contain_vars_of_level(unconstify(Node *, mask), 0) ? LH_STRENGTH_PARTIAL : LH_STRENGTH_CONSTANT;
}
