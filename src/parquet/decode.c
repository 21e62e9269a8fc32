/*
 * decode.c
 *		Choose the decoder of a page by encoding and physical type.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/decode.h"

size_t
lh_pq_physical_width(LhPqPhysical physical, int type_length)
{
	switch (physical)
	{
		case LH_PQ_BOOLEAN: return 1;
		case LH_PQ_INT32:
		case LH_PQ_FLOAT: return 4;
		case LH_PQ_INT64:
		case LH_PQ_DOUBLE: return 8;
		case LH_PQ_INT96: return 12;
		case LH_PQ_BYTE_ARRAY: return sizeof(LhStr);
		case LH_PQ_FLBA: return (size_t) type_length;
		case LH_PQ_GROUP: break;
	}
	return 0;
}

void
lh_pq_decoder_init(LhPqDecoder *d, LhPqPool *pool, LhPqPhysical physical, int type_length)
{
	*d = (LhPqDecoder){.pool = pool,
					   .physical = physical,
					   .width = lh_pq_physical_width(physical, type_length)};
	d->work = (LhBuf){.arena = pool->arena, .floor = true};
	d->keep = d->work;
}

void
lh_pq_decoder_close(LhPqDecoder *d)
{
	lh_buf_free(&d->work);
	lh_buf_free(&d->keep);
}

/* NULL: the type cannot have the encoding. */
static const LhPqDecoderOps *
ops_for(int encoding, LhPqPhysical physical)
{
	bool bytes = physical == LH_PQ_BYTE_ARRAY;
	bool integer = physical == LH_PQ_INT32 || physical == LH_PQ_INT64;

	switch (encoding)
	{
		case LH_PQ_PLAIN:
			if (physical == LH_PQ_BOOLEAN)
				return &lh_pq_plain_bool;
			return bytes ? &lh_pq_plain_bytes : &lh_pq_plain_fixed;
		case LH_PQ_RLE: return physical == LH_PQ_BOOLEAN ? &lh_pq_rle_bool : NULL;
		case LH_PQ_DELTA_BINARY_PACKED: return integer ? &lh_pq_delta_ints : NULL;
		case LH_PQ_DELTA_LENGTH_BYTE_ARRAY: return bytes ? &lh_pq_delta_length : NULL;
		case LH_PQ_DELTA_BYTE_ARRAY:
			return bytes || physical == LH_PQ_FLBA ? &lh_pq_delta_bytes : NULL;
		case LH_PQ_BYTE_STREAM_SPLIT:
			return bytes || physical == LH_PQ_BOOLEAN ? NULL : &lh_pq_split;
	}
	return NULL;
}

LhStatus
lh_pq_decoder_start(LhCtx *ctx, LhPqDecoder *d, int encoding, const uint8_t *data, size_t len)
{
	if (encoding < 0 || encoding > LH_PQ_BYTE_STREAM_SPLIT || encoding == 1)
	{
		lh_fail(ctx, LH_UNSUPPORTED, "encoding %d is not supported", encoding);
		lh_hint(ctx, "The file was written by newer software; write it again with one of the "
					 "encodings PLAIN, dictionary, RLE, DELTA or BYTE_STREAM_SPLIT.");
		return LH_UNSUPPORTED;
	}
	d->ops = ops_for(encoding, d->physical);
	if (d->ops == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "a page of type %s has the encoding %s, which that type cannot have",
				lh_pq_physical_name((int) d->physical), lh_pq_encoding_name(encoding));
	d->p = data;
	d->end = data + len;
	return d->ops->start(ctx, d);
}

LhStatus
lh_pq_decoder_short(LhCtx *ctx, const LhPqDecoder *d)
{
	LH_FAIL(ctx, LH_CORRUPT, "page holds fewer %s values than its header promises",
			lh_pq_physical_name((int) d->physical));
}
