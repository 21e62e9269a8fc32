/*
 * fuzz_index.c
 *		Page indexes: one that is used describes its row group without a gap.
 *
 * Input: kind of the column (a byte), length of the offset index (two bytes),
 * offset index, column index.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "parquet/indexes.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

#define FILE_SIZE (INT64_C(1) << 20)
#define ROWS      5000
#define START     4

/* A schema of one leaf; kind chooses type and repetition. */
static LhPqNode
make_leaf(int kind)
{
	static const LhPqPhysical types[] = {LH_PQ_INT32, LH_PQ_DOUBLE, LH_PQ_BYTE_ARRAY, LH_PQ_FLBA};
	LhPqNode node = {.name = "c",
					 .index = 1,
					 .type_length = 3,
					 .element = -1,
					 .value = -1,
					 .repeated = -1,
					 .converted = -1,
					 .leaf = 0};
	const LhPqLogical none = {0};

	node.physical = types[kind % 4];
	node.max_def = kind / 4 % 2;
	node.max_rep = kind / 8 % 2;
	lh_pq_leaf_type(&node, &none);
	return node;
}

static void
check_index(const LhPqPageIndex *p)
{
	int64_t end = START, row = 0;

	CHECK(p->npages > 0 && p->first_row[0] == 0);
	for (int i = 0; i < p->npages; i++)
	{
		int64_t next = i + 1 < p->npages ? p->first_row[i + 1] : ROWS;

		CHECK(p->offset[i] >= end && p->size[i] > 0);
		end = p->offset[i] + p->size[i];
		CHECK(end <= FILE_SIZE);
		CHECK(p->first_row[i] == row && next > row && next <= ROWS);
		if (p->bounds != NULL)
		{
			const LhBounds *b = &p->bounds[i];

			CHECK(b->rows == -1 || b->rows == next - row);
			CHECK(b->nulls >= -1 && b->nulls <= (b->rows < 0 ? -1 : b->rows));
			CHECK(b->known == (b->has_min || b->has_max));
			CHECK(!b->has_min || !b->has_max || lh_value_compare(&b->min, &b->max) <= 0);
		}
		row = next;
	}
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhPqNode nodes[2] = {{.index = 0}};
	const int leaf_nodes[] = {1};
	const uint8_t orders[] = {LH_PQ_ORDER_TYPE};
	LhPqMetaPrivate priv = {.orders = orders, .file_size = FILE_SIZE};
	LhPqRowGroup group = {.num_rows = ROWS};
	LhPqMeta meta = {.nnodes = 2,
					 .nodes = nodes,
					 .nleaves = 1,
					 .leaf_nodes = leaf_nodes,
					 .ngroups = 1,
					 .groups = &group,
					 .has_column_orders = true,
					 .priv = &priv};
	LhCtx *ctx;
	LhPqPageIndex *index;
	size_t first;

	if (size < 3)
		return 0;
	ctx = fuzz_ctx();
	nodes[1] = make_leaf(data[0]);
	first = lh_load_u16(data + 1);
	if (first > size - 3)
		first = size - 3;
	CHECK(lh_pq_index_parse(ctx, &meta, 0, 0, START, lh_slice(data + 3, first),
							lh_slice(data + 3 + first, size - 3 - first), &index) == LH_OK);
	if (index != NULL)
		check_index(index);
	fuzz_ctx_done(ctx);
	return 0;
}
