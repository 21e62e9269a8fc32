/*
 * test_sink_nats_live.c
 *		The NATS sink and a real nats-server: exactly once and in order across kill -9 of both.
 *
 * A child puts a stream that is a function of the seed; child and server are killed at random
 * instants, again and again, until one child gets through; the stream in JetStream must be
 * that stream, whole and once.  The duplicate window is 100 ms, so it is not what helps.
 * The child notes what it was promised ("durable"): no recovery may fall behind that.
 * LAKEHOUSE_SINK_SEEDS says how many streams.
 *
 * The library has threads, which do not survive a fork: children are this program anew.
 */
#include <sys/mman.h>

#include "unit/nats_live.h"

#define NTXNS 120
#define NODES 3 /* of a cluster */

static const char *self;

/* What children leave behind: in memory that is shared */
typedef struct Promise
{
	uint64_t commit_end;
	uint64_t ordinal;
	uint64_t puts;     /* messages, of all children */
	uint64_t restarts; /* LH_SINK_RESTART */
	uint64_t failures; /* LH_IO */
	uint64_t parts;    /* recoveries that found an event in part */
} Promise;

/*
 * Promises one by one
 */

static void
messages_and_position_go_together(void **state)
{
	LhChangePos pos;
	natsMsg *msg;
	LhSink *sink;
	Reader r;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	assert_false(known);
	FINE(put(sink, 0x100, 1, 0, "slot.t", "one"));
	FINE(put(sink, 0x100, 2, 0, "slot.t", NULL));
	FINE(put(sink, 0x100, 3, 0, "slot.u v*", ""));
	FINE(commit(sink, 0x100, 4));
	FINE(flush(sink));
	assert_true(sink->durable.commit_end == 0x100 && sink->durable.ordinal == 4);
	assert_true(sink->messages == 3);
	FINE(sink->kind->close(ctx, sink));

	r = reader_open();
	/* no message for the position: the last one has it */
	assert_int_equal(r.last, 3);
	msg = read_at(&r, 1);
	assert_string_equal(natsMsg_GetSubject(msg), "slot.t");
	assert_string_equal(header_of(msg, "Nats-Msg-Id"), "slot/json/0/100/1/0");
	assert_string_equal(header_of(msg, "Lakehouse-Stream"), "slot/json");
	assert_string_equal(header_of(msg, "Lakehouse-At"), "0/100 1 0 7");
	assert_string_equal(header_of(msg, "Lakehouse-Done"), "0/100 1 7");
	assert_string_equal(header_of(msg, "Lakehouse-Key"), "key");
	assert_string_equal(header_of(msg, "Lakehouse-Tombstone"), "");
	assert_string_equal(header_of(msg, "lsn"), "0/F8");
	assert_string_equal(header_of(msg, "op"), "insert");
	natsMsg_Destroy(msg);
	msg = read_at(&r, 2);
	assert_string_equal(header_of(msg, "Lakehouse-Tombstone"), "yes");
	natsMsg_Destroy(msg);
	msg = read_at(&r, 3);
	assert_string_equal(natsMsg_GetSubject(msg), "slot.u_v_");
	assert_string_equal(header_of(msg, "Lakehouse-Tombstone"), "");
	assert_string_equal(header_of(msg, "Lakehouse-Done"), "0/100 4 7");
	natsMsg_Destroy(msg);
	reader_close(&r);

	FINE(open_recovered("", &sink, &pos, &known));
	assert_true(known && pos.commit_end == 0x100 && pos.ordinal == 4 && pos.xid == 7);
	FINE(sink->kind->close(ctx, sink));
}

