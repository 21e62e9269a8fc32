/*
 * registry_reply.c
 *		What a registry answered: an id, or an error and its message.
 *
 * Answers are read where they lie and nothing is allocated, however they are nested: a
 * schema may be part of them.  An error may be cut, as only its first bytes are kept; so
 * its members are looked for in whatever there is.
 */
#include "sink/registry.h"

#include "change/json.h"

/* Of an answer, which has one or two. */
#define MAX_DEPTH 64

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

static bool
take(Scan *s, char c)
{
	skip_blanks(s);
	if (s->p == s->end || *s->p != (uint8_t) c)
		return false;
	s->p++;
	return true;
}

/* A string with its quotes; false: it does not end.  *out then is what there is of it. */
static bool
take_string(Scan *s, LhSlice *out)
{
	const uint8_t *from = s->p;

	for (s->p++; s->p < s->end && *s->p != '"'; s->p++)
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
	if (s->p == s->end)
	{
		*out = lh_slice(from, (size_t) (s->p - from));
		return false;
	}
	s->p++;
	*out = lh_slice(from, (size_t) (s->p - from));
	return true;
}

/* Any value: brackets are counted, not matched. */
static bool
take_value(Scan *s, LhSlice *out)
{
	const uint8_t *from;
	size_t depth = 0;
	LhSlice string;

	skip_blanks(s);
	from = s->p;
	while (s->p < s->end)
	{
		uint8_t c = *s->p;

		if (c == '"')
		{
			if (!take_string(s, &string))
				break;
			if (depth > 0)
				continue;
			*out = lh_slice(from, (size_t) (s->p - from));
			return true;
		}
		if (depth == 0 && (c == ',' || c == '}' || c == ']' || c <= ' '))
		{
			*out = lh_slice(from, (size_t) (s->p - from));
			return s->p > from;
		}
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		s->p++;
		if (depth == 0 && (c == '}' || c == ']'))
		{
			*out = lh_slice(from, (size_t) (s->p - from));
			return true;
		}
	}
	*out = lh_slice(from, (size_t) (s->p - from));
	return false;
}

/* *value: of a value that does not end what there is of it. */
static bool
find_member(LhSlice object, const char *name, LhSlice *value)
{
	Scan s = {object.data, object.data + object.len};
	size_t n = strlen(name);
	LhSlice key;

	*value = lh_slice(NULL, 0);
	if (!take(&s, '{'))
		return false;
	do
	{
		bool whole, found;

		skip_blanks(&s);
		if (s.p == s.end || *s.p != '"' || !take_string(&s, &key) || !take(&s, ':'))
			return false;
		found = key.len == n + 2 && memcmp(key.data + 1, name, n) == 0;
		whole = take_value(&s, value);
		if (found)
			return whole;
		if (!whole)
			break;
	} while (take(&s, ','));
	*value = lh_slice(NULL, 0);
	return false;
}

bool
lh_registry_member(LhSlice object, const char *name, LhSlice *value)
{
	return find_member(object, name, value);
}

/* Digits alone, up to max. */
static bool
read_number(LhSlice text, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (text.len == 0 || text.len > 10)
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		v = v * 10 + (uint64_t) (text.data[i] - '0');
	}
	*out = (uint32_t) v;
	return v <= max;
}

LhStatus
lh_registry_read_id(LhCtx *ctx, LhSlice body, uint32_t *id)
{
	LhSlice value;

	/* Java's readers have it as a signed int */
	if (lh_utf8_valid(body.data, body.len) && lh_json_is_valid(body.data, body.len, MAX_DEPTH) &&
		find_member(body, "id", &value) && read_number(value, INT32_MAX, id) && *id > 0)
		return LH_OK;
	lh_fail(ctx, LH_CORRUPT, "the answer has no id of a schema");
	lh_hint(ctx, "Look whether option registry is the address of the API itself, such as "
				 "http://host:8081 or http://host:8080/apis/ccompat/v7.");
	return LH_CORRUPT;
}

/* \uXXXX of the basic plane, as UTF-8; how many bytes. */
static size_t
put_escape(const uint8_t *hex, size_t left, char out[4])
{
	uint32_t c = 0;

	if (left < 4)
		return 0;
	for (int i = 0; i < 4; i++)
	{
		if (lh_hex_digit(hex[i]) < 0)
			return 0;
		c = c << 4 | (uint32_t) lh_hex_digit(hex[i]);
	}
	if (c < 0x80)
	{
		out[0] = c < ' ' || c == 0x7f ? ' ' : (char) c;
		return 1;
	}
	if (c >= 0xd800 && c < 0xe000)
	{
		out[0] = '?';
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (char) (0xc0 | c >> 6);
		out[1] = (char) (0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char) (0xe0 | c >> 12);
	out[1] = (char) (0x80 | (c >> 6 & 0x3f));
	out[2] = (char) (0x80 | (c & 0x3f));
	return 3;
}

/* A JSON string, with its first quote and perhaps without its last, for people. */
static void
show_string(LhSlice string, char text[LH_REGISTRY_TEXT])
{
	const uint8_t *p = string.data + 1, *end = string.data + string.len;
	size_t n = 0, bad;

	while (p < end && *p != '"' && n < LH_REGISTRY_TEXT - 4)
	{
		uint8_t c = *p++;

		if (c == '\\' && p == end)
			break;
		if (c == '\\')
		{
			c = *p++;
			if (c == 'u')
			{
				size_t k = put_escape(p, (size_t) (end - p), text + n);

				p += k > 0 ? 4 : 0;
				n += k;
				continue;
			}
			c = strchr("bfnrt", c) != NULL ? ' ' : c;
		}
		text[n++] = c < ' ' || c == 0x7f ? ' ' : (char) c;
	}
	if (!lh_utf8_check(text, n, &bad))
		n = bad;
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '.'))
		n--;
	text[n] = '\0';
}

void
lh_registry_read_error(LhSlice body, int *code, char text[LH_REGISTRY_TEXT])
{
	LhSlice value;
	uint32_t number;

	*code = 0;
	text[0] = '\0';
	if (find_member(body, "error_code", &value) && read_number(value, 999999, &number))
		*code = (int) number;
	(void) find_member(body, "message", &value);
	if (value.len > 0 && value.data[0] == '"')
		show_string(value, text);
}
