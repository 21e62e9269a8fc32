/*
 * inflate.c
 *		Bytes of a block, decompressed.
 *
 * A block says how long its compressed bytes are, and nothing of what they
 * become.
 *
 *	deflate, zstandard	codec/grow.h
 *	snappy				says its length; behind it stands the CRC-32 of the result, big-endian
 *
 * Nothing larger than the reader's limit is made, nor more than the compressed
 * bytes can hold; memory counts as floor up to LH_AVRO_FLOOR.
 *
 * Format: https://avro.apache.org/docs/1.12.0/specification/#required-codecs
 */
#include <string.h>

#include "avro/file.h"
#include "codec/block.h"
#include "codec/codec.h"
#include "codec/grow.h"

#define CRC_SIZE 4

struct LhAvroInflater
{
	LhAvroCodec codec;
	size_t limit;
	LhGrow *grow;
	LhCodecs *codecs;
};

LhStatus
lh_avro_inflater_create(LhCtx *ctx, LhAvroCodec codec, size_t limit, LhAvroInflater **out)
{
	LhAvroInflater *inflater;

	LH_NEW(ctx, inflater);
	inflater->codec = codec;
	inflater->limit = limit;
	LH_TRY(lh_grow_create(ctx, limit, LH_AVRO_FLOOR, &inflater->grow));
	LH_TRY(lh_codecs_create(ctx, &inflater->codecs));
	*out = inflater;
	return LH_OK;
}

static LhStatus
inflate_snappy(LhCtx *ctx, LhAvroInflater *inflater, const uint8_t *in, size_t len, LhBuf *out)
{
	int64_t promised;
	uint32_t crc, expected;

	if (len < CRC_SIZE + 1)
		LH_FAIL(ctx, LH_CORRUPT, "its %zu bytes are too few for snappy and a checksum", len);
	len -= CRC_SIZE;
	promised = lh_block_size(LH_BLOCK_SNAPPY, in, len);
	if (promised < 0)
		LH_FAIL(ctx, LH_CORRUPT, "its snappy bytes do not begin with a length");
	if ((uint64_t) promised > lh_block_most(LH_BLOCK_SNAPPY, len))
		LH_FAIL(ctx, LH_CORRUPT, "its %zu snappy bytes promise %lld", len, (long long) promised);
	if ((uint64_t) promised > inflater->limit)
		return lh_grow_too_large(ctx, inflater->grow, len);
	LH_TRY(lh_grow_fit(ctx, inflater->grow, out, (size_t) promised));
	LH_TRY(lh_decompress(ctx, inflater->codecs, LH_CODEC_SNAPPY, in, len, out->data,
						 (size_t) promised));
	out->len = (size_t) promised;
	crc = lh_crc32(out->data, out->len);
	expected = lh_load_be32(in + len);
	if (crc != expected)
		LH_FAIL(ctx, LH_CORRUPT, "its checksum is %08x, expected %08x", crc, expected);
	return LH_OK;
}

LhStatus
lh_avro_inflate(LhCtx *ctx, LhAvroInflater *inflater, const uint8_t *in, size_t len, LhBuf *out)
{
	switch (inflater->codec)
	{
		case LH_AVRO_CODEC_DEFLATE: return lh_grow_deflate(ctx, inflater->grow, in, len, out);
		case LH_AVRO_CODEC_ZSTD: return lh_grow_zstd(ctx, inflater->grow, in, len, out);
		case LH_AVRO_CODEC_SNAPPY: return inflate_snappy(ctx, inflater, in, len, out);
		case LH_AVRO_CODEC_NULL: break;
	}
	LH_TRY(lh_grow_fit(ctx, inflater->grow, out, len));
	memcpy(out->data, in, len);
	out->len = len;
	return LH_OK;
}
