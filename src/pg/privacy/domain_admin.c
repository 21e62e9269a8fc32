/*
 * domain_admin.c
 *		lakehouse.domain_create, domain_drop, domain_rotate, domain_grant, domain_revoke, domain_list.
 *
 * What they write is read back by domain.c before anybody can use it: an ERROR undoes all.
 */
#include "pg/privacy/domain_state.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/tuplestore.h"

#include "pg/privacy/token.h"
#include "pg/privacy/vault.h"
#include "pg/util/features.h"

extern PGDLLEXPORT Datum lakehouse_domain_create(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_domain_drop(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_domain_rotate(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_domain_grant(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_domain_revoke(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_domain_list(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_domain_create);
PG_FUNCTION_INFO_V1(lakehouse_domain_drop);
PG_FUNCTION_INFO_V1(lakehouse_domain_rotate);
PG_FUNCTION_INFO_V1(lakehouse_domain_grant);
PG_FUNCTION_INFO_V1(lakehouse_domain_revoke);
PG_FUNCTION_INFO_V1(lakehouse_domain_list);

extern PGDLLEXPORT Datum lakehouse_domain_limit(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_domain_limit);

/* In the order of lh_domain_right_names. */
static const struct
{
	const char *name;
	LhDomainRight right;
} rights[] = {
	{"tokenize", LH_DOMAIN_TOKENIZE},
	{"detokenize", LH_DOMAIN_DETOKENIZE},
	{"encrypt", LH_DOMAIN_ENCRYPT},
	{"decrypt", LH_DOMAIN_DECRYPT},
	{"index", LH_DOMAIN_INDEX},
	{"search", LH_DOMAIN_SEARCH},
};

/* ---- definitions ---- */

static Jsonb *
parse_jsonb(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static char *
print_jsonb(Jsonb *j)
{
	return JsonbToCString(NULL, &j->root, VARSIZE(j));
}

/* limits NULL: none */
static Jsonb *
make_definition(const char *kind, LhKeyRef key, bool legacy, Jsonb *template, const LhDomainLimit *limits)
{
	const char *separator = "";

	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"key\": " UINT64_FORMAT ", \"version\": %u, \"kind\": ", key.id, key.version);
	escape_json(&text, kind);
	appendStringInfo(&text, ", \"legacy\": %s, \"template\": %s", legacy ? "true" : "false", print_jsonb(template));
	if (limits != NULL)
	{
		appendStringInfoString(&text, ", \"limits\": {");
		for (int i = 0; i < LH_DOMAIN_RIGHTS; i++)
		{
			if (limits[i].values < 0)
				continue;
			appendStringInfo(&text, "%s\"%s\": [" INT64_FORMAT ", " INT64_FORMAT "]", separator, rights[i].name, limits[i].values,
							 limits[i].window / USECS_PER_SEC);
			separator = ", ";
		}
		appendStringInfoChar(&text, '}');
	}
	appendStringInfoChar(&text, '}');
	return parse_jsonb(text.data);
}

/* "legacy" is an option to users, but not of the template. */
static bool
take_legacy(const char *name, Jsonb **options)
{
	JsonbValue *v = getKeyJsonValueFromContainer(&(*options)->root, "legacy", 6, NULL);

	if (v == NULL)
		return false;
	if (v->type != jbvBool)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("token domain \"%s\": option \"%s\" must be true or false", name, "legacy")));
	*options = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(*options), CStringGetTextDatum("legacy")));
	return v->val.boolean;
}

/* Kinds that may come one day are refused by name. */
static void
check_kind(const char *kind)
{
	for (int i = 0; i < LH_DOMAIN_KINDS; i++)
	{
		if (strcmp(lh_domain_kind_names[i], kind) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no kind of token domains \"%.64s\"", kind),
			 errhint("Kinds are text, digits, numeric, bigint, uuid, date, email and card.")));
}

Datum
lakehouse_domain_create(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *key = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Jsonb	   *options = PG_GETARG_JSONB_P(3);
	LhKeyRef	ref;
	bool		legacy;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to create token domains");
	check_kind(kind);
	lh_audit_event("domain_create", "domain", name, NULL);
	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of a token domain are an object")));
	legacy = take_legacy(name, &options);
	ref = lh_key_current(key);
	lh_key_hold(ref);
	(void) lh_hidden_put(LH_HIDDEN_DOMAIN, name, make_definition(kind, ref, legacy, options, NULL), NULL, NIL, NULL, false);
	(void) lh_domain_get(name);
	PG_RETURN_VOID();
}

