/*
 * test_sink_queue.c
 *		A sink behind a queue: order, bounds, cancellation, failures, what is durable when.
 *
 * The sink inside has a gate: while it is closed its thread stands in put.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/core.h"
#include "sink/internal.h"
#include "sink/queue.h"
#include "unit/fine.h"

#define MAX_CALLS 65536

/* The sink inside.  Its thread writes, the test reads under the lock or when it is gone. */
typedef struct Gate
{
	LhSink sink;
	pthread_mutex_t lock;
	bool open;
	int slow_us; /* of each put */
	int fail_at; /* the n-th put from 1 fails; 0: none */
	LhStatus fails;
	char calls[MAX_CALLS]; /* p, c, f in order */
	int ncalls;
	int puts;
	int flushes;
	uint64_t sum; /* of all it was given */
	LhChangePos committed;
	bool wrong_thread; /* a call in the wrong thread, or with signals that are not blocked */
	bool closed;
	LhChangePos held; /* what recover says */
	pthread_t main;
} Gate;

static LhCtx *ctx;
static Gate gates[2];

static void
set_gate(Gate *g, bool open)
{
	pthread_mutex_lock(&g->lock);
	g->open = open;
	pthread_mutex_unlock(&g->lock);
}

static int
seen(Gate *g, int *what)
{
	int n;

	pthread_mutex_lock(&g->lock);
	n = *what;
	pthread_mutex_unlock(&g->lock);
	return n;
}

static void
check_thread(Gate *g, bool helper)
{
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	if (helper != !pthread_equal(pthread_self(), g->main) ||
		(helper && (!sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGINT))))
		g->wrong_thread = true;
}

static uint64_t
mix(uint64_t h, const void *p, size_t n)
{
	return lh_hash_bytes(p, n, h) + n;
}

static uint64_t
digest(uint64_t h, const LhSinkMessage *m)
{
	const char *names[] = {m->schema, m->table, m->topic};
	uint64_t numbers[] = {m->op,
						  m->pos.commit_end,
						  m->pos.ordinal,
						  m->pos.xid,
						  (uint64_t) m->sub,
						  m->lsn,
						  (uint64_t) m->commit_time,
						  m->relid,
						  m->generation,
						  (uint64_t) m->has_key << 1 | m->tombstone};

	h = mix(h, numbers, sizeof(numbers));
	for (int i = 0; i < 3; i++)
		h = names[i] == NULL ? h * 31 + 1 : mix(h, names[i], strlen(names[i]));
	h = mix(h, m->headers.data, m->headers.len);
	h = mix(h, m->key.data, m->key.len);
	return mix(h, m->value.data, m->value.len);
}

static LhStatus
gate_recover(LhCtx *c, LhSink *sink, LhChangePos *durable, bool *known)
{
	Gate *g = (Gate *) sink;

	check_thread(g, false);
	*durable = g->held;
	*known = g->held.commit_end != 0;
	return LH_OK;
}

static void
note(Gate *g, char what)
{
	pthread_mutex_lock(&g->lock);
	if (g->ncalls < MAX_CALLS)
		g->calls[g->ncalls++] = what;
	pthread_mutex_unlock(&g->lock);
}

static LhStatus
gate_put(LhCtx *c, LhSink *sink, const LhSinkMessage *m)
{
	Gate *g = (Gate *) sink;
	bool open = false, fails;

	check_thread(g, true);
	while (!open)
	{
		pthread_mutex_lock(&g->lock);
		open = g->open;
		pthread_mutex_unlock(&g->lock);
		LH_TRY(lh_poll(c));
		if (!open)
			lh_host_wait(c, NULL, 0, 1);
	}
	if (g->slow_us > 0)
		usleep((useconds_t) g->slow_us);
	(void) lh_alloc(c, 64); /* memory of the call is that of the call */
	pthread_mutex_lock(&g->lock);
	fails = g->fails != LH_OK && g->puts + 1 >= g->fail_at;
	if (!fails)
	{
		g->puts++;
		g->sum = digest(g->sum, m);
	}
	pthread_mutex_unlock(&g->lock);
	if (fails)
	{
		lh_fail(c, g->fails, "the store said no");
		lh_detail(c, "It was put %d.", g->fail_at);
		lh_hint(c, "Ask it kindly.");
		return g->fails;
	}
	note(g, 'p');
	sink->messages++;
	sink->bytes += m->value.len;
	return LH_OK;
}

