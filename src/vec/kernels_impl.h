/*
 * kernels_impl.h
 *		The kernels, over primitives of one instruction set.
 *
 * No include guard: kernels_base.c, kernels_avx2.c and kernels_avx512.c define
 * K_TABLE and these inline functions for 64 values at a time, then include
 * this file, which ends with the table itself:
 *
 *	k_range_i32(p, lo, hi) and _i64, _f32, _f64: bit i: lo <= p[i] <= hi
 *	k_eq_i32(p, x), k_eq_i64(p, x)
 *	k_nonzero_u8(p)
 *	k_codes(codes, table, nbits)
 *	k_member_i64(p, first, nbits, table), where K_MEMBER is defined
 *	k_sum_i32(acc, p, w), k_sum_i64, k_sum_done...: masked sums, w: which of the 64
 *	k_minmax_*(acc, p, w)
 *	k_small(values), k_sum_small(acc, p, small, w), where K_SUM_SMALL > 0
 *	k_find, k_is_ascii, k_utf8_length: whole functions
 *
 * Primitives with a mask w must not touch memory of values whose bit is 0 past
 * the last 1 bit's block of 64; the tail of an array is copied to a block of
 * its own first.
 */

#define K_BLOCK 64

/* Copy the n last values (fewer than a block) so that a whole block may be read. */
#define K_TAIL(tail, p, n, size)                 \
	_Alignas(64) uint8_t tail[K_BLOCK * (size)]; \
	memcpy(tail, (p), (n) * (size));             \
	memset(tail + (n) * (size), 0, (K_BLOCK - (n)) * (size))

/* A filter over blocks: EXPR is the mask of the block at p. */
#define K_FILTER(size, EXPR)                                     \
	do                                                           \
	{                                                            \
		const uint8_t *p = (const uint8_t *) data;               \
		size_t k;                                                \
		for (k = 0; k < n / K_BLOCK; k++, p += K_BLOCK * (size)) \
			out[k] = (EXPR);                                     \
		if (n % K_BLOCK != 0)                                    \
		{                                                        \
			K_TAIL(tail, p, n % K_BLOCK, size);                  \
			p = tail;                                            \
			out[k] = (EXPR) &lh_low_bits((int) (n % K_BLOCK));   \
		}                                                        \
	} while (0)

static void
range_i32(const void *data, size_t n, int32_t lo, int32_t hi, uint64_t *out)
{
	K_FILTER(4, k_range_i32(p, lo, hi));
}

static void
range_i64(const void *data, size_t n, int64_t lo, int64_t hi, uint64_t *out)
{
	K_FILTER(8, k_range_i64(p, lo, hi));
}

static void
range_f32(const void *data, size_t n, float lo, float hi, uint64_t *out)
{
	K_FILTER(4, k_range_f32(p, lo, hi));
}

static void
range_f64(const void *data, size_t n, double lo, double hi, uint64_t *out)
{
	K_FILTER(8, k_range_f64(p, lo, hi));
}

static inline uint64_t
any_i32(const uint8_t *p, const int32_t *set, int nset)
{
	uint64_t m = 0;

	for (int i = 0; i < nset; i++)
		m |= k_eq_i32(p, set[i]);
	return m;
}

static void
in_i32(const void *data, size_t n, const int32_t *set, int nset, uint64_t *out)
{
	K_FILTER(4, any_i32(p, set, nset));
}

static inline uint64_t
any_i64(const uint8_t *p, const int64_t *set, int nset)
{
	uint64_t m = 0;

	for (int i = 0; i < nset; i++)
		m |= k_eq_i64(p, set[i]);
	return m;
}

static void
in_i64(const void *data, size_t n, const int64_t *set, int nset, uint64_t *out)
{
	K_FILTER(8, any_i64(p, set, nset));
}

static void
nonzero_u8(const void *data, size_t n, uint64_t *out)
{
	K_FILTER(1, k_nonzero_u8(p));
}

