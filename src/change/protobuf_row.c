/*
 * protobuf_row.c
 *		Rows and keys as fields of a message.
 *
 *	1. Room for all values of bounded size is taken once a row; only those without bound
 *	   (text, numeric, arrays) look for room again.
 *	2. Lengths that are known (text, fixed arrays) are written before their content,
 *	   others when it is there (LhPbOpen).
 *	3. A cell that is not of its column's kind, or that the field's type cannot hold, is
 *	   passed over, and all of those stand as text in the row's last field: that costs
 *	   the usual row one comparison a value.
 */
#include "change/protobuf.h"

/* Digits of a numeric in a field whose length has one byte. */
#define SHORT_NUMERIC 112
/* Tag, length and content of any value of bounded size. */
#define BOUNDED       (2 + 1 + SHORT_NUMERIC + 16)

/* Fields of the messages of arrays. */
#define ARRAY_VALUES 1
#define ARRAY_NULLS  2
#define ARRAY_DIMS   3
#define ARRAY_BOUNDS 4
/* Fields of a text of LH_PB_TEXTS. */
#define TEXT_COLUMN  1
#define TEXT_BYTES   2

_Static_assert(LH_PG_EPOCH_US == LH_PG_EPOCH_DAYS * INT64_C(86400000000), "one epoch");

/* ---- lengths ---- */

LhStatus
lh_pb_open(LhCtx *ctx, LhBuf *buf, size_t width, LhPbOpen *open)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, LH_PB_VARINT_MAX, &p));
	open->at = buf->len;
	open->width = width;
	buf->len += width;
	return LH_OK;
}

LhStatus
lh_pb_close(LhCtx *ctx, LhBuf *buf, LhPbOpen open, uint8_t *width)
{
	size_t n = buf->len - open.at - open.width;
	size_t need = lh_pb_varint_size(n);
	char *p;

	if (__builtin_expect(need != open.width, 0))
	{
		LH_TRY(lh_put_room(ctx, buf, LH_PB_VARINT_MAX, &p));
		memmove(buf->data + open.at + need, buf->data + open.at + open.width, n);
		buf->len = open.at + need + n;
	}
	lh_pb_varint((char *) buf->data + open.at, n);
	*width = (uint8_t) need;
	return LH_OK;
}

/* ---- single values ---- */

/* Since 1970; both infinities are what they were. */
static inline int64_t
unix_micros(int64_t us)
{
	return us == INT64_MAX || us == INT64_MIN ? us : us + LH_PG_EPOCH_US;
}

static inline int64_t
unix_days(int64_t days)
{
	return days == INT32_MAX || days == INT32_MIN ? days : days + LH_PG_EPOCH_DAYS;
}

/* Is the cell what its field is made for?  Not all microseconds since 2000 are some since 1970. */
static inline bool
fits(const LhCell *c, uint8_t kind)
{
	if (c->kind != kind)
		return false;
	if (c->kind == LH_CELL_TIMESTAMP || c->kind == LH_CELL_TIMESTAMPTZ)
		return c->i64 < INT64_MAX - LH_PG_EPOCH_US || c->i64 == INT64_MAX;
	if (c->kind == LH_CELL_DATE)
		return c->i64 < INT32_MAX - LH_PG_EPOCH_DAYS || c->i64 == INT32_MAX;
	return true;
}

/* Five bytes at most, whatever the cell has. */
static inline uint32_t
zigzag32(int32_t v)
{
	return (uint32_t) v << 1 ^ (uint32_t) (v >> 31);
}

static inline char *
put_fixed64(char *p, const void *v)
{
	memcpy(p, v, 8);
	return p + 8;
}

/* A number without its tag; the type is neither text nor bytes. */
static inline char *
put_scalar(char *p, LhPbType type, const LhCell *c)
{
	int64_t us;
	float f;

	switch (type)
	{
		case LH_PB_BOOL: *p = (char) (c->i64 != 0); return p + 1;
		case LH_PB_SINT32:
			return lh_pb_varint(
				p, zigzag32((int32_t) (c->kind == LH_CELL_DATE ? unix_days(c->i64) : c->i64)));
		case LH_PB_SINT64: return lh_pb_varint(p, lh_pb_zigzag(c->i64));
		case LH_PB_UINT32: return lh_pb_varint(p, (uint32_t) c->i64);
		case LH_PB_FLOAT:
			f = (float) c->f64;
			memcpy(p, &f, 4);
			return p + 4;
		case LH_PB_DOUBLE: return put_fixed64(p, &c->f64);
		default: us = unix_micros(c->i64); return put_fixed64(p, &us);
	}
}

