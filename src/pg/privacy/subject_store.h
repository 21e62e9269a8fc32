/*
 * subject_store.h
 *		The store of keys of subjects as this database knows it: what the files subject_*.c share.
 */
#ifndef LH_PG_PRIVACY_SUBJECT_STORE_H
#define LH_PG_PRIVACY_SUBJECT_STORE_H

#include "pg/privacy/keys_store.h"
#include "pg/privacy/subject_keys.h"

#include "crypto/keystore.h"
#include "datatype/timestamp.h"

/* Parents whose keys are kept ready. */
#define LH_SUBJECT_PARENTS 16
/* Keys that one subject can have had, each erased but the last; and other subjects' that are in the way. */
#define LH_SUBJECT_ORDINALS 1000

typedef struct LhSubjectParent
{
	LhKeyRef	ref;			/* version 0: none */
	LhEnvelopeKey *key;
} LhSubjectParent;

typedef struct LhSubjectIndex
{
	uint64		parent;			/* 0: none */
	LhHmac	   *hmac;
} LhSubjectIndex;

/* Open for a statement, at most for its transaction. */
typedef struct LhSubjectStore
{
	MemoryContext mcxt;
	LhCtx	   *ctx;			/* lives as long */
	LhKeyStore *store;
	char	   *path;
	TimestampTz statement;
	LhSubjectParent parents[LH_SUBJECT_PARENTS];
	LhSubjectIndex indexes[LH_SUBJECT_PARENTS];
	int			next_parent, next_index;
} LhSubjectStore;

/*
 * ERROR: none is set, it is not there, it is not this database's, it lies within the data directory or a tablespace, or it is older than
 * what this database knows to be erased.
 */
extern LhSubjectStore *lh_subject_store(void);
/* The same, but it may be older: to bring it up to date. */
extern LhSubjectStore *lh_subject_store_older(void);
/* What this database knows of its store. */
typedef struct LhSubjectKnown
{
	uint8_t		id[LH_KEYSTORE_ID];
	uint64		erasures;		/* at least so many; the last of them: */
	uint8_t		receipt[LH_SHA256];
} LhSubjectKnown;
/* Does it have one, whether it can be reached or not? */
extern bool lh_subject_store_known(LhSubjectKnown *out);

/* ERROR of a call of the store; with the handle's context. */
extern void lh_subject_check(LhSubjectStore *s, LhStatus status);
/* Unlocks also when fn raises an ERROR. */
extern void lh_subject_locked(LhSubjectStore *s, LhKeyStoreLock how, void (*fn) (LhSubjectStore *s, void *arg), void *arg);

/* A version of a parent, ready to wrap or unwrap; retired ones as well. */
extern LhEnvelopeKey *lh_subject_parent(LhSubjectStore *s, LhKeyRef ref);
/* The newest version of a parent, marked in the store as one that wraps; the store is locked. */
extern LhKeyRef lh_subject_newest(LhSubjectStore *s, uint64 parent);
/* The key of blind indexes of a parent; NULL: there is none, and it is not to be made. */
extern const LhHmac *lh_subject_index(LhSubjectStore *s, uint64 parent, bool make);
/* The number of a data key that can be a parent; ERROR. */
extern uint64 lh_subject_parent_id(const char *name);

/* How many entries a subject has, the last of them, and the ordinal of the next. */
extern int	lh_subject_entries(LhSubjectStore *s, uint64 parent, const LhHmac *index, LhSlice subject, uint8_t blind[LH_SHA256],
							   LhKeyStoreEntry *last, uint32 *free);
/* As lh_subject_key_load, and whose child it is. */
extern LhSlice lh_subject_load(LhCtx *ctx, LhKeyRef ref, uint64 *parent);
/* A new key for a subject that has none that is active. */
extern LhKeyRef lh_subject_add(LhSubjectStore *s, uint64 parent, LhSlice subject);

/* Microseconds since 1970, and back. */
extern int64 lh_subject_now(void);
extern TimestampTz lh_subject_time(int64 us);
extern char *lh_subject_time_text(int64 us);

/* ---- subject_rewrap.c ---- */

/* A run over the store for key_rewrap; in the memory context of the call.  only: a parent, or the parent's parent; 0: all. */
typedef struct LhSubjectRewrap LhSubjectRewrap;
extern LhSubjectRewrap *lh_subject_rewrap_begin(uint64 only);	/* NULL: nothing is to be done */
extern bool lh_subject_rewrap_next(LhSubjectRewrap *run, int64 *done);	/* false: all is done */
/* For keys_use.c */
extern char *lh_subject_users(LhKeyRef ref);

#endif
