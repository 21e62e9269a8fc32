/*
 * siv.c
 *		AES-CMAC and AES-SIV.
 *
 * SIV of RFC 5297:
 *
 *	1. D begins as the CMAC of a block of zeros.  For each string of associated data
 *	   it is doubled in GF(2^128) and the string's CMAC is added (lh_siv_bind).
 *	2. The plain text ends it: with 16 bytes or more, D is added to its last 16 bytes;
 *	   a shorter one is padded to a block and added to the doubled D.  The CMAC of that
 *	   is the synthetic IV.
 *	3. The text is encrypted in counter mode from the IV on, two bits of it cleared so
 *	   that no counter carries far.
 *	4. To open, the text is decrypted first and its IV made anew; both are compared in
 *	   a time that does not depend on them.
 *
 * A CMAC whose message is changed in its last 16 bytes needs no copy of the message:
 * see "finish".
 */
#include "crypto/siv.h"
#include "crypto/aesblock.h"

struct LhCmac
{
	LhAesBlocks *blocks;
	uint8_t k1[LH_AES_BLOCK]; /* added to a last block that is whole */
	uint8_t k2[LH_AES_BLOCK]; /* ... to one that was padded */
};

struct LhSiv
{
	LhCmac *mac;
	LhAesBlocks *text;
	uint8_t start[LH_AES_BLOCK]; /* CMAC of a block of zeros */
};

/* Times x in GF(2^128), big-endian, without a branch. */
static void
twice(const uint8_t in[LH_AES_BLOCK], uint8_t out[LH_AES_BLOCK])
{
	uint64_t high = lh_load_be64(in), low = lh_load_be64(in + 8);
	uint64_t carry = 0 - (high >> 63);

	high = __builtin_bswap64(high << 1 | low >> 63);
	low = __builtin_bswap64(low << 1 ^ (carry & 0x87));
	memcpy(out, &high, 8);
	memcpy(out + 8, &low, 8);
}

static void
add(uint8_t to[LH_AES_BLOCK], const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] ^= p[i];
}

LhStatus
lh_cmac_create(LhCtx *ctx, const uint8_t *key, size_t len, LhCmac **out)
{
	static const uint8_t zeros[LH_AES_BLOCK];
	uint8_t l[LH_AES_BLOCK] = {0};
	void *memory;
	LhCmac *m;

	LH_TRY(lh_secret_alloc(ctx, sizeof(*m), &memory));
	m = memory;
	LH_TRY(lh_aes_blocks_create(ctx, key, len, &m->blocks));
	LH_TRY(lh_aes_blocks_chain(ctx, m->blocks, l, zeros, 1));
	twice(l, m->k1);
	twice(m->k1, m->k2);
	lh_wipe(l, sizeof(l));
	*out = m;
	return LH_OK;
}

/*
 * CMAC of a message to whose last 16 bytes d is added; d NULL: nothing is.  With d the
 * message has at least 16 bytes.  When the last block is a partial one, these 16
 * bytes begin within the block before it.
 */
static LhStatus
finish(LhCtx *ctx, LhCmac *m, LhSlice message, const uint8_t *d, uint8_t tag[LH_CMAC_TAG])
{
	size_t whole = message.len > 0 ? (message.len - 1) / LH_AES_BLOCK : 0;
	size_t rest = message.len - whole * LH_AES_BLOCK;
	bool split = d != NULL && rest < LH_AES_BLOCK;
	uint8_t block[LH_AES_BLOCK];

	memset(tag, 0, LH_CMAC_TAG);
	LH_TRY(lh_aes_blocks_chain(ctx, m->blocks, tag, message.data, split ? whole - 1 : whole));
	if (split)
	{
		memcpy(block, message.data + (whole - 1) * LH_AES_BLOCK, LH_AES_BLOCK);
		add(block + rest, d, LH_AES_BLOCK - rest);
		LH_TRY(lh_aes_blocks_chain(ctx, m->blocks, tag, block, 1));
	}
	memset(block, 0, sizeof(block));
	if (rest > 0)
		memcpy(block, message.data + whole * LH_AES_BLOCK, rest);
	if (d != NULL)
		add(block, d + LH_AES_BLOCK - rest, rest);
	if (rest < LH_AES_BLOCK)
		block[rest] = 0x80;
	add(block, rest < LH_AES_BLOCK ? m->k2 : m->k1, LH_AES_BLOCK);
	return lh_aes_blocks_chain(ctx, m->blocks, tag, block, 1);
}

