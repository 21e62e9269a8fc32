/*
 * window.h
 *		Internal: memory of a column that is reused from page to page, and the
 *		window on the bytes of its chunk.
 */
#ifndef LH_PARQUET_WINDOW_H
#define LH_PARQUET_WINDOW_H

#include "parquet/file.h"

/*
 * A block of memory with its users: the window, the page or the dictionary
 * that was made in it ("owners"), and the vectors handed out by the last read
 * ("pinned").  Without any it is free for the next page.
 */
typedef struct LhPqBlock LhPqBlock;
struct LhPqBlock
{
	LhBuf buf;
	int owners;
	bool pinned;
	LhPqBlock *next; /* in the pool's list of free, empty or pinned blocks */
};

typedef struct LhPqPool
{
	LhArena *arena; /* of the column */
	LhPqBlock *free;
	LhPqBlock *empty; /* free, and without memory */
	LhPqBlock *pinned;
	size_t made; /* bytes of values put together by decoders since the last unpin */
} LhPqPool;

/* How a block counts in the budget (arena.h). */
typedef enum LhPqNeed
{
	LH_PQ_FLOOR, /* page, dictionary, batch: never refused */
	LH_PQ_EXTRA /* read-ahead: refused when the budget is tight */
} LhPqNeed;

extern void lh_pq_pool_init(LhPqPool *pool, LhArena *arena);

/* A block of at least size bytes with one owner. */
extern LhStatus lh_pq_block_take(LhCtx *ctx, LhPqPool *pool, size_t size, LhPqNeed need,
								 LhPqBlock **out);
extern void lh_pq_block_own(LhPqBlock *block);
/* One owner less; NULL is allowed. */
extern void lh_pq_block_release(LhPqPool *pool, LhPqBlock *block);
/* Keep until the next lh_pq_pool_unpin; NULL is allowed. */
extern void lh_pq_block_pin(LhPqPool *pool, LhPqBlock *block);
extern void lh_pq_pool_unpin(LhPqPool *pool);
/* Give all memory back: nobody uses a block any more. */
extern void lh_pq_pool_drop(LhPqPool *pool);

/*
 * Bytes [at, at + len) of the file lie in block.  Nothing at or beyond "limit"
 * is ever read, nothing beyond "end" is read ahead.
 */
typedef struct LhPqWindow
{
	LhPqFile *file;
	LhPqPool *pool;
	int64_t end;
	int64_t limit;
	LhPqBlock *block; /* NULL: nothing was read yet */
	int64_t at;
	size_t len;
	int64_t hinted; /* remote: up to here the store was told what comes next */
} LhPqWindow;

/*
 * Read-ahead of a column that is read through, of one that looks for a page, and
 * for a header alone.  From remote stores a budget that is too small for the
 * first is used as far as it reaches, down to the least.
 */
#define LH_PQ_READ_AHEAD_LEAST ((size_t) 64 * 1024)
#define LH_PQ_READ_AHEAD ((size_t) 256 * 1024)
#define LH_PQ_READ_AHEAD_REMOTE ((size_t) 1024 * 1024)
#define LH_PQ_PEEK		 ((size_t) 8 * 1024)
#define LH_PQ_HEADER_AHEAD ((size_t) 512)

/* Start of a chunk whose metadata promises the bytes [start, end). */
extern void lh_pq_window_init(LhPqWindow *w, LhPqFile *file, LhPqPool *pool, int64_t end);

/*
 * Make at least "need" bytes at "pos" available: *p, and *have of them.  When
 * it must read, it reads up to "want".  *p is valid until the next call,
 * longer for who owns or pins w->block.
 */
extern LhStatus lh_pq_window_get(LhCtx *ctx, LhPqWindow *w, int64_t pos, size_t need,
								 size_t want, const uint8_t **p, size_t *have);

/* Bytes at pos that are there without reading. */
extern size_t lh_pq_window_have(const LhPqWindow *w, int64_t pos);

extern void lh_pq_window_drop(LhPqWindow *w);

#endif
