/*
 * pool.c
 *		Helper threads.
 *
 * One mutex guards all that helpers and leader tell each other; it is held for
 * moments only.  News travel by an eventfd, so that the leader can sleep in its
 * host's own wait, where a signal or a latch wakes it too.
 */
#include "core/pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/cpu.h"
#include "core/key.h"

/* Deep recursion over nested types fits; only what is used takes memory. */
#define STACK_SIZE    ((size_t) 4 << 20)
/* A helper that waits for a descriptor looks at the flag so often. */
#define WAIT_SLICE_MS 20

typedef struct Helper
{
	LhPool *pool;
	LhCtx ctx;
	LhError error;
	LhCounters counters;
	bool has_thread;
	pthread_t thread;
	pthread_cond_t wake;
	LhJobFn fn; /* NULL: no job */
	void *arg;
	LhStatus status; /* of the last job */
} Helper;

struct LhPool
{
	pthread_mutex_t lock;
	bool ending; /* threads shall end */
	bool cancel; /* jobs shall end; read without the lock */
	int event;
	const LhHost *leader_host; /* for keys; may be NULL */
	void *leader_arg;
	int n;
	Helper *helpers;
};

/*
 * The helper's side
 */

static bool
helper_interrupted(void *arg)
{
	const Helper *h = arg;

	return __atomic_load_n(&h->pool->cancel, __ATOMIC_RELAXED);
}

static int
helper_wait(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	struct pollfd few[16];
	int left = timeout_ms, n = 0;

	if (nfds < 0 || nfds > (int) (sizeof(few) / sizeof(few[0])))
	{
		errno = EINVAL;
		return -1;
	}
	for (int i = 0; i < nfds; i++)
		few[i] = (struct pollfd){.fd = fds[i].fd, .events = fds[i].events};
	while (!helper_interrupted(arg))
	{
		int slice = left < 0 || left > WAIT_SLICE_MS ? WAIT_SLICE_MS : left;

		n = poll(few, (nfds_t) nfds, slice);
		if (n != 0 || (left >= 0 && (left -= slice) <= 0))
			break;
	}
	for (int i = 0; i < nfds; i++)
		fds[i].revents = n > 0 ? few[i].revents : 0;
	return n;
}

/* The leader's keys, which its host has loaded by now and only looks up (LhHost.key). */
static LhStatus
helper_key(void *arg, LhCtx *ctx, const LhKeyRequest *request, LhKey *key)
{
	const LhPool *pool = ((const Helper *) arg)->pool;
	LhCtx keyless = *ctx;

	if (pool->leader_host != NULL && pool->leader_host->key != NULL)
		return pool->leader_host->key(pool->leader_arg, ctx, request, key);
	keyless.host = NULL;
	return lh_host_key(&keyless, request, key);
}

static const LhHost helper_host = {
	.interrupted = helper_interrupted,
	.wait = helper_wait,
	.key = helper_key,
};

