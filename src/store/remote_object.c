/*
 * remote_object.c
 *		Reading remote objects: few requests, several at a time.
 *
 *	1. Opening needs size and version: a listing of the same statement told them,
 *	   or a HEAD does.  Every request says which version it wants (If-Match), and
 *	   every answer is compared, so bytes of two versions never meet.
 *	2. Reads are sorted; those with little between them become one request, large
 *	   ones several.  What nobody wants between two reads is thrown away.
 *	3. What will be needed is fetched ahead into blocks, while budget is left, and
 *	   moves on whenever any request is waited for.  A read takes what it can from
 *	   blocks; a block goes when as much as it holds was read.  A block that failed is
 *	   forgotten: the read asks again and tells the error.
 */
#include "store/remote.h"

#include <stdlib.h>

/* Bytes between two reads that are cheaper to fetch than another request. */
#define MERGE_GAP   ((int64_t) 64 << 10)
/* Largest request; longer reads are split so that parts come side by side. */
#define MAX_REQUEST ((int64_t) 8 << 20)
/* Largest and smallest block that is fetched ahead, and all of them at most. */
#define MAX_BLOCK   ((int64_t) 4 << 20)
#define LEAST_BLOCK ((int64_t) 16 << 10)
#define MAX_AHEAD   ((int64_t) 64 << 20)

typedef struct Block Block;

typedef struct RemoteObject
{
	LhObject base;
	LhRemote *remote;
	LhRemotePath path;
	const char *if_match; /* header; NULL: none */
	const char *etag;     /* what answers are compared with; NULL: nothing */
	const char *modified;
	Block *blocks; /* fetched ahead, in no order */
	int64_t ahead; /* bytes of them */
} RemoteObject;

struct Block
{
	Block *next;
	RemoteObject *obj;
	LhArena *arena;
	int64_t offset, len;
	int64_t used; /* bytes that were read, in any order */
	LhBuf buf;
	LhHttp http;
};

/* A request for [offset, offset + len) that serves the pieces [first, first + n). */
typedef struct Fetch
{
	LhHttp http;
	int64_t offset, len;
	const LhRange *pieces;
	int npieces;
} Fetch;

/*
 * Requests
 */

static LhStatus
prepare_get(LhCtx *ctx, const RemoteObject *obj, int64_t offset, int64_t len, LhHttp *http)
{
	LH_TRY(lh_remote_request(ctx, obj->remote, &obj->path, NULL, LH_HTTP_GET, http));
	http->range_from = offset;
	http->range_len = len;
	http->etag = obj->etag;
	http->modified = obj->modified;
	if (obj->if_match != NULL)
		http->headers[http->nheaders++] = obj->if_match;
	return LH_OK;
}

static LhStatus
fail_changed(LhCtx *ctx, const RemoteObject *obj)
{
	lh_fail(ctx, LH_CHANGED, "\"%s\" changed while it was being read", obj->path.path);
	lh_hint(ctx, "Write a new version under a new name, or run the query again.");
	return LH_CHANGED;
}

/* What a finished request says of its range. */
static LhStatus
check_answer(LhCtx *ctx, const RemoteObject *obj, const LhHttp *http)
{
	const LhHttpReply *reply = &http->reply;

	if (http->result == LH_CHANGED)
		return fail_changed(ctx, obj);
	/* the client knows hosts only */
	if (http->result == LH_IO || http->result == LH_UNSUPPORTED)
		lh_error_prefix(ctx, "could not read \"%s\"", obj->path.path);
	if (http->result != LH_OK)
		return http->result;
	if (reply->status == 412 || reply->status == 416 || reply->status == 404)
		return fail_changed(ctx, obj);
	if (reply->status != 206 && reply->status != 200)
		return lh_remote_fail(ctx, &obj->path, http, "read");
	if (reply->total >= 0 && reply->total != obj->base.id.size)
		return fail_changed(ctx, obj);
	return LH_OK;
}

/*
 * Reading
 */

