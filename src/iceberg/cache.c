/*
 * cache.c
 *		Decoded manifests, manifest lists and metadata files, least recently used dropped first.
 *
 *	1. Manifests never change, so path and length are their identity; what one user
 *	   mapping's credentials fetched is found by these alone (scope).  A manifest whose
 *	   statistics of some field are missing is decoded anew, with those it had before
 *	   and these, and takes the other's place.
 *	2. Metadata files and lists are not written again either, in a table that is in order.
 *	   They are asked for each time all the same, and one that was replaced (mtime, inode,
 *	   ETag) is another one.
 *	3. Whether a file may be read, and is the same, is asked by opening it.  Of a local file that was
 *	   opened before one look says so, too, as long as its ctime is the one of then (lh_store_looks).
 *	   Estimates of planning ask for nothing: they show no rows.
 *	4. What a file was read as is a part of its key: metadata may name any file as its list,
 *	   itself too.
 *
 * What falls out of the cache lives on while somebody works with it.
 *
 * Memory is malloc's and outlives any arena; running out of it means that
 * something is not cached, never an error.  Threads share the cache under a lock.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/lru.h"
#include "crypto/crypto.h"
#include "iceberg/ids.h"
#include "iceberg/manifest.h"
#include "iceberg/meta.h"

/* Chains; a power of two. */
#define BUCKETS 1024

/* Bytes of a version of files; those with a longer ETag are not kept. */
#define MAX_VERSION 200

/* A list may take this part of the cache: others that are used as often shall stay. */
#define LIST_PART 8

/* What the cache does with a thing, which is counted and has memory of its own. */
typedef struct Kind
{
	void (*ref)(void *thing);
	void (*unref)(void *thing);
	size_t (*bytes)(const void *thing);
} Kind;

/* What a thing is found by. */
typedef struct Key
{
	const Kind *kind;
	const char *path;
	int64_t length;
	const char *scope;   /* NULL: local */
	const char *version; /* NULL: a manifest */
	uint64_t hash;
} Key;

/* A local file as it was when it was opened; ctime_ns 0: that is not to be relied on. */
typedef struct Seen
{
	int64_t size, mtime_ns, ctime_ns;
	uint64_t dev, ino;
} Seen;

