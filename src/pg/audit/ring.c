/*
 * ring.c
 *		Records between backends and the worker, in shared memory (see ring.h).
 */
#include "pg/audit/ring.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

LhAuditRing *lh_ring;

/* In the ring before each message.  Both its words are aligned, so never at both ends of the ring. */
typedef struct Place
{
	uint32		bytes;			/* of the place, this header included; a multiple of eight */
	uint32		complete;
} Place;

static uint64 aside;			/* set aside by this backend */

/*
 * What is set aside is never all of the ring: an eighth is for records, whatever happens; sessions with many open statements share a
 * half, none more than an eighth; what is left is for those with few.  Sessions that waited for what others have
 * set aside would wait for each other for good, so they fail.
 */
#define FEW_BYTES 6144

/* ---- shared memory ---- */

/* Each backend sets something aside for good, so a small ring has room for that at least. */
#define LEAST_KB_PER_BACKEND 8

static uint64
ring_bytes(void)
{
	uint32		kb = Max((uint32) lakehouse_audit_ring_kb, (uint32) MaxBackends * LEAST_KB_PER_BACKEND);

	return (uint64) pg_nextpower2_32(kb) * 1024;
}

void
lh_audit_request(void)
{
	RequestAddinShmemSpace(add_size(sizeof(LhAuditRing), ring_bytes()));
	RequestNamedLWLockTranche("lakehouse audit", 1);
}

void
lh_audit_startup(void)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	lh_ring = ShmemInitStruct("lakehouse audit", add_size(sizeof(LhAuditRing), ring_bytes()), &found);
	if (!found)
	{
		/* data is not touched: memory that nobody uses costs nothing */
		memset(lh_ring, 0, sizeof(LhAuditRing));
		SpinLockInit(&lh_ring->lock);
		pg_atomic_init_u64(&lh_ring->write, 0);
		pg_atomic_init_u64(&lh_ring->read, 0);
		pg_atomic_init_u64(&lh_ring->wanted, 0);
		pg_atomic_init_u64(&lh_ring->dropped, 0);
		pg_atomic_init_u64(&lh_ring->dropped_since, 0);
		pg_atomic_init_u32(&lh_ring->asleep, 0);
		ConditionVariableInit(&lh_ring->moved);
		ConditionVariableInit(&lh_ring->answered);
		lh_ring->state_lock = &GetNamedLWLockTranche("lakehouse audit")->lock;
		lh_ring->size = ring_bytes();
	}
	LWLockRelease(AddinShmemInitLock);
}

/* ---- places ---- */

static char *
at_place(uint64 at)
{
	return lh_ring->data + (at & (lh_ring->size - 1));
}

static void
copy_in(uint64 at, const void *from, size_t n)
{
	size_t		first = Min(n, lh_ring->size - (at & (lh_ring->size - 1)));

	memcpy(at_place(at), from, first);
	if (n > first)
		memcpy(lh_ring->data, (const char *) from + first, n - first);
}

static void
copy_out(uint64 at, void *to, size_t n)
{
	size_t		first = Min(n, lh_ring->size - (at & (lh_ring->size - 1)));

	memcpy(to, at_place(at), first);
	if (n > first)
		memcpy((char *) to + first, lh_ring->data, n - first);
}

uint32
lh_ring_bytes(uint32 body)
{
	return (uint32) TYPEALIGN(8, sizeof(Place) + sizeof(LhAuditMessage) + body);
}

void
lh_ring_wake_worker(void)
{
	Latch	   *latch = *(Latch *volatile *) &lh_ring->latch;

	/* of a process that has gone it belongs to another, whom it does no harm */
	if (latch != NULL)
		SetLatch(latch);
}

/* ---- room ---- */

/* Bytes that are neither written nor set aside; lock held. */
static uint64
room(void)
{
	uint64		used = pg_atomic_read_u64(&lh_ring->write) - pg_atomic_read_u64(&lh_ring->read);

	return lh_ring->size - used - lh_ring->reserved;
}