/* Bytes [at, at + n) of the fetch go to the pieces they belong to. */
static LhStatus
scatter(LhCtx *ctx, void *arg, int64_t at, const uint8_t *bytes, size_t n)
{
	Fetch *fetch = arg;
	int64_t begin = fetch->offset + at, end = begin + (int64_t) n;

	LH_COUNT(ctx, BYTES_READ, n);
	for (int i = 0; i < fetch->npieces; i++)
	{
		const LhRange *piece = &fetch->pieces[i];
		int64_t from = piece->offset > begin ? piece->offset : begin;
		int64_t to = piece->offset + (int64_t) piece->len < end
						 ? piece->offset + (int64_t) piece->len
						 : end;

		if (from < to)
			memcpy(piece->out + (from - piece->offset), bytes + (from - begin),
				   (size_t) (to - from));
	}
	return LH_OK;
}

static int
by_offset(const void *a, const void *b)
{
	const LhRange *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Pieces in order of their offsets become as few requests as pays off. */
static int
plan_fetches(const LhRange *pieces, int n, Fetch *fetches)
{
	int count = 0;

	for (int i = 0; i < n; i++)
	{
		int64_t end = pieces[i].offset + (int64_t) pieces[i].len;
		Fetch *last = count > 0 ? &fetches[count - 1] : NULL;

		if (last != NULL && pieces[i].offset <= last->offset + last->len + MERGE_GAP &&
			end - last->offset <= MAX_REQUEST)
		{
			if (end > last->offset + last->len)
				last->len = end - last->offset;
			last->npieces++;
			continue;
		}
		fetches[count++] = (Fetch){.offset = pieces[i].offset, .len = (int64_t) pieces[i].len,
								   .pieces = &pieces[i], .npieces = 1};
	}
	return count;
}

static LhStatus
run_fetches(LhCtx *ctx, const RemoteObject *obj, Fetch *fetches, int n)
{
	LhStatus status = LH_OK;
	int begun = 0;

	for (; begun < n && status == LH_OK; begun++)
	{
		Fetch *fetch = &fetches[begun];

		status = prepare_get(ctx, obj, fetch->offset, fetch->len, &fetch->http);
		fetch->http.on_body = scatter;
		fetch->http.on_body_arg = fetch;
		if (status == LH_OK)
			status = lh_http_submit(ctx, obj->remote->net, &fetch->http);
	}
	for (int i = 0; i < begun && status == LH_OK; i++)
	{
		status = lh_http_wait(ctx, &fetches[i].http);
		if (fetches[i].http.state == LH_HTTP_DONE)
			status = check_answer(ctx, obj, &fetches[i].http);
	}
	for (int i = 0; i < begun; i++)
		lh_http_cancel(&fetches[i].http);
	return status;
}

/* Long reads in parts that can come side by side. */
static int
split_pieces(const LhRange *wanted, int n, LhRange *out)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		for (size_t at = 0; at < wanted[i].len;)
		{
			size_t len = wanted[i].len - at;

			if (len > (size_t) MAX_REQUEST)
				len = (size_t) MAX_REQUEST;
			out[count++] = (LhRange){wanted[i].offset + (int64_t) at, len, wanted[i].out + at};
			at += len;
		}
	return count;
}

static LhStatus
fetch_all(LhCtx *ctx, const RemoteObject *obj, const LhRange *wanted, int n)
{
	size_t most = 0;
	LhRange *pieces;
	Fetch *fetches;

	for (int i = 0; i < n; i++)
		most += wanted[i].len / (size_t) MAX_REQUEST + 1;
	LH_NEW_ARRAY(ctx, pieces, most + 1);
	n = split_pieces(wanted, n, pieces);
	qsort(pieces, (size_t) n, sizeof(*pieces), by_offset);
	LH_NEW_ARRAY(ctx, fetches, (size_t) n + 1);
	n = plan_fetches(pieces, n, fetches);
	return run_fetches(ctx, obj, fetches, n);
}

