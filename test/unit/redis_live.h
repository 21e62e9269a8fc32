/*
 * redis_live.h
 *		What the tests of the Redis sink with a real server share: a context, a server, and what
 *		is said of a failure.
 */
#ifndef TEST_REDIS_LIVE_H
#define TEST_REDIS_LIVE_H

#include "redis_run.h"
#include "sink/redis.h"

static LhCtx *ctx;
static Redis server;

#define FINE(call)                                                                   \
	do                                                                               \
	{                                                                                \
		if ((call) != LH_OK)                                                         \
			fail_msg("%s: %s (%s)", #call, ctx->error->message, ctx->error->detail); \
	} while (0)

#define FAILS(call, code)                                                             \
	do                                                                                \
	{                                                                                 \
		LhStatus status_ = (call);                                                    \
		if (status_ != (code))                                                        \
			fail_msg("%s: %s instead of %s: %s (%s)", #call, lh_status_name(status_), \
					 lh_status_name(code), ctx->error->message, ctx->error->detail);  \
	} while (0)

#define SAYS(part)                                                                                 \
	do                                                                                             \
	{                                                                                              \
		if (strstr(ctx->error->message, part) == NULL && strstr(ctx->error->hint, part) == NULL && \
			strstr(ctx->error->detail, part) == NULL)                                              \
			fail_msg("\"%s\" is not in \"%s\" (%s) (%s)", part, ctx->error->message,               \
					 ctx->error->detail, ctx->error->hint);                                        \
	} while (0)

static inline int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	memset(&server, 0, sizeof(server));
	return ctx == NULL;
}

static inline int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	redis_remove(&server);
	return 0;
}

static inline const char *
uri(const char *options)
{
	return lh_sprintf(ctx, "redis://%s?timeout.ms=60000%s", server.socket, options);
}

static inline LhStatus
open_stream(const char *stream, const char *options, LhSink **sink, LhChangePos *pos, bool *known)
{
	LH_TRY(lh_sink_open(ctx, uri(options), stream, "json", true, sink));
	return (*sink)->kind->recover(ctx, *sink, pos, known);
}

static inline LhStatus
put_sub(LhSink *sink, uint64_t end, uint64_t ordinal, int sub, const char *topic, const char *value)
{
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {end, ordinal, 7},
					   .sub = sub,
					   .topic = topic,
					   .has_key = true,
					   .tombstone = value == NULL,
					   .key = lh_slice("k", 1)};

	if (value != NULL)
		m.value = lh_slice(value, strlen(value));
	return sink->kind->put(ctx, sink, &m);
}

static inline LhStatus
put(LhSink *sink, uint64_t end, uint64_t ordinal, const char *topic, const char *value)
{
	return put_sub(sink, end, ordinal, 0, topic, value);
}

static inline LhStatus
commit(LhSink *sink, uint64_t end, uint64_t ordinal)
{
	return sink->kind->commit(ctx, sink, &(LhChangePos){end, ordinal, 7});
}

static inline LhStatus
flush(LhSink *sink)
{
	return sink->kind->flush(ctx, sink);
}

/* One transaction with one message, durable. */
static inline LhStatus
one(LhSink *sink, uint64_t end, const char *topic, const char *value)
{
	LH_TRY(put(sink, end, 1, topic, value));
	LH_TRY(commit(sink, end, 2));
	return flush(sink);
}

static inline void
finish(LhSink *sink)
{
	FINE(sink->kind->close(ctx, sink));
}

#define NEEDS_REDIS            \
	(void) state;              \
	if (!redis_is_installed()) \
	skip()

#endif
