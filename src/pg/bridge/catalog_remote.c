/*
 * catalog_remote.c
 *		A JDBC catalog in another PostgreSQL, through libpq.
 *
 *	1. Host, port and database are options of the server, user and password those
 *	   of the role's user mapping; nothing else decides where the connection goes:
 *	   service files, password files and PG... variables of the server's
 *	   environment are put aside.
 *	2. A role that is no superuser must have a password in its mapping, and the
 *	   other server must have asked for it: so nobody connects as whoever the
 *	   database server happens to be there.
 *	3. Waits end with the statement: latch and socket are waited for together.
 *	4. The session there ends with the look-up.  Its statement is a single SELECT,
 *	   so tables that are looked up at once are seen at once, and it is qualified
 *	   throughout: nothing depends on a search_path.
 */
#include "pg/bridge/catalog.h"

#include <libpq-fe.h>

#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/bridge/remote.h"

/* Rows of a catalog, and bytes in them, that are taken at most. */
#define MAX_ROWS 1000000
#define MAX_BYTES (64 * 1024 * 1024)
#define MAX_KEYWORDS 16

extern char **environ;

typedef struct Connection
{
	const LhCatalog *catalog;
	PGconn	   *conn;			/* NULL: not open */
	PGresult   *result;			/* what was received last */
	bool		counted;		/* its descriptor is */
	TimestampTz deadline;		/* to be connected by */
	MemoryContextCallback close;
} Connection;

/* ---- the environment ---- */

/* Names and values of variables that libpq would heed; they are removed. */
static List *
put_environment_aside(void)
{
	List	   *pairs = NIL;
	ListCell   *lc;

	for (char **e = environ; e != NULL && *e != NULL; e++)
	{
		if (strncmp(*e, "PG", 2) == 0 && strchr(*e, '=') != NULL)
			pairs = lappend(pairs, pstrdup(*e));
	}
	foreach(lc, pairs)
	{
		char	   *pair = lfirst(lc);

		*strchr(pair, '=') = '\0';
		unsetenv(pair);
	}
	return pairs;
}

static void
restore_environment(List *pairs)
{
	ListCell   *lc;

	foreach(lc, pairs)
	{
		char	   *pair = lfirst(lc);

		setenv(pair, pair + strlen(pair) + 1, 1);
	}
}

/* ---- the connection ---- */

static void
close_connection(void *arg)
{
	Connection *c = arg;

	PQclear(c->result);
	if (c->conn != NULL)
		PQfinish(c->conn);
	if (c->counted)
		ReleaseExternalFD();
	c->result = NULL;
	c->conn = NULL;
	c->counted = false;
}

static void
fail_connection(const Connection *c, int code, const char *why)
{
	char	   *text = pstrdup(why);

	while (text[0] != '\0' && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	ereport(ERROR,
			(errcode(code),
			 errmsg("could not connect to the catalog of server \"%s\"", c->catalog->server),
			 errdetail_internal("%s", lh_pg_text(text))));
}

/* Until the socket is ready, or there is something else to be looked at; false: the time is over. */
static bool
wait_for(const Connection *c, int events, bool timed)
{
	long		ms = -1;
	int			rc;

	CHECK_FOR_INTERRUPTS();
	if (timed)
	{
		ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), c->deadline);
		if (ms <= 0)
			return false;
	}
	rc = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | events | (timed ? WL_TIMEOUT : 0),
						   PQsocket(c->conn), ms, PG_WAIT_EXTENSION);
	if (rc & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return true;
}

static void
finish_connecting(Connection *c)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK)
	{
		if (PQstatus(c->conn) == CONNECTION_BAD || status == PGRES_POLLING_FAILED)
			fail_connection(c, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, PQerrorMessage(c->conn));
		if (!wait_for(c, status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE, true))
			fail_connection(c, ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
							psprintf("No connection within %d seconds (option connect_timeout).", c->catalog->timeout));
		status = PQconnectPoll(c->conn);
	}
}

/* User and password of the role's mapping. */
static void
take_mapping(const LhCatalog *catalog, const char **user, const char **password)
{
	List	   *options;
	ListCell   *lc;

	*user = *password = NULL;
	(void) lh_user_mapping(catalog->roleid, catalog->serverid, &options);
	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "user") == 0)
			*user = defGetString(def);
		else if (strcmp(def->defname, "password") == 0)
			*password = defGetString(def);
	}
	if (*password == NULL && !superuser_arg(catalog->roleid))
		ereport(ERROR,
				(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
				 errmsg("password or role is required to read the catalog of server \"%s\"", catalog->server),
				 errdetail("Role \"%s\" is no superuser, and its user mapping has no password.",
						   GetUserNameFromId(catalog->roleid, true)),
				 errhint("Set the options user and password of a user mapping for the role.")));
}

static void
add(const char **keywords, const char **values, int *n, const char *keyword, const char *value)
{
	if (value == NULL)
		return;
	Assert(*n < MAX_KEYWORDS);
	keywords[*n] = keyword;
	values[(*n)++] = value;
}

