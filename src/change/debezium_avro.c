/*
 * debezium_avro.c
 *		Cells as Avro values of Debezium's types: what debezium_value.c is for JSON.
 *
 * What stands in for a value (placeholders, zeros of a key's row) is made once from
 * its JSON.  Where JSON says null because the schema's type has no such value (NaN of a
 * decimal), so does this, unless the schema forbids it: then the caller is told.
 */
#include "change/debezium_avro.h"

#include <stdlib.h>

#include "change/unscaled.h"
#include "core/datetime.h"

#define US_PER_DAY INT64_C(86400000000)

/* The null branch of ["null", type] in a struct, and before a value. */
#define NULL_BRANCH  '\0'
#define VALUE_BRANCH '\2'

static LhStatus put_value(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, const LhCell *c, bool *said);

static LhStatus
not_said(bool *said)
{
	*said = false;
	return LH_OK;
}

static LhStatus
put_long(LhCtx *ctx, LhBuf *buf, int64_t v)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, LH_AVRO_LONG, &p));
	lh_put_end(buf, lh_avro_long(p, v));
	return LH_OK;
}

static LhStatus
put_double(LhCtx *ctx, LhBuf *buf, double v)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 8, &p));
	lh_put_end(buf, lh_avro_double(p, v));
	return LH_OK;
}

/* ---- text that the JSON writers make: plain ASCII in quotes ---- */

typedef LhStatus (*JsonWriter)(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c);

static LhStatus
put_quoted(LhCtx *ctx, LhBuf *buf, JsonWriter writer, const LhDbzType *t, const LhCell *c)
{
	size_t at = buf->len;

	LH_TRY(writer(ctx, buf, t, c));
	/* the first quote is where the length goes, the last one goes */
	buf->len--;
	return lh_avro_end(ctx, buf, at);
}

/* ---- structs of time.precision.mode structured ---- */

static char *
field(char *p, int64_t v)
{
	*p = VALUE_BRANCH;
	return lh_avro_long(p + 1, v);
}

static char *
nulls(char *p, int n)
{
	memset(p, NULL_BRANCH, (size_t) n);
	return p + n;
}

static char *
text(char *p, const char *s)
{
	size_t n = strlen(s);

	*p = VALUE_BRANCH;
	p = lh_avro_long(p + 1, (int64_t) n);
	memcpy(p, s, n);
	return p + n;
}

static char *
special(char *p, bool infinite, bool minus)
{
	return infinite ? text(p, minus ? "NEGATIVE_INFINITY" : "POSITIVE_INFINITY") : nulls(p, 1);
}

/* year, month, day; days since 2000 */
static char *
date_fields(char *p, int64_t days)
{
	int64_t year;
	int month, day;

	lh_civil_from_days(days + LH_PG_EPOCH_DAYS, &year, &month, &day);
	return field(field(field(p, year), month), day);
}

/* hour, minute, second, nanos */
static char *
clock_fields(char *p, int64_t us)
{
	int64_t s = us / 1000000;

	return field(field(field(field(p, s / 3600), s / 60 % 60), s % 60), us % 1000000 * 1000);
}

static char *
stamp_fields(char *p, const LhDbzType *t, const LhCell *c)
{
	bool minus = c->i64 == INT64_MIN;
	bool infinite = minus || c->i64 == INT64_MAX;
	bool zoned = t->kind == LH_DBZ_STAMPTZ_STRUCT;

	if (infinite)
		p = nulls(p, zoned ? 9 : 7);
	else
	{
		p = date_fields(p, lh_floor_div(c->i64, US_PER_DAY));
		p = clock_fields(p, lh_floor_mod(c->i64, US_PER_DAY));
		if (zoned)
			p = text(field(p, 0), "Z");
	}
	return field(special(p, infinite, minus), t->precision);
}

static char *
interval_fields(char *p, const LhDbzType *t, const LhCell *c)
{
	int64_t us = c->i64;
	int rest = (int) (us % 60000000);

	p = field(field(field(p, c->aux / 12), c->aux % 12), (int32_t) c->len);
	p = field(field(p, us / INT64_C(3600000000)), us / 60000000 % 60);
	p = field(field(p, rest / 1000000), rest % 1000000 * 1000);
	return field(p, t->precision);
}

static LhStatus
put_struct(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, const LhCell *c, bool *said)
{
	bool minus;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 160, &p));
	switch (t->kind)
	{
		case LH_DBZ_DATE_STRUCT:
			minus = c->i64 == INT32_MIN;
			if (minus || c->i64 == INT32_MAX)
				p = special(nulls(p, 3), true, minus);
			else
				p = nulls(date_fields(p, c->i64), 1);
			break;
		case LH_DBZ_TIME_STRUCT: p = field(clock_fields(p, c->i64), t->precision); break;
		case LH_DBZ_TIMETZ_STRUCT:
			p = field(field(clock_fields(p, c->i64), -c->aux), t->precision);
			break;
		case LH_DBZ_INTERVAL_STRUCT:
			if (lh_dbz_is_infinite(c, &minus))
				return not_said(said);
			p = interval_fields(p, t, c);
			break;
		default: p = stamp_fields(p, t, c); break;
	}
	lh_put_end(buf, p);
	return LH_OK;
}

