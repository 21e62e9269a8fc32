/*
 * test_client_dead.c
 *		Delivery with sinks in threads, and with dead letters.
 *
 * The sink of these tests is one of transactions: what is put shows with the position
 * at a flush, all of it or nothing.  Some messages are poison: it refuses them at once,
 * or only when the transaction ends, along with all that is in the same batch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <poll.h>
#include <unistd.h>

#include "change/frame.h"
#include "change/text.h"
#include "client/config.h"
#include "client/deliver.h"
#include "core/core.h"
#include "sink/dead.h"
#include "sink/queue.h"
#include "unit/fine.h"

#define ROWS 400 /* of a stream, numbered from 1 */

/* What outlives the client. */
typedef struct Store
{
	int rows[ROWS * 2];
	int n;
	LhChangePos pos;
	bool known;
} Store;

typedef enum Poison
{
	HARMLESS,
	AT_ONCE, /* refused by put */
	AT_END,  /* refused by flush, with its batch */
} Poison;

typedef struct Bank
{
	LhSink sink;
	LhSinkRefusals refusals;
	int pending[ROWS * 2];
	LhChangePos where[ROWS * 2];
	int subs[ROWS * 2];
	bool alone[ROWS * 2];
	int npending;
	LhChangePos at;
	int attempts[ROWS + 1]; /* puts of each row */
} Bank;

static Store store;
static Poison poison[ROWS + 1];
static int batch;   /* of so many messages that were not sent alone */
static int kill_at; /* flushes until the client is killed; 0: never */
static bool killed;
static Bank bank;
static LhCtx *ctx;

static int
row_of(const LhSinkMessage *m)
{
	char text[16] = "";

	memcpy(text, m->value.data, m->value.len < 15 ? m->value.len : 15);
	return atoi(text);
}

static LhStatus
bank_recover(LhCtx *c, LhSink *sink, LhChangePos *durable, bool *known)
{
	Bank *b = (Bank *) sink;

	b->npending = 0;
	b->refusals.n = 0;
	b->refusals.here = false;
	b->at = *durable = sink->durable = store.pos;
	*known = store.known;
	return LH_OK;
}

static void
refuse(Bank *b, LhChangePos pos, int sub, bool here)
{
	if (b->refusals.n < LH_SINK_REFUSALS)
	{
		LhSinkRefusal *r = &b->refusals.v[b->refusals.n++];

		r->pos = pos;
		r->sub = sub;
		snprintf(r->reason, sizeof(r->reason), "it is \"poison\"");
	}
	b->refusals.here = here;
}

static LhStatus
bank_put(LhCtx *c, LhSink *sink, const LhSinkMessage *m)
{
	Bank *b = (Bank *) sink;
	int row = row_of(m);

	b->refusals.n = 0;
	b->attempts[row]++;
	if (poison[row] == AT_ONCE)
	{
		refuse(b, m->pos, m->sub, true);
		LH_FAIL(c, LH_SINK_REFUSED, "a message was refused");
	}
	b->where[b->npending] = b->at = m->pos;
	b->subs[b->npending] = m->sub;
	b->alone[b->npending] = m->suspect;
	b->pending[b->npending++] = row;
	sink->messages++;
	return LH_OK;
}

static LhStatus
bank_commit(LhCtx *c, LhSink *sink, const LhChangePos *pos)
{
	((Bank *) sink)->at = *pos;
	return LH_OK;
}

/* One poisoned message spoils its batch; one that was sent alone spoils only itself. */
static void
find_poison(Bank *b)
{
	for (int from = 0, to; from < b->npending; from = to)
	{
		bool bad = false;

		for (to = from; to < b->npending && to - from < batch; to++)
		{
			if (b->alone[to] && to > from)
				break;
			bad = bad || poison[b->pending[to]] == AT_END;
			if (b->alone[to])
			{
				to++;
				break;
			}
		}
		for (int i = from; i < to && bad; i++)
			refuse(b, b->where[i], b->subs[i], false);
	}
}

static LhStatus
bank_flush(LhCtx *c, LhSink *sink)
{
	Bank *b = (Bank *) sink;

	b->refusals.n = 0;
	find_poison(b);
	if (b->refusals.n > 0)
		LH_FAIL(c, LH_SINK_REFUSED, "a message was refused");
	if (kill_at > 0 && --kill_at == 0)
	{
		killed = true;
		LH_FAIL(c, LH_IO, "killed");
	}
	for (int i = 0; i < b->npending; i++)
		store.rows[store.n++] = b->pending[i];
	b->npending = 0;
	store.pos = sink->durable = b->at;
	store.known = true;
	return LH_OK;
}

