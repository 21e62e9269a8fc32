/*
 * records.c
 *		Rows of a leaf below lists: its levels and its dense values.
 *
 * Where a list is repeated, a row has any number of levels, and begins where
 * the repetition level is 0:
 *
 *	1. levels are decoded LH_PQ_LEVELS_STEP at a time, ahead of what is used;
 *	2. a row ends where the next one begins, which in v1 pages may be in the
 *	   next page; a v2 page always begins with a row;
 *	3. each piece of levels takes its values from the page at once, as codes
 *	   while all pages of the batch are dictionary-coded.
 *
 * Rows that are passed over cost their levels; whole pages of them cost
 * nothing where v2 headers or a page index count rows.
 *
 * Format: https://parquet.apache.org/docs/file-format/nestedencoding/
 */
#include "parquet/records.h"

#include "parquet/kernels.h"

/*
 * A batch of lists may need far more memory than a batch of rows: up to this
 * size a buffer counts as part of the floor, beyond it the budget decides.
 */
#define FLOOR_SIZE ((size_t) 256 * 1024)
/* Offsets are 32 bits wide. */
#define MAX_LEVELS ((size_t) 1 << 31)

LhStatus
lh_pq_records_open(LhCtx *ctx, LhPqRecords *r, LhPqFile *file, int group, int node,
				   const LhType *type)
{
	LH_TRY(lh_pq_leaf_init(ctx, &r->leaf, file, group, node, type));
	if (r->leaf.node->max_def > UINT8_MAX)
		LH_FAIL(ctx, LH_LIMIT, "column is nested %d levels deep", r->leaf.node->max_def);
	r->rows = file->meta->groups[group].num_rows;
	r->page_end = -1;
	if (r->leaf.chunk->num_values < r->rows ||
		(r->leaf.node->max_rep == 0 && r->leaf.chunk->num_values != r->rows))
		LH_FAIL(ctx, LH_CORRUPT, "column has %lld values in a row group of %lld rows",
				(long long) r->leaf.chunk->num_values, (long long) r->rows);
	LH_TRY(lh_buf_init(ctx, &r->rep, true));
	LH_TRY(lh_buf_init(ctx, &r->def, true));
	LH_TRY(lh_buf_init(ctx, &r->codes, true));
	return lh_buf_init(ctx, &r->values, true);
}

void
lh_pq_records_close(LhPqRecords *r)
{
	lh_pq_leaf_close(&r->leaf);
	lh_buf_free(&r->rep);
	lh_buf_free(&r->def);
	lh_buf_free(&r->codes);
	lh_buf_free(&r->values);
}

void
lh_pq_records_begin(LhPqRecords *r)
{
	lh_pq_pool_unpin(&r->leaf.pool);
	r->n = r->nvalues = 0;
	r->by_code = true;
	r->rep.len = r->def.len = r->codes.len = r->values.len = 0;
}

/* Room for "more" bytes behind len. */
static LhStatus
grow(LhCtx *ctx, LhBuf *buf, size_t more)
{
	buf->floor = buf->len + more <= FLOOR_SIZE;
	return lh_buf_reserve(ctx, buf, buf->len + more);
}

static LhStatus
append_levels(LhCtx *ctx, LhPqRecords *r, const uint8_t *rep, const uint8_t *def, size_t n)
{
	if (r->n + n > MAX_LEVELS)
		LH_FAIL(ctx, LH_LIMIT, "lists of one batch have more than %zu elements", MAX_LEVELS);
	LH_TRY(grow(ctx, &r->rep, n));
	LH_TRY(grow(ctx, &r->def, n));
	memcpy(r->rep.data + r->rep.len, rep, n);
	memcpy(r->def.data + r->def.len, def, n);
	r->rep.len += n;
	r->def.len += n;
	r->n += n;
	return LH_OK;
}

/* From a plain page on: what was codes so far becomes values. */
static LhStatus
leave_codes(LhCtx *ctx, LhPqRecords *r)
{
	r->by_code = false;
	if (r->nvalues == 0)
		return LH_OK;
	LH_TRY(grow(ctx, &r->values, r->nvalues * r->leaf.convert.out));
	lh_pq_dict_gather(r->leaf.dict, (const uint32_t *) (const void *) r->codes.data, r->nvalues,
					  r->values.data);
	r->values.len = r->nvalues * r->leaf.convert.out;
	return LH_OK;
}

/* The next n values of the page, to the batch. */
static LhStatus
append_values(LhCtx *ctx, LhPqRecords *r, size_t n)
{
	size_t size = r->leaf.convert.out;

	if (n == 0 || size == 0)
		return LH_OK;
	if (r->by_code && !r->leaf.by_code)
		LH_TRY(leave_codes(ctx, r));
	if (r->by_code)
	{
		LH_TRY(grow(ctx, &r->codes, (n + LH_RLE_SLACK) * sizeof(uint32_t)));
		LH_TRY(lh_pq_leaf_codes(ctx, &r->leaf, n,
								(uint32_t *) (void *) (r->codes.data + r->codes.len)));
		r->codes.len += n * sizeof(uint32_t);
	}
	else
	{
		LH_TRY(grow(ctx, &r->values, n * size));
		LH_TRY(lh_pq_leaf_values(ctx, &r->leaf, n, r->values.data + r->values.len));
		r->values.len += n * size;
	}
	r->nvalues += n;
	return LH_OK;
}

