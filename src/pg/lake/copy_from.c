/*
 * copy_from.c
 *		COPY ... FROM (FORMAT parquet).
 *
 * COPY t (a, b) FROM 'location' WHERE c becomes
 *
 *		INSERT INTO t (a, b) OVERRIDING SYSTEM VALUE
 *		SELECT a, b FROM lakehouse.read('location', options, server) AS t(a ..., b ...) WHERE c
 *
 * with the types of the table's columns, and is planned and executed as that:
 * defaults, generated columns, constraints, triggers, partitions and foreign
 * tables are the executor's, and conditions and columns reach the reader.
 *
 *	1. Which columns: those of the column list, each of which a file must have;
 *	   without a list those that the files have, each of which the table must
 *	   have.  Other columns of the table get their defaults.
 *	2. What PostgreSQL's own COPY FROM refuses is refused: row-level security,
 *	   views without trigger, read-only transactions.  It ignores rules; we refuse
 *	   tables that have some for INSERT.
 *	3. EXECUTE on lakehouse.read is not asked for, since nobody wrote its name: its
 *	   call is marked (LH_READ_BY_COPY).  The right to the location is.
 */
#include "pg/lake/write.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/progress.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/prs2lock.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "pg/bridge/options.h"
#include "pg/bridge/source.h"
#include "pg/lake/read.h"

/* ---- the target ---- */

static bool
has_insert_rule(Relation rel)
{
	const RuleLock *rules = rel->rd_rules;

	for (int i = 0; rules != NULL && i < rules->numLocks; i++)
	{
		if (rules->rules[i]->event == CMD_INSERT)
			return true;
	}
	return false;
}

static bool
takes_rows(Relation rel)
{
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
			return true;
		case RELKIND_VIEW:
			return rel->trigdesc != NULL && rel->trigdesc->trig_insert_instead_row;
		default:
			return false;
	}
}

static void
check_relation(Relation rel)
{
	if (!takes_rows(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot copy to \"%s\"", RelationGetRelationName(rel)),
				 rel->rd_rel->relkind == RELKIND_VIEW ?
				 errdetail("It is a view without an INSTEAD OF INSERT trigger.") :
				 errdetail_relkind_not_supported(rel->rd_rel->relkind)));
	if (XactReadOnly && !rel->rd_islocaltemp)
		PreventCommandIfReadOnly("COPY FROM");
	if (check_enable_rls(RelationGetRelid(rel), InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM not supported with row-level security"),
				 errhint("Use INSERT statements instead.")));
	if (has_insert_rule(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot copy Parquet files to \"%s\", which has rules for INSERT", RelationGetRelationName(rel)),
				 errhint("Use INSERT INTO ... SELECT * FROM lakehouse.read(...).")));
}

/* ---- options ---- */

static void
fail_option(const char *name)
{
	StringInfoData hint;

	initStringInfo(&hint);
	for (const LhOption *o = lh_option_table; o->name != NULL; o++)
	{
		if ((o->where & LH_ON_TABLE) && strcmp(o->name, "location") != 0)
			appendStringInfo(&hint, "%s, ", o->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid option \"%s\" for reading Parquet", name),
			 errhint("Valid options are: %sserver.", hint.data)));
}

/* The options of lakehouse.read: an object with the values as strings. */
static char *
options_json(List *options)
{
	StringInfoData json;
	ListCell   *lc;

	initStringInfo(&json);
	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "location") == 0 || lh_option_find(def->defname, LH_ON_TABLE) == NULL)
			fail_option(def->defname);
		appendStringInfoString(&json, foreach_current_index(lc) > 0 ? ", " : "{");
		escape_json(&json, def->defname);
		appendStringInfoString(&json, ": ");
		escape_json(&json, defGetString(def));
	}
	appendStringInfoString(&json, options == NIL ? "{}" : "}");
	return json.data;
}

/* ---- columns ---- */

static bool
in_files(const LhTableSchema *schema, const char *attname)
{
	LhScanColumn column;

	return lh_source_find(schema, lh_pg_utf8(attname), &column);
}

