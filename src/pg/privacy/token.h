/*
 * token.h
 *		Tokens, and the masks that need keys: for those who put masks into queries.
 *
 *	token.c			values through a domain: text, numbers, dates
 *	token_array.c	many of them in one call
 *	token_mask.c	masks that need keys, and the names by which they are written
 *	invert_run.c	lakehouse.mask_invert
 *	token_twin.c	which function stands for such a name in a plan
 *
 * A keyed mask is a pair.  The name that definitions and users write yields NULL, whoever calls it.  Its twin
 * (name_run, with one argument of type internal more) does the work, and is STRICT: SQL has no value of type
 * internal to give it.  In a plan that argument is the call lakehouse.mask_gate(NULL), and not a constant, so that the
 * plan can be printed and sent to parallel workers.
 */
#ifndef LH_PG_PRIVACY_TOKEN_H
#define LH_PG_PRIVACY_TOKEN_H

#include "pg/privacy/domain.h"

#include "nodes/primnodes.h"

/* The twin of a keyed mask's name; InvalidOid: the function is none. */
extern Oid	lh_mask_twin(Oid function);
/* A copy of the tree with twins in place of names. */
extern Expr *lh_mask_executing(Expr *expr);

/* The twin of lakehouse.mask_fpe, for any type? */
extern bool lh_mask_is_fpe(Oid function);
/* lakehouse.mask_fit, which stands for a cast to numeric(p, s)? */
extern bool lh_mask_is_fit(Oid function);
/*
 * A call of lakehouse.mask_invert: the value of which the token is that of the domain; NULL: not for this type.  size: places after
 * the point of numeric, characters of char(n), of which there are tokens in arrays only; else -1.
 */
extern Expr *lh_mask_inverse(Expr *token, int32 size, Expr *domain);

/*
 * Of how many values a token of this domain may be, at the fewest: below 10^9 a policy that shows its tokens warns.
 * Asks no provider for the key.  Infinity: there is no such domain.
 */
extern double lh_domain_least_values(const char *name);

#endif
