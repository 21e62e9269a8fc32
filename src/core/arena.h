/*
 * arena.h
 *		Memory that is released whole, with a budget (DESIGN D3).
 *
 * An arena is a list of chunks from malloc; nothing is freed singly, except
 * through LhBuf (buffer.h), whose memory can shrink and grow.  Children die
 * with their parent.  Release functions run when the arena is reset or
 * destroyed, in reverse order of registration, children first.  An arena
 * belongs to one thread at a time.
 *
 * A budget is shared by an arena and its children: exceeding it fails the
 * allocation with LH_NO_MEMORY and a hint naming the setting.  The floor of a
 * scan (one page, one dictionary, one batch a column) is allocated with
 * "floor" accounting (LhBuf, lh_arena_as_floor): it counts, but is never
 * refused; and however large it is, a quarter of the limit stays for the rest.
 * Arenas of several threads may share one budget.
 */
#ifndef LH_CORE_ARENA_H
#define LH_CORE_ARENA_H

#include "core/ctx.h"

typedef struct LhBudget
{
	size_t		limit;			/* bytes; 0 = none */
	size_t		used;			/* now */
	size_t		floor;			/* part of used that was taken as floor */
	size_t		peak;			/* highest used */
	size_t		floor_peak;
	const char *setting;		/* for the hint, e.g. "work_mem" */
} LhBudget;

/* A root arena; budget may be NULL (not owned).  NULL when out of memory. */
extern LhArena *lh_arena_create(LhBudget *budget);

/* A child that dies with its parent, or earlier by lh_arena_destroy. */
extern LhArena *lh_arena_child(LhArena *parent);

/*
 * Count all that this arena will hold as floor, its children's memory not: for
 * what no work can do without, such as the names of a table's files.  Only
 * before its first allocation.
 */
extern void lh_arena_as_floor(LhArena *arena);

/* Run release functions, free everything, children included.  NULL is allowed. */
extern void lh_arena_destroy(LhArena *arena);

/* As destroy, but the arena stays usable; keeps its first chunk. */
extern void lh_arena_reset(LhArena *arena);

/*
 * Allocate from ctx->arena.  lh_alloc fails by writing the error and
 * returning NULL: check with LH_NEW/LH_ALLOC below.  Memory is 16-byte
 * aligned; lh_alloc0 zeroes.  Sizes above LH_ALLOC_MAX are refused as LH_LIMIT.
 */
#define LH_ALLOC_MAX ((size_t) 1 << 40)
extern void *lh_alloc(LhCtx *ctx, size_t size);
extern void *lh_alloc0(LhCtx *ctx, size_t size);
extern void *lh_alloc_array(LhCtx *ctx, size_t n, size_t size);	/* checks n*size, zeroes */
extern char *lh_strdup(LhCtx *ctx, const char *s);
extern char *lh_strndup(LhCtx *ctx, const char *s, size_t n);	/* adds a NUL */
extern void *lh_memdup(LhCtx *ctx, const void *p, size_t n);
extern char *lh_sprintf(LhCtx *ctx, const char *fmt,...) __attribute__((format(printf, 2, 3)));

/* Fill a variable or return LH_NO_MEMORY (error already written). */
#define LH_ALLOC(ctx, var, size) \
	do { if (((var) = lh_alloc((ctx), (size))) == NULL) return (ctx)->error->code; } while (0)
#define LH_NEW(ctx, var) \
	do { if (((var) = lh_alloc0((ctx), sizeof(*(var)))) == NULL) return (ctx)->error->code; } while (0)
#define LH_NEW_ARRAY(ctx, var, n) \
	do { if (((var) = lh_alloc_array((ctx), (n), sizeof(*(var)))) == NULL) return (ctx)->error->code; } while (0)

/*
 * Release function, called with its argument at reset or destroy.  When it
 * cannot be registered (LH_NO_MEMORY) it was called at once: write
 * LH_TRY(lh_arena_on_reset(...)) right after opening a handle, nothing else.
 */
typedef void (*LhReleaseFn) (void *arg);
extern LhStatus lh_arena_on_reset(LhCtx *ctx, LhArena *arena, LhReleaseFn fn, void *arg);
/* Forget one registration (the last with this fn and arg); it is not called. */
extern void lh_arena_forget(LhArena *arena, LhReleaseFn fn, void *arg);

/*
 * Memory that a library took for what belongs to this arena: counted until it is
 * said to be gone, in a release function at the latest.
 */
extern LhStatus lh_arena_count(LhCtx *ctx, LhArena *arena, size_t bytes, bool floor);
extern void lh_arena_uncount(LhArena *arena, size_t bytes, bool floor);

extern LhBudget *lh_arena_budget(LhArena *arena);
extern size_t lh_arena_used(const LhArena *arena);	/* bytes of this arena and its children */
extern size_t lh_arena_room(const LhArena *arena);	/* bytes that its budget still allows, floor apart; SIZE_MAX: any */

/* Make ctx allocate from another arena for a while: old = lh_use(ctx, a); ... lh_use(ctx, old) */
static inline LhArena *
lh_use(LhCtx *ctx, LhArena *arena)
{
	LhArena    *old = ctx->arena;

	ctx->arena = arena;
	return old;
}

#endif
