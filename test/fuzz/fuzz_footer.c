/*
 * fuzz_footer.c
 *		Footers: whatever they say, they are refused or mean something consistent.
 *
 * Input: the bytes of a footer, of a file of 16 MB.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "parquet/meta.h"

#define FILE_SIZE  (INT64_C(16) << 20)
/* Enough chunks of one footer to meet every kind. */
#define MAX_CHUNKS 2000

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

/* Types are trees whose leaves have lanes. */
static void
check_type(const LhType *t, int depth)
{
	CHECK(depth <= LH_PQ_MAX_DEPTH + 1);
	CHECK(t->id < LH_N_TYPES);
	CHECK(lh_type_is_nested(t) == (t->lane == LH_LANE_NONE && t->id != LH_T_NULL));
	CHECK(t->id != LH_T_LIST || t->nfields == 1);
	CHECK(t->id != LH_T_MAP || t->nfields == 2);
	for (int i = 0; i < t->nfields; i++)
	{
		CHECK(t->fields[i].name != NULL);
		check_type(&t->fields[i].type, depth + 1);
	}
}

static void
check_node(const LhPqMeta *m, const LhPqNode *n)
{
	int children = 0;

	CHECK(n->index == n - m->nodes);
	CHECK(lh_utf8_valid(n->name, strlen(n->name)));
	CHECK(n->parent < n->index && (n->index == 0) == (n->parent == -1));
	CHECK((n->leaf >= 0) == (n->physical != LH_PQ_GROUP));
	CHECK(n->leaf < 0 || m->leaf_nodes[n->leaf] == n->index);
	CHECK(n->max_rep >= 0 && n->max_rep <= n->max_def && n->max_def <= LH_PQ_MAX_DEPTH);
	for (int c = n->first_child; c >= 0; c = m->nodes[c].next)
	{
		CHECK(c > n->index && c < m->nnodes && m->nodes[c].parent == n->index);
		children++;
	}
	CHECK(children == n->nchildren);
	if (n->type.id == LH_T_LIST || n->type.id == LH_T_MAP)
	{
		CHECK(n->repeated >= n->index && n->element >= n->repeated && n->element < m->nnodes);
		CHECK(m->nodes[n->repeated].repetition == LH_PQ_REPEATED);
		CHECK((n->type.id == LH_T_MAP) == (n->value > n->element));
	}
	else
		CHECK(n->repeated == -1 && n->element == -1 && n->value == -1);
	CHECK(n->leaf < 0 || !lh_type_is_nested(lh_pq_value_type(n)));
}

/* A path leads to a node of that path, unless the name of an ancestor is an elder sibling's too. */
static void
check_path(LhCtx *ctx, const LhPqMeta *m, int node)
{
	bool unique = true;
	char *path, *other;
	int found;

	CHECK(lh_pq_path(ctx, m, node, &path) == LH_OK);
	for (int i = node; i > 0; i = m->nodes[i].parent)
		unique = unique && lh_pq_child(m, m->nodes[i].parent, m->nodes[i].name,
									   strlen(m->nodes[i].name)) == i;
	found = lh_pq_find(m, path);
	CHECK(found > 0 || !unique);
	if (found > 0)
	{
		CHECK(lh_pq_path(ctx, m, found, &other) == LH_OK);
		CHECK(strcmp(path, other) == 0);
	}
}

static void
check_schema(LhCtx *ctx, const LhPqMeta *m)
{
	CHECK(m->nnodes > 0 && m->nodes[0].type.id == LH_T_STRUCT);
	check_type(&m->nodes[0].type, 0);
	for (int i = 0; i < m->nnodes; i++)
		check_node(m, &m->nodes[i]);
	for (int i = 1; i < m->nnodes && i < 100; i++)
		check_path(ctx, m, i);
}

static void
check_chunk(LhCtx *ctx, LhPqFile *file, int group, int leaf)
{
	const LhPqChunk *c;
	LhBounds b;

	if (lh_pq_chunk(ctx, file, group, leaf, &c) != LH_OK)
	{
		CHECK(ctx->error->message[0] != '\0');
		return;
	}
	CHECK(c->num_values >= 0 && c->compressed_size >= 0);
	if (c->num_values > 0 && !c->encrypted && c->file_path == NULL)
		CHECK(c->start >= 4 && c->start + c->compressed_size <= lh_pq_data_end(file->meta));
	CHECK(lh_pq_bounds(ctx, file, group, leaf, &b) == LH_OK);
	CHECK(b.known == (b.has_min || b.has_max));
	CHECK(!b.has_min || !b.has_max || lh_value_compare(&b.min, &b.max) <= 0);
	CHECK(b.rows < 0 || b.nulls <= b.rows);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();
	LhPqMeta *meta;

	if (lh_pq_meta_parse(ctx, data, size, FILE_SIZE, &meta) != LH_OK)
		CHECK(ctx->error->message[0] != '\0');
	else
	{
		LhPqFile file = {.meta = meta, .path = "fuzz", .arena = ctx->arena, .size = FILE_SIZE};
		int left = MAX_CHUNKS;

		check_schema(ctx, meta);
		file.chunks = lh_alloc_array(ctx, (size_t) meta->ngroups * (size_t) meta->nleaves + 1,
									 sizeof(*file.chunks));
		for (int g = 0; g < meta->ngroups; g++)
			for (int leaf = 0; leaf < meta->nleaves && left > 0; leaf++, left--)
				check_chunk(ctx, &file, g, leaf);
	}
	fuzz_ctx_done(ctx);
	return 0;
}
