/*
 * mask_text.c
 *		lakehouse.mask_email, mask_phone and mask_card.
 *
 * They are not strict, for the last argument, what to return when the value is not of the form, is
 * mostly NULL.
 */
#include "pg/privacy/mask_table.h"

#include "mask/text.h"

extern PGDLLEXPORT Datum lakehouse_mask_email(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_phone(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_card(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_email);
PG_FUNCTION_INFO_V1(lakehouse_mask_phone);
PG_FUNCTION_INFO_V1(lakehouse_mask_card);

/* Is one of the arguments from 1 to before n NULL? */
static bool
lacks_argument(FunctionCallInfo fcinfo, int n)
{
	for (int i = 1; i < n; i++)
	{
		if (PG_ARGISNULL(i))
			return true;
	}
	return false;
}

/* What a form came to; argument n is the fallback. */
static Datum
give(FunctionCallInfo fcinfo, LhMaskId mask, LhMaskOutcome outcome, const LhMaskForm *form, int n)
{
	if (outcome == LH_MASK_DONE)
		return lh_mask_text(lh_slice(form->bytes, form->len));
	return lh_mask_fallback(fcinfo, mask, outcome, lh_mask_argument(fcinfo, 0), n);
}

/* mask_email(value, keep_first, fill, keep_domain, fallback) */
Datum
lakehouse_mask_email(PG_FUNCTION_ARGS)
{
	LhMaskOutcome outcome = LH_MASK_ARGUMENT;
	LhMaskForm	form;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!lacks_argument(fcinfo, 4))
		outcome = lh_mask_email(lh_mask_argument(fcinfo, 0), PG_GETARG_INT32(1), lh_mask_argument(fcinfo, 2),
								PG_GETARG_BOOL(3), lh_mask_encoding(), &form);
	return give(fcinfo, LH_MASK_ID_EMAIL, outcome, &form, 4);
}

/* mask_phone(value, keep_last, fill, fallback) */
Datum
lakehouse_mask_phone(PG_FUNCTION_ARGS)
{
	LhMaskOutcome outcome = LH_MASK_ARGUMENT;
	LhMaskForm	form;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!lacks_argument(fcinfo, 3))
		outcome = lh_mask_phone(lh_mask_argument(fcinfo, 0), PG_GETARG_INT32(1), lh_mask_argument(fcinfo, 2),
								lh_mask_encoding(), &form);
	return give(fcinfo, LH_MASK_ID_PHONE, outcome, &form, 3);
}

/* mask_card(value, keep_first, fill, keep_last, fallback) */
Datum
lakehouse_mask_card(PG_FUNCTION_ARGS)
{
	LhMaskOutcome outcome = LH_MASK_ARGUMENT;
	LhMaskForm	form;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!lacks_argument(fcinfo, 4))
		outcome = lh_mask_card(lh_mask_argument(fcinfo, 0), PG_GETARG_INT32(1), lh_mask_argument(fcinfo, 2),
							   PG_GETARG_INT32(3), lh_mask_encoding(), &form);
	return give(fcinfo, LH_MASK_ID_CARD, outcome, &form, 4);
}
