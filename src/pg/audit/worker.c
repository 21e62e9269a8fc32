/*
 * worker.c
 *		The background worker "lakehouse audit", which alone writes the log.
 *
 *	1. It has shared memory and no database.  It runs from the server's start, on standbys as well, and is started again by the
 *	   postmaster whenever it ends.
 *	2. A round: records of the ring are appended; when somebody waits for them, some time has passed or the ring
 *	   fills up they are synced, all at once, and their places are free.
 *	3. While records come it looks every few milliseconds, so that writers need no system call; when none come it
 *	   sleeps until one sets its latch.
 *	4. A log that cannot be opened or written is tried again each second.  Meanwhile the ring fills up.
 *	5. When the server stops it outlives the sessions: all of them get their SIGTERM at once with it, and it goes on until the last has written
 *	   its outcomes and gone.  Sent to it alone, SIGTERM ends it when no statement is open, or after a moment.
 */
#include "pg/audit/worker.h"

#include <sys/prctl.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

extern PGDLLEXPORT void lakehouse_audit_worker(Datum arg) __attribute__((noreturn));

#define RESTART_S	 1
#define POLL_MS		 20			/* between looks while records come */
#define QUIET_MS	 1000		/* without records: it sleeps */
#define SYNC_MS		 200		/* what nobody waits for is durable after so long */
#define RETRY_MS	 1000
#define RETAIN_MS	 (3600 * 1000)
#define SHUTDOWN_MS  3000		/* without sessions: for a log that cannot be written to work again */
#define SEND_AGAIN_MS 1000
#define BATCH		 4096		/* records between looks at who waits */

static uint64 at;				/* place in the ring: all before is appended */
static uint64 new_from;			/* what is behind was put there since the log is open */
static TimestampTz last_record;
static TimestampTz last_sync;
static TimestampTz last_try;
static TimestampTz last_retain;
static TimestampTz last_checkpoint;
static uint64 own;				/* records of our own that wait for a sync */
static bool unsent;				/* a checkpoint is to go outside */
static TimestampTz last_send;

static bool
passed(TimestampTz since, int ms)
{
	return TimestampDifferenceExceeds(since, GetCurrentTimestamp(), ms);
}

/* ---- the log ---- */

static bool
open_again(void)
{
	char		detail[256];
	int			notes = 0;

	if (!passed(last_try, RETRY_MS))
		return false;
	last_try = GetCurrentTimestamp();
	if (!lh_worker_open())
		return false;
	/* what was not durable comes from the ring again */
	at = pg_atomic_read_u64(&lh_ring->read);
	new_from = pg_atomic_read_u64(&lh_ring->write);
	snprintf(detail, sizeof(detail), "PostgreSQL %s, lakehouse %s, system " UINT64_FORMAT "%s", PG_VERSION, LAKEHOUSE_VERSION,
			 GetSystemIdentifier(), RecoveryInProgress() ? ", standby" : "");
	if (!lh_worker_note(LH_AUDIT_START, 0, detail) || !lh_worker_tell_lost(lh_worker_found_unfinished(), &notes))
		return false;
	own += 1 + notes;
	last_sync = last_checkpoint = GetCurrentTimestamp();
	return true;
}

/* What found no room is told before what did later. */
static bool
note_lost(void)
{
	uint64		since = pg_atomic_exchange_u64(&lh_ring->dropped_since, 0);
	uint64		all = pg_atomic_read_u64(&lh_ring->dropped);
	char		detail[128];

	if (since == 0)
		return true;
	snprintf(detail, sizeof(detail), "the ring was full, since %s", timestamptz_to_str((TimestampTz) since));
	if (!lh_worker_note(LH_AUDIT_LOST, all - lh_ring->state.dropped_told, detail))
	{
		pg_atomic_write_u64(&lh_ring->dropped_since, since);
		return false;
	}
	lh_ring->state.dropped_told = all;
	own++;
	return true;
}

