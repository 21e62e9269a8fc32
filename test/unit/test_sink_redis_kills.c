/*
 * test_sink_redis_kills.c
 *		The Redis sink: exactly once and in order across kill -9 of client and server.
 *
 * Needs Debian's redis-server; without it the test is skipped, which is said aloud.
 * LAKEHOUSE_SINK_SEEDS says how many streams are killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/mman.h>

#include "redis_live.h"

#define NTXNS 150

static uint64_t
mix(uint64_t a, uint64_t b)
{
	return lh_hash_u64(a * UINT64_C(0x9E3779B97F4A7C15) + b + 1);
}

/* One transaction is larger than batch.bytes, and so is an event. */
static int
events_of(uint64_t seed, int txn)
{
	return txn == NTXNS / 2 ? 200 : (int) (mix(seed, (uint64_t) txn) % 6);
}

static int
messages_of(int txn, int e)
{
	return txn == NTXNS / 3 && e == 0 ? 60 : 1;
}

/* Keys keep to their streams. */
static int
stream_of(int txn, int e, int sub)
{
	return (txn * 7 + e * 3 + sub) % 3;
}

/* Messages that children have put, for their parent: kills hit streams however fast they are. */
static volatile uint64_t *nput;

static LhStatus
feed(LhSink *sink, uint64_t seed, const LhChangePos *from)
{
	for (int t = 0; t < NTXNS; t++)
	{
		LhChangePos end = {(uint64_t) (t + 1) * 256, (uint64_t) events_of(seed, t) + 1, 7};

		for (int e = 0; e < events_of(seed, t); e++)
			for (int sub = 0; sub < messages_of(t, e); sub++)
			{
				char value[64], topic[16];
				int n = snprintf(value, sizeof(value), "%d.%d.%d", t, e, sub);
				LhSinkMessage m = {.op = LH_CHANGE_INSERT,
								   .pos = {end.commit_end, (uint64_t) e + 1, 7},
								   .sub = sub,
								   .topic = topic,
								   .value = lh_slice(value, (size_t) n)};

				snprintf(topic, sizeof(topic), "k%d", stream_of(t, e, sub));
				if (lh_change_pos_compare(&m.pos, from) <= 0)
					continue;
				LH_TRY(sink->kind->put(ctx, sink, &m));
				(*nput)++;
			}
		if (lh_change_pos_compare(&end, from) > 0)
			LH_TRY(sink->kind->commit(ctx, sink, &end));
		if (mix(seed ^ 3, (uint64_t) t) % 3 == 0)
			LH_TRY(sink->kind->flush(ctx, sink));
	}
	return sink->kind->flush(ctx, sink);
}

/* A failed attempt begins again as sink.h tells the client; the server may be away for a while. */
static LhStatus
run_stream(uint64_t seed)
{
	LhStatus status = LH_OK;

	for (int attempt = 0; attempt < 2000; attempt++)
	{
		LhChangePos pos;
		LhSink *sink;
		bool known;

		status = open_stream("slot", "&fields=value&batch.bytes=600", &sink, &pos, &known);
		if (status == LH_OK)
			status = feed(sink, seed, &pos);
		if (status == LH_OK)
			return sink->kind->close(ctx, sink);
		if (status != LH_IO)
			return status;
		usleep(5000);
	}
	return status;
}

static void
assert_stream(uint64_t seed)
{
	redisReply *all[3];
	size_t at[3] = {0};

	for (int k = 0; k < 3; k++)
	{
		char key[8];

		snprintf(key, sizeof(key), "k%d", k);
		all[k] = redis_do(&server, "XRANGE %s - +", key);
	}
	for (int t = 0; t < NTXNS; t++)
		for (int e = 0; e < events_of(seed, t); e++)
			for (int sub = 0; sub < messages_of(t, e); sub++)
			{
				int k = stream_of(t, e, sub);
				char want[64], found[64] = "nothing";

				snprintf(want, sizeof(want), "%d.%d.%d", t, e, sub);
				if (at[k] < all[k]->elements)
					snprintf(found, sizeof(found), "%s",
							 all[k]->element[at[k]]->element[1]->element[1]->str);
				at[k]++;
				if (strcmp(want, found) != 0)
					fail_msg("seed %llu, stream %d: expected %s, found %s",
							 (unsigned long long) seed, k, want, found);
			}
	for (int k = 0; k < 3; k++)
	{
		assert_int_equal(at[k], all[k]->elements);
		freeReplyObject(all[k]);
	}
}

/* Until the child has put n messages more; false: it has ended. */
static bool
wait_for_puts(pid_t pid, uint64_t n, int *status)
{
	uint64_t target = *nput + n;

	for (int i = 0; *nput < target; i++)
	{
		if (waitpid(pid, status, WNOHANG) == pid)
			return false;
		if (i == 600000)
			fail_msg("a child that puts nothing for a minute");
		usleep(100);
	}
	return true;
}

static void
kill_and_go_on(uint64_t seed, int kills[2])
{
	int status = -1;
	bool over = false;

	redis_start(&server);
	for (int attempt = 0; attempt < 400 && !over; attempt++)
	{
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
		{
			LhStatus result = run_stream(seed);

			if (result != LH_OK)
				fprintf(stderr, "%s (%s)\n", ctx->error->message, ctx->error->detail);
			_exit(result == LH_OK ? 0 : 1);
		}
		/* the server dies under the child, once or more, and then the child */
		for (int i = 0; i <= (int) (mix(seed, (uint64_t) attempt) % 3); i++)
		{
			uint64_t random = mix(seed + 77, (uint64_t) (attempt * 8 + i));

			over = !wait_for_puts(pid, random % (uint64_t) (60 + attempt * 40), &status);
			if (over)
				break;
			usleep((useconds_t) (random >> 32) % 2000);
			if (i == 0 && mix(seed, (uint64_t) attempt + 1000) % 2)
				break;
			redis_kill(&server, SIGKILL);
			redis_start(&server);
			kills[1]++;
		}
		if (over)
			break;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		over = WIFEXITED(status);
		kills[0] += !over;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("seed %llu ended with status %d", (unsigned long long) seed, status);
	redis_wait_loaded(&server);
	assert_stream(seed);
	redis_remove(&server);
}

static void
is_exactly_once_across_kills(void **state)
{
	int seeds = getenv("LAKEHOUSE_SINK_SEEDS") != NULL ? atoi(getenv("LAKEHOUSE_SINK_SEEDS")) : 8;
	int kills[2] = {0, 0};

	NEEDS_REDIS;
	nput = mmap(NULL, sizeof(*nput), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(nput != MAP_FAILED);
	for (int seed = 0; seed < seeds; seed++)
		kill_and_go_on((uint64_t) seed, kills);
	print_message("%d kills of the client, %d of the server, in %d streams\n", kills[0], kills[1],
				  seeds);
	assert_true(kills[0] > seeds / 2 && kills[1] > seeds / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_exactly_once_across_kills, set_up, tear_down),
	};

	if (!redis_is_installed())
		print_message("NO REDIS SERVER: " REDIS_PROGRAM " is not there, THIS TEST IS SKIPPED\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
