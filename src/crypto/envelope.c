/*
 * envelope.c
 *		Encrypted values that name their key and its version.
 *
 *	1. From a data key, two keys are derived by HKDF: one for GCM, one for SIV.  Their
 *	   purpose names algorithm, key id and version, so that a data key that is stored
 *	   under two names does not encrypt under one key.
 *	2. GCM's associated data is a label, the header, and domain and context each behind
 *	   its length; SIV has them as four strings, which it keeps apart itself.
 *	3. Nonces are random and drawn many at a time.  The supply lies in memory that a
 *	   forked child finds zeroed (MADV_WIPEONFORK): it draws its own.  Where the kernel
 *	   does not know that, each nonce is drawn alone.
 *	4. Each GCM message is counted.  Two equal nonces are likely enough beyond 2^32
 *	   messages that the key is refused there.
 *
 * Format: envelope.h; docs/crypto.md
 */
#include "crypto/envelope.h"
#include "crypto/base64.h"
#include "crypto/kdf.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <sys/mman.h>

#define VERSION 1
#define SUPPLY  64
/* Values between two polls. */
#define BATCH   256

static const char text_prefix[] = "lhe1:";
#define PREFIX (sizeof(text_prefix) - 1)

static const char key_label[] = "lakehouse envelope key 1";
static const char aad_label[] = "lakehouse envelope 1";

/* Zeroed in a child, and so empty there. */
typedef struct Nonces
{
	size_t left;
	uint8_t bytes[SUPPLY][LH_AES_NONCE];
} Nonces;

struct LhEnvelopeKey
{
	LhKeyRef ref;
	uint64_t sealed;
	LhAes *gcm;
	LhSiv *siv;
	Nonces *nonces;
	size_t supply; /* nonces drawn at a time */
};

/*
 * Format
 */

static void
put_be64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

static void
put_header(uint8_t out[LH_ENVELOPE_HEADER], LhEnvelopeAlgorithm algorithm, LhKeyRef ref)
{
	uint32_t version = __builtin_bswap32(ref.version);

	out[0] = 'L';
	out[1] = 'E';
	out[2] = VERSION;
	out[3] = (uint8_t) algorithm;
	memcpy(out + 4, &version, sizeof(version));
	put_be64(out + 8, ref.id);
}

size_t
lh_envelope_size(LhEnvelopeAlgorithm algorithm, size_t plain_len)
{
	return plain_len +
		   (algorithm == LH_ENVELOPE_GCM ? LH_ENVELOPE_GCM_OVERHEAD : LH_ENVELOPE_SIV_OVERHEAD);
}

LhStatus
lh_envelope_parse(LhCtx *ctx, LhSlice bytes, LhEnvelope *out)
{
	const uint8_t *p = bytes.data;
	size_t overhead;

	if (bytes.len < LH_ENVELOPE_HEADER || p[0] != 'L' || p[1] != 'E')
		LH_FAIL(ctx, LH_CORRUPT, "%zu bytes are not an encrypted value", bytes.len);
	if (p[2] != VERSION)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"an encrypted value has version %d of the format; known is version %d", p[2],
				VERSION);
	if (p[3] != LH_ENVELOPE_GCM && p[3] != LH_ENVELOPE_SIV)
		LH_FAIL(ctx, LH_UNSUPPORTED, "an encrypted value has the unknown algorithm %d", p[3]);
	out->algorithm = (LhEnvelopeAlgorithm) p[3];
	overhead = lh_envelope_size(out->algorithm, 0);
	if (bytes.len < overhead)
		LH_FAIL(ctx, LH_CORRUPT,
				"an encrypted value is cut off: it has %zu bytes, not at least %zu", bytes.len,
				overhead);
	if (bytes.len - overhead > LH_ENVELOPE_MOST)
		LH_FAIL(ctx, LH_LIMIT, "an encrypted value has %zu bytes, above the limit of %zu",
				bytes.len - overhead, LH_ENVELOPE_MOST);
	out->key.version = lh_load_be32(p + 4);
	out->key.id = lh_load_be64(p + 8);
	out->bytes = bytes;
	out->plain_len = bytes.len - overhead;
	return LH_OK;
}