/* Length and text of a value that has less than 128 bytes; NULL: it may have more. */
static inline char *
put_short_text(char *p, const LhCell *c)
{
	char *end;

	switch ((LhCellKind) c->kind)
	{
		case LH_CELL_UUID: end = lh_text_uuid(p + 1, c->ptr); break;
		case LH_CELL_TIMETZ: end = lh_text_timetz(p + 1, c->i64, c->aux); break;
		case LH_CELL_INTERVAL:
			end = lh_text_interval(p + 1, c->i64, (int32_t) c->len, c->aux);
			break;
		case LH_CELL_NUMERIC:
			if (c->sign > LH_SIGN_MINUS || lh_text_numeric_room(c) > SHORT_NUMERIC)
				return NULL;
			end = lh_text_numeric(p + 1, c);
			break;
		default: return NULL;
	}
	*p = (char) (end - p - 1);
	return end;
}

/* Length and bytes of a cell that points to them. */
static inline LhStatus
put_pointed(LhCtx *ctx, LhBuf *buf, const LhCell *c, size_t more)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, LH_PB_VARINT_MAX + c->len + more, &p));
	p = lh_pb_varint(p, c->len);
	if (c->len > 0)
		memcpy(p, c->ptr, c->len);
	lh_put_end(buf, p + c->len);
	return LH_OK;
}

/* Length and text of any other cell. */
static LhStatus
put_long_text(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	LhPbOpen open;
	uint8_t ignored;

	LH_TRY(lh_pb_open(ctx, buf, 1, &open));
	LH_TRY(lh_put_cell_text(ctx, buf, c));
	return lh_pb_close(ctx, buf, open, &ignored);
}

static LhStatus
put_text(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	char *p, *end;

	if (lh_cell_is_text(c) || c->kind == LH_CELL_BYTES)
		return put_pointed(ctx, buf, c, 0);
	LH_TRY(lh_put_room(ctx, buf, BOUNDED, &p));
	end = put_short_text(p, c);
	if (end == NULL)
		return put_long_text(ctx, buf, c);
	lh_put_end(buf, end);
	return LH_OK;
}

/* ---- arrays ---- */

/* Elements that are null stand as zeros or empty texts, so that places are kept; ARRAY_NULLS names them. */
static LhStatus
put_numbers(LhCtx *ctx, LhBuf *buf, LhPbType type, const LhCellArray *a)
{
	static const struct
	{
		uint8_t least, most;
	} sizes[LH_PB_STRING] = {
		[LH_PB_BOOL] = {1, 1},    [LH_PB_SINT32] = {1, 5}, [LH_PB_SINT64] = {1, 10},
		[LH_PB_UINT32] = {1, 5},  [LH_PB_FLOAT] = {4, 4},  [LH_PB_DOUBLE] = {8, 8},
		[LH_PB_SFIXED64] = {8, 8}};
	size_t least = sizes[type].least;
	LhPbOpen open;
	uint8_t ignored;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 1, &p));
	*p = LH_PB_TAG(ARRAY_VALUES, LH_PB_BYTES);
	lh_put_end(buf, p + 1);
	LH_TRY(lh_pb_open(ctx, buf, lh_pb_varint_size(least * (size_t) a->nitems), &open));
	LH_TRY(lh_put_room(ctx, buf, (size_t) a->nitems * sizes[type].most, &p));
	for (int i = 0; i < a->nitems; i++)
	{
		if (!LH_CELL_IS_VALUE(&a->items[i]))
		{
			memset(p, 0, least);
			p += least;
		}
		else
			p = put_scalar(p, type, &a->items[i]);
	}
	lh_put_end(buf, p);
	return lh_pb_close(ctx, buf, open, &ignored);
}

static LhStatus
put_strings(LhCtx *ctx, LhBuf *buf, const LhCellArray *a)
{
	char *p;

	for (int i = 0; i < a->nitems; i++)
	{
		LH_TRY(lh_put_room(ctx, buf, 2, &p));
		p[0] = LH_PB_TAG(ARRAY_VALUES, LH_PB_BYTES);
		p[1] = 0;
		lh_put_end(buf, p + 1 + !LH_CELL_IS_VALUE(&a->items[i]));
		if (LH_CELL_IS_VALUE(&a->items[i]))
			LH_TRY(put_text(ctx, buf, &a->items[i]));
	}
	return LH_OK;
}

