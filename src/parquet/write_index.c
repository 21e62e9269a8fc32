/*
 * write_index.c
 *		Page indexes of a chunk.
 *
 * The offset index says where each data page lies and with which row it
 * begins; the column index its bounds and nulls.  There is no column index
 * when the order of the type is not defined, or when a page has values but no
 * bounds (all of them NaN): the format has no way to say that.
 *
 * Format: https://parquet.apache.org/docs/file-format/pageindex/
 */
#include "parquet/write_internal.h"

/* BoundaryOrder of parquet.thrift */
enum
{
	UNORDERED,
	ASCENDING,
	DESCENDING
};

static LhSlice
page_min(const LhPqwLeaf *leaf, const LhPqwPage *p)
{
	return p->known ? lh_slice(leaf->bounds.data + p->bounds_at, p->min_len) : lh_slice("", 0);
}

static LhSlice
page_max(const LhPqwLeaf *leaf, const LhPqwPage *p)
{
	return p->known ? lh_slice(leaf->bounds.data + p->bounds_at + p->min_len, p->max_len)
					: lh_slice("", 0);
}

/* Order of the pages' bounds; pages of nulls do not count. */
static int
boundary_order(const LhPqwLeaf *leaf)
{
	const LhPqwPage *pages = lh_pqw_pages(leaf), *before = NULL;
	bool up = true, down = true;

	for (int i = 0; i < leaf->npages; i++)
	{
		int min, max;

		if (!pages[i].known)
			continue;
		if (before != NULL)
		{
			min = lh_pqw_compare(leaf->order, page_min(leaf, before), page_min(leaf, &pages[i]));
			max = lh_pqw_compare(leaf->order, page_max(leaf, before), page_max(leaf, &pages[i]));
			up = up && min <= 0 && max <= 0;
			down = down && min >= 0 && max >= 0;
		}
		before = &pages[i];
	}
	return up ? ASCENDING : down ? DESCENDING : UNORDERED;
}

static bool
has_column_index(const LhPqwLeaf *leaf)
{
	const LhPqwPage *pages = lh_pqw_pages(leaf);

	if (leaf->order == LH_PQW_NO_ORDER || leaf->shared->options.no_statistics)
		return false;
	for (int i = 0; i < leaf->npages; i++)
		if (!pages[i].known && pages[i].nulls < pages[i].values)
			return false;
	return true;
}

static LhStatus
put_column_index(LhCtx *ctx, const LhPqwLeaf *leaf, LhBuf *out)
{
	const LhPqwPage *pages = lh_pqw_pages(leaf);
	size_t n = (size_t) leaf->npages;
	LhTout t;

	lh_tout_begin(&t, ctx, out);
	lh_tout_list(&t, 1, LH_TOUT_TRUE, n);
	for (size_t i = 0; i < n; i++)
		lh_tout_bool_item(&t, !pages[i].known);
	lh_tout_list(&t, 2, LH_TOUT_BINARY, n);
	for (size_t i = 0; i < n; i++)
		lh_tout_binary_item(&t, page_min(leaf, &pages[i]));
	lh_tout_list(&t, 3, LH_TOUT_BINARY, n);
	for (size_t i = 0; i < n; i++)
		lh_tout_binary_item(&t, page_max(leaf, &pages[i]));
	lh_tout_i32(&t, 4, boundary_order(leaf));
	lh_tout_list(&t, 5, LH_TOUT_I64, n);
	for (size_t i = 0; i < n; i++)
		lh_tout_i64_item(&t, pages[i].nulls);
	if (lh_pqw_order_is_float(leaf->order))
	{
		lh_tout_list(&t, 8, LH_TOUT_I64, n);
		for (size_t i = 0; i < n; i++)
			lh_tout_i64_item(&t, pages[i].nans);
	}
	return lh_tout_end(&t);
}

static LhStatus
put_offset_index(LhCtx *ctx, const LhPqwLeaf *leaf, LhBuf *out)
{
	const LhPqwPage *pages = lh_pqw_pages(leaf);
	int64_t offset = leaf->place.data;
	LhTout t;

	lh_tout_begin(&t, ctx, out);
	lh_tout_list(&t, 1, LH_TOUT_STRUCT, (size_t) leaf->npages);
	for (int i = 0; i < leaf->npages; i++)
	{
		lh_tout_item(&t);
		lh_tout_i64(&t, 1, offset);
		lh_tout_i32(&t, 2, (int32_t) pages[i].bytes.len);
		lh_tout_i64(&t, 3, pages[i].first_row);
		lh_tout_close(&t);
		offset += (int64_t) pages[i].bytes.len;
	}
	return lh_tout_end(&t);
}

LhStatus
lh_pqw_index_put(LhCtx *ctx, LhPqWriter *w, const LhPqwLeaf *leaf, LhPqwChunk *chunk)
{
	size_t columns = w->column_indexes.len, offsets = w->offset_indexes.len;

	if (leaf->shared->options.no_page_index)
		return LH_OK;
	if (has_column_index(leaf))
		LH_TRY(put_column_index(ctx, leaf, &w->column_indexes));
	LH_TRY(put_offset_index(ctx, leaf, &w->offset_indexes));
	chunk->column_index_len = (uint32_t) (w->column_indexes.len - columns);
	chunk->offset_index_len = (uint32_t) (w->offset_indexes.len - offsets);
	return LH_OK;
}
