/*
 * text.h
 *		Masks that keep a part of a text: partial, e-mail, telephone, card.
 *
 * Characters are code points, but a combining mark (also a variation selector or joiner) belongs to the
 * character before it, so that a letter and its accent are kept or hidden together however they are
 * written.  Vowel signs of Indic scripts and emoji joined to one picture count as characters of their own.
 *
 * In each of them bytes that are neither kept nor of "fill" never reach the result, and what is
 * hidden is at least one character.
 */
#ifndef LH_MASK_TEXT_H
#define LH_MASK_TEXT_H

#include "mask/outcome.h"

#define LH_MASK_MAX_FILL 1024	/* bytes of a text that stands for what is hidden */

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

#endif