static void __attribute__((noreturn))
too_many(const char *whose)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s more open audit records than the ring may hold", whose),
			 errhint("Raise lakehouse.audit_ring_size, or close cursors.")));
}

/* *never: so much is set aside that no record which becomes durable makes room. */
static bool
try_reserve(uint64 more, bool *never)
{
	uint64		most = aside + more > FEW_BYTES ? lh_ring->size / 2 : lh_ring->size / 8 * 7;
	bool		done;

	SpinLockAcquire(&lh_ring->lock);
	*never = lh_ring->reserved + more > most;
	done = !*never && room() >= more;
	if (done)
		lh_ring->reserved += more;
	SpinLockRelease(&lh_ring->lock);
	return done;
}

static bool
try_place(uint32 bytes, bool from_aside, uint64 *at)
{
	Place		place = {bytes, 0};
	bool		done;

	SpinLockAcquire(&lh_ring->lock);
	done = from_aside || room() >= bytes;
	if (done)
	{
		*at = pg_atomic_read_u64(&lh_ring->write);
		memcpy(at_place(*at), &place, sizeof(place));
		if (from_aside)
			lh_ring->reserved -= bytes;
		pg_write_barrier();
		pg_atomic_write_u64(&lh_ring->write, *at + bytes);
	}
	SpinLockRelease(&lh_ring->lock);
	return done;
}

/* With interrupts held: in the midst of something. */
#define HELD_MS 1000

/* Until try says yes.  False: the setting is to drop.  Interruptible. */
static bool
wait_for_room(uint64 bytes, bool place, uint64 *at)
{
	bool		never = false;
	TimestampTz end = 0;

	if (lakehouse_audit_drop)
		return false;
	/* nobody could cancel it, and whom else it keeps is not known */
	if (InterruptHoldoffCount > 0)
		end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HELD_MS);
	ConditionVariablePrepareToSleep(&lh_ring->moved);
	while (place ? !try_place((uint32) bytes, false, at) : !try_reserve(bytes, &never))
	{
		if (never || (end != 0 && GetCurrentTimestamp() >= end))
		{
			ConditionVariableCancelSleep();
			if (never)
				too_many("sessions have");
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("there is no room for an audit record, in a place where none can be waited for"),
					 errhint("lakehouse.audit_status() says what keeps the worker.")));
		}
		lh_ring_wake_worker();
		(void) ConditionVariableTimedSleep(&lh_ring->moved, 1000, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return true;
}

bool
lh_ring_reserve(uint64 bytes)
{
	bool		never;

	if (likely(bytes <= aside))
		return true;
	if (bytes > lh_ring->size / 8)
	{
		if (lakehouse_audit_drop)
			return false;
		too_many("this session has");
	}
	if (!try_reserve(bytes - aside, &never) && !wait_for_room(bytes - aside, false, NULL))
		return false;
	aside = bytes;
	return true;
}

#define TRIM_BYTES 4096

void
lh_ring_trim(uint64 bytes)
{
	if (unlikely(aside > bytes + TRIM_BYTES))
		lh_ring_release(bytes);
}

void
lh_ring_release(uint64 bytes)
{
	if (aside <= bytes)
		return;
	SpinLockAcquire(&lh_ring->lock);
	lh_ring->reserved -= aside - bytes;
	SpinLockRelease(&lh_ring->lock);
	aside = bytes;
}

/* ---- records ---- */

/* After the place is taken nothing may fail: the reader waits for it. */
static void
fill(uint64 at, const LhAuditMessage *message, LhSlice body)
{
	Place	   *place = (Place *) at_place(at);

	copy_in(at + sizeof(Place), message, sizeof(*message));
	if (body.len > 0)
		copy_in(at + sizeof(Place) + sizeof(*message), body.data, body.len);
	pg_write_barrier();
	*(volatile uint32 *) &place->complete = 1;
}

