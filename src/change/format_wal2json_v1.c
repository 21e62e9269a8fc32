/*
 * format_wal2json_v1.c
 *		wal2json's format version 1: an object for each transaction.
 *
 *	{"xid":..,"nextlsn":..,"timestamp":..,"origin":..,"change":[
 *	 {"kind":"update","schema":"public","table":"t","columnnames":[..],"columntypes":[..],..,"columnvalues":[..],
 *	  "pk":{"pknames":[..],"pktypes":[..]},"oldkeys":{"keynames":[..],"keytypes":[..],"keyvalues":[..]}}]}
 *
 *	1. The value gathers in the encoder and goes out at commit, or piece by
 *	   piece under write-in-chunks.  Past LH_W2J_MOST bytes it goes out in pieces
 *	   too, which joined are the same value, so that no transaction is too large.
 *	2. Names come before values: the lists up to the values are made once for
 *	   all columns, and again for a row that lacks one (unchanged and not in the
 *	   log, or null in an old row).
 */
#include "change/format_wal2json.h"

#include <stdio.h>

#define W2J_KEPT ((size_t) 1 << 20) /* room that stays with the encoder between transactions */

/* Which columns a list is of. */
typedef enum ListKind
{
	LIST_NEW,
	LIST_OLD_ALL,
	LIST_OLD_KEY
} ListKind;

/* A row that says which columns are in the list; NULL: all. */
static bool
listed(const LhW2jPlan *plan, ListKind kind, int i, const LhCell *cells)
{
	if (kind == LIST_OLD_KEY && plan->has_index && !plan->columns[i].identity)
		return false;
	if (cells == NULL)
		return true;
	if (cells[i].kind == LH_CELL_UNCHANGED || cells[i].kind == LH_CELL_ABSENT)
		return false;
	return kind == LIST_NEW || cells[i].kind != LH_CELL_NULL;
}

/* "columnnames": ["a", "b"],\n with one of a column's texts as item; a NULL offset is an empty list */
static LhStatus
put_list(LhCtx *ctx, const LhW2jEncoder *enc, const LhW2jPlan *plan, ListKind kind,
		 const LhCell *cells, const char *label, const size_t *member, LhBuf *buf)
{
	const char *comma = "";

	LH_TRY(lh_buf_printf(ctx, buf, "%s%s%s%s\"%s\":%s[", enc->ht, enc->ht, enc->ht,
						 kind == LIST_NEW ? "" : enc->ht, label, enc->sp));
	for (int i = 0; member != NULL && i < plan->ncolumns; i++)
	{
		LhSlice item;

		if (!listed(plan, kind, i, cells))
			continue;
		memcpy(&item, (const char *) &plan->columns[i] + *member, sizeof(item));
		LH_TRY(lh_buf_append_str(ctx, buf, comma));
		LH_TRY(lh_w2j_put(ctx, buf, item));
		comma = enc->sp[0] != '\0' ? ", " : ",";
	}
	LH_TRY(lh_buf_append_str(ctx, buf, "],"));
	return lh_buf_append_str(ctx, buf, enc->nl);
}

static const size_t member_name = offsetof(LhW2jColumn, name);
static const size_t member_type = offsetof(LhW2jColumn, type);
static const size_t member_oid = offsetof(LhW2jColumn, oid);
static const size_t member_position = offsetof(LhW2jColumn, position);
static const size_t member_optional = offsetof(LhW2jColumn, optional);
static const size_t member_preset = offsetof(LhW2jColumn, preset);

/* All lists of a row up to the bracket of the values. */
static LhStatus
put_lists(LhCtx *ctx, const LhW2jEncoder *enc, const LhW2jPlan *plan, ListKind kind,
		  const LhCell *cells, LhBuf *buf)
{
	const LhChangeOptions *o = enc->base.options;
	bool new = kind == LIST_NEW;

	if (!new)
		LH_TRY(lh_buf_printf(ctx, buf, "%s%s%s\"oldkeys\":%s{%s", enc->ht, enc->ht, enc->ht,
							 enc->sp, enc->nl));
	LH_TRY(
		put_list(ctx, enc, plan, kind, cells, new ? "columnnames" : "keynames", &member_name, buf));
	if (o->w_types)
		LH_TRY(put_list(ctx, enc, plan, kind, cells, new ? "columntypes" : "keytypes", &member_type,
						buf));
	if (o->w_type_oids)
		LH_TRY(put_list(ctx, enc, plan, kind, cells, new ? "columntypeoids" : "keytypeoids",
						&member_oid, buf));
	if (new && o->w_positions)
		LH_TRY(put_list(ctx, enc, plan, kind, cells, "columnpositions", &member_position, buf));
	/* without types the list is there and empty, as in wal2json */
	if (new && o->w_not_null)
		LH_TRY(put_list(ctx, enc, plan, kind, cells, "columnoptionals",
						o->w_types ? &member_optional : NULL, buf));
	if (new && o->w_default)
		LH_TRY(put_list(ctx, enc, plan, kind, cells, "columndefaults", &member_preset, buf));
	return lh_buf_printf(ctx, buf, "%s%s%s%s\"%s\":%s[", enc->ht, enc->ht, enc->ht,
						 new ? "" : enc->ht, new ? "columnvalues" : "keyvalues", enc->sp);
}

