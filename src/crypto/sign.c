/*
 * sign.c
 *		Ed25519 over OpenSSL's EVP, and the names of keys.
 */
#include "crypto/sign.h"
#include "crypto/base64.h"
#include "crypto/note.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

/* What a key hash and a verifier's text call Ed25519. */
#define KIND_ED25519 1

struct LhSigner
{
	EVP_PKEY *key;
	LhNoteKey note;
};

struct LhVerifier
{
	EVP_PKEY *key;
	LhNoteKey note;
};

static void
release(void *arg)
{
	EVP_PKEY_free(*(EVP_PKEY **) arg);
}

static LhStatus
fail_library(LhCtx *ctx, const char *what)
{
	ERR_clear_error();
	LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to %s", what);
}

LhStatus
lh_ed25519_seed(LhCtx *ctx, uint8_t **out)
{
	void *memory;

	LH_TRY(lh_secret_alloc(ctx, LH_ED25519_SEED, &memory));
	if (RAND_priv_bytes(memory, LH_ED25519_SEED) != 1)
		return fail_library(ctx, "make a key");
	*out = memory;
	return LH_OK;
}

/* ---- names ---- */

/* A blank of Unicode (White_Space) at p, which is valid UTF-8? */
static bool
is_blank(const uint8_t *p, size_t n)
{
	if (p[0] <= ' ' || p[0] == 0x7f)
		return true;
	if (n >= 2 && p[0] == 0xc2 && (p[1] == 0x85 || p[1] == 0xa0))
		return true;
	if (n < 3)
		return false;
	if (p[0] == 0xe1 && p[1] == 0x9a && p[2] == 0x80)
		return true;
	if (p[0] == 0xe2 && p[1] == 0x80 &&
		((p[2] >= 0x80 && p[2] <= 0x8a) || p[2] == 0xa8 || p[2] == 0xa9 || p[2] == 0xaf))
		return true;
	return (p[0] == 0xe2 && p[1] == 0x81 && p[2] == 0x9f) ||
		   (p[0] == 0xe3 && p[1] == 0x80 && p[2] == 0x80);
}

bool
lh_note_name_valid(LhSlice name)
{
	if (name.len == 0 || name.len > LH_SIGN_NAME || !lh_utf8_valid(name.data, name.len))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] == '+' || is_blank(name.data + i, name.len - i))
			return false;
	return true;
}

static LhStatus
set_name(LhCtx *ctx, LhNoteKey *key, LhSlice name, const uint8_t public_key[LH_ED25519_PUBLIC])
{
	uint8_t kind[2] = {'\n', KIND_ED25519}, hash[LH_SHA256];
	LhSha256 h;

	if (!lh_note_name_valid(name))
		LH_FAIL(ctx, LH_INVALID,
				"the name of a signing key has 1 to %d bytes of UTF-8, without blanks and \"+\"",
				LH_SIGN_NAME);
	memcpy(key->name, name.data, name.len);
	key->name[name.len] = '\0';
	key->name_len = name.len;
	memcpy(key->public_key, public_key, LH_ED25519_PUBLIC);
	lh_sha256_begin(&h);
	lh_sha256_add(&h, name.data, name.len);
	lh_sha256_add(&h, kind, 2);
	lh_sha256_add(&h, public_key, LH_ED25519_PUBLIC);
	lh_sha256_end(&h, hash);
	memcpy(key->hash, hash, LH_NOTE_HASH);
	return LH_OK;
}

/* ---- signing ---- */

LhStatus
lh_signer_create(LhCtx *ctx, const char *name, LhSlice seed, LhSigner **out)
{
	uint8_t public_key[LH_ED25519_PUBLIC];
	size_t n = sizeof(public_key);
	LhSigner *s;

	if (seed.len != LH_ED25519_SEED)
		LH_FAIL(ctx, LH_INVALID, "the seed of an Ed25519 key has %d bytes, not %zu",
				LH_ED25519_SEED, seed.len);
	LH_NEW(ctx, s);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, &s->key));
	s->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.data, seed.len);
	if (s->key == NULL || EVP_PKEY_get_raw_public_key(s->key, public_key, &n) != 1)
		return fail_library(ctx, "take a signing key");
	LH_TRY(set_name(ctx, &s->note, lh_slice(name, strlen(name)), public_key));
	*out = s;
	return LH_OK;
}

const uint8_t *
lh_signer_public(const LhSigner *signer)
{
	return signer->note.public_key;
}

const LhNoteKey *
lh_signer_note(const LhSigner *signer)
{
	return &signer->note;
}

LhStatus
lh_sign(LhCtx *ctx, LhSigner *signer, LhSlice message, uint8_t out[LH_ED25519_SIGNATURE])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n = LH_ED25519_SIGNATURE;
	bool done = md != NULL && EVP_DigestSignInit(md, NULL, NULL, NULL, signer->key) == 1 &&
				EVP_DigestSign(md, out, &n, message.data, message.len) == 1 &&
				n == LH_ED25519_SIGNATURE;

	EVP_MD_CTX_free(md);
	return done ? LH_OK : fail_library(ctx, "sign");
}

