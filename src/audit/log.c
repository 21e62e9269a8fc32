/*
 * log.c
 *		The log, for appending.
 *
 *	1. An entry is appended in memory: its line, its offset, and the nodes of the tree that it completes.
 *	2. A sync writes lines and syncs their file: from then on the entries are there, whatever happens.  Then offsets
 *	   and nodes are written, for readers; they follow from the lines, so they need no sync.
 *	3. The state (log_state.c) is saved before each checkpoint and each new segment.  It limits what a recovery
 *	   (log_recover.c) goes through.
 *	4. A checkpoint is signed when all of this is durable, and given away when it is, too.
 *
 * Only lines and notes grow in place.  Each write goes to a known place, so that it can be repeated.
 */
#include "audit/log_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Verifiers' texts that "public" holds at most. */
#define PUBLIC_MOST 65536

/*
 * Opening and closing
 */

/* The memory goes with the arena, too. */
static void
release(void *arg)
{
	LhAuditLog *log = arg;

	lh_audit_close_fd(&log->lines_fd);
	lh_audit_close_fd(&log->index_fd);
	lh_audit_close_fd(&log->notes_fd);
	lh_audit_close_fd(&log->read_fd);
	lh_audit_close_fd(&log->read_index_fd);
	for (int i = 0; i < LH_AUDIT_LEVELS; i++)
		lh_audit_close_fd(&log->node_fd[i]);
	lh_audit_close_fd(&log->dir);
	lh_audit_close_fd(&log->lock);
}

void
lh_audit_log_close(LhAuditLog *log)
{
	lh_arena_destroy(log->arena);
}

static LhStatus
make_log(LhCtx *ctx, LhArena *arena, const char *dir, bool writing, LhAuditLog **out)
{
	LhAuditLog *log;

	LH_NEW(ctx, log);
	*log = (LhAuditLog){.arena = arena,
						.writing = writing,
						.dir = -1,
						.lock = -1,
						.lines_fd = -1,
						.index_fd = -1,
						.notes_fd = -1,
						.read_fd = -1,
						.read_index_fd = -1,
						.saved = UINT64_MAX};
	for (int i = 0; i < LH_AUDIT_LEVELS; i++)
	{
		log->node_fd[i] = -1;
		LH_TRY(lh_buf_init(ctx, &log->nodes[i], false));
	}
	LH_TRY(lh_buf_init(ctx, &log->segments, false));
	LH_TRY(lh_buf_init(ctx, &log->lines, false));
	LH_TRY(lh_buf_init(ctx, &log->offsets, false));
	LH_TRY(lh_arena_on_reset(ctx, arena, release, log));
	if ((log->path = lh_strdup(ctx, dir)) == NULL)
		return ctx->error->code;
	log->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (log->dir < 0 && errno == ENOENT)
		LH_FAIL(ctx, LH_NOT_FOUND, "there is no audit log in \"%s\"", dir);
	if (log->dir < 0)
		return lh_audit_fail(ctx, log, "open", ".", errno);
	*out = log;
	return LH_OK;
}

/* In an arena of its own, for it may be closed before its caller's ends. */
LhStatus
lh_audit_log_begin(LhCtx *ctx, const char *dir, bool writing, LhAuditLog **out)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for an audit log");
	old = lh_use(ctx, arena);
	status = make_log(ctx, arena, dir, writing, out);
	lh_use(ctx, old);
	if (status != LH_OK)
		lh_arena_destroy(arena);
	return status;
}

