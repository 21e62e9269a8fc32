/*
 * run.c
 *		Programs over rows: the loop that decodes Avro.
 *
 *	1. run() carries out the operations of one row or item, one after the other.
 *	2. Numbers are read eight bytes at once, whatever their length is; those of
 *	   one byte have a way of their own, for nearly all are such.
 *	3. Numbers that nobody wants are passed by counting the bytes that end one.
 *	4. Every step ends with a look whether it is still inside the block: what was
 *	   read behind it is padding, and is never used.
 *	5. Errors are noted in a few words and put into sentences when all is over.
 */
#include <string.h>

#include "avro/number.h"
#include "avro/program.h"

/* Rows or items, times what each may cost, between two questions whether to go on. */
#define POLL_ITEMS 65536

/* Bits that are 0 when a number and a length, both not negative, take a byte each. */
#define SHORT_PAIR 0x8181

static const uint8_t *run(LhAvroRun *r, const LhAvroProg *prog, const uint8_t *p, size_t slot);

/* A length and where its bytes begin, all of which lie before end; NULL: noted. */
static inline const uint8_t *
get_length(LhAvroRun *r, int node, const uint8_t *p, const uint8_t *end, int64_t *len)
{
	const uint8_t *q = get_long(p, len);

	if (UNLIKELY(q == NULL))
		return lh_avro_fail(r, node, p, LH_AVRO_FAIL_VARINT, 0);
	if (UNLIKELY(q > end))
		return lh_avro_fail(r, node, p, LH_AVRO_FAIL_CUT_OFF, 0);
	if (UNLIKELY((uint64_t) *len > (uint64_t) (end - q)))
		return lh_avro_fail(r, node, p, LH_AVRO_FAIL_LENGTH, *len);
	return q;
}

/* Behind n byte strings. */
static inline const uint8_t *
skip_bytes(LhAvroRun *r, int node, const uint8_t *p, const uint8_t *end, size_t n)
{
	for (; n > 0; n--)
	{
		int64_t len;

		p = get_length(r, node, p, end, &len);
		if (UNLIKELY(p == NULL))
			return NULL;
		p += len;
	}
	return p;
}

/* ---- lists and maps ---- */

/* Blocks of items: how many follow, 0: none; of the second form the end, too. */
typedef struct ItemBlock
{
	int64_t count;
	const uint8_t *end; /* NULL: not said */
} ItemBlock;

static inline const uint8_t *
get_item_block(LhAvroRun *r, int node, const LhAvroItems *items, const uint8_t *p, ItemBlock *out)
{
	const uint8_t *at = p;
	int64_t size = 0;

	out->end = NULL;
	p = get_long(p, &out->count);
	if (UNLIKELY(p == NULL))
		return lh_avro_fail(r, node, at, LH_AVRO_FAIL_VARINT, 0);
	if (UNLIKELY(out->count < 0))
	{
		if (out->count == INT64_MIN)
			return lh_avro_fail(r, node, at, LH_AVRO_FAIL_COUNT, out->count);
		out->count = -out->count;
		at = p;
		p = p > r->end ? p : get_long(p, &size);
		if (p == NULL)
			return lh_avro_fail(r, node, at, LH_AVRO_FAIL_VARINT, 0);
	}
	if (UNLIKELY(p > r->end))
		return lh_avro_fail(r, node, at, LH_AVRO_FAIL_CUT_OFF, 0);
	if (UNLIKELY(size < 0 || size > r->end - p))
		return lh_avro_fail(r, node, at, LH_AVRO_FAIL_LENGTH, size);
	if (UNLIKELY(items->min > 0 && out->count > (r->end - p) / items->min))
		return lh_avro_fail(r, node, at, LH_AVRO_FAIL_COUNT, out->count);
	if (size > 0)
		out->end = p + size;
	return p;
}

