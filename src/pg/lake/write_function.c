/*
 * write_function.c
 *		lakehouse.write_parquet(query, location, options, server).
 *
 * The query is analysed with the caller's search_path and runs with the caller's
 * rights, row-level security included, under the snapshot of the statement that
 * calls the function.
 */
#include "pg/lake/write.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"

extern PGDLLEXPORT Datum lakehouse_write_parquet(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_write_parquet);

enum
{
	QUERY, LOCATION, OPTIONS, SERVER
};

enum
{
	ROWS, BYTES, ROW_GROUPS, RESULTS
};

/* Positions of errors are those in the text of the argument. */
static void
query_callback(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

static RawStmt *
parse(const char *text)
{
	List	   *list = pg_parse_query(text);

	if (list_length(list) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the query of lakehouse.write_parquet has %d statements", list_length(list)),
				 errhint("Give a single query that returns rows.")));
	return linitial_node(RawStmt, list);
}

static LhWrite *
prepare(FunctionCallInfo fcinfo)
{
	LhWriteOptions options;

	lh_write_options(PG_ARGISNULL(OPTIONS) ? NIL : lh_lake_json_options(PG_GETARG_JSONB_P(OPTIONS)), &options);
	return lh_write_create(LH_ARG_TEXT(LOCATION), lh_lake_server_arg(fcinfo, SERVER), &options,
						   CurrentMemoryContext);
}

Datum
lakehouse_write_parquet(PG_FUNCTION_ARGS)
{
	ErrorContextCallback context = {error_context_stack, query_callback, NULL};
	LhWriteResult result;
	LhWrite    *w;
	RawStmt    *raw;
	TupleDesc	desc;
	Datum		values[RESULTS];
	bool		nulls[RESULTS] = {false};

	if (PG_ARGISNULL(QUERY) || PG_ARGISNULL(LOCATION))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query and location of lakehouse.write_parquet must not be null")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the function must return a record");
	w = prepare(fcinfo);
	context.arg = LH_ARG_TEXT(QUERY);
	error_context_stack = &context;
	raw = parse(context.arg);
	result = lh_write_query(w, raw, context.arg, InvalidOid);
	error_context_stack = context.previous;
	values[ROWS] = Int64GetDatum(result.rows);
	values[BYTES] = Int64GetDatum(result.bytes);
	values[ROW_GROUPS] = Int32GetDatum(result.row_groups);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
