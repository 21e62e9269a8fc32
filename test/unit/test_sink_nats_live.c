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
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/mman.h>

#include "sink/nats.h"
#include "unit/nats_server.h"

#define NTXNS 120

static LhCtx *ctx;
static NatsServer server;
static const char *self;
static bool absent;

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

#define FINE(call)                                                                              \
	do                                                                                          \
	{                                                                                           \
		if ((call) != LH_OK)                                                                    \
			fail_msg("%s: %s (%s) [%s]", #call, ctx->error->message, ctx->error->detail,        \
					 ctx->error->hint);                                                         \
	} while (0)

#define FAILS(call, status, word)                                                               \
	do                                                                                          \
	{                                                                                           \
		LhStatus got = (call);                                                                  \
                                                                                                \
		if (got != (status))                                                                    \
			fail_msg("%s is %d: %s (%s)", #call, got, ctx->error->message, ctx->error->detail); \
		if (strstr(ctx->error->message, word) == NULL && strstr(ctx->error->hint, word) == NULL) \
			fail_msg("%s: no \"%s\" in: %s [%s]", #call, word, ctx->error->message,             \
					 ctx->error->hint);                                                         \
	} while (0)

static int
set_up_with(const char *more)
{
	ctx = lh_ctx_create();
	if (absent)
		return 0;
	nats_server_make(&server, more);
	return nats_server_start(&server) ? 0 : 1;
}

static int
set_up(void **state)
{
	(void) state;
	return set_up_with("");
}

static int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	if (!absent)
		nats_server_remove(&server);
	return 0;
}

static void
need_server(void)
{
	if (absent)
		skip();
}

static const char *
uri(const char *options)
{
	return lh_sprintf(ctx, "nats://127.0.0.1:%d/S?timeout.ms=5000%s", server.port, options);
}

#define MAKE "&create=yes&duplicate.window.ms=100"

static LhStatus
open_recovered(const char *options, LhSink **sink, LhChangePos *pos, bool *known)
{
	LH_TRY(lh_sink_open(ctx, uri(options), "slot", "json", true, sink));
	return (*sink)->kind->recover(ctx, *sink, pos, known);
}

