/*
 * debezium_default.c
 *		Default expressions, as PostgreSQL prints them, to values in a schema.
 *
 *	1. A call, now() or nextval(...), and CURRENT_DATE and its kin stand for a
 *	   value made later: the schema shows the type's zero.
 *	2. 'text'::type and bare numbers are constants: read as the type, they are
 *	   written as any cell is.
 *	3. All else has no default in the schema.
 */
#include "change/debezium_default.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/datetime.h"

enum
{
	OID_BOOL = 16,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_JSON = 114,
	OID_XML = 142,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_BPCHAR = 1042,
	OID_VARCHAR = 1043,
	OID_DATE = 1082,
	OID_TIME = 1083,
	OID_TIMESTAMP = 1114,
	OID_TIMESTAMPTZ = 1184,
	OID_BIT = 1560,
	OID_VARBIT = 1562,
	OID_NUMERIC = 1700,
	OID_UUID = 2950,
	OID_JSONB = 3802
};

/* name(...), perhaps in parentheses or qualified, or a keyword for the time */
static bool
is_call(const char *s)
{
	static const char *const keywords[] = {"current_timestamp", "current_time", "current_date",
										   "localtime", "localtimestamp"};
	size_t n;

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strcasecmp(s, keywords[i]) == 0)
			return true;
	s += *s == '(';
	n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
	return n > 0 && s[n] == '(' && strchr(s + n, ')') != NULL;
}

/* The constant's text: what stands in its quotes, or all of it. NULL: no constant. */
static char *
constant(LhCtx *ctx, const char *s, bool *typed)
{
	char *text = lh_alloc(ctx, strlen(s) + 1);
	char *p = text;
	bool escapes;

	if (text == NULL)
		return NULL;
	if (strchr(s, '\'') == NULL)
		return strcpy(text, s);
	escapes = s[0] == 'E';
	s += escapes || s[0] == 'B';
	if (*s++ != '\'')
		return NULL;
	for (; *s != '\0'; s++)
	{
		if (*s == '\'' && *++s != '\'')
			break;
		if (*s == '\\' && escapes && s[1] == '\\')
			s++;
		*p++ = *s;
	}
	*p = '\0';
	*typed = s[0] == ':' && s[1] == ':';
	/* 'a' || 'b' is none */
	return *s == '\0' || *typed ? text : NULL;
}

/* Base-10,000 digits of plain decimal text; false: it is none, or too long to be a default. */
static bool
numeric_cell(LhCtx *ctx, const char *s, LhCell *c)
{
	bool minus = *s == '-';
	const char *point;
	size_t before, after;
	int16_t *digits;
	int first, n;

	s += minus;
	before = strspn(s, "0123456789");
	point = s[before] == '.' ? s + before + 1 : "";
	after = strspn(point, "0123456789");
	if (before == 0 || s[before + (s[before] == '.') + after] != '\0' || before > 1000 ||
		after > 1000)
		return false;
	first = (int) (before + 3) / 4;
	n = first + (int) (after + 3) / 4;
	if ((digits = lh_alloc_array(ctx, (size_t) n, sizeof(int16_t))) == NULL)
		return false;
	for (int i = 0; i < 4 * n; i++)
	{
		int at = i - (4 * first - (int) before);
		int digit = at >= 0 && at < (int) before ? s[at] - '0'
					: at >= (int) before && at < (int) (before + after)
						? point[at - (int) before] - '0'
						: 0;

		digits[i / 4] = (int16_t) (digits[i / 4] * 10 + digit);
	}
	*c = (LhCell){.kind = LH_CELL_NUMERIC,
				  .sign = minus ? LH_SIGN_MINUS : LH_SIGN_PLUS,
				  .weight = (int16_t) (first - 1),
				  .dscale = (uint16_t) after};
	for (; n > 0 && digits[n - 1] == 0; n--)
		;
	for (; n > 0 && *digits == 0; n--, digits++)
		c->weight--;
	c->ndigits = (uint16_t) n;
	c->ptr = (const uint8_t *) digits;
	return true;
}

static bool
int_cell(const char *s, int64_t least, int64_t most, LhCell *c)
{
	char *end;
	long long v = strtoll(s, &end, 10);

	*c = (LhCell){.kind = LH_CELL_INT, .i64 = v};
	return end != s && *end == '\0' && v >= least && v <= most;
}

/* hh:mm[:ss[.ffffff]]; *rest is what follows */
static bool
clock_of(const char *s, int64_t *us, const char **rest)
{
	int hour, minute, second = 0, n = 0;
	int64_t unit = 100000;

	if (sscanf(s, "%2d:%2d%n", &hour, &minute, &n) != 2 || hour < 0 || hour > 24 || minute < 0 ||
		minute > 59)
		return false;
	s += n;
	if (*s == ':')
	{
		n = 0;
		if (sscanf(s, ":%2d%n", &second, &n) != 1 || second < 0 || second > 60)
			return false;
		s += n;
	}
	*us = ((hour * 60 + minute) * INT64_C(60) + second) * 1000000;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
			*us += (*s - '0') * unit;
	*rest = s;
	return true;
}

