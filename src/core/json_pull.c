/*
 * json_pull.c
 *		A pull parser for JSON that others wrote.
 *
 *	1. The whole text is checked to be UTF-8 once, when it is opened.
 *	2. What the caller enters is parsed strictly (RFC 8259); a stack of levels
 *	   knows the way from the root, for messages.
 *	3. What it steps over is only matched: strings end, brackets pair.  That is a
 *	   search for quotation marks, and as fast.
 */
#include "core/json_pull.h"

#include <stdio.h>

/* A text that is stepped over in one go, before the host is asked. */
#define LONG_SKIP ((size_t) 4 << 20)

static const char *const kind_names[] = {
	[LH_PULL_OBJECT] = "an object", [LH_PULL_ARRAY] = "an array", [LH_PULL_STRING] = "a string",
	[LH_PULL_NUMBER] = "a number",  [LH_PULL_BOOL] = "a boolean", [LH_PULL_NULL] = "null",
	[LH_PULL_NONE] = "no value",
};

/*
 * Messages
 */

/* "snapshots[3].timestamp-ms": the way to what is read, cut when it is long. */
static void
format_way(const LhPull *j, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < j->depth && n + 1 < size; i++)
	{
		const LhPullLevel *level = &j->levels[i];
		int k;

		if (level->items == 0)
			continue;
		if (level->array)
			k = snprintf(out + n, size - n, "[%llu]", (unsigned long long) level->items - 1);
		else
		{
			size_t len = lh_utf8_clip(level->key, level->key_len, 100);

			k = snprintf(out + n, size - n, "%s%.*s", n > 0 ? "." : "", (int) len,
						 (const char *) level->key);
		}
		n += k > 0 ? (size_t) k : 0;
	}
	if (n >= size)
		out[lh_utf8_clip(out, size - 1, size - 1)] = '\0';
}

LhStatus
lh_pull_fail(LhCtx *ctx, LhPull *j, LhStatus code, const char *fmt, ...)
{
	char way[256], text[384];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	format_way(j, way, sizeof(way));
	if (way[0] != '\0')
		lh_fail(ctx, code, "%s: field \"%s\": %s", j->what, way, text);
	else
		lh_fail(ctx, code, "%s: %s", j->what, text);
	lh_detail(ctx, "At byte %zu of the JSON text.", (size_t) (j->p - j->begin));
	return code;
}

static LhStatus
unexpected(LhCtx *ctx, LhPull *j, const char *wanted)
{
	LhPullKind kind = lh_pull_kind(j);

	if (j->p >= j->end)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected %s, but the text ends", wanted);
	if (kind == LH_PULL_NONE)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected %s, found byte 0x%02x", wanted, *j->p);
	return lh_pull_fail(ctx, j, LH_CORRUPT, "expected %s, found %s", wanted, kind_names[kind]);
}

/*
 * Tokens
 */

static void
skip_space(LhPull *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'))
		j->p++;
}

LhPullKind
lh_pull_kind(LhPull *j)
{
	skip_space(j);
	if (j->p >= j->end)
		return LH_PULL_NONE;
	switch (*j->p)
	{
		case '{': return LH_PULL_OBJECT;
		case '[': return LH_PULL_ARRAY;
		case '"': return LH_PULL_STRING;
		case 't':
		case 'f': return LH_PULL_BOOL;
		case 'n': return LH_PULL_NULL;
		default:
			return *j->p == '-' || (*j->p >= '0' && *j->p <= '9') ? LH_PULL_NUMBER : LH_PULL_NONE;
	}
}

/* The first '"' from p on that no backslash escapes; NULL: there is none. */
static const uint8_t *
find_quote(const uint8_t *begin, const uint8_t *p, const uint8_t *end)
{
	while ((p = p < end ? memchr(p, '"', (size_t) (end - p)) : NULL) != NULL)
	{
		const uint8_t *q = p;

		while (q > begin && q[-1] == '\\')
			q--;
		if ((p - q) % 2 == 0)
			return p;
		p++;
	}
	return NULL;
}

/* Over a string, at its first '"'; *body is what stands between the quotation marks. */
static LhStatus
raw_string(LhCtx *ctx, LhPull *j, LhSlice *body)
{
	const uint8_t *from = j->p + 1, *to = find_quote(from, from, j->end);

	if (to == NULL)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "a string does not end");
	*body = lh_slice(from, (size_t) (to - from));
	j->p = to + 1;
	return LH_OK;
}

