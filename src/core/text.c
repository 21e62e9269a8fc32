/*
 * text.c
 *		UTF-8 checks, %XX decoding and JSON strings.
 *
 * Text in files is mostly ASCII, so a check first takes it 32 bytes at a time
 * for ASCII without a NUL.  What is not goes to the kernel of text_avx2.c, or
 * character by character, which also finds the place of an error.
 */
#include "core/text.h"

#include "core/cpu.h"
#include "core/text_kernels.h"

#define ONES   UINT64_C(0x0101010101010101)
#define HIGHS  (ONES * 0x80)
#define STRIDE 32

/*
 * Eight bytes that are all in 1..127?  A high bit of x stays; a zero byte
 * borrows and gets one; bytes 1..127 minus one have none.
 */
static inline uint64_t
not_plain(uint64_t x)
{
	return (x | (x - ONES)) & HIGHS;
}

static inline bool
stride_is_plain(const uint8_t *p)
{
	return (not_plain(lh_load_u64(p)) | not_plain(lh_load_u64(p + 8)) |
			not_plain(lh_load_u64(p + 16)) | not_plain(lh_load_u64(p + 24))) == 0;
}

static inline bool
is_continuation(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Length of the character at p, of which n > 0 bytes are there; 0 when it is
 * none that PostgreSQL takes (Unicode, table 3-7: well-formed byte sequences).
 */
static inline size_t
character(const uint8_t *p, size_t n)
{
	uint8_t c = p[0];

	if (c < 0x80)
		return c != 0;
	if (c < 0xc2 || n < 2)
		return 0;
	if (c < 0xe0)
		return is_continuation(p[1]) ? 2 : 0;
	if (n < 3 || !is_continuation(p[2]))
		return 0;
	if (c < 0xf0)
	{
		if (c == 0xe0)
			return p[1] >= 0xa0 && p[1] <= 0xbf ? 3 : 0; /* no overlongs */
		if (c == 0xed)
			return p[1] >= 0x80 && p[1] <= 0x9f ? 3 : 0; /* no surrogates */
		return is_continuation(p[1]) ? 3 : 0;
	}
	if (c > 0xf4 || n < 4 || !is_continuation(p[3]))
		return 0;
	if (c == 0xf0)
		return p[1] >= 0x90 && p[1] <= 0xbf ? 4 : 0; /* no overlongs */
	if (c == 0xf4)
		return p[1] >= 0x80 && p[1] <= 0x8f ? 4 : 0; /* <= U+10FFFF */
	return is_continuation(p[1]) ? 4 : 0;
}

/* All bytes in 1..127?  The last load may overlap the one before. */
static inline bool
is_plain(const uint8_t *p, size_t n)
{
	uint64_t found = 0;

	if (n >= STRIDE)
	{
		for (size_t i = 0; n - i >= STRIDE; i += STRIDE)
		{
			if (!stride_is_plain(p + i))
				return false;
		}
		return stride_is_plain(p + n - STRIDE);
	}
	if (n >= 16)
		return (not_plain(lh_load_u64(p)) | not_plain(lh_load_u64(p + 8)) |
				not_plain(lh_load_u64(p + n - 16)) | not_plain(lh_load_u64(p + n - 8))) == 0;
	if (n >= 8)
		return (not_plain(lh_load_u64(p)) | not_plain(lh_load_u64(p + n - 8))) == 0;
	if (n >= 4)
		return not_plain((uint64_t) lh_load_u32(p) << 32 | lh_load_u32(p + n - 4)) == 0;
	for (size_t i = 0; i < n; i++)
		found |= not_plain(p[i] | (ONES << 8));
	return found == 0;
}

/* Offset of the first byte that does not fit; n when all do. */
static size_t
check_by_character(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n)
	{
		size_t until, len;

		if (n - i >= STRIDE && stride_is_plain(p + i))
		{
			i += STRIDE;
			continue;
		}
		until = n - i >= STRIDE ? i + STRIDE : n;
		for (; i < until; i += len)
		{
			len = character(p + i, n - i);
			if (len == 0)
				return i;
		}
	}
	return n;
}

static bool
valid_by_character(const uint8_t *p, size_t n)
{
	return check_by_character(p, n) == n;
}

static bool (*valid)(const uint8_t *p, size_t n) = valid_by_character;

static void
choose(LhIsa isa)
{
	valid = valid_by_character;
#ifdef __x86_64__
	if (isa >= LH_ISA_AVX2)
		valid = lh_utf8_valid_avx2;
#else
	(void) isa;
#endif
}

static void __attribute__((constructor)) listen(void)
{
	lh_isa_listen(choose);
}

bool
lh_utf8_valid(const void *p, size_t n)
{
	return is_plain(p, n) || valid(p, n);
}

bool
lh_utf8_check(const void *p, size_t n, size_t *bad)
{
	if (lh_utf8_valid(p, n))
		return true;
	*bad = check_by_character(p, n);
	return false;
}

size_t
lh_utf8_clip(const void *p, size_t n, size_t max)
{
	const uint8_t *s = p;
	size_t cut = max;

	if (n <= max)
		return n;
	/* a character has at most three continuation bytes; more are not UTF-8 */
	while (cut > 0 && max - cut < 4 && is_continuation(s[cut]))
		cut--;
	return is_continuation(s[cut]) ? max : cut;
}

bool
lh_url_decode(const char *p, size_t n, char *out, size_t *out_len)
{
	char *o = out;

	for (size_t i = 0; i < n; i++)
	{
		int high, low;

		if (p[i] != '%')
		{
			*o++ = p[i];
			continue;
		}
		if (n - i < 3)
			return false;
		high = lh_hex_digit((uint8_t) p[i + 1]);
		low = lh_hex_digit((uint8_t) p[i + 2]);
		if (high < 0 || low < 0)
			return false;
		*o++ = (char) (high << 4 | low);
		i += 2;
	}
	*out_len = (size_t) (o - out);
	return true;
}

/* What follows the backslash for a byte: 'u' for \u00XX, 0 for none. */
static char
json_escape(uint8_t c)
{
	switch (c)
	{
		case '"':
		case '\\': return (char) c;
		case '\b': return 'b';
		case '\f': return 'f';
		case '\n': return 'n';
		case '\r': return 'r';
		case '\t': return 't';
		default: return c < 0x20 ? 'u' : 0;
	}
}

/* Bytes from p on that need no escape. */
static size_t
json_plain(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

LhStatus
lh_json_string(LhCtx *ctx, LhBuf *out, const void *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *s = p;
	size_t i = 0;

	LH_TRY(lh_buf_reserve(ctx, out, out->len + n + 2));
	LH_TRY(lh_buf_putc(ctx, out, '"'));
	while (i < n)
	{
		size_t plain = json_plain(s + i, n - i);
		char escape[6] = "\\?00XX";

		LH_TRY(lh_buf_append(ctx, out, s + i, plain));
		i += plain;
		if (i == n)
			break;
		escape[1] = json_escape(s[i]);
		escape[4] = hex[s[i] >> 4];
		escape[5] = hex[s[i] & 15];
		LH_TRY(lh_buf_append(ctx, out, escape, escape[1] == 'u' ? 6 : 2));
		i++;
	}
	return lh_buf_putc(ctx, out, '"');
}
