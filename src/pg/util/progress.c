/*
 * progress.c
 *		The slots of lakehouse.scan_progress (see progress.h).
 */
#include "pg/util/progress.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

typedef struct Slot
{
	int			changes;		/* odd: it is being written */
	LhScanProgress scan;
} Slot;

struct LhProgress
{
	const LhCounters *counters;
	LhCounters	base;			/* when the pass began */
	bool		running;
	LhScanProgress now;
};

/* NULL: the library is not preloaded. */
static Slot *slots;

static LhProgress *shown;		/* in our slot; NULL: it is empty */

/* ---- shared memory ---- */

void
lh_pg_progress_request(void)
{
	RequestAddinShmemSpace(mul_size(sizeof(Slot), MaxBackends));
}

void
lh_pg_progress_startup(void)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	slots = ShmemInitStruct("lakehouse scan progress", mul_size(sizeof(Slot), MaxBackends), &found);
	if (!found)
		memset(slots, 0, mul_size(sizeof(Slot), MaxBackends));
	LWLockRelease(AddinShmemInitLock);
}

/* ---- our slot ---- */

bool
lh_pg_progress_enabled(void)
{
	int			i = lh_backend_index();

	return slots != NULL && i >= 0 && i < MaxBackends;
}

/* Nothing between these two may raise an error. */
static Slot *
begin_write(void)
{
	volatile Slot *slot = &slots[lh_backend_index()];

	slot->changes++;
	pg_write_barrier();
	return (Slot *) slot;
}

static void
end_write(Slot *slot)
{
	pg_write_barrier();
	((volatile Slot *) slot)->changes++;
}

static void
show(LhProgress *p)
{
	Slot	   *slot = begin_write();

	slot->scan = p->now;
	end_write(slot);
	shown = p;
}

static void
empty_slot(void)
{
	Slot	   *slot = begin_write();

	slot->scan.pid = 0;
	end_write(slot);
	shown = NULL;
}

/* A process may end without its memory contexts being deleted. */
static void
at_exit(int code, Datum arg)
{
	if (shown != NULL)
		empty_slot();
}

LhProgress *
lh_pg_progress_create(LhCtx *ctx, MemoryContext mcxt, Oid relid, const char *location)
{
	static bool registered = false;
	LhProgress *p = MemoryContextAllocZero(mcxt, sizeof(LhProgress));
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	char	   *text = lh_pg_text(location);
	int			len = pg_mbcliplen(text, (int) strlen(text), LH_PROGRESS_LOCATION - 1);

	MemoryContextSwitchTo(old);
	if (!registered)
		before_shmem_exit(at_exit, (Datum) 0);
	registered = true;
	memcpy(p->now.location, text, (size_t) len);
	pfree(text);
	p->counters = ctx->counters;
	p->now.pid = MyProcPid;
	p->now.datid = MyDatabaseId;
	p->now.userid = GetSessionUserId();
	p->now.relid = relid;
	lh_pg_watch(ctx, p);
	return p;
}

void
lh_pg_progress_begin(LhProgress *p, int64 files)
{
	if (p->running)
		return;
	p->base = *p->counters;
	p->now.started = GetCurrentTimestamp();
	p->now.files_total = files;
	p->now.files_done = p->now.row_groups_done = p->now.rows_scanned = p->now.bytes_read = 0;
	p->now.group = p->now.ngroups = 0;
	p->running = true;
	if (shown == NULL)
		show(p);
}

static int64
counted(const LhProgress *p, LhCounterId id)
{
	return (int64) (p->counters->v[id] - p->base.v[id]);
}

void
lh_pg_progress_update(LhProgress *p)
{
	Slot	   *slot;

	if (!p->running)
		return;
	p->now.rows_scanned = counted(p, LH_CTR_ROWS_SCANNED);
	p->now.bytes_read = counted(p, LH_CTR_BYTES_READ);
	if (shown == NULL)
		show(p);
	if (shown != p)
		return;
	slot = begin_write();
	slot->scan.rows_scanned = p->now.rows_scanned;
	slot->scan.bytes_read = p->now.bytes_read;
	slot->scan.files_done = p->now.files_done;
	slot->scan.row_groups_done = p->now.row_groups_done;
	slot->scan.group = p->now.group;
	slot->scan.ngroups = p->now.ngroups;
	end_write(slot);
}

void
lh_pg_progress_place(LhProgress *p, const char *what, int64 done, int64 total)
{
	if (!p->running)
		return;
	if (strcmp(what, "files") == 0)
	{
		p->now.files_done = done;
		p->now.group = p->now.ngroups = 0;
	}
	else if (strcmp(what, "row groups") == 0)
	{
		p->now.group = done;
		p->now.ngroups = total;
	}
	p->now.row_groups_done = counted(p, LH_CTR_ROW_GROUPS);
	lh_pg_progress_update(p);
}

void
lh_pg_progress_end(LhProgress *p)
{
	p->running = false;
	if (shown == p)
		empty_slot();
}

/* ---- all slots ---- */

int
lh_pg_progress_slots(void)
{
	return slots != NULL ? MaxBackends : 0;
}

bool
lh_pg_progress_read(int i, LhScanProgress *out)
{
	volatile Slot *slot = &slots[i];

	for (;;)
	{
		int			before = slot->changes;

		pg_read_barrier();
		*out = ((Slot *) slot)->scan;
		pg_read_barrier();
		if (before == slot->changes && before % 2 == 0)
			return out->pid != 0;
		CHECK_FOR_INTERRUPTS();
	}
}
