/*
 * stream.c
 *		The loop of "lakehouse_cdc stream".
 *
 * One thread: the server's messages are taken as they come and driven through the
 * sinks in turn; a sink that is slow makes the loop wait, the socket fill and the
 * server pause.  With several sinks each has a thread and a bounded queue of its own
 * (sink/queue.h); only one whose queue is full makes the loop wait then.
 *
 *	1. A batch goes through lh_delivery_batch.
 *	2. Sinks are flushed when enough gathered, or some time after a commit.
 *	3. What all sinks have durably is confirmed to the server.
 *	4. When nothing is in flight, the end of the server's log is such a position: as
 *	   frames tell it, or keepalives where the server holds nothing back.
 *
 * attempt.c begins it, and begins it anew.
 */
#include "client/stream.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define PG_EPOCH_S      INT64_C(946684800)
#define PROGRESS_MS     500
#define ASK_MS          200 /* how often the server's end is asked for, when it is waited for */
#define GOODBYE_MS      3000
#define HEARTBEAT_BYTES 16384 /* the heartbeat itself and what surrounds it are fewer */

/* Of replication messages: letter, then big-endian numbers. */
#define DATA_HEAD      25
#define KEEPALIVE_SIZE 18


/* ---- to the server ---- */

static void
put_be64(char *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, 8);
}

/* What was written, and what is durable; 0: nothing is said of that. */
static LhStatus
put_status(LhStream *s, uint64_t written, uint64_t durable, bool reply)
{
	LhClient *c = s->client;
	char message[34];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	message[0] = 'r';
	put_be64(message + 1, written);
	put_be64(message + 9, durable);
	put_be64(message + 17, durable);
	put_be64(message + 25, (uint64_t) ((now.tv_sec - PG_EPOCH_S) * 1000000 + now.tv_nsec / 1000));
	message[33] = reply ? 1 : 0;
	/* 0: the buffer is full, as the server does not read; the next one will do */
	if (PQputCopyData(c->stream, message, sizeof(message)) < 0 || PQflush(c->stream) < 0)
		return lh_source_error(c, c->stream, NULL, "connection lost");
	return LH_OK;
}

static LhStatus
send_status(LhStream *s, bool reply)
{
	uint64_t confirmed = lh_delivery_confirmed(s->delivery);
	bool wanted = s->reply_wanted;

	if (confirmed > s->confirmed)
	{
		s->confirmed = confirmed;
		s->sink_failures = 0;
	}
	s->last_status = lh_client_now_ms();
	s->reply_wanted = false;
	if (reply)
		s->last_ask = s->last_status;
	LH_TRY(put_status(s, s->received > s->confirmed ? s->received : s->confirmed, s->confirmed,
					  reply));
	/*
	 * A server that shuts down waits until all it sent is confirmed, for ever where a
	 * prepared transaction keeps us from it.  With what is durable unknown it looks at what
	 * was written; the slot stays where the line above has put it.
	 */
	if (wanted && s->server_end > s->confirmed && lh_delivery_durable(s->delivery) >= s->server_end)
		return put_status(s, s->server_end, 0, false);
	return LH_OK;
}

/* While a sink, the server or the clock is waited for. */
void
lh_stream_tick(void *arg)
{
	LhStream *s = arg;
	int64_t now = lh_client_now_ms();

	if (s->copying && now - s->last_status >= s->client->config.status_s * 1000)
		(void) send_status(s, false); /* the loop finds out what is wrong */
	if (s->metrics != NULL)
		lh_metrics_serve(s->client->ctx, s->metrics, now);
}

/* ---- sinks ---- */

/* A message was refused, and will be tried alone or left out: bounded by itself. */
static bool
refused_more(LhStream *s)
{
	uint64_t tries = lh_client_refusals(s->client), before = s->tries;

	s->tries = tries;
	return tries > before;
}

