/*
 * column.c
 *		The cursor over one node of one stripe.
 *
 *	1. rows before the first that is wanted are passed: by the row index when they
 *	   end in a later entry than where the cursor stands, then by skipping;
 *	2. a batch is cut down to its first and last selected row;
 *	3. structs around the node say, from the outermost in, which rows it has at all;
 *	4. the reader of the node makes the vector (reader.h).
 */
#include "orc/reader.h"

/* What a batch should come to at most: bytes of strings, entries of lists. */
#define NATURAL_BYTES   ((int64_t) 8 << 20)
#define NATURAL_ENTRIES 65536
/* How much larger strings are than their compressed stream; a guess. */
#define EXPANSION       4

struct LhOrcColumn
{
	LhArena *arena; /* holds all, this included */
	LhOrcFile *file;
	LhOrcStripeState *stripe;
	int node;
	int64_t rows; /* of the stripe */
	int64_t at;   /* end of the last read */
	int64_t pos;  /* row at which the streams stand */
	bool failed;
	bool asked; /* whether it can be moved by the row index */
	bool can_seek;
	int natural; /* rows of a batch */
	int nouter;
	LhOrcReader *outer; /* structs around it that have nulls, outermost first */
	LhOrcReader reader;
	uint64_t mask[LH_BATCH_WORDS];
};

/* Structs around the node with a PRESENT stream. */
static LhStatus
open_outer(LhCtx *ctx, LhOrcColumn *col)
{
	const LhOrcMeta *meta = col->file->meta;
	int n;
	void *mem;

	for (int i = meta->nodes[col->node].parent; i >= 0; i = meta->nodes[i].parent)
		if (lh_orc_find_stream(col->stripe, meta->nodes[i].column, LH_ORC_PRESENT) != NULL)
			col->nouter++;
	n = col->nouter;
	LH_TRY(lh_orc_floor(ctx, (size_t) n, sizeof(*col->outer), &mem));
	col->outer = mem;
	for (int i = meta->nodes[col->node].parent; i >= 0; i = meta->nodes[i].parent)
		if (lh_orc_find_stream(col->stripe, meta->nodes[i].column, LH_ORC_PRESENT) != NULL)
			LH_TRY(lh_orc_reader_open_present(ctx, &col->outer[--n], col->file, col->stripe, i));
	return LH_OK;
}

static void
at_most(LhOrcColumn *col, int64_t n)
{
	if (n < col->natural)
		col->natural = n < 1 ? 1 : (int) n;
}

/* Long strings, wide values and long lists make batches small. */
static LhStatus
find_natural(LhCtx *ctx, LhOrcColumn *col, const LhOrcReader *r)
{
	int64_t entries = 0;

	if (col->rows == 0)
		return LH_OK;
	if (r->ops != NULL && r->type.lane == LH_LANE_STR && !r->by_code)
		at_most(col, NATURAL_BYTES /
						 (r->data.length * (r->data.compressed ? EXPANSION : 1) / col->rows + 1));
	if (r->ops != NULL && r->type.lane == LH_LANE_FIX && !r->by_code)
		at_most(col, NATURAL_BYTES / r->type.width);
	if (r->node->repeated)
	{
		LH_TRY(lh_orc_stats_count(ctx, col->file, col->stripe->number, r->node->column, &entries));
		if (entries > col->rows)
			at_most(col, NATURAL_ENTRIES / (entries / col->rows + 1));
	}
	for (int i = 0; i < r->nchildren; i++)
		LH_TRY(find_natural(ctx, col, &r->children[i]));
	return LH_OK;
}

