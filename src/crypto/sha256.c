/*
 * sha256.c
 *		SHA-256, over OpenSSL.
 *
 * OpenSSL's older calls are used on purpose: they are the same code, which chooses the
 * processor's instructions, without a fetch and an allocation for each message.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha256.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(LhSha256), "the state fits");

void
lh_sha256_begin(LhSha256 *hash)
{
	SHA256_Init((SHA256_CTX *) hash);
}

void
lh_sha256_add(LhSha256 *hash, const void *p, size_t n)
{
	if (n > 0)
		SHA256_Update((SHA256_CTX *) hash, p, n);
}

void
lh_sha256_end(LhSha256 *hash, uint8_t out[LH_SHA256])
{
	SHA256_Final(out, (SHA256_CTX *) hash);
}

void
lh_sha256(LhSlice message, uint8_t out[LH_SHA256])
{
	LhSha256 hash;

	lh_sha256_begin(&hash);
	lh_sha256_add(&hash, message.data, message.len);
	lh_sha256_end(&hash, out);
}
