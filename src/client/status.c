/*
 * status.c
 *		"lakehouse_cdc status" and "lakehouse_cdc drop".
 */
#include "client/snapshot.h"

#include <stdlib.h>

#define QUESTION_MS 30000
#define DROP_MS     10000

/* ---- status ---- */

static const char *const columns[] = {
	"slot",           "database",          "active_pid", "restart_lsn",      "confirmed_flush_lsn",
	"retained_bytes", "unconfirmed_bytes", "wal_status", "catalog_xmin_age", "two_phase",
	"held_by"};
#define NCOLUMNS ((int) (sizeof(columns) / sizeof(columns[0])))

static void
print_field(LhClient *client, LhBuf *out, const char *name, const char *value)
{
	LhCtx *ctx = client->ctx;

	if (!client->log.json)
	{
		(void) lh_buf_printf(ctx, out, "%-20s %s\n", name, value != NULL ? value : "-");
		return;
	}
	(void) lh_buf_printf(
		ctx, out, "%s\"%s\":", out->len > 0 && out->data[out->len - 1] != '{' ? "," : "", name);
	if (value == NULL)
		(void) lh_buf_append_str(ctx, out, "null");
	else if (*value != '\0' && value[strspn(value, "0123456789")] == '\0')
		(void) lh_buf_append_str(ctx, out, value);
	else
		(void) lh_json_string(ctx, out, value, strlen(value));
}

static LhStatus
print_sinks(LhClient *client, LhBuf *out)
{
	LhDeliverySink *sinks;

	LH_NEW_ARRAY(client->ctx, sinks, LH_CLIENT_MAX_SINKS);
	LH_TRY(lh_client_open_sinks(client, sinks));
	for (int i = 0; i < client->config.nsinks; i++)
	{
		const LhDeliverySink *s = &sinks[i];
		char name[32], value[LH_ERROR_TEXT];

		snprintf(name, sizeof(name), "sink_%d", i + 1);
		if (s->known)
			snprintf(value, sizeof(value), "%s holds " LH_LSN_FORMAT ", %llu", s->name,
					 LH_LSN_ARGS(s->put.commit_end), (unsigned long long) s->put.ordinal);
		else
			snprintf(value, sizeof(value), "%s %s", s->name,
					 lh_client_forgets(s) ? "keeps no position" : "is empty");
		print_field(client, out, name, value);
	}
	lh_client_close_sinks(client, sinks);
	return LH_OK;
}

/* On a standby nobody but the primary can move a slot on. */
static void
print_standby(LhClient *client, LhBuf *out)
{
	char text[LH_ERROR_TEXT];

	if (client->config.primary == NULL)
		snprintf(text, sizeof(text), "%s",
				 "the slot may stall: it moves when the primary logs which transactions run; "
				 "stream with --primary asks it to");
	else if (lh_heartbeat_ready(client))
		snprintf(text, sizeof(text), "the primary answers, heartbeats by %s",
				 lh_heartbeat_means(client));
	else
		snprintf(text, sizeof(text), "the slot may stall: no heartbeat by the primary: %s",
				 client->heartbeat.said);
	print_field(client, out, "standby", text);
}

static LhStatus
print_slot(LhClient *client, const PGresult *r, int row, const char *blockers)
{
	LhBuf out;

	LH_TRY(lh_buf_init(client->ctx, &out, false));
	if (client->log.json)
		LH_TRY(lh_buf_putc(client->ctx, &out, '{'));
	for (int i = 0; i < NCOLUMNS; i++)
		print_field(client, &out, columns[i],
					PQgetisnull(r, row, i) ? NULL : PQgetvalue(r, row, i));
	if (PQgetvalue(r, row, NCOLUMNS)[0] == 't')
		print_standby(client, &out);
	print_field(client, &out, "old_transactions", *blockers != '\0' ? blockers : NULL);
	if (client->config.nsinks > 0)
		LH_TRY(print_sinks(client, &out));
	LH_TRY(lh_snapshot_print(client, &out, PQgetvalue(r, row, 0), PQgetvalue(r, row, 1)));
	if (client->log.json)
		LH_TRY(lh_buf_append(client->ctx, &out, "}\n", 2));
	else if (row + 1 < PQntuples(r))
		LH_TRY(lh_buf_putc(client->ctx, &out, '\n'));
	fwrite(out.data, 1, out.len, stdout);
	return LH_OK;
}

