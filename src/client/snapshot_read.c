/*
 * snapshot_read.c
 *		Workers that read units of an initial snapshot, and their delivery in turn.
 *
 * One thread and poll.  Worker 0 is the holder's own connection, the others have
 * imported its snapshot.  A unit is one COPY of lakehouse.cdc_row over a range of
 * blocks; what comes of the unit whose turn it is goes straight to the sinks.
 *
 *	1. A worker may have to wait for a lock that the holder has long had: another
 *	   session wants to alter the table, and stands before it in the queue.  It would
 *	   wait for us and we for it.  So workers wait for a second only; from then on
 *	   the table is read by the holder.
 *	2. A worker that is lost is made anew; the holder alone would do.  A unit that
 *	   was delivered in part is begun again: its rows come in the same order, and
 *	   delivery knows by their numbers which it had.
 *	3. The holder's transaction cannot be made anew.  When it is lost, or a row cannot be
 *	   read at all, the snapshot is over.
 */
#include "client/snapshot.h"

#include <errno.h>
#include <poll.h>

#define QUESTION_MS  30000
#define LOCK_TIMEOUT "1s"
#define PING_MS      30000 /* an idle holder shows that it is there */
#define SLICE_MS     200
#define PROGRESS_MS  500
#define RETRY_MS     500
#define ATTEMPTS     10
/* Rows taken from one worker before the next has its turn. */
#define ROWS         256

typedef struct Reading
{
	LhSnapshot *s;
	const LhSnapshotHost *host;
	bool open;            /* the unit whose turn it is was begun, for sinks */
	bool partial;         /* they have a part of it, whose reader was lost */
	uint64_t rows;        /* of that unit */
	int64_t commit_since; /* of the first unit that is not flushed */
	bool moved;           /* something happened in this round */
	int64_t rate_since;
	uint64_t rate_rows;
} Reading;

/* ---- delivery ---- */

static LhStatus
begin_unit(Reading *g)
{
	LhSnapshot *s = g->s;
	LhChangePos pos = {.commit_end = s->point, .ordinal = lh_units_turn(s->units)};

	g->open = true;
	g->rows = 0;
	return g->host->failed(g->host->arg,
						   lh_delivery_unit_begin(s->client->ctx, g->host->delivery, &pos));
}

static LhStatus
deliver_rows(Reading *g, LhSlice rows)
{
	if (!g->open)
		LH_TRY(begin_unit(g));
	g->rows++;
	g->moved = true;
	return g->host->failed(g->host->arg,
						   lh_delivery_unit_rows(g->s->client->ctx, g->host->delivery, rows));
}

/* Units up to this one are durable in all sinks. */
static uint64_t
durable(const Reading *g)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < g->s->client->config.nsinks; i++)
	{
		const LhChangePos *pos = &g->host->sinks[i].sink->durable;
		uint64_t units = pos->commit_end > g->s->point    ? UINT64_MAX
						 : pos->commit_end == g->s->point ? pos->ordinal
														  : 0;

		if (units < least)
			least = units;
	}
	return least;
}

static LhStatus
flush(Reading *g, bool all)
{
	LhSnapshot *s = g->s;
	LhClient *c = s->client;

	LH_TRY(g->host->flush(g->host->arg, all));
	g->commit_since = 0;
	for (int i = 0; i < c->config.nsinks; i++)
	{
		if (lh_client_forgets(&g->host->sinks[i]))
			s->kept[i] = g->host->sinks[i].sink->durable;
	}
	return lh_snapshot_note(s, durable(g), all);
}

/* Between units only: no sink may make a part of one durable. */
static LhStatus
maybe_flush(Reading *g)
{
	const LhClientConfig *config = &g->s->client->config;
	const LhDeliveryState *d = lh_delivery_state(g->host->delivery);

	if (g->open || g->partial)
		return LH_OK;
	if (d->unflushed_bytes >= (uint64_t) config->flush_bytes ||
		(g->commit_since != 0 && lh_client_now_ms() - g->commit_since >= config->flush_ms))
		return flush(g, false);
	return LH_OK;
}

