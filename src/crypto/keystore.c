/*
 * keystore.c
 *		The directory of a key store: making it, opening it, its lock and its marks.
 *
 * What is refused, as somebody else could read keys or put his own in their place: a directory or file that is a link, that
 * belongs to another user or gives rights to others.  Each name is opened below the directory that was opened before it, and it is
 * the open descriptor that is asked; so nothing is gained by exchanging a part meanwhile.
 */
#include "crypto/keystore_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STORE_FILE    64
#define STORE_SUM     32
#define LOCK_PAUSE_MS 10
#define LOCK_TRIES    6000

static const char *const folders[] = {"keys", "parents", "versions", "tmp"};
static const char *const files[] = {"lock", "erased"};

LhStatus
lh_keystore_failed(LhCtx *ctx, const LhKeyStore *store, const char *what, const char *name)
{
	int err = errno;

	LH_FAIL(ctx, err == ENOENT ? LH_NOT_FOUND : LH_IO, "cannot %s \"%s%s%s\" of the key store: %s",
			what, store->path, name[0] != '\0' ? "/" : "", name, lh_errno_text(err));
}

/* ---- opening parts of it ---- */

static LhStatus
check_ours(LhCtx *ctx, const LhKeyStore *store, const char *name, const struct stat *st)
{
	const char *slash = name[0] != '\0' ? "/" : "";

	if (st->st_uid != geteuid())
		LH_FAIL(ctx, LH_INVALID, "\"%s%s%s\" of the key store must belong to the server's user",
				store->path, slash, name);
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
	{
		lh_fail(ctx, LH_INVALID,
				"\"%s%s%s\" of the key store gives rights to others than its owner", store->path,
				slash, name);
		lh_detail(ctx, "Its mode is %04o.", (unsigned) st->st_mode & 07777);
		lh_hint(ctx, "Directories should have mode 0700, files 0600.");
		return LH_INVALID;
	}
	return LH_OK;
}

static LhStatus
check_or_close(LhCtx *ctx, const LhKeyStore *store, const char *name, int *fd, struct stat *st)
{
	LhStatus status;

	if (fstat(*fd, st) != 0)
		status = lh_keystore_failed(ctx, store, "examine", name);
	else
		status = check_ours(ctx, store, name, st);
	if (status != LH_OK)
	{
		close(*fd);
		*fd = -1;
	}
	return status;
}

