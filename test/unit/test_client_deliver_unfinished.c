/*
 * test_client_deliver_unfinished.c
 *		Transactions before their commit, through delivery: where their frames may stand, hooks
 *		in the order of commits, resumed in the middle, ends that are not wanted.
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

#define MAX_LOG 4096

typedef struct Recorder
{
	LhSink sink;
	LhChangePos committed;
} Recorder;

typedef struct Made
{
	LhCtx *ctx;
	LhChangeOut out;
	LhBuf packed;
	LhDelivery *d;
	LhDeliverySink sink;
	Recorder recorder;
	LhDeliveryConfig config;
	LhUnfinishedConfig unfinished;
	char notice[200];
	char log[MAX_LOG]; /* of hooks and the sink */
} Made;

static Made *the;

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	size_t n = strlen(the->log);
	va_list args;

	va_start(args, format);
	vsnprintf(the->log + n, MAX_LOG - n, format, args);
	va_end(args);
}

static LhStatus
rec_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *m)
{
	(void) ctx;
	(void) sink;
	note("%s%llx/%llu%s ", m->topic, (unsigned long long) m->pos.commit_end,
		 (unsigned long long) m->pos.ordinal,
		 m->value_schema != NULL ? (const char *) m->value_schema->text.data : "");
	return LH_OK;
}

static LhStatus
rec_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	(void) ctx;
	((Recorder *) sink)->committed = *pos;
	note("C%llx/%llu ", (unsigned long long) pos->commit_end, (unsigned long long) pos->ordinal);
	return LH_OK;
}

static LhStatus
rec_flush(LhCtx *ctx, LhSink *sink)
{
	(void) ctx;
	sink->durable = ((Recorder *) sink)->committed;
	return LH_OK;
}

static const LhSinkKind recorder_kind = {
	.scheme = "recorder", .put = rec_put, .commit = rec_commit, .flush = rec_flush};

static LhStatus
on_signal(LhCtx *ctx, const LhFrame *f, LhSlice prefix, LhSlice content, void *arg)
{
	(void) ctx;
	(void) prefix;
	(void) content;
	(void) arg;
	note("signal:%llx/%llu ", (unsigned long long) f->pos.commit_end,
		 (unsigned long long) f->pos.ordinal);
	return LH_OK;
}

static LhStatus
on_row(LhCtx *ctx, const LhFrame *f, bool unit, bool *drop, void *arg)
{
	(void) ctx;
	(void) unit;
	(void) drop;
	(void) arg;
	note("row:%u ", f->pos.xid);
	return LH_OK;
}

static LhStatus
on_between(LhCtx *ctx, uint64_t commit_end, void *arg)
{
	(void) ctx;
	(void) arg;
	note("between:%llx ", (unsigned long long) commit_end);
	return LH_OK;
}

static void
on_notice(const char *text, void *arg)
{
	Made *m = arg;

	snprintf(m->notice, sizeof(m->notice), "%s", text);
}

#define FINE(call)                                  \
	do                                              \
	{                                               \
		if ((call) != LH_OK)                        \
			fail_msg("%s", m->ctx->error->message); \
	} while (0)

/* With the configuration as it is now. */
static void
renew(Made *m)
{
	FINE(lh_delivery_create(m->ctx, &m->config, 1, &m->sink, &m->d));
	FINE(lh_delivery_start(m->ctx, m->d, 0x10));
	m->log[0] = '\0';
}

static int
setup(void **state)
{
	Made *m = the = calloc(1, sizeof(*m));

	m->ctx = lh_ctx_create();
	m->out.framed = m->out.want_key = true;
	FINE(lh_buf_init(m->ctx, &m->out.buf, false));
	FINE(lh_buf_init(m->ctx, &m->packed, false));
	m->unfinished = (LhUnfinishedConfig){.dir = "/tmp", .memory = 1 << 20, .size = 1 << 30};
	m->config = (LhDeliveryConfig){.slot = "s",
								   .nformats = 1,
								   .max_message = 1 << 20,
								   .unfinished = &m->unfinished,
								   .notice = on_notice,
								   .notice_arg = m};
	FINE(lh_route_compile(m->ctx, "{table}:", true, &m->config.topic));
	FINE(lh_route_compile(m->ctx, "msg:", false, &m->config.message_topic));
	m->recorder.sink.kind = &recorder_kind;
	m->sink = (LhDeliverySink){.sink = &m->recorder.sink, .name = "r"};
	lh_delivery_recovered(&m->sink, &(LhChangePos){0}, false);
	FINE(lh_batch_begin(m->ctx, &m->out));
	renew(m);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	Made *m = *state;

	lh_delivery_step_bytes = 1 << 20;
	lh_frame_max_body = LH_FRAME_MAX_BODY;
	lh_ctx_destroy(m->ctx);
	free(m);
	return 0;
}

