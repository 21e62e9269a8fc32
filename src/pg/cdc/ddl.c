/*
 * ddl.c
 *		Event triggers that tell change streams which commands defined what
 *		(lakehouse.cdc_ddl_enable).
 *
 * One command, one transactional logical message, with the prefix LH_DDL_PREFIX and
 * what change/ddl.h says.  It stands in the log behind the command's own changes of the
 * catalog and before the rows that need them.  Four events take part:
 *
 *	1. table_rewrite and sql_drop come in the middle of a command, and only note what they
 *	   see: it cannot be asked for later.
 *	2. ddl_command_end adds what the command made or altered, and writes the message.
 *	3. ddl_command_start writes it for CREATE TABLE AS, SELECT INTO and CREATE MATERIALIZED
 *	   VIEW, whose rows are in the log before their end.
 *
 * What is told: tables, partitioned tables, materialized views, types, schemas.  Not
 * temporary or unlogged ones, none of an extension, and nothing else: no views,
 * indexes or sequences of their own, no foreign tables, servers, user mappings,
 * subscriptions, roles.
 *
 * The text is that part of the query string which is the command's own.  Only the
 * portal knows where it begins, so a command that no portal runs by itself (one in a
 * function, a DO block, a script of an extension) has none.
 *
 * A command must not fail because nobody can be told of it.  So all this is done in a
 * subtransaction, whose errors become warnings, but for those that are not about this
 * (cancel, shutdown, memory: quarantine.c).  Names are looked up by OID only, never
 * by a search_path of ours: it has to be the session's, as it is told, too.
 */
#include "pg/cdc/cdc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "change/ddl.h"

extern PGDLLEXPORT Datum lakehouse_cdc_ddl_event(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_ddl_event);

/* What events in the middle of a command noted. */
typedef struct Notes
{
	const Node *command;
	SubTransactionId subid;
	List	   *dropped;		/* of LhDdlObject * */
	List	   *rewritten;		/* Oids of tables */
} Notes;

/* An event at work. */
typedef struct Event
{
	const EventTriggerData *trigger;
	SubTransactionId subid;		/* of the command */
	LhCtx	   *ctx;
	LhBuf	   *message;		/* NULL: none is due */
	List	   *objects;		/* of LhDdlObject * */
} Event;

/*
 * Notes of commands that have not ended, in memory of the transaction.  One whose
 * command failed stays there unread: its subtransaction has ended, and no other has its
 * number.
 */
static MemoryContext notes_mcxt;
static List *all_notes;

/* ---- notes ---- */

static void
forget_notes(void *arg)
{
	notes_mcxt = NULL;
	all_notes = NIL;
}

static Notes *
find_notes(const Event *e)
{
	ListCell   *lc;

	foreach(lc, all_notes)
	{
		Notes	   *n = lfirst(lc);

		if (n->command == e->trigger->parsetree && n->subid == e->subid)
			return n;
	}
	return NULL;
}

static Notes *
need_notes(const Event *e)
{
	Notes	   *n = find_notes(e);
	MemoryContext old;

	if (n != NULL)
		return n;
	if (notes_mcxt == NULL)
	{
		MemoryContextCallback *callback;

		notes_mcxt = AllocSetContextCreate(TopTransactionContext, "lakehouse ddl", ALLOCSET_SMALL_SIZES);
		callback = MemoryContextAllocZero(notes_mcxt, sizeof(MemoryContextCallback));
		callback->func = forget_notes;
		MemoryContextRegisterResetCallback(notes_mcxt, callback);
	}
	old = MemoryContextSwitchTo(notes_mcxt);
	n = palloc0(sizeof(Notes));
	n->command = e->trigger->parsetree;
	n->subid = e->subid;
	all_notes = lappend(all_notes, n);
	MemoryContextSwitchTo(old);
	return n;
}

/* ---- texts ---- */

static const char *
utf8(Event *e, const char *text)
{
	return lh_cell_utf8(e->ctx, text);
}

