/*
 * test_float_text.c
 *		The text of floats against a slow writer, and its powers of ten.
 *
 * The slow one asks libc for one digit, two, three ... until the decimal reads
 * back to the value and lies on no midpoint to its neighbours.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/float_powers.h"
#include "core/text.h"

/* v = digits * 10^exp */
typedef struct Decimal
{
	uint64_t digits;
	int exp;
} Decimal;

/* What differs between float and double. */
typedef struct Kind
{
	int mantissa_bits; /* with the hidden one */
	int max_digits;    /* so many always suffice */
} Kind;

static const Kind of_double = {DBL_MANT_DIG, DBL_DECIMAL_DIG};
static const Kind of_float = {FLT_MANT_DIG, FLT_DECIMAL_DIG};

/* v > 0 correctly rounded to n digits. */
static Decimal
rounded(double v, int n)
{
	char text[64];
	const char *p = text;
	Decimal r = {0, 0};

	snprintf(text, sizeof(text), "%.*e", n - 1, v);
	for (; *p != 'e'; p++)
	{
		if (*p >= '0' && *p <= '9')
			r.digits = r.digits * 10 + (uint64_t) (*p - '0');
	}
	r.exp = (int) strtol(p + 1, NULL, 10) - (n - 1);
	return r;
}

/* Is a.digits * 10^a.exp = m * 2^e, exactly? */
static bool
equals_binary(Decimal a, uint64_t m, int e)
{
	unsigned __int128 left = a.digits;
	unsigned __int128 right = m;
	int left_twos = a.exp;

	/* 5^28 has more bits than either side could supply */
	if (a.exp > 27 || a.exp < -27)
		return false;
	for (int i = 0; i < a.exp; i++)
		left *= 5;
	for (int i = 0; i > a.exp; i--)
		right *= 5;
	for (; (left & 1) == 0; left >>= 1)
		left_twos++;
	for (; (right & 1) == 0; right >>= 1)
		e++;
	return left == right && left_twos == e;
}

/* Does the decimal read back to v, and lie on no midpoint to v's neighbours? */
static bool
reads_back(const Kind *kind, Decimal a, double v, bool power_of_two)
{
	char text[32];
	int e;
	uint64_t m;

	snprintf(text, sizeof(text), "%llue%d", (unsigned long long) a.digits, a.exp);
	if (kind == &of_float ? strtof(text, NULL) != (float) v : strtod(text, NULL) != v)
		return false;
	m = (uint64_t) ldexp(frexp(v, &e), kind->mantissa_bits);
	e -= kind->mantissa_bits;
	if (m & 1)
		return true; /* ties go to the even neighbour */
	if (equals_binary(a, 2 * m + 1, e - 1))
		return false;
	return power_of_two ? !equals_binary(a, 4 * m - 1, e - 2) : !equals_binary(a, 2 * m - 1, e - 1);
}

static Decimal
shortest(const Kind *kind, double v)
{
	int e;
	bool power_of_two = frexp(v, &e) == 0.5;
	Decimal r;

	for (int n = 1;; n++)
	{
		r = rounded(v, n);
		if (n >= kind->max_digits || reads_back(kind, r, v, power_of_two))
			return r;
		r.digits++;
		if (power_of_two && reads_back(kind, r, v, power_of_two))
			return r;
	}
}

/* ---- against it ---- */

static uint64_t
next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Digits and exponent of a text, without leading and trailing zeros. */
static Decimal
parsed(const char *text)
{
	Decimal d = {0, 0};
	bool point = false;

	for (text += *text == '-'; *text != '\0' && *text != 'e'; text++)
	{
		point = point || *text == '.';
		if (*text == '.')
			continue;
		d.digits = d.digits * 10 + (uint64_t) (*text - '0');
		d.exp -= point;
	}
	if (*text == 'e')
		d.exp += (int) strtol(text + 1, NULL, 10);
	for (; d.digits != 0 && d.digits % 10 == 0; d.digits /= 10)
		d.exp++;
	return d;
}

static void
check(const Kind *kind, double v)
{
	Decimal slow, fast;
	char text[32];
	int n;

	if (v == 0 || !isfinite(v))
		return;
	n = kind == &of_float ? lh_format_float((float) v, text) : lh_format_double(v, text);
	assert_int_equal(n, strlen(text));
	assert_int_equal(text[0] == '-', v < 0);
	slow = shortest(kind, fabs(v));
	for (; slow.digits % 10 == 0; slow.digits /= 10)
		slow.exp++;
	fast = parsed(text);
	if (slow.digits != fast.digits || slow.exp != fast.exp)
		fail_msg("%a: %s, not %llue%d", v, text, (unsigned long long) slow.digits, slow.exp);
}

