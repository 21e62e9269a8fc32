/*
 * keyring_lane.c
 *		The worker's threads: each asks one provider at a time.
 *
 *	1. A lane is a thread, made when it is first needed, with a context of its own.  It does core work
 *	   only: it sees neither shared memory nor PostgreSQL.  The worker copies the request to it and the answer from it.
 *	2. Its host stops it when the request's time is over or its backend is gone; a provider in the middle of a request
 *	   to a network hears of it within a slice of waiting.  One that hangs in the kernel (a file
 *	   on a dead network mount) cannot be stopped: its lane is busy for so long, and the others go on.
 *	3. So that one provider cannot take all lanes, requests with the same settings have some of them at most.
 *	4. A provider stays open in its lane, with its connections and the token of its login; it is
 *	   closed after a failure, when another needs its place, and when it was not used for a while.
 */
#include "pg/privacy/keyring_internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/pool.h"

/* Providers that a lane keeps open, and for how long without use. */
#define OPEN_MOST    4
#define OPEN_IDLE_MS (10 * 60 * 1000)
/* How soon a cancel is noticed while a descriptor is waited for. */
#define SLICE_MS     50

typedef struct Opened
{
	LhArena    *arena;			/* of all that it is; NULL: none */
	LhProvider *provider;
	uint32		len;			/* of its kind and options in bytes */
	uint64		target;
	int64		used_ms;
	uint8		bytes[LH_KEYRING_BYTES];
} Opened;

struct LhKeyLane
{
	LhKeyLanes *lanes;
	bool		busy;			/* from take to release */
	bool		started;		/* its thread was told */
	int			slot;
	uint64		ticket;
	uint64		target;
	int64		until_ms;

	/* the thread's while it works, the worker's otherwise */
	LhCtx		ctx;			/* the helper's, with a host of ours */
	LhArena    *root;
	LhArena    *arena;			/* of one request */
	uint32		len;
	uint32		settings_len;	/* of these, kind and options */
	uint8		bytes[LH_KEYRING_BYTES];
	LhKeyringCall call;
	LhKeyringAnswer answer;
	LhStatus	status;
	Opened		opened[OPEN_MOST];

	/* between both, without a lock */
	bool		cancel;
	bool		ended;
};

struct LhKeyLanes
{
	LhCtx	   *ctx;
	LhPool	   *pool;
	int			event;
	LhKeyLane	lane[LH_KEY_LANES];
};

/* ---- the thread's side ---- */

static bool
lane_interrupted(void *arg)
{
	const LhKeyLane *lane = arg;

	return __atomic_load_n(&lane->cancel, __ATOMIC_RELAXED) || lh_keyring_now_ms() >= lane->until_ms;
}

static int
lane_wait(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	struct pollfd few[64];
	int			left = timeout_ms,
				n = 0;

	if (nfds < 0 || nfds > (int) lengthof(few))
	{
		errno = EINVAL;
		return -1;
	}
	for (int i = 0; i < nfds; i++)
		few[i] = (struct pollfd) {.fd = fds[i].fd, .events = fds[i].events};
	while (!lane_interrupted(arg))
	{
		int			slice = left < 0 || left > SLICE_MS ? SLICE_MS : left;

		n = poll(few, (nfds_t) nfds, slice);
		if (n != 0 || (left >= 0 && (left -= slice) <= 0))
			break;
	}
	for (int i = 0; i < nfds; i++)
		fds[i].revents = n > 0 ? few[i].revents : 0;
	return n;
}

static const LhHost lane_host = {.interrupted = lane_interrupted, .wait = lane_wait};

static void
close_provider(Opened *o)
{
	lh_arena_destroy(o->arena);
	o->arena = NULL;
	o->provider = NULL;
	o->len = 0;
}

/* The one with these settings, or a place for it. */
static Opened *
place_for(LhKeyLane *lane)
{
	Opened	   *place = &lane->opened[0];

	for (int i = 0; i < OPEN_MOST; i++)
	{
		Opened	   *o = &lane->opened[i];

		if (o->arena != NULL && o->len == lane->settings_len && memcmp(o->bytes, lane->bytes, o->len) == 0)
			return o;
		if (place->arena != NULL && (o->arena == NULL || o->used_ms < place->used_ms))
			place = o;
	}
	if (place->arena != NULL)
		close_provider(place);
	return place;
}

static LhStatus
open_provider(LhCtx *ctx, LhKeyLane *lane, Opened *o)
{
	const LhProviderKind *kind = lh_keyring_kind(lane->call.kind);
	LhArena    *arena = lh_arena_child(lane->root),
			   *old;
	LhStatus	status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for key provider \"%s\"", lane->call.kind);
	old = lh_use(ctx, arena);
	status = kind->open(ctx, lane->call.options, lane->call.noptions, &o->provider);
	lh_use(ctx, old);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		return status;
	}
	o->arena = arena;
	o->target = lane->target;
	o->len = lane->settings_len;
	memcpy(o->bytes, lane->bytes, o->len);
	return LH_OK;
}

