/*
 * eqset.h
 *		Internal: keys of equality delete files, and rows looked up in them.
 *
 * One set holds the keys of all delete files that delete by the same columns,
 * each key with the files that it came from.  So a row is looked up once,
 * however many delete files there are, and a key found counts only when one of
 * its files applies to the data file at hand.
 *
 * When are keys equal?  As in Iceberg's Java readers, after promotion to the
 * type that the set was made with: numbers and moments by value, text and bytes
 * byte by byte, null equals null, floats as Double.equals has it: NaN equals NaN,
 * and -0 is not 0.
 */
#ifndef LH_SCAN_EQSET_H
#define LH_SCAN_EQSET_H

#include "vec/vec.h"

typedef struct LhEqSet LhEqSet;

/* An empty set in ctx->arena for keys of these types, which stay where they are.  Nested ones are LH_UNSUPPORTED. */
extern LhStatus lh_eqset_create(LhCtx *ctx, int ncols, const LhType *types, LhEqSet **out);
/* Can keys of this type be looked up in column i? */
extern bool lh_eqset_fits(const LhEqSet *set, int i, const LhType *type);
/* So many more keys will come, if they differ. */
extern LhStatus lh_eqset_reserve(LhCtx *ctx, LhEqSet *set, int64_t n);
/* Put in n rows of vectors that fit; owner: the delete file, files one after the other. */
extern LhStatus lh_eqset_add(LhCtx *ctx, LhEqSet *set, uint32_t owner, const LhVec *const *vecs, int n);
/*
 * All keys of now are in; before it they may not be found, nor counted.  Not while others look up; filters are
 * made afterwards.
 */
extern LhStatus lh_eqset_seal(LhCtx *ctx, LhEqSet *set);
/* Keys that differ. */
extern uint64_t lh_eqset_keys(const LhEqSet *set);

/* A set as one data file sees it. */
typedef struct LhEqFilter LhEqFilter;

/* owners: a bit for each delete file that applies; kept by the filter. */
extern LhStatus lh_eqfilter_create(LhCtx *ctx, LhEqSet *set, const uint64_t *owners, LhEqFilter **out);
/* hits: bits of the selected rows that are deleted; all others are 0. */
extern LhStatus lh_eqfilter_probe(LhCtx *ctx, LhEqFilter *filter, const LhVec *const *vecs,
								  const LhSel *sel, uint64_t *hits);

#endif