/* ---- frames ---- */

static const LhChangeRel table = {.relid = 16384, .generation = 1, .schema = "public", .name = "t"};

static void
put(Made *m, LhChangeEvent *ev, const char *value)
{
	FINE(lh_frame_begin(m->ctx, &m->out, ev));
	if (ev->op == LH_CHANGE_SCHEMA)
		FINE(lh_frame_relation(m->ctx, &m->out, &table));
	if (LH_CHANGE_IS_UNFINISHED(ev->op))
		FINE(lh_frame_unfinished(m->ctx, &m->out, ev));
	if (ev->op == LH_CHANGE_SIGNAL)
		FINE(lh_frame_signal(m->ctx, &m->out, "p", lh_slice("x", 1)));
	if (value != NULL)
	{
		m->out.format = 0;
		FINE(lh_out_message(m->ctx, &m->out));
		FINE(lh_out_value(m->ctx, &m->out));
		FINE(lh_put(m->ctx, &m->out.buf, value, strlen(value)));
		FINE(lh_out_end(m->ctx, &m->out));
	}
	FINE(lh_frame_end(m->ctx, &m->out, true));
}

/* An event at a position, or with a number of an unfinished transaction. */
static void
event(Made *m, LhChangeOp op, uint32_t xid, uint64_t commit_end, uint64_t n, const char *value)
{
	LhChangeEvent ev = {.op = op,
						.pos = {commit_end, n, xid},
						.transactional = true,
						.sub = commit_end == 0 ? xid : 0,
						.rel = op == LH_CHANGE_SCHEMA || op == LH_CHANGE_INSERT ? &table : NULL};

	put(m, &ev, value);
}

/* What begins, ends, prepares, decides. */
static void
mark(Made *m, LhChangeOp op, uint32_t xid, uint64_t lsn, uint64_t commit_end, uint64_t n)
{
	LhChangeTxn txn = {.xid = xid, .commit_end = commit_end};
	LhChangeEvent ev = {.op = op,
						.pos = {commit_end, n, xid},
						.lsn = lsn,
						.sub = commit_end == 0 ? xid : 0,
						.first = op == LH_CHANGE_STREAM_START,
						.txn = &txn,
						.gid = op >= LH_CHANGE_PREPARE ? "g" : NULL};

	put(m, &ev, NULL);
}

static LhStatus
send(Made *m)
{
	LhSlice bytes;
	LhStatus status;

	lh_error_clear(m->ctx);
	FINE(lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes));
	status = lh_delivery_batch(m->ctx, m->d, bytes);
	while (status == LH_OK && lh_delivery_pending(m->d))
		status = lh_delivery_step(m->ctx, m->d);
	m->out.nmessages = 0;
	FINE(lh_batch_begin(m->ctx, &m->out));
	return status;
}

static void
refused(Made *m, LhStatus status, const char *text)
{
	assert_int_equal(send(m), status);
	if (strstr(m->ctx->error->message, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, m->ctx->error->message);
	FINE(lh_delivery_start(m->ctx, m->d, 0x10));
}

/* A block of n rows. */
static void
block(Made *m, uint32_t xid, int n)
{
	mark(m, LH_CHANGE_STREAM_START, xid, 0, 0, 0);
	event(m, LH_CHANGE_SCHEMA, xid, 0, 1, NULL);
	for (int i = 1; i <= n; i++)
		event(m, LH_CHANGE_INSERT, xid, 0, (uint64_t) i, "a");
	mark(m, LH_CHANGE_STREAM_STOP, xid, 0, 0, 0);
}

static void
whole(Made *m, uint32_t xid, uint64_t commit_end)
{
	event(m, LH_CHANGE_BEGIN, xid, commit_end, 0, NULL);
	event(m, LH_CHANGE_SCHEMA, xid, commit_end, 1, NULL);
	event(m, LH_CHANGE_INSERT, xid, commit_end, 1, "w");
	event(m, LH_CHANGE_COMMIT, xid, commit_end, 2, NULL);
}

/* ---- tests ---- */

static void
events_come_when_they_are_committed(void **state)
{
	Made *m = *state;

	block(m, 7, 2);
	whole(m, 8, 0x20);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 3);
	whole(m, 9, 0x40);
	FINE(send(m));
	assert_string_equal(m->log, "t:20/1 C20/2 t:30/1 t:30/2 C30/3 t:40/1 C40/2 ");
	assert_int_equal(lh_delivery_state(m->d)->transactions, 3);
	assert_int_equal(lh_delivery_state(m->d)->replayed, 1);
}