bool
lh_envelope_is_text(LhSlice text)
{
	return text.len >= PREFIX && memcmp(text.data, text_prefix, PREFIX) == 0;
}

LhStatus
lh_envelope_to_text(LhCtx *ctx, LhSlice bytes, LhBuf *out)
{
	LhEnvelope e = {0};

	LH_TRY(lh_envelope_parse(ctx, bytes, &e));
	LH_TRY(lh_buf_reserve(ctx, out, out->len + PREFIX + LH_BASE64_TEXT(bytes.len)));
	memcpy(out->data + out->len, text_prefix, PREFIX);
	out->len += PREFIX;
	out->len +=
		lh_base64_encode(LH_BASE64_URL, bytes.data, bytes.len, (char *) out->data + out->len);
	return LH_OK;
}

LhStatus
lh_envelope_from_text(LhCtx *ctx, LhSlice text, LhSlice *out)
{
	uint8_t *bytes;
	LhEnvelope e = {0};
	size_t len;

	if (!lh_envelope_is_text(text))
		LH_FAIL(ctx, LH_CORRUPT, "an encrypted value as text begins with \"%s\"", text_prefix);
	LH_ALLOC(ctx, bytes, LH_BASE64_BYTES(text.len - PREFIX));
	if (!lh_base64_decode(LH_BASE64_URL, (const char *) text.data + PREFIX, text.len - PREFIX,
						  bytes, &len))
		LH_FAIL(ctx, LH_CORRUPT, "an encrypted value is not URL-safe base64 behind \"%s\"",
				text_prefix);
	*out = lh_slice(bytes, len);
	return lh_envelope_parse(ctx, *out, &e);
}

/*
 * Keys
 */

static LhStatus
derive(LhCtx *ctx, LhSlice data_key, LhEnvelopeAlgorithm algorithm, LhKeyRef ref, uint8_t *out,
	   size_t len)
{
	uint8_t info[sizeof(key_label) + LH_ENVELOPE_HEADER];

	memcpy(info, key_label, sizeof(key_label));
	put_header(info + sizeof(key_label), algorithm, ref);
	return lh_hkdf(ctx, data_key, (LhSlice){0}, lh_slice(info, sizeof(info)), out, len);
}

static LhStatus
create_ciphers(LhCtx *ctx, LhEnvelopeKey *key, LhSlice data_key)
{
	uint8_t siv[64];
	LhKey gcm = {.len = 32};
	LhStatus status = derive(ctx, data_key, LH_ENVELOPE_GCM, key->ref, gcm.bytes, gcm.len);

	if (status == LH_OK)
		status = derive(ctx, data_key, LH_ENVELOPE_SIV, key->ref, siv, sizeof(siv));
	if (status == LH_OK)
		status = lh_aes_create(ctx, LH_AES_GCM, &gcm, &key->gcm);
	if (status == LH_OK)
		status = lh_siv_create(ctx, siv, sizeof(siv), &key->siv);
	lh_wipe(&gcm, sizeof(gcm));
	lh_wipe(siv, sizeof(siv));
	return status;
}

LhStatus
lh_envelope_key_create(LhCtx *ctx, LhKeyRef ref, LhSlice data_key, uint64_t sealed,
					   LhEnvelopeKey **out)
{
	LhEnvelopeKey *key;
	void *memory;

	if (data_key.len != LH_ENVELOPE_KEY)
		LH_FAIL(ctx, LH_INVALID, "a data key has %d bytes, not %zu", LH_ENVELOPE_KEY, data_key.len);
	LH_NEW(ctx, key);
	key->ref = ref;
	key->sealed = sealed;
	LH_TRY(lh_secret_alloc(ctx, sizeof(Nonces), &memory));
	key->nonces = memory;
	/* whole pages are advised, which secret memory has */
	key->supply = madvise(memory, sizeof(Nonces), MADV_WIPEONFORK) == 0 ? SUPPLY : 1;
	LH_TRY(create_ciphers(ctx, key, data_key));
	*out = key;
	return LH_OK;
}