static bool
in_table(TupleDesc desc, List *attnos, const char *utf8)
{
	ListCell   *lc;

	foreach(lc, attnos)
	{
		if (strcmp(lh_pg_utf8(NameStr(TupleDescAttr(desc, lfirst_int(lc) - 1)->attname)), utf8) == 0)
			return true;
	}
	return false;
}

/* Without a column list no data is left behind. */
static void
check_all_taken(Relation rel, List *attnos, const LhTableSchema *schema)
{
	for (int i = 0; i < schema->ncols; i++)
	{
		if (in_table(RelationGetDescr(rel), attnos, schema->cols[i].name))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of the files has no place in \"%s\"", lh_pg_text(schema->cols[i].name),
						RelationGetRelationName(rel)),
				 errdetail("Without a column list all columns of the files are loaded, each into the column of its name."),
				 errhint("Name the columns to be loaded: COPY %s (...) FROM ...",
						 quote_identifier(RelationGetRelationName(rel)))));
	}
}

static List *
columns_to_load(Relation rel, List *names, const LhTableSchema *schema)
{
	List	   *attnos = NIL;
	ListCell   *lc;

	foreach(lc, lh_copy_attributes(rel, names))
	{
		const char *name = NameStr(TupleDescAttr(RelationGetDescr(rel), lfirst_int(lc) - 1)->attname);

		if (in_files(schema, name))
			attnos = lappend_int(attnos, lfirst_int(lc));
		else if (names != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" is not in the files", name),
					 errhint("Leave it out of the column list, and it gets its default.")));
	}
	if (names == NIL)
		check_all_taken(rel, attnos, schema);
	return attnos;
}

/* ---- the statement ---- */

static Node *
constant(const char *value, Oid typid)
{
	A_Const    *c = makeNode(A_Const);
	TypeCast   *cast = makeNode(TypeCast);

	c->location = cast->location = -1;
	if (value == NULL)
		c->isnull = true;
	else
	{
		c->val.sval.type = T_String;
		c->val.sval.sval = pstrdup(value);
	}
	cast->arg = (Node *) c;
	cast->typeName = makeTypeNameFromOid(typid, -1);
	return (Node *) cast;
}

static Node *
column_definition(Form_pg_attribute att)
{
	ColumnDef  *def = makeColumnDef(NameStr(att->attname), att->atttypid, att->atttypmod, att->attcollation);

	def->location = -1;
	return (Node *) def;
}

static ResTarget *
result_target(const char *name, Node *value)
{
	ResTarget  *target = makeNode(ResTarget);

	target->name = name != NULL ? pstrdup(name) : NULL;
	target->val = value;
	target->location = -1;
	return target;
}

static Node *
column_reference(const char *name)
{
	ColumnRef  *column = makeNode(ColumnRef);

	column->fields = list_make1(makeString(pstrdup(name)));
	column->location = -1;
	return (Node *) column;
}

/* lakehouse.read(location, options, server) AS t(columns) */
static RangeFunction *
source_of(const LhCopy *copy, Relation rel, List *attnos, const char *options)
{
	RangeFunction *from = makeNode(RangeFunction);
	char	   *server = OidIsValid(copy->serverid) ? GetForeignServer(copy->serverid)->servername : NULL;
	List	   *args = list_make3(constant(copy->stmt->filename, TEXTOID), constant(options, JSONBOID),
								  constant(server, NAMEOID));
	FuncCall   *call = makeFuncCall(list_make2(makeString("lakehouse"), makeString("read")), args,
									LH_READ_BY_COPY, -1);
	ListCell   *lc;

	from->functions = list_make1(list_make2(call, NIL));
	from->alias = makeAlias(RelationGetRelationName(rel), NIL);
	foreach(lc, attnos)
		from->coldeflist = lappend(from->coldeflist,
								   column_definition(TupleDescAttr(RelationGetDescr(rel), lfirst_int(lc) - 1)));
	return from;
}

