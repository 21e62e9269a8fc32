/*
 * kernels_avx2.c
 *		Decoding kernels for AVX2 (with BMI2 and POPCNT).
 *
 * Unpacking, 8 values a step, as in kernels_avx512.c: but a byte shuffle stays
 * within 16 bytes, so each half of the register loads the bytes of its own
 * four values (up to 25 bits) or two values (up to 32 bits).
 */
#include "parquet/kernels.h"

#ifndef __AVX2__

const LhPqKernels *
lh_pq_kernels_avx2(void)
{
	return NULL;
}

#else

#include <immintrin.h>

#include "parquet/kernels_loops.h"

/* The 16 bytes at low and the 16 at high. */
static inline __m256i
load_halves(const uint8_t *low, const uint8_t *high)
{
	return _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_loadu_si128((const void *) low)),
		_mm_loadu_si128((const void *) high), 1);
}

/* How 8 values of up to 25 bits come into their lanes. */
#define STEP 8
typedef struct Unpacker
{
	int high; /* where the bytes of value 4 begin */
	__m256i shuffle;
	__m256i down;
	__m256i keep;
} Unpacker;
typedef __m256i Lanes;

static inline Unpacker
unpacker_of(int shift, int width)
{
	__m256i iota = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	__m256i bit = _mm256_add_epi32(_mm256_mullo_epi32(iota, _mm256_set1_epi32(width)),
								   _mm256_set1_epi32(shift));
	int high = (shift + 4 * width) >> 3;
	__m256i byte = _mm256_sub_epi32(_mm256_srli_epi32(bit, 3),
									_mm256_setr_epi32(0, 0, 0, 0, high, high, high, high));
	Unpacker u;

	u.high = high;
	u.shuffle = _mm256_add_epi32(_mm256_mullo_epi32(byte, _mm256_set1_epi32(0x01010101)),
								 _mm256_set1_epi32(0x03020100));
	u.down = _mm256_and_si256(bit, _mm256_set1_epi32(7));
	u.keep = _mm256_set1_epi32((int) ((1u << width) - 1));
	return u;
}

static inline Lanes
unpack_step(const Unpacker *u, const uint8_t *in)
{
	__m256i v = _mm256_shuffle_epi8(load_halves(in, in + u->high), u->shuffle);

	return _mm256_and_si256(_mm256_srlv_epi32(v, u->down), u->keep);
}

static inline Lanes
lanes_of(uint32_t value)
{
	return _mm256_set1_epi32((int) value);
}

static inline void
lanes_store(uint32_t *out, Lanes v)
{
	_mm256_storeu_si256((void *) out, v);
}

static inline Lanes
lanes_max(Lanes a, Lanes b)
{
	return _mm256_max_epu32(a, b);
}

static inline Lanes
lanes_max_first(Lanes a, Lanes b, size_t n)
{
	__m256i iota = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	__m256i in = _mm256_cmpgt_epi32(_mm256_set1_epi32((int) n), iota);

	return _mm256_max_epu32(a, _mm256_and_si256(b, in));
}

static inline uint32_t
lanes_largest(Lanes v)
{
	__m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	m = _mm_max_epu32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(1, 0, 3, 2)));
	m = _mm_max_epu32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
	return (uint32_t) _mm_cvtsi128_si32(m);
}

#include "parquet/kernels_rle.h"

/* Widths 1..25 */
static void
unpack_narrow(const uint8_t *in, int shift, int width, size_t n, uint32_t *out, uint32_t *max)
{
	Unpacker u = unpacker_of(shift, width);
	Lanes most = lanes_of(*max);
	size_t i = 0;

	for (; i + 8 <= n; i += 8, in += width)
	{
		Lanes v = unpack_step(&u, in);

		lanes_store(out + i, v);
		most = lanes_max(most, v);
	}
	*max = lanes_largest(most);
	unpack32_loop(in, shift, width, n - i, out + i, max);
}

/* How 4 values of up to 56 bits come into 64-bit lanes. */
typedef struct Wide
{
	size_t high; /* where the bytes of value 2 begin */
	__m256i shuffle;
	__m256i down;
	__m256i keep;
} Wide;

static inline Wide
wide_of(int shift, int width)
{
	long long bit[4],
		byte[4];
	Wide w;

	w.high = (size_t) (shift + 2 * width) >> 3;
	for (int i = 0; i < 4; i++)
	{
		bit[i] = (shift + i * width) & 7;
		byte[i] = ((shift + i * width) >> 3) - (i >= 2 ? (long long) w.high : 0);
		byte[i] = byte[i] * 0x0101010101010101 + 0x0706050403020100;
	}
	w.shuffle = _mm256_setr_epi64x(byte[0], byte[1], byte[2], byte[3]);
	w.down = _mm256_setr_epi64x(bit[0], bit[1], bit[2], bit[3]);
	w.keep = _mm256_set1_epi64x((long long) lh_low_bits(width));
	return w;
}

