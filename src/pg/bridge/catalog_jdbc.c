/*
 * catalog_jdbc.c
 *		The tables that Iceberg's JDBC catalogs share: iceberg_tables, with one row
 *		for each table that says where its metadata file is, and
 *		iceberg_namespace_properties.
 *
 * Spark, Flink and Trino (JdbcCatalog) and PyIceberg (SqlCatalog) read and write
 * the same rows.  Version 0 of the schema lacks the column iceberg_type, by which
 * version 1 tells views from tables; whether it is there is asked of each row, so
 * that one text of a query serves both.
 *
 * In this database the query runs as the role (the owner of the foreign table),
 * with the snapshot of the statement: the catalog is seen as the statement sees
 * all other tables.  Everything in the text is qualified.  What a view or a policy on
 * these tables calls is between two parties who need not trust each other: it finds
 * neither what the caller has put into a search_path nor leaves settings behind.
 *
 * Source: JdbcUtil.java of Apache Iceberg; pyiceberg/catalog/sql.py.
 */
#include "pg/bridge/catalog.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define MAX_PARAMS 4

/* ---- in this database ---- */

static char *
text_of(HeapTuple tuple, TupleDesc desc, int column, MemoryContext mcxt)
{
	char	   *value = SPI_getvalue(tuple, desc, column);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	char	   *copy = value != NULL ? lh_pg_utf8(value) : NULL;

	MemoryContextSwitchTo(old);
	return copy;
}

static List *
rows_here(const char *sql, int nparams, const char *const *params, int ncols, Snapshot snapshot, MemoryContext mcxt)
{
	Oid			types[MAX_PARAMS];
	Datum		values[MAX_PARAMS];
	List	   *rows = NIL;
	SPIPlanPtr	plan;
	int			rc;

	for (int i = 0; i < nparams; i++)
	{
		types[i] = TEXTOID;
		values[i] = CStringGetTextDatum(lh_pg_text(params[i]));
	}
	plan = SPI_prepare(sql, nparams, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	rc = SPI_execute_snapshot(plan, values, NULL, snapshot, InvalidSnapshot, true, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(rc));
	for (uint64 k = 0; k < SPI_processed; k++)
	{
		char	  **row = MemoryContextAlloc(mcxt, sizeof(char *) * ncols);
		MemoryContext old;

		for (int i = 0; i < ncols; i++)
			row[i] = text_of(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, i + 1, mcxt);
		old = MemoryContextSwitchTo(mcxt);
		rows = lappend(rows, row);
		MemoryContextSwitchTo(old);
	}
	return rows;
}

static List *
query_here(LhCatalog *catalog, const char *sql, int nparams, const char *const *params, int ncols)
{
	MemoryContext mcxt = CurrentMemoryContext;
	Snapshot	snapshot = catalog->snapshot;
	List	   *rows;
	Oid			user;
	int			context,
				level;

	if (snapshot == NULL)
		snapshot = GetTransactionSnapshot();
	snapshot = RegisterSnapshot(snapshot);
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(catalog->roleid, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	rows = rows_here(sql, nparams, params, ncols, snapshot, mcxt);
	SPI_finish();
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, context);
	UnregisterSnapshot(snapshot);
	return rows;
}

/* ---- either ---- */

static void
name_the_catalog(void *arg)
{
	errcontext("reading the catalog of server \"%s\"", ((const LhCatalog *) arg)->server);
}

static List *
query(LhCatalog *catalog, const char *sql, int nparams, const char *const *params, int ncols)
{
	ErrorContextCallback context = {error_context_stack, name_the_catalog, catalog};
	List	   *rows;

	error_context_stack = &context;
	rows = catalog->remote ? lh_catalog_query_remote(catalog, sql, nparams, params, ncols)
		: query_here(catalog, sql, nparams, params, ncols);
	error_context_stack = context.previous;
	return rows;
}

/* '{"a","b"}' */
static void
append_element(StringInfo array, const char *value)
{
	appendStringInfoString(array, array->len > 0 ? ",\"" : "{\"");
	for (const char *p = value; *p != '\0'; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfoChar(array, '\\');
		appendStringInfoChar(array, *p);
	}
	appendStringInfoChar(array, '"');
}

/* The query for rows of tables: what is joined with, and one more condition. */
static char *
tables_query(const LhCatalog *catalog, const char *with, const char *condition)
{
	return psprintf("SELECT t.table_namespace::pg_catalog.text, t.table_name::pg_catalog.text, "
					"t.metadata_location::pg_catalog.text "
					"FROM %s.iceberg_tables t%s "
					"WHERE t.catalog_name::pg_catalog.text OPERATOR(pg_catalog.=) $1 AND %s "
					"AND COALESCE(pg_catalog.to_jsonb(t) OPERATOR(pg_catalog.->>) 'iceberg_type'::pg_catalog.text, "
					"'TABLE'::pg_catalog.text) OPERATOR(pg_catalog.=) 'TABLE'::pg_catalog.text",
					quote_identifier(catalog->schema), with, condition);
}

/* These tables have a primary key, but a view in their place need not. */
static void
fail_two(const LhCatalog *catalog, const LhCatalogTable *t, const char *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("the catalog of server \"%s\" has table \"%s%s%s\" in two places", catalog->server,
					lh_pg_text(t->space), t->space[0] != '\0' ? "." : "", lh_pg_text(t->name)),
			 errdetail("\"%s\" and \"%s\".", lh_pg_text(t->location), lh_pg_text(other))));
}

