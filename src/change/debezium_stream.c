/*
 * debezium_stream.c
 *		Which messages of Debezium's an event becomes, and what their schemas are.
 *
 * A changed key is a delete of the old key, its tombstone, and a create.  Order in
 * the transaction counts what the format writes: a changed key counts twice.
 */
#include "change/debezium_stream.h"

#include "change/debezium_envelope.h"
#include "change/names.h"

LhStatus
lh_dbz_stream_init(LhCtx *ctx, LhDbzStream *s, const LhChangeFormat *format,
				   const LhDbzWriter *writer, const LhChangeOptions *options)
{
	s->base.format = format;
	s->base.options = options;
	s->writer = writer;
	s->alone = true;
	s->serial = 1;
	LH_TRY(lh_buf_init(ctx, &s->collections, false));
	return lh_buf_init(ctx, &s->names, false);
}

/* ---- counts ---- */

LhStatus
lh_dbz_count(LhCtx *ctx, LhDbzStream *s, LhDbzPlan *plan, uint64_t *order)
{
	LhDbzCollection *all = (LhDbzCollection *) s->collections.data;

	s->total++;
	if (plan->serial != s->serial)
	{
		LhDbzCollection c = {s->names.len, strlen(plan->collection), 0};
		size_t n = s->collections.len / sizeof(c);

		plan->serial = s->serial;
		/* the same table under another schema */
		for (plan->place = 0; plan->place < n; plan->place++)
			if (all[plan->place].name_len == c.name_len &&
				memcmp(s->names.data + all[plan->place].name_at, plan->collection, c.name_len) == 0)
				break;
		if (plan->place == n)
		{
			LH_TRY(lh_put(ctx, &s->names, plan->collection, c.name_len));
			LH_TRY(lh_put(ctx, &s->collections, &c, sizeof(c)));
			all = (LhDbzCollection *) s->collections.data;
		}
	}
	*order = ++all[plan->place].count;
	return LH_OK;
}

void
lh_dbz_uncount(LhDbzStream *s, LhDbzPlan *plan)
{
	s->total--;
	((LhDbzCollection *) s->collections.data)[plan->place].count--;
}

LhStatus
lh_dbz_alone(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, bool snapshot)
{
	s->alone = true;
	return s->writer->transaction(ctx, s, NULL, ev->now, snapshot);
}

/* ---- events ---- */

static inline LhStatus
write_row(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, char op, const LhCell *key,
		  const LhCell *before, const LhCell *after, LhChangeOut *out)
{
	LhDbzRow row = {op, key, before, after, 0};

	if (ev->txn != NULL)
		LH_TRY(lh_dbz_count(ctx, s, ev->plan, &row.order));
	return s->writer->row(ctx, s, ev, &row, out);
}

static LhStatus
write_tombstone(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out)
{
	return s->base.options->tombstones ? s->writer->tombstone(ctx, s, ev, out) : LH_OK;
}

static LhStatus
write_change(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out)
{
	const LhCell *old = ev->old_cells;
	const LhCell *new = ev->new_cells;

	if (s->base.options->unwrap && s->writer->flat != NULL)
		return s->writer->flat(ctx, s, ev, out);
	switch (ev->op)
	{
		case LH_CHANGE_INSERT: return write_row(ctx, s, ev, 'c', new, NULL, new, out);
		case LH_CHANGE_READ:
			LH_TRY(lh_dbz_alone(ctx, s, ev, true));
			return write_row(ctx, s, ev, 'r', new, NULL, new, out);
		case LH_CHANGE_UPDATE:
			if (!ev->key_changed || old == NULL)
				return write_row(ctx, s, ev, 'u', new, old, new, out);
			LH_TRY(write_row(ctx, s, ev, 'd', old, old, NULL, out));
			LH_TRY(write_tombstone(ctx, s, ev, out));
			return write_row(ctx, s, ev, 'c', new, NULL, new, out);
		case LH_CHANGE_DELETE:
			LH_TRY(write_row(ctx, s, ev, 'd', old, old, NULL, out));
			return write_tombstone(ctx, s, ev, out);
		default: return write_row(ctx, s, ev, 't', NULL, NULL, NULL, out);
	}
}

static LhStatus
write_message(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const char *prefix,
			  LhSlice content, LhChangeOut *out)
{
	if (ev->txn != NULL)
		s->total++;
	else
		LH_TRY(lh_dbz_alone(ctx, s, ev, false));
	return s->writer->message(ctx, s, ev, prefix, content, out);
}

LhStatus
lh_dbz_quarantine(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const char *reason,
				  LhChangeOut *out)
{
	const char *text =
		lh_sprintf(ctx, "%s.%s: %s", ev->rel->schema, ev->rel->name, reason != NULL ? reason : "");

	if (text == NULL)
		return LH_NO_MEMORY;
	return write_message(ctx, s, ev, "lakehouse.quarantine", lh_slice(text, strlen(text)), out);
}

