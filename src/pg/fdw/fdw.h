/*
 * fdw.h
 *		The foreign data wrapper's callbacks, by file.
 *
 *	handler.c		the routine: which callback is where
 *	validator.c		options of CREATE and ALTER
 *	plan.c			sizes, paths, plans
 *	exec.c			rows
 *	explain.c		what EXPLAIN shows
 *	analyze.c		samples for ANALYZE
 *	agg_*.c			aggregates as foreign scans (agg.h)
 */
#ifndef LH_PG_FDW_H
#define LH_PG_FDW_H

#include "postgres.h"

#include "commands/explain.h"
#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

#include "pg/bridge/source.h"

/*
 * fdw_private of a plan that scans rows: core nodes only, because it is copied
 * and printed.  The pushed clauses are fdw_exprs.
 */
enum LhFdwPrivate
{
	LH_FDW_ATTRS,				/* List of int: attribute numbers to emit, ascending */
	LH_FDW_REASONS				/* List of String: why clauses of the plan's qual were not pushed */
};

/* plan.c */
extern void lh_fdw_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void lh_fdw_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *lh_fdw_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
								List *tlist, List *clauses, Plan *outer);

/* exec.c */

/* One column that is emitted. */
typedef struct LhFdwColumn
{
	AttrNumber	attno;
	int			col;			/* scan column */
	bool		notnull;		/* declared: null is an error */
	LhEmitter  *emitter;
	Datum	   *values;			/* of the window of rows, LH_BATCH */
	bool	   *nulls;
} LhFdwColumn;

/* State of a scan of rows, node->fdw_state. */
typedef struct LhFdwScan
{
	LhSource   *source;
	bool		started;		/* the location is open and columns are bound */
	List	   *clauses;		/* pushed: fdw_exprs of the plan */
	ExprState  *local;			/* those that the engine refused, or NULL */
	List	   *local_clauses;

	int			ncolumns;
	LhFdwColumn *columns;

	const LhBatch *batch;
	uint32_t	rows[LH_BATCH]; /* selected rows of the batch */
	int			nrows;
	int			emitted;		/* of rows: up to where columns hold values */
	int			first;			/* of rows: what values[0] belongs to */
	int			next;			/* of rows: to be returned next */
	bool		done;
	MemoryContext batch_mcxt;	/* values of the window */
} LhFdwScan;

extern void lh_fdw_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *lh_fdw_iterate(ForeignScanState *node);
extern void lh_fdw_rescan(ForeignScanState *node);
extern void lh_fdw_end(ForeignScanState *node);

/* explain.c */
extern void lh_fdw_explain(ForeignScanState *node, ExplainState *es);
/* Parts that aggregates show too. */
extern void lh_fdw_explain_source(const LhSource *source, ExplainState *es);
extern void lh_fdw_explain_counters(const LhSource *source, ExplainState *es);

/* analyze.c */
extern bool lh_fdw_analyze(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages);

#endif
