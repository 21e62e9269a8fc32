/*
 * notes.c
 *		The file of checkpoints.
 *
 * Each is a note as in sign.h, lines, an empty line and signature lines, followed by an empty line.  It is only
 * appended to.  A crash may leave a torn note at its end, which nobody was given yet.
 */
#include "audit/log_internal.h"

#include "crypto/base64.h"

static const char file[] = "checkpoints";
static const char dash[] = "\xe2\x80\x94 ";
/* The newest note is looked for at the end, then everywhere. */
#define TAIL ((size_t) 2 * LH_NOTE_MOST)
#define MOST ((uint64_t) 1 << 32)

/* Behind the next empty line; false: there is none. */
static bool
block_end(LhSlice s, size_t *end)
{
	for (size_t at = 0; at + 1 < s.len; at++)
	{
		const uint8_t *p = memchr(s.data + at, '\n', s.len - at - 1);

		if (p == NULL)
			return false;
		at = (size_t) (p - s.data);
		if (p[1] == '\n')
		{
			*end = at + 2;
			return true;
		}
	}
	return false;
}

bool
lh_audit_note_next(LhSlice *rest, LhSlice *note)
{
	size_t text, signatures;

	if (!block_end(*rest, &text))
		return false;
	if (!block_end(lh_slice(rest->data + text, rest->len - text), &signatures))
		return false;
	*note = lh_slice(rest->data, text + signatures - 1);
	*rest = lh_slice(rest->data + text + signatures, rest->len - text - signatures);
	return true;
}

static bool
take_line(LhSlice *rest, LhSlice *line)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;

	if (end == NULL)
		return false;
	*line = lh_slice(rest->data, (size_t) (end - rest->data));
	*rest = lh_slice(end + 1, rest->len - line->len - 1);
	return true;
}

bool
lh_audit_note_peek(LhSlice note, LhSlice *origin, uint64_t *size, LhMerkleHash *root)
{
	uint8_t bytes[LH_BASE64_BYTES(LH_BASE64_TEXT(LH_SHA256))];
	LhSlice number, hash;
	size_t n;

	if (!take_line(&note, origin) || !take_line(&note, &number) || !take_line(&note, &hash))
		return false;
	if (number.len == 0 || number.len > 19 || hash.len != LH_BASE64_TEXT(LH_SHA256) ||
		!lh_base64_decode(LH_BASE64_STANDARD, (const char *) hash.data, hash.len, bytes, &n) ||
		n != LH_SHA256)
		return false;
	*size = 0;
	for (size_t i = 0; i < number.len; i++)
	{
		if (number.data[i] < '0' || number.data[i] > '9')
			return false;
		*size = *size * 10 + (uint64_t) (number.data[i] - '0');
	}
	memcpy(root->b, bytes, LH_SHA256);
	return *size <= LH_MERKLE_MOST;
}

/* Bytes from the middle of a file: to the beginning of the first note that is whole. */
static LhSlice
skip_part(LhSlice s)
{
	size_t end;

	while (block_end(s, &end))
	{
		bool signatures;

		s = lh_slice(s.data + end, s.len - end);
		signatures = s.len >= sizeof(dash) - 1 && memcmp(s.data, dash, sizeof(dash) - 1) == 0;
		if (signatures && block_end(s, &end))
			return lh_slice(s.data + end, s.len - end);
	}
	return (LhSlice){0};
}

/* Bytes of the file from a place on. */
static LhStatus
load_from(LhCtx *ctx, LhAuditLog *log, uint64_t from, uint64_t to, LhSlice *out)
{
	uint8_t *p;
	size_t n;

	if (to - from > MOST)
		LH_FAIL(ctx, LH_LIMIT, "\"%s/%s\" of the audit log has more than %llu bytes", log->path,
				file, (unsigned long long) MOST);
	LH_ALLOC(ctx, p, (size_t) (to - from) + 1);
	LH_TRY(lh_audit_read_at(ctx, log, log->notes_fd, file, p, (size_t) (to - from), from, &n));
	*out = lh_slice(p, n);
	return LH_OK;
}

