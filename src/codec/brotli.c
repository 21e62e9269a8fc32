/*
 * brotli.c
 *		Brotli streams, by libbrotli.
 *
 * The decoder's state cannot be reset, so one is made a call; its output is
 * taken in pieces, so that it can be cancelled.
 *
 * Format: RFC 7932.
 */
#include "codec/codec_internal.h"

#include <brotli/decode.h>
#include <brotli/encode.h>

/* What Arrow takes; brotli's own default of 11 is ten times slower. */
#define DEFAULT_LEVEL 8

static LhStatus
corrupt(LhCtx *ctx, size_t len, size_t out_len, const char *why)
{
	return lh_codec_corrupt(ctx, LH_CODEC_BROTLI, len, out_len, why);
}

static LhStatus
decode(LhCtx *ctx, BrotliDecoderState *state, const uint8_t *in, size_t len, uint8_t *out,
	   size_t out_len)
{
	const uint8_t *from = in;
	size_t from_left = len;
	uint8_t *to = out;

	for (;;)
	{
		size_t left = out_len - (size_t) (to - out);
		size_t piece = left < LH_CODEC_POLL ? left : LH_CODEC_POLL;
		size_t piece_left = piece;

		switch (BrotliDecoderDecompressStream(state, &from_left, &from, &piece_left, &to, NULL))
		{
			case BROTLI_DECODER_RESULT_SUCCESS:
				if (from_left != 0)
					return corrupt(ctx, len, out_len, "bytes are left over behind its end");
				if ((size_t) (to - out) != out_len)
					return corrupt(ctx, len, out_len, "it holds fewer bytes");
				return LH_OK;
			case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
				return corrupt(ctx, len, out_len, "it is cut off");
			case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
				if (left == piece)
					return corrupt(ctx, len, out_len, "it holds more bytes");
				LH_TRY(lh_poll(ctx));
				break;
			case BROTLI_DECODER_RESULT_ERROR:
			default:
				return corrupt(ctx, len, out_len,
							   BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state)));
		}
	}
}

LhStatus
lh_brotli_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len, uint8_t *out,
					 size_t out_len)
{
	BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	LhStatus status;

	(void) codecs;
	if (state == NULL)
		return lh_codec_no_context(ctx, LH_CODEC_BROTLI);
	status = decode(ctx, state, in, len, out, out_len);
	BrotliDecoderDestroyInstance(state);
	return status;
}

LhStatus
lh_brotli_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in, size_t len,
				   LhBuf *out)
{
	size_t n = BrotliEncoderMaxCompressedSize(len);

	(void) codecs;
	LH_TRY(lh_codec_level(ctx, LH_CODEC_BROTLI, &level, DEFAULT_LEVEL, 1, BROTLI_MAX_QUALITY));
	LH_TRY(lh_buf_reserve(ctx, out, out->len + n));
	if (n == 0 || !BrotliEncoderCompress(level, BROTLI_DEFAULT_WINDOW, BROTLI_DEFAULT_MODE, len, in,
										 &n, out->data + out->len))
		LH_FAIL(ctx, LH_NO_MEMORY, "brotli could not compress %zu bytes", len);
	out->len += n;
	return LH_OK;
}
