/*
 * index.c
 *		Page index: where each data page of a chunk lies and what bounds it has.
 *
 * An offset index (places, first rows) and a column index (bounds, null counts)
 * are read when they are asked for and kept with the file.  They are a help, not
 * data: an index that is damaged, lies outside the file or contradicts itself
 * counts as absent and the pages are found by walking over them.
 *
 *	1. Offset index: pages lie behind each other, inside the file and not before
 *	   the chunk; first rows begin with 0, grow, and stay within the row group.
 *	2. Column index: one entry a page.  Bounds follow the rules of stats.c; a page
 *	   whose bounds are useless has none, the others keep theirs.
 *	3. Bounds are never called exact: writers may truncate them and don't say so.
 *
 * Format: parquet.thrift, OffsetIndex and ColumnIndex;
 * https://parquet.apache.org/docs/file-format/pageindex/
 */
#include <math.h>
#include <string.h>

#include "parquet/indexes.h"

/* A longer index is not worth its reading. */
#define MAX_INDEX (INT64_C(64) << 20)

static LhPqFileIndex *
find_entry(LhPqFile *file, int group, int leaf)
{
	LhPqFileIndex *e = file->indexes != NULL ? file->indexes->groups[group] : NULL;

	while (e != NULL && e->leaf != leaf)
		e = e->next;
	return e;
}

LhStatus
lh_pq_index_entry(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhPqFileIndex **out)
{
	LhArena *old = ctx->arena;
	LhPqFileIndexes *all = file->indexes;
	LhPqFileIndex *e = find_entry(file, group, leaf);

	*out = e;
	if (e != NULL)
		return LH_OK;
	lh_use(ctx, file->arena);
	if (all == NULL && (all = lh_alloc0(ctx, sizeof(*all))) != NULL)
	{
		all->groups = lh_alloc_array(ctx, (size_t) file->meta->ngroups, sizeof(*all->groups));
		if (all->groups == NULL)
			all = NULL;
	}
	e = all != NULL ? lh_alloc0(ctx, sizeof(*e)) : NULL;
	lh_use(ctx, old);
	if (e == NULL)
		return ctx->error->code;
	file->indexes = all;
	e->leaf = leaf;
	e->next = all->groups[group];
	all->groups[group] = e;
	*out = e;
	return LH_OK;
}

/* What is being read. */
typedef struct Reading
{
	const LhPqMeta *meta;
	const LhPqNode *node;
	int leaf;
	int64_t start;    /* of the chunk */
	int64_t num_rows; /* of the row group */
	LhPqAllowance allowance;
	/* of the offset index */
	int npages;
	int64_t *offset;
	int32_t *size;
	int64_t *first_row;
	/* of the column index; data NULL or n 0: absent */
	LhBounds *bounds;
} Reading;

static void
parse_location(LhThrift *r, Reading *reading, int page)
{
	LhThriftField f = {0};

	reading->offset[page] = -1;
	reading->first_row[page] = -1;
	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i64(r, &f, &reading->offset[page]); break;
			case 2: lh_thrift_i32(r, &f, &reading->size[page]); break;
			case 3: lh_thrift_i64(r, &f, &reading->first_row[page]); break;
			default: lh_thrift_skip(r, f.type);
		}
}

static LhStatus
take_pages(LhCtx *ctx, Reading *reading, size_t n)
{
	void *p = NULL;

	LH_TRY(lh_pq_take(ctx, &reading->allowance, n, sizeof(int64_t), &p));
	reading->offset = p;
	LH_TRY(lh_pq_take(ctx, &reading->allowance, n, sizeof(int32_t), &p));
	reading->size = p;
	LH_TRY(lh_pq_take(ctx, &reading->allowance, n, sizeof(int64_t), &p));
	reading->first_row = p;
	reading->npages = (int) n;
	return LH_OK;
}

/* Rule 1: do the places make sense? */
static bool
sound_locations(const Reading *reading)
{
	int64_t limit = lh_pq_data_end(reading->meta);
	int64_t end = reading->start;
	int64_t row = -1;

	for (int i = 0; i < reading->npages; i++)
	{
		if (reading->offset[i] < end || reading->size[i] <= 0 ||
			reading->size[i] > limit - reading->offset[i])
			return false;
		if (reading->first_row[i] <= row || reading->first_row[i] >= reading->num_rows)
			return false;
		end = reading->offset[i] + reading->size[i];
		row = reading->first_row[i];
	}
	return reading->npages > 0 && reading->first_row[0] == 0;
}

static LhStatus
parse_offset_index(LhCtx *ctx, Reading *reading, LhThrift *r)
{
	LhThriftField f = {0};
	LhThriftList list;

	while (lh_thrift_next(r, &f))
	{
		if (f.id != 1 || reading->npages > 0)
		{
			lh_thrift_skip(r, f.type);
			continue;
		}
		if (!lh_thrift_list(r, &f, LH_THRIFT_STRUCT, &list))
			continue;
		LH_TRY(take_pages(ctx, reading, list.n));
		for (uint32_t i = 0; i < list.n && lh_thrift_ok(r); i++)
			parse_location(r, reading, (int) i);
	}
	LH_TRY(lh_thrift_status(ctx, r, "offset index"));
	if (!sound_locations(reading))
		LH_FAIL(ctx, LH_CORRUPT, "offset index contradicts itself or its row group");
	return LH_OK;
}

