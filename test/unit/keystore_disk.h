/*
 * keystore_disk.h
 *		A disk that a test may stop at any step of a key store, and take the power from.
 *
 * The calls by which a store changes its directory are ours here.  Each is a step: before the step that was chosen the
 * process is killed.  Each notes how it is undone in memory that outlives the process, until what it did is synced: bytes by a sync of the
 * file, names by a sync of their directory.  disk_lose_power then undoes any of what is left, chosen by chance: an operating system may
 * have written some of it and not the rest, in any order.  A write into one sector happens or does not; a longer one, or one that makes a
 * file longer, may be cut.
 *
 * Files that have lost their names keep one in the directory "undo": what a test finds in there is on the disk, in blocks that
 * nothing leads to.  Instead of the kill a step can fail, as on a full or broken disk, and that may be the first of many; or the process
 * can be stopped, so that another comes between.
 */
#ifndef KEYSTORE_DISK_H
#define KEYSTORE_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DISK_NOTES 256
#define DISK_BYTES 512
#define DISK_PATH  300

typedef enum DiskWhat
{
	DISK_NOTHING,
	DISK_BYTES_CHANGED,
	DISK_NAME_MADE,
	DISK_NAME_GONE
} DiskWhat;

typedef struct DiskNote
{
	DiskWhat what;
	ino_t ino;            /* of the file, or of the name's directory */
	char path[DISK_PATH]; /* of the name */
	char kept[DISK_PATH]; /* NAME_GONE: another name of the file */
	off_t at, old_size;
	size_t len;
	uint8_t old[DISK_BYTES];
} DiskNote;

typedef enum DiskFault
{
	DISK_KILL,
	DISK_STOP,
	DISK_FAIL, /* this step, with EIO; of a write the half is done */
	DISK_FULL  /* this step and all after it that need space, with ENOSPC */
} DiskFault;

typedef struct Disk
{
	long left; /* steps until the fault; 0: none */
	long steps;
	DiskFault fault;
	bool full;
	int n, kept;
	DiskNote notes[DISK_NOTES];
} Disk;

static Disk *disk;                /* NULL: calls are what they always are */
static char disk_undo[DISK_PATH]; /* a directory on the same file system */