/* A failure of a sink or of the bytes: which, and whether another attempt makes sense. */
LhStatus
lh_stream_failed(LhStream *s, LhStatus status)
{
	LhClient *c = s->client;
	bool retry = status == LH_SINK_RESTART || status == LH_IO;

	if (status == LH_OK)
		return LH_OK;
	if (status == LH_CANCELLED)
		return lh_client_failed(c, LH_EXIT_SIGNAL, false, status);
	if (lh_delivery_state(s->delivery)->spool_failed)
		return lh_client_failed(c, LH_EXIT_SPOOL, false, status);
	if (!lh_delivery_state(s->delivery)->sink_failed)
	{
		lh_error_prefix(c->ctx, "slot \"%s\", behind " LH_LSN_FORMAT, c->config.slot,
						LH_LSN_ARGS(lh_delivery_state(s->delivery)->finished));
		return lh_client_failed(c, LH_EXIT_CONNECTION, lh_incremental_retry(s->incremental),
								status);
	}
	lh_detail(c->ctx, "Slot \"%s\", all up to " LH_LSN_FORMAT " is durable.", c->config.slot,
			  LH_LSN_ARGS(lh_delivery_confirmed(s->delivery)));
	for (int i = 0; i < c->config.nsinks; i++)
		retry = retry && !lh_client_forgets(&s->sinks[i]);
	if (retry && !refused_more(s))
		retry = ++s->sink_failures < LH_STREAM_SINK_ATTEMPTS;
	return lh_client_failed(c, LH_EXIT_SINK, retry, status);
}

/* A signal does not cut it short: the sinks would not know what they hold. */
static LhStatus
flush_by(LhStream *s, LhStatus (*how)(LhCtx *ctx, LhDelivery *d))
{
	LhClient *c = s->client;
	bool was = c->finishing;
	LhStatus status;

	c->finishing = true;
	status = how(c->ctx, s->delivery);
	c->finishing = was;
	LH_TRY(lh_stream_failed(s, status));
	s->commit_since = 0;
	if (!lh_delivery_behind(s->delivery))
		s->sink_failures = 0;
	return LH_OK;
}

LhStatus
lh_stream_flush(LhStream *s)
{
	return flush_by(s, lh_delivery_flush);
}

/* The same, and sinks with a thread of their own are waited for. */
LhStatus
lh_stream_settle(LhStream *s)
{
	return flush_by(s, lh_delivery_settle);
}

/* What threads of sinks did, and letters that were written. */
static LhStatus
look_at_sinks(LhStream *s)
{
	LhClient *c = s->client;
	uint64_t letters = s->letters + lh_client_letters(c);

	if (letters > s->letters_told)
		lh_log(&c->log, LH_LOG_WARNING, "dead_letter",
			   "%llu messages were refused and are dead letters now",
			   (unsigned long long) (letters - s->letters_told));
	s->letters_told = letters;
	return lh_stream_failed(s, lh_delivery_poll(c->ctx, s->delivery));
}

static LhStatus
maybe_flush(LhStream *s, int64_t now)
{
	const LhDeliveryState *d = lh_delivery_state(s->delivery);
	const LhClientConfig *c = &s->client->config;

	if (d->unflushed_commits > 0 && s->commit_since == 0)
		s->commit_since = now;
	if (d->unflushed_bytes >= (uint64_t) c->flush_bytes ||
		(s->commit_since != 0 && now - s->commit_since >= c->flush_ms))
		LH_TRY(lh_stream_flush(s));
	return LH_OK;
}

/* ---- from the server ---- */

static uint64_t
get_be64(const char *p)
{
	return lh_load_be64(p);
}

static void
show_progress(LhStream *s, int64_t now)
{
	const LhDeliveryState *d = lh_delivery_state(s->delivery);
	uint64_t messages = s->before.messages + d->messages;
	double rate = (double) (messages - s->progress_messages) * 1000 /
				  (double) (now > s->progress_since ? now - s->progress_since : 1);

	lh_log_progress(
		&s->client->log, "%s  %llu messages  %.0f/s  %llu MB  at " LH_LSN_FORMAT "  %llu kB behind",
		s->client->config.slot, (unsigned long long) messages, rate,
		(unsigned long long) ((s->before.bytes + d->bytes) >> 20), LH_LSN_ARGS(s->confirmed),
		(unsigned long long) ((s->received > s->confirmed ? s->received - s->confirmed : 0) >> 10));
	s->last_progress = s->progress_since = now;
	s->progress_messages = messages;
}

