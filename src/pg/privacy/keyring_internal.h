/*
 * keyring_internal.h
 *		Internal: what lies in shared memory, and what the files of the keyring share.
 *
 *	keyring.c			shared memory, the per-start key, the cache
 *	keyring_call.c		the backend's side of requests
 *	keyring_worker.c	the worker: requests to threads and back
 *	keyring_lane.c		a thread of the worker and the providers that it has open
 *	keyring_show.c		functions of SQL
 *
 * All of it is one piece of shared memory, which begins and ends with a page: it is left out of core dumps.
 *
 * A slot belongs to the backend of its number, which has one request at a time.  States, and who moves on:
 *
 *	FREE -> WAITING		the backend, with the request in bytes
 *	WAITING -> BEGUN	the worker
 *	BEGUN -> DONE		the worker, with the answer in bytes
 *	any -> FREE			the backend, wiping it; the worker notices by the ticket that its work is not wanted
 *
 * Plain keys in slots, requests' and answers', are sealed under the per-start key and bound to the ticket.
 */
#ifndef LH_PG_PRIVACY_KEYRING_INTERNAL_H
#define LH_PG_PRIVACY_KEYRING_INTERNAL_H

#include "pg/privacy/keyring.h"

#include "crypto/crypto.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

/* Bytes of a request or an answer: the longest key (LH_PROVIDER_MOST) as Vault wraps it, and paths. */
#define LH_KEYRING_BYTES 8192
/* Bytes of the longest key in the cache; longer ones are asked for anew. */
#define LH_KEYRING_KEY 64
/* Bytes that sealing adds: nonce and tag. */
#define LH_SEAL_MORE (LH_AES_NONCE + LH_AES_TAG)

typedef enum LhKeySlotState
{
	LH_KEY_SLOT_FREE, LH_KEY_SLOT_WAITING, LH_KEY_SLOT_BEGUN, LH_KEY_SLOT_DONE
} LhKeySlotState;

typedef struct LhKeySlot
{
	LhKeySlotState state;
	uint64		ticket;			/* of the request; never the same again */
	Latch	   *latch;			/* of the backend */
	int64		until_ms;		/* by lh_keyring_now_ms; then nobody waits any more */
	uint64		target;			/* hash of the provider's kind and options */
	LhStatus	status;			/* DONE: how it ended */
	bool		lost;			/* DONE: the worker ended before */
	uint32		len;			/* of bytes */
	uint8		bytes[LH_KEYRING_BYTES];
} LhKeySlot;

/* A key in the cache. */
typedef struct LhKeyEntry
{
	uint64		id;
	uint32		version;
	Oid			database;
	int			next;			/* in its chain, or in that of free ones; -1: the last */
	uint32		len;			/* of sealed; 0: free */
	pg_atomic_uint64 used;		/* TimestampTz */
	uint8		sealed[LH_KEYRING_KEY + LH_SEAL_MORE];
} LhKeyEntry;

/* Since the server started. */
typedef struct LhKeyringCounts
{
	int64		starts;			/* of the worker */
	int64		requests;
	int64		failed;			/* the provider says so */
	int64		timed_out;
	int64		abandoned;		/* cancelled, or the backend has gone */
	int64		lost;			/* with the worker */
} LhKeyringCounts;

typedef struct LhKeyring
{
	/* by themselves */
	pg_atomic_uint64 nonce;		/* the last one used under the per-start key */
	pg_atomic_uint64 ticket;
	pg_atomic_uint64 hits;
	pg_atomic_uint64 misses;

	/* by cache_lock */
	LWLock	   *cache_lock;
	uint64		forgotten;		/* how often keys were forgotten */
	int			nentries;
	int			used_entries;
	int			free;			/* the first free entry; -1: none */
	int			nchains;		/* a power of two */
	int		   *chains;			/* first entry of each; -1: none */
	LhKeyEntry *entries;

	/* by slot_lock */
	LWLock	   *slot_lock;
	pid_t		worker;			/* 0: there is none at present */
	Latch	   *worker_latch;
	TimestampTz started;		/* the worker */
	LhKeyringCounts counts;
	int			nslots;
	LhKeySlot  *slots;
} LhKeyring;

/* NULL: the library is not preloaded, or its processes are not forked. */
extern LhKeyring *lh_keyring;

extern int64 lh_keyring_now_ms(void);	/* CLOCK_MONOTONIC, the same in all processes */

/* ---- sealing under the per-start key (keyring.c) ---- */

/* plain.len + LH_SEAL_MORE bytes to out. */
extern LhStatus lh_keyring_seal(LhCtx *ctx, LhSlice bound_to, LhSlice plain, uint8 *out);
/* Into secret memory of ctx->arena; LH_CORRUPT: not what was sealed so. */
extern LhStatus lh_keyring_unseal(LhCtx *ctx, LhSlice bound_to, LhSlice sealed, LhSlice *plain);