static void
keys_and_headers_keep_their_bytes(void **state)
{
	static const uint8_t own[] = {2,    0,   4, 0, 0,   0,   'i', 'd', 'a', ' ',
								  '\n', '%', 1, 0, 255, 255, 255, 255, 'n'};
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {0x100, 1, 7},
					   .has_key = true,
					   .key = lh_slice("\0\r\n\xff k", 6),
					   .value = lh_slice("v", 1),
					   .topic = "slot.t",
					   .headers = lh_slice(own, sizeof(own))};
	static const uint8_t bad[] = {11,  0,   3,   0,   0,   0,   'n', 'a', 't', 's',
								  '-', 'r', 'o', 'l', 'l', 'u', 'p', 'a', 'l', 'l'};
	LhChangePos pos;
	natsMsg *msg;
	LhSink *sink;
	Reader r;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE "&headers=no", &sink, &pos, &known));
	FINE(sink->kind->put(ctx, sink, &m));
	FINE(commit(sink, 0x100, 2));
	FINE(flush(sink));
	r = reader_open();
	msg = read_at(&r, 1);
	assert_string_equal(header_of(msg, "Lakehouse-Key"), "%00%0D%0A%FF%20k");
	assert_string_equal(header_of(msg, "id"), "a%20%0A%25");
	assert_string_equal(header_of(msg, "n"), "");
	assert_string_equal(header_of(msg, "lsn"), "");
	natsMsg_Destroy(msg);
	reader_close(&r);
	/* one that would empty the stream */
	m.headers = lh_slice(bad, sizeof(bad));
	m.pos.commit_end = 0x200;
	FAILS(sink->kind->put(ctx, sink, &m), LH_INVALID, "nats-rollup");
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_all(), "v");
}

static void
positions_without_messages_are_messages(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	Reader r;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	for (uint64_t end = 0x100; end <= 0x500; end += 0x100)
	{
		FINE(commit(sink, end, 0));
		FINE(flush(sink));
		FINE(flush(sink));
		assert_true(sink->durable.commit_end == end);
	}
	FINE(sink->kind->close(ctx, sink));
	r = reader_open();
	/* only the last one stays */
	assert_true(r.last == 5 && r.messages == 1);
	reader_close(&r);
	FINE(open_recovered("", &sink, &pos, &known));
	assert_true(known && pos.commit_end == 0x500 && pos.ordinal == 0);
	FINE(one(sink, 0x600));
	FINE(sink->kind->close(ctx, sink));
}

/* An event that is there in part goes on where it stopped: by number, message for message. */
static void
events_in_part_go_on(void **state)
{
	LhSinkMessage row = {.op = LH_CHANGE_READ,
						 .pos = {0x200, 2, 7},
						 .topic = "slot.t",
						 .unit = true,
						 .value = lh_slice("row", 3)};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	FINE(one(sink, 0x100));
	FINE(put(sink, 0x200, 1, 0, "slot.t", "a"));
	FINE(put(sink, 0x200, 2, 0, "slot.t", "b0"));
	FINE(put(sink, 0x200, 2, 1, "slot.t", "b1"));
	FINE(put(sink, 0x200, 2, 2, "slot.t", "b2"));
	/* a flush in a transaction does not say that the event is over */
	FINE(flush(sink));
	while (((LhNats *) sink)->nsent > 0)
		FINE(flush(sink));
	assert_true(sink->durable.commit_end == 0x200 && sink->durable.ordinal == 1);
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_all(), "256|a|b0|b1");

	FINE(open_recovered("", &sink, &pos, &known));
	assert_true(known && pos.commit_end == 0x200 && pos.ordinal == 1);
	/* a row of a unit is another one, whatever its number */
	FINE(sink->kind->put(ctx, sink, &row));
	FINE(put(sink, 0x200, 2, 0, "slot.t", "b0"));
	FINE(put(sink, 0x200, 2, 1, "slot.t", "b1"));
	FINE(put(sink, 0x200, 2, 2, "slot.t", "b2"));
	FINE(put(sink, 0x200, 3, 0, "slot.t", "c"));
	FINE(commit(sink, 0x200, 4));
	FINE(flush(sink));
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_all(), "256|a|b0|b1|row|b2|c");
}

/* The rows of a snapshot's unit may be others when it comes again: none of these is dropped. */
static void
units_in_part_come_whole(void **state)
{
	LhSinkMessage m = {.op = LH_CHANGE_READ, .pos = {0x200, 1, 7}, .topic = "slot.t", .unit = true};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	need_server();
	for (int attempt = 0; attempt < 2; attempt++)
	{
		/* a long window: a server that drops by the id would drop the second attempt's rows */
		FINE(open_recovered(attempt == 0 ? "&create=yes&duplicate.window.ms=3600000" : "", &sink,
							&pos, &known));
		if (attempt == 0)
			FINE(one(sink, 0x100));
		else
			assert_true(known && pos.commit_end == 0x100 && pos.ordinal == 2);
		for (m.sub = 0; m.sub < 3; m.sub++)
		{
			const char *row = lh_sprintf(ctx, "%d.%d", attempt, m.sub);

			m.value = lh_slice(row, strlen(row));
			FINE(sink->kind->put(ctx, sink, &m));
		}
		if (attempt == 1)
			FINE(commit(sink, 0x200, 1));
		do
			FINE(flush(sink));
		while (((LhNats *) sink)->nsent > 0);
		FINE(sink->kind->close(ctx, sink));
	}
	assert_string_equal(read_all(), "256|0.0|0.1|1.0|1.1|1.2");
	FINE(open_recovered("", &sink, &pos, &known));
	assert_true(known && pos.commit_end == 0x200 && pos.ordinal == 1);
	FINE(sink->kind->close(ctx, sink));
}

