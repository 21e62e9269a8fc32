/*
 * local.c
 *		Local files: rights, opening, reading.
 *
 * Who may read any file (LhAccess.local_any) opens by path.  Everybody else
 * has base directories, and enters them so that the kernel, not we, decides
 * what lies below:
 *
 *	1. the base is opened as O_PATH; it is configuration and trusted;
 *	2. the rest of the path is opened relative to it by openat2(2) with
 *	   RESOLVE_BENEATH: "..", an absolute link or a link that leaves the base
 *	   ends the look-up, even when somebody swaps a link meanwhile;
 *	3. a kernel or a seccomp filter without openat2 is an error.  There is no
 *	   other way in.
 *
 * Only regular files are read: opening a fifo would block and a device could
 * do anything.  A file keeps its identity (device, inode, size, mtime) from
 * fstat(2) at open; each read ends with another fstat, because bytes of two
 * versions of a file must never meet in one answer.
 */
#include "store/local.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "store/object.h"

/* A rename beside the look-up makes openat2 give up with EAGAIN: so often it is tried. */
#define OPENAT2_TRIES 32
/* Bytes between two polls of the host. */
#define READ_PIECE    ((size_t) 4 << 20)

typedef struct LocalObject
{
	LhObject base;
	int fd;
} LocalObject;

/*
 * Stores and rights
 */

static void
release_store(void *arg)
{
	LhStore *store = arg;

	for (int i = 0; i < store->nbases; i++)
		if (store->base_fds[i] >= 0)
			close(store->base_fds[i]);
}

LhStatus
lh_store_create(LhCtx *ctx, const LhAccess *access, LhStore **out)
{
	LhStore *store;

	LH_NEW(ctx, store);
	store->access = access;
	LH_NEW_ARRAY(ctx, store->bases, (size_t) access->nbases + 1);
	LH_NEW_ARRAY(ctx, store->base_fds, (size_t) access->nbases + 1);
	for (int i = 0; i < access->nbases; i++)
	{
		const char *base = access->bases[i];

		if (base[0] != '/')
			LH_FAIL(ctx, LH_INVALID, "base directory \"%s\" is not an absolute path", base);
		LH_TRY(lh_path_normalise(ctx, base, strlen(base), &store->bases[i]));
		if (strcmp(store->bases[i], "/") == 0)
			store->bases[i] = "";
		store->base_fds[i] = -1;
	}
	store->nbases = access->nbases;
	store->arena = ctx->arena;
	LH_TRY(lh_closed_create(ctx, store));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_store, store));
	*out = store;
	return LH_OK;
}

/* The rest of path when it is spelled as something below base, else NULL. */
static const char *
below(const char *base, const char *path)
{
	size_t len = strlen(base);

	if (strncmp(path, base, len) != 0)
		return NULL;
	if (path[len] == '\0')
		return ".";
	if (path[len] != '/')
		return NULL;
	return path[len + 1] == '\0' ? "." : path + len + 1;
}

/* open(2)'s failure as an error of ours. */
static LhStatus
open_failed(LhCtx *ctx, const char *path, int err)
{
	if (err == ENOENT || err == ENOTDIR)
		LH_FAIL(ctx, LH_NOT_FOUND, "\"%s\" does not exist", path);
	if (err == ELOOP)
		LH_FAIL(ctx, LH_NOT_FOUND, "could not open \"%s\": %s", path, lh_errno_text(err));
	LH_FAIL(ctx, err == EACCES || err == EPERM ? LH_DENIED : LH_IO, "could not open \"%s\": %s",
			path, lh_errno_text(err));
}

/* The base's descriptor; of several threads that open it, one's stays. */
static LhStatus
base_fd(LhCtx *ctx, LhStore *store, int i, int *fd)
{
	const char *base = store->bases[i][0] ? store->bases[i] : "/";
	int none = -1;

	*fd = __atomic_load_n(&store->base_fds[i], __ATOMIC_ACQUIRE);
	if (*fd >= 0)
		return LH_OK;
	*fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
	{
		LhStatus status = open_failed(ctx, base, errno);

		lh_detail(ctx, "It is a base directory.");
		return status;
	}
	if (!__atomic_compare_exchange_n(&store->base_fds[i], &none, *fd, false, __ATOMIC_ACQ_REL,
									 __ATOMIC_ACQUIRE))
	{
		close(*fd);
		*fd = none;
	}
	return LH_OK;
}

