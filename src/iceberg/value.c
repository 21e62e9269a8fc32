/*
 * value.c
 *		Single values as Iceberg writes them: bytes of bounds, JSON of defaults.
 *
 * A bound keeps the form of the type that its field had when the file was
 * written, while the field's type may have been promoted since.  The number of
 * bytes tells which: 4 under a long are an int, 4 under a double a float, 4
 * under a time stamp days; decimals keep their scale and have as many bytes as
 * they need.
 *
 * Format: appendix D of https://iceberg.apache.org/spec/
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/datetime.h"
#include "core/decimal.h"
#include "core/text.h"
#include "iceberg/ice.h"

#define US_PER_DAY INT64_C(86400000000)

/*
 * Bytes
 */

static int64_t
ticks_per_day(uint8_t unit)
{
	switch (unit)
	{
		case LH_UNIT_S: return 86400;
		case LH_UNIT_MS: return 86400000;
		case LH_UNIT_US: return US_PER_DAY;
		default: return US_PER_DAY * 1000;
	}
}

static bool
binary_int(const LhType *type, LhSlice b, LhValue *out)
{
	if (b.len == 4)
		out->i64 = lh_load_i32(b.data);
	else if (b.len == 8)
		out->i64 = lh_load_i64(b.data);
	else
		return false;
	return type->lane != LH_LANE_I32 || (out->i64 >= INT32_MIN && out->i64 <= INT32_MAX);
}

static bool
binary_float(const LhType *type, LhSlice b, LhValue *out)
{
	if (b.len == 4)
		out->f64 = lh_load_f32(b.data);
	else if (b.len == 8 && type->lane == LH_LANE_F64)
		out->f64 = lh_load_f64(b.data);
	else
		return false;
	return true;
}

/* Days under a time stamp: the first tick of the day. */
static bool
binary_moment(const LhType *type, LhSlice b, LhValue *out)
{
	if (b.len == 8)
	{
		out->i64 = lh_load_i64(b.data);
		return true;
	}
	return b.len == 4 && !__builtin_mul_overflow((int64_t) lh_load_i32(b.data),
												 ticks_per_day(type->unit), &out->i64);
}

static bool
binary_decimal(const LhType *type, LhSlice b, LhValue *out)
{
	LhI128 v;

	if (b.len == 0)
		return false;
	if (type->lane == LH_LANE_STR)
	{
		out->str = (LhStr){b.data, (uint32_t) b.len, 0};
		return true;
	}
	if (!lh_i128_from_be_wide(b.data, b.len, &v))
		return false;
	if (type->lane == LH_LANE_I128)
	{
		out->i128 = v;
		return true;
	}
	out->i64 = (int64_t) v;
	return type->lane == LH_LANE_I32 ? v >= INT32_MIN && v <= INT32_MAX
									 : v >= INT64_MIN && v <= INT64_MAX;
}

bool
lh_ice_value_binary(const LhType *type, LhSlice b, LhValue *out)
{
	*out = (LhValue){.type = *type};
	if (b.len > UINT32_MAX)
		return false;
	switch (type->id)
	{
		case LH_T_BOOL:
			if (b.len != 1)
				return false;
			out->i64 = b.data[0] != 0;
			return true;
		case LH_T_INT32:
		case LH_T_INT64: return binary_int(type, b, out);
		case LH_T_FLOAT:
		case LH_T_DOUBLE: return binary_float(type, b, out);
		case LH_T_DATE:
			if (b.len != 4)
				return false;
			out->i64 = lh_load_i32(b.data);
			return true;
		case LH_T_TIME:
			if (b.len != 8)
				return false;
			out->i64 = lh_load_i64(b.data);
			return true;
		case LH_T_TIMESTAMP: return binary_moment(type, b, out);
		case LH_T_DECIMAL: return binary_decimal(type, b, out);
		case LH_T_UUID:
		case LH_T_FIXED:
			if (b.len != (size_t) type->width)
				return false;
			break;
		case LH_T_STRING:
		case LH_T_BINARY: break;
		default: return false;
	}
	out->str = (LhStr){b.data, (uint32_t) b.len, 0};
	return true;
}

