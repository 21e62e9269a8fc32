/*
 * kernels_avx512.c
 *		Kernels for AVX-512 (F, BW, VL, DQ).
 *
 * Masked loads never fault, so that short strings need no copy at their end.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "vec/kernels.h"

#define K_TABLE       lh_vec_kernels_avx512
#define K_SMALL_TABLE 1024
#define K_SUM_SMALL   64
#define K_MEMBER

static inline __m512i
load(const void *p)
{
	return _mm512_loadu_si512(p);
}

#define MASK16(EXPR)                            \
	do                                          \
	{                                           \
		uint64_t m = 0;                         \
		for (int i = 0; i < 4; i++)             \
			m |= (uint64_t) (EXPR) << (16 * i); \
		return m;                               \
	} while (0)

#define MASK8(EXPR)                            \
	do                                         \
	{                                          \
		uint64_t m = 0;                        \
		for (int i = 0; i < 8; i++)            \
			m |= (uint64_t) (EXPR) << (8 * i); \
		return m;                              \
	} while (0)

/* Unsigned x - lo <= hi - lo; an empty range (lo > hi) is the caller's to avoid. */
static inline uint64_t
k_range_i32(const uint8_t *p, int32_t lo, int32_t hi)
{
	__m512i l = _mm512_set1_epi32(lo),
			span = _mm512_set1_epi32((int) ((uint32_t) hi - (uint32_t) lo));

	MASK16(_mm512_cmple_epu32_mask(_mm512_sub_epi32(load(p + 64 * i), l), span));
}

static inline uint64_t
k_range_i64(const uint8_t *p, int64_t lo, int64_t hi)
{
	__m512i l = _mm512_set1_epi64(lo),
			span = _mm512_set1_epi64((int64_t) ((uint64_t) hi - (uint64_t) lo));

	MASK8(_mm512_cmple_epu64_mask(_mm512_sub_epi64(load(p + 64 * i), l), span));
}

static inline __mmask16
in_range_f32(__m512 x, __m512 lo, __m512 hi)
{
	return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(x, lo, _CMP_GE_OQ), x, hi, _CMP_LE_OQ);
}

static inline uint64_t
k_range_f32(const uint8_t *p, float lo, float hi)
{
	__m512 l = _mm512_set1_ps(lo), h = _mm512_set1_ps(hi);

	MASK16(in_range_f32(_mm512_loadu_ps(p + 64 * i), l, h));
}

static inline __mmask8
in_range_f64(__m512d x, __m512d lo, __m512d hi)
{
	return _mm512_mask_cmp_pd_mask(_mm512_cmp_pd_mask(x, lo, _CMP_GE_OQ), x, hi, _CMP_LE_OQ);
}

static inline uint64_t
k_range_f64(const uint8_t *p, double lo, double hi)
{
	__m512d l = _mm512_set1_pd(lo), h = _mm512_set1_pd(hi);

	MASK8(in_range_f64(_mm512_loadu_pd(p + 64 * i), l, h));
}

static inline uint64_t
k_eq_i32(const uint8_t *p, int32_t v)
{
	__m512i x = _mm512_set1_epi32(v);

	MASK16(_mm512_cmpeq_epi32_mask(load(p + 64 * i), x));
}

static inline uint64_t
k_eq_i64(const uint8_t *p, int64_t v)
{
	__m512i x = _mm512_set1_epi64(v);

	MASK8(_mm512_cmpeq_epi64_mask(load(p + 64 * i), x));
}

static inline uint64_t
k_nonzero_u8(const uint8_t *p)
{
	return _mm512_test_epi8_mask(load(p), load(p));
}

/* Up to 1024 bits lie in two registers. */
typedef struct KTable
{
	__m512i lo;
	__m512i hi;
} KTable;

static inline KTable
k_table(const uint64_t *table, size_t nbits)
{
	uint64_t w[16] = {0};

	if (nbits > 0 && nbits <= K_SMALL_TABLE)
		memcpy(w, table, LH_WORDS(nbits) * 8);
	return (KTable){load(w), load(w + 8)};
}

