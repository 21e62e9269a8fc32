/*
 * mask_table.h
 *		The mask functions of SQL: how much each hides, and what they could not mask.
 *
 *	mask_table.c	the table, and lakehouse.mask_functions, mask_counters
 *	mask_basic.c	null, constant, partial
 *	mask_text.c		regex, email, phone, card
 *	mask_value.c	addresses, places, ranges, dates
 *	mask_json.c		documents
 *
 * The table is the one list: who adds a mask function adds a line to it, and test privacy_masks
 * fails while the two differ.
 */
#ifndef LH_PG_PRIVACY_MASK_TABLE_H
#define LH_PG_PRIVACY_MASK_TABLE_H

#include "pg/privacy/privacy.h"

#include "mask/outcome.h"

/* Of several masks on one column the greatest holds; the order is that of policy.h. */
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

/* Values that were not masked as told, in this process, by mask (lines of the table) and reason. */
typedef enum LhMaskId
{
#define LH_MASK_FUNCTIONS(X) \
	X(NULL, "mask_null", NULL, false, "NULL") \
	X(CONSTANT, "mask_constant", CONSTANT, false, "a constant, also in place of NULL") \
	X(PARTIAL, "mask_partial", PARTIAL, false, "the first and last characters, a fill between them")
#define X(id, name, strength, keyed, summary) LH_MASK_ID_##id,
	LH_MASK_FUNCTIONS(X)
#undef X
	LH_N_MASK_IDS
} LhMaskId;

extern void lh_mask_count(LhMaskId mask, LhMaskOutcome outcome);

/* How texts of this database are characters. */
extern LhMaskEncoding lh_mask_encoding(void);

#endif
