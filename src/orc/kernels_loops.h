/*
 * kernels_loops.h
 *		Loops that are written once and compiled once per instruction set.
 *
 * Included by kernels.c and kernels_avx2.c, each of which makes its table of them.
 */
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "orc/proto.h"

/* Values that begin and end with bytes: width a constant at every call. */
static inline __attribute__((always_inline)) void
unpack_bytes(const uint8_t *in, int width, size_t n, uint64_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = lh_load_be64(in + i * (size_t) (width / 8)) >> (64 - width);
}

static void
loop_unpack(const uint8_t *in, int shift, int width, size_t n, uint64_t *out)
{
	size_t bit = (size_t) shift;

	if (shift == 0)
		switch (width)
		{
			case 8:
				for (size_t i = 0; i < n; i++)
					out[i] = in[i];
				return;
			case 16: unpack_bytes(in, 16, n, out); return;
			case 24: unpack_bytes(in, 24, n, out); return;
			case 32: unpack_bytes(in, 32, n, out); return;
			case 40: unpack_bytes(in, 40, n, out); return;
			case 48: unpack_bytes(in, 48, n, out); return;
			case 56: unpack_bytes(in, 56, n, out); return;
			case 64: unpack_bytes(in, 64, n, out); return;
			default: break;
		}
	for (size_t i = 0; i < n; i++, bit += (size_t) width)
		out[i] = lh_load_be64(in + (bit >> 3)) << (bit & 7) >> (64 - width);
}

static void
loop_unzigzag(const uint64_t *in, size_t n, int64_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = lh_unzigzag(in[i]);
}

static bool
loop_narrow(const int64_t *in, size_t n, int64_t least, int64_t most, int32_t *out)
{
	uint64_t bad = 0;
	uint64_t width = (uint64_t) most - (uint64_t) least;

	for (size_t i = 0; i < n; i++)
	{
		/* beyond width: the subtraction borrows */
		uint64_t x = (uint64_t) in[i] - (uint64_t) least;

		bad |= (x | (width - x)) & UINT64_C(1) << 63;
		out[i] = (int32_t) in[i];
	}
	return bad == 0;
}

/* The low 7 bits of each byte, pushed together. */
static inline uint64_t
join_sevens(uint64_t w)
{
#ifdef __BMI2__
	return __builtin_ia32_pext_di(w, UINT64_C(0x7f7f7f7f7f7f7f7f));
#else
	w = (w & UINT64_C(0x007f007f007f007f)) | (w & UINT64_C(0x7f007f007f007f00)) >> 1;
	w = (w & UINT64_C(0x00003fff00003fff)) | (w & UINT64_C(0x3fff00003fff0000)) >> 2;
	return (w & UINT64_C(0x000000000fffffff)) | (w & UINT64_C(0x0fffffff00000000)) >> 4;
#endif
}

/* Bit i of the result: byte i of the 64 at p has no high bit. */
static inline uint64_t
find_ends(const uint8_t *p)
{
#ifdef __AVX2__
	uint32_t low =
		(uint32_t) _mm256_movemask_epi8(_mm256_loadu_si256((const __m256i *) (const void *) p));
	uint32_t high = (uint32_t) _mm256_movemask_epi8(
		_mm256_loadu_si256((const __m256i *) (const void *) (p + 32)));

	return ~((uint64_t) high << 32 | low);
#else
	uint64_t ends = 0;

	for (int i = 0; i < 8; i++)
	{
		uint64_t w = ~lh_load_u64(p + 8 * i) & UINT64_C(0x8080808080808080);

		/* one bit of each byte to one byte */
		ends |= ((w >> 7) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	}
	return ends;
#endif
}

/* 64 numbers of one byte, 32 of two. */
static inline void
ones(const uint8_t *in, int64_t *out)
{
	for (int i = 0; i < 64; i++)
		out[i] = lh_unzigzag(in[i]);
}

static inline void
twos(const uint8_t *in, int64_t *out)
{
	for (int i = 0; i < 32; i++)
	{
		uint64_t w = lh_load_u16(in + 2 * i);

		out[i] = lh_unzigzag((w & 0x7f) | (w >> 1 & 0x3f80));
	}
}

/*
 * The bytes without a high bit are where numbers end.  They are found 64 bytes at a time, so that
 * one number need not wait for the end of the one before; numbers that are all of
 * one byte or all of two, as those of small columns are, go together.
 */
static size_t
loop_varints(const uint8_t *in, size_t len, size_t n, int64_t *out, size_t *done)
{
	size_t at = 0, k = 0;

	while (k < n && at < len)
	{
		size_t base = at;
		uint64_t ends = find_ends(in + base);

		if (len - base < 64)
			ends &= (UINT64_C(1) << (len - base)) - 1;
		if (ends == 0)
			break;
		if (ends == ~UINT64_C(0) && n - k >= 64)
		{
			ones(in + at, out + k);
			k += 64;
			at += 64;
			continue;
		}
		if (ends == UINT64_C(0xaaaaaaaaaaaaaaaa) && n - k >= 32)
		{
			twos(in + at, out + k);
			k += 32;
			at += 64;
			continue;
		}
		while (ends != 0 && k < n)
		{
			size_t end = base + (size_t) __builtin_ctzll(ends) + 1;
			size_t size = end - at;

			if (size > 8)
			{
				*done = k;
				return at;
			}
			out[k++] =
				lh_unzigzag(join_sevens(lh_load_u64(in + at) & (~UINT64_C(0) >> (64 - 8 * size))));
			at = end;
			ends &= ends - 1;
		}
	}
	*done = k;
	return at;
}

#define EXPAND(name, type)                                                                    \
	static void name(const type *in, const uint64_t *valid, size_t from, size_t n, type *out) \
	{                                                                                         \
		for (size_t i = 0; i < n;)                                                            \
		{                                                                                     \
			size_t bit = (from + i) & 63;                                                     \
			size_t k = 64 - bit < n - i ? 64 - bit : n - i;                                   \
			uint64_t w = valid[(from + i) >> 6] >> bit & lh_low_bits((int) k);                \
                                                                                              \
			if (w == lh_low_bits((int) k))                                                    \
			{                                                                                 \
				memcpy(out + i, in, k * sizeof(type));                                        \
				in += k;                                                                      \
			}                                                                                 \
			else if (w == 0)                                                                  \
				memset(out + i, 0, k * sizeof(type));                                         \
			else                                                                              \
				for (size_t j = 0; j < k; j++, w >>= 1)                                       \
				{                                                                             \
					out[i + j] = *in & -(type) (w & 1);                                       \
					in += w & 1;                                                              \
				}                                                                             \
			i += k;                                                                           \
		}                                                                                     \
	}

EXPAND(loop_expand32, uint32_t)
EXPAND(loop_expand64, uint64_t)
#undef EXPAND

/* The table, with the kernel that is written for each instruction set. */
#define LH_ORC_KERNELS_TABLE(unpack_)                                                 \
	{                                                                                 \
		.unpack = unpack_, .unzigzag = loop_unzigzag, .narrow = loop_narrow,          \
		.varints = loop_varints, .expand32 = loop_expand32, .expand64 = loop_expand64 \
	}
