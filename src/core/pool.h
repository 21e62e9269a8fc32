/*
 * pool.h
 *		Helper threads (DESIGN D4).
 *
 * A pool belongs to the thread that made it, the leader.  Its helpers do pure
 * core work only.  Rules:
 *
 *	1. A thread is made when a job is first given to it, with all signals
 *	   blocked, and waits for the next job until the pool's arena is reset.  So
 *	   the leader alone handles signals, and a statement makes each thread once.
 *	2. A helper has a context of its own: arena, error, counters.  Its arenas
 *	   share the budget of the leader's.  Its host knows one thing: whether the
 *	   leader has raised the flag.  While a job runs nobody else touches the
 *	   context; afterwards the leader may.
 *	3. Who gives jobs sees to it that none is running when it returns to
 *	   whatever may raise an error: lh_pool_stop before every failure,
 *	   lh_pool_settle otherwise.  The arena's reset stops and joins all the same.
 *	4. The leader waits for helpers and for its own host together: lh_pool_wait.
 */
#ifndef LH_CORE_POOL_H
#define LH_CORE_POOL_H

#include "core/arena.h"

#define LH_POOL_MAX 64

typedef struct LhPool LhPool;
typedef LhStatus (*LhJobFn) (LhCtx *ctx, void *arg);

/* In ctx->arena; makes no thread yet.  helpers is cut to LH_POOL_MAX. */
extern LhStatus lh_pool_create(LhCtx *ctx, int helpers, LhPool **out);
extern int	lh_pool_size(const LhPool *pool);
extern int	lh_pool_threads(const LhPool *pool);	/* that have been made */

/*
 * Give a job to helper i, which has none.  False when its thread cannot be
 * made: then there is one helper less, which is no error.
 */
extern bool lh_pool_start(LhPool *pool, int i, LhJobFn fn, void *arg);

/* The helper's context, while it has no job. */
extern LhCtx *lh_pool_ctx(LhPool *pool, int i);

/* A helper has news for the leader; the end of a job is news. */
extern void lh_pool_notify(LhPool *pool);
/* Sleep until there are news since the last wait.  LH_CANCELLED when the host wants to stop. */
extern LhStatus lh_pool_wait(LhCtx *ctx, LhPool *pool);

/* Has helper i no job?  *status (may be NULL) is how its last one ended. */
extern bool lh_pool_idle(LhPool *pool, int i, LhStatus *status);
/* Wait for the end of all jobs.  LH_CANCELLED: they may still run. */
extern LhStatus lh_pool_settle(LhCtx *ctx, LhPool *pool);
/* Raise the flag only: who waits for something of the caller's own can then be woken. */
extern void lh_pool_cancel(LhPool *pool);
/* Raise the flag, wait without regard to the host until all jobs have ended (a page at most), join. */
extern void lh_pool_stop(LhPool *pool);

/* Add the helpers' counters to those of ctx, and begin them anew.  While no job runs. */
extern void lh_pool_collect(LhCtx *ctx, LhPool *pool);

#endif
