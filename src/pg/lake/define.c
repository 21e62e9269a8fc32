/*
 * define.c
 *		The event trigger lakehouse_define: columns and rights of foreign tables
 *		when they are defined.
 *
 * It runs at the end of CREATE FOREIGN TABLE, ALTER [FOREIGN] TABLE and IMPORT
 * FOREIGN SCHEMA, with the rights of whoever runs these, and looks at tables of
 * our wrapper only:
 *
 *	1. Whoever sets a location must have the right to it.  (The scan asks again,
 *	   for the owner.)
 *	2. A new table without columns gets those of its files.  One that has
 *	   columns, its own or inherited, is left alone and no file is touched: so
 *	   a dump restores where the files are not.
 *	3. What a table with policies reads of which files is changed by who may
 *	   change these.
 *	4. A column that is renamed keeps its place in the files: its old name
 *	   becomes the option column_name, unless it has one.
 *
 * The function's search_path is pg_catalog alone (lake.sql).
 */
#include "pg/lake/lake.h"
#include "pg/util/features.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "foreign/fdwapi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

extern PGDLLEXPORT Datum lakehouse_define(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_define);

/* What a command did to a table. */
typedef struct Change
{
	Oid			relid;
	AttrNumber	attno;			/* of a column; 0: the table */
} Change;

Oid
lh_lake_server_named(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, false);

	if (!lh_lake_is_server(server))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not a lakehouse server", server->servername)));
	return server->serverid;
}

/* ---- statements ---- */

char *
lh_lake_qualified(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

void
lh_lake_execute(const char *sql)
{
	int			rc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	rc = SPI_execute(sql, false, 0);
	if (rc < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
	SPI_finish();
}

/* Tables and columns of our wrapper that the command made or changed. */
static List *
changes(void)
{
	static const char query[] =
		"SELECT objid, objsubid FROM pg_catalog.pg_event_trigger_ddl_commands() "
		"WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass";
	MemoryContext mcxt = CurrentMemoryContext;
	List	   *list = NIL;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not ask for the commands of the event");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		MemoryContext old;
		Change	   *change;
		bool		null;

		old = MemoryContextSwitchTo(mcxt);
		change = palloc(sizeof(Change));
		change->relid = DatumGetObjectId(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &null));
		change->attno = (AttrNumber) DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &null));
		list = lappend(list, change);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return list;
}

/* ---- rights ---- */

static const char *
location_of(Oid relid)
{
	ListCell   *lc;

	foreach(lc, GetForeignTable(relid)->options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "location") == 0)
			return defGetString(def);
	}
	return NULL;
}

/* The role that runs the command must have the right to the location it sets. */
static void
check_rights(Oid relid)
{
	const char *location = location_of(relid);

	if (location != NULL)
		lh_location_check(GetUserId(), GetForeignServerIdByRelId(relid), location);
}

/* ---- policies ---- */

/* The ALTER TABLE at hand. */
static const AlterTableStmt *changed;

/* Where the table is, and what of the files its columns are, is what its policies are about. */
static void
check_policies(Oid relid)
{
	bool		place = false,
				columns = false;
	ListCell   *lc;

	if (lh_features.lake_table_changed == NULL)
		return;
	foreach(lc, changed->cmds)
	{
		AlterTableType type = lfirst_node(AlterTableCmd, lc)->subtype;

		place |= type == AT_GenericOptions;
		columns |= type == AT_AlterColumnGenericOptions || type == AT_AddColumn;
	}
	if (place || columns)
		lh_features.lake_table_changed(relid, place);
}

/* Does an ALTER TABLE set the location? */
static bool
sets_location(const AlterTableStmt *stmt)
{
	ListCell   *lc,
			   *option;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype != AT_GenericOptions)
			continue;
		foreach(option, castNode(List, cmd->def))
		{
			DefElem    *def = lfirst_node(DefElem, option);

			if (strcmp(def->defname, "location") == 0 && def->defaction != DEFELEM_DROP)
				return true;
		}
	}
	return false;
}

/* ---- columns ---- */

