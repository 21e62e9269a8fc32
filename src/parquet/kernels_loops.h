/*
 * kernels_loops.h
 *		Loops that are the same in every instruction set: a template.
 *
 * Included by kernels.c, kernels_avx2.c and kernels_avx512.c, each of which is
 * compiled with flags of its own; all functions are static.  They are the
 * reference for the hand-written kernels, too (test_pqkernels.c).
 */
#ifndef LH_PARQUET_KERNELS_LOOPS_H
#define LH_PARQUET_KERNELS_LOOPS_H

#include "parquet/kernels.h"

#define LH_LOOP static __attribute__((unused))

/* Value i of a packed run, for widths up to 57. */
static inline uint64_t
packed_at(const uint8_t *in, size_t bit, uint64_t mask)
{
	return lh_load_u64(in + (bit >> 3)) >> (bit & 7) & mask;
}

LH_LOOP void
unpack32_loop(const uint8_t *in, int shift, int width, size_t n, uint32_t *out, uint32_t *max)
{
	uint64_t mask = lh_low_bits(width);
	size_t bit = (size_t) shift;
	uint32_t most = *max;

	for (size_t i = 0; i < n; i++, bit += (size_t) width)
	{
		uint32_t v = (uint32_t) packed_at(in, bit, mask);

		out[i] = v;
		most = v > most ? v : most;
	}
	*max = most;
}

LH_LOOP void
unpack64_loop(const uint8_t *in, int shift, int width, size_t n, uint64_t *out)
{
	uint64_t mask = lh_low_bits(width);
	size_t bit = (size_t) shift;

	if (width <= 57)
	{
		for (size_t i = 0; i < n; i++, bit += (size_t) width)
			out[i] = packed_at(in, bit, mask);
		return;
	}
	for (size_t i = 0; i < n; i++, bit += (size_t) width)
	{
		const uint8_t *p = in + (bit >> 3);
		int s = (int) (bit & 7);
		uint64_t v = lh_load_u64(p) >> s;

		if (s > 0)
			v |= (uint64_t) p[8] << (64 - s);
		out[i] = v & mask;
	}
}

/* n (1..64) bits of valid from bit "from", in the low bits; higher ones are 0. */
static inline uint64_t
valid_bits(const uint64_t *valid, size_t from, size_t n)
{
	size_t s = from & 63;
	uint64_t w = valid[from >> 6] >> s;

	if (s > 0 && n > 64 - s)
		w |= valid[(from >> 6) + 1] << (64 - s);
	return w & lh_low_bits((int) n);
}

#define LH_EXPAND_LOOP(name, type) \
	LH_LOOP void name(const type *in, const uint64_t *valid, size_t from, size_t n, type *out) \
	{ \
		for (size_t i = 0; i < n; i += 64) \
		{ \
			size_t k = n - i < 64 ? n - i : 64; \
			uint64_t w = valid_bits(valid, from + i, k); \
			if (w == lh_low_bits((int) k)) \
			{ \
				memcpy(out + i, in, k * sizeof(type)); \
				in += k; \
				continue; \
			} \
			memset(out + i, 0, k * sizeof(type)); \
			for (; w != 0; w &= w - 1) \
				out[i + (size_t) __builtin_ctzll(w)] = *in++; \
		} \
	}
LH_EXPAND_LOOP(expand32_loop, uint32_t)
LH_EXPAND_LOOP(expand64_loop, uint64_t)

LH_LOOP void
at_least_loop(const uint8_t *in, size_t n, uint8_t least, uint64_t *bits)
{
	for (size_t i = 0; i < n; i += 64)
	{
		size_t k = n - i < 64 ? n - i : 64;
		uint64_t w = 0;

		for (size_t j = 0; j < k; j++)
			w |= (uint64_t) (in[i + j] >= least) << j;
		bits[i >> 6] = w;
	}
}

/* Put k (0..64) bits behind each other at bit *at of out. */
static inline void
append_bits(uint64_t w, size_t k, uint64_t *out, size_t *at)
{
	size_t s = *at & 63;

	out[*at >> 6] |= w << s;
	if (s + k > 64)
		out[(*at >> 6) + 1] |= w >> (64 - s);
	*at += k;
}

LH_LOOP void
pack_bits_loop(const uint64_t *bits, const uint64_t *mask, size_t nwords, uint64_t *out, size_t at)
{
	for (size_t i = 0; i < nwords; i++)
	{
		uint64_t w = bits[i];
		size_t k = 64;

		if (mask[i] != ~UINT64_C(0))
		{
			uint64_t m = mask[i];

			w = 0;
			for (k = 0; m != 0; m &= m - 1, k++)
				w |= (bits[i] >> __builtin_ctzll(m) & 1) << k;
		}
		append_bits(w, k, out, &at);
	}
}

LH_LOOP void
bits_to_bytes_loop(const uint8_t *in, int shift, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
	{
		size_t bit = (size_t) shift + i;

		out[i] = in[bit >> 3] >> (bit & 7) & 1;
	}
}

LH_LOOP void
join_loop(const uint8_t *in, size_t stride, int width, size_t n, uint8_t *out)
{
	for (int k = 0; k < width; k++)
	{
		const uint8_t *stream = in + (size_t) k * stride;

		for (size_t i = 0; i < n; i++)
			out[i * (size_t) width + (size_t) k] = stream[i];
	}
}

