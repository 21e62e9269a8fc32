/*
 * iceberg.c
 *		Metadata of Iceberg tables as rows: lakehouse.iceberg_snapshots and its
 *		sisters.
 *
 * The argument is a location when it holds a '/' or a scheme, else the name of a
 * relation.  A location is read with the caller's rights.  A relation is read with
 * its owner's, and the caller must be allowed to SELECT all of it: bounds of columns
 * and values of partitions are data.  The state is the one that the statement reads
 * (pin.h).
 *
 * Rows come one after the other and go into a tuplestore, which spills beyond
 * work_mem.  Columns are found by their names, so the SQL may have them in its own
 * order (that of Spark's metadata tables).
 */
#include "pg/lake/lake.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "foreign/fdwapi.h"
#include "commands/defrem.h"
#include "common/int.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "iceberg/iceberg.h"
#include "pg/bridge/iceberg.h"
#include "pg/bridge/source.h"
#include "pg/util/features.h"

#define FUNCTION(name, which) \
	extern PGDLLEXPORT Datum lakehouse_iceberg_##name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(lakehouse_iceberg_##name); \
	Datum \
	lakehouse_iceberg_##name(PG_FUNCTION_ARGS) \
	{ \
		return meta_table(fcinfo, which); \
	}

/* A call: its rows, and which value of the core each of its columns is. */
typedef struct MetaCall
{
	LhRows		rows;
	int		   *sources;		/* by column of the result */
	Oid		   *types;
	MemoryContext mcxt;
	ErrorData  *error;			/* raised while core was on the stack */
} MetaCall;

/* ---- values ---- */

static Datum
text_datum(const LhValue *v, Oid typid)
{
	char	   *utf8 = pnstrdup((const char *) v->str.ptr, v->str.len);
	char	   *text = lh_pg_text(utf8);

	if (typid == JSONBOID)
		return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	return CStringGetTextDatum(text);
}

/* A moment since 1970 in its unit: any number of a file, perhaps none that a timestamp can hold. */
static Datum
moment_datum(const LhValue *v)
{
	int64		us = v->type.unit == LH_UNIT_NS ? v->i64 / 1000 : v->i64;

	if ((v->type.unit == LH_UNIT_MS && pg_mul_s64_overflow(us, 1000, &us)) ||
		pg_sub_s64_overflow(us, (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY, &us) ||
		!IS_VALID_TIMESTAMP(us))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("a time in the metadata is out of range: " INT64_FORMAT, v->i64)));
	return TimestampTzGetDatum(us);
}

static Datum
value_datum(const LhValue *v, Oid typid)
{
	switch (typid)
	{
		case INT4OID:
			return Int32GetDatum((int32) v->i64);
		case INT8OID:
			return Int64GetDatum(v->i64);
		case BOOLOID:
			return BoolGetDatum((v->i64 & 0xFF) != 0);
		case FLOAT8OID:
			return Float8GetDatum(v->f64);
		case TIMESTAMPTZOID:
			return moment_datum(v);
		default:
			return text_datum(v, typid);
	}
}

static void
put_values(MetaCall *call, const LhValue *values)
{
	MemoryContext old = MemoryContextSwitchTo(call->rows.mcxt);

	for (int i = 0; i < call->rows.natts; i++)
	{
		const LhValue *v = &values[call->sources[i]];

		if (v->null)
			lh_rows_null(&call->rows);
		else
			lh_rows_datum(&call->rows, value_datum(v, call->types[i]));
	}
	MemoryContextSwitchTo(old);
	lh_rows_put(&call->rows);
}