LhStatus
lh_client_status(LhClient *client)
{
	const char *slot = client->config.slot;
	const char *blockers, *sql;
	PGresult *r;
	LhStatus status = LH_OK;

	sql = lh_sprintf(
		client->ctx,
		"SELECT s.slot_name, s.database, s.active_pid, s.restart_lsn, s.confirmed_flush_lsn, "
		"pg_catalog.pg_wal_lsn_diff(e.lsn, s.restart_lsn), "
		"pg_catalog.pg_wal_lsn_diff(e.lsn, s.confirmed_flush_lsn), s.wal_status, "
		"pg_catalog.age(s.catalog_xmin), CASE WHEN s.two_phase THEN 'on' ELSE 'off' END, "
		/* no position behind a PREPARE is confirmed before it is decided */
		"CASE WHEN s.two_phase THEN (SELECT pg_catalog.string_agg(pg_catalog.format("
		"'prepared transaction %%L, %%s s old', p.gid, extract(epoch FROM "
		"pg_catalog.clock_timestamp() - p.prepared)::pg_catalog.int8), ', ' ORDER BY p.prepared) "
		"FROM (SELECT x.gid, x.prepared FROM pg_catalog.pg_prepared_xacts x "
		"WHERE x.database = s.database ORDER BY x.prepared LIMIT 5) p) END, "
		"pg_catalog.pg_is_in_recovery() "
		"FROM pg_catalog.pg_replication_slots s, (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() "
		"THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) e "
		"WHERE s.plugin = 'lakehouse'%s%s%s ORDER BY s.slot_name",
		slot != NULL ? " AND s.slot_name = '" : "", slot != NULL ? slot : "",
		slot != NULL ? "'" : "");
	if (sql == NULL)
		return client->ctx->error->code;
	LH_TRY(lh_source_side(client));
	LH_TRY(lh_source_query(client, client->side, sql, QUESTION_MS, &r));
	/* a standby has no transactions that write, the primary's are those that count */
	if (client->config.primary != NULL && lh_heartbeat_connect(client))
		status = lh_slot_blockers(client, client->heartbeat.conn, &blockers);
	else
		status = lh_slot_blockers(client, client->side, &blockers);
	if (status == LH_OK && PQntuples(r) == 0)
	{
		LhSlot other;

		/* one of another plugin has its own message */
		status = slot != NULL ? lh_slot_look(client, &other) : LH_OK;
		if (status == LH_OK)
			status = lh_client_failed(client, LH_EXIT_SLOT, false,
									  lh_fail(client->ctx, LH_NOT_FOUND, "there is no slot %s%s%s",
											  slot != NULL ? "\"" : "of the plugin ",
											  slot != NULL ? slot : "\"lakehouse\"",
											  slot != NULL ? "\"" : ""));
	}
	for (int i = 0; i < PQntuples(r) && status == LH_OK; i++)
		status = print_slot(client, r, i, blockers);
	PQclear(r);
	lh_heartbeat_close(client);
	return status;
}

/* ---- drop ---- */

static LhStatus
disconnect(LhClient *client, int pid)
{
	PGresult *r;
	const char *sql = lh_sprintf(client->ctx, "SELECT pg_catalog.pg_terminate_backend(%d)", pid);

	if (sql == NULL)
		return client->ctx->error->code;
	LH_TRY(lh_source_query(client, client->side, sql, QUESTION_MS, &r));
	PQclear(r);
	return LH_OK;
}

LhStatus
lh_client_drop(LhClient *client)
{
	int64_t until = lh_client_now_ms() + DROP_MS;
	LhSlot slot;
	LhStatus status;

	LH_TRY(lh_source_side(client));
	for (;;)
	{
		LH_TRY(lh_slot_look(client, &slot));
		if (!slot.exists)
			LH_CLIENT_FAIL(client, LH_EXIT_SLOT, "slot \"%s\" is not there", client->config.slot);
		if (slot.active_pid != 0 && !client->config.yes)
			LH_CLIENT_FAIL(
				client, LH_EXIT_SLOT,
				"slot \"%s\" is in use by pid %d; --yes disconnects it and drops the slot",
				client->config.slot, slot.active_pid);
		if (slot.active_pid != 0)
			LH_TRY(disconnect(client, slot.active_pid));
		client->busy = false;
		status = lh_slot_drop(client);
		/* who was disconnected may take a moment, or come back */
		if (status == LH_OK || !client->busy || !client->config.yes || lh_client_now_ms() > until)
			break;
		if (!lh_client_sleep(client, 100))
			return lh_client_failed(client, LH_EXIT_SIGNAL, false, status);
	}
	if (status != LH_OK)
		return status;
	if (lh_snapshot_forget(client) != LH_OK)
		lh_log(&client->log, LH_LOG_WARNING, "forget", "what is known of snapshots stays: %s",
			   client->ctx->error->message);
	lh_log(&client->log, LH_LOG_INFO, "dropped", "slot \"%s\" was dropped", client->config.slot);
	return LH_OK;
}
