/*
 * cache.c
 *		Footers that were read before, least recently used dropped first.
 *
 * An object is known by path, size, mtime (with device and inode) or ETag: any
 * difference is another object, so a replaced file is read anew.  What one user
 * mapping's credentials fetched is found by these alone (scope); what a server
 * gives no version of is not kept.  A footer
 * that falls out of the cache lives on while an open file refers to it.
 *
 * Memory is malloc's and outlives any arena; running out of it means that
 * something is not cached, never an error.  The threads of a statement share it
 * under a lock.
 */
#include "parquet/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/lru.h"
#include "parquet/meta.h"

/* Chains, at least; a power of two. */
#define MIN_BUCKETS 64

typedef struct Entry Entry;
struct Entry
{
	LhLruLink use; /* first: it is the entry */
	Entry *chain;
	LhPqMeta *meta;
	size_t bytes;
	uint64_t hash;
	LhObjectId id; /* path and etag are in text */
	char text[];
};

struct LhPqCache
{
	pthread_mutex_t lock;
	size_t max_bytes;
	size_t bytes;
	size_t n;
	size_t nbuckets;
	Entry **buckets;
	LhLru lru;
};

static uint64_t
hash_id(const LhObjectId *id)
{
	return lh_hash_bytes(id->path, strlen(id->path),
						 (uint64_t) id->size * 31 + (uint64_t) id->mtime_ns);
}

/* The pointer that points to the entry of this identity, or to the end of its chain. */
static Entry **
find(LhPqCache *cache, const LhObjectId *id, uint64_t hash)
{
	Entry **at = &cache->buckets[hash & (cache->nbuckets - 1)];

	while (*at != NULL && ((*at)->hash != hash || !lh_object_id_same(&(*at)->id, id)))
		at = &(*at)->chain;
	return at;
}

static void
drop(LhPqCache *cache, Entry *e)
{
	*find(cache, &e->id, e->hash) = e->chain;
	lh_lru_remove(&cache->lru, &e->use);
	cache->bytes -= e->bytes;
	cache->n--;
	lh_pq_meta_unref(e->meta);
	free(e);
}

LhPqCache *
lh_pq_cache_create(size_t max_bytes)
{
	LhPqCache *cache = calloc(1, sizeof(LhPqCache));

	if (cache == NULL)
		return NULL;
	cache->max_bytes = max_bytes;
	cache->nbuckets = MIN_BUCKETS;
	cache->buckets = calloc(cache->nbuckets, sizeof(Entry *));
	if (cache->buckets == NULL)
	{
		free(cache);
		return NULL;
	}
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void
lh_pq_cache_resize(LhPqCache *cache, size_t max_bytes)
{
	pthread_mutex_lock(&cache->lock);
	cache->max_bytes = max_bytes;
	while (cache->bytes > max_bytes)
		drop(cache, (Entry *) cache->lru.oldest);
	pthread_mutex_unlock(&cache->lock);
}

void
lh_pq_cache_clear(LhPqCache *cache)
{
	pthread_mutex_lock(&cache->lock);
	while (cache->lru.oldest != NULL)
		drop(cache, (Entry *) cache->lru.oldest);
	pthread_mutex_unlock(&cache->lock);
}

void
lh_pq_cache_destroy(LhPqCache *cache)
{
	if (cache == NULL)
		return;
	lh_pq_cache_clear(cache);
	pthread_mutex_destroy(&cache->lock);
	free(cache->buckets);
	free(cache);
}

size_t
lh_pq_cache_bytes(const LhPqCache *cache)
{
	return cache->bytes;
}

LhPqMeta *
lh_pq_cache_get(LhPqCache *cache, const LhObjectId *id)
{
	LhPqMeta *meta = NULL;
	Entry *e;

	pthread_mutex_lock(&cache->lock);
	e = *find(cache, id, hash_id(id));
	if (e != NULL)
	{
		lh_lru_touch(&cache->lru, &e->use);
		meta = e->meta;
		lh_pq_meta_ref(meta);
	}
	pthread_mutex_unlock(&cache->lock);
	return meta;
}

static Entry *
make_entry(const LhObjectId *id, LhPqMeta *meta, uint64_t hash)
{
	size_t path_size = strlen(id->path) + 1;
	size_t etag_size = id->etag != NULL ? strlen(id->etag) + 1 : 0;
	size_t scope_size = id->scope != NULL ? strlen(id->scope) + 1 : 0;
	size_t text_size = path_size + etag_size + scope_size;
	Entry *e = malloc(sizeof(Entry) + text_size);

	if (e == NULL)
		return NULL;
	*e = (Entry){.meta = meta, .hash = hash, .id = *id};
	e->bytes = sizeof(Entry) + text_size + lh_arena_used(meta->priv->arena);
	e->id.path = memcpy(e->text, id->path, path_size);
	e->id.etag = etag_size > 0 ? memcpy(e->text + path_size, id->etag, etag_size) : NULL;
	e->id.scope =
		scope_size > 0 ? memcpy(e->text + path_size + etag_size, id->scope, scope_size) : NULL;
	return e;
}

/* Twice the chains when they get long; not vital. */
static void
grow(LhPqCache *cache)
{
	size_t n = cache->nbuckets * 2;
	Entry **buckets;

	if (cache->n < cache->nbuckets || (buckets = calloc(n, sizeof(Entry *))) == NULL)
		return;
	for (Entry *e = (Entry *) cache->lru.newest; e != NULL; e = (Entry *) e->use.older)
	{
		e->chain = buckets[e->hash & (n - 1)];
		buckets[e->hash & (n - 1)] = e;
	}
	free(cache->buckets);
	cache->buckets = buckets;
	cache->nbuckets = n;
}

static void
put(LhPqCache *cache, const LhObjectId *id, LhPqMeta *meta)
{
	uint64_t hash = hash_id(id);
	Entry *old = *find(cache, id, hash);
	Entry *e;
	Entry **at;

	if (id->etag != NULL && id->etag[0] == '\0')
		return;
	if (old != NULL)
		drop(cache, old);
	e = make_entry(id, meta, hash);
	if (e == NULL)
		return;
	if (e->bytes > cache->max_bytes)
	{
		free(e);
		return;
	}
	while (cache->bytes + e->bytes > cache->max_bytes)
		drop(cache, (Entry *) cache->lru.oldest);
	grow(cache);
	lh_pq_meta_ref(meta);
	at = &cache->buckets[hash & (cache->nbuckets - 1)];
	e->chain = *at;
	*at = e;
	lh_lru_add(&cache->lru, &e->use);
	cache->bytes += e->bytes;
	cache->n++;
}

void
lh_pq_cache_put(LhPqCache *cache, const LhObjectId *id, LhPqMeta *meta)
{
	pthread_mutex_lock(&cache->lock);
	put(cache, id, meta);
	pthread_mutex_unlock(&cache->lock);
}