static LhStatus
gate_commit(LhCtx *c, LhSink *sink, const LhChangePos *pos)
{
	Gate *g = (Gate *) sink;

	check_thread(g, true);
	g->committed = *pos;
	note(g, 'c');
	return LH_OK;
}

static LhStatus
gate_flush(LhCtx *c, LhSink *sink)
{
	Gate *g = (Gate *) sink;

	check_thread(g, true);
	sink->durable = g->committed;
	note(g, 'f');
	pthread_mutex_lock(&g->lock);
	g->flushes++;
	pthread_mutex_unlock(&g->lock);
	return LH_OK;
}

static LhStatus
gate_close(LhCtx *c, LhSink *sink)
{
	check_thread((Gate *) sink, false);
	((Gate *) sink)->closed = true;
	return LH_OK;
}

static const LhSinkKind gate_kind = {.scheme = "gate",
									 .summary = "for tests",
									 .recover = gate_recover,
									 .put = gate_put,
									 .commit = gate_commit,
									 .flush = gate_flush,
									 .close = gate_close};

static LhStatus
open_gate(LhCtx *c, void *arg, LhSink **out)
{
	Gate *g = arg;

	check_thread(g, false);
	g->sink.kind = &gate_kind;
	*out = &g->sink;
	return LH_OK;
}

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	for (int i = 0; i < 2; i++)
	{
		memset(&gates[i], 0, sizeof(gates[i]));
		pthread_mutex_init(&gates[i].lock, NULL);
		gates[i].open = true;
		gates[i].main = pthread_self();
	}
	return ctx == NULL;
}

static int
tear_down(void **state)
{
	(void) state;
	ctx->host = NULL;
	lh_ctx_destroy(ctx);
	for (int i = 0; i < 2; i++)
	{
		assert_false(gates[i].wrong_thread);
		pthread_mutex_destroy(&gates[i].lock);
	}
	return 0;
}

/* A host that wants to stop, or opens the gate, when it was asked to wait so many times. */
typedef struct Waiter
{
	int waits;
	int stop_at;
	int open_at;
} Waiter;

static bool
interrupted(void *arg)
{
	Waiter *w = arg;

	return w->stop_at > 0 && w->waits >= w->stop_at;
}

static int
wait_fds(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	Waiter *w = arg;
	struct pollfd fd = {.fd = nfds > 0 ? fds[0].fd : -1, .events = POLLIN};
	int n;

	if (++w->waits == w->open_at)
		set_gate(&gates[0], true);
	n = poll(&fd, (nfds_t) nfds, timeout_ms < 0 || timeout_ms > 5 ? 5 : timeout_ms);
	if (nfds > 0)
		fds[0].revents = fd.revents;
	return n;
}

static const LhHost host = {.interrupted = interrupted, .wait = wait_fds};

static LhSink *
queue_of(Gate *g, size_t memory, uint64_t spool)
{
	LhSinkQueueConfig config = {.memory = memory, .spool = "/tmp", .spool_size = spool};
	LhChangePos durable;
	LhSink *q;
	bool known;

	FINE(lh_sink_queue_open(ctx, &config, open_gate, g, &q));
	FINE(q->kind->recover(ctx, q, &durable, &known));
	return q;
}

static LhStatus
put(LhSink *q, uint64_t end, uint64_t ordinal, const char *value, size_t n)
{
	LhSinkMessage m = {.op = LH_CHANGE_INSERT,
					   .pos = {end, ordinal, 7},
					   .topic = "t",
					   .value = lh_slice(value, n)};

	return q->kind->put(ctx, q, &m);
}

