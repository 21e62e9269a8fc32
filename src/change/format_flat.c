/*
 * format_flat.c
 *		The format "flat": the row itself, with what a consumer needs to put rows in order.
 *
 *	{"id":1,"name":"x","__op":"u","__lsn":23805000,"__seq":3,"__ts_us":1764450000123456}
 *
 * For consumers that keep the last row of each key, such as a MERGE in Spark's
 * foreachBatch: (__lsn, __seq) ascends with the stream.  An update that changed the key
 * is two rows, the old key's with "d" and the new one's with "u", both with one position.
 * Columns that an update did not touch and the log does not have are left out, and
 * named in __unchanged.
 */
#include "change/flat.h"

#include "change/formats.h"
#include "change/json_row.h"
#include "change/unwrap.h"
#include "core/datetime.h"
#include "core/digits.h"

#define SLACK                    LH_JSON_SLACK
#define PUT(ctx, buf, literal)   lh_put((ctx), (buf), (literal), sizeof(literal) - 1)
#define FIELD(name)              ",\"" name "\":"
#define FIELD_PIECE(text, field) memcpy((text), FIELD(field), sizeof(FIELD(field)) - 1)

typedef struct Plan
{
	LhJsonRow *row;
	int nfields;
	LhUnwrapField *fields; /* of add.fields */
} Plan;

typedef struct Flat
{
	LhEncoder base;
	/* the transaction that is rendered */
	uint64_t commit_end;
	int64_t commit_time;
	bool has_txn;
	LhJsonPiece lsn;  /* ,"__lsn":23805000,"__seq": */
	LhJsonPiece time; /* ,"__ts_us":1764450000123456 */
	char lsn_text[64 + SLACK];
	char time_text[64 + SLACK];
} Flat;

/* ---- names ---- */

bool
lh_flat_is_field(const char *name)
{
	static const char *const fields[] = {
		LH_FLAT_OP,        LH_FLAT_LSN,           LH_FLAT_SEQ,    LH_FLAT_TS,
		LH_FLAT_UNCHANGED, LH_FLAT_REASON,        LH_FLAT_PREFIX, LH_FLAT_TRANSACTIONAL,
		LH_FLAT_CONTENT,   LH_FLAT_CONTENT_BASE64};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
	{
		if (strcmp(name, fields[i]) == 0)
			return true;
	}
	return false;
}

LhStatus
lh_flat_names(LhCtx *ctx, const LhChangeRel *rel, const char *const **out)
{
	const char **names = NULL;

	*out = NULL;
	for (int i = 0; i < rel->ncolumns; i++)
	{
		const char *name = rel->columns[i].name;

		if (!lh_flat_is_field(name))
			continue;
		if (names == NULL)
		{
			LH_NEW_ARRAY(ctx, names, (size_t) rel->ncolumns);
			for (int k = 0; k < rel->ncolumns; k++)
				names[k] = rel->columns[k].name;
		}
		/* two of them never meet, as they end in the names of different fields */
		do
		{
			name = lh_sprintf(ctx, "_%s", name);
			if (name == NULL)
				return ctx->error->code;
		} while (!lh_unwrap_is_free(rel, name));
		names[i] = name;
	}
	*out = names;
	return LH_OK;
}

/* ---- rows ---- */

/* What all rows of a transaction have in common. */
static void
render_txn(Flat *f, const LhChangeEvent *ev)
{
	char *p;

	f->commit_end = ev->pos.commit_end;
	f->has_txn = ev->txn != NULL;
	f->commit_time = ev->txn != NULL ? ev->txn->commit_time : 0;
	p = f->lsn_text + sizeof(FIELD(LH_FLAT_LSN)) - 1;
	FIELD_PIECE(f->lsn_text, LH_FLAT_LSN);
	p = lh_digits_u64(p, f->commit_end);
	FIELD_PIECE(p, LH_FLAT_SEQ);
	p += sizeof(FIELD(LH_FLAT_SEQ)) - 1;
	f->lsn = (LhJsonPiece){f->lsn_text, (uint32_t) (p - f->lsn_text)};
	p = f->time_text + sizeof(FIELD(LH_FLAT_TS)) - 1;
	FIELD_PIECE(f->time_text, LH_FLAT_TS);
	if (f->has_txn)
		p = lh_digits_i64(p, f->commit_time + LH_PG_EPOCH_US);
	else
	{
		memcpy(p, "null", 4);
		p += 4;
	}
	f->time = (LhJsonPiece){f->time_text, (uint32_t) (p - f->time_text)};
}

