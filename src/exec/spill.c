/*
 * spill.c
 *		Records in partitions of a temporary file.
 *
 * Each partition has a buffer.  A full one is written to the end of the file as
 * a chunk that says how long it is and where the partition's chunk before it
 * lies, so that nothing about chunks is kept in memory; reading follows the
 * chain backwards.  A record that is larger than a buffer is a chunk by itself.
 */
#include "exec/spill.h"

#include <string.h>

#define BUFFER_SIZE 4096

typedef struct Chunk
{
	int64_t before; /* offset of the chunk before it, -1: none */
	uint64_t len;   /* of its records */
} Chunk;

typedef struct Part
{
	int64_t last; /* its last chunk, -1: none */
	size_t len;   /* of the buffer */
	uint8_t *buffer;
} Part;

struct LhSpill
{
	LhArena *arena; /* holds all of this */
	const LhHost *host;
	void *host_arg;
	int file;    /* of the host */
	int64_t end; /* of the file */
	LhBuf chunk; /* being read */
	Part parts[LH_SPILL_PARTS];
};

static void
close_file(void *arg)
{
	const LhSpill *s = arg;

	lh_host_temp_close(s->host, s->host_arg, s->file);
}

static LhStatus
open_spill(LhCtx *ctx, LhArena *arena, LhSpill **out)
{
	LhSpill *s;
	uint8_t *buffers;

	LH_NEW(ctx, s);
	LH_ALLOC(ctx, buffers, (size_t) LH_SPILL_PARTS * BUFFER_SIZE);
	s->arena = arena;
	for (int i = 0; i < LH_SPILL_PARTS; i++)
		s->parts[i] = (Part){.last = -1, .buffer = buffers + (size_t) i * BUFFER_SIZE};
	LH_TRY(lh_buf_init(ctx, &s->chunk, true));
	s->host = ctx->host;
	s->host_arg = ctx->host_arg;
	LH_TRY(lh_host_temp_file(ctx, &s->file));
	LH_TRY(lh_arena_on_reset(ctx, arena, close_file, s));
	*out = s;
	return LH_OK;
}

LhStatus
lh_spill_create(LhCtx *ctx, LhSpill **out)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	status = open_spill(ctx, arena, out);
	lh_use(ctx, old);
	if (status != LH_OK)
		lh_arena_destroy(arena);
	return status;
}

void
lh_spill_destroy(LhSpill *s)
{
	if (s != NULL)
		lh_arena_destroy(s->arena);
}

static LhStatus
write_all(LhCtx *ctx, LhSpill *s, const void *p, size_t n)
{
	LH_TRY(lh_host_temp_write(ctx, s->file, p, n, s->end));
	s->end += (int64_t) n;
	LH_COUNT(ctx, BYTES_SPILLED, n);
	return LH_OK;
}

/* Write a chunk of one or two pieces. */
static LhStatus
write_chunk(LhCtx *ctx, LhSpill *s, Part *part, const void *a, size_t na, const void *b, size_t nb)
{
	Chunk head = {part->last, na + nb};
	int64_t at = s->end;

	LH_TRY(lh_poll(ctx));
	LH_TRY(write_all(ctx, s, &head, sizeof(head)));
	LH_TRY(write_all(ctx, s, a, na));
	LH_TRY(write_all(ctx, s, b, nb));
	part->last = at;
	return LH_OK;
}

LhStatus
lh_spill_put(LhCtx *ctx, LhSpill *s, int part_no, const void *head, size_t nhead, const void *body,
			 size_t nbody)
{
	Part *part = &s->parts[part_no];

	if (nhead + nbody > BUFFER_SIZE)
		return write_chunk(ctx, s, part, head, nhead, body, nbody);
	if (part->len + nhead + nbody > BUFFER_SIZE)
	{
		LH_TRY(write_chunk(ctx, s, part, part->buffer, part->len, NULL, 0));
		part->len = 0;
	}
	memcpy(part->buffer + part->len, head, nhead);
	if (nbody > 0)
		memcpy(part->buffer + part->len + nhead, body, nbody);
	part->len += nhead + nbody;
	return LH_OK;
}

LhStatus
lh_spill_read(LhCtx *ctx, LhSpill *s, int part_no, LhSpillFn fn, void *arg)
{
	const Part *part = &s->parts[part_no];

	if (part->len > 0)
		LH_TRY(fn(ctx, arg, part->buffer, part->len));
	for (int64_t at = part->last; at >= 0;)
	{
		Chunk head;

		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_host_temp_read(ctx, s->file, &head, sizeof(head), at));
		LH_TRY(lh_buf_fit(ctx, &s->chunk, head.len));
		LH_TRY(lh_host_temp_read(ctx, s->file, s->chunk.data, head.len,
								 at + (int64_t) sizeof(head)));
		LH_TRY(fn(ctx, arg, s->chunk.data, head.len));
		at = head.before;
	}
	return LH_OK;
}

bool
lh_spill_is_empty(const LhSpill *s, int part)
{
	return s->parts[part].len == 0 && s->parts[part].last < 0;
}
