/*
 * text.h
 *		Masks that keep a part of a text: partial, e-mail, telephone, card.
 *
 * Characters are code points, but a combining mark (also a variation selector or joiner) belongs to the
 * character before it, so that a letter and its accent are kept or hidden together however they are
 * written.  Vowel signs of Indic scripts and emoji joined to one picture count as characters of their own.
 *
 *	text.c		partial
 *	form.c		e-mail, telephone, card
 *
 * In each of them bytes that are neither kept nor of "fill" never reach the result, and what is
 * hidden is at least one character.
 */
#ifndef LH_MASK_TEXT_H
#define LH_MASK_TEXT_H

#include "mask/outcome.h"

#define LH_MASK_MAX_FILL  1024	/* bytes of a text that stands for what is hidden */

/* ---- partial ---- */

/* The result is head bytes of the value, the fill, and the last tail bytes of the value. */
typedef struct LhMaskCut
{
	size_t		head,
				tail;
	bool		nothing;		/* there is no result at all */
} LhMaskCut;

/*
 * Keep the first and last so many characters; below 0 counts as 0.  A value that has no more than both, or
 * whose result would be the value, gives the fill alone (head and tail 0); nothing when that is
 * the value as well.
 */
extern LhMaskOutcome lh_mask_partial(LhSlice value, int64_t first, LhSlice fill, int64_t last,
									 LhMaskEncoding encoding, LhMaskCut *cut);

/* ---- forms: there is a result for LH_MASK_DONE only ---- */

#define LH_MASK_MAX_EMAIL 320	/* bytes: 64 before the @ and 255 after it (RFC 5321) */
#define LH_MASK_MAX_EMAIL_FILL 64
#define LH_MASK_MAX_NUMBER 64	/* bytes of a telephone or card number */

typedef struct LhMaskForm
{
	size_t		len;
	uint8_t		bytes[LH_MASK_MAX_EMAIL + 2 * LH_MASK_MAX_EMAIL_FILL + 1];
} LhMaskForm;

/*
 * local@domain, the last @ counts; the domain is of at least two labels of ASCII letters, digits and hyphens.  Keeps the
 * first so many characters of the local part, none when it has no more, and the domain if so told:
 * "j***@example.com".
 */
extern LhMaskOutcome lh_mask_email(LhSlice value, int64_t first, LhSlice fill, bool keep_domain,
								   LhMaskEncoding encoding, LhMaskForm *out);

/*
 * Digits with spaces, hyphens, points, slashes and parentheses between them, perhaps a + before: all but the last so
 * many digits become the fill, which is one character.  At least LH_MASK_PHONE_HIDDEN digits are hidden.
 */
#define LH_MASK_PHONE_HIDDEN 3
extern LhMaskOutcome lh_mask_phone(LhSlice value, int64_t last, LhSlice fill, LhMaskEncoding encoding,
								   LhMaskForm *out);

/*
 * 12 to 19 digits with spaces or hyphens between them.  Of what is asked to be kept no more is than PCI DSS lets be shown:
 * the issuer's number at the front (8 digits of 16 or more, 6 of fewer) and the last 4; and at
 * least LH_MASK_CARD_HIDDEN are hidden.  The check digit is not looked at.
 */
#define LH_MASK_CARD_HIDDEN 4
extern LhMaskOutcome lh_mask_card(LhSlice value, int64_t first, LhSlice fill, int64_t last,
								  LhMaskEncoding encoding, LhMaskForm *out);

#endif
