/*
 * kernels_avx512.c
 *		Decoding kernels for AVX-512 with BW, VL, DQ, VBMI and VBMI2.
 *
 * Unpacking, 16 values a step: one vpermb brings the four bytes that a value
 * can touch (up to 25 bits, or any width at bit 0 of a byte) into its lane, a
 * variable shift and a mask leave the value.  Shuffle and shift depend on the
 * width and first bit only, since 16 values are a whole number of bytes; they
 * are computed once a call.  Wider values take 64-bit lanes, 8 a step.
 */
#include "parquet/kernels.h"

#ifndef __AVX512VBMI2__

const LhPqKernels *
lh_pq_kernels_avx512(void)
{
	return NULL;
}

#else

#include <immintrin.h>

#include "parquet/kernels_loops.h"

#define IOTA16 _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define IOTA8  _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7)

static inline __mmask16
mask16_of(size_t n)
{
	return n >= 16 ? (__mmask16) 0xffff : (__mmask16) ((1u << n) - 1);
}

static inline __mmask8
mask8_of(size_t n)
{
	return n >= 8 ? (__mmask8) 0xff : (__mmask8) ((1u << n) - 1);
}

/* How 16 values of up to 25 bits come into their lanes. */
#define STEP 16
typedef struct Unpacker
{
	__m512i shuffle;
	__m512i down;
	__m512i keep;
} Unpacker;
typedef __m512i Lanes;

static inline Unpacker
unpacker_of(int shift, int width)
{
	__m512i bit = _mm512_add_epi32(_mm512_mullo_epi32(IOTA16, _mm512_set1_epi32(width)),
								   _mm512_set1_epi32(shift));
	__m512i byte = _mm512_srli_epi32(bit, 3);
	Unpacker u;

	u.shuffle = _mm512_add_epi32(_mm512_mullo_epi32(byte, _mm512_set1_epi32(0x01010101)),
								 _mm512_set1_epi32(0x03020100));
	u.down = _mm512_and_si512(bit, _mm512_set1_epi32(7));
	u.keep = _mm512_set1_epi32((int) ((1u << width) - 1));
	return u;
}

static inline Lanes
unpack_step(const Unpacker *u, const uint8_t *in)
{
	__m512i v = _mm512_permutexvar_epi8(u->shuffle, _mm512_loadu_si512(in));

	return _mm512_and_si512(_mm512_srlv_epi32(v, u->down), u->keep);
}

static inline Lanes
lanes_of(uint32_t value)
{
	return _mm512_set1_epi32((int) value);
}

static inline void
lanes_store(uint32_t *out, Lanes v)
{
	_mm512_storeu_si512(out, v);
}

static inline Lanes
lanes_max(Lanes a, Lanes b)
{
	return _mm512_max_epu32(a, b);
}

static inline Lanes
lanes_max_first(Lanes a, Lanes b, size_t n)
{
	return _mm512_mask_max_epu32(a, mask16_of(n), a, b);
}

static inline uint32_t
lanes_largest(Lanes v)
{
	return _mm512_reduce_max_epu32(v);
}

#include "parquet/kernels_rle.h"

/* Widths 1..25 */
static void
unpack_narrow(const uint8_t *in, int shift, int width, size_t n, uint32_t *out, uint32_t *max)
{
	Unpacker u = unpacker_of(shift, width);
	Lanes most = lanes_of(*max);
	size_t bytes = 2 * (size_t) width;
	size_t i = 0;

	for (; i + 32 <= n; i += 32, in += 2 * bytes)
	{
		Lanes a = unpack_step(&u, in);
		Lanes b = unpack_step(&u, in + bytes);

		lanes_store(out + i, a);
		lanes_store(out + i + 16, b);
		most = lanes_max(most, lanes_max(a, b));
	}
	for (; i < n; i += 16, in += bytes)
	{
		Lanes a = unpack_step(&u, in);

		_mm512_mask_storeu_epi32(out + i, mask16_of(n - i), a);
		most = lanes_max_first(most, a, n - i);
	}
	*max = lanes_largest(most);
}

