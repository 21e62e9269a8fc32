/*
 * block.c
 *		Blocks that do not say how large they become, only how large at most.
 */
#include "codec/block.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <lz4.h>
#include <zstd.h>

#include "codec/codec.h"

#define ZSTD_MAGIC 0xFD2FB528u

struct LhBlocks
{
	struct libdeflate_decompressor *inflater;
	ZSTD_DCtx *zstd;
};

static void
release(void *arg)
{
	LhBlocks *blocks = arg;

	libdeflate_free_decompressor(blocks->inflater);
	ZSTD_freeDCtx(blocks->zstd);
}

LhStatus
lh_blocks_create(LhCtx *ctx, LhBlocks **out)
{
	LhBlocks *blocks;

	LH_NEW(ctx, blocks);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, blocks));
	*out = blocks;
	return LH_OK;
}

static const char *
name_of(LhBlockCodec codec)
{
	static const char *const names[] = {"deflate", "snappy", "lzo", "lz4", "zstd", "brotli"};

	return (unsigned) codec < sizeof(names) / sizeof(names[0]) ? names[codec] : "unknown";
}

static LhStatus
no_context(LhCtx *ctx, LhBlockCodec codec)
{
	LH_FAIL(ctx, LH_NO_MEMORY, "out of memory: %s could not allocate its state", name_of(codec));
}

/* The length that a snappy block begins with; -1: none. */
static int64_t
snappy_size(const uint8_t *in, size_t len)
{
	uint64_t size = 0;

	for (size_t i = 0; i < len && i < 5; i++)
	{
		size |= (uint64_t) (in[i] & 0x7f) << (7 * i);
		if (in[i] < 0x80)
			return size <= UINT32_MAX ? (int64_t) size : -1;
	}
	return -1;
}

static bool
is_zstd(const uint8_t *in, size_t len)
{
	return len >= 4 && lh_load_u32(in) == ZSTD_MAGIC;
}

int64_t
lh_block_size(LhBlockCodec codec, const uint8_t *in, size_t len)
{
	unsigned long long size;

	if (codec == LH_BLOCK_SNAPPY)
		return snappy_size(in, len);
	if (codec != LH_BLOCK_ZSTD || !is_zstd(in, len))
		return -1;
	size = ZSTD_getFrameContentSize(in, len);
	return size < INT64_MAX ? (int64_t) size : -1;
}

size_t
lh_block_most(LhBlockCodec codec, size_t len)
{
	/* bytes made of one at most, and what an instruction makes without extensions of its length */
	static const struct
	{
		size_t ratio, more;
	} formats[] = {
		[LH_BLOCK_DEFLATE] = {1032, 0}, /* 258 of two bits */
		[LH_BLOCK_SNAPPY] = {22, 0},    /* 64 of three */
		[LH_BLOCK_LZO] = {256, 512},    /* 255 of each byte of a length */
		[LH_BLOCK_LZ4] = {255, 64},
		[LH_BLOCK_ZSTD] = {32768, 0}, /* 128 kB of a block of four */
	};

	if (codec == LH_BLOCK_BROTLI || len > SIZE_MAX / 65536)
		return SIZE_MAX;
	return len * formats[codec].ratio + formats[codec].more;
}

size_t
lh_block_room(LhBlockCodec codec, const uint8_t *in, size_t len, size_t most)
{
	int64_t named = lh_block_size(codec, in, len);
	size_t bound = lh_block_most(codec, len);

	if (named >= 0 && (uint64_t) named < bound)
		bound = (size_t) named;
	return bound < most ? bound : most;
}

static LhStatus
inflate(LhCtx *ctx, LhBlocks *blocks, const uint8_t *in, size_t len, uint8_t *out, size_t cap,
		int64_t *made)
{
	size_t used = 0, n = 0;

	if (blocks->inflater == NULL)
		blocks->inflater = libdeflate_alloc_decompressor();
	if (blocks->inflater == NULL)
		return no_context(ctx, LH_BLOCK_DEFLATE);
	if (libdeflate_deflate_decompress_ex(blocks->inflater, in, len, out, cap, &used, &n) ==
			LIBDEFLATE_SUCCESS &&
		used == len)
		*made = (int64_t) n;
	return LH_OK;
}

/* Frames of the formats before 1.0 have other magic numbers, and are refused. */
static LhStatus
unzstd(LhCtx *ctx, LhBlocks *blocks, const uint8_t *in, size_t len, uint8_t *out, size_t cap,
	   int64_t *made)
{
	size_t n;

	if (blocks->zstd == NULL)
		blocks->zstd = ZSTD_createDCtx();
	if (blocks->zstd == NULL)
		return no_context(ctx, LH_BLOCK_ZSTD);
	if (!is_zstd(in, len) || ZSTD_findFrameCompressedSize(in, len) != len)
		return LH_OK;
	n = ZSTD_decompressDCtx(blocks->zstd, out, cap, in, len);
	if (!ZSTD_isError(n))
		*made = (int64_t) n;
	return LH_OK;
}

static int64_t
unsnappy(const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	int64_t size = snappy_size(in, len);

	return size >= 0 && (size_t) size <= cap && lh_snappy_decode(in, len, out, (size_t) size) ? size
																							  : -1;
}

static int64_t
unbrotli(const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	size_t n = cap;

	return BrotliDecoderDecompress(len, in, &n, out) == BROTLI_DECODER_RESULT_SUCCESS ? (int64_t) n
																					  : -1;
}

static int64_t
unlz4(const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	if (len > INT32_MAX)
		return -1;
	return LZ4_decompress_safe((const char *) in, (char *) out, (int) len,
							   cap > INT32_MAX ? INT32_MAX : (int) cap);
}

LhStatus
lh_block_decompress(LhCtx *ctx, LhBlocks *blocks, LhBlockCodec codec, const uint8_t *in, size_t len,
					uint8_t *out, size_t cap, size_t *made)
{
	int64_t n = -1;

	switch (codec)
	{
		case LH_BLOCK_DEFLATE: LH_TRY(inflate(ctx, blocks, in, len, out, cap, &n)); break;
		case LH_BLOCK_SNAPPY: n = unsnappy(in, len, out, cap); break;
		case LH_BLOCK_LZO: n = lh_lzo_decode(in, len, out, cap); break;
		case LH_BLOCK_LZ4: n = unlz4(in, len, out, cap); break;
		case LH_BLOCK_ZSTD: LH_TRY(unzstd(ctx, blocks, in, len, out, cap, &n)); break;
		case LH_BLOCK_BROTLI: n = unbrotli(in, len, out, cap); break;
	}
	if (n < 0)
		LH_FAIL(ctx, LH_CORRUPT, "a block of %zu bytes is no %s data of at most %zu bytes", len,
				name_of(codec), cap);
	*made = (size_t) n;
	LH_COUNT(ctx, BYTES_DECOMPRESSED, (uint64_t) n);
	return LH_OK;
}
