/*
 * refresh.c
 *		lakehouse.refresh_columns: make the columns of a table those of its files.
 *
 *	1. A column of the table belongs to the column of the files that it names,
 *	   by itself or by the option column_name; a dotted name belongs to a member
 *	   of a struct.  Where the files go by field ids it belongs to the field of
 *	   its option field_id, and gets that option if it has none.
 *	2. What names nothing is dropped, what nobody names is added at the end, and
 *	   a type that is not the inferred one is changed to it, unless it is a
 *	   domain over that, or a composite type (or an array of one) that holds all
 *	   that the files do.
 *	3. A column whose field was renamed gets the new name, unless it has a name of
 *	   its own (option column_name, which then follows).
 *	4. Drops, types and options are one ALTER FOREIGN TABLE, renames follow, then
 *	   what is added; what depends on a column stops it.
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
	AttrNumber *followers;		/* by schema column: the attribute that is called as it is; 0: none */
	List	   *taken;			/* names of the table's columns that stay */
	StringInfoData sql;			/* commands of one ALTER FOREIGN TABLE */
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

/* Run what was collected. */
static void
run(Refresh *r)
{
	if (r->ncommands > 0)
		lh_lake_execute(psprintf("ALTER FOREIGN TABLE %s %s", lh_lake_qualified(r->relid), r->sql.data));
	resetStringInfo(&r->sql);
	r->ncommands = 0;
}

