/*
 * fdw.h
 *		The foreign data wrapper's callbacks, by file.
 *
 *	handler.c		the routine: which callback is where
 *	validator.c		options of CREATE and ALTER
 *	plan.c			sizes, paths, plans
 *	probe.c			paths of look-ups: parameters of nested loops
 *	sorted.c		the declared order of rows
 *	estimate.c		selectivities and widths by a manifest list
 *	stats.c			what table metadata says of columns, for the planner
 *	exec.c			rows
 *	once.c			expressions of the plan, once a dictionary entry
 *	explain.c		what EXPLAIN shows
 *	analyze.c		samples for ANALYZE
 *	parallel.c		workers of a parallel plan
 *	agg_*.c			aggregates as foreign scans (agg.h)
 */
#ifndef LH_PG_FDW_H
#define LH_PG_FDW_H

#include "postgres.h"

#include "commands/explain.h"
#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
#include "utils/selfuncs.h"
#include "utils/tuplesort.h"

#include "pg/bridge/changes.h"
#include "pg/bridge/parallel.h"
#include "pg/bridge/reader.h"

/*
 * fdw_private of a plan that scans rows: core nodes only, because it is copied
 * and printed.  The pushed clauses are fdw_exprs.
 */
enum LhFdwPrivate
{
	LH_FDW_ATTRS,				/* List of int: attribute numbers to emit, ascending */
	LH_FDW_REASONS,				/* List of String: why clauses of the plan's qual were not pushed */
	LH_FDW_SORTED,				/* columns whose declared order the plan relies on (sorted.c) */
	LH_FDW_MEMBERS				/* paths of members to emit of other attributes (members.h) */
};

/* plan.c */

/* rel->fdw_private of a base relation during planning. */
typedef struct LhFdwRel
{
	LhSource   *source;			/* open, until paths are made; NULL: not needed, or its files cannot be read */
	LhSource   *planned;		/* of a table with snapshots, open for the whole of planning; NULL */
	double		bytes;			/* of all files */
	int			columns;		/* of the files */
	bool		sorted;			/* an order is declared */
	double		groups;			/* row groups; 0: too many files for a parallel plan */
	double		used;			/* columns that are read */
	double		read;			/* their bytes */
	int			workers;		/* of a parallel scan; 0: none */
	bool		states;			/* the table has snapshots */
	bool		leader_only;	/* it has, or may have: nobody could look */
	bool		changes;		/* its changes are read, whose rows need more than a scan */
	bool		deletes;		/* it has delete files, or nobody knows */
	bool		asked_footers;	/* for statistics of the columns of aggregates: */
	bool		statistics;		/* there are some */
	struct LhFdwDistinct *distinct; /* NULL: none are known */
} LhFdwRel;

/* Footers that planning reads at most. */
#define LH_PLAN_FOOTERS 32

/* Do footers count the nulls of these attributes (by number), and have exact bounds of those, as far as one or two of them tell? */
extern bool lh_fdw_has_statistics(PlannerInfo *root, RelOptInfo *rel, Bitmapset *counted, Bitmapset *compared);
extern void lh_fdw_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void lh_fdw_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *lh_fdw_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
								List *tlist, List *clauses, Plan *outer);

/* probe.c: paths for the inner side of nested loops, where footers say that look-ups read little. */
extern void lh_fdw_probe_paths(PlannerInfo *root, RelOptInfo *rel);

/* stats.c */

/*
 * Numbers of distinct values, from the table's metadata, of a source that stays open for
 * the whole of planning.  Each is looked up when the planner asks for it, once.
 */
typedef struct LhFdwDistinct LhFdwDistinct;
extern LhFdwDistinct *lh_fdw_distinct(LhSource *source);
/* For the hook of init.c: statistics of a column; true when vardata was filled. */
extern bool lh_fdw_relation_stats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attno, VariableStatData *vardata);

