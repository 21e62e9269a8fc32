/*
 * fuzz_file.h
 *		The file that all inputs of a process are written to, for targets that open
 *		objects.  It stays from one input to the next: making and removing it would cost
 *		more than reading it.
 */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline const char *
fuzz_path(void)
{
	static char path[64];

	if (path[0] == 0)
		snprintf(path, sizeof(path), "/dev/shm/lh_fuzz_%d", (int) getpid());
	return path;
}

static inline void
fuzz_unlink(void)
{
	unlink(fuzz_path());
}

/* These bytes and no more are in the file. */
static inline void
fuzz_put(const void *p, size_t n)
{
	static int fd = -1;

	if (fd < 0)
	{
		fd = open(fuzz_path(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
		atexit(fuzz_unlink);
	}
	if (fd < 0 || pwrite(fd, p, n, 0) != (ssize_t) n || ftruncate(fd, (off_t) n) != 0)
		abort();
}

#endif
