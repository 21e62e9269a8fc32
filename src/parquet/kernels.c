/*
 * kernels.c
 *		The table of decoding kernels in use, and the portable one.
 */
#include "parquet/kernels.h"

#include "parquet/kernels_loops.h"

static const LhPqKernels base = {LH_LOOP_TABLE};

const LhPqKernels *lh_pq_kernels = &base;

const LhPqKernels *
lh_pq_kernels_base(void)
{
	return &base;
}

static void
choose(LhIsa isa)
{
	const LhPqKernels *table = NULL;

	if (isa >= LH_ISA_AVX512)
		table = lh_pq_kernels_avx512();
	if (table == NULL && isa >= LH_ISA_AVX2)
		table = lh_pq_kernels_avx2();
	lh_pq_kernels = table != NULL ? table : &base;
}

/* Before main and in dlopen, so that no caller has to remember it. */
static __attribute__((constructor)) void
register_kernels(void)
{
	lh_isa_listen(choose);
}
