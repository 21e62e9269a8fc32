/*
 * block.h
 *		AES by the block: what CMAC and SIV are made of.  Internal to crypto/.
 *
 * A value of a column is one block or a few.  OpenSSL's EVP costs several times what
 * these need, so they have a kernel of their own on AES-NI (block_ni.c); without it,
 * or with lakehouse.simd = base, EVP does the same.
 */
#ifndef LH_CRYPTO_BLOCK_H
#define LH_CRYPTO_BLOCK_H

#include "crypto/crypto.h"

#define LH_BLOCK 16

/* Round keys of the longest key, aligned for the kernel. */
typedef struct LhSchedule
{
	uint8_t		keys[15][LH_BLOCK] __attribute__((aligned(16)));
	int			rounds;
} LhSchedule;

typedef struct LhBlocks LhBlocks;

/*
 * key of 16, 24 or 32 bytes; in ctx->arena and secret memory.  Wiped with it.  By the
 * kernel that lh_isa() allows now.
 */
extern LhStatus lh_blocks_create(LhCtx *ctx, const uint8_t *key, size_t len, LhBlocks **out);

/* state = E(state ^ block), for n blocks; polls between long pieces. */
extern LhStatus lh_blocks_chain(LhCtx *ctx, LhBlocks *b, uint8_t state[LH_BLOCK], const uint8_t *in, size_t n);

/*
 * Counter mode from this counter on, both directions; out may be in.  The upper bit of
 * the counter's lower half must be 0: no carry is taken beyond these 64 bits.
 */
extern LhStatus lh_blocks_ctr(LhCtx *ctx, LhBlocks *b, const uint8_t counter[LH_BLOCK], const uint8_t *in,
							  size_t len, uint8_t *out);

/* ---- block_ni.c ---- */

/* Does this machine have the instructions, and may they be used? */
extern bool lh_aesni_usable(void);
extern void lh_aesni_expand(LhSchedule *s, const uint8_t *key, size_t len);
extern void lh_aesni_chain(const LhSchedule *s, uint8_t state[LH_BLOCK], const uint8_t *in, size_t n);
extern void lh_aesni_ctr(const LhSchedule *s, const uint8_t counter[LH_BLOCK], uint64_t first, const uint8_t *in,
						 size_t len, uint8_t *out);

#endif
