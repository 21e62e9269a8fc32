/*
 * write_encode.c
 *		Values of a page: collecting them, PLAIN, BYTE_STREAM_SPLIT, booleans.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/write_encode.h"

LhStatus
lh_pqw_values_init(LhCtx *ctx, LhPqwValues *v, size_t width)
{
	*v = (LhPqwValues){.width = width};
	LH_TRY(lh_buf_init(ctx, &v->data, true));
	return lh_buf_init(ctx, &v->ends, true);
}

void
lh_pqw_values_clear(LhPqwValues *v)
{
	v->n = 0;
	v->data.len = 0;
	v->ends.len = 0;
}

void
lh_pqw_values_free(LhPqwValues *v)
{
	v->n = 0;
	lh_buf_free(&v->data);
	lh_buf_free(&v->ends);
}

static LhStatus
too_large(LhCtx *ctx)
{
	lh_fail(ctx, LH_LIMIT, "values of one page take more than %zu bytes", LH_PQW_PAGE_MAX);
	lh_hint(ctx, "The values of one row cannot be divided between pages.");
	return LH_LIMIT;
}

LhStatus
lh_pqw_values_extend(LhCtx *ctx, LhPqwValues *v, size_t n, uint8_t **at)
{
	if (n > (LH_PQW_PAGE_MAX - v->data.len) / v->width)
		return too_large(ctx);
	LH_TRY(lh_buf_reserve(ctx, &v->data, v->data.len + n * v->width + 1));
	*at = v->data.data + v->data.len;
	v->data.len += n * v->width;
	v->n += n;
	return LH_OK;
}

LhStatus
lh_pqw_values_add_strs(LhCtx *ctx, LhPqwValues *v, const LhStr *strs, size_t n)
{
	size_t total = 0;
	uint32_t *ends;
	uint8_t *p;

	for (size_t i = 0; i < n; i++)
		total += strs[i].len;
	if (total > LH_PQW_PAGE_MAX - v->data.len ||
		v->n + n > (LH_PQW_PAGE_MAX - v->data.len - total) / 4)
		return too_large(ctx);
	LH_TRY(lh_buf_reserve(ctx, &v->data, v->data.len + total + 1));
	LH_TRY(lh_buf_reserve(ctx, &v->ends, v->ends.len + n * sizeof(*ends) + 1));
	ends = (uint32_t *) (void *) (v->ends.data + v->ends.len);
	p = v->data.data + v->data.len;
	for (size_t i = 0; i < n; i++)
	{
		if (strs[i].len > 0)
			memcpy(p, strs[i].ptr, strs[i].len);
		p += strs[i].len;
		ends[i] = (uint32_t) (p - v->data.data);
	}
	v->data.len += total;
	v->ends.len += n * sizeof(*ends);
	v->n += n;
	return LH_OK;
}

static LhStatus
pick_strs(LhCtx *ctx, LhPqwValues *v, const LhPqwValues *from, const uint32_t *numbers, size_t n)
{
	LhStr strs[256];

	for (size_t done = 0; done < n;)
	{
		size_t k = 0;

		for (; k < 256 && done < n; k++, done++)
		{
			LhSlice s = lh_pqw_value(from, numbers[done]);

			strs[k] = (LhStr){s.data, (uint32_t) s.len, 0};
		}
		LH_TRY(lh_pqw_values_add_strs(ctx, v, strs, k));
	}
	return LH_OK;
}

LhStatus
lh_pqw_values_pick(LhCtx *ctx, LhPqwValues *v, const LhPqwValues *from, const uint32_t *numbers,
				   size_t n)
{
	uint8_t *at = NULL;

	if (v->width == 0)
		return pick_strs(ctx, v, from, numbers, n);
	LH_TRY(lh_pqw_values_extend(ctx, v, n, &at));
	for (size_t i = 0; i < n; i++)
		memcpy(at + i * v->width, from->data.data + numbers[i] * v->width, v->width);
	return LH_OK;
}

bool
lh_pqw_encoding_fits(LhPqPhysical physical, LhPqEncoding encoding)
{
	switch (encoding)
	{
		case LH_PQ_PLAIN: return true;
		case LH_PQ_RLE: return physical == LH_PQ_BOOLEAN;
		case LH_PQ_RLE_DICTIONARY: return physical != LH_PQ_BOOLEAN;
		case LH_PQ_DELTA_BINARY_PACKED: return physical == LH_PQ_INT32 || physical == LH_PQ_INT64;
		case LH_PQ_DELTA_LENGTH_BYTE_ARRAY: return physical == LH_PQ_BYTE_ARRAY;
		case LH_PQ_DELTA_BYTE_ARRAY: return physical == LH_PQ_BYTE_ARRAY || physical == LH_PQ_FLBA;
		case LH_PQ_BYTE_STREAM_SPLIT:
			return physical != LH_PQ_BOOLEAN && physical != LH_PQ_BYTE_ARRAY;
		default: return false;
	}
}

static LhStatus
plain_bits(LhCtx *ctx, const LhPqwValues *v, LhBuf *out)
{
	size_t bytes = (v->n + 7) / 8;
	uint8_t *p;

	LH_TRY(lh_buf_reserve(ctx, out, out->len + bytes + 1));
	p = out->data + out->len;
	memset(p, 0, bytes);
	for (size_t i = 0; i < v->n; i++)
		p[i / 8] |= (uint8_t) ((v->data.data[i] != 0) << (i % 8));
	out->len += bytes;
	return LH_OK;
}

static LhStatus
plain_bytes(LhCtx *ctx, const LhPqwValues *v, LhBuf *out)
{
	const uint32_t *ends = lh_pqw_ends(v);
	uint32_t from = 0;
	uint8_t *p;

	LH_TRY(lh_buf_reserve(ctx, out, out->len + v->data.len + 4 * v->n + 1));
	p = out->data + out->len;
	for (size_t i = 0; i < v->n; i++)
	{
		uint32_t len = ends[i] - from;

		memcpy(p, &len, 4);
		memcpy(p + 4, v->data.data + from, len);
		p += 4 + len;
		from = ends[i];
	}
	out->len = (size_t) (p - out->data);
	return LH_OK;
}

/* Byte k of all values, for each k. */
static LhStatus
split(LhCtx *ctx, const LhPqwValues *v, LhBuf *out)
{
	uint8_t *p;

	LH_TRY(lh_buf_reserve(ctx, out, out->len + v->data.len + 1));
	p = out->data + out->len;
	for (size_t k = 0; k < v->width; k++)
		for (size_t i = 0; i < v->n; i++)
			*p++ = v->data.data[i * v->width + k];
	out->len += v->data.len;
	return LH_OK;
}

