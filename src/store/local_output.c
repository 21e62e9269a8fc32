/*
 * local_output.c
 *		Local files as outputs.
 *
 *	1. The target's directory is entered once, with the rights to write: by its
 *	   path, or below a base directory by openat2(RESOLVE_BENEATH) as reading does
 *	   (local.c).  Everything else happens relative to its descriptor, so that
 *	   nobody can exchange it meanwhile.
 *	2. Bytes go to a new file of a random name in that directory, which listings
 *	   skip.
 *	3. At the end the file is synced, gets the target's name and the directory is
 *	   synced.  Without "overwrite" a name that exists is never replaced, even when
 *	   it appears at the last moment: renameat2(RENAME_NOREPLACE), or link(2) where
 *	   the file system does not know that.
 *
 * Only files are replaced, never directories, links or devices.
 */
#include "store/local.h"
#include "store/output_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Who may read it is the directory's business, as with COPY TO a file. */
#define FILE_MODE 0644

/* "._lakehouse-", 16 hexadecimal digits, ".tmp" */
#define TEMP_NAME 40

/* A temporary name that is taken already is one in 2^64, or a mistake. */
#define NAME_TRIES 8

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

typedef struct LocalOutput
{
	const char *path; /* of the target */
	const char *name; /* its last component */
	char temp[TEMP_NAME];
	bool overwrite;
	bool made;   /* the temporary file is there */
	int dir, fd; /* -1: closed */
} LocalOutput;

static LhStatus
io_failed(LhCtx *ctx, const LocalOutput *l, const char *what, int err)
{
	lh_fail(ctx, err == EACCES || err == EPERM || err == EROFS ? LH_DENIED : LH_IO,
			"could not %s \"%s\": %s", what, l->path, lh_errno_text(err));
	if (err == ENOSPC || err == EDQUOT)
		lh_hint(ctx, "Free space on the file system, or write to another one.");
	return ctx->error->code;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
local_abort(LhOutput *o)
{
	LocalOutput *l = o->state;

	if (l->made)
		unlinkat(l->dir, l->temp, 0);
	l->made = false;
	close_fd(&l->fd);
	close_fd(&l->dir);
}

static LhStatus
local_write(LhCtx *ctx, LhOutput *o, const uint8_t *bytes, size_t len)
{
	LocalOutput *l = o->state;

	while (len > 0)
	{
		ssize_t n = write(l->fd, bytes, len);

		if (n >= 0)
		{
			bytes += n;
			len -= (size_t) n;
		}
		else if (errno != EINTR)
			return io_failed(ctx, l, "write", errno);
		else
			LH_TRY(lh_poll(ctx));
	}
	return LH_OK;
}

static LhStatus
already_exists(LhCtx *ctx, const LocalOutput *l)
{
	lh_fail(ctx, LH_EXISTS, "\"%s\" already exists", l->path);
	lh_hint(ctx, "Choose another name, or ask for it to be overwritten.");
	return LH_EXISTS;
}

/* What stands at the target's name: nothing, or a file that may be replaced. */
static LhStatus
check_target(LhCtx *ctx, const LocalOutput *l)
{
	struct stat st;

	if (fstatat(l->dir, l->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? LH_OK : io_failed(ctx, l, "stat", errno);
	if (S_ISDIR(st.st_mode))
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is a directory, not a file", l->path);
	if (!l->overwrite)
		return already_exists(ctx, l);
	if (!S_ISREG(st.st_mode))
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is no regular file and is not overwritten", l->path);
	return LH_OK;
}

/* Give the file the target's name, which nothing else has. */
static LhStatus
rename_new(LhCtx *ctx, LocalOutput *l)
{
	if (syscall(SYS_renameat2, l->dir, l->temp, l->dir, l->name, RENAME_NOREPLACE) == 0)
	{
		l->made = false;
		return LH_OK;
	}
	if (errno == EEXIST)
		return already_exists(ctx, l);
	if (errno != EINVAL && errno != ENOSYS && errno != EPERM)
		return io_failed(ctx, l, "rename to", errno);
	/* a file system that cannot; abort unlinks the temporary name */
	if (linkat(l->dir, l->temp, l->dir, l->name, 0) == 0)
		return LH_OK;
	return errno == EEXIST ? already_exists(ctx, l) : io_failed(ctx, l, "link to", errno);
}

static LhStatus
rename_over(LhCtx *ctx, LocalOutput *l)
{
	if (renameat(l->dir, l->temp, l->dir, l->name) != 0)
		return io_failed(ctx, l, "rename to", errno);
	l->made = false;
	return LH_OK;
}

static void
identify(const LocalOutput *l, const struct stat *st, LhObjectId *id)
{
	*id = (LhObjectId){
		.path = l->path,
		.size = st->st_size,
		.mtime_ns = (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.dev = (uint64_t) st->st_dev,
		.ino = (uint64_t) st->st_ino,
	};
}

static LhStatus
local_finish(LhCtx *ctx, LhOutput *o, LhObjectId *id)
{
	LocalOutput *l = o->state;
	struct stat st;

	LH_TRY(lh_poll(ctx));
	if (fsync(l->fd) != 0)
		return io_failed(ctx, l, "sync", errno);
	if (fstat(l->fd, &st) != 0)
		return io_failed(ctx, l, "stat", errno);
	LH_TRY(check_target(ctx, l));
	LH_TRY(l->overwrite ? rename_over(ctx, l) : rename_new(ctx, l));
	if (fsync(l->dir) != 0)
		return io_failed(ctx, l, "sync the directory of", errno);
	if (id != NULL)
		identify(l, &st, id);
	/* releases what is left: descriptors, and the temporary name after link(2) */
	local_abort(o);
	return LH_OK;
}

/* Directory and name of a raw path. */
static LhStatus
split_path(LhCtx *ctx, const char *path, const char **dir, const char **name)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash[1] == '\0' || strcmp(slash + 1, "..") == 0)
		LH_FAIL(ctx, LH_INVALID, "\"%s\" names no file", path);
	*name = slash + 1;
	*dir = slash == path ? "/" : lh_strndup(ctx, path, (size_t) (slash - path));
	return *dir != NULL ? LH_OK : ctx->error->code;
}

static LhStatus
make_temp(LhCtx *ctx, LocalOutput *l)
{
	for (int tries = 0; tries < NAME_TRIES; tries++)
	{
		uint64_t random;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t) sizeof(random))
			return io_failed(ctx, l, "name a temporary file for", errno);
		snprintf(l->temp, sizeof(l->temp), "._lakehouse-%016llx.tmp", (unsigned long long) random);
		l->fd = openat(l->dir, l->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
					   FILE_MODE);
		if (l->fd >= 0)
			break;
		if (errno != EEXIST && errno != EINTR)
			return io_failed(ctx, l, "create a file for", errno);
	}
	if (l->fd < 0)
		return io_failed(ctx, l, "create a file for", EEXIST);
	l->made = true;
	/* the process's umask is its own business; a mode that cannot be set is no reason to fail */
	(void) !fchmod(l->fd, FILE_MODE);
	return LH_OK;
}