/* Go to the next page, not loading it; *end when there is none. */
static LhStatus
next_page(LhCtx *ctx, LhPqRecords *r, LhPqApproach approach, bool *end)
{
	LhPqLeaf *leaf = &r->leaf;

	if (r->page_end >= 0 && r->row != r->page_end)
		LH_FAIL(ctx, LH_CORRUPT, "page ends after row %lld, its header says %lld",
				(long long) r->row, (long long) r->page_end);
	*end = lh_pq_leaf_is_last(leaf);
	if (*end)
		return LH_OK;
	if (leaf->values_before == 0 && !leaf->have_page)
		LH_TRY(lh_pq_leaf_begin(ctx, leaf));
	LH_TRY(lh_pq_leaf_next(ctx, leaf, approach));
	r->page_left = leaf->header.num_values;
	r->page_fresh = true;
	r->page_end =
		leaf->header.type == LH_PQ_DATA_PAGE_V2 ? r->row + leaf->header.num_rows : -1;
	return LH_OK;
}

/* Decode the next levels of the current page, which has some left. */
static LhStatus
decode_levels(LhCtx *ctx, LhPqRecords *r)
{
	LhPqLeaf *leaf = &r->leaf;
	int k = r->page_left < LH_PQ_LEVELS_STEP ? r->page_left : LH_PQ_LEVELS_STEP;

	LH_TRY(lh_poll(ctx));
	if (!leaf->loaded)
		LH_TRY(lh_pq_leaf_load(ctx, leaf));
	if (!lh_pq_levels_read(&leaf->page.rep, (size_t) k, r->ahead_rep) ||
		!lh_pq_levels_read(&leaf->page.def, (size_t) k, r->ahead_def))
		return lh_pq_bad_levels(ctx, leaf);
	if (r->page_fresh && r->ahead_rep[0] != 0 &&
		(leaf->header.type == LH_PQ_DATA_PAGE_V2 || r->row == 0))
		LH_FAIL(ctx, LH_CORRUPT, "%s begins with repetition level %d, not 0",
				r->row == 0 ? "column" : "page of version 2", r->ahead_rep[0]);
	lh_pq_kernels->at_least(r->ahead_rep, (size_t) k, 1, r->goes_on);
	lh_pq_kernels->at_least(r->ahead_def, (size_t) k, (uint8_t) leaf->node->max_def,
							r->has_value);
	r->page_fresh = false;
	r->page_left -= k;
	r->ahead_at = 0;
	r->ahead_n = k;
	return LH_OK;
}

/*
 * Have decoded levels ahead.  *end: the chunk has no more, or the next page
 * begins with a row (then it is not loaded) and "at_row" says that this is
 * what the caller waits for.
 */
static LhStatus
need_levels(LhCtx *ctx, LhPqRecords *r, bool at_row, bool *end)
{
	*end = false;
	if (r->ahead_at < r->ahead_n)
		return LH_OK;
	if (r->page_left == 0)
		LH_TRY(next_page(ctx, r, LH_PQ_TO_READ, end));
	if (*end)
		return LH_OK;
	if (at_row && r->page_fresh && r->leaf.header.type == LH_PQ_DATA_PAGE_V2)
	{
		*end = true;
		return LH_OK;
	}
	return decode_levels(ctx, r);
}

/* Bits set among [from, to). */
static size_t
count_range(const uint64_t *bits, int from, int to)
{
	size_t n = 0;

	for (int i = from; i < to; i = (i | 63) + 1)
	{
		int end = (i | 63) + 1 < to ? (i | 63) + 1 : to;

		n += (size_t) __builtin_popcountll(bits[i >> 6] >> (i & 63) & lh_low_bits(end - i));
	}
	return n;
}

/*
 * Count rows that begin at decoded levels, at most n; returns where the next
 * one begins, or ahead_n.
 */
static int
find_row(const LhPqRecords *r, int64_t n, int64_t *begun)
{
	int at = r->ahead_at;

	*begun = 0;
	while (at < r->ahead_n)
	{
		int end = (at | 63) + 1 < r->ahead_n ? (at | 63) + 1 : r->ahead_n;
		uint64_t starts = ~r->goes_on[at >> 6] >> (at & 63) & lh_low_bits(end - at);
		int rows = __builtin_popcountll(starts);

		if (*begun + rows > n)
		{
			for (; *begun < n; (*begun)++)
				starts &= starts - 1;
			return at + __builtin_ctzll(starts);
		}
		*begun += rows;
		at = end;
	}
	return at;
}