static const char *
schema_name(Event *e, Oid namespace)
{
	char	   *name = get_namespace_name(namespace);

	if (name == NULL)
		elog(ERROR, "cache lookup failed for schema %u", namespace);
	return utf8(e, name);
}

/* The relation that a command names first, where its place in the text is known. */
static const RangeVar *
target_of(const Node *command)
{
	switch (nodeTag(command))
	{
		case T_CreateStmt:
			return ((const CreateStmt *) command)->relation;
		case T_CreateTableAsStmt:
			return ((const CreateTableAsStmt *) command)->into->rel;
		case T_AlterTableStmt:
			return ((const AlterTableStmt *) command)->relation;
		case T_RenameStmt:
			return ((const RenameStmt *) command)->relation;
		case T_AlterObjectSchemaStmt:
			return ((const AlterObjectSchemaStmt *) command)->relation;
		case T_CompositeTypeStmt:
			return ((const CompositeTypeStmt *) command)->typevar;
		default:
			return NULL;
	}
}

/* A statement and its copy, of which some parts have changed since. */
static bool
is_copy(const Node *statement, const Node *command)
{
	const RangeVar *a = target_of(statement),
			   *b = target_of(command);

	if (a != NULL && b != NULL)
		return a->location >= 0 && a->location == b->location && strcmp(a->relname, b->relname) == 0;
	if (IsA(statement, AlterDomainStmt))
		return ((const AlterDomainStmt *) statement)->subtype == ((const AlterDomainStmt *) command)->subtype &&
			equal(((const AlterDomainStmt *) statement)->typeName, ((const AlterDomainStmt *) command)->typeName);
	if (IsA(statement, CreateSchemaStmt))
		return equal(((const CreateSchemaStmt *) statement)->authrole, ((const CreateSchemaStmt *) command)->authrole);
	return equal(statement, command);
}

/*
 * Is what runs the portal's statement?  Portals of the extended protocol run copies.  What
 * a function runs by SPI is none; what one in SQL runs would have to be of the same kind,
 * and name the same at the same place.
 */
static bool
is_statement(const Node *statement, const Node *command)
{
	return statement == command ||
		(nodeTag(statement) == nodeTag(command) && SPI_unregister_relation("lakehouse") == SPI_ERROR_UNCONNECTED &&
		 is_copy(statement, command));
}

/* Without blanks around it and the semicolon behind it, in UTF-8; NULL: it cannot be. */
static const char *
text_of(Event *e, const char *text, int len)
{
	const char *copy;

	while (len > 0 && scanner_isspace(*text))
		text++, len--;
	while (len > 0 && (scanner_isspace(text[len - 1]) || text[len - 1] == ';'))
		len--;
	if (len == 0 || (GetDatabaseEncoding() == PG_SQL_ASCII && !lh_utf8_valid(text, (size_t) len)))
		return NULL;
	copy = pnstrdup(text, len);
	return utf8(e, copy);
}

/* The part of the query string that is the command; NULL: it has none of its own. */
static const char *
own_text(Event *e)
{
	ListCell   *lc;

	if (ActivePortal == NULL || ActivePortal->sourceText == NULL)
		return NULL;
	foreach(lc, ActivePortal->stmts)
	{
		const PlannedStmt *s = lfirst_node(PlannedStmt, lc);
		int			len = (int) strlen(ActivePortal->sourceText);

		if (s->commandType != CMD_UTILITY || !is_statement(s->utilityStmt, e->trigger->parsetree))
			continue;
		if (s->stmt_location < 0 || s->stmt_location > len || s->stmt_len < 0 || s->stmt_len > len - s->stmt_location)
			return NULL;
		return text_of(e, ActivePortal->sourceText + s->stmt_location,
					   s->stmt_len > 0 ? s->stmt_len : len - s->stmt_location);
	}
	return NULL;
}

/* ---- objects ---- */

