/*
 * format_wal2json_v2.c
 *		wal2json's format version 2: an object for each change, BEGIN and COMMIT.
 *
 *	{"action":"I","xid":..,"timestamp":..,"origin":..,"lsn":..,"schema":"public","table":"t",
 *	 "columns":[{"name":"id","type":"integer","value":1}],"identity":[..],"pk":[{"name":"id","type":"integer"}]}
 *
 * The members up to "origin" are the transaction's and made in begin.
 */
#include "change/format_wal2json.h"

#include <stdio.h>

LhStatus
lh_w2j_v2_plan(LhCtx *ctx, LhW2jEncoder *enc, LhW2jPlan *plan)
{
	const LhChangeOptions *o = enc->base.options;
	const LhChangeRel *rel = plan->rel;
	LhBuf *text = &enc->text;

	for (int i = 0; i < plan->ncolumns; i++)
	{
		LhW2jColumn *c = &plan->columns[i];

		text->len = 0;
		LH_TRY(lh_buf_append_str(ctx, text, ",{\"name\":"));
		LH_TRY(lh_w2j_put(ctx, text, c->name));
		if (o->w_types)
		{
			LH_TRY(lh_buf_append_str(ctx, text, ",\"type\":"));
			LH_TRY(lh_w2j_put(ctx, text, c->type));
		}
		/* signed, as there */
		if (o->w_type_oids)
			LH_TRY(lh_buf_printf(ctx, text, ",\"typeoid\":%d", (int) rel->columns[i].typid));
		LH_TRY(lh_w2j_print(ctx, &c->pk_item, "%.*s}", (int) text->len, (const char *) text->data));
		LH_TRY(lh_w2j_print(ctx, &c->change_head, "%.*s,\"value\":", (int) text->len,
							(const char *) text->data));

		text->len = 0;
		if (o->w_not_null)
			LH_TRY(lh_buf_append_str(ctx, text,
									 rel->columns[i].not_null ? ",\"optional\":false"
															  : ",\"optional\":true"));
		if (o->w_positions)
			LH_TRY(lh_buf_printf(ctx, text, ",\"position\":%d", rel->columns[i].attnum));
		if (o->w_default)
		{
			LH_TRY(lh_buf_append_str(ctx, text, ",\"default\":"));
			LH_TRY(lh_w2j_put(ctx, text, c->preset));
		}
		LH_TRY(lh_buf_putc(ctx, text, '}'));
		LH_TRY(lh_w2j_keep(ctx, text, &c->change_tail));
	}

	text->len = 0;
	if (o->w_schemas)
	{
		LH_TRY(lh_buf_append_str(ctx, text, ",\"schema\":"));
		LH_TRY(lh_put_json_string(ctx, text, rel->schema, strlen(rel->schema)));
	}
	LH_TRY(lh_buf_append_str(ctx, text, ",\"table\":"));
	LH_TRY(lh_put_json_string(ctx, text, rel->name, strlen(rel->name)));
	LH_TRY(lh_w2j_keep(ctx, text, &plan->table));

	text->len = 0;
	LH_TRY(lh_buf_append_str(ctx, text, ",\"pk\":["));
	for (int i = 0, n = 0; i < plan->ncolumns; i++)
	{
		LhSlice item = plan->columns[i].pk_item;
		size_t comma = n == 0;

		if (!plan->columns[i].pk)
			continue;
		LH_TRY(lh_put(ctx, text, item.data + comma, item.len - comma));
		n++;
	}
	LH_TRY(lh_buf_putc(ctx, text, ']'));
	return lh_w2j_keep(ctx, text, &plan->pk_list);
}

/* {"action":"B","xid":1,"timestamp":"..","origin":0,"lsn":"..","nextlsn":".."} */
static LhStatus
put_boundary(LhCtx *ctx, LhW2jEncoder *enc, char action, const LhChangeTxn *txn, LhBuf *buf)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 128 + sizeof(enc->facts), &p));
	p += sprintf(p, "{\"action\":\"%c\"", action);
	memcpy(p, enc->facts, enc->nfacts);
	p += enc->nfacts;
	if (enc->base.options->w_lsn)
	{
		p = stpcpy(p, ",\"lsn\":\"");
		p = lh_text_lsn(p, txn->commit_lsn);
		p = stpcpy(p, "\",\"nextlsn\":\"");
		p = lh_text_lsn(p, txn->commit_end);
		*p++ = '"';
	}
	*p++ = '}';
	lh_put_end(buf, p);
	return LH_OK;
}

