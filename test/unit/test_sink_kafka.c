/*
 * test_sink_kafka.c
 *		The Kafka sink against librdkafka's mock cluster: transactions, positions, errors.
 *
 * The mock knows transactions, but keeps what an aborted one wrote, and it has no
 * admin requests: that nothing aborted is ever read is tested against a real broker
 * (test/interop/kafka_sink).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "sink/kafka.h"
#include "unit/fine.h"

/* Kafka's numbers of requests */
enum
{
	API_PRODUCE = 0,
	API_ADD_PARTITIONS = 24,
	API_END_TXN = 26
};

static LhCtx *ctx;
static rd_kafka_t *mock_owner;
static rd_kafka_mock_cluster_t *mock;

static int
set_up(void **state)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];

	(void) state;
	ctx = lh_ctx_create();
	rd_kafka_conf_set(conf, "log_level", "0", text, sizeof(text));
	mock_owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	mock = rd_kafka_mock_cluster_new(mock_owner, 3);
	if (ctx == NULL || mock == NULL)
		return 1;
	rd_kafka_mock_topic_create(mock, "__lakehouse_positions", 1, 1);
	rd_kafka_mock_topic_create(mock, "t", 1, 1);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(mock_owner);
	return 0;
}

static const char *
uri(const char *options)
{
	return lh_sprintf(ctx, "kafka://%s/?linger.ms=0&timeout.ms=20000&admin.timeout.ms=0%s",
					  rd_kafka_mock_cluster_bootstraps(mock), options);
}

static LhSink *
open_recovered(const char *options, LhChangePos *pos, bool *known)
{
	LhSink *sink;

	if (lh_sink_open(ctx, uri(options), "slot", "json", true, &sink) != LH_OK ||
		sink->kind->recover(ctx, sink, pos, known) != LH_OK)
		fail_msg("%s (%s)", ctx->error->message, ctx->error->detail);
	return sink;
}

static LhStatus
put(LhSink *sink, uint64_t end, uint64_t ordinal, const char *topic, const char *value)
{
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {end, ordinal, 7},
					   .lsn = end - 8,
					   .commit_time = 1000,
					   .topic = topic,
					   .has_key = true,
					   .tombstone = value == NULL,
					   .key = lh_slice("key", 3)};

	if (value != NULL)
		m.value = lh_slice(value, strlen(value));
	return sink->kind->put(ctx, sink, &m);
}

static LhStatus
commit(LhSink *sink, uint64_t end, uint64_t ordinal)
{
	LhChangePos pos = {end, ordinal, 7};

	return sink->kind->commit(ctx, sink, &pos);
}

/* All that a read_committed reader finds in a topic: values joined by '|', "-" for a tombstone. */
static const char *
read_topic(const char *topic, const char *headers_of_first)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_t *t;
	rd_kafka_t *rk;
	char text[256];
	LhBuf out;

	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), text, 256);
	rd_kafka_conf_set(conf, "isolation.level", "read_committed", text, 256);
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, 256);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	t = rd_kafka_topic_new(rk, topic, NULL);
	assert_int_equal(rd_kafka_consume_start(t, 0, RD_KAFKA_OFFSET_BEGINNING), 0);
	for (bool end = false; !end;)
	{
		rd_kafka_message_t *m = rd_kafka_consume(t, 0, 1000);
		rd_kafka_headers_t *headers;
		const char *name;
		const void *value;
		size_t size;

		if (m == NULL)
			continue;
		end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			FINE(lh_buf_printf(ctx, &out, "%s%.*s", out.len > 0 ? "|" : "",
							   m->payload == NULL ? 1 : (int) m->len,
							   m->payload == NULL ? "-" : (char *) m->payload));
			if (headers_of_first != NULL)
			{
				LhBuf h;

				FINE(lh_buf_init(ctx, &h, false));
				assert_int_equal(rd_kafka_message_headers(m, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
				for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0;
					 i++)
					FINE(
						lh_buf_printf(ctx, &h, "%s=%.*s;", name, (int) size, (const char *) value));
				FINE(lh_buf_putc(ctx, &h, '\0'));
				assert_string_equal((char *) h.data, headers_of_first);
				assert_int_equal(rd_kafka_message_timestamp(m, NULL), INT64_C(946684800001));
				headers_of_first = NULL;
			}
		}
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consume_stop(t, 0);
	rd_kafka_topic_destroy(t);
	rd_kafka_destroy(rk);
	FINE(lh_buf_putc(ctx, &out, '\0'));
	return (const char *) out.data;
}

