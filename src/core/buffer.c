/*
 * buffer.c
 *		Growable byte buffers.
 *
 * A buffer's memory is a block of its arena (arena_account.h): 64-byte
 * aligned, freed singly when the buffer grows, shrinks or is freed, and with
 * the arena at the latest.  The LH_PADDING bytes behind cap are zeroed once
 * when the block is made, so that a kernel which reads beyond the end reads
 * defined bytes.
 */
#include "core/buffer.h"

#include <stdio.h>

#include "core/arena_account.h"

/* The least a growing buffer takes. */
#define SMALLEST 256

/* lh_buf_fit gives memory back when it has this many times what is needed ... */
#define FAR_LARGER      4
/* ... and at least this much: smaller buffers are not worth malloc's time. */
#define WORTH_SHRINKING ((size_t) 256 * 1024)

LhStatus
lh_buf_init(LhCtx *ctx, LhBuf *buf, bool floor)
{
	*buf = (LhBuf){.arena = ctx->arena, .floor = floor};
	return LH_OK;
}

void
lh_buf_free(LhBuf *buf)
{
	if (buf->data != NULL)
		lh_block_free(buf->data);
	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
}

/* A new block for buf of cap bytes with the first len of the old one's. */
static LhStatus
move(LhCtx *ctx, LhBuf *buf, size_t cap)
{
	uint8_t *data;

	if (cap > LH_ALLOC_MAX)
		LH_FAIL(ctx, LH_LIMIT, "buffer of %zu bytes refused: the limit is %zu", cap, LH_ALLOC_MAX);
	data = lh_block_alloc(ctx, buf->arena, cap + LH_PADDING, cap, buf->floor);
	if (data == NULL)
		return ctx->error->code;
	if (buf->data != NULL)
	{
		memcpy(data, buf->data, buf->len);
		lh_block_free(buf->data);
	}
	buf->data = data;
	buf->cap = cap;
	return LH_OK;
}

LhStatus
lh_buf_reserve(LhCtx *ctx, LhBuf *buf, size_t cap)
{
	size_t grown = buf->cap + buf->cap / 2;

	if (cap <= buf->cap)
		return LH_OK;
	if (grown < SMALLEST)
		grown = SMALLEST;
	if (grown <= cap)
		return move(ctx, buf, cap);
	if (move(ctx, buf, grown) == LH_OK)
		return LH_OK;
	/* near the budget's end: take what is needed, not what is convenient */
	lh_error_clear(ctx);
	return move(ctx, buf, cap);
}

/* cap with up to 1/8 of slack, so that pages of nearly one size share a block. */
static size_t
with_slack(size_t cap)
{
	size_t step = LH_BLOCK_ALIGN;

	while (step < cap / 16)
		step *= 2;
	return (cap + step - 1) / step * step;
}

LhStatus
lh_buf_fit(LhCtx *ctx, LhBuf *buf, size_t cap)
{
	buf->len = 0;
	if (cap <= buf->cap && (buf->cap < WORTH_SHRINKING || buf->cap / FAR_LARGER <= cap))
		return LH_OK;
	lh_buf_free(buf);
	if (cap == 0)
		return LH_OK;
	if (cap > LH_ALLOC_MAX)
		return move(ctx, buf, cap);
	if (move(ctx, buf, with_slack(cap)) == LH_OK)
		return LH_OK;
	lh_error_clear(ctx);
	return move(ctx, buf, cap);
}

/* Room for n more bytes. */
static inline LhStatus
reserve_more(LhCtx *ctx, LhBuf *buf, size_t n)
{
	if (buf->cap - buf->len >= n)
		return LH_OK;
	if (n > LH_ALLOC_MAX)
		LH_FAIL(ctx, LH_LIMIT, "buffer of %zu more bytes refused: the limit is %zu", n,
				LH_ALLOC_MAX);
	return lh_buf_reserve(ctx, buf, buf->len + n);
}

LhStatus
lh_buf_append(LhCtx *ctx, LhBuf *buf, const void *p, size_t n)
{
	if (n == 0)
		return LH_OK;
	LH_TRY(reserve_more(ctx, buf, n));
	memcpy(buf->data + buf->len, p, n);
	buf->len += n;
	return LH_OK;
}

LhStatus
lh_buf_append_str(LhCtx *ctx, LhBuf *buf, const char *s)
{
	return lh_buf_append(ctx, buf, s, strlen(s));
}

LhStatus
lh_buf_putc(LhCtx *ctx, LhBuf *buf, char c)
{
	LH_TRY(reserve_more(ctx, buf, 1));
	buf->data[buf->len++] = (uint8_t) c;
	return LH_OK;
}

LhStatus
lh_buf_printf(LhCtx *ctx, LhBuf *buf, const char *fmt, ...)
{
	va_list ap;
	int n;

	LH_TRY(reserve_more(ctx, buf, 64));
	va_start(ap, fmt);
	n = vsnprintf((char *) buf->data + buf->len, buf->cap - buf->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		LH_FAIL(ctx, LH_BUG, "could not format \"%s\"", fmt);
	if ((size_t) n >= buf->cap - buf->len)
	{
		LH_TRY(reserve_more(ctx, buf, (size_t) n + 1));
		va_start(ap, fmt);
		vsnprintf((char *) buf->data + buf->len, buf->cap - buf->len, fmt, ap);
		va_end(ap);
	}
	buf->len += (size_t) n;
	return LH_OK;
}
