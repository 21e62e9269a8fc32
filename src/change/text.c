/*
 * text.c
 *		Numbers, hexadecimal, base64, UUIDs; and any cell as text.
 *
 *	1. Integers go eight digits at a time (digits.h).
 *	2. A numeric is written straight from its base-10,000 digits, in room taken
 *	   once: four places a digit, the first without leading zeros, the last cut
 *	   at the display scale.
 *	3. Items of arrays are written where they belong, then looked at, and moved
 *	   apart in place for quotes and backslashes if they need them.
 */
#include "change/text.h"

#include "core/digits.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Domains over arrays nest as deep as their makers like; we do not. */
#define MAX_DEPTH 32

static const char hex_digits[] = "0123456789abcdef";

char *
lh_text_i64(char *p, int64_t v)
{
	return lh_digits_i64(p, v);
}

char *
lh_text_u64(char *p, uint64_t v)
{
	return lh_digits_u64(p, v);
}

/* Upper-case hexadecimal without leading zeros. */
static char *
hex_upper(char *p, uint32_t v)
{
	int digits = v == 0 ? 1 : (35 - __builtin_clz(v)) / 4;

	for (int i = digits - 1; i >= 0; i--)
		*p++ = "0123456789ABCDEF"[v >> (4 * i) & 15];
	return p;
}

char *
lh_text_lsn(char *p, uint64_t lsn)
{
	p = hex_upper(p, (uint32_t) (lsn >> 32));
	*p++ = '/';
	return hex_upper(p, (uint32_t) lsn);
}

char *
lh_text_float8(char *p, double v)
{
	return p + lh_format_double(v, p);
}

char *
lh_text_float4(char *p, float v)
{
	return p + lh_format_float(v, p);
}

/* ---- hexadecimal, base64 ---- */

/* 16 bytes as 32 digits. */
static inline void
hex16(const uint8_t *in, char *out)
{
#ifdef __SSE2__
	__m128i v = _mm_loadu_si128((const __m128i *) in);
	__m128i nibble = _mm_set1_epi8(15);
	__m128i high = _mm_and_si128(_mm_srli_epi16(v, 4), nibble);
	__m128i low = _mm_and_si128(v, nibble);
	__m128i halves[2] = {_mm_unpacklo_epi8(high, low), _mm_unpackhi_epi8(high, low)};

	for (int i = 0; i < 2; i++)
	{
		__m128i letter = _mm_cmpgt_epi8(halves[i], _mm_set1_epi8(9));
		__m128i text = _mm_add_epi8(halves[i], _mm_set1_epi8('0'));

		text = _mm_add_epi8(text, _mm_and_si128(letter, _mm_set1_epi8('a' - '0' - 10)));
		_mm_storeu_si128((__m128i *) (out + 16 * i), text);
	}
#else
	for (int i = 0; i < 16; i++)
	{
		out[2 * i] = hex_digits[in[i] >> 4];
		out[2 * i + 1] = hex_digits[in[i] & 15];
	}
#endif
}

char *
lh_text_uuid(char *p, const uint8_t *uuid)
{
	char hex[32];

	hex16(uuid, hex);
	memcpy(p, hex, 8);
	memcpy(p + 9, hex + 8, 4);
	memcpy(p + 14, hex + 12, 4);
	memcpy(p + 19, hex + 16, 4);
	memcpy(p + 24, hex + 20, 4);
	memcpy(p + 28, hex + 24, 8);
	p[8] = p[13] = p[18] = p[23] = '-';
	return p + 36;
}

LhStatus
lh_put_hex(LhCtx *ctx, LhBuf *buf, const void *p, size_t n)
{
	const uint8_t *in = p;
	size_t i = 0;
	char *o;

	LH_TRY(lh_put_room(ctx, buf, 2 * n, &o));
	for (; n - i >= 16; i += 16)
		hex16(in + i, o + 2 * i);
	for (; i < n; i++)
	{
		o[2 * i] = hex_digits[in[i] >> 4];
		o[2 * i + 1] = hex_digits[in[i] & 15];
	}
	lh_put_end(buf, o + 2 * n);
	return LH_OK;
}

