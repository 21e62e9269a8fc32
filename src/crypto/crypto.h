/*
 * crypto.h
 *		Ciphers, secrets in memory, and keys by reference.
 *
 *	aes.c		AES in GCM and CTR mode, over OpenSSL
 *	secret.c	memory for secrets: locked, not dumped, wiped
 *	keyref.c	what a file calls its keys
 *	keyset.c	a file of keys, parsed: keys by reference
 *	keyfile.c	... read, if nobody else may
 *	filekey.c	a key of one file, as tables keep it (Iceberg's standard key metadata)
 *	gcmstream.c	files encrypted as a stream of blocks
 *
 * and in headers of their own:
 *
 *	siv.h		AES-CMAC and AES-SIV: the same cipher text each time
 *	kwp.h		AES-KWP: keys wrapped under keys
 *	sha256.h	SHA-256
 *	kdf.h		HMAC, HKDF, blind indexes
 *	envelope.h	encrypted values that name their key and its version
 *	merkle.h	hash trees of logs, and their proofs
 *	sign.h		Ed25519 signatures and signed checkpoints of logs
 *	base64.h	base64, strictly
 *	keystore.h	a directory of small wrapped keys that can be destroyed one by one
 *	provider.h	where the keys come from that wrap all others
 *	selftest.h	known answers, checked when the library is loaded
 *
 * Nothing here prints a key, writes one into an error, or leaves one behind in
 * an arena that is reset.
 */
#ifndef LH_CRYPTO_CRYPTO_H
#define LH_CRYPTO_CRYPTO_H

#include "core/core.h"

/* ---- aes.c ---- */

#define LH_AES_NONCE 12
#define LH_AES_TAG   16

typedef enum LhAesMode
{
	LH_AES_GCM,
	LH_AES_CTR
} LhAesMode;

/*
 * A cipher with its key, used for one message after the other, by one thread at a
 * time.  Lives in ctx->arena and is wiped when that is reset.
 */
typedef struct LhAes LhAes;
extern LhStatus lh_aes_create(LhCtx *ctx, LhAesMode mode, const LhKey *key, LhAes **out);

/*
 * Decrypt len bytes; out may be in, or must not overlap it.  *authentic false:
 * the tag does not belong to these bytes, this aad and this key; then out holds
 * zeros.  Fails only when cancelled or when the library does.
 */
extern LhStatus
lh_aes_gcm_open(LhCtx *ctx, LhAes *aes, const uint8_t *nonce, LhSlice aad, const uint8_t *in,
				size_t len, const uint8_t *tag, uint8_t *out, bool *authentic);

/*
 * Encrypt plain to out, which may be plain.data or must not overlap it.  A nonce is never
 * used twice under one key: envelope.h sees to that.
 */
extern LhStatus lh_aes_gcm_seal(LhCtx *ctx, LhAes *aes, const uint8_t *nonce, LhSlice aad, LhSlice plain,
								uint8_t *out, uint8_t *tag);

/* The tag of bytes that are not kept encrypted: a signature. */
extern LhStatus lh_aes_gcm_tag(LhCtx *ctx, LhAes *aes, const uint8_t *nonce, LhSlice aad,
							   LhSlice plain, uint8_t *tag);

/* Counter mode, from block 1 on; both directions.  out as above. */
extern LhStatus lh_aes_ctr(LhCtx *ctx, LhAes *aes, const uint8_t *nonce, const uint8_t *in,
						   size_t len, uint8_t *out);

/* The same bytes?  Takes equally long whether they are or not. */
extern bool lh_same_secret(const void *a, const void *b, size_t n);

/* ---- secret.c ---- */

/* Overwrite, in a way that no compiler leaves out. */
extern void lh_wipe(void *p, size_t n);

/*
 * Zeroed memory for secrets, until ctx->arena is reset; then it is wiped.  It is
 * locked against swapping where the limits of the process allow it, and not part
 * of core dumps.  Not accounted in a budget: for kilobytes.
 */
extern LhStatus lh_secret_alloc(LhCtx *ctx, size_t size, void **out);

/* A key in ctx->arena, wiped when that is reset. */
extern LhStatus lh_key_copy(LhCtx *ctx, const LhKey *key, const LhKey **out);

/* ---- keyref.c ---- */

/*
 * What key metadata of a file says.  It is the key's name itself, or JSON of key
 * management tools with a "keyReference".  *reference is empty when the metadata
 * is, or holds a wrapped key that only a key service could unwrap.  *name is for
 * messages, behind the word "key": quoted, or a description.
 */
extern LhStatus
lh_key_reference(LhCtx *ctx, LhSlice metadata, LhSlice *reference, const char **name);

/* ---- keyset.c, keyfile.c ---- */

