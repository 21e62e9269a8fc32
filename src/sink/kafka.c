/*
 * kafka.c
 *		"kafka://h1:9092,h2:9092": messages and their position in one transaction.
 *
 *	1. recover: init_transactions fences every older client with our
 *	   transactional.id and ends its open transaction; then the position is read
 *	   (kafka_position.c).  What is not beyond it is never put again.
 *	2. put: a Kafka transaction begins with the first message.  A full queue makes
 *	   put wait, cancellable.
 *	3. A Kafka transaction holds whole source transactions; it ends at the commit at
 *	   which a flush was wanted, or at which it is large (commit.bytes) or old
 *	   (commit.ms).  Its last record is the position.  So either all of it is
 *	   there for read_committed readers, position included, or nothing.
 *	4. A source transaction that is too large (split.bytes) or too slow (half of
 *	   transaction.timeout.ms) is split between two events; the position then
 *	   has the last one's ordinal, and a restart goes on behind it.
 *
 * Errors, as the library tells them: retriable ones are retried until timeout.ms;
 * abortable ones abort the transaction, and the client begins again at the position
 * (LH_SINK_RESTART); fatal ones need a new sink (LH_IO), or a person when another
 * client took over (LH_DENIED).
 *
 * A message that can never be written (LH_SINK_REFUSED) is found out before it is handed
 * to the library, which does no harm to the transaction; or by its delivery report, which
 * aborts it.  A broker refuses a batch whole, so a suspect is sent in one of its own.
 *
 * The library's threads call nothing of ours but a log function that does nothing.
 */
#include "change/outbox.h"
#include "change/transform.h"
#include "sink/kafka.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* 2000-01-01 in milliseconds of Unix */
#define EPOCH_2000_MS  INT64_C(946684800000)
#define HEADERS        4
/* Made at once */
#define IDS            64
/* for aborting at the end: who ends in trouble shall not wait long for the brokers */
#define CLOSE_MS       2000

static void
destroy(LhKafka *k)
{
	if (k->rk == NULL)
		return;
	for (int i = 0; i < k->ntopics; i++)
		rd_kafka_topic_destroy(k->topics[i]);
	k->ntopics = 0;
	if (k->positions != NULL)
		rd_kafka_topic_destroy(k->positions);
	rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_destroy(k->rk);
	k->rk = NULL;
}

static void
release(void *arg)
{
	destroy(arg);
}

static LhStatus
kafka_open(LhCtx *ctx, const LhSinkConfig *config, LhSink **out)
{
	LhKafka *k;

	LH_NEW(ctx, k);
	k->arena = ctx->arena;
	LH_TRY(lh_sink_keep_config(ctx, config, &k->config));
	LH_TRY(lh_kafka_read_options(ctx, k));
	k->sink.refusals = &k->refusals;
	LH_TRY(lh_buf_init(ctx, &k->text, false));
	LH_TRY(lh_namemap_create(ctx, 64, &k->topic_of));
	LH_TRY(lh_kafka_client(ctx, k, RD_KAFKA_PRODUCER, &k->rk));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, k));
	*out = &k->sink;
	return LH_OK;
}

/*
 * Errors
 */

