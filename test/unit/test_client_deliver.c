/*
 * test_client_deliver.c
 *		Frames to sinks: each message once, positions confirmed when they may be.
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

#define MAX_LOG 8192

/* A sink that writes down what it is asked. */
typedef struct Recorder
{
	LhSink sink;
	char log[MAX_LOG];
	LhChangePos committed;
	bool lazy; /* flush makes nothing durable */
	LhStatus fails;
} Recorder;

typedef struct Made
{
	LhCtx *ctx;
	LhChangeOut out;
	LhBuf packed;
	LhDelivery *d;
	LhDeliverySink sinks[2];
	Recorder recorders[2];
} Made;

static LhStatus
rec_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *m)
{
	Recorder *r = (Recorder *) sink;
	size_t n = strlen(r->log);

	if (r->fails != LH_OK)
		LH_FAIL(ctx, r->fails, "the sink is full");
	snprintf(r->log + n, MAX_LOG - n, "%s%llx/%llu.%d=%.*s ", m->topic,
			 (unsigned long long) m->pos.commit_end, (unsigned long long) m->pos.ordinal, m->sub,
			 (int) m->value.len, (const char *) m->value.data);
	return LH_OK;
}

static LhStatus
rec_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	Recorder *r = (Recorder *) sink;
	size_t n = strlen(r->log);

	r->committed = *pos;
	snprintf(r->log + n, MAX_LOG - n, "C%llx ", (unsigned long long) pos->commit_end);
	return LH_OK;
}

static LhStatus
rec_flush(LhCtx *ctx, LhSink *sink)
{
	Recorder *r = (Recorder *) sink;

	if (!r->lazy)
		sink->durable = r->committed;
	return LH_OK;
}

static const LhSinkKind recorder_kind = {
	.scheme = "recorder", .put = rec_put, .commit = rec_commit, .flush = rec_flush};

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));
	LhDeliveryConfig config = {.slot = "s", .nformats = 1, .max_message = 1 << 20};

	m->ctx = lh_ctx_create();
	m->out.framed = true;
	m->out.want_key = true;
	lh_buf_init(m->ctx, &m->out.buf, false);
	lh_buf_init(m->ctx, &m->packed, false);
	lh_frame_max_body = LH_FRAME_MAX_BODY;
	lh_route_compile(m->ctx, "{table}:", true, &config.topic);
	lh_route_compile(m->ctx, "msg:", false, &config.message_topic);
	for (int i = 0; i < 2; i++)
	{
		m->recorders[i].sink.kind = &recorder_kind;
		m->sinks[i].sink = &m->recorders[i].sink;
		m->sinks[i].name = i == 0 ? "one" : "two";
		lh_delivery_recovered(&m->sinks[i], &(LhChangePos){0}, false);
	}
	assert_int_equal(lh_delivery_create(m->ctx, &config, 2, m->sinks, &m->d), LH_OK);
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	assert_int_equal(lh_batch_begin(m->ctx, &m->out), LH_OK);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	Made *m = *state;

	lh_frame_max_body = LH_FRAME_MAX_BODY;
	lh_ctx_destroy(m->ctx);
	free(m);
	return 0;
}

static const LhChangeRel table = {.relid = 16384, .generation = 1, .schema = "public", .name = "t"};

static void
frame(Made *m, LhChangeOp op, uint64_t commit_end, uint64_t ordinal, const char *value)
{
	LhChangeEvent ev = {.op = op,
						.pos = {commit_end, ordinal, 7},
						.transactional = true,
						.rel = op >= LH_CHANGE_INSERT && op != LH_CHANGE_MESSAGE &&
									   op != LH_CHANGE_PROGRESS
								   ? &table
								   : NULL};

	assert_int_equal(lh_frame_begin(m->ctx, &m->out, &ev), LH_OK);
	if (op == LH_CHANGE_SCHEMA)
		assert_int_equal(lh_frame_relation(m->ctx, &m->out, &table), LH_OK);
	if (value != NULL)
	{
		m->out.format = 0;
		assert_int_equal(lh_out_message(m->ctx, &m->out), LH_OK);
		assert_int_equal(lh_out_value(m->ctx, &m->out), LH_OK);
		assert_int_equal(lh_put(m->ctx, &m->out.buf, value, strlen(value)), LH_OK);
		assert_int_equal(lh_out_end(m->ctx, &m->out), LH_OK);
	}
	assert_int_equal(lh_frame_end(m->ctx, &m->out, true), LH_OK);
}