#define LINE 64
#define LINES_AHEAD 8

static inline void
fetch_ahead(uint64 at)
{
	for (int i = 0; i < LINES_AHEAD; i++)
		__builtin_prefetch(at_place(at + i * LINE), 1);
}

/* Behind this session's last record. */
static uint64 mine = 0;

uint64
lh_ring_mine(void)
{
	return mine;
}

bool
lh_ring_put(const LhAuditMessage *message, LhSlice body, bool from_aside, uint64 *at)
{
	uint32		bytes = lh_ring_bytes((uint32) body.len);

	Assert(message->body == body.len && body.len <= LH_AUDIT_RECORD_MOST);
	if (from_aside && bytes <= aside)
	{
		(void) try_place(bytes, true, at);
		aside -= bytes;
	}
	else if (!try_place(bytes, false, at) && (from_aside || !wait_for_room(bytes, true, at)))
		return false;
	fill(*at, message, body);
	*at += bytes;
	mine = *at;
	/* the next record most likely goes there, and by then it would have to be waited for */
	if (from_aside)
		fetch_ahead(*at);
	/* pairs with the worker's, which looks for records after it has said that it sleeps */
	pg_memory_barrier();
	if (unlikely(pg_atomic_read_u32(&lh_ring->asleep) != 0) && pg_atomic_exchange_u32(&lh_ring->asleep, 0) != 0)
		lh_ring_wake_worker();
	return true;
}

#define LATE_US 10000

/* Interrupts may be held, and no error may come of it: so the flags are looked at, and latches left alone. */
bool
lh_ring_put_late(const LhAuditMessage *message, LhSlice body, uint64 *at)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lakehouse_audit_timeout_ms);

	while (!lh_ring_put(message, body, true, at))
	{
		if (lakehouse_audit_drop || ProcDiePending || QueryCancelPending || proc_exit_inprogress || GetCurrentTimestamp() >= end ||
			!PostmasterIsAlive())
			return false;
		lh_ring_wake_worker();
		pg_usleep(LATE_US);
	}
	return true;
}

void
lh_ring_count_dropped(void)
{
	uint64		none = 0;

	(void) pg_atomic_compare_exchange_u64(&lh_ring->dropped_since, &none, (uint64) GetCurrentTimestamp());
	(void) pg_atomic_fetch_add_u64(&lh_ring->dropped, 1);
}

static void
want(uint64 at)
{
	uint64		wanted = pg_atomic_read_u64(&lh_ring->wanted);

	while (wanted < at && !pg_atomic_compare_exchange_u64(&lh_ring->wanted, &wanted, at))
		;
	lh_ring_wake_worker();
}

/* The worker's own words, for an error; palloc'd, or NULL. */
static char *
worker_error(void)
{
	char	   *text = NULL;

	LWLockAcquire(lh_ring->state_lock, LW_SHARED);
	if (lh_ring->state.error[0] != '\0')
		text = lh_pg_text(lh_ring->state.error);
	else if (lh_ring->state.worker == 0)
		text = pstrdup("The background worker \"lakehouse audit\" does not run.");
	LWLockRelease(lh_ring->state_lock);
	return text;
}

static void __attribute__((noreturn))
out_of_time(const char *what)
{
	char	   *why = worker_error();

	ereport(ERROR,
			(errcode(ERRCODE_IO_ERROR),
			 errmsg("%s within %d ms", what, lakehouse_audit_timeout_ms),
			 why != NULL ? errdetail("%s", why) : 0,
			 errhint("lakehouse.audit_status() and the server's log say what keeps the worker; lakehouse.audit_timeout is how long statements wait.")));
}

/* True: time is left. */
static bool
sleep_until(ConditionVariable *cv, TimestampTz end)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

	if (left <= 0)
		return false;
	(void) ConditionVariableTimedSleep(cv, left, PG_WAIT_EXTENSION);
	return true;
}

