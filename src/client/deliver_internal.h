/*
 * deliver_internal.h
 *		What the files of deliver.h share.
 *
 *	deliver.c				frames of the stream, units of snapshots
 *	deliver_unfinished.c	transactions that were told before their commit
 *	deliver_messages.c		a frame's messages to the sinks, commits
 *	deliver_durable.c		flushes, and what may be confirmed
 */
#ifndef LH_CLIENT_DELIVER_INTERNAL_H
#define LH_CLIENT_DELIVER_INTERNAL_H

#include "change/transform.h"
#include "client/deliver.h"
#include "client/relations.h"

/* After so many topics that were told of, no more are. */
#define LH_DELIVERY_TOLD 256
/* Marks that are kept; of more every second one goes, and what is confirmed is as much coarser. */
#define LH_DELIVERY_MARKS 1024

/* A snapshot's unit that is being put. */
typedef struct LhDeliveryUnit
{
	LhChangePos pos;
	LhRelations relations;
	LhFrameReader reader;
	LhArena    *scratch;		/* of one batch */
	int			sub[LH_MAX_FORMATS];
} LhDeliveryUnit;

/* A transaction that was kept and has ended: it is being put. */
typedef struct LhDeliveryReplay
{
	LhUnfinishedEnd end;		/* txn NULL: there is none */
	LhRelations relations;		/* that it told of */
} LhDeliveryReplay;

/* Topics of which a person was told, by their hash. */
typedef struct LhDeliveryTold
{
	int			n;
	uint64_t	topics[LH_DELIVERY_TOLD];
} LhDeliveryTold;

struct LhDelivery
{
	LhDeliveryConfig config;
	LhDeliveryState state;
	int			nsinks;
	LhDeliverySink *sinks;
	LhArena    *arena;			/* of all of it */
	LhArena    *scratch;		/* of one batch */
	LhFrameReader reader;
	bool		more;			/* frames of the batch, or of a replay, are to be taken */
	LhSchemaStore *schemas,
			   *unit_schemas,
			   *unfinished_schemas;
	LhBuf		joined;			/* bodies of a frame's parts */
	LhFrame		first;			/* head of the frame that is being joined */
	uint32_t	next_part;		/* that is to come; 0: none */
	const char *message_topic;
	LhDeliveryTold told;
	/* of an outbox: as the frame said it, and what it is called */
	char		routed[LH_TOPIC_MAX + 1],
				route[LH_TOPIC_MAX + 1];
	LhRelations relations;		/* that this connection told of */
	LhDeliveryUnit unit;
	LhUnfinished *kept;			/* NULL: transactions come whole */
	LhDeliveryReplay replay;
	uint64_t	started;		/* where the connection began */
	LhChangePos pos;			/* of the last frame of this connection */
	LhChangePos finished;		/* of the commit at state.finished */
	/* commits at flushes that not all sinks hold yet, ascending */
	LhChangePos marks[LH_DELIVERY_MARKS];
	int			nmarks;
	uint32_t	stride;			/* of so many flushes one mark stays, besides the newest */
	uint32_t	since;			/* flushes since the last mark that stays */
	int			sub[LH_MAX_FORMATS];	/* of the frame at hand */
};

/* ---- deliver.c ---- */

/* An event of a transaction that is committed: hooks, then sinks. */
extern LhStatus lh_delivery_event(LhCtx *ctx, LhDelivery *d, LhRelations *relations, const LhFrame *f);
/* Its end. */
extern LhStatus lh_delivery_committed(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos, int64_t commit_time);
/* A transaction begins at pos, unless it is open. */
extern LhStatus lh_delivery_open(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos);

/* ---- deliver_unfinished.c ---- */

/* A frame of an unfinished transaction. */
extern LhStatus lh_delivery_unfinished(LhCtx *ctx, LhDelivery *d, const LhFrame *f);
/* Put some more of the one that ended; done with it when replay.end.txn is NULL. */
extern LhStatus lh_delivery_replay(LhCtx *ctx, LhDelivery *d);

/* ---- deliver_messages.c ---- */

/* pos and sub are those of the event that the messages are of: the frame's own, or the unit's. */
extern LhStatus lh_delivery_put(LhCtx *ctx, LhDelivery *d, LhRelations *relations, const LhFrame *f,
								LhChangePos pos, int *sub);
/* All up to pos was put. */
extern LhStatus lh_delivery_commit(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos);
/* Note that a failure is a sink's; returns status. */
extern LhStatus lh_delivery_sink_failed(LhCtx *ctx, LhDelivery *d, const LhDeliverySink *s, LhStatus status);

#endif
