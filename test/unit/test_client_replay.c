/*
 * test_client_replay.c
 *		Transactions that are told before their commit reach sinks as those that come
 *		whole do: random histories through a server that is made here, against a list of
 *		what has to come; crashes, lost connections and other blocks each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "change/frame.h"
#include "change/text.h"
#include "client/deliver.h"

#define MAX_TXNS    24
#define MAX_CHANGES 40
#define MAX_SUBS    8
#define MAX_MOMENTS 2000
#define MAX_ENTRIES 4096
#define RELATIONS   3
#define PADDING     3000

#define FINE(call)                                                    \
	do                                                                \
	{                                                                 \
		if ((call) != LH_OK)                                          \
			fail_msg("seed %u: %s", m->seed, m->ctx->error->message); \
	} while (0)

/* ---- what happened on the server ---- */

typedef struct Change
{
	int sub;      /* 0: the top transaction */
	int relation; /* RELATIONS - 1: one that each transaction makes for itself */
	bool wanted;  /* else it is counted, and no more */
	bool signal;  /* a mark for the client itself */
	bool gone;    /* its sub-transaction was rolled back */
	int value;
} Change;

typedef enum Fate
{
	COMMITS,
	ROLLS_BACK,
	IS_PREPARED_AND_COMMITS,
	IS_PREPARED_AND_ROLLS_BACK,
	STAYS_PREPARED,
	STAYS_OPEN
} Fate;

typedef struct Txn
{
	uint32_t xid;
	Fate fate;
	int nchanges;
	Change changes[MAX_CHANGES];
	int nsubs;
	int parent[MAX_SUBS + 1];
	bool aborted[MAX_SUBS + 1];
	int at;     /* the sub-transaction that it is in */
	int commit; /* moment; 0: none */
	int prepare;
} Txn;

typedef enum Act
{
	CHANGES,
	SUB_ABORTS,
	PREPARES,
	ENDS
} Act;

typedef struct Moment
{
	Act act;
	int txn;
	int what; /* change or sub-transaction */
} Moment;

typedef struct Entry
{
	LhChangePos pos;
	int sub;
	char text[40];
} Entry;

typedef struct Recorder
{
	LhSink sink;
	int n;
	Entry entries[MAX_ENTRIES];
	LhChangePos last, durable;
	bool known;
} Recorder;

/* What a connection's server keeps of a transaction. */
typedef struct Sent
{
	bool streams;  /* in this connection, if it is long enough */
	bool begun;    /* a block went out */
	bool prepared; /* was told */
	int upto;      /* changes handed to the plugin, or left out as they were rolled back before */
	uint64_t number;
	uint64_t numbers[MAX_CHANGES]; /* 0: was not handed out */
	bool back[MAX_CHANGES];        /* said to be taken back */
	bool aborted[MAX_SUBS + 1];
	uint32_t generation[RELATIONS];
	int told[RELATIONS]; /* sub-transaction + 1 of the announcement; 0: none */
} Sent;

typedef struct Made
{
	unsigned seed;
	uint64_t random;
	LhCtx *ctx;
	LhChangeOut out;
	LhBuf packed;
	int waiting; /* frames of the batch */
	LhArena *arena;
	LhDelivery *d;
	LhDeliverySink sinks[2];
	Recorder recorders[2];
	LhUnfinishedConfig unfinished;
	int ntxns, nmoments;
	Txn txns[MAX_TXNS];
	Moment moments[MAX_MOMENTS];
	int nwant;
	Entry want[MAX_ENTRIES];
	/* of the connection */
	Sent sent[MAX_TXNS];
	uint32_t generation[RELATIONS];
	int named[RELATIONS]; /* transaction + 1 that the stream's last announcement was made in */
	uint64_t confirmed;
	int signals, crashes, replays, spooled;
	bool unclamped; /* as a client that forgets prepared transactions would do */
} Made;

static uint32_t
below(Made *m, uint32_t n)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (uint32_t) (m->random >> 20) % n;
}

