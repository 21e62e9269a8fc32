/*
 * snapshot_holder.c
 *		The transaction that an initial snapshot lives in.
 *
 * It sees the database as of the slot's point and keeps the tables from being
 * altered.  Between the point and the locks a table may have been rewritten: then
 * none of its rows would be visible at the point, and none would come in the stream.
 * lakehouse.cdc_snapshot_tables compares files once it has a table's lock, and fails;
 * then we begin anew with another slot.
 */
#include "client/snapshot.h"

#include <stdlib.h>

#define QUESTION_MS 30000
/* Sizes of many tables are asked of the file system. */
#define LIST_MS     600000
#define LOCK_EVERY  3000 /* how often it is told who blocks */
/* Tables that one statement locks. */
#define LOCK_BATCH  500

/* Somebody was faster than we with a table: the next attempt sees what became of it. */
static const char *const altered[] = {
	"55000",         /* rewritten since the point */
	"42P01", "3F000" /* renamed or dropped since it was listed */
};

/* ---- settings ---- */

LhStatus
lh_snapshot_settings(LhClient *client, PGconn *conn, const char *lock_timeout)
{
	/* what this server does not have is left out */
	const char *sql = lh_sprintf(
		client->ctx,
		"SELECT pg_catalog.set_config(s.name, v.value, false) FROM (VALUES "
		"('search_path', ''), ('row_security', 'off'), ('lock_timeout', '%s'), "
		"('statement_timeout', '0'), ('transaction_timeout', '0'), ('idle_session_timeout', '0'), "
		"('idle_in_transaction_session_timeout', '0'), ('default_transaction_read_only', 'off'), "
		/* a unit that is read twice has its rows in the same order */
		"('synchronize_seqscans', 'off'), ('enable_seqscan', 'off'), ('enable_tidscan', 'on'), "
		"('max_parallel_workers_per_gather', '0'), ('jit', 'off')) v (name, value) "
		"JOIN pg_catalog.pg_settings s ON s.name = v.name",
		lock_timeout);
	PGresult *r;

	if (sql == NULL)
		return client->ctx->error->code;
	LH_TRY(lh_source_query(client, conn, sql, QUESTION_MS, &r));
	PQclear(r);
	return LH_OK;
}

LhStatus
lh_snapshot_connect_holder(LhSnapshot *s)
{
	LhClient *client = s->client;
	PGconn **conn = &s->workers[0].conn;
	const char *sql = lh_sprintf(
		client->ctx, "SELECT pg_catalog.pg_try_advisory_lock(%d, pg_catalog.hashtext('%s'))",
		LH_SNAPSHOT_LOCK, client->config.slot);
	PGresult *r;
	bool alone;

	if (sql == NULL)
		return client->ctx->error->code;
	LH_TRY(lh_source_connect(client, false, conn));
	LH_TRY(lh_snapshot_settings(client, *conn, "0"));
	LH_TRY(lh_source_query(client, *conn, sql, QUESTION_MS, &r));
	alone = strcmp(PQgetvalue(r, 0, 0), "t") == 0;
	PQclear(r);
	if (alone)
		return LH_OK;
	client->busy = true;
	return lh_client_failed(client, LH_EXIT_SLOT, true,
							lh_fail(client->ctx, LH_IO,
									"another client makes slot \"%s\" and its snapshot",
									client->config.slot));
}

/* ---- waiting for locks ---- */

/* Who holds up the holder. */
static void
tell_blockers(LhSnapshot *s, char *shown, size_t max)
{
	LhClient *client = s->client;
	const char *sql = lh_sprintf(
		client->ctx,
		"SELECT pg_catalog.string_agg(pg_catalog.format('pid %%s (%%s, %%s, %%s s)', a.pid, a.usename, "
		"a.state, extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.int8), "
		"', ') FROM pg_catalog.pg_stat_activity a "
		"WHERE a.pid = ANY (pg_catalog.pg_blocking_pids(%d))",
		PQbackendPID(s->workers[0].conn));
	PGresult *r;
	const char *who;

	if (sql == NULL || lh_source_side(client) != LH_OK ||
		lh_source_query(client, client->side, sql, QUESTION_MS, &r) != LH_OK)
	{
		lh_error_clear(client->ctx);
		return;
	}
	who = PQgetvalue(r, 0, 0);
	/* their pids alone: the seconds differ each time */
	if (*who != '\0' && strncmp(who, shown, strcspn(who, ",")) != 0)
		lh_log(&client->log, LH_LOG_INFO, "lock_wait",
			   "the snapshot waits for tables that others have locked: %s", who);
	snprintf(shown, max, "%s", who);
	PQclear(r);
}

/* Run a statement of the holder that may wait for locks of others. */
static LhStatus
wait_locked(LhSnapshot *s, const char *sql, PGresult **result)
{
	LhClient *client = s->client;
	PGconn *conn = s->workers[0].conn;
	char shown[256] = "";
	PGresult *r;
	LhStatus status = LH_OK;

	if (!PQsendQuery(conn, sql))
		return lh_source_error(client, conn, NULL, "connection lost");
	for (bool ready = false; !ready;)
	{
		LH_TRY(lh_source_wait(client, conn, LOCK_EVERY, &ready));
		if (!ready)
			tell_blockers(s, shown, sizeof(shown));
	}
	*result = PQgetResult(conn);
	if (PQresultStatus(*result) != PGRES_COMMAND_OK && PQresultStatus(*result) != PGRES_TUPLES_OK)
	{
		const char *state = PQresultErrorField(*result, PG_DIAG_SQLSTATE);

		status = lh_source_error(client, conn, *result, "tables of the snapshot");
		for (size_t i = 0; state != NULL && i < sizeof(altered) / sizeof(altered[0]); i++)
			client->transient = client->transient || strcmp(state, altered[i]) == 0;
		PQclear(*result);
		*result = NULL;
	}
	while (status == LH_OK && (r = PQgetResult(conn)) != NULL)
		PQclear(r);
	return status;
}

