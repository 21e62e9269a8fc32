/*
 * zstd.c
 *		Zstandard frames, by libzstd.
 *
 * Input is a sequence of frames, skippable ones among them.  We walk them
 * ourselves: frames of the old formats before 1.0, whose decoders are no place
 * for hostile bytes, are refused, and the host is polled between frames.
 *
 *	1. A frame whose input and output are small is decoded by one call, straight
 *	   into out.
 *	2. A larger one goes through the streaming decoder, one block a call (the
 *	   library says how many bytes the next block has), so that it can be
 *	   cancelled: a block may also be three bytes of input and no output.  With
 *	   a "stable output buffer" the library keeps no window of its own: it
 *	   neither allocates nor copies, and windows need no limit.
 *	   Where it does not know that parameter, windows are limited to 128 MB.
 *
 * Format: RFC 8878.
 */
#include "codec/codec_internal.h"

#include <zstd.h>

#define DEFAULT_LEVEL        3
#define MAGIC                0xFD2FB528u
#define MAGIC_SKIPPABLE      0x184D2A50u
#define MAGIC_SKIPPABLE_MASK 0xFFFFFFF0u

/* Window of a frame that is streamed without a stable buffer: log2 of bytes. */
#define WINDOW_LOG_MAX 27

static LhStatus
corrupt(LhCtx *ctx, size_t len, size_t out_len, const char *why)
{
	return lh_codec_corrupt(ctx, LH_CODEC_ZSTD, len, out_len, why);
}

/* The reused decoder, told to write straight into the output where it can. */
static LhStatus
decoder(LhCtx *ctx, LhCodecs *codecs, ZSTD_DCtx **out)
{
	if (codecs->zstd_dctx == NULL)
	{
		ZSTD_DCtx *dctx = ZSTD_createDCtx();

		if (dctx == NULL)
			return lh_codec_no_context(ctx, LH_CODEC_ZSTD);
		codecs->zstd_dctx = dctx;
		/* ZSTD_d_stableOutBuffer; its name needs ZSTD_STATIC_LINKING_ONLY */
		if (ZSTD_isError(ZSTD_DCtx_setParameter(dctx, ZSTD_d_experimentalParam2, 1)))
			ZSTD_DCtx_setParameter(dctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
		else
			ZSTD_DCtx_setParameter(dctx, ZSTD_d_windowLogMax,
								   ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound);
	}
	*out = codecs->zstd_dctx;
	return LH_OK;
}

void
lh_zstd_release(LhCodecs *codecs)
{
	ZSTD_freeDCtx(codecs->zstd_dctx);
	ZSTD_freeCCtx(codecs->zstd_cctx);
	codecs->zstd_dctx = NULL;
	codecs->zstd_cctx = NULL;
}

/* Step 2 of the header comment; *produced bytes of out are filled. */
static LhStatus
stream_frame(LhCtx *ctx, ZSTD_DCtx *dctx, const uint8_t *in, size_t len, uint8_t *out,
			 size_t out_len, size_t *produced)
{
	ZSTD_outBuffer to = {out, out_len, 0};
	ZSTD_inBuffer from = {in, 0, 0};
	size_t polled = 0;
	size_t wanted = ZSTD_initDStream(dctx);

	while (wanted != 0)
	{
		size_t before = from.pos + to.pos;

		if (ZSTD_isError(wanted))
			return corrupt(ctx, len, out_len, ZSTD_getErrorName(wanted));
		from.size = len - from.pos < wanted ? len : from.pos + wanted;
		wanted = ZSTD_decompressStream(dctx, &to, &from);
		if (from.pos + to.pos - polled >= LH_CODEC_POLL)
		{
			LH_TRY(lh_poll(ctx));
			polled = from.pos + to.pos;
		}
		if (!ZSTD_isError(wanted) && wanted != 0 && from.pos + to.pos == before)
			return corrupt(ctx, len, out_len, "the frame does not fit");
	}
	if (from.pos != len)
		return corrupt(ctx, len, out_len, "the frame ends early");
	*produced = to.pos;
	return LH_OK;
}

static LhStatus
decode_frame(LhCtx *ctx, ZSTD_DCtx *dctx, const uint8_t *in, size_t len, uint8_t *out,
			 size_t out_len, size_t *produced)
{
	if (lh_codec_is_huge(len, out_len))
		return stream_frame(ctx, dctx, in, len, out, out_len, produced);
	*produced = ZSTD_decompressDCtx(dctx, out, out_len, in, len);
	if (ZSTD_isError(*produced))
		return corrupt(ctx, len, out_len, ZSTD_getErrorName(*produced));
	return LH_OK;
}

LhStatus
lh_zstd_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len, uint8_t *out,
				   size_t out_len)
{
	ZSTD_DCtx *dctx = NULL;
	size_t from = 0;
	size_t to = 0;

	LH_TRY(decoder(ctx, codecs, &dctx));
	while (from < len)
	{
		uint32_t magic = len - from >= 4 ? lh_load_u32(in + from) : 0;
		size_t frame = ZSTD_findFrameCompressedSize(in + from, len - from);
		size_t produced = 0;

		LH_TRY(lh_poll(ctx));
		if (magic != MAGIC && (magic & MAGIC_SKIPPABLE_MASK) != MAGIC_SKIPPABLE)
			return corrupt(ctx, len, out_len, "a frame does not begin with its magic number");
		if (ZSTD_isError(frame))
			return corrupt(ctx, len, out_len, ZSTD_getErrorName(frame));
		if (magic == MAGIC)
			LH_TRY(decode_frame(ctx, dctx, in + from, frame, out + to, out_len - to, &produced));
		from += frame;
		to += produced;
	}
	if (to != out_len)
		return corrupt(ctx, len, out_len, "it holds fewer bytes");
	return LH_OK;
}

LhStatus
lh_zstd_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in, size_t len, LhBuf *out)
{
	size_t bound = ZSTD_compressBound(len);
	size_t n;

	LH_TRY(lh_codec_level(ctx, LH_CODEC_ZSTD, &level, DEFAULT_LEVEL, ZSTD_minCLevel(),
						  ZSTD_maxCLevel()));
	if (codecs->zstd_cctx == NULL)
		codecs->zstd_cctx = ZSTD_createCCtx();
	if (codecs->zstd_cctx == NULL)
		return lh_codec_no_context(ctx, LH_CODEC_ZSTD);
	LH_TRY(lh_buf_reserve(ctx, out, out->len + bound));
	n = ZSTD_compressCCtx(codecs->zstd_cctx, out->data + out->len, bound, in, len, level);
	if (ZSTD_isError(n))
		LH_FAIL(ctx, LH_NO_MEMORY, "zstd could not compress %zu bytes: %s", len,
				ZSTD_getErrorName(n));
	out->len += n;
	return LH_OK;
}
