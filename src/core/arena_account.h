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
	size_t charged; /* bytes taken from the budget */
	bool floor;
} LhBlock;

_Static_assert(sizeof(LhBlock) <= LH_BLOCK_ALIGN, "block header must fit before its data");

/* A block with at least size bytes of data, zeroed behind "zero_from"; NULL with the error written. */
extern uint8_t *
lh_block_alloc(LhCtx *ctx, LhArena *arena, size_t size, size_t zero_from, bool floor);
extern void lh_block_free(uint8_t *data);

#endif