static LhStatus
open_column(LhCtx *ctx, LhOrcColumn *col)
{
	const LhOrcNode *node = &col->file->meta->nodes[col->node];

	if (node->encrypted)
	{
		lh_fail(ctx, LH_UNSUPPORTED, "column is encrypted");
		lh_hint(
			ctx,
			"Columns of ORC files that are encrypted cannot be read; leave it out, or write the file without.");
		return LH_UNSUPPORTED;
	}
	if (node->repeated)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"it lies inside a list, map or union: only the whole of that can be read");
	LH_TRY(open_outer(ctx, col));
	LH_TRY(lh_orc_reader_open(ctx, &col->reader, col->file, col->stripe, col->node));
	col->reader.top = true;
	col->natural = LH_BATCH;
	return find_natural(ctx, col, &col->reader);
}

/* An LhReleaseFn: closed or not, the column is gone. */
static void
leave_stripe(void *arg)
{
	LhOrcColumn *col = arg;

	lh_orc_stripe_leave(col->stripe);
}

LhStatus
lh_orc_column_open(LhCtx *ctx, LhOrcFile *file, int stripe, int node, LhOrcColumn **out)
{
	LhOrcStripeState *s = NULL;
	LhArena *arena, *old;
	LhOrcColumn *col;
	LhStatus status;
	void *mem = NULL;

	LH_TRY(lh_orc_stripe_get(ctx, file, stripe, &s));
	arena = lh_arena_child(ctx->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a column");
	old = lh_use(ctx, arena);
	status = lh_orc_floor(ctx, 1, sizeof(*col), &mem);
	col = mem;
	if (status == LH_OK)
	{
		col->arena = arena;
		col->file = file;
		col->stripe = s;
		col->node = node;
		col->rows = file->meta->stripes[stripe].rows;
		s->refs++;
		status = lh_arena_on_reset(ctx, arena, leave_stripe, col);
	}
	if (status == LH_OK)
		status = open_column(ctx, col);
	lh_use(ctx, old);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		return lh_orc_with_place(ctx, file, stripe, node, status);
	}
	*out = col;
	return LH_OK;
}

void
lh_orc_column_close(LhOrcColumn *col)
{
	lh_arena_destroy(col->arena);
}

/*
 * Moving
 */

static LhStatus
can_seek(LhCtx *ctx, LhOrcColumn *col, bool *can)
{
	if (!col->asked)
	{
		col->can_seek = true;
		for (int i = 0; i < col->nouter && col->can_seek; i++)
			LH_TRY(lh_orc_reader_can_seek(ctx, &col->outer[i], &col->can_seek));
		if (col->can_seek)
			LH_TRY(lh_orc_reader_can_seek(ctx, &col->reader, &col->can_seek));
		col->asked = true;
	}
	*can = col->can_seek;
	return LH_OK;
}

/* Stand at row, or at the begin of its entry of the row index. */
static LhStatus
maybe_jump(LhCtx *ctx, LhOrcColumn *col, int64_t row)
{
	int64_t stride = col->file->meta->row_index_stride;
	bool can = false;

	if (stride <= 0 || row / stride <= col->pos / stride)
		return LH_OK;
	LH_TRY(can_seek(ctx, col, &can));
	if (!can)
		return LH_OK;
	for (int i = 0; i < col->nouter; i++)
		LH_TRY(lh_orc_reader_seek_present(ctx, &col->outer[i], (int) (row / stride)));
	LH_TRY(lh_orc_reader_seek(ctx, &col->reader, (int) (row / stride)));
	col->pos = row / stride * stride;
	return LH_OK;
}

static LhStatus
stand_at(LhCtx *ctx, LhOrcColumn *col, int64_t row)
{
	uint64_t n;

	LH_TRY(maybe_jump(ctx, col, row));
	n = (uint64_t) (row - col->pos);
	col->pos = row;
	for (int i = 0; i < col->nouter; i++)
		LH_TRY(lh_orc_reader_skip_present(ctx, &col->outer[i], n, &n));
	return n > 0 ? lh_orc_reader_skip(ctx, &col->reader, n) : LH_OK;
}

