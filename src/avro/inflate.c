/*
 * inflate.c
 *		Bytes of a block, decompressed.
 *
 * A block says how long its compressed bytes are, and nothing of what they
 * become: so unlike codec.h's, these decoders find the length out.
 *
 *	deflate		raw, by libdeflate: tried with room by the ratio of blocks before,
 *				then with ever more until it fits
 *	zstandard	one or more frames, streamed into a growing buffer
 *	snappy		says its length; behind it stands the CRC-32 of the result, big-endian
 *
 * Nothing larger than the reader's limit is made.
 *
 * Format: https://avro.apache.org/docs/1.12.0/specification/#required-codecs
 */
#include <libdeflate.h>
#include <zstd.h>

#include "avro/file.h"

#define CRC_SIZE        4
/* More than snappy can do: 64 bytes of three. */
#define SNAPPY_RATIO    32
/* First guess of a deflated block's ratio, and what is added to every guess. */
#define FIRST_RATIO     6
#define SLACK           4096
/* Windows of zstd frames: log2 of bytes. */
#define WINDOW_LOG_MAX  27
/* Frames of the format that zstd has today, and those that hold no data. */
#define ZSTD_MAGIC_NOW  0xFD2FB528u
#define ZSTD_MAGIC_SKIP 0x184D2A50u
#define ZSTD_MASK_SKIP  0xFFFFFFF0u
#define POLL_BYTES      ((size_t) 16 << 20)

struct LhAvroInflater
{
	LhAvroCodec codec;
	size_t limit;
	struct libdeflate_decompressor *deflate;
	ZSTD_DCtx *zstd;
	LhCodecs *codecs;
	double ratio; /* highest seen */
};

static void
release(void *arg)
{
	LhAvroInflater *inflater = arg;

	libdeflate_free_decompressor(inflater->deflate);
	ZSTD_freeDCtx(inflater->zstd);
	inflater->deflate = NULL;
	inflater->zstd = NULL;
}

LhStatus
lh_avro_inflater_create(LhCtx *ctx, LhAvroCodec codec, size_t limit, LhAvroInflater **out)
{
	LhAvroInflater *inflater;
	bool made = true;

	LH_NEW(ctx, inflater);
	inflater->codec = codec;
	inflater->limit = limit;
	inflater->ratio = FIRST_RATIO;
	LH_TRY(lh_codecs_create(ctx, &inflater->codecs));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, inflater));
	if (codec == LH_AVRO_CODEC_DEFLATE)
		made = (inflater->deflate = libdeflate_alloc_decompressor()) != NULL;
	if (codec == LH_AVRO_CODEC_ZSTD)
		made = (inflater->zstd = ZSTD_createDCtx()) != NULL;
	if (!made)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a decompressor of Avro blocks");
	if (inflater->zstd != NULL)
		ZSTD_DCtx_setParameter(inflater->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	*out = inflater;
	return LH_OK;
}

static LhStatus
too_large(LhCtx *ctx, const LhAvroInflater *inflater, size_t len)
{
	return lh_fail(ctx, LH_LIMIT,
				   "its %zu compressed bytes become more than %zu, which is the limit", len,
				   inflater->limit);
}

/* Room for n bytes, but not for more than the limit; content need not be kept. */
static LhStatus
make_room(LhCtx *ctx, const LhAvroInflater *inflater, LhBuf *out, size_t n)
{
	if (n > inflater->limit)
		n = inflater->limit;
	return lh_buf_fit(ctx, out, n > 0 ? n : 1);
}

static LhStatus
inflate_deflate(LhCtx *ctx, LhAvroInflater *inflater, const uint8_t *in, size_t len, LhBuf *out)
{
	double guess = (double) len * inflater->ratio * 1.125 + SLACK;
	size_t room = guess < (double) inflater->limit ? (size_t) guess : inflater->limit;

	for (;;)
	{
		size_t used = 0, /* unasked, the library would want all of in to be used */
			made = 0, most;
		enum libdeflate_result result;

		LH_TRY(lh_poll(ctx));
		LH_TRY(make_room(ctx, inflater, out, room));
		most = out->cap < inflater->limit ? out->cap : inflater->limit;
		result = libdeflate_deflate_decompress_ex(inflater->deflate, in, len, out->data, most,
												  &used, &made);
		if (result == LIBDEFLATE_SUCCESS)
		{
			/* avro-c's and with it DuckDB's writer leaves bytes behind the stream: nobody minds */
			out->len = made;
			if (len > 0 && (double) made / (double) len > inflater->ratio)
				inflater->ratio = (double) made / (double) len;
			return LH_OK;
		}
		if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
			LH_FAIL(ctx, LH_CORRUPT, "its %zu bytes are no deflate stream", len);
		if (most >= inflater->limit)
			return too_large(ctx, inflater, len);
		room = most < inflater->limit / 2 ? most * 2 : inflater->limit;
	}
}

/* Frames of formats before 1.0 are no place for hostile bytes. */
static LhStatus
check_frame(LhCtx *ctx, const uint8_t *in, size_t len)
{
	uint32_t magic = len >= 4 ? lh_load_u32(in) : 0;

	if (magic != ZSTD_MAGIC_NOW && (magic & ZSTD_MASK_SKIP) != ZSTD_MAGIC_SKIP)
		LH_FAIL(ctx, LH_CORRUPT, "its bytes are no zstd frame");
	return LH_OK;
}

