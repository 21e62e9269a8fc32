/*
 * fuzz_bloom.c
 *		Bloom filters: any header, any bits, any question.
 *
 * Input: eight bytes of a value, header and bitset.  In a filter whose bits are
 * all set (made by the target from the same header) every value may be.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "parquet/indexes.h"

/* Filters that are filled up are no larger, for speed. */
#define MAX_FULL 4096
#define N_LEAVES 10

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

static LhPqNode
make_leaf(LhPqPhysical physical, int length, int logical, int precision)
{
	LhPqNode node = {.name = "c",
					 .index = 1,
					 .physical = physical,
					 .type_length = length,
					 .element = -1,
					 .value = -1,
					 .repeated = -1,
					 .converted = -1};
	const LhPqLogical annotation = {.id = logical, .precision = precision};

	lh_pq_leaf_type(&node, &annotation);
	return node;
}

/* A leaf of every type, made once. */
static const LhPqNode *
all_leaves(void)
{
	static LhPqNode leaves[N_LEAVES];

	if (leaves[0].name != NULL)
		return leaves;
	leaves[0] = make_leaf(LH_PQ_INT64, 0, 0, 0);
	leaves[1] = make_leaf(LH_PQ_DOUBLE, 0, 0, 0);
	leaves[2] = make_leaf(LH_PQ_BYTE_ARRAY, 0, LH_PQ_LOGICAL_STRING, 0);
	leaves[3] = make_leaf(LH_PQ_FLBA, 8, 0, 0);
	leaves[4] = make_leaf(LH_PQ_FLBA, 9, LH_PQ_LOGICAL_DECIMAL, 18);
	leaves[5] = make_leaf(LH_PQ_FLBA, 16, LH_PQ_LOGICAL_DECIMAL, 38);
	leaves[6] = make_leaf(LH_PQ_INT32, 0, 0, 0);
	leaves[7] = make_leaf(LH_PQ_FLOAT, 0, 0, 0);
	leaves[8] = make_leaf(LH_PQ_FLBA, 2, LH_PQ_LOGICAL_FLOAT16, 0);
	leaves[9] = make_leaf(LH_PQ_FLBA, 3, LH_PQ_LOGICAL_DECIMAL, 7);
	return leaves;
}

/* Ask for the value as every type; with all bits set the answer is yes, but for what no column can hold. */
static void
ask(const LhPqBloom *bloom, const uint8_t raw[8], bool full)
{
	const LhPqNode *nodes = all_leaves();

	for (int i = 0; i < N_LEAVES; i++)
	{
		LhValue v = {.type = nodes[i].type};
		bool may;

		if (v.type.lane == LH_LANE_F64 || v.type.lane == LH_LANE_F32)
			memcpy(&v.f64, raw, 8);
		else if (v.type.lane == LH_LANE_STR || v.type.lane == LH_LANE_FIX)
			v.str = (LhStr){.ptr = raw, .len = 8};
		else if (v.type.lane == LH_LANE_I128)
			v.i128 = (LhI128) lh_load_i64(raw) * (INT64_C(1) << 50);
		else
			v.i64 = lh_load_i64(raw);
		may = lh_pq_bloom_may_hold(bloom, &nodes[i], &v);
		CHECK(may || !full || i >= 6);
	}
}

/* The same header with all bits set behind it. */
static void
ask_full(LhCtx *ctx, const uint8_t *p, size_t len, size_t whole, const uint8_t raw[8])
{
	size_t without = 0, header = len, need;
	uint8_t *full = malloc(whole);
	LhPqBloom *bloom;

	/* where the header ends: from there on its size is known, with fewer bytes it is not */
	while (header - without > 1)
	{
		size_t half = without + (header - without) / 2;

		CHECK(lh_pq_bloom_parse(ctx, p, half, &need, &bloom) == LH_OK);
		CHECK(need == 0 || need == whole);
		if (need == 0)
			without = half;
		else
			header = half;
	}
	CHECK(header < whole);
	memset(full, 0xff, whole);
	memcpy(full, p, header);
	CHECK(lh_pq_bloom_parse(ctx, full, whole, &need, &bloom) == LH_OK && bloom != NULL);
	ask(bloom, raw, true);
	free(full);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	LhPqBloom *bloom;
	size_t need;

	if (size < 8)
		return 0;
	ctx = fuzz_ctx();
	CHECK(lh_pq_bloom_parse(ctx, data + 8, size - 8, &need, &bloom) == LH_OK);
	if (bloom != NULL)
	{
		CHECK(need <= size - 8);
		ask(bloom, data, false);
	}
	if (need > 0 && need < MAX_FULL)
		ask_full(ctx, data + 8, size - 8, need, data);
	fuzz_ctx_done(ctx);
	return 0;
}