#define LSN(moment) ((uint64_t) (moment) *16)
#define END(moment) (LSN(moment) + 8)

/* ---- a history ---- */

static bool
descends(const Txn *t, int sub, int from)
{
	for (; sub != 0; sub = t->parent[sub])
	{
		if (sub == from)
			return true;
	}
	return false;
}

static void
add_moment(Made *m, Act act, int txn, int what)
{
	assert_true(m->nmoments < MAX_MOMENTS);
	m->moments[m->nmoments++] = (Moment){act, txn, what};
}

/* Something more of a transaction; false: it is at its end. */
static bool
live_on(Made *m, int i, int *left)
{
	Txn *t = &m->txns[i];
	uint32_t choice = below(m, 12);
	int sub;

	if (*left == 0)
	{
		if (t->fate == STAYS_OPEN)
			return false;
		if (t->fate >= IS_PREPARED_AND_COMMITS && t->fate <= STAYS_PREPARED && t->prepare == 0)
		{
			t->prepare = m->nmoments;
			add_moment(m, PREPARES, i, 0);
			return t->fate != STAYS_PREPARED;
		}
		/* decided some time later */
		if (t->prepare != 0 && below(m, 4) != 0)
			return true;
		t->commit = m->nmoments;
		add_moment(m, ENDS, i, 0);
		return false;
	}
	--*left;
	if (choice == 0 && t->nsubs < MAX_SUBS)
	{
		t->parent[++t->nsubs] = t->at;
		t->at = t->nsubs;
		return true;
	}
	sub = t->at;
	if (choice == 1 && sub != 0)
	{
		/* released: it goes with the one around it, if that does */
		t->at = t->parent[sub];
		return true;
	}
	if (choice == 2 && sub != 0)
	{
		/* or one around it is rolled back, and it with that */
		while (t->parent[sub] != 0 && below(m, 2) == 0)
			sub = t->parent[sub];
		t->at = t->parent[sub];
		for (int k = 1; k <= t->nsubs; k++)
		{
			if (descends(t, k, sub))
				t->aborted[k] = true;
		}
		for (int k = 0; k < t->nchanges; k++)
			t->changes[k].gone = t->changes[k].gone || t->aborted[t->changes[k].sub];
		add_moment(m, SUB_ABORTS, i, sub);
		return true;
	}
	t->changes[t->nchanges] = (Change){.sub = sub,
									   .relation = (int) below(m, RELATIONS),
									   .wanted = below(m, 5) != 0,
									   .signal = below(m, 15) == 0,
									   .value = i * 1000 + t->nchanges};
	add_moment(m, CHANGES, i, t->nchanges++);
	return true;
}

static void
make_history(Made *m)
{
	int left[MAX_TXNS], alive = 0;
	bool over[MAX_TXNS] = {false};

	m->nmoments = 1;
	m->ntxns = 3 + (int) below(m, MAX_TXNS - 3);
	for (int i = 0; i < m->ntxns; i++)
	{
		uint32_t fate = below(m, 12);

		m->txns[i] = (Txn){.xid = 700 + (uint32_t) i,
						   .fate = fate < 6    ? COMMITS
								   : fate == 6 ? ROLLS_BACK
								   : fate < 9  ? IS_PREPARED_AND_COMMITS
								   : fate < 10 ? IS_PREPARED_AND_ROLLS_BACK
								   : fate < 11 ? STAYS_PREPARED
											   : STAYS_OPEN};
		left[i] = (int) below(m, MAX_CHANGES);
	}
	for (int begun = 0; begun < m->ntxns || alive > 0;)
	{
		int i = (int) below(m, (uint32_t) m->ntxns);

		if (i >= begun && begun < m->ntxns && alive < 5)
		{
			begun++;
			alive++;
			continue;
		}
		if (i >= begun || over[i])
			continue;
		over[i] = !live_on(m, i, &left[i]);
		alive -= over[i];
	}
}

