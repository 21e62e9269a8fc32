/*
 * format_protobuf.c
 *		The format "protobuf": messages of a schema of their own for each table.
 *
 * A value is an Envelope (protobuf_schema.c): operation, the row before and after, which
 * columns are not in the log, and where it comes from.  A key is the key's columns.
 * In frames both begin with the schema's head (schema.h); bare output is the message.
 *
 *	1. What a transaction's events have in common is rendered once, and so are a
 *	   relation's names; the source of an event is these two and three numbers.
 *	2. Rows come in sizes that are alike: each relation remembers how many bytes the
 *	   length of the last one had, so a row is written where it stays (LhPbOpen).
 *	3. An update that changed the key is a delete under the old key, its tombstone, and
 *	   an insert under the new one, so that each partition of a topic is right by itself.
 *	4. Events of a relation are all Envelopes, truncates and quarantine too: a registry
 *	   has one schema a topic.
 */
#include "change/formats.h"
#include "change/protobuf.h"

/* Fields of Envelope ... */
#define ENVELOPE_OP          1
#define ENVELOPE_BEFORE      2
#define ENVELOPE_AFTER       3
#define ENVELOPE_UNCHANGED   4
#define ENVELOPE_SOURCE      5
#define ENVELOPE_KEY_CHANGED 6
#define ENVELOPE_TRUNCATE    7
#define ENVELOPE_REASON      8
/* ... and of Event */
#define EVENT_KIND           1
#define EVENT_SOURCE         2
#define EVENT_CHANGES        3
#define EVENT_PREFIX         4
#define EVENT_CONTENT        5
#define EVENT_TRANSACTIONAL  6

#define SOURCE_COMMIT_END  1
#define SOURCE_XID         2
#define SOURCE_COMMIT_TIME 3
#define SOURCE_ORIGIN      4
#define SOURCE_ORDINAL     5
#define SOURCE_LSN         6
#define SOURCE_TOTAL_ORDER 7
#define SOURCE_SNAPSHOT    8
#define SOURCE_SCHEMA      9
#define SOURCE_TABLE       10

#define TRUNCATE_TABLES  1
#define TRUNCATE_CASCADE 2
#define TRUNCATE_RESTART 3

#define NUMBER (1 + LH_PB_VARINT_MAX)

typedef enum Op
{
	OP_NONE,
	OP_INSERT,
	OP_UPDATE,
	OP_DELETE,
	OP_READ,
	OP_TRUNCATE,
	OP_QUARANTINE
} Op;
typedef enum Kind
{
	KIND_NONE,
	KIND_BEGIN,
	KIND_COMMIT,
	KIND_MESSAGE
} Kind;

typedef struct Plan
{
	const LhChangeRel *rel;
	LhPbRow row;
	LhPbRow key;
	LhCell *key_cells; /* of an event, one for each column of the key */
	uint64_t fingerprint;
	uint64_t key_fingerprint;
	LhSlice table;        /* the fields of Source that name it */
	uint8_t row_width[2]; /* of the last old and new row's length */
} Plan;

typedef struct Protobuf
{
	LhEncoder base;
	uint64_t fingerprint; /* of Event */
	/* the transaction that is rendered: fields of Source */
	uint64_t commit_end;
	int64_t commit_time;
	uint32_t xid;
	bool has_txn;
	LhBuf txn;
	LhBuf scratch; /* schemas */
} Protobuf;

size_t lh_pb_message_max = INT32_MAX;

/* ---- pieces ---- */

static LhStatus
put_string(LhCtx *ctx, LhBuf *buf, int number, const void *s, size_t n)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, NUMBER + n, &p));
	*p++ = LH_PB_TAG(number, LH_PB_BYTES);
	p = lh_pb_varint(p, n);
	if (n > 0)
		memcpy(p, s, n);
	lh_put_end(buf, p + n);
	return LH_OK;
}

/* What all events of a transaction have in common. */
static __attribute__((noinline)) LhStatus
render_txn(LhCtx *ctx, Protobuf *pb, const LhChangePos *pos, const LhChangeTxn *txn)
{
	char *p;

	pb->commit_end = pos->commit_end;
	pb->xid = pos->xid;
	pb->has_txn = txn != NULL;
	pb->commit_time = txn != NULL ? txn->commit_time : 0;
	pb->txn.len = 0;
	LH_TRY(lh_put_room(ctx, &pb->txn, 3 * NUMBER, &p));
	p = lh_pb_uint_field(p, SOURCE_COMMIT_END, pos->commit_end);
	p = lh_pb_uint_field(p, SOURCE_XID, pos->xid);
	if (txn != NULL)
	{
		int64_t us = txn->commit_time + LH_PG_EPOCH_US;

		*p++ = LH_PB_TAG(SOURCE_COMMIT_TIME, LH_PB_FIXED64);
		memcpy(p, &us, 8);
		p += 8;
	}
	lh_put_end(&pb->txn, p);
	if (txn != NULL && txn->origin_name != NULL)
		LH_TRY(
			put_string(ctx, &pb->txn, SOURCE_ORIGIN, txn->origin_name, strlen(txn->origin_name)));
	return LH_OK;
}

