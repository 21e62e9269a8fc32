/*
 * deletes.h
 *		Internal: what the delete files of a task list say of its data files.
 *
 * Delete files are read when the first row group that they concern is read, and
 * once for all data files of the list: position delete files into a set of rows
 * for each data file, equality delete files into sets of keys (eqset.h).
 * Several scans of one list, in threads of one process, may share them: the
 * memory is then their owner's, and every call is made under a lock.
 */
#ifndef LH_SCAN_DELETES_H
#define LH_SCAN_DELETES_H

#include "scan/eqset.h"
#include "scan/rowset.h"
#include "scan/scan.h"

/* Field ids that are keys of equality deletes anywhere in the list, ascending. */
extern void lh_deletes_key_ids(const LhDeletes *deletes, int *n, const int **ids);

/*
 * Positions that deletes [from, to) of a task delete; *out NULL: none.  Valid as
 * long as ctx->arena and the deletes are.
 */
extern LhStatus lh_deletes_positions(LhCtx *ctx, LhDeletes *deletes, size_t task, int from, int to,
									 const LhRowSet **out);

/* Keys by one list of columns, of the deletes [from, to) of a task that are equality deletes. */
typedef struct LhKeyDeletes
{
	LhEqSet *set;
	LhEqFilter *filter;
	int nids;
	const int *ids;
} LhKeyDeletes;
/* In ctx->arena. */
extern LhStatus lh_deletes_keys(LhCtx *ctx, LhDeletes *deletes, size_t task, int from, int to, int *n,
								LhKeyDeletes **out);
/* As lh_eqfilter_probe, under the lock: another scan may be adding to the set. */
extern LhStatus lh_deletes_probe(LhCtx *ctx, LhDeletes *deletes, const LhKeyDeletes *keys,
								 const LhVec *const *vecs, const LhSel *sel, uint64_t *hits);

#endif
