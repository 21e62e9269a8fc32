/*
 * incremental.c
 *		The machine that reads tables beside the stream, and the delivery's hooks.
 *
 * A chunk of a table with a key:
 *
 *	BOUND, LOW, BEGIN, LOCK, SNAPSHOT, ROWS, COMMIT, HIGH	on our connection
 *	AWAIT		high comes in the stream: rows go out (incremental_rows.c)
 *	DURABLE		then the next one
 *
 * Tables without keys:
 *
 *	LOW, BEGIN, LOCK, SNAPSHOT, ROWS						of the first table
 *	READ		the stream comes to low: it waits, the others are read
 *	COMMIT, HIGH, AWAIT, DURABLE							then they are done
 *
 * What fails here is no matter of the stream's: the connection is closed and the
 * window begun anew, after a pause.  A statement that the server refuses ends the
 * snapshot of that table.  Only what happens after rows were put, or a note that may
 * or may not have been written, ends the attempt: the next one asks the sinks.
 */
#include "client/incremental.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define FIRST_PAUSE_MS   250
#define LONGEST_PAUSE_MS 30000
#define QUESTION_MS      30000
#define ASK_MS           50  /* how often a flush or an idle position is asked for */
#define AT_A_TIME        256 /* results that are taken before the stream has its turn */
#define MAX_PASSES       10

/* ---- make, begin, end ---- */