static LhStatus
put(LhSink *sink, uint64_t end, uint64_t ordinal, int sub, const char *topic, const char *value)
{
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {end, ordinal, 7},
					   .sub = sub,
					   .lsn = end - 8,
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

static LhStatus
flush(LhSink *sink)
{
	return sink->kind->flush(ctx, sink);
}

/* One transaction of one message, made durable. */
static LhStatus
one(LhSink *sink, uint64_t end)
{
	LH_TRY(put(sink, end, 1, 0, "slot.t", lh_sprintf(ctx, "%llu", (unsigned long long) end)));
	LH_TRY(commit(sink, end, 2));
	return flush(sink);
}

/*
 * A reader that is not ours
 */

typedef struct Reader
{
	natsConnection *nc;
	jsCtx *js;
	uint64_t first, last, messages;
} Reader;

static Reader
reader_open(void)
{
	Reader r = {0};
	jsStreamInfo *info = NULL;
	jsErrCode code;

	if (natsConnection_ConnectTo(&r.nc, lh_sprintf(ctx, "nats://127.0.0.1:%d", server.port)) !=
			NATS_OK ||
		natsConnection_JetStream(&r.js, r.nc, NULL) != NATS_OK)
		fail_msg("no reader");
	if (js_GetStreamInfo(&info, r.js, "S", NULL, &code) == NATS_OK)
	{
		r.first = info->State.FirstSeq;
		r.last = info->State.LastSeq;
		r.messages = info->State.Msgs;
		jsStreamInfo_Destroy(info);
	}
	return r;
}

static void
reader_close(Reader *r)
{
	jsCtx_Destroy(r->js);
	natsConnection_Destroy(r->nc);
}

static natsMsg *
read_at(Reader *r, uint64_t seq)
{
	natsMsg *msg = NULL;
	jsErrCode code;

	return js_GetMsg(&msg, r->js, "S", seq, NULL, &code) == NATS_OK ? msg : NULL;
}

static bool
is_position(natsMsg *msg)
{
	return strcmp(natsMsg_GetSubject(msg), "slot._position") == 0;
}

static const char *
header_of(natsMsg *msg, const char *name)
{
	const char *value = NULL;

	return natsMsgHeader_Get(msg, name, &value) == NATS_OK ? value : "";
}

/* Values of all messages but positions, in order. */
static const char *
read_all(void)
{
	Reader r = reader_open();
	LhBuf out;

	FINE(lh_buf_init(ctx, &out, false));
	for (uint64_t seq = r.first; seq <= r.last && r.messages > 0; seq++)
	{
		natsMsg *msg = read_at(&r, seq);

		if (msg == NULL)
			continue;
		if (!is_position(msg))
			FINE(lh_buf_printf(ctx, &out, "%s%.*s", out.len > 0 ? "|" : "",
							   natsMsg_GetDataLength(msg), natsMsg_GetData(msg)));
		natsMsg_Destroy(msg);
	}
	reader_close(&r);
	FINE(lh_buf_putc(ctx, &out, '\0'));
	return (const char *) out.data;
}

/* A request of JetStream's API, by who administers. */
static void
administer(const char *subject, const char *body)
{
	natsConnection *nc;
	natsMsg *reply = NULL;

	assert_int_equal(
		natsConnection_ConnectTo(&nc, lh_sprintf(ctx, "nats://127.0.0.1:%d", server.port)),
		NATS_OK);
	assert_int_equal(
		natsConnection_RequestString(&reply, nc, lh_sprintf(ctx, "$JS.API.%s", subject), body, 5000),
		NATS_OK);
	if (strstr(natsMsg_GetData(reply), "\"error\"") != NULL)
		fail_msg("%s: %s", subject, natsMsg_GetData(reply));
	natsMsg_Destroy(reply);
	natsConnection_Destroy(nc);
}

static void
publish(const char *subject, const char *value)
{
	natsConnection *nc;
	natsMsg *reply = NULL;

	assert_int_equal(
		natsConnection_ConnectTo(&nc, lh_sprintf(ctx, "nats://127.0.0.1:%d", server.port)),
		NATS_OK);
	assert_int_equal(natsConnection_RequestString(&reply, nc, subject, value, 5000), NATS_OK);
	natsMsg_Destroy(reply);
	natsConnection_Destroy(nc);
}

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
	static const uint8_t own[] = {2,   0, 4,    0,   0, 0, 'i', 'd', 'a', ' ',
								  '\n', '%', 1, 0, 255, 255, 255, 255, 'n'};
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {0x100, 1, 7},
					   .has_key = true,
					   .key = lh_slice("\0\r\n\xff k", 6),
					   .value = lh_slice("v", 1),
					   .topic = "slot.t",
					   .headers = lh_slice(own, sizeof(own))};
	static const uint8_t bad[] = {11, 0, 3, 0, 0, 0, 'n', 'a', 't', 's', '-', 'r', 'o', 'l', 'l', 'u', 'p', 'a', 'l', 'l'};
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
	FINE(put(sink, 0x200, 2, 0, "slot.t", "b0"));
	FINE(put(sink, 0x200, 2, 1, "slot.t", "b1"));
	FINE(put(sink, 0x200, 2, 2, "slot.t", "b2"));
	FINE(put(sink, 0x200, 3, 0, "slot.t", "c"));
	FINE(commit(sink, 0x200, 4));
	FINE(flush(sink));
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_all(), "256|a|b0|b1|b2|c");
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
		FINE(open_recovered(attempt == 0 ? "&create=yes&duplicate.window.ms=3600000" : "", &sink, &pos,
							&known));
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

#define TEST(f)         cmocka_unit_test_setup_teardown(f, set_up, tear_down)

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

typedef struct Counts
{
	int children, servers;
	uint64_t restarts, failures, parts;
} Counts;

static void
kill_and_go_on(uint64_t seed, Counts *counts)
{
	const char *path = lh_sprintf(ctx, "%s/promise", server.dir);
	const char *where = uri(MAKE "&connect.timeout.ms=1000&waiting.messages=64");
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
			nats_server_kill(&server, SIGKILL);
			counts->servers++;
			assert_true(nats_server_start(&server));
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
	assert_stream(seed);
	administer("STREAM.DELETE.S", "");
}

static void
is_exactly_once_across_kills(void **state)
{
	int seeds = getenv("LAKEHOUSE_SINK_SEEDS") != NULL ? atoi(getenv("LAKEHOUSE_SINK_SEEDS")) : 8;
	Counts counts = {0};

	(void) state;
	need_server();
	for (int seed = 0; seed < seeds; seed++)
		kill_and_go_on((uint64_t) seed, &counts);
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
	};

	self = argv[0];
	if (argc == 5 && strcmp(argv[1], "--child") == 0)
		return child(argv + 1);
	absent = nats_server_program() == NULL;
	if (absent)
		print_message("SKIPPED: THERE IS NO nats-server; NOTHING IS TESTED HERE (make deps brings it)\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