LH_LOOP void
join2_loop(const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
	{
		uint16_t v = (uint16_t) (in[i] | in[stride + i] << 8);

		memcpy(out + 2 * i, &v, 2);
	}
}

LH_LOOP void
join4_loop(const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
	{
		uint32_t v = in[i] | (uint32_t) in[stride + i] << 8 |
					 (uint32_t) in[2 * stride + i] << 16 | (uint32_t) in[3 * stride + i] << 24;

		memcpy(out + 4 * i, &v, 4);
	}
}

LH_LOOP void
join8_loop(const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
	{
		uint64_t v = 0;

		for (size_t k = 0; k < 8; k++)
			v |= (uint64_t) in[k * stride + i] << (8 * k);
		memcpy(out + 8 * i, &v, 8);
	}
}

LH_LOOP void
sum32_loop(const uint32_t *delta, uint32_t min, size_t n, uint32_t *last, uint32_t *out)
{
	uint32_t v = *last;

	for (size_t i = 0; i < n; i++)
		out[i] = v += delta[i] + min;
	*last = v;
}

LH_LOOP void
sum64_loop(const uint64_t *delta, uint64_t min, size_t n, uint64_t *last, uint64_t *out)
{
	uint64_t v = *last;

	for (size_t i = 0; i < n; i++)
		out[i] = v += delta[i] + min;
	*last = v;
}

LH_LOOP void
widen_i32_loop(const uint8_t *in, size_t n, int64_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = lh_load_i32(in + 4 * i);
}

LH_LOOP void
widen_u32_loop(const uint8_t *in, size_t n, int64_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = lh_load_u32(in + 4 * i);
}

LH_LOOP void
widen_i64_loop(const uint8_t *in, size_t n, LhI128 *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = lh_load_i64(in + 8 * i);
}

LH_LOOP void
widen_u64_loop(const uint8_t *in, size_t n, LhI128 *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = lh_load_u64(in + 8 * i);
}

LH_LOOP void
mask32_loop(const uint8_t *in, uint32_t mask, size_t n, uint32_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = lh_load_u32(in + 4 * i) & mask;
}

/*
 * IEEE half to float.  The exponent and mantissa are moved to their places in
 * a float and scaled by 2^112, which normalises subnormals, too; what then is
 * at least 2^16 was an infinity or a NaN and gets a float's largest exponent.
 */
LH_LOOP void
half_loop(const uint8_t *in, size_t n, float *out)
{
	const uint32_t scale_bits = UINT32_C(0x77800000); /* 2^112 */
	float scale;

	memcpy(&scale, &scale_bits, 4);
	for (size_t i = 0; i < n; i++)
	{
		uint32_t h = lh_load_u16(in + 2 * i);
		uint32_t sign = (h & 0x8000) << 16;
		uint32_t bits = (h & 0x7fff) << 13;
		uint32_t special = (h & 0x7c00) == 0x7c00 ? UINT32_C(0x7f800000) : 0;
		float f;

		memcpy(&f, &bits, 4);
		f *= scale;
		memcpy(&bits, &f, 4);
		if (special != 0)
			bits = special | (h & 0x3ff) << 13;
		bits |= sign;
		memcpy(out + i, &bits, 4);
	}
}

LH_LOOP void
be_to_i64_loop(const uint8_t *in, int width, size_t n, int64_t *out)
{
	int drop = 64 - 8 * width;

	for (size_t i = 0; i < n; i++, in += width)
		out[i] = (int64_t) lh_load_be64(in) >> drop;
}

LH_LOOP void
be_to_i128_loop(const uint8_t *in, int width, size_t n, LhI128 *out)
{
	int drop = 128 - 8 * width;

	for (size_t i = 0; i < n; i++, in += width)
	{
		LhU128 v = (LhU128) lh_load_be64(in) << 64 |
				   lh_load_be64(in + 8);

		out[i] = (LhI128) v >> drop;
	}
}

LH_LOOP void
gather32_loop(const uint32_t *table, const uint32_t *code, size_t n, uint32_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = table[code[i]];
}

LH_LOOP void
gather64_loop(const uint64_t *table, const uint32_t *code, size_t n, uint64_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = table[code[i]];
}

/* A table of the loops alone; the includer replaces what it has better. */
#define LH_LOOP_TABLE \
	.unpack32 = unpack32_loop, .rle_read = lh_rle_read_any, .unpack64 = unpack64_loop, .expand32 = expand32_loop, \
	.expand64 = expand64_loop, .at_least = at_least_loop, .pack_bits = pack_bits_loop, \
	.bits_to_bytes = bits_to_bytes_loop, .join2 = join2_loop, \
	.join4 = join4_loop, .join8 = join8_loop, .join = join_loop, .sum32 = sum32_loop, \
	.sum64 = sum64_loop, .widen_i32 = widen_i32_loop, .widen_u32 = widen_u32_loop, \
	.widen_i64 = widen_i64_loop, .widen_u64 = widen_u64_loop, .mask32 = mask32_loop, \
	.half = half_loop, .be_to_i64 = be_to_i64_loop, .be_to_i128 = be_to_i128_loop, \
	.gather32 = gather32_loop, .gather64 = gather64_loop

#endif
