/*
 * keyset.c
 *		Parse a file of keys, and find keys in it.
 *
 * A JSON reader of its own: a library would leave copies of the keys in memory
 * that nobody wipes.  Strings are unescaped where they stand.
 *
 *	1. The whole must be UTF-8 without NUL.
 *	2. The one object has the members of crypto.h and no others: a misspelt
 *	   member would be a key that is silently not there.
 *	3. A key's digits are decoded into secret memory.  Two keys of one name are
 *	   refused.
 *
 * Errors say where and what was expected; what stands there may be a key.
 */
#include "core/hash.h"
#include "crypto/crypto.h"

/* A key takes at least this many bytes of the file: "":"<32 digits>" */
#define MIN_KEY_TEXT 37
/* Pairs of an object that has any; the array doubles. */
#define FIRST_PAIRS  16

typedef struct NamedKey
{
	size_t len;
	uint8_t bytes[LH_KEY_MAX];
} NamedKey;

/* Texts by name. */
typedef struct Pairs
{
	size_t n, cap;
	LhSlice *values;
	LhNameMap *by_name; /* NULL: none */
} Pairs;

struct LhKeySet
{
	const char *where;
	size_t nkeys;
	NamedKey *keys;
	LhNameMap *by_name;
	LhSlice footer_key; /* data NULL: none */
	LhSlice aad_prefix;
	bool require_encryption;
	Pairs column_keys;
	Pairs aad_prefixes;
};

typedef struct Parser
{
	LhCtx *ctx;
	const char *where;
	uint8_t *begin, *p, *end;
	size_t max_keys;
	LhKeySet *set;
} Parser;

/*
 * JSON
 */

static LhStatus
fail_at(Parser *r, const uint8_t *at, const char *expected)
{
	size_t line = 1;

	for (const uint8_t *c = r->begin; c < at; c++)
		line += *c == '\n';
	lh_fail(r->ctx, LH_INVALID, "keys of \"%s\" cannot be used: expected %s at byte %zu (line %zu)",
			r->where, expected, (size_t) (at - r->begin) + 1, line);
	lh_hint(r->ctx, "See docs/encryption.md for what a file of keys holds.");
	return LH_INVALID;
}

static void
skip_space(Parser *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

/* Take c, if it comes next. */
static bool
take(Parser *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != (uint8_t) c)
		return false;
	r->p++;
	return true;
}