static void
messages_and_position_go_together(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("&topic.prefix=", &pos, &known);
	assert_false(known);
	FINE(put(sink, 0x100, 1, "t", "one"));
	FINE(put(sink, 0x100, 2, "t", NULL));
	FINE(put(sink, 0x100, 3, "t", ""));
	FINE(commit(sink, 0x100, 4));
	assert_int_equal(sink->durable.commit_end, 0);
	FINE(sink->kind->flush(ctx, sink));
	assert_true(sink->durable.commit_end == 0x100 && sink->durable.ordinal == 4);
	assert_true(sink->messages == 3);
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_topic("t", "lsn=0/F8;commit=0/100;ordinal=1;op=insert;"), "one|-|");
	assert_string_equal(read_topic("__lakehouse_positions", NULL),
						"{\"lsn\":\"0/100\",\"ordinal\":4,\"xid\":7}");

	sink = open_recovered("", &pos, &known);
	assert_true(known && pos.commit_end == 0x100 && pos.ordinal == 4 && pos.xid == 7);
	assert_true(sink->durable.commit_end == 0x100);
	FINE(sink->kind->close(ctx, sink));
}

/* Those that an outbox's row has are there, whether ours are wanted or not. */
static void
messages_may_have_headers_of_their_own(void **state)
{
	static const uint8_t own[] = {2,   0, 1, 0,    0,    0,    'i',  'd',
								  '7', 1, 0, 0xff, 0xff, 0xff, 0xff, 'n'};
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {0x100, 1, 7},
					   .lsn = 0xf8,
					   .commit_time = 1000,
					   .has_key = true,
					   .key = lh_slice("key", 3),
					   .value = lh_slice("v", 1),
					   .headers = lh_slice(own, sizeof(own))};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		m.topic = i == 0 ? "both" : "own";
		m.pos.commit_end = 0x100u + (unsigned) i * 0x100;
		rd_kafka_mock_topic_create(mock, m.topic, 1, 1);
		sink = open_recovered(i == 0 ? "" : "&headers=no", &pos, &known);
		FINE(sink->kind->put(ctx, sink, &m));
		FINE(commit(sink, m.pos.commit_end, 2));
		FINE(sink->kind->flush(ctx, sink));
		FINE(sink->kind->close(ctx, sink));
	}
	assert_string_equal(read_topic("both", "lsn=0/F8;commit=0/100;ordinal=1;op=insert;id=7;n=;"),
						"v");
	assert_string_equal(read_topic("own", "id=7;n=;"), "v");
}

/* Several source transactions go into one; a flush inside of one waits for its commit. */
static void
source_transactions_are_whole(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("&commit.ms=3600000", &pos, &known);
	for (uint64_t t = 1; t <= 3; t++)
	{
		FINE(put(sink, t * 16, 1, "t", "v"));
		FINE(commit(sink, t * 16, 2));
	}
	FINE(put(sink, 64, 1, "t", "w"));
	FINE(sink->kind->flush(ctx, sink));
	assert_int_equal(sink->durable.commit_end, 0);
	FINE(put(sink, 64, 2, "t", "x"));
	FINE(commit(sink, 64, 3));
	assert_int_equal(sink->durable.commit_end, 64);
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_topic("__lakehouse_positions", NULL),
						"{\"lsn\":\"0/40\",\"ordinal\":3,\"xid\":7}");
	assert_string_equal(read_topic("t", NULL), "v|v|v|w|x");
}