static inline __mmask16
test_bits(__m512i words, __m512i c)
{
	return _mm512_test_epi32_mask(words, _mm512_rolv_epi32(_mm512_set1_epi32(1), c));
}

static inline __mmask16
code_small(__m512i c, KTable t)
{
	return test_bits(_mm512_permutex2var_epi32(t.lo, _mm512_srli_epi32(c, 5), t.hi), c);
}

static inline uint64_t
k_codes_small(const uint8_t *p, KTable t)
{
	MASK16(code_small(load(p + 64 * i), t));
}

static inline __mmask16
code_large(__m512i c, const uint64_t *table)
{
	return test_bits(_mm512_i32gather_epi32(_mm512_srli_epi32(c, 5), table, 4), c);
}

static inline uint64_t
k_codes_large(const uint8_t *p, const uint64_t *table)
{
	MASK16(code_large(load(p + 64 * i), table));
}

/* Eight words, of 32 bits, at a time; lanes outside are not loaded. */
static inline __mmask8
members(__m512i x, __m512i first, __m512i nbits, const uint64_t *table)
{
	__m512i at = _mm512_sub_epi64(x, first);
	__mmask8 within = _mm512_cmplt_epu64_mask(at, nbits);
	__m256i words = _mm512_mask_i64gather_epi32(_mm256_setzero_si256(), within,
												_mm512_srli_epi64(at, 5), table, 4);

	return _mm256_test_epi32_mask(words, _mm256_rolv_epi32(_mm256_set1_epi32(1), _mm512_cvtepi64_epi32(at)));
}

static inline uint64_t
k_member_i64(const uint8_t *p, int64_t first, uint64_t nbits, const uint64_t *table)
{
	__m512i f = _mm512_set1_epi64(first), n = _mm512_set1_epi64((int64_t) nbits);

	MASK8(members(load(p + 64 * i), f, n, table));
}

typedef struct KSum32
{
	__m512i a;
	__m512i b;
} KSum32;

/* Sums of the low halves (unsigned) and of the high halves (signed). */
typedef struct KSum64
{
	__m512i lo;
	__m512i hi;
} KSum64;

static inline KSum32
k_sum_i32_zero(void)
{
	return (KSum32){_mm512_setzero_si512(), _mm512_setzero_si512()};
}

static inline KSum32
add_i32(KSum32 acc, __m512i x)
{
	acc.a = _mm512_add_epi64(acc.a, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(x)));
	acc.b = _mm512_add_epi64(acc.b, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(x, 1)));
	return acc;
}

static inline KSum32
k_sum_i32(KSum32 acc, const uint8_t *p, uint64_t w)
{
	for (int i = 0; i < 4; i++)
		acc = add_i32(acc, _mm512_maskz_loadu_epi32((__mmask16) (w >> (16 * i)), p + 64 * i));
	return acc;
}

static inline int64_t
k_sum_i32_done(KSum32 acc)
{
	return _mm512_reduce_add_epi64(_mm512_add_epi64(acc.a, acc.b));
}

static inline KSum64
k_sum_i64_zero(void)
{
	return (KSum64){_mm512_setzero_si512(), _mm512_setzero_si512()};
}

static inline KSum64
add_i64(KSum64 acc, __m512i x)
{
	const __m512i low = _mm512_set1_epi64(0xFFFFFFFF);

	acc.lo = _mm512_add_epi64(acc.lo, _mm512_and_si512(x, low));
	acc.hi = _mm512_add_epi64(acc.hi, _mm512_srai_epi64(x, 32));
	return acc;
}

static inline KSum64
k_sum_i64(KSum64 acc, const uint8_t *p, uint64_t w)
{
	for (int i = 0; i < 8; i++)
		acc = add_i64(acc, _mm512_maskz_loadu_epi64((__mmask8) (w >> (8 * i)), p + 64 * i));
	return acc;
}