/* Over "true", "null" ... */
static LhStatus
literal(LhCtx *ctx, LhPull *j, const char *word)
{
	size_t n = strlen(word);

	if ((size_t) (j->end - j->p) < n || memcmp(j->p, word, n) != 0)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected \"%s\"", word);
	j->p += n;
	return LH_OK;
}

static bool
is_digit(const LhPull *j)
{
	return j->p < j->end && *j->p >= '0' && *j->p <= '9';
}

static void
skip_digits(LhPull *j)
{
	while (is_digit(j))
		j->p++;
}

/* Over a number; *integer: it has neither fraction nor exponent. */
static LhStatus
raw_number(LhCtx *ctx, LhPull *j, bool *integer)
{
	const uint8_t *first;

	*integer = true;
	if (j->p < j->end && *j->p == '-')
		j->p++;
	first = j->p;
	skip_digits(j);
	if (j->p == first || (*first == '0' && j->p - first > 1))
		return lh_pull_fail(ctx, j, LH_CORRUPT, "a number is malformed");
	if (j->p < j->end && *j->p == '.')
	{
		*integer = false;
		j->p++;
		if (!is_digit(j))
			return lh_pull_fail(ctx, j, LH_CORRUPT, "a number is malformed");
		skip_digits(j);
	}
	if (j->p < j->end && (*j->p == 'e' || *j->p == 'E'))
	{
		*integer = false;
		j->p++;
		if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
			j->p++;
		if (!is_digit(j))
			return lh_pull_fail(ctx, j, LH_CORRUPT, "a number is malformed");
		skip_digits(j);
	}
	return LH_OK;
}

/*
 * The text as a whole
 */

LhStatus
lh_pull_open(LhCtx *ctx, LhPull *j, const char *what, LhSlice text)
{
	static const uint8_t nothing[1];
	size_t bad = 0;

	j->what = what;
	j->begin = j->p = text.len > 0 ? text.data : nothing;
	j->end = j->begin + text.len;
	j->depth = 0;
	/* a mark that Windows programs put before UTF-8 */
	if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
		j->p += 3;
	if (!lh_utf8_check(j->begin, text.len, &bad))
		LH_FAIL(ctx, LH_BAD_TEXT, "%s: byte %zu: expected UTF-8, found 0x%02x", what, bad,
				text.data[bad]);
	return LH_OK;
}

LhStatus
lh_pull_close(LhCtx *ctx, LhPull *j)
{
	skip_space(j);
	if (j->p < j->end)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected the end of the text, found byte 0x%02x",
							*j->p);
	return LH_OK;
}

/*
 * Objects and arrays
 */

static LhStatus
enter(LhCtx *ctx, LhPull *j, bool array)
{
	LhPullLevel *level;

	if (lh_pull_kind(j) != (array ? LH_PULL_ARRAY : LH_PULL_OBJECT))
		return unexpected(ctx, j, array ? "an array" : "an object");
	if (j->depth == LH_PULL_DEPTH)
		return lh_pull_fail(ctx, j, LH_LIMIT, "values are nested more than %d deep", LH_PULL_DEPTH);
	level = &j->levels[j->depth++];
	level->array = array;
	level->items = 0;
	level->key = NULL;
	level->key_len = 0;
	j->p++;
	return LH_OK;
}

/* Before the next member or item of the innermost level, or behind its end. */
static LhStatus
advance(LhCtx *ctx, LhPull *j, bool *more)
{
	LhPullLevel *level = &j->levels[j->depth - 1];
	uint8_t close = level->array ? ']' : '}';

	skip_space(j);
	*more = false;
	if (j->p < j->end && *j->p == close)
	{
		j->p++;
		j->depth--;
		return LH_OK;
	}
	if (level->items > 0)
	{
		if (j->p >= j->end || *j->p != ',')
			return unexpected(ctx, j, level->array ? "\",\" or \"]\"" : "\",\" or \"}\"");
		j->p++;
		skip_space(j);
	}
	if ((level->items & 1023) == 1023)
		LH_TRY(lh_poll(ctx));
	*more = true;
	return LH_OK;
}

LhStatus
lh_pull_object(LhCtx *ctx, LhPull *j)
{
	return enter(ctx, j, false);
}

LhStatus
lh_pull_array(LhCtx *ctx, LhPull *j)
{
	return enter(ctx, j, true);
}

LhStatus
lh_pull_item(LhCtx *ctx, LhPull *j, bool *more)
{
	LH_TRY(advance(ctx, j, more));
	if (*more)
		j->levels[j->depth - 1].items++;
	return LH_OK;
}