/* ,"__op":"u","__lsn":..,"__seq":..,"__ts_us":.. behind what an object has since at; first without comma. */
static LhStatus
put_tail(LhCtx *ctx, LhBuf *buf, Flat *f, const LhChangeEvent *ev, char op)
{
	bool empty = buf->data[buf->len - 1] == '{';
	char *p, *at;

	if (f->commit_end != ev->pos.commit_end || f->has_txn != (ev->txn != NULL) ||
		(ev->txn != NULL && f->commit_time != ev->txn->commit_time))
		render_txn(f, ev);
	LH_TRY(lh_put_room(ctx, buf, 4 * SLACK + LH_TEXT_INT + 64, &p));
	at = p;
	FIELD_PIECE(p, LH_FLAT_OP);
	p += sizeof(FIELD(LH_FLAT_OP)) - 1;
	*p++ = '"';
	*p++ = op;
	*p++ = '"';
	p = lh_json_put_piece(p, f->lsn);
	p = lh_digits_u64(p, ev->pos.ordinal);
	p = lh_json_put_piece(p, f->time);
	if (empty)
		memmove(at, at + 1, (size_t) (--p - at));
	lh_put_end(buf, p);
	return LH_OK;
}

/* A row with its key; cells NULL: the log has none. */
static LhStatus
put_flat(LhCtx *ctx, LhChangeOut *out, Flat *f, const LhChangeEvent *ev, char op,
		 const LhCell *cells)
{
	static const char *const names[] = {
		['c'] = "insert", ['u'] = "update", ['d'] = "delete", ['r'] = "read"};
	const Plan *plan = ev->plan;
	LhBuf *buf = &out->buf;
	int unchanged = 0;

	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key && cells != NULL && ev->rel->nkeys > 0)
		LH_TRY(lh_json_put_key(ctx, buf, plan->row, ev, cells));
	LH_TRY(lh_out_value(ctx, out));
	if (cells == NULL)
		LH_TRY(PUT(ctx, buf, "{"));
	else
	{
		LH_TRY(lh_json_put_row(ctx, buf, plan->row, cells, &unchanged));
		buf->len--;
	}
	LH_TRY(put_tail(ctx, buf, f, ev, op));
	if (unchanged > 0)
	{
		LH_TRY(PUT(ctx, buf, FIELD(LH_FLAT_UNCHANGED)));
		LH_TRY(lh_json_put_unchanged(ctx, buf, plan->row, cells));
	}
	if (plan->nfields > 0)
		LH_TRY(lh_unwrap_put_json(ctx, buf, plan->nfields, plan->fields, ev,
								  names[(unsigned char) op]));
	LH_TRY(PUT(ctx, buf, "}"));
	return lh_out_end(ctx, out);
}

/* ---- events without rows ---- */

static LhStatus
put_string(LhCtx *ctx, LhBuf *buf, const char *name, const char *s)
{
	LH_TRY(lh_put(ctx, buf, name, strlen(name)));
	return lh_put_json_string(ctx, buf, s, strlen(s));
}

static LhStatus
put_content(LhCtx *ctx, LhBuf *buf, LhSlice content)
{
	if (lh_utf8_valid(content.data, content.len))
	{
		LH_TRY(PUT(ctx, buf, FIELD(LH_FLAT_CONTENT)));
		return lh_put_json_string(ctx, buf, content.data, content.len);
	}
	LH_TRY(PUT(ctx, buf, FIELD(LH_FLAT_CONTENT_BASE64) "\""));
	LH_TRY(lh_put_base64(ctx, buf, content.data, content.len, false));
	return PUT(ctx, buf, "\"");
}