/* What is aside goes where messages go, and what is behind it to the table again. */
static void
aside(Made *m, uint64_t commit_end, uint64_t ordinal)
{
	LhChangeEvent ev = {
		.op = LH_CHANGE_UPDATE, .pos = {commit_end, ordinal, 7}, .rel = &table};

	assert_int_equal(lh_frame_begin(m->ctx, &m->out, &ev), LH_OK);
	m->out.format = 0;
	for (int i = 0; i < 2; i++)
	{
		m->out.aside = i == 0;
		assert_int_equal(lh_out_message(m->ctx, &m->out), LH_OK);
		assert_int_equal(lh_out_value(m->ctx, &m->out), LH_OK);
		assert_int_equal(lh_put(m->ctx, &m->out.buf, i == 0 ? "x" : "y", 1), LH_OK);
		assert_int_equal(lh_out_end(m->ctx, &m->out), LH_OK);
	}
	assert_int_equal(lh_frame_end(m->ctx, &m->out, true), LH_OK);
}

/* Send what was made since the last time. */
static LhStatus
send(Made *m)
{
	LhSlice bytes;
	LhStatus status;

	lh_error_clear(m->ctx);
	assert_int_equal(lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes), LH_OK);
	status = lh_delivery_batch(m->ctx, m->d, bytes);
	m->out.nmessages = 0;
	assert_int_equal(lh_batch_begin(m->ctx, &m->out), LH_OK);
	return status;
}

static void
sent(Made *m)
{
	if (send(m) != LH_OK)
		fail_msg("%s", m->ctx->error->message);
}

static void
corrupt(Made *m, const char *message)
{
	assert_int_equal(send(m), LH_CORRUPT);
	if (strstr(m->ctx->error->message, message) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", message, m->ctx->error->message);
}

/* A transaction of two rows, from the n-th on; the schema first if wanted. */
static void
transaction(Made *m, uint64_t commit_end, bool schema)
{
	frame(m, LH_CHANGE_BEGIN, commit_end, 0, NULL);
	if (schema)
		frame(m, LH_CHANGE_SCHEMA, commit_end, 1, NULL);
	frame(m, LH_CHANGE_INSERT, commit_end, 1, "a");
	frame(m, LH_CHANGE_INSERT, commit_end, 2, "b");
	frame(m, LH_CHANGE_COMMIT, commit_end, 3, NULL);
}

static void
flushed(Made *m)
{
	assert_int_equal(lh_delivery_flush(m->ctx, m->d), LH_OK);
}

static void
rows_are_put_and_confirmed_when_durable(void **state)
{
	Made *m = *state;

	transaction(m, 0x20, true);
	sent(m);
	assert_string_equal(m->recorders[0].log, "t:20/1.0=a t:20/2.0=b C20 ");
	assert_string_equal(m->recorders[1].log, m->recorders[0].log);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x10);
	m->recorders[1].lazy = true;
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x10);
	m->recorders[1].lazy = false;
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
	transaction(m, 0x30, false);
	sent(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
}

static void
what_is_aside_goes_where_messages_go(void **state)
{
	Made *m = *state;

	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x20, 1, NULL);
	aside(m, 0x20, 1);
	frame(m, LH_CHANGE_COMMIT, 0x20, 2, NULL);
	sent(m);
	assert_string_equal(m->recorders[0].log, "msg:20/1.0=x t:20/1.1=y C20 ");
}

