/*
 * snapshot_tables.c
 *		lakehouse.cdc_snapshot_tables(): what there is to read for a stream.
 *
 *	1. Tables that hold rows (ordinary ones and partitions) are those that the
 *	   snapshot of the transaction sees; what was made later is all in the stream.
 *	2. The stream's plan of a table says whether inserts of it would go out.  It is
 *	   asked without a lock first, as decoding does, so that only tables that are to
 *	   be read are waited for.
 *	3. Then the table is locked, until the transaction ends.  One that was rewritten
 *	   since the snapshot was taken is an error: its rows are new ones to PostgreSQL,
 *	   and the snapshot sees none of them.
 *	4. A table with a key that messages show can be read in pieces while the stream
 *	   goes on (method "key"): rows that it tells of meanwhile are found by that key.
 *	   So the key must be the whole one, of all rows under the name that they go out
 *	   with, in clear, and in the order of an index.  The others have to be read while
 *	   the stream waits (method "barrier"), and "reason" says why.
 */
#include "pg/cdc/cdc.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

extern PGDLLEXPORT Datum lakehouse_cdc_snapshot_tables(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_snapshot_tables);

#define OUT_COLUMNS 10

/* ---- keys ---- */

static bool
any_keyed(const LhCdc *cdc)
{
	for (int i = 0; i < cdc->nformats; i++)
	{
		if (cdc->encoders[i]->format->keyed)
			return true;
	}
	return false;
}

/* The index whose columns tell rows apart, in old rows too; invalid: there is none. */
static Oid
key_index(Relation relation)
{
	Oid			index = RelationGetReplicaIndex(relation);

	if (!OidIsValid(index) && relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL)
		index = lh_primary_key_index(relation);
	return index;
}

/* Are the key's columns those of the index? */
static bool
key_is_of_index(const LhCdcRel *rel, Form_pg_index index)
{
	if (rel->change.nkeys != index->indnkeyatts)
		return false;
	for (int i = 0; i < rel->change.nkeys; i++)
	{
		if (rel->attributes[rel->change.keys[i]] + 1 != index->indkey.values[i])
			return false;
	}
	return true;
}

/* Does the index hold the order that comparisons of its columns ask for? */
static bool
has_usual_order(Relation relation, Relation index)
{
	TupleDesc	desc = RelationGetDescr(relation);
	Form_pg_index form = index->rd_index;

	if (index->rd_rel->relam != BTREE_AM_OID || !form->indisvalid)
		return false;
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(desc, form->indkey.values[i] - 1);
		Oid			usual = GetDefaultOpClass(a->atttypid, BTREE_AM_OID);

		if (!OidIsValid(usual) || get_opclass_family(usual) != index->rd_opfamily[i] ||
			a->attcollation != index->rd_indcollation[i] ||
			((index->rd_indoption[i] ^ index->rd_indoption[0]) & INDOPTION_DESC) != 0)
			return false;
	}
	return true;
}

/* Does the index tell rows apart among all that go out under this name? */
static bool
is_of_published(Oid index, Oid relid, Oid published)
{
	ListCell   *lc;

	if (relid == published)
		return true;
	if (!get_rel_relispartition(index))
		return false;
	foreach(lc, get_partition_ancestors(index))
	{
		if (IndexGetRelation(lfirst_oid(lc), true) == published)
			return true;
	}
	return false;
}

static const char *
masked_key(const LhCdcRel *rel)
{
	for (int i = 0; i < rel->change.nkeys; i++)
	{
		if (rel->change.columns[rel->change.keys[i]].masked)
			return rel->change.columns[rel->change.keys[i]].name;
	}
	return NULL;
}

/* Why the table cannot be read beside the stream; NULL: it can, by the key of this index. */
static const char *
obstacle(LhCdc *cdc, LhCdcRel *rel, Relation relation, Relation index)
{
	const char *masked = masked_key(rel);

	if (rel->change.nkeys == 0)
		return "columns of its key are not streamed";
	if (!key_is_of_index(rel, index->rd_index))
		return "option \"message.key.columns\" gives its messages another key";
	if (masked != NULL)
		return psprintf("column \"%s\" of its key is masked", lh_pg_text(masked));
	if (!has_usual_order(relation, index))
		return psprintf("index \"%s\" of its key has another order than comparisons", RelationGetRelationName(index));
	if (!is_of_published(RelationGetRelid(index), rel->relid, rel->change.relid))
		return "its key is the partition's own, and its rows go out under the name of the table above";
	return NULL;
}

