/*
 * fuzz_orc.c
 *		Whole ORC files: never a crash, and vectors that keep their contract (vec.h)
 *		when there is no error.
 *
 * Input: a file.  The mutator mostly leaves the tail alone, so that what it breaks is what
 * lies in stripes: streams, stripe footers, indexes.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "fuzz/fuzz_object.h"
#include "orc/meta.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

#define MAX_NODES   64
#define MAX_STRIPES 4
#define MAX_READS   8
#define BUDGET      ((size_t) 64 << 20)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

static uint64_t state;

static uint64_t
below(uint64_t n)
{
	state += UINT64_C(0x9e3779b97f4a7c15);
	return lh_hash_u64(state) % n;
}

/* Touch all that a consumer may touch. */
static uint64_t
touch(const LhVec *v)
{
	uint64_t sum = 0;

	if (lh_vec_all_null(v))
		return 0;
	if (v->kind == LH_VEC_DICT)
		for (int i = 0; i < v->n; i++)
			CHECK(v->codes[i] < v->dict->n || (v->codes[i] == 0 && lh_vec_is_null(v, i)));
	if (v->offsets != NULL)
	{
		CHECK(v->offsets[0] == 0);
		for (int i = 0; i < v->n; i++)
			CHECK(v->offsets[i] <= v->offsets[i + 1]);
		for (int c = 0; c < v->nchildren; c++)
			CHECK(v->children[c].n == (int) v->offsets[v->n]);
	}
	for (int c = 0; c < v->nchildren; c++)
	{
		CHECK(v->offsets != NULL || v->children[c].n == v->n);
		sum += touch(&v->children[c]);
	}
	if (lh_type_is_nested(&v->type))
		return sum;
	for (int i = 0; i < v->n; i++)
	{
		LhValue value = lh_vec_value(v, i);

		if (!value.null && (v->type.lane == LH_LANE_STR || v->type.lane == LH_LANE_FIX))
			for (uint32_t k = 0; k < value.str.len; k += 1 + value.str.len / 64)
				sum += value.str.ptr[k];
		else
			sum += (uint64_t) value.i64;
	}
	return sum;
}

static void
random_sel(LhSel *sel, int n)
{
	lh_sel_none(sel, n);
	for (int i = 0; i < n; i++)
		if (below(5) == 0)
			lh_bit_set(sel->w, (size_t) i);
	sel->count = (int) lh_bits_count(sel->w, LH_BATCH_WORDS);
}

static void
read_column(LhCtx *ctx, LhOrcFile *file, int stripe, int node)
{
	int64_t rows = lh_orc_meta(file)->stripes[stripe].rows;
	const LhDict *dict;
	LhOrcColumn *col;
	int64_t row = 0;

	if (lh_orc_column_open(ctx, file, stripe, node, &col) != LH_OK)
		return;
	if (below(4) == 0 && lh_orc_column_dict(ctx, col, &dict) != LH_OK)
	{
		lh_orc_column_close(col);
		return;
	}
	for (int i = 0; i < MAX_READS && row < rows; i++)
	{
		int n = (int) below(below(2) ? 100 : LH_BATCH) + 1;
		LhSel sel;
		LhVec v;

		if (below(4) == 0)
			row += (int64_t) below(below(2) ? 1000 : (uint64_t) rows);
		if (row >= rows)
			break;
		if (n > rows - row)
			n = (int) (rows - row);
		n = lh_orc_column_natural(col, row, n);
		random_sel(&sel, n);
		if (lh_orc_column_read(ctx, col, row, n, below(2) ? &sel : NULL, &v) != LH_OK)
			break;
		CHECK(v.n == n);
		touch(&v);
		row += n;
		if (below(6) == 0 && lh_orc_column_can_rewind(col))
		{
			lh_orc_column_rewind(col);
			row = 0;
		}
	}
	lh_orc_column_close(col);
}

static void
read_stripe(LhCtx *ctx, LhOrcFile *file, int stripe)
{
	const LhOrcMeta *meta = lh_orc_meta(file);
	int n = meta->nnodes < MAX_NODES ? meta->nnodes : MAX_NODES;

	for (int node = 0; node < n; node++)
	{
		const LhOrcRowIndex *index = NULL;
		const LhOrcBloom *bloom = NULL;
		LhBounds b;

		if (lh_orc_bounds(ctx, file, stripe, node, &b) == LH_OK && b.has_min)
		{
			CHECK(!b.has_max || lh_value_compare(&b.min, &b.max) <= 0 ||
				  b.min.type.lane == LH_LANE_STR);
			if (lh_orc_bloom(ctx, file, stripe, node, &bloom) == LH_OK && bloom != NULL)
				(void) lh_orc_bloom_may_hold(bloom, -1, &meta->nodes[node], &b.min);
		}
		(void) lh_orc_row_index(ctx, file, stripe, node, &index);
		if (index != NULL)
			CHECK(index->first_row[0] == 0 &&
				  index->first_row[index->nentries - 1] < meta->stripes[stripe].rows);
		read_column(ctx, file, stripe, node);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const LhOrcOptions options = {.any_acid = true, .nanoseconds = size % 7 == 0};
	LhBudget budget = {.limit = BUDGET, .setting = "work_mem"};
	LhCtx *ctx = fuzz_ctx();
	LhArena *arena, *root;
	LhOrcFile *file;

	state = size > 16 ? lh_hash_bytes(data + size / 2, 8, 1) : size;
	lh_isa_choose((LhIsa) below(3));
	arena = lh_arena_create(&budget);
	root = lh_use(ctx, arena);
	if (lh_orc_open(ctx, fuzz_object(ctx, data, size), NULL, &options, &file) == LH_OK)
	{
		int n = lh_orc_meta(file)->nstripes;

		for (int s = 0; s < n && s < MAX_STRIPES; s++)
			read_stripe(ctx, file, s);
	}
	lh_use(ctx, root);
	lh_arena_destroy(arena);
	fuzz_ctx_done(ctx);
	return 0;
}

/* Change bytes before the tail, three times in four. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	LhCtx *ctx;
	LhOrcPostscript ps;
	size_t most = size < 256 ? size : 256, body = 0;

	if (seed % 4 == 0 || size < 16)
		return LLVMFuzzerMutate(data, size, max);
	ctx = fuzz_ctx();
	if (lh_orc_postscript(ctx, data + size - most, most, (int64_t) size, &ps) == LH_OK)
		body = size - (size_t) ps.tail;
	fuzz_ctx_done(ctx);
	if (body < 16)
		return LLVMFuzzerMutate(data, size, max);
	for (unsigned i = 0; i <= seed / 4 % 4; i++)
	{
		size_t at = lh_hash_u64(seed + i * 977u) % body;
		size_t n = body - at < 64 ? body - at : 64;

		if (n > 0)
			(void) LLVMFuzzerMutate(data + at, n, n);
	}
	return size;
}