/* estimate.c: selectivities and widths by the manifest list of an Iceberg table that is open for planning. */
extern void lh_fdw_estimate(PlannerInfo *root, RelOptInfo *rel, LhSource *source);

/* sorted.c */

/* Pathkeys of the table's declared order, as far as the query can use them; *columns: for fdw_private. */
extern List *lh_sorted_pathkeys(PlannerInfo *root, RelOptInfo *rel, const LhSource *source, List **columns);
/* The same of the order that an Iceberg table's metadata says, of a source that is open for planning. */
extern List *lh_sorted_metadata_pathkeys(PlannerInfo *root, RelOptInfo *rel, LhSource *source, List **columns);
/* Do columns rely on metadata? */
extern bool lh_sorted_by_metadata(List *columns);
/* Their attribute numbers: these have to be emitted. */
extern List *lh_sorted_attnos(List *columns);

typedef struct LhSorted LhSorted;
extern LhSorted *lh_sorted_create(LhReader *reader, List *columns);
/* The rows of the reader's new window; raises when they are not in order. */
extern void lh_sorted_check(LhSorted *sorted);
extern void lh_sorted_rewind(LhSorted *sorted);

/* Ask for the files in the order of metadata, before they are listed: source->tasks.ordered says whether they are. */
extern void lh_sorted_want(LhReader *reader, List *columns);
/* To sort rows of the scan's tuple instead; in the source's memory. */
extern Tuplesortstate *lh_sorted_sorter(const LhSource *source, TupleDesc desc, const int *places, List *columns);

/* exec.c */

/* State of a scan of rows, node->fdw_state. */
typedef struct LhFdwScan
{
	LhSource   *source;
	List	   *clauses;		/* pushed; Vars of the table */
	int			slot_natts;		/* columns of the slot */
	int		   *places;			/* column of the slot of each attribute, by attno - 1; -1: none */
	LhReader   *reader;			/* NULL: no row was asked for yet */
	ExprState  *refused;		/* clauses that the engine refused, or NULL */
	List	   *refused_list;
	LhSorted   *sorted;			/* NULL: the plan relies on no order */
	bool		by_metadata;	/* the order is that of an Iceberg table's metadata */
	bool		begun;			/* since the last rewind: whether the files are in this order is known */
	Tuplesortstate *sorter;		/* they are not: all rows, sorted here */
	TupleTableSlot *sorter_slot;
	LhChanges  *changes;		/* of a table that is read for its changes */
	Datum	   *change_values;	/* of one row, by attno - 1 */
	bool	   *change_nulls;
} LhFdwScan;

extern void lh_fdw_begin(ForeignScanState *node);
extern TupleTableSlot *lh_fdw_iterate(ForeignScanState *node);
extern void lh_fdw_rescan(ForeignScanState *node);
extern void lh_fdw_end(ForeignScanState *node);

/*
 * once.c: at the end of begin, before any row.  Parts of the target list and of the executor's conditions that depend on one
 * dictionary column are evaluated once for each entry of it.
 */
extern void lh_once_begin(ForeignScanState *node, LhFdwScan *scan);

/* parallel.c */
extern bool lh_fdw_parallel_safe(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);
extern Size lh_fdw_estimate_dsm(ForeignScanState *node, ParallelContext *pcxt);
extern void lh_fdw_initialize_dsm(ForeignScanState *node, ParallelContext *pcxt, void *coordinate);
extern void lh_fdw_reinitialize_dsm(ForeignScanState *node, ParallelContext *pcxt, void *coordinate);
extern void lh_fdw_initialize_worker(ForeignScanState *node, shm_toc *toc, void *coordinate);
extern void lh_fdw_shutdown(ForeignScanState *node);

/* explain.c */
extern void lh_fdw_explain(ForeignScanState *node, ExplainState *es);

/* analyze.c */
extern bool lh_fdw_analyze(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages);

#endif
