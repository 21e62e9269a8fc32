/*
 * scan.h
 *		Table formats behind one vtable, and the scan that reads their files.
 *
 * A format (files/, later iceberg/, delta/, hudi/) turns a location into a
 * schema and a list of file tasks.  The scan opens each task's data file,
 * prunes, filters, and only then reads payload columns:
 *
 *	for each file task:   prune by partition values; open; bind predicates
 *	  for each row group: prune by statistics, bloom filters, page index,
 *	                      dictionaries -> ranges of rows
 *	    for each batch:   read the columns of each filter in turn, narrowing the
 *	                      selection; when rows are left, read the payload
 *
 * (DESIGN D6.)  A scan is single-threaded and pull-based (several of them may
 * share the row groups of a table: share.h); it never decides
 * about rights (LhStore does) and never calls the host's functions
 * (LH_NEED_HOST does).
 */
#ifndef LH_SCAN_SCAN_H
#define LH_SCAN_SCAN_H

#include "parquet/parquet.h"
#include "vec/pred.h"

/* A column of the table as the format presents it. */
typedef enum LhColumnSource
{
	LH_SRC_DATA,				/* from the data file */
	LH_SRC_PARTITION,			/* value of the file's partition */
	LH_SRC_FILENAME				/* path of the file */
} LhColumnSource;

typedef struct LhColumn
{
	const char *name;			/* as in the file: any length, any UTF-8 */
	LhType		type;			/* reconciled over all files that were looked at */
	bool		required;		/* no file lets it be null */
	LhColumnSource source;
	int			field_id;		/* -1 */
} LhColumn;

typedef struct LhTableSchema
{
	int			ncols;
	LhColumn   *cols;
	int64_t		files;			/* looked at for the schema */
	int64_t		bytes;			/* of all data files of the table */
	int64_t		files_total;
	double		rows;			/* exact when files == files_total, else scaled by size */
	double		groups;			/* row groups, as rows */
} LhTableSchema;

/* One data file to read. */
typedef struct LhFileTask
{
	const char *path;
	int64_t		size;			/* -1 unknown */
	int			npartition;		/* partition values, by name */
	const char *const *partition_names;
	const LhValue *partition_values;
	uint64_t	version;		/* of the file as it was first opened, set by scans; 0: not yet */
} LhFileTask;

typedef struct LhTaskList
{
	size_t		n;
	LhFileTask *tasks;
} LhTaskList;

/* Table options that formats understand; strings may be NULL. */
typedef struct LhTableOptions
{
	const char *location;		/* file, directory, glob or JSON array of these */
	int			hive_partitioning;	/* 0 off, 1 on, -1 automatic (on when every file has k=v directories) */
	bool		union_by_name;	/* columns of all files; false: the first file's (others must hold them) */
	const char *filename_column;	/* NULL: none */
	const char *const *columns; /* only these top-level columns (option "columns"); NULL-terminated; NULL: all */
	int			max_schema_files;	/* footers read to make the schema; 0: all */
	size_t		max_files;		/* limit of files; 0: the default (1,000,000) */
} LhTableOptions;

typedef struct LhTable LhTable;

typedef struct LhFormat
{
	const char *name;			/* "parquet" (files), "iceberg", ... */
	/* Does this location look like ours? Cheap. */
	LhStatus	(*detect) (LhCtx *ctx, LhStore *store, const char *location, bool *yes);
	LhStatus	(*open) (LhCtx *ctx, LhStore *store, LhPqCache *cache, const LhTableOptions *options, LhTable **out);
} LhFormat;

/* What every format's table begins with. */
struct LhTable
{
	const LhFormat *format;
	LhStore    *store;
	LhPqCache  *cache;
	/* Schema; reads at most options->max_schema_files footers. */
	LhStatus	(*schema) (LhCtx *ctx, LhTable *table, LhTableSchema *out);
	/* All file tasks in order; pred (unbound, over names) may prune by partition values. */
	LhStatus	(*tasks) (LhCtx *ctx, LhTable *table, LhTaskList *out);
};

/* Registered formats; filled by pg/init.c (or a test). */
extern void lh_format_register(const LhFormat *format);
extern const LhFormat *lh_format_find(const char *name);
/* name NULL: ask each format's detect, "parquet" last. */
extern LhStatus lh_table_open(LhCtx *ctx, LhStore *store, LhPqCache *cache, const char *format,
							  const LhTableOptions *options, LhTable **out);

/* A column that the scan's user wants. */
typedef struct LhScanColumn
{
	const char *name;			/* name in the files, or dotted path of a nested leaf; partition or file name column */
	const char *const *members;	/* names of members below it, of structs in structs; NULL-terminated; NULL: the column itself */
	LhColumnSource source;
	LhType		type;			/* type in the table schema; the default type when a file lacks the column */
	bool		required;		/* a null is an error (declared NOT NULL is trusted by the planner, so it is verified) */
	bool		filter_only;	/* not needed in the batch, only by the predicate */
} LhScanColumn;

typedef struct LhScanShare LhScanShare;

typedef struct LhScanSpec
{
	LhTable    *table;
	int			ncols;
	const LhScanColumn *cols;
	int			nfilters;		/* conjuncts, applied in this order */
	LhPred	  **filters;		/* unbound; columns are indexes into cols */
	bool		prune;			/* false: lakehouse.pushdown = off (filters are still applied) */
	int			first_batch;	/* rows of the first batch, then doubled up to LH_BATCH; 0: LH_BATCH */
	LhPqOptions parquet;
	/* A task list that several scans share, so that all see the same versions of its files; NULL: ask the table. */
	const LhTaskList *tasks;
	/* Read only what lh_scan_take takes (share.h); NULL: everything. */
	LhScanShare *share;
} LhScanSpec;

typedef struct LhBatch
{
	int			n;				/* rows, before selection */
	LhSel		sel;
	const LhVec *const *vecs;	/* ncols; NULL for filter_only columns that were not read */
	int64_t		first_row;		/* of the file */
	const LhFileTask *task;
	bool		new_file;		/* first batch of a file: types may have changed */
} LhBatch;

typedef struct LhScan LhScan;

extern LhStatus lh_scan_open(LhCtx *ctx, const LhScanSpec *spec, LhScan **out);

/*
 * Next batch with at least one selected row; *batch NULL at the end.
 * LH_NEED_HOST: *request is to be answered, then call again.  The batch lives
 * until the next call.
 */
extern LhStatus lh_scan_next(LhCtx *ctx, LhScan *scan, const LhBatch **batch, LhHostRequest **request);

/*
 * For aggregates: before reading a row group, ask whether its answer is in the
 * metadata.  When set, the scan calls fn for every row group (or file) whose
 * filters all rows pass (verdict ALL) and skips reading it when fn takes it.
 */
typedef LhStatus (*LhMetaFn) (LhCtx *ctx, void *arg, LhPqFile *file, int group, const int *nodes, bool *taken);
extern void lh_scan_set_meta(LhScan *scan, LhMetaFn fn, void *arg);

/*
 * Begin again from the first file (rescan); the filters may be others.  What stays,
 * as long as memory allows: the task list; of up to LH_SCAN_KEEP_FILES files
 * descriptor, footer, page indexes and bloom filters; of the row group that was
 * read last the flat columns with their decoded dictionaries, in case it is the
 * next one to be read.
 */
extern LhStatus lh_scan_rewind(LhCtx *ctx, LhScan *scan, int nfilters, LhPred **filters);

/* Why a row group was kept or skipped, for debugging (LH_COUNTERS count). */
extern const char *lh_scan_file(const LhScan *scan);	/* path being read, NULL */

#endif
