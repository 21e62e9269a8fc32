/*
 * grow.c
 *		Data that says nothing of its size, decompressed into a buffer that grows.
 *
 *	deflate		by libdeflate, tried with room by the ratio of what came before, then
 *				with twice as much; beyond 16 MB by zlib, which goes on where it is
 *				and can be cancelled
 *	zstandard	frames that name their content's size (nearly all) at once; others are
 *				streamed, and the window that the library keeps is accounted
 *
 * What is made at most follows from the input: no header makes us take memory
 * that its bytes cannot fill.
 *
 * Formats: RFC 1951 (deflate), RFC 8878 (zstd).
 */
#include "codec/grow.h"

#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include "codec/codec_internal.h"

/* First guess of a deflated block's ratio, and what is added to every guess. */
#define FIRST_RATIO    6
#define SLACK          4096
/* Windows of zstd frames that are streamed: log2 of bytes; and what the library has beside it. */
#define WINDOW_LOG_MAX 27
#define WINDOW_BESIDE  ((size_t) 384 << 10)
/* What zlib gets at once. */
#define STEP           ((size_t) 1 << 20)

/* Magic numbers of a frame of today, and of one that holds no data. */
#define ZSTD_NOW       0xFD2FB528u
#define ZSTD_SKIP      0x184D2A50u
#define ZSTD_SKIP_MASK 0xFFFFFFF0u
/* In the byte behind it: there is no window but the content. */
#define ZSTD_SINGLE    0x20

struct LhGrow
{
	LhArena *arena;
	size_t limit;
	size_t floor;
	struct libdeflate_decompressor *deflate;
	ZSTD_DCtx *zstd;
	LhCodecs *codecs;
	double ratio;   /* highest seen */
	size_t counted; /* of the streaming decoder */
	bool counted_floor;
};

static void
release(void *arg)
{
	LhGrow *grow = arg;

	libdeflate_free_decompressor(grow->deflate);
	ZSTD_freeDCtx(grow->zstd);
	if (grow->counted > 0)
		lh_arena_uncount(grow->arena, grow->counted, grow->counted_floor);
	grow->deflate = NULL;
	grow->zstd = NULL;
	grow->counted = 0;
}

LhStatus
lh_grow_create(LhCtx *ctx, size_t limit, size_t floor, LhGrow **out)
{
	LhGrow *grow;

	LH_NEW(ctx, grow);
	grow->arena = ctx->arena;
	grow->limit = limit;
	grow->floor = floor;
	grow->ratio = FIRST_RATIO;
	LH_TRY(lh_codecs_create(ctx, &grow->codecs));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, grow));
	*out = grow;
	return LH_OK;
}

LhStatus
lh_grow_fit(LhCtx *ctx, const LhGrow *grow, LhBuf *buf, size_t n)
{
	buf->floor = n <= grow->floor;
	return lh_buf_fit(ctx, buf, n > 0 ? n : 1);
}

/* As lh_buf_reserve. */
static LhStatus
reserve(LhCtx *ctx, const LhGrow *grow, LhBuf *buf, size_t n)
{
	buf->floor = n <= grow->floor;
	return lh_buf_reserve(ctx, buf, n);
}

LhStatus
lh_grow_too_large(LhCtx *ctx, const LhGrow *grow, size_t len)
{
	return lh_fail(ctx, LH_LIMIT,
				   "its %zu compressed bytes become more than %zu, which is the limit", len,
				   grow->limit);
}

static LhStatus
no_state(LhCtx *ctx, const char *what)
{
	return lh_fail(ctx, LH_NO_MEMORY, "out of memory: %s could not allocate its state", what);
}

/* ---- deflate ---- */

static LhStatus
no_deflate(LhCtx *ctx, size_t len)
{
	return lh_fail(ctx, LH_CORRUPT, "its %zu bytes are no deflate stream", len);
}

/* What was made, for the next guess. */
static void
learn(LhGrow *grow, size_t len, size_t made)
{
	if (len > 0 && (double) made / (double) len > grow->ratio)
		grow->ratio = (double) made / (double) len;
}

/* At once, with so much room; *fits false: it needs more. */
static LhStatus
inflate_at_once(LhCtx *ctx, LhGrow *grow, const uint8_t *in, size_t len, size_t room, LhBuf *out,
				bool *fits)
{
	size_t used = 0; /* unasked, the library would want all of in to be used */
	size_t made = 0, most;
	enum libdeflate_result result;

	if (grow->deflate == NULL)
		grow->deflate = libdeflate_alloc_decompressor();
	if (grow->deflate == NULL)
		return no_state(ctx, "deflate");
	LH_TRY(lh_grow_fit(ctx, grow, out, room));
	most = out->cap < grow->limit ? out->cap : grow->limit;
	result =
		libdeflate_deflate_decompress_ex(grow->deflate, in, len, out->data, most, &used, &made);
	*fits = result == LIBDEFLATE_SUCCESS;
	if (result != LIBDEFLATE_SUCCESS && result != LIBDEFLATE_INSUFFICIENT_SPACE)
		return no_deflate(ctx, len);
	out->len = made;
	return LH_OK;
}

