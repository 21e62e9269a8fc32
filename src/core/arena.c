/*
 * arena.c
 *		Chunked memory with a budget, children and release functions.
 *
 * An arena hands out memory by moving a pointer through its current chunk.
 *
 *	1. Chunks grow geometrically from 8 kB to 1 MB, so that a small arena stays
 *	   small and a large one asks malloc seldom.  The first chunk is taken at
 *	   the first allocation: an arena that is only a parent costs 200 bytes.
 *	2. A request larger than a quarter of the next chunk gets a chunk of its
 *	   own behind the current one, whose rest stays in use.
 *	3. Blocks (LhBuf) hang on a list of their own and can be freed singly.
 *	4. A reset destroys children (youngest first), calls release functions in
 *	   reverse order, frees blocks and all chunks but the first, and gives
 *	   everything back to the budget.
 *
 *	5. A scan frees the blocks of a row group and takes such as large again for the
 *	   next one, while malloc gives memory of that size back to the system, whose pages
 *	   have to be made anew.  So each thread keeps a few large blocks that were freed
 *	   (arena_spare.c), until the next arena without a parent ends.
 *
 * The budget is charged for what malloc was asked for, chunk by chunk, with
 * atomic operations: arenas of several threads may share one budget.
 *
 * Under AddressSanitizer the unused part of a chunk is poisoned and
 * allocations are kept 16 bytes apart, so that an overrun inside a chunk is
 * found as it would be in malloc's memory.  What a reset keeps is filled, too.
 */
#include "core/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena_account.h"

#if defined(__SANITIZE_ADDRESS__)
#define LH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LH_ASAN 1
#endif
#endif

#ifdef LH_ASAN
#include <sanitizer/asan_interface.h>
#define LH_RED_ZONE    16
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
/* as malloc's memory is: not what lay there before, nor zeros */
#define FILL(p, n)     (UNPOISON(p, n), memset((p), 0xbe, (n)))
#else
#define LH_RED_ZONE    0
#define POISON(p, n)   ((void) 0)
#define UNPOISON(p, n) ((void) 0)
#define FILL(p, n)     ((void) 0)
#endif

#define ALIGNMENT      16
#define ALIGN_UP(n)    (((n) + (ALIGNMENT - 1)) & ~(size_t) (ALIGNMENT - 1))
#define FIRST_CHUNK    ((size_t) 8 * 1024)
#define LAST_CHUNK     ((size_t) 1024 * 1024)
#define CHUNK_OF_LIMIT 64

/*
 * However large the floor is, this part of the limit stays for the rest: else
 * a scan of many columns, whose floor alone exceeds work_mem, could not even
 * keep the name of a file.
 */
#define RESERVE_OF_LIMIT 4

typedef struct Chunk
{
	struct Chunk *next;
	size_t size; /* with this header */
} Chunk;

_Static_assert(sizeof(Chunk) % ALIGNMENT == 0, "chunk data must stay aligned");

typedef struct Release
{
	struct Release *next; /* registered before this one */
	LhReleaseFn fn;
	void *arg;
} Release;

struct LhArena
{
	uint8_t *free;    /* next free byte of the current chunk, aligned */
	uint8_t *end;     /* behind it */
	Chunk *chunks;    /* the current one first */
	Chunk *first;     /* the last of that list, kept by a reset */
	Chunk *large;     /* chunks of one allocation each */
	size_t next_size; /* of the next ordinary chunk */
	size_t used;      /* charged by this arena alone */
	bool floor;       /* all of it */
	LhBudget *budget;
	LhBlock *blocks;
	Release *releases; /* the latest first */
	LhArena *parent;
	LhArena *children; /* the youngest first */
	LhArena *older;    /* siblings */
	LhArena *younger;
};

/* Chunks grow up to this: a small share of the budget, for most of a chunk may stay empty. */
static size_t
last_chunk(const LhArena *arena)
{
	size_t limit = arena->budget == NULL ? 0 : arena->budget->limit;

	return limit == 0 || limit / CHUNK_OF_LIMIT > LAST_CHUNK ? LAST_CHUNK : limit / CHUNK_OF_LIMIT;
}

/* ---- accounting ---- */

