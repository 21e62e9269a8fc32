/*
 * format_avro.c
 *		The format "avro": a row of a table as an Avro record, flat.
 *
 * All columns, then what a consumer needs to put rows in order (docs/cdc-formats.md):
 *
 *	__op		c, u, d, r (a row of a snapshot), t (truncate; no column has a value)
 *	__lsn		end of the transaction's commit record
 *	__seq		ordinal in the transaction
 *	__ts_us		time of the commit
 *	__unchanged	columns whose values are not in the log, and null here
 *	__special	values that their types cannot say, as text, and null there
 *
 * A changed key is a delete of the old one, then the new row.  Messages of no row
 * are records of their own, in the namespace lakehouse.cdc.
 */
#include "change/avro_row.h"
#include "change/formats.h"
#include "core/datetime.h"

typedef struct Fixed
{
	const char *part; /* what cdc_schemas calls it */
	const char *text;
} Fixed;

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\"}"
#define STAMP                                                                                  \
	"{\"name\":\"__ts_us\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-" \
	"micros\"}],\"default\":null}"
#define RECORD(name, fields)                                                             \
	"{\"type\":\"record\",\"name\":\"" name                                              \
	"\",\"namespace\":\"lakehouse.cdc\",\"fields\":[" FIELD("__op", "string") "," FIELD( \
		"__lsn", "long") "," FIELD("__seq", "long") "," STAMP "," fields "]}"

enum
{
	MESSAGE,
	QUARANTINE,
	TRANSACTION,
	N_FIXED
};

static const Fixed fixed[N_FIXED] = {
	{"message", RECORD("Message", FIELD("prefix", "string") "," FIELD(
									  "transactional", "boolean") "," FIELD("content", "bytes"))},
	{"quarantine", RECORD("Quarantine", FIELD("schema", "string") "," FIELD(
											"table", "string") "," FIELD("reason", "string"))},
	{"transaction", RECORD("Transaction", FIELD("xid", "long") "," FIELD("changes", "long"))},
};

typedef struct Avro
{
	LhEncoder base;
	LhSchema schemas[N_FIXED];
} Avro;

/* __op, __lsn, __seq, __ts_us */
static LhStatus
put_head(LhCtx *ctx, LhBuf *buf, const LhChangeEvent *ev, char op)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, 3 + 3 * LH_AVRO_LONG, &p));
	*p++ = 1 * 2;
	*p++ = op;
	p = lh_avro_long(p, (int64_t) ev->pos.commit_end);
	p = lh_avro_long(p, (int64_t) ev->pos.ordinal);
	*p = 0;
	if (ev->txn != NULL)
	{
		*p = 1 * 2;
		p = lh_avro_long(p + 1, ev->txn->commit_time + LH_PG_EPOCH_US);
	}
	else
		p++;
	lh_put_end(buf, p);
	return LH_OK;
}

/* One record; key: where its key is, NULL: it has none. */
static LhStatus
write_row(LhCtx *ctx, const LhChangeEvent *ev, char op, const LhCell *cells, const LhCell *whole,
		  LhChangeOut *out)
{
	const LhAvroPlan *plan = ev->plan;
	LhBuf *buf = &out->buf;
	LhAvroRest rest = {0, 0};

	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key && cells != NULL && plan->rel->nkeys > 0)
	{
		LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, plan->key.fingerprint));
		LH_TRY(lh_avro_put_key(ctx, buf, plan, cells, ev->old_cells));
	}
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, plan->value.fingerprint));
	LH_TRY(lh_avro_put_row(ctx, buf, plan, cells, whole, &rest));
	LH_TRY(put_head(ctx, buf, ev, op));
	LH_TRY(lh_avro_put_rest(ctx, buf, plan, cells, whole, &rest));
	return lh_out_end(ctx, out);
}

static LhStatus
write_change(LhCtx *ctx, const LhChangeEvent *ev, LhChangeOut *out)
{
	const LhCell *whole = ev->old_is_key ? NULL : ev->old_cells;

	switch (ev->op)
	{
		case LH_CHANGE_INSERT: return write_row(ctx, ev, 'c', ev->new_cells, NULL, out);
		case LH_CHANGE_READ: return write_row(ctx, ev, 'r', ev->new_cells, NULL, out);
		case LH_CHANGE_UPDATE:
			if (ev->key_changed && ev->old_cells != NULL)
				LH_TRY(write_row(ctx, ev, 'd', ev->old_cells, NULL, out));
			return write_row(ctx, ev, 'u', ev->new_cells, whole, out);
		case LH_CHANGE_DELETE: return write_row(ctx, ev, 'd', ev->old_cells, NULL, out);
		default: return write_row(ctx, ev, 't', NULL, NULL, out);
	}
}

