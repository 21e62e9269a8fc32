/*
 * heartbeat.c
 *		What moves the slot on while nothing comes: a sign of life in the log.
 *
 * A slot can let go of log only where the server noted which transactions ran, and
 * by itself it does so every 15 seconds.  So now and then, by the clock and by how
 * much the log grew (stream.c), it is asked to:
 *
 *	1. by lakehouse.cdc_heartbeat() where the database has the extension;
 *	2. else by pg_log_standby_snapshot(), from PostgreSQL 16 on, if the role may;
 *	3. else there is a message alone, whose commit lets the position move.
 *
 * A standby's log is written by the primary, so there the primary is asked
 * (--primary).
 *
 * Nothing here waits: the connection is a machine of four states, which the loop
 * lets take a step.  A primary that does not answer stops no stream.  The function
 * has to be the extension's: whoever may make a schema "lakehouse" in a database
 * without it is not called with the rights of a role that may replicate.
 */
#include "client/client.h"

#include <poll.h>
#include <stdlib.h>

#define ANSWER_MS        30000
#define FIRST_PAUSE_MS   1000
#define LONGEST_PAUSE_MS 60000
/* Each costs every slot of the cluster a file that is synced. */
#define APART_MS         200
#define STEP_MS          10

typedef enum State
{
	NOT_CONNECTED,
	CONNECTING,
	PROBING,
	READY,
	ASKED
} State;

/* The session's own settings, and how this server can be asked. */
static const char probe[] =
	"SELECT pg_catalog.pg_is_in_recovery(), EXISTS (SELECT FROM pg_catalog.pg_proc p "
	"JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace "
	"JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) p.oid "
	"AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass "
	"AND d.deptype OPERATOR(pg_catalog.=) 'e' "
	"JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid "
	"WHERE n.nspname OPERATOR(pg_catalog.=) 'lakehouse' AND p.proname OPERATOR(pg_catalog.=) 'cdc_heartbeat' "
	"AND p.pronargs OPERATOR(pg_catalog.=) 0 AND e.extname OPERATOR(pg_catalog.=) 'lakehouse' "
	"AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE') "
	"AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')), "
	"EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proname OPERATOR(pg_catalog.=) 'pg_log_standby_snapshot' "
	"AND p.pronamespace OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.regnamespace "
	"AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')), "
	"pg_catalog.set_config('search_path', '', false), "
	/* a synchronous standby that is away makes nobody wait here */
	"pg_catalog.set_config('synchronous_commit', 'local', false)";

/* The snapshot first: our own transaction would be in it. */
#define MESSAGE "pg_catalog.pg_logical_emit_message(true, 'lakehouse.heartbeat', '')"
static const char by_function[] = "SELECT lakehouse.cdc_heartbeat()";
static const char by_snapshot[] =
	"SELECT " MESSAGE " FROM (SELECT pg_catalog.pg_log_standby_snapshot() OFFSET 0) s";
static const char by_message[] = "SELECT " MESSAGE;

void
lh_heartbeat_close(LhClient *client)
{
	lh_source_close(&client->heartbeat.conn);
	client->heartbeat.state = NOT_CONNECTED;
}

/* Told once while it stays the same; tried again after a pause that grows. */
static void
failed(LhClient *client, int64_t now, const char *why)
{
	LhHeartbeat *h = &client->heartbeat;
	int n = (int) strcspn(why, "\n");

	if (n >= (int) sizeof(h->said))
		n = (int) sizeof(h->said) - 1;
	if (strncmp(h->said, why, (size_t) n) != 0 || h->said[n] != '\0')
		lh_log(&client->log, LH_LOG_WARNING, "heartbeat",
			   "no heartbeat: %.*s; without, the slot may hold up the log", n, why);
	snprintf(h->said, sizeof(h->said), "%.*s", n, why);
	h->pause = h->pause == 0                     ? FIRST_PAUSE_MS
			   : h->pause * 2 < LONGEST_PAUSE_MS ? h->pause * 2
												 : LONGEST_PAUSE_MS;
	h->not_before = now + h->pause;
	h->wanted = true;
	lh_heartbeat_close(client);
}

/* ---- steps ---- */

static void
connect_begin(LhClient *client, int64_t now)
{
	LhHeartbeat *h = &client->heartbeat;
	LhError was = *client->ctx->error;
	LhClientExit exit = client->exit;
	bool transient = client->transient;
	int64_t seconds;
	LhStatus status =
		lh_source_begin(client, client->config.primary != NULL, false, &h->conn, &seconds);

	if (status != LH_OK)
		failed(client, now, client->ctx->error->message);
	else if (PQstatus(h->conn) == CONNECTION_BAD)
		failed(client, now, PQerrorMessage(h->conn));
	else
	{
		h->state = CONNECTING;
		h->want = PGRES_POLLING_WRITING;
		h->deadline = now + seconds * 1000;
	}
	*client->ctx->error = was;
	client->exit = exit;
	client->transient = transient;
}

static bool
socket_ready(PGconn *conn, PostgresPollingStatusType want)
{
	struct pollfd fd = {.fd = PQsocket(conn),
						.events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};

	return poll(&fd, 1, 0) > 0;
}

