/*
 * policy_admin.c
 *		lakehouse.policy_create, policy_alter, policy_drop.
 *
 *	1. Arguments become a LhPolicySpec; policy_alter takes what it does not change from the policy that is there.
 *	2. Each expression is parsed, and analysed as the caller with names of pg_catalog and lakehouse alone; then
 *	   it is vetted.  Analysis as somebody mightier would run input functions for him (a domain's checks).
 *	3. The view is made of what was analysed, read back and vetted again.  It is not parsed a second time: names could mean something
 *	   else then.
 *	4. The privileges beneath are seen to (policy_floor.c).
 *
 * All of it is one transaction: an ERROR in any step leaves nothing.
 */
#include "pg/privacy/policy_internal.h"
#include "pg/privacy/mask_table.h"
#include "pg/privacy/token.h"
#include "pg/privacy/utility.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "catalog/dependency.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/util/features.h"

/* More than a table has columns is a mistake; and there must be an end. */
#define MOST_NAMES 1664

/* ---- arguments ---- */

/* null_text: what a null element is, or NULL where there must be none. */
static List *
text_list_or(FunctionCallInfo fcinfo, int arg, const char *what, const char *null_text)
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	List	   *list = NIL;

	if (PG_ARGISNULL(arg))
		return NIL;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%s are not a plain list", what)));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	if (n > 2 * MOST_NAMES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("there are too many %s", what)));
	for (int i = 0; i < n; i++)
	{
		char	   *item;

		if (nulls[i] && null_text != NULL && i % 2 == 1)
		{
			list = lappend(list, pstrdup(null_text));
			continue;
		}
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", what)));
		item = TextDatumGetCString(values[i]);
		if (item[0] == '\0')
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be empty", what)));
		list = lappend(list, item);
	}
	return list;
}

static List *
text_list(FunctionCallInfo fcinfo, int arg, const char *what)
{
	return text_list_or(fcinfo, arg, what, NULL);
}

/* '{ssn,NULL}' has no text NULL but a null: it means the same here. */
static List *
mask_list(FunctionCallInfo fcinfo, int arg)
{
	return text_list_or(fcinfo, arg, "masks", "NULL");
}

static List *
role_list(FunctionCallInfo fcinfo, int arg, const char *what)
{
	List	   *roles = NIL;
	ListCell   *cell;

	foreach(cell, text_list(fcinfo, arg, what))
	{
		const char *name = lfirst(cell);

		roles = list_append_unique_oid(roles, strcmp(name, "public") == 0 ? ACL_ID_PUBLIC : get_role_oid(name, false));
	}
	return roles;
}

static bool
floor_revokes(FunctionCallInfo fcinfo, int arg)
{
	char	   *floor = PG_ARGISNULL(arg) ? pstrdup("revoke") : text_to_cstring(PG_GETARG_TEXT_PP(arg));

	if (strcmp(floor, "revoke") == 0)
		return true;
	if (strcmp(floor, "check") == 0)
		return false;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("floor \"%s\" does not exist", floor),
			 errhint("It is revoke or check.")));
}

static Jsonb *
empty_options(void)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
require_admin(const char *what)
{
	lh_privacy_require();
	lh_right_require(LH_RIGHT_POLICY_ADMIN, what);
}

static const char *
policy_name(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the name of a policy must not be null")));
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

/* ---- checks ---- */

static void
check_relation(Relation rel)
{
	char		relkind = rel->rd_rel->relkind;

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE && relkind != RELKIND_FOREIGN_TABLE &&
		relkind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" cannot have a policy", RelationGetRelationName(rel)),
				 errdetail("Tables, partitioned tables, foreign tables and materialized views can."),
				 errhint("Policies of tables hold in all views of them.")));
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("temporary table \"%s\" cannot have a policy",
															  RelationGetRelationName(rel))));
	if (RelationGetRelid(rel) < FirstNormalObjectId ||
		getExtensionOfObject(RelationRelationId, RelationGetRelid(rel)) == get_extension_oid("lakehouse", true))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" belongs to the system and cannot have a policy",
															  RelationGetRelationName(rel))));
}

