/*
 * nats.c
 *		"nats://h1:4222,h2/STREAM": messages in a JetStream stream, exactly once.
 *
 * JetStream has neither transactions nor positions of writers, and its duplicate window
 * forgets.  What it has is one sequence for the whole stream, and a header by which a message is
 * stored only behind a given one (Nats-Expected-Last-Msg-Id, Nats-Expected-Last-Sequence).  So the
 * stream itself is the position, and belongs to one client's slot and format alone:
 *
 *	1. recover reads the last message.  Its headers say which message of which event it is
 *	   (Lakehouse-At), and up to where all is in the stream (Lakehouse-Done).
 *	2. Each message says which one it must follow: the first by its sequence, those behind it by
 *	   its id, too.  (A sequence alone would not do: many are under way at once, and when another
 *	   client's message has taken the place of our first one, our second one fits behind it.)
 *	   When one of them is not stored, the server refuses all behind it.  So the stream always is
 *	   a beginning of what was put, in order: no hole, and nothing twice, whoever is killed, and
 *	   whatever arrives late from a client that is gone.  A second client that writes makes
 *	   our next message fail; we then recover from what is there (LH_SINK_RESTART).
 *	   The server forgets its last message's id when it starts, so the first one has none.
 *	3. There are events with several messages.  The last message is held back until the next call
 *	   says whether its event has more: so each one knows which position is complete with it.
 *	   A client that finds an event in part is told the position before it, gets the event
 *	   again, and the messages that are there are dropped here, by their number.  A unit of a
 *	   snapshot may have other rows when it comes again, so it is then put as a whole:
 *	   its rows may be there twice, as those of any snapshot that was killed.
 *	4. A position without a message (what was filtered away) is a message of its own,
 *	   without a value, at a flush, on a subject of its own; a stream that allows rollups keeps
 *	   only the last one of these.
 *	5. An acknowledgement means: written to the file of the leader, and of most replicas.  Then
 *	   "durable" moves.
 *
 * The server's duplicate window plays no part: it may drop a message that is there already, never
 * one that is not, as ids are positions (of units, whose rows may change, and of streams that were
 * purged: positions and a number of this recovery).
 *
 * A connection that is lost, or a time-out, asks for a new sink (LH_IO): the library never
 * reconnects, as it would send again what it had.  What a server refuses for good is told with what to
 * do about it; a message that is too large, or can have no such subject, is refused alone.
 */
#include "sink/nats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Of answers that wait: the largest one is the last message, as base64 in JSON */
#define REPLY_BYTES ((size_t) 256 << 20)

/* JetStream's own numbers of errors */
enum
{
	OF_ACCOUNT = 10002,
	NO_RESOURCES = 10023,
	NO_MEMORY_LEFT = 10028,
	NO_STORAGE_LEFT = 10047,
	TOO_LARGE = 10054,
	OTHER_STREAM = 10060,
	WRONG_ID = 10070,
	WRONG_SEQUENCE = 10071,
	NOT_STORED = 10077,
	HEADERS_TOO_LARGE = 10097,
	SEALED = 10109,
	NO_ROLLUP = 10111
};

/*
 * Open, close
 */

static void
drop(LhNats *n)
{
	if (n->held != NULL)
		natsMsg_Destroy(n->held);
	n->held = NULL;
	if (n->link != NULL)
		lh_nats_link_close(n->link);
	n->link = NULL;
}

static void
release(void *arg)
{
	drop(arg);
}

static LhStatus
open_sink(LhCtx *ctx, const LhSinkConfig *config, bool tls, LhSink **out)
{
	natsOptions *options;
	LhNats *n;

	LH_NEW(ctx, n);
	n->arena = ctx->arena;
	n->o.tls = tls;
	LH_TRY(lh_sink_keep_config(ctx, config, &n->config));
	LH_TRY(lh_nats_read_options(ctx, n));
	n->identity =
		lh_sprintf(ctx, "%s/%s", config->stream, config->format != NULL ? config->format : "-");
	if (n->identity == NULL)
		return ctx->error->code;
	if (strcspn(n->identity, " \r\n") != strlen(n->identity) || strlen(n->identity) > 128)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": a stream cannot be called \"%s\" there", config->uri,
				config->stream);
	LH_NEW_ARRAY(ctx, n->sent, n->o.max_waiting);
	n->found = lh_arena_child(ctx->arena);
	if (n->found == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	LH_TRY(lh_buf_init(ctx, &n->text, false));
	/* files of secrets are read again for each connection: that they can be is told at once */
	LH_TRY(lh_nats_make_options(ctx, n, &options));
	natsOptions_Destroy(options);
	n->sink.refusals = &n->refusals;
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, n));
	*out = &n->sink;
	return LH_OK;
}

