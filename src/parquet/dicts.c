/*
 * dicts.c
 *		Dictionary pages that are kept, least recently used dropped first.
 */
#include "parquet/dicts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/hash.h"
#include "core/lru.h"

/* Powers of two: chains, and pages that came once (64 kB). */
#define BUCKETS   1024
#define SEEN      8192
#define ALIGNMENT 64

struct LhPqKept
{
	LhLruLink use; /* first: it is the entry */
	LhPqKept *chain;
	uint64_t hash;
	size_t bytes;
	int refs;
	uint64_t turn; /* of the statement that used it last */
	LhObjectId id; /* texts behind the page; a local file's path is not kept */
	int64_t start;
	LhPqKeptPage page;
};

struct LhPqDicts
{
	pthread_mutex_t lock;
	size_t max_bytes;
	size_t bytes;
	uint64_t stamp; /* of the statement that runs */
	uint64_t turn;  /* statements that have used the cache */
	bool fresh;     /* the stamp changed since it was last used */
	LhLru lru;
	LhPqKept *buckets[BUCKETS];
	uint64_t seen[SEEN]; /* hashes, each in the place that its bits name */
};

static LhPqDicts *in_use;

LhPqDicts *
lh_pq_dicts_create(size_t max_bytes)
{
	LhPqDicts *dicts = calloc(1, sizeof(*dicts));

	if (dicts == NULL)
		return NULL;
	dicts->max_bytes = max_bytes;
	pthread_mutex_init(&dicts->lock, NULL);
	return dicts;
}

