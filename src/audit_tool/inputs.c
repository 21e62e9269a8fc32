/*
 * inputs.c
 *		Keys, checkpoints and files that are named on the command line.
 */
#include "audit_tool/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_internal.h"

#define MOST ((size_t) 1 << 30)

LhStatus
tool_need(LhCtx *ctx, const char *option, const char *value)
{
	if (value == NULL)
		LH_FAIL(ctx, LH_INVALID, "option --%s is needed", option);
	return LH_OK;
}

LhStatus
tool_number(LhCtx *ctx, const char *option, const char *text, uint64_t *out)
{
	*out = 0;
	for (const char *p = text; *p != '\0'; p++)
	{
		if (*p < '0' || *p > '9' || *out > LH_MERKLE_MOST / 10 - 1)
			LH_FAIL(ctx, LH_INVALID, "option --%s is a number, not \"%s\"", option, text);
		*out = *out * 10 + (uint64_t) (*p - '0');
	}
	if (text[0] == '\0')
		LH_FAIL(ctx, LH_INVALID, "option --%s is a number", option);
	return LH_OK;
}

LhStatus
tool_read(LhCtx *ctx, const char *path, LhSlice *out)
{
	int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	LhStatus status = LH_OK;
	ssize_t n = 1;
	LhBuf bytes;

	if (fd < 0)
		LH_FAIL(ctx, LH_IO, "could not open \"%s\": %s", path, lh_errno_text(errno));
	LH_TRY(lh_buf_init(ctx, &bytes, false));
	while (status == LH_OK && n > 0)
	{
		status = lh_buf_reserve(ctx, &bytes, bytes.len + 65536);
		if (status != LH_OK)
			break;
		n = read(fd, bytes.data + bytes.len, 65536);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			status = lh_fail(ctx, LH_IO, "could not read \"%s\": %s", path, lh_errno_text(errno));
		else
			bytes.len += (size_t) n;
		if (bytes.len > MOST)
			status = lh_fail(ctx, LH_LIMIT, "\"%s\" is too large", path);
	}
	close(fd);
	*out = lh_slice(bytes.data, bytes.len);
	return status;
}

/* A public text, or a file with one on each line. */
static LhStatus
take_key(LhCtx *ctx, const char *text, ToolTrust *out)
{
	LhSlice all = lh_slice(text, strlen(text));

	if (strchr(text, '+') == NULL || access(text, R_OK) == 0)
		LH_TRY(tool_read(ctx, text, &all));
	while (all.len > 0)
	{
		const uint8_t *end = memchr(all.data, '\n', all.len);
		size_t n = end != NULL ? (size_t) (end - all.data) : all.len;

		if (out->nverifiers == TOOL_MOST)
			LH_FAIL(ctx, LH_LIMIT, "there are more than %d keys", TOOL_MOST);
		LH_TRY(lh_verifier_parse(ctx, lh_slice(all.data, n), &out->verifiers[out->nverifiers++]));
		all = lh_slice(all.data + n, all.len - n);
		if (all.len > 0)
			all = lh_slice(all.data + 1, all.len - 1);
	}
	return LH_OK;
}

/* Notes of a file: one, or several with an empty line behind each. */
static LhStatus
take_notes(LhCtx *ctx, const char *path, LhBuf *notes)
{
	size_t before = notes->len;
	LhSlice all, note;
	uint8_t *copy;

	LH_TRY(tool_read(ctx, path, &all));
	/* a note alone has no empty line behind it */
	LH_ALLOC(ctx, copy, all.len + 1);
	memcpy(copy, all.data, all.len);
	copy[all.len] = '\n';
	all = lh_slice(copy, all.len + 1);
	while (lh_audit_note_next(&all, &note))
		LH_TRY(lh_buf_append(ctx, notes, &note, sizeof(note)));
	if (notes->len == before || all.len > 1)
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is no file of checkpoints", path);
	return LH_OK;
}

static LhStatus
take_directory(LhCtx *ctx, const char *path, LhBuf *notes)
{
	static const char end[] = ".checkpoint";
	DIR *list = opendir(path);
	LhStatus status = LH_OK;
	struct dirent *e;

	if (list == NULL)
		LH_FAIL(ctx, LH_IO, "could not open \"%s\": %s", path, lh_errno_text(errno));
	while (status == LH_OK && (e = readdir(list)) != NULL)
	{
		size_t n = strlen(e->d_name);

		if (n > sizeof(end) - 1 && strcmp(e->d_name + n - (sizeof(end) - 1), end) == 0)
			status = take_notes(ctx, lh_sprintf(ctx, "%s/%s", path, e->d_name), notes);
	}
	closedir(list);
	return status;
}

LhStatus
tool_trust(LhCtx *ctx, const ToolOptions *o, LhAuditLog *log, ToolTrust *out)
{
	LhMerkleHash root;
	struct stat st;
	uint64_t size;
	LhSlice note;
	LhBuf notes;

	*out = (ToolTrust){0};
	LH_TRY(tool_need(ctx, "key", o->nkeys > 0 ? o->keys[0] : NULL));
	for (int i = 0; i < o->nkeys; i++)
		LH_TRY(take_key(ctx, o->keys[i], out));
	LH_TRY(lh_buf_init(ctx, &notes, false));
	for (int i = 0; i < o->ncheckpoints; i++)
		if (stat(o->checkpoints[i], &st) == 0 && S_ISDIR(st.st_mode))
			LH_TRY(take_directory(ctx, o->checkpoints[i], &notes));
		else
			LH_TRY(take_notes(ctx, o->checkpoints[i], &notes));
	out->notes = (LhSlice *) notes.data;
	out->nnotes = (int) (notes.len / sizeof(LhSlice));
	if (o->origin != NULL)
		out->origin = lh_slice(o->origin, strlen(o->origin));
	else if (out->nnotes > 0)
		(void) lh_audit_note_peek(out->notes[0], &out->origin, &size, &root);
	else if (log != NULL && lh_audit_log_note(ctx, log, UINT64_MAX, &note) == LH_OK)
		(void) lh_audit_note_peek(note, &out->origin, &size, &root);
	lh_error_clear(ctx);
	return LH_OK;
}