static inline __m256i
wide_get(const Wide *w, const uint8_t *in)
{
	__m256i v = _mm256_shuffle_epi8(load_halves(in, in + w->high), w->shuffle);

	return _mm256_and_si256(_mm256_srlv_epi64(v, w->down), w->keep);
}

/* Widths 26..32; 8 values a step, so that a step is a whole number of bytes */
static void
unpack_broad(const uint8_t *in, int shift, int width, size_t n, uint32_t *out, uint32_t *max)
{
	int second = shift + 4 * width;
	Wide a = wide_of(shift, width);
	Wide b = wide_of(second & 7, width);
	__m256i low = _mm256_setr_epi32(0, 2, 4, 6, 0, 0, 0, 0);
	__m256i most = _mm256_set1_epi32((int) *max);
	size_t i = 0;

	for (; i + 8 <= n; i += 8, in += width)
	{
		__m256i x = _mm256_permutevar8x32_epi32(wide_get(&a, in), low);
		__m256i y = _mm256_permutevar8x32_epi32(wide_get(&b, in + (second >> 3)), low);
		__m256i v = _mm256_permute2x128_si256(x, y, 0x20);

		_mm256_storeu_si256((void *) (out + i), v);
		most = _mm256_max_epu32(most, v);
	}
	*max = lanes_largest(most);
	unpack32_loop(in, shift, width, n - i, out + i, max);
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
	int second = shift + 4 * width;
	size_t i = 0;

	if (width > 0 && width <= 56)
	{
		Wide a = wide_of(shift, width);
		Wide b = wide_of(second & 7, width);

		for (; i + 8 <= n; i += 8, in += width)
		{
			_mm256_storeu_si256((void *) (out + i), wide_get(&a, in));
			_mm256_storeu_si256((void *) (out + i + 4), wide_get(&b, in + (second >> 3)));
		}
	}
	unpack64_loop(in, shift, width, n - i, out + i);
}

static void
at_least(const uint8_t *in, size_t n, uint8_t least, uint64_t *bits)
{
	__m256i limit = _mm256_set1_epi8((char) least);

	for (size_t i = 0; i < n; i += 64)
	{
		__m256i a = _mm256_loadu_si256((const void *) (in + i));
		__m256i b = _mm256_loadu_si256((const void *) (in + i + 32));
		uint32_t low = (uint32_t) _mm256_movemask_epi8(
			_mm256_cmpeq_epi8(_mm256_max_epu8(a, limit), a));
		uint32_t high = (uint32_t) _mm256_movemask_epi8(
			_mm256_cmpeq_epi8(_mm256_max_epu8(b, limit), b));

		bits[i >> 6] = ((uint64_t) high << 32 | low) & lh_low_bits(n - i < 64 ? (int) (n - i) : 64);
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
	__m256i order = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
									   0x0303030303030303);
	__m256i bit = _mm256_set1_epi64x((long long) UINT64_C(0x8040201008040201));
	__m256i one = _mm256_set1_epi8(1);
	size_t i = 0;

	for (; i + 32 <= n; i += 32, in += 4)
	{
		uint32_t w = (uint32_t) (lh_load_u64(in) >> shift);
		__m256i v = _mm256_shuffle_epi8(_mm256_set1_epi32((int) w), order);

		v = _mm256_min_epu8(_mm256_and_si256(v, bit), one);
		_mm256_storeu_si256((void *) (out + i), v);
	}
	bits_to_bytes_loop(in, shift, n - i, out + i);
}

static void
sum32(const uint32_t *delta, uint32_t min, size_t n, uint32_t *last, uint32_t *out)
{
	__m256i base = _mm256_set1_epi32((int) min);
	__m256i carry = _mm256_set1_epi32((int) *last);
	__m256i top = _mm256_set1_epi32(7);
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
	{
		__m256i v = _mm256_add_epi32(_mm256_loadu_si256((const void *) (delta + i)), base);
		__m256i low;

		v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
		v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
		/* the lower half's sum goes to the whole upper half */
		low = _mm256_permute2x128_si256(v, v, 0x08);
		v = _mm256_add_epi32(v, _mm256_shuffle_epi32(low, 0xff));
		v = _mm256_add_epi32(v, carry);
		_mm256_storeu_si256((void *) (out + i), v);
		carry = _mm256_permutevar8x32_epi32(v, top);
	}
	*last = (uint32_t) _mm256_extract_epi32(carry, 0);
	sum32_loop(delta + i, min, n - i, last, out + i);
}