Datum
lakehouse_domain_drop(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to drop token domains");
	lh_audit_event("domain_drop", "domain", name, NULL);
	if (lh_vault_has(name))
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("token domain \"%s\" has tokens in a vault", name),
				 errhint("lakehouse.vault_revoke ends them, lakehouse.vault_purge removes those that have ended.")));
	lh_hidden_drop(LH_HIDDEN_DOMAIN, name);
	PG_RETURN_VOID();
}

static LhHidden *
find(const char *name)
{
	Oid			view = lh_hidden_find(LH_HIDDEN_DOMAIN, name);

	if (!OidIsValid(view))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("token domain \"%s\" does not exist", name)));
	return lh_hidden_read(view);
}

/* A domain without its key: also one whose key is lost can be looked at and rotated. */
static LhDomain *
parse(LhHidden *hidden)
{
	LhDomain   *domain = palloc0(sizeof(LhDomain));
	LhTemplateSpec spec = {0};

	namestrcpy(&domain->name, hidden->name);
	domain->hidden = hidden;
	lh_domain_parse(domain, &spec);
	return domain;
}

static Jsonb *
template_of(const LhDomain *domain)
{
	return JsonbValueToJsonb(getKeyJsonValueFromContainer(&domain->hidden->definition->root, "template", 8, NULL));
}

static const LhDomainLimit *
limits_of(const LhDomain *domain)
{
	return domain->limited != 0 ? domain->limits : NULL;
}

/* To the key's newest version: what comes from now on joins no more with what was. */
Datum
lakehouse_domain_rotate(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	LhDomain   *domain;
	LhKeyRef	ref;
	uint32		old;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to rotate token domains");
	lh_audit_event("domain_rotate", "domain", name, NULL);
	domain = parse(find(name));
	ref = lh_key_current_of(domain->key.id);
	old = domain->key.version;
	if (ref.version == old)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("token domain \"%s\" already is at version %u, the newest of its key", name, old),
				 errhint("lakehouse.key_rotate makes a new version of the key.")));
	lh_key_hold(ref);
	(void) lh_hidden_put(LH_HIDDEN_DOMAIN, name,
						 make_definition(lh_domain_kind_names[domain->kind], ref, domain->legacy, template_of(domain), limits_of(domain)),
						 NULL, NIL, NULL, true);
	(void) lh_domain_get(name);
	ereport(NOTICE,
			(errmsg("tokens of domain \"%s\" are made with version %u of its key now", name, ref.version),
			 errdetail("Those made with version %u neither join with new ones nor can be detokenized any more.", old)));
	PG_RETURN_INT32((int32) ref.version);
}

/* ---- rights ---- */

static LhDomainRight
right_named(const char *name)
{
	for (int i = 0; i < lengthof(rights); i++)
	{
		if (strcmp(rights[i].name, name) == 0)
			return rights[i].right;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("token domains have no right \"%.64s\"", name),
			 errhint("Rights are tokenize, detokenize, encrypt, decrypt, index and search.")));
}

static void
grant(FunctionCallInfo fcinfo, bool give)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *right = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *role = text_to_cstring(PG_GETARG_TEXT_PP(2));
	LhHidden   *hidden;
	Oid			grantee;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, give ? "to grant rights of token domains" : "to revoke rights of token domains");
	grantee = strcmp(role, "public") == 0 ? ACL_ID_PUBLIC : get_role_oid(role, false);
	hidden = find(name);
	/* an owner's privileges are there by themselves, and so mean nothing */
	if (give && grantee == hidden->owner)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_GRANT_OPERATION),
				 errmsg("the owner of extension \"lakehouse\" cannot have rights in token domains"),
				 errhint("Grant them to another role, and use that.")));
	lh_audit_event(give ? "domain_grant" : "domain_revoke", "domain", name, psprintf("%s, role %s", right, quote_identifier(role)));
	lh_hidden_grant(hidden->view, grantee, (AclMode) right_named(right), give);
}

