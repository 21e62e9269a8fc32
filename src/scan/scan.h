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

/* Where a column of the table comes from. */
typedef enum LhColumnSource
{
	LH_SRC_DATA,				/* from the data file */
	LH_SRC_PARTITION,			/* value of the file's partition, by name (Hive folders) */
	LH_SRC_FILENAME,			/* path of the file */
	/* of formats that know more of a file or row; all but ROW_ID, ROW_SEQUENCE never null, if not said */
	LH_SRC_POSITION,			/* int64: number of the row in its file, from 0 */
	LH_SRC_DELETED,				/* bool: is the row deleted?  A scan with such a column gives deleted rows, too */
	LH_SRC_SPEC_ID,				/* int32: partition spec of the file */
	LH_SRC_PARTITION_TUPLE,		/* JSON text of the file's partition; null: there is none */
	LH_SRC_ROW_ID,				/* int64: stored in the file, where not null; else task->first_row_id + position; null: neither */
	LH_SRC_ROW_SEQUENCE,		/* int64: stored in the file, where not null; else task->sequence; null: no row id */
	LH_SRC_CHANGE_TYPE,			/* string: INSERT or DELETE (of scans of changes) */
	LH_SRC_CHANGE_ORDINAL,		/* int32 */
	LH_SRC_CHANGE_SNAPSHOT		/* int64 */
} LhColumnSource;

/* Field ids that Iceberg reserves for what LH_SRC_... means, where files store them (spec, "Reserved Field IDs"). */
#define LH_ID_FILE			2147483646
#define LH_ID_POSITION		2147483645
#define LH_ID_DELETED		2147483644
#define LH_ID_SPEC_ID		2147483643
#define LH_ID_PARTITION		2147483642
#define LH_ID_DELETE_PATH	2147483546	/* in position delete files */
#define LH_ID_DELETE_POS	2147483545
#define LH_ID_CHANGE_TYPE	2147483543
#define LH_ID_CHANGE_ORDINAL 2147483542
#define LH_ID_CHANGE_SNAPSHOT 2147483541
#define LH_ID_ROW_ID		2147483540
#define LH_ID_ROW_SEQUENCE	2147483539

typedef struct LhColumn
{
	const char *name;			/* as in the file: any length, any UTF-8 */
	LhType		type;			/* reconciled over all files that were looked at */
	bool		required;		/* no file lets it be null */
	LhColumnSource source;
	int			field_id;		/* -1 */
	bool		hidden;			/* not one of the columns that a foreign table gets by itself (metadata columns) */
	const char *doc;			/* NULL: none */
} LhColumn;

/* What a field is worth in files that were written before it was there; of nested fields, too. */
typedef struct LhDefault
{
	int			field_id;
	LhValue		value;
} LhDefault;

/*
 * Field ids for files that carry none: of the names (any of them) below one
 * group.  Lists have a child "element", maps "key" and "value".
 */
typedef struct LhNameMapping LhNameMapping;
struct LhNameMapping
{
	int			field_id;		/* -1: the root */
	int			nnames;
	const char *const *names;
	int			nchildren;
	const LhNameMapping *children;
};

typedef struct LhTableSchema
{
	int			ncols;
	LhColumn   *cols;
	int64_t		files;			/* looked at for the schema */
	int64_t		bytes;			/* of all data files of the table */
	int64_t		files_total;
	double		rows;			/* exact when files == files_total, else scaled by size */
	double		groups;			/* row groups, as rows */
	bool		deletes;		/* rows of the files may be deleted */

	/* of formats that find columns in files by field id, nested ones too (names are then only the table's) */
	bool		by_id;
	int			ndefaults;		/* ascending by id */
	const LhDefault *defaults;
	const LhNameMapping *mapping;	/* NULL: none; then files without ids are read by the names of the schema */
	LhSlice		state;			/* the format's own, for LhTable.adopt in another process */
} LhTableSchema;

/* Formats of data files; the scan opens them by this (datafile.h). */
typedef enum LhFileFormat
{
	LH_FILE_PARQUET, LH_FILE_AVRO, LH_FILE_ORC, LH_N_FILE_FORMATS
} LhFileFormat;

/*
 * What deletes rows of data files.  Which files' rows is said by the tasks that
 * name it: sequence numbers and partitions have been looked at by then.
 */
typedef enum LhDeleteKind
{
	LH_DELETE_POSITIONS,		/* a data file with columns file path (LH_ID_DELETE_PATH) and position */
	LH_DELETE_VECTOR,			/* a deletion vector at [offset, offset + length) of a file, for one data file */
	LH_DELETE_EQUALITY			/* a data file whose columns ids are keys: equal rows are deleted, null equals null */
} LhDeleteKind;

