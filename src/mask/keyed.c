/*
 * keyed.c
 *		Bytes, numbers and shifts made of a value under a key.
 */
#include "mask/keyed.h"

struct LhKeyed
{
	LhHmac *hmac;
	uint8_t domain[8 + LH_KEYED_DOMAIN]; /* its length, and it */
	size_t len;
};

static const char label[] = "lakehouse mask 1";

LhStatus
lh_keyed_create(LhCtx *ctx, LhSlice key, LhSlice domain, LhKeyed **out)
{
	LhKeyed *k;

	if (domain.len > LH_KEYED_DOMAIN)
		LH_FAIL(ctx, LH_INVALID, "the name of a domain has at most %d bytes", LH_KEYED_DOMAIN);
	LH_NEW(ctx, k);
	LH_TRY(lh_hmac_create(ctx, key, &k->hmac));
	for (int i = 0; i < 8; i++)
		k->domain[i] = (uint8_t) ((uint64_t) domain.len >> (56 - 8 * i));
	if (domain.len > 0)
		memcpy(k->domain + 8, domain.data, domain.len);
	k->len = 8 + domain.len;
	*out = k;
	return LH_OK;
}

void
lh_keyed_bytes(const LhKeyed *keyed, const char *purpose, LhSlice value, uint8_t out[LH_SHA256])
{
	const LhSlice parts[] = {{(const uint8_t *) label, sizeof(label)},
							 {(const uint8_t *) purpose, strlen(purpose) + 1},
							 {keyed->domain, keyed->len},
							 value};

	lh_hmac(keyed->hmac, parts, 4, out);
}

void
lh_keyed_hash(const LhKeyed *keyed, LhSlice value, char out[LH_KEYED_HASH])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[LH_SHA256];

	lh_keyed_bytes(keyed, "hash", value, bytes);
	for (int i = 0; i < LH_SHA256; i++)
	{
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
}

int64_t
lh_keyed_shift(const LhKeyed *keyed, LhSlice subject, int64_t most)
{
	uint8_t bytes[LH_SHA256];
	uint64_t range = 2 * (uint64_t) most;
	int64_t x;

	lh_keyed_bytes(keyed, "shift", subject, bytes);
	/* 0 to 2 most - 1; what is 0 or more becomes one more */
	x = (int64_t) (((LhU128) lh_load_be64(bytes) * range) >> 64) - most;
	return x >= 0 ? x + 1 : x;
}

double
lh_keyed_noise(const LhKeyed *keyed, LhSlice value)
{
	uint8_t bytes[LH_SHA256];

	lh_keyed_bytes(keyed, "noise", value, bytes);
	return (double) (lh_load_be64(bytes) >> 11) * 0x1p-52 - 1;
}
