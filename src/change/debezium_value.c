/*
 * debezium_value.c
 *		Cells as Kafka Connect's JSON converter writes Debezium's values.
 *
 * Numbers are in debezium_decimal.c, times in debezium_time.c; here are bytes,
 * bits, types of extensions, arrays, and the switch over all of them.
 * docs/cdc-formats.md tells where Debezium's values are wrong and ours are not.
 */
#include "change/debezium.h"

#include <math.h>
#include <stdlib.h>

#include "core/text.h"

#define NULL_TEXT "null", 4

/* ---- bytes ---- */
static LhStatus
put_binary(LhCtx *ctx, LhBuf *buf, LhBinaryMode mode, const void *p, size_t n)
{
	LH_TRY(lh_put(ctx, buf, "\"", 1));
	if (mode == LH_BINARY_HEX)
		LH_TRY(lh_put_hex(ctx, buf, p, n));
	else
		LH_TRY(lh_put_base64(ctx, buf, p, n, mode == LH_BINARY_BASE64_URL));
	return lh_put(ctx, buf, "\"", 1);
}

/* bytea, or the output text of anything else */
static LhStatus
put_bytes(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	size_t at = buf->len;
	size_t n;
	void *copy;

	if (c->kind == LH_CELL_BYTES || lh_cell_is_text(c) || c->kind == LH_CELL_RAW)
		return put_binary(ctx, buf, type->binary, c->ptr, c->len);
	LH_TRY(lh_put_cell_text(ctx, buf, c));
	n = buf->len - at;
	if ((copy = lh_memdup(ctx, buf->data + at, n)) == NULL)
		return LH_NO_MEMORY;
	buf->len = at;
	return put_binary(ctx, buf, type->binary, copy, n);
}

/* "0101": the last bit is the lowest of the first byte; bytes end with the highest bit that is set. */
LhStatus
lh_dbz_bits(LhCtx *ctx, const LhCell *c, uint8_t few[32], LhSlice *out)
{
	size_t room = (size_t) c->len / 8 + 1;
	uint8_t *bytes = room <= 32 ? few : lh_alloc(ctx, room);
	size_t n = 0;

	if (bytes == NULL)
		return LH_NO_MEMORY;
	memset(bytes, 0, room);
	for (uint32_t i = 0; i < c->len; i++)
		if (c->ptr[c->len - 1 - i] == '1')
		{
			bytes[i / 8] |= (uint8_t) (1 << i % 8);
			n = i / 8 + 1;
		}
	*out = lh_slice(bytes, n);
	return LH_OK;
}

static LhStatus
put_bits(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	uint8_t few[32];
	LhSlice bytes;

	LH_TRY(lh_dbz_bits(ctx, c, few, &bytes));
	return lh_dbz_bytes64(ctx, buf, bytes.data, bytes.len);
}

/* ---- types of extensions, and points: from their text ---- */
/* A coordinate, as float8in reads it. */
static bool
coordinate(const char **s, const char *end, char stop, double *v)
{
	char text[64];
	size_t n = 0;
	char *rest;

	while (*s < end && **s != stop && n < sizeof(text) - 1)
		text[n++] = *(*s)++;
	text[n] = '\0';
	*v = strtod(text, &rest);
	if (n == 0 || *rest != '\0' || *s == end || **s != stop)
		return false;
	(*s)++;
	return true;
}

/* "(1.5,-2)" with its well-known binary */
bool
lh_dbz_point(const LhCell *c, double *x, double *y, uint8_t wkb[21])
{
	const char *s = (const char *) c->ptr;
	const char *end = s + c->len;

	if (c->len == 0 || *s++ != '(' || !coordinate(&s, end, ',', x) || !coordinate(&s, end, ')', y))
		return false;
	memset(wkb, 0, 21);
	wkb[0] = wkb[1] = 1;
	memcpy(wkb + 5, x, 8);
	memcpy(wkb + 13, y, 8);
	return true;
}

static LhStatus
put_point(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	uint8_t wkb[21];
	double x, y;

	if (!lh_dbz_point(c, &x, &y, wkb))
		return lh_put(ctx, buf, NULL_TEXT);
	LH_TRY(lh_put(ctx, buf, "{\"x\":", 5));
	LH_TRY(lh_dbz_double(ctx, buf, x));
	LH_TRY(lh_put(ctx, buf, ",\"y\":", 5));
	LH_TRY(lh_dbz_double(ctx, buf, y));
	LH_TRY(lh_put(ctx, buf, ",\"wkb\":", 7));
	LH_TRY(lh_dbz_bytes64(ctx, buf, wkb, sizeof(wkb)));
	return lh_put(ctx, buf, ",\"srid\":null}", 13);
}

