/*
 * pq_table.h
 *		Write whole Parquet files: required columns, PLAIN, one page a chunk.
 *
 * For tests that need more rows, or stranger ones, than the fixtures have.
 */
#ifndef PQ_TABLE_H
#define PQ_TABLE_H

#include "unit/pq_file.h"

#define PQ_TABLE_COLS   8
#define PQ_TABLE_GROUPS 64

/* Columns are given by their schema elements; rows are appended group by group. */
typedef struct PqTable
{
	PqEl els[PQ_TABLE_COLS + 1];
	int ncols;
	Tw body;
	PqGroup groups[PQ_TABLE_GROUPS];
	PqCol cols[PQ_TABLE_GROUPS][PQ_TABLE_COLS];
	int ngroups;
	int64_t rows;
} PqTable;

static inline void
pq_table_init(PqTable *t, const PqEl *els, int ncols)
{
	memset(t, 0, sizeof(*t));
	t->els[0] = (PqEl) PQ_ROOT(ncols);
	memcpy(t->els + 1, els, (size_t) ncols * sizeof(*els));
	t->ncols = ncols;
}

/* A row group; values[c] are the PLAIN bytes of column c. */
static inline void
pq_table_group(PqTable *t, int rows, const Tw *values)
{
	PqGroup *g = &t->groups[t->ngroups];

	for (int c = 0; c < t->ncols; c++)
	{
		PqCol *col = &t->cols[t->ngroups][c];
		size_t at = t->body.len;

		*col = (PqCol){.type = t->els[c + 1].type, .values = rows, .data = 4 + (int64_t) at};
		tw_open(&t->body);
		tw_i32(&t->body, 1, 0);
		tw_i32(&t->body, 2, (int64_t) values[c].len);
		tw_i32(&t->body, 3, (int64_t) values[c].len);
		tw_struct(&t->body, 5);
		tw_i32(&t->body, 1, rows);
		tw_i32(&t->body, 2, 0);
		tw_i32(&t->body, 3, 3);
		tw_i32(&t->body, 4, 3);
		tw_close(&t->body);
		tw_close(&t->body);
		tw_bytes(&t->body, values[c].p, values[c].len);
		col->csize = col->usize = (int64_t) (t->body.len - at);
	}
	*g = (PqGroup){.rows = rows, .ncols = t->ncols, .cols = t->cols[t->ngroups]};
	t->ngroups++;
	t->rows += rows;
}

static inline void
pq_table_write(PqTable *t, const char *path)
{
	PqFooter f = {.els = t->els,
				  .nels = t->ncols + 1,
				  .groups = t->groups,
				  .ngroups = t->ngroups,
				  .rows = t->rows};
	Tw footer = {0}, w = {0};

	pq_write_footer(&footer, &f);
	pq_write_file(&w, t->body.p, t->body.len, &footer, "PAR1");
	pq_put_file(path, w.p, w.len);
	tw_free(&footer);
	tw_free(&w);
	tw_free(&t->body);
}

#endif
