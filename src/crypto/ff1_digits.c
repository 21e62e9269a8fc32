/*
 * ff1_digits.c
 *		Decimal digits as numbers and back, eight at a time in one register.
 *
 * A half of up to 16 digits is two groups of eight with zeros in front.  Which digits there are, no
 * branch depends on; where one is none, the string is refused.
 */
#include "crypto/ff1_internal.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The number of eight ASCII digits; *bad gets bits set where one is none. */
static inline uint64_t
parse8(uint64_t text, uint64_t *bad)
{
	uint64_t x = text ^ EACH('0');

	/* now 0 to 9; 6 more stays below 16 */
	*bad |= (x | (x + EACH(6))) & EACH(0xf0);
	/* pairs, then fours, then all eight; the first character is the lowest byte */
	x = x * 10 + (x >> 8);
	return ((x & UINT64_C(0x000000ff000000ff)) * (100 + (UINT64_C(1000000) << 32)) +
			(x >> 16 & UINT64_C(0x000000ff000000ff)) * (1 + (UINT64_C(10000) << 32))) >>
		   32;
}

/* Eight ASCII digits of x < 10^8. */
static inline uint64_t
format8(uint64_t x)
{
	uint64_t fours = x / 10000 + (x % 10000 << 32);
	/* x / 100 for x < 10^4, and x / 10 for x < 100, in all places at once */
	uint64_t high = (fours * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
	uint64_t pairs = high + ((fours - high * 100) << 16);
	uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000f000f000f000f);

	return (tens + ((pairs - tens * 10) << 8)) | EACH('0');
}

/* Up to eight digits, '0' in front of them. */
static inline uint64_t
load_digits(const char *p, size_t n)
{
	uint64_t text = EACH('0');

	memcpy((char *) &text + 8 - n, p, n);
	return text;
}

static inline uint64_t
parse(const char *p, size_t n, uint64_t *bad)
{
	if (n <= 8)
		return parse8(load_digits(p, n), bad);
	return parse8(load_digits(p, n - 8), bad) * 100000000 + parse8(lh_load_u64(p + n - 8), bad);
}

static inline void
format(char *p, size_t n, uint64_t x)
{
	uint64_t text;

	if (n > 8)
	{
		text = format8(x % 100000000);
		memcpy(p + n - 8, &text, 8);
		x /= 100000000;
		n -= 8;
	}
	text = format8(x);
	memcpy(p, (char *) &text + 8 - n, n);
}

static inline __attribute__((always_inline)) uint64_t
parse_all(const char *in, size_t count, size_t u, size_t v, uint64_t *left, uint64_t *right)
{
	uint64_t bad = 0;

	for (size_t j = 0; j < count; j++, in += u + v)
	{
		left[j] = parse(in, u, &bad);
		right[j] = parse(in + u, v, &bad);
	}
	return bad;
}

size_t
lh_ff1_parse_digits(const LhFf1Kernels *k, const char *in, size_t count, size_t u, size_t v,
					uint64_t *left, uint64_t *right)
{
	uint64_t bad;

	/* the length of most: card numbers */
	if (u != 8 || v != 8)
		bad = parse_all(in, count, u, v, left, right);
	else if (k->parse16 != NULL)
		bad = !k->parse16(in, count, left, right);
	else
		bad = parse_all(in, count, 8, 8, left, right);

	if (bad == 0)
		return count;
	for (size_t i = 0; i < count * (u + v); i++)
	{
		if (in[i] < '0' || in[i] > '9')
			return i / (u + v);
	}
	return count;
}

static inline __attribute__((always_inline)) void
format_all(char *out, size_t count, size_t u, size_t v, const uint64_t *left, const uint64_t *right)
{
	for (size_t j = 0; j < count; j++, out += u + v)
	{
		format(out, u, left[j]);
		format(out + u, v, right[j]);
	}
}

void
lh_ff1_format_digits(const LhFf1Kernels *k, char *out, size_t count, size_t u, size_t v,
					 const uint64_t *left, const uint64_t *right)
{
	if (u != 8 || v != 8)
		format_all(out, count, u, v, left, right);
	else if (k->format16 != NULL)
		k->format16(out, count, left, right);
	else
		format_all(out, count, 8, 8, left, right);
}