void
lh_pool_notify(LhPool *pool)
{
	uint64_t one = 1;

	/* it can only fail when the counter is full: then there are news enough */
	while (write(pool->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *
help(void *arg)
{
	Helper *h = arg;
	LhPool *pool = h->pool;

	pthread_mutex_lock(&pool->lock);
	while (!pool->ending)
	{
		LhStatus status;

		if (h->fn == NULL)
		{
			pthread_cond_wait(&h->wake, &pool->lock);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		status = h->fn(&h->ctx, h->arg);
		pthread_mutex_lock(&pool->lock);
		h->status = status;
		h->fn = NULL;
		lh_pool_notify(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/*
 * The leader's side
 */

/* All signals are blocked in the new thread from its first instruction. */
static bool
make_thread(Helper *h)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&h->thread, &attr, help, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err == 0)
		pthread_setname_np(h->thread, "lakehouse");
	return err == 0;
}

/* Threads end after the job they have; they may be made again. */
static void
join(LhPool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	__atomic_store_n(&pool->cancel, true, __ATOMIC_RELAXED);
	for (int i = 0; i < pool->n; i++)
		pthread_cond_signal(&pool->helpers[i].wake);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 0; i < pool->n; i++)
	{
		if (!pool->helpers[i].has_thread)
			continue;
		pthread_join(pool->helpers[i].thread, NULL);
		pool->helpers[i].has_thread = false;
	}
	pool->ending = false;
	__atomic_store_n(&pool->cancel, false, __ATOMIC_RELAXED);
}

static void
release_pool(void *arg)
{
	LhPool *pool = arg;

	join(pool);
	for (int i = 0; i < pool->n; i++)
	{
		lh_arena_destroy(pool->helpers[i].ctx.arena);
		pthread_cond_destroy(&pool->helpers[i].wake);
	}
	pthread_mutex_destroy(&pool->lock);
	close(pool->event);
	free(pool->helpers);
	free(pool);
}

static bool
init_helper(LhPool *pool, Helper *h, LhBudget *budget)
{
	h->pool = pool;
	h->ctx = (LhCtx){.error = &h->error,
					 .counters = &h->counters,
					 .host = &helper_host,
					 .host_arg = h,
					 .arena = lh_arena_create(budget)};
	if (h->ctx.arena == NULL)
		return false;
	pthread_cond_init(&h->wake, NULL);
	return true;
}

LhStatus
lh_pool_create(LhCtx *ctx, int helpers, LhPool **out)
{
	LhPool *pool = calloc(1, sizeof(*pool));
	int n = helpers < 0 ? 0 : helpers > LH_POOL_MAX ? LH_POOL_MAX : helpers;

	*out = NULL;
	if (pool != NULL)
		pool->helpers = calloc((size_t) n + 1, sizeof(Helper));
	if (pool == NULL || pool->helpers == NULL)
	{
		free(pool);
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	}
	pool->leader_host = ctx->host;
	pool->leader_arg = ctx->host_arg;
	pool->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->event < 0)
	{
		free(pool->helpers);
		free(pool);
		LH_FAIL(ctx, LH_IO, "could not make an eventfd: %s", lh_errno_text(errno));
	}
	pthread_mutex_init(&pool->lock, NULL);
	/* whatever is chosen lazily is chosen before there are threads */
	(void) lh_isa();
	while (pool->n < n && init_helper(pool, &pool->helpers[pool->n], lh_arena_budget(ctx->arena)))
		pool->n++;
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_pool, pool));
	if (pool->n < n)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	*out = pool;
	return LH_OK;
}

int
lh_pool_size(const LhPool *pool)
{
	return pool->n;
}

int
lh_pool_threads(const LhPool *pool)
{
	int n = 0;

	for (int i = 0; i < pool->n; i++)
		n += pool->helpers[i].has_thread;
	return n;
}

bool
lh_pool_start(LhPool *pool, int i, LhJobFn fn, void *arg)
{
	Helper *h = &pool->helpers[i];

	if (!h->has_thread && !(h->has_thread = make_thread(h)))
		return false;
	pthread_mutex_lock(&pool->lock);
	h->fn = fn;
	h->arg = arg;
	h->status = LH_OK;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&pool->lock);
	return true;
}

LhCtx *
lh_pool_ctx(LhPool *pool, int i)
{
	return &pool->helpers[i].ctx;
}

bool
lh_pool_idle(LhPool *pool, int i, LhStatus *status)
{
	Helper *h = &pool->helpers[i];
	bool idle;

	pthread_mutex_lock(&pool->lock);
	idle = h->fn == NULL;
	if (status != NULL)
		*status = h->status;
	pthread_mutex_unlock(&pool->lock);
	return idle;
}

LhStatus
lh_pool_wait(LhCtx *ctx, LhPool *pool)
{
	LhWaitFd fd = {.fd = pool->event, .events = POLLIN};
	uint64_t news;

	while (read(pool->event, &news, sizeof(news)) < 0)
	{
		if (errno != EAGAIN && errno != EINTR)
			LH_FAIL(ctx, LH_IO, "could not wait for a thread: %s", lh_errno_text(errno));
		LH_TRY(lh_poll(ctx));
		if (lh_host_wait(ctx, &fd, 1, -1) < 0 && errno != EINTR)
			LH_FAIL(ctx, LH_IO, "could not wait for a thread: %s", lh_errno_text(errno));
	}
	return LH_OK;
}

LhStatus
lh_pool_settle(LhCtx *ctx, LhPool *pool)
{
	for (int i = 0; i < pool->n; i++)
		while (!lh_pool_idle(pool, i, NULL))
			LH_TRY(lh_pool_wait(ctx, pool));
	return LH_OK;
}

void
lh_pool_cancel(LhPool *pool)
{
	__atomic_store_n(&pool->cancel, true, __ATOMIC_RELAXED);
}

void
lh_pool_stop(LhPool *pool)
{
	join(pool);
	for (int i = 0; i < pool->n; i++)
	{
		/* a job that had not begun */
		if (pool->helpers[i].fn != NULL)
			pool->helpers[i].status = LH_CANCELLED;
		pool->helpers[i].fn = NULL;
	}
}

void
lh_pool_collect(LhCtx *ctx, LhPool *pool)
{
	for (int i = 0; i < pool->n; i++)
	{
		LhCounters *c = &pool->helpers[i].counters;

		for (int k = 0; k < LH_N_COUNTERS; k++)
		{
			ctx->counters->v[k] += c->v[k];
			c->v[k] = 0;
		}
	}
}
