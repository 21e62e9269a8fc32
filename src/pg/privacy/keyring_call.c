/*
 * keyring_call.c
 *		Ask a provider: through the worker, or where there is none by the backend itself.
 *
 *	1. The request goes into the backend's slot, a plain key in it sealed; the worker's latch is set.
 *	2. The backend sleeps on its own latch until the answer is there or lakehouse.key_timeout has passed.
 *	   Any interrupt ends the wait: the slot is wiped, and the worker stops what it has begun.
 *	3. A request that no worker has begun waits for one, so that a worker that ended and is started again
 *	   is not noticed.  One that it had begun fails: nobody knows how far it came.
 *	4. A backend that exits wipes its slot.  One that is killed takes all of shared memory with it: the
 *	   postmaster makes it anew.
 */
#include "pg/privacy/keyring_internal.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/wait_event.h"


/* ---- one call, by whoever does it ---- */

LhStatus
lh_keyring_ask(LhCtx *ctx, LhProvider *provider, const LhKeyringCall *call, LhKeyringAnswer *answer)
{
	const LhProviderKind *kind = provider->kind;

	switch (call->op)
	{
		case LH_KEYRING_WRAP:
			return kind->wrap(ctx, provider, call->name, call->input, &answer->wrapped);
		case LH_KEYRING_UNWRAP:
			return kind->unwrap(ctx, provider, call->name, call->input, &answer->key);
		case LH_KEYRING_REWRAP:
			return kind->rewrap(ctx, provider, call->name, call->input, &answer->wrapped);
		case LH_KEYRING_GENERATE:
			return kind->generate(ctx, provider, call->name, &answer->key, &answer->wrapped);
		case LH_KEYRING_STATUS:
			return kind->status(ctx, provider, call->name, &answer->status);
	}
	LH_FAIL(ctx, LH_BUG, "unknown request to a key provider: %d", (int) call->op);
}

/* ---- by the backend itself ---- */

/*
 * Providers that wait for a network or a device are the worker's alone: but in single-user mode there is nobody else, and nobody
 * who would have to wait.
 */
static void
ask_directly(LhCtx *ctx, const LhProviderKind *kind, const LhKeyringCall *call, LhKeyringAnswer *answer)
{
	LhProvider *provider;

	if (kind != &lh_provider_file && kind != &lh_provider_env && IsUnderPostmaster)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("key provider \"%s\" needs lakehouse in shared_preload_libraries", kind->name),
				 errdetail("A background worker asks it, so that no query waits for a network or a device by itself."),
				 errhint("Add lakehouse to shared_preload_libraries and restart the server.")));
	if (kind == &lh_provider_env)
		lh_pg_check(ctx, lh_provider_env_take(ctx));
	lh_pg_check(ctx, kind->open(ctx, call->options, call->noptions, &provider));
	lh_pg_check(ctx, lh_keyring_ask(ctx, provider, call, answer));
}

/* ---- our slot ---- */

static bool in_slot = false;	/* we have a request there */

static LhKeySlot *
own_slot(void)
{
	int			i = lh_backend_index();

	return lh_keyring != NULL && IsUnderPostmaster && i >= 0 && i < lh_keyring->nslots ? &lh_keyring->slots[i] : NULL;
}

/* Nobody wants an answer any more.  Lock held. */
static void
clear_slot(LhKeySlot *slot)
{
	lh_wipe(slot->bytes, slot->len);
	slot->len = 0;
	slot->state = LH_KEY_SLOT_FREE;
	in_slot = false;
}

typedef enum Reason
{
	TIMED_OUT, ABANDONED
} Reason;

static void
give_up(LhKeySlot *slot, Reason reason)
{
	LWLockAcquire(lh_keyring->slot_lock, LW_EXCLUSIVE);
	if (reason == TIMED_OUT)
		lh_keyring->counts.timed_out++;
	else
		lh_keyring->counts.abandoned++;
	/* it stops what it does for us */
	if (slot->state == LH_KEY_SLOT_BEGUN && lh_keyring->worker_latch != NULL)
		SetLatch(lh_keyring->worker_latch);
	clear_slot(slot);
	LWLockRelease(lh_keyring->slot_lock);
}