/* Narrow rows [*from, *to) of a batch to the first and last selected one; false: there is none. */
static bool
narrow(const LhSel *sel, int *from, int *to)
{
	int a = 0, b = *to;

	if (sel == NULL || sel->count == sel->n)
		return b > 0;
	while (a < b && sel->w[a >> 6] >> (a & 63) == 0)
		a = (a | 63) + 1;
	if (a >= b)
		return false;
	a += __builtin_ctzll(sel->w[a >> 6] >> (a & 63));
	while (!lh_bit_get(sel->w, (size_t) b - 1))
		b--;
	*from = a;
	*to = b;
	return true;
}

static LhStatus
read_rows(LhCtx *ctx, LhOrcColumn *col, int64_t row, int n, const LhSel *sel, LhVec *out)
{
	int from = 0, to = n;
	LhOrcSlots slots = {.n = (size_t) n, .count = (size_t) n};

	if (!narrow(sel, &from, &to))
	{
		lh_vec_null(out, &col->reader.type, n);
		return LH_OK;
	}
	LH_TRY(stand_at(ctx, col, row + from));
	if (to - from < n)
	{
		memset(col->mask, 0, sizeof(col->mask));
		lh_bits_set_range(col->mask, (size_t) from, (size_t) to);
		slots = (LhOrcSlots){.n = (size_t) n,
							 .mask = col->mask,
							 .count = (size_t) (to - from),
							 .from = (size_t) from,
							 .range = true};
	}
	for (int i = 0; i < col->nouter; i++)
	{
		size_t count = slots.count;

		LH_TRY(lh_orc_reader_valid(ctx, &col->outer[i], &slots, &slots.mask, &count));
		slots.range &= count == slots.count;
		slots.count = count;
	}
	LH_TRY(lh_orc_reader_read(ctx, &col->reader, &slots, out));
	col->pos = row + to;
	return LH_OK;
}

LhStatus
lh_orc_column_read(LhCtx *ctx, LhOrcColumn *col, int64_t row, int n, const LhSel *sel, LhVec *out)
{
	LhArena *old;
	LhStatus status;

	if (n < 0 || n > LH_BATCH || row < col->at || row > col->rows - n ||
		(sel != NULL && sel->n != n))
		LH_FAIL(ctx, LH_BUG, "rows %lld and %d on of a column at row %lld of %lld", (long long) row,
				n, (long long) col->at, (long long) col->rows);
	LH_TRY(lh_poll(ctx));
	if (col->failed)
		LH_FAIL(ctx, LH_BUG, "read of a column that has failed");
	old = lh_use(ctx, col->arena);
	status = read_rows(ctx, col, row, n, sel, out);
	lh_use(ctx, old);
	col->failed |= status != LH_OK;
	if (status != LH_OK)
		return lh_orc_with_place(ctx, col->file, col->stripe->number, col->node, status);
	col->at = row + n;
	return LH_OK;
}

int
lh_orc_column_natural(LhOrcColumn *col, int64_t row, int n)
{
	(void) row;
	return n < col->natural ? n : col->natural;
}

LhStatus
lh_orc_column_dict(LhCtx *ctx, LhOrcColumn *col, const LhDict **out)
{
	LhArena *old;
	LhStatus status;

	*out = NULL;
	if (!col->reader.by_code)
		return LH_OK;
	old = lh_use(ctx, col->arena);
	status = lh_orc_dict_load(ctx, &col->reader);
	lh_use(ctx, old);
	col->failed |= status != LH_OK;
	if (status != LH_OK)
		return lh_orc_with_place(ctx, col->file, col->stripe->number, col->node, status);
	*out = col->reader.dict;
	return LH_OK;
}

bool
lh_orc_column_can_rewind(const LhOrcColumn *col)
{
	return !col->failed;
}

void
lh_orc_column_rewind(LhOrcColumn *col)
{
	for (int i = 0; i < col->nouter; i++)
		lh_orc_reader_rewind(&col->outer[i]);
	lh_orc_reader_rewind(&col->reader);
	col->at = col->pos = 0;
}