static LhDdlObject *
add_object(Event *e, LhDdlType type, Oid oid, const char *schema, const char *name)
{
	LhDdlObject *o = palloc0(sizeof(LhDdlObject));

	o->type = type;
	o->oid = oid;
	o->schema = schema;
	o->name = name;
	e->objects = lappend(e->objects, o);
	return o;
}

static bool
has_object(const Event *e, LhDdlType type, Oid oid)
{
	ListCell   *lc;

	foreach(lc, e->objects)
	{
		const LhDdlObject *o = lfirst(lc);

		if (o->oid == oid && o->type == type && !o->dropped)
			return true;
	}
	return false;
}

/* What has rows, or parts that have. */
static bool
is_told_kind(char relkind, LhDdlType *type)
{
	*type = relkind == RELKIND_PARTITIONED_TABLE ? LH_DDL_PARTITIONED :
		relkind == RELKIND_MATVIEW ? LH_DDL_MATVIEW : LH_DDL_TABLE;
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE || relkind == RELKIND_MATVIEW;
}

static void
set_ancestors(LhDdlObject *o, List *ancestors)
{
	uint32_t   *oids = palloc(sizeof(uint32_t) * (list_length(ancestors) + 1));
	ListCell   *lc;

	foreach(lc, ancestors)
		oids[o->nancestors++] = lfirst_oid(lc);
	o->ancestors = oids;
}

/* A table that ceases to be logged is told of once more. */
static bool
sets_unlogged(const Node *command)
{
	ListCell   *lc;

	if (!IsA(command, AlterTableStmt))
		return false;
	foreach(lc, ((const AlterTableStmt *) command)->cmds)
	{
		if (lfirst_node(AlterTableCmd, lc)->subtype == AT_SetUnLogged)
			return true;
	}
	return false;
}

static void
add_type(Event *e, Oid typid)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	Form_pg_type t;

	if (!HeapTupleIsValid(tuple))
		return;
	t = (Form_pg_type) GETSTRUCT(tuple);
	if (!isAnyTempNamespace(t->typnamespace) && !IsCatalogNamespace(t->typnamespace) &&
		!has_object(e, LH_DDL_TYPE, typid) && !OidIsValid(getExtensionOfObject(TypeRelationId, typid)))
		add_object(e, LH_DDL_TYPE, typid, schema_name(e, t->typnamespace), utf8(e, NameStr(t->typname)));
	ReleaseSysCache(tuple);
}

static void
add_relation(Event *e, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class c;
	LhDdlType	type;

	if (!HeapTupleIsValid(tuple))
		return;
	c = (Form_pg_class) GETSTRUCT(tuple);
	if (c->relkind == RELKIND_COMPOSITE_TYPE)
		add_type(e, c->reltype);
	else if (is_told_kind(c->relkind, &type) && !has_object(e, type, relid) &&
			 (c->relpersistence == RELPERSISTENCE_PERMANENT ||
			  (c->relpersistence == RELPERSISTENCE_UNLOGGED && sets_unlogged(e->trigger->parsetree))) &&
			 !IsCatalogNamespace(c->relnamespace) && !OidIsValid(getExtensionOfObject(RelationRelationId, relid)))
	{
		LhDdlObject *o = add_object(e, type, relid, schema_name(e, c->relnamespace), utf8(e, NameStr(c->relname)));

		if (c->relispartition)
			set_ancestors(o, get_partition_ancestors(relid));
	}
	ReleaseSysCache(tuple);
}

/* RENAME CONSTRAINT: what has it. */
static void
add_constrained(Event *e, Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint c;

	if (!HeapTupleIsValid(tuple))
		return;
	c = (Form_pg_constraint) GETSTRUCT(tuple);
	if (OidIsValid(c->conrelid))
		add_relation(e, c->conrelid);
	else if (OidIsValid(c->contypid))
		add_type(e, c->contypid);
	ReleaseSysCache(tuple);
}

