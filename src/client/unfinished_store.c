/*
 * unfinished_store.c
 *		A transaction's frames: written one behind the other, read once.
 *
 * Small transactions never see a file.  When the memory of all is used up, unfinished.c
 * chooses who makes room; a frame that is large goes to the file by itself.
 */
#include "client/unfinished_store.h"

#include "core/core.h"

/* A block has so many bytes, unless one frame has more. */
#define BLOCK ((size_t) 256 << 10)
/* A frame of more is a block of its own, and is never copied in memory. */
#define LARGE ((size_t) 512 << 10)
#define HEAD  32

typedef struct Block
{
	uint32_t bytes; /* a frame's body has less than 4 GB: put_head */
	uint32_t crc;
} Block;

static void
close_file(void *arg)
{
	lh_spool_close(arg);
}

LhStatus
lh_unfinished_store_init(LhCtx *ctx, LhUnfinishedRoom *room, LhUnfinishedStore *s)
{
	memset(s, 0, sizeof(*s));
	s->room = room;
	s->arena = ctx->arena;
	s->file.fd = -1;
	LH_TRY(lh_buf_init(ctx, &s->tail, false));
	LH_TRY(lh_buf_init(ctx, &s->blocks, false));
	return lh_buf_init(ctx, &s->block, false);
}

/* What buffers have taken, or given back, is the room's. */
static void
count_memory(LhUnfinishedStore *s)
{
	size_t now = s->tail.cap + s->blocks.cap;

	s->room->memory += now;
	s->room->memory -= s->counted;
	s->counted = now;
}

void
lh_unfinished_store_leave(LhUnfinishedStore *s)
{
	s->room->memory -= s->counted;
	s->room->spooled -= s->file_bytes;
	s->counted = 0;
	s->file_bytes = 0;
}

/* ---- writing ---- */

/* It goes to the file at once. */
static bool
is_large(const LhUnfinishedRoom *room, const LhFrame *f)
{
	return room->config.dir != NULL &&
		   (f->body.len > LARGE || HEAD + f->body.len > room->config.memory / 4);
}

size_t
lh_unfinished_store_cost(const LhUnfinishedRoom *room, const LhFrame *f)
{
	return is_large(room, f) ? 0 : HEAD + f->body.len;
}

static LhStatus
put_head(LhCtx *ctx, const LhFrame *f, uint8_t head[HEAD])
{
	const uint32_t n = (uint32_t) (HEAD - 4 + f->body.len);
	const uint64_t number = f->pos.ordinal, lsn = f->lsn;

	if (f->body.len > UINT32_MAX - HEAD)
		LH_FAIL(ctx, LH_LIMIT,
				"a change of %zu bytes in transaction %u, which is not finished: the limit is 4 GB",
				f->body.len, f->pos.xid);
	memcpy(head, &n, 4);
	head[4] = f->kind;
	head[5] = f->flags;
	memcpy(head + 6, &f->nmessages, 2);
	memcpy(head + 8, &f->relid, 4);
	memcpy(head + 12, &f->generation, 4);
	memcpy(head + 16, &number, 8);
	memcpy(head + 24, &lsn, 8);
	return LH_OK;
}

/* The error that the file system's is; it counts what is there already. */
static LhStatus
no_room(LhCtx *ctx, const LhUnfinishedStore *s, size_t n, bool full)
{
	const LhUnfinishedRoom *room = s->room;

	if (full)
	{
		lh_fail(ctx, LH_IO,
				"the file system of \"%s\" has no room for %zu more bytes of transactions that are "
				"not finished, which take %llu there",
				room->config.dir, n, (unsigned long long) room->spooled);
		lh_hint(ctx, "Make room there, or name another directory by --spool.");
		return LH_IO;
	}
	lh_fail(ctx, LH_LIMIT,
			"transactions that are not finished take more than %llu bytes of files in \"%s\"",
			(unsigned long long) room->config.size, room->config.dir);
	lh_hint(ctx, "Allow them more by --unfinished-size, end what runs or is prepared on the "
				 "server, or stream without --streaming.");
	return LH_LIMIT;
}

