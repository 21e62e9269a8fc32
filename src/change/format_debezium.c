/*
 * format_debezium.c
 *		The format "debezium-json": Debezium's envelope, as the JSON converter writes it.
 *
 *	{"before":..,"after":..,"source":{..},"transaction":..,"op":"c","ts_ms":..,"ts_us":..,"ts_ns":..}
 *
 * with the schema around it under value.converter.schemas.enable.
 *
 *	1. "relation" makes every text that does not change from row to row: the two
 *	   schemas, the names of fields, the table's part of "source".
 *	2. "begin" makes the transaction's part of "source" and "transaction".
 *	3. A row is copies of these with values between them.
 *
 * Which messages there are: debezium_stream.h.  Where Debezium is not followed:
 * docs/cdc-formats.md.
 */
#include "change/formats.h"

#include <stdio.h>

#include "change/debezium.h"
#include "change/debezium_envelope.h"
#include "change/debezium_stream.h"
#include "change/unwrap.h"
#include "core/datetime.h"

#define UNIX_US(us) ((us) + LH_PG_EPOCH_US)

typedef struct DbzPlan
{
	LhDbzPlan base;
	LhSlice value_head; /* {"schema":{..},"payload":{ up to "before": */
	LhSlice key_head;   /* {"schema":{..},"payload":{ or { */
	LhSlice table;      /* ,"schema":"public","table":"t","txId": */
	/* unwrap */
	int nfields;
	LhUnwrapField *fields;
	bool tells_deleted;
} DbzPlan;

typedef struct DbzEncoder
{
	LhDbzStream stream;
	const char *tail; /* "}" of the schema's wrap, or nothing */
	size_t ntail;
	LhSlice source_head; /* "source":{"version":..,"connector":..,"name":..,"ts_ms": */
	LhSlice database;    /* ,"db":"..","sequence":" */
	/* the running transaction */
	LhBuf source;  /* from "source" to the quote before the LSN of "sequence" */
	LhBuf times;   /* what follows it: "]","ts_us":..,"ts_ns":.. */
	LhBuf origin;  /* ,"xmin":null,"origin":..,"origin_lsn":..} */
	LhBuf block;   /* ,"transaction":{"id":"..","total_order": */
	LhBuf scratch; /* of relation */
} DbzEncoder;

/* ---- the transaction's texts ---- */
static LhStatus
put_text(LhCtx *ctx, LhBuf *buf, const char *s)
{
	return lh_put(ctx, buf, s, strlen(s));
}

static LhStatus
put_slice(LhCtx *ctx, LhBuf *buf, LhSlice s)
{
	return lh_put(ctx, buf, s.data, s.len);
}

static LhStatus
keep(LhCtx *ctx, const LhBuf *buf, LhSlice *out)
{
	void *p = lh_memdup(ctx, buf->data, buf->len);

	if (p == NULL)
		return LH_NO_MEMORY;
	*out = lh_slice(p, buf->len);
	return LH_OK;
}