/* Take null, true or false. */
static bool
take_word(Parser *r, const char *word)
{
	size_t len = strlen(word);

	skip_space(r);
	if ((size_t) (r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

static LhStatus
boolean(Parser *r, bool *out)
{
	*out = take_word(r, "true");
	if (!*out && !take_word(r, "false"))
		return fail_at(r, r->p, "true or false");
	return LH_OK;
}

/* Four digits behind \u; below 0: there are none. */
static int32_t
code_unit(Parser *r)
{
	int32_t v = 0;

	if (r->end - r->p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int digit = lh_hex_digit(r->p[i]);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	r->p += 4;
	return v;
}

/* The character of \uXXXX, or of a pair of surrogates; 0 for what is none. */
static uint32_t
code_point(Parser *r)
{
	int32_t high = code_unit(r), low;

	if (high <= 0 || (high >= 0xdc00 && high < 0xe000))
		return 0;
	if (high < 0xd800 || high >= 0xe000)
		return (uint32_t) high;
	if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
		return 0;
	r->p += 2;
	low = code_unit(r);
	if (low < 0xdc00 || low >= 0xe000)
		return 0;
	return 0x10000 + (((uint32_t) high - 0xd800) << 10) + ((uint32_t) low - 0xdc00);
}

static uint8_t *
put_utf8(uint8_t *to, uint32_t c)
{
	if (c < 0x80)
		*to++ = (uint8_t) c;
	else if (c < 0x800)
	{
		*to++ = (uint8_t) (0xc0 | c >> 6);
		*to++ = (uint8_t) (0x80 | (c & 0x3f));
	}
	else if (c < 0x10000)
	{
		*to++ = (uint8_t) (0xe0 | c >> 12);
		*to++ = (uint8_t) (0x80 | (c >> 6 & 0x3f));
		*to++ = (uint8_t) (0x80 | (c & 0x3f));
	}
	else
	{
		*to++ = (uint8_t) (0xf0 | c >> 18);
		*to++ = (uint8_t) (0x80 | (c >> 12 & 0x3f));
		*to++ = (uint8_t) (0x80 | (c >> 6 & 0x3f));
		*to++ = (uint8_t) (0x80 | (c & 0x3f));
	}
	return to;
}

/* What stands behind a backslash, which is never shorter than the character it means. */
static uint8_t *
unescape(Parser *r, uint8_t *to)
{
	static const char plain[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *found;
	uint32_t c;

	if (r->p == r->end)
		return NULL;
	if (*r->p == 'u')
	{
		r->p++;
		c = code_point(r);
		return c != 0 ? put_utf8(to, c) : NULL;
	}
	found = memchr(plain, *r->p, sizeof(plain) - 1);
	if (found == NULL)
		return NULL;
	r->p++;
	*to++ = (uint8_t) meant[found - plain];
	return to;
}

static LhStatus
string(Parser *r, LhSlice *out)
{
	const uint8_t *at;
	uint8_t *to;

	if (!take(r, '"'))
		return fail_at(r, r->p, "a string");
	at = r->p;
	out->data = to = r->p;
	while (r->p < r->end && *r->p != '"')
	{
		if (*r->p < 0x20)
			return fail_at(r, r->p, "no control character in a string");
		if (*r->p != '\\')
			*to++ = *r->p++;
		else
		{
			r->p++;
			to = unescape(r, to);
			if (to == NULL)
				return fail_at(r, r->p, "an escape sequence of JSON");
		}
	}
	if (r->p == r->end)
		return fail_at(r, at, "a string that ends");
	r->p++;
	out->len = (size_t) (to - out->data);
	return LH_OK;
}

typedef LhStatus (*MemberFn)(Parser *r, LhSlice name, const uint8_t *at, Pairs *pairs);

/* An object; fn takes the value of each member, whose name began at "at". */
static LhStatus
object(Parser *r, MemberFn fn, Pairs *pairs)
{
	if (!take(r, '{'))
		return fail_at(r, r->p, "an object");
	if (take(r, '}'))
		return LH_OK;
	do
	{
		const uint8_t *at;
		LhSlice name = {0};

		skip_space(r);
		at = r->p;
		LH_TRY(string(r, &name));
		if (!take(r, ':'))
			return fail_at(r, r->p, "a colon");
		LH_TRY(fn(r, name, at, pairs));
		LH_TRY(lh_poll(r->ctx));
	} while (take(r, ','));
	if (!take(r, '}'))
		return fail_at(r, r->p, "a comma or the end of an object");
	return LH_OK;
}

/*
 * Members
 */

static bool
same(LhSlice a, LhSlice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool
is(LhSlice name, const char *s)
{
	return same(name, lh_slice(s, strlen(s)));
}

static const NamedKey *
find_key(const LhKeySet *set, LhSlice name)
{
	int i = lh_namemap_get(set->by_name, (const char *) name.data, name.len);

	return i >= 0 ? &set->keys[i] : NULL;
}

static const LhSlice *
find_pair(const Pairs *pairs, LhSlice name)
{
	int i = pairs->by_name != NULL
				? lh_namemap_get(pairs->by_name, (const char *) name.data, name.len)
				: -1;

	return i >= 0 ? &pairs->values[i] : NULL;
}

/* MemberFn of "keys" */
static LhStatus
key(Parser *r, LhSlice name, const uint8_t *at, Pairs *pairs)
{
	LhKeySet *set = r->set;
	NamedKey *k;
	const uint8_t *digits_at;
	LhSlice digits = {0};

	(void) pairs;
	if (name.len == 0)
		return fail_at(r, at, "a key with a name");
	if (find_key(set, name) != NULL)
		return fail_at(r, at, "a name that no other key has");
	skip_space(r);
	digits_at = r->p;
	LH_TRY(string(r, &digits));
	if ((digits.len != 32 && digits.len != 48 && digits.len != 64) || set->nkeys == r->max_keys)
		return fail_at(r, digits_at, "a key of 32, 48 or 64 hexadecimal digits");
	k = &set->keys[set->nkeys];
	k->len = digits.len / 2;
	for (size_t i = 0; i < k->len; i++)
	{
		int high = lh_hex_digit(digits.data[2 * i]), low = lh_hex_digit(digits.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return fail_at(r, digits_at, "a key of 32, 48 or 64 hexadecimal digits");
		k->bytes[i] = (uint8_t) (high << 4 | low);
	}
	return lh_namemap_put(r->ctx, set->by_name, (const char *) name.data, name.len,
						  (int) set->nkeys++);
}

/* MemberFn of objects of texts */
static LhStatus
pair(Parser *r, LhSlice name, const uint8_t *at, Pairs *pairs)
{
	LhSlice *values;

	if (find_pair(pairs, name) != NULL)
		return fail_at(r, at, "a name that is not there twice");
	if (pairs->by_name == NULL)
		LH_TRY(lh_namemap_create(r->ctx, FIRST_PAIRS, &pairs->by_name));
	if (pairs->n == pairs->cap)
	{
		size_t cap = pairs->cap > 0 ? 2 * pairs->cap : FIRST_PAIRS;

		LH_NEW_ARRAY(r->ctx, values, cap);
		if (pairs->n > 0)
			memcpy(values, pairs->values, pairs->n * sizeof(*values));
		pairs->values = values;
		pairs->cap = cap;
	}
	LH_TRY(string(r, &pairs->values[pairs->n]));
	return lh_namemap_put(r->ctx, pairs->by_name, (const char *) name.data, name.len,
						  (int) pairs->n++);
}

/* MemberFn of the whole */
static LhStatus
member(Parser *r, LhSlice name, const uint8_t *at, Pairs *pairs)
{
	LhKeySet *set = r->set;

	(void) pairs;
	if (is(name, "keys"))
		return object(r, key, NULL);
	if (!is(name, "footer_key") && !is(name, "column_keys") && !is(name, "aad_prefix") &&
		!is(name, "aad_prefixes") && !is(name, "require_encryption"))
		return fail_at(
			r, at,
			"\"keys\", \"footer_key\", \"column_keys\", \"aad_prefix\", \"aad_prefixes\" or "
			"\"require_encryption\"");
	if (take_word(r, "null"))
		return LH_OK;
	if (is(name, "require_encryption"))
		return boolean(r, &set->require_encryption);
	if (is(name, "footer_key"))
		return string(r, &set->footer_key);
	if (is(name, "aad_prefix"))
		return string(r, &set->aad_prefix);
	return object(r, pair, is(name, "column_keys") ? &set->column_keys : &set->aad_prefixes);
}

LhStatus
lh_keyset_parse(LhCtx *ctx, const char *where, uint8_t *bytes, size_t len, LhKeySet **out)
{
	Parser r = {.ctx = ctx, .where = where, .begin = bytes, .p = bytes, .end = bytes + len};
	void *keys;
	size_t bad;

	if (!lh_utf8_check(bytes, len, &bad))
		return fail_at(&r, bytes + bad, "text in UTF-8");
	LH_NEW(ctx, r.set);
	r.set->where = lh_strdup(ctx, where);
	if (r.set->where == NULL)
		return ctx->error->code;
	r.max_keys = len / MIN_KEY_TEXT + 1;
	LH_TRY(lh_secret_alloc(ctx, r.max_keys * sizeof(NamedKey), &keys));
	r.set->keys = keys;
	LH_TRY(lh_namemap_create(ctx, FIRST_PAIRS, &r.set->by_name));
	LH_TRY(object(&r, member, NULL));
	skip_space(&r);
	if (r.p != r.end)
		return fail_at(&r, r.p, "nothing more");
	*out = r.set;
	return LH_OK;
}

/*
 * Finding
 */

static LhSlice
slice_of(const char *s)
{
	return lh_slice(s, strlen(s));
}

/* What the file of keys calls the key; data NULL: nothing. */
static LhSlice
name_of(const LhKeySet *set, const LhKeyRequest *request)
{
	const LhSlice *found;

	if (request->reference.len > 0)
		return request->reference;
	if (request->column == NULL)
		return set->footer_key;
	found = find_pair(&set->column_keys, slice_of(request->column));
	return found != NULL ? *found : (LhSlice){0};
}

static LhSlice
prefix_of(const LhKeySet *set, const char *path)
{
	const char *slash = strrchr(path, '/');
	const LhSlice *found =
		find_pair(&set->aad_prefixes, slice_of(slash != NULL ? slash + 1 : path));

	return found != NULL ? *found : set->aad_prefix;
}

LhStatus
lh_keyset_find(LhCtx *ctx, const LhKeySet *set, const LhKeyRequest *request, LhKey *out)
{
	LhSlice name = name_of(set, request);
	const NamedKey *k = name.data != NULL ? find_key(set, name) : NULL;

	if (request->plain && set->require_encryption)
	{
		lh_fail(ctx, LH_DENIED, "\"%s\" is not encrypted, but the keys of \"%s\" require it",
				request->path, set->where);
		lh_detail(ctx, "The file was replaced, or was never encrypted.");
		return LH_DENIED;
	}
	if (request->plain)
		return LH_OK;
	if (k == NULL)
	{
		lh_fail(ctx, LH_DENIED,
				"%s is encrypted with key %s, which is not among the keys of \"%s\"",
				request->column != NULL ? "the column" : "the footer", request->name, set->where);
		if (request->reference.len == 0)
			lh_hint(ctx, "Keys that a file does not name are found by \"footer_key\" and "
						 "\"column_keys\".");
		return LH_DENIED;
	}
	*out = (LhKey){.len = k->len};
	memcpy(out->bytes, k->bytes, k->len);
	if (request->column == NULL)
		out->aad_prefix = prefix_of(set, request->path);
	return LH_OK;
}
