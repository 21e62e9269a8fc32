/*
 * codec.c
 *		Compression codecs behind one call.
 *
 * What all codecs have in common is here: names, empty input, the state that
 * libraries keep, errors.  Each codec is a file of its own.
 */
#include "codec/codec_internal.h"

typedef struct CodecRow
{
	const char *name;
	LhDecoder decode; /* NULL: not supported */
	LhEncoder encode;
} CodecRow;

/* "none" has neither: it is a copy. */
static const CodecRow rows[LH_N_CODECS] = {
	[LH_CODEC_NONE] = {"none", NULL, NULL},
	[LH_CODEC_SNAPPY] = {"snappy", lh_snappy_decompress, lh_snappy_compress},
	[LH_CODEC_GZIP] = {"gzip", lh_gzip_decompress, lh_gzip_compress},
	[LH_CODEC_ZSTD] = {"zstd", lh_zstd_decompress, lh_zstd_compress},
	[LH_CODEC_LZ4_RAW] = {"lz4_raw", lh_lz4_raw_decompress, lh_lz4_raw_compress},
	[LH_CODEC_LZ4_HADOOP] = {"lz4", lh_lz4_hadoop_decompress, NULL},
	[LH_CODEC_BROTLI] = {"brotli", lh_brotli_decompress, lh_brotli_compress},
	[LH_CODEC_LZO] = {"lzo", NULL, NULL},
};

const char *
lh_codec_name(LhCodec codec)
{
	return (unsigned) codec < LH_N_CODECS ? rows[codec].name : "unknown";
}

static void
release(void *arg)
{
	LhCodecs *codecs = arg;

	lh_zstd_release(codecs);
	lh_gzip_release(codecs);
}

LhStatus
lh_codecs_create(LhCtx *ctx, LhCodecs **out)
{
	LhCodecs *codecs;

	LH_NEW(ctx, codecs);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, codecs));
	*out = codecs;
	return LH_OK;
}

LhStatus
lh_codec_corrupt(LhCtx *ctx, LhCodec codec, size_t len, size_t out_len, const char *why)
{
	lh_fail(ctx, LH_CORRUPT, "%s data is corrupt: %s", lh_codec_name(codec), why);
	lh_detail(ctx, "%zu compressed bytes should become %zu bytes.", len, out_len);
	return LH_CORRUPT;
}

LhStatus
lh_codec_no_context(LhCtx *ctx, LhCodec codec)
{
	LH_FAIL(ctx, LH_NO_MEMORY, "out of memory: %s could not allocate its state",
			lh_codec_name(codec));
}

LhStatus
lh_codec_level(LhCtx *ctx, LhCodec codec, int *level, int the_default, int lowest, int highest)
{
	if (*level == 0)
		*level = the_default;
	if (*level >= lowest && *level <= highest)
		return LH_OK;
	LH_FAIL(ctx, LH_INVALID, "compression level %d of %s is outside %d to %d", *level,
			lh_codec_name(codec), lowest, highest);
}

static LhStatus
unsupported(LhCtx *ctx, LhCodec codec, const char *what)
{
	lh_fail(ctx, LH_UNSUPPORTED, "%s with codec %s is not supported", what, lh_codec_name(codec));
	lh_hint(ctx, "Write the file with snappy, zstd, gzip, lz4_raw, brotli or without compression.");
	return LH_UNSUPPORTED;
}

LhStatus
lh_decompress(LhCtx *ctx, LhCodecs *codecs, LhCodec codec, const uint8_t *in, size_t len,
			  uint8_t *out, size_t out_len)
{
	uint8_t nowhere[LH_PADDING];

	if ((unsigned) codec >= LH_N_CODECS || (rows[codec].decode == NULL && codec != LH_CODEC_NONE))
		return unsupported(ctx, codec, "decompression");
	/* nothing at all is how some writers store nothing */
	if (len == 0)
		return out_len == 0 ? LH_OK : lh_codec_corrupt(ctx, codec, len, out_len, "it is empty");
	if (codec == LH_CODEC_NONE)
	{
		if (len != out_len)
			return lh_codec_corrupt(ctx, codec, len, out_len, "the sizes differ");
		memcpy(out, in, len);
		return LH_OK;
	}
	LH_TRY(lh_poll(ctx));
	if (out_len == 0)
		out = nowhere;
	LH_TRY(rows[codec].decode(ctx, codecs, in, len, out, out_len));
	LH_COUNT(ctx, BYTES_DECOMPRESSED, out_len);
	return LH_OK;
}

bool
lh_codec_stored(LhCodec codec, const uint8_t *in, size_t len, size_t out_len, size_t *at)
{
	*at = 0;
	if (codec == LH_CODEC_NONE)
		return len == out_len;
	return codec == LH_CODEC_SNAPPY && lh_snappy_stored(in, len, out_len, at);
}

LhStatus
lh_compress(LhCtx *ctx, LhCodecs *codecs, LhCodec codec, int level, const uint8_t *in, size_t len,
			LhBuf *out)
{
	if (codec == LH_CODEC_NONE)
		return lh_buf_append(ctx, out, in, len);
	if ((unsigned) codec >= LH_N_CODECS || rows[codec].encode == NULL)
		return unsupported(ctx, codec, "compression");
	LH_TRY(lh_poll(ctx));
	return rows[codec].encode(ctx, codecs, level, len > 0 ? in : (const uint8_t *) "", len, out);
}
