/*
 * kdf.h
 *		Keyed hashes: HMAC-SHA256, keys derived by HKDF, and blind indexes.
 *
 * Format: RFC 2104 (HMAC), RFC 5869 (HKDF)
 */
#ifndef LH_CRYPTO_KDF_H
#define LH_CRYPTO_KDF_H

#include "crypto/sha256.h"

/*
 * A key for hashes: both of its states, in secret memory in ctx->arena.  It is only read:
 * threads may share it.
 */
typedef struct LhHmac LhHmac;
extern LhStatus lh_hmac_create(LhCtx *ctx, LhSlice key, LhHmac **out);
/* Of the parts one after the other; the caller says where one ends. */
extern void lh_hmac(const LhHmac *hmac, const LhSlice *parts, int n, uint8_t out[LH_SHA256]);

/* Longest key that HKDF makes. */
#define LH_HKDF_MOST (255 * LH_SHA256)

/* len bytes from key material, for the purpose that info names; LH_INVALID for a len of 0 or above LH_HKDF_MOST. */
extern LhStatus lh_hkdf(LhCtx *ctx, LhSlice material, LhSlice salt, LhSlice info, uint8_t *out, size_t len);

/*
 * Blind index: n bytes by which an encrypted value is found without decrypting.
 * Equal values of one domain have equal ones, and nobody without the key can make
 * one for a guess.  Fewer bytes give wrong candidates on purpose, which hides how often
 * a value occurs: n bytes let two of 2^(4n) values meet.  The caller normalises the
 * value (case, blanks, Unicode) first.
 *
 * It is the beginning of an HMAC over a label, and domain and value each behind its
 * length: no two pairs of them are one message.
 */
#define LH_BLIND_MOST LH_SHA256
extern LhStatus lh_blind_index(LhCtx *ctx, const LhHmac *key, LhSlice domain, LhSlice value, uint8_t *out,
							   size_t n);
/* ... of count values, n bytes each, one after the other. */
extern LhStatus lh_blind_index_batch(LhCtx *ctx, const LhHmac *key, LhSlice domain, const LhSlice *values,
									 size_t count, uint8_t *out, size_t n);

#endif
