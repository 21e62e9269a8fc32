/*
 * slot.c
 *		The replication slot: look at it, make it, begin to stream from it, and
 *		whether the sinks hold all that it has forgotten.
 *
 * A slot's position only goes forward, and the server takes a start below it for
 * a start at it, without a word.  So that is checked here, before anything is read.
 */
#include "client/client.h"

#include <stdlib.h>

#define PLUGIN            "lakehouse"
#define QUESTION_MS       30000
#define BLOCKERS_EVERY    3000
#define ASK_PRIMARY_EVERY 250

/* 'text' with quotes, for replication commands and SQL under standard_conforming_strings. */
static LhStatus
put_literal(LhCtx *ctx, LhBuf *out, const char *text)
{
	LH_TRY(lh_buf_putc(ctx, out, '\''));
	for (; *text != '\0'; text++)
	{
		if (*text == '\'')
			LH_TRY(lh_buf_putc(ctx, out, '\''));
		LH_TRY(lh_buf_putc(ctx, out, *text));
	}
	return lh_buf_putc(ctx, out, '\'');
}

/* ---- look ---- */

static void
copy_text(char *to, size_t max, const PGresult *r, int column)
{
	snprintf(to, max, "%s", PQgetvalue(r, 0, column));
}

/*
 * A stream without the option would pass places where transactions were prepared, and one
 * with it be told of their ends alone.  The server refuses both; it does not know our flags.
 */
static LhStatus
check_two_phase(LhClient *client, const LhSlot *slot)
{
	const int command = client->config.command;

	if (command == LH_CLIENT_STATUS || command == LH_CLIENT_DROP ||
		slot->two_phase == client->config.two_phase)
		return LH_OK;
	lh_fail(client->ctx, LH_MISMATCH,
			slot->two_phase
				? "slot \"%s\" was made for prepared transactions, so it needs --two-phase"
				: "slot \"%s\" was not made for prepared transactions, as --two-phase needs",
			client->config.slot);
	lh_hint(client->ctx,
			"A slot keeps what it was made with: choose another name, with --create%s.",
			slot->two_phase ? ", or give the flag" : ", or leave the flag out");
	return lh_client_failed(client, LH_EXIT_SLOT, false, LH_MISMATCH);
}

LhStatus
lh_slot_look(LhClient *client, LhSlot *slot)
{
	const char *sql = lh_sprintf(
		client->ctx,
		"SELECT s.slot_type, s.plugin, s.database, coalesce(s.active_pid, 0), "
		"s.restart_lsn, s.confirmed_flush_lsn, s.wal_status, e.lsn, "
		"pg_catalog.pg_is_in_recovery(), s.two_phase FROM (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() "
		"THEN pg_catalog.pg_last_wal_replay_lsn() "
		"ELSE pg_catalog.pg_current_wal_insert_lsn() END AS lsn) e "
		"LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = '%s'",
		client->config.slot);
	PGresult *r;

	if (sql == NULL)
		return client->ctx->error->code;
	memset(slot, 0, sizeof(*slot));
	LH_TRY(lh_source_query(client, client->side, sql, QUESTION_MS, &r));
	slot->exists = PQntuples(r) > 0 && !PQgetisnull(r, 0, 0);
	slot->logical = slot->exists && strcmp(PQgetvalue(r, 0, 0), "logical") == 0;
	copy_text(slot->plugin, sizeof(slot->plugin), r, 1);
	copy_text(slot->database, sizeof(slot->database), r, 2);
	slot->active_pid = atoi(PQgetvalue(r, 0, 3));
	lh_client_parse_lsn(PQgetvalue(r, 0, 4), &slot->restart_lsn);
	lh_client_parse_lsn(PQgetvalue(r, 0, 5), &slot->confirmed);
	copy_text(slot->wal_status, sizeof(slot->wal_status), r, 6);
	lh_client_parse_lsn(PQgetvalue(r, 0, 7), &slot->server_end);
	slot->standby = PQgetvalue(r, 0, 8)[0] == 't';
	slot->two_phase = PQgetvalue(r, 0, 9)[0] == 't';
	PQclear(r);
	if (!slot->exists)
		return LH_OK;
	if (!slot->logical || strcmp(slot->plugin, PLUGIN) != 0)
	{
		lh_fail(client->ctx, LH_MISMATCH,
				"slot \"%s\" was made for %s%s%s, not for the output plugin \"" PLUGIN "\"",
				client->config.slot,
				slot->logical ? "the output plugin \"" : "physical replication",
				slot->logical ? slot->plugin : "", slot->logical ? "\"" : "");
		lh_hint(client->ctx,
				"A slot's plugin cannot be changed: choose another name, with --create.");
		return lh_client_failed(client, LH_EXIT_SLOT, false, LH_MISMATCH);
	}
	if (strcmp(slot->database, PQdb(client->side)) != 0)
		LH_CLIENT_FAIL(client, LH_EXIT_SLOT, "slot \"%s\" is one of database \"%s\", not of \"%s\"",
					   client->config.slot, slot->database, PQdb(client->side));
	LH_TRY(check_two_phase(client, slot));
	slot->lost = strcmp(slot->wal_status, "lost") == 0;
	if (slot->lost && !client->config.renew)
	{
		lh_fail(client->ctx, LH_IO,
				"slot \"%s\" is lost: the server has removed the log that it needed",
				client->config.slot);
		lh_hint(
			client->ctx,
			"\"run --on-lost snapshot\" makes it anew and reads the tables again; max_slot_wal_keep_size says how much log is kept.");
		return lh_client_failed(client, LH_EXIT_SLOT, false, LH_IO);
	}
	return LH_OK;
}

