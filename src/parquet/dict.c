/*
 * dict.c
 *		The dictionary page of a chunk, decoded once into the lane of its type.
 *
 * Byte arrays, and fixed-width values that need no conversion, stay where they
 * were decompressed or read.  What lies in the window of an uncompressed chunk
 * is copied out, so that the window may move on.  A large page may be one that
 * an earlier statement inflated (dicts.h).
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/kernels.h"
#include "parquet/leaf.h"

bool
lh_pq_dict_keepable(const LhPqLeaf *leaf)
{
	/* what lies uncompressed on this machine is read as fast */
	return lh_pq_dicts_on() && leaf->file->crypt == NULL &&
		   (leaf->codec != LH_CODEC_NONE || lh_object_is_remote(leaf->file->obj));
}

static void
release_hold(void *arg)
{
	LhPqHold *hold = arg;

	lh_arena_uncount(hold->arena, hold->page->len, true);
	lh_pq_kept_release(hold->kept);
}

static void
drop_hold(LhPqLeaf *leaf)
{
	if (leaf->kept == NULL)
		return;
	lh_arena_forget(leaf->kept->arena, release_hold, leaf->kept);
	release_hold(leaf->kept);
	leaf->kept = NULL;
}

/* Memory for a hold is the leaf's; as a page that is read its bytes are part of the floor. */
static LhStatus
make_hold(LhCtx *ctx, LhPqLeaf *leaf, LhPqKept *kept, LhPqHold **out)
{
	LhArena *arena = leaf->pool.arena, *old = lh_use(ctx, arena);
	LhPqHold *hold = lh_alloc(ctx, sizeof(*hold));

	lh_use(ctx, old);
	if (hold == NULL)
		return ctx->error->code;
	*hold = (LhPqHold){kept, lh_pq_kept_page(kept), arena};
	LH_TRY(lh_arena_count(ctx, arena, hold->page->len, true));
	*out = hold;
	return LH_OK;
}

LhStatus
lh_pq_dict_find(LhCtx *ctx, LhPqLeaf *leaf)
{
	LhPqHold *hold = NULL;
	LhPqKept *kept;
	LhStatus status;

	if (leaf->kept != NULL || !lh_pq_dict_keepable(leaf))
		return LH_OK;
	kept = lh_pq_dicts_get(lh_object_id(leaf->file->obj), leaf->chunk->start,
						   leaf->file->options.check_crc);
	if (kept == NULL)
		return LH_OK;
	status = make_hold(ctx, leaf, kept, &hold);
	if (status != LH_OK)
	{
		lh_pq_kept_release(kept);
		return status;
	}
	LH_TRY(lh_arena_on_reset(ctx, hold->arena, release_hold, hold));
	leaf->kept = hold;
	return LH_OK;
}

/* It was read: others may need it again. */
static void
maybe_keep(const LhPqLeaf *leaf, const uint8_t *data, size_t len)
{
	const LhPqPageHeader *h = &leaf->dict_header;
	LhPqKeptPage page = {.header = *h, .data = data, .len = len};

	/* one in the middle of its chunk is found when its header is, not before */
	if (leaf->kept != NULL || !lh_pq_dict_keepable(leaf) ||
		leaf->dict_pos != leaf->chunk->start + h->header_size)
		return;
	page.checked = leaf->file->options.check_crc || !h->has_crc;
	lh_pq_dicts_put(lh_object_id(leaf->file->obj), leaf->chunk->start, &page);
}

/* The bytes of the page, kept or read; a block becomes leaf->dict_bytes. */
static LhStatus
get_bytes(LhCtx *ctx, LhPqLeaf *leaf, const uint8_t **data, size_t *len)
{
	if (leaf->kept != NULL)
	{
		*data = leaf->kept->page->data;
		*len = leaf->kept->page->len;
		LH_COUNT(ctx, DICT_CACHE_HITS, 1);
		LH_COUNT(ctx, DICT_CACHE_BYTES, *len);
		return LH_OK;
	}
	LH_TRY(lh_pq_page_dict_bytes(ctx, leaf, &leaf->dict_bytes, data, len));
	LH_COUNT(ctx, DICT_PAGES_READ, 1);
	return LH_OK;
}

/* A small dictionary that lies in the window: do not keep the whole window for it. */
static LhStatus
own_bytes(LhCtx *ctx, LhPqLeaf *leaf, const uint8_t **data, size_t len)
{
	LhPqBlock *block;

	if (leaf->kept != NULL || leaf->dict_bytes != leaf->window.block ||
		len >= leaf->dict_bytes->buf.cap / 2)
		return LH_OK;
	LH_TRY(lh_pq_block_take(ctx, &leaf->pool, len, LH_PQ_FLOOR, &block));
	memcpy(block->buf.data, *data, len);
	lh_pq_block_release(&leaf->pool, leaf->dict_bytes);
	leaf->dict_bytes = block;
	*data = block->buf.data;
	return LH_OK;
}