static void
codes(const uint32_t *data, size_t n, const uint64_t *table, size_t nbits, uint64_t *out)
{
	KTable t = k_table(table, nbits);

	if (nbits <= K_SMALL_TABLE)
		K_FILTER(4, k_codes_small(p, t));
	else
		K_FILTER(4, k_codes_large(p, table));
}

#ifndef K_MEMBER
static inline uint64_t
k_member_i64(const uint8_t *p, int64_t first, uint64_t nbits, const uint64_t *table)
{
	uint64_t m = 0;

	for (int i = 0; i < K_BLOCK; i++)
	{
		uint64_t at = lh_load_u64(p + 8 * i) - (uint64_t) first;
		bool within = at < nbits;

		/* outside, a bit that is there: no branch to guess */
		m |= (uint64_t) (within & lh_bit_get(table, within ? at : 0)) << i;
	}
	return m;
}
#endif

static void
member_i64(const void *data, size_t n, int64_t first, uint64_t nbits, const uint64_t *table,
		   uint64_t *out)
{
	K_FILTER(8, k_member_i64(p, first, nbits, table));
}

/* A fold over blocks: BODY takes the block at p with the bits of w. */
#define K_FOLD(size, BODY)                                                                  \
	do                                                                                      \
	{                                                                                       \
		const uint8_t *p = (const uint8_t *) data;                                          \
		uint64_t w;                                                                         \
		size_t k;                                                                           \
		for (k = 0; k < n / K_BLOCK; k++, p += K_BLOCK * (size))                            \
		{                                                                                   \
			w = sel == NULL ? ~UINT64_C(0) : sel[k];                                        \
			if (w != 0)                                                                     \
			{                                                                               \
				BODY;                                                                       \
			}                                                                               \
		}                                                                                   \
		w = n % K_BLOCK == 0 ? 0 : sel == NULL ? lh_low_bits((int) (n % K_BLOCK)) : sel[k]; \
		if (w != 0)                                                                         \
		{                                                                                   \
			K_TAIL(tail, p, n % K_BLOCK, size);                                             \
			p = tail;                                                                       \
			BODY;                                                                           \
		}                                                                                   \
	} while (0)

static int64_t
sum_i32(const void *data, size_t n, const uint64_t *sel)
{
	KSum32 acc = k_sum_i32_zero();

	K_FOLD(4, acc = k_sum_i32(acc, p, w));
	return k_sum_i32_done(acc);
}

static LhI128
sum_i64(const void *data, size_t n, const uint64_t *sel)
{
	KSum64 acc = k_sum_i64_zero();

	K_FOLD(8, acc = k_sum_i64(acc, p, w));
	return k_sum_i64_done(acc);
}

static int64_t
sum_codes_i32(const uint32_t *data, size_t n, const void *values, const uint64_t *sel)
{
	KSum32 acc = k_sum_i32_zero();

	K_FOLD(4, acc = k_sum_codes_i32(acc, p, values, w));
	return k_sum_i32_done(acc);
}

#if K_SUM_SMALL > 0
static int64_t
sum_small(const uint32_t *data, size_t n, const int32_t *values, const uint64_t *sel)
{
	KSum32 acc = k_sum_i32_zero();
	KSmall t = k_small(values);

	K_FOLD(4, acc = k_sum_small(acc, p, t, w));
	return k_sum_i32_done(acc);
}
#endif

static LhI128
sum_codes_i64(const uint32_t *data, size_t n, const void *values, const uint64_t *sel)
{
	KSum64 acc = k_sum_i64_zero();

	K_FOLD(4, acc = k_sum_codes_i64(acc, p, values, w));
	return k_sum_i64_done(acc);
}

static void
minmax_i32(const void *data, size_t n, const uint64_t *sel, int32_t *min, int32_t *max)
{
	KMinMaxI32 acc = k_minmax_i32_start(*min, *max);

	K_FOLD(4, acc = k_minmax_i32(acc, p, w));
	k_minmax_i32_done(acc, min, max);
}

