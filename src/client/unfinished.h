/*
 * unfinished.h
 *		Transactions that the server tells of before their commit, until they end
 *		(docs/adr/0010-streamed-transactions.md, 0012-spool.md).
 *
 *	1. What comes of a transaction is kept as it comes: in memory, all transactions
 *	   together up to a limit, then in a file of its own without a name, up to another
 *	   (unfinished_store.c).
 *	2. When it ends the caller reads it once: events that were taken back are left out,
 *	   the others have their position and the commit's time, as if the transaction had
 *	   come whole.
 *	3. The server does not send again what was prepared before a confirmed position, and
 *	   what is kept here does not survive us.  So no position beyond the beginning of a
 *	   PREPARE may be confirmed, until one is that has its COMMIT PREPARED behind it.
 *
 * Nothing of it is needed after a crash, or a lost connection: the server begins again.
 */
#ifndef LH_CLIENT_UNFINISHED_H
#define LH_CLIENT_UNFINISHED_H

#include "change/frame.h"

typedef struct LhUnfinished LhUnfinished;
typedef struct LhUnfinishedTxn LhUnfinishedTxn;

typedef struct LhUnfinishedConfig
{
	const char *dir;			/* of files; NULL: memory has to do */
	size_t		memory;			/* bytes of all transactions that may be there */
	uint64_t	size;			/* bytes of all files */
} LhUnfinishedConfig;

typedef struct LhUnfinishedStats
{
	uint64_t	running,
				prepared;		/* transactions, undecided */
	uint64_t	memory,
				spooled;		/* bytes now */
	uint64_t	written;		/* bytes that ever went to files */
	/* the PREPARE that holds the position back most; 0: none does */
	uint64_t	held_lsn;
	int64_t		held_time;		/* us since 2000; 0: it is decided, but not durable */
	const char *held_gid;		/* NULL: it is decided; good until the next call */
} LhUnfinishedStats;

/* What a frame ended. */
typedef struct LhUnfinishedEnd
{
	LhUnfinishedTxn *txn;		/* to be read, then to be ended; NULL: there is none */
	LhChangePos pos;			/* of the commit */
	int64_t		commit_time;
	bool		unknown;		/* COMMIT PREPARED of a transaction whose changes did not come */
	const char *gid;			/* of that; good until the next call */
} LhUnfinishedEnd;

/* In ctx->arena. */
extern LhStatus lh_unfinished_create(LhCtx *ctx, const LhUnfinishedConfig *config, LhUnfinished **out);
/* A connection begins: what is kept is void. */
extern void lh_unfinished_forget(LhUnfinished *u);
/*
 * A frame (joined, if it came in parts) of flag LH_FRAME_UNFINISHED or of a kind that
 * is LH_CHANGE_IS_UNFINISHED.  LH_CORRUPT: it makes no sense where it stands; LH_LIMIT,
 * LH_IO, LH_INVALID: the spool's fault.
 */
extern LhStatus lh_unfinished_take(LhCtx *ctx, LhUnfinished *u, const LhFrame *f, LhUnfinishedEnd *end);
/* In the middle of a block, so that only frames of it may come; xid of its transaction, 0: in none. */
extern uint32_t lh_unfinished_block(const LhUnfinished *u);
/* The next event of one that ended at "end"; the body is good until the next call. */
extern LhStatus lh_unfinished_next(LhCtx *ctx, const LhUnfinishedEnd *end, LhFrame *f, bool *over);
/* It was read. */
extern LhStatus lh_unfinished_end(LhCtx *ctx, LhUnfinished *u, const LhUnfinishedEnd *end);
/* What may be confirmed, where lsn might be without us. */
extern uint64_t lh_unfinished_clamp(const LhUnfinished *u, uint64_t lsn);
/* So much was: decided transactions before it hold nothing any more. */
extern void lh_unfinished_confirmed(LhUnfinished *u, uint64_t lsn);
extern void lh_unfinished_stats(const LhUnfinished *u, LhUnfinishedStats *stats);

#endif
