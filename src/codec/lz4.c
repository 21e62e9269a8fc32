/*
 * lz4.c
 *		LZ4 in the three wrappings Parquet has seen, by liblz4; huge blocks by our
 *		own decoder (lz4_block.c), which can be cancelled.
 *
 * Codec LZ4_RAW is one raw block.  The older codec LZ4 never said what it is:
 * Hadoop writes its own frames, Arrow first wrote LZ4 frames and later raw
 * blocks.  So each is tried, most likely first; a wrong guess fails early,
 * because lengths do not add up, and leaves nothing behind but scratch in out.
 *
 * A Hadoop frame is
 *
 *	1. the length of the output, 32 bits big-endian;
 *	2. then, until that much has been made, the length of a raw block, 32 bits
 *	   big-endian, and the block.
 *
 * Formats: lz4 doc/lz4_Block_format.md, lz4_Frame_format.md; Hadoop's
 * BlockCompressorStream.
 */
#include "codec/codec_internal.h"

#include <lz4.h>
#include <lz4frame.h>
#include <lz4hc.h>

#define FRAME_MAGIC 0x184D2204u

/* *made: bytes that a raw block becomes in at most room bytes; -1 when it is none. */
static LhStatus
decode_block(LhCtx *ctx, const uint8_t *in, size_t len, uint8_t *out, size_t room, int64_t *made)
{
	if (lh_codec_is_huge(len, room))
		return lh_lz4_block(ctx, in, len, out, room, made);
	*made = LZ4_decompress_safe((const char *) in, (char *) out, (int) len, (int) room);
	return LH_OK;
}

LhStatus
lh_lz4_raw_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len, uint8_t *out,
					  size_t out_len)
{
	int64_t made;

	(void) codecs;
	LH_TRY(decode_block(ctx, in, len, out, out_len, &made));
	if (made < 0)
		return lh_codec_corrupt(ctx, LH_CODEC_LZ4_RAW, len, out_len,
								"the block is damaged or holds more bytes");
	if ((size_t) made != out_len)
		return lh_codec_corrupt(ctx, LH_CODEC_LZ4_RAW, len, out_len, "it holds fewer bytes");
	return LH_OK;
}

/* LH_OK with *fits false when in is no sequence of Hadoop frames for out_len bytes. */
static LhStatus
try_hadoop(LhCtx *ctx, const uint8_t *in, size_t len, uint8_t *out, size_t out_len, bool *fits)
{
	size_t from = 0;
	size_t to = 0;
	size_t polled = 0;

	*fits = false;
	while (len - from >= 8)
	{
		size_t frame = lh_load_be32(in + from);
		size_t end = to + frame;

		if (frame > out_len - to)
			return LH_OK;
		from += 4;
		do
		{
			size_t block;
			int64_t made;

			if (len - from < 4)
				return LH_OK;
			block = lh_load_be32(in + from);
			from += 4;
			if (block > len - from)
				return LH_OK;
			LH_TRY(decode_block(ctx, in + from, block, out + to, end - to, &made));
			if (made < 0 || (made == 0 && to < end))
				return LH_OK;
			from += block;
			to += (size_t) made;
			if (to - polled >= LH_CODEC_POLL)
			{
				LH_TRY(lh_poll(ctx));
				polled = to;
			}
		} while (to < end);
	}
	*fits = from == len && to == out_len;
	return LH_OK;
}

/* Decode LZ4 frames with a context of their own; true when all fits. */
static LhStatus
decode_frames(LhCtx *ctx, LZ4F_dctx *dctx, const uint8_t *in, size_t len, uint8_t *out,
			  size_t out_len, bool *fits)
{
	size_t from = 0;
	size_t to = 0;
	size_t hint = 0;

	*fits = false;
	while (from < len)
	{
		size_t used = len - from;
		size_t made = out_len - to;

		LH_TRY(lh_poll(ctx));
		if (made > LH_CODEC_POLL)
			made = LH_CODEC_POLL;
		hint = LZ4F_decompress(dctx, out + to, &made, in + from, &used, NULL);
		if (LZ4F_isError(hint) || (used == 0 && made == 0))
			return LH_OK;
		from += used;
		to += made;
	}
	*fits = hint == 0 && to == out_len;
	return LH_OK;
}

static LhStatus
try_frames(LhCtx *ctx, const uint8_t *in, size_t len, uint8_t *out, size_t out_len, bool *fits)
{
	LZ4F_dctx *dctx;
	LhStatus status;

	*fits = false;
	if (len < 4 || lh_load_u32(in) != FRAME_MAGIC)
		return LH_OK;
	if (LZ4F_isError(LZ4F_createDecompressionContext(&dctx, LZ4F_VERSION)))
		return lh_codec_no_context(ctx, LH_CODEC_LZ4_HADOOP);
	status = decode_frames(ctx, dctx, in, len, out, out_len, fits);
	LZ4F_freeDecompressionContext(dctx);
	return status;
}

LhStatus
lh_lz4_hadoop_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len, uint8_t *out,
						 size_t out_len)
{
	int64_t made;
	bool fits;

	(void) codecs;
	LH_TRY(try_hadoop(ctx, in, len, out, out_len, &fits));
	if (fits)
		return LH_OK;
	LH_TRY(try_frames(ctx, in, len, out, out_len, &fits));
	if (fits)
		return LH_OK;
	LH_TRY(decode_block(ctx, in, len, out, out_len, &made));
	if (made == (int64_t) out_len)
		return LH_OK;
	return lh_codec_corrupt(ctx, LH_CODEC_LZ4_HADOOP, len, out_len,
							"it is neither Hadoop frames nor LZ4 frames nor a raw block");
}

LhStatus
lh_lz4_raw_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in, size_t len,
					LhBuf *out)
{
	char *to;
	int bound, n;

	(void) codecs;
	LH_TRY(lh_codec_level(ctx, LH_CODEC_LZ4_RAW, &level, 1, 1, LZ4HC_CLEVEL_MAX));
	if (len > LZ4_MAX_INPUT_SIZE)
		LH_FAIL(ctx, LH_LIMIT, "an lz4_raw block of %zu bytes is larger than %d", len,
				LZ4_MAX_INPUT_SIZE);
	bound = LZ4_compressBound((int) len);
	LH_TRY(lh_buf_reserve(ctx, out, out->len + (size_t) bound));
	to = (char *) out->data + out->len;
	if (level == 1)
		n = LZ4_compress_default((const char *) in, to, (int) len, bound);
	else
		n = LZ4_compress_HC((const char *) in, to, (int) len, bound, level);
	if (n <= 0)
		LH_FAIL(ctx, LH_NO_MEMORY, "lz4 could not compress %zu bytes", len);
	out->len += (size_t) n;
	return LH_OK;
}