static LhStatus
put_event(LhCtx *ctx, LhChangeOut *out, Flat *f, const LhChangeEvent *ev, char op)
{
	const Plan *plan = ev->rel != NULL ? ev->plan : NULL;
	LhBuf *buf = &out->buf;

	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(PUT(ctx, buf, "{"));
	LH_TRY(put_tail(ctx, buf, f, ev, op));
	if (ev->op == LH_CHANGE_QUARANTINE)
		LH_TRY(put_string(ctx, buf, FIELD(LH_FLAT_REASON), ev->reason));
	if (ev->op == LH_CHANGE_MESSAGE)
	{
		LH_TRY(put_string(ctx, buf, FIELD(LH_FLAT_PREFIX), ev->prefix));
		LH_TRY(ev->transactional ? PUT(ctx, buf, FIELD(LH_FLAT_TRANSACTIONAL) "true")
								 : PUT(ctx, buf, FIELD(LH_FLAT_TRANSACTIONAL) "false"));
		LH_TRY(put_content(ctx, buf, ev->content));
	}
	if (plan != NULL && plan->nfields > 0)
		LH_TRY(lh_unwrap_put_json(ctx, buf, plan->nfields, plan->fields, ev,
								  op == 't' ? "truncate" : "quarantine"));
	LH_TRY(PUT(ctx, buf, "}"));
	return lh_out_end(ctx, out);
}

static LhStatus
flat_event(LhCtx *ctx, LhEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	Flat *f = (Flat *) enc;

	switch (ev->op)
	{
		case LH_CHANGE_INSERT: return put_flat(ctx, out, f, ev, 'c', ev->new_cells);
		case LH_CHANGE_READ: return put_flat(ctx, out, f, ev, 'r', ev->new_cells);
		case LH_CHANGE_DELETE: return put_flat(ctx, out, f, ev, 'd', ev->old_cells);
		case LH_CHANGE_UPDATE:
			if (ev->key_changed && ev->old_cells != NULL)
				LH_TRY(put_flat(ctx, out, f, ev, 'd', ev->old_cells));
			return put_flat(ctx, out, f, ev, 'u', ev->new_cells);
		case LH_CHANGE_TRUNCATE: return put_event(ctx, out, f, ev, 't');
		case LH_CHANGE_QUARANTINE: return put_event(ctx, out, f, ev, 'q');
		case LH_CHANGE_MESSAGE: return put_event(ctx, out, f, ev, 'm');
		default: return LH_OK;
	}
}

/* ---- plans ---- */

/* An added field that is called as a column is now. */
static void
leave_out(Plan *plan, const char *name)
{
	int n = 0;

	for (int i = 0; i < plan->nfields; i++)
	{
		if (strcmp(plan->fields[i].name, name) != 0)
			plan->fields[n++] = plan->fields[i];
	}
	plan->nfields = n;
}

static LhStatus
flat_relation(LhCtx *ctx, LhEncoder *enc, const LhChangeRel *rel, void **out)
{
	const char *const *names;
	Plan *plan;

	LH_NEW(ctx, plan);
	LH_TRY(lh_flat_names(ctx, rel, &names));
	LH_TRY(lh_json_row_plan(ctx, enc->options, rel, names, &plan->row));
	LH_TRY(lh_unwrap_fields(ctx, enc->options, "flat", rel, &plan->nfields, &plan->fields));
	for (int i = 0; names != NULL && i < rel->ncolumns; i++)
		leave_out(plan, names[i]);
	*out = plan;
	return LH_OK;
}

static LhStatus
flat_create(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	Flat *f;

	LH_NEW(ctx, f);
	f->base.format = &lh_format_flat;
	f->base.options = options;
	render_txn(f, &(LhChangeEvent){.txn = NULL});
	*out = &f->base;
	return LH_OK;
}

const LhChangeFormat lh_format_flat = {
	.name = "flat",
	.summary = "the row as an object, with __op, __lsn and __seq to put rows in order",
	.text = true,
	.keyed = true,
	.create = flat_create,
	.relation = flat_relation,
	.event = flat_event,
};
