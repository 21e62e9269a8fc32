/*
 * order.h
 *		Internal: do the files of a plan follow each other in the order of their rows?
 *
 * A data file says by its sort_order_id in which order its rows were written, and its bounds between
 * which values of the first key they lie.  Where every file says an order that begins with the one
 * that is wanted, and no two have values in common, the files can be read one after the other.
 *
 * All this is what metadata says: whoever relies on it compares the rows.
 */
#ifndef LH_ICEBERG_ORDER_H
#define LH_ICEBERG_ORDER_H

#include "iceberg/plan.h"

typedef struct LhIceOrder LhIceOrder;

/* In ctx->arena, which lives as long; the statistics that are needed are asked of prune. */
extern LhStatus lh_ice_order_create(LhCtx *ctx, LhIceTable *table, LhIcePrune *prune,
									const LhTaskOrder *wanted, LhIceOrder **out);
/* Entry i of m is the next task. */
extern LhStatus lh_ice_order_add(LhCtx *ctx, LhIceOrder *order, const LhIceManifest *m, size_t i);
/* After the last one: bring the tasks into the order and say so, or leave both. */
extern LhStatus lh_ice_order_apply(LhCtx *ctx, LhIceOrder *order, LhTaskList *tasks);

#endif
