/*
 * format_debezium_avro.c
 *		The format "debezium-avro": Debezium's envelope, as Confluent's AvroConverter writes it.
 *
 * The schemas are those of debezium-json, translated (avro_connect.c); a value is the
 * envelope's record.  What does not change from row to row is made by "relation", what
 * does not change in a transaction by its begin, as bytes that rows copy:
 *
 *	moment	version .. db of "source"		times	ts_us, ts_ns
 *	table	schema, table					xid		txId
 *	origin	xmin, origin, origin_lsn		block	"transaction" up to its orders
 *
 * Names are always such as Avro takes.  A row with a value that its schema has no
 * form for (NaN of a decimal that may not be null) is told as one in quarantine.
 */
#include <stdio.h>

#include "change/debezium_avro.h"
#include "change/debezium_envelope.h"
#include "change/debezium_stream.h"
#include "change/formats.h"
#include "change/names.h"
#include "core/datetime.h"

#define UNIX_US(us) ((us) + LH_PG_EPOCH_US)

typedef struct DbzAvroPlan
{
	LhDbzPlan base;
	LhDbzAvroField *fields;
	LhSlice table;
	LhSchema value, key;
} DbzAvroPlan;

enum
{
	MESSAGE_KEY,
	MESSAGE_VALUE,
	TRANSACTION_KEY,
	TRANSACTION_VALUE,
	N_FIXED
};

static const char *const parts[N_FIXED] = {"message key", "message value", "transaction key",
										   "transaction value"};

typedef struct DbzAvro
{
	LhDbzStream stream;
	LhChangeOptions options; /* names as they come: they are adjusted before */
	LhSchema fixed[N_FIXED];
	LhSlice source; /* version, connector, name */
	LhSlice database;
	LhBuf moment, times, xid, origin, block;
	char sequence[32]; /* up to the LSN */
} DbzAvro;

static LhStatus
put_slice(LhCtx *ctx, LhBuf *buf, LhSlice s)
{
	return lh_put(ctx, buf, s.data, s.len);
}

static LhStatus
put_buf(LhCtx *ctx, LhBuf *buf, const LhBuf *from)
{
	return lh_put(ctx, buf, from->data, from->len);
}

static LhStatus
put_long(LhCtx *ctx, LhBuf *buf, int64_t v)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, LH_AVRO_LONG, &p));
	lh_put_end(buf, lh_avro_long(p, v));
	return LH_OK;
}

/* A value in ["null", type]. */
static LhStatus
put_some(LhCtx *ctx, LhBuf *buf)
{
	return lh_put(ctx, buf, "\2", 1);
}

static LhStatus
put_none(LhCtx *ctx, LhBuf *buf)
{
	return lh_put(ctx, buf, "\0", 1);
}

static LhStatus
put_some_long(LhCtx *ctx, LhBuf *buf, int64_t v)
{
	LH_TRY(put_some(ctx, buf));
	return put_long(ctx, buf, v);
}

/* Keep what buf holds, and empty it. */
static LhStatus
keep(LhCtx *ctx, LhBuf *buf, LhSlice *out)
{
	void *p = lh_memdup(ctx, buf->data, buf->len);

	if (p == NULL)
		return LH_NO_MEMORY;
	*out = lh_slice(p, buf->len);
	buf->len = 0;
	return LH_OK;
}

/* ---- the transaction's bytes ---- */

