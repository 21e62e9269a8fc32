/*
 * sha256.h
 *		SHA-256, with a state that can be copied.
 *
 * Keyed hashes and Merkle trees hash one or two blocks at a time.  EVP looks its
 * algorithm up and allocates for that; here the state is a plain struct, so that a hash
 * which has taken a key or a label is copied, not made again.
 */
#ifndef LH_CRYPTO_SHA256_H
#define LH_CRYPTO_SHA256_H

#include "crypto/crypto.h"

#define LH_SHA256 32

typedef struct LhSha256
{
	uint64_t	opaque[14];
} LhSha256;

extern void lh_sha256_begin(LhSha256 *hash);
extern void lh_sha256_add(LhSha256 *hash, const void *p, size_t n);
/* The hash is used up. */
extern void lh_sha256_end(LhSha256 *hash, uint8_t out[LH_SHA256]);
extern void lh_sha256(LhSlice message, uint8_t out[LH_SHA256]);

#endif