/* Raise *peak to at least now. */
static void
raise_peak(size_t *peak, size_t now)
{
	size_t old = __atomic_load_n(peak, __ATOMIC_RELAXED);

	while (old < now &&
		   !__atomic_compare_exchange_n(peak, &old, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* May the budget, holding used bytes with floor among them, grow to this? */
static bool
within_limit(const LhBudget *budget, size_t used, size_t floor)
{
	if (budget->limit == 0 || used <= budget->limit)
		return true;
	return used - (floor < used ? floor : used) <= budget->limit / RESERVE_OF_LIMIT;
}

size_t
lh_arena_room(const LhArena *arena)
{
	const LhBudget *budget = arena->budget;
	size_t used, floor, rest, reserve;

	if (budget == NULL || budget->limit == 0)
		return SIZE_MAX;
	used = __atomic_load_n(&budget->used, __ATOMIC_RELAXED);
	floor = __atomic_load_n(&budget->floor, __ATOMIC_RELAXED);
	rest = used - (floor < used ? floor : used);
	reserve = budget->limit / RESERVE_OF_LIMIT;
	reserve = rest < reserve ? reserve - rest : 0;
	used = used < budget->limit ? budget->limit - used : 0;
	return used > reserve ? used : reserve;
}

static LhStatus
charge(LhCtx *ctx, LhArena *arena, size_t size, bool floor)
{
	LhBudget *budget = arena->budget;
	size_t used, of_floor;

	floor |= arena->floor;
	arena->used += size;
	if (budget == NULL)
		return LH_OK;
	used = __atomic_add_fetch(&budget->used, size, __ATOMIC_RELAXED);
	if (floor)
	{
		of_floor = __atomic_add_fetch(&budget->floor, size, __ATOMIC_RELAXED);
		raise_peak(&budget->floor_peak, of_floor);
	}
	else if (!within_limit(budget, used, __atomic_load_n(&budget->floor, __ATOMIC_RELAXED)))
	{
		__atomic_sub_fetch(&budget->used, size, __ATOMIC_RELAXED);
		arena->used -= size;
		lh_fail(ctx, LH_NO_MEMORY, "out of memory: %zu more bytes would exceed the limit of %zu kB",
				size, budget->limit / 1024);
		lh_detail(ctx, "%zu bytes are in use.", used - size);
		if (budget->setting != NULL)
			lh_hint(ctx, "Raise \"%s\".", budget->setting);
		return LH_NO_MEMORY;
	}
	raise_peak(&budget->peak, used);
	return LH_OK;
}

static void
uncharge(LhArena *arena, size_t size, bool floor)
{
	LhBudget *budget = arena->budget;

	arena->used -= size;
	if (budget == NULL)
		return;
	__atomic_sub_fetch(&budget->used, size, __ATOMIC_RELAXED);
	if (floor || arena->floor)
		__atomic_sub_fetch(&budget->floor, size, __ATOMIC_RELAXED);
}

LhStatus
lh_arena_count(LhCtx *ctx, LhArena *arena, size_t bytes, bool floor)
{
	return charge(ctx, arena, bytes, floor);
}

void
lh_arena_uncount(LhArena *arena, size_t bytes, bool floor)
{
	uncharge(arena, bytes, floor);
}

static LhStatus
malloc_failed(LhCtx *ctx, size_t size)
{
	LH_FAIL(ctx, LH_NO_MEMORY, "out of memory: the operating system refused %zu bytes", size);
}

/* ---- life of an arena ---- */

LhArena *
lh_arena_create(LhBudget *budget)
{
	LhArena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->next_size = FIRST_CHUNK;
	arena->budget = budget;
	return arena;
}

LhArena *
lh_arena_child(LhArena *parent)
{
	LhArena *child = lh_arena_create(parent->budget);

	if (child == NULL)
		return NULL;
	child->parent = parent;
	child->older = parent->children;
	if (child->older != NULL)
		child->older->younger = child;
	parent->children = child;
	return child;
}

void
lh_arena_as_floor(LhArena *arena)
{
	arena->floor = true;
}

static void
unlink_from_parent(LhArena *arena)
{
	if (arena->parent == NULL)
		return;
	if (arena->younger != NULL)
		arena->younger->older = arena->older;
	else
		arena->parent->children = arena->older;
	if (arena->older != NULL)
		arena->older->younger = arena->younger;
}

/* Free the chunks of a list down to "keep" (NULL: all of them). */
static void
free_chunks(LhArena *arena, Chunk **list, const Chunk *keep)
{
	while (*list != keep)
	{
		Chunk *chunk = *list;
		size_t size = chunk->size;

		*list = chunk->next;
		UNPOISON(chunk, size);
		free(chunk);
		uncharge(arena, size, false);
	}
}

/* Step 4 of the header comment, down to "keep": the first chunk, or NULL. */
static void
release_all(LhArena *arena, Chunk *keep)
{
	while (arena->children != NULL)
		lh_arena_destroy(arena->children);
	while (arena->releases != NULL)
	{
		Release r = *arena->releases;

		free(arena->releases);
		arena->releases = r.next;
		r.fn(r.arg);
	}
	while (arena->blocks != NULL)
		lh_block_free((uint8_t *) arena->blocks + LH_BLOCK_ALIGN);
	free_chunks(arena, &arena->large, NULL);
	free_chunks(arena, &arena->chunks, keep);
}

void
lh_arena_destroy(LhArena *arena)
{
	if (arena == NULL)
		return;
	release_all(arena, NULL);
	if (arena->parent == NULL)
		lh_spare_drop();
	unlink_from_parent(arena);
	free(arena);
}

void
lh_arena_reset(LhArena *arena)
{
	Chunk *first = arena->first;
	bool full = arena->chunks != first;

	release_all(arena, first);
	arena->next_size = FIRST_CHUNK;
	if (first == NULL)
		return;
	arena->next_size = 2 * FIRST_CHUNK;
	arena->end = (uint8_t *) first + first->size;
	if (full)
		arena->free = arena->end;
	FILL(first + 1, (size_t) (arena->free - (uint8_t *) (first + 1)));
	arena->free = (uint8_t *) (first + 1);
	POISON(arena->free, (size_t) (arena->end - arena->free));
}

LhBudget *
lh_arena_budget(LhArena *arena)
{
	return arena->budget;
}

size_t
lh_arena_used(const LhArena *arena)
{
	size_t used = arena->used;

	for (const LhArena *child = arena->children; child != NULL; child = child->older)
		used += lh_arena_used(child);
	return used;
}

/* ---- release functions ---- */

LhStatus
lh_arena_on_reset(LhCtx *ctx, LhArena *arena, LhReleaseFn fn, void *arg)
{
	Release *r = malloc(sizeof(*r));

	if (r == NULL)
	{
		fn(arg);
		return malloc_failed(ctx, sizeof(*r));
	}
	*r = (Release){.next = arena->releases, .fn = fn, .arg = arg};
	arena->releases = r;
	return LH_OK;
}

void
lh_arena_forget(LhArena *arena, LhReleaseFn fn, void *arg)
{
	for (Release **link = &arena->releases; *link != NULL; link = &(*link)->next)
	{
		Release *r = *link;

		if (r->fn != fn || r->arg != arg)
			continue;
		*link = r->next;
		free(r);
		return;
	}
}

/* ---- allocation ---- */

/* A chunk of its own for a large request; the current chunk stays current. */
static void *
alloc_large(LhCtx *ctx, LhArena *arena, size_t size, bool zero)
{
	size_t total = sizeof(Chunk) + size;
	Chunk *chunk;

	if (charge(ctx, arena, total, false) != LH_OK)
		return NULL;
	chunk = zero ? calloc(1, total) : malloc(total);
	if (chunk == NULL)
	{
		uncharge(arena, total, false);
		malloc_failed(ctx, total);
		return NULL;
	}
	chunk->size = total;
	chunk->next = arena->large;
	arena->large = chunk;
	/* many requests of this size: soon they share chunks */
	if (arena->next_size < last_chunk(arena))
		arena->next_size *= 2;
	return chunk + 1;
}

/* The current chunk is too full for size (aligned, with red zone): begin the next one. */
static LhStatus
next_chunk(LhCtx *ctx, LhArena *arena)
{
	size_t total = arena->next_size;
	Chunk *chunk;

	LH_TRY(charge(ctx, arena, total, false));
	chunk = malloc(total);
	if (chunk == NULL)
	{
		uncharge(arena, total, false);
		return malloc_failed(ctx, total);
	}
	chunk->size = total;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	if (arena->first == NULL)
		arena->first = chunk;
	if (total < last_chunk(arena))
		arena->next_size = total * 2;
	arena->free = (uint8_t *) (chunk + 1);
	arena->end = (uint8_t *) chunk + total;
	POISON(arena->free, (size_t) (arena->end - arena->free));
	return LH_OK;
}

static void *__attribute__((noinline)) alloc_slow(LhCtx *ctx, size_t size, bool zero)
{
	LhArena *arena = ctx->arena;
	void *p;

	if (size > LH_ALLOC_MAX)
	{
		lh_fail(ctx, LH_LIMIT, "allocation of %zu bytes refused: the limit is %zu", size,
				LH_ALLOC_MAX);
		return NULL;
	}
	if (size > arena->next_size / 4)
		return alloc_large(ctx, arena, size, zero);
	if (next_chunk(ctx, arena) != LH_OK)
		return NULL;
	p = zero ? lh_alloc0(ctx, size) : lh_alloc(ctx, size);
	return p;
}

/* The pointer moves; NULL when the chunk is too full. */
static inline void *
bump(LhArena *arena, size_t size)
{
	size_t step = ALIGN_UP(size + (size == 0)) + LH_RED_ZONE;
	uint8_t *p = arena->free;

	if ((size_t) (arena->end - p) < step)
		return NULL;
	arena->free = p + step;
	UNPOISON(p, size);
	return p;
}

void *
lh_alloc(LhCtx *ctx, size_t size)
{
	void *p = size <= LAST_CHUNK ? bump(ctx->arena, size) : NULL;

	return p != NULL ? p : alloc_slow(ctx, size, false);
}

void *
lh_alloc0(LhCtx *ctx, size_t size)
{
	void *p = size <= LAST_CHUNK ? bump(ctx->arena, size) : NULL;

	if (p == NULL)
		return alloc_slow(ctx, size, true);
	return memset(p, 0, size);
}

void *
lh_alloc_array(LhCtx *ctx, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
	{
		lh_fail(ctx, LH_LIMIT, "allocation of %zu times %zu bytes refused", n, size);
		return NULL;
	}
	return lh_alloc0(ctx, total);
}

void *
lh_memdup(LhCtx *ctx, const void *p, size_t n)
{
	void *copy = lh_alloc(ctx, n);

	if (copy != NULL && n > 0)
		memcpy(copy, p, n);
	return copy;
}

char *
lh_strndup(LhCtx *ctx, const char *s, size_t n)
{
	char *copy = lh_alloc(ctx, n + 1);

	if (copy == NULL)
		return NULL;
	if (n > 0)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *
lh_strdup(LhCtx *ctx, const char *s)
{
	return lh_strndup(ctx, s, strlen(s));
}

char *
lh_sprintf(LhCtx *ctx, const char *fmt, ...)
{
	char small[256];
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
	{
		lh_fail(ctx, LH_BUG, "could not format \"%s\"", fmt);
		return NULL;
	}
	if ((size_t) n < sizeof(small))
		return lh_strndup(ctx, small, (size_t) n);
	text = lh_alloc(ctx, (size_t) n + 1);
	if (text == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, (size_t) n + 1, fmt, ap);
	va_end(ap);
	return text;
}

/* ---- blocks: memory of an arena that is freed singly (arena_account.h) ---- */

static LhBlock *
new_block(size_t size)
{
	LhBlock *block;

	if (posix_memalign((void **) &block, LH_BLOCK_ALIGN, size) != 0)
		return NULL;
	block->size = size;
	return block;
}

uint8_t *
lh_block_alloc(LhCtx *ctx, LhArena *arena, size_t size, size_t zero_from, bool floor)
{
	size_t total = LH_BLOCK_ALIGN + size;
	LhBlock *block;

	if (size > LH_ALLOC_MAX)
	{
		lh_fail(ctx, LH_LIMIT, "buffer of %zu bytes refused: the limit is %zu", size, LH_ALLOC_MAX);
		return NULL;
	}
	if (charge(ctx, arena, total, floor) != LH_OK)
		return NULL;
	block = lh_spare_take(total);
	if (block == NULL && (block = new_block(total)) == NULL)
	{
		uncharge(arena, total, floor);
		malloc_failed(ctx, total);
		return NULL;
	}
	*block = (LhBlock){.next = arena->blocks,
					   .arena = arena,
					   .size = block->size,
					   .charged = total,
					   .floor = floor};
	if (block->next != NULL)
		block->next->prev = block;
	arena->blocks = block;
	memset((uint8_t *) block + LH_BLOCK_ALIGN + zero_from, 0, size - zero_from);
	return (uint8_t *) block + LH_BLOCK_ALIGN;
}

void
lh_block_free(uint8_t *data)
{
	LhBlock *block = (LhBlock *) (data - LH_BLOCK_ALIGN);
	LhArena *arena = block->arena;

	if (block->prev != NULL)
		block->prev->next = block->next;
	else
		arena->blocks = block->next;
	if (block->next != NULL)
		block->next->prev = block->prev;
	uncharge(arena, block->charged, block->floor);
	lh_spare_give(block);
}
