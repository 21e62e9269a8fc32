/*
 * threads.h
 *		Helper threads of this session, and the limit for those of all.
 */
#ifndef LH_PG_UTIL_THREADS_H
#define LH_PG_UTIL_THREADS_H

#include "pg/util/util.h"

/* Hooks, called when the library is preloaded. */
extern void lh_pg_threads_request(void);
extern void lh_pg_threads_startup(void);

/*
 * Take up to want helper threads out of lakehouse.max_threads, for ctx->arena; the
 * pool is made in it afterwards, so that it is gone when they are given back.
 * *got may be 0.  Without preloading there is no limit.
 */
extern LhStatus lh_pg_threads_take(LhCtx *ctx, int want, int *got);

#endif