/* A unit without a row is one, too: sinks' positions pass over it. */
static LhStatus
end_unit(Reading *g, uint64_t unit)
{
	LhSnapshot *s = g->s;
	uint64_t from, to;
	uint32_t table;

	LH_TRY(g->host->failed(g->host->arg,
						   lh_delivery_unit_end(s->client->ctx, g->host->delivery, true)));
	g->open = g->partial = false;
	if (unit > s->counted)
	{
		lh_units_range(s->units, unit, &table, &from, &to);
		s->tables[table].rows += g->rows;
		s->client->snapshot_stats.rows += g->rows;
		s->client->snapshot_stats.units_done = s->counted = unit;
	}
	if (g->commit_since == 0)
		g->commit_since = lh_client_now_ms();
	return LH_OK;
}

static bool
stopping(const Reading *g)
{
	return lh_client_stops() > 0;
}

/* All that is at hand of the units whose turn it is. */
static LhStatus
deliver(Reading *g)
{
	LhUnits *units = g->s->units;
	LhSlice rows;

	while (lh_units_turn(units) <= lh_units_total(units))
	{
		uint64_t unit = lh_units_turn(units);

		while (lh_units_next_held(units, &rows))
			LH_TRY(deliver_rows(g, rows));
		if (!lh_units_finished(units))
			return LH_OK;
		if (!g->open)
			LH_TRY(begin_unit(g));
		LH_TRY(end_unit(g, unit));
		lh_units_finish(units);
		g->moved = true;
		LH_TRY(maybe_flush(g));
		if (stopping(g))
			return LH_OK;
	}
	return LH_OK;
}

/* ---- workers ---- */

/* "table "public"."t", blocks 1024 to 2047": for messages, in ctx->arena. */
static const char *
what_of(const Reading *g, int w)
{
	const LhSnapshot *s = g->s;
	uint64_t unit = lh_units_reading(s->units, w), from, to;
	uint32_t table;
	const char *text;

	if (unit == 0)
		return "snapshot";
	lh_units_range(s->units, unit, &table, &from, &to);
	text = to == LH_UNITS_OPEN
			   ? lh_sprintf(s->client->ctx, "snapshot of table %s, from block %llu",
							s->tables[table].quoted, (unsigned long long) from)
			   : lh_sprintf(s->client->ctx, "snapshot of table %s, blocks %llu to %llu",
							s->tables[table].quoted, (unsigned long long) from,
							(unsigned long long) to - 1);
	return text != NULL ? text : "snapshot";
}

/* The worker's unit goes back; its connection is closed. */
static void
dismiss(Reading *g, int w)
{
	LhSnapshotWorker *worker = &g->s->workers[w];

	if (lh_units_reading(g->s->units, w) == lh_units_turn(g->s->units) && g->open)
	{
		g->open = false;
		g->partial = true;
	}
	lh_units_lost(g->s->units, w);
	lh_source_close(&worker->conn);
	lh_copy_reset(&worker->reader);
	worker->sent = worker->copying = worker->discard = false;
	worker->retry_at = lh_client_now_ms() + RETRY_MS * worker->failures;
}

/*
 * A worker's statement or connection failed: the error is written, and judged by
 * lh_source_error.  LH_OK: others go on.
 */
