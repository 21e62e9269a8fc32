/*
 * siv.h
 *		AES-CMAC, and AES-SIV: encryption that is the same each time.
 *
 *	aesblock.c, aesblock_ni.c	AES by the block (aesblock.h)
 *	siv.c						what is made of it
 *
 * Equal values under equal associated data give equal cipher texts: that is wanted for
 * joins and indexes, and all that it tells.  There is no nonce to repeat.
 *
 * Format: RFC 5297 (SIV), RFC 4493 and NIST SP 800-38B (CMAC)
 */
#ifndef LH_CRYPTO_SIV_H
#define LH_CRYPTO_SIV_H

#include "crypto/crypto.h"

#define LH_CMAC_TAG 16

/* A key of AES for tags, used by one thread at a time; in ctx->arena, wiped with it. */
typedef struct LhCmac LhCmac;
extern LhStatus lh_cmac_create(LhCtx *ctx, const uint8_t *key, size_t len, LhCmac **out);
extern LhStatus lh_cmac(LhCtx *ctx, LhCmac *cmac, LhSlice message, uint8_t tag[LH_CMAC_TAG]);

/* Bytes that a sealed value is longer: the synthetic IV, which stands in front. */
#define LH_SIV_TAG 16
/* Strings of associated data, at most (RFC 5297, section 7). */
#define LH_SIV_MOST 126

/* As LhCmac; the key has 32, 48 or 64 bytes: half for the tag, half for the text. */
typedef struct LhSiv LhSiv;
extern LhStatus lh_siv_create(LhCtx *ctx, const uint8_t *key, size_t len, LhSiv **out);

/*
 * Associated data, digested once for many values.  Several strings are not their
 * concatenation: ("a", "bc") is another than ("ab", "c").
 */
typedef struct LhSivData
{
	uint8_t		d[16];
} LhSivData;
extern LhStatus lh_siv_bind(LhCtx *ctx, LhSiv *siv, const LhSlice *strings, int n, LhSivData *out);

/* plain.len + LH_SIV_TAG bytes to out; plain may be at out + LH_SIV_TAG, or must not overlap it. */
extern LhStatus lh_siv_seal(LhCtx *ctx, LhSiv *siv, const LhSivData *bound, LhSlice plain, uint8_t *out);

/*
 * sealed.len - LH_SIV_TAG bytes to out, which may be sealed.data + LH_SIV_TAG or must not
 * overlap it.  *authentic false: it is too short, or does not belong to these strings and
 * this key; then out holds zeros.  Fails only when cancelled or when the library does.
 */
extern LhStatus lh_siv_open(LhCtx *ctx, LhSiv *siv, const LhSivData *bound, LhSlice sealed, uint8_t *out,
							bool *authentic);

#endif
