/*
 * subject_rewrap.c
 *		Entries of the store of keys of subjects under the newest version of their parent.
 *
 *	1. What is to be done is seen from the marks in the store (crypto/keystore.h): versions of our parents that may wrap entries and are
 *	   not the newest.  Without such there is no walk.
 *	2. The exclusive lock is taken once: whoever makes a key from here on sees the newest version.
 *	3. Shard by shard all entries are read, and those under one of these versions replaced, each under the lock, after what
 *	   replaces it was unwrapped.  A run that was stopped begins again, and passes over what has been done.
 *	4. When all were seen, the marks of these versions go, and the versions can be retired.
 */
#include "pg/privacy/subject_store.h"

#include "miscadmin.h"
#include "utils/builtins.h"

struct LhSubjectRewrap
{
	LhKeyRef   *old;			/* marked, and not the newest of its parent */
	int			nold;
	int			shard;			/* the next one; -1: index keys */
};

/* Do we rewrap keys below it, when asked for "only"? */
static bool
is_wanted(uint64 parent, uint64 only)
{
	LhKeyRow	row;

	if (!lh_key_row(parent, &row))
		return false;			/* of another database */
	return only == 0 || row.id == only || row.parent == only;
}

static void
nothing(LhSubjectStore *s, void *arg)
{
}

LhSubjectRewrap *
lh_subject_rewrap_begin(uint64 only)
{
	LhSubjectRewrap *run;
	LhSubjectStore *s;
	LhSubjectKnown known;
	LhKeyRef   *marks;
	size_t		n;

	if (!lh_subject_store_known(&known))
		return NULL;
	s = lh_subject_store();
	lh_subject_check(s, lh_keystore_marks(s->ctx, s->store, &marks, &n));
	run = palloc0(sizeof(*run));
	run->old = palloc(sizeof(LhKeyRef) * (n + 1));
	run->shard = -1;
	for (size_t i = 0; i < n; i++)
		if (is_wanted(marks[i].id, only) && marks[i].version != lh_key_newest(marks[i].id))
			run->old[run->nold++] = marks[i];
	if (run->nold == 0)
		return NULL;
	lh_subject_locked(s, LH_KEYSTORE_EXCLUSIVE, nothing, NULL);
	return run;
}

static bool
is_old(const LhSubjectRewrap *run, LhKeyRef ref)
{
	for (int i = 0; i < run->nold; i++)
		if (run->old[i].id == ref.id && run->old[i].version == ref.version)
			return true;
	return false;
}

typedef struct Replacing
{
	const LhSubjectRewrap *run;
	uint64		id;
	bool		done;
} Replacing;

/* Is it there, active, and under an old version? */
static bool
needs(LhSubjectStore *s, const Replacing *r, LhKeyStoreEntry *entry, LhKeyRef *under)
{
	LhStatus	status = lh_keystore_get(s->ctx, s->store, r->id, entry);

	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(s->ctx);
		return false;
	}
	/* one that is damaged stops the run: a version that may wrap it must not be taken for unused */
	lh_subject_check(s, status);
	if (entry->state != LH_KEYSTORE_ACTIVE)
		return false;
	lh_subject_check(s, lh_subject_wrapped_by(s->ctx, entry, under));
	return is_old(r->run, *under);
}

static void
replace(LhSubjectStore *s, void *arg)
{
	Replacing  *r = arg;
	LhKeyStoreEntry entry;
	LhKeyRef	under, newest;
	LhSlice		key, again;

	if (!needs(s, r, &entry, &under))
		return;
	newest = lh_subject_newest(s, entry.parent);
	lh_subject_check(s, lh_subject_unwrap(s->ctx, lh_subject_parent(s, under), &entry, &key));
	lh_subject_check(s, lh_subject_wrap(s->ctx, lh_subject_parent(s, newest), key, &entry));
	lh_subject_check(s, lh_subject_unwrap(s->ctx, lh_subject_parent(s, newest), &entry, &again));
	if (!lh_same_secret(key.data, again.data, LH_SUBJECT_KEY_BYTES))
		elog(ERROR, "a key of a subject was not wrapped as it is");
	lh_subject_check(s, lh_keystore_replace(s->ctx, s->store, &entry));
	r->done = true;
}

static void
do_entry(LhSubjectStore *s, const LhSubjectRewrap *run, uint64 id, int64 *done)
{
	Replacing	r = {.run = run, .id = id};
	LhArena    *keep = s->ctx->arena, *scratch;
	LhKeyStoreEntry entry;
	LhKeyRef	under;

	CHECK_FOR_INTERRUPTS();
	if (!needs(s, &r, &entry, &under))
		return;
	/* ready in memory that stays, before what is used once goes to memory that does not */
	(void) lh_subject_parent(s, under);
	(void) lh_subject_parent(s, (LhKeyRef) {entry.parent, lh_key_newest(entry.parent)});
	scratch = lh_arena_child(keep);
	if (scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	PG_TRY();
	{
		lh_use(s->ctx, scratch);
		lh_subject_locked(s, LH_KEYSTORE_EXCLUSIVE, replace, &r);
	}
	PG_FINALLY();
	{
		lh_use(s->ctx, keep);
		lh_arena_destroy(scratch);
	}
	PG_END_TRY();
	if (r.done)
		(*done)++;
}

bool
lh_subject_rewrap_next(LhSubjectRewrap *run, int64 *done)
{
	LhSubjectStore *s = lh_subject_store();
	uint64	   *ids;
	size_t		n, strange;

	*done = 0;
	if (run->shard >= LH_KEYSTORE_SHARDS)
		return false;
	lh_subject_check(s, lh_keystore_list(s->ctx, s->store, run->shard, &ids, &n, &strange));
	for (size_t i = 0; i < n; i++)
		do_entry(s, run, ids[i], done);
	run->shard++;
	if (run->shard < LH_KEYSTORE_SHARDS)
		return true;
	for (int i = 0; i < run->nold; i++)
		lh_subject_check(s, lh_keystore_unmark(s->ctx, s->store, run->old[i]));
	return false;
}

/* ---- for keys_use.c ---- */

char *
lh_subject_users(LhKeyRef ref)
{
	LhSubjectKnown known;
	LhSubjectStore *s;
	bool		yes;

	if (!lh_subject_store_known(&known))
		return NULL;
	/* a store that cannot be asked may hold keys under it: its error stops us */
	s = lh_subject_store();
	lh_subject_check(s, lh_keystore_marked(s->ctx, s->store, ref, &yes));
	return yes ? pstrdup("keys of subjects") : NULL;
}