/*
 * Reading ahead
 */

static LhStatus
fill_block(LhCtx *ctx, void *arg, int64_t at, const uint8_t *bytes, size_t n)
{
	Block *block = arg;

	LH_COUNT(ctx, BYTES_READ, n);
	memcpy(block->buf.data + at, bytes, n);
	return LH_OK;
}

/* Release function of a block's arena, which may go before its object does. */
static void
unlink_block(void *arg)
{
	Block *block = arg;
	RemoteObject *obj = block->obj;

	for (Block **at = &obj->blocks; *at != NULL; at = &(*at)->next)
		if (*at == block)
		{
			*at = block->next;
			break;
		}
	obj->ahead -= block->len;
}

static void
drop_block(Block *block)
{
	lh_arena_destroy(block->arena);
}

static void
drop_ahead(LhObject *base)
{
	RemoteObject *obj = (RemoteObject *) base;

	while (obj->blocks != NULL)
		drop_block(obj->blocks);
}

/*
 * Bytes that may be read ahead now.  As for windows on columns: half of the
 * budget, while what is no floor stays an eighth of it.
 */
static int64_t
room_ahead(const RemoteObject *obj)
{
	const LhBudget *budget = lh_arena_budget(obj->base.arena);
	int64_t room = MAX_AHEAD - obj->ahead, extra;

	if (budget == NULL || budget->limit == 0)
		return room;
	extra = budget->floor < budget->used ? (int64_t) (budget->used - budget->floor) : 0;
	if (room > (int64_t) (budget->limit / 2) - (int64_t) budget->used)
		room = (int64_t) (budget->limit / 2) - (int64_t) budget->used;
	if (room > (int64_t) (budget->limit / 8) - extra)
		room = (int64_t) (budget->limit / 8) - extra;
	return room;
}

static LhStatus
start_block(LhCtx *ctx, RemoteObject *obj, LhArena *arena, int64_t offset, int64_t len)
{
	Block *block;

	LH_NEW(ctx, block);
	block->obj = obj;
	block->arena = arena;
	block->offset = offset;
	block->len = len;
	LH_TRY(lh_buf_init(ctx, &block->buf, false));
	LH_TRY(lh_buf_fit(ctx, &block->buf, (size_t) len));
	LH_TRY(prepare_get(ctx, obj, offset, len, &block->http));
	block->http.on_body = fill_block;
	block->http.on_body_arg = block;
	LH_TRY(lh_http_submit(ctx, obj->remote->net, &block->http));
	block->next = obj->blocks;
	obj->blocks = block;
	obj->ahead += len;
	LH_TRY(lh_arena_on_reset(ctx, arena, unlink_block, block));
	LH_COUNT(ctx, BYTES_AHEAD, (uint64_t) len);
	return LH_OK;
}

/* Begin a block if there is room; without it the read comes later. */
static LhStatus
fetch_ahead(LhCtx *ctx, RemoteObject *obj, int64_t offset, int64_t len)
{
	LhArena *arena, *old;
	LhStatus status;

	if (len <= 0 || len > room_ahead(obj))
		return LH_OK;
	arena = lh_arena_child(obj->base.arena);
	if (arena == NULL)
		return LH_OK;
	old = lh_use(ctx, arena);
	status = start_block(ctx, obj, arena, offset, len);
	lh_use(ctx, old);
	if (status == LH_OK)
		return LH_OK;
	lh_arena_destroy(arena);
	lh_error_clear(ctx);
	return LH_OK;
}

/* The block that holds this byte and was not yet read there. */
static Block *
find_block(const RemoteObject *obj, int64_t offset)
{
	for (Block *block = obj->blocks; block != NULL; block = block->next)
		if (offset >= block->offset && offset < block->offset + block->len)
			return block;
	return NULL;
}

