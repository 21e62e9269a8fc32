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

LhStatus
lh_gcm_stream_shape(LhCtx *ctx, const char *where, LhSlice head, int64_t size, const LhFileKey *key,
					LhGcmStream *out)
{
	int64_t body = size - HEADER, blocks, rest;
	uint32_t block;

	if (!lh_gcm_stream_is(head) || body < 0)
		return damaged(ctx, where, "does not begin with \"AGS1\" and the length of its blocks");
	block = lh_load_u32(head.data + 4);
	if (block == 0 || block > MAX_BLOCK)
		return damaged(ctx, where, "has an impossible length of blocks");
	if (key->key.aad_prefix.len > MAX_PREFIX)
		return damaged(ctx, where, "has an impossible AAD prefix");
	blocks = body / ((int64_t) block + OVERHEAD);
	rest = body % ((int64_t) block + OVERHEAD);
	if (body == 0)
		return damaged(ctx, where, "has no block");
	if (rest > 0 && (rest < OVERHEAD || (rest == OVERHEAD && blocks > 0)))
		return damaged(ctx, where, "ends within a block");
	blocks += rest > 0;
	if (blocks > UINT32_MAX)
		return damaged(ctx, where, "has too many blocks");
	*out = (LhGcmStream){
		.block = block, .nblocks = (uint32_t) blocks, .plain = body - blocks * OVERHEAD};
	if (key->length != -1 && key->length != size && key->length != out->plain)
		LH_FAIL(ctx, LH_CORRUPT, "encrypted file \"%s\" has %lld bytes, not %lld as its table says",
				where, (long long) size, (long long) key->length);
	return LH_OK;
}

int64_t
lh_gcm_stream_place(const LhGcmStream *stream, uint32_t ordinal)
{
	return HEADER + (int64_t) ordinal * ((int64_t) stream->block + OVERHEAD);
}

size_t
lh_gcm_stream_length(const LhGcmStream *stream, uint32_t ordinal)
{
	int64_t left = stream->plain - (int64_t) ordinal * stream->block;

	return (size_t) (left < stream->block ? left : stream->block) + OVERHEAD;
}

struct LhGcmOpener
{
	const char *where;
	LhAes *aes;
	size_t prefix;
	uint8_t *aad; /* prefix, number of the block */
};

LhStatus
lh_gcm_opener_create(LhCtx *ctx, const char *where, const LhFileKey *key, LhGcmOpener **out)
{
	LhGcmOpener *o;

	LH_NEW(ctx, o);
	o->where = where;
	o->prefix = key->key.aad_prefix.len;
	LH_TRY(lh_aes_create(ctx, LH_AES_GCM, &key->key, &o->aes));
	LH_ALLOC(ctx, o->aad, o->prefix + sizeof(uint32_t));
	if (o->prefix > 0)
		memcpy(o->aad, key->key.aad_prefix.data, o->prefix);
	*out = o;
	return LH_OK;
}

LhStatus
lh_gcm_open_block(LhCtx *ctx, LhGcmOpener *o, uint32_t ordinal, LhSlice sealed, uint8_t *out)
{
	size_t len = sealed.len - OVERHEAD;
	const uint8_t *p = sealed.data;
	bool authentic;

	memcpy(o->aad + o->prefix, &ordinal, sizeof(ordinal));
	LH_TRY(lh_aes_gcm_open(ctx, o->aes, p, lh_slice(o->aad, o->prefix + sizeof(ordinal)),
						   p + LH_AES_NONCE, len, p + LH_AES_NONCE + len, out, &authentic));
	if (!authentic)
		LH_FAIL(ctx, LH_CORRUPT,
				"block %u of encrypted file \"%s\" does not belong to its key and place", ordinal,
				o->where);
	return LH_OK;
}

LhStatus
lh_gcm_stream_open(LhCtx *ctx, const char *where, LhSlice file, const LhFileKey *key, LhBuf *out)
{
	LhGcmOpener *opener;
	LhGcmStream stream;

	LH_TRY(lh_gcm_stream_shape(ctx, where, file, (int64_t) file.len, key, &stream));
	LH_TRY(lh_buf_reserve(ctx, out, out->len + (size_t) stream.plain));
	LH_TRY(lh_gcm_opener_create(ctx, where, key, &opener));
	for (uint32_t i = 0; i < stream.nblocks; i++)
	{
		LhSlice sealed =
			lh_slice(file.data + lh_gcm_stream_place(&stream, i), lh_gcm_stream_length(&stream, i));

		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_gcm_open_block(ctx, opener, i, sealed, out->data + out->len));
		out->len += sealed.len - OVERHEAD;
	}
	return LH_OK;
}