/* A message of no row, up to what is its own. */
static LhStatus
begin_fixed(LhCtx *ctx, const Avro *enc, const LhChangeEvent *ev, int which, char op,
			LhChangeOut *out)
{
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_out_schema_head(ctx, out, LH_SCHEMA_AVRO, enc->schemas[which].fingerprint));
	return put_head(ctx, &out->buf, ev, op);
}

static LhStatus
write_message(LhCtx *ctx, const Avro *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	LH_TRY(begin_fixed(ctx, enc, ev, MESSAGE, 'm', out));
	LH_TRY(lh_avro_string(ctx, &out->buf, ev->prefix));
	LH_TRY(lh_put(ctx, &out->buf, ev->transactional ? "\1" : "\0", 1));
	LH_TRY(lh_avro_bytes(ctx, &out->buf, ev->content.data, ev->content.len));
	return lh_out_end(ctx, out);
}

static LhStatus
write_quarantine(LhCtx *ctx, const Avro *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	LH_TRY(begin_fixed(ctx, enc, ev, QUARANTINE, 'q', out));
	LH_TRY(lh_avro_string(ctx, &out->buf, ev->rel->schema));
	LH_TRY(lh_avro_string(ctx, &out->buf, ev->rel->name));
	LH_TRY(lh_avro_string(ctx, &out->buf, ev->reason != NULL ? ev->reason : ""));
	return lh_out_end(ctx, out);
}

/* b(egin), e(nd) */
static LhStatus
write_boundary(LhCtx *ctx, const Avro *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	bool end = ev->op == LH_CHANGE_COMMIT;
	char *p;

	LH_TRY(begin_fixed(ctx, enc, ev, TRANSACTION, end ? 'e' : 'b', out));
	LH_TRY(lh_put_room(ctx, &out->buf, 2 * LH_AVRO_LONG, &p));
	p = lh_avro_long(p, ev->pos.xid);
	p = lh_avro_long(p, end ? (int64_t) ev->txn->nchanges : 0);
	lh_put_end(&out->buf, p);
	return lh_out_end(ctx, out);
}

static LhStatus
event(LhCtx *ctx, LhEncoder *base, const LhChangeEvent *ev, LhChangeOut *out)
{
	const Avro *enc = (const Avro *) base;

	switch (ev->op)
	{
		case LH_CHANGE_INSERT:
		case LH_CHANGE_UPDATE:
		case LH_CHANGE_DELETE:
		case LH_CHANGE_READ:
		case LH_CHANGE_TRUNCATE: return write_change(ctx, ev, out);
		case LH_CHANGE_DDL:
		case LH_CHANGE_MESSAGE: return write_message(ctx, enc, ev, out);
		case LH_CHANGE_QUARANTINE: return write_quarantine(ctx, enc, ev, out);
		case LH_CHANGE_BEGIN:
		case LH_CHANGE_COMMIT:
			return base->options->transactions ? write_boundary(ctx, enc, ev, out) : LH_OK;
		default: return LH_OK; /* describe tells of schemas */
	}
}

static LhStatus
relation(LhCtx *ctx, LhEncoder *base, const LhChangeRel *rel, void **out)
{
	LhAvroPlan *plan;

	LH_TRY(lh_avro_plan(ctx, base->options, rel, &plan));
	*out = plan;
	return LH_OK;
}

static LhStatus
describe(LhCtx *ctx, LhEncoder *base, const LhChangeRel *rel, void *arg, LhChangeOut *out)
{
	const Avro *enc = (const Avro *) base;
	const LhAvroPlan *plan = arg;

	if (rel != NULL)
	{
		LH_TRY(lh_avro_tell(ctx, out, "value", &plan->value));
		return rel->nkeys > 0 ? lh_avro_tell(ctx, out, "key", &plan->key) : LH_OK;
	}
	for (int i = 0; i < N_FIXED; i++)
		LH_TRY(lh_avro_tell(ctx, out, fixed[i].part, &enc->schemas[i]));
	return LH_OK;
}

static LhStatus
create(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	Avro *enc;

	LH_NEW(ctx, enc);
	enc->base.format = &lh_format_avro;
	enc->base.options = options;
	for (int i = 0; i < N_FIXED; i++)
		LH_TRY(
			lh_avro_schema(ctx, lh_slice(fixed[i].text, strlen(fixed[i].text)), &enc->schemas[i]));
	*out = &enc->base;
	return LH_OK;
}

const LhChangeFormat lh_format_avro = {
	.name = "avro",
	.summary = "a row as an Avro record, flat, with its operation and position",
	.keyed = true,
	.schemas = LH_SCHEMA_AVRO,
	.create = create,
	.relation = relation,
	.event = event,
	.describe = describe,
};