static void
entry_text(const Made *m, int txn, const Change *c, char *text)
{
	if (c->relation == RELATIONS - 1)
		sprintf(text, "own%d:%d", m->txns[txn].xid, c->value);
	else
		sprintf(text, "t%d:%d", c->relation, c->value);
}

/* What the sinks have to hold in the end, in order. */
static void
make_wanted(Made *m)
{
	m->nwant = 0;
	for (int at = 0; at < m->nmoments; at++)
	{
		const Moment *moment = &m->moments[at];
		const Txn *t = &m->txns[moment->txn];
		uint64_t ordinal = 0;

		if (moment->act != ENDS || (t->fate != COMMITS && t->fate != IS_PREPARED_AND_COMMITS))
			continue;
		for (int k = 0; k < t->nchanges; k++)
		{
			const Change *c = &t->changes[k];

			if (c->gone)
				continue;
			ordinal++;
			if (!c->wanted || c->signal)
				continue;
			m->want[m->nwant] = (Entry){.pos = {END(at), ordinal, t->xid}};
			entry_text(m, moment->txn, c, m->want[m->nwant++].text);
		}
	}
}

/* ---- sinks ---- */

static LhStatus
rec_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *msg)
{
	Recorder *r = (Recorder *) sink;
	Entry *e = &r->entries[r->n++];

	(void) ctx;
	assert_true(r->n < MAX_ENTRIES);
	assert_int_equal(msg->commit_time, (int64_t) msg->pos.commit_end);
	e->pos = msg->pos;
	e->sub = msg->sub;
	snprintf(e->text, sizeof(e->text), "%s%.*s", msg->topic,
			 (int) strcspn((const char *) msg->value.data, " "), (const char *) msg->value.data);
	r->last = msg->pos;
	return LH_OK;
}

static LhStatus
rec_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	(void) ctx;
	((Recorder *) sink)->last = *pos;
	return LH_OK;
}

static LhStatus
rec_flush(LhCtx *ctx, LhSink *sink)
{
	Recorder *r = (Recorder *) sink;

	(void) ctx;
	r->durable = sink->durable = r->last;
	r->known = true;
	return LH_OK;
}

static const LhSinkKind recorder_kind = {
	.scheme = "recorder", .put = rec_put, .commit = rec_commit, .flush = rec_flush};

/* What was not durable is lost. */
static void
lose(Recorder *r)
{
	while (r->n > 0 && lh_change_pos_compare(&r->entries[r->n - 1].pos, &r->durable) > 0)
		r->n--;
	r->last = r->sink.durable = r->durable;
}

/* ---- frames ---- */

static LhStatus
on_signal(LhCtx *ctx, const LhFrame *f, LhSlice prefix, LhSlice content, void *arg)
{
	Made *m = arg;

	(void) ctx;
	(void) content;
	/* in the order of commits, with a position */
	assert_int_equal(prefix.len, 4);
	assert_true(f->pos.commit_end > 0 && f->pos.ordinal > 0);
	m->signals++;
	return LH_OK;
}

static void
new_delivery(Made *m)
{
	LhDeliveryConfig config = {.slot = "s",
							   .nformats = 1,
							   .max_message = 1 << 20,
							   .unfinished = &m->unfinished,
							   .signal = on_signal,
							   .arg = m};
	LhArena *old;

	lh_arena_reset(m->arena);
	old = lh_use(m->ctx, m->arena);
	FINE(lh_route_compile(m->ctx, "{table}:", true, &config.topic));
	FINE(lh_route_compile(m->ctx, "msg:", false, &config.message_topic));
	for (int i = 0; i < 2; i++)
	{
		m->sinks[i] = (LhDeliverySink){.sink = &m->recorders[i].sink, .name = "one"};
		lh_delivery_recovered(&m->sinks[i], &m->recorders[i].durable, m->recorders[i].known);
	}
	FINE(lh_delivery_create(m->ctx, &config, 2, m->sinks, &m->d));
	lh_use(m->ctx, old);
}