static bool
is_denied(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
		   code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
		   code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

/* Takes the error. */
static LhStatus
fatal(LhCtx *ctx, LhKafka *k, const char *what, rd_kafka_error_t *error)
{
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	bool fenced = code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
				  code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
	bool denied = is_denied(code);

	lh_fail(ctx, fenced || denied ? LH_DENIED : LH_IO, "sink \"%s\": could not %s: %s",
			k->config.uri, what, rd_kafka_error_string(error));
	if (fenced)
		lh_hint(ctx, "Another client with transactional.id \"%s\" took over; run one only.",
				k->transactional_id);
	rd_kafka_error_destroy(error);
	return ctx->error->code;
}

void
lh_kafka_refuse(LhKafka *k, const LhChangePos *pos, int sub, const char *fmt, ...)
{
	LhSinkRefusal *r;
	va_list ap;

	if (k->refusals.n == LH_SINK_REFUSALS)
		return;
	r = &k->refusals.v[k->refusals.n++];
	r->pos = *pos;
	r->sub = sub;
	va_start(ap, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

/* Something that no second attempt will bring through: its error rather than a restart. */
static LhStatus
hopeless(LhCtx *ctx, LhKafka *k)
{
	lh_fail(ctx, k->hopeless, "sink \"%s\": a message was refused: %s", k->config.uri,
			k->hopeless_text);
	if (k->hopeless == LH_NOT_FOUND)
		lh_hint(ctx, "Create the topic, or let the brokers do it (auto.create.topics.enable).");
	return k->hopeless;
}

/* The first of the messages that were refused. */
static LhStatus
refused(LhCtx *ctx, LhKafka *k)
{
	char lsn[LH_LSN_TEXT];
	const LhSinkRefusal *r = &k->refusals.v[0];

	lh_fail(ctx, LH_SINK_REFUSED, "sink \"%s\": a message was refused: %s", k->config.uri,
			r->reason);
	lh_detail(ctx, "It is the message at %s, %llu.", lh_sink_lsn_text(r->pos.commit_end, lsn),
			  (unsigned long long) r->pos.ordinal);
	lh_hint(ctx, "A larger one needs message.max.bytes of the sink and max.message.bytes of the "
				 "topic, a topic a name that Kafka takes; --dead-letter puts what is refused "
				 "elsewhere.");
	return LH_SINK_REFUSED;
}

static LhStatus
abort_transaction(LhCtx *ctx, LhKafka *k, uint64_t ms)
{
	int64_t until = lh_sink_now_ms() + (int64_t) ms;

	k->in_txn = false;
	for (;;)
	{
		rd_kafka_error_t *error = rd_kafka_abort_transaction(k->rk, LH_KAFKA_SLICE_MS);

		if (error == NULL)
			return LH_OK;
		if (rd_kafka_error_is_fatal(error) || !rd_kafka_error_is_retriable(error))
			return fatal(ctx, k, "abort a transaction", error);
		rd_kafka_error_destroy(error);
		LH_TRY(lh_poll(ctx));
		if (lh_sink_now_ms() >= until)
			return lh_kafka_timeout(ctx, k, "aborting a transaction", ms);
	}
}

/* The transaction cannot be committed: begin again at the durable position. */
static LhStatus
restart(LhCtx *ctx, LhKafka *k, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text), "%s", why);
	LH_TRY(abort_transaction(ctx, k, k->timeout_ms));
	if (k->hopeless != LH_OK)
		return hopeless(ctx, k);
	if (k->refusals.n > 0)
		return refused(ctx, k);
	LH_FAIL(ctx, LH_SINK_RESTART, "sink \"%s\": a transaction was aborted: %s", k->config.uri,
			text);
}

/* Of an error that is not retried.  Takes it. */
static LhStatus
judge(LhCtx *ctx, LhKafka *k, const char *what, rd_kafka_error_t *error)
{
	LhStatus status;

	if (rd_kafka_error_is_fatal(error) || !rd_kafka_error_txn_requires_abort(error))
		return fatal(ctx, k, what, error);
	status = restart(ctx, k, rd_kafka_error_string(error));
	/* a right that is missing will be missing again */
	if (status == LH_SINK_RESTART && is_denied(rd_kafka_error_code(error)))
		return fatal(ctx, k, what, error);
	rd_kafka_error_destroy(error);
	return status;
}

/*
 * Recovery
 */

static LhStatus
initialise(LhCtx *ctx, LhKafka *k)
{
	int64_t until = lh_sink_now_ms() + (int64_t) k->timeout_ms;

	while (!k->initialised)
	{
		rd_kafka_error_t *error = rd_kafka_init_transactions(k->rk, LH_KAFKA_SLICE_MS * 5);

		rd_kafka_poll(k->rk, 0);
		if (error != NULL && !rd_kafka_error_is_retriable(error))
			return fatal(ctx, k, "begin with transactions", error);
		k->initialised = error == NULL;
		rd_kafka_error_destroy(error);
		LH_TRY(lh_poll(ctx));
		if (!k->initialised && lh_sink_now_ms() >= until)
			return lh_kafka_timeout(ctx, k, "finding the transactions' coordinator", k->timeout_ms);
	}
	return LH_OK;
}

static LhStatus
kafka_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	LhKafka *k = (LhKafka *) sink;

	if (k->rk == NULL)
		LH_FAIL(ctx, LH_BUG, "a sink was used after its end");
	k->ready = false;
	if (k->in_txn)
		LH_TRY(abort_transaction(ctx, k, k->timeout_ms));
	LH_TRY(initialise(ctx, k));
	LH_TRY(lh_kafka_position(ctx, k, durable, known));
	/* not before: naming a topic makes brokers create it, but not a compacted one */
	if (k->positions == NULL)
		k->positions = rd_kafka_topic_new(k->rk, k->position_topic, NULL);
	if (k->positions == NULL)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": \"%s\" cannot be the topic of positions",
				k->config.uri, k->position_topic);
	k->at = sink->durable = *durable;
	k->inside = k->flush_wanted = false;
	k->hopeless = LH_OK;
	k->refusals.n = 0;
	k->refusals.here = false;
	k->ready = true;
	return LH_OK;
}

