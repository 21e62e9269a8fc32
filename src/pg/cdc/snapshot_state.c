/*
 * snapshot_state.c
 *		lakehouse.cdc_snapshots: which snapshots there are, and how far they are.
 *
 * Clients keep it, so that one that was killed finds what it has to go on with;
 * users add to it and cancel, and a logical message in the same transaction tells the
 * client through the slot itself.  The message says only that there is something to
 * look at: everybody may write logical messages.
 *
 * All functions ask who calls, as slots do, and then act with the rights of the
 * table's owner.  Nothing that the caller gave is executed then: statements are fixed,
 * with names and operators qualified, and values are parameters.
 */
#include "pg/cdc/cdc.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/syscache.h"

extern PGDLLEXPORT Datum lakehouse_cdc_snapshot_plan(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_snapshot_state(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_snapshot_note(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_snapshot_start(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_snapshot_cancel(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_snapshot_forget(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_snapshot_plan);
PG_FUNCTION_INFO_V1(lakehouse_cdc_snapshot_state);
PG_FUNCTION_INFO_V1(lakehouse_cdc_snapshot_note);
PG_FUNCTION_INFO_V1(lakehouse_cdc_snapshot_start);
PG_FUNCTION_INFO_V1(lakehouse_cdc_snapshot_cancel);
PG_FUNCTION_INFO_V1(lakehouse_cdc_snapshot_forget);

/* ---- the table ---- */

typedef struct Statement
{
	const char *sql;
	bool		read_only;
	int			nargs;
	Oid		   *types;
	Datum	   *values;
	const char *nulls;			/* NULL: none is */
} Statement;

static Oid
owner_of_table(void)
{
	Oid			schema = get_namespace_oid("lakehouse", false);
	Oid			table = get_relname_relid("cdc_snapshots", schema);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table lakehouse.cdc_snapshots does not exist")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Run a statement with the owner's rights; an error gives the caller's back, as the
 * (sub)transaction ends.  Its rows become the function's result where rsinfo is given;
 * else *first, unless it is NULL, is the first column of the first row.  How many rows
 * there were.
 */
static uint64
run(const Statement *s, ReturnSetInfo *rsinfo, Datum *first)
{
	Oid			user;
	int			context;
	uint64		n;
	bool		isnull;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner_of_table(), context | SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(s->sql, s->nargs, s->types, s->values, s->nulls, s->read_only, 0) < 0)
		elog(ERROR, "a statement on lakehouse.cdc_snapshots failed");
	n = SPI_processed;
	for (uint64 i = 0; rsinfo != NULL && i < n; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	/* of a type without pointers */
	if (first != NULL && n > 0)
		*first = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();
	SetUserIdAndSecContext(user, context);
	return n;
}

/* ---- slots ---- */

static void
check_slot(Name name)
{
	bool		found = false,
				ours = false;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots && !found; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];

		if (!slot->in_use || strcmp(NameStr(slot->data.name), NameStr(*name)) != 0)
			continue;
		/* neither changes while the slot is there */
		found = true;
		ours = slot->data.database == MyDatabaseId && lh_cdc_is_our_plugin(NameStr(slot->data.plugin));
	}
	LWLockRelease(ReplicationSlotControlLock);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("replication slot \"%s\" does not exist", NameStr(*name))));
	if (!ours)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("replication slot \"%s\" is not one of plugin \"lakehouse\" in this database", NameStr(*name))));
}

/* The client of a slot is told to look. */
static void
signal_client(Name slot)
{
	char	   *content = psprintf("snapshot %s", NameStr(*slot));

	(void) LH_LOG_MESSAGE("lakehouse.signal", content, strlen(content));
}

/* ---- for clients ---- */

static void
check_plan(FunctionCallInfo fcinfo)
{
	int			n = ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(3)), ARR_DIMS(PG_GETARG_ARRAYTYPE_P(3)));

	if (PG_GETARG_INT64(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("units of a snapshot have at least one block, not " INT64_FORMAT, PG_GETARG_INT64(2))));
	for (int i = 3; i < 8; i++)
	{
		ArrayType  *array = PG_GETARG_ARRAYTYPE_P(i);

		if (ARR_NDIM(array) > 1 || ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != n)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("arrays of lakehouse.cdc_snapshot_plan must have as many elements each as tables has: %d", n)));
	}
}