static void
open_connection(Connection *c)
{
	const LhCatalog *catalog = c->catalog;
	const char *keywords[MAX_KEYWORDS + 1],
			   *values[MAX_KEYWORDS + 1];
	const char *user,
			   *password;
	List	   *environment;
	int			n = 0;

	take_mapping(catalog, &user, &password);
	add(keywords, values, &n, "host", catalog->host);
	add(keywords, values, &n, "port", catalog->port);
	add(keywords, values, &n, "dbname", catalog->dbname);
	add(keywords, values, &n, "user", user);
	add(keywords, values, &n, "password", password);
	add(keywords, values, &n, "passfile", "/dev/null");
	add(keywords, values, &n, "sslmode", catalog->sslmode);
	add(keywords, values, &n, "sslrootcert", catalog->sslrootcert);
	add(keywords, values, &n, "gssencmode", "disable");
	add(keywords, values, &n, "client_encoding", "UTF8");
	add(keywords, values, &n, "application_name", "lakehouse");
	keywords[n] = values[n] = NULL;

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("could not connect to the catalog of server \"%s\"", catalog->server),
				 errdetail("There are too many open files on the local server.")));
	c->counted = true;
	c->deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64) catalog->timeout * 1000);
	environment = put_environment_aside();
	c->conn = PQconnectStartParams(keywords, values, 0);
	restore_environment(environment);
	if (c->conn == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	finish_connecting(c);
	if (!superuser_arg(catalog->roleid) && !PQconnectionUsedPassword(c->conn))
		ereport(ERROR,
				(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
				 errmsg("the catalog of server \"%s\" did not ask for a password", catalog->server),
				 errdetail("Roles that are no superusers may only use connections that the password of their user mapping has opened."),
				 errhint("The other server's pg_hba.conf must demand a password for this connection.")));
}

/* ---- queries ---- */

static void
fail_query(const Connection *c, const PGresult *result)
{
	const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *text = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	ereport(ERROR,
			(errcode(state != NULL && strlen(state) == 5 ?
					 MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]) : ERRCODE_CONNECTION_FAILURE),
			 errmsg("the catalog of server \"%s\" could not be read: %s", c->catalog->server,
					lh_pg_text(text != NULL ? text : pchomp(PQerrorMessage(c->conn))))));
}

/* The rows of one result, behind those that are there. */
static List *
add_rows(const Connection *c, List *rows, int ncols, size_t *bytes, MemoryContext mcxt)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);

	for (int k = 0; k < PQntuples(c->result); k++)
	{
		char	  **row = palloc(sizeof(char *) * ncols);

		for (int i = 0; i < ncols; i++)
		{
			*bytes += (size_t) PQgetlength(c->result, k, i);
			row[i] = PQgetisnull(c->result, k, i) ? NULL : pstrdup(PQgetvalue(c->result, k, i));
		}
		rows = lappend(rows, row);
		if (list_length(rows) > MAX_ROWS || *bytes > MAX_BYTES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the catalog of server \"%s\" gives more than %d rows or %d MB", c->catalog->server,
							MAX_ROWS, MAX_BYTES / (1024 * 1024))));
	}
	MemoryContextSwitchTo(old);
	return rows;
}

/* The answer, row by row: who answers without end is not listened to. */
static List *
get_rows(Connection *c, int ncols, MemoryContext mcxt)
{
	List	   *rows = NIL;
	size_t		bytes = 0;

	for (;;)
	{
		while (PQisBusy(c->conn))
		{
			(void) wait_for(c, WL_SOCKET_READABLE, false);
			if (!PQconsumeInput(c->conn))
				fail_query(c, NULL);
		}
		PQclear(c->result);
		c->result = PQgetResult(c->conn);
		if (c->result == NULL)
			return rows;
		if ((PQresultStatus(c->result) != PGRES_SINGLE_TUPLE && PQresultStatus(c->result) != PGRES_TUPLES_OK) ||
			PQnfields(c->result) != ncols)
			fail_query(c, c->result);
		rows = add_rows(c, rows, ncols, &bytes, mcxt);
		CHECK_FOR_INTERRUPTS();
	}
}

List *
lh_catalog_query_remote(LhCatalog *catalog, const char *sql, int nparams, const char *const *params, int ncols)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext mcxt = AllocSetContextCreate(caller, "lakehouse catalog connection", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Connection *c = palloc0(sizeof(Connection));
	List	   *rows;

	c->catalog = catalog;
	c->close.func = close_connection;
	c->close.arg = c;
	MemoryContextRegisterResetCallback(mcxt, &c->close);
	open_connection(c);
	if (!PQsendQueryParams(c->conn, sql, nparams, NULL, params, NULL, NULL, 0) || !PQsetSingleRowMode(c->conn))
		fail_query(c, NULL);
	rows = get_rows(c, ncols, caller);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return rows;
}
