/*
 * snapshot.c
 *		An initial snapshot from the making of its slot to its last unit.
 */
#include "client/snapshot.h"

#define QUESTION_MS 30000

/* ---- begin ---- */

/* In an arena of its own, as it outlives the attempt that makes it. */
static LhStatus
create(LhClient *client, LhSnapshot **out)
{
	LhCtx *ctx = client->ctx;
	LhArena *arena = lh_arena_child(client->arena);
	LhArena *old;
	LhSnapshot *s = NULL;
	LhStatus status = LH_OK;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	s = lh_alloc0(ctx, sizeof(*s));
	if (s != NULL)
	{
		s->client = client;
		s->arena = arena;
		s->nworkers = (int) client->config.jobs;
		for (int w = 0; w < s->nworkers && status == LH_OK; w++)
			status = lh_copy_init(ctx, &s->workers[w].reader, (size_t) client->config.max_message);
	}
	lh_use(ctx, old);
	if (s == NULL)
		return ctx->error->code;
	*out = s;
	return status;
}

static LhStatus
number_units(LhSnapshot *s)
{
	LhClient *client = s->client;
	LhCtx *ctx = client->ctx;
	LhArena *old = lh_use(ctx, s->arena);
	uint64_t *blocks = lh_alloc_array(ctx, s->ntables > 0 ? s->ntables : 1, sizeof(uint64_t));
	LhStatus status = blocks != NULL ? LH_OK : ctx->error->code;

	for (uint32_t i = 0; status == LH_OK && i < s->ntables; i++)
		blocks[i] = s->tables[i].blocks;
	if (status == LH_OK)
		status = lh_units_create(ctx, (uint64_t) client->config.chunk_blocks, s->ntables, blocks,
								 s->nworkers, (size_t) client->config.chunk_memory, &s->units);
	lh_use(ctx, old);
	return status;
}

/* A connection for replication has timeouts, too, and is idle in a transaction once it has exported. */
static LhStatus
patient(LhClient *client)
{
	PGresult *r;

	LH_TRY(lh_source_query(
		client, client->stream,
		"SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
		"WHERE name IN ('idle_in_transaction_session_timeout', "
		"'transaction_timeout', 'idle_session_timeout')",
		QUESTION_MS, &r));
	PQclear(r);
	return LH_OK;
}

static LhStatus
make(LhSnapshot *s, LhSlot *slot)
{
	LhClient *client = s->client;
	bool there;

	LH_TRY(lh_snapshot_known(client, &there));
	if (!there)
	{
		lh_fail(client->ctx, LH_UNSUPPORTED,
				"database \"%s\" has no lakehouse.cdc_snapshot_state()", PQdb(client->side));
		lh_hint(client->ctx, "CREATE EXTENSION lakehouse, or update it; \"stream\" needs neither.");
		return lh_client_failed(client, LH_EXIT_PLUGIN, false, LH_UNSUPPORTED);
	}
	LH_TRY(lh_snapshot_connect_holder(s));
	/* whoever finds the slot after a crash finds this, too */
	LH_TRY(lh_snapshot_list(s, s->workers[0].conn));
	LH_TRY(number_units(s));
	LH_TRY(lh_snapshot_plan(s, 0));
	LH_TRY(patient(client));
	LH_TRY(lh_slot_create(client, slot, true));
	s->point = slot->confirmed;
	LH_TRY(lh_snapshot_hold(s, slot->snapshot));
	LH_TRY(number_units(s));
	return lh_snapshot_plan(s, s->point);
}

/* The slot that is of no use any more; the error at hand stays. */
static void
unmake(LhClient *client, LhSlot *slot)
{
	LhError was = *client->ctx->error;
	LhClientExit exit = client->exit;
	bool transient = client->transient, busy = client->busy, finishing = client->finishing;

	/* also when it was a signal that ended the making */
	client->finishing = true;
	lh_source_close(&client->stream);
	if (slot->created && lh_source_side(client) == LH_OK && lh_slot_drop(client) == LH_OK)
	{
		slot->created = slot->exists = false;
		lh_log(&client->log, LH_LOG_INFO, "dropped",
			   "slot \"%s\" was dropped again, as its snapshot could not be made",
			   client->config.slot);
	}
	if (!slot->created)
		(void) lh_snapshot_forget(client);
	else
		lh_log(&client->log, LH_LOG_WARNING, "left", "slot \"%s\" could not be dropped again: %s",
			   client->config.slot, client->ctx->error->message);
	client->finishing = finishing;
	*client->ctx->error = was;
	client->exit = exit;
	client->transient = transient;
	client->busy = busy;
}

