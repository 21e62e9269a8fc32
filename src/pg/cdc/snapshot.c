/*
 * snapshot.c
 *		lakehouse.cdc_row(): rows that a table has already, as the stream would say them.
 *
 * A consumer needs what was there before its slot was made, or again what it has
 * lost.  It reads the table by a query of its own, which chooses rows, holds the
 * snapshot, and asks for the right to SELECT; what becomes of a row is done here by
 * the stream's own code, so that masks, column lists, row filters, names and values
 * are the same:
 *
 *	COPY (SELECT lakehouse.cdc_row(t.*, '{format,json}') FROM ONLY s.t AS t) TO STDOUT (FORMAT binary)
 *
 *	1. The first row of a statement makes the stream; it lives in the memory of the
 *	   query, and ends with it, by an error too.
 *	2. A row's type says which table it is of.  Its plan is made with the present
 *	   catalog, and again when that changes between two rows.
 *	3. Each row is a batch of its own; its table's SCHEMA frame stands before the
 *	   first, and before the first after the schema has become another.
 *	4. A row that the stream would not have is NULL.
 *
 * A call that an error ended left a stream behind that is in no known state; the
 * next call, in PL/pgSQL there may be one, makes another.
 */
#include "pg/cdc/cdc.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

extern PGDLLEXPORT Datum lakehouse_cdc_row(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_row);

/* The clock is looked at now and then only. */
#define CLOCK_ROWS 64

/* What calls of one statement share. */
typedef struct Reader
{
	MemoryContext mcxt;			/* of all below and of this */
	LhCdc	   *cdc;
	Oid			role;			/* may use it */
	ArrayType  *options;		/* as given */
	bool		busy;			/* a call has begun, and not ended */
	uint64		rows;
	/* of the last row's type */
	Oid			typid;			/* invalid: none yet */
	bool		has_rows;
	LhCdcRel   *rel;
	MemoryContext desc_mcxt;
	TupleDesc	desc;
} Reader;

void
lh_cdc_check_role(const char *what)
{
	if (!superuser() && !has_rolreplication(GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", what),
				 errdetail("Only superusers and roles with REPLICATION may read change streams.")));
}

/* ---- the stream ---- */

LhCdc *
lh_cdc_snapshot_stream(MemoryContext parent, ArrayType *array)
{
	LhCdc	   *cdc = lh_cdc_create(parent);
	MemoryContext old = MemoryContextSwitchTo(cdc->mcxt);
	List	   *options = lh_cdc_options_of_array(array);

	/* the last one holds */
	options = lappend(options, makeDefElem("frames", (Node *) makeString("on"), -1));
	lh_cdc_read_catalog(cdc, options);
	lh_cdc_relations_init(cdc);
	lh_cdc_policies_update(cdc);
	lh_cdc_writer_init(cdc);
	cdc->now = GetCurrentTimestamp();
	MemoryContextSwitchTo(old);
	return cdc;
}

static Reader *
new_reader(FmgrInfo *flinfo, ArrayType *options)
{
	MemoryContext mcxt = AllocSetContextCreate(flinfo->fn_mcxt, "lakehouse snapshot", ALLOCSET_SMALL_SIZES);
	Reader   *r = MemoryContextAllocZero(mcxt, sizeof(Reader));

	r->mcxt = mcxt;
	r->role = GetUserId();
	r->options = MemoryContextAlloc(mcxt, VARSIZE(options));
	memcpy(r->options, options, VARSIZE(options));
	r->desc_mcxt = AllocSetContextCreate(mcxt, "lakehouse snapshot row", ALLOCSET_SMALL_SIZES);
	r->cdc = lh_cdc_snapshot_stream(mcxt, r->options);
	flinfo->fn_extra = r;
	return r;
}

static bool
same_options(const Reader *r, const ArrayType *options)
{
	return VARSIZE(options) == VARSIZE(r->options) && memcmp(options, r->options, VARSIZE(options)) == 0;
}

static Reader *
find_reader(FmgrInfo *flinfo, ArrayType *options)
{
	Reader   *r = flinfo->fn_extra;

	if (likely(r != NULL && !r->busy && r->role == GetUserId() && same_options(r, options)))
		return r;
	lh_cdc_check_role("lakehouse.cdc_row");
	flinfo->fn_extra = NULL;
	if (r != NULL)
		MemoryContextDelete(r->mcxt);
	return new_reader(flinfo, options);
}

/* ---- the table ---- */