/* Open rel below a base directory and nowhere else; path and base_name are for messages. */
static LhStatus
open_beneath(LhCtx *ctx, int base, const char *base_name, const char *rel, const char *path,
			 int flags, int *fd)
{
	struct open_how how = {
		.flags = (uint64_t) flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int err;

	for (int tries = 0; tries < OPENAT2_TRIES; tries++)
	{
		*fd = (int) syscall(SYS_openat2, base, rel, &how, sizeof(how));
		if (*fd >= 0)
			return LH_OK;
		if (errno != EAGAIN && errno != EINTR)
			break;
		LH_TRY(lh_poll(ctx));
	}
	err = errno;
	if (err == ENOSYS || err == EPERM)
	{
		lh_fail(ctx, LH_UNSUPPORTED, "could not open \"%s\": openat2: %s", path,
				lh_errno_text(err));
		lh_detail(ctx, "A base directory can only be enforced with openat2(2), which this kernel "
					   "or a seccomp filter refuses.");
		return LH_UNSUPPORTED;
	}
	if (err == EXDEV)
	{
		lh_fail(ctx, LH_DENIED, "\"%s\" leads out of base directory \"%s\"", path,
				base_name[0] ? base_name : "/");
		lh_detail(ctx,
				  "\"..\" and links may not leave a base directory; links in it must be relative.");
		return LH_DENIED;
	}
	return open_failed(ctx, path, err);
}

static LhStatus
open_any(LhCtx *ctx, const char *path, int flags, int *fd)
{
	while ((*fd = open(path, flags)) < 0)
	{
		if (errno != EINTR)
			return open_failed(ctx, path, errno);
		LH_TRY(lh_poll(ctx));
	}
	return LH_OK;
}

LhStatus
lh_local_open(LhCtx *ctx, LhStore *store, const char *path, int flags, int *fd)
{
	LhStatus status = LH_OK;
	bool tried = false;

	flags |= O_CLOEXEC;
	if (store->access->local_any)
		return open_any(ctx, path, flags, fd);
	for (int i = 0; i < store->nbases; i++)
	{
		const char *rel = below(store->bases[i], path);
		int base = -1;

		if (rel == NULL)
			continue;
		lh_error_clear(ctx);
		LH_TRY(base_fd(ctx, store, i, &base));
		status = open_beneath(ctx, base, store->bases[i], rel, path, flags, fd);
		/* Another base may hold what leads out of this one. */
		if (status != LH_DENIED)
			return status;
		tried = true;
	}
	if (tried)
		return status;
	lh_fail(ctx, LH_DENIED, "no right to read \"%s\"", path);
	if (store->nbases > 0)
		lh_detail(ctx, "It lies below none of the base directories that may be read.");
	else
		lh_detail(ctx, "Neither local files in general nor a base directory may be read.");
	return LH_DENIED;
}

/* dir, which lies below a base directory that may be written to. */
static LhStatus
open_in_base(LhCtx *ctx, const char *base, const char *dir, const char *path, int *fd)
{
	LhStatus status;
	int base_fd;

	status = open_any(ctx, base[0] ? base : "/", O_PATH | O_DIRECTORY | O_CLOEXEC, &base_fd);
	if (status != LH_OK)
	{
		lh_detail(ctx, "It is a base directory.");
		return status;
	}
	status = open_beneath(ctx, base_fd, base, below(base, dir), path,
						  O_RDONLY | O_DIRECTORY | O_CLOEXEC, fd);
	close(base_fd);
	return status;
}

LhStatus
lh_local_open_to_write(LhCtx *ctx, LhStore *store, const char *dir, const char *path, int *fd)
{
	const LhAccess *access = store->access;
	LhStatus status = LH_OK;
	bool tried = false;

	if (access->write_any)
		return open_any(ctx, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, fd);
	for (int i = 0; i < access->nwrite_bases; i++)
	{
		const char *base = access->write_bases[i];

		if (base[0] != '/')
			LH_FAIL(ctx, LH_INVALID, "base directory \"%s\" is not an absolute path", base);
		LH_TRY(lh_path_normalise(ctx, base, strlen(base), &base));
		if (strcmp(base, "/") == 0)
			base = "";
		if (below(base, dir) == NULL)
			continue;
		lh_error_clear(ctx);
		status = open_in_base(ctx, base, dir, path, fd);
		if (status != LH_DENIED)
			return status;
		tried = true;
	}
	if (tried)
		return status;
	lh_fail(ctx, LH_DENIED, "no right to write \"%s\"", path);
	if (access->nwrite_bases > 0)
		lh_detail(ctx, "It lies below none of the base directories that may be written to.");
	else
		lh_detail(ctx, "Neither local files in general nor a base directory may be written.");
	return LH_DENIED;
}

LhStatus
lh_local_stat(LhCtx *ctx, LhStore *store, const char *path, struct stat *st)
{
	int fd;
	int rc;

	/* whoever may read any file needs no descriptor that proves where it lies */
	if (store->access->local_any)
		return stat(path, st) == 0 ? LH_OK : open_failed(ctx, path, errno);
	LH_TRY(lh_local_open(ctx, store, path, O_PATH, &fd));
	rc = fstat(fd, st);
	close(fd);
	if (rc != 0)
		LH_FAIL(ctx, LH_IO, "could not stat \"%s\": %s", path, lh_errno_text(errno));
	return LH_OK;
}

LhStatus
lh_local_look(LhCtx *ctx, LhStore *store, const char *path, LhObjectId *id, int64_t *ctime_ns)
{
	struct stat st;

	LH_TRY(lh_local_stat(ctx, store, path, &st));
	*id = (LhObjectId){
		.path = path,
		.size = st.st_size,
		.mtime_ns = (int64_t) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.ctime_ns = (int64_t) st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
	};
	*ctime_ns = id->ctime_ns;
	return LH_OK;
}

/* f_type of statfs(2): ext2 to ext4, XFS, Btrfs, ZFS, F2FS, tmpfs, overlays. */
static const uint32_t noting[] = {0xEF53,	  0x58465342, 0x9123683E, 0x2FC12FC1,
								  0xF2F52010, 0x01021994, 0x794C7630};

bool
lh_local_names_are_noted(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) != 0)
		return false;
	for (size_t i = 0; i < sizeof(noting) / sizeof(noting[0]); i++)
		if ((uint32_t) fs.f_type == noting[i])
			return true;
	return false;
}

