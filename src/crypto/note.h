/*
 * note.h
 *		What signed notes say of their keys.  Internal to crypto/.
 *
 *	sign.c		keys and their names
 *	note.c		notes and checkpoints (sign.h)
 */
#ifndef LH_CRYPTO_NOTE_H
#define LH_CRYPTO_NOTE_H

#include "crypto/sign.h"

/* Bytes of a key's hash. */
#define LH_NOTE_HASH 4

typedef struct LhNoteKey
{
	char		name[LH_SIGN_NAME + 1];
	size_t		name_len;
	uint8_t		public_key[LH_ED25519_PUBLIC];
	uint8_t		hash[LH_NOTE_HASH];
} LhNoteKey;

extern const LhNoteKey *lh_signer_note(const LhSigner *signer);
extern const LhNoteKey *lh_verifier_note(const LhVerifier *verifier);
extern bool lh_note_name_valid(LhSlice name);

#endif
