/*
 * keycache.c
 *		Bitmaps of equality delete files, least recently used dropped first.
 *
 * There are few of them, so they are found by looking at all.
 */
#include "scan/keycache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/lru.h"
#include "scan/eqset_state.h"

/* Beyond, looking for one would be felt. */
#define MOST_ENTRIES 256

typedef struct Entry
{
	LhLruLink use; /* first: it is the entry */
	size_t bytes;
	LhObjectId id; /* texts are behind the bitmap */
	int field_id;
	LhType type;
	uint64_t base;
	uint64_t ndense;
	bool null_key;
	size_t len;
	uint8_t words[];
} Entry;

struct LhKeyCache
{
	pthread_mutex_t lock;
	size_t max_bytes;
	size_t bytes;
	int n;
	LhLru lru;
};

static LhKeyCache *in_use;

LhKeyCache *
lh_key_cache_create(size_t max_bytes)
{
	LhKeyCache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	cache->max_bytes = max_bytes;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static void
drop(LhKeyCache *cache, Entry *e)
{
	lh_lru_remove(&cache->lru, &e->use);
	cache->bytes -= e->bytes;
	cache->n--;
	free(e);
}

void
lh_key_cache_resize(LhKeyCache *cache, size_t max_bytes)
{
	pthread_mutex_lock(&cache->lock);
	cache->max_bytes = max_bytes;
	while (cache->bytes > max_bytes)
		drop(cache, (Entry *) cache->lru.oldest);
	pthread_mutex_unlock(&cache->lock);
}

void
lh_key_cache_destroy(LhKeyCache *cache)
{
	if (cache == NULL)
		return;
	if (in_use == cache)
		in_use = NULL;
	lh_key_cache_resize(cache, 0);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

size_t
lh_key_cache_bytes(const LhKeyCache *cache)
{
	return cache->bytes;
}

void
lh_use_key_cache(LhKeyCache *cache)
{
	in_use = cache;
}

/* With the lock; NULL: not there. */
static Entry *
find(const LhKeyCache *cache, const LhObjectId *id, int field_id, const LhType *type)
{
	for (LhLruLink *link = cache->lru.newest; link != NULL; link = link->older)
	{
		Entry *e = (Entry *) link;

		if (e->field_id == field_id && lh_type_equal(&e->type, type) && lh_object_id_same(&e->id, id))
			return e;
	}
	return NULL;
}

static LhStatus
restore(LhCtx *ctx, const Entry *e, uint32_t owner, LhEqSet *set)
{
	LH_TRY(lh_buf_fit(ctx, &set->dense, e->len));
	memcpy(set->dense.data, e->words, e->len);
	set->dense.len = e->len;
	set->base = e->base;
	set->ndense = e->ndense;
	set->null_key = e->null_key;
	set->owned = true;
	set->owner = owner;
	return LH_OK;
}

LhStatus
lh_key_cache_get(LhCtx *ctx, const LhObjectId *id, int field_id, const LhType *type, uint32_t owner,
				 LhEqSet *set, bool *found)
{
	LhStatus status = LH_OK;
	Entry *e;

	*found = false;
	if (in_use == NULL || set->hashed || set->owned)
		return LH_OK;
	pthread_mutex_lock(&in_use->lock);
	e = find(in_use, id, field_id, type);
	if (e != NULL)
	{
		lh_lru_touch(&in_use->lru, &e->use);
		status = restore(ctx, e, owner, set);
		*found = status == LH_OK;
	}
	pthread_mutex_unlock(&in_use->lock);
	return status;
}

/* The text behind *to, which moves; NULL stays NULL. */
static const char *
put_text(uint8_t **to, const char *s)
{
	size_t n = s != NULL ? strlen(s) + 1 : 0;
	uint8_t *at = *to;

	if (s == NULL)
		return NULL;
	*to += n;
	return memcpy(at, s, n);
}

static Entry *
make_entry(const LhObjectId *id, int field_id, const LhType *type, const LhEqSet *set)
{
	size_t text = strlen(id->path) + 1 + (id->etag != NULL ? strlen(id->etag) + 1 : 0) +
				  (id->scope != NULL ? strlen(id->scope) + 1 : 0);
	size_t size = sizeof(Entry) + set->dense.len + text;
	Entry *e = malloc(size);
	uint8_t *to;

	if (e == NULL)
		return NULL;
	*e = (Entry){.bytes = size, .id = *id, .field_id = field_id, .type = *type, .base = set->base,
				 .ndense = set->ndense, .null_key = set->null_key, .len = set->dense.len};
	memcpy(e->words, set->dense.data, set->dense.len);
	to = e->words + set->dense.len;
	e->id.path = put_text(&to, id->path);
	e->id.etag = put_text(&to, id->etag);
	e->id.scope = put_text(&to, id->scope);
	return e;
}

void
lh_key_cache_put(const LhObjectId *id, int field_id, const LhType *type, const LhEqSet *set)
{
	LhKeyCache *cache = in_use;
	Entry *e, *old;

	if (cache == NULL || set->hashed || set->loose.len > 0 || set->ndense == 0 || !lh_object_id_certain(id) ||
		set->dense.len > cache->max_bytes)
		return;
	e = make_entry(id, field_id, type, set);
	if (e == NULL)
		return;
	pthread_mutex_lock(&cache->lock);
	old = find(cache, id, field_id, type);
	if (old != NULL || e->bytes > cache->max_bytes)
	{
		pthread_mutex_unlock(&cache->lock);
		free(e);
		return;
	}
	while (cache->bytes + e->bytes > cache->max_bytes || cache->n >= MOST_ENTRIES)
		drop(cache, (Entry *) cache->lru.oldest);
	lh_lru_add(&cache->lru, &e->use);
	cache->bytes += e->bytes;
	cache->n++;
	pthread_mutex_unlock(&cache->lock);
}
