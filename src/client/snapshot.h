/*
 * snapshot.h
 *		The initial snapshot of "run" and "snapshot": all rows as of the slot's point,
 *		then the stream from there, each row once.
 *
 *	snapshot.c			from the making of the slot to its last unit, as stream.c calls it
 *	snapshot_holder.c	the transaction that sees the point, and holds tables still
 *	snapshot_read.c		workers that read units, and their delivery in turn
 *	snapshot_plan.c		what the database keeps of it, and what becomes of an unfinished one
 *
 *	1. The slot is made with an exported snapshot.  The holder, an ordinary transaction,
 *	   imports it, locks the tables against being altered, and exports it for workers.
 *	2. Unit u of the tables (units.h) has the position (point, u): what the stream brings
 *	   lies beyond.  So what a sink itself says is durable says which units it holds.
 *	3. The plan is stored in the database before the slot is made, without a point, and
 *	   again with it before a sink hears of the slot: whenever the client dies, a later one
 *	   finds out what is missing.
 *	4. While the client lives, the holder does, and sinks that are opened again go on with
 *	   the unit that they lack.  When the holder is lost, so are rows as of the point:
 *	   tables that are not in all sinks are read beside the stream instead, each with
 *	   the method that the plan names.
 */
#ifndef LH_CLIENT_SNAPSHOT_H
#define LH_CLIENT_SNAPSHOT_H

#include "client/client.h"
#include "client/copy.h"
#include "client/units.h"

/* ---- SQL ---- */

/* 'text', whatever standard_conforming_strings is */
extern LhStatus lh_sql_literal(LhCtx *ctx, LhBuf *out, const char *text);
/* "name" */
extern LhStatus lh_sql_name(LhCtx *ctx, LhBuf *out, const char *name);
/* The plugin's options as cdc_row and cdc_snapshot_tables want them. */
extern LhStatus lh_sql_options(LhCtx *ctx, LhBuf *out, const LhClientConfig *config);
/* Settings under which a connection reads tables; the role's own may be anything. */
extern LhStatus lh_snapshot_settings(LhClient *client, PGconn *conn, const char *lock_timeout);

/* Advisory lock of who reads the initial snapshot of a slot: (this, hash of its name). */
#define LH_SNAPSHOT_LOCK 1818977892

/* ---- a snapshot that is being read ---- */

typedef struct LhSnapshotTable
{
	uint32_t	relid;
	const char *schema;
	const char *name;
	const char *quoted;			/* "schema"."name" */
	const char *fallback;		/* how it is read when the point is gone: "key", "barrier" */
	int64_t		id;				/* of its row in lakehouse.cdc_snapshots */
	uint64_t	blocks;
	uint64_t	rows;			/* of units that were delivered */
} LhSnapshotTable;

typedef struct LhSnapshotWorker
{
	PGconn	   *conn;			/* NULL: none; worker 0's is the holder */
	bool		sent;			/* COPY is on its way */
	bool		copying;
	bool		discard;		/* sinks were opened anew: what it reads is not wanted any more */
	LhCopyReader reader;
	int			failures;		/* since it last read a unit */
	int64_t		retry_at;
} LhSnapshotWorker;

struct LhSnapshot
{
	LhClient   *client;
	LhArena    *arena;			/* of all this; outlives attempts */
	uint64_t	point;
	bool		lost;			/* the holder is: there is no going on */
	bool		done;			/* all is durable and noted */
	const char *name;			/* of the exported snapshot */
	uint32_t	ntables;
	LhSnapshotTable *tables;
	LhUnits    *units;
	int			nworkers;
	LhSnapshotWorker workers[LH_CLIENT_MAX_JOBS];
	uint64_t	counted;		/* units whose rows are in tables' counts */
	uint32_t	noted;			/* tables that are noted as done */
	int64_t		last_note, last_ping, last_progress;
	int64_t		started;
	/* what sinks without a memory of their own were given durably */
	LhChangePos kept[LH_CLIENT_MAX_SINKS];
};

/* What it needs of the stream that it comes before. */
typedef struct LhSnapshotHost
{
	LhDelivery *delivery;
	LhDeliverySink *sinks;
	/* last: all sinks are waited for */
	LhStatus	(*flush) (void *arg, bool last);
	/* What a failure of delivery means; returns status. */
	LhStatus	(*failed) (void *arg, LhStatus status);
	void	   *arg;
} LhSnapshotHost;

/* ---- snapshot.c, for stream.c ---- */

/* Make the slot with a snapshot at its point: client->snapshot.  Nothing is left behind when it fails. */
extern LhStatus lh_snapshot_make(LhClient *client, LhSlot *slot);
/* Deliver what sinks lack of client->snapshot. */
extern LhStatus lh_snapshot_deliver(LhClient *client, const LhSnapshotHost *host);
/* Sinks that keep no position are told what they were given in earlier attempts. */
extern void lh_snapshot_remind(const LhClient *client, LhDeliverySink *sinks);
/* It can be gone on with. */
extern bool lh_snapshot_alive(const LhClient *client);
extern void lh_snapshot_close(LhClient *client);
extern LhStatus lh_snapshot_metrics(LhCtx *ctx, LhBuf *out, const LhClient *client);

/* ---- snapshot_holder.c ---- */

/* A connection that nobody else has for this slot. */
extern LhStatus lh_snapshot_connect_holder(LhSnapshot *s);
/* Import what the slot exported, list and lock tables, export for workers. */
extern LhStatus lh_snapshot_hold(LhSnapshot *s, const char *exported);
/* s->tables, as conn sees them. */
extern LhStatus lh_snapshot_list(LhSnapshot *s, PGconn *conn);

/* ---- snapshot_read.c ---- */

extern LhStatus lh_snapshot_read(LhSnapshot *s, const LhSnapshotHost *host);

/* ---- snapshot_plan.c ---- */

/* The database has what snapshots need: *there. */
extern LhStatus lh_snapshot_known(LhClient *client, bool *there);
/* Store s->tables as the slot's plan; fills their ids, and checks that the server counts as we do. */
extern LhStatus lh_snapshot_plan(LhSnapshot *s, uint64_t point);
/* Tables that all sinks hold durably are done; the one at hand is being read.  all: now, else now and then. */
extern LhStatus lh_snapshot_note(LhSnapshot *s, uint64_t durable, bool all);
/* Forget what is known of a slot that is gone or new. */
extern LhStatus lh_snapshot_forget(LhClient *client);
/* Where a sink that is new may begin, if the slot's point is that of a plan that nobody has gone beyond. */
extern LhStatus lh_snapshot_fresh(LhClient *client, const LhSlot *slot, uint64_t *fresh);
/*
 * The slot stands where a plan has its point, of which no table is done: what sinks
 * that are behind it lack is in the tables, all of which are still to be read.
 */
extern LhStatus lh_snapshot_covers(LhClient *client, const LhSlot *slot, bool *covers);
/* What an earlier client left unfinished is done if sinks hold it, else to be read beside the stream. */
extern LhStatus lh_snapshot_resume(LhClient *client, const LhSlot *slot, int nsinks, const LhDeliverySink *sinks);
/* For "snapshot" with a slot that is there: all of it was done, or what stands in the way. */
extern LhStatus lh_snapshot_was_done(LhClient *client);
/* What status shows of a slot's tables. */
extern LhStatus lh_snapshot_print(LhClient *client, LhBuf *out, const char *slot, const char *database);

#endif
