/*
 * find.c
 *		Names and paths -> nodes.
 *
 * Children are found by walking over them, or for wide groups through a map
 * made when the footer is parsed, so that binding a hundred columns of a file
 * with five thousand is not half a million comparisons.
 */
#include <string.h>

#include "core/hash.h"
#include "parquet/meta.h"

/* Groups with more children get a map. */
#define WIDE_GROUP 16
/* What a map takes at most for one name. */
#define MAP_ENTRY  128

static LhStatus
map_group(LhCtx *ctx, LhPqAllowance *allowance, const LhPqMeta *meta, int group)
{
	size_t n = (size_t) meta->nodes[group].nchildren;
	LhNameMap *map;
	int done = 0;

	LH_TRY(lh_pq_spend(ctx, allowance, n * MAP_ENTRY));
	LH_TRY(lh_namemap_create(ctx, n, &map));
	for (int i = meta->nodes[group].first_child; i >= 0; i = meta->nodes[i].next)
	{
		if (done++ % LH_PQ_POLL == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(lh_namemap_put(ctx, map, meta->nodes[i].name, strlen(meta->nodes[i].name), i));
	}
	meta->priv->names[group] = map;
	return LH_OK;
}

LhStatus
lh_pq_names_make(LhCtx *ctx, LhPqAllowance *allowance, LhPqMeta *meta)
{
	void *p = NULL;

	if (meta->nnodes <= WIDE_GROUP)
		return LH_OK;
	LH_TRY(lh_pq_take(ctx, allowance, (size_t) meta->nnodes, sizeof(LhNameMap *), &p));
	meta->priv->names = p;
	for (int i = 0; i < meta->nnodes; i++)
		if (meta->nodes[i].nchildren > WIDE_GROUP)
			LH_TRY(map_group(ctx, allowance, meta, i));
	return LH_OK;
}

int
lh_pq_child(const LhPqMeta *meta, int node, const char *name, size_t len)
{
	if (node < 0 || node >= meta->nnodes)
		return -1;
	if (meta->priv->names != NULL && meta->priv->names[node] != NULL)
		return lh_namemap_get(meta->priv->names[node], name, len);
	for (int i = meta->nodes[node].first_child; i >= 0; i = meta->nodes[i].next)
		if (strlen(meta->nodes[i].name) == len && memcmp(meta->nodes[i].name, name, len) == 0)
			return i;
	return -1;
}

/*
 * A node below "node" by path.  The whole path as one name wins, then the
 * shortest first name whose rest is found too.
 */
static int
find_below(const LhPqMeta *meta, int node, const char *path)
{
	int found = lh_pq_child(meta, node, path, strlen(path));

	if (found >= 0 || meta->nodes[node].nchildren == 0)
		return found;
	for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
	{
		int child = lh_pq_child(meta, node, path, (size_t) (dot - path));

		if (child >= 0 && (found = find_below(meta, child, dot + 1)) >= 0)
			return found;
	}
	return -1;
}

int
lh_pq_find(const LhPqMeta *meta, const char *path)
{
	return find_below(meta, 0, path);
}

LhStatus
lh_pq_path(LhCtx *ctx, const LhPqMeta *meta, int node, char **out)
{
	size_t len = 1;
	char *p;

	for (int i = node; i > 0; i = meta->nodes[i].parent)
		len += strlen(meta->nodes[i].name) + 1;
	LH_ALLOC(ctx, *out, len);
	p = *out + len - 1;
	*p = '\0';
	for (int i = node; i > 0; i = meta->nodes[i].parent)
	{
		size_t n = strlen(meta->nodes[i].name);

		if (i != node)
			*--p = '.';
		p -= n;
		memcpy(p, meta->nodes[i].name, n);
	}
	if (p != *out)
		memmove(*out, p, strlen(p) + 1);
	return LH_OK;
}

const char *
lh_pq_where(LhCtx *ctx, const LhPqFile *file, int group, int node)
{
	char *path = NULL;
	char *text;

	if (node > 0 && lh_pq_path(ctx, file->meta, node, &path) != LH_OK)
		return file->path;
	if (group >= 0 && path != NULL)
		text = lh_sprintf(ctx, "%s, row group %d, column %s", file->path, group, path);
	else if (group >= 0)
		text = lh_sprintf(ctx, "%s, row group %d", file->path, group);
	else if (path != NULL)
		text = lh_sprintf(ctx, "%s, column %s", file->path, path);
	else
		return file->path;
	return text != NULL ? text : file->path;
}