/* Names and types of an index's columns. */
static void
put_key(Relation relation, Relation index, Datum *columns, Datum *types)
{
	Form_pg_index form = index->rd_index;
	int			n = form->indnkeyatts;
	Datum	   *names = palloc(sizeof(Datum) * n);
	Datum	   *texts = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute a = TupleDescAttr(RelationGetDescr(relation), form->indkey.values[i] - 1);

		names[i] = CStringGetTextDatum(NameStr(a->attname));
		texts[i] = CStringGetTextDatum(format_type_extended(a->atttypid, a->atttypmod,
															FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	}
	*columns = PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
	*types = PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Columns of the result from key_columns to reason. */
static void
put_method(LhCdc *cdc, LhCdcRel *rel, Relation relation, Datum *values, bool *nulls)
{
	Oid			oid = key_index(relation);
	const char *reason = NULL;

	if (!any_keyed(cdc))
		reason = "no format of the stream has keys";
	else if (!OidIsValid(oid))
		reason = relation->rd_rel->relreplident == REPLICA_IDENTITY_NOTHING ? "its replica identity is nothing" :
			"it has no primary key";
	else
	{
		Relation	index = relation_open(oid, AccessShareLock);

		reason = obstacle(cdc, rel, relation, index);
		if (reason == NULL)
			put_key(relation, index, &values[0], &values[1]);
		relation_close(index, AccessShareLock);
	}
	nulls[0] = nulls[1] = reason != NULL;
	values[2] = CStringGetTextDatum(reason == NULL ? "key" : "barrier");
	nulls[3] = reason == NULL;
	if (reason != NULL)
		values[3] = CStringGetTextDatum(reason);
}

/* ---- tables ---- */

static bool
carries(LhCdc *cdc, Relation relation, LhCdcRel **rel)
{
	if (!lh_cdc_has_rows(cdc, relation))
		return false;
	*rel = lh_cdc_relation(cdc, relation);
	return (*rel)->actions[LH_CDC_INSERT] && (*rel)->outbox == NULL;
}

/* Without a lock, as decoding asks. */
static bool
may_carry(LhCdc *cdc, Oid relid)
{
	Relation	relation = RelationIdGetRelation(relid);
	LhCdcRel   *rel;
	bool		result;

	if (!RelationIsValid(relation))
		return false;
	result = carries(cdc, relation, &rel);
	RelationClose(relation);
	return result;
}

static void
put_table(LhCdc *cdc, ReturnSetInfo *rsinfo, Relation relation, LhCdcRel *rel)
{
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};
	double		rows = relation->rd_rel->reltuples;

	values[0] = ObjectIdGetDatum(RelationGetRelid(relation));
	values[1] = CStringGetTextDatum(get_namespace_name(RelationGetNamespace(relation)));
	values[2] = CStringGetTextDatum(RelationGetRelationName(relation));
	/* rows that come masked are read in one piece: no statement has them and their places */
	values[3] = Int64GetDatum(lh_cdc_policy_arrives(rel->policy) ? 0 : (int64) RelationGetNumberOfBlocks(relation));
	values[4] = Int64GetDatum((int64) rows);
	nulls[4] = rows < 0;
	put_method(cdc, rel, relation, &values[5], &nulls[5]);
	values[9] = ObjectIdGetDatum(rel->change.relid);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* filenode: as the snapshot sees it */
static void
add_table(LhCdc *cdc, ReturnSetInfo *rsinfo, Oid relid, Oid filenode)
{
	Relation	relation;
	LhCdcRel   *rel;

	if (!may_carry(cdc, relid))
		return;
	relation = try_relation_open(relid, AccessShareLock);
	if (relation == NULL)
		return;
	if (!carries(cdc, relation, &rel))
	{
		relation_close(relation, AccessShareLock);
		return;
	}
	if (relation->rd_rel->relfilenode != filenode)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s.%s\" was rewritten or truncated after the snapshot of this transaction was taken",
						get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation)),
				 errdetail("The snapshot may see none of its rows."),
				 errhint("Begin again with a new snapshot, which for an initial one means a new slot.")));
	put_table(cdc, rsinfo, relation, rel);
	relation_close(relation, NoLock);
}

Datum
lakehouse_cdc_snapshot_tables(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"SELECT c.oid, c.relfilenode FROM pg_catalog.pg_class c"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE c.relkind OPERATOR(pg_catalog.=) 'r' AND c.relpersistence OPERATOR(pg_catalog.=) 'p'"
		" ORDER BY n.nspname, c.relname";
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "lakehouse snapshot table", ALLOCSET_SMALL_SIZES);
	SPITupleTable *found;
	uint64		n;
	LhCdc	   *cdc;
	MemoryContext old;

	lh_cdc_check_role("lakehouse.cdc_snapshot_tables");
	InitMaterializedSRF(fcinfo, 0);
	cdc = lh_cdc_snapshot_stream(CurrentMemoryContext, PG_GETARG_ARRAYTYPE_P(0));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* read-only: under the snapshot of the query that called */
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the query for tables failed");
	found = SPI_tuptable;
	n = SPI_processed;
	old = MemoryContextSwitchTo(each);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		Oid			relid = DatumGetObjectId(SPI_getbinval(found->vals[i], found->tupdesc, 1, &isnull));
		Oid			filenode = DatumGetObjectId(SPI_getbinval(found->vals[i], found->tupdesc, 2, &isnull));

		CHECK_FOR_INTERRUPTS();
		add_table(cdc, rsinfo, relid, filenode);
		lh_cdc_end_settings(cdc);
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	MemoryContextDelete(cdc->mcxt);
	return (Datum) 0;
}