/* Everybody may write logical messages, so that marks must not be guessed. */
static LhStatus
name_session(LhIncremental *e)
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		LH_FAIL(e->ctx, LH_IO, "no random numbers: %s", lh_errno_text(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(e->session + 2 * i, 3, "%02x", bytes[i]);
	return LH_OK;
}

LhStatus
lh_incremental_create(LhClient *client, LhDeliverySink *sinks, LhIncremental **out)
{
	LhCtx *ctx = client->ctx;
	size_t memory = (size_t) client->config.chunk_memory;
	size_t batch = (size_t) client->config.max_message;
	LhIncremental *e;

	LH_NEW(ctx, e);
	e->client = client;
	e->ctx = ctx;
	e->sinks = sinks;
	e->nsinks = client->config.nsinks;
	e->pause = FIRST_PAUSE_MS;
	e->tables_arena = lh_arena_child(ctx->arena);
	e->work = lh_arena_child(ctx->arena);
	e->scratch = lh_arena_child(ctx->arena);
	e->filter_arena = lh_arena_child(ctx->arena);
	if (e->tables_arena == NULL || e->work == NULL || e->scratch == NULL || e->filter_arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	LH_TRY(lh_window_create(ctx, memory, batch, &e->chunk));
	LH_TRY(lh_window_create(ctx, SIZE_MAX / 4, batch, &e->held));
	LH_TRY(lh_buf_init(ctx, &e->names, false));
	e->window = e->chunk;
	*out = e;
	return name_session(e);
}

/* Has the server what it takes?  A standby has not: nothing can be written there. */
static LhStatus
look(LhIncremental *e, bool *there)
{
	static bool said;
	PGresult *r;
	bool standby;

	LH_TRY(lh_source_query(
		e->client, e->client->side,
		"SELECT pg_catalog.pg_is_in_recovery(), "
		"pg_catalog.to_regprocedure('lakehouse.cdc_snapshot_state(pg_catalog.name)') IS NOT NULL",
		QUESTION_MS, &r));
	standby = PQgetvalue(r, 0, 0)[0] == 't';
	*there = PQgetvalue(r, 0, 1)[0] == 't' && !standby;
	PQclear(r);
	if (standby && !said)
		lh_log(&e->client->log, LH_LOG_INFO, "standby",
			   "no tables are read beside the stream: the server is a standby");
	said = said || standby;
	return LH_OK;
}

LhStatus
lh_incremental_begin(LhIncremental *e)
{
	LhClient *c = e->client;
	const char *sql = lh_incremental_list_sql(e);
	bool there;
	PGresult *r;
	LhStatus status;

	c->signals = false;
	e->reload = false;
	if (sql == NULL)
		return e->ctx->error->code;
	LH_TRY(look(e, &there));
	if (!there)
		return LH_OK;
	LH_TRY(lh_source_query(c, c->side, sql, QUESTION_MS, &r));
	status = lh_incremental_load(e, r);
	PQclear(r);
	if (status != LH_OK)
		return lh_client_failed(c, LH_EXIT_CONNECTION, false, status);
	LH_TRY(lh_incremental_name_sinks(e));
	LH_TRY(lh_incremental_resolve(e));
	c->signals = true;
	e->step = e->ntables > 0 ? LH_STEP_PAUSE : LH_STEP_IDLE;
	return LH_OK;
}

static void
forget_window(LhIncremental *e)
{
	lh_window_end(e->chunk);
	lh_window_end(e->held);
	e->mark[0] = '\0';
	e->barrier = e->closing = e->delivered = false;
	e->full = e->cancelled = e->is_void = false;
	e->snapshot_text = NULL;
	e->low_end = e->high_end = 0;
}

void
lh_incremental_end(LhIncremental *e)
{
	lh_source_close(&e->conn);
	e->step = LH_STEP_OFF;
}

void
lh_incremental_lost(LhIncremental *e, const char *why)
{
	if (lh_client_stops() == 0)
		lh_log(&e->client->log, LH_LOG_WARNING, "snapshot_wait",
			   "reading of tables is begun anew in %lld ms: %.*s", (long long) e->pause,
			   (int) strcspn(why, "\n"), why);
	lh_error_clear(e->ctx);
	lh_source_close(&e->conn);
	e->reload = e->reload || e->step == LH_STEP_LOAD;
	forget_window(e);
	e->step = LH_STEP_PAUSE;
	e->wake = lh_client_now_ms() + e->pause;
	e->pause = e->pause * 2 < LONGEST_PAUSE_MS ? e->pause * 2 : LONGEST_PAUSE_MS;
}

void
lh_incremental_anew(LhIncremental *e, int64_t pause)
{
	/* in the middle of something it has nothing to say that is wanted */
	if (e->step > LH_STEP_DURABLE)
		lh_source_close(&e->conn);
	forget_window(e);
	e->step = LH_STEP_PAUSE;
	e->wake = lh_client_now_ms() + pause;
}

/* A failure of ours: said, and tried again. */
static LhStatus
weather(LhIncremental *e, LhStatus status)
{
	if (status == LH_OK)
		return LH_OK;
	if (e->retry)
		return status;
	lh_incremental_lost(e, e->ctx->error->message);
	return LH_OK;
}

bool
lh_incremental_retry(const LhIncremental *e)
{
	return e->retry;
}

/* ---- windows ---- */

static LhStatus
begin_window(LhIncremental *e, LhIncTable *t, bool barrier)
{
	forget_window(e);
	lh_arena_reset(e->work);
	e->table = t;
	e->barrier = barrier;
	e->window = barrier ? e->held : e->chunk;
	e->unit = 0;
	snprintf(e->mark, sizeof(e->mark), "%s %s %llu", e->client->config.slot, e->session,
			 (unsigned long long) ++e->number);
	return barrier ? LH_OK
				   : lh_window_begin(e->ctx, e->window, t->nrelids, t->relids, t->columns.n);
}

static LhStatus
begin_chunk(LhIncremental *e, LhIncTable *t)
{
	LhProgress *p = &t->progress;

	LH_TRY(begin_window(e, t, false));
	/* what some sinks hold is read to the same key */
	if (p->pending)
	{
		e->upper = p->next;
		e->last_chunk = p->next_end;
		return lh_incremental_send(e, LH_STEP_LOW);
	}
	e->last_chunk = p->end;
	return lh_incremental_send(e, p->end ? LH_STEP_LOW : LH_STEP_BOUND);
}

/* All rows of it are durable everywhere. */
static LhStatus
finish_table(LhIncremental *e, LhIncTable *t)
{
	LhProgress *p = &t->progress;

	if (!p->moved)
		return lh_incremental_note(e, t, "done", NULL);
	if (p->pass + 1 >= MAX_PASSES)
		return lh_incremental_note(
			e, t, "failed",
			"keys of rows with large values change all the time, so that none of its passes had all of them; REPLICA IDENTITY FULL helps");
	lh_log(&e->client->log, LH_LOG_INFO, "snapshot_pass",
		   "keys of table %s.%s were changed meanwhile, it is read once more", t->schema, t->name);
	p->moved = p->end = false;
	p->last = p->again = (LhTexts){0};
	p->pass++;
	LH_TRY(lh_incremental_keep(e, t));
	return lh_incremental_note(e, t, NULL, NULL);
}

static bool
is_complete(const LhIncTable *t)
{
	return !t->barrier && t->progress.end && t->progress.again.n == 0 && !t->progress.pending;
}

/* The next one of a kind; NULL: there is none. */
static LhIncTable *
find_table(LhIncremental *e, bool (*wanted)(const LhIncTable *t))
{
	for (int i = 0; i < e->ntables; i++)
	{
		if (wanted(&e->tables[i]))
			return &e->tables[i];
	}
	return NULL;
}

static bool
needs_description(const LhIncTable *t)
{
	return lh_incremental_in_barrier(t) && !t->described;
}

static bool
is_begun(const LhIncTable *t)
{
	return !t->barrier && !t->over && t->reading;
}

static bool
is_keyed(const LhIncTable *t)
{
	return !t->barrier && !t->over;
}

/* The list may have changed: what is known here only is written first. */
static LhStatus
reload(LhIncremental *e)
{
	for (int i = 0; i < e->ntables; i++)
	{
		if (!e->tables[i].over && e->tables[i].reading)
			LH_TRY(lh_incremental_note(e, &e->tables[i], NULL, NULL));
	}
	/* before it is asked: a request that comes meanwhile may not be in the answer */
	e->reload = false;
	return lh_incremental_send(e, LH_STEP_LOAD);
}

/* Connected, nothing is under way. */
static LhStatus
next(LhIncremental *e)
{
	LhIncTable *t;

	e->pause = FIRST_PAUSE_MS;
	if (e->reload)
		return reload(e);
	if ((t = find_table(e, lh_incremental_to_close)) != NULL)
	{
		LH_TRY(begin_window(e, t, true));
		e->closing = true;
		return lh_incremental_send(e, LH_STEP_HIGH);
	}
	if ((t = find_table(e, needs_description)) != NULL)
	{
		e->table = t;
		return lh_incremental_send(e, LH_STEP_DESCRIBE);
	}
	if ((t = find_table(e, lh_incremental_in_barrier)) != NULL)
	{
		LH_TRY(begin_window(e, t, true));
		return lh_incremental_send(e, LH_STEP_LOW);
	}
	if ((t = find_table(e, is_begun)) == NULL && (t = find_table(e, is_keyed)) == NULL)
	{
		lh_source_close(&e->conn);
		e->step = LH_STEP_IDLE;
		return LH_OK;
	}
	e->table = t;
	if (is_complete(t))
		return finish_table(e, t);
	return t->described ? begin_chunk(e, t) : lh_incremental_send(e, LH_STEP_DESCRIBE);
}

/* ---- statements ---- */

/* The statement is over, and was not refused. */
static LhStatus
ended(LhIncremental *e)
{
	switch (e->step)
	{
		case LH_STEP_BOUND: return lh_incremental_send(e, LH_STEP_LOW);
		case LH_STEP_LOW: return lh_incremental_send(e, LH_STEP_BEGIN);
		case LH_STEP_BEGIN: return lh_incremental_send(e, LH_STEP_LOCK);
		case LH_STEP_LOCK: return lh_incremental_send(e, LH_STEP_SNAPSHOT);
		case LH_STEP_SNAPSHOT: return lh_incremental_send(e, LH_STEP_ROWS);
		case LH_STEP_ROWS:
			if (!e->barrier)
				return lh_incremental_send(e, LH_STEP_COMMIT);
			e->step = LH_STEP_READ;
			return LH_OK;
		case LH_STEP_COMMIT: return lh_incremental_send(e, LH_STEP_HIGH);
		case LH_STEP_HIGH: e->step = LH_STEP_AWAIT; return LH_OK;
		default: e->step = LH_STEP_READY; return LH_OK;
	}
}

/* What the server refuses now, and may not refuse later. */
static bool
passes(const PGresult *r)
{
	static const char *const classes[] = {"08", "40", "53", "55", "57"};
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]) && state != NULL; i++)
	{
		if (strncmp(state, classes[i], 2) == 0)
			return true;
	}
	return state == NULL;
}

