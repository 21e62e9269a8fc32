/*
 * keyring.c
 *		Keys in shared memory, sealed under a key that is drawn when the server starts.
 *
 *	1. The per-start key has a page of its own, drawn by the postmaster whenever it makes shared memory: at
 *	   its start, and after a crash.  Processes inherit the page by fork; nobody writes to it, so that there is
 *	   one copy of it in the whole server.  It is locked, and left out of core dumps.
 *	2. Shared memory has sealed keys only (AES-256-GCM).  Nonces are counted, in shared memory as well, so that none
 *	   comes twice under one key.  A key is bound to its place: database, id and version, or the request.
 *	3. The cache is chains of entries by hash.  Finding takes the lock shared and notes the time; who puts a key
 *	   where all entries are taken pushes out the one that was found longest ago.
 *	4. A key that is forgotten can come back, put by a backend that had asked for it before: whether a key may be
 *	   used is not decided here, but by the catalog of keys, each time (keys.h).
 *	5. Others use a version until its retirement is committed.  So it is forgotten then once more, after the
 *	   invalidation was sent: who puts it there later looks again (keys.c).
 */
#include "pg/privacy/keyring_internal.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "crypto/provider_pkcs11.h"
#include "net/awskms.h"
#include "net/vault.h"

LhKeyring  *lh_keyring = NULL;

/* The per-start key: the beginning of a page. */
static uint8 *start_key = NULL;
static pid_t locked_by = 0;		/* the process that locked it last */

int64
lh_keyring_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- provider kinds ---- */

static const LhProviderKind *const kinds[] = {&lh_provider_file, &lh_provider_env, &lh_provider_vault, &lh_provider_awskms,
&lh_provider_pkcs11};

