/*
 * write_stats.c
 *		Bounds of the values of pages, chunks and files.
 *
 * What stats.c believes, seen from the other side:
 *
 *	1. bounds are written where parquet.thrift defines the order of the type
 *	   (TYPE_ORDER): not for INTERVAL, geometries and the null type;
 *	2. NaN is never a bound, it is counted; a float's zero is written as -0 in the
 *	   minimum and +0 in the maximum, and then it is not exact;
 *	3. bytes longer than "truncate" are cut: a minimum anywhere, text at a
 *	   character; a maximum is raised in its last character or byte that can be;
 *	   where none can be it stays whole.  Cut bounds are not exact;
 *	4. numbers are never cut.
 *
 * Format: parquet.thrift, Statistics and ColumnOrder
 */
#include <math.h>

#include "parquet/write_internal.h"

LhPqwOrder
lh_pqw_order_of(const LhType *type, LhPqPhysical physical)
{
	switch (type->id)
	{
		case LH_T_NULL:
		case LH_T_INTERVAL:
		case LH_T_GEOMETRY:
		case LH_T_GEOGRAPHY: return LH_PQW_NO_ORDER;
		case LH_T_UINT8:
		case LH_T_UINT16:
		case LH_T_UINT32: return LH_PQW_ORDER_U32;
		case LH_T_UINT64: return LH_PQW_ORDER_U64;
		case LH_T_FLOAT16: return LH_PQW_ORDER_F16;
		default: break;
	}
	switch (physical)
	{
		case LH_PQ_BOOLEAN: return LH_PQW_ORDER_BOOL;
		case LH_PQ_INT32: return LH_PQW_ORDER_I32;
		case LH_PQ_INT64: return LH_PQW_ORDER_I64;
		case LH_PQ_FLOAT: return LH_PQW_ORDER_F32;
		case LH_PQ_DOUBLE: return LH_PQW_ORDER_F64;
		default: return type->id == LH_T_DECIMAL ? LH_PQW_ORDER_NUMBER : LH_PQW_ORDER_BYTES;
	}
}

static double
half_value(uint16_t h)
{
	int exponent = h >> 10 & 0x1f;
	double mantissa = h & 0x3ff, v;

	if (exponent == 31)
		v = mantissa == 0 ? INFINITY : NAN;
	else
		v = exponent == 0 ? ldexp(mantissa, -24) : ldexp(mantissa + 1024, exponent - 25);
	return h & 0x8000 ? -v : v;
}

static double
float_value(LhPqwOrder order, const uint8_t *p)
{
	switch (order)
	{
		case LH_PQW_ORDER_F16: return half_value(lh_load_u16(p));
		case LH_PQW_ORDER_F32: return (double) lh_load_f32(p);
		default: return lh_load_f64(p);
	}
}

static int
compare_bytes(LhSlice a, LhSlice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.data, b.data, n) : 0;

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

#define COMPARE(x, y) ((x) < (y) ? -1 : (x) > (y))

int
lh_pqw_compare(LhPqwOrder order, LhSlice a, LhSlice b)
{
	switch (order)
	{
		case LH_PQW_ORDER_I32: return COMPARE(lh_load_i32(a.data), lh_load_i32(b.data));
		case LH_PQW_ORDER_U32: return COMPARE(lh_load_u32(a.data), lh_load_u32(b.data));
		case LH_PQW_ORDER_I64: return COMPARE(lh_load_i64(a.data), lh_load_i64(b.data));
		case LH_PQW_ORDER_U64: return COMPARE(lh_load_u64(a.data), lh_load_u64(b.data));
		case LH_PQW_ORDER_F16:
		case LH_PQW_ORDER_F32:
		case LH_PQW_ORDER_F64:
			return COMPARE(float_value(order, a.data), float_value(order, b.data));
		case LH_PQW_ORDER_NUMBER:
			if ((a.data[0] ^ b.data[0]) & 0x80)
				return a.data[0] & 0x80 ? -1 : 1;
			return compare_bytes(a, b);
		default: return compare_bytes(a, b);
	}
}