static void
add_schema(Event *e, Oid namespace)
{
	if (!isAnyTempNamespace(namespace) && !has_object(e, LH_DDL_SCHEMA, namespace) &&
		!OidIsValid(getExtensionOfObject(NamespaceRelationId, namespace)))
		add_object(e, LH_DDL_SCHEMA, namespace, schema_name(e, namespace), NULL);
}

/* ---- what PostgreSQL tells in events ---- */

typedef struct Rows
{
	Tuplestorestate *store;
	TupleTableSlot *slot;
} Rows;

/* Call a function of PostgreSQL's that has no arguments and returns rows: nobody's rights or names count. */
static void
open_rows(Oid function, Rows *rows)
{
	FmgrInfo	flinfo;
	ReturnSetInfo info = {.type = T_ReturnSetInfo};
	LOCAL_FCINFO(fcinfo, 0);

	fmgr_info(function, &flinfo);
	info.econtext = CreateStandaloneExprContext();
	info.allowedModes = SFRM_Materialize;
	InitFunctionCallInfoData(*fcinfo, &flinfo, 0, InvalidOid, NULL, (Node *) &info);
	(void) FunctionCallInvoke(fcinfo);
	if (info.setResult == NULL || info.setDesc == NULL)
		elog(ERROR, "function %u returned no rows", function);
	rows->store = info.setResult;
	rows->slot = MakeSingleTupleTableSlot(info.setDesc, &TTSOpsMinimalTuple);
}

static bool
next_row(Rows *rows)
{
	CHECK_FOR_INTERRUPTS();
	return tuplestore_gettupleslot(rows->store, true, false, rows->slot);
}

static void
close_rows(Rows *rows)
{
	ExecDropSingleTupleTableSlot(rows->slot);
	tuplestore_end(rows->store);
}

/* NULL: there is none. */
static char *
row_text(Rows *rows, int column)
{
	bool		isnull;
	Datum		d = slot_getattr(rows->slot, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

static Oid
row_oid(Rows *rows, int column)
{
	bool		isnull;
	Datum		d = slot_getattr(rows->slot, column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(d);
}

static bool
row_bool(Rows *rows, int column)
{
	bool		isnull;
	Datum		d = slot_getattr(rows->slot, column, &isnull);

	return !isnull && DatumGetBool(d);
}

/* Items of a column text[]. */
static int
row_array(Rows *rows, int column, char ***items)
{
	bool		isnull;
	Datum		d = slot_getattr(rows->slot, column, &isnull);
	Datum	   *elements;
	bool	   *nulls;
	int			n = 0;

	if (!isnull)
		deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	*items = palloc(sizeof(char *) * (n + 1));
	for (int i = 0; i < n; i++)
		(*items)[i] = nulls[i] ? "" : TextDatumGetCString(elements[i]);
	return n;
}

/* ---- made and altered ---- */

/* Others have objects of these classes, too: COMMENT, GRANT, CREATE INDEX. */
static bool
defines(CommandTag tag)
{
	switch (tag)
	{
		case CMDTAG_CREATE_TABLE:
		case CMDTAG_ALTER_TABLE:
		case CMDTAG_ALTER_MATERIALIZED_VIEW:
		case CMDTAG_CREATE_TYPE:
		case CMDTAG_ALTER_TYPE:
		case CMDTAG_CREATE_DOMAIN:
		case CMDTAG_ALTER_DOMAIN:
		case CMDTAG_CREATE_SCHEMA:
		case CMDTAG_ALTER_SCHEMA:
			return true;
		default:
			return false;
	}
}

/* Partitions that the command attached or detached: it is as much about them. */
static void
add_partitions(Event *e)
{
	ListCell   *lc;

	if (!IsA(e->trigger->parsetree, AlterTableStmt))
		return;
	foreach(lc, ((const AlterTableStmt *) e->trigger->parsetree)->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		/* as the command has looked it up */
		if ((cmd->subtype == AT_AttachPartition || cmd->subtype == AT_DetachPartition) && IsA(cmd->def, PartitionCmd))
			add_relation(e, RangeVarGetRelid(((const PartitionCmd *) cmd->def)->name, NoLock, true));
	}
}

/* pg_event_trigger_ddl_commands() */
enum
{
	COMMAND_CLASSID = 1, COMMAND_OBJID
};

static void
add_commands(Event *e)
{
	Rows		rows;

	open_rows(F_PG_EVENT_TRIGGER_DDL_COMMANDS, &rows);
	while (next_row(&rows))
	{
		Oid			class = row_oid(&rows, COMMAND_CLASSID);
		Oid			oid = row_oid(&rows, COMMAND_OBJID);

		if (class == RelationRelationId)
			add_relation(e, oid);
		else if (class == TypeRelationId)
			add_type(e, oid);
		else if (class == ConstraintRelationId)
			add_constrained(e, oid);
		else if (class == NamespaceRelationId)
			add_schema(e, oid);
	}
	close_rows(&rows);
	add_partitions(e);
}

/* ---- dropped ---- */

/* A row that this transaction has deleted, and not to put another in its place. */
static bool
is_deleted_here(HeapTuple tuple)
{
	HeapTupleHeader h = tuple->t_data;

	return (h->t_infomask & HEAP_XMAX_INVALID) == 0 && !HEAP_XMAX_IS_LOCKED_ONLY(h->t_infomask) &&
		ItemPointerEquals(&tuple->t_self, &h->t_ctid) &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(h));
}

/* Such rows of a catalog, by the keys of an index. */
static List *
deleted_rows(Oid catalog, Oid index, int nkeys, ScanKey keys)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, index, true, SnapshotAny, nkeys, keys);
	HeapTuple	tuple;
	List	   *rows = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (is_deleted_here(tuple))
			rows = lappend(rows, heap_copytuple(tuple));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return rows;
}

