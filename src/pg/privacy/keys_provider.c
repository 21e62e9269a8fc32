/*
 * keys_provider.c
 *		Key providers by name: lakehouse.key_provider_create and its siblings.
 *
 * Options name files of the server and hosts that it connects to, so all of it is for superusers, whoever
 * was granted the functions.  Secrets are in files, never in options.
 */
#include "pg/privacy/keys_store.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_key_provider_create);
PG_FUNCTION_INFO_V1(lakehouse_key_provider_alter);
PG_FUNCTION_INFO_V1(lakehouse_key_provider_drop);
PG_FUNCTION_INFO_V1(lakehouse_key_provider_list);
extern PGDLLEXPORT Datum lakehouse_key_provider_create(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_provider_alter(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_provider_drop(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_provider_list(PG_FUNCTION_ARGS);

static void
require_superuser(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for key providers"),
				 errdetail("Their options make the server read files and connect to hosts: they are for superusers.")));
}

/* Does the kind take these options?  Nothing is asked of the provider. */
static void
check_options(const char *kind, Datum options)
{
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	const LhProviderKind *k = lh_keyring_kind(kind);
	const LhProviderKind *const *kinds;
	LhKeyringCall call = {0};
	LhProvider *provider;
	StringInfoData all;
	int			n;

	if (k == NULL)
	{
		lh_keyring_kinds(&kinds, &n);
		initStringInfo(&all);
		for (int i = 0; i < n; i++)
			appendStringInfo(&all, "%s\"%s\"", i == 0 ? "" : i < n - 1 ? ", " : " or ", kinds[i]->name);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no key provider of kind \"%s\"", kind),
				 errhint("It is %s.", all.data)));
	}
	lh_key_provider_options(options, &call);
	lh_pg_check(ctx, k->open(ctx, call.options, call.noptions, &provider));
}

Datum
lakehouse_key_provider_create(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Datum		values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)};
	LhKeysSql	sql;

	require_superuser();
	lh_keys_check_name("key provider", name);
	lh_audit_event("key_provider_create", "key provider", name, NULL);
	check_options(kind, values[2]);
	lh_keys_begin(&sql, "lakehouse.key_provider_create()", true, true);
	/* catalog tables have no ON CONFLICT: of two at once, one fails by the index */
	if (lh_keys_sql("SELECT 1 FROM lakehouse.key_providers WHERE name = $1", "t", values, NULL) > 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("key provider \"%s\" already exists", name)));
	(void) lh_keys_sql("INSERT INTO lakehouse.key_providers (name, kind, options) VALUES ($1, $2, jsonb_strip_nulls($3))", "ttj",
					   values, NULL);
	lh_keys_end(&sql);
	PG_RETURN_VOID();
}

Datum
lakehouse_key_provider_alter(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	Datum		kind, options;
	LhKeysSql	sql;

	require_superuser();
	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(values[1])))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of a key provider must be an object of JSON")));
	lh_audit_event("key_provider_alter", "key provider", name, NULL);
	lh_keys_begin(&sql, "lakehouse.key_provider_alter()", true, true);
	if (lh_keys_sql("UPDATE lakehouse.key_providers SET options = jsonb_strip_nulls(options || $2) WHERE name = $1"
					" RETURNING kind, options", "tj", values, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key provider \"%s\" does not exist", name)));
	(void) lh_keys_get(0, 1, &kind);
	(void) lh_keys_get(0, 2, &options);
	check_options(TextDatumGetCString(kind), options);
	lh_keys_end(&sql);
	PG_RETURN_VOID();
}

Datum
lakehouse_key_provider_drop(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		values[] = {PG_GETARG_DATUM(0)};
	Datum		key;
	LhKeysSql	sql;

	require_superuser();
	lh_audit_event("key_provider_drop", "key provider", name, NULL);
	lh_keys_begin(&sql, "lakehouse.key_provider_drop()", true, true);
	if (lh_keys_sql("SELECT 1 FROM lakehouse.key_providers WHERE name = $1 FOR UPDATE", "t", values, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key provider \"%s\" does not exist", name)));
	if (lh_keys_sql("SELECT name FROM lakehouse.keys WHERE provider = $1 ORDER BY name LIMIT 1", "t", values, NULL) > 0)
	{
		(void) lh_keys_get(0, 1, &key);
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("key provider \"%s\" is in use", name),
				 errdetail("It wraps key \"%s\".", TextDatumGetCString(key))));
	}
	(void) lh_keys_sql("DELETE FROM lakehouse.key_providers WHERE name = $1", "t", values, NULL);
	lh_keys_end(&sql);
	PG_RETURN_VOID();
}

Datum
lakehouse_key_provider_list(PG_FUNCTION_ARGS)
{
	LhKeysSql	sql;

	require_superuser();
	InitMaterializedSRF(fcinfo, 0);
	lh_keys_begin(&sql, "lakehouse.key_provider_list()", false, true);
	(void) lh_keys_sql("SELECT p.name, p.kind, p.options, (SELECT count(*) FROM lakehouse.keys k WHERE k.provider = p.name), p.created"
					   " FROM lakehouse.key_providers p ORDER BY p.name", "", NULL, NULL);
	lh_keys_return((ReturnSetInfo *) fcinfo->resultinfo);
	lh_keys_end(&sql);
	return (Datum) 0;
}
