/*
 * column.h
 *		Internal: a column cursor, flat (column.c) or nested (nested.c).
 */
#ifndef LH_PARQUET_COLUMN_H
#define LH_PARQUET_COLUMN_H

#include "parquet/leaf.h"

/* A vector stays in runs while these are at least so long on average. */
#define LH_PQ_MIN_RUN 16

/* How the batch being read lies so far. */
typedef enum LhPqForm
{
	LH_PQ_NOTHING, /* no value yet */
	LH_PQ_RUNS, /* runs */
	LH_PQ_CODES, /* codes */
	LH_PQ_VALUES, /* data */
	LH_PQ_BORROWED /* values in the page */
} LhPqForm;

typedef struct LhPqNested LhPqNested;

struct LhPqColumn
{
	LhArena *arena;
	LhPqFile *file;
	int group;
	int node;
	int64_t rows; /* of the row group */
	int64_t at; /* end of the last read */
	bool failed; /* a read or the dictionary: nobody knows where it stands */
	LhPqNested *nested; /* NULL: flat */

	LhPqLeaf leaf;
	int64_t pos; /* row at which the loaded page's decoder stands */

	LhPqForm form;
	int n; /* rows of the batch */
	int filled; /* rows of codes or data that are written */
	bool nulls; /* some row is null */
	bool some; /* some row is not */
	int max_runs;
	int run_pause; /* batches not to be tried as runs */
	int run_failures; /* attempts at runs that failed, in a row */
	int nruns;
	const void *borrowed;
	uint64_t valid[LH_BATCH_WORDS];
	LhRun runs[LH_BATCH / LH_PQ_MIN_RUN + 1];
	uint32_t codes[LH_BATCH + LH_RLE_SLACK];
	uint32_t dense[LH_BATCH + LH_RLE_SLACK]; /* codes before they are spread over the rows */
	LhBuf data; /* LH_BATCH lane values */
};

/* nested.c */
extern LhStatus lh_pq_nested_open(LhCtx *ctx, LhPqColumn *col);
extern LhStatus lh_pq_nested_read(LhCtx *ctx, LhPqColumn *col, int64_t row, int n,
								  const LhSel *sel, LhVec *out);
extern int lh_pq_nested_natural(const LhPqColumn *col, int n);
extern void lh_pq_nested_close(LhPqColumn *col);

/* Narrow rows [*from, *to) of a batch to the first and last selected one; false: there is none. */
extern bool lh_pq_narrow(const LhSel *sel, int *from, int *to);

/*
 * Spread dense lane values over rows: out[i] for the set bits from + i of
 * valid; the other rows become blank.
 */
extern void lh_pq_spread(const LhType *type, const void *dense, const uint64_t *valid, size_t from,
						 size_t n, void *out);
/* Rows without a value: zeros, and empty strings that can be read. */
extern void lh_pq_blank(const LhType *type, void *out, size_t n);

#endif