/* The parts of "source" and "transaction" that all events of txn share; NULL: of an event that stands alone. */
static LhStatus
render_transaction(LhCtx *ctx, LhDbzStream *s, const LhChangeTxn *txn, int64_t time, bool snapshot)
{
	DbzEncoder *enc = (DbzEncoder *) s;
	int64_t us = UNIX_US(time);
	char *p;

	enc->source.len = enc->times.len = enc->origin.len = enc->block.len = 0;
	LH_TRY(put_slice(ctx, &enc->source, enc->source_head));
	LH_TRY(lh_put_room(ctx, &enc->source, 64, &p));
	p = lh_text_i64(p, lh_floor_div(us, 1000));
	p = stpcpy(p, snapshot ? ",\"snapshot\":\"true\"" : ",\"snapshot\":\"false\"");
	lh_put_end(&enc->source, p);
	LH_TRY(put_slice(ctx, &enc->source, enc->database));
	LH_TRY(lh_put_room(ctx, &enc->source, 64, &p));
	if (enc->stream.last_commit == 0)
		p = stpcpy(p, "[null,\\\"");
	else
		p = stpcpy(lh_text_u64(stpcpy(p, "[\\\""), enc->stream.last_commit), "\\\",\\\"");
	lh_put_end(&enc->source, p);

	LH_TRY(lh_put_room(ctx, &enc->times, 96, &p));
	p = lh_text_i64(stpcpy(p, "\\\"]\",\"ts_us\":"), us);
	p = lh_text_i64(stpcpy(p, ",\"ts_ns\":"), us * 1000);
	lh_put_end(&enc->times, p);

	LH_TRY(put_text(ctx, &enc->origin, ",\"xmin\":null,\"origin\":"));
	if (txn != NULL && txn->origin_name != NULL)
	{
		LH_TRY(lh_put_json_string(ctx, &enc->origin, txn->origin_name, strlen(txn->origin_name)));
		LH_TRY(
			lh_buf_printf(ctx, &enc->origin, ",\"origin_lsn\":%lld}", (long long) txn->origin_lsn));
	}
	else
		LH_TRY(put_text(ctx, &enc->origin, "null,\"origin_lsn\":null}"));
	if (txn == NULL || !enc->stream.base.options->transactions)
		return put_text(ctx, &enc->block, ",\"transaction\":null");
	return lh_buf_printf(ctx, &enc->block,
						 ",\"transaction\":{\"id\":\"%u:%llu\",\"total_order\":", txn->xid,
						 (unsigned long long) txn->first_lsn);
}

/* ---- the pieces of a value ---- */
/* From ,"source" to the end; table NULL: a message's, which ends before "op". */
static LhStatus
put_source(LhCtx *ctx, DbzEncoder *enc, const LhChangeEvent *ev, LhSlice table, LhBuf *buf)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf,
					   enc->source.len + enc->times.len + table.len + enc->origin.len + 128, &p));
	memcpy(p, enc->source.data, enc->source.len);
	p = lh_text_u64(p + enc->source.len, ev->lsn);
	memcpy(p, enc->times.data, enc->times.len);
	p += enc->times.len;
	memcpy(p, table.data, table.len);
	p += table.len;
	p = ev->txn != NULL ? lh_text_u64(p, ev->txn->xid) : stpcpy(p, "null");
	p = lh_text_u64(stpcpy(p, ",\"lsn\":"), ev->lsn);
	memcpy(p, enc->origin.data, enc->origin.len);
	lh_put_end(buf, p + enc->origin.len);
	return LH_OK;
}

/* "transaction" with the event's places in it */
static LhStatus
put_block(LhCtx *ctx, DbzEncoder *enc, const LhChangeEvent *ev, uint64_t order, LhBuf *buf)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, enc->block.len + 96, &p));
	memcpy(p, enc->block.data, enc->block.len);
	p += enc->block.len;
	if (ev->txn != NULL && enc->stream.base.options->transactions)
	{
		p = lh_text_u64(p, enc->stream.total);
		p = lh_text_u64(stpcpy(p, ",\"data_collection_order\":"), order);
		*p++ = '}';
	}
	lh_put_end(buf, p);
	return LH_OK;
}

static LhStatus
put_tail(LhCtx *ctx, DbzEncoder *enc, const LhChangeEvent *ev, char op, LhBuf *buf)
{
	int64_t us = UNIX_US(ev->now);
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 160, &p));
	p = stpcpy(p, ",\"op\":\"c\",\"ts_ms\":");
	p[-11] = op;
	p = lh_text_i64(p, lh_floor_div(us, 1000));
	p = lh_text_i64(stpcpy(p, ",\"ts_us\":"), us);
	p = lh_text_i64(stpcpy(p, ",\"ts_ns\":"), us * 1000);
	*p++ = '}';
	memcpy(p, enc->tail, enc->ntail);
	lh_put_end(buf, p + enc->ntail);
	return LH_OK;
}

/*
 * A row as an object.  Columns that a key's row lacks are null, or their type's
 * zero; unchanged ones come from the whole old row where there is one.
 */