/*
 * Messages
 */

static LhStatus
begin(LhCtx *ctx, LhKafka *k)
{
	rd_kafka_error_t *error;

	if (k->in_txn)
		return LH_OK;
	error = rd_kafka_begin_transaction(k->rk);
	if (error != NULL)
		return judge(ctx, k, "begin a transaction", error);
	k->in_txn = true;
	k->txn_bytes = 0;
	k->began_ms = lh_sink_now_ms();
	return LH_OK;
}

bool
lh_kafka_topic_name(const char *prefix, const char *topic, char out[LH_KAFKA_TOPIC_MAX + 1])
{
	size_t before = strlen(prefix), n = before + strlen(topic);

	if (n > LH_KAFKA_TOPIC_MAX || n == 0)
		return false;
	memcpy(out, prefix, before);
	memcpy(out + before, topic, n - before + 1);
	for (char *p = out; *p != '\0'; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			  *p == '.' || *p == '_' || *p == '-'))
			*p = '_';
	return true;
}

/* *made false: the library does not take the name. */
static LhStatus
add_topic(LhCtx *ctx, LhKafka *k, const char *topic, bool *made)
{
	char name[LH_KAFKA_TOPIC_MAX + 1];
	rd_kafka_topic_t **more;

	*made = false;
	if (!lh_kafka_topic_name(k->prefix, topic, name))
		return LH_OK;
	if (k->ntopics == k->topics_cap)
	{
		LH_NEW_ARRAY(ctx, more, 2 * k->topics_cap + 16);
		if (k->ntopics > 0)
			memcpy(more, k->topics, (size_t) k->ntopics * sizeof(*more));
		k->topics = more;
		k->topics_cap = 2 * k->topics_cap + 16;
	}
	/* names in the map are borrowed */
	if ((topic = lh_strdup(ctx, topic)) == NULL)
		return ctx->error->code;
	k->topics[k->ntopics] = rd_kafka_topic_new(k->rk, name, NULL);
	if (k->topics[k->ntopics] == NULL)
		return LH_OK;
	*made = true;
	return lh_namemap_put(ctx, k->topic_of, topic, strlen(topic), k->ntopics++);
}

/* NULL: there can be no such topic. */
static LhStatus
find_topic(LhCtx *ctx, LhKafka *k, const char *topic, rd_kafka_topic_t **out)
{
	int i = lh_namemap_get(k->topic_of, topic, strlen(topic));
	LhStatus status;
	LhArena *old;
	bool made;

	*out = i >= 0 ? k->topics[i] : NULL;
	if (i >= 0)
		return LH_OK;
	old = lh_use(ctx, k->arena);
	status = add_topic(ctx, k, topic, &made);
	lh_use(ctx, old);
	if (status == LH_OK && made)
		*out = k->topics[k->ntopics - 1];
	return status;
}

