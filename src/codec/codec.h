/*
 * codec.h
 *		Compression codecs behind one call.
 *
 * Decompression writes exactly the promised number of bytes or fails with
 * LH_CORRUPT: fewer, more, or bytes left over in the input are errors.  Input
 * is hostile; output is never written beyond out_len.  Library contexts
 * (zstd, libdeflate) are kept in LhCodecs and reused.
 */
#ifndef LH_CODEC_CODEC_H
#define LH_CODEC_CODEC_H

#include "core/core.h"

typedef enum LhCodec
{
	LH_CODEC_NONE,
	LH_CODEC_SNAPPY,     /* raw snappy, as Parquet has it */
	LH_CODEC_GZIP,       /* one or more gzip members; zlib streams are taken too */
	LH_CODEC_ZSTD,       /* one or more frames */
	LH_CODEC_LZ4_RAW,    /* one raw block */
	LH_CODEC_LZ4_HADOOP, /* Parquet's old LZ4: Hadoop frames, else LZ4 frame, else raw block */
	LH_CODEC_BROTLI,
	LH_CODEC_LZO, /* named, not supported */
	LH_N_CODECS
} LhCodec;

extern const char *lh_codec_name(LhCodec codec);

typedef struct LhCodecs LhCodecs;

/* Reusable state, released with ctx->arena. */
extern LhStatus lh_codecs_create(LhCtx *ctx, LhCodecs **out);

/*
 * Decompress in (len bytes) into out (exactly out_len bytes; at least
 * LH_PADDING more bytes behind out_len are writable scratch, so that the
 * snappy kernel may copy in 16/32-byte steps).  Polls the host at least every
 * 16 MB of output, so that one huge page can be cancelled.  in may be NULL when len is 0, out when out_len is 0.
 */
extern LhStatus lh_decompress(LhCtx *ctx, LhCodecs *codecs, LhCodec codec, const uint8_t *in,
							  size_t len, uint8_t *out, size_t out_len);

/*
 * Is the block nothing but its output, stored as it is?  Then this begins at *at and ends with the
 * block.  in: at least the first LH_CODEC_STORED_HEAD bytes of the len, or all of them.
 */
#define LH_CODEC_STORED_HEAD ((size_t) 10)
extern bool lh_codec_stored(LhCodec codec, const uint8_t *in, size_t len, size_t out_len, size_t *at);

/* Compress and append to out.  Level 0: the codec's default; LH_INVALID for one it does not have. */
extern LhStatus lh_compress(LhCtx *ctx, LhCodecs *codecs, LhCodec codec, int level,
							const uint8_t *in, size_t len, LhBuf *out);

/* Our snappy decoder: true when in decodes to exactly out_len bytes. Scratch rule as above. */
extern bool lh_snappy_decode(const uint8_t *in, size_t len, uint8_t *out, size_t out_len);

#endif
