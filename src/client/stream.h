/*
 * stream.h
 *		What attempt.c, which begins a stream and begins it anew, and stream.c, its
 *		loop, share.
 */
#ifndef LH_CLIENT_STREAM_H
#define LH_CLIENT_STREAM_H

#include "client/incremental.h"
#include "client/snapshot.h"

/* A question to the server takes so long at most. */
#define LH_STREAM_QUESTION_MS 10000
/* Failures of sinks in a row that end the client. */
#define LH_STREAM_SINK_ATTEMPTS 10

typedef struct LhStream
{
	LhClient *client;
	LhDelivery *delivery;
	LhIncremental *incremental; /* tables that are read meanwhile */
	LhDeliverySink sinks[LH_CLIENT_MAX_SINKS];
	LhArena *arena; /* of an attempt: sinks, delivery */
	LhMetrics *metrics;
	uint64_t until;
	uint64_t fresh;      /* where empty sinks may begin */
	uint64_t received;   /* highest position that the server named */
	uint64_t server_end; /* all before it has been sent */
	uint64_t confirmed;  /* as told the server */
	bool copying;
	bool reply_wanted;
	int64_t last_status, last_ask, last_idle, last_progress;
	int64_t commit_since; /* of the first commit that is not flushed */
	int64_t last_change;  /* when something came, or a heartbeat was sent */
	uint64_t heartbeat_at;
	uint64_t reconnects;
	bool opened;       /* sinks were, once */
	int sink_failures; /* since sinks last made something durable */
	uint64_t tries;    /* refusals of messages that were told */
	uint64_t letters;  /* dead ones of earlier attempts, and those that were told */
	uint64_t letters_told;
	/* of earlier attempts */
	LhDeliveryState before;
	int64_t progress_since;
	uint64_t progress_messages;
} LhStream;

/* Until the end, which is LH_OK, or a failure. */
extern LhStatus lh_stream_loop(LhStream *s);
/* A failure of delivery: a sink's or that of the bytes, and whether another attempt makes sense; returns status. */
extern LhStatus lh_stream_failed(LhStream *s, LhStatus status);
extern LhStatus lh_stream_flush(LhStream *s);
/* The same, and sinks with a thread of their own are waited for. */
extern LhStatus lh_stream_settle(LhStream *s);
/* LhClient.tick: while a sink, the server or the clock is waited for. */
extern void lh_stream_tick(void *arg);
/* Where --once ends: behind all that is committed now (attempt.c). */
extern LhStatus lh_stream_find_end(LhStream *s);
/* Text for Prometheus. */
extern LhStatus lh_stream_metrics(LhCtx *ctx, LhBuf *out, void *arg);

#endif
