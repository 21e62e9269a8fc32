/*
 * thrift.c
 *		Reader of Thrift's compact protocol over borrowed bytes.
 *
 * Footers of wide files are megabytes of which a query needs a few hundred
 * bytes, so what counts here is stepping over structures: skip_struct keeps
 * position and end in registers and looks at each byte once.
 *
 * Format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
#include "parquet/thrift.h"

/* A 64-bit number takes at most ten bytes of seven bits. */
#define MAX_VARINT 10

static const char short_input[] = "more bytes";
static const char long_varint[] = "a number of at most ten bytes";
static const char narrow_number[] = "a number of 16 bits";
static const char wide_number[] = "a number of 32 bits";
static const char bad_type[] = "a type of the compact protocol";
static const char too_deep[] = "structures nested at most 64 deep";
static const char too_long[] = "a length within the bytes that are left";

void
lh_thrift_init(LhThrift *r, const uint8_t *p, size_t len)
{
	*r = (LhThrift){.begin = p, .p = p, .end = p + len};
}

void
lh_thrift_fail(LhThrift *r, LhThriftError error, const char *why)
{
	if (r->error != LH_THRIFT_OK)
		return;
	r->error = error;
	r->why = why;
	r->where = lh_thrift_at(r);
	r->p = r->end;
}

LhStatus
lh_thrift_status(LhCtx *ctx, const LhThrift *r, const char *what)
{
	if (lh_thrift_ok(r))
		return LH_OK;
	LH_FAIL(ctx, LH_CORRUPT, "%s is damaged: expected %s at byte %zu of %zu", what, r->why,
			r->where, (size_t) (r->end - r->begin));
}

/* A number of up to 64 bits, seven in a byte, low ones first. */
static uint64_t
varint(LhThrift *r)
{
	const uint8_t *p = r->p;
	uint64_t v = 0;

	if (p < r->end && *p < 0x80)
	{
		r->p++;
		return *p;
	}
	for (int i = 0; i < MAX_VARINT; i++)
	{
		if (p >= r->end)
		{
			lh_thrift_fail(r, LH_THRIFT_SHORT, short_input);
			return 0;
		}
		v |= (uint64_t) (*p & 0x7f) << (7 * i);
		if (*p++ < 0x80)
		{
			r->p = p;
			return v;
		}
	}
	lh_thrift_fail(r, LH_THRIFT_BAD, long_varint);
	return 0;
}

static int64_t
zigzag(LhThrift *r)
{
	return lh_unzigzag(varint(r));
}

static int32_t
zigzag32(LhThrift *r)
{
	const uint8_t *before = r->p;
	int64_t v = zigzag(r);

	if (v < INT32_MIN || v > INT32_MAX)
	{
		r->p = before;
		lh_thrift_fail(r, LH_THRIFT_BAD, wide_number);
		return 0;
	}
	return (int32_t) v;
}

bool
lh_thrift_next(LhThrift *r, LhThriftField *f)
{
	uint8_t b;

	if (r->p >= r->end)
	{
		lh_thrift_fail(r, LH_THRIFT_SHORT, short_input);
		return false;
	}
	b = *r->p++;
	f->type = b & 0x0f;
	if (f->type == LH_THRIFT_STOP)
	{
		/* a stop byte is all zero; anything else would be a field without type */
		if (b != 0)
		{
			r->p--;
			lh_thrift_fail(r, LH_THRIFT_BAD, bad_type);
		}
		return false;
	}
	if (b >> 4 != 0)
		f->id += b >> 4;
	else
		f->id = zigzag32(r);
	if (f->id < INT16_MIN || f->id > INT16_MAX)
		lh_thrift_fail(r, LH_THRIFT_BAD, "a field number of 16 bits");
	return lh_thrift_ok(r);
}

static const uint8_t *
skip_varint(LhThrift *r, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *begin = p;

	while (p < end && *p >= 0x80)
		p++;
	if (p >= end || p - begin >= MAX_VARINT)
	{
		r->p = begin;
		lh_thrift_fail(r, p - begin >= MAX_VARINT ? LH_THRIFT_BAD : LH_THRIFT_SHORT,
					   p - begin >= MAX_VARINT ? long_varint : short_input);
		return NULL;
	}
	return p + 1;
}

static const uint8_t *
skip_bytes(LhThrift *r, const uint8_t *p, const uint8_t *end, uint64_t n)
{
	if (n <= (uint64_t) (end - p))
		return p + n;
	r->p = p;
	lh_thrift_fail(r, LH_THRIFT_SHORT, too_long);
	return NULL;
}

static const uint8_t *
skip_value(LhThrift *r, const uint8_t *p, const uint8_t *end, int type, int depth);

