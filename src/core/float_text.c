/*
 * float_text.c
 *		Shortest decimal text of floats and doubles, as PostgreSQL prints it.
 *
 * PostgreSQL (extra_float_digits = 1) prints the shortest decimal that lies
 * strictly between the midpoints to the neighbouring values, and of those the
 * closest.  A decimal on a midpoint would read back to an even mantissa, but
 * PostgreSQL does not use it: 1e23 is printed as 9.999999999999999e+22.
 *
 * The method is R. Giulietti's ("The Schubfach way to render doubles", 2021).
 * For v = c * 2^q with its interval from one midpoint to the other:
 *
 *	1. k is the power of ten for which 10^k is at most the interval's width: so
 *	   at least one multiple of 10^k lies inside, and at most one of 10^(k + 1).
 *	2. Midpoints and v are divided by 10^k, as four times the integer part, by a
 *	   product with 128 bits of the power; the lowest bit is set when anything was
 *	   cut off.  So many bits suffice to compare them with integers.
 *	3. If a multiple of 10^(k + 1) is inside, it is the shortest; else the
 *	   multiple of 10^k that is closest to v, of two that are equally close the even one.
 *
 * Nothing depends on the locale.
 */
#include "core/text.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/digits.h"
#include "core/float_powers.h"

#define TEN(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"

const char lh_digit_pairs[201] =
	TEN("0") TEN("1") TEN("2") TEN("3") TEN("4") TEN("5") TEN("6") TEN("7") TEN("8") TEN("9");

/* v = digits * 10^exp */
typedef struct Decimal
{
	uint64_t digits;
	int exp;
} Decimal;

/* v = c * 2^q; uneven: the interval below v is half as wide, as v is a power of two */
typedef struct Binary
{
	uint64_t c;
	int q;
	bool uneven;
} Binary;

/* Logarithms by multiplication, rounded down; exact for all exponents of a double. */
static inline int
log10_of_power_of_two(int e)
{
	return (e * 1262611) >> 22;
}

static inline int
log10_of_three_quarters(int e) /* of 3/4 * 2^e */
{
	return (e * 1262611 - 524031) >> 22;
}

static inline int
log2_of_power_of_ten(int e)
{
	return (e * 1741647) >> 19;
}

/* The product of a power's 128 bits and n, without its lower 128 bits; they count as one bit. */
static inline uint64_t
product_to_odd(const uint64_t power[2], uint64_t n)
{
	unsigned __int128 low = (unsigned __int128) power[1] * n;
	unsigned __int128 all = (unsigned __int128) power[0] * n + (uint64_t) (low >> 64);

	/* powers are rounded up: a rest of 1 is that rounding's */
	return (uint64_t) (all >> 64) | ((uint64_t) all > 1);
}

/* Steps 1 to 3 */
static inline Decimal
shortest(Binary v)
{
	int k = v.uneven ? log10_of_three_quarters(v.q) : log10_of_power_of_two(v.q);
	int h = v.q + log2_of_power_of_ten(-k) + 1;
	const uint64_t *power = lh_float_powers[-k - LH_FLOAT_POWER_LEAST];
	uint64_t value = product_to_odd(power, (4 * v.c) << h);
	/* the midpoints are outside: the least and the most that is inside */
	uint64_t least = product_to_odd(power, (4 * v.c - 2 + v.uneven) << h) + 1;
	uint64_t most = product_to_odd(power, (4 * v.c + 2) << h) - 1;
	uint64_t s = value / 4, tens = s / 10;
	bool below, above;

	below = least <= 40 * tens;
	above = 40 * tens + 40 <= most;
	if (below != above)
		return (Decimal){tens + above, k + 1};
	below = least <= 4 * s;
	above = 4 * s + 4 <= most;
	if (below != above)
		return (Decimal){s + above, k};
	/* value has bits behind the point: 2 is a half, and with the lowest one more than that */
	above = value > 4 * s + 2 || (value == 4 * s + 2 && (s & 1) != 0);
	return (Decimal){s + above, k};
}