void
lh_pq_kept_release(void *arg)
{
	LhPqKept *kept = arg;

	if (kept != NULL && __atomic_sub_fetch(&kept->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(kept);
}

const LhPqKeptPage *
lh_pq_kept_page(const LhPqKept *kept)
{
	return &kept->page;
}

/*
 * Local files are told apart by what the system says of their content alone: links to
 * one file are one file.
 */
static uint64_t
hash_id(const LhObjectId *id, int64_t start)
{
	uint64_t words[] = {(uint64_t) id->size, (uint64_t) id->mtime_ns, id->dev, id->ino,
						(uint64_t) start};
	uint64_t hash = lh_hash_bytes(words, sizeof(words), 0);

	return id->etag == NULL ? hash : lh_hash_bytes(id->path, strlen(id->path), hash);
}

static bool
same(const LhObjectId *a, const LhObjectId *b)
{
	if (a->etag != NULL || b->etag != NULL)
		return lh_object_id_same(a, b);
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->dev == b->dev && a->ino == b->ino;
}

/* The pointer that points to the entry, or to the end of its chain. */
static LhPqKept **
find(LhPqDicts *dicts, const LhObjectId *id, int64_t start, uint64_t hash)
{
	LhPqKept **at = &dicts->buckets[hash & (BUCKETS - 1)];

	while (*at != NULL && ((*at)->hash != hash || (*at)->start != start || !same(&(*at)->id, id)))
		at = &(*at)->chain;
	return at;
}

static void
drop(LhPqDicts *dicts, LhPqKept *kept)
{
	LhPqKept **at = &dicts->buckets[kept->hash & (BUCKETS - 1)];

	while (*at != kept)
		at = &(*at)->chain;
	*at = kept->chain;
	lh_lru_remove(&dicts->lru, &kept->use);
	dicts->bytes -= kept->bytes;
	lh_pq_kept_release(kept);
}

static void
shrink(LhPqDicts *dicts, size_t to)
{
	while (dicts->bytes > to)
		drop(dicts, (LhPqKept *) dicts->lru.oldest);
}

void
lh_pq_dicts_resize(LhPqDicts *dicts, size_t max_bytes)
{
	pthread_mutex_lock(&dicts->lock);
	dicts->max_bytes = max_bytes;
	shrink(dicts, max_bytes);
	pthread_mutex_unlock(&dicts->lock);
}

void
lh_pq_dicts_destroy(LhPqDicts *dicts)
{
	if (dicts == NULL)
		return;
	if (in_use == dicts)
		lh_pq_use_dicts(NULL, 0);
	shrink(dicts, 0);
	pthread_mutex_destroy(&dicts->lock);
	free(dicts);
}

size_t
lh_pq_dicts_bytes(const LhPqDicts *dicts)
{
	return dicts->bytes;
}

void
lh_pq_use_dicts(LhPqDicts *dicts, uint64_t stamp)
{
	__atomic_store_n(&in_use, dicts, __ATOMIC_RELEASE);
	if (dicts == NULL)
		return;
	pthread_mutex_lock(&dicts->lock);
	dicts->fresh |= dicts->stamp != stamp;
	dicts->stamp = stamp;
	pthread_mutex_unlock(&dicts->lock);
}

/* Helper threads may be at work when it is named again. */
static LhPqDicts *
current(void)
{
	return __atomic_load_n(&in_use, __ATOMIC_ACQUIRE);
}

bool
lh_pq_dicts_on(void)
{
	return current() != NULL;
}

/* With the lock: a statement that uses the cache is a turn. */
static void
take_turn(LhPqDicts *dicts)
{
	if (dicts->fresh)
		dicts->turn++;
	dicts->fresh = false;
}

LhPqKept *
lh_pq_dicts_get(const LhObjectId *id, int64_t start, bool checked)
{
	LhPqDicts *dicts = current();
	LhPqKept *kept;

	if (dicts == NULL)
		return NULL;
	pthread_mutex_lock(&dicts->lock);
	take_turn(dicts);
	kept = *find(dicts, id, start, hash_id(id, start));
	if (kept != NULL && checked && !kept->page.checked)
		kept = NULL;
	if (kept != NULL)
	{
		lh_lru_touch(&dicts->lru, &kept->use);
		kept->turn = dicts->turn;
		__atomic_add_fetch(&kept->refs, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&dicts->lock);
	return kept;
}

int64_t
lh_pq_dicts_skip(const LhObjectId *id, int64_t start, bool checked)
{
	LhPqKept *kept = lh_pq_dicts_get(id, start, checked);
	int64_t end = start;

	if (kept != NULL)
		end = start + kept->page.header.header_size + kept->page.header.stored_size;
	lh_pq_kept_release(kept);
	return end;
}

/* With the lock: did it come before?  From now on it did. */
static bool
came_before(LhPqDicts *dicts, uint64_t hash)
{
	uint64_t *place = &dicts->seen[(hash >> 32) & (SEEN - 1)];
	bool before = *place == hash;

	*place = hash;
	return before;
}

/* With the lock: is there, or can there be, room for so many bytes? */
static bool
make_room(LhPqDicts *dicts, size_t bytes)
{
	size_t left = dicts->bytes;

	if (bytes > dicts->max_bytes)
		return false;
	for (LhLruLink *link = dicts->lru.oldest; left > dicts->max_bytes - bytes; link = link->newer)
	{
		LhPqKept *kept = (LhPqKept *) link;

		if (dicts->turn - kept->turn < LH_PQ_DICTS_TURNS)
			return false;
		left -= kept->bytes;
	}
	shrink(dicts, dicts->max_bytes - bytes);
	return true;
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

/* The header, the page at a multiple of 64, its padding, texts; NULL: no memory. */
static LhPqKept *
make_kept(const LhObjectId *id, int64_t start, uint64_t hash, const LhPqKeptPage *page)
{
	size_t head = (sizeof(LhPqKept) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	bool remote = id->etag != NULL;
	size_t text = remote ? text_size(id->path) + text_size(id->etag) + text_size(id->scope) : 0;
	size_t size = (head + page->len + LH_PADDING + text + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	LhPqKept *kept = aligned_alloc(ALIGNMENT, size);
	uint8_t *data, *to;

	if (kept == NULL)
		return NULL;
	data = (uint8_t *) kept + head;
	to = data + page->len + LH_PADDING;
	*kept = (LhPqKept){
		.hash = hash, .bytes = size, .refs = 1, .id = *id, .start = start, .page = *page};
	kept->page.data = memcpy(data, page->data, page->len);
	memset(data + page->len, 0, LH_PADDING);
	kept->id.path = remote ? put_text(&to, id->path) : NULL;
	kept->id.etag = remote ? put_text(&to, id->etag) : NULL;
	kept->id.scope = remote ? put_text(&to, id->scope) : NULL;
	return kept;
}

/* With the lock. */
static void
add(LhPqDicts *dicts, LhPqKept *kept)
{
	LhPqKept **bucket = &dicts->buckets[kept->hash & (BUCKETS - 1)];

	kept->chain = *bucket;
	*bucket = kept;
	kept->turn = dicts->turn;
	lh_lru_add(&dicts->lru, &kept->use);
	dicts->bytes += kept->bytes;
}

void
lh_pq_dicts_put(const LhObjectId *id, int64_t start, const LhPqKeptPage *page)
{
	LhPqDicts *dicts = current();
	uint64_t hash = hash_id(id, start);
	LhPqKept *kept, *old;

	if (dicts == NULL || page->len < LH_PQ_DICTS_LEAST || !lh_object_id_certain(id))
		return;
	pthread_mutex_lock(&dicts->lock);
	take_turn(dicts);
	old = *find(dicts, id, start, hash);
	/* one that was not verified makes way for one that was */
	if (old != NULL && page->checked && !old->page.checked)
		drop(dicts, old);
	else if (old != NULL || !came_before(dicts, hash))
	{
		pthread_mutex_unlock(&dicts->lock);
		return;
	}
	kept = make_room(dicts, sizeof(LhPqKept) + 4 * ALIGNMENT + page->len)
			   ? make_kept(id, start, hash, page)
			   : NULL;
	if (kept != NULL)
		add(dicts, kept);
	shrink(dicts, dicts->max_bytes);
	pthread_mutex_unlock(&dicts->lock);
}