static inline LhStatus
put_row(LhCtx *ctx, const DbzPlan *plan, const LhCell *cells, const LhCell *whole, LhBuf *buf)
{
	size_t comma = 1;

	LH_TRY(lh_put(ctx, buf, "{", 1));
	for (int i = 0; i < plan->base.rel->ncolumns; i++)
	{
		const LhDbzColumn *c = &plan->base.columns[i];
		const LhCell *cell = &cells[i];

		LH_TRY(lh_put(ctx, buf, c->head.data + comma, c->head.len - comma));
		comma = 0;
		if (cell->kind == LH_CELL_UNCHANGED && whole != NULL)
			cell = &whole[i];
		if (cell->kind == LH_CELL_UNCHANGED)
			LH_TRY(put_slice(ctx, buf, c->unchanged));
		else if (cell->kind == LH_CELL_ABSENT)
			LH_TRY(put_slice(ctx, buf, c->absent));
		else
			LH_TRY(lh_dbz_value(ctx, buf, &c->type, cell));
	}
	return lh_put(ctx, buf, "}", 1);
}

/* The key of a row; "other" has what was too large to be in it twice. */
static LhStatus
put_key(LhCtx *ctx, const DbzEncoder *enc, const DbzPlan *plan, const LhCell *cells,
		const LhCell *other, LhBuf *buf)
{
	size_t comma = 1;

	LH_TRY(put_slice(ctx, buf, plan->key_head));
	for (int i = 0; i < plan->base.rel->nkeys; i++)
	{
		const LhDbzColumn *c = &plan->base.columns[plan->base.rel->keys[i]];
		const LhCell *cell = &cells[plan->base.rel->keys[i]];

		if (!LH_CELL_IS_VALUE(cell) && cell->kind != LH_CELL_NULL && other != NULL)
			cell = &other[plan->base.rel->keys[i]];
		LH_TRY(lh_put(ctx, buf, c->head.data + comma, c->head.len - comma));
		comma = 0;
		if (cell->kind == LH_CELL_UNCHANGED)
			LH_TRY(put_slice(ctx, buf, c->unchanged));
		else if (cell->kind == LH_CELL_ABSENT)
			LH_TRY(put_slice(ctx, buf, c->absent));
		else
			LH_TRY(lh_dbz_value(ctx, buf, &c->type, cell));
	}
	LH_TRY(lh_put(ctx, buf, "}", 1));
	return lh_put(ctx, buf, enc->tail, enc->ntail);
}

/* A message up to its value; cells NULL: it has no key. */
static LhStatus
begin_message(LhCtx *ctx, const DbzEncoder *enc, const DbzPlan *plan, const LhCell *cells,
			  const LhCell *other, LhChangeOut *out)
{
	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key && cells != NULL && plan->base.rel->nkeys > 0)
		LH_TRY(put_key(ctx, enc, plan, cells, other, &out->buf));
	return LH_OK;
}

/* One envelope. */
static LhStatus
write_envelope(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const LhDbzRow *row,
			   LhChangeOut *out)
{
	DbzEncoder *enc = (DbzEncoder *) s;
	DbzPlan *plan = ev->plan;
	const LhCell *whole = ev->old_is_key ? NULL : ev->old_cells;
	LhBuf *buf = &out->buf;

	LH_TRY(begin_message(ctx, enc, plan, row->key, ev->old_cells, out));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_slice(ctx, buf, plan->value_head));
	if (row->before != NULL)
		LH_TRY(put_row(ctx, plan, row->before, NULL, buf));
	else
		LH_TRY(lh_put(ctx, buf, "null", 4));
	LH_TRY(lh_put(ctx, buf, ",\"after\":", 9));
	if (row->after != NULL)
		LH_TRY(put_row(ctx, plan, row->after, whole, buf));
	else
		LH_TRY(lh_put(ctx, buf, "null", 4));
	LH_TRY(put_source(ctx, enc, ev, plan->table, buf));
	LH_TRY(put_block(ctx, enc, ev, row->order, buf));
	LH_TRY(put_tail(ctx, enc, ev, row->op, buf));
	return lh_out_end(ctx, out);
}

