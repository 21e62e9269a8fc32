/*
 * deletes_state.h
 *		Internal: what deletes.c (positions) and deletes_keys.c (keys) share.
 */
#ifndef LH_SCAN_DELETES_STATE_H
#define LH_SCAN_DELETES_STATE_H

#include <pthread.h>

#include "scan/deletes.h"
#include "scan/fields.h"

/* Rows that one position delete file deletes in one data file. */
typedef struct LhDeletesRows
{
	size_t task;
	LhRowSet *set;
} LhDeletesRows;

typedef struct LhDeletesFile
{
	bool loaded; /* for all of its tasks, or into its key set */
	size_t nrows;
	LhDeletesRows *rows; /* POSITIONS, ascending by task; else none */
	LhRowSet *vector; /* VECTOR */
	int keys;         /* EQUALITY: which set */
} LhDeletesFile;

typedef struct LhDeletesKeySet
{
	int nids;
	const int *ids; /* ascending */
	LhEqSet *set;     /* NULL: nothing was loaded */
	uint64_t counted; /* keys */
} LhDeletesKeySet;

struct LhDeletes
{
	pthread_rwlock_t lock;
	LhArena *arena;
	LhTable *table;
	const LhTableSchema *schema; /* NULL: none */
	LhTableSchema key_schema;    /* of equality delete files: without ids they go by names */
	const LhTaskList *tasks;
	/* where there are position delete files */
	LhNameMap *paths; /* of tasks; value: the first with this path */
	size_t *same_path; /* task -> next one with its path, or SIZE_MAX */
	LhDeletesFile *files;
	int nsets;
	LhDeletesKeySet *sets;
	int nkey_ids;
	int *key_ids;
};

/* What a reader of a delete file knows before the first batch, and says in it. */
typedef struct LhDeletesOpened
{
	int64_t rows; /* of the file */
	LhObjectId id; /* texts in the ctx->arena that the file is read in */
	bool by_id;    /* the first column was found by its field id */
	bool enough;  /* said by the reader: no more batches */
} LhDeletesOpened;

typedef LhStatus (*LhDeletesBatchFn)(LhCtx *ctx, void *arg, const LhBatch *batch);

/*
 * fn for all rows of a delete file, which must have all of these columns.  meta (NULL: none) may take
 * row groups before, with the same arg; *opened (NULL: nobody asks) is set before the first batch.
 */
extern LhStatus lh_deletes_read_file(LhCtx *ctx, const LhTable *table, const LhTableSchema *schema,
									 const LhDeleteFile *file, int ncols, const LhScanColumn *cols,
									 LhMetaFn meta, LhDeletesBatchFn fn, void *arg, LhDeletesOpened *opened);

#endif
