/*
 * format_json.c
 *		The format "json": an object a change, on a line of its own.
 *
 *	{"op":"update","lsn":"0/16B3748","n":3,"xid":735,"ts":"2026-11-29T21:00:00.5Z",
 *	 "schema":"public","table":"t","key":{"id":1},"new":{"id":1,"name":"x"},"unchanged":["big"]}
 *
 * docs/cdc-formats.md has all members and how values look.  What a row costs:
 *
 *	1. "lsn", "xid" and "ts" are rendered once a transaction; schema, table and
 *	   each column's ,"name": once a relation.
 *	2. Room for a row's names and all values of bounded size is taken once; only
 *	   values without bound (text, numeric, arrays) look for room again.
 *	3. One switch a value, which writes straight into the buffer.
 */
#include "change/formats.h"
#include "change/json.h"
#include "change/text.h"
#include "change/unwrap.h"
#include "core/digits.h"

#include <math.h>
#include <stdlib.h>

#define BIGINT_OID 20

/* Domains over arrays nest as deep as their makers like; we do not. */
#define MAX_DEPTH 32

/* Texts of the plan are followed by so many readable bytes, so that short ones are copied in one go. */
#define SLACK 32

/* Room of a value of bounded size, with its quotes. */
#define VALUE (LH_TEXT_TIME + 2)

/* Text that was rendered before. */
typedef struct Piece
{
	const char *text;
	uint32_t len;
} Piece;

typedef struct Column
{
	Piece name; /* ,"name": */
	bool int_string;
	size_t room; /* for this column's name and bounded value, and those after it */
} Column;

typedef struct Plan
{
	const LhChangeRel *rel;
	Piece table;  /* ,"schema":"public","table":"t" */
	Piece no_key; /* ,"key":null,"identity":"nothing" */
	/* unwrap */
	int nfields;
	LhUnwrapField *fields;
	bool tells_deleted;
	Column columns[]; /* one more than there are: room 0 */
} Plan;

#define TXN_TEXT 512

typedef struct Json
{
	LhEncoder base;
	/* the transaction that is rendered */
	uint64_t commit_end;
	int64_t commit_time;
	uint32_t xid;
	uint32_t sub;
	bool has_txn;
	bool tells_commit;
	Piece lsn; /* ,"lsn":"0/16B3748" */
	Piece txn; /* ,"xid":735,"sub":736,"ts":"...","origin":"..." */
	char lsn_text[64 + SLACK];
	LhBuf txn_text;
} Json;

/* ---- values ---- */

static LhStatus put_value(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhCell *c,
						  bool int_string, int depth);

static inline char *
put_piece(char *p, Piece piece)
{
	if (piece.len <= SLACK)
		memcpy(p, piece.text, SLACK);
	else
		memcpy(p, piece.text, piece.len);
	return p + piece.len;
}

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

