/*
 * window.c
 *		The window on a chunk's bytes, and the blocks that pages live in.
 *
 * A chunk of 2 GB is never held whole: a window of 256 kB (1 MB from remote
 * stores) moves over it and grows to a page where a page is larger.  What is
 * still wanted of the old window is moved to the front of the new one; a
 * window that an uncompressed page or a vector points into is left alone and
 * replaced by another block.
 *
 * Read-ahead counts in the budget and shrinks to the page when it is refused.
 */
#include "parquet/window.h"

/* Free blocks that keep their memory; tiny pages may leave hundreds behind a batch. */
#define FREE_BLOCKS 12

void
lh_pq_pool_init(LhPqPool *pool, LhArena *arena)
{
	*pool = (LhPqPool){.arena = arena};
}

static LhPqBlock *
pop(LhPqBlock **list)
{
	LhPqBlock *block = *list;

	*list = block->next;
	block->next = NULL;
	return block;
}

static void
push(LhPqBlock **list, LhPqBlock *block)
{
	block->next = *list;
	*list = block;
}

/* A free block: the smallest that is large enough, else any, else a new one. */
static LhStatus
find_free(LhCtx *ctx, LhPqPool *pool, size_t size, LhPqBlock **out)
{
	LhPqBlock **best = NULL;

	for (LhPqBlock **b = &pool->free; *b != NULL; b = &(*b)->next)
	{
		if ((*b)->buf.cap >= size && (best == NULL || (*b)->buf.cap < (*best)->buf.cap))
			best = b;
	}
	if (best != NULL)
		*out = pop(best);
	else if (pool->empty != NULL)
		*out = pop(&pool->empty);
	else if (pool->free != NULL)
		*out = pop(&pool->free);
	else
	{
		LhArena *old = lh_use(ctx, pool->arena);
		LhPqBlock *block = lh_alloc0(ctx, sizeof(*block));

		if (block != NULL)
			(void) lh_buf_init(ctx, &block->buf, true);
		lh_use(ctx, old);
		if (block == NULL)
			return ctx->error->code;
		*out = block;
	}
	return LH_OK;
}

LhStatus
lh_pq_block_take(LhCtx *ctx, LhPqPool *pool, size_t size, LhPqNeed need, LhPqBlock **out)
{
	LhPqBlock *block = NULL;
	LhStatus status;

	LH_TRY(find_free(ctx, pool, size, &block));
	if (block->buf.floor != (need == LH_PQ_FLOOR))
	{
		lh_buf_free(&block->buf);
		block->buf.floor = need == LH_PQ_FLOOR;
	}
	/* at least a byte: an empty page has an address, too */
	status = lh_buf_fit(ctx, &block->buf, size > 0 ? size : 1);
	if (status != LH_OK)
	{
		push(&pool->empty, block);
		return status;
	}
	block->owners = 1;
	*out = block;
	return LH_OK;
}

void
lh_pq_block_own(LhPqBlock *block)
{
	block->owners++;
}

/* To the free list, when nobody uses it any more. */
static void
maybe_free(LhPqPool *pool, LhPqBlock *block)
{
	int n = 0;

	if (block->owners > 0 || block->pinned)
		return;
	for (LhPqBlock *b = pool->free; b != NULL; b = b->next)
		n++;
	if (n < FREE_BLOCKS)
	{
		push(&pool->free, block);
		return;
	}
	lh_buf_free(&block->buf);
	push(&pool->empty, block);
}

void
lh_pq_block_release(LhPqPool *pool, LhPqBlock *block)
{
	if (block == NULL)
		return;
	block->owners--;
	maybe_free(pool, block);
}

void
lh_pq_block_pin(LhPqPool *pool, LhPqBlock *block)
{
	if (block == NULL || block->pinned)
		return;
	block->pinned = true;
	push(&pool->pinned, block);
}

void
lh_pq_pool_unpin(LhPqPool *pool)
{
	pool->made = 0;
	while (pool->pinned != NULL)
	{
		LhPqBlock *block = pop(&pool->pinned);

		block->pinned = false;
		maybe_free(pool, block);
	}
}

void
lh_pq_pool_drop(LhPqPool *pool)
{
	lh_pq_pool_unpin(pool);
	while (pool->free != NULL)
	{
		LhPqBlock *block = pop(&pool->free);

		lh_buf_free(&block->buf);
		push(&pool->empty, block);
	}
}

void
lh_pq_window_init(LhPqWindow *w, LhPqFile *file, LhPqPool *pool, int64_t end)
{
	*w = (LhPqWindow){.file = file, .pool = pool, .end = end, .limit = file->size};
}

