/*
 * kernels_avx2.c
 *		The inner loops of decoding for AVX2 and BMI2.
 */
#include "orc/kernels.h"

#ifdef __AVX2__

#include "orc/kernels_loops.h"

static const LhOrcKernels table = LH_ORC_KERNELS_TABLE;

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