/* LhIceRowFn.  An error is kept until core has unwound. */
static LhStatus
put_row(LhCtx *ctx, void *arg, const LhValue *values)
{
	MetaCall   *call = arg;

	PG_TRY();
	{
		put_values(call, values);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(call->mcxt);
		call->error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return call->error != NULL ? LH_CANCELLED : LH_OK;
}

/* The type that a column of the core has in SQL. */
static Oid
type_of(const LhType *type)
{
	switch (type->id)
	{
		case LH_T_INT32:
			return INT4OID;
		case LH_T_INT64:
			return INT8OID;
		case LH_T_BOOL:
			return BOOLOID;
		case LH_T_DOUBLE:
			return FLOAT8OID;
		case LH_T_TIMESTAMP:
			return TIMESTAMPTZOID;
		case LH_T_JSON:
			return JSONBOID;
		default:
			return TEXTOID;
	}
}

/* Which column of the core is each column of the result? */
static void
match_columns(MetaCall *call, LhIceMetaTable which)
{
	TupleDesc	desc = call->rows.rsinfo->setDesc;
	int			n;
	const LhIceMetaColumn *columns = lh_ice_meta_columns(which, &n);

	call->sources = palloc(sizeof(int) * desc->natts);
	call->types = palloc(sizeof(Oid) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		int			k = 0;

		while (k < n && strcmp(columns[k].name, NameStr(att->attname)) != 0)
			k++;
		if (k == n || type_of(&columns[k].type) != att->atttypid)
			elog(ERROR, "the metadata has no column \"%s\" of type %s", NameStr(att->attname),
				 format_type_be(att->atttypid));
		call->sources[i] = k;
		call->types[i] = att->atttypid;
	}
}

/* ---- what is meant ---- */

static bool
is_location(const char *text)
{
	return strchr(text, '/') != NULL || strchr(text, ':') != NULL;
}

static Oid
relation_of(const char *name)
{
	RangeVar   *rv = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
	Oid			relid = RangeVarGetRelid(rv, AccessShareLock, false);
	AclResult	result;

	if (!lh_lake_is_table(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a lakehouse foreign table", get_rel_name(relid)),
				 errhint("A location has a \"/\" in it.")));
	result = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FOREIGN_TABLE, get_rel_name(relid));
	lh_refuse_policied(relid);
	return relid;
}

/* The table in the state that the statement sees: what it says goes with the rows that are read beside it. */
static LhSource *
open_table(FunctionCallInfo fcinfo, const char *what, Oid serverid, MemoryContext mcxt)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	LhLakeOptions options;
	LhSource   *s;

	if (is_location(what))
	{
		lh_location_check(GetUserId(), serverid, what);
		lh_lake_options_init(&options);
		options.table.location = lh_pg_utf8(what);
		options.format = lh_iceberg_name;
		s = lh_source_create_desc(CreateTemplateTupleDesc(0), what, GetUserId(), serverid, &options, mcxt);
	}
	else
		s = lh_source_create(relation_of(what), mcxt);
	s->estate = rsinfo->econtext != NULL ? rsinfo->econtext->ecxt_estate : NULL;
	if (!lh_is_iceberg(lh_source_open_table(s)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is no Iceberg table", what),
				 errdetail("Its format is \"%s\".", s->table->format->name)));
	return s;
}

/* ---- the functions ---- */

static Datum
meta_table(FunctionCallInfo fcinfo, LhIceMetaTable which)
{
	MetaCall	call = {0};
	char	   *what = LH_ARG_TEXT(0);
	Oid			serverid = lh_lake_server_arg(fcinfo, 1);
	MemoryContext mcxt,
				old;
	LhStatus	status;
	LhSource   *s;

	lh_rows_begin(&call.rows, fcinfo);
	if (what == NULL)
		return (Datum) 0;
	match_columns(&call, which);
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse metadata", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	call.mcxt = mcxt;
	s = open_table(fcinfo, what, serverid, mcxt);
	status = lh_ice_meta_rows(s->ctx, s->table, which, put_row, &call);
	if (call.error != NULL)
		ReThrowError(call.error);
	lh_pg_check(s->ctx, lh_source_name_setting(s, status));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return (Datum) 0;
}

FUNCTION(snapshots, LH_ICE_SNAPSHOTS)
FUNCTION(history, LH_ICE_HISTORY)
FUNCTION(refs, LH_ICE_REFS)
FUNCTION(files, LH_ICE_FILES)
FUNCTION(all_files, LH_ICE_ALL_FILES)
FUNCTION(manifests, LH_ICE_MANIFESTS)
FUNCTION(partitions, LH_ICE_PARTITIONS)
FUNCTION(entries, LH_ICE_ENTRIES)
FUNCTION(delete_files, LH_ICE_DELETE_FILES)
FUNCTION(metadata_log, LH_ICE_METADATA_LOG)
FUNCTION(properties, LH_ICE_PROPERTIES)
