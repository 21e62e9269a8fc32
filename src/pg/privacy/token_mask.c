/*
 * token_mask.c
 *		Masks that need keys: their names, their twins, and the gate between.
 *
 * Names answer NULL.  A twin looks at its last argument: only lakehouse.mask_gate gives what it
 * expects, an address of this library, and SQL can call neither, as it has no value of type internal.
 *
 * Twins check no right of the subject: whoever made the policy had the right to show its tokens.  They do not raise for
 * a value, and never give it back; a domain or a key that is not there is an ERROR.
 */
#include "pg/privacy/token_state.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "pg/privacy/mask_table.h"

extern PGDLLEXPORT Datum lakehouse_mask_name(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_gate(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_name);
PG_FUNCTION_INFO_V1(lakehouse_mask_gate);

const char	lh_mask_gate;

/* All names of keyed masks. */
Datum
lakehouse_mask_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_NULL();
}

/* Is this the call that the planner hook makes?  Or one of a superuser's own function, without arguments. */
static bool
is_ours(const FmgrInfo *flinfo)
{
	const FuncExpr *call = flinfo != NULL && flinfo->fn_expr != NULL && IsA(flinfo->fn_expr, FuncExpr) ?
		(const FuncExpr *) flinfo->fn_expr : NULL;

	return call != NULL && (call->args == NIL || call->inputcollid == LH_MASK_GATE_MARK);
}

Datum
lakehouse_mask_gate(PG_FUNCTION_ARGS)
{
	if (!is_ours(fcinfo->flinfo))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(&lh_mask_gate);
}

/* Twins have it as their last argument. */
#define CLOSED(n) (PG_GETARG_POINTER(n) != &lh_mask_gate)

#define TWIN(name) \
	extern PGDLLEXPORT Datum lakehouse_mask_##name##_run(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(lakehouse_mask_##name##_run)

/* ---- mask_fpe ---- */

static LhMaskOutcome
outcome_of(LhCannot why)
{
	switch (why)
	{
		case LH_CANNOT_NOT:
		case LH_CANNOT_NULL:
			return LH_MASK_DONE;
		case LH_CANNOT_UTF8:
			return LH_MASK_ENCODING;
		case LH_CANNOT_LENGTH:
			return LH_MASK_LONG;
		case LH_CANNOT_SMALL:
			return LH_MASK_SHORT;
		case LH_CANNOT_RANGE:
			return LH_MASK_RANGE;
		case LH_CANNOT_CHARACTER:
		case LH_CANNOT_LUHN:
		case LH_CANNOT_FORM:
			break;
	}
	return LH_MASK_FORM;
}

