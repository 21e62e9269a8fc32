/*
 * kernels.c
 *		The portable inner loops of decoding, and the choice of a table.
 */
#include "orc/kernels.h"

#include "orc/kernels_loops.h"

static const LhOrcKernels base = LH_ORC_KERNELS_TABLE(loop_unpack);

const LhOrcKernels *lh_orc_kernels = &base;

static void
choose(LhIsa isa)
{
	const LhOrcKernels *best = isa >= LH_ISA_AVX2 ? lh_orc_kernels_avx2() : NULL;

	lh_orc_kernels = best != NULL ? best : &base;
}

__attribute__((constructor)) static void
init(void)
{
	lh_isa_listen(choose);
}