/* {"id":1,"name":"x"} of the columns that are there; *unchanged counts those that are not in the log. */
static LhStatus
put_row(LhCtx *ctx, LhBuf *buf, const Json *j, const Plan *plan, const LhCell *cells,
		int *unchanged)
{
	const LhChangeOptions *o = j->base.options;
	const int n = plan->rel->ncolumns;
	size_t at = buf->len;
	int skipped = 0;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, plan->columns[0].room + 2, &p));
	for (int i = 0; i < n; i++)
	{
		const Column *col = &plan->columns[i];
		const LhCell *c = &cells[i];
		char *end;

		if (c->kind == LH_CELL_UNCHANGED || c->kind == LH_CELL_ABSENT)
		{
			skipped += c->kind == LH_CELL_UNCHANGED;
			continue;
		}
		p = put_piece(p, col->name);
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

/* The cells that hold a row's key: the old one where it differs or is all there is.  NULL: there is none. */
static const LhCell *
key_cells(const LhChangeEvent *ev)
{
	if (ev->rel->nkeys == 0)
		return NULL;
	if (ev->new_cells == NULL || (ev->key_changed && ev->old_cells != NULL))
		return ev->old_cells;
	return ev->new_cells;
}

/* {"id":1}, in the index's order. */
static LhStatus
put_key(LhCtx *ctx, LhBuf *buf, const Json *j, const Plan *plan, const LhChangeEvent *ev,
		const LhCell *cells)
{
	size_t at = buf->len;
	char *p, *end;

	for (int i = 0; i < plan->rel->nkeys; i++)
	{
		int k = plan->rel->keys[i];
		const LhCell *c = &cells[k];

		/* a large key that was not touched is in the old key */
		if (c->kind == LH_CELL_UNCHANGED && ev->old_cells != NULL)
			c = &ev->old_cells[k];
		LH_TRY(lh_put_room(ctx, buf, plan->columns[k].name.len + SLACK + VALUE, &p));
		p = put_piece(p, plan->columns[k].name);
		end = bounded(p, c, j->base.options->decimal, plan->columns[k].int_string);
		lh_put_end(buf, end != NULL ? end : p);
		if (end == NULL)
			LH_TRY(put_unbounded(ctx, buf, j->base.options, c, plan->columns[k].int_string, 0));
	}
	buf->data[at] = '{';
	return lh_put(ctx, buf, "}", 1);
}

static LhStatus
put_unchanged(LhCtx *ctx, LhBuf *buf, const Plan *plan, const LhCell *cells)
{
	bool first = true;

	LH_TRY(lh_put(ctx, buf, ",\"unchanged\":[", 14));
	for (int i = 0; i < plan->rel->ncolumns; i++)
	{
		Piece name = plan->columns[i].name;

		if (cells[i].kind != LH_CELL_UNCHANGED)
			continue;
		/* ,"name" without its colon, the first without its comma */
		LH_TRY(lh_put(ctx, buf, name.text + first, name.len - 1 - first));
		first = false;
	}
	return lh_put(ctx, buf, "]", 1);
}

/* ---- transactions, heads ---- */

#define PUT(ctx, buf, literal) lh_put((ctx), (buf), (literal), sizeof(literal) - 1)

static void
render_lsn(Json *j, uint64_t lsn)
{
	char *p = j->lsn_text;

	memcpy(p, ",\"lsn\":\"", 8);
	p = lh_text_lsn(p + 8, lsn);
	*p++ = '"';
	j->lsn = (Piece){j->lsn_text, (uint32_t) (p - j->lsn_text)};
}

/*
 * Does an event say when its transaction was committed?  Where transactions are told
 * before that, no change does, lest it depends on how its transaction came.
 */
static inline bool
tells_commit(const Json *j, const LhChangeEvent *ev)
{
	if (__builtin_expect(!lh_change_unfinished(j->base.options), 1) || ev->txn == NULL)
		return true;
	return ev->op == LH_CHANGE_BEGIN || ev->op == LH_CHANGE_COMMIT ||
		   (ev->op >= LH_CHANGE_STREAM_COMMIT && ev->op <= LH_CHANGE_ROLLBACK_PREPARED);
}

/* What all events of a transaction, or of a sub-transaction of it, have in common. */
static LhStatus
render_txn(LhCtx *ctx, Json *j, const LhChangePos *pos, uint32_t sub, const LhChangeTxn *txn,
		   bool commit)
{
	char *p;

	render_lsn(j, pos->commit_end);
	if (!commit)
		j->lsn.len = 0;
	j->commit_end = pos->commit_end;
	j->xid = pos->xid;
	j->sub = sub;
	j->has_txn = txn != NULL;
	j->tells_commit = commit;
	j->commit_time = txn != NULL ? txn->commit_time : 0;
	j->txn_text.len = 0;
	LH_TRY(lh_put_room(ctx, &j->txn_text, TXN_TEXT, &p));
	if (pos->xid != 0)
	{
		memcpy(p, ",\"xid\":", 7);
		p = lh_text_u64(p + 7, pos->xid);
	}
	if (sub != 0 && sub != pos->xid)
	{
		memcpy(p, ",\"sub\":", 7);
		p = lh_text_u64(p + 7, sub);
	}
	if (txn != NULL && commit)
	{
		memcpy(p, ",\"ts\":\"", 7);
		p = lh_text_timestamp(p + 7, txn->commit_time, 'T', "Z");
		*p++ = '"';
	}
	lh_put_end(&j->txn_text, p);
	if (txn != NULL && txn->origin_name != NULL)
	{
		LH_TRY(PUT(ctx, &j->txn_text, ",\"origin\":"));
		LH_TRY(lh_put_json_string(ctx, &j->txn_text, txn->origin_name, strlen(txn->origin_name)));
	}
	/* pieces are copied with their slack */
	LH_TRY(lh_put_room(ctx, &j->txn_text, SLACK, &p));
	j->txn = (Piece){(char *) j->txn_text.data, (uint32_t) j->txn_text.len};
	return LH_OK;
}

static const Piece op_texts[LH_N_CHANGE_OPS] = {
#define OP(name)                                                            \
	{                                                                       \
		"{\"op\":\"" name "\""                                              \
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", \
			sizeof(name) + 7                                                \
	}
	[LH_CHANGE_BEGIN] = OP("begin"),
	[LH_CHANGE_COMMIT] = OP("commit"),
	[LH_CHANGE_INSERT] = OP("insert"),
	[LH_CHANGE_UPDATE] = OP("update"),
	[LH_CHANGE_DELETE] = OP("delete"),
	[LH_CHANGE_READ] = OP("read"),
	[LH_CHANGE_TRUNCATE] = OP("truncate"),
	[LH_CHANGE_MESSAGE] = OP("message"),
	[LH_CHANGE_SCHEMA] = OP("schema"),
	[LH_CHANGE_QUARANTINE] = OP("quarantine"),
	[LH_CHANGE_STREAM_START] = OP("stream_start"),
	[LH_CHANGE_STREAM_STOP] = OP("stream_stop"),
	[LH_CHANGE_STREAM_ABORT] = OP("stream_abort"),
	[LH_CHANGE_STREAM_COMMIT] = OP("stream_commit"),
	[LH_CHANGE_PREPARE] = OP("prepare"),
	[LH_CHANGE_COMMIT_PREPARED] = OP("commit_prepared"),
	[LH_CHANGE_ROLLBACK_PREPARED] = OP("rollback_prepared")};

/* Is it one of the transaction's changes, which are numbered? */
static inline bool
is_numbered(LhChangeOp op)
{
	return op != LH_CHANGE_BEGIN && op != LH_CHANGE_COMMIT && !LH_CHANGE_IS_UNFINISHED(op);
}

/* {"op":"insert","lsn":"0/16B3748","n":3,"xid":735,"ts":"...","schema":"public","table":"t" */
static LhStatus
put_head(LhCtx *ctx, LhBuf *buf, Json *j, const LhChangeEvent *ev)
{
	const Plan *plan = ev->rel != NULL ? ev->plan : NULL;
	bool commit = tells_commit(j, ev);
	char *p;

	if (j->commit_end != ev->pos.commit_end || j->xid != ev->pos.xid || j->sub != ev->sub ||
		j->has_txn != (ev->txn != NULL) || j->tells_commit != commit ||
		(ev->txn != NULL && j->commit_time != ev->txn->commit_time))
		LH_TRY(render_txn(ctx, j, &ev->pos, ev->sub, ev->txn, commit));
	LH_TRY(lh_put_room(
		ctx, buf, 4 * SLACK + 64 + LH_TEXT_INT + j->txn.len + (plan != NULL ? plan->table.len : 0),
		&p));
	p = put_piece(p, op_texts[ev->op]);
	p = put_piece(p, j->lsn);
	if (is_numbered(ev->op))
	{
		memcpy(p, ",\"n\":", 5);
		p = lh_digits_u64(p + 5, ev->pos.ordinal);
	}
	p = put_piece(p, j->txn);
	if (plan != NULL)
		p = put_piece(p, plan->table);
	lh_put_end(buf, p);
	return LH_OK;
}

/* ---- events ---- */

/* The key of a message and the same again in its value. */
static LhStatus
put_keys(LhCtx *ctx, LhChangeOut *out, Json *j, const LhChangeEvent *ev)
{
	const LhCell *cells = key_cells(ev);
	const Plan *plan = ev->plan;
	LhBuf *buf = &out->buf;
	size_t at = buf->len, n;
	char *p;

	if (out->want_key && cells != NULL)
		LH_TRY(put_key(ctx, buf, j, plan, ev, cells));
	n = buf->len - at;
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_head(ctx, buf, j, ev));
	if (cells == NULL)
	{
		LH_TRY(lh_put_room(ctx, buf, plan->no_key.len + SLACK, &p));
		lh_put_end(buf, put_piece(p, plan->no_key));
		return LH_OK;
	}
	LH_TRY(lh_put_room(ctx, buf, 7 + n, &p));
	memcpy(p, ",\"key\":", 7);
	memcpy(p + 7, buf->data + at, n);
	lh_put_end(buf, p + 7 + n);
	return n > 0 ? LH_OK : put_key(ctx, buf, j, plan, ev, cells);
}

static LhStatus
row_event(LhCtx *ctx, LhChangeOut *out, Json *j, const LhChangeEvent *ev)
{
	const Plan *plan = ev->plan;
	LhBuf *buf = &out->buf;
	int unchanged = 0, ignored = 0;

	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(put_keys(ctx, out, j, ev));
	if (ev->new_cells != NULL)
	{
		LH_TRY(PUT(ctx, buf, ",\"new\":"));
		LH_TRY(put_row(ctx, buf, j, plan, ev->new_cells, &unchanged));
	}
	if (ev->old_cells != NULL)
	{
		LH_TRY(PUT(ctx, buf, ",\"old\":"));
		LH_TRY(put_row(ctx, buf, j, plan, ev->old_cells, &ignored));
	}
	if (unchanged > 0)
		LH_TRY(put_unchanged(ctx, buf, plan, ev->new_cells));
	LH_TRY(PUT(ctx, buf, "}"));
	return lh_out_end(ctx, out);
}

/* ---- flat rows ---- */

/* The row alone with what was asked for behind it; key: cells of the key, NULL: none. */
static LhStatus
flat_row(LhCtx *ctx, LhChangeOut *out, Json *j, const LhChangeEvent *ev, const char *op,
		 const LhCell *cells)
{
	const Plan *plan = ev->plan;
	LhBuf *buf = &out->buf;
	int ignored = 0;
	size_t at;

	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key && plan->rel->nkeys > 0)
		LH_TRY(put_key(ctx, buf, j, plan, ev, cells));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_row(ctx, buf, j, plan, cells, &ignored));
	at = --buf->len;
	if (plan->tells_deleted)
		LH_TRY(lh_buf_append_str(ctx, buf,
								 cells == ev->old_cells ? ",\"" LH_UNWRAP_DELETED "\":true"
														: ",\"" LH_UNWRAP_DELETED "\":false"));
	LH_TRY(lh_unwrap_put_json(ctx, buf, plan->nfields, plan->fields, ev, op));
	/* of a row without columns the first comma goes */
	if (buf->data[at - 1] == '{' && buf->len > at)
		memmove(buf->data + at, buf->data + at + 1, --buf->len - at);
	LH_TRY(PUT(ctx, buf, "}"));
	return lh_out_end(ctx, out);
}