/* Use decoded levels up to "to", with their values. */
static LhStatus
use_levels(LhCtx *ctx, LhPqRecords *r, int to, bool keep)
{
	int from = r->ahead_at;
	size_t n = count_range(r->has_value, from, to);

	r->ahead_at = to;
	if (!keep)
		return r->leaf.convert.out == 0 ? LH_OK : lh_pq_leaf_skip(ctx, &r->leaf, n);
	LH_TRY(append_levels(ctx, r, r->ahead_rep + from, r->ahead_def + from, (size_t) (to - from)));
	return append_values(ctx, r, n);
}

/* The next n rows, to the batch or passed over. */
static LhStatus
take_rows(LhCtx *ctx, LhPqRecords *r, int64_t n, bool keep)
{
	int64_t begun = 0;

	if (n == 0)
		return LH_OK;
	for (;;)
	{
		int64_t more;
		bool end;
		int i;

		LH_TRY(need_levels(ctx, r, begun == n, &end));
		if (end)
			break;
		if (begun == 0 && r->ahead_rep[r->ahead_at] != 0)
			LH_FAIL(ctx, LH_CORRUPT, "row %lld begins with repetition level %d, not 0",
					(long long) r->row, r->ahead_rep[r->ahead_at]);
		i = find_row(r, n - begun, &more);
		begun += more;
		r->row += more;
		LH_TRY(use_levels(ctx, r, i, keep));
		if (i < r->ahead_n)
			break;
	}
	if (begun < n)
		LH_FAIL(ctx, LH_CORRUPT, "column ends after %lld of %lld rows", (long long) r->row,
				(long long) r->rows);
	return LH_OK;
}

/* The last page of the index that begins at or before row. */
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

/* Pass over pages by the page index, when that brings us nearer to row. */
static LhStatus
jump(LhCtx *ctx, LhPqRecords *r, int64_t row)
{
	const LhPqPageIndex *index;
	int from,
		to;

	LH_TRY(lh_pq_leaf_index(ctx, &r->leaf, &index));
	if (index == NULL || index->npages == 0)
		return LH_OK;
	from = page_of_row(index, r->row);
	to = page_of_row(index, row);
	if (to <= from || index->first_row[to] <= r->row)
		return LH_OK;
	lh_pq_leaf_jump(ctx, &r->leaf, from, to);
	r->page_left = 0;
	r->page_end = -1;
	r->ahead_at = r->ahead_n = 0;
	r->row = index->first_row[to];
	return LH_OK;
}

/* Pass over whole v2 pages before row, which say how many rows they have. */
static LhStatus
pass_pages(LhCtx *ctx, LhPqRecords *r, int64_t row)
{
	while (r->row < row && r->ahead_at == r->ahead_n)
	{
		if (r->page_left == 0)
		{
			bool end;

			LH_TRY(next_page(ctx, r, LH_PQ_TO_PASS, &end));
			if (end)
				return LH_OK; /* take_rows says what is wrong */
		}
		if (!r->page_fresh || r->leaf.header.type != LH_PQ_DATA_PAGE_V2 ||
			r->leaf.header.num_rows > row - r->row)
			return LH_OK;
		r->row += r->leaf.header.num_rows;
		r->page_left = 0;
	}
	return LH_OK;
}

/* More levels than rows: found only by who comes to the end. */
static LhStatus
check_end(LhCtx *ctx, LhPqRecords *r)
{
	if (r->row < r->rows)
		return LH_OK;
	if (r->ahead_at < r->ahead_n || r->page_left > 0 || !lh_pq_leaf_is_last(&r->leaf))
		LH_FAIL(ctx, LH_CORRUPT, "column goes on after the row group's %lld rows",
				(long long) r->rows);
	return LH_OK;
}

LhStatus
lh_pq_records_read(LhCtx *ctx, LhPqRecords *r, int64_t row, int n)
{
	if (row > r->row)
	{
		if (row - r->row >= LH_BATCH)
			LH_TRY(jump(ctx, r, row));
		LH_TRY(pass_pages(ctx, r, row));
		while (r->row < row)
		{
			int64_t to = r->page_end > r->row && r->page_end < row ? r->page_end : row;

			LH_TRY(take_rows(ctx, r, to - r->row, false));
			LH_TRY(pass_pages(ctx, r, row));
		}
	}
	LH_TRY(take_rows(ctx, r, n, true));
	return check_end(ctx, r);
}

LhStatus
lh_pq_records_blank(LhCtx *ctx, LhPqRecords *r, int n)
{
	static const uint8_t zero[256];

	while (n > 0)
	{
		int k = n < (int) sizeof(zero) ? n : (int) sizeof(zero);

		LH_TRY(append_levels(ctx, r, zero, zero, (size_t) k));
		n -= k;
	}
	return LH_OK;
}
