/*
 * keyring_worker.c
 *		The background worker "lakehouse keys", which alone talks to key providers.
 *
 *	1. It has shared memory and no database.  It runs from the server's start, on standbys as well, and is started
 *	   again by the postmaster whenever it ends.
 *	2. Providers are asked in threads (keyring_lane.c), so that one that hangs holds up nobody but those
 *	   who ask it.  Threads and not processes: what they call waits through its host and can be stopped, they cost
 *	   nothing while idle, and keys need not be handed on once more.
 *	3. Only this thread touches shared memory.  A round: answers of lanes that have ended go to their slots; lanes whose
 *	   backends have gone are cancelled; waiting requests, the oldest first, go to idle lanes.
 *	4. When it ends, requests that it had begun are told so; those that wait go on waiting for its successor.
 *	5. It cannot be dumped or traced by processes of its own user: key encryption keys of files and environment, tokens, and
 *	   what TLS and HTTP libraries copied, are in its memory for moments, and nowhere else.
 */
#include "pg/privacy/keyring_internal.h"

#include <sys/prctl.h>
#include <unistd.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

extern PGDLLEXPORT void lakehouse_key_worker(Datum arg) __attribute__((noreturn));

/* Seconds until the postmaster starts it again. */
#define RESTART_S 1
/* How often providers are looked for that have not been used. */
#define SWEEP_MS  60000
/* Threads get so long to end when the worker does. */
#define END_MS	  1000

static LhKeyLanes *lanes;

/* ---- answers ---- */

static LhStatus
pack_answer(LhCtx *ctx, LhPack *pack, uint64 ticket, const LhKeyringAnswer *answer)
{
	LhKeyBinding binding = LH_KEY_OF_ANSWER(ticket);
	uint8		sealed[LH_PROVIDER_MOST + LH_SEAL_MORE];
	size_t		len = 0;

	if (answer->key.len > LH_PROVIDER_MOST)
		LH_FAIL(ctx, LH_LIMIT, "a key has more than %d bytes", LH_PROVIDER_MOST);
	if (answer->key.len > 0)
	{
		LH_TRY(lh_keyring_seal(ctx, lh_slice(&binding, sizeof(binding)), answer->key, sealed));
		len = answer->key.len + LH_SEAL_MORE;
	}
	lh_pack_put(pack, sealed, len);
	lh_pack_put(pack, answer->wrapped.data, answer->wrapped.len);
	lh_pack_put(pack, &answer->status, sizeof(answer->status));
	if (pack->bad)
		LH_FAIL(ctx, LH_LIMIT, "an answer of a key provider has more than %d bytes", LH_KEYRING_BYTES);
	return LH_OK;
}

static void
pack_error(LhPack *pack, const LhError *error)
{
	*pack = (LhPack) {.bytes = pack->bytes};
	lh_pack_put_text(pack, error->message);
	lh_pack_put_text(pack, error->detail);
	lh_pack_put_text(pack, error->hint);
}

/* To the slot, if somebody still waits there. */
static void
put_answer(int i, uint64 ticket, LhStatus status, const LhPack *pack)
{
	LhKeySlot  *slot = &lh_keyring->slots[i];

	LWLockAcquire(lh_keyring->slot_lock, LW_EXCLUSIVE);
	if (slot->state == LH_KEY_SLOT_BEGUN && slot->ticket == ticket)
	{
		/* what is only out of time is counted by who waits */
		lh_keyring->counts.failed += status != LH_OK && status != LH_CANCELLED;
		slot->status = status;
		memcpy(slot->bytes, pack->bytes, pack->len);
		slot->len = Max(slot->len, pack->len);
		slot->state = LH_KEY_SLOT_DONE;
		SetLatch(slot->latch);
	}
	LWLockRelease(lh_keyring->slot_lock);
}

static void
finish(int lane)
{
	uint8		bytes[LH_KEYRING_BYTES];
	LhPack		pack = {.bytes = bytes};
	LhKeyringAnswer answer;
	LhKeyringOp op;
	LhStatus	status;
	uint64		ticket;
	LhCtx	   *ctx;
	int			slot;

	(void) lh_key_lane_working(lanes, lane, &slot, &ticket);
	status = lh_key_lane_result(lanes, lane, &ctx, &op, &answer);
	if (status == LH_OK)
		status = pack_answer(ctx, &pack, ticket, &answer);
	if (status != LH_OK)
		pack_error(&pack, ctx->error);
	put_answer(slot, ticket, status, &pack);
	lh_key_lane_release(lanes, lane);
}

/* ---- requests ---- */

