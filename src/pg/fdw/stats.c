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

void
lh_fdw_distinct(LhSource *source, LhFdwRel *info)
{
	info->natts = source->desc->natts;
	if (!info->states || !source->schema.by_id)
		return;
	for (int i = 0; i < info->natts; i++)
	{
		LhScanColumn c = {.field_id = source->field_ids[i]};
		double		n = -1;

		if (source->names[i] == NULL)
			continue;
		if (c.field_id < 0)
			(void) lh_source_find(&source->schema, source->names[i], &c);
		/* what cannot be read now is not known */
		if (c.field_id < 0 || lh_ice_distinct(source->ctx, source->table, c.field_id, &n) != LH_OK || n < 0)
		{
			if (source->ctx->error->code == LH_CANCELLED)
				lh_pg_cancelled(source->ctx);
			lh_error_clear(source->ctx);
			continue;
		}
		if (info->distinct == NULL)
		{
			info->distinct = palloc(sizeof(double) * info->natts);
			for (int k = 0; k < info->natts; k++)
				info->distinct[k] = -1;
		}
		info->distinct[i] = n;
	}
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
	LhFdwRel   *info;

	if (rte->relkind != RELKIND_FOREIGN_TABLE || rel == NULL || rel->fdwroutine == NULL ||
		rel->fdwroutine->GetForeignRelSize != lh_fdw_rel_size || rel->fdw_private == NULL ||
		!IS_SIMPLE_REL(rel))
		return false;
	info = rel->fdw_private;
	if (info->distinct == NULL || attno < 1 || attno > info->natts || info->distinct[attno - 1] < 0 ||
		SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(rte->relid), Int16GetDatum(attno), BoolGetDatum(false)))
		return false;
	vardata->statsTuple = make_row(rte->relid, attno, info->distinct[attno - 1], rel->tuples);
	vardata->freefunc = heap_freetuple;
	return true;
}
