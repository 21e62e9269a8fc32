/*
 * fuzz_stats.c
 *		Statistics of every type: a bound that is used is one.
 *
 * Input: type, order and flags (a byte each), a value of any bytes, and the two
 * bounds as other readers would have taken them from the same value: every
 * value v makes statistics min = max = v, whose bounds must hold v.
 *
 * Then the rest is read as a Statistics structure and judged as it is.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "parquet/meta.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

/* A leaf of one of the kinds there are. */
static LhPqNode
make_leaf(int kind)
{
	static const struct
	{
		LhPqPhysical physical;
		int converted, logical, length, precision, unit;
		bool flag;
	} kinds[] = {
		{LH_PQ_BOOLEAN, -1, 0, 0, 0, 0, false},
		{LH_PQ_INT32, -1, 0, 0, 0, 0, false},
		{LH_PQ_INT64, -1, 0, 0, 0, 0, false},
		{LH_PQ_INT96, -1, 0, 0, 0, 0, false},
		{LH_PQ_FLOAT, -1, 0, 0, 0, 0, false},
		{LH_PQ_DOUBLE, -1, 0, 0, 0, 0, false},
		{LH_PQ_BYTE_ARRAY, -1, 0, 0, 0, 0, false},
		{LH_PQ_BYTE_ARRAY, LH_PQ_CONV_UTF8, 0, 0, 0, 0, false},
		{LH_PQ_FLBA, -1, 0, 5, 0, 0, false},
		{LH_PQ_FLBA, -1, LH_PQ_LOGICAL_FLOAT16, 2, 0, 0, false},
		{LH_PQ_FLBA, -1, LH_PQ_LOGICAL_UUID, 16, 0, 0, false},
		{LH_PQ_FLBA, LH_PQ_CONV_INTERVAL, 0, 12, 0, 0, false},
		{LH_PQ_FLBA, -1, LH_PQ_LOGICAL_DECIMAL, 7, 16, 0, false},
		{LH_PQ_FLBA, -1, LH_PQ_LOGICAL_DECIMAL, 16, 38, 0, false},
		{LH_PQ_FLBA, -1, LH_PQ_LOGICAL_DECIMAL, 24, 50, 0, false},
		{LH_PQ_BYTE_ARRAY, -1, LH_PQ_LOGICAL_DECIMAL, 0, 12, 0, false},
		{LH_PQ_BYTE_ARRAY, -1, LH_PQ_LOGICAL_DECIMAL, 0, 30, 0, false},
		{LH_PQ_INT32, -1, LH_PQ_LOGICAL_DECIMAL, 0, 9, 0, false},
		{LH_PQ_INT64, -1, LH_PQ_LOGICAL_DECIMAL, 0, 18, 0, false},
		{LH_PQ_INT32, LH_PQ_CONV_INT_8, 0, 0, 0, 0, false},
		{LH_PQ_INT32, LH_PQ_CONV_UINT_8, 0, 0, 0, 0, false},
		{LH_PQ_INT32, LH_PQ_CONV_UINT_16, 0, 0, 0, 0, false},
		{LH_PQ_INT32, LH_PQ_CONV_UINT_32, 0, 0, 0, 0, false},
		{LH_PQ_INT64, LH_PQ_CONV_UINT_64, 0, 0, 0, 0, false},
		{LH_PQ_INT32, LH_PQ_CONV_DATE, 0, 0, 0, 0, false},
		{LH_PQ_INT32, LH_PQ_CONV_TIME_MILLIS, 0, 0, 0, 0, false},
		{LH_PQ_INT64, -1, LH_PQ_LOGICAL_TIMESTAMP, 0, 0, LH_UNIT_NS, true},
		{LH_PQ_BYTE_ARRAY, -1, LH_PQ_LOGICAL_GEOMETRY, 0, 0, 0, false},
		{LH_PQ_INT32, -1, LH_PQ_LOGICAL_NULL, 0, 0, 0, false},
	};
	size_t k = (size_t) kind % (sizeof(kinds) / sizeof(kinds[0]));
	LhPqNode node = {.name = "c",
					 .index = 1,
					 .max_def = 1,
					 .repetition = LH_PQ_OPTIONAL,
					 .element = -1,
					 .value = -1,
					 .repeated = -1};
	LhPqLogical logical = {.id = kinds[k].logical,
						   .unit = kinds[k].unit,
						   .utc = kinds[k].flag,
						   .precision = kinds[k].precision,
						   .scale = 1};

	node.physical = kinds[k].physical;
	node.converted = kinds[k].converted;
	node.type_length = kinds[k].length;
	lh_pq_leaf_type(&node, &logical);
	return node;
}

static void
check_bounds(LhCtx *ctx, const LhBounds *b)
{
	LhBuf text;

	CHECK(b->known == (b->has_min || b->has_max));
	CHECK(!b->has_min || !b->has_max || lh_value_compare(&b->min, &b->max) <= 0);
	if (b->has_min && lh_buf_init(ctx, &text, false) == LH_OK)
		(void) lh_value_format(ctx, &b->min, &text);
}

/* Statistics min = max = v must not exclude v. */
static void
check_value(LhCtx *ctx, const LhPqNode *node, LhSlice bytes)
{
	LhValue v;
	LhBounds b = {0};

	lh_pq_bounds_make(ctx, node, bytes, bytes, &b);
	check_bounds(ctx, &b);
	if (!lh_pq_stat_value(ctx, node, bytes, &v))
	{
		CHECK(!b.known);
		return;
	}
	if (lh_pq_is_float(node) && isnan(v.f64))
		return;
	CHECK(b.has_min && lh_value_compare(&b.min, &v) <= 0);
	CHECK(b.has_max && lh_value_compare(&b.max, &v) >= 0);
}

static void
check_statistics(LhCtx *ctx, LhPqNode *node, int order, const uint8_t *data, size_t size)
{
	LhPqNode nodes[2] = {{.index = 0}, *node};
	const int leaf_nodes[] = {1};
	const uint8_t orders[] = {(uint8_t) (order % 5)};
	LhPqMetaPrivate priv = {.orders = orders};
	LhPqMeta meta = {.nnodes = 2,
					 .nodes = nodes,
					 .nleaves = 1,
					 .leaf_nodes = leaf_nodes,
					 .has_column_orders = order % 2 == 0,
					 .priv = &priv};
	LhPqRawStats raw;
	LhPqStats stats = {0};
	LhThrift r;

	lh_thrift_init(&r, data, size);
	lh_pq_stats_parse(&r, &raw);
	CHECK(lh_pq_stats_judge(ctx, &meta, 0, 1000, &raw, &stats) == LH_OK);
	CHECK(stats.nulls >= -1 && stats.nulls <= 1000);
	CHECK(stats.nans >= -1 && stats.nans <= 1000);
	CHECK(stats.has_min || !stats.min_exact);
	CHECK(stats.has_max || !stats.max_exact);
	if (!lh_pq_order_usable(&nodes[1], lh_pq_order(&meta, 0)) &&
		(nodes[1].unsigned_order || node->physical >= LH_PQ_BYTE_ARRAY))
		CHECK(!stats.has_min && !stats.has_max);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	LhPqNode node;
	size_t len;

	if (size < 3)
		return 0;
	ctx = fuzz_ctx();
	node = make_leaf(data[0]);
	node.leaf = 0;
	len = data[2] % 40;
	if (len > size - 3)
		len = size - 3;
	check_value(ctx, &node, lh_slice(data + 3, len));
	check_statistics(ctx, &node, data[1], data + 3, size - 3);
	fuzz_ctx_done(ctx);
	return 0;
}