static LhStatus
write_tombstone(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out)
{
	const DbzPlan *plan = ev->plan;

	if (!out->want_key || plan->base.rel->nkeys == 0 || ev->old_cells == NULL)
		return LH_OK;
	LH_TRY(begin_message(ctx, (DbzEncoder *) s, plan, ev->old_cells, NULL, out));
	return lh_out_tombstone(ctx, out);
}

/* ---- flat rows: what Debezium's ExtractNewRecordState leaves of an envelope ---- */

static __attribute__((noinline)) LhStatus
write_flat(LhCtx *ctx, DbzEncoder *enc, const LhChangeEvent *ev, char op, const LhCell *cells,
		   LhChangeOut *out)
{
	DbzPlan *plan = ev->plan;
	const LhCell *whole = ev->old_is_key ? NULL : ev->old_cells;
	LhUnwrapFacts facts = {ev, enc->stream.base.options, op, enc->stream.last_commit, 0, 0};
	LhBuf *buf = &out->buf;
	size_t at;

	if (ev->txn != NULL)
		LH_TRY(lh_dbz_count(ctx, &enc->stream, &plan->base, &facts.collection_order));
	facts.total_order = enc->stream.total;
	if (op == 'd' && !lh_unwrap_rewrites(enc->stream.base.options))
		return LH_OK;
	LH_TRY(begin_message(ctx, enc, plan, cells, ev->old_cells, out));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_slice(ctx, buf, plan->value_head));
	LH_TRY(put_row(ctx, plan, cells, op == 'd' ? NULL : whole, buf));
	at = --buf->len;
	if (plan->tells_deleted)
		LH_TRY(put_text(ctx, buf,
						op == 'd' ? ",\"" LH_UNWRAP_DELETED "\":\"true\""
								  : ",\"" LH_UNWRAP_DELETED "\":\"false\""));
	LH_TRY(lh_unwrap_put_debezium(ctx, buf, plan->nfields, plan->fields, &facts));
	/* of a row without columns the first comma goes */
	if (plan->base.rel->ncolumns == 0 && buf->len > at)
		memmove(buf->data + at, buf->data + at + 1, --buf->len - at);
	LH_TRY(lh_put(ctx, buf, "}", 1));
	LH_TRY(lh_put(ctx, buf, enc->tail, enc->ntail));
	return lh_out_end(ctx, out);
}

/* An old row that nobody knows leaves nothing. */
static LhStatus
write_flat_delete(LhCtx *ctx, DbzEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	if (ev->old_cells == NULL)
		return LH_OK;
	LH_TRY(write_flat(ctx, enc, ev, 'd', ev->old_cells, out));
	if (!lh_unwrap_tombstones(enc->stream.base.options))
		return LH_OK;
	return write_tombstone(ctx, &enc->stream, ev, out);
}

static __attribute__((noinline)) LhStatus
write_flat_change(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out)
{
	DbzEncoder *enc = (DbzEncoder *) s;

	switch (ev->op)
	{
		case LH_CHANGE_INSERT: return write_flat(ctx, enc, ev, 'c', ev->new_cells, out);
		case LH_CHANGE_READ:
			LH_TRY(lh_dbz_alone(ctx, s, ev, true));
			return write_flat(ctx, enc, ev, 'r', ev->new_cells, out);
		case LH_CHANGE_UPDATE:
			if (!ev->key_changed || ev->old_cells == NULL)
				return write_flat(ctx, enc, ev, 'u', ev->new_cells, out);
			LH_TRY(write_flat_delete(ctx, enc, ev, out));
			return write_flat(ctx, enc, ev, 'c', ev->new_cells, out);
		case LH_CHANGE_DELETE: return write_flat_delete(ctx, enc, ev, out);
		default: return LH_OK; /* truncations are no rows */
	}
}

