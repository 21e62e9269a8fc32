/*
 * aesblock.h
 *		AES by the block: what CMAC and SIV are made of.  Internal to crypto/.
 *
 * A value of a column is one block or a few.  OpenSSL's EVP costs several times what
 * these need, so they have a kernel of their own on AES-NI (aesblock_ni.c); without it,
 * or with lakehouse.simd = base, EVP does the same.
 */
#ifndef LH_CRYPTO_AESBLOCK_H
#define LH_CRYPTO_AESBLOCK_H

#include "crypto/crypto.h"

#define LH_AES_BLOCK 16

/* Round keys of the longest key, aligned for the kernel. */
typedef struct LhAesSchedule
{
	uint8_t		keys[15][LH_AES_BLOCK] __attribute__((aligned(16)));
	int			rounds;
} LhAesSchedule;

typedef struct LhAesBlocks LhAesBlocks;

/*
 * key of 16, 24 or 32 bytes; in ctx->arena and secret memory.  Wiped with it.  By the
 * kernel that lh_isa() allows now.
 */
extern LhStatus lh_aes_blocks_create(LhCtx *ctx, const uint8_t *key, size_t len, LhAesBlocks **out);

/* state = E(state ^ block), for n blocks; polls between long pieces. */
extern LhStatus lh_aes_blocks_chain(LhCtx *ctx, LhAesBlocks *b, uint8_t state[LH_AES_BLOCK], const uint8_t *in, size_t n);

/*
 * Counter mode from this counter on, both directions; out may be in.  The upper bit of
 * the counter's lower half must be 0: no carry is taken beyond these 64 bits.
 */
extern LhStatus lh_aes_blocks_ctr(LhCtx *ctx, LhAesBlocks *b, const uint8_t counter[LH_AES_BLOCK], const uint8_t *in,
							  size_t len, uint8_t *out);

/* ---- aesblock_ni.c ---- */

/* Does this machine have the instructions, and may they be used? */
extern bool lh_aesni_usable(void);
extern void lh_aesni_expand(LhAesSchedule *s, const uint8_t *key, size_t len);
extern void lh_aesni_chain(const LhAesSchedule *s, uint8_t state[LH_AES_BLOCK], const uint8_t *in, size_t n);
extern void lh_aesni_ctr(const LhAesSchedule *s, const uint8_t counter[LH_AES_BLOCK], uint64_t first, const uint8_t *in,
						 size_t len, uint8_t *out);

#endif