LhStatus
lh_slot_blockers(LhClient *client, PGconn *conn, const char **text)
{
	PGresult *r;
	LhBuf out;

	*text = "";
	LH_TRY(lh_buf_init(client->ctx, &out, false));
	LH_TRY(lh_source_query(
		client, conn,
		"(SELECT pg_catalog.format('pid %s (%s, %s, %s s)', a.pid, a.usename, a.state, "
		"extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.int8) "
		"FROM pg_catalog.pg_stat_activity a WHERE a.backend_xid IS NOT NULL "
		"AND a.pid <> pg_catalog.pg_backend_pid() ORDER BY a.xact_start LIMIT 5) "
		"UNION ALL (SELECT pg_catalog.format('prepared transaction %L', p.gid) "
		"FROM pg_catalog.pg_prepared_xacts p ORDER BY p.prepared LIMIT 5)",
		QUESTION_MS, &r));
	for (int i = 0; i < PQntuples(r); i++)
	{
		LhStatus status =
			lh_buf_printf(client->ctx, &out, "%s%s", i > 0 ? ", " : "", PQgetvalue(r, i, 0));

		if (status != LH_OK)
		{
			PQclear(r);
			return status;
		}
	}
	PQclear(r);
	if (out.len > 0)
		*text = (const char *) out.data;
	return LH_OK;
}

/* ---- refusals ---- */

/*
 * Does the server's list of permitted output plugins leave ours out?  Then the error at
 * hand is replaced by one that says what to do; its text may be in any language.
 */
static LhStatus
explain_refusal(LhClient *client, LhStatus status)
{
	LhError was = *client->ctx->error;
	LhClientExit exit = client->exit;
	bool transient = client->transient;
	PGresult *r;
	const char *list, *found;
	size_t n = strlen(PLUGIN);
	bool refused;

	if (transient ||
		lh_source_query(client, client->side,
						"SELECT pg_catalog.current_setting('output_plugin_libraries', true)",
						QUESTION_MS, &r) != LH_OK)
	{
		*client->ctx->error = was;
		return lh_client_failed(client, exit, transient, status);
	}
	list = PQgetvalue(r, 0, 0);
	found = strstr(list, PLUGIN);
	refused = !PQgetisnull(r, 0, 0) &&
			  (found == NULL || (found[n] != '\0' && strchr(", \"", found[n]) == NULL));
	if (refused)
	{
		lh_error_clear(client->ctx);
		lh_fail(client->ctx, LH_DENIED,
				"the server does not permit the output plugin \"" PLUGIN "\": %s", was.message);
		lh_detail(client->ctx, "output_plugin_libraries is \"%s\".", list);
		lh_hint(client->ctx,
				"A superuser adds it: ALTER SYSTEM SET output_plugin_libraries = %s%s" PLUGIN
				"; SELECT pg_reload_conf();",
				list, *list != '\0' ? ", " : "");
		PQclear(r);
		return lh_client_failed(client, LH_EXIT_PLUGIN, false, LH_DENIED);
	}
	PQclear(r);
	*client->ctx->error = was;
	if (strstr(was.message, "\"" PLUGIN "\"") != NULL && strstr(was.message, "file") != NULL)
	{
		lh_hint(client->ctx, "The extension's files have to be installed on the server.");
		exit = LH_EXIT_PLUGIN;
	}
	return lh_client_failed(client, exit, false, status);
}

/* The result of a replication command, as the caller expects it. */
static LhStatus
check_result(LhClient *client, PGresult *r, ExecStatusType wanted)
{
	const char *what;

	if (PQresultStatus(r) == wanted)
		return LH_OK;
	what = lh_sprintf(client->ctx, "slot \"%s\"", client->config.slot);
	return explain_refusal(
		client, lh_source_error(client, client->stream, r, what != NULL ? what : "slot"));
}

/* ---- make ---- */