static LhStatus
nats_open(LhCtx *ctx, const LhSinkConfig *config, LhSink **out)
{
	return open_sink(ctx, config, false, out);
}

static LhStatus
nats_open_tls(LhCtx *ctx, const LhSinkConfig *config, LhSink **out)
{
	return open_sink(ctx, config, true, out);
}

static LhStatus
connect_link(LhCtx *ctx, LhNats *n)
{
	LhNatsLimits limits = {.timeout_ms = n->o.connect_ms,
						   .reply_bytes = REPLY_BYTES,
						   .inbox = n->o.inbox,
						   .uri = n->config.uri};
	natsOptions *options;

	LH_TRY(lh_nats_make_options(ctx, n, &options));
	return lh_nats_link_open(ctx, options, &limits, &n->link);
}

/*
 * Errors
 */

LhStatus
lh_nats_timeout(LhCtx *ctx, const LhNats *n, const char *what, uint64_t ms)
{
	lh_fail(ctx, LH_IO, "sink \"%s\": %s took more than %llu ms", n->config.uri, what,
			(unsigned long long) ms);
	lh_hint(ctx, "Look whether the server has a leader for the stream and room on its disk; the "
				 "option timeout.ms gives more time.");
	return LH_IO;
}

static LhStatus
refused(LhCtx *ctx, LhNats *n)
{
	const LhSinkRefusal *r = &n->refusals.v[0];
	char lsn[LH_LSN_TEXT];

	lh_fail(ctx, LH_SINK_REFUSED, "sink \"%s\": a message was refused: %s", n->config.uri,
			r->reason);
	lh_detail(ctx, "It is the message at %s, %llu.", lh_sink_lsn_text(r->pos.commit_end, lsn),
			  (unsigned long long) r->pos.ordinal);
	lh_hint(ctx, "A larger one needs max_payload of the server and max_msg_size of the stream; "
				 "--dead-letter puts what is refused elsewhere.");
	return LH_SINK_REFUSED;
}