static void
large_transactions_are_split_between_events(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("&split.bytes=10", &pos, &known);
	FINE(put(sink, 16, 1, "t", "0123456789"));
	FINE(put(sink, 16, 1, "t", "0123456789")); /* the same event */
	assert_int_equal(sink->durable.commit_end, 0);
	FINE(put(sink, 16, 2, "t", "b"));
	assert_true(sink->durable.commit_end == 16 && sink->durable.ordinal == 1);
	/* the client dies here: "b" comes again */
	FINE(sink->kind->close(ctx, sink));
	sink = open_recovered("&split.bytes=10", &pos, &known);
	assert_true(known && pos.commit_end == 16 && pos.ordinal == 1);
	FINE(put(sink, 16, 2, "t", "b"));
	FINE(commit(sink, 16, 3));
	FINE(sink->kind->flush(ctx, sink));
	assert_true(sink->durable.ordinal == 3);
	FINE(sink->kind->close(ctx, sink));
}

static void
transactions_without_messages_move_the_position(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("", &pos, &known);
	FINE(commit(sink, 4096, 1));
	FINE(sink->kind->flush(ctx, sink));
	FINE(sink->kind->flush(ctx, sink));
	FINE(sink->kind->close(ctx, sink));
	sink = open_recovered("", &pos, &known);
	assert_true(known && pos.commit_end == 4096);
	assert_string_equal(read_topic("__lakehouse_positions", NULL),
						"{\"lsn\":\"0/1000\",\"ordinal\":1,\"xid\":7}");
	FINE(sink->kind->close(ctx, sink));
}

static void
positions_of_other_streams_are_not_ours(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("", &pos, &known);
	FINE(commit(sink, 16, 1));
	FINE(sink->kind->flush(ctx, sink));
	FINE(sink->kind->close(ctx, sink));
	FINE(lh_sink_open(ctx, uri(""), "slot2", "json", true, &sink));
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_false(known);
	FINE(sink->kind->close(ctx, sink));
}

/* A coordinator that moves, leaders that change, requests that time out: all retried. */
static void
passing_errors_are_retried(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("&retry.backoff.ms=10", &pos, &known);
	rd_kafka_mock_push_request_errors(
		mock, API_ADD_PARTITIONS, 3, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
		RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
	rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 2, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
									  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	rd_kafka_mock_push_request_errors(mock, API_END_TXN, 2,
									  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
									  RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS);
	FINE(put(sink, 16, 1, "t", "a"));
	FINE(commit(sink, 16, 2));
	FINE(sink->kind->flush(ctx, sink));
	assert_int_equal(sink->durable.commit_end, 16);
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_topic("t", NULL), "a");
}

/* Run until something fails: put, commit and flush of one message. */
static LhStatus
one(LhSink *sink, uint64_t end)
{
	LH_TRY(put(sink, end, 1, "t", "v"));
	LH_TRY(commit(sink, end, 2));
	return sink->kind->flush(ctx, sink);
}

