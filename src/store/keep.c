/*
 * keep.c
 *		Entries that are kept, least recently used dropped first.
 */
#include "store/keep.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/hash.h"
#include "core/lru.h"

/* Powers of two: chains, and what came once (256 kB), by sets of a cache line. */
#define BUCKETS   4096
#define SEEN      4096
#define WAYS      8
#define ALIGNMENT 64

struct LhKeepEntry
{
	LhLruLink use; /* first: it is the entry */
	LhKeepEntry *chain;
	uint64_t hash;
	size_t bytes;
	int refs;
	uint64_t turn; /* of the statement that used it last */
	bool held;     /* it does not make way for what comes now */
	LhObjectId id; /* texts behind the data; a local file's path is not kept */
	LhKeepKey key; /* whose id is the one above */
};

struct LhKeep
{
	pthread_mutex_t lock;
	size_t max_bytes;
	size_t bytes;
	uint64_t stamp; /* of the statement that runs */
	uint64_t turn;  /* statements that have used the cache */
	bool fresh;     /* the stamp changed since it was last used */
	LhLru lru;
	LhKeepEntry *buckets[BUCKETS];
	uint64_t seen[SEEN][WAYS]; /* hashes, each in the set that its bits name; the latest first */
};

#define HEAD ((sizeof(LhKeepEntry) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

LhKeep *
lh_keep_create(size_t max_bytes)
{
	LhKeep *keep = calloc(1, sizeof(*keep));

	if (keep == NULL)
		return NULL;
	keep->max_bytes = max_bytes;
	pthread_mutex_init(&keep->lock, NULL);
	return keep;
}