/* True: there were some. */
static bool
append_records(void)
{
	static uint8 body[LH_AUDIT_RECORD_MOST];
	LhAuditMessage message;
	uint64		next = at;
	int			n = 0;

	for (; n < BATCH && lh_worker_is_open() && lh_ring_next(&next, &message, body); n++)
	{
		if (lh_worker_append(&message, body, at < new_from))
			at = next;
	}
	if (n > 0)
		last_record = GetCurrentTimestamp();
	return n > 0;
}

static bool
sync_due(void)
{
	uint64		read = pg_atomic_read_u64(&lh_ring->read);

	if (at == read && own == 0)
		return false;
	return pg_atomic_read_u64(&lh_ring->wanted) > read || at - read > lh_ring->size / 4 || ShutdownRequestPending ||
		passed(last_sync, SYNC_MS);
}

static void
sync_log(void)
{
	if (!lh_worker_sync())
		return;
	own = 0;
	lh_worker_lost_is_durable();
	last_sync = GetCurrentTimestamp();
	lh_ring_durable(at, lh_worker_size());
}

static uint64
entries_since_checkpoint(void)
{
	return lh_worker_size() - lh_ring->state.checkpoint_size;
}

bool
lh_worker_is_awaited(void)
{
	uint64		read = pg_atomic_read_u64(&lh_ring->read);

	return pg_atomic_read_u64(&lh_ring->wanted) > read || pg_atomic_read_u64(&lh_ring->write) - read > lh_ring->size / 2;
}

/* What a target did not take is sent again, but not in each round. */
static void
send_again(void)
{
	if (unsent && passed(last_send, SEND_AGAIN_MS))
	{
		unsent = !lh_worker_send();
		last_send = GetCurrentTimestamp();
	}
}

static void
checkpoint(void)
{
	if (!lh_worker_checkpoint())
		return;
	last_checkpoint = GetCurrentTimestamp();
	own = 0;
	lh_worker_lost_is_durable();
	/* it has synced */
	lh_ring_durable(at, lh_worker_size());
	unsent = true;
	send_again();
}

static void
keep_house(void)
{
	uint64		removed;

	if (entries_since_checkpoint() >= lakehouse_audit_checkpoint_entries ||
		(entries_since_checkpoint() > 0 && passed(last_checkpoint, lakehouse_audit_checkpoint_s * 1000)))
		checkpoint();
	if (lh_worker_is_open())
		send_again();
	if (lakehouse_audit_retention_min > 0 && lh_worker_is_open() && passed(last_retain, RETAIN_MS))
	{
		last_retain = GetCurrentTimestamp();
		(void) lh_worker_retain(lh_audit_now() - (int64) lakehouse_audit_retention_min * USECS_PER_MINUTE, &removed);
	}
}

/* ---- requests ---- */

static void
answer(void)
{
	LhAuditWorkerState *s = &lh_ring->state;
	LhAuditAsk	ask;
	int64		argument;
	uint64		result = 0;
	bool		done = lh_worker_is_open();

	LWLockAcquire(lh_ring->state_lock, LW_SHARED);
	ask = s->ask;
	argument = s->argument;
	LWLockRelease(lh_ring->state_lock);
	if (ask == LH_ASK_NOTHING)
		return;
	if (done && ask == LH_ASK_CHECKPOINT)
	{
		(void) append_records();
		/* what the asker has written comes in the next round: it is behind others' */
		if (lh_worker_is_open() && at < (uint64) argument)
			return;
		if (lh_worker_is_open())
			checkpoint();
		done = lh_worker_is_open();
		result = lh_worker_size();
	}
	else if (done && ask == LH_ASK_RETAIN)
		done = lh_worker_retain(argument, &result);
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	s->answer = result;
	strlcpy(s->answer_error, done ? "" : s->error[0] != '\0' ? s->error : "the log is not open", sizeof(s->answer_error));
	s->answered = s->ticket;
	s->ask = LH_ASK_NOTHING;
	LWLockRelease(lh_ring->state_lock);
	ConditionVariableBroadcast(&lh_ring->answered);
}

/* ---- rounds ---- */

static bool
empty(void)
{
	return at == pg_atomic_read_u64(&lh_ring->write);
}

