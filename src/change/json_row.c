/*
 * json_row.c
 *		Rows and values as JSON: what "json", "flat" and "upsert" have in common.
 *
 * What a row costs:
 *
 *	1. Each column's ,"name": is rendered once a relation.
 *	2. Room for a row's names and all values of bounded size is taken once; only
 *	   values without bound (text, numeric, arrays) look for room again.
 *	3. One switch a value, which writes straight into the buffer.
 */
#include "change/json_row.h"

#include <math.h>
#include <stdlib.h>

#include "change/json.h"
#include "core/digits.h"

#define BIGINT_OID 20

/* Domains over arrays nest as deep as their makers like; we do not. */
#define MAX_DEPTH 32

#define SLACK LH_JSON_SLACK

/* Room of a value of bounded size, with its quotes. */
#define VALUE (LH_TEXT_TIME + 2)

/* ---- values ---- */

static LhStatus put_value(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhCell *c,
						  bool int_string, int depth);

static inline char *
put_float(char *p, const LhCell *c)
{
	bool finite = isfinite(c->f64);

	*p = '"';
	p += !finite;
	p = c->kind == LH_CELL_FLOAT4 ? lh_text_float4(p, (float) c->f64) : lh_text_float8(p, c->f64);
	*p = '"';
	return p + !finite;
}

/* Values of at most VALUE bytes; NULL: the cell has none of these kinds. */
static inline char *
bounded(char *p, const LhCell *c, LhDecimalMode decimal, bool int_string)
{
	switch ((LhCellKind) c->kind)
	{
		case LH_CELL_BOOL: memcpy(p, c->i64 ? "true\0" : "false", 5); return p + 5 - (c->i64 != 0);
		case LH_CELL_INT:
			if (!int_string)
				return lh_digits_i64(p, c->i64);
			*p = '"';
			p = lh_digits_i64(p + 1, c->i64);
			break;
		case LH_CELL_FLOAT4:
		case LH_CELL_FLOAT8: return put_float(p, c);
		case LH_CELL_UUID:
			*p = '"';
			p = lh_text_uuid(p + 1, c->ptr);
			break;
		case LH_CELL_DATE:
			*p = '"';
			p = lh_text_date(p + 1, c->i64);
			break;
		case LH_CELL_TIME:
			*p = '"';
			p = lh_text_time(p + 1, c->i64);
			break;
		case LH_CELL_TIMETZ:
			*p = '"';
			p = lh_text_timetz(p + 1, c->i64, c->aux);
			break;
		case LH_CELL_TIMESTAMP:
			*p = '"';
			p = lh_text_timestamp(p + 1, c->i64, 'T', NULL);
			break;
		case LH_CELL_TIMESTAMPTZ:
			*p = '"';
			p = lh_text_timestamp(p + 1, c->i64, 'T', "Z");
			break;
		case LH_CELL_INTERVAL:
			*p = '"';
			p = lh_text_interval(p + 1, c->i64, (int32_t) c->len, c->aux);
			break;
		case LH_CELL_NUMERIC:
			if (decimal != LH_DECIMAL_PRECISE || c->sign > LH_SIGN_MINUS ||
				lh_text_numeric_room(c) > VALUE)
				return NULL;
			return lh_text_numeric(p, c);
		case LH_CELL_NULL:
		case LH_CELL_UNCHANGED:
		case LH_CELL_ABSENT: memcpy(p, "null", 4); return p + 4;
		default: return NULL;
	}
	*p = '"';
	return p + 1;
}

/* As a double; the text is written without a point, lest a locale reads it otherwise. */
static LhStatus
put_double(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	LhCell digits = *c;
	size_t at = buf->len;
	LhCell d = {.kind = LH_CELL_FLOAT8};
	char *p, *point;

	LH_TRY(lh_put_numeric(ctx, buf, &digits));
	LH_TRY(lh_put_room(ctx, buf, VALUE, &p));
	point = memchr(buf->data + at, '.', buf->len - at);
	if (point != NULL)
	{
		memmove(point, point + 1, (size_t) (p - point - 1));
		p--;
	}
	*p++ = 'e';
	p = lh_digits_i64(p, -(int64_t) c->dscale);
	*p = '\0';
	d.f64 = strtod((char *) buf->data + at, NULL);
	buf->len = at;
	lh_put_end(buf, put_float((char *) buf->data + at, &d));
	return LH_OK;
}

static LhStatus
put_numeric(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhCell *c)
{
	if (c->sign > LH_SIGN_MINUS || o->decimal == LH_DECIMAL_STRING)
	{
		LH_TRY(lh_put(ctx, buf, "\"", 1));
		LH_TRY(lh_put_numeric(ctx, buf, c));
		return lh_put(ctx, buf, "\"", 1);
	}
	return o->decimal == LH_DECIMAL_DOUBLE ? put_double(ctx, buf, c) : lh_put_numeric(ctx, buf, c);
}