static double
double_of(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, 8);
	return v;
}

static float
float_of(uint32_t bits)
{
	float v;

	memcpy(&v, &bits, 4);
	return v;
}

static void
random_doubles_are_shortest(void **state)
{
	for (int i = 0; i < 30000; i++)
	{
		check(&of_double, double_of(next_random()));
		check(&of_double, (double) (int64_t) (next_random() >> next_random() % 64));
		check(&of_double,
			  (double) (next_random() % 1000000) / pow(10, (double) (next_random() % 6)));
		/* of the size of what people measure */
		check(&of_double, double_of((next_random() >> 12) | (1000 + next_random() % 60) << 52));
	}
}

static void
doubles_at_every_exponent_are_shortest(void **state)
{
	for (uint64_t e = 0; e < 2047; e++)
	{
		for (uint64_t m = 0; m < 3; m++)
		{
			check(&of_double, double_of(e << 52 | m));
			check(&of_double, double_of(e << 52 | ((UINT64_C(1) << 52) - 1 - m)));
		}
		check(&of_double, double_of(e << 52 | next_random() >> 12));
	}
	for (int e = -323; e <= 308; e++)
	{
		char text[16];
		uint64_t bits;
		double v;

		snprintf(text, sizeof(text), "1e%d", e);
		v = strtod(text, NULL);
		memcpy(&bits, &v, 8);
		for (int d = -3; d <= 3; d++)
			check(&of_double, double_of(bits + (uint64_t) (int64_t) d));
	}
}

static void
floats_are_shortest(void **state)
{
	for (uint32_t e = 0; e < 255; e++)
	{
		for (uint32_t m = 0; m < 40; m++)
		{
			check(&of_float, float_of(e << 23 | m));
			check(&of_float, float_of(e << 23 | (0x7fffff - m)));
			check(&of_float, float_of(e << 23 | (uint32_t) (next_random() >> 41)));
		}
	}
	for (int i = 0; i < 50000; i++)
		check(&of_float, float_of((uint32_t) next_random()));
}

/* ---- powers ---- */

#define WORDS 40 /* of 32 bits: 1280 */

typedef struct Big
{
	uint32_t word[WORDS]; /* the lowest first */
} Big;

static uint32_t
big_divide(Big *b, uint32_t by)
{
	uint64_t rest = 0;

	for (int i = WORDS - 1; i >= 0; i--)
	{
		rest = rest << 32 | b->word[i];
		b->word[i] = (uint32_t) (rest / by);
		rest %= by;
	}
	return (uint32_t) rest;
}

static void
big_multiply(Big *b, uint32_t by)
{
	uint64_t carry = 0;

	for (int i = 0; i < WORDS; i++)
	{
		carry += (uint64_t) b->word[i] * by;
		b->word[i] = (uint32_t) carry;
		carry >>= 32;
	}
	assert_int_equal(carry, 0);
}

static int
big_bit(const Big *b, int i)
{
	return i < 0 ? 0 : b->word[i / 32] >> (i % 32) & 1;
}

/* The upper 128 bits, and one more when anything is below them. */
static void
check_power(const Big *b, bool more, int i)
{
	const uint64_t *got = lh_float_powers[i - LH_FLOAT_POWER_LEAST];
	unsigned __int128 top = 0;
	int high = WORDS * 32 - 1;

	while (!big_bit(b, high))
		high--;
	for (int k = 0; k < 128; k++)
		top = top << 1 | (unsigned) big_bit(b, high - k);
	for (int k = high - 128; k >= 0; k--)
		more = more || big_bit(b, k);
	top += more;
	assert_true(got[0] == (uint64_t) (top >> 64) && got[1] == (uint64_t) top);
}

static void
powers_of_ten_are_exact(void **state)
{
	Big b = {{1}};
	bool more = false;

	for (int i = 0; i <= LH_FLOAT_POWER_MOST; i++)
	{
		check_power(&b, false, i);
		big_multiply(&b, 10);
	}
	/* 2^1279 / 10 / 10 ...: rounding down each time is rounding down once */
	memset(&b, 0, sizeof(b));
	b.word[WORDS - 1] = UINT32_C(1) << 31;
	for (int i = -1; i >= LH_FLOAT_POWER_LEAST; i--)
	{
		more = big_divide(&b, 10) != 0 || more;
		check_power(&b, more, i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_doubles_are_shortest),
		cmocka_unit_test(doubles_at_every_exponent_are_shortest),
		cmocka_unit_test(floats_are_shortest),
		cmocka_unit_test(powers_of_ten_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
