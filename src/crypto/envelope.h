/*
 * envelope.h
 *		Encrypted values that name their key and its version.
 *
 *	offset	bytes
 *	0		2		"LE"
 *	2		1		version of the format: 1
 *	3		1		algorithm (LhEnvelopeAlgorithm)
 *	4		4		version of the key, big-endian
 *	8		8		id of the key, big-endian
 *	16		12		GCM: nonce					16	SIV: synthetic IV
 *	28		n		GCM: cipher text			n	SIV: cipher text
 *	28 + n	16		GCM: tag
 *
 * A value is bound to all of the header and to the caller's domain and context: in
 * another column, or row if that is the context, it does not open.  Each algorithm has a
 * key of its own, derived by HKDF from the data key, its id and version.
 *
 * As text it is "lhe1:" and URL-safe base64 of these bytes.
 */
#ifndef LH_CRYPTO_ENVELOPE_H
#define LH_CRYPTO_ENVELOPE_H

#include "crypto/siv.h"

/* A data key by reference. */
typedef struct LhKeyRef
{
	uint64_t	id;
	uint32_t	version;
} LhKeyRef;

typedef enum LhEnvelopeAlgorithm
{
	LH_ENVELOPE_GCM = 1,		/* AES-256-GCM, another cipher text each time */
	LH_ENVELOPE_SIV = 2			/* AES-SIV with a key of 512 bits, the same cipher text each time */
} LhEnvelopeAlgorithm;

#define LH_ENVELOPE_HEADER 16
/* Bytes that an envelope is longer than its value. */
#define LH_ENVELOPE_GCM_OVERHEAD (LH_ENVELOPE_HEADER + LH_AES_NONCE + LH_AES_TAG)
#define LH_ENVELOPE_SIV_OVERHEAD (LH_ENVELOPE_HEADER + LH_SIV_TAG)
/* Longest value. */
#define LH_ENVELOPE_MOST ((size_t) 1 << 30)

/* ---- parsing: says nothing of what is inside ---- */

typedef struct LhEnvelope
{
	LhEnvelopeAlgorithm algorithm;
	LhKeyRef	key;
	LhSlice		bytes;			/* the whole */
	size_t		plain_len;
} LhEnvelope;

/* LH_CORRUPT: it is cut off, or none; LH_UNSUPPORTED: of a later version, or another algorithm.  Borrows bytes. */
extern LhStatus lh_envelope_parse(LhCtx *ctx, LhSlice bytes, LhEnvelope *out);

extern bool lh_envelope_is_text(LhSlice text);	/* by its prefix */
/* Append the text of an envelope. */
extern LhStatus lh_envelope_to_text(LhCtx *ctx, LhSlice bytes, LhBuf *out);
/* ... and back: bytes in ctx->arena that lh_envelope_parse takes; strictly one text for one envelope. */
extern LhStatus lh_envelope_from_text(LhCtx *ctx, LhSlice text, LhSlice *out);

/* ---- keys ---- */

#define LH_ENVELOPE_KEY 32

/*
 * Messages under one key with random nonces of 96 bits, at most (NIST SP 800-38D, section
 * 8.3), and from where on the key should be rotated.  Between both is room for what other
 * processes have sealed and not yet counted.
 */
#define LH_ENVELOPE_LAST (UINT64_C(1) << 32)
#define LH_ENVELOPE_NEAR (LH_ENVELOPE_LAST - (UINT64_C(1) << 28))

/*
 * A data key ready for use by one thread at a time; in ctx->arena and secret memory, wiped
 * with it.  sealed: how many GCM messages it has sealed so far, as the key store knows.
 */
typedef struct LhEnvelopeKey LhEnvelopeKey;
extern LhStatus lh_envelope_key_create(LhCtx *ctx, LhKeyRef ref, LhSlice data_key, uint64_t sealed,
									   LhEnvelopeKey **out);
/* Messages sealed, the earlier ones included: for the key store. */
extern uint64_t lh_envelope_key_sealed(const LhEnvelopeKey *key);
/* Time for a new version? */
extern bool lh_envelope_key_near(const LhEnvelopeKey *key);

/*
 * What values are bound to, digested once for many: the domain (tenant, column) and a
 * context (row, subject; may be empty), in ctx->arena.  Of one key.
 */
typedef struct LhBinding
{
	LhSlice		gcm;
	LhSivData	siv;
} LhBinding;
extern LhStatus lh_envelope_bind(LhCtx *ctx, LhEnvelopeKey *key, LhSlice domain, LhSlice context, LhBinding *out);

/* ---- sealing and opening ---- */

/* Bytes of the envelope of a value. */
extern size_t lh_envelope_size(LhEnvelopeAlgorithm algorithm, size_t plain_len);

/*
 * lh_envelope_size bytes to out, which does not overlap plain.  LH_LIMIT: too long a
 * value, or LH_ENVELOPE_LAST messages of GCM are reached.
 */
extern LhStatus lh_envelope_seal(LhCtx *ctx, LhEnvelopeKey *key, LhEnvelopeAlgorithm algorithm,
								 const LhBinding *binding, LhSlice plain, uint8_t *out);
/*
 * envelope->plain_len bytes to out, which does not overlap it.  LH_MISMATCH: of another key
 * or version; LH_CORRUPT: not what this key sealed for this domain and context; then out
 * holds zeros.
 */
extern LhStatus lh_envelope_open(LhCtx *ctx, LhEnvelopeKey *key, const LhBinding *binding,
								 const LhEnvelope *envelope, uint8_t *out);

/*
 * The same of n values, appended to out, where the results point.  A failure names the
 * value's place in the batch, from 1, and leaves out as long as it was.
 */
extern LhStatus lh_envelope_seal_batch(LhCtx *ctx, LhEnvelopeKey *key, LhEnvelopeAlgorithm algorithm,
									   const LhBinding *binding, const LhSlice *plain, size_t n, LhBuf *out,
									   LhSlice *sealed);
extern LhStatus lh_envelope_open_batch(LhCtx *ctx, LhEnvelopeKey *key, const LhBinding *binding,
									   const LhSlice *sealed, size_t n, LhBuf *out, LhSlice *plain);

#endif
