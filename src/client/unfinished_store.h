/*
 * unfinished_store.h
 *		A transaction's frames in their order: in memory, then in a file.  Of unfinished.c.
 *
 * What is in memory goes to the file in blocks of whole frames.  Where a block stands, how
 * long it is and its checksum stay in memory (8 bytes a block), so that nothing that is
 * read back is trusted.
 *
 *	frame	u32 bytes that follow, u8 kind, u8 flags, u16 nmessages, u32 relid, u32 generation,
 *			u64 number, u64 lsn, body
 */
#ifndef LH_CLIENT_UNFINISHED_STORE_H
#define LH_CLIENT_UNFINISHED_STORE_H

#include "client/unfinished.h"
#include "sink/queue.h"

/* What all stores share. */
typedef struct LhUnfinishedRoom
{
	LhUnfinishedConfig config;
	uint64_t	memory;			/* bytes, now */
	uint64_t	spooled;
	uint64_t	written;
} LhUnfinishedRoom;

typedef struct LhUnfinishedStore
{
	LhUnfinishedRoom *room;
	LhArena    *arena;
	LhSpool		file;			/* its descriptor alone; -1: none yet */
	uint64_t	file_bytes;
	LhBuf		tail;			/* frames behind those of the file */
	LhBuf		blocks;			/* Block */
	size_t		counted;		/* of room->memory */
	/* of the one reading */
	LhBuf		block;
	size_t		next_block;
	uint64_t	file_at;
	bool		in_tail;
	LhSlice		view;			/* what is left of the block, or the tail */
} LhUnfinishedStore;

/* In ctx->arena, which the file is closed with. */
extern LhStatus lh_unfinished_store_init(LhCtx *ctx, LhUnfinishedRoom *room, LhUnfinishedStore *s);
/* Bytes of memory that a frame takes. */
extern size_t lh_unfinished_store_cost(const LhUnfinishedRoom *room, const LhFrame *f);
extern LhStatus lh_unfinished_store_add(LhCtx *ctx, LhUnfinishedStore *s, const LhFrame *f);
/* What is in memory goes to the file. */
extern LhStatus lh_unfinished_store_spill(LhCtx *ctx, LhUnfinishedStore *s);
/* The next frame; pos.ordinal is its number.  Nothing is added any more. */
extern LhStatus lh_unfinished_store_next(LhCtx *ctx, LhUnfinishedStore *s, LhFrame *f, bool *over);
/* It takes no room any more; its memory goes with its arena. */
extern void lh_unfinished_store_leave(LhUnfinishedStore *s);

#endif
