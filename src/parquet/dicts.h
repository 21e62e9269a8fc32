/*
 * dicts.h
 *		Internal: dictionary pages that the next statement needs again.
 *
 * Where values hardly repeat a dictionary is most of a column chunk, and reading and
 * inflating it is most of what a sum of the column costs, whatever the rows that live.  A
 * page is kept inflated as it came, so that it serves any type that its column is read as;
 * what is made of it is made anew.
 *
 * Kept is what was not changed and is no secret: pages of files whose identity tells their
 * content from any other (lh_object_id_certain), none of encrypted files, and for
 * who verifies checksums only what was verified.  Files are opened all the same, so that
 * whether one may be read, and whether it is still the same, is asked each time.
 *
 * Who is let in:
 *
 *	1. a page of at least LH_PQ_DICTS_LEAST bytes that comes for the second time: a table
 *	   that is read once leaves nothing but numbers of eight bytes;
 *	2. while there is room, any such page;
 *	3. else in the place of pages that none of the last LH_PQ_DICTS_TURNS statements used.
 *	   A scan of more than the cache holds so keeps what it has, instead of
 *	   displacing what it comes to next.
 *
 * Memory is malloc's; running out of it means that something is not kept, never an
 * error.  Threads share the cache under a lock; a page that falls out of it lives on while
 * a column refers to it, and counts in the budget of who reads it as one of his own would.
 */
#ifndef LH_PARQUET_DICTS_H
#define LH_PARQUET_DICTS_H

#include "parquet/parquet.h"
#include "parquet/page.h"

/* Smaller ones are inflated as fast as they are found. */
#define LH_PQ_DICTS_LEAST ((size_t) 16 * 1024)
#define LH_PQ_DICTS_TURNS 4

typedef struct LhPqKept LhPqKept;

/* What is kept of a page. */
typedef struct LhPqKeptPage
{
	LhPqPageHeader header;
	bool checked;        /* its checksum was verified, or it has none */
	const uint8_t *data; /* inflated, aligned to 64 bytes; LH_PADDING zeros follow */
	size_t len;
} LhPqKeptPage;

/* Is there a cache that keeps anything? */
extern bool lh_pq_dicts_on(void);

/*
 * The page whose header begins at start, NULL when it is not there; "checked": only with its
 * checksum verified.  The caller releases it.
 */
extern LhPqKept *lh_pq_dicts_get(const LhObjectId *id, int64_t start, bool checked);
extern const LhPqKeptPage *lh_pq_kept_page(const LhPqKept *kept);
extern void lh_pq_kept_release(void *kept); /* an LhReleaseFn */

/* A page was inflated: keep a copy of it if it is to be let in. */
extern void lh_pq_dicts_put(const LhObjectId *id, int64_t start, const LhPqKeptPage *page);

/* Where reading begins in a chunk that starts with a dictionary: behind it when it is kept. */
extern int64_t lh_pq_dicts_skip(const LhObjectId *id, int64_t start, bool checked);

#endif