typedef struct LhDeleteFile
{
	LhDeleteKind kind;
	LhFileFormat format;		/* POSITIONS, EQUALITY */
	const char *path;
	int64_t		size;			/* of the file; -1 unknown */
	int64_t		offset;			/* VECTOR */
	int64_t		length;
	bool		bare;			/* VECTOR: may lie in a file that is no Puffin file (LhTableOptions.legacy_vectors) */
	int64_t		records;		/* rows of the file, or positions of the vector (which is checked); -1 unknown */
	int			nids;			/* EQUALITY */
	const int  *ids;
	LhSlice		key_metadata;	/* of an encrypted file (crypto.h: LhFileKey); empty: it is none */
} LhDeleteFile;

/* Which rows of its file a task gives. */
typedef enum LhTaskRows
{
	LH_ROWS_LIVE,				/* those that no delete of the task deletes */
	LH_ROWS_DELETED				/* those that deletes from "nearlier" on delete and the earlier ones do not (scans of changes) */
} LhTaskRows;

/*
 * One data file to read.  What follows "version" is of formats that know more
 * than files and folders; all zero means: a Parquet file, all of its rows.
 * Arrays and strings may be shared by many tasks.
 */
typedef struct LhFileTask
{
	const char *path;
	int64_t		size;			/* -1 unknown */
	int			npartition;		/* partition values, by name */
	const char *const *partition_names;
	const LhValue *partition_values;
	uint64_t	version;		/* of the file as it was first opened, set by scans; 0: not yet */

	LhFileFormat format;
	LhTaskRows	rows;
	int			nconsts;		/* columns that are constant in the file, by field id (identity partitions): not read from it */
	const int  *const_ids;
	const LhValue *const_values;
	int			ndeletes;
	int			nearlier;		/* of DELETED */
	const uint32_t *deletes;	/* indexes into LhTaskList.deletes */
	uint64_t	satisfied;		/* bit i: every row of the file passes filter i of the LhTaskFilter */
	bool		has_row_ids;
	int64_t		first_row_id;	/* of its first row, when has_row_ids */
	int64_t		sequence;		/* data sequence number */
	int32_t		spec_id;
	const char *partition;		/* LH_SRC_PARTITION_TUPLE; NULL: null */
	bool		change_delete;	/* LH_SRC_CHANGE_TYPE: its rows were deleted */
	int32_t		change_ordinal;
	int64_t		change_snapshot;
	LhSlice		key_metadata;	/* of an encrypted file; empty: it is none */
} LhFileTask;

/* An order of rows, by columns that are found by field id. */
typedef struct LhTaskOrderKey
{
	int			field_id;
	bool		descending;
	bool		nulls_first;
} LhTaskOrderKey;

typedef struct LhTaskOrder
{
	int			n;
	const LhTaskOrderKey *keys;
} LhTaskOrder;

typedef struct LhTaskList
{
	size_t		n;
	LhFileTask *tasks;
	bool		ordered;		/* metadata says that the rows, file by file, are in the order of the LhTaskFilter */
	size_t		ndeletes;
	const LhDeleteFile *deletes;
} LhTaskList;

/* What the reader of a task list will filter by: files in which no row passes may be left out. */
typedef struct LhScanColumn LhScanColumn;
typedef struct LhTaskFilter
{
	int			ncols;
	const LhScanColumn *cols;
	int			nfilters;
	LhPred	  **filters;		/* unbound; columns are indexes into cols; HOST among them says nothing */
	/* The order in which the rows are wanted: tasks are brought into it where metadata says that they have it (ordered).  NULL: none. */
	const LhTaskOrder *order;
} LhTaskFilter;

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

	/* of formats with snapshots; at most one of snapshot_id, snapshot_time_us and ref is set */
	int64_t		snapshot_id;	/* 0: not set */
	bool		has_time;
	int64_t		snapshot_time_us;	/* since 1970 */
	const char *ref;			/* branch or tag; NULL: main */
	const char *pin;			/* metadata file that was chosen before (another process of the statement); NULL */
	bool		allow_version_guess;
	bool		estimate;		/* for planning: what is kept of metadata that was read before will do, changed since or not */
	/*
	 * Of a table that was moved: what its paths begin with, now found at "location"; "auto": whatever its
	 * metadata says; "OLD=>NEW": OLD is now at NEW, for tables whose files lie beside them; NULL: as it says.
	 */
	const char *rebase;
	bool		metadata_columns;	/* metadata columns are not hidden */
	bool		changes;		/* rows inserted and deleted after changes_from up to changes_to */
	int64_t		changes_from;	/* snapshot id; 0: from the beginning */
	int64_t		changes_to;		/* 0: the snapshot chosen above */
	bool		net_changes;	/* rows that came and went in between are left out */
	bool		legacy_vectors;	/* take deletion vectors without their envelope */
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
	/* File tasks in order.  filter (NULL: none) may leave out files in which no row passes. */
	LhStatus	(*tasks) (LhCtx *ctx, LhTable *table, const LhTaskFilter *filter, LhTaskList *out);
	/* Does the list depend on the filter?  Then other filters need another list. */
	bool		filtered;
	/* Instead of schema, in a process that was given one with its state; NULL: nothing is to be done. */
	LhStatus	(*adopt) (LhCtx *ctx, LhTable *table, const LhTableSchema *schema);
	/* A data file's path as delete files name it, in the form of LhFileTask.path; NULL: they are the same. */
	LhStatus	(*file_path) (LhCtx *ctx, LhTable *table, LhStr raw, const char **out);
	/* Facts for EXPLAIN, known after tasks: fn(arg, label, text); NULL: none. */
	LhStatus	(*facts) (LhCtx *ctx, LhTable *table, void (*fn) (void *arg, const char *label, const char *text), void *arg);
};

