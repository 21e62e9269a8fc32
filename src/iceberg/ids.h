/*
 * ids.h
 *		Sets of field ids: ascending, each once.
 */
#ifndef LH_ICEBERG_IDS_H
#define LH_ICEBERG_IDS_H

#include "core/core.h"

typedef struct LhIceIds
{
	int n;
	int32_t *ids;
} LhIceIds;

/* Order ids, for qsort. */
extern int lh_ice_ids_compare(const void *a, const void *b);
extern bool lh_ice_ids_has(const LhIceIds *set, int32_t id);
/* Add n ids in any order; a set that grows is made anew in ctx->arena, so many at once are better than one by one. */
extern LhStatus lh_ice_ids_add(LhCtx *ctx, LhIceIds *set, int n, const int32_t *ids);

#endif