size_t
lh_pq_window_have(const LhPqWindow *w, int64_t pos)
{
	if (w->block == NULL || pos < w->at || pos >= w->at + (int64_t) w->len)
		return 0;
	return (size_t) (w->at + (int64_t) w->len - pos);
}

/*
 * Read-ahead may take half of the budget as long as what is no floor stays
 * below an eighth: the floor may still grow, and then the rest has to live in
 * a quarter (core/arena.c).
 */
static bool
may_read_ahead(const LhPqPool *pool, size_t size)
{
	const LhBudget *budget = lh_arena_budget(pool->arena);
	size_t used, floor;

	if (budget == NULL || budget->limit == 0)
		return true;
	/* threads share the budget */
	used = __atomic_load_n(&budget->used, __ATOMIC_RELAXED);
	floor = __atomic_load_n(&budget->floor, __ATOMIC_RELAXED);
	return used + size <= budget->limit / 2 &&
		   used - (floor < used ? floor : used) + size <= budget->limit / 8;
}

/* A block for the moved window: "want" bytes, or only "need" when the budget is tight. */
static LhStatus
take_block(LhCtx *ctx, LhPqWindow *w, size_t need, size_t *want, LhPqBlock **out)
{
	/* each request counts there: rather a smaller window than none */
	while (lh_object_is_remote(w->file->obj) && *want / 2 >= LH_PQ_READ_AHEAD_LEAST &&
		   *want / 2 >= need && !may_read_ahead(w->pool, *want))
		*want /= 2;
	if (may_read_ahead(w->pool, *want))
	{
		LhStatus status = lh_pq_block_take(ctx, w->pool, *want, LH_PQ_EXTRA, out);

		if (status != LH_NO_MEMORY)
			return status;
		lh_error_clear(ctx);
	}
	*want = need;
	return lh_pq_block_take(ctx, w->pool, need, LH_PQ_FLOOR, out);
}

/* While this part is decoded, the store may fetch the next one. */
static LhStatus
hint_next(LhCtx *ctx, LhPqWindow *w)
{
	int64_t from = w->at + (int64_t) w->len, to;
	LhRange next;

	if (from < w->hinted)
		from = w->hinted;
	to = w->at + 2 * (int64_t) w->len;
	if (to > w->end)
		to = w->end;
	if (from >= to)
		return LH_OK;
	w->hinted = to;
	next = (LhRange){.offset = from, .len = (size_t) (to - from)};
	return lh_object_will_need(ctx, w->file->obj, 1, &next);
}

LhStatus
lh_pq_window_get(LhCtx *ctx, LhPqWindow *w, int64_t pos, size_t need, size_t want,
				 const uint8_t **p, size_t *have)
{
	size_t keep = lh_pq_window_have(w, pos);
	bool through = want >= LH_PQ_READ_AHEAD_REMOTE;
	LhPqBlock *block = w->block;

	if (keep < need)
	{
		if (pos < 0 || pos > w->limit || (uint64_t) need > (uint64_t) (w->limit - pos))
			LH_FAIL(ctx, LH_CORRUPT,
					"page at offset %lld with %zu bytes reaches beyond the end of the file",
					(long long) pos, need);
		if (pos < w->end && (int64_t) want > w->end - pos)
			want = (size_t) (w->end - pos);
		if ((int64_t) want > w->limit - pos)
			want = (size_t) (w->limit - pos);
		if (want < need)
			want = need;
		if (block == NULL || block->owners > 1 || block->pinned || block->buf.cap < want)
			LH_TRY(take_block(ctx, w, need, &want, &block));
		if (keep > want)
			keep = want;
		if (keep > 0)
			memmove(block->buf.data, w->block->buf.data + (pos - w->at), keep);
		if (block != w->block)
			lh_pq_block_release(w->pool, w->block);
		w->block = block;
		w->at = pos;
		w->len = keep;
		LH_TRY(lh_object_read(ctx, w->file->obj, pos + (int64_t) keep, want - keep,
							  block->buf.data + keep));
		w->len = want;
		if (through && lh_object_is_remote(w->file->obj))
			LH_TRY(hint_next(ctx, w));
	}
	*p = block->buf.data + (pos - w->at);
	*have = lh_pq_window_have(w, pos);
	return LH_OK;
}

void
lh_pq_window_drop(LhPqWindow *w)
{
	lh_pq_block_release(w->pool, w->block);
	w->block = NULL;
	w->len = 0;
}
