/*
 * import.c
 *		IMPORT FOREIGN SCHEMA: a table for each file or directory of a directory, or
 *		for each table of a namespace of the server's catalog.
 *
 *	1. The directory is the option location: identifiers end at 63 bytes, and
 *	   the name of the remote schema says nothing.  Without it the server has to
 *	   have a catalog, and the remote schema is a namespace there.
 *	2. Sub-directories, files named like Parquet files, and other files that
 *	   begin like one are tables; hidden ones are not.  With format 'iceberg' the
 *	   directory is a warehouse: Iceberg tables alone are taken, from directories
 *	   below, too, whose names (those of namespaces) come before theirs.
 *	3. LIMIT TO and EXCEPT are heeded before anything is opened, and two entries
 *	   that would become one table are an error before anything is created.
 *	4. Each table's columns are inferred here, and written into its statement.
 *
 * Rights are those of the role that imports.
 */
#include "pg/lake/lake.h"

#include "commands/defrem.h"
#include "foreign/fdwapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "iceberg/iceberg.h"
#include "pg/bridge/catalog.h"
#include "pg/bridge/iceberg.h"
#include "pg/bridge/options.h"

/* How a Parquet file begins. */
#define MAGIC "PAR1"
#define MAGIC_ENCRYPTED "PARE"
#define MAGIC_SIZE 4

/* Namespaces in namespaces of a warehouse. */
#define MAX_DEPTH 16

/* What becomes a table. */
typedef struct Entry
{
	const char *child;			/* name in the directory or catalog, UTF-8; directories end with '/' */
	char	   *location;		/* UTF-8, as a pattern */
	char	   *table;
	List	   *place;			/* options that say where it is */
} Entry;

typedef struct Import
{
	LhCtx	   *ctx;
	Oid			serverid;
	LhStore    *store;
	const char *directory;		/* as a pattern, no '/' at its end */
	bool		warehouse;		/* of Iceberg tables */
	List	   *options;		/* DefElems for each table, without location */
} Import;

/* ---- options ---- */

/* Splits the statement's options; NULL: there is no location. */
static const char *
take_options(ImportForeignSchemaStmt *stmt, List **rest, bool *warehouse)
{
	const char *location = NULL;
	ListCell   *lc;

	*rest = NIL;
	foreach(lc, stmt->options)
	{
		DefElem    *def = lfirst(lc);
		const LhOption *option = lh_option_find(def->defname, LH_ON_TABLE);

		if (option == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\" of IMPORT FOREIGN SCHEMA", def->defname),
					 errhint("Valid options are location and those of foreign tables, which are passed on.")));
		lh_option_check(option, defGetString(def));
		if (strcmp(def->defname, "location") == 0)
			location = defGetString(def);
		else
			*rest = lappend(*rest, def);
		if (strcmp(def->defname, "format") == 0)
			*warehouse = strcmp(defGetString(def), lh_iceberg_name) == 0;
	}
	return location;
}

static void
fail_no_location(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
			 errmsg("option \"location\" is required to import from a lakehouse server"),
			 errhint("IMPORT FOREIGN SCHEMA any_name FROM SERVER ... INTO ... OPTIONS (location '/directory')")));
}

/* The directory as a pattern that matches just it. */
static const char *
directory_of(LhCtx *ctx, const char *location)
{
	List	   *list = lh_location_list(location);
	const char *path;
	LhScheme	scheme;
	size_t		len;

	if (list_length(list) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("option \"location\" of IMPORT FOREIGN SCHEMA must be one directory")));
	lh_pg_check(ctx, lh_location_parse(ctx, lh_pg_utf8(linitial(list)), &scheme, &path));
	if (lh_is_glob(path))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("option \"location\" of IMPORT FOREIGN SCHEMA must be a directory, not a pattern")));
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return pnstrdup(path, len);
}

/* ---- entries ---- */

/* A name inside a pattern stands for itself. */
static void
append_escaped(StringInfo out, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (strchr("*?[{\\", name[i]) != NULL)
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, name[i]);
	}
}

static bool
is_directory(const char *child)
{
	size_t		len = strlen(child);

	return len > 0 && child[len - 1] == '/';
}

