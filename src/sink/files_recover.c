/*
 * files_recover.c
 *		The file sink after a start: what the journal says is made true again.
 *
 *	1. The journal's last good record is the position.
 *	2. A file that it calls open is cut back to the bytes recorded, checked by its
 *	   CRC, and finished; one that had already got its name is checked.
 *	   Where it is the row log of a Parquet file, the file is made first, and the
 *	   journal says so before anything gets its name.
 *	3. Other temporary files are removed: their messages come again.
 *	4. A finished file that begins beyond the position, the newest file missing or
 *	   changed, files without a journal: the directory is not what the sink
 *	   left behind, and that is an error, lest messages be lost or doubled.
 */
#include "sink/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE ((size_t) 1 << 20)

static LhStatus
damaged(LhCtx *ctx)
{
	lh_hint(ctx, "Restore the directory as it was, or start the stream anew in an empty one.");
	return ctx->error->code;
}

/* CRC-32 of the first n bytes. */
static LhStatus
file_crc(LhCtx *ctx, const LhFiles *s, int fd, const char *name, uint64_t n, uint32_t *crc)
{
	uint8_t *piece;
	uint64_t at = 0;

	LH_ALLOC(ctx, piece, READ_SIZE);
	*crc = 0;
	while (at < n)
	{
		size_t want = n - at < READ_SIZE ? (size_t) (n - at) : READ_SIZE;
		ssize_t got = pread(fd, piece, want, (off_t) at);

		LH_TRY(lh_poll(ctx));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lh_files_fail(ctx, s, "read", name);
		if (got == 0)
			LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\" became shorter while it was read", s->path, name);
		*crc = lh_crc32_more(*crc, piece, (size_t) got);
		at += (uint64_t) got;
	}
	return LH_OK;
}

/* The file has the bytes recorded; more only when it is still a temporary one. */
static LhStatus
check_file(LhCtx *ctx, const LhFiles *s, int fd, const char *name, const LhFilesEntry *e, bool temp)
{
	struct stat st;
	uint32_t crc = 0;

	if (fstat(fd, &st) != 0)
		return lh_files_fail(ctx, s, "look at", name);
	if (!S_ISREG(st.st_mode) || (uint64_t) st.st_size < e->bytes ||
		(!temp && (uint64_t) st.st_size > e->bytes))
	{
		lh_fail(ctx, LH_CORRUPT, "\"%s/%s\" has %lld bytes where %llu were recorded", s->path, name,
				(long long) st.st_size, (unsigned long long) e->bytes);
		return damaged(ctx);
	}
	LH_TRY(file_crc(ctx, s, fd, name, e->bytes, &crc));
	if (crc != e->crc)
	{
		lh_fail(ctx, LH_CORRUPT, "\"%s/%s\" has the CRC-32 %08x where %08x was recorded", s->path,
				name, crc, e->crc);
		return damaged(ctx);
	}
	return LH_OK;
}