/* Those that begin with a number. */
static List *
deleted_rows_of(Oid catalog, Oid index, AttrNumber column, Oid oid)
{
	ScanKeyData key;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
	return deleted_rows(catalog, index, 1, &key);
}

static bool
was_member(Oid class, Oid oid)
{
	ScanKeyData keys[2];
	ListCell   *lc;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(class));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
	foreach(lc, deleted_rows(DependRelationId, DependDependerIndexId, 2, keys))
	{
		if (((Form_pg_depend) GETSTRUCT((HeapTuple) lfirst(lc)))->deptype == DEPENDENCY_EXTENSION)
			return true;
	}
	return false;
}

/* NULL: none that this transaction dropped. */
static Form_pg_class
dropped_class(Oid relid)
{
	List	   *rows = deleted_rows_of(RelationRelationId, ClassOidIndexId, Anum_pg_class_oid, relid);

	return rows != NIL ? (Form_pg_class) GETSTRUCT((HeapTuple) linitial(rows)) : NULL;
}

/* Publications that named a table before it was dropped. */
static void
set_publications(Event *e, LhDdlObject *o)
{
	List	   *rows = deleted_rows_of(PublicationRelRelationId, PublicationRelPrrelidPrpubidIndexId,
									   Anum_pg_publication_rel_prrelid, o->oid);
	const char **names = palloc(sizeof(char *) * (list_length(rows) + 1));
	ListCell   *lc;

	foreach(lc, rows)
	{
		char	   *name = get_publication_name(((Form_pg_publication_rel) GETSTRUCT((HeapTuple) lfirst(lc)))->prpubid, true);

		if (name != NULL)
			names[o->npublications++] = utf8(e, name);
	}
	o->publications = names;
}

/* Tables above a partition that was dropped, some of which may be, too. */
static List *
dropped_ancestors(Oid relid)
{
	List	   *ancestors = NIL;

	for (;;)
	{
		List	   *rows = deleted_rows_of(InheritsRelationId, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, relid);

		if (rows == NIL)
			return ancestors;
		relid = ((Form_pg_inherits) GETSTRUCT((HeapTuple) linitial(rows)))->inhparent;
		if (list_member_oid(ancestors, relid))
			return ancestors;
		ancestors = lappend_oid(ancestors, relid);
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
			return get_rel_relispartition(relid) ? list_concat(ancestors, get_partition_ancestors(relid)) : ancestors;
	}
}

