/*
 * aesblock.c
 *		AES by the block: the kernel, or OpenSSL's EVP in its place.
 *
 * The EVP twin chains by CBC, whose last block of cipher text is the state, and has a
 * counter mode of its own.  It is slower for short values and also the test's second
 * opinion.
 */
#include "crypto/aesblock.h"

#include <openssl/err.h>
#include <openssl/evp.h>

/* Bytes between two polls. */
#define PIECE   ((size_t) 4 << 20)
/* Cipher text of a chain that nobody needs. */
#define DISCARD ((size_t) 4096)

struct LhAesBlocks
{
	LhAesSchedule schedule;
	bool kernel;
	EVP_CIPHER *cbc_cipher, *ctr_cipher;
	EVP_CIPHER_CTX *cbc, *ctr;
};

static void
release(void *arg)
{
	LhAesBlocks *b = arg;

	EVP_CIPHER_CTX_free(b->cbc);
	EVP_CIPHER_CTX_free(b->ctr);
	EVP_CIPHER_free(b->cbc_cipher);
	EVP_CIPHER_free(b->ctr_cipher);
}

static LhStatus
fail_library(LhCtx *ctx, const char *what)
{
	ERR_clear_error();
	LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to %s", what);
}

static LhStatus
create_evp(LhCtx *ctx, LhAesBlocks *b, const uint8_t *key, size_t len)
{
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, b));
	b->cbc_cipher = EVP_CIPHER_fetch(
		NULL, len == 16 ? "AES-128-CBC" : (len == 24 ? "AES-192-CBC" : "AES-256-CBC"), NULL);
	b->ctr_cipher = EVP_CIPHER_fetch(
		NULL, len == 16 ? "AES-128-CTR" : (len == 24 ? "AES-192-CTR" : "AES-256-CTR"), NULL);
	b->cbc = EVP_CIPHER_CTX_new();
	b->ctr = EVP_CIPHER_CTX_new();
	if (b->cbc_cipher == NULL || b->ctr_cipher == NULL || b->cbc == NULL || b->ctr == NULL)
		return fail_library(ctx, "provide AES");
	if (EVP_EncryptInit_ex2(b->cbc, b->cbc_cipher, key, NULL, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(b->cbc, 0) != 1 ||
		EVP_EncryptInit_ex2(b->ctr, b->ctr_cipher, key, NULL, NULL) != 1)
		return fail_library(ctx, "take a key");
	return LH_OK;
}

LhStatus
lh_aes_blocks_create(LhCtx *ctx, const uint8_t *key, size_t len, LhAesBlocks **out)
{
	void *memory;
	LhAesBlocks *b;

	if (len != 16 && len != 24 && len != 32)
		LH_FAIL(ctx, LH_INVALID, "a key of AES has 16, 24 or 32 bytes, not %zu", len);
	LH_TRY(lh_secret_alloc(ctx, sizeof(*b), &memory));
	b = memory;
	b->kernel = lh_aesni_usable();
	if (b->kernel)
		lh_aesni_expand(&b->schedule, key, len);
	else
		LH_TRY(create_evp(ctx, b, key, len));
	*out = b;
	return LH_OK;
}

static LhStatus
chain_evp(LhCtx *ctx, LhAesBlocks *b, uint8_t state[LH_AES_BLOCK], const uint8_t *in, size_t n)
{
	uint8_t discard[DISCARD];
	int k = 0;

	if (EVP_EncryptInit_ex2(b->cbc, NULL, NULL, state, NULL) != 1)
		return fail_library(ctx, "begin a message");
	for (size_t left = n * LH_AES_BLOCK; left > 0; left -= (size_t) k, in += k)
		if (EVP_EncryptUpdate(b->cbc, discard, &k, in, (int) (left < DISCARD ? left : DISCARD)) !=
				1 ||
			k < LH_AES_BLOCK)
			return fail_library(ctx, "process a message");
	memcpy(state, discard + k - LH_AES_BLOCK, LH_AES_BLOCK);
	return LH_OK;
}

LhStatus
lh_aes_blocks_chain(LhCtx *ctx, LhAesBlocks *b, uint8_t state[LH_AES_BLOCK], const uint8_t *in,
					size_t n)
{
	for (size_t done = 0; done < n;)
	{
		size_t k = n - done < PIECE / LH_AES_BLOCK ? n - done : PIECE / LH_AES_BLOCK;

		if (done > 0)
			LH_TRY(lh_poll(ctx));
		if (b->kernel)
			lh_aesni_chain(&b->schedule, state, in + done * LH_AES_BLOCK, k);
		else
			LH_TRY(chain_evp(ctx, b, state, in + done * LH_AES_BLOCK, k));
		done += k;
	}
	return LH_OK;
}

LhStatus
lh_aes_blocks_ctr(LhCtx *ctx, LhAesBlocks *b, const uint8_t counter[LH_AES_BLOCK],
				  const uint8_t *in, size_t len, uint8_t *out)
{
	if (!b->kernel && EVP_EncryptInit_ex2(b->ctr, NULL, NULL, counter, NULL) != 1)
		return fail_library(ctx, "begin a message");
	for (size_t done = 0; done < len;)
	{
		size_t k = len - done < PIECE ? len - done : PIECE;
		int n;

		if (done > 0)
			LH_TRY(lh_poll(ctx));
		if (b->kernel)
			lh_aesni_ctr(&b->schedule, counter, done / LH_AES_BLOCK, in + done, k, out + done);
		else if (EVP_EncryptUpdate(b->ctr, out + done, &n, in + done, (int) k) != 1)
			return fail_library(ctx, "process a message");
		done += k;
	}
	return LH_OK;
}
