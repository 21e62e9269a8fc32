/*
 * infer.c
 *		The columns that a location has, as a table would have them.
 *
 * The schema is that of all files with union_by_name, else of at most as many
 * as planning reads.  Nothing is said about nulls: a NOT NULL that the files of
 * today would allow is broken by a file of tomorrow.  Columns of tables that go by
 * field ids keep theirs in the option field_id.
 */
#include "pg/lake/lake.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "core/datetime.h"
#include "pg/bridge/source.h"

/* Footers that are read for the schema when not all have to be. */
#define INFER_FOOTERS 32

/* PostgreSQL's own limit, said before it is met column by column. */
static void
check_count(const LhLakeOptions *options, int n)
{
	if (n <= MaxHeapAttributeNumber)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_TOO_MANY_COLUMNS),
			 errmsg("location \"%s\" has %d columns, but a table can have at most %d",
					lh_pg_text(options->table.location ? options->table.location : options->catalog_table), n,
					MaxHeapAttributeNumber),
			 errhint("Name the columns that are wanted in the option \"columns\".")));
}

void
lh_lake_schema(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options, LhTableSchema *out)
{
	LhLakeOptions copy = *options;
	LhTable    *table;

	copy.table.max_schema_files = copy.table.union_by_name ? 0 : INFER_FOOTERS;
	lh_lake_open(ctx, roleid, serverid, &copy, &table);
	lh_pg_check(ctx, table->schema(ctx, table, out));
	check_count(options, lh_source_visible(out));
}

/* Nanoseconds by the option timestamp_ns: a text keeps all digits. */
static bool
has_nanos(const LhType *type)
{
	return (type->id == LH_T_TIMESTAMP && (type->unit == LH_UNIT_NS || type->int96)) ||
		(type->id == LH_T_TIME && type->unit == LH_UNIT_NS);
}

Oid
lh_lake_type(const LhType *type, const LhLakeOptions *options, int32 *typmod)
{
	if (options->emit.timestamp_ns == LH_NANOS_TEXT && has_nanos(type))
	{
		*typmod = -1;
		return TEXTOID;
	}
	return lh_pg_type(type, typmod);
}

LhLakeColumns *
lh_lake_infer(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options)
{
	LhLakeColumns *out = palloc0(sizeof(LhLakeColumns));
	const char **file_names;
	LhLakeName *names;

	lh_lake_schema(ctx, roleid, serverid, options, &out->schema);
	out->cols = palloc0(sizeof(LhLakeColumn) * Max(out->schema.ncols, 1));
	file_names = palloc(sizeof(char *) * Max(out->schema.ncols, 1));
	for (int i = 0; i < out->schema.ncols; i++)
	{
		if (out->schema.cols[i].hidden)
			continue;
		out->cols[out->n].file = &out->schema.cols[i];
		file_names[out->n++] = out->schema.cols[i].name;
	}
	names = lh_lake_names(out->n, file_names, NIL);
	for (int i = 0; i < out->n; i++)
	{
		LhLakeColumn *col = &out->cols[i];

		col->name = names[i];
		col->field_id = out->schema.by_id ? col->file->field_id : -1;
		col->typid = lh_lake_type(&col->file->type, options, &col->typmod);
	}
	return out;
}

void
lh_lake_append_column(StringInfo out, const LhLakeColumn *col)
{
	appendStringInfo(out, "%s %s", quote_identifier(col->name.name),
					 col->type_sql != NULL ? col->type_sql : format_type_with_typemod(col->typid, col->typmod));
	if (col->name.file_name != NULL && col->field_id >= 0)
		appendStringInfo(out, " OPTIONS (column_name %s, field_id '%d')", quote_literal_cstr(col->name.file_name),
						 col->field_id);
	else if (col->name.file_name != NULL)
		appendStringInfo(out, " OPTIONS (column_name %s)", quote_literal_cstr(col->name.file_name));
	else if (col->field_id >= 0)
		appendStringInfo(out, " OPTIONS (field_id '%d')", col->field_id);
}
