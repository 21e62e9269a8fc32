/*
 * kernels_base.c
 *		Kernels in plain C, for every machine.
 *
 * Masks are made by writing one byte a value, which compilers vectorise, and
 * packing eight bytes to eight bits by a multiplication.
 */
#include <math.h>
#include <string.h>

#include "vec/kernels.h"

#define K_TABLE       lh_vec_kernels_base
#define K_SMALL_TABLE 64
#define K_SUM_SMALL   0

typedef uint64_t KTable;

static inline uint64_t
pack_bytes(const uint8_t *b)
{
	uint64_t m = 0;

	for (int i = 0; i < 8; i++)
		m |= (lh_load_u64(b + 8 * i) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	return m;
}

#define MASK(type, COND)             \
	do                               \
	{                                \
		_Alignas(64) uint8_t b[64];  \
		type x[64];                  \
		memcpy(x, p, sizeof(x));     \
		for (int i = 0; i < 64; i++) \
			b[i] = (COND);           \
		return pack_bytes(b);        \
	} while (0)

static inline uint64_t
k_range_i32(const uint8_t *p, int32_t lo, int32_t hi)
{
	MASK(int32_t, (x[i] >= lo) & (x[i] <= hi));
}

static inline uint64_t
k_range_i64(const uint8_t *p, int64_t lo, int64_t hi)
{
	MASK(int64_t, (x[i] >= lo) & (x[i] <= hi));
}

static inline uint64_t
k_range_f32(const uint8_t *p, float lo, float hi)
{
	MASK(float, (x[i] >= lo) & (x[i] <= hi));
}

static inline uint64_t
k_range_f64(const uint8_t *p, double lo, double hi)
{
	MASK(double, (x[i] >= lo) & (x[i] <= hi));
}

static inline uint64_t
k_eq_i32(const uint8_t *p, int32_t v)
{
	MASK(int32_t, x[i] == v);
}

static inline uint64_t
k_eq_i64(const uint8_t *p, int64_t v)
{
	MASK(int64_t, x[i] == v);
}

static inline uint64_t
k_nonzero_u8(const uint8_t *p)
{
	MASK(uint8_t, x[i] != 0);
}

static inline KTable
k_table(const uint64_t *table, size_t nbits)
{
	return nbits > 0 ? table[0] : 0;
}

static inline uint64_t
k_codes_small(const uint8_t *p, KTable t)
{
	MASK(uint32_t, (t >> (x[i] & 63)) & 1);
}

static inline uint64_t
k_codes_large(const uint8_t *p, const uint64_t *table)
{
	MASK(uint32_t, (table[x[i] >> 6] >> (x[i] & 63)) & 1);
}

typedef int64_t KSum32;
typedef LhI128 KSum64;

static inline KSum32
k_sum_i32_zero(void)
{
	return 0;
}

static inline KSum32
k_sum_i32(KSum32 acc, const uint8_t *p, uint64_t w)
{
	if (w == ~UINT64_C(0))
	{
		int32_t x[64];

		memcpy(x, p, sizeof(x));
		for (int i = 0; i < 64; i++)
			acc += x[i];
		return acc;
	}
	for (; w != 0; w &= w - 1)
		acc += lh_load_i32(p + 4 * __builtin_ctzll(w));
	return acc;
}

static inline int64_t
k_sum_i32_done(KSum32 acc)
{
	return acc;
}

static inline KSum64
k_sum_i64_zero(void)
{
	return 0;
}

static inline KSum64
k_sum_i64(KSum64 acc, const uint8_t *p, uint64_t w)
{
	if (w == ~UINT64_C(0))
	{
		for (int i = 0; i < 64; i++)
			acc += lh_load_i64(p + 8 * i);
		return acc;
	}
	for (; w != 0; w &= w - 1)
		acc += lh_load_i64(p + 8 * __builtin_ctzll(w));
	return acc;
}

static inline LhI128
k_sum_i64_done(KSum64 acc)
{
	return acc;
}

static inline KSum32
k_sum_codes_i32(KSum32 acc, const uint8_t *p, const void *values, uint64_t w)
{
	for (; w != 0; w &= w - 1)
	{
		uint32_t code = lh_load_u32(p + 4 * __builtin_ctzll(w));

		acc += lh_load_i32((const uint8_t *) values + (size_t) code * 4);
	}
	return acc;
}

static inline KSum64
k_sum_codes_i64(KSum64 acc, const uint8_t *p, const void *values, uint64_t w)
{
	for (; w != 0; w &= w - 1)
	{
		uint32_t code = lh_load_u32(p + 4 * __builtin_ctzll(w));

		acc += lh_load_i64((const uint8_t *) values + (size_t) code * 8);
	}
	return acc;
}

/* One struct and three functions a type. */
#define MINMAX(Name, suffix, type, load, size)                                   \
	typedef struct Name                                                          \
	{                                                                            \
		type min;                                                                \
		type max;                                                                \
	} Name;                                                                      \
	static inline Name k_minmax_##suffix##_start(type min, type max)             \
	{                                                                            \
		return (Name){min, max};                                                 \
	}                                                                            \
	static inline Name k_minmax_##suffix(Name acc, const uint8_t *p, uint64_t w) \
	{                                                                            \
		if (w == ~UINT64_C(0))                                                   \
		{                                                                        \
			type x[64];                                                          \
			memcpy(x, p, sizeof(x));                                             \
			for (int i = 0; i < 64; i++)                                         \
			{                                                                    \
				acc.min = x[i] < acc.min ? x[i] : acc.min;                       \
				acc.max = x[i] > acc.max ? x[i] : acc.max;                       \
			}                                                                    \
			return acc;                                                          \
		}                                                                        \
		for (; w != 0; w &= w - 1)                                               \
		{                                                                        \
			type x = load(p + (size) *__builtin_ctzll(w));                       \
			acc.min = x < acc.min ? x : acc.min;                                 \
			acc.max = x > acc.max ? x : acc.max;                                 \
		}                                                                        \
		return acc;                                                              \
	}                                                                            \
	static inline void k_minmax_##suffix##_done(Name acc, type *min, type *max)  \
	{                                                                            \
		*min = acc.min;                                                          \
		*max = acc.max;                                                          \
	}                                                                            \
	typedef Name Name##Used

MINMAX(KMinMaxI32, i32, int32_t, lh_load_i32, 4);
MINMAX(KMinMaxI64, i64, int64_t, lh_load_i64, 8);
MINMAX(KMinMaxF32, f32, float, lh_load_f32, 4);
MINMAX(KMinMaxF64, f64, double, lh_load_f64, 8);

static const uint8_t *
k_find(const uint8_t *hay, size_t n, const LhNeedle *needle)
{
	return memmem(hay, n, needle->bytes, needle->len);
}

static bool
k_is_ascii(const uint8_t *s, size_t n)
{
	uint64_t high = 0;

	for (; n >= 32; s += 32, n -= 32)
		high |= lh_load_u64(s) | lh_load_u64(s + 8) | lh_load_u64(s + 16) | lh_load_u64(s + 24);
	for (; n > 0; s++, n--)
		high |= *s;
	return (high & UINT64_C(0x8080808080808080)) == 0;
}

/* Bytes that do not continue a character: not 10xxxxxx. */
static size_t
k_utf8_length(const uint8_t *s, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t count = n;

	for (; n >= 8; s += 8, n -= 8)
	{
		uint64_t x = lh_load_u64(s);

		count -= (size_t) __builtin_popcountll((x >> 7) & ~(x >> 6) & ones);
	}
	for (; n > 0; s++, n--)
		count -= (*s & 0xC0) == 0x80;
	return count;
}

#include "vec/kernels_impl.h"
