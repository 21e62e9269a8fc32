/*
 * secret_json.c
 *		Find a member in JSON, without a copy.
 *
 * One pass over the document, which is checked to its end; "path" is followed only
 * where the names before it were met.
 */
#include "net/secret_json.h"

#define MOST_DEPTH 32

typedef struct Reader
{
	const uint8_t *p, *end;
	int depth;
	const char *const *path;
	int npath;
	int found;
	bool number;
	LhSlice value;
} Reader;

static void
skip_space(Reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

static bool
take(Reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != (uint8_t) c)
		return false;
	r->p++;
	return true;
}

/* What stands between quotes; *plain: without escapes. */
static bool
take_string(Reader *r, LhSlice *out, bool *plain)
{
	const uint8_t *begin;

	*plain = true;
	if (!take(r, '"'))
		return false;
	for (begin = r->p; r->p < r->end && *r->p != '"'; r->p++)
	{
		if (*r->p < ' ')
			return false;
		if (*r->p == '\\')
		{
			*plain = false;
			if (++r->p == r->end)
				return false;
		}
	}
	if (r->p == r->end)
		return false;
	*out = lh_slice(begin, (size_t) (r->p - begin));
	r->p++;
	return true;
}

/* Numbers and words, as far as their letters go. */
static bool
take_word(Reader *r, LhSlice *out)
{
	const uint8_t *begin;

	skip_space(r);
	for (begin = r->p; r->p < r->end; r->p++)
		if (!((*r->p >= '0' && *r->p <= '9') || (*r->p >= 'a' && *r->p <= 'z') || *r->p == '-' ||
			  *r->p == '+' || *r->p == '.' || *r->p == 'E'))
			break;
	*out = lh_slice(begin, (size_t) (r->p - begin));
	if (out->len == 0)
		return false;
	if (*begin == '-' || (*begin >= '0' && *begin <= '9'))
		return true;
	return (out->len == 4 && (memcmp(begin, "true", 4) == 0 || memcmp(begin, "null", 4) == 0)) ||
		   (out->len == 5 && memcmp(begin, "false", 5) == 0);
}

static bool take_value(Reader *r, int level);

/* The value that is wanted. */
static bool
take_wanted(Reader *r)
{
	bool plain;

	skip_space(r);
	r->found++;
	if (r->p < r->end && *r->p == '"')
		return take_string(r, &r->value, &plain) && plain;
	r->number = true;
	return take_word(r, &r->value) && (r->value.data[0] == '-' || r->value.data[0] <= '9');
}

/* level: how much of the path led here; -1: somewhere else. */
static bool
take_members(Reader *r, int level)
{
	bool seen = false;

	if (take(r, '}'))
		return true;
	do
	{
		LhSlice name;
		bool plain, match;

		/* an escape could spell a name that is on the path */
		if (!take_string(r, &name, &plain) || !take(r, ':') || (level >= 0 && !plain))
			return false;
		match = level >= 0 && name.len == strlen(r->path[level]) &&
				memcmp(name.data, r->path[level], name.len) == 0;
		if (match && seen)
			return false;
		seen = seen || match;
		if (match && level == r->npath - 1)
		{
			if (!take_wanted(r))
				return false;
		}
		else if (!take_value(r, match ? level + 1 : -1))
			return false;
	} while (take(r, ','));
	return take(r, '}');
}

static bool
take_elements(Reader *r)
{
	if (take(r, ']'))
		return true;
	do
	{
		if (!take_value(r, -1))
			return false;
	} while (take(r, ','));
	return take(r, ']');
}

static bool
take_value(Reader *r, int level)
{
	LhSlice ignored;
	bool plain, good;

	skip_space(r);
	if (r->p == r->end || ++r->depth > MOST_DEPTH)
		return false;
	if (*r->p == '{')
	{
		r->p++;
		good = take_members(r, level);
	}
	else if (*r->p == '[')
	{
		r->p++;
		good = take_elements(r);
	}
	else if (*r->p == '"')
		good = take_string(r, &ignored, &plain);
	else
		good = take_word(r, &ignored);
	r->depth--;
	return good;
}

bool
lh_secret_json_find(LhSlice json, const char *const *path, int n, LhSlice *out, bool *number)
{
	Reader r = {.p = json.data, .end = json.data + json.len, .path = path, .npath = n};

	skip_space(&r);
	if (r.p == r.end || *r.p != '{' || !take_value(&r, 0))
		return false;
	skip_space(&r);
	if (r.p != r.end || r.found != 1)
		return false;
	*out = r.value;
	*number = r.number;
	return true;
}
