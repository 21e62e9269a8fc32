/*
 * parallel.h
 *		A source that the processes of a parallel plan read together.
 *
 *	1. The leader resolves the location once: its list of files, their schema and,
 *	   of tables with snapshots, the state that is pinned are packed into dynamic shared memory, with the word that says which row
 *	   group is the next (scan/share.h).
 *	2. A worker takes list and schema from there.  It opens the files itself, with
 *	   the rights of the same role, which are checked again.
 *	3. A worker adds its counters before it ends, and EXPLAIN shows the sum.
 *
 * The list is as long as there are files, so a table of more than
 * LH_PARALLEL_FILES is not planned this way.
 *
 * These are the bodies of the callbacks that foreign and custom scans have for
 * parallel plans, and what planning needs to know.
 */
#ifndef LH_PG_BRIDGE_PARALLEL_H
#define LH_PG_BRIDGE_PARALLEL_H

#include "pg/bridge/source.h"

#include "access/parallel.h"
#include "nodes/pathnodes.h"

/* Some 20 MB of shared memory. */
#define LH_PARALLEL_FILES 200000

/* ---- planning ---- */

/*
 * How many workers a scan of so many bytes and row groups may use; 0: none.  By
 * bytes as PostgreSQL does by pages, but never more than there are row groups
 * left beside the leader's.
 */
extern int	lh_parallel_workers(RelOptInfo *rel, double bytes, double groups);
/* What a participant's share of the work is divided by: as core's get_parallel_divisor. */
extern double lh_parallel_divisor(int workers);

/* ---- execution ---- */

/*
 * Leader: opens the source; bytes of shared memory it needs.  The clauses (Vars of
 * rti) are those that will be pushed: a table that lists files by filters does it here.
 */
extern Size lh_parallel_estimate(LhSource *source, List *clauses, Index rti, PlanState *ps);
extern void lh_parallel_initialize(LhSource *source, ParallelContext *pcxt, void *coordinate);
/* Leader, before a rescan: all row groups are to be taken again. */
extern void lh_parallel_reinitialize(LhSource *source);
/* Worker, before the source is opened. */
extern void lh_parallel_attach(LhSource *source, void *coordinate);
/* Worker, when it is done: its counters go to the leader; once. */
extern void lh_parallel_report(LhSource *source);

/* ---- what source.c asks ---- */

/* Schema and files as the leader has them; false: the source finds them itself. */
extern bool lh_parallel_describe(LhSource *source);
/* Is what this process wants to tell the user not told yet?  Then it is from now on. */
extern bool lh_parallel_first_notice(LhSource *source);
/* The share of the scan; NULL: this process reads everything. */
extern LhScanShare *lh_parallel_share(LhSource *source);

#endif