static void
note_confirmed(Made *m)
{
	uint64_t lsn = m->unclamped ? lh_delivery_durable(m->d) : lh_delivery_confirmed(m->d);

	assert_true(lsn >= m->confirmed);
	m->confirmed = lsn;
}

static void
maybe_flush(Made *m)
{
	if (below(m, 8) == 0)
		FINE(lh_delivery_flush(m->ctx, m->d));
	if (below(m, 8) == 0)
		m->recorders[below(m, 2)].sink.kind->flush(m->ctx, &m->recorders[below(m, 2)].sink);
	note_confirmed(m);
}

/* false: the client crashed, or lost the connection, in the middle. */
static bool
send(Made *m)
{
	LhSlice bytes;
	bool alive = true;

	FINE(lh_batch_end(m->ctx, &m->out, below(m, 4) == 0, &m->packed, &bytes));
	FINE(lh_delivery_batch(m->ctx, m->d, bytes));
	while (alive && lh_delivery_pending(m->d))
	{
		m->replays++;
		maybe_flush(m);
		alive = m->crashes == 0 || below(m, 60) != 0;
		if (alive)
			FINE(lh_delivery_step(m->ctx, m->d));
	}
	m->out.nmessages = 0;
	m->waiting = 0;
	FINE(lh_batch_begin(m->ctx, &m->out));
	return alive;
}

static const char *
relation_name(int relation, uint32_t xid, char *name)
{
	sprintf(name, relation == RELATIONS - 1 ? "own%u" : "t%d",
			relation == RELATIONS - 1 ? xid : (uint32_t) relation);
	return name;
}

static void
put_event(Made *m, LhChangeEvent *ev, const char *value)
{
	FINE(lh_frame_begin(m->ctx, &m->out, ev));
	if (ev->op == LH_CHANGE_SCHEMA)
		FINE(lh_frame_relation(m->ctx, &m->out, ev->rel));
	if (LH_CHANGE_IS_UNFINISHED(ev->op))
		FINE(lh_frame_unfinished(m->ctx, &m->out, ev));
	if (ev->op == LH_CHANGE_SIGNAL)
		FINE(lh_frame_signal(m->ctx, &m->out, "mark", lh_slice("x", 1)));
	if (value != NULL)
	{
		m->out.format = 0;
		FINE(lh_out_message(m->ctx, &m->out));
		FINE(lh_out_value(m->ctx, &m->out));
		FINE(lh_put(m->ctx, &m->out.buf, value, strlen(value)));
		FINE(lh_out_end(m->ctx, &m->out));
	}
	FINE(lh_frame_end(m->ctx, &m->out, true));
	m->waiting++;
}

/* One change, with its relation's names before it where they are needed. */
static void
put_change(Made *m, int i, const Change *c, uint64_t commit_end, uint64_t number, uint32_t sub)
{
	const Txn *t = &m->txns[i];
	Sent *s = &m->sent[i];
	bool whole = commit_end != 0;
	uint32_t *generation = whole ? m->generation : s->generation;
	LhChangeTxn txn = {
		.xid = t->xid, .commit_time = (int64_t) commit_end, .commit_end = commit_end};
	char name[16], value[16 + PADDING];
	LhChangeRel rel = {.relid = 16384 + (uint32_t) c->relation,
					   .schema = "public",
					   .name = (char *) relation_name(c->relation, t->xid, name)};
	LhChangeEvent ev = {.op = LH_CHANGE_SCHEMA,
						.pos = {commit_end, number, t->xid},
						.sub = sub,
						.txn = &txn,
						.rel = &rel};
	bool told = whole ? m->named[c->relation] != 0 &&
							(c->relation != RELATIONS - 1 || m->named[c->relation] == i + 1)
					  : s->told[c->relation] != 0;

	if (c->signal)
	{
		ev.op = LH_CHANGE_SIGNAL;
		ev.rel = NULL;
		put_event(m, &ev, NULL);
		return;
	}
	if (!told)
	{
		rel.generation = ++generation[c->relation];
		put_event(m, &ev, NULL);
		if (whole)
			m->named[c->relation] = i + 1;
		else
			s->told[c->relation] = c->sub + 1;
	}
	rel.generation = generation[c->relation];
	ev.op = LH_CHANGE_INSERT;
	/* so that some have to go to files */
	sprintf(value, "%d %*s", c->value, (int) below(m, PADDING), "");
	put_event(m, &ev, value);
}

