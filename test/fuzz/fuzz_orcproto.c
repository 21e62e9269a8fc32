/*
 * fuzz_orcproto.c
 *		ORC's metadata: tails, statistics, time zone files, and the protocol buffers they are made of.
 *
 * Input: a byte that says which; then its bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "orc/meta.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

#define FILE_SIZE (INT64_C(16) << 20)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every field and what may be a message or numbers in it: bytes are taken once, and in order. */
static void
walk(LhSlice bytes, int depth)
{
	const uint8_t *last = bytes.data;
	LhProto r;
	LhProtoField f;

	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
	{
		LhProtoPacked packed;
		uint64_t v;
		size_t n = 0;

		CHECK(f.id > 0);
		CHECK(r.p > last && r.p <= r.end);
		last = r.p;
		lh_proto_packed(&f, &packed);
		while (lh_proto_packed_next(&packed, &v))
			n++;
		CHECK(n <= f.bytes.len + 1);
		if (f.wire == LH_PROTO_BYTES && depth < 8)
			walk(f.bytes, depth + 1);
	}
	CHECK(r.p == r.end);
}

static void
check_meta(LhCtx *ctx, const LhOrcMeta *m)
{
	int leaves = 0;

	for (int i = 0; i < m->nnodes; i++)
	{
		const LhOrcNode *n = &m->nodes[i];
		int children = 0;
		char *path;

		CHECK(n->index == i && n->parent < i && (i == 0) == (n->parent == -1));
		CHECK(m->column_nodes[n->column] == i);
		CHECK(lh_utf8_valid(n->name, strlen(n->name)));
		CHECK((n->leaf >= 0) == !lh_type_is_nested(&n->type));
		leaves += n->leaf >= 0;
		for (int c = n->first_child; c >= 0; c = m->nodes[c].next)
		{
			CHECK(c > i && m->nodes[c].parent == i);
			children++;
		}
		CHECK(children == n->nchildren);
		if (i < 50 && lh_orc_path(ctx, m, i, &path) == LH_OK)
			CHECK(lh_orc_find(m, path) >= -1);
	}
	CHECK(leaves == m->nleaves);
	for (int s = 0; s < m->nstripes; s++)
	{
		CHECK(m->stripes[s].rows >= 0 && m->stripes[s].offset >= 0);
		CHECK(m->stripes[s].offset + m->stripes[s].index_length + m->stripes[s].data_length +
				  m->stripes[s].footer_length <=
			  FILE_SIZE);
	}
}

static void
statistics(LhCtx *ctx, LhSlice bytes)
{
	LhOrcMetaPrivate priv = {0};
	LhOrcMeta meta = {.priv = &priv, .writer_version = 9, .hybrid = bytes.len % 3 == 0};

	for (int kind = 0; kind < LH_ORC_N_KINDS; kind++)
	{
		LhOrcNode node = {.kind = (LhOrcKind) kind,
						  .type = {.id = LH_T_INT64, .lane = LH_LANE_I64}};
		LhBounds b;

		if (kind == LH_ORC_DECIMAL)
			node.type = (LhType){.id = LH_T_DECIMAL,
								 .lane = bytes.len % 2 ? LH_LANE_I64 : LH_LANE_I128,
								 .precision = 18,
								 .scale = 4};
		if (kind == LH_ORC_STRING || kind == LH_ORC_CHAR || kind == LH_ORC_VARCHAR)
			node.type = (LhType){.id = LH_T_STRING, .lane = LH_LANE_STR};
		if (kind == LH_ORC_FLOAT || kind == LH_ORC_DOUBLE)
			node.type = (LhType){.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
		if (kind == LH_ORC_TIMESTAMP)
			node.type = (LhType){.id = LH_T_TIMESTAMP,
								 .lane = LH_LANE_I64,
								 .unit = bytes.len % 5 ? LH_UNIT_US : LH_UNIT_NS};
		if (lh_orc_stats_bounds(ctx, &meta, &node, bytes, 1000, &b) != LH_OK)
			continue;
		CHECK(b.nulls >= -1 && b.nulls <= 1000 && b.known == (b.has_min || b.has_max));
		CHECK(!b.min_exact || b.has_min);
	}
}

static void
zone(LhCtx *ctx, LhSlice bytes)
{
	static const int64_t moments[] = {INT64_MIN + 1, -2208988800, -1,           0,
									  1420070400,    4102444800,  INT64_MAX - 1};
	LhZone *z;

	if (lh_zone_parse(ctx, "Fuzz/Zone", bytes.data, bytes.len, &z) != LH_OK)
		return;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
	{
		int64_t from, until;
		int32_t offset = lh_zone_offset(z, moments[i], &from, &until);

		CHECK(from <= moments[i] && moments[i] < until);
		CHECK(offset >= -7 * 86400 && offset <= 7 * 86400);
	}
	(void) lh_zone_to_utc(z, 1420070400);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	LhOrcMeta *meta;
	LhSlice bytes;

	if (size < 1)
		return 0;
	ctx = fuzz_ctx();
	bytes = lh_slice(data + 1, size - 1);
	switch (data[0] % 4)
	{
		case 0: walk(bytes, 0); break;
		case 1:
			if (lh_orc_meta_parse(ctx, bytes.data, bytes.len, FILE_SIZE, NULL, &meta) == LH_OK)
				check_meta(ctx, meta);
			break;
		case 2: statistics(ctx, bytes); break;
		default: zone(ctx, bytes); break;
	}
	fuzz_ctx_done(ctx);
	return 0;
}