/* One of hstore_out's quoted strings without its quotes and backslashes. */
static bool
hstore_string(const uint8_t **s, const uint8_t *end, uint8_t *out, size_t *n)
{
	*n = 0;
	if (*s == end || *(*s)++ != '"')
		return false;
	while (*s < end && **s != '"')
	{
		if (**s == '\\' && ++*s == end)
			return false;
		out[(*n)++] = *(*s)++;
	}
	if (*s == end)
		return false;
	(*s)++;
	return true;
}

static bool
skip_text(const uint8_t **s, const uint8_t *end, const char *text)
{
	size_t n = strlen(text);

	if ((size_t) (end - *s) < n || memcmp(*s, text, n) != 0)
		return false;
	*s += n;
	return true;
}

bool
lh_dbz_hstore_next(const uint8_t **s, const uint8_t *end, uint8_t *text, LhSlice *key,
				   LhSlice *value)
{
	*key = *value = (LhSlice){text, 0};
	if (!hstore_string(s, end, text, &key->len) || !skip_text(s, end, "=>"))
		return false;
	text += key->len;
	value->data = text;
	if (skip_text(s, end, "NULL"))
		value->data = NULL;
	else if (!hstore_string(s, end, text, &value->len))
		return false;
	/* one that ends with a comma is none */
	return *s == end || (skip_text(s, end, ", ") && *s < end);
}

/* "a"=>"1", "b"=>NULL as {"a":"1","b":null}; false: this is no hstore's text */
static LhStatus
put_hstore_object(LhCtx *ctx, LhBuf *buf, const LhCell *c, bool *good)
{
	const uint8_t *s = c->ptr;
	const uint8_t *end = s + c->len;
	uint8_t *text = lh_alloc(ctx, (size_t) c->len + 1);
	LhSlice key, value;

	if (text == NULL)
		return LH_NO_MEMORY;
	*good = false;
	LH_TRY(lh_put(ctx, buf, "{", 1));
	while (s < end)
	{
		if (!lh_dbz_hstore_next(&s, end, text, &key, &value))
			return LH_OK;
		LH_TRY(lh_put_json_string(ctx, buf, key.data, key.len));
		LH_TRY(lh_put(ctx, buf, ":", 1));
		if (value.data == NULL)
			LH_TRY(lh_put(ctx, buf, NULL_TEXT));
		else
			LH_TRY(lh_put_json_string(ctx, buf, value.data, value.len));
		if (s < end)
			LH_TRY(lh_put(ctx, buf, ",", 1));
	}
	*good = true;
	return lh_put(ctx, buf, "}", 1);
}

static LhStatus
put_hstore(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	size_t at = buf->len;
	size_t n;
	bool good;
	void *copy;

	LH_TRY(put_hstore_object(ctx, buf, c, &good));
	if (!good)
	{
		buf->len = at;
		return lh_put(ctx, buf, NULL_TEXT);
	}
	if (type->kind == LH_DBZ_HSTORE_MAP)
		return LH_OK;
	n = buf->len - at;
	if ((copy = lh_memdup(ctx, buf->data + at, n)) == NULL)
		return LH_NO_MEMORY;
	buf->len = at;
	return lh_put_json_string(ctx, buf, copy, n);
}

/* "[1,2.5,3]": digits, signs, points and exponents between commas, or it is not one */
bool
lh_dbz_is_vector(const LhCell *c)
{
	bool good = c->len >= 2 && c->ptr[0] == '[' && c->ptr[c->len - 1] == ']';
	bool digit = false;

	for (uint32_t i = 1; good && i + 1 < c->len; i++)
	{
		bool comma = c->ptr[i] == ',';

		good = comma ? digit : memchr("0123456789.+-eE", c->ptr[i], 15) != NULL;
		digit = c->ptr[i] >= '0' && c->ptr[i] <= '9';
	}
	return good && (digit || c->len == 2);
}

static LhStatus
put_vector(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	if (!lh_dbz_is_vector(c))
		return lh_put(ctx, buf, NULL_TEXT);
	return lh_put(ctx, buf, c->ptr, c->len);
}