/* What a sink has by itself in the middle of a transaction does not confirm that transaction. */
static void
half_a_transaction_is_not_confirmed(void **state)
{
	Made *m = *state;

	m->recorders[0].lazy = true;
	transaction(m, 0x20, true);
	sent(m);
	m->recorders[0].sink.durable = (LhChangePos){0x20, 1, 7};
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x10);
	m->recorders[0].sink.durable = (LhChangePos){0x20, 3, 7};
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
	frame(m, LH_CHANGE_BEGIN, 0x30, 0, NULL);
	frame(m, LH_CHANGE_INSERT, 0x30, 1, "c");
	sent(m);
	m->recorders[0].sink.durable = (LhChangePos){0x30, 1, 7};
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
	assert_true(lh_delivery_state(m->d)->open);
}

/* Each sink has its own position, also in the middle of a transaction. */
static void
what_a_sink_holds_is_not_put_again(void **state)
{
	Made *m = *state;

	lh_delivery_recovered(&m->sinks[0], &(LhChangePos){0x20, 1, 7}, true);
	lh_delivery_recovered(&m->sinks[1], &(LhChangePos){0x20, 3, 7}, true);
	transaction(m, 0x20, true);
	transaction(m, 0x30, false);
	sent(m);
	assert_string_equal(m->recorders[0].log, "t:20/2.0=b C20 t:30/1.0=a t:30/2.0=b C30 ");
	assert_string_equal(m->recorders[1].log, "t:30/1.0=a t:30/2.0=b C30 ");
}

static void
a_lost_connection_repeats_nothing(void **state)
{
	Made *m = *state;

	transaction(m, 0x20, true);
	frame(m, LH_CHANGE_BEGIN, 0x30, 0, NULL);
	frame(m, LH_CHANGE_INSERT, 0x30, 1, "a");
	sent(m);
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	transaction(m, 0x20, true);
	transaction(m, 0x30, false);
	sent(m);
	assert_string_equal(m->recorders[0].log,
						"t:20/1.0=a t:20/2.0=b C20 t:30/1.0=a t:30/2.0=b C30 ");
	/* names of relations are of one connection */
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x30), LH_OK);
	frame(m, LH_CHANGE_BEGIN, 0x40, 0, NULL);
	frame(m, LH_CHANGE_INSERT, 0x40, 1, "x");
	corrupt(m, "which no schema frame named");
}

/* A schema event before a row is no reason to think that the row is stored. */
static void
schema_events_stand_before_their_row(void **state)
{
	Made *m = *state;

	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x20, 2, "columns");
	frame(m, LH_CHANGE_INSERT, 0x20, 2, "a");
	sent(m);
	assert_string_equal(m->recorders[0].log, "t:20/1.65536=columns t:20/2.0=a ");
}

/*
 * A sink may be flushed between a row and the schema event behind it, which has the row's
 * position: after a crash the event comes, once a recovery, and the row does not.
 */
static void
schema_events_are_not_lost_with_a_flush(void **state)
{
	Made *m = *state;

	for (int i = 0; i < 2; i++)
	{
		lh_delivery_recovered(&m->sinks[0], &(LhChangePos){0x20, 1, 7}, true);
		m->recorders[0].log[0] = '\0';
		for (int k = 0; k < 2; k++)
		{
			assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
			frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
			frame(m, LH_CHANGE_SCHEMA, 0x20, 1, NULL);
			frame(m, LH_CHANGE_INSERT, 0x20, 1, "a");
			frame(m, LH_CHANGE_SCHEMA, 0x20, 2, "columns");
			sent(m);
		}
		assert_string_equal(m->recorders[0].log, "t:20/1.65536=columns ");
		frame(m, LH_CHANGE_INSERT, 0x20, 2, "b");
		sent(m);
		assert_string_equal(m->recorders[0].log, "t:20/1.65536=columns t:20/2.0=b ");
	}
}

