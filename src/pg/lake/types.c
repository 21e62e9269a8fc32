/*
 * types.c
 *		Composite types for the nested columns of a location.
 *
 *	struct				a type of its own, named after table, column and members
 *	list of struct		array of that type
 *	map					jsonb, or by request an array of a type (key, value)
 *	list of anything else that is nested, variant
 *						jsonb: inner lists may be ragged, which no array can be
 *
 * Inner types come before those that use them.  A name is cut to 63 bytes on a
 * character and numbered until it is unique among the types of the location; the
 * same location gives the same names, so that lakehouse.ddl can name what
 * lakehouse.create_types made.
 */
#include "pg/lake/lake.h"

#include "catalog/namespace.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

extern PGDLLEXPORT Datum lakehouse_create_types(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_create_types);

typedef struct Maker
{
	const char *schema;
	const LhLakeOptions *options;
	bool		pairs;
	List	   *taken;			/* char * */
	List	   *made;			/* LhLakeRowType * */
} Maker;

static char *type_sql(Maker *m, const LhType *type, const char *name, const char *path);

static bool
is_taken(const Maker *m, const char *name)
{
	ListCell   *lc;

	foreach(lc, m->taken)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/* A name that no other type of the location has. */
static char *
unique_name(Maker *m, const char *wanted)
{
	char	   *name = lh_lake_clip(wanted);

	for (int k = 2; is_taken(m, name); k++)
	{
		char		suffix[16];
		int			len;

		snprintf(suffix, sizeof(suffix), "_%d", k);
		len = pg_mbcliplen(wanted, (int) strlen(wanted), (int) (NAMEDATALEN - 1 - strlen(suffix)));
		name = psprintf("%.*s%s", len, wanted, suffix);
	}
	m->taken = lappend(m->taken, name);
	return name;
}

static char *
scalar_sql(const Maker *m, const LhType *type)
{
	int32		typmod;
	Oid			typid = lh_lake_type(type, m->options, &typmod);

	return format_type_with_typemod(typid, typmod);
}

/* A type whose attributes are the fields, called names. */
static char *
make_row_type(Maker *m, const LhType *type, char *const *names, const char *name, const char *path)
{
	LhLakeRowType *made = palloc0(sizeof(LhLakeRowType));
	StringInfoData ddl;
	StringInfoData attributes;

	initStringInfo(&attributes);
	for (int i = 0; i < type->nfields; i++)
		appendStringInfo(&attributes, "%s\n    %s %s", i > 0 ? "," : "", quote_identifier(names[i]),
						 type_sql(m, &type->fields[i].type, psprintf("%s_%s", name, names[i]),
								  psprintf("%s.%s", path, lh_pg_text(type->fields[i].name))));
	made->path = pstrdup(path);
	made->name = quote_qualified_identifier(m->schema, unique_name(m, name));
	initStringInfo(&ddl);
	appendStringInfo(&ddl, "CREATE TYPE %s AS (%s\n)", made->name, attributes.data);
	made->ddl = ddl.data;
	m->made = lappend(m->made, made);
	return made->name;
}

/* SQL of the type that a column or member gets. */
static char *
type_sql(Maker *m, const LhType *type, const char *name, const char *path)
{
	static char *const pair[] = {"key", "value"};

	check_stack_depth();
	if (type->id == LH_T_STRUCT && type->nfields > 0)
		return make_row_type(m, type, lh_member_names(type), name, path);
	if (type->id == LH_T_LIST && type->fields[0].type.id == LH_T_STRUCT && type->fields[0].type.nfields > 0)
		return psprintf("%s[]", type_sql(m, &type->fields[0].type, name, path));
	if (type->id == LH_T_MAP && m->pairs)
		return psprintf("%s[]", make_row_type(m, type, pair, name, path));
	return scalar_sql(m, type);
}

List *
lh_lake_row_types(LhLakeColumns *columns, const char *schema, const char *table,
				  const LhLakeOptions *options, bool pairs)
{
	Maker		m = {.schema = schema, .options = options, .pairs = pairs};

	for (int i = 0; i < columns->n; i++)
	{
		LhLakeColumn *col = &columns->cols[i];

		if (lh_type_is_nested(&col->file->type))
			col->type_sql = type_sql(&m, &col->file->type, psprintf("%s_%s", table, col->name.name),
									 lh_pg_text(col->file->name));
	}
	return m.made;
}

Datum
lakehouse_create_types(PG_FUNCTION_ARGS)
{
	char	   *location = LH_ARG_TEXT(0);
	char	   *table = LH_ARG_TEXT(2);
	Oid			serverid = lh_lake_server_arg(fcinfo, 3);
	List	   *options = lh_lake_json_options(PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4));
	bool		pairs = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	LhLakeOptions parsed;
	LhLakeColumns *columns;
	LhRows		rows;
	MemoryContext mcxt,
				old;
	LhCtx	   *ctx;
	ListCell   *lc;
	const char *schema;

	lh_rows_begin(&rows, fcinfo);
	if (location == NULL || PG_ARGISNULL(1))
		return (Datum) 0;
	schema = NameStr(*PG_GETARG_NAME(1));
	(void) get_namespace_oid(schema, false);
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse types", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	ctx = lh_pg_ctx(mcxt, (size_t) maintenance_work_mem, "maintenance_work_mem");
	columns = lh_lake_infer_table(ctx, serverid, location, &table, &options, &parsed);
	foreach(lc, lh_lake_row_types(columns, schema, table, &parsed, pairs))
	{
		LhLakeRowType *made = lfirst(lc);

		lh_lake_execute(made->ddl);
		lh_rows_datum(&rows, CStringGetTextDatum(made->path));
		lh_rows_datum(&rows, CStringGetTextDatum(made->name));
		lh_rows_datum(&rows, CStringGetTextDatum(made->ddl));
		lh_rows_put(&rows);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return (Datum) 0;
}