static void
blocks_stand_by_themselves(void **state)
{
	Made *m = *state;

	event(m, LH_CHANGE_BEGIN, 7, 0x20, 0, NULL);
	mark(m, LH_CHANGE_STREAM_START, 8, 0, 0, 0);
	refused(m, LH_CORRUPT, "in the middle of another");
	mark(m, LH_CHANGE_STREAM_START, 8, 0, 0, 0);
	event(m, LH_CHANGE_BEGIN, 7, 0x20, 0, NULL);
	refused(m, LH_CORRUPT, "in a block of transaction 8");
	mark(m, LH_CHANGE_STREAM_START, 8, 0, 0, 0);
	event(m, LH_CHANGE_PROGRESS, 0, 0x20, 0, NULL);
	refused(m, LH_CORRUPT, "in a block of transaction 8");
	/* what an earlier connection told is void */
	block(m, 7, 1);
	FINE(send(m));
	FINE(lh_delivery_start(m->ctx, m->d, 0x10));
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 3);
	refused(m, LH_CORRUPT, "ends what was not told");
	/* an end before one that was */
	block(m, 7, 1);
	whole(m, 8, 0x40);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 2);
	refused(m, LH_CORRUPT, "behind one at 0/40");
	/* and what was said to be sent is not sent later */
	block(m, 7, 1);
	event(m, LH_CHANGE_PROGRESS, 0, 0x50, 0, NULL);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 2);
	refused(m, LH_CORRUPT, "was said to be sent");
	/* relations are those of the transaction alone */
	whole(m, 8, 0x20);
	mark(m, LH_CHANGE_STREAM_START, 7, 0, 0, 0);
	event(m, LH_CHANGE_INSERT, 7, 0, 1, "a");
	mark(m, LH_CHANGE_STREAM_STOP, 7, 0, 0, 0);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 2);
	refused(m, LH_CORRUPT, "which no schema frame named");
	block(m, 9, 1);
	mark(m, LH_CHANGE_STREAM_COMMIT, 9, 0x28, 0x30, 2);
	mark(m, LH_CHANGE_STREAM_START, 7, 0, 0, 0);
	event(m, LH_CHANGE_INSERT, 7, 0, 1, "a");
	mark(m, LH_CHANGE_STREAM_STOP, 7, 0, 0, 0);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x38, 0x40, 2);
	refused(m, LH_CORRUPT, "which no schema frame named");
}

static void
hooks_see_the_order_of_commits(void **state)
{
	Made *m = *state;

	m->config.signal = on_signal;
	m->config.row = on_row;
	m->config.between = on_between;
	renew(m);
	mark(m, LH_CHANGE_STREAM_START, 7, 0, 0, 0);
	event(m, LH_CHANGE_SCHEMA, 7, 0, 1, NULL);
	event(m, LH_CHANGE_INSERT, 7, 0, 1, "a");
	event(m, LH_CHANGE_SIGNAL, 7, 0, 2, NULL);
	event(m, LH_CHANGE_INSERT, 7, 0, 3, "b");
	mark(m, LH_CHANGE_STREAM_STOP, 7, 0, 0, 0);
	FINE(send(m));
	assert_string_equal(m->log, "");
	whole(m, 8, 0x20);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 4);
	FINE(send(m));
	assert_string_equal(m->log, "between:20 row:8 t:20/1 C20/2 "
								"between:30 row:7 t:30/1 signal:30/2 row:7 t:30/3 C30/4 ");
}

/* All that it had was taken back: sinks move on, nothing else happens. */
static void
one_without_events_is_a_position(void **state)
{
	Made *m = *state;

	mark(m, LH_CHANGE_PREPARE, 7, 0x20, 0x28, 1);
	mark(m, LH_CHANGE_COMMIT_PREPARED, 7, 0x38, 0x40, 0);
	FINE(send(m));
	assert_string_equal(m->log, "C40/1 ");
	FINE(lh_delivery_flush(m->ctx, m->d));
	assert_int_equal(lh_delivery_confirmed(m->d), 0x40);
}

