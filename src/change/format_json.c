/*
 * format_json.c
 *		The format "json": an object a change, on a line of its own.
 *
 *	{"op":"update","lsn":"0/16B3748","n":3,"xid":735,"ts":"2026-11-29T21:00:00.5Z",
 *	 "schema":"public","table":"t","key":{"id":1},"new":{"id":1,"name":"x"},"unchanged":["big"]}
 *
 * docs/cdc-formats.md has all members and how values look.  "lsn", "xid" and "ts" are
 * rendered once a transaction, schema and table once a relation; json_row.c has the rows.
 */
#include "change/formats.h"
#include "change/json.h"
#include "change/json_row.h"
#include "change/unwrap.h"
#include "core/digits.h"

#define SLACK LH_JSON_SLACK

typedef struct Plan
{
	const LhChangeRel *rel;
	LhJsonRow *row;
	LhJsonPiece table;  /* ,"schema":"public","table":"t" */
	LhJsonPiece no_key; /* ,"key":null,"identity":"nothing" */
	/* unwrap */
	int nfields;
	LhUnwrapField *fields;
	bool tells_deleted;
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
	LhJsonPiece lsn; /* ,"lsn":"0/16B3748" */
	LhJsonPiece txn; /* ,"xid":735,"sub":736,"ts":"...","origin":"..." */
	char lsn_text[64 + SLACK];
	LhBuf txn_text;
} Json;

/* ---- transactions, heads ---- */

#define PUT(ctx, buf, literal) lh_put((ctx), (buf), (literal), sizeof(literal) - 1)

static void
render_lsn(Json *j, uint64_t lsn)
{
	char *p = j->lsn_text;

	memcpy(p, ",\"lsn\":\"", 8);
	p = lh_text_lsn(p + 8, lsn);
	*p++ = '"';
	j->lsn = (LhJsonPiece){j->lsn_text, (uint32_t) (p - j->lsn_text)};
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
	j->txn = (LhJsonPiece){(char *) j->txn_text.data, (uint32_t) j->txn_text.len};
	return LH_OK;
}

static const LhJsonPiece op_texts[LH_N_CHANGE_OPS] = {
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
	[LH_CHANGE_DDL] = OP("ddl"),
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
	p = lh_json_put_piece(p, op_texts[ev->op]);
	p = lh_json_put_piece(p, j->lsn);
	if (is_numbered(ev->op))
	{
		memcpy(p, ",\"n\":", 5);
		p = lh_digits_u64(p + 5, ev->pos.ordinal);
	}
	p = lh_json_put_piece(p, j->txn);
	if (plan != NULL)
		p = lh_json_put_piece(p, plan->table);
	lh_put_end(buf, p);
	return LH_OK;
}

/* ---- events ---- */

/* The key of a message and the same again in its value. */
static LhStatus
put_keys(LhCtx *ctx, LhChangeOut *out, Json *j, const LhChangeEvent *ev)
{
	const LhCell *cells = lh_json_key_cells(ev);
	const Plan *plan = ev->plan;
	LhBuf *buf = &out->buf;
	size_t at = buf->len, n;
	char *p;

	if (out->want_key && cells != NULL)
		LH_TRY(lh_json_put_key(ctx, buf, plan->row, ev, cells));
	n = buf->len - at;
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_head(ctx, buf, j, ev));
	if (cells == NULL)
	{
		LH_TRY(lh_put_room(ctx, buf, plan->no_key.len + SLACK, &p));
		lh_put_end(buf, lh_json_put_piece(p, plan->no_key));
		return LH_OK;
	}
	LH_TRY(lh_put_room(ctx, buf, 7 + n, &p));
	memcpy(p, ",\"key\":", 7);
	memcpy(p + 7, buf->data + at, n);
	lh_put_end(buf, p + 7 + n);
	return n > 0 ? LH_OK : lh_json_put_key(ctx, buf, plan->row, ev, cells);
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
		LH_TRY(lh_json_put_row(ctx, buf, plan->row, ev->new_cells, &unchanged));
	}
	if (ev->old_cells != NULL)
	{
		LH_TRY(PUT(ctx, buf, ",\"old\":"));
		LH_TRY(lh_json_put_row(ctx, buf, plan->row, ev->old_cells, &ignored));
	}
	if (unchanged > 0)
	{
		LH_TRY(PUT(ctx, buf, ",\"unchanged\":"));
		LH_TRY(lh_json_put_unchanged(ctx, buf, plan->row, ev->new_cells));
	}
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
		LH_TRY(lh_json_put_key(ctx, buf, plan->row, ev, cells));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_json_put_row(ctx, buf, plan->row, cells, &ignored));
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
	LH_TRY(lh_json_put_key(ctx, &out->buf, ((Plan *) ev->plan)->row, ev, ev->old_cells));
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

static LhStatus
json_relation(LhCtx *ctx, LhEncoder *enc, const LhChangeRel *rel, void **out)
{
	Plan *plan;
	LhBuf buf;

	LH_NEW(ctx, plan);
	plan->rel = rel;
	LH_TRY(lh_json_row_plan(ctx, enc->options, rel, NULL, &plan->row));
	LH_TRY(lh_buf_init(ctx, &buf, false));
	LH_TRY(put_string(ctx, &buf, ",\"schema\":", rel->schema));
	LH_TRY(put_string(ctx, &buf, ",\"table\":", rel->name));
	LH_TRY(lh_json_keep(ctx, &buf, &plan->table));
	LH_TRY(put_string(ctx, &buf, ",\"key\":null,\"identity\":",
					  rel->identity == LH_IDENTITY_FULL ? "full" : "nothing"));
	LH_TRY(lh_json_keep(ctx, &buf, &plan->no_key));
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