Datum
lakehouse_cdc_snapshot_plan(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"INSERT INTO lakehouse.cdc_snapshots (slot, relation, schema_name, table_name, method, fallback, state, point,"
		" first_unit, units, unit_blocks, blocks)"
		" SELECT $1, t.relation, t.schema_name, t.table_name, 'initial', t.method, 'waiting', $2,"
		"  1 + sum(t.units) OVER (ORDER BY t.n) - t.units, t.units, $3, t.blocks"
		" FROM (SELECT r.*, GREATEST(1, r.blocks / $3 + CASE WHEN r.blocks % $3 > 0 THEN 1 ELSE 0 END) AS units"
		"  FROM ROWS FROM (unnest($4), unnest($5), unnest($6), unnest($7), unnest($8)) WITH ORDINALITY"
		"   AS r (relation, blocks, schema_name, table_name, method, n)) t"
		" ORDER BY t.n RETURNING *";
	Oid			types[] = {NAMEOID, LSNOID, INT8OID, OIDARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID};
	Datum		values[lengthof(types)];
	Statement	forget = {"DELETE FROM lakehouse.cdc_snapshots WHERE slot = $1", false, 1, types, values};
	Statement	plan = {sql, false, lengthof(types), types, values};

	lh_cdc_check_role("lakehouse.cdc_snapshot_plan");
	/* without a point: the slot is about to be made, and whoever finds it finds the plan */
	if (PG_GETARG_LSN(1) != InvalidXLogRecPtr)
		check_slot(PG_GETARG_NAME(0));
	check_plan(fcinfo);
	for (int i = 0; i < lengthof(values); i++)
		values[i] = PG_GETARG_DATUM(i);
	InitMaterializedSRF(fcinfo, 0);
	(void) run(&forget, NULL, NULL);
	(void) run(&plan, (ReturnSetInfo *) fcinfo->resultinfo, NULL);
	return (Datum) 0;
}

Datum
lakehouse_cdc_snapshot_state(PG_FUNCTION_ARGS)
{
	Oid			types[] = {NAMEOID};
	Datum		values[] = {PG_GETARG_DATUM(0)};
	Statement	s = {"SELECT * FROM lakehouse.cdc_snapshots WHERE slot = $1 ORDER BY id", true, 1, types, values};

	lh_cdc_check_role("lakehouse.cdc_snapshot_state");
	InitMaterializedSRF(fcinfo, 0);
	(void) run(&s, (ReturnSetInfo *) fcinfo->resultinfo, NULL);
	return (Datum) 0;
}

Datum
lakehouse_cdc_snapshot_note(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"UPDATE lakehouse.cdc_snapshots SET"
		" state = CASE WHEN state = 'cancelled' THEN state ELSE COALESCE($2, state) END, method = COALESCE($3, method),"
		" point = COALESCE($4, point), last_key = COALESCE($5, last_key), chunks = COALESCE($6, chunks),"
		" rows = COALESCE($7, rows), error = COALESCE($8, error),"
		" pending = COALESCE($9, pending), updated = clock_timestamp() WHERE id = $1";
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, LSNOID, TEXTARRAYOID, INT8OID, INT8OID, TEXTOID, TEXTARRAYOID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types)];
	Statement	s = {sql, false, lengthof(types), types, values, nulls};

	lh_cdc_check_role("lakehouse.cdc_snapshot_note");
	for (int i = 0; i < lengthof(values); i++)
	{
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
		values[i] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
	}
	if (run(&s, NULL, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 PG_ARGISNULL(0) ? errmsg("number of a snapshot must not be null") :
				 errmsg("snapshot " INT64_FORMAT " does not exist", PG_GETARG_INT64(0))));
	PG_RETURN_VOID();
}

