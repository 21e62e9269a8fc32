/*
 * threads.h
 *		Ungrouped aggregates of a whole scan, by the leader and helper threads.
 *
 * Every thread has a scan and a state of its own and takes row groups in turn
 * (scan/share.h); at the end the states become one (agg_merge.c).  What comes
 * out is what one thread would give, to the bit, and so is an error:
 *
 *	1. The sum of floats depends on the order of rows.  Threads only decode and
 *	   filter them; the leader adds the values row group after row group
 *	   (float_queue.h).  With float_fast they are added in parts.
 *	2. Of several errors the one that lies first in the order of rows counts; all
 *	   before it has been read by then.
 *	3. When memory ends, when sums leave 256 bits, or states cannot be merged, the
 *	   leader begins again alone: then it is the serial scan that decides.
 *
 * Helpers start when the leader has read its first pages, so that an answer
 * from metadata makes no thread.  None of them runs when the call returns.
 */
#ifndef LH_EXEC_THREADS_H
#define LH_EXEC_THREADS_H

#include "core/pool.h"
#include "exec/exec.h"

typedef struct LhAggJob
{
	LhScanSpec	scan;			/* tasks given; share is ours; no filter may need the host */
	int			nspecs;			/* those of the LhAgg */
	const LhAggSpec *specs;
	bool		metadata;		/* row groups may be answered from metadata */
	bool		float_fast;
	LhPool	   *pool;			/* idle */
	int			helpers;		/* at most so many of it */
} LhAggJob;

/* agg: empty, and finished by the caller afterwards. */
extern LhStatus lh_agg_with_threads(LhCtx *ctx, const LhAggJob *job, LhAgg *agg);

#endif