static LhStatus
commit(LhSink *q, uint64_t end)
{
	LhChangePos pos = {end, 99, 7};

	return q->kind->commit(ctx, q, &pos);
}

/* Until the queue has it durable, by poll alone. */
static void
wait_durable(LhSink *q, uint64_t end)
{
	for (int i = 0; i < 6000 && q->durable.commit_end < end; i++)
	{
		struct pollfd fd = {.fd = q->kind->async->event(q), .events = POLLIN};

		poll(&fd, 1, 10);
		FINE(q->kind->async->poll(ctx, q));
	}
	assert_int_equal(q->durable.commit_end, end);
}

static void
calls_are_made_in_order(void **state)
{
	LhSink *q;

	(void) state;
	set_gate(&gates[0], false);
	q = queue_of(&gates[0], 1 << 20, 0);
	assert_string_equal(q->kind->scheme, "gate");
	for (uint64_t t = 1; t <= 3; t++)
	{
		FINE(put(q, t, 1, "a", 1));
		FINE(put(q, t, 2, "b", 1));
		FINE(commit(q, t));
		FINE(q->kind->flush(ctx, q));
	}
	assert_int_equal(q->durable.commit_end, 0);
	set_gate(&gates[0], true);
	FINE(q->kind->async->settle(ctx, q));
	assert_int_equal(q->durable.commit_end, 3);
	assert_int_equal(q->durable.ordinal, 99);
	assert_int_equal(q->messages, 6);
	assert_int_equal(q->bytes, 6);
	FINE(q->kind->close(ctx, q));
	assert_string_equal(gates[0].calls, "ppcfppcfppcf");
	assert_true(gates[0].closed);
}

/* One that stands still does not keep another from its work. */
static void
a_slow_sink_stalls_no_other(void **state)
{
	Waiter w = {.stop_at = 3000}; /* rather than for ever */
	LhSink *slow, *fast;
	char value[1000];

	(void) state;
	ctx->host = &host;
	ctx->host_arg = &w;
	memset(value, 'v', sizeof(value));
	set_gate(&gates[0], false);
	slow = queue_of(&gates[0], 64 << 10, 16 << 20);
	fast = queue_of(&gates[1], 64 << 10, 0);
	for (uint64_t i = 1; i <= 5000; i++)
	{
		FINE(put(slow, i, 1, value, sizeof(value)));
		FINE(put(fast, i, 1, value, sizeof(value)));
		FINE(commit(slow, i));
		FINE(commit(fast, i));
	}
	FINE(slow->kind->flush(ctx, slow));
	FINE(fast->kind->flush(ctx, fast));
	wait_durable(fast, 5000);
	FINE(slow->kind->async->poll(ctx, slow));
	assert_int_equal(slow->durable.commit_end, 0);
	assert_int_equal(seen(&gates[0], &gates[0].puts), 0);
	set_gate(&gates[0], true);
	FINE(slow->kind->async->settle(ctx, slow));
	assert_int_equal(slow->durable.commit_end, 5000);
	FINE(slow->kind->close(ctx, slow));
	FINE(fast->kind->close(ctx, fast));
	assert_true(gates[0].sum == gates[1].sum && gates[0].puts == 5000);
}

