/*
 * mask.c
 *		Masks over cells: null, constant, truncate, hash.
 *
 * A hash is made of the value's canonical text, so that a number has the same
 * one whether it is an integer or a numeric column, here and in SQL.  Its HMAC
 * state is made once with the key and copied for each value, which saves two of
 * four SHA-256 blocks; it dies with the arena, and the key with it (the
 * library wipes what it frees).
 */
#include "mask/mask.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "crypto/crypto.h"

#define LEAST_KEY       16
#define MOST_KEY        4096
#define DIGEST          32
/* Characters of the longest value that PostgreSQL holds; "truncate" takes no more. */
#define MOST_CHARACTERS INT64_C(1073741824)

struct LhMask
{
	LhMaskKind kind;
	LhSlice constant;
	size_t characters;
	EVP_MAC *mac;
	EVP_MAC_CTX *hmac; /* with the key */
};

/* ---- descriptions ---- */

static void
release_hash(void *arg)
{
	LhMask *mask = arg;

	EVP_MAC_CTX_free(mask->hmac);
	EVP_MAC_free(mask->mac);
	mask->hmac = NULL;
	mask->mac = NULL;
}

static LhStatus
init_hash(LhCtx *ctx, LhMask *mask, const LhSlice *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
						   OSSL_PARAM_construct_end()};

	if (key == NULL)
	{
		lh_fail(ctx, LH_INVALID, "mask \"hash\": there is no key to hash with");
		lh_hint(
			ctx,
			"Name a key file for the stream: without a secret key, hashes of names or numbers are undone by trying all.");
		return LH_INVALID;
	}
	if (key->len < LEAST_KEY || key->len > MOST_KEY)
		LH_FAIL(ctx, LH_INVALID, "mask \"hash\": its key has %zu bytes; %d to %d are taken",
				key->len, LEAST_KEY, MOST_KEY);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_hash, mask));
	mask->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	mask->hmac = mask->mac != NULL ? EVP_MAC_CTX_new(mask->mac) : NULL;
	if (mask->hmac == NULL || EVP_MAC_init(mask->hmac, key->data, key->len, params) != 1)
		LH_FAIL(ctx, LH_NO_MEMORY, "mask \"hash\": OpenSSL has no HMAC-SHA-256");
	return LH_OK;
}

static LhStatus
parse_characters(LhCtx *ctx, const char *text, size_t *out)
{
	int64_t n = 0;

	for (const char *p = text; *p != '\0'; p++)
	{
		if (*p < '0' || *p > '9' || n > MOST_CHARACTERS)
			LH_FAIL(ctx, LH_INVALID, "mask \"truncate:%.64s\": a number of characters is expected",
					text);
		n = n * 10 + (*p - '0');
	}
	if (*text == '\0' || n > MOST_CHARACTERS)
		LH_FAIL(ctx, LH_INVALID, "mask \"truncate:%.64s\": a number of characters is expected",
				text);
	*out = (size_t) n;
	return LH_OK;
}

/* What follows "name:", or NULL when the description begins otherwise. */
static const char *
argument(const char *text, const char *name)
{
	size_t n = strlen(name);

	return strncmp(text, name, n) == 0 && text[n] == ':' ? text + n + 1 : NULL;
}

static LhStatus
parse(LhCtx *ctx, const char *text, const LhSlice *key, LhMask *mask)
{
	const char *value;

	if (strcmp(text, "null") == 0)
	{
		mask->kind = LH_MASK_NULL;
		return LH_OK;
	}
	if (strcmp(text, "hash") == 0)
	{
		mask->kind = LH_MASK_HASH;
		return init_hash(ctx, mask, key);
	}
	if ((value = argument(text, "constant")) != NULL)
	{
		mask->kind = LH_MASK_CONSTANT;
		if (!lh_utf8_valid(value, strlen(value)))
			LH_FAIL(ctx, LH_INVALID, "mask \"constant\": its text is no valid UTF-8");
		value = lh_strdup(ctx, value);
		if (value == NULL)
			return ctx->error->code;
		mask->constant = lh_slice(value, strlen(value));
		return LH_OK;
	}
	if ((value = argument(text, "truncate")) != NULL)
	{
		mask->kind = LH_MASK_TRUNCATE;
		return parse_characters(ctx, value, &mask->characters);
	}
	/* what stands there may be a secret in the wrong place: no more than its beginning */
	lh_fail(ctx, LH_INVALID, "unknown mask \"%.32s\"", text);
	lh_hint(ctx, "Masks are null, constant:TEXT, truncate:N and hash.");
	return LH_INVALID;
}

