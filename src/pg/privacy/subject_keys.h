/*
 * subject_keys.h
 *		A key for each person or thing that data is about, so that it can be forgotten.
 *
 *	subject_keys.c		ids, look-up, making; erasing and its proof
 *	subject_store.c		the store outside of the database (crypto/keystore.h): directory, entries, sync
 *
 * Values of a subject are encrypted under a key of its own.  Tables hold the key's id only; the key, wrapped by a data
 * key of the catalog (keys.h), lies in a store outside of PGDATA and WAL that standbys reach as well and that has a backup rule of its own.
 * Erasing removes it there first and syncs, then the proof is written: what tables, WAL and old backups hold is noise from then on.
 *
 * Ids have LH_SUBJECT_KEY set, others never; lh_key_load takes both, so whoever opens envelopes need not care.
 */
#ifndef LH_PG_PRIVACY_SUBJECT_KEYS_H
#define LH_PG_PRIVACY_SUBJECT_KEYS_H

#include "pg/privacy/keys.h"

#define LH_SUBJECT_KEY (UINT64CONST(1) << 63)

/*
 * The key of a subject under the data key "parent", made when there is none (make), else id 0.  subject: any text, at
 * most 1 kB; the store sees its blind index only.  ERROR: erased (22023... says when), the store is not there, or the right is missing.
 */
extern LhKeyRef lh_subject_key(const char *parent, const char *subject, bool make);

/* For lh_key_load: the bytes, in secret memory; ERROR: erased, or the store is out of reach. */
extern LhSlice lh_subject_key_load(LhCtx *ctx, LhKeyRef ref);

#endif