/* "pk": {...} without what follows it */
static LhStatus
put_pk(LhCtx *ctx, const LhW2jEncoder *enc, const LhW2jPlan *plan, LhBuf *buf)
{
	const char *ht = enc->ht;

	LH_TRY(lh_buf_printf(ctx, buf, "%s%s%s\"pk\":%s{%s", ht, ht, ht, enc->sp, enc->nl));
	for (int types = 0; types < 2; types++)
	{
		const char *comma = "";

		LH_TRY(lh_buf_printf(ctx, buf, "%s%s%s%s\"%s\":%s[", ht, ht, ht, ht,
							 types ? "pktypes" : "pknames", enc->sp));
		for (int i = 0; i < plan->ncolumns; i++)
		{
			if (!plan->columns[i].pk || (types && !enc->base.options->w_types))
				continue;
			LH_TRY(lh_buf_append_str(ctx, buf, comma));
			LH_TRY(lh_w2j_put(ctx, buf, types ? plan->columns[i].type : plan->columns[i].name));
			comma = enc->sp[0] != '\0' ? ", " : ",";
		}
		LH_TRY(lh_buf_printf(ctx, buf, types ? "]%s" : "],%s", enc->nl));
	}
	return lh_buf_printf(ctx, buf, "%s%s%s}", ht, ht, ht);
}

/* {"kind":"insert","schema":"public","table":"t", */
static LhStatus
put_kind(LhCtx *ctx, const LhW2jEncoder *enc, const LhChangeRel *rel, const char *kind, LhBuf *buf)
{
	const char *ht = enc->ht;

	LH_TRY(lh_buf_printf(ctx, buf, "{%s%s%s%s\"kind\":%s\"%s\",%s", enc->nl, ht, ht, ht, enc->sp,
						 kind, enc->nl));
	if (enc->base.options->w_schemas)
	{
		LH_TRY(lh_buf_printf(ctx, buf, "%s%s%s\"schema\":%s", ht, ht, ht, enc->sp));
		LH_TRY(lh_put_json_string(ctx, buf, rel->schema, strlen(rel->schema)));
		LH_TRY(lh_buf_printf(ctx, buf, ",%s", enc->nl));
	}
	LH_TRY(lh_buf_printf(ctx, buf, "%s%s%s\"table\":%s", ht, ht, ht, enc->sp));
	LH_TRY(lh_put_json_string(ctx, buf, rel->name, strlen(rel->name)));
	return lh_buf_printf(ctx, buf, ",%s", enc->nl);
}

LhStatus
lh_w2j_v1_plan(LhCtx *ctx, LhW2jEncoder *enc, LhW2jPlan *plan)
{
	static const char *const kinds[] = {"insert", "update", "delete"};
	LhSlice *lists[] = {&plan->lists.columns, &plan->lists.old_all, &plan->lists.old_key};
	LhBuf *text = &enc->text;

	for (int i = 0; i < 3; i++)
	{
		text->len = 0;
		LH_TRY(put_kind(ctx, enc, plan->rel, kinds[i], text));
		LH_TRY(lh_w2j_keep(ctx, text, &plan->kinds[i]));
		text->len = 0;
		LH_TRY(put_lists(ctx, enc, plan, (ListKind) i, NULL, text));
		LH_TRY(lh_w2j_keep(ctx, text, lists[i]));
	}
	text->len = 0;
	LH_TRY(put_pk(ctx, enc, plan, text));
	return lh_w2j_keep(ctx, text, &plan->lists.pk);
}

