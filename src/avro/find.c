/*
 * find.c
 *		Names and field ids to nodes, and back.
 */
#include <string.h>

#include "avro/file.h"

int
lh_avro_child_by_id(const LhAvroFile *file, int node, int field_id)
{
	const LhAvroNode *nodes = file->meta.nodes;

	if (node < 0 || node >= file->meta.nnodes || field_id < 0)
		return -1;
	for (int c = nodes[node].first_child; c >= 0; c = nodes[c].next)
		if (nodes[c].field_id == field_id)
			return c;
	return -1;
}

/* A child that has this name of len bytes: the original one, else Avro's. */
static int
child(const LhAvroFile *file, int node, const char *name, size_t len)
{
	const LhAvroNode *nodes = file->meta.nodes;

	for (int c = nodes[node].first_child; c >= 0; c = nodes[c].next)
		if (strlen(nodes[c].name) == len && memcmp(nodes[c].name, name, len) == 0)
			return c;
	for (int c = nodes[node].first_child; c >= 0; c = nodes[c].next)
		if (strlen(nodes[c].avro_name) == len && memcmp(nodes[c].avro_name, name, len) == 0)
			return c;
	return -1;
}

int
lh_avro_find_ids(const LhAvroFile *file, const int *ids, int n)
{
	int node = 0;

	for (int i = 0; i < n && node >= 0; i++)
		node = lh_avro_child_by_id(file, node, ids[i]);
	return node;
}

/* The path below node: one name with its dots, else split at one of them, the first first. */
static int
find(const LhAvroFile *file, int node, const char *path)
{
	int found = child(file, node, path, strlen(path));

	if (found >= 0 || file->meta.nodes[node].nchildren == 0)
		return found;
	for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
	{
		int c = child(file, node, path, (size_t) (dot - path));

		if (c >= 0 && (found = find(file, c, dot + 1)) >= 0)
			return found;
	}
	return -1;
}

int
lh_avro_find(const LhAvroFile *file, const char *path)
{
	return find(file, 0, path);
}

/* Names from the root down to node, dotted, behind what out holds. */
static LhStatus
append_path(LhCtx *ctx, const LhAvroNode *nodes, int node, LhBuf *out)
{
	int chain[LH_AVRO_MAX_DEPTH + 1];
	int n = 0;

	for (; nodes[node].parent >= 0 && n <= LH_AVRO_MAX_DEPTH; node = nodes[node].parent)
		chain[n++] = node;
	while (n-- > 0)
	{
		LH_TRY(lh_buf_append_str(ctx, out, nodes[chain[n]].name));
		if (n > 0)
			LH_TRY(lh_buf_putc(ctx, out, '.'));
	}
	return lh_buf_putc(ctx, out, '\0');
}

LhStatus
lh_avro_path(LhCtx *ctx, const LhAvroFile *file, int node, const char **out)
{
	LhBuf path;

	if (node < 0 || node >= file->meta.nnodes)
		LH_FAIL(ctx, LH_INVALID, "\"%s\" has no node %d", file->meta.path, node);
	LH_TRY(lh_buf_init(ctx, &path, false));
	LH_TRY(append_path(ctx, file->meta.nodes, node, &path));
	*out = (const char *) path.data;
	return LH_OK;
}
