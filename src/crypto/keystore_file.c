/*
 * keystore_file.c
 *		Entries of the key store: got, made, replaced, walked over.
 */
#include "crypto/keystore_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A reader beside a writer sees a mixture for less than this. */
#define READ_TRIES    5
#define READ_PAUSE_MS 2
/* An entry of this age has a durable name: whoever made it has synced it, or failed. */
#define SETTLED_US    (INT64_C(600) * 1000000)

static uint32_t
shard_of(uint64_t id)
{
	return (uint32_t) (id % LH_KEYSTORE_SHARDS);
}

static void
shard_name(uint32_t shard, char out[LH_KEYSTORE_NAME])
{
	snprintf(out, LH_KEYSTORE_NAME, "%03" PRIx32, shard);
}

void
lh_keystore_name(uint64_t id, char out[LH_KEYSTORE_NAME])
{
	snprintf(out, LH_KEYSTORE_NAME, "%016" PRIx64, id);
}

/*
 * The directory of an id; the caller closes it.  make: under the lock; else LH_NOT_FOUND without it.  One that is there may be of somebody who
 * was killed before he synced its name: who makes an entry in it does so.
 */
static LhStatus
open_folder(LhCtx *ctx, LhKeyStore *store, uint64_t id, bool make, int *fd)
{
	char name[LH_KEYSTORE_NAME];
	LhStatus status;

	if ((id & LH_KEYSTORE_SUBJECT) == 0)
	{
		*fd = fcntl(store->parents, F_DUPFD_CLOEXEC, 0);
		return *fd >= 0 ? LH_OK : lh_keystore_failed(ctx, store, "open", "parents");
	}
	shard_name(shard_of(id), name);
	if (make && mkdirat(store->keys, name, 0700) != 0 && errno != EEXIST)
		return lh_keystore_failed(ctx, store, "make", name);
	LH_TRY(lh_keystore_dir(ctx, store, store->keys, name, fd));
	status = make ? lh_keystore_sync(ctx, store, store->keys, "keys") : LH_OK;
	if (status != LH_OK)
	{
		close(*fd);
		*fd = -1;
	}
	return status;
}

LhStatus
lh_keystore_entry_file(LhCtx *ctx, LhKeyStore *store, uint64_t id, int flags, int *fd)
{
	char name[LH_KEYSTORE_NAME];
	LhStatus status;
	int64_t size;
	int folder;

	*fd = -1;
	LH_TRY(open_folder(ctx, store, id, (flags & O_CREAT) != 0, &folder));
	lh_keystore_name(id, name);
	status = lh_keystore_file(ctx, store, folder, name, flags, &size, fd);
	/* what was made has to keep its name */
	if (status == LH_OK && (flags & O_CREAT) != 0)
		status = lh_keystore_sync(ctx, store, folder, name);
	close(folder);
	if (status == LH_OK && size > LH_KEYSTORE_ENTRY && (flags & O_CREAT) == 0)
		status = lh_fail(ctx, LH_CORRUPT,
						 "entry \"%s\" of key store \"%s\" has %" PRId64 " bytes, not %d", name,
						 store->path, size, LH_KEYSTORE_ENTRY);
	if (status != LH_OK && *fd >= 0)
	{
		close(*fd);
		*fd = -1;
	}
	return status;
}

/* ---- getting ---- */

static LhStatus
read_once(LhCtx *ctx, LhKeyStore *store, uint64_t id, LhKeyStoreEntry *out)
{
	uint8_t bytes[LH_KEYSTORE_ENTRY];
	char name[LH_KEYSTORE_NAME];
	LhStatus status;
	size_t got;
	int fd;

	lh_keystore_name(id, name);
	LH_TRY(lh_keystore_entry_file(ctx, store, id, O_RDONLY, &fd));
	status = lh_keystore_read(ctx, store, fd, name, bytes, LH_KEYSTORE_ENTRY, 0, &got);
	close(fd);
	LH_TRY(status);
	status = lh_keystore_entry_read(ctx, lh_slice(bytes, got), out);
	if (status == LH_OK && out->id != id)
		status = lh_fail(ctx, LH_CORRUPT, "it is the entry of another key");
	if (status != LH_OK)
		lh_error_prefix(ctx, "entry \"%s\" of key store \"%s\"", name, store->path);
	return status;
}

