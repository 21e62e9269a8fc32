/*
 * cpu.h
 *		Which instruction sets the kernels may use.
 */
#ifndef LH_CORE_CPU_H
#define LH_CORE_CPU_H

#include <stdbool.h>

typedef enum LhIsa
{
	LH_ISA_BASE, LH_ISA_AVX2, LH_ISA_AVX512
} LhIsa;

/* The best set this machine has (avx512 means F, BW, VL, DQ, VBMI, VBMI2). */
extern LhIsa lh_isa_best(void);
/* The set in use; chosen at load as the best. */
extern LhIsa lh_isa(void);
/* Choose at most this set (GUC lakehouse.simd); folders' kernel tables follow through lh_isa_listen. */
extern void lh_isa_choose(LhIsa most);
/* Instructions for AES, on one block and (beside LH_ISA_AVX2 or more) on vectors; whatever set is chosen. */
extern bool lh_cpu_has_aes(void);
extern bool lh_cpu_has_vaes(void);
extern const char *lh_isa_name(LhIsa isa);

/* fn(isa) now and at every later choice; a folder's kernels.c registers here once. */
extern void lh_isa_listen(void (*fn) (LhIsa isa));

#endif
