/*
 * source.c
 *		Connections to the server, statements over them, and what errors mean.
 *
 * Nothing here blocks in libpq: every wait is a poll that a signal ends.
 */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define CONNECT_SECONDS 30
#define MAX_KEYWORDS    64
#define WAIT_SLICE_MS   500

/* ---- connect ---- */

static LhStatus
add(LhCtx *ctx, const char **names, const char **values, int *n, const char *name,
	const char *value)
{
	if (*n == MAX_KEYWORDS - 1)
		LH_FAIL(ctx, LH_LIMIT, "the source has more than %d settings", MAX_KEYWORDS);
	names[*n] = name;
	values[(*n)++] = value;
	return LH_OK;
}

/* What the user gave, and what we need; texts belong to options. */
static LhStatus
build(LhClient *client, PQconninfoOption *options, bool replication, const char **names,
	  const char **values, int64_t *seconds)
{
	LhCtx *ctx = client->ctx;
	int n = 0;

	for (PQconninfoOption *o = options; o->keyword != NULL; o++)
	{
		if (o->val == NULL || strcmp(o->keyword, "replication") == 0 ||
			strcmp(o->keyword, "client_encoding") == 0)
			continue;
		if (strcmp(o->keyword, "connect_timeout") == 0 && atoi(o->val) > 0)
			*seconds = atoi(o->val);
		LH_TRY(add(ctx, names, values, &n, o->keyword, o->val));
	}
	LH_TRY(add(ctx, names, values, &n, "fallback_application_name", "lakehouse_cdc"));
	LH_TRY(add(ctx, names, values, &n, "client_encoding", "UTF8"));
	if (replication)
		LH_TRY(add(ctx, names, values, &n, "replication", "database"));
	names[n] = values[n] = NULL;
	return LH_OK;
}

/* Ready for events, or not, after a while: callers look at the clock.  A signal to stop is LH_CANCELLED. */
static LhStatus
wait_socket(LhClient *client, PGconn *conn, short events, int64_t timeout_ms, bool *ready)
{
	struct pollfd fds[2] = {{.fd = PQsocket(conn), .events = events},
							{.fd = lh_client_stop_fd(), .events = POLLIN}};
	int n;

	if (client->tick != NULL)
		client->tick(client->tick_arg);
	n = poll(fds, client->finishing ? 1 : 2,
			 timeout_ms < 0 || timeout_ms > WAIT_SLICE_MS ? WAIT_SLICE_MS : (int) timeout_ms);
	if (n < 0 && errno != EINTR)
		return lh_client_failed(
			client, LH_EXIT_CONNECTION, true,
			lh_fail(client->ctx, LH_IO, "could not wait for the server: %s", lh_errno_text(errno)));
	*ready = n > 0 && fds[0].revents != 0;
	return lh_client_failed(client, LH_EXIT_SIGNAL, false, lh_poll(client->ctx));
}

static LhStatus
finish_connect(LhClient *client, PGconn *conn, int64_t seconds)
{
	int64_t until = lh_client_now_ms() + seconds * 1000;
	PostgresPollingStatusType want = PGRES_POLLING_WRITING;

	if (PQstatus(conn) == CONNECTION_BAD)
		return lh_source_error(client, conn, NULL, "no connection");
	while (want != PGRES_POLLING_OK)
	{
		int64_t left = until - lh_client_now_ms();
		bool ready;

		LH_TRY(wait_socket(client, conn, want == PGRES_POLLING_READING ? POLLIN : POLLOUT,
						   left > 0 ? left : 0, &ready));
		if (!ready && left <= 0)
			return lh_client_failed(
				client, LH_EXIT_CONNECTION, client->connected_once,
				lh_fail(client->ctx, LH_IO,
						"no connection: the server did not answer for %lld seconds",
						(long long) seconds));
		if (!ready)
			continue;
		want = PQconnectPoll(conn);
		if (want == PGRES_POLLING_FAILED)
			return lh_source_error(client, conn, NULL, "no connection");
	}
	return LH_OK;
}

static void
ignore_notice(void *arg, const PGresult *result)
{
}

/* The primary has the source's database, if nobody said otherwise. */
static void
add_database(PQconninfoOption *options, const char *name)
{
	for (PQconninfoOption *o = options; o->keyword != NULL; o++)
	{
		if (strcmp(o->keyword, "dbname") == 0 && o->val == NULL)
			o->val = strdup(name); /* freed by PQconninfoFree */
	}
}

LhStatus
lh_source_begin(LhClient *client, bool primary, bool replication, PGconn **out, int64_t *seconds)
{
	const char *names[MAX_KEYWORDS], *values[MAX_KEYWORDS];
	const char *where = primary ? client->config.primary : client->config.source;
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(where, &message);
	LhStatus status;

	*out = NULL;
	*seconds = CONNECT_SECONDS;
	if (options == NULL)
	{
		/* libpq's message repeats a word of the source at most, not a password */
		lh_fail(client->ctx, LH_INVALID, "--%s: %.*s", primary ? "primary" : "source",
				message != NULL ? (int) strcspn(message, "\n") : 0, message != NULL ? message : "");
		PQfreemem(message);
		return lh_client_failed(client, LH_EXIT_USAGE, false, LH_INVALID);
	}
	if (primary && client->stream != NULL)
		add_database(options, PQdb(client->stream));
	status = build(client, options, replication, names, values, seconds);
	*out = status == LH_OK ? PQconnectStartParams(names, values, 1) : NULL;
	PQconninfoFree(options);
	if (status != LH_OK)
		return lh_client_failed(client, LH_EXIT_USAGE, false, status);
	if (*out == NULL)
		LH_CLIENT_FAIL(client, LH_EXIT_CONNECTION, "out of memory");
	PQsetNoticeReceiver(*out, ignore_notice, NULL);
	return LH_OK;
}

