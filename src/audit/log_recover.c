/*
 * log_recover.c
 *		What a crash left, put in order before the first append.
 *
 *	1. The state says what is durable.  Without one the log is new, or everything is made from its lines.
 *	2. Lines behind it are read on: whole ones are entries.  At the first that is none (torn, or never written: zeros)
 *	   the log ends.  What follows was never said to be durable; it is kept in a file of its own.
 *	3. If lines are missing that the state or the newest checkpoint covers, or the tree at that checkpoint has
 *	   another root, somebody changed the log: it is refused, and nothing of it was changed by us.
 *	4. Lines behind the state are written and synced again: a sync of theirs may have failed, after which a cache says
 *	   nothing.  Hashes and offsets are written again, too.
 */
#include "audit/log_internal.h"

#include <errno.h>
#include <stdio.h>

/* A segment has at most its limit and one more line; hostile ones are not read into memory. */
#define SEGMENT_MOST (LH_AUDIT_SEGMENT_MOST + LH_AUDIT_LINE_MOST + 1)

/* What was read of the last segment. */
typedef struct Tail
{
	LhSlice bytes; /* from "from" on to the end of the file */
	uint64_t from;
	size_t whole; /* bytes of whole lines */
} Tail;

static LhStatus
refuse(LhCtx *ctx, const LhAuditLog *log, const char *why, uint64_t a, uint64_t b)
{
	lh_fail(ctx, LH_CORRUPT, "audit log \"%s\" %s", log->path, why);
	lh_detail(ctx, "Expected: %llu, found: %llu.", (unsigned long long) a, (unsigned long long) b);
	lh_hint(
		ctx,
		"Something else than a crash changed it.  Keep the directory and its checkpoints as they "
		"are, and begin a new log in another one.");
	return LH_CORRUPT;
}