/* Note that count items are coming; false when it is time to stop. */
static bool
may_go_on(LhAvroRun *r, int node, const uint8_t *p, int64_t count)
{
	r->work += (size_t) count;
	if (r->work < POLL_ITEMS)
		return true;
	r->work = 0;
	r->status = lh_poll(r->ctx);
	if (r->status == LH_OK)
		return true;
	lh_avro_fail(r, node, p, LH_AVRO_FAIL_STATUS, 0);
	return false;
}

/* count items by their program, which writes to no column. */
static const uint8_t *
skip_by_program(LhAvroRun *r, int node, const LhAvroProg *body, const uint8_t *p, int64_t count)
{
	if (body->n == 0)
		return p;
	for (; count > 0; count -= POLL_ITEMS)
	{
		int64_t n = count < POLL_ITEMS ? count : POLL_ITEMS;

		if (!may_go_on(r, node, p, n))
			return NULL;
		for (int64_t i = 0; i < n; i++)
			if (UNLIKELY((p = run(r, body, p, 0)) == NULL))
				return NULL;
	}
	return p;
}

/* count pairs of a number and bytes. */
static inline const uint8_t *
skip_number_bytes(LhAvroRun *r, int node, const uint8_t *p, int64_t count)
{
	const uint8_t *end = r->end;

	for (; count > 0; count--)
	{
		uint32_t w = lh_load_u16(p);
		int64_t len;

		/* both of one byte, the length positive */
		if (LIKELY((w & 0x8180) == 0))
		{
			p += 2 + (w >> 9);
			if (UNLIKELY(p > end))
				return lh_avro_fail(r, node, p, LH_AVRO_FAIL_CUT_OFF, 0);
			continue;
		}
		p = skip_longs(p, end, 1);
		if (UNLIKELY(p > end))
			return lh_avro_fail(r, node, p, LH_AVRO_FAIL_CUT_OFF, 0);
		p = get_length(r, node, p, end, &len);
		if (UNLIKELY(p == NULL))
			return NULL;
		p += len;
	}
	return p;
}

static inline const uint8_t *
skip_items(LhAvroRun *r, int node, const LhAvroItems *items, const uint8_t *p)
{
	for (;;)
	{
		ItemBlock block;

		p = get_item_block(r, node, items, p, &block);
		if (UNLIKELY(p == NULL) || block.count == 0)
			return p;
		if (block.end != NULL)
			p = block.end;
		else if (items->shape == LH_AVRO_ITEMS_VARINTS)
			p = skip_longs(p, r->end, (size_t) block.count * items->n);
		else if (items->shape == LH_AVRO_ITEMS_VARINT_BYTES)
			p = skip_number_bytes(r, node, p, block.count);
		else if (items->shape == LH_AVRO_ITEMS_FIXED)
			p += (size_t) block.count * items->n;
		else
			p = skip_by_program(r, node, items->body, p, block.count);
		if (UNLIKELY(p == NULL))
			return NULL;
		if (UNLIKELY(p > r->end))
			return lh_avro_fail(r, node, r->end, LH_AVRO_FAIL_CUT_OFF, 0);
	}
}

/* Room for the items of a block on their level; false: noted. */
static bool
admit(LhAvroRun *r, int node, const LhAvroItems *items, const uint8_t *p, int64_t count)
{
	LhAvroLevel *level = items->level;

	if (items->min == 0)
	{
		if (count > LH_AVRO_MAX_EMPTY || (r->empty += (size_t) count) > (size_t) LH_AVRO_MAX_EMPTY)
			return lh_avro_fail(r, node, p, LH_AVRO_FAIL_EMPTY, count) != NULL;
	}
	if (count > INT32_MAX - (int64_t) level->n)
		return lh_avro_fail(r, node, p, LH_AVRO_FAIL_ITEMS, count) != NULL;
	r->items += (size_t) count;
	if (LIKELY(level->n + (size_t) count <= level->cap))
		return true;
	r->status = lh_avro_level_reserve(r->ctx, level, level->n + (size_t) count);
	return r->status == LH_OK || lh_avro_fail(r, node, p, LH_AVRO_FAIL_STATUS, 0) != NULL;
}

