/*
 * lru.h
 *		The order in which entries of a cache were used last.
 *
 * A list with links in the entries themselves: the cache that owns them knows how
 * they are found, what they weigh and how they end.  No locks of its own.
 */
#ifndef LH_CORE_LRU_H
#define LH_CORE_LRU_H

#include <stddef.h>

typedef struct LhLruLink LhLruLink;
struct LhLruLink
{
	LhLruLink  *newer;
	LhLruLink  *older;
};

/* All zero: empty. */
typedef struct LhLru
{
	LhLruLink  *newest;
	LhLruLink  *oldest;
} LhLru;

static inline void
lh_lru_remove(LhLru *lru, LhLruLink *link)
{
	if (link->newer != NULL)
		link->newer->older = link->older;
	else
		lru->newest = link->older;
	if (link->older != NULL)
		link->older->newer = link->newer;
	else
		lru->oldest = link->newer;
}

/* A new entry, as the one used last. */
static inline void
lh_lru_add(LhLru *lru, LhLruLink *link)
{
	link->newer = NULL;
	link->older = lru->newest;
	if (lru->newest != NULL)
		lru->newest->newer = link;
	else
		lru->oldest = link;
	lru->newest = link;
}

/* It was used again. */
static inline void
lh_lru_touch(LhLru *lru, LhLruLink *link)
{
	lh_lru_remove(lru, link);
	lh_lru_add(lru, link);
}

#endif