static void
check_roles(const LhPolicySpec *spec, Oid owner)
{
	ListCell   *cell;

	if (spec->for_roles == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("policy \"%s\" is for nobody", spec->name),
				 errhint("Name roles in for_roles; 'public' is everybody.")));
	foreach(cell, list_concat_copy(spec->for_roles, spec->except_roles))
		if (lfirst_oid(cell) == owner)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the owner of extension lakehouse cannot be named by a policy"),
					 errdetail("He owns its definition and is outside of it.")));
	if (list_member_oid(spec->except_roles, ACL_ID_PUBLIC))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a policy cannot except everybody")));
	foreach(cell, spec->for_roles)
		if (list_member_oid(spec->except_roles, lfirst_oid(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("policy \"%s\" is for role \"%s\" and excepts it", spec->name,
							GetUserNameFromId(lfirst_oid(cell), false))));
}

static void __attribute__((noreturn))
refuse(const char *what, const char *wrong)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("%s cannot be used", what),
			 errdetail("%c%s.", pg_toupper((unsigned char) wrong[0]), wrong + 1)));
}

/* ---- expressions ---- */

/* One for all expressions of a policy: together they become the view's query. */
static ParseState *
over(Relation rel)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;

	item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock, NULL, true, true);
	addNSItemToQuery(pstate, item, true, true, true);
	return pstate;
}

static Node *
analyse(ParseState *pstate, const Node *raw)
{
	/* policies of row security have the same rules: no aggregates, window functions, sets */
	return transformExpr(pstate, copyObject(unconstify(Node *, raw)), EXPR_KIND_POLICY);
}

/* As the caller, with the names that the view will be made with. */
static LhHiddenOwner
as_caller(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	return lh_hidden_become(user);
}

/* As the column's type; an explicit cast cuts what is too long for the column, an assignment would fail. */
static Node *
cast_mask(ParseState *pstate, Node *expr, Form_pg_attribute attribute, const char *what)
{
	int32		typmod = attribute->atttypmod;
	Oid			type = getBaseTypeAndTypmod(attribute->atttypid, &typmod);

	if ((exprType(expr) == type && exprTypmod(expr) == typmod) ||
		(IsA(expr, Var) && ((Var *) expr)->varattno == attribute->attnum))
		return expr;
	expr = coerce_to_target_type(pstate, expr, exprType(expr), type, typmod, COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
	if (expr == NULL)
		refuse(what, psprintf("it cannot be cast to type %s", format_type_be(type)));
	return expr;
}

/* The mask, cast to the column's type if need be; vetted. */
static Node *
make_mask(ParseState *pstate, Relation rel, AttrNumber attnum, const char *text, const LhPolicySpec *spec, const char **hash)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	const char *what = psprintf("mask of column \"%s\"", NameStr(attribute->attname));
	LhHiddenOwner was = as_caller();
	LhPolicyText at;
	Node	   *raw;
	Node	   *expr;
	LhVetted	vetted;

	pstate->p_sourcetext = text;
	lh_policy_text_begin(&at, text, what);
	raw = lh_policy_parse(text);
	if (spec->substitute != NULL)
		(void) spec->substitute(raw, NameStr(attribute->attname));
	expr = analyse(pstate, raw);
	lh_policy_text_end(&at);
	expr = cast_mask(pstate, expr, attribute, what);
	assign_expr_collations(pstate, expr);
	vetted = lh_policy_vet(expr, RelationGetRelid(rel), false);
	if (vetted.wrong != NULL)
		refuse(what, vetted.wrong);
	if (*hash == NULL)
		*hash = vetted.hash;
	lh_hidden_return(was);
	return expr;
}

/* What a filter looks up is read with its owner's rights: the caller has to have that much himself. */
static void
check_tables(List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		Oid			table = lfirst_oid(cell);

		if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(table));
		if (lh_policy_any(table))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("row filter cannot be used"),
					 errdetail("It looks up \"%s\", which has policies itself.", get_rel_name(table))));
	}
}

static Node *
make_filter(ParseState *pstate, Relation rel, const char *text)
{
	LhHiddenOwner was = as_caller();
	LhPolicyText at;
	Node	   *expr;
	LhVetted	vetted;

	pstate->p_sourcetext = text;
	lh_policy_text_begin(&at, text, "row filter");
	expr = coerce_to_boolean(pstate, analyse(pstate, lh_policy_parse(text)), "row filter");
	lh_policy_text_end(&at);
	assign_expr_collations(pstate, expr);
	vetted = lh_policy_vet(expr, RelationGetRelid(rel), true);
	if (vetted.wrong != NULL)
		refuse("row filter", vetted.wrong);
	check_tables(vetted.tables);
	lh_hidden_return(was);
	return expr;
}

