/*
 * write.c
 *		The Parquet writer: rows in, row groups and footer out.
 *
 *	1. Rows are shredded into the leaves (write_shred.c), which make pages of them
 *	   (write_column.c, write_page.c) and keep these, compressed.
 *	2. When a row group has its rows or bytes, or memory becomes tight, its chunks
 *	   are written one behind the other, each with its dictionary page first, and
 *	   then its bloom filters.
 *	3. At the end come the page indexes, column indexes first, and the footer.
 *
 * Memory of the writer counts as floor (arena.h): a page and a dictionary of
 * each column cannot be done without.  What a small budget does is to make
 * these smaller, and row groups shorter.
 */
#include "parquet/write_internal.h"

#define GROUP_ROWS  (INT64_C(1) << 20)
#define GROUP_BYTES (INT64_C(128) << 20)
#define PAGE_ROWS   20000
#define PAGE_BYTES  ((size_t) 1 << 20)
#define DICT_BYTES  ((size_t) 1 << 20)
#define TRUNCATE    64

/* However small the budget is, pages and dictionaries may have so many bytes. */
#define SMALLEST_PAGE ((size_t) 16 << 10)

/*
 * A small budget is divided into so many parts for each column, and as many for
 * what they share: a page takes one, and again when it grows; the table of a
 * dictionary up to four times its entries.
 */
#define PARTS 16

/* A row group does not end early before it holds so much of the budget. */
#define TIGHT_SHARE 4

void
lh_pq_write_defaults(LhPqWriteOptions *o)
{
	*o = (LhPqWriteOptions){.codec = LH_CODEC_ZSTD};
}

static LhStatus
check_options(LhCtx *ctx, const LhPqWriteOptions *o)
{
	if (o->codec == LH_CODEC_LZO || (unsigned) o->codec >= LH_N_CODECS ||
		o->codec == LH_CODEC_LZ4_HADOOP)
		LH_FAIL(ctx, LH_UNSUPPORTED, "files cannot be written with codec %s",
				lh_codec_name(o->codec));
	if (o->data_page < 0 || o->data_page > 2)
		LH_FAIL(ctx, LH_INVALID, "data pages have version 1 or 2, not %d", o->data_page);
	if (o->row_group_rows < 0 || o->row_group_bytes < 0 || o->page_rows < 0 || o->truncate < 0)
		LH_FAIL(ctx, LH_INVALID, "sizes of row groups, pages and bounds cannot be negative");
	return LH_OK;
}

static void
fill_options(LhPqWriteOptions *o)
{
	if (o->row_group_rows == 0)
		o->row_group_rows = GROUP_ROWS;
	if (o->row_group_bytes == 0)
		o->row_group_bytes = GROUP_BYTES;
	if (o->page_rows == 0)
		o->page_rows = PAGE_ROWS;
	if (o->page_bytes == 0)
		o->page_bytes = PAGE_BYTES;
	if (o->dictionary_bytes == 0)
		o->dictionary_bytes = DICT_BYTES;
	if (o->page_bytes > LH_PQW_PAGE_MAX / 2)
		o->page_bytes = LH_PQW_PAGE_MAX / 2;
	if (o->dictionary_bytes > LH_PQW_PAGE_MAX / 2)
		o->dictionary_bytes = LH_PQW_PAGE_MAX / 2;
	if (o->truncate == 0)
		o->truncate = TRUNCATE;
	if (o->data_page == 0)
		o->data_page = 1;
}

/* Pages and dictionaries that fit a small budget. */
static void
fit_budget(LhPqWriter *w)
{
	const LhBudget *budget = lh_arena_budget(w->shared.arena);
	LhPqWriteOptions *o = &w->shared.options;
	size_t share;

	if (budget == NULL || budget->limit == 0)
		return;
	share = budget->limit / (PARTS * (size_t) (w->nleaves + 1));
	if (share < SMALLEST_PAGE)
		share = SMALLEST_PAGE;
	if (o->page_bytes > share)
		o->page_bytes = share;
	if (o->dictionary_bytes > share)
		o->dictionary_bytes = share;
	w->tight = budget->limit - budget->limit / TIGHT_SHARE;
}