/* ---- verifying ---- */

LhStatus
lh_verifier_create(LhCtx *ctx, const char *name, LhSlice public_key, LhVerifier **out)
{
	LhVerifier *v;

	if (public_key.len != LH_ED25519_PUBLIC)
		LH_FAIL(ctx, LH_INVALID, "a public key of Ed25519 has %d bytes, not %zu", LH_ED25519_PUBLIC,
				public_key.len);
	LH_NEW(ctx, v);
	LH_TRY(set_name(ctx, &v->note, lh_slice(name, strlen(name)), public_key.data));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, &v->key));
	v->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key.data, public_key.len);
	if (v->key == NULL)
		return fail_library(ctx, "take a public key");
	*out = v;
	return LH_OK;
}

LhStatus
lh_verifier_parse(LhCtx *ctx, LhSlice text, LhVerifier **out)
{
	static const char expected[] =
		"the text of a public key is \"name+8 hexadecimal digits+base64\"";
	uint8_t bytes[LH_BASE64_BYTES(LH_BASE64_TEXT(1 + LH_ED25519_PUBLIC))], hash[LH_NOTE_HASH];
	const uint8_t *first, *second;
	size_t len, rest;

	first = text.len > 0 ? memchr(text.data, '+', text.len) : NULL;
	if (first == NULL)
		LH_FAIL(ctx, LH_INVALID, "%s", expected);
	rest = text.len - (size_t) (first + 1 - text.data);
	second = first + 1 + 2 * LH_NOTE_HASH;
	if (rest != 2 * LH_NOTE_HASH + 1 + LH_BASE64_TEXT(1 + LH_ED25519_PUBLIC) || *second != '+')
		LH_FAIL(ctx, LH_INVALID, "%s", expected);
	for (int i = 0; i < LH_NOTE_HASH; i++)
	{
		int high = lh_hex_digit(first[1 + 2 * i]), low = lh_hex_digit(first[2 + 2 * i]);

		if (high < 0 || low < 0)
			LH_FAIL(ctx, LH_INVALID, "%s", expected);
		hash[i] = (uint8_t) (high << 4 | low);
	}
	if (!lh_base64_decode(LH_BASE64_STANDARD, (const char *) second + 1,
						  LH_BASE64_TEXT(1 + LH_ED25519_PUBLIC), bytes, &len) ||
		len != 1 + LH_ED25519_PUBLIC)
		LH_FAIL(ctx, LH_INVALID, "%s", expected);
	if (bytes[0] != KIND_ED25519)
		LH_FAIL(ctx, LH_UNSUPPORTED, "a public key has kind %d; known is %d, Ed25519", bytes[0],
				KIND_ED25519);
	if (memchr(text.data, 0, text.len) != NULL)
		LH_FAIL(ctx, LH_INVALID, "%s", expected);
	{
		char *name = lh_strndup(ctx, (const char *) text.data, (size_t) (first - text.data));

		if (name == NULL)
			return ctx->error->code;
		LH_TRY(lh_verifier_create(ctx, name, lh_slice(bytes + 1, LH_ED25519_PUBLIC), out));
	}
	if (memcmp((*out)->note.hash, hash, LH_NOTE_HASH) != 0)
		LH_FAIL(ctx, LH_INVALID, "the text of a public key has a hash that is not its key's");
	return LH_OK;
}

char *
lh_verifier_text(LhCtx *ctx, const LhVerifier *verifier)
{
	const LhNoteKey *k = &verifier->note;
	char base64[LH_BASE64_TEXT(1 + LH_ED25519_PUBLIC)];
	uint8_t bytes[1 + LH_ED25519_PUBLIC] = {KIND_ED25519};
	size_t n;

	memcpy(bytes + 1, k->public_key, LH_ED25519_PUBLIC);
	n = lh_base64_encode(LH_BASE64_STANDARD, bytes, sizeof(bytes), base64);
	return lh_sprintf(ctx, "%s+%08x+%.*s", k->name, lh_load_be32(k->hash), (int) n, base64);
}

LhStatus
lh_signer_verifier(LhCtx *ctx, const LhSigner *signer, LhVerifier **out)
{
	return lh_verifier_create(ctx, signer->note.name,
							  lh_slice(signer->note.public_key, LH_ED25519_PUBLIC), out);
}

const LhNoteKey *
lh_verifier_note(const LhVerifier *verifier)
{
	return &verifier->note;
}

LhStatus
lh_verify(LhCtx *ctx, LhVerifier *verifier, LhSlice message, LhSlice signature, bool *authentic)
{
	EVP_MD_CTX *md;
	bool ready;

	*authentic = false;
	if (signature.len != LH_ED25519_SIGNATURE)
		return LH_OK;
	md = EVP_MD_CTX_new();
	ready = md != NULL && EVP_DigestVerifyInit(md, NULL, NULL, NULL, verifier->key) == 1;
	*authentic = ready && EVP_DigestVerify(md, signature.data, signature.len, message.data,
										   message.len) == 1;
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return ready ? LH_OK : fail_library(ctx, "verify a signature");
}