/* Steps end where they end; a client that goes on later goes on there. */
static void
a_replay_is_resumed_inside(void **state)
{
	Made *m = *state;
	LhSlice bytes;

	lh_delivery_step_bytes = 100;
	block(m, 7, 5);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 6);
	FINE(lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes));
	FINE(lh_delivery_batch(m->ctx, m->d, bytes));
	assert_true(lh_delivery_pending(m->d));
	FINE(lh_delivery_idle(m->ctx, m->d, 0x50));
	assert_string_equal(m->log, "");
	FINE(lh_delivery_step(m->ctx, m->d));
	FINE(lh_delivery_step(m->ctx, m->d));
	assert_true(lh_delivery_pending(m->d));
	/* nothing of it is confirmed, whatever is flushed or idle meanwhile */
	FINE(lh_delivery_idle(m->ctx, m->d, 0x50));
	FINE(lh_delivery_flush(m->ctx, m->d));
	assert_int_equal(lh_delivery_confirmed(m->d), 0x10);
	assert_string_equal(m->log, "t:30/1 t:30/2 t:30/3 ");
	m->out.nmessages = 0;
	FINE(lh_batch_begin(m->ctx, &m->out));
	FINE(lh_delivery_start(m->ctx, m->d, 0x10));
	assert_false(lh_delivery_pending(m->d));
	/* this time it comes whole */
	event(m, LH_CHANGE_BEGIN, 7, 0x30, 0, NULL);
	event(m, LH_CHANGE_SCHEMA, 7, 0x30, 1, NULL);
	for (uint64_t n = 1; n <= 5; n++)
		event(m, LH_CHANGE_INSERT, 7, 0x30, n, "a");
	event(m, LH_CHANGE_COMMIT, 7, 0x30, 6, NULL);
	FINE(send(m));
	assert_string_equal(m->log, "t:30/1 t:30/2 t:30/3 t:30/4 t:30/5 C30/6 ");
}

static void
ends_beyond_the_end_are_not_wanted(void **state)
{
	Made *m = *state;

	m->config.until = 0x38;
	renew(m);
	block(m, 7, 1);
	block(m, 8, 1);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 2);
	mark(m, LH_CHANGE_STREAM_COMMIT, 8, 0x38, 0x40, 2);
	FINE(send(m));
	assert_string_equal(m->log, "t:30/1 C30/2 ");
	assert_true(lh_delivery_state(m->d)->ended);
}

static void
what_is_prepared_holds_the_position(void **state)
{
	Made *m = *state;

	block(m, 7, 1);
	mark(m, LH_CHANGE_PREPARE, 7, 0x20, 0x28, 2);
	whole(m, 8, 0x30);
	FINE(send(m));
	FINE(lh_delivery_flush(m->ctx, m->d));
	assert_int_equal(lh_delivery_durable(m->d), 0x30);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
	FINE(lh_delivery_idle(m->ctx, m->d, 0x38));
	FINE(lh_delivery_flush(m->ctx, m->d));
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
	mark(m, LH_CHANGE_COMMIT_PREPARED, 7, 0x40, 0x48, 0);
	FINE(send(m));
	/* decided, but the sink could lose it */
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
	FINE(lh_delivery_flush(m->ctx, m->d));
	assert_int_equal(lh_delivery_confirmed(m->d), 0x48);
	assert_string_equal(m->log, "t:30/1 C30/2 C38/0 t:48/1 C48/2 ");
	/* one from before the slot could tell of it comes at its end; nothing goes back for that */
	block(m, 9, 1);
	mark(m, LH_CHANGE_PREPARE, 9, 0x8, 0xc, 2);
	FINE(send(m));
	assert_int_equal(lh_delivery_confirmed(m->d), 0x10);
}

static void
what_was_sent_to_others_is_a_gap(void **state)
{
	Made *m = *state;

	mark(m, LH_CHANGE_COMMIT_PREPARED, 7, 0x40, 0x48, 0);
	refused(m, LH_CHANGED, "prepared transaction \"g\" was committed at 0/48");
	/* not for a sink that is beyond it */
	lh_delivery_recovered(&m->sink, &(LhChangePos){0x48, 2, 7}, true);
	mark(m, LH_CHANGE_COMMIT_PREPARED, 7, 0x40, 0x48, 0);
	FINE(send(m));
	lh_delivery_recovered(&m->sink, &(LhChangePos){0x40, 2, 7}, true);
	m->config.allow_gap = true;
	renew(m);
	mark(m, LH_CHANGE_COMMIT_PREPARED, 7, 0x40, 0x48, 0);
	FINE(send(m));
	assert_non_null(strstr(m->notice, "prepared transaction \"g\""));
	/* rolled back, it is nobody's */
	m->config.allow_gap = false;
	renew(m);
	mark(m, LH_CHANGE_ROLLBACK_PREPARED, 7, 0x50, 0x58, 0);
	FINE(send(m));
}

