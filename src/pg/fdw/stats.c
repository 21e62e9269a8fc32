/*
 * stats.c
 *		What the metadata of a table says of its columns, for the planner.
 *
 * Iceberg tables may have a number of distinct values for a field, from a theta
 * sketch that some engine has computed.  Until ANALYZE has seen the foreign table,
 * the planner gets it by the hook for relation statistics, as a row of pg_statistic
 * that has nothing but this.  It says nothing about single values, so that no
 * right is needed to see it.
 */
#include "pg/fdw/fdw.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "iceberg/iceberg.h"

/* Of what nobody has asked for yet; below 0 otherwise: it is not known. */
#define NOT_ASKED (-2)
#define NOT_KNOWN (-1)

struct LhFdwDistinct
{
	LhSource   *source;
	double		values[FLEXIBLE_ARRAY_MEMBER];	/* by attno - 1 */
};

LhFdwDistinct *
lh_fdw_distinct(LhSource *source)
{
	LhFdwDistinct *d;

	if (!source->schema.by_id)
		return NULL;
	d = MemoryContextAlloc(source->mcxt, offsetof(LhFdwDistinct, values) + sizeof(double) * source->desc->natts);
	d->source = source;
	for (int i = 0; i < source->desc->natts; i++)
		d->values[i] = NOT_ASKED;
	return d;
}

/* What the metadata says now; what cannot be read now is not known. */
static double
look_up(LhSource *s, AttrNumber attno)
{
	const char *name = s->names[attno - 1];
	LhScanColumn c = {.field_id = s->field_ids[attno - 1]};
	double		n = NOT_KNOWN;
	MemoryContext old;
	LhStatus	status;

	if (name == NULL)
		return n;
	old = MemoryContextSwitchTo(s->mcxt);
	if (c.field_id < 0)
		(void) lh_source_find(&s->schema, name, &c);
	status = c.field_id >= 0 ? lh_ice_distinct(s->ctx, s->table, c.field_id, &n) : LH_OK;
	MemoryContextSwitchTo(old);
	if (status == LH_CANCELLED)
		lh_pg_cancelled(s->ctx);
	if (status != LH_OK)
		lh_error_clear(s->ctx);
	return status == LH_OK && n >= 0 ? n : NOT_KNOWN;
}

static double
distinct_of(LhFdwDistinct *d, AttrNumber attno)
{
	if (d == NULL || attno < 1 || attno > d->source->desc->natts)
		return NOT_KNOWN;
	if (d->values[attno - 1] == NOT_ASKED)
		d->values[attno - 1] = look_up(d->source, attno);
	return d->values[attno - 1];
}

/* A row of pg_statistic with a number of distinct values. */
static HeapTuple
make_row(Oid relid, AttrNumber attno, double distinct, double rows)
{
	Relation	catalog = table_open(StatisticRelationId, AccessShareLock);
	Datum		values[Natts_pg_statistic] = {0};
	bool		nulls[Natts_pg_statistic] = {0};
	Oid			type,
				collation;
	int32		typmod;
	HeapTuple	tuple;

	get_atttypetypmodcoll(relid, attno, &type, &typmod, &collation);
	values[Anum_pg_statistic_starelid - 1] = ObjectIdGetDatum(relid);
	values[Anum_pg_statistic_staattnum - 1] = Int16GetDatum(attno);
	values[Anum_pg_statistic_stanullfrac - 1] = Float4GetDatum(0);
	values[Anum_pg_statistic_stawidth - 1] = Int32GetDatum(get_typavgwidth(type, typmod));
	/* as ANALYZE: a share of the rows where it seems to grow with them */
	values[Anum_pg_statistic_stadistinct - 1] =
		Float4GetDatum((float4) (distinct > rows * 0.1 ? -Min(distinct / Max(rows, 1), 1) : distinct));
	for (int k = 0; k < STATISTIC_NUM_SLOTS; k++)
	{
		nulls[Anum_pg_statistic_stanumbers1 - 1 + k] = true;
		nulls[Anum_pg_statistic_stavalues1 - 1 + k] = true;
	}
	tuple = heap_form_tuple(RelationGetDescr(catalog), values, nulls);
	table_close(catalog, AccessShareLock);
	return tuple;
}

bool
lh_fdw_relation_stats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attno, VariableStatData *vardata)
{
	RelOptInfo *rel = vardata->rel;
	double		distinct;

	if (rte->relkind != RELKIND_FOREIGN_TABLE || rel == NULL || rel->fdwroutine == NULL ||
		rel->fdwroutine->GetForeignRelSize != lh_fdw_rel_size || rel->fdw_private == NULL ||
		!IS_SIMPLE_REL(rel))
		return false;
	/* what ANALYZE found comes first */
	if (SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(rte->relid), Int16GetDatum(attno), BoolGetDatum(false)))
		return false;
	distinct = distinct_of(((LhFdwRel *) rel->fdw_private)->distinct, attno);
	if (distinct < 0)
		return false;
	vardata->statsTuple = make_row(rte->relid, attno, distinct, rel->tuples);
	vardata->freefunc = heap_freetuple;
	return true;
}
