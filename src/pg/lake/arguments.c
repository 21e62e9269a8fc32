/*
 * arguments.c
 *		Arguments and results that the functions on locations share.
 */
#include "pg/lake/lake.h"

#include "commands/defrem.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "pg/bridge/options.h"

Oid
lh_lake_server_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_NARGS() <= i || PG_ARGISNULL(i) ? InvalidOid : lh_lake_server_named(NameStr(*PG_GETARG_NAME(i)));
}

/* ---- options ---- */

/* A value of the object as the text an option has: arrays as JSON, all else as it is. */
static char *
option_text(const char *name, JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		case jbvBinary:
			return JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
		default:
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("option \"%s\" must not be null", name)));
	}
}

List *
lh_lake_json_options(Jsonb *object)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	List	   *options = NIL;
	char	   *name = NULL;

	if (object == NULL)
		return NIL;
	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be a JSON object"),
				 errhint("For example '{\"union_by_name\": true}'.")));
	it = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
			options = lappend(options, makeDefElem(name, (Node *) makeString(option_text(name, &v)), -1));
	}
	return options;
}

void
lh_lake_apply_options(LhLakeOptions *out, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);
		const LhOption *option = lh_option_find(def->defname, LH_ON_TABLE);

		if (option == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", def->defname),
					 errhint("Options are those of foreign tables.")));
		lh_option_check_right(option, "a foreign table");
		lh_option_check(option, defGetString(def));
		lh_lake_option(out, def->defname, defGetString(def));
	}
}

/* ---- rows ---- */

void
lh_rows_begin(LhRows *rows, FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, 0);
	rows->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	rows->natts = rows->rsinfo->setDesc->natts;
	rows->next = 0;
	rows->values = palloc0(sizeof(Datum) * rows->natts);
	rows->nulls = palloc0(sizeof(bool) * rows->natts);
	rows->mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse row", ALLOCSET_DEFAULT_SIZES);
}

static void
set(LhRows *rows, Datum value, bool null)
{
	if (rows->next >= rows->natts)
		elog(ERROR, "the function's result has only %d columns", rows->natts);
	rows->values[rows->next] = value;
	rows->nulls[rows->next] = null;
	rows->next++;
}

void
lh_rows_null(LhRows *rows)
{
	set(rows, (Datum) 0, true);
}

void
lh_rows_bool(LhRows *rows, bool value)
{
	set(rows, BoolGetDatum(value), false);
}

void
lh_rows_int(LhRows *rows, int32 value)
{
	set(rows, Int32GetDatum(value), false);
}

void
lh_rows_bigint(LhRows *rows, int64 value)
{
	set(rows, Int64GetDatum(value), false);
}

void
lh_rows_datum(LhRows *rows, Datum value)
{
	set(rows, value, false);
}

void
lh_rows_text(LhRows *rows, const char *utf8)
{
	MemoryContext old;

	if (utf8 == NULL)
	{
		lh_rows_null(rows);
		return;
	}
	old = MemoryContextSwitchTo(rows->mcxt);
	set(rows, CStringGetTextDatum(lh_pg_text(utf8)), false);
	MemoryContextSwitchTo(old);
}

void
lh_rows_put(LhRows *rows)
{
	if (rows->next != rows->natts)
		elog(ERROR, "the function's result has %d columns, not %d", rows->natts, rows->next);
	tuplestore_putvalues(rows->rsinfo->setResult, rows->rsinfo->setDesc, rows->values, rows->nulls);
	MemoryContextReset(rows->mcxt);
	rows->next = 0;
	CHECK_FOR_INTERRUPTS();
}
