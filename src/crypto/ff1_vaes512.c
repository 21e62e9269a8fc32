/*
 * ff1_vaes512.c
 *		FF1 with VAES in vectors of 512 bits: rounds of 32 values.
 */
#ifdef __x86_64__

#include "crypto/ff1_internal.h"

#include <immintrin.h>

typedef __m512i V;
typedef __m512d VD;

#define LANES            8
#define LOAD(p)          _mm512_loadu_si512(p)
#define STORE(p, v)      _mm512_storeu_si512((p), (v))
#define SET64(x)         _mm512_set1_epi64(x)
#define SET128(x)        _mm512_broadcast_i32x4(x)
#define SETD(x)          _mm512_set1_pd(x)
#define XOR(a, b)        _mm512_xor_si512((a), (b))
#define ADD(a, b)        _mm512_add_epi64((a), (b))
#define SUB(a, b)        _mm512_sub_epi64((a), (b))
#define MUL32(a, b)      _mm512_mul_epu32((a), (b))
#define SHIFT32(a)       _mm512_srli_epi64((a), 32)
#define LOW_WORDS(a)     _mm512_and_si512((a), _mm512_set1_epi64(0xffffffff))
#define LOW_HALVES(a, b) _mm512_unpacklo_epi64((a), (b))
#define SHUFFLE(a, by)   _mm512_shuffle_epi8((a), (by))
#define AESENC(a, k)     _mm512_aesenc_epi128((a), (k))
#define AESENCLAST(a, k) _mm512_aesenclast_epi128((a), (k))
/* the second where the first is negative, which is the larger one as a number without sign */
#define FIX(a, b)        _mm512_min_epu64((a), (b))

/* t / m, rounded, in the low 32 bits of each lane */
static inline __attribute__((always_inline)) V
quotient(V t, VD inverse)
{
	return _mm512_castpd_si512(
		_mm512_add_pd(_mm512_mul_pd(_mm512_cvtepu64_pd(t), inverse), _mm512_set1_pd(0x1p52)));
}
#define QUOTIENT(t, inverse) quotient((t), (inverse))

#include "crypto/ff1_kernels_impl.h"

static bool
supported(void)
{
	return lh_isa_best() >= LH_ISA_AVX512 && lh_cpu_has_vaes();
}

static bool
blocks(const LhFf1Call *call, uint8_t *p, size_t count)
{
	const LhFf1Key *key = call->key;

	for (; count >= 32; count -= 32, p += 32 * LH_FF1_BLOCK)
	{
		V x[8], k = SET128(_mm_load_si128((const __m128i *) key->keys[0]));

		for (int i = 0; i < 8; i++)
			x[i] = XOR(LOAD(p + i * 64), k);
		for (int r = 1; r < key->rounds; r++)
		{
			k = SET128(_mm_load_si128((const __m128i *) key->keys[r]));
			for (int i = 0; i < 8; i++)
				x[i] = AESENC(x[i], k);
		}
		k = SET128(_mm_load_si128((const __m128i *) key->keys[key->rounds]));
		for (int i = 0; i < 8; i++)
			STORE(p + i * 64, AESENCLAST(x[i], k));
	}
	return lh_ff1_blocks_aesni(call, p, count);
}

const LhFf1Kernels lh_ff1_kernels_vaes512 = {.name = "vaes512",
											 .isa = LH_ISA_AVX512,
											 .supported = supported,
											 .blocks = blocks,
											 .fused = fused,
											 .fused_each = fused_each,
											 .few = 2,
											 .fused_one = lh_ff1_one_aesni,
											 .parse16 = parse16,
											 .format16 = format16};

#endif
