/*
 * test_sink_dead.c
 *		Dead letters of the Kafka sink, against librdkafka's mock cluster.
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

#include "sink/dead.h"
#include "sink/kafka.h"
#include "unit/fine.h"

#define API_PRODUCE 0

static LhCtx *ctx;
static rd_kafka_t *mock_owner;
static rd_kafka_mock_cluster_t *mock;
static char dir[64];
static LhSink *opened; /* the last one, within the one of dead letters */

static int
set_up(void **state)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];

	(void) state;
	ctx = lh_ctx_create();
	snprintf(dir, sizeof(dir), "/tmp/lakehouse_dead.XXXXXX");
	rd_kafka_conf_set(conf, "log_level", "0", text, sizeof(text));
	mock_owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	mock = rd_kafka_mock_cluster_new(mock_owner, 1);
	if (ctx == NULL || mock == NULL || mkdtemp(dir) == NULL)
		return 1;
	rd_kafka_mock_topic_create(mock, "__lakehouse_positions", 1, 1);
	rd_kafka_mock_topic_create(mock, "t", 1, 1);
	rd_kafka_mock_topic_create(mock, "slot.dead-letter", 1, 1);
	return 0;
}

static int
tear_down(void **state)
{
	char command[128];

	(void) state;
	lh_ctx_destroy(ctx);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(mock_owner);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char *
kafka(const char *options)
{
	return lh_sprintf(ctx, "kafka://%s/?linger.ms=300&timeout.ms=20000&admin.timeout.ms=0%s",
					  rd_kafka_mock_cluster_bootstraps(mock), options);
}

static LhSink *
open_sink(const char *options, const char *letters, int tries, LhDeadConfig *dead)
{
	LhChangePos pos;
	LhSink *inner, *sink;
	bool known;

	*dead = (LhDeadConfig){.tries = tries, .name = "kafka://mock", .format = "json"};
	FINE(lh_dead_open(ctx, letters, "the letters", "slot", &dead->letters));
	FINE(lh_refused_create(ctx, &dead->refused));
	FINE(lh_sink_open(ctx, kafka(options), "slot", "json", true, &inner));
	FINE(lh_dead_wrap(ctx, inner, dead, &sink));
	opened = inner;
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	return sink;
}

static LhStatus
put(LhSink *sink, uint64_t ordinal, const char *topic, const char *value)
{
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {16, ordinal, 7},
					   .topic = topic,
					   .has_key = true,
					   .key = lh_slice("key", 3),
					   .value = lh_slice(value, strlen(value))};

	/* 2 bytes of the name's length, 4 of the value's */
	if (strcmp(value, "b") == 0)
		m.headers = lh_slice("\2\0\1\0\0\0idx\1\0\377\377\377\377n", 16);
	return sink->kind->put(ctx, sink, &m);
}

static LhStatus
end(LhSink *sink)
{
	LH_TRY(sink->kind->commit(ctx, sink, &(LhChangePos){16, 9, 7}));
	return sink->kind->flush(ctx, sink);
}

static const char *
slurp(void)
{
	char command[128], piece[8192];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "cat %s/*.ndjson", dir);
	f = popen(command, "r");
	n = fread(piece, 1, sizeof(piece), f);
	pclose(f);
	return lh_strndup(ctx, piece, n);
}

/* What the sink refuses before anything is sent: the transaction goes on around it. */
static void
what_is_not_sent_is_a_letter(void **state)
{
	LhDeadConfig dead;
	char large[3000], name[300];
	LhSink *sink;

	(void) state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	sink = open_sink("&message.max.bytes=2000", lh_sprintf(ctx, "file:%s", dir), 3, &dead);
	FINE(put(sink, 1, "t", "a"));
	FINE(put(sink, 2, "t", large));
	FINE(put(sink, 3, name, "b"));
	FINE(put(sink, 4, "t", "c"));
	assert_int_equal(lh_dead_count(dead.letters), 2);
	assert_int_equal(lh_refused_tries(dead.refused), 6);
	assert_int_equal(sink->messages, 2);
	FINE(end(sink));
	assert_true(sink->durable.commit_end == 16 && sink->durable.ordinal == 9);
	FINE(sink->kind->close(ctx, sink));
	FINE(lh_dead_close(ctx, dead.letters));
	assert_non_null(strstr(slurp(), "\"topic\":\"t\",\"key\":\"a2V5\",\"value\":\"eHh4"));
	assert_non_null(strstr(slurp(), "\"value\":\"Yg==\",\"headers\":[[\"id\",\"eA==\"],[\"n\",null]],\"reason\":\"topic \\\"nnnn"));
	assert_non_null(strstr(slurp(), "no topic can have this name"));
}

