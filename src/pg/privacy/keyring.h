/*
 * keyring.h
 *		Keys in shared memory, and the worker that asks providers for them.
 *
 *	keyring.c			the per-start key, shared memory, the cache
 *	keyring_call.c		requests of a backend
 *	keyring_worker.c	the worker "lakehouse keys"
 *	keyring_lane.c		... and its threads, which ask providers
 *	keyring_show.c		what of it is seen in SQL
 *	selftest_pg.c		self-tests of crypto/
 *
 * Knows nothing of catalogs: keys have numbers, requests have all they need with them.
 *
 * A key in shared memory is wrapped under a key that is drawn when the server starts, lies in secret memory of
 * each process (inherited, locked again after fork, not dumped), and is written nowhere.
 * The part of shared memory is left out of core dumps as well.  Backends unwrap into secret memory of their own,
 * wiped with the arena.
 *
 * Requests: a backend takes a slot, wakes the worker and waits on its latch (interruptible; until
 * lakehouse.key_timeout).  A slot whose backend has gone is wiped and given back by whoever finds it; a worker that died is
 * started again by the postmaster, and requests that it had begun fail with a hint.  Providers may be slow: other
 * requests must not wait behind one that hangs longer than its timeout.
 *
 * Without preloading there is neither: providers of kind "file" and "env" are then asked by the backend itself.
 */
#ifndef LH_PG_PRIVACY_KEYRING_H
#define LH_PG_PRIVACY_KEYRING_H

#include "pg/privacy/privacy.h"

#include "crypto/envelope.h"
#include "crypto/provider.h"

/* Hooks (init.c). */
extern void lh_keyring_request(void);
extern void lh_keyring_startup(void);
extern void lh_keyring_register_worker(void);
/* In the postmaster: self-tests of crypto/ (FATAL names what fails); keys go from the environment into secret memory. */
extern void lh_crypto_start(void);
extern void lh_keyring_environment(void);

/* ---- the cache: keys of (database, id, version), unwrapped once for all backends ---- */

/* In secret memory of ctx->arena; false: not there. */
extern bool lh_keyring_find(LhCtx *ctx, Oid database, LhKeyRef ref, LhSlice *key);
/* Keys that find no room push out those unused longest. */
extern void lh_keyring_put(LhCtx *ctx, Oid database, LhKeyRef ref, LhSlice key);
/* version 0: all versions; id 0: all keys of the database. */
extern void lh_keyring_forget(Oid database, uint64 id, uint32 version);
/* Of this database, now and when the transaction has committed: until then others may put it there again. */
extern void lh_keyring_forget_for_good(uint64 id, uint32 version);

/* ---- providers ---- */

typedef enum LhKeyringOp
{
	LH_KEYRING_WRAP, LH_KEYRING_UNWRAP, LH_KEYRING_REWRAP, LH_KEYRING_GENERATE, LH_KEYRING_STATUS
} LhKeyringOp;

typedef struct LhKeyringCall
{
	LhKeyringOp op;
	const char *kind;			/* "file", "env", "vault", "awskms", "pkcs11" */
	const LhProviderOption *options;
	int			noptions;
	const char *name;			/* of the key encryption key */
	LhSlice		input;			/* WRAP: the key; UNWRAP, REWRAP: what is wrapped */
} LhKeyringCall;

typedef struct LhKeyringAnswer
{
	LhSlice		key;			/* UNWRAP, GENERATE: in secret memory */
	LhSlice		wrapped;		/* WRAP, REWRAP, GENERATE */
	LhProviderStatus status;	/* STATUS */
} LhKeyringAnswer;

/* ERROR with the provider's message (it tells no secrets); 57014 and the like when cancelled. */
extern void lh_keyring_call(LhCtx *ctx, const LhKeyringCall *call, LhKeyringAnswer *answer);

/* The provider kinds; NULL: no such. */
extern const LhProviderKind *lh_keyring_kind(const char *name);
extern void lh_keyring_kinds(const LhProviderKind *const **kinds, int *n);

#endif