LhStatus
lh_local_exists(LhCtx *ctx, LhStore *store, const char *path, bool *yes)
{
	struct stat st;
	LhStatus status;

	/* often it does not: an error that nobody reads would cost more than the call */
	if (store->access->local_any)
	{
		*yes = stat(path, &st) == 0;
		if (*yes || errno == ENOENT || errno == ENOTDIR)
			return LH_OK;
	}
	status = lh_local_stat(ctx, store, path, &st);
	*yes = status == LH_OK;
	if (status != LH_NOT_FOUND)
		return status;
	lh_error_clear(ctx);
	return LH_OK;
}

static void
release_dir(void *arg)
{
	closedir(arg);
}

LhStatus
lh_local_opendir(LhCtx *ctx, LhStore *store, const char *path, DIR **dir)
{
	LhStatus status;
	int fd;

	LH_TRY(lh_local_open(ctx, store, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, &fd));
	status = lh_closed_check_file(ctx, store, fd, path);
	if (status != LH_OK)
	{
		close(fd);
		return status;
	}
	*dir = fdopendir(fd);
	if (*dir == NULL)
	{
		close(fd);
		LH_FAIL(ctx, LH_IO, "could not read directory \"%s\": %s", path, lh_errno_text(errno));
	}
	status = lh_arena_on_reset(ctx, ctx->arena, release_dir, *dir);
	if (status != LH_OK)
		closedir(*dir);
	return status;
}

void
lh_local_closedir(LhCtx *ctx, DIR *dir)
{
	lh_arena_forget(ctx->arena, release_dir, dir);
	closedir(dir);
}

/*
 * Objects
 */

static void
release_object(void *arg)
{
	LocalObject *obj = arg;

	if (obj->fd >= 0)
		close(obj->fd);
	obj->fd = -1;
}

