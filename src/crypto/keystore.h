/*
 * keystore.h
 *		A directory of many small wrapped keys, each of which can be destroyed by itself.
 *
 *	keystore.c			the directory: making, opening, the lock, what is refused
 *	keystore_entry.c	the bytes of an entry and of a record of erasure
 *	keystore_file.c		entries: got, made, replaced, walked over
 *	keystore_erase.c	erasure and its log
 *	keystore_wrap.c		keys of subjects: numbers, wrapping, unwrapping
 *
 *	store				what store this is: its number (mode 0600, as all files; directories have 0700)
 *	lock				flock(2): shared by who makes keys, exclusive for who erases or replaces
 *	erased				the log of erasures: records of 144 bytes
 *	keys/xyz/<id>		keys of subjects, in 4096 directories by the last 12 bits of the id
 *	parents/<id>		for each parent the key of its blind indexes, an entry like others
 *	versions/<id>-<v>	empty: version v of this parent may wrap entries
 *	tmp/				files that are not finished
 *
 * An entry is a file of 256 bytes, so it lies in one sector: it is erased where it stands, by writing the tombstone over
 * it, and nothing else of the key is left in the file system (hard links and open descriptors see the tombstone, too).
 * The rest of what can be had is outside: copies that a file system or a device makes of its own accord (copy on
 * write, snapshots, flash memory), and backups.  They have the key wrapped, and end with the parent's version.
 *
 *	1. A key is made in tmp/, synced, and linked to its name, so one of several makers wins, and readers
 *	   see all of it or nothing.
 *	2. Erasing first appends to the log and syncs it, then writes the tombstone and syncs that.  What was
 *	   interrupted between both is finished by the next who takes the lock.
 *	3. Replacing (a new version of the parent) renames a new file over the entry, and then overwrites the old one, which has a
 *	   second name in tmp/ until that is done: whoever takes the lock next finds it there.
 *	4. Who waits for the exclusive lock holds the file "store" locked meanwhile, and all others pass by that first: so many who make keys
 *	   do not keep him out.
 *	5. Readers take no lock: a checksum tells a half-written entry, which is read again.
 *
 * Whoever has the right to write into the directory can destroy keys; he cannot make one open as another's.
 */
#ifndef LH_CRYPTO_KEYSTORE_H
#define LH_CRYPTO_KEYSTORE_H

#include "crypto/envelope.h"
#include "crypto/kdf.h"

#define LH_KEYSTORE_ID      16	/* bytes of the number of a store */
#define LH_KEYSTORE_ENTRY   256 /* bytes of an entry */
#define LH_KEYSTORE_RECORD  144 /* bytes of a record of erasure */
#define LH_KEYSTORE_WRAPPED 104 /* bytes of the longest wrapped key */
#define LH_KEYSTORE_SHARDS  4096

/* Keys of subjects have ids with this bit; parents, which have an index key of the same id, have not. */
#define LH_KEYSTORE_SUBJECT (UINT64_C(1) << 63)

typedef enum LhKeyStoreState
{
	LH_KEYSTORE_ACTIVE = 1,
	LH_KEYSTORE_ERASED = 2
} LhKeyStoreState;

typedef struct LhKeyStoreEntry
{
	LhKeyStoreState state;
	uint64_t	id, parent;		/* of an index key they are the same */
	uint32_t	ordinal;		/* which key of its subject this is, from 0 */
	int64_t		created, erased;	/* microseconds since 1970 */
	uint8_t		blind[LH_SHA256];	/* blind index of the subject */
	uint8_t		wrapped[LH_KEYSTORE_WRAPPED];
	uint32_t	wrapped_len;	/* 0: erased */
	/* of an erased one */
	uint64_t	seq;			/* its record in the log, from 1 */
	uint8_t		receipt[LH_SHA256];
} LhKeyStoreEntry;

/* A record of the log; each has the receipt of the one before, the first one the store's number. */
typedef struct LhErasure
{
	uint64_t	seq;
	uint64_t	id, parent;
	uint32_t	ordinal;
	int64_t		erased;
	uint8_t		blind[LH_SHA256];
	uint8_t		before[LH_SHA256];
	uint8_t		receipt[LH_SHA256];	/* hash of all of it */
} LhErasure;

/* ---- keystore_entry.c ---- */

extern void lh_keystore_entry_write(const LhKeyStoreEntry *entry, uint8_t out[LH_KEYSTORE_ENTRY]);
/* LH_CORRUPT: it is none, or damaged; LH_UNSUPPORTED: of a later version. */
extern LhStatus lh_keystore_entry_read(LhCtx *ctx, LhSlice bytes, LhKeyStoreEntry *out);
/* Computes the receipt, too. */
extern void lh_erasure_write(LhErasure *erasure, uint8_t out[LH_KEYSTORE_RECORD]);
extern LhStatus lh_erasure_read(LhCtx *ctx, LhSlice bytes, LhErasure *out);

/* ---- keystore.c ---- */

typedef struct LhKeyStore LhKeyStore;

/* An empty directory of mode 0700 becomes a store.  LH_EXISTS: it is one already; LH_INVALID: it is not empty, or not ours. */
extern LhStatus lh_keystore_create(LhCtx *ctx, const char *path);
/*
 * In ctx->arena, with which it is closed; for one process.  LH_NOT_FOUND: there is no such directory, or it is no store (a file system that is
 * not mounted).  LH_INVALID: others have rights to it, or a part of it is a link.
 */
