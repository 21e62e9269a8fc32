/*
 * bitslice.h
 *		Bits that do not begin where words do.
 */
#ifndef LH_SCAN_BITSLICE_H
#define LH_SCAN_BITSLICE_H

#include "core/bits.h"

/* n bits, at most 64, from bit "at" on; no word is touched that holds none of them. */
static inline uint64_t
lh_bits_get(const uint64_t *from, size_t at, size_t n)
{
	size_t bit = at % 64;
	uint64_t w = from[at / 64] >> bit;

	if (bit + n > 64)
		w |= from[at / 64 + 1] << (64 - bit);
	return w & lh_low_bits((int) n);
}

/* Bits [first, first + n) to the beginning of "to", the rest of whose last word is cleared. */
static inline void
lh_bits_slice(const uint64_t *from, size_t first, size_t n, uint64_t *to)
{
	for (size_t i = 0; i < n; i += 64)
		to[i / 64] = lh_bits_get(from, first + i, n - i < 64 ? n - i : 64);
}

/* The other way round: n bits of from (NULL: ones), from "first" on, to those from "at" on, which are 0. */
static inline void
lh_bits_put(uint64_t *to, size_t at, const uint64_t *from, size_t first, size_t n)
{
	for (size_t i = 0; i < n; i += 64)
	{
		size_t some = n - i < 64 ? n - i : 64, bit = (at + i) % 64;
		uint64_t w = from != NULL ? lh_bits_get(from, first + i, some) : lh_low_bits((int) some);

		to[(at + i) / 64] |= w << bit;
		if (bit + some > 64)
			to[(at + i) / 64 + 1] |= w >> (64 - bit);
	}
}

#endif
