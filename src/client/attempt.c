/*
 * attempt.c
 *		A stream begins, and begins anew.
 *
 *	1. Sinks are opened and say what they hold; the slot is found or made, and held
 *	   against that.
 *	2. What is in the tables goes first, where that is wanted (snapshot.h).
 *	3. The stream begins at the slot's position (stream.c).
 *	4. A lost connection, or a sink that lost what it was given: all of it again,
 *	   after a pause.
 */
#include "client/stream.h"

#define FIRST_PAUSE_MS   250
#define LONGEST_PAUSE_MS 30000

/* Where --once ends: behind all that is committed now. */
LhStatus
lh_stream_find_end(LhStream *s)
{
	LhClient *c = s->client;
	PGresult *r;

	s->until = c->config.until;
	if (!c->config.once)
		return LH_OK;
	/* its commit makes the log end behind the position, so that the server gets there */
	LH_TRY(lh_source_query(
		c, c->side,
		"SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
		"ELSE pg_catalog.pg_logical_emit_message(true, 'lakehouse.heartbeat', '') END",
		LH_STREAM_QUESTION_MS, &r));
	lh_client_parse_lsn(PQgetvalue(r, 0, 0), &s->until);
	PQclear(r);
	return LH_OK;
}

static void
tell_notice(const char *text, void *arg)
{
	lh_log(&((LhClient *) arg)->log, LH_LOG_WARNING, "topic", "%s", text);
}

/* What a delivery counted outlives it. */
static void
keep_counts(LhStream *s)
{
	const LhDeliveryState *d;

	if (s->delivery == NULL)
		return;
	d = lh_delivery_state(s->delivery);
	s->before.transactions += d->transactions;
	s->before.messages += d->messages;
	s->before.skipped += d->skipped;
	s->before.bytes += d->bytes;
	s->before.flushes += d->flushes;
	s->before.replayed += d->replayed;
	if (d->commit_time != 0)
		s->before.commit_time = d->commit_time;
	s->delivery = NULL;
}

static LhStatus
make_delivery(LhStream *s)
{
	LhClient *c = s->client;
	LhDeliveryConfig config = {.slot = c->config.slot,
							   .nformats = c->config.nformats,
							   .max_message = (size_t) c->config.max_message,
							   .until = s->until,
							   .renames = c->config.renames,
							   .allow_gap = c->config.allow_gap,
							   .notice = tell_notice,
							   .notice_arg = c};
	LhUnfinishedConfig unfinished = {.memory = (size_t) c->config.unfinished_memory,
									 .size = (uint64_t) c->config.unfinished_size};

	keep_counts(s);
	if (c->schemas == NULL)
	{
		LhArena *old = lh_use(c->ctx, c->arena);
		LhStatus status = lh_schema_store_create(c->ctx, &c->schemas);

		if (status == LH_OK)
			status = lh_schema_store_create(c->ctx, &c->unit_schemas);
		if (status == LH_OK)
			status = lh_schema_store_create(c->ctx, &c->unfinished_schemas);
		lh_use(c->ctx, old);
		LH_TRY(status);
	}
	config.schemas = c->schemas;
	config.unit_schemas = c->unit_schemas;
	config.unfinished_schemas = c->unfinished_schemas;
	if (c->config.streaming || c->config.two_phase)
	{
		unfinished.dir = unfinished.size > 0 ? lh_client_spool_directory(c) : NULL;
		config.unfinished = &unfinished;
	}
	for (int i = 0; i < c->config.nformats; i++)
		config.kinds[i] =
			lh_change_format_find(c->config.formats[i], strlen(c->config.formats[i]))->schemas;
	if (s->incremental == NULL)
		LH_TRY(lh_incremental_create(c, s->sinks, &s->incremental));
	lh_incremental_hooks(s->incremental, &config);
	LH_TRY(lh_route_compile(c->ctx, c->config.topic, true, &config.topic));
	LH_TRY(lh_route_compile(c->ctx, c->config.message_topic, false, &config.message_topic));
	LH_TRY(lh_delivery_create(c->ctx, &config, c->config.nsinks, s->sinks, &s->delivery));
	lh_incremental_attach(s->incremental, s->delivery);
	return LH_OK;
}