/* What every object of the transaction says of it. */
static void
render_facts(LhW2jEncoder *enc, const LhChangeTxn *txn)
{
	const LhChangeOptions *o = enc->base.options;
	char *p = enc->facts;

	enc->alone = txn == NULL;
	if (o->w_xids)
		p += txn != NULL ? sprintf(p, ",\"xid\":%u", txn->xid) : sprintf(p, ",\"xid\":null");
	if (o->w_timestamp)
	{
		p = stpcpy(p, txn != NULL ? ",\"timestamp\":\"" : ",\"timestamp\":null");
		if (txn != NULL)
		{
			p = lh_w2j_time(p, txn);
			*p++ = '"';
		}
	}
	if (o->w_origin)
		p += txn != NULL ? sprintf(p, ",\"origin\":%u", txn->origin)
						 : sprintf(p, ",\"origin\":null");
	enc->nfacts = (size_t) (p - enc->facts);
}

/* {"action":"I" and all members up to the table's name */
static LhStatus
put_head(LhCtx *ctx, LhW2jEncoder *enc, char action, const LhChangeEvent *ev, LhSlice table,
		 LhBuf *buf)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 64 + sizeof(enc->facts) + table.len, &p));
	memcpy(p, "{\"action\":\"I\"", 13);
	p[11] = action;
	memcpy(p + 13, enc->facts, enc->nfacts);
	p += 13 + enc->nfacts;
	if (enc->base.options->w_lsn)
	{
		p = stpcpy(p, ",\"lsn\":\"");
		p = lh_text_lsn(p, ev->lsn);
		*p++ = '"';
	}
	memcpy(p, table.data, table.len);
	lh_put_end(buf, p + table.len);
	return LH_OK;
}

/* Columns of a new row, or with their values the columns of an identity. */
static LhStatus
put_cells(LhCtx *ctx, const LhW2jPlan *plan, const LhCell *cells, bool identity, LhBuf *buf)
{
	size_t comma = 1;

	for (int i = 0; i < plan->ncolumns; i++)
	{
		const LhW2jColumn *c = &plan->columns[i];
		LhSlice tail = identity ? lh_slice("}", 1) : c->change_tail;

		if (identity && !c->identity && plan->has_index)
			continue;
		if (cells[i].kind == LH_CELL_UNCHANGED ||
			(cells[i].kind == LH_CELL_ABSENT && !plan->has_index))
			continue;
		LH_TRY(lh_put(ctx, buf, c->change_head.data + comma, c->change_head.len - comma));
		LH_TRY(lh_w2j_value(ctx, buf, c, &cells[i]));
		LH_TRY(lh_w2j_put(ctx, buf, tail));
		comma = 0;
	}
	return lh_put(ctx, buf, "]", 1);
}

/* Columns of the primary key; those that are not in the log are not named. */
static LhStatus
put_pk(LhCtx *ctx, const LhW2jPlan *plan, const LhCell *cells, LhBuf *buf)
{
	size_t comma = 1;
	bool whole = true;

	for (int i = 0; cells != NULL && i < plan->ncolumns; i++)
		whole = whole && !(plan->columns[i].pk && cells[i].kind == LH_CELL_UNCHANGED);
	if (whole)
		return lh_w2j_put(ctx, buf, plan->pk_list);
	LH_TRY(lh_put(ctx, buf, ",\"pk\":[", 7));
	for (int i = 0; i < plan->ncolumns; i++)
	{
		LhSlice item = plan->columns[i].pk_item;

		if (!plan->columns[i].pk || cells[i].kind == LH_CELL_UNCHANGED)
			continue;
		LH_TRY(lh_put(ctx, buf, item.data + comma, item.len - comma));
		comma = 0;
	}
	return lh_put(ctx, buf, "]", 1);
}

