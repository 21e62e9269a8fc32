/*
 * files_schemas.c
 *		Texts of schemas beside the files of containers: "_schemas/NAME.avsc".
 *
 * NAME is the fingerprint, 16 hexadecimal digits.  A fingerprint tells nothing of
 * logical types, so two texts may have one: the second is kept with its CRC-32 behind
 * the fingerprint.  The manifest names the text that a file was written with.
 *
 * A text is kept, synced under its name, before the first file that needs it is begun.
 * It is never changed.
 */
#include "sink/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LhStatus
lh_files_schemas_open(LhCtx *ctx, LhFiles *s)
{
	if (mkdirat(s->dir, LH_FILES_SCHEMAS, 0750) != 0 && errno != EEXIST)
		return lh_files_fail(ctx, s, "create", LH_FILES_SCHEMAS);
	if (s->schemas < 0)
		s->schemas =
			openat(s->dir, LH_FILES_SCHEMAS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->schemas < 0)
		return lh_files_fail(ctx, s, "open", LH_FILES_SCHEMAS);
	/* what a crash left there under its name had its bytes synced: now its name is, too */
	LH_TRY(lh_files_sync(ctx, s, s->schemas, LH_FILES_SCHEMAS));
	return lh_files_sync(ctx, s, s->dir, ".");
}

static LhStatus
compare(LhCtx *ctx, const LhFiles *s, int fd, const char *file, LhSlice text, bool *same)
{
	uint8_t piece[4096];
	struct stat st;

	*same = false;
	if (fstat(fd, &st) != 0)
		return lh_files_fail(ctx, s, "look at", file);
	if (!S_ISREG(st.st_mode) || (uint64_t) st.st_size != text.len)
		return LH_OK;
	for (size_t at = 0; at < text.len; at += sizeof(piece))
	{
		size_t n = text.len - at < sizeof(piece) ? text.len - at : sizeof(piece);

		LH_TRY(lh_files_read(ctx, s, fd, file, (int64_t) at, n, piece));
		if (memcmp(piece, text.data + at, n) != 0)
			return LH_OK;
	}
	*same = true;
	return LH_OK;
}

/* Is this text there, another one, or none at all? */
static LhStatus
look_up(LhCtx *ctx, const LhFiles *s, const char *file, LhSlice text, bool *there, bool *same)
{
	int fd = openat(s->schemas, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	LhStatus status;

	*there = fd >= 0;
	*same = false;
	if (fd < 0)
		return errno == ENOENT ? LH_OK : lh_files_fail(ctx, s, "open", file);
	status = compare(ctx, s, fd, file, text, same);
	close(fd);
	return status;
}

static LhStatus
store(LhCtx *ctx, const LhFiles *s, const char *file, LhSlice text)
{
	const char *temp = LH_FILES_TEMP "schema";
	LhStatus status;
	int fd;

	fd = openat(s->schemas, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return lh_files_fail(ctx, s, "create", file);
	status = lh_files_write(ctx, s, fd, file, text.data, text.len);
	if (status == LH_OK)
		status = lh_files_sync(ctx, s, fd, file);
	close(fd);
	LH_TRY(status);
	if (renameat(s->schemas, temp, s->schemas, file) != 0)
		return lh_files_fail(ctx, s, "rename", file);
	return lh_files_sync(ctx, s, s->schemas, LH_FILES_SCHEMAS);
}

LhStatus
lh_files_schemas_keep(LhCtx *ctx, LhFiles *s, const LhSchema *schema, const char **name)
{
	bool there, same;
	char *file;
	size_t n;

	for (int second = 0; second <= 1; second++)
	{
		file = lh_sprintf(ctx, second ? "%016llx-%08x.avsc" : "%016llx.avsc",
						  (unsigned long long) schema->fingerprint,
						  lh_crc32(schema->text.data, schema->text.len));
		if (file == NULL)
			return ctx->error->code;
		LH_TRY(look_up(ctx, s, file, schema->text, &there, &same));
		if (there && !same)
			continue;
		if (!there)
			LH_TRY(store(ctx, s, file, schema->text));
		n = strlen(file) - strlen(".avsc");
		file[n] = '\0';
		*name = file;
		return LH_OK;
	}
	lh_fail(ctx, LH_CORRUPT, "\"%s/" LH_FILES_SCHEMAS "/%s\" is not the schema of its name",
			s->path, file);
	lh_hint(ctx, "Restore the directory as it was, or move this file away.");
	return LH_CORRUPT;
}