/* EWKB in hex: the bytes, and the SRID where its flag is set */
LhStatus
lh_dbz_geometry(LhCtx *ctx, const LhCell *c, LhSlice *out, int64_t *srid, bool *good)
{
	size_t n = c->len / 2;
	uint8_t *wkb = lh_alloc(ctx, n + 1);
	uint32_t word[2];

	if (wkb == NULL)
		return LH_NO_MEMORY;
	*good = c->len % 2 == 0 && n >= 9;
	for (size_t i = 0; *good && i < n; i++)
	{
		int high = lh_hex_digit(c->ptr[2 * i]);
		int low = lh_hex_digit(c->ptr[2 * i + 1]);

		*good = high >= 0 && low >= 0;
		if (*good)
			wkb[i] = (uint8_t) (high << 4 | low);
	}
	if (!*good)
		return LH_OK;
	memcpy(word, wkb + 1, 8);
	if (wkb[0] == 0)
		for (int i = 0; i < 2; i++)
			word[i] = __builtin_bswap32(word[i]);
	*out = lh_slice(wkb, n);
	*srid = (word[0] & 0x20000000) != 0 ? (int32_t) word[1] : INT64_MAX;
	return LH_OK;
}

static LhStatus
put_geometry(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	LhSlice wkb;
	int64_t srid;
	bool good;
	char *p;

	LH_TRY(lh_dbz_geometry(ctx, c, &wkb, &srid, &good));
	if (!good)
		return lh_put(ctx, buf, NULL_TEXT);
	LH_TRY(lh_put(ctx, buf, "{\"wkb\":", 7));
	LH_TRY(lh_dbz_bytes64(ctx, buf, wkb.data, wkb.len));
	LH_TRY(lh_put_room(ctx, buf, 48, &p));
	p = stpcpy(p, ",\"srid\":");
	p = srid != INT64_MAX ? lh_text_i64(p, srid) : stpcpy(p, "null");
	*p++ = '}';
	lh_put_end(buf, p);
	return LH_OK;
}

/* ---- all of them ---- */
/* One dimension is a list; more are lists of lists. */
static LhStatus
put_array(LhCtx *ctx, LhBuf *buf, const LhDbzType *element, const LhCellArray *a, int dim,
		  int *item)
{
	LH_TRY(lh_put(ctx, buf, "[", 1));
	for (int i = 0; a->ndim > 0 && i < a->dims[dim]; i++)
	{
		if (i > 0)
			LH_TRY(lh_put(ctx, buf, ",", 1));
		if (dim + 1 < a->ndim)
			LH_TRY(put_array(ctx, buf, element, a, dim + 1, item));
		else if (*item < a->nitems)
			LH_TRY(lh_dbz_value(ctx, buf, element, &a->items[(*item)++]));
		else
			LH_TRY(lh_put(ctx, buf, NULL_TEXT));
	}
	return lh_put(ctx, buf, "]", 1);
}

/* Kinds of cells that a kind of value is made of; others (a mask's) go out as strings. */
bool
lh_dbz_fits(LhDbzKind kind, LhCellKind cell)
{
	switch (kind)
	{
		case LH_DBZ_INT: return cell == LH_CELL_INT;
		case LH_DBZ_BOOL: return cell == LH_CELL_BOOL;
		case LH_DBZ_FLOAT: return cell == LH_CELL_FLOAT4 || cell == LH_CELL_FLOAT8;
		case LH_DBZ_DECIMAL:
		case LH_DBZ_DECIMAL_ANY:
		case LH_DBZ_DECIMAL_STRING:
		case LH_DBZ_DECIMAL_DOUBLE: return cell == LH_CELL_NUMERIC;
		case LH_DBZ_STRING:
		case LH_DBZ_BYTES: return true;
		case LH_DBZ_DAYS:
		case LH_DBZ_DATE_ISO:
		case LH_DBZ_DATE_STRUCT: return cell == LH_CELL_DATE;
		case LH_DBZ_TIME:
		case LH_DBZ_TIME_ISO:
		case LH_DBZ_TIME_STRUCT: return cell == LH_CELL_TIME;
		case LH_DBZ_TIMETZ:
		case LH_DBZ_TIMETZ_STRUCT: return cell == LH_CELL_TIMETZ;
		case LH_DBZ_STAMP:
		case LH_DBZ_STAMP_ISO:
		case LH_DBZ_STAMP_STRUCT: return cell == LH_CELL_TIMESTAMP;
		case LH_DBZ_STAMPTZ:
		case LH_DBZ_STAMPTZ_STRUCT: return cell == LH_CELL_TIMESTAMPTZ;
		case LH_DBZ_INTERVAL:
		case LH_DBZ_INTERVAL_ISO:
		case LH_DBZ_INTERVAL_STRUCT: return cell == LH_CELL_INTERVAL;
		case LH_DBZ_ARRAY: return cell == LH_CELL_ARRAY;
		default: /* made of text */ return cell == LH_CELL_OTHER || cell == LH_CELL_TEXT;
	}
}