/* ---- messages and transactions ---- */
static LhStatus
put_wrapped_schema(LhCtx *ctx, const DbzEncoder *enc, const char *schema, LhBuf *buf)
{
	if (!enc->stream.base.options->schemas_enable)
		return lh_put(ctx, buf, "{", 1);
	LH_TRY(put_text(ctx, buf, "{\"schema\":"));
	LH_TRY(put_text(ctx, buf, schema));
	return put_text(ctx, buf, ",\"payload\":{");
}

static LhStatus
write_message(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const char *prefix,
			  LhSlice content, LhChangeOut *out)
{
	DbzEncoder *enc = (DbzEncoder *) s;
	static const char table[] = ",\"schema\":\"\",\"table\":\"\",\"txId\":";
	LhBinaryMode mode = enc->stream.base.options->binary;
	const LhDbzType bytes = {.kind = LH_DBZ_BYTES, .binary = mode};
	const LhCell cell = {.kind = LH_CELL_BYTES, .len = (uint32_t) content.len, .ptr = content.data};
	LhBuf *buf = &out->buf;

	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key)
	{
		LH_TRY(put_wrapped_schema(ctx, enc, message_key_schema, buf));
		LH_TRY(put_text(ctx, buf, "\"prefix\":"));
		LH_TRY(lh_put_json_string(ctx, buf, prefix, strlen(prefix)));
		LH_TRY(lh_put(ctx, buf, "}", 1));
		LH_TRY(lh_put(ctx, buf, enc->tail, enc->ntail));
	}
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_wrapped_schema(
		ctx, enc, mode == LH_BINARY_BYTES ? message_schema_bytes : message_schema_string, buf));
	LH_TRY(lh_buf_printf(ctx, buf, "\"op\":\"m\",\"ts_ms\":%lld",
						 (long long) lh_floor_div(UNIX_US(ev->now), 1000)));
	LH_TRY(put_source(ctx, enc, ev, lh_slice(table, sizeof(table) - 1), buf));
	LH_TRY(put_block(ctx, enc, ev, 1, buf));
	LH_TRY(put_text(ctx, buf, ",\"message\":{\"prefix\":"));
	LH_TRY(lh_put_json_string(ctx, buf, prefix, strlen(prefix)));
	LH_TRY(put_text(ctx, buf, ",\"content\":"));
	LH_TRY(lh_dbz_value(ctx, buf, &bytes, &cell));
	LH_TRY(put_text(ctx, buf, "}}"));
	LH_TRY(lh_put(ctx, buf, enc->tail, enc->ntail));
	return lh_out_end(ctx, out);
}

static LhStatus
write_boundary(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out)
{
	DbzEncoder *enc = (DbzEncoder *) s;
	const LhDbzCollection *all = (const LhDbzCollection *) s->collections.data;
	size_t n = s->collections.len / sizeof(*all);
	bool end = ev->op == LH_CHANGE_COMMIT;
	LhBuf *buf = &out->buf;
	char id[64];

	snprintf(id, sizeof(id), "\"id\":\"%u:%llu\"", ev->txn->xid,
			 (unsigned long long) ev->txn->first_lsn);
	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key)
	{
		LH_TRY(put_wrapped_schema(ctx, enc, transaction_key_schema, buf));
		LH_TRY(lh_buf_printf(ctx, buf, "%s}", id));
		LH_TRY(lh_put(ctx, buf, enc->tail, enc->ntail));
	}
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_wrapped_schema(ctx, enc, transaction_schema, buf));
	LH_TRY(lh_buf_printf(ctx, buf, "\"status\":\"%s\",%s,\"event_count\":", end ? "END" : "BEGIN",
						 id));
	if (!end)
		LH_TRY(put_text(ctx, buf, "null,\"data_collections\":null"));
	else
	{
		LH_TRY(lh_buf_printf(ctx, buf, "%llu,\"data_collections\":[",
							 (unsigned long long) enc->stream.total));
		for (size_t i = 0; i < n; i++)
		{
			LH_TRY(put_text(ctx, buf, i > 0 ? ",{\"data_collection\":" : "{\"data_collection\":"));
			LH_TRY(lh_put_json_string(ctx, buf, s->names.data + all[i].name_at, all[i].name_len));
			LH_TRY(lh_buf_printf(ctx, buf, ",\"event_count\":%llu}",
								 (unsigned long long) all[i].count));
		}
		LH_TRY(put_text(ctx, buf, "]"));
	}
	LH_TRY(lh_buf_printf(ctx, buf, ",\"ts_ms\":%lld}",
						 (long long) lh_floor_div(UNIX_US(ev->txn->commit_time), 1000)));
	LH_TRY(lh_put(ctx, buf, enc->tail, enc->ntail));
	return lh_out_end(ctx, out);
}

