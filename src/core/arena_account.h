/*
 * arena_account.h
 *		Between arena.c and buffer.c: accounting, and blocks that are freed singly.
 */
#ifndef LH_CORE_ARENA_ACCOUNT_H
#define LH_CORE_ARENA_ACCOUNT_H

#include "core/arena.h"

/* Data of a block begins here, on its own cache line. */
#define LH_BLOCK_ALIGN 64

/* A singly owned piece of an arena: data follows the header. */
typedef struct LhBlock
{
	struct LhBlock *prev;
	struct LhBlock *next;
	LhArena *arena;
	size_t size;    /* as it was taken from malloc */
	size_t charged; /* bytes taken from the budget: what was asked for */
	bool floor;
} LhBlock;

_Static_assert(sizeof(LhBlock) <= LH_BLOCK_ALIGN, "block header must fit before its data");

/* A block with at least size bytes of data, zeroed behind "zero_from"; NULL with the error written. */
extern uint8_t *
lh_block_alloc(LhCtx *ctx, LhArena *arena, size_t size, size_t zero_from, bool floor);
extern void lh_block_free(uint8_t *data);

/* arena_spare.c: blocks of no arena, which the calling thread keeps. */
/* One of at least so many bytes, and not of far more; NULL: there is none. */
extern LhBlock *lh_spare_take(size_t size);
/* Keep or free it. */
extern void lh_spare_give(LhBlock *block);
/* Free all. */
extern void lh_spare_drop(void);

#endif
