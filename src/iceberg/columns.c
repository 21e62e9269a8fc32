/*
 * columns.c
 *		Builders of the columns of a manifest.
 */
#include "iceberg/columns.h"

LhStatus
lh_ice_ints_init(LhCtx *ctx, LhIceIntsBuilder *b)
{
	*b = (LhIceIntsBuilder){0};
	return lh_buf_init(ctx, &b->buf, true);
}

static bool
fits_4(int64_t v)
{
	return v == LH_ICE_NONE || (v > INT32_MIN && v <= INT32_MAX);
}

static int32_t
narrow(int64_t v)
{
	return v == LH_ICE_NONE ? INT32_MIN : (int32_t) v;
}

/* From one width to the next, n numbers. */
static LhStatus
widen(LhCtx *ctx, LhIceIntsBuilder *b, int width)
{
	LH_TRY(lh_buf_reserve(ctx, &b->buf, (b->n + 64) * (size_t) width));
	if (b->width == 0)
	{
		for (size_t i = 0; i < b->n; i++)
		{
			if (width == 4)
				((int32_t *) (void *) b->buf.data)[i] = narrow(b->same);
			else
				((int64_t *) (void *) b->buf.data)[i] = b->same;
		}
	}
	else
	{
		const LhIceInts old = {.width = 4, .v = b->buf.data};

		for (size_t i = b->n; i-- > 0;)
		{
			int64_t v = lh_ice_int(&old, i);

			memcpy(b->buf.data + i * 8, &v, sizeof(v));
		}
	}
	b->width = width;
	b->buf.len = b->n * (size_t) width;
	return LH_OK;
}

LhStatus
lh_ice_ints_add(LhCtx *ctx, LhIceIntsBuilder *b, int64_t v)
{
	int32_t v32;

	if (b->width == 0)
	{
		if (b->n == 0)
			b->same = v;
		if (v == b->same)
		{
			b->n++;
			return LH_OK;
		}
		LH_TRY(widen(ctx, b, fits_4(v) && fits_4(b->same) ? 4 : 8));
	}
	if (b->width == 4 && !fits_4(v))
		LH_TRY(widen(ctx, b, 8));
	b->n++;
	if (b->width == 8)
		return lh_buf_append(ctx, &b->buf, &v, sizeof(v));
	v32 = narrow(v);
	return lh_buf_append(ctx, &b->buf, &v32, sizeof(v32));
}

/* The content of a buffer in memory of its own size. */
static LhStatus
settle(LhCtx *ctx, LhBuf *buf, const void **out)
{
	*out = lh_memdup(ctx, buf->data, buf->len);
	if (*out == NULL)
		return ctx->error->code;
	lh_buf_free(buf);
	return LH_OK;
}

LhStatus
lh_ice_ints_finish(LhCtx *ctx, LhIceIntsBuilder *b, LhIceInts *out)
{
	*out = (LhIceInts){.width = b->width, .same = b->same};
	return b->width == 0 ? LH_OK : settle(ctx, &b->buf, &out->v);
}

LhStatus
lh_ice_bytes_init(LhCtx *ctx, LhIceBytesBuilder *b)
{
	*b = (LhIceBytesBuilder){0};
	LH_TRY(lh_buf_init(ctx, &b->valid, true));
	LH_TRY(lh_buf_init(ctx, &b->offsets, true));
	return lh_buf_init(ctx, &b->heap, true);
}

/* The rows before the first that is not null. */
static LhStatus
begin(LhCtx *ctx, LhIceBytesBuilder *b)
{
	b->any = true;
	LH_TRY(lh_buf_reserve(ctx, &b->offsets, (b->n + 64) * sizeof(uint32_t)));
	b->offsets.len = b->n * sizeof(uint32_t);
	memset(b->offsets.data, 0, b->offsets.len);
	return LH_OK;
}

LhStatus
lh_ice_bytes_add(LhCtx *ctx, LhIceBytesBuilder *b, const uint8_t *p, size_t n)
{
	uint32_t offset;
	size_t words = LH_WORDS(b->n + 1) * sizeof(uint64_t);

	if (p == NULL && !b->any)
	{
		b->n++;
		return LH_OK;
	}
	if (!b->any)
		LH_TRY(begin(ctx, b));
	if (b->valid.len < words)
	{
		LH_TRY(lh_buf_reserve(ctx, &b->valid, words));
		memset(b->valid.data + b->valid.len, 0, words - b->valid.len);
		b->valid.len = words;
	}
	if (b->heap.len + n > UINT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a column of the manifest is larger than 4 GB");
	offset = (uint32_t) b->heap.len;
	LH_TRY(lh_buf_append(ctx, &b->offsets, &offset, sizeof(offset)));
	if (p != NULL)
	{
		lh_bit_set((uint64_t *) (void *) b->valid.data, b->n);
		LH_TRY(lh_buf_append(ctx, &b->heap, p, n));
	}
	b->n++;
	return LH_OK;
}

LhStatus
lh_ice_bytes_finish(LhCtx *ctx, LhIceBytesBuilder *b, LhIceBytes *out)
{
	uint32_t end = (uint32_t) b->heap.len;
	const void *p;

	*out = (LhIceBytes){0};
	if (!b->any)
		return LH_OK;
	LH_TRY(lh_buf_append(ctx, &b->offsets, &end, sizeof(end)));
	LH_TRY(settle(ctx, &b->valid, &p));
	out->valid = p;
	LH_TRY(settle(ctx, &b->offsets, &p));
	out->offsets = p;
	LH_TRY(settle(ctx, &b->heap, &p));
	out->heap = p;
	return LH_OK;
}