LhStatus
lh_snapshot_make(LhClient *client, LhSlot *slot)
{
	LhSnapshot *s = NULL;
	LhStatus status;
	uint64_t units, blocks;

	lh_snapshot_close(client);
	LH_TRY(create(client, &s));
	client->snapshot = s;
	status = make(s, slot);
	if (status != LH_OK)
	{
		bool ours = !client->busy;

		if (ours)
			unmake(client, slot);
		lh_snapshot_close(client);
		return status;
	}
	/* its snapshot is imported; it would be idle for long */
	lh_source_close(&client->stream);
	s->started = s->last_ping = s->last_note = lh_client_now_ms();
	units = lh_units_total(s->units);
	blocks = lh_units_blocks_before(s->units, units + 1);
	client->snapshot_stats = (LhSnapshotStats){.units = units};
	lh_log(&client->log, LH_LOG_INFO, "snapshot",
		   "snapshot at " LH_LSN_FORMAT ": %u tables, %llu blocks in %llu units",
		   LH_LSN_ARGS(s->point), s->ntables, (unsigned long long) blocks,
		   (unsigned long long) units);
	return LH_OK;
}

/* ---- go on, and end ---- */

bool
lh_snapshot_alive(const LhClient *client)
{
	return client->snapshot != NULL && !client->snapshot->lost && !client->snapshot->done;
}

void
lh_snapshot_remind(const LhClient *client, LhDeliverySink *sinks)
{
	const LhSnapshot *s = client->snapshot;

	for (int i = 0; i < client->config.nsinks && s != NULL; i++)
	{
		if (!lh_client_forgets(&sinks[i]) || s->kept[i].commit_end == 0)
			continue;
		lh_delivery_recovered(&sinks[i], &s->kept[i], true);
		sinks[i].sink->durable = s->kept[i];
		sinks[i].known = false;
	}
}

LhStatus
lh_snapshot_deliver(LhClient *client, const LhSnapshotHost *host)
{
	LhSnapshot *s = client->snapshot;
	double seconds;

	LH_TRY(lh_snapshot_read(s, host));
	s->done = true;
	seconds = (double) (lh_client_now_ms() - s->started) / 1000;
	if (client->log.terminal)
		lh_log_progress_end(&client->log);
	lh_log(&client->log, LH_LOG_INFO, "snapshot_done",
		   "snapshot at " LH_LSN_FORMAT " is in all sinks: %u tables, %llu rows, %.1f s",
		   LH_LSN_ARGS(s->point), s->ntables, (unsigned long long) client->snapshot_stats.rows,
		   seconds);
	lh_snapshot_close(client);
	return LH_OK;
}

void
lh_snapshot_close(LhClient *client)
{
	LhSnapshot *s = client->snapshot;

	if (s == NULL)
		return;
	for (int w = 0; w < s->nworkers; w++)
		lh_source_close(&s->workers[w].conn);
	client->snapshot = NULL;
	lh_arena_destroy(s->arena);
}

LhStatus
lh_snapshot_metrics(LhCtx *ctx, LhBuf *out, const LhClient *client)
{
	const LhSnapshotStats *stats = &client->snapshot_stats;
	const struct
	{
		const char *name, *kind, *help;
		uint64_t value;
	} all[] = {
		{"snapshot_units", "gauge", "Units of the initial snapshot", stats->units},
		{"snapshot_units_done", "gauge", "Units of it that sinks were given", stats->units_done},
		{"snapshot_rows_total", "counter", "Rows of it that sinks were given", stats->rows}};

	if (client->config.command == LH_CLIENT_STREAM)
		return LH_OK;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		LH_TRY(lh_buf_printf(ctx, out,
							 "# HELP lakehouse_cdc_%s %s\n# TYPE lakehouse_cdc_%s %s\n"
							 "lakehouse_cdc_%s %llu\n",
							 all[i].name, all[i].help, all[i].name, all[i].kind, all[i].name,
							 (unsigned long long) all[i].value));
	return LH_OK;
}
