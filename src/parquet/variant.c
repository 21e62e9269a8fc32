/*
 * variant.c
 *		The binary encoding of variants: names, scalars, objects and arrays.
 *
 *	metadata	header byte (version 1 in bits 0-3, width of offsets - 1 in bits
 *				6-7), number of names, offsets (one more than names), names
 *	value		byte with basic type in bits 0-1 and a header in bits 2-7:
 *		0	scalar, its type in the header
 *		1	string of up to 63 bytes, its length in the header
 *		2	object: number of fields, ids of names, offsets (one more), values
 *		3	array: number of elements, offsets (one more), values
 *
 * All numbers are little-endian; those of names, fields, ids and offsets have
 * the widths that the headers say.
 */
#include <stdlib.h>

#include "parquet/variant_impl.h"

#include "core/text.h"
#include "vec/value.h"

#define VERSION 1
#define MAX_SCALE 38

/* Scalars by their number in the encoding. */
typedef struct ScalarKind
{
	LhTypeId id;
	LhLane lane;
	int8_t size; /* bytes behind the first; -1: a length stands there */
	uint8_t unit;
	bool utc;
} ScalarKind;

#define NULL_KIND 0
#define TRUE_KIND 1
#define FALSE_KIND 2

static const ScalarKind scalars[] = {
	[NULL_KIND] = {LH_T_NULL, LH_LANE_NONE, 0},
	[TRUE_KIND] = {LH_T_BOOL, LH_LANE_U8, 0},
	[FALSE_KIND] = {LH_T_BOOL, LH_LANE_U8, 0},
	[3] = {LH_T_INT8, LH_LANE_I32, 1},
	[4] = {LH_T_INT16, LH_LANE_I32, 2},
	[5] = {LH_T_INT32, LH_LANE_I32, 4},
	[6] = {LH_T_INT64, LH_LANE_I64, 8},
	[7] = {LH_T_DOUBLE, LH_LANE_F64, 8},
	/* scale, then the unscaled number */
	[8] = {LH_T_DECIMAL, LH_LANE_I32, 1 + 4},
	[9] = {LH_T_DECIMAL, LH_LANE_I64, 1 + 8},
	[10] = {LH_T_DECIMAL, LH_LANE_I128, 1 + 16},
	[11] = {LH_T_DATE, LH_LANE_I32, 4},
	[12] = {LH_T_TIMESTAMP, LH_LANE_I64, 8, LH_UNIT_US, true},
	[13] = {LH_T_TIMESTAMP, LH_LANE_I64, 8, LH_UNIT_US, false},
	[14] = {LH_T_FLOAT, LH_LANE_F32, 4},
	[15] = {LH_T_BINARY, LH_LANE_STR, -1},
	[16] = {LH_T_STRING, LH_LANE_STR, -1},
	[17] = {LH_T_TIME, LH_LANE_I64, 8, LH_UNIT_US, false},
	[18] = {LH_T_TIMESTAMP, LH_LANE_I64, 8, LH_UNIT_NS, true},
	[19] = {LH_T_TIMESTAMP, LH_LANE_I64, 8, LH_UNIT_NS, false},
	[20] = {LH_T_UUID, LH_LANE_FIX, 16},
};

#define NSCALARS ((int) (sizeof(scalars) / sizeof(scalars[0])))

static LhStatus
cut_off(LhCtx *ctx, const char *what, uint64_t need, size_t have)
{
	LH_FAIL(ctx, LH_CORRUPT, "%s of a variant needs %llu bytes, but %zu are there", what,
			(unsigned long long) need, have);
}

/* A number of 1 to 4 bytes. */
static inline uint32_t
load(const uint8_t *p, int width)
{
	uint32_t v = p[0];

	for (int i = 1; i < width; i++)
		v |= (uint32_t) p[i] << (8 * i);
	return v;
}

/* ---- names ---- */

LhStatus
lh_variant_names_open(LhCtx *ctx, LhSlice metadata, LhVariantNames *out)
{
	uint64_t header;
	int width;

	if (metadata.len == 0)
		return cut_off(ctx, "metadata", 1, 0);
	if ((metadata.data[0] & 15) != VERSION)
		LH_FAIL(ctx, LH_UNSUPPORTED, "metadata of a variant has version %d, expected %d",
				metadata.data[0] & 15, VERSION);
	width = (metadata.data[0] >> 6) + 1;
	if (metadata.len < (size_t) (1 + width))
		return cut_off(ctx, "metadata", (uint64_t) (1 + width), metadata.len);
	out->n = load(metadata.data + 1, width);
	out->width = width;
	header = 1 + (uint64_t) width * ((uint64_t) out->n + 2);
	if (header > metadata.len)
		return cut_off(ctx, "metadata", header, metadata.len);
	out->offsets = metadata.data + 1 + width;
	out->bytes = metadata.data + header;
	out->len = metadata.len - header;
	return LH_OK;
}