static LhStatus
bank_close(LhCtx *c, LhSink *sink)
{
	return LH_OK;
}

static const LhSinkKind bank_kind = {.scheme = "bank",
									 .recover = bank_recover,
									 .put = bank_put,
									 .commit = bank_commit,
									 .flush = bank_flush,
									 .close = bank_close};

static LhStatus
open_bank(LhCtx *c, void *arg, LhSink **out)
{
	LhDeadConfig *dead = arg;

	memset(&bank, 0, offsetof(Bank, attempts));
	bank.sink.kind = &bank_kind;
	bank.sink.refusals = &bank.refusals;
	*out = &bank.sink;
	return dead->tries > 0 ? lh_dead_wrap(c, &bank.sink, dead, out) : LH_OK;
}

/*
 * A client: attempts until all is there, as stream.c makes them
 */

static char dir[64];
static LhChangeOut out;
static LhBuf packed;
static const LhChangeRel table = {.relid = 16384, .generation = 1, .schema = "public", .name = "t"};

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	memset(&store, 0, sizeof(store));
	memset(&bank, 0, sizeof(bank));
	memset(poison, 0, sizeof(poison));
	batch = 1;
	kill_at = 0;
	snprintf(dir, sizeof(dir), "/tmp/lakehouse_dead.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	memset(&out, 0, sizeof(out));
	out.framed = true;
	out.want_key = true;
	return lh_buf_init(ctx, &out.buf, false) != LH_OK || lh_buf_init(ctx, &packed, false) != LH_OK;
}