/* An abortable error: the transaction is gone, the same sink recovers and goes on. */
static void
abortable_errors_ask_for_a_restart(void **state)
{
	LhStatus status;
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("&retry.backoff.ms=10", &pos, &known);
	FINE(one(sink, 16));
	rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP);
	FINE(put(sink, 32, 1, "t", "v"));
	/* the mock would show the position of the aborted transaction: the failure comes before it */
	assert_int_equal(rd_kafka_flush(((LhKafka *) sink)->rk, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
	FINE(commit(sink, 32, 2));
	assert_int_equal(sink->kind->flush(ctx, sink), LH_SINK_RESTART);
	assert_int_equal(sink->durable.commit_end, 16);
	assert_int_equal(put(sink, 32, 1, "t", "v"), LH_BUG);
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_true(known && pos.commit_end == 16);
	/* as a client does it; the mock may refuse the first numbers after the new epoch */
	for (int i = 0; (status = one(sink, 32)) == LH_SINK_RESTART && i < 5; i++)
		FINE(sink->kind->recover(ctx, sink, &pos, &known));
	FINE(status);
	assert_int_equal(sink->durable.commit_end, 32);
	FINE(sink->kind->close(ctx, sink));
}

/* A missing right would abort every next transaction, too: a person is needed. */
static void
missing_rights_end_the_sink(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("", &pos, &known);
	rd_kafka_mock_push_request_errors(mock, API_ADD_PARTITIONS, 1,
									  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(one(sink, 16), LH_DENIED);
	assert_int_equal(sink->durable.commit_end, 0);
	(void) sink->kind->close(ctx, sink);
}

static void
fatal_errors_end_the_sink(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("&retry.backoff.ms=10", &pos, &known);
	rd_kafka_mock_push_request_errors(mock, API_END_TXN, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
	assert_int_equal(one(sink, 16), LH_DENIED);
	assert_non_null(strstr(ctx->error->hint, "transactional.id"));
	assert_int_equal(sink->durable.commit_end, 0);
	(void) sink->kind->close(ctx, sink);
}

static void
a_message_that_is_too_large_is_named(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	char *big;
	bool known;

	(void) state;
	sink = open_recovered("&message.max.bytes=2000", &pos, &known);
	big = lh_alloc0(ctx, 5000);
	memset(big, 'x', 4999);
	FINE(put(sink, 16, 1, "t", "a"));
	assert_int_equal(put(sink, 16, 2, "t", big), LH_SINK_REFUSED);
	assert_non_null(strstr(ctx->error->hint, "message.max.bytes"));
	assert_non_null(strstr(ctx->error->detail, "0/10, 2"));
	/* it alone: what was put before and what comes behind is as if it had not been there */
	assert_true(sink->refusals->here && sink->refusals->n == 1);
	assert_true(sink->refusals->v[0].pos.ordinal == 2 && sink->refusals->v[0].sub == 0);
	FINE(put(sink, 16, 3, "t", "c"));
	assert_int_equal(sink->refusals->n, 0);
	FINE(commit(sink, 16, 4));
	FINE(sink->kind->flush(ctx, sink));
	assert_int_equal(sink->durable.ordinal, 4);
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_topic("t", NULL), "a|c");

	/* the broker's limit, told by the delivery report */
	sink = open_recovered("", &pos, &known);
	rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	FINE(put(sink, 32, 1, "t", "v"));
	/* before the position, which is a request of its own */
	assert_int_equal(rd_kafka_flush(((LhKafka *) sink)->rk, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(one(sink, 48), LH_SINK_REFUSED);
	assert_true(!sink->refusals->here && sink->refusals->n == 1);
	assert_true(sink->refusals->v[0].pos.commit_end == 32 && sink->refusals->v[0].pos.ordinal == 1);
	assert_int_equal(put(sink, 32, 1, "t", "v"), LH_BUG);
	(void) sink->kind->close(ctx, sink);
}

/* A broker refuses a batch whole; a suspect has one of its own. */
static void
a_suspect_is_sent_alone(void **state)
{
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {16, 2, 7},
					   .topic = "t",
					   .suspect = true,
					   .value = lh_slice("b", 1)};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("&linger.ms=500", &pos, &known);
	rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 2, RD_KAFKA_RESP_ERR_NO_ERROR,
									  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	FINE(put(sink, 16, 1, "t", "a"));
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_SINK_REFUSED);
	assert_true(!sink->refusals->here && sink->refusals->n == 1);
	assert_int_equal(sink->refusals->v[0].pos.ordinal, 2);
	(void) sink->kind->close(ctx, sink);
	/* and without that: both */
	rd_kafka_mock_clear_request_errors(mock, API_PRODUCE);
	sink = open_recovered("&linger.ms=500", &pos, &known);
	rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	m.suspect = false;
	FINE(put(sink, 16, 1, "t", "a"));
	FINE(sink->kind->put(ctx, sink, &m));
	FINE(commit(sink, 16, 3));
	assert_int_equal(rd_kafka_flush(((LhKafka *) sink)->rk, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_SINK_REFUSED);
	assert_int_equal(sink->refusals->n, 2);
	assert_true(sink->refusals->v[0].pos.ordinal == 1 && sink->refusals->v[1].pos.ordinal == 2);
	(void) sink->kind->close(ctx, sink);
}

static bool
always(void *arg)
{
	return ++*(int *) arg > 20;
}

/* A full queue and brokers that are gone: put waits, and can be cancelled. */
static void
a_full_queue_waits_and_can_be_cancelled(void **state)
{
	LhHost host = {.interrupted = always};
	LhStatus status = LH_OK;
	LhChangePos pos;
	LhSink *sink;
	int polls = 0;
	bool known;

	(void) state;
	sink = open_recovered("&queue.buffering.max.messages=3", &pos, &known);
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_down(mock, broker);
	ctx->host = &host;
	ctx->host_arg = &polls;
	for (uint64_t i = 1; i <= 10 && status == LH_OK; i++)
		status = put(sink, 16, i, "t", "v");
	ctx->host = NULL;
	assert_int_equal(status, LH_CANCELLED);
	assert_int_equal(rd_kafka_outq_len(((LhKafka *) sink)->rk), 3);
	for (int broker = 1; broker <= 3; broker++)
		rd_kafka_mock_broker_set_up(mock, broker);
	(void) sink->kind->close(ctx, sink);
}

/* A queue far smaller than the transaction: everything arrives, in order. */
static void
a_small_queue_keeps_the_order(void **state)
{
	char value[16], want[4096] = "";
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	sink = open_recovered("&queue.buffering.max.messages=5", &pos, &known);
	for (uint64_t i = 1; i <= 300; i++)
	{
		snprintf(value, sizeof(value), "%d", (int) i);
		FINE(put(sink, 16, i, "t", value));
		strcat(strcat(want, i > 1 ? "|" : ""), value);
	}
	FINE(commit(sink, 16, 301));
	FINE(sink->kind->flush(ctx, sink));
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_topic("t", NULL), want);
}

static void
brokers_out_of_reach_are_an_error(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	FINE(lh_sink_open(ctx, "kafka://127.0.0.1:1?timeout.ms=500", "slot", "json", true, &sink));
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_IO);
	assert_non_null(strstr(ctx->error->message, "more than 500 ms"));
	(void) sink->kind->close(ctx, sink);
}

/* Topics are made by the brokers; names become what Kafka takes. */
static void
topics_get_prefix_and_plain_names(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;
	char *longest;

	(void) state;
	sink = open_recovered("&topic.prefix=p.&partitioner=consistent", &pos, &known);
	rd_kafka_mock_topic_create(mock, "p.public.a_b_", 1, 1);
	FINE(put(sink, 16, 1, "public.a b\"", "v"));
	FINE(commit(sink, 16, 2));
	FINE(sink->kind->flush(ctx, sink));
	assert_string_equal(read_topic("p.public.a_b_", NULL), "v");
	longest = lh_alloc0(ctx, 300);
	memset(longest, 'x', 248);
	assert_int_equal(put(sink, 32, 1, longest, "v"), LH_SINK_REFUSED);
	assert_true(sink->refusals->here);
	FINE(put(sink, 32, 2, "public.a b\"", "w"));
	FINE(commit(sink, 32, 3));
	FINE(sink->kind->flush(ctx, sink));
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_topic("p.public.a_b_", NULL), "v|w");
}

