/*
 * schemas.c
 *		lakehouse.cdc_schemas(): the schemas that a stream's values are written with.
 *
 * In frames a stream tells of them itself; who reads bare messages, or registers
 * schemas before there is any row, asks here.  The plans are the stream's own, under
 * its options and masks, so fingerprints are those at the head of its messages as
 * long as the tables stay as they are.
 */
#include "pg/cdc/cdc.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

extern PGDLLEXPORT Datum lakehouse_cdc_schemas(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_schemas);

#define OUT_COLUMNS 5
#define FINGERPRINT_BYTES 8

/* What a format tells of, gathered in the arena: the core must not be on the stack when PostgreSQL may throw. */
typedef struct Found
{
	const char *part;
	const LhSchema *schema;
	struct Found *next;
} Found;

typedef struct Search
{
	LhCdc	   *cdc;
	ReturnSetInfo *rsinfo;
	Oid		   *done;			/* relations under whose name rows go out, told already */
	int			ndone;
	Found	   *found;
	Found	  **last;
} Search;

static LhStatus
take_schema(LhChangeOut *out, LhCtx *ctx, const LhSchema *schema)
{
	Search	   *search = out->arg;
	Found	   *f;

	LH_NEW(ctx, f);
	f->part = out->part;
	f->schema = schema;
	*search->last = f;
	search->last = &f->next;
	return LH_OK;
}

static Datum
text_of(LhSlice utf8)
{
	char	   *text = pnstrdup((const char *) utf8.data, utf8.len);

	return CStringGetTextDatum(pg_any_to_server(text, (int) utf8.len, PG_UTF8));
}

/* The bytes as they stand in messages. */
static Datum
fingerprint_of(const LhSchema *schema)
{
	uint8_t		head[LH_SCHEMA_HEAD];
	bytea	   *b = palloc(VARHDRSZ + FINGERPRINT_BYTES);

	lh_schema_head(schema->kind, schema->fingerprint, head);
	SET_VARSIZE(b, VARHDRSZ + FINGERPRINT_BYTES);
	memcpy(VARDATA(b), head + LH_SCHEMA_HEAD - FINGERPRINT_BYTES, FINGERPRINT_BYTES);
	return PointerGetDatum(b);
}

/* What a format says of a relation's messages; rel NULL: of those of no relation. */
static void
put_format(Search *search, int i, LhCdcRel *rel)
{
	LhCdc	   *cdc = search->cdc;
	const LhChangeFormat *format = cdc->encoders[i]->format;
	LhChangeOut *out = &cdc->writer.out;

	if (format->describe == NULL)
		return;
	search->found = NULL;
	search->last = &search->found;
	out->format = i;
	out->part = rel != NULL ? "value" : "message";
	lh_pg_check(cdc->ctx, format->describe(cdc->ctx, cdc->encoders[i], rel != NULL ? &rel->change : NULL,
										   rel != NULL ? rel->plans[i] : NULL, out));
	for (const Found *f = search->found; f != NULL; f = f->next)
	{
		Datum		values[OUT_COLUMNS];
		bool		nulls[OUT_COLUMNS] = {false};

		values[0] = CStringGetTextDatum(format->name);
		values[1] = ObjectIdGetDatum(rel != NULL ? rel->change.relid : InvalidOid);
		nulls[1] = rel == NULL;
		values[2] = CStringGetTextDatum(f->part);
		values[3] = fingerprint_of(f->schema);
		values[4] = text_of(f->schema->text);
		tuplestore_putvalues(search->rsinfo->setResult, search->rsinfo->setDesc, values, nulls);
	}
}

static void
put_all_formats(Search *search, LhCdcRel *rel)
{
	MemoryContext old = lh_cdc_begin_event(search->cdc);

	for (int i = 0; i < search->cdc->nformats; i++)
		put_format(search, i, rel);
	lh_cdc_end_event(search->cdc, old);
}

/* Partitions whose rows go out under one name are told of once. */
static bool
is_new(Search *search, Oid relid)
{
	for (int i = 0; i < search->ndone; i++)
	{
		if (search->done[i] == relid)
			return false;
	}
	search->done[search->ndone++] = relid;
	return true;
}

static void
put_table(Search *search, Oid relid)
{
	Relation	relation = try_relation_open(relid, AccessShareLock);
	LhCdcRel   *rel;
	bool		any = false;

	if (relation == NULL)
		return;
	if (lh_cdc_has_rows(search->cdc, relation))
	{
		rel = lh_cdc_relation(search->cdc, relation);
		for (int i = 0; i < LH_CDC_N_ACTIONS; i++)
			any |= rel->actions[i];
		/* messages of an outbox are what it holds */
		if (any && rel->outbox == NULL && is_new(search, rel->change.relid))
			put_all_formats(search, rel);
	}
	relation_close(relation, AccessShareLock);
}

static void
check_formats(const LhCdc *cdc)
{
	for (int i = 0; i < cdc->nformats; i++)
	{
		if (cdc->encoders[i]->format->describe != NULL)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("format \"%s\" has no schemas", cdc->encoders[0]->format->name),
			 errhint("Name one that has in the option \"format\": SELECT * FROM lakehouse.cdc_formats().")));
}

/* Tables that hold rows, of those that were named (NULL: of all), partitions of these among them. */
static uint64
find_tables(Datum tables, bool all)
{
	static const char sql[] =
		"SELECT c.oid FROM pg_catalog.pg_class c"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE c.relkind OPERATOR(pg_catalog.=) 'r' AND c.relpersistence OPERATOR(pg_catalog.=) 'p'"
		" AND ($1 IS NULL OR c.oid OPERATOR(pg_catalog.=) ANY ($1) OR c.relispartition AND EXISTS ("
		"  SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) a WHERE a.relid OPERATOR(pg_catalog.=) ANY ($1)))"
		" ORDER BY n.nspname, c.relname";
	Oid			type = REGCLASSARRAYOID;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, 1, &type, &tables, all ? "n" : " ", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the query for tables failed");
	return SPI_processed;
}

Datum
lakehouse_cdc_schemas(PG_FUNCTION_ARGS)
{
	Search		search = {.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo};
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "lakehouse schemas", ALLOCSET_SMALL_SIZES);
	SPITupleTable *found;
	MemoryContext old;
	uint64		n;

	lh_cdc_check_role("lakehouse.cdc_schemas");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("options of lakehouse.cdc_schemas must not be null"),
				 errhint("An empty array stands for all presets.")));
	InitMaterializedSRF(fcinfo, 0);
	search.cdc = lh_cdc_snapshot_stream(CurrentMemoryContext, PG_GETARG_ARRAYTYPE_P(0));
	check_formats(search.cdc);
	search.cdc->writer.out.schema = take_schema;
	search.cdc->writer.out.arg = &search;
	if (PG_ARGISNULL(1))
		put_all_formats(&search, NULL);
	n = find_tables(PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	found = SPI_tuptable;
	search.done = palloc(sizeof(Oid) * Max(n, 1));
	old = MemoryContextSwitchTo(each);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		put_table(&search, DatumGetObjectId(SPI_getbinval(found->vals[i], found->tupdesc, 1, &isnull)));
		lh_cdc_end_settings(search.cdc);
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	MemoryContextDelete(search.cdc->mcxt);
	return (Datum) 0;
}
