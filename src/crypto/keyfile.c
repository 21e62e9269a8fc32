/*
 * keyfile.c
 *		Read a file of keys, or another secret, into secret memory, if nobody else may read it.
 *
 *	1. It is opened without following a link in its last component, and without
 *	   waiting, should it be a fifo.
 *	2. What was opened must be a regular file, belong to the process's user or
 *	   root, and give no right to anybody else.  It is the open descriptor that is
 *	   asked, so swapping the file changes nothing.
 *	3. Its bytes go nowhere but into memory that is wiped.
 */
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void
close_file(void *arg)
{
	close(*(int *) arg);
}

static LhStatus
open_file(LhCtx *ctx, const char *what, const char *path, int *fd)
{
	*fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd >= 0)
		return lh_arena_on_reset(ctx, ctx->arena, close_file, fd);
	if (errno == ELOOP)
		LH_FAIL(ctx, LH_INVALID, "%s \"%s\" is a symbolic link", what, path);
	LH_FAIL(ctx, LH_IO, "cannot open %s \"%s\": %s", what, path, lh_errno_text(errno));
}

static LhStatus
check_file(LhCtx *ctx, const char *what, const char *path, int fd, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		LH_FAIL(ctx, LH_IO, "cannot examine %s \"%s\": %s", what, path, lh_errno_text(errno));
	if (!S_ISREG(st.st_mode))
		LH_FAIL(ctx, LH_INVALID, "%s \"%s\" is not a regular file", what, path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		LH_FAIL(ctx, LH_INVALID, "%s \"%s\" must belong to the server's user or to root", what,
				path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
	{
		lh_fail(ctx, LH_INVALID, "%s \"%s\" gives rights to others than its owner", what, path);
		lh_detail(ctx, "Its mode is %04o.", (unsigned) st.st_mode & 07777);
		lh_hint(ctx, "Its mode should be 0600 or 0400.");
		return LH_INVALID;
	}
	if (st.st_size > (off_t) LH_KEYS_MAX)
		LH_FAIL(ctx, LH_LIMIT, "%s \"%s\" has %lld bytes, above the limit of %zu", what, path,
				(long long) st.st_size, LH_KEYS_MAX);
	*size = (size_t) st.st_size;
	return LH_OK;
}

/* At most size bytes; a file that was cut meanwhile has fewer. */
static LhStatus
read_file(LhCtx *ctx, const char *what, const char *path, int fd, uint8_t *bytes, size_t size,
		  size_t *len)
{
	for (*len = 0; *len < size;)
	{
		ssize_t n = read(fd, bytes + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			LH_FAIL(ctx, LH_IO, "cannot read %s \"%s\": %s", what, path, lh_errno_text(errno));
		if (n == 0)
			break;
		*len += (size_t) n;
	}
	return LH_OK;
}

/* Everything that is needed while reading goes with scratch. */
static LhStatus
load(LhCtx *ctx, const char *what, const char *path, LhArena *keep, uint8_t **bytes, size_t *len)
{
	LhArena *old;
	LhStatus status;
	size_t size = 0;
	void *p = NULL;
	int *fd;

	LH_NEW(ctx, fd);
	LH_TRY(open_file(ctx, what, path, fd));
	LH_TRY(check_file(ctx, what, path, *fd, &size));
	old = lh_use(ctx, keep);
	status = lh_secret_alloc(ctx, size, &p);
	lh_use(ctx, old);
	LH_TRY(status);
	*bytes = p;
	return read_file(ctx, what, path, *fd, p, size, len);
}

LhStatus
lh_secret_file(LhCtx *ctx, const char *what, const char *path, uint8_t **bytes, size_t *len)
{
	LhArena *keep = ctx->arena;
	LhArena *scratch = lh_arena_child(keep);
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the %s \"%s\"", what, path);
	lh_use(ctx, scratch);
	status = load(ctx, what, path, keep, bytes, len);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}

LhStatus
lh_keyset_load(LhCtx *ctx, const char *path, LhKeySet **out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;

	LH_TRY(lh_secret_file(ctx, "file of keys", path, &bytes, &len));
	return lh_keyset_parse(ctx, path, bytes, len, out);
}
