/*
 * bytes.c
 *		Run-length decoders of bytes and of bits.
 *
 * A byte below 128 says: the next byte, that many and 3 times.  Another one says
 * how many literal bytes follow: 256 less it.  Bits are packed into such bytes, the first one
 * highest.
 *
 * Format: https://orc.apache.org/specification/ORCv1/ "Byte Run Length Encoding"
 */
#include "orc/rle.h"

/* Bits that are handled together. */
#define STEP 2048

void
lh_orc_bytes_init(LhOrcBytes *r, LhOrcStream *in)
{
	*r = (LhOrcBytes){.in = in};
}

void
lh_orc_bytes_reset(LhOrcBytes *r)
{
	r->left = 0;
}

static LhStatus
begin(LhCtx *ctx, LhOrcBytes *r)
{
	LhOrcStream *in = r->in;

	LH_TRY(lh_orc_stream_need(ctx, in, 2));
	r->literal = in->p[0] >= 0x80;
	if (r->literal)
	{
		r->left = 256u - in->p[0];
		in->p++;
	}
	else
	{
		r->left = in->p[0] + 3u;
		r->value = in->p[1];
		in->p += 2;
	}
	return LH_OK;
}

LhStatus
lh_orc_bytes_read(LhCtx *ctx, LhOrcBytes *r, size_t n, uint8_t *out)
{
	while (n > 0)
	{
		size_t k;

		if (r->left == 0)
			LH_TRY(begin(ctx, r));
		k = n < r->left ? n : r->left;
		if (r->literal)
		{
			LH_TRY(lh_orc_stream_need(ctx, r->in, k));
			memcpy(out, r->in->p, k);
			r->in->p += k;
		}
		else
			memset(out, r->value, k);
		r->left -= (uint32_t) k;
		out += k;
		n -= k;
	}
	return LH_OK;
}

LhStatus
lh_orc_bytes_skip(LhCtx *ctx, LhOrcBytes *r, uint64_t n)
{
	for (int polls = 0; n > 0; polls++)
	{
		size_t k;

		if (polls % 1024 == 1023)
			LH_TRY(lh_poll(ctx));
		if (r->left == 0)
			LH_TRY(begin(ctx, r));
		k = n < r->left ? (size_t) n : r->left;
		if (r->literal)
			LH_TRY(lh_orc_stream_skip(ctx, r->in, k));
		r->left -= (uint32_t) k;
		n -= k;
	}
	return LH_OK;
}

LhStatus
lh_orc_bytes_seek(LhCtx *ctx, LhOrcBytes *r, const uint64_t *place)
{
	LH_TRY(lh_orc_stream_seek(ctx, r->in, place));
	r->left = 0;
	return lh_orc_bytes_skip(ctx, r, place[lh_orc_stream_places(r->in)]);
}

/*
 * Bits
 */

void
lh_orc_bits_init(LhOrcBits *r, LhOrcStream *in)
{
	*r = (LhOrcBits){0};
	lh_orc_bytes_init(&r->bytes, in);
}

void
lh_orc_bits_reset(LhOrcBits *r)
{
	lh_orc_bytes_reset(&r->bytes);
	r->left = 0;
}

/* The bits of each byte in the other order. */
static inline uint64_t
turn(uint64_t w)
{
	w = (w >> 1 & UINT64_C(0x5555555555555555)) | (w & UINT64_C(0x5555555555555555)) << 1;
	w = (w >> 2 & UINT64_C(0x3333333333333333)) | (w & UINT64_C(0x3333333333333333)) << 2;
	return (w >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (w & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
}

/* At most STEP bits: the rest of the current byte, then whole ones. */
static LhStatus
read_step(LhCtx *ctx, LhOrcBits *r, size_t n, uint64_t *out)
{
	uint8_t bytes[STEP / 8 + 24];
	int shift = r->left > 0 ? 8 - r->left : 0;
	size_t total = (n + (size_t) shift + 7) / 8;
	size_t first = r->left > 0;

	bytes[0] = r->current;
	if (total > first)
		LH_TRY(lh_orc_bytes_read(ctx, &r->bytes, total - first, bytes + first));
	memset(bytes + total, 0, 16);
	if (total > 0)
		r->current = bytes[total - 1];
	r->left = (int) (total * 8 - (size_t) shift - n);
	for (size_t i = 0; i < LH_WORDS(n); i++)
	{
		uint64_t w = turn(lh_load_u64(bytes + 8 * i));

		if (shift > 0)
			w = w >> shift | turn(lh_load_u64(bytes + 8 * i + 8)) << (64 - shift);
		if (n - 64 * i < 64)
			w &= lh_low_bits((int) (n - 64 * i));
		out[i] = w;
	}
	return LH_OK;
}

LhStatus
lh_orc_bits_read(LhCtx *ctx, LhOrcBits *r, size_t n, uint64_t *out)
{
	for (size_t at = 0; at < n; at += STEP)
		LH_TRY(read_step(ctx, r, n - at < STEP ? n - at : STEP, out + at / 64));
	return LH_OK;
}

LhStatus
lh_orc_bits_skip(LhCtx *ctx, LhOrcBits *r, uint64_t n, uint64_t *set)
{
	uint64_t bits[STEP / 64];

	*set = 0;
	while (n > 0)
	{
		size_t k = n < STEP ? (size_t) n : STEP;

		LH_TRY(lh_poll(ctx));
		LH_TRY(read_step(ctx, r, k, bits));
		*set += lh_bits_count(bits, LH_WORDS(k));
		n -= k;
	}
	return LH_OK;
}

LhStatus
lh_orc_bits_seek(LhCtx *ctx, LhOrcBits *r, const uint64_t *place)
{
	uint64_t bits = place[lh_orc_stream_places(r->bytes.in) + 1], set;

	LH_TRY(lh_orc_bytes_seek(ctx, &r->bytes, place));
	r->left = 0;
	return lh_orc_bits_skip(ctx, r, bits, &set);
}
