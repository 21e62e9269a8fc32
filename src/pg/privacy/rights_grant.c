/*
 * rights_grant.c
 *		lakehouse.right_grant and right_revoke: a right, with the functions it is about.
 *
 * A right is EXECUTE on its marker (rights.c).  What it is good for are functions that PUBLIC may
 * not execute; they go with it.  The list has names, of routines and views of the extension in schema
 * lakehouse: all that are called so, with whatever arguments.
 *
 * The privileges are granted by PostgreSQL, as the caller: who may not grant them all is refused before.
 */
#include "pg/privacy/privacy.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_right_grant);
PG_FUNCTION_INFO_V1(lakehouse_right_revoke);
PG_FUNCTION_INFO_V1(lakehouse_right_objects);
extern PGDLLEXPORT Datum lakehouse_right_grant(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_right_revoke(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_right_objects(PG_FUNCTION_ARGS);

typedef struct RightName
{
	LhRight		right;
	const char *name;
} RightName;

static const RightName rights[] = {
	{LH_RIGHT_POLICY_ADMIN, "policy_admin"},
	{LH_RIGHT_KEY_ADMIN, "key_admin"},
	{LH_RIGHT_AUDITOR, "auditor"},
};

/* Each right's marker comes first. */
static const RightName routines[] = {
	{LH_RIGHT_POLICY_ADMIN, "policy_admin"},
	{LH_RIGHT_POLICY_ADMIN, "policy_create"},
	{LH_RIGHT_POLICY_ADMIN, "policy_alter"},
	{LH_RIGHT_POLICY_ADMIN, "policy_drop"},
	{LH_RIGHT_POLICY_ADMIN, "policy_list"},
	{LH_RIGHT_POLICY_ADMIN, "policy_explain"},
	{LH_RIGHT_POLICY_ADMIN, "policy_holes"},
	{LH_RIGHT_POLICY_ADMIN, "policy_keys"},
	{LH_RIGHT_POLICY_ADMIN, "policy_diff"},
	{LH_RIGHT_POLICY_ADMIN, "policy_export"},
	{LH_RIGHT_POLICY_ADMIN, "policy_changes"},
	{LH_RIGHT_POLICY_ADMIN, "policy_columns"},
	{LH_RIGHT_POLICY_ADMIN, "policy_concerns"},
	{LH_RIGHT_POLICY_ADMIN, "policy_enforced"},
	{LH_RIGHT_POLICY_ADMIN, "static_copy"},
	{LH_RIGHT_POLICY_ADMIN, "static_copy_schema"},
	{LH_RIGHT_POLICY_ADMIN, "static_plan"},
	{LH_RIGHT_POLICY_ADMIN, "tag"},
	{LH_RIGHT_POLICY_ADMIN, "untag"},
	{LH_RIGHT_POLICY_ADMIN, "tags_apply"},
	{LH_RIGHT_POLICY_ADMIN, "domain_create"},
	{LH_RIGHT_POLICY_ADMIN, "domain_rotate"},
	{LH_RIGHT_POLICY_ADMIN, "domain_drop"},
	{LH_RIGHT_POLICY_ADMIN, "domain_grant"},
	{LH_RIGHT_POLICY_ADMIN, "domain_revoke"},
	{LH_RIGHT_POLICY_ADMIN, "domain_limit"},
	{LH_RIGHT_POLICY_ADMIN, "domain_limit_status"},
	{LH_RIGHT_POLICY_ADMIN, "domain_list"},
	{LH_RIGHT_POLICY_ADMIN, "vault_revoke"},
	{LH_RIGHT_POLICY_ADMIN, "vault_purge"},
	{LH_RIGHT_POLICY_ADMIN, "vault_status"},

	{LH_RIGHT_KEY_ADMIN, "key_admin"},
	{LH_RIGHT_KEY_ADMIN, "key_create"},
	{LH_RIGHT_KEY_ADMIN, "key_rotate"},
	{LH_RIGHT_KEY_ADMIN, "key_retire"},
	{LH_RIGHT_KEY_ADMIN, "key_destroy"},
	{LH_RIGHT_KEY_ADMIN, "key_list"},
	{LH_RIGHT_KEY_ADMIN, "key_status"},
	{LH_RIGHT_KEY_ADMIN, "key_verify"},
	{LH_RIGHT_KEY_ADMIN, "key_rewrap"},
	{LH_RIGHT_KEY_ADMIN, "subject_key"},
	{LH_RIGHT_KEY_ADMIN, "subject_erase"},
	{LH_RIGHT_KEY_ADMIN, "erase_verify"},
	{LH_RIGHT_KEY_ADMIN, "subject_store_status"},
	{LH_RIGHT_KEY_ADMIN, "subject_store_verify"},
	{LH_RIGHT_KEY_ADMIN, "subject_store_reconcile"},
	{LH_RIGHT_KEY_ADMIN, "encryption_rotate"},
	{LH_RIGHT_KEY_ADMIN, "encryption_rotation_start"},
	{LH_RIGHT_KEY_ADMIN, "encryption_rotation_start_key"},
	{LH_RIGHT_KEY_ADMIN, "encryption_rotation_pause"},
	{LH_RIGHT_KEY_ADMIN, "encryption_rotation_resume"},
	{LH_RIGHT_KEY_ADMIN, "encryption_rotation_cancel"},
	{LH_RIGHT_KEY_ADMIN, "encryption_status"},
	{LH_RIGHT_AUDITOR, "encryption_status"},

	{LH_RIGHT_AUDITOR, "auditor"},
	{LH_RIGHT_AUDITOR, "key_list"},
	{LH_RIGHT_AUDITOR, "key_status"},
	{LH_RIGHT_AUDITOR, "key_verify"},
	{LH_RIGHT_AUDITOR, "erase_verify"},
	{LH_RIGHT_AUDITOR, "subject_store_status"},
	{LH_RIGHT_AUDITOR, "subject_store_verify"},
	{LH_RIGHT_AUDITOR, "policy_list"},
	{LH_RIGHT_AUDITOR, "policy_explain"},
	{LH_RIGHT_AUDITOR, "policy_columns"},
	{LH_RIGHT_AUDITOR, "policy_concerns"},
	{LH_RIGHT_AUDITOR, "policy_enforced"},
	{LH_RIGHT_AUDITOR, "policy_holes"},
	{LH_RIGHT_AUDITOR, "policy_keys"},
	{LH_RIGHT_AUDITOR, "domain_limit_status"},
	{LH_RIGHT_AUDITOR, "policy_diff"},
	{LH_RIGHT_AUDITOR, "policy_export"},
	{LH_RIGHT_AUDITOR, "policy_changes"},
	{LH_RIGHT_AUDITOR, "domain_list"},
	{LH_RIGHT_AUDITOR, "vault_status"},
	{LH_RIGHT_AUDITOR, "audit_status"},
	{LH_RIGHT_AUDITOR, "audit_read"},
	{LH_RIGHT_AUDITOR, "audit_export"},
	{LH_RIGHT_AUDITOR, "audit_checkpoint"},
	{LH_RIGHT_AUDITOR, "audit_note"},
	{LH_RIGHT_AUDITOR, "audit_inclusion_proof"},
	{LH_RIGHT_AUDITOR, "audit_consistency_proof"},
	{LH_RIGHT_AUDITOR, "audit_inclusion_document"},
	{LH_RIGHT_AUDITOR, "audit_consistency_document"},
	{LH_RIGHT_AUDITOR, "audit_verify"},
	{LH_RIGHT_AUDITOR, "audit_public_key"},
};

static const RightName views[] = {
	{LH_RIGHT_KEY_ADMIN, "encryption_progress"},
	{LH_RIGHT_AUDITOR, "encryption_progress"},
	{LH_RIGHT_KEY_ADMIN, "key_progress"},
	{LH_RIGHT_AUDITOR, "key_progress"},
};

/* What a right is about. */
typedef struct Object
{
	LhRight		right;
	Oid			class;			/* pg_proc or pg_class */
	Oid			oid;
} Object;

static bool
is_ours(Oid class, Oid object)
{
	return getExtensionOfObject(class, object) == get_extension_oid("lakehouse", true);
}

static List *
add_object(List *list, LhRight right, Oid class, Oid oid)
{
	Object	   *o;

	if (!is_ours(class, oid))
		return list;
	o = palloc(sizeof(*o));
	*o = (Object) {right, class, oid};
	return lappend(list, o);
}

/* All of one name.  What somebody else made in the schema is not ours to grant. */
static List *
add_routines(List *list, const RightName *r)
{
	List	   *name = list_make2(makeString("lakehouse"), makeString(pstrdup(r->name)));
	FuncCandidateList c = FuncnameGetCandidates(name, -1, NIL, false, false, false, true);

	for (; c != NULL; c = c->next)
		list = add_object(list, r->right, ProcedureRelationId, c->oid);
	return list;
}

/* Those of a right, its marker first; or of all. */
static List *
objects_of(const LhRight *right)
{
	Oid			schema = get_namespace_oid("lakehouse", false);
	List	   *list = NIL;

	for (int i = 0; i < lengthof(routines); i++)
		if (right == NULL || routines[i].right == *right)
			list = add_routines(list, &routines[i]);
	for (int i = 0; i < lengthof(views); i++)
	{
		Oid			view = get_relname_relid(views[i].name, schema);

		if (OidIsValid(view) && (right == NULL || views[i].right == *right))
			list = add_object(list, views[i].right, RelationRelationId, view);
	}
	return list;
}

static LhRight
right_of(const char *name)
{
	for (int i = 0; i < lengthof(rights); i++)
		if (strcmp(rights[i].name, name) == 0)
			return rights[i].right;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no right \"%s\"", name),
			 errhint("It is policy_admin, key_admin or auditor.")));
}

