/*
 * bits.h
 *		Bitmaps of 64-bit words: bit i of word i/64 belongs to row i.
 */
#ifndef LH_CORE_BITS_H
#define LH_CORE_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define LH_WORDS(n) (((size_t) (n) + 63) / 64)

static inline bool
lh_bit_get(const uint64_t *w, size_t i)
{
	return (w[i >> 6] >> (i & 63)) & 1;
}

static inline void
lh_bit_set(uint64_t *w, size_t i)
{
	w[i >> 6] |= UINT64_C(1) << (i & 63);
}

static inline void
lh_bit_clear(uint64_t *w, size_t i)
{
	w[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

/* Signed numbers as unsigned ones: 0, -1, 1, -2... */
static inline int64_t
lh_unzigzag(uint64_t v)
{
	return (int64_t) (v >> 1) ^ -(int64_t) (v & 1);
}

/* n low bits set; n in 0..64 */
static inline uint64_t
lh_low_bits(int n)
{
	return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

/* Set bits [from, to) */
static inline void
lh_bits_set_range(uint64_t *w, size_t from, size_t to)
{
	size_t		a = from >> 6,
				b = to >> 6;

	if (from >= to)
		return;
	if (a == b)
	{
		w[a] |= lh_low_bits((int) (to - from)) << (from & 63);
		return;
	}
	w[a++] |= ~UINT64_C(0) << (from & 63);
	while (a < b)
		w[a++] = ~UINT64_C(0);
	if (to & 63)
		w[b] |= lh_low_bits((int) (to & 63));
}

/* Without the instruction the compiler's builtin is a call for each word. */
static inline size_t
lh_bits_count_word(uint64_t x)
{
#ifdef __POPCNT__
	return (size_t) __builtin_popcountll(x);
#else
	x -= x >> 1 & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
	return (size_t) (x * UINT64_C(0x0101010101010101) >> 56);
#endif
}

static inline size_t
lh_bits_count(const uint64_t *w, size_t nwords)
{
	size_t		c = 0;

	for (size_t i = 0; i < nwords; i++)
		c += lh_bits_count_word(w[i]);
	return c;
}

#endif
