/*
 * nodes.c
 *		Files of hashes: one for each level of the tree.
 *
 * Node (level, index) stands at byte 32 * index of nodes-LL.  Nodes are written only when they are complete,
 * from the top level down, so that whoever finds n leaves finds all nodes of n leaves.
 */
#include "audit/log_internal.h"

#include <stdio.h>

void
lh_audit_nodes_name(int level, char name[LH_AUDIT_NAME])
{
	snprintf(name, LH_AUDIT_NAME, "nodes-%02d", level);
}

/* LhMerkleStoreFn: room was reserved. */
static LhStatus
keep_node(LhCtx *ctx, void *arg, int level, uint64_t index, const LhMerkleHash *hash)
{
	LhAuditLog *log = arg;

	(void) index;
	return lh_buf_append(ctx, &log->nodes[level], hash->b, LH_SHA256);
}

LhStatus
lh_audit_nodes_add(LhCtx *ctx, LhAuditLog *log, const LhMerkleHash *leaf)
{
	/* one node for each level that this leaf completes */
	for (int level = 0;; level++)
	{
		LhBuf *b = &log->nodes[level];

		if (b->cap - b->len < LH_SHA256)
			LH_TRY(lh_buf_reserve(ctx, b, b->len + LH_SHA256));
		if ((log->tree.size >> level & 1) == 0)
			break;
	}
	return lh_merkle_append(ctx, &log->tree, leaf, keep_node, log);
}

static LhStatus
open_level(LhCtx *ctx, LhAuditLog *log, int level)
{
	char name[LH_AUDIT_NAME];

	if (log->node_fd[level] >= 0)
		return LH_OK;
	lh_audit_nodes_name(level, name);
	return lh_audit_open(ctx, log, name, log->writing, log->writing, &log->node_fd[level]);
}

LhStatus
lh_audit_nodes_write(LhCtx *ctx, LhAuditLog *log)
{
	char name[LH_AUDIT_NAME];

	for (int level = LH_AUDIT_LEVELS - 1; level >= 0; level--)
	{
		LhBuf *b = &log->nodes[level];

		if (b->len == 0)
			continue;
		lh_audit_nodes_name(level, name);
		LH_TRY(open_level(ctx, log, level));
		LH_TRY(lh_audit_write(ctx, log, log->node_fd[level], name, lh_slice(b->data, b->len),
							  (log->hashed >> level) * LH_SHA256));
		log->node_dirty |= UINT64_C(1) << level;
	}
	for (int level = 0; level < LH_AUDIT_LEVELS; level++)
		log->nodes[level].len = 0;
	return LH_OK;
}

LhStatus
lh_audit_nodes_sync(LhCtx *ctx, LhAuditLog *log)
{
	char name[LH_AUDIT_NAME];

	for (int level = 0; level < LH_AUDIT_LEVELS; level++)
	{
		if ((log->node_dirty >> level & 1) == 0)
			continue;
		lh_audit_nodes_name(level, name);
		LH_TRY(lh_audit_sync(ctx, log, log->node_fd[level], name));
		log->node_dirty &= ~(UINT64_C(1) << level);
	}
	return LH_OK;
}

LhStatus
lh_audit_nodes_cut(LhCtx *ctx, LhAuditLog *log)
{
	char name[LH_AUDIT_NAME];

	for (int level = 0; level < LH_AUDIT_LEVELS; level++)
	{
		/* a level that has no node has no file, unless a crash left one */
		lh_audit_nodes_name(level, name);
		if (log->node_fd[level] < 0)
			LH_TRY(lh_audit_open(ctx, log, name, true, false, &log->node_fd[level]));
		if (log->node_fd[level] < 0)
			continue;
		LH_TRY(
			lh_audit_cut(ctx, log, log->node_fd[level], name, (log->hashed >> level) * LH_SHA256));
		log->node_dirty |= UINT64_C(1) << level;
	}
	return LH_OK;
}

static LhStatus
count_level(LhCtx *ctx, LhAuditLog *log, int level, uint64_t *n)
{
	char name[LH_AUDIT_NAME];
	uint64_t size;

	lh_audit_nodes_name(level, name);
	if (log->node_fd[level] < 0)
		LH_TRY(lh_audit_open(ctx, log, name, log->writing, false, &log->node_fd[level]));
	LH_TRY(lh_audit_file_size(ctx, log, log->node_fd[level], name, &size));
	*n = size / LH_SHA256;
	return LH_OK;
}

LhStatus
lh_audit_nodes_count(LhCtx *ctx, LhAuditLog *log, uint64_t *leaves)
{
	return count_level(ctx, log, 0, leaves);
}

LhStatus
lh_audit_nodes_there(LhCtx *ctx, LhAuditLog *log, uint64_t size, bool *there)
{
	*there = true;
	for (int level = 0; level < LH_AUDIT_LEVELS && size >> level > 0 && *there; level++)
	{
		uint64_t n;

		LH_TRY(count_level(ctx, log, level, &n));
		*there = n >= size >> level;
	}
	return LH_OK;
}

LhStatus
lh_audit_nodes_read(LhCtx *ctx, void *arg, int level, uint64_t index, LhMerkleHash *out)
{
	LhAuditLog *log = arg;
	uint64_t written = log->hashed >> level;
	char name[LH_AUDIT_NAME];
	size_t n = 0;

	if (index >= written && index - written < log->nodes[level].len / LH_SHA256)
	{
		memcpy(out->b, log->nodes[level].data + (index - written) * LH_SHA256, LH_SHA256);
		return LH_OK;
	}
	lh_audit_nodes_name(level, name);
	if (log->node_fd[level] < 0)
		LH_TRY(lh_audit_open(ctx, log, name, log->writing, false, &log->node_fd[level]));
	if (log->node_fd[level] >= 0)
		LH_TRY(lh_audit_read_at(ctx, log, log->node_fd[level], name, out->b, LH_SHA256,
								index * LH_SHA256, &n));
	if (n != LH_SHA256)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\" of the audit log ends before node %llu", log->path,
				name, (unsigned long long) index);
	return LH_OK;
}