/* Lists and values of a row; what closes the values is the caller's. */
static LhStatus
put_row(LhCtx *ctx, const LhW2jEncoder *enc, const LhW2jPlan *plan, ListKind kind,
		const LhCell *cells, LhBuf *buf)
{
	const LhSlice *const lists[] = {&plan->lists.columns, &plan->lists.old_all,
									&plan->lists.old_key};
	size_t comma = 0;
	size_t ncomma = enc->sp[0] != '\0' ? 2 : 1;
	bool whole = true;

	for (int i = 0; i < plan->ncolumns; i++)
		whole = whole && (listed(plan, kind, i, cells) || !listed(plan, kind, i, NULL));
	if (whole)
		LH_TRY(lh_w2j_put(ctx, buf, *lists[kind]));
	else
		LH_TRY(put_lists(ctx, enc, plan, kind, cells, buf));
	for (int i = 0; i < plan->ncolumns; i++)
	{
		if (!listed(plan, kind, i, cells))
			continue;
		LH_TRY(lh_put(ctx, buf, ", ", comma));
		LH_TRY(lh_w2j_value(ctx, buf, &plan->columns[i], &cells[i]));
		comma = ncomma;
	}
	return lh_put(ctx, buf, "]", 1);
}

/* From "oldkeys" on; nothing follows it. */
static LhStatus
put_old(LhCtx *ctx, const LhW2jEncoder *enc, const LhW2jPlan *plan, ListKind kind,
		const LhCell *cells, LhBuf *buf)
{
	LH_TRY(put_row(ctx, enc, plan, kind, cells, buf));
	return lh_w2j_put(ctx, buf, enc->old_end);
}

static LhStatus
put_change(LhCtx *ctx, const LhW2jEncoder *enc, const LhChangeEvent *ev, LhBuf *buf)
{
	const LhW2jPlan *plan = ev->plan;
	bool pk =
		enc->base.options->w_pk && plan->has_index && plan->rel->identity == LH_IDENTITY_DEFAULT;
	bool insert = ev->op == LH_CHANGE_INSERT || ev->op == LH_CHANGE_READ;

	LH_TRY(lh_w2j_put(ctx, buf, plan->kinds[insert ? 0 : ev->op == LH_CHANGE_UPDATE ? 1 : 2]));
	if (ev->op != LH_CHANGE_DELETE)
	{
		LH_TRY(put_row(ctx, enc, plan, LIST_NEW, ev->new_cells, buf));
		LH_TRY(lh_buf_append_str(ctx, buf, pk || !insert ? "," : ""));
		LH_TRY(lh_buf_append_str(ctx, buf, enc->nl));
	}
	if (pk)
	{
		LH_TRY(lh_w2j_put(ctx, buf, plan->lists.pk));
		LH_TRY(lh_buf_append_str(ctx, buf, insert ? "" : ","));
		LH_TRY(lh_buf_append_str(ctx, buf, enc->nl));
	}
	if (ev->op == LH_CHANGE_UPDATE)
	{
		/* an update that leaves the key alone has it in the new row */
		if (ev->old_cells == NULL)
			LH_TRY(put_old(ctx, enc, plan, LIST_OLD_KEY, ev->new_cells, buf));
		else
			LH_TRY(put_old(ctx, enc, plan, ev->old_is_key ? LIST_OLD_KEY : LIST_OLD_ALL,
						   ev->old_cells, buf));
	}
	else if (ev->op == LH_CHANGE_DELETE)
		LH_TRY(put_old(ctx, enc, plan, LIST_OLD_KEY, ev->old_cells, buf));
	return lh_w2j_put(ctx, buf, enc->item_end);
}

static LhStatus
put_message(LhCtx *ctx, const LhW2jEncoder *enc, const LhChangeEvent *ev, LhBuf *buf)
{
	const char *ht = enc->ht;
	const char *nl = enc->nl;
	bool reason = ev->op == LH_CHANGE_QUARANTINE;
	const char *prefix = reason ? LH_W2J_QUARANTINE : ev->prefix;

	LH_TRY(
		lh_buf_printf(ctx, buf, "{%s%s%s%s\"kind\":%s\"message\",%s", nl, ht, ht, ht, enc->sp, nl));
	LH_TRY(lh_buf_printf(ctx, buf, "%s%s%s\"transactional\":%s%s,%s", ht, ht, ht, enc->sp,
						 ev->transactional || reason ? "true" : "false", nl));
	LH_TRY(lh_buf_printf(ctx, buf, "%s%s%s\"prefix\":%s", ht, ht, ht, enc->sp));
	LH_TRY(lh_put_json_string(ctx, buf, prefix, strlen(prefix)));
	LH_TRY(lh_buf_printf(ctx, buf, ",%s%s%s%s\"content\":%s", nl, ht, ht, ht, enc->sp));
	if (reason)
		LH_TRY(lh_w2j_reason(ctx, buf, ev));
	else
		LH_TRY(lh_w2j_content(ctx, buf, ev->content));
	return lh_buf_printf(ctx, buf, "%s%s%s}", nl, ht, ht);
}