static void
note_refusal(LhNats *n, const LhChangePos *pos, int sub, bool here, const char *reason)
{
	LhSinkRefusal *r = &n->refusals.v[0];

	n->refusals.n = 1;
	n->refusals.here = here;
	r->pos = *pos;
	r->sub = sub;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

static LhStatus
restart(LhCtx *ctx, const LhNats *n, const char *why)
{
	LH_FAIL(ctx, LH_SINK_RESTART, "sink \"%s\": messages were not stored: %s", n->config.uri, why);
}

/* What the server said of a message that it did not store. */
static LhStatus
judge(LhCtx *ctx, LhNats *n, const LhNatsSent *sent, const LhNatsError *error)
{
	LhStatus status = error->code >= 500 ? LH_IO : LH_INVALID;
	const char *hint = NULL;

	switch (error->number)
	{
		case TOO_LARGE:
		case HEADERS_TOO_LARGE:
			if (sent->sub >= 0)
			{
				note_refusal(n, &sent->pos, sent->sub, false, error->text);
				return refused(ctx, n);
			}
			status = LH_INVALID;
			hint = "max_msg_size of the stream is too small for a position.";
			break;
		case WRONG_ID:
		case WRONG_SEQUENCE:
		case NO_ROLLUP: return restart(ctx, n, error->text);
		case OTHER_STREAM:
			status = LH_NOT_FOUND;
			hint = "Another stream has this subject now.";
			break;
		case NOT_STORED:
			status = strstr(error->text, "maximum") != NULL ? LH_LIMIT : LH_IO;
			hint =
				"The stream is full, or its disk: make room, raise its limits, or let it discard "
				"old messages. Nothing is lost.";
			break;
		case OF_ACCOUNT:
		case NO_RESOURCES:
		case NO_MEMORY_LEFT:
		case NO_STORAGE_LEFT:
			status = LH_LIMIT;
			hint = "The account or the server has reached its limits: make room, or raise them. "
				   "Nothing is lost.";
			break;
		case SEALED: status = LH_DENIED; break;
		default: break;
	}
	lh_fail(ctx, status, "sink \"%s\": stream \"%s\" did not take a message: %s (%d)",
			n->config.uri, n->o.stream, error->text, error->number);
	if (hint != NULL)
		lh_hint(ctx, "%s", hint);
	return status;
}

/*
 * Acknowledgements
 */

static LhNatsSent *
sent_at(LhNats *n, uint64_t i)
{
	return &n->sent[(n->first + i) % n->o.max_waiting];
}

/* The first ones of those that are under way are there. */
static void
advance(LhNats *n)
{
	while (n->nsent > 0 && sent_at(n, 0)->acked)
	{
		LhNatsSent *s = sent_at(n, 0);

		n->acked++;
		n->waiting_bytes -= s->bytes;
		if (lh_change_pos_compare(&s->done, &n->sink.durable) > 0)
			n->sink.durable = s->done;
		n->first = (n->first + 1) % n->o.max_waiting;
		n->nsent--;
		n->moved_ms = lh_sink_now_ms();
	}
}

static LhStatus
take_ack(LhCtx *ctx, LhNats *n, uint64_t i, const LhNatsReply *reply)
{
	LhNatsSent *s = sent_at(n, i);
	uint64_t sequence = n->acked + 1 + i;
	json_t *json;
	LhNatsError error;
	const json_t *seq;
	bool good;

	/* no leader at the moment, or the subject is the stream's no more: recovery will tell */
	if (reply->nobody)
		return restart(ctx, n, "nobody listens on the subject");
	json = json_loadb(reply->text, reply->len, 0, NULL);
	lh_nats_error_of(json, &error);
	seq = json_object_get(json, "seq");
	/* a duplicate, where it is this very message: one that was late has brought it */
	good = json_is_integer(seq) && (uint64_t) json_integer_value(seq) == sequence;
	json_decref(json);
	if (error.code != 0)
		return judge(ctx, n, s, &error);
	if (!good)
		return restart(ctx, n, "an acknowledgement is of another place in the stream");
	s->acked = true;
	advance(n);
	return LH_OK;
}

/* All answers that are here. */
static LhStatus
take_acks(LhCtx *ctx, LhNats *n)
{
	LhNatsReply *reply;

	while ((reply = lh_nats_link_take(n->link)) != NULL)
	{
		LhStatus status = LH_OK;
		uint64_t first = n->nsent > 0 ? sent_at(n, 0)->token : 0;

		/* tokens of messages that are under way follow one another */
		if (n->nsent > 0 && reply->token >= first && reply->token - first < n->nsent)
			status = take_ack(ctx, n, reply->token - first, reply);
		free(reply);
		LH_TRY(status);
	}
	return lh_nats_link_check(ctx, n->link);
}

/* Until this many, with so many bytes, are under way at most. */
static LhStatus
await_acks(LhCtx *ctx, LhNats *n, uint64_t messages, uint64_t bytes)
{
	for (;;)
	{
		LH_TRY(take_acks(ctx, n));
		if (n->nsent <= messages && n->waiting_bytes <= bytes)
			return LH_OK;
		if (lh_sink_now_ms() - n->moved_ms >= (int64_t) n->o.timeout_ms)
			return lh_nats_timeout(ctx, n, "an acknowledgement", n->o.timeout_ms);
		LH_TRY(lh_nats_link_wait(ctx, n->link, LH_NATS_SLICE_MS));
	}
}

/*
 * Sending
 */

/* Headers that depend on the place in the stream. */
static LhStatus
finish(LhCtx *ctx, LhNats *n, natsMsg *msg, const LhNatsSent *s)
{
	char text[LH_NATS_AT_TEXT], lsn[LH_LSN_TEXT];
	int len;

	snprintf(text, sizeof(text), "%llu", (unsigned long long) n->last);
	LH_TRY(lh_nats_header(ctx, msg, LH_NATS_H_EXPECT, text));
	lh_nats_done_write(&s->done, text);
	LH_TRY(lh_nats_header(ctx, msg, LH_NATS_H_DONE, text));
	if (n->last_id[0] != '\0')
		LH_TRY(lh_nats_header(ctx, msg, LH_NATS_H_BEHIND, n->last_id));
	len = snprintf(n->last_id, sizeof(n->last_id), "%s/%s/%llu/%d", n->identity,
				   lh_sink_lsn_text(s->pos.commit_end, lsn), (unsigned long long) s->pos.ordinal,
				   s->sub);
	if (s->unit || s->sub < 0 || n->anew)
		snprintf(n->last_id + len, sizeof(n->last_id) - (size_t) len, "/%016llx",
				 (unsigned long long) n->run);
	return lh_nats_header(ctx, msg, LH_NATS_H_ID, n->last_id);
}

/* Hand a message to the connection; takes it. */
static LhStatus
send_message(LhCtx *ctx, LhNats *n, natsMsg *msg, LhNatsSent s)
{
	LhStatus status = finish(ctx, n, msg, &s);

	if (status != LH_OK)
	{
		natsMsg_Destroy(msg);
		return status;
	}
	if (n->nsent == 0)
		n->moved_ms = lh_sink_now_ms();
	*sent_at(n, n->nsent) = s;
	n->nsent++;
	n->waiting_bytes += s.bytes;
	n->last++;
	n->told = s.done;
	return lh_nats_link_send(ctx, n->link, msg);
}

/* The message that was held back leaves; all up to "at" is complete with it. */
static LhStatus
let_go(LhCtx *ctx, LhNats *n)
{
	natsMsg *msg = n->held;
	LhNatsSent s = n->held_as;

	if (msg == NULL)
		return LH_OK;
	LH_TRY(await_acks(ctx, n, n->o.max_waiting - 1,
					  s.bytes < n->o.max_waiting_bytes ? n->o.max_waiting_bytes - s.bytes : 0));
	n->held = NULL;
	s.done = n->at;
	return send_message(ctx, n, msg, s);
}

/* A position without a message. */
static LhStatus
send_position(LhCtx *ctx, LhNats *n)
{
	LhNatsSent s = {.pos = n->at, .sub = -1, .done = n->at, .bytes = 1024};
	char at[LH_NATS_AT_TEXT], inbox[LH_NATS_INBOX];
	LhStatus status;
	natsMsg *msg;

	LH_TRY(await_acks(ctx, n, n->o.max_waiting - 1, n->o.max_waiting_bytes));
	lh_nats_link_inbox(n->link, n->token + 1, inbox);
	if (natsMsg_Create(&msg, n->o.position_subject, inbox, "", 0) != NATS_OK)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	s.token = ++n->token;
	lh_nats_at_write(&s.pos, s.sub, false, at);
	status = lh_nats_header(ctx, msg, LH_NATS_H_IN, n->o.stream);
	if (status == LH_OK)
		status = lh_nats_header(ctx, msg, LH_NATS_H_STREAM, n->identity);
	if (status == LH_OK)
		status = lh_nats_header(ctx, msg, LH_NATS_H_AT, at);
	if (status == LH_OK && n->rollup)
		status = lh_nats_header(ctx, msg, LH_NATS_H_ROLLUP, "sub");
	if (status == LH_OK)
		return send_message(ctx, n, msg, s);
	natsMsg_Destroy(msg);
	return status;
}

/*
 * Subjects
 */

static LhStatus
keep_topic(LhCtx *ctx, LhNats *n, const char *topic, const char *subject)
{
	if (n->ntopics == n->topics_cap)
	{
		const char **more;

		LH_NEW_ARRAY(ctx, more, 2 * n->topics_cap + 16);
		if (n->ntopics > 0)
			memcpy(more, n->topics, (size_t) n->ntopics * sizeof(*more));
		n->topics = more;
		n->topics_cap = 2 * n->topics_cap + 16;
	}
	/* names in the map are borrowed */
	if ((topic = lh_strdup(ctx, topic)) == NULL ||
		(n->topics[n->ntopics] = lh_strdup(ctx, subject)) == NULL)
		return ctx->error->code;
	return lh_namemap_put(ctx, n->topic_of, topic, strlen(topic), n->ntopics++);
}

/* NULL: there can be no such subject; one that is not the stream's is an error. */
static LhStatus
find_subject(LhCtx *ctx, LhNats *n, const char *topic, const char **out)
{
	int i = lh_namemap_get(n->topic_of, topic, strlen(topic));
	char subject[LH_NATS_SUBJECT_MAX + 1];
	LhArena *old;
	LhStatus status;
	bool there = false;

	*out = i >= 0 ? n->topics[i] : NULL;
	if (i >= 0 || !lh_nats_subject(n->o.prefix, topic, subject))
		return LH_OK;
	for (int k = 0; k < n->nsubjects && !there; k++)
		there = lh_nats_subject_in(n->subjects[k], subject);
	if (!there)
	{
		lh_fail(ctx, LH_NOT_FOUND, "sink \"%s\": subject \"%.200s\" is not one of stream \"%s\"",
				n->config.uri, subject, n->o.stream);
		lh_hint(ctx, "Add it to the stream's subjects, or give topics other names (--topic, "
					 "subject.prefix).");
		return LH_NOT_FOUND;
	}
	old = lh_use(ctx, n->found);
	status = keep_topic(ctx, n, topic, subject);
	lh_use(ctx, old);
	LH_TRY(status);
	*out = n->topics[n->ntopics - 1];
	return LH_OK;
}

/*
 * The vtable
 */

static LhStatus
nats_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	LhNats *n = (LhNats *) sink;
	LhNatsFound found;

	n->ready = false;
	/* what is still under way over an old connection comes before, or fails */
	if (n->link != NULL && (n->lost || n->nsent > 0))
		drop(n);
	if (n->held != NULL)
		natsMsg_Destroy(n->held);
	n->held = NULL;
	if (n->link == NULL)
		LH_TRY(connect_link(ctx, n));
	n->lost = true;
	LH_TRY(lh_nats_find(ctx, n, &found));
	n->nsent = n->first = n->waiting_bytes = 0;
	n->last = n->acked = found.last;
	n->last_id[0] = '\0';
	n->anew = found.anew;
	if (getrandom(&n->run, sizeof(n->run), 0) != (ssize_t) sizeof(n->run))
		LH_FAIL(ctx, LH_IO, "sink \"%s\": the system gives no random number", n->config.uri);
	*durable = found.known ? found.done : (LhChangePos){0};
	*known = found.known;
	n->at = n->told = sink->durable = *durable;
	n->skip_sub = -1;
	if (found.sub >= 0 && !found.unit && lh_change_pos_compare(&found.pos, &found.done) > 0)
	{
		n->skip_pos = found.pos;
		n->skip_sub = found.sub;
	}
	n->refusals.n = 0;
	n->refusals.here = false;
	n->lost = false;
	n->ready = true;
	return LH_OK;
}