static LhStatus
put_nulls(LhCtx *ctx, LhBuf *buf, const LhCellArray *a)
{
	LhPbOpen open;
	uint8_t ignored;
	char *p;
	int n = 0;

	for (int i = 0; i < a->nitems; i++)
		n += !LH_CELL_IS_VALUE(&a->items[i]);
	if (n == 0)
		return LH_OK;
	LH_TRY(lh_put_room(ctx, buf, 1, &p));
	*p = LH_PB_TAG(ARRAY_NULLS, LH_PB_BYTES);
	lh_put_end(buf, p + 1);
	LH_TRY(lh_pb_open(ctx, buf, lh_pb_varint_size((size_t) n), &open));
	LH_TRY(lh_put_room(ctx, buf, (size_t) n * LH_PB_VARINT_MAX, &p));
	for (int i = 0; i < a->nitems; i++)
	{
		if (!LH_CELL_IS_VALUE(&a->items[i]))
			p = lh_pb_varint(p, (uint64_t) i);
	}
	lh_put_end(buf, p);
	return lh_pb_close(ctx, buf, open, &ignored);
}

/* Dimensions where there are several, bounds where one is not 1: both are few and short. */
static LhStatus
put_shape(LhCtx *ctx, LhBuf *buf, const LhCellArray *a)
{
	char packed[LH_CELL_MAX_DIMS * LH_PB_VARINT_MAX];
	bool usual = true;
	char *p, *end = packed;

	LH_TRY(lh_put_room(ctx, buf, 2 * (2 + sizeof(packed)), &p));
	for (int i = 0; i < a->ndim; i++)
	{
		end = lh_pb_varint(end, (uint64_t) a->dims[i]);
		usual &= a->lbound[i] == 1;
	}
	if (a->ndim > 1)
	{
		*p++ = LH_PB_TAG(ARRAY_DIMS, LH_PB_BYTES);
		*p++ = (char) (end - packed);
		memcpy(p, packed, (size_t) (end - packed));
		p += end - packed;
	}
	if (!usual)
	{
		end = packed;
		for (int i = 0; i < a->ndim; i++)
			end = lh_pb_varint(end, lh_pb_zigzag(a->lbound[i]));
		*p++ = LH_PB_TAG(ARRAY_BOUNDS, LH_PB_BYTES);
		*p++ = (char) (end - packed);
		memcpy(p, packed, (size_t) (end - packed));
		p += end - packed;
	}
	lh_put_end(buf, p);
	return LH_OK;
}

static LhStatus
put_array(LhCtx *ctx, LhBuf *buf, LhPbType elem, const LhCellArray *a)
{
	LhPbOpen open;
	uint8_t ignored;

	LH_TRY(lh_pb_open(ctx, buf, lh_pb_varint_size((size_t) a->nitems), &open));
	if (a->nitems > 0)
	{
		LH_TRY(elem == LH_PB_STRING || elem == LH_PB_BYTES_TYPE ? put_strings(ctx, buf, a)
																: put_numbers(ctx, buf, elem, a));
		LH_TRY(put_nulls(ctx, buf, a));
		LH_TRY(put_shape(ctx, buf, a));
	}
	return lh_pb_close(ctx, buf, open, &ignored);
}

static bool
array_fits(const LhCellArray *a, uint8_t kind)
{
	for (int i = 0; i < a->nitems; i++)
	{
		if (LH_CELL_IS_VALUE(&a->items[i]) && !fits(&a->items[i], kind))
			return false;
	}
	return true;
}

/* ---- what fits no field ---- */

/* The array with elements that are no UTF-8 as they are, not in hexadecimal digits. */
static LhStatus
as_it_is(LhCtx *ctx, const LhCell *c, LhCell *out)
{
	LhCellArray *a;
	LhCell *items;

	LH_ALLOC(ctx, a, sizeof(*a));
	*a = *c->array;
	LH_NEW_ARRAY(ctx, items, (size_t) a->nitems);
	for (int i = 0; i < a->nitems; i++)
	{
		items[i] = a->items[i];
		if (items[i].kind == LH_CELL_RAW)
			items[i].kind = LH_CELL_OTHER;
		else if (items[i].kind == LH_CELL_ARRAY)
			LH_TRY(as_it_is(ctx, &a->items[i], &items[i]));
	}
	a->items = items;
	*out = *c;
	out->array = a;
	return LH_OK;
}

static bool
field_fits(const LhPbField *f, const LhCell *c)
{
	return fits(c, f->kind) && (f->type != LH_PB_ARRAY || array_fits(c->array, f->elem_kind));
}

