/*
 * ddl_objects.c
 *		What a command made, altered or dropped, for ddl.c: asked of PostgreSQL's functions
 *		for event triggers, and, as these tell too little of what is dropped, of the
 *		catalogs before the command.
 */
#include "pg/cdc/ddl_state.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
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
#include "commands/extension.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

/* ---- names ---- */

const char *
lh_ddl_utf8(LhDdlEvent *e, const char *text)
{
	return lh_cell_utf8(e->ctx, text);
}

const char *
lh_ddl_schema_name(LhDdlEvent *e, Oid namespace)
{
	char	   *name = get_namespace_name(namespace);

	if (name == NULL)
		elog(ERROR, "cache lookup failed for schema %u", namespace);
	return lh_ddl_utf8(e, name);
}
/* ---- objects ---- */

LhDdlObject *
lh_ddl_add_object(LhDdlEvent *e, LhDdlType type, Oid oid, const char *schema, const char *name)
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
has_object(const LhDdlEvent *e, LhDdlType type, Oid oid)
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
add_type(LhDdlEvent *e, Oid typid)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	Form_pg_type t;

	if (!HeapTupleIsValid(tuple))
		return;
	t = (Form_pg_type) GETSTRUCT(tuple);
	if (!isAnyTempNamespace(t->typnamespace) && !IsCatalogNamespace(t->typnamespace) &&
		!has_object(e, LH_DDL_TYPE, typid) && !OidIsValid(getExtensionOfObject(TypeRelationId, typid)))
		lh_ddl_add_object(e, LH_DDL_TYPE, typid, lh_ddl_schema_name(e, t->typnamespace), lh_ddl_utf8(e, NameStr(t->typname)));
	ReleaseSysCache(tuple);
}

void
lh_ddl_add_relation(LhDdlEvent *e, Oid relid)
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
		LhDdlObject *o = lh_ddl_add_object(e, type, relid, lh_ddl_schema_name(e, c->relnamespace), lh_ddl_utf8(e, NameStr(c->relname)));

		if (c->relispartition)
			set_ancestors(o, get_partition_ancestors(relid));
	}
	ReleaseSysCache(tuple);
}

/* RENAME CONSTRAINT: what has it. */
static void
add_constrained(LhDdlEvent *e, Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint c;

	if (!HeapTupleIsValid(tuple))
		return;
	c = (Form_pg_constraint) GETSTRUCT(tuple);
	if (OidIsValid(c->conrelid))
		lh_ddl_add_relation(e, c->conrelid);
	else if (OidIsValid(c->contypid))
		add_type(e, c->contypid);
	ReleaseSysCache(tuple);
}

static void
add_schema(LhDdlEvent *e, Oid namespace)
{
	if (!isAnyTempNamespace(namespace) && !has_object(e, LH_DDL_SCHEMA, namespace) &&
		!OidIsValid(getExtensionOfObject(NamespaceRelationId, namespace)))
		lh_ddl_add_object(e, LH_DDL_SCHEMA, namespace, lh_ddl_schema_name(e, namespace), NULL);
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
add_partitions(LhDdlEvent *e)
{
	ListCell   *lc;

	if (!IsA(e->trigger->parsetree, AlterTableStmt))
		return;
	foreach(lc, ((const AlterTableStmt *) e->trigger->parsetree)->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		/* as the command has looked it up */
		if ((cmd->subtype == AT_AttachPartition || cmd->subtype == AT_DetachPartition) && IsA(cmd->def, PartitionCmd))
			lh_ddl_add_relation(e, RangeVarGetRelid(((const PartitionCmd *) cmd->def)->name, NoLock, true));
	}
}

/* pg_event_trigger_ddl_commands() */
enum
{
	COMMAND_CLASSID = 1, COMMAND_OBJID
};

void
lh_ddl_add_commands(LhDdlEvent *e)
{
	Rows		rows;

	if (!defines(e->trigger->tag))
		return;
	open_rows(F_PG_EVENT_TRIGGER_DDL_COMMANDS, &rows);
	while (next_row(&rows))
	{
		Oid			class = row_oid(&rows, COMMAND_CLASSID);
		Oid			oid = row_oid(&rows, COMMAND_OBJID);

		if (class == RelationRelationId)
			lh_ddl_add_relation(e, oid);
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
set_publications(LhDdlEvent *e, LhDdlObject *o)
{
	List	   *rows = deleted_rows_of(PublicationRelRelationId, PublicationRelPrrelidPrpubidIndexId,
									   Anum_pg_publication_rel_prrelid, o->oid);
	const char **names = palloc(sizeof(char *) * (list_length(rows) + 1));
	ListCell   *lc;

	foreach(lc, rows)
	{
		char	   *name = get_publication_name(((Form_pg_publication_rel) GETSTRUCT((HeapTuple) lfirst(lc)))->prpubid, true);

		if (name != NULL)
			names[o->npublications++] = lh_ddl_utf8(e, name);
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
add_dropped_relation(LhDdlEvent *e, Rows *rows, Oid relid)
{
	Form_pg_class c = dropped_class(relid);
	char	   *schema = row_text(rows, DROPPED_SCHEMA);
	LhDdlType	type;
	LhDdlObject *o;

	if (c == NULL || schema == NULL || !is_told_kind(c->relkind, &type) ||
		c->relpersistence != RELPERSISTENCE_PERMANENT || was_member(RelationRelationId, relid))
		return;
	o = lh_ddl_add_object(e, type, relid, lh_ddl_utf8(e, schema), lh_ddl_utf8(e, NameStr(c->relname)));
	o->dropped = true;
	set_publications(e, o);
	if (c->relispartition)
		set_ancestors(o, dropped_ancestors(relid));
}

/* A column that went with something else, or by ALTER TABLE. */
static void
add_dropped_column(LhDdlEvent *e, Rows *rows, Oid relid)
{
	char	  **address;
	LhDdlType	type;
	LhDdlObject *o;

	if (row_array(rows, DROPPED_ADDRESS, &address) != 3 || !is_told_kind(get_rel_relkind(relid), &type) ||
		get_rel_persistence(relid) != RELPERSISTENCE_PERMANENT ||
		OidIsValid(getExtensionOfObject(RelationRelationId, relid)))
		return;
	o = lh_ddl_add_object(e, LH_DDL_COLUMN, relid, lh_ddl_utf8(e, address[0]), lh_ddl_utf8(e, address[1]));
	o->column = lh_ddl_utf8(e, address[2]);
	o->dropped = true;
	if (get_rel_relispartition(relid))
		set_ancestors(o, get_partition_ancestors(relid));
}

static void
add_dropped(LhDdlEvent *e, Rows *rows)
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
		lh_ddl_add_object(e, LH_DDL_TYPE, oid, lh_ddl_utf8(e, schema), lh_ddl_utf8(e, name))->dropped = true;
	else if (class == NamespaceRelationId)
		lh_ddl_add_object(e, LH_DDL_SCHEMA, oid, lh_ddl_utf8(e, name), NULL)->dropped = true;
}

void
lh_ddl_add_all_dropped(LhDdlEvent *e)
{
	Rows		rows;

	open_rows(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, &rows);
	while (next_row(&rows))
		add_dropped(e, &rows);
	close_rows(&rows);
}
