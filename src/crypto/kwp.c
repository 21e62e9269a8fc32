/*
 * kwp.c
 *		AES-KWP, over OpenSSL's EVP.
 *
 * Wrapping is rare (a key is unwrapped once and used for long), so each call has its
 * own context.
 */
#include "crypto/kwp.h"

#include <openssl/err.h>
#include <openssl/evp.h>

typedef struct Wrapper
{
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *evp;
} Wrapper;

static void
close_wrapper(Wrapper *w)
{
	EVP_CIPHER_CTX_free(w->evp);
	EVP_CIPHER_free(w->cipher);
}

static bool
open_wrapper(Wrapper *w, const LhKey *kek, int encrypt)
{
	w->cipher = EVP_CIPHER_fetch(NULL,
								 kek->len == 16
									 ? "AES-128-WRAP-PAD"
									 : (kek->len == 24 ? "AES-192-WRAP-PAD" : "AES-256-WRAP-PAD"),
								 NULL);
	w->evp = EVP_CIPHER_CTX_new();
	if (w->cipher == NULL || w->evp == NULL)
		return false;
	EVP_CIPHER_CTX_set_flags(w->evp, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	return EVP_CipherInit_ex2(w->evp, w->cipher, kek->bytes, NULL, encrypt, NULL) == 1;
}

static LhStatus
check_kek(LhCtx *ctx, const LhKey *kek)
{
	if (kek->len != 16 && kek->len != 24 && kek->len != 32)
		LH_FAIL(ctx, LH_INVALID, "a key of AES has 16, 24 or 32 bytes, not %zu", kek->len);
	return LH_OK;
}

LhStatus
lh_kwp_wrap(LhCtx *ctx, const LhKey *kek, LhSlice key, uint8_t *out)
{
	Wrapper w = {0};
	int n = 0;
	bool done;

	LH_TRY(check_kek(ctx, kek));
	if (key.len == 0 || key.len > LH_KWP_MOST)
		LH_FAIL(ctx, LH_LIMIT, "a key to wrap has 1 to %d bytes, not %zu", LH_KWP_MOST, key.len);
	done = open_wrapper(&w, kek, 1) &&
		   EVP_CipherUpdate(w.evp, out, &n, key.data, (int) key.len) == 1 &&
		   (size_t) n == LH_KWP_SIZE(key.len);
	close_wrapper(&w);
	ERR_clear_error();
	if (!done)
		LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to wrap a key");
	return LH_OK;
}

LhStatus
lh_kwp_unwrap(LhCtx *ctx, const LhKey *kek, LhSlice wrapped, LhSlice *out, bool *authentic)
{
	Wrapper w = {0};
	void *memory;
	int n = 0;
	bool ready;

	*authentic = false;
	*out = (LhSlice){0};
	LH_TRY(check_kek(ctx, kek));
	if (wrapped.len < LH_KWP_SIZE(1) || wrapped.len > LH_KWP_SIZE(LH_KWP_MOST) ||
		wrapped.len % 8 != 0)
		return LH_OK;
	LH_TRY(lh_secret_alloc(ctx, wrapped.len, &memory));
	ready = open_wrapper(&w, kek, 0);
	*authentic = ready &&
				 EVP_CipherUpdate(w.evp, memory, &n, wrapped.data, (int) wrapped.len) == 1 &&
				 n > 0 && (size_t) n <= wrapped.len - 8;
	close_wrapper(&w);
	ERR_clear_error();
	if (!ready)
		LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to unwrap a key");
	if (*authentic)
		*out = lh_slice(memory, (size_t) n);
	else
		lh_wipe(memory, wrapped.len);
	return LH_OK;
}
