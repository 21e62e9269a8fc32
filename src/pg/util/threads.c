/*
 * threads.c
 *		How many helper threads a statement may have.
 *
 *	1. Making a thread and waking it costs some tens of microseconds, and so does a
 *	   row group more or less at the end: work of less than about 3 ms, 4 MB of
 *	   columns, is not worth one.
 *	2. All sessions together have lakehouse.max_threads at most, where the library
 *	   is preloaded: a count in shared memory.  Who gets fewer than it wants makes
 *	   do with them, who gets none works alone; nobody waits.
 *	3. What was taken belongs to the arena that the threads belong to, which gives
 *	   it back once they have ended, after an error too.  A process that exits gives
 *	   back the rest; when one is killed the server begins anew, with a count of 0.
 */
#include "pg/util/threads.h"

#include "access/parallel.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

/* Helper threads of all sessions; NULL: the library is not preloaded. */
static pg_atomic_uint32 *in_use;

/* ... of this one. */
static int	mine;

typedef struct Taken
{
	int			n;
} Taken;

int
lh_pg_helpers(double bytes)
{
	double		worth = lakehouse_threads_min_kb > 0 ? bytes / (lakehouse_threads_min_kb * 1024.0) : LH_POOL_MAX;

	if (IsParallelWorker())
		return 0;
	return (int) Min((double) lakehouse_threads - 1, worth);
}

/* ---- shared memory ---- */

void
lh_pg_threads_request(void)
{
	RequestAddinShmemSpace(sizeof(*in_use));
}

void
lh_pg_threads_startup(void)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	in_use = ShmemInitStruct("lakehouse helper threads", sizeof(*in_use), &found);
	if (!found)
		pg_atomic_init_u32(in_use, 0);
	LWLockRelease(AddinShmemInitLock);
}

/* ---- taking and giving back ---- */

static void
give_back(int n)
{
	mine -= n;
	pg_atomic_fetch_sub_u32(in_use, (uint32) n);
}

/* A process may end without its memory contexts being deleted. */
static void
at_exit(int code, Datum arg)
{
	if (mine > 0)
		give_back(mine);
}

static void
release(void *arg)
{
	Taken	   *taken = arg;

	/* the rest went at exit */
	give_back(Min(taken->n, mine));
	taken->n = 0;
}

/* As many of n as the limit leaves. */
static int
take(int n)
{
	uint32		used = pg_atomic_read_u32(in_use);
	int			got;

	do
	{
		got = Min(n, lakehouse_max_threads - (int) used);
		if (got <= 0)
			return 0;
	} while (!pg_atomic_compare_exchange_u32(in_use, &used, used + (uint32) got));
	mine += got;
	return got;
}

LhStatus
lh_pg_threads_take(LhCtx *ctx, int want, int *got)
{
	static bool registered = false;
	Taken	   *taken;

	*got = want;
	if (in_use == NULL)
		return LH_OK;
	*got = 0;
	if ((int) pg_atomic_read_u32(in_use) >= lakehouse_max_threads)
		return LH_OK;
	if (!registered)
		before_shmem_exit(at_exit, (Datum) 0);
	registered = true;
	LH_NEW(ctx, taken);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, taken));
	*got = taken->n = take(want);
	return LH_OK;
}
