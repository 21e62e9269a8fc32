/*
 * gzip.c
 *		gzip members and zlib streams, by libdeflate.
 *
 * libdeflate decodes a member by one call, 2.3 times as fast as zlib, and cannot
 * be stopped in it.  Huge pages are zlib's (gzip_stream.c).
 *
 * Formats: RFC 1952 (gzip), RFC 1950 (zlib).
 */
#include "codec/codec_internal.h"

#include <libdeflate.h>

#define DEFAULT_LEVEL 6
#define HIGHEST_LEVEL 12

static LhStatus
corrupt(LhCtx *ctx, size_t len, size_t out_len, const char *why)
{
	return lh_codec_corrupt(ctx, LH_CODEC_GZIP, len, out_len, why);
}

void
lh_gzip_release(LhCodecs *codecs)
{
	libdeflate_free_decompressor(codecs->inflater);
	libdeflate_free_compressor(codecs->deflater);
	codecs->inflater = NULL;
	codecs->deflater = NULL;
}

static bool
is_gzip(const uint8_t *in, size_t len)
{
	return len >= 2 && in[0] == 0x1f && in[1] == 0x8b;
}

/* Deflate, and a header whose two bytes are a multiple of 31. */
static bool
is_zlib(const uint8_t *in, size_t len)
{
	return len >= 2 && (in[0] & 0x0f) == 8 && (in[0] << 8 | in[1]) % 31 == 0;
}

bool
lh_gzip_begins(const uint8_t *in, size_t len)
{
	return is_gzip(in, len) || is_zlib(in, len);
}

LhStatus
lh_gzip_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len, uint8_t *out,
				   size_t out_len)
{
	size_t from = 0;
	size_t to = 0;

	if (lh_codec_is_huge(len, out_len))
		return lh_gzip_stream(ctx, in, len, out, out_len);
	if (codecs->inflater == NULL)
		codecs->inflater = libdeflate_alloc_decompressor();
	if (codecs->inflater == NULL)
		return lh_codec_no_context(ctx, LH_CODEC_GZIP);
	while (from < len)
	{
		size_t used = 0;
		size_t made = 0;
		enum libdeflate_result result;

		LH_TRY(lh_poll(ctx));
		if (is_gzip(in + from, len - from))
			result = libdeflate_gzip_decompress_ex(codecs->inflater, in + from, len - from,
												   out + to, out_len - to, &used, &made);
		else if (is_zlib(in + from, len - from))
			result = libdeflate_zlib_decompress_ex(codecs->inflater, in + from, len - from,
												   out + to, out_len - to, &used, &made);
		else
			return corrupt(ctx, len, out_len, LH_GZIP_NO_MEMBER);
		if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
			return corrupt(ctx, len, out_len, LH_GZIP_MORE);
		if (result != LIBDEFLATE_SUCCESS)
			return corrupt(ctx, len, out_len, LH_GZIP_DAMAGED);
		from += used;
		to += made;
	}
	if (to != out_len)
		return corrupt(ctx, len, out_len, LH_GZIP_FEWER);
	return LH_OK;
}

LhStatus
lh_gzip_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in, size_t len, LhBuf *out)
{
	size_t bound, n;

	LH_TRY(lh_codec_level(ctx, LH_CODEC_GZIP, &level, DEFAULT_LEVEL, 1, HIGHEST_LEVEL));
	if (codecs->deflater != NULL && codecs->deflater_level != level)
	{
		libdeflate_free_compressor(codecs->deflater);
		codecs->deflater = NULL;
	}
	if (codecs->deflater == NULL)
		codecs->deflater = libdeflate_alloc_compressor(level);
	if (codecs->deflater == NULL)
		return lh_codec_no_context(ctx, LH_CODEC_GZIP);
	codecs->deflater_level = level;

	bound = libdeflate_gzip_compress_bound(codecs->deflater, len);
	LH_TRY(lh_buf_reserve(ctx, out, out->len + bound));
	n = libdeflate_gzip_compress(codecs->deflater, in, len, out->data + out->len, bound);
	if (n == 0)
		LH_FAIL(ctx, LH_BUG, "gzip did not fit into its own bound of %zu bytes", bound);
	out->len += n;
	return LH_OK;
}
