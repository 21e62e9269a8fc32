/*
 * test_like_postgres.h
 *		MatchText of PostgreSQL's src/backend/utils/adt/like_match.c, for UTF-8
 *		or bytes, kept as close to it as C without ereport allows.
 *
 * The oracle of test_like.c and fuzz_like.c.  It recurses once a %.
 */
#ifndef TEST_LIKE_POSTGRES_H
#define TEST_LIKE_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Match
{
	MATCH_TRUE = 1,
	MATCH_FALSE = 0,
	MATCH_ABORT = -1,
	MATCH_ERROR = -2
} Match;

static void
next_char(const uint8_t **p, size_t *len, bool text)
{
	do
	{
		(*p)++;
		(*len)--;
	} while (text && *len > 0 && (**p & 0xC0) == 0x80);
}

static Match
match_text(const uint8_t *t, size_t tlen, const uint8_t *p, size_t plen, bool text)
{
	if (plen == 1 && *p == '%')
		return MATCH_TRUE;
	while (tlen > 0 && plen > 0)
	{
		if (*p == '\\')
		{
			p++, plen--;
			if (plen == 0)
				return MATCH_ERROR;
			if (*p != *t)
				return MATCH_FALSE;
		}
		else if (*p == '%')
		{
			uint8_t firstpat;

			p++, plen--;
			while (plen > 0)
			{
				if (*p == '%')
					p++, plen--;
				else if (*p == '_')
				{
					if (tlen == 0)
						return MATCH_ABORT;
					next_char(&t, &tlen, text);
					p++, plen--;
				}
				else
					break;
			}
			if (plen == 0)
				return MATCH_TRUE;
			if (*p == '\\')
			{
				if (plen < 2)
					return MATCH_ERROR;
				firstpat = p[1];
			}
			else
				firstpat = *p;
			while (tlen > 0)
			{
				if (*t == firstpat)
				{
					Match matched = match_text(t, tlen, p, plen, text);

					if (matched != MATCH_FALSE)
						return matched;
				}
				next_char(&t, &tlen, text);
			}
			return MATCH_ABORT;
		}
		else if (*p == '_')
		{
			next_char(&t, &tlen, text);
			p++, plen--;
			continue;
		}
		else if (*p != *t)
			return MATCH_FALSE;
		t++, tlen--;
		p++, plen--;
	}
	if (tlen > 0)
		return MATCH_FALSE;
	while (plen > 0 && *p == '%')
		p++, plen--;
	return plen == 0 ? MATCH_TRUE : MATCH_ABORT;
}

#endif