/* What is left of a row that is gone, by its old key. */
static LhStatus
flat_delete(LhCtx *ctx, LhChangeOut *out, Json *j, const LhChangeEvent *ev)
{
	const LhChangeOptions *o = j->base.options;

	if (ev->old_cells == NULL)
		return LH_OK;
	if (lh_unwrap_rewrites(o))
		LH_TRY(flat_row(ctx, out, j, ev, "delete", ev->old_cells));
	if (!lh_unwrap_tombstones(o) || !out->want_key || ev->rel->nkeys == 0)
		return LH_OK;
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(put_key(ctx, &out->buf, j, ev->plan, ev, ev->old_cells));
	return lh_out_tombstone(ctx, out);
}

static __attribute__((noinline)) LhStatus
flat_event(LhCtx *ctx, LhChangeOut *out, Json *j, const LhChangeEvent *ev)
{
	bool moved = ev->op == LH_CHANGE_UPDATE && ev->key_changed && ev->old_cells != NULL;

	if (ev->op == LH_CHANGE_TRUNCATE)
		return LH_OK;
	if (ev->op == LH_CHANGE_DELETE || moved)
		LH_TRY(flat_delete(ctx, out, j, ev));
	if (ev->op == LH_CHANGE_DELETE)
		return LH_OK;
	return flat_row(ctx, out, j, ev,
					ev->op == LH_CHANGE_READ               ? "read"
					: ev->op == LH_CHANGE_UPDATE && !moved ? "update"
														   : "insert",
					ev->new_cells);
}