static LhStatus
make_slot(LhClient *c, LhSlot *slot)
{
	if (c->config.command != LH_CLIENT_STREAM)
		return lh_snapshot_make(c, slot);
	LH_TRY(lh_slot_create(c, slot, false));
	/* of another slot that had the name; a standby has no snapshots, and takes no notes */
	return slot->standby ? LH_OK : lh_snapshot_forget(c);
}

static LhStatus
flush_for_snapshot(void *arg, bool last)
{
	return last ? lh_stream_settle(arg) : lh_stream_flush(arg);
}

static LhStatus
failed_for_snapshot(void *arg, LhStatus status)
{
	return lh_stream_failed(arg, status);
}

/* What is in the tables, as far as it is wanted; *over: there is no more to do. */
static LhStatus
snapshot(LhStream *s, const LhSlot *slot, bool *over)
{
	LhClient *c = s->client;
	LhSnapshotHost host = {.delivery = s->delivery,
						   .sinks = s->sinks,
						   .flush = flush_for_snapshot,
						   .failed = failed_for_snapshot,
						   .arg = s};

	*over = c->config.command == LH_CLIENT_SNAPSHOT;
	if (*over)
		s->confirmed = slot->confirmed;
	if (lh_snapshot_alive(c))
		return lh_snapshot_deliver(c, &host);
	return *over ? lh_snapshot_was_done(c) : LH_OK;
}

/*
 * There is no slot, or none any more.  For a sink with a position what lies between is
 * nowhere, unless the tables are read again (--on-lost snapshot).
 */
static LhStatus
make_missing(LhStream *s, LhSlot *slot)
{
	LhClient *c = s->client;
	bool renewed = false;

	for (int i = 0; i < c->config.nsinks && !c->config.allow_gap; i++)
	{
		if (!s->sinks[i].known || !c->config.create)
			continue;
		if (!c->config.renew)
		{
			lh_fail(c->ctx, LH_CHANGED,
					"sink %s holds all up to " LH_LSN_FORMAT
					", but slot \"%s\" is not there: a new one would leave a gap",
					s->sinks[i].name, LH_LSN_ARGS(s->sinks[i].put.commit_end), c->config.slot);
			lh_hint(
				c->ctx,
				"Go on without what lies between: --allow-gap; or read the tables again: run --on-lost snapshot.");
			return lh_client_failed(c, LH_EXIT_SLOT, false, LH_CHANGED);
		}
		renewed = true;
	}
	if (!c->config.create)
		LH_CLIENT_FAIL(c, LH_EXIT_SLOT, "slot \"%s\" is not there; --create makes it",
					   c->config.slot);
	LH_TRY(make_slot(c, slot));
	s->fresh = slot->confirmed;
	slot->server_end = renewed ? slot->confirmed : UINT64_MAX;
	slot->renewed = renewed;
	if (renewed)
		lh_log(&c->log, LH_LOG_WARNING, "renewed",
			   "slot \"%s\" was made anew at " LH_LSN_FORMAT
			   ", and all tables are read again; rows that were deleted meanwhile are not told of",
			   c->config.slot, LH_LSN_ARGS(slot->confirmed));
	return LH_OK;
}