/* Any message through memory and spool, many times around the ring. */
static void
everything_arrives_as_it_was_put(void **state)
{
	static char bytes[100000];
	uint64_t sum = 0, most = 0, most_spooled = 0;
	LhSink *q;

	(void) state;
	srand(4711);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char) rand();
	gates[0].slow_us = 20;
	q = queue_of(&gates[0], 64 << 10, 600 << 10);
	for (uint64_t i = 1; i <= 6000; i++)
	{
		uint64_t memory, spooled;
		size_t n = (size_t) (rand() % 100 == 0 ? rand() % 100000 : rand() % 3000);
		LhSinkMessage m = {.op = LH_CHANGE_UPDATE,
						   .pos = {i / 10, i % 10, (uint32_t) rand()},
						   .sub = rand() % 5,
						   .lsn = i * 17,
						   .commit_time = -(int64_t) i,
						   .relid = (uint32_t) rand(),
						   .generation = (uint32_t) i,
						   .schema = rand() % 3 != 0 ? "public" : NULL,
						   .table = rand() % 3 != 0 ? "" : NULL,
						   .topic = "a topic",
						   .has_key = rand() % 2 != 0,
						   .tombstone = rand() % 5 == 0};

		if (rand() % 4 == 0)
			m.headers = lh_slice(bytes + rand() % 500, (size_t) (rand() % 70));
		if (m.has_key)
			m.key = lh_slice(bytes + rand() % 1000, (size_t) (rand() % 50));
		if (!m.tombstone)
			m.value = lh_slice(bytes, n);
		sum = digest(sum, &m);
		FINE(q->kind->put(ctx, q, &m));
		if (i % 10 == 9)
			FINE(q->kind->commit(ctx, q, &m.pos));
		if (i % 100 == 99)
			FINE(q->kind->flush(ctx, q));
		q->kind->async->backlog(q, &memory, &spooled);
		most = memory > most ? memory : most;
		most_spooled = spooled > most_spooled ? spooled : most_spooled;
	}
	FINE(q->kind->async->settle(ctx, q));
	FINE(q->kind->close(ctx, q));
	assert_int_equal(gates[0].puts, 6000);
	assert_true(gates[0].sum == sum);
	/* the limit, the block being filled and one being read, each perhaps one large message */
	assert_true(most <= (64 << 10) + 2 * 101000);
	assert_true(most_spooled > 300 << 10 && most_spooled <= 600 << 10);
}

/* Larger than memory and spool together: alone, when all before it is gone. */
static void
a_message_larger_than_the_queue_passes(void **state)
{
	size_t n = 3 << 20;
	char *big = calloc(1, n);
	LhSink *q;

	(void) state;
	q = queue_of(&gates[0], 64 << 10, 256 << 10);
	for (uint64_t i = 1; i <= 3; i++)
	{
		FINE(put(q, i, 1, "small", 5));
		FINE(put(q, i, 2, big, n));
	}
	FINE(commit(q, 3));
	FINE(q->kind->async->settle(ctx, q));
	FINE(q->kind->close(ctx, q));
	assert_int_equal(gates[0].puts, 6);
	assert_int_equal(gates[0].sink.bytes, 3 * (n + 5));
	free(big);
}

static LhStatus
fill(LhSink *q, int n)
{
	static char value[10000];

	for (int i = 1; i <= n; i++)
		LH_TRY(put(q, (uint64_t) i, 1, value, sizeof(value)));
	return LH_OK;
}

static void
a_full_queue_waits_for_room(void **state)
{
	Waiter w = {.open_at = 3};
	uint64_t memory, spooled;
	LhSink *q;

	(void) state;
	set_gate(&gates[0], false);
	q = queue_of(&gates[0], 128 << 10, 128 << 10);
	ctx->host = &host;
	ctx->host_arg = &w;
	FINE(fill(q, 20));
	assert_int_equal(w.waits, 0);
	q->kind->async->backlog(q, &memory, &spooled);
	assert_true(spooled > 0);
	FINE(fill(q, 200));
	assert_true(w.waits >= 3);
	FINE(q->kind->async->settle(ctx, q));
	ctx->host = NULL;
	FINE(q->kind->close(ctx, q));
	assert_int_equal(gates[0].puts, 220);
}