static void
idle_positions_are_stored_first(void **state)
{
	Made *m = *state;

	assert_int_equal(lh_delivery_idle(m->ctx, m->d, 0x18), LH_OK);
	assert_string_equal(m->recorders[0].log, "C18 ");
	assert_int_equal(lh_delivery_confirmed(m->d), 0x10);
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x18);
	/* neither back nor in the middle of a transaction */
	assert_int_equal(lh_delivery_idle(m->ctx, m->d, 0x17), LH_OK);
	frame(m, LH_CHANGE_BEGIN, 0x30, 0, NULL);
	sent(m);
	assert_int_equal(lh_delivery_idle(m->ctx, m->d, 0x29), LH_OK);
	flushed(m);
	assert_string_equal(m->recorders[0].log, "C18 ");
	assert_int_equal(lh_delivery_confirmed(m->d), 0x18);
}

/* What a server says that it sent is no position of the sinks yet, and goes to none. */
static void
progress_is_what_was_sent(void **state)
{
	Made *m = *state;

	frame(m, LH_CHANGE_PROGRESS, 0x0f, 0, NULL);
	sent(m);
	assert_int_equal(lh_delivery_state(m->d)->told, 0x0f);
	transaction(m, 0x20, true);
	frame(m, LH_CHANGE_PROGRESS, 0x28, 0, NULL);
	sent(m);
	assert_int_equal(lh_delivery_state(m->d)->told, 0x28);
	assert_int_equal(lh_delivery_state(m->d)->finished, 0x20);
	assert_string_equal(m->recorders[0].log, "t:20/1.0=a t:20/2.0=b C20 ");
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
	/* the host takes it for one when it likes to; the same again is no news */
	assert_int_equal(lh_delivery_idle(m->ctx, m->d, lh_delivery_state(m->d)->told), LH_OK);
	frame(m, LH_CHANGE_PROGRESS, 0x28, 0, NULL);
	transaction(m, 0x30, false);
	sent(m);
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x30);
	/* another connection begins before */
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	assert_int_equal(lh_delivery_state(m->d)->told, 0);
	transaction(m, 0x20, true);
	sent(m);
}

/* A transaction that comes behind would be taken for one that the sinks have. */
static void
what_comes_behind_its_progress_is_refused(void **state)
{
	Made *m = *state;

	frame(m, LH_CHANGE_PROGRESS, 0x20, 0, NULL);
	transaction(m, 0x20, true);
	corrupt(m, "was said to be sent");
	assert_string_equal(m->recorders[0].log, "");
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	frame(m, LH_CHANGE_PROGRESS, 0x20, 0, NULL);
	frame(m, LH_CHANGE_PROGRESS, 0x1f, 0, NULL);
	corrupt(m, "progress frame");
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	frame(m, LH_CHANGE_PROGRESS, 0x20, 1, NULL);
	corrupt(m, "progress frame");
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	frame(m, LH_CHANGE_PROGRESS, 0x20, 0, "a value");
	corrupt(m, "progress frame");
}

static void
parts_are_joined(void **state)
{
	Made *m = *state;
	LhSlice bytes;

	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x20, 1, NULL);
	sent(m);
	lh_frame_max_body = 8;
	frame(m, LH_CHANGE_INSERT, 0x20, 1, "a long value that is cut");
	assert_int_equal(lh_batch_parts(&m->out), 5);
	for (uint32_t i = 0; i < 5; i++)
	{
		assert_string_equal(m->recorders[0].log, "");
		assert_int_equal(lh_batch_part(m->ctx, &m->out, i, false, &m->packed, &bytes), LH_OK);
		assert_int_equal(lh_delivery_batch(m->ctx, m->d, bytes), LH_OK);
	}
	assert_string_equal(m->recorders[0].log, "t:20/1.0=a long value that is cut ");
	/* one that is missing */
	assert_int_equal(lh_batch_part(m->ctx, &m->out, 0, false, &m->packed, &bytes), LH_OK);
	assert_int_equal(lh_delivery_batch(m->ctx, m->d, bytes), LH_OK);
	assert_int_equal(lh_batch_part(m->ctx, &m->out, 2, false, &m->packed, &bytes), LH_OK);
	assert_int_equal(lh_delivery_batch(m->ctx, m->d, bytes), LH_CORRUPT);
}