/* Two clients: neither can put anything twice or leave something out, whoever is late. */
static void
two_clients_fence_each_other(void **state)
{
	LhSink *sinks[2];
	LhChangePos pos;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sinks[0], &pos, &known));
	FINE(one(sinks[0], 0x100));
	FINE(open_recovered("", &sinks[1], &pos, &known));
	for (uint64_t i = 0; i < 20; i++)
	{
		LhSink *fast = sinks[i % 2], *late = sinks[(i + 1) % 2];
		uint64_t end = 0x200 + i * 0x100;

		FINE(one(fast, end));
		/* the late one does not know: a whole run of messages, of which not one may get in */
		for (uint64_t k = 0; k < 50; k++)
		{
			LhStatus status = put(late, end + 1 + k, 1, 0, "slot.t", "late");

			if (status == LH_OK)
				status = commit(late, end + 1 + k, 2);
			if (status == LH_SINK_RESTART)
				break;
			FINE(status);
		}
		(void) flush(late);
		assert_true(late->durable.commit_end < end);
		FINE(late->kind->recover(ctx, late, &pos, &known));
		assert_true(known && pos.commit_end == end && pos.ordinal == 2);
	}
	assert_null(strstr(read_all(), "late"));
	FINE(sinks[0]->kind->close(ctx, sinks[0]));
	FINE(sinks[1]->kind->close(ctx, sinks[1]));
}

static void
a_failed_sink_waits_for_recovery(void **state)
{
	LhSink *sink;
	LhChangePos pos;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	publish("slot.x", "foreign");
	FINE(put(sink, 0x100, 1, 0, "slot.t", "v"));
	FINE(commit(sink, 0x100, 2));
	assert_int_equal(flush(sink), LH_SINK_RESTART);
	assert_int_equal(put(sink, 0x100, 1, 0, "slot.t", "v"), LH_BUG);
	FAILS(sink->kind->recover(ctx, sink, &pos, &known), LH_CORRUPT, "sequence 1");
	FINE(sink->kind->close(ctx, sink));
	/* nothing behind it: all that was put is refused, be it ours or not */
	assert_string_equal(read_all(), "foreign");
}


/*
 * Kills
 */

static uint64_t
mix(uint64_t a, uint64_t b)
{
	return lh_hash_u64(a * UINT64_C(0x9E3779B97F4A7C15) + b + 1);
}

static int
events_of(uint64_t seed, int txn)
{
	return txn == NTXNS / 2 ? 300 : (int) (mix(seed, (uint64_t) txn) % 6);
}

static int
messages_of(uint64_t seed, int txn, int event)
{
	return 1 + (int) (mix(seed ^ 5, (uint64_t) txn * 1000 + (uint64_t) event) % 4);
}