/* What a key in a slot is bound to. */
typedef struct LhKeyBinding
{
	char		what[8];
	uint64		ticket;
} LhKeyBinding;

#define LH_KEY_OF_REQUEST(t) ((LhKeyBinding) {{'r', 'e', 'q', 'u', 'e', 's', 't'}, (t)})
#define LH_KEY_OF_ANSWER(t)  ((LhKeyBinding) {{'a', 'n', 's', 'w', 'e', 'r'}, (t)})

/* ---- texts and bytes in a row, each behind its length ---- */

typedef struct LhPack
{
	uint8	   *bytes;
	uint32		len;			/* written so far, or all there is to read */
	uint32		at;				/* read so far */
	bool		bad;			/* it did not fit, or ended early: the rest is not to be used */
} LhPack;

static inline void
lh_pack_put(LhPack *pack, const void *p, size_t n)
{
	uint32		len = (uint32) n;

	if (pack->bad || n > LH_KEYRING_BYTES || pack->len + sizeof(len) + n > LH_KEYRING_BYTES)
	{
		pack->bad = true;
		return;
	}
	memcpy(pack->bytes + pack->len, &len, sizeof(len));
	if (n > 0)
		memcpy(pack->bytes + pack->len + sizeof(len), p, n);
	pack->len += (uint32) sizeof(len) + len;
}

/* A text is followed by a NUL, which its length counts. */
static inline void
lh_pack_put_text(LhPack *pack, const char *s)
{
	lh_pack_put(pack, s, strlen(s) + 1);
}

static inline LhSlice
lh_pack_get(LhPack *pack)
{
	uint32		len = 0;
	LhSlice		out = {0};

	if (!pack->bad && pack->len - pack->at >= sizeof(len))
		memcpy(&len, pack->bytes + pack->at, sizeof(len));
	if (pack->bad || pack->len - pack->at < sizeof(len) || pack->len - pack->at - sizeof(len) < len)
	{
		pack->bad = true;
		return out;
	}
	out = lh_slice(pack->bytes + pack->at + sizeof(len), len);
	pack->at += (uint32) sizeof(len) + len;
	return out;
}

static inline const char *
lh_pack_get_text(LhPack *pack)
{
	LhSlice		s = lh_pack_get(pack);

	if (s.len == 0 || s.data[s.len - 1] != '\0')
	{
		pack->bad = true;
		return "";
	}
	return (const char *) s.data;
}

/* ---- one call, by whoever does it ---- */

extern LhStatus lh_keyring_ask(LhCtx *ctx, LhProvider *provider, const LhKeyringCall *call, LhKeyringAnswer *answer);

/* ---- a thread of the worker (keyring_lane.c): core work only ---- */

/* Threads; of these, at most so many for one provider's settings. */
#define LH_KEY_LANES      16
#define LH_KEY_LANES_EACH 4

typedef struct LhKeyLane LhKeyLane;
typedef struct LhKeyLanes LhKeyLanes;

extern LhKeyLanes *lh_key_lanes_create(void);
/* A descriptor that can be read when one has ended its work; read empty by this. */
extern int	lh_key_lanes_event(const LhKeyLanes *lanes);
extern void lh_key_lanes_seen(LhKeyLanes *lanes);
/* An idle one for a provider's settings, which may have it open; -1: all are busy, or so many with these settings. */
extern int	lh_key_lanes_pick(LhKeyLanes *lanes, uint64 target);
extern int	lh_key_lanes_busy(const LhKeyLanes *lanes);
/* Copies the slot's request, whose slot is locked; it is read by lh_key_lane_start without the lock. */
extern void lh_key_lane_take(LhKeyLanes *lanes, int lane, int slot, const LhKeySlot *request);
/* False: the work could not begin, and status and error of the lane say why. */
extern bool lh_key_lane_start(LhKeyLanes *lanes, int lane);
/* One whose work has ended and that nobody has looked at; -1: none. */
extern int	lh_key_lanes_ended(LhKeyLanes *lanes);
/* How it ended, and in the lane's memory with what; an error is in (*ctx)->error. */
extern LhStatus lh_key_lane_result(LhKeyLanes *lanes, int lane, LhCtx **ctx, LhKeyringOp *op, LhKeyringAnswer *answer);
/* The request that it works on; false: it is idle. */
extern bool lh_key_lane_working(const LhKeyLanes *lanes, int lane, int *slot, uint64 *ticket);
extern void lh_key_lane_cancel(LhKeyLanes *lanes, int lane);
/* Idle again; what it held is wiped. */
extern void lh_key_lane_release(LhKeyLanes *lanes, int lane);
/* Close providers that nobody has used for a while; false: none is open. */
extern bool lh_key_lanes_sweep(LhKeyLanes *lanes);
/* Cancel all work and end the threads; false: one of them did not end within so long. */
extern bool lh_key_lanes_end(LhKeyLanes *lanes, int ms);

#endif