static inline LhI128
k_sum_i64_done(KSum64 acc)
{
	return (LhI128) _mm512_reduce_add_epi64(acc.hi) * ((LhI128) 1 << 32) +
		   _mm512_reduce_add_epi64(acc.lo);
}

static inline KSum32
k_sum_codes_i32(KSum32 acc, const uint8_t *p, const void *values, uint64_t w)
{
	const __m512i zero = _mm512_setzero_si512();

	for (int i = 0; i < 4; i++)
		acc = add_i32(acc, _mm512_mask_i32gather_epi32(zero, (__mmask16) (w >> (16 * i)),
													   load(p + 64 * i), values, 4));
	return acc;
}

static inline KSum64
k_sum_codes_i64(KSum64 acc, const uint8_t *p, const void *values, uint64_t w)
{
	const __m512i zero = _mm512_setzero_si512();

	for (int i = 0; i < 8; i++)
	{
		__m256i c = _mm256_loadu_si256((const __m256i *) (p + 32 * i));

		acc = add_i64(acc,
					  _mm512_mask_i32gather_epi64(zero, (__mmask8) (w >> (8 * i)), c, values, 8));
	}
	return acc;
}

/* 64 values in four registers: two look-ups by the low five bits of the code, the sixth chooses. */
typedef struct KSmall
{
	__m512i v[4];
} KSmall;

static inline KSmall
k_small(const int32_t *values)
{
	return (KSmall){{load(values), load(values + 16), load(values + 32), load(values + 48)}};
}

static inline KSum32
k_sum_small(KSum32 acc, const uint8_t *p, KSmall t, uint64_t w)
{
	for (int i = 0; i < 4; i++)
	{
		__m512i c = load(p + 64 * i);
		__mmask16 upper = _mm512_test_epi32_mask(c, _mm512_set1_epi32(32));
		__m512i x = _mm512_permutex2var_epi32(t.v[0], c, t.v[1]),
				y = _mm512_permutex2var_epi32(t.v[2], c, t.v[3]);

		x = _mm512_mask_mov_epi32(x, upper, y);
		acc = add_i32(acc, _mm512_maskz_mov_epi32((__mmask16) (w >> (16 * i)), x));
	}
	return acc;
}

/* One struct and three functions a type. */
#define MINMAX(Name, suffix, type, vec, n, mask, ld, op, set1, lo_op, hi_op, red_min, red_max) \
	typedef struct Name                                                                        \
	{                                                                                          \
		vec min;                                                                               \
		vec max;                                                                               \
	} Name;                                                                                    \
	static inline Name k_minmax_##suffix##_start(type min, type max)                           \
	{                                                                                          \
		return (Name){set1(min), set1(max)};                                                   \
	}                                                                                          \
	static inline Name k_minmax_##suffix(Name acc, const uint8_t *p, uint64_t w)               \
	{                                                                                          \
		for (int i = 0; i < 64 / (n); i++)                                                     \
		{                                                                                      \
			vec x = ld(p + 64 * i);                                                            \
			mask m = (mask) (w >> ((n) *i));                                                   \
			acc.min = lo_op(acc.min, m, acc.min, x);                                           \
			acc.max = hi_op(acc.max, m, acc.max, x);                                           \
		}                                                                                      \
		return acc;                                                                            \
	}                                                                                          \
	static inline void k_minmax_##suffix##_done(Name acc, type *min, type *max)                \
	{                                                                                          \
		*min = red_min(acc.min);                                                               \
		*max = red_max(acc.max);                                                               \
	}                                                                                          \
	typedef Name Name##Used

MINMAX(KMinMaxI32, i32, int32_t, __m512i, 16, __mmask16, load, epi32, _mm512_set1_epi32,
	   _mm512_mask_min_epi32, _mm512_mask_max_epi32, _mm512_reduce_min_epi32,
	   _mm512_reduce_max_epi32);