/* pg_event_trigger_dropped_objects() */
enum
{
	DROPPED_CLASSID = 1, DROPPED_OBJID, DROPPED_OBJSUBID, DROPPED_ORIGINAL, DROPPED_NORMAL, DROPPED_TEMPORARY,
	DROPPED_TYPE, DROPPED_SCHEMA, DROPPED_NAME, DROPPED_IDENTITY, DROPPED_ADDRESS
};

static void
add_dropped_relation(Event *e, Rows *rows, Oid relid)
{
	Form_pg_class c = dropped_class(relid);
	char	   *schema = row_text(rows, DROPPED_SCHEMA);
	LhDdlType	type;
	LhDdlObject *o;

	if (c == NULL || schema == NULL || !is_told_kind(c->relkind, &type) ||
		c->relpersistence != RELPERSISTENCE_PERMANENT || was_member(RelationRelationId, relid))
		return;
	o = add_object(e, type, relid, utf8(e, schema), utf8(e, NameStr(c->relname)));
	o->dropped = true;
	set_publications(e, o);
	if (c->relispartition)
		set_ancestors(o, dropped_ancestors(relid));
}

/* A column that went with something else, or by ALTER TABLE. */
static void
add_dropped_column(Event *e, Rows *rows, Oid relid)
{
	char	  **address;
	LhDdlType	type;
	LhDdlObject *o;

	if (row_array(rows, DROPPED_ADDRESS, &address) != 3 || !is_told_kind(get_rel_relkind(relid), &type) ||
		get_rel_persistence(relid) != RELPERSISTENCE_PERMANENT ||
		OidIsValid(getExtensionOfObject(RelationRelationId, relid)))
		return;
	o = add_object(e, LH_DDL_COLUMN, relid, utf8(e, address[0]), utf8(e, address[1]));
	o->column = utf8(e, address[2]);
	o->dropped = true;
	if (get_rel_relispartition(relid))
		set_ancestors(o, get_partition_ancestors(relid));
}

static void
add_dropped(Event *e, Rows *rows)
{
	Oid			class = row_oid(rows, DROPPED_CLASSID);
	Oid			oid = row_oid(rows, DROPPED_OBJID);
	const char *type = row_text(rows, DROPPED_TYPE);
	const char *schema = row_text(rows, DROPPED_SCHEMA);
	const char *name = row_text(rows, DROPPED_NAME);

	if (row_bool(rows, DROPPED_TEMPORARY))
		return;
	if (class == RelationRelationId && strcmp(type, "table column") == 0)
		add_dropped_column(e, rows, oid);
	else if (class == RelationRelationId)
		add_dropped_relation(e, rows, oid);
	else if (name == NULL || was_member(class, oid))
		return;
	/* types of arrays and of tables' rows go with those */
	else if (class == TypeRelationId && schema != NULL &&
			 (row_bool(rows, DROPPED_ORIGINAL) || row_bool(rows, DROPPED_NORMAL)))
		add_object(e, LH_DDL_TYPE, oid, utf8(e, schema), utf8(e, name))->dropped = true;
	else if (class == NamespaceRelationId)
		add_object(e, LH_DDL_SCHEMA, oid, utf8(e, name), NULL)->dropped = true;
}

/* Names that live as long as the notes. */
static const char *
keep_text(const char *text)
{
	return text != NULL ? MemoryContextStrdup(notes_mcxt, text) : NULL;
}