static LhStatus
feed(LhSink *sink, uint64_t seed, const LhChangePos *from, Promise *promise)
{
	for (int t = 0; t < NTXNS; t++)
	{
		LhChangePos end = {(uint64_t) (t + 1) * 256, (uint64_t) events_of(seed, t) + 1, 7};

		for (int e = 0; e < events_of(seed, t); e++)
			for (int k = 0; k < messages_of(seed, t, e); k++)
			{
				char value[64];
				int n = snprintf(value, sizeof(value), "%d.%d.%d", t, e, k);
				LhSinkMessage m = {.op = LH_CHANGE_INSERT,
								   .pos = {end.commit_end, (uint64_t) e + 1, 7},
								   .sub = k,
								   .topic = e % 3 == 0 ? "slot.a" : "slot.b",
								   .has_key = true,
								   .key = lh_slice(value, (size_t) n),
								   .value = lh_slice(value, (size_t) n)};

				if (lh_change_pos_compare(&m.pos, from) <= 0)
					continue;
				LH_TRY(sink->kind->put(ctx, sink, &m));
				promise->puts++;
			}
		if (lh_change_pos_compare(&end, from) > 0)
			LH_TRY(sink->kind->commit(ctx, sink, &end));
		if (mix(seed ^ 3, (uint64_t) t) % 3 == 0)
			LH_TRY(sink->kind->flush(ctx, sink));
		promise->commit_end = sink->durable.commit_end;
		promise->ordinal = sink->durable.ordinal;
	}
	LH_TRY(sink->kind->flush(ctx, sink));
	promise->commit_end = sink->durable.commit_end;
	promise->ordinal = sink->durable.ordinal;
	return LH_OK;
}

static LhStatus
recover(LhSink *sink, LhChangePos *pos, Promise *promise)
{
	LhChangePos was = {promise->commit_end, promise->ordinal, 0};
	bool known;

	LH_TRY(sink->kind->recover(ctx, sink, pos, &known));
	promise->parts += ((LhNats *) sink)->skip_sub >= 0;
	if (lh_change_pos_compare(pos, &was) < 0)
		LH_FAIL(ctx, LH_CORRUPT, "%llu, %llu was promised, and %llu, %llu is there",
				(unsigned long long) was.commit_end, (unsigned long long) was.ordinal,
				(unsigned long long) pos->commit_end, (unsigned long long) pos->ordinal);
	return LH_OK;
}

/* As the client does it: the same sink after a restart, a new one after an error. */
static LhStatus
run_stream(const char *where, uint64_t seed, Promise *promise)
{
	LhStatus status = LH_OK;

	for (int attempt = 0; attempt < 2000; attempt++)
	{
		LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
		LhChangePos pos;
		LhSink *sink;

		status = lh_sink_open(ctx, where, "slot", "json", true, &sink);
		if (status == LH_OK)
		{
			status = recover(sink, &pos, promise);
			if (status == LH_OK)
				status = feed(sink, seed, &pos, promise);
			while (status == LH_SINK_RESTART)
			{
				promise->restarts++;
				status = recover(sink, &pos, promise);
				if (status == LH_OK)
					status = feed(sink, seed, &pos, promise);
			}
			(void) sink->kind->close(ctx, sink);
		}
		lh_use(ctx, old);
		lh_arena_reset(arena);
		if (status != LH_IO)
			return status;
		promise->failures++;
		usleep(20000);
	}
	return status;
}

static int
child(char **argv)
{
	int fd = open(argv[3], O_RDWR);
	Promise *promise = mmap(NULL, sizeof(*promise), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	LhStatus status;

	ctx = lh_ctx_create();
	if (promise == MAP_FAILED || ctx == NULL)
		return 2;
	status = run_stream(argv[1], strtoull(argv[2], NULL, 10), promise);
	if (status != LH_OK)
		fprintf(stderr, "%d: %s (%s)\n", status, ctx->error->message, ctx->error->detail);
	lh_ctx_destroy(ctx);
	return status == LH_OK ? 0 : 1;
}

static pid_t
start_child(const char *where, uint64_t seed, const char *path)
{
	const char *number = lh_sprintf(ctx, "%llu", (unsigned long long) seed);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/proc/self/exe", self, "--child", where, number, path, (char *) NULL);
		_exit(127);
	}
	return pid;
}

static void
assert_stream(uint64_t seed)
{
	Reader r = reader_open();
	int t = 0, e = 0, k = 0;

	for (uint64_t seq = r.first; seq <= r.last; seq++)
	{
		natsMsg *msg = read_at(&r, seq);
		char want[64];

		if (msg == NULL)
			continue; /* a position that gave way to a newer one */
		if (is_position(msg))
		{
			natsMsg_Destroy(msg);
			continue;
		}
		for (; t < NTXNS && e >= events_of(seed, t); e = 0)
			t++;
		snprintf(want, sizeof(want), "%d.%d.%d", t, e, k);
		if ((size_t) natsMsg_GetDataLength(msg) != strlen(want) ||
			memcmp(natsMsg_GetData(msg), want, strlen(want)) != 0)
			fail_msg("seed %llu, sequence %llu: expected %s, found %.*s", (unsigned long long) seed,
					 (unsigned long long) seq, want, natsMsg_GetDataLength(msg),
					 natsMsg_GetData(msg));
		natsMsg_Destroy(msg);
		if (++k == messages_of(seed, t, e))
		{
			k = 0;
			e++;
		}
	}
	for (; t < NTXNS && e >= events_of(seed, t); e = 0)
		t++;
	if (t != NTXNS || k != 0)
		fail_msg("seed %llu: the stream ends at %d.%d.%d", (unsigned long long) seed, t, e, k);
	reader_close(&r);
}

