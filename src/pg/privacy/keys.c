/*
 * keys.c
 *		Look-up of keys: names to references, references to bytes.
 *
 * 1. Names and current versions are cached in the backend.  Each change of the tables, by whatever statement, fires
 *    a trigger that invalidates the relcache entry of lakehouse.keys: here at the next command, elsewhere at
 *    commit, on standbys when the commit is replayed.  Then all is read anew.
 * 2. Bytes are looked for in the keyring; else they are unwrapped, which may ask the provider, and put there.
 *    What is found has to fit the check in the row, so that a key of another history of
 *    this database is not taken for this one.
 * 3. The row is read first, each time: a version that was retired is not given, wherever its bytes are.
 */
#include "pg/privacy/keys_store.h"
#include "pg/privacy/subject_keys.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* More are not kept in a backend. */
#define MAX_CACHED 8192
#define MAX_WATCHERS 16

typedef struct ByName
{
	char		name[LH_KEY_NAME + 1];	/* the hash table's key */
	LhKeyRef	current;		/* version 0: none is active */
} ByName;

typedef struct ById
{
	uint64		id;
	char		name[LH_KEY_NAME + 1];
	uint32		current;
} ById;

static MemoryContext cache = NULL;
static HTAB *by_name, *by_id;
static bool cache_stale = false;
/* the anchor, as known when the cache was filled last: callbacks do not look at catalogs */
static Oid	anchor = InvalidOid;
/* changes so far: what was read before one is not cached after it */
static uint64 changes = 0;
static void (*watchers[MAX_WATCHERS]) (void);
static int	nwatchers = 0;

PG_FUNCTION_INFO_V1(lakehouse_keys_changed);
extern PGDLLEXPORT Datum lakehouse_keys_changed(PG_FUNCTION_ARGS);

static void
invalidated(Datum arg, Oid relid)
{
	if (OidIsValid(relid) && relid != anchor)
		return;
	changes++;
	cache_stale = true;
	for (int i = 0; i < nwatchers; i++)
		watchers[i] ();
}

static void
watch(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterRelcacheCallback(invalidated, (Datum) 0);
	registered = true;
}

void
lh_keys_watch(void (*changed) (void))
{
	watch();
	for (int i = 0; i < nwatchers; i++)
		if (watchers[i] == changed)
			return;
	if (nwatchers == MAX_WATCHERS)
		elog(ERROR, "too many watchers of keys");
	watchers[nwatchers++] = changed;
}

/* Trigger of the tables, after each statement. */
Datum
lakehouse_keys_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" is one of triggers", "lakehouse.keys_changed")));
	CacheInvalidateRelcacheByRelid(lh_keys_table("keys", false));
	return PointerGetDatum(NULL);
}

/* ---- names and numbers ---- */

static HTAB *
make_table(const char *name, Size keysize, Size entrysize, int flags)
{
	HASHCTL		ctl = {.keysize = keysize, .entrysize = entrysize, .hcxt = cache};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_CONTEXT | flags);
}

/* An empty cache where it was stale.  The anchor is known from here on. */
static void
ready_cache(void)
{
	watch();
	anchor = lh_keys_table("keys", false);
	if (by_name != NULL && by_id != NULL && !cache_stale && hash_get_num_entries(by_id) < MAX_CACHED)
		return;
	if (cache == NULL)
		cache = AllocSetContextCreate(CacheMemoryContext, "lakehouse keys", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(cache);
	by_name = by_id = NULL;
	by_name = make_table("lakehouse keys by name", LH_KEY_NAME + 1, sizeof(ByName), HASH_STRINGS);
	by_id = make_table("lakehouse keys by id", sizeof(uint64), sizeof(ById), HASH_BLOBS);
	cache_stale = false;
}

static void
remember(const LhKeyRow *row, uint32 current)
{
	ByName	   *n;
	ById	   *i;

	if (strlen(row->name) > LH_KEY_NAME)
		return;
	n = hash_search(by_name, row->name, HASH_ENTER, NULL);
	n->current = (LhKeyRef) {row->id, current};
	i = hash_search(by_id, &row->id, HASH_ENTER, NULL);
	strlcpy(i->name, row->name, sizeof(i->name));
	i->current = current;
}

/* Read it, and keep it unless it changed meanwhile. */
static uint32
current_of_row(const LhKeyRow *row, uint64 before)
{
	uint32		current = lh_key_newest(row->id);

	if (before == changes && !cache_stale)
		remember(row, current);
	return current;
}

/* ERROR: no such key */
static LhKeyRef
find_name(const char *name)
{
	uint64		before;
	LhKeyRow	row;
	ByName	   *n;

	if (strlen(name) > LH_KEY_NAME)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" does not exist", name)));
	ready_cache();
	n = hash_search(by_name, name, HASH_FIND, NULL);
	if (n != NULL)
		return n->current;
	before = changes;
	if (!lh_key_row_named(name, &row))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" does not exist", name)));
	return (LhKeyRef) {row.id, current_of_row(&row, before)};
}