static LhStatus
init_buffers(LhCtx *ctx, LhPqWriter *w)
{
	LhPqwShared *s = &w->shared;
	LhBuf *const bufs[] = {&s->raw,   &s->packed,         &s->trial,         &s->header, &s->take,
						   &s->picks, &s->codes,          &s->followed,      &w->groups, &w->chunks,
						   &w->metas, &w->column_indexes, &w->offset_indexes};

	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		LH_TRY(lh_buf_init(ctx, bufs[i], true));
	return LH_OK;
}

static LhStatus
copy_columns(LhCtx *ctx, LhPqWriter *w, const LhField *cols)
{
	LhField *copy;

	if (w->ncols < 1)
		LH_FAIL(ctx, LH_INVALID, "a Parquet file needs at least one column");
	LH_NEW_ARRAY(ctx, copy, (size_t) w->ncols);
	memcpy(copy, cols, (size_t) w->ncols * sizeof(*cols));
	w->cols = copy;
	return LH_OK;
}

static LhStatus
make(LhCtx *ctx, LhPqWriter *w, const LhField *cols, const LhPqColumnOptions *columns)
{
	LH_TRY(check_options(ctx, &w->shared.options));
	fill_options(&w->shared.options);
	LH_TRY(copy_columns(ctx, w, cols));
	LH_TRY(lh_codecs_create(ctx, &w->shared.codecs));
	LH_TRY(init_buffers(ctx, w));
	LH_TRY(lh_pqw_schema(ctx, w, columns));
	fit_budget(w);
	for (int i = 0; i < w->nleaves; i++)
		LH_TRY(lh_pqw_leaf_reset(ctx, &w->leaves[i]));
	return lh_output_write(ctx, w->output, "PAR1", LH_PQ_MAGIC_SIZE);
}

LhStatus
lh_pq_writer_create(LhCtx *ctx, LhOutput *output, int ncols, const LhField *cols,
					const LhPqColumnOptions *columns, const LhPqWriteOptions *options,
					LhPqWriter **out)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhPqWriter *w;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	w = lh_alloc0(ctx, sizeof(*w));
	if (w != NULL)
	{
		w->output = output;
		w->shared.arena = arena;
		w->ncols = ncols;
		lh_pq_write_defaults(&w->shared.options);
		if (options != NULL)
			w->shared.options = *options;
	}
	status = w != NULL ? make(ctx, w, cols, columns) : ctx->error->code;
	lh_use(ctx, old);
	if (status != LH_OK)
		lh_arena_destroy(arena);
	else
		*out = w;
	return status;
}

/*
 * Row groups
 */

static LhStatus
write_bytes(LhCtx *ctx, LhPqWriter *w, const LhBuf *buf)
{
	return lh_output_write(ctx, w->output, buf->data, buf->len);
}

/* The pages of a leaf. */
static LhStatus
write_pages(LhCtx *ctx, LhPqWriter *w, LhPqwLeaf *leaf)
{
	LhBuf *dict = &w->shared.trial;
	LhPqwPlace *place = &leaf->place;

	*place = (LhPqwPlace){0};
	place->start = lh_output_position(w->output);
	if (leaf->dict.used)
	{
		dict->len = 0;
		LH_TRY(lh_pqw_dict_page(ctx, leaf, dict));
		LH_TRY(write_bytes(ctx, w, dict));
	}
	place->data = lh_output_position(w->output);
	for (int i = 0; i < leaf->npages; i++)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(write_bytes(ctx, w, &lh_pqw_pages(leaf)[i].bytes));
	}
	place->compressed = lh_output_position(w->output) - place->start;
	return LH_OK;
}