static void
load(LhCatalog *catalog, List *tables)
{
	StringInfoData spaces,
				names;
	const char *params[3];
	ListCell   *lc,
			   *row;

	initStringInfo(&spaces);
	initStringInfo(&names);
	foreach(lc, tables)
	{
		append_element(&spaces, ((LhCatalogTable *) lfirst(lc))->space);
		append_element(&names, ((LhCatalogTable *) lfirst(lc))->name);
	}
	appendStringInfoChar(&spaces, '}');
	appendStringInfoChar(&names, '}');
	params[0] = catalog->name;
	params[1] = spaces.data;
	params[2] = names.data;
	foreach(row, query(catalog,
					   tables_query(catalog,
									" JOIN ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]), "
									"pg_catalog.unnest($3::pg_catalog.text[])) AS w (space, name) "
									"ON t.table_namespace::pg_catalog.text OPERATOR(pg_catalog.=) w.space "
									"AND t.table_name::pg_catalog.text OPERATOR(pg_catalog.=) w.name",
									"true"),
					   3, params, 3))
	{
		char	  **r = lfirst(row);

		foreach(lc, tables)
		{
			LhCatalogTable *t = lfirst(lc);

			if (r[0] == NULL || r[1] == NULL || strcmp(t->space, r[0]) != 0 || strcmp(t->name, r[1]) != 0)
				continue;
			if (t->location != NULL && r[2] != NULL && strcmp(t->location, r[2]) != 0)
				fail_two(catalog, t, r[2]);
			t->location = r[2] != NULL ? r[2] : t->location;
		}
	}
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((const LhCatalogTable *) lfirst(a))->name, ((const LhCatalogTable *) lfirst(b))->name);
}

/* A namespace without tables is there when it has properties. */
static void
check_namespace(LhCatalog *catalog, const char *space)
{
	const char *params[] = {catalog->name, space};

	if (query(catalog, psprintf("SELECT 'x'::pg_catalog.text FROM %s.iceberg_namespace_properties p "
								"WHERE p.catalog_name::pg_catalog.text OPERATOR(pg_catalog.=) $1 "
								"AND p.namespace::pg_catalog.text OPERATOR(pg_catalog.=) $2 LIMIT 1",
								quote_identifier(catalog->schema)), 2, params, 1) != NIL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
			 errmsg("there is no namespace \"%s\" in the catalog of server \"%s\"", lh_pg_text(space), catalog->server),
			 errdetail("Looked for catalog_name \"%s\" in %s.iceberg_tables and %s.iceberg_namespace_properties.",
					   lh_pg_text(catalog->name), quote_identifier(catalog->schema),
					   quote_identifier(catalog->schema))));
}

static List *
list(LhCatalog *catalog, const char *space)
{
	const char *params[] = {catalog->name, space};
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, query(catalog,
					  tables_query(catalog, "", "t.table_namespace::pg_catalog.text OPERATOR(pg_catalog.=) $2"),
					  2, params, 3))
	{
		char	  **r = lfirst(lc);
		LhCatalogTable *t = palloc(sizeof(LhCatalogTable));

		t->space = r[0];
		t->name = r[1];
		t->location = r[2];
		if (t->name != NULL && t->location != NULL)
			tables = lappend(tables, t);
	}
	if (tables == NIL)
		check_namespace(catalog, space);
	list_sort(tables, compare_names);
	return tables;
}

const LhCatalogKind lh_catalog_jdbc = {"jdbc", list, load};