/* A trailing slash, a glob: no name of a file.  Escapes are taken out. */
static LhStatus
target_path(LhCtx *ctx, const char *location, const char **path)
{
	size_t len = strlen(location);
	LhScheme scheme;
	const char *pattern;

	LH_TRY(lh_location_parse(ctx, location, &scheme, &pattern));
	if (location[len - 1] == '/')
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is a directory, not a file", location);
	if (lh_is_glob(pattern))
	{
		lh_fail(ctx, LH_INVALID, "\"%s\" is a pattern, not a file to be written", location);
		lh_hint(ctx, "Put a backslash before *, ?, [ and { that belong to the name.");
		return LH_INVALID;
	}
	return lh_glob_unescape(ctx, pattern, strlen(pattern), path);
}

LhStatus
lh_local_output(LhCtx *ctx, LhStore *store, const char *location, const LhOutputOptions *options,
				LhOutput **out)
{
	static const LhOutputVtable vtable = {local_write, local_finish, local_abort};
	const char *path, *dir;
	LocalOutput *l;
	LhOutput *o;
	LhStatus status;

	LH_TRY(target_path(ctx, location, &path));
	LH_NEW(ctx, l);
	l->path = path;
	l->overwrite = options->overwrite;
	l->dir = l->fd = -1;
	LH_TRY(split_path(ctx, path, &dir, &l->name));
	LH_TRY(lh_output_make(ctx, &vtable, l, &o));
	status = lh_local_open_to_write(ctx, store, dir, path, &l->dir);
	if (status == LH_OK)
		status = check_target(ctx, l);
	if (status == LH_OK)
		status = make_temp(ctx, l);
	if (status != LH_OK)
		lh_output_abort(o);
	else
		*out = o;
	return status;
}
