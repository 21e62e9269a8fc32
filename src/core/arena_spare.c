/*
 * arena_spare.c
 *		Large blocks that were freed and will be wanted again.
 *
 * Column after column and row group after row group take and free buffers of about the
 * same size.  malloc gives such memory back to the system, and the page faults of
 * getting it again cost as much as decompressing into it.  So a thread keeps the last
 * ones, a few megabytes.  They are nobody's: not charged to a budget, and gone when
 * an arena without a parent ends (a statement's) or the thread does.
 *
 * Under AddressSanitizer there are none: it shall see every free.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/arena_account.h"

#if defined(__SANITIZE_ADDRESS__)
#define KEEP_NONE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP_NONE 1
#endif
#endif
#ifndef KEEP_NONE
#define KEEP_NONE 0
#endif

#define MOST_BLOCKS 16
#define MOST_BYTES  ((size_t) 4 << 20)
/* malloc keeps smaller ones itself. */
#define LEAST_SIZE ((size_t) 64 << 10)
/* A block may be larger than what is asked for by this part of it. */
#define SLACK_PART 4

/* Oldest first. */
typedef struct Spares
{
	int n;
	size_t bytes;
	LhBlock *blocks[MOST_BLOCKS];
} Spares;

static _Thread_local Spares spares;

/* Helper threads end with their spares. */
static pthread_key_t at_exit;
static bool exits_are_seen;

static void
drop_at_exit(void *unused)
{
	(void) unused;
	lh_spare_drop();
}

__attribute__((constructor)) static void
see_exits(void)
{
	exits_are_seen = pthread_key_create(&at_exit, drop_at_exit) == 0;
}

static LhBlock *
take_out(int i)
{
	LhBlock *block = spares.blocks[i];

	spares.bytes -= block->size;
	spares.n--;
	for (; i < spares.n; i++)
		spares.blocks[i] = spares.blocks[i + 1];
	return block;
}

LhBlock *
lh_spare_take(size_t size)
{
	int best = -1;

	if (size < LEAST_SIZE)
		return NULL;
	for (int i = 0; i < spares.n; i++)
	{
		size_t has = spares.blocks[i]->size;

		if (has >= size && has - size <= has / SLACK_PART &&
			(best < 0 || has < spares.blocks[best]->size))
			best = i;
	}
	return best >= 0 ? take_out(best) : NULL;
}

void
lh_spare_give(LhBlock *block)
{
	size_t size = block->size;

	if (KEEP_NONE || size < LEAST_SIZE || size > MOST_BYTES || !exits_are_seen ||
		(spares.n == 0 && pthread_setspecific(at_exit, &spares) != 0))
	{
		free(block);
		return;
	}
	while (spares.n == MOST_BLOCKS || spares.bytes + size > MOST_BYTES)
		free(take_out(0));
	spares.blocks[spares.n++] = block;
	spares.bytes += size;
}

void
lh_spare_drop(void)
{
	while (spares.n > 0)
		free(take_out(spares.n - 1));
}
