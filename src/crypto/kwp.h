/*
 * kwp.h
 *		Keys wrapped under keys: AES-KWP.
 *
 * For keys at rest: no nonce to keep, and the wrapped key is authentic or it is none.
 * A wrapped key says nothing of what it is for: who stores it stores that, too.
 *
 * Format: RFC 5649, NIST SP 800-38F
 */
#ifndef LH_CRYPTO_KWP_H
#define LH_CRYPTO_KWP_H

#include "crypto/crypto.h"

/* Bytes of the longest key that is wrapped; 0 bytes are none. */
#define LH_KWP_MOST 4096
/* Wrapped, it is padded to eight bytes and has eight more. */
#define LH_KWP_SIZE(len) (((len) + 7) / 8 * 8 + 8)

/* LH_KWP_SIZE(key.len) bytes to out.  kek has 16, 24 or 32 bytes. */
extern LhStatus lh_kwp_wrap(LhCtx *ctx, const LhKey *kek, LhSlice key, uint8_t *out);

/*
 * *out is secret memory in ctx->arena.  *authentic false: these bytes were not wrapped
 * under this key; then *out is empty.
 */
extern LhStatus lh_kwp_unwrap(LhCtx *ctx, const LhKey *kek, LhSlice wrapped, LhSlice *out, bool *authentic);

#endif