/* Is it in the stream already, of an event that was there in part? */
static bool
is_there(const LhNats *n, const LhSinkMessage *m)
{
	int order;

	if (n->skip_sub < 0 || m->unit)
		return false;
	order = lh_change_pos_compare(&m->pos, &n->skip_pos);
	return order < 0 || (order == 0 && m->sub <= n->skip_sub);
}

static LhStatus
refuse_here(LhCtx *ctx, LhNats *n, const LhSinkMessage *m, const char *why)
{
	note_refusal(n, &m->pos, m->sub, true, why);
	return refused(ctx, n);
}

static LhStatus
put(LhCtx *ctx, LhNats *n, const LhSinkMessage *m)
{
	const char *subject;
	uint64_t bytes, most = (uint64_t) lh_nats_link_max_payload(n->link);
	natsMsg *msg;
	LhStatus status;

	LH_TRY(lh_poll(ctx));
	LH_TRY(take_acks(ctx, n));
	if (is_there(n, m))
		return LH_OK;
	LH_TRY(find_subject(ctx, n, m->topic != NULL ? m->topic : n->config.stream, &subject));
	if (subject == NULL)
		return refuse_here(ctx, n, m, "no subject can have the name of its topic");
	if (n->max_msg_size >= 0 && (uint64_t) n->max_msg_size < most)
		most = (uint64_t) n->max_msg_size;
	/* before it is copied */
	if (!m->tombstone && m->value.len > most)
		return refuse_here(ctx, n, m, "it is larger than the stream or the server allows");
	LH_TRY(lh_nats_message(ctx, n, m, subject, &bytes, &msg));
	if (msg == NULL)
		return refuse_here(ctx, n, m, "its key and headers are larger than headers can be");
	if (bytes > most)
	{
		natsMsg_Destroy(msg);
		return refuse_here(ctx, n, m, "it is larger than the stream or the server allows");
	}
	if (n->held != NULL && lh_change_pos_compare(&n->held_as.pos, &m->pos) != 0)
		n->at = n->held_as.pos;
	status = let_go(ctx, n);
	if (status != LH_OK)
	{
		natsMsg_Destroy(msg);
		return status;
	}
	n->held = msg;
	n->held_as = (LhNatsSent){
		.token = ++n->token, .pos = m->pos, .sub = m->sub, .unit = m->unit, .bytes = bytes};
	n->sink.messages++;
	n->sink.bytes += m->key.len + m->value.len;
	return LH_OK;
}