/* Only what no block holds yet. */
static LhStatus
want_range(LhCtx *ctx, RemoteObject *obj, int64_t begin, int64_t end)
{
	if (begin < 0 || begin >= obj->base.id.size)
		return LH_OK;
	if (end > obj->base.id.size)
		end = obj->base.id.size;
	while (begin < end)
	{
		const Block *block = find_block(obj, begin);
		int64_t stop = end - begin > MAX_BLOCK ? begin + MAX_BLOCK : end;

		if (block != NULL)
		{
			begin = block->offset + block->len;
			continue;
		}
		for (const Block *b = obj->blocks; b != NULL; b = b->next)
			if (b->offset > begin && b->offset < stop)
				stop = b->offset;
		LH_TRY(fetch_ahead(ctx, obj, begin, stop - begin));
		begin = stop;
	}
	return LH_OK;
}

/* Sorted ranges; those that nearly touch are one block.  Each gets its share of the room. */
static LhStatus
want_sorted(LhCtx *ctx, RemoteObject *obj, const LhRange *sorted, int n)
{
	int64_t share = room_ahead(obj) / n;

	if (share < LEAST_BLOCK)
		return LH_OK;
	for (int i = 0, k; i < n; i = k)
	{
		int64_t begin = sorted[i].offset, end = begin, most;

		for (k = i; k < n && (k == i || sorted[k].offset <= end + MERGE_GAP); k++)
			if (sorted[k].offset + (int64_t) sorted[k].len > end)
				end = sorted[k].offset + (int64_t) sorted[k].len;
		most = share * (k - i);
		LH_TRY(want_range(ctx, obj, begin, end - begin > most ? begin + most : end));
	}
	return LH_OK;
}

static LhStatus
will_need(LhCtx *ctx, LhObject *base, int n, const LhRange *ranges)
{
	RemoteObject *obj = (RemoteObject *) base;
	LhArena *scratch = lh_arena_child(ctx->arena), *old;
	LhStatus status = LH_OK;
	LhRange *sorted;

	if (scratch == NULL)
		return LH_OK;
	lh_arena_as_floor(scratch);
	old = lh_use(ctx, scratch);
	sorted = lh_memdup(ctx, ranges, (size_t) n * sizeof(*ranges));
	lh_use(ctx, old);
	if (sorted == NULL)
		lh_error_clear(ctx);
	else
	{
		qsort(sorted, (size_t) n, sizeof(*sorted), by_offset);
		status = want_sorted(ctx, obj, sorted, n);
	}
	lh_arena_destroy(scratch);
	return status == LH_OK ? lh_http_progress(ctx, obj->remote->net) : status;
}

/*
 * Take what blocks hold of a range; the rest becomes at most n + 1 pieces.  A
 * block is waited for only when its bytes are wanted.
 */
static LhStatus
take_from_blocks(LhCtx *ctx, RemoteObject *obj, LhRange range, LhRange *rest, int *nrest)
{
	int64_t at = range.offset, end = range.offset + (int64_t) range.len;

	while (at < end)
	{
		Block *block = find_block(obj, at);
		int64_t stop = end;
		LhStatus status;

		if (block == NULL)
		{
			for (const Block *b = obj->blocks; b != NULL; b = b->next)
				if (b->offset > at && b->offset < stop)
					stop = b->offset;
			rest[(*nrest)++] =
				(LhRange){at, (size_t) (stop - at), range.out + (at - range.offset)};
			at = stop;
			continue;
		}
		status = lh_http_wait(ctx, &block->http);
		if (status == LH_CANCELLED)
			return status;
		if (status == LH_OK)
			status = check_answer(ctx, obj, &block->http);
		if (status != LH_OK)
		{
			lh_error_clear(ctx);
			drop_block(block);
			continue;
		}
		if (block->offset + block->len < stop)
			stop = block->offset + block->len;
		memcpy(range.out + (at - range.offset), block->buf.data + (at - block->offset),
			   (size_t) (stop - at));
		block->used += stop - at;
		if (block->used >= block->len)
			drop_block(block);
		at = stop;
	}
	return LH_OK;
}

