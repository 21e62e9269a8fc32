/*
 * deliver.c
 *		Frames to sinks.
 */
#include "client/deliver.h"

#include "change/outbox.h"
#include "change/transform.h"
#include "client/relations.h"

/* After so many topics that were told of, no more are. */
#define MAX_TOLD   256
/* Numbers of a schema event's messages: behind all that an event of rows has. */
#define SCHEMA_SUB (1 << 16)
/* Marks that are kept; of more every second one goes, and what is confirmed is as much coarser. */
#define MARKS      1024

/* A snapshot's unit that is being put. */
typedef struct Unit
{
	LhChangePos pos;
	LhRelations relations;
	LhFrameReader reader;
	LhArena *scratch; /* of one batch */
	int sub[LH_MAX_FORMATS];
} Unit;

/* Topics of which a person was told, by their hash. */
typedef struct Told
{
	int n;
	uint64_t topics[MAX_TOLD];
} Told;

struct LhDelivery
{
	LhDeliveryConfig config;
	LhDeliveryState state;
	int nsinks;
	LhDeliverySink *sinks;
	LhArena *arena;   /* of all of it */
	LhArena *scratch; /* of one batch */
	LhFrameReader reader;
	LhSchemaStore *schemas, *unit_schemas;
	LhBuf joined;       /* bodies of a frame's parts */
	LhFrame first;      /* head of the frame that is being joined */
	uint32_t next_part; /* that is to come; 0: none */
	const char *message_topic;
	Told told;
	/* of an outbox: as the frame said it, and what it is called */
	char routed[LH_TOPIC_MAX + 1], route[LH_TOPIC_MAX + 1];
	LhRelations relations; /* that this connection told of */
	Unit unit;
	LhChangePos pos;      /* of the last frame of this connection */
	LhChangePos finished; /* of the commit at state.finished */
	/* commits at flushes that not all sinks hold yet, ascending */
	LhChangePos marks[MARKS];
	int nmarks;
	uint32_t stride;         /* of so many flushes one mark stays, besides the newest */
	uint32_t since;          /* flushes since the last mark that stays */
	int sub[LH_MAX_FORMATS]; /* of the frame at hand */
};

