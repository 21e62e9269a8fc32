/*
 * gzip_stream.c
 *		Huge gzip pages, by zlib.
 *
 * libdeflate (gzip.c) cannot stop within a member, and a page of 512 MB keeps it
 * for most of a second.  zlib takes twice the time and comes back after every
 * step, so that such a page can be cancelled.  Input is given in steps too:
 * blocks that make nothing cost time all the same.
 *
 * Formats: RFC 1952 (gzip), RFC 1950 (zlib).
 */
#include "codec/codec_internal.h"

#include <zlib.h>

/* Between two polls: some milliseconds of work, whatever the input is. */
#define STEP_OUT ((size_t) 2 << 20)
#define STEP_IN  ((size_t) 256 << 10)

/* Add to the window bits: gzip or zlib, as the header says. */
#define EITHER_HEADER 32

static LhStatus
corrupt(LhCtx *ctx, size_t len, size_t out_len, const char *why)
{
	return lh_codec_corrupt(ctx, LH_CODEC_GZIP, len, out_len, why);
}

/*
 * Members one after the other.  zlib has read and made what lies before its own
 * pointers; it gets no more than a step of either.
 */
static LhStatus
inflate_members(LhCtx *ctx, z_stream *z, const uint8_t *in, size_t len, uint8_t *out,
				size_t out_len)
{
	const uint8_t *end = in + len, *out_end = out + out_len;
	bool within = false; /* a member */

	z->next_in = (Bytef *) in;
	z->next_out = out;
	while (within || z->next_in < end)
	{
		size_t left = (size_t) (end - z->next_in), room = (size_t) (out_end - z->next_out);
		const Bytef *from = z->next_in, *to = z->next_out;
		int result;

		LH_TRY(lh_poll(ctx));
		if (!within && !lh_gzip_begins(z->next_in, left))
			return corrupt(ctx, len, out_len, LH_GZIP_NO_MEMBER);
		within = true;
		z->avail_in = (uInt) (left < STEP_IN ? left : STEP_IN);
		z->avail_out = (uInt) (room < STEP_OUT ? room : STEP_OUT);
		result = inflate(z, Z_NO_FLUSH);
		if (result == Z_STREAM_END)
		{
			within = false;
			(void) inflateReset(z);
		}
		else if (result == Z_MEM_ERROR)
			return lh_codec_no_context(ctx, LH_CODEC_GZIP);
		else if (result != Z_OK && result != Z_BUF_ERROR)
			return corrupt(ctx, len, out_len, LH_GZIP_DAMAGED);
		else if (z->next_in == from && z->next_out == to)
			return corrupt(ctx, len, out_len, room == 0 ? LH_GZIP_MORE : LH_GZIP_DAMAGED);
	}
	return z->next_out == out_end ? LH_OK : corrupt(ctx, len, out_len, LH_GZIP_FEWER);
}

LhStatus
lh_gzip_stream(LhCtx *ctx, const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	z_stream z = {0};
	LhStatus status;

	if (inflateInit2(&z, MAX_WBITS + EITHER_HEADER) != Z_OK)
		return lh_codec_no_context(ctx, LH_CODEC_GZIP);
	status = inflate_members(ctx, &z, in, len, out, out_len);
	(void) inflateEnd(&z);
	return status;
}
