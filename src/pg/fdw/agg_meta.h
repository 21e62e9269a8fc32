/*
 * agg_meta.h
 *		Internal: aggregates answered from Parquet metadata, row group by row group.
 */
#ifndef LH_PG_FDW_AGG_META_H
#define LH_PG_FDW_AGG_META_H

#include "pg/bridge/agg.h"
#include "pg/bridge/source.h"

typedef struct LhAggMeta LhAggMeta;

/*
 * Install the hook on the source's scan.  possible: no column is converted and
 * no condition is evaluated outside the engine.  NULL when an aggregate needs
 * values anyway.
 */
extern LhAggMeta *lh_agg_meta_create(LhSource *source, LhAgg *agg, const LhAggSpec *specs,
									 const LhAggTarget *targets, int n, bool possible);

#endif
