/*
 * distinct.h
 *		Sets of values, for count(distinct).
 *
 * Numbers become 64-bit keys that are equal when PostgreSQL's values are: time
 * in microseconds, floats by number, decimals in the largest scale met.  Keys
 * in a narrow range are bits of a bitmap, others slots of a hash table; what
 * has no such key (strings, numbers beyond 64 bits) is kept as bytes.
 *
 * What does not fit the budget goes to temporary files in partitions by hash,
 * which are counted one after the other.
 */
#ifndef LH_EXEC_DISTINCT_H
#define LH_EXEC_DISTINCT_H

#include "vec/vec.h"

typedef struct LhDistinct LhDistinct;

extern LhStatus lh_distinct_create(LhCtx *ctx, LhDistinct **out);
/* Values of this type come next; false when it has no equality here. */
extern LhStatus lh_distinct_set_type(LhCtx *ctx, LhDistinct *d, const LhType *type);
/* values[items[i]] of n, at most LH_BATCH, in the type's lane. */
extern LhStatus
lh_distinct_add(LhCtx *ctx, LhDistinct *d, const void *values, const uint32_t *items, int n);
/*
 * Add all values of another set.  Neither has spilled: sets that will be merged
 * are kept in memory, where what does not fit is LH_NO_MEMORY.
 */
extern LhStatus lh_distinct_merge(LhCtx *ctx, LhDistinct *into, const LhDistinct *from);
extern void lh_distinct_keep_in_memory(LhDistinct *d, bool keep);
/* How many there are; more may be added afterwards. */
extern LhStatus lh_distinct_count(LhCtx *ctx, LhDistinct *d, int64_t *out);
extern void lh_distinct_reset(LhDistinct *d);

#endif