static LhStatus
worker_failed(Reading *g, int w, const PGresult *r, LhStatus status)
{
	LhSnapshot *s = g->s;
	LhClient *c = s->client;
	LhSnapshotWorker *worker = &s->workers[w];
	const char *state = r != NULL ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;

	if (w == 0 || status == LH_CANCELLED || status == LH_NO_MEMORY)
	{
		s->lost = s->lost || w == 0;
		return status;
	}
	if (state != NULL && strcmp(state, "55P03") == 0 && lh_units_reading(s->units, w) != 0)
	{
		uint64_t from, to;
		uint32_t table;

		lh_units_range(s->units, lh_units_reading(s->units, w), &table, &from, &to);
		lh_log(&c->log, LH_LOG_INFO, "snapshot_queue",
			   "another session waits to alter table %s: one connection reads it alone",
			   s->tables[table].quoted);
		lh_units_reserve(s->units, table);
	}
	else if (!c->transient || ++worker->failures >= ATTEMPTS)
	{
		s->lost = true;
		return status;
	}
	else
		lh_log(&c->log, LH_LOG_WARNING, "snapshot_worker", "%s; again with a new connection",
			   c->ctx->error->message);
	lh_error_clear(c->ctx);
	c->transient = c->busy = false;
	dismiss(g, w);
	return LH_OK;
}

/* A connection that sees what the holder sees. */
static LhStatus
make_worker(LhSnapshot *s, PGconn **conn)
{
	LhClient *c = s->client;
	const char *sql = lh_sprintf(c->ctx, "SET TRANSACTION SNAPSHOT '%s'", s->name);
	PGresult *r;

	if (sql == NULL)
		return c->ctx->error->code;
	LH_TRY(lh_source_connect(c, false, conn));
	LH_TRY(lh_snapshot_settings(c, *conn, LOCK_TIMEOUT));
	LH_TRY(lh_source_query(c, *conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", QUESTION_MS,
						   &r));
	PQclear(r);
	LH_TRY(lh_source_query(c, *conn, sql, QUESTION_MS, &r));
	PQclear(r);
	return LH_OK;
}

/* It has a connection; false: not now.  The holder can do without the others. */
static bool
connect_worker(Reading *g, int w)
{
	LhSnapshot *s = g->s;
	LhClient *c = s->client;
	LhSnapshotWorker *worker = &s->workers[w];

	if (worker->conn != NULL)
		return true;
	if (lh_client_now_ms() < worker->retry_at)
		return false;
	if (make_worker(s, &worker->conn) == LH_OK)
		return true;
	if (worker->failures == 0)
		lh_log(&c->log, LH_LOG_WARNING, "snapshot_worker",
			   "connection %d of %d of the snapshot: %s", w + 1, s->nworkers,
			   c->ctx->error->message);
	if (worker->failures < ATTEMPTS - 1)
		worker->failures++;
	lh_error_clear(c->ctx);
	c->transient = c->busy = false;
	lh_source_close(&worker->conn);
	worker->retry_at = lh_client_now_ms() + RETRY_MS * worker->failures;
	return false;
}

static LhStatus
put_copy(Reading *g, LhBuf *sql, uint64_t unit)
{
	LhSnapshot *s = g->s;
	LhCtx *ctx = s->client->ctx;
	uint64_t from, to;
	uint32_t table;

	lh_units_range(s->units, unit, &table, &from, &to);
	LH_TRY(lh_buf_append_str(ctx, sql, "COPY (SELECT lakehouse.cdc_row(x.*, "));
	LH_TRY(lh_sql_options(ctx, sql, &s->client->config));
	LH_TRY(lh_buf_printf(ctx, sql, ") FROM ONLY %s AS x WHERE true", s->tables[table].quoted));
	/* of a table whose rows come masked nobody reads ctid; the server says that it has no blocks */
	if (from != 0)
		LH_TRY(lh_buf_printf(ctx, sql,
							 " AND x.ctid OPERATOR(pg_catalog.>=) '(%llu,0)'::pg_catalog.tid",
							 (unsigned long long) from));
	if (to != LH_UNITS_OPEN)
		LH_TRY(lh_buf_printf(ctx, sql,
							 " AND x.ctid OPERATOR(pg_catalog.<) '(%llu,0)'::pg_catalog.tid",
							 (unsigned long long) to));
	LH_TRY(lh_buf_append_str(ctx, sql, ") TO STDOUT (FORMAT binary)"));
	return lh_buf_putc(ctx, sql, '\0');
}

