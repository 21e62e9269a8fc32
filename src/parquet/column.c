/*
 * column.c
 *		Flat columns: vectors for any range of rows of a row group.
 *
 * A batch is put together from segments, one a page:
 *
 *	1. find the page of the row: by headers, or by the page index when the next
 *	   header is not at hand; a page no wanted row lies in is never loaded;
 *	2. cut the segment down to its first and last selected row, and move the
 *	   decoders there;
 *	3. levels become the bitmap of rows that are not null;
 *	4. dictionary pages add runs while these are long, else codes; other pages
 *	   add values, or lend them when the whole batch lies in one page.
 *
 * What was gathered so far changes its form only downwards (runs, codes,
 * values): a chunk that falls back from dictionary to plain pages flattens the
 * one batch that has both.
 *
 * Definition levels of nested structs work here, too: a value below structs is
 * there when its level is the largest.
 */
#include "parquet/column.h"

/* Wide fixed-length values: a batch of them is not made larger than this. */
#define MAX_DATA ((size_t) 1 << 30)

/* Say where an error happened. */
static LhStatus
with_place(LhCtx *ctx, const LhPqFile *file, int group, int node, LhStatus status)
{
	const char *where;

	if (status == LH_OK || status == LH_CANCELLED || status == LH_NEED_HOST)
		return status;
	where = lh_pq_where(ctx, file, group, node);
	/* the metadata of a chunk knows its place itself */
	if (strncmp(ctx->error->message, where, strlen(where)) != 0)
		lh_error_prefix(ctx, "%s", where);
	return status;
}

static LhStatus
open_flat(LhCtx *ctx, LhPqColumn *col)
{
	const LhPqNode *node = &col->file->meta->nodes[col->node];

	LH_TRY(lh_pq_leaf_init(ctx, &col->leaf, col->file, col->group, col->node, &node->type));
	if (col->leaf.chunk->num_values != col->rows)
		LH_FAIL(ctx, LH_CORRUPT, "column has %lld values in a row group of %lld rows",
				(long long) col->leaf.chunk->num_values, (long long) col->rows);
	return lh_buf_init(ctx, &col->data, true);
}

LhStatus
lh_pq_column_open(LhCtx *ctx, LhPqFile *file, int group, int node, LhPqColumn **out)
{
	const LhPqNode *n = &file->meta->nodes[node];
	LhPqColumn *col;
	LhStatus status;
	LhBuf mem;

	/* kilobytes of places for codes and levels: part of a column's floor */
	LH_TRY(lh_buf_init(ctx, &mem, true));
	LH_TRY(lh_buf_fit(ctx, &mem, sizeof(*col)));
	col = memset(mem.data, 0, sizeof(*col));
	col->arena = ctx->arena;
	col->file = file;
	col->group = group;
	col->node = node;
	col->rows = file->meta->groups[group].num_rows;
	status = n->leaf >= 0 && n->max_rep == 0 ? open_flat(ctx, col) : lh_pq_nested_open(ctx, col);
	if (status != LH_OK)
		return with_place(ctx, file, group, node, status);
	*out = col;
	return LH_OK;
}

void
lh_pq_column_close(LhPqColumn *col)
{
	if (col->nested != NULL)
	{
		lh_pq_nested_close(col);
		return;
	}
	lh_pq_leaf_close(&col->leaf);
	lh_buf_free(&col->data);
}

bool
lh_pq_column_can_rewind(const LhPqColumn *col)
{
	return col->nested == NULL && !col->failed;
}

void
lh_pq_column_rewind(LhPqColumn *col)
{
	lh_pq_leaf_rewind(&col->leaf);
	col->at = 0;
	col->run_pause = col->run_failures = 0;
}

/* Rows of the current page. */
static inline int64_t
page_begin(const LhPqColumn *col)
{
	return col->leaf.values_before;
}

static inline int64_t
page_end(const LhPqColumn *col)
{
	return col->leaf.values_before + col->leaf.header.num_values;
}