uint64_t
lh_envelope_key_sealed(const LhEnvelopeKey *key)
{
	return key->sealed;
}

bool
lh_envelope_key_near(const LhEnvelopeKey *key)
{
	return key->sealed >= LH_ENVELOPE_NEAR;
}

/* Count a message and draw its nonce. */
static LhStatus
next_nonce(LhCtx *ctx, LhEnvelopeKey *key, uint8_t out[LH_AES_NONCE])
{
	Nonces *n = key->nonces;

	if (key->sealed >= LH_ENVELOPE_LAST)
	{
		lh_fail(ctx, LH_LIMIT, "version %u of key %016llx has encrypted 2^32 values, its limit",
				key->ref.version, (unsigned long long) key->ref.id);
		lh_hint(ctx, "Rotate the key: a new version encrypts further values.");
		return LH_LIMIT;
	}
	if (n->left == 0)
	{
		if (RAND_bytes(n->bytes[0], (int) (key->supply * LH_AES_NONCE)) != 1)
		{
			ERR_clear_error();
			LH_FAIL(ctx, LH_BUG, "the cryptographic library has no random numbers");
		}
		n->left = key->supply;
	}
	n->left--;
	memcpy(out, n->bytes[n->left], LH_AES_NONCE);
	key->sealed++;
	return LH_OK;
}

LhStatus
lh_envelope_bind(LhCtx *ctx, LhEnvelopeKey *key, LhSlice domain, LhSlice context, LhBinding *out)
{
	size_t len = sizeof(aad_label) + LH_ENVELOPE_HEADER + 16 + domain.len + context.len;
	uint8_t header[LH_ENVELOPE_HEADER], *p;
	LhSlice strings[4] = {lh_slice(aad_label, sizeof(aad_label)),
						  lh_slice(header, LH_ENVELOPE_HEADER), domain, context};

	LH_ALLOC(ctx, p, len);
	out->gcm = lh_slice(p, len);
	memcpy(p, aad_label, sizeof(aad_label));
	p += sizeof(aad_label);
	put_header(p, LH_ENVELOPE_GCM, key->ref);
	p += LH_ENVELOPE_HEADER;
	for (int i = 2; i < 4; i++)
	{
		put_be64(p, strings[i].len);
		p += 8;
		if (strings[i].len > 0)
			memcpy(p, strings[i].data, strings[i].len);
		p += strings[i].len;
	}
	put_header(header, LH_ENVELOPE_SIV, key->ref);
	return lh_siv_bind(ctx, key->siv, strings, 4, &out->siv);
}

/*
 * Sealing and opening
 */

LhStatus
lh_envelope_seal(LhCtx *ctx, LhEnvelopeKey *key, LhEnvelopeAlgorithm algorithm,
				 const LhBinding *binding, LhSlice plain, uint8_t *out)
{
	uint8_t *body = out + LH_ENVELOPE_HEADER;

	if (plain.len > LH_ENVELOPE_MOST)
		LH_FAIL(ctx, LH_LIMIT, "a value to encrypt has %zu bytes, above the limit of %zu",
				plain.len, LH_ENVELOPE_MOST);
	put_header(out, algorithm, key->ref);
	if (algorithm == LH_ENVELOPE_SIV)
		return lh_siv_seal(ctx, key->siv, &binding->siv, plain, body);
	LH_TRY(next_nonce(ctx, key, body));
	return lh_aes_gcm_seal(ctx, key->gcm, body, binding->gcm, plain, body + LH_AES_NONCE,
						   body + LH_AES_NONCE + plain.len);
}

