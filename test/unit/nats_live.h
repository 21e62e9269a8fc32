/*
 * nats_live.h
 *		What the tests of the NATS sink share that have a real server.
 *
 * Each test has a server and a store of its own.
 */
#ifndef NATS_LIVE_H
#define NATS_LIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sink/nats.h"
#include "unit/nats_server.h"

static LhCtx *ctx;
static NatsServer server;
static bool absent;				/* there is no nats-server */

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

static inline int
set_up_with(const char *more)
{
	ctx = lh_ctx_create();
	if (absent)
		return 0;
	nats_server_make(&server, more);
	return nats_server_start(&server) ? 0 : 1;
}

static inline int
set_up(void **state)
{
	(void) state;
	return set_up_with("");
}

static inline int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	if (!absent)
		nats_server_remove(&server);
	return 0;
}

static inline void
need_server(void)
{
	if (absent)
		skip();
}

static inline const char *
uri(const char *options)
{
	return lh_sprintf(ctx, "nats://127.0.0.1:%d/S?timeout.ms=5000%s", server.port, options);
}

#define MAKE "&create=yes&duplicate.window.ms=100"

static inline LhStatus
open_recovered(const char *options, LhSink **sink, LhChangePos *pos, bool *known)
{
	LH_TRY(lh_sink_open(ctx, uri(options), "slot", "json", true, sink));
	return (*sink)->kind->recover(ctx, *sink, pos, known);
}

static inline LhStatus
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

static inline LhStatus
commit(LhSink *sink, uint64_t end, uint64_t ordinal)
{
	LhChangePos pos = {end, ordinal, 7};

	return sink->kind->commit(ctx, sink, &pos);
}

static inline LhStatus
flush(LhSink *sink)
{
	return sink->kind->flush(ctx, sink);
}

/* One transaction of one message, made durable. */
static inline LhStatus
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

static inline Reader
reader_open(void)
{
	Reader r = {0};
	jsStreamInfo *info = NULL;
	jsErrCode code;

	if (natsConnection_ConnectTo(&r.nc, lh_sprintf(ctx, "nats://127.0.0.1:%d", server.port)) !=
			NATS_OK ||
		natsConnection_JetStream(&r.js, r.nc, NULL) != NATS_OK)
		fail_msg("no reader");
	/* a cluster may have no leader at the moment */
	for (int i = 0; i < 10 && info == NULL; i++)
		(void) js_GetStreamInfo(&info, r.js, "S", NULL, &code);
	if (info != NULL)
	{
		r.first = info->State.FirstSeq;
		r.last = info->State.LastSeq;
		r.messages = info->State.Msgs;
		jsStreamInfo_Destroy(info);
	}
	return r;
}

static inline void
reader_close(Reader *r)
{
	jsCtx_Destroy(r->js);
	natsConnection_Destroy(r->nc);
}

static inline natsMsg *
read_at(Reader *r, uint64_t seq)
{
	natsMsg *msg = NULL;
	jsErrCode code = 0;

	for (int i = 0; i < 10 && msg == NULL && code != JSNoMessageFoundErr; i++)
		(void) js_GetMsg(&msg, r->js, "S", seq, NULL, &code);
	return msg;
}

static inline bool
is_position(natsMsg *msg)
{
	return strcmp(natsMsg_GetSubject(msg), "slot._position") == 0;
}

static inline const char *
header_of(natsMsg *msg, const char *name)
{
	const char *value = NULL;

	return natsMsgHeader_Get(msg, name, &value) == NATS_OK ? value : "";
}

/* Values of all messages but positions, in order. */
static inline const char *
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
static inline void
administer(const char *subject, const char *body)
{
	natsConnection *nc;
	natsMsg *reply = NULL;
	int tries = 0;

	assert_int_equal(
		natsConnection_ConnectTo(&nc, lh_sprintf(ctx, "nats://127.0.0.1:%d", server.port)),
		NATS_OK);
	for (; tries < 10 && reply == NULL; tries++)
		(void) natsConnection_RequestString(&reply, nc, lh_sprintf(ctx, "$JS.API.%s", subject), body, 5000);
	assert_non_null(reply);
	/* what was deleted, though the answer got lost, is not there */
	if (strstr(natsMsg_GetData(reply), "\"error\"") != NULL &&
		!(tries > 1 && strstr(natsMsg_GetData(reply), "10059") != NULL))
		fail_msg("%s: %s", subject, natsMsg_GetData(reply));
	natsMsg_Destroy(reply);
	natsConnection_Destroy(nc);
}

static inline void
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

#define TEST(f)         cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define TEST_AT(f, up)  cmocka_unit_test_setup_teardown(f, up, tear_down)

/* All tests of a program are skipped where there is no server, which is told loudly. */
static inline void
look_for_server(void)
{
	absent = nats_server_program() == NULL;
	if (absent)
		print_message("SKIPPED: THERE IS NO nats-server; NOTHING IS TESTED HERE (make deps brings it)\n");
}

#endif