/* A key and the length of bytes, which lie before end. */
static const uint8_t *__attribute__((noinline))
get_pair(LhAvroRun *r, int node, const uint8_t *p, int64_t *key, int64_t *len)
{
	const uint8_t *q = get_long(p, key);

	if (UNLIKELY(q == NULL || q > r->end))
		return lh_avro_fail(r, node, p, q == NULL ? LH_AVRO_FAIL_VARINT : LH_AVRO_FAIL_CUT_OFF, 0);
	return get_length(r, node, q, r->end, len);
}

/* count pairs of an int and a long into their columns. */
static const uint8_t *
get_int_longs(LhAvroRun *r, const LhAvroItems *items, const uint8_t *p, size_t slot,
			  int64_t count)
{
	const LhAvroOp *ops = items->body->ops;
	int32_t *keys = (int32_t *) (void *) ops[0].column->data + slot;
	int64_t *values = (int64_t *) (void *) ops[1].column->data + slot;

	for (int64_t i = 0; i < count; i++)
	{
		int64_t key;
		const uint8_t *q = get_long(p, &key);

		if (UNLIKELY(q == NULL || q > r->end))
			return lh_avro_fail(r, ops[0].node, p,
								q == NULL ? LH_AVRO_FAIL_VARINT : LH_AVRO_FAIL_CUT_OFF, 0);
		if (UNLIKELY(key != (int32_t) key))
			return lh_avro_fail(r, ops[0].node, p, LH_AVRO_FAIL_INT, key);
		p = get_long(q, &values[i]);
		if (UNLIKELY(p == NULL || p > r->end))
			return lh_avro_fail(r, ops[1].node, q,
								p == NULL ? LH_AVRO_FAIL_VARINT : LH_AVRO_FAIL_CUT_OFF, 0);
		keys[i] = (int32_t) key;
	}
	return p;
}

/* The same of an int and bytes. */
static const uint8_t *
get_int_bytes(LhAvroRun *r, const LhAvroItems *items, const uint8_t *p, size_t slot,
			  int64_t count)
{
	const LhAvroOp *ops = items->body->ops;
	int32_t *keys = (int32_t *) (void *) ops[0].column->data + slot;
	LhStr *values = (LhStr *) (void *) ops[1].column->data + slot;

	for (int64_t i = 0; i < count; i++)
	{
		uint32_t w = lh_load_u16(p);
		int64_t key, len;

		if (LIKELY((w & SHORT_PAIR) == 0))
		{
			key = (w & 0xff) >> 1;
			len = w >> 9;
			p += 2;
			if (UNLIKELY(len > r->end - p))
				return lh_avro_fail(r, ops[1].node, p, LH_AVRO_FAIL_LENGTH, len);
		}
		else if (UNLIKELY((p = get_pair(r, ops[1].node, p, &key, &len)) == NULL))
			return NULL;
		if (UNLIKELY(key != (int32_t) key))
			return lh_avro_fail(r, ops[0].node, p, LH_AVRO_FAIL_INT, key);
		keys[i] = (int32_t) key;
		values[i] = (LhStr){p, (uint32_t) len, 0};
		p += len;
	}
	return p;
}

/* count items by their program. */
static inline const uint8_t *
get_by_program(LhAvroRun *r, const LhAvroItems *items, const uint8_t *p, size_t slot, int64_t count)
{
	if (items->body->n == 0)
		return p;
	for (int64_t i = 0; i < count; i++)
		if (UNLIKELY((p = run(r, items->body, p, slot + (size_t) i)) == NULL))
			return NULL;
	return p;
}

