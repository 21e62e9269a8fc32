/*
 * cpu.c
 *		Choose the instruction set of the kernels.
 *
 * Kernel files are compiled once per set; each folder's kernels.c holds the
 * table of function pointers in use and registers here, so that one choice
 * (at load, or by GUC lakehouse.simd) reaches all of them.  Choosing is the
 * leader's business, while no helper thread runs.
 */
#include "core/cpu.h"

#include <stdbool.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

/* One listener a folder; there are fewer folders than this. */
#define MAX_LISTENERS 32

typedef void (*Listener)(LhIsa isa);

static Listener listeners[MAX_LISTENERS];
static int nlisteners;
static LhIsa chosen;
static bool is_chosen;

LhIsa
lh_isa_best(void)
{
#ifdef __x86_64__
	__builtin_cpu_init(); /* needed when called from a constructor */
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
		!__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("popcnt"))
		return LH_ISA_BASE;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2"))
		return LH_ISA_AVX512;
	return LH_ISA_AVX2;
#else
	return LH_ISA_BASE;
#endif
}

bool
lh_cpu_has_aes(void)
{
#ifdef __x86_64__
	unsigned a, b, c, d;

	/* with what the kernels need beside it */
	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_SSSE3) && (c & bit_SSE4_1);
#else
	return false;
#endif
}

bool
lh_cpu_has_vaes(void)
{
#ifdef __x86_64__
	unsigned a, b, c, d;

	return lh_cpu_has_aes() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_VAES);
#else
	return false;
#endif
}

LhIsa
lh_isa(void)
{
	if (!is_chosen)
	{
		chosen = lh_isa_best();
		is_chosen = true;
	}
	return chosen;
}

void
lh_isa_choose(LhIsa most)
{
	LhIsa best = lh_isa_best();

	chosen = most < best ? most : best;
	is_chosen = true;
	for (int i = 0; i < nlisteners; i++)
		listeners[i](chosen);
}

const char *
lh_isa_name(LhIsa isa)
{
	switch (isa)
	{
		case LH_ISA_BASE: return "base";
		case LH_ISA_AVX2: return "avx2";
		case LH_ISA_AVX512: return "avx512";
	}
	return "unknown";
}

void
lh_isa_listen(void (*fn)(LhIsa isa))
{
	fn(lh_isa());
	for (int i = 0; i < nlisteners; i++)
	{
		if (listeners[i] == fn)
			return;
	}
	if (nlisteners < MAX_LISTENERS)
		listeners[nlisteners++] = fn;
}