static char *
location_of(const char *directory, const char *child)
{
	StringInfoData out;
	size_t		len = strlen(child);

	initStringInfo(&out);
	appendStringInfoString(&out, directory);
	if (out.data[out.len - 1] != '/')
		appendStringInfoChar(&out, '/');
	append_escaped(&out, child, is_directory(child) ? len - 1 : len);
	return out.data;
}

/* Directories that hold any file, and Parquet files whatever they are called. */
static LhStatus
is_table(const Import *imp, const Entry *entry, bool *yes)
{
	LhCtx	   *ctx = imp->ctx;
	LhObject   *obj;
	uint8_t		magic[MAGIC_SIZE];
	LhStatus	status;
	LhList		list;

	*yes = !is_directory(entry->child) && lh_lake_is_data_name(entry->child);
	if (*yes)
		return LH_OK;
	status = lh_store_list(ctx, imp->store, entry->location, NULL, 1, &list);
	if (is_directory(entry->child) && (status == LH_NOT_FOUND || status == LH_LIMIT))
	{
		*yes = status == LH_LIMIT;	/* more than the one that was asked for */
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	*yes = is_directory(entry->child);
	if (*yes || list.entries[0].size < MAGIC_SIZE)
		return LH_OK;
	LH_TRY(lh_object_open(ctx, imp->store, list.entries[0].path, &obj));
	LH_TRY(lh_object_read(ctx, obj, 0, MAGIC_SIZE, magic));
	lh_object_close(obj);
	*yes = memcmp(magic, MAGIC, MAGIC_SIZE) == 0 || memcmp(magic, MAGIC_ENCRYPTED, MAGIC_SIZE) == 0;
	return LH_OK;
}

static void
check_unique(List *entries, const Entry *entry)
{
	ListCell   *lc;

	foreach(lc, entries)
	{
		const Entry *other = lfirst(lc);

		if (strcmp(other->table, entry->table) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_TABLE),
					 errmsg("\"%s\" and \"%s\" would both become table \"%s\"",
							lh_pg_text(other->child), lh_pg_text(entry->child), entry->table),
					 errhint("Create one of them by hand and leave it out with EXCEPT, or rename it.")));
	}
}

static void
list_children(const Import *imp, LhList *children)
{
	LhStatus	status = lh_store_children(imp->ctx, imp->store, imp->directory, children);
	LhList		file;

	if (status == LH_NOT_FOUND && lh_store_list(imp->ctx, imp->store, imp->directory, NULL, 1, &file) == LH_OK)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("option \"location\" of IMPORT FOREIGN SCHEMA must be a directory"),
				 errdetail("\"%s\" is a file.", lh_pg_text(imp->directory))));
	lh_pg_check(imp->ctx, status);
}

static List *
place_of(const char *location)
{
	return list_make1(makeDefElem("location", (Node *) makeString(lh_pg_text(location)), -1));
}

/* Iceberg tables in a directory of a warehouse, and in directories of it that are no tables. */
static List *
walk(const Import *imp, ImportForeignSchemaStmt *stmt, const char *directory, const char *prefix, int depth,
	 List *entries)
{
	LhList		children;

	lh_pg_check(imp->ctx, lh_store_children(imp->ctx, imp->store, directory, &children));
	for (size_t i = 0; i < children.n; i++)
	{
		Entry	   *entry = palloc0(sizeof(Entry));
		char	   *name;
		bool		yes;

		CHECK_FOR_INTERRUPTS();
		entry->child = children.entries[i].path;
		if (!is_directory(entry->child))
			continue;
		entry->location = location_of(directory, entry->child);
		name = psprintf("%s%.*s", prefix, (int) strlen(entry->child) - 1, entry->child);
		lh_pg_check(imp->ctx, lh_iceberg_format.detect(imp->ctx, imp->store, entry->location, &yes));
		if (!yes && depth < MAX_DEPTH)
			entries = walk(imp, stmt, entry->location, psprintf("%s_", name), depth + 1, entries);
		if (!yes)
			continue;
		entry->table = lh_lake_clip(lh_pg_text(name));
		entry->child = name;
		entry->place = place_of(entry->location);
		if (!IsImportableForeignTable(entry->table, stmt))
			continue;
		check_unique(entries, entry);
		entries = lappend(entries, entry);
	}
	return entries;
}