LhStatus
lh_pull_member(LhCtx *ctx, LhPull *j, LhSlice *key, bool *more)
{
	LhPullLevel *level = &j->levels[j->depth - 1];

	LH_TRY(advance(ctx, j, more));
	if (!*more)
		return LH_OK;
	if (j->p >= j->end || *j->p != '"')
		return unexpected(ctx, j, "the name of a member");
	LH_TRY(lh_pull_slice(ctx, j, key));
	if (key->len > UINT32_MAX)
		return lh_pull_fail(ctx, j, LH_LIMIT, "the name of a member is too long");
	level->key = key->data;
	level->key_len = (uint32_t) key->len;
	level->items++;
	skip_space(j);
	if (j->p >= j->end || *j->p != ':')
		return unexpected(ctx, j, "\":\"");
	j->p++;
	return LH_OK;
}

LhStatus
lh_pull_count(LhCtx *ctx, LhPull *j, size_t *n)
{
	const uint8_t *p = j->p;
	bool more;

	*n = 0;
	LH_TRY(lh_pull_array(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_item(ctx, j, &more));
		if (!more)
			break;
		LH_TRY(lh_pull_skip(ctx, j, NULL));
		++*n;
	}
	j->p = p;
	return LH_OK;
}

LhStatus
lh_pull_field(LhCtx *ctx, LhPull *j, const char *const *names, uint64_t *seen, int *which,
			  bool *more)
{
	LhSlice key;

	for (;;)
	{
		int i = 0;

		LH_TRY(lh_pull_member(ctx, j, &key, more));
		if (!*more)
			return LH_OK;
		while (names[i] != NULL && !lh_slice_is(key, names[i]))
			i++;
		if (names[i] != NULL)
		{
			if (*seen & UINT64_C(1) << i)
				return lh_pull_fail(ctx, j, LH_CORRUPT, "the field occurs twice");
			if (lh_pull_kind(j) != LH_PULL_NULL)
			{
				*seen |= UINT64_C(1) << i;
				*which = i;
				return LH_OK;
			}
		}
		LH_TRY(lh_pull_skip(ctx, j, NULL));
	}
}

LhStatus
lh_pull_need(LhCtx *ctx, LhPull *j, const char *const *names, uint64_t seen, uint64_t needed)
{
	for (int i = 0; names[i] != NULL; i++)
		if ((needed & ~seen) >> i & 1)
			return lh_pull_fail(ctx, j, LH_CORRUPT, "required field \"%s\" is missing", names[i]);
	return LH_OK;
}

/*
 * Strings
 */

