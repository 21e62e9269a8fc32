/*
 * kernels_avx2.c
 *		Kernels for AVX2 and BMI.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "vec/kernels.h"

#define K_TABLE       lh_vec_kernels_avx2
#define K_SMALL_TABLE 256
#define K_SUM_SMALL   0

/* Reads of at most 31 bytes past an end, never into another page. */
#define K_OVERREAD __attribute__((no_sanitize("address")))

typedef __m256i KTable;

static inline __m256i
load(const void *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

#define MASK8(EXPR)                                                        \
	do                                                                     \
	{                                                                      \
		uint64_t m = 0;                                                    \
		for (int i = 0; i < 8; i++)                                        \
			m |= (uint64_t) (uint8_t) _mm256_movemask_ps(EXPR) << (8 * i); \
		return m;                                                          \
	} while (0)

#define MASK4(EXPR)                                                        \
	do                                                                     \
	{                                                                      \
		uint64_t m = 0;                                                    \
		for (int i = 0; i < 16; i++)                                       \
			m |= (uint64_t) (uint8_t) _mm256_movemask_pd(EXPR) << (4 * i); \
		return m;                                                          \
	} while (0)

/* Unsigned x - lo <= hi - lo; min tells <=.  An empty range (lo > hi) is the caller's to avoid. */
static inline __m256
in_range_i32(__m256i x, __m256i lo, __m256i span)
{
	__m256i d = _mm256_sub_epi32(x, lo);

	return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_min_epu32(d, span), d));
}

static inline uint64_t
k_range_i32(const uint8_t *p, int32_t lo, int32_t hi)
{
	__m256i l = _mm256_set1_epi32(lo),
			span = _mm256_set1_epi32((int) ((uint32_t) hi - (uint32_t) lo));

	MASK8(in_range_i32(load(p + 32 * i), l, span));
}

static inline __m256d
outside_i64(__m256i x, __m256i lo, __m256i hi)
{
	return _mm256_castsi256_pd(
		_mm256_or_si256(_mm256_cmpgt_epi64(lo, x), _mm256_cmpgt_epi64(x, hi)));
}

static inline uint64_t
outside64_i64(const uint8_t *p, __m256i lo, __m256i hi)
{
	MASK4(outside_i64(load(p + 32 * i), lo, hi));
}

static inline uint64_t
k_range_i64(const uint8_t *p, int64_t lo, int64_t hi)
{
	return ~outside64_i64(p, _mm256_set1_epi64x(lo), _mm256_set1_epi64x(hi));
}

static inline __m256
in_range_f32(__m256 x, __m256 lo, __m256 hi)
{
	return _mm256_and_ps(_mm256_cmp_ps(x, lo, _CMP_GE_OQ), _mm256_cmp_ps(x, hi, _CMP_LE_OQ));
}

static inline uint64_t
k_range_f32(const uint8_t *p, float lo, float hi)
{
	__m256 l = _mm256_set1_ps(lo), h = _mm256_set1_ps(hi);

	MASK8(in_range_f32(_mm256_castsi256_ps(load(p + 32 * i)), l, h));
}

static inline __m256d
in_range_f64(__m256d x, __m256d lo, __m256d hi)
{
	return _mm256_and_pd(_mm256_cmp_pd(x, lo, _CMP_GE_OQ), _mm256_cmp_pd(x, hi, _CMP_LE_OQ));
}

static inline uint64_t
k_range_f64(const uint8_t *p, double lo, double hi)
{
	__m256d l = _mm256_set1_pd(lo), h = _mm256_set1_pd(hi);

	MASK4(in_range_f64(_mm256_castsi256_pd(load(p + 32 * i)), l, h));
}

static inline uint64_t
k_eq_i32(const uint8_t *p, int32_t v)
{
	__m256i x = _mm256_set1_epi32(v);

	MASK8(_mm256_castsi256_ps(_mm256_cmpeq_epi32(load(p + 32 * i), x)));
}

