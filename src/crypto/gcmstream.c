/*
 * gcmstream.c
 *		Files encrypted as a stream of AES GCM blocks.
 *
 *	"AGS1", block length (u32, little-endian), blocks: nonce, ciphertext, tag
 *
 * Every block but the last has the block length; there is at least one, and only an
 * empty file has an empty one.  A block is bound to its place by the file's AAD prefix
 * and its number.  That blocks were cut off shows only by the length of the file,
 * which is therefore taken from the key's metadata where that says it: of the
 * encrypted file, or (older writers) of what was encrypted.
 *
 * Format: https://iceberg.apache.org/gcm-stream-spec/
 */
#include "crypto/crypto.h"

#define HEADER     8
#define OVERHEAD   (LH_AES_NONCE + LH_AES_TAG)
/* Writers use 1 MB. */
#define MAX_BLOCK  ((uint32_t) 64 << 20)
/* Prefixes have 16 bytes. */
#define MAX_PREFIX ((size_t) 64 << 10)

bool
lh_gcm_stream_is(LhSlice file)
{
	return file.len >= HEADER && memcmp(file.data, "AGS1", 4) == 0;
}

static LhStatus
damaged(LhCtx *ctx, const char *where, const char *why)
{
	LH_FAIL(ctx, LH_CORRUPT, "encrypted file \"%s\" %s", where, why);
}

static LhStatus
open_blocks(LhCtx *ctx, const char *where, LhSlice file, uint32_t block, const LhFileKey *key,
			LhBuf *out)
{
	const uint8_t *p = file.data + HEADER, *end = file.data + file.len;
	size_t n = key->key.aad_prefix.len;
	uint32_t ordinal = 0;
	uint8_t *aad;
	LhAes *aes;

	LH_TRY(lh_aes_create(ctx, LH_AES_GCM, &key->key, &aes));
	LH_ALLOC(ctx, aad, n + sizeof(ordinal));
	if (n > 0)
		memcpy(aad, key->key.aad_prefix.data, n);
	for (; p < end; ordinal++)
	{
		size_t len = (size_t) (end - p) - OVERHEAD;
		bool authentic;

		if (len > block)
			len = block;
		LH_TRY(lh_poll(ctx));
		memcpy(aad + n, &ordinal, sizeof(ordinal));
		LH_TRY(lh_aes_gcm_open(ctx, aes, p, lh_slice(aad, n + sizeof(ordinal)), p + LH_AES_NONCE,
							   len, p + LH_AES_NONCE + len, out->data + out->len, &authentic));
		if (!authentic)
			LH_FAIL(ctx, LH_CORRUPT,
					"block %u of encrypted file \"%s\" does not belong to its key and place",
					ordinal, where);
		out->len += len;
		p += len + OVERHEAD;
	}
	return LH_OK;
}

LhStatus
lh_gcm_stream_open(LhCtx *ctx, const char *where, LhSlice file, const LhFileKey *key, LhBuf *out)
{
	size_t body, blocks, rest, plain;
	uint32_t block;

	if (!lh_gcm_stream_is(file))
		return damaged(ctx, where, "does not begin with \"AGS1\" and the length of its blocks");
	block = lh_load_u32(file.data + 4);
	if (block == 0 || block > MAX_BLOCK)
		return damaged(ctx, where, "has an impossible length of blocks");
	if (key->key.aad_prefix.len > MAX_PREFIX)
		return damaged(ctx, where, "has an impossible AAD prefix");
	body = file.len - HEADER;
	blocks = body / ((size_t) block + OVERHEAD);
	rest = body % ((size_t) block + OVERHEAD);
	if (body == 0)
		return damaged(ctx, where, "has no block");
	if (rest > 0 && (rest < OVERHEAD || (rest == OVERHEAD && blocks > 0)))
		return damaged(ctx, where, "ends within a block");
	blocks += rest > 0;
	if (blocks > UINT32_MAX)
		return damaged(ctx, where, "has too many blocks");
	plain = body - blocks * OVERHEAD;
	if (key->length != -1 && key->length != (int64_t) file.len && key->length != (int64_t) plain)
		LH_FAIL(ctx, LH_CORRUPT, "encrypted file \"%s\" has %zu bytes, not %lld as its table says",
				where, file.len, (long long) key->length);
	LH_TRY(lh_buf_reserve(ctx, out, out->len + plain));
	return open_blocks(ctx, where, file, block, key, out);
}