/*
 * Converted values: of a type that promotes to another
 */

bool
lh_ice_value_promote(const LhValue *v, const LhType *type, LhValue *out)
{
	const LhType *from = &v->type;

	*out = *v;
	out->type = *type;
	if (v->null)
		return true;
	switch (type->id)
	{
		case LH_T_INT32:
		case LH_T_INT64:
			if (from->id != LH_T_INT32 && from->id != LH_T_INT64 && from->id != LH_T_DATE)
				return false;
			return type->lane == LH_LANE_I64 || (v->i64 >= INT32_MIN && v->i64 <= INT32_MAX);
		case LH_T_DATE: return from->id == LH_T_DATE || from->id == LH_T_INT32;
		case LH_T_FLOAT: return from->id == LH_T_FLOAT;
		case LH_T_DOUBLE: return from->id == LH_T_FLOAT || from->id == LH_T_DOUBLE;
		case LH_T_TIMESTAMP:
			if (from->id == LH_T_DATE)
				return !__builtin_mul_overflow(v->i64, ticks_per_day(type->unit), &out->i64);
			return (from->id == LH_T_TIMESTAMP && from->unit == type->unit) ||
				   from->id == LH_T_INT64;
		case LH_T_TIME:
			return (from->id == LH_T_TIME && from->unit == type->unit) || from->id == LH_T_INT64;
		case LH_T_DECIMAL:
		{
			LhI128 x;

			if (from->id != LH_T_DECIMAL || from->scale != type->scale)
				return false;
			if (from->lane == type->lane)
				return true;
			if (type->lane == LH_LANE_STR)
				return false;
			if (from->lane == LH_LANE_STR)
				return binary_decimal(type, lh_slice(v->str.ptr, v->str.len), out);
			x = from->lane == LH_LANE_I128 ? v->i128 : v->i64;
			if (type->lane == LH_LANE_I128)
				out->i128 = x;
			else
				out->i64 = (int64_t) x;
			return type->lane == LH_LANE_I128 || (x >= INT64_MIN && x <= INT64_MAX);
		}
		case LH_T_UUID:
		case LH_T_FIXED:
			return (from->lane == LH_LANE_FIX || from->lane == LH_LANE_STR) &&
				   v->str.len == (uint32_t) type->width;
		case LH_T_STRING:
		case LH_T_BINARY: return from->lane == LH_LANE_STR || from->lane == LH_LANE_FIX;
		default: return from->id == type->id;
	}
}

/*
 * JSON
 */

static LhStatus
bad(LhCtx *ctx, const LhType *type, const char *text)
{
	LH_FAIL(ctx, LH_CORRUPT, "\"%.100s\" is no value of type %s", text, lh_type_name(type));
}

/* Digits of a fixed number; advances. */
static bool
digits(const char **s, int n, int64_t *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, (*s)++)
	{
		if (**s < '0' || **s > '9')
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return true;
}

