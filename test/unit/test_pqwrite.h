/*
 * test_pqwrite.h
 *		Random columns of any type, files of them in memory, and whether they come back.
 *
 * Shared by the tests and the fuzz target of the writer: random numbers come
 * from PqwSource, which is a generator or a fuzzer's bytes.
 */
#ifndef TEST_PQWRITE_H
#define TEST_PQWRITE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parquet/column.h"
#include "parquet/write.h"
#include "vec/value.h"

typedef struct PqwSource
{
	uint64_t state;
	const uint8_t *bytes; /* NULL: a generator */
	size_t len;
	bool
		tame; /* only what other engines take: near dates, JSON that is JSON, real geometries, maps without equal keys */
} PqwSource;

static inline uint64_t
pqw_u64(PqwSource *s)
{
	uint64_t v = 0;

	if (s->bytes != NULL)
	{
		size_t n = s->len < 2 ? s->len : 2;

		memcpy(&v, s->bytes, n);
		s->bytes += n;
		s->len -= n;
		/* few bytes become many bits */
		s->state = (s->state ^ v) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		return s->state ^ s->state >> 29;
	}
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return s->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* 0 .. n - 1 */
static inline int
pqw_int(PqwSource *s, int n)
{
	return (int) ((pqw_u64(s) >> 33) % (uint64_t) n);
}

static inline bool
pqw_chance(PqwSource *s, int one_in)
{
	return pqw_int(s, one_in) == 0;
}

/*
 * Types
 */

static inline LhType
pqw_type(LhTypeId id, LhLane lane)
{
	return (LhType){.id = id, .lane = lane};
}

static inline LhType
pqw_decimal(int precision, int scale, LhLane lane)
{
	return (LhType){.id = LH_T_DECIMAL,
					.lane = lane,
					.precision = (int16_t) precision,
					.scale = (int16_t) scale};
}

static inline LhType
pqw_time(LhTypeId id, LhUnit unit, bool utc)
{
	return (LhType){.id = id, .lane = LH_LANE_I64, .unit = (uint8_t) unit, .utc = utc};
}

static inline LhType
pqw_fixed(LhTypeId id, int width)
{
	return (LhType){.id = id, .lane = LH_LANE_FIX, .width = width};
}

#define PQW_LEAF_TYPES 45

/* Leaf type k of all there are. */
static inline LhType
pqw_leaf_type(int k)
{
	switch (k)
	{
		case 0: return pqw_type(LH_T_BOOL, LH_LANE_U8);
		case 1: return pqw_type(LH_T_INT8, LH_LANE_I32);
		case 2: return pqw_type(LH_T_INT16, LH_LANE_I32);
		case 3: return pqw_type(LH_T_INT32, LH_LANE_I32);
		case 4: return pqw_type(LH_T_INT64, LH_LANE_I64);
		case 5: return pqw_type(LH_T_UINT8, LH_LANE_I32);
		case 6: return pqw_type(LH_T_UINT16, LH_LANE_I32);
		case 7: return pqw_type(LH_T_UINT32, LH_LANE_I64);
		case 8: return pqw_type(LH_T_UINT64, LH_LANE_I128);
		case 9: return pqw_type(LH_T_FLOAT16, LH_LANE_F32);
		case 10: return pqw_type(LH_T_FLOAT, LH_LANE_F32);
		case 11: return pqw_type(LH_T_DOUBLE, LH_LANE_F64);
		case 12: return pqw_decimal(9, 2, LH_LANE_I32);
		case 13: return pqw_decimal(5, 5, LH_LANE_I64);
		case 14: return pqw_decimal(15, 2, LH_LANE_I64);
		case 15: return pqw_decimal(18, 0, LH_LANE_I32);
		case 16: return pqw_decimal(25, 3, LH_LANE_I128);
		case 17: return pqw_decimal(38, 10, LH_LANE_I128);
		case 18: return pqw_decimal(12, 1, LH_LANE_I128);
		case 19: return pqw_decimal(60, 20, LH_LANE_STR);
		case 20: return pqw_decimal(20, 4, LH_LANE_I64);
		case 21: return pqw_type(LH_T_DATE, LH_LANE_I32);
		case 22: return pqw_time(LH_T_TIME, LH_UNIT_MS, true);
		case 23: return pqw_time(LH_T_TIME, LH_UNIT_US, false);
		case 24: return pqw_time(LH_T_TIME, LH_UNIT_NS, true);
		case 25: return pqw_time(LH_T_TIMESTAMP, LH_UNIT_MS, false);
		case 26: return pqw_time(LH_T_TIMESTAMP, LH_UNIT_US, true);
		case 27: return pqw_time(LH_T_TIMESTAMP, LH_UNIT_NS, false);
		case 28: return pqw_fixed(LH_T_INTERVAL, 12);
		case 29: return pqw_type(LH_T_STRING, LH_LANE_STR);
		case 30: return pqw_type(LH_T_ENUM, LH_LANE_STR);
		case 31: return pqw_type(LH_T_JSON, LH_LANE_STR);
		case 32: return pqw_type(LH_T_BSON, LH_LANE_STR);
		case 33: return pqw_type(LH_T_BINARY, LH_LANE_STR);
		case 34: return pqw_fixed(LH_T_FIXED, 5);
		case 35: return pqw_fixed(LH_T_UUID, 16);
		case 36: return pqw_type(LH_T_GEOMETRY, LH_LANE_STR);
		case 37: return pqw_type(LH_T_GEOGRAPHY, LH_LANE_STR);
		case 38: return pqw_type(LH_T_NULL, LH_LANE_NONE);
		case 39: return pqw_decimal(1, 0, LH_LANE_I32);
		case 40: return pqw_decimal(9, 9, LH_LANE_STR);
		case 41: return pqw_decimal(16, 8, LH_LANE_STR);
		case 42: return pqw_decimal(40, 0, LH_LANE_I32);
		case 43: return pqw_fixed(LH_T_FIXED, 1);
		default: return pqw_decimal(7, 3, LH_LANE_I128);
	}
}

static inline void *
pqw_alloc(LhCtx *ctx, size_t size)
{
	void *p = lh_alloc0(ctx, size + 16);

	if (p == NULL)
		abort();
	return p;
}

/* A random type, at most depth levels of nesting. */
static inline LhType
pqw_any_type(LhCtx *ctx, PqwSource *s, int depth)
{
	static const char *const names[] = {"a", "b", "list", "element", "key_value", "x.y"};
	LhType t = {0};
	LhField *fields;

	if (depth == 0 || pqw_chance(s, 2))
		return pqw_leaf_type(pqw_int(s, PQW_LEAF_TYPES));
	t.id = pqw_chance(s, 2) ? LH_T_LIST : pqw_chance(s, 2) ? LH_T_MAP : LH_T_STRUCT;
	t.nfields = t.id == LH_T_LIST ? 1 : t.id == LH_T_MAP ? 2 : 1 + pqw_int(s, 3);
	fields = pqw_alloc(ctx, (size_t) t.nfields * sizeof(*fields));
	for (int i = 0; i < t.nfields; i++)
	{
		fields[i] = (LhField){.name = t.id == LH_T_LIST  ? "element"
									  : t.id == LH_T_MAP ? (i == 0 ? "key" : "value")
														 : names[i + pqw_int(s, 2) * 3],
							  .required = pqw_chance(s, 3) || (t.id == LH_T_MAP && i == 0),
							  .field_id = pqw_chance(s, 2) ? pqw_int(s, 1000) : -1};
		do
			fields[i].type = pqw_any_type(ctx, s, depth - 1);
		while (fields[i].required && fields[i].type.id == LH_T_NULL);
	}
	t.fields = fields;
	return t;
}

/*
 * Values
 */

/* Unscaled number of at most p digits (p <= 38). */
static inline LhI128
pqw_number(PqwSource *s, int p)
{
	LhI128 v = (LhI128) pqw_u64(s) << 60 ^ (LhI128) pqw_u64(s);

	switch (pqw_int(s, 6))
	{
		case 0: return lh_pow10[p] - 1;
		case 1: return 1 - lh_pow10[p];
		case 2: return pqw_int(s, 3) - 1;
		default: return v % lh_pow10[p];
	}
}

static inline LhStr
pqw_bytes(LhCtx *ctx, PqwSource *s, const LhType *t)
{
	static const char *const chars[] = {"a",
										"b",
										"z",
										"\xc3\xa9",
										"\xe2\x82\xac",
										"\xf0\x9f\x90\x98",
										"\xef\xbf\xbf",
										"\xf4\x8f\xbf\xbf"};
	bool text = t->id == LH_T_STRING || t->id == LH_T_ENUM || t->id == LH_T_JSON;
	int n = pqw_chance(s, 20) ? 60 + pqw_int(s, 200) : pqw_int(s, 12);
	uint8_t *p = pqw_alloc(ctx, (size_t) n * 4 + 24);
	uint32_t len = 0;

	if (s->tame && (t->id == LH_T_GEOMETRY || t->id == LH_T_GEOGRAPHY))
	{
		/* a point in well-known binary */
		const double xy[2] = {pqw_int(s, 180), pqw_int(s, 90)};

		memcpy(p, "\1\1\0\0\0", 5);
		memcpy(p + 5, xy, sizeof(xy));
		return (LhStr){p, 21, 0};
	}
	if (s->tame && t->id == LH_T_JSON)
		return (LhStr){p, (uint32_t) sprintf((char *) p, "{\"a\":%d}", pqw_int(s, 1000)), 0};
	for (int i = 0; i < n; i++)
	{
		if (!text)
			p[len++] = pqw_chance(s, 3) ? 0xff : (uint8_t) pqw_u64(s);
		else
		{
			const char *c = chars[pqw_int(s, 8)];

			memcpy(p + len, c, strlen(c));
			len += (uint32_t) strlen(c);
		}
	}
	return (LhStr){p, len, 0};
}

static inline double
pqw_float(PqwSource *s, LhTypeId id)
{
	switch (pqw_int(s, 8))
	{
		case 0: return 0;
		case 1: return -0.0;
		case 2: return INFINITY;
		case 3: return -INFINITY;
		case 4: return NAN;
		case 5: return id == LH_T_DOUBLE ? 1e300 : id == LH_T_FLOAT ? 1e30f : 65504;
		default: return (pqw_int(s, 2001) - 1000) / 8.0;
	}
}

/* Big-endian bytes of a decimal that needs lane STR. */
static inline LhStr
pqw_be(LhCtx *ctx, PqwSource *s, int precision)
{
	LhI128 v = pqw_number(s, precision < 38 ? precision : 38);
	int n = 16 + pqw_int(s, 4);
	uint8_t *p = pqw_alloc(ctx, (size_t) n);

	for (int i = 0; i < n; i++)
		p[n - 1 - i] = i < 16 ? (uint8_t) (v >> (8 * i)) : v < 0 ? 0xff : 0;
	return (LhStr){p, (uint32_t) n, 0};
}

static inline int64_t
pqw_integer(PqwSource *s, const LhType *t)
{
	int64_t v = pqw_chance(s, 2) ? (int64_t) pqw_u64(s) : pqw_int(s, 100) - 50;

	switch (t->id)
	{
		case LH_T_BOOL: return v & 1;
		case LH_T_INT8: return (int8_t) v;
		case LH_T_INT16: return (int16_t) v;
		case LH_T_UINT8: return (uint8_t) v;
		case LH_T_UINT16: return (uint16_t) v;
		case LH_T_UINT32: return (uint32_t) v;
		case LH_T_TIME: return (int64_t) ((uint64_t) v % 86400000);
		case LH_T_DATE: return s->tame ? v % 100000 : v;
		case LH_T_TIMESTAMP: return s->tame ? v % INT64_C(4000000000000) : v;
		case LH_T_DECIMAL:
			return (int64_t) pqw_number(s, t->lane == LH_LANE_I32
											   ? (t->precision < 9 ? t->precision : 9)
											   : (t->precision < 18 ? t->precision : 18));
		default: return v;
	}
}

/* Put a random value at number i of an array in the type's lane. */
static inline void
pqw_put_value(LhCtx *ctx, PqwSource *s, const LhType *t, void *data, size_t i)
{
	uint8_t *at = (uint8_t *) data + i * lh_lane_size(t->lane, t->width);
	int64_t v;
	LhI128 wide;
	LhStr str;
	double d;
	float f;

	switch (t->lane)
	{
		case LH_LANE_U8: *at = (uint8_t) pqw_integer(s, t); break;
		case LH_LANE_I32:
		case LH_LANE_I64:
			v = pqw_integer(s, t);
			memcpy(at, &v, t->lane == LH_LANE_I32 ? 4 : 8);
			break;
		case LH_LANE_I128:
			wide = t->id == LH_T_UINT64 ? (LhI128) pqw_u64(s) : pqw_number(s, t->precision);
			memcpy(at, &wide, sizeof(wide));
			break;
		case LH_LANE_F32:
			f = (float) pqw_float(s, t->id);
			memcpy(at, &f, sizeof(f));
			break;
		case LH_LANE_F64:
			d = pqw_float(s, t->id);
			memcpy(at, &d, sizeof(d));
			break;
		case LH_LANE_STR:
			str = t->id == LH_T_DECIMAL ? pqw_be(ctx, s, t->precision) : pqw_bytes(ctx, s, t);
			memcpy(at, &str, sizeof(str));
			break;
		case LH_LANE_FIX:
			for (int k = 0; k < t->width; k++)
				at[k] = pqw_chance(s, 3) ? 0xff : (uint8_t) pqw_u64(s);
			for (int k = 0; s->tame && t->id == LH_T_INTERVAL && k < 12; k++)
				at[k] &= k % 4 == 0 ? 0x7f : 0;
			break;
		case LH_LANE_NONE: break;
	}
}

/*
 * Columns: what the values of a leaf are drawn from
 */

typedef struct PqwColumn PqwColumn;
struct PqwColumn
{
	LhField field;
	int nulls; /* one in so many; 0: none, 1: all */
	int pool;  /* values to draw from */
	void *values;
	LhDict dict; /* the same */
	bool sorted;
	PqwColumn *children;
};

static inline void
pqw_column(LhCtx *ctx, PqwSource *s, const LhField *field, PqwColumn *c)
{
	static const int pools[] = {1, 2, 7, 60, 700, 5000};
	const LhType *t = &field->type;

	*c = (PqwColumn){.field = *field, .nulls = field->required ? 0 : pqw_int(s, 7)};
	c->children = pqw_alloc(ctx, (size_t) (t->nfields + 1) * sizeof(*c->children));
	for (int i = 0; lh_type_is_nested(t) && i < t->nfields; i++)
		pqw_column(ctx, s, &t->fields[i], &c->children[i]);
	if (lh_type_is_nested(t))
		return;
	c->pool = pools[pqw_int(s, s->bytes != NULL ? 4 : 6)];
	c->values = pqw_alloc(ctx, (size_t) c->pool * 16 + (size_t) c->pool * (size_t) t->width);
	for (int i = 0; i < c->pool; i++)
		pqw_put_value(ctx, s, t, c->values, (size_t) i);
	c->dict =
		(LhDict){.type = *t, .n = (uint32_t) c->pool, .values = c->values, .id = lh_dict_new_id()};
}

static inline const uint64_t *
pqw_valid(LhCtx *ctx, PqwSource *s, const PqwColumn *c, int n)
{
	uint64_t *w;

	if (c->nulls == 0)
		return NULL;
	w = pqw_alloc(ctx, (LH_WORDS(n) + 1) * sizeof(*w));
	for (int i = 0; i < n; i++)
		if (!pqw_chance(s, c->nulls))
			lh_bit_set(w, (size_t) i);
	return w;
}

static inline void
pqw_leaf_vec(LhCtx *ctx, PqwSource *s, PqwColumn *c, int n, LhVec *out)
{
	const LhType *t = &c->field.type;
	size_t size = lh_lane_size(t->lane, t->width);
	int kind = t->id == LH_T_NULL ? 4 : pqw_int(s, 10);
	uint32_t *codes;

	*out = (LhVec){.type = *t, .n = n, .valid = pqw_valid(ctx, s, c, n)};
	if (kind == 4 && !c->field.required)
	{
		lh_vec_null(out, t, n);
		return;
	}
	codes = pqw_alloc(ctx, ((size_t) n + 1) * sizeof(*codes));
	for (int i = 0; i < n; i++)
		codes[i] = (uint32_t) pqw_int(s, c->pool);
	if (kind == 3)
	{
		out->kind = LH_VEC_CONST;
		out->data = c->values;
		out->valid = NULL;
	}
	else if (kind >= 7)
	{
		out->kind = LH_VEC_DICT;
		out->dict = &c->dict;
		out->codes = codes;
		for (int i = 0; out->valid != NULL && i < n; i++)
			codes[i] *= lh_bit_get(out->valid, (size_t) i);
	}
	else if (kind == 5 && out->valid == NULL && n > 0)
	{
		LhRun *runs = pqw_alloc(ctx, ((size_t) n + 1) * sizeof(*runs));

		out->kind = LH_VEC_RUNS;
		out->dict = &c->dict;
		out->runs = runs;
		for (int at = 0; at < n; out->nruns++)
		{
			at += 1 + pqw_int(s, 40);
			runs[out->nruns] = (LhRun){codes[out->nruns], (uint32_t) (at < n ? at : n)};
		}
	}
	else
	{
		uint8_t *data = pqw_alloc(ctx, (size_t) n * size + 1);

		for (int i = 0; i < n; i++)
			memcpy(data + (size_t) i * size, (uint8_t *) c->values + codes[i] * size, size);
		out->data = data;
	}
}

/* Integer keys that occur once: engines differ in what they make of others. */
static inline void
pqw_unique_keys(LhCtx *ctx, int n, LhVec *keys)
{
	size_t size = lh_lane_size(keys->type.lane, 0);
	uint8_t *data = pqw_alloc(ctx, (size_t) n * size + 1);

	for (int64_t i = 0; i < n; i++)
		memcpy(data + (size_t) i * size, &i, size);
	*keys = (LhVec){.type = keys->type, .n = n, .data = data};
}

/* n random rows. */
static inline void
pqw_vec(LhCtx *ctx, PqwSource *s, PqwColumn *c, int n, LhVec *out)
{
	const LhType *t = &c->field.type;
	int children = n;

	if (!lh_type_is_nested(t))
	{
		pqw_leaf_vec(ctx, s, c, n, out);
		return;
	}
	*out = (LhVec){.type = *t, .n = n, .valid = pqw_valid(ctx, s, c, n), .nchildren = t->nfields};
	if (!c->field.required && pqw_chance(s, 12))
	{
		lh_vec_null(out, t, n);
		return;
	}
	if (t->id == LH_T_LIST || t->id == LH_T_MAP)
	{
		uint32_t *offsets = pqw_alloc(ctx, ((size_t) n + 1) * sizeof(*offsets));

		/* the first entry need not be number 0 */
		offsets[0] = (uint32_t) pqw_int(s, 3);
		for (int i = 0; i < n; i++)
			offsets[i + 1] = offsets[i] + (uint32_t) (pqw_chance(s, 2) ? 0 : pqw_int(s, 4));
		children = (int) offsets[n];
		out->offsets = offsets;
	}
	out->children = pqw_alloc(ctx, (size_t) t->nfields * sizeof(LhVec));
	for (int i = 0; i < t->nfields; i++)
		pqw_vec(ctx, s, &c->children[i], children, &out->children[i]);
	if (s->tame && t->id == LH_T_MAP)
		pqw_unique_keys(ctx, children, &out->children[0]);
}

/*
 * Comparison
 */

static inline bool
pqw_same_value(const LhValue *a, const LhValue *b)
{
	if (a->null || b->null)
		return a->null == b->null;
	switch (a->type.lane)
	{
		case LH_LANE_F32:
		case LH_LANE_F64:
			return (isnan(a->f64) && isnan(b->f64)) || memcmp(&a->f64, &b->f64, 8) == 0;
		case LH_LANE_FIX: return lh_bytes_compare(a->str, b->str) == 0;
		default: return lh_value_compare(a, b) == 0;
	}
}

/* Row i of a is row j of b, whose types may differ in lanes. */
static inline bool
pqw_same(const LhVec *a, int i, const LhVec *b, int j)
{
	bool a_null = lh_vec_is_null(a, i) || a->type.id == LH_T_NULL;
	bool b_null = lh_vec_is_null(b, j) || b->type.id == LH_T_NULL;
	LhValue x, y;

	if (a_null || b_null)
		return a_null == b_null;
	if (a->type.id != b->type.id)
		return false;
	if (!lh_type_is_nested(&a->type))
	{
		x = lh_vec_value(a, i);
		y = lh_vec_value(b, j);
		return pqw_same_value(&x, &y);
	}
	if (a->nchildren != b->nchildren)
		return false;
	for (int k = 0; k < a->nchildren; k++)
	{
		const LhVec *ac = &a->children[k], *bc = &b->children[k];

		if (a->type.id == LH_T_STRUCT || a->type.id == LH_T_VARIANT)
		{
			if (!pqw_same(ac, i, bc, j))
				return false;
			continue;
		}
		if (a->offsets[i + 1] - a->offsets[i] != b->offsets[j + 1] - b->offsets[j])
			return false;
		for (uint32_t e = 0; e < a->offsets[i + 1] - a->offsets[i]; e++)
			if (!pqw_same(ac, (int) (a->offsets[i] + e), bc, (int) (b->offsets[j] + e)))
				return false;
	}
	return true;
}

/*
 * Files in memory
 */

typedef struct PqwSink
{
	uint8_t *p;
	size_t len, cap;
} PqwSink;

static inline LhStatus
pqw_sink(LhCtx *ctx, void *arg, const uint8_t *bytes, size_t len)
{
	PqwSink *sink = arg;

	if (sink->len + len > sink->cap)
	{
		sink->cap = (sink->len + len) * 2;
		sink->p = realloc(sink->p, sink->cap);
		if (sink->p == NULL)
			abort();
	}
	memcpy(sink->p + sink->len, bytes, len);
	sink->len += len;
	return LH_OK;
}

/* Open what was written; the file has no name. */
static inline LhStatus
pqw_open(LhCtx *ctx, const PqwSink *sink, LhPqFile **out)
{
	static const LhAccess access = {.local_any = true};
	static const LhPqOptions options = {.check_crc = true};
	char path[64];
	int fd = memfd_create("pqwrite", MFD_CLOEXEC);
	LhStore *store;
	LhObject *obj;
	LhStatus status;

	if (fd < 0 || write(fd, sink->p, sink->len) != (ssize_t) sink->len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	status = lh_store_create(ctx, &access, &store);
	if (status == LH_OK)
		status = lh_object_open(ctx, store, path, &obj);
	close(fd);
	return status == LH_OK ? lh_pq_open(ctx, obj, NULL, &options, out) : status;
}

#endif