/* ---- relations ---- */
/* Columns and added fields; as there, the whole can no longer be null. */
static LhStatus
put_flat_schema(LhCtx *ctx, const DbzPlan *plan, LhBuf *buf)
{
	size_t at;

	LH_TRY(put_text(ctx, buf, "{\"schema\":{\"type\":\"struct\",\"fields\":["));
	at = buf->len;
	for (int i = 0; i < plan->base.rel->ncolumns; i++)
	{
		LH_TRY(lh_put(ctx, buf, ",", i > 0));
		LH_TRY(put_slice(ctx, buf, plan->base.columns[i].field));
	}
	if (plan->tells_deleted)
		LH_TRY(put_text(ctx, buf, "," FIELD("string", "true", LH_UNWRAP_DELETED)));
	LH_TRY(lh_unwrap_schemas(ctx, buf, plan->nfields, plan->fields));
	if (buf->len > at && buf->data[at] == ',')
		memmove(buf->data + at, buf->data + at + 1, --buf->len - at);
	return lh_buf_printf(
		ctx, buf, "],\"optional\":false,\"name\":\"%s.Value\"},\"payload\":", plan->base.stem);
}

static LhStatus
render_heads(LhCtx *ctx, DbzEncoder *enc, DbzPlan *plan)
{
	LhBuf *buf = &enc->scratch;
	bool schemas = enc->stream.base.options->schemas_enable;
	bool unwrap = enc->stream.base.options->unwrap;

	buf->len = 0;
	if (schemas && unwrap)
		LH_TRY(put_flat_schema(ctx, plan, buf));
	else if (schemas)
	{
		LH_TRY(put_text(ctx, buf, "{\"schema\":"));
		LH_TRY(lh_dbz_put_envelope(ctx, buf, &plan->base));
		LH_TRY(put_text(ctx, buf, ",\"payload\":"));
	}
	if (!unwrap)
		LH_TRY(put_text(ctx, buf, "{\"before\":"));
	if (buf->len > 0)
		LH_TRY(keep(ctx, buf, &plan->value_head));

	buf->len = 0;
	if (schemas)
	{
		LH_TRY(put_text(ctx, buf, "{\"schema\":"));
		LH_TRY(lh_dbz_put_key_schema(ctx, buf, &plan->base));
		LH_TRY(put_text(ctx, buf, ",\"payload\":"));
	}
	LH_TRY(lh_put(ctx, buf, "{", 1));
	return keep(ctx, buf, &plan->key_head);
}

/* A name that is adjusted may become that of an added field, too: then the column has it. */
static bool
has_column(const DbzPlan *plan, LhSlice head)
{
	for (int i = 0; i < plan->base.rel->ncolumns; i++)
	{
		if (plan->base.columns[i].head.len == head.len &&
			memcmp(plan->base.columns[i].head.data, head.data, head.len) == 0)
			return true;
	}
	return false;
}

