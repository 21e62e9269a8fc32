/*
 * take_numeric.c
 *		Numerics as decimals, read straight from PostgreSQL's own format.
 *
 * The digits of a numeric are in base 10000; digit i counts 10000^(weight - i).
 * The unscaled value of a decimal(p,s) is the number times 10^s, so digit i
 * counts 10^(s + 4 (weight - i)) there:
 *
 *	1. while that exponent is not negative, digits are appended to the value;
 *	2. of a digit whose exponent is -1 .. -3 the last decimals must be zeros;
 *	3. what comes behind must be zero;
 *	4. decimals that the number leaves out are filled up.
 *
 * The value stays below 10^38, which is checked before each multiplication.
 * Format: src/backend/utils/adt/numeric.c, struct NumericData.
 */
#include "pg/bridge/take_impl.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#define NBASE_DIGITS 4

/* The two highest bits of the header say what it is: */
#define KIND_MASK 0xC000
#define KIND_NEGATIVE 0x4000	/* the long form; 0 is its positive */
#define KIND_SHORT 0x8000
#define KIND_SPECIAL 0xC000		/* NaN or an infinity */
/* the short form: 10sd dddd dsww wwww */
#define SHORT_NEGATIVE 0x2000
#define SHORT_WEIGHT_SIGN 0x0040
#define SHORT_WEIGHT_MASK 0x003F

typedef struct Digits
{
	bool		negative;
	int			weight;			/* of the first */
	int			n;
	const char *p;				/* int16 each, perhaps unaligned */
} Digits;

/* False for NaN and the infinities. */
static inline bool
digits_of(const char *p, size_t len, Digits *out)
{
	uint16		header;
	int16		weight;

	memcpy(&header, p, sizeof(header));
	if ((header & KIND_MASK) == KIND_SPECIAL)
		return false;
	p += sizeof(header);
	len -= sizeof(header);
	if ((header & KIND_MASK) == KIND_SHORT)
	{
		out->negative = (header & SHORT_NEGATIVE) != 0;
		out->weight = (header & SHORT_WEIGHT_MASK) - (header & SHORT_WEIGHT_SIGN);
	}
	else
	{
		memcpy(&weight, p, sizeof(weight));
		out->negative = (header & KIND_MASK) == KIND_NEGATIVE;
		out->weight = weight;
		p += sizeof(weight);
		len -= sizeof(weight);
	}
	out->n = (int) (len / sizeof(int16));
	out->p = p;
	return true;
}

static inline uint32_t
digit_at(const Digits *d, int i)
{
	int16		digit;

	memcpy(&digit, d->p + i * sizeof(digit), sizeof(digit));
	return (uint32_t) digit;
}

/* v * 10^k + more, more < 10^k; false when it has more than 38 digits. */
static inline bool
append(LhI128 *v, int k, uint32_t more)
{
	if (unlikely(*v >= lh_pow10[LH_DECIMAL_MAX_PRECISION - k]))
		return false;
	*v = *v * lh_pow10_i64[k] + more;
	return true;
}

/* The unscaled magnitude; false when it has more than 38 digits, or digits behind the scale. */
static inline bool
unscaled(const Digits *d, int scale, LhI128 *out)
{
	LhI128		v = 0;
	int			exponent = scale + NBASE_DIGITS * d->weight;

	for (int i = 0; i < d->n; i++, exponent -= NBASE_DIGITS)
	{
		uint32_t	digit = digit_at(d, i);

		if (likely(exponent >= 0))
		{
			if (!append(&v, NBASE_DIGITS, digit))
				return false;
		}
		else if (exponent > -NBASE_DIGITS)
		{
			uint32_t	step = (uint32_t) lh_pow10_i64[-exponent];

			if (digit % step != 0 || !append(&v, NBASE_DIGITS + exponent, digit / step))
				return false;
		}
		else if (digit != 0)
			return false;
	}
	exponent += NBASE_DIGITS;
	if (exponent > 0 && v != 0)
	{
		if (exponent > LH_DECIMAL_MAX_PRECISION || v >= lh_pow10[LH_DECIMAL_MAX_PRECISION - exponent])
			return false;
		v *= lh_pow10[exponent];
	}
	*out = v;
	return true;
}

