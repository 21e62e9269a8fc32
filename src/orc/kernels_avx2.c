/*
 * kernels_avx2.c
 *		The inner loops of decoding for AVX2 and BMI2.
 */
#include "orc/kernels.h"

#ifdef __AVX2__

#include "orc/kernels_loops.h"

/* Values that, with the 7 bits before them, lie in 32 bits. */
#define NARROW 25

/* Where 4 values behind each other lie, from bit "bit" of a place on; the same for all that follow 8 values later. */
typedef struct Four
{
	size_t base;     /* bytes */
	__m128i shuffle; /* 4 bytes of each, first byte highest */
	__m128i left;    /* bits before it */
} Four;

static Four
four(size_t bit, int width)
{
	Four f = {.base = bit >> 3};
	int8_t at[16];
	int32_t left[4];

	for (int i = 0; i < 4; i++)
	{
		size_t b = bit + (size_t) (i * width);

		for (int k = 0; k < 4; k++)
			at[4 * i + 3 - k] = (int8_t) ((b >> 3) - f.base + (size_t) k);
		left[i] = (int32_t) (b & 7);
	}
	f.shuffle = _mm_loadu_si128((const __m128i *) (const void *) at);
	f.left = _mm_loadu_si128((const __m128i *) (const void *) left);
	return f;
}

static inline __m256i
take_four(const uint8_t *in, const Four *f, __m128i right)
{
	__m128i v = _mm_loadu_si128((const __m128i *) (const void *) (in + f->base));

	v = _mm_shuffle_epi8(v, f->shuffle);
	v = _mm_srl_epi32(_mm_sllv_epi32(v, f->left), right);
	return _mm256_cvtepu32_epi64(v);
}

/* 8 values of w bits are w bytes: one pattern serves them all.  Reads less than LH_PADDING beyond its end. */
static void
unpack(const uint8_t *in, int shift, int width, size_t n, uint64_t *out)
{
	size_t i = 0;

	if (width <= NARROW && n >= 16)
	{
		const Four low = four((size_t) shift, width),
				   high = four((size_t) (shift + 4 * width), width);
		const __m128i right = _mm_cvtsi32_si128(32 - width);

		for (; i + 8 <= n; i += 8, in += width)
		{
			_mm256_storeu_si256((__m256i *) (void *) (out + i), take_four(in, &low, right));
			_mm256_storeu_si256((__m256i *) (void *) (out + i + 4), take_four(in, &high, right));
		}
	}
	loop_unpack(in, shift, width, n - i, out + i);
}

static const LhOrcKernels table = LH_ORC_KERNELS_TABLE(unpack);

const LhOrcKernels *
lh_orc_kernels_avx2(void)
{
	return &table;
}

#else

const LhOrcKernels *
lh_orc_kernels_avx2(void)
{
	return NULL;
}

#endif