static LhStatus
put_text_of(LhCtx *ctx, LhBuf *buf, const LhPbField *f, const LhCell *cell)
{
	LhCell c = *cell;
	LhPbOpen open;
	uint8_t ignored;
	char *p;

	if (c.kind == LH_CELL_RAW)
		c.kind = LH_CELL_OTHER;
	else if (c.kind == LH_CELL_ARRAY)
		LH_TRY(as_it_is(ctx, cell, &c));
	LH_TRY(lh_put_room(ctx, buf, LH_PB_VARINT_MAX, &p));
	lh_put_end(buf, lh_pb_varint(p, LH_PB_TEXTS << 3 | LH_PB_BYTES));
	LH_TRY(lh_pb_open(ctx, buf, 1, &open));
	LH_TRY(lh_put_room(ctx, buf, 2 * LH_PB_VARINT_MAX, &p));
	p = lh_pb_uint_field(p, TEXT_COLUMN, (uint64_t) f->attnum);
	*p++ = LH_PB_TAG(TEXT_BYTES, LH_PB_BYTES);
	lh_put_end(buf, p);
	LH_TRY(put_long_text(ctx, buf, &c));
	return lh_pb_close(ctx, buf, open, &ignored);
}

static __attribute__((noinline)) LhStatus
put_texts(LhCtx *ctx, LhBuf *buf, const LhPbRow *row, const LhCell *cells)
{
	for (int i = 0; i < row->n; i++)
	{
		if (LH_CELL_IS_VALUE(&cells[i]) && !field_fits(&row->fields[i], &cells[i]))
			LH_TRY(put_text_of(ctx, buf, &row->fields[i], &cells[i]));
	}
	return LH_OK;
}

/* ---- rows ---- */

static inline char *
put_tag(char *p, const LhPbField *f)
{
	memcpy(p, f->tag, 2);
	return p + f->ntag;
}

/* What is not of bounded size, its tag written; more: room for what comes next. */
static __attribute__((noinline)) LhStatus
put_unbounded(LhCtx *ctx, LhBuf *buf, const LhPbField *f, const LhCell *c, size_t more)
{
	char *p;

	if (f->type == LH_PB_ARRAY)
		LH_TRY(put_array(ctx, buf, (LhPbType) f->elem_type, c->array));
	else
		LH_TRY(put_text(ctx, buf, c));
	return lh_put_room(ctx, buf, more, &p);
}

LhStatus
lh_pb_put_row(LhCtx *ctx, LhBuf *buf, const LhPbRow *row, const LhCell *cells, int *unchanged)
{
	int strange = 0;
	char *p, *end;

	LH_TRY(lh_put_room(ctx, buf, row->fields[0].room, &p));
	for (int i = 0; i < row->n; i++)
	{
		const LhPbField *f = &row->fields[i];
		const LhCell *c = &cells[i];

		if (!LH_CELL_IS_VALUE(c))
		{
			*unchanged += c->kind == LH_CELL_UNCHANGED;
			continue;
		}
		if (__builtin_expect(!fits(c, f->kind), 0) ||
			(f->type == LH_PB_ARRAY && !array_fits(c->array, f->elem_kind)))
		{
			strange++;
			continue;
		}
		p = put_tag(p, f);
		if (f->type < LH_PB_STRING)
		{
			p = put_scalar(p, (LhPbType) f->type, c);
			continue;
		}
		if (f->type == LH_PB_STRING)
		{
			end = put_short_text(p, c);
			if (end != NULL)
			{
				p = end;
				continue;
			}
		}
		lh_put_end(buf, p);
		if (lh_cell_is_text(c))
			LH_TRY(put_pointed(ctx, buf, c, f[1].room));
		else
			LH_TRY(put_unbounded(ctx, buf, f, c, f[1].room));
		p = (char *) buf->data + buf->len;
	}
	lh_put_end(buf, p);
	return __builtin_expect(strange > 0, 0) ? put_texts(ctx, buf, row, cells) : LH_OK;
}

/* ---- plans ---- */

static bool
holds(const int *columns, int n, int column)
{
	for (int i = 0; i < n; i++)
	{
		if (columns[i] == column)
			return true;
	}
	return false;
}

LhStatus
lh_pb_row_create(LhCtx *ctx, const LhChangeRel *rel, int n, const int *columns, LhPbRow *row)
{
	size_t most = (size_t) (columns != NULL ? n : rel->ncolumns);
	size_t room = 0;
	int *sorted;

	LH_NEW_ARRAY(ctx, sorted, most + 1);
	LH_NEW_ARRAY(ctx, row->fields, most + 1);
	row->n = 0;
	row->columns = sorted;
	/* the relation's columns are in attnum's order */
	for (int i = 0; i < rel->ncolumns; i++)
	{
		if (columns == NULL || holds(columns, n, i))
		{
			lh_pb_field_init(&rel->columns[i], &row->fields[row->n]);
			sorted[row->n++] = i;
		}
	}
	row->fields[row->n].room = 0;
	for (int i = row->n - 1; i >= 0; i--)
	{
		room += BOUNDED;
		row->fields[i].room = (uint32_t) room;
	}
	return LH_OK;
}
