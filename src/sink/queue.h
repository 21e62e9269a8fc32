/*
 * queue.h
 *		A sink in a thread of its own, behind a bounded queue.
 *
 * With several sinks a slow one must not stall the others.  The queue is a sink like
 * any other (sink.h, LhSinkAsync): put and commit copy what they are given, a thread
 * hands it to the sink inside.
 *
 *	1. What waits is in memory up to a limit, then in a spool file up to another
 *	   (queue_spool.c); then put blocks in the host's wait, so that it can be
 *	   cancelled and the host has its turn.
 *	2. flush enqueues a flush.  "durable" follows what the thread reports, in poll and
 *	   refresh; settle waits until all that was put before is flushed.
 *	3. A failure of the sink inside ends the thread.  It is what every later call
 *	   returns, with its whole error, until recover.
 *	4. open, recover and close run in the caller's thread while the other is not there.
 *
 * The spool is no storage: what waits is not durable, so it is not confirmed and the
 * server still has it.
 */
#ifndef LH_SINK_QUEUE_H
#define LH_SINK_QUEUE_H

#include "sink/sink.h"

typedef struct LhSinkQueueConfig
{
	size_t		memory;			/* bytes that may wait in memory; one block or message may be on top */
	const char *spool;			/* directory; NULL: no spool */
	uint64_t	spool_size;		/* bytes that may wait there; 0: no spool */
} LhSinkQueueConfig;

/* Opens the sink inside, all of whose memory is in ctx->arena during the call. */
typedef LhStatus (*LhSinkOpenFn) (LhCtx *ctx, void *arg, LhSink **out);

extern LhStatus lh_sink_queue_open(LhCtx *ctx, const LhSinkQueueConfig *config, LhSinkOpenFn open, void *arg, LhSink **out);

/* ---- queue_spool.c: a ring of extents in a file that nobody else can open ---- */

typedef struct LhSpool
{
	int			fd;				/* -1: none */
	uint64_t	size;
	uint64_t	begin,			/* of the oldest extent */
				end;			/* behind the newest */
	uint64_t	wrapped_at;		/* where the extents before the file's begin end; 0: end is behind begin */
	uint64_t	n;				/* extents */
	uint64_t	live;			/* bytes of them */
} LhSpool;

/* Make the file in dir: 0600, without a name. */
extern LhStatus lh_spool_open(LhCtx *ctx, const char *dir, uint64_t size, LhSpool *spool);
extern void lh_spool_close(LhSpool *spool);
/* Room for n > 0 bytes behind the newest extent; false: there is none. */
extern bool lh_spool_take(LhSpool *spool, uint64_t n, uint64_t *at);
/* The newest one was not wanted after all. */
extern void lh_spool_untake(LhSpool *spool, uint64_t at, uint64_t n);
/* The oldest extent, which is this one, is read. */
extern void lh_spool_release(LhSpool *spool, uint64_t at, uint64_t n);
/* *full: the file system has no room. */
extern LhStatus lh_spool_write(LhCtx *ctx, const LhSpool *spool, uint64_t at, const void *bytes, size_t n, bool *full);
/* n bytes that were written with this CRC-32. */
extern LhStatus lh_spool_read(LhCtx *ctx, const LhSpool *spool, uint64_t at, void *bytes, size_t n, uint32_t crc);

#endif
