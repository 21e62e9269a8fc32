/*
 * keep_temp.c
 *		Preloaded into the server under attack: its temporary files are kept as they were when it
 *		removed them.
 *
 * A poller would miss files that live for a millisecond.  Here the removal itself makes another link of
 * the file, below $LH_KEEP_TEMP, so none is missed; log_temp_files tells the harness how many there were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
unlink(const char *path)
{
	static int (*next) (const char *);
	static atomic_uint count;
	const char *keep = getenv("LH_KEEP_TEMP");

	if (next == NULL)
		next = (int (*)(const char *)) dlsym(RTLD_NEXT, "unlink");
	if (keep != NULL && strstr(path, "pgsql_tmp/") != NULL)
	{
		char		copy[4096];
		int			saved = errno;

		if (snprintf(copy, sizeof(copy), "%s/%d.%u", keep, (int) getpid(), atomic_fetch_add(&count, 1)) < (int) sizeof(copy))
			if (link(path, copy) != 0)
				dprintf(2, "keep_temp: %s: %s\n", path, strerror(errno));
		errno = saved;
	}
	return next(path);
}