LhStatus
lh_mask_create(LhCtx *ctx, const char *text, const LhSlice *key, LhMask **out)
{
	LhMask *mask;

	LH_NEW(ctx, mask);
	LH_TRY(parse(ctx, text, key, mask));
	*out = mask;
	return LH_OK;
}

LhMaskKind
lh_mask_kind(const LhMask *mask)
{
	return mask->kind;
}

LhCellKind
lh_mask_cell_kind(const LhMask *mask, LhCellKind kind)
{
	return mask->kind == LH_MASK_NULL ? kind : LH_CELL_TEXT;
}

/* ---- values ---- */

/* Bytes of the first n characters of valid UTF-8. */
static size_t
characters(const uint8_t *p, size_t len, size_t n)
{
	size_t i = 0;

	if (n >= len)
		return len;
	for (; n > 0 && i < len; n--)
	{
		i++;
		while (i < len && (p[i] & 0xc0) == 0x80)
			i++;
	}
	return i;
}

static LhStatus
truncate_text(LhCtx *ctx, const LhMask *mask, LhSlice text, LhCell *cell)
{
	size_t n;
	uint8_t *copy;

	/* what is no UTF-8 has no characters to count */
	if (!lh_utf8_valid(text.data, text.len))
	{
		*cell = lh_cell_null();
		return LH_OK;
	}
	n = characters(text.data, text.len, mask->characters);
	LH_ALLOC(ctx, copy, n + 1);
	if (n > 0)
		memcpy(copy, text.data, n);
	*cell = lh_cell_text(copy, n);
	return LH_OK;
}

/* The digest of text; false when the library fails. */
static bool
digest(const LhMask *mask, LhSlice text, uint8_t out[DIGEST])
{
	EVP_MAC_CTX *hmac = EVP_MAC_CTX_dup(mask->hmac);
	size_t n = 0;
	bool done = hmac != NULL && EVP_MAC_update(hmac, text.data, text.len) == 1 &&
				EVP_MAC_final(hmac, out, &n, DIGEST) == 1 && n == DIGEST;

	EVP_MAC_CTX_free(hmac);
	return done;
}

static LhStatus
hash_text(LhCtx *ctx, const LhMask *mask, LhSlice text, LhCell *cell)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[DIGEST];
	char *hex;

	if (!digest(mask, text, bytes))
	{
		*cell = lh_cell_null();
		return LH_OK;
	}
	LH_ALLOC(ctx, hex, 2 * DIGEST);
	for (int i = 0; i < DIGEST; i++)
	{
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	*cell = lh_cell_text(hex, 2 * DIGEST);
	return LH_OK;
}

LhStatus
lh_mask_apply(LhCtx *ctx, const LhMask *mask, LhCellTextFn text, LhBuf *scratch, LhCell *cell)
{
	LhCell clear = *cell;
	LhSlice value;

	if (clear.kind == LH_CELL_UNCHANGED || clear.kind == LH_CELL_ABSENT)
		return LH_OK;
	/* whatever fails below: the clear value is gone */
	*cell = lh_cell_null();
	if (mask->kind == LH_MASK_NULL)
		return LH_OK;
	if (mask->kind == LH_MASK_CONSTANT)
	{
		*cell = lh_cell_text(mask->constant.data, mask->constant.len);
		return LH_OK;
	}
	if (!LH_CELL_IS_VALUE(&clear))
		return LH_OK;
	if (lh_cell_is_text(&clear))
		value = lh_slice(clear.ptr, clear.len);
	else
	{
		scratch->len = 0;
		LH_TRY(text(ctx, scratch, &clear));
		value = lh_slice(scratch->data, scratch->len);
	}
	return mask->kind == LH_MASK_HASH ? hash_text(ctx, mask, value, cell)
									  : truncate_text(ctx, mask, value, cell);
}

/* ---- order ---- */

/* Less lets less through. */
static int
rank(const LhMask *mask)
{
	switch (mask->kind)
	{
		case LH_MASK_NULL: return 0;
		case LH_MASK_CONSTANT: return 1;
		case LH_MASK_HASH: return 2;
		case LH_MASK_TRUNCATE: break;
	}
	return 3;
}

const LhMask *
lh_mask_stricter(const LhMask *a, const LhMask *b)
{
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? a : b;
	return a->kind == LH_MASK_TRUNCATE && b->characters < a->characters ? b : a;
}
