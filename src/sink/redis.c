/*
 * redis.c
 *		"redis://host:6379/0": messages as entries of Redis Streams, exactly once.
 *
 *	1. A batch of messages and the position behind it are one script (redis_server.c),
 *	   which the server runs alone: it appends all and moves the position, or does
 *	   nothing.  With appendfsync=always it is synced before it is confirmed, and a
 *	   server that is killed in the middle drops it whole when it reads its log.
 *	   (MULTI alone would not do: a command that fails in EXEC does not keep the
 *	   position behind it from being set.)
 *	2. The script compares owner and position before it does anything.  recover makes a
 *	   new owner, so an older client of the same stream, and a batch of it that is
 *	   still on its way, come too late.  (WATCH would see a change, too, but costs a
 *	   round trip before each batch, and nothing could be sent ahead.)
 *	3. As each batch names the position that it goes on from, the next ones are
 *	   sent before it was answered: when one fails, those behind it do nothing.
 *	4. Entries have ids of ours, which grow with the position:
 *
 *			end of the commit - ordinal * 2^22 + sub
 *
 *	   Should the server, against all that is looked at before, fail in the middle of a
 *	   batch, the position stays, and what is there is known by its ids the next time.
 *	5. A batch ends with a source transaction, or where it is larger than batch.bytes
 *	   between two events.  An event that is larger itself (a unit of a snapshot) goes in
 *	   several scripts in one MULTI; each but the first asks whether the one before did
 *	   its part, and the last one moves the position.
 *
 * Messages that no server takes are found out before they go into a batch.
 */
#include "sink/redis.h"

#include <stdio.h>
#include <string.h>

#include "change/outbox.h"

/* Arguments of the script besides those of messages, and of EVAL besides these and the keys. */
#define OWN_ARGS     11
#define EVAL_ARGS    3
/* Names of streams are forgotten when there are so many. */
#define STREAMS_FULL 65536

LhStatus
lh_redis_id(LhCtx *ctx, const LhChangePos *pos, int sub, uint64_t id[2])
{
	if (pos->ordinal > LH_REDIS_ORDINAL_MAX)
		LH_FAIL(ctx, LH_LIMIT,
				"change %llu of a transaction: ids of a Redis stream have room for %llu",
				(unsigned long long) pos->ordinal, (unsigned long long) LH_REDIS_ORDINAL_MAX);
	if (sub < 0 || sub > LH_REDIS_SUB_MAX)
	{
		lh_fail(ctx, LH_LIMIT,
				"message %d of one event: ids of a Redis stream have room for %d of them", sub,
				LH_REDIS_SUB_MAX);
		lh_hint(ctx, "Units of snapshots have fewer rows with a smaller --chunk-blocks.");
		return LH_LIMIT;
	}
	if (pos->commit_end == 0)
		LH_FAIL(ctx, LH_BUG, "a message without a position");
	id[0] = pos->commit_end;
	id[1] = pos->ordinal << LH_REDIS_SUB_BITS | (uint64_t) sub;
	return LH_OK;
}

static LhStatus
forget_streams(LhCtx *ctx, LhRedis *r)
{
	LhArena *old = lh_use(ctx, r->names);
	LhStatus status;

	lh_arena_reset(r->names);
	r->streams = NULL;
	r->nstreams = r->streams_cap = 0;
	status = lh_namemap_create(ctx, 64, &r->stream_of);
	lh_use(ctx, old);
	return status;
}

static LhStatus
open_sink(LhCtx *ctx, const LhSinkConfig *config, bool tls, LhSink **out)
{
	LhRedis *r;

	LH_NEW(ctx, r);
	r->arena = ctx->arena;
	LH_TRY(lh_redis_read_options(ctx, config, tls, r));
	r->sink.refusals = &r->refusals;
	LH_TRY(lh_buf_init(ctx, &r->head, false));
	LH_TRY(lh_buf_init(ctx, &r->body, false));
	LH_TRY(lh_buf_init(ctx, &r->text, false));
	r->names = lh_arena_child(ctx->arena);
	if (r->names == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "no memory for names of streams");
	LH_TRY(forget_streams(ctx, r));
	LH_TRY(lh_redis_link_create(ctx, &r->target, &r->link));
	LH_TRY(lh_redis_connect(ctx, r));
	*out = &r->sink;
	return LH_OK;
}