LhStatus
lh_variant_name(LhCtx *ctx, const LhVariantNames *names, uint32_t id, LhStr *out)
{
	const uint8_t *p;
	uint32_t from, to;

	if (id >= names->n)
		LH_FAIL(ctx, LH_CORRUPT, "a field of a variant has name %u, but metadata has %u names", id, names->n);
	p = names->offsets + (size_t) id * (size_t) names->width;
	from = load(p, names->width);
	to = load(p + names->width, names->width);
	if (from > to || to > names->len)
		LH_FAIL(ctx, LH_CORRUPT, "name %u of a variant lies at bytes %u to %u of %zu", id, from, to, names->len);
	*out = (LhStr){names->bytes + from, to - from, 0};
	if (!lh_utf8_valid(out->ptr, out->len))
		LH_FAIL(ctx, LH_BAD_TEXT, "name %u of a variant is not valid UTF-8 or holds a NUL", id);
	return LH_OK;
}

/* ---- scalars ---- */

static LhStatus
check_text(LhCtx *ctx, const LhValue *v)
{
	if (!lh_utf8_valid(v->str.ptr, v->str.len))
		LH_FAIL(ctx, LH_BAD_TEXT, "a string of a variant is not valid UTF-8 or holds a NUL");
	return LH_OK;
}

/* A string or bytes: a length of 4 bytes, then those. */
static LhStatus
decode_bytes(LhCtx *ctx, LhSlice rest, LhValue *out, size_t *size)
{
	uint32_t len;

	if (rest.len < 4)
		return cut_off(ctx, "the length of a string", 4, rest.len);
	len = lh_load_u32(rest.data);
	if (len > rest.len - 4)
		return cut_off(ctx, "a string", len, rest.len - 4);
	out->str = (LhStr){rest.data + 4, len, 0};
	*size += 4 + (size_t) len;
	return out->type.id == LH_T_STRING ? check_text(ctx, out) : LH_OK;
}

static LhStatus
decode_decimal(LhCtx *ctx, const uint8_t *p, LhValue *out)
{
	if (p[0] > MAX_SCALE)
		LH_FAIL(ctx, LH_CORRUPT, "a decimal of a variant has scale %d, expected 0 to %d", p[0], MAX_SCALE);
	out->type.scale = p[0];
	out->type.precision = (int16_t) (out->type.lane == LH_LANE_I32 ? 9 : out->type.lane == LH_LANE_I64 ? 18 : 38);
	if (out->type.lane == LH_LANE_I32)
		out->i64 = lh_load_i32(p + 1);
	else if (out->type.lane == LH_LANE_I64)
		out->i64 = lh_load_i64(p + 1);
	else
		memcpy(&out->i128, p + 1, sizeof(out->i128));
	return LH_OK;
}

/* A scalar of fixed size. */
static LhStatus
decode_fixed(LhCtx *ctx, int kind, const uint8_t *p, LhValue *out)
{
	switch (out->type.id)
	{
		case LH_T_NULL: out->null = true; break;
		case LH_T_BOOL: out->i64 = kind == TRUE_KIND; break;
		case LH_T_INT8: out->i64 = (int8_t) p[0]; break;
		case LH_T_INT16: out->i64 = (int16_t) lh_load_u16(p); break;
		case LH_T_DOUBLE: out->f64 = lh_load_f64(p); break;
		case LH_T_FLOAT: out->f64 = lh_load_f32(p); break;
		case LH_T_DECIMAL: return decode_decimal(ctx, p, out);
		case LH_T_UUID:
			out->type.width = 16;
			out->str = (LhStr){p, 16, 0};
			break;
		default: out->i64 = out->type.lane == LH_LANE_I32 ? lh_load_i32(p) : lh_load_i64(p); break;
	}
	return LH_OK;
}

static LhStatus
short_string(LhCtx *ctx, LhSlice bytes, LhValue *out, size_t *size)
{
	uint32_t len = bytes.data[0] >> 2;

	if (len > bytes.len - 1)
		return cut_off(ctx, "a string", len, bytes.len - 1);
	out->type = (LhType){.id = LH_T_STRING, .lane = LH_LANE_STR};
	out->null = false;
	out->str = (LhStr){bytes.data + 1, len, 0};
	*size = 1 + (size_t) len;
	return check_text(ctx, out);
}