static LhStatus
put_row(LhCtx *ctx, LhW2jEncoder *enc, char action, const LhChangeEvent *ev, LhBuf *buf)
{
	const LhW2jPlan *plan = ev->plan;
	const LhCell *old = ev->old_cells;

	LH_TRY(put_head(ctx, enc, action, ev, plan->table, buf));
	if (ev->new_cells != NULL && ev->op != LH_CHANGE_DELETE)
	{
		LH_TRY(lh_put(ctx, buf, ",\"columns\":[", 12));
		LH_TRY(put_cells(ctx, plan, ev->new_cells, false, buf));
	}
	/* an update that leaves the key alone has it in the new row */
	if (old == NULL && ev->op == LH_CHANGE_UPDATE)
		old = ev->new_cells;
	if (old != NULL)
	{
		LH_TRY(lh_put(ctx, buf, ",\"identity\":[", 13));
		LH_TRY(put_cells(ctx, plan, old, true, buf));
	}
	if (enc->base.options->w_pk)
		LH_TRY(put_pk(ctx, plan, old != NULL ? old : ev->new_cells, buf));
	return lh_put(ctx, buf, "}", 1);
}

static LhStatus
put_message(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeEvent *ev, LhBuf *buf)
{
	if (ev->op == LH_CHANGE_QUARANTINE)
	{
		LH_TRY(put_head(ctx, enc, 'M', ev, lh_slice("", 0), buf));
		LH_TRY(lh_buf_append_str(
			ctx, buf, ",\"transactional\":true,\"prefix\":\"" LH_W2J_QUARANTINE "\",\"content\":"));
		LH_TRY(lh_w2j_reason(ctx, buf, ev));
		return lh_put(ctx, buf, "}", 1);
	}
	if (!ev->transactional)
		render_facts(enc, NULL);
	LH_TRY(put_head(ctx, enc, 'M', ev, lh_slice("", 0), buf));
	LH_TRY(lh_buf_append_str(ctx, buf,
							 ev->transactional ? ",\"transactional\":true,\"prefix\":"
											   : ",\"transactional\":false,\"prefix\":"));
	LH_TRY(lh_put_json_string(ctx, buf, ev->prefix, strlen(ev->prefix)));
	LH_TRY(lh_buf_append_str(ctx, buf, ",\"content\":"));
	LH_TRY(lh_w2j_content(ctx, buf, ev->content));
	return lh_put(ctx, buf, "}", 1);
}

LhStatus
lh_w2j_v2_event(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	char action = '\0';

	if (enc->alone && ev->txn != NULL)
		render_facts(enc, ev->txn);
	switch (ev->op)
	{
		case LH_CHANGE_BEGIN:
			render_facts(enc, ev->txn);
			/* FALLTHROUGH */
		case LH_CHANGE_COMMIT:
			if (enc->base.options->w_transaction)
				action = ev->op == LH_CHANGE_BEGIN ? 'B' : 'C';
			break;
		case LH_CHANGE_INSERT: action = 'I'; break;
		case LH_CHANGE_READ:
			action = 'I';
			render_facts(enc, ev->txn);
			break;
		case LH_CHANGE_UPDATE: action = 'U'; break;
		case LH_CHANGE_DELETE: action = 'D'; break;
		case LH_CHANGE_TRUNCATE: action = 'T'; break;
		case LH_CHANGE_DDL:
		case LH_CHANGE_MESSAGE: action = 'M'; break;
		case LH_CHANGE_QUARANTINE:
			action = 'M';
			if (ev->txn == NULL)
				render_facts(enc, NULL);
			break;
		default: break;
	}
	if (action == '\0' || (strchr("IUD", action) != NULL && !lh_w2j_told(enc, ev->plan, ev)))
		return LH_OK;

	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_out_value(ctx, out));
	if (action == 'M')
		LH_TRY(put_message(ctx, enc, ev, &out->buf));
	else if (action == 'B' || action == 'C')
		LH_TRY(put_boundary(ctx, enc, action, ev->txn, &out->buf));
	else if (action == 'T')
	{
		LH_TRY(put_head(ctx, enc, action, ev, ((const LhW2jPlan *) ev->plan)->table, &out->buf));
		LH_TRY(lh_put(ctx, &out->buf, "}", 1));
	}
	else
		LH_TRY(put_row(ctx, enc, action, ev, &out->buf));
	return lh_out_end(ctx, out);
}
