/*
 * fit.h
 *		Internal: types of files against types of the table.
 */
#ifndef LH_SCAN_FIT_H
#define LH_SCAN_FIT_H

#include "vec/types.h"

/* May a file's column stand where the table has this type, when both have its name? */
extern bool lh_type_fits(LhCtx *ctx, const LhType *file, const LhType *table);

/*
 * ... when both have its field id?  Not nested ones.  *as: the file's type with the
 * table's meaning.  A table type of id NULL takes anything.
 */
extern bool lh_type_promotes(LhCtx *ctx, const LhType *file, const LhType *table, LhType *as);

#endif