/* Opened anew each time: what was open may have been replaced, and overwritten then. */
LhStatus
lh_keystore_get(LhCtx *ctx, LhKeyStore *store, uint64_t id, LhKeyStoreEntry *out)
{
	LhStatus status = read_once(ctx, store, id, out);

	for (int i = 1; i < READ_TRIES && status == LH_CORRUPT; i++)
	{
		LH_TRY(lh_poll(ctx));
		(void) lh_host_wait(ctx, NULL, 0, READ_PAUSE_MS);
		lh_error_clear(ctx);
		status = read_once(ctx, store, id, out);
	}
	return status;
}

/* ---- making and replacing ---- */

/* The bytes that are there: a full disk has none for more. */
static LhStatus
wipe(LhCtx *ctx, LhKeyStore *store, int fd, const char *name)
{
	static const uint8_t zeros[LH_KEYSTORE_ENTRY];
	struct stat st;
	size_t n;

	if (fstat(fd, &st) != 0)
		return lh_keystore_failed(ctx, store, "examine", name);
	n = st.st_size < LH_KEYSTORE_ENTRY ? (size_t) st.st_size : LH_KEYSTORE_ENTRY;
	LH_TRY(lh_keystore_write(ctx, store, fd, name, zeros, n, 0));
	return lh_keystore_sync(ctx, store, fd, name);
}

