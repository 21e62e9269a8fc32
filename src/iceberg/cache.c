/*
 * cache.c
 *		Decoded manifests, least recently used dropped first.
 *
 * Manifests never change, so path and length are their identity; what one user
 * mapping's credentials fetched is found by these alone (scope).  A manifest whose
 * statistics of some field are missing is decoded anew, with those it had before
 * and these, and takes the other's place.  One that falls out of the cache lives on
 * while somebody works with it.
 *
 * Memory is malloc's and outlives any arena; running out of it means that
 * something is not cached, never an error.  Threads share the cache under a lock.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/lru.h"
#include "crypto/crypto.h"
#include "iceberg/ids.h"
#include "iceberg/manifest.h"

/* Chains; a power of two. */
#define BUCKETS 1024

typedef struct Entry Entry;
struct Entry
{
	LhLruLink use; /* first: it is the entry */
	Entry *chain;
	LhIceManifest *m;
	size_t bytes;
	uint64_t hash;
	int64_t length;
	const char *scope; /* in text; NULL: local */
	char text[];       /* path */
};

struct LhIceCache
{
	pthread_mutex_t lock;
	size_t max_bytes;
	size_t bytes;
	Entry *buckets[BUCKETS];
	LhLru lru;
};

/* The one of this process; NULL: none. */
static LhIceCache *in_use;

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static Entry **
find(LhIceCache *cache, const char *path, int64_t length, const char *scope, uint64_t hash)
{
	Entry **at = &cache->buckets[hash & (BUCKETS - 1)];

	while (*at != NULL && ((*at)->hash != hash || (*at)->length != length ||
						   strcmp((*at)->text, path) != 0 || !same_text((*at)->scope, scope)))
		at = &(*at)->chain;
	return at;
}

static void
drop(LhIceCache *cache, Entry *e)
{
	*find(cache, e->text, e->length, e->scope, e->hash) = e->chain;
	lh_lru_remove(&cache->lru, &e->use);
	cache->bytes -= e->bytes;
	lh_ice_manifest_unref(e->m);
	free(e);
}