static LhStatus
write_bloom(LhCtx *ctx, LhPqWriter *w, LhPqwLeaf *leaf)
{
	LhBuf *buf = &w->shared.trial;

	if (!leaf->bloom.wanted)
		return LH_OK;
	buf->len = 0;
	LH_TRY(lh_pqw_bloom_put(ctx, leaf, buf));
	if (buf->len == 0)
		return LH_OK;
	leaf->place.bloom = lh_output_position(w->output);
	leaf->place.bloom_len = (int32_t) buf->len;
	return write_bytes(ctx, w, buf);
}

static LhStatus
write_group(LhCtx *ctx, LhPqWriter *w)
{
	LhPqwGroup group = {.rows = w->group_rows, .offset = lh_output_position(w->output)};

	for (int i = 0; i < w->nleaves; i++)
	{
		LhPqwLeaf *leaf = &w->leaves[i];

		LH_TRY(write_pages(ctx, w, leaf));
		group.compressed += leaf->place.compressed;
		group.uncompressed += leaf->uncompressed;
		leaf->compressed += leaf->place.compressed;
	}
	for (int i = 0; i < w->nleaves; i++)
	{
		LhPqwLeaf *leaf = &w->leaves[i];
		LhPqwChunk chunk = {0};

		LH_TRY(write_bloom(ctx, w, leaf));
		LH_TRY(lh_pqw_put_chunk(ctx, w, leaf, &chunk));
		LH_TRY(lh_pqw_index_put(ctx, w, leaf, &chunk));
		LH_TRY(lh_buf_append(ctx, &w->chunks, &chunk, sizeof(chunk)));
		LH_TRY(lh_pqw_leaf_reset(ctx, leaf));
	}
	LH_TRY(lh_buf_append(ctx, &w->groups, &group, sizeof(group)));
	w->ngroups++;
	w->rows += w->group_rows;
	w->group_rows = 0;
	return LH_OK;
}

static LhStatus
end_group(LhCtx *ctx, LhPqWriter *w)
{
	if (w->group_rows == 0)
		return LH_OK;
	for (int i = 0; i < w->nleaves; i++)
		LH_TRY(lh_pqw_page_cut(ctx, &w->leaves[i]));
	return write_group(ctx, w);
}

/* Is memory tight, and would ending the row group give enough of it back? */
static bool
is_tight(const LhPqWriter *w)
{
	const LhBudget *budget = lh_arena_budget(w->shared.arena);
	int64_t kept = 0;

	if (w->tight == 0 || budget->used < w->tight)
		return false;
	for (int i = 0; i < w->nleaves; i++)
		kept += lh_pqw_leaf_kept(&w->leaves[i]);
	return kept >= (int64_t) (budget->limit / TIGHT_SHARE);
}

static bool
is_full(const LhPqWriter *w)
{
	int64_t bytes = 0;

	if (w->group_rows >= w->shared.options.row_group_rows)
		return true;
	for (int i = 0; i < w->nleaves; i++)
		bytes += w->leaves[i].uncompressed + lh_pqw_leaf_pending(&w->leaves[i]);
	return bytes >= w->shared.options.row_group_bytes;
}

static LhStatus
write_rows(LhCtx *ctx, LhPqWriter *w, int n, const LhVec *const *vecs)
{
	for (int from = 0, to; from < n; from = to)
	{
		int64_t room = w->shared.options.row_group_rows - w->group_rows;

		to = room < n - from ? from + (int) room : n;
		LH_TRY(lh_poll(ctx));
		for (int i = 0; i < w->ncols; i++)
			LH_TRY(lh_pqw_shred(ctx, w, i, from, to, vecs[i]));
		w->group_rows += to - from;
		if (is_full(w) || is_tight(w))
			LH_TRY(end_group(ctx, w));
	}
	return LH_OK;
}

static LhStatus
check_usable(LhCtx *ctx, const LhPqWriter *w)
{
	if (w->finished || w->broken)
		LH_FAIL(ctx, LH_BUG, "a Parquet file was written to after it %s",
				w->broken ? "failed" : "was finished");
	return LH_OK;
}