/* A standby learns which transactions run from the primary alone. */
static LhStatus
tell_standby_wait(LhClient *client, const char **shown)
{
	const char *blockers = "";
	const char *text;

	/* what was asked has been answered by now, and nothing else is asked before the question */
	client->heartbeat.wanted = false;
	lh_heartbeat_step(client, lh_client_now_ms());
	if (lh_heartbeat_ready(client))
		LH_TRY(lh_slot_blockers(client, client->heartbeat.conn, &blockers));
	text = lh_sprintf(
		client->ctx, "%s%s%s",
		client->config.primary == NULL
			? "the primary has logged which transactions run, which it does when it is written to; "
			  "--primary lets this client ask it to"
			: "the primary, which is asked to, has logged which transactions run",
		*blockers != '\0' ? "; running there: " : "", blockers);
	if (text == NULL)
		return client->ctx->error->code;
	if (strcmp(text, *shown) != 0)
		lh_log(&client->log, LH_LOG_INFO, "create_wait",
			   "slot \"%s\", on a standby, is there once %s", client->config.slot, text);
	*shown = text;
	return LH_OK;
}

static LhStatus
tell_wait(LhClient *client, const char **shown)
{
	const char *blockers;

	LH_TRY(lh_slot_blockers(client, client->side, &blockers));
	if (strcmp(blockers, *shown) != 0)
		lh_log(&client->log, LH_LOG_INFO, "create_wait",
			   "slot \"%s\" is there once transactions that run now have ended: %s",
			   client->config.slot,
			   *blockers != '\0' ? blockers : "(none is visible to this role)");
	*shown = blockers;
	return LH_OK;
}

/* The primary is asked again and again, as one answer may not be enough: what ran then has to end. */
static LhStatus
wait_created(LhClient *client, bool standby)
{
	bool asks = standby && client->config.primary != NULL;
	int64_t tell_at = lh_client_now_ms() + BLOCKERS_EVERY;
	const char *shown = "";
	bool ready = false;

	for (;;)
	{
		int64_t now = lh_client_now_ms();

		if (asks)
		{
			lh_heartbeat_want(client);
			lh_heartbeat_step(client, now);
		}
		LH_TRY(lh_source_wait(client, client->stream, asks ? ASK_PRIMARY_EVERY : BLOCKERS_EVERY,
							  &ready));
		if (ready)
			return LH_OK;
		if (lh_client_now_ms() < tell_at)
			continue;
		LH_TRY(standby ? tell_standby_wait(client, &shown) : tell_wait(client, &shown));
		tell_at = lh_client_now_ms() + BLOCKERS_EVERY;
	}
}

LhStatus
lh_slot_create(LhClient *client, LhSlot *slot, bool export)
{
	const char *sql = lh_sprintf(
		client->ctx, "CREATE_REPLICATION_SLOT \"%s\" LOGICAL \"" PLUGIN "\" (SNAPSHOT '%s'%s%s)",
		client->config.slot, export ? "export" : "nothing",
		client->config.two_phase ? ", TWO_PHASE" : "", client->config.failover ? ", FAILOVER" : "");
	PGresult *r;
	LhStatus status;

	if (sql == NULL)
		return client->ctx->error->code;
	if (client->config.failover && PQserverVersion(client->stream) < 170000)
		LH_CLIENT_FAIL(client, LH_EXIT_USAGE, "--failover needs PostgreSQL 17, the server is %s",
					   PQparameterStatus(client->stream, "server_version"));
	if (!PQsendQuery(client->stream, sql))
		return lh_source_error(client, client->stream, NULL, "connection lost");
	status = wait_created(client, slot->standby);
	client->heartbeat.wanted = false;
	if (status != LH_OK)
	{
		/* else the server goes on waiting, and with it the slot */
		PGcancel *cancel = PQgetCancel(client->stream);
		char why[256];

		if (cancel != NULL)
			PQcancel(cancel, why, sizeof(why));
		PQfreeCancel(cancel);
		return status;
	}
	r = PQgetResult(client->stream);
	status = check_result(client, r, PGRES_TUPLES_OK);
	if (status == LH_OK)
	{
		slot->exists = slot->created = true;
		lh_client_parse_lsn(PQgetvalue(r, 0, 1), &slot->confirmed);
		copy_text(slot->snapshot, sizeof(slot->snapshot), r, 2);
		lh_log(&client->log, LH_LOG_INFO, "created",
			   "slot \"%s\" was made, it begins at " LH_LSN_FORMAT, client->config.slot,
			   LH_LSN_ARGS(slot->confirmed));
	}
	PQclear(r);
	while (status == LH_OK && (r = PQgetResult(client->stream)) != NULL)
		PQclear(r);
	return status;
}