static const uint8_t *
get_items(LhAvroRun *r, int node, const LhAvroItems *items, const uint8_t *p)
{
	LhAvroLevel *level = items->level;

	for (;;)
	{
		const uint8_t *at = p;
		ItemBlock block;

		p = get_item_block(r, node, items, p, &block);
		if (UNLIKELY(p == NULL) || block.count == 0)
			return p;
		if (UNLIKELY(!admit(r, node, items, at, block.count)))
			return NULL;
		for (int64_t left = block.count, n; left > 0; left -= n)
		{
			size_t weight = items->body->weight;

			n = weight < POLL_ITEMS ? (int64_t) (POLL_ITEMS / weight) : 1;
			if (n > left)
				n = left;
			if (UNLIKELY(!may_go_on(r, node, p, n * (int64_t) weight)))
				return NULL;
			if (items->shape == LH_AVRO_ITEMS_VARINTS)
				p = get_int_longs(r, items, p, level->n, n);
			else if (items->shape == LH_AVRO_ITEMS_VARINT_BYTES)
				p = get_int_bytes(r, items, p, level->n, n);
			else
				p = get_by_program(r, items, p, level->n, n);
			if (UNLIKELY(p == NULL))
				return NULL;
			level->n += (size_t) n;
		}
		if (UNLIKELY(block.end != NULL && p != block.end))
			return lh_avro_fail(r, node, at, LH_AVRO_FAIL_SIZE, block.end - at);
	}
}

static inline const uint8_t *
get_list(LhAvroRun *r, int node, const LhAvroItems *items, const uint8_t *p, size_t slot)
{
	p = get_items(r, node, items, p);
	items->column->offsets[slot + 1] = (uint32_t) items->level->n;
	return p;
}

/* ---- keys of maps ---- */

/* Slot of a key, -1: not wanted. */
static inline int
find_key(const LhAvroPick *pick, int64_t key)
{
	int lo = 0, hi = pick->n - 1;

	if (LIKELY((uint64_t) key < LH_AVRO_SMALL_KEYS))
		return pick->small[key];
	while (lo <= hi)
	{
		int mid = (lo + hi) / 2;

		if (pick->keys[mid] == key)
			return pick->slots[mid];
		if (pick->keys[mid] < key)
			lo = mid + 1;
		else
			hi = mid - 1;
	}
	return -1;
}

/* Values of numbers: those not wanted are passed without being decoded. */
static inline const uint8_t *
pick_longs(LhAvroRun *r, int node, const LhAvroPick *pick, const uint8_t *p, size_t slot,
		   int64_t count)
{
	const uint8_t *end = r->end;

	for (; count > 0; count--)
	{
		int64_t key, value;
		const uint8_t *q = get_long(p, &key);
		int i;

		if (UNLIKELY(q == NULL || q > end))
			return lh_avro_fail(r, node, p, q == NULL ? LH_AVRO_FAIL_VARINT : LH_AVRO_FAIL_CUT_OFF,
								0);
		p = get_long(q, &value);
		if (UNLIKELY(p == NULL || p > end))
			return lh_avro_fail(r, node, q, p == NULL ? LH_AVRO_FAIL_VARINT : LH_AVRO_FAIL_CUT_OFF,
								0);
		if ((i = find_key(pick, key)) >= 0)
		{
			LhAvroColumn *column = pick->columns[i];

			((int64_t *) (void *) column->data)[slot] = value;
			lh_bit_set(column->valid, slot);
		}
	}
	return p;
}

static inline const uint8_t *
pick_bytes(LhAvroRun *r, int node, const LhAvroPick *pick, const uint8_t *p, size_t slot,
		   int64_t count)
{
	const uint8_t *end = r->end;

	for (; count > 0; count--)
	{
		uint32_t w = lh_load_u16(p);
		int64_t key, len;
		int i;

		if (LIKELY((w & SHORT_PAIR) == 0))
		{
			key = (w & 0xff) >> 1;
			len = w >> 9;
			p += 2;
			if (UNLIKELY(len > end - p))
				return lh_avro_fail(r, node, p, LH_AVRO_FAIL_LENGTH, len);
		}
		else if (UNLIKELY((p = get_pair(r, node, p, &key, &len)) == NULL))
			return NULL;
		if ((i = find_key(pick, key)) >= 0)
		{
			LhAvroColumn *column = pick->columns[i];

			((LhStr *) (void *) column->data)[slot] = (LhStr){p, (uint32_t) len, 0};
			lh_bit_set(column->valid, slot);
		}
		p += len;
	}
	return p;
}

