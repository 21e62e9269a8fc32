/*
 * nested.c
 *		Lists, maps and structs from the levels of the leaves below them.
 *
 * Every leaf gives, for the rows of a batch, a sequence of (repetition,
 * definition) levels and its values (records.c).  A node of the schema is
 * built from the levels of the first leaf below it.  Inside the innermost list
 * around it, which has repetition level R and whose elements exist from
 * definition level D on, the node has one slot for each level with
 *
 *		repetition <= R and definition >= D			(R = D = 0: one slot a row)
 *
 * and then
 *
 *	1. a struct or leaf is not null where definition >= its own level;
 *	2. the entries of a list or map are the slots of its children, counted by
 *	   the same rule with the levels of its repeated node, and a slot of the
 *	   list is where the next entries begin;
 *	3. all children of a struct, and key and value of a map, must have equally
 *	   many slots: else the file is damaged.
 *
 * The shapes of lists and maps in old files are schema.c's business: here a
 * list is a node with "repeated" and "element", whatever lies between.
 *
 * Format: https://parquet.apache.org/docs/file-format/nestedencoding/
 */
#include "parquet/column.h"
#include "parquet/kernels.h"
#include "parquet/records.h"

/* Elements of lists that lh_pq_column_natural aims at in a batch. */
#define NATURAL_ELEMENTS 65536

/* A node to build. */
typedef struct Shape Shape;
struct Shape
{
	const LhType *type;
	int rep; /* R and D of its slots */
	int def;
	int valid_def; /* not null from this definition level on */
	int entry_rep; /* LIST, MAP: R and D of the children's slots */
	int entry_def;
	LhPqRecords *records; /* of the first leaf below it */
	int nchildren;
	Shape *children; /* none: a leaf */
	LhVec *vecs; /* of the children */
	LhBuf valid;
	LhBuf offsets;
	LhBuf data; /* values or codes, spread */
};

struct LhPqNested
{
	Shape top;
	int nleaves;
	LhPqRecords *records;
	const LhPqChunk *longest; /* chunk with most values */
};

/* Where opening stands. */
typedef struct Opening
{
	LhCtx *ctx;
	LhPqColumn *col;
	int next; /* leaf */
} Opening;

static LhStatus open_shape(Opening *o, Shape *s, const LhPqNode *node, const LhType *type, int rep,
						   int def);

static int
count_leaves(const LhPqMeta *meta, const LhPqNode *node)
{
	int n = 0;

	if (node->leaf >= 0)
		return 1;
	for (int i = node->first_child; i >= 0; i = meta->nodes[i].next)
		n += count_leaves(meta, &meta->nodes[i]);
	return n;
}

static LhStatus
need_children(LhCtx *ctx, Shape *s, int n)
{
	s->nchildren = n;
	LH_NEW_ARRAY(ctx, s->children, (size_t) n);
	LH_NEW_ARRAY(ctx, s->vecs, (size_t) n);
	return LH_OK;
}

static LhStatus
open_list(Opening *o, Shape *s, const LhPqNode *node)
{
	const LhPqNode *nodes = o->col->file->meta->nodes;
	const LhPqNode *entry = &nodes[node->repeated];

	s->entry_rep = entry->max_rep;
	s->entry_def = entry->max_def;
	s->valid_def = entry == node ? entry->max_def - 1 : node->max_def;
	LH_TRY(need_children(o->ctx, s, s->type->nfields));
	for (int i = 0; i < s->nchildren; i++)
		LH_TRY(open_shape(o, &s->children[i], &nodes[i == 0 ? node->element : node->value],
						  &s->type->fields[i].type, entry->max_rep, entry->max_def));
	return LH_OK;
}

static LhStatus
open_struct(Opening *o, Shape *s, const LhPqNode *node)
{
	const LhPqNode *nodes = o->col->file->meta->nodes;
	int child = node->first_child;

	s->valid_def = node->max_def;
	if (node->nchildren == 0)
		LH_FAIL(o->ctx, LH_UNSUPPORTED, "struct \"%s\" has no fields", node->name);
	LH_TRY(need_children(o->ctx, s, node->nchildren));
	for (int i = 0; i < s->nchildren; i++, child = nodes[child].next)
		LH_TRY(open_shape(o, &s->children[i], &nodes[child], &s->type->fields[i].type, s->rep,
						  s->def));
	return LH_OK;
}