/* Idle workers take units. */
static LhStatus
assign(Reading *g)
{
	LhSnapshot *s = g->s;
	LhCtx *ctx = s->client->ctx;

	for (int w = 0; w < s->nworkers; w++)
	{
		LhSnapshotWorker *worker = &s->workers[w];
		uint64_t unit;
		LhStatus status;
		LhBuf sql;

		if (worker->sent || worker->copying || worker->discard || !lh_units_may_take(s->units, w) ||
			!connect_worker(g, w))
			continue;
		unit = lh_units_take(s->units, w);
		if (unit == 0)
			continue;
		LH_TRY(lh_buf_init(ctx, &sql, false));
		LH_TRY(put_copy(g, &sql, unit));
		worker->sent = true;
		g->moved = true;
		lh_copy_reset(&worker->reader);
		status = PQsendQuery(worker->conn, (const char *) sql.data) && PQflush(worker->conn) >= 0
					 ? LH_OK
					 : lh_source_error(s->client, worker->conn, NULL, what_of(g, w));
		lh_buf_free(&sql);
		if (status != LH_OK)
			LH_TRY(worker_failed(g, w, NULL, status));
	}
	return LH_OK;
}

/* ---- what workers read ---- */

static LhStatus
take_row(Reading *g, int w, LhSlice rows)
{
	LhSnapshot *s = g->s;
	LhSlice held;

	if (rows.data == NULL)
		return LH_OK; /* not wanted, says a filter */
	if (lh_units_reading(s->units, w) != lh_units_turn(s->units))
		return lh_units_hold(s->client->ctx, s->units, w, rows);
	while (lh_units_next_held(s->units, &held))
		LH_TRY(deliver_rows(g, held));
	return deliver_rows(g, rows);
}

static LhStatus
take_piece(Reading *g, int w, LhSlice piece)
{
	LhSnapshotWorker *worker = &g->s->workers[w];
	LhCtx *ctx = g->s->client->ctx;

	if (worker->discard)
		return LH_OK;
	lh_copy_feed(&worker->reader, piece);
	for (;;)
	{
		LhSlice rows;
		bool more;
		LhStatus status = lh_copy_next(ctx, &worker->reader, &rows, &more);

		if (status != LH_OK)
		{
			lh_error_prefix(ctx, "%s", what_of(g, w));
			return lh_client_failed(g->s->client, LH_EXIT_CONNECTION, false, status);
		}
		if (!more)
			return LH_OK;
		LH_TRY(take_row(g, w, rows));
	}
}

/* The statement is over. */
static LhStatus
end_copy(Reading *g, int w)
{
	LhSnapshot *s = g->s;
	LhClient *c = s->client;
	LhSnapshotWorker *worker = &s->workers[w];
	PGresult *r = PQgetResult(worker->conn);
	LhStatus status = LH_OK;

	g->moved = true;
	if (r == NULL || PQresultStatus(r) != PGRES_COMMAND_OK)
	{
		status = lh_source_error(c, worker->conn, r, what_of(g, w));
		status = worker_failed(g, w, r, status);
		PQclear(r);
		return status;
	}
	PQclear(r);
	while ((r = PQgetResult(worker->conn)) != NULL)
		PQclear(r);
	worker->sent = worker->copying = false;
	worker->failures = 0;
	if (worker->discard)
	{
		worker->discard = false;
		return LH_OK;
	}
	status = lh_copy_end(c->ctx, &worker->reader);
	if (status != LH_OK)
	{
		lh_error_prefix(c->ctx, "%s", what_of(g, w));
		return lh_client_failed(c, LH_EXIT_CONNECTION, false, status);
	}
	lh_units_read(s->units, w);
	return LH_OK;
}

