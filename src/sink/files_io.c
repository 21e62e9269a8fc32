/*
 * files_io.c
 *		Bytes, syncs and names of the file sink's directory.
 */
#include "sink/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LhStatus
lh_files_fail(LhCtx *ctx, const LhFiles *s, const char *what, const char *name)
{
	int error = errno;

	lh_fail(ctx, LH_IO, "could not %s \"%s/%s\": %s", what, s->path, name, lh_errno_text(error));
	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		lh_hint(ctx, "Make room; what was put since the last flush is put again then.");
	return LH_IO;
}

LhStatus
lh_files_write(LhCtx *ctx, const LhFiles *s, int fd, const char *name, const void *bytes,
			   size_t len)
{
	const uint8_t *p = bytes;

	while (len > 0)
	{
		ssize_t n = write(fd, p, len < ((size_t) 4 << 20) ? len : (size_t) 4 << 20);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			if (n == 0)
				errno = ENOSPC;
			return lh_files_fail(ctx, s, "write", name);
		}
		p += n;
		len -= (size_t) n;
	}
	return LH_OK;
}

LhStatus
lh_files_sync(LhCtx *ctx, const LhFiles *s, int fd, const char *name)
{
	bool folder = fd == s->dir || fd == s->schemas;

	/* a file system that cannot sync a directory says EINVAL: then nothing can be done */
	if ((folder ? fsync(fd) : fdatasync(fd)) != 0 && !(folder && errno == EINVAL))
		return lh_files_fail(ctx, s, "sync", name);
	return LH_OK;
}

LhStatus
lh_files_create(LhCtx *ctx, const LhFiles *s, const char *name, int *fd)
{
	*fd = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	return *fd < 0 ? lh_files_fail(ctx, s, "create", name) : LH_OK;
}

LhStatus
lh_files_read(LhCtx *ctx, const LhFiles *s, int fd, const char *name, int64_t at, size_t n,
			  void *out)
{
	size_t done = 0;

	while (done < n)
	{
		ssize_t got = pread(fd, (char *) out + done, n - done, (off_t) (at + (int64_t) done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lh_files_fail(ctx, s, "read", name);
		if (got == 0)
			LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\" became shorter while it was read", s->path, name);
		done += (size_t) got;
	}
	return LH_OK;
}

LhStatus
lh_files_remove(LhCtx *ctx, const LhFiles *s, const char *name)
{
	if (unlinkat(s->dir, name, 0) != 0 && errno != ENOENT)
		return lh_files_fail(ctx, s, "remove", name);
	return LH_OK;
}

void
lh_files_temp_name(const char *name, char out[256])
{
	snprintf(out, 256, LH_FILES_TEMP "%.245s", name);
}

void
lh_files_growing_name(const LhFilesEntry *e, char out[256])
{
	snprintf(out, 256, LH_FILES_TEMP "%.245s%s", e->name, e->log ? LH_FILES_LOG : "");
}

LhStatus
lh_files_rename(LhCtx *ctx, const LhFiles *s, const char *name)
{
	char temp[256];

	lh_files_temp_name(name, temp);
	if (renameat2(s->dir, temp, s->dir, name, RENAME_NOREPLACE) == 0)
		return LH_OK;
	/* not every file system knows the flag: the lock says that we are alone */
	if (errno == EINVAL && faccessat(s->dir, name, F_OK, 0) != 0 && errno == ENOENT &&
		renameat(s->dir, temp, s->dir, name) == 0)
		return LH_OK;
	if (errno == EEXIST)
		LH_FAIL(ctx, LH_EXISTS, "\"%s/%s\" is there already", s->path, name);
	return lh_files_fail(ctx, s, "rename", temp);
}

void
lh_files_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