static inline void
disk_create(const char *undo)
{
	if (disk == NULL)
		disk = mmap(NULL, sizeof(Disk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(disk, 0, sizeof(*disk));
	snprintf(disk_undo, sizeof(disk_undo), "%s", undo);
}

/* Does this step fail?  errno says how. */
static inline bool
disk_step(bool grows)
{
	bool now = disk != NULL && disk->left > 0 && --disk->left == 0;

	if (disk == NULL)
		return false;
	disk->steps++;
	if (now && disk->fault <= DISK_STOP)
		kill(getpid(), disk->fault == DISK_KILL ? SIGKILL : SIGSTOP);
	disk->full |= now && disk->fault == DISK_FULL;
	errno = disk->full ? ENOSPC : EIO;
	return (now && disk->fault == DISK_FAIL) || (disk->full && grows);
}

static inline DiskNote *
disk_note(DiskWhat what, ino_t ino)
{
	if (disk->n == DISK_NOTES)
		_exit(98);
	disk->notes[disk->n] = (DiskNote){.what = what, .ino = ino};
	return &disk->notes[disk->n++];
}

static inline void
disk_path(int fd, const char *name, char out[DISK_PATH])
{
	char link[64], dir[DISK_PATH - 64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, dir, sizeof(dir) - 1);
	dir[n > 0 ? n : 0] = '\0';
	snprintf(out, DISK_PATH, "%s/%.60s", dir, name);
}

static inline ino_t
disk_ino(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static inline void
disk_note_made(int dir, const char *name)
{
	DiskNote *n = disk_note(DISK_NAME_MADE, disk_ino(dir));

	disk_path(dir, name, n->path);
}

static inline void
disk_note_gone(int dir, const char *name)
{
	DiskNote *n = disk_note(DISK_NAME_GONE, disk_ino(dir));

	disk_path(dir, name, n->path);
	snprintf(n->kept, DISK_PATH, "%.200s/%d", disk_undo, disk->kept++);
	if (syscall(SYS_linkat, dir, name, AT_FDCWD, n->kept, 0) != 0)
		_exit(97);
}

static inline void
disk_note_bytes(int fd, off_t at, size_t len)
{
	DiskNote *n = disk_note(DISK_BYTES_CHANGED, disk_ino(fd));
	char path[64];
	struct stat st;
	int in;

	if (len > DISK_BYTES || fstat(fd, &st) != 0)
		_exit(96);
	n->at = at;
	n->len = len;
	n->old_size = st.st_size;
	/* the descriptor may be for writing only */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	in = (int) syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (in < 0 || pread(in, n->old, len, at) < 0)
		_exit(95);
	close(in);
}

/* ---- the calls ---- */

int
fsync(int fd)
{
	int result;

	if (disk_step(false))
		return -1;
	result = (int) syscall(SYS_fsync, fd);
	for (int i = 0; disk != NULL && result == 0 && i < disk->n; i++)
		if (disk->notes[i].ino == disk_ino(fd))
			disk->notes[i].what = DISK_NOTHING;
	return result;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	struct stat st;
	bool grows = disk != NULL && fstat(fd, &st) == 0 && at + (off_t) n > st.st_size;
	bool fails = disk_step(grows);
	int err = errno;

	if (disk != NULL)
		disk_note_bytes(fd, at, n);
	if (!fails)
		return syscall(SYS_pwrite64, fd, p, n, at);
	if (!disk->full)
		(void) syscall(SYS_pwrite64, fd, p, n / 2, at);
	errno = err;
	return -1;
}

int
ftruncate(int fd, off_t size)
{
	struct stat st;

	if (disk_step(false))
		return -1;
	if (disk != NULL && fstat(fd, &st) == 0 && st.st_size > size)
		disk_note_bytes(fd, size, (size_t) (st.st_size - size));
	return (int) syscall(SYS_ftruncate, fd, size);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	int result;

	if (disk_step(true))
		return -1;
	result = (int) syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	if (disk != NULL && result == 0)
		disk_note_made(to_dir, to);
	return result;
}

int
unlinkat(int dir, const char *name, int flags)
{
	if (disk_step(false))
		return -1;
	if (disk != NULL)
		disk_note_gone(dir, name);
	return (int) syscall(SYS_unlinkat, dir, name, flags);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (disk_step(false))
		return -1;
	if (disk != NULL)
	{
		disk_note_gone(from_dir, from);
		disk_note_gone(to_dir, to);
	}
	return (int) syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int
mkdirat(int dir, const char *name, mode_t mode)
{
	int result;

	if (disk != NULL && faccessat(dir, name, F_OK, 0) == 0)
	{
		errno = EEXIST;
		return -1;
	}
	if (disk_step(true))
		return -1;
	result = (int) syscall(SYS_mkdirat, dir, name, mode);
	if (disk != NULL && result == 0)
		disk_note_made(dir, name);
	return result;
}

int
openat(int dir, const char *name, int flags, ...)
{
	struct stat st;
	mode_t mode = 0;
	va_list args;
	bool makes;
	int fd;

	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	makes =
		disk != NULL && (flags & O_CREAT) != 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0;
	if (makes && disk_step(true))
		return -1;
	fd = (int) syscall(SYS_openat, dir, name, flags, mode);
	if (makes && fd >= 0)
		disk_note_made(dir, name);
	return fd;
}

/* ---- the end of the power ---- */

static ino_t disk_wanted;
static char disk_found[DISK_PATH];

static int
disk_look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) type;
	(void) ftw;
	if (st->st_ino == disk_wanted)
		snprintf(disk_found, sizeof(disk_found), "%s", path);
	return 0;
}

static inline void
disk_undo_bytes(const DiskNote *n, const char *root)
{
	off_t size = n->old_size;
	int fd;

	disk_wanted = n->ino;
	disk_found[0] = '\0';
	nftw(root, disk_look, 16, FTW_PHYS);
	if (disk_found[0] == '\0')
		nftw(disk_undo, disk_look, 16, FTW_PHYS);
	if (disk_found[0] == '\0' || (fd = open(disk_found, O_RDWR)) < 0)
		return;
	/* what it was longer by may be there in part */
	if (n->at + (off_t) n->len > size && rand() % 2 == 0)
		size = n->at + rand() % (off_t) (n->len + 1);
	if (n->at < n->old_size && syscall(SYS_pwrite64, fd, n->old, n->len, n->at) < 0)
		abort();
	if (syscall(SYS_ftruncate, fd, size > n->old_size ? size : n->old_size) != 0)
		abort();
	close(fd);
}

static inline void
disk_undo_one(const DiskNote *n, const char *root)
{
	switch (n->what)
	{
		case DISK_NAME_MADE:
			if (unlink(n->path) != 0)
			{
				char gone[DISK_PATH];

				/* a directory that nobody finds any more, with all that is in it */
				snprintf(gone, sizeof(gone), "%.200s/%d", disk_undo, disk->kept++);
				(void) rename(n->path, gone);
			}
			break;
		case DISK_NAME_GONE:
			(void) unlink(n->path);
			(void) syscall(SYS_linkat, AT_FDCWD, n->kept, AT_FDCWD, n->path, 0);
			break;
		case DISK_BYTES_CHANGED: disk_undo_bytes(n, root); break;
		case DISK_NOTHING: break;
	}
}

/* Undo each note with this chance of a hundred, the last first; then nothing is noted any more.  In "undo" stays what has no name. */
static inline void
disk_lose_power(const char *root, int chance)
{
	for (int i = disk->n - 1; i >= 0; i--)
		if (rand() % 100 < chance)
			disk_undo_one(&disk->notes[i], root);
	for (int i = 0; i < disk->kept; i++)
	{
		char path[DISK_PATH];
		struct stat st;

		snprintf(path, sizeof(path), "%.200s/%d", disk_undo, i);
		if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		disk_wanted = st.st_ino;
		disk_found[0] = '\0';
		nftw(root, disk_look, 16, FTW_PHYS);
		if (disk_found[0] != '\0')
			(void) unlink(path);
	}
	disk->n = 0;
	disk->left = 0;
}

#endif
