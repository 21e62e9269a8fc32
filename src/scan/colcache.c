/*
 * colcache.c
 *		Finding, gathering and keeping columns of a group (colcache.h).
 */
#include "scan/colcache.h"

#include <string.h>

#include "core/buffer.h"

/* Key of a file's list, in the place of a group. */
#define LIST (-1)

/* A column is taken to need at least a byte for so many rows, when it is asked whether it will be let in. */
#define LEAST_PART 2

static LhKeep *in_use;

struct LhGather
{
	LhArena *arena;  /* of its own, child of ... */
	LhArena *parent; /* what it was begun in */
	const LhColumnsWant *want;
	int64_t n;             /* rows given */
	LhChunkMaker **makers; /* NULL: the column is there */
};

void
lh_use_column_cache(LhKeep *cache, uint64_t stamp)
{
	__atomic_store_n(&in_use, cache, __ATOMIC_RELEASE);
	if (cache != NULL)
		lh_keep_stamp(cache, stamp);
}

/* Helper threads may be at work when it is named again. */
static LhKeep *
current(void)
{
	return __atomic_load_n(&in_use, __ATOMIC_ACQUIRE);
}

bool
lh_column_cache_on(void)
{
	LhKeep *cache = current();

	return cache != NULL && lh_keep_max(cache) > 0;
}

/*
 * Finding
 */

typedef struct Hold
{
	LhArena *arena;
	int n;
	size_t bytes;
	LhKeepEntry **entries;
} Hold;

static void
release_hold(void *arg)
{
	Hold *hold = arg;

	lh_arena_uncount(hold->arena, hold->bytes, true);
	for (int i = 0; i < hold->n; i++)
		lh_keep_release(hold->entries[i]);
}

static bool
can_all(const LhColumnsWant *want)
{
	for (int i = 0; i < want->n; i++)
		if (!lh_chunk_can(&want->types[i]))
			return false;
	return want->rows > 0 && want->rows <= LH_CHUNK_MOST_ROWS;
}

/* Are all there?  Asked first: what is of no use to this scan was not used by it. */
static bool
has_all(LhKeep *cache, const LhColumnsWant *want)
{
	for (int i = 0; i < want->n; i++)
	{
		LhKeepKey key = {want->id, want->group, want->nodes[i]};

		if (!lh_keep_has(cache, &key))
			return false;
	}
	return true;
}

/* References to all entries; false: one is missing, and none is held. */
static bool
get_all(LhKeep *cache, const LhColumnsWant *want, Hold *hold)
{
	if (!has_all(cache, want))
		return false;
	for (; hold->n < want->n; hold->n++)
	{
		LhKeepKey key = {want->id, want->group, want->nodes[hold->n]};
		LhKeepEntry *entry = lh_keep_get(cache, &key);

		if (entry == NULL)
			break;
		hold->entries[hold->n] = entry;
		hold->bytes += lh_keep_size(entry);
	}
	if (hold->n == want->n)
		return true;
	while (hold->n > 0)
		lh_keep_release(hold->entries[--hold->n]);
	hold->bytes = 0;
	return false;
}

/* Is each what it is wanted as?  Anything else would be an error of ours. */
static LhStatus
check(LhCtx *ctx, const LhColumnsWant *want, const LhChunk **chunks)
{
	for (int i = 0; i < want->n; i++)
		if (chunks[i]->rows != want->rows || chunks[i]->type.id != want->types[i].id ||
			chunks[i]->type.lane != want->types[i].lane)
			LH_FAIL(ctx, LH_BUG, "a kept column is not the one of file \"%s\"", want->id->path);
	return LH_OK;
}