LhStatus
lh_dbz_value(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c)
{
	int item = 0;
	char *p;

	if (!LH_CELL_IS_VALUE(c))
		return lh_put(ctx, buf, NULL_TEXT);
	if (!lh_dbz_fits(type->kind, c->kind))
		return lh_put_cell_text_json(ctx, buf, c);
	switch (type->kind)
	{
		case LH_DBZ_INT:
			LH_TRY(lh_put_room(ctx, buf, LH_TEXT_INT, &p));
			lh_put_end(buf, lh_text_i64(p, c->i64));
			return LH_OK;
		case LH_DBZ_BOOL:
			return c->i64 != 0 ? lh_put(ctx, buf, "true", 4) : lh_put(ctx, buf, "false", 5);
		case LH_DBZ_FLOAT:
			if (c->kind == LH_CELL_FLOAT8 || !isfinite(c->f64))
				return lh_dbz_double(ctx, buf, c->f64);
			LH_TRY(lh_put_room(ctx, buf, LH_TEXT_FLOAT, &p));
			lh_put_end(buf, lh_text_float4(p, (float) c->f64));
			return LH_OK;
		case LH_DBZ_DECIMAL:
		case LH_DBZ_DECIMAL_ANY:
		case LH_DBZ_DECIMAL_STRING:
		case LH_DBZ_DECIMAL_DOUBLE: return lh_dbz_decimal(ctx, buf, type, c);
		case LH_DBZ_MONEY: return lh_dbz_money(ctx, buf, type, c);
		case LH_DBZ_STRING:
			if (lh_cell_is_text(c))
				return lh_put_json_string(ctx, buf, c->ptr, c->len);
			if (c->kind == LH_CELL_UUID)
			{
				LH_TRY(lh_put_room(ctx, buf, 38, &p));
				*p++ = '"';
				p = lh_text_uuid(p, c->ptr);
				*p++ = '"';
				lh_put_end(buf, p);
				return LH_OK;
			}
			return lh_put_cell_text_json(ctx, buf, c);
		case LH_DBZ_BYTES: return put_bytes(ctx, buf, type, c);
		case LH_DBZ_DAYS:
		case LH_DBZ_DATE_ISO:
		case LH_DBZ_DATE_STRUCT: return lh_dbz_date(ctx, buf, type, c);
		case LH_DBZ_TIME:
		case LH_DBZ_TIME_ISO:
		case LH_DBZ_TIME_STRUCT: return lh_dbz_time(ctx, buf, type, c);
		case LH_DBZ_TIMETZ:
		case LH_DBZ_TIMETZ_STRUCT: return lh_dbz_timetz(ctx, buf, type, c);
		case LH_DBZ_STAMP:
		case LH_DBZ_STAMP_ISO:
		case LH_DBZ_STAMP_STRUCT:
		case LH_DBZ_STAMPTZ:
		case LH_DBZ_STAMPTZ_STRUCT: return lh_dbz_stamp(ctx, buf, type, c);
		case LH_DBZ_INTERVAL:
		case LH_DBZ_INTERVAL_ISO:
		case LH_DBZ_INTERVAL_STRUCT: return lh_dbz_interval(ctx, buf, type, c);
		case LH_DBZ_BIT:
			return c->len == 1 && c->ptr[0] == '1' ? lh_put(ctx, buf, "true", 4)
												   : lh_put(ctx, buf, "false", 5);
		case LH_DBZ_BITS: return put_bits(ctx, buf, c);
		case LH_DBZ_POINT: return put_point(ctx, buf, c);
		case LH_DBZ_HSTORE_JSON:
		case LH_DBZ_HSTORE_MAP: return put_hstore(ctx, buf, type, c);
		case LH_DBZ_VECTOR: return put_vector(ctx, buf, c);
		case LH_DBZ_GEOMETRY: return put_geometry(ctx, buf, c);
		case LH_DBZ_ARRAY: return put_array(ctx, buf, type->element, c->array, 0, &item);
	}
	return lh_put_cell_text_json(ctx, buf, c);
}