/* A file in tmp/ that is not needed after all.  What cannot be overwritten now stays there for the next who takes the lock exclusively. */
static void
drop_new(LhKeyStore *store, const char *name)
{
	static const uint8_t zeros[LH_KEYSTORE_ENTRY];
	int fd = openat(store->tmp, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool gone;

	if (fd < 0)
		return;
	gone = fstat(fd, &st) == 0 && st.st_nlink == 1 && st.st_size <= LH_KEYSTORE_ENTRY &&
		   pwrite(fd, zeros, (size_t) st.st_size, 0) == st.st_size && fsync(fd) == 0;
	close(fd);
	if (gone)
		(void) unlinkat(store->tmp, name, 0);
}

/* A new file in tmp/ with the entry, synced. */
static LhStatus
write_new(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *entry, char name[LH_KEYSTORE_NAME])
{
	uint8_t bytes[LH_KEYSTORE_ENTRY];
	LhStatus status;
	uint64_t random;
	int64_t size;
	int fd;

	if (RAND_bytes((unsigned char *) &random, sizeof(random)) != 1)
	{
		ERR_clear_error();
		LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to make a number");
	}
	snprintf(name, LH_KEYSTORE_NAME, "%x-%016" PRIx64, (unsigned) getpid(), random);
	lh_keystore_entry_write(entry, bytes);
	LH_TRY(lh_keystore_file(ctx, store, store->tmp, name, O_WRONLY | O_CREAT | O_EXCL, &size, &fd));
	status = lh_keystore_write(ctx, store, fd, name, bytes, sizeof(bytes), 0);
	if (status == LH_OK)
		status = lh_keystore_sync(ctx, store, fd, name);
	close(fd);
	if (status != LH_OK)
		drop_new(store, name);
	return status;
}

LhStatus
lh_keystore_add(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *entry, bool *made)
{
	char name[LH_KEYSTORE_NAME], temporary[LH_KEYSTORE_NAME];
	LhStatus status = LH_OK;
	int folder;

	LH_TRY(lh_keystore_need(ctx, store, LH_KEYSTORE_SHARED));
	lh_keystore_name(entry->id, name);
	LH_TRY(open_folder(ctx, store, entry->id, true, &folder));
	status = write_new(ctx, store, entry, temporary);
	if (status == LH_OK)
	{
		*made = linkat(store->tmp, temporary, folder, name, 0) == 0;
		if (!*made && errno != EEXIST)
			status = lh_keystore_failed(ctx, store, "make", name);
		if (*made)
			(void) unlinkat(store->tmp, temporary, 0);
		else
			drop_new(store, temporary);
		if (status == LH_OK)
			status = lh_keystore_sync(ctx, store, folder, name);
	}
	close(folder);
	return status;
}

LhStatus
lh_keystore_settle_name(LhCtx *ctx, LhKeyStore *store, uint64_t id)
{
	LhStatus status;
	int folder;

	LH_TRY(open_folder(ctx, store, id, false, &folder));
	status = lh_keystore_sync(ctx, store, folder, "keys");
	close(folder);
	LH_TRY(status);
	return lh_keystore_sync(ctx, store, store->keys, "keys");
}

LhStatus
lh_keystore_settle(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *entry, int64_t now)
{
	if (entry->created < now - SETTLED_US)
		return LH_OK;
	return lh_keystore_settle_name(ctx, store, entry->id);
}

static void
old_name(uint64_t id, char out[LH_KEYSTORE_NAME])
{
	snprintf(out, LH_KEYSTORE_NAME, "old-%016" PRIx64, id);
}

/* The old file keeps a name in tmp/ until it is overwritten: without one, a kill in between would leave a key in a free block. */
static LhStatus
replace_in(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *entry, int folder, int old)
{
	char name[LH_KEYSTORE_NAME], temporary[LH_KEYSTORE_NAME], before[LH_KEYSTORE_NAME];

	lh_keystore_name(entry->id, name);
	old_name(entry->id, before);
	LH_TRY(write_new(ctx, store, entry, temporary));
	/* what fails from here on is cleared away by the next who takes the lock */
	if (linkat(folder, name, store->tmp, before, 0) != 0)
		return lh_keystore_failed(ctx, store, "make", before);
	LH_TRY(lh_keystore_sync(ctx, store, store->tmp, "tmp"));
	if (renameat(store->tmp, temporary, folder, name) != 0)
		return lh_keystore_failed(ctx, store, "replace", name);
	LH_TRY(lh_keystore_sync(ctx, store, folder, name));
	LH_TRY(wipe(ctx, store, old, name));
	if (unlinkat(store->tmp, before, 0) != 0)
		return lh_keystore_failed(ctx, store, "remove", before);
	return LH_OK;
}

LhStatus
lh_keystore_replace(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *entry)
{
	LhStatus status;
	int folder, old;

	LH_TRY(lh_keystore_need(ctx, store, LH_KEYSTORE_EXCLUSIVE));
	LH_TRY(open_folder(ctx, store, entry->id, false, &folder));
	status = lh_keystore_entry_file(ctx, store, entry->id, O_WRONLY, &old);
	if (status == LH_OK)
	{
		status = replace_in(ctx, store, entry, folder, old);
		close(old);
	}
	close(folder);
	return status;
}

/* ---- what was left behind ---- */

/*
 * Is it the file of an entry?  Of one that was replaced it no longer is, when the new name is durable: otherwise the entry would be lost with
 * the old bytes.
 */
static LhStatus
is_entry(LhCtx *ctx, LhKeyStore *store, const char *name, const struct stat *st, bool *yes)
{
	uint64_t id = strncmp(name, "old-", 4) == 0 ? strtoull(name + 4, NULL, 16) : 0;
	char again[LH_KEYSTORE_NAME];
	struct stat entry = {0};
	LhStatus status;
	int folder;

	old_name(id, again);
	*yes = st->st_nlink > 1;
	if (strcmp(name, again) != 0)
		return LH_OK;
	lh_keystore_name(id, again);
	status = lh_keystore_settle_name(ctx, store, id);
	if (status == LH_OK)
		status = open_folder(ctx, store, id, false, &folder);
	if (status == LH_OK)
	{
		if (fstatat(folder, again, &entry, AT_SYMLINK_NOFOLLOW) != 0)
			status = lh_keystore_failed(ctx, store, "examine", again);
		close(folder);
	}
	if (status == LH_NOT_FOUND)
	{
		/* no entry of ours has that name */
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	*yes = entry.st_ino == st->st_ino && entry.st_dev == st->st_dev;
	return LH_OK;
}

/*
 * A file in tmp/ that has another name is an entry that was made; one that has not is the copy of a key that was never used, or of one that
 * was to be replaced: it could outlive the entry.
 */
static LhStatus
clear_one(LhCtx *ctx, LhKeyStore *store, const char *name)
{
	LhStatus status = LH_OK;
	struct stat st;
	bool entry = false;
	int64_t size;
	int fd;

	LH_TRY(lh_keystore_file(ctx, store, store->tmp, name, O_WRONLY, &size, &fd));
	if (fstat(fd, &st) != 0)
		status = lh_keystore_failed(ctx, store, "examine", name);
	else
		status = is_entry(ctx, store, name, &st, &entry);
	if (status == LH_OK && !entry)
		status = wipe(ctx, store, fd, name);
	close(fd);
	LH_TRY(status);
	if (unlinkat(store->tmp, name, 0) != 0)
		return lh_keystore_failed(ctx, store, "remove", name);
	return LH_OK;
}

static LhStatus
each_name(LhCtx *ctx, LhKeyStore *store, int at, const char *folder,
		  LhStatus (*fn)(LhCtx *ctx, LhKeyStore *store, const char *name, void *arg), void *arg)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	LhStatus status = LH_OK;
	struct dirent *e;

	if (dir == NULL)
	{
		status = lh_keystore_failed(ctx, store, "read", folder);
		if (fd >= 0)
			close(fd);
		return status;
	}
	while (status == LH_OK)
	{
		errno = 0;
		e = readdir(dir);
		if (e == NULL && errno != 0)
			status = lh_keystore_failed(ctx, store, "read", folder);
		if (e == NULL)
			break;
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			status = fn(ctx, store, e->d_name, arg);
	}
	closedir(dir);
	return status;
}

static LhStatus
clear_name(LhCtx *ctx, LhKeyStore *store, const char *name, void *arg)
{
	(void) arg;
	return clear_one(ctx, store, name);
}

LhStatus
lh_keystore_clear(LhCtx *ctx, LhKeyStore *store)
{
	return each_name(ctx, store, store->tmp, "tmp", clear_name, NULL);
}

/* ---- walking ---- */

typedef struct Listing
{
	LhBuf ids;
	size_t strange;
	int shard; /* -1: index keys */
} Listing;

static LhStatus
list_name(LhCtx *ctx, LhKeyStore *store, const char *name, void *arg)
{
	Listing *l = arg;
	char again[LH_KEYSTORE_NAME];
	uint64_t id = strtoull(name, NULL, 16);
	bool subject = (id & LH_KEYSTORE_SUBJECT) != 0;

	(void) store;
	lh_keystore_name(id, again);
	if (strcmp(name, again) == 0 &&
		(l->shard < 0 ? !subject : subject && shard_of(id) == (uint32_t) l->shard))
		return lh_buf_append(ctx, &l->ids, &id, sizeof(id));
	l->strange++;
	return lh_poll(ctx);
}

LhStatus
lh_keystore_list(LhCtx *ctx, LhKeyStore *store, int shard, uint64_t **ids, size_t *n,
				 size_t *strange)
{
	Listing l = {.shard = shard};
	LhStatus status;
	int folder;

	*n = *strange = 0;
	status = open_folder(ctx, store, shard < 0 ? 0 : LH_KEYSTORE_SUBJECT | (uint64_t) shard, false,
						 &folder);
	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	status = lh_buf_init(ctx, &l.ids, false);
	if (status == LH_OK)
		status = each_name(ctx, store, folder, "keys", list_name, &l);
	close(folder);
	*ids = (uint64_t *) l.ids.data;
	*n = l.ids.len / sizeof(uint64_t);
	*strange = l.strange;
	return status;
}
