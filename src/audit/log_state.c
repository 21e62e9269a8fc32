/*
 * log_state.c
 *		The file "state": from where on a recovery has to look.
 *
 *	"LHAUDIT1"; first entry kept, first entry of the segment that is appended to, bytes of that
 *	segment (8 bytes each, little-endian); the state of the tree (merkle.h); SHA-256 of all before
 *
 * It is replaced as a whole, and only after everything that it covers is durable: lines, hashes,
 * offsets and their names.  So whoever reads it may rely on these, and only lines behind it can be torn.
 */
#include "audit/log_internal.h"

static const char magic[] = "LHAUDIT1";
#define MAGIC 8
#define HEAD  (MAGIC + 3 * 8)
#define MOST  (HEAD + LH_MERKLE_STATE + LH_SHA256)

static LhStatus
damaged(LhCtx *ctx, const LhAuditLog *log, const char *how)
{
	LH_FAIL(ctx, LH_CORRUPT, "\"%s/state\" of the audit log %s", log->path, how);
}

LhStatus
lh_audit_state_load(LhCtx *ctx, LhAuditLog *log, bool *there, LhAuditState *out)
{
	uint8_t sum[LH_SHA256];
	LhSlice bytes;
	size_t body;

	LH_TRY(lh_audit_load(ctx, log, "state", MOST, there, &bytes));
	if (!*there)
		return LH_OK;
	if (bytes.len < HEAD + LH_SHA256 || memcmp(bytes.data, magic, MAGIC) != 0)
		return damaged(ctx, log, "is none");
	body = bytes.len - LH_SHA256;
	lh_sha256(lh_slice(bytes.data, body), sum);
	if (memcmp(sum, bytes.data + body, LH_SHA256) != 0)
		return damaged(ctx, log, "is damaged");
	out->first = lh_load_u64(bytes.data + MAGIC);
	out->segment = lh_load_u64(bytes.data + MAGIC + 8);
	out->bytes = lh_load_u64(bytes.data + MAGIC + 16);
	if (lh_merkle_load(ctx, lh_slice(bytes.data + HEAD, body - HEAD), &out->tree) != LH_OK)
		return damaged(ctx, log, "has no tree");
	if (out->first > out->segment || out->segment > out->tree.size)
		return damaged(ctx, log, "contradicts itself");
	return LH_OK;
}

static size_t
make(const LhAuditLog *log, uint8_t bytes[MOST])
{
	size_t n = HEAD;

	memcpy(bytes, magic, MAGIC);
	memcpy(bytes + MAGIC, &log->first, 8);
	memcpy(bytes + MAGIC + 8, &log->segment, 8);
	memcpy(bytes + MAGIC + 16, &log->bytes, 8);
	n += lh_merkle_save(&log->tree, bytes + HEAD);
	lh_sha256(lh_slice(bytes, n), bytes + n);
	return n + LH_SHA256;
}

LhStatus
lh_audit_state_save(LhCtx *ctx, LhAuditLog *log)
{
	uint8_t bytes[MOST];
	char name[LH_AUDIT_NAME];
	size_t n;

	if (log->hashed != log->tree.size)
		LH_FAIL(ctx, LH_BUG, "the state of an audit log is saved before its hashes");
	if (log->saved == log->tree.size && log->saved_first == log->first)
		return LH_OK;
	lh_audit_segment_name(log->segment, true, name);
	LH_TRY(lh_audit_sync(ctx, log, log->index_fd, name));
	LH_TRY(lh_audit_nodes_sync(ctx, log));
	if (log->entered)
		LH_TRY(lh_audit_sync_dir(ctx, log));
	n = make(log, bytes);
	LH_TRY(lh_audit_replace(ctx, log, "state", lh_slice(bytes, n)));
	log->saved = log->tree.size;
	log->saved_first = log->first;
	return LH_OK;
}