/* ---- tables ---- */

static LhStatus
take_table(LhSnapshot *s, const PGresult *r, int row, LhSnapshotTable *t)
{
	LhCtx *ctx = s->client->ctx;
	LhBuf quoted;

	t->relid = (uint32_t) strtoul(PQgetvalue(r, row, 0), NULL, 10);
	t->schema = lh_strdup(ctx, PQgetvalue(r, row, 1));
	t->name = lh_strdup(ctx, PQgetvalue(r, row, 2));
	t->blocks = strtoull(PQgetvalue(r, row, 3), NULL, 10);
	t->fallback = strcmp(PQgetvalue(r, row, 4), "key") == 0 ? "key" : "barrier";
	if (t->schema == NULL || t->name == NULL)
		return ctx->error->code;
	LH_TRY(lh_buf_init(ctx, &quoted, false));
	LH_TRY(lh_sql_name(ctx, &quoted, t->schema));
	LH_TRY(lh_buf_putc(ctx, &quoted, '.'));
	LH_TRY(lh_sql_name(ctx, &quoted, t->name));
	t->quoted = lh_strndup(ctx, (const char *) quoted.data, quoted.len);
	lh_buf_free(&quoted);
	return t->quoted != NULL ? LH_OK : ctx->error->code;
}

static LhStatus
take_tables(LhSnapshot *s, const PGresult *r)
{
	LhCtx *ctx = s->client->ctx;

	s->ntables = (uint32_t) PQntuples(r);
	LH_NEW_ARRAY(ctx, s->tables, s->ntables > 0 ? s->ntables : 1);
	for (uint32_t i = 0; i < s->ntables; i++)
		LH_TRY(take_table(s, r, (int) i, &s->tables[i]));
	return LH_OK;
}

LhStatus
lh_snapshot_list(LhSnapshot *s, PGconn *conn)
{
	LhCtx *ctx = s->client->ctx;
	LhArena *old;
	PGresult *r;
	LhStatus status;
	LhBuf sql;

	LH_TRY(lh_buf_init(ctx, &sql, false));
	LH_TRY(lh_buf_append_str(ctx, &sql,
							 "SELECT relation, schema_name, table_name, blocks, method "
							 "FROM lakehouse.cdc_snapshot_tables("));
	LH_TRY(lh_sql_options(ctx, &sql, &s->client->config));
	LH_TRY(lh_buf_append_str(ctx, &sql, ") ORDER BY schema_name, table_name"));
	LH_TRY(lh_buf_putc(ctx, &sql, '\0'));
	status = conn == s->workers[0].conn
				 ? wait_locked(s, (const char *) sql.data, &r)
				 : lh_source_query(s->client, conn, (const char *) sql.data, LIST_MS, &r);
	lh_buf_free(&sql);
	LH_TRY(status);
	old = lh_use(ctx, s->arena);
	status = take_tables(s, r);
	lh_use(ctx, old);
	PQclear(r);
	return status;
}

/* What cdc_snapshot_tables may have locked already, by name: what we are about to read. */
static LhStatus
lock_tables(LhSnapshot *s)
{
	LhCtx *ctx = s->client->ctx;

	for (uint32_t i = 0; i < s->ntables;)
	{
		PGresult *r;
		LhStatus status;
		LhBuf sql;

		LH_TRY(lh_buf_init(ctx, &sql, false));
		LH_TRY(lh_buf_append_str(ctx, &sql, "LOCK TABLE"));
		for (uint32_t n = 0; n < LOCK_BATCH && i < s->ntables; n++, i++)
			LH_TRY(lh_buf_printf(ctx, &sql, "%s ONLY %s", n > 0 ? "," : "", s->tables[i].quoted));
		LH_TRY(lh_buf_append_str(ctx, &sql, " IN ACCESS SHARE MODE"));
		LH_TRY(lh_buf_putc(ctx, &sql, '\0'));
		status = wait_locked(s, (const char *) sql.data, &r);
		lh_buf_free(&sql);
		LH_TRY(status);
		PQclear(r);
	}
	return LH_OK;
}

/* ---- the whole ---- */

static LhStatus
import(LhSnapshot *s, const char *exported)
{
	LhClient *client = s->client;
	const char *sql = lh_sprintf(client->ctx, "SET TRANSACTION SNAPSHOT '%s'", exported);
	PGresult *r;

	if (sql == NULL)
		return client->ctx->error->code;
	LH_TRY(lh_source_query(client, s->workers[0].conn,
						   "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", QUESTION_MS, &r));
	PQclear(r);
	LH_TRY(lh_source_query(client, s->workers[0].conn, sql, QUESTION_MS, &r));
	PQclear(r);
	return LH_OK;
}

LhStatus
lh_snapshot_hold(LhSnapshot *s, const char *exported)
{
	LhClient *client = s->client;
	LhArena *old;
	PGresult *r;

	LH_TRY(import(s, exported));
	LH_TRY(lh_snapshot_list(s, s->workers[0].conn));
	LH_TRY(lock_tables(s));
	LH_TRY(lh_source_query(client, s->workers[0].conn, "SELECT pg_catalog.pg_export_snapshot()",
						   QUESTION_MS, &r));
	old = lh_use(client->ctx, s->arena);
	s->name = lh_strdup(client->ctx, PQgetvalue(r, 0, 0));
	lh_use(client->ctx, old);
	PQclear(r);
	return s->name != NULL ? LH_OK : client->ctx->error->code;
}
