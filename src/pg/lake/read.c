/*
 * read.c
 *		lakehouse.read(location): the rows of files without a table.
 *
 * In FROM, with a location that does not come from another table, the planner
 * puts a CustomScan in the function's place (read_plan.c).  Everywhere else the
 * function runs, and its rows go through a tuplestore.
 *
 * Columns are found by name: those of the AS list, or of the row type.  Rights
 * are those of the caller.
 */
#include "pg/lake/read.h"
#include "pg/bridge/iceberg.h"

#include "catalog/objectaccess.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

extern PGDLLEXPORT Datum lakehouse_read(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_read_rowtype(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_read_support(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_read);
PG_FUNCTION_INFO_V1(lakehouse_read_rowtype);
PG_FUNCTION_INFO_V1(lakehouse_read_support);

/* Footers that planning reads at most, as for tables. */
#define PLAN_FOOTERS 32

/* ---- the source of a call ---- */

/* A table's row type says what its columns are called in the files. */
static void
apply_column_options(LhSource *s, Oid rowtype)
{
	Oid			relid = OidIsValid(rowtype) ? typeidTypeRelid(rowtype) : InvalidOid;

	if (!OidIsValid(relid) || !lh_lake_is_table(relid))
		return;
	for (int i = 0; i < s->desc->natts; i++)
	{
		ListCell   *lc;

		foreach(lc, GetForeignColumnOptions(relid, (AttrNumber) (i + 1)))
		{
			DefElem    *def = lfirst(lc);

			if (s->names[i] != NULL && strcmp(def->defname, "column_name") == 0)
				s->names[i] = lh_pg_utf8(defGetString(def));
			else if (s->names[i] != NULL && strcmp(def->defname, "field_id") == 0)
				s->field_ids[i] = atoi(defGetString(def));
		}
	}
}

LhSource *
lh_read_source(const Datum *values, const bool *nulls, TupleDesc desc, const char *relname,
			   Oid rowtype, MemoryContext mcxt)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	LhSource   *source = NULL;

	if (!nulls[LH_READ_LOCATION])
	{
		char	   *location = TextDatumGetCString(values[LH_READ_LOCATION]);
		Oid			serverid = InvalidOid;
		LhLakeOptions options;
		List	   *list = NIL;

		if (!nulls[LH_READ_SERVER])
			serverid = lh_lake_server_named(NameStr(*DatumGetName(values[LH_READ_SERVER])));
		if (!nulls[LH_READ_OPTIONS])
			list = lh_lake_json_options(DatumGetJsonbP(values[LH_READ_OPTIONS]));
		list = lappend(list, makeDefElem("location", (Node *) makeString(location), -1));
		lh_lake_options_init(&options);
		lh_lake_apply_options(&options, list);
		source = lh_source_create_desc(desc, relname, GetUserId(), serverid, &options, mcxt);
		MemoryContextSwitchTo(source->mcxt);
		apply_column_options(source, rowtype);
	}
	MemoryContextSwitchTo(old);
	return source;
}

void
lh_read_check_execute(Oid funcid)
{
	AclResult	result = lh_function_execute(funcid, GetUserId());

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(funcid));
	InvokeFunctionExecuteHook(funcid);
}

/* ---- the functions ---- */