static inline bool
same_text(Datum a, Datum b)
{
	text	   *x = DatumGetTextPP(a);
	text	   *y = DatumGetTextPP(b);

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
		memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

static inline bool
same_numeric(Datum a, Datum b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
}

static inline bool
same_uuid(Datum a, Datum b)
{
	return memcmp(DatumGetUUIDP(a)->data, DatumGetUUIDP(b)->data, UUID_LEN) == 0;
}

#define same_bigint(a, b)  (DatumGetInt64(a) == DatumGetInt64(b))
#define same_integer(a, b) (DatumGetInt32(a) == DatumGetInt32(b))
#define same_date(a, b)    (DatumGetDateADT(a) == DatumGetDateADT(b))

/* A fixed point of the permutation is a value that would be shown: NULL. */
#define FPE(type, KIND) \
	TWIN(fpe_##type); \
	Datum \
	lakehouse_mask_fpe_##type##_run(PG_FUNCTION_ARGS) \
	{ \
		LhTokenCall *call; \
		LhCannot	why; \
		Datum		result; \
		if (CLOSED(2)) \
			PG_RETURN_NULL(); \
		call = lh_token_begin(fcinfo, 1, LH_KINDS_##KIND, LH_DOMAIN_MASK); \
		result = lh_through_##type(call->domain, LH_FF1_ENCRYPT, PG_GETARG_DATUM(0), &why); \
		if (likely(why == LH_CANNOT_NOT && !same_##type(result, PG_GETARG_DATUM(0)))) \
			return result; \
		lh_mask_count(LH_MASK_ID_FPE, why == LH_CANNOT_NOT ? LH_MASK_SAME : outcome_of(why)); \
		PG_RETURN_NULL(); \
	}

FPE(text, TEXT)
FPE(numeric, NUMERIC)
FPE(bigint, BIGINT)
FPE(integer, INTEGER)
FPE(uuid, UUID)
FPE(date, DATE)

/* ---- mask_hash, mask_fake_* ---- */

/* The domain, and the value as UTF-8; NULL: there is no such. */
static const LhKeyed *
begin_text(FunctionCallInfo fcinfo, LhMaskId mask, LhSlice *value)
{
	LhTokenCall *call = lh_token_begin(fcinfo, 1, LH_KINDS_ANY, LH_DOMAIN_MASK);
	text	   *in = PG_GETARG_TEXT_PP(0);

	*value = lh_token_utf8(LH_TEXT_SLICE(in));
	if (value->data != NULL)
		return call->domain->keyed;
	lh_mask_count(mask, LH_MASK_ENCODING);
	return NULL;
}

TWIN(hash);
Datum
lakehouse_mask_hash_run(PG_FUNCTION_ARGS)
{
	const LhKeyed *keyed;
	LhSlice		value;
	text	   *result;

	if (CLOSED(2) || (keyed = begin_text(fcinfo, LH_MASK_ID_HASH, &value)) == NULL)
		PG_RETURN_NULL();
	result = palloc(VARHDRSZ + LH_KEYED_HASH);
	SET_VARSIZE(result, VARHDRSZ + LH_KEYED_HASH);
	lh_keyed_hash(keyed, value, VARDATA(result));
	/* no one has seen it, but it costs nothing */
	if (value.len == LH_KEYED_HASH && memcmp(value.data, VARDATA(result), LH_KEYED_HASH) == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}

#define FAKE(name, ID) \
	TWIN(fake_##name); \
	Datum \
	lakehouse_mask_fake_##name##_run(PG_FUNCTION_ARGS) \
	{ \
		const LhKeyed *keyed; \
		char		fake[LH_FAKE_MOST]; \
		LhSlice		value; \
		if (CLOSED(2) || (keyed = begin_text(fcinfo, LH_MASK_ID_FAKE_##ID, &value)) == NULL) \
			PG_RETURN_NULL(); \
		PG_RETURN_TEXT_P(cstring_to_text_with_len(fake, (int) lh_fake(keyed, LH_FAKE_##ID, value, fake))); \
	}

FAKE(first_name, FIRST_NAME)
FAKE(last_name, LAST_NAME)
FAKE(name, NAME)
FAKE(city, CITY)
FAKE(company, COMPANY)
FAKE(street, STREET)
FAKE(email, EMAIL)
FAKE(phone, PHONE)

/* ---- mask_date_shift ---- */

/* Days by which the dates of argument 1's subject are moved; 0: it cannot be. */
static int64
begin_shift(FunctionCallInfo fcinfo)
{
	LhTokenCall *call = lh_token_begin(fcinfo, 2, LH_KINDS_DATE, LH_DOMAIN_MASK);
	text	   *subject = PG_GETARG_TEXT_PP(1);
	LhSlice		utf8 = lh_token_utf8(LH_TEXT_SLICE(subject));

	if (utf8.data != NULL)
		return lh_keyed_shift(call->domain->keyed, utf8, call->domain->shift_days);
	lh_mask_count(LH_MASK_ID_DATE_SHIFT, LH_MASK_ENCODING);
	return 0;
}

TWIN(date_shift_date);
Datum
lakehouse_mask_date_shift_date_run(PG_FUNCTION_ARGS)
{
	DateADT		date = PG_GETARG_DATEADT(0);
	int64		days;

	if (CLOSED(3) || (days = begin_shift(fcinfo)) == 0)
		PG_RETURN_NULL();
	days += date;
	if (!DATE_NOT_FINITE(date) && days >= DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE &&
		days < DATE_END_JULIAN - POSTGRES_EPOCH_JDATE)
		PG_RETURN_DATEADT((DateADT) days);
	lh_mask_count(LH_MASK_ID_DATE_SHIFT, LH_MASK_RANGE);
	PG_RETURN_NULL();
}

/* With and without a time zone: by days of 24 hours. */
TWIN(date_shift_timestamp);
Datum
lakehouse_mask_date_shift_timestamp_run(PG_FUNCTION_ARGS)
{
	Timestamp	t = PG_GETARG_TIMESTAMP(0);
	Timestamp	moved;
	int64		days;

	if (CLOSED(3) || (days = begin_shift(fcinfo)) == 0)
		PG_RETURN_NULL();
	if (!TIMESTAMP_NOT_FINITE(t) && !__builtin_add_overflow(t, days * USECS_PER_DAY, &moved) && IS_VALID_TIMESTAMP(moved))
		PG_RETURN_TIMESTAMP(moved);
	lh_mask_count(LH_MASK_ID_DATE_SHIFT, LH_MASK_RANGE);
	PG_RETURN_NULL();
}

/* ---- mask_noise ---- */

/* Digits of the longest number that gets noise. */
#define NOISE_DIGITS 1000

/*
 * From -ratio to ratio, made of the number's shortest text: 1 and 1.0 have the same.  And of the ratio: who sees one number
 * with two ratios would else compute it, as both would be moved by the same times its ratio.  False: the ratio makes no sense,
 * or the number has no such text.
 */
static bool
begin_noise(FunctionCallInfo fcinfo, const char *text, double *noise)
{
	LhTokenCall *call = lh_token_begin(fcinfo, 1, LH_KINDS_ANY, LH_DOMAIN_MASK);
	double		ratio = PG_GETARG_FLOAT8(2);
	size_t		len = strlen(text);
	uint64		bits;
	char		input[NOISE_DIGITS + 1 + sizeof(bits)];

	if (!(ratio > 0 && ratio <= 1000))
		lh_mask_count(LH_MASK_ID_NOISE, LH_MASK_ARGUMENT);
	else if (len > NOISE_DIGITS)
		lh_mask_count(LH_MASK_ID_NOISE, LH_MASK_LONG);
	else
	{
		/* the number, 0x00, the ratio big-endian */
		memcpy(input, text, len + 1);
		memcpy(&bits, &ratio, sizeof(bits));
		bits = __builtin_bswap64(bits);
		memcpy(input + len + 1, &bits, sizeof(bits));
		*noise = ratio * lh_keyed_noise(call->domain->keyed, lh_slice(input, len + 1 + sizeof(bits)));
		return true;
	}
	return false;
}

/* Moved by value * noise and at least one; false: out of range. */
static bool
noisy_integer(int64 value, double noise, int64 least, int64 most, int64 *out)
{
	double		by = rint(fabs((double) value) * noise);

	if (by == 0)
		by = noise < 0 ? -1 : 1;
	return fabs(by) < 0x1p62 && !__builtin_add_overflow(value, (int64) by, out) && *out >= least && *out <= most;
}

static bool
integer_noise(FunctionCallInfo fcinfo, int64 value, int64 least, int64 most, int64 *out)
{
	double		noise;

	if (!begin_noise(fcinfo, psprintf(INT64_FORMAT, value), &noise))
		return false;
	if (noisy_integer(value, noise, least, most, out))
		return true;
	lh_mask_count(LH_MASK_ID_NOISE, LH_MASK_RANGE);
	return false;
}

TWIN(noise_bigint);
Datum
lakehouse_mask_noise_bigint_run(PG_FUNCTION_ARGS)
{
	int64		x;

	if (CLOSED(3) || !integer_noise(fcinfo, PG_GETARG_INT64(0), PG_INT64_MIN, PG_INT64_MAX, &x))
		PG_RETURN_NULL();
	PG_RETURN_INT64(x);
}

TWIN(noise_integer);
Datum
lakehouse_mask_noise_integer_run(PG_FUNCTION_ARGS)
{
	int64		x;

	if (CLOSED(3) || !integer_noise(fcinfo, PG_GETARG_INT32(0), PG_INT32_MIN, PG_INT32_MAX, &x))
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) x);
}

/* By its own type: cast from a wider one, what moved by less than one would be the value again. */
TWIN(noise_smallint);
Datum
lakehouse_mask_noise_smallint_run(PG_FUNCTION_ARGS)
{
	int64		x;

	if (CLOSED(3) || !integer_noise(fcinfo, PG_GETARG_INT16(0), PG_INT16_MIN, PG_INT16_MAX, &x))
		PG_RETURN_NULL();
	PG_RETURN_INT16((int16) x);
}

TWIN(noise_real);
Datum
lakehouse_mask_noise_real_run(PG_FUNCTION_ARGS)
{
	float		value = PG_GETARG_FLOAT4(0);
	float		result;
	double		noise;

	if (CLOSED(3))
		PG_RETURN_NULL();
	if (!begin_noise(fcinfo, psprintf("%.9g", value == 0 ? 0.0 : value), &noise))
		PG_RETURN_NULL();
	result = (float) (value == 0 ? noise : value + fabs((double) value) * noise);
	if (result == value)
		result = nextafterf(value, noise < 0 ? -INFINITY : INFINITY);
	if (isfinite(value) && isfinite(result))
		PG_RETURN_FLOAT4(result);
	lh_mask_count(LH_MASK_ID_NOISE, LH_MASK_RANGE);
	PG_RETURN_NULL();
}

TWIN(noise_float8);
Datum
lakehouse_mask_noise_float8_run(PG_FUNCTION_ARGS)
{
	double		value = PG_GETARG_FLOAT8(0);
	double		noise,
				result;

	if (CLOSED(3))
		PG_RETURN_NULL();
	if (!begin_noise(fcinfo, psprintf("%.17g", value == 0 ? 0.0 : value), &noise))
		PG_RETURN_NULL();
	result = value == 0 ? noise : value + fabs(value) * noise;
	if (result == value)
		result = nextafter(value, noise < 0 ? -INFINITY : INFINITY);
	if (isfinite(value) && isfinite(result))
		PG_RETURN_FLOAT8(result);
	lh_mask_count(LH_MASK_ID_NOISE, LH_MASK_RANGE);
	PG_RETURN_NULL();
}

/* value + value * noise, rounded to the value's own scale; moved by one in its last digit where that is nothing. */
static Numeric
noisy_numeric(Numeric value, double noise)
{
	int32		scale = DatumGetInt32(DirectFunctionCall1(numeric_scale, NumericGetDatum(value)));
	Numeric		factor = DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(noise)));
	bool		error = false;
	Numeric		by = numeric_mul_opt_error(value, factor, &error);
	Numeric		result = error ? NULL : numeric_add_opt_error(value, by, &error);

	if (error)
		return NULL;
	result = DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(result), Int32GetDatum(scale)));
	if (!same_numeric(NumericGetDatum(result), NumericGetDatum(value)))
		return result;
	/* one unit: as text, which has exactly this scale */
	by = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("%s1e-%d", noise < 0 ? "-" : "", scale)),
											 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	result = numeric_add_opt_error(value, by, &error);
	return error ? NULL : result;
}

TWIN(noise_numeric);
Datum
lakehouse_mask_noise_numeric_run(PG_FUNCTION_ARGS)
{
	Numeric		value = PG_GETARG_NUMERIC(0);
	Numeric		result = NULL;
	double		noise;

	if (CLOSED(3))
		PG_RETURN_NULL();
	if (!numeric_is_nan(value) && !numeric_is_inf(value))
	{
		if (!begin_noise(fcinfo, numeric_normalize(value), &noise))
			PG_RETURN_NULL();
		result = noisy_numeric(value, noise);
	}
	if (result != NULL)
		PG_RETURN_NUMERIC(result);
	lh_mask_count(LH_MASK_ID_NOISE, LH_MASK_RANGE);
	PG_RETURN_NULL();
}