static LhStatus
open_leaf(Opening *o, Shape *s, const LhPqNode *node)
{
	LhPqNested *nested = o->col->nested;
	LhPqRecords *r = &nested->records[o->next++];

	s->valid_def = node->max_def;
	LH_TRY(lh_pq_records_open(o->ctx, r, o->col->file, o->col->group, node->index, s->type));
	s->type = &r->leaf.convert.type;
	if (nested->longest == NULL || r->leaf.chunk->num_values > nested->longest->num_values)
		nested->longest = r->leaf.chunk;
	return LH_OK;
}

/* Prepare node, read as type, whose slots have levels rep and def. */
static LhStatus
open_shape(Opening *o, Shape *s, const LhPqNode *node, const LhType *type, int rep, int def)
{
	LhCtx *ctx = o->ctx;

	s->type = type;
	s->rep = rep;
	s->def = def;
	if (o->next >= o->col->nested->nleaves)
		LH_FAIL(ctx, LH_BUG, "schema has more leaves than were counted");
	s->records = &o->col->nested->records[o->next];
	LH_TRY(lh_buf_init(ctx, &s->valid, true));
	LH_TRY(lh_buf_init(ctx, &s->offsets, true));
	LH_TRY(lh_buf_init(ctx, &s->data, true));
	if (type->id == LH_T_LIST || type->id == LH_T_MAP)
		return open_list(o, s, node);
	if (node->leaf < 0)
		return open_struct(o, s, node);
	return open_leaf(o, s, node);
}

LhStatus
lh_pq_nested_open(LhCtx *ctx, LhPqColumn *col)
{
	const LhPqMeta *meta = col->file->meta;
	const LhPqNode *node = &meta->nodes[col->node];
	bool repeated = node->repetition == LH_PQ_REPEATED;
	Opening o = {ctx, col, 0};

	/* one row of it must be one value: no list around it */
	if (node->max_rep != (int) repeated || (repeated && node->repeated != node->index))
		LH_FAIL(ctx, LH_UNSUPPORTED, "it lies inside a list: only the whole list can be read");
	LH_NEW(ctx, col->nested);
	col->nested->nleaves = count_leaves(meta, node);
	LH_NEW_ARRAY(ctx, col->nested->records, (size_t) col->nested->nleaves + 1);
	return open_shape(&o, &col->nested->top, node, &node->type, 0, 0);
}

static void
close_shape(Shape *s)
{
	lh_buf_free(&s->valid);
	lh_buf_free(&s->offsets);
	lh_buf_free(&s->data);
	for (int i = 0; i < s->nchildren; i++)
		close_shape(&s->children[i]);
}

void
lh_pq_nested_close(LhPqColumn *col)
{
	for (int i = 0; i < col->nested->nleaves; i++)
		lh_pq_records_close(&col->nested->records[i]);
	close_shape(&col->nested->top);
}

int
lh_pq_nested_natural(const LhPqColumn *col, int n)
{
	const LhPqChunk *chunk = col->nested->longest;
	int64_t most;

	if (chunk == NULL || chunk->num_values <= col->rows || col->rows == 0)
		return n;
	most = NATURAL_ELEMENTS / (chunk->num_values / col->rows + 1);
	if (most < 1)
		most = 1;
	return n < most ? n : (int) most;
}

/* A buffer that grows to size; large ones are the budget's decision. */
static LhStatus
fit(LhCtx *ctx, LhBuf *buf, size_t size)
{
	if (size > buf->cap)
		lh_buf_free(buf);
	buf->floor = size <= LH_BATCH * sizeof(LhStr) * 8;
	return lh_buf_fit(ctx, buf, size);
}

/* Bits for at most n slots, all 0. */
static LhStatus
new_valid(LhCtx *ctx, Shape *s, size_t n)
{
	size_t bytes = (LH_WORDS(n) + 1) * sizeof(uint64_t);

	LH_TRY(fit(ctx, &s->valid, bytes));
	memset(s->valid.data, 0, bytes);
	return LH_OK;
}

