/*
 * validator.c
 *		Checks options when they are set: names, values, and who may set them.
 *
 * What needs no server is checked here.  Whether a role may name a location is
 * checked when the table is created (event trigger) and by each scan, because
 * a validator does not know its server.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "pg/bridge/options.h"

extern PGDLLEXPORT Datum lakehouse_fdw_validator(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_fdw_validator);

static int
place_of(Oid catalog)
{
	switch (catalog)
	{
		case ForeignDataWrapperRelationId:
			return LH_ON_WRAPPER;
		case ForeignServerRelationId:
			return LH_ON_SERVER;
		case ForeignTableRelationId:
			return LH_ON_TABLE;
		case AttributeRelationId:
			return LH_ON_COLUMN;
		case UserMappingRelationId:
			return LH_ON_USER;
		default:
			return 0;
	}
}

static const char *
place_name(int place)
{
	switch (place)
	{
		case LH_ON_WRAPPER:
			return "a foreign data wrapper";
		case LH_ON_SERVER:
			return "a foreign server";
		case LH_ON_TABLE:
			return "a foreign table";
		case LH_ON_COLUMN:
			return "a column";
		default:
			return "a user mapping";
	}
}

/* The option of this place whose spelling is nearest, or NULL when none is near. */
static const char *
nearest(const char *name, int place)
{
	int			len = (int) strlen(name);
	int			best = Min(4, len / 2 + 1);
	const char *found = NULL;

	if (len > NAMEDATALEN)
		return NULL;
	for (const LhOption *o = lh_option_table; o->name != NULL; o++)
	{
		int			distance;

		if (!(o->where & place))
			continue;
		distance = varstr_levenshtein_less_equal(name, len, o->name, (int) strlen(o->name), 1, 1, 1,
												 best, true);
		if (distance < best)
		{
			best = distance;
			found = o->name;
		}
	}
	return found;
}

static void
fail_unknown(const char *name, int place)
{
	const char *near = nearest(name, place);
	StringInfoData hint;
	const char *separator = "Valid options here are: ";

	initStringInfo(&hint);
	if (near != NULL)
		appendStringInfo(&hint, "Perhaps you meant \"%s\". ", near);
	for (const LhOption *o = lh_option_table; o->name != NULL; o++)
	{
		if (!(o->where & place))
			continue;
		appendStringInfo(&hint, "%s%s", separator, o->name);
		separator = ", ";
	}
	if (*separator == ',')
		appendStringInfoChar(&hint, '.');
	else
		appendStringInfo(&hint, "There are no options for %s.", place_name(place));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\" of %s", name, place_name(place)),
			 errhint("%s", hint.data)));
}

/* Values of secrets are never repeated, not even in the error that refuses them. */
static void
refuse_secret(const char *name, int place)
{
	if (place == LH_ON_USER || !lh_option_is_secret(name))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("option \"%s\" is not allowed for %s", name, place_name(place)),
			 errhint("Credentials belong into a user mapping, where others cannot read them.")));
}

static void
check_option(DefElem *def, int place)
{
	const LhOption *option;

	refuse_secret(def->defname, place);
	option = lh_option_find(def->defname, place);
	if (option == NULL)
		fail_unknown(def->defname, place);
	lh_option_check_right(option, place_name(place));
	lh_option_check(option, defGetString(def));
}

Datum
lakehouse_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));
	int			place = place_of(PG_GETARG_OID(1));
	List	   *moments = NIL;
	bool		has_location = false,
				in_catalog = false;
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);

		check_option(def, place);
		has_location |= strcmp(def->defname, "location") == 0;
		in_catalog |= strcmp(def->defname, "table_name") == 0;
		if (strcmp(def->defname, "snapshot_id") == 0 || strcmp(def->defname, "snapshot_time") == 0 ||
			(strcmp(def->defname, "ref") == 0))
			moments = lappend(moments, def->defname);
	}
	if (list_length(moments) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("options \"%s\" and \"%s\" exclude each other", (char *) linitial(moments),
						(char *) lsecond(moments))));
	if (place == LH_ON_TABLE && has_location && in_catalog)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("options \"location\" and \"table_name\" exclude each other"),
				 errhint("A table is found either by its location or by its name in the server's catalog.")));
	if (place == LH_ON_TABLE && !has_location && !in_catalog)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"location\" is required for lakehouse foreign tables"),
				 errhint("It is a file, a directory, a glob, or a JSON array of these; tables of a catalog have options namespace and table_name instead.")));
	PG_RETURN_VOID();
}