Datum
lakehouse_domain_grant(PG_FUNCTION_ARGS)
{
	grant(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
lakehouse_domain_revoke(PG_FUNCTION_ARGS)
{
	grant(fcinfo, false);
	PG_RETURN_VOID();
}

/* ---- limits ---- */

/* Whole seconds of an interval without months. */
static int64
seconds_of(const Interval *per)
{
	int64		seconds = per->day * (int64) SECS_PER_DAY + per->time / USECS_PER_SEC;

	if (per->month != 0 || per->time % USECS_PER_SEC != 0 || per->day < 0 || per->day > 366 || per->time < 0 || seconds < 1 ||
		seconds > 366 * SECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a limit is per a whole number of seconds, from 1 second to 366 days")));
	return seconds;
}

Datum
lakehouse_domain_limit(PG_FUNCTION_ARGS)
{
	char	   *name,
			   *right;
	LhDomain   *domain;
	LhDomainLimit *limit;

	for (int i = 0; i < 4; i++)
		if (PG_ARGISNULL(i) && i != 2)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("of a limit only the number of values may be null: there is none then")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	right = text_to_cstring(PG_GETARG_TEXT_PP(1));
	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to set limits of token domains");
	lh_privacy_require();
	domain = parse(find(name));
	limit = &domain->limits[lh_domain_right_place(right_named(right))];
	limit->window = seconds_of(PG_GETARG_INTERVAL_P(3)) * USECS_PER_SEC;
	limit->values = PG_ARGISNULL(2) ? -1 : PG_GETARG_INT64(2);
	if (!PG_ARGISNULL(2) && limit->values < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a limit is 0 or more values")));
	lh_audit_event("domain_limit", "domain", name,
				   limit->values < 0 ? psprintf("%s, none", right) :
				   psprintf("%s, " INT64_FORMAT " in " INT64_FORMAT " seconds", right, limit->values, limit->window / USECS_PER_SEC));
	domain->limited = 0;
	for (int i = 0; i < LH_DOMAIN_RIGHTS; i++)
		domain->limited |= domain->limits[i].values >= 0 ? (AclMode) rights[i].right : 0;
	(void) lh_hidden_put(LH_HIDDEN_DOMAIN, name,
						 make_definition(lh_domain_kind_names[domain->kind], domain->key, domain->legacy, template_of(domain), limits_of(domain)),
						 NULL, NIL, NULL, true);
	PG_RETURN_VOID();
}

/* ---- lakehouse.domain_list ---- */

/* {"role": ["tokenize", ...], ...} */
static Jsonb *
list_rights(const LhHidden *hidden)
{
	StringInfoData text;
	bool		first = true;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; hidden->acl != NULL && i < ACL_NUM(hidden->acl); i++)
	{
		const AclItem *item = &ACL_DAT(hidden->acl)[i];
		const char *separator = "";

		if (item->ai_grantee == hidden->owner)
			continue;
		appendStringInfoString(&text, first ? "" : ", ");
		first = false;
		escape_json(&text, item->ai_grantee == ACL_ID_PUBLIC ? "public" : GetUserNameFromId(item->ai_grantee, false));
		appendStringInfoString(&text, ": [");
		for (int j = 0; j < lengthof(rights); j++)
		{
			if ((ACLITEM_GET_PRIVS(*item) & (AclMode) rights[j].right) == 0)
				continue;
			appendStringInfo(&text, "%s\"%s\"", separator, rights[j].name);
			separator = ", ";
		}
		appendStringInfoChar(&text, ']');
	}
	appendStringInfoChar(&text, '}');
	return parse_jsonb(text.data);
}

static void
put_domain(ReturnSetInfo *result, LhHidden *hidden)
{
	LhDomain   *domain = parse(hidden);
	char	   *key = lh_key_name(domain->key.id);
	const JsonbValue *limits = getKeyJsonValueFromContainer(&hidden->definition->root, "limits", 6, NULL);
	Datum		values[8];
	bool		nulls[8] = {false, false, key == NULL};

	values[0] = CStringGetTextDatum(hidden->name);
	values[1] = CStringGetTextDatum(lh_domain_kind_names[domain->kind]);
	values[2] = key != NULL ? CStringGetTextDatum(key) : (Datum) 0;
	values[3] = Int32GetDatum((int32) domain->key.version);
	values[4] = BoolGetDatum(domain->legacy);
	values[5] = JsonbPGetDatum(template_of(domain));
	values[6] = JsonbPGetDatum(list_rights(hidden));
	nulls[7] = limits == NULL;
	values[7] = limits != NULL ? JsonbPGetDatum(JsonbValueToJsonb(unconstify(JsonbValue *, limits))) : (Datum) 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
lakehouse_domain_list(PG_FUNCTION_ARGS)
{
	List	   *views = lh_hidden_all(LH_HIDDEN_DOMAIN);
	ListCell   *lc;

	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_POLICY_ADMIN, "to list token domains");
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, views)
		put_domain((ReturnSetInfo *) fcinfo->resultinfo, lh_hidden_read(lfirst_oid(lc)));
	return (Datum) 0;
}