static LhStatus
json_event(LhCtx *ctx, LhEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	Json *j = (Json *) enc;

	if (__builtin_expect(enc->options->unwrap, 0) && ev->op >= LH_CHANGE_INSERT &&
		ev->op <= LH_CHANGE_TRUNCATE)
		return flat_event(ctx, out, j, ev);
	if (ev->op == LH_CHANGE_INSERT || ev->op == LH_CHANGE_UPDATE || ev->op == LH_CHANGE_DELETE ||
		ev->op == LH_CHANGE_READ)
		return row_event(ctx, out, j, ev);
	/* where no change says when it was committed, the end of its transaction has to; frames do */
	if ((ev->op == LH_CHANGE_BEGIN || ev->op == LH_CHANGE_COMMIT) && !enc->options->transactions &&
		(out->framed || !lh_change_unfinished(enc->options)))
		return LH_OK;
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_head(ctx, &out->buf, j, ev));
	LH_TRY(lh_json_rest(ctx, &out->buf, ev));
	LH_TRY(PUT(ctx, &out->buf, "}"));
	return lh_out_end(ctx, out);
}

/* ---- plans ---- */

static LhStatus
put_string(LhCtx *ctx, LhBuf *buf, const char *name, const char *s)
{
	LH_TRY(lh_put(ctx, buf, name, strlen(name)));
	return lh_put_json_string(ctx, buf, s, strlen(s));
}

