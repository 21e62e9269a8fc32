/*
 * outcome.h
 *		What became of a value that a mask was asked to hide.
 *
 * A mask never raises and never gives back its input.  What it cannot hide as it was told
 * becomes nothing, or a fallback, for one of these reasons; whoever calls counts them.
 * LH_MASK_OUTCOMES is the only list: X(id, name)
 */
#ifndef LH_MASK_OUTCOME_H
#define LH_MASK_OUTCOME_H

#include "core/buffer.h"

#define LH_MASK_OUTCOMES(X) \
	X(DONE, "masked") \
	X(SHORT, "short")			/* nothing would be hidden beside what is kept */ \
	X(LONG, "long")				/* longer than the mask looks at */ \
	X(FORM, "form")				/* not the kind of value that the mask is for */ \
	X(RANGE, "range")			/* infinite, not a number, or no result in the type's range */ \
	X(ENCODING, "encoding")		/* not valid in its encoding, or one that the mask does not know */ \
	X(ARGUMENT, "argument")		/* the mask's own arguments make no sense */ \
	X(SAME, "same")				/* the result would have been the value itself */ \
	X(UNMATCHED, "unmatched")	/* neither pattern nor path found anything to hide */

typedef enum LhMaskOutcome
{
#define X(id, name) LH_MASK_##id,
	LH_MASK_OUTCOMES(X)
#undef X
	LH_N_MASK_OUTCOMES
} LhMaskOutcome;

/* How the bytes of a text are characters. */
typedef enum LhMaskEncoding
{
	LH_MASK_UTF8,
	LH_MASK_BYTES,				/* each byte is one */
	LH_MASK_ASCII				/* only ASCII is known; a value with other bytes is not masked but hidden */
} LhMaskEncoding;

#endif