/* Levels that are looked at together. */
#define MARKS		LH_PQ_LEVELS_STEP
#define MARK_WORDS	(MARKS / 64)

/* Which of some levels have repetition <= R and definition >= D. */
static void
mark(const LhPqRecords *r, size_t from, size_t n, int rep, int def, uint64_t *bits)
{
	lh_pq_kernels->at_least(r->def.data + from, n, (uint8_t) def, bits);
	if (rep < r->leaf.node->max_rep)
	{
		uint64_t above[MARK_WORDS];

		lh_pq_kernels->at_least(r->rep.data + from, n, (uint8_t) (rep + 1), above);
		for (size_t i = 0; i < LH_WORDS(n); i++)
			bits[i] &= ~above[i];
	}
}

/*
 * The slots of s among levels [from, from + n), and behind the *slots in
 * s->valid those that are not null.
 */
static void
mark_slots(const Shape *s, size_t from, size_t n, uint64_t *slot, size_t *slots)
{
	uint64_t valid[MARK_WORDS];

	mark(s->records, from, n, s->rep, s->def, slot);
	lh_pq_kernels->at_least(s->records->def.data + from, n, (uint8_t) s->valid_def, valid);
	lh_pq_kernels->pack_bits(valid, slot, LH_WORDS(n), (uint64_t *) (void *) s->valid.data, *slots);
	*slots += lh_bits_count(slot, LH_WORDS(n));
}

/* Count the slots of s and mark those that are not null. */
static void
count_slots(const Shape *s, size_t *slots, size_t *nvalid)
{
	const LhPqRecords *r = s->records;

	*slots = 0;
	for (size_t from = 0; from < r->n; from += MARKS)
	{
		uint64_t slot[MARK_WORDS];

		mark_slots(s, from, r->n - from < MARKS ? r->n - from : MARKS, slot, slots);
	}
	*nvalid = lh_bits_count((const uint64_t *) (const void *) s->valid.data, LH_WORDS(*slots));
}

/* Offsets of lists: each slot's is the number of entries before it. */
static uint32_t *
put_offsets(const uint64_t *slot, const uint64_t *entry, size_t nwords, uint32_t *entries,
			uint32_t *out)
{
	for (size_t i = 0; i < nwords; i++)
	{
		for (uint64_t w = slot[i]; w != 0; w &= w - 1)
		{
			uint64_t before = (w & -w) - 1;

			*out++ = *entries + (uint32_t) __builtin_popcountll(entry[i] & before);
		}
		*entries += (uint32_t) __builtin_popcountll(entry[i]);
	}
	return out;
}

static LhStatus
contradict(LhCtx *ctx)
{
	LH_FAIL(ctx, LH_CORRUPT, "levels of the leaves of one list or struct contradict each other");
}

static LhStatus build(LhCtx *ctx, Shape *s, LhVec *out);

/* All children, which must have n slots each. */
static LhStatus
build_children(LhCtx *ctx, Shape *s, size_t n, LhVec *out)
{
	for (int i = 0; i < s->nchildren; i++)
	{
		LH_TRY(build(ctx, &s->children[i], &s->vecs[i]));
		if ((size_t) s->vecs[i].n != n)
			return contradict(ctx);
	}
	out->nchildren = s->nchildren;
	out->children = s->vecs;
	return LH_OK;
}

static LhStatus
build_list(LhCtx *ctx, Shape *s, LhVec *out)
{
	const LhPqRecords *r = s->records;
	uint32_t *offsets,
		*end;
	size_t slots = 0;
	uint32_t entries = 0;

	LH_TRY(new_valid(ctx, s, r->n));
	LH_TRY(fit(ctx, &s->offsets, (r->n + 1) * sizeof(uint32_t)));
	offsets = end = (uint32_t *) (void *) s->offsets.data;
	for (size_t from = 0; from < r->n; from += MARKS)
	{
		size_t n = r->n - from < MARKS ? r->n - from : MARKS;
		uint64_t slot[MARK_WORDS],
			entry[MARK_WORDS];

		mark_slots(s, from, n, slot, &slots);
		mark(r, from, n, s->entry_rep, s->entry_def, entry);
		end = put_offsets(slot, entry, LH_WORDS(n), &entries, end);
	}
	*end = entries;
	/* an entry before the first list */
	if (offsets[0] != 0)
		return contradict(ctx);
	out->n = (int) slots;
	out->valid = (const uint64_t *) (const void *) s->valid.data;
	if (lh_bits_count(out->valid, LH_WORDS(slots)) == slots)
		out->valid = NULL;
	out->offsets = offsets;
	return build_children(ctx, s, entries, out);
}

