/*
 * overlap.h
 *		Do the row groups of a table hold different values of a column?
 *
 * For planners: where they do, a look-up of one value reads few of them.
 */
#ifndef LH_SCAN_OVERLAP_H
#define LH_SCAN_OVERLAP_H

#include "scan/scan.h"

typedef struct LhOverlap
{
	double		groups;			/* row groups that were looked at */
	double		others;			/* of the other row groups, the share whose bounds meet those of one; 1: nothing is known */
	bool		bloom;			/* each has a bloom filter */
} LhOverlap;

/*
 * A column or partition column by its name, or dotted path, in the files.  Reads
 * the footers of at most max_files files, spread evenly, and nothing else.
 */
extern LhStatus lh_overlap(LhCtx *ctx, const LhTable *table, const LhTaskList *tasks, const char *name, int max_files,
						   LhOverlap *out);


/*
 * Do the first and the last row group of the first and the last file have the count of a column's nulls, and (values) the least and the
 * greatest of its values as they are?  A partition column has none in the files.
 */
extern LhStatus lh_bounds_exact(LhCtx *ctx, const LhTable *table, const LhTaskList *tasks, const char *name, bool values,
								bool *yes);

#endif
