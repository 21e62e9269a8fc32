/*
 * block.h
 *		Blocks that do not say how large they become, only how large at most.
 *
 * ORC's compression chunks are such blocks.  codec.h is for the others.
 */
#ifndef LH_CODEC_BLOCK_H
#define LH_CODEC_BLOCK_H

#include "core/core.h"

typedef enum LhBlockCodec
{
	LH_BLOCK_DEFLATE, /* RFC 1951, without any header */
	LH_BLOCK_SNAPPY,
	LH_BLOCK_LZO, /* LZO1X */
	LH_BLOCK_LZ4,
	LH_BLOCK_ZSTD, /* one frame */
	LH_BLOCK_BROTLI
} LhBlockCodec;

typedef struct LhBlocks LhBlocks;

/* Reusable state of libraries, released with ctx->arena. */
extern LhStatus lh_blocks_create(LhCtx *ctx, LhBlocks **out);

/*
 * Decompress the whole of in to at most cap bytes of out; *made is how many
 * they are.  LH_PADDING bytes behind cap are writable scratch.  LH_CORRUPT when
 * it is damaged or would need more.  Blocks are small (ORC: 8 MB at most): the
 * host is not asked between.
 */
extern LhStatus
lh_block_decompress(LhCtx *ctx, LhBlocks *blocks, LhBlockCodec codec, const uint8_t *in, size_t len,
					uint8_t *out, size_t cap, size_t *made);

/* The size that a block itself names; -1 when it names none. */
extern int64_t lh_block_size(LhBlockCodec codec, const uint8_t *in, size_t len);

/* More bytes than this no block of len bytes becomes, whatever it says; SIZE_MAX: the format has no bound. */
extern size_t lh_block_most(LhBlockCodec codec, size_t len);
/* Room that a block of at most "most" bytes needs: less where its name or its own length say so. */
extern size_t lh_block_room(LhBlockCodec codec, const uint8_t *in, size_t len, size_t most);

/* LZO1X of ours: bytes made, -1 when in is damaged or would need more than cap. */
extern int64_t lh_lzo_decode(const uint8_t *in, size_t len, uint8_t *out, size_t cap);

#endif
