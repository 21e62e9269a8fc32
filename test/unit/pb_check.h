/*
 * pb_check.h
 *		A strict reader of Protocol Buffers, and rows that must read as the cells they were made of.
 *
 * Slow and obvious.  It asks for more than a reader has to: lengths and numbers are the
 * shortest, fields come in their order, and nothing is left over.  PB_CHECK aborts, for
 * fuzz targets, too.
 */
#ifndef PB_CHECK_H
#define PB_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change/change.h"
#include "change/protobuf.h"
#include "change/text.h"

#define PB_CHECK(condition)                                                       \
	do                                                                            \
	{                                                                             \
		if (!(condition))                                                         \
		{                                                                         \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                              \
		}                                                                         \
	} while (0)

typedef struct PbField
{
	int number;
	int wire;
	uint64_t value; /* a number, in whatever form */
	LhSlice bytes;
} PbField;

static inline uint64_t
pb_varint(LhSlice *s)
{
	uint64_t v = 0;

	for (int shift = 0;; shift += 7)
	{
		uint8_t b;

		PB_CHECK(s->len > 0 && shift < 70);
		b = *s->data++;
		s->len--;
		PB_CHECK(shift < 63 || b <= 1);
		v |= (uint64_t) (b & 0x7f) << shift;
		if (b < 0x80)
		{
			PB_CHECK(b != 0 || shift == 0);
			return v;
		}
	}
}

static inline LhSlice
pb_take(LhSlice *s, size_t n)
{
	LhSlice out = lh_slice(s->data, n);

	PB_CHECK(n <= s->len);
	s->data += n;
	s->len -= n;
	return out;
}

/* False: the message has ended.  Numbers must not descend. */
static inline bool
pb_next(LhSlice *s, PbField *f)
{
	int before = f->number;
	uint64_t tag;

	if (s->len == 0)
		return false;
	tag = pb_varint(s);
	*f = (PbField){.number = (int) (tag >> 3), .wire = (int) (tag & 7)};
	PB_CHECK(f->number > 0 && f->number >= before && tag >> 3 < 1 << 29);
	switch (f->wire)
	{
		case 0: f->value = pb_varint(s); break;
		case 1: memcpy(&f->value, pb_take(s, 8).data, 8); break;
		case 2: f->bytes = pb_take(s, pb_varint(s)); break;
		case 5: memcpy(&f->value, pb_take(s, 4).data, 4); break;
		default: PB_CHECK(f->wire < 3);
	}
	return true;
}

static inline int64_t
pb_unzigzag(uint64_t v)
{
	return (int64_t) (v >> 1) ^ -(int64_t) (v & 1);
}

static inline bool
pb_same(LhSlice a, const void *p, size_t n)
{
	return a.len == n && (n == 0 || memcmp(a.data, p, n) == 0);
}

/* Does a day or microsecond of PostgreSQL's not fit in as many bits since 1970? */
static inline bool
pb_is_late(const LhCell *c)
{
	if (c->kind == LH_CELL_DATE)
		return c->i64 != INT32_MAX && c->i64 + 10957 >= INT32_MAX;
	return (c->kind == LH_CELL_TIMESTAMP || c->kind == LH_CELL_TIMESTAMPTZ) &&
		   c->i64 != INT64_MAX && (__int128) c->i64 + INT64_C(946684800000000) >= INT64_MAX;
}

static inline bool
pb_fits(const LhChangeColumn *col, const LhCell *c)
{
	if (c->kind != col->kind || pb_is_late(c))
		return false;
	for (int i = 0; c->kind == LH_CELL_ARRAY && i < c->array->nitems; i++)
	{
		const LhCell *item = &c->array->items[i];

		if (item->kind != LH_CELL_NULL && (item->kind != col->elem_kind || pb_is_late(item)))
			return false;
	}
	return true;
}

static inline LhSlice
pb_text(LhCtx *ctx, const LhCell *c)
{
	LhBuf buf;

	PB_CHECK(lh_buf_init(ctx, &buf, false) == LH_OK && lh_put_cell_text(ctx, &buf, c) == LH_OK);
	return lh_slice(buf.data, buf.len);
}

/* A value of a kind, in a field or as an element: v as it came, a float in the lower half. */
static inline void
pb_check_value(LhCtx *ctx, const LhCell *c, uint32_t typid, int wire, uint64_t v, LhSlice bytes)
{
	LhSlice text;
	float f;

	switch ((LhCellKind) c->kind)
	{
		case LH_CELL_BOOL: PB_CHECK(wire == 0 && v == (uint64_t) (c->i64 != 0)); break;
		case LH_CELL_INT:
			if (typid == 26 || typid == 28)
				PB_CHECK(wire == 0 && v == (uint64_t) c->i64);
			else
				PB_CHECK(wire == 0 && pb_unzigzag(v) == c->i64);
			break;
		case LH_CELL_FLOAT4:
			f = (float) c->f64;
			PB_CHECK(wire == 5 && memcmp(&f, &v, 4) == 0);
			break;
		case LH_CELL_FLOAT8: PB_CHECK(wire == 1 && memcmp(&c->f64, &v, 8) == 0); break;
		case LH_CELL_DATE:
			PB_CHECK(wire == 0 && pb_unzigzag(v) == (c->i64 == INT32_MAX || c->i64 == INT32_MIN
														 ? c->i64
														 : c->i64 + 10957));
			break;
		case LH_CELL_TIME: PB_CHECK(wire == 0 && pb_unzigzag(v) == c->i64); break;
		case LH_CELL_TIMESTAMP:
		case LH_CELL_TIMESTAMPTZ:
			PB_CHECK(wire == 1 && (int64_t) v == (c->i64 == INT64_MAX || c->i64 == INT64_MIN
													  ? c->i64
													  : c->i64 + INT64_C(946684800000000)));
			break;
		case LH_CELL_BYTES: PB_CHECK(wire == 2 && pb_same(bytes, c->ptr, c->len)); break;
		default:
			text = pb_text(ctx, c);
			PB_CHECK(wire == 2 && pb_same(bytes, text.data, text.len));
			PB_CHECK(lh_utf8_valid(bytes.data, bytes.len));
	}
}

