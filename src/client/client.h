/*
 * client.h
 *		What the files of lakehouse_cdc that talk to PostgreSQL share.
 *
 *	main.c		commands, signals, the host of the core
 *	source.c	connections and their errors
 *	slot.c		the slot: look, make, drop, compare with the sinks
 *	attempt.c	a stream begins, and begins anew
 *	stream.c	the loop: the server's messages to delivery, positions back
 *	heartbeat.c	what moves the slot on while nothing comes
 *	status.c	status and drop
 *	snapshot*.c	what is in the tables before the stream begins (snapshot.h)
 *	incremental*.c	what is in the tables, while the stream goes on (incremental.h)
 *
 * config.c, help.c, route.c, log.c, metrics.c, deliver*.c, units.c and copy.c know no
 * PostgreSQL.
 */
#ifndef LH_CLIENT_CLIENT_H
#define LH_CLIENT_CLIENT_H

#include <libpq-fe.h>

#include "client/config.h"
#include "client/deliver.h"
#include "client/log.h"
#include "client/metrics.h"
#include "sink/dead.h"

typedef struct LhSnapshot LhSnapshot;	/* snapshot.h */

/* Of the initial snapshot, for metrics; kept when it is over. */
typedef struct LhSnapshotStats
{
	uint64_t	units,
				units_done,
				rows;
} LhSnapshotStats;

typedef struct LhHeartbeat
{
	PGconn	   *conn;			/* to the source, or the primary that it follows; NULL: none */
	int			state;			/* of the connection: heartbeat.c */
	PostgresPollingStatusType want;	/* while it is made */
	bool		wanted;			/* one is to be sent */
	bool		function;		/* the server has lakehouse.cdc_heartbeat() */
	bool		snapshot;		/* else pg_log_standby_snapshot(), from 16 on */
	int64_t		deadline;		/* ms; of what is under way */
	int64_t		not_before;		/* ms; after a failure */
	int64_t		pause;			/* ms; after the next one */
	uint64_t	lsn;			/* where the last one is; a position behind it is to be confirmed; 0: was */
	uint64_t	sent;			/* heartbeats that were written */
	char		said[256];		/* the last failure that was told */
} LhHeartbeat;

typedef struct LhClient
{
	LhCtx	   *ctx;
	LhArena    *arena;			/* of the whole run, beyond attempts */
	LhClientConfig config;
	LhLog		log;
	PGconn	   *side;			/* ordinary connection, for questions; NULL: none */
	PGconn	   *stream;			/* replication connection; NULL: none */
	LhHeartbeat heartbeat;
	/* of the failure that is on its way up */
	LhClientExit exit;
	bool		transient;		/* may pass by itself: try again */
	bool		busy;			/* another client has the slot */
	/* sinks are making durable what was committed: a first signal lets them, for a while */
	bool		finishing;
	int64_t		finish_until;	/* ms; 0: no signal yet */
	int64_t		started_wait;	/* ms; since when the slot is busy; 0: it is not */
	bool		connected_once;
	/* dead letters: what each sink refused outlives the sinks of an attempt */
	LhDeadLetters *letters;		/* NULL: none */
	LhRefused  *refused[LH_CLIENT_MAX_SINKS];
	bool		signals;		/* the server can tell us of snapshots: the option is set */
	/* called while anything waits, to keep the server content; NULL: nothing to do */
	void		(*tick) (void *arg);
	void	   *tick_arg;
	LhSchemaStore *schemas;		/* that streams of this run told of; NULL: none yet */
	LhSchemaStore *unit_schemas;	/* that snapshots told of */
	LhSchemaStore *unfinished_schemas;	/* that transactions told of before their commit */
	LhSnapshot *snapshot;		/* that is being read; NULL: none */
	LhSnapshotStats snapshot_stats;
} LhClient;

/* ---- main.c ---- */

/* Signals that asked to stop, so far. */
extern int	lh_client_stops(void);
/* Readable when one came. */
extern int	lh_client_stop_fd(void);
extern int64_t lh_client_now_ms(void);
/* Note what a failure means; returns status. */
extern LhStatus lh_client_failed(LhClient *client, LhClientExit exit, bool transient, LhStatus status);
/* Write the failure with LH_FAIL's rules, and what it means. */
#define LH_CLIENT_FAIL(client, code, ...) \
	return lh_client_failed((client), (code), false, lh_fail((client)->ctx, LH_IO, __VA_ARGS__))
/* Sleep, wake up for a signal: false when one came. */
extern bool lh_client_sleep(LhClient *client, int64_t ms);

/* ---- source.c ---- */

extern LhStatus lh_source_connect(LhClient *client, bool replication, PGconn **conn);
/*
 * Begin to connect; to be finished with PQconnectPoll.  primary: where config.primary
 * leads.  *seconds: how long that may take.
 */