LhStatus
lh_source_connect(LhClient *client, bool replication, PGconn **out)
{
	int64_t seconds;
	PGconn *conn;
	LhStatus status;

	*out = NULL;
	LH_TRY(lh_source_begin(client, false, replication, &conn, &seconds));
	status = finish_connect(client, conn, seconds);
	if (status != LH_OK)
	{
		PQfinish(conn);
		return status;
	}
	PQsetnonblocking(conn, 1);
	*out = conn;
	client->connected_once = true;
	return LH_OK;
}

LhStatus
lh_source_side(LhClient *client)
{
	PGresult *result;

	if (client->side != NULL && PQstatus(client->side) == CONNECTION_OK)
		return LH_OK;
	lh_source_close(&client->side);
	LH_TRY(lh_source_connect(client, false, &client->side));
	/* a role's own search_path may not stand between us and pg_catalog */
	LH_TRY(lh_source_query(client, client->side,
						   "SELECT pg_catalog.set_config('search_path', '', false)", 30000,
						   &result));
	PQclear(result);
	return LH_OK;
}

void
lh_source_close(PGconn **conn)
{
	PQfinish(*conn);
	*conn = NULL;
}

/* ---- statements ---- */

LhStatus
lh_source_wait(LhClient *client, PGconn *conn, int64_t timeout_ms, bool *ready)
{
	int64_t until = lh_client_now_ms() + timeout_ms;

	for (;;)
	{
		int unsent = PQflush(conn);
		int64_t left = until - lh_client_now_ms();
		bool readable;

		*ready = unsent >= 0 && !PQisBusy(conn);
		if (*ready || (left <= 0 && timeout_ms >= 0))
			return LH_OK;
		if (unsent < 0)
			return lh_source_error(client, conn, NULL, "connection lost");
		LH_TRY(wait_socket(client, conn, unsent > 0 ? POLLIN | POLLOUT : POLLIN, left, &readable));
		if (readable && !PQconsumeInput(conn))
			return lh_source_error(client, conn, NULL, "connection lost");
	}
}

LhStatus
lh_source_query(LhClient *client, PGconn *conn, const char *sql, int64_t timeout_ms,
				PGresult **result)
{
	bool ready;

	*result = NULL;
	if (!PQsendQuery(conn, sql))
		return lh_source_error(client, conn, NULL, "connection lost");
	LH_TRY(lh_source_wait(client, conn, timeout_ms, &ready));
	if (!ready)
		return lh_client_failed(client, LH_EXIT_CONNECTION, true,
								lh_fail(client->ctx, LH_IO,
										"the server did not answer a question for %lld seconds",
										(long long) (timeout_ms / 1000)));
	*result = PQgetResult(conn);
	/* the statement is over when there is no further result; it is at hand by then */
	for (PGresult *more; (more = PQgetResult(conn)) != NULL;)
		PQclear(more);
	if (PQresultStatus(*result) != PGRES_TUPLES_OK && PQresultStatus(*result) != PGRES_COMMAND_OK)
	{
		LhStatus status = lh_source_error(client, conn, *result, "the server");

		PQclear(*result);
		*result = NULL;
		return status;
	}
	return LH_OK;
}

/* ---- errors ---- */

/* Without newlines at the end. */
static int
line_length(const char *text)
{
	size_t n = strlen(text);

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	return n > INT32_MAX ? INT32_MAX : (int) n;
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* What the server's code asks of us. */
static void
judge(LhClient *client, const char *state)
{
	client->busy = strcmp(state, "55006") == 0;
	client->transient =
		begins(state, "08") || begins(state, "57P0") || begins(state, "53") || client->busy;
	client->exit = LH_EXIT_CONNECTION;
	if (client->busy || strcmp(state, "42704") == 0 || strcmp(state, "55000") == 0)
		client->exit = LH_EXIT_SLOT;
}

LhStatus
lh_source_error(LhClient *client, PGconn *conn, const PGresult *result, const char *what)
{
	LhCtx *ctx = client->ctx;
	const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *message = NULL, *detail, *hint;

	if (state == NULL)
	{
		message = result != NULL ? PQresultErrorMessage(result) : PQerrorMessage(conn);
		lh_fail(ctx, LH_IO, "%s: %.*s", what, line_length(message), message);
		return lh_client_failed(client, LH_EXIT_CONNECTION, client->connected_once, LH_IO);
	}
	message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	lh_fail(ctx, LH_IO, "%s: %s", what, message != NULL ? message : state);
	if (detail != NULL)
		lh_detail(ctx, "%s", detail);
	if (hint != NULL)
		lh_hint(ctx, "%s", hint);
	judge(client, state);
	return LH_IO;
}