LhStatus
lh_delivery_create(LhCtx *ctx, const LhDeliveryConfig *config, int nsinks, LhDeliverySink *sinks,
				   LhDelivery **out)
{
	LhDelivery *d;

	LH_NEW(ctx, d);
	d->config = *config;
	d->nsinks = nsinks;
	d->sinks = sinks;
	d->arena = ctx->arena;
	LH_TRY(lh_relations_init(ctx, &d->relations));
	LH_TRY(lh_relations_init(ctx, &d->unit.relations));
	d->scratch = lh_arena_child(ctx->arena);
	d->unit.scratch = lh_arena_child(ctx->arena);
	if (d->scratch == NULL || d->unit.scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	LH_TRY(lh_buf_init(ctx, &d->joined, false));
	d->schemas = config->schemas;
	if (d->schemas == NULL)
		LH_TRY(lh_schema_store_create(ctx, &d->schemas));
	d->unit_schemas = config->unit_schemas;
	if (d->unit_schemas == NULL)
		LH_TRY(lh_schema_store_create(ctx, &d->unit_schemas));
	LH_TRY(lh_route_topic(ctx, &config->message_topic, config->slot, "", "", &d->message_topic));
	LH_TRY(lh_rename_topic(ctx, config->renames, d->message_topic, &d->message_topic));
	*out = d;
	return LH_OK;
}

void
lh_delivery_recovered(LhDeliverySink *s, const LhChangePos *durable, bool known)
{
	static const LhChangePos none;

	s->known = known;
	s->put = s->committed = known ? *durable : none;
	s->put_sub = known ? INT32_MAX : -1;
}

LhStatus
lh_delivery_start(LhCtx *ctx, LhDelivery *d, uint64_t lsn)
{
	d->next_part = 0;
	d->pos = d->finished = (LhChangePos){0};
	for (int i = 0; i < d->nsinks; i++)
		d->sinks[i].safe = lsn;
	d->state.finished = lsn;
	d->state.told = 0;
	d->nmarks = 0;
	d->state.open = d->state.ended = false;
	return lh_relations_forget(ctx, &d->relations);
}

const LhDeliveryState *
lh_delivery_state(const LhDelivery *d)
{
	return &d->state;
}

/* ---- messages ---- */

static LhStatus
sink_failed(LhCtx *ctx, LhDelivery *d, const LhDeliverySink *s, LhStatus status)
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

	if (order < 0 || (order == 0 && m->sub <= s->put_sub))
	{
		d->state.skipped++;
		return LH_OK;
	}
	LH_TRY(sink_failed(ctx, d, s, s->sink->kind->put(ctx, s->sink, m)));
	s->put = m->pos;
	s->put_sub = m->sub;
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

/* Rows of units are of another time than the stream's, and may need another schema of the same fingerprint. */
static LhSchemaStore *
store_of(const LhDelivery *d, const LhRelations *relations)
{
	return relations == &d->relations ? d->schemas : d->unit_schemas;
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
	if (d->told.n == MAX_TOLD)
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
		if (f->kind != LH_CHANGE_SIGNAL || relations != &d->relations)
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

/* pos and sub are those of the event that the messages are of: the frame's own, or the unit's. */
static LhStatus
put_messages(LhCtx *ctx, LhDelivery *d, LhRelations *relations, const LhFrame *f, LhChangePos pos,
			 int *sub)
{
	LhSinkMessage out = {.op = f->kind,
						 .pos = pos,
						 .lsn = f->lsn,
						 .commit_time = f->commit_time,
						 .unit = relations != &d->relations,
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
	if (f->kind == LH_CHANGE_SCHEMA && pos.ordinal > 0 && relations == &d->relations)
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

static LhStatus
commit(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos)
{
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		if (lh_change_pos_compare(pos, &s->committed) <= 0)
			continue;
		LH_TRY(sink_failed(ctx, d, s, s->sink->kind->commit(ctx, s->sink, pos)));
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

/* ---- frames ---- */

/* Positions ascend; a schema frame shares that of the row behind it. */
static LhStatus
check_position(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	int order = lh_change_pos_compare(&f->pos, &d->pos);

	if (order < 0 || (d->state.open && f->pos.commit_end != d->pos.commit_end))
		LH_FAIL(ctx, LH_CORRUPT, "change frame at position %X/%X, %llu behind one at %X/%X, %llu",
				(unsigned) (f->pos.commit_end >> 32), (unsigned) f->pos.commit_end,
				(unsigned long long) f->pos.ordinal, (unsigned) (d->pos.commit_end >> 32),
				(unsigned) d->pos.commit_end, (unsigned long long) d->pos.ordinal);
	/* it would be taken for one that the sinks have */
	if (f->pos.commit_end <= d->state.told)
		LH_FAIL(ctx, LH_CORRUPT,
				"change frame at position %X/%X, where all before %X/%X was said to be sent",
				(unsigned) (f->pos.commit_end >> 32), (unsigned) f->pos.commit_end,
				(unsigned) (d->state.told >> 32), (unsigned) d->state.told);
	d->pos = f->pos;
	return LH_OK;
}

static bool
is_of_rows(const LhFrame *f)
{
	return f->kind == LH_CHANGE_INSERT || f->kind == LH_CHANGE_UPDATE ||
		   f->kind == LH_CHANGE_DELETE || f->kind == LH_CHANGE_READ ||
		   f->kind == LH_CHANGE_TRUNCATE || f->kind == LH_CHANGE_QUARANTINE;
}

static void
spare_none(LhDelivery *d)
{
	for (int i = 0; i < d->nsinks; i++)
		d->sinks[i].spared = false;
}

/* What was sent; that it is finished is for the host to say (lh_delivery_idle). */
static LhStatus
take_progress(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	if (f->body.len != 0 || f->pos.ordinal != 0 || f->pos.commit_end < d->state.told)
		LH_FAIL(ctx, LH_CORRUPT, "progress frame at %X/%X, %llu with %zu bytes behind one at %X/%X",
				(unsigned) (f->pos.commit_end >> 32), (unsigned) f->pos.commit_end,
				(unsigned long long) f->pos.ordinal, f->body.len, (unsigned) (d->state.told >> 32),
				(unsigned) d->state.told);
	d->state.told = f->pos.commit_end;
	return LH_OK;
}

static LhStatus
take_frame(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	bool lone = f->kind == LH_CHANGE_MESSAGE && (f->flags & LH_FRAME_TRANSACTIONAL) == 0;
	bool drop = false;

	if (d->state.ended)
		return LH_OK;
	if (f->kind == LH_CHANGE_PROGRESS)
		return take_progress(ctx, d, f);
	/* nobody asked for it, and what may be taken back is for no sink */
	if ((f->flags & LH_FRAME_UNFINISHED) != 0 || LH_CHANGE_IS_UNFINISHED(f->kind))
		LH_FAIL(ctx, LH_CORRUPT, "change frame of kind %d of transaction %u, which is not finished",
				f->kind, f->pos.xid);
	if (!d->state.open && d->config.until != 0 && f->pos.commit_end > d->config.until)
	{
		d->state.ended = true;
		return LH_OK;
	}
	LH_TRY(check_position(ctx, d, f));
	if (!d->state.open && d->config.between != NULL)
		LH_TRY(d->config.between(ctx, f->pos.commit_end, d->config.arg));
	d->state.open = true;
	if (is_of_rows(f) && d->config.row != NULL)
		LH_TRY(d->config.row(ctx, f, false, &drop, d->config.arg));
	memset(d->sub, 0, sizeof(d->sub));
	if (!drop)
		LH_TRY(put_messages(ctx, d, &d->relations, f, f->pos, d->sub));
	spare_none(d);
	if (f->kind != LH_CHANGE_COMMIT && !lone)
		return LH_OK;
	LH_TRY(commit(ctx, d, &f->pos));
	if (f->kind == LH_CHANGE_COMMIT)
	{
		d->state.transactions++;
		d->state.commit_time = f->commit_time;
	}
	return LH_OK;
}

/* A frame in parts is one when the last is there. */
static LhStatus
take_part(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	if (f->part != d->next_part ||
		(f->part > 0 && (f->nparts != d->first.nparts || f->kind != d->first.kind ||
						 lh_change_pos_compare(&f->pos, &d->first.pos) != 0)))
		LH_FAIL(ctx, LH_CORRUPT, "part %u of %u of a change frame, where part %u is to come",
				f->part, f->nparts, d->next_part);
	if (f->part == 0)
	{
		d->joined.len = 0;
		d->first = *f;
	}
	if (f->body.len > d->config.max_message - d->joined.len)
		LH_FAIL(ctx, LH_LIMIT, "a change has more than %zu bytes; --max-message allows more",
				d->config.max_message);
	LH_TRY(lh_buf_append(ctx, &d->joined, f->body.data, f->body.len));
	d->next_part = f->part + 1;
	if (d->next_part < f->nparts)
		return LH_OK;
	d->next_part = 0;
	d->first.body = lh_slice(d->joined.data, d->joined.len);
	LH_TRY(take_frame(ctx, d, &d->first));
	lh_buf_free(&d->joined);
	return LH_OK;
}

static LhStatus
take_batch(LhCtx *ctx, LhDelivery *d, LhSlice bytes)
{
	LhArena *old = lh_use(ctx, d->arena);
	LhStatus status = lh_batch_open(ctx, bytes, d->config.max_message, &d->reader);

	lh_use(ctx, old);
	LH_TRY(status);
	for (;;)
	{
		LhFrame f;
		bool end;

		LH_TRY(lh_batch_next(ctx, &d->reader, &f, &end));
		if (end)
			return LH_OK;
		if (f.nparts > 1 || d->next_part > 0)
			LH_TRY(take_part(ctx, d, &f));
		else
			LH_TRY(take_frame(ctx, d, &f));
	}
}

LhStatus
lh_delivery_batch(LhCtx *ctx, LhDelivery *d, LhSlice bytes)
{
	LhArena *old = lh_use(ctx, d->scratch);
	LhStatus status = take_batch(ctx, d, bytes);

	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	d->state.bytes += bytes.len;
	return status;
}

/* ---- units of snapshots ---- */

LhStatus
lh_delivery_unit_begin(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos)
{
	d->unit.pos = *pos;
	memset(d->unit.sub, 0, sizeof(d->unit.sub));
	return lh_relations_forget(ctx, &d->unit.relations);
}

static LhStatus
take_unit_frame(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	bool drop = false;

	if (f->nparts > 1 || (f->kind != LH_CHANGE_SCHEMA && f->kind != LH_CHANGE_READ &&
						  f->kind != LH_CHANGE_QUARANTINE))
		LH_FAIL(ctx, LH_CORRUPT, "change frame of kind %d, part %u of %u, in a snapshot", f->kind,
				f->part, f->nparts);
	if (is_of_rows(f) && d->config.row != NULL)
		LH_TRY(d->config.row(ctx, f, true, &drop, d->config.arg));
	return drop ? LH_OK : put_messages(ctx, d, &d->unit.relations, f, d->unit.pos, d->unit.sub);
}

static LhStatus
take_unit_batch(LhCtx *ctx, LhDelivery *d, LhSlice bytes)
{
	LhArena *old = lh_use(ctx, d->arena);
	LhStatus status = lh_batch_open(ctx, bytes, d->config.max_message, &d->unit.reader);

	lh_use(ctx, old);
	LH_TRY(status);
	for (;;)
	{
		LhFrame f;
		bool end;

		LH_TRY(lh_batch_next(ctx, &d->unit.reader, &f, &end));
		if (end)
			return LH_OK;
		LH_TRY(take_unit_frame(ctx, d, &f));
	}
}

/* May be called while a frame of the stream is taken, so that scratch is in use. */
LhStatus
lh_delivery_unit_rows(LhCtx *ctx, LhDelivery *d, LhSlice batch)
{
	LhArena *old = lh_use(ctx, d->unit.scratch);
	LhStatus status = take_unit_batch(ctx, d, batch);

	lh_use(ctx, old);
	lh_arena_reset(d->unit.scratch);
	d->state.bytes += batch.len;
	return status;
}

LhStatus
lh_delivery_unit_end(LhCtx *ctx, LhDelivery *d, bool commits)
{
	spare_none(d);
	return commits ? commit(ctx, d, &d->unit.pos) : LH_OK;
}

LhStatus
lh_delivery_idle(LhCtx *ctx, LhDelivery *d, uint64_t lsn)
{
	LhChangePos pos = {.commit_end = lsn};
	LhArena *old;
	LhStatus status;

	if (d->state.open || d->state.ended || lsn <= d->state.finished)
		return LH_OK;
	if (d->config.until != 0 && lsn > d->config.until)
		pos.commit_end = d->config.until;
	if (pos.commit_end <= d->state.finished)
		return LH_OK;
	old = lh_use(ctx, d->scratch);
	status =
		d->config.between != NULL ? d->config.between(ctx, pos.commit_end, d->config.arg) : LH_OK;
	if (status == LH_OK)
		status = commit(ctx, d, &pos);
	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	return status;
}

/* A commit that sinks are told to make durable. */
static void
add_mark(LhDelivery *d)
{
	if (d->nmarks > 0 && lh_change_pos_compare(&d->finished, &d->marks[d->nmarks - 1]) <= 0)
		return;
	if (d->nmarks == 0)
		d->stride = 1;
	else if (++d->since < d->stride)
	{
		d->marks[d->nmarks - 1] = d->finished;
		return;
	}
	if (d->nmarks == MARKS)
	{
		d->nmarks /= 2;
		for (int i = 0; i < d->nmarks; i++)
			d->marks[i] = d->marks[2 * i + 1];
		d->stride *= 2;
	}
	d->marks[d->nmarks++] = d->finished;
	d->since = 0;
}

/*
 * "durable" may stand in the middle of a transaction, so that its commit_end alone
 * says nothing: a sink's safe position moves when all that is finished is durable, or
 * all up to a mark.
 */
static void
note_durable(LhDelivery *d)
{
	uint64_t all = UINT64_MAX;
	int n = 0;

	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];
		const LhChangePos *durable = &s->sink->durable;

		if (s->sink->kind->async != NULL)
			s->sink->kind->async->refresh(s->sink);
		if (lh_change_pos_compare(durable, &d->finished) >= 0 && d->state.finished > s->safe)
			s->safe = d->state.finished;
		for (int k = d->nmarks - 1; k >= 0 && d->marks[k].commit_end > s->safe; k--)
		{
			if (lh_change_pos_compare(durable, &d->marks[k]) >= 0)
				s->safe = d->marks[k].commit_end;
		}
		if (s->safe < all)
			all = s->safe;
	}
	while (n < d->nmarks && d->marks[n].commit_end <= all)
		n++;
	d->nmarks -= n;
	memmove(d->marks, d->marks + n, (size_t) d->nmarks * sizeof(d->marks[0]));
}

static LhStatus
flush_all(LhCtx *ctx, LhDelivery *d)
{
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		LH_TRY(sink_failed(ctx, d, s, s->sink->kind->flush(ctx, s->sink)));
	}
	return LH_OK;
}

static LhStatus
settle_all(LhCtx *ctx, LhDelivery *d)
{
	/* all at work before one is waited for */
	LH_TRY(flush_all(ctx, d));
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		if (s->sink->kind->async != NULL)
			LH_TRY(sink_failed(ctx, d, s, s->sink->kind->async->settle(ctx, s->sink)));
	}
	return LH_OK;
}

static LhStatus
flush(LhCtx *ctx, LhDelivery *d, LhStatus (*how)(LhCtx *ctx, LhDelivery *d))
{
	LhArena *old = lh_use(ctx, d->scratch);
	LhStatus status;

	add_mark(d);
	status = how(ctx, d);
	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	if (status != LH_OK)
		return status;
	note_durable(d);
	d->state.flushes++;
	d->state.unflushed_bytes = d->state.unflushed_commits = 0;
	return LH_OK;
}

LhStatus
lh_delivery_flush(LhCtx *ctx, LhDelivery *d)
{
	return flush(ctx, d, flush_all);
}

LhStatus
lh_delivery_settle(LhCtx *ctx, LhDelivery *d)
{
	return flush(ctx, d, settle_all);
}

LhStatus
lh_delivery_poll(LhCtx *ctx, LhDelivery *d)
{
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		if (s->sink->kind->async != NULL)
			LH_TRY(sink_failed(ctx, d, s, s->sink->kind->async->poll(ctx, s->sink)));
	}
	note_durable(d);
	return LH_OK;
}

bool
lh_delivery_behind(const LhDelivery *d)
{
	return d->nmarks > 0;
}

uint64_t
lh_delivery_confirmed(LhDelivery *d)
{
	uint64_t lsn;

	note_durable(d);
	lsn = d->state.finished;
	for (int i = 0; i < d->nsinks; i++)
	{
		if (d->sinks[i].safe < lsn)
			lsn = d->sinks[i].safe;
	}
	return lsn;
}
