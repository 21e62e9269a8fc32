/*
 * test_sink_kafka_live.c
 *		The Kafka sink and a real broker: exactly once and in order across kill -9.
 *
 * Skipped unless LAKEHOUSE_KAFKA names a broker (test/interop/kafka_sink starts one).
 * A child puts a stream that is a function of the seed and is killed at a random
 * instant, again and again, until one gets through; a read_committed reader must
 * find the stream, whole and once.  LAKEHOUSE_SINK_SEEDS says how many streams.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sink/kafka.h"

#define NTXNS 150

static LhCtx *ctx;
static const char *broker;
static char stream[64]; /* and topic */

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	broker = getenv("LAKEHOUSE_KAFKA");
	return ctx == NULL;
}

static int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	return lh_hash_u64(a * UINT64_C(0x9E3779B97F4A7C15) + b + 1);
}

/* One transaction is larger than split.bytes. */
static int
events_of(uint64_t seed, int txn)
{
	return txn == NTXNS / 2 ? 400 : (int) (mix(seed, (uint64_t) txn) % 6);
}

static LhStatus
open_recovered(const char *options, LhSink **sink, LhChangePos *pos, bool *known)
{
	const char *uri =
		lh_sprintf(ctx, "kafka://%s?linger.ms=1&retry.backoff.ms=20%s", broker, options);

	LH_TRY(lh_sink_open(ctx, uri, stream, "json", true, sink));
	return (*sink)->kind->recover(ctx, *sink, pos, known);
}

static LhStatus
feed(LhSink *sink, uint64_t seed, const LhChangePos *from)
{
	for (int t = 0; t < NTXNS; t++)
	{
		LhChangePos end = {(uint64_t) (t + 1) * 256, (uint64_t) events_of(seed, t) + 1, 7};

		for (int e = 0; e < events_of(seed, t); e++)
		{
			char value[64];
			int n = snprintf(value, sizeof(value), "%d.%d", t, e);
			LhSinkMessage m = {.op = LH_CHANGE_INSERT,
							   .pos = {end.commit_end, (uint64_t) e + 1, 7},
							   .topic = stream,
							   .has_key = true,
							   .key = lh_slice(value, (size_t) n),
							   .value = lh_slice(value, (size_t) n)};

			if (lh_change_pos_compare(&m.pos, from) > 0)
				LH_TRY(sink->kind->put(ctx, sink, &m));
		}
		if (lh_change_pos_compare(&end, from) > 0)
			LH_TRY(sink->kind->commit(ctx, sink, &end));
		if (mix(seed ^ 3, (uint64_t) t) % 3 == 0)
			LH_TRY(sink->kind->flush(ctx, sink));
	}
	return sink->kind->flush(ctx, sink);
}

/* A failed attempt begins again as sink.h tells the client. */
static LhStatus
run(uint64_t seed)
{
	LhChangePos pos;
	LhStatus status;
	LhSink *sink;
	bool known;

	LH_TRY(open_recovered("&split.bytes=500", &sink, &pos, &known));
	while ((status = feed(sink, seed, &pos)) == LH_SINK_RESTART)
		LH_TRY(sink->kind->recover(ctx, sink, &pos, &known));
	LH_TRY(status);
	return sink->kind->close(ctx, sink);
}

static void
assert_stream(uint64_t seed)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_t *topic;
	int t = 0, e = 0, count = 0;
	rd_kafka_t *rk;
	char text[256], want[64];

	rd_kafka_conf_set(conf, "bootstrap.servers", broker, text, sizeof(text));
	rd_kafka_conf_set(conf, "isolation.level", "read_committed", text, sizeof(text));
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	topic = rd_kafka_topic_new(rk, stream, NULL);
	assert_int_equal(rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING), 0);
	for (bool end = false; !end;)
	{
		rd_kafka_message_t *m = rd_kafka_consume(topic, 0, 1000);

		if (m == NULL)
			continue;
		end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			for (; t < NTXNS && e >= events_of(seed, t); e = 0)
				t++;
			snprintf(want, sizeof(want), "%d.%d", t, e++);
			if (m->len != strlen(want) || memcmp(m->payload, want, m->len) != 0)
				fail_msg("seed %llu, offset %lld: expected %s, found %.*s",
						 (unsigned long long) seed, (long long) m->offset, want, (int) m->len,
						 (char *) m->payload);
			count++;
		}
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consume_stop(topic, 0);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	for (t = 0; t < NTXNS; t++)
		count -= events_of(seed, t);
	assert_int_equal(count, 0);
}