/* ---- the server ---- */

static void
put_end(Made *m, LhChangeOp op, int i, int at, uint64_t ordinal, uint32_t sub)
{
	const Txn *t = &m->txns[i];
	char gid[16];
	LhChangeTxn txn = {.xid = t->xid, .commit_time = (int64_t) END(at), .commit_end = END(at)};
	LhChangeEvent ev = {.op = op, .pos = {END(at), ordinal, t->xid}, .lsn = LSN(at), .txn = &txn};

	ev.sub = sub;
	if (sub != 0)
		ev.pos.commit_end = ev.pos.ordinal = 0;
	sprintf(gid, "g%u", t->xid);
	if (op >= LH_CHANGE_PREPARE && op <= LH_CHANGE_ROLLBACK_PREPARED)
		ev.gid = gid;
	put_event(m, &ev, NULL);
}

/* All that was not handed out yet, in a block. */
static void
put_block(Made *m, int i, int upto)
{
	Txn *t = &m->txns[i];
	Sent *s = &m->sent[i];
	LhChangeEvent ev = {
		.op = LH_CHANGE_STREAM_START, .pos.xid = t->xid, .sub = t->xid, .first = !s->begun};
	LhChangeTxn txn = {.xid = t->xid};
	LhChangeRange back[MAX_CHANGES];
	bool open = false;

	ev.txn = &txn;
	for (; s->upto < upto; s->upto++)
	{
		const Change *c = &t->changes[s->upto];

		/* what was rolled back before is not handed out, and has no number */
		if (s->aborted[c->sub])
			continue;
		s->numbers[s->upto] = ++s->number;
		if (!c->wanted && !c->signal)
			continue;
		if (!open)
		{
			/* numbers that went before anything was said */
			for (int k = 0; !s->begun && k < s->upto; k++)
			{
				if (s->numbers[k] != 0 && s->back[k])
					back[ev.nback++] = (LhChangeRange){s->numbers[k], s->numbers[k]};
			}
			ev.back = back;
			put_event(m, &ev, NULL);
			s->begun = open = true;
		}
		put_change(m, i, c, 0, s->number, c->sub == 0 ? t->xid : t->xid * 100 + (uint32_t) c->sub);
	}
	if (open)
	{
		ev.op = LH_CHANGE_STREAM_STOP;
		ev.nback = 0;
		put_event(m, &ev, NULL);
	}
}

static uint64_t
left_of(const Sent *s)
{
	uint64_t n = s->number;

	for (int k = 0; k < MAX_CHANGES; k++)
		n -= s->numbers[k] != 0 && s->back[k];
	return n + 1;
}

static void
abort_sub(Made *m, int i, int sub)
{
	Txn *t = &m->txns[i];
	Sent *s = &m->sent[i];

	for (int k = t->nsubs; k > 0; k--)
	{
		LhChangeTxn txn = {.xid = t->xid};
		LhChangeEvent ev = {.op = LH_CHANGE_STREAM_ABORT, .pos.xid = t->xid, .txn = &txn};
		LhChangeRange back[MAX_CHANGES];

		if (s->aborted[k] || !descends(t, k, sub))
			continue;
		s->aborted[k] = true;
		ev.sub = t->xid * 100 + (uint32_t) k;
		ev.back = back;
		for (int n = 0; n < s->upto; n++)
		{
			if (t->changes[n].sub != k || s->numbers[n] == 0)
				continue;
			s->back[n] = true;
			if (ev.nback > 0 && back[ev.nback - 1].to + 1 == s->numbers[n])
				back[ev.nback - 1].to++;
			else
				back[ev.nback++] = (LhChangeRange){s->numbers[n], s->numbers[n]};
		}
		for (int r = 0; r < RELATIONS; r++)
		{
			if (s->told[r] == k + 1)
				s->told[r] = 0;
		}
		if (s->begun && ev.nback > 0)
			put_event(m, &ev, NULL);
	}
}

