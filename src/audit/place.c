/*
 * place.c
 *		Whose is a directory that the audit writes to?
 *
 * As PostgreSQL asks of its data directory.  What others may write they may replace: a log of theirs under the name of ours, or a
 * checkpoint that says what they like.
 */
#include "audit/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who else than the owner may write. */
#define OTHERS_WRITE (S_IWGRP | S_IWOTH)

static LhStatus
refuse(LhCtx *ctx, const char *dir, const char *what, const char *setting, const char *remedy)
{
	lh_fail(ctx, LH_DENIED, "directory \"%s\" of the audit %s", dir, what);
	lh_detail(ctx, "It must be a directory of the server's user that nobody else may write to.");
	lh_hint(ctx, "%s, or set %s to another directory.", remedy, setting);
	return LH_DENIED;
}

static LhStatus
check_owner(LhCtx *ctx, const char *dir, const struct stat *st, LhAuditPlaceOwner owner,
			const char *setting)
{
	if (st->st_uid != geteuid() && !(owner == LH_AUDIT_PLACE_OWN_OR_ROOT && st->st_uid == 0))
		return refuse(ctx, dir, "belongs to another user", setting, "Change its owner (chown)");
	if ((st->st_mode & OTHERS_WRITE) != 0)
		return refuse(ctx, dir, "may be written to by others", setting,
					  "Take that away (chmod go-w)");
	return LH_OK;
}

LhStatus
lh_audit_place_check(LhCtx *ctx, const char *dir, LhAuditPlaceOwner owner, const char *setting)
{
	size_t len = strlen(dir);
	struct stat st;
	char *path;
	int fd, error;

	/* with a slash at its end a link would be followed */
	while (len > 1 && dir[len - 1] == '/')
		len--;
	path = lh_strndup(ctx, dir, len);
	if (path == NULL)
		return ctx->error->code;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	error = errno;
	if (fd < 0 && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return refuse(ctx, path, "is a symbolic link", setting, "Put a directory in its place");
	if (fd < 0 && error == ENOENT)
		return LH_OK;
	if (fd < 0)
		LH_FAIL(ctx, error == EACCES || error == EPERM ? LH_DENIED : LH_IO,
				"could not open directory \"%s\" of the audit: %s", path, lh_errno_text(error));
	error = fstat(fd, &st) == 0 ? 0 : errno;
	close(fd);
	if (error != 0)
		LH_FAIL(ctx, LH_IO, "could not examine directory \"%s\" of the audit: %s", path,
				lh_errno_text(error));
	return check_owner(ctx, path, &st, owner, setting);
}

LhStatus
lh_audit_place_check_parent(LhCtx *ctx, const char *path, LhAuditPlaceOwner owner,
							const char *setting)
{
	const char *slash = strrchr(path, '/');
	const char *dir;

	if (slash == NULL)
		return LH_OK;
	dir = slash == path ? "/" : lh_strndup(ctx, path, (size_t) (slash - path));
	return dir != NULL ? lh_audit_place_check(ctx, dir, owner, setting) : ctx->error->code;
}
