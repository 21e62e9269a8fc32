/*
 * number.h
 *		Internal: numbers of Avro, read fast.
 *
 * A number is zigzag coded, seven bits a byte, lowest first; the high bit says
 * that another byte follows.  All functions may read LH_PADDING bytes behind the
 * block: whoever calls looks afterwards whether the number ended inside it.
 */
#ifndef LH_AVRO_NUMBER_H
#define LH_AVRO_NUMBER_H

#include "avro/file.h"

#define UNLIKELY(x) __builtin_expect((x), 0)
#define LIKELY(x)   __builtin_expect((x), 1)

/* Behind the number at p, NULL when it does not end. */
static inline const uint8_t *
get_long(const uint8_t *p, int64_t *out)
{
	uint64_t w = lh_load_u64(p);
	uint64_t ends;
	size_t len;

	if (LIKELY((w & 0x80) == 0))
	{
		*out = lh_unzigzag(w & 0x7f);
		return p + 1;
	}
	ends = ~w & UINT64_C(0x8080808080808080);
	if (UNLIKELY(ends == 0))
		return lh_avro_long(p, p + LH_PADDING, out); /* nine or ten bytes */
	len = (size_t) __builtin_ctzll(ends) / 8 + 1;
	w &= ends ^ (ends - 1);
	w = (w & UINT64_C(0x007f007f007f007f)) | ((w & UINT64_C(0x7f007f007f007f00)) >> 1);
	w = (w & UINT64_C(0x00003fff00003fff)) | ((w & UINT64_C(0x3fff00003fff0000)) >> 2);
	w = (w & UINT64_C(0x000000000fffffff)) | ((w & UINT64_C(0x0fffffff00000000)) >> 4);
	*out = lh_unzigzag(w);
	return p + len;
}

/* Behind n numbers; behind end when they do not end before. */
static inline const uint8_t *
skip_longs(const uint8_t *p, const uint8_t *end, size_t n)
{
	while (n > 0 && p < end)
	{
		uint64_t ends = (~lh_load_u64(p) & UINT64_C(0x8080808080808080)) >> 7;
		size_t count = (size_t) ((ends * UINT64_C(0x0101010101010101)) >> 56);

		if (count < n)
		{
			n -= count;
			p += 8;
			continue;
		}
		for (; n > 1; n--)
			ends &= ends - 1;
		return p + __builtin_ctzll(ends) / 8 + 1;
	}
	return n > 0 ? end + 1 : p;
}

#endif
