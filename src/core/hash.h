/*
 * hash.h
 *		Hashing of bytes and integers, and an int-keyed/byte-keyed hash set.
 */
#ifndef LH_CORE_HASH_H
#define LH_CORE_HASH_H

#include "core/buffer.h"

extern uint64_t lh_hash_bytes(const void *p, size_t n, uint64_t seed);	/* XXH3-64 */
extern uint64_t lh_xxh64(const void *p, size_t n);	/* XXH64, seed 0: Parquet bloom filters */
extern uint32_t lh_crc32(const void *p, size_t n);	/* CRC-32 as gzip: Parquet pages */
extern uint32_t lh_crc32_more(uint32_t crc, const void *p, size_t n);	/* of what crc is of, followed by p */

static inline uint64_t
lh_hash_u64(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Name -> index map for schemas with many columns: bytes are borrowed. */
typedef struct LhNameMap LhNameMap;
extern LhStatus lh_namemap_create(LhCtx *ctx, size_t expected, LhNameMap **out);
extern LhStatus lh_namemap_put(LhCtx *ctx, LhNameMap *map, const char *name, size_t len, int value);	/* first value wins; *duplicates are kept out */
extern int	lh_namemap_get(const LhNameMap *map, const char *name, size_t len);	/* -1: absent */

#endif