static LhDdlObject *
keep_object(const LhDdlObject *from)
{
	LhDdlObject *o = MemoryContextAlloc(notes_mcxt, sizeof(LhDdlObject));
	const char **names = MemoryContextAlloc(notes_mcxt, sizeof(char *) * (from->npublications + 1));
	uint32_t   *oids = MemoryContextAlloc(notes_mcxt, sizeof(uint32_t) * (from->nancestors + 1));

	*o = *from;
	o->schema = keep_text(from->schema);
	o->name = keep_text(from->name);
	o->column = keep_text(from->column);
	for (int i = 0; i < from->npublications; i++)
		names[i] = keep_text(from->publications[i]);
	o->publications = names;
	if (from->nancestors > 0)
		memcpy(oids, from->ancestors, sizeof(uint32_t) * from->nancestors);
	o->ancestors = oids;
	return o;
}

static void
note_dropped(Event *e)
{
	Rows		rows;
	Notes	   *notes;
	MemoryContext old;
	ListCell   *lc;

	open_rows(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, &rows);
	while (next_row(&rows))
		add_dropped(e, &rows);
	close_rows(&rows);
	if (e->objects == NIL)
		return;
	notes = need_notes(e);
	old = MemoryContextSwitchTo(notes_mcxt);
	foreach(lc, e->objects)
		notes->dropped = lappend(notes->dropped, keep_object(lfirst(lc)));
	MemoryContextSwitchTo(old);
}

static void
note_rewritten(Event *e)
{
	Oid			relid = DatumGetObjectId(OidFunctionCall0(F_PG_EVENT_TRIGGER_TABLE_REWRITE_OID));
	Notes	   *notes = need_notes(e);
	MemoryContext old = MemoryContextSwitchTo(notes_mcxt);

	notes->rewritten = lappend_oid(notes->rewritten, relid);
	MemoryContextSwitchTo(old);
}

/* A rewritten partition is named beside the table that the command was given. */
static void
add_rewritten(Event *e, const Notes *notes)
{
	ListCell   *lc,
			   *object;

	foreach(lc, notes->rewritten)
	{
		add_relation(e, lfirst_oid(lc));
		foreach(object, e->objects)
		{
			LhDdlObject *o = lfirst(object);

			if (o->oid == lfirst_oid(lc) && o->type <= LH_DDL_MATVIEW)
				o->rewritten = true;
		}
	}
}

/* ---- the message ---- */

/* Schemas of search_path that exist, without what is searched before it. */
static int
search_path(Event *e, const char ***path)
{
	int			all = fetch_search_path_array(NULL, 0);
	Oid		   *oids = palloc(sizeof(Oid) * (all + 1));
	int			n = 0;

	all = Min(all, fetch_search_path_array(oids, all));
	*path = palloc(sizeof(char *) * (all + 1));
	for (int i = 0; i < all; i++)
	{
		if (i > 0 || oids[i] != PG_CATALOG_NAMESPACE)
			(*path)[n++] = schema_name(e, oids[i]);
	}
	return n;
}

static bool
has_query(const Node *command)
{
	return IsA(command, CreateTableAsStmt) ||
		(IsA(command, CreateSchemaStmt) && ((const CreateSchemaStmt *) command)->schemaElts != NIL);
}