/* Where the lists of a column index begin; n < 0: absent. */
typedef struct ColumnIndex
{
	LhThrift null_pages, min, max, nulls, nans;
	int64_t n_null_pages, n_min, n_max, n_nulls, n_nans;
} ColumnIndex;

/* Note the begin of a list and step over it. */
static void
note_list(LhThrift *r, const LhThriftField *f, int type, LhThrift *at, int64_t *n)
{
	LhThrift whole = *r;
	LhThriftList list;

	if (lh_thrift_list(r, f, type, &list))
	{
		*at = *r;
		*n = list.n;
		*r = whole;
		lh_thrift_skip(r, f->type);
	}
}

static LhStatus
parse_lists(LhCtx *ctx, LhThrift *r, ColumnIndex *ci)
{
	LhThriftField f = {0};

	ci->n_null_pages = ci->n_min = ci->n_max = ci->n_nulls = ci->n_nans = -1;
	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: note_list(r, &f, LH_THRIFT_TRUE, &ci->null_pages, &ci->n_null_pages); break;
			case 2: note_list(r, &f, LH_THRIFT_BINARY, &ci->min, &ci->n_min); break;
			case 3: note_list(r, &f, LH_THRIFT_BINARY, &ci->max, &ci->n_max); break;
			case 5: note_list(r, &f, LH_THRIFT_I64, &ci->nulls, &ci->n_nulls); break;
			case 8: note_list(r, &f, LH_THRIFT_I64, &ci->nans, &ci->n_nans); break;
			default: lh_thrift_skip(r, f.type);
		}
	return lh_thrift_status(ctx, r, "column index");
}

/* Bounds of the next page, which has rows rows. */
static void
page_bounds(LhCtx *ctx, const Reading *reading, ColumnIndex *ci, bool usable, int64_t rows,
			LhBounds *b)
{
	bool null_page = lh_thrift_item_bool(&ci->null_pages);
	LhSlice min = lh_thrift_item_binary(&ci->min), max = lh_thrift_item_binary(&ci->max);
	int64_t nulls = ci->n_nulls >= 0 ? lh_thrift_item_i64(&ci->nulls) : -1,
			nans = ci->n_nans >= 0 ? lh_thrift_item_i64(&ci->nans) : -1;
	bool flat = reading->node->max_rep == 0;

	*b = (LhBounds){.rows = -1, .nulls = -1};
	b->may_nan = lh_pq_is_float(reading->node) && nans != 0 && !null_page;
	if (flat)
	{
		b->rows = rows;
		if (reading->node->max_def == 0)
			b->nulls = 0;
		else if (nulls >= 0 && nulls <= rows)
			b->nulls = nulls;
		/* a page of nulls whose count says otherwise: then nothing is known of either */
		if (null_page && b->nulls >= 0 && b->nulls != rows)
			b->nulls = -1;
		else if (null_page)
			b->nulls = rows;
	}
	if (usable && !null_page)
		lh_pq_bounds_make(ctx, reading->node, min, max, b);
}

static LhStatus
parse_column_index(LhCtx *ctx, Reading *reading, LhThrift *r)
{
	bool usable = lh_pq_order_usable(reading->node, lh_pq_order(reading->meta, reading->leaf));
	ColumnIndex ci = {0};
	LhBounds *bounds;
	void *p = NULL;

	LH_TRY(parse_lists(ctx, r, &ci));
	if (ci.n_null_pages != reading->npages || ci.n_min != reading->npages ||
		ci.n_max != reading->npages || (ci.n_nulls >= 0 && ci.n_nulls != reading->npages) ||
		(ci.n_nans >= 0 && ci.n_nans != reading->npages))
		LH_FAIL(ctx, LH_CORRUPT, "column index: expected %d entries in each list, found %lld",
				reading->npages, (long long) ci.n_null_pages);
	LH_TRY(lh_pq_take(ctx, &reading->allowance, (size_t) reading->npages, sizeof(LhBounds), &p));
	bounds = p;
	for (int i = 0; i < reading->npages; i++)
	{
		int64_t end = i + 1 < reading->npages ? reading->first_row[i + 1] : reading->num_rows;

		page_bounds(ctx, reading, &ci, usable, end - reading->first_row[i], &bounds[i]);
	}
	LH_TRY(lh_thrift_status(ctx, &ci.null_pages, "column index"));
	reading->bounds = bounds;
	return LH_OK;
}

/* Is this failure one of the index alone, so that doing without it is right? */
static bool
ignorable(LhCtx *ctx, LhStatus status)
{
	if (status != LH_CORRUPT && status != LH_LIMIT)
		return false;
	lh_error_clear(ctx);
	return true;
}

