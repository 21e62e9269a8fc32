/*
 * write_rle.c
 *		Encode Parquet's hybrid of runs and bit-packed groups.
 *
 * Used for levels, dictionary codes and booleans.  The reader's counterpart is
 * rle.c.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/write_encode.h"

/* A shorter run takes more bytes, or hardly fewer, than the packed group it would end. */
#define MIN_RUN 8

static uint8_t *
put_varint(uint8_t *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*out++ = (uint8_t) (v | 0x80);
	*out++ = (uint8_t) v;
	return out;
}

static uint8_t *
put_packed_header(uint8_t *out, size_t n)
{
	return put_varint(out, (uint64_t) ((n + 7) / 8) << 1 | 1);
}

static uint8_t *
put_run(uint8_t *out, uint32_t value, uint64_t n, int width)
{
	out = put_varint(out, n << 1);
	for (int bits = 0; bits < width; bits += 8, value >>= 8)
		*out++ = (uint8_t) value;
	return out;
}

#define VALUE   uint32_t
#define NAME(x) x##_32
#include "parquet/write_rle_loops.h"
#undef VALUE
#undef NAME

#define VALUE   uint8_t
#define NAME(x) x##_8
#include "parquet/write_rle_loops.h"
#undef VALUE
#undef NAME

/*
 * Room for n values at their worst, when runs and groups of 8 alternate: a
 * group takes width bytes, a run up to 4, each with a header.  Headers of more
 * than a byte are of so many values that they do not matter.
 */
static LhStatus
reserve(LhCtx *ctx, size_t n, int width, LhBuf *out)
{
	return lh_buf_reserve(ctx, out, out->len + (n / 8 + 3) * ((size_t) width + 6) + 16);
}

LhStatus
lh_pqw_rle32(LhCtx *ctx, const uint32_t *v, size_t n, int width, LhBuf *out)
{
	LH_TRY(reserve(ctx, n, width, out));
	out->len = (size_t) (encode_32(v, n, width, out->data + out->len) - out->data);
	return LH_OK;
}

LhStatus
lh_pqw_rle8(LhCtx *ctx, const uint8_t *v, size_t n, int width, LhBuf *out)
{
	LH_TRY(reserve(ctx, n, width, out));
	out->len = (size_t) (encode_8(v, n, width, out->data + out->len) - out->data);
	return LH_OK;
}

LhStatus
lh_pqw_rle_run(LhCtx *ctx, uint32_t value, uint64_t n, int width, LhBuf *out)
{
	LH_TRY(reserve(ctx, 8, width, out));
	out->len = (size_t) (put_run(out->data + out->len, value, n, width) - out->data);
	return LH_OK;
}