/* Work that nobody waits for any more. */
static void
cancel_abandoned(void)
{
	LWLockAcquire(lh_keyring->slot_lock, LW_SHARED);
	for (int lane = 0; lane < LH_KEY_LANES; lane++)
	{
		uint64		ticket;
		int			slot;

		if (lh_key_lane_working(lanes, lane, &slot, &ticket) &&
			(lh_keyring->slots[slot].state != LH_KEY_SLOT_BEGUN || lh_keyring->slots[slot].ticket != ticket))
			lh_key_lane_cancel(lanes, lane);
	}
	LWLockRelease(lh_keyring->slot_lock);
}

/* The oldest request that a lane can take; the lane has it then.  -1: none. */
static int
take_request(void)
{
	LhKeySlot  *oldest = NULL;
	int			lane = -1;

	LWLockAcquire(lh_keyring->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < lh_keyring->nslots; i++)
	{
		LhKeySlot  *slot = &lh_keyring->slots[i];

		if (slot->state == LH_KEY_SLOT_WAITING && (oldest == NULL || slot->ticket < oldest->ticket) &&
			lh_key_lanes_pick(lanes, slot->target) >= 0)
			oldest = slot;
	}
	if (oldest != NULL)
	{
		lane = lh_key_lanes_pick(lanes, oldest->target);
		lh_key_lane_take(lanes, lane, (int) (oldest - lh_keyring->slots), oldest);
		oldest->state = LH_KEY_SLOT_BEGUN;
	}
	LWLockRelease(lh_keyring->slot_lock);
	return lane;
}

static void
start_requests(void)
{
	int			lane;

	while ((lane = take_request()) >= 0)
		if (!lh_key_lane_start(lanes, lane))
			finish(lane);
}

static void
work(void)
{
	int			lane;

	lh_key_lanes_seen(lanes);
	while ((lane = lh_key_lanes_ended(lanes)) >= 0)
		finish(lane);
	cancel_abandoned();
	start_requests();
}

/* ---- beginning and end ---- */

/* What was begun and will never be answered.  Lock held. */
static void
lose_requests(void)
{
	for (int i = 0; i < lh_keyring->nslots; i++)
	{
		LhKeySlot  *slot = &lh_keyring->slots[i];

		if (slot->state != LH_KEY_SLOT_BEGUN)
			continue;
		lh_keyring->counts.lost++;
		slot->lost = true;
		slot->status = LH_IO;
		slot->state = LH_KEY_SLOT_DONE;
		SetLatch(slot->latch);
	}
}

/* before_shmem_exit */
static void
leave(int code, Datum arg)
{
	LWLockAcquire(lh_keyring->slot_lock, LW_EXCLUSIVE);
	lh_keyring->worker = 0;
	lh_keyring->worker_latch = NULL;
	lose_requests();
	LWLockRelease(lh_keyring->slot_lock);
}

/* on_proc_exit: the last thing before exit(3), whose handlers must not run beside threads. */
static void
end_threads(int code, Datum arg)
{
	if (lanes != NULL && !lh_key_lanes_end(lanes, END_MS))
		_exit(code);
	lanes = NULL;
}

static void
arrive(void)
{
	LWLockAcquire(lh_keyring->slot_lock, LW_EXCLUSIVE);
	/* should its predecessor have gone without a word */
	lose_requests();
	lh_keyring->worker = MyProcPid;
	lh_keyring->worker_latch = MyLatch;
	lh_keyring->started = GetCurrentTimestamp();
	lh_keyring->counts.starts++;
	LWLockRelease(lh_keyring->slot_lock);
	before_shmem_exit(leave, (Datum) 0);
}

void
lakehouse_key_worker(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	(void) prctl(PR_SET_DUMPABLE, 0);
	on_proc_exit(end_threads, (Datum) 0);
	lanes = lh_key_lanes_create();
	arrive();
	while (!ShutdownRequestPending)
	{
		bool		open;

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		work();
		open = lh_key_lanes_sweep(lanes);
		(void) WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH | (open ? WL_TIMEOUT : 0),
								 lh_key_lanes_event(lanes), SWEEP_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	/* with 0 it would not be started again, and the server's shutdown asks no more than that it ends */
	proc_exit(1);
}

void
lh_keyring_register_worker(void)
{
#ifndef EXEC_BACKEND
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS,
		.bgw_start_time = BgWorkerStart_PostmasterStart,
		.bgw_restart_time = RESTART_S,
	};

	strlcpy(worker.bgw_name, "lakehouse keys", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "lakehouse keys", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "lakehouse", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "lakehouse_key_worker", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
#endif
}