/* Values of any type, by their programs. */
static const uint8_t *
pick_any(LhAvroRun *r, int node, const LhAvroPick *pick, const uint8_t *p, size_t slot,
		 int64_t count)
{
	for (; count > 0; count--)
	{
		int64_t key;
		const uint8_t *q = get_long(p, &key);
		int i;

		if (UNLIKELY(q == NULL || q > r->end))
			return lh_avro_fail(r, node, p, q == NULL ? LH_AVRO_FAIL_VARINT : LH_AVRO_FAIL_CUT_OFF,
								0);
		i = find_key(pick, key);
		if (i >= 0)
			lh_bit_set(pick->columns[i]->valid, slot);
		p = run(r, i >= 0 ? pick->progs[i] : pick->skip_value, q, slot);
		if (UNLIKELY(p == NULL))
			return NULL;
	}
	return p;
}

static const uint8_t *
get_picks(LhAvroRun *r, int node, const LhAvroPick *pick, const uint8_t *p, size_t slot)
{
	for (int i = 0; i < pick->n; i++)
		lh_avro_column_null(pick->columns[i], slot);
	for (;;)
	{
		ItemBlock block;

		p = get_item_block(r, node, &pick->skip, p, &block);
		if (UNLIKELY(p == NULL) || block.count == 0)
			return p;
		if (UNLIKELY(!may_go_on(r, node, p, block.count)))
			return NULL;
		if (pick->value == LH_AVRO_OP_LONG)
			p = pick_longs(r, node, pick, p, slot, block.count);
		else if (pick->value == LH_AVRO_OP_BYTES)
			p = pick_bytes(r, node, pick, p, slot, block.count);
		else
			p = pick_any(r, node, pick, p, slot, block.count);
		if (UNLIKELY(p == NULL))
			return NULL;
		if (UNLIKELY(block.end != NULL && p != block.end))
			return lh_avro_fail(r, node, p, LH_AVRO_FAIL_SIZE, block.end - p);
	}
}

/* ---- unions ---- */

/* A branch by its number; the other members become null. */
static const uint8_t *
get_branch(LhAvroRun *r, int node, const LhAvroBranches *branches, const uint8_t *p, size_t slot)
{
	LhAvroColumn *column = branches->column;
	const uint8_t *at = p;
	int64_t branch;
	int member;

	p = get_long(p, &branch);
	if (UNLIKELY(p == NULL || p > r->end))
		return lh_avro_fail(r, node, at, p == NULL ? LH_AVRO_FAIL_VARINT : LH_AVRO_FAIL_CUT_OFF, 0);
	if (UNLIKELY(branch < 0 || branch >= branches->n))
		return lh_avro_fail(r, node, at, LH_AVRO_FAIL_BRANCH, branch);
	if (branch == branches->null_branch)
	{
		if (column != NULL)
			lh_avro_column_null(column, slot);
		return p;
	}
	member = (int) branch - (branches->null_branch >= 0 && branch > branches->null_branch);
	if (column != NULL)
		for (int i = 0; i < column->nchildren; i++)
			if (i != member)
				lh_avro_column_null(column->children[i], slot);
	return run(r, branches->progs[branch], p, slot);
}