static const uint8_t *
skip_binary(LhThrift *r, const uint8_t *p, const uint8_t *end)
{
	uint64_t n;

	if (p < end && *p < 0x80)
		return skip_bytes(r, p + 1, end, *p);
	r->p = p;
	n = varint(r);
	return lh_thrift_ok(r) ? skip_bytes(r, r->p, end, n) : NULL;
}

static const uint8_t *
skip_list(LhThrift *r, const uint8_t *p, const uint8_t *end, int depth)
{
	uint64_t n;
	int type;

	if (p >= end)
		return skip_bytes(r, p, end, 1);
	type = *p & 0x0f;
	n = *p++ >> 4;
	if (n == 15)
	{
		r->p = p;
		n = varint(r);
		if (!lh_thrift_ok(r))
			return NULL;
		p = r->p;
	}
	/* in lists, booleans are bytes */
	if (type == LH_THRIFT_TRUE || type == LH_THRIFT_FALSE || type == LH_THRIFT_I8)
		return skip_bytes(r, p, end, n);
	if (n > (uint64_t) (end - p))
		return skip_bytes(r, p, end, n);
	for (uint64_t i = 0; i < n && p != NULL; i++)
		p = skip_value(r, p, end, type, depth);
	return p;
}

static const uint8_t *
skip_map(LhThrift *r, const uint8_t *p, const uint8_t *end, int depth)
{
	uint64_t n;
	int type[2];

	r->p = p;
	n = varint(r);
	if (!lh_thrift_ok(r))
		return NULL;
	p = r->p;
	if (n == 0)
		return p;
	if (n >= (uint64_t) (end - p))
		return skip_bytes(r, p, end, n + 1);
	type[0] = *p >> 4;
	type[1] = *p++ & 0x0f;
	for (int i = 0; i < 2; i++)
		if (type[i] == LH_THRIFT_TRUE || type[i] == LH_THRIFT_FALSE)
			type[i] = LH_THRIFT_I8;
	for (uint64_t i = 0; i < n && p != NULL; i++)
	{
		p = skip_value(r, p, end, type[0], depth);
		if (p != NULL)
			p = skip_value(r, p, end, type[1], depth);
	}
	return p;
}

/* Fields up to and with the stop byte; NULL after an error. */
static const uint8_t *
skip_fields(LhThrift *r, const uint8_t *p, const uint8_t *end, int depth)
{
	while (p != NULL)
	{
		uint8_t b;

		if (p >= end)
			return skip_bytes(r, p, end, 1);
		b = *p++;
		if (b == 0)
			return p;
		if (b < 0x10 && (p = skip_varint(r, p, end)) == NULL)
			return NULL;
		p = skip_value(r, p, end, b & 0x0f, depth);
	}
	return NULL;
}

static const uint8_t *
skip_value(LhThrift *r, const uint8_t *p, const uint8_t *end, int type, int depth)
{
	switch (type)
	{
		case LH_THRIFT_TRUE:
		case LH_THRIFT_FALSE: return p;
		case LH_THRIFT_I8: return skip_bytes(r, p, end, 1);
		case LH_THRIFT_I16:
		case LH_THRIFT_I32:
		case LH_THRIFT_I64: return skip_varint(r, p, end);
		case LH_THRIFT_DOUBLE: return skip_bytes(r, p, end, 8);
		case LH_THRIFT_BINARY: return skip_binary(r, p, end);
		case LH_THRIFT_UUID: return skip_bytes(r, p, end, 16);
		default: break;
	}
	r->p = p;
	if (depth >= LH_THRIFT_MAX_DEPTH)
		lh_thrift_fail(r, LH_THRIFT_BAD, too_deep);
	else if (type == LH_THRIFT_STRUCT)
		return skip_fields(r, p, end, depth + 1);
	else if (type == LH_THRIFT_LIST || type == LH_THRIFT_SET)
		return skip_list(r, p, end, depth + 1);
	else if (type == LH_THRIFT_MAP)
		return skip_map(r, p, end, depth + 1);
	else
		lh_thrift_fail(r, LH_THRIFT_BAD, bad_type);
	return NULL;
}

void
lh_thrift_skip(LhThrift *r, int type)
{
	const uint8_t *p;

	if (!lh_thrift_ok(r))
		return;
	p = skip_value(r, r->p, r->end, type, 0);
	if (p != NULL)
		r->p = p;
}

void
lh_thrift_skip_struct(LhThrift *r)
{
	const uint8_t *p;

	if (!lh_thrift_ok(r))
		return;
	p = skip_fields(r, r->p, r->end, 0);
	if (p != NULL)
		r->p = p;
}

/* Is the field of the wanted type?  If not it is skipped. */
static bool
wanted(LhThrift *r, const LhThriftField *f, bool fits)
{
	if (!fits)
		lh_thrift_skip(r, f->type);
	return fits && lh_thrift_ok(r);
}

