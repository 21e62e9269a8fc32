/*
 * deliver.c
 *		Frames to sinks.
 */
#include "client/deliver.h"

#define START_RELATIONS 64
/* Numbers of a schema event's messages: behind all that an event of rows has. */
#define SCHEMA_SUB      (1 << 16)

/* What a schema frame said of a relation. */
typedef struct Relation
{
	uint32_t relid; /* 0: free */
	uint32_t generation;
	const char *schema;
	const char *table;
	const char *topic;
} Relation;

struct LhDelivery
{
	LhDeliveryConfig config;
	LhDeliveryState state;
	int nsinks;
	LhDeliverySink *sinks;
	LhArena *arena;      /* of all of it */
	LhArena *connection; /* of what one connection told */
	LhArena *scratch;    /* of one batch */
	LhFrameReader reader;
	LhBuf joined;       /* bodies of a frame's parts */
	LhFrame first;      /* head of the frame that is being joined */
	uint32_t next_part; /* that is to come; 0: none */
	const char *message_topic;
	Relation *relations; /* open addressing */
	uint32_t nrelations, capacity;
	const Relation *last;    /* looked up */
	LhChangePos pos;         /* of the last frame of this connection */
	LhChangePos finished;    /* of the commit at state.finished */
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
	d->connection = lh_arena_child(ctx->arena);
	d->scratch = lh_arena_child(ctx->arena);
	if (d->connection == NULL || d->scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	LH_TRY(lh_buf_init(ctx, &d->joined, false));
	LH_TRY(lh_route_topic(ctx, &config->message_topic, config->slot, "", "", &d->message_topic));
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
	LhArena *old;

	lh_arena_reset(d->connection);
	d->capacity = START_RELATIONS;
	d->nrelations = 0;
	d->last = NULL;
	d->next_part = 0;
	d->pos = d->finished = (LhChangePos){0};
	for (int i = 0; i < d->nsinks; i++)
		d->sinks[i].safe = lsn;
	d->state.finished = lsn;
	d->state.open = d->state.ended = false;
	old = lh_use(ctx, d->connection);
	d->relations = lh_alloc_array(ctx, d->capacity, sizeof(Relation));
	lh_use(ctx, old);
	return d->relations != NULL ? LH_OK : ctx->error->code;
}

const LhDeliveryState *
lh_delivery_state(const LhDelivery *d)
{
	return &d->state;
}

/* ---- relations ---- */

static Relation *
slot_of(Relation *relations, uint32_t capacity, uint32_t relid)
{
	uint32_t i = (relid * UINT32_C(2654435769)) & (capacity - 1);

	while (relations[i].relid != 0 && relations[i].relid != relid)
		i = (i + 1) & (capacity - 1);
	return &relations[i];
}

static LhStatus
grow(LhCtx *ctx, LhDelivery *d)
{
	uint32_t capacity = d->capacity * 2;
	Relation *more;

	LH_NEW_ARRAY(ctx, more, capacity);
	for (uint32_t i = 0; i < d->capacity; i++)
	{
		if (d->relations[i].relid != 0)
			*slot_of(more, capacity, d->relations[i].relid) = d->relations[i];
	}
	d->relations = more;
	d->capacity = capacity;
	return LH_OK;
}

/* In d->connection. */
static LhStatus
keep_relation(LhCtx *ctx, LhDelivery *d, const LhFrame *f, const LhFrameMessage *m)
{
	Relation *r;

	if (f->kind != LH_CHANGE_SCHEMA || f->relid == 0 || m->tombstone ||
		memchr(m->key.data, '\0', m->key.len) != NULL ||
		memchr(m->value.data, '\0', m->value.len) != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "names of a relation in a change frame of kind %d, relation %u",
				f->kind, f->relid);
	if (d->nrelations * 2 >= d->capacity)
		LH_TRY(grow(ctx, d));
	d->last = NULL;
	r = slot_of(d->relations, d->capacity, f->relid);
	if (r->relid == 0)
		d->nrelations++;
	r->relid = f->relid;
	r->generation = f->generation;
	r->schema = lh_strndup(ctx, (const char *) m->key.data, m->key.len);
	r->table = lh_strndup(ctx, (const char *) m->value.data, m->value.len);
	if (r->schema == NULL || r->table == NULL)
		return ctx->error->code;
	return lh_route_topic(ctx, &d->config.topic, d->config.slot, r->schema, r->table, &r->topic);
}

static LhStatus
find_relation(LhCtx *ctx, LhDelivery *d, const LhFrame *f, const Relation **relation)
{
	const Relation *r = d->last;

	if (r == NULL || r->relid != f->relid)
		r = slot_of(d->relations, d->capacity, f->relid);
	if (r->relid == 0 || r->generation != f->generation)
		LH_FAIL(ctx, LH_CORRUPT,
				"change frame of relation %u, generation %u, which no schema frame named", f->relid,
				f->generation);
	*relation = d->last = r;
	return LH_OK;
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

static LhStatus
put_messages(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	LhSinkMessage out = {.op = f->kind,
						 .pos = f->pos,
						 .lsn = f->lsn,
						 .commit_time = f->commit_time,
						 .relid = f->relid,
						 .generation = f->generation,
						 .topic = d->message_topic};
	size_t at = 0;
	int first_sub = 0;

	/*
	 * The row behind a schema event has the same position, and a sink may make durable what
	 * it was given: the schema belongs to what came before, lest the row be taken for stored.
	 */
	if (f->kind == LH_CHANGE_SCHEMA && f->pos.ordinal > 0)
	{
		out.pos.ordinal--;
		first_sub = SCHEMA_SUB;
	}
	memset(d->sub, 0, sizeof(d->sub));
	for (int i = 0; i < f->nmessages; i++)
	{
		LhFrameMessage m;

		LH_TRY(lh_frame_message(ctx, f->body, &at, &m));
		if (m.format == LH_MESSAGE_RELATION)
		{
			LhArena *old = lh_use(ctx, d->connection);
			LhStatus status = keep_relation(ctx, d, f, &m);

			lh_use(ctx, old);
			LH_TRY(status);
			continue;
		}
		if (m.format >= d->config.nformats)
			LH_FAIL(ctx, LH_CORRUPT, "message of format %d in a stream of %d", m.format,
					d->config.nformats);
		if (f->relid != 0)
		{
			const Relation *r = NULL;

			LH_TRY(find_relation(ctx, d, f, &r));
			out.schema = r->schema;
			out.table = r->table;
			out.topic = r->topic;
		}
		out.sub = first_sub + d->sub[m.format]++;
		out.has_key = m.has_key;
		out.tombstone = m.tombstone;
		out.key = m.key;
		out.value = m.value;
		d->state.messages++;
		d->state.unflushed_bytes += m.key.len + m.value.len;
		for (int k = 0; k < d->nsinks; k++)
		{
			if (d->sinks[k].format == m.format)
				LH_TRY(put(ctx, d, &d->sinks[k], &out));
		}
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
	d->pos = f->pos;
	return LH_OK;
}

static LhStatus
take_frame(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	bool lone = f->kind == LH_CHANGE_MESSAGE && (f->flags & LH_FRAME_TRANSACTIONAL) == 0;

	if (d->state.ended)
		return LH_OK;
	if (!d->state.open && d->config.until != 0 && f->pos.commit_end > d->config.until)
	{
		d->state.ended = true;
		return LH_OK;
	}
	LH_TRY(check_position(ctx, d, f));
	d->state.open = true;
	LH_TRY(put_messages(ctx, d, f));
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
	status = commit(ctx, d, &pos);
	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	return status;
}

/*
 * "durable" may stand in the middle of a transaction, so that its commit_end alone
 * says nothing: a sink's safe position moves when all that is finished is durable.
 */
static void
note_durable(LhDelivery *d)
{
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		if (lh_change_pos_compare(&s->sink->durable, &d->finished) >= 0 &&
			d->state.finished > s->safe)
			s->safe = d->state.finished;
	}
}

LhStatus
lh_delivery_flush(LhCtx *ctx, LhDelivery *d)
{
	LhArena *old = lh_use(ctx, d->scratch);
	LhStatus status = LH_OK;

	for (int i = 0; i < d->nsinks && status == LH_OK; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		status = sink_failed(ctx, d, s, s->sink->kind->flush(ctx, s->sink));
	}
	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	if (status != LH_OK)
		return status;
	note_durable(d);
	d->state.flushes++;
	d->state.unflushed_bytes = d->state.unflushed_commits = 0;
	return LH_OK;
}

uint64_t
lh_delivery_confirmed(const LhDelivery *d)
{
	uint64_t lsn = d->state.finished;

	for (int i = 0; i < d->nsinks; i++)
	{
		if (d->sinks[i].safe < lsn)
			lsn = d->sinks[i].safe;
	}
	return lsn;
}
