/*
 * kernels.h
 *		Internal: the inner loops of decoding, one table per instruction set.
 *
 * kernels.c holds the portable loops and the table in use; kernels_avx2.c and
 * kernels_avx512.c hold tables of their own, compiled with their flags.  Loops
 * that the compiler vectorises well are written once, in kernels_loops.h, and
 * included by all three.
 *
 * Input may be read up to LH_PADDING bytes beyond its end (buffer.h); output
 * is not written beyond what is asked for, unless a kernel says so.
 */
#ifndef LH_PARQUET_KERNELS_H
#define LH_PARQUET_KERNELS_H

#include "parquet/rle.h"

typedef struct LhPqKernels
{
	/*
	 * n values of width (0..32) bits, packed least significant bit first; the
	 * first begins at bit "shift" (0..7) of *in.  *max becomes the largest of
	 * *max and the values.
	 */
	void (*unpack32)(const uint8_t *in, int shift, int width, size_t n, uint32_t *out,
					 uint32_t *max);

	/* lh_rle_read; LH_RLE_SLACK values behind out[n] may be written, too. */
	size_t (*rle_read)(LhRle *r, size_t n, uint32_t *out, uint32_t *max);

	/* As unpack32 for widths 0..64, without a maximum. */
	void (*unpack64)(const uint8_t *in, int shift, int width, size_t n, uint64_t *out);

	/* out[i] = in[rank of i] where bit "from + i" of valid is set, else 0; i < n. */
	void (*expand32)(const uint32_t *in, const uint64_t *valid, size_t from, size_t n,
					 uint32_t *out);
	void (*expand64)(const uint64_t *in, const uint64_t *valid, size_t from, size_t n,
					 uint64_t *out);

	/* Bit i of bits is in[i] >= least; bits above n, up to a whole word, are 0. */
	void (*at_least)(const uint8_t *in, size_t n, uint8_t least, uint64_t *bits);

	/*
	 * Append those bits of nwords words whose bit in mask is set, one behind the
	 * other, at bit "at" of out.  Out's bits from "at" on are 0 before; a word
	 * behind the last bit may be touched.
	 */
	void (*pack_bits)(const uint64_t *bits, const uint64_t *mask, size_t nwords, uint64_t *out,
					  size_t at);

	/* n bits of *in, beginning at bit "shift" (0..7), as bytes 0 and 1. */
	void (*bits_to_bytes)(const uint8_t *in, int shift, size_t n, uint8_t *out);

	/*
	 * BYTE_STREAM_SPLIT: value i of width bytes has byte k at in[k * stride + i].
	 * width is 2, 4, 8 in the first three, any in the last.
	 */
	void (*join2)(const uint8_t *in, size_t stride, size_t n, uint8_t *out);
	void (*join4)(const uint8_t *in, size_t stride, size_t n, uint8_t *out);
	void (*join8)(const uint8_t *in, size_t stride, size_t n, uint8_t *out);
	void (*join)(const uint8_t *in, size_t stride, int width, size_t n, uint8_t *out);

	/* out[i] = *last += min + delta[i], modulo 2^32 and 2^64. */
	void (*sum32)(const uint32_t *delta, uint32_t min, size_t n, uint32_t *last, uint32_t *out);
	void (*sum64)(const uint64_t *delta, uint64_t min, size_t n, uint64_t *last, uint64_t *out);

	/* Physical values to lanes; in may be unaligned, out is aligned. */
	void (*widen_i32)(const uint8_t *in, size_t n, int64_t *out);
	void (*widen_u32)(const uint8_t *in, size_t n, int64_t *out);
	void (*widen_i64)(const uint8_t *in, size_t n, LhI128 *out);
	void (*widen_u64)(const uint8_t *in, size_t n, LhI128 *out);
	void (*mask32)(const uint8_t *in, uint32_t mask, size_t n, uint32_t *out);
	void (*half)(const uint8_t *in, size_t n, float *out);

	/* Big-endian two's complement of width bytes; 1..8 and 1..16. */
	void (*be_to_i64)(const uint8_t *in, int width, size_t n, int64_t *out);
	void (*be_to_i128)(const uint8_t *in, int width, size_t n, LhI128 *out);

	/* out[i] = table[code[i]] */
	void (*gather32)(const uint32_t *table, const uint32_t *code, size_t n, uint32_t *out);
	void (*gather64)(const uint64_t *table, const uint32_t *code, size_t n, uint64_t *out);
} LhPqKernels;

/* The table in use. */
extern const LhPqKernels *lh_pq_kernels;

/* Tables of instruction sets; NULL where this build has none. */
extern const LhPqKernels *lh_pq_kernels_base(void);
extern const LhPqKernels *lh_pq_kernels_avx2(void);
extern const LhPqKernels *lh_pq_kernels_avx512(void);

#endif