static void
what_contradicts_is_refused(void **state)
{
	Made *m = *state;

	transaction(m, 0x20, true);
	transaction(m, 0x1f, false);
	corrupt(m, "behind one at 0/20");
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_BEGIN, 0x30, 0, NULL);
	corrupt(m, "behind one at 0/20");
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_INSERT, 0x20, 1, "x");
	corrupt(m, "no schema frame");
	assert_false(lh_delivery_state(m->d)->sink_failed);
}

/* What is told before its commit was not asked for. */
static void
unfinished_transactions_are_refused(void **state)
{
	static const LhChangeEvent events[] = {
		{.op = LH_CHANGE_STREAM_START, .pos.xid = 9, .sub = 9, .first = true},
		{.op = LH_CHANGE_MESSAGE, .pos = {0x20, 1, 9}, .sub = 10, .transactional = true},
		{.op = LH_CHANGE_STREAM_COMMIT, .pos = {0x20, 2, 9}},
		{.op = LH_CHANGE_ROLLBACK_PREPARED, .pos = {0x20, 0, 9}, .gid = "g"}};
	Made *m = *state;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
	{
		assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
		assert_int_equal(lh_frame_begin(m->ctx, &m->out, &events[i]), LH_OK);
		assert_int_equal(lh_frame_unfinished(m->ctx, &m->out, &events[i]), LH_OK);
		assert_int_equal(lh_frame_end(m->ctx, &m->out, true), LH_OK);
		corrupt(m, "of transaction 9, which is not finished");
	}
	assert_string_equal(m->recorders[0].log, "");
}

static void
the_end_is_kept(void **state)
{
	Made *m = *state;
	LhDeliveryConfig config = {.slot = "s", .nformats = 1, .max_message = 1 << 20, .until = 0x28};

	lh_route_compile(m->ctx, "{table}:", true, &config.topic);
	lh_route_compile(m->ctx, "msg:", false, &config.message_topic);
	assert_int_equal(lh_delivery_create(m->ctx, &config, 2, m->sinks, &m->d), LH_OK);
	assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	transaction(m, 0x20, true);
	transaction(m, 0x30, false);
	sent(m);
	assert_true(lh_delivery_state(m->d)->ended);
	assert_string_equal(m->recorders[0].log, "t:20/1.0=a t:20/2.0=b C20 ");
	flushed(m);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
}

static void
a_sinks_failure_is_its_own(void **state)
{
	Made *m = *state;

	m->recorders[1].fails = LH_IO;
	transaction(m, 0x20, true);
	assert_int_equal(send(m), LH_IO);
	assert_string_equal(m->ctx->error->message, "sink two: the sink is full");
	assert_true(lh_delivery_state(m->d)->sink_failed);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x10);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_aside_goes_where_messages_go),
		T(rows_are_put_and_confirmed_when_durable),
		T(half_a_transaction_is_not_confirmed),
		T(what_a_sink_holds_is_not_put_again),
		T(a_lost_connection_repeats_nothing),
		T(schema_events_stand_before_their_row),
		T(schema_events_are_not_lost_with_a_flush),
		T(idle_positions_are_stored_first),
		T(progress_is_what_was_sent),
		T(what_comes_behind_its_progress_is_refused),
		T(parts_are_joined),
		T(what_contradicts_is_refused),
		T(unfinished_transactions_are_refused),
		T(the_end_is_kept),
		T(a_sinks_failure_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
