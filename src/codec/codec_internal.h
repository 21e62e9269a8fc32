/*
 * codec_internal.h
 *		One function a codec and direction, between codec.c and the codecs' files.
 *
 * The decoders are called with in != NULL, len > 0 and out != NULL, and decode
 * all of in to exactly out_len bytes or fail.
 */
#ifndef LH_CODEC_INTERNAL_H
#define LH_CODEC_INTERNAL_H

#include "codec/codec.h"

/* Decoders that can stop poll the host after so much output. */
#define LH_CODEC_POLL ((size_t) 16 * 1024 * 1024)

/* Library contexts, made at their first use and freed with the arena. */
struct LhCodecs
{
	void *zstd_dctx;
	void *zstd_cctx;
	void *inflater;
	void *deflater;
	int deflater_level;
};

typedef LhStatus (*LhDecoder)(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len,
							  uint8_t *out, size_t out_len);
/* Appends to out. */
typedef LhStatus (*LhEncoder)(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in,
							  size_t len, LhBuf *out);

extern LhStatus lh_snappy_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len,
									 uint8_t *out, size_t out_len);
extern LhStatus lh_snappy_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in,
								   size_t len, LhBuf *out);
extern LhStatus lh_zstd_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len,
								   uint8_t *out, size_t out_len);
extern LhStatus lh_zstd_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in,
								 size_t len, LhBuf *out);
extern void lh_zstd_release(LhCodecs *codecs);
extern LhStatus lh_gzip_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len,
								   uint8_t *out, size_t out_len);
extern LhStatus lh_gzip_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in,
								 size_t len, LhBuf *out);
extern void lh_gzip_release(LhCodecs *codecs);
extern LhStatus lh_lz4_raw_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len,
									  uint8_t *out, size_t out_len);
extern LhStatus lh_lz4_hadoop_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in,
										 size_t len, uint8_t *out, size_t out_len);
extern LhStatus lh_lz4_raw_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in,
									size_t len, LhBuf *out);
extern LhStatus lh_brotli_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len,
									 uint8_t *out, size_t out_len);
extern LhStatus lh_brotli_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in,
								   size_t len, LhBuf *out);

/* The errors that every codec has. */
extern LhStatus
lh_codec_corrupt(LhCtx *ctx, LhCodec codec, size_t len, size_t out_len, const char *why);
extern LhStatus lh_codec_no_context(LhCtx *ctx, LhCodec codec);
/* Level 0 becomes the default; one outside lowest..highest fails with LH_INVALID. */
extern LhStatus
lh_codec_level(LhCtx *ctx, LhCodec codec, int *level, int the_default, int lowest, int highest);

#endif