static LhStatus
render_transaction(LhCtx *ctx, LhDbzStream *s, const LhChangeTxn *txn, int64_t time, bool snapshot)
{
	DbzAvro *enc = (DbzAvro *) s;
	int64_t us = UNIX_US(time);
	bool foreign = txn != NULL && txn->origin_name != NULL;
	char id[64];

	enc->moment.len = enc->times.len = enc->xid.len = enc->origin.len = enc->block.len = 0;
	LH_TRY(put_slice(ctx, &enc->moment, enc->source));
	LH_TRY(put_long(ctx, &enc->moment, lh_floor_div(us, 1000)));
	/* snapshot has a default, so null is the second branch */
	LH_TRY(put_none(ctx, &enc->moment));
	LH_TRY(lh_avro_string(ctx, &enc->moment, snapshot ? "true" : "false"));
	LH_TRY(put_slice(ctx, &enc->moment, enc->database));
	if (s->last_commit == 0)
		strcpy(enc->sequence, "[null,\"");
	else
		snprintf(enc->sequence, sizeof(enc->sequence), "[\"%llu\",\"",
				 (unsigned long long) s->last_commit);

	LH_TRY(put_some_long(ctx, &enc->times, us));
	LH_TRY(put_some_long(ctx, &enc->times, us * 1000));
	LH_TRY(txn != NULL ? put_some_long(ctx, &enc->xid, txn->xid) : put_none(ctx, &enc->xid));

	LH_TRY(put_none(ctx, &enc->origin));
	if (foreign)
	{
		LH_TRY(put_some(ctx, &enc->origin));
		LH_TRY(lh_avro_string(ctx, &enc->origin, txn->origin_name));
		LH_TRY(put_some_long(ctx, &enc->origin, (int64_t) txn->origin_lsn));
	}
	else
		LH_TRY(lh_put(ctx, &enc->origin, "\0\0", 2));
	if (txn == NULL || !enc->options.transactions)
		return put_none(ctx, &enc->block);
	snprintf(id, sizeof(id), "%u:%llu", txn->xid, (unsigned long long) txn->first_lsn);
	LH_TRY(put_some(ctx, &enc->block));
	return lh_avro_string(ctx, &enc->block, id);
}

/* ---- the pieces of a value ---- */

static LhStatus
put_source(LhCtx *ctx, const DbzAvro *enc, const LhChangeEvent *ev, LhSlice table, LhBuf *buf)
{
	char sequence[64];
	char *p = stpcpy(sequence, enc->sequence);

	p = stpcpy(lh_text_u64(p, ev->lsn), "\"]");
	LH_TRY(put_buf(ctx, buf, &enc->moment));
	LH_TRY(put_some(ctx, buf));
	LH_TRY(lh_avro_bytes(ctx, buf, sequence, (size_t) (p - sequence)));
	LH_TRY(put_buf(ctx, buf, &enc->times));
	LH_TRY(put_slice(ctx, buf, table));
	LH_TRY(put_buf(ctx, buf, &enc->xid));
	LH_TRY(put_some_long(ctx, buf, (int64_t) ev->lsn));
	return put_buf(ctx, buf, &enc->origin);
}

static LhStatus
put_block(LhCtx *ctx, const DbzAvro *enc, const LhChangeEvent *ev, uint64_t order, LhBuf *buf)
{
	LH_TRY(put_buf(ctx, buf, &enc->block));
	if (ev->txn == NULL || !enc->options.transactions)
		return LH_OK;
	LH_TRY(put_long(ctx, buf, (int64_t) enc->stream.total));
	return put_long(ctx, buf, (int64_t) order);
}

static LhStatus
put_op(LhCtx *ctx, LhBuf *buf, char op)
{
	const char text[] = {1 * 2, op};

	return lh_put(ctx, buf, text, sizeof(text));
}

static LhStatus
put_tail(LhCtx *ctx, const LhChangeEvent *ev, char op, LhBuf *buf)
{
	int64_t us = UNIX_US(ev->now);

	LH_TRY(put_op(ctx, buf, op));
	LH_TRY(put_some_long(ctx, buf, lh_floor_div(us, 1000)));
	LH_TRY(put_some_long(ctx, buf, us));
	return put_some_long(ctx, buf, us * 1000);
}

/*
 * ["null", Value]: unchanged values come from the whole old row where there is one.
 * *bad is the first column that could not be said; -1: none.
 */
static LhStatus
put_row(LhCtx *ctx, const DbzAvroPlan *plan, const LhCell *cells, const LhCell *whole, LhBuf *buf,
		int *bad)
{
	bool said = true;

	if (cells == NULL)
		return put_none(ctx, buf);
	LH_TRY(put_some(ctx, buf));
	for (int i = 0; i < plan->base.rel->ncolumns; i++)
	{
		const LhCell *c = &cells[i];

		if (c->kind == LH_CELL_UNCHANGED && whole != NULL)
			c = &whole[i];
		LH_TRY(lh_dbz_avro_put(ctx, buf, &plan->fields[i], c, &said));
		if (__builtin_expect(!said, 0))
		{
			*bad = *bad < 0 ? i : *bad;
			return LH_OK;
		}
	}
	return LH_OK;
}