static LhStatus
parse_both(LhCtx *ctx, Reading *reading, LhSlice offset_index, LhSlice column_index)
{
	LhStatus status;
	LhThrift r;

	reading->allowance = LH_PQ_ALLOWANCE(offset_index.len);
	lh_thrift_init(&r, offset_index.data, offset_index.len);
	status = parse_offset_index(ctx, reading, &r);
	if (ignorable(ctx, status))
	{
		reading->npages = 0;
		return LH_OK;
	}
	LH_TRY(status);
	if (column_index.len == 0)
		return LH_OK;
	reading->allowance = LH_PQ_ALLOWANCE(column_index.len);
	lh_thrift_init(&r, column_index.data, column_index.len);
	status = parse_column_index(ctx, reading, &r);
	return ignorable(ctx, status) ? LH_OK : status;
}

LhStatus
lh_pq_index_parse(LhCtx *ctx, const LhPqMeta *meta, int group, int leaf, int64_t start,
				  LhSlice offset_index, LhSlice column_index, LhPqPageIndex **out)
{
	Reading reading = {.meta = meta,
					   .node = &meta->nodes[meta->leaf_nodes[leaf]],
					   .leaf = leaf,
					   .start = start,
					   .num_rows = meta->groups[group].num_rows};
	LhPqPageIndex *index;

	*out = NULL;
	if (offset_index.len == 0)
		return LH_OK;
	LH_TRY(parse_both(ctx, &reading, offset_index, column_index));
	if (reading.npages == 0)
		return LH_OK;
	LH_NEW(ctx, index);
	index->npages = reading.npages;
	index->offset = reading.offset;
	index->size = reading.size;
	index->first_row = reading.first_row;
	index->bounds = reading.bounds;
	*out = index;
	return LH_OK;
}

/* Bytes [offset, offset + len) in ctx->arena; empty when that is no place for an index. */
static LhStatus
read_range(LhCtx *ctx, LhPqFile *file, int64_t offset, int64_t len, LhSlice *out)
{
	uint8_t *bytes;

	*out = lh_slice(NULL, 0);
	if (offset < LH_PQ_MAGIC_SIZE || len <= 0 || len > MAX_INDEX ||
		offset > lh_pq_data_end(file->meta) - len)
		return LH_OK;
	LH_ALLOC(ctx, bytes, (size_t) len);
	LH_TRY(lh_object_read(ctx, file->obj, offset, (size_t) len, bytes));
	*out = lh_slice(bytes, (size_t) len);
	return LH_OK;
}

/*
 * An index of an encrypted chunk, decrypted where it lies.  One that does not
 * decrypt was tampered with, and then nothing else is to be believed.
 */
static LhStatus
open_index(LhCtx *ctx, LhPqDecrypt *d, LhPqModule module, LhSlice *bytes)
{
	if (d == NULL || bytes->len == 0)
		return LH_OK;
	return lh_pq_decrypt_here(ctx, d, module, (uint8_t *) bytes->data, bytes->len, bytes);
}

/* A failed read is a failure of the file; bytes that make no sense are an absent index. */
static LhStatus
make_index(LhCtx *ctx, LhPqFile *file, int group, int leaf, const LhPqChunk *c, LhPqPageIndex **out)
{
	LhSlice offset_index, column_index;
	LhPqDecrypt *d = NULL;

	if (c->key != NULL)
		LH_TRY(lh_pq_decrypt_create(ctx, file, group, leaf, c->key, &d));
	LH_TRY(read_range(ctx, file, c->offset_index_offset, c->offset_index_length, &offset_index));
	LH_TRY(open_index(ctx, d, LH_PQ_M_OFFSET_INDEX, &offset_index));
	LH_TRY(read_range(ctx, file, c->column_index_offset, c->column_index_length, &column_index));
	LH_TRY(open_index(ctx, d, LH_PQ_M_COLUMN_INDEX, &column_index));
	return lh_pq_index_parse(ctx, file->meta, group, leaf, c->start, offset_index, column_index,
							 out);
}

LhStatus
lh_pq_page_index(LhCtx *ctx, LhPqFile *file, int group, int leaf, const LhPqPageIndex **out)
{
	const LhPqChunk *chunk;
	LhPqFileIndex *e;
	LhPqPageIndex *index = NULL;
	LhArena *old;
	LhStatus status;

	*out = NULL;
	LH_TRY(lh_pq_chunk(ctx, file, group, leaf, &chunk));
	if (chunk->offset_index_offset < 0 || chunk->locked || chunk->file_path != NULL)
		return LH_OK;
	LH_TRY(lh_pq_index_entry(ctx, file, group, leaf, &e));
	if (!e->index_read)
	{
		old = lh_use(ctx, file->arena);
		status = make_index(ctx, file, group, leaf, chunk, &index);
		lh_use(ctx, old);
		LH_TRY(status);
		e->index = index;
		e->index_read = true;
	}
	*out = e->index;
	return LH_OK;
}
