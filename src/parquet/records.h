/*
 * records.h
 *		Internal: rows of a leaf below lists: its levels and its dense values.
 */
#ifndef LH_PARQUET_RECORDS_H
#define LH_PARQUET_RECORDS_H

#include "parquet/leaf.h"

/* Levels decoded at a time. */
#define LH_PQ_LEVELS_STEP 1024

typedef struct LhPqRecords
{
	LhPqLeaf leaf;
	int64_t rows; /* of the row group */
	int64_t row; /* rows begun */
	int64_t page_end; /* row with which the current page ends, of v2 pages; else -1 */
	int page_left; /* levels of the current page not yet decoded */
	bool page_fresh; /* no level of it was used */
	int ahead_at; /* decoded levels not yet used: [ahead_at, ahead_n) */
	int ahead_n;
	uint8_t ahead_rep[LH_PQ_LEVELS_STEP];
	uint8_t ahead_def[LH_PQ_LEVELS_STEP];
	uint64_t goes_on[LH_PQ_LEVELS_STEP / 64]; /* repetition is not 0: no row begins */
	uint64_t has_value[LH_PQ_LEVELS_STEP / 64]; /* definition is the largest */

	/* The batch: n levels, and values where the definition level is the largest */
	size_t n;
	LhBuf rep;
	LhBuf def;
	size_t nvalues;
	bool by_code; /* all values are in codes, else in values */
	LhBuf codes;
	LhBuf values;
} LhPqRecords;

extern LhStatus lh_pq_records_open(LhCtx *ctx, LhPqRecords *r, LhPqFile *file, int group, int node,
								   const LhType *type);
extern void lh_pq_records_close(LhPqRecords *r);
/* An empty batch; what the last one's strings point to may go. */
extern void lh_pq_records_begin(LhPqRecords *r);
/* Append rows [row, row + n), passing over those between. */
extern LhStatus lh_pq_records_read(LhCtx *ctx, LhPqRecords *r, int64_t row, int n);
/* Append n rows that nobody looks at: nulls or empty lists. */
extern LhStatus lh_pq_records_blank(LhCtx *ctx, LhPqRecords *r, int n);
/* Can blank rows be told from values in this column? */
static inline bool
lh_pq_records_can_blank(const LhPqRecords *r)
{
	return r->leaf.node->max_def > 0;
}

#endif
