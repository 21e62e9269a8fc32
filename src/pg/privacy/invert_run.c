/*
 * invert_run.c
 *		lakehouse.mask_invert: the value that a token stands for, as the key of an index scan.
 *
 * Like the twin of a mask it looks at its last argument, which SQL cannot give it.  NULL is for every token that lakehouse.mask_fpe
 * gives for no value: one outside of the domain, and one that is its own value, which the mask does not show either.  So that
 * a look-up finds the rows whose mask is the token, and no others; nothing is counted, and nothing is raised for a token.
 */
#include "pg/privacy/token_state.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#define CLOSED(n) (PG_GETARG_POINTER(n) != &lh_mask_gate)

static bool
same(Datum a, Datum b, int16 len)
{
	text	   *x,
			   *y;

	if (len == sizeof(int32))
		return DatumGetInt32(a) == DatumGetInt32(b);
	if (len == sizeof(int64))
		return DatumGetInt64(a) == DatumGetInt64(b);
	if (len == UUID_LEN)
		return memcmp(DatumGetPointer(a), DatumGetPointer(b), UUID_LEN) == 0;
	x = DatumGetTextPP(a);
	y = DatumGetTextPP(b);
	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
		memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

/* False: it is the token of no value. */
static bool
invert(LhDomain *domain, LhThroughFn through, int16 len, Datum token, Datum *value)
{
	LhCannot	why;

	*value = through(domain, LH_FF1_DECRYPT, token, &why);
	return why == LH_CANNOT_NOT && !same(*value, token, len);
}

static Datum
invert_array(FunctionCallInfo fcinfo, LhDomain *domain, LhThroughFn through)
{
	ArrayType  *tokens = PG_GETARG_ARRAYTYPE_P(0);
	int16		len;
	bool		byval;
	char		align;
	Datum	   *values;
	bool	   *nulls;
	int			n,
				lower = 1;

	get_typlenbyvalalign(ARR_ELEMTYPE(tokens), &len, &byval, &align);
	deconstruct_array(tokens, ARR_ELEMTYPE(tokens), len, byval, align, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i] || !invert(domain, through, len, values[i], &value))
			nulls[i] = true;
		else
			values[i] = value;
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lower, ARR_ELEMTYPE(tokens), len, byval, align));
}