/* A schema of the same fingerprint may have another text in the transaction that changes it. */
static void
schemas_are_of_the_transaction(void **state)
{
	Made *m = *state;
	LhSchema s = {LH_SCHEMA_AVRO, 5, lh_slice("=old", 4)};
	char value[LH_SCHEMA_HEAD + 2] = "";
	LhChangeEvent ev = {.op = LH_CHANGE_SCHEMA, .pos = {0x20, 1, 7}, .rel = &table};

	lh_schema_head(LH_SCHEMA_AVRO, 5, (uint8_t *) value);
	m->config.kinds[0] = LH_SCHEMA_AVRO;
	renew(m);
	for (int i = 0; i < 2; i++)
	{
		/* the stream's, then that of a transaction that is rolled back */
		if (i == 1)
		{
			mark(m, LH_CHANGE_STREAM_START, 8, 0, 0, 0);
			ev.pos = (LhChangePos){0, 1, 8};
			ev.sub = 8;
			s.text = lh_slice("=new", 4);
		}
		FINE(lh_frame_begin(m->ctx, &m->out, &ev));
		FINE(lh_frame_relation(m->ctx, &m->out, &table));
		FINE(lh_out_schema(m->ctx, &m->out, &s));
		FINE(lh_frame_end(m->ctx, &m->out, true));
		ev.op = LH_CHANGE_INSERT;
		FINE(lh_frame_begin(m->ctx, &m->out, &ev));
		m->out.format = 0;
		FINE(lh_out_message(m->ctx, &m->out));
		FINE(lh_out_value(m->ctx, &m->out));
		FINE(lh_put(m->ctx, &m->out.buf, value, sizeof(value)));
		FINE(lh_out_end(m->ctx, &m->out));
		FINE(lh_frame_end(m->ctx, &m->out, true));
		ev.op = LH_CHANGE_SCHEMA;
		if (i == 0)
			event(m, LH_CHANGE_COMMIT, 7, 0x20, 2, NULL);
	}
	mark(m, LH_CHANGE_STREAM_STOP, 8, 0, 0, 0);
	mark(m, LH_CHANGE_STREAM_COMMIT, 8, 0x28, 0x30, 2);
	/* the stream's own is what it was */
	ev = (LhChangeEvent){.op = LH_CHANGE_INSERT, .pos = {0x40, 1, 9}, .rel = &table};
	FINE(lh_frame_begin(m->ctx, &m->out, &ev));
	m->out.format = 0;
	FINE(lh_out_message(m->ctx, &m->out));
	FINE(lh_out_value(m->ctx, &m->out));
	FINE(lh_put(m->ctx, &m->out.buf, value, sizeof(value)));
	FINE(lh_out_end(m->ctx, &m->out));
	FINE(lh_frame_end(m->ctx, &m->out, true));
	FINE(send(m));
	assert_string_equal(m->log, "t:20/1=old C20/2 t:30/1=new C30/2 t:40/1=old ");
}

/* A change in parts is one, also when it is kept. */
static void
parts_are_joined(void **state)
{
	Made *m = *state;
	LhChangeEvent ev = {.op = LH_CHANGE_INSERT, .pos = {0, 1, 7}, .sub = 7, .rel = &table};
	char large[400];
	LhSlice bytes;

	lh_frame_max_body = 150;
	memset(large, 'x', sizeof(large));
	mark(m, LH_CHANGE_STREAM_START, 7, 0, 0, 0);
	event(m, LH_CHANGE_SCHEMA, 7, 0, 1, NULL);
	FINE(lh_frame_begin(m->ctx, &m->out, &ev));
	m->out.format = 0;
	FINE(lh_out_message(m->ctx, &m->out));
	FINE(lh_out_value(m->ctx, &m->out));
	FINE(lh_put(m->ctx, &m->out.buf, large, sizeof(large)));
	FINE(lh_out_end(m->ctx, &m->out));
	FINE(lh_frame_end(m->ctx, &m->out, true));
	assert_true(lh_batch_parts(&m->out) == 3);
	FINE(lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes));
	FINE(lh_delivery_batch(m->ctx, m->d, bytes));
	for (uint32_t i = 0; i < 3; i++)
	{
		FINE(lh_batch_part(m->ctx, &m->out, i, false, &m->packed, &bytes));
		FINE(lh_delivery_batch(m->ctx, m->d, bytes));
	}
	m->out.nmessages = 0;
	FINE(lh_batch_begin(m->ctx, &m->out));
	mark(m, LH_CHANGE_STREAM_STOP, 7, 0, 0, 0);
	mark(m, LH_CHANGE_STREAM_COMMIT, 7, 0x28, 0x30, 2);
	FINE(send(m));
	assert_string_equal(m->log, "t:30/1 C30/2 ");
}

