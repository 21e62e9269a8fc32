/*
 * like.c
 *		LIKE as PostgreSQL matches it under a deterministic collation.
 *
 * lh_like_match is the plain matcher: one pass with a single point to return
 * to, because after a second % the first one never needs another try.
 *
 * lh_like_compile splits a pattern at its % and lh_like_test looks for the
 * pieces from left to right; the earliest match of a piece is always as good
 * as any other, the last piece is tried only at the end of the string.
 *
 * Both follow PostgreSQL's like_match.c: bytes are compared one by one, which
 * is right for UTF-8 as long as _ and the search after % step by characters.
 */
#include <string.h>

#include "vec/like.h"
#include "vec/pred.h"
#include "vec/value.h"

static inline bool
is_continuation(uint8_t byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Past the character (or byte) at s; s < end. */
static inline const uint8_t *
next_char(const uint8_t *s, const uint8_t *end, bool text)
{
	s++;
	while (text && s < end && is_continuation(*s))
		s++;
	return s;
}

bool
lh_like_match(const uint8_t *s, size_t slen, const uint8_t *p, size_t plen, char escape, bool text)
{
	const uint8_t *send = s + slen, *pend = p + plen;
	const uint8_t *retry_s = NULL, *retry_p = NULL;

	for (;;)
	{
		if (p < pend && *p == '%' && !(escape == '%'))
		{
			retry_p = ++p;
			retry_s = s;
			continue;
		}
		if (s == send)
		{
			/* what is left of the pattern must match nothing, and it is not a % */
			return p == pend;
		}
		if (p < pend)
		{
			const uint8_t *q = p;
			bool escaped = escape != 0 && *q == (uint8_t) escape;

			if (escaped && ++q == pend)
				return false;
			if (!escaped && *q == '_')
			{
				s = next_char(s, send, text);
				p = q + 1;
				continue;
			}
			if (*q == *s)
			{
				s++;
				p = q + 1;
				continue;
			}
		}
		if (retry_p == NULL || retry_s == send)
			return false;
		retry_s = next_char(retry_s, send, text);
		s = retry_s;
		p = retry_p;
	}
}

bool
lh_like_ends_in_escape(const uint8_t *p, size_t n, char escape)
{
	if (escape == 0)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (p[i] == (uint8_t) escape && ++i == n)
			return true;
	}
	return false;
}

/* One element of a pattern: a byte, _ or %. */
typedef enum Element
{
	ELEMENT_BYTE,
	ELEMENT_ONE,
	ELEMENT_MANY
} Element;

static Element
next_element(const uint8_t *p, size_t n, size_t *at, char escape, uint8_t *byte)
{
	uint8_t c = p[(*at)++];

	if (escape != 0 && c == (uint8_t) escape && *at < n)
	{
		*byte = p[(*at)++];
		return ELEMENT_BYTE;
	}
	*byte = c;
	return c == '%' ? ELEMENT_MANY : c == '_' ? ELEMENT_ONE : ELEMENT_BYTE;
}

static LhStatus
new_piece(LhCtx *ctx, LhLikePiece *piece, size_t room)
{
	LH_ALLOC(ctx, piece->bytes, room + 1);
	LH_NEW_ARRAY(ctx, piece->any, room + 1);
	return LH_OK;
}

/* Drop what a piece does not use, count its characters. */
static void
finish_piece(LhLike *like, LhLikePiece *piece)
{
	bool any = false;

	for (uint32_t i = 0; i < piece->len; i++)
	{
		any |= piece->any[i] != 0;
		if (!like->text || piece->any[i] || !is_continuation(piece->bytes[i]))
			piece->chars++;
	}
	if (!any)
		piece->any = NULL;
	if (!any && piece->len > 0)
		piece->needle = lh_needle(piece->bytes, piece->len);
	like->min_bytes += piece->len + piece->skip;
}

static LhLikeKind
classify(const LhLike *like)
{
	const LhLikePiece *p = like->pieces;

	if (like->npieces == 0)
		return like->anchor_start ? LH_LIKE_EXACT : LH_LIKE_ANY;
	if (like->npieces > 1 || p->any != NULL || p->skip > 0 || p->len == 0)
		return LH_LIKE_PIECES;
	if (like->anchor_start)
		return like->anchor_end ? LH_LIKE_EXACT : LH_LIKE_STARTS;
	return like->anchor_end ? LH_LIKE_ENDS : LH_LIKE_CONTAINS;
}