static LhStatus
put_key(LhCtx *ctx, const DbzAvroPlan *plan, const LhCell *cells, const LhCell *other,
		LhChangeOut *out, int *bad)
{
	bool said = true;

	LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, plan->key.fingerprint));
	for (int i = 0; i < plan->base.rel->nkeys; i++)
	{
		const int k = plan->base.rel->keys[i];
		const LhCell *c = &cells[k];

		if (!LH_CELL_IS_VALUE(c) && c->kind != LH_CELL_NULL && other != NULL)
			c = &other[k];
		LH_TRY(lh_dbz_avro_put(ctx, &out->buf, &plan->fields[k], c, &said));
		if (!said && *bad < 0)
			*bad = k;
	}
	return LH_OK;
}

/* A message up to its value; cells NULL: it has no key. */
static LhStatus
begin_message(LhCtx *ctx, const DbzAvroPlan *plan, const LhCell *cells, const LhCell *other,
			  LhChangeOut *out, int *bad)
{
	LH_TRY(lh_out_message(ctx, out));
	if (!out->want_key || cells == NULL || plan->base.rel->nkeys == 0)
		return LH_OK;
	return put_key(ctx, plan, cells, other, out, bad);
}

/* The message is taken back, and said otherwise. */
static __attribute__((noinline)) LhStatus
give_up(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, int bad, LhChangeOut *out)
{
	DbzAvroPlan *plan = ev->plan;
	const LhChangeColumn *c = &plan->base.rel->columns[bad];
	const char *reason =
		lh_sprintf(ctx,
				   "the value of column \"%s\" of type %s has no form in its Avro schema, and may "
				   "not be null there",
				   c->name, c->type_text);

	if (reason == NULL)
		return LH_NO_MEMORY;
	out->buf.len = out->message_at;
	if (ev->txn != NULL)
		lh_dbz_uncount(s, &plan->base);
	return lh_dbz_quarantine(ctx, s, ev, reason, out);
}

static LhStatus
write_envelope(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const LhDbzRow *row,
			   LhChangeOut *out)
{
	const DbzAvro *enc = (const DbzAvro *) s;
	const DbzAvroPlan *plan = ev->plan;
	const LhCell *whole = ev->old_is_key ? NULL : ev->old_cells;
	LhBuf *buf = &out->buf;
	int bad = -1;

	LH_TRY(begin_message(ctx, plan, row->key, ev->old_cells, out, &bad));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, plan->value.fingerprint));
	LH_TRY(put_row(ctx, plan, row->before, NULL, buf, &bad));
	LH_TRY(put_row(ctx, plan, row->after, whole, buf, &bad));
	if (bad >= 0)
		return give_up(ctx, s, ev, bad, out);
	LH_TRY(put_source(ctx, enc, ev, plan->table, buf));
	LH_TRY(put_block(ctx, enc, ev, row->order, buf));
	LH_TRY(put_tail(ctx, ev, row->op, buf));
	return lh_out_end(ctx, out);
}

static LhStatus
write_tombstone(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out)
{
	const DbzAvroPlan *plan = ev->plan;
	int bad = -1;

	(void) s;
	if (!out->want_key || plan->base.rel->nkeys == 0 || ev->old_cells == NULL)
		return LH_OK;
	LH_TRY(begin_message(ctx, plan, ev->old_cells, NULL, out, &bad));
	if (bad >= 0)
	{
		/* the delete was none either */
		out->buf.len = out->message_at;
		return LH_OK;
	}
	return lh_out_tombstone(ctx, out);
}

/* ---- messages and transactions ---- */

static LhStatus
write_message(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const char *prefix,
			  LhSlice content, LhChangeOut *out)
{
	const DbzAvro *enc = (const DbzAvro *) s;
	const LhDbzType type = {.kind = LH_DBZ_BYTES, .binary = enc->options.binary};
	const LhDbzAvroField field = {.type = &type, .null = 0, .value = 2};
	const LhCell cell = {.kind = LH_CELL_BYTES, .len = (uint32_t) content.len, .ptr = content.data};
	LhBuf *buf = &out->buf;
	bool said;

	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key)
	{
		LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, enc->fixed[MESSAGE_KEY].fingerprint));
		LH_TRY(put_some(ctx, buf));
		LH_TRY(lh_avro_string(ctx, buf, prefix));
	}
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, enc->fixed[MESSAGE_VALUE].fingerprint));
	LH_TRY(put_op(ctx, buf, 'm'));
	LH_TRY(put_some_long(ctx, buf, lh_floor_div(UNIX_US(ev->now), 1000)));
	/* of no schema and no table */
	LH_TRY(put_source(ctx, enc, ev, lh_slice("\0\0", 2), buf));
	LH_TRY(put_block(ctx, enc, ev, 1, buf));
	LH_TRY(put_some(ctx, buf));
	LH_TRY(lh_avro_string(ctx, buf, prefix));
	LH_TRY(lh_dbz_avro_put(ctx, buf, &field, &cell, &said));
	return lh_out_end(ctx, out);
}