/* [+-]YYYY[Y...]-MM-DD */
static bool
parse_date(const char **s, int64_t *days)
{
	bool negative = **s == '-';
	int64_t y = 0, m, d, y2;
	int n = 0, m2, d2;

	if (**s == '-' || **s == '+')
		(*s)++;
	for (; **s >= '0' && **s <= '9' && n < 9; n++, (*s)++)
		y = y * 10 + (**s - '0');
	if (n < 4 || *(*s)++ != '-' || !digits(s, 2, &m) || *(*s)++ != '-' || !digits(s, 2, &d))
		return false;
	if (negative)
		y = -y;
	if (m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	*days = lh_days_from_civil(y, (int) m, (int) d);
	lh_civil_from_days(*days, &y2, &m2, &d2);
	return d2 == d;
}

/* HH:MM[:SS[.fraction]] in ticks of unit; digits beyond it must be zeros. */
static bool
parse_time(const char **s, uint8_t unit, int64_t *ticks)
{
	int places = unit == LH_UNIT_NS ? 9 : 6, n = 0;
	int64_t h, m, sec = 0, fraction = 0;

	if (!digits(s, 2, &h) || *(*s)++ != ':' || !digits(s, 2, &m))
		return false;
	if (**s == ':')
	{
		(*s)++;
		if (!digits(s, 2, &sec))
			return false;
		if (**s == '.')
		{
			(*s)++;
			for (; **s >= '0' && **s <= '9'; n++, (*s)++)
			{
				if (n < places)
					fraction = fraction * 10 + (**s - '0');
				else if (**s != '0')
					return false;
			}
			if (n == 0)
				return false;
		}
	}
	for (; n < places; n++)
		fraction *= 10;
	if (h > 23 || m > 59 || sec > 59)
		return false;
	*ticks = ((h * 60 + m) * 60 + sec) * (unit == LH_UNIT_NS ? 1000000000 : 1000000) + fraction;
	return true;
}

/* The offset is UTC's in whatever way it is written; others are moved there. */
static bool
parse_zone(const char **s, int64_t *seconds)
{
	int64_t h, m = 0;
	bool negative = **s == '-';

	*seconds = 0;
	if (**s == 'Z')
	{
		(*s)++;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	(*s)++;
	if (!digits(s, 2, &h))
		return false;
	if (**s == ':')
	{
		(*s)++;
		if (!digits(s, 2, &m))
			return false;
	}
	if (h > 18 || m > 59)
		return false;
	*seconds = (h * 60 + m) * (negative ? -60 : 60);
	return true;
}

static bool
parse_timestamp(const LhType *type, const char *s, int64_t *out)
{
	int64_t days, ticks, zone = 0, per_second = type->unit == LH_UNIT_NS ? 1000000000 : 1000000;

	if (!parse_date(&s, &days) || *s++ != 'T' || !parse_time(&s, type->unit, &ticks))
		return false;
	if (type->utc && !parse_zone(&s, &zone))
		return false;
	return *s == '\0' && !__builtin_mul_overflow(days, ticks_per_day(type->unit), out) &&
		   !__builtin_add_overflow(*out, ticks - zone * per_second, out);
}

/* "14.20", "-3", "2E+20": exactly representable with the type's scale. */
static bool
parse_decimal(const LhType *type, const char *s, LhValue *out)
{
	bool negative = *s == '-', point = false;
	LhI128 v = 0;
	int scale = 0, n = 0, power;
	long exponent = 0;

	if (*s == '-' || *s == '+')
		s++;
	for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++)
	{
		if (*s == '.')
		{
			point = true;
			continue;
		}
		n++;
		scale += point;
		if (v > lh_pow10[37])
			return false;
		v = v * 10 + (*s - '0');
	}
	if (n == 0)
		return false;
	if (*s == 'E' || *s == 'e')
	{
		char *end;

		if (s[1] != '+' && s[1] != '-' && (s[1] < '0' || s[1] > '9'))
			return false;
		exponent = strtol(s + 1, &end, 10);
		if (end == s + 1 || exponent > 1000 || exponent < -1000)
			return false;
		s = end;
	}
	if (*s != '\0')
		return false;
	/* v * 10^(exponent - scale), as a multiple of 10^-type.scale */
	power = (int) exponent - scale + type->scale;
	for (; power < 0; power++)
	{
		if (v % 10 != 0)
			return false;
		v /= 10;
	}
	for (; power > 0 && v != 0; power--)
	{
		if (v > lh_pow10[37])
			return false;
		v *= 10;
	}
	if (type->precision <= LH_DECIMAL_MAX_PRECISION && v >= lh_pow10[type->precision])
		return false;
	if (negative)
		v = -v;
	if (type->lane == LH_LANE_I128)
		out->i128 = v;
	else
		out->i64 = (int64_t) v;
	return type->lane != LH_LANE_STR;
}

/* Pairs of hex digits; with dashes (uuid) these are passed. */
static LhStatus
parse_hex(LhCtx *ctx, const LhType *type, const char *s, size_t len, LhValue *out)
{
	uint8_t *bytes = lh_alloc(ctx, len / 2 + 1);
	size_t n = 0;

	if (bytes == NULL)
		return ctx->error->code;
	for (size_t i = 0; i < len; i++)
	{
		int hi, lo;

		if (type->id == LH_T_UUID && s[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23))
			continue;
		hi = lh_hex_digit((uint8_t) s[i]);
		lo = ++i < len ? lh_hex_digit((uint8_t) s[i]) : -1;
		if (hi < 0 || lo < 0)
			return bad(ctx, type, s);
		bytes[n++] = (uint8_t) (hi << 4 | lo);
	}
	if ((type->id == LH_T_UUID && len != 36) ||
		(type->lane == LH_LANE_FIX && n != (size_t) type->width))
		return bad(ctx, type, s);
	out->str = (LhStr){bytes, (uint32_t) n, 0};
	return LH_OK;
}

static LhStatus
json_text(LhCtx *ctx, const LhType *type, const char *s, size_t len, LhValue *out)
{
	bool ok;

	switch (type->id)
	{
		case LH_T_STRING:
			out->str.ptr = lh_memdup(ctx, s, len + 1);
			out->str.len = (uint32_t) len;
			return out->str.ptr == NULL ? ctx->error->code : LH_OK;
		case LH_T_UUID:
		case LH_T_FIXED:
		case LH_T_BINARY: return parse_hex(ctx, type, s, len, out);
		case LH_T_DATE:
		{
			const char *p = s;

			ok = parse_date(&p, &out->i64) && *p == '\0' && out->i64 >= INT32_MIN &&
				 out->i64 <= INT32_MAX;
			break;
		}
		case LH_T_TIME:
		{
			const char *p = s;

			ok = parse_time(&p, type->unit, &out->i64) && *p == '\0';
			break;
		}
		case LH_T_TIMESTAMP: ok = parse_timestamp(type, s, &out->i64); break;
		case LH_T_DECIMAL: ok = parse_decimal(type, s, out); break;
		default: ok = false;
	}
	return ok && strlen(s) == len ? LH_OK : bad(ctx, type, s);
}

static LhStatus
json_number(LhCtx *ctx, const LhType *type, const json_t *json, LhValue *out)
{
	switch (type->id)
	{
		case LH_T_INT32:
		case LH_T_INT64:
			if (!json_is_integer(json))
				break;
			out->i64 = json_integer_value(json);
			if (type->lane == LH_LANE_I32 && (out->i64 < INT32_MIN || out->i64 > INT32_MAX))
				break;
			return LH_OK;
		case LH_T_FLOAT:
			out->f64 = (float) json_number_value(json);
			if (isinf(out->f64))
				break;
			return LH_OK;
		case LH_T_DOUBLE: out->f64 = json_number_value(json); return LH_OK;
		default: break;
	}
	LH_FAIL(ctx, LH_CORRUPT, "a JSON number is no value of type %s, or does not fit it",
			lh_type_name(type));
}

static LhStatus
json_value(LhCtx *ctx, const LhType *type, const json_t *json, LhValue *out)
{
	if (json_is_null(json))
	{
		out->null = true;
		return LH_OK;
	}
	if (json_is_boolean(json) && type->id == LH_T_BOOL)
	{
		out->i64 = json_is_true(json);
		return LH_OK;
	}
	if (json_is_number(json))
		return json_number(ctx, type, json, out);
	if (json_is_string(json))
		return json_text(ctx, type, json_string_value(json), json_string_length(json), out);
	LH_FAIL(ctx, LH_CORRUPT, "a JSON %s is no value of type %s",
			json_is_boolean(json)  ? "boolean"
			: json_is_array(json)  ? "array"
			: json_is_object(json) ? "object"
								   : "value",
			lh_type_name(type));
}

LhStatus
lh_ice_value_json(LhCtx *ctx, const LhType *type, LhSlice text, LhValue *out)
{
	bool real = type->id == LH_T_FLOAT || type->id == LH_T_DOUBLE;
	json_error_t error;
	json_t *json;
	LhStatus status;

	*out = (LhValue){.type = *type};
	json = json_loadb((const char *) text.data, text.len,
					  JSON_DECODE_ANY | JSON_ALLOW_NUL | (real ? JSON_DECODE_INT_AS_REAL : 0),
					  &error);
	if (json == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "no JSON value: %.200s", error.text);
	if (lh_type_is_nested(type) && !json_is_null(json))
	{
		json_decref(json);
		LH_FAIL(ctx, LH_UNSUPPORTED, "values of type %s are not supported here",
				lh_type_name(type));
	}
	status = json_value(ctx, type, json, out);
	json_decref(json);
	return status;
}

/*
 * JSON, written
 */

static LhStatus
write_hex(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	static const char hex[] = "0123456789abcdef";

	LH_TRY(lh_buf_append_str(ctx, out, v->type.id == LH_T_UUID ? "\"" : "\"\\\\x"));
	for (uint32_t i = 0; i < v->str.len; i++)
	{
		if (v->type.id == LH_T_UUID && (i == 4 || i == 6 || i == 8 || i == 10))
			LH_TRY(lh_buf_putc(ctx, out, '-'));
		LH_TRY(lh_buf_putc(ctx, out, hex[v->str.ptr[i] >> 4]));
		LH_TRY(lh_buf_putc(ctx, out, hex[v->str.ptr[i] & 15]));
	}
	return lh_buf_putc(ctx, out, '"');
}

/* JSON has no NaN and no infinity: these are strings, as PostgreSQL's to_jsonb writes them. */
static LhStatus
write_float(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	char text[32];

	if (v->type.lane == LH_LANE_F32)
		lh_format_float((float) v->f64, text);
	else
		lh_format_double(v->f64, text);
	return lh_buf_printf(ctx, out, isfinite(v->f64) ? "%s" : "\"%s\"", text);
}

LhStatus
lh_ice_value_write(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	char text[64];

	if (v->null)
		return lh_buf_append_str(ctx, out, "null");
	switch (v->type.id)
	{
		case LH_T_BOOL: return lh_buf_append_str(ctx, out, (v->i64 & 0xFF) != 0 ? "true" : "false");
		case LH_T_INT32:
		case LH_T_INT64: return lh_buf_printf(ctx, out, "%lld", (long long) v->i64);
		case LH_T_FLOAT:
		case LH_T_DOUBLE: return write_float(ctx, v, out);
		case LH_T_DATE: lh_format_date(v->i64, text); break;
		case LH_T_TIME: lh_format_time(v->i64, v->type.unit, text); break;
		case LH_T_TIMESTAMP: lh_format_timestamp(v->i64, v->type.unit, v->type.utc, text); break;
		case LH_T_DECIMAL:
			if (v->type.lane == LH_LANE_STR)
				return lh_decimal_format_be(ctx, v->str.ptr, v->str.len, v->type.scale, out);
			lh_decimal_format(v->type.lane == LH_LANE_I128 ? v->i128 : v->i64, v->type.scale, text);
			return lh_buf_append_str(ctx, out, text);
		case LH_T_STRING:
		case LH_T_ENUM:
			if (lh_utf8_valid(v->str.ptr, v->str.len))
				return lh_json_string(ctx, out, v->str.ptr, v->str.len);
			return write_hex(ctx, v, out);
		case LH_T_UUID:
		case LH_T_FIXED:
		case LH_T_BINARY:
		case LH_T_GEOMETRY:
		case LH_T_GEOGRAPHY: return write_hex(ctx, v, out);
		default: return lh_buf_append_str(ctx, out, "null");
	}
	return lh_buf_printf(ctx, out, "\"%s\"", text);
}
