/*
 * kernels.h
 *		The loops of vec/ and exec/ that are written once an instruction set.
 *
 * Arrays of numbers may be unaligned.  Kernels that filter write
 * LH_WORDS(n) words; bits at and above n are 0.  A selection "sel" of words
 * may be NULL: all n values.  Bits of sel at and above n are 0.
 *
 * kernels_impl.h holds what all sets share, kernels_base.c, kernels_avx2.c and
 * kernels_avx512.c the primitives it is made of; kernels.c chooses.
 */
#ifndef LH_VEC_KERNELS_H
#define LH_VEC_KERNELS_H

#include "core/core.h"
#include "vec/types.h"

/* What minmax of floats saw. */
#define LH_SAW_NUMBER 1
#define LH_SAW_NAN    2

/* Bytes to look for, and the places of its three rarest bytes, which are compared first. */
typedef struct LhNeedle
{
	const uint8_t *bytes;
	size_t len; /* >= 1 */
	size_t a,   /* the same place when len is 1 or 2 */
		b, c;
} LhNeedle;

extern LhNeedle lh_needle(const uint8_t *bytes, size_t len);

typedef struct LhVecKernels
{
	/* lo <= x <= hi; for floats NaN is outside every range */
	void (*range_i32)(const void *data, size_t n, int32_t lo, int32_t hi, uint64_t *out);
	void (*range_i64)(const void *data, size_t n, int64_t lo, int64_t hi, uint64_t *out);
	void (*range_f32)(const void *data, size_t n, float lo, float hi, uint64_t *out);
	void (*range_f64)(const void *data, size_t n, double lo, double hi, uint64_t *out);

	/* x is one of a few values */
	void (*in_i32)(const void *data, size_t n, const int32_t *set, int nset, uint64_t *out);
	void (*in_i64)(const void *data, size_t n, const int64_t *set, int nset, uint64_t *out);

	void (*nonzero_u8)(const void *data, size_t n, uint64_t *out);

	/* bit codes[i] of table; every code is below nbits, LH_WORDS(nbits) words are readable */
	void (*codes)(const uint32_t *codes, size_t n, const uint64_t *table, size_t nbits,
				  uint64_t *out);

	/* bit x - first of table, which has nbits > 0 of them, in whole words; outside: no */
	void (*member_i64)(const void *data, size_t n, int64_t first, uint64_t nbits,
					   const uint64_t *table, uint64_t *out);

	int64_t (*sum_i32)(const void *data, size_t n, const uint64_t *sel);
	LhI128 (*sum_i64)(const void *data, size_t n, const uint64_t *sel);
	/* sum of values[codes[i]] */
	int64_t (*sum_codes_i32)(const uint32_t *codes, size_t n, const void *values,
							 const uint64_t *sel);
	LhI128 (*sum_codes_i64)(const uint32_t *codes, size_t n, const void *values,
							const uint64_t *sel);

	/* widen *min and *max */
	void (*minmax_i32)(const void *data, size_t n, const uint64_t *sel, int32_t *min, int32_t *max);
	void (*minmax_i64)(const void *data, size_t n, const uint64_t *sel, int64_t *min, int64_t *max);
	/* the same for numbers that are not NaN; returns LH_SAW_... */
	int (*minmax_f32)(const void *data, size_t n, const uint64_t *sel, float *min, float *max);
	int (*minmax_f64)(const void *data, size_t n, const uint64_t *sel, double *min, double *max);

	/*
	 * Sum of values[codes[i]] over a table of at most small_table entries that
	 * lies in registers; NULL and 0 where there are too few registers.
	 */
	int64_t (*sum_small)(const uint32_t *codes, size_t n, const int32_t *values,
						 const uint64_t *sel);
	uint32_t small_table;

	/* counts[k * stride + code]++ with k = 0..3 in turn: four tables to add up */
	void (*histogram)(const uint32_t *codes, size_t n, const uint64_t *sel, uint32_t *counts,
					  size_t stride);

	/* first occurrence of the needle or NULL */
	const uint8_t *(*find)(const uint8_t *hay, size_t n, const LhNeedle *needle);

	/* no byte above 0x7F */
	bool (*is_ascii)(const uint8_t *s, size_t n);

	/* characters of valid UTF-8 */
	size_t (*utf8_length)(const uint8_t *s, size_t n);
} LhVecKernels;

extern const LhVecKernels lh_vec_kernels_base;
#if defined(__x86_64__)
extern const LhVecKernels lh_vec_kernels_avx2;
extern const LhVecKernels lh_vec_kernels_avx512;
#endif

/* The table in use; follows lh_isa_choose. */
extern const LhVecKernels *lh_vec_kernels(void);

#endif
