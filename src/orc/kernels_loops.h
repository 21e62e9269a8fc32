/*
 * kernels_loops.h
 *		Loops that are written once and compiled once per instruction set.
 *
 * Included by kernels.c and kernels_avx2.c, each of which makes its table of them.
 */
#include "orc/proto.h"

static inline uint64_t
be64(const uint8_t *p)
{
	return __builtin_bswap64(lh_load_u64(p));
}

/* Values that begin and end with bytes: width a constant at every call. */
static inline __attribute__((always_inline)) void
unpack_bytes(const uint8_t *in, int width, size_t n, uint64_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = be64(in + i * (size_t) (width / 8)) >> (64 - width);
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
		out[i] = be64(in + (bit >> 3)) << (bit & 7) >> (64 - width);
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

/*
 * The bytes without a high bit are where numbers end.  They are found 64 bytes at a time, so that
 * one number need not wait for the end of the one before.
 */
static size_t
loop_varints(const uint8_t *in, size_t len, size_t n, int64_t *out, size_t *done)
{
	size_t at = 0, k = 0;

	while (k < n && at < len)
	{
		size_t base = at;
		uint64_t ends = 0;

		for (int i = 0; i < 8; i++)
		{
			uint64_t w = ~lh_load_u64(in + base + 8 * i) & UINT64_C(0x8080808080808080);

			/* one bit of each byte to one byte */
			ends |= ((w >> 7) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
		}
		if (len - base < 64)
			ends &= (UINT64_C(1) << (len - base)) - 1;
		if (ends == 0)
			break;
		while (ends != 0 && k < n)
		{
			size_t end = base + (size_t) __builtin_ctzll(ends) + 1;
			size_t size = end - at;

			if (size > 8)
			{
				*done = k;
				return at;
			}
			out[k++] = lh_unzigzag(join_sevens(lh_load_u64(in + at) & (~UINT64_C(0) >> (64 - 8 * size))));
			at = end;
			ends &= ends - 1;
		}
	}
	*done = k;
	return at;
}

#define EXPAND(name, type)                                                                       \
	static void name(const type *in, const uint64_t *valid, size_t from, size_t n, type *out)    \
	{                                                                                            \
		for (size_t i = 0; i < n;)                                                               \
		{                                                                                        \
			size_t bit = (from + i) & 63;                                                        \
			size_t k = 64 - bit < n - i ? 64 - bit : n - i;                                      \
			uint64_t w = valid[(from + i) >> 6] >> bit & lh_low_bits((int) k);                   \
                                                                                                 \
			if (w == lh_low_bits((int) k))                                                       \
			{                                                                                    \
				memcpy(out + i, in, k * sizeof(type));                                           \
				in += k;                                                                         \
			}                                                                                    \
			else if (w == 0)                                                                     \
				memset(out + i, 0, k * sizeof(type));                                            \
			else                                                                                 \
				for (size_t j = 0; j < k; j++, w >>= 1)                                          \
				{                                                                                \
					out[i + j] = *in & -(type) (w & 1);                                          \
					in += w & 1;                                                                 \
				}                                                                                \
			i += k;                                                                              \
		}                                                                                        \
	}

EXPAND(loop_expand32, uint32_t)
EXPAND(loop_expand64, uint64_t)
#undef EXPAND

#define LH_ORC_KERNELS_TABLE                                                                     \
	{                                                                                            \
		.unpack = loop_unpack, .unzigzag = loop_unzigzag, .narrow = loop_narrow,                 \
		.varints = loop_varints, .expand32 = loop_expand32, .expand64 = loop_expand64            \
	}