/* Loops that the compiler vectorises. */
#define BOUNDS_LOOP(name, type)                                                  \
	static void name(const uint8_t *p, size_t n, size_t *min_at, size_t *max_at) \
	{                                                                            \
		type min, max;                                                           \
                                                                                 \
		memcpy(&min, p, sizeof(min));                                            \
		max = min;                                                               \
		for (size_t i = 1; i < n; i++)                                           \
		{                                                                        \
			type v;                                                              \
                                                                                 \
			memcpy(&v, p + i * sizeof(v), sizeof(v));                            \
			min = v < min ? v : min;                                             \
			max = v > max ? v : max;                                             \
		}                                                                        \
		*min_at = *max_at = n;                                                   \
		for (size_t i = 0; i < n && (*min_at == n || *max_at == n); i++)         \
		{                                                                        \
			type v;                                                              \
                                                                                 \
			memcpy(&v, p + i * sizeof(v), sizeof(v));                            \
			if (v == min && *min_at == n)                                        \
				*min_at = i;                                                     \
			if (v == max && *max_at == n)                                        \
				*max_at = i;                                                     \
		}                                                                        \
	}

BOUNDS_LOOP(bounds_u8, uint8_t)
BOUNDS_LOOP(bounds_i32, int32_t)
BOUNDS_LOOP(bounds_u32, uint32_t)
BOUNDS_LOOP(bounds_i64, int64_t)
BOUNDS_LOOP(bounds_u64, uint64_t)

/* Of the values, or those of "only" numbers among them. */
static void
bounds_slow(LhPqwOrder order, const LhPqwValues *v, const uint32_t *only, size_t n,
			LhPqwBounds *out)
{
	for (size_t i = 0; i < n; i++)
	{
		LhSlice s = lh_pqw_value(v, only != NULL ? only[i] : i);

		if (lh_pqw_order_is_float(order) && isnan(float_value(order, s.data)))
		{
			out->nans++;
			continue;
		}
		if (!out->known)
		{
			out->min = out->max = s;
			out->known = true;
			continue;
		}
		if (lh_pqw_compare(order, s, out->min) < 0)
			out->min = s;
		else if (lh_pqw_compare(order, s, out->max) > 0)
			out->max = s;
	}
}

void
lh_pqw_bounds(LhPqwOrder order, const LhPqwValues *v, LhPqwBounds *out)
{
	void (*loop)(const uint8_t *p, size_t n, size_t *min_at, size_t *max_at) = NULL;
	size_t min_at, max_at;

	*out = (LhPqwBounds){0};
	if (order == LH_PQW_NO_ORDER || v->n == 0)
		return;
	switch (order)
	{
		case LH_PQW_ORDER_BOOL: loop = bounds_u8; break;
		case LH_PQW_ORDER_I32: loop = bounds_i32; break;
		case LH_PQW_ORDER_U32: loop = bounds_u32; break;
		case LH_PQW_ORDER_I64: loop = bounds_i64; break;
		case LH_PQW_ORDER_U64: loop = bounds_u64; break;
		default: bounds_slow(order, v, NULL, v->n, out); return;
	}
	loop(v->data.data, v->n, &min_at, &max_at);
	out->known = true;
	out->min = lh_pqw_value(v, min_at);
	out->max = lh_pqw_value(v, max_at);
}

/* Entries are compared once a page, however often they occur. */
LhStatus
lh_pqw_bounds_of_codes(LhCtx *ctx, LhPqwLeaf *leaf, LhPqwBounds *out)
{
	const uint32_t *codes = (const uint32_t *) (const void *) leaf->codes.data;
	size_t n = leaf->codes.len / sizeof(*codes), nseen = 0;
	LhPqwDict *d = &leaf->dict;
	uint32_t *stamps, *seen;

	*out = (LhPqwBounds){0};
	if (leaf->order == LH_PQW_NO_ORDER)
		return LH_OK;
	LH_TRY(lh_buf_reserve(ctx, &d->stamps, d->values.n * sizeof(*stamps)));
	stamps = (uint32_t *) (void *) d->stamps.data;
	if (d->stamps.len < d->values.n * sizeof(*stamps))
		memset(d->stamps.data + d->stamps.len, 0, d->values.n * sizeof(*stamps) - d->stamps.len);
	d->stamps.len = d->values.n * sizeof(*stamps);
	LH_TRY(lh_buf_fit(ctx, &leaf->shared->picks, d->values.n * sizeof(*seen) + 1));
	seen = (uint32_t *) (void *) leaf->shared->picks.data;
	d->stamp++;
	for (size_t i = 0; i < n; i++)
	{
		if (stamps[codes[i]] == d->stamp)
			continue;
		stamps[codes[i]] = d->stamp;
		seen[nseen++] = codes[i];
	}
	bounds_slow(leaf->order, &d->values, seen, nseen, out);
	if (out->nans == 0)
		return LH_OK;
	out->nans = 0;
	for (size_t i = 0; i < n; i++)
		out->nans += isnan(float_value(leaf->order, lh_pqw_value(&d->values, codes[i]).data)) != 0;
	return LH_OK;
}