/* yyyy-mm-dd[ clock[+hh[:mm]]] to us since 2000 */
static bool
stamp_of(const char *s, int64_t *us)
{
	int year, month, day, n = 0;
	int hours = 0, minutes = 0;
	int64_t clock = 0;

	if (sscanf(s, "%6d-%2d-%2d%n", &year, &month, &day, &n) != 3 || year < 1 || month < 1 ||
		month > 12 || day < 1 || day > 31)
		return false;
	s += n;
	if (*s == ' ' && !clock_of(s + 1, &clock, &s))
		return false;
	*us = (lh_days_from_civil(year, month, day) - LH_PG_EPOCH_DAYS) * INT64_C(86400000000) + clock;
	if (*s == '+' || *s == '-')
	{
		n = 0;
		if (sscanf(s + 1, "%2d%n:%2d%n", &hours, &n, &minutes, &n) < 1)
			return false;
		*us += (*s == '+' ? -1 : 1) * (hours * INT64_C(60) + minutes) * 60000000;
		s += 1 + n;
	}
	return *s == '\0';
}

static bool
cell_of(LhCtx *ctx, uint32_t typid, const char *s, LhCell *c)
{
	const char *rest;
	int64_t us;
	char *end;

	switch (typid)
	{
		case OID_INT2: return int_cell(s, INT16_MIN, INT16_MAX, c);
		case OID_INT4: return int_cell(s, INT32_MIN, INT32_MAX, c);
		case OID_INT8: return int_cell(s, INT64_MIN, INT64_MAX, c);
		case OID_BOOL:
			*c = (LhCell){.kind = LH_CELL_BOOL, .i64 = strcasecmp(s, "true") == 0};
			return true;
		case OID_FLOAT4:
		case OID_FLOAT8:
			*c = (LhCell){.kind = typid == OID_FLOAT4 ? LH_CELL_FLOAT4 : LH_CELL_FLOAT8,
						  .f64 = strtod(s, &end)};
			return end != s && *end == '\0' && isfinite(c->f64);
		case OID_NUMERIC: return numeric_cell(ctx, s, c);
		case OID_DATE:
			if (!stamp_of(s, &us))
				return false;
			*c = (LhCell){.kind = LH_CELL_DATE, .i64 = lh_floor_div(us, INT64_C(86400000000))};
			return true;
		case OID_TIME:
			if (!clock_of(s, &us, &rest) || *rest != '\0')
				return false;
			*c = (LhCell){.kind = LH_CELL_TIME, .i64 = us};
			return true;
		case OID_TIMESTAMP:
		case OID_TIMESTAMPTZ:
			*c = (LhCell){.kind = typid == OID_TIMESTAMP ? LH_CELL_TIMESTAMP : LH_CELL_TIMESTAMPTZ};
			return stamp_of(s, &c->i64);
		default: *c = lh_cell_text(s, strlen(s)); return true;
	}
}

/* The zero of types whose defaults Debezium shows; NULL: another type. */
static const char *
generated_text(const LhChangeColumn *c)
{
	switch (c->base_typid)
	{
		case OID_TEXT:
		case OID_VARCHAR:
		case OID_BPCHAR:
		case OID_XML: return "";
		case OID_BOOL: return "false";
		case OID_INT2:
		case OID_INT4:
		case OID_INT8:
		case OID_VARBIT: return "0";
		case OID_BIT: return c->typmod == 1 ? "0" : "00";
		case OID_NUMERIC:
		case OID_FLOAT4:
		case OID_FLOAT8: return "0.0";
		case OID_JSON:
		case OID_JSONB: return "{}";
		case OID_UUID: return "00000000-0000-0000-0000-000000000000";
		case OID_DATE:
		case OID_TIMESTAMP:
		case OID_TIMESTAMPTZ: return "1970-01-01";
		case OID_TIME: return "00:00";
		default: return NULL;
	}
}

LhStatus
lh_dbz_default(LhCtx *ctx, const LhChangeColumn *column, const LhDbzType *type, LhSlice *out)
{
	const char *s = column->default_text;
	bool label = column->enum_labels != NULL && column->kind != LH_CELL_ARRAY;
	bool typed = false;
	const char *text;
	LhCell cell;
	LhBuf buf;
	void *copy;

	*out = (LhSlice){NULL, 0};
	if (s == NULL || column->generated || column->masked || column->typid != column->base_typid ||
		column->kind == LH_CELL_ARRAY || (generated_text(column) == NULL && !label) ||
		type->kind == LH_DBZ_DECIMAL_ANY)
		return LH_OK;
	/* structs have no defaults there */
	if (type->type[1] == 's' && strncmp(type->type, "\"struct\"", 8) == 0)
		return LH_OK;
	if (strncmp(s, "NULL", 4) == 0)
		return LH_OK;
	if (is_call(s))
		text = label ? NULL : generated_text(column);
	else
		text = constant(ctx, s, &typed);
	if (text == NULL || (label && !typed) || !cell_of(ctx, column->base_typid, text, &cell))
		return LH_OK;
	/* 1.5 of numeric(8,2) is 1.50 */
	if (cell.kind == LH_CELL_NUMERIC && cell.dscale < type->scale)
		cell.dscale = (uint16_t) type->scale;
	LH_TRY(lh_buf_init(ctx, &buf, false));
	LH_TRY(lh_dbz_value(ctx, &buf, type, &cell));
	if ((copy = lh_memdup(ctx, buf.data, buf.len)) == NULL)
		return LH_NO_MEMORY;
	*out = lh_slice(copy, buf.len);
	lh_buf_free(&buf);
	return LH_OK;
}