LhStatus
lh_slot_drop(LhClient *client)
{
	const char *sql = lh_sprintf(client->ctx, "SELECT pg_catalog.pg_drop_replication_slot('%s')",
								 client->config.slot);
	PGresult *r;

	if (sql == NULL)
		return client->ctx->error->code;
	LH_TRY(lh_source_query(client, client->side, sql, QUESTION_MS, &r));
	PQclear(r);
	return LH_OK;
}

/* ---- compare ---- */

static LhStatus
gap(LhClient *client, const LhDeliverySink *s, const LhSlot *slot)
{
	uint64_t at = s->known ? s->put.commit_end : 0;

	if (client->config.allow_gap)
	{
		lh_log(&client->log, LH_LOG_WARNING, "gap",
			   "sink %s goes on at " LH_LSN_FORMAT
			   ", what lies between is lost for it: --allow-gap",
			   s->name, LH_LSN_ARGS(slot->confirmed));
		return LH_OK;
	}
	if (s->known)
	{
		lh_fail(client->ctx, LH_CHANGED,
				"gap of %llu bytes of log: sink %s holds all up to " LH_LSN_FORMAT
				", but slot \"%s\" begins at " LH_LSN_FORMAT,
				(unsigned long long) (slot->confirmed - at), s->name, LH_LSN_ARGS(at),
				client->config.slot, LH_LSN_ARGS(slot->confirmed));
		lh_hint(client->ctx,
				"Load the sink anew, or go on without what lies between: --allow-gap.");
	}
	else
	{
		lh_fail(client->ctx, LH_CHANGED,
				"sink %s is empty, but slot \"%s\" may have been read up to " LH_LSN_FORMAT
				" before",
				s->name, client->config.slot, LH_LSN_ARGS(slot->confirmed));
		lh_hint(client->ctx,
				"Begin with a new slot (--create), or with what the slot still has: --allow-gap.");
	}
	return lh_client_failed(client, LH_EXIT_SLOT, false, LH_CHANGED);
}

LhStatus
lh_slot_compare(LhClient *client, const LhSlot *slot, uint64_t fresh, int nsinks,
				LhDeliverySink *sinks)
{
	for (int i = 0; i < nsinks; i++)
	{
		const LhDeliverySink *s = &sinks[i];

		if (s->known && s->put.commit_end > slot->server_end)
		{
			lh_fail(client->ctx, LH_CHANGED,
					"sink %s holds changes up to " LH_LSN_FORMAT
					", but the server's log ends at " LH_LSN_FORMAT,
					s->name, LH_LSN_ARGS(s->put.commit_end), LH_LSN_ARGS(slot->server_end));
			lh_hint(client->ctx, "Is this another server, or one that was restored from a backup?");
			return lh_client_failed(client, LH_EXIT_SLOT, false, LH_CHANGED);
		}
		if (s->known ? s->put.commit_end < slot->confirmed && !slot->renewed
					 : !lh_client_forgets(s) && slot->confirmed > fresh)
			LH_TRY(gap(client, s, slot));
	}
	return LH_OK;
}

/* ---- start ---- */

static LhStatus
put_options(LhClient *client, LhBuf *sql)
{
	LhCtx *ctx = client->ctx;

	for (int i = 0; i < client->config.noptions; i++)
	{
		const LhClientPair *o = &client->config.options[i];

		LH_TRY(lh_buf_append_str(ctx, sql, i > 0 ? ", \"" : " (\""));
		for (const char *p = o->name; *p != '\0'; p++)
		{
			if (*p == '"')
				LH_TRY(lh_buf_putc(ctx, sql, '"'));
			LH_TRY(lh_buf_putc(ctx, sql, *p));
		}
		LH_TRY(lh_buf_append_str(ctx, sql, "\" "));
		LH_TRY(put_literal(ctx, sql, o->value));
	}
	if (client->signals)
		LH_TRY(lh_buf_append_str(ctx, sql, ", \"signals\" 'on'"));
	return lh_buf_append(ctx, sql, ")", 2);
}

LhStatus
lh_slot_start(LhClient *client, uint64_t lsn)
{
	PGresult *r;
	LhStatus status;
	LhBuf sql;
	bool ready = false;

	LH_TRY(lh_buf_init(client->ctx, &sql, false));
	LH_TRY(lh_buf_printf(client->ctx, &sql, "START_REPLICATION SLOT \"%s\" LOGICAL " LH_LSN_FORMAT,
						 client->config.slot, LH_LSN_ARGS(lsn)));
	LH_TRY(put_options(client, &sql));
	if (!PQsendQuery(client->stream, (const char *) sql.data))
		return lh_source_error(client, client->stream, NULL, "connection lost");
	lh_buf_free(&sql);
	while (!ready)
		LH_TRY(lh_source_wait(client, client->stream, QUESTION_MS, &ready));
	r = PQgetResult(client->stream);
	status = check_result(client, r, PGRES_COPY_BOTH);
	PQclear(r);
	return status;
}
