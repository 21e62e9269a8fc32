/*
 * keep.h
 *		A cache of what was made of files, between the statements of a process.
 *
 * An entry is named by the identity of a file's content and two numbers of its owner's.
 * Kept is what was not changed and is no secret: entries of files whose identity tells
 * their content from any other (lh_object_id_certain).  Files are opened all the same,
 * so that whether one may be read, and whether it is still the same, is asked each time.
 *
 * Who is let in:
 *
 *	1. what comes for the second time: a file that is read once leaves nothing but numbers
 *	   of eight bytes;
 *	2. while there is room, all of that;
 *	3. else in the place of entries that none of the last LH_KEEP_TURNS statements used.
 *	   A scan of more than the cache holds so keeps what it has, instead of displacing
 *	   what it comes to next.
 *
 * Memory is malloc's; running out of it means that something is not kept, never an error.
 * Threads share the cache under a lock; an entry that falls out of it lives on while
 * somebody refers to it.
 */
#ifndef LH_STORE_KEEP_H
#define LH_STORE_KEEP_H

#include "store/store.h"

#define LH_KEEP_TURNS 4

typedef struct LhKeep LhKeep;
typedef struct LhKeepEntry LhKeepEntry;

typedef struct LhKeepKey
{
	const LhObjectId *id;
	int64_t a, b;
} LhKeepKey;

/* NULL: out of memory. */
extern LhKeep *lh_keep_create(size_t max_bytes);
extern void lh_keep_destroy(LhKeep *keep); /* NULL is allowed */
extern void lh_keep_resize(LhKeep *keep, size_t max_bytes);
/* Of all entries, what belongs to them included. */
extern size_t lh_keep_bytes(LhKeep *keep);
extern size_t lh_keep_max(LhKeep *keep);
/* Which statement runs: a number that is another one for each. */
extern void lh_keep_stamp(LhKeep *keep, uint64_t stamp);

/* The entry, NULL when it is not there.  The caller releases it. */
extern LhKeepEntry *lh_keep_get(LhKeep *keep, const LhKeepKey *key);
/* Is it there?  Uses nothing. */
extern bool lh_keep_has(LhKeep *keep, const LhKeepKey *key);

/*
 * It is not there and could be made: would it be let in, when it takes at least so many
 * bytes?  From now on it came before.
 */
extern bool lh_keep_wants(LhKeep *keep, const LhKeepKey *key, size_t least);

/*
 * An entry outside of the cache with len bytes, aligned to 64, and LH_PADDING zeros behind
 * them; NULL: out of memory.  The caller fills it, adds and releases it.
 */
extern LhKeepEntry *lh_keep_make(const LhKeepKey *key, size_t len);
extern void *lh_keep_data(const LhKeepEntry *entry);
/* All that it takes. */
extern size_t lh_keep_size(const LhKeepEntry *entry);
/*
 * Let in all of them or none; what is there already is passed over.  What they are used together
 * with (beside, which may be NULL) has to be there, and does not make way for them.
 */
extern bool lh_keep_add(LhKeep *keep, int n, LhKeepEntry *const *entries, int nbeside,
						const LhKeepKey *beside);
extern void lh_keep_release(void *entry); /* an LhReleaseFn; NULL is allowed */

#endif
