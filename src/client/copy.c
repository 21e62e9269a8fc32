/*
 * copy.c
 *		The binary COPY format, one column.
 */
#include "client/copy.h"

#define SIGNATURE      "PGCOPY\n\377\r\n"
#define SIGNATURE_SIZE ((size_t) 11) /* with its NUL */
#define HEAD_SIZE      (SIGNATURE_SIZE + 8)
/* Extensions of the head that an unknown reader must skip; none are defined. */
#define EXTENSION_MAX  ((size_t) 1 << 16)
/* Flags of the upper half change the format (of old, a column of oids). */
#define CRITICAL_FLAGS UINT32_C(0xffff0000)
/* Of a buffer that one large row made. */
#define KEEP_MAX       ((size_t) 1 << 20)
#define NULL_SIZE      UINT32_MAX
#define TRAILER        UINT16_MAX

LhStatus
lh_copy_init(LhCtx *ctx, LhCopyReader *r, size_t max)
{
	memset(r, 0, sizeof(*r));
	r->max = max;
	return lh_buf_init(ctx, &r->kept, false);
}

void
lh_copy_reset(LhCopyReader *r)
{
	lh_buf_free(&r->kept);
	r->used = 0;
	r->rest = lh_slice(NULL, 0);
	r->at = 0;
	r->started = r->ended = false;
}

void
lh_copy_feed(LhCopyReader *r, LhSlice piece)
{
	r->rest = piece;
}

/*
 * The next n bytes in one piece, NULL when they are not there yet.  Nothing is
 * consumed: what is asked for first in a row, with ever larger n, is one thing.
 */
static LhStatus
peek(LhCtx *ctx, LhCopyReader *r, size_t n, const uint8_t **bytes)
{
	size_t have = r->kept.len - r->used;

	*bytes = NULL;
	if (have == 0 && n <= r->rest.len)
	{
		*bytes = r->rest.data;
		return LH_OK;
	}
	if (have < n)
	{
		size_t lacks = n - have < r->rest.len ? n - have : r->rest.len;

		if (have == 0 && r->kept.cap > KEEP_MAX)
			lh_buf_free(&r->kept);
		if (have == 0)
			r->kept.len = r->used = 0;
		if (lacks == 0)
			return LH_OK;
		LH_TRY(lh_buf_append(ctx, &r->kept, r->rest.data, lacks));
		r->rest = lh_slice(r->rest.data + lacks, r->rest.len - lacks);
	}
	if (r->kept.len - r->used >= n)
		*bytes = r->kept.data + r->used;
	return LH_OK;
}

static void
consume(LhCopyReader *r, size_t n)
{
	r->at += n;
	if (r->kept.len > r->used)
		r->used += n;
	else
		r->rest = lh_slice(r->rest.data + n, r->rest.len - n);
}

static LhStatus
read_head(LhCtx *ctx, LhCopyReader *r)
{
	const uint8_t *p;
	uint32_t flags, extension;

	LH_TRY(peek(ctx, r, HEAD_SIZE, &p));
	if (p == NULL)
		return LH_OK;
	if (memcmp(p, SIGNATURE, SIGNATURE_SIZE) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "the server's copy does not begin as binary copies do");
	flags = lh_load_be32(p + SIGNATURE_SIZE);
	extension = lh_load_be32(p + SIGNATURE_SIZE + 4);
	if ((flags & CRITICAL_FLAGS) != 0 || extension > EXTENSION_MAX)
		LH_FAIL(ctx, LH_UNSUPPORTED, "the server's copy has flags %#x and %u bytes of extension",
				flags, extension);
	LH_TRY(peek(ctx, r, HEAD_SIZE + extension, &p));
	if (p == NULL)
		return LH_OK;
	consume(r, HEAD_SIZE + extension);
	r->started = true;
	return LH_OK;
}

/* columns: that the tuple says it has */
static LhStatus
check_columns(LhCtx *ctx, LhCopyReader *r, uint16_t columns)
{
	if (columns == TRAILER)
	{
		consume(r, 2);
		r->ended = true;
		return LH_OK;
	}
	if (columns != 1)
		LH_FAIL(ctx, LH_CORRUPT, "byte %llu of the server's copy: a row of %u columns, not of one",
				(unsigned long long) r->at, columns);
	return LH_OK;
}

LhStatus
lh_copy_next(LhCtx *ctx, LhCopyReader *r, LhSlice *value, bool *more)
{
	const uint8_t *p;
	uint32_t size;

	*more = false;
	if (!r->started)
		LH_TRY(read_head(ctx, r));
	if (!r->started)
		return LH_OK;
	if (!r->ended)
	{
		LH_TRY(peek(ctx, r, 2, &p));
		if (p == NULL)
			return LH_OK;
		LH_TRY(check_columns(ctx, r, (uint16_t) (p[0] << 8 | p[1])));
	}
	if (r->ended)
	{
		if (r->rest.len > 0 || r->kept.len > r->used)
			LH_FAIL(ctx, LH_CORRUPT, "byte %llu of the server's copy: it goes on behind its end",
					(unsigned long long) r->at);
		return LH_OK;
	}
	LH_TRY(peek(ctx, r, 6, &p));
	if (p == NULL)
		return LH_OK;
	size = lh_load_be32(p + 2);
	if (size > INT32_MAX && size != NULL_SIZE)
		LH_FAIL(ctx, LH_CORRUPT, "byte %llu of the server's copy: a value of %lld bytes",
				(unsigned long long) r->at, (long long) (int32_t) size);
	if (size != NULL_SIZE && size > r->max)
		LH_FAIL(ctx, LH_LIMIT, "a row has %u bytes, more than %zu; --max-message allows more", size,
				r->max);
	LH_TRY(peek(ctx, r, size == NULL_SIZE ? 6 : 6 + (size_t) size, &p));
	if (p == NULL)
		return LH_OK;
	*value = size == NULL_SIZE ? lh_slice(NULL, 0) : lh_slice(p + 6, size);
	consume(r, size == NULL_SIZE ? 6 : 6 + (size_t) size);
	*more = true;
	return LH_OK;
}

LhStatus
lh_copy_end(LhCtx *ctx, const LhCopyReader *r)
{
	if (!r->ended)
		LH_FAIL(ctx, LH_CORRUPT, "byte %llu of the server's copy: it ends without its trailer",
				(unsigned long long) r->at);
	return LH_OK;
}