/* [{"data_collection":"public.t","event_count":3}, ...] */
static LhStatus
put_collections(LhCtx *ctx, const LhDbzStream *s, LhBuf *buf)
{
	const LhDbzCollection *all = (const LhDbzCollection *) s->collections.data;
	size_t n = s->collections.len / sizeof(*all);

	LH_TRY(put_some(ctx, buf));
	if (n > 0)
		LH_TRY(put_long(ctx, buf, (int64_t) n));
	for (size_t i = 0; i < n; i++)
	{
		LH_TRY(put_some(ctx, buf));
		LH_TRY(lh_avro_bytes(ctx, buf, s->names.data + all[i].name_at, all[i].name_len));
		LH_TRY(put_long(ctx, buf, (int64_t) all[i].count));
	}
	return put_long(ctx, buf, 0);
}

static LhStatus
write_boundary(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out)
{
	const DbzAvro *enc = (const DbzAvro *) s;
	bool end = ev->op == LH_CHANGE_COMMIT;
	LhBuf *buf = &out->buf;
	char id[64];

	snprintf(id, sizeof(id), "%u:%llu", ev->txn->xid, (unsigned long long) ev->txn->first_lsn);
	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key)
	{
		LH_TRY(
			lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, enc->fixed[TRANSACTION_KEY].fingerprint));
		LH_TRY(lh_avro_string(ctx, buf, id));
	}
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, enc->fixed[TRANSACTION_VALUE].fingerprint));
	LH_TRY(lh_avro_string(ctx, buf, end ? "END" : "BEGIN"));
	LH_TRY(lh_avro_string(ctx, buf, id));
	if (end)
	{
		LH_TRY(put_some_long(ctx, buf, (int64_t) s->total));
		LH_TRY(put_collections(ctx, s, buf));
	}
	else
		LH_TRY(lh_put(ctx, buf, "\0\0", 2));
	LH_TRY(put_long(ctx, buf, lh_floor_div(UNIX_US(ev->txn->commit_time), 1000)));
	return lh_out_end(ctx, out);
}

/* ---- schemas ---- */

static LhStatus
schema_of(LhCtx *ctx, LhSlice connect, LhSchema *out)
{
	LhBuf text;

	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_avro_of_connect(ctx, connect, &text));
	LH_TRY(lh_avro_schema(ctx, lh_slice(text.data, text.len), out));
	lh_buf_free(&text);
	return LH_OK;
}

static LhStatus
plan_schemas(LhCtx *ctx, DbzAvroPlan *plan)
{
	LhBuf connect;

	LH_TRY(lh_buf_init(ctx, &connect, false));
	LH_TRY(lh_dbz_put_envelope(ctx, &connect, &plan->base));
	LH_TRY(schema_of(ctx, lh_slice(connect.data, connect.len), &plan->value));
	connect.len = 0;
	LH_TRY(lh_dbz_put_key_schema(ctx, &connect, &plan->base));
	LH_TRY(schema_of(ctx, lh_slice(connect.data, connect.len), &plan->key));
	lh_buf_free(&connect);
	return LH_OK;
}

/* The columns under names that Avro takes. */
static LhStatus
name_columns(LhCtx *ctx, const LhChangeOptions *o, const LhChangeRel *rel,
			 const LhChangeColumn **out)
{
	static const char *const reserved[] = {NULL};
	LhChangeColumn *columns;
	const char **names;

	LH_TRY(lh_names_of_columns(ctx, o->adjust == LH_ADJUST_NONE ? LH_ADJUST_AVRO : o->adjust, rel,
							   reserved, &names));
	LH_NEW_ARRAY(ctx, columns, (size_t) rel->ncolumns + 1);
	for (int i = 0; i < rel->ncolumns; i++)
	{
		columns[i] = rel->columns[i];
		columns[i].name = names[i];
	}
	*out = columns;
	return LH_OK;
}

