/*
 * kernels.h
 *		Internal: the inner loops of decoding, one table per instruction set.
 *
 * kernels.c holds the portable loops and the table in use; kernels_avx2.c a table
 * compiled with its flags.  Input may be read up to LH_PADDING bytes beyond its
 * end; output is not written beyond what is asked for, unless a kernel says so.
 */
#ifndef LH_ORC_KERNELS_H
#define LH_ORC_KERNELS_H

#include "core/core.h"

typedef struct LhOrcKernels
{
	/* n values of width (1..64) bits, most significant bit first; the first begins at bit "shift" (0..7) of *in. */
	void (*unpack)(const uint8_t *in, int shift, int width, size_t n, uint64_t *out);

	/* Zigzag numbers to signed ones; in place is allowed. */
	void (*unzigzag)(const uint64_t *in, size_t n, int64_t *out);

	/* The low halves; false when some value is outside [least, most], and then out is anything. */
	bool (*narrow)(const int64_t *in, size_t n, int64_t least, int64_t most, int32_t *out);

	/*
	 * n zigzag varints of at most 8 bytes each from the "len" bytes at in.  Returns the bytes they
	 * took, and in *done how many there were: fewer than n when a longer one comes or
	 * the bytes end.
	 */
	size_t (*varints)(const uint8_t *in, size_t len, size_t n, int64_t *out, size_t *done);

	/* out[i] = in[rank of i] where bit "from + i" of valid is set, else 0; in[count of bits] may be read. */
	void (*expand32)(const uint32_t *in, const uint64_t *valid, size_t from, size_t n,
					 uint32_t *out);
	void (*expand64)(const uint64_t *in, const uint64_t *valid, size_t from, size_t n,
					 uint64_t *out);
} LhOrcKernels;

extern const LhOrcKernels *lh_orc_kernels;

extern const LhOrcKernels *lh_orc_kernels_avx2(void); /* NULL where this build has none */

#endif
