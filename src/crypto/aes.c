/*
 * aes.c
 *		AES in GCM and CTR mode, over OpenSSL's EVP.
 *
 * The key schedule is made once; each message only sets its nonce.  OpenSSL
 * wipes the schedule when a context is freed, which the arena does.  Long
 * messages go through in pieces, so that a cancelled query does not wait for
 * gigabytes.
 *
 * Format: NIST SP 800-38D (GCM, nonces of 12 bytes), SP 800-38A (CTR)
 */
#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* Bytes between two polls; EVP takes an int. */
#define PIECE   ((size_t) 4 << 20)
/* Where the ciphertext goes that a signature does not need. */
#define DISCARD ((size_t) 4096)

struct LhAes
{
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *evp;
};

static void
release(void *arg)
{
	LhAes *aes = arg;

	EVP_CIPHER_CTX_free(aes->evp);
	EVP_CIPHER_free(aes->cipher);
}

/* The library's own errors say nothing to a user, and must not stay in its queue. */
static LhStatus
fail_library(LhCtx *ctx, const char *what)
{
	ERR_clear_error();
	LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to %s", what);
}

static const char *
cipher_name(LhAesMode mode, size_t len)
{
	switch (len)
	{
		case 16: return mode == LH_AES_GCM ? "AES-128-GCM" : "AES-128-CTR";
		case 24: return mode == LH_AES_GCM ? "AES-192-GCM" : "AES-192-CTR";
		case 32: return mode == LH_AES_GCM ? "AES-256-GCM" : "AES-256-CTR";
		default: return NULL;
	}
}

LhStatus
lh_aes_create(LhCtx *ctx, LhAesMode mode, const LhKey *key, LhAes **out)
{
	const char *name = cipher_name(mode, key->len);
	LhAes *aes;

	if (name == NULL)
		LH_FAIL(ctx, LH_INVALID, "a key of AES has 16, 24 or 32 bytes, not %zu", key->len);
	LH_NEW(ctx, aes);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, aes));
	aes->cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	aes->evp = EVP_CIPHER_CTX_new();
	if (aes->cipher == NULL || aes->evp == NULL)
		return fail_library(ctx, "provide AES");
	/* counter mode encrypts to decrypt */
	if (EVP_CipherInit_ex2(aes->evp, aes->cipher, key->bytes, NULL, mode == LH_AES_CTR, NULL) != 1)
		return fail_library(ctx, "take a key");
	*out = aes;
	return LH_OK;
}

/* Send bytes through; out NULL: they are authenticated only. */
static LhStatus
update(LhCtx *ctx, LhAes *aes, const uint8_t *in, size_t len, uint8_t *out)
{
	for (size_t done = 0; done < len;)
	{
		size_t k = len - done < PIECE ? len - done : PIECE;
		int n;

		if (done > 0)
			LH_TRY(lh_poll(ctx));
		if (EVP_CipherUpdate(aes->evp, out != NULL ? out + done : NULL, &n, in + done, (int) k) !=
			1)
			return fail_library(ctx, "process a message");
		done += k;
	}
	return LH_OK;
}

/* A new message: direction (1: encrypt), nonce and aad. */
static LhStatus
begin(LhCtx *ctx, LhAes *aes, int encrypt, const uint8_t *nonce, LhSlice aad)
{
	if (EVP_CipherInit_ex2(aes->evp, NULL, NULL, nonce, encrypt, NULL) != 1)
		return fail_library(ctx, "begin a message");
	return update(ctx, aes, aad.data, aad.len, NULL);
}

LhStatus
lh_aes_gcm_open(LhCtx *ctx, LhAes *aes, const uint8_t *nonce, LhSlice aad, const uint8_t *in,
				size_t len, const uint8_t *tag, uint8_t *out, bool *authentic)
{
	uint8_t expected[LH_AES_TAG];
	uint8_t rest[LH_AES_TAG];
	int n;

	*authentic = false;
	memcpy(expected, tag, LH_AES_TAG);
	LH_TRY(begin(ctx, aes, 0, nonce, aad));
	LH_TRY(update(ctx, aes, in, len, out));
	if (EVP_CIPHER_CTX_ctrl(aes->evp, EVP_CTRL_AEAD_SET_TAG, LH_AES_TAG, expected) != 1)
		return fail_library(ctx, "take a tag");
	*authentic = EVP_CipherFinal_ex(aes->evp, rest, &n) == 1;
	if (!*authentic)
	{
		ERR_clear_error();
		lh_wipe(out, len);
	}
	return LH_OK;
}

LhStatus
lh_aes_gcm_seal(LhCtx *ctx, LhAes *aes, const uint8_t *nonce, LhSlice aad, LhSlice plain,
				uint8_t *out, uint8_t *tag)
{
	uint8_t rest[LH_AES_TAG];
	int n;

	LH_TRY(begin(ctx, aes, 1, nonce, aad));
	LH_TRY(update(ctx, aes, plain.data, plain.len, out));
	if (EVP_CipherFinal_ex(aes->evp, rest, &n) != 1 ||
		EVP_CIPHER_CTX_ctrl(aes->evp, EVP_CTRL_AEAD_GET_TAG, LH_AES_TAG, tag) != 1)
		return fail_library(ctx, "make a tag");
	return LH_OK;
}

LhStatus
lh_aes_gcm_tag(LhCtx *ctx, LhAes *aes, const uint8_t *nonce, LhSlice aad, LhSlice plain,
			   uint8_t *tag)
{
	uint8_t discard[DISCARD];
	int n;

	LH_TRY(begin(ctx, aes, 1, nonce, aad));
	for (size_t done = 0; done < plain.len; done += DISCARD)
	{
		size_t left = plain.len - done;

		if (done % PIECE == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(update(ctx, aes, plain.data + done, left < DISCARD ? left : DISCARD, discard));
	}
	if (EVP_CipherFinal_ex(aes->evp, discard, &n) != 1 ||
		EVP_CIPHER_CTX_ctrl(aes->evp, EVP_CTRL_AEAD_GET_TAG, LH_AES_TAG, tag) != 1)
		return fail_library(ctx, "make a tag");
	return LH_OK;
}

LhStatus
lh_aes_ctr(LhCtx *ctx, LhAes *aes, const uint8_t *nonce, const uint8_t *in, size_t len,
		   uint8_t *out)
{
	uint8_t iv[16] = {[15] = 1};

	memcpy(iv, nonce, LH_AES_NONCE);
	LH_TRY(begin(ctx, aes, 1, iv, (LhSlice){0}));
	return update(ctx, aes, in, len, out);
}

bool
lh_same_secret(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}