static void
put_whole(Made *m, int i, int at)
{
	const Txn *t = &m->txns[i];
	uint64_t ordinal = 0;
	bool begun = false;

	for (int k = 0; k < t->nchanges; k++)
	{
		const Change *c = &t->changes[k];

		if (c->gone)
			continue;
		ordinal++;
		if (!c->wanted && !c->signal)
			continue;
		if (!begun)
			put_end(m, LH_CHANGE_BEGIN, i, at, 0, 0);
		begun = true;
		put_change(m, i, c, END(at), ordinal, 0);
	}
	if (begun)
		put_end(m, LH_CHANGE_COMMIT, i, at, ordinal + 1, 0);
}

static void
end_txn(Made *m, int i, int at)
{
	const Txn *t = &m->txns[i];
	Sent *s = &m->sent[i];
	bool commits = t->fate == COMMITS || t->fate == IS_PREPARED_AND_COMMITS;

	if (t->prepare != 0)
		put_end(m, commits ? LH_CHANGE_COMMIT_PREPARED : LH_CHANGE_ROLLBACK_PREPARED, i, at, 0, 0);
	else if (!commits)
	{
		if (s->begun)
			put_end(m, LH_CHANGE_STREAM_ABORT, i, at, 0, t->xid);
	}
	else if (!s->begun && s->number == 0)
		put_whole(m, i, at);
	else
	{
		put_block(m, i, t->nchanges);
		if (s->begun)
			put_end(m, LH_CHANGE_STREAM_COMMIT, i, at, left_of(s), 0);
	}
}

static void
act(Made *m, int at)
{
	const Moment *moment = &m->moments[at];
	const int i = moment->txn;
	switch (moment->act)
	{
		case CHANGES:
			if (m->sent[i].streams && below(m, 4) == 0)
				put_block(m, i, moment->what + 1);
			break;
		case SUB_ABORTS: abort_sub(m, i, moment->what); break;
		case PREPARES:
			put_block(m, i, m->txns[i].nchanges);
			put_end(m, LH_CHANGE_PREPARE, i, at, left_of(&m->sent[i]), 0);
			break;
		case ENDS: end_txn(m, i, at); break;
	}
}

/* What of a moment before the start is of use later: sub-transactions that are gone, and no more. */
static void
catch_up(Made *m, int at)
{
	const Moment *moment = &m->moments[at];
	Sent *s = &m->sent[moment->txn];

	if (moment->act == SUB_ABORTS)
	{
		for (int k = 1; k <= m->txns[moment->txn].nsubs; k++)
			s->aborted[k] = s->aborted[k] || descends(&m->txns[moment->txn], k, moment->what);
	}
	/* the consumer must have it */
	if (moment->act == PREPARES)
		s->prepared = true;
}

/* A connection, until the end of history (true), or it is lost. */
static bool
connect(Made *m)
{
	uint64_t from = m->confirmed;

	memset(m->sent, 0, sizeof(m->sent));
	memset(m->generation, 0, sizeof(m->generation));
	memset(m->named, 0, sizeof(m->named));
	FINE(lh_delivery_start(m->ctx, m->d, from));
	for (int i = 0; i < m->ntxns; i++)
		m->sent[i].streams = below(m, 2) == 0;
	m->out.nmessages = 0;
	m->waiting = 0;
	FINE(lh_batch_begin(m->ctx, &m->out));
	for (int at = 1; at < m->nmoments; at++)
	{
		if (LSN(at) < from)
		{
			catch_up(m, at);
			continue;
		}
		act(m, at);
		if (m->waiting > 0 && below(m, 3) == 0)
		{
			if (!send(m))
				return false;
			/* what is on its way was sent: all before this moment */
			if (below(m, 6) == 0)
				FINE(lh_delivery_idle(m->ctx, m->d, LSN(at + 1)));
		}
		maybe_flush(m);
		if (m->crashes > 0 && below(m, 150) == 0)
			return false;
	}
	return send(m);
}