static void
at_exit(int code, Datum arg)
{
	LhKeySlot  *slot = own_slot();

	if (in_slot && slot != NULL)
		give_up(slot, ABANDONED);
}

/* ---- the request ---- */

/* The provider's kind and options come first: requests with equal ones go to the same threads. */
static void
pack_request(LhCtx *ctx, LhPack *pack, uint64 *target, uint64 ticket, const LhKeyringCall *call)
{
	LhKeyBinding binding = LH_KEY_OF_REQUEST(ticket);
	uint32		n = (uint32) call->noptions,
				op = (uint32) call->op;
	uint8		sealed[LH_PROVIDER_MOST + LH_SEAL_MORE];

	lh_pack_put_text(pack, call->kind);
	lh_pack_put(pack, &n, sizeof(n));
	for (int i = 0; i < call->noptions; i++)
	{
		lh_pack_put_text(pack, call->options[i].name);
		lh_pack_put_text(pack, call->options[i].value != NULL ? call->options[i].value : "");
	}
	*target = hash_bytes_extended(pack->bytes, (int) pack->len, 0);
	lh_pack_put(pack, &op, sizeof(op));
	lh_pack_put_text(pack, call->name);
	if (call->op == LH_KEYRING_WRAP)
	{
		lh_pg_check(ctx, lh_provider_check_key(ctx, call->input));
		lh_pg_check(ctx, lh_keyring_seal(ctx, lh_slice(&binding, sizeof(binding)), call->input, sealed));
		lh_pack_put(pack, sealed, call->input.len + LH_SEAL_MORE);
	}
	else
		lh_pack_put(pack, call->input.data, call->input.len);
	if (pack->bad)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a request to key provider \"%s\" has more than %d bytes", call->kind, LH_KEYRING_BYTES)));
}

static void
put_request(LhKeySlot *slot, const LhPack *pack, uint64 target, uint64 ticket, int64 until_ms)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(at_exit, (Datum) 0);
	registered = true;
	LWLockAcquire(lh_keyring->slot_lock, LW_EXCLUSIVE);
	slot->ticket = ticket;
	slot->latch = MyLatch;
	slot->until_ms = until_ms;
	slot->target = target;
	slot->lost = false;
	slot->len = pack->len;
	memcpy(slot->bytes, pack->bytes, pack->len);
	slot->state = LH_KEY_SLOT_WAITING;
	in_slot = true;
	lh_keyring->counts.requests++;
	if (lh_keyring->worker_latch != NULL)
		SetLatch(lh_keyring->worker_latch);
	LWLockRelease(lh_keyring->slot_lock);
}

/* ---- the answer ---- */

static void __attribute__((noreturn))
raise_timeout(const LhKeyringCall *call, bool begun, bool worker)
{
	char	   *limit = lakehouse_key_timeout_ms % 1000 == 0 ? psprintf("%d s", lakehouse_key_timeout_ms / 1000) :
		psprintf("%d ms", lakehouse_key_timeout_ms);

	if (begun)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("key provider \"%s\" did not answer within %s", call->kind, limit),
				 errhint("It may be out of reach or overloaded; lakehouse.key_timeout says how long it is waited for.")));
	ereport(ERROR,
			(errcode(ERRCODE_IO_ERROR),
			 errmsg("nobody asked key provider \"%s\" within %s", call->kind, limit),
			 worker ? errdetail("All threads of the worker \"lakehouse keys\" that may ask it are waiting for it.") :
			 errdetail("The worker \"lakehouse keys\" is not running."),
			 worker ? errhint("It may be out of reach or overloaded; see lakehouse.keyring_worker().") :
			 errhint("The server's log says why; the server starts it again by itself.")));
}