static int
tear_down(void **state)
{
	char command[128];

	(void) state;
	lh_ctx_destroy(ctx);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
frame(LhChangeOp op, uint64_t commit_end, uint64_t ordinal, int first, int nmessages)
{
	LhChangeEvent ev = {.op = op,
						.pos = {commit_end, ordinal, 7},
						.transactional = true,
						.rel = op >= LH_CHANGE_INSERT ? &table : NULL};

	FINE(lh_frame_begin(ctx, &out, &ev));
	if (op == LH_CHANGE_SCHEMA)
		FINE(lh_frame_relation(ctx, &out, &table));
	for (int i = 0; i < nmessages; i++)
	{
		char value[16];

		snprintf(value, sizeof(value), "%d", first + i);
		out.format = 0;
		FINE(lh_out_message(ctx, &out));
		FINE(lh_out_value(ctx, &out));
		FINE(lh_put(ctx, &out.buf, value, strlen(value)));
		FINE(lh_out_end(ctx, &out));
	}
	FINE(lh_frame_end(ctx, &out, true));
}

/* A transaction ends at 16 times its number; events of two rows each, twenty rows in it. */
static LhStatus
send_transaction(LhDelivery *d, int t)
{
	LhSlice bytes;
	uint64_t end = (uint64_t) t * 16;

	FINE(lh_batch_begin(ctx, &out));
	frame(LH_CHANGE_BEGIN, end, 0, 0, 0);
	frame(LH_CHANGE_SCHEMA, end, 1, 0, 0);
	for (int e = 0; e < 10; e++)
		frame(LH_CHANGE_INSERT, end, (uint64_t) e + 1, (t - 1) * 20 + 2 * e + 1, 2);
	frame(LH_CHANGE_COMMIT, end, 11, 0, 0);
	FINE(lh_batch_end(ctx, &out, false, &packed, &bytes));
	out.nmessages = 0;
	return lh_delivery_batch(ctx, d, bytes);
}

typedef struct Client
{
	bool queued;
	int tries;
	LhRefused *refused;
	LhDeadLetters *letters;
	LhSink *second; /* beside the bank; NULL: none */
	uint64_t confirmed;
	uint64_t letters_before;
	int attempts;
} Client;

static LhStatus
run_stream(LhDelivery *d, Client *c)
{
	for (int t = 1; t <= ROWS / 20; t++)
	{
		if ((uint64_t) t * 16 <= c->confirmed)
			continue;
		LH_TRY(send_transaction(d, t));
		if (t % 3 == 0)
			LH_TRY(lh_delivery_flush(ctx, d));
		LH_TRY(lh_delivery_poll(ctx, d));
		if (lh_delivery_confirmed(d) > c->confirmed)
			c->confirmed = lh_delivery_confirmed(d);
	}
	LH_TRY(lh_delivery_settle(ctx, d));
	c->confirmed = lh_delivery_confirmed(d);
	return LH_OK;
}

static LhStatus
attempt(Client *c)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
	LhSinkQueueConfig queue = {.memory = 64 << 10};
	LhDeadConfig dead = {.tries = c->tries, .name = "bank:", .format = "json"};
	LhDeliveryConfig config = {.slot = "s", .nformats = 1, .max_message = 1 << 20};
	LhDeliverySink sink = {.name = "bank:"};
	LhChangePos durable;
	LhDelivery *d;
	LhStatus status;
	LhError error;
	bool known;

	c->attempts++;
	if (c->tries > 0)
		FINE(lh_dead_open(ctx, lh_sprintf(ctx, "file:%s", dir), "file:", "s", &dead.letters));
	dead.refused = c->refused;
	if (c->queued)
		FINE(lh_sink_queue_open(ctx, &queue, open_bank, &dead, &sink.sink));
	else
		FINE(open_bank(ctx, &dead, &sink.sink));
	FINE(sink.sink->kind->recover(ctx, sink.sink, &durable, &known));
	lh_delivery_recovered(&sink, &durable, known);
	FINE(lh_route_compile(ctx, "{table}", true, &config.topic));
	FINE(lh_route_compile(ctx, "msg", false, &config.message_topic));
	FINE(lh_delivery_create(ctx, &config, 1, &sink, &d));
	FINE(lh_delivery_start(ctx, d, c->confirmed));
	status = run_stream(d, c);
	error = *ctx->error;
	FINE(sink.sink->kind->close(ctx, sink.sink));
	if (dead.letters != NULL)
	{
		c->letters_before += lh_dead_count(dead.letters);
		FINE(lh_dead_close(ctx, dead.letters));
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	*ctx->error = error;
	return status;
}

/* Until it is done; a killed one forgets what it had in memory. */
static LhStatus
run_client(Client *c)
{
	LhStatus status = LH_OK;

	for (int i = 0; i < 3000; i++)
	{
		if (c->refused == NULL)
			FINE(lh_refused_create(ctx, &c->refused));
		killed = false;
		status = attempt(c);
		if (killed)
			c->refused = NULL;
		if (status != LH_SINK_RESTART && !killed)
			break;
	}
	return status;
}

/* Rows that the bank has: each harmless one, once, in order, and no other. */
static void
check_store(void)
{
	int n = 0;

	for (int row = 1; row <= ROWS; row++)
	{
		if (poison[row] == HARMLESS)
		{
			if (n >= store.n || store.rows[n] != row)
				fail_msg("row %d: %d is there, of %d", row, n < store.n ? store.rows[n] : 0,
						 store.n);
			n++;
		}
	}
	assert_int_equal(store.n, n);
}

static const char *
slurp(void)
{
	char command[256], piece[4096];
	size_t n;
	LhBuf all;
	FILE *f;

	snprintf(command, sizeof(command), "cat %s/*.ndjson 2>/dev/null", dir);
	FINE(lh_buf_init(ctx, &all, false));
	f = popen(command, "r");
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		FINE(lh_buf_append(ctx, &all, piece, n));
	pclose(f);
	FINE(lh_buf_putc(ctx, &all, '\0'));
	return (const char *) all.data;
}

/* How many letters there are of each row; each is what it should be. */
static int
read_letters(int found[ROWS + 1])
{
	int n = 0;

	memset(found, 0, (ROWS + 1) * sizeof(int));
	for (const char *line = slurp(); *line != '\0'; line = strchr(line, '\n') + 1)
	{
		json_t *j = json_loadb(line, strcspn(line, "\n"), 0, NULL), *pos;
		const char *value;
		char text[64], want[256];
		int row;

		assert_non_null(j);
		pos = json_object_get(j, "position");
		sscanf(json_string_value(json_object_get(pos, "lsn")), "0/%x", &row);
		row = (row / 16 - 1) * 20 +
			  2 * (int) (json_integer_value(json_object_get(pos, "ordinal")) - 1) + 1 +
			  (int) json_integer_value(json_object_get(j, "sub"));
		assert_in_range(row, 1, ROWS);
		found[row]++;
		value = json_string_value(json_object_get(j, "value"));
		snprintf(text, sizeof(text), "%d", row);
		{
			LhBuf b;

			FINE(lh_buf_init(ctx, &b, false));
			FINE(lh_put_base64(ctx, &b, text, strlen(text), false));
			FINE(lh_buf_putc(ctx, &b, '\0'));
			assert_string_equal(value, (char *) b.data);
			snprintf(
				want, sizeof(want),
				"{\"topic\":\"t\",\"key\":null,\"value\":\"%s\",\"reason\":\"it is \\\"poison\\\"\","
				"\"position\":{\"lsn\":\"0/%X\",\"ordinal\":%d,\"xid\":7},\"sub\":%d,"
				"\"sink\":\"bank:\",\"format\":\"json\"}\n",
				(char *) b.data, ((row - 1) / 20 + 1) * 16, (row - 1) % 20 / 2 + 1, (row - 1) % 2);
		}
		assert_memory_equal(line, want, strlen(want));
		json_decref(j);
		n++;
	}
	return n;
}

static void
nothing_is_refused(void **state)
{
	(void) state;
	for (int queued = 0; queued < 2; queued++)
	{
		Client c = {.queued = queued, .tries = 3};
		int found[ROWS + 1];

		memset(&store, 0, sizeof(store));
		FINE(run_client(&c));
		check_store();
		assert_int_equal(c.attempts, 1);
		assert_int_equal(c.confirmed, ROWS / 20 * 16);
		assert_int_equal(read_letters(found), 0);
	}
}

/* Without a sink for dead letters a refusal is the end, and says what was refused. */
static void
without_letters_it_is_the_end(void **state)
{
	(void) state;
	poison[50] = AT_ONCE;
	for (int queued = 0; queued < 2; queued++)
	{
		Client c = {.queued = queued};

		memset(&store, 0, sizeof(store));
		assert_int_equal(run_client(&c), LH_SINK_REFUSED);
		assert_string_equal(ctx->error->message, "sink bank:: a message was refused");
		assert_int_equal(c.attempts, 1);
		assert_true(c.confirmed < 3 * 16);
	}
}

/* Refused at once: no restart, tried as often as asked for, the rest goes on. */
static void
refused_at_once(void **state)
{
	(void) state;
	for (int queued = 0; queued < 2; queued++)
	{
		Client c = {.queued = queued, .tries = 4};
		int found[ROWS + 1];

		tear_down(NULL);
		set_up(NULL);
		poison[1] = poison[50] = poison[51] = poison[52] = poison[ROWS] = AT_ONCE;
		FINE(run_client(&c));
		check_store();
		assert_int_equal(c.attempts, 1);
		assert_int_equal(bank.attempts[50], 4);
		assert_int_equal(bank.attempts[49], 1);
		assert_int_equal(read_letters(found), 5);
		assert_int_equal(c.letters_before, 5);
		assert_true(found[1] == 1 && found[50] == 1 && found[51] == 1 && found[ROWS] == 1);
		assert_int_equal(c.confirmed, ROWS / 20 * 16);
	}
}

/* Refused later: begun anew; those of the same batch are innocent when they are tried alone. */
static void
refused_with_its_batch(void **state)
{
	(void) state;
	for (int queued = 0; queued < 2; queued++)
	{
		Client c = {.queued = queued, .tries = 3};
		int found[ROWS + 1];

		tear_down(NULL);
		set_up(NULL);
		batch = 7;
		poison[33] = poison[34] = poison[200] = AT_END;
		/* in the same transaction: its letter is written before, and not again */
		poison[30] = AT_ONCE;
		FINE(run_client(&c));
		check_store();
		assert_int_equal(read_letters(found), 4);
		assert_true(found[30] == 1 && found[33] == 1 && found[34] == 1 && found[200] == 1);
		assert_true(c.attempts >= 4 && c.attempts <= 10);
		assert_int_equal(c.confirmed, ROWS / 20 * 16);
	}
}

/* A letter is durable before the sink that refused it hears of anything behind. */
static LhStatus
broken_put(LhCtx *c, LhSink *sink, const LhSinkMessage *m)
{
	LH_FAIL(c, LH_DENIED, "no letters today");
}

static void
no_letter_no_progress(void **state)
{
	LhDeadConfig dead = {.tries = 1, .name = "bank:", .format = "json"};
	LhSinkMessage m = {.pos = {16, 1, 7}, .value = lh_slice("5", 1)};
	LhSinkKind broken = {.put = broken_put};
	LhChangePos durable;
	LhSink *sink, *file;
	bool known;

	(void) state;
	poison[5] = AT_ONCE;
	FINE(lh_dead_open(ctx, lh_sprintf(ctx, "file:%s", dir), "file:", "s", &dead.letters));
	FINE(lh_refused_create(ctx, &dead.refused));
	FINE(open_bank(ctx, &dead, &sink));
	FINE(sink->kind->recover(ctx, sink, &durable, &known));
	/* the sink of letters is the first thing in there */
	memcpy(&file, dead.letters, sizeof(file));
	broken.close = file->kind->close;
	file->kind = &broken;
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_DENIED);
	assert_string_equal(ctx->error->message, "dead letters to file:: no letters today");
	assert_int_equal(bank.npending, 0);
	FINE(lh_dead_close(ctx, dead.letters));
}

