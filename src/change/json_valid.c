/*
 * json_valid.c
 *		Whether text is JSON, by RFC 8259: one pass, nothing allocated.
 */
#include "change/json.h"

typedef struct Scan
{
	const uint8_t *p;
	const uint8_t *end;
} Scan;

static void
skip_blanks(Scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

/* Is c next?  Then it is taken. */
static bool
take(Scan *s, char c)
{
	if (s->p == s->end || *s->p != (uint8_t) c)
		return false;
	s->p++;
	return true;
}

static bool
take_word(Scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t) (s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

static bool
take_digits(Scan *s)
{
	const uint8_t *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > from;
}

static bool
take_number(Scan *s)
{
	(void) take(s, '-');
	if (!take(s, '0') && !take_digits(s))
		return false;
	if (take(s, '.') && !take_digits(s))
		return false;
	if (!take(s, 'e') && !take(s, 'E'))
		return true;
	if (!take(s, '+'))
		(void) take(s, '-');
	return take_digits(s);
}

static bool
take_string(Scan *s)
{
	if (!take(s, '"'))
		return false;
	while (s->p < s->end && *s->p != '"')
	{
		if (*s->p < 0x20)
			return false;
		if (*s->p++ != '\\')
			continue;
		if (s->p == s->end)
			return false;
		if (*s->p == 'u')
		{
			if (s->end - s->p < 5)
				return false;
			for (int i = 1; i <= 4; i++)
			{
				if (lh_hex_digit(s->p[i]) < 0)
					return false;
			}
			s->p += 4;
		}
		else if (*s->p == '\0' || strchr("\"\\/bfnrt", *s->p) == NULL)
			return false;
		s->p++;
	}
	return take(s, '"');
}

static bool take_value(Scan *s, int depth);

/* Members of an object or items of an array, behind its bracket. */
static bool
take_members(Scan *s, bool object, int depth)
{
	char close = object ? '}' : ']';

	skip_blanks(s);
	if (take(s, close))
		return true;
	do
	{
		if (object)
		{
			skip_blanks(s);
			if (!take_string(s))
				return false;
			skip_blanks(s);
			if (!take(s, ':'))
				return false;
		}
		if (!take_value(s, depth))
			return false;
	} while (take(s, ','));
	return take(s, close);
}

/* With the blanks around it. */
static bool
take_value(Scan *s, int depth)
{
	bool ok;

	skip_blanks(s);
	if (take(s, '{'))
		ok = depth > 0 && take_members(s, true, depth - 1);
	else if (take(s, '['))
		ok = depth > 0 && take_members(s, false, depth - 1);
	else if (s->p < s->end && *s->p == '"')
		ok = take_string(s);
	else
		ok =
			take_word(s, "true") || take_word(s, "false") || take_word(s, "null") || take_number(s);
	skip_blanks(s);
	return ok;
}

bool
lh_json_is_valid(const void *text, size_t n, int depth)
{
	Scan s = {text, (const uint8_t *) text + n};

	return take_value(&s, depth) && s.p == s.end;
}