static void
wait_for_answer(LhKeySlot *slot, const LhKeyringCall *call)
{
	for (;;)
	{
		LhKeySlotState state;
		bool		worker;
		int64		left;

		LWLockAcquire(lh_keyring->slot_lock, LW_SHARED);
		state = slot->state;
		worker = lh_keyring->worker != 0;
		LWLockRelease(lh_keyring->slot_lock);
		if (state == LH_KEY_SLOT_DONE)
			return;
		CHECK_FOR_INTERRUPTS();
		left = slot->until_ms - lh_keyring_now_ms();
		if (left <= 0)
		{
			give_up(slot, TIMED_OUT);
			raise_timeout(call, state == LH_KEY_SLOT_BEGUN, worker);
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, (long) left, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* What the worker wrote, out of the slot, which is free then. */
static LhStatus
take_answer(LhKeySlot *slot, LhPack *pack, bool *lost)
{
	LhStatus	status;

	LWLockAcquire(lh_keyring->slot_lock, LW_EXCLUSIVE);
	status = slot->status;
	*lost = slot->lost;
	pack->len = Min(slot->len, LH_KEYRING_BYTES);
	memcpy(pack->bytes, slot->bytes, pack->len);
	clear_slot(slot);
	LWLockRelease(lh_keyring->slot_lock);
	return status;
}

static LhStatus
read_answer(LhCtx *ctx, LhPack *pack, uint64 ticket, LhKeyringAnswer *answer)
{
	LhKeyBinding binding = LH_KEY_OF_ANSWER(ticket);
	LhSlice		sealed = lh_pack_get(pack),
				wrapped = lh_pack_get(pack),
				status = lh_pack_get(pack);
	void	   *copy;

	if (pack->bad || status.len != sizeof(answer->status))
		LH_FAIL(ctx, LH_BUG, "an answer of the worker \"lakehouse keys\" is cut off");
	memcpy(&answer->status, status.data, status.len);
	if (sealed.len > 0)
		LH_TRY(lh_keyring_unseal(ctx, lh_slice(&binding, sizeof(binding)), sealed, &answer->key));
	if (wrapped.len == 0)
		return LH_OK;
	copy = lh_memdup(ctx, wrapped.data, wrapped.len);
	answer->wrapped = lh_slice(copy, wrapped.len);
	return copy != NULL ? LH_OK : ctx->error->code;
}

static void __attribute__((noreturn))
raise_failure(LhCtx *ctx, LhStatus status, LhPack *pack, bool lost, const LhKeyringCall *call)
{
	const char *message,
			   *detail,
			   *hint;

	if (lost)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("the worker \"lakehouse keys\" ended while it asked key provider \"%s\"", call->kind),
				 errhint("The server starts it again by itself: repeat the statement.")));
	/* the worker looks at the same clock as we do */
	if (status == LH_CANCELLED)
		raise_timeout(call, true, true);
	message = lh_pack_get_text(pack);
	detail = lh_pack_get_text(pack);
	hint = lh_pack_get_text(pack);
	(void) lh_fail(ctx, status, "%s", message);
	if (detail[0] != '\0')
		lh_detail(ctx, "%s", detail);
	if (hint[0] != '\0')
		lh_hint(ctx, "%s", hint);
	lh_pg_raise(ctx);
}

static void
ask_worker(LhCtx *ctx, LhKeySlot *slot, const LhKeyringCall *call, LhKeyringAnswer *answer)
{
	uint8		bytes[LH_KEYRING_BYTES];
	LhPack		pack = {.bytes = bytes};
	uint64		ticket = pg_atomic_add_fetch_u64(&lh_keyring->ticket, 1),
				target;
	LhStatus	status;
	bool		lost;

	pack_request(ctx, &pack, &target, ticket, call);
	put_request(slot, &pack, target, ticket, lh_keyring_now_ms() + lakehouse_key_timeout_ms);
	PG_TRY();
	{
		wait_for_answer(slot, call);
	}
	PG_CATCH();
	{
		if (in_slot)
			give_up(slot, ABANDONED);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pack = (LhPack) {.bytes = bytes};
	status = take_answer(slot, &pack, &lost);
	if (status != LH_OK || lost)
		raise_failure(ctx, status, &pack, lost, call);
	lh_pg_check(ctx, read_answer(ctx, &pack, ticket, answer));
}

void
lh_keyring_call(LhCtx *ctx, const LhKeyringCall *call, LhKeyringAnswer *answer)
{
	const LhProviderKind *kind = lh_keyring_kind(call->kind);
	LhKeySlot  *slot = own_slot();

	memset(answer, 0, sizeof(*answer));
	if (kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no key provider \"%s\"", call->kind),
				 errhint("Key providers are \"file\", \"env\", \"vault\", \"awskms\" and \"pkcs11\".")));
	if (slot != NULL)
		ask_worker(ctx, slot, call, answer);
	else
		ask_directly(ctx, kind, call, answer);
}