/* How 8 values of up to 56 bits come into 64-bit lanes. */
typedef struct Wide
{
	__m512i shuffle;
	__m512i down;
	__m512i keep;
} Wide;

static inline Wide
wide_of(int shift, int width)
{
	__m512i bit = _mm512_add_epi64(_mm512_mullo_epi64(IOTA8, _mm512_set1_epi64(width)),
								   _mm512_set1_epi64(shift));
	__m512i byte = _mm512_srli_epi64(bit, 3);
	Wide w;

	w.shuffle = _mm512_add_epi8(_mm512_mullo_epi64(byte, _mm512_set1_epi64(0x0101010101010101)),
								_mm512_set1_epi64(0x0706050403020100));
	w.down = _mm512_and_si512(bit, _mm512_set1_epi64(7));
	w.keep = _mm512_set1_epi64((long long) lh_low_bits(width));
	return w;
}

static inline __m512i
wide_get(const Wide *w, const uint8_t *in)
{
	__m512i v = _mm512_permutexvar_epi8(w->shuffle, _mm512_loadu_si512(in));

	return _mm512_and_si512(_mm512_srlv_epi64(v, w->down), w->keep);
}

/* Widths 26..32 */
static void
unpack_broad(const uint8_t *in, int shift, int width, size_t n, uint32_t *out, uint32_t *max)
{
	Wide w = wide_of(shift, width);
	__m256i most = _mm256_set1_epi32((int) *max);

	for (size_t i = 0; i < n; i += 8, in += width)
	{
		__mmask8 m = mask8_of(n - i);
		__m256i v = _mm512_cvtepi64_epi32(wide_get(&w, in));

		_mm256_mask_storeu_epi32(out + i, m, v);
		most = _mm256_mask_max_epu32(most, m, most, v);
	}
	*max = _mm512_reduce_max_epu32(_mm512_zextsi256_si512(most));
}

static void
unpack32(const uint8_t *in, int shift, int width, size_t n, uint32_t *out, uint32_t *max)
{
	if (width == 0)
		memset(out, 0, n * sizeof(uint32_t));
	else if (width <= 25)
		unpack_narrow(in, shift, width, n, out, max);
	else
		unpack_broad(in, shift, width, n, out, max);
}

static void
unpack64(const uint8_t *in, int shift, int width, size_t n, uint64_t *out)
{
	Wide w;

	/* a value that does not lie in 8 bytes, or a step that does not lie in 64 */
	if (width > 56)
	{
		unpack64_loop(in, shift, width, n, out);
		return;
	}
	if (width == 0)
	{
		memset(out, 0, n * sizeof(uint64_t));
		return;
	}
	w = wide_of(shift, width);
	for (size_t i = 0; i < n; i += 8, in += width)
		_mm512_mask_storeu_epi64(out + i, mask8_of(n - i), wide_get(&w, in));
}

static void
expand32(const uint32_t *in, const uint64_t *valid, size_t from, size_t n, uint32_t *out)
{
	for (size_t i = 0; i < n; i += 64)
	{
		size_t k = n - i < 64 ? n - i : 64;
		uint64_t w = valid_bits(valid, from + i, k);

		for (size_t j = 0; j < k; j += 16, w >>= 16)
		{
			__mmask16 m = (__mmask16) w;
			__m512i v = _mm512_maskz_expand_epi32(m, _mm512_loadu_si512(in));

			_mm512_mask_storeu_epi32(out + i + j, mask16_of(k - j), v);
			in += __builtin_popcount(m);
		}
	}
}

static void
expand64(const uint64_t *in, const uint64_t *valid, size_t from, size_t n, uint64_t *out)
{
	for (size_t i = 0; i < n; i += 64)
	{
		size_t k = n - i < 64 ? n - i : 64;
		uint64_t w = valid_bits(valid, from + i, k);

		for (size_t j = 0; j < k; j += 8, w >>= 8)
		{
			__mmask8 m = (__mmask8) w;
			__m512i v = _mm512_maskz_expand_epi64(m, _mm512_loadu_si512(in));

			_mm512_mask_storeu_epi64(out + i + j, mask8_of(k - j), v);
			in += __builtin_popcount(m);
		}
	}
}

