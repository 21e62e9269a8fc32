/*
 * secret.c
 *		Memory for secrets.
 *
 * Pages of their own, so that locking, leaving out of core dumps and wiping
 * touch nothing else.  Locking is refused beyond RLIMIT_MEMLOCK, which is small
 * on many machines; a secret that may be swapped is better than none that can
 * be used, so that is no error.
 */
#include "crypto/crypto.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sys/mman.h>

typedef struct Secret
{
	void *p;
	size_t size;
} Secret;

void
lh_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

static void
release(void *arg)
{
	Secret *s = arg;

	lh_wipe(s->p, s->size);
	(void) munmap(s->p, s->size);
}

LhStatus
lh_secret_alloc(LhCtx *ctx, size_t size, void **out)
{
	Secret *s;

	LH_NEW(ctx, s);
	s->size = size > 0 ? size : 1;
	s->p = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->p == MAP_FAILED)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for keys: %s", lh_errno_text(errno));
	(void) mlock(s->p, s->size);
	(void) madvise(s->p, s->size, MADV_DONTDUMP);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, s));
	*out = s->p;
	return LH_OK;
}

static void
wipe_key(void *arg)
{
	lh_wipe(arg, sizeof(LhKey));
}

LhStatus
lh_key_copy(LhCtx *ctx, const LhKey *key, const LhKey **out)
{
	LhKey *copy;

	LH_NEW(ctx, copy);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, wipe_key, copy));
	*copy = *key;
	*out = copy;
	return LH_OK;
}
