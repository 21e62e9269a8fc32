/*
 * window.c
 *		Rows that are held, keys that were seen, what becomes of the rows.
 */
#include "client/window.h"

#include <stdlib.h>

#define START_KEYS 256
#define START_ROWS 256
/* what an entry costs beside its bytes, as the limit counts it */
#define KEY_COST   ((size_t) 96)
#define ROW_COST   ((size_t) 128)

/* ---- snapshots ---- */

/* Ids are compared as the server does: they wrap around. */
static bool
before(uint32_t a, uint32_t b)
{
	return (int32_t) (a - b) < 0;
}

/* A number and the character behind it. */
static bool
take_id(const char **text, char end, uint32_t *id)
{
	uint64_t v = 0;
	int n = 0;

	for (; **text >= '0' && **text <= '9' && n < 20; (*text)++, n++)
		v = v * 10 + (uint64_t) (**text - '0');
	*id = (uint32_t) v;
	return n > 0 && n < 20 && **text == end;
}

LhStatus
lh_xids_parse(LhCtx *ctx, const char *text, LhXidSnapshot *s)
{
	const char *p = text;
	int max = 1;

	if (!take_id(&p, ':', &s->xmin) || (p++, !take_id(&p, ':', &s->xmax)))
		LH_FAIL(ctx, LH_CORRUPT, "\"%.40s\" is no snapshot", text);
	p++;
	for (const char *c = p; *c != '\0'; c++)
		max += *c == ',';
	s->nxip = 0;
	LH_NEW_ARRAY(ctx, s->xip, max);
	for (int i = 0; i < max && *p != '\0'; i++)
	{
		uint32_t *id = &s->xip[i];

		if (!take_id(&p, i + 1 < max ? ',' : '\0', id) || before(*id, s->xmin) ||
			(i > 0 && !before(id[-1], *id)) || (i + 1 < max && *++p == '\0'))
			LH_FAIL(ctx, LH_CORRUPT, "\"%.40s\" is no snapshot", text);
		s->nxip = i + 1;
	}
	return LH_OK;
}

bool
lh_xids_see(const LhXidSnapshot *s, uint32_t xid)
{
	int low = 0, high = s->nxip;

	if (before(xid, s->xmin))
		return true;
	if (!before(xid, s->xmax))
		return false;
	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (s->xip[middle] == xid)
			return false;
		if (before(s->xip[middle], xid))
			low = middle + 1;
		else
			high = middle;
	}
	return true;
}

/* ---- transactions that were seen ---- */

void
lh_seen_add(LhSeen *seen, uint32_t xid)
{
	if (seen->n == 0 || seen->xid[(seen->n - 1) % LH_SEEN_MAX] != xid)
		seen->xid[seen->n++ % LH_SEEN_MAX] = xid;
}

bool
lh_seen_before(const LhSeen *seen, uint64_t n, const LhXidSnapshot *s)
{
	for (uint64_t i = seen->n > LH_SEEN_MAX ? seen->n - LH_SEEN_MAX : 0; i < n; i++)
	{
		uint32_t xid = seen->xid[i % LH_SEEN_MAX];

		if (!before(xid, s->xmin) && !lh_xids_see(s, xid))
			return true;
	}
	return false;
}

/* ---- the window ---- */

/* A transaction's events of one key. */
typedef struct Touch
{
	struct Touch *next;
	uint32_t xid;
	bool complete; /* one of them had the whole row */
} Touch;

typedef struct Key
{
	uint64_t hash;
	const uint8_t *bytes; /* NULL: free */
	size_t len;
	uint8_t format;
	Touch *touches; /* the last first */
} Key;

struct LhWindow
{
	size_t max_bytes;
	size_t max_batch;
	LhArena *keep; /* relids; rows and keys until the end */
	LhFrameReader reader;
	LhArena *reading; /* of the reader */
	int nrelids;
	uint32_t *relids;
	int nkeys;
	bool open;
	bool is_void;
	bool truncated;
	uint64_t seen_at_low;
	Key *keys; /* open addressing */
	size_t key_n, key_capacity, key_bytes;
	LhHeldRow *rows;
	size_t row_n, row_capacity, row_bytes;
};

