/*
 * deliver_messages.c
 *		A frame's messages: where they go, and to which sinks.
 */
#include "change/outbox.h"
#include "change/transform.h"
#include "client/deliver_internal.h"

/* Numbers of a schema event's messages: behind all that an event of rows has. */
#define SCHEMA_SUB (1 << 16)

LhStatus
lh_delivery_sink_failed(LhCtx *ctx, LhDelivery *d, const LhDeliverySink *s, LhStatus status)
{
	if (status == LH_OK)
		return LH_OK;
	d->state.sink_failed = true;
	lh_error_prefix(ctx, "sink %s", s->name);
	return status;
}

static LhStatus
put(LhCtx *ctx, LhDelivery *d, LhDeliverySink *s, const LhSinkMessage *m)
{
	int order = lh_change_pos_compare(&m->pos, &s->put);
	bool unsure = s->recovered && m->op == LH_CHANGE_SCHEMA && !m->unit;

	if (order < 0 || (order == 0 && m->sub <= s->put_sub && !unsure))
	{
		d->state.skipped++;
		return LH_OK;
	}
	LH_TRY(lh_delivery_sink_failed(ctx, d, s, s->sink->kind->put(ctx, s->sink, m)));
	s->put = m->pos;
	s->put_sub = m->sub;
	s->recovered = false;
	return LH_OK;
}

/* The schema that a key or value names by its head. */
static LhStatus
find_schema(LhCtx *ctx, const LhDelivery *d, const LhSchemaStore *store, int format, LhSlice bytes,
			const LhSchema **schema)
{
	uint64_t fingerprint;

	if (!lh_schema_head_read(d->config.kinds[format], bytes, &fingerprint))
		LH_FAIL(ctx, LH_CORRUPT, "a message of format %d that names no schema", format);
	*schema = lh_schema_store_find(store, d->config.kinds[format], fingerprint);
	if (*schema == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "a message of schema %016llx, which no frame told of",
				(unsigned long long) fingerprint);
	return LH_OK;
}

static LhStatus
find_schemas(LhCtx *ctx, const LhDelivery *d, const LhSchemaStore *store, const LhFrameMessage *m,
			 LhSinkMessage *out)
{
	if (m->has_key)
		LH_TRY(find_schema(ctx, d, store, m->format, m->key, &out->key_schema));
	return m->tombstone ? LH_OK
						: find_schema(ctx, d, store, m->format, m->value, &out->value_schema);
}

/*
 * Rows of units are of another time than the stream's, and may need another schema of the
 * same fingerprint; so are those of a transaction that saw what it changed itself.
 */
static LhSchemaStore *
store_of(const LhDelivery *d, const LhRelations *relations)
{
	return relations == &d->relations          ? d->schemas
		   : relations == &d->replay.relations ? d->unfinished_schemas
											   : d->unit_schemas;
}

static LhStatus
keep_schema(LhCtx *ctx, LhSchemaStore *store, const LhFrameMessage *m)
{
	LhSchema schema;

	LH_TRY(lh_frame_schema(ctx, m, &schema));
	return lh_schema_store_add(ctx, store, schema.kind, schema.fingerprint, schema.text);
}

/* Once for each topic; a stream that goes on elsewhere does not begin anew. */
static bool
is_told(LhDelivery *d, uint64_t hash)
{
	for (int i = 0; i < d->told.n; i++)
	{
		if (d->told.topics[i] == hash)
			return true;
	}
	if (d->told.n == LH_DELIVERY_TOLD)
		return true;
	d->told.topics[d->told.n++] = hash;
	return false;
}

/* Two tables may have one topic; who did not mean that wants to know. */
static LhStatus
tell_shared(LhCtx *ctx, LhDelivery *d, const LhRelations *all, const LhRelation *r)
{
	const LhRelation *other;
	const char *text;

	if (d->config.notice == NULL || (other = lh_relations_twin(all, r)) == NULL ||
		is_told(d, r->hash))
		return LH_OK;
	text = lh_sprintf(ctx, "tables %s.%s and %s.%s have the same topic \"%s\"", other->schema,
					  other->table, r->schema, r->table, r->topic);
	if (text == NULL)
		return ctx->error->code;
	d->config.notice(text, d->config.notice_arg);
	return LH_OK;
}

/* A message that says what a relation is called, or what a unit or the stream is told. */
static LhStatus
take_notice(LhCtx *ctx, LhDelivery *d, LhRelations *relations, const LhFrame *f,
			const LhFrameMessage *m)
{
	LhRelationRoute route = {d->config.slot, &d->config.topic, d->config.renames};
	const LhRelation *r;

	if (m->format == LH_MESSAGE_SCHEMA)
		return keep_schema(ctx, store_of(d, relations), m);
	if (m->format == LH_MESSAGE_SIGNAL)
	{
		if (f->kind != LH_CHANGE_SIGNAL || relations == &d->unit.relations)
			LH_FAIL(ctx, LH_CORRUPT, "a signal in a change frame of kind %d", f->kind);
		return d->config.signal != NULL ? d->config.signal(ctx, f, m->key, m->value, d->config.arg)
										: LH_OK;
	}
	LH_TRY(lh_relations_keep(ctx, relations, &route, f, m, &r));
	return tell_shared(ctx, d, relations, r);
}

/*
 * Where an outbox's row goes.  The plugin escaped and measured the topic: another is none
 * of its.  Rows choose it, so a rule that makes no topic of it does not stop the stream.
 */
