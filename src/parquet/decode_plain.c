/*
 * decode_plain.c
 *		PLAIN: values one after another.
 *
 * Fixed-width values are handed out where they lie; byte arrays are walked,
 * since only its length says where the next one begins.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/decode.h"

static LhStatus
start(LhCtx *ctx, LhPqDecoder *d)
{
	return LH_OK;
}

/* Where the next n fixed-width values lie; NULL when there are fewer. */
static const uint8_t *
take_fixed(LhPqDecoder *d, size_t n)
{
	const uint8_t *p = d->p;

	if (d->width > 0 && n > (size_t) (d->end - p) / d->width)
		return NULL;
	d->p += n * d->width;
	return p;
}

static LhStatus
read_fixed(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out)
{
	const uint8_t *p = take_fixed(d, n);

	if (p == NULL)
		return lh_pq_decoder_short(ctx, d);
	memcpy(out, p, n * d->width);
	return LH_OK;
}

static LhStatus
skip_fixed(LhCtx *ctx, LhPqDecoder *d, size_t n)
{
	return take_fixed(d, n) != NULL ? LH_OK : lh_pq_decoder_short(ctx, d);
}

const LhPqDecoderOps lh_pq_plain_fixed = {start, read_fixed, skip_fixed, take_fixed};

/*
 * Byte arrays: a length of 4 bytes, then the bytes.  The compare against the
 * end also covers lengths that are huge or negative.
 */
static LhStatus
read_bytes(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out)
{
	LhStr *str = out;
	const uint8_t *p = d->p;
	const uint8_t *end = d->end;

	for (size_t i = 0; i < n; i++)
	{
		size_t room = (size_t) (end - p);
		uint32_t len;

		if (room < 4)
			return lh_pq_decoder_short(ctx, d);
		len = lh_load_u32(p);
		if (len > room - 4)
			return lh_pq_decoder_short(ctx, d);
		str[i] = (LhStr){p + 4, len, 0};
		p += 4 + (size_t) len;
	}
	d->p = p;
	return LH_OK;
}

static LhStatus
skip_bytes(LhCtx *ctx, LhPqDecoder *d, size_t n)
{
	const uint8_t *p = d->p;

	for (size_t i = 0; i < n; i++)
	{
		size_t room = (size_t) (d->end - p);
		uint32_t len;

		if (room < 4 || (len = lh_load_u32(p)) > room - 4)
			return lh_pq_decoder_short(ctx, d);
		p += 4 + (size_t) len;
	}
	d->p = p;
	return LH_OK;
}

const LhPqDecoderOps lh_pq_plain_bytes = {start, read_bytes, skip_bytes, NULL};