/* The field Source of an event; table: its names, empty for what is of no relation. */
static LhStatus
put_source(LhCtx *ctx, LhBuf *buf, Protobuf *pb, int number, LhSlice table, const LhChangeEvent *ev)
{
	char own[4 * NUMBER];
	char *p, *end;
	size_t n;

	if (pb->commit_end != ev->pos.commit_end || pb->xid != ev->pos.xid ||
		pb->has_txn != (ev->txn != NULL) ||
		(ev->txn != NULL && pb->commit_time != ev->txn->commit_time))
		LH_TRY(render_txn(ctx, pb, &ev->pos, ev->txn));
	end = lh_pb_uint_field(own, SOURCE_ORDINAL, ev->pos.ordinal);
	end = lh_pb_uint_field(end, SOURCE_LSN, ev->lsn);
	if (pb->base.options->transactions)
		end = lh_pb_uint_field(end, SOURCE_TOTAL_ORDER, ev->order);
	end = lh_pb_uint_field(end, SOURCE_SNAPSHOT, ev->op == LH_CHANGE_READ);
	n = pb->txn.len + (size_t) (end - own) + table.len;
	LH_TRY(lh_put_room(ctx, buf, NUMBER + n, &p));
	*p++ = LH_PB_TAG(number, LH_PB_BYTES);
	p = lh_pb_varint(p, n);
	memcpy(p, pb->txn.data, pb->txn.len);
	p += pb->txn.len;
	memcpy(p, own, (size_t) (end - own));
	p += end - own;
	if (table.len > 0)
		memcpy(p, table.data, table.len);
	lh_put_end(buf, p + table.len);
	return LH_OK;
}

static LhStatus
put_uint(LhCtx *ctx, LhBuf *buf, int number, uint64_t v)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, NUMBER, &p));
	lh_put_end(buf, lh_pb_uint_field(p, number, v));
	return LH_OK;
}

static LhStatus
put_row(LhCtx *ctx, LhBuf *buf, Plan *plan, int number, const LhCell *cells, int *unchanged)
{
	uint8_t *width = &plan->row_width[number - ENVELOPE_BEFORE];
	LhPbOpen open;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 1, &p));
	*p = LH_PB_TAG(number, LH_PB_BYTES);
	lh_put_end(buf, p + 1);
	LH_TRY(lh_pb_open(ctx, buf, *width, &open));
	LH_TRY(lh_pb_put_row(ctx, buf, &plan->row, cells, unchanged));
	return lh_pb_close(ctx, buf, open, width);
}

static LhStatus
put_unchanged(LhCtx *ctx, LhBuf *buf, const LhPbRow *row, const LhCell *cells)
{
	LhPbOpen open;
	uint8_t ignored;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 1 + LH_PB_VARINT_MAX * ((size_t) row->n + 1), &p));
	*p = LH_PB_TAG(ENVELOPE_UNCHANGED, LH_PB_BYTES);
	lh_put_end(buf, p + 1);
	LH_TRY(lh_pb_open(ctx, buf, 1, &open));
	p = (char *) buf->data + buf->len;
	for (int i = 0; i < row->n; i++)
	{
		if (cells[i].kind == LH_CELL_UNCHANGED)
			p = lh_pb_varint(p, (uint64_t) row->fields[i].attnum);
	}
	lh_put_end(buf, p);
	return lh_pb_close(ctx, buf, open, &ignored);
}

/* ---- messages of rows ---- */

/* The key of a message, with its schema's head; cells: the row that has it. */
static LhStatus
put_key(LhCtx *ctx, LhChangeOut *out, Plan *plan, const LhChangeEvent *ev, const LhCell *cells)
{
	int ignored = 0;

	if (!out->want_key || plan->key.n == 0 || cells == NULL)
		return LH_OK;
	for (int i = 0; i < plan->key.n; i++)
	{
		int k = plan->key.columns[i];
		const LhCell *c = &cells[k];

		/* a large key that was not touched is in the old key */
		if (c->kind == LH_CELL_UNCHANGED && ev->old_cells != NULL)
			c = &ev->old_cells[k];
		plan->key_cells[i] = *c;
	}
	LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_PROTOBUF, plan->key_fingerprint));
	return lh_pb_put_row(ctx, &out->buf, &plan->key, plan->key_cells, &ignored);
}