/*
 * Kills at random flushes, poison of both kinds at random: what the bank has is once and
 * in order, each poisoned message has a letter, no other has one.
 */
static void
once_whatever_is_killed(void **state)
{
	int kills = 0, twice = 0, poisoned = 0;

	(void) state;
	for (int seed = 1; seed <= 12; seed++)
	{
		Client c = {.queued = seed % 2, .tries = 1 + seed % 3};
		int found[ROWS + 1];

		tear_down(NULL);
		set_up(NULL);
		srand((unsigned) seed);
		batch = 1 + rand() % 12;
		for (int row = 1; row <= ROWS; row++)
		{
			int r = rand() % 100;

			poison[row] = r == 0 ? AT_END : r < 3 ? AT_ONCE : HARMLESS;
			poisoned += poison[row] != HARMLESS;
		}
		for (int life = 0; life < 5; life++)
		{
			kill_at = 1 + rand() % 4;
			if (run_client(&c) == LH_OK && kill_at > 0)
				break;
			kills++;
		}
		kill_at = 0;
		FINE(run_client(&c));
		check_store();
		read_letters(found);
		for (int row = 1; row <= ROWS; row++)
		{
			assert_true((found[row] > 0) == (poison[row] != HARMLESS));
			twice += found[row] > 1;
		}
		assert_int_equal(c.confirmed, ROWS / 20 * 16);
	}
	assert_true(kills > 8 && poisoned > 50);
	printf("%d kills, %d poisoned, %d letters twice\n", kills, poisoned, twice);
}

