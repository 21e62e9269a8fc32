/*
 * invert.h
 *		Look-ups of tokens in indexes of raw columns.
 *
 *	invert.c		which conditions, and paths for them
 *	invert_run.c	lakehouse.mask_invert: from a token to its value
 */
#ifndef LH_PG_PRIVACY_INVERT_H
#define LH_PG_PRIVACY_INVERT_H

#include "pg/privacy/enforce.h"

#include "nodes/pathnodes.h"

/* set_rel_pathlist_hook: paths that look for tokens, beside those that the planner has made. */
extern void lh_invert_paths(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);

#endif