/* A message up to its value. */
static LhStatus
begin_value(LhCtx *ctx, LhChangeOut *out, Plan *plan, const LhChangeEvent *ev, const LhCell *keys)
{
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(put_key(ctx, out, plan, ev, keys));
	LH_TRY(lh_out_value(ctx, out));
	return lh_out_schema_head(ctx, out, LH_SCHEMA_PROTOBUF, plan->fingerprint);
}

static LhStatus
put_quarantine(LhCtx *ctx, LhBuf *buf, Protobuf *pb, const Plan *plan, const LhChangeEvent *ev,
			   const char *reason)
{
	LH_TRY(put_uint(ctx, buf, ENVELOPE_OP, OP_QUARANTINE));
	LH_TRY(put_source(ctx, buf, pb, ENVELOPE_SOURCE, plan->table, ev));
	return put_string(ctx, buf, ENVELOPE_REASON, reason, strlen(reason));
}

static LhStatus
put_change(LhCtx *ctx, LhBuf *buf, Protobuf *pb, Plan *plan, const LhChangeEvent *ev, Op op,
		   const LhCell *before, const LhCell *after)
{
	int unchanged = 0, ignored = 0;

	LH_TRY(put_uint(ctx, buf, ENVELOPE_OP, op));
	if (before != NULL)
		LH_TRY(put_row(ctx, buf, plan, ENVELOPE_BEFORE, before, &ignored));
	if (after != NULL)
		LH_TRY(put_row(ctx, buf, plan, ENVELOPE_AFTER, after, &unchanged));
	if (unchanged > 0)
		LH_TRY(put_unchanged(ctx, buf, &plan->row, after));
	LH_TRY(put_source(ctx, buf, pb, ENVELOPE_SOURCE, plan->table, ev));
	return ev->key_changed ? put_uint(ctx, buf, ENVELOPE_KEY_CHANGED, 1) : LH_OK;
}

/* A message with a row, old or new. */
static LhStatus
write_change(LhCtx *ctx, LhChangeOut *out, Protobuf *pb, const LhChangeEvent *ev, Op op,
			 const LhCell *before, const LhCell *after)
{
	Plan *plan = ev->plan;
	size_t at;

	LH_TRY(begin_value(ctx, out, plan, ev, after != NULL ? after : before));
	at = out->buf.len;
	LH_TRY(put_change(ctx, &out->buf, pb, plan, ev, op, before, after));
	if (__builtin_expect(out->buf.len - at > lh_pb_message_max, 0))
	{
		out->buf.len = at;
		LH_TRY(put_quarantine(
			ctx, &out->buf, pb, plan, ev,
			"the row has more than 2 GB, which no reader of Protocol Buffers takes"));
	}
	return lh_out_end(ctx, out);
}

static LhStatus
write_tombstone(LhCtx *ctx, LhChangeOut *out, Protobuf *pb, const LhChangeEvent *ev)
{
	Plan *plan = ev->plan;

	if (!pb->base.options->tombstones || !out->want_key || plan->key.n == 0 ||
		ev->old_cells == NULL)
		return LH_OK;
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(put_key(ctx, out, plan, ev, ev->old_cells));
	return lh_out_tombstone(ctx, out);
}

static LhStatus
row_event(LhCtx *ctx, LhChangeOut *out, Protobuf *pb, const LhChangeEvent *ev)
{
	switch (ev->op)
	{
		case LH_CHANGE_INSERT:
			return write_change(ctx, out, pb, ev, OP_INSERT, NULL, ev->new_cells);
		case LH_CHANGE_READ: return write_change(ctx, out, pb, ev, OP_READ, NULL, ev->new_cells);
		case LH_CHANGE_DELETE:
			LH_TRY(write_change(ctx, out, pb, ev, OP_DELETE, ev->old_cells, NULL));
			return write_tombstone(ctx, out, pb, ev);
		default:
			if (!ev->key_changed || ev->old_cells == NULL)
				return write_change(ctx, out, pb, ev, OP_UPDATE, ev->old_cells, ev->new_cells);
			LH_TRY(write_change(ctx, out, pb, ev, OP_DELETE, ev->old_cells, NULL));
			LH_TRY(write_tombstone(ctx, out, pb, ev));
			return write_change(ctx, out, pb, ev, OP_INSERT, ev->old_cells, ev->new_cells);
	}
}