extern LhStatus lh_keystore_open(LhCtx *ctx, const char *path, LhKeyStore **out);
extern const uint8_t *lh_keystore_id(const LhKeyStore *store);
extern int	lh_keystore_fd(const LhKeyStore *store);	/* of its directory */

/* Erasures so far: who keeps keys in memory drops them when it has grown.  One fstat(2). */
extern LhStatus lh_keystore_erasures(LhCtx *ctx, LhKeyStore *store, uint64_t *n);

/*
 * The lock, which lh_keystore_unlock or the end of ctx->arena gives back.  Waits, and is cancelled by the host; LH_LIMIT after a minute.
 * Taken exclusively, what was interrupted before is finished or cleared away.
 */
typedef enum LhKeyStoreLock
{
	LH_KEYSTORE_SHARED, LH_KEYSTORE_EXCLUSIVE
} LhKeyStoreLock;
extern LhStatus lh_keystore_lock(LhCtx *ctx, LhKeyStore *store, LhKeyStoreLock how);
extern void lh_keystore_unlock(LhKeyStore *store);

/* Which versions of a parent may wrap entries.  Marks are made under the lock, before the entry is. */
extern LhStatus lh_keystore_mark(LhCtx *ctx, LhKeyStore *store, LhKeyRef parent);
extern LhStatus lh_keystore_unmark(LhCtx *ctx, LhKeyStore *store, LhKeyRef parent);
extern LhStatus lh_keystore_marked(LhCtx *ctx, LhKeyStore *store, LhKeyRef parent, bool *yes);
/* All marks, in ctx->arena. */
extern LhStatus lh_keystore_marks(LhCtx *ctx, LhKeyStore *store, LhKeyRef **out, size_t *n);

/* ---- keystore_file.c ---- */

/* LH_NOT_FOUND; LH_CORRUPT: damaged, or another's; LH_INVALID: a link, too long, or others have rights to it. */
extern LhStatus lh_keystore_get(LhCtx *ctx, LhKeyStore *store, uint64_t id, LhKeyStoreEntry *out);
/* A new entry, under the shared lock; *made false: there is one already, whatever its state. */
extern LhStatus lh_keystore_add(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *entry, bool *made);
/* An entry that was found may have been made a moment ago: before anything depends on it, its name is made durable. */
extern LhStatus lh_keystore_settle(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *entry, int64_t now);
/* Another wrapped key of the same entry, under the exclusive lock. */
extern LhStatus lh_keystore_replace(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *entry);

/* Ids of a shard, 0 to LH_KEYSTORE_SHARDS - 1, or (-1) of the index keys; in ctx->arena.  *strange: names that are no ids. */
extern LhStatus lh_keystore_list(LhCtx *ctx, LhKeyStore *store, int shard, uint64_t **ids, size_t *n, size_t *strange);

/* ---- keystore_erase.c ---- */

/*
 * The key of an entry is gone when this returns LH_OK, and stays so whatever happens then.  what: id, parent, ordinal, blind, and the
 * time in "erased"; state and the rest are not looked at.  One that is erased already has the same receipt
 * as before.  A damaged entry is erased as well.  LH_NOT_FOUND: there is none, unless "absent", which leaves a tombstone.
 * LH_MISMATCH: the entry is another subject's.  Takes the lock itself.
 */
extern LhStatus lh_keystore_erase(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *what, bool absent, LhErasure *out);
/* A record; LH_NOT_FOUND: the log is shorter. */
extern LhStatus lh_keystore_erasure(LhCtx *ctx, LhKeyStore *store, uint64_t seq, LhErasure *out);
/* Does each record from the first on have the receipt of the one before?  *n: how many; fn may be NULL. */
typedef LhStatus (*LhErasureFn) (LhCtx *ctx, void *arg, const LhErasure *erasure);
extern LhStatus lh_keystore_log(LhCtx *ctx, LhKeyStore *store, LhErasureFn fn, void *arg, uint64_t *n);

/* ---- keystore_wrap.c ---- */

#define LH_SUBJECT_KEY_BYTES 32
/* Bytes of the longest name of a subject. */
#define LH_SUBJECT_MOST 1024

/* The blind index of a subject, by its parent's index key. */
extern LhStatus lh_subject_blind(LhCtx *ctx, const LhHmac *index, LhSlice subject, uint8_t out[LH_SHA256]);
/* The id of its key: from the blind index, so that it is found without a list. */
extern uint64_t lh_subject_id(const LhHmac *index, const uint8_t blind[LH_SHA256], uint32_t ordinal);
/* A new key, in secret memory. */
extern LhStatus lh_subject_make(LhCtx *ctx, LhSlice *key);
/* Wrapped under a version of the parent and bound to id, parent, ordinal and blind index of the entry. */
extern LhStatus lh_subject_wrap(LhCtx *ctx, LhEnvelopeKey *parent, LhSlice key, LhKeyStoreEntry *entry);
/* The version that wraps it.  LH_CORRUPT: none of its parent. */
extern LhStatus lh_subject_wrapped_by(LhCtx *ctx, const LhKeyStoreEntry *entry, LhKeyRef *parent);
/* *out in secret memory.  LH_CORRUPT: another entry's. */
extern LhStatus lh_subject_unwrap(LhCtx *ctx, LhEnvelopeKey *parent, const LhKeyStoreEntry *entry, LhSlice *out);

#endif