/* What a broker refuses aborts the transaction, and its batch comes again, one by one. */
static void
what_a_broker_refuses_is_a_letter(void **state)
{
	static const char *const values[] = {"a", "b", "c"};
	LhDeadConfig dead;
	LhStatus status = LH_SINK_RESTART;
	LhSink *sink;
	int tries = 0;

	(void) state;
	sink = open_sink("&retry.backoff.ms=10", lh_sprintf(ctx, "file:%s", dir), 2, &dead);
	/* as a client does it; the mock may refuse the first numbers after a new epoch */
	while (status == LH_SINK_RESTART && tries++ < 20)
	{
		LhChangePos pos;
		bool known;

		FINE(sink->kind->recover(ctx, sink, &pos, &known));
		assert_false(known);
		status = LH_OK;
		if (tries <= 2)
			rd_kafka_mock_push_request_errors(mock, API_PRODUCE, 1,
											  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
		for (uint64_t i = 0; i < 3 && status == LH_OK; i++)
			status = put(sink, i + 1, "t", values[i]);
		/* the batch before the position, which is a request of its own */
		if (tries == 1)
			assert_int_equal(rd_kafka_flush(((LhKafka *) opened)->rk, 10000), 0);
		if (status == LH_OK)
			status = end(sink);
		if (tries == 1)
		{
			if (status != LH_SINK_RESTART)
				fail_msg("%s (%s)", ctx->error->message, ctx->error->detail);
			assert_int_equal(lh_refused_tries(dead.refused), 3);
			assert_int_equal(lh_dead_count(dead.letters), 0);
		}
	}
	FINE(status);
	assert_int_equal(sink->durable.ordinal, 9);
	assert_int_equal(lh_dead_count(dead.letters), 1);
	FINE(sink->kind->close(ctx, sink));
	FINE(lh_dead_close(ctx, dead.letters));
	assert_non_null(strstr(slurp(), "Message size too large"));
	assert_non_null(strstr(slurp(), "\"lsn\":\"0/10\""));
}

/* The letters' sink may be of the same cluster: neither position nor transactional id is shared. */
static void
letters_may_go_to_the_same_cluster(void **state)
{
	char large[3000];
	LhDeadConfig dead;
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	sink = open_sink("&message.max.bytes=2000", kafka(""), 1, &dead);
	FINE(put(sink, 1, "t", "a"));
	FINE(put(sink, 2, "t", large));
	FINE(put(sink, 3, "t", large));
	FINE(end(sink));
	FINE(sink->kind->close(ctx, sink));
	FINE(lh_dead_close(ctx, dead.letters));
	/* the two streams have their own positions: the last letter's, and the end of the transaction */
	FINE(lh_sink_open(ctx, kafka(""), "slot.dead-letter", "json", true, &sink));
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_true(known && pos.commit_end == 16 && pos.ordinal == 2);
	FINE(sink->kind->close(ctx, sink));
	FINE(lh_sink_open(ctx, kafka(""), "slot", "json", true, &sink));
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_true(known && pos.commit_end == 16 && pos.ordinal == 9);
	FINE(sink->kind->close(ctx, sink));
}

/* A letter that its own sink refuses, too, is the end: nothing is lost silently. */
static void
a_letter_that_is_refused_is_the_end(void **state)
{
	char large[3000];
	LhDeadConfig dead;
	LhSink *sink;

	(void) state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	sink = open_sink("&message.max.bytes=2000", kafka("&message.max.bytes=2000"), 1, &dead);
	assert_int_equal(put(sink, 2, "t", large), LH_SINK_REFUSED);
	assert_non_null(strstr(ctx->error->message, "dead letters to the letters: "));
	assert_int_equal(lh_dead_count(dead.letters), 0);
	(void) sink->kind->close(ctx, sink);
	(void) lh_dead_close(ctx, dead.letters);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_sent_is_a_letter),
		TEST(what_a_broker_refuses_is_a_letter),
		TEST(letters_may_go_to_the_same_cluster),
		TEST(a_letter_that_is_refused_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
