/*
 * kernels.c
 *		Which kernel table is in use.
 */
#include <stdatomic.h>
#include <string.h>

#include "vec/kernels.h"

static _Atomic(const LhVecKernels *) current = &lh_vec_kernels_base;

static void
choose(LhIsa isa)
{
	const LhVecKernels *k = &lh_vec_kernels_base;

#if defined(__x86_64__)
	if (isa == LH_ISA_AVX512)
		k = &lh_vec_kernels_avx512;
	else if (isa == LH_ISA_AVX2)
		k = &lh_vec_kernels_avx2;
#endif
	atomic_store_explicit(&current, k, memory_order_relaxed);
}

__attribute__((constructor)) static void
register_kernels(void)
{
	lh_isa_listen(choose);
}

/* Bytes of text from the commonest on; what is not here is rarer. */
static const char common[] = " etaoinsrhldcumfpgwybvk.,0123456789-_/TSAECRIMNPDLOHBFGxjqz";

static int
rarity(uint8_t byte)
{
	const char *at = byte != 0 ? strchr(common, byte) : NULL;

	return at != NULL ? (int) (at - common) : (int) sizeof(common);
}

/* The place of the rarest byte but those at x and y; x when there is none. */
static size_t
rarest_but(const uint8_t *bytes, size_t len, size_t x, size_t y)
{
	size_t best = x;
	int score = -1;

	for (size_t i = 0; i < len; i++)
	{
		if (i != x && i != y && rarity(bytes[i]) > score)
		{
			best = i;
			score = rarity(bytes[i]);
		}
	}
	return best;
}

LhNeedle
lh_needle(const uint8_t *bytes, size_t len)
{
	size_t a = rarest_but(bytes, len, len, len), b, c;

	a = a == len ? 0 : a;
	b = rarest_but(bytes, len, a, a);
	c = rarest_but(bytes, len, a, b);
	return (LhNeedle){bytes, len, a, b, c};
}

const LhVecKernels *
lh_vec_kernels(void)
{
	return atomic_load_explicit(&current, memory_order_relaxed);
}