/* The page of the index that holds row. */
static int
page_of_row(const LhPqPageIndex *index, int64_t row)
{
	int low = 0;
	int high = index->npages;

	while (high - low > 1)
	{
		int mid = low + (high - low) / 2;

		if (index->first_row[mid] <= row)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Jump to the page of row, when there is an index and the page is not the next one anyway. */
static LhStatus
maybe_jump(LhCtx *ctx, LhPqColumn *col, int64_t row)
{
	LhPqLeaf *leaf = &col->leaf;
	int64_t next_row = leaf->have_page ? page_end(col) : leaf->values_before;
	const LhPqPageIndex *index;
	int to,
		next;

	LH_TRY(lh_pq_leaf_index(ctx, leaf, &index));
	if (index == NULL || index->npages == 0)
		return LH_OK;
	next = page_of_row(index, next_row);
	to = page_of_row(index, row);
	if (to <= next)
		return LH_OK;
	lh_pq_leaf_jump(ctx, leaf, next, to);
	LH_TRY(lh_pq_leaf_next(ctx, leaf, LH_PQ_TO_READ));
	if (index->first_row[to] != page_begin(col) || page_end(col) <= row ||
		(to + 1 < index->npages && index->first_row[to + 1] != page_end(col)))
		LH_FAIL(ctx, LH_CORRUPT, "page index says rows %lld to %lld for the page at offset %lld, which has %d values",
				(long long) index->first_row[to],
				(long long) (to + 1 < index->npages ? index->first_row[to + 1] : col->rows),
				(long long) index->offset[to], leaf->header.num_values);
	return LH_OK;
}

/* Make the page that holds row the current one. */
static LhStatus
find_page(LhCtx *ctx, LhPqColumn *col, int64_t row)
{
	LhPqLeaf *leaf = &col->leaf;

	if (row == 0)
		LH_TRY(lh_pq_leaf_begin(ctx, leaf));
	while (!leaf->have_page || row >= page_end(col))
	{
		int64_t next_row = leaf->have_page ? page_end(col) : leaf->values_before;

		if (row > next_row && !lh_pq_leaf_next_is_near(leaf))
		{
			LH_TRY(maybe_jump(ctx, col, row));
			if (leaf->have_page && row < page_end(col))
				break;
		}
		LH_TRY(lh_pq_leaf_next(ctx, leaf, row > next_row ? LH_PQ_TO_PASS : LH_PQ_TO_READ));
	}
	return LH_OK;
}

/* Load the page if it is not yet, and move its decoders to row. */
static LhStatus
stand_at(LhCtx *ctx, LhPqColumn *col, int64_t row)
{
	LhPqLeaf *leaf = &col->leaf;
	size_t n;

	if (!leaf->loaded)
	{
		LH_TRY(lh_pq_leaf_load(ctx, leaf));
		col->pos = page_begin(col);
	}
	n = (size_t) (row - col->pos);
	col->pos = row;
	if (n == 0)
		return LH_OK;
	if (leaf->node->max_def > 0 && !lh_pq_levels_count(&leaf->page.def, n, &n))
		return lh_pq_bad_levels(ctx, leaf);
	return lh_pq_leaf_skip(ctx, leaf, n);
}

bool
lh_pq_narrow(const LhSel *sel, int *from, int *to)
{
	int a = *from;
	int b = *to;

	if (sel == NULL || sel->count == sel->n)
		return true;
	while (a < b)
	{
		uint64_t w = sel->w[a >> 6] >> (a & 63);

		if (w != 0)
		{
			a += __builtin_ctzll(w);
			break;
		}
		a = (a | 63) + 1;
	}
	if (a >= b)
		return false;
	while (!lh_bit_get(sel->w, (size_t) b - 1))
		b--;
	*from = a;
	*to = b;
	return true;
}

/* Room for the batch's values. */
static LhStatus
need_data(LhCtx *ctx, LhPqColumn *col)
{
	size_t size = col->leaf.convert.out;

	if (size * (size_t) col->n > MAX_DATA)
		LH_FAIL(ctx, LH_LIMIT, "%d values of %zu bytes exceed a batch", col->n, size);
	return lh_buf_fit(ctx, &col->data, size * (size_t) col->n);
}

static inline uint8_t *
data_at(LhPqColumn *col, int row)
{
	return col->data.data + (size_t) row * col->leaf.convert.out;
}

/* Runs or nothing become codes up to row "to"; rows not written become code 0. */
static void
to_codes(LhPqColumn *col, int to)
{
	if (col->form == LH_PQ_RUNS)
	{
		int at = 0;

		for (int i = 0; i < col->nruns; i++)
		{
			for (; at < (int) col->runs[i].end; at++)
				col->codes[at] = col->runs[i].code;
		}
		col->filled = at;
	}
	else if (col->form == LH_PQ_NOTHING)
		col->filled = 0;
	col->form = LH_PQ_CODES;
	if (to > col->filled)
	{
		memset(col->codes + col->filled, 0, (size_t) (to - col->filled) * sizeof(uint32_t));
		col->filled = to;
	}
}

/* Whatever was gathered becomes values up to row "to". */
static LhStatus
to_values(LhCtx *ctx, LhPqColumn *col, int to)
{
	if (col->form != LH_PQ_VALUES)
	{
		LH_TRY(need_data(ctx, col));
		if (col->form == LH_PQ_NOTHING)
			col->filled = 0;
		else
		{
			to_codes(col, 0);
			lh_pq_dict_gather(col->leaf.dict, col->codes, (size_t) col->filled, col->data.data);
		}
		col->form = LH_PQ_VALUES;
	}
	if (to > col->filled)
	{
		lh_pq_blank(&col->leaf.convert.type, data_at(col, col->filled),
					(size_t) (to - col->filled));
		col->filled = to;
	}
	return LH_OK;
}

/* Append a run up to row end; false when there would be too many. */
static inline bool
add_run(LhPqColumn *col, uint32_t code, int end)
{
	if (col->nruns > 0 && col->runs[col->nruns - 1].code == code)
	{
		col->runs[col->nruns - 1].end = (uint32_t) end;
		return true;
	}
	if (col->nruns == col->max_runs)
		return false;
	col->runs[col->nruns++] = (LhRun){code, (uint32_t) end};
	return true;
}

/*
 * Add rows [*from, to) as runs as far as these are long enough; *from becomes
 * the first row that was not added.
 */
static LhStatus
add_runs(LhCtx *ctx, LhPqColumn *col, int *from, int to)
{
	LhRle *r = &col->leaf.codes;
	uint32_t n = col->leaf.dict->n;

	while (*from < to)
	{
		int k = to - *from;

		if (!lh_rle_more(r))
			return lh_pq_decoder_short(ctx, &col->leaf.decoder);
		if ((uint64_t) k > r->left)
			k = (int) r->left;
		if (!r->packed)
		{
			if (r->value >= n)
				return lh_pq_bad_code(ctx, &col->leaf, r->value);
			if (!add_run(col, r->value, *from + k))
				return LH_OK;
			lh_rle_take(r, (uint64_t) k);
		}
		else
		{
			uint32_t most = 0;

			if (k > col->max_runs - col->nruns)
				return LH_OK;
			lh_rle_unpack(r, (size_t) k, col->dense, &most);
			if (most >= n)
				return lh_pq_bad_code(ctx, &col->leaf, most);
			for (int i = 0; i < k; i++)
				(void) add_run(col, col->dense[i], *from + i + 1);
		}
		*from += k;
	}
	return LH_OK;
}

/*
 * Should the batch be tried as runs?  A column of short runs would only be
 * slowed down: after failures the next attempts wait ever longer, but a run as
 * long as the batch is never missed.
 */
static bool
try_runs(LhPqColumn *col)
{
	const LhRle *r = &col->leaf.codes;

	if (col->form == LH_PQ_RUNS || (!r->packed && r->left >= (uint64_t) col->n))
		return true;
	if (col->run_pause > 0)
	{
		col->run_pause--;
		return false;
	}
	return true;
}

static void
runs_failed(LhPqColumn *col)
{
	if (col->run_failures < 5)
		col->run_failures++;
	col->run_pause = (1 << col->run_failures) - 1;
}

/* Add rows [from, to) of a dictionary-coded page, count of which are not null. */
static LhStatus
add_codes(LhCtx *ctx, LhPqColumn *col, int from, int to, size_t count)
{
	LhPqLeaf *leaf = &col->leaf;
	size_t n = (size_t) (to - from);

	if (!col->nulls && col->form <= LH_PQ_RUNS && try_runs(col))
	{
		if (col->form == LH_PQ_NOTHING)
			col->nruns = 0;
		col->form = LH_PQ_RUNS;
		LH_TRY(add_runs(ctx, col, &from, to));
		if (from == to)
			return LH_OK;
		runs_failed(col);
		n = count = (size_t) (to - from);
	}
	to_codes(col, from);
	col->filled = to;
	if (count == n)
		return lh_pq_leaf_codes(ctx, leaf, n, col->codes + from);
	LH_TRY(lh_pq_leaf_codes(ctx, leaf, count, col->dense));
	lh_pq_spread(&(LhType){.lane = LH_LANE_I32}, col->dense, col->valid, (size_t) from, n,
				 col->codes + from);
	return LH_OK;
}

/* Add rows [from, to) of any page as values, count of which are not null. */
static LhStatus
add_values(LhCtx *ctx, LhPqColumn *col, int from, int to, size_t count)
{
	LhPqLeaf *leaf = &col->leaf;
	size_t n = (size_t) (to - from);

	LH_TRY(to_values(ctx, col, from));
	col->filled = to;
	if (count == n)
		return lh_pq_leaf_values(ctx, leaf, n, data_at(col, from));
	LH_TRY(lh_buf_fit(ctx, &leaf->dense, count * leaf->convert.out + 1));
	LH_TRY(lh_pq_leaf_values(ctx, leaf, count, leaf->dense.data));
	lh_pq_spread(&leaf->convert.type, leaf->dense.data, col->valid, (size_t) from, n,
				 data_at(col, from));
	return LH_OK;
}

/* Add rows [from, to) of the batch, which begin at row "row" and lie in the current page. */
static LhStatus
add_segment(LhCtx *ctx, LhPqColumn *col, int64_t row, int from, int to, const LhSel *sel)
{
	LhPqLeaf *leaf = &col->leaf;
	bool whole = from == 0 && to == col->n;
	size_t count;

	if (!lh_pq_narrow(sel, &from, &to))
		return LH_OK;
	if (!leaf->loaded)
		LH_TRY(stand_at(ctx, col, page_begin(col)));
	/* values that are lent cost nothing: then give all rows */
	if (whole && leaf->decoder.ops != NULL && !leaf->by_code && leaf->decoder.ops->borrow != NULL)
	{
		from = 0;
		to = col->n;
	}
	LH_TRY(stand_at(ctx, col, row + from));
	count = (size_t) (to - from);
	if (leaf->node->max_def > 0 &&
		!lh_pq_levels_bitmap(&leaf->page.def, count, col->valid, (size_t) from, &count))
		return lh_pq_bad_levels(ctx, leaf);
	col->pos = row + to;
	col->nulls |= count < (size_t) (to - from);
	if (count == 0)
		return LH_OK;
	col->some = true;
	if (leaf->by_code && col->form != LH_PQ_VALUES)
		return add_codes(ctx, col, from, to, count);
	if (whole && from == 0 && to == col->n && count == (size_t) to)
	{
		col->borrowed = lh_pq_leaf_borrow(leaf, count);
		if (col->borrowed != NULL)
		{
			col->form = LH_PQ_BORROWED;
			return LH_OK;
		}
	}
	return add_values(ctx, col, from, to, count);
}

/* Let out be what was gathered. */
static LhStatus
finish(LhCtx *ctx, LhPqColumn *col, LhVec *out)
{
	*out = (LhVec){.type = col->leaf.convert.type, .n = col->n};
	if (!col->some)
	{
		lh_vec_null(out, &col->leaf.convert.type, col->n);
		return LH_OK;
	}
	if (col->nulls)
	{
		out->valid = col->valid;
		/* a page of nulls came behind the runs, which cannot say so */
		if (col->form == LH_PQ_RUNS)
			to_codes(col, col->n);
	}
	switch (col->form)
	{
		case LH_PQ_RUNS:
			/* rows behind the last selected one belong to the last run */
			col->runs[col->nruns - 1].end = (uint32_t) col->n;
			col->run_failures = 0;
			out->kind = LH_VEC_RUNS;
			out->dict = col->leaf.dict;
			out->nruns = col->nruns;
			out->runs = col->runs;
			break;
		case LH_PQ_CODES:
			to_codes(col, col->n);
			out->kind = LH_VEC_DICT;
			out->dict = col->leaf.dict;
			out->codes = col->codes;
			break;
		case LH_PQ_VALUES:
			LH_TRY(to_values(ctx, col, col->n));
			out->kind = LH_VEC_FLAT;
			out->data = col->data.data;
			break;
		case LH_PQ_BORROWED:
			out->kind = LH_VEC_FLAT;
			out->data = col->borrowed;
			break;
		case LH_PQ_NOTHING: LH_FAIL(ctx, LH_BUG, "values of no form");
	}
	return LH_OK;
}

static LhStatus
read_flat(LhCtx *ctx, LhPqColumn *col, int64_t row, int n, const LhSel *sel, LhVec *out)
{
	LhPqLeaf *leaf = &col->leaf;

	if (leaf->convert.kind == LH_PQ_ALL_NULL || n == 0)
	{
		lh_vec_null(out, &leaf->convert.type, n);
		return LH_OK;
	}
	lh_pq_pool_unpin(&leaf->pool);
	col->form = LH_PQ_NOTHING;
	col->n = n;
	col->nulls = col->some = false;
	col->max_runs = n >= LH_PQ_MIN_RUN ? n / LH_PQ_MIN_RUN : 1;
	if (leaf->node->max_def > 0)
		memset(col->valid, 0, sizeof(col->valid));
	for (int done = 0; done < n;)
	{
		int64_t rest;
		int k = n - done;

		LH_TRY(find_page(ctx, col, row + done));
		rest = page_end(col) - (row + done);
		if (k > rest)
			k = (int) rest;
		LH_TRY(add_segment(ctx, col, row, done, done + k, sel));
		done += k;
	}
	LH_TRY(finish(ctx, col, out));
	/* have the next page's header when it is at hand: lh_pq_column_natural wants it */
	if (row + n == page_end(col) && !lh_pq_leaf_is_last(leaf) && lh_pq_leaf_next_is_near(leaf))
		return lh_pq_leaf_next(ctx, leaf, LH_PQ_TO_READ);
	return LH_OK;
}

LhStatus
lh_pq_column_read(LhCtx *ctx, LhPqColumn *col, int64_t row, int n, const LhSel *sel, LhVec *out)
{
	LhArena *old;
	LhStatus status;

	if (n < 0 || n > LH_BATCH || row < col->at || row > col->rows - n ||
		(sel != NULL && sel->n != n))
		LH_FAIL(ctx, LH_BUG, "rows %lld and %d on of a column at row %lld of %lld",
				(long long) row, n, (long long) col->at, (long long) col->rows);
	LH_TRY(lh_poll(ctx));
	old = lh_use(ctx, col->arena);
	status = col->nested != NULL ? lh_pq_nested_read(ctx, col, row, n, sel, out)
								 : read_flat(ctx, col, row, n, sel, out);
	lh_use(ctx, old);
	col->failed |= status != LH_OK;
	if (status != LH_OK)
		return with_place(ctx, col->file, col->group, col->node, status);
	col->at = row + n;
	return LH_OK;
}

int
lh_pq_column_natural(LhPqColumn *col, int64_t row, int n)
{
	int64_t rest;

	if (col->nested != NULL)
		return lh_pq_nested_natural(col, n);
	if (!col->leaf.have_page || row < page_begin(col) ||
		row >= page_end(col))
		return n;
	rest = page_end(col) - row;
	return n < rest ? n : (int) rest;
}

LhStatus
lh_pq_column_dict(LhCtx *ctx, LhPqColumn *col, const LhDict **out)
{
	LhArena *old;
	LhStatus status;

	*out = NULL;
	if (col->nested != NULL || col->leaf.convert.kind == LH_PQ_ALL_NULL)
		return LH_OK;
	old = lh_use(ctx, col->arena);
	status = lh_pq_leaf_begin(ctx, &col->leaf);
	if (status == LH_OK && col->leaf.has_dict)
		status = lh_pq_dict_load(ctx, &col->leaf);
	lh_use(ctx, old);
	col->failed |= status != LH_OK;
	if (status != LH_OK)
		return with_place(ctx, col->file, col->group, col->node, status);
	*out = col->leaf.dict;
	return LH_OK;
}
