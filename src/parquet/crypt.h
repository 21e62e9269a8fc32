/*
 * crypt.h
 *		Internal: modular encryption of Parquet.
 *
 * A file is a sequence of modules (footer, metadata of a column, page headers,
 * pages, indexes, filters).  Each is encrypted by itself, with the key of the
 * footer or of its column, and bound to its place by additional authenticated
 * data (AAD): a prefix that names the file, a random number of the file, kind of
 * module, and ordinals of row group, column and page.  So a module that was
 * changed, moved or taken from another file does not decrypt.
 *
 *	LhPqCryptInfo	what the file says in clear text: algorithm, AAD, key of the footer
 *	LhPqCrypt		an encrypted open file: its AAD and its keys
 *	LhPqKey			one of these keys, or why it cannot be had
 *	LhPqDecrypt		decrypts the modules of one chunk; one thread at a time
 *
 * In memory a module is [length, 4 bytes] [nonce, 12] ciphertext [tag, 16]; pages
 * of the algorithm AES_GCM_CTR_V1 have no tag.
 *
 * Format: https://github.com/apache/parquet-format/blob/master/Encryption.md
 */
#ifndef LH_PARQUET_CRYPT_H
#define LH_PARQUET_CRYPT_H

#include "crypto/crypto.h"
#include "parquet/page.h"
#include "parquet/thrift.h"

typedef struct LhPqFile LhPqFile;

/* Kinds of modules; the numbers are part of the AAD. */
typedef enum LhPqModule
{
	LH_PQ_M_FOOTER = 0,
	LH_PQ_M_COLUMN = 1,
	LH_PQ_M_DATA_PAGE = 2,
	LH_PQ_M_DICT_PAGE = 3,
	LH_PQ_M_DATA_HEADER = 4,
	LH_PQ_M_DICT_HEADER = 5,
	LH_PQ_M_COLUMN_INDEX = 6,
	LH_PQ_M_OFFSET_INDEX = 7,
	LH_PQ_M_BLOOM_HEADER = 8,
	LH_PQ_M_BLOOM_BITS = 9
} LhPqModule;

/* Length and nonce before the ciphertext, tag behind it. */
#define LH_PQ_SEAL_LENGTH 4
#define LH_PQ_SEAL_HEAD   (LH_PQ_SEAL_LENGTH + LH_AES_NONCE)
/* A signature: nonce and tag. */
#define LH_PQ_SIGNATURE   (LH_AES_NONCE + LH_AES_TAG)
/* Ordinals are 16-bit numbers in the AAD. */
#define LH_PQ_MAX_ORDINAL INT16_MAX

typedef struct LhPqCryptInfo
{
	int algorithm;  /* field of the union EncryptionAlgorithm; 0: the file is not encrypted */
	LhSlice prefix; /* data NULL: not in the file */
	LhSlice unique;
	bool supply_prefix;   /* there is a prefix that only its reader knows */
	LhSlice key_metadata; /* of the footer */
} LhPqCryptInfo;

/* Union EncryptionAlgorithm, as a field of another structure. */
extern void lh_pq_crypt_parse(LhThrift *r, const LhThriftField *f, LhPqCryptInfo *out);
/* FileCryptoMetaData before an encrypted footer; *size are its bytes. */
extern LhStatus lh_pq_crypt_parse_file(LhCtx *ctx, LhSlice bytes, LhPqCryptInfo *out, size_t *size);

typedef struct LhPqKey
{
	struct LhPqKey *next;
	LhSlice metadata;
	const char *column; /* dotted path; NULL: of the footer */
	const char *name;   /* as in LhKeyRequest */
	const LhKey *key;   /* NULL: cannot be had, status, why and hint say so */
	LhStatus status;
	const char *why;
	const char *hint;
} LhPqKey;

typedef struct LhPqCrypt
{
	bool ctr;    /* pages are encrypted in counter mode */
	LhSlice aad; /* prefix and unique number of the file */
	LhPqKey *footer;
	LhPqKey *columns;
} LhPqCrypt;

/*
 * Prepare to read an encrypted file: asks for the footer's key.  That it cannot be
 * had is no error here.  Memory is that of file->arena; file->crypt is set.
 */
extern LhStatus lh_pq_crypt_create(LhCtx *ctx, LhPqFile *file, const LhPqCryptInfo *info);

/* Decrypt a footer where it lies: *plain within bytes. */
extern LhStatus
lh_pq_crypt_footer(LhCtx *ctx, LhPqFile *file, uint8_t *bytes, size_t len, LhSlice *plain);
/* Is a footer in clear text what the writer signed?  bytes end with the signature. */
extern LhStatus lh_pq_crypt_verify(LhCtx *ctx, LhPqFile *file, LhSlice bytes);

/* A file in clear text: is that what the host expects? */
extern LhStatus lh_pq_crypt_plain(LhCtx *ctx, const LhPqFile *file);

/* What ColumnCryptoMetaData says. */
typedef struct LhPqColumnCrypt
{
	int kind; /* field of the union: 1 the footer's key, 2 a key of its own; 0 none */
	LhSlice key_metadata;
} LhPqColumnCrypt;

extern void lh_pq_crypt_parse_column(LhThrift *r, const LhThriftField *f, LhPqColumnCrypt *out);
/* The key of a chunk, never NULL. */
extern LhStatus lh_pq_crypt_key(LhCtx *ctx, LhPqFile *file, int leaf, const LhPqColumnCrypt *column,
								const LhPqKey **out);
/* Fail for a key that cannot be had. */
extern LhStatus lh_pq_crypt_locked(LhCtx *ctx, const LhPqKey *key);

typedef struct LhPqDecrypt
{
	const LhPqCrypt *crypt;
	const LhPqKey *key;
	int group; /* ordinals */
	int column;
	LhAes *gcm;
	LhAes *ctr;   /* NULL: pages are in GCM, too */
	uint8_t *aad; /* with room for the module's part */
	LhBuf header; /* of a page, decrypted */
} LhPqDecrypt;

/* For the modules of one chunk; in ctx->arena.  key->key is not NULL. */
extern LhStatus lh_pq_decrypt_create(LhCtx *ctx, const LhPqFile *file, int group, int leaf,
									 const LhPqKey *key, LhPqDecrypt **out);

/* Bytes that encryption adds to a module. */
extern size_t lh_pq_decrypt_extra(const LhPqDecrypt *d, LhPqModule module);

/*
 * Decrypt the module of exactly len bytes at "in" to out, which has room for
 * len - extra bytes and is in + LH_PQ_SEAL_HEAD or does not overlap it.  page is
 * the ordinal of a data page.  LH_CORRUPT when it is not what the writer wrote.
 */
extern LhStatus lh_pq_decrypt(LhCtx *ctx, LhPqDecrypt *d, LhPqModule module, int page,
							  const uint8_t *in, size_t len, uint8_t *out);
/* The same where it lies. */
extern LhStatus lh_pq_decrypt_here(LhCtx *ctx, LhPqDecrypt *d, LhPqModule module, uint8_t *bytes,
								   size_t len, LhSlice *plain);

#endif