static LhStatus
commit(LhCtx *ctx, LhNats *n, const LhChangePos *pos)
{
	if (lh_change_pos_compare(pos, &n->at) > 0)
		n->at = *pos;
	LH_TRY(let_go(ctx, n));
	return take_acks(ctx, n);
}

/* In a transaction the last message waits for the next one, or the commit; so does a flush. */
static LhStatus
flush(LhCtx *ctx, LhNats *n)
{
	if (n->held != NULL)
		return take_acks(ctx, n);
	if (lh_change_pos_compare(&n->at, &n->told) > 0)
		LH_TRY(send_position(ctx, n));
	return await_acks(ctx, n, 0, 0);
}

static LhStatus
check_ready(LhCtx *ctx, LhNats *n)
{
	if (!n->ready)
		LH_FAIL(ctx, LH_BUG, "sink \"%s\" was used before its recovery or after a failure",
				n->config.uri);
	if (n->refusals.here)
		n->refusals.n = 0;
	n->refusals.here = false;
	return LH_OK;
}

static LhStatus
remember(LhNats *n, LhStatus status)
{
	n->ready = status == LH_OK || n->refusals.here;
	n->lost |= !n->ready;
	return status;
}

static LhStatus
nats_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	LhNats *n = (LhNats *) sink;

	LH_TRY(check_ready(ctx, n));
	return remember(n, put(ctx, n, message));
}

static LhStatus
nats_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	LhNats *n = (LhNats *) sink;

	LH_TRY(check_ready(ctx, n));
	return remember(n, commit(ctx, n, pos));
}

static LhStatus
nats_flush(LhCtx *ctx, LhSink *sink)
{
	LhNats *n = (LhNats *) sink;

	LH_TRY(check_ready(ctx, n));
	return remember(n, flush(ctx, n));
}

static LhStatus
nats_close(LhCtx *ctx, LhSink *sink)
{
	LhNats *n = (LhNats *) sink;

	n->ready = false;
	drop(n);
	return LH_OK;
}

const LhSinkKind lh_sink_nats = {
	.scheme = "nats",
	.summary = "a stream of NATS JetStream (exactly once, by its sequence)",
	.open = nats_open,
	.recover = nats_recover,
	.put = nats_put,
	.commit = nats_commit,
	.flush = nats_flush,
	.close = nats_close,
};

const LhSinkKind lh_sink_nats_tls = {
	.scheme = "tls",
	.summary = "the same as nats:, over TLS",
	.open = nats_open_tls,
	.recover = nats_recover,
	.put = nats_put,
	.commit = nats_commit,
	.flush = nats_flush,
	.close = nats_close,
};