static LhStatus
redis_open(LhCtx *ctx, const LhSinkConfig *config, LhSink **out)
{
	return open_sink(ctx, config, false, out);
}

static LhStatus
rediss_open(LhCtx *ctx, const LhSinkConfig *config, LhSink **out)
{
	return open_sink(ctx, config, true, out);
}

/*
 * The batch
 */

static void
begin_batch(LhRedis *r)
{
	r->body.len = 0;
	r->nargs = 0;
	r->nkeys = 0;
	r->batch++;
}

static LhStatus
redis_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	LhRedis *r = (LhRedis *) sink;

	if (r->link == NULL)
		LH_FAIL(ctx, LH_BUG, "a sink was used after its end");
	r->ready = false;
	/* what an earlier attempt has on its way is not waited for: it has another owner then */
	if (!lh_redis_link_connected(r->link) || r->nasked > 0)
		LH_TRY(lh_redis_connect(ctx, r));
	r->nasked = 0;
	LH_TRY(lh_redis_take_over(ctx, r, durable, known));
	begin_batch(r);
	r->part = 0;
	r->at = r->sent = sink->durable = *durable;
	r->sent_known = *known;
	r->last_id[0] = r->last_id[1] = 0;
	r->inside = r->flush_wanted = false;
	r->refusals.n = 0;
	r->refusals.here = false;
	r->ready = true;
	return LH_OK;
}

static LhStatus
add_stream(LhCtx *ctx, LhRedis *r, const char *name)
{
	LhRedisStream *s, *more;

	if (r->nstreams == r->streams_cap)
	{
		LH_NEW_ARRAY(ctx, more, 2 * (size_t) r->streams_cap + 16);
		if (r->nstreams > 0)
			memcpy(more, r->streams, (size_t) r->nstreams * sizeof(*more));
		r->streams = more;
		r->streams_cap = 2 * r->streams_cap + 16;
	}
	s = &r->streams[r->nstreams];
	s->key = lh_sprintf(ctx, "%s%s", r->prefix, name);
	if (s->key == NULL)
		return ctx->error->code;
	s->batch = 0;
	/* names in the map are borrowed */
	name = s->key + strlen(r->prefix);
	return lh_namemap_put(ctx, r->stream_of, name, strlen(name), r->nstreams++);
}

/* The number of a topic's stream among the keys of the batch. */
static LhStatus
find_stream(LhCtx *ctx, LhRedis *r, const char *name, int *number)
{
	int i = lh_namemap_get(r->stream_of, name, strlen(name));
	LhRedisStream *s;

	if (i < 0)
	{
		LhArena *old = lh_use(ctx, r->names);
		LhStatus status = add_stream(ctx, r, name);

		lh_use(ctx, old);
		LH_TRY(status);
		i = r->nstreams - 1;
	}
	s = &r->streams[i];
	if (s->batch != r->batch)
	{
		s->batch = r->batch;
		r->keys[r->nkeys++] = i;
		s->number = r->nkeys + 1; /* the position is the first key */
	}
	*number = s->number;
	return LH_OK;
}

static LhStatus
put_field(LhCtx *ctx, LhRedis *r, const char *name, const void *p, size_t n)
{
	LH_TRY(lh_redis_put_text(ctx, &r->body, name));
	return lh_redis_put_arg(ctx, &r->body, p, n);
}

/* Those that an outbox's row has; out NULL: they are counted and measured only. */
static LhStatus
own_headers(LhCtx *ctx, LhRedis *r, LhSlice headers, bool write, int *n, uint64_t *bytes,
			uint64_t *largest)
{
	size_t at = 0;

	while (at < headers.len && r->fields.header[0] != '\0')
	{
		LhSlice name, value;

		LH_TRY(lh_header_next(ctx, headers, &at, &name, &value));
		if (value.data == NULL)
			continue;
		++*n;
		*bytes += name.len + value.len + strlen(r->fields.header);
		if (value.len > *largest)
			*largest = value.len;
		if (!write)
			continue;
		r->text.len = 0;
		LH_TRY(lh_buf_append_str(ctx, &r->text, r->fields.header));
		LH_TRY(lh_buf_append(ctx, &r->text, name.data, name.len));
		LH_TRY(lh_redis_put_arg(ctx, &r->body, r->text.data, r->text.len));
		LH_TRY(lh_redis_put_arg(ctx, &r->body, value.data, value.len));
	}
	return LH_OK;
}

