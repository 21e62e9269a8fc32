/*
 * fuzz_json.h
 *		Jansson's memory from a pool, for targets whose every execution parses a schema.
 *
 * The library is not instrumented, so that AddressSanitizer learns little from its
 * allocations, and each of them costs a stack trace: half of the time of such a target.
 * fuzz_icejson, whose input is JSON, leaves them as they are, and so finds trees that are not
 * given back.
 */
#ifndef FUZZ_JSON_H
#define FUZZ_JSON_H

#include <stdlib.h>

#include <jansson.h>

#define FUZZ_JSON_POOL ((size_t) 1 << 20)

static struct
{
	size_t used;
	int live; /* allocations that were not freed */
	_Alignas(16) char bytes[FUZZ_JSON_POOL];
} fuzz_json_pool;

static inline void *
fuzz_json_alloc(size_t n)
{
	size_t size = (n + 15) & ~(size_t) 15;
	char *p = fuzz_json_pool.bytes + fuzz_json_pool.used;

	if (size < n || size > FUZZ_JSON_POOL - fuzz_json_pool.used)
		return malloc(n);
	fuzz_json_pool.used += size;
	fuzz_json_pool.live++;
	return p;
}

static inline void
fuzz_json_free(void *p)
{
	char *c = p;

	if (p == NULL)
		return;
	if (c < fuzz_json_pool.bytes || c >= fuzz_json_pool.bytes + FUZZ_JSON_POOL)
		free(p);
	else
		fuzz_json_pool.live--;
}

/* The end of an execution: every tree was given back, and the pool is empty again. */
static inline void
fuzz_json_done(void)
{
	if (fuzz_json_pool.live != 0)
		abort();
	fuzz_json_pool.used = 0;
}

/* While no tree is alive; again is nothing. */
static inline void
fuzz_json_begin(void)
{
	json_set_alloc_funcs(fuzz_json_alloc, fuzz_json_free);
}

#endif