/* The table whose statement was refused has failed; others may be well. */
static LhStatus
refused(LhIncremental *e, const PGresult *r)
{
	const char *why = lh_incremental_refusal(e, r);
	bool of_table = e->step == LH_STEP_DESCRIBE || e->step == LH_STEP_BOUND ||
					e->step == LH_STEP_LOCK || e->step == LH_STEP_ROWS;

	e->refused = true;
	if (passes(r) || !of_table || e->table == NULL || e->delivered)
	{
		lh_incremental_lost(e, why);
		return LH_OK;
	}
	/* which one of several could not be locked is not told, but its description is */
	if (e->barrier && e->step == LH_STEP_LOCK)
	{
		for (int i = 0; i < e->ntables; i++)
			e->tables[i].described = false;
		lh_incremental_lost(e, why);
		return LH_OK;
	}
	LH_TRY(lh_incremental_note(e, e->table, "failed", why));
	lh_incremental_anew(e, 0);
	return LH_OK;
}

/* More rows than fit: the rest need not come. */
static void
cancel(LhIncremental *e)
{
	PGcancel *cancel = PQgetCancel(e->conn);
	char why[256];

	e->cancelled = true;
	if (cancel != NULL)
		PQcancel(cancel, why, sizeof(why));
	PQfreeCancel(cancel);
}

