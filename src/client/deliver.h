/*
 * deliver.h
 *		Batches of frames to sinks: taken apart, routed, told apart from what the
 *		sinks have already, and what may be confirmed to the server.
 *
 *	1. Each sink has its own position.  What is not beyond it is not put again,
 *	   neither after a restart (the position that the sink recovered) nor after
 *	   a lost connection (what was put, committed or not).
 *	2. A position is confirmed when every sink holds all up to it, durably, and a
 *	   transaction ended there.
 *	3. When nothing is in flight, the end of the server's log is such a position,
 *	   too.  It is committed to the sinks first: else the slot would be ahead of
 *	   them, which looks like a gap at the next start.
 *	   Where the server holds transactions back (option "hold"), only its PROGRESS
 *	   frames say what has been sent.
 *	4. A sink with a thread of its own (sink/queue.h) gets there later: at each flush
 *	   the end of the last transaction is marked, and the last mark that a sink
 *	   has reached is what it allows to be confirmed.
 *	5. A transaction that is told before its commit is kept (unfinished.h).  When it
 *	   ends its events go to the sinks as those of any other, some at a time, so that
 *	   the caller has its turn in between (lh_delivery_pending).
 *
 * Knows neither libpq nor clocks, so that it is tested without a server.
 */
#ifndef LH_CLIENT_DELIVER_H
#define LH_CLIENT_DELIVER_H

#include "change/frame.h"
#include "client/rename.h"
#include "client/route.h"
#include "client/unfinished.h"
#include "sink/sink.h"

typedef struct LhDelivery LhDelivery;

typedef struct LhDeliverySink
{
	const char *name;			/* its URI without secrets, for messages */
	LhSink	   *sink;
	int			format;			/* of the stream's formats */
	bool		known;			/* it had a position when it was opened */
	bool		spared;			/* the frame or unit at hand is not for it: set by who looks on, cleared behind it */
	/* kept by deliver.c */
	LhChangePos put;			/* last message put, or recovered */
	int			put_sub;
	bool		recovered;		/* nothing was put since */
	LhChangePos committed;
	uint64_t	safe;			/* what it allows to be confirmed */
} LhDeliverySink;

typedef struct LhDeliveryConfig
{
	const char *slot;
	LhRoute		topic;
	LhRoute		message_topic;
	const LhRenames *renames;	/* of all topics; NULL: none */
	int			nformats;
	LhSchemaKind kinds[LH_MAX_FORMATS];	/* of schemas that their values need */
	LhSchemaStore *schemas;		/* that the stream told of; outlives the sinks.  NULL: one of the delivery's */
	LhSchemaStore *unit_schemas;	/* that units told of, which are of another time */
	size_t		max_message;	/* bytes of a batch, or of a body whose parts are joined */
	uint64_t	until;			/* transactions that end beyond are not wanted; 0: all are */
	const LhUnfinishedConfig *unfinished;	/* NULL: transactions come whole, others are an error */
	LhSchemaStore *unfinished_schemas;	/* that these told of */
	bool		allow_gap;		/* of a prepared transaction: go on without what did not come */
	/*
	 * Who takes snapshots beside the stream looks on; NULL: nobody does.
	 * signal: a SIGNAL frame came; it may deliver a unit there, at the frame's position.
	 * row: the frame of a row, a truncation or a quarantined row is about to be put, of
	 * the stream or of a unit; its body has the messages; *drop true: it is not put.
	 * between: all before commit_end was put, a transaction that ends there (or an idle
	 * log) follows; it may deliver units at positions before.
	 */
	LhStatus	(*signal) (LhCtx *ctx, const LhFrame *frame, LhSlice prefix, LhSlice content, void *arg);
	LhStatus	(*row) (LhCtx *ctx, const LhFrame *frame, bool unit, bool *drop, void *arg);
	LhStatus	(*between) (LhCtx *ctx, uint64_t commit_end, void *arg);
	void	   *arg;
	/* what a person should know, once: two tables share a topic; NULL: nobody wants to */
	void		(*notice) (const char *text, void *arg);
	void	   *notice_arg;
} LhDeliveryConfig;

