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

LhNeedle
lh_needle(const uint8_t *bytes, size_t len)
{
	size_t		best = 0,
				second = len - 1;

	for (size_t i = 1; i < len; i++)
	{
		if (rarity(bytes[i]) > rarity(bytes[best]))
			best = i;
	}
	if (second == best)
		second = 0;
	for (size_t i = 0; i < len; i++)
	{
		if (i != best && rarity(bytes[i]) > rarity(bytes[second]))
			second = i;
	}
	return (LhNeedle) {bytes, len, best < second ? best : second, best < second ? second : best};
}

const LhVecKernels *
lh_vec_kernels(void)
{
	return atomic_load_explicit(&current, memory_order_relaxed);
}