static void
damaged_positions_are_an_error(void **state)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	LhChangePos pos;
	LhSink *sink;
	rd_kafka_t *rk;
	char text[256];
	bool known;

	(void) state;
	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), text, 256);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("__lakehouse_positions"),
									   RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY("slot", 4),
									   RD_KAFKA_V_VALUE("{\"lsn\":\"x\"}", 11), RD_KAFKA_V_END),
					 0);
	assert_int_equal(rd_kafka_flush(rk, 10000), 0);
	FINE(lh_sink_open(ctx, uri(""), "slot", "json", true, &sink));
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "offset 0"));
	rd_kafka_destroy(rk);
	(void) sink->kind->close(ctx, sink);
}

/* A null value for its key: somebody wants the stream to begin anew. */
static void
a_tombstone_forgets_the_position(void **state)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	LhChangePos pos;
	LhSink *sink;
	rd_kafka_t *rk;
	char text[256];
	bool known;

	(void) state;
	sink = open_recovered("", &pos, &known);
	FINE(commit(sink, 16, 1));
	FINE(sink->kind->flush(ctx, sink));
	FINE(sink->kind->close(ctx, sink));
	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), text, 256);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("__lakehouse_positions"),
									   RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY("slot", 4),
									   RD_KAFKA_V_END),
					 0);
	assert_int_equal(rd_kafka_flush(rk, 10000), 0);
	rd_kafka_destroy(rk);
	sink = open_recovered("", &pos, &known);
	assert_false(known);
	FINE(sink->kind->close(ctx, sink));
}