static bool
send(LhClient *client, int64_t now, const char *sql, State next)
{
	LhHeartbeat *h = &client->heartbeat;

	if (!PQsendQuery(h->conn, sql))
	{
		failed(client, now, PQerrorMessage(h->conn));
		return false;
	}
	h->state = next;
	h->deadline = now + ANSWER_MS;
	return true;
}

/* The answer to what was sent: NULL when it is not there yet, or is a failure. */
static PGresult *
answer(LhClient *client, int64_t now)
{
	LhHeartbeat *h = &client->heartbeat;
	PGresult *r;

	if (PQflush(h->conn) < 0 || !PQconsumeInput(h->conn))
	{
		failed(client, now, PQerrorMessage(h->conn));
		return NULL;
	}
	if (PQisBusy(h->conn))
	{
		if (now > h->deadline)
			failed(client, now, "the server does not answer");
		return NULL;
	}
	r = PQgetResult(h->conn);
	for (PGresult *more; r != NULL && (more = PQgetResult(h->conn)) != NULL;)
		PQclear(more);
	if (r != NULL && PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1)
		return r;
	failed(client, now, r != NULL ? PQresultErrorMessage(r) : PQerrorMessage(h->conn));
	PQclear(r);
	return NULL;
}

static void
connecting(LhClient *client, int64_t now)
{
	LhHeartbeat *h = &client->heartbeat;

	if (socket_ready(h->conn, h->want))
		h->want = PQconnectPoll(h->conn);
	if (h->want == PGRES_POLLING_FAILED)
		failed(client, now, PQerrorMessage(h->conn));
	else if (h->want == PGRES_POLLING_OK)
	{
		PQsetnonblocking(h->conn, 1);
		send(client, now, probe, PROBING);
	}
	else if (now > h->deadline)
		failed(client, now, "the server cannot be connected to");
}

static void
probing(LhClient *client, int64_t now)
{
	LhHeartbeat *h = &client->heartbeat;
	PGresult *r = answer(client, now);

	if (r == NULL)
		return;
	h->function = PQgetvalue(r, 0, 1)[0] == 't';
	h->snapshot = PQgetvalue(r, 0, 2)[0] == 't';
	h->state = READY;
	if (PQgetvalue(r, 0, 0)[0] == 't')
		failed(client, now,
			   client->config.primary != NULL
				   ? "--primary leads to a standby"
				   : "the source is a standby, and no --primary says what it follows");
	PQclear(r);
}

static void
asked(LhClient *client, int64_t now)
{
	LhHeartbeat *h = &client->heartbeat;
	PGresult *r = answer(client, now);

	if (r == NULL)
		return;
	lh_client_parse_lsn(PQgetvalue(r, 0, 0), &h->lsn);
	PQclear(r);
	h->sent++;
	h->state = READY;
	h->pause = 0;
	h->not_before = now + APART_MS;
	h->said[0] = '\0';
}

void
lh_heartbeat_want(LhClient *client)
{
	client->heartbeat.wanted = true;
}

void
lh_heartbeat_step(LhClient *client, int64_t now)
{
	LhHeartbeat *h = &client->heartbeat;

	if (h->state == NOT_CONNECTED && h->wanted && now >= h->not_before)
		connect_begin(client, now);
	if (h->state == CONNECTING)
		connecting(client, now);
	if (h->state == PROBING)
		probing(client, now);
	if (h->state == READY && h->wanted && now >= h->not_before)
	{
		h->wanted = !send(client, now,
						  h->function   ? by_function
						  : h->snapshot ? by_snapshot
										: by_message,
						  ASKED);
	}
	if (h->state == ASKED)
		asked(client, now);
}

bool
lh_heartbeat_connect(LhClient *client)
{
	LhHeartbeat *h = &client->heartbeat;
	bool wanted = h->wanted;

	h->wanted = false;
	if (h->state == NOT_CONNECTED)
		connect_begin(client, lh_client_now_ms());
	while (h->state == CONNECTING || h->state == PROBING)
	{
		if (!lh_client_sleep(client, STEP_MS))
			break;
		lh_heartbeat_step(client, lh_client_now_ms());
	}
	h->wanted = wanted;
	return h->state == READY;
}

int
lh_heartbeat_fd(const LhClient *client, short *events)
{
	const LhHeartbeat *h = &client->heartbeat;

	if (h->conn == NULL || h->state == READY || h->state == NOT_CONNECTED)
		return -1;
	*events = h->state == CONNECTING && h->want != PGRES_POLLING_READING ? POLLOUT : POLLIN;
	return PQsocket(h->conn);
}

bool
lh_heartbeat_ready(const LhClient *client)
{
	return client->heartbeat.state == READY;
}

const char *
lh_heartbeat_means(const LhClient *client)
{
	return client->heartbeat.function   ? "lakehouse.cdc_heartbeat()"
		   : client->heartbeat.snapshot ? "pg_log_standby_snapshot()"
										: "a message alone, as the extension is not there";
}