static Datum
read_rows(FunctionCallInfo fcinfo, int first_arg)
{
	Datum		values[LH_READ_ARGS];
	bool		nulls[LH_READ_ARGS];
	ReturnSetInfo *rsinfo;
	LhSource   *source;
	LhReader   *reader;
	Datum	   *row;
	bool	   *row_nulls;
	List	   *attnos = NIL;
	TupleDesc	desc;
	Oid			rowtype;

	if (first_arg > 0 && !type_is_rowtype(get_fn_expr_argtype(fcinfo->flinfo, 0)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the first argument of lakehouse.read must be of a composite type, not %s",
						format_type_be(get_fn_expr_argtype(fcinfo->flinfo, 0))),
				 errhint("For example NULL::my_table.")));
	/* a record's description is the caller's own, which PostgreSQL frees unless it is copied */
	InitMaterializedSRF(fcinfo, first_arg > 0 ? 0 : MAT_SRF_USE_EXPECTED_DESC);
	rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	desc = rsinfo->setDesc;
	for (int i = 0; i < LH_READ_ARGS; i++)
	{
		nulls[i] = PG_ARGISNULL(first_arg + i);
		values[i] = nulls[i] ? (Datum) 0 : PG_GETARG_DATUM(first_arg + i);
	}
	rowtype = first_arg > 0 ? get_fn_expr_argtype(fcinfo->flinfo, 0) : InvalidOid;
	source = lh_read_source(values, nulls, desc, "lakehouse.read", rowtype, CurrentMemoryContext);
	if (source == NULL)
		return (Datum) 0;
	source->estate = rsinfo->econtext != NULL ? rsinfo->econtext->ecxt_estate : NULL;
	lh_location_check(GetUserId(), source->serverid, TextDatumGetCString(values[LH_READ_LOCATION]));
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			attnos = lappend_int(attnos, i + 1);
	}
	row = palloc0(sizeof(Datum) * Max(desc->natts, 1));
	row_nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	memset(row_nulls, true, sizeof(bool) * Max(desc->natts, 1));
	reader = lh_reader_start(source, attnos, NIL, 0, NULL, NULL);
	while (lh_reader_next(reader, row, row_nulls))
		tuplestore_putvalues(rsinfo->setResult, desc, row, row_nulls);
	MemoryContextDelete(source->mcxt);
	return (Datum) 0;
}

Datum
lakehouse_read(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, 0);
}

Datum
lakehouse_read_rowtype(PG_FUNCTION_ARGS)
{
	return read_rows(fcinfo, 1);
}

/* ---- planning ---- */

List *
lh_read_arguments(FuncExpr *call)
{
	return list_copy_tail(call->args, list_length(call->args) - LH_READ_ARGS);
}

/* Constant arguments; false when one is not known yet. */
static bool
constant_arguments(PlannerInfo *root, FuncExpr *call, Datum *values, bool *nulls)
{
	ListCell   *lc;

	if (list_length(call->args) < LH_READ_ARGS)
		return false;
	foreach(lc, lh_read_arguments(call))
	{
		int			i = foreach_current_index(lc);
		Node	   *value = estimate_expression_value(root, lfirst(lc));

		if (!IsA(value, Const))
			return false;
		values[i] = ((Const *) value)->constvalue;
		nulls[i] = ((Const *) value)->constisnull;
	}
	return true;
}

/* Files are looked at for nobody who may not call the function. */
bool
lh_read_size(PlannerInfo *root, FuncExpr *call, LhReadSize *out)
{
	Datum		values[LH_READ_ARGS];
	bool		nulls[LH_READ_ARGS];
	LhSource   *source;
	bool		known;

	if ((call->funcformat != LH_READ_BY_COPY && lh_function_execute(call->funcid, GetUserId()) != ACLCHECK_OK) ||
		!constant_arguments(root, call, values, nulls))
		return false;
	source = lh_read_source(values, nulls, CreateTemplateTupleDesc(0), "lakehouse.read", InvalidOid,
							CurrentMemoryContext);
	if (source == NULL)
		return false;
	known = lh_source_try_open(source, PLAN_FOOTERS);
	if (known)
		*out = (LhReadSize) {source->schema.rows, (double) source->schema.bytes,
			source->schema.files_total > LH_PARALLEL_FILES ? 0 : source->schema.groups,
			lh_source_visible(&source->schema), lh_is_iceberg(source->table)};
	MemoryContextDelete(source->mcxt);
	return known;
}

/*
 * The planner's questions about the function.  That they are asked here loads
 * the library early enough for the CustomScan, even in the first statement of
 * a session.
 */
Datum
lakehouse_read_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	LhReadSize	size;

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;

		if (rows->node != NULL && IsA(rows->node, FuncExpr) &&
			lh_read_size(rows->root, (FuncExpr *) rows->node, &size))
		{
			rows->rows = size.rows;
			PG_RETURN_POINTER(request);
		}
	}
	PG_RETURN_POINTER(NULL);
}
