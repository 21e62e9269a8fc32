/*
 * leaf.c
 *		A leaf column of one row group: from page to page, from values to lanes.
 *
 * A page becomes the current one when its header is read; its body is read and
 * decompressed only when somebody wants a value of it.  So pages without
 * wanted rows cost a header, or nothing at all where a page index says where
 * to go on.
 *
 * The end of the chunk is where its number of values has been seen: the sizes
 * that the metadata gives are sometimes wrong.
 */
#include "parquet/leaf.h"

/* Codes turned into values at a time. */
#define STEP 512

LhStatus
lh_pq_leaf_init(LhCtx *ctx, LhPqLeaf *leaf, LhPqFile *file, int group, int node,
				const LhType *type)
{
	const LhPqNode *n = &file->meta->nodes[node];
	const LhPqChunk *chunk;

	*leaf = (LhPqLeaf){.file = file, .group = group, .node = n, .page_no = -1};
	lh_pq_pool_init(&leaf->pool, ctx->arena);
	LH_TRY(lh_pq_chunk(ctx, file, group, n->leaf, &chunk));
	if (chunk->file_path != NULL)
		LH_FAIL(ctx, LH_UNSUPPORTED, "the column lies in another file, \"%s\"", chunk->file_path);
	if (chunk->locked)
		return lh_pq_crypt_locked(ctx, chunk->key);
	if (n->physical == LH_PQ_FLBA && n->type_length <= 0)
		LH_FAIL(ctx, LH_CORRUPT, "fixed-length values of %d bytes", n->type_length);
	if (chunk->num_values < 0 || chunk->start < 0)
		LH_FAIL(ctx, LH_CORRUPT, "number of values or offset of the column is negative");
	LH_TRY(lh_pq_page_codec(ctx, chunk->codec, &leaf->codec));
	LH_TRY(lh_pq_convert_choose(ctx, n, type, &file->options, &leaf->convert));
	leaf->chunk = chunk;
	if (chunk->key != NULL)
		LH_TRY(lh_pq_decrypt_create(ctx, file, group, n->leaf, chunk->key, &leaf->decrypt));
	leaf->next = chunk->start;
	leaf->may_direct = lh_object_id(file->obj)->etag == NULL;
	leaf->read_ahead = leaf->may_direct ? LH_PQ_READ_AHEAD : LH_PQ_READ_AHEAD_REMOTE;
	lh_pq_window_init(&leaf->window, file, &leaf->pool,
					  chunk->compressed_size > file->size - chunk->start
						  ? file->size
						  : chunk->start + chunk->compressed_size);
	lh_pq_decoder_init(&leaf->decoder, &leaf->pool, n->physical, n->type_length);
	LH_TRY(lh_buf_init(ctx, &leaf->physical, true));
	return lh_buf_init(ctx, &leaf->dense, true);
}

/* Give up the current page. */
static void
leave_page(LhCtx *ctx, LhPqLeaf *leaf)
{
	if (leaf->have_page)
	{
		leaf->values_before += leaf->header.num_values;
		if (!leaf->loaded)
			LH_COUNT(ctx, PAGES_SKIPPED, 1);
	}
	if (leaf->loaded)
		lh_pq_page_drop(leaf, &leaf->page);
	leaf->have_page = false;
	leaf->loaded = false;
}

void
lh_pq_leaf_close(LhPqLeaf *leaf)
{
	if (leaf->loaded)
		lh_pq_page_drop(leaf, &leaf->page);
	leaf->have_page = false;
	leaf->loaded = false;
	lh_pq_dict_drop(leaf);
	lh_pq_window_drop(&leaf->window);
	lh_pq_decoder_close(&leaf->decoder);
	lh_buf_free(&leaf->physical);
	lh_buf_free(&leaf->dense);
	lh_pq_pool_drop(&leaf->pool);
}

void
lh_pq_leaf_rewind(LhPqLeaf *leaf)
{
	int64_t start = leaf->chunk->start;

	lh_pq_pool_unpin(&leaf->pool);
	if (leaf->loaded)
		lh_pq_page_drop(leaf, &leaf->page);
	leaf->have_page = leaf->loaded = leaf->jumped = leaf->direct = false;
	leaf->values_before = 0;
	leaf->page_no = -1;
	/* a dictionary where it should be is passed over */
	leaf->next = leaf->has_dict && leaf->dict_pos == start + leaf->dict_header.header_size
					 ? leaf->dict_pos + leaf->dict_header.stored_size
					 : start;
	leaf->window.hinted = 0;
}