static void
at_least(const uint8_t *in, size_t n, uint8_t least, uint64_t *bits)
{
	__m512i limit = _mm512_set1_epi8((char) least);

	for (size_t i = 0; i < n; i += 64)
	{
		__mmask64 m = n - i >= 64 ? ~UINT64_C(0) : lh_low_bits((int) (n - i));

		bits[i >> 6] = _mm512_mask_cmpge_epu8_mask(m, _mm512_loadu_si512(in + i), limit);
	}
}

static void
pack_bits(const uint64_t *bits, const uint64_t *mask, size_t nwords, uint64_t *out, size_t at)
{
	for (size_t i = 0; i < nwords; i++)
		append_bits(_pext_u64(bits[i], mask[i]), (size_t) __builtin_popcountll(mask[i]), out, &at);
}

static void
bits_to_bytes(const uint8_t *in, int shift, size_t n, uint8_t *out)
{
	__m512i one = _mm512_set1_epi8(1);

	for (size_t i = 0; i < n; i += 64, in += 8)
	{
		uint64_t w = lh_load_u64(in) >> shift;
		__mmask64 m = n - i >= 64 ? ~UINT64_C(0) : lh_low_bits((int) (n - i));

		if (shift > 0)
			w |= (uint64_t) in[8] << (64 - shift);
		_mm512_mask_storeu_epi8(out + i, m, _mm512_maskz_mov_epi8(w, one));
	}
}

/* Running sums of 16 lanes. */
static inline __m512i
prefix16(__m512i v)
{
	__m512i zero = _mm512_setzero_si512();

	v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 15));
	v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 14));
	v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 12));
	return _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 8));
}

static void
sum32(const uint32_t *delta, uint32_t min, size_t n, uint32_t *last, uint32_t *out)
{
	__m512i base = _mm512_set1_epi32((int) min);
	__m512i carry = _mm512_set1_epi32((int) *last);
	__m512i top = _mm512_set1_epi32(15);
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
	{
		__m512i v = prefix16(_mm512_add_epi32(_mm512_loadu_si512(delta + i), base));

		v = _mm512_add_epi32(v, carry);
		_mm512_storeu_si512(out + i, v);
		carry = _mm512_permutexvar_epi32(top, v);
	}
	*last = (uint32_t) _mm512_cvtsi512_si32(carry);
	sum32_loop(delta + i, min, n - i, last, out + i);
}

static void
sum64(const uint64_t *delta, uint64_t min, size_t n, uint64_t *last, uint64_t *out)
{
	__m512i base = _mm512_set1_epi64((long long) min);
	__m512i carry = _mm512_set1_epi64((long long) *last);
	__m512i top = _mm512_set1_epi64(7);
	__m512i zero = _mm512_setzero_si512();
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
	{
		__m512i v = _mm512_add_epi64(_mm512_loadu_si512(delta + i), base);

		v = _mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 7));
		v = _mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 6));
		v = _mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 4));
		v = _mm512_add_epi64(v, carry);
		_mm512_storeu_si512(out + i, v);
		carry = _mm512_permutexvar_epi64(top, v);
	}
	*last = (uint64_t) _mm_cvtsi128_si64(_mm512_castsi512_si128(carry));
	sum64_loop(delta + i, min, n - i, last, out + i);
}

/* Four streams of 16 bytes to 16 values of 4 bytes. */
static void
join4(const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
	/* value v's byte k comes from byte v of quarter k */
	__m512i order = _mm512_add_epi32(
		_mm512_mullo_epi32(IOTA16, _mm512_set1_epi32(0x01010101)), _mm512_set1_epi32(0x30201000));
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
	{
		__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const void *) (in + i)));

		v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *) (in + stride + i)), 1);
		v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *) (in + 2 * stride + i)), 2);
		v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *) (in + 3 * stride + i)), 3);
		_mm512_storeu_si512(out + 4 * i, _mm512_permutexvar_epi8(order, v));
	}
	join4_loop(in + i, stride, n - i, out + 4 * i);
}

