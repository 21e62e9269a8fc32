/*
 * memory.c
 *		Core contexts whose arenas live and die with a MemoryContext, and the
 *		host that core sees in a backend.
 *
 * An ERROR resets memory contexts; the reset callback made here destroys the
 * arena, whose release functions join threads and close descriptors.  So an
 * error in mid-scan leaks nothing, without PG_TRY anywhere (DESIGN D3).
 */
#include "pg/util/util.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "crypto/crypto.h"
#include "pg/util/progress.h"

/* What lh_pg_ctx hands out: the context and all that it points to. */
typedef struct LhPgCtx
{
	LhCtx		ctx;			/* first: LhCtx * is LhPgCtx * */
	LhError		error;
	LhCounters	counters;
	LhBudget	budget;
	LhArena    *root;			/* ctx.arena may be one of its children when an error comes */
	MemoryContext mcxt;
	ErrorData  *pending;		/* error raised while core was on the stack */
	char	   *key_file;		/* NULL: no keys */
	LhKeySet   *keys;			/* of key_file, once it was read; in root */
	LhProgress *progress;		/* of its scans; NULL: nobody is told */
	MemoryContextCallback callback;
} LhPgCtx;

/*
 * Should core stop?  Cancel and termination are left pending: core unwinds and
 * lh_pg_check then runs CHECK_FOR_INTERRUPTS with no core frame on the stack.
 * Other interrupts (barriers, memory dumps, the check for a vanished client)
 * mostly do not end the query, so unwinding for them would lose the scan: they
 * are processed here, and if one does raise an error it is kept until core has
 * unwound.
 */
static bool
host_interrupted(void *arg)
{
	LhPgCtx    *pg = arg;
	MemoryContext old = CurrentMemoryContext;

	if (pg->progress != NULL)
		lh_pg_progress_update(pg->progress);
	if (pg->pending != NULL)
		return true;
	if (!INTERRUPTS_PENDING_CONDITION() || !INTERRUPTS_CAN_BE_PROCESSED())
		return false;
	if (QueryCancelPending || ProcDiePending)
		return true;
	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(pg->mcxt);
		pg->pending = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return pg->pending != NULL;
}

/* After core has unwound with LH_CANCELLED: raise what stopped it. */
void
lh_pg_cancelled(LhCtx *ctx)
{
	LhPgCtx    *pg = (LhPgCtx *) ctx;

	if (pg->pending != NULL)
	{
		ErrorData  *e = pg->pending;

		pg->pending = NULL;
		ReThrowError(e);
	}
	CHECK_FOR_INTERRUPTS();
	ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
					errmsg("canceling statement due to user request")));
}

/* Longest sleep before the interrupt flags are looked at again. */
#define WAIT_SLICE_MS 50

/*
 * A signal wakes poll(2) by itself; the slices close the gap between looking
 * at the flags and going to sleep.
 */
static int
host_wait(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	struct pollfd few[16];
	struct pollfd *p = nfds <= (int) lengthof(few) ? few : malloc(sizeof(*p) * nfds);
	int			left = timeout_ms;
	int			n = 0;

	if (p == NULL)
		return -1;
	for (int i = 0; i < nfds; i++)
	{
		p[i].fd = fds[i].fd;
		p[i].events = fds[i].events;
	}
	while (!host_interrupted(arg))
	{
		int			slice = left < 0 || left > WAIT_SLICE_MS ? WAIT_SLICE_MS : left;

		n = poll(p, nfds, slice);
		if (n > 0 || (n < 0 && errno != EINTR))
			break;
		n = 0;
		if (left >= 0 && (left -= slice) <= 0)
			break;
	}
	for (int i = 0; i < nfds; i++)
		fds[i].revents = n > 0 ? p[i].revents : 0;
	if (p != few)
	{
		int			saved = errno;

		free(p);
		errno = saved;
	}
	return n;
}

/*
 * Temporary files are PostgreSQL's, so that temp_file_limit, log_temp_files and
 * pg_stat_database know them.  They belong to the context and not to a resource
 * owner: its arena closes them, after an error too.  What PostgreSQL raises is kept
 * until core has unwound.
 */

static void
keep_error(LhPgCtx *pg, MemoryContext old)
{
	MemoryContextSwitchTo(pg->mcxt);
	pg->pending = CopyErrorData();
	FlushErrorState();
	MemoryContextSwitchTo(old);
	errno = ECANCELED;
}

static int
host_temp_file(void *arg)
{
	MemoryContext old = CurrentMemoryContext;
	volatile File file = -1;

	PG_TRY();
	{
		file = OpenTemporaryFile(true);
	}
	PG_CATCH();
	{
		keep_error(arg, old);
	}
	PG_END_TRY();
	return file;
}