static LhStatus
take_route(LhCtx *ctx, LhDelivery *d, const LhFrame *f, const LhFrameMessage *m, LhSinkMessage *out)
{
	const char *topic;
	LhStatus status;
	size_t at = 0;
	int n = 0;

	if (f->kind != LH_CHANGE_INSERT || m->tombstone || !lh_topic_valid(m->key.data, m->key.len))
		LH_FAIL(ctx, LH_CORRUPT, "a topic of %zu bytes in a change frame of kind %d", m->key.len,
				f->kind);
	while (at < m->value.len)
	{
		LhSlice name, value;

		if (++n > LH_ADD_FIELDS_MAX + 1)
			LH_FAIL(ctx, LH_CORRUPT, "a message with more than %d headers", LH_ADD_FIELDS_MAX + 1);
		LH_TRY(lh_header_next(ctx, m->value, &at, &name, &value));
	}
	out->headers = m->value;
	out->topic = d->route;
	if (strlen(d->routed) == m->key.len && memcmp(d->routed, m->key.data, m->key.len) == 0)
		return LH_OK;
	memcpy(d->routed, m->key.data, m->key.len);
	d->routed[m->key.len] = '\0';
	status = lh_rename_topic(ctx, d->config.renames, d->routed, &topic);
	if (status == LH_INVALID)
	{
		if (d->config.notice != NULL && !is_told(d, 0))
			d->config.notice(ctx->error->message, d->config.notice_arg);
		lh_error_clear(ctx);
		topic = d->routed;
	}
	else
		LH_TRY(status);
	strcpy(d->route, topic);
	return LH_OK;
}

static LhStatus
put_message(LhCtx *ctx, LhDelivery *d, LhSinkMessage *out, const LhFrameMessage *m)
{
	out->has_key = m->has_key;
	out->tombstone = m->tombstone;
	out->key = m->key;
	out->value = m->value;
	d->state.messages++;
	d->state.unflushed_bytes += m->key.len + m->value.len;
	for (int k = 0; k < d->nsinks; k++)
	{
		if (d->sinks[k].format == m->format && !d->sinks[k].spared)
			LH_TRY(put(ctx, d, &d->sinks[k], out));
	}
	return LH_OK;
}

LhStatus
lh_delivery_put(LhCtx *ctx, LhDelivery *d, LhRelations *relations, const LhFrame *f,
				LhChangePos pos, int *sub)
{
	LhSinkMessage out = {.op = f->kind,
						 .pos = pos,
						 .lsn = f->lsn,
						 .commit_time = f->commit_time,
						 .unit = relations == &d->unit.relations,
						 .relid = f->relid,
						 .generation = f->generation,
						 .topic = d->message_topic};
	size_t at = 0;
	int first_sub = 0;
	bool routed = false;

	/*
	 * The row behind a schema event has the same position, and a sink may make durable what
	 * it was given: the schema belongs to what came before, lest the row be taken for stored.
	 */
	if (f->kind == LH_CHANGE_SCHEMA && pos.ordinal > 0 && relations != &d->unit.relations)
	{
		out.pos.ordinal--;
		first_sub = SCHEMA_SUB;
	}
	for (int i = 0; i < f->nmessages; i++)
	{
		LhFrameMessage m;

		LH_TRY(lh_frame_message(ctx, f->body, &at, &m));
		if (m.format == LH_MESSAGE_ROUTE)
		{
			LH_TRY(take_route(ctx, d, f, &m, &out));
			routed = true;
			continue;
		}
		if (m.format >= LH_MESSAGE_SPECIAL)
		{
			LH_TRY(take_notice(ctx, d, relations, f, &m));
			continue;
		}
		if (m.format >= d->config.nformats)
			LH_FAIL(ctx, LH_CORRUPT, "message of format %d in a stream of %d", m.format,
					d->config.nformats);
		if (f->relid != 0)
		{
			const LhRelation *r = NULL;

			LH_TRY(lh_relations_find(ctx, relations, f, &r));
			out.schema = r->schema;
			out.table = r->table;
			if (!routed)
				out.topic = m.aside ? d->message_topic : r->topic;
		}
		out.key_schema = out.value_schema = NULL;
		/* what goes through an outbox is what the table holds */
		if (d->config.kinds[m.format] != LH_SCHEMA_NONE && !routed)
			LH_TRY(find_schemas(ctx, d, store_of(d, relations), &m, &out));
		out.sub = first_sub + sub[m.format]++;
		LH_TRY(put_message(ctx, d, &out, &m));
	}
	if (at != f->body.len)
		LH_FAIL(ctx, LH_CORRUPT, "change frame with %zu bytes behind its messages",
				f->body.len - at);
	return LH_OK;
}

LhStatus
lh_delivery_commit(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos)
{
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		if (lh_change_pos_compare(pos, &s->committed) <= 0)
			continue;
		LH_TRY(lh_delivery_sink_failed(ctx, d, s, s->sink->kind->commit(ctx, s->sink, pos)));
		s->committed = *pos;
		if (lh_change_pos_compare(pos, &s->put) > 0)
		{
			s->put = *pos;
			s->put_sub = INT32_MAX;
		}
	}
	d->finished = *pos;
	d->state.finished = pos->commit_end;
	d->state.open = false;
	d->state.unflushed_commits++;
	return LH_OK;
}
