/*
 * fuzz_column_file.h
 *		A Parquet file without a footer: schema and chunks are made by the fuzz
 *		target, pages come from its input.
 */
#ifndef FUZZ_COLUMN_FILE_H
#define FUZZ_COLUMN_FILE_H

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_codecs.h"
#include "fuzz/fuzz_ctx.h"
#include "fuzz/fuzz_object.h"
#include "parquet/column.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

#define MAX_NODES  12
#define MAX_LEAVES 4

typedef struct FuzzFile
{
	LhCtx *ctx;
	LhArena *root;
	LhArena *arena; /* with a budget */
	LhBudget budget;
	LhPqFile file;
	LhPqMeta meta;
	LhPqRowGroup group;
	LhPqNode nodes[MAX_NODES];
	int leaf_nodes[MAX_LEAVES];
	LhPqChunk chunks[MAX_LEAVES];
	const LhPqChunk *chunk_ptrs[MAX_LEAVES];
} FuzzFile;

/* A file of these bytes; nodes, chunks and rows are filled in afterwards. */
static inline void
fuzz_open(FuzzFile *f, const uint8_t *data, size_t size)
{
	*f = (FuzzFile) {.ctx = fuzz_ctx(), .budget = {.limit = 64 << 20, .setting = "work_mem"}};
	f->root = f->ctx->arena;
	f->arena = lh_arena_create(&f->budget);
	f->ctx->arena = f->arena;
	f->file.obj = fuzz_object(f->ctx, data, size);
	f->file.codecs = fuzz_codecs();
	f->file.size = (int64_t) size;
	f->file.path = "fuzz";
	f->file.meta = &f->meta;
	f->file.arena = f->arena;
	f->file.chunks = f->chunk_ptrs;
	f->meta.nodes = f->nodes;
	f->meta.leaf_nodes = f->leaf_nodes;
	f->meta.groups = &f->group;
	f->meta.ngroups = 1;
}

static inline void
fuzz_close(FuzzFile *f)
{
	f->ctx->arena = f->root;
	lh_arena_destroy(f->arena);
	fuzz_ctx_done(f->ctx);
}

/* A node below parent (-1: the root itself); returns its number. */
static inline int
fuzz_node(FuzzFile *f, int parent, LhPqRepetition repetition)
{
	int i = f->meta.nnodes++;
	LhPqNode *n = &f->nodes[i];

	*n = (LhPqNode) {.name = "n",
					 .index = i,
					 .parent = parent,
					 .first_child = -1,
					 .next = -1,
					 .leaf = -1,
					 .physical = LH_PQ_GROUP,
					 .repetition = repetition,
					 .field_id = -1,
					 .converted = -1,
					 .element = -1,
					 .value = -1,
					 .repeated = -1};
	if (parent < 0)
		return i;
	n->max_def = f->nodes[parent].max_def + (repetition != LH_PQ_REQUIRED);
	n->max_rep = f->nodes[parent].max_rep + (repetition == LH_PQ_REPEATED);
	if (f->nodes[parent].nchildren++ == 0)
		f->nodes[parent].first_child = i;
	else
	{
		int last = f->nodes[parent].first_child;

		while (f->nodes[last].next >= 0)
			last = f->nodes[last].next;
		f->nodes[last].next = i;
	}
	return i;
}

/* Make node a leaf whose pages lie at [start, start + size). */
static inline void
fuzz_leaf(FuzzFile *f, int node, LhPqPhysical physical, int length, LhType type, int codec,
		  int64_t values, int64_t start, int64_t size)
{
	int leaf = f->meta.nleaves++;
	LhPqNode *n = &f->nodes[node];

	n->leaf = leaf;
	n->physical = physical;
	n->type_length = length;
	n->type = type;
	f->leaf_nodes[leaf] = node;
	f->chunks[leaf] = (LhPqChunk) {.codec = codec,
								   .physical = physical,
								   .num_values = values,
								   .compressed_size = size,
								   .uncompressed_size = size,
								   .data_offset = start,
								   .start = start,
								   .bloom_offset = -1,
								   .offset_index_offset = -1,
								   .column_index_offset = -1};
	f->chunk_ptrs[leaf] = &f->chunks[leaf];
}