static int64_t
mtime_ns(const struct stat *st)
{
	return (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static const char *
file_kind(mode_t mode)
{
	return S_ISDIR(mode)                    ? "a directory"
		   : S_ISFIFO(mode)                 ? "a fifo"
		   : S_ISSOCK(mode)                 ? "a socket"
		   : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
											: "no regular file";
}

/* Fill the identity of a freshly opened descriptor; refuses what is no regular file. */
static LhStatus
identify(LhCtx *ctx, LocalObject *obj, const char *path)
{
	LhObjectId *id = &obj->base.id;
	struct stat st;

	if (fstat(obj->fd, &st) != 0)
		LH_FAIL(ctx, LH_IO, "could not stat \"%s\": %s", path, lh_errno_text(errno));
	if (!S_ISREG(st.st_mode))
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is %s, not a file", path, file_kind(st.st_mode));
	id->path = path;
	id->size = st.st_size;
	id->mtime_ns = mtime_ns(&st);
	id->dev = (uint64_t) st.st_dev;
	id->ino = (uint64_t) st.st_ino;
	id->ctime_ns = (int64_t) st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	return LH_OK;
}

/* Is the file still the one that was opened? */
static LhStatus
check_unchanged(LhCtx *ctx, const LocalObject *obj)
{
	struct stat st;

	if (fstat(obj->fd, &st) != 0)
		LH_FAIL(ctx, LH_IO, "could not stat \"%s\": %s", obj->base.id.path, lh_errno_text(errno));
	if (st.st_size != obj->base.id.size || mtime_ns(&st) != obj->base.id.mtime_ns ||
		(uint64_t) st.st_ino != obj->base.id.ino || (uint64_t) st.st_dev != obj->base.id.dev)
	{
		lh_fail(ctx, LH_CHANGED, "file \"%s\" changed while it was being read", obj->base.id.path);
		lh_hint(ctx, "Write a new version beside the file and rename it, or run the query again.");
		return LH_CHANGED;
	}
	return LH_OK;
}

/* One pread(2), all of it; ends early only at the end of the file. */
static LhStatus
read_piece(LhCtx *ctx, LocalObject *obj, int64_t offset, size_t len, uint8_t *out, size_t *got)
{
	*got = 0;
	while (*got < len)
	{
		ssize_t n = pread(obj->fd, out + *got, len - *got, (off_t) (offset + (int64_t) *got));

		if (n == 0)
			return LH_OK;
		if (n > 0)
			*got += (size_t) n;
		else if (errno != EINTR)
			LH_FAIL(ctx, LH_IO, "could not read \"%s\": %s", obj->base.id.path, lh_errno_text(errno));
		else
			LH_TRY(lh_poll(ctx));
	}
	return LH_OK;
}

static LhStatus
read_local(LhCtx *ctx, LhObject *base, int64_t offset, size_t len, uint8_t *out)
{
	LocalObject *obj = (LocalObject *) base;
	size_t done = 0;

	if (obj->fd < 0)
		LH_FAIL(ctx, LH_BUG, "file \"%s\" was closed before it was read", obj->base.id.path);
	if (offset < 0 || offset > obj->base.id.size || len > (uint64_t) (obj->base.id.size - offset))
	{
		LH_TRY(check_unchanged(ctx, obj));
		LH_FAIL(ctx, LH_CORRUPT, "file \"%s\" ends at byte %lld, but %llu bytes at %lld are wanted",
				obj->base.id.path, (long long) obj->base.id.size, (unsigned long long) len,
				(long long) offset);
	}
	while (done < len)
	{
		size_t piece = len - done < READ_PIECE ? len - done : READ_PIECE;
		size_t got;

		LH_TRY(lh_poll(ctx));
		LH_TRY(read_piece(ctx, obj, offset + (int64_t) done, piece, out + done, &got));
		LH_COUNT(ctx, BYTES_READ, got);
		if (got < piece)
		{
			LH_TRY(check_unchanged(ctx, obj));
			LH_FAIL(ctx, LH_CHANGED, "file \"%s\" ended while it was being read", obj->base.id.path);
		}
		done += got;
	}
	LH_COUNT(ctx, READS, 1);
	return check_unchanged(ctx, obj);
}

static LhStatus
read_many_local(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges)
{
	for (int i = 0; i < n; i++)
		LH_TRY(read_local(ctx, obj, ranges[i].offset, ranges[i].len, ranges[i].out));
	return LH_OK;
}

static const LhObjectVtable local_vtable = {
	.read = read_local,
	.read_many = read_many_local,
	.release = release_object,
};

LhStatus
lh_local_object_open(LhCtx *ctx, LhStore *store, const char *path, LhObject **out)
{
	LocalObject *obj;
	LhStatus status;

	LH_NEW(ctx, obj);
	obj->fd = -1;
	obj->base.arena = ctx->arena;
	obj->base.vtable = &local_vtable;
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_object, obj));
	/* O_NONBLOCK: a fifo without a writer would block before it could be refused */
	status = lh_local_open(ctx, store, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &obj->fd);
	if (status == LH_OK)
		status = lh_closed_check_file(ctx, store, obj->fd, path);
	if (status == LH_OK)
		status = identify(ctx, obj, path);
	if (status != LH_OK)
		lh_object_close(&obj->base);
	else
		*out = &obj->base;
	return status;
}