static void
minmax_i64(const void *data, size_t n, const uint64_t *sel, int64_t *min, int64_t *max)
{
	KMinMaxI64 acc = k_minmax_i64_start(*min, *max);

	K_FOLD(8, acc = k_minmax_i64(acc, p, w));
	k_minmax_i64_done(acc, min, max);
}

/* -inf..inf holds every number, so what is selected but outside it is NaN. */
static int
minmax_f32(const void *data, size_t n, const uint64_t *sel, float *min, float *max)
{
	KMinMaxF32 acc = k_minmax_f32_start(*min, *max);
	uint64_t number = 0, nan = 0;

	K_FOLD(4, uint64_t m = k_range_f32(p, -INFINITY, INFINITY); number |= m & w; nan |= w & ~m;
		   acc = k_minmax_f32(acc, p, w & m));
	k_minmax_f32_done(acc, min, max);
	return (number != 0 ? LH_SAW_NUMBER : 0) | (nan != 0 ? LH_SAW_NAN : 0);
}

static int
minmax_f64(const void *data, size_t n, const uint64_t *sel, double *min, double *max)
{
	KMinMaxF64 acc = k_minmax_f64_start(*min, *max);
	uint64_t number = 0, nan = 0;

	K_FOLD(8, uint64_t m = k_range_f64(p, -INFINITY, INFINITY); number |= m & w; nan |= w & ~m;
		   acc = k_minmax_f64(acc, p, w & m));
	k_minmax_f64_done(acc, min, max);
	return (number != 0 ? LH_SAW_NUMBER : 0) | (nan != 0 ? LH_SAW_NAN : 0);
}

/* Four tables, so that equal neighbours do not wait for each other's store. */
static void
histogram(const uint32_t *data, size_t n, const uint64_t *sel, uint32_t *counts, size_t stride)
{
	uint32_t *c0 = counts, *c1 = counts + stride, *c2 = counts + 2 * stride,
			 *c3 = counts + 3 * stride;
	size_t k = 0;

	for (size_t i = 0; i + K_BLOCK <= n; i += K_BLOCK, k++)
	{
		uint64_t w = sel == NULL ? ~UINT64_C(0) : sel[k];

		if (w == ~UINT64_C(0))
		{
			for (size_t j = i; j < i + K_BLOCK; j += 4)
			{
				c0[data[j]]++;
				c1[data[j + 1]]++;
				c2[data[j + 2]]++;
				c3[data[j + 3]]++;
			}
			continue;
		}
		for (; w != 0; w &= w - 1)
		{
			size_t j = (size_t) __builtin_ctzll(w);

			counts[(j & 3) * stride + data[i + j]]++;
		}
	}
	for (size_t i = k * K_BLOCK; i < n; i++)
	{
		if (sel == NULL || lh_bit_get(sel, i))
			counts[(i & 3) * stride + data[i]]++;
	}
}

const LhVecKernels K_TABLE = {
	.range_i32 = range_i32,
	.range_i64 = range_i64,
	.range_f32 = range_f32,
	.range_f64 = range_f64,
	.in_i32 = in_i32,
	.in_i64 = in_i64,
	.nonzero_u8 = nonzero_u8,
	.codes = codes,
	.member_i64 = member_i64,
	.sum_i32 = sum_i32,
	.sum_i64 = sum_i64,
	.sum_codes_i32 = sum_codes_i32,
	.sum_codes_i64 = sum_codes_i64,
	.minmax_i32 = minmax_i32,
	.minmax_i64 = minmax_i64,
	.minmax_f32 = minmax_f32,
	.minmax_f64 = minmax_f64,
	.histogram = histogram,
#if K_SUM_SMALL > 0
	.sum_small = sum_small,
	.small_table = K_SUM_SMALL,
#endif
	.find = k_find,
	.is_ascii = k_is_ascii,
	.utf8_length = k_utf8_length,
};
