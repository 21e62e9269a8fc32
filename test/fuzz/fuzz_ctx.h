/*
 * fuzz_ctx.h
 *		One context for all executions of a fuzz target.
 *
 * A context made anew for each input costs several allocations, with a stack trace
 * each, and a chunk to poison: more than most inputs do.  A reset destroys what the
 * execution left as lh_ctx_destroy would, and under AddressSanitizer fills and
 * poisons the chunk that stays: what points into it is found in the next execution.
 */
#ifndef FUZZ_CTX_H
#define FUZZ_CTX_H

#include <stdlib.h>
#include <string.h>

#include "core/core.h"

/*
 * For loops of a target that only compare what the code under test made: they are
 * no part of it, and cost more than it when each step is watched.
 */
#define FUZZ_UNWATCHED __attribute__((noinline, no_sanitize("coverage", "address", "undefined")))

/* The context, as new. */
static inline LhCtx *
fuzz_ctx(void)
{
	static LhCtx *ctx;

	if (ctx == NULL && (ctx = lh_ctx_create()) == NULL)
		abort();
	return ctx;
}

/* The end of an execution: nothing of it stays. */
static inline void
fuzz_ctx_done(LhCtx *ctx)
{
	lh_arena_reset(ctx->arena);
	lh_error_clear(ctx);
	memset(ctx->counters, 0, sizeof(*ctx->counters));
	ctx->host = NULL;
	ctx->host_arg = NULL;
}

#endif
