/*
 * base64.h
 *		Base64, as exactly one text for exactly one sequence of bytes.
 *
 * Not accepted are blanks, line ends, foreign letters, bits beyond the last byte that
 * are not 0, and padding that is missing (standard) or there (URL-safe): an equal text
 * is an equal value.
 *
 * Format: RFC 4648, sections 4 and 5
 */
#ifndef LH_CRYPTO_BASE64_H
#define LH_CRYPTO_BASE64_H

#include "crypto/crypto.h"

typedef enum LhBase64
{
	LH_BASE64_STANDARD,			/* "+/", padded with '=' */
	LH_BASE64_URL				/* "-_", not padded */
} LhBase64;

/* Characters that n bytes make at most, and bytes that n characters make at most. */
#define LH_BASE64_TEXT(n) (((n) + 2) / 3 * 4)
#define LH_BASE64_BYTES(n) ((n) / 4 * 3 + 2)

/* Returns the characters written; no NUL is added. */
extern size_t lh_base64_encode(LhBase64 kind, const void *p, size_t n, char *out);
/* False: it is none.  out may not overlap p. */
extern bool lh_base64_decode(LhBase64 kind, const char *p, size_t n, uint8_t *out, size_t *out_len);

#endif