static LhStatus
take_result(LhIncremental *e, PGresult *r)
{
	switch (PQresultStatus(r))
	{
		case PGRES_TUPLES_OK:
		case PGRES_SINGLE_TUPLE:
			LH_TRY(lh_incremental_take(e, r));
			if (e->full && !e->barrier && !e->cancelled)
				cancel(e);
			return LH_OK;
		case PGRES_COMMAND_OK: return LH_OK;
		default:
			if (!e->cancelled)
				return refused(e, r);
			e->is_void = true;
			return LH_OK;
	}
}

/* Fewer rows next time. */
static void
too_many(LhIncremental *e)
{
	LhIncTable *t = e->table;
	int64_t rows = (int64_t) lh_window_nrows(e->window);

	t->chunk_rows = rows / 2 > 0 ? rows / 2 : 1;
	lh_incremental_anew(e, 0);
}

/* One result, if it is there. */
static LhStatus
pump_one(LhIncremental *e, bool *more)
{
	PGresult *r;
	LhStatus status;

	*more = false;
	/* what is at hand first: libpq would gather all that comes */
	if (PQisBusy(e->conn) && (PQflush(e->conn) < 0 || !PQconsumeInput(e->conn)))
	{
		lh_incremental_lost(e, PQerrorMessage(e->conn));
		return LH_OK;
	}
	if (PQisBusy(e->conn))
		return LH_OK;
	*more = true;
	r = PQgetResult(e->conn);
	if (r != NULL)
	{
		status = take_result(e, r);
		PQclear(r);
		return status;
	}
	if (e->step == LH_STEP_ROWS && (e->is_void || (e->full && !e->barrier)))
	{
		too_many(e);
		return LH_OK;
	}
	return ended(e);
}

LhStatus
lh_incremental_pump(LhIncremental *e, bool wait)
{
	bool more = true;

	if (wait)
	{
		bool ready;
		LhStatus status = lh_source_wait(e->client, e->conn, QUESTION_MS, &ready);

		if (status != LH_OK)
			return weather(e, status);
	}
	for (int i = 0; i < AT_A_TIME && more && e->step > LH_STEP_READ; i++)
	{
		/* what is held of tables without keys waits for its turn */
		if (e->barrier && e->full)
			break;
		LH_TRY(weather(e, pump_one(e, &more)));
	}
	return LH_OK;
}

/* ---- the machine ---- */