static Node *
column_ref(const char *name)
{
	ColumnRef  *ref = makeNode(ColumnRef);

	ref->fields = list_make1(makeString(pstrdup(name)));
	ref->location = -1;
	return (Node *) ref;
}

/* Pairs of lh_hidden_put.  With a row filter all other columns may be read as they are. */
static List *
make_pairs(ParseState *pstate, Relation rel, const LhPolicySpec *spec, const char **hash)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Bitmapset  *seen = NULL;
	List	   *pairs = NIL;

	if (list_length(spec->masks) % 2 != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("masks are not pairs of a column and an expression")));
	for (int i = 0; i < list_length(spec->masks); i += 2)
	{
		const char *name = list_nth(spec->masks, i);
		AttrNumber	attnum = get_attnum(RelationGetRelid(rel), name);

		if (attnum == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of relation \"%s\" does not exist", name, RelationGetRelationName(rel))));
		if (attnum < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE), errmsg("system column \"%s\" cannot be masked", name)));
		if (bms_is_member(attnum, seen))
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("column \"%s\" is named twice", name)));
		seen = bms_add_member(seen, attnum);
		pairs = lappend(pairs, analyse(pstate, column_ref(name)));
		pairs = lappend(pairs, make_mask(pstate, rel, attnum, list_nth(spec->masks, i + 1), spec, hash));
	}
	for (int i = 0; spec->filter != NULL && i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped || bms_is_member(attribute->attnum, seen))
			continue;
		pairs = lappend(pairs, analyse(pstate, column_ref(NameStr(attribute->attname))));
		pairs = lappend(pairs, analyse(pstate, column_ref(NameStr(attribute->attname))));
	}
	return pairs;
}

/* ---- made ---- */

static void
grant_roles(Oid view, List *roles, AclMode mode)
{
	ListCell   *cell;

	foreach(cell, roles)
		lh_hidden_grant(view, lfirst_oid(cell), mode, true);
}

static void
make_view(const LhPolicySpec *spec, const ParseState *pstate, List *pairs, Node *filter)
{
	Jsonb	   *definition = lh_policy_options_write(spec->options, spec->purposes, spec->until, spec->tag_mask, spec->origin,
												   spec->inherits);
	Oid			view = lh_hidden_put(LH_HIDDEN_POLICY, spec->name, definition, pstate, pairs, filter, false);
	LhPolicy   *policy;

	grant_roles(view, spec->for_roles, LH_HIDDEN_FOR);
	grant_roles(view, spec->except_roles, LH_HIDDEN_EXCEPT);
	policy = lh_policy_read(view);
	check_roles(spec, policy->hidden->owner);
	if (policy->wrong != NULL)
		refuse(psprintf("policy \"%s\"", spec->name), policy->wrong);
	if (policy->relid != spec->relid)
		elog(ERROR, "policy \"%s\" was made of another relation", spec->name);
	if (OidIsValid(policy->relid))
		lh_policy_floor(policy, spec->revoke);
}

/* Tokens of so many values can be found by trying all, for who may tokenize or write to the table. */
#define FEW_VALUES 1e9

static void
warn_of_domain(const LhPolicySpec *spec, const char *domain)
{
	if (lh_domain_least_values(domain) < FEW_VALUES)
		ereport(WARNING,
				(errmsg("policy \"%s\" shows tokens of domain \"%s\", each of which may be of fewer than 10^9 values",
						spec->name, domain),
				 errdetail("Who may tokenize there, or write to the table, finds a token's value by trying all."),
				 errhint("Make a domain that takes longer values alone (option min_characters), or a larger range.")));
}

/* mask_fpe(value, domain); policies have arguments by position. */
static bool
warn_of_few(Node *node, void *context)
{
	const LhMaskFunction *mask;

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && (mask = lh_mask_function(((FuncExpr *) node)->funcid)) != NULL &&
		strcmp(mask->name, "mask_fpe") == 0)
	{
		Const	   *domain = lsecond(((FuncExpr *) node)->args);

		if (IsA(domain, Const) && !domain->constisnull)
			warn_of_domain(context, TextDatumGetCString(domain->constvalue));
	}
	return expression_tree_walker(node, warn_of_few, context);
}