static void
make_message(Event *e)
{
	LhDdlObject *objects = palloc(sizeof(LhDdlObject) * (list_length(e->objects) + 1));
	const char **path;
	LhDdl		ddl = {
		.tag = GetCommandTagName(e->trigger->tag),
		.text = own_text(e),
		.query = has_query(e->trigger->parsetree),
		.user = utf8(e, GetUserNameFromId(GetUserId(), false)),
		.nobjects = list_length(e->objects),
		.objects = objects,
	};
	ListCell   *lc;
	LhBuf	   *buf = palloc0(sizeof(LhBuf));

	foreach(lc, e->objects)
		objects[foreach_current_index(lc)] = *(LhDdlObject *) lfirst(lc);
	ddl.npath = search_path(e, &path);
	ddl.path = path;
	lh_pg_check(e->ctx, lh_buf_init(e->ctx, buf, false));
	lh_pg_check(e->ctx, lh_ddl_write(e->ctx, buf, &ddl, true));
	if (buf->len > LH_DDL_MAX && ddl.text != NULL)
	{
		ddl.text = NULL;
		ddl.withheld = true;
		buf->len = 0;
		lh_pg_check(e->ctx, lh_ddl_write(e->ctx, buf, &ddl, true));
	}
	if (buf->len > LH_DDL_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the command concerns %d objects, which are too many to tell", ddl.nobjects)));
	e->message = buf;
}

/* ---- events ---- */

/*
 * A table that is about to be made and filled.  Whether it can be shows later: then all this
 * is undone with the command.
 */
static void
command_start(Event *e)
{
	const CreateTableAsStmt *stmt = (const CreateTableAsStmt *) e->trigger->parsetree;
	const RangeVar *rel;
	Oid			namespace;

	if (!IsA(stmt, CreateTableAsStmt))
		return;
	rel = stmt->into->rel;
	if (rel->relpersistence != RELPERSISTENCE_PERMANENT)
		return;
	if (rel->schemaname != NULL)
		namespace = strcmp(rel->schemaname, "pg_temp") == 0 ? InvalidOid : get_namespace_oid(rel->schemaname, true);
	else
	{
		List	   *path = fetch_search_path(false);

		namespace = path != NIL ? linitial_oid(path) : InvalidOid;
	}
	/* where there is one already, the command does nothing or fails */
	if (!OidIsValid(namespace) || isAnyTempNamespace(namespace) || IsCatalogNamespace(namespace) ||
		OidIsValid(get_relname_relid(rel->relname, namespace)))
		return;
	add_object(e, stmt->objtype == OBJECT_MATVIEW ? LH_DDL_MATVIEW : LH_DDL_TABLE, InvalidOid, schema_name(e, namespace),
			   utf8(e, rel->relname));
	make_message(e);
}

static void
command_end(Event *e)
{
	Notes	   *notes = find_notes(e);

	if (defines(e->trigger->tag))
		add_commands(e);
	if (notes != NULL)
	{
		add_rewritten(e, notes);
		e->objects = list_concat(e->objects, notes->dropped);
		all_notes = list_delete_ptr(all_notes, notes);
	}
	if (e->objects != NIL)
		make_message(e);
}

static void
take_event(Event *e)
{
	const char *event = e->trigger->event;

	if (strcmp(event, "ddl_command_end") == 0)
		command_end(e);
	else if (strcmp(event, "sql_drop") == 0)
		note_dropped(e);
	else if (strcmp(event, "table_rewrite") == 0)
		note_rewritten(e);
	else if (strcmp(event, "ddl_command_start") == 0)
		command_start(e);
}

/* An error here is none of the command. */
static void
guard(Event *e)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		take_event(e);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
		if (lh_cdc_is_not_ours(error->sqlerrcode))
			ReThrowError(error);
		e->message = NULL;
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("change streams are not told of this %s", GetCommandTagName(e->trigger->tag)),
				 errdetail_internal("%s", error->message),
				 errhint("The command itself is not affected.  lakehouse.cdc_ddl_disable() ends the attempts.")));
		FreeErrorData(error);
	}
	PG_END_TRY();
}

Datum
lakehouse_cdc_ddl_event(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt,
				old;
	Event		e = {.subid = GetCurrentSubTransactionId()};

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("lakehouse.cdc_ddl_event can only be called as an event trigger")));
	e.trigger = (EventTriggerData *) fcinfo->context;
	/* what a script of an extension makes belongs to it */
	if (!XLogLogicalInfoActive() || creating_extension)
		PG_RETURN_NULL();
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse ddl event", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	e.ctx = lh_pg_ctx(mcxt, 0, NULL);
	guard(&e);
	/* of the command's own transaction, not of the one that is over */
	if (e.message != NULL)
		(void) LH_LOG_MESSAGE(LH_DDL_PREFIX, (const char *) e.message->data, e.message->len);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	PG_RETURN_NULL();
}