static void
find_anchor(LhLike *like)
{
	for (int i = 0; i < like->npieces; i++)
	{
		const LhLikePiece *p = &like->pieces[i];

		if (p->any == NULL && p->len >= 2 && (like->anchor == NULL || p->len > like->anchor->len))
			like->anchor = p;
	}
}

static void
find_prefix(LhLike *like)
{
	const LhLikePiece *p = like->pieces;
	uint32_t len = 0;

	if (!like->anchor_start || like->npieces == 0)
		return;
	while (len < p->len && (p->any == NULL || !p->any[len]))
		len++;
	like->prefix = (LhStr){p->bytes, len, 0};
}

LhStatus
lh_like_compile(LhCtx *ctx, const uint8_t *p, size_t n, char escape, bool text, LhLike **out)
{
	LhLike *like;
	LhLikePiece *piece = NULL;
	size_t at = 0, max = 1;
	uint8_t byte;
	bool many = false; /* the element before was a % */

	if (lh_like_ends_in_escape(p, n, escape))
		LH_FAIL(ctx, LH_INVALID, "LIKE pattern must not end with escape character");
	if (n > UINT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "LIKE pattern is too long");
	for (size_t i = 0; i < n; i++)
		max += p[i] == '%';
	LH_NEW(ctx, like);
	LH_NEW_ARRAY(ctx, like->pieces, max);
	like->text = text;
	like->anchor_start = true;
	while (at < n)
	{
		Element e = next_element(p, n, &at, escape, &byte);

		if (e == ELEMENT_MANY)
		{
			if (like->npieces == 0)
				like->anchor_start = false;
			many = true;
			piece = NULL;
			continue;
		}
		if (piece == NULL)
		{
			piece = &like->pieces[like->npieces++];
			LH_TRY(new_piece(ctx, piece, n - at + 1));
		}
		if (e == ELEMENT_ONE && piece->len == 0 && many)
			piece->skip++;
		else
		{
			piece->any[piece->len] = e == ELEMENT_ONE;
			piece->bytes[piece->len++] = byte;
		}
	}
	like->anchor_end = piece != NULL || !many;
	for (int i = 0; i < like->npieces; i++)
		finish_piece(like, &like->pieces[i]);
	like->kind = classify(like);
	find_prefix(like);
	find_anchor(like);
	*out = like;
	return LH_OK;
}

/* Does the piece match at s?  Returns the end of the match or NULL. */
static const uint8_t *
match_here(const LhLike *like, const LhLikePiece *piece, const uint8_t *s, const uint8_t *end)
{
	if (piece->any == NULL)
	{
		if ((size_t) (end - s) < piece->len || memcmp(s, piece->bytes, piece->len) != 0)
			return NULL;
		return s + piece->len;
	}
	for (uint32_t i = 0; i < piece->len; i++)
	{
		if (s == end)
			return NULL;
		if (piece->any[i])
			s = next_char(s, end, like->text);
		else if (*s++ != piece->bytes[i])
			return NULL;
	}
	return s;
}

static const uint8_t *
skip_chars(const LhLike *like, uint32_t count, const uint8_t *s, const uint8_t *end)
{
	for (; count > 0; count--)
	{
		if (s == end)
			return NULL;
		s = next_char(s, end, like->text);
	}
	return s;
}

/* Find a piece that follows a %: the end of its earliest match or NULL. */
static const uint8_t *
find_piece(const LhLike *like, const LhLikePiece *piece, const uint8_t *s, const uint8_t *end)
{
	s = skip_chars(like, piece->skip, s, end);
	if (s == NULL || piece->len == 0)
		return s;
	if (piece->any == NULL)
	{
		s = lh_vec_kernels()->find(s, (size_t) (end - s), &piece->needle);
		return s == NULL ? NULL : s + piece->len;
	}
	/* the first element is a byte: leading _ are in skip */
	while (s < end)
	{
		const uint8_t *m;

		s = memchr(s, piece->bytes[0], (size_t) (end - s));
		if (s == NULL)
			return NULL;
		m = match_here(like, piece, s, end);
		if (m != NULL)
			return m;
		s++;
	}
	return NULL;
}

