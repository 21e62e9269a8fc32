/*
 * subject_keys.h
 *		A key for each person or thing that data is about, so that it can be forgotten.
 *
 *	subject_keys.c		ids, look-up, making
 *	subject_store.c		the store outside of the database (crypto/keystore.h) as this database knows it
 *	subject_erase.c		erasing and its proof; what a restored store or database has to catch up on
 *	subject_rewrap.c	entries under the newest version of their parent (for key_rewrap), what uses a version
 *	subject_value.c		subject_encrypt, subject_decrypt
 *	subject_show.c		status and verification
 *
 * Values of a subject are encrypted under a key of its own.  Tables hold the key's id only; the key, wrapped by a data
 * key of the catalog (keys.h), lies in a store outside of PGDATA and WAL that standbys reach as well and that has a backup rule of its own.
 * Erasing removes it there first and syncs, then the proof is written: what tables, WAL and old backups hold is noise from then on.
 *
 * Ids have LH_SUBJECT_KEY set, others never; lh_key_load takes both, so whoever opens envelopes need not care.
 * The version is always 1.
 *
 * Nothing of an erased key may be used again, so who keeps a key, or what was made of it, beyond one call notes lh_subject_erasures()
 * before loading it, asks again before each use, and drops all of them when the number is another.  That holds for all processes
 * and for standbys, as it is asked of the store.  Rights are the caller's to check.
 */
#ifndef LH_PG_PRIVACY_SUBJECT_KEYS_H
#define LH_PG_PRIVACY_SUBJECT_KEYS_H

#include "pg/privacy/keys.h"

#define LH_SUBJECT_KEY (UINT64CONST(1) << 63)

/*
 * The key of a subject under the data key "parent", made when there is none (make; an ERROR on standbys), else id 0.  subject: any text, at
 * most 1 kB of UTF-8 or of the database's encoding; the store sees its blind index only.  ERROR: erased (55000, says when), or the store is not there.
 */
extern LhKeyRef lh_subject_key(const char *parent, const char *subject, bool make);
/* The same by the number of the parent. */
extern LhKeyRef lh_subject_key_of(uint64 parent, LhSlice subject, bool make);

/* For lh_key_load: the bytes, in secret memory; ERROR: erased (55000), or the store is out of reach. */
extern LhSlice lh_subject_key_load(LhCtx *ctx, LhKeyRef ref);
/* Has it been erased?  So that who shows many values can show NULL for these. */
extern bool lh_subject_key_erased(uint64 id);
/* Erasures in the store so far, of all databases that use it.  One system call. */
extern uint64 lh_subject_erasures(void);

#endif
