/*
 * text.c
 *		The partial mask.
 *
 * Where the kept parts end is found from both ends, so that of a long value only these are walked;
 * all of it is checked to be ASCII, eight bytes at a time, or valid UTF-8.
 */
#include "mask/text.h"

#include <string.h>

#include "core/text.h"
#include "mask/text_internal.h"

/* ---- characters ---- */

/* Marks that do not begin a character (Unicode 15: Mn and Me of general use, selectors, joiners). */
static const struct
{
	uint32_t first, last;
} marks[] = {
	{0x0300, 0x036f},   {0x0483, 0x0489},   {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c2},
	{0x05c4, 0x05c5},   {0x05c7, 0x05c7},   {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670},
	{0x06d6, 0x06dc},   {0x06df, 0x06e4},   {0x06e7, 0x06e8}, {0x06ea, 0x06ed}, {0x0e31, 0x0e31},
	{0x0e34, 0x0e3a},   {0x0e47, 0x0e4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
	{0x20d0, 0x20ff},   {0x3099, 0x309a},   {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff},
	{0xe0020, 0xe007f}, {0xe0100, 0xe01ef},
};

static bool
is_mark(uint32_t c)
{
	size_t lo = 0, hi = sizeof(marks) / sizeof(marks[0]);

	if (c < marks[0].first)
		return false;
	while (lo < hi)
	{
		size_t mid = (lo + hi) / 2;

		if (c > marks[mid].last)
			lo = mid + 1;
		else if (c < marks[mid].first)
			hi = mid;
		else
			return true;
	}
	return false;
}

/* The code point at p, of valid UTF-8. */
static uint32_t
point(const uint8_t *p)
{
	if (p[0] < 0x80)
		return p[0];
	if (p[0] < 0xe0)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	if (p[0] < 0xf0)
		return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

static size_t
width(uint8_t lead)
{
	return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t
lh_mask_head(LhSlice value, int64_t n)
{
	size_t at = 0;

	for (; at < value.len; at += width(value.data[at]))
	{
		/* what is before any character is one */
		if ((at == 0 || !is_mark(point(value.data + at))) && n-- <= 0)
			break;
	}
	return at;
}

size_t
lh_mask_tail(LhSlice value, int64_t n)
{
	size_t at = value.len;

	while (n > 0 && at > 0)
	{
		do
			at--;
		while ((value.data[at] & 0xc0) == 0x80);
		if (at == 0 || !is_mark(point(value.data + at)))
			n--;
	}
	return value.len - at;
}

/* ---- partial ---- */

/* Characters of one byte each. */
static LhMaskOutcome
cut_bytes(LhSlice value, uint64_t first, uint64_t last, LhMaskCut *cut)
{
	/* each is below 2^63 */
	if (value.len <= first + last)
		return LH_MASK_SHORT;
	cut->head = (size_t) first;
	cut->tail = (size_t) last;
	return LH_MASK_DONE;
}

static LhMaskOutcome
cut_utf8(LhSlice value, int64_t first, int64_t last, LhMaskCut *cut)
{
	size_t head, tail;

	if (!lh_utf8_valid(value.data, value.len))
		return LH_MASK_ENCODING;
	head = lh_mask_head(value, first);
	tail = lh_mask_tail(value, last);
	if (head >= value.len - tail)
		return LH_MASK_SHORT;
	cut->head = head;
	cut->tail = tail;
	return LH_MASK_DONE;
}

/* Is what the fill would replace the fill itself? */
static bool
is_same(LhSlice value, LhSlice fill, const LhMaskCut *cut)
{
	return value.len - cut->head - cut->tail == fill.len &&
		   memcmp(value.data + cut->head, fill.data, fill.len) == 0;
}

LhMaskOutcome
lh_mask_partial(LhSlice value, int64_t first, LhSlice fill, int64_t last, LhMaskEncoding encoding,
				LhMaskCut *cut)
{
	LhMaskOutcome outcome;

	*cut = (LhMaskCut){0};
	first = first < 0 ? 0 : first;
	last = last < 0 ? 0 : last;
	if (fill.len > LH_MASK_MAX_FILL)
	{
		cut->nothing = true;
		return LH_MASK_ARGUMENT;
	}
	if (encoding == LH_MASK_BYTES || lh_mask_is_ascii(value.data, value.len))
		outcome = cut_bytes(value, (uint64_t) first, (uint64_t) last, cut);
	else if (encoding == LH_MASK_UTF8)
		outcome = cut_utf8(value, first, last, cut);
	else
		outcome = LH_MASK_ENCODING;
	if (outcome == LH_MASK_DONE && is_same(value, fill, cut))
	{
		cut->head = cut->tail = 0;
		outcome = LH_MASK_SAME;
	}
	if (outcome != LH_MASK_DONE)
		cut->nothing = is_same(value, fill, cut);
	return outcome;
}