static char *
name_of(const Object *o)
{
	if (o->class == ProcedureRelationId)
		return format_procedure_qualified(o->oid);
	return quote_qualified_identifier("lakehouse", get_rel_name(o->oid));
}

/* May the caller grant it?  PostgreSQL would warn only, and grant the rest. */
static void
check_may_grant(const Object *o)
{
	AclResult	result;

	if (o->class == ProcedureRelationId)
		result = lh_function_aclcheck(o->oid, GetUserId(), ACL_GRANT_OPTION_FOR(ACL_EXECUTE));
	else
		result = pg_class_aclcheck(o->oid, GetUserId(), ACL_GRANT_OPTION_FOR(ACL_SELECT));
	if (result != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to grant or revoke rights"),
				 errdetail("%s is not yours to grant.", name_of(o))));
}

/* GRANT and REVOKE differ in two words. */
static void
change(const Object *o, const char *verb, const char *word, const char *role)
{
	char	   *text = o->class == ProcedureRelationId ?
		psprintf("%s EXECUTE ON ROUTINE %s %s %s", verb, name_of(o), word, role) :
		psprintf("%s SELECT ON TABLE %s %s %s", verb, name_of(o), word, role);
	int			code = SPI_execute(text, false, 0);

	if (code != SPI_OK_UTILITY)
		elog(ERROR, "\"%s\" failed: %s", text, SPI_result_code_string(code));
}

