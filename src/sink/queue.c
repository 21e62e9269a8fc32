/*
 * queue.c
 *		The queue between the client's thread and a sink's.
 *
 *	1. put appends a record to the tail block.  A full block goes to the list: in
 *	   memory while there is room, else into the spool, else put waits.  While the
 *	   spool holds something, blocks go there first, as memory comes free sooner.
 *	2. The thread takes blocks from the list's head, and the tail when the list is
 *	   empty.  It is woken for full blocks, commits and flushes: before these the
 *	   sink inside makes nothing durable, and a wake-up costs more than a record.
 *	3. One mutex guards what both sides touch; it is held for the copy of a record at
 *	   most, never while anything is read, written or waited for.
 *	4. News for the client's thread go by an eventfd: durable moved, a flush was done,
 *	   there is room again for a put that waits, the sink failed.
 *
 * Order is that of one producer and one consumer over one list.
 */
#include "sink/queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/core.h"

#define BLOCK_SIZE     ((size_t) 256 << 10)
#define SMALLEST_BLOCK ((size_t) 4096)
/* News may be taken by poll in between, so who waits looks again by itself. */
#define WAIT_SLICE_MS  200

typedef enum What
{
	WHAT_PUT,
	WHAT_COMMIT,
	WHAT_FLUSH
} What;

/* What was asked of the sink; behind it schema, table, topic (with their NULs), headers, key and value. */
typedef struct Record
{
	uint64_t size; /* of all of it, a multiple of 8 */
	What what;
	uint32_t names[3];     /* lengths with NUL; 0: NULL */
	LhSinkMessage message; /* its pointers but the schemas are void; pos alone for a commit */
} Record;

typedef struct Block
{
	struct Block *next;
	size_t len;
	size_t cap;
	bool spooled;
	uint64_t at; /* in the spool */
	uint32_t crc;
	uint8_t *data; /* NULL while it is in the spool */
} Block;

typedef struct Queue
{
	LhSink sink;
	LhSinkKind kind; /* ours under the name of the sink inside */
	LhSink *inner;
	LhArena *arena; /* of the sink inside, and its thread's */
	LhArena *scratch;
	LhPool *pool;
	int event;
	size_t limit;
	size_t block_size;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* of the client's thread */
	bool running;
	bool flush_last;         /* nothing was put since the last flush */
	uint64_t flushes_wanted; /* put into the queue */
	/* guarded by lock */
	Block *first; /* list of those that are full */
	Block *last;
	Block *tail;
	Block *spare;
	size_t memory; /* of blocks that are full or being worked on */
	LhSpool spool;
	bool idle;    /* the thread waits for something to do */
	bool stop;    /* it shall end */
	bool waiting; /* the client's thread waits for room */
	uint64_t flushes_done;
	LhChangePos durable;
	uint64_t messages;
	uint64_t bytes;
	LhStatus failed;
	LhError error;
} Queue;