/* One frame, behind what out holds. */
static LhStatus
inflate_frame(LhCtx *ctx, LhAvroInflater *inflater, ZSTD_inBuffer *from, LhBuf *out)
{
	size_t polled = out->len;

	LH_TRY(check_frame(ctx, (const uint8_t *) from->src + from->pos, from->size - from->pos));
	ZSTD_DCtx_reset(inflater->zstd, ZSTD_reset_session_only);
	for (;;)
	{
		size_t most = out->cap < inflater->limit ? out->cap : inflater->limit;
		ZSTD_outBuffer to = {out->data, most, out->len};
		size_t before = from->pos;
		size_t left = ZSTD_decompressStream(inflater->zstd, &to, from);

		if (ZSTD_isError(left))
			LH_FAIL(ctx, LH_CORRUPT, "its zstd frame is damaged: %s", ZSTD_getErrorName(left));
		if (left != 0 && to.pos == out->len && from->pos == before && to.pos < most)
			LH_FAIL(ctx, LH_CORRUPT, "its zstd frame is cut off");
		out->len = to.pos;
		if (left == 0)
			return LH_OK;
		if (out->len - polled >= POLL_BYTES)
		{
			LH_TRY(lh_poll(ctx));
			polled = out->len;
		}
		if (out->len < most)
			continue;
		if (most >= inflater->limit)
			return too_large(ctx, inflater, from->size);
		LH_TRY(lh_buf_reserve(ctx, out, most + SLACK));
	}
}

static LhStatus
inflate_zstd(LhCtx *ctx, LhAvroInflater *inflater, const uint8_t *in, size_t len, LhBuf *out)
{
	ZSTD_inBuffer from = {in, len, 0};
	unsigned long long size = ZSTD_getFrameContentSize(in, len);

	if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR)
		size = (unsigned long long) len * FIRST_RATIO;
	/* a promise is believed up to what the format can hold in so many bytes, roughly */
	if (size > (unsigned long long) len * 1024 + SLACK)
		size = (unsigned long long) len * 1024 + SLACK;
	LH_TRY(make_room(ctx, inflater, out, (size_t) size + 1));
	while (from.pos < from.size)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(inflate_frame(ctx, inflater, &from, out));
	}
	return LH_OK;
}

static LhStatus
inflate_snappy(LhCtx *ctx, LhAvroInflater *inflater, const uint8_t *in, size_t len, LhBuf *out)
{
	uint64_t promised = 0;
	uint32_t crc, expected;
	bool ends = false;

	if (len < CRC_SIZE + 1)
		LH_FAIL(ctx, LH_CORRUPT, "its %zu bytes are too few for snappy and a checksum", len);
	len -= CRC_SIZE;
	for (size_t i = 0; i < len && i < 5 && !ends; i++)
	{
		promised |= (uint64_t) (in[i] & 0x7f) << (7 * i);
		ends = in[i] < 0x80;
	}
	if (!ends || promised > UINT32_MAX)
		LH_FAIL(ctx, LH_CORRUPT, "its snappy bytes do not begin with a length");
	if (promised > inflater->limit)
		return too_large(ctx, inflater, len);
	if (promised / SNAPPY_RATIO > len)
		LH_FAIL(ctx, LH_CORRUPT, "its %zu snappy bytes promise %llu", len,
				(unsigned long long) promised);
	LH_TRY(lh_buf_fit(ctx, out, promised > 0 ? promised : 1));
	LH_TRY(lh_decompress(ctx, inflater->codecs, LH_CODEC_SNAPPY, in, len, out->data, promised));
	out->len = promised;
	crc = lh_crc32(out->data, promised);
	expected = __builtin_bswap32(lh_load_u32(in + len));
	if (crc != expected)
		LH_FAIL(ctx, LH_CORRUPT, "its checksum is %08x, expected %08x", crc, expected);
	return LH_OK;
}

LhStatus
lh_avro_inflate(LhCtx *ctx, LhAvroInflater *inflater, const uint8_t *in, size_t len, LhBuf *out)
{
	switch (inflater->codec)
	{
		case LH_AVRO_CODEC_DEFLATE: LH_TRY(inflate_deflate(ctx, inflater, in, len, out)); break;
		case LH_AVRO_CODEC_ZSTD: LH_TRY(inflate_zstd(ctx, inflater, in, len, out)); break;
		case LH_AVRO_CODEC_SNAPPY: LH_TRY(inflate_snappy(ctx, inflater, in, len, out)); break;
		default:
			if (len > inflater->limit)
				LH_FAIL(ctx, LH_LIMIT, "it has %zu bytes, the limit is %zu", len, inflater->limit);
			LH_TRY(lh_buf_fit(ctx, out, len > 0 ? len : 1));
			memcpy(out->data, in, len);
			out->len = len;
	}
	LH_COUNT(ctx, BYTES_DECOMPRESSED, out->len);
	return LH_OK;
}