/* Is there anything to have a log for? */
static bool
in_use(void)
{
	return lakehouse_audit != LH_AUDIT_OFF || !empty() || own > 0;
}

static bool
work(void)
{
	bool		found = false;

	if (!lh_worker_is_open() && in_use())
		(void) open_again();
	if (lh_worker_is_open() && note_lost())
		found = append_records();
	if (lh_worker_is_open() && sync_due())
		sync_log();
	if (lh_worker_is_open())
		keep_house();
	answer();
	return found;
}

static long
sleep_ms(void)
{
	if (!lh_worker_is_open())
		return in_use() ? RETRY_MS : 3600 * 1000L;
	if (!passed(last_record, QUIET_MS) || !empty() || own > 0 || at != pg_atomic_read_u64(&lh_ring->read))
		return POLL_MS;
	if (unsent)
		return SEND_AGAIN_MS;
	return entries_since_checkpoint() > 0 || lakehouse_audit_retention_min > 0 ?
		Min(lakehouse_audit_checkpoint_s, 60) * 1000L : 3600 * 1000L;
}

static void
rest(void)
{
	long		ms = sleep_ms();

	if (ms > POLL_MS)
	{
		pg_atomic_write_u32(&lh_ring->asleep, 1);
		pg_memory_barrier();
		if (lh_worker_is_open() && !empty())
			ms = POLL_MS;
	}
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	pg_atomic_write_u32(&lh_ring->asleep, 0);
}

static bool
all_is_durable(void)
{
	return pg_atomic_read_u64(&lh_ring->read) == pg_atomic_read_u64(&lh_ring->write) && own == 0;
}

static bool
nothing_is_open(void)
{
	uint64		reserved;

	SpinLockAcquire(&lh_ring->lock);
	reserved = lh_ring->reserved;
	SpinLockRelease(&lh_ring->lock);
	return reserved == 0;
}

/* Sessions that are about to end still write their outcomes; the postmaster waits for them as we do. */
static void
last_rounds(void)
{
	bool		stops = lh_worker_server_stops();
	TimestampTz since = GetCurrentTimestamp();

	for (;;)
	{
		bool		sessions = stops && lh_worker_has_sessions();

		/* after the look: what they have written before they went is there */
		(void) work();
		if (sessions)
			since = GetCurrentTimestamp();
		else if ((all_is_durable() && (stops || nothing_is_open())) || passed(since, SHUTDOWN_MS))
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, POLL_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	if (lh_worker_is_open() && lh_worker_note(LH_AUDIT_STOP, 0, ""))
		checkpoint();
	if (stops)
		lh_worker_keep_lost();
}

/* ---- beginning and end ---- */

static void
leave(int code, Datum arg)
{
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	lh_ring->state.worker = 0;
	lh_ring->state.open = false;
	lh_ring->latch = NULL;
	LWLockRelease(lh_ring->state_lock);
}

static void
arrive(void)
{
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	lh_ring->state.worker = MyProcPid;
	lh_ring->state.started = GetCurrentTimestamp();
	lh_ring->state.starts++;
	lh_ring->latch = MyLatch;
	LWLockRelease(lh_ring->state_lock);
	before_shmem_exit(leave, (Datum) 0);
}

void
lakehouse_audit_worker(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	/* it has the key that signs */
	(void) prctl(PR_SET_DUMPABLE, 0);
	arrive();
	at = pg_atomic_read_u64(&lh_ring->read);
	while (!ShutdownRequestPending)
	{
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (!work())
			rest();
		CHECK_FOR_INTERRUPTS();
	}
	last_rounds();
	/* with 0 it would not be started again */
	proc_exit(1);
}

void
lh_audit_register_worker(void)
{
#ifndef EXEC_BACKEND
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS,
		.bgw_start_time = BgWorkerStart_PostmasterStart,
		.bgw_restart_time = RESTART_S,
	};

	strlcpy(worker.bgw_name, "lakehouse audit", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "lakehouse audit", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "lakehouse", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "lakehouse_audit_worker", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
#endif
}