/* Who holds the lock, as it says. */
static long
holder(int fd)
{
	char text[24] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static LhStatus
take_lock(LhCtx *ctx, LhAuditLog *log)
{
	char text[24];
	int n;

	LH_TRY(lh_audit_open(ctx, log, "lock", true, true, &log->lock));
	if (flock(log->lock, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno != EWOULDBLOCK)
			return lh_audit_fail(ctx, log, "lock", "lock", errno);
		LH_FAIL(ctx, LH_DENIED, "audit log \"%s\" is already written by process %ld", log->path,
				holder(log->lock));
	}
	/* for people only: nothing depends on it */
	n = snprintf(text, sizeof(text), "%ld\n", (long) getpid());
	if (ftruncate(log->lock, 0) == 0 && pwrite(log->lock, text, (size_t) n, 0) < 0)
		return lh_audit_fail(ctx, log, "write", "lock", errno);
	return LH_OK;
}

static LhStatus
check_options(LhCtx *ctx, const LhAuditLogOptions *o)
{
	/* a note's signature lines are told by their dash (notes.c) */
	if (o->origin.len == 0 || o->origin.len > LH_SIGN_NAME || !lh_audit_line_valid(o->origin) ||
		o->origin.data[0] >= 0x80 || memchr(o->origin.data, ' ', o->origin.len) != NULL)
		LH_FAIL(ctx, LH_INVALID,
				"the origin of an audit log is a name of 1 to %d bytes without blanks, such as "
				"\"example.com/audit\"",
				LH_SIGN_NAME);
	if (o->segment_bytes > LH_AUDIT_SEGMENT_MOST)
		LH_FAIL(ctx, LH_INVALID, "a segment of an audit log has at most %llu bytes",
				(unsigned long long) LH_AUDIT_SEGMENT_MOST);
	return LH_OK;
}

static LhStatus
set_options(LhCtx *ctx, LhAuditLog *log, const LhAuditLogOptions *o)
{
	LhArena *old = lh_use(ctx, log->arena);
	void *copy = lh_memdup(ctx, o->origin.data, o->origin.len);

	lh_use(ctx, old);
	if (copy == NULL)
		return ctx->error->code;
	log->origin = lh_slice(copy, o->origin.len);
	log->segment_bytes = o->segment_bytes != 0 ? o->segment_bytes : LH_AUDIT_SEGMENT_BYTES;
	return LH_OK;
}

static LhStatus
open_log(LhCtx *ctx, LhAuditLog *log, const LhAuditLogOptions *options)
{
	LH_TRY(set_options(ctx, log, options));
	LH_TRY(take_lock(ctx, log));
	return lh_audit_recover(ctx, log);
}

LhStatus
lh_audit_log_open(LhCtx *ctx, const char *dir, const LhAuditLogOptions *options, LhAuditLog **out)
{
	LhAuditLog *log;
	LhStatus status;

	LH_TRY(check_options(ctx, options));
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		LH_FAIL(ctx, LH_IO, "could not make directory \"%s\" of the audit log: %s", dir,
				lh_errno_text(errno));
	LH_TRY(lh_audit_log_begin(ctx, dir, true, &log));
	status = open_log(ctx, log, options);
	if (status != LH_OK)
		lh_audit_log_close(log);
	else
		*out = log;
	return status;
}

/*
 * Appending
 */

static LhStatus
check_whole(LhCtx *ctx, const LhAuditLog *log)
{
	if (!log->broken)
		return LH_OK;
	lh_fail(ctx, LH_IO, "a sync of audit log \"%s\" has failed before", log->path);
	lh_hint(ctx, "The log has to be opened anew.");
	return LH_IO;
}

/* Lines first: an entry is there when its line is. */
static LhStatus
sync_lines(LhCtx *ctx, LhAuditLog *log)
{
	char name[LH_AUDIT_NAME];

	if (log->lines.len == 0)
		return LH_OK;
	lh_audit_segment_name(log->segment, false, name);
	LH_TRY(lh_audit_write(ctx, log, log->lines_fd, name, lh_slice(log->lines.data, log->lines.len),
						  log->bytes));
	LH_TRY(lh_audit_sync(ctx, log, log->lines_fd, name));
	log->bytes += log->lines.len;
	log->lines.len = 0;
	log->synced = log->tree.size;
	return LH_OK;
}

LhStatus
lh_audit_log_settle(LhCtx *ctx, LhAuditLog *log)
{
	if (log->hashed == log->tree.size)
		return LH_OK;
	LH_TRY(lh_audit_index_write(ctx, log));
	LH_TRY(lh_audit_nodes_write(ctx, log));
	log->offsets.len = 0;
	log->hashed = log->tree.size;
	return LH_OK;
}

LhStatus
lh_audit_log_sync(LhCtx *ctx, LhAuditLog *log)
{
	LH_TRY(check_whole(ctx, log));
	LH_TRY(sync_lines(ctx, log));
	return lh_audit_log_settle(ctx, log);
}

/* A segment that is full ends with everything durable; the next one begins. */
static LhStatus
roll(LhCtx *ctx, LhAuditLog *log)
{
	LH_TRY(lh_audit_log_sync(ctx, log));
	LH_TRY(lh_audit_state_save(ctx, log));
	return lh_audit_segment_use(ctx, log, log->tree.size);
}

LhStatus
lh_audit_log_append(LhCtx *ctx, LhAuditLog *log, LhSlice line, uint64_t *number)
{
	uint64_t at;
	LhMerkleHash leaf;

	LH_TRY(check_whole(ctx, log));
	if (!lh_audit_line_valid(line))
		LH_FAIL(ctx, LH_INVALID,
				"a line of an audit log has 1 to %d bytes of UTF-8 without control characters",
				LH_AUDIT_LINE_MOST);
	if (log->bytes + log->lines.len >= log->segment_bytes)
		LH_TRY(roll(ctx, log));
	at = log->bytes + log->lines.len;
	LH_TRY(lh_buf_reserve(ctx, &log->lines, log->lines.len + line.len + 1));
	LH_TRY(lh_buf_reserve(ctx, &log->offsets, log->offsets.len + sizeof(at)));
	lh_merkle_leaf(line, &leaf);
	LH_TRY(lh_audit_nodes_add(ctx, log, &leaf));
	/* there is room: from here on nothing fails */
	memcpy(log->lines.data + log->lines.len, line.data, line.len);
	log->lines.data[log->lines.len + line.len] = '\n';
	log->lines.len += line.len + 1;
	memcpy(log->offsets.data + log->offsets.len, &at, sizeof(at));
	log->offsets.len += sizeof(at);
	if (number != NULL)
		*number = log->tree.size - 1;
	return LH_OK;
}

/*
 * Checkpoints
 */

/* Is a note of just this tree, by this key? */
static bool
says_the_same(LhCtx *ctx, const LhAuditLog *log, LhSlice note, LhVerifier *verifier)
{
	LhMerkleHash root;
	LhCheckpoint c;
	bool same;

	lh_merkle_root(&log->tree, &root);
	same = lh_checkpoint_open(ctx, log->path, note, verifier, log->origin, &c) == LH_OK &&
		   c.size == log->tree.size && memcmp(&c.root, &root, sizeof(root)) == 0;
	lh_error_clear(ctx);
	return same;
}

/* The verifier's text is in "public" before the first note that it verifies. */
static LhStatus
publish_key(LhCtx *ctx, LhAuditLog *log, const LhVerifier *verifier)
{
	const char *text = lh_verifier_text(ctx, verifier);
	size_t n = text != NULL ? strlen(text) : 0;
	LhSlice old, rest;
	bool there;
	LhBuf all;

	if (text == NULL)
		return ctx->error->code;
	LH_TRY(lh_audit_load(ctx, log, "public", PUBLIC_MOST, &there, &old));
	for (rest = old; rest.len > n; rest = lh_slice(rest.data + 1, rest.len - 1))
		if (rest.data[n] == '\n' && memcmp(rest.data, text, n) == 0)
			return LH_OK;
	LH_TRY(lh_buf_init(ctx, &all, false));
	LH_TRY(lh_buf_append(ctx, &all, old.data, old.len));
	LH_TRY(lh_buf_printf(ctx, &all, "%s\n", text));
	return lh_audit_replace(ctx, log, "public", lh_slice(all.data, all.len));
}

static LhStatus
sign_note(LhCtx *ctx, LhAuditLog *log, LhSigner *signer, LhSlice *note)
{
	LhCheckpoint c = {.origin = log->origin, .size = log->tree.size};
	LhBuf text;

	LH_TRY(lh_buf_init(ctx, &text, false));
	lh_merkle_root(&log->tree, &c.root);
	LH_TRY(lh_checkpoint_sign(ctx, signer, &c, &text));
	*note = lh_slice(text.data, text.len);
	return lh_audit_notes_add(ctx, log, *note);
}

static LhStatus
checkpoint(LhCtx *ctx, LhAuditLog *log, LhSigner *signer, LhSlice *note)
{
	LhVerifier *verifier;
	LhStatus status;

	LH_TRY(lh_audit_log_sync(ctx, log));
	LH_TRY(lh_audit_state_save(ctx, log));
	LH_TRY(lh_signer_verifier(ctx, signer, &verifier));
	status = lh_audit_notes_last(ctx, log, note);
	if (status == LH_OK && says_the_same(ctx, log, *note, verifier))
		return LH_OK;
	if (status != LH_OK && status != LH_NOT_FOUND)
		return status;
	lh_error_clear(ctx);
	LH_TRY(publish_key(ctx, log, verifier));
	return sign_note(ctx, log, signer, note);
}

LhStatus
lh_audit_log_checkpoint(LhCtx *ctx, LhAuditLog *log, LhSigner *signer, LhBuf *note)
{
	LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
	LhSlice text = {0};
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a checkpoint");
	lh_use(ctx, scratch);
	status = checkpoint(ctx, log, signer, &text);
	lh_use(ctx, keep);
	if (status == LH_OK && note != NULL)
		status = lh_buf_append(ctx, note, text.data, text.len);
	lh_arena_destroy(scratch);
	return status;
}
