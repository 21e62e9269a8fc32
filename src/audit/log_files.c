/*
 * log_files.c
 *		System calls of the log.
 *
 * All files are of the server's user alone and are opened below the directory's descriptor, links
 * not followed.  Bytes are written at places, not at ends: writing again after a failure is harmless.
 */
#include "audit/log_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t
plain_write(int fd, const void *p, size_t n, off_t at)
{
	return pwrite(fd, p, n, at);
}

static int
plain_sync(int fd, bool data)
{
	return data ? fdatasync(fd) : fsync(fd);
}

static int
plain_create(int dir, const char *name, int flags)
{
	return openat(dir, name, flags | O_CREAT, 0600);
}

static int
plain_rename(int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to);
}

static int
plain_unlink(int dir, const char *name)
{
	return unlinkat(dir, name, 0);
}

LhAuditIo lh_audit_io = {
	plain_write, plain_sync, ftruncate, plain_create, plain_rename, plain_unlink,
};

LhStatus
lh_audit_fail(LhCtx *ctx, const LhAuditLog *log, const char *what, const char *name, int error)
{
	lh_fail(ctx, error == EACCES || error == EPERM ? LH_DENIED : LH_IO,
			"could not %s \"%s/%s\" of the audit log: %s", what, log->path, name,
			lh_errno_text(error));
	if (error == ENOSPC || error == EDQUOT)
		lh_hint(ctx, "Free space on its file system; nothing was lost.");
	return ctx->error->code;
}

void
lh_audit_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A name that is there must be a file: nothing of the directory may lead elsewhere, or wait. */
static LhStatus
check_regular(LhCtx *ctx, LhAuditLog *log, const char *name, int *fd)
{
	struct stat st;

	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		return LH_OK;
	lh_audit_close_fd(fd);
	LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\" of the audit log is no regular file", log->path, name);
}

LhStatus
lh_audit_open(LhCtx *ctx, LhAuditLog *log, const char *name, bool write, bool make, int *fd)
{
	int flags = (write ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	lh_audit_close_fd(fd);
	*fd = openat(log->dir, name, flags);
	if (*fd < 0 && errno == ENOENT && make)
	{
		*fd = lh_audit_io.create(log->dir, name, flags);
		log->entered = log->entered || *fd >= 0;
	}
	else if (*fd < 0 && errno == ENOENT)
		return LH_OK;
	if (*fd < 0)
		return lh_audit_fail(ctx, log, "open", name, errno);
	return check_regular(ctx, log, name, fd);
}

LhStatus
lh_audit_write(LhCtx *ctx, LhAuditLog *log, int fd, const char *name, LhSlice bytes, uint64_t at)
{
	while (bytes.len > 0)
	{
		ssize_t n = lh_audit_io.write(fd, bytes.data, bytes.len, (off_t) at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return lh_audit_fail(ctx, log, "write", name, n < 0 ? errno : ENOSPC);
		bytes = lh_slice(bytes.data + n, bytes.len - (size_t) n);
		at += (uint64_t) n;
	}
	return LH_OK;
}

static LhStatus
sync_any(LhCtx *ctx, LhAuditLog *log, int fd, const char *name, bool data)
{
	int error;

	if (lh_audit_io.sync(fd, data) == 0)
		return LH_OK;
	error = errno;
	log->broken = true;
	lh_audit_fail(ctx, log, "sync", name, error);
	lh_detail(ctx, "What was not synced before may or may not be durable.");
	ctx->error->hint[0] = '\0';
	lh_hint(ctx, "The log has to be opened anew.");
	return ctx->error->code;
}

LhStatus
lh_audit_sync(LhCtx *ctx, LhAuditLog *log, int fd, const char *name)
{
	return sync_any(ctx, log, fd, name, true);
}

LhStatus
lh_audit_sync_dir(LhCtx *ctx, LhAuditLog *log)
{
	LH_TRY(sync_any(ctx, log, log->dir, ".", false));
	log->entered = false;
	return LH_OK;
}

LhStatus
lh_audit_cut(LhCtx *ctx, LhAuditLog *log, int fd, const char *name, uint64_t size)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (uint64_t) st.st_size <= size)
		return LH_OK;
	if (lh_audit_io.cut(fd, (off_t) size) != 0)
		return lh_audit_fail(ctx, log, "cut", name, errno);
	return LH_OK;
}

LhStatus
lh_audit_file_size(LhCtx *ctx, const LhAuditLog *log, int fd, const char *name, uint64_t *size)
{
	struct stat st;

	*size = 0;
	if (fd < 0)
		return LH_OK;
	if (fstat(fd, &st) != 0)
		return lh_audit_fail(ctx, log, "examine", name, errno);
	*size = (uint64_t) st.st_size;
	return LH_OK;
}

LhStatus
lh_audit_read_at(LhCtx *ctx, const LhAuditLog *log, int fd, const char *name, void *p, size_t size,
				 uint64_t at, size_t *n)
{
	for (*n = 0; *n < size;)
	{
		ssize_t k;

		if (at > INT64_MAX - size)
			break;
		k = pread(fd, (uint8_t *) p + *n, size - *n, (off_t) (at + *n));
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return lh_audit_fail(ctx, log, "read", name, errno);
		if (k == 0)
			break;
		*n += (size_t) k;
	}
	return LH_OK;
}

LhStatus
lh_audit_load(LhCtx *ctx, LhAuditLog *log, const char *name, uint64_t most, bool *there,
			  LhSlice *out)
{
	LhStatus status;
	uint64_t size;
	size_t n = 0;
	uint8_t *p;
	int fd = -1;

	*out = (LhSlice){0};
	LH_TRY(lh_audit_open(ctx, log, name, false, false, &fd));
	*there = fd >= 0;
	if (fd < 0)
		return LH_OK;
	status = lh_audit_file_size(ctx, log, fd, name, &size);
	if (status == LH_OK && size > most)
		status = lh_fail(ctx, LH_CORRUPT,
						 "\"%s/%s\" of the audit log has %llu bytes, above the limit of %llu",
						 log->path, name, (unsigned long long) size, (unsigned long long) most);
	if (status == LH_OK)
	{
		p = lh_alloc(ctx, size > 0 ? (size_t) size : 1);
		status = p == NULL ? ctx->error->code
						   : lh_audit_read_at(ctx, log, fd, name, p, (size_t) size, 0, &n);
		*out = lh_slice(p, n);
	}
	lh_audit_close_fd(&fd);
	return status;
}

LhStatus
lh_audit_replace(LhCtx *ctx, LhAuditLog *log, const char *name, LhSlice bytes)
{
	char temp[LH_AUDIT_NAME];
	LhStatus status;
	int fd = -1;

	snprintf(temp, sizeof(temp), "%s.new", name);
	LH_TRY(lh_audit_open(ctx, log, temp, true, true, &fd));
	status = lh_audit_write(ctx, log, fd, temp, bytes, 0);
	if (status == LH_OK)
		status = lh_audit_cut(ctx, log, fd, temp, bytes.len);
	if (status == LH_OK)
		status = lh_audit_sync(ctx, log, fd, temp);
	lh_audit_close_fd(&fd);
	LH_TRY(status);
	if (lh_audit_io.rename(log->dir, temp, name) != 0)
		return lh_audit_fail(ctx, log, "rename to", name, errno);
	return lh_audit_sync_dir(ctx, log);
}