static inline uint64_t
k_eq_i64(const uint8_t *p, int64_t v)
{
	__m256i x = _mm256_set1_epi64x(v);

	MASK4(_mm256_castsi256_pd(_mm256_cmpeq_epi64(load(p + 32 * i), x)));
}

static inline uint64_t
k_nonzero_u8(const uint8_t *p)
{
	__m256i zero = _mm256_setzero_si256();
	uint32_t a = (uint32_t) _mm256_movemask_epi8(_mm256_cmpeq_epi8(load(p), zero)),
			 b = (uint32_t) _mm256_movemask_epi8(_mm256_cmpeq_epi8(load(p + 32), zero));

	return ~((uint64_t) b << 32 | a);
}

/* Up to 256 bits lie in one register. */
static inline KTable
k_table(const uint64_t *table, size_t nbits)
{
	uint64_t w[4] = {0};

	if (nbits > 0 && nbits <= K_SMALL_TABLE)
		memcpy(w, table, LH_WORDS(nbits) * 8);
	return load(w);
}

/* The wanted bit of each 32-bit word, moved to the sign. */
static inline __m256
bit_to_sign(__m256i words, __m256i c)
{
	__m256i at = _mm256_andnot_si256(c, _mm256_set1_epi32(31)); /* 31 - c % 32 */

	return _mm256_castsi256_ps(_mm256_sllv_epi32(words, at));
}

static inline __m256
code_small(__m256i c, KTable t)
{
	return bit_to_sign(_mm256_permutevar8x32_epi32(t, _mm256_srli_epi32(c, 5)), c);
}

static inline uint64_t
k_codes_small(const uint8_t *p, KTable t)
{
	MASK8(code_small(load(p + 32 * i), t));
}

static inline __m256
code_large(__m256i c, const uint64_t *table)
{
	return bit_to_sign(_mm256_i32gather_epi32((const int *) table, _mm256_srli_epi32(c, 5), 4), c);
}

static inline uint64_t
k_codes_large(const uint8_t *p, const uint64_t *table)
{
	MASK8(code_large(load(p + 32 * i), table));
}

/* Bits of w, eight (four) at a time, as lane masks. */
static inline __m256i
lanes_i32(uint64_t w, int i)
{
	const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	__m256i b = _mm256_set1_epi32((int) (w >> (8 * i) & 0xFF));

	return _mm256_cmpeq_epi32(_mm256_and_si256(b, bit), bit);
}

static inline __m256i
lanes_i64(uint64_t w, int i)
{
	const __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
	__m256i b = _mm256_set1_epi64x((int64_t) (w >> (4 * i) & 0xF));

	return _mm256_cmpeq_epi64(_mm256_and_si256(b, bit), bit);
}

typedef __m256i KSum32;

/* Sums of the low and the high halves; the high halves are biased to be unsigned. */
typedef struct KSum64
{
	__m256i lo;
	__m256i hi;
	int64_t n; /* values added, each with a bias of 2^31 in hi */
} KSum64;

static inline int64_t
add_lanes(__m256i x)
{
	int64_t v[4];

	_mm256_storeu_si256((__m256i *) v, x);
	return v[0] + v[1] + v[2] + v[3];
}

static inline KSum32
k_sum_i32_zero(void)
{
	return _mm256_setzero_si256();
}

static inline KSum32
add_i32(KSum32 acc, __m256i x)
{
	acc = _mm256_add_epi64(acc, _mm256_cvtepi32_epi64(_mm256_castsi256_si128(x)));
	return _mm256_add_epi64(acc, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(x, 1)));
}

static inline KSum32
k_sum_i32(KSum32 acc, const uint8_t *p, uint64_t w)
{
	if (w == ~UINT64_C(0))
	{
		for (int i = 0; i < 8; i++)
			acc = add_i32(acc, load(p + 32 * i));
		return acc;
	}
	for (int i = 0; i < 8; i++)
		acc = add_i32(acc, _mm256_and_si256(load(p + 32 * i), lanes_i32(w, i)));
	return acc;
}