/* ---- other events ---- */

static LhStatus
write_truncate(LhCtx *ctx, LhChangeOut *out, Protobuf *pb, const LhChangeEvent *ev)
{
	Plan *plan = ev->plan;
	LhBuf *buf = &out->buf;
	char facts[3 * NUMBER], *end;

	LH_TRY(begin_value(ctx, out, plan, ev, NULL));
	LH_TRY(put_uint(ctx, buf, ENVELOPE_OP, OP_TRUNCATE));
	LH_TRY(put_source(ctx, buf, pb, ENVELOPE_SOURCE, plan->table, ev));
	end = lh_pb_uint_field(facts, TRUNCATE_TABLES, (uint64_t) ev->ntruncated);
	end = lh_pb_uint_field(end, TRUNCATE_CASCADE, ev->cascade);
	end = lh_pb_uint_field(end, TRUNCATE_RESTART, ev->restart_identity);
	LH_TRY(put_string(ctx, buf, ENVELOPE_TRUNCATE, facts, (size_t) (end - facts)));
	return lh_out_end(ctx, out);
}

static LhStatus
write_quarantine(LhCtx *ctx, LhChangeOut *out, Protobuf *pb, const LhChangeEvent *ev)
{
	LH_TRY(begin_value(ctx, out, ev->plan, ev, NULL));
	LH_TRY(put_quarantine(ctx, &out->buf, pb, ev->plan, ev, ev->reason));
	return lh_out_end(ctx, out);
}

static LhStatus
write_event(LhCtx *ctx, LhChangeOut *out, Protobuf *pb, const LhChangeEvent *ev, Kind kind)
{
	LhBuf *buf = &out->buf;

	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_PROTOBUF, pb->fingerprint));
	LH_TRY(put_uint(ctx, buf, EVENT_KIND, kind));
	LH_TRY(put_source(ctx, buf, pb, EVENT_SOURCE, (LhSlice){0}, ev));
	if (kind == KIND_COMMIT)
		LH_TRY(put_uint(ctx, buf, EVENT_CHANGES, ev->txn != NULL ? ev->txn->nchanges : 0));
	if (kind == KIND_MESSAGE)
	{
		if (ev->prefix[0] != '\0')
			LH_TRY(put_string(ctx, buf, EVENT_PREFIX, ev->prefix, strlen(ev->prefix)));
		if (ev->content.len > 0)
			LH_TRY(put_string(ctx, buf, EVENT_CONTENT, ev->content.data, ev->content.len));
		LH_TRY(put_uint(ctx, buf, EVENT_TRANSACTIONAL, ev->transactional));
	}
	return lh_out_end(ctx, out);
}

static LhStatus
protobuf_event(LhCtx *ctx, LhEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	Protobuf *pb = (Protobuf *) enc;

	switch (ev->op)
	{
		case LH_CHANGE_INSERT:
		case LH_CHANGE_UPDATE:
		case LH_CHANGE_DELETE:
		case LH_CHANGE_READ: return row_event(ctx, out, pb, ev);
		case LH_CHANGE_TRUNCATE: return write_truncate(ctx, out, pb, ev);
		case LH_CHANGE_QUARANTINE: return write_quarantine(ctx, out, pb, ev);
		case LH_CHANGE_DDL:
		case LH_CHANGE_MESSAGE: return write_event(ctx, out, pb, ev, KIND_MESSAGE);
		case LH_CHANGE_BEGIN:
			return enc->options->transactions ? write_event(ctx, out, pb, ev, KIND_BEGIN) : LH_OK;
		case LH_CHANGE_COMMIT:
			return enc->options->transactions ? write_event(ctx, out, pb, ev, KIND_COMMIT) : LH_OK;
		/* "describe" tells it better */
		default: return LH_OK;
	}
}

/* ---- schemas, plans ---- */

/* The text that is in scratch. */
static LhSchema
schema_of(Protobuf *pb)
{
	return (LhSchema){LH_SCHEMA_PROTOBUF, lh_schema_fingerprint(pb->scratch.data, pb->scratch.len),
					  lh_slice(pb->scratch.data, pb->scratch.len)};
}

static LhStatus
value_schema(LhCtx *ctx, Protobuf *pb, const Plan *plan, LhSchema *schema)
{
	pb->scratch.len = 0;
	LH_TRY(lh_pb_value_schema(ctx, &pb->scratch, pb->base.options, plan->rel, &plan->row));
	*schema = schema_of(pb);
	return LH_OK;
}