/* In steps, into what room there is and then into more. */
static LhStatus
inflate_in_steps(LhCtx *ctx, LhGrow *grow, z_stream *z, const uint8_t *in, size_t len, LhBuf *out)
{
	const uint8_t *end = in + len;
	int result = Z_OK;

	out->len = 0;
	z->next_in = (Bytef *) in;
	while (result != Z_STREAM_END)
	{
		size_t left = (size_t) (end - z->next_in), room;
		const Bytef *from = z->next_in;

		LH_TRY(lh_poll(ctx));
		/* one byte beyond the limit tells that there is more */
		if (out->len == out->cap)
			LH_TRY(reserve(ctx, grow, out, out->cap + STEP));
		room = out->cap - out->len;
		if (out->len > grow->limit)
			return lh_grow_too_large(ctx, grow, len);
		z->avail_in = (uInt) (left < STEP ? left : STEP);
		z->avail_out = (uInt) (room < STEP ? room : STEP);
		z->next_out = out->data + out->len;
		result = inflate(z, Z_NO_FLUSH);
		if (result == Z_MEM_ERROR)
			return no_state(ctx, "zlib");
		if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
			return no_deflate(ctx, len);
		if (result != Z_STREAM_END && z->next_in == from && z->next_out == out->data + out->len)
			return no_deflate(ctx, len);
		out->len = (size_t) (z->next_out - out->data);
	}
	return out->len <= grow->limit ? LH_OK : lh_grow_too_large(ctx, grow, len);
}

static LhStatus
inflate_huge(LhCtx *ctx, LhGrow *grow, const uint8_t *in, size_t len, LhBuf *out)
{
	size_t room = lh_block_most(LH_BLOCK_DEFLATE, len);
	z_stream z = {0};
	LhStatus status;

	LH_TRY(lh_grow_fit(ctx, grow, out, room < LH_CODEC_POLL ? room : LH_CODEC_POLL));
	/* negative: no header */
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return no_state(ctx, "zlib");
	status = inflate_in_steps(ctx, grow, &z, in, len, out);
	(void) inflateEnd(&z);
	return status;
}

/* Room that a budget refuses: first all that is floor, when less was tried so far. */
static size_t
within_floor(const LhGrow *grow, size_t tried, size_t room)
{
	bool beyond = room > grow->floor && tried < grow->floor;

	return beyond && room > lh_arena_room(grow->arena) ? grow->floor : room;
}

LhStatus
lh_grow_deflate(LhCtx *ctx, LhGrow *grow, const uint8_t *in, size_t len, LhBuf *out)
{
	double guess = (double) len * grow->ratio * 1.125 + SLACK;
	size_t most = lh_block_most(LH_BLOCK_DEFLATE, len), room;
	bool fits = false;

	if (most > grow->limit)
		most = grow->limit;
	room = within_floor(grow, 0, guess < (double) most ? (size_t) guess : most);
	while (!fits && !lh_codec_is_huge(len, room))
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(inflate_at_once(ctx, grow, in, len, room, out, &fits));
		if (!fits && room >= most)
			return most == grow->limit ? lh_grow_too_large(ctx, grow, len) : no_deflate(ctx, len);
		room = within_floor(grow, room, room < most / 2 ? room * 2 : most);
	}
	if (!fits)
		LH_TRY(inflate_huge(ctx, grow, in, len, out));
	learn(grow, len, out->len);
	LH_COUNT(ctx, BYTES_DECOMPRESSED, out->len);
	return LH_OK;
}

/* ---- zstandard ---- */

static LhStatus
bad_frame(LhCtx *ctx, const char *why)
{
	return lh_fail(ctx, LH_CORRUPT, "its zstd frame is damaged: %s", why);
}

/* Frames of formats before 1.0 are no place for hostile bytes. */
static bool
is_frame(const uint8_t *in, size_t len)
{
	uint32_t magic = len >= 4 ? lh_load_u32(in) : 0;

	return magic == ZSTD_NOW || (magic & ZSTD_SKIP_MASK) == ZSTD_SKIP;
}

/* The window of the frame at in, whose content has that size; 0: none, or more than the library takes. */
static size_t
window_of(const uint8_t *in, size_t len, unsigned long long content)
{
	unsigned long long size;

	if (len < 6 || lh_load_u32(in) != ZSTD_NOW)
		return 0;
	size = UINT64_C(1) << (10 + (in[5] >> 3));
	size += (size >> 3) * (in[5] & 7);
	if (in[4] & ZSTD_SINGLE)
		size = content;
	return size <= UINT64_C(1) << WINDOW_LOG_MAX ? (size_t) size : 0;
}