/*
 * Keys of a file of keys:
 *
 *	{
 *	  "keys": {"<reference>": "<32, 48 or 64 hexadecimal digits>", ...},
 *	  "footer_key": "<reference>",			of footers that name no key
 *	  "column_keys": {"<column>": "<reference>", ...},	of columns that name no key
 *	  "aad_prefix": "<text>",				what all files are bound to
 *	  "aad_prefixes": {"<file name>": "<text>", ...},	... or each by its name
 *	  "require_encryption": true			files in clear text are refused
 *	}
 *
 * All but "keys" may be left out or null.
 */
typedef struct LhKeySet LhKeySet;

/* Bytes of the largest file of keys. */
#define LH_KEYS_MAX ((size_t) 1 << 20)

/*
 * Parse; bytes are changed, pointed into, and must be secret memory that lives as
 * long as the set, which lies in ctx->arena.  where is for messages.  Errors name
 * a place in the bytes, and never what stands there.
 */
extern LhStatus
lh_keyset_parse(LhCtx *ctx, const char *where, uint8_t *bytes, size_t len, LhKeySet **out);

/*
 * Bytes of a file that only its owner may read, the server's user or root; in secret memory.
 * what is for messages ("file of keys").
 */
extern LhStatus lh_secret_file(LhCtx *ctx, const char *what, const char *path, uint8_t **bytes, size_t *len);
/* Read and parse such a file. */
extern LhStatus lh_keyset_load(LhCtx *ctx, const char *path, LhKeySet **out);

/* As LhHost.key: LH_DENIED for a key that is not in the set, and for a plain file where none may be. */
extern LhStatus
lh_keyset_find(LhCtx *ctx, const LhKeySet *set, const LhKeyRequest *request, LhKey *key);

/* ---- filekey.c, gcmstream.c ---- */

/* What a table knows of one encrypted file.  Lies in secret memory. */
typedef struct LhFileKey
{
	LhKey		key;			/* with its aad_prefix, which may be empty */
	int64_t		length;			/* of the file; -1: not said */
} LhFileKey;

/*
 * Standard key metadata of Iceberg: a byte 1, then Avro of key, AAD prefix and length.
 * where names the file.  LH_CORRUPT, LH_UNSUPPORTED for other versions.  In ctx->arena.
 */
extern bool lh_file_key_is(LhSlice metadata);	/* by its version; other metadata is somebody else's */
extern LhStatus lh_file_key_parse(LhCtx *ctx, const char *where, LhSlice metadata, const LhFileKey **out);

/* Bytes that wrap a key or its metadata: nonce, ciphertext, tag.  *out is secret memory; *authentic as lh_aes_gcm_open. */
extern LhStatus lh_key_unwrap(LhCtx *ctx, const LhKey *key, LhSlice wrapped, LhSlice aad, LhSlice *out,
							  bool *authentic);

/* Does it begin like an AES GCM stream? */
#define LH_GCM_STREAM_HEADER 8
extern bool lh_gcm_stream_is(LhSlice file);
/*
 * Decrypt a whole AES GCM stream and append it to out.  LH_CORRUPT when a block is not
 * what was written there, or when the length is not what the key's metadata says.
 */
extern LhStatus lh_gcm_stream_open(LhCtx *ctx, const char *where, LhSlice file, const LhFileKey *key, LhBuf *out);

/* The same block by block: block i is that of the plain bytes from i * block on. */
typedef struct LhGcmStream
{
	uint32_t	block;			/* plain bytes of each block but the last, which has fewer or as many */
	uint32_t	nblocks;
	int64_t		plain;			/* bytes of all */
} LhGcmStream;

/* head: the first LH_GCM_STREAM_HEADER bytes of size ones, or more.  Failures as above. */
extern LhStatus lh_gcm_stream_shape(LhCtx *ctx, const char *where, LhSlice head, int64_t size, const LhFileKey *key,
									LhGcmStream *out);
/* Where a block lies in the file, and its bytes there. */
extern int64_t lh_gcm_stream_place(const LhGcmStream *stream, uint32_t ordinal);
extern size_t lh_gcm_stream_length(const LhGcmStream *stream, uint32_t ordinal);

typedef struct LhGcmOpener LhGcmOpener;

/* In ctx->arena; where is borrowed, the key is copied. */
extern LhStatus lh_gcm_opener_create(LhCtx *ctx, const char *where, const LhFileKey *key, LhGcmOpener **out);
/* The plain bytes of one block, which are its length in the file less LH_AES_NONCE + LH_AES_TAG. */
extern LhStatus lh_gcm_open_block(LhCtx *ctx, LhGcmOpener *opener, uint32_t ordinal, LhSlice sealed, uint8_t *out);

#endif
