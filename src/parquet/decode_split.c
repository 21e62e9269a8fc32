/*
 * decode_split.c
 *		BYTE_STREAM_SPLIT: first the first bytes of all values, then the second ones, ...
 *
 * The number of values is the length of the page by their width: nulls are
 * not there.  Values are joined by a transpose of the width (kernels.h).
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/decode.h"
#include "parquet/kernels.h"

static LhStatus
start(LhCtx *ctx, LhPqDecoder *d)
{
	size_t len = (size_t) (d->end - d->p);

	if (d->width == 0 || len % d->width != 0)
		LH_FAIL(ctx, LH_CORRUPT, "BYTE_STREAM_SPLIT page of %zu bytes does not hold values of %zu bytes",
				len, d->width);
	d->split.n = len / d->width;
	d->split.at = 0;
	return LH_OK;
}

static LhStatus
skip(LhCtx *ctx, LhPqDecoder *d, size_t n)
{
	if (n > d->split.n - d->split.at)
		return lh_pq_decoder_short(ctx, d);
	d->split.at += n;
	return LH_OK;
}

static LhStatus
read(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out)
{
	const uint8_t *in = d->p + d->split.at;
	const LhPqKernels *k = lh_pq_kernels;

	LH_TRY(skip(ctx, d, n));
	switch (d->width)
	{
		case 2: k->join2(in, d->split.n, n, out); break;
		case 4: k->join4(in, d->split.n, n, out); break;
		case 8: k->join8(in, d->split.n, n, out); break;
		default: k->join(in, d->split.n, (int) d->width, n, out); break;
	}
	return LH_OK;
}

const LhPqDecoderOps lh_pq_split = {start, read, skip, NULL};