LhStatus
lh_pqw_kept_init(LhCtx *ctx, LhPqwKept *k)
{
	*k = (LhPqwKept){0};
	LH_TRY(lh_buf_init(ctx, &k->min, true));
	return lh_buf_init(ctx, &k->max, true);
}

void
lh_pqw_kept_clear(LhPqwKept *k)
{
	k->known = false;
	k->min.len = k->max.len = 0;
	k->values = k->nulls = k->nans = 0;
}

static LhStatus
keep(LhCtx *ctx, LhBuf *buf, LhSlice s)
{
	LH_TRY(lh_buf_reserve(ctx, buf, s.len + 1));
	buf->len = 0;
	return lh_buf_append(ctx, buf, s.data, s.len);
}

static LhSlice
bytes_of(const LhBuf *buf)
{
	return lh_slice(buf->data, buf->len);
}

LhStatus
lh_pqw_kept_add(LhCtx *ctx, LhPqwOrder order, LhPqwKept *k, const LhPqwBounds *b)
{
	k->nans += b->nans;
	if (!b->known)
		return LH_OK;
	if (!k->known || lh_pqw_compare(order, b->min, bytes_of(&k->min)) < 0)
		LH_TRY(keep(ctx, &k->min, b->min));
	if (!k->known || lh_pqw_compare(order, b->max, bytes_of(&k->max)) > 0)
		LH_TRY(keep(ctx, &k->max, b->max));
	k->known = true;
	return LH_OK;
}

static bool
is_text(LhTypeId id)
{
	return id == LH_T_STRING || id == LH_T_ENUM || id == LH_T_JSON;
}