static LhStatus
refuse_here(LhCtx *ctx, LhRedis *r, const LhSinkMessage *m, uint64_t bytes, uint64_t limit)
{
	char lsn[LH_LSN_TEXT];
	LhSinkRefusal *refusal = &r->refusals.v[0];

	r->refusals.n = 1;
	r->refusals.here = true;
	refusal->pos = m->pos;
	refusal->sub = m->sub;
	snprintf(refusal->reason, sizeof(refusal->reason),
			 "it has %llu bytes, a server of Redis takes %llu", (unsigned long long) bytes,
			 (unsigned long long) limit);
	lh_fail(ctx, LH_SINK_REFUSED, "sink \"%s\": a message was refused: %s", r->uri,
			refusal->reason);
	lh_detail(ctx, "It is the message at %s, %llu.", lh_sink_lsn_text(m->pos.commit_end, lsn),
			  (unsigned long long) m->pos.ordinal);
	lh_hint(ctx, "The limit of one value is proto-max-bulk-len of the server, that of an entry "
				 "1 GB; --dead-letter puts what is refused elsewhere.");
	return LH_SINK_REFUSED;
}

/* How many fields an entry has; 0: it says nothing and is left out. */
static LhStatus
measure(LhCtx *ctx, LhRedis *r, const LhSinkMessage *m, int *fields)
{
	const LhRedisFields *f = &r->fields;
	uint64_t bytes = 0, largest = 0;

	*fields = (f->op[0] != '\0') + (f->position[0] != '\0');
	if (!m->tombstone)
	{
		++*fields;
		bytes += m->value.len;
		largest = m->value.len;
	}
	if (m->has_key && f->key[0] != '\0')
	{
		++*fields;
		bytes += m->key.len;
		if (m->key.len > largest)
			largest = m->key.len;
	}
	LH_TRY(own_headers(ctx, r, m->headers, false, fields, &bytes, &largest));
	if (largest > r->bulk_max)
		return refuse_here(ctx, r, m, largest, r->bulk_max);
	if (bytes > LH_REDIS_ENTRY_MAX)
		return refuse_here(ctx, r, m, bytes, LH_REDIS_ENTRY_MAX);
	return LH_OK;
}

static LhStatus
put_fields(LhCtx *ctx, LhRedis *r, const LhSinkMessage *m)
{
	const LhRedisFields *f = &r->fields;
	uint64_t bytes, largest;
	int n;

	if (f->op[0] != '\0')
	{
		const char *op = lh_sink_op_name(m->op);

		LH_TRY(put_field(ctx, r, f->op, op, strlen(op)));
	}
	if (f->position[0] != '\0')
	{
		r->text.len = 0;
		LH_TRY(lh_sink_position_write(ctx, &r->text, &m->pos));
		LH_TRY(put_field(ctx, r, f->position, r->text.data, r->text.len));
	}
	if (m->has_key && f->key[0] != '\0')
		LH_TRY(put_field(ctx, r, f->key, m->key.data, m->key.len));
	if (!m->tombstone)
		LH_TRY(put_field(ctx, r, f->value, m->value.data, m->value.len));
	return own_headers(ctx, r, m->headers, true, &n, &bytes, &largest);
}

static LhStatus
put_number(LhCtx *ctx, LhBuf *out, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long) n);
	return lh_redis_put_text(ctx, out, text);
}

static LhStatus
put_message(LhCtx *ctx, LhRedis *r, const LhSinkMessage *m)
{
	char id_text[LH_REDIS_ID_TEXT];
	uint64_t id[2] = {0, 0};
	int fields, number;

	LH_TRY(lh_redis_id(ctx, &m->pos, m->sub, id));
	/* the script relies on it */
	if (id[0] < r->last_id[0] || (id[0] == r->last_id[0] && id[1] <= r->last_id[1]))
		LH_FAIL(ctx, LH_BUG, "sink \"%s\": messages out of their order", r->uri);
	LH_TRY(measure(ctx, r, m, &fields));
	r->last_id[0] = id[0];
	r->last_id[1] = id[1];
	if (fields == 0)
		return LH_OK;
	LH_TRY(find_stream(ctx, r, m->topic != NULL ? m->topic : r->stream, &number));
	snprintf(id_text, sizeof(id_text), "%llu-%llu", (unsigned long long) id[0],
			 (unsigned long long) id[1]);
	LH_TRY(put_number(ctx, &r->body, (uint64_t) number));
	LH_TRY(lh_redis_put_text(ctx, &r->body, id_text));
	LH_TRY(put_number(ctx, &r->body, 2 * (uint64_t) fields));
	LH_TRY(put_fields(ctx, r, m));
	r->nargs += 3 + 2 * (uint64_t) fields;
	return LH_OK;
}

