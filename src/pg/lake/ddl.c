/*
 * ddl.c
 *		The text of CREATE FOREIGN TABLE for a location: lakehouse.ddl prints it,
 *		IMPORT FOREIGN SCHEMA runs it.
 */
#include "pg/lake/lake.h"

#include "commands/defrem.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

extern PGDLLEXPORT Datum lakehouse_ddl(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_ddl);

/* What the server is called when nobody names one, as in the README. */
#define DEFAULT_SERVER "lake"

char *
lh_lake_create_statement(const char *table, const char *server, const LhLakeColumns *columns,
						 List *options)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	appendStringInfo(&out, "CREATE FOREIGN TABLE %s (", table);
	for (int i = 0; i < columns->n; i++)
	{
		appendStringInfo(&out, "%s\n    ", i > 0 ? "," : "");
		lh_lake_append_column(&out, &columns->cols[i]);
	}
	appendStringInfo(&out, "\n) SERVER %s OPTIONS (", quote_identifier(server));
	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);

		appendStringInfo(&out, "%s%s %s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_identifier(def->defname), quote_literal_cstr(defGetString(def)));
	}
	appendStringInfoChar(&out, ')');
	return out.data;
}

/* Name of a table for a location: that of its (first) file or directory. */
static const char *
default_table(LhCtx *ctx, const char *location)
{
	const char *first = linitial(lh_location_list(location));
	const char *path;
	LhScheme	scheme;
	size_t		fixed = 0;

	lh_pg_check(ctx, lh_location_parse(ctx, lh_pg_utf8(first), &scheme, &path));
	/* of a glob, the last directory that is no pattern */
	for (size_t i = 0; lh_is_glob(path) && path[i] != '\0' && strchr("*?[{\\", path[i]) == NULL; i++)
	{
		if (path[i] == '/')
			fixed = i;
	}
	if (fixed > 0)
		path = pnstrdup(path, fixed);
	return lh_lake_table_name(path);
}

LhLakeColumns *
lh_lake_infer_table(LhCtx *ctx, Oid serverid, char *location, char **table, List **options,
					LhLakeOptions *parsed)
{
	*options = lcons(makeDefElem("location", (Node *) makeString(location), -1), *options);
	lh_lake_options_init(parsed);
	lh_lake_apply_options(parsed, *options);
	lh_location_check(GetUserId(), serverid, location);
	if (*table == NULL)
		*table = pstrdup(default_table(ctx, location));
	return lh_lake_infer(ctx, GetUserId(), serverid, parsed);
}

Datum
lakehouse_ddl(PG_FUNCTION_ARGS)
{
	char	   *location = LH_ARG_TEXT(0);
	char	   *table = LH_ARG_TEXT(1);
	Oid			serverid = lh_lake_server_arg(fcinfo, 2);
	List	   *options = lh_lake_json_options(PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3));
	MemoryContext mcxt,
				old;
	LhCtx	   *ctx;
	LhLakeOptions parsed;
	LhLakeColumns *columns;
	text	   *result;
	char	   *statement;

	if (location == NULL)
		PG_RETURN_NULL();
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse ddl", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	ctx = lh_pg_ctx(mcxt, (size_t) maintenance_work_mem, "maintenance_work_mem");
	columns = lh_lake_infer_table(ctx, serverid, location, &table, &options, &parsed);
	if (PG_NARGS() > 5 && !PG_ARGISNULL(4))
		(void) lh_lake_row_types(columns, NameStr(*PG_GETARG_NAME(4)), table, &parsed,
								 !PG_ARGISNULL(5) && PG_GETARG_BOOL(5));
	statement = lh_lake_create_statement(quote_identifier(table),
										 OidIsValid(serverid) ? GetForeignServer(serverid)->servername : DEFAULT_SERVER,
										 columns, options);
	MemoryContextSwitchTo(old);
	result = cstring_to_text(psprintf("%s;", statement));
	MemoryContextDelete(mcxt);
	PG_RETURN_TEXT_P(result);
}