/*
 * Marks: what a sink in a thread allows to be confirmed
 */

typedef struct Late
{
	LhSink sink;
	LhChangePos reached;
	LhChangePos committed;
} Late;

static LhStatus
late_put(LhCtx *c, LhSink *sink, const LhSinkMessage *m)
{
	return LH_OK;
}

static LhStatus
late_commit(LhCtx *c, LhSink *sink, const LhChangePos *pos)
{
	((Late *) sink)->committed = *pos;
	return LH_OK;
}

static LhStatus
late_flush(LhCtx *c, LhSink *sink)
{
	return LH_OK;
}

static void
late_refresh(LhSink *sink)
{
	sink->durable = ((Late *) sink)->reached;
}

static LhStatus
late_poll(LhCtx *c, LhSink *sink)
{
	late_refresh(sink);
	return LH_OK;
}

static LhStatus
late_settle(LhCtx *c, LhSink *sink)
{
	((Late *) sink)->reached = ((Late *) sink)->committed;
	late_refresh(sink);
	return LH_OK;
}

static const LhSinkAsync late_async = {
	.poll = late_poll, .refresh = late_refresh, .settle = late_settle};
static const LhSinkKind late_kind = {.scheme = "late",
									 .put = late_put,
									 .commit = late_commit,
									 .flush = late_flush,
									 .async = &late_async};