static void
who_waits_can_be_cancelled(void **state)
{
	Waiter w = {.stop_at = 3};
	LhChangePos durable;
	LhSink *q;
	bool known;

	(void) state;
	set_gate(&gates[0], false);
	q = queue_of(&gates[0], 64 << 10, 64 << 10);
	ctx->host = &host;
	ctx->host_arg = &w;
	assert_int_equal(fill(q, 1000), LH_CANCELLED);
	assert_int_equal(w.waits, 3);
	/* a block was lost with it: nothing goes on behind the hole */
	w.stop_at = 0;
	assert_int_equal(put(q, 2000, 1, "x", 1), LH_CANCELLED);
	assert_int_equal(q->kind->async->settle(ctx, q), LH_CANCELLED);
	assert_int_equal(gates[0].puts, 0);
	FINE(q->kind->recover(ctx, q, &durable, &known));
	set_gate(&gates[0], true);
	FINE(put(q, 2000, 1, "x", 1));
	FINE(commit(q, 2000));
	FINE(q->kind->async->settle(ctx, q));
	assert_int_equal(q->durable.commit_end, 2000);
	/* what waited then is gone: it comes again, from the position that recover told */
	assert_int_equal(gates[0].puts, 1);
	/* and so can a flush that is waited for */
	set_gate(&gates[0], false);
	FINE(put(q, 2001, 1, "x", 1));
	w = (Waiter){.stop_at = 2};
	assert_int_equal(q->kind->async->settle(ctx, q), LH_CANCELLED);
	ctx->host = NULL;
	FINE(q->kind->close(ctx, q));
}

/* flush returns at once; what it made durable is seen by poll, and told by the descriptor. */
static void
durable_moves_later(void **state)
{
	LhSink *q;
	struct pollfd fd;

	(void) state;
	set_gate(&gates[0], false);
	q = queue_of(&gates[0], 1 << 20, 0);
	fd = (struct pollfd){.fd = q->kind->async->event(q), .events = POLLIN};
	FINE(put(q, 16, 1, "x", 1));
	FINE(commit(q, 16));
	for (int i = 0; i < 1000; i++)
		FINE(q->kind->flush(ctx, q));
	assert_int_equal(q->durable.commit_end, 0);
	assert_int_equal(poll(&fd, 1, 0), 0);
	set_gate(&gates[0], true);
	assert_int_equal(poll(&fd, 1, 10000), 1);
	wait_durable(q, 16);
	assert_int_equal(poll(&fd, 1, 100), 0);
	/* refresh sees it, too, and leaves the news to who polls */
	FINE(put(q, 32, 1, "x", 1));
	FINE(commit(q, 32));
	FINE(q->kind->flush(ctx, q));
	for (int i = 0; i < 30000 && q->durable.commit_end != 32; i++)
	{
		usleep(1000);
		q->kind->async->refresh(q);
	}
	assert_int_equal(q->durable.commit_end, 32);
	assert_int_equal(poll(&fd, 1, 0), 1);
	FINE(q->kind->close(ctx, q));
	/* a thousand flushes of the same were one */
	assert_string_equal(gates[0].calls, "pcfpcf");
}

static void
is_refused(LhStatus status, LhStatus expected)
{
	assert_int_equal(status, expected);
	assert_int_equal(ctx->error->code, expected);
	assert_string_equal(ctx->error->message, "the store said no");
	assert_string_equal(ctx->error->detail, "It was put 2.");
	assert_string_equal(ctx->error->hint, "Ask it kindly.");
	lh_error_clear(ctx);
}

/* What failed in the thread is what every call says from then on, until recover. */
static void
a_failure_is_told_whole(void **state)
{
	static const LhStatus codes[] = {LH_IO, LH_SINK_RESTART, LH_DENIED};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		LhChangePos durable;
		LhStatus status = LH_OK;
		LhSink *q;
		bool known;

		gates[0].fails = codes[i];
		gates[0].fail_at = 2;
		gates[0].puts = gates[0].ncalls = 0;
		memset(gates[0].calls, 0, sizeof(gates[0].calls));
		q = queue_of(&gates[0], 1 << 20, 0);
		for (uint64_t t = 1; t <= 5; t++)
		{
			if (status == LH_OK)
				status = put(q, t, 1, "x", 1);
			if (status == LH_OK)
				status = commit(q, t);
		}
		if (status == LH_OK)
			status = q->kind->async->settle(ctx, q);
		is_refused(status, codes[i]);
		is_refused(put(q, 9, 1, "x", 1), codes[i]);
		is_refused(commit(q, 9), codes[i]);
		is_refused(q->kind->flush(ctx, q), codes[i]);
		is_refused(q->kind->async->poll(ctx, q), codes[i]);
		is_refused(q->kind->async->settle(ctx, q), codes[i]);
		assert_string_equal(gates[0].calls, "pc");
		gates[0].fails = LH_OK;
		gates[0].held = (LhChangePos){1, 99, 7};
		FINE(q->kind->recover(ctx, q, &durable, &known));
		assert_true(known && durable.commit_end == 1 && q->durable.commit_end == 1);
		FINE(put(q, 2, 1, "x", 1));
		FINE(commit(q, 2));
		FINE(q->kind->async->settle(ctx, q));
		assert_int_equal(q->durable.commit_end, 2);
		FINE(q->kind->close(ctx, q));
		/* nothing of what waited when it failed was put */
		assert_string_equal(gates[0].calls, "pcpcf");
	}
}

