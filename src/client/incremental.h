/*
 * incremental.h
 *		Snapshots beside the stream: rows of tables while their changes flow.
 *
 * lakehouse.cdc_snapshots says what is wanted: what an initial snapshot left undone,
 * and what users ask for by lakehouse.cdc_snapshot_start().  One connection of its own
 * does the reading, never waited for by the loop of stream.c, which calls "step";
 * the delivery calls the hooks.
 *
 *	1. A table with a key is read in chunks in the order of its key, each in a window
 *	   between two marks (window.h), and delivered where the second mark stands.
 *	2. Tables without keys are read all under one snapshot, behind a mark; where it
 *	   stands the stream waits until they are read.  What the snapshot has seen of
 *	   later transactions is dropped from the stream, until the second mark.
 *	3. What was given out is noted before (resume.h), so that whatever is killed,
 *	   a sink gets a chunk once.
 *
 * The parts: incremental.c (the machine, and the hooks), incremental_sql.c (what is asked
 * of the server, notes), incremental_rows.c (what becomes of the rows).
 */
#ifndef LH_CLIENT_INCREMENTAL_H
#define LH_CLIENT_INCREMENTAL_H

#include <poll.h>

#include "client/client.h"
#include "client/resume.h"
#include "client/window.h"

typedef struct LhIncremental LhIncremental;

/* ---- for stream.c; one of an attempt ---- */

/* In ctx->arena; does nothing before "begin". */
extern LhStatus lh_incremental_create(LhClient *client, LhDeliverySink *sinks, LhIncremental **out);
extern void lh_incremental_hooks(LhIncremental *e, LhDeliveryConfig *config);
/* What was made of that. */
extern void lh_incremental_attach(LhIncremental *e, LhDelivery *delivery);
/* Sinks are open, nothing of the stream was put: who holds what?  Needs client->side. */
extern LhStatus lh_incremental_begin(LhIncremental *e);
/* Do what can be done without waiting. */
extern LhStatus lh_incremental_step(LhIncremental *e, int64_t now);
/* What to poll: 0 or 1; *timeout is lowered to when "step" has something to do. */
extern int	lh_incremental_poll(LhIncremental *e, struct pollfd *fd, int64_t now, int64_t *timeout);
/* There are tables to read. */
extern bool lh_incremental_busy(const LhIncremental *e);
/* It waits for sinks to make durable what is committed, or for the log to be idle at an end. */
extern bool lh_incremental_wants_flush(LhIncremental *e, int64_t now);
extern bool lh_incremental_wants_idle(LhIncremental *e, int64_t now);
/* A failure in a hook passes with another attempt. */
extern bool lh_incremental_retry(const LhIncremental *e);
extern void lh_incremental_end(LhIncremental *e);

/* ---- within ---- */

typedef enum LhStep
{
	LH_STEP_OFF,				/* not available here */
	LH_STEP_IDLE,				/* nothing to read; no connection */
	LH_STEP_PAUSE,				/* until "wake" */
	LH_STEP_CONNECT,
	LH_STEP_READY,				/* connected: what next? */
	LH_STEP_AWAIT,				/* until the high mark comes */
	LH_STEP_DURABLE,			/* until what was given out is durable */
	LH_STEP_READ,				/* a table without a key is read to its end; the stream has not come to the mark */
	/* a statement is under way */
	LH_STEP_SETUP,
	LH_STEP_LOAD,
	LH_STEP_DESCRIBE,
	LH_STEP_BOUND,
	LH_STEP_LOW,
	LH_STEP_BEGIN,
	LH_STEP_LOCK,
	LH_STEP_SNAPSHOT,
	LH_STEP_ROWS,
	LH_STEP_COMMIT,
	LH_STEP_HIGH
} LhStep;

/* A row of lakehouse.cdc_snapshots. */
typedef struct LhIncTable
{
	int64_t		id;
	uint32_t	oid;
	bool		barrier;		/* method */
	bool		planned;		/* of an initial snapshot: nobody has its rows yet */
	bool		reading;		/* state; else waiting */
	const char *schema;
	const char *name;
	const char *predicate;		/* NULL: none */
	int64_t		chunks;
	int64_t		rows;
	LhProgress	progress;
	LhArena    *arenas[2];		/* of progress, in turn */
	int			turn;
	int			nrelids;		/* that its events may bear */
	uint32_t   *relids;
	/* asked when its turn comes */
	bool		described;
	bool		over;			/* done or failed: no more of it */
	const char *only;			/* ONLY "s"."t" */
	const char *alias;			/* "t", as a predicate may call it */
	LhTexts		columns;		/* "t"."k", of the key */
	LhTexts		types;
	int64_t		chunk_rows;		/* of the next chunk */
} LhIncTable;