/* The wire type of an element by itself. */
static inline int
pb_elem_wire(LhCellKind kind)
{
	switch (kind)
	{
		case LH_CELL_BOOL:
		case LH_CELL_INT:
		case LH_CELL_DATE:
		case LH_CELL_TIME: return 0;
		case LH_CELL_FLOAT4: return 5;
		case LH_CELL_FLOAT8:
		case LH_CELL_TIMESTAMP:
		case LH_CELL_TIMESTAMPTZ: return 1;
		default: return 2;
	}
}

static inline void
pb_check_array(LhCtx *ctx, const LhCellArray *a, const LhChangeColumn *col, LhSlice bytes)
{
	int wire = pb_elem_wire(col->elem_kind);
	LhSlice packed = {0}, nulls = {0}, dims = {0}, bounds = {0};
	bool usual = true;
	PbField f = {0};
	int strings = 0;

	while (pb_next(&bytes, &f))
	{
		const LhCell *item = f.number == 1 && wire == 2 ? &a->items[strings] : NULL;

		PB_CHECK(f.wire == 2 && f.number <= 4);
		if (item != NULL)
		{
			PB_CHECK(strings++ < a->nitems);
			if (item->kind == LH_CELL_NULL)
				PB_CHECK(f.bytes.len == 0);
			else
				pb_check_value(ctx, item, col->elem_typid, 2, 0, f.bytes);
			continue;
		}
		PB_CHECK(f.bytes.len > 0);
		*(f.number == 1 ? &packed : f.number == 2 ? &nulls : f.number == 3 ? &dims : &bounds) = f.bytes;
	}
	PB_CHECK(wire != 2 || strings == a->nitems);
	for (int i = 0; i < a->nitems; i++)
	{
		const LhCell *item = &a->items[i];
		uint64_t v = 0;

		if (wire == 0)
			v = pb_varint(&packed);
		else if (wire != 2)
			memcpy(&v, pb_take(&packed, wire == 1 ? 8 : 4).data, wire == 1 ? 8 : 4);
		if (item->kind == LH_CELL_NULL)
			PB_CHECK(v == 0 && pb_varint(&nulls) == (uint64_t) i);
		else if (wire != 2)
			pb_check_value(ctx, item, col->elem_typid, wire, v, (LhSlice){0});
	}
	for (int i = 0; i < a->ndim; i++)
		usual &= a->lbound[i] == 1;
	for (int i = 0; a->ndim > 1 && i < a->ndim; i++)
		PB_CHECK(pb_varint(&dims) == (uint64_t) a->dims[i]);
	for (int i = 0; !usual && i < a->ndim; i++)
		PB_CHECK(pb_unzigzag(pb_varint(&bounds)) == a->lbound[i]);
	PB_CHECK(packed.len == 0 && nulls.len == 0 && dims.len == 0 && bounds.len == 0);
}

/* An entry of lakehouse_texts.  Arrays with elements that are no UTF-8 are looked at by hand, in the unit test. */
static inline void
pb_check_text(LhCtx *ctx, const LhCell *c, int attnum, LhSlice bytes)
{
	PbField f = {0};
	bool raw = c->kind == LH_CELL_ARRAY;

	PB_CHECK(pb_next(&bytes, &f) && f.number == 1 && f.wire == 0 && f.value == (uint64_t) attnum);
	PB_CHECK(pb_next(&bytes, &f) && f.number == 2 && f.wire == 2);
	PB_CHECK(!pb_next(&bytes, &f));
	if (c->kind == LH_CELL_RAW)
		PB_CHECK(pb_same(f.bytes, c->ptr, c->len));
	else if (!raw)
	{
		LhSlice text = pb_text(ctx, c);

		PB_CHECK(pb_same(f.bytes, text.data, text.len));
	}
	else
		PB_CHECK(f.bytes.len >= 2 && f.bytes.data[f.bytes.len - 1] == '}');
}

/* A Row or Key of n columns, in attnum's order, made of these cells. */
static inline void
pb_check_row(LhCtx *ctx, int n, const LhChangeColumn *columns, const LhCell *cells, LhSlice bytes)
{
	PbField f = {0};
	bool more = pb_next(&bytes, &f);

	for (int i = 0; i < n; i++)
	{
		const LhChangeColumn *col = &columns[i];

		if (!LH_CELL_IS_VALUE(&cells[i]) || !pb_fits(col, &cells[i]))
			continue;
		PB_CHECK(more && f.number == col->attnum);
		if (col->kind == LH_CELL_ARRAY)
		{
			PB_CHECK(f.wire == 2);
			pb_check_array(ctx, cells[i].array, col, f.bytes);
		}
		else
			pb_check_value(ctx, &cells[i], col->base_typid, f.wire, f.value, f.bytes);
		more = pb_next(&bytes, &f);
	}
	for (int i = 0; i < n; i++)
	{
		if (!LH_CELL_IS_VALUE(&cells[i]) || pb_fits(&columns[i], &cells[i]))
			continue;
		PB_CHECK(more && f.number == LH_PB_TEXTS && f.wire == 2);
		pb_check_text(ctx, &cells[i], columns[i].attnum, f.bytes);
		more = pb_next(&bytes, &f);
	}
	PB_CHECK(!more);
}

#endif