/* Hand a message to the library; waits while its queue is full.  *taken false: it is too large. */
static LhStatus
produce(LhCtx *ctx, LhKafka *k, const rd_kafka_vu_t *vus, size_t n, bool *taken)
{
	*taken = false;
	for (;;)
	{
		rd_kafka_error_t *error = rd_kafka_produceva(k->rk, vus, n);
		rd_kafka_resp_err_t code =
			error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);

		rd_kafka_poll(k->rk, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? LH_KAFKA_SLICE_MS / 4 : 0);
		*taken = error == NULL;
		if (*taken)
			return LH_OK;
		if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		{
			rd_kafka_error_destroy(error);
			return LH_OK;
		}
		if (code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__FATAL)
		{
			char text[256];
			rd_kafka_resp_err_t cause = rd_kafka_fatal_error(k->rk, text, sizeof(text));

			if (cause == RD_KAFKA_RESP_ERR_NO_ERROR)
			{
				/* the transaction failed meanwhile */
				rd_kafka_error_destroy(error);
				return restart(ctx, k,
							   k->last_error[0] != '\0' ? k->last_error : "a delivery failed");
			}
			rd_kafka_error_destroy(error);
			return fatal(ctx, k, "write a message", rd_kafka_error_new(cause, "%s", text));
		}
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return fatal(ctx, k, "write a message", error);
		rd_kafka_error_destroy(error);
		LH_TRY(lh_poll(ctx));
	}
}

static rd_kafka_vu_t
header(const char *name, const char *value)
{
	return (rd_kafka_vu_t){
		.vtype = RD_KAFKA_VTYPE_HEADER,
		.u.header = {.name = name, .val = value, .size = (ssize_t) strlen(value)}};
}

/* Those that an outbox's row has. */
static LhStatus
own_headers(LhCtx *ctx, LhSlice headers, rd_kafka_vu_t *v, size_t max, size_t *n)
{
	size_t at = 0;

	while (at < headers.len && *n < max)
	{
		LhSlice name, value;
		const char *text;

		LH_TRY(lh_header_next(ctx, headers, &at, &name, &value));
		text = lh_strndup(ctx, (const char *) name.data, name.len);
		if (text == NULL)
			return ctx->error->code;
		v[*n] = header(text, "");
		v[*n].u.header.val = value.data;
		v[(*n)++].u.header.size = (ssize_t) value.len;
	}
	return LH_OK;
}

static LhStatus
make_ids(LhCtx *ctx, LhKafka *k)
{
	LhArena *old = lh_use(ctx, k->arena);
	LhKafkaId *ids = lh_alloc_array(ctx, IDS, sizeof(*ids));

	lh_use(ctx, old);
	if (ids == NULL)
		return ctx->error->code;
	for (int i = 0; i < IDS; i++)
	{
		ids[i].next = k->free_ids;
		k->free_ids = &ids[i];
	}
	return LH_OK;
}

/* Nothing was handed to the library: the transaction is as it was. */
static LhStatus
refuse_here(LhCtx *ctx, LhKafka *k, const LhSinkMessage *m, const char *what, const char *name)
{
	/* what reports said meanwhile aborts the transaction at its next call */
	if (k->refusals.n > 0 || k->hopeless != LH_OK)
		return restart(ctx, k, "a message was refused");
	lh_kafka_refuse(k, &m->pos, m->sub, "topic \"%.64s%s\": %s", name,
					strlen(name) > 64 ? "..." : "", what);
	k->refusals.here = true;
	return refused(ctx, k);
}

