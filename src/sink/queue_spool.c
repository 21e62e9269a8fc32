/*
 * queue_spool.c
 *		The file that a queue overflows into.
 *
 * Extents are taken and released in one order, so the file is a ring:
 *
 *		[0 .. begin) free   [begin .. end) live   [end .. size) free
 *	or, once an extent did not fit before the end of the file,
 *		[0 .. end) live   [end .. begin) free   [begin .. wrapped_at) live
 *
 * When nothing is live the file is cut to nothing, so that the disk has it back.
 * Whoever reads checks what the extent was when it was written: a disk that returns
 * other bytes is told, not delivered.
 */
#include "sink/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/core.h"

#define PIECE ((size_t) 4 << 20)

/* Without a name from the first moment, where the file system can do that. */
static int
make_file(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char path[4096];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if (snprintf(path, sizeof(path), "%s/lakehouse_cdc.XXXXXX", dir) >= (int) sizeof(path))
	{
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

LhStatus
lh_spool_open(LhCtx *ctx, const char *dir, uint64_t size, LhSpool *spool)
{
	*spool = (LhSpool){.fd = make_file(dir), .size = size};
	if (spool->fd >= 0)
		return LH_OK;
	lh_fail(ctx, LH_INVALID, "could not make a spool file in \"%s\": %s", dir,
			lh_errno_text(errno));
	lh_hint(ctx, "It has to be a directory in which files can be made.");
	return LH_INVALID;
}

void
lh_spool_close(LhSpool *spool)
{
	if (spool->fd >= 0)
		close(spool->fd);
	*spool = (LhSpool){.fd = -1};
}

static void
forget(LhSpool *spool)
{
	/* a failure leaves a long file, no more */
	if (ftruncate(spool->fd, 0) != 0)
		errno = 0;
	spool->begin = spool->end = spool->wrapped_at = 0;
}

bool
lh_spool_take(LhSpool *spool, uint64_t n, uint64_t *at)
{
	if (spool->fd < 0 || n > spool->size)
		return false;
	if (spool->wrapped_at == 0 && spool->size - spool->end < n)
	{
		if (spool->begin < n)
			return false;
		spool->wrapped_at = spool->end;
		spool->end = 0;
	}
	else if (spool->wrapped_at != 0 && spool->begin - spool->end < n)
		return false;
	*at = spool->end;
	spool->end += n;
	spool->live += n;
	spool->n++;
	return true;
}

void
lh_spool_untake(LhSpool *spool, uint64_t at, uint64_t n)
{
	spool->live -= n;
	if (--spool->n == 0)
	{
		forget(spool);
		return;
	}
	spool->end = at;
	if (at == 0 && spool->wrapped_at != 0)
	{
		spool->end = spool->wrapped_at;
		spool->wrapped_at = 0;
	}
}

void
lh_spool_release(LhSpool *spool, uint64_t at, uint64_t n)
{
	spool->live -= n;
	if (--spool->n == 0)
	{
		forget(spool);
		return;
	}
	spool->begin = at + n;
	if (spool->wrapped_at != 0 && spool->begin == spool->wrapped_at)
		spool->begin = spool->wrapped_at = 0;
}

LhStatus
lh_spool_write(LhCtx *ctx, const LhSpool *spool, uint64_t at, const void *bytes, size_t n,
			   bool *full)
{
	const uint8_t *p = bytes;

	*full = false;
	while (n > 0)
	{
		ssize_t done = pwrite(spool->fd, p, n < PIECE ? n : PIECE, (off_t) at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0 || (done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)))
		{
			*full = true;
			return LH_OK;
		}
		if (done < 0)
			LH_FAIL(ctx, LH_IO, "could not write to the spool file: %s", lh_errno_text(errno));
		p += done;
		at += (uint64_t) done;
		n -= (size_t) done;
	}
	return LH_OK;
}

LhStatus
lh_spool_read(LhCtx *ctx, const LhSpool *spool, uint64_t at, void *bytes, size_t n, uint32_t crc)
{
	uint8_t *p = bytes;
	uint64_t from = at;
	size_t left = n;

	while (left > 0)
	{
		ssize_t done = pread(spool->fd, p, left < PIECE ? left : PIECE, (off_t) from);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			LH_FAIL(ctx, LH_IO, "could not read the spool file: %s", lh_errno_text(errno));
		if (done == 0)
			break;
		p += done;
		from += (uint64_t) done;
		left -= (size_t) done;
	}
	if (left == 0 && lh_crc32_more(0, bytes, n) == crc)
		return LH_OK;
	/* the server still has it: what is put again is put from there */
	lh_fail(ctx, LH_IO, "the spool file does not hold what was written, %zu bytes at %llu", n,
			(unsigned long long) at);
	lh_hint(ctx, "Look at the disk, or choose another one by --spool.");
	return LH_IO;
}