static LhStatus
key_schema(LhCtx *ctx, Protobuf *pb, const Plan *plan, LhSchema *schema)
{
	pb->scratch.len = 0;
	LH_TRY(lh_pb_key_schema(ctx, &pb->scratch, pb->base.options, plan->rel, &plan->key));
	*schema = schema_of(pb);
	return LH_OK;
}

static LhStatus
event_schema(LhCtx *ctx, Protobuf *pb, LhSchema *schema)
{
	pb->scratch.len = 0;
	LH_TRY(lh_pb_event_schema(ctx, &pb->scratch, pb->base.options));
	*schema = schema_of(pb);
	return LH_OK;
}

/* Who takes schemas may keep them as long as the call's memory: scratch is written over. */
static LhStatus
tell(LhCtx *ctx, LhChangeOut *out, const char *part, const LhSchema *schema)
{
	LhSchema *copy;
	const char *text = lh_strndup(ctx, (const char *) schema->text.data, schema->text.len);

	if (text == NULL)
		return ctx->error->code;
	LH_NEW(ctx, copy);
	*copy = *schema;
	copy->text.data = (const uint8_t *) text;
	out->part = part;
	return lh_out_schema(ctx, out, copy);
}

/* Texts are made again and not kept: they are long, and asked for once. */
static LhStatus
protobuf_describe(LhCtx *ctx, LhEncoder *enc, const LhChangeRel *rel, void *p, LhChangeOut *out)
{
	Protobuf *pb = (Protobuf *) enc;
	const Plan *plan = p;
	LhSchema schema;

	if (rel == NULL)
	{
		LH_TRY(event_schema(ctx, pb, &schema));
		return tell(ctx, out, "message", &schema);
	}
	if (plan->key.n > 0)
	{
		LH_TRY(key_schema(ctx, pb, plan, &schema));
		LH_TRY(tell(ctx, out, "key", &schema));
	}
	LH_TRY(value_schema(ctx, pb, plan, &schema));
	return tell(ctx, out, "value", &schema);
}

static LhStatus
protobuf_relation(LhCtx *ctx, LhEncoder *enc, const LhChangeRel *rel, void **out)
{
	Protobuf *pb = (Protobuf *) enc;
	LhSchema schema;
	Plan *plan;

	LH_NEW(ctx, plan);
	plan->rel = rel;
	plan->row_width[0] = plan->row_width[1] = 1;
	LH_TRY(lh_pb_row_create(ctx, rel, 0, NULL, &plan->row));
	if (rel->nkeys > 0)
	{
		LH_TRY(lh_pb_row_create(ctx, rel, rel->nkeys, rel->keys, &plan->key));
		LH_NEW_ARRAY(ctx, plan->key_cells, (size_t) plan->key.n);
		LH_TRY(key_schema(ctx, pb, plan, &schema));
		plan->key_fingerprint = schema.fingerprint;
	}
	LH_TRY(value_schema(ctx, pb, plan, &schema));
	plan->fingerprint = schema.fingerprint;

	pb->scratch.len = 0;
	LH_TRY(put_string(ctx, &pb->scratch, SOURCE_SCHEMA, rel->schema, strlen(rel->schema)));
	LH_TRY(put_string(ctx, &pb->scratch, SOURCE_TABLE, rel->name, strlen(rel->name)));
	plan->table = lh_slice(lh_memdup(ctx, pb->scratch.data, pb->scratch.len), pb->scratch.len);
	if (plan->table.data == NULL)
		return ctx->error->code;
	*out = plan;
	return LH_OK;
}

static LhStatus
protobuf_create(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	LhSchema schema;
	Protobuf *pb;

	LH_NEW(ctx, pb);
	pb->base.format = &lh_format_protobuf;
	pb->base.options = options;
	LH_TRY(lh_buf_init(ctx, &pb->txn, false));
	LH_TRY(lh_buf_init(ctx, &pb->scratch, false));
	LH_TRY(render_txn(ctx, pb, &(LhChangePos){0}, NULL));
	LH_TRY(event_schema(ctx, pb, &schema));
	pb->fingerprint = schema.fingerprint;
	*out = &pb->base;
	return LH_OK;
}

const LhChangeFormat lh_format_protobuf = {
	.name = "protobuf",
	.summary = "Protocol Buffers, a schema for each table; needs frames or a reader of bytes",
	.keyed = true,
	.schemas = LH_SCHEMA_PROTOBUF,
	.create = protobuf_create,
	.relation = protobuf_relation,
	.event = protobuf_event,
	.describe = protobuf_describe,
};