/*
 * Answers
 */

static LhRedisAsked *
first_asked(LhRedis *r)
{
	return &r->asked[r->first];
}

static LhStatus
check_appended(LhCtx *ctx, LhRedis *r, const LhRedisAsked *a, const LhRedisReply *reply)
{
	int n = a->parts > 0 ? a->parts : 1;
	const LhRedisNode *v = a->parts > 0 ? reply->v : &reply->top;

	if (reply->errors > 0)
		return lh_redis_error(ctx, r, reply->error, "a batch was refused");
	if (a->parts > 0 && (reply->top.kind != LH_REDIS_ARRAY || reply->elements != a->parts))
		return lh_redis_odd(ctx, r, "EXEC");
	for (int i = 0; i < n && i < LH_REDIS_NODES; i++)
		if (v[i].kind != LH_REDIS_STRING || strcmp(lh_redis_text(r->link, &v[i]), "OK") != 0)
			return lh_redis_odd(ctx, r, "a script");
	return LH_OK;
}

static LhStatus
take_reply(LhCtx *ctx, LhRedis *r, const LhRedisReply *reply)
{
	LhRedisAsked *a = first_asked(r);

	if (r->nasked == 0)
		return lh_redis_odd(ctx, r, "nothing");
	if (a->queued > 0)
	{
		a->queued--;
		if (reply->errors > 0)
			return lh_redis_error(ctx, r, reply->error, "a batch was refused");
		return reply->top.kind == LH_REDIS_STATUS ? LH_OK : lh_redis_odd(ctx, r, "MULTI");
	}
	if (a->open)
		return lh_redis_odd(ctx, r, "nothing");
	if (!a->answered)
	{
		LH_TRY(check_appended(ctx, r, a, reply));
		a->answered = true;
		if (r->replicas > 0)
			return LH_OK;
	}
	else
		LH_TRY(lh_redis_check_replicas(ctx, r, reply));
	r->sink.durable = a->pos;
	r->first = (r->first + 1) % LH_REDIS_AHEAD;
	r->nasked--;
	return LH_OK;
}

/* Answers that are there. */
static LhStatus
take_replies(LhCtx *ctx, LhRedis *r)
{
	const LhRedisReply *reply = NULL;

	while (r->nasked > 0)
	{
		LH_TRY(lh_redis_link_poll(ctx, r->link, &reply));
		if (reply == NULL)
			return LH_OK;
		LH_TRY(take_reply(ctx, r, reply));
	}
	return LH_OK;
}

/* Wait until so many at most are not answered. */
static LhStatus
await(LhCtx *ctx, LhRedis *r, int most)
{
	const LhRedisReply *reply;

	while (r->nasked > most)
	{
		LH_TRY(lh_redis_link_reply(ctx, r->link, &reply));
		LH_TRY(take_reply(ctx, r, reply));
	}
	return LH_OK;
}

/*
 * Sending
 */

static LhStatus
put_position(LhCtx *ctx, LhRedis *r, const LhChangePos *pos, bool known)
{
	char lsn[LH_LSN_TEXT];

	if (!known)
	{
		LH_TRY(lh_redis_put_text(ctx, &r->head, ""));
		return lh_redis_put_text(ctx, &r->head, "");
	}
	LH_TRY(lh_redis_put_text(ctx, &r->head, lh_sink_lsn_text(pos->commit_end, lsn)));
	return put_number(ctx, &r->head, pos->ordinal);
}

/* How a stream is trimmed: by number of entries, or by bytes of the log behind the newest. */
static LhStatus
put_trimming(LhCtx *ctx, LhRedis *r)
{
	uint64_t n = r->trim_n;

	if (strcmp(r->trim, "MINID") == 0)
		n = r->at.commit_end > n ? r->at.commit_end - n : 0;
	LH_TRY(lh_redis_put_text(ctx, &r->head, r->trim));
	return put_number(ctx, &r->head, n);
}