LhStatus
lh_pq_writer_write(LhCtx *ctx, LhPqWriter *w, int n, const LhVec *const *vecs)
{
	LhArena *old;
	LhStatus status;

	LH_TRY(check_usable(ctx, w));
	if (n < 0 || n > LH_BATCH)
		LH_FAIL(ctx, LH_BUG, "a batch of %d rows is no batch", n);
	old = lh_use(ctx, w->shared.arena);
	status = write_rows(ctx, w, n, vecs);
	lh_use(ctx, old);
	w->broken = status != LH_OK;
	return status;
}

int64_t
lh_pq_writer_size(const LhPqWriter *w)
{
	int64_t size = lh_output_position(w->output);

	for (int i = 0; i < w->nleaves; i++)
		size += w->leaves[i].kept + lh_pqw_leaf_pending(&w->leaves[i]);
	return size;
}

/*
 * The end
 */

static LhStatus
write_end(LhCtx *ctx, LhPqWriter *w)
{
	LhBuf *footer = &w->shared.raw;
	int64_t indexes_at;
	uint32_t len;

	LH_TRY(end_group(ctx, w));
	indexes_at = lh_output_position(w->output);
	LH_TRY(write_bytes(ctx, w, &w->column_indexes));
	LH_TRY(write_bytes(ctx, w, &w->offset_indexes));
	footer->len = 0;
	LH_TRY(lh_pqw_put_footer(ctx, w, indexes_at, footer));
	if (footer->len > LH_PQ_MAX_FOOTER)
		LH_FAIL(ctx, LH_LIMIT, "a footer of %zu bytes is too large", footer->len);
	len = (uint32_t) footer->len;
	LH_TRY(lh_buf_append(ctx, footer, &len, sizeof(len)));
	LH_TRY(lh_buf_append(ctx, footer, "PAR1", LH_PQ_MAGIC_SIZE));
	LH_TRY(write_bytes(ctx, w, footer));
	w->finished = true;
	return LH_OK;
}

static void
tell_column(const LhPqwLeaf *leaf, LhPqWrittenColumn *c)
{
	const LhPqwKept *k = &leaf->file;

	*c = (LhPqWrittenColumn){.path = leaf->path,
							 .field_id = leaf->field_id,
							 .values = k->values,
							 .nulls = k->nulls,
							 .nans = k->nans,
							 .compressed_size = leaf->compressed,
							 .has_bounds = k->known};
	if (!k->known)
		return;
	c->min = lh_pqw_bound_value(leaf, lh_slice(k->min.data, k->min.len));
	c->max = lh_pqw_bound_value(leaf, lh_slice(k->max.data, k->max.len));
}

static LhStatus
tell(LhCtx *ctx, const LhPqWriter *w, LhPqWritten *out)
{
	const LhPqwGroup *groups = (const LhPqwGroup *) (const void *) w->groups.data;
	LhPqWrittenColumn *leaves;
	int64_t *offsets;

	LH_NEW_ARRAY(ctx, leaves, (size_t) w->nleaves + 1);
	LH_NEW_ARRAY(ctx, offsets, (size_t) w->ngroups + 1);
	for (int i = 0; i < w->nleaves; i++)
		tell_column(&w->leaves[i], &leaves[i]);
	for (int i = 0; i < w->ngroups; i++)
		offsets[i] = groups[i].offset;
	*out = (LhPqWritten){.rows = w->rows,
						 .bytes = lh_output_position(w->output),
						 .ngroups = w->ngroups,
						 .split_offsets = offsets,
						 .nleaves = w->nleaves,
						 .leaves = leaves};
	return LH_OK;
}

LhStatus
lh_pq_writer_finish(LhCtx *ctx, LhPqWriter *w, LhPqWritten *out)
{
	LhArena *old;
	LhStatus status;

	LH_TRY(check_usable(ctx, w));
	old = lh_use(ctx, w->shared.arena);
	status = write_end(ctx, w);
	if (status == LH_OK && out != NULL)
		status = tell(ctx, w, out);
	lh_use(ctx, old);
	w->broken = status != LH_OK;
	return status;
}