static inline int64_t
k_sum_i32_done(KSum32 acc)
{
	return add_lanes(acc);
}

static inline KSum64
k_sum_i64_zero(void)
{
	return (KSum64){_mm256_setzero_si256(), _mm256_setzero_si256(), 0};
}

static inline KSum64
add_i64(KSum64 acc, __m256i x)
{
	const __m256i low = _mm256_set1_epi64x(0xFFFFFFFF);
	const __m256i sign = _mm256_set1_epi64x(INT64_MIN);

	acc.lo = _mm256_add_epi64(acc.lo, _mm256_and_si256(x, low));
	acc.hi = _mm256_add_epi64(acc.hi, _mm256_srli_epi64(_mm256_xor_si256(x, sign), 32));
	return acc;
}

static inline KSum64
k_sum_i64(KSum64 acc, const uint8_t *p, uint64_t w)
{
	acc.n += 64;
	if (w == ~UINT64_C(0))
	{
		for (int i = 0; i < 16; i++)
			acc = add_i64(acc, load(p + 32 * i));
		return acc;
	}
	for (int i = 0; i < 16; i++)
		acc = add_i64(acc, _mm256_and_si256(load(p + 32 * i), lanes_i64(w, i)));
	return acc;
}

static inline LhI128
k_sum_i64_done(KSum64 acc)
{
	int64_t hi = add_lanes(acc.hi) - acc.n * (INT64_C(1) << 31);

	return (LhI128) hi * ((LhI128) 1 << 32) + add_lanes(acc.lo);
}

/* Masked-out codes are replaced by 0, their values by 0 after the gather. */
static inline KSum32
k_sum_codes_i32(KSum32 acc, const uint8_t *p, const void *values, uint64_t w)
{
	const __m256i zero = _mm256_setzero_si256();

	for (int i = 0; i < 8; i++)
	{
		__m256i m = lanes_i32(w, i);

		acc = add_i32(
			acc, _mm256_mask_i32gather_epi32(zero, (const int *) values, load(p + 32 * i), m, 4));
	}
	return acc;
}

static inline KSum64
k_sum_codes_i64(KSum64 acc, const uint8_t *p, const void *values, uint64_t w)
{
	const __m256i zero = _mm256_setzero_si256();

	acc.n += 64;
	for (int i = 0; i < 16; i++)
	{
		__m128i c = _mm_loadu_si128((const __m128i *) (p + 16 * i));

		acc = add_i64(acc, _mm256_mask_i32gather_epi64(zero, (const long long *) values, c,
													   lanes_i64(w, i), 8));
	}
	return acc;
}

typedef struct KMinMaxI32
{
	__m256i min;
	__m256i max;
} KMinMaxI32;

static inline KMinMaxI32
k_minmax_i32_start(int32_t min, int32_t max)
{
	return (KMinMaxI32){_mm256_set1_epi32(min), _mm256_set1_epi32(max)};
}

static inline KMinMaxI32
k_minmax_i32(KMinMaxI32 acc, const uint8_t *p, uint64_t w)
{
	for (int i = 0; i < 8; i++)
	{
		__m256i x = load(p + 32 * i), m = lanes_i32(w, i);

		acc.min = _mm256_min_epi32(acc.min, _mm256_blendv_epi8(acc.min, x, m));
		acc.max = _mm256_max_epi32(acc.max, _mm256_blendv_epi8(acc.max, x, m));
	}
	return acc;
}

static inline void
k_minmax_i32_done(KMinMaxI32 acc, int32_t *min, int32_t *max)
{
	int32_t lo[8], hi[8];

	_mm256_storeu_si256((__m256i *) lo, acc.min);
	_mm256_storeu_si256((__m256i *) hi, acc.max);
	for (int i = 0; i < 8; i++)
	{
		*min = lo[i] < *min ? lo[i] : *min;
		*max = hi[i] > *max ? hi[i] : *max;
	}
}