LhIceCache *
lh_ice_cache_create(size_t max_bytes)
{
	LhIceCache *cache = calloc(1, sizeof(LhIceCache));

	if (cache == NULL)
		return NULL;
	cache->max_bytes = max_bytes;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void
lh_ice_cache_resize(LhIceCache *cache, size_t max_bytes)
{
	pthread_mutex_lock(&cache->lock);
	cache->max_bytes = max_bytes;
	while (cache->bytes > max_bytes)
		drop(cache, (Entry *) cache->lru.oldest);
	pthread_mutex_unlock(&cache->lock);
}

void
lh_ice_cache_clear(LhIceCache *cache)
{
	pthread_mutex_lock(&cache->lock);
	while (cache->lru.oldest != NULL)
		drop(cache, (Entry *) cache->lru.oldest);
	pthread_mutex_unlock(&cache->lock);
}

void
lh_ice_cache_destroy(LhIceCache *cache)
{
	if (cache == NULL)
		return;
	if (in_use == cache)
		in_use = NULL;
	lh_ice_cache_clear(cache);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

size_t
lh_ice_cache_bytes(const LhIceCache *cache)
{
	return cache->bytes;
}

void
lh_ice_use_cache(LhIceCache *cache)
{
	in_use = cache;
}

static bool
has_all(const LhIceManifest *m, int nids, const int32_t *ids)
{
	for (int i = 0; i < nids; i++)
	{
		if (lh_ice_manifest_stats(m, ids[i]) == NULL)
			return false;
	}
	return true;
}

static LhIceManifest *
get(LhIceCache *cache, const char *path, int64_t length, const char *scope, uint64_t hash)
{
	LhIceManifest *m = NULL;
	Entry *e;

	pthread_mutex_lock(&cache->lock);
	e = *find(cache, path, length, scope, hash);
	if (e != NULL)
	{
		lh_lru_touch(&cache->lru, &e->use);
		m = e->m;
		lh_ice_manifest_ref(m);
	}
	pthread_mutex_unlock(&cache->lock);
	return m;
}

static Entry *
make_entry(const char *path, int64_t length, const char *scope, uint64_t hash, LhIceManifest *m)
{
	size_t path_size = strlen(path) + 1, scope_size = scope != NULL ? strlen(scope) + 1 : 0;
	Entry *e = malloc(sizeof(Entry) + path_size + scope_size);

	if (e == NULL)
		return NULL;
	*e = (Entry){.m = m, .hash = hash, .length = length};
	memcpy(e->text, path, path_size);
	if (scope != NULL)
		e->scope = memcpy(e->text + path_size, scope, scope_size);
	e->bytes = sizeof(Entry) + path_size + scope_size + lh_arena_used(m->arena);
	return e;
}

static void
put(LhIceCache *cache, const char *path, int64_t length, const char *scope, uint64_t hash,
	LhIceManifest *m)
{
	Entry *e = make_entry(path, length, scope, hash, m), *old, **at;

	if (e == NULL)
		return;
	pthread_mutex_lock(&cache->lock);
	old = *find(cache, path, length, scope, hash);
	if (old != NULL)
		drop(cache, old);
	if (e->bytes > cache->max_bytes)
	{
		pthread_mutex_unlock(&cache->lock);
		free(e);
		return;
	}
	while (cache->bytes + e->bytes > cache->max_bytes)
		drop(cache, (Entry *) cache->lru.oldest);
	lh_ice_manifest_ref(m);
	at = &cache->buckets[hash & (BUCKETS - 1)];
	e->chain = *at;
	*at = e;
	lh_lru_add(&cache->lru, &e->use);
	cache->bytes += e->bytes;
	pthread_mutex_unlock(&cache->lock);
}

static void
release(void *m)
{
	lh_ice_manifest_unref(m);
}

void
lh_ice_manifest_close(LhCtx *ctx, LhIceManifest *m)
{
	lh_arena_forget(ctx->arena, release, m);
	lh_ice_manifest_unref(m);
}

/* The ids wanted and those of an older form of the manifest. */
static LhStatus
union_ids(LhCtx *ctx, const LhIceManifest *old, int nids, const int32_t *ids, LhIceIds *out)
{
	int n = old != NULL ? old->nstats : 0;
	int32_t *before;

	*out = (LhIceIds){0};
	LH_NEW_ARRAY(ctx, before, (size_t) n + 1);
	for (int i = 0; i < n; i++)
		before[i] = old->stats[i].id;
	LH_TRY(lh_ice_ids_add(ctx, out, nids, ids));
	return lh_ice_ids_add(ctx, out, n, before);
}

/*
 * A manifest whose length is not what the list says may have been cut between two
 * blocks, which nothing in it shows.  Writers that get the length wrong are
 * believed when the numbers of entries are those of the list.
 */
static LhStatus
check_length(LhCtx *ctx, const LhIceManifestFile *line, int64_t size, const LhIceManifest *m)
{
	int64_t n[3] = {0};

	if (size == line->length)
		return LH_OK;
	for (size_t i = 0; i < m->n; i++)
		n[lh_ice_int(&m->status, i)]++;
	if (n[LH_ICE_ADDED] == line->added_files && n[LH_ICE_EXISTING] == line->existing_files &&
		n[LH_ICE_DELETED] == line->deleted_files)
		return LH_OK;
	lh_fail(ctx, LH_CORRUPT, "manifest \"%.300s\" has %lld bytes, its list says %lld", line->path,
			(long long) size, (long long) line->length);
	lh_detail(ctx, "It has %lld added, %lld existing and %lld deleted entries, not %lld, %lld and %lld.",
			  (long long) n[LH_ICE_ADDED], (long long) n[LH_ICE_EXISTING],
			  (long long) n[LH_ICE_DELETED], (long long) line->added_files,
			  (long long) line->existing_files, (long long) line->deleted_files);
	lh_hint(ctx, "The file was cut, or replaced by another one.");
	return LH_CORRUPT;
}

/* Open and decode; file and reader live in an arena of their own, and end here. */
static LhStatus
read_manifest(LhCtx *ctx, LhIceTable *table, const LhIceManifestFile *line, int nids,
			  const int32_t *ids, LhIceManifest **out)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhAvroFile *file;
	LhIceManifest *m;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	status = lh_ice_manifest_open_file(ctx, table, line, &file);
	if (status == LH_OK)
		status = lh_ice_manifest_decode(ctx, file, nids, ids, &m);
	if (status == LH_OK)
	{
		status = check_length(ctx, line, lh_avro_meta(file)->size, m);
		if (status != LH_OK)
			lh_ice_manifest_unref(m);
		else
			*out = m;
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return status;
}

/*
 * Whether a file may be read is asked each time, also when its manifest is cached:
 * a remote one is found by who fetched it, a local one is opened.
 */
static LhStatus
find_scope(LhCtx *ctx, LhIceTable *table, const char *path, const char **scope)
{
	const LhAccess *access = lh_store_access(table->base.store);
	LhObject *obj;

	*scope = access->remote != NULL ? access->remote->scope : NULL;
	if (path[0] != '/')
		return LH_OK;
	*scope = NULL;
	LH_TRY(lh_object_open(ctx, table->base.store, path, &obj));
	lh_object_close(obj);
	return LH_OK;
}

LhStatus
lh_ice_manifest_open(LhCtx *ctx, LhIceTable *table, const LhIceManifestFile *line, int nids,
					 const int32_t *ids, LhIceManifest **out)
{
	/* what is encrypted is for those who have its key, who are asked for it each time */
	LhIceCache *cache = lh_file_key_is(line->key_metadata) ? NULL : in_use;
	const char *path, *scope;
	LhIceManifest *old = NULL;
	LhIceIds all;
	uint64_t hash;
	LhStatus status;

	LH_TRY(lh_ice_path(ctx, &table->paths, "manifest", "the manifest list", line->path,
					   strlen(line->path), &path));
	LH_TRY(find_scope(ctx, table, path, &scope));
	hash = lh_hash_bytes(path, strlen(path), (uint64_t) line->length);
	if (cache != NULL)
		old = get(cache, path, line->length, scope, hash);
	if (old != NULL && has_all(old, nids, ids))
	{
		LH_COUNT(ctx, MANIFEST_CACHE_HITS, 1);
		*out = old;
		return lh_arena_on_reset(ctx, ctx->arena, release, old);
	}
	LH_COUNT(ctx, MANIFESTS, 1);
	status = union_ids(ctx, old, nids, ids, &all);
	if (old != NULL)
		lh_ice_manifest_unref(old);
	LH_TRY(status);
	LH_TRY(read_manifest(ctx, table, line, all.n, all.ids, out));
	if (cache != NULL)
		put(cache, path, line->length, scope, hash, *out);
	return lh_arena_on_reset(ctx, ctx->arena, release, *out);
}
