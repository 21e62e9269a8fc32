/*
 * float_text.c
 *		Shortest decimal text of floats and doubles, as PostgreSQL prints it.
 *
 * PostgreSQL (extra_float_digits = 1) prints the shortest decimal that lies
 * strictly between the midpoints to the neighbouring values, and of those the
 * closest.  A decimal on a midpoint would read back to an even mantissa, but
 * PostgreSQL does not use it: 1e23 is printed as 9.999999999999999e+22.
 *
 *	1. Most values of real columns are short decimals or integers: find d and k
 *	   with v = d / 10^k by trying k = 0, 1, 2, ...  A decimal of at most 15
 *	   digits (float: 6) that reads back is the only one, hence the shortest.
 *	2. Otherwise let libc round to 15, 16, 17 digits (float: 6 to 9) and read
 *	   back; subnormals have less precision and start at one digit.  Above a
 *	   power of two the interval is wider than below it, so that there the
 *	   next decimal upward is tried too.
 *
 * Neither step depends on the locale: no text with a decimal point is read.
 */
#include "core/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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
	int min_digits;    /* every decimal of so many digits survives */
	int max_digits;    /* so many always suffice */
	int fixed_digits;  /* from this power of ten on: scientific */
	int max_tries;     /* of k in step 1 */
	double min_normal;
} Kind;

static const Kind of_double = {DBL_MANT_DIG, DBL_DIG, DBL_DECIMAL_DIG, 15, 12, DBL_MIN};
/* with k <= 7 the double quotient of step 1 cannot round to another float */
static const Kind of_float = {FLT_MANT_DIG, FLT_DIG, FLT_DECIMAL_DIG, 6, 7, FLT_MIN};

static const double pow10_double[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
									  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

static bool
same(const Kind *kind, double a, double v)
{
	return kind == &of_float ? (float) a == (float) v : a == v;
}

/* Step 1 for v > 0; false when v is not so short. */
static bool
short_decimal(const Kind *kind, double v, Decimal *out)
{
	double limit = pow10_double[kind->min_digits];

	for (int k = 0; k <= kind->max_tries; k++)
	{
		double scaled = v * pow10_double[k] + 0.5;
		uint64_t d;

		if (scaled >= limit)
			return false;
		d = (uint64_t) scaled;
		if (d > 0 && same(kind, (double) d / pow10_double[k], v))
		{
			*out = (Decimal){d, -k};
			return true;
		}
	}
	return false;
}

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

	if (short_decimal(kind, v, &r))
		return r;
	for (int n = v < kind->min_normal ? 1 : kind->min_digits;; n++)
	{
		r = rounded(v, n);
		if (n >= kind->max_digits || reads_back(kind, r, v, power_of_two))
			return r;
		r.digits++;
		if (power_of_two && reads_back(kind, r, v, power_of_two))
			return r;
	}
}

/* d.ddde+XX; n digits, the first counts 10^exp. */
static char *
put_scientific(char *out, const char *digits, int n, int exp)
{
	*out++ = digits[0];
	if (n > 1)
	{
		*out++ = '.';
		memcpy(out, digits + 1, (size_t) n - 1);
		out += n - 1;
	}
	return out + snprintf(out, 8, "e%c%02d", exp < 0 ? '-' : '+', abs(exp));
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

static int
format(const Kind *kind, double v, char *out)
{
	char digits[24];
	char *end = out;
	Decimal r;
	int n, exp;

	if (isnan(v))
		return (int) (stpcpy(out, "NaN") - out);
	if (signbit(v))
		*end++ = '-';
	if (isinf(v))
		return (int) (stpcpy(end, "Infinity") - out);
	if (v == 0)
		return (int) (stpcpy(end, "0") - out);

	r = shortest(kind, fabs(v));
	for (; r.digits % 10 == 0; r.digits /= 10)
		r.exp++;
	n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long) r.digits);
	exp = r.exp + n - 1;
	if (exp < -4 || exp >= kind->fixed_digits)
		end = put_scientific(end, digits, n, exp);
	else
		end = put_fixed(end, digits, n, exp);
	*end = '\0';
	return (int) (end - out);
}

int
lh_format_double(double v, char out[32])
{
	return format(&of_double, v, out);
}

int
lh_format_float(float v, char out[32])
{
	return format(&of_float, v, out);
}
