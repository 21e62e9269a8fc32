/*
 * unfinished.c
 *		Transactions before their end: blocks, what is taken back, prepared ones.
 *
 * What the server sends is checked for sense, as a frame in the wrong place would become
 * an event at a wrong position, or none.
 */
#include "client/unfinished.h"

#include "client/ranges.h"
#include "client/unfinished_store.h"
#include "core/core.h"

/* A name has at most 200 bytes on the server; it may have become longer in UTF-8. */
#define GID_MAX 1000

struct LhUnfinishedTxn
{
	LhUnfinishedTxn *next;
	LhArena *arena; /* of all of it */
	uint32_t xid;
	uint64_t number; /* of the last event */
	bool prepared;
	LhUnfinishedStore store;
	LhRanges back;
	size_t counted; /* of the room's memory, for ranges and itself */
	LhRangesAt at;  /* of the one reading */
	/* of PREPARE */
	uint64_t lsn, ordinal;
	int64_t time;
	const char *gid;
};

/* Of a prepared transaction that was decided. */
typedef struct Decided
{
	uint64_t lsn; /* where its PREPARE begins */
	uint64_t end; /* of its COMMIT PREPARED */
} Decided;

struct LhUnfinished
{
	LhUnfinishedRoom room;
	LhArena *arena;
	LhUnfinishedTxn *txns;
	LhUnfinishedTxn *block; /* that is being told; NULL: none */
	LhBuf decided;          /* Decided, whose changes may not be durable yet */
	char gid[GID_MAX + 1];  /* of an unknown one */
};

LhStatus
lh_unfinished_create(LhCtx *ctx, const LhUnfinishedConfig *config, LhUnfinished **out)
{
	LhUnfinished *u;

	LH_NEW(ctx, u);
	u->room.config = *config;
	u->arena = ctx->arena;
	LH_TRY(lh_buf_init(ctx, &u->decided, false));
	*out = u;
	return LH_OK;
}

/* ---- transactions that there are ---- */

static LhUnfinishedTxn **
place_of(LhUnfinished *u, uint32_t xid)
{
	LhUnfinishedTxn **p = &u->txns;

	while (*p != NULL && (*p)->xid != xid)
		p = &(*p)->next;
	return p;
}

static void
forget(LhUnfinished *u, uint32_t xid)
{
	LhUnfinishedTxn **p = place_of(u, xid), *t = *p;

	if (t == NULL)
		return;
	*p = t->next;
	lh_unfinished_store_leave(&t->store);
	u->room.memory -= t->counted;
	lh_arena_destroy(t->arena);
}

void
lh_unfinished_forget(LhUnfinished *u)
{
	while (u->txns != NULL)
		forget(u, u->txns->xid);
	u->block = NULL;
	u->decided.len = 0;
}

/* In the arena of the transaction-to-be. */
static LhStatus
make(LhCtx *ctx, LhUnfinished *u, uint32_t xid, LhUnfinishedTxn **out)
{
	LhUnfinishedTxn *t;

	LH_NEW(ctx, t);
	t->arena = ctx->arena;
	t->xid = xid;
	LH_TRY(lh_ranges_init(ctx, &t->back));
	LH_TRY(lh_unfinished_store_init(ctx, &u->room, &t->store));
	*out = t;
	return LH_OK;
}

/* A new one, in place of what there was of it. */
static LhStatus
begin(LhCtx *ctx, LhUnfinished *u, uint32_t xid, LhUnfinishedTxn **out)
{
	LhArena *arena, *old;
	LhStatus status;

	forget(u, xid);
	arena = lh_arena_child(u->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	status = make(ctx, u, xid, out);
	lh_use(ctx, old);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		return status;
	}
	(*out)->next = u->txns;
	u->txns = *out;
	(*out)->counted = lh_arena_used(arena);
	u->room.memory += (*out)->counted;
	return LH_OK;
}

/* ---- room ---- */

static LhUnfinishedTxn *
largest(const LhUnfinished *u)
{
	LhUnfinishedTxn *found = NULL;

	for (LhUnfinishedTxn *t = u->txns; t != NULL; t = t->next)
	{
		if (t->store.tail.len > 0 && (found == NULL || t->store.tail.cap > found->store.tail.cap))
			found = t;
	}
	return found;
}

/*
 * So many bytes more fit into memory, if need be as others go to their files.  Those with
 * most go first, so that blocks are large and files few.
 */
