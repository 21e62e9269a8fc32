/*
 * log_retain.c
 *		Old lines removed.
 *
 *	1. Only whole segments go, from the oldest on, never the one that is appended to, and none with a line that no checkpoint
 *	   covers: what is removed has been vouched for.
 *	2. The state says so first.  A crash then leaves files that the next opening removes.
 *	3. Hashes stay: the root of every size, and every proof, can still be made.
 */
#include "audit/log_internal.h"

#include <errno.h>

/* The time in the last line of a segment; lines that are no records have none, and are kept. */
static LhStatus
last_time(LhCtx *ctx, LhAuditLog *log, uint64_t last, int64_t *time)
{
	LhAuditRecord record;
	LhStatus status;
	LhSlice line;

	LH_TRY(lh_audit_log_entry(ctx, log, last, &line));
	status = lh_audit_read_line(ctx, line, &record);
	*time = status == LH_OK ? record.time : INT64_MAX;
	if (status != LH_CORRUPT)
		return status;
	lh_error_clear(ctx);
	return LH_OK;
}

static LhStatus
covered(LhCtx *ctx, LhAuditLog *log, uint64_t *size)
{
	LhSlice note, origin;
	LhMerkleHash root;
	LhStatus status = lh_audit_log_note(ctx, log, UINT64_MAX, &note);

	*size = 0;
	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	if (!lh_audit_note_peek(note, &origin, size, &root))
		*size = 0;
	return LH_OK;
}

/* *n: segments that go, from the first on. */
static LhStatus
choose(LhCtx *ctx, LhAuditLog *log, int64_t before, int *n)
{
	uint64_t size;

	LH_TRY(covered(ctx, log, &size));
	for (*n = 0; *n + 1 < lh_audit_segment_count(log); ++*n)
	{
		uint64_t next = lh_audit_segment_at(log, *n + 1);
		int64_t time;

		if (next > size)
			break;
		LH_TRY(last_time(ctx, log, next - 1, &time));
		if (time >= before)
			break;
	}
	return LH_OK;
}

static LhStatus
retain(LhCtx *ctx, LhAuditLog *log, int64_t before, uint64_t *removed)
{
	uint64_t first = log->first;
	char name[LH_AUDIT_NAME];
	LhStatus status;
	int n;

	LH_TRY(lh_audit_log_sync(ctx, log));
	LH_TRY(choose(ctx, log, before, &n));
	if (n == 0)
		return LH_OK;
	log->first = lh_audit_segment_at(log, n);
	status = lh_audit_state_save(ctx, log);
	if (status != LH_OK)
	{
		log->first = first;
		return status;
	}
	for (int i = 0; i < 2 * n; i++)
	{
		lh_audit_segment_name(lh_audit_segment_at(log, i / 2), i % 2 == 0, name);
		if (lh_audit_io.unlink(log->dir, name) != 0 && errno != ENOENT)
			return lh_audit_fail(ctx, log, "remove", name, errno);
	}
	memmove(log->segments.data, log->segments.data + 8 * (size_t) n,
			log->segments.len - 8 * (size_t) n);
	log->segments.len -= 8 * (size_t) n;
	lh_audit_close_fd(&log->read_fd);
	lh_audit_close_fd(&log->read_index_fd);
	*removed = log->first - first;
	return lh_audit_sync_dir(ctx, log);
}

LhStatus
lh_audit_log_retain(LhCtx *ctx, LhAuditLog *log, int64_t before, uint64_t *removed)
{
	LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
	LhStatus status;

	*removed = 0;
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for an audit log");
	lh_use(ctx, scratch);
	status = retain(ctx, log, before, removed);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}