/* The last piece, after a % and before the end of the string: step back by its characters. */
static bool
match_tail(const LhLike *like, const LhLikePiece *piece, const uint8_t *s, const uint8_t *end)
{
	const uint8_t *at = end;

	s = skip_chars(like, piece->skip, s, end);
	if (s == NULL)
		return false;
	if (piece->any == NULL)
		return (size_t) (end - s) >= piece->len &&
			   memcmp(end - piece->len, piece->bytes, piece->len) == 0;
	for (uint32_t i = 0; i < piece->chars; i++)
	{
		if (at <= s)
			return false;
		at--;
		while (like->text && at > s && is_continuation(*at))
			at--;
	}
	return match_here(like, piece, at, end) == end;
}

static bool
match_pieces(const LhLike *like, const uint8_t *s, size_t n)
{
	const uint8_t *end = s + n;
	int i = 0, last = like->npieces - 1;

	if (like->anchor_start)
	{
		s = match_here(like, &like->pieces[0], s, end);
		if (s == NULL)
			return false;
		if (last == 0)
			return s == end || !like->anchor_end;
		i = 1;
	}
	for (; i < last; i++)
	{
		s = find_piece(like, &like->pieces[i], s, end);
		if (s == NULL)
			return false;
	}
	if (like->anchor_end)
		return match_tail(like, &like->pieces[last], s, end);
	return find_piece(like, &like->pieces[last], s, end) != NULL;
}

bool
lh_like_test(const LhLike *like, const uint8_t *s, size_t n)
{
	const LhLikePiece *p = like->pieces;

	if (n < like->min_bytes)
		return false;
	switch (like->kind)
	{
		case LH_LIKE_ANY: return true;
		case LH_LIKE_EXACT: return n == like->min_bytes && (n == 0 || memcmp(s, p->bytes, n) == 0);
		case LH_LIKE_STARTS: return memcmp(s, p->bytes, p->len) == 0;
		case LH_LIKE_ENDS: return memcmp(s + n - p->len, p->bytes, p->len) == 0;
		case LH_LIKE_CONTAINS: return lh_vec_kernels()->find(s, n, &p->needle) != NULL;
		default: return match_pieces(like, s, n);
	}
}

/* The last string that begins at or before p, from string "from" on, which does. */
static size_t
find_string(const LhStr *strs, size_t n, size_t from, const uint8_t *p)
{
	size_t step = 1, hi;

	while (from + step < n && strs[from + step].ptr <= p)
	{
		from += step;
		step *= 2;
	}
	hi = from + step < n ? from + step : n;
	while (hi - from > 1)
	{
		size_t mid = (from + hi) / 2;

		if (strs[mid].ptr <= p)
			from = mid;
		else
			hi = mid;
	}
	return from;
}

bool
lh_like_scan(const LhLike *like, const LhStr *strs, size_t n, const uint64_t *live, uint64_t *hit)
{
	const LhNeedle *needle;
	const uint8_t *at, *end;
	size_t row = 0;
	LhSlice all;

	if (like->anchor == NULL || n < 2 || !lh_strs_are_adjacent(strs, n, NULL, &all))
		return false;
	needle = &like->anchor->needle;
	at = all.data;
	end = all.data + all.len;
	memset(hit, 0, LH_WORDS(n) * sizeof(uint64_t));
	while (at < end && (at = lh_vec_kernels()->find(at, (size_t) (end - at), needle)) != NULL)
	{
		const uint8_t *row_end;

		row = find_string(strs, n, row, at);
		row_end = strs[row].ptr + strs[row].len;
		if (at + needle->len > row_end)
		{
			at++; /* it lies across two strings */
			continue;
		}
		if ((live == NULL || lh_bit_get(live, row)) &&
			(like->kind == LH_LIKE_CONTAINS || lh_like_test(like, strs[row].ptr, strs[row].len)))
			lh_bit_set(hit, row);
		at = row_end;
	}
	return true;
}
