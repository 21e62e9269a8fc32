/*
 * column.c
 *		The columns that a program fills, and the vectors they become.
 *
 * Validity begins as all ones, and a null clears its bit: values that are there
 * cost nothing.
 */
#include <string.h>

#include "avro/program.h"

/* Buffers up to this are taken whatever the budget says, as other batches are. */
#define FLOOR_BYTES ((size_t) LH_BATCH * sizeof(LhStr) * 8)

/* First room for items of lists, as far as it does not take more than so many bytes a column. */
#define FIRST_ITEMS 256
#define FIRST_BYTES ((size_t) 64 << 10)

static LhAvroColumn *
column_at(const LhAvroLevel *level, size_t i)
{
	return ((LhAvroColumn **) (void *) level->columns.data)[i];
}

static size_t
count_columns(const LhAvroLevel *level)
{
	return level->columns.len / sizeof(LhAvroColumn *);
}

LhStatus
lh_avro_level_create(LhCtx *ctx, LhAvroProgram *program, LhAvroLevel **out)
{
	LhAvroLevel *level, **last = &program->levels;

	LH_NEW(ctx, level);
	LH_TRY(lh_buf_init(ctx, &level->columns, false));
	while (*last != NULL)
		last = &(*last)->next;
	*last = level;
	*out = level;
	return LH_OK;
}

LhStatus
lh_avro_column_create(LhCtx *ctx, LhAvroLevel *level, const LhType *type, const LhDict *dict,
					  bool has_valid, LhAvroColumn **out)
{
	LhAvroColumn *column;

	LH_NEW(ctx, column);
	column->type = *type;
	column->dict = dict;
	column->width = dict != NULL ? sizeof(uint32_t) : lh_lane_size(type->lane, type->width);
	column->has_valid = has_valid;
	if (column->width > level->width)
		level->width = column->width;
	LH_TRY(lh_buf_init(ctx, &column->data_buf, true));
	LH_TRY(lh_buf_init(ctx, &column->valid_buf, true));
	LH_TRY(lh_buf_init(ctx, &column->offsets_buf, true));
	LH_TRY(lh_buf_append(ctx, &level->columns, &column, sizeof(column)));
	*out = column;
	return LH_OK;
}

/* buf holds size bytes, its old ones kept. */
static LhStatus
grow(LhCtx *ctx, LhBuf *buf, size_t size)
{
	buf->floor = size <= FLOOR_BYTES;
	LH_TRY(lh_buf_reserve(ctx, buf, size));
	buf->len = buf->cap;
	return LH_OK;
}

static LhStatus
column_reserve(LhCtx *ctx, LhAvroColumn *column, size_t old, size_t n)
{
	if (column->width > 0 || column->nchildren == 0)
	{
		LH_TRY(grow(ctx, &column->data_buf, n * column->width + 1));
		column->data = column->data_buf.data;
	}
	if (column->has_valid)
	{
		size_t from = LH_WORDS(old) * sizeof(uint64_t), to = LH_WORDS(n) * sizeof(uint64_t);

		LH_TRY(grow(ctx, &column->valid_buf, to));
		column->valid = (uint64_t *) (void *) column->valid_buf.data;
		/* bits of slots that are not used yet are ones, also in the last old word */
		if (to > from)
			memset(column->valid_buf.data + from, 0xff, to - from);
	}
	if (column->items != NULL)
	{
		LH_TRY(grow(ctx, &column->offsets_buf, (n + 1) * sizeof(uint32_t)));
		column->offsets = (uint32_t *) (void *) column->offsets_buf.data;
	}
	return LH_OK;
}

LhStatus
lh_avro_level_reserve(LhCtx *ctx, LhAvroLevel *level, size_t n)
{
	size_t cap = level->cap + level->cap / 2;

	if (n <= level->cap)
		return LH_OK;
	if (cap < n)
		cap = n;
	for (size_t i = 0; i < count_columns(level); i++)
		LH_TRY(column_reserve(ctx, column_at(level, i), level->cap, cap));
	level->cap = cap;
	return LH_OK;
}

/* Slots that a level begins with. */
static size_t
first_slots(const LhAvroLevel *level)
{
	return level->width * FIRST_ITEMS <= FIRST_BYTES ? FIRST_ITEMS : 1 + FIRST_BYTES / level->width;
}

/* Ones for the slots that the last batch used. */
static void
level_begin(LhAvroLevel *level)
{
	for (size_t i = 0; i < count_columns(level); i++)
	{
		LhAvroColumn *column = column_at(level, i);

		if (column->has_valid)
			memset(column->valid, 0xff, LH_WORDS(level->n) * sizeof(uint64_t));
		if (column->items != NULL)
			column->offsets[0] = 0;
	}
	level->n = 0;
}

LhStatus
lh_avro_columns_begin(LhCtx *ctx, LhAvroProgram *program)
{
	for (LhAvroLevel *level = program->levels; level != NULL; level = level->next)
	{
		LH_TRY(lh_avro_level_reserve(ctx, level, first_slots(level)));
		level_begin(level);
	}
	return LH_OK;
}

void
lh_avro_column_null(LhAvroColumn *column, size_t slot)
{
	if (column->has_valid)
		lh_bit_clear(column->valid, slot);
	if (column->items != NULL)
		column->offsets[slot + 1] = (uint32_t) column->items->n;
	else if (column->nchildren > 0)
		for (int i = 0; i < column->nchildren; i++)
			lh_avro_column_null(column->children[i], slot);
	else if (column->type.lane == LH_LANE_STR && column->dict == NULL)
	{
		static const uint8_t nothing[1];

		((LhStr *) (void *) column->data)[slot] = (LhStr){nothing, 0, 0};
	}
	else if (column->width == 8)
		memset(column->data + slot * 8, 0, 8);
	else
		memset(column->data + slot * column->width, 0, column->width);
}

void
lh_avro_column_vec(LhAvroColumn *column, size_t n, LhVec *out)
{
	if (column->type.id == LH_T_NULL)
	{
		lh_vec_null(out, &column->type, (int) n);
		return;
	}
	*out = (LhVec){.type = column->type, .kind = LH_VEC_FLAT, .n = (int) n};
	if (column->has_valid)
	{
		if (n % 64 != 0)
			column->valid[n / 64] &= lh_low_bits((int) (n % 64));
		if (lh_bits_count(column->valid, LH_WORDS(n)) != n)
			out->valid = column->valid;
	}
	if (column->dict != NULL)
	{
		out->kind = LH_VEC_DICT;
		out->dict = column->dict;
		out->codes = (const uint32_t *) (const void *) column->data;
	}
	else
		out->data = column->data;
	out->offsets = column->offsets;
	out->nchildren = column->nchildren;
	out->children = column->vecs;
	for (int i = 0; i < column->nchildren; i++)
		lh_avro_column_vec(column->children[i], column->items != NULL ? column->items->n : n,
						   &column->vecs[i]);
}