static Node *
insert_of(const LhCopy *copy, Relation rel, List *attnos, const char *options)
{
	InsertStmt *insert = makeNode(InsertStmt);
	SelectStmt *select = makeNode(SelectStmt);
	ListCell   *lc;

	foreach(lc, attnos)
	{
		const char *name = NameStr(TupleDescAttr(RelationGetDescr(rel), lfirst_int(lc) - 1)->attname);

		insert->cols = lappend(insert->cols, result_target(name, NULL));
		select->targetList = lappend(select->targetList, result_target(NULL, column_reference(name)));
	}
	select->fromClause = list_make1(source_of(copy, rel, attnos, options));
	select->whereClause = copy->stmt->whereClause;
	insert->relation = makeRangeVar(get_namespace_name(RelationGetNamespace(rel)),
									pstrdup(RelationGetRelationName(rel)), -1);
	insert->selectStmt = (Node *) select;
	insert->override = OVERRIDING_SYSTEM_VALUE;
	return (Node *) insert;
}

/* ---- execution ---- */

static uint64
run(const LhCopy *copy, Node *insert)
{
	List	   *queries = pg_analyze_and_rewrite_fixedparams(lh_copy_raw(copy, insert), copy->source, NULL, 0, NULL);
	PlannedStmt *plan;
	QueryDesc  *desc;
	uint64		rows;

	if (list_length(queries) != 1)
		elog(ERROR, "COPY FROM became %d statements", list_length(queries));
	plan = pg_plan_query(linitial_node(Query, queries), copy->source, CURSOR_OPT_PARALLEL_OK, NULL);
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	desc = CreateQueryDesc(plan, copy->source, GetActiveSnapshot(), InvalidSnapshot, None_Receiver, NULL, NULL, 0);
	ExecutorStart(desc, 0);
	lh_executor_run(desc);
	ExecutorFinish(desc);
	rows = desc->estate->es_processed;
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	return rows;
}

static void
begin_progress(Relation rel, const LhTableSchema *schema)
{
	const int	params[] = {PROGRESS_COPY_COMMAND, PROGRESS_COPY_TYPE, PROGRESS_COPY_BYTES_TOTAL};
	const int64 values[] = {PROGRESS_COPY_COMMAND_FROM, PROGRESS_COPY_TYPE_FILE, schema->bytes};

	pgstat_progress_start_command(PROGRESS_COMMAND_COPY, RelationGetRelid(rel));
	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

/* Load into a relation that is open and checked. */
static uint64
load(const LhCopy *copy, Relation rel, const char *options, const LhLakeOptions *lake)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse copy", ALLOCSET_DEFAULT_SIZES);
	LhCtx	   *ctx = lh_pg_ctx(mcxt, (size_t) maintenance_work_mem, "maintenance_work_mem");
	LhTableSchema schema;
	List	   *attnos;
	uint64		rows;

	lh_lake_schema(ctx, GetUserId(), copy->serverid, lake, &schema);
	attnos = columns_to_load(rel, copy->stmt->attlist, &schema);
	begin_progress(rel, &schema);
	MemoryContextDelete(mcxt);
	rows = run(copy, insert_of(copy, rel, attnos, options));
	pgstat_progress_end_command();
	return rows;
}

uint64
lh_copy_from(const LhCopy *copy)
{
	const CopyStmt *stmt = copy->stmt;
	char	   *options = options_json(copy->options);
	List	   *list = list_copy(copy->options);
	LhLakeOptions lake;
	Relation	rel;
	uint64		rows;

	if (stmt->filename == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM STDIN cannot have format \"parquet\""),
				 errdetail("A Parquet file is read from its end, and in pieces."),
				 errhint("Put the file where the server can read it, and copy from its location.")));
	lh_location_check(GetUserId(), copy->serverid, stmt->filename);
	lh_lake_options_init(&lake);
	list = lappend(list, makeDefElem("location", (Node *) makeString(stmt->filename), -1));
	lh_lake_apply_options(&lake, list);
	rel = table_openrv(stmt->relation, RowExclusiveLock);
	check_relation(rel);
	rows = load(copy, rel, options, &lake);
	table_close(rel, NoLock);
	return rows;
}