void
lh_keep_release(void *arg)
{
	LhKeepEntry *entry = arg;

	if (entry != NULL && __atomic_sub_fetch(&entry->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(entry);
}

void *
lh_keep_data(const LhKeepEntry *entry)
{
	return (uint8_t *) (uintptr_t) entry + HEAD;
}

size_t
lh_keep_size(const LhKeepEntry *entry)
{
	return entry->bytes;
}

/*
 * Local files are told apart by what the system says of their content alone: links to
 * one file are one file.
 */
static uint64_t
hash_key(const LhKeepKey *key)
{
	const LhObjectId *id = key->id;
	uint64_t words[] = {(uint64_t) id->size, (uint64_t) id->mtime_ns, id->dev, id->ino,
						(uint64_t) key->a,   (uint64_t) key->b};
	uint64_t hash = lh_hash_bytes(words, sizeof(words), 0);

	return id->etag == NULL ? hash : lh_hash_bytes(id->path, strlen(id->path), hash);
}

static bool
same(const LhKeepKey *x, const LhKeepKey *y)
{
	const LhObjectId *a = x->id, *b = y->id;

	if (x->a != y->a || x->b != y->b)
		return false;
	if (a->etag != NULL || b->etag != NULL)
		return lh_object_id_same(a, b);
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->dev == b->dev && a->ino == b->ino;
}

/* The pointer that points to the entry, or to the end of its chain. */
static LhKeepEntry **
find(LhKeep *keep, const LhKeepKey *key, uint64_t hash)
{
	LhKeepEntry **at = &keep->buckets[hash & (BUCKETS - 1)];

	while (*at != NULL && ((*at)->hash != hash || !same(&(*at)->key, key)))
		at = &(*at)->chain;
	return at;
}

static void
drop(LhKeep *keep, LhKeepEntry *entry)
{
	LhKeepEntry **at = &keep->buckets[entry->hash & (BUCKETS - 1)];

	while (*at != entry)
		at = &(*at)->chain;
	*at = entry->chain;
	lh_lru_remove(&keep->lru, &entry->use);
	keep->bytes -= entry->bytes;
	lh_keep_release(entry);
}

static void
shrink(LhKeep *keep, size_t to)
{
	while (keep->bytes > to)
		drop(keep, (LhKeepEntry *) keep->lru.oldest);
}

void
lh_keep_resize(LhKeep *keep, size_t max_bytes)
{
	pthread_mutex_lock(&keep->lock);
	keep->max_bytes = max_bytes;
	shrink(keep, max_bytes);
	pthread_mutex_unlock(&keep->lock);
}

void
lh_keep_destroy(LhKeep *keep)
{
	if (keep == NULL)
		return;
	shrink(keep, 0);
	pthread_mutex_destroy(&keep->lock);
	free(keep);
}

size_t
lh_keep_bytes(LhKeep *keep)
{
	size_t bytes;

	pthread_mutex_lock(&keep->lock);
	bytes = keep->bytes;
	pthread_mutex_unlock(&keep->lock);
	return bytes;
}

size_t
lh_keep_max(LhKeep *keep)
{
	size_t bytes;

	pthread_mutex_lock(&keep->lock);
	bytes = keep->max_bytes;
	pthread_mutex_unlock(&keep->lock);
	return bytes;
}

void
lh_keep_stamp(LhKeep *keep, uint64_t stamp)
{
	pthread_mutex_lock(&keep->lock);
	keep->fresh |= keep->stamp != stamp;
	keep->stamp = stamp;
	pthread_mutex_unlock(&keep->lock);
}

/* With the lock: a statement that uses the cache is a turn. */
static void
take_turn(LhKeep *keep)
{
	if (keep->fresh)
		keep->turn++;
	keep->fresh = false;
}

LhKeepEntry *
lh_keep_get(LhKeep *keep, const LhKeepKey *key)
{
	LhKeepEntry *entry;

	pthread_mutex_lock(&keep->lock);
	take_turn(keep);
	entry = *find(keep, key, hash_key(key));
	if (entry != NULL)
	{
		lh_lru_touch(&keep->lru, &entry->use);
		entry->turn = keep->turn;
		__atomic_add_fetch(&entry->refs, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&keep->lock);
	return entry;
}

bool
lh_keep_has(LhKeep *keep, const LhKeepKey *key)
{
	bool has;

	pthread_mutex_lock(&keep->lock);
	has = *find(keep, key, hash_key(key)) != NULL;
	pthread_mutex_unlock(&keep->lock);
	return has;
}

/*
 * With the lock: did it come before?  From now on it did.  (With a place for each, one of ten
 * columns of a group was soon in the place of another group's, and each made the other forgotten.)
 */
static bool
came_before(LhKeep *keep, uint64_t hash)
{
	uint64_t *set = keep->seen[(hash >> 32) & (SEEN - 1)];
	int i = 0;
	bool before;

	while (i < WAYS - 1 && set[i] != hash)
		i++;
	before = set[i] == hash;
	memmove(set + 1, set, (size_t) i * sizeof(*set));
	set[0] = hash;
	return before;
}

/* With the lock: is there, or can there be, room for so many bytes? */
static bool
can_be_room(const LhKeep *keep, size_t bytes)
{
	size_t left = keep->bytes;

	if (bytes > keep->max_bytes)
		return false;
	for (LhLruLink *link = keep->lru.oldest; left > keep->max_bytes - bytes; link = link->newer)
	{
		const LhKeepEntry *entry = (const LhKeepEntry *) link;

		if (entry == NULL)
			return false; /* the rest is held */
		if (entry->held)
			continue;
		if (keep->turn - entry->turn < LH_KEEP_TURNS)
			return false;
		left -= entry->bytes;
	}
	return true;
}

bool
lh_keep_wants(LhKeep *keep, const LhKeepKey *key, size_t least)
{
	bool wants;

	if (!lh_object_id_certain(key->id))
		return false;
	pthread_mutex_lock(&keep->lock);
	take_turn(keep);
	wants = came_before(keep, hash_key(key)) && can_be_room(keep, least);
	pthread_mutex_unlock(&keep->lock);
	return wants;
}

static size_t
text_size(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

/* The text behind *to, which moves; NULL stays NULL. */
static const char *
put_text(uint8_t **to, const char *text)
{
	uint8_t *at = *to;

	if (text == NULL)
		return NULL;
	*to += text_size(text);
	return memcpy(at, text, text_size(text));
}

/* The header, the data at a multiple of 64, its padding, texts. */
LhKeepEntry *
lh_keep_make(const LhKeepKey *key, size_t len)
{
	const LhObjectId *id = key->id;
	bool remote = id->etag != NULL;
	size_t text = remote ? text_size(id->path) + text_size(id->etag) + text_size(id->scope) : 0;
	size_t size = HEAD + LH_PADDING + text + ALIGNMENT - 1;
	LhKeepEntry *entry;
	uint8_t *to;

	if (len > LH_ALLOC_MAX)
		return NULL;
	size = (size + len) / ALIGNMENT * ALIGNMENT;
	entry = aligned_alloc(ALIGNMENT, size);
	if (entry == NULL)
		return NULL;
	to = (uint8_t *) entry + HEAD + len;
	memset(to, 0, LH_PADDING);
	to += LH_PADDING;
	*entry = (LhKeepEntry){.hash = hash_key(key), .bytes = size, .refs = 1, .id = *id, .key = *key};
	entry->key.id = &entry->id;
	entry->id.path = remote ? put_text(&to, id->path) : NULL;
	entry->id.etag = remote ? put_text(&to, id->etag) : NULL;
	entry->id.scope = remote ? put_text(&to, id->scope) : NULL;
	return entry;
}

/* With the lock. */
static void
add(LhKeep *keep, LhKeepEntry *entry)
{
	LhKeepEntry **bucket = &keep->buckets[entry->hash & (BUCKETS - 1)];

	entry->chain = *bucket;
	*bucket = entry;
	entry->turn = keep->turn;
	lh_lru_add(&keep->lru, &entry->use);
	keep->bytes += entry->bytes;
	__atomic_add_fetch(&entry->refs, 1, __ATOMIC_RELAXED);
}

/* With the lock: do these make way for what comes now?  false: one is not there. */
static bool
hold(LhKeep *keep, int n, const LhKeepKey *keys, bool held)
{
	bool all = true;

	for (int i = 0; i < n; i++)
	{
		LhKeepEntry *entry = *find(keep, &keys[i], hash_key(&keys[i]));

		if (entry != NULL)
			entry->held = held;
		all &= entry != NULL;
	}
	return all;
}

/* With the lock: they were used. */
static void
touch(LhKeep *keep, int n, const LhKeepKey *keys)
{
	for (int i = 0; i < n; i++)
	{
		LhKeepEntry *entry = *find(keep, &keys[i], hash_key(&keys[i]));

		entry->turn = keep->turn;
		lh_lru_touch(&keep->lru, &entry->use);
	}
}

/* With the lock. */
static bool
add_all(LhKeep *keep, int n, LhKeepEntry *const *entries, int nbeside, const LhKeepKey *beside)
{
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
		if (*find(keep, &entries[i]->key, entries[i]->hash) == NULL)
			bytes += entries[i]->bytes;
	if (!can_be_room(keep, bytes))
		return false;
	touch(keep, nbeside, beside);
	shrink(keep, keep->max_bytes - bytes);
	for (int i = 0; i < n; i++)
		if (*find(keep, &entries[i]->key, entries[i]->hash) == NULL)
			add(keep, entries[i]);
	return true;
}

bool
lh_keep_add(LhKeep *keep, int n, LhKeepEntry *const *entries, int nbeside, const LhKeepKey *beside)
{
	bool added;

	pthread_mutex_lock(&keep->lock);
	take_turn(keep);
	added = hold(keep, nbeside, beside, true) && add_all(keep, n, entries, nbeside, beside);
	hold(keep, nbeside, beside, false);
	pthread_mutex_unlock(&keep->lock);
	return added;
}
