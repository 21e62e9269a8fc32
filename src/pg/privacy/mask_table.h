/*
 * mask_table.h
 *		The mask functions of SQL: how much each hides, and what they could not mask.
 *
 *	mask_table.c	the table, and lakehouse.mask_functions, mask_counters
 *	mask_basic.c	null, constant, partial
 *	mask_text.c		email, phone, card
 *	mask_regex.c	regular expressions
 *	mask_value.c	addresses, places, numbers, times: their class
 *	mask_range.c	the same as ranges
 *	mask_json.c		documents
 *
 * The table is the one list: who adds a mask function adds a line to it, and test privacy_masks
 * fails while the two differ.
 */
#ifndef LH_PG_PRIVACY_MASK_TABLE_H
#define LH_PG_PRIVACY_MASK_TABLE_H

#include "pg/privacy/privacy.h"

#include "mb/pg_wchar.h"

#include "mask/outcome.h"

/* Of several masks on one column the greatest holds (policy.h). */
typedef enum LhMaskStrength
{
	LH_STRENGTH_TOKEN = 1,		/* equal values stay equal; may be undone with a key and a right */
	LH_STRENGTH_PARTIAL,		/* parts of the value are seen */
	LH_STRENGTH_GENERALISED,	/* the class of the value is seen */
	LH_STRENGTH_CONSTANT,
	LH_STRENGTH_NULL
} LhMaskStrength;

typedef struct LhMaskFunction
{
	const char *name;			/* in schema lakehouse; all functions of that name */
	LhMaskStrength strength;
	bool		keyed;			/* answers only when the planner hook has put its twin there */
	const char *summary;
} LhMaskFunction;

/* NULL: the function is no mask of ours. */
extern const LhMaskFunction *lh_mask_function(Oid function);
/* Its strength; LH_STRENGTH_PARTIAL for what is no mask of ours (policy.h). */
extern int	lh_mask_strength(Oid function);

/* ---- for the files of masks ---- */

/* The table, a line a function.  Its numbers are those by which values are counted that could not be masked. */
typedef enum LhMaskId
{
#define LH_MASK_FUNCTIONS(X) \
	X(NULL, "mask_null", NULL, false, "NULL") \
	X(CONSTANT, "mask_constant", CONSTANT, false, "a constant, also in place of NULL") \
	X(PARTIAL, "mask_partial", PARTIAL, false, "the first and last characters, a fill between them") \
	X(REGEX, "mask_regex", PARTIAL, false, "what a regular expression finds is replaced") \
	X(EMAIL, "mask_email", PARTIAL, false, "first characters and domain of an e-mail address") \
	X(PHONE, "mask_phone", PARTIAL, false, "form and last digits of a telephone number") \
	X(CARD, "mask_card", PARTIAL, false, "form, issuer and last four digits of a card number") \
	X(JSON, "mask_json", PARTIAL, false, "members of a document by their paths") \
	X(IP, "mask_ip", GENERALISED, false, "the network of an address") \
	X(GEO, "mask_geo", GENERALISED, false, "rounded degrees") \
	X(FLOOR, "mask_floor", GENERALISED, false, "the least number of a range") \
	X(RANGE, "mask_range", GENERALISED, false, "the range that a number, date or time is in") \
	X(RANGE_TEXT, "mask_range_text", GENERALISED, false, "the same as text") \
	X(DATE_TRUNC, "mask_date_trunc", GENERALISED, false, "the first day or moment of a unit, in UTC") \
	X(FPE, "mask_fpe", TOKEN, true, "another value of the same form, under a key") \
	X(HASH, "mask_hash", TOKEN, true, "a hash under a key") \
	X(DATE_SHIFT, "mask_date_shift", PARTIAL, true, "a date moved by days that depend on its subject and a key") \
	X(NOISE, "mask_noise", PARTIAL, true, "a number moved by a share of it that depends on it and a key") \
	X(FAKE_FIRST_NAME, "mask_fake_first_name", PARTIAL, true, "a first name from a list, chosen by a key") \
	X(FAKE_LAST_NAME, "mask_fake_last_name", PARTIAL, true, "a last name from a list, chosen by a key") \
	X(FAKE_NAME, "mask_fake_name", PARTIAL, true, "first and last name from lists, chosen by a key") \
	X(FAKE_CITY, "mask_fake_city", PARTIAL, true, "an invented place, chosen by a key") \
	X(FAKE_COMPANY, "mask_fake_company", PARTIAL, true, "an invented company, chosen by a key") \
	X(FAKE_STREET, "mask_fake_street", PARTIAL, true, "an invented street and number, chosen by a key") \
	X(FAKE_EMAIL, "mask_fake_email", PARTIAL, true, "an address in example.com, chosen by a key") \
	X(FAKE_PHONE, "mask_fake_phone", PARTIAL, true, "a telephone number that nobody has, chosen by a key")
#define X(id, name, strength, keyed, summary) LH_MASK_ID_##id,
	LH_MASK_FUNCTIONS(X)
#undef X
	LH_N_MASK_IDS
} LhMaskId;

/* A value was not masked as told; counted for this process, by mask and reason. */
extern void lh_mask_count(LhMaskId mask, LhMaskOutcome outcome);

/* In an SQL function: count, and return NULL. */
#define LH_MASK_GIVE_UP(mask, outcome) \
	do { \
		lh_mask_count(LH_MASK_ID_##mask, outcome); \
		PG_RETURN_NULL(); \
	} while (0)

/* How texts of this database are characters. */
static inline LhMaskEncoding
lh_mask_encoding(void)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding == PG_UTF8)
		return LH_MASK_UTF8;
	return encoding != PG_SQL_ASCII && pg_database_encoding_max_length() == 1 ? LH_MASK_BYTES : LH_MASK_ASCII;
}

/* Argument n, text, detoasted; the bytes are the value's own where they can be. */
static inline LhSlice
lh_mask_argument(FunctionCallInfo fcinfo, int n)
{
	text	   *t = (text *) PG_GETARG_POINTER(n);

	if (unlikely(VARATT_IS_COMPRESSED(t) || VARATT_IS_EXTERNAL(t)))
		t = pg_detoast_datum_packed(t);
	return lh_slice(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

/* As text of SQL, palloc'd. */
extern Datum lh_mask_text(LhSlice s);

/*
 * Count what was not masked as told, and return what argument n, text, says to return instead: NULL when there is
 * no such argument, or it is the value.
 */
extern Datum lh_mask_fallback(FunctionCallInfo fcinfo, LhMaskId mask, LhMaskOutcome outcome, LhSlice value, int n);

#endif