/* A file under its own name.  required: it must be there. */
static LhStatus
check_finished(LhCtx *ctx, const LhFiles *s, const LhFilesEntry *e, bool required)
{
	int fd = openat(s->dir, e->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	LhStatus status;

	if (fd < 0 && errno == ENOENT && !required)
		return LH_OK;
	if (fd < 0 && errno == ENOENT)
	{
		lh_fail(ctx, LH_CORRUPT, "\"%s/%s\" is missing", s->path, e->name);
		lh_hint(ctx, "If its readers take files away, say so by the option verify=no.");
		return LH_CORRUPT;
	}
	if (fd < 0)
		return lh_files_fail(ctx, s, "open", e->name);
	status = check_file(ctx, s, fd, e->name, e, false);
	close(fd);
	return status;
}

static LhStatus
cut_back(LhCtx *ctx, const LhFiles *s, int fd, const char *temp, const LhFilesEntry *e)
{
	LH_TRY(check_file(ctx, s, fd, temp, e, true));
	if (ftruncate(fd, (off_t) e->bytes) != 0)
		return lh_files_fail(ctx, s, "shorten", temp);
	return lh_files_sync(ctx, s, fd, temp);
}

/* The Parquet files of row logs are made; *made: there were some. */
static LhStatus
make_files(LhCtx *ctx, LhFiles *s, LhFilesRecord *record, bool *made)
{
	*made = false;
	for (int i = 0; i < record->nopen; i++)
	{
		LhFilesEntry *e = &record->open[i];
		char log[256];
		LhStatus status;
		int fd;

		if (!e->log)
			continue;
		lh_files_growing_name(e, log);
		fd = openat(s->dir, log, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno == ENOENT)
		{
			lh_fail(ctx, LH_CORRUPT, "\"%s/%s\" is missing", s->path, log);
			return damaged(ctx);
		}
		if (fd < 0)
			return lh_files_fail(ctx, s, "open", log);
		status = cut_back(ctx, s, fd, log, e);
		close(fd);
		LH_TRY(status);
		LH_TRY(lh_files_parquet_make(ctx, s, e));
		*made = true;
	}
	return LH_OK;
}

static LhStatus
finish_open(LhCtx *ctx, const LhFiles *s, const LhFilesEntry *e)
{
	char temp[256];
	LhStatus status;
	int fd;

	lh_files_temp_name(e->name, temp);
	fd = openat(s->dir, temp, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return check_finished(ctx, s, e, s->verify);
	if (fd < 0)
		return lh_files_fail(ctx, s, "open", temp);
	status = cut_back(ctx, s, fd, temp, e);
	close(fd);
	LH_TRY(status);
	return lh_files_rename(ctx, s, e->name);
}

/* The position that a finished file's name begins with; false: the file is not ours. */
static bool
name_position(const char *name, LhChangePos *pos)
{
	for (int i = 0; i < 33; i++)
		if (i == 16 ? name[i] != '-' : lh_hex_digit((uint8_t) name[i]) < 0)
			return false;
	if (name[33] != '.' && name[33] != '-')
		return false;
	pos->commit_end = strtoull(name, NULL, 16);
	pos->ordinal = strtoull(name + 17, NULL, 16);
	return true;
}

static LhStatus
look_at_name(LhCtx *ctx, const LhFiles *s, const char *name, const LhChangePos *durable, bool sweep)
{
	LhChangePos first;

	if (strncmp(name, LH_FILES_TEMP, sizeof(LH_FILES_TEMP) - 1) == 0)
	{
		if (sweep && unlinkat(s->dir, name, 0) != 0 && errno != ENOENT)
			return lh_files_fail(ctx, s, "remove", name);
		return LH_OK;
	}
	if (!name_position(name, &first))
		return LH_OK;
	if (durable == NULL)
		lh_fail(ctx, LH_CORRUPT, "\"%s\" has the file \"%s\", but no position in \"%s\"", s->path,
				name, LH_FILES_JOURNAL);
	else if (lh_change_pos_compare(&first, durable) > 0)
		lh_fail(ctx, LH_CORRUPT, "\"%s/%s\" begins beyond the last position of \"%s\"", s->path,
				name, LH_FILES_JOURNAL);
	else
		return LH_OK;
	return damaged(ctx);
}

/* durable NULL: the sink is new.  sweep: remove temporary files. */
static LhStatus
look_at_directory(LhCtx *ctx, const LhFiles *s, const LhChangePos *durable, bool sweep)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	LhStatus status = LH_OK;
	struct dirent *d;

	if (dir == NULL)
	{
		if (fd >= 0)
			close(fd);
		return lh_files_fail(ctx, s, "list", ".");
	}
	while (status == LH_OK && (errno = 0, d = readdir(dir)) != NULL)
		status = look_at_name(ctx, s, d->d_name, durable, sweep);
	if (status == LH_OK && errno != 0)
		status = lh_files_fail(ctx, s, "list", ".");
	closedir(dir);
	return status;
}

static LhStatus
take_up(LhCtx *ctx, LhFiles *s, LhFilesRecord *record)
{
	bool made;

	if (strcmp(record->stream, s->stream) != 0)
	{
		lh_fail(ctx, LH_MISMATCH, "\"%s\" holds the stream \"%s\", not \"%s\"", s->path,
				record->stream, s->stream);
		lh_hint(ctx, "Give each stream a directory of its own.");
		return LH_MISMATCH;
	}
	/* first all that only looks, so that a damaged directory stays as it is */
	if (record->newest.name != NULL && s->verify)
		LH_TRY(check_finished(ctx, s, &record->newest, true));
	LH_TRY(look_at_directory(ctx, s, &record->pos, false));
	s->at = record->pos;
	if (record->newest.name != NULL)
		lh_files_set_newest(s, &record->newest);
	LH_TRY(make_files(ctx, s, record, &made));
	if (made)
	{
		LH_TRY(lh_files_sync(ctx, s, s->dir, "."));
		LH_TRY(lh_files_journal_rewrite(ctx, s, record->open, record->nopen));
	}
	for (int i = 0; i < record->nopen; i++)
		LH_TRY(finish_open(ctx, s, &record->open[i]));
	LH_TRY(look_at_directory(ctx, s, &record->pos, true));
	LH_TRY(lh_files_sync(ctx, s, s->dir, "."));
	LH_TRY(lh_files_manifest_open(ctx, s, record));

	if (record->nopen > 0)
		lh_files_set_newest(s, &record->open[record->nopen - 1]);
	return lh_files_journal_rewrite(ctx, s, NULL, 0);
}

LhStatus
lh_files_recover(LhCtx *ctx, LhFiles *s, LhChangePos *durable, bool *known)
{
	LhArena *work = lh_arena_child(s->arena), *old;
	LhFilesRecord *record;
	LhStatus status;

	if (work == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_files_drop_all(s);
	s->newest.name = NULL;
	s->at = (LhChangePos){0};
	*durable = (LhChangePos){0};
	*known = false;
	old = lh_use(ctx, work);
	record = lh_alloc0(ctx, sizeof(*record));
	status = record == NULL ? ctx->error->code : lh_files_journal_read(ctx, s, record, known);
	if (status == LH_OK && *known)
		status = take_up(ctx, s, record);
	else if (status == LH_OK)
	{
		status = look_at_directory(ctx, s, NULL, true);
		if (status == LH_OK)
			status = lh_files_manifest_open(ctx, s, record);
	}
	if (status == LH_OK && s->container != LH_FILES_PLAIN)
		status = lh_files_schemas_open(ctx, s);
	if (status == LH_OK && *known)
		*durable = record->pos;
	lh_use(ctx, old);
	lh_arena_destroy(work);
	return status;
}