static LhStatus
make_room(LhCtx *ctx, LhUnfinished *u, size_t bytes)
{
	const LhUnfinishedConfig *c = &u->room.config;

	while (bytes > c->memory || u->room.memory > c->memory - bytes)
	{
		LhUnfinishedTxn *t = c->dir != NULL ? largest(u) : NULL;

		if (t == NULL)
		{
			lh_fail(ctx, LH_LIMIT, "transactions that are not finished take more than %zu bytes%s",
					c->memory,
					c->dir != NULL ? " beside their changes" : ", and there is no spool");
			lh_hint(ctx,
					c->dir != NULL
						? "Allow them more by --unfinished-memory."
						: "Allow files by --spool DIR and --unfinished-size, or more memory by "
						  "--unfinished-memory.");
			return LH_LIMIT;
		}
		LH_TRY(lh_unfinished_store_spill(ctx, &t->store));
	}
	return LH_OK;
}

/* ---- frames ---- */

static LhStatus
misplaced(LhCtx *ctx, const LhFrame *f, const char *why)
{
	return lh_fail(
		ctx, LH_CORRUPT,
		"change frame of kind %d, number %llu, of transaction %u, which is not finished: %s",
		f->kind, (unsigned long long) f->pos.ordinal, f->pos.xid, why);
}

/* Numbers that a frame takes back. */
static LhStatus
take_back(LhCtx *ctx, LhUnfinished *u, LhUnfinishedTxn *t, LhSlice pairs)
{
	size_t before = lh_ranges_bytes(&t->back);
	LhStatus status = LH_OK;

	for (size_t i = 0; i < pairs.len && status == LH_OK; i += 16)
		status = lh_ranges_add(ctx, &t->back, lh_load_u64(pairs.data + i),
							   lh_load_u64(pairs.data + i + 8));
	t->counted += lh_ranges_bytes(&t->back) - before;
	u->room.memory += lh_ranges_bytes(&t->back) - before;
	LH_TRY(status);
	return make_room(ctx, u, 0);
}

/* The one message that such a frame may have; gid and pairs are empty where it says nothing of them. */
static LhStatus
read_message(LhCtx *ctx, const LhFrame *f, LhSlice *gid, LhSlice *pairs)
{
	LhFrameMessage m;
	size_t at = 0;

	*gid = *pairs = lh_slice("", 0);
	if (f->nmessages > 0)
	{
		LH_TRY(lh_frame_message(ctx, f->body, &at, &m));
		if (m.format != LH_MESSAGE_UNFINISHED || m.value.len % 16 != 0 || m.key.len > GID_MAX ||
			memchr(m.key.data, '\0', m.key.len) != NULL)
			return misplaced(ctx, f, "what it says is no name and no ranges");
		*gid = m.key;
		*pairs = m.value;
	}
	if (f->nmessages > 1 || at != f->body.len)
		return misplaced(ctx, f, "it has more than one message");
	return LH_OK;
}

static LhStatus
take_start(LhCtx *ctx, LhUnfinished *u, const LhFrame *f, LhSlice pairs)
{
	LhUnfinishedTxn *t = *place_of(u, f->pos.xid);

	if (f->pos.xid == 0)
		return misplaced(ctx, f, "it has no number");
	if ((f->flags & LH_FRAME_FIRST) != 0)
		LH_TRY(begin(ctx, u, f->pos.xid, &t));
	else if (t == NULL || t->prepared)
		return misplaced(ctx, f, "a block that is not the first, of one that was not begun");
	u->block = t;
	return take_back(ctx, u, t, pairs);
}

static LhStatus
take_abort(LhCtx *ctx, LhUnfinished *u, const LhFrame *f, LhSlice pairs)
{
	LhUnfinishedTxn *t = *place_of(u, f->pos.xid);

	if (t == NULL || t->prepared)
		return misplaced(ctx, f, "it takes back what was not told");
	if ((uint32_t) f->commit_time == f->pos.xid)
	{
		forget(u, f->pos.xid);
		return LH_OK;
	}
	return take_back(ctx, u, t, pairs);
}

/* All that went is known: its events can be read. */
static void
ready(LhUnfinishedTxn *t, const LhFrame *f, uint64_t ordinal, LhUnfinishedEnd *end)
{
	lh_ranges_settle(&t->back);
	end->txn = t;
	end->pos = (LhChangePos){f->pos.commit_end, ordinal, f->pos.xid};
	end->commit_time = f->commit_time;
}

