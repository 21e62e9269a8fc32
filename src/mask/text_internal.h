/*
 * text_internal.h
 *		What the masks of texts share.
 */
#ifndef LH_MASK_TEXT_INTERNAL_H
#define LH_MASK_TEXT_INTERNAL_H

#include <string.h>

#include "mask/text.h"

/* No byte above 127: eight at a time, the last eight again rather than one by one. */
static inline bool
lh_mask_is_ascii(const uint8_t *p, size_t n)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t	w,
				all = 0;
	size_t		i;

	if (n < 8)
	{
		for (i = 0; i < n; i++)
			all |= p[i];
		return (all & 0x80) == 0;
	}
	for (i = 0; i + 8 < n; i += 8)
	{
		memcpy(&w, p + i, 8);
		all |= w;
	}
	memcpy(&w, p + n - 8, 8);
	return ((all | w) & high) == 0;
}

/* Bytes of the first, or last, n characters of valid UTF-8; all when it has no more. */
extern size_t lh_mask_head(LhSlice value, int64_t n);
extern size_t lh_mask_tail(LhSlice value, int64_t n);

#endif