/* The last note of these bytes that covers at most so many entries; *behind: where it ends. */
static bool
last_of(LhSlice rest, uint64_t most, LhSlice *note, const uint8_t **behind)
{
	LhSlice next, origin;
	LhMerkleHash root;
	bool found = false;
	uint64_t size;

	*behind = rest.data;
	while (lh_audit_note_next(&rest, &next))
	{
		*behind = rest.data;
		if (!lh_audit_note_peek(next, &origin, &size, &root) || size > most)
			continue;
		*note = next;
		found = true;
	}
	return found;
}

bool
lh_audit_notes_end(LhSlice all, bool from_start, LhSlice *last, size_t *end)
{
	LhSlice rest = from_start ? all : skip_part(all);
	const uint8_t *behind;

	if (rest.len == 0 || !last_of(rest, UINT64_MAX, last, &behind))
		return false;
	*end = (size_t) (behind - all.data);
	return true;
}

static LhStatus
open_notes(LhCtx *ctx, LhAuditLog *log, uint64_t *bytes)
{
	if (log->notes_fd < 0)
		LH_TRY(lh_audit_open(ctx, log, file, log->writing, log->writing, &log->notes_fd));
	return lh_audit_file_size(ctx, log, log->notes_fd, file, bytes);
}

static LhStatus
find_note(LhCtx *ctx, LhAuditLog *log, uint64_t most, LhSlice *note, uint64_t *end)
{
	const uint8_t *behind;
	uint64_t bytes;
	LhSlice all = {0};

	*end = 0;
	LH_TRY(open_notes(ctx, log, &bytes));
	if (bytes > TAIL && most == UINT64_MAX)
	{
		LhSlice tail;

		LH_TRY(load_from(ctx, log, bytes - TAIL, bytes, &all));
		tail = skip_part(all);
		if (tail.len > 0 && last_of(tail, most, note, &behind))
		{
			*end = bytes - TAIL + (uint64_t) (behind - all.data);
			return LH_OK;
		}
	}
	LH_TRY(load_from(ctx, log, 0, bytes, &all));
	if (!last_of(all, most, note, &behind))
		LH_FAIL(ctx, LH_NOT_FOUND, "audit log \"%s\" has no such checkpoint", log->path);
	*end = (uint64_t) (behind - all.data);
	return LH_OK;
}

LhStatus
lh_audit_notes_last(LhCtx *ctx, LhAuditLog *log, LhSlice *note)
{
	uint64_t end;
	LhStatus status = find_note(ctx, log, UINT64_MAX, note, &end);

	if (status == LH_OK || status == LH_NOT_FOUND)
		log->notes_bytes = end;
	return status;
}

LhStatus
lh_audit_log_note(LhCtx *ctx, LhAuditLog *log, uint64_t size, LhSlice *note)
{
	uint64_t end;

	return find_note(ctx, log, size, note, &end);
}

LhStatus
lh_audit_notes_add(LhCtx *ctx, LhAuditLog *log, LhSlice note)
{
	uint64_t bytes;
	LhBuf text;

	LH_TRY(open_notes(ctx, log, &bytes));
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_buf_append(ctx, &text, note.data, note.len));
	LH_TRY(lh_buf_putc(ctx, &text, '\n'));
	LH_TRY(lh_audit_cut(ctx, log, log->notes_fd, file, log->notes_bytes));
	LH_TRY(lh_audit_write(ctx, log, log->notes_fd, file, lh_slice(text.data, text.len),
						  log->notes_bytes));
	LH_TRY(lh_audit_sync(ctx, log, log->notes_fd, file));
	if (log->entered)
		LH_TRY(lh_audit_sync_dir(ctx, log));
	log->notes_bytes += text.len;
	return LH_OK;
}