/* ---- numbers, bytes, types of extensions ---- */

static LhStatus
put_unscaled(LhCtx *ctx, LhBuf *buf, const LhCell *c, int scale)
{
	uint8_t few[LH_UNSCALED_FEW];
	LhSlice bytes;

	LH_TRY(lh_unscaled(ctx, c, scale, few, &bytes));
	return lh_avro_bytes(ctx, buf, bytes.data, bytes.len);
}

static LhStatus
put_decimal(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, const LhCell *c, bool *said)
{
	double v;

	if (t->kind == LH_DBZ_DECIMAL_STRING)
		return lh_avro_cell_text(ctx, buf, c);
	if (t->kind == LH_DBZ_DECIMAL_DOUBLE)
	{
		LH_TRY(lh_numeric_double(ctx, c, &v));
		return put_double(ctx, buf, v);
	}
	if (c->sign >= LH_SIGN_NAN)
		return not_said(said);
	if (t->kind == LH_DBZ_DECIMAL)
		return put_unscaled(ctx, buf, c, t->scale);
	LH_TRY(put_long(ctx, buf, lh_dbz_least_scale(c)));
	return put_unscaled(ctx, buf, c, lh_dbz_least_scale(c));
}

static LhStatus
put_money(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, const LhCell *c, bool *said)
{
	uint8_t few[LH_UNSCALED_FEW];
	int64_t unscaled;
	char text[64];

	if (!lh_dbz_money_of(t, c, &unscaled, text))
		return not_said(said);
	if (t->decimal == LH_DECIMAL_DOUBLE)
		return put_double(ctx, buf, strtod(text, NULL));
	if (t->decimal == LH_DECIMAL_STRING)
		return lh_avro_bytes(ctx, buf, text, strlen(text));
	return lh_avro_bytes(ctx, buf, few, lh_unscaled_bytes(unscaled, few));
}

/* bytea, or the output text of anything else; in the other modes text of it */
static LhStatus
put_bytes(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, const LhCell *c)
{
	bool own = c->kind == LH_CELL_BYTES || lh_cell_is_text(c) || c->kind == LH_CELL_RAW;
	LhSlice bytes = lh_slice(c->ptr, c->len);
	size_t at = buf->len;
	void *copy;

	if (!own)
	{
		LH_TRY(lh_put_cell_text(ctx, buf, c));
		copy = lh_memdup(ctx, buf->data + at, buf->len - at);
		if (copy == NULL)
			return LH_NO_MEMORY;
		bytes = lh_slice(copy, buf->len - at);
		buf->len = at;
	}
	if (t->binary == LH_BINARY_BYTES)
		return lh_avro_bytes(ctx, buf, bytes.data, bytes.len);
	LH_TRY(lh_avro_begin(ctx, buf, &at));
	if (t->binary == LH_BINARY_HEX)
		LH_TRY(lh_put_hex(ctx, buf, bytes.data, bytes.len));
	else
		LH_TRY(lh_put_base64(ctx, buf, bytes.data, bytes.len, t->binary == LH_BINARY_BASE64_URL));
	return lh_avro_end(ctx, buf, at);
}

static LhStatus
put_bits(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	uint8_t few[32];
	LhSlice bytes;

	LH_TRY(lh_dbz_bits(ctx, c, few, &bytes));
	return lh_avro_bytes(ctx, buf, bytes.data, bytes.len);
}

static LhStatus
put_point(LhCtx *ctx, LhBuf *buf, const LhCell *c, bool *said)
{
	uint8_t wkb[21];
	double x, y;

	if (!lh_dbz_point(c, &x, &y, wkb))
		return not_said(said);
	LH_TRY(put_double(ctx, buf, x));
	LH_TRY(put_double(ctx, buf, y));
	LH_TRY(lh_put(ctx, buf, "\2", 1));
	LH_TRY(lh_avro_bytes(ctx, buf, wkb, sizeof(wkb)));
	return lh_put(ctx, buf, "\0", 1);
}

static LhStatus
put_geometry(LhCtx *ctx, LhBuf *buf, const LhCell *c, bool *said)
{
	LhSlice wkb;
	int64_t srid;
	bool good;

	LH_TRY(lh_dbz_geometry(ctx, c, &wkb, &srid, &good));
	if (!good)
		return not_said(said);
	LH_TRY(lh_avro_bytes(ctx, buf, wkb.data, wkb.len));
	if (srid == INT64_MAX)
		return lh_put(ctx, buf, "\0", 1);
	LH_TRY(lh_put(ctx, buf, "\2", 1));
	return put_long(ctx, buf, srid);
}