static bool
has_columns(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	bool		found = false;

	for (int i = 0; i < desc->natts && !found; i++)
		found = !TupleDescAttr(desc, i)->attisdropped;
	table_close(rel, NoLock);
	return found;
}

static void
name_the_table(void *arg)
{
	errcontext("inferring the columns of foreign table \"%s\" from its files", (const char *) arg);
}

/* Add the columns of the files to a table that has none. */
static void
add_columns(Oid relid)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse infer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	ErrorContextCallback context = {error_context_stack, name_the_table, get_rel_name(relid)};
	LhCtx	   *ctx = lh_pg_ctx(mcxt, (size_t) maintenance_work_mem, "maintenance_work_mem");
	LhLakeColumns *columns;
	LhLakeOptions options;
	StringInfoData sql;

	error_context_stack = &context;
	lh_lake_options(relid, &options);
	columns = lh_lake_infer(ctx, GetUserId(), GetForeignServerIdByRelId(relid), &options);
	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER FOREIGN TABLE %s", lh_lake_qualified(relid));
	for (int i = 0; i < columns->n; i++)
	{
		appendStringInfo(&sql, "%s ADD COLUMN ", i > 0 ? "," : "");
		lh_lake_append_column(&sql, &columns->cols[i]);
	}
	if (columns->n > 0)
		lh_lake_execute(sql.data);
	error_context_stack = context.previous;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}

static void
define_table(Oid relid)
{
	check_rights(relid);
	if (!has_columns(relid) && !has_superclass(relid))
		add_columns(relid);
}

/* ---- renamed columns ---- */

bool		lh_lake_following = false;

bool
lh_lake_has_column_name(Oid relid, AttrNumber attno)
{
	ListCell   *lc;

	foreach(lc, GetForeignColumnOptions(relid, attno))
	{
		if (strcmp(((DefElem *) lfirst(lc))->defname, "column_name") == 0)
			return true;
	}
	return false;
}

/* A column was renamed, in its table and in those that inherit it. */
static void
keep_file_name(Oid relid, const char *old_name, const char *new_name)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		Oid			child = lfirst_oid(lc);
		AttrNumber	attno;

		if (!lh_lake_is_table(child))
			continue;
		attno = get_attnum(child, new_name);
		if (attno <= 0 || lh_lake_has_column_name(child, attno))
			continue;
		lh_lake_execute(psprintf("ALTER FOREIGN TABLE %s ALTER COLUMN %s OPTIONS (ADD column_name %s)",
								 lh_lake_qualified(child), quote_identifier(new_name),
								 quote_literal_cstr(old_name)));
	}
}

/* ---- the trigger ---- */

/* Every table of the command that is ours. */
static void
for_each_table(void (*fn) (Oid relid))
{
	ListCell   *lc;

	foreach(lc, changes())
	{
		Change	   *change = lfirst(lc);

		if (change->attno == 0 && lh_lake_is_table(change->relid))
			fn(change->relid);
	}
}

static void
rename_column(const RenameStmt *stmt)
{
	ListCell   *lc;

	if (lh_lake_following || stmt->renameType != OBJECT_COLUMN ||
		(stmt->relationType != OBJECT_FOREIGN_TABLE && stmt->relationType != OBJECT_TABLE))
		return;
	foreach(lc, changes())
	{
		Change	   *change = lfirst(lc);

		if (change->attno > 0)
			keep_file_name(change->relid, stmt->subname, stmt->newname);
	}
}

Datum
lakehouse_define(PG_FUNCTION_ARGS)
{
	Node	   *command;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("lakehouse.define can only be called as an event trigger")));
	command = ((EventTriggerData *) fcinfo->context)->parsetree;
	switch (nodeTag(command))
	{
		case T_CreateForeignTableStmt:
			for_each_table(define_table);
			break;
		case T_ImportForeignSchemaStmt:
			for_each_table(check_rights);
			break;
		case T_AlterTableStmt:
			if (sets_location((AlterTableStmt *) command))
				for_each_table(check_rights);
			changed = (AlterTableStmt *) command;
			for_each_table(check_policies);
			break;
		case T_RenameStmt:
			rename_column((RenameStmt *) command);
			break;
		default:
			break;
	}
	PG_RETURN_NULL();
}