static LhStatus
take_commit(LhCtx *ctx, LhUnfinished *u, const LhFrame *f, LhUnfinishedEnd *end)
{
	LhUnfinishedTxn *t = *place_of(u, f->pos.xid);

	if (t == NULL || t->prepared || f->pos.commit_end == 0)
		return misplaced(ctx, f, "it ends what was not told");
	ready(t, f, f->pos.ordinal, end);
	return LH_OK;
}

/* Also of a transaction without events, of which no block came. */
static LhStatus
take_prepare(LhCtx *ctx, LhUnfinished *u, const LhFrame *f, LhSlice gid)
{
	LhUnfinishedTxn *t = *place_of(u, f->pos.xid);
	LhArena *old;

	if (gid.len == 0 || f->lsn == 0 || f->pos.xid == 0)
		return misplaced(ctx, f, "a prepared one has a name and a position");
	if (t == NULL || t->prepared)
		LH_TRY(begin(ctx, u, f->pos.xid, &t));
	old = lh_use(ctx, t->arena);
	t->gid = lh_strndup(ctx, (const char *) gid.data, gid.len);
	lh_use(ctx, old);
	if (t->gid == NULL)
		return ctx->error->code;
	t->prepared = true;
	t->lsn = f->lsn;
	t->ordinal = f->pos.ordinal;
	t->time = f->commit_time;
	return LH_OK;
}

static LhStatus
take_decision(LhCtx *ctx, LhUnfinished *u, const LhFrame *f, LhSlice gid, LhUnfinishedEnd *end)
{
	LhUnfinishedTxn *t = *place_of(u, f->pos.xid);

	if (gid.len == 0 || f->pos.commit_end == 0)
		return misplaced(ctx, f, "a decision has a name and a position");
	if (t != NULL &&
		(!t->prepared || strlen(t->gid) != gid.len || memcmp(t->gid, gid.data, gid.len) != 0))
		return misplaced(ctx, f, "it was not prepared by that name");
	if (f->kind == LH_CHANGE_ROLLBACK_PREPARED)
	{
		/* of one that was prepared before the slot was made nothing came */
		forget(u, f->pos.xid);
		return LH_OK;
	}
	if (t != NULL)
	{
		ready(t, f, t->ordinal, end);
		return LH_OK;
	}
	memcpy(u->gid, gid.data, gid.len);
	u->gid[gid.len] = '\0';
	end->gid = u->gid;
	end->pos = f->pos;
	end->unknown = true;
	return LH_OK;
}

/* An event of the block. */
static LhStatus
take_event(LhCtx *ctx, LhUnfinished *u, const LhFrame *f)
{
	LhUnfinishedTxn *t = u->block;

	if (t == NULL || t->xid != f->pos.xid)
		return misplaced(ctx, f, "it stands outside of its block");
	if ((f->flags & LH_FRAME_UNFINISHED) == 0 || f->pos.commit_end != 0 ||
		f->kind == LH_CHANGE_BEGIN || f->kind == LH_CHANGE_COMMIT || f->kind == LH_CHANGE_READ ||
		f->kind == LH_CHANGE_PROGRESS ||
		(f->kind == LH_CHANGE_MESSAGE && (f->flags & LH_FRAME_TRANSACTIONAL) == 0))
		return misplaced(ctx, f, "it is none of a block");
	/* the schema before a row has the row's number */
	if (f->pos.ordinal == 0 || f->pos.ordinal < t->number)
		return misplaced(ctx, f, "numbers ascend");
	t->number = f->pos.ordinal;
	LH_TRY(make_room(ctx, u, lh_unfinished_store_cost(&u->room, f)));
	return lh_unfinished_store_add(ctx, &t->store, f);
}