/* Limits that a data page's header must keep to be read as part of this column. */
static LhStatus
check_data_page(LhCtx *ctx, const LhPqLeaf *leaf, const LhPqPageHeader *h)
{
	if (h->num_values < 0 || h->num_values > leaf->chunk->num_values - leaf->values_before)
		LH_FAIL(ctx, LH_CORRUPT, "page of %d values after %lld of the column's %lld",
				h->num_values, (long long) leaf->values_before,
				(long long) leaf->chunk->num_values);
	if (h->type != LH_PQ_DATA_PAGE_V2)
		return LH_OK;
	if (h->num_nulls < 0 || h->num_nulls > h->num_values)
		LH_FAIL(ctx, LH_CORRUPT, "page of %d values has %d nulls", h->num_values, h->num_nulls);
	if (h->num_nulls > 0 && leaf->node->max_def == 0)
		LH_FAIL(ctx, LH_CORRUPT, "required column has a page with %d nulls", h->num_nulls);
	if (h->num_rows < 0 || h->num_rows > h->num_values ||
		(leaf->node->max_rep == 0 && h->num_rows != h->num_values))
		LH_FAIL(ctx, LH_CORRUPT, "page of %d values has %d rows", h->num_values, h->num_rows);
	return LH_OK;
}

/* Remember where the dictionary is. */
static LhStatus
note_dict(LhCtx *ctx, LhPqLeaf *leaf, const LhPqPageHeader *h, int64_t body)
{
	if (leaf->has_dict && leaf->dict_pos != body)
		LH_FAIL(ctx, LH_CORRUPT, "column has a second dictionary page, at offset %lld",
				(long long) body);
	leaf->has_dict = true;
	leaf->dict_pos = body;
	leaf->dict_header = *h;
	return LH_OK;
}

LhStatus
lh_pq_leaf_begin(LhCtx *ctx, LhPqLeaf *leaf)
{
	int64_t start = leaf->chunk->start;
	LhPqPageHeader h;

	if (leaf->begun || leaf->chunk->num_values == 0)
		return LH_OK;
	LH_TRY(lh_pq_dict_find(ctx, leaf));
	if (leaf->kept != NULL)
		h = leaf->kept->page->header;
	else
		LH_TRY(lh_pq_header_read(ctx, &leaf->window, leaf->chunk, leaf->decrypt, start, leaf->read_ahead,
								 0, &h));
	leaf->begun = true;
	if (h.type != LH_PQ_DICTIONARY_PAGE)
		return LH_OK;
	LH_TRY(note_dict(ctx, leaf, &h, start + h.header_size));
	if (leaf->next == start)
		leaf->next = start + h.header_size + h.stored_size;
	return lh_pq_dict_load(ctx, leaf);
}

/* A dictionary at the beginning that is kept need not be read to be passed over. */
static LhStatus
pass_kept(LhCtx *ctx, LhPqLeaf *leaf)
{
	const LhPqPageHeader *h;

	LH_TRY(lh_pq_dict_find(ctx, leaf));
	if (leaf->kept == NULL)
		return LH_OK;
	h = &leaf->kept->page->header;
	LH_TRY(note_dict(ctx, leaf, h, leaf->chunk->start + h->header_size));
	leaf->next = leaf->dict_pos + h->stored_size;
	return LH_OK;
}

LhStatus
lh_pq_leaf_next(LhCtx *ctx, LhPqLeaf *leaf, LhPqApproach approach)
{
	size_t ahead = leaf->direct						? LH_PQ_HEADER_AHEAD
				   : approach == LH_PQ_TO_READ ? leaf->read_ahead
											   : LH_PQ_PEEK;

	leave_page(ctx, leaf);
	for (;;)
	{
		LhPqPageHeader *h = &leaf->header;
		int64_t pos = leaf->next;

		LH_TRY(lh_poll(ctx));
		if (leaf->values_before >= leaf->chunk->num_values)
			LH_FAIL(ctx, LH_CORRUPT, "column ends after %lld values",
					(long long) leaf->values_before);
		if (pos == leaf->chunk->start && !leaf->begun)
		{
			LH_TRY(pass_kept(ctx, leaf));
			if (leaf->kept != NULL)
				continue;
		}
		LH_TRY(lh_pq_header_read(ctx, &leaf->window, leaf->chunk, leaf->decrypt, pos, ahead,
								 leaf->page_no + 1, h));
		leaf->body = pos + h->header_size;
		leaf->next = leaf->body + h->stored_size;
		if (h->type == LH_PQ_DICTIONARY_PAGE)
			LH_TRY(note_dict(ctx, leaf, h, leaf->body));
		if (h->type != LH_PQ_DATA_PAGE && h->type != LH_PQ_DATA_PAGE_V2)
			continue; /* pages of unknown kinds are to be passed over */
		LH_TRY(check_data_page(ctx, leaf, h));
		leaf->page_no++;
		if (h->num_values > 0)
			break;
	}
	leaf->have_page = true;
	return LH_OK;
}