/* The column of the files; -1: it is a member of one. */
static int
find_column(const LhTableSchema *schema, const char *name, int field_id)
{
	for (int i = 0; i < schema->ncols; i++)
	{
		if (schema->by_id ? schema->cols[i].field_id == field_id : strcmp(schema->cols[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* Where an attribute leads; false: nowhere. */
static bool
find_field(const Refresh *r, Form_pg_attribute att, LhScanColumn *out)
{
	int			i = att->attnum - 1;

	out->name = r->source->names[i];
	if (r->schema.by_id && r->source->field_ids[i] >= 0)
		return lh_source_find_field(&r->schema, r->source->field_ids[i], out);
	return lh_source_find(&r->schema, r->source->names[i], out);
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

/* What the options of a column say of its field. */
static void
refresh_options(Refresh *r, Form_pg_attribute att, const LhScanColumn *field)
{
	const char *name = quote_identifier(NameStr(att->attname));
	bool		own_name = lh_lake_has_column_name(r->relid, att->attnum);

	if (!r->schema.by_id)
		return;
	if (r->source->field_ids[att->attnum - 1] < 0 && field->field_id >= 0)
		appendStringInfo(command(r, "bind", NameStr(att->attname), NULL), "ALTER COLUMN %s OPTIONS (ADD field_id '%d')",
						 name, field->field_id);
	if (own_name && strcmp(field->name, r->source->names[att->attnum - 1]) != 0)
		appendStringInfo(command(r, "bind", NameStr(att->attname), NULL), "ALTER COLUMN %s OPTIONS (SET column_name %s)",
						 name, quote_literal_cstr(lh_pg_text(field->name)));
}

/* Of several columns with one field, one follows its name: the one that is called so, else the first. */
static void
follow_or_stay(Refresh *r, Form_pg_attribute att, int i)
{
	AttrNumber	stays = att->attnum;

	if (i >= 0 && r->schema.by_id && !lh_lake_has_column_name(r->relid, att->attnum) &&
		(r->followers[i] == 0 || strcmp(NameStr(att->attname), lh_pg_text(r->schema.cols[i].name)) == 0))
	{
		stays = r->followers[i];
		r->followers[i] = att->attnum;
	}
	if (stays != 0)
		r->taken = lappend(r->taken, pstrdup(NameStr(TupleDescAttr(r->source->desc, stays - 1)->attname)));
}

/* A column that the table has: it stays, is retyped or dropped. */
static void
refresh_column(Refresh *r, Form_pg_attribute att)
{
	LhScanColumn field = {.field_id = -1};
	char	   *type;
	Oid			typid;
	int32		typmod;
	int			i;

	if (!find_field(r, att, &field))
	{
		appendStringInfo(command(r, "drop", NameStr(att->attname), NULL), "DROP COLUMN %s",
						 quote_identifier(NameStr(att->attname)));
		return;
	}
	i = find_column(&r->schema, field.name, field.field_id);
	if (i >= 0)
		r->named[i] = true;
	follow_or_stay(r, att, i);
	refresh_options(r, att, &field);
	typid = lh_lake_type(&field.type, &r->options, &typmod);
	if (same_type(att, typid, typmod) || fitting_composite(att, &field.type))
		return;
	type = format_type_with_typemod(typid, typmod);
	appendStringInfo(command(r, "retype", NameStr(att->attname), type), "ALTER COLUMN %s TYPE %s",
					 quote_identifier(NameStr(att->attname)), type);
}

/* Names for the columns that follow the files, and for new ones; NULL where none is wanted. */
static LhLakeName *
choose_names(const Refresh *r)
{
	const char **file_names = palloc0(sizeof(char *) * Max(r->schema.ncols, 1));

	for (int i = 0; i < r->schema.ncols; i++)
	{
		const LhColumn *c = &r->schema.cols[i];

		if (r->followers[i] != 0 || (!r->named[i] && !c->hidden))
			file_names[i] = c->name;
	}
	return lh_lake_names(r->schema.ncols, file_names, r->taken);
}

static void
rename_column(const Refresh *r, const char *from, const char *to)
{
	lh_lake_execute(psprintf("ALTER FOREIGN TABLE %s RENAME COLUMN %s TO %s", lh_lake_qualified(r->relid),
							 quote_identifier(from), quote_identifier(to)));
}

/* By way of names that nobody has: two columns may have changed theirs with each other. */
static void
follow_names(Refresh *r, const LhLakeName *names)
{
	lh_lake_following = true;
	PG_TRY();
	{
		for (int pass = 0; pass < 2; pass++)
		{
			for (int i = 0; i < r->schema.ncols; i++)
			{
				AttrNumber	attno = r->followers[i];
				const char *old = attno != 0 ? NameStr(TupleDescAttr(r->source->desc, attno - 1)->attname) : NULL;
				char	   *between = psprintf("lakehouse %d", i);

				if (old == NULL || strcmp(old, names[i].name) == 0)
					continue;
				if (pass == 0)
				{
					lh_rows_datum(&r->rows, CStringGetTextDatum(psprintf("rename to %s", names[i].name)));
					lh_rows_datum(&r->rows, CStringGetTextDatum(old));
					lh_rows_null(&r->rows);
					lh_rows_put(&r->rows);
				}
				rename_column(r, pass == 0 ? old : between, pass == 0 ? between : names[i].name);
			}
		}
	}
	PG_FINALLY();
	{
		lh_lake_following = false;
	}
	PG_END_TRY();
}

/* Columns of the files that the table has not. */
static void
add_missing(Refresh *r, const LhLakeName *names)
{
	for (int i = 0; i < r->schema.ncols; i++)
	{
		LhLakeColumn col = {.file = &r->schema.cols[i], .name = names[i]};
		StringInfo	sql;

		if (r->named[i] || col.file->hidden)
			continue;
		col.field_id = r->schema.by_id ? col.file->field_id : -1;
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
	LhLakeName *names;

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
	r.followers = palloc0(sizeof(AttrNumber) * Max(r.schema.ncols, 1));
	initStringInfo(&r.sql);
	desc = r.source->desc;
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			refresh_column(&r, TupleDescAttr(desc, i));
	}
	names = choose_names(&r);
	if (!r.schema.by_id)
	{
		add_missing(&r, names);
		run(&r);
	}
	else
	{
		run(&r);
		follow_names(&r, names);
		add_missing(&r, names);
		run(&r);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return (Datum) 0;
}