LhStatus
lh_unfinished_take(LhCtx *ctx, LhUnfinished *u, const LhFrame *f, LhUnfinishedEnd *end)
{
	LhSlice gid, pairs;

	*end = (LhUnfinishedEnd){0};
	if (!LH_CHANGE_IS_UNFINISHED(f->kind))
		return take_event(ctx, u, f);
	LH_TRY(read_message(ctx, f, &gid, &pairs));
	if (f->kind == LH_CHANGE_STREAM_STOP)
	{
		if (u->block == NULL || u->block->xid != f->pos.xid)
			return misplaced(ctx, f, "it ends a block that was not begun");
		u->block = NULL;
		return LH_OK;
	}
	if (u->block != NULL)
		return misplaced(ctx, f, "it stands in a block");
	switch (f->kind)
	{
		case LH_CHANGE_STREAM_START: return take_start(ctx, u, f, pairs);
		case LH_CHANGE_STREAM_ABORT: return take_abort(ctx, u, f, pairs);
		case LH_CHANGE_STREAM_COMMIT: return take_commit(ctx, u, f, end);
		case LH_CHANGE_PREPARE: return take_prepare(ctx, u, f, gid);
		default: return take_decision(ctx, u, f, gid, end);
	}
}

uint32_t
lh_unfinished_block(const LhUnfinished *u)
{
	return u->block != NULL ? u->block->xid : 0;
}

/* ---- what ended ---- */

LhStatus
lh_unfinished_next(LhCtx *ctx, const LhUnfinishedEnd *end, LhFrame *f, bool *over)
{
	LhUnfinishedTxn *t = end->txn;
	uint64_t gone;

	do
	{
		LH_TRY(lh_unfinished_store_next(ctx, &t->store, f, over));
		if (*over)
			return LH_OK;
	} while (lh_ranges_taken(&t->back, &t->at, f->pos.ordinal, &gone));
	f->flags &= (uint8_t) ~LH_FRAME_UNFINISHED;
	f->pos.commit_end = end->pos.commit_end;
	f->pos.ordinal -= gone;
	f->pos.xid = t->xid;
	f->commit_time = end->commit_time;
	return LH_OK;
}

LhStatus
lh_unfinished_end(LhCtx *ctx, LhUnfinished *u, const LhUnfinishedEnd *end)
{
	if (end->txn->prepared)
	{
		Decided d = {end->txn->lsn, end->pos.commit_end};

		LH_TRY(lh_buf_append(ctx, &u->decided, &d, sizeof(d)));
	}
	forget(u, end->txn->xid);
	return LH_OK;
}

/* ---- positions ---- */

/* One that is not decided has no end. */
static bool
holds(uint64_t lsn, uint64_t end, uint64_t confirmed)
{
	return confirmed > lsn && (end == 0 || confirmed < end);
}

uint64_t
lh_unfinished_clamp(const LhUnfinished *u, uint64_t lsn)
{
	const Decided *d = (const Decided *) u->decided.data;
	size_t n = u->decided.len / sizeof(*d);
	uint64_t was;

	/* as it gets less it may fall below the end of another */
	do
	{
		was = lsn;
		for (const LhUnfinishedTxn *t = u->txns; t != NULL; t = t->next)
		{
			if (t->prepared && holds(t->lsn, 0, lsn))
				lsn = t->lsn;
		}
		for (size_t i = 0; i < n; i++)
		{
			if (holds(d[i].lsn, d[i].end, lsn))
				lsn = d[i].lsn;
		}
	} while (lsn < was);
	return lsn;
}

void
lh_unfinished_confirmed(LhUnfinished *u, uint64_t lsn)
{
	Decided *d = (Decided *) u->decided.data;
	size_t n = u->decided.len / sizeof(*d), kept = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (lsn < d[i].end)
			d[kept++] = d[i];
	}
	u->decided.len = kept * sizeof(*d);
}

void
lh_unfinished_stats(const LhUnfinished *u, LhUnfinishedStats *stats)
{
	const Decided *d = (const Decided *) u->decided.data;

	*stats = (LhUnfinishedStats){
		.memory = u->room.memory, .spooled = u->room.spooled, .written = u->room.written};
	for (const LhUnfinishedTxn *t = u->txns; t != NULL; t = t->next)
	{
		stats->running += !t->prepared;
		stats->prepared += t->prepared;
		if (t->prepared && (stats->held_lsn == 0 || t->lsn < stats->held_lsn))
		{
			stats->held_lsn = t->lsn;
			stats->held_time = t->time;
			stats->held_gid = t->gid;
		}
	}
	for (size_t i = 0; i < u->decided.len / sizeof(*d); i++)
	{
		if (stats->held_lsn == 0 || d[i].lsn < stats->held_lsn)
		{
			stats->held_lsn = d[i].lsn;
			stats->held_time = 0;
			stats->held_gid = NULL;
		}
	}
}