/* A count that the bytes cannot hold is refused before memory is taken. */
static LhStatus
check_count(LhCtx *ctx, const LhPqLeaf *leaf, int32_t n, size_t len)
{
	LhPqPhysical physical = leaf->node->physical;
	size_t width = lh_pq_physical_width(physical, leaf->node->type_length);
	size_t most;

	if (physical == LH_PQ_BYTE_ARRAY)
		most = len / 4;
	else if (physical == LH_PQ_BOOLEAN)
		most = len * 8;
	else
		most = width > 0 ? len / width : (size_t) INT32_MAX;
	if (n < 0 || (size_t) n > most)
		LH_FAIL(ctx, LH_CORRUPT, "dictionary of %zu bytes cannot hold %d values", len, n);
	return LH_OK;
}

/* Decode n values into a block of lane values. */
static LhStatus
decode(LhCtx *ctx, LhPqLeaf *leaf, LhPqDecoder *d, size_t n, const void **values)
{
	const LhPqConvert *c = &leaf->convert;
	const uint8_t *in = NULL;

	/* one more than needed: code 0 of an empty dictionary must be readable */
	LH_TRY(lh_pq_block_take(ctx, &leaf->pool, (n + 1) * c->out, LH_PQ_FLOOR, &leaf->dict_values));
	*values = leaf->dict_values->buf.data;
	memset(leaf->dict_values->buf.data + n * c->out, 0, c->out);
	if (c->kind == LH_PQ_AS_IS)
		return d->ops->read(ctx, d, n, leaf->dict_values->buf.data);
	if (d->ops->borrow != NULL)
	{
		in = d->ops->borrow(d, n);
		if (in == NULL)
			return lh_pq_decoder_short(ctx, d);
	}
	else
	{
		LH_TRY(lh_buf_fit(ctx, &leaf->physical, n * c->in));
		LH_TRY(d->ops->read(ctx, d, n, leaf->physical.data));
		in = leaf->physical.data;
	}
	return lh_pq_convert(ctx, c, in, n, leaf->dict_values->buf.data, &leaf->digits_lost);
}

static void
drop_bytes(LhPqLeaf *leaf)
{
	lh_pq_block_release(&leaf->pool, leaf->dict_bytes);
	leaf->dict_bytes = NULL;
	drop_hold(leaf);
}

static LhStatus
load(LhCtx *ctx, LhPqLeaf *leaf, LhPqDecoder *d)
{
	const LhPqPageHeader *h = &leaf->dict_header;
	const LhPqConvert *c = &leaf->convert;
	bool points = c->type.lane == LH_LANE_STR; /* values point into the bytes */
	const uint8_t *data;
	size_t len;
	LhDict *dict;

	if (h->encoding != LH_PQ_PLAIN && h->encoding != LH_PQ_PLAIN_DICTIONARY)
		LH_FAIL(ctx, LH_CORRUPT, "dictionary page is coded as %s", lh_pq_encoding_name(h->encoding));
	LH_TRY(get_bytes(ctx, leaf, &data, &len));
	LH_TRY(check_count(ctx, leaf, h->num_values, len));
	maybe_keep(leaf, data, len);
	if (points)
		LH_TRY(own_bytes(ctx, leaf, &data, len));
	LH_TRY(lh_pq_decoder_start(ctx, d, LH_PQ_PLAIN, data, len));
	dict = &leaf->dict_space;
	*dict = (LhDict){.type = c->type, .n = (uint32_t) h->num_values};
	/* at the start of a block: aligned for every lane */
	if (c->kind == LH_PQ_AS_IS && d->ops->borrow != NULL && dict->n > 0 &&
		(leaf->kept != NULL ||
		 (data == leaf->dict_bytes->buf.data && leaf->dict_bytes != leaf->window.block)))
		dict->values = d->ops->borrow(d, dict->n);
	else
	{
		LH_TRY(decode(ctx, leaf, d, dict->n, &dict->values));
		if (!points)
			drop_bytes(leaf);
	}
	dict->id = lh_dict_new_id();
	leaf->dict = dict;
	return LH_OK;
}

LhStatus
lh_pq_dict_load(LhCtx *ctx, LhPqLeaf *leaf)
{
	LhPqDecoder d;
	LhStatus status;

	if (leaf->dict != NULL)
		return LH_OK;
	lh_pq_decoder_init(&d, &leaf->pool, leaf->node->physical, leaf->node->type_length);
	status = load(ctx, leaf, &d);
	lh_pq_decoder_close(&d);
	if (status != LH_OK)
		lh_pq_dict_drop(leaf);
	return status;
}

void
lh_pq_dict_drop(LhPqLeaf *leaf)
{
	drop_bytes(leaf);
	lh_pq_block_release(&leaf->pool, leaf->dict_values);
	leaf->dict_values = NULL;
	leaf->dict = NULL;
}

void
lh_pq_dict_gather(const LhDict *dict, const uint32_t *codes, size_t n, void *out)
{
	size_t size = lh_lane_size(dict->type.lane, dict->type.width);
	const uint8_t *values = dict->values;

	switch (size)
	{
		case 4: lh_pq_kernels->gather32(dict->values, codes, n, out); break;
		case 8: lh_pq_kernels->gather64(dict->values, codes, n, out); break;
		case 16:
			for (size_t i = 0; i < n; i++)
				memcpy((uint8_t *) out + 16 * i, values + 16 * (size_t) codes[i], 16);
			break;
		default:
			for (size_t i = 0; i < n; i++)
				memcpy((uint8_t *) out + size * i, values + size * codes[i], size);
			break;
	}
}
