/*
 * rowset.h
 *		Internal: sets of row numbers of a file, 64-bit ones.
 *
 * Kept as Roaring bitmaps of libroaring, one for each value of a row number's
 * high 32 bits.  Memory is the library's; it is counted with the arena that the
 * set was made in and released with it.
 *
 * The portable 64-bit form (https://github.com/RoaringBitmap/RoaringFormatSpec):
 * count of bitmaps (8 bytes, little-endian), then for each its key (4 bytes)
 * and the bitmap; keys ascend.
 */
#ifndef LH_SCAN_ROWSET_H
#define LH_SCAN_ROWSET_H

#include "vec/vec.h"

typedef struct LhRowSet LhRowSet;

/* An empty set in ctx->arena.  floor: its memory is never refused. */
extern LhStatus lh_rowset_create(LhCtx *ctx, bool floor, LhRowSet **out);
/* Numbers in any order, fastest ascending; none may be negative. */
extern LhStatus lh_rowset_add(LhCtx *ctx, LhRowSet *set, const int64_t *rows, int n);
/* set |= other */
extern LhStatus lh_rowset_or(LhCtx *ctx, LhRowSet *set, const LhRowSet *other);
/* No more rows come: what grew is counted now. */
extern LhStatus lh_rowset_finish(LhCtx *ctx, LhRowSet *set);

/* A set in the portable form, which must fill the bytes; every part of it is checked.  what: for messages. */
extern LhStatus lh_rowset_parse(LhCtx *ctx, LhSlice bytes, bool floor, const char *what, LhRowSet **out);

extern uint64_t lh_rowset_count(const LhRowSet *set);
/* Of rows [from, to). */
extern uint64_t lh_rowset_count_range(const LhRowSet *set, int64_t from, int64_t to);
/* Bit i of words: is from + i in the set?  n <= LH_BATCH; bits at and above n are 0. */
extern void lh_rowset_words(const LhRowSet *set, int64_t from, int n, uint64_t *words);

#endif