LhStatus
lh_keystore_dir(LhCtx *ctx, const LhKeyStore *store, int at, const char *name, int *fd)
{
	struct stat st;

	*fd = openat(at, at == AT_FDCWD ? store->path : name,
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		LH_FAIL(ctx, LH_INVALID, "\"%s%s%s\" of the key store is a link, or no directory",
				store->path, name[0] != '\0' ? "/" : "", name);
	if (*fd < 0)
		return lh_keystore_failed(ctx, store, "open", name);
	return check_or_close(ctx, store, name, fd, &st);
}

LhStatus
lh_keystore_file(LhCtx *ctx, const LhKeyStore *store, int at, const char *name, int flags,
				 int64_t *size, int *fd)
{
	struct stat st;

	*fd = openat(at, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (*fd < 0 && (errno == ELOOP || errno == EISDIR))
		LH_FAIL(ctx, LH_INVALID, "\"%s/%s\" of the key store is a link, or no file", store->path,
				name);
	if (*fd < 0)
		return lh_keystore_failed(ctx, store, "open", name);
	LH_TRY(check_or_close(ctx, store, name, fd, &st));
	if (!S_ISREG(st.st_mode))
	{
		close(*fd);
		LH_FAIL(ctx, LH_INVALID, "\"%s/%s\" of the key store is a link, or no file", store->path,
				name);
	}
	*size = st.st_size;
	return LH_OK;
}

/* ---- bytes ---- */

LhStatus
lh_keystore_sync(LhCtx *ctx, const LhKeyStore *store, int fd, const char *name)
{
	if (fsync(fd) != 0)
		return lh_keystore_failed(ctx, store, "sync", name);
	return LH_OK;
}

LhStatus
lh_keystore_write(LhCtx *ctx, const LhKeyStore *store, int fd, const char *name, const void *p,
				  size_t n, int64_t at)
{
	for (size_t done = 0; done < n;)
	{
		ssize_t k = pwrite(fd, (const uint8_t *) p + done, n - done, (off_t) (at + (int64_t) done));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
		{
			errno = k == 0 ? ENOSPC : errno;
			return lh_keystore_failed(ctx, store, "write", name);
		}
		done += (size_t) k;
	}
	return LH_OK;
}

LhStatus
lh_keystore_read(LhCtx *ctx, const LhKeyStore *store, int fd, const char *name, void *p, size_t n,
				 int64_t at, size_t *got)
{
	for (*got = 0; *got < n;)
	{
		ssize_t k = pread(fd, (uint8_t *) p + *got, n - *got, (off_t) (at + (int64_t) *got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return lh_keystore_failed(ctx, store, "read", name);
		if (k == 0)
			break;
		*got += (size_t) k;
	}
	return LH_OK;
}

/* ---- opening and making ---- */

static void
release(void *arg)
{
	LhKeyStore *store = arg;
	int fds[] = {store->lock,    store->log,  store->tmp, store->versions,
				 store->parents, store->keys, store->root};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static LhStatus
open_root(LhCtx *ctx, const char *path, LhKeyStore **out)
{
	LhKeyStore *store;

	if (path[0] != '/')
		LH_FAIL(ctx, LH_INVALID, "the path of a key store must be absolute");
	LH_NEW(ctx, store);
	store->path = lh_strdup(ctx, path);
	if (store->path == NULL)
		return ctx->error->code;
	store->root = store->keys = store->parents = store->versions = store->tmp = store->log =
		store->lock = -1;
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, store));
	*out = store;
	return lh_keystore_dir(ctx, store, AT_FDCWD, "", &store->root);
}

static LhStatus
read_id(LhCtx *ctx, LhKeyStore *store)
{
	uint8_t bytes[STORE_FILE], sum[LH_SHA256];
	LhStatus status;
	int64_t size;
	size_t got;
	int fd;

	status = lh_keystore_file(ctx, store, store->root, "store", O_RDONLY, &size, &fd);
	if (status == LH_NOT_FOUND)
	{
		lh_fail(ctx, LH_NOT_FOUND, "\"%s\" is no key store", store->path);
		lh_hint(ctx, "If it should be one, its file system may not be mounted.");
	}
	LH_TRY(status);
	status = lh_keystore_read(ctx, store, fd, "store", bytes, STORE_FILE, 0, &got);
	close(fd);
	LH_TRY(status);
	lh_sha256(lh_slice(bytes, STORE_SUM), sum);
	if (size != STORE_FILE || got != STORE_FILE || memcmp(bytes, "LHKS", 4) != 0 ||
		memcmp(sum, bytes + STORE_SUM, LH_SHA256) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s/store\" of the key store is damaged", store->path);
	if (bytes[4] != 1)
		LH_FAIL(ctx, LH_UNSUPPORTED, "\"%s\" is a key store of version %d, which is not known",
				store->path, bytes[4]);
	memcpy(store->id, bytes + 8, LH_KEYSTORE_ID);
	return LH_OK;
}

LhStatus
lh_keystore_open(LhCtx *ctx, const char *path, LhKeyStore **out)
{
	LhKeyStore *store;
	int64_t size;

	LH_TRY(open_root(ctx, path, &store));
	LH_TRY(read_id(ctx, store));
	LH_TRY(lh_keystore_dir(ctx, store, store->root, "keys", &store->keys));
	LH_TRY(lh_keystore_dir(ctx, store, store->root, "parents", &store->parents));
	LH_TRY(lh_keystore_dir(ctx, store, store->root, "versions", &store->versions));
	LH_TRY(lh_keystore_dir(ctx, store, store->root, "tmp", &store->tmp));
	LH_TRY(lh_keystore_file(ctx, store, store->root, "erased", O_RDONLY, &size, &store->log));
	*out = store;
	return LH_OK;
}

const uint8_t *
lh_keystore_id(const LhKeyStore *store)
{
	return store->id;
}

int
lh_keystore_fd(const LhKeyStore *store)
{
	return store->root;
}

static LhStatus
wait_for_lock(LhCtx *ctx, LhKeyStore *store, int fd, int operation)
{
	for (int i = 0; i < LOCK_TRIES; i++)
	{
		if (flock(fd, operation | LOCK_NB) == 0)
			return LH_OK;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return lh_keystore_failed(ctx, store, "lock", "lock");
		LH_TRY(lh_poll(ctx));
		(void) lh_host_wait(ctx, NULL, 0, LOCK_PAUSE_MS);
	}
	LH_FAIL(ctx, LH_LIMIT, "the lock of key store \"%s\" was not given within %d s", store->path,
			LOCK_TRIES * LOCK_PAUSE_MS / 1000);
}

static void
close_dir(void *arg)
{
	closedir(arg);
}

/* A store that is being made may have been made in part. */
static bool
is_part(const char *name)
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (strcmp(name, folders[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(name, files[i]) == 0)
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0 ||
		   strcmp(name, "store.new") == 0;
}

static LhStatus
check_empty(LhCtx *ctx, LhKeyStore *store)
{
	int fd = openat(store->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (dir == NULL)
	{
		LhStatus status = lh_keystore_failed(ctx, store, "read", "");
		if (fd >= 0)
			close(fd);
		return status;
	}
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, close_dir, dir));
	while (errno = 0, (e = readdir(dir)) != NULL)
	{
		if (strcmp(e->d_name, "store") == 0)
			LH_FAIL(ctx, LH_EXISTS, "\"%s\" is a key store already", store->path);
		if (!is_part(e->d_name))
			LH_FAIL(ctx, LH_INVALID, "directory \"%s\" of the key store is not empty", store->path);
	}
	return errno == 0 ? LH_OK : lh_keystore_failed(ctx, store, "read", "");
}

static LhStatus
make_parts(LhCtx *ctx, LhKeyStore *store)
{
	int64_t size;
	int fd;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (mkdirat(store->root, folders[i], 0700) != 0 && errno != EEXIST)
			return lh_keystore_failed(ctx, store, "make", folders[i]);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		LhStatus status;

		LH_TRY(lh_keystore_file(ctx, store, store->root, files[i], O_WRONLY | O_CREAT, &size, &fd));
		status = lh_keystore_sync(ctx, store, fd, files[i]);
		close(fd);
		LH_TRY(status);
	}
	return lh_keystore_sync(ctx, store, store->root, "");
}

/* Its number, by which databases know it, is written last: then it is a store. */
static LhStatus
make_id(LhCtx *ctx, LhKeyStore *store)
{
	uint8_t bytes[STORE_FILE] = {'L', 'H', 'K', 'S', 1};
	uint64_t now = __builtin_bswap64((uint64_t) time(NULL));
	LhStatus status;
	int64_t size;
	int fd;

	if (RAND_bytes(bytes + 8, LH_KEYSTORE_ID) != 1)
	{
		ERR_clear_error();
		LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to make a number");
	}
	memcpy(bytes + 24, &now, sizeof(now));
	lh_sha256(lh_slice(bytes, STORE_SUM), bytes + STORE_SUM);
	LH_TRY(lh_keystore_file(ctx, store, store->root, "store.new", O_WRONLY | O_CREAT | O_TRUNC,
							&size, &fd));
	status = lh_keystore_write(ctx, store, fd, "store.new", bytes, STORE_FILE, 0);
	if (status == LH_OK)
		status = lh_keystore_sync(ctx, store, fd, "store.new");
	close(fd);
	LH_TRY(status);
	/* one that is there stays: its keys may be in use already */
	if (linkat(store->root, "store.new", store->root, "store", 0) != 0)
		return lh_keystore_failed(ctx, store, "make", "store");
	if (unlinkat(store->root, "store.new", 0) != 0)
		return lh_keystore_failed(ctx, store, "remove", "store.new");
	return lh_keystore_sync(ctx, store, store->root, "");
}

LhStatus
lh_keystore_create(LhCtx *ctx, const char *path)
{
	LhKeyStore *store;
	LhStatus status;
	int64_t size;

	LH_TRY(open_root(ctx, path, &store));
	LH_TRY(check_empty(ctx, store));
	LH_TRY(make_parts(ctx, store));
	LH_TRY(lh_keystore_file(ctx, store, store->root, "lock", O_RDWR, &size, &store->lock));
	LH_TRY(wait_for_lock(ctx, store, store->lock, LOCK_EX));
	/* somebody else may have made it while we waited */
	status = check_empty(ctx, store);
	if (status == LH_OK)
		status = make_id(ctx, store);
	lh_keystore_unlock(store);
	return status;
}

LhStatus
lh_keystore_erasures(LhCtx *ctx, LhKeyStore *store, uint64_t *n)
{
	struct stat st;

	if (fstat(store->log, &st) != 0)
		return lh_keystore_failed(ctx, store, "examine", "erased");
	*n = (uint64_t) st.st_size / LH_KEYSTORE_RECORD;
	return LH_OK;
}

/* ---- the lock ---- */

/* The lock of this name, not of a file that had it before (a backup that was put back). */
static LhStatus
check_lock(LhCtx *ctx, LhKeyStore *store)
{
	struct stat held, named;

	if (fstat(store->lock, &held) != 0 ||
		fstatat(store->root, "lock", &named, AT_SYMLINK_NOFOLLOW) != 0)
		return lh_keystore_failed(ctx, store, "examine", "lock");
	if (held.st_ino != named.st_ino || held.st_dev != named.st_dev)
		LH_FAIL(ctx, LH_IO, "\"%s/lock\" of the key store was exchanged", store->path);
	return LH_OK;
}

/* Past those who wait for the exclusive lock, who hold the gate. */
static LhStatus
wait_for_turn(LhCtx *ctx, LhKeyStore *store, int operation)
{
	LhStatus status;
	int64_t size;
	int gate;

	LH_TRY(lh_keystore_file(ctx, store, store->root, "store", O_RDWR, &size, &gate));
	status = wait_for_lock(ctx, store, gate, operation);
	if (status == LH_OK)
		status = wait_for_lock(ctx, store, store->lock, operation);
	close(gate);
	return status;
}

static LhStatus
take(LhCtx *ctx, LhKeyStore *store, LhKeyStoreLock how)
{
	LH_TRY(wait_for_turn(ctx, store, how == LH_KEYSTORE_SHARED ? LOCK_SH : LOCK_EX));
	LH_TRY(check_lock(ctx, store));
	store->how = how;
	if (how == LH_KEYSTORE_SHARED)
		return LH_OK;
	LH_TRY(lh_keystore_clear(ctx, store));
	return lh_keystore_recover(ctx, store);
}

LhStatus
lh_keystore_lock(LhCtx *ctx, LhKeyStore *store, LhKeyStoreLock how)
{
	LhStatus status;
	int64_t size;

	if (store->lock >= 0)
		LH_FAIL(ctx, LH_BUG, "the key store is locked already");
	LH_TRY(lh_keystore_file(ctx, store, store->root, "lock", O_RDWR, &size, &store->lock));
	status = take(ctx, store, how);
	if (status != LH_OK)
		lh_keystore_unlock(store);
	return status;
}

void
lh_keystore_unlock(LhKeyStore *store)
{
	if (store->lock >= 0)
		close(store->lock);
	store->lock = -1;
}

LhStatus
lh_keystore_need(LhCtx *ctx, const LhKeyStore *store, LhKeyStoreLock how)
{
	if (store->lock < 0 || store->how != how)
		LH_FAIL(ctx, LH_BUG, "the key store is not locked as it should be");
	return LH_OK;
}

/* ---- marks ---- */

static void
mark_name(LhKeyRef ref, char out[LH_KEYSTORE_NAME])
{
	snprintf(out, LH_KEYSTORE_NAME, "%016" PRIx64 "-%" PRIu32, ref.id, ref.version);
}

LhStatus
lh_keystore_marked(LhCtx *ctx, LhKeyStore *store, LhKeyRef parent, bool *yes)
{
	char name[LH_KEYSTORE_NAME];
	struct stat st;

	mark_name(parent, name);
	*yes = fstatat(store->versions, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*yes && errno != ENOENT)
		return lh_keystore_failed(ctx, store, "examine", name);
	return LH_OK;
}

LhStatus
lh_keystore_mark(LhCtx *ctx, LhKeyStore *store, LhKeyRef parent)
{
	char name[LH_KEYSTORE_NAME];
	int64_t size;
	bool yes;
	int fd;

	if (store->lock < 0)
		LH_FAIL(ctx, LH_BUG, "the key store is not locked");
	mark_name(parent, name);
	LH_TRY(lh_keystore_marked(ctx, store, parent, &yes));
	if (yes)
		return LH_OK;
	LH_TRY(lh_keystore_file(ctx, store, store->versions, name, O_WRONLY | O_CREAT, &size, &fd));
	close(fd);
	return lh_keystore_sync(ctx, store, store->versions, "versions");
}

LhStatus
lh_keystore_unmark(LhCtx *ctx, LhKeyStore *store, LhKeyRef parent)
{
	char name[LH_KEYSTORE_NAME];

	mark_name(parent, name);
	if (unlinkat(store->versions, name, 0) != 0 && errno != ENOENT)
		return lh_keystore_failed(ctx, store, "remove", name);
	return lh_keystore_sync(ctx, store, store->versions, "versions");
}

static bool
parse_mark(const char *name, LhKeyRef *ref)
{
	char again[LH_KEYSTORE_NAME];

	if (sscanf(name, "%16" SCNx64 "-%10" SCNu32, &ref->id, &ref->version) != 2)
		return false;
	mark_name(*ref, again);
	return strcmp(again, name) == 0;
}

LhStatus
lh_keystore_marks(LhCtx *ctx, LhKeyStore *store, LhKeyRef **out, size_t *n)
{
	int fd = openat(store->versions, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	LhBuf refs;
	LhKeyRef ref;

	if (dir == NULL)
		return lh_keystore_failed(ctx, store, "read", "versions");
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, close_dir, dir));
	LH_TRY(lh_buf_init(ctx, &refs, false));
	while ((e = readdir(dir)) != NULL)
	{
		memset(&ref, 0, sizeof(ref));
		if (parse_mark(e->d_name, &ref))
			LH_TRY(lh_buf_append(ctx, &refs, &ref, sizeof(ref)));
	}
	*out = (LhKeyRef *) refs.data;
	*n = refs.len / sizeof(LhKeyRef);
	return LH_OK;
}
