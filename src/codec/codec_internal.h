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

/*
 * Decoders poll the host after so much output.  Pages with more input or output
 * than this are huge: they go to a decoder that can stop, where the faster one
 * cannot.
 */
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

/* lh_codec_stored of snappy */
extern bool lh_snappy_stored(const uint8_t *in, size_t len, size_t out_len, size_t *at);

static inline bool
lh_codec_is_huge(size_t len, size_t out_len)
{
	return len > LH_CODEC_POLL || out_len > LH_CODEC_POLL;
}

/* gzip.c: do a gzip member or a zlib stream begin here? */
extern bool lh_gzip_begins(const uint8_t *in, size_t len);
/* ... and what is wrong with them. */
#define LH_GZIP_NO_MEMBER "it is neither a gzip member nor a zlib stream"
#define LH_GZIP_DAMAGED   "a member is damaged or cut off"
#define LH_GZIP_MORE	  "it holds more bytes"
#define LH_GZIP_FEWER	  "it holds fewer bytes"

/* gzip_stream.c: as lh_gzip_decompress; polls every 2 MB. */
extern LhStatus
lh_gzip_stream(LhCtx *ctx, const uint8_t *in, size_t len, uint8_t *out, size_t out_len);

/*
 * lz4_block.c: decode a raw block to at most room bytes, polling every 2 MB.
 * *made is their number, or -1 when in is no such block.
 */
extern LhStatus lh_lz4_block(LhCtx *ctx, const uint8_t *in, size_t len, uint8_t *out, size_t room,
							 int64_t *made);

/* The errors that every codec has. */
extern LhStatus
lh_codec_corrupt(LhCtx *ctx, LhCodec codec, size_t len, size_t out_len, const char *why);
extern LhStatus lh_codec_no_context(LhCtx *ctx, LhCodec codec);
/* Level 0 becomes the default; one outside lowest..highest fails with LH_INVALID. */
extern LhStatus
lh_codec_level(LhCtx *ctx, LhCodec codec, int *level, int the_default, int lowest, int highest);

#endif
