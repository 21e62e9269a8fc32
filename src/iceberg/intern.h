/*
 * intern.h
 *		Byte strings, each kept once and known by a number.
 */
#ifndef LH_ICEBERG_INTERN_H
#define LH_ICEBERG_INTERN_H

#include "core/hash.h"
#include "vec/types.h"

typedef struct LhIceInternEntry
{
	uint64_t offset; /* in heap */
	uint32_t len;
	uint32_t hash;
} LhIceInternEntry;

typedef struct LhIceIntern
{
	uint32_t n;
	LhBuf heap;
	LhBuf entries; /* LhIceInternEntry */
	LhBuf slots;   /* uint32_t: number + 1; as many as a power of two */
} LhIceIntern;

/* In ctx->arena. */
extern LhStatus lh_ice_intern_init(LhCtx *ctx, LhIceIntern *in);
/* Number of a string: the next one when it is new (then *added, which may be NULL, is true). */
extern LhStatus lh_ice_intern_put(LhCtx *ctx, LhIceIntern *in, const void *p, size_t n,
								  uint32_t *number, bool *added);
/* Number of a string that was put; -1: it was not. */
extern int64_t lh_ice_intern_find(const LhIceIntern *in, const void *p, size_t n);

/* Valid until the next put. */
static inline LhStr
lh_ice_intern_get(const LhIceIntern *in, uint32_t number)
{
	const LhIceInternEntry *e = (const LhIceInternEntry *) (const void *) in->entries.data + number;

	return (LhStr){in->heap.data + e->offset, e->len, 0};
}

#endif
