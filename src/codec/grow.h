/*
 * grow.h
 *		Data that says nothing of its size, decompressed into a buffer that grows.
 *
 * Avro's blocks are such data.  codec.h is for data whose length somebody
 * promised, block.h for blocks that are small at any rate.
 */
#ifndef LH_CODEC_GROW_H
#define LH_CODEC_GROW_H

#include "codec/block.h"

typedef struct LhGrow LhGrow;

/*
 * Reusable state, released with ctx->arena.  More than limit bytes are never
 * made; up to "floor" bytes memory counts as floor (arena.h), beyond that the
 * budget decides.
 */
extern LhStatus lh_grow_create(LhCtx *ctx, size_t limit, size_t floor, LhGrow **out);

/* Room for n bytes in buf, content lost, floor or not by the rule above. */
extern LhStatus lh_grow_fit(LhCtx *ctx, const LhGrow *grow, LhBuf *buf, size_t n);

/*
 * The whole of in, which is a raw deflate stream (RFC 1951), into out.  Bytes
 * behind the stream's end are ignored.  LH_CORRUPT, LH_LIMIT.  Polls.
 */
extern LhStatus
lh_grow_deflate(LhCtx *ctx, LhGrow *grow, const uint8_t *in, size_t len, LhBuf *out);

/* The same of one or more zstd frames, with nothing behind. */
extern LhStatus lh_grow_zstd(LhCtx *ctx, LhGrow *grow, const uint8_t *in, size_t len, LhBuf *out);

/* LH_LIMIT: len bytes become more than the limit. */
extern LhStatus lh_grow_too_large(LhCtx *ctx, const LhGrow *grow, size_t len);

#endif