static LhStatus
connect_on(LhIncremental *e, int64_t now)
{
	if (e->conn == NULL)
	{
		int64_t seconds;

		LH_TRY(lh_source_begin(e->client, false, false, &e->conn, &seconds));
		e->wake = now + seconds * 1000;
		e->want = PGRES_POLLING_WRITING;
		e->step = LH_STEP_CONNECT;
		return LH_OK;
	}
	if (PQstatus(e->conn) != CONNECTION_BAD)
	{
		struct pollfd fd = {.fd = PQsocket(e->conn),
							.events = e->want == PGRES_POLLING_READING ? POLLIN : POLLOUT};

		if (poll(&fd, 1, 0) > 0)
			e->want = PQconnectPoll(e->conn);
	}
	if (PQstatus(e->conn) == CONNECTION_BAD || e->want == PGRES_POLLING_FAILED)
		LH_FAIL(e->ctx, LH_IO, "%.*s", (int) strcspn(PQerrorMessage(e->conn), "\n"),
				PQerrorMessage(e->conn));
	if (e->want == PGRES_POLLING_OK)
	{
		PQsetnonblocking(e->conn, 1);
		return lh_incremental_send(e, LH_STEP_SETUP);
	}
	if (now >= e->wake)
		LH_FAIL(e->ctx, LH_IO, "no connection: the server did not answer");
	return LH_OK;
}

/* What was given out has become durable: it is done with. */
static LhStatus
durable(LhIncremental *e)
{
	uint64_t confirmed = lh_delivery_confirmed(e->delivery);
	LhIncTable *t = e->table;

	if (confirmed < (e->barrier ? e->high_end : t->progress.point))
		return LH_OK;
	if (!e->barrier)
	{
		lh_progress_advance(&t->progress);
		LH_TRY(lh_incremental_keep(e, t));
	}
	for (int i = 0; i < e->ntables && e->barrier; i++)
	{
		LhIncTable *b = &e->tables[i];
		bool given = b->progress.end || (b->progress.pending && b->progress.point != 0);

		if (!b->barrier || b->over || *b->progress.snapshot == '\0')
			continue;
		b->progress.snapshot = "";
		LH_TRY(lh_incremental_note(e, b, given ? "done" : NULL, NULL));
	}
	forget_window(e);
	e->step = LH_STEP_READY;
	return LH_OK;
}

static LhStatus
step(LhIncremental *e, int64_t now)
{
	switch (e->step)
	{
		case LH_STEP_OFF:
		case LH_STEP_AWAIT: return LH_OK;
		case LH_STEP_IDLE: return e->reload ? connect_on(e, now) : LH_OK;
		case LH_STEP_PAUSE:
			if (now < e->wake)
				return LH_OK;
			if (e->conn == NULL)
				return connect_on(e, now);
			e->step = LH_STEP_READY;
			return LH_OK;
		case LH_STEP_CONNECT: return connect_on(e, now);
		case LH_STEP_READY: return next(e);
		case LH_STEP_DURABLE: return durable(e);
		case LH_STEP_READ: return e->delivered ? lh_incremental_send(e, LH_STEP_COMMIT) : LH_OK;
		default: return lh_incremental_pump(e, false);
	}
}

LhStatus
lh_incremental_step(LhIncremental *e, int64_t now)
{
	LhArena *old = lh_use(e->ctx, e->scratch);
	LhStatus status = LH_OK;
	LhStep was;

	/* as far as it goes */
	for (int i = 0; i < 16 && status == LH_OK; i++)
	{
		was = e->step;
		status = weather(e, step(e, now));
		if (e->step == was)
			break;
	}
	lh_use(e->ctx, old);
	lh_arena_reset(e->scratch);
	return status;
}

int
lh_incremental_poll(LhIncremental *e, struct pollfd *fd, int64_t now, int64_t *timeout)
{
	bool reads = e->step > LH_STEP_READ && !(e->barrier && e->full);
	int64_t left = INT64_MAX;

	if (e->step == LH_STEP_READY || (e->step == LH_STEP_IDLE && e->reload) ||
		(e->step == LH_STEP_READ && e->delivered))
		left = 0;
	else if (e->step == LH_STEP_PAUSE || e->step == LH_STEP_CONNECT)
		left = e->wake > now ? e->wake - now : 0;
	else if (e->step == LH_STEP_DURABLE || e->low_end != 0)
		left = ASK_MS;
	if (left < *timeout)
		*timeout = left;
	if (e->conn == NULL || (!reads && e->step != LH_STEP_CONNECT))
		return 0;
	*fd = (struct pollfd){.fd = PQsocket(e->conn), .events = POLLIN};
	if (e->step == LH_STEP_CONNECT)
		fd->events = e->want == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	else if (PQflush(e->conn) > 0)
		fd->events |= POLLOUT;
	return 1;
}