/* A map: a block of one pair each, as nobody has counted them. */
static LhStatus
put_hstore_map(LhCtx *ctx, LhBuf *buf, const LhCell *c, bool *said)
{
	const uint8_t *s = c->ptr;
	const uint8_t *end = s + c->len;
	uint8_t *room = lh_alloc(ctx, (size_t) c->len + 1);
	LhSlice key, value;

	if (room == NULL)
		return LH_NO_MEMORY;
	while (s < end)
	{
		if (!lh_dbz_hstore_next(&s, end, room, &key, &value))
			return not_said(said);
		LH_TRY(put_long(ctx, buf, 1));
		LH_TRY(lh_avro_bytes(ctx, buf, key.data, key.len));
		LH_TRY(lh_put(ctx, buf, value.data != NULL ? "\2" : "\0", 1));
		if (value.data != NULL)
			LH_TRY(lh_avro_bytes(ctx, buf, value.data, value.len));
	}
	return put_long(ctx, buf, 0);
}

/* The JSON object is an unescaped string here. */
static LhStatus
put_hstore_json(LhCtx *ctx, LhBuf *buf, const LhCell *c, bool *said)
{
	const LhDbzType map = {.kind = LH_DBZ_HSTORE_MAP};
	size_t at;

	LH_TRY(lh_avro_begin(ctx, buf, &at));
	LH_TRY(lh_dbz_value(ctx, buf, &map, c));
	if (buf->data[at + 1] != '{')
		return not_said(said);
	return lh_avro_end(ctx, buf, at);
}

static LhStatus
put_vector(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, const LhCell *c, bool *said)
{
	bool wide = strstr(t->type, "\"double\"") != NULL;
	const uint8_t *s = c->ptr + 1;
	const uint8_t *end = c->ptr + c->len - 1;
	char number[64];
	char *p;

	if (!lh_dbz_is_vector(c))
		return not_said(said);
	while (s < end)
	{
		size_t n = 0;

		for (; s < end && *s != ','; s++)
			if (n < sizeof(number) - 1)
				number[n++] = (char) *s;
		s += s < end;
		number[n] = '\0';
		LH_TRY(put_long(ctx, buf, 1));
		LH_TRY(lh_put_room(ctx, buf, 8, &p));
		lh_put_end(buf, wide ? lh_avro_double(p, strtod(number, NULL))
							 : lh_avro_float(p, strtof(number, NULL)));
	}
	return put_long(ctx, buf, 0);
}

/* ---- arrays ---- */

/* One dimension, whatever its bounds are; the schema has no more. */
static LhStatus
put_array(LhCtx *ctx, LhBuf *buf, const LhDbzType *element, const LhCellArray *a, bool *said)
{
	if (a->ndim > 1)
		return not_said(said);
	if (a->nitems > 0)
		LH_TRY(put_long(ctx, buf, a->nitems));
	for (int i = 0; i < a->nitems; i++)
	{
		const LhDbzAvroField item = {.type = element, .null = NULL_BRANCH, .value = VALUE_BRANCH};

		LH_TRY(lh_dbz_avro_put(ctx, buf, &item, &a->items[i], said));
	}
	return put_long(ctx, buf, 0);
}

/* ---- all of them ---- */