static void
warn(const LhPolicySpec *spec, const char *hash)
{
	const LhPolicy *policy = lh_policy_named(spec->name);
	ListCell   *cell;

	foreach(cell, policy->columns)
		(void) warn_of_few((Node *) ((LhPolicyColumn *) lfirst(cell))->mask, (void *) spec);
	lh_policy_warn_of_generated(spec, policy);

	if (hash != NULL)
		ereport(WARNING,
				(errmsg("policy \"%s\" masks with %s, which has no key", spec->name, hash),
				 errdetail("Who guesses a value can compute its hash."),
				 errhint("Masks with a key are in lakehouse.mask_functions().")));
	foreach(cell, spec->for_roles)
		if (lfirst_oid(cell) != ACL_ID_PUBLIC && superuser_arg(lfirst_oid(cell)))
			ereport(WARNING,
					(errmsg("role \"%s\" is a superuser, whom no policy can keep from anything",
							GetUserNameFromId(lfirst_oid(cell), false))));
}

/* A policy of a tag: it is about columns called "value" that are not there yet. */
static void
make_of_tag(const LhPolicySpec *spec)
{
	LhPolicySpec made = *spec;
	LhPolicyText at;

	if (spec->filter != NULL || list_length(spec->masks) != 2 || strcmp(linitial(spec->masks), "value") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a policy without a relation is one of a tag: it has one mask, of \"value\", and no row filter"),
				 errhint("For instance masks => ARRAY['value', 'lakehouse.mask_null(value)'], options => '{\"tag\": \"pii.ssn\"}'.")));
	made.tag_mask = lsecond(spec->masks);
	lh_policy_text_begin(&at, made.tag_mask, "mask of a tag");
	(void) lh_policy_parse(made.tag_mask);
	lh_policy_text_end(&at);
	make_view(&made, NULL, NIL, NULL);
}

void
lh_policy_make(const LhPolicySpec *spec)
{
	Relation	rel;
	ParseState *pstate;
	const char *hash = NULL;
	List	   *pairs;
	Node	   *filter;

	lh_hidden_lock();
	if (!OidIsValid(spec->relid))
	{
		make_of_tag(spec);
		return;
	}
	rel = try_relation_open(spec->relid, AccessShareLock);
	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", spec->relid)));
	check_relation(rel);
	pstate = over(rel);
	pairs = make_pairs(pstate, rel, spec, &hash);
	filter = spec->filter != NULL ? make_filter(pstate, rel, spec->filter) : NULL;
	if (pairs == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("policy \"%s\" neither masks nor filters", spec->name)));
	make_view(spec, pstate, pairs, filter);
	free_parsestate(pstate);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
	warn(spec, hash);
	lh_utility_derive_over(spec->relid, spec->name);
}

PG_FUNCTION_INFO_V1(lakehouse_policy_create);

Datum
lakehouse_policy_create(PG_FUNCTION_ARGS)
{
	LhPolicySpec spec = {0};

	require_admin("to create policies");
	spec.name = policy_name(fcinfo);
	spec.relid = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1);
	spec.masks = mask_list(fcinfo, 2);
	spec.filter = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	spec.for_roles = role_list(fcinfo, 4, "for_roles");
	spec.except_roles = role_list(fcinfo, 5, "except_roles");
	spec.purposes = text_list(fcinfo, 6, "purposes");
	spec.until = PG_ARGISNULL(7) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(7);
	spec.options = PG_ARGISNULL(8) ? empty_options() : PG_GETARG_JSONB_P(8);
	spec.revoke = floor_revokes(fcinfo, 9);
	lh_audit_event("policy_create", "policy", spec.name, NULL);
	lh_policy_make(&spec);
	if (!OidIsValid(spec.relid))
		(void) lh_tags_apply(spec.name);
	PG_RETURN_VOID();
}

/* ---- changed, dropped ---- */

LhPolicy *
lh_policy_named(const char *name)
{
	Oid			view = lh_hidden_find(LH_HIDDEN_POLICY, name);
	LhPolicy   *policy = OidIsValid(view) ? lh_policy_read(view) : NULL;

	if (policy == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("policy \"%s\" does not exist", name)));
	return policy;
}

static List *
roles_of(const LhHidden *hidden, AclMode mode)
{
	List	   *roles = NIL;

	for (int i = 0; hidden->acl != NULL && i < ACL_NUM(hidden->acl); i++)
	{
		const AclItem *item = &ACL_DAT(hidden->acl)[i];

		if ((ACLITEM_GET_PRIVS(*item) & mode) != 0 && item->ai_grantee != hidden->owner)
			roles = list_append_unique_oid(roles, item->ai_grantee);
	}
	return roles;
}