/* Another right of the role's has the object, too, so that it stays when this one goes. */
static bool
needed_still(const Object *o, LhRight gone, List *all, Oid role)
{
	ListCell   *lc;

	foreach(lc, all)
	{
		const Object *other = lfirst(lc);

		if (other->oid == o->oid && other->class == o->class && other->right != gone && OidIsValid(role) &&
			lh_right_has(other->right, role))
			return true;
	}
	return false;
}

static void
change_all(FunctionCallInfo fcinfo, bool grant)
{
	LhRight		right = right_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Oid			role = PG_GETARG_OID(1);
	List	   *objects = objects_of(&right);
	List	   *all = objects_of(NULL);
	const char *to;
	ListCell   *lc;

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rights of administrators are not for everybody")));
	to = quote_identifier(GetUserNameFromId(role, false));
	foreach(lc, objects)
		check_may_grant(lfirst(lc));
	lh_audit_event(grant ? "right_grant" : "right_revoke", "right", text_to_cstring(PG_GETARG_TEXT_PP(0)),
				   psprintf("%s role %s", grant ? "to" : "from", to));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	foreach(lc, objects)
	{
		if (grant)
			change(lfirst(lc), "GRANT", "TO", to);
		else if (!needed_still(lfirst(lc), right, all, role))
			change(lfirst(lc), "REVOKE", "FROM", to);
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

Datum
lakehouse_right_grant(PG_FUNCTION_ARGS)
{
	change_all(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
lakehouse_right_revoke(PG_FUNCTION_ARGS)
{
	change_all(fcinfo, false);
	PG_RETURN_VOID();
}

Datum
lakehouse_right_objects(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, objects_of(NULL))
	{
		const Object *o = lfirst(lc);
		bool		routine = o->class == ProcedureRelationId;
		Datum		values[3];
		bool		nulls[3] = {false, !routine, routine};

		values[0] = CStringGetTextDatum(rights[o->right].name);
		values[1] = values[2] = ObjectIdGetDatum(o->oid);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