/* The nearest value that the decimal can hold; false when there is none: NaN. */
static bool
clamp(const LhTaker *t, Numeric num, LhI128 *out)
{
	LhI128		most = lh_pow10[t->type.precision] - 1;
	char	   *text;

	if (numeric_is_nan(num))
		return false;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(num)));
	*out = text[0] == '-' ? -most : most;
	if (!numeric_is_inf(num))
	{
		/* too many decimals: they are rounded; too large even then: the largest */
		Numeric		rounded = DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(num),
																  Int32GetDatum(t->type.scale)));
		Digits		d;
		LhI128		v;

		if (digits_of(VARDATA_ANY(rounded), VARSIZE_ANY_EXHDR(rounded), &d) &&
			unscaled(&d, t->type.scale, &v) && v <= most)
			*out = d.negative ? -v : v;
	}
	return true;
}

static bool
out_of_range(LhTaker *t, Datum value, LhI128 *out)
{
	Numeric		num = DatumGetNumeric(value);

	if (t->take->options.out_of_range == LH_RANGE_NULL)
		return false;
	if (t->take->options.out_of_range == LH_RANGE_CLAMP && clamp(t, num, out))
		return true;
	lh_take_out_of_range(t, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						 DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(num))));
}

static bool
take_decimal(LhTaker *t, Datum value)
{
	struct varlena *num = PG_DETOAST_DATUM_PACKED(value);
	LhI128		v = 0;
	Digits		d;

	if (likely(digits_of(VARDATA_ANY(num), VARSIZE_ANY_EXHDR(num), &d) && unscaled(&d, t->type.scale, &v) &&
			   v < lh_pow10[t->type.precision]))
		v = d.negative ? -v : v;
	else if (!out_of_range(t, value, &v))
		return false;
	switch (t->type.lane)
	{
		case LH_LANE_I32:
			((int32_t *) t->data.data)[t->n] = (int32_t) v;
			break;
		case LH_LANE_I64:
			((int64_t *) t->data.data)[t->n] = (int64_t) v;
			break;
		default:
			((LhI128 *) t->data.data)[t->n] = v;
			break;
	}
	return true;
}

/*
 * Digits of numeric(p,s) as a decimal: a negative scale means zeros before the
 * point, a scale above the precision zeros behind it.  False: not declared, or
 * more than 38.
 */
static bool
declared(int32 typmod, int *precision, int *scale)
{
	int			mod = typmod - (int) VARHDRSZ;

	if (mod < 0)
		return false;
	*precision = (mod >> 16) & 0xffff;
	*scale = ((mod & 0x7ff) ^ 1024) - 1024;
	if (*scale < 0)
	{
		*precision -= *scale;
		*scale = 0;
	}
	*precision = Max(*precision, *scale);
	return *precision <= LH_DECIMAL_MAX_PRECISION;
}

bool
lh_take_numeric(LhTaker *t)
{
	const LhTakeOptions *options = &t->take->options;
	int			precision = options->precision,
				scale = options->scale;

	if (t->typid != NUMERICOID)
		return false;
	if (!declared(t->typmod, &precision, &scale))
	{
		if (options->numeric == LH_TAKE_TEXT)
			return false;
		if (options->numeric == LH_TAKE_ERROR)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" has type %s, which is no Parquet decimal", t->name,
							format_type_with_typemod(t->typid, t->typmod)),
					 errdetail("A decimal has a precision of at most 38 digits and a scale, the same for all rows."),
					 errhint("Cast the column to numeric(p,s), or set the option numeric to \"text\" or \"decimal(p,s)\".")));
		precision = options->precision;
		scale = options->scale;
	}
	t->type.id = LH_T_DECIMAL;
	t->type.lane = precision <= 9 ? LH_LANE_I32 : precision <= 18 ? LH_LANE_I64 : LH_LANE_I128;
	t->type.precision = (int16_t) precision;
	t->type.scale = (int16_t) scale;
	t->fn = take_decimal;
	return true;
}