extern LhStatus lh_source_begin(LhClient *client, bool primary, bool replication, PGconn **conn, int64_t *seconds);
/* client->side, connected if it is not. */
extern LhStatus lh_source_side(LhClient *client);
extern void lh_source_close(PGconn **conn);
/* Run one statement; waits with poll and stops for signals.  *result is NULL or to be PQclear'ed. */
extern LhStatus lh_source_query(LhClient *client, PGconn *conn, const char *sql, int64_t timeout_ms, PGresult **result);
/* Wait until a statement that was sent has a result, or timeout_ms have passed: *ready. */
extern LhStatus lh_source_wait(LhClient *client, PGconn *conn, int64_t timeout_ms, bool *ready);
/* An error of the server's as ours.  result NULL: the connection's own.  what: "slot \"x\"" */
extern LhStatus lh_source_error(LhClient *client, PGconn *conn, const PGresult *result, const char *what);

/* ---- slot.c ---- */

typedef struct LhSlot
{
	bool		exists;
	bool		logical;
	char		plugin[64];
	char		database[64];
	char		wal_status[16];
	int			active_pid;		/* 0: not in use */
	uint64_t	restart_lsn;
	uint64_t	confirmed;		/* 0: none */
	uint64_t	server_end;		/* end of the server's log now */
	bool		standby;		/* the server is one */
	bool		two_phase;		/* it was made for prepared transactions */
	bool		created;		/* by us, just now */
	bool		lost;			/* the server removed the log that it needed, and it is to be made anew */
	bool		renewed;		/* it is in place of one that was lost: a snapshot goes to sinks that are behind it */
	char		snapshot[64];	/* exported by the connection that made it, until that is used again */
} LhSlot;

extern LhStatus lh_slot_look(LhClient *client, LhSlot *slot);
/* Make it; shows whom it waits for.  export: slot->snapshot is wanted. */
extern LhStatus lh_slot_create(LhClient *client, LhSlot *slot, bool export);
/* Over client->side. */
extern LhStatus lh_slot_drop(LhClient *client);
/* LH_OK, or the gap: a sink must hold all that the slot has forgotten.  fresh: a new sink may begin here. */
extern LhStatus lh_slot_compare(LhClient *client, const LhSlot *slot, uint64_t fresh, int nsinks, LhDeliverySink *sinks);
/* Names of who holds up the log of conn's server, for messages; in ctx->arena. */
extern LhStatus lh_slot_blockers(LhClient *client, PGconn *conn, const char **text);
extern LhStatus lh_slot_start(LhClient *client, uint64_t lsn);

/* ---- heartbeat.c ---- */

/* One is wanted, as soon as it may be. */
extern void lh_heartbeat_want(LhClient *client);
/* Do what can be done without waiting; failures are logged, and tried again later. */
extern void lh_heartbeat_step(LhClient *client, int64_t now);
/* What poll may look at; -1: nothing. */
extern int	lh_heartbeat_fd(const LhClient *client, short *events);
/* Its connection is there and idle, so that it can be asked something else. */
extern bool lh_heartbeat_ready(const LhClient *client);
/* Connect, and wait for it; false: client->heartbeat.said tells why not. */
extern bool lh_heartbeat_connect(LhClient *client);
/* How it is done, once connected. */
extern const char *lh_heartbeat_means(const LhClient *client);
extern void lh_heartbeat_close(LhClient *client);

/* ---- sinks of this run: sinks.c ---- */

/*
 * Open and recover all; in ctx->arena.  For a stream, several get threads of their own, and
 * what they refuse may go to dead letters.
 */
extern LhStatus lh_client_open_sinks(LhClient *client, LhDeliverySink *sinks);
extern void lh_client_close_sinks(LhClient *client, LhDeliverySink *sinks);
/* Dead letters written since they were opened, and refusals of messages since the start. */
extern uint64_t lh_client_letters(const LhClient *client);
extern uint64_t lh_client_refusals(const LhClient *client);
/* What waits for those that have threads, for Prometheus. */
extern LhStatus lh_client_queue_metrics(const LhClient *client, const LhDeliverySink *sinks, LhCtx *ctx, LhBuf *out);
/* Where spools are made; NULL: nowhere. */
extern const char *lh_client_spool_directory(LhClient *client);
/* The sink keeps no position, so that it has none to compare. */
extern bool lh_client_forgets(const LhDeliverySink *s);

/* ---- attempt.c, status.c ---- */

extern LhStatus lh_client_stream(LhClient *client);
extern LhStatus lh_client_status(LhClient *client);
extern LhStatus lh_client_drop(LhClient *client);

#endif