/* Registered formats; filled by pg/init.c (or a test). */
extern void lh_format_register(const LhFormat *format);
extern const LhFormat *lh_format_find(const char *name);
/* name NULL: ask each format's detect, "parquet" last. */
extern LhStatus lh_table_open(LhCtx *ctx, LhStore *store, LhPqCache *cache, const char *format,
							  const LhTableOptions *options, LhTable **out);

/* A column that the scan's user wants. */
struct LhScanColumn
{
	const char *name;			/* name in the files, or dotted path of a nested leaf; partition or file name column */
	const char *const *members;	/* names of members below it, of structs in structs; NULL-terminated; NULL: the column itself */
	LhColumnSource source;
	LhType		type;			/* type in the table schema; the default type when a file lacks the column */
	bool		required;		/* a null is an error (declared NOT NULL is trusted by the planner, so it is verified) */
	bool		filter_only;	/* not needed in the batch, only by the predicate */
	int			field_id;		/* of the column or nested member itself, where the schema is by_id (then names are not looked at); else -1 */
};

typedef struct LhScanShare LhScanShare;
typedef struct LhDeletes LhDeletes;

typedef struct LhScanSpec
{
	LhTable    *table;
	const LhTableSchema *schema;	/* of the table; NULL: files are read by name and nothing has a default */
	int			ncols;
	const LhScanColumn *cols;
	int			nfilters;		/* conjuncts, applied in this order */
	LhPred	  **filters;		/* unbound; columns are indexes into cols */
	bool		prune;			/* false: lakehouse.pushdown = off (filters are still applied) */
	int			first_batch;	/* rows of the first batch, then doubled up to LH_BATCH; 0: LH_BATCH */
	LhPqOptions parquet;
	/* A task list that several scans share, so that all see the same versions of its files; NULL: ask the table. */
	const LhTaskList *tasks;
	/*
	 * The list was made for the first so many of these filters, in this order: bits of
	 * LhFileTask.satisfied count.  They no longer do after a rewind.
	 */
	int			tasks_filters;
	/* What the list's delete files say (lh_deletes_open), for several scans in threads of one process; NULL: the scan's own. */
	LhDeletes  *deletes;
	/* Read only what lh_scan_take takes (share.h); NULL: everything. */
	LhScanShare *share;
} LhScanSpec;

/* In ctx->arena; *out NULL when no task has deletes.  table, schema and tasks must outlive it. */
extern LhStatus lh_deletes_open(LhCtx *ctx, LhTable *table, const LhTableSchema *schema,
								const LhTaskList *tasks, LhDeletes **out);

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
 * metadata.  When set, the scan calls fn for every row group whose rows all
 * pass the filters (verdict ALL), those apart that are deleted by position,
 * and skips reading it when fn takes it.
 */
typedef struct LhDataFile LhDataFile;	/* datafile.h */
typedef struct LhMetaGroup
{
	LhDataFile *file;
	int			group;
	int64_t		rows;			/* of the group */
	int64_t		alive;			/* of these, rows that are not deleted; which ones is not known */
	const int  *nodes;			/* by column; -1: none of the file */
} LhMetaGroup;
typedef LhStatus (*LhMetaFn) (LhCtx *ctx, void *arg, const LhMetaGroup *group, bool *taken);
extern void lh_scan_set_meta(LhScan *scan, LhMetaFn fn, void *arg);
/* Bounds of a column in all rows of the group, deleted ones included; known = false and nulls = -1 when there are none. */
extern LhStatus lh_meta_bounds(LhCtx *ctx, const LhMetaGroup *group, int col, LhBounds *out);

/* Files that stay open over rewinds, so that a probe costs no footer and no page index. */
#define LH_SCAN_KEEP_FILES 32

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