typedef struct LhIncRelid
{
	uint32_t	relid;
	LhIncTable *table;
} LhIncRelid;

struct LhIncremental
{
	LhClient   *client;
	LhCtx	   *ctx;
	LhDelivery *delivery;
	LhDeliverySink *sinks;
	int			nsinks;
	const char *sink_names[LH_CLIENT_MAX_SINKS];
	LhStep		step;
	int64_t		wake;
	int64_t		pause;
	bool		retry;
	PGconn	   *conn;
	PostgresPollingStatusType want;
	/* of the statement under way */
	bool		refused;
	bool		cancelled;		/* by us */
	LhArena    *tables_arena;
	LhIncTable *tables;
	int			ntables;
	LhIncRelid *relids;			/* of all tables, sorted */
	size_t		nrelids;
	LhIncTable *table;			/* whose turn it is; of a barrier: whose rows are read; NULL: none */
	bool		reload;			/* the list may have changed */
	int64_t		flush_asked, idle_asked;
	/* the window */
	LhArena    *work;			/* until the next one */
	LhArena    *scratch;		/* of a step */
	LhWindow   *chunk;
	LhWindow   *held;			/* of tables without keys, whose rows need no limit of its own */
	LhWindow   *window;			/* the one of these that is in use */
	LhXidSnapshot	snapshot;
	const char *snapshot_text;	/* NULL: not known yet */
	char		session[33];
	uint64_t	number;
	char		mark[128];		/* "slot session number", of the window under way; "": none */
	uint64_t	seen_at_low;
	uint64_t	low_end;		/* commit's end of low; 0: not seen in the stream */
	LhTexts		upper;			/* of the chunk; none with last_chunk */
	bool		last_chunk;
	int			again;			/* rows to read again */
	bool		full;			/* more rows than fit */
	bool		drop;			/* the row that is put is dropped */
	bool		is_void;		/* the window is, for that */
	/* tables without keys */
	bool		barrier;		/* the window is of them */
	LhBuf		names;			/* a batch with the names of the table that is put */
	bool		delivered;
	bool		closing;		/* no rows: a mark alone, to end what an earlier run began */
	uint64_t	high_end;		/* 0: high was not seen in the stream */
	uint64_t	unit;
	LhArena    *filter_arena;
	const char *filter_text;	/* NULL: none yet */
	LhXidSnapshot	filter;
};

/* Where the units of tables without keys stand in the transaction of their mark, and their end. */
#define LH_BARRIER_ORDINAL ((uint64_t) 1 << 40)
#define LH_BARRIER_END	   ((uint64_t) 1 << 41)

/* incremental.c */
extern LhStatus lh_incremental_pump(LhIncremental *e, bool wait);
/* The window came to nothing: begin it anew, after a pause (ms). */
extern void lh_incremental_anew(LhIncremental *e, int64_t pause);
/* The connection is lost, or has to go. */
extern void lh_incremental_lost(LhIncremental *e, const char *why);

/* incremental_sql.c */
extern LhStatus lh_incremental_send(LhIncremental *e, LhStep step);
/* A result of the statement under way. */
extern LhStatus lh_incremental_take(LhIncremental *e, const PGresult *r);
extern LhStatus lh_incremental_load(LhIncremental *e, const PGresult *r);
extern const char *lh_incremental_list_sql(LhIncremental *e);
/* Write a table's progress; state NULL: as it is.  Waits. */
extern LhStatus lh_incremental_note(LhIncremental *e, LhIncTable *t, const char *state, const char *error);
/* What may be told of a statement that was refused. */
extern const char *lh_incremental_refusal(LhIncremental *e, const PGresult *r);
/* progress moves to fresh memory. */
extern LhStatus lh_incremental_keep(LhIncremental *e, LhIncTable *t);

/* incremental_rows.c */
/* Is read with the other tables without keys. */
extern bool lh_incremental_in_barrier(const LhIncTable *t);
/* An earlier run read it so, and what its snapshot saw still has to be dropped. */
extern bool lh_incremental_to_close(const LhIncTable *t);
extern LhSeen *lh_incremental_seen(void);
extern LhStatus lh_incremental_name_sinks(LhIncremental *e);
extern LhStatus lh_incremental_index(LhIncremental *e);
extern LhStatus lh_incremental_resolve(LhIncremental *e);
extern LhStatus lh_incremental_high(LhIncremental *e, const LhChangePos *pos);
extern LhStatus lh_incremental_barrier(LhIncremental *e);
extern LhStatus lh_incremental_row(LhIncremental *e, const LhFrame *f, bool *drop);

#endif