/* A failure wakes who waits for room, and who polls the descriptor. */
static void
a_failure_wakes_who_waits(void **state)
{
	struct pollfd fd;
	Waiter w = {.open_at = 2};
	LhSink *q;

	(void) state;
	set_gate(&gates[0], false);
	gates[0].fails = LH_IO;
	gates[0].fail_at = 1;
	q = queue_of(&gates[0], 64 << 10, 0);
	ctx->host = &host;
	ctx->host_arg = &w;
	assert_int_equal(fill(q, 1000), LH_IO);
	ctx->host = NULL;
	assert_string_equal(ctx->error->message, "the store said no");
	FINE(q->kind->close(ctx, q));
	q = queue_of(&gates[0], 64 << 10, 0);
	fd = (struct pollfd){.fd = q->kind->async->event(q), .events = POLLIN};
	FINE(put(q, 1, 1, "x", 1));
	FINE(commit(q, 1));
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_int_equal(q->kind->async->poll(ctx, q), LH_IO);
	FINE(q->kind->close(ctx, q));
}

/* Neither close nor the arena's end waits for a sink that stands still. */
static void
an_end_does_not_wait(void **state)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhSink *q;

	(void) state;
	set_gate(&gates[0], false);
	set_gate(&gates[1], false);
	q = queue_of(&gates[0], 64 << 10, 1 << 20);
	FINE(fill(q, 50));
	FINE(q->kind->close(ctx, q));
	assert_true(gates[0].closed);
	assert_int_equal(gates[0].puts, 0);
	old = lh_use(ctx, arena);
	q = queue_of(&gates[1], 64 << 10, 1 << 20);
	FINE(fill(q, 50));
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	assert_int_equal(gates[1].puts, 0);
	/* one whose thread waits for something to do */
	arena = lh_arena_child(ctx->arena);
	old = lh_use(ctx, arena);
	q = queue_of(&gates[1], 64 << 10, 1 << 20);
	usleep(20000);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
}

/* A disk without room is a full queue, no failure. */
static void
a_full_disk_is_a_full_queue(void **state)
{
	struct rlimit old, small;
	Waiter w = {.open_at = 3};
	LhSink *q;

	(void) state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 100 << 10;
	set_gate(&gates[0], false);
	q = queue_of(&gates[0], 64 << 10, 10 << 20);
	ctx->host = &host;
	ctx->host_arg = &w;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	FINE(fill(q, 300));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(w.waits >= 3);
	FINE(q->kind->async->settle(ctx, q));
	ctx->host = NULL;
	FINE(q->kind->close(ctx, q));
	assert_int_equal(gates[0].puts, 300);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_are_made_in_order),
		TEST(a_slow_sink_stalls_no_other),
		TEST(everything_arrives_as_it_was_put),
		TEST(a_message_larger_than_the_queue_passes),
		TEST(a_full_queue_waits_for_room),
		TEST(who_waits_can_be_cancelled),
		TEST(durable_moves_later),
		TEST(a_failure_is_told_whole),
		TEST(a_failure_wakes_who_waits),
		TEST(an_end_does_not_wait),
		TEST(a_full_disk_is_a_full_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