static LhStatus
produce_message(LhCtx *ctx, LhKafka *k, const LhSinkMessage *m)
{
	char lsn[LH_LSN_TEXT], end[LH_LSN_TEXT], ordinal[32];
	const char *name = m->topic != NULL ? m->topic : k->config.stream;
	rd_kafka_vu_t v[7 + HEADERS + LH_ADD_FIELDS_MAX + 1];
	rd_kafka_topic_t *topic;
	LhKafkaId *id;
	LhStatus status;
	size_t n = 0;
	bool taken;

	LH_TRY(find_topic(ctx, k, name, &topic));
	if (topic == NULL)
		return refuse_here(ctx, k, m, "no topic can have this name", name);
	if (k->free_ids == NULL)
		LH_TRY(make_ids(ctx, k));
	id = k->free_ids;
	id->pos = m->pos;
	id->sub = m->sub;
	v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = id};
	v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic};
	v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY};
	if (m->has_key)
		v[n++] = (rd_kafka_vu_t){
			.vtype = RD_KAFKA_VTYPE_KEY,
			.u.mem = {.ptr = m->key.len > 0 ? (void *) m->key.data : "", .size = m->key.len}};
	if (!m->tombstone)
		v[n++] = (rd_kafka_vu_t){
			.vtype = RD_KAFKA_VTYPE_VALUE,
			.u.mem = {.ptr = m->value.len > 0 ? (void *) m->value.data : "", .size = m->value.len}};
	if (m->commit_time > -EPOCH_2000_MS * 1000 && m->commit_time != 0)
		v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
								 .u.i64 = m->commit_time / 1000 + EPOCH_2000_MS};
	if (k->headers)
	{
		snprintf(ordinal, sizeof(ordinal), "%llu", (unsigned long long) m->pos.ordinal);
		v[n++] = header("lsn", lh_sink_lsn_text(m->lsn, lsn));
		v[n++] = header("commit", lh_sink_lsn_text(m->pos.commit_end, end));
		v[n++] = header("ordinal", ordinal);
		v[n++] = header("op", lh_sink_op_name(m->op));
	}
	LH_TRY(own_headers(ctx, m->headers, v, sizeof(v) / sizeof(v[0]), &n));
	k->free_ids = id->next; /* its report may come before produce returns */
	status = produce(ctx, k, v, n, &taken);
	if (!taken)
	{
		id->next = k->free_ids;
		k->free_ids = id;
	}
	if (status == LH_OK && !taken)
		return refuse_here(ctx, k, m, "it has more than message.max.bytes", name);
	return status;
}

/*
 * The end of a Kafka transaction
 */

static LhStatus
produce_position(LhCtx *ctx, LhKafka *k, const LhChangePos *pos)
{
	rd_kafka_vu_t v[5];
	bool taken;

	k->text.len = 0;
	LH_TRY(lh_sink_position_write(ctx, &k->text, pos));
	v[0] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = k->positions};
	v[1] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0};
	v[2] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY};
	v[3] = (rd_kafka_vu_t){
		.vtype = RD_KAFKA_VTYPE_KEY,
		.u.mem = {.ptr = (void *) k->config.stream, .size = strlen(k->config.stream)}};
	v[4] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_VALUE,
						   .u.mem = {.ptr = k->text.data, .size = k->text.len}};
	LH_TRY(produce(ctx, k, v, 5, &taken));
	if (!taken)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": message.max.bytes is too small for a position",
				k->config.uri);
	return LH_OK;
}