static LhStatus
choose_fields(LhCtx *ctx, const LhChangeOptions *options, DbzPlan *plan)
{
	static const char deleted[] = ",\"" LH_UNWRAP_DELETED "\":";
	int n = 0;

	LH_TRY(lh_unwrap_fields(ctx, options, "debezium-json", plan->base.rel, &plan->nfields,
							&plan->fields));
	for (int i = 0; i < plan->nfields; i++)
	{
		if (!has_column(plan, plan->fields[i].head))
			plan->fields[n++] = plan->fields[i];
	}
	plan->nfields = n;
	plan->tells_deleted =
		lh_unwrap_rewrites(options) && !has_column(plan, lh_slice(deleted, sizeof(deleted) - 1));
	return LH_OK;
}

static LhStatus
relation(LhCtx *ctx, LhEncoder *base, const LhChangeRel *rel, void **out)
{
	DbzEncoder *enc = (DbzEncoder *) base;
	DbzPlan *plan = lh_alloc0(ctx, sizeof(*plan));

	if (plan == NULL)
		return LH_NO_MEMORY;
	LH_TRY(lh_dbz_plan(ctx, base->options, rel, rel->columns, NULL, &plan->base));
	if (base->options->unwrap)
		LH_TRY(choose_fields(ctx, base->options, plan));
	LH_TRY(render_heads(ctx, enc, plan));

	enc->scratch.len = 0;
	LH_TRY(put_text(ctx, &enc->scratch, ",\"schema\":"));
	LH_TRY(lh_put_json_string(ctx, &enc->scratch, rel->schema, strlen(rel->schema)));
	LH_TRY(put_text(ctx, &enc->scratch, ",\"table\":"));
	LH_TRY(lh_put_json_string(ctx, &enc->scratch, rel->name, strlen(rel->name)));
	LH_TRY(put_text(ctx, &enc->scratch, ",\"txId\":"));
	LH_TRY(keep(ctx, &enc->scratch, &plan->table));
	*out = plan;
	return LH_OK;
}

static const LhDbzWriter writer = {.transaction = render_transaction,
								   .row = write_envelope,
								   .tombstone = write_tombstone,
								   .message = write_message,
								   .boundary = write_boundary,
								   .flat = write_flat_change};

static LhStatus
create(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	DbzEncoder *enc = lh_alloc0(ctx, sizeof(*enc));
	const char *database = options->database != NULL ? options->database : "";
	LhBuf *bufs[] = {&enc->source, &enc->times, &enc->origin, &enc->block, &enc->scratch};

	if (enc == NULL)
		return LH_NO_MEMORY;
	LH_TRY(lh_dbz_stream_init(ctx, &enc->stream, &lh_format_debezium_json, &writer, options));
	enc->tail = options->schemas_enable ? "}" : "";
	enc->ntail = strlen(enc->tail);
	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		LH_TRY(lh_buf_init(ctx, bufs[i], false));
	LH_TRY(put_text(ctx, &enc->scratch,
					",\"source\":{\"version\":\"" LAKEHOUSE_VERSION
					"\",\"connector\":\"postgresql\",\"name\":"));
	LH_TRY(lh_put_json_string(ctx, &enc->scratch, options->topic_prefix,
							  strlen(options->topic_prefix)));
	LH_TRY(put_text(ctx, &enc->scratch, ",\"ts_ms\":"));
	LH_TRY(keep(ctx, &enc->scratch, &enc->source_head));
	enc->scratch.len = 0;
	LH_TRY(put_text(ctx, &enc->scratch, ",\"db\":"));
	LH_TRY(lh_put_json_string(ctx, &enc->scratch, database, strlen(database)));
	LH_TRY(put_text(ctx, &enc->scratch, ",\"sequence\":\""));
	LH_TRY(keep(ctx, &enc->scratch, &enc->database));
	/* a message may come before any transaction */
	LH_TRY(render_transaction(ctx, &enc->stream, NULL, 0, false));
	*out = &enc->stream.base;
	return LH_OK;
}

const LhChangeFormat lh_format_debezium_json = {
	.name = "debezium-json",
	.summary = "Debezium's envelope as JSON, with or without its schema",
	.text = true,
	.keyed = true,
	.create = create,
	.relation = relation,
	.event = lh_dbz_event,
};
