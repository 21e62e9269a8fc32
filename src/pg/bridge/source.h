/*
 * source.h
 *		A lake table as a source of batches: what scans, aggregates, ANALYZE and
 *		lakehouse.read have in common.
 *
 * The steps, in order:
 *
 *	1. lh_source_create: names, types and options; nothing is opened.
 *	2. lh_source_open: checks the owner's rights, opens the location, reads the
 *	   schema.
 *	3. lh_source_column for each attribute that is wanted: finds it in the
 *	   files' schema and makes it a scan column.
 *	4. lh_source_filters: builds the pushed clauses with the values parameters
 *	   have now.
 *	5. lh_source_next until NULL; the first call opens the scan.
 *	6. lh_source_rewind begins again; after steps 3 and 4 were repeated with
 *	   other parameters where these changed.
 *
 * source_open.c has steps 1 and 2, source_column.c step 3, source.c the rest.
 * Everything lives in one memory context, a child of the caller's, and goes
 * with it.
 */
#ifndef LH_PG_BRIDGE_SOURCE_H
#define LH_PG_BRIDGE_SOURCE_H

#include "pg/bridge/bridge.h"

#include "scan/overlap.h"

/* Members of composite columns that may be scan columns by themselves. */
#define LH_SOURCE_MEMBERS 256

/* A member of a composite column as a scan column (members.h). */
typedef struct LhSourceMember
{
	List	   *path;
	LhQualColumn qual;
} LhSourceMember;

typedef struct LhSource
{
	LhCtx	   *ctx;			/* budget is work_mem */
	MemoryContext mcxt;			/* all of the source */
	Oid			relid;			/* InvalidOid: not a foreign table */
	Oid			serverid;
	Oid			roleid;			/* whose rights open the files: the table's owner */
	char	   *relname;		/* for messages */
	TupleDesc	desc;
	const char **names;			/* by attno - 1: name in the files, UTF-8; NULL: dropped */
	int		   *field_ids;		/* by attno - 1: option field_id; -1: none */
	bool		has_field_ids;	/* one at least has it */
	LhLakeOptions options;
	EState	   *estate;			/* of the statement that reads, for its pins (pin.h); NULL: none */
	bool		as_of;			/* the setting lakehouse.as_of chose the snapshot */

	LhTable    *table;			/* from lh_source_open on */
	LhTableSchema schema;
	LhTableSchema *current;		/* of the table as it is now, where another state is read; made at need */
	const LhTaskOrder *order;	/* in which files are wanted, set before they are listed; NULL: none */
	LhTaskList	tasks;			/* shared by all scans of the source, and with parallel workers */
	bool		has_tasks;
	bool		list_stays;		/* whatever filters come */
	bool		relisted;		/* it was made without filters once, to see how long it is */
	int			round;			/* of filters: one more with each lh_source_filters */
	int			listed;			/* the round that tasks were listed for */
	LhArena    *tasks_arena;

	int			ncols;			/* scan columns */
	int			room;			/* for scan columns; never more */
	LhScanColumn *cols;
	AttrNumber *attnos;			/* by scan column */
	LhQualColumn *quals;		/* by attno - 1; col is -1 until lh_source_column */
	int			nmembers;
	LhSourceMember *members;
	List	   *wanted_members; /* paths, for the reader; set before it starts */

	int			nfilters;
	LhPred	  **filters;
	LhArena    *filter_arena;	/* of the filters above */
	struct LhHostQuals *hosts;	/* conditions that PostgreSQL evaluates; NULL: none */
	MemoryContext filter_mcxt;	/* what making them took */
	const char *refusal;		/* why the engine refused a clause; NULL: it took all */

	int			first_batch;	/* rows of the first batch; see LhScanSpec */
	LhScan	   *scan;			/* NULL: lh_source_next opens it */
	bool		stale;			/* cols are others than the scan's */
	LhMetaFn	meta;			/* see lh_scan_set_meta */
	void	   *meta_arg;
	struct LhProgress *progress;	/* for lakehouse.scan_progress; NULL: not yet, or not recorded */
	bool		noticed;		/* the NOTICE about lost digits was given */
	/* of a parallel plan (parallel.h) */
	struct LhParallel *parallel;	/* in shared memory; NULL: none, or no longer */
	bool		is_worker;
	LhBuf		packed;			/* schema and list, until shared memory is there */
	LhCounters	workers;		/* counters of workers that have ended */
	size_t		workers_floor;	/* highest memory of any of them */
	size_t		workers_peak;

	LhArena    *arena;			/* the source's own */
	LhArena    *scan_arena;
	LhArena    *scan_filter_arena;	/* filters that the scan uses until it is rewound */
} LhSource;

/*
 * A foreign table as its owner reads it.  When it is read for its changes, desc has
 * LH_CHANGE_ATTRS attributes more than the table (changes.h).
 */