bool
lh_thrift_bool(LhThrift *r, const LhThriftField *f, bool *out)
{
	if (!wanted(r, f, f->type == LH_THRIFT_TRUE || f->type == LH_THRIFT_FALSE))
		return false;
	*out = f->type == LH_THRIFT_TRUE;
	return true;
}

bool
lh_thrift_i8(LhThrift *r, const LhThriftField *f, int *out)
{
	if (!wanted(r, f, f->type == LH_THRIFT_I8))
		return false;
	if (r->p >= r->end)
	{
		lh_thrift_fail(r, LH_THRIFT_SHORT, short_input);
		return false;
	}
	*out = (int8_t) *r->p++;
	return true;
}

bool
lh_thrift_i16(LhThrift *r, const LhThriftField *f, int *out)
{
	int32_t v;

	if (!wanted(r, f, f->type == LH_THRIFT_I16))
		return false;
	v = zigzag32(r);
	if (lh_thrift_ok(r) && v != (int16_t) v)
		lh_thrift_fail(r, LH_THRIFT_BAD, narrow_number);
	if (!lh_thrift_ok(r))
		return false;
	*out = v;
	return true;
}

bool
lh_thrift_i32(LhThrift *r, const LhThriftField *f, int32_t *out)
{
	int32_t v;

	if (!wanted(r, f, f->type == LH_THRIFT_I32))
		return false;
	v = zigzag32(r);
	if (!lh_thrift_ok(r))
		return false;
	*out = v;
	return true;
}

bool
lh_thrift_i64(LhThrift *r, const LhThriftField *f, int64_t *out)
{
	int64_t v;

	if (!wanted(r, f, f->type == LH_THRIFT_I64))
		return false;
	v = zigzag(r);
	if (!lh_thrift_ok(r))
		return false;
	*out = v;
	return true;
}

bool
lh_thrift_binary(LhThrift *r, const LhThriftField *f, LhSlice *out)
{
	LhSlice v;

	if (!wanted(r, f, f->type == LH_THRIFT_BINARY))
		return false;
	v = lh_thrift_item_binary(r);
	if (!lh_thrift_ok(r))
		return false;
	*out = v;
	return true;
}

bool
lh_thrift_double(LhThrift *r, const LhThriftField *f, double *out)
{
	if (!wanted(r, f, f->type == LH_THRIFT_DOUBLE))
		return false;
	if (r->end - r->p < (ptrdiff_t) sizeof(*out))
	{
		lh_thrift_fail(r, LH_THRIFT_SHORT, short_input);
		return false;
	}
	*out = lh_load_f64(r->p);
	r->p += sizeof(*out);
	return true;
}

bool
lh_thrift_struct(LhThrift *r, const LhThriftField *f)
{
	return wanted(r, f, f->type == LH_THRIFT_STRUCT);
}

bool
lh_thrift_list(LhThrift *r, const LhThriftField *f, int type, LhThriftList *list)
{
	const uint8_t *begin = r->p;
	uint64_t n;
	uint8_t b;

	if (!wanted(r, f, f->type == LH_THRIFT_LIST))
		return false;
	if (r->p >= r->end)
	{
		lh_thrift_fail(r, LH_THRIFT_SHORT, short_input);
		return false;
	}
	b = *r->p++;
	n = b >> 4;
	if (n == 15)
		n = varint(r);
	if (!lh_thrift_ok(r))
		return false;
	if (n > (uint64_t) (r->end - r->p) || n > INT32_MAX)
	{
		r->p = begin;
		lh_thrift_fail(r, LH_THRIFT_SHORT, too_long);
		return false;
	}
	list->n = (uint32_t) n;
	list->type = b & 0x0f;
	if (list->type == LH_THRIFT_FALSE)
		list->type = LH_THRIFT_TRUE;
	if (n == 0 || list->type == type)
		return true;
	r->p = begin;
	lh_thrift_skip(r, f->type);
	return false;
}

bool
lh_thrift_item_bool(LhThrift *r)
{
	if (r->p >= r->end)
	{
		lh_thrift_fail(r, LH_THRIFT_SHORT, short_input);
		return false;
	}
	return *r->p++ == LH_THRIFT_TRUE;
}

int32_t
lh_thrift_item_i32(LhThrift *r)
{
	return zigzag32(r);
}

int64_t
lh_thrift_item_i64(LhThrift *r)
{
	return zigzag(r);
}

LhSlice
lh_thrift_item_binary(LhThrift *r)
{
	uint64_t n = varint(r);
	LhSlice v = {r->p, 0};

	if (!lh_thrift_ok(r))
		return v;
	if (n > (uint64_t) (r->end - r->p))
	{
		lh_thrift_fail(r, LH_THRIFT_SHORT, too_long);
		return v;
	}
	v.len = (size_t) n;
	r->p += n;
	return v;
}
