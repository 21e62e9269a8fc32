/*
 * buffer.h
 *		Growable byte buffers, and a bounded reader over borrowed bytes.
 */
#ifndef LH_CORE_BUFFER_H
#define LH_CORE_BUFFER_H

#include <string.h>

#include "core/arena.h"

/*
 * Bytes behind every buffer's cap that kernels may read freely: decompressed
 * pages and dictionaries are always LhBufs.  They begin as zeros; only
 * lh_decompress uses them as scratch.
 */
#define LH_PADDING 64

/*
 * A growable buffer from malloc, accounted in the arena's budget and freed
 * with the arena.  cap bytes are usable, LH_PADDING more are readable.  data
 * is aligned to 64 bytes, and NULL while cap is 0.  The struct may live
 * anywhere and be moved; after a reset of its arena it is to be made anew.
 */
typedef struct LhBuf
{
	uint8_t    *data;
	size_t		len;
	size_t		cap;
	LhArena    *arena;
	bool		floor;			/* accounted as floor: never refused */
} LhBuf;

extern LhStatus lh_buf_init(LhCtx *ctx, LhBuf *buf, bool floor);	/* in ctx->arena */
extern LhStatus lh_buf_reserve(LhCtx *ctx, LhBuf *buf, size_t cap);	/* at least; keeps content; grows by 1/2 */
extern LhStatus lh_buf_fit(LhCtx *ctx, LhBuf *buf, size_t cap);		/* len = 0; content may be lost; shrinks when far larger */
extern LhStatus lh_buf_append(LhCtx *ctx, LhBuf *buf, const void *p, size_t n);
extern LhStatus lh_buf_append_str(LhCtx *ctx, LhBuf *buf, const char *s);
extern LhStatus lh_buf_printf(LhCtx *ctx, LhBuf *buf, const char *fmt,...) __attribute__((format(printf, 3, 4)));	/* a NUL follows, uncounted */
extern LhStatus lh_buf_putc(LhCtx *ctx, LhBuf *buf, char c);
extern void lh_buf_free(LhBuf *buf);	/* early, before the arena */

/* Borrowed bytes. */
typedef struct LhSlice
{
	const uint8_t *data;
	size_t		len;
} LhSlice;

static inline LhSlice
lh_slice(const void *p, size_t n)
{
	return (LhSlice) {(const uint8_t *) p, n};
}

/* Little-endian unaligned loads and stores. */
#define LH_LOAD(name, type) \
	static inline type name(const void *p) { type v; memcpy(&v, p, sizeof(v)); return v; }
LH_LOAD(lh_load_u16, uint16_t)
LH_LOAD(lh_load_u32, uint32_t)
LH_LOAD(lh_load_u64, uint64_t)
LH_LOAD(lh_load_i32, int32_t)
LH_LOAD(lh_load_i64, int64_t)
LH_LOAD(lh_load_f32, float)
LH_LOAD(lh_load_f64, double)
#undef LH_LOAD

/* The same of big-endian numbers. */
static inline uint32_t
lh_load_be32(const void *p)
{
	return __builtin_bswap32(lh_load_u32(p));
}

static inline uint64_t
lh_load_be64(const void *p)
{
	return __builtin_bswap64(lh_load_u64(p));
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "lakehouse needs a little-endian machine"
#endif

#endif