static int
kill_and_go_on(uint64_t seed)
{
	int status = -1, kills = 0;

	snprintf(stream, sizeof(stream), "live_%d_%d", (int) getpid(), (int) seed);
	for (int attempt = 0; attempt < 60; attempt++)
	{
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
		{
			LhStatus result = run(seed);

			if (result != LH_OK)
				fprintf(stderr, "%s (%s)\n", ctx->error->message, ctx->error->detail);
			_exit(result == LH_OK ? 0 : 1);
		}
		usleep(
			(useconds_t) (mix(seed, (uint64_t) attempt) % (uint64_t) (2000000 + attempt * 500000)));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status))
			break;
		kills++;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("seed %llu ended with status %d", (unsigned long long) seed, status);
	assert_stream(seed);
	return kills;
}

static void
is_exactly_once_across_kills(void **state)
{
	int seeds = getenv("LAKEHOUSE_SINK_SEEDS") != NULL ? atoi(getenv("LAKEHOUSE_SINK_SEEDS")) : 10;
	int kills = 0;

	(void) state;
	if (broker == NULL)
		skip();
	for (int seed = 0; seed < seeds; seed++)
		kills += kill_and_go_on((uint64_t) seed);
	print_message("%d kills in %d streams\n", kills, seeds);
	assert_true(kills > 0);
}

/* A second client with our transactional.id ends the first, which must not write any more. */
static void
a_second_client_fences_the_first(void **state)
{
	LhSink *first, *second;
	LhChangePos pos;
	bool known;
	LhSinkMessage m = {.pos = {16, 1, 7}, .topic = stream, .value = lh_slice("v", 1)};

	(void) state;
	if (broker == NULL)
		skip();
	snprintf(stream, sizeof(stream), "fence_%d", (int) getpid());
	assert_int_equal(open_recovered("", &first, &pos, &known), LH_OK);
	assert_int_equal(first->kind->put(ctx, first, &m), LH_OK);
	assert_int_equal(open_recovered("", &second, &pos, &known), LH_OK);
	assert_false(known);
	assert_int_equal(first->kind->commit(ctx, first, &m.pos), LH_OK);
	assert_int_equal(first->kind->flush(ctx, first), LH_DENIED);
	assert_int_equal(second->kind->put(ctx, second, &m), LH_OK);
	assert_int_equal(second->kind->commit(ctx, second, &m.pos), LH_OK);
	assert_int_equal(second->kind->flush(ctx, second), LH_OK);
	(void) first->kind->close(ctx, first);
	assert_int_equal(second->kind->close(ctx, second), LH_OK);
}

/* A topic of positions that forgets is refused; the one that the sink makes is compacted. */
static void
the_topic_of_positions_is_compacted(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	if (broker == NULL)
		skip();
	snprintf(stream, sizeof(stream), "plain_%d", (int) getpid());
	assert_int_equal(open_recovered("", &sink, &pos, &known), LH_OK);
	/* a topic that the broker made by itself, with its own policy: deletion */
	assert_int_equal(
		sink->kind->put(
			ctx, sink,
			&(LhSinkMessage){.pos = {16, 1, 7}, .topic = stream, .value = lh_slice("v", 1)}),
		LH_OK);
	assert_int_equal(sink->kind->commit(ctx, sink, &(LhChangePos){16, 1, 7}), LH_OK);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_OK);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
	assert_int_equal(
		open_recovered(lh_sprintf(ctx, "&position.topic=%s", stream), &sink, &pos, &known),
		LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "not compacted"));
	assert_int_equal(
		open_recovered(lh_sprintf(ctx, "&position.topic=made_%s", stream), &sink, &pos, &known),
		LH_OK);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
	/* it is there now, and passes again */
	assert_int_equal(
		open_recovered(lh_sprintf(ctx, "&position.topic=made_%s", stream), &sink, &pos, &known),
		LH_OK);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_topic_of_positions_is_compacted),
		TEST(a_second_client_fences_the_first),
		TEST(is_exactly_once_across_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