/*
 * A transaction that was kept goes to the sinks, which may take long: in between all that
 * the loop does but for taking more.
 */
static LhStatus
replay(LhStream *s)
{
	LhClient *c = s->client;

	while (lh_delivery_pending(s->delivery) && lh_client_stops() == 0)
	{
		int64_t now = lh_client_now_ms();

		LH_TRY(look_at_sinks(s));
		LH_TRY(maybe_flush(s, now));
		if (lh_delivery_confirmed(s->delivery) > s->confirmed)
			LH_TRY(send_status(s, false));
		lh_stream_tick(s);
		lh_heartbeat_step(c, now);
		if (c->log.terminal && now - s->last_progress >= PROGRESS_MS)
			show_progress(s, now);
		LH_TRY(lh_stream_failed(s, lh_delivery_step(c->ctx, s->delivery)));
	}
	return LH_OK;
}

static LhStatus
take_batch(LhStream *s, LhSlice batch)
{
	const LhDeliveryState *d = lh_delivery_state(s->delivery);
	uint64_t messages = d->messages;
	LhStatus status = lh_delivery_batch(s->client->ctx, s->delivery, batch);

	if (status == LH_OK)
		LH_TRY(replay(s));
	/* one that tells no more than the position is no change */
	if (d->messages > messages)
		s->last_change = lh_client_now_ms();
	if (status == LH_OK && s->client->config.hold)
	{
		uint64_t sent = d->told > d->finished ? d->told : d->finished;

		if (sent > s->server_end)
			s->server_end = sent;
	}
	return lh_stream_failed(s, status);
}

/*
 * A server that holds transactions back has decoded more than it sent: its keepalives
 * are no positions then, not even of what was received.
 */
static void
take_keepalive(LhStream *s, uint64_t lsn, bool reply)
{
	s->reply_wanted = s->reply_wanted || reply;
	if (s->client->config.hold)
		return;
	if (lsn > s->server_end)
		s->server_end = lsn;
	if (lsn > s->received)
		s->received = lsn;
}

static LhStatus
take_message(LhStream *s, const char *message, int n)
{
	LhClient *c = s->client;

	if (n >= DATA_HEAD && message[0] == 'w')
	{
		uint64_t lsn = get_be64(message + 1);

		if (lsn > s->received)
			s->received = lsn;
		return take_batch(s, lh_slice(message + DATA_HEAD, (size_t) n - DATA_HEAD));
	}
	if (n >= KEEPALIVE_SIZE && message[0] == 'k')
	{
		take_keepalive(s, get_be64(message + 1), message[17] != 0);
		return LH_OK;
	}
	LH_CLIENT_FAIL(c, LH_EXIT_CONNECTION,
				   "slot \"%s\", behind " LH_LSN_FORMAT
				   ": the server sent %d bytes of unknown kind %d",
				   c->config.slot, LH_LSN_ARGS(lh_delivery_state(s->delivery)->finished), n,
				   n > 0 ? message[0] : 0);
}

/* The server ended the stream: in error, or because it shuts down. */
static LhStatus
stream_ended(LhStream *s)
{
	LhClient *c = s->client;
	PGresult *r = PQgetResult(c->stream);
	const char *what = lh_sprintf(c->ctx, "slot \"%s\", behind " LH_LSN_FORMAT, c->config.slot,
								  LH_LSN_ARGS(lh_delivery_state(s->delivery)->finished));
	LhStatus status;

	s->copying = false;
	if (what == NULL)
		what = "stream";
	if (r != NULL && PQresultStatus(r) == PGRES_FATAL_ERROR)
		status = lh_source_error(c, c->stream, r, what);
	else if (PQstatus(c->stream) == CONNECTION_BAD)
		status = lh_source_error(c, c->stream, NULL, what);
	else
		status = lh_client_failed(c, LH_EXIT_CONNECTION, true,
								  lh_fail(c->ctx, LH_IO, "%s: the server ended the stream", what));
	PQclear(r);
	return status;
}

