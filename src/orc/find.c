/*
 * find.c
 *		Names -> nodes.
 */
#include "orc/meta.h"

/* Nodes with more children get a map. */
#define NARROW 16

LhStatus
lh_orc_names_make(LhCtx *ctx, LhOrcMeta *meta)
{
	LH_NEW_ARRAY(ctx, meta->priv->names, (size_t) meta->nnodes);
	for (int i = 0; i < meta->nnodes; i++)
	{
		LhNameMap *map;

		if (meta->nodes[i].nchildren <= NARROW)
			continue;
		LH_TRY(lh_namemap_create(ctx, (size_t) meta->nodes[i].nchildren, &map));
		for (int c = meta->nodes[i].first_child; c >= 0; c = meta->nodes[c].next)
			LH_TRY(lh_namemap_put(ctx, map, meta->nodes[c].name, strlen(meta->nodes[c].name), c));
		meta->priv->names[i] = map;
	}
	return LH_OK;
}

int
lh_orc_child(const LhOrcMeta *meta, int node, const char *name, size_t len)
{
	if (meta->priv->names[node] != NULL)
		return lh_namemap_get(meta->priv->names[node], name, len);
	for (int c = meta->nodes[node].first_child; c >= 0; c = meta->nodes[c].next)
		if (strlen(meta->nodes[c].name) == len && memcmp(meta->nodes[c].name, name, len) == 0)
			return c;
	return -1;
}

/* The path below node: one name with its dots, else split at one of them, the first first. */
static int
find_below(const LhOrcMeta *meta, int node, const char *path)
{
	int found = lh_orc_child(meta, node, path, strlen(path));

	if (found >= 0 || meta->nodes[node].nchildren == 0)
		return found;
	for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
	{
		int child = lh_orc_child(meta, node, path, (size_t) (dot - path));

		if (child >= 0 && (found = find_below(meta, child, dot + 1)) >= 0)
			return found;
	}
	return -1;
}

int
lh_orc_find(const LhOrcMeta *meta, const char *path)
{
	return find_below(meta, 0, path);
}

LhStatus
lh_orc_path(LhCtx *ctx, const LhOrcMeta *meta, int node, char **out)
{
	size_t len = 0;
	char *p;

	for (int i = node; i > 0; i = meta->nodes[i].parent)
		len += strlen(meta->nodes[i].name) + 1;
	LH_ALLOC(ctx, p, len + 1);
	*out = p;
	p += len > 0 ? len - 1 : 0;
	*p = '\0';
	for (int i = node; i > 0; i = meta->nodes[i].parent)
	{
		size_t n = strlen(meta->nodes[i].name);

		p -= n;
		memcpy(p, meta->nodes[i].name, n);
		if (meta->nodes[i].parent > 0)
			*--p = '.';
	}
	return LH_OK;
}