/* COPY was sent: has it begun? */
static LhStatus
begin_copy(Reading *g, int w)
{
	LhSnapshot *s = g->s;
	LhSnapshotWorker *worker = &s->workers[w];
	PGresult *r;
	LhStatus status = LH_OK;

	if (PQisBusy(worker->conn))
		return LH_OK;
	r = PQgetResult(worker->conn);
	if (PQresultStatus(r) == PGRES_COPY_OUT)
		worker->copying = true;
	else
	{
		status = lh_source_error(s->client, worker->conn, r, what_of(g, w));
		status = worker_failed(g, w, r, status);
	}
	PQclear(r);
	return status;
}

static bool
may_read(const Reading *g, int w)
{
	const LhSnapshotWorker *worker = &g->s->workers[w];

	return worker->sent &&
		   (!worker->copying || worker->discard || lh_units_may_read(g->s->units, w));
}

/*
 * What has come for a worker.  The socket is asked once more before we say that there is
 * nothing: poll does not know what a library for encryption holds.
 */
static LhStatus
pump(Reading *g, int w)
{
	LhSnapshotWorker *worker = &g->s->workers[w];
	bool asked = false;

	for (int i = 0; i < ROWS && may_read(g, w); i++)
	{
		char *piece;
		int n = 0;
		LhStatus status;

		if (!worker->copying)
			LH_TRY(begin_copy(g, w));
		if (worker->copying)
			n = PQgetCopyData(worker->conn, &piece, 1);
		if (n > 0)
		{
			status = take_piece(g, w, lh_slice(piece, (size_t) n));
			PQfreemem(piece);
			LH_TRY(status);
			g->moved = true;
			asked = false;
			continue;
		}
		if (n < 0)
			return end_copy(g, w);
		if (asked || worker->conn == NULL)
			return LH_OK;
		asked = true;
		if (PQflush(worker->conn) < 0 || !PQconsumeInput(worker->conn))
			return worker_failed(g, w, NULL,
								 lh_source_error(g->s->client, worker->conn, NULL, what_of(g, w)));
	}
	return LH_OK;
}

/* An idle holder is asked whether it is still there, lest something between us forgets it. */
static LhStatus
ping(Reading *g, int64_t now)
{
	LhSnapshot *s = g->s;
	LhSnapshotWorker *holder = &s->workers[0];
	PGresult *r;
	LhStatus status;

	if (holder->sent || now - s->last_ping < PING_MS)
		return LH_OK;
	s->last_ping = now;
	status = lh_source_query(s->client, holder->conn, "SELECT 1", QUESTION_MS, &r);
	if (status != LH_OK)
		return worker_failed(g, 0, NULL, status);
	PQclear(r);
	return LH_OK;
}

/* ---- waiting, and what is told ---- */

static LhStatus
wait_events(Reading *g)
{
	LhSnapshot *s = g->s;
	struct pollfd fds[LH_CLIENT_MAX_JOBS + 1];
	int n = 0;

	for (int w = 0; w < s->nworkers; w++)
	{
		if (may_read(g, w))
			fds[n++] = (struct pollfd){.fd = PQsocket(s->workers[w].conn),
									   .events = PQflush(s->workers[w].conn) > 0 ? POLLIN | POLLOUT
																				 : POLLIN};
	}
	if (lh_client_stops() == 0)
		fds[n++] = (struct pollfd){.fd = lh_client_stop_fd(), .events = POLLIN};
	if (poll(fds, (nfds_t) n, SLICE_MS) < 0 && errno != EINTR)
		LH_CLIENT_FAIL(s->client, LH_EXIT_CONNECTION, "could not wait for the server: %s",
					   lh_errno_text(errno));
	return LH_OK;
}