LhStatus
lh_variant_scalar(LhCtx *ctx, LhSlice bytes, LhValue *out, size_t *size)
{
	int kind = bytes.data[0] >> 2;
	const ScalarKind *s;
	LhSlice rest = {bytes.data + 1, bytes.len - 1};

	if ((bytes.data[0] & 3) == 1)
		return short_string(ctx, bytes, out, size);
	if (kind >= NSCALARS)
		LH_FAIL(ctx, LH_UNSUPPORTED, "a variant has a scalar of type %d, which is not known", kind);
	s = &scalars[kind];
	out->type = (LhType){.id = s->id, .lane = s->lane, .unit = s->unit, .utc = s->utc};
	out->null = false;
	*size = 1;
	if (s->size < 0)
		return decode_bytes(ctx, rest, out, size);
	if ((size_t) s->size > rest.len)
		return cut_off(ctx, "a scalar", (uint64_t) s->size, rest.len);
	*size += (size_t) s->size;
	return decode_fixed(ctx, kind, rest.data, out);
}

/* ---- objects and arrays ---- */

LhStatus
lh_variant_container(LhCtx *ctx, LhSlice bytes, LhVariantContainer *out)
{
	int header = bytes.data[0] >> 2;
	bool object = lh_variant_is_object(bytes.data[0]);
	bool large = (header >> (object ? 4 : 2)) & 1;
	size_t at = 1 + (large ? 4 : 1);
	uint64_t need;
	uint32_t total;

	*out = (LhVariantContainer){.object = object, .offset_width = (header & 3) + 1};
	if (object)
		out->id_width = ((header >> 2) & 3) + 1;
	if (bytes.len < at)
		return cut_off(ctx, "a list of values", at, bytes.len);
	out->n = load(bytes.data + 1, large ? 4 : 1);
	need = at + (uint64_t) out->n * (uint64_t) out->id_width +
		   ((uint64_t) out->n + 1) * (uint64_t) out->offset_width;
	if (need > bytes.len)
		return cut_off(ctx, "a list of values", need, bytes.len);
	out->header = (size_t) need;
	out->ids = bytes.data + at;
	out->offsets = out->ids + (size_t) out->n * (size_t) out->id_width;
	total = load(out->offsets + (size_t) out->n * (size_t) out->offset_width, out->offset_width);
	if (total > bytes.len - out->header)
		return cut_off(ctx, "a list of values", total, bytes.len - out->header);
	out->values = (LhSlice){bytes.data + out->header, total};
	return LH_OK;
}

LhStatus
lh_variant_child(LhCtx *ctx, const LhVariantContainer *c, uint32_t i, LhSlice *out)
{
	uint32_t at = load(c->offsets + (size_t) i * (size_t) c->offset_width, c->offset_width);

	if (at >= c->values.len)
		LH_FAIL(ctx, LH_CORRUPT, "value %u of a variant's %s begins at byte %u of %zu", i,
				c->object ? "object" : "array", at, c->values.len);
	*out = (LhSlice){c->values.data + at, c->values.len - at};
	return LH_OK;
}

LhStatus
lh_variant_field(LhCtx *ctx, const LhVariantNames *names, const LhVariantContainer *c, uint32_t i, LhStr *out)
{
	return lh_variant_name(ctx, names, load(c->ids + (size_t) i * (size_t) c->id_width, c->id_width), out);
}

LhStatus
lh_variant_twice(LhCtx *ctx, LhStr name)
{
	int len = (int) lh_utf8_clip(name.ptr, name.len, 64);

	LH_FAIL(ctx, LH_CORRUPT, "an object of a variant has field \"%.*s\" twice", len, (const char *) name.ptr);
}

static int
compare_names(const void *a, const void *b)
{
	return lh_bytes_compare(*(const LhStr *) a, *(const LhStr *) b);
}

LhStatus
lh_variant_check_unique(LhCtx *ctx, const LhVariantNames *names, const LhVariantContainer *c, LhBuf *scratch)
{
	LhStr *all;

	LH_TRY(lh_buf_fit(ctx, scratch, (size_t) c->n * sizeof(LhStr)));
	all = (LhStr *) (void *) scratch->data;
	for (uint32_t i = 0; i < c->n; i++)
		LH_TRY(lh_variant_field(ctx, names, c, i, &all[i]));
	qsort(all, c->n, sizeof(LhStr), compare_names);
	for (uint32_t i = 1; i < c->n; i++)
		if (lh_bytes_compare(all[i - 1], all[i]) == 0)
			return lh_variant_twice(ctx, all[i]);
	return LH_OK;
}