static LhStatus
put_begin(LhCtx *ctx, const LhW2jEncoder *enc, const LhChangeTxn *txn, LhBuf *buf)
{
	const LhChangeOptions *o = enc->base.options;
	const char *ht = enc->ht;
	const char *nl = enc->nl;
	const char *sp = enc->sp;
	char text[LH_TEXT_TIME];

	LH_TRY(lh_buf_printf(ctx, buf, "{%s", nl));
	if (o->w_xids)
		LH_TRY(lh_buf_printf(ctx, buf, "%s\"xid\":%s%u,%s", ht, sp, txn->xid, nl));
	if (o->w_lsn)
	{
		*lh_text_lsn(text, txn->commit_end) = '\0';
		LH_TRY(lh_buf_printf(ctx, buf, "%s\"nextlsn\":%s\"%s\",%s", ht, sp, text, nl));
	}
	if (o->w_timestamp)
	{
		*lh_w2j_time(text, txn) = '\0';
		LH_TRY(lh_buf_printf(ctx, buf, "%s\"timestamp\":%s\"%s\",%s", ht, sp, text, nl));
	}
	if (o->w_origin)
		LH_TRY(lh_buf_printf(ctx, buf, "%s\"origin\":%s%u,%s", ht, sp, txn->origin, nl));
	return lh_buf_printf(ctx, buf, "%s\"change\":%s[", ht, sp);
}

/* What has gathered goes out as a value. */
static LhStatus
flush(LhCtx *ctx, LhW2jEncoder *enc, LhChangeOut *out)
{
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, enc->txn.data, enc->txn.len));
	LH_TRY(lh_out_end(ctx, out));
	enc->txn.len = 0;
	return LH_OK;
}

/* One item of "change": a row or a transactional message. */
static LhStatus
add_item(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeEvent *ev)
{
	LH_TRY(lh_w2j_put(ctx, &enc->txn, enc->item[enc->nchanges++ > 0]));
	if (ev->op == LH_CHANGE_MESSAGE || ev->op == LH_CHANGE_DDL || ev->op == LH_CHANGE_QUARANTINE)
		return put_message(ctx, enc, ev, &enc->txn);
	return put_change(ctx, enc, ev, &enc->txn);
}

/* An object of its own, whatever transaction gathers: a message outside of one, a snapshot's row. */
static LhStatus
lone_item(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	const char *ht = enc->ht;
	const char *nl = enc->nl;

	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_buf_printf(ctx, &out->buf, "{%s%s\"change\":%s[%s%s%s", nl, ht, enc->sp, nl, ht, ht));
	if (ev->op != LH_CHANGE_READ)
		LH_TRY(put_message(ctx, enc, ev, &out->buf));
	else
		LH_TRY(put_change(ctx, enc, ev, &out->buf));
	LH_TRY(lh_buf_printf(ctx, &out->buf, "%s%s]%s}", nl, ht, nl));
	return lh_out_end(ctx, out);
}

LhStatus
lh_w2j_v1_event(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	bool chunks = enc->base.options->w_chunks;

	switch (ev->op)
	{
		case LH_CHANGE_BEGIN:
			enc->txn.len = 0;
			enc->nchanges = 0;
			LH_TRY(put_begin(ctx, enc, ev->txn, &enc->txn));
			return chunks ? flush(ctx, enc, out) : LH_OK;
		case LH_CHANGE_COMMIT:
			LH_TRY(
				lh_buf_printf(ctx, &enc->txn, "%s%s]%s}", chunks ? "" : enc->nl, enc->ht, enc->nl));
			LH_TRY(flush(ctx, enc, out));
			if (enc->txn.cap > W2J_KEPT)
				lh_buf_free(&enc->txn);
			return LH_OK;
		case LH_CHANGE_MESSAGE:
			if (!ev->transactional)
				return lone_item(ctx, enc, ev, out);
			break;
		case LH_CHANGE_DDL: break;
		case LH_CHANGE_READ:
			return lh_w2j_told(enc, ev->plan, ev) ? lone_item(ctx, enc, ev, out) : LH_OK;
		case LH_CHANGE_QUARANTINE:
			if (ev->txn == NULL)
				return lone_item(ctx, enc, ev, out);
			break;
		case LH_CHANGE_INSERT:
		case LH_CHANGE_UPDATE:
		case LH_CHANGE_DELETE:
			if (!lh_w2j_told(enc, ev->plan, ev))
				return LH_OK;
			break;
		default: /* it tells nothing of TRUNCATE */ return LH_OK;
	}
	LH_TRY(add_item(ctx, enc, ev));
	return chunks || enc->txn.len >= enc->most ? flush(ctx, enc, out) : LH_OK;
}
