/*
 * sign.h
 *		Ed25519 signatures, and the signed checkpoints of a log.
 *
 * A checkpoint says how many entries a log has and the root of its tree (merkle.h).  It
 * is a few lines of text that people and other programs keep outside:
 *
 *	<origin>
 *	<size>
 *	<root, base64>
 *	<extension lines>						none as we write them
 *	<empty line>
 *	— <key name> <base64 of 4 bytes of key hash and the signature>
 *
 * The signature is over the lines above the empty one.
 *
 * Format: RFC 8032 (Ed25519); C2SP signed-note and tlog-checkpoint (https://c2sp.org)
 */
#ifndef LH_CRYPTO_SIGN_H
#define LH_CRYPTO_SIGN_H

#include "crypto/merkle.h"

#define LH_ED25519_SEED 32
#define LH_ED25519_PUBLIC 32
#define LH_ED25519_SIGNATURE 64

/* A new seed: secret memory in ctx->arena. */
extern LhStatus lh_ed25519_seed(LhCtx *ctx, uint8_t **out);

/* ---- signing ---- */

/* Longest name of a key, or origin of a log. */
#define LH_SIGN_NAME 255

/*
 * A private key with the name under which others know it: UTF-8 without blanks, control
 * characters and '+' (LH_INVALID).  seed comes from secret memory.  In ctx->arena, and
 * released with it.
 */
typedef struct LhSigner LhSigner;
extern LhStatus lh_signer_create(LhCtx *ctx, const char *name, LhSlice seed, LhSigner **out);
extern const uint8_t *lh_signer_public(const LhSigner *signer);
extern LhStatus lh_sign(LhCtx *ctx, LhSigner *signer, LhSlice message, uint8_t out[LH_ED25519_SIGNATURE]);

/* ---- verifying ---- */

typedef struct LhVerifier LhVerifier;
extern LhStatus lh_verifier_create(LhCtx *ctx, const char *name, LhSlice public_key, LhVerifier **out);
/* "<name>+<key hash, 8 hexadecimal digits>+<base64 of 1 and the public key>"; LH_INVALID. */
extern LhStatus lh_verifier_parse(LhCtx *ctx, LhSlice text, LhVerifier **out);
/* That text, for those who keep it outside. */
extern char *lh_verifier_text(LhCtx *ctx, const LhVerifier *verifier);
/* Of a signer's own key. */
extern LhStatus lh_signer_verifier(LhCtx *ctx, const LhSigner *signer, LhVerifier **out);
extern LhStatus lh_verify(LhCtx *ctx, LhVerifier *verifier, LhSlice message, LhSlice signature, bool *authentic);

/* ---- notes and checkpoints ---- */

/* Bytes of the longest note that is read, and signatures on it. */
#define LH_NOTE_MOST 65536
#define LH_NOTE_SIGNATURES 16

/* Append a note: text (lines, each ended) and its signature. */
extern LhStatus lh_note_sign(LhCtx *ctx, LhSigner *signer, LhSlice text, LhBuf *out);
/*
 * *text borrows note.  LH_CORRUPT: it is no note; LH_DENIED: it is not signed by
 * this key, or wrongly.  Signatures of other keys are not looked at.  where is for messages.
 */
extern LhStatus lh_note_open(LhCtx *ctx, const char *where, LhSlice note, LhVerifier *verifier, LhSlice *text);

typedef struct LhCheckpoint
{
	LhSlice		origin;			/* of which log: a name without a scheme, such as "example.com/audit" */
	uint64_t	size;
	LhMerkleHash root;
	LhSlice		extensions;		/* lines, each ended; usually none */
} LhCheckpoint;

extern LhStatus lh_checkpoint_sign(LhCtx *ctx, LhSigner *signer, const LhCheckpoint *checkpoint, LhBuf *out);
/* As lh_note_open; out borrows note.  LH_MISMATCH: of another log than origin. */
extern LhStatus lh_checkpoint_open(LhCtx *ctx, const char *where, LhSlice note, LhVerifier *verifier,
								   LhSlice origin, LhCheckpoint *out);

#endif