static void
options_are_checked(void **state)
{
	static const char *const bad[] = {
		"kafka:",
		"kafka:///?acks=all",
		"kafka://h/path",
		"kafka://h?nosuch.property=1",
		"kafka://h?acks=x",
		"kafka://h?acks=1",
		"kafka://h?enable.idempotence=false",
		"kafka://h?plugin.library.paths=/tmp/x.so",
		"kafka://h?bootstrap.servers=x",
		"kafka://h?isolation.level=read_uncommitted",
		"kafka://h?commit.bytes=0",
		"kafka://h?transactional.id=",
		"kafka://h?headers=maybe",
		"kafka://h?security.protocol=SASL_SSL&sasl.mechanism=NOSUCH&sasl.password=hunter2",
		NULL};
	LhSink *sink;

	(void) state;
	for (int i = 0; bad[i] != NULL; i++)
	{
		if (lh_sink_open(ctx, bad[i], "slot", "json", true, &sink) != LH_INVALID)
			fail_msg("%s: %s", bad[i], ctx->error->message);
		assert_null(strstr(ctx->error->message, "hunter2"));
		assert_null(strstr(ctx->error->detail, "hunter2"));
	}
	FINE(lh_sink_open(ctx, "kafka://h:1?compression.type=zstd&client.id=x&transactional.id=y",
					  "slot", "json", true, &sink));
	assert_string_equal(((LhKafka *) sink)->transactional_id, "y");
	FINE(sink->kind->close(ctx, sink));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_are_checked),
		TEST(messages_and_position_go_together),
		TEST(messages_may_have_headers_of_their_own),
		TEST(source_transactions_are_whole),
		TEST(large_transactions_are_split_between_events),
		TEST(transactions_without_messages_move_the_position),
		TEST(positions_of_other_streams_are_not_ours),
		TEST(passing_errors_are_retried),
		TEST(abortable_errors_ask_for_a_restart),
		TEST(missing_rights_end_the_sink),
		TEST(fatal_errors_end_the_sink),
		TEST(a_message_that_is_too_large_is_named),
		TEST(a_suspect_is_sent_alone),
		TEST(a_full_queue_waits_and_can_be_cancelled),
		TEST(a_small_queue_keeps_the_order),
		TEST(brokers_out_of_reach_are_an_error),
		TEST(topics_get_prefix_and_plain_names),
		TEST(damaged_positions_are_an_error),
		TEST(a_tombstone_forgets_the_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