/* Booleans as RLE: their bytes are preceded by their length. */
static LhStatus
rle_bits(LhCtx *ctx, const LhPqwValues *v, LhBuf *out)
{
	size_t at = out->len;
	uint32_t len = 0;

	LH_TRY(lh_buf_append(ctx, out, &len, sizeof(len)));
	LH_TRY(lh_pqw_rle8(ctx, v->data.data, v->n, 1, out));
	len = (uint32_t) (out->len - at - sizeof(len));
	memcpy(out->data + at, &len, sizeof(len));
	return LH_OK;
}

/* DELTA_BYTE_ARRAY of fixed-length values: as byte arrays of that length. */
static LhStatus
delta_fixed(LhCtx *ctx, const LhPqwValues *v, LhBuf *out)
{
	LhPqwValues strs;

	LH_TRY(lh_pqw_values_init(ctx, &strs, 0));
	for (size_t i = 0; i < v->n; i++)
	{
		LhStr s = {v->data.data + i * v->width, (uint32_t) v->width, 0};

		LH_TRY(lh_pqw_values_add_strs(ctx, &strs, &s, 1));
	}
	LH_TRY(lh_pqw_delta_bytes(ctx, &strs, out));
	lh_pqw_values_free(&strs);
	return LH_OK;
}

LhStatus
lh_pqw_encode(LhCtx *ctx, const LhPqwValues *v, LhPqPhysical physical, LhPqEncoding encoding,
			  LhBuf *out)
{
	const void *data = v->data.data;

	switch (encoding)
	{
		case LH_PQ_RLE: return rle_bits(ctx, v, out);
		case LH_PQ_DELTA_BINARY_PACKED:
			return physical == LH_PQ_INT32 ? lh_pqw_delta32(ctx, data, v->n, out)
										   : lh_pqw_delta64(ctx, data, v->n, out);
		case LH_PQ_DELTA_LENGTH_BYTE_ARRAY: return lh_pqw_delta_lengths(ctx, v, out);
		case LH_PQ_DELTA_BYTE_ARRAY:
			return v->width > 0 ? delta_fixed(ctx, v, out) : lh_pqw_delta_bytes(ctx, v, out);
		case LH_PQ_BYTE_STREAM_SPLIT: return split(ctx, v, out);
		default: break;
	}
	if (physical == LH_PQ_BOOLEAN)
		return plain_bits(ctx, v, out);
	if (v->width == 0)
		return plain_bytes(ctx, v, out);
	return lh_buf_append(ctx, out, data, v->data.len);
}