static volatile uint8_t fuzz_sink;

/*
 * Touch every byte of a vector that the contract lets a consumer touch.  "all":
 * there was no selection, so codes at nulls are 0.
 */
static void
fuzz_touch(const LhVec *v, bool all)
{
	CHECK(v->n >= 0);
	if (v->type.id == LH_T_LIST || v->type.id == LH_T_MAP)
	{
		CHECK(v->offsets[0] == 0);
		for (int i = 0; i < v->n; i++)
			CHECK(v->offsets[i] <= v->offsets[i + 1]);
		for (int k = 0; k < v->nchildren; k++)
			CHECK(v->offsets[v->n] == (uint32_t) v->children[k].n);
	}
	for (int k = 0; k < v->nchildren; k++)
	{
		CHECK(lh_type_is_nested(&v->type));
		if (v->type.id == LH_T_STRUCT)
			CHECK(v->children[k].n == v->n);
		fuzz_touch(&v->children[k], all);
	}
	if (v->kind == LH_VEC_RUNS)
	{
		uint32_t at = 0;

		CHECK(v->valid == NULL && v->nruns > 0);
		for (int i = 0; i < v->nruns; i++)
		{
			CHECK(v->runs[i].end > at && v->runs[i].code < v->dict->n);
			at = v->runs[i].end;
		}
		CHECK(at == (uint32_t) v->n);
	}
	if (lh_type_is_nested(&v->type))
		return;
	for (int i = 0; i < v->n; i++)
	{
		bool null = lh_vec_is_null(v, i);
		LhValue value;

		if (v->kind == LH_VEC_DICT)
			CHECK(v->codes[i] < v->dict->n && (!null || !all || v->codes[i] == 0));
		if (null || v->kind == LH_VEC_CONST)
			continue;
		value = lh_vec_value(v, i);
		if (v->type.lane == LH_LANE_STR || v->type.lane == LH_LANE_FIX)
			for (uint32_t k = 0; k < value.str.len; k++)
				fuzz_sink ^= value.str.ptr[k];
		else if (v->type.lane == LH_LANE_U8)
			CHECK(value.i64 == 0 || value.i64 == 1);
		else
			fuzz_sink ^= (uint8_t) value.i64;
	}
}

/* A small generator, so that one input is always read in one way. */
static uint32_t
fuzz_next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Read rows [0, rows) in some order of batches, gaps and selections. */
static void
fuzz_read(FuzzFile *f, int node, int64_t rows, uint32_t state)
{
	LhCtx *ctx = f->ctx;
	const LhDict *dict;
	LhPqColumn *col;

	if (lh_pq_column_open(ctx, &f->file, 0, node, &col) != LH_OK)
		return;
	if (state % 5 == 0 && lh_pq_column_dict(ctx, col, &dict) != LH_OK)
		return;
	for (int64_t row = state % 3 == 0 ? state % 100 : 0; row < rows;)
	{
		int most = fuzz_next(&state) % 3 == 0 ? LH_BATCH : 20;
		int n = 1 + (int) (fuzz_next(&state) % (uint32_t) most);
		const LhSel *use;
		LhSel sel;
		LhVec v;

		if (n > rows - row)
			n = (int) (rows - row);
		lh_sel_none(&sel, n);
		for (int i = (int) (fuzz_next(&state) % 4); i < n; i += 1 + (int) (fuzz_next(&state) % 40))
		{
			lh_bit_set(sel.w, (size_t) i);
			sel.count++;
		}
		if (fuzz_next(&state) % 4 == 0)
			n = lh_pq_column_natural(col, row, n);
		use = fuzz_next(&state) % 2 && sel.n == n ? &sel : NULL;
		if (lh_pq_column_read(ctx, col, row, n, use, &v) != LH_OK)
			return;
		CHECK(v.n == n);
		fuzz_touch(&v, use == NULL);
		row += n;
		if (fuzz_next(&state) % 4 == 0)
			row += fuzz_next(&state) % 100;
	}
	lh_pq_column_close(col);
}

#endif