static LhStatus
relation(LhCtx *ctx, LhEncoder *base, const LhChangeRel *rel, void **out)
{
	const DbzAvro *enc = (const DbzAvro *) base;
	const LhChangeColumn *columns = NULL;
	const char *topic, *stem;
	DbzAvroPlan *plan;
	LhBuf table;

	LH_NEW(ctx, plan);
	LH_TRY(name_columns(ctx, base->options, rel, &columns));
	LH_TRY(lh_name_topic(ctx, base->options->topic_prefix, rel->schema, rel->name, &topic));
	LH_TRY(lh_name_namespace(ctx, topic, &stem));
	LH_TRY(lh_dbz_plan(ctx, &enc->options, rel, columns, stem, &plan->base));
	LH_NEW_ARRAY(ctx, plan->fields, (size_t) rel->ncolumns + 1);
	for (int i = 0; i < rel->ncolumns; i++)
		LH_TRY(lh_dbz_avro_field(ctx, &plan->base.columns[i], &plan->fields[i]));
	LH_TRY(plan_schemas(ctx, plan));
	LH_TRY(lh_buf_init(ctx, &table, false));
	LH_TRY(lh_avro_string(ctx, &table, rel->schema));
	LH_TRY(lh_avro_string(ctx, &table, rel->name));
	LH_TRY(keep(ctx, &table, &plan->table));
	lh_buf_free(&table);
	*out = plan;
	return LH_OK;
}

static LhStatus
describe(LhCtx *ctx, LhEncoder *base, const LhChangeRel *rel, void *arg, LhChangeOut *out)
{
	const DbzAvro *enc = (const DbzAvro *) base;
	const DbzAvroPlan *plan = arg;

	if (rel != NULL)
	{
		LH_TRY(lh_avro_tell(ctx, out, "value", &plan->value));
		return rel->nkeys > 0 ? lh_avro_tell(ctx, out, "key", &plan->key) : LH_OK;
	}
	for (int i = 0; i < N_FIXED; i++)
		LH_TRY(lh_avro_tell(ctx, out, parts[i], &enc->fixed[i]));
	return LH_OK;
}

static const LhDbzWriter writer = {.transaction = render_transaction,
								   .row = write_envelope,
								   .tombstone = write_tombstone,
								   .message = write_message,
								   .boundary = write_boundary};

static LhStatus
create(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	const char *schemas[N_FIXED] = {message_key_schema,
									options->binary == LH_BINARY_BYTES ? message_schema_bytes
																	   : message_schema_string,
									transaction_key_schema, transaction_schema};
	const char *database = options->database != NULL ? options->database : "";
	DbzAvro *enc;

	LH_NEW(ctx, enc);
	LH_TRY(lh_dbz_stream_init(ctx, &enc->stream, &lh_format_debezium_avro, &writer, options));
	enc->options = *options;
	enc->options.adjust = LH_ADJUST_NONE;
	for (int i = 0; i < N_FIXED; i++)
		LH_TRY(schema_of(ctx, lh_slice(schemas[i], strlen(schemas[i])), &enc->fixed[i]));
	LH_TRY(lh_buf_init(ctx, &enc->moment, false));
	LH_TRY(lh_buf_init(ctx, &enc->times, false));
	LH_TRY(lh_buf_init(ctx, &enc->xid, false));
	LH_TRY(lh_buf_init(ctx, &enc->origin, false));
	LH_TRY(lh_buf_init(ctx, &enc->block, false));
	LH_TRY(lh_avro_string(ctx, &enc->moment, LAKEHOUSE_VERSION));
	LH_TRY(lh_avro_string(ctx, &enc->moment, "postgresql"));
	LH_TRY(lh_avro_string(ctx, &enc->moment, options->topic_prefix));
	LH_TRY(keep(ctx, &enc->moment, &enc->source));
	LH_TRY(lh_avro_string(ctx, &enc->moment, database));
	LH_TRY(keep(ctx, &enc->moment, &enc->database));
	/* a message may come before any transaction */
	LH_TRY(render_transaction(ctx, &enc->stream, NULL, 0, false));
	*out = &enc->stream.base;
	return LH_OK;
}

const LhChangeFormat lh_format_debezium_avro = {
	.name = "debezium-avro",
	.summary = "Debezium's envelope as Avro, with the schemas of Confluent's converter",
	.keyed = true,
	.schemas = LH_SCHEMA_AVRO,
	.create = create,
	.relation = relation,
	.event = lh_dbz_event,
	.describe = describe,
};