static LhStatus
build_struct(LhCtx *ctx, Shape *s, LhVec *out)
{
	size_t slots,
		nvalid;

	LH_TRY(new_valid(ctx, s, s->records->n));
	count_slots(s, &slots, &nvalid);
	out->n = (int) slots;
	if (nvalid < slots)
		out->valid = (const uint64_t *) (const void *) s->valid.data;
	return build_children(ctx, s, slots, out);
}

/* Dense values where all slots have one, else spread over them. */
static LhStatus
build_leaf(LhCtx *ctx, Shape *s, LhVec *out)
{
	const LhPqRecords *r = s->records;
	const LhType lane = r->by_code ? (LhType){.lane = LH_LANE_I32} : *s->type;
	const LhBuf *dense = r->by_code ? &r->codes : &r->values;
	size_t size = lh_lane_size(lane.lane, lane.width);
	const void *data = dense->data;
	size_t slots,
		nvalid;

	LH_TRY(new_valid(ctx, s, r->n));
	count_slots(s, &slots, &nvalid);
	out->n = (int) slots;
	if (nvalid < slots || r->nvalues == 0)
		out->valid = (const uint64_t *) (const void *) s->valid.data;
	if (r->nvalues == 0)
	{
		/* also for type NULL, whose values do not exist; no bit may be set */
		memset(s->valid.data, 0, LH_WORDS(slots) * sizeof(uint64_t));
		out->kind = LH_VEC_CONST;
		return LH_OK;
	}
	if (nvalid != r->nvalues)
		return contradict(ctx);
	if (nvalid < slots)
	{
		LH_TRY(fit(ctx, &s->data, slots * size));
		lh_pq_spread(&lane, dense->data, out->valid, 0, slots, s->data.data);
		data = s->data.data;
	}
	if (r->by_code)
	{
		out->kind = LH_VEC_DICT;
		out->dict = r->leaf.dict;
		out->codes = data;
	}
	else
		out->data = data;
	return LH_OK;
}

static LhStatus
build(LhCtx *ctx, Shape *s, LhVec *out)
{
	*out = (LhVec){.type = *s->type, .kind = LH_VEC_FLAT};
	if (s->nchildren == 0)
		return build_leaf(ctx, s, out);
	if (s->type->id == LH_T_LIST || s->type->id == LH_T_MAP)
		return build_list(ctx, s, out);
	return build_struct(ctx, s, out);
}

/* Rows of one leaf, those before and behind the selected ones blank where that can be told. */
static LhStatus
read_leaf(LhCtx *ctx, LhPqRecords *r, int64_t row, int n, int from, int to)
{
	lh_pq_records_begin(r);
	if (!lh_pq_records_can_blank(r))
		return lh_pq_records_read(ctx, r, row, n);
	LH_TRY(lh_pq_records_blank(ctx, r, from));
	if (from < to)
		LH_TRY(lh_pq_records_read(ctx, r, row + from, to - from));
	return lh_pq_records_blank(ctx, r, n - to);
}

LhStatus
lh_pq_nested_read(LhCtx *ctx, LhPqColumn *col, int64_t row, int n, const LhSel *sel, LhVec *out)
{
	LhPqNested *nested = col->nested;
	int from = 0;
	int to = n;

	if (!lh_pq_narrow(sel, &from, &to))
		to = from = 0;
	for (int i = 0; i < nested->nleaves; i++)
	{
		LhPqRecords *r = &nested->records[i];
		LhStatus status = read_leaf(ctx, r, row, n, from, to);

		if (status != LH_OK)
		{
			if (nested->nleaves > 1 && status != LH_CANCELLED)
				lh_error_prefix(ctx, "leaf \"%s\"", r->leaf.node->name);
			return status;
		}
	}
	LH_TRY(build(ctx, &nested->top, out));
	if (out->n != n)
		return contradict(ctx);
	return LH_OK;
}