/* The longest beginning of at most "most" bytes that ends between characters. */
static size_t
cut_text(LhSlice s, size_t most)
{
	size_t n = most;

	while (n > 0 && (s.data[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* The character that ends at s[*end - 1]: where it begins, and its code. */
static uint32_t
last_char(const uint8_t *s, size_t end, size_t *begin)
{
	size_t at = end - 1;
	uint32_t c;

	while (at > 0 && (s[at] & 0xc0) == 0x80)
		at--;
	*begin = at;
	if (s[at] < 0x80)
		return s[at];
	c = s[at] & (0x3fu >> (end - at - 1));
	for (at++; at < end; at++)
		c = c << 6 | (s[at] & 0x3f);
	return c;
}

static size_t
put_char(uint8_t *out, uint32_t c)
{
	if (c < 0x80)
	{
		out[0] = (uint8_t) c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (uint8_t) (0xc0 | c >> 6);
		out[1] = (uint8_t) (0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (uint8_t) (0xe0 | c >> 12);
		out[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t) (0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t) (0xf0 | c >> 18);
	out[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t) (0x80 | (c & 0x3f));
	return 4;
}

/*
 * Raise the n characters' bytes to the next text that is above all texts which
 * begin with them; 0: there is none.  A character keeps its length, so that
 * the bound stays as short as it was meant to be.
 */
static size_t
raise_text(uint8_t *s, size_t n)
{
	while (n > 0)
	{
		size_t begin;
		uint32_t c = last_char(s, n, &begin) + 1;
		uint8_t next[4];
		size_t len;

		if (c == 0xd800)
			c = 0xe000; /* surrogates are no characters */
		if (c <= 0x10ffff)
		{
			len = put_char(next, c);
			if (len == n - begin)
			{
				memcpy(s + begin, next, len);
				return n;
			}
		}
		n = begin;
	}
	return 0;
}

static size_t
raise_bytes(uint8_t *s, size_t n)
{
	while (n > 0 && s[n - 1] == 0xff)
		n--;
	if (n > 0)
		s[n - 1]++;
	return n;
}

/* May bounds of the leaf be cut? */
static bool
may_cut(const LhPqwLeaf *leaf)
{
	return leaf->physical == LH_PQ_BYTE_ARRAY && leaf->order == LH_PQW_ORDER_BYTES;
}

static LhStatus
put_min(LhCtx *ctx, const LhPqwLeaf *leaf, LhSlice min, LhBuf *out, bool *exact)
{
	size_t most = (size_t) leaf->shared->options.truncate;

	*exact = !may_cut(leaf) || min.len <= most;
	if (!*exact)
		min.len =
			is_text(leaf->type.id) && lh_utf8_valid(min.data, min.len) ? cut_text(min, most) : most;
	return lh_buf_append(ctx, out, min.data, min.len);
}

static LhStatus
put_max(LhCtx *ctx, const LhPqwLeaf *leaf, LhSlice max, LhBuf *out, bool *exact)
{
	size_t most = (size_t) leaf->shared->options.truncate, at = out->len, len;
	bool text;

	*exact = true;
	if (!may_cut(leaf) || max.len <= most)
		return lh_buf_append(ctx, out, max.data, max.len);
	text = is_text(leaf->type.id) && lh_utf8_valid(max.data, max.len);
	LH_TRY(lh_buf_append(ctx, out, max.data, text ? cut_text(max, most) : most));
	len = text ? raise_text(out->data + at, out->len - at)
			   : raise_bytes(out->data + at, out->len - at);
	out->len = at + len;
	*exact = len == 0;
	return *exact ? lh_buf_append(ctx, out, max.data, max.len) : LH_OK;
}

/* Zeros of floats: sign is 0x80 in the last byte of the little-endian value, or not there. */
static void
put_zero(LhPqwOrder order, uint8_t *p, size_t len, uint8_t sign, bool *exact)
{
	if (!lh_pqw_order_is_float(order) || float_value(order, p) != 0)
		return;
	*exact = false;
	p[len - 1] = sign;
}

LhStatus
lh_pqw_bounds_put(LhCtx *ctx, const LhPqwLeaf *leaf, LhSlice min, LhSlice max, LhBuf *out,
				  uint32_t *min_len, uint32_t *max_len, bool *min_exact, bool *max_exact)
{
	size_t at = out->len;

	/* empty bounds need a place, too */
	LH_TRY(lh_buf_reserve(ctx, out, at + 1));
	LH_TRY(put_min(ctx, leaf, min, out, min_exact));
	*min_len = (uint32_t) (out->len - at);
	LH_TRY(put_max(ctx, leaf, max, out, max_exact));
	*max_len = (uint32_t) (out->len - at - *min_len);
	if (*min_len > 0)
		put_zero(leaf->order, out->data + at, *min_len, 0x80, min_exact);
	if (*max_len > 0)
		put_zero(leaf->order, out->data + at + *min_len, *max_len, 0, max_exact);
	return LH_OK;
}

/* A big-endian number in the leaf's lane. */
static void
decimal_value(LhSlice bytes, LhValue *out)
{
	LhI128 v = 0;

	if (out->type.lane == LH_LANE_STR)
	{
		out->str = (LhStr){bytes.data, (uint32_t) bytes.len, 0};
		return;
	}
	lh_i128_from_be_wide(bytes.data, bytes.len, &v);
	if (out->type.lane == LH_LANE_I128)
		out->i128 = v;
	else
		out->i64 = (int64_t) v;
}

LhValue
lh_pqw_bound_value(const LhPqwLeaf *leaf, LhSlice bytes)
{
	LhValue v = {.type = leaf->type};
	LhI128 number;

	switch (leaf->order)
	{
		case LH_PQW_ORDER_BOOL: v.i64 = bytes.data[0]; return v;
		case LH_PQW_ORDER_F16:
		case LH_PQW_ORDER_F32:
		case LH_PQW_ORDER_F64: v.f64 = float_value(leaf->order, bytes.data); return v;
		case LH_PQW_ORDER_I32: number = lh_load_i32(bytes.data); break;
		case LH_PQW_ORDER_U32: number = lh_load_u32(bytes.data); break;
		case LH_PQW_ORDER_I64: number = lh_load_i64(bytes.data); break;
		case LH_PQW_ORDER_U64: number = lh_load_u64(bytes.data); break;
		case LH_PQW_ORDER_NUMBER: decimal_value(bytes, &v); return v;
		default: v.str = (LhStr){bytes.data, (uint32_t) bytes.len, 0}; return v;
	}
	if (v.type.lane == LH_LANE_I128)
		v.i128 = number;
	else
		v.i64 = (int64_t) number;
	return v;
}