/* EVAL up to the messages; part: of an event in several, 0: the last or only one. */
static LhStatus
put_head(LhCtx *ctx, LhRedis *r, int part)
{
	LhBuf *out = &r->head;

	LH_TRY(lh_redis_put_count(ctx, out, '*',
							  EVAL_ARGS + 1 + (uint64_t) r->nkeys + OWN_ARGS + r->nargs));
	LH_TRY(lh_redis_put_text(ctx, out, "EVAL"));
	LH_TRY(lh_redis_put_text(ctx, out, lh_redis_append_script));
	LH_TRY(put_number(ctx, out, 1 + (uint64_t) r->nkeys));
	LH_TRY(lh_redis_put_text(ctx, out, r->position_key));
	for (int i = 0; i < r->nkeys; i++)
		LH_TRY(lh_redis_put_text(ctx, out, r->streams[r->keys[i]].key));
	LH_TRY(lh_redis_put_text(ctx, out, r->owner));
	LH_TRY(put_position(ctx, r, &r->sent, r->sent_known));
	LH_TRY(r->part == 0 ? lh_redis_put_text(ctx, out, "")
						: put_number(ctx, out, (uint64_t) r->part));
	LH_TRY(put_position(ctx, r, &r->at, true));
	LH_TRY(put_number(ctx, out, r->at.xid));
	LH_TRY(part == 0 ? lh_redis_put_text(ctx, out, "") : put_number(ctx, out, (uint64_t) part));
	LH_TRY(put_trimming(ctx, r));
	/* values may have the time at which they were made; without a position they tell all there is */
	return lh_redis_put_text(ctx, out, r->fields.position[0] != '\0' ? r->fields.value : "");
}

static LhStatus
send_script(LhCtx *ctx, LhRedis *r, int part)
{
	LH_TRY(put_head(ctx, r, part));
	LH_TRY(lh_redis_link_send(ctx, r->link, r->head.data, r->head.len));
	LH_TRY(lh_redis_link_send(ctx, r->link, r->body.data, r->body.len));
	r->head.len = 0;
	/* a large message's memory is not kept */
	if (r->body.cap / 4 > r->batch_bytes)
		LH_TRY(lh_buf_fit(ctx, &r->body, (size_t) r->batch_bytes));
	begin_batch(r);
	return take_replies(ctx, r);
}

static LhStatus
begin_asking(LhCtx *ctx, LhRedis *r, bool open)
{
	LhRedisAsked *a;

	LH_TRY(await(ctx, r, LH_REDIS_AHEAD - 1));
	a = &r->asked[(r->first + r->nasked++) % LH_REDIS_AHEAD];
	*a = (LhRedisAsked){.pos = r->at, .open = open};
	return LH_OK;
}

/* Within an event: what there is goes ahead, and waits there for the rest. */
static LhStatus
send_part(LhCtx *ctx, LhRedis *r)
{
	LhRedisAsked *a;

	r->head.len = 0;
	if (r->part == 0)
	{
		LH_TRY(begin_asking(ctx, r, true));
		LH_TRY(lh_redis_put_count(ctx, &r->head, '*', 1));
		LH_TRY(lh_redis_put_text(ctx, &r->head, "MULTI"));
	}
	a = &r->asked[(r->first + r->nasked - 1) % LH_REDIS_AHEAD];
	a->queued += r->part == 0 ? 2 : 1;
	a->parts++;
	LH_TRY(send_script(ctx, r, r->part + 1));
	r->part++;
	return LH_OK;
}

/* Everything up to r->at is on its way to become durable. */
static LhStatus
send_batch(LhCtx *ctx, LhRedis *r)
{
	LhRedisAsked *a;

	r->head.len = 0;
	if (r->part == 0)
		LH_TRY(begin_asking(ctx, r, false));
	a = &r->asked[(r->first + r->nasked - 1) % LH_REDIS_AHEAD];
	a->pos = r->at;
	if (r->part > 0)
	{
		a->queued++;
		a->parts++;
	}
	LH_TRY(send_script(ctx, r, 0));
	r->head.len = 0;
	if (r->part > 0)
	{
		a->open = false;
		LH_TRY(lh_redis_put_count(ctx, &r->head, '*', 1));
		LH_TRY(lh_redis_put_text(ctx, &r->head, "EXEC"));
	}
	if (r->replicas > 0)
	{
		LH_TRY(lh_redis_put_count(ctx, &r->head, '*', 3));
		LH_TRY(lh_redis_put_text(ctx, &r->head, "WAIT"));
		LH_TRY(put_number(ctx, &r->head, r->replicas));
		LH_TRY(put_number(ctx, &r->head, LH_REDIS_WAIT_MS(r)));
	}
	if (r->head.len > 0)
		LH_TRY(lh_redis_link_send(ctx, r->link, r->head.data, r->head.len));
	r->part = 0;
	r->sent = r->at;
	r->sent_known = true;
	return LH_OK;
}

