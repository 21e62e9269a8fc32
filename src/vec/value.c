/*
 * value.c
 *		Comparing and printing single values.
 *
 * Values of one family compare by what they mean, whatever their lane or unit:
 * integers and decimals by number, dates and time stamps by the moment, floats
 * in PostgreSQL's order, all kinds of bytes by memcmp.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "vec/value.h"

#define NS_PER_DAY ((LhI128) 86400 * 1000000000)

static const int64_t ns_per_unit[] = {
	[LH_UNIT_S] = 1000000000,
	[LH_UNIT_MS] = 1000000,
	[LH_UNIT_US] = 1000,
	[LH_UNIT_NS] = 1,
};

LhFamily
lh_type_family(const LhType *t)
{
	switch (t->id)
	{
		case LH_T_BOOL: return LH_FAMILY_BOOL;
		case LH_T_INT8:
		case LH_T_INT16:
		case LH_T_INT32:
		case LH_T_INT64:
		case LH_T_UINT8:
		case LH_T_UINT16:
		case LH_T_UINT32:
		case LH_T_UINT64:
		case LH_T_DECIMAL: return LH_FAMILY_NUMBER;
		case LH_T_FLOAT16:
		case LH_T_FLOAT:
		case LH_T_DOUBLE: return LH_FAMILY_FLOAT;
		case LH_T_DATE:
		case LH_T_TIMESTAMP: return LH_FAMILY_MOMENT;
		case LH_T_TIME: return LH_FAMILY_TIME;
		case LH_T_STRING:
		case LH_T_ENUM:
		case LH_T_JSON:
		case LH_T_BSON:
		case LH_T_BINARY:
		case LH_T_FIXED:
		case LH_T_UUID:
		case LH_T_GEOMETRY:
		case LH_T_GEOGRAPHY: return LH_FAMILY_BYTES;
		default: return LH_FAMILY_NONE;
	}
}

/* Wide decimals: big-endian two's complement of any width, compared by number. */
static int
compare_be(LhStr a, LhStr b)
{
	bool aneg = a.len > 0 && a.ptr[0] >= 0x80, bneg = b.len > 0 && b.ptr[0] >= 0x80;
	uint32_t n = a.len > b.len ? a.len : b.len;

	if (aneg != bneg)
		return aneg ? -1 : 1;
	for (uint32_t i = 0; i < n; i++)
	{
		int x = i < n - a.len ? (aneg ? 0xFF : 0) : a.ptr[i - (n - a.len)];
		int y = i < n - b.len ? (bneg ? 0xFF : 0) : b.ptr[i - (n - b.len)];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

bool
lh_value_unscaled(const LhValue *v, LhI128 *out)
{
	if (v->type.lane == LH_LANE_I128)
		*out = v->i128;
	else if (v->type.lane == LH_LANE_STR)
		return lh_i128_from_be_wide(v->str.ptr, v->str.len, out);
	else
		*out = v->i64;
	return true;
}

static LhI128
floor_div(LhI128 a, LhI128 b)
{
	LhI128 q = a / b;

	return q - (a % b < 0);
}

/*
 * a * 10^-sa against b * 10^-sb for sa < sb, without overflow: b is split into
 * whole units of a's scale and a rest.
 */
static int
compare_scaled(LhI128 a, LhI128 b, int diff)
{
	LhI128 whole, rest;

	if (diff > LH_DECIMAL_MAX_PRECISION)
	{
		whole = b < 0 ? -1 : 0;
		rest = b;
	}
	else
	{
		whole = floor_div(b, lh_pow10[diff]);
		rest = b - whole * lh_pow10[diff];
	}
	if (a != whole)
		return a < whole ? -1 : 1;
	return rest != 0 ? -1 : 0;
}

static int
compare_numbers(const LhValue *a, const LhValue *b)
{
	int sa = a->type.id == LH_T_DECIMAL ? a->type.scale : 0;
	int sb = b->type.id == LH_T_DECIMAL ? b->type.scale : 0;
	LhI128 x, y;

	if (!lh_value_unscaled(a, &x) || !lh_value_unscaled(b, &y))
	{
		/* beyond 128 bits: same scale, or the sign and width decide */
		if (sa == sb && a->type.lane == LH_LANE_STR && b->type.lane == LH_LANE_STR)
			return compare_be(a->str, b->str);
		return lh_value_compare_wide(a, b);
	}
	if (sa == sb)
		return x < y ? -1 : x > y;
	if (sa < sb)
		return compare_scaled(x, y, sb - sa);
	return -compare_scaled(y, x, sa - sb);
}

/* One number does not fit 128 bits: compare as lists of decimal digits. */
int
lh_value_compare_wide(const LhValue *a, const LhValue *b)
{
	/* little-endian base-256 magnitudes, scaled to the larger scale by repeated times ten */
	enum
	{
		MAX_BYTES = 512
	};
	const LhValue *v[2] = {a, b};
	uint8_t mag[2][MAX_BYTES] = {{0}};
	bool neg[2];
	int scale[2];

	for (int k = 0; k < 2; k++)
	{
		LhI128 x;

		scale[k] = v[k]->type.id == LH_T_DECIMAL ? v[k]->type.scale : 0;
		if (v[k]->type.lane == LH_LANE_STR)
		{
			uint32_t len = v[k]->str.len < MAX_BYTES / 2 ? v[k]->str.len : MAX_BYTES / 2;
			const uint8_t *p = v[k]->str.ptr + v[k]->str.len - len;
			int carry = 1;

			neg[k] = v[k]->str.len > 0 && v[k]->str.ptr[0] >= 0x80;
			for (uint32_t i = 0; i < len; i++)
			{
				int byte = p[len - 1 - i];

				if (neg[k])
				{
					byte = (byte ^ 0xFF) + carry;
					carry = byte >> 8;
				}
				mag[k][i] = (uint8_t) byte;
			}
		}
		else
		{
			LhU128 u;

			lh_value_unscaled(v[k], &x);
			neg[k] = x < 0;
			u = neg[k] ? -(LhU128) x : (LhU128) x;
			for (int i = 0; i < 16; i++)
				mag[k][i] = (uint8_t) (u >> (8 * i));
		}
	}
	for (int k = 0; k < 2; k++)
	{
		for (int s = scale[k]; s < scale[1 - k]; s++)
		{
			int carry = 0;

			for (int i = 0; i < MAX_BYTES; i++)
			{
				carry += mag[k][i] * 10;
				mag[k][i] = (uint8_t) carry;
				carry >>= 8;
			}
		}
	}
	if (neg[0] != neg[1])
		return neg[0] ? -1 : 1;
	for (int i = MAX_BYTES - 1; i >= 0; i--)
	{
		if (mag[0][i] != mag[1][i])
			return (mag[0][i] < mag[1][i]) != neg[0] ? -1 : 1;
	}
	return 0;
}

static LhI128
moment_ns(const LhValue *v)
{
	if (v->type.id == LH_T_DATE)
		return v->i64 * NS_PER_DAY;
	return (LhI128) v->i64 * ns_per_unit[v->type.unit & 3];
}

static int
compare_floats(double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) - isnan(b);
	return a < b ? -1 : a > b;
}

int
lh_bytes_compare(LhStr a, LhStr b)
{
	uint32_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;

	if (c != 0)
		return c < 0 ? -1 : 1;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* Bytes that may lie between two strings of a page: a length of four bytes. */
#define MAX_GAP 4

/* Separate allocations are further apart than MAX_GAP, or follow each other without a hole. */
bool
lh_strs_are_adjacent(const LhStr *strs, size_t n, const uint64_t *valid, LhSlice *out)
{
	uintptr_t wide = 0;
	size_t first = 0, last = n - 1;

	if (valid == NULL)
	{
		for (size_t i = 1; i < n; i++)
			wide |=
				(uintptr_t) strs[i].ptr - ((uintptr_t) strs[i - 1].ptr + strs[i - 1].len) > MAX_GAP;
	}
	else
	{
		while (first < n && !lh_bit_get(valid, first))
			first++;
		last = first;
		for (size_t i = first + 1; i < n; i++)
		{
			if (!lh_bit_get(valid, i))
				continue;
			wide |=
				(uintptr_t) strs[i].ptr - ((uintptr_t) strs[last].ptr + strs[last].len) > MAX_GAP;
			last = i;
		}
	}
	if (wide != 0 || first >= n)
		return false;
	*out = lh_slice(strs[first].ptr, (size_t) (strs[last].ptr + strs[last].len - strs[first].ptr));
	return true;
}

int
lh_value_compare(const LhValue *a, const LhValue *b)
{
	LhFamily fa = lh_type_family(&a->type), fb = lh_type_family(&b->type);

	if (a->null || b->null)
		return a->null - b->null;
	if (fa == LH_FAMILY_FLOAT && fb == LH_FAMILY_NUMBER)
		return compare_floats(a->f64, lh_value_double(b));
	if (fa == LH_FAMILY_NUMBER && fb == LH_FAMILY_FLOAT)
		return compare_floats(lh_value_double(a), b->f64);
	switch (fa)
	{
		case LH_FAMILY_NUMBER: return compare_numbers(a, b);
		case LH_FAMILY_FLOAT: return compare_floats(a->f64, b->f64);
		case LH_FAMILY_MOMENT:
		case LH_FAMILY_TIME:
		{
			LhI128 x = moment_ns(a), y = moment_ns(b);

			return x < y ? -1 : x > y;
		}
		case LH_FAMILY_BOOL: return (int) (lh_value_bool(a) - lh_value_bool(b));
		case LH_FAMILY_BYTES: return lh_bytes_compare(a->str, b->str);
		default: return 0;
	}
}

double
lh_value_double(const LhValue *v)
{
	LhI128 x;

	if (lh_type_family(&v->type) == LH_FAMILY_FLOAT)
		return v->f64;
	if (!lh_value_unscaled(v, &x))
		return NAN;
	if (v->type.id == LH_T_DECIMAL && v->type.scale > 0)
		return (double) x / pow(10, v->type.scale);
	return (double) x;
}

static LhStatus
format_hex(LhCtx *ctx, LhStr s, LhBuf *out)
{
	LH_TRY(lh_buf_append_str(ctx, out, "\\x"));
	for (uint32_t i = 0; i < s.len; i++)
		LH_TRY(lh_buf_printf(ctx, out, "%02x", s.ptr[i]));
	return LH_OK;
}

static LhStatus
format_uuid(LhCtx *ctx, LhStr s, LhBuf *out)
{
	for (uint32_t i = 0; i < s.len; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			LH_TRY(lh_buf_putc(ctx, out, '-'));
		LH_TRY(lh_buf_printf(ctx, out, "%02x", s.ptr[i]));
	}
	return LH_OK;
}

static LhStatus
format_interval(LhCtx *ctx, LhStr s, LhBuf *out)
{
	uint32_t part[3] = {0};

	memcpy(part, s.ptr, s.len < 12 ? s.len : 12);
	return lh_buf_printf(ctx, out, "%u months %u days %u ms", part[0], part[1], part[2]);
}

static LhStatus
format_number(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	int scale = v->type.id == LH_T_DECIMAL ? v->type.scale : 0;
	char text[64];
	LhI128 x;

	if (v->type.lane == LH_LANE_STR)
		return lh_decimal_format_be(ctx, v->str.ptr, v->str.len, scale, out);
	lh_value_unscaled(v, &x);
	lh_decimal_format(x, scale, text);
	return lh_buf_append_str(ctx, out, text);
}

LhStatus
lh_value_format(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	char text[64];

	if (v->null)
		return lh_buf_append_str(ctx, out, "NULL");
	switch (v->type.id)
	{
		case LH_T_BOOL: return lh_buf_append_str(ctx, out, lh_value_bool(v) ? "true" : "false");
		case LH_T_FLOAT16:
		case LH_T_FLOAT:
			lh_format_float((float) v->f64, text);
			return lh_buf_append_str(ctx, out, text);
		case LH_T_DOUBLE: lh_format_double(v->f64, text); return lh_buf_append_str(ctx, out, text);
		case LH_T_DATE: lh_format_date(v->i64, text); return lh_buf_append_str(ctx, out, text);
		case LH_T_TIME:
			lh_format_time(v->i64, (LhUnit) v->type.unit, text);
			return lh_buf_append_str(ctx, out, text);
		case LH_T_TIMESTAMP:
			lh_format_timestamp(v->i64, (LhUnit) v->type.unit, v->type.utc, text);
			return lh_buf_append_str(ctx, out, text);
		case LH_T_STRING:
		case LH_T_ENUM:
		case LH_T_JSON:
			if (!lh_utf8_valid(v->str.ptr, v->str.len))
				return format_hex(ctx, v->str, out);
			return lh_buf_append(ctx, out, v->str.ptr, v->str.len);
		case LH_T_UUID: return format_uuid(ctx, v->str, out);
		case LH_T_INTERVAL: return format_interval(ctx, v->str, out);
		default:
			if (lh_type_family(&v->type) == LH_FAMILY_NUMBER)
				return format_number(ctx, v, out);
			if (lh_type_family(&v->type) == LH_FAMILY_BYTES)
				return format_hex(ctx, v->str, out);
			return lh_buf_printf(ctx, out, "<%s>", lh_type_name(&v->type));
	}
}