/* The slot: found or made, and the sinks hold all that it has forgotten. */
static LhStatus
prepare_slot(LhStream *s, LhSlot *slot)
{
	LhClient *c = s->client;

	LH_TRY(lh_slot_look(c, slot));
	if (slot->lost)
	{
		lh_log(&c->log, LH_LOG_WARNING, "lost",
			   "slot \"%s\" is lost: the server has removed the log that it needed",
			   c->config.slot);
		LH_TRY(lh_slot_drop(c));
		slot->exists = false;
	}
	slot->renewed = c->config.renew && lh_snapshot_alive(c);
	if (slot->exists && !lh_snapshot_alive(c))
	{
		LH_TRY(lh_snapshot_fresh(c, slot, &s->fresh));
		/* a client that made it anew may have died before any sink heard of it */
		if (c->config.renew)
			LH_TRY(lh_snapshot_covers(c, slot, &slot->renewed));
	}
	if (!slot->exists)
		LH_TRY(make_missing(s, slot));
	LH_TRY(lh_slot_compare(c, slot, s->fresh, c->config.nsinks, s->sinks));
	if (s->fresh < slot->confirmed)
		s->fresh = slot->confirmed;
	return slot->created || lh_snapshot_alive(c)
			   ? LH_OK
			   : lh_snapshot_resume(c, slot, c->config.nsinks, s->sinks);
}

/* Once they were open, what fails by itself is tried again. */
static LhStatus
open_sinks(LhStream *s)
{
	LhStatus status = lh_client_open_sinks(s->client, s->sinks);

	if (status == LH_OK)
		s->opened = true;
	else if (s->opened && (status == LH_IO || status == LH_SINK_RESTART))
		s->client->transient = ++s->sink_failures < LH_STREAM_SINK_ATTEMPTS;
	return status;
}

static LhStatus
attempt(LhStream *s)
{
	LhClient *c = s->client;
	LhSlot slot;
	bool over;

	LH_TRY(lh_client_failed(c, LH_EXIT_USAGE, false, make_delivery(s)));
	LH_TRY(open_sinks(s));
	lh_snapshot_remind(c, s->sinks);
	LH_TRY(lh_source_side(c));
	if (!lh_snapshot_alive(c))
		LH_TRY(lh_source_connect(c, true, &c->stream));
	LH_TRY(prepare_slot(s, &slot));
	if (slot.created || lh_snapshot_alive(c))
	{
		/* a sink that is still empty after a crash could be one that was lost: it is told where it begins */
		LH_TRY(lh_delivery_start(c->ctx, s->delivery, slot.confirmed - 1));
		LH_TRY(lh_stream_failed(s, lh_delivery_idle(c->ctx, s->delivery, slot.confirmed)));
		LH_TRY(lh_stream_settle(s));
	}
	LH_TRY(snapshot(s, &slot, &over));
	if (over)
		return LH_OK;
	LH_TRY(lh_source_side(c));
	if (c->stream == NULL)
		LH_TRY(lh_source_connect(c, true, &c->stream));
	LH_TRY(lh_incremental_begin(s->incremental));
	if (s->until == 0 && !(c->config.once && lh_incremental_busy(s->incremental)))
	{
		LH_TRY(lh_stream_find_end(s));
		if (s->until != 0)
			LH_TRY(make_delivery(s));
	}
	LH_TRY(lh_delivery_start(c->ctx, s->delivery, slot.confirmed));
	/* from the slot's position, as a sink's may be in the middle of a transaction */
	LH_TRY(lh_slot_start(c, slot.confirmed));
	lh_source_close(&c->side);
	if (c->started_wait != 0 || s->reconnects > 0)
		lh_log(&c->log, LH_LOG_INFO, "streaming", "streaming again from " LH_LSN_FORMAT,
			   LH_LSN_ARGS(slot.confirmed));
	else
		lh_log(&c->log, LH_LOG_INFO, "streaming", "streaming from " LH_LSN_FORMAT,
			   LH_LSN_ARGS(slot.confirmed));
	c->started_wait = 0;
	s->received = s->confirmed = slot.confirmed;
	s->server_end = 0;
	s->commit_since = 0;
	s->last_idle = s->last_status = s->last_change = lh_client_now_ms();
	s->copying = true;
	/* what the slot holds up already counts, too */
	c->heartbeat.lsn = 0;
	s->heartbeat_at = slot.restart_lsn != 0 ? slot.restart_lsn : slot.confirmed;
	return lh_stream_loop(s);
}