static void
compare(Made *m, const Recorder *r)
{
	for (int k = 0; k < m->nwant && k < r->n; k++)
	{
		const Entry *want = &m->want[k], *got = &r->entries[k];

		if (lh_change_pos_compare(&want->pos, &got->pos) != 0 || strcmp(want->text, got->text) != 0)
			fail_msg("seed %u, event %d: %s at %llx/%llu where %s at %llx/%llu has to be", m->seed,
					 k, got->text, (unsigned long long) got->pos.commit_end,
					 (unsigned long long) got->pos.ordinal, want->text,
					 (unsigned long long) want->pos.commit_end,
					 (unsigned long long) want->pos.ordinal);
	}
	if (r->n != m->nwant)
		fail_msg("seed %u: %d events of %d", m->seed, r->n, m->nwant);
}

/* A history; crashes: so many at most, of the client or of the connection. */
static void
run(Made *m, unsigned seed, int crashes)
{
	LhUnfinishedStats stats;

	m->seed = seed;
	m->random = UINT64_C(0x9E3779B97F4A7C15) * (seed + 1);
	m->crashes = crashes;
	m->confirmed = 0;
	m->unfinished = (LhUnfinishedConfig){
		.dir = "/tmp", .memory = below(m, 2) == 0 ? 1 << 24 : 160000, .size = 1 << 30};
	for (int i = 0; i < 2; i++)
		memset(&m->recorders[i], 0, sizeof(m->recorders[i]));
	for (int i = 0; i < 2; i++)
		m->recorders[i].sink.kind = &recorder_kind;
	make_history(m);
	make_wanted(m);
	new_delivery(m);
	while (!connect(m))
	{
		m->crashes--;
		if (below(m, 2) == 0)
			continue;
		for (int i = 0; i < 2; i++)
			lose(&m->recorders[i]);
		new_delivery(m);
	}
	for (int i = 0; i < 2; i++)
		compare(m, &m->recorders[i]);
	lh_unfinished_stats(lh_delivery_kept(m->d), &stats);
	m->spooled += stats.written > 0;
}

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));

	m->ctx = lh_ctx_create();
	m->arena = lh_arena_child(m->ctx->arena);
	m->out.framed = true;
	m->out.want_key = true;
	lh_buf_init(m->ctx, &m->out.buf, false);
	lh_buf_init(m->ctx, &m->packed, false);
	lh_delivery_step_bytes = 5000;
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	Made *m = *state;

	lh_delivery_step_bytes = 1 << 20;
	lh_ctx_destroy(m->ctx);
	free(m);
	return 0;
}

static void
blocks_are_as_good_as_whole_transactions(void **state)
{
	Made *m = *state;

	for (unsigned seed = 0; seed < 600; seed++)
		run(m, seed, 0);
	/* the histories are worth it */
	print_message("%d steps, %d marks, %d with files\n", m->replays, m->signals, m->spooled);
	assert_true(m->replays > 10000 && m->signals > 1000 && m->spooled > 30);
}

static void
crashes_and_lost_connections_change_nothing(void **state)
{
	Made *m = *state;
	int crashed = 0;

	for (unsigned seed = 10000; seed < 11000; seed++)
	{
		run(m, seed, 20);
		crashed += 20 - m->crashes;
	}
	print_message("%d crashes\n", crashed);
	assert_true(crashed > 2000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(blocks_are_as_good_as_whole_transactions, setup, teardown),
		cmocka_unit_test_setup_teardown(crashes_and_lost_connections_change_nothing, setup,
										teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