static void
show_progress(Reading *g, int64_t now)
{
	LhSnapshot *s = g->s;
	const LhSnapshotStats *stats = &s->client->snapshot_stats;
	uint64_t turn = lh_units_turn(s->units), total = lh_units_total(s->units), from, to;
	uint64_t blocks = lh_units_blocks_before(s->units, total + 1);
	uint64_t done = lh_units_blocks_before(s->units, turn);
	uint64_t rows = stats->rows + (turn > s->counted ? g->rows : 0);
	uint32_t table;

	if (turn > total || now - s->last_progress < PROGRESS_MS)
		return;
	lh_units_range(s->units, turn, &table, &from, &to);
	lh_log_progress(
		&s->client->log, "%s  snapshot %.1f%% of %llu blocks  %llu rows  %.0f/s  %s",
		s->client->config.slot, blocks > 0 ? 100.0 * (double) done / (double) blocks : 0,
		(unsigned long long) blocks, (unsigned long long) rows,
		rows < g->rate_rows ? 0
							: (double) (rows - g->rate_rows) * 1000 /
								  (double) (now > g->rate_since ? now - g->rate_since : 1),
		s->tables[table].quoted);
	s->last_progress = g->rate_since = now;
	g->rate_rows = rows;
}

/* ---- the loop ---- */

/* A signal: what is whole becomes durable. */
static LhStatus
stop(Reading *g)
{
	LhSnapshot *s = g->s;

	if (!g->partial)
		LH_TRY(flush(g, true));
	lh_fail(s->client->ctx, LH_CANCELLED,
			"stopped in the snapshot of slot \"%s\": %llu of %llu units are in all sinks",
			s->client->config.slot, (unsigned long long) durable(g),
			(unsigned long long) lh_units_total(s->units));
	lh_hint(s->client->ctx, "\"run\" reads the rest beside the stream.");
	return lh_client_failed(s->client, LH_EXIT_SIGNAL, false, LH_CANCELLED);
}

static LhStatus
read_units(Reading *g)
{
	LhSnapshot *s = g->s;
	LhClient *c = s->client;

	while (lh_units_turn(s->units) <= lh_units_total(s->units))
	{
		int64_t now = lh_client_now_ms();

		/* a unit that sinks have a part of is finished first, for a while */
		if (stopping(g) && !g->open)
			return stop(g);
		if (lh_poll(c->ctx) != LH_OK)
			return lh_client_failed(c, LH_EXIT_SIGNAL, false, LH_CANCELLED);
		g->moved = false;
		if (!stopping(g))
			LH_TRY(assign(g));
		for (int w = 0; w < s->nworkers; w++)
			LH_TRY(pump(g, w));
		LH_TRY(deliver(g));
		LH_TRY(maybe_flush(g));
		LH_TRY(ping(g, now));
		if (c->tick != NULL)
			c->tick(c->tick_arg);
		if (c->log.terminal)
			show_progress(g, now);
		if (!g->moved)
			LH_TRY(wait_events(g));
	}
	return flush(g, true);
}

LhStatus
lh_snapshot_read(LhSnapshot *s, const LhSnapshotHost *host)
{
	LhClient *c = s->client;
	Reading g = {.s = s, .host = host, .rate_since = lh_client_now_ms()};
	uint64_t first = UINT64_MAX;
	bool was = c->finishing;
	LhStatus status;

	for (int i = 0; i < c->config.nsinks; i++)
	{
		const LhChangePos *pos = &host->sinks[i].put;
		uint64_t units = pos->commit_end > s->point    ? UINT64_MAX - 1
						 : pos->commit_end == s->point ? pos->ordinal
													   : 0;

		if (units + 1 < first)
			first = units + 1;
	}
	for (int w = 0; w < s->nworkers; w++)
		s->workers[w].discard = s->workers[w].sent;
	lh_units_begin(s->units, first);
	/* a first signal does not cut off a unit: this loop sees it */
	c->finishing = true;
	status = read_units(&g);
	c->finishing = was;
	return status;
}