/* All that is at hand, but not for ever: *more. */
static LhStatus
take_messages(LhStream *s, bool *more)
{
	LhClient *c = s->client;

	for (int i = 0; i < 64; i++)
	{
		char *message;
		int n = PQgetCopyData(c->stream, &message, 1);
		LhStatus status;

		*more = n > 0;
		if (n == 0)
			return LH_OK;
		if (n < 0)
			return stream_ended(s);
		status = take_message(s, message, n);
		PQfreemem(message);
		LH_TRY(status);
		if (lh_delivery_state(s->delivery)->ended || lh_client_stops() > 0)
			return LH_OK;
		LH_TRY(maybe_flush(s, lh_client_now_ms()));
	}
	return LH_OK;
}

/* ---- when nothing comes ---- */

static bool
reached(const LhStream *s)
{
	const LhDeliveryState *d = lh_delivery_state(s->delivery);

	return d->ended || (s->until != 0 && !d->open && s->server_end >= s->until);
}

static LhStatus
idle(LhStream *s, int64_t now, bool at_once)
{
	const LhDeliveryState *d = lh_delivery_state(s->delivery);

	if (d->open || s->server_end <= d->finished ||
		(!at_once && now - s->last_idle < s->client->config.status_s * 1000))
		return LH_OK;
	s->last_idle = now;
	LH_TRY(lh_stream_failed(s, lh_delivery_idle(s->client->ctx, s->delivery, s->server_end)));
	LH_TRY(at_once ? lh_stream_settle(s) : lh_stream_flush(s));
	return send_status(s, false);
}

/* Unless sinks gather: a heartbeat is no reason to flush them, their own times are. */
static LhStatus
confirm_idle(LhStream *s, int64_t now)
{
	return lh_delivery_state(s->delivery)->unflushed_commits > 0 ? LH_OK : idle(s, now, true);
}

/*
 * A sign of life in the log, so that the slot can let go of what is before it; when the
 * server has sent all before it, that is confirmed at once.  One at a time: another
 * before the last was reached would move nothing.
 */
static LhStatus
heartbeat(LhStream *s, int64_t now)
{
	LhClient *c = s->client;
	const LhClientConfig *config = &c->config;
	uint64_t grown = s->received > s->heartbeat_at ? s->received - s->heartbeat_at : 0;
	bool due = (config->heartbeat_bytes > 0 && grown >= (uint64_t) config->heartbeat_bytes) ||
			   (config->heartbeat_s > 0 && now - s->last_change >= config->heartbeat_s * 1000 &&
				grown >= HEARTBEAT_BYTES);

	if (c->heartbeat.lsn != 0 && s->server_end >= c->heartbeat.lsn)
	{
		c->heartbeat.lsn = 0;
		LH_TRY(confirm_idle(s, now));
	}
	else if (due && c->heartbeat.lsn == 0 && !lh_delivery_state(s->delivery)->open)
	{
		s->last_change = now;
		s->heartbeat_at = s->received;
		/* the server offers a slot one place at a time: an older one is taken first */
		LH_TRY(confirm_idle(s, now));
		lh_heartbeat_want(c);
	}
	lh_heartbeat_step(c, now);
	return LH_OK;
}

/* The server's end is waited for: that of the stream, or a heartbeat. */
static bool
asks_often(const LhStream *s)
{
	return s->until != 0 || s->client->heartbeat.lsn != 0;
}

