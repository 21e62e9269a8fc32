/*
 * keystore_internal.h
 *		Internal: what the files of the key store share.
 */
#ifndef LH_CRYPTO_KEYSTORE_INTERNAL_H
#define LH_CRYPTO_KEYSTORE_INTERNAL_H

#include "crypto/keystore.h"

/* Bytes of the longest name in a store, and its NUL: id, '-', version; or pid, '-', random. */
#define LH_KEYSTORE_NAME 40

struct LhKeyStore
{
	const char *path;
	int root, keys, parents, versions, tmp, log; /* descriptors; -1: not open */
	int lock;                                    /* held; -1: not */
	LhKeyStoreLock how;
	uint64_t finished; /* the last erasure that is known to be on disk, log and tombstone */
	uint8_t id[LH_KEYSTORE_ID];
};

/* ---- keystore.c ---- */

/* "cannot <what> ... of key store <path>: <errno>" */
extern LhStatus lh_keystore_failed(LhCtx *ctx, const LhKeyStore *store, const char *what, const char *name);
/* A directory in it, not through a link, ours alone; ENOENT is LH_NOT_FOUND. */
extern LhStatus lh_keystore_dir(LhCtx *ctx, const LhKeyStore *store, int at, const char *name, int *fd);
/* Likewise a regular file. */
extern LhStatus lh_keystore_file(LhCtx *ctx, const LhKeyStore *store, int at, const char *name, int flags,
								 int64_t *size, int *fd);
extern LhStatus lh_keystore_sync(LhCtx *ctx, const LhKeyStore *store, int fd, const char *name);
extern LhStatus lh_keystore_write(LhCtx *ctx, const LhKeyStore *store, int fd, const char *name, const void *p,
								  size_t n, int64_t at);
extern LhStatus lh_keystore_read(LhCtx *ctx, const LhKeyStore *store, int fd, const char *name, void *p,
								 size_t n, int64_t at, size_t *got);
extern LhStatus lh_keystore_need(LhCtx *ctx, const LhKeyStore *store, LhKeyStoreLock how);

/* ---- keystore_file.c ---- */

extern void lh_keystore_name(uint64_t id, char out[LH_KEYSTORE_NAME]);
/* The entry's file; the caller closes it. */
extern LhStatus lh_keystore_entry_file(LhCtx *ctx, LhKeyStore *store, uint64_t id, int flags, int *fd);
/* The name of the entry's file, and of its directory, are durable. */
extern LhStatus lh_keystore_settle_name(LhCtx *ctx, LhKeyStore *store, uint64_t id);
/* Overwrite what no name leads to any more, and clear tmp/: under the exclusive lock. */
extern LhStatus lh_keystore_clear(LhCtx *ctx, LhKeyStore *store);

/* ---- keystore_erase.c ---- */

/* The log cut to whole records, and the last erasure finished: under the exclusive lock. */
extern LhStatus lh_keystore_recover(LhCtx *ctx, LhKeyStore *store);

#endif