Datum
lakehouse_cdc_snapshot_forget(PG_FUNCTION_ARGS)
{
	Oid			types[] = {NAMEOID};
	Datum		values[] = {PG_GETARG_DATUM(0)};
	Statement	s = {"DELETE FROM lakehouse.cdc_snapshots WHERE slot = $1", false, 1, types, values};

	lh_cdc_check_role("lakehouse.cdc_snapshot_forget");
	(void) run(&s, NULL, NULL);
	PG_RETURN_VOID();
}

/* ---- for users ---- */

static bool
holds_logged_rows(Oid relid)
{
	return get_rel_relkind(relid) == RELKIND_RELATION && get_rel_persistence(relid) == RELPERSISTENCE_PERMANENT &&
		relid >= FirstNormalObjectId;
}

/* Tables that hold the rows of a relation: itself, or its partitions. */
static List *
tables_of(Relation relation)
{
	List	   *tables = NIL;
	ListCell   *lc;

	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return holds_logged_rows(RelationGetRelid(relation)) ? list_make1_oid(RelationGetRelid(relation)) : NIL;
	foreach(lc, find_all_inheritors(RelationGetRelid(relation), AccessShareLock, NULL))
	{
		if (holds_logged_rows(lfirst_oid(lc)))
			tables = lappend_oid(tables, lfirst_oid(lc));
	}
	return tables;
}

static int64
add_snapshot(Name slot, Oid relid, const char *predicate)
{
	static const char sql[] =
		"INSERT INTO lakehouse.cdc_snapshots (slot, relation, schema_name, table_name, predicate, state)"
		" VALUES ($1, $2, $3, $4, $5, 'waiting') RETURNING id";
	Oid			types[] = {NAMEOID, OIDOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[] = {NameGetDatum(slot), ObjectIdGetDatum(relid),
		CStringGetTextDatum(get_namespace_name(get_rel_namespace(relid))), CStringGetTextDatum(get_rel_name(relid)),
		predicate != NULL ? CStringGetTextDatum(predicate) : (Datum) 0};
	Statement	s = {sql, false, lengthof(types), types, values, predicate != NULL ? "     " : "    n"};
	Datum		id;

	(void) run(&s, NULL, &id);
	return DatumGetInt64(id);
}

/* The condition is read with the caller's rights and search_path. */
Datum
lakehouse_cdc_snapshot_start(PG_FUNCTION_ARGS)
{
	char	   *predicate = NULL;
	int64		id = 0;
	Relation	relation;
	List	   *tables;
	ListCell   *lc;

	lh_cdc_check_role("lakehouse.cdc_snapshot_start");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("slot and relation of a snapshot must not be null")));
	check_slot(PG_GETARG_NAME(0));
	relation = relation_open(PG_GETARG_OID(1), AccessShareLock);
	if (pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(relation->rd_rel->relkind), RelationGetRelationName(relation));
	tables = tables_of(relation);
	if (tables == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" holds no rows that are in change streams", RelationGetRelationName(relation)),
				 errhint("Tables that are logged have them, and partitioned tables with such partitions.")));
	if (!PG_ARGISNULL(2))
		predicate = lh_cdc_predicate(relation, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	foreach(lc, tables)
	{
		int64		added = add_snapshot(PG_GETARG_NAME(0), lfirst_oid(lc), predicate);

		id = id == 0 ? added : id;
	}
	signal_client(PG_GETARG_NAME(0));
	relation_close(relation, NoLock);
	PG_RETURN_INT64(id);
}

Datum
lakehouse_cdc_snapshot_cancel(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"UPDATE lakehouse.cdc_snapshots SET state = 'cancelled', updated = clock_timestamp()"
		" WHERE slot = $1 AND id = $2 AND state IN ('waiting', 'reading')";
	Oid			types[] = {NAMEOID, INT8OID};
	Datum		values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	Statement	s = {sql, false, lengthof(types), types, values};

	lh_cdc_check_role("lakehouse.cdc_snapshot_cancel");
	if (run(&s, NULL, NULL) == 0)
		PG_RETURN_BOOL(false);
	signal_client(PG_GETARG_NAME(0));
	PG_RETURN_BOOL(true);
}
