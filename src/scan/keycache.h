/*
 * keycache.h
 *		Keys of equality delete files that the next statement needs again.
 *
 * Kept is what is small for what it saves: the bitmap of one file's numbers
 * (eqset_dense.c), which takes a few bits a key, where reading and decoding the file
 * takes some 25 ns a key.  The file is opened all the same, so that whether it may be
 * read, and whether it is still the same, is asked each time; its rows are not read.
 *
 * Entries are keyed by the identity of the file's content, the field and the type that
 * keys are compared as.  Files that are younger than the clock's tick, that tell no
 * version, or that are encrypted are not kept.
 *
 * Memory is malloc's and outlives any arena; running out of it means that something is
 * not cached, never an error.  Threads share the cache under a lock.
 */
#ifndef LH_SCAN_KEYCACHE_H
#define LH_SCAN_KEYCACHE_H

#include "scan/eqset.h"
#include "store/store.h"

typedef struct LhKeyCache LhKeyCache;

/* NULL: out of memory. */
extern LhKeyCache *lh_key_cache_create(size_t max_bytes);
extern void lh_key_cache_destroy(LhKeyCache *cache);
extern void lh_key_cache_resize(LhKeyCache *cache, size_t max_bytes);
/* Of all entries. */
extern size_t lh_key_cache_bytes(const LhKeyCache *cache);
/* The one of this process; NULL: none. */
extern void lh_use_key_cache(LhKeyCache *cache);

/* Internal: deletes_keys.c. */

/* Put what is kept of a file into a set that is empty yet; *found: there was something. */
extern LhStatus lh_key_cache_get(LhCtx *ctx, const LhObjectId *id, int field_id, const LhType *type, uint32_t owner,
								 LhEqSet *set, bool *found);
/* Keep a sealed set, all of whose keys are of this file, if it is of the kind. */
extern void lh_key_cache_put(const LhObjectId *id, int field_id, const LhType *type, const LhEqSet *set);

#endif