/* Size of all frames' content (-1: some do not say), and the widest window. */
static LhStatus
look_at_frames(LhCtx *ctx, const uint8_t *in, size_t len, int64_t *size, size_t *window)
{
	*size = 0;
	*window = 0;
	for (size_t at = 0; at < len;)
	{
		size_t frame;
		unsigned long long content;

		LH_TRY(lh_poll(ctx));
		if (!is_frame(in + at, len - at))
			LH_FAIL(ctx, LH_CORRUPT, "its bytes are no zstd frame");
		frame = ZSTD_findFrameCompressedSize(in + at, len - at);
		if (ZSTD_isError(frame))
			return bad_frame(ctx, ZSTD_getErrorName(frame));
		content = ZSTD_getFrameContentSize(in + at, frame);
		if (content == ZSTD_CONTENTSIZE_UNKNOWN || content == ZSTD_CONTENTSIZE_ERROR)
			*size = -1;
		else if (content > lh_block_most(LH_BLOCK_ZSTD, frame))
			LH_FAIL(ctx, LH_CORRUPT, "its zstd frame of %zu bytes promises %llu", frame, content);
		else if (*size >= 0)
			*size += (int64_t) content;
		if (window_of(in + at, frame, content) > *window)
			*window = window_of(in + at, frame, content);
		at += frame;
	}
	return LH_OK;
}

/* The streaming decoder, its memory counted. */
static LhStatus
need_decoder(LhCtx *ctx, LhGrow *grow, size_t window)
{
	size_t size = window + WINDOW_BESIDE;

	if (grow->zstd == NULL)
		grow->zstd = ZSTD_createDCtx();
	if (grow->zstd == NULL)
		return no_state(ctx, "zstd");
	ZSTD_DCtx_setParameter(grow->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	if (size <= grow->counted)
		return LH_OK;
	if (grow->counted > 0)
		lh_arena_uncount(grow->arena, grow->counted, grow->counted_floor);
	grow->counted = 0;
	grow->counted_floor = size <= grow->floor;
	LH_TRY(lh_arena_count(ctx, grow->arena, size, grow->counted_floor));
	grow->counted = size;
	return LH_OK;
}

/* One frame, behind what out holds. */
static LhStatus
stream_frame(LhCtx *ctx, LhGrow *grow, ZSTD_inBuffer *from, LhBuf *out)
{
	size_t polled = from->pos + out->len;

	ZSTD_DCtx_reset(grow->zstd, ZSTD_reset_session_only);
	for (;;)
	{
		ZSTD_outBuffer to = {out->data, out->cap, out->len};
		size_t before = from->pos;
		size_t left = ZSTD_decompressStream(grow->zstd, &to, from);

		if (ZSTD_isError(left))
			return bad_frame(ctx, ZSTD_getErrorName(left));
		if (left != 0 && to.pos == out->len && from->pos == before && to.pos < to.size)
			return bad_frame(ctx, "it is cut off");
		out->len = to.pos;
		if (out->len > grow->limit)
			return lh_grow_too_large(ctx, grow, from->size);
		if (left == 0)
			return LH_OK;
		if (from->pos + out->len - polled >= LH_CODEC_POLL)
		{
			LH_TRY(lh_poll(ctx));
			polled = from->pos + out->len;
		}
		/* one byte beyond the limit tells that there is more */
		if (out->len == out->cap)
			LH_TRY(reserve(ctx, grow, out, out->cap + SLACK));
	}
}

static LhStatus
stream_frames(LhCtx *ctx, LhGrow *grow, const uint8_t *in, size_t len, size_t window, LhBuf *out)
{
	ZSTD_inBuffer from = {in, len, 0};
	size_t room = len < grow->limit / FIRST_RATIO ? len * FIRST_RATIO : grow->limit;

	LH_TRY(need_decoder(ctx, grow, window));
	LH_TRY(lh_grow_fit(ctx, grow, out, within_floor(grow, 0, room)));
	while (from.pos < from.size)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(stream_frame(ctx, grow, &from, out));
	}
	LH_COUNT(ctx, BYTES_DECOMPRESSED, out->len);
	return LH_OK;
}

LhStatus
lh_grow_zstd(LhCtx *ctx, LhGrow *grow, const uint8_t *in, size_t len, LhBuf *out)
{
	int64_t size = 0;
	size_t window = 0;

	LH_TRY(look_at_frames(ctx, in, len, &size, &window));
	if (size < 0)
		return stream_frames(ctx, grow, in, len, window, out);
	if ((uint64_t) size > grow->limit)
		return lh_grow_too_large(ctx, grow, len);
	LH_TRY(lh_grow_fit(ctx, grow, out, (size_t) size));
	LH_TRY(lh_decompress(ctx, grow->codecs, LH_CODEC_ZSTD, in, len, out->data, (size_t) size));
	out->len = (size_t) size;
	return LH_OK;
}
