/*
 * source.c
 *		Bytes of a container, read in large pieces.
 *
 *	1. The first bytes of a file are read at once and kept: all of a small one,
 *	   such as a manifest, so that it costs one request.
 *	2. What lies behind comes through a window that moves forward.  What it still
 *	   holds of a block is moved to its front, and the next piece is read where
 *	   the last one ended: a store that reads ahead knows where that will be.
 *	3. Who jumps from header to header reads little at once, unless blocks are so
 *	   small that nothing would be left out.
 */
#include <string.h>

#include "avro/file.h"

#define SMALL_LOCAL  ((int64_t) 1 << 20)
#define SMALL_REMOTE ((int64_t) 8 << 20)
/* Of a larger file: what the header will lie in. */
#define HEAD_LOCAL   ((int64_t) 64 << 10)
#define HEAD_REMOTE  ((int64_t) 1 << 20)
/* What is read at once of a larger file; and where only headers of blocks are wanted that lie far apart. */
#define AHEAD_LOCAL  ((size_t) 1 << 20)
#define AHEAD_REMOTE ((size_t) 8 << 20)
#define JUMP_LOCAL   ((size_t) 8 << 10)
#define JUMP_REMOTE  ((size_t) 256 << 10)

LhStatus
lh_avro_source_extend(LhCtx *ctx, LhAvroSource *s, LhBuf *buf, size_t len)
{
	if ((int64_t) len > s->size)
		len = (size_t) s->size;
	if (len <= s->head.len)
		return LH_OK;
	LH_TRY(lh_buf_reserve(ctx, buf, len));
	LH_TRY(lh_object_read(ctx, s->obj, (int64_t) buf->len, len - buf->len, buf->data + buf->len));
	buf->len = len;
	s->head = lh_slice(buf->data, len);
	return LH_OK;
}

LhStatus
lh_avro_source_open(LhCtx *ctx, LhAvroSource *s, LhBuf *buf)
{
	bool remote;
	int64_t n;

	LH_TRY(lh_buf_init(ctx, buf, true));
	if (s->obj == NULL)
		return LH_OK;
	remote = lh_object_is_remote(s->obj);
	n = s->size <= (remote ? SMALL_REMOTE : SMALL_LOCAL) ? s->size
														 : (remote ? HEAD_REMOTE : HEAD_LOCAL);
	return lh_avro_source_extend(ctx, s, buf, (size_t) n);
}

LhStatus
lh_avro_source_copy(LhCtx *ctx, const LhAvroSource *from, LhAvroSource *s)
{
	*s = *from;
	s->window_at = 0;
	s->jumping = false;
	s->remote = s->obj != NULL && lh_object_is_remote(s->obj);
	return lh_buf_init(ctx, &s->window, true);
}

/* Tell the store that the n bytes behind the window come next. */
static LhStatus
announce(LhCtx *ctx, LhAvroSource *s, size_t n)
{
	int64_t at = s->window_at + (int64_t) s->window.len;
	LhRange range = {.offset = at, .len = n};

	if (at >= s->size || !s->remote)
		return LH_OK;
	if ((int64_t) range.len > s->size - at)
		range.len = (size_t) (s->size - at);
	return lh_object_will_need(ctx, s->obj, 1, &range);
}

/* Move the window so that it holds len bytes at offset. */
static LhStatus
refill(LhCtx *ctx, LhAvroSource *s, int64_t offset, size_t len)
{
	int64_t end = s->window_at + (int64_t) s->window.len;
	size_t keep = offset >= s->window_at && offset < end ? (size_t) (end - offset) : 0;
	size_t jump = s->remote ? JUMP_REMOTE : JUMP_LOCAL;
	bool far = s->jumping && (offset < s->window_at || offset - end > (int64_t) jump);
	size_t ahead = far ? jump : s->remote ? AHEAD_REMOTE : AHEAD_LOCAL;
	size_t n = len > keep + ahead ? len - keep : ahead;

	if ((int64_t) n > s->size - offset - (int64_t) keep)
		n = (size_t) (s->size - offset - (int64_t) keep);
	if (keep > 0)
		memmove(s->window.data, s->window.data + s->window.len - keep, keep);
	s->window.len = keep;
	s->window_at = offset;
	s->window.floor = keep + n <= LH_AVRO_FLOOR;
	LH_TRY(lh_buf_reserve(ctx, &s->window, keep + n));
	LH_TRY(lh_object_read(ctx, s->obj, offset + (int64_t) keep, n, s->window.data + keep));
	s->window.len = keep + n;
	return far ? LH_OK : announce(ctx, s, ahead);
}

LhStatus
lh_avro_source_get(LhCtx *ctx, LhAvroSource *s, int64_t offset, size_t len, const uint8_t **out,
				   bool *stays)
{
	*stays = false;
	if (offset < 0 || offset > s->size || (uint64_t) len > (uint64_t) (s->size - offset))
		LH_FAIL(ctx, LH_BUG, "%zu bytes at offset %lld do not lie in \"%s\"", len,
				(long long) offset, s->path);
	if ((uint64_t) offset + len <= s->head.len)
	{
		/* behind a buffer of ours are bytes to read, behind other people's none */
		*stays = s->obj != NULL || s->head.len - (size_t) offset - len >= LH_PADDING;
		*out = s->head.data + offset;
		return LH_OK;
	}
	if (offset < s->window_at || offset + (int64_t) len > s->window_at + (int64_t) s->window.len)
		LH_TRY(refill(ctx, s, offset, len));
	*out = s->window.data + (offset - s->window_at);
	return LH_OK;
}