LhStatus
lh_envelope_open(LhCtx *ctx, LhEnvelopeKey *key, const LhBinding *binding, const LhEnvelope *e,
				 uint8_t *out)
{
	const uint8_t *body = e->bytes.data + LH_ENVELOPE_HEADER;
	bool authentic;

	if (e->key.id != key->ref.id || e->key.version != key->ref.version)
		LH_FAIL(ctx, LH_MISMATCH,
				"an encrypted value names version %u of key %016llx, not version %u of key %016llx",
				e->key.version, (unsigned long long) e->key.id, key->ref.version,
				(unsigned long long) key->ref.id);
	if (e->algorithm == LH_ENVELOPE_SIV)
		LH_TRY(lh_siv_open(ctx, key->siv, &binding->siv,
						   lh_slice(body, e->bytes.len - LH_ENVELOPE_HEADER), out, &authentic));
	else
		LH_TRY(lh_aes_gcm_open(ctx, key->gcm, body, binding->gcm, body + LH_AES_NONCE, e->plain_len,
							   body + LH_AES_NONCE + e->plain_len, out, &authentic));
	if (!authentic)
		LH_FAIL(ctx, LH_CORRUPT,
				"an encrypted value does not belong to its key, domain and context");
	return LH_OK;
}

/* Bytes of all envelopes, or of all values. */
static LhStatus
total(LhCtx *ctx, const LhSlice *values, size_t n, size_t each, size_t *out)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(sum, values[i].len, &sum) ||
			__builtin_add_overflow(sum, each, &sum))
			LH_FAIL(ctx, LH_LIMIT, "a batch of %zu values is too large", n);
	*out = sum;
	return LH_OK;
}

LhStatus
lh_envelope_seal_batch(LhCtx *ctx, LhEnvelopeKey *key, LhEnvelopeAlgorithm algorithm,
					   const LhBinding *binding, const LhSlice *plain, size_t n, LhBuf *out,
					   LhSlice *sealed)
{
	size_t begin = out->len, size = 0;

	LH_TRY(total(ctx, plain, n, lh_envelope_size(algorithm, 0), &size));
	LH_TRY(lh_buf_reserve(ctx, out, out->len + size));
	for (size_t i = 0; i < n; i++)
	{
		LhStatus status = i % BATCH == 0 ? lh_poll(ctx) : LH_OK;

		if (status == LH_OK)
			status = lh_envelope_seal(ctx, key, algorithm, binding, plain[i], out->data + out->len);
		if (status != LH_OK)
		{
			out->len = begin;
			lh_error_prefix(ctx, "value %zu of %zu", i + 1, n);
			return status;
		}
		sealed[i] = lh_slice(out->data + out->len, lh_envelope_size(algorithm, plain[i].len));
		out->len += sealed[i].len;
	}
	return LH_OK;
}

static LhStatus
open_next(LhCtx *ctx, LhEnvelopeKey *key, const LhBinding *binding, LhSlice sealed, LhBuf *out,
		  LhSlice *plain)
{
	LhEnvelope e = {0};

	LH_TRY(lh_envelope_parse(ctx, sealed, &e));
	LH_TRY(lh_envelope_open(ctx, key, binding, &e, out->data + out->len));
	*plain = lh_slice(out->data + out->len, e.plain_len);
	out->len += e.plain_len;
	return LH_OK;
}

LhStatus
lh_envelope_open_batch(LhCtx *ctx, LhEnvelopeKey *key, const LhBinding *binding,
					   const LhSlice *sealed, size_t n, LhBuf *out, LhSlice *plain)
{
	size_t begin = out->len, size = 0;

	LH_TRY(total(ctx, sealed, n, 0, &size));
	LH_TRY(lh_buf_reserve(ctx, out, out->len + size));
	for (size_t i = 0; i < n; i++)
	{
		LhStatus status = i % BATCH == 0 ? lh_poll(ctx) : LH_OK;

		if (status == LH_OK)
			status = open_next(ctx, key, binding, sealed[i], out, &plain[i]);
		if (status != LH_OK)
		{
			lh_wipe(out->data + begin, out->len - begin);
			out->len = begin;
			lh_error_prefix(ctx, "value %zu of %zu", i + 1, n);
			return status;
		}
	}
	return LH_OK;
}