/* The branch of a nullable value that is not in its shortest form, or wrong: null or value byte. */
static const uint8_t *__attribute__((noinline))
get_odd_branch(LhAvroRun *r, const LhAvroOp *op, const uint8_t *p, bool *is_null)
{
	int64_t branch;
	const uint8_t *q = get_long(p, &branch);

	if (q == NULL || q > r->end)
		return lh_avro_fail(r, op->node, p, q == NULL ? LH_AVRO_FAIL_VARINT : LH_AVRO_FAIL_CUT_OFF,
							0);
	if (branch < 0 || branch > 1)
		return lh_avro_fail(r, op->node, p, LH_AVRO_FAIL_BRANCH, branch);
	*is_null = op->nullable->null_byte == branch * 2;
	if (!*is_null && op->nullable->value_byte != branch * 2)
		return lh_avro_fail(r, op->node, p, LH_AVRO_FAIL_BRANCH, branch);
	return q;
}

static inline void
set_null(const LhAvroNullable *nullable, size_t slot)
{
	for (int i = 0; i < nullable->ncolumns; i++)
		lh_avro_column_null(nullable->columns[i], slot);
}

/* ---- the loop ---- */

/* A big-endian number of 1 to 8 bytes; 8 are read. */
static inline int64_t
get_big_endian(const uint8_t *p, size_t n)
{
	return (int64_t) __builtin_bswap64(lh_load_u64(p)) >> (64 - 8 * n);
}

/* A number that must fit 32 bits. */
static inline const uint8_t *
get_int(LhAvroRun *r, int node, const uint8_t *p, int64_t *out)
{
	const uint8_t *q = get_long(p, out);

	if (UNLIKELY(q == NULL))
		return lh_avro_fail(r, node, p, LH_AVRO_FAIL_VARINT, 0);
	if (UNLIKELY(*out != (int32_t) *out))
		return lh_avro_fail(r, node, p, LH_AVRO_FAIL_INT, *out);
	return q;
}

#define DATA(type) ((type *) (void *) op->column->data)

/* Operations that are not worth a place in the loop. */
static const uint8_t *__attribute__((noinline))
run_rare(LhAvroRun *r, const LhAvroOp *op, const uint8_t *p, size_t slot)
{
	const uint8_t *at = p;
	int64_t x;

	switch (op->code)
	{
		case LH_AVRO_OP_SKIP_UNION:
		case LH_AVRO_OP_UNION: return get_branch(r, op->node, op->branches, p, slot);
		case LH_AVRO_OP_ENUM:
			if ((p = get_int(r, op->node, p, &x)) == NULL)
				return NULL;
			if (x < 0 || (size_t) x >= op->n)
				return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_ENUM, x);
			DATA(uint32_t)[slot] = (uint32_t) x;
			return p;
		case LH_AVRO_OP_UUID_TEXT:
			if ((p = get_length(r, op->node, p, r->end, &x)) == NULL)
				return NULL;
			if (!lh_avro_get_uuid(p, (size_t) x, op->column->data + slot * 16))
				return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_UUID, x);
			return p + x;
		case LH_AVRO_OP_DEC64:
		case LH_AVRO_OP_DEC128:
		case LH_AVRO_OP_DEC_WIDE:
			if ((p = get_length(r, op->node, p, r->end, &x)) == NULL)
				return NULL;
			if (!lh_avro_put_decimal(op->column, slot, p, (size_t) x))
				return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_DECIMAL, x);
			return p + x;
		default: /* decimals on fixed */
			if (op->n > (size_t) (r->end - p))
				return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_CUT_OFF, 0);
			if (!lh_avro_put_decimal(op->column, slot, p, op->n))
				return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_DECIMAL, (int64_t) op->n);
			return p + op->n;
	}
}