bool
lh_incremental_busy(const LhIncremental *e)
{
	if (e->step == LH_STEP_OFF)
		return false;
	for (int i = 0; i < e->ntables; i++)
	{
		if (!e->tables[i].over)
			return true;
	}
	return e->reload;
}

static bool
asks(int64_t *last, bool wanted, int64_t now)
{
	if (!wanted || now - *last < ASK_MS)
		return false;
	*last = now;
	return true;
}

bool
lh_incremental_wants_flush(LhIncremental *e, int64_t now)
{
	return asks(&e->flush_asked, e->step == LH_STEP_DURABLE, now);
}

bool
lh_incremental_wants_idle(LhIncremental *e, int64_t now)
{
	return asks(&e->idle_asked, e->barrier && e->low_end != 0 && !e->delivered, now);
}

/* ---- hooks ---- */

static bool
is_text(LhSlice a, const char *text)
{
	return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

static bool
is_mark(const LhIncremental *e, LhSlice content, const char *which)
{
	char text[sizeof(e->mark) + 8];

	snprintf(text, sizeof(text), "%s %s", e->mark, which);
	return e->mark[0] != '\0' && is_text(content, text);
}

static LhStatus
high(LhIncremental *e, const LhChangePos *pos)
{
	/* its answer may still be on its way */
	while (e->step == LH_STEP_HIGH)
		LH_TRY(lh_incremental_pump(e, true));
	if (e->step != LH_STEP_AWAIT)
		return LH_OK;
	if (pos->ordinal == 0)
		LH_FAIL(e->ctx, LH_CORRUPT, "a mark of a snapshot without a place in its transaction");
	if (!e->barrier)
		return lh_incremental_high(e, pos);
	e->high_end = pos->commit_end;
	e->step = LH_STEP_DURABLE;
	return LH_OK;
}

static LhStatus
on_signal(LhCtx *ctx, const LhFrame *f, LhSlice prefix, LhSlice content, void *arg)
{
	LhIncremental *e = arg;
	char ours[128];

	if (e->step == LH_STEP_OFF)
		return LH_OK;
	if (is_text(prefix, "lakehouse.signal"))
	{
		snprintf(ours, sizeof(ours), "snapshot %s", e->client->config.slot);
		e->reload = e->reload || is_text(content, ours);
		return LH_OK;
	}
	if (!is_text(prefix, "lakehouse.watermark"))
		return LH_OK;
	if (is_mark(e, content, "high"))
		return high(e, &f->pos);
	if (is_mark(e, content, "low"))
	{
		e->low_end = f->pos.commit_end;
		e->seen_at_low = lh_incremental_seen()->n;
		if (!e->barrier)
			lh_window_low(e->window, lh_incremental_seen());
	}
	return LH_OK;
}

static LhStatus
on_row(LhCtx *ctx, const LhFrame *f, bool unit, bool *drop, void *arg)
{
	LhIncremental *e = arg;

	*drop = unit && e->drop;
	return unit || e->step == LH_STEP_OFF ? LH_OK : lh_incremental_row(e, f, drop);
}

static LhStatus
on_between(LhCtx *ctx, uint64_t commit_end, void *arg)
{
	LhIncremental *e = arg;

	if (!e->barrier || e->closing || e->delivered || e->low_end == 0 || commit_end <= e->low_end)
		return LH_OK;
	return lh_incremental_barrier(e);
}

void
lh_incremental_attach(LhIncremental *e, LhDelivery *delivery)
{
	e->delivery = delivery;
}

void
lh_incremental_hooks(LhIncremental *e, LhDeliveryConfig *config)
{
	config->signal = on_signal;
	config->row = on_row;
	config->between = on_between;
	config->arg = e;
}
