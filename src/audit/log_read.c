/*
 * log_read.c
 *		The log, for reading: entries, roots and proofs.
 *
 * What can be read is what the leaves' file has: lines are written before it, and all other nodes.  A reader needs
 * no lock.  Nothing that it reads is believed: lines are compared with their hashes, and proofs prove themselves.
 */
#include "audit/log_internal.h"

static LhStatus
refresh(LhCtx *ctx, LhAuditLog *log)
{
	LhAuditState s;
	uint64_t leaves;
	bool there;

	LH_TRY(lh_audit_state_load(ctx, log, &there, &s));
	if (!there)
		LH_FAIL(ctx, LH_NOT_FOUND, "there is no audit log in \"%s\"", log->path);
	LH_TRY(lh_audit_nodes_count(ctx, log, &leaves));
	LH_TRY(lh_audit_segments_list(ctx, log));
	log->first = s.first;
	log->hashed = log->synced = log->tree.size = leaves;
	return LH_OK;
}

LhStatus
lh_audit_log_refresh(LhCtx *ctx, LhAuditLog *log)
{
	LhArena *keep, *scratch;
	LhStatus status;

	if (log->writing)
		return LH_OK;
	keep = ctx->arena;
	scratch = lh_arena_child(keep);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for an audit log");
	lh_use(ctx, scratch);
	status = refresh(ctx, log);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}

LhStatus
lh_audit_log_read(LhCtx *ctx, const char *dir, LhAuditLog **out)
{
	LhAuditLog *log;
	LhStatus status;

	LH_TRY(lh_audit_log_begin(ctx, dir, false, &log));
	status = lh_audit_log_refresh(ctx, log);
	if (status != LH_OK)
		lh_audit_log_close(log);
	else
		*out = log;
	return status;
}

uint64_t
lh_audit_log_size(const LhAuditLog *log)
{
	return log->tree.size;
}

uint64_t
lh_audit_log_synced(const LhAuditLog *log)
{
	return log->hashed;
}

uint64_t
lh_audit_log_first(const LhAuditLog *log)
{
	return log->first;
}

/* Entries from 0 up to this number are there. */
static LhStatus
check_size(LhCtx *ctx, const LhAuditLog *log, uint64_t size)
{
	if (size > log->hashed)
		LH_FAIL(ctx, LH_OUT_OF_RANGE, "audit log \"%s\" has %llu entries, not %llu", log->path,
				(unsigned long long) log->hashed, (unsigned long long) size);
	return LH_OK;
}

LhStatus
lh_audit_log_leaf(LhCtx *ctx, LhAuditLog *log, uint64_t number, LhMerkleHash *out)
{
	if (number >= log->hashed)
		LH_FAIL(ctx, LH_OUT_OF_RANGE, "audit log \"%s\" has %llu entries and no entry %llu",
				log->path, (unsigned long long) log->hashed, (unsigned long long) number);
	return lh_audit_nodes_read(ctx, log, 0, number, out);
}

LhStatus
lh_audit_log_entry(LhCtx *ctx, LhAuditLog *log, uint64_t number, LhSlice *line)
{
	LhMerkleHash expected, leaf;

	LH_TRY(lh_audit_log_leaf(ctx, log, number, &expected));
	if (number < log->first)
		LH_FAIL(ctx, LH_OUT_OF_RANGE,
				"the line of entry %llu of audit log \"%s\" is no longer kept: %llu is the first",
				(unsigned long long) number, log->path, (unsigned long long) log->first);
	LH_TRY(lh_audit_segment_line(ctx, log, number, line));
	lh_merkle_leaf(*line, &leaf);
	if (memcmp(&leaf, &expected, sizeof(leaf)) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "entry %llu of audit log \"%s\" is not the line that was hashed",
				(unsigned long long) number, log->path);
	return LH_OK;
}

LhStatus
lh_audit_log_root(LhCtx *ctx, LhAuditLog *log, uint64_t size, LhMerkleHash *out)
{
	LH_TRY(check_size(ctx, log, size));
	return lh_merkle_root_at(ctx, size, lh_audit_nodes_read, log, out);
}

LhStatus
lh_audit_log_inclusion(LhCtx *ctx, LhAuditLog *log, uint64_t number, uint64_t size,
					   LhMerkleProof *out)
{
	LH_TRY(check_size(ctx, log, size));
	return lh_merkle_inclusion(ctx, number, size, lh_audit_nodes_read, log, out);
}

LhStatus
lh_audit_log_consistency(LhCtx *ctx, LhAuditLog *log, uint64_t from, uint64_t to,
						 LhMerkleProof *out)
{
	LH_TRY(check_size(ctx, log, to));
	return lh_merkle_consistency(ctx, from, to, lh_audit_nodes_read, log, out);
}
