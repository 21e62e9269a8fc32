/*
 * digits.h
 *		Integers to decimal digits, eight at a time.
 *
 * A number below 10^8 is halved into four digits each, these into two, these
 * into one, all halves side by side in one 64-bit word (D. Lemire and P. Khuong
 * describe the method); the quotients by multiplication are exact for these ranges.
 *
 * Writers may store up to 8 bytes beyond what they write.
 */
#ifndef LH_CORE_DIGITS_H
#define LH_CORE_DIGITS_H

#include <stdint.h>
#include <string.h>

#define LH_DIGITS_ZERO UINT64_C(0x3030303030303030)

extern const char lh_digit_pairs[201]; /* "00" to "99"; in float_text.c */

/* Eight digits of v < 10^8 as bytes 0..9, the first in the lowest byte. */
static inline uint64_t
lh_digits8(uint32_t v)
{
	uint64_t fours = (v / 10000) | (uint64_t) (v % 10000) << 32;
	uint64_t high = (fours * 10486) >> 20 & UINT64_C(0x0000007f0000007f);
	uint64_t twos = high | (fours - high * 100) << 16;

	high = (twos * 103) >> 10 & UINT64_C(0x000f000f000f000f);
	return high | (twos - high * 10) << 8;
}

/* v < 10^8 in eight places. */
static inline char *
lh_digits_all8(char *p, uint32_t v)
{
	uint64_t d = lh_digits8(v) | LH_DIGITS_ZERO;

	memcpy(p, &d, 8);
	return p + 8;
}

/* v < 10^8 without leading zeros. */
static inline char *
lh_digits_some8(char *p, uint32_t v)
{
	uint64_t d;
	int zeros;

	if (v < 10)
	{
		*p = (char) ('0' + v);
		return p + 1;
	}
	d = lh_digits8(v);
	zeros = __builtin_ctzll(d) >> 3;
	d = (d | LH_DIGITS_ZERO) >> (8 * zeros);
	memcpy(p, &d, 8);
	return p + 8 - zeros;
}

static inline char *
lh_digits_u64(char *p, uint64_t v)
{
	if (v < 100000000)
		return lh_digits_some8(p, (uint32_t) v);
	if (v < UINT64_C(10000000000000000))
		p = lh_digits_some8(p, (uint32_t) (v / 100000000));
	else
	{
		p = lh_digits_some8(p, (uint32_t) (v / UINT64_C(10000000000000000)));
		p = lh_digits_all8(p, (uint32_t) (v / 100000000 % 100000000));
	}
	return lh_digits_all8(p, (uint32_t) (v % 100000000));
}

static inline char *
lh_digits_i64(char *p, int64_t v)
{
	*p = '-';
	return lh_digits_u64(p + (v < 0), v < 0 ? 0 - (uint64_t) v : (uint64_t) v);
}

/* v < 100 in two places; v < 10,000 in four. */
static inline char *
lh_digits_2(char *p, uint32_t v)
{
	memcpy(p, lh_digit_pairs + 2 * v, 2);
	return p + 2;
}

static inline char *
lh_digits_4(char *p, uint32_t v)
{
	memcpy(p, lh_digit_pairs + 2 * (v / 100), 2);
	memcpy(p + 2, lh_digit_pairs + 2 * (v % 100), 2);
	return p + 4;
}

#endif
