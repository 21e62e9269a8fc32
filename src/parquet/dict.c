/*
 * dict.c
 *		The dictionary page of a chunk, decoded once into the lane of its type.
 *
 * Byte arrays, and fixed-width values that need no conversion, stay where they
 * were decompressed or read.  What lies in the window of an uncompressed chunk
 * is copied out, so that the window may move on.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/kernels.h"
#include "parquet/leaf.h"

/* A small dictionary that lies in the window: do not keep the whole window for it. */
static LhStatus
own_bytes(LhCtx *ctx, LhPqLeaf *leaf, const uint8_t **data, size_t len)
{
	LhPqBlock *block;

	if (leaf->dict_bytes != leaf->window.block || len >= leaf->dict_bytes->buf.cap / 2)
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
	LH_TRY(lh_pq_page_dict_bytes(ctx, leaf, &leaf->dict_bytes, &data, &len));
	LH_COUNT(ctx, DICT_PAGES_READ, 1);
	LH_TRY(check_count(ctx, leaf, h->num_values, len));
	if (points)
		LH_TRY(own_bytes(ctx, leaf, &data, len));
	LH_TRY(lh_pq_decoder_start(ctx, d, LH_PQ_PLAIN, data, len));
	dict = &leaf->dict_space;
	*dict = (LhDict){.type = c->type, .n = (uint32_t) h->num_values};
	/* at the start of a block: aligned for every lane */
	if (c->kind == LH_PQ_AS_IS && d->ops->borrow != NULL && dict->n > 0 &&
		data == leaf->dict_bytes->buf.data && leaf->dict_bytes != leaf->window.block)
		dict->values = d->ops->borrow(d, dict->n);
	else
	{
		LH_TRY(decode(ctx, leaf, d, dict->n, &dict->values));
		if (!points)
		{
			lh_pq_block_release(&leaf->pool, leaf->dict_bytes);
			leaf->dict_bytes = NULL;
		}
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
	lh_pq_block_release(&leaf->pool, leaf->dict_bytes);
	lh_pq_block_release(&leaf->pool, leaf->dict_values);
	leaf->dict_bytes = NULL;
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
