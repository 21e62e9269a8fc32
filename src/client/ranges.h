/*
 * ranges.h
 *		Numbers of a transaction's changes that were taken back.
 *
 * Ranges come in any order, a rolled back sub-transaction's at a time, and are asked for
 * once, from the smallest number on.  They are kept sorted and merged but for the newest,
 * so that they never take more than twice of what they have to.
 */
#ifndef LH_CLIENT_RANGES_H
#define LH_CLIENT_RANGES_H

#include "change/change.h"
#include "core/buffer.h"

typedef struct LhRanges
{
	LhBuf		items;			/* LhChangeRange */
	size_t		settled;		/* of these, sorted and apart */
} LhRanges;

/* In ctx->arena. */
extern LhStatus lh_ranges_init(LhCtx *ctx, LhRanges *all);
/* Both ends included, 0 < from <= to. */
extern LhStatus lh_ranges_add(LhCtx *ctx, LhRanges *all, uint64_t from, uint64_t to);
/* Sort and merge what is new; before lh_ranges_taken. */
extern void lh_ranges_settle(LhRanges *all);
/* Bytes that they take. */
extern size_t lh_ranges_bytes(const LhRanges *all);

/* Where a reader stands; zeroed before its first number. */
typedef struct LhRangesAt
{
	size_t		next;			/* range that does not end below the last number */
	uint64_t	gone;			/* numbers of those before it */
} LhRangesAt;

/*
 * Was the number taken back?  If not, *gone numbers below it were.  Numbers do not
 * descend from call to call.
 */
extern bool lh_ranges_taken(const LhRanges *all, LhRangesAt *at, uint64_t number, uint64_t *gone);

#endif
