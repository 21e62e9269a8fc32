/*
 * spill.h
 *		Records in partitions of a temporary file, for hashes that outgrow memory.
 *
 * A spill has LH_SPILL_PARTS partitions.  Records are put in any order, and read
 * back partition by partition, also several times; more may be put in between.
 * Its memory is floor: one buffer for each partition.
 */
#ifndef LH_EXEC_SPILL_H
#define LH_EXEC_SPILL_H

#include "core/core.h"

#define LH_SPILL_PARTS 64

typedef struct LhSpill LhSpill;

/* In ctx->arena; closed when that is reset. */
extern LhStatus lh_spill_create(LhCtx *ctx, LhSpill **out);
extern void lh_spill_destroy(LhSpill *spill);	/* NULL is allowed */

/* Append a record: "head" bytes, then "body". */
extern LhStatus lh_spill_put(LhCtx *ctx, LhSpill *spill, int part, const void *head, size_t nhead,
							 const void *body, size_t nbody);

/*
 * Call fn with all records of a partition, several at a time and in no order;
 * they never cross the end of what fn is given.
 */
typedef LhStatus (*LhSpillFn) (LhCtx *ctx, void *arg, const uint8_t *records, size_t len);
extern LhStatus lh_spill_read(LhCtx *ctx, LhSpill *spill, int part, LhSpillFn fn, void *arg);
extern bool lh_spill_is_empty(const LhSpill *spill, int part);

#endif