bool
lh_cdc_has_rows(LhCdc *cdc, Relation relation)
{
	return relation->rd_rel->relkind == RELKIND_RELATION &&
		relation->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		RelationGetRelid(relation) >= FirstNormalObjectId && !IsCatalogRelation(relation) &&
		!lh_cdc_is_own_table(cdc, RelationGetRelid(relation));
}

/* A row of a view or of a partitioned table does not say where it is stored. */
static Relation
open_table(Oid typid)
{
	Oid			relid = typid != RECORDOID ? get_typ_typrelid(typid) : InvalidOid;
	Relation	relation;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("lakehouse.cdc_row takes rows of a table, not of type %s", format_type_be(typid)),
				 errhint("Call it as SELECT lakehouse.cdc_row(t.*, ...) FROM ONLY schema.table AS t.")));
	/* kept until the transaction ends, as the query's own */
	relation = relation_open(relid, AccessShareLock);
	if (relation->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table that holds rows", RelationGetRelationName(relation)),
				 relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ?
				 errhint("Read its partitions, each with FROM ONLY.") : 0));
	return relation;
}

/* Plan and descriptor of the table whose type a row has. */
static void
find_table(Reader *r, Oid typid)
{
	Relation	relation;
	MemoryContext old;

	if (likely(r->typid == typid && (!r->has_rows || r->rel->valid)))
		return;
	r->typid = InvalidOid;
	MemoryContextReset(r->desc_mcxt);
	relation = open_table(typid);
	r->has_rows = lh_cdc_has_rows(r->cdc, relation);
	if (r->has_rows)
	{
		r->rel = lh_cdc_relation(r->cdc, relation);
		old = MemoryContextSwitchTo(r->desc_mcxt);
		r->desc = CreateTupleDescCopyConstr(RelationGetDescr(relation));
		MemoryContextSwitchTo(old);
	}
	relation_close(relation, NoLock);
	r->typid = typid;
}

/* ---- a row ---- */

static void
emit(LhCdc *cdc, LhCdcRel *rel, const LhCdcRow *row)
{
	LhChangeEvent ev;

	lh_cdc_need_schema(cdc, rel, InvalidXLogRecPtr);
	ev = lh_cdc_new_event(cdc, row->quarantine != NULL ? LH_CHANGE_QUARANTINE : LH_CHANGE_READ, InvalidXLogRecPtr);
	ev.new_cells = row->new_cells;
	ev.incomplete = row->incomplete;
	ev.reason = row->quarantine;
	lh_cdc_emit(cdc, &ev, rel, cdc->cells.bytes);
}

/* NULL: it is not to go out. */
static bytea *
encode(Reader *r, HeapTuple tuple)
{
	LhCdc	   *cdc = r->cdc;
	MemoryContext old = lh_cdc_begin_event(cdc);
	bytea	   *batch = NULL;
	LhCdcRow	row;
	bool		wanted = lh_cdc_row(cdc, r->rel, r->desc, LH_CHANGE_INSERT, NULL, tuple, &row);

	if (wanted)
	{
		emit(cdc, r->rel, &row);
		MemoryContextSwitchTo(old);
		batch = lh_cdc_take_batch(cdc);
		MemoryContextSwitchTo(cdc->scratch);
	}
	if (wanted && batch == NULL)
	{
		row = (LhCdcRow) {.quarantine = "the row's messages have more than 1 GB, which no query can return"};
		emit(cdc, r->rel, &row);
		MemoryContextSwitchTo(old);
		batch = lh_cdc_take_batch(cdc);
	}
	lh_cdc_end_event(cdc, old);
	lh_cdc_end_settings(cdc);
	return batch;
}

Datum
lakehouse_cdc_row(PG_FUNCTION_ARGS)
{
	Reader   *r;
	HeapTupleHeader header;
	HeapTupleData tuple;
	bytea	   *batch = NULL;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("options of lakehouse.cdc_row must not be null"),
				 errhint("An empty array stands for all presets.")));
	r = find_reader(fcinfo->flinfo, PG_GETARG_ARRAYTYPE_P(1));
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	header = PG_GETARG_HEAPTUPLEHEADER(0);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;

	r->busy = true;
	if (++r->rows % CLOCK_ROWS == 0)
		r->cdc->now = GetCurrentTimestamp();
	find_table(r, HeapTupleHeaderGetTypeId(header));
	if (r->has_rows && r->rel->outbox == NULL && r->rel->actions[LH_CDC_INSERT])
		batch = encode(r, &tuple);
	/* names of types were looked for, and no row came of it */
	lh_cdc_end_settings(r->cdc);
	r->busy = false;
	if (batch == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(batch);
}