extern LhSource *lh_source_create(Oid relid, MemoryContext parent);
/* With other options than the table's own. */
extern LhSource *lh_source_create_with(Oid relid, const LhLakeOptions *options, MemoryContext parent);
/* Columns given by a row type; names as they are; role and server as given. */
extern LhSource *lh_source_create_desc(TupleDesc desc, const char *relname, Oid roleid, Oid serverid,
									   const LhLakeOptions *options, MemoryContext parent);

/*
 * Opens the location for execution, unless it is open; raises.  A table with
 * snapshots is pinned for the statement of source->estate, which is set before.
 */
extern void lh_source_open(LhSource *source);

/* The same for those who ask the table's metadata and not its columns; may be called once. */
extern LhTable *lh_source_open_table(LhSource *source);
/* Says in the error of a status that lakehouse.as_of chose the state, which is not to be seen in the location. */
extern LhStatus lh_source_name_setting(LhSource *source, LhStatus status);

/*
 * For planning: as above and at most max_files footers, but a location that
 * cannot be read is no error: false, with the reason in source->ctx->error.
 * Cancellation is raised.
 */
extern bool lh_source_try_open(LhSource *source, int max_files);

/*
 * Of a source that is open for planning: how the row groups divide the values of
 * an attribute; false when that cannot be told.
 */
extern bool lh_source_overlap(LhSource *source, AttrNumber attno, int max_files, LhOverlap *out);

/* Of such a source: do the footers of the first and the last file count the nulls of an attribute, and have its exact bounds (values)? */
extern bool lh_source_exact(LhSource *source, AttrNumber attno, bool values);

/* Where a name or dotted path leads in a schema: source, type and field id of *out; false: nowhere. */
extern bool lh_source_find(const LhTableSchema *schema, const char *name, LhScanColumn *out);
/* Where a field is, perhaps inside structs: also its (dotted) name, in the current memory context. */
extern bool lh_source_find_field(const LhTableSchema *schema, int field_id, LhScanColumn *out);
/* Is it a table whose snapshot somebody chose, so that it may lack what the table has now? */
extern bool lh_source_is_past(const LhSource *source);
/* Is an attribute, by its name or the option field_id, a column that Iceberg reserves? */
extern bool lh_source_is_metadata(const LhSource *source, AttrNumber attno);
/* Columns of a schema that are no metadata columns. */
extern int	lh_source_visible(const LhTableSchema *schema);

/* Scan column of an attribute; filter_only as in LhScanColumn.  Raises when no file has it. */
extern int	lh_source_column(LhSource *source, AttrNumber attno, bool filter_only);
/*
 * Scan column of a member of a composite column; -1 when the files hold no such
 * member, or there is no room: then the column is to be read whole, which says
 * what is wrong.
 */
extern int	lh_source_member(LhSource *source, List *path, bool filter_only);
/* What conditions have to know of it; NULL: lh_source_member was not asked, or said no. */
extern const LhQualColumn *lh_source_member_qual(const LhSource *source, List *path);
/* For each attribute in a bitmapset as pull_varattnos makes it (whole row: all live ones). */
extern void lh_source_columns(LhSource *source, Bitmapset *attrs, bool filter_only);

/*
 * Filters from pushed clauses (Vars of relation rti).  Returns the clauses
 * that the engine does not take after all: the caller needs their columns and
 * evaluates them itself.
 */
extern List *lh_source_filters(LhSource *source, List *clauses, Index rti, ExprContext *econtext,
							   PlanState *parent);

/* What the scan reads, for those who open scans of their own on it; all files in tasks. */
extern void lh_source_spec(LhSource *source, LhScanSpec *spec);
/* Bytes of the columns that are read, as far as the size of files tells. */
extern double lh_source_bytes(const LhSource *source);
/* Does a filter ask PostgreSQL? */
extern bool lh_source_asks_host(const LhSource *source);

/* As lh_scan_set_meta, for the scan that is open and any later one; fn NULL: none. */
extern void lh_source_set_meta(LhSource *source, LhMetaFn fn, void *arg);
/* The files, listed once for the filters of now, however many scans the source opens. */
extern const LhTaskList *lh_source_tasks(LhSource *source);
/* List them now and for good; exact: later filters are the same ones as now. */
extern void lh_source_list(LhSource *source, bool exact);
/* Next batch, NULL at the end. */
extern const LhBatch *lh_source_next(LhSource *source);
extern void lh_source_rewind(LhSource *source);

/*
 * A pass over the files begins, or has ended, for lakehouse.scan_progress.
 * lh_source_next does this; those who open scans of their own call it.
 */
extern void lh_source_report(LhSource *source, bool running);

/* NOTICE when the scan lost digits of nanoseconds; once. */
extern void lh_source_notice(LhSource *source);

#endif
