/*
 * ice_seal.h
 *		Encrypted files for tests, made with OpenSSL: AES GCM streams and the metadata of their keys.
 */
#ifndef ICE_SEAL_H
#define ICE_SEAL_H

#include "test_scan.h"

#include <openssl/evp.h>

#include "crypto/crypto.h"

/* nonce | ciphertext | tag, appended. */
static inline void
seal(World *w, const LhKey *key, LhSlice aad, const void *plain, size_t n, LhBuf *out)
{
	uint8_t nonce[12], tag[16], *text = lh_alloc(w->ctx, n + 1);
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
	int len = 0;

	for (int i = 0; i < 12; i++)
		nonce[i] = (uint8_t) (out->len + (size_t) i);
	assert_true(EVP_EncryptInit_ex(evp, key->len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(),
								   NULL, key->bytes, nonce));
	assert_true(aad.len == 0 || EVP_EncryptUpdate(evp, NULL, &len, aad.data, (int) aad.len));
	assert_true(n == 0 || EVP_EncryptUpdate(evp, text, &len, plain, (int) n));
	assert_true(EVP_EncryptFinal_ex(evp, text + n, &len));
	assert_true(EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_GCM_GET_TAG, 16, tag));
	EVP_CIPHER_CTX_free(evp);
	ok(w, lh_buf_append(w->ctx, out, nonce, 12));
	if (n > 0)
		ok(w, lh_buf_append(w->ctx, out, text, n));
	ok(w, lh_buf_append(w->ctx, out, tag, 16));
}

/* A stream with blocks of this length. */
static inline LhBuf
stream(World *w, const LhFileKey *key, const char *plain, size_t n, uint32_t block)
{
	size_t prefix = key->key.aad_prefix.len;
	uint8_t *aad = lh_alloc(w->ctx, prefix + 4);
	uint32_t ordinal = 0;
	LhBuf out;

	ok(w, lh_buf_init(w->ctx, &out, false));
	ok(w, lh_buf_append(w->ctx, &out, "AGS1", 4));
	ok(w, lh_buf_append(w->ctx, &out, &block, 4));
	if (prefix > 0)
		memcpy(aad, key->key.aad_prefix.data, prefix);
	do
	{
		size_t k = n < block ? n : block;

		memcpy(aad + prefix, &ordinal, 4);
		seal(w, &key->key, lh_slice(aad, prefix + 4), plain, k, &out);
		plain += k;
		n -= k;
		ordinal++;
	} while (n > 0);
	return out;
}

static inline LhFileKey
file_key(void)
{
	LhFileKey key = {.key = {.len = 16, .aad_prefix = lh_slice("prefix", 6)}, .length = -1};

	for (int i = 0; i < 16; i++)
		key.key.bytes[i] = (uint8_t) (i * 7);
	return key;
}

/* Standard key metadata. */
static inline LhSlice
metadata_of(World *w, const uint8_t *key, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);
	LhBuf out;

	ok(w, lh_buf_init(w->ctx, &out, false));
	ok(w, lh_buf_putc(w->ctx, &out, 1));
	ok(w, lh_buf_putc(w->ctx, &out, (char) (2 * len)));
	ok(w, lh_buf_append(w->ctx, &out, key, len));
	ok(w, lh_buf_putc(w->ctx, &out, 2));
	ok(w, lh_buf_putc(w->ctx, &out, (char) (2 * n)));
	ok(w, lh_buf_append(w->ctx, &out, prefix, n));
	ok(w, lh_buf_putc(w->ctx, &out, 0));
	return lh_slice(out.data, out.len);
}

#endif
