/*
 * text_json.c
 *		JSON strings, and JSON text on one line.
 *
 * Bytes are copied while they are looked at: 16 at a time (SSE2), what is left
 * at the end as two overlapping words, without a call.  Room is taken for text
 * without escapes and for the stores that go beyond its end; each escape takes
 * more room for itself.  Valid UTF-8 stays valid, as all that is escaped is ASCII.
 */
#include "change/text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS (ONES * 0x80)

/* Bytes that stores may go beyond the end. */
#define BEYOND 16
/* Bytes of the longest escape. */
#define ESCAPE 6

/* What follows the backslash for a byte; 'u' for \u00XX, 0 for no escape. */
static const char escapes[256] = {
	['\0'] = 'u', [1] = 'u',    [2] = 'u',    [3] = 'u',    [4] = 'u',   [5] = 'u',    [6] = 'u',
	[7] = 'u',    ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [11] = 'u',  ['\f'] = 'f', ['\r'] = 'r',
	[14] = 'u',   [15] = 'u',   [16] = 'u',   [17] = 'u',   [18] = 'u',  [19] = 'u',   [20] = 'u',
	[21] = 'u',   [22] = 'u',   [23] = 'u',   [24] = 'u',   [25] = 'u',  [26] = 'u',   [27] = 'u',
	[28] = 'u',   [29] = 'u',   [30] = 'u',   [31] = 'u',   ['"'] = '"', ['\\'] = '\\'};

/* Not zero when one of eight bytes is to be escaped. */
static inline uint64_t
found8(uint64_t x)
{
	uint64_t quote = x ^ (ONES * '"');
	uint64_t slash = x ^ (ONES * '\\');

	/* a byte below 0x20, or one that is zero, borrows; those from 0x80 on do not count */
	return ((x - ONES * 0x20) | (quote - ONES) | (slash - ONES)) & ~x & HIGHS;
}

static inline char *
escape(char *o, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	*o++ = '\\';
	*o++ = escapes[c];
	if (escapes[c] == 'u')
	{
		o[0] = o[1] = '0';
		o[2] = hex[c >> 4];
		o[3] = hex[c & 15];
		o += 4;
	}
	return o;
}

/* n < 16 bytes, in room for n * ESCAPE + BEYOND. */
static inline char *
put_few(char *o, const uint8_t *s, size_t n)
{
	if (n >= 8)
	{
		uint64_t a = lh_load_u64(s);
		uint64_t b = lh_load_u64(s + n - 8);

		if ((found8(a) | found8(b)) == 0)
		{
			memcpy(o, &a, 8);
			memcpy(o + n - 8, &b, 8);
			return o + n;
		}
	}
	else if (n >= 4)
	{
		uint32_t a = lh_load_u32(s);
		uint32_t b = lh_load_u32(s + n - 4);

		if (found8((uint64_t) a << 32 | b) == 0)
		{
			memcpy(o, &a, 4);
			memcpy(o + n - 4, &b, 4);
			return o + n;
		}
	}
	for (size_t i = 0; i < n; i++)
	{
		if (escapes[s[i]] == 0)
			*o++ = (char) s[i];
		else
			o = escape(o, s[i]);
	}
	return o;
}

#ifdef __SSE2__
/* A bit for each of 16 bytes that is to be escaped. */
static inline uint32_t
found16(__m128i v)
{
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));

	return (uint32_t) _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash)));
}
#endif

/*
 * Copy to *o, in steps of 16, until less than 16 bytes are left or there is one
 * to escape; returns where that is.
 */
static inline size_t
copy_plain(char *o, const uint8_t *s, size_t n, bool *stopped)
{
	size_t i = 0;

	for (*stopped = false; n - i >= 16; i += 16)
	{
#ifdef __SSE2__
		__m128i v = _mm_loadu_si128((const __m128i *) (s + i));
		uint32_t found = found16(v);

		_mm_storeu_si128((__m128i *) (o + i), v);
		if (found != 0)
		{
			*stopped = true;
			return i + (size_t) __builtin_ctz(found);
		}
#else
		uint64_t a = lh_load_u64(s + i);
		uint64_t b = lh_load_u64(s + i + 8);

		memcpy(o + i, s + i, 16);
		if ((found8(a) | found8(b)) != 0)
		{
			while (escapes[s[i]] == 0)
				i++;
			*stopped = true;
			return i;
		}
#endif
	}
	return i;
}

/* 16 bytes or more. */
static __attribute__((noinline)) LhStatus
put_many(LhCtx *ctx, LhBuf *buf, const uint8_t *s, size_t n)
{
	char *o;

	for (;;)
	{
		bool stopped;
		size_t plain;

		LH_TRY(lh_put_room(ctx, buf, n + 16 * ESCAPE + BEYOND, &o));
		plain = copy_plain(o, s, n, &stopped);
		o += plain;
		s += plain;
		n -= plain;
		if (!stopped)
			break;
		/* all escapes that follow one another here */
		for (int i = 0; i < 8 && n > 0 && escapes[*s] != 0; i++, n--)
			o = escape(o, *s++);
		lh_put_end(buf, o);
	}
	lh_put_end(buf, put_few(o, s, n));
	return LH_OK;
}

LhStatus
lh_put_json_escaped(LhCtx *ctx, LhBuf *buf, const void *p, size_t n)
{
	char *o;

	if (n >= 16)
		return put_many(ctx, buf, p, n);
	LH_TRY(lh_put_room(ctx, buf, 16 * ESCAPE + BEYOND, &o));
	lh_put_end(buf, put_few(o, p, n));
	return LH_OK;
}

LhStatus
lh_put_json_string(LhCtx *ctx, LhBuf *buf, const void *p, size_t n)
{
	char *o;

	LH_TRY(lh_put_room(ctx, buf, 16 * ESCAPE + BEYOND + 2, &o));
	*o++ = '"';
	if (n < 16)
	{
		o = put_few(o, p, n);
		*o++ = '"';
		lh_put_end(buf, o);
		return LH_OK;
	}
	lh_put_end(buf, o);
	LH_TRY(put_many(ctx, buf, p, n));
	return lh_put(ctx, buf, "\"", 1);
}

LhStatus
lh_put_json_line(LhCtx *ctx, LhBuf *buf, const void *p, size_t n)
{
	const uint8_t *s = p;
	size_t i = 0;
	char *o;

	LH_TRY(lh_put_room(ctx, buf, n, &o));
#ifdef __SSE2__
	for (; n - i >= 16; i += 16)
	{
		__m128i v = _mm_loadu_si128((const __m128i *) (s + i));
		__m128i end = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
								   _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));

		v = _mm_or_si128(_mm_andnot_si128(end, v), _mm_and_si128(end, _mm_set1_epi8(' ')));
		_mm_storeu_si128((__m128i *) (o + i), v);
	}
#endif
	for (; i < n; i++)
		o[i] = s[i] == '\n' || s[i] == '\r' ? ' ' : (char) s[i];
	lh_put_end(buf, o + n);
	return LH_OK;
}