typedef struct KMinMaxI64
{
	__m256i min;
	__m256i max;
} KMinMaxI64;

static inline KMinMaxI64
k_minmax_i64_start(int64_t min, int64_t max)
{
	return (KMinMaxI64){_mm256_set1_epi64x(min), _mm256_set1_epi64x(max)};
}

static inline KMinMaxI64
k_minmax_i64(KMinMaxI64 acc, const uint8_t *p, uint64_t w)
{
	for (int i = 0; i < 16; i++)
	{
		__m256i x = load(p + 32 * i), m = lanes_i64(w, i);
		__m256i less = _mm256_and_si256(_mm256_cmpgt_epi64(acc.min, x), m),
				more = _mm256_and_si256(_mm256_cmpgt_epi64(x, acc.max), m);

		acc.min = _mm256_blendv_epi8(acc.min, x, less);
		acc.max = _mm256_blendv_epi8(acc.max, x, more);
	}
	return acc;
}

static inline void
k_minmax_i64_done(KMinMaxI64 acc, int64_t *min, int64_t *max)
{
	int64_t lo[4], hi[4];

	_mm256_storeu_si256((__m256i *) lo, acc.min);
	_mm256_storeu_si256((__m256i *) hi, acc.max);
	for (int i = 0; i < 4; i++)
	{
		*min = lo[i] < *min ? lo[i] : *min;
		*max = hi[i] > *max ? hi[i] : *max;
	}
}

typedef struct KMinMaxF32
{
	__m256 min;
	__m256 max;
} KMinMaxF32;

static inline KMinMaxF32
k_minmax_f32_start(float min, float max)
{
	return (KMinMaxF32){_mm256_set1_ps(min), _mm256_set1_ps(max)};
}

/* w holds no NaN. */
static inline KMinMaxF32
k_minmax_f32(KMinMaxF32 acc, const uint8_t *p, uint64_t w)
{
	for (int i = 0; i < 8; i++)
	{
		__m256 x = _mm256_castsi256_ps(load(p + 32 * i)), m = _mm256_castsi256_ps(lanes_i32(w, i));

		acc.min = _mm256_min_ps(acc.min, _mm256_blendv_ps(acc.min, x, m));
		acc.max = _mm256_max_ps(acc.max, _mm256_blendv_ps(acc.max, x, m));
	}
	return acc;
}

static inline void
k_minmax_f32_done(KMinMaxF32 acc, float *min, float *max)
{
	float lo[8], hi[8];

	_mm256_storeu_ps(lo, acc.min);
	_mm256_storeu_ps(hi, acc.max);
	for (int i = 0; i < 8; i++)
	{
		*min = lo[i] < *min ? lo[i] : *min;
		*max = hi[i] > *max ? hi[i] : *max;
	}
}

typedef struct KMinMaxF64
{
	__m256d min;
	__m256d max;
} KMinMaxF64;

static inline KMinMaxF64
k_minmax_f64_start(double min, double max)
{
	return (KMinMaxF64){_mm256_set1_pd(min), _mm256_set1_pd(max)};
}

static inline KMinMaxF64
k_minmax_f64(KMinMaxF64 acc, const uint8_t *p, uint64_t w)
{
	for (int i = 0; i < 16; i++)
	{
		__m256d x = _mm256_castsi256_pd(load(p + 32 * i)), m = _mm256_castsi256_pd(lanes_i64(w, i));

		acc.min = _mm256_min_pd(acc.min, _mm256_blendv_pd(acc.min, x, m));
		acc.max = _mm256_max_pd(acc.max, _mm256_blendv_pd(acc.max, x, m));
	}
	return acc;
}