bool
lh_pq_leaf_next_is_near(const LhPqLeaf *leaf)
{
	return lh_pq_window_have(&leaf->window, leaf->next) >= LH_PQ_HEADER_TRY;
}

bool
lh_pq_leaf_is_last(const LhPqLeaf *leaf)
{
	int64_t seen = leaf->values_before + (leaf->have_page ? leaf->header.num_values : 0);

	if (leaf->jumped)
		return leaf->page_no + 1 >= leaf->index->npages;
	return seen >= leaf->chunk->num_values;
}

LhStatus
lh_pq_leaf_index(LhCtx *ctx, LhPqLeaf *leaf, const LhPqPageIndex **out)
{
	if (!leaf->index_asked && leaf->chunk->offset_index_offset >= 0)
		LH_TRY(lh_pq_page_index(ctx, leaf->file, leaf->group, leaf->node->leaf, &leaf->index));
	leaf->index_asked = true;
	*out = leaf->index;
	return LH_OK;
}

void
lh_pq_leaf_jump(LhCtx *ctx, LhPqLeaf *leaf, int from, int to)
{
	leave_page(ctx, leaf);
	LH_COUNT(ctx, PAGES_SKIPPED, (uint64_t) (to - from));
	leaf->next = leaf->index->offset[to];
	if (leaf->node->max_rep == 0)
		leaf->values_before = leaf->index->first_row[to];
	else
		leaf->jumped = true; /* nobody knows how many values lie before */
	leaf->page_no = to - 1;
}

/* Codes of a dictionary-coded page: a byte that says their width, then runs. */
static LhStatus
start_codes(LhCtx *ctx, LhPqLeaf *leaf)
{
	const LhPqPage *page = &leaf->page;
	int width;

	if (page->len == 0)
	{
		/* right for a page of nulls; anything else ends too early */
		lh_rle_init(&leaf->codes, page->values, 0, 0);
		return LH_OK;
	}
	width = page->values[0];
	if (width > 32)
		LH_FAIL(ctx, LH_CORRUPT, "dictionary codes of %d bits", width);
	lh_rle_init(&leaf->codes, page->values + 1, page->len - 1, width);
	/* codes of no bits need no runs: all are 0 */
	if (width == 0)
		leaf->codes.left = (uint64_t) page->num_values;
	return LH_OK;
}

LhStatus
lh_pq_leaf_load(LhCtx *ctx, LhPqLeaf *leaf)
{
	int encoding = leaf->header.encoding;

	leaf->by_code = encoding == LH_PQ_RLE_DICTIONARY || encoding == LH_PQ_PLAIN_DICTIONARY;
	if (leaf->by_code)
	{
		if (!leaf->has_dict)
			LH_TRY(lh_pq_leaf_begin(ctx, leaf));
		if (!leaf->has_dict)
			LH_FAIL(ctx, LH_CORRUPT, "dictionary-coded page, but no dictionary");
		LH_TRY(lh_pq_dict_load(ctx, leaf));
	}
	LH_TRY(lh_pq_page_load(ctx, leaf, &leaf->page));
	leaf->loaded = true;
	if (leaf->by_code)
		return start_codes(ctx, leaf);
	return lh_pq_decoder_start(ctx, &leaf->decoder, encoding, leaf->page.values, leaf->page.len);
}

LhStatus
lh_pq_bad_code(LhCtx *ctx, const LhPqLeaf *leaf, uint32_t code)
{
	LH_FAIL(ctx, LH_CORRUPT, "dictionary code %u of a dictionary of %u values", code,
			leaf->dict->n);
}

