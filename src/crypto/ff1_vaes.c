/*
 * ff1_vaes.c
 *		FF1 with VAES in vectors of 256 bits: rounds of 16 values.
 */
#ifdef __x86_64__

#include "crypto/ff1_internal.h"

#include <immintrin.h>

typedef __m256i V;
typedef __m256d VD;

#define LANES            4
#define LOAD(p)          _mm256_loadu_si256((const __m256i *) (p))
#define STORE(p, v)      _mm256_storeu_si256((__m256i *) (p), (v))
#define SET64(x)         _mm256_set1_epi64x(x)
#define SET128(x)        _mm256_broadcastsi128_si256(x)
#define SETD(x)          _mm256_set1_pd(x)
#define XOR(a, b)        _mm256_xor_si256((a), (b))
#define ADD(a, b)        _mm256_add_epi64((a), (b))
#define SUB(a, b)        _mm256_sub_epi64((a), (b))
#define MUL32(a, b)      _mm256_mul_epu32((a), (b))
#define SHIFT32(a)       _mm256_srli_epi64((a), 32)
#define LOW_WORDS(a)     _mm256_blend_epi32((a), _mm256_setzero_si256(), 0xaa)
#define LOW_HALVES(a, b) _mm256_unpacklo_epi64((a), (b))
#define SHUFFLE(a, by)   _mm256_shuffle_epi8((a), (by))
#define AESENC(a, k)     _mm256_aesenc_epi128((a), (k))
#define AESENCLAST(a, k) _mm256_aesenclast_epi128((a), (k))
/* the second where the first is negative */
#define FIX(a, b)        \
	_mm256_castpd_si256( \
		_mm256_blendv_pd(_mm256_castsi256_pd(a), _mm256_castsi256_pd(b), _mm256_castsi256_pd(a)))

/* t / m, rounded, in the low 32 bits of each lane: its halves become doubles by their exponents */
static inline __attribute__((always_inline)) V
quotient(V t, VD inverse)
{
	V high = _mm256_or_si256(_mm256_srli_epi64(t, 32), _mm256_castpd_si256(_mm256_set1_pd(0x1p84)));
	V low = _mm256_blend_epi32(t, _mm256_castpd_si256(_mm256_set1_pd(0x1p52)), 0xaa);
	VD d = _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1p84 + 0x1p52)),
						 _mm256_castsi256_pd(low));

	return _mm256_castpd_si256(_mm256_add_pd(_mm256_mul_pd(d, inverse), _mm256_set1_pd(0x1p52)));
}
#define QUOTIENT(t, inverse) quotient((t), (inverse))

#include "crypto/ff1_kernels_impl.h"

static bool
supported(void)
{
	return lh_isa_best() >= LH_ISA_AVX2 && lh_cpu_has_vaes();
}

static bool
blocks(const LhFf1Call *call, uint8_t *p, size_t count)
{
	const LhFf1Key *key = call->key;

	for (; count >= 16; count -= 16, p += 16 * LH_FF1_BLOCK)
	{
		V x[8], k = SET128(_mm_load_si128((const __m128i *) key->keys[0]));

		for (int i = 0; i < 8; i++)
			x[i] = XOR(LOAD(p + i * 32), k);
		for (int r = 1; r < key->rounds; r++)
		{
			k = SET128(_mm_load_si128((const __m128i *) key->keys[r]));
			for (int i = 0; i < 8; i++)
				x[i] = AESENC(x[i], k);
		}
		k = SET128(_mm_load_si128((const __m128i *) key->keys[key->rounds]));
		for (int i = 0; i < 8; i++)
			STORE(p + i * 32, AESENCLAST(x[i], k));
	}
	return lh_ff1_blocks_aesni(call, p, count);
}

const LhFf1Kernels lh_ff1_kernels_vaes = {.name = "vaes",
										  .isa = LH_ISA_AVX2,
										  .supported = supported,
										  .blocks = blocks,
										  .fused = fused,
										  .fused_each = fused_each,
										  .few = 2,
										  .fused_one = lh_ff1_one_aesni,
										  .parse16 = parse16,
										  .format16 = format16};

#endif