LhStatus
lh_window_create(LhCtx *ctx, size_t max_bytes, size_t max_batch, LhWindow **out)
{
	LhWindow *w;

	LH_NEW(ctx, w);
	w->max_bytes = max_bytes;
	w->max_batch = max_batch;
	w->keep = lh_arena_child(ctx->arena);
	w->reading = lh_arena_child(ctx->arena);
	if (w->keep == NULL || w->reading == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	*out = w;
	return LH_OK;
}

void
lh_window_end(LhWindow *w)
{
	lh_arena_reset(w->keep);
	w->nrelids = 0;
	w->open = w->is_void = w->truncated = false;
	w->keys = NULL;
	w->rows = NULL;
	w->key_n = w->key_capacity = w->key_bytes = 0;
	w->row_n = w->row_capacity = w->row_bytes = 0;
}

LhStatus
lh_window_begin(LhCtx *ctx, LhWindow *w, int nrelids, const uint32_t *relids, int nkeys)
{
	LhArena *old;

	lh_window_end(w);
	old = lh_use(ctx, w->keep);
	w->relids = lh_memdup(ctx, relids, (size_t) nrelids * sizeof(*relids));
	lh_use(ctx, old);
	if (w->relids == NULL)
		return ctx->error->code;
	w->nrelids = nrelids;
	w->nkeys = nkeys;
	return LH_OK;
}

void
lh_window_low(LhWindow *w, const LhSeen *seen)
{
	w->open = true;
	w->seen_at_low = seen->n;
}

/* The frame is of the relation. */
static bool
is_of(const LhWindow *w, const LhFrame *f)
{
	for (int i = 0; i < w->nrelids; i++)
	{
		if (w->relids[i] == f->relid)
			return true;
	}
	return false;
}

/* ---- keys ---- */

/* The key's place, or the free one where it belongs. */
static Key *
place_of(Key *keys, size_t capacity, uint64_t hash, uint8_t format, LhSlice bytes)
{
	size_t i = (size_t) hash & (capacity - 1);

	while (keys[i].bytes != NULL &&
		   (keys[i].hash != hash || keys[i].format != format || keys[i].len != bytes.len ||
			memcmp(keys[i].bytes, bytes.data, bytes.len) != 0))
		i = (i + 1) & (capacity - 1);
	return &keys[i];
}

static uint64_t
hash_of(uint8_t format, LhSlice bytes)
{
	return lh_hash_bytes(bytes.data, bytes.len, format);
}

static LhStatus
grow_keys(LhCtx *ctx, LhWindow *w)
{
	size_t capacity = w->key_capacity == 0 ? START_KEYS : w->key_capacity * 2;
	Key *more;

	LH_NEW_ARRAY(ctx, more, capacity);
	for (size_t i = 0; i < w->key_capacity; i++)
	{
		const Key *k = &w->keys[i];

		if (k->bytes != NULL)
			*place_of(more, capacity, k->hash, k->format,
					  (LhSlice){.data = k->bytes, .len = k->len}) = *k;
	}
	w->keys = more;
	w->key_capacity = capacity;
	return LH_OK;
}

/* In w->keep. */
static LhStatus
add_touch(LhCtx *ctx, LhWindow *w, Key *k, uint32_t xid, bool complete)
{
	Touch *t;

	/* a transaction's events stand together */
	if (k->touches != NULL && k->touches->xid == xid)
	{
		k->touches->complete = k->touches->complete || complete;
		return LH_OK;
	}
	LH_NEW(ctx, t);
	t->next = k->touches;
	t->xid = xid;
	t->complete = complete;
	k->touches = t;
	w->key_bytes += sizeof(*t) + 16;
	return LH_OK;
}

static LhStatus
add_key(LhCtx *ctx, LhWindow *w, const LhFrameMessage *m, uint32_t xid, bool complete)
{
	uint64_t hash = hash_of(m->format, m->key);
	Key *k;

	if (w->key_n * 2 >= w->key_capacity)
		LH_TRY(grow_keys(ctx, w));
	k = place_of(w->keys, w->key_capacity, hash, m->format, m->key);
	if (k->bytes == NULL)
	{
		uint8_t *bytes;

		LH_ALLOC(ctx, bytes, m->key.len + 1);
		memcpy(bytes, m->key.data, m->key.len);
		*k = (Key){.hash = hash, .bytes = bytes, .len = m->key.len, .format = m->format};
		w->key_n++;
		w->key_bytes += m->key.len + KEY_COST;
	}
	return add_touch(ctx, w, k, xid, complete);
}

static LhStatus
collect(LhCtx *ctx, LhWindow *w, const LhFrame *f)
{
	/* an old key is gone with the event, the new one's row comes from a second pass: incremental.c */
	bool complete = (f->flags & LH_FRAME_INCOMPLETE) == 0 || (f->flags & LH_FRAME_KEY_CHANGED) != 0;
	bool any = false;
	size_t at = 0;

	for (int i = 0; i < f->nmessages; i++)
	{
		LhFrameMessage m;

		LH_TRY(lh_frame_message(ctx, f->body, &at, &m));
		if (m.format >= LH_MESSAGE_SPECIAL || !m.has_key)
			continue;
		any = true;
		LH_TRY(add_key(ctx, w, &m, f->pos.xid, complete));
	}
	if (!any || w->key_bytes > w->max_bytes)
		w->is_void = true;
	return LH_OK;
}

LhStatus
lh_window_event(LhCtx *ctx, LhWindow *w, const LhFrame *f)
{
	LhArena *old;
	LhStatus status;

	if (!w->open || w->is_void || !is_of(w, f))
		return LH_OK;
	if (f->kind == LH_CHANGE_TRUNCATE)
	{
		w->truncated = true;
		return LH_OK;
	}
	if (f->kind == LH_CHANGE_QUARANTINE)
	{
		w->is_void = true;
		return LH_OK;
	}
	old = lh_use(ctx, w->keep);
	status = collect(ctx, w, f);
	lh_use(ctx, old);
	return status;
}

/* ---- rows ---- */

static LhStatus
grow_rows(LhCtx *ctx, LhWindow *w)
{
	size_t capacity = w->row_capacity == 0 ? START_ROWS : w->row_capacity * 2;
	LhHeldRow *more;

	LH_NEW_ARRAY(ctx, more, capacity);
	if (w->row_n > 0)
		memcpy(more, w->rows, w->row_n * sizeof(*more));
	w->rows = more;
	w->row_capacity = capacity;
	return LH_OK;
}

/* In w->keep. */
static LhStatus
hold(LhCtx *ctx, LhWindow *w, LhSlice batch, const LhSlice *keys)
{
	LhHeldRow *row;
	uint8_t *bytes;

	if (w->row_n == w->row_capacity)
		LH_TRY(grow_rows(ctx, w));
	row = &w->rows[w->row_n];
	memset(row, 0, sizeof(*row));
	LH_ALLOC(ctx, bytes, batch.len + 1);
	memcpy(bytes, batch.data, batch.len);
	row->batch = lh_slice(bytes, batch.len);
	LH_NEW_ARRAY(ctx, row->keys, w->nkeys + 1);
	for (int i = 0; i < w->nkeys; i++)
	{
		const char *key = lh_strndup(ctx, (const char *) keys[i].data, keys[i].len);

		if (key == NULL)
			return ctx->error->code;
		row->keys[i] = lh_slice(key, keys[i].len);
	}
	w->row_n++;
	return LH_OK;
}

LhStatus
lh_window_hold(LhCtx *ctx, LhWindow *w, LhSlice batch, const LhSlice *keys, bool *full)
{
	size_t cost = batch.len + ROW_COST;
	LhArena *old;
	LhStatus status;

	for (int i = 0; i < w->nkeys; i++)
		cost += keys[i].len + sizeof(LhSlice);
	/* a row alone is held whatever its size: else it would never go out */
	*full = w->row_n > 0 && (cost > w->max_bytes || w->row_bytes > w->max_bytes - cost);
	if (*full)
		return LH_OK;
	old = lh_use(ctx, w->keep);
	status = hold(ctx, w, batch, keys);
	lh_use(ctx, old);
	w->row_bytes += cost;
	return status;
}

size_t
lh_window_nrows(const LhWindow *w)
{
	return w->row_n;
}

size_t
lh_window_bytes(const LhWindow *w)
{
	return w->row_bytes;
}

const LhHeldRow *
lh_window_row(const LhWindow *w, size_t i)
{
	return &w->rows[i];
}

/* ---- the decision ---- */

/* What the events of a key mean for its row. */
static LhVerdict
judge(const Key *k, const LhXidSnapshot *s)
{
	LhVerdict verdict = LH_ROW_GOES;

	for (const Touch *t = k->touches; t != NULL; t = t->next)
	{
		if (t->complete)
			return LH_ROW_DROPPED;
		if (!lh_xids_see(s, t->xid))
			verdict = LH_ROW_AGAIN;
	}
	return verdict;
}

/* The verdict of a READ frame; *keyed stays false when no format has a key. */
static LhStatus
judge_frame(LhCtx *ctx, const LhWindow *w, const LhFrame *f, const LhXidSnapshot *s,
			LhVerdict *verdict, bool *keyed)
{
	size_t at = 0;

	for (int i = 0; i < f->nmessages; i++)
	{
		LhFrameMessage m;
		const Key *k;

		LH_TRY(lh_frame_message(ctx, f->body, &at, &m));
		if (m.format >= LH_MESSAGE_SPECIAL || !m.has_key)
			continue;
		*keyed = true;
		if (w->key_n == 0)
			continue;
		k = place_of(w->keys, w->key_capacity, hash_of(m.format, m.key), m.format, m.key);
		if (k->bytes != NULL)
		{
			LhVerdict v = judge(k, s);

			if (v > *verdict)
				*verdict = v;
		}
	}
	return LH_OK;
}

static LhStatus
judge_row(LhCtx *ctx, LhWindow *w, LhHeldRow *row, const LhXidSnapshot *s, bool *keyed)
{
	LhArena *old = lh_use(ctx, w->reading);
	LhStatus status = lh_batch_open(ctx, row->batch, w->max_batch, &w->reader);

	lh_use(ctx, old);
	LH_TRY(status);
	row->verdict = w->truncated ? LH_ROW_DROPPED : LH_ROW_GOES;
	row->names = false;
	for (;;)
	{
		LhFrame f;
		bool end;

		LH_TRY(lh_batch_next(ctx, &w->reader, &f, &end));
		if (end)
			return LH_OK;
		if (f.kind == LH_CHANGE_SCHEMA)
			row->names = true;
		/* a row that cannot be encoded is told of, whatever its key is */
		if (f.kind == LH_CHANGE_QUARANTINE)
			*keyed = true;
		if (f.kind == LH_CHANGE_READ && !w->truncated)
			LH_TRY(judge_frame(ctx, w, &f, s, &row->verdict, keyed));
	}
}

static bool
is_among(const LhHeldRow *row, int nkeys, int n, const LhSlice *keys)
{
	for (int i = 0; i < n; i++, keys += nkeys)
	{
		int k = 0;

		while (k < nkeys && row->keys[k].len == keys[k].len &&
			   memcmp(row->keys[k].data, keys[k].data, keys[k].len) == 0)
			k++;
		if (k == nkeys)
			return true;
	}
	return false;
}

LhStatus
lh_window_decide(LhCtx *ctx, LhWindow *w, const LhXidSnapshot *s, const LhSeen *seen, int nexcept,
				 const LhSlice *except, LhOutcome *outcome)
{
	*outcome = LH_WINDOW_VOID;
	if (!w->open || w->is_void)
		return LH_OK;
	*outcome = LH_WINDOW_EARLY;
	if (lh_seen_before(seen, w->seen_at_low, s))
		return LH_OK;
	*outcome = LH_WINDOW_GOOD;
	for (size_t i = 0; i < w->row_n; i++)
	{
		LhHeldRow *row = &w->rows[i];
		bool keyed = w->truncated;

		LH_TRY(judge_row(ctx, w, row, s, &keyed));
		if (!keyed)
			*outcome = LH_WINDOW_KEYLESS;
		if (nexcept > 0 && is_among(row, w->nkeys, nexcept, except))
			row->verdict = LH_ROW_DROPPED;
	}
	return LH_OK;
}