void
lh_ring_wait_durable(uint64 at)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lakehouse_audit_timeout_ms);
	bool		late = false;

	if (pg_atomic_read_u64(&lh_ring->read) >= at)
		return;
	ConditionVariablePrepareToSleep(&lh_ring->moved);
	want(at);
	while (!late && pg_atomic_read_u64(&lh_ring->read) < at)
		late = !sleep_until(&lh_ring->moved, end);
	ConditionVariableCancelSleep();
	if (late)
		out_of_time("the audit record of this statement was not durable");
}

/* ---- requests ---- */

/* Ours is made when no other is open; its ticket, or 0. */
static uint64
make_request(LhAuditAsk ask, int64 argument)
{
	LhAuditWorkerState *s = &lh_ring->state;
	uint64		ticket = 0;

	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	if (s->ask == LH_ASK_NOTHING)
	{
		s->ask = ask;
		s->argument = argument;
		ticket = ++s->ticket;
	}
	LWLockRelease(lh_ring->state_lock);
	return ticket;
}

/* error: LH_AUDIT_TEXT */
static bool
take_answer(uint64 ticket, uint64 *answer, char *error)
{
	LhAuditWorkerState *s = &lh_ring->state;
	bool		done;

	LWLockAcquire(lh_ring->state_lock, LW_SHARED);
	done = s->answered >= ticket;
	*answer = s->answer;
	strlcpy(error, s->answered == ticket ? s->answer_error : "another request was answered meanwhile; ask again", LH_AUDIT_TEXT);
	LWLockRelease(lh_ring->state_lock);
	return done;
}

uint64
lh_ring_ask(LhAuditAsk ask, int64 argument)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lakehouse_audit_timeout_ms);
	char		error[LH_AUDIT_TEXT];
	uint64		ticket = 0;
	uint64		answer;
	bool		done = false;
	bool		late = false;

	ConditionVariablePrepareToSleep(&lh_ring->answered);
	while (!done && !late)
	{
		if (ticket == 0 && (ticket = make_request(ask, argument)) != 0)
			lh_ring_wake_worker();
		done = ticket != 0 && take_answer(ticket, &answer, error);
		late = !done && !sleep_until(&lh_ring->answered, end);
	}
	ConditionVariableCancelSleep();
	if (!done)
		out_of_time("the audit worker did not answer");
	if (error[0] != '\0')
		ereport(ERROR, (errcode(ERRCODE_IO_ERROR), errmsg("the audit worker failed: %s", lh_pg_text(error))));
	return answer;
}

/* ---- the worker ---- */

bool
lh_ring_next(uint64 *at, LhAuditMessage *message, uint8 *body)
{
	Place		place;

	if (*at >= pg_atomic_read_u64(&lh_ring->write))
		return false;
	pg_read_barrier();
	if (*(volatile uint32 *) &((Place *) at_place(*at))->complete == 0)
		return false;
	pg_read_barrier();
	memcpy(&place, at_place(*at), sizeof(place));
	copy_out(*at + sizeof(Place), message, sizeof(*message));
	if (message->body > LH_AUDIT_RECORD_MOST || lh_ring_bytes(message->body) != place.bytes)
		elog(PANIC, "the ring of audit records is corrupt");
	copy_out(*at + sizeof(Place) + sizeof(*message), body, message->body);
	*at += place.bytes;
	return true;
}

/*
 * Place and entries belong together: a worker that is started in between would take what is durable for new.  The place comes
 * first, as entries that are compared in vain do no harm.
 */
void
lh_ring_durable(uint64 at, uint64 entries)
{
	pg_memory_barrier();
	pg_atomic_write_u64(&lh_ring->read, at);
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	lh_ring->state.durable = entries;
	LWLockRelease(lh_ring->state_lock);
	ConditionVariableBroadcast(&lh_ring->moved);
}