static inline Decimal
without_trailing_zeros(Decimal d)
{
	if (d.digits % 100000000 == 0)
		d = (Decimal){d.digits / 100000000, d.exp + 8};
	if (d.digits % 10000 == 0)
		d = (Decimal){d.digits / 10000, d.exp + 4};
	if (d.digits % 100 == 0)
		d = (Decimal){d.digits / 100, d.exp + 2};
	if (d.digits % 10 == 0)
		d = (Decimal){d.digits / 10, d.exp + 1};
	return d;
}

/* d.ddde+XX; n digits, the first counts 10^exp. */
static char *
put_scientific(char *out, const char *digits, int n, int exp)
{
	unsigned e = (unsigned) abs(exp);

	*out++ = digits[0];
	if (n > 1)
	{
		*out++ = '.';
		memcpy(out, digits + 1, (size_t) n - 1);
		out += n - 1;
	}
	*out++ = 'e';
	*out++ = exp < 0 ? '-' : '+';
	if (e >= 100)
		*out++ = (char) ('0' + e / 100);
	return lh_digits_2(out, e % 100);
}

static char *
put_fixed(char *out, const char *digits, int n, int exp)
{
	int whole = exp + 1; /* digits before the point; may be negative */

	if (whole <= 0)
	{
		*out++ = '0';
		*out++ = '.';
		memset(out, '0', (size_t) -whole);
		memcpy(out - whole, digits, (size_t) n);
		return out - whole + n;
	}
	if (n <= whole)
	{
		memcpy(out, digits, (size_t) n);
		memset(out + n, '0', (size_t) (whole - n));
		return out + whole;
	}
	memcpy(out, digits, (size_t) whole);
	out[whole] = '.';
	memcpy(out + whole + 1, digits + whole, (size_t) (n - whole));
	return out + n + 1;
}

/* The text of a finite value that is not 0; from 10^fixed_digits on it is scientific. */
static char *
put_decimal(char *out, Binary v, int fixed_digits)
{
	Decimal d = without_trailing_zeros(shortest(v));
	char digits[32];
	int n = (int) (lh_digits_u64(digits, d.digits) - digits);
	int exp = d.exp + n - 1;

	if (exp < -4 || exp >= fixed_digits)
		return put_scientific(out, digits, n, exp);
	return put_fixed(out, digits, n, exp);
}

/* NaN, infinities and zeros; NULL: v is none of them. */
static char *
put_special(double v, char *out)
{
	if (isnan(v))
		return stpcpy(out, "NaN");
	if (isinf(v))
		return stpcpy(out, v < 0 ? "-Infinity" : "Infinity");
	if (v == 0)
		return stpcpy(out, signbit(v) ? "-0" : "0");
	return NULL;
}

/* Mantissa and exponent field of an IEEE format whose mantissa has so many stored bits. */
static inline Binary
binary(uint64_t mantissa, int exponent, int bits, int bias)
{
	if (exponent == 0)
		return (Binary){mantissa, 1 - bias - bits, false};
	return (Binary){mantissa | UINT64_C(1) << bits, exponent - bias - bits,
					mantissa == 0 && exponent > 1};
}

int
lh_format_double(double v, char out[32])
{
	char *end = put_special(v, out);

	if (end == NULL)
	{
		const int bits = DBL_MANT_DIG - 1;
		uint64_t u;

		memcpy(&u, &v, sizeof(u));
		*out = '-';
		end = put_decimal(out + (u >> 63),
						  binary(u & ((UINT64_C(1) << bits) - 1), (int) (u >> bits & 0x7ff), bits,
								 DBL_MAX_EXP - 1),
						  15);
		*end = '\0';
	}
	return (int) (end - out);
}

int
lh_format_float(float v, char out[32])
{
	char *end = put_special(v, out);

	if (end == NULL)
	{
		const int bits = FLT_MANT_DIG - 1;
		uint32_t u;

		memcpy(&u, &v, sizeof(u));
		*out = '-';
		end = put_decimal(out + (u >> 31),
						  binary(u & ((UINT32_C(1) << bits) - 1), (int) (u >> bits & 0xff), bits,
								 FLT_MAX_EXP - 1),
						  6);
		*end = '\0';
	}
	return (int) (end - out);
}