/* What the spool cannot do is no sink's fault, and no connection's. */
static void
a_spool_without_room_is_named(void **state)
{
	Made *m = *state;
	char large[2000];
	LhStatus status = LH_OK;

	m->unfinished = (LhUnfinishedConfig){.memory = 100000};
	renew(m);
	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	mark(m, LH_CHANGE_STREAM_START, 7, 0, 0, 0);
	for (uint64_t n = 1; n < 200 && status == LH_OK; n++)
	{
		event(m, LH_CHANGE_INSERT, 7, 0, n, large);
		status = send(m);
	}
	assert_int_equal(status, LH_LIMIT);
	assert_true(lh_delivery_state(m->d)->spool_failed);
	assert_false(lh_delivery_state(m->d)->sink_failed);
	assert_string_equal(m->log, "");
}

/* Whatever frames come, in whatever order: an error, or something that makes sense. */
static void
random_frames_break_nothing(void **state)
{
	Made *m = *state;
	int fine = 0, wrong = 0;

	m->recorder.sink.kind = &recorder_kind;
	lh_delivery_step_bytes = 100;
	srand(11);
	for (int i = 0; i < 100000; i++)
	{
		const LhChangeRange back[2] = {{(uint64_t) (rand() % 6), (uint64_t) (rand() % 9)}, {3, 3}};
		uint32_t xid = 7 + (uint32_t) rand() % 3;
		LhChangeTxn txn = {.xid = xid, .commit_time = rand() % 3};
		LhChangeEvent ev = {
			.op = (LhChangeOp) (rand() % 3 == 0 ? rand() % LH_N_CHANGE_OPS
												: LH_CHANGE_STREAM_START + rand() % 7),
			.pos = {rand() % 3 == 0 ? 0 : (uint64_t) i * 16, (uint64_t) (rand() % 8), xid},
			.lsn = (uint64_t) i * 16,
			.sub = rand() % 3 == 0 ? 0 : xid + (uint32_t) (rand() % 2),
			.first = rand() % 2 == 0,
			.transactional = rand() % 4 != 0,
			.txn = &txn,
			.gid = rand() % 2 == 0 ? "g" : "h",
			.nback = (size_t) (rand() % 5 == 0 ? rand() % 3 : 0),
			.back = back};
		LhStatus status;

		if (rand() % 3 == 0)
			block(m, xid, rand() % 4);
		if (ev.op >= LH_CHANGE_INSERT && ev.op != LH_CHANGE_MESSAGE && ev.op != LH_CHANGE_SIGNAL &&
			ev.op < LH_CHANGE_DDL)
			ev.rel = &table;
		put(m, &ev, NULL);
		if (rand() % 2 == 0)
			continue;
		m->log[0] = '\0';
		status = send(m);
		if (status == LH_OK)
			fine++;
		else
		{
			wrong++;
			assert_true(status == LH_CORRUPT || status == LH_CHANGED || status == LH_LIMIT);
			FINE(lh_delivery_start(m->ctx, m->d, (uint64_t) i * 16));
		}
		(void) lh_delivery_confirmed(m->d);
	}
	assert_true(fine > 500 && wrong > 500);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(events_come_when_they_are_committed), T(blocks_stand_by_themselves),
		T(hooks_see_the_order_of_commits),      T(one_without_events_is_a_position),
		T(a_replay_is_resumed_inside),          T(ends_beyond_the_end_are_not_wanted),
		T(what_is_prepared_holds_the_position), T(what_was_sent_to_others_is_a_gap),
		T(schemas_are_of_the_transaction),      T(parts_are_joined),
		T(a_spool_without_room_is_named),       T(random_frames_break_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
