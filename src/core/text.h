/*
 * text.h
 *		UTF-8 checks and a JSON writer.
 */
#ifndef LH_CORE_TEXT_H
#define LH_CORE_TEXT_H

#include "core/buffer.h"

/* True when the bytes are valid UTF-8 as PostgreSQL takes it (no surrogates, no overlongs, <= U+10FFFF) and hold no NUL. */
extern bool lh_utf8_valid(const void *p, size_t n);
/* As above; on false *bad is the offset of the NUL or where the invalid sequence begins. */
extern bool lh_utf8_check(const void *p, size_t n, size_t *bad);
/* Longest prefix of at most max bytes that does not cut a character. */
extern size_t lh_utf8_clip(const void *p, size_t n, size_t max);
/* %XX decoding (Hive partition values, file: URLs); false when malformed. out may be p; no NUL is added. */
extern bool lh_url_decode(const char *p, size_t n, char *out, size_t *out_len);

/* Value of a hexadecimal digit of either case; -1: it is none. */
static inline int
lh_hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* JSON text: writes a quoted, escaped string of valid UTF-8. */
extern LhStatus lh_json_string(LhCtx *ctx, LhBuf *out, const void *p, size_t n);
/* Shortest text that reads back to the same float/double, exactly as PostgreSQL prints it; returns its length, NUL added. */
extern int	lh_format_double(double v, char out[32]);
extern int	lh_format_float(float v, char out[32]);

#endif
