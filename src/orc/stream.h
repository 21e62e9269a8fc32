/*
 * stream.h
 *		Internal: the bytes of one stream of a column, decompressed as they are asked for.
 */
#ifndef LH_ORC_STREAM_H
#define LH_ORC_STREAM_H

#include "orc/meta.h"

/* Buffers larger than this are the budget's decision, not part of the floor. */
#define LH_ORC_FLOOR ((size_t) 16 << 20)

typedef struct LhOrcStream
{
	LhOrcFile *file;
	int kind;
	int64_t offset; /* in the file */
	int64_t length;
	bool compressed;
	LhBlockCodec codec;

	const uint8_t *p; /* the bytes that come next; LH_PADDING more may be read */
	const uint8_t *end;
	int64_t next;	/* place in the stream of what follows end (compressed: a chunk's header) */

	int64_t chunk;	/* compressed: place of the chunk that end belongs to; -1: none */
	const uint8_t *chunk_begin; /* its bytes, as far as they are still there */
	LhBuf raw;		/* bytes [raw_at, raw_at + raw_len) of the stream */
	int64_t raw_at;
	size_t raw_len;
	LhBuf out;		/* decompressed */
} LhOrcStream;

/* A stream in ctx->arena that stands at its begin; info may be NULL: an empty one. */
extern LhStatus lh_orc_stream_init(LhCtx *ctx, LhOrcStream *s, LhOrcFile *file, int kind, const LhOrcStreamInfo *info);

/*
 * Have n bytes at s->p in one piece, or all that are left: then end - p is less.
 * What s->p pointed at before is gone.
 */
extern LhStatus lh_orc_stream_fill(LhCtx *ctx, LhOrcStream *s, size_t n);

static inline size_t
lh_orc_stream_have(const LhOrcStream *s)
{
	return (size_t) (s->end - s->p);
}

/* As fill, but fewer are an error. */
static inline LhStatus
lh_orc_stream_peek(LhCtx *ctx, LhOrcStream *s, size_t n)
{
	return lh_orc_stream_have(s) >= n ? LH_OK : lh_orc_stream_fill(ctx, s, n);
}

/* At least n bytes, or the error that the stream ends. */
extern LhStatus lh_orc_stream_need(LhCtx *ctx, LhOrcStream *s, size_t n);

/* Pass n bytes; chunks that say how large they are, are not decompressed. */
extern LhStatus lh_orc_stream_skip(LhCtx *ctx, LhOrcStream *s, uint64_t n);

/*
 * Go to a place of the row index: compressed, the place of a chunk and a number of
 * its bytes; else a place alone.  lh_orc_stream_places is how many numbers.
 */
extern LhStatus lh_orc_stream_seek(LhCtx *ctx, LhOrcStream *s, const uint64_t *place);
static inline int
lh_orc_stream_places(const LhOrcStream *s)
{
	return s->compressed ? 2 : 1;
}
extern void lh_orc_stream_rewind(LhOrcStream *s);

/* LH_CORRUPT: the stream, where it stands in the file, what was expected. */
extern LhStatus lh_orc_stream_bad(LhCtx *ctx, const LhOrcStream *s, const char *expected) __attribute__((cold));
extern LhStatus lh_orc_stream_short(LhCtx *ctx, const LhOrcStream *s, size_t need) __attribute__((cold));

/* Zeroed memory of ctx->arena that counts as floor: what a column cannot do without. */
extern LhStatus lh_orc_floor(LhCtx *ctx, size_t n, size_t size, void **out);

/* A buffer of at least cap bytes that keeps its first "keep" bytes; floor up to LH_ORC_FLOOR. */
extern LhStatus lh_orc_buf_grow(LhCtx *ctx, LhBuf *buf, size_t cap, size_t keep);

#endif
