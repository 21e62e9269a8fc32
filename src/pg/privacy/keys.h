/*
 * keys.h
 *		The catalog of keys: what has which version, wrapped by what.
 *
 *	keys.c				look-up: names to references, references to bytes
 *	keys_admin.c		key_create, key_rotate, key_retire, key_destroy, key_list, key_status
 *	keys_store.h		rows and wrapping: what these files share
 *	keys_provider.c		key_provider_create, _alter, _drop, _list
 *	keys_use.c			what uses a version, so that it is not retired
 *	keys_verify.c		key_verify
 *	keys_rewrap.c		rewrap: wrapped keys under the newest version of what wraps them; its progress
 *
 * A key encryption key is outside of the database, at a provider.  It wraps domain keys (one for each tenant), and these
 * wrap data keys.  Each has versions: the newest active one encrypts, older ones decrypt until they are retired, and
 * a destroyed one is gone.  Tables lakehouse.key_providers, keys, key_versions hold wrapped keys only; they are dumped.
 *
 * Bytes never pass SQL: functions of SQL take and give names, and callers in C hold a LhKeyRef.
 */
#ifndef LH_PG_PRIVACY_KEYS_H
#define LH_PG_PRIVACY_KEYS_H

#include "pg/privacy/keyring.h"

/*
 * The version of a data key that encrypts now.  ERROR: no such key, or none active.  Cached until keys
 * change.  Rights are the caller's to check.
 */
extern LhKeyRef lh_key_current(const char *name);
/* By its number, as envelopes have it; ERROR as above. */
extern LhKeyRef lh_key_current_of(uint64 id);
extern uint64 lh_key_id(const char *name);
extern char *lh_key_name(uint64 id);	/* palloc'd; NULL: none */

/*
 * Before a version's number is stored: nobody retires or destroys it until the transaction ends.  ERROR unless
 * it is active.  Who stores numbers has a line in keys_use.c.
 */
extern void lh_key_hold(LhKeyRef ref);

/*
 * Its LH_PROVIDER_KEY bytes, in secret memory of ctx->arena.  ERROR: no such version, retired, destroyed, or the provider fails.
 * From the keyring; else unwrapped, the worker asking the provider, and put there.
 * Does not write: works on standbys, in parallel workers and while decoding.
 */
extern LhSlice lh_key_load(LhCtx *ctx, LhKeyRef ref);

/* Self-tests of crypto/ and mask/ passed in this server or process: ERROR unless they do; before the first key is used. */
extern void lh_crypto_ready(void);

/* Keys changed (any backend): drop what was derived.  Cheap, as lh_hidden_watch. */
extern void lh_keys_watch(void (*changed) (void));

#endif