static LhStatus
ask(LhCtx *ctx, LhKeyLane *lane)
{
	Opened	   *o = place_for(lane);
	LhStatus	status;

	if (o->arena == NULL)
		LH_TRY(open_provider(ctx, lane, o));
	status = lh_keyring_ask(ctx, o->provider, &lane->call, &lane->answer);
	o->used_ms = lh_keyring_now_ms();
	if (status != LH_OK)
		close_provider(o);
	return status;
}

/* LhJobFn */
static LhStatus
run(LhCtx *helper, void *arg)
{
	LhKeyLane  *lane = arg;
	uint64		one = 1;

	lane->status = ask(&lane->ctx, lane);
	__atomic_store_n(&lane->ended, true, __ATOMIC_RELEASE);
	/* it can only fail when the counter is full: then there are news enough */
	while (write(lane->lanes->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return lane->status;
}

/* ---- the worker's side ---- */

LhKeyLanes *
lh_key_lanes_create(void)
{
	LhKeyLanes *lanes = calloc(1, sizeof(*lanes));

	if (lanes == NULL || (lanes->ctx = lh_ctx_create()) == NULL)
		ereport(FATAL, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	lanes->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lanes->event < 0)
		ereport(FATAL, (errcode_for_socket_access(), errmsg("could not make an eventfd: %m")));
	if (lh_pool_create(lanes->ctx, LH_KEY_LANES, &lanes->pool) != LH_OK)
		ereport(FATAL, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg_internal("%s", lanes->ctx->error->message)));
	for (int i = 0; i < LH_KEY_LANES; i++)
	{
		LhKeyLane  *lane = &lanes->lane[i];

		lane->lanes = lanes;
		lane->ctx = *lh_pool_ctx(lanes->pool, i);
		lane->ctx.host = &lane_host;
		lane->ctx.host_arg = lane;
		lane->root = lane->ctx.arena;
	}
	return lanes;
}

int
lh_key_lanes_event(const LhKeyLanes *lanes)
{
	return lanes->event;
}

void
lh_key_lanes_seen(LhKeyLanes *lanes)
{
	uint64		news;

	while (read(lanes->event, &news, sizeof(news)) < 0 && errno == EINTR)
		;
}

static bool
has_open(const LhKeyLane *lane, uint64 target)
{
	for (int i = 0; i < OPEN_MOST; i++)
		if (lane->opened[i].arena != NULL && lane->opened[i].target == target)
			return true;
	return false;
}

int
lh_key_lanes_pick(LhKeyLanes *lanes, uint64 target)
{
	int			best = -1,
				best_worth = -1,
				same = 0;

	for (int i = 0; i < LH_KEY_LANES; i++)
	{
		const LhKeyLane *lane = &lanes->lane[i];
		int			worth;

		same += lane->busy && lane->target == target;
		if (lane->busy)
			continue;
		/* one that has it open, else one that has nothing to close */
		worth = has_open(lane, target) ? 2 : lane->opened[0].arena == NULL;
		if (worth > best_worth)
		{
			best = i;
			best_worth = worth;
		}
	}
	return same < LH_KEY_LANES_EACH ? best : -1;
}

int
lh_key_lanes_busy(const LhKeyLanes *lanes)
{
	int			n = 0;

	for (int i = 0; i < LH_KEY_LANES; i++)
		n += lanes->lane[i].busy;
	return n;
}

void
lh_key_lane_take(LhKeyLanes *lanes, int i, int slot, const LhKeySlot *request)
{
	LhKeyLane  *lane = &lanes->lane[i];

	lane->busy = true;
	lane->slot = slot;
	lane->ticket = request->ticket;
	lane->target = request->target;
	lane->until_ms = request->until_ms;
	lane->len = Min(request->len, LH_KEYRING_BYTES);
	memcpy(lane->bytes, request->bytes, lane->len);
}

/* The request in the lane's own memory, a plain key in secret memory. */
static LhStatus
read_request(LhCtx *ctx, LhKeyLane *lane)
{
	LhPack		pack = {.bytes = lane->bytes, .len = lane->len};
	LhKeyBinding binding = LH_KEY_OF_REQUEST(lane->ticket);
	LhProviderOption *options;
	LhSlice		number,
				input;
	uint32		n = 0,
				op = 0;

	lane->call = (LhKeyringCall) {.kind = lh_pack_get_text(&pack)};
	number = lh_pack_get(&pack);
	if (number.len == sizeof(n))
		memcpy(&n, number.data, sizeof(n));
	/* each takes more than a byte */
	if (pack.bad || number.len != sizeof(n) || n > lane->len)
		LH_FAIL(ctx, LH_BUG, "a request for keys is cut off");
	LH_NEW_ARRAY(ctx, options, n + 1);
	for (uint32 i = 0; i < n; i++)
	{
		options[i].name = lh_pack_get_text(&pack);
		options[i].value = lh_pack_get_text(&pack);
	}
	lane->settings_len = pack.at;
	number = lh_pack_get(&pack);
	if (number.len == sizeof(op))
		memcpy(&op, number.data, sizeof(op));
	lane->call.options = options;
	lane->call.noptions = (int) n;
	lane->call.op = (LhKeyringOp) op;
	lane->call.name = lh_pack_get_text(&pack);
	input = lh_pack_get(&pack);
	if (pack.bad || number.len != sizeof(op) || lh_keyring_kind(lane->call.kind) == NULL)
		LH_FAIL(ctx, LH_BUG, "a request for keys is cut off");
	lane->call.input = input;
	if (lane->call.op == LH_KEYRING_WRAP)
		LH_TRY(lh_keyring_unseal(ctx, lh_slice(&binding, sizeof(binding)), input, &lane->call.input));
	return LH_OK;
}

bool
lh_key_lane_start(LhKeyLanes *lanes, int i)
{
	LhKeyLane  *lane = &lanes->lane[i];
	LhCtx	   *ctx = &lane->ctx;

	memset(&lane->answer, 0, sizeof(lane->answer));
	lane->cancel = lane->ended = lane->started = false;
	lh_error_clear(ctx);
	lane->arena = lh_arena_child(lane->root);
	if (lane->arena == NULL)
		lane->status = lh_fail(ctx, LH_NO_MEMORY, "out of memory for keys");
	else
	{
		lh_use(ctx, lane->arena);
		lane->status = read_request(ctx, lane);
	}
	if (lane->status != LH_OK)
		return false;
	lane->started = lh_pool_start(lanes->pool, i, run, lane);
	if (!lane->started)
		lane->status = lh_fail(ctx, LH_LIMIT, "the worker \"lakehouse keys\" could not start a thread");
	return lane->started;
}

int
lh_key_lanes_ended(LhKeyLanes *lanes)
{
	for (int i = 0; i < LH_KEY_LANES; i++)
	{
		LhKeyLane  *lane = &lanes->lane[i];

		if (!lane->busy || !lane->started || !__atomic_load_n(&lane->ended, __ATOMIC_ACQUIRE))
			continue;
		/* it only has to leave its function */
		while (!lh_pool_idle(lanes->pool, i, NULL))
			pg_usleep(10L);
		return i;
	}
	return -1;
}

LhStatus
lh_key_lane_result(LhKeyLanes *lanes, int i, LhCtx **ctx, LhKeyringOp *op, LhKeyringAnswer *answer)
{
	LhKeyLane  *lane = &lanes->lane[i];

	*ctx = &lane->ctx;
	*op = lane->call.op;
	*answer = lane->answer;
	return lane->status;
}

bool
lh_key_lane_working(const LhKeyLanes *lanes, int i, int *slot, uint64 *ticket)
{
	const LhKeyLane *lane = &lanes->lane[i];

	*slot = lane->slot;
	*ticket = lane->ticket;
	return lane->busy;
}

void
lh_key_lane_cancel(LhKeyLanes *lanes, int i)
{
	__atomic_store_n(&lanes->lane[i].cancel, true, __ATOMIC_RELAXED);
}

void
lh_key_lane_release(LhKeyLanes *lanes, int i)
{
	LhKeyLane  *lane = &lanes->lane[i];

	lh_use(&lane->ctx, lane->root);
	lh_arena_destroy(lane->arena);
	lane->arena = NULL;
	lh_wipe(lane->bytes, sizeof(lane->bytes));
	memset(&lane->call, 0, sizeof(lane->call));
	memset(&lane->answer, 0, sizeof(lane->answer));
	lane->busy = lane->started = false;
}

bool
lh_key_lanes_sweep(LhKeyLanes *lanes)
{
	int64		now = lh_keyring_now_ms();
	bool		any = false;

	for (int i = 0; i < LH_KEY_LANES; i++)
	{
		LhKeyLane  *lane = &lanes->lane[i];

		/* while it works it is the thread's */
		for (int k = 0; k < OPEN_MOST && !lane->busy; k++)
		{
			Opened	   *o = &lane->opened[k];

			if (o->arena != NULL && now - o->used_ms >= OPEN_IDLE_MS)
				close_provider(o);
			any = any || o->arena != NULL;
		}
		any = any || lane->busy;
	}
	return any;
}

bool
lh_key_lanes_end(LhKeyLanes *lanes, int ms)
{
	int64		until = lh_keyring_now_ms() + ms;

	for (int i = 0; i < LH_KEY_LANES; i++)
		lh_key_lane_cancel(lanes, i);
	for (int i = 0; i < LH_KEY_LANES; i++)
		while (!lh_pool_idle(lanes->pool, i, NULL))
		{
			if (lh_keyring_now_ms() >= until)
				return false;
			pg_usleep(1000L);
		}
	/* joins the threads, wipes and closes all they had */
	lh_ctx_destroy(lanes->ctx);
	close(lanes->event);
	free(lanes);
	return true;
}