/* Four hexadecimal digits, or -1. */
static int32_t
hex4(LhSlice body, size_t at)
{
	int32_t v = 0;

	if (body.len - at < 4)
		return -1;
	for (size_t i = 0; i < 4; i++)
	{
		int d = lh_hex_digit(body.data[at + i]);

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static size_t
put_utf8(uint8_t *out, uint32_t c)
{
	if (c < 0x80)
	{
		out[0] = (uint8_t) c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (uint8_t) (0xC0 | c >> 6);
		out[1] = (uint8_t) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (uint8_t) (0xE0 | c >> 12);
		out[1] = (uint8_t) (0x80 | (c >> 6 & 0x3F));
		out[2] = (uint8_t) (0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (uint8_t) (0xF0 | c >> 18);
	out[1] = (uint8_t) (0x80 | (c >> 12 & 0x3F));
	out[2] = (uint8_t) (0x80 | (c >> 6 & 0x3F));
	out[3] = (uint8_t) (0x80 | (c & 0x3F));
	return 4;
}

/* "\uXXXX" or a pair of them, i behind the 'u'. */
static LhStatus
unicode_escape(LhCtx *ctx, LhPull *j, LhSlice body, size_t *i, uint8_t *out, size_t *n)
{
	int32_t c = hex4(body, *i), low;

	if (c < 0)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "a string holds a malformed escape");
	*i += 4;
	if (c == 0)
		return lh_pull_fail(ctx, j, LH_BAD_TEXT, "a string holds a NUL");
	if (c >= 0xDC00 && c <= 0xDFFF)
		return lh_pull_fail(ctx, j, LH_BAD_TEXT, "a string holds half of a surrogate pair");
	if (c >= 0xD800 && c <= 0xDBFF)
	{
		low = body.len - *i >= 6 && body.data[*i] == '\\' && body.data[*i + 1] == 'u'
				  ? hex4(body, *i + 2)
				  : -1;
		if (low < 0xDC00 || low > 0xDFFF)
			return lh_pull_fail(ctx, j, LH_BAD_TEXT, "a string holds half of a surrogate pair");
		*i += 6;
		c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
	}
	*n += put_utf8(out + *n, (uint32_t) c);
	return LH_OK;
}

/* A string's body without its escapes; out has room for as many bytes. */
static LhStatus
unescape(LhCtx *ctx, LhPull *j, LhSlice body, uint8_t *out, size_t *out_len)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t n = 0, i = 0;

	while (i < body.len)
	{
		uint8_t c = body.data[i++];
		const char *at;

		if (c != '\\')
		{
			out[n++] = c;
			continue;
		}
		c = body.data[i++]; /* a body never ends in a lone backslash */
		if (c == 'u')
		{
			LH_TRY(unicode_escape(ctx, j, body, &i, out, &n));
			continue;
		}
		at = c != '\0' ? strchr(from, c) : NULL;
		if (at == NULL)
			return lh_pull_fail(ctx, j, LH_CORRUPT, "a string holds a malformed escape");
		out[n++] = (uint8_t) to[at - from];
	}
	*out_len = n;
	return LH_OK;
}

/* Control characters must be escaped. */
static LhStatus
check_plain(LhCtx *ctx, LhPull *j, LhSlice body)
{
	uint8_t low = 0xFF;

	for (size_t i = 0; i < body.len; i++)
		low = body.data[i] < low ? body.data[i] : low;
	if (low < 0x20)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "a string holds control character 0x%02x", low);
	return LH_OK;
}

LhStatus
lh_pull_slice(LhCtx *ctx, LhPull *j, LhSlice *out)
{
	LhSlice body;
	uint8_t *copy;

	if (lh_pull_kind(j) != LH_PULL_STRING)
		return unexpected(ctx, j, "a string");
	LH_TRY(raw_string(ctx, j, &body));
	LH_TRY(check_plain(ctx, j, body));
	*out = body;
	if (body.len == 0 || memchr(body.data, '\\', body.len) == NULL)
		return LH_OK;
	LH_ALLOC(ctx, copy, body.len);
	out->data = copy;
	return unescape(ctx, j, body, copy, &out->len);
}

LhStatus
lh_pull_text(LhCtx *ctx, LhPull *j, const char **out)
{
	LhSlice s;

	LH_TRY(lh_pull_slice(ctx, j, &s));
	*out = lh_strndup(ctx, (const char *) s.data, s.len);
	return *out == NULL ? ctx->error->code : LH_OK;
}

/*
 * Other values
 */

/* An integer from -2^63 to 2^64 - 1; *wide: it is above 2^63 - 1, *out wrapped. */
static LhStatus
integer(LhCtx *ctx, LhPull *j, int64_t *out, bool *wide)
{
	const uint8_t *p, *start;
	uint64_t v = 0;
	bool whole, negative;

	*wide = false;
	if (lh_pull_kind(j) != LH_PULL_NUMBER)
		return unexpected(ctx, j, "an integer");
	start = p = j->p;
	negative = *p == '-';
	LH_TRY(raw_number(ctx, j, &whole));
	if (!whole)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected an integer, found %.*s",
							(int) (j->p - start > 40 ? 40 : j->p - start), (const char *) start);
	for (p += negative; p < j->p; p++)
	{
		uint64_t d = (uint64_t) (*p - '0');

		if (v > (UINT64_MAX - d) / 10)
			break;
		v = v * 10 + d;
	}
	if (p < j->p || (negative && v > (uint64_t) 1 << 63))
		return lh_pull_fail(ctx, j, LH_CORRUPT, "number %.*s%s does not fit in 64 bits",
							(int) (j->p - start > 40 ? 40 : j->p - start), (const char *) start,
							j->p - start > 40 ? "..." : "");
	*wide = !negative && v > INT64_MAX;
	*out = (int64_t) (negative ? UINT64_C(0) - v : v);
	return LH_OK;
}

LhStatus
lh_pull_i64(LhCtx *ctx, LhPull *j, int64_t *out)
{
	bool wide;

	LH_TRY(integer(ctx, j, out, &wide));
	if (wide)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "number %llu does not fit in 64 bits with a sign",
							(unsigned long long) *out);
	return LH_OK;
}

LhStatus
lh_pull_id(LhCtx *ctx, LhPull *j, int64_t *out)
{
	bool wide;

	return integer(ctx, j, out, &wide);
}

LhStatus
lh_pull_i32(LhCtx *ctx, LhPull *j, int *out)
{
	int64_t v;

	LH_TRY(lh_pull_i64(ctx, j, &v));
	if (v < INT32_MIN || v > INT32_MAX)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "number %lld does not fit in 32 bits",
							(long long) v);
	*out = (int) v;
	return LH_OK;
}

