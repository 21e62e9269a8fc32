/*
 * section.c
 *		Sections of metadata: footer, statistics, stripe footers, indexes.
 *
 * They are compressed as streams are: chunks of 3 bytes of header (little
 * endian: length times two, plus one where the bytes are the original ones)
 * and so many bytes.
 */
#include "orc/meta.h"

bool
lh_orc_codec(LhOrcCompression compression, LhBlockCodec *codec)
{
	switch (compression)
	{
		case LH_ORC_ZLIB: *codec = LH_BLOCK_DEFLATE; return true;
		case LH_ORC_SNAPPY: *codec = LH_BLOCK_SNAPPY; return true;
		case LH_ORC_LZO: *codec = LH_BLOCK_LZO; return true;
		case LH_ORC_LZ4: *codec = LH_BLOCK_LZ4; return true;
		case LH_ORC_ZSTD: *codec = LH_BLOCK_ZSTD; return true;
		case LH_ORC_BROTLI: *codec = LH_BLOCK_BROTLI; return true;
		case LH_ORC_NONE: break;
	}
	return false;
}

LhStatus
lh_orc_check_compression(LhCtx *ctx, int compression)
{
	if (compression >= LH_ORC_NONE && compression <= LH_ORC_BROTLI)
		return LH_OK;
	lh_fail(ctx, LH_UNSUPPORTED, "compression of number %d is not supported", compression);
	lh_hint(ctx, "Write the file with zstd, snappy, zlib, lz4 or without compression.");
	return LH_UNSUPPORTED;
}

/* One chunk of in, appended to out. */
static LhStatus
add_chunk(LhCtx *ctx, LhBlocks *blocks, LhBlockCodec codec, int64_t block_size, LhSlice in,
		  size_t *at, LhBuf *out)
{
	uint32_t header;
	size_t len, made;

	if (in.len - *at < LH_ORC_CHUNK_HEADER)
		LH_FAIL(ctx, LH_CORRUPT, "expected a chunk header at byte %zu of %zu", *at, in.len);
	header = in.data[*at] | (uint32_t) in.data[*at + 1] << 8 | (uint32_t) in.data[*at + 2] << 16;
	*at += LH_ORC_CHUNK_HEADER;
	len = header >> 1;
	if (len > in.len - *at)
		LH_FAIL(ctx, LH_CORRUPT,
				"a chunk of %zu bytes at byte %zu reaches beyond the %zu bytes there are", len, *at,
				in.len);
	if (header & 1)
	{
		LH_TRY(lh_buf_append(ctx, out, in.data + *at, len));
	}
	else
	{
		size_t cap = lh_block_room(codec, in.data + *at, len, (size_t) block_size);

		LH_TRY(lh_buf_reserve(ctx, out, out->len + cap + 1));
		LH_TRY(lh_block_decompress(ctx, blocks, codec, in.data + *at, len, out->data + out->len,
								   cap, &made));
		out->len += made;
	}
	*at += len;
	return LH_OK;
}

LhStatus
lh_orc_section(LhCtx *ctx, LhBlocks *blocks, LhOrcCompression compression, int64_t block_size,
			   LhSlice in, LhSlice *out)
{
	LhBlockCodec codec;
	size_t at = 0;
	LhBuf buf;

	if (!lh_orc_codec(compression, &codec))
	{
		*out = in;
		return LH_OK;
	}
	LH_TRY(lh_buf_init(ctx, &buf, false));
	for (int i = 0; at < in.len; i++)
	{
		if (i % 16 == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(add_chunk(ctx, blocks, codec, block_size, in, &at, &buf));
		if (buf.len > LH_ORC_MAX_SECTION)
			LH_FAIL(ctx, LH_LIMIT, "metadata becomes larger than %lld bytes",
					(long long) LH_ORC_MAX_SECTION);
	}
	*out = lh_slice(buf.data, buf.len);
	return LH_OK;
}