/* Four streams of 32 bytes to 32 values of 4 bytes. */
static void
join4(const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
	size_t i = 0;

	for (; i + 32 <= n; i += 32)
	{
		__m256i a = _mm256_loadu_si256((const void *) (in + i));
		__m256i b = _mm256_loadu_si256((const void *) (in + stride + i));
		__m256i c = _mm256_loadu_si256((const void *) (in + 2 * stride + i));
		__m256i d = _mm256_loadu_si256((const void *) (in + 3 * stride + i));
		__m256i ab0 = _mm256_unpacklo_epi8(a, b),
				ab1 = _mm256_unpackhi_epi8(a, b);
		__m256i cd0 = _mm256_unpacklo_epi8(c, d),
				cd1 = _mm256_unpackhi_epi8(c, d);
		/* values 0-3 and 16-19, 4-7 and 20-23, ... */
		__m256i v0 = _mm256_unpacklo_epi16(ab0, cd0),
				v1 = _mm256_unpackhi_epi16(ab0, cd0);
		__m256i v2 = _mm256_unpacklo_epi16(ab1, cd1),
				v3 = _mm256_unpackhi_epi16(ab1, cd1);
		__m256i *o = (void *) (out + 4 * i);

		_mm256_storeu_si256(o, _mm256_permute2x128_si256(v0, v1, 0x20));
		_mm256_storeu_si256(o + 1, _mm256_permute2x128_si256(v2, v3, 0x20));
		_mm256_storeu_si256(o + 2, _mm256_permute2x128_si256(v0, v1, 0x31));
		_mm256_storeu_si256(o + 3, _mm256_permute2x128_si256(v2, v3, 0x31));
	}
	join4_loop(in + i, stride, n - i, out + 4 * i);
}

/* Eight streams of 8 bytes to 8 values of 8 bytes. */
static void
join8(const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
	{
		__m128i s[8],
			t[4],
			u[4];

		for (size_t k = 0; k < 8; k++)
			s[k] = _mm_loadl_epi64((const void *) (in + k * stride + i));
		for (int k = 0; k < 4; k++)
			t[k] = _mm_unpacklo_epi8(s[2 * k], s[2 * k + 1]); /* pairs of bytes of 8 values */
		u[0] = _mm_unpacklo_epi16(t[0], t[1]); /* bytes 0-3 of values 0-3 */
		u[1] = _mm_unpackhi_epi16(t[0], t[1]);
		u[2] = _mm_unpacklo_epi16(t[2], t[3]); /* bytes 4-7 */
		u[3] = _mm_unpackhi_epi16(t[2], t[3]);
		for (int k = 0; k < 2; k++)
		{
			_mm_storeu_si128((void *) (out + 8 * i + 32 * (size_t) k),
							 _mm_unpacklo_epi32(u[k], u[k + 2]));
			_mm_storeu_si128((void *) (out + 8 * i + 32 * (size_t) k + 16),
							 _mm_unpackhi_epi32(u[k], u[k + 2]));
		}
	}
	join8_loop(in + i, stride, n - i, out + 8 * i);
}

static void
gather32(const uint32_t *t, const uint32_t *code, size_t n, uint32_t *out)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_si256(
			(void *) (out + i),
			_mm256_i32gather_epi32((const int *) t, _mm256_loadu_si256((const void *) (code + i)),
								   4));
	gather32_loop(t, code + i, n - i, out + i);
}

static void
gather64(const uint64_t *t, const uint32_t *code, size_t n, uint64_t *out)
{
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		_mm256_storeu_si256((void *) (out + i),
							_mm256_i32gather_epi64((const long long *) t,
												   _mm_loadu_si128((const void *) (code + i)), 8));
	gather64_loop(t, code + i, n - i, out + i);
}

static const LhPqKernels table = {
	.unpack32 = unpack32,
	.rle_read = rle_read,
	.unpack64 = unpack64,
	.expand32 = expand32_loop,
	.expand64 = expand64_loop,
	.at_least = at_least,
	.pack_bits = pack_bits,
	.bits_to_bytes = bits_to_bytes,
	.join2 = join2_loop,
	.join4 = join4,
	.join8 = join8,
	.join = join_loop,
	.sum32 = sum32,
	.sum64 = sum64_loop,
	.widen_i32 = widen_i32_loop,
	.widen_u32 = widen_u32_loop,
	.widen_i64 = widen_i64_loop,
	.widen_u64 = widen_u64_loop,
	.mask32 = mask32_loop,
	.half = half_loop,
	.be_to_i64 = be_to_i64_loop,
	.be_to_i128 = be_to_i128_loop,
	.gather32 = gather32,
	.gather64 = gather64,
};

const LhPqKernels *
lh_pq_kernels_avx2(void)
{
	return &table;
}

#endif
