/*
 * kernels.c
 *		Which kernel table is in use.
 */
#include <stdatomic.h>

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

const LhVecKernels *
lh_vec_kernels(void)
{
	return atomic_load_explicit(&current, memory_order_relaxed);
}
