/*
 * keystore_wrap.c
 *		Keys of subjects: their numbers, wrapping and unwrapping.
 *
 * The subject's name is in no file: its blind index is, made with a key that is wrapped under the parent.  The number
 * of the key comes from the blind index, so whoever has the name and the parent finds the entry by itself, and no one
 * else can say whose a number is.
 *
 * A wrapped key is an AES-SIV envelope under a version of the parent, bound to id, parent, ordinal and blind index: in another
 * entry's place it does not open.
 */
#include "crypto/keystore_internal.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#define CONTEXT (8 + 8 + 4 + LH_SHA256)

static const LhSlice wrap_domain = {(const uint8_t *) "lakehouse subject key", 21};
static const LhSlice blind_domain = {(const uint8_t *) "lakehouse subject", 17};

LhStatus
lh_subject_blind(LhCtx *ctx, const LhHmac *index, LhSlice subject, uint8_t out[LH_SHA256])
{
	if (subject.len == 0 || subject.len > LH_SUBJECT_MOST)
		LH_FAIL(ctx, LH_INVALID, "the name of a subject has 1 to %d bytes", LH_SUBJECT_MOST);
	return lh_blind_index(ctx, index, blind_domain, subject, out, LH_SHA256);
}

uint64_t
lh_subject_id(const LhHmac *index, const uint8_t blind[LH_SHA256], uint32_t ordinal)
{
	uint32_t n = __builtin_bswap32(ordinal);
	LhSlice parts[3] = {lh_slice("lakehouse subject id", 21), lh_slice(blind, LH_SHA256),
						lh_slice(&n, sizeof(n))};
	uint8_t mac[LH_SHA256];

	lh_hmac(index, parts, 3, mac);
	return lh_load_be64(mac) | LH_KEYSTORE_SUBJECT;
}

LhStatus
lh_subject_make(LhCtx *ctx, LhSlice *key)
{
	void *p;

	LH_TRY(lh_secret_alloc(ctx, LH_SUBJECT_KEY_BYTES, &p));
	if (RAND_priv_bytes(p, LH_SUBJECT_KEY_BYTES) != 1)
	{
		ERR_clear_error();
		LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to make a key");
	}
	*key = lh_slice(p, LH_SUBJECT_KEY_BYTES);
	return LH_OK;
}

static LhStatus
bind(LhCtx *ctx, LhEnvelopeKey *parent, const LhKeyStoreEntry *e, LhBinding *out)
{
	uint8_t *context;
	uint64_t id = __builtin_bswap64(e->id), above = __builtin_bswap64(e->parent);
	uint32_t ordinal = __builtin_bswap32(e->ordinal);

	LH_ALLOC(ctx, context, CONTEXT);
	memcpy(context, &id, 8);
	memcpy(context + 8, &above, 8);
	memcpy(context + 16, &ordinal, 4);
	memcpy(context + 20, e->blind, LH_SHA256);
	return lh_envelope_bind(ctx, parent, wrap_domain, lh_slice(context, CONTEXT), out);
}

LhStatus
lh_subject_wrap(LhCtx *ctx, LhEnvelopeKey *parent, LhSlice key, LhKeyStoreEntry *entry)
{
	size_t n = lh_envelope_size(LH_ENVELOPE_SIV, key.len);
	LhBinding binding;

	if (key.len != LH_SUBJECT_KEY_BYTES || n > LH_KEYSTORE_WRAPPED)
		LH_FAIL(ctx, LH_INVALID, "a key of a subject has %d bytes", LH_SUBJECT_KEY_BYTES);
	LH_TRY(bind(ctx, parent, entry, &binding));
	LH_TRY(lh_envelope_seal(ctx, parent, LH_ENVELOPE_SIV, &binding, key, entry->wrapped));
	entry->wrapped_len = (uint32_t) n;
	return LH_OK;
}

static LhStatus
parse(LhCtx *ctx, const LhKeyStoreEntry *entry, LhEnvelope *e)
{
	LhStatus status = lh_envelope_parse(ctx, lh_slice(entry->wrapped, entry->wrapped_len), e);

	if (status == LH_OK && e->algorithm == LH_ENVELOPE_SIV &&
		e->plain_len == LH_SUBJECT_KEY_BYTES && e->key.id == entry->parent)
		return LH_OK;
	LH_FAIL(ctx, LH_CORRUPT,
			"entry %016" PRIx64 " of the key store holds no key that its parent wrapped",
			entry->id);
}

LhStatus
lh_subject_wrapped_by(LhCtx *ctx, const LhKeyStoreEntry *entry, LhKeyRef *parent)
{
	LhEnvelope e;

	LH_TRY(parse(ctx, entry, &e));
	*parent = e.key;
	return LH_OK;
}

LhStatus
lh_subject_unwrap(LhCtx *ctx, LhEnvelopeKey *parent, const LhKeyStoreEntry *entry, LhSlice *out)
{
	LhBinding binding;
	LhEnvelope e;
	LhStatus status;
	void *p;

	LH_TRY(parse(ctx, entry, &e));
	LH_TRY(bind(ctx, parent, entry, &binding));
	LH_TRY(lh_secret_alloc(ctx, LH_SUBJECT_KEY_BYTES, &p));
	status = lh_envelope_open(ctx, parent, &binding, &e, p);
	if (status == LH_CORRUPT)
		LH_FAIL(ctx, LH_CORRUPT,
				"entry %016" PRIx64 " of the key store holds a wrapped key that is another's",
				entry->id);
	LH_TRY(status);
	*out = lh_slice(p, LH_SUBJECT_KEY_BYTES);
	return LH_OK;
}