typedef struct Entry Entry;
struct Entry
{
	LhLruLink use; /* first: it is the entry */
	Entry *chain;
	Seen seen;
	void *thing;
	size_t bytes;
	Key key; /* in text */
	char text[];
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
find(LhIceCache *cache, const Key *key)
{
	Entry **at = &cache->buckets[key->hash & (BUCKETS - 1)];

	while (*at != NULL &&
		   ((*at)->key.hash != key->hash || (*at)->key.kind != key->kind ||
			(*at)->key.length != key->length || strcmp((*at)->key.path, key->path) != 0 ||
			!same_text((*at)->key.scope, key->scope) ||
			!same_text((*at)->key.version, key->version)))
		at = &(*at)->chain;
	return at;
}

static void
drop(LhIceCache *cache, Entry *e)
{
	*find(cache, &e->key) = e->chain;
	lh_lru_remove(&cache->lru, &e->use);
	cache->bytes -= e->bytes;
	e->key.kind->unref(e->thing);
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

bool
lh_ice_cache_on(void)
{
	return in_use != NULL && in_use->max_bytes > 0;
}

/* Of a file that is open; see lh_store_looks. */
static Seen
see(const LhObjectId *id)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	/* so young that rights may change again within a tick, or a file system that notes no changes by others */
	if (id->etag != NULL || id->ctime_ns == 0 ||
		(int64_t) now.tv_sec * 1000000000 + now.tv_nsec - id->ctime_ns < INT64_C(2000000000) ||
		!lh_object_id_certain(id) || !lh_local_names_are_noted(id->path))
		return (Seen){0};
	return (Seen){id->size, id->mtime_ns, id->ctime_ns, id->dev, id->ino};
}

static bool
is_seen(const Seen *seen, const LhObjectId *id)
{
	return seen->ctime_ns != 0 && seen->ctime_ns == id->ctime_ns && seen->size == id->size &&
		   seen->mtime_ns == id->mtime_ns && seen->dev == id->dev && seen->ino == id->ino;
}

/* The newest thing of a local path, of this length (-1: any), whose file is seen again (id), or whatever it is (NULL). */
static void *
get_local(LhIceCache *cache, const Kind *kind, const char *path, int64_t length, const LhObjectId *id)
{
	uint64_t hash = lh_hash_bytes(path, strlen(path), 0);
	void *thing = NULL;

	pthread_mutex_lock(&cache->lock);
	for (Entry *e = cache->buckets[hash & (BUCKETS - 1)]; e != NULL && thing == NULL; e = e->chain)
	{
		if (e->key.hash != hash || e->key.kind != kind || e->key.scope != NULL ||
			(length >= 0 && e->key.length != length) || strcmp(e->key.path, path) != 0 ||
			(id != NULL && !is_seen(&e->seen, id)))
			continue;
		lh_lru_touch(&cache->lru, &e->use);
		thing = e->thing;
		kind->ref(thing);
	}
	pthread_mutex_unlock(&cache->lock);
	return thing;
}

/* What is kept of a local file, by a look at it; *thing NULL: it has to be opened. */
static LhStatus
get_by_look(LhCtx *ctx, LhStore *store, const Kind *kind, const char *path, int64_t length,
			void **thing)
{
	LhObjectId id;
	int64_t ctime_ns;
	bool there;

	*thing = NULL;
	if (in_use == NULL || path[0] != '/' || !lh_store_looks(store))
		return LH_OK;
	LH_TRY(lh_object_look(ctx, store, path, &id, &ctime_ns, &there));
	if (there)
		*thing = get_local(in_use, kind, path, length, &id);
	return LH_OK;
}

/* The same without a look, for who wants no more than an estimate. */
static void *
get_estimate(const LhStore *store, const Kind *kind, const char *path)
{
	if (in_use == NULL || path[0] != '/' || !lh_store_looks(store))
		return NULL;
	return get_local(in_use, kind, path, -1, NULL);
}

/* The file of an entry was opened as id. */
static void
note_seen(LhIceCache *cache, const Key *key, const LhObjectId *id)
{
	Seen seen;
	Entry *e;

	if (cache == NULL || key->scope != NULL)
		return;
	seen = see(id);
	pthread_mutex_lock(&cache->lock);
	e = *find(cache, key);
	if (e != NULL)
		e->seen = seen;
	pthread_mutex_unlock(&cache->lock);
}

static void *
get(LhIceCache *cache, const Key *key)
{
	void *thing = NULL;
	Entry *e;

	pthread_mutex_lock(&cache->lock);
	e = *find(cache, key);
	if (e != NULL)
	{
		lh_lru_touch(&cache->lru, &e->use);
		thing = e->thing;
		key->kind->ref(thing);
	}
	pthread_mutex_unlock(&cache->lock);
	return thing;
}

/* The text behind *to, which moves; NULL stays NULL. */
static const char *
put_text(char **to, const char *s)
{
	size_t n = s != NULL ? strlen(s) + 1 : 0;
	char *at = *to;

	if (s == NULL)
		return NULL;
	*to += n;
	return memcpy(at, s, n);
}

static Entry *
make_entry(const Key *key, void *thing)
{
	size_t size = sizeof(Entry) + strlen(key->path) + 1 +
				  (key->scope != NULL ? strlen(key->scope) + 1 : 0) +
				  (key->version != NULL ? strlen(key->version) + 1 : 0);
	Entry *e = malloc(size);
	char *to;

	if (e == NULL)
		return NULL;
	*e = (Entry){.thing = thing, .key = *key};
	to = e->text;
	e->key.path = put_text(&to, key->path);
	e->key.scope = put_text(&to, key->scope);
	e->key.version = put_text(&to, key->version);
	e->bytes = size + key->kind->bytes(thing);
	return e;
}

static void
put(LhIceCache *cache, const Key *key, void *thing)
{
	Entry *e = make_entry(key, thing), *old, **at;

	if (e == NULL)
		return;
	pthread_mutex_lock(&cache->lock);
	old = *find(cache, key);
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
	key->kind->ref(thing);
	at = &cache->buckets[key->hash & (BUCKETS - 1)];
	e->chain = *at;
	*at = e;
	lh_lru_add(&cache->lru, &e->use);
	cache->bytes += e->bytes;
	pthread_mutex_unlock(&cache->lock);
}

/*
 * Manifests
 */

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

static void
ref_manifest(void *m)
{
	lh_ice_manifest_ref(m);
}

static size_t
bytes_of_manifest(const void *m)
{
	return lh_arena_used(((const LhIceManifest *) m)->arena);
}

static void
release(void *m)
{
	lh_ice_manifest_unref(m);
}

static const Kind manifest_kind = {ref_manifest, release, bytes_of_manifest};

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
	lh_detail(ctx,
			  "It has %lld added, %lld existing and %lld deleted entries, not %lld, %lld and %lld.",
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
find_scope(LhCtx *ctx, LhIceTable *table, const char *path, const char **scope, LhObjectId *id)
{
	const LhAccess *access = lh_store_access(table->base.store);
	LhObject *obj;

	*id = (LhObjectId){0};
	*scope = access->remote != NULL ? access->remote->scope : NULL;
	if (path[0] != '/')
		return lh_object_check(ctx, table->base.store, path);
	*scope = NULL;
	LH_TRY(lh_object_open(ctx, table->base.store, path, &obj));
	*id = *lh_object_id(obj);
	lh_object_close(obj);
	return LH_OK;
}

/* The one that is kept of a file that is seen again; *out NULL: none with these statistics, or it must be opened. */
static LhStatus
find_manifest(LhCtx *ctx, LhIceTable *table, const char *path, int64_t length, int nids,
			  const int32_t *ids, LhIceManifest **out)
{
	void *thing;

	*out = NULL;
	LH_TRY(get_by_look(ctx, table->base.store, &manifest_kind, path, length, &thing));
	if (thing != NULL && has_all(thing, nids, ids))
		*out = thing;
	else if (thing != NULL)
		release(thing);
	return LH_OK;
}

static LhStatus
use_kept(LhCtx *ctx, LhIceManifest *m, LhIceManifest **out)
{
	LH_COUNT(ctx, MANIFEST_CACHE_HITS, 1);
	*out = m;
	return lh_arena_on_reset(ctx, ctx->arena, release, m);
}

LhStatus
lh_ice_manifest_open(LhCtx *ctx, LhIceTable *table, const LhIceManifestFile *line, int nids,
					 const int32_t *ids, LhIceManifest **out)
{
	/* what is encrypted is for those who have its key, who are asked for it each time */
	LhIceCache *cache = lh_file_key_is(line->key_metadata) ? NULL : in_use;
	Key key = {.kind = &manifest_kind, .length = line->length};
	LhIceManifest *old = NULL;
	LhObjectId id;
	LhIceIds all;
	LhStatus status;

	LH_TRY(lh_ice_path(ctx, &table->paths, "manifest", "the manifest list", line->path,
					   strlen(line->path), &key.path));
	if (cache != NULL)
		LH_TRY(find_manifest(ctx, table, key.path, line->length, nids, ids, &old));
	if (old != NULL)
		return use_kept(ctx, old, out);
	LH_TRY(find_scope(ctx, table, key.path, &key.scope, &id));
	key.hash = lh_hash_bytes(key.path, strlen(key.path), 0);
	if (cache != NULL)
		old = get(cache, &key);
	if (old != NULL && has_all(old, nids, ids))
	{
		note_seen(cache, &key, &id);
		return use_kept(ctx, old, out);
	}
	LH_COUNT(ctx, MANIFESTS, 1);
	status = union_ids(ctx, old, nids, ids, &all);
	if (old != NULL)
		lh_ice_manifest_unref(old);
	LH_TRY(status);
	LH_TRY(read_manifest(ctx, table, line, all.n, all.ids, out));
	if (cache != NULL)
	{
		put(cache, &key, *out);
		note_seen(cache, &key, &id);
	}
	return lh_arena_on_reset(ctx, ctx->arena, release, *out);
}

/*
 * Files that are found by all of their identity
 */

/* What tells this content of a file from others of the same path and length; false: nothing does. */
static bool
find_version(const LhObjectId *id, char *out, size_t size)
{
	if (!lh_object_id_certain(id))
		return false;
	if (id->etag != NULL)
		return (size_t) snprintf(out, size, "%s", id->etag) < size;
	snprintf(out, size, "%lld %llu %llu", (long long) id->mtime_ns, (unsigned long long) id->dev,
			 (unsigned long long) id->ino);
	return true;
}

/* The key of a file that is open, in version's MAX_VERSION bytes; false: it is not to be kept. */
static bool
identify(const Kind *kind, const char *path, const LhObjectId *id, char *version, Key *key)
{
	if (in_use == NULL || !find_version(id, version, MAX_VERSION))
		return false;
	*key = (Key){
		.kind = kind,
		.path = path,
		.length = id->size,
		.scope = id->scope,
		.version = version,
		.hash = lh_hash_bytes(path, strlen(path), 0),
	};
	return true;
}

/*
 * Metadata files
 */

typedef struct Metadata
{
	LhArena *arena; /* its own */
	int refs;       /* atomic */
	LhIceMetadata *m;
} Metadata;

static void
ref_metadata(void *thing)
{
	__atomic_add_fetch(&((Metadata *) thing)->refs, 1, __ATOMIC_RELAXED);
}

static void
unref_metadata(void *thing)
{
	Metadata *kept = thing;

	if (__atomic_sub_fetch(&kept->refs, 1, __ATOMIC_ACQ_REL) == 0)
		lh_arena_destroy(kept->arena);
}

static size_t
bytes_of_metadata(const void *thing)
{
	return lh_arena_used(((const Metadata *) thing)->arena);
}

static const Kind metadata_kind = {ref_metadata, unref_metadata, bytes_of_metadata};

/* In an arena of its own, with one reference. */
static LhStatus
parse_metadata(LhCtx *ctx, LhObject *object, const char *path, Metadata **out)
{
	LhArena *arena = lh_arena_create(NULL), *old;
	Metadata *kept;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	kept = lh_alloc0(ctx, sizeof(*kept));
	path = lh_strdup(ctx, path);
	status = kept == NULL || path == NULL ? ctx->error->code : LH_OK;
	if (status == LH_OK)
		status = lh_ice_metadata_read(ctx, object, path, &kept->m);
	lh_use(ctx, old);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		return status;
	}
	kept->arena = arena;
	kept->refs = 1;
	*out = kept;
	return LH_OK;
}

static LhStatus
open_metadata(LhCtx *ctx, LhObject *object, const char *path, Metadata **out)
{
	const LhObjectId *id = lh_object_id(object);
	char version[MAX_VERSION];
	Key key;
	bool may_keep = identify(&metadata_kind, path, id, version, &key);

	*out = may_keep ? get(in_use, &key) : NULL;
	if (*out == NULL)
	{
		LH_TRY(parse_metadata(ctx, object, path, out));
		if (may_keep)
			put(in_use, &key, *out);
	}
	if (may_keep)
		note_seen(in_use, &key, id);
	return LH_OK;
}

LhStatus
lh_ice_metadata_open(LhCtx *ctx, LhStore *store, const char *path, bool estimate, LhIceMetadata **out)
{
	void *thing = estimate ? get_estimate(store, &metadata_kind, path) : NULL;
	Metadata *kept;
	LhObject *object;
	LhStatus status;

	if (thing == NULL)
		LH_TRY(get_by_look(ctx, store, &metadata_kind, path, -1, &thing));
	kept = thing;
	if (kept == NULL)
	{
		LH_TRY(lh_object_open(ctx, store, path, &object));
		status = open_metadata(ctx, object, path, &kept);
		lh_object_close(object);
		LH_TRY(status);
	}
	*out = kept->m;
	return lh_arena_on_reset(ctx, ctx->arena, unref_metadata, kept);
}

/*
 * Manifest lists
 */

/* Lines, what they point at behind them, in one piece of memory. */
typedef struct List
{
	int refs; /* atomic */
	size_t bytes;
	size_t n;
	LhIceManifestFile lines[];
} List;

static void
ref_list(void *thing)
{
	__atomic_add_fetch(&((List *) thing)->refs, 1, __ATOMIC_RELAXED);
}

static void
unref_list(void *thing)
{
	if (__atomic_sub_fetch(&((List *) thing)->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(thing);
}

static size_t
bytes_of_list(const void *thing)
{
	return ((const List *) thing)->bytes;
}

static const Kind list_kind = {ref_list, unref_list, bytes_of_list};

/* What a line points at: first its summaries, which are aligned as lines are, then bytes. */
static void
measure(const LhIceManifestFile *line, size_t *summaries, size_t *bytes)
{
	*summaries += (size_t) line->nsummaries * sizeof(*line->summaries);
	*bytes += strlen(line->path) + 1 + line->key_metadata.len;
	for (int i = 0; i < line->nsummaries; i++)
		*bytes += line->summaries[i].lower.len + line->summaries[i].upper.len;
}

static void
move_bytes(char **to, LhSlice *s)
{
	if (s->len > 0)
		memcpy(*to, s->data, s->len);
	s->data = (const uint8_t *) *to;
	*to += s->len;
}

static void
move_line(LhIceManifestFile *line, struct LhIceSummary **summaries, char **bytes)
{
	line->path = put_text(bytes, line->path);
	move_bytes(bytes, &line->key_metadata);
	if (line->nsummaries > 0)
		memcpy(*summaries, line->summaries, (size_t) line->nsummaries * sizeof(**summaries));
	line->summaries = *summaries;
	*summaries += line->nsummaries;
	for (int i = 0; i < line->nsummaries; i++)
	{
		move_bytes(bytes, &line->summaries[i].lower);
		move_bytes(bytes, &line->summaries[i].upper);
	}
}

/* With one reference; NULL: it would be too large, or there is no memory. */
static List *
pack(size_t n, const LhIceManifestFile *lines, size_t max_bytes)
{
	size_t own = sizeof(List) + n * sizeof(*lines), summaries = 0, bytes = 0;
	struct LhIceSummary *to;
	List *list;
	char *text;

	for (size_t i = 0; i < n; i++)
		measure(&lines[i], &summaries, &bytes);
	if (own + summaries + bytes > max_bytes || (list = malloc(own + summaries + bytes)) == NULL)
		return NULL;
	*list = (List){.refs = 1, .bytes = own + summaries + bytes, .n = n};
	memcpy(list->lines, lines, n * sizeof(*lines));
	to = (struct LhIceSummary *) (void *) ((char *) list + own);
	text = (char *) list + own + summaries;
	for (size_t i = 0; i < n; i++)
		move_line(&list->lines[i], &to, &text);
	return list;
}

static LhStatus
use_list(LhCtx *ctx, List *list, size_t *n, const LhIceManifestFile **out)
{
	LH_COUNT(ctx, MANIFEST_LIST_CACHE_HITS, 1);
	*n = list->n;
	*out = list->lines;
	return lh_arena_on_reset(ctx, ctx->arena, unref_list, list);
}

LhStatus
lh_ice_list_look(LhCtx *ctx, LhStore *store, const char *path, bool estimate, size_t *n,
				 const LhIceManifestFile **out)
{
	void *list = estimate ? get_estimate(store, &list_kind, path) : NULL;

	*n = 0;
	*out = NULL;
	if (list == NULL)
		LH_TRY(get_by_look(ctx, store, &list_kind, path, -1, &list));
	return list == NULL ? LH_OK : use_list(ctx, list, n, out);
}

LhStatus
lh_ice_list_find(LhCtx *ctx, const LhObjectId *id, size_t *n, const LhIceManifestFile **out)
{
	char version[MAX_VERSION];
	List *list = NULL;
	Key key;

	*n = 0;
	*out = NULL;
	if (identify(&list_kind, id->path, id, version, &key))
		list = get(in_use, &key);
	if (list == NULL)
		return LH_OK;
	note_seen(in_use, &key, id);
	return use_list(ctx, list, n, out);
}

void
lh_ice_list_keep(const LhObjectId *id, size_t n, const LhIceManifestFile *lines)
{
	char version[MAX_VERSION];
	List *list;
	Key key;

	if (n == 0 || !identify(&list_kind, id->path, id, version, &key))
		return;
	list = pack(n, lines, in_use->max_bytes / LIST_PART);
	if (list == NULL)
		return;
	put(in_use, &key, list);
	note_seen(in_use, &key, id);
	unref_list(list);
}