static ssize_t
host_temp_write(void *arg, int file, const void *p, size_t n, int64_t at)
{
	MemoryContext old = CurrentMemoryContext;
	volatile ssize_t written = -1;

	PG_TRY();
	{
		written = FileWrite(file, (char *) p, (int) Min(n, INT_MAX), at, WAIT_EVENT_BUFFILE_WRITE);
	}
	PG_CATCH();
	{
		keep_error(arg, old);
	}
	PG_END_TRY();
	return written;
}

static ssize_t
host_temp_read(void *arg, int file, void *p, size_t n, int64_t at)
{
	return FileRead(file, p, (int) Min(n, INT_MAX), at, WAIT_EVENT_BUFFILE_READ);
}

static void
host_temp_close(void *arg, int file)
{
	FileClose(file);
}

static const LhHost lh_pg_host;

/* Keys by reference, from the file that the options name; a helper thread's context has another host. */
static LhStatus
host_key(void *arg, LhCtx *ctx, const LhKeyRequest *request, LhKey *key)
{
	LhPgCtx    *pg = arg;

	if (pg->key_file == NULL && request->plain)
		return LH_OK;
	if (pg->key_file == NULL)
	{
		(void) lh_fail(ctx, LH_UNSUPPORTED, "%s is encrypted with key %s, and no keys are given",
					   request->column != NULL ? "the column" : "the footer", request->name);
		lh_hint(ctx, "A superuser can name a file of keys in option \"parquet_keys_file\" of the foreign server or table.");
		return LH_UNSUPPORTED;
	}
	if (pg->keys == NULL && ctx->host != &lh_pg_host)
		LH_FAIL(ctx, LH_BUG, "a helper thread asks for keys before the session has read them");
	if (pg->keys == NULL)
	{
		LhArena    *old = lh_use(ctx, pg->root);
		LhStatus	status = lh_keyset_load(ctx, pg->key_file, &pg->keys);

		lh_use(ctx, old);
		LH_TRY(status);
	}
	return lh_keyset_find(ctx, pg->keys, request, key);
}

static void
host_progress(void *arg, const char *what, int64_t done, int64_t total)
{
	LhPgCtx    *pg = arg;

	if (pg->progress != NULL)
		lh_pg_progress_place(pg->progress, what, done, total);
}

static const LhHost lh_pg_host = {
	.interrupted = host_interrupted,
	.wait = host_wait,
	.temp_file = host_temp_file,
	.temp_write = host_temp_write,
	.temp_read = host_temp_read,
	.temp_close = host_temp_close,
	.progress = host_progress,
	.key = host_key,
};

static void
release_arena(void *arg)
{
	LhPgCtx    *pg = arg;

	if (pg->progress != NULL)
		lh_pg_progress_end(pg->progress);
	lh_arena_destroy(pg->root);
	pg->root = pg->ctx.arena = NULL;
}

/*
 * No budget is smaller, though work_mem may be 64 kB: predicates, open files and
 * cursors of some dozen columns need more, whatever they read.
 */
#define LEAST_BUDGET_KB 1024

LhCtx *
lh_pg_ctx(MemoryContext mcxt, size_t budget_kb, const char *setting)
{
	LhPgCtx    *pg = MemoryContextAllocZero(mcxt, sizeof(LhPgCtx));

	pg->mcxt = mcxt;
	pg->budget.limit = budget_kb > 0 ? Max(budget_kb, LEAST_BUDGET_KB) * 1024 : 0;
	pg->budget.setting = setting;
	pg->ctx.error = &pg->error;
	pg->ctx.counters = &pg->counters;
	pg->ctx.host = &lh_pg_host;
	pg->ctx.host_arg = pg;
	pg->root = pg->ctx.arena = lh_arena_create(&pg->budget);
	if (pg->root == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	pg->callback.func = release_arena;
	pg->callback.arg = pg;
	MemoryContextRegisterResetCallback(mcxt, &pg->callback);
	return &pg->ctx;
}

void
lh_pg_watch(LhCtx *ctx, LhProgress *progress)
{
	((LhPgCtx *) ctx)->progress = progress;
}

void
lh_pg_use_keys(LhCtx *ctx, const char *path)
{
	LhPgCtx    *pg = (LhPgCtx *) ctx;

	/* a set that was read from another file stays until the context goes */
	pg->keys = NULL;
	pg->key_file = path != NULL ? MemoryContextStrdup(pg->mcxt, path) : NULL;
}

LhBudget *
lh_pg_budget(LhCtx *ctx)
{
	return &((LhPgCtx *) ctx)->budget;
}