static inline void
k_minmax_f64_done(KMinMaxF64 acc, double *min, double *max)
{
	double lo[4], hi[4];

	_mm256_storeu_pd(lo, acc.min);
	_mm256_storeu_pd(hi, acc.max);
	for (int i = 0; i < 4; i++)
	{
		*min = lo[i] < *min ? lo[i] : *min;
		*max = hi[i] > *max ? hi[i] : *max;
	}
}

/* 32 bytes from p of which only avail belong to us; the rest is anything. */
K_OVERREAD static inline __m256i
load_part(const uint8_t *p, size_t avail)
{
	uint8_t part[32] = {0};

	if (avail >= 32 || ((uintptr_t) p & 4095) <= 4096 - 32)
		return _mm256_loadu_si256((const __m256i *) p);
	for (size_t i = 0; i < avail; i++)
		part[i] = p[i];
	return load(part);
}

/*
 * Where the three rarest bytes of the needle fit, compare the rest; when too
 * many such places were false, libc's linear search takes over.
 */
K_OVERREAD static const uint8_t *
k_find(const uint8_t *hay, size_t n, const LhNeedle *needle)
{
	size_t m = needle->len, places, failed = 0;
	__m256i byte_a, byte_b, byte_c;

	if (n < m)
		return NULL;
	byte_a = _mm256_set1_epi8((char) needle->bytes[needle->a]);
	byte_b = _mm256_set1_epi8((char) needle->bytes[needle->b]);
	byte_c = _mm256_set1_epi8((char) needle->bytes[needle->c]);
	places = n - m + 1;
	for (size_t i = 0; i < places; i += 32)
	{
		const uint8_t *p = hay + i;
		size_t left = places - i;
		__m256i x = _mm256_cmpeq_epi8(load_part(p + needle->a, left), byte_a),
				y = _mm256_cmpeq_epi8(load_part(p + needle->b, left), byte_b),
				z = _mm256_cmpeq_epi8(load_part(p + needle->c, left), byte_c);
		uint32_t hits =
			(uint32_t) _mm256_movemask_epi8(_mm256_and_si256(_mm256_and_si256(x, y), z));

		if (places - i < 32)
			hits &= (uint32_t) lh_low_bits((int) (places - i));
		for (; hits != 0; hits &= hits - 1)
		{
			const uint8_t *at = hay + i + __builtin_ctz(hits);

			if (memcmp(at, needle->bytes, m) == 0)
				return at;
			failed += m;
		}
		if (failed > 4 * (i + 256))
			return i + 32 >= places ? NULL : memmem(hay + i + 32, n - i - 32, needle->bytes, m);
	}
	return NULL;
}

K_OVERREAD static bool
k_is_ascii(const uint8_t *s, size_t n)
{
	__m256i high = _mm256_setzero_si256();

	for (; n >= 128; s += 128, n -= 128)
		high = _mm256_or_si256(high, _mm256_or_si256(_mm256_or_si256(load(s), load(s + 32)),
													 _mm256_or_si256(load(s + 64), load(s + 96))));
	for (; n >= 32; s += 32, n -= 32)
		high = _mm256_or_si256(high, load(s));
	for (; n > 0; s++, n--)
		high = _mm256_or_si256(high, _mm256_set1_epi8((char) *s));
	return _mm256_movemask_epi8(high) == 0;
}

K_OVERREAD static size_t
k_utf8_length(const uint8_t *s, size_t n)
{
	const __m256i limit = _mm256_set1_epi8(-65); /* 0xBF, the last continuation byte */
	size_t count = 0;

	for (size_t i = 0; i < n; i += 32)
	{
		uint32_t m =
			(uint32_t) _mm256_movemask_epi8(_mm256_cmpgt_epi8(load_part(s + i, n - i), limit));

		if (n - i < 32)
			m &= (uint32_t) lh_low_bits((int) (n - i));
		count += (size_t) __builtin_popcount(m);
	}
	return count;
}

#include "vec/kernels_impl.h"

#else
typedef int lh_kernels_avx2_unused;
#endif