/* A block of one or two pieces, at the end of the file. */
static LhStatus
write_block(LhCtx *ctx, LhUnfinishedStore *s, LhSlice a, LhSlice b)
{
	Block block = {.bytes = (uint32_t) (a.len + b.len),
				   .crc = lh_crc32_more(lh_crc32_more(0, a.data, a.len), b.data, b.len)};
	bool full = false;

	if (block.bytes > s->room->config.size || s->room->spooled > s->room->config.size - block.bytes)
		return no_room(ctx, s, block.bytes, false);
	if (s->file.fd < 0)
	{
		LH_TRY(lh_spool_open(ctx, s->room->config.dir, s->room->config.size, &s->file));
		LH_TRY(lh_arena_on_reset(ctx, s->arena, close_file, &s->file));
	}
	LH_TRY(lh_spool_write(ctx, &s->file, s->file_bytes, a.data, a.len, &full));
	if (!full && b.len > 0)
		LH_TRY(lh_spool_write(ctx, &s->file, s->file_bytes + a.len, b.data, b.len, &full));
	if (full)
		return no_room(ctx, s, block.bytes, true);
	LH_TRY(lh_buf_append(ctx, &s->blocks, &block, sizeof(block)));
	s->file_bytes += block.bytes;
	s->room->spooled += block.bytes;
	s->room->written += block.bytes;
	return LH_OK;
}

LhStatus
lh_unfinished_store_spill(LhCtx *ctx, LhUnfinishedStore *s)
{
	size_t from = 0;

	while (from < s->tail.len)
	{
		size_t to = from;

		while (to < s->tail.len && to - from < BLOCK)
			to += 4 + (size_t) lh_load_u32(s->tail.data + to);
		LH_TRY(write_block(ctx, s, lh_slice(s->tail.data + from, to - from), lh_slice(NULL, 0)));
		from = to;
	}
	lh_buf_free(&s->tail);
	count_memory(s);
	return LH_OK;
}

LhStatus
lh_unfinished_store_add(LhCtx *ctx, LhUnfinishedStore *s, const LhFrame *f)
{
	uint8_t head[HEAD];

	LH_TRY(put_head(ctx, f, head));
	if (is_large(s->room, f))
	{
		LH_TRY(lh_unfinished_store_spill(ctx, s));
		LH_TRY(write_block(ctx, s, lh_slice(head, HEAD), f->body));
	}
	else
	{
		LH_TRY(lh_buf_append(ctx, &s->tail, head, HEAD));
		LH_TRY(lh_buf_append(ctx, &s->tail, f->body.data, f->body.len));
	}
	count_memory(s);
	return LH_OK;
}

/* ---- reading ---- */

/* What to read next: a block, then what is still in memory. */
static LhStatus
next_view(LhCtx *ctx, LhUnfinishedStore *s)
{
	const Block *blocks = (const Block *) s->blocks.data;
	const Block *b = &blocks[s->next_block];

	if (s->next_block == s->blocks.len / sizeof(Block))
	{
		s->in_tail = true;
		s->view = lh_slice(s->tail.data, s->tail.len);
		return LH_OK;
	}
	LH_TRY(lh_buf_fit(ctx, &s->block, b->bytes));
	LH_TRY(lh_spool_read(ctx, &s->file, s->file_at, s->block.data, b->bytes, b->crc));
	s->block.len = b->bytes;
	s->file_at += b->bytes;
	s->next_block++;
	s->view = lh_slice(s->block.data, b->bytes);
	return LH_OK;
}

LhStatus
lh_unfinished_store_next(LhCtx *ctx, LhUnfinishedStore *s, LhFrame *f, bool *over)
{
	const uint8_t *p;
	size_t n;

	while (s->view.len == 0 && !s->in_tail)
		LH_TRY(next_view(ctx, s));
	*over = s->view.len == 0;
	if (*over)
		return LH_OK;
	p = s->view.data;
	n = s->view.len >= HEAD ? 4 + (size_t) lh_load_u32(p) : 0;
	if (n < HEAD || n > s->view.len)
		LH_FAIL(ctx, LH_BUG, "a change of %zu bytes where %zu were kept", n, s->view.len);
	*f = (LhFrame){.kind = p[4],
				   .flags = p[5],
				   .nmessages = lh_load_u16(p + 6),
				   .relid = lh_load_u32(p + 8),
				   .generation = lh_load_u32(p + 12),
				   .pos.ordinal = lh_load_u64(p + 16),
				   .lsn = lh_load_u64(p + 24),
				   .nparts = 1,
				   .body = lh_slice(p + HEAD, n - HEAD)};
	s->view = lh_slice(p + n, s->view.len - n);
	return LH_OK;
}