static LhStatus
write_boundary(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out)
{
	return s->base.options->transactions ? s->writer->boundary(ctx, s, ev, out) : LH_OK;
}

static LhStatus
enter_transaction(LhCtx *ctx, LhDbzStream *s, const LhChangeTxn *txn)
{
	s->alone = false;
	return s->writer->transaction(ctx, s, txn, txn->commit_time, false);
}

LhStatus
lh_dbz_event(LhCtx *ctx, LhEncoder *base, const LhChangeEvent *ev, LhChangeOut *out)
{
	LhDbzStream *s = (LhDbzStream *) base;

	if (s->alone && ev->txn != NULL)
		LH_TRY(enter_transaction(ctx, s, ev->txn));
	switch (ev->op)
	{
		case LH_CHANGE_BEGIN:
			s->serial++;
			s->total = 0;
			s->collections.len = s->names.len = 0;
			LH_TRY(enter_transaction(ctx, s, ev->txn));
			return write_boundary(ctx, s, ev, out);
		case LH_CHANGE_COMMIT:
			s->last_commit = ev->txn->commit_end;
			return write_boundary(ctx, s, ev, out);
		case LH_CHANGE_DDL:
		case LH_CHANGE_MESSAGE: return write_message(ctx, s, ev, ev->prefix, ev->content, out);
		case LH_CHANGE_QUARANTINE: return lh_dbz_quarantine(ctx, s, ev, ev->reason, out);
		case LH_CHANGE_INSERT:
		case LH_CHANGE_UPDATE:
		case LH_CHANGE_DELETE:
		case LH_CHANGE_READ:
		case LH_CHANGE_TRUNCATE: return write_change(ctx, s, ev, out);
		default: return LH_OK;
	}
}

/* ---- plans and schemas ---- */

LhStatus
lh_dbz_plan(LhCtx *ctx, const LhChangeOptions *o, const LhChangeRel *rel,
			const LhChangeColumn *columns, const char *stem, LhDbzPlan *out)
{
	out->rel = rel;
	LH_NEW_ARRAY(ctx, out->columns, (size_t) rel->ncolumns + 1);
	out->collection = lh_sprintf(ctx, "%s.%s", rel->schema, rel->name);
	if (out->collection == NULL)
		return LH_NO_MEMORY;
	for (int i = 0; i < rel->ncolumns; i++)
		LH_TRY(lh_dbz_column(ctx, o, &columns[i], &out->columns[i]));
	out->stem = stem;
	return stem != NULL ? LH_OK
						: lh_name_topic(ctx, o->topic_prefix, rel->schema, rel->name, &out->stem);
}

static LhStatus
put_text(LhCtx *ctx, LhBuf *buf, const char *s)
{
	return lh_put(ctx, buf, s, strlen(s));
}

/* {"type":"struct","fields":[..],"optional":true,"name":"srv.public.t.Value","field":"before"} */
static LhStatus
put_value_schema(LhCtx *ctx, LhBuf *buf, const LhDbzPlan *plan, const char *field)
{
	LH_TRY(put_text(ctx, buf, "{\"type\":\"struct\",\"fields\":["));
	for (int i = 0; i < plan->rel->ncolumns; i++)
	{
		if (i > 0)
			LH_TRY(lh_put(ctx, buf, ",", 1));
		LH_TRY(lh_put(ctx, buf, plan->columns[i].field.data, plan->columns[i].field.len));
	}
	return lh_buf_printf(ctx, buf, "],\"optional\":true,\"name\":\"%s.Value\",\"field\":\"%s\"}",
						 plan->stem, field);
}

LhStatus
lh_dbz_put_envelope(LhCtx *ctx, LhBuf *buf, const LhDbzPlan *plan)
{
	LH_TRY(put_text(ctx, buf, "{\"type\":\"struct\",\"fields\":["));
	LH_TRY(put_value_schema(ctx, buf, plan, "before"));
	LH_TRY(lh_put(ctx, buf, ",", 1));
	LH_TRY(put_value_schema(ctx, buf, plan, "after"));
	LH_TRY(put_text(ctx, buf, envelope_tail));
	return lh_buf_printf(ctx, buf, "%s.Envelope\",\"version\":2}", plan->stem);
}

LhStatus
lh_dbz_put_key_schema(LhCtx *ctx, LhBuf *buf, const LhDbzPlan *plan)
{
	LH_TRY(put_text(ctx, buf, "{\"type\":\"struct\",\"fields\":["));
	for (int i = 0; i < plan->rel->nkeys; i++)
	{
		LhSlice field = plan->columns[plan->rel->keys[i]].field;

		if (i > 0)
			LH_TRY(lh_put(ctx, buf, ",", 1));
		LH_TRY(lh_put(ctx, buf, field.data, field.len));
	}
	return lh_buf_printf(ctx, buf, "],\"optional\":false,\"name\":\"%s.Key\"}", plan->stem);
}