/* Keep what buf holds, with its slack, and empty buf. */
static LhStatus
keep(LhCtx *ctx, LhBuf *buf, Piece *out)
{
	char *copy;

	LH_ALLOC(ctx, copy, buf->len + SLACK);
	memcpy(copy, buf->data, buf->len);
	memset(copy + buf->len, 0, SLACK);
	*out = (Piece){copy, (uint32_t) buf->len};
	buf->len = 0;
	return LH_OK;
}

static LhStatus
json_relation(LhCtx *ctx, LhEncoder *enc, const LhChangeRel *rel, void **out)
{
	size_t room = SLACK;
	Plan *plan;
	LhBuf buf;

	plan = lh_alloc0(ctx, sizeof(*plan) + sizeof(Column) * ((size_t) rel->ncolumns + 1));
	if (plan == NULL)
		return ctx->error->code;
	plan->rel = rel;
	LH_TRY(lh_buf_init(ctx, &buf, false));
	LH_TRY(put_string(ctx, &buf, ",\"schema\":", rel->schema));
	LH_TRY(put_string(ctx, &buf, ",\"table\":", rel->name));
	LH_TRY(keep(ctx, &buf, &plan->table));
	LH_TRY(put_string(ctx, &buf, ",\"key\":null,\"identity\":",
					  rel->identity == LH_IDENTITY_FULL ? "full" : "nothing"));
	LH_TRY(keep(ctx, &buf, &plan->no_key));
	plan->columns[rel->ncolumns].room = room;
	for (int i = rel->ncolumns - 1; i >= 0; i--)
	{
		Column *col = &plan->columns[i];

		LH_TRY(put_string(ctx, &buf, ",", rel->columns[i].name));
		LH_TRY(PUT(ctx, &buf, ":"));
		LH_TRY(keep(ctx, &buf, &col->name));
		col->int_string = enc->options->int64_string && is_bigint(&rel->columns[i]);
		room += col->name.len + VALUE;
		col->room = room;
	}
	lh_buf_free(&buf);
	if (enc->options->unwrap)
	{
		LH_TRY(lh_unwrap_fields(ctx, enc->options, "json", rel, &plan->nfields, &plan->fields));
		plan->tells_deleted =
			lh_unwrap_rewrites(enc->options) && lh_unwrap_is_free(rel, LH_UNWRAP_DELETED);
	}
	*out = plan;
	return LH_OK;
}

static LhStatus
json_create(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	Json *j;

	LH_NEW(ctx, j);
	j->base.format = &lh_format_json;
	j->base.options = options;
	LH_TRY(lh_buf_init(ctx, &j->txn_text, false));
	LH_TRY(render_txn(ctx, j, &(LhChangePos){0}, 0, NULL, true));
	*out = &j->base;
	return LH_OK;
}

const LhChangeFormat lh_format_json = {
	.name = "json",
	.summary = "an object a change, on one line; numbers with all digits, ISO 8601, json as JSON",
	.text = true,
	.keyed = true,
	.streams = true,
	.create = json_create,
	.relation = json_relation,
	.event = json_event,
};
