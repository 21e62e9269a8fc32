/*
 * table.h
 *		Internal: a table of bare Parquet files, shared by the files of files/.
 */
#ifndef LH_FILES_TABLE_H
#define LH_FILES_TABLE_H

#include "files/files.h"

/* The value of a partition folder that stands for null (Hive, Spark). */
#define LH_HIVE_NULL "__HIVE_DEFAULT_PARTITION__"

/* Partition values of one directory, shared by all of its files. */
typedef struct LhHiveDir
{
	const char **names; /* in the order of the path */
	const char **texts; /* decoded; NULL: null */
	LhValue *values;    /* in the order of the keys, typed */
} LhHiveDir;

typedef struct LhHive
{
	bool on;
	int nkeys;
	const char **names; /* in the order of the first file's path */
	LhType *types;
	bool *has_null;
	LhHiveDir **dirs; /* of each file */
} LhHive;

typedef struct LhFilesTable
{
	LhTable base;
	LhArena *arena;         /* of the table: list, partitions, schema; all of it floor */
	LhTableOptions options; /* own copy */
	LhFileFormat file_format;
	size_t nlocations;
	const char **locations;
	bool listed;
	LhList files;
	LhHive hive;
} LhFilesTable;

/* files.c: list the files and their partitions, once; both stay for the table's life. */
extern LhStatus lh_files_list(LhCtx *ctx, LhFilesTable *table);

/* hive.c: partitions of all files under options.hive_partitioning, with types that hold all values. */
extern LhStatus lh_hive_infer(LhCtx *ctx, const LhList *files, int mode, LhHive *out);

/* schema.c */
extern LhStatus lh_files_schema(LhCtx *ctx, LhTable *table, LhTableSchema *out);

/* tasks.c */
extern LhStatus lh_files_tasks(LhCtx *ctx, LhTable *table, const LhTaskFilter *filter, LhTaskList *out);

#endif
