/*
 * decode_bool.c
 *		Booleans: PLAIN, one bit each, and RLE hybrid runs of one bit.
 *
 * An RLE page of booleans begins with the length of its runs in 4 bytes, in
 * data pages v1 and v2 alike.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/decode.h"
#include "parquet/kernels.h"

static LhStatus
start_plain(LhCtx *ctx, LhPqDecoder *d)
{
	d->bit = 0;
	return LH_OK;
}

/* Are there n more bits? */
static inline bool
has_bits(const LhPqDecoder *d, size_t n)
{
	return n <= (size_t) (d->end - d->p) * 8 - d->bit;
}

static LhStatus
read_plain(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out)
{
	if (!has_bits(d, n))
		return lh_pq_decoder_short(ctx, d);
	lh_pq_kernels->bits_to_bytes(d->p + d->bit / 8, (int) (d->bit & 7), n, out);
	d->bit += n;
	return LH_OK;
}

static LhStatus
skip_plain(LhCtx *ctx, LhPqDecoder *d, size_t n)
{
	if (!has_bits(d, n))
		return lh_pq_decoder_short(ctx, d);
	d->bit += n;
	return LH_OK;
}

const LhPqDecoderOps lh_pq_plain_bool = {start_plain, read_plain, skip_plain, NULL};

static LhStatus
start_rle(LhCtx *ctx, LhPqDecoder *d)
{
	size_t room = (size_t) (d->end - d->p);
	uint32_t len;

	/* a page of nulls has no values, and some writers then leave out the length as well */
	if (room == 0)
	{
		lh_rle_init(&d->rle, d->p, 0, 1);
		return LH_OK;
	}
	if (room < 4 || (len = lh_load_u32(d->p)) > room - 4)
		LH_FAIL(ctx, LH_CORRUPT, "length of run-length coded booleans exceeds their page");
	lh_rle_init(&d->rle, d->p + 4, len, 1);
	return LH_OK;
}

static LhStatus
read_rle(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out)
{
	LhRle *r = &d->rle;
	uint8_t *o = out;

	while (n > 0)
	{
		size_t k;

		if (!lh_rle_more(r) || r->value > 1)
			return lh_pq_decoder_short(ctx, d);
		k = n < r->left ? n : (size_t) r->left;
		if (r->packed)
			lh_pq_kernels->bits_to_bytes(r->bits + r->pos / 8, (int) (r->pos & 7), k, o);
		else
			memset(o, (int) r->value, k);
		lh_rle_take(r, k);
		o += k;
		n -= k;
	}
	return LH_OK;
}

static LhStatus
skip_rle(LhCtx *ctx, LhPqDecoder *d, size_t n)
{
	return lh_rle_skip(&d->rle, n) == n ? LH_OK : lh_pq_decoder_short(ctx, d);
}

const LhPqDecoderOps lh_pq_rle_bool = {start_rle, read_rle, skip_rle, NULL};