/*
 * A cluster of three: leaders are killed, too, one server at a time
 */

static NatsServer nodes[NODES];

static const char *
start_cluster(void)
{
	int ports[NODES];

	for (int i = 0; i < NODES; i++)
		ports[i] = nats_free_port();
	for (int i = 0; i < NODES; i++)
	{
		nats_server_make(&nodes[i],
						 lh_sprintf(ctx,
									"cluster { name: c, listen: \"127.0.0.1:%d\", routes: "
									"[\"nats://127.0.0.1:%d\", \"nats://127.0.0.1:%d\", "
									"\"nats://127.0.0.1:%d\"] }",
									ports[i], ports[0], ports[1], ports[2]));
		assert_true(nats_server_start(&nodes[i]));
	}
	return lh_sprintf(ctx,
					  "nats://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/S?create=yes&replicas=3&"
					  "duplicate.window.ms=100&timeout.ms=5000&connect.timeout.ms=1000&"
					  "waiting.messages=64",
					  nodes[0].port, nodes[1].port, nodes[2].port);
}

typedef struct Counts
{
	int children, servers;
	uint64_t restarts, failures, parts;
} Counts;

/*
 * Have all replicas of the stream what its leader has, as far as it has heard of them within
 * a second?  Of one that was killed just now it may still say so: wait_for_all asks until it stays that way.
 */
static bool
is_whole(int port)
{
	natsConnection *nc;
	natsMsg *reply = NULL;
	bool whole = false;

	if (natsConnection_ConnectTo(&nc, lh_sprintf(ctx, "nats://127.0.0.1:%d", port)) != NATS_OK)
		return false;
	if (natsConnection_RequestString(&reply, nc, "$JS.API.STREAM.INFO.S", "", 1000) == NATS_OK)
	{
		json_t *json =
			json_loadb(natsMsg_GetData(reply), (size_t) natsMsg_GetDataLength(reply), 0, NULL);
		const json_t *cluster = json_object_get(json, "cluster");
		const json_t *replicas = json_object_get(cluster, "replicas"), *r;
		size_t i;

		whole =
			json_object_get(cluster, "leader") != NULL && json_array_size(replicas) == NODES - 1;
		json_array_foreach(replicas, i, r) whole &=
			json_is_true(json_object_get(r, "current")) &&
			!json_is_true(json_object_get(r, "offline")) &&
			json_integer_value(json_object_get(r, "active")) < 1000000000 &&
			json_integer_value(json_object_get(r, "lag")) == 0;
		json_decref(json);
		natsMsg_Destroy(reply);
	}
	natsConnection_Destroy(nc);
	return whole;
}

static void
wait_for_all(int port)
{
	int whole = 0;

	for (int i = 0; i < 1200 && whole < 30; i++)
	{
		whole = is_whole(port) ? whole + 1 : 0;
		usleep(50000);
	}
}

