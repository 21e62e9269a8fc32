/*
 * mask.c
 *		Masks over cells: null, constant, truncate, hash.
 *
 * A hash is made of the value's canonical text, so that a number has the same
 * one whether it is an integer or a numeric column, here and in SQL.  HMAC (RFC
 * 2104) hashes a block of the key and the text, and then another block of the
 * key and that hash.  Both blocks are hashed once and the states copied for each
 * value, into a state that is kept: a third of what a copy of the library's
 * own HMAC state takes.  They die with the arena; the library wipes what it
 * frees.  The key itself is not kept.
 */
#include "mask/mask.h"

#include <openssl/evp.h>

#include "crypto/crypto.h"

#define LEAST_KEY       16
#define MOST_KEY        4096
#define DIGEST          32
#define BLOCK           64 /* of SHA-256 */
/* Characters of the longest value that PostgreSQL holds; "truncate" takes no more. */
#define MOST_CHARACTERS INT64_C(1073741824)

struct LhMask
{
	LhMaskKind kind;
	LhSlice constant;
	size_t characters;
	EVP_MD *sha256;
	EVP_MD_CTX *inner; /* has hashed the key's first block */
	EVP_MD_CTX *outer; /* and its second */
	EVP_MD_CTX *work;
};

/* ---- descriptions ---- */

static void
release_hash(void *arg)
{
	LhMask *mask = arg;

	EVP_MD_CTX_free(mask->inner);
	EVP_MD_CTX_free(mask->outer);
	EVP_MD_CTX_free(mask->work);
	EVP_MD_free(mask->sha256);
	mask->inner = mask->outer = mask->work = NULL;
	mask->sha256 = NULL;
}

/* Hash a block of the key, each byte changed by "pad". */
static bool
hash_block(EVP_MD_CTX *to, const EVP_MD *sha256, const uint8_t key[BLOCK], uint8_t pad)
{
	uint8_t block[BLOCK];
	bool done;

	for (int i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	done = EVP_DigestInit_ex(to, sha256, NULL) == 1 && EVP_DigestUpdate(to, block, BLOCK) == 1;
	lh_wipe(block, sizeof(block));
	return done;
}

/* The states of both blocks. */
static bool
start_hash(LhMask *mask, LhSlice key)
{
	uint8_t block[BLOCK] = {0};
	unsigned n = DIGEST;
	bool done = true;

	mask->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	mask->inner = EVP_MD_CTX_new();
	mask->outer = EVP_MD_CTX_new();
	mask->work = EVP_MD_CTX_new();
	if (mask->sha256 == NULL || mask->inner == NULL || mask->outer == NULL || mask->work == NULL)
		return false;
	/* a key that is longer than a block is its hash */
	if (key.len > BLOCK)
		done = EVP_Digest(key.data, key.len, block, &n, mask->sha256, NULL) == 1;
	else
		memcpy(block, key.data, key.len);
	done = done && hash_block(mask->inner, mask->sha256, block, 0x36) &&
		   hash_block(mask->outer, mask->sha256, block, 0x5c);
	lh_wipe(block, sizeof(block));
	return done;
}

static LhStatus
init_hash(LhCtx *ctx, LhMask *mask, const LhSlice *key)
{
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
	if (!start_hash(mask, *key))
		LH_FAIL(ctx, LH_NO_MEMORY, "mask \"hash\": OpenSSL has no SHA-256");
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
	EVP_MD_CTX *work = mask->work;
	uint8_t inner[DIGEST];

	return EVP_MD_CTX_copy_ex(work, mask->inner) == 1 &&
		   EVP_DigestUpdate(work, text.data, text.len) == 1 &&
		   EVP_DigestFinal_ex(work, inner, NULL) == 1 &&
		   EVP_MD_CTX_copy_ex(work, mask->outer) == 1 &&
		   EVP_DigestUpdate(work, inner, DIGEST) == 1 && EVP_DigestFinal_ex(work, out, NULL) == 1;
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