typedef struct LhDeliveryState
{
	uint64_t	finished;		/* end of the last transaction that all sinks were given */
	uint64_t	told;			/* a PROGRESS frame said that all committed before was sent; 0: none came */
	bool		open;			/* in the middle of one */
	bool		ended;			/* "until" is reached */
	bool		sink_failed;	/* the error is a sink's */
	bool		spool_failed;	/* it is that of what is kept of unfinished transactions */
	uint64_t	unflushed_bytes;	/* put since the last flush */
	uint64_t	unflushed_commits;
	uint64_t	transactions,
				messages,		/* of the stream, not counted once a sink */
				skipped,		/* that a sink had already */
				replayed,		/* transactions of these that were told before their commit */
				bytes,			/* of batches */
				flushes;
	int64_t		commit_time;	/* of the last transaction, us since 2000 */
} LhDeliveryState;

/* sinks: opened and recovered, lh_delivery_recovered called.  All in ctx->arena. */
extern LhStatus lh_delivery_create(LhCtx *ctx, const LhDeliveryConfig *config, int nsinks, LhDeliverySink *sinks,
								   LhDelivery **out);
/*
 * What recover said of a sink.  A schema event has the position of the event before it (see
 * lh_delivery_put): whether it is stored, too, that position does not say.  It is put again then:
 * told twice it does no harm, not told it does.
 */
extern void lh_delivery_recovered(LhDeliverySink *s, const LhChangePos *durable, bool known);
/* A connection begins at a position: what the last one told of relations and left open is void. */
extern LhStatus lh_delivery_start(LhCtx *ctx, LhDelivery *d, uint64_t lsn);
/* bytes stay where they are while it is pending. */
extern LhStatus lh_delivery_batch(LhCtx *ctx, LhDelivery *d, LhSlice bytes);
/*
 * Not all of the batch was taken: a transaction ended that is long.  Until it is, nothing
 * but "step", flushes and questions.
 */
extern bool lh_delivery_pending(const LhDelivery *d);
/* Of one that was kept, so much is put before the caller has its turn: 1 MB, or fewer in tests. */
extern size_t lh_delivery_step_bytes;
/* Some more of it. */
extern LhStatus lh_delivery_step(LhCtx *ctx, LhDelivery *d);
/*
 * A unit of a snapshot: for sinks one event at pos, its rows numbered by sub, so
 * that a sink holds it whole or not at all.  rows: batches of lakehouse.cdc_row,
 * whose positions do not count; what they tell of relations holds for the unit alone.
 * commit false: the transaction that pos is in goes on.
 */
extern LhStatus lh_delivery_unit_begin(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos);
extern LhStatus lh_delivery_unit_rows(LhCtx *ctx, LhDelivery *d, LhSlice batch);
extern LhStatus lh_delivery_unit_end(LhCtx *ctx, LhDelivery *d, bool commit);
/* Nothing is in flight up to lsn; does nothing in the middle of a transaction. */
extern LhStatus lh_delivery_idle(LhCtx *ctx, LhDelivery *d, uint64_t lsn);
/* A sink with a thread of its own is asked to flush, which is not waited for. */
extern LhStatus lh_delivery_flush(LhCtx *ctx, LhDelivery *d);
/* The same, and all sinks have done it when this returns. */
extern LhStatus lh_delivery_settle(LhCtx *ctx, LhDelivery *d);
/* What threads of sinks did meanwhile: a failure of theirs is told. */
extern LhStatus lh_delivery_poll(LhCtx *ctx, LhDelivery *d);
/* Some sink that was flushed is not there yet. */
extern bool lh_delivery_behind(const LhDelivery *d);
/* What the server may forget: moves when sinks were flushed, or have got there since. */
extern uint64_t lh_delivery_confirmed(LhDelivery *d);
/* What it might, but for prepared transactions that are not decided. */
extern uint64_t lh_delivery_durable(LhDelivery *d);
/* NULL: transactions come whole. */
extern const LhUnfinished *lh_delivery_kept(const LhDelivery *d);
extern const LhDeliveryState *lh_delivery_state(const LhDelivery *d);

#endif