MINMAX(KMinMaxI64, i64, int64_t, __m512i, 8, __mmask8, load, epi64, _mm512_set1_epi64,
	   _mm512_mask_min_epi64, _mm512_mask_max_epi64, _mm512_reduce_min_epi64,
	   _mm512_reduce_max_epi64);
MINMAX(KMinMaxF32, f32, float, __m512, 16, __mmask16, _mm512_loadu_ps, ps, _mm512_set1_ps,
	   _mm512_mask_min_ps, _mm512_mask_max_ps, _mm512_reduce_min_ps, _mm512_reduce_max_ps);
MINMAX(KMinMaxF64, f64, double, __m512d, 8, __mmask8, _mm512_loadu_pd, pd, _mm512_set1_pd,
	   _mm512_mask_min_pd, _mm512_mask_max_pd, _mm512_reduce_min_pd, _mm512_reduce_max_pd);

/*
 * Where the three rarest bytes of the needle fit, compare the rest; when too
 * many such places were false, libc's linear search takes over.
 */
static const uint8_t *
k_find(const uint8_t *hay, size_t n, const LhNeedle *needle)
{
	size_t m = needle->len, places, failed = 0;
	__m512i byte_a, byte_b, byte_c;

	if (n < m)
		return NULL;
	byte_a = _mm512_set1_epi8((char) needle->bytes[needle->a]);
	byte_b = _mm512_set1_epi8((char) needle->bytes[needle->b]);
	byte_c = _mm512_set1_epi8((char) needle->bytes[needle->c]);
	places = n - m + 1;
	for (size_t i = 0; i < places; i += 64)
	{
		const uint8_t *p = hay + i;
		__mmask64 live = places - i >= 64 ? ~UINT64_C(0) : lh_low_bits((int) (places - i));
		uint64_t hits =
			_mm512_mask_cmpeq_epi8_mask(live, _mm512_maskz_loadu_epi8(live, p + needle->a), byte_a);

		hits =
			_mm512_mask_cmpeq_epi8_mask(hits, _mm512_maskz_loadu_epi8(live, p + needle->b), byte_b);
		hits =
			_mm512_mask_cmpeq_epi8_mask(hits, _mm512_maskz_loadu_epi8(live, p + needle->c), byte_c);
		for (; hits != 0; hits &= hits - 1)
		{
			const uint8_t *at = hay + i + __builtin_ctzll(hits);

			if (memcmp(at, needle->bytes, m) == 0)
				return at;
			failed += m;
		}
		if (failed > 4 * (i + 256))
			return i + 64 >= places ? NULL : memmem(hay + i + 64, n - i - 64, needle->bytes, m);
	}
	return NULL;
}

static bool
k_is_ascii(const uint8_t *s, size_t n)
{
	__m512i high = _mm512_setzero_si512();

	for (; n >= 256; s += 256, n -= 256)
		high =
			_mm512_or_si512(high, _mm512_or_si512(_mm512_or_si512(load(s), load(s + 64)),
												  _mm512_or_si512(load(s + 128), load(s + 192))));
	for (; n > 0;)
	{
		size_t step = n < 64 ? n : 64;

		high = _mm512_or_si512(high, _mm512_maskz_loadu_epi8(lh_low_bits((int) step), s));
		s += step;
		n -= step;
	}
	return _mm512_movepi8_mask(high) == 0;
}

static size_t
k_utf8_length(const uint8_t *s, size_t n)
{
	const __m512i limit = _mm512_set1_epi8(-65); /* 0xBF, the last continuation byte */
	size_t count = 0;

	for (size_t i = 0; i < n; i += 64)
	{
		__mmask64 live = n - i >= 64 ? ~UINT64_C(0) : lh_low_bits((int) (n - i));
		__m512i x = _mm512_maskz_loadu_epi8(live, s + i);

		count += (size_t) __builtin_popcountll(_mm512_mask_cmpgt_epi8_mask(live, x, limit));
	}
	return count;
}

#include "vec/kernels_impl.h"

#else
typedef int lh_kernels_avx512_unused;
#endif