static List *
masks_of(const LhPolicy *policy)
{
	List	   *masks = NIL;
	ListCell   *cell;

	foreach(cell, policy->columns)
	{
		const LhPolicyColumn *column = lfirst(cell);

		/* those that may be read as they are come from the filter, and would come again */
		if (column->mask == NULL && policy->filter != NULL)
			continue;
		masks = lappend(masks, get_attname(policy->relid, column->attnum, false));
		masks = lappend(masks, column->mask == NULL ? pstrdup(quote_identifier(llast(masks))) :
						lh_policy_deparse((Node *) column->mask, policy->relid));
	}
	return masks;
}

LhPolicySpec
lh_policy_spec(const LhPolicy *policy)
{
	LhPolicySpec spec = {0};

	spec.name = policy->name;
	spec.relid = policy->relid;
	spec.masks = policy->tag_mask != NULL ? list_make2(pstrdup("value"), unconstify(char *, policy->tag_mask)) : masks_of(policy);
	spec.filter = policy->filter != NULL ? lh_policy_deparse((Node *) policy->filter, policy->relid) : NULL;
	spec.for_roles = roles_of(policy->hidden, LH_HIDDEN_FOR);
	spec.except_roles = roles_of(policy->hidden, LH_HIDDEN_EXCEPT);
	spec.purposes = policy->purposes;
	spec.until = policy->until;
	spec.options = lh_policy_options_of(policy);
	spec.revoke = true;
	spec.origin = policy->origin;
	spec.inherits = policy->inherits;
	return spec;
}

static void
check_not_made(const LhPolicy *policy)
{
	if (policy->origin != NULL && OidIsValid(lh_hidden_find(LH_HIDDEN_POLICY, policy->origin)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("policy \"%s\" was made by policy \"%s\" of a tag", policy->name, policy->origin),
				 errhint("Change or drop that one, or take the tag from the column.")));
}

PG_FUNCTION_INFO_V1(lakehouse_policy_alter);

/* NULL: as it is. */
Datum
lakehouse_policy_alter(PG_FUNCTION_ARGS)
{
	const char *name;
	LhPolicy   *policy;
	LhPolicySpec spec;

	require_admin("to change policies");
	name = policy_name(fcinfo);
	lh_audit_event("policy_alter", "policy", name, NULL);
	lh_hidden_lock();
	policy = lh_policy_named(name);
	check_not_made(policy);
	if (policy->wrong != NULL)
		refuse(psprintf("policy \"%s\"", name), policy->wrong);
	spec = lh_policy_spec(policy);
	if (!PG_ARGISNULL(1))
		spec.masks = mask_list(fcinfo, 1);
	if (!PG_ARGISNULL(2))
	{
		char	   *filter = text_to_cstring(PG_GETARG_TEXT_PP(2));

		spec.filter = filter[0] == '\0' ? NULL : filter;
	}
	if (!PG_ARGISNULL(3))
		spec.for_roles = role_list(fcinfo, 3, "for_roles");
	if (!PG_ARGISNULL(4))
		spec.except_roles = role_list(fcinfo, 4, "except_roles");
	if (!PG_ARGISNULL(5))
		spec.purposes = text_list(fcinfo, 5, "purposes");
	if (!PG_ARGISNULL(6))
		spec.until = PG_GETARG_TIMESTAMPTZ(6);
	if (!PG_ARGISNULL(7))
		spec.options = PG_GETARG_JSONB_P(7);
	spec.revoke = floor_revokes(fcinfo, 8);
	if (!OidIsValid(spec.relid))
		lh_tags_withdraw(name);
	lh_hidden_drop(LH_HIDDEN_POLICY, name);
	lh_policy_make(&spec);
	if (!OidIsValid(spec.relid))
		(void) lh_tags_apply(spec.name);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(lakehouse_policy_drop);

/* Needs no preloaded library: a server that lost it must be able to get rid of policies. */
Datum
lakehouse_policy_drop(PG_FUNCTION_ARGS)
{
	const char *name;
	LhPolicy   *policy;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to drop policies");
	name = policy_name(fcinfo);
	lh_audit_event("policy_drop", "policy", name, NULL);
	lh_hidden_lock();
	policy = lh_policy_named(name);
	check_not_made(policy);
	if (policy->tag != NULL)
		lh_tags_withdraw(name);
	lh_hidden_drop(LH_HIDDEN_POLICY, name);
	PG_RETURN_VOID();
}