static const char base64_digits[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

/* The lowest 24 bits of v as four digits. */
static inline void
base64_four(char *o, uint64_t v, const char *digits)
{
	o[0] = digits[v >> 18 & 63];
	o[1] = digits[v >> 12 & 63];
	o[2] = digits[v >> 6 & 63];
	o[3] = digits[v & 63];
}

LhStatus
lh_put_base64(LhCtx *ctx, LhBuf *buf, const void *p, size_t n, bool url)
{
	const char *digits = base64_digits[url];
	const uint8_t *in = p;
	size_t i = 0;
	char *o;

	LH_TRY(lh_put_room(ctx, buf, (n + 2) / 3 * 4, &o));
	/* six bytes of a load of eight */
	for (; n - i >= 8; i += 6, o += 8)
	{
		uint64_t v = __builtin_bswap64(lh_load_u64(in + i)) >> 16;

		base64_four(o, v >> 24, digits);
		base64_four(o + 4, v, digits);
	}
	for (; n - i >= 3; i += 3, o += 4)
		base64_four(o, (uint64_t) in[i] << 16 | (uint64_t) in[i + 1] << 8 | in[i + 2], digits);
	if (i < n)
	{
		bool two = n - i == 2;

		base64_four(o, (uint64_t) in[i] << 16 | (two ? (uint64_t) in[i + 1] << 8 : 0), digits);
		o[3] = '=';
		if (!two)
			o[2] = '=';
		o += 4;
	}
	lh_put_end(buf, o);
	return LH_OK;
}

/* ---- numeric ---- */

static inline uint32_t
numeric_digit(const LhCell *c, int i)
{
	int16_t d;

	if (i < 0 || i >= c->ndigits)
		return 0;
	memcpy(&d, c->ptr + 2 * i, 2);
	/* what is no digit would lead out of the table of pairs */
	return (uint16_t) d < 10000 ? (uint32_t) d : 0;
}

static LhStatus
put_numeric_special(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	switch (c->sign)
	{
		case LH_SIGN_NAN: return lh_put(ctx, buf, "NaN", 3);
		case LH_SIGN_INFINITY: return lh_put(ctx, buf, "Infinity", 8);
		default: return lh_put(ctx, buf, "-Infinity", 9);
	}
}

char *
lh_text_numeric(char *p, const LhCell *c)
{
	int whole = c->weight >= 0 ? c->weight + 1 : 0; /* digits before the point */
	int left = c->dscale;

	*p = '-';
	p += c->sign == LH_SIGN_MINUS;
	if (whole == 0)
		*p++ = '0';
	else
	{
		p = lh_digits_some8(p, numeric_digit(c, 0));
		for (int i = 1; i < whole; i++)
			p = lh_digits_4(p, numeric_digit(c, i));
	}
	if (left > 0)
	{
		*p++ = '.';
		/* the first place after the point is the digit of weight -1, perhaps before the first */
		for (int i = c->weight + 1; left > 0; i++, left -= 4)
			p = lh_digits_4(p, numeric_digit(c, i));
		p += left; /* at most three places too many */
	}
	return p;
}

LhStatus
lh_put_numeric(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	char *p;

	if (c->sign > LH_SIGN_MINUS)
		return put_numeric_special(ctx, buf, c);
	LH_TRY(lh_put_room(ctx, buf, lh_text_numeric_room(c), &p));
	lh_put_end(buf, lh_text_numeric(p, c));
	return LH_OK;
}

/* ---- arrays ---- */

static LhStatus put_text(LhCtx *ctx, LhBuf *buf, const LhCell *c, int depth);

/* As array_isspace and array_out: what makes an item need its quotes. */
static inline bool
is_special(uint8_t c, char delim)
{
	return c == '"' || c == '\\' || c == '{' || c == '}' || c == (uint8_t) delim || c == ' ' ||
		   (c >= '\t' && c <= '\r');
}

static bool
is_null_word(const uint8_t *p, size_t n)
{
	static const char word[] = "null";

	if (n != 4)
		return false;
	for (int i = 0; i < 4; i++)
	{
		if ((p[i] | 0x20) != word[i])
			return false;
	}
	return true;
}

/* Put quotes around what buf has from "at" on, and backslashes before quotes and backslashes. */
static LhStatus
quote_from(LhCtx *ctx, LhBuf *buf, size_t at, char delim)
{
	size_t n = buf->len - at, escapes = 0, to;
	bool needed = n == 0 || is_null_word(buf->data + at, n);
	uint8_t *p;
	char *room;

	for (size_t i = at; i < buf->len; i++)
	{
		needed |= is_special(buf->data[i], delim);
		escapes += buf->data[i] == '"' || buf->data[i] == '\\';
	}
	if (!needed)
		return LH_OK;
	LH_TRY(lh_put_room(ctx, buf, escapes + 2, &room));
	p = buf->data;
	to = buf->len + escapes + 2;
	p[--to] = '"';
	for (size_t i = buf->len; i > at; i--)
	{
		p[--to] = p[i - 1];
		if (p[i - 1] == '"' || p[i - 1] == '\\')
			p[--to] = '\\';
	}
	p[at] = '"';
	buf->len += escapes + 2;
	return LH_OK;
}

static LhStatus
put_item(LhCtx *ctx, LhBuf *buf, const LhCell *c, char delim, int depth)
{
	size_t at = buf->len;

	if (!LH_CELL_IS_VALUE(c))
		return lh_put(ctx, buf, "NULL", 4);
	LH_TRY(put_text(ctx, buf, c, depth));
	switch (c->kind)
	{
		case LH_CELL_BOOL:
		case LH_CELL_INT:
		case LH_CELL_FLOAT4:
		case LH_CELL_FLOAT8:
		case LH_CELL_NUMERIC:
		case LH_CELL_UUID: return LH_OK;
		default: return quote_from(ctx, buf, at, delim);
	}
}

/* "[2:3][0:1]=" when a bound is not 1. */
static LhStatus
put_bounds(LhCtx *ctx, LhBuf *buf, const LhCellArray *a)
{
	bool plain = true;
	char *p;

	for (int i = 0; i < a->ndim; i++)
		plain = plain && a->lbound[i] == 1;
	if (plain)
		return LH_OK;
	LH_TRY(lh_put_room(ctx, buf, (size_t) a->ndim * (2 * LH_TEXT_INT + 3) + 1, &p));
	for (int i = 0; i < a->ndim; i++)
	{
		*p++ = '[';
		p = lh_digits_i64(p, a->lbound[i]);
		*p++ = ':';
		p = lh_digits_i64(p, (int64_t) a->lbound[i] + a->dims[i] - 1);
		*p++ = ']';
	}
	*p++ = '=';
	lh_put_end(buf, p);
	return LH_OK;
}

/* Dimension "dim" and those inside it; *next is the item to write. */
static LhStatus
put_dimension(LhCtx *ctx, LhBuf *buf, const LhCellArray *a, int dim, int *next, int depth)
{
	LH_TRY(lh_put(ctx, buf, "{", 1));
	for (int i = 0; i < a->dims[dim] && *next < a->nitems; i++)
	{
		if (i > 0)
			LH_TRY(lh_put(ctx, buf, &a->delim, 1));
		if (dim + 1 < a->ndim)
			LH_TRY(put_dimension(ctx, buf, a, dim + 1, next, depth));
		else
			LH_TRY(put_item(ctx, buf, &a->items[(*next)++], a->delim, depth));
	}
	return lh_put(ctx, buf, "}", 1);
}

static LhStatus
put_array(LhCtx *ctx, LhBuf *buf, const LhCellArray *a, int depth)
{
	int next = 0;

	if (depth > MAX_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "arrays inside arrays are nested more than %d deep", MAX_DEPTH);
	if (a->ndim == 0 || a->nitems == 0)
		return lh_put(ctx, buf, "{}", 2);
	LH_TRY(put_bounds(ctx, buf, a));
	return put_dimension(ctx, buf, a, 0, &next, depth + 1);
}

/* ---- cells ---- */

/* Kinds of bounded size; NULL: none of them. */
static inline char *
text_fixed(char *p, const LhCell *c)
{
	switch ((LhCellKind) c->kind)
	{
		case LH_CELL_BOOL: *p = c->i64 ? 't' : 'f'; return p + 1;
		case LH_CELL_INT: return lh_digits_i64(p, c->i64);
		case LH_CELL_FLOAT4: return lh_text_float4(p, (float) c->f64);
		case LH_CELL_FLOAT8: return lh_text_float8(p, c->f64);
		case LH_CELL_UUID: return lh_text_uuid(p, c->ptr);
		case LH_CELL_DATE: return lh_text_date(p, c->i64);
		case LH_CELL_TIME: return lh_text_time(p, c->i64);
		case LH_CELL_TIMETZ: return lh_text_timetz(p, c->i64, c->aux);
		case LH_CELL_TIMESTAMP: return lh_text_timestamp(p, c->i64, ' ', NULL);
		case LH_CELL_TIMESTAMPTZ: return lh_text_timestamp(p, c->i64, ' ', "+00");
		case LH_CELL_INTERVAL: return lh_text_interval(p, c->i64, (int32_t) c->len, c->aux);
		default: return NULL;
	}
}

static LhStatus
put_text(LhCtx *ctx, LhBuf *buf, const LhCell *c, int depth)
{
	char *p, *end;

	if (lh_cell_is_text(c))
		return lh_put(ctx, buf, c->ptr, c->len);
	LH_TRY(lh_put_room(ctx, buf, LH_TEXT_TIME, &p));
	end = text_fixed(p, c);
	if (end != NULL)
	{
		lh_put_end(buf, end);
		return LH_OK;
	}
	switch ((LhCellKind) c->kind)
	{
		case LH_CELL_NUMERIC: return lh_put_numeric(ctx, buf, c);
		case LH_CELL_ARRAY: return put_array(ctx, buf, c->array, depth);
		case LH_CELL_BYTES:
		case LH_CELL_RAW:
			LH_TRY(lh_put(ctx, buf, "\\x", 2));
			return lh_put_hex(ctx, buf, c->ptr, c->len);
		default: return LH_OK;
	}
}

LhStatus
lh_put_cell_text(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	return put_text(ctx, buf, c, 0);
}

/* An array's text has characters to escape: written behind the buffer's end first. */
static LhStatus
put_array_json(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	size_t at = buf->len;
	LhBuf copy;

	LH_TRY(put_text(ctx, buf, c, 0));
	LH_TRY(lh_buf_init(ctx, &copy, false));
	LH_TRY(lh_buf_append(ctx, &copy, buf->data + at, buf->len - at));
	buf->len = at;
	LH_TRY(lh_put_json_string(ctx, buf, copy.data, copy.len));
	lh_buf_free(&copy);
	return LH_OK;
}

LhStatus
lh_put_cell_text_json(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	char *p, *end;

	if (lh_cell_is_text(c))
		return lh_put_json_string(ctx, buf, c->ptr, c->len);
	if (!LH_CELL_IS_VALUE(c))
		return lh_put(ctx, buf, "null", 4);
	LH_TRY(lh_put_room(ctx, buf, LH_TEXT_TIME + 2, &p));
	*p = '"';
	end = text_fixed(p + 1, c);
	if (end != NULL)
	{
		*end = '"';
		lh_put_end(buf, end + 1);
		return LH_OK;
	}
	switch ((LhCellKind) c->kind)
	{
		case LH_CELL_ARRAY: return put_array_json(ctx, buf, c);
		case LH_CELL_NUMERIC:
			LH_TRY(lh_put(ctx, buf, "\"", 1));
			LH_TRY(lh_put_numeric(ctx, buf, c));
			break;
		default:
			LH_TRY(lh_put(ctx, buf, "\"\\\\x", 4));
			LH_TRY(lh_put_hex(ctx, buf, c->ptr, c->len));
	}
	return lh_put(ctx, buf, "\"", 1);
}

/* ---- equality ---- */

static bool
array_equal(const LhCellArray *a, const LhCellArray *b)
{
	size_t n = (size_t) a->ndim * sizeof(int);

	if (a->ndim != b->ndim || a->nitems != b->nitems || memcmp(a->dims, b->dims, n) != 0 ||
		memcmp(a->lbound, b->lbound, n) != 0)
		return false;
	for (int i = 0; i < a->nitems; i++)
	{
		if (!lh_cell_equal(&a->items[i], &b->items[i]))
			return false;
	}
	return true;
}

bool
lh_cell_equal(const LhCell *a, const LhCell *b)
{
	if (a->kind != b->kind)
		return false;
	switch ((LhCellKind) a->kind)
	{
		case LH_CELL_NULL:
		case LH_CELL_UNCHANGED:
		case LH_CELL_ABSENT: return true;
		case LH_CELL_FLOAT4:
		case LH_CELL_FLOAT8:
			return a->i64 == b->i64 || (__builtin_isnan(a->f64) && __builtin_isnan(b->f64));
		case LH_CELL_NUMERIC:
			return a->sign == b->sign &&
				   (a->sign > LH_SIGN_MINUS ||
					(a->weight == b->weight && a->dscale == b->dscale && a->ndigits == b->ndigits &&
					 memcmp(a->ptr, b->ptr, (size_t) a->ndigits * 2) == 0));
		case LH_CELL_UUID: return memcmp(a->ptr, b->ptr, 16) == 0;
		case LH_CELL_TIMETZ: return a->i64 == b->i64 && a->aux == b->aux;
		case LH_CELL_INTERVAL: return a->i64 == b->i64 && a->len == b->len && a->aux == b->aux;
		case LH_CELL_ARRAY: return array_equal(a->array, b->array);
		case LH_CELL_TEXT:
		case LH_CELL_JSON:
		case LH_CELL_BYTES:
		case LH_CELL_OTHER:
		case LH_CELL_RAW: return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
		default: return a->i64 == b->i64;
	}
}
