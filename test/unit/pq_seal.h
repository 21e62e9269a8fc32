/*
 * pq_seal.h
 *		Encrypt modules of Parquet files, for tests and fuzz targets.
 *
 * The way of a writer, straight through OpenSSL, so that what is tested does not
 * test itself.  Nonces count up.
 */
#ifndef PQ_SEAL_H
#define PQ_SEAL_H

#include <openssl/evp.h>

#include "parquet/crypt.h"
#include "unit/pq_write.h"

typedef struct PqSealer
{
	const char *key; /* 16 bytes */
	const char *unique;
	bool ctr;
	int group, column;
	uint32_t nonces;
} PqSealer;

/* Prefixless AAD of a module; its length. */
static inline int
pq_seal_aad(const PqSealer *s, LhPqModule module, int page, uint8_t aad[64])
{
	int n = (int) strlen(s->unique);

	memcpy(aad, s->unique, (size_t) n);
	aad[n++] = (uint8_t) module;
	if (module == LH_PQ_M_FOOTER)
		return n;
	aad[n++] = (uint8_t) s->group;
	aad[n++] = (uint8_t) (s->group >> 8);
	aad[n++] = (uint8_t) s->column;
	aad[n++] = (uint8_t) (s->column >> 8);
	if (module != LH_PQ_M_DATA_PAGE && module != LH_PQ_M_DATA_HEADER)
		return n;
	aad[n++] = (uint8_t) page;
	aad[n++] = (uint8_t) (page >> 8);
	return n;
}

/* Append the module of these bytes to w. */
static inline void
pq_seal(Tw *w, PqSealer *s, LhPqModule module, int page, const void *plain, size_t len)
{
	bool ctr = s->ctr && (module == LH_PQ_M_DATA_PAGE || module == LH_PQ_M_DICT_PAGE);
	uint32_t size = (uint32_t) (LH_AES_NONCE + len + (ctr ? 0 : LH_AES_TAG));
	uint8_t iv[16] = {[15] = 1}, aad[64], tag[LH_AES_TAG];
	uint8_t *out = malloc(len + 16);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n, aad_len = pq_seal_aad(s, module, page, aad);

	s->nonces++;
	memcpy(iv, &s->nonces, 4);
	EVP_EncryptInit_ex(c, ctr ? EVP_aes_128_ctr() : EVP_aes_128_gcm(), NULL,
					   (const uint8_t *) s->key, iv);
	if (!ctr)
		EVP_EncryptUpdate(c, NULL, &n, aad, aad_len);
	if (len > 0)
		EVP_EncryptUpdate(c, out, &n, plain, (int) len);
	EVP_EncryptFinal_ex(c, out + len, &n);
	if (!ctr)
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, LH_AES_TAG, tag);
	EVP_CIPHER_CTX_free(c);
	tw_bytes(w, &size, 4);
	tw_bytes(w, iv, LH_AES_NONCE);
	tw_bytes(w, out, len);
	if (!ctr)
		tw_bytes(w, tag, LH_AES_TAG);
	free(out);
}

/* EncryptionAlgorithm as field id of the structure that is open. */
static inline void
pq_seal_algorithm(Tw *w, int id, const PqSealer *s)
{
	tw_struct(w, id);
	tw_struct(w, s->ctr ? 2 : 1);
	tw_binary(w, 2, s->unique, strlen(s->unique));
	tw_close(w);
	tw_close(w);
}

/* What lies behind the modules of a file with an encrypted footer; w holds these, "PARE" before them. */
static inline void
pq_seal_end(Tw *w, PqSealer *s, const void *footer, size_t len)
{
	size_t begin = w->len;
	uint32_t size;
	Tw meta = {0};

	tw_open(&meta);
	pq_seal_algorithm(&meta, 1, s);
	tw_string(&meta, 2, "k");
	tw_close(&meta);
	tw_bytes(w, meta.p, meta.len);
	tw_free(&meta);
	pq_seal(w, s, LH_PQ_M_FOOTER, 0, footer, len);
	size = (uint32_t) (w->len - begin);
	tw_bytes(w, &size, 4);
	tw_bytes(w, "PARE", 4);
}

#endif
