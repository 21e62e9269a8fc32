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
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
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