/* Until the socket, a signal, a metrics' reader or the clock. */
static LhStatus
wait_events(LhStream *s, int64_t now)
{
	LhClient *c = s->client;
	LhWaitFd metrics[LH_METRICS_FDS];
	struct pollfd fds[4 + LH_METRICS_FDS + LH_CLIENT_MAX_SINKS];
	short beat_events = 0;
	int nfds, nmetrics = s->metrics != NULL ? lh_metrics_fds(s->metrics, metrics) : 0;
	int64_t timeout = c->config.status_s * 1000 - (now - s->last_status);
	int unsent = PQflush(c->stream);

	if (unsent < 0)
		return lh_source_error(c, c->stream, NULL, "connection lost");
	if (s->commit_since != 0 && s->commit_since + c->config.flush_ms - now < timeout)
		timeout = s->commit_since + c->config.flush_ms - now;
	if (asks_often(s) && timeout > ASK_MS)
		timeout = ASK_MS;
	if (c->heartbeat.wanted && c->heartbeat.not_before - now < timeout)
		timeout = c->heartbeat.not_before > now ? c->heartbeat.not_before - now : ASK_MS;
	if (c->log.terminal && timeout > PROGRESS_MS)
		timeout = PROGRESS_MS;
	fds[0] = (struct pollfd){.fd = PQsocket(c->stream),
							 .events = unsent > 0 ? POLLIN | POLLOUT : POLLIN};
	fds[1] = (struct pollfd){.fd = lh_client_stop_fd(), .events = POLLIN};
	/* poll leaves out what is negative */
	fds[2] = (struct pollfd){.fd = lh_heartbeat_fd(c, &beat_events)};
	fds[2].events = beat_events;
	for (int i = 0; i < nmetrics; i++)
		fds[3 + i] = (struct pollfd){.fd = metrics[i].fd, .events = metrics[i].events};
	nfds = 3 + nmetrics;
	for (int i = 0; i < c->config.nsinks; i++)
	{
		LhSink *sink = s->sinks[i].sink;

		if (sink->kind->async != NULL)
			fds[nfds++] = (struct pollfd){.fd = sink->kind->async->event(sink), .events = POLLIN};
	}
	nfds += lh_incremental_poll(s->incremental, &fds[nfds], now, &timeout);
	if (poll(fds, (nfds_t) nfds, timeout > 0 ? (int) timeout : 0) < 0 && errno != EINTR)
		LH_CLIENT_FAIL(c, LH_EXIT_CONNECTION, "could not wait for the server: %s",
					   lh_errno_text(errno));
	if (fds[0].revents != 0 && !PQconsumeInput(c->stream))
	{
		/* what came before the end is still to be read, an error message above all */
		if (PQstatus(c->stream) != CONNECTION_BAD)
			return LH_OK;
		return stream_ended(s);
	}
	return LH_OK;
}

/* ---- end ---- */

/* What was committed becomes durable and is confirmed, the server takes note. */
static LhStatus
finish(LhStream *s)
{
	LhClient *c = s->client;
	int64_t until = lh_client_now_ms() + GOODBYE_MS;

	c->finishing = true;
	LH_TRY(lh_stream_settle(s));
	LH_TRY(idle(s, lh_client_now_ms(), true));
	LH_TRY(look_at_sinks(s));
	LH_TRY(send_status(s, false));
	s->copying = false;
	if (PQputCopyEnd(c->stream, NULL) < 0)
		return lh_source_error(c, c->stream, NULL, "connection lost");
	while (lh_client_now_ms() < until)
	{
		struct pollfd fd = {.fd = PQsocket(c->stream), .events = POLLIN};
		char *message;
		int n = PQgetCopyData(c->stream, &message, 1);

		if (n > 0)
			PQfreemem(message);
		else if (n < 0)
			break;
		if (PQflush(c->stream) > 0)
			fd.events |= POLLOUT;
		if (n == 0 && poll(&fd, 1, 100) > 0 && !PQconsumeInput(c->stream))
			break;
	}
	return LH_OK;
}

