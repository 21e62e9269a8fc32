/*
 * write_thrift.c
 *		Writer of Thrift's compact protocol.
 */
#include "parquet/write_thrift.h"

/* Longest varint of 64 bits. */
#define VARINT_MAX 10

static void
put(LhTout *t, const void *p, size_t n)
{
	if (t->status == LH_OK)
		t->status = lh_buf_append(t->ctx, t->buf, p, n);
}

static void
put_byte(LhTout *t, int byte)
{
	uint8_t b = (uint8_t) byte;

	put(t, &b, 1);
}

static void
put_varint(LhTout *t, uint64_t v)
{
	uint8_t bytes[VARINT_MAX];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t) (v | 0x80);
	bytes[n++] = (uint8_t) v;
	put(t, bytes, n);
}

static void
put_zigzag(LhTout *t, int64_t v)
{
	put_varint(t, ((uint64_t) v << 1) ^ (uint64_t) (v >> 63));
}

static void
put_field(LhTout *t, int id, int type)
{
	int delta = id - t->last[t->depth];

	if (delta > 0 && delta < 16)
		put_byte(t, delta << 4 | type);
	else
	{
		put_byte(t, type);
		put_zigzag(t, id);
	}
	t->last[t->depth] = id;
}

/* Deeper structures than there are in Parquet's metadata would be a mistake of ours. */
static void
open_struct(LhTout *t)
{
	if (t->depth + 1 >= LH_TOUT_DEPTH)
	{
		if (t->status == LH_OK)
			t->status = lh_fail(t->ctx, LH_BUG, "structures of metadata are nested too deep");
		return;
	}
	t->last[++t->depth] = 0;
}

void
lh_tout_begin(LhTout *t, LhCtx *ctx, LhBuf *buf)
{
	*t = (LhTout){.ctx = ctx, .buf = buf};
}

LhStatus
lh_tout_end(LhTout *t)
{
	put_byte(t, 0);
	return t->status;
}

void
lh_tout_bool(LhTout *t, int id, bool v)
{
	put_field(t, id, v ? LH_TOUT_TRUE : LH_TOUT_FALSE);
}

void
lh_tout_i8(LhTout *t, int id, int v)
{
	put_field(t, id, LH_TOUT_I8);
	put_byte(t, v);
}

void
lh_tout_i32(LhTout *t, int id, int32_t v)
{
	put_field(t, id, LH_TOUT_I32);
	put_zigzag(t, v);
}

void
lh_tout_i64(LhTout *t, int id, int64_t v)
{
	put_field(t, id, LH_TOUT_I64);
	put_zigzag(t, v);
}

void
lh_tout_binary(LhTout *t, int id, LhSlice v)
{
	put_field(t, id, LH_TOUT_BINARY);
	lh_tout_binary_item(t, v);
}

void
lh_tout_string(LhTout *t, int id, const char *v)
{
	lh_tout_binary(t, id, lh_slice(v, strlen(v)));
}

void
lh_tout_struct(LhTout *t, int id)
{
	put_field(t, id, LH_TOUT_STRUCT);
	open_struct(t);
}

void
lh_tout_close(LhTout *t)
{
	put_byte(t, 0);
	if (t->depth > 0)
		t->depth--;
}

void
lh_tout_empty(LhTout *t, int id)
{
	lh_tout_struct(t, id);
	lh_tout_close(t);
}

void
lh_tout_raw(LhTout *t, int id, LhSlice written)
{
	put_field(t, id, LH_TOUT_STRUCT);
	put(t, written.data, written.len);
}

void
lh_tout_list(LhTout *t, int id, LhToutType type, size_t n)
{
	put_field(t, id, LH_TOUT_LIST);
	if (n < 15)
		put_byte(t, (int) n << 4 | (int) type);
	else
	{
		put_byte(t, 0xf0 | (int) type);
		put_varint(t, n);
	}
}

void
lh_tout_item(LhTout *t)
{
	open_struct(t);
}

void
lh_tout_bool_item(LhTout *t, bool v)
{
	put_byte(t, v ? LH_TOUT_TRUE : LH_TOUT_FALSE);
}

void
lh_tout_i32_item(LhTout *t, int32_t v)
{
	put_zigzag(t, v);
}

void
lh_tout_i64_item(LhTout *t, int64_t v)
{
	put_zigzag(t, v);
}

void
lh_tout_binary_item(LhTout *t, LhSlice v)
{
	put_varint(t, v.len);
	put(t, v.data, v.len);
}