/* Behind the row or item at p; NULL: noted. */
static const uint8_t *
run(LhAvroRun *r, const LhAvroProg *prog, const uint8_t *p, size_t slot)
{
	const uint8_t *end = r->end;
	const LhAvroOp *op = prog->ops;
	const LhAvroOp *last = op + prog->n;

	for (; op < last; op++)
	{
		const uint8_t *at = p;
		int64_t x;

		switch ((LhAvroOpCode) op->code)
		{
			case LH_AVRO_OP_SKIP_FIXED:
				if (UNLIKELY(op->n > (size_t) (end - p)))
					return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_CUT_OFF, 0);
				p += op->n;
				break;
			case LH_AVRO_OP_SKIP_VARINTS: p = skip_longs(p, end, op->n); break;
			case LH_AVRO_OP_SKIP_BYTES: p = skip_bytes(r, op->node, p, end, op->n); break;
			case LH_AVRO_OP_SKIP_ITEMS: p = skip_items(r, op->node, op->items, p); break;
			case LH_AVRO_OP_NULLABLE:
			{
				const LhAvroNullable *nullable = op->nullable;
				bool is_null = *p == nullable->null_byte;

				if (UNLIKELY(!is_null && *p != nullable->value_byte))
					p = get_odd_branch(r, op, p, &is_null);
				else
					p++;
				if (is_null)
				{
					set_null(nullable, slot);
					op += op->n;
				}
				break;
			}
			case LH_AVRO_OP_BOOL:
				if (UNLIKELY(*p > 1))
					return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_BOOL, *p);
				op->column->data[slot] = *p++;
				break;
			case LH_AVRO_OP_INT:
				if (UNLIKELY((p = get_int(r, op->node, p, &x)) == NULL))
					return NULL;
				DATA(int32_t)[slot] = (int32_t) x;
				break;
			case LH_AVRO_OP_INT_LONG:
				if (UNLIKELY((p = get_int(r, op->node, p, &x)) == NULL))
					return NULL;
				DATA(int64_t)[slot] = x;
				break;
			case LH_AVRO_OP_LONG:
				p = get_long(p, &x);
				if (UNLIKELY(p == NULL))
					return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_VARINT, 0);
				DATA(int64_t)[slot] = x;
				break;
			case LH_AVRO_OP_FLOAT:
				memcpy(op->column->data + slot * 4, p, 4);
				p += 4;
				break;
			case LH_AVRO_OP_DOUBLE:
				memcpy(op->column->data + slot * 8, p, 8);
				p += 8;
				break;
			case LH_AVRO_OP_BYTES:
				p = get_length(r, op->node, p, end, &x);
				if (UNLIKELY(p == NULL))
					return NULL;
				DATA(LhStr)[slot] = (LhStr){p, (uint32_t) x, 0};
				p += x;
				break;
			case LH_AVRO_OP_FIXED:
				if (UNLIKELY(op->n > (size_t) (end - p)))
					return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_CUT_OFF, 0);
				memcpy(op->column->data + slot * op->n, p, op->n);
				p += op->n;
				break;
			case LH_AVRO_OP_FDEC64:
				if (UNLIKELY(op->n - 1 >= sizeof(int64_t)))
					p = run_rare(r, op, p, slot);
				else
				{
					DATA(int64_t)[slot] = get_big_endian(p, op->n);
					p += op->n;
				}
				break;
			case LH_AVRO_OP_LIST: p = get_list(r, op->node, op->items, p, slot); break;
			case LH_AVRO_OP_PICK: p = get_picks(r, op->node, op->pick, p, slot); break;
			default: p = run_rare(r, op, p, slot); break;
		}
		if (UNLIKELY(p == NULL))
			return NULL;
		if (UNLIKELY(p > end))
			return lh_avro_fail(r, op->node, at, LH_AVRO_FAIL_CUT_OFF, 0);
	}
	return p;
}

LhStatus
lh_avro_run(LhAvroRun *r, const LhAvroProg *prog, const uint8_t **p, size_t slot, size_t *n)
{
	const uint8_t *at = *p;
	size_t i;

	for (i = 0; i < *n && r->items < LH_AVRO_BATCH_ITEMS; i++)
	{
		if (UNLIKELY((r->work += prog->weight) >= POLL_ITEMS))
		{
			r->work = 0;
			LH_TRY(lh_poll(r->ctx));
		}
		at = run(r, prog, at, slot + i);
		if (UNLIKELY(at == NULL))
			return lh_avro_report(r);
	}
	*n = i;
	*p = at;
	return LH_OK;
}