/* Tables that are read beside the stream; --once ends when they are there. */
static LhStatus
read_tables(LhStream *s, int64_t now)
{
	if (lh_incremental_wants_flush(s->incremental, now))
		LH_TRY(lh_stream_flush(s));
	LH_TRY(lh_stream_failed(s, lh_incremental_step(s->incremental, now)));
	if (!s->client->config.once || s->until != 0 || lh_incremental_busy(s->incremental))
		return LH_OK;
	LH_TRY(lh_source_side(s->client));
	return lh_stream_find_end(s);
}

LhStatus
lh_stream_loop(LhStream *s)
{
	LhClient *c = s->client;

	for (;;)
	{
		int64_t now;
		bool more;

		LH_TRY(take_messages(s, &more));
		LH_TRY(look_at_sinks(s));
		now = lh_client_now_ms();
		if (lh_client_stops() > 0 || reached(s))
			return finish(s);
		LH_TRY(maybe_flush(s, now));
		/* a server that shuts down asks, and waits for the very end to be confirmed */
		LH_TRY(idle(s, now, lh_incremental_wants_idle(s->incremental, now) || s->reply_wanted));
		LH_TRY(read_tables(s, now));
		LH_TRY(heartbeat(s, now));
		if (lh_delivery_confirmed(s->delivery) > s->confirmed || s->reply_wanted)
			LH_TRY(send_status(s, false));
		if (now - s->last_status >= c->config.status_s * 1000 ||
			(asks_often(s) && now - s->last_ask >= ASK_MS))
			LH_TRY(send_status(s, true));
		if (s->metrics != NULL)
			lh_metrics_serve(c->ctx, s->metrics, now);
		if (c->log.terminal && now - s->last_progress >= PROGRESS_MS)
			show_progress(s, now);
		if (!more)
			LH_TRY(wait_events(s, now));
	}
}

/* ---- metrics ---- */

static LhStatus
metric(LhCtx *ctx, LhBuf *out, const char *name, const char *kind, const char *help, double value)
{
	return lh_buf_printf(
		ctx, out,
		"# HELP lakehouse_cdc_%s %s\n# TYPE lakehouse_cdc_%s %s\nlakehouse_cdc_%s %.17g\n", name,
		help, name, kind, name, value);
}

static LhStatus
sink_metrics(LhStream *s, LhCtx *ctx, LhBuf *out)
{
	static const char *const heads[] = {
		"# HELP lakehouse_cdc_sink_messages_total Messages put since the sink was opened\n# TYPE lakehouse_cdc_sink_messages_total counter\n",
		"# HELP lakehouse_cdc_sink_bytes_total Bytes of them\n# TYPE lakehouse_cdc_sink_bytes_total counter\n",
		"# HELP lakehouse_cdc_sink_durable_lsn Position that the sink holds\n# TYPE lakehouse_cdc_sink_durable_lsn gauge\n"};
	static const char *const names[] = {"messages_total", "bytes_total", "durable_lsn"};

	for (int k = 0; k < 3; k++)
	{
		LH_TRY(lh_buf_append_str(ctx, out, heads[k]));
		for (int i = 0; i < s->client->config.nsinks; i++)
		{
			LhSink *sink = s->sinks[i].sink;

			if (sink != NULL && sink->kind->async != NULL)
				sink->kind->async->refresh(sink);
			if (sink != NULL)
				LH_TRY(lh_buf_printf(ctx, out,
									 "lakehouse_cdc_sink_%s{sink=\"%d\",kind=\"%s\"} %llu\n",
									 names[k], i + 1, sink->kind->scheme,
									 (unsigned long long) (k == 0   ? sink->messages
														   : k == 1 ? sink->bytes
																	: sink->durable.commit_end)));
		}
	}
	return LH_OK;
}