/* false: no such key; name palloc'd */
static bool
find_id(uint64 id, char **name, uint32 *current)
{
	uint64		before;
	LhKeyRow	row;
	ById	   *i;

	ready_cache();
	i = hash_search(by_id, &id, HASH_FIND, NULL);
	if (i != NULL)
	{
		*name = pstrdup(i->name);
		*current = i->current;
		return true;
	}
	before = changes;
	if (!lh_key_row(id, &row))
		return false;
	*name = row.name;
	*current = current_of_row(&row, before);
	return true;
}

static void none_active(const char *name) __attribute__((noreturn));

static void
none_active(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("key \"%s\" has no active version", name),
			 errhint("lakehouse.key_rotate makes a new one.")));
}

LhKeyRef
lh_key_current(const char *name)
{
	LhKeyRef	ref = find_name(name);

	if (ref.version == 0)
		none_active(name);
	return ref;
}

LhKeyRef
lh_key_current_of(uint64 id)
{
	LhKeyRef	ref = {.id = id};
	char	   *name;

	if (!find_id(id, &name, &ref.version))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no key of number " UINT64_FORMAT, id)));
	if (ref.version == 0)
		none_active(name);
	return ref;
}

uint64
lh_key_id(const char *name)
{
	return find_name(name).id;
}

char *
lh_key_name(uint64 id)
{
	char	   *name;
	uint32		current;

	return find_id(id, &name, &current) ? name : NULL;
}

/* ---- bytes ---- */

/* Row and version, which may be used: ERROR unless.  retired: such a version may be, too. */
static void
read_usable(LhKeyRef ref, bool retired, LhKeyRow *row, LhKeyVersion *version)
{
	if (!lh_key_row(ref.id, row))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no key of number " UINT64_FORMAT, ref.id)));
	if (!lh_key_version(ref, version))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" has no version %u", row->name, ref.version)));
	if (version->state == LH_KEY_DESTROYED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %u of key \"%s\" has been destroyed", ref.version, row->name)));
	if (version->state == LH_KEY_RETIRED && !retired)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %u of key \"%s\" has been retired", ref.version, row->name),
				 errhint("lakehouse.key_retire(name, version, false) takes that back.")));
}

static bool
find_in_keyring(LhCtx *ctx, const LhKeyRow *row, const LhKeyVersion *version, LhSlice *key)
{
	if (!lh_keyring_find(ctx, MyDatabaseId, version->ref, key))
		return false;
	if (lh_key_checks(ctx, row, version, *key))
		return true;
	/* of a transaction that was rolled back, or of before a restore */
	lh_keyring_forget(MyDatabaseId, version->ref.id, version->ref.version);
	return false;
}

static LhSlice
load(LhCtx *ctx, const LhKeyRow *row, const LhKeyVersion *version)
{
	LhSlice		key;

	if (find_in_keyring(ctx, row, version, &key))
		return key;
	key = lh_key_unwrap_version(ctx, row, version);
	lh_keyring_put(ctx, MyDatabaseId, version->ref, key);
	return key;
}

/* If it went while we asked for it, that was announced to a keyring that did not have it yet. */
static void
look_again(LhKeyRef ref)
{
	LhKeyVersion version;

	if (!lh_key_version(ref, &version) || version.state != LH_KEY_ACTIVE)
		lh_keyring_forget(MyDatabaseId, ref.id, ref.version);
}

static LhSlice
load_usable(LhCtx *ctx, LhKeyRef ref, bool retired)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse key", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	uint64		before;
	LhKeyRow	row;
	LhKeyVersion version;
	LhSlice		key;

	lh_crypto_ready();
	ready_cache();
	before = changes;
	read_usable(ref, retired, &row, &version);
	key = load(ctx, &row, &version);
	AcceptInvalidationMessages();
	if (before != changes)
		look_again(ref);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return key;
}

LhSlice
lh_key_load(LhCtx *ctx, LhKeyRef ref)
{
	if ((ref.id & LH_SUBJECT_KEY) != 0)
		return lh_subject_key_load(ctx, ref);
	return load_usable(ctx, ref, false);
}

LhSlice
lh_key_load_parent(LhCtx *ctx, LhKeyRef ref)
{
	return load_usable(ctx, ref, true);
}