/* Whole lines become entries; those before the state's size only give their offsets. */
static LhStatus
take_lines(LhCtx *ctx, LhAuditLog *log, uint64_t number, Tail *tail)
{
	LhSlice rest = tail->bytes;
	LhMerkleHash leaf;
	int n = 0;

	for (;;)
	{
		const uint8_t *end = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;
		uint64_t at = tail->from + tail->whole;
		LhSlice line = lh_slice(rest.data, end != NULL ? (size_t) (end - rest.data) : 0);

		if (end == NULL || !lh_audit_line_valid(line))
			return LH_OK;
		if (++n % 4096 == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(lh_buf_append(ctx, &log->offsets, &at, sizeof(at)));
		if (number >= log->tree.size)
		{
			lh_merkle_leaf(line, &leaf);
			LH_TRY(lh_audit_nodes_add(ctx, log, &leaf));
		}
		number++;
		tail->whole += line.len + 1;
		rest = lh_slice(end + 1, rest.len - line.len - 1);
	}
}

/* Bytes of the segment in use, from a place on. */
static LhStatus
read_tail(LhCtx *ctx, LhAuditLog *log, uint64_t from, Tail *tail)
{
	char name[LH_AUDIT_NAME];
	uint64_t size;
	uint8_t *p;
	size_t n;

	lh_audit_segment_name(log->segment, false, name);
	LH_TRY(lh_audit_file_size(ctx, log, log->lines_fd, name, &size));
	if (size < from)
		return refuse(ctx, log, "has lost lines that its state covers (bytes of a segment)", from,
					  size);
	if (size > SEGMENT_MOST)
		LH_FAIL(ctx, LH_LIMIT, "\"%s/%s\" of the audit log has %llu bytes, above the limit of %llu",
				log->path, name, (unsigned long long) size, (unsigned long long) SEGMENT_MOST);
	LH_ALLOC(ctx, p, (size_t) (size - from) + 1);
	LH_TRY(lh_audit_read_at(ctx, log, log->lines_fd, name, p, (size_t) (size - from), from, &n));
	*tail = (Tail){.bytes = lh_slice(p, n), .from = from};
	return LH_OK;
}

/* The newest checkpoint covers a beginning of the log. */
static LhStatus
check_note(LhCtx *ctx, LhAuditLog *log)
{
	LhMerkleHash root, signed_root;
	LhStatus status;
	LhSlice note, origin;
	uint64_t size;

	status = lh_audit_notes_last(ctx, log, &note);
	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	if (!lh_audit_note_peek(note, &origin, &size, &signed_root))
		LH_FAIL(ctx, LH_BUG, "a checkpoint was found that is none");
	if (origin.len != log->origin.len || memcmp(origin.data, log->origin.data, origin.len) != 0)
		LH_FAIL(ctx, LH_MISMATCH, "\"%s\" holds the audit log of \"%.*s\", not of \"%.*s\"",
				log->path, (int) origin.len, (const char *) origin.data, (int) log->origin.len,
				(const char *) log->origin.data);
	if (size > log->tree.size)
		return refuse(ctx, log, "has lost lines that its newest checkpoint covers", size,
					  log->tree.size);
	LH_TRY(lh_merkle_root_at(ctx, size, lh_audit_nodes_read, log, &root));
	if (memcmp(&root, &signed_root, sizeof(root)) != 0)
		return refuse(ctx, log, "is not the one that its newest checkpoint covers", size, size);
	return LH_OK;
}

/* What is cut off stays to be looked at. */
static LhStatus
keep_torn(LhCtx *ctx, LhAuditLog *log, LhSlice bytes)
{
	char name[LH_AUDIT_NAME];
	LhStatus status;
	int fd = -1;

	if (bytes.len == 0)
		return LH_OK;
	snprintf(name, sizeof(name), "torn-%020llu", (unsigned long long) log->tree.size);
	LH_TRY(lh_audit_open(ctx, log, name, true, true, &fd));
	status = lh_audit_write(ctx, log, fd, name, bytes, 0);
	if (status == LH_OK)
		status = lh_audit_cut(ctx, log, fd, name, bytes.len);
	if (status == LH_OK)
		status = lh_audit_sync(ctx, log, fd, name);
	lh_audit_close_fd(&fd);
	return status;
}

/* The lines of the segment in use are durable, and end with the last whole one. */
static LhStatus
settle_tail(LhCtx *ctx, LhAuditLog *log, const Tail *tail)
{
	char name[LH_AUDIT_NAME];

	lh_audit_segment_name(log->segment, false, name);
	LH_TRY(keep_torn(ctx, log,
					 lh_slice(tail->bytes.data + tail->whole, tail->bytes.len - tail->whole)));
	LH_TRY(lh_audit_cut(ctx, log, log->lines_fd, name, tail->from + tail->whole));
	LH_TRY(lh_audit_write(ctx, log, log->lines_fd, name, lh_slice(tail->bytes.data, tail->whole),
						  tail->from));
	LH_TRY(lh_audit_sync(ctx, log, log->lines_fd, name));
	log->bytes = tail->from + tail->whole;
	log->synced = log->tree.size;
	return LH_OK;
}

/* Offsets from entry "numbered" on, and nodes, of the segment in use. */
static LhStatus
settle_hashes(LhCtx *ctx, LhAuditLog *log, uint64_t numbered)
{
	uint64_t before = log->hashed;
	char name[LH_AUDIT_NAME];

	/* offsets may begin earlier than nodes do */
	log->hashed = numbered;
	LH_TRY(lh_audit_index_write(ctx, log));
	log->hashed = before;
	LH_TRY(lh_audit_nodes_write(ctx, log));
	log->offsets.len = 0;
	log->hashed = log->tree.size;
	lh_audit_segment_name(log->segment, true, name);
	return lh_audit_cut(ctx, log, log->index_fd, name, (log->hashed - log->segment) * 8);
}

/* Is the index of the segment in use as long as the state says? */
static LhStatus
index_is_short(LhCtx *ctx, LhAuditLog *log, uint64_t size, bool *is_short)
{
	char name[LH_AUDIT_NAME];
	uint64_t bytes;

	lh_audit_segment_name(log->segment, true, name);
	LH_TRY(lh_audit_file_size(ctx, log, log->index_fd, name, &bytes));
	*is_short = bytes / 8 < size - log->segment;
	return LH_OK;
}

/* Segments that a retention had already taken leave of. */
static LhStatus
drop_leftovers(LhCtx *ctx, LhAuditLog *log)
{
	char name[LH_AUDIT_NAME];
	size_t kept = 0;

	for (int i = 0; i < lh_audit_segment_count(log); i++)
	{
		uint64_t first = lh_audit_segment_at(log, i);

		if (first >= log->first)
		{
			memcpy(log->segments.data + kept, &first, sizeof(first));
			kept += sizeof(first);
			continue;
		}
		for (int index = 0; index < 2; index++)
		{
			lh_audit_segment_name(first, index == 0, name);
			if (lh_audit_io.unlink(log->dir, name) != 0 && errno != ENOENT)
				return lh_audit_fail(ctx, log, "remove", name, errno);
		}
	}
	log->segments.len = kept;
	return LH_OK;
}

/*
 * From where on lines are read: the state's end, or the very beginning when there is no state, or
 * its nodes are not all there.
 */
static LhStatus
choose_start(LhCtx *ctx, LhAuditLog *log, LhAuditState *s, LhMerkle *old, bool *fresh)
{
	bool there, nodes = false;

	LH_TRY(lh_audit_state_load(ctx, log, &there, s));
	if (there)
	{
		LH_TRY(lh_audit_nodes_there(ctx, log, s->tree.size, &nodes));
		*old = s->tree;
	}
	*fresh = false;
	if (nodes)
	{
		log->saved = s->tree.size;
		log->saved_first = s->first;
		return LH_OK;
	}
	if (there && s->first > 0)
		return refuse(ctx, log, "has lost hashes of lines that are no longer kept; nodes",
					  s->tree.size, 0);
	if (lh_audit_segment_count(log) > 0 && lh_audit_segment_at(log, 0) != 0)
		return refuse(ctx, log, "has no state, and does not begin with its first line", 0,
					  lh_audit_segment_at(log, 0));
	*s = (LhAuditState){0};
	*fresh = lh_audit_segment_count(log) == 0;
	return LH_OK;
}

/* One segment: its lines behind the state. */
static LhStatus
replay_segment(LhCtx *ctx, LhAuditLog *log, const LhAuditState *s, uint64_t segment, Tail *tail,
			   uint64_t *numbered)
{
	bool is_short = false, begun = segment == s->segment;

	LH_TRY(lh_audit_segment_use(ctx, log, segment));
	if (begun)
		LH_TRY(index_is_short(ctx, log, s->tree.size, &is_short));
	*numbered = begun && !is_short ? s->tree.size : segment;
	LH_TRY(read_tail(ctx, log, begun ? s->bytes : 0, tail));
	if (is_short)
		LH_TRY(read_tail(ctx, log, 0, tail));
	LH_TRY(take_lines(ctx, log, *numbered, tail));
	if (*numbered + log->offsets.len / 8 < s->tree.size)
		return refuse(ctx, log, "has lost lines that its state covers", s->tree.size,
					  *numbered + log->offsets.len / 8);
	return LH_OK;
}

/* Go through the segments from the state's on; the last one stays in use, its tail unsettled. */
static LhStatus
replay(LhCtx *ctx, LhAuditLog *log, const LhAuditState *s, Tail *tail, uint64_t *numbered)
{
	int n = lh_audit_segment_count(log), i = 0;

	while (i < n && lh_audit_segment_at(log, i) < s->segment)
		i++;
	if (i == n || lh_audit_segment_at(log, i) != s->segment)
		return refuse(ctx, log, "has lost the segment that was appended to", s->segment,
					  i < n ? lh_audit_segment_at(log, i) : log->tree.size);
	for (;; i++)
	{
		LH_TRY(replay_segment(ctx, log, s, lh_audit_segment_at(log, i), tail, numbered));
		if (i == n - 1)
			return LH_OK;
		if (tail->whole != tail->bytes.len || lh_audit_segment_at(log, i + 1) != log->tree.size)
			return refuse(ctx, log, "has segments that do not follow each other", log->tree.size,
						  lh_audit_segment_at(log, i + 1));
		LH_TRY(settle_tail(ctx, log, tail));
		LH_TRY(settle_hashes(ctx, log, *numbered));
	}
}

/*
 * Hashes are written after their lines are durable, and the state after both: neither can be ahead.  old: the tree
 * of a state that was not used.
 */
static LhStatus
check_size(LhCtx *ctx, LhAuditLog *log, const LhMerkle *old)
{
	LhMerkleHash expected, root;
	uint64_t leaves;

	LH_TRY(lh_audit_nodes_count(ctx, log, &leaves));
	if (leaves > log->tree.size)
		return refuse(ctx, log, "has lost lines whose hashes it has", leaves, log->tree.size);
	if (old->size > log->tree.size)
		return refuse(ctx, log, "has lost lines that its state covers", old->size, log->tree.size);
	lh_merkle_root(old, &expected);
	LH_TRY(lh_merkle_root_at(ctx, old->size, lh_audit_nodes_read, log, &root));
	if (memcmp(&expected, &root, sizeof(root)) != 0)
		return refuse(ctx, log, "is not the one that its state covers", old->size, old->size);
	return LH_OK;
}

static LhStatus
recover(LhCtx *ctx, LhAuditLog *log)
{
	uint64_t numbered = 0;
	Tail tail = {0};
	LhMerkle old = {0};
	LhAuditState s;
	bool fresh;

	LH_TRY(lh_audit_segments_list(ctx, log));
	LH_TRY(choose_start(ctx, log, &s, &old, &fresh));
	log->first = s.first;
	log->tree = s.tree;
	log->synced = log->hashed = s.tree.size;
	if (!fresh)
		LH_TRY(replay(ctx, log, &s, &tail, &numbered));
	LH_TRY(check_size(ctx, log, &old));
	LH_TRY(check_note(ctx, log));
	if (fresh)
		LH_TRY(lh_audit_segment_use(ctx, log, 0));
	else
	{
		LH_TRY(settle_tail(ctx, log, &tail));
		LH_TRY(settle_hashes(ctx, log, numbered));
	}
	LH_TRY(lh_audit_nodes_cut(ctx, log));
	LH_TRY(drop_leftovers(ctx, log));
	/* the index may be longer than it was */
	log->saved = log->saved == log->tree.size && tail.whole == 0 ? log->saved : UINT64_MAX;
	return lh_audit_state_save(ctx, log);
}

LhStatus
lh_audit_recover(LhCtx *ctx, LhAuditLog *log)
{
	LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for an audit log");
	lh_use(ctx, scratch);
	status = recover(ctx, log);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}