static bool
is_full(const LhRedis *r)
{
	return r->body.len >= r->batch_bytes || r->nargs >= LH_REDIS_ARGS_FULL ||
		   r->nkeys >= LH_REDIS_KEYS_FULL;
}

/*
 * The vtable
 */

static LhStatus
put(LhCtx *ctx, LhRedis *r, const LhSinkMessage *m)
{
	LH_TRY(lh_poll(ctx));
	if (is_full(r))
		LH_TRY(lh_change_pos_compare(&m->pos, &r->at) != 0 ? send_batch(ctx, r)
														   : send_part(ctx, r));
	if (r->nargs == 0 && r->nstreams >= STREAMS_FULL)
		LH_TRY(forget_streams(ctx, r));
	LH_TRY(put_message(ctx, r, m));
	r->at = m->pos;
	r->inside = true;
	r->sink.messages++;
	r->sink.bytes += m->key.len + m->value.len;
	return LH_OK;
}

static LhStatus
settle(LhCtx *ctx, LhRedis *r)
{
	r->flush_wanted = false;
	if (lh_change_pos_compare(&r->at, &r->sent) > 0 || r->part > 0 || r->nargs > 0)
		LH_TRY(send_batch(ctx, r));
	return await(ctx, r, 0);
}

static LhStatus
commit(LhCtx *ctx, LhRedis *r, const LhChangePos *pos)
{
	if (lh_change_pos_compare(pos, &r->at) > 0)
		r->at = *pos;
	r->inside = false;
	if (r->flush_wanted)
		return settle(ctx, r);
	/* an event in parts holds the server's answers back: it is not left open */
	return is_full(r) || r->part > 0 ? send_batch(ctx, r) : take_replies(ctx, r);
}

static LhStatus
flush(LhCtx *ctx, LhRedis *r)
{
	r->flush_wanted = r->inside;
	if (r->inside)
		return take_replies(ctx, r);
	return settle(ctx, r);
}

static LhStatus
check_ready(LhCtx *ctx, LhRedis *r)
{
	r->refusals.n = 0;
	r->refusals.here = false;
	if (!r->ready)
		LH_FAIL(ctx, LH_BUG, "sink \"%s\" was used before its recovery or after a failure", r->uri);
	return LH_OK;
}

/* What is on its way after a failure is nothing that an answer could be waited for. */
static LhStatus
remember(LhRedis *r, LhStatus status)
{
	r->ready = status == LH_OK || r->refusals.here;
	if (!r->ready)
		lh_redis_link_close(r->link);
	return status;
}

static LhStatus
redis_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	LhRedis *r = (LhRedis *) sink;

	LH_TRY(check_ready(ctx, r));
	return remember(r, put(ctx, r, message));
}

static LhStatus
redis_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	LhRedis *r = (LhRedis *) sink;

	LH_TRY(check_ready(ctx, r));
	return remember(r, commit(ctx, r, pos));
}

static LhStatus
redis_flush(LhCtx *ctx, LhSink *sink)
{
	LhRedis *r = (LhRedis *) sink;

	LH_TRY(check_ready(ctx, r));
	return remember(r, flush(ctx, r));
}

static LhStatus
redis_close(LhCtx *ctx, LhSink *sink)
{
	LhRedis *r = (LhRedis *) sink;

	(void) ctx;
	r->ready = false;
	if (r->link != NULL)
		lh_redis_link_close(r->link);
	r->link = NULL;
	return LH_OK;
}

const LhSinkKind lh_sink_redis = {
	.scheme = "redis",
	.summary = "Redis Streams (exactly once, by ids and a position of its own)",
	.open = redis_open,
	.recover = redis_recover,
	.put = redis_put,
	.commit = redis_commit,
	.flush = redis_flush,
	.close = redis_close,
};

const LhSinkKind lh_sink_rediss = {
	.scheme = "rediss",
	.summary = "the same with TLS",
	.open = rediss_open,
	.recover = redis_recover,
	.put = redis_put,
	.commit = redis_commit,
	.flush = redis_flush,
	.close = redis_close,
};