/* The tables of a namespace of the server's catalog. */
static List *
list_catalog(ImportForeignSchemaStmt *stmt, LhCatalog *catalog)
{
	char	   *space = lh_pg_utf8(stmt->remote_schema);
	List	   *entries = NIL;
	ListCell   *lc;

	foreach(lc, catalog->kind->list(catalog, space))
	{
		const LhCatalogTable *t = lfirst(lc);
		Entry	   *entry = palloc0(sizeof(Entry));

		entry->child = t->name;
		entry->location = unconstify(char *, t->location);
		entry->table = lh_lake_clip(lh_pg_text(t->name));
		entry->place = list_make2(makeDefElem("namespace", (Node *) makeString(pstrdup(stmt->remote_schema)), -1),
								  makeDefElem("table_name", (Node *) makeString(lh_pg_text(t->name)), -1));
		if (!IsImportableForeignTable(entry->table, stmt))
			continue;
		check_unique(entries, entry);
		entries = lappend(entries, entry);
	}
	return entries;
}

/* The entries of the directory that are wanted, in byte order of their names. */
static List *
list_entries(const Import *imp, ImportForeignSchemaStmt *stmt)
{
	List	   *entries = NIL;
	LhList		children;

	if (imp->warehouse)
		return walk(imp, stmt, imp->directory, "", 0, NIL);
	list_children(imp, &children);
	for (size_t i = 0; i < children.n; i++)
	{
		Entry	   *entry = palloc(sizeof(Entry));
		bool		yes;

		CHECK_FOR_INTERRUPTS();
		entry->child = children.entries[i].path;
		entry->table = lh_lake_table_name(entry->child);
		if (entry->table[0] == '\0' || !IsImportableForeignTable(entry->table, stmt))
			continue;
		entry->location = location_of(imp->directory, entry->child);
		lh_pg_check(imp->ctx, is_table(imp, entry, &yes));
		if (!yes)
			continue;
		entry->place = place_of(entry->location);
		check_unique(entries, entry);
		entries = lappend(entries, entry);
	}
	return entries;
}

/* ---- statements ---- */

static void
name_the_entry(void *arg)
{
	errcontext("importing \"%s\"", lh_pg_text(((const Entry *) arg)->location));
}

static char *
statement_of(const Import *imp, const char *server, const Entry *entry)
{
	ErrorContextCallback context = {error_context_stack, name_the_entry, unconstify(Entry *, entry)};
	List	   *options = list_concat_copy(entry->place, imp->options);
	LhArena    *arena = lh_arena_child(imp->ctx->arena);
	LhArena    *old;
	LhLakeOptions parsed;
	LhLakeColumns *columns;
	char	   *statement;

	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	error_context_stack = &context;
	lh_lake_options_init(&parsed);
	lh_lake_apply_options(&parsed, options);
	/* the schema goes when the statement is written */
	old = lh_use(imp->ctx, arena);
	columns = lh_lake_infer(imp->ctx, GetUserId(), imp->serverid, &parsed);
	statement = lh_lake_create_statement(quote_identifier(entry->table), server, columns, options);
	lh_use(imp->ctx, old);
	lh_arena_destroy(arena);
	error_context_stack = context.previous;
	return statement;
}

List *
lh_lake_import_schema(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse import", ALLOCSET_DEFAULT_SIZES);
	Import		imp = {.serverid = serverid};
	const char *location = take_options(stmt, &imp.options, &imp.warehouse);
	LhCatalog  *catalog = NULL;
	List	   *statements = NIL;
	List	   *entries;
	ListCell   *lc;

	imp.ctx = lh_pg_ctx(mcxt, (size_t) maintenance_work_mem, "maintenance_work_mem");
	if (location == NULL && (catalog = lh_catalog_open(imp.ctx, GetUserId(), serverid, NULL)) == NULL)
		fail_no_location();
	if (location != NULL)
	{
		lh_location_check(GetUserId(), serverid, location);
		imp.directory = directory_of(imp.ctx, location);
		lh_lake_store(imp.ctx, GetUserId(), serverid, &imp.store);
		entries = list_entries(&imp, stmt);
	}
	else
		entries = list_catalog(stmt, catalog);
	foreach(lc, entries)
		statements = lappend(statements, statement_of(&imp, stmt->server_name, lfirst(lc)));
	MemoryContextDelete(mcxt);
	return statements;
}