/* Eight streams of 8 bytes to 8 values of 8 bytes. */
static void
join8(const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
	/* value v's byte k is byte v of eighth k: 8 * k + v */
	__m512i order = _mm512_add_epi64(
		_mm512_mullo_epi64(IOTA8, _mm512_set1_epi64(0x0101010101010101)),
		_mm512_set1_epi64(0x3830282018100800));
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
	{
		const uint8_t *p = in + i;
		__m512i v = _mm512_set_epi64(lh_load_i64(p + 7 * stride), lh_load_i64(p + 6 * stride),
									 lh_load_i64(p + 5 * stride), lh_load_i64(p + 4 * stride),
									 lh_load_i64(p + 3 * stride), lh_load_i64(p + 2 * stride),
									 lh_load_i64(p + stride), lh_load_i64(p));

		_mm512_storeu_si512(out + 8 * i, _mm512_permutexvar_epi8(order, v));
	}
	join8_loop(in + i, stride, n - i, out + 8 * i);
}

/* Big-endian numbers of up to 8 bytes: 8 a step, each into the top of its lane. */
static void
be_to_i64(const uint8_t *in, int width, size_t n, int64_t *out)
{
	/* byte b of lane v, from the top: in[v * width + 7 - b], below the value: anything */
	__m512i at = _mm512_mullo_epi64(IOTA8, _mm512_set1_epi64(0x0101010101010101 * width));
	__m512i order = _mm512_add_epi8(at, _mm512_set1_epi64(0x0001020304050607));
	__m512i drop = _mm512_set1_epi64(64 - 8 * width);
	size_t i = 0;

	/* shuffle indexes of bytes below the value may exceed the load: they are shifted out */
	for (; i + 8 <= n; i += 8, in += 8 * width)
		_mm512_storeu_si512(
			out + i,
			_mm512_srav_epi64(_mm512_permutexvar_epi8(order, _mm512_loadu_si512(in)), drop));
	be_to_i64_loop(in, width, n - i, out + i);
}

static void
gather32(const uint32_t *t, const uint32_t *code, size_t n, uint32_t *out)
{
	for (size_t i = 0; i < n; i += 16)
	{
		__mmask16 m = mask16_of(n - i);
		__m512i c = _mm512_maskz_loadu_epi32(m, code + i);

		_mm512_mask_storeu_epi32(
			out + i, m, _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), m, c, t, 4));
	}
}

static void
gather64(const uint64_t *t, const uint32_t *code, size_t n, uint64_t *out)
{
	for (size_t i = 0; i < n; i += 8)
	{
		__mmask8 m = mask8_of(n - i);
		__m256i c = _mm256_maskz_loadu_epi32(m, code + i);

		_mm512_mask_storeu_epi64(
			out + i, m, _mm512_mask_i32gather_epi64(_mm512_setzero_si512(), m, c, t, 8));
	}
}

static const LhPqKernels table = {
	.unpack32 = unpack32,
	.rle_read = rle_read,
	.unpack64 = unpack64,
	.expand32 = expand32,
	.expand64 = expand64,
	.at_least = at_least,
	.pack_bits = pack_bits,
	.bits_to_bytes = bits_to_bytes,
	.join2 = join2_loop,
	.join4 = join4,
	.join8 = join8,
	.join = join_loop,
	.sum32 = sum32,
	.sum64 = sum64,
	.widen_i32 = widen_i32_loop,
	.widen_u32 = widen_u32_loop,
	.widen_i64 = widen_i64_loop,
	.widen_u64 = widen_u64_loop,
	.mask32 = mask32_loop,
	.half = half_loop,
	.be_to_i64 = be_to_i64,
	.be_to_i128 = be_to_i128_loop,
	.gather32 = gather32,
	.gather64 = gather64,
};

const LhPqKernels *
lh_pq_kernels_avx512(void)
{
	return &table;
}

#endif