static void
kill_and_go_on(uint64_t seed, const char *where, NatsServer *servers, int nservers, Counts *counts)
{
	const char *path = lh_sprintf(ctx, "%s/promise", server.dir);
	int fd = open(path, O_RDWR | O_CREAT, 0600), status = -1;
	Promise *promise;
	bool done = false;
	pid_t pid;

	assert_int_equal(ftruncate(fd, sizeof(*promise)), 0);
	promise = mmap(NULL, sizeof(*promise), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(promise, 0, sizeof(*promise));
	pid = start_child(where, seed, path);
	for (int attempt = 0; attempt < 400 && !done; attempt++)
	{
		uint64_t r = mix(seed, (uint64_t) attempt), until = promise->puts + r % 400;
		bool of_server = r >> 32 & 1;

		/* by progress, not by the clock: a slow machine is killed at the same places */
		while (promise->puts < until && !(done = waitpid(pid, &status, WNOHANG) == pid))
			usleep(200);
		if (done)
			break;
		usleep((useconds_t) (r >> 40 & 1023));
		if (attempt >= 60)
			continue; /* enough: it may get through */
		if (of_server)
		{
			NatsServer *s = &servers[(r >> 33) % (unsigned) nservers];

			nats_server_kill(s, SIGKILL);
			counts->servers++;
			assert_true(nats_server_start(s));
			/* in a cluster the others must not go before it has caught up */
			if (nservers > 1)
				wait_for_all(s->port);
			continue;
		}
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		done = WIFEXITED(status);
		if (done)
			break;
		counts->children++;
		pid = start_child(where, seed, path);
	}
	if (!done)
		assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("seed %llu ended with status %d", (unsigned long long) seed, status);
	counts->restarts += promise->restarts;
	counts->failures += promise->failures;
	counts->parts += promise->parts;
	munmap(promise, sizeof(*promise));
	close(fd);
	/* readers look at the first one */
	server.port = servers[0].port;
	assert_stream(seed);
	administer("STREAM.DELETE.S", "");
}

/* Servers of the run: the one of the test, or the cluster's. */
static void
is_exactly_once_in_a_cluster(void **state)
{
	int seeds = getenv("LAKEHOUSE_SINK_SEEDS") != NULL ? atoi(getenv("LAKEHOUSE_SINK_SEEDS")) : 2;
	Counts counts = {0};
	const char *where;

	(void) state;
	need_server();
	where = start_cluster();
	nats_server_kill(&server, SIGKILL);
	/* it has a leader when it makes a stream */
	for (int i = 0; i < 600; i++)
	{
		LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
		LhChangePos pos;
		LhSink *sink;
		bool known;
		LhStatus status = lh_sink_open(ctx, where, "slot", "json", true, &sink);

		if (status == LH_OK)
			status = sink->kind->recover(ctx, sink, &pos, &known);
		lh_use(ctx, old);
		lh_arena_reset(arena);
		if (status == LH_OK)
			break;
		usleep(100000);
	}
	for (int seed = 0; seed < seeds; seed++)
		kill_and_go_on((uint64_t) seed + 100, where, nodes, NODES, &counts);
	print_message("cluster: %d kills of children and %d of servers in %d streams; %llu restarts, "
				  "%llu lost connections, %llu events found in part\n",
				  counts.children, counts.servers, seeds, (unsigned long long) counts.restarts,
				  (unsigned long long) counts.failures, (unsigned long long) counts.parts);
	assert_true(counts.children > 0 && counts.servers > 0);
	for (int i = 0; i < NODES; i++)
		nats_server_remove(&nodes[i]);
}

static void
is_exactly_once_across_kills(void **state)
{
	int seeds = getenv("LAKEHOUSE_SINK_SEEDS") != NULL ? atoi(getenv("LAKEHOUSE_SINK_SEEDS")) : 8;
	Counts counts = {0};

	(void) state;
	need_server();
	for (int seed = 0; seed < seeds; seed++)
		kill_and_go_on((uint64_t) seed, uri(MAKE "&connect.timeout.ms=1000&waiting.messages=64"),
					   &server, 1, &counts);
	print_message("%d kills of children and %d of servers in %d streams; %llu restarts, %llu lost "
				  "connections, %llu events found in part\n",
				  counts.children, counts.servers, seeds, (unsigned long long) counts.restarts,
				  (unsigned long long) counts.failures, (unsigned long long) counts.parts);
	assert_true(counts.children > 0 && counts.servers > 0);
	assert_true(counts.failures > 0 && counts.parts > 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_and_position_go_together),
		TEST(keys_and_headers_keep_their_bytes),
		TEST(positions_without_messages_are_messages),
		TEST(events_in_part_go_on),
		TEST(units_in_part_come_whole),
		TEST(two_clients_fence_each_other),
		TEST(a_failed_sink_waits_for_recovery),
		TEST(is_exactly_once_across_kills),
		TEST(is_exactly_once_in_a_cluster),
	};

	self = argv[0];
	if (argc == 5 && strcmp(argv[1], "--child") == 0)
		return child(argv + 1);
	look_for_server();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