#define INVERT(type, KIND, len) \
	extern PGDLLEXPORT Datum lakehouse_mask_invert_##type(PG_FUNCTION_ARGS); \
	extern PGDLLEXPORT Datum lakehouse_mask_invert_##type##_array(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(lakehouse_mask_invert_##type); \
	PG_FUNCTION_INFO_V1(lakehouse_mask_invert_##type##_array); \
	Datum \
	lakehouse_mask_invert_##type(PG_FUNCTION_ARGS) \
	{ \
		Datum		value; \
		if (CLOSED(2) || !invert(lh_token_begin(fcinfo, 1, LH_KINDS_##KIND, LH_DOMAIN_MASK)->domain, lh_through_##type, len, \
								 PG_GETARG_DATUM(0), &value)) \
			PG_RETURN_NULL(); \
		return value; \
	} \
	Datum \
	lakehouse_mask_invert_##type##_array(PG_FUNCTION_ARGS) \
	{ \
		if (CLOSED(2)) \
			PG_RETURN_NULL(); \
		return invert_array(fcinfo, lh_token_begin(fcinfo, 1, LH_KINDS_##KIND, LH_DOMAIN_MASK)->domain, lh_through_##type); \
	}

INVERT(text, TEXT, -1)
INVERT(bigint, BIGINT, sizeof(int64))
INVERT(integer, INTEGER, sizeof(int32))
INVERT(uuid, UUID, UUID_LEN)
INVERT(date, DATE, sizeof(DateADT))

/* ---- numeric(p, s): all values have s places, and so have their tokens ---- */

static bool
equal_numeric(Datum a, Datum b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
}

static bool
invert_numeric(LhDomain *domain, int32 scale, Datum token, Datum *value)
{
	LhCannot	why;
	Datum		scaled;

	if (numeric_is_nan(DatumGetNumeric(token)) || numeric_is_inf(DatumGetNumeric(token)))
		return false;
	scaled = DirectFunctionCall2(numeric_round, token, Int32GetDatum(scale));
	if (!equal_numeric(scaled, token))
		return false;
	*value = lh_through_numeric(domain, LH_FF1_DECRYPT, scaled, &why);
	return why == LH_CANNOT_NOT && !equal_numeric(*value, scaled);
}

extern PGDLLEXPORT Datum lakehouse_mask_invert_numeric(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_invert_numeric_array(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_invert_numeric);
PG_FUNCTION_INFO_V1(lakehouse_mask_invert_numeric_array);

Datum
lakehouse_mask_invert_numeric(PG_FUNCTION_ARGS)
{
	Datum		value;

	if (CLOSED(3) || !invert_numeric(lh_token_begin(fcinfo, 2, LH_KINDS_NUMERIC, LH_DOMAIN_MASK)->domain, PG_GETARG_INT32(1),
									 PG_GETARG_DATUM(0), &value))
		PG_RETURN_NULL();
	return value;
}

Datum
lakehouse_mask_invert_numeric_array(PG_FUNCTION_ARGS)
{
	LhDomain   *domain;
	Datum	   *values;
	bool	   *nulls;
	int			n,
				lower = 1;

	if (CLOSED(3))
		PG_RETURN_NULL();
	domain = lh_token_begin(fcinfo, 2, LH_KINDS_NUMERIC, LH_DOMAIN_MASK)->domain;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), NUMERICOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!nulls[i] && !invert_numeric(domain, PG_GETARG_INT32(1), values[i], &values[i]))
			nulls[i] = true;
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lower, NUMERICOID, -1, false, TYPALIGN_INT));
}

/* ---- char(n): a mask gets the value without blanks at its end, and its token is shown without them ---- */

typedef struct Values
{
	Datum	   *values;
	int			n,
				room;
} Values;

static void
add_value(Values *to, Datum value)
{
	if (to->n == to->room)
	{
		to->room = Max(16, to->room * 2);
		to->values = to->values == NULL ? palloc(to->room * sizeof(Datum)) : repalloc(to->values, to->room * sizeof(Datum));
	}
	to->values[to->n++] = value;
}

/* Values of length characters at most whose token is this with any number of blanks. */
static void
invert_blanks(LhDomain *domain, int32 length, Datum token, Values *to)
{
	text	   *shown = DatumGetTextPP(token);
	int			bytes = VARSIZE_ANY_EXHDR(shown);
	int			room;

	while (bytes > 0 && VARDATA_ANY(shown)[bytes - 1] == ' ')
		bytes--;
	room = length - pg_mbstrlen_with_len(VARDATA_ANY(shown), bytes);
	for (int blanks = 0; blanks <= room; blanks++)
	{
		text	   *whole = palloc(VARHDRSZ + bytes + blanks);
		LhCannot	why;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		SET_VARSIZE(whole, VARHDRSZ + bytes + blanks);
		memcpy(VARDATA(whole), VARDATA_ANY(shown), bytes);
		memset(VARDATA(whole) + bytes, ' ', blanks);
		value = lh_through_text(domain, LH_FF1_DECRYPT, PointerGetDatum(whole), &why);
		/* blanks are nothing to this domain */
		if (why == LH_CANNOT_CHARACTER && blanks > 0)
			return;
		if (why == LH_CANNOT_NOT && !same(value, PointerGetDatum(whole), -1) &&
			VARDATA_ANY(DatumGetTextPP(value))[VARSIZE_ANY_EXHDR(DatumGetTextPP(value)) - 1] != ' ')
			add_value(to, value);
	}
}

extern PGDLLEXPORT Datum lakehouse_mask_invert_character_array(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_invert_character_array);

Datum
lakehouse_mask_invert_character_array(PG_FUNCTION_ARGS)
{
	LhDomain   *domain;
	Values		all = {0};
	Datum	   *tokens;
	bool	   *nulls;
	int			n;

	if (CLOSED(3))
		PG_RETURN_NULL();
	domain = lh_token_begin(fcinfo, 2, LH_KINDS_TEXT, LH_DOMAIN_MASK)->domain;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), ARR_ELEMTYPE(PG_GETARG_ARRAYTYPE_P(0)), -1, false, TYPALIGN_INT, &tokens, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			invert_blanks(domain, PG_GETARG_INT32(1), tokens[i], &all);
	}
	return PointerGetDatum(construct_array(all.values, all.n, BPCHAROID, -1, false, TYPALIGN_INT));
}