/* Everything in the queue was delivered, or given up: the library's own time-outs see to it. */
static LhStatus
deliver(LhCtx *ctx, LhKafka *k)
{
	while (rd_kafka_flush(k->rk, LH_KAFKA_SLICE_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT &&
		   rd_kafka_outq_len(k->rk) > 0)
		LH_TRY(lh_poll(ctx));
	return LH_OK;
}

static LhStatus
commit_transaction(LhCtx *ctx, LhKafka *k)
{
	int64_t until = lh_sink_now_ms() + (int64_t) k->timeout_ms;

	for (;;)
	{
		rd_kafka_error_t *error = rd_kafka_commit_transaction(k->rk, LH_KAFKA_SLICE_MS * 5);

		if (error == NULL)
			return LH_OK;
		if (!rd_kafka_error_is_retriable(error))
			return judge(ctx, k, "commit a transaction", error);
		rd_kafka_error_destroy(error);
		LH_TRY(lh_poll(ctx));
		if (lh_sink_now_ms() >= until)
			return lh_kafka_timeout(ctx, k, "committing a transaction", k->timeout_ms);
	}
}

/* Everything up to k->at becomes durable. */
static LhStatus
end_transaction(LhCtx *ctx, LhKafka *k)
{
	LH_TRY(begin(ctx, k));
	LH_TRY(produce_position(ctx, k, &k->at));
	LH_TRY(deliver(ctx, k));
	LH_TRY(commit_transaction(ctx, k));
	k->in_txn = false;
	k->flush_wanted = false;
	k->sink.durable = k->at;
	return LH_OK;
}

static bool
reached(const LhKafka *k, uint64_t bytes, uint64_t ms)
{
	return k->in_txn && (k->txn_bytes >= bytes || lh_sink_now_ms() - k->began_ms >= (int64_t) ms);
}

/*
 * The vtable
 */

static LhStatus
put(LhCtx *ctx, LhKafka *k, const LhSinkMessage *m)
{
	LH_TRY(lh_poll(ctx));
	if (lh_change_pos_compare(&m->pos, &k->at) != 0 && reached(k, k->split_bytes, k->split_ms))
		LH_TRY(end_transaction(ctx, k));
	LH_TRY(begin(ctx, k));
	if (m->suspect)
		LH_TRY(deliver(ctx, k));
	LH_TRY(produce_message(ctx, k, m));
	if (m->suspect)
	{
		LH_TRY(deliver(ctx, k));
		if (k->refusals.n > 0)
			return restart(ctx, k, "a message was refused");
	}
	k->at = m->pos;
	k->inside = true;
	k->txn_bytes += m->key.len + m->value.len;
	k->sink.messages++;
	k->sink.bytes += m->key.len + m->value.len;
	return LH_OK;
}

static LhStatus
commit(LhCtx *ctx, LhKafka *k, const LhChangePos *pos)
{
	if (lh_change_pos_compare(pos, &k->at) > 0)
		k->at = *pos;
	k->inside = false;
	if (k->flush_wanted || reached(k, k->commit_bytes, k->commit_ms))
		return end_transaction(ctx, k);
	return LH_OK;
}

static LhStatus
flush(LhCtx *ctx, LhKafka *k)
{
	rd_kafka_poll(k->rk, 0);
	k->flush_wanted = k->inside;
	if (k->inside || lh_change_pos_compare(&k->at, &k->sink.durable) <= 0)
		return LH_OK;
	return end_transaction(ctx, k);
}

static LhStatus
check_ready(LhCtx *ctx, LhKafka *k)
{
	if (!k->ready)
		LH_FAIL(ctx, LH_BUG, "sink \"%s\" was used before its recovery or after a failure",
				k->config.uri);
	if (k->refusals.here)
		k->refusals.n = 0;
	k->refusals.here = false;
	return LH_OK;
}

static LhStatus
remember(LhKafka *k, LhStatus status)
{
	k->ready = status == LH_OK || k->refusals.here;
	return status;
}

static LhStatus
kafka_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	LhKafka *k = (LhKafka *) sink;

	LH_TRY(check_ready(ctx, k));
	return remember(k, put(ctx, k, message));
}

static LhStatus
kafka_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	LhKafka *k = (LhKafka *) sink;

	LH_TRY(check_ready(ctx, k));
	return remember(k, commit(ctx, k, pos));
}

static LhStatus
kafka_flush(LhCtx *ctx, LhSink *sink)
{
	LhKafka *k = (LhKafka *) sink;

	LH_TRY(check_ready(ctx, k));
	return remember(k, flush(ctx, k));
}

/* An open transaction is aborted, so that readers need not wait for its time-out. */
static LhStatus
kafka_close(LhCtx *ctx, LhSink *sink)
{
	LhKafka *k = (LhKafka *) sink;
	LhStatus status = LH_OK;

	if (k->rk != NULL && k->in_txn)
		status = abort_transaction(ctx, k, CLOSE_MS);
	k->ready = false;
	destroy(k);
	return status;
}

const LhSinkKind lh_sink_kafka = {
	.scheme = "kafka",
	.summary = "topics of Apache Kafka (exactly once, by transactions)",
	.open = kafka_open,
	.recover = kafka_recover,
	.put = kafka_put,
	.commit = kafka_commit,
	.flush = kafka_flush,
	.close = kafka_close,
};
