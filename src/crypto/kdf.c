/*
 * kdf.c
 *		HMAC-SHA256, HKDF, blind indexes.
 *
 * HMAC hashes a block made of the key before the message and before the inner hash.
 * Both states are made once for each key and copied for each message; of a batch also
 * the state that has taken label and domain.
 */
#include "crypto/kdf.h"

/* SHA-256's block. */
#define BLOCK 64
/* Values between two polls. */
#define BATCH 1024

static const char blind_label[] = "lakehouse blind index 1";

struct LhHmac
{
	LhSha256 inner, outer;
};

static void
start(LhSha256 *hash, const uint8_t key[BLOCK], uint8_t pad)
{
	uint8_t block[BLOCK];

	for (int i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	lh_sha256_begin(hash);
	lh_sha256_add(hash, block, BLOCK);
	lh_wipe(block, sizeof(block));
}

static void
take_key(LhHmac *h, LhSlice key)
{
	uint8_t block[BLOCK] = {0};

	/* a key that is longer than a block is its hash */
	if (key.len > BLOCK)
		lh_sha256(key, block);
	else if (key.len > 0)
		memcpy(block, key.data, key.len);
	start(&h->inner, block, 0x36);
	start(&h->outer, block, 0x5c);
	lh_wipe(block, sizeof(block));
}

LhStatus
lh_hmac_create(LhCtx *ctx, LhSlice key, LhHmac **out)
{
	void *memory;

	LH_TRY(lh_secret_alloc(ctx, sizeof(LhHmac), &memory));
	*out = memory;
	take_key(*out, key);
	return LH_OK;
}

/* The outer hash; inner is used up. */
static void
finish(const LhHmac *h, LhSha256 *inner, uint8_t out[LH_SHA256])
{
	LhSha256 outer = h->outer;

	lh_sha256_end(inner, out);
	lh_sha256_add(&outer, out, LH_SHA256);
	lh_sha256_end(&outer, out);
}

void
lh_hmac(const LhHmac *hmac, const LhSlice *parts, int n, uint8_t out[LH_SHA256])
{
	LhSha256 inner = hmac->inner;

	for (int i = 0; i < n; i++)
		lh_sha256_add(&inner, parts[i].data, parts[i].len);
	finish(hmac, &inner, out);
}

/*
 * HKDF
 */

LhStatus
lh_hkdf(LhCtx *ctx, LhSlice material, LhSlice salt, LhSlice info, uint8_t *out, size_t len)
{
	uint8_t block[LH_SHA256], count = 0;
	LhHmac h;

	if (len == 0 || len > LH_HKDF_MOST)
		LH_FAIL(ctx, LH_INVALID, "HKDF makes keys of 1 to %d bytes, not %zu", LH_HKDF_MOST, len);
	/* no salt is a salt of zeros, which is the key of no bytes */
	take_key(&h, salt);
	lh_hmac(&h, &material, 1, block);
	take_key(&h, lh_slice(block, LH_SHA256));
	for (size_t done = 0; done < len;)
	{
		size_t k = len - done < LH_SHA256 ? len - done : LH_SHA256;
		LhSlice parts[3] = {lh_slice(block, count > 0 ? LH_SHA256 : 0), info, lh_slice(&count, 1)};

		count++;
		lh_hmac(&h, parts, 3, block);
		memcpy(out + done, block, k);
		done += k;
	}
	lh_wipe(block, sizeof(block));
	lh_wipe(&h, sizeof(h));
	return LH_OK;
}

/*
 * Blind indexes
 */

static void
add_sized(LhSha256 *hash, LhSlice s)
{
	uint64_t size = __builtin_bswap64((uint64_t) s.len);

	lh_sha256_add(hash, &size, sizeof(size));
	lh_sha256_add(hash, s.data, s.len);
}

LhStatus
lh_blind_index_batch(LhCtx *ctx, const LhHmac *key, LhSlice domain, const LhSlice *values,
					 size_t count, uint8_t *out, size_t n)
{
	uint8_t hash[LH_SHA256];
	LhSha256 begun = key->inner;

	if (n == 0 || n > LH_BLIND_MOST)
		LH_FAIL(ctx, LH_INVALID, "a blind index has 1 to %d bytes, not %zu", LH_BLIND_MOST, n);
	lh_sha256_add(&begun, blind_label, sizeof(blind_label));
	add_sized(&begun, domain);
	for (size_t i = 0; i < count; i++)
	{
		LhSha256 inner = begun;

		if (i % BATCH == BATCH - 1)
			LH_TRY(lh_poll(ctx));
		add_sized(&inner, values[i]);
		finish(key, &inner, hash);
		memcpy(out + i * n, hash, n);
	}
	lh_wipe(&begun, sizeof(begun));
	return LH_OK;
}

LhStatus
lh_blind_index(LhCtx *ctx, const LhHmac *key, LhSlice domain, LhSlice value, uint8_t *out, size_t n)
{
	return lh_blind_index_batch(ctx, key, domain, &value, 1, out, n);
}