/* What an attempt leaves behind goes, whatever became of it. */
static void
clean_up(LhStream *s)
{
	LhClient *c = s->client;
	LhError was = *c->ctx->error;

	s->copying = false;
	keep_counts(s);
	if (s->incremental != NULL)
		lh_incremental_end(s->incremental);
	s->incremental = NULL;
	if (!lh_snapshot_alive(c))
		lh_snapshot_close(c);
	lh_heartbeat_close(c);
	lh_source_close(&c->stream);
	lh_source_close(&c->side);
	s->letters += lh_client_letters(c);
	lh_client_close_sinks(c, s->sinks);
	lh_arena_reset(s->arena);
	*c->ctx->error = was;
}

/* Another client has the slot: perhaps one that is gone, which the server has yet to notice. */
static bool
waits_for_slot(LhClient *c)
{
	int64_t now = lh_client_now_ms();

	if (!c->busy)
		return true;
	if (c->started_wait == 0)
	{
		c->started_wait = now;
		if (c->config.wait_s > 0)
			lh_log(&c->log, LH_LOG_INFO, "busy", "%s; waiting for %lld seconds at most",
				   c->ctx->error->message, (long long) c->config.wait_s);
	}
	return now - c->started_wait < c->config.wait_s * 1000;
}

LhStatus
lh_client_stream(LhClient *c)
{
	LhStream s = {.client = c};
	LhArena *old = c->ctx->arena;
	int64_t pause = FIRST_PAUSE_MS;
	LhStatus status;

	s.arena = lh_arena_child(old);
	if (s.arena == NULL)
		LH_FAIL(c->ctx, LH_NO_MEMORY, "out of memory");
	if (c->config.metrics_port > 0)
	{
		LH_TRY(lh_client_failed(c, LH_EXIT_USAGE, false,
								lh_metrics_open(c->ctx, (int) c->config.metrics_port,
												lh_stream_metrics, &s, &s.metrics)));
	}
	c->tick = lh_stream_tick;
	c->tick_arg = &s;
	for (;;)
	{
		bool busy;

		c->exit = LH_EXIT_CONNECTION;
		c->transient = c->busy = false;
		lh_use(c->ctx, s.arena);
		status = attempt(&s);
		lh_use(c->ctx, old);
		busy = c->busy;
		if (s.confirmed != 0 && lh_client_now_ms() - s.last_status < 2 * LONGEST_PAUSE_MS &&
			s.received > s.fresh)
			pause = busy ? pause : FIRST_PAUSE_MS;
		clean_up(&s);
		if (status == LH_OK || !c->transient || lh_client_stops() > 0 || !waits_for_slot(c))
			break;
		if (!busy)
		{
			s.reconnects++;
			lh_log(&c->log, LH_LOG_WARNING, "reconnect", "%s; again in %lld ms",
				   c->ctx->error->message, (long long) pause);
		}
		if (!lh_client_sleep(c, busy ? FIRST_PAUSE_MS : pause))
			break;
		pause = pause * 2 < LONGEST_PAUSE_MS ? pause * 2 : LONGEST_PAUSE_MS;
	}
	c->tick = NULL;
	lh_snapshot_close(c);
	if (status != LH_OK && lh_client_stops() > 0 && c->transient)
	{
		/* nothing is lost: what was not confirmed comes again */
		lh_log(&c->log, LH_LOG_WARNING, "stopped", "stopped while not connected: %s",
			   c->ctx->error->message);
		return lh_client_failed(c, LH_EXIT_SIGNAL, false, status);
	}
	if (status == LH_OK)
		lh_log(&c->log, LH_LOG_INFO, "done",
			   "%s at " LH_LSN_FORMAT ": %llu transactions, %llu messages",
			   lh_client_stops() > 0 ? "stopped" : "done", LH_LSN_ARGS(s.confirmed),
			   (unsigned long long) s.before.transactions, (unsigned long long) s.before.messages);
	return status;
}