const LhProviderKind *
lh_keyring_kind(const char *name)
{
	for (size_t i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

void
lh_keyring_kinds(const LhProviderKind *const **out, int *n)
{
	*out = kinds;
	*n = (int) lengthof(kinds);
}

void
lh_keyring_environment(void)
{
	LhCtx	   *ctx = lh_ctx_create();

	if (ctx == NULL || lh_provider_env_take(ctx) != LH_OK)
		ereport(FATAL,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("%s", ctx != NULL ? ctx->error->message : "out of memory")));
	lh_ctx_destroy(ctx);
}

/* ---- the per-start key ---- */

static size_t
page_size(void)
{
	return (size_t) sysconf(_SC_PAGESIZE);
}

/* Locks are not inherited.  Beyond the limit of the process it goes without, as in secret.c. */
static void
lock_start_key(void)
{
	if (locked_by == MyProcPid)
		return;
	(void) mlock(start_key, page_size());
	locked_by = MyProcPid;
}

static void
draw_start_key(void)
{
	if (start_key == NULL)
	{
		void	   *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED)
			ereport(FATAL, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for keys: %m")));
		start_key = page;
		(void) madvise(start_key, page_size(), MADV_DONTDUMP);
	}
	if (mprotect(start_key, page_size(), PROT_READ | PROT_WRITE) != 0 || RAND_priv_bytes(start_key, LH_KEY_MAX) != 1)
	{
		ERR_clear_error();
		ereport(FATAL, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw a key for keys in shared memory")));
	}
	(void) mprotect(start_key, page_size(), PROT_READ);
	lock_start_key();
}

/* Everything but the result goes with an arena of its own. */
typedef LhStatus (*SealFn) (LhCtx *ctx, LhArena *keep, LhAes *aes, LhSlice bound_to, LhSlice in, void *out);

static LhStatus
with_start_key(LhCtx *ctx, SealFn fn, LhSlice bound_to, LhSlice in, void *out)
{
	LhArena    *keep = ctx->arena,
			   *scratch = lh_arena_child(keep);
	LhKey		key = {.len = LH_KEY_MAX};
	LhStatus	status;
	LhAes	   *aes;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for keys");
	lock_start_key();
	memcpy(key.bytes, start_key, LH_KEY_MAX);
	lh_use(ctx, scratch);
	status = lh_aes_create(ctx, LH_AES_GCM, &key, &aes);
	lh_wipe(&key, sizeof(key));
	if (status == LH_OK)
		status = fn(ctx, keep, aes, bound_to, in, out);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}

static LhStatus
seal(LhCtx *ctx, LhArena *keep, LhAes *aes, LhSlice bound_to, LhSlice plain, void *out)
{
	uint64		count = pg_atomic_add_fetch_u64(&lh_keyring->nonce, 1);
	uint8	   *nonce = out;

	memset(nonce, 0, LH_AES_NONCE);
	memcpy(nonce + LH_AES_NONCE - sizeof(count), &count, sizeof(count));
	return lh_aes_gcm_seal(ctx, aes, nonce, bound_to, plain, nonce + LH_AES_NONCE, nonce + LH_AES_NONCE + plain.len);
}

LhStatus
lh_keyring_seal(LhCtx *ctx, LhSlice bound_to, LhSlice plain, uint8 *out)
{
	return with_start_key(ctx, seal, bound_to, plain, out);
}

static LhStatus
unseal(LhCtx *ctx, LhArena *keep, LhAes *aes, LhSlice bound_to, LhSlice sealed, void *out)
{
	LhSlice    *plain = out;
	size_t		len;
	LhArena    *scratch;
	LhStatus	status;
	void	   *memory;
	bool		authentic;

	if (sealed.len < LH_SEAL_MORE)
		LH_FAIL(ctx, LH_CORRUPT, "a key in shared memory is cut off");
	len = sealed.len - LH_SEAL_MORE;
	scratch = lh_use(ctx, keep);
	status = lh_secret_alloc(ctx, len, &memory);
	lh_use(ctx, scratch);
	LH_TRY(status);
	LH_TRY(lh_aes_gcm_open(ctx, aes, sealed.data, bound_to, sealed.data + LH_AES_NONCE, len,
						   sealed.data + LH_AES_NONCE + len, memory, &authentic));
	if (!authentic)
		LH_FAIL(ctx, LH_CORRUPT, "a key in shared memory is not what was put there");
	*plain = lh_slice(memory, len);
	return LH_OK;
}

LhStatus
lh_keyring_unseal(LhCtx *ctx, LhSlice bound_to, LhSlice sealed, LhSlice *plain)
{
	return with_start_key(ctx, unseal, bound_to, sealed, plain);
}

/* ---- shared memory ---- */

static int
chains_for(int entries)
{
	return (int) pg_nextpower2_32((uint32) Max(entries, 1));
}

/* From a page's beginning to a page's end. */
static Size
ring_size(void)
{
	Size		size = MAXALIGN(sizeof(LhKeyring));

	size = add_size(size, MAXALIGN(mul_size(sizeof(int), chains_for(lakehouse_key_cache))));
	size = add_size(size, mul_size(sizeof(LhKeyEntry), lakehouse_key_cache));
	size = add_size(size, mul_size(sizeof(LhKeySlot), MaxBackends));
	return TYPEALIGN(page_size(), size);
}

void
lh_keyring_request(void)
{
	/* what comes is aligned to less than a page */
	RequestAddinShmemSpace(add_size(ring_size(), page_size()));
	RequestNamedLWLockTranche("lakehouse keyring", 2);
}

static void
init_ring(LhKeyring *ring)
{
	LWLockPadded *locks = GetNamedLWLockTranche("lakehouse keyring");
	char	   *at = (char *) ring + MAXALIGN(sizeof(LhKeyring));

	memset(ring, 0, ring_size());
	pg_atomic_init_u64(&ring->nonce, 0);
	pg_atomic_init_u64(&ring->ticket, 0);
	pg_atomic_init_u64(&ring->hits, 0);
	pg_atomic_init_u64(&ring->misses, 0);
	ring->cache_lock = &locks[0].lock;
	ring->slot_lock = &locks[1].lock;
	ring->nchains = chains_for(lakehouse_key_cache);
	ring->chains = (int *) at;
	at += MAXALIGN(sizeof(int) * ring->nchains);
	ring->nentries = lakehouse_key_cache;
	ring->entries = (LhKeyEntry *) at;
	at += sizeof(LhKeyEntry) * ring->nentries;
	ring->nslots = MaxBackends;
	ring->slots = (LhKeySlot *) at;
	for (int i = 0; i < ring->nchains; i++)
		ring->chains[i] = -1;
	for (int i = 0; i < ring->nentries; i++)
	{
		pg_atomic_init_u64(&ring->entries[i].used, 0);
		ring->entries[i].next = i + 1 < ring->nentries ? i + 1 : -1;
	}
	ring->free = ring->nentries > 0 ? 0 : -1;
}

void
lh_keyring_startup(void)
{
#ifndef EXEC_BACKEND
	bool		found;
	char	   *memory;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct("lakehouse keyring", add_size(ring_size(), page_size()), &found);
	lh_keyring = (LhKeyring *) TYPEALIGN(page_size(), memory);
	/* huge pages cannot be left out in parts: keys are sealed there all the same */
	(void) madvise(lh_keyring, ring_size(), MADV_DONTDUMP);
	if (!found)
	{
		draw_start_key();
		init_ring(lh_keyring);
	}
	LWLockRelease(AddinShmemInitLock);
#endif
	/* processes that are not forked would not have the key: there each asks for itself */
}

/* ---- the cache ---- */

/* What a cached key is bound to, and found by; no padding. */
typedef struct CacheKey
{
	char		what[8];
	uint64		id;
	uint32		version;
	Oid			database;
} CacheKey;

static CacheKey
cache_key(Oid database, LhKeyRef ref)
{
	CacheKey	key = {{'c', 'a', 'c', 'h', 'e', 'd'}, ref.id, ref.version, database};

	return key;
}

static int *
chain_of(const CacheKey *key)
{
	uint32		hash = hash_bytes((const unsigned char *) key, sizeof(*key));

	return &lh_keyring->chains[hash & (uint32) (lh_keyring->nchains - 1)];
}

/* The link that points to the entry; NULL: there is none. */
static int *
find_link(const CacheKey *key)
{
	for (int *link = chain_of(key); *link >= 0; link = &lh_keyring->entries[*link].next)
	{
		const LhKeyEntry *e = &lh_keyring->entries[*link];

		if (e->id == key->id && e->version == key->version && e->database == key->database)
			return link;
	}
	return NULL;
}

bool
lh_keyring_find(LhCtx *ctx, Oid database, LhKeyRef ref, LhSlice *key)
{
	CacheKey	wanted = cache_key(database, ref);
	uint8		sealed[LH_KEYRING_KEY + LH_SEAL_MORE];
	uint32		len = 0;
	int		   *link;

	if (lh_keyring == NULL)
		return false;
	LWLockAcquire(lh_keyring->cache_lock, LW_SHARED);
	link = find_link(&wanted);
	if (link != NULL)
	{
		LhKeyEntry *e = &lh_keyring->entries[*link];

		len = e->len;
		memcpy(sealed, e->sealed, len);
		pg_atomic_write_u64(&e->used, (uint64) GetCurrentTimestamp());
	}
	LWLockRelease(lh_keyring->cache_lock);
	if (len > 0 && lh_keyring_unseal(ctx, lh_slice(&wanted, sizeof(wanted)), lh_slice(sealed, len), key) == LH_OK)
	{
		pg_atomic_fetch_add_u64(&lh_keyring->hits, 1);
		return true;
	}
	/* out of memory, or somebody has written there: it is asked for anew */
	if (len > 0)
	{
		ereport(LOG, (errmsg("a key in shared memory could not be used: %s", ctx->error->message)));
		lh_error_clear(ctx);
	}
	pg_atomic_fetch_add_u64(&lh_keyring->misses, 1);
	return false;
}

/* ---- changing it, with the lock held exclusively ---- */

static void
free_link(int *link)
{
	int			i = *link;
	LhKeyEntry *e = &lh_keyring->entries[i];

	*link = e->next;
	lh_wipe(e->sealed, sizeof(e->sealed));
	e->len = 0;
	e->next = lh_keyring->free;
	lh_keyring->free = i;
	lh_keyring->used_entries--;
}

static void
free_oldest(void)
{
	const LhKeyEntry *oldest = NULL;
	CacheKey	key;

	for (int i = 0; i < lh_keyring->nentries; i++)
	{
		LhKeyEntry *e = &lh_keyring->entries[i];

		if (e->len > 0 && (oldest == NULL || pg_atomic_read_u64(&e->used) <
						   pg_atomic_read_u64((pg_atomic_uint64 *) &oldest->used)))
			oldest = e;
	}
	key = cache_key(oldest->database, (LhKeyRef) {oldest->id, oldest->version});
	free_link(find_link(&key));
}

static void
put_sealed(const CacheKey *key, const uint8 *sealed, uint32 len)
{
	int		   *link = find_link(key);
	LhKeyEntry *e;

	if (link == NULL)
	{
		int			i;

		if (lh_keyring->free < 0)
			free_oldest();
		i = lh_keyring->free;
		e = &lh_keyring->entries[i];
		lh_keyring->free = e->next;
		e->id = key->id;
		e->version = key->version;
		e->database = key->database;
		link = chain_of(key);
		e->next = *link;
		*link = i;
		lh_keyring->used_entries++;
	}
	e = &lh_keyring->entries[*link];
	memcpy(e->sealed, sealed, len);
	e->len = len;
	pg_atomic_write_u64(&e->used, (uint64) GetCurrentTimestamp());
}

void
lh_keyring_put(LhCtx *ctx, Oid database, LhKeyRef ref, LhSlice key)
{
	CacheKey	wanted = cache_key(database, ref);
	uint8		sealed[LH_KEYRING_KEY + LH_SEAL_MORE];

	if (lh_keyring == NULL || lh_keyring->nentries == 0 || key.len == 0 || key.len > LH_KEYRING_KEY)
		return;
	lh_pg_check(ctx, lh_keyring_seal(ctx, lh_slice(&wanted, sizeof(wanted)), key, sealed));
	LWLockAcquire(lh_keyring->cache_lock, LW_EXCLUSIVE);
	put_sealed(&wanted, sealed, (uint32) (key.len + LH_SEAL_MORE));
	LWLockRelease(lh_keyring->cache_lock);
}

void
lh_keyring_forget(Oid database, uint64 id, uint32 version)
{
	if (lh_keyring == NULL)
		return;
	LWLockAcquire(lh_keyring->cache_lock, LW_EXCLUSIVE);
	for (int i = 0; i < lh_keyring->nentries; i++)
	{
		const LhKeyEntry *e = &lh_keyring->entries[i];
		CacheKey	key = cache_key(e->database, (LhKeyRef) {e->id, e->version});

		if (e->len > 0 && e->database == database && (id == 0 || e->id == id) && (version == 0 || e->version == version))
			free_link(find_link(&key));
	}
	LWLockRelease(lh_keyring->cache_lock);
}

/* ---- at commit ---- */

typedef struct Going
{
	struct Going *next;
	uint64		id;
	uint32		version;
} Going;

static Going *going = NULL;		/* in the transaction's memory */

/* After locks are released: invalidations have been sent. */
static void
resources_released(ResourceReleasePhase phase, bool commit, bool top, void *arg)
{
	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !top)
		return;
	for (const Going *g = going; commit && g != NULL; g = g->next)
		lh_keyring_forget(MyDatabaseId, g->id, g->version);
	going = NULL;
}

void
lh_keyring_forget_for_good(uint64 id, uint32 version)
{
	static bool registered = false;
	Going	   *g;

	if (lh_keyring == NULL)
		return;
	if (!registered)
		RegisterResourceReleaseCallback(resources_released, NULL);
	registered = true;
	g = MemoryContextAlloc(TopTransactionContext, sizeof(Going));
	*g = (Going) {going, id, version};
	going = g;
	lh_keyring_forget(MyDatabaseId, id, version);
}