static void
what_is_reached_later_is_confirmed_later(void **state)
{
	LhDeliveryConfig config = {.slot = "s", .nformats = 1, .max_message = 1 << 20};
	Late late[2] = {{.sink.kind = &late_kind}, {.sink.kind = &late_kind}};
	LhDeliverySink sinks[2] = {{.name = "a", .sink = &late[0].sink},
							   {.name = "b", .sink = &late[1].sink}};
	uint64_t last = 0;
	LhDelivery *d;

	(void) state;
	FINE(lh_route_compile(ctx, "{table}", true, &config.topic));
	FINE(lh_route_compile(ctx, "msg", false, &config.message_topic));
	for (int i = 0; i < 2; i++)
		lh_delivery_recovered(&sinks[i], &(LhChangePos){0}, false);
	FINE(lh_delivery_create(ctx, &config, 2, sinks, &d));
	FINE(lh_delivery_start(ctx, d, 8));
	for (int t = 1; t <= 10; t++)
	{
		FINE(send_transaction(d, t));
		if (t % 2 == 0)
			FINE(lh_delivery_flush(ctx, d));
	}
	assert_true(lh_delivery_behind(d));
	assert_int_equal(lh_delivery_confirmed(d), 8);
	/* both have to be there; in the middle of a transaction is not its end */
	late[0].reached = (LhChangePos){64, 11, 7};
	assert_int_equal(lh_delivery_confirmed(d), 8);
	late[1].reached = (LhChangePos){64, 10, 7};
	assert_int_equal(lh_delivery_confirmed(d), 32);
	late[1].reached = (LhChangePos){64, 11, 7};
	assert_int_equal(lh_delivery_confirmed(d), 64);
	/* no flush was at 80: the mark before it counts */
	late[0].reached = late[1].reached = (LhChangePos){80, 11, 7};
	FINE(lh_delivery_poll(ctx, d));
	assert_int_equal(lh_delivery_confirmed(d), 64);
	/* a newer flush does not make older ones forgotten */
	FINE(send_transaction(d, 11));
	FINE(lh_delivery_flush(ctx, d));
	late[0].reached = late[1].reached = (LhChangePos){128, 11, 7};
	assert_int_equal(lh_delivery_confirmed(d), 128);
	FINE(lh_delivery_settle(ctx, d));
	assert_int_equal(lh_delivery_confirmed(d), 176);
	assert_false(lh_delivery_behind(d));
	/* far more flushes than marks: confirmed is never too far, and not far behind */
	for (int t = 12; t <= 20000; t++)
	{
		FINE(lh_delivery_idle(ctx, d, (uint64_t) t * 16));
		FINE(lh_delivery_flush(ctx, d));
	}
	for (int t = 12; t <= 20000; t++)
	{
		uint64_t now;

		late[0].reached = late[1].reached = (LhChangePos){(uint64_t) t * 16, 0, 0};
		now = lh_delivery_confirmed(d);
		assert_true(now <= (uint64_t) t * 16 && now >= last);
		assert_true(now + 16 * 64 > (uint64_t) t * 16 || t < 80);
		last = now;
	}
	assert_int_equal(last, 20000 * 16);
}

/*
 * Settings
 */

static LhStatus
parse(LhClientConfig *config, const char *a, const char *b)
{
	const char *argv[] = {"lakehouse_cdc", "stream", "--source", "d", "--slot", "s",
						  "--sink",        "null:",  a,          b};

	return lh_client_config_parse(ctx, b != NULL ? 10 : a != NULL ? 9 : 8, (char **) argv, NULL,
								  config);
}

static void
settings_are_understood(void **state)
{
	LhClientConfig c;

	(void) state;
	FINE(parse(&c, NULL, NULL));
	assert_true(c.dead_uri == NULL && c.dead_after == 3 && c.spool == NULL);
	assert_true(c.queue_memory == 16 << 20 && c.spool_size == 1 << 30);
	FINE(parse(&c, "--dead-letter=file:/x?compress=zstd", NULL));
	assert_string_equal(c.dead_uri, "file:/x?compress=zstd");
	FINE(parse(&c, "--dead-letter=json=file:/x?compress=zstd", NULL));
	assert_string_equal(c.dead_uri, "file:/x?compress=zstd");
	FINE(parse(&c, "--dead-letter=file:/x", "--dead-letter-after=0"));
	assert_null(c.dead_uri);
	assert_int_equal(parse(&c, "--dead-letter=debezium-json=file:/x", NULL), LH_INVALID);
	assert_string_equal(ctx->error->message,
						"dead letters cannot be in the format \"debezium-json\": they are json");
	assert_int_equal(parse(&c, "--queue-memory=1kB", NULL), LH_INVALID);
	FINE(parse(&c, "--spool=off", "--spool-size=0"));
	assert_string_equal(c.spool, "off");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_refused),
		TEST(without_letters_it_is_the_end),
		TEST(refused_at_once),
		TEST(refused_with_its_batch),
		TEST(no_letter_no_progress),
		TEST(once_whatever_is_killed),
		TEST(what_is_reached_later_is_confirmed_later),
		TEST(settings_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