static LhStatus
put_bytes(LhCtx *ctx, LhBuf *buf, LhBinaryMode mode, const LhCell *c)
{
	LH_TRY(lh_put(ctx, buf, "\"", 1));
	if (mode == LH_BINARY_HEX)
		LH_TRY(lh_put_hex(ctx, buf, c->ptr, c->len));
	else
		LH_TRY(lh_put_base64(ctx, buf, c->ptr, c->len, mode == LH_BINARY_BASE64_URL));
	return lh_put(ctx, buf, "\"", 1);
}

static LhStatus
put_dimension(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhCellArray *a, int dim,
			  int *next, bool int_string, int depth)
{
	LH_TRY(lh_put(ctx, buf, "[", 1));
	for (int i = 0; i < a->dims[dim] && *next < a->nitems; i++)
	{
		if (i > 0)
			LH_TRY(lh_put(ctx, buf, ",", 1));
		if (dim + 1 < a->ndim)
			LH_TRY(put_dimension(ctx, buf, o, a, dim + 1, next, int_string, depth));
		else
			LH_TRY(put_value(ctx, buf, o, &a->items[(*next)++], int_string, depth));
	}
	return lh_put(ctx, buf, "]", 1);
}

/* Nested JSON arrays; bounds other than 1 can be said by PostgreSQL's literal only. */
static LhStatus
put_array(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhCell *c, bool int_string,
		  int depth)
{
	const LhCellArray *a = c->array;
	int next = 0;

	if (depth > MAX_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "arrays inside arrays are nested more than %d deep", MAX_DEPTH);
	if (a->ndim == 0 || a->nitems == 0)
		return lh_put(ctx, buf, "[]", 2);
	for (int i = 0; i < a->ndim; i++)
	{
		if (a->lbound[i] != 1)
			return lh_put_cell_text_json(ctx, buf, c);
	}
	return put_dimension(ctx, buf, o, a, 0, &next, int_string, depth + 1);
}

static __attribute__((noinline)) LhStatus
put_unbounded(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhCell *c, bool int_string,
			  int depth)
{
	switch ((LhCellKind) c->kind)
	{
		case LH_CELL_NUMERIC: return put_numeric(ctx, buf, o, c);
		case LH_CELL_JSON:
			if (!o->json_native)
				return lh_put_json_string(ctx, buf, c->ptr, c->len);
			return c->len > 0 ? lh_put_json_line(ctx, buf, c->ptr, c->len)
							  : lh_put(ctx, buf, "null", 4);
		case LH_CELL_BYTES: return put_bytes(ctx, buf, o->binary, c);
		case LH_CELL_RAW:
			LH_TRY(lh_put(ctx, buf, "{\"base64\":", 10));
			LH_TRY(put_bytes(ctx, buf, LH_BINARY_BASE64, c));
			return lh_put(ctx, buf, "}", 1);
		case LH_CELL_ARRAY: return put_array(ctx, buf, o, c, int_string, depth);
		default: return lh_put_json_string(ctx, buf, c->ptr, c->len);
	}
}

static LhStatus
put_value(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhCell *c, bool int_string,
		  int depth)
{
	char *p, *end;

	LH_TRY(lh_put_room(ctx, buf, VALUE, &p));
	end = bounded(p, c, o->decimal, int_string);
	if (end == NULL)
		return put_unbounded(ctx, buf, o, c, int_string, depth);
	lh_put_end(buf, end);
	return LH_OK;
}

static bool
is_bigint(const LhChangeColumn *c)
{
	return c->base_typid == BIGINT_OID || (c->kind == LH_CELL_ARRAY && c->elem_typid == BIGINT_OID);
}

LhStatus
lh_json_value(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options, const LhChangeColumn *column,
			  const LhCell *cell)
{
	return put_value(ctx, buf, options, cell, options->int64_string && is_bigint(column), 0);
}

/* ---- rows ---- */