LhStatus
lh_columns_find(LhCtx *ctx, const LhColumnsWant *want, const LhChunk **chunks, bool *found)
{
	LhKeep *cache = current();
	LhStatus status;
	Hold *hold;

	*found = false;
	if (cache == NULL || want->n == 0 || !can_all(want))
		return LH_OK;
	LH_NEW(ctx, hold);
	LH_NEW_ARRAY(ctx, hold->entries, (size_t) want->n);
	hold->arena = ctx->arena;
	if (!get_all(cache, want, hold))
		return LH_OK;
	status = lh_arena_count(ctx, ctx->arena, hold->bytes, true);
	if (status != LH_OK)
	{
		hold->bytes = 0;
		release_hold(hold);
		return status;
	}
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_hold, hold));
	for (int i = 0; i < want->n; i++)
		chunks[i] = lh_keep_data(hold->entries[i]);
	LH_TRY(check(ctx, want, chunks));
	LH_COUNT(ctx, COLUMN_CACHE_HITS, (uint64_t) want->n);
	LH_COUNT(ctx, COLUMN_CACHE_BYTES, hold->bytes);
	*found = true;
	return LH_OK;
}

/*
 * Gathering
 */

/* What does not fit into memory is not kept, and the scan goes on. */
static LhStatus
or_give_up(LhCtx *ctx, LhStatus status, LhGather **gather)
{
	if (status == LH_OK)
		return LH_OK;
	lh_columns_gather_drop(*gather);
	*gather = NULL;
	if (status != LH_NO_MEMORY)
		return status;
	lh_error_clear(ctx);
	return LH_OK;
}

static LhStatus
make_makers(LhCtx *ctx, const LhColumnsWant *want, const bool *missing, LhGather *g)
{
	LH_NEW_ARRAY(ctx, g->makers, (size_t) want->n);
	for (int i = 0; i < want->n; i++)
		if (missing[i])
			LH_TRY(lh_chunk_maker_create(ctx, &want->types[i], want->rows, &g->makers[i]));
	return LH_OK;
}

/* Which columns are not there; *wanted: would all of these be let in? */
static int
find_missing(LhKeep *cache, const LhColumnsWant *want, bool *missing, bool *wanted)
{
	int n = 0;

	*wanted = true;
	for (int i = 0; i < want->n; i++)
	{
		LhKeepKey key = {want->id, want->group, want->nodes[i]};

		missing[i] = !lh_keep_has(cache, &key);
		if (!missing[i])
			continue;
		n++;
		/* each is asked, for each has come now */
		*wanted &= lh_keep_wants(cache, &key, (size_t) n * (size_t) want->rows / LEAST_PART);
	}
	return n;
}

LhStatus
lh_columns_gather_begin(LhCtx *ctx, const LhColumnsWant *want, LhGather **out)
{
	LhKeep *cache = current();
	bool *missing, wanted;
	LhGather *g;
	LhArena *old;
	LhStatus status;

	*out = NULL;
	if (cache == NULL || want->n == 0 || !can_all(want))
		return LH_OK;
	LH_NEW_ARRAY(ctx, missing, (size_t) want->n);
	if (find_missing(cache, want, missing, &wanted) == 0 || !wanted)
		return LH_OK;
	LH_NEW(ctx, g);
	g->want = want;
	g->parent = ctx->arena;
	g->arena = lh_arena_child(ctx->arena);
	if (g->arena == NULL)
		return LH_OK;
	old = lh_use(ctx, g->arena);
	status = make_makers(ctx, want, missing, g);
	lh_use(ctx, old);
	*out = g;
	return or_give_up(ctx, status, out);
}

void
lh_columns_gather_drop(LhGather *g)
{
	if (g == NULL)
		return;
	lh_arena_destroy(g->arena);
	g->arena = NULL;
}

/* It shall leave a quarter of what there was for others, and take no more than the cache has. */
static bool
takes_too_much(const LhGather *g)
{
	LhKeep *cache = current();
	size_t bytes = 0;

	for (int i = 0; i < g->want->n; i++)
		if (g->makers[i] != NULL)
			bytes += lh_chunk_so_far(g->makers[i]);
	return cache == NULL || bytes > lh_keep_max(cache) ||
		   lh_arena_used(g->arena) / 3 > lh_arena_room(g->parent);
}