LhStatus
lh_cmac(LhCtx *ctx, LhCmac *cmac, LhSlice message, uint8_t tag[LH_CMAC_TAG])
{
	return finish(ctx, cmac, message, NULL, tag);
}

LhStatus
lh_siv_create(LhCtx *ctx, const uint8_t *key, size_t len, LhSiv **out)
{
	static const uint8_t zeros[LH_AES_BLOCK];
	void *memory;
	LhSiv *siv;

	if (len != 32 && len != 48 && len != 64)
		LH_FAIL(ctx, LH_INVALID, "a key of AES-SIV has 32, 48 or 64 bytes, not %zu", len);
	LH_TRY(lh_secret_alloc(ctx, sizeof(*siv), &memory));
	siv = memory;
	LH_TRY(lh_cmac_create(ctx, key, len / 2, &siv->mac));
	LH_TRY(lh_aes_blocks_create(ctx, key + len / 2, len / 2, &siv->text));
	LH_TRY(lh_cmac(ctx, siv->mac, lh_slice(zeros, LH_AES_BLOCK), siv->start));
	*out = siv;
	return LH_OK;
}

LhStatus
lh_siv_bind(LhCtx *ctx, LhSiv *siv, const LhSlice *strings, int n, LhSivData *out)
{
	uint8_t tag[LH_CMAC_TAG];

	if (n < 0 || n > LH_SIV_MOST)
		LH_FAIL(ctx, LH_LIMIT, "AES-SIV takes at most %d strings of associated data, not %d",
				LH_SIV_MOST, n);
	memcpy(out->d, siv->start, LH_AES_BLOCK);
	for (int i = 0; i < n; i++)
	{
		LH_TRY(lh_cmac(ctx, siv->mac, strings[i], tag));
		twice(out->d, out->d);
		add(out->d, tag, LH_CMAC_TAG);
	}
	return LH_OK;
}

static LhStatus
make_iv(LhCtx *ctx, LhSiv *siv, const LhSivData *bound, LhSlice plain, uint8_t iv[LH_SIV_TAG])
{
	uint8_t block[LH_AES_BLOCK];

	if (plain.len >= LH_AES_BLOCK)
		return finish(ctx, siv->mac, plain, bound->d, iv);
	twice(bound->d, block);
	if (plain.len > 0)
		add(block, plain.data, plain.len);
	block[plain.len] ^= 0x80;
	return finish(ctx, siv->mac, lh_slice(block, LH_AES_BLOCK), NULL, iv);
}

static LhStatus
crypt_text(LhCtx *ctx, LhSiv *siv, const uint8_t iv[LH_SIV_TAG], const uint8_t *in, size_t len,
		   uint8_t *out)
{
	uint8_t counter[LH_AES_BLOCK];

	memcpy(counter, iv, LH_AES_BLOCK);
	counter[8] &= 0x7f;
	counter[12] &= 0x7f;
	return lh_aes_blocks_ctr(ctx, siv->text, counter, in, len, out);
}

LhStatus
lh_siv_seal(LhCtx *ctx, LhSiv *siv, const LhSivData *bound, LhSlice plain, uint8_t *out)
{
	uint8_t iv[LH_SIV_TAG];

	LH_TRY(make_iv(ctx, siv, bound, plain, iv));
	LH_TRY(crypt_text(ctx, siv, iv, plain.data, plain.len, out + LH_SIV_TAG));
	memcpy(out, iv, LH_SIV_TAG);
	return LH_OK;
}

LhStatus
lh_siv_open(LhCtx *ctx, LhSiv *siv, const LhSivData *bound, LhSlice sealed, uint8_t *out,
			bool *authentic)
{
	uint8_t given[LH_SIV_TAG], iv[LH_SIV_TAG];
	LhStatus status;
	size_t len;

	*authentic = false;
	if (sealed.len < LH_SIV_TAG)
		return LH_OK;
	len = sealed.len - LH_SIV_TAG;
	memcpy(given, sealed.data, LH_SIV_TAG);
	status = crypt_text(ctx, siv, given, sealed.data + LH_SIV_TAG, len, out);
	if (status == LH_OK)
		status = make_iv(ctx, siv, bound, lh_slice(out, len), iv);
	*authentic = status == LH_OK && lh_same_secret(given, iv, LH_SIV_TAG);
	if (!*authentic)
		lh_wipe(out, len);
	return status;
}