LhStatus
lh_json_put_row(LhCtx *ctx, LhBuf *buf, const LhJsonRow *row, const LhCell *cells, int *unchanged)
{
	const LhChangeOptions *o = row->options;
	const int n = row->rel->ncolumns;
	size_t at = buf->len;
	int skipped = 0;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, row->columns[0].room + 2, &p));
	for (int i = 0; i < n; i++)
	{
		const LhJsonColumn *col = &row->columns[i];
		const LhCell *c = &cells[i];
		char *end;

		if (c->kind == LH_CELL_UNCHANGED || c->kind == LH_CELL_ABSENT)
		{
			skipped += c->kind == LH_CELL_UNCHANGED;
			continue;
		}
		p = lh_json_put_piece(p, col->name);
		if (c->kind == LH_CELL_TEXT)
		{
			lh_put_end(buf, p);
			LH_TRY(lh_put_json_string(ctx, buf, c->ptr, c->len));
		}
		else
		{
			end = bounded(p, c, o->decimal, col->int_string);
			if (end != NULL)
			{
				p = end;
				continue;
			}
			lh_put_end(buf, p);
			LH_TRY(put_unbounded(ctx, buf, o, c, col->int_string, 0));
		}
		LH_TRY(lh_put_room(ctx, buf, col[1].room + 2, &p));
	}
	lh_put_end(buf, p);
	*unchanged += skipped;
	/* the first name's comma is the brace */
	if (buf->len == at)
		*p++ = '{';
	else
		buf->data[at] = '{';
	*p++ = '}';
	lh_put_end(buf, p);
	return LH_OK;
}

const LhCell *
lh_json_key_cells(const LhChangeEvent *ev)
{
	if (ev->rel->nkeys == 0)
		return NULL;
	if (ev->new_cells == NULL || (ev->key_changed && ev->old_cells != NULL))
		return ev->old_cells;
	return ev->new_cells;
}

LhStatus
lh_json_put_key(LhCtx *ctx, LhBuf *buf, const LhJsonRow *row, const LhChangeEvent *ev,
				const LhCell *cells)
{
	size_t at = buf->len;
	char *p, *end;

	for (int i = 0; i < row->rel->nkeys; i++)
	{
		int k = row->rel->keys[i];
		const LhJsonColumn *col = &row->columns[k];
		const LhCell *c = &cells[k];

		if (c->kind == LH_CELL_UNCHANGED && ev->old_cells != NULL)
			c = &ev->old_cells[k];
		LH_TRY(lh_put_room(ctx, buf, col->name.len + SLACK + VALUE, &p));
		p = lh_json_put_piece(p, col->name);
		end = bounded(p, c, row->options->decimal, col->int_string);
		lh_put_end(buf, end != NULL ? end : p);
		if (end == NULL)
			LH_TRY(put_unbounded(ctx, buf, row->options, c, col->int_string, 0));
	}
	buf->data[at] = '{';
	return lh_put(ctx, buf, "}", 1);
}

LhStatus
lh_json_put_unchanged(LhCtx *ctx, LhBuf *buf, const LhJsonRow *row, const LhCell *cells)
{
	bool first = true;

	LH_TRY(lh_put(ctx, buf, "[", 1));
	for (int i = 0; i < row->rel->ncolumns; i++)
	{
		LhJsonPiece name = row->columns[i].name;

		if (cells[i].kind != LH_CELL_UNCHANGED)
			continue;
		/* ,"name" without its colon, the first without its comma */
		LH_TRY(lh_put(ctx, buf, name.text + first, name.len - 1 - first));
		first = false;
	}
	return lh_put(ctx, buf, "]", 1);
}

/* ---- plans ---- */

LhStatus
lh_json_keep(LhCtx *ctx, LhBuf *buf, LhJsonPiece *out)
{
	char *copy;

	LH_ALLOC(ctx, copy, buf->len + SLACK);
	memcpy(copy, buf->data, buf->len);
	memset(copy + buf->len, 0, SLACK);
	*out = (LhJsonPiece){copy, (uint32_t) buf->len};
	buf->len = 0;
	return LH_OK;
}

LhStatus
lh_json_row_plan(LhCtx *ctx, const LhChangeOptions *options, const LhChangeRel *rel,
				 const char *const *names, LhJsonRow **out)
{
	size_t room = SLACK;
	LhJsonRow *row;
	LhBuf buf;

	row = lh_alloc0(ctx, sizeof(*row) + sizeof(LhJsonColumn) * ((size_t) rel->ncolumns + 1));
	if (row == NULL)
		return ctx->error->code;
	row->rel = rel;
	row->options = options;
	row->columns[rel->ncolumns].room = room;
	LH_TRY(lh_buf_init(ctx, &buf, false));
	for (int i = rel->ncolumns - 1; i >= 0; i--)
	{
		LhJsonColumn *col = &row->columns[i];
		const char *name = names != NULL ? names[i] : rel->columns[i].name;

		LH_TRY(lh_put(ctx, &buf, ",", 1));
		LH_TRY(lh_put_json_string(ctx, &buf, name, strlen(name)));
		LH_TRY(lh_put(ctx, &buf, ":", 1));
		LH_TRY(lh_json_keep(ctx, &buf, &col->name));
		col->int_string = options->int64_string && is_bigint(&rel->columns[i]);
		room += col->name.len + VALUE;
		col->room = room;
	}
	lh_buf_free(&buf);
	*out = row;
	return LH_OK;
}