static void
notify(Queue *q)
{
	uint64_t one = 1;

	/* it can only fail when the counter is full: then there are news enough */
	while (write(q->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/*
 * Blocks
 */

static void
free_block(Block *b)
{
	if (b != NULL)
		free(b->data);
	free(b);
}

/* With the lock. */
static Block *
make_block(Queue *q, size_t need)
{
	size_t cap = need > q->block_size ? need : q->block_size;
	Block *b = q->spare;

	if (b != NULL && b->cap == cap)
	{
		q->spare = NULL;
		return b;
	}
	b = calloc(1, sizeof(*b));
	if (b != NULL && (b->data = malloc(cap)) == NULL)
	{
		free(b);
		b = NULL;
	}
	if (b != NULL)
		b->cap = cap;
	return b;
}

/* With the lock: a block is done with. */
static void
drop_block(Queue *q, Block *b)
{
	q->memory -= b->cap;
	if (b->spooled)
		lh_spool_release(&q->spool, b->at, b->len);
	if (q->spare == NULL && b->cap == q->block_size)
	{
		*b = (Block){.data = b->data, .cap = b->cap};
		q->spare = b;
	}
	else
		free_block(b);
	if (q->waiting)
		notify(q);
}

/* With the lock, or while there is no thread. */
static void
drop_all(Queue *q)
{
	for (Block *b; (b = q->first) != NULL;)
	{
		q->first = b->next;
		if (b->spooled)
			lh_spool_release(&q->spool, b->at, b->len);
		free_block(b);
	}
	free_block(q->tail);
	q->last = q->tail = NULL;
	q->memory = 0;
}

/*
 * The sink's thread
 */

/* With the lock: the next block, its bytes not yet read; NULL: the end. */
static Block *
take_block(Queue *q)
{
	while (!q->stop)
	{
		Block *b = q->first;

		if (b != NULL)
		{
			q->first = b->next;
			if (q->first == NULL)
				q->last = NULL;
			if (b->spooled)
				q->memory += b->cap;
			return b;
		}
		if (q->tail != NULL && q->tail->len > 0)
		{
			b = q->tail;
			q->tail = NULL;
			q->memory += b->cap;
			return b;
		}
		q->idle = true;
		pthread_cond_wait(&q->wake, &q->lock);
		q->idle = false;
	}
	return NULL;
}

static LhStatus
read_block(LhCtx *ctx, Queue *q, Block *b)
{
	if (!b->spooled)
		return LH_OK;
	b->data = malloc(b->cap);
	if (b->data == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	return lh_spool_read(ctx, &q->spool, b->at, b->data, b->len, b->crc);
}

/* What the sink has done is told, news if durable moved. */
static void
report(Queue *q, bool flushed)
{
	const LhSink *s = q->inner;
	bool news = flushed;

	pthread_mutex_lock(&q->lock);
	if (lh_change_pos_compare(&s->durable, &q->durable) != 0)
		news = true;
	q->durable = s->durable;
	q->messages = s->messages;
	q->bytes = s->bytes;
	q->flushes_done += flushed;
	pthread_mutex_unlock(&q->lock);
	if (news)
		notify(q);
}

static LhStatus
run_record(LhCtx *ctx, Queue *q, const Record *r)
{
	LhSink *s = q->inner;
	LhChangePos before = s->durable;
	LhSinkMessage m = r->message;
	const char *p = (const char *) (r + 1);
	const char **names[] = {&m.schema, &m.table, &m.topic};

	switch (r->what)
	{
		case WHAT_PUT:
			for (int i = 0; i < 3; i++)
			{
				*names[i] = r->names[i] > 0 ? p : NULL;
				p += r->names[i];
			}
			m.headers.data = (const uint8_t *) p;
			m.key.data = m.headers.data + m.headers.len;
			m.value.data = m.key.data + m.key.len;
			LH_TRY(s->kind->put(ctx, s, &m));
			break;
		case WHAT_COMMIT: LH_TRY(s->kind->commit(ctx, s, &m.pos)); break;
		case WHAT_FLUSH: LH_TRY(s->kind->flush(ctx, s)); break;
	}
	if (r->what == WHAT_FLUSH || lh_change_pos_compare(&before, &s->durable) != 0)
		report(q, r->what == WHAT_FLUSH);
	return LH_OK;
}

static LhStatus
run_block(LhCtx *ctx, Queue *q, Block *b)
{
	LH_TRY(read_block(ctx, q, b));
	for (size_t at = 0; at < b->len;)
	{
		const Record *r = (const Record *) (b->data + at);
		LhStatus status = lh_poll(ctx);

		if (status == LH_OK)
			status = run_record(ctx, q, r);
		lh_arena_reset(q->scratch);
		LH_TRY(status);
		at += r->size;
	}
	return LH_OK;
}

static LhStatus
work(LhCtx *ctx, void *arg)
{
	Queue *q = arg;
	LhStatus status = LH_OK;

	lh_use(ctx, q->scratch);
	pthread_mutex_lock(&q->lock);
	for (Block *b; status == LH_OK && (b = take_block(q)) != NULL;)
	{
		pthread_mutex_unlock(&q->lock);
		status = run_block(ctx, q, b);
		report(q, false);
		pthread_mutex_lock(&q->lock);
		drop_block(q, b);
	}
	if (status != LH_OK && !q->stop)
	{
		q->failed = status;
		q->error = *ctx->error;
	}
	pthread_mutex_unlock(&q->lock);
	lh_use(ctx, q->arena);
	notify(q);
	return status;
}

/*
 * The client's side
 */

static LhStatus
start(LhCtx *ctx, Queue *q)
{
	q->running = lh_pool_start(q->pool, 0, work, q);
	if (!q->running)
		LH_FAIL(ctx, LH_IO, "could not start a thread for the sink");
	return LH_OK;
}

/* The thread is gone when this returns; what waited is still there. */
static void
stop(void *arg)
{
	Queue *q = arg;

	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
	lh_pool_stop(q->pool);
	q->running = q->stop = false;
}

/* With the lock. */
static LhStatus
check(LhCtx *ctx, const Queue *q)
{
	if (q->failed != LH_OK)
	{
		*ctx->error = q->error;
		return q->failed;
	}
	if (!q->running)
		LH_FAIL(ctx, LH_BUG, "a sink was used before its recovery or after a failure");
	return LH_OK;
}

/* With the lock, which is free meanwhile: until there may be news. */
static LhStatus
wait_news(LhCtx *ctx, Queue *q)
{
	LhWaitFd fd = {.fd = q->event, .events = POLLIN};
	LhStatus status;
	uint64_t news;
	int n = 0;

	pthread_mutex_unlock(&q->lock);
	status = lh_poll(ctx);
	if (status == LH_OK && read(q->event, &news, sizeof(news)) < 0)
		n = lh_host_wait(ctx, &fd, 1, WAIT_SLICE_MS);
	if (n < 0 && errno != EINTR)
		status = lh_fail(ctx, LH_IO, "could not wait for a sink: %s", lh_errno_text(errno));
	pthread_mutex_lock(&q->lock);
	LH_TRY(status);
	return check(ctx, q);
}

/* With the lock: a block that is full gets into the list. */
static void
append_block(Queue *q, Block *b)
{
	b->next = NULL;
	if (q->last != NULL)
		q->last->next = b;
	else
		q->first = b;
	q->last = b;
	if (q->idle)
		pthread_cond_signal(&q->wake);
}

/* With the lock, which is free during the write.  *done false: it has no room. */
static LhStatus
spool_block(LhCtx *ctx, Queue *q, Block *b, bool *done)
{
	LhStatus status;
	bool full;

	*done = lh_spool_take(&q->spool, b->len, &b->at);
	if (!*done)
		return LH_OK;
	pthread_mutex_unlock(&q->lock);
	b->crc = lh_crc32_more(0, b->data, b->len);
	status = lh_spool_write(ctx, &q->spool, b->at, b->data, b->len, &full);
	pthread_mutex_lock(&q->lock);
	*done = status == LH_OK && !full;
	if (!*done)
	{
		lh_spool_untake(&q->spool, b->at, b->len);
		return status;
	}
	b->spooled = true;
	free(b->data);
	b->data = NULL;
	return LH_OK;
}

/* With the lock: the full tail finds its place; waits while there is none. */
static LhStatus
place_block(LhCtx *ctx, Queue *q, Block *b)
{
	LhStatus status = LH_OK;

	while (status == LH_OK)
	{
		bool fits = q->memory + b->cap <= q->limit || (q->memory == 0 && q->spool.n == 0);
		bool done = false;

		if (q->spool.n > 0 || !fits)
			status = spool_block(ctx, q, b, &done);
		if (status != LH_OK)
			break;
		/* the lock was free: is there still, or already, room? */
		fits = q->memory + b->cap <= q->limit || (q->memory == 0 && q->spool.n == 0);
		if (!done && fits)
		{
			q->memory += b->cap;
			done = true;
		}
		if (done)
		{
			append_block(q, b);
			return LH_OK;
		}
		q->waiting = true;
		status = wait_news(ctx, q);
		q->waiting = false;
	}
	/* what was put is lost with it: no later call may seem to go on from there */
	free_block(b);
	if (q->failed == LH_OK)
	{
		q->failed = status;
		q->error = *ctx->error;
	}
	return status;
}

static uint8_t *
copy(uint8_t *to, const void *from, size_t n)
{
	if (n > 0)
		memcpy(to, from, n);
	return to + n;
}

/* With the lock: room in the tail for so many bytes. */
static LhStatus
make_room(LhCtx *ctx, Queue *q, size_t size)
{
	LH_TRY(check(ctx, q));
	while (q->tail != NULL && q->tail->cap - q->tail->len < size)
	{
		Block *full = q->tail;

		q->tail = NULL;
		LH_TRY(place_block(ctx, q, full));
	}
	if (q->tail == NULL && (q->tail = make_block(q, size)) == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	return LH_OK;
}

static LhStatus
append(LhCtx *ctx, Queue *q, What what, const LhSinkMessage *m)
{
	const char *names[] = {m->schema, m->table, m->topic};
	Record r = {.size = sizeof(r), .what = what, .message = *m};
	LhStatus status;

	for (int i = 0; i < 3; i++)
	{
		r.names[i] = names[i] != NULL ? (uint32_t) strlen(names[i]) + 1 : 0;
		r.size += r.names[i];
	}
	r.size = (r.size + m->headers.len + m->key.len + m->value.len + 7) & ~(uint64_t) 7;
	r.message.schema = r.message.table = r.message.topic = NULL;
	r.message.key.data = r.message.value.data = NULL;

	pthread_mutex_lock(&q->lock);
	status = make_room(ctx, q, r.size);
	if (status == LH_OK)
	{
		uint8_t *p = q->tail->data + q->tail->len;

		p = copy(p, &r, sizeof(r));
		for (int i = 0; i < 3; i++)
			p = copy(p, names[i], r.names[i]);
		p = copy(p, m->headers.data, m->headers.len);
		p = copy(p, m->key.data, m->key.len);
		copy(p, m->value.data, m->value.len);
		q->tail->len += r.size;
		if (what != WHAT_PUT && q->idle)
			pthread_cond_signal(&q->wake);
	}
	pthread_mutex_unlock(&q->lock);
	return status;
}

static void
queue_refresh(LhSink *sink)
{
	Queue *q = (Queue *) sink;

	pthread_mutex_lock(&q->lock);
	sink->durable = q->durable;
	sink->messages = q->messages;
	sink->bytes = q->bytes;
	pthread_mutex_unlock(&q->lock);
}

static LhStatus
queue_poll(LhCtx *ctx, LhSink *sink)
{
	Queue *q = (Queue *) sink;
	LhStatus status;
	uint64_t news;

	if (read(q->event, &news, sizeof(news)) < 0 && errno != EAGAIN && errno != EINTR)
		LH_FAIL(ctx, LH_IO, "could not ask for news of a sink: %s", lh_errno_text(errno));
	queue_refresh(sink);
	pthread_mutex_lock(&q->lock);
	status = check(ctx, q);
	pthread_mutex_unlock(&q->lock);
	return status;
}

static int
queue_event(LhSink *sink)
{
	return ((Queue *) sink)->event;
}

static void
queue_backlog(LhSink *sink, uint64_t *memory, uint64_t *spooled)
{
	Queue *q = (Queue *) sink;

	pthread_mutex_lock(&q->lock);
	*memory = q->memory + (q->tail != NULL ? q->tail->len : 0);
	*spooled = q->spool.live;
	pthread_mutex_unlock(&q->lock);
}

/*
 * The vtable
 */

static LhStatus
queue_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	Queue *q = (Queue *) sink;
	LhArena *old;
	LhStatus status;

	stop(q);
	drop_all(q);
	q->failed = LH_OK;
	q->flush_last = false;
	q->flushes_wanted = q->flushes_done = 0;
	old = lh_use(ctx, q->arena);
	status = q->inner->kind->recover(ctx, q->inner, durable, known);
	lh_use(ctx, old);
	LH_TRY(status);
	q->inner->durable = q->durable = sink->durable = *durable;
	return start(ctx, q);
}

static LhStatus
queue_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	Queue *q = (Queue *) sink;

	q->flush_last = false;
	return append(ctx, q, WHAT_PUT, message);
}

static LhStatus
queue_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	Queue *q = (Queue *) sink;

	q->flush_last = false;
	return append(ctx, q, WHAT_COMMIT, &(LhSinkMessage){.pos = *pos});
}

/* One that is waited for already need not be said again, however long the sink takes. */
static LhStatus
queue_flush(LhCtx *ctx, LhSink *sink)
{
	Queue *q = (Queue *) sink;

	LH_TRY(queue_poll(ctx, sink));
	if (q->flush_last)
		return LH_OK;
	LH_TRY(append(ctx, q, WHAT_FLUSH, &(LhSinkMessage){0}));
	q->flush_last = true;
	q->flushes_wanted++;
	return LH_OK;
}

static LhStatus
queue_settle(LhCtx *ctx, LhSink *sink)
{
	Queue *q = (Queue *) sink;
	LhStatus status;

	LH_TRY(queue_flush(ctx, sink));
	pthread_mutex_lock(&q->lock);
	status = check(ctx, q);
	while (status == LH_OK && q->flushes_done < q->flushes_wanted)
		status = wait_news(ctx, q);
	pthread_mutex_unlock(&q->lock);
	queue_refresh(sink);
	return status;
}

static LhStatus
queue_close(LhCtx *ctx, LhSink *sink)
{
	Queue *q = (Queue *) sink;
	LhArena *old;
	LhStatus status;

	stop(q);
	drop_all(q);
	old = lh_use(ctx, q->arena);
	status = q->inner->kind->close(ctx, q->inner);
	lh_use(ctx, old);
	return status;
}

/*
 * Open
 */

static void
release(void *arg)
{
	Queue *q = arg;

	drop_all(q);
	free_block(q->spare);
	lh_spool_close(&q->spool);
	if (q->event >= 0)
		close(q->event);
	pthread_cond_destroy(&q->wake);
	pthread_mutex_destroy(&q->lock);
}

static const LhSinkAsync async = {
	.event = queue_event,
	.poll = queue_poll,
	.refresh = queue_refresh,
	.settle = queue_settle,
	.backlog = queue_backlog,
};

static LhStatus
make_queue(LhCtx *ctx, const LhSinkQueueConfig *config, Queue *q)
{
	q->event = -1;
	q->spool.fd = -1;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->wake, NULL);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, q));
	q->limit = config->memory;
	q->block_size = config->memory / 16 < BLOCK_SIZE ? config->memory / 16 : BLOCK_SIZE;
	if (q->block_size < SMALLEST_BLOCK)
		q->block_size = SMALLEST_BLOCK;
	q->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->event < 0)
		LH_FAIL(ctx, LH_IO, "could not make an eventfd: %s", lh_errno_text(errno));
	if (config->spool != NULL && config->spool_size > 0)
		LH_TRY(lh_spool_open(ctx, config->spool, config->spool_size, &q->spool));
	LH_TRY(lh_pool_create(ctx, 1, &q->pool));
	q->arena = lh_pool_ctx(q->pool, 0)->arena;
	/* before the pool's own release, which would wait for a thread that waits for us */
	return lh_arena_on_reset(ctx, ctx->arena, stop, q);
}

LhStatus
lh_sink_queue_open(LhCtx *ctx, const LhSinkQueueConfig *config, LhSinkOpenFn open, void *arg,
				   LhSink **out)
{
	LhArena *old;
	LhStatus status;
	Queue *q;

	LH_NEW(ctx, q);
	LH_TRY(make_queue(ctx, config, q));
	q->scratch = lh_arena_child(q->arena);
	if (q->scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, q->arena);
	status = open(ctx, arg, &q->inner);
	lh_use(ctx, old);
	LH_TRY(status);
	q->kind = (LhSinkKind){.scheme = q->inner->kind->scheme,
						   .summary = q->inner->kind->summary,
						   .recover = queue_recover,
						   .put = queue_put,
						   .commit = queue_commit,
						   .flush = queue_flush,
						   .close = queue_close,
						   .async = &async};
	q->sink.kind = &q->kind;
	*out = &q->sink;
	return LH_OK;
}
