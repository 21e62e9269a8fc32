/*
 * iceberg_changes.c
 *		lakehouse.iceberg_changes(NULL::my_table, from, to): rows that came and went,
 *		in the row type of a foreign table.
 *
 * The same as a foreign table with the options changes_from and changes_to would
 * give (bridge/changes.h), without one: the table's own options say where it is, and
 * its owner's rights open it.  The caller needs SELECT on all of it.  Conditions are
 * not pushed: where that matters, make the foreign table.
 */
#include "pg/lake/lake.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "pg/bridge/changes.h"
#include "pg/util/features.h"

extern PGDLLEXPORT Datum lakehouse_iceberg_changes(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_iceberg_changes);

/* The foreign table whose rows the argument has. */
static Oid
table_of(Oid rowtype)
{
	Oid			relid = type_is_rowtype(rowtype) ? typeidTypeRelid(rowtype) : InvalidOid;
	AclResult	result;

	if (!OidIsValid(relid) || !lh_lake_is_table(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("type %s is not that of a lakehouse foreign table", format_type_be(rowtype)),
				 errhint("For example NULL::my_table.")));
	LockRelationOid(relid, AccessShareLock);
	result = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FOREIGN_TABLE, get_rel_name(relid));
	lh_refuse_policied(relid);
	return relid;
}

static LhSource *
source_of(FunctionCallInfo fcinfo, Oid relid)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	LhLakeOptions options;
	LhSource   *s;

	lh_lake_options(relid, &options);
	options.table.changes = true;
	options.table.changes_from = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	options.table.changes_to = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	options.table.net_changes = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	s = lh_source_create_with(relid, &options, CurrentMemoryContext);
	s->estate = rsinfo->econtext != NULL ? rsinfo->econtext->ecxt_estate : NULL;
	return s;
}

/* Live attributes of the relation. */
static List *
attributes_of(const LhSource *s)
{
	List	   *attnos = NIL;

	for (int i = 0; i < s->desc->natts - LH_CHANGE_ATTRS; i++)
	{
		if (!TupleDescAttr(s->desc, i)->attisdropped)
			attnos = lappend_int(attnos, i + 1);
	}
	return attnos;
}

static void
put_row(LhRows *rows, TupleDesc row_desc, const Datum *values, const bool *nulls, int natts)
{
	MemoryContext old = MemoryContextSwitchTo(rows->mcxt);
	Datum		row = HeapTupleGetDatum(heap_form_tuple(row_desc, unconstify(Datum *, values), unconstify(bool *, nulls)));

	MemoryContextSwitchTo(old);
	for (int i = 0; i < LH_CHANGE_ATTRS; i++)
	{
		if (nulls[natts + i])
			lh_rows_null(rows);
		else
			lh_rows_datum(rows, values[natts + i]);
	}
	lh_rows_datum(rows, row);
	lh_rows_put(rows);
}

Datum
lakehouse_iceberg_changes(PG_FUNCTION_ARGS)
{
	Oid			rowtype = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			relid = table_of(rowtype);
	MemoryContext mcxt,
				old;
	TupleDesc	row_desc;
	LhChanges  *changes;
	LhSource   *s;
	LhRows		rows;
	Datum	   *values;
	bool	   *nulls;

	lh_rows_begin(&rows, fcinfo);
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse changes", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	row_desc = lookup_rowtype_tupdesc_copy(rowtype, -1);
	s = source_of(fcinfo, relid);
	changes = lh_changes_create(lh_reader_start(s, attributes_of(s), NIL, 0, NULL, NULL));
	values = palloc0(sizeof(Datum) * s->desc->natts);
	nulls = palloc(sizeof(bool) * s->desc->natts);
	memset(nulls, true, sizeof(bool) * s->desc->natts);
	while (lh_changes_next(changes, values, nulls))
		put_row(&rows, row_desc, values, nulls, row_desc->natts);
	lh_changes_end(changes);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return (Datum) 0;
}