/* What is kept of transactions that are not finished; where they come whole, nothing. */
static LhStatus
unfinished_metrics(LhStream *s, LhCtx *ctx, LhBuf *out)
{
	const LhUnfinished *kept = s->delivery != NULL ? lh_delivery_kept(s->delivery) : NULL;
	LhUnfinishedStats u = {0};
	uint64_t replayed = s->before.replayed;

	if (!s->client->config.streaming && !s->client->config.two_phase)
		return LH_OK;
	if (kept != NULL)
	{
		lh_unfinished_stats(kept, &u);
		replayed += lh_delivery_state(s->delivery)->replayed;
	}
	LH_TRY(metric(ctx, out, "unfinished_transactions", "gauge",
				  "Transactions that are told before their commit, and run", (double) u.running));
	LH_TRY(metric(ctx, out, "prepared_transactions", "gauge",
				  "Transactions that are prepared and undecided", (double) u.prepared));
	LH_TRY(metric(ctx, out, "unfinished_memory_bytes", "gauge", "Memory of what is kept of them",
				  (double) u.memory));
	LH_TRY(metric(ctx, out, "unfinished_spooled_bytes", "gauge",
				  "Bytes of files of what is kept of them", (double) u.spooled));
	LH_TRY(metric(ctx, out, "unfinished_delivered_total", "counter",
				  "Transactions of these that were committed and delivered", (double) replayed));
	LH_TRY(metric(ctx, out, "prepared_lsn", "gauge",
				  "Beginning of the PREPARE that holds the position back; 0: none does",
				  (double) u.held_lsn));
	return metric(ctx, out, "prepared_seconds", "gauge",
				  "When that transaction was prepared; 0: none, or it is decided",
				  u.held_time == 0 ? 0 : (double) u.held_time / 1e6 + PG_EPOCH_S);
}

LhStatus
lh_stream_metrics(LhCtx *ctx, LhBuf *out, void *arg)
{
	LhStream *s = arg;
	LhDeliveryState d = {0};

	if (s->delivery != NULL)
		d = *lh_delivery_state(s->delivery);
	else
		d.commit_time = s->before.commit_time;
	LH_TRY(metric(ctx, out, "up", "gauge", "1 while the server is connected", s->copying));
	LH_TRY(metric(ctx, out, "transactions_total", "counter", "Transactions received",
				  (double) (s->before.transactions + d.transactions)));
	LH_TRY(metric(ctx, out, "messages_total", "counter", "Messages received",
				  (double) (s->before.messages + d.messages)));
	LH_TRY(metric(ctx, out, "skipped_total", "counter", "Messages that a sink had already",
				  (double) (s->before.skipped + d.skipped)));
	LH_TRY(metric(ctx, out, "received_bytes_total", "counter", "Bytes of change frames received",
				  (double) (s->before.bytes + d.bytes)));
	LH_TRY(metric(ctx, out, "flushes_total", "counter", "Times that sinks were flushed",
				  (double) (s->before.flushes + d.flushes)));
	LH_TRY(metric(ctx, out, "reconnects_total", "counter", "Connections and sinks begun anew",
				  (double) s->reconnects));
	LH_TRY(metric(ctx, out, "heartbeats_total", "counter", "Heartbeats written",
				  (double) s->client->heartbeat.sent));
	LH_TRY(metric(ctx, out, "received_lsn", "gauge", "Highest position received",
				  (double) s->received));
	LH_TRY(metric(ctx, out, "confirmed_lsn", "gauge", "Position confirmed to the server",
				  (double) s->confirmed));
	LH_TRY(metric(ctx, out, "behind_bytes", "gauge", "Log between the two",
				  s->received > s->confirmed ? (double) (s->received - s->confirmed) : 0));
	LH_TRY(metric(ctx, out, "last_commit_seconds", "gauge",
				  "When the last transaction received was committed",
				  d.commit_time == 0 ? 0 : (double) d.commit_time / 1e6 + PG_EPOCH_S));
	LH_TRY(metric(ctx, out, "dead_letters_total", "counter", "Messages that went to dead letters",
				  (double) (s->letters + lh_client_letters(s->client))));
	LH_TRY(unfinished_metrics(s, ctx, out));
	LH_TRY(lh_snapshot_metrics(ctx, out, s->client));
	LH_TRY(sink_metrics(s, ctx, out));
	return lh_client_queue_metrics(s->client, s->sinks, ctx, out);
}
