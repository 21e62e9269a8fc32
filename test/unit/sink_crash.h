/*
 * sink_crash.h
 *		A disk that a test may stop at any step, and take the power from.
 *
 * The calls by which a sink changes a directory are ours here.  Each is a step: before
 * the step that was chosen (in the middle of it, for a write) the process is killed.
 * What was synced is noted in memory that outlives it, file by file and name by name, so
 * that crash_lose_power can do the worst that POSIX allows to the rest: bytes that
 * were not synced are cut off, names that were not are gone or are the old ones.
 */
#ifndef SINK_CRASH_H
#define SINK_CRASH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CRASH_FILES 4096

typedef struct CrashFile
{
	ino_t ino;
	off_t synced;
	char name[256]; /* durable, with its folder; empty: none is */
} CrashFile;

typedef struct Crash
{
	long left;    /* steps until the kill; 0: none */
	long steps;   /* since crash_arm */
	int nfiles;
	CrashFile files[CRASH_FILES];
} Crash;

static Crash *crash; /* NULL: calls are what they always are */
static const char *crash_dir;
static const char *const crash_folders[] = {"", "_schemas/"};

static inline void
crash_create(const char *dir)
{
	if (crash == NULL)
		crash = mmap(NULL, sizeof(Crash), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(crash, 0, sizeof(*crash));
	crash_dir = dir;
}

static inline void
crash_arm(long left)
{
	crash->left = left;
	crash->steps = 0;
}

static inline bool
crash_now(void)
{
	if (crash == NULL)
		return false;
	crash->steps++;
	return crash->left > 0 && --crash->left == 0;
}

static inline void
crash_step(void)
{
	if (crash_now())
		kill(getpid(), SIGKILL);
}

static inline CrashFile *
crash_file(ino_t ino)
{
	for (int i = 0; i < crash->nfiles; i++)
		if (crash->files[i].ino == ino)
			return &crash->files[i];
	if (crash->nfiles == CRASH_FILES)
		_exit(99);
	crash->files[crash->nfiles] = (CrashFile){.ino = ino};
	return &crash->files[crash->nfiles++];
}

/* A file is gone: its number may come again. */
static inline void
crash_forget(int dir, const char *name)
{
	struct stat st;

	if (crash != NULL && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*crash_file(st.st_ino) = (CrashFile){.ino = st.st_ino};
}

/* The names of a folder are durable now. */
static inline void
crash_sync_names(ino_t folder)
{
	for (int k = 0; k < 2; k++)
	{
		char path[512];
		struct dirent *e;
		struct stat st;
		DIR *d;

		snprintf(path, sizeof(path), "%s/%s", crash_dir, crash_folders[k]);
		if (stat(path, &st) != 0 || st.st_ino != folder || (d = opendir(path)) == NULL)
			continue;
		while ((e = readdir(d)) != NULL)
			if (e->d_type == DT_REG && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
				snprintf(crash_file(st.st_ino)->name, 256, "%s%.200s", crash_folders[k], e->d_name);
		closedir(d);
	}
}

static inline int
crash_sync(int fd, long call)
{
	struct stat st;
	int result;

	crash_step();
	result = (int) syscall(call, fd);
	if (crash == NULL || result != 0 || fstat(fd, &st) != 0)
		return result;
	if (S_ISDIR(st.st_mode))
		crash_sync_names(st.st_ino);
	else
		crash_file(st.st_ino)->synced = st.st_size;
	return result;
}

int
fsync(int fd)
{
	return crash_sync(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return crash_sync(fd, SYS_fdatasync);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (fd > 2 && crash_now())
	{
		syscall(SYS_write, fd, p, n / 2);
		kill(getpid(), SIGKILL);
	}
	return syscall(SYS_write, fd, p, n);
}

int
ftruncate(int fd, off_t n)
{
	struct stat st;

	crash_step();
	if (crash != NULL && fstat(fd, &st) == 0 && crash_file(st.st_ino)->synced > n)
		crash_file(st.st_ino)->synced = n;
	return (int) syscall(SYS_ftruncate, fd, n);
}

int
unlinkat(int dir, const char *name, int flags)
{
	crash_step();
	crash_forget(dir, name);
	return (int) syscall(SYS_unlinkat, dir, name, flags);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	struct stat st;
	bool replaces;

	crash_step();
	replaces = fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0;
	crash_forget(to_dir, to);
	/* what was replaced cannot be brought back here: then the new name counts as durable */
	if (crash != NULL && replaces && fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW) == 0)
		snprintf(crash_file(st.st_ino)->name, 256, "%.200s", to);
	return (int) syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	crash_step();
	return (int) syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int
openat(int dir, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (flags & O_CREAT)
	{
		va_start(args, flags);
		mode = (mode_t) va_arg(args, int);
		va_end(args);
		crash_step();
	}
	return (int) syscall(SYS_openat, dir, name, flags, mode);
}

/* All that is there is durable. */
static inline void
crash_settle(void)
{
	struct dirent *e;
	struct stat st;
	DIR *d;

	crash->nfiles = 0;
	for (int k = 0; k < 2; k++)
	{
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", crash_dir, crash_folders[k]);
		if (stat(path, &st) != 0 || (d = opendir(path)) == NULL)
			continue;
		crash_sync_names(st.st_ino);
		while ((e = readdir(d)) != NULL)
			if (e->d_type == DT_REG && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
				crash_file(st.st_ino)->synced = st.st_size;
		closedir(d);
	}
}

/* What the loss of power leaves; r chooses what happens to each file. */
static inline void
crash_lose_power(uint64_t r)
{
	Crash *was = crash;

	crash = NULL;
	for (int k = 0; k < 2; k++)
	{
		char path[256], old[600], now[600];
		struct dirent *e;
		struct stat st;
		DIR *d;

		snprintf(path, sizeof(path), "%s/%s", crash_dir, crash_folders[k]);
		if ((d = opendir(path)) == NULL)
			continue;
		while ((e = readdir(d)) != NULL)
		{
			CrashFile *f = NULL;

			if (e->d_type != DT_REG || strcmp(e->d_name, "_lock") == 0 ||
				fstatat(dirfd(d), e->d_name, &st, 0) != 0)
				continue;
			for (int i = 0; i < was->nfiles; i++)
				if (was->files[i].ino == st.st_ino)
					f = &was->files[i];
			r = r * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			snprintf(now, sizeof(now), "%s%.255s", path, e->d_name);
			if ((r >> 40 & 1) && st.st_size > (f == NULL ? 0 : f->synced) &&
				truncate(now, f == NULL ? 0 : f->synced) != 0)
				_exit(98);
			snprintf(old, sizeof(old), "%s/%s", crash_dir, f == NULL ? "" : f->name);
			if (!(r >> 41 & 1) || strcmp(now, old) == 0)
				continue;
			if (f == NULL || f->name[0] == '\0')
				unlink(now);
			else if (access(old, F_OK) != 0)
				rename(now, old);
		}
		closedir(d);
	}
	crash = was;
	crash_settle();
}

#endif