static int
count_blocks(const RemoteObject *obj)
{
	int n = 0;

	for (const Block *b = obj->blocks; b != NULL; b = b->next)
		n++;
	return n;
}

static LhStatus
read_ranges(LhCtx *ctx, RemoteObject *obj, int n, const LhRange *ranges)
{
	LhRange *rest;
	int nrest = 0;

	LH_NEW_ARRAY(ctx, rest, ((size_t) count_blocks(obj) + 1) * (size_t) n + 1);
	for (int i = 0; i < n; i++)
	{
		const LhRange *r = &ranges[i];

		if (r->offset < 0 || r->offset > obj->base.id.size ||
			r->len > (uint64_t) (obj->base.id.size - r->offset))
			LH_FAIL(ctx, LH_CORRUPT, "\"%s\" ends at byte %lld, but %zu bytes at %lld are wanted",
					obj->path.path, (long long) obj->base.id.size, r->len, (long long) r->offset);
		LH_TRY(take_from_blocks(ctx, obj, *r, rest, &nrest));
		LH_COUNT(ctx, READS, 1);
	}
	return nrest > 0 ? fetch_all(ctx, obj, rest, nrest) : LH_OK;
}

static LhStatus
read_many(LhCtx *ctx, LhObject *base, int n, const LhRange *ranges)
{
	LhArena *scratch = lh_arena_child(ctx->arena), *old;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(scratch);
	old = lh_use(ctx, scratch);
	status = lh_poll(ctx);
	if (status == LH_OK)
		status = read_ranges(ctx, (RemoteObject *) base, n, ranges);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

static LhStatus
read_one(LhCtx *ctx, LhObject *obj, int64_t offset, size_t len, uint8_t *out)
{
	LhRange range = {offset, len, out};

	return read_many(ctx, obj, 1, &range);
}

/*
 * Opening
 */

static void
release(void *arg)
{
	drop_ahead(arg);
}

static const LhObjectVtable remote_vtable = {
	.read = read_one,
	.read_many = read_many,
	.will_need = will_need,
	.drop_ahead = drop_ahead,
	.release = release,
};

/* A version by ETag, else by time, else none that could be checked. */
static LhStatus
set_version(LhCtx *ctx, RemoteObject *obj, const LhRemoteInfo *info)
{
	obj->base.id.etag = "";
	if (info->etag[0] != '\0')
	{
		obj->etag = obj->base.id.etag = lh_strdup(ctx, info->etag);
		/* a weak one matches nothing, by its definition */
		if (info->etag[0] == '"')
		{
			obj->if_match = lh_sprintf(ctx, "If-Match: %s", info->etag);
			if (obj->if_match == NULL)
				return ctx->error->code;
		}
	}
	else if (info->modified[0] != '\0')
		obj->modified = obj->base.id.etag = lh_strdup(ctx, info->modified);
	return obj->base.id.etag == NULL ? ctx->error->code : LH_OK;
}

LhStatus
lh_remote_object_open(LhCtx *ctx, LhStore *store, LhScheme scheme, const char *path,
					  LhObject **out)
{
	const LhRemoteInfo *known;
	LhRemoteInfo info;
	LhRemote *remote;
	RemoteObject *obj;

	LH_TRY(lh_store_remote(ctx, store, &remote));
	LH_NEW(ctx, obj);
	obj->base.vtable = &remote_vtable;
	obj->base.arena = ctx->arena;
	obj->remote = remote;
	LH_TRY(lh_remote_split(ctx, scheme, path, &obj->path));
	known = lh_remote_known(remote, path);
	if (known == NULL)
	{
		LH_TRY(lh_remote_head(ctx, remote, &obj->path, &info));
		known = &info;
	}
	obj->base.id.path = path;
	obj->base.id.size = known->size;
	obj->base.id.scope = remote->scope;
	LH_TRY(set_version(ctx, obj, known));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, obj));
	*out = &obj->base;
	return LH_OK;
}
