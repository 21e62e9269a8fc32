/*
 * refresh.c
 *		lakehouse.refresh_columns: make the columns of a table those of its files.
 *
 *	1. A column of the table belongs to the column of the files that it names,
 *	   by itself or by the option column_name; a dotted name belongs to a member
 *	   of a struct.
 *	2. What names nothing is dropped, what nobody names is added at the end, and
 *	   a type that is not the inferred one is changed to it, unless it is a
 *	   domain over that, or a composite type (or an array of one) that holds all
 *	   that the files do.
 *	3. All of it is one ALTER FOREIGN TABLE; what depends on a column stops it.
 *
 * Only the owner may do this, and the files are read with the owner's rights,
 * as by a scan.
 */
#include "pg/lake/lake.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/bridge/source.h"

extern PGDLLEXPORT Datum lakehouse_refresh_columns(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_refresh_columns);

typedef struct Refresh
{
	Oid			relid;
	LhSource   *source;			/* names of the table's columns */
	LhLakeOptions options;
	LhTableSchema schema;
	bool	   *named;			/* by schema column: the table has it */
	List	   *taken;			/* names of the table's columns that stay */
	StringInfoData sql;
	int			ncommands;
	LhRows		rows;
} Refresh;

/* ---- who may, and what ---- */

static void
check_table(Oid relid)
{
	if (!lh_lake_is_table(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a lakehouse foreign table", get_rel_name(relid))));
	if (!lh_relation_owner(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FOREIGN_TABLE, get_rel_name(relid));
	if (has_superclass(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the columns of \"%s\" are those of the table it inherits from",
						get_rel_name(relid)),
				 errhint("Change the columns of the parent table.")));
}

/* ---- commands ---- */

static StringInfo
command(Refresh *r, const char *action, const char *column, const char *type)
{
	if (r->ncommands++ > 0)
		appendStringInfoString(&r->sql, ", ");
	lh_rows_text(&r->rows, action);
	lh_rows_datum(&r->rows, CStringGetTextDatum(column));
	if (type != NULL)
		lh_rows_datum(&r->rows, CStringGetTextDatum(type));
	else
		lh_rows_null(&r->rows);
	lh_rows_put(&r->rows);
	return &r->sql;
}

static int
find_column(const LhTableSchema *schema, const char *name)
{
	for (int i = 0; i < schema->ncols; i++)
	{
		if (strcmp(schema->cols[i].name, name) == 0)
			return i;
	}
	return -1;
}

static bool
same_type(Form_pg_attribute att, Oid typid, int32 typmod)
{
	int32		basemod = att->atttypmod;
	Oid			base = getBaseTypeAndTypmod(att->atttypid, &basemod);

	return base == typid && basemod == typmod;
}

/* Is a composite type declared, perhaps in an array, that fits all members? */
static bool
fitting_composite(Form_pg_attribute att, const LhType *type)
{
	Oid			base = getBaseType(att->atttypid);
	Oid			element = get_element_type(base);

	if (OidIsValid(element))
		base = getBaseType(element);
	return lh_type_is_nested(type) && get_typtype(base) == TYPTYPE_COMPOSITE &&
		lh_emit_possible(type, att->atttypid, att->atttypmod);
}

/* A column that the table has: it stays, is retyped or dropped. */
static void
refresh_column(Refresh *r, Form_pg_attribute att)
{
	const char *name = r->source->names[att->attnum - 1];
	int			i = find_column(&r->schema, name);
	LhScanColumn member;
	char	   *type;
	Oid			typid;
	int32		typmod;

	if (i >= 0)
		r->named[i] = true;
	if (!lh_source_find(&r->schema, name, &member))
	{
		appendStringInfo(command(r, "drop", NameStr(att->attname), NULL), "DROP COLUMN %s",
						 quote_identifier(NameStr(att->attname)));
		return;
	}
	r->taken = lappend(r->taken, pstrdup(NameStr(att->attname)));
	typid = lh_lake_type(&member.type, &r->options, &typmod);
	if (same_type(att, typid, typmod) || fitting_composite(att, &member.type))
		return;
	type = format_type_with_typemod(typid, typmod);
	appendStringInfo(command(r, "retype", NameStr(att->attname), type), "ALTER COLUMN %s TYPE %s",
					 quote_identifier(NameStr(att->attname)), type);
}

/* Columns of the files that the table has not. */
static void
add_missing(Refresh *r)
{
	const char **file_names = palloc0(sizeof(char *) * Max(r->schema.ncols, 1));
	LhLakeName *names;

	for (int i = 0; i < r->schema.ncols; i++)
		file_names[i] = r->named[i] ? NULL : r->schema.cols[i].name;
	names = lh_lake_names(r->schema.ncols, file_names, r->taken);
	for (int i = 0; i < r->schema.ncols; i++)
	{
		LhLakeColumn col = {.file = &r->schema.cols[i], .name = names[i]};
		StringInfo	sql;

		if (r->named[i])
			continue;
		col.typid = lh_lake_type(&col.file->type, &r->options, &col.typmod);
		sql = command(r, "add", col.name.name, format_type_with_typemod(col.typid, col.typmod));
		appendStringInfoString(sql, "ADD COLUMN ");
		lh_lake_append_column(sql, &col);
	}
}

/* ---- the function ---- */

Datum
lakehouse_refresh_columns(PG_FUNCTION_ARGS)
{
	Refresh		r = {.relid = PG_GETARG_OID(0)};
	MemoryContext mcxt,
				old;
	TupleDesc	desc;

	check_table(r.relid);
	LockRelationOid(r.relid, AccessExclusiveLock);
	check_table(r.relid);		/* as it is now that nobody else can change it */
	lh_rows_begin(&r.rows, fcinfo);
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse refresh", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	r.source = lh_source_create(r.relid, mcxt);
	r.options = r.source->options;
	lh_lake_schema(r.source->ctx, r.source->roleid, r.source->serverid, &r.options, &r.schema);
	r.named = palloc0(sizeof(bool) * Max(r.schema.ncols, 1));
	initStringInfo(&r.sql);
	appendStringInfo(&r.sql, "ALTER FOREIGN TABLE %s ", lh_lake_qualified(r.relid));
	desc = r.source->desc;
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			refresh_column(&r, TupleDescAttr(desc, i));
	}
	add_missing(&r);
	if (r.ncommands > 0)
		lh_lake_execute(r.sql.data);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return (Datum) 0;
}