LhStatus
lh_pq_bad_levels(LhCtx *ctx, const LhPqLeaf *leaf)
{
	LH_FAIL(ctx, LH_CORRUPT, "page of %d values has fewer levels, or levels out of range",
			leaf->page.num_values);
}

LhStatus
lh_pq_leaf_skip(LhCtx *ctx, LhPqLeaf *leaf, size_t n)
{
	if (!leaf->by_code)
		return leaf->decoder.ops->skip(ctx, &leaf->decoder, n);
	if (lh_rle_skip(&leaf->codes, n) != n)
		return lh_pq_decoder_short(ctx, &leaf->decoder);
	return LH_OK;
}

LhStatus
lh_pq_leaf_codes(LhCtx *ctx, LhPqLeaf *leaf, size_t n, uint32_t *out)
{
	uint32_t most = 0;

	if (lh_rle_read(&leaf->codes, n, out, &most) != n)
		return lh_pq_decoder_short(ctx, &leaf->decoder);
	if (most >= leaf->dict->n && n > 0)
		return lh_pq_bad_code(ctx, leaf, most);
	return LH_OK;
}

static LhStatus
values_by_code(LhCtx *ctx, LhPqLeaf *leaf, size_t n, uint8_t *out)
{
	for (size_t done = 0; done < n;)
	{
		uint32_t codes[STEP + LH_RLE_SLACK];
		size_t k = n - done < STEP ? n - done : STEP;

		LH_TRY(lh_pq_leaf_codes(ctx, leaf, k, codes));
		lh_pq_dict_gather(leaf->dict, codes, k, out + done * leaf->convert.out);
		done += k;
	}
	return LH_OK;
}

/* Physical values that must be made before they can be converted. */
static LhStatus
read_physical(LhCtx *ctx, LhPqLeaf *leaf, size_t n, const uint8_t **in)
{
	LhPqDecoder *d = &leaf->decoder;
	uint8_t *room;

	/* strings will point into them: they must live as long as the vector */
	if (leaf->convert.kind == LH_PQ_FIXED_STR)
	{
		LhPqBlock *block;

		LH_TRY(lh_pq_block_take(ctx, &leaf->pool, n * leaf->convert.in, LH_PQ_FLOOR, &block));
		lh_pq_block_pin(&leaf->pool, block);
		lh_pq_block_release(&leaf->pool, block);
		room = block->buf.data;
	}
	else
	{
		LH_TRY(lh_buf_fit(ctx, &leaf->physical, n * leaf->convert.in));
		room = leaf->physical.data;
	}
	*in = room;
	return d->ops->read(ctx, d, n, room);
}

LhStatus
lh_pq_leaf_values(LhCtx *ctx, LhPqLeaf *leaf, size_t n, void *out)
{
	LhPqDecoder *d = &leaf->decoder;
	const uint8_t *in = NULL;
	int64_t lost = leaf->digits_lost;

	if (n == 0)
		return LH_OK;
	if (leaf->by_code)
		return values_by_code(ctx, leaf, n, out);
	if (leaf->convert.type.lane == LH_LANE_STR)
		lh_pq_block_pin(&leaf->pool, leaf->page.block);
	if (leaf->convert.kind == LH_PQ_AS_IS)
		return d->ops->read(ctx, d, n, out);
	if (d->ops->borrow != NULL)
		in = d->ops->borrow(d, n);
	if (in == NULL)
		LH_TRY(read_physical(ctx, leaf, n, &in));
	LH_TRY(lh_pq_convert(ctx, &leaf->convert, in, n, out, &leaf->digits_lost));
	LH_COUNT(ctx, DIGITS_LOST, (uint64_t) (leaf->digits_lost - lost));
	return LH_OK;
}

const void *
lh_pq_leaf_borrow(LhPqLeaf *leaf, size_t n)
{
	const LhPqConvert *c = &leaf->convert;
	LhPqDecoder *d = &leaf->decoder;
	size_t align = c->type.lane == LH_LANE_FIX ? 1 : c->out;
	const void *values;

	if (leaf->by_code || c->kind != LH_PQ_AS_IS || d->ops->borrow == NULL ||
		(uintptr_t) d->p % align != 0)
		return NULL;
	values = d->ops->borrow(d, n);
	if (values != NULL)
		lh_pq_block_pin(&leaf->pool, leaf->page.block);
	return values;
}