/* A finished column as an entry; NULL: out of memory. */
static LhStatus
make_entry(LhCtx *ctx, const LhGather *g, int i, LhKeepEntry **out)
{
	LhKeepKey key = {g->want->id, g->want->group, g->want->nodes[i]};
	size_t size;

	LH_TRY(lh_chunk_seal(ctx, g->makers[i], &size));
	*out = lh_keep_make(&key, size);
	if (*out != NULL)
		lh_chunk_write(g->makers[i], lh_keep_data(*out));
	return LH_OK;
}

/* All rows are there: keep the columns. */
static LhStatus
finish(LhCtx *ctx, LhGather *g)
{
	LhKeep *cache = current();
	LhKeepEntry **entries;
	LhKeepKey *others; /* columns of the group that are there */
	LhStatus status = LH_OK;
	bool complete = cache != NULL;
	int n = 0, nothers = 0;

	LH_NEW_ARRAY(ctx, entries, (size_t) g->want->n);
	LH_NEW_ARRAY(ctx, others, (size_t) g->want->n);
	for (int i = 0; i < g->want->n && complete && status == LH_OK; i++)
	{
		if (g->makers[i] == NULL)
		{
			others[nothers++] = (LhKeepKey){g->want->id, g->want->group, g->want->nodes[i]};
			continue;
		}
		status = make_entry(ctx, g, i, &entries[n]);
		complete = status == LH_OK && entries[n] != NULL;
		n += complete;
	}
	if (complete)
		lh_keep_add(cache, n, entries, nothers, others);
	while (n > 0)
		lh_keep_release(entries[--n]);
	return status;
}

static LhStatus
add_batch(LhCtx *ctx, LhGather *g, int n, const LhVec *vecs)
{
	for (int i = 0; i < g->want->n; i++)
		if (g->makers[i] != NULL)
			LH_TRY(lh_chunk_add(ctx, g->makers[i], &vecs[i]));
	g->n += n;
	return g->n == g->want->rows ? finish(ctx, g) : LH_OK;
}

LhStatus
lh_columns_gather(LhCtx *ctx, LhGather **gather, int64_t first, int n, const LhVec *vecs)
{
	LhGather *g = *gather;
	LhArena *old;
	LhStatus status;

	if (first != g->n || n > g->want->rows - g->n || takes_too_much(g))
	{
		lh_columns_gather_drop(g);
		*gather = NULL;
		return LH_OK;
	}
	old = lh_use(ctx, g->arena);
	status = add_batch(ctx, g, n, vecs);
	lh_use(ctx, old);
	if (status == LH_OK && g->n == g->want->rows)
	{
		lh_columns_gather_drop(g);
		*gather = NULL;
	}
	return or_give_up(ctx, status, gather);
}

/*
 * Lists of groups
 */

LhStatus
lh_columns_get_list(LhCtx *ctx, const LhObjectId *id, void **list, size_t *len)
{
	LhKeep *cache = current();
	LhKeepKey key = {id, LIST, 0};
	LhKeepEntry *entry = cache != NULL ? lh_keep_get(cache, &key) : NULL;
	const uint64_t *data;

	*len = 0;
	*list = NULL;
	if (entry == NULL)
		return LH_OK;
	data = lh_keep_data(entry);
	*list = lh_memdup(ctx, data + 1, (size_t) data[0]);
	if (*list != NULL)
		*len = (size_t) data[0];
	lh_keep_release(entry);
	return *list != NULL ? LH_OK : ctx->error->code;
}

void
lh_columns_put_list(const LhObjectId *id, const void *list, size_t len)
{
	LhKeep *cache = current();
	LhKeepKey key = {id, LIST, 0};
	LhKeepEntry *entry;
	uint64_t *data;

	if (cache == NULL || !lh_keep_wants(cache, &key, len))
		return;
	entry = lh_keep_make(&key, len + sizeof(uint64_t));
	if (entry == NULL)
		return;
	data = lh_keep_data(entry);
	data[0] = len;
	memcpy(data + 1, list, len);
	lh_keep_add(cache, 1, &entry, 0, NULL);
	lh_keep_release(entry);
}