LhStatus
lh_pull_bool(LhCtx *ctx, LhPull *j, bool *out)
{
	if (lh_pull_kind(j) != LH_PULL_BOOL)
		return unexpected(ctx, j, "a boolean");
	*out = *j->p == 't';
	return literal(ctx, j, *out ? "true" : "false");
}

/* Over an object or array by its brackets alone. */
static LhStatus
skip_nested(LhCtx *ctx, LhPull *j)
{
	uint64_t arrays[LH_PULL_SKIP_DEPTH / 64];
	const uint8_t *polled = j->p;
	LhSlice body;
	int depth = 0;

	while (j->p < j->end)
	{
		uint8_t c = *j->p;
		uint64_t *word, bit;

		if (c == '"')
		{
			LH_TRY(raw_string(ctx, j, &body));
			continue;
		}
		if (c == '{' || c == '[')
		{
			if (depth == LH_PULL_SKIP_DEPTH)
				return lh_pull_fail(ctx, j, LH_LIMIT, "values are nested more than %d deep",
									LH_PULL_SKIP_DEPTH);
			word = &arrays[depth / 64];
			if (depth % 64 == 0)
				*word = 0;
			bit = UINT64_C(1) << depth % 64;
			*word = c == '[' ? *word | bit : *word & ~bit;
			depth++;
		}
		else if (c == '}' || c == ']')
		{
			depth--;
			if ((arrays[depth / 64] >> depth % 64 & 1) != (c == ']'))
				return lh_pull_fail(ctx, j, LH_CORRUPT, "brackets do not pair");
			if (depth == 0)
			{
				j->p++;
				return LH_OK;
			}
		}
		j->p++;
		if ((size_t) (j->p - polled) > LONG_SKIP)
		{
			polled = j->p;
			LH_TRY(lh_poll(ctx));
		}
	}
	return lh_pull_fail(ctx, j, LH_CORRUPT, "the text ends within a value");
}

LhStatus
lh_pull_skip(LhCtx *ctx, LhPull *j, LhSlice *span)
{
	LhPullKind kind = lh_pull_kind(j);
	const uint8_t *from = j->p;
	LhSlice body;
	bool flag;

	switch (kind)
	{
		case LH_PULL_OBJECT:
		case LH_PULL_ARRAY: LH_TRY(skip_nested(ctx, j)); break;
		case LH_PULL_STRING: LH_TRY(raw_string(ctx, j, &body)); break;
		case LH_PULL_NUMBER: LH_TRY(raw_number(ctx, j, &flag)); break;
		case LH_PULL_BOOL: LH_TRY(lh_pull_bool(ctx, j, &flag)); break;
		case LH_PULL_NULL: LH_TRY(literal(ctx, j, "null")); break;
		case LH_PULL_NONE: return unexpected(ctx, j, "a value");
	}
	if (span != NULL)
		*span = lh_slice(from, (size_t) (j->p - from));
	return LH_OK;
}

LhStatus
lh_pull_pairs(LhCtx *ctx, LhPull *j, int *n, const char *const **out)
{
	const uint8_t *p = j->p;
	const char **pairs;
	size_t count = 0;
	LhSlice key, span;
	bool more;

	/* twice over it: first to know how many there are */
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_member(ctx, j, &key, &more));
		if (!more)
			break;
		LH_TRY(lh_pull_skip(ctx, j, NULL));
		count++;
	}
	if (count > INT32_MAX / 2)
		return lh_pull_fail(ctx, j, LH_LIMIT, "the map has too many members");
	j->p = p;
	LH_NEW_ARRAY(ctx, pairs, 2 * count + 1);
	*n = 0;
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_member(ctx, j, &key, &more));
		if (!more)
			break;
		if (lh_pull_kind(j) == LH_PULL_NULL)
		{
			LH_TRY(lh_pull_skip(ctx, j, NULL));
			continue;
		}
		if (lh_pull_kind(j) == LH_PULL_STRING)
			LH_TRY(lh_pull_slice(ctx, j, &span));
		else
			LH_TRY(lh_pull_skip(ctx, j, &span));
		pairs[2 * *n] = lh_strndup(ctx, (const char *) key.data, key.len);
		pairs[2 * *n + 1] = lh_strndup(ctx, (const char *) span.data, span.len);
		if (pairs[2 * *n] == NULL || pairs[2 * *n + 1] == NULL)
			return ctx->error->code;
		++*n;
	}
	*out = pairs;
	return LH_OK;
}