static LhStatus
put_value(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, const LhCell *c, bool *said)
{
	int64_t v;
	char *p;

	switch (t->kind)
	{
		case LH_DBZ_INT: return put_long(ctx, buf, c->i64);
		case LH_DBZ_BOOL: return lh_put(ctx, buf, c->i64 != 0 ? "\1" : "\0", 1);
		case LH_DBZ_FLOAT:
			LH_TRY(lh_put_room(ctx, buf, 8, &p));
			lh_put_end(buf, c->kind == LH_CELL_FLOAT8 ? lh_avro_double(p, c->f64)
													  : lh_avro_float(p, (float) c->f64));
			return LH_OK;
		case LH_DBZ_DECIMAL:
		case LH_DBZ_DECIMAL_ANY:
		case LH_DBZ_DECIMAL_STRING:
		case LH_DBZ_DECIMAL_DOUBLE: return put_decimal(ctx, buf, t, c, said);
		case LH_DBZ_MONEY: return put_money(ctx, buf, t, c, said);
		case LH_DBZ_STRING: return lh_avro_cell_text(ctx, buf, c);
		case LH_DBZ_BYTES: return put_bytes(ctx, buf, t, c);
		case LH_DBZ_DAYS:
		case LH_DBZ_TIME:
		case LH_DBZ_STAMP:
		case LH_DBZ_INTERVAL:
			return lh_dbz_number(t, c, &v) ? put_long(ctx, buf, v) : not_said(said);
		case LH_DBZ_DATE_ISO: return put_quoted(ctx, buf, lh_dbz_date, t, c);
		case LH_DBZ_TIME_ISO: return put_quoted(ctx, buf, lh_dbz_time, t, c);
		case LH_DBZ_TIMETZ: return put_quoted(ctx, buf, lh_dbz_timetz, t, c);
		case LH_DBZ_STAMP_ISO:
		case LH_DBZ_STAMPTZ: return put_quoted(ctx, buf, lh_dbz_stamp, t, c);
		case LH_DBZ_INTERVAL_ISO: return put_quoted(ctx, buf, lh_dbz_interval, t, c);
		case LH_DBZ_DATE_STRUCT:
		case LH_DBZ_TIME_STRUCT:
		case LH_DBZ_TIMETZ_STRUCT:
		case LH_DBZ_STAMP_STRUCT:
		case LH_DBZ_STAMPTZ_STRUCT:
		case LH_DBZ_INTERVAL_STRUCT: return put_struct(ctx, buf, t, c, said);
		case LH_DBZ_BIT: return lh_put(ctx, buf, c->len == 1 && c->ptr[0] == '1' ? "\1" : "\0", 1);
		case LH_DBZ_BITS: return put_bits(ctx, buf, c);
		case LH_DBZ_POINT: return put_point(ctx, buf, c, said);
		case LH_DBZ_HSTORE_JSON: return put_hstore_json(ctx, buf, c, said);
		case LH_DBZ_HSTORE_MAP: return put_hstore_map(ctx, buf, c, said);
		case LH_DBZ_VECTOR: return put_vector(ctx, buf, t, c, said);
		case LH_DBZ_GEOMETRY: return put_geometry(ctx, buf, c, said);
		case LH_DBZ_ARRAY: return put_array(ctx, buf, t->element, c->array, said);
	}
	return not_said(said);
}

static LhStatus
put_null(LhCtx *ctx, LhBuf *buf, const LhDbzAvroField *f, bool *said)
{
	int8_t null = f->null;

	if (f->null < 0)
		return not_said(said);
	return lh_put(ctx, buf, &null, 1);
}

LhStatus
lh_dbz_avro_put(LhCtx *ctx, LhBuf *buf, const LhDbzAvroField *f, const LhCell *c, bool *said)
{
	size_t at = buf->len;
	bool good = true;
	int8_t value = f->value;

	if (c->kind == LH_CELL_UNCHANGED && f->unchanged.len > 0)
		return lh_put(ctx, buf, f->unchanged.data, f->unchanged.len);
	if (c->kind == LH_CELL_ABSENT && f->absent.len > 0)
		return lh_put(ctx, buf, f->absent.data, f->absent.len);
	if (!LH_CELL_IS_VALUE(c) || !lh_dbz_fits(f->type->kind, c->kind))
		return put_null(ctx, buf, f, said);
	if (value >= 0)
		LH_TRY(lh_put(ctx, buf, &value, 1));
	LH_TRY(put_value(ctx, buf, f->type, c, &good));
	if (good)
		return LH_OK;
	buf->len = at;
	return put_null(ctx, buf, f, said);
}

/* ---- fields ---- */

static LhStatus
stand_in(LhCtx *ctx, const LhDbzColumn *column, LhSlice json, LhSlice *out)
{
	LhBuf bytes;
	void *copy;

	LH_TRY(lh_buf_init(ctx, &bytes, false));
	LH_TRY(lh_avro_connect_value(ctx, column->field, json, &bytes));
	if ((copy = lh_memdup(ctx, bytes.data, bytes.len)) == NULL)
		return LH_NO_MEMORY;
	*out = lh_slice(copy, bytes.len);
	lh_buf_free(&bytes);
	return LH_OK;
}

static bool
is_null(LhSlice json)
{
	return json.len == 4 && memcmp(json.data, "null", 4) == 0;
}

LhStatus
lh_dbz_avro_field(LhCtx *ctx, const LhDbzColumn *column, LhDbzAvroField *out)
{
	LhSlice absent = column->absent;

	out->type = &column->type;
	out->null = !column->optional ? -1 : column->preset ? VALUE_BRANCH : NULL_BRANCH;
	out->value = !column->optional ? -1 : column->preset ? NULL_BRANCH : VALUE_BRANCH;
	/* structs have members that may all be null */
	if (!column->optional && is_null(absent))
		absent = lh_slice("{}", 2);
	LH_TRY(stand_in(ctx, column, absent, &out->absent));
	if (column->optional || !is_null(column->unchanged))
		return stand_in(ctx, column, column->unchanged, &out->unchanged);
	/* no placeholder, and no null: what a key's row has, too */
	out->unchanged = out->absent;
	return LH_OK;
}
