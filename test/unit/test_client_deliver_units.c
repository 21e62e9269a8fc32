/*
 * test_client_deliver_units.c
 *		Units of snapshots among a stream's events, and who looks on.
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

typedef struct Recorder
{
	LhSink sink;
	char log[MAX_LOG];
	LhChangePos committed;
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
	/* what who looks on saw, and is to do */
	char seen[MAX_LOG];
	const char *unit_at_signal; /* rows, a letter each */
	const char *unit_between;
	uint64_t between_at;
	const char *dropped; /* rows with these values */
	const char *spares;  /* the first sink has none with these */
	LhStatus fails;
} Made;

static LhStatus
rec_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *m)
{
	Recorder *r = (Recorder *) sink;
	size_t n = strlen(r->log);

	if (r->fails != LH_OK)
		LH_FAIL(ctx, r->fails, "the sink is full");
	/* here all that is read or quarantined is of units, and nothing else is */
	assert_int_equal(m->unit, m->op == LH_CHANGE_READ || m->op == LH_CHANGE_QUARANTINE);
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
	snprintf(r->log + n, MAX_LOG - n, "C%llx/%llu ", (unsigned long long) pos->commit_end,
			 (unsigned long long) pos->ordinal);
	return LH_OK;
}

static LhStatus
rec_flush(LhCtx *ctx, LhSink *sink)
{
	sink->durable = ((Recorder *) sink)->committed;
	return LH_OK;
}

static const LhSinkKind recorder_kind = {
	.scheme = "recorder", .put = rec_put, .commit = rec_commit, .flush = rec_flush};

/* ---- frames ---- */

static const LhChangeRel table = {.relid = 16384, .generation = 1, .schema = "public", .name = "t"};
/* a snapshot counts generations for itself */
static const LhChangeRel read_table = {
	.relid = 16384, .generation = 7, .schema = "public", .name = "t"};

static void
put_frame(Made *m, LhChangeOut *out, LhChangeOp op, const LhChangeRel *rel, LhChangePos pos,
		  const char *value)
{
	LhChangeEvent ev = {.op = op, .pos = pos, .transactional = true, .rel = rel};

	assert_int_equal(lh_frame_begin(m->ctx, out, &ev), LH_OK);
	if (op == LH_CHANGE_SCHEMA)
		assert_int_equal(lh_frame_relation(m->ctx, out, rel), LH_OK);
	if (op == LH_CHANGE_SIGNAL)
		assert_int_equal(
			lh_frame_signal(m->ctx, out, "lakehouse.watermark", lh_slice(value, strlen(value))),
			LH_OK);
	else if (value != NULL)
	{
		out->format = 0;
		assert_int_equal(lh_out_message(m->ctx, out), LH_OK);
		assert_int_equal(lh_out_value(m->ctx, out), LH_OK);
		assert_int_equal(lh_put(m->ctx, &out->buf, value, strlen(value)), LH_OK);
		assert_int_equal(lh_out_end(m->ctx, out), LH_OK);
	}
	assert_int_equal(lh_frame_end(m->ctx, out, true), LH_OK);
}

static void
frame(Made *m, LhChangeOp op, uint64_t commit_end, uint64_t ordinal, const char *value)
{
	bool of_table = op >= LH_CHANGE_INSERT && op != LH_CHANGE_MESSAGE && op != LH_CHANGE_SIGNAL;

	put_frame(m, &m->out, op, of_table ? &table : NULL, (LhChangePos){commit_end, ordinal, 7},
			  value);
}

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

/* A row as lakehouse.cdc_row writes it: a batch, the first with the names; positions are zero. */
static LhStatus
unit_row(Made *m, LhChangeOp op, bool names, const char *value)
{
	LhChangeOut out = {.framed = true, .want_key = true};
	LhBuf packed;
	LhSlice bytes;

	assert_int_equal(lh_buf_init(m->ctx, &out.buf, false), LH_OK);
	assert_int_equal(lh_buf_init(m->ctx, &packed, false), LH_OK);
	assert_int_equal(lh_batch_begin(m->ctx, &out), LH_OK);
	if (names)
		put_frame(m, &out, LH_CHANGE_SCHEMA, &read_table, (LhChangePos){0}, NULL);
	put_frame(m, &out, op, op == LH_CHANGE_SIGNAL ? NULL : &read_table, (LhChangePos){0}, value);
	assert_int_equal(lh_batch_end(m->ctx, &out, false, &packed, &bytes), LH_OK);
	return lh_delivery_unit_rows(m->ctx, m->d, bytes);
}

static LhStatus
unit(Made *m, const LhChangePos *pos, const char *rows, bool commits)
{
	LH_TRY(lh_delivery_unit_begin(m->ctx, m->d, pos));
	for (int i = 0; rows[i] != '\0'; i++)
		LH_TRY(unit_row(m, LH_CHANGE_READ, i == 0, (char[]){rows[i], '\0'}));
	return lh_delivery_unit_end(m->ctx, m->d, commits);
}

/* ---- who looks on ---- */

static void
note(Made *m, const char *what)
{
	size_t n = strlen(m->seen);

	snprintf(m->seen + n, MAX_LOG - n, "%s ", what);
}

static LhStatus
on_signal(LhCtx *ctx, const LhFrame *f, LhSlice prefix, LhSlice content, void *arg)
{
	Made *m = arg;
	char text[128];

	snprintf(text, sizeof(text), "%.*s:%.*s@%llx/%llu", (int) prefix.len,
			 (const char *) prefix.data, (int) content.len, (const char *) content.data,
			 (unsigned long long) f->pos.commit_end, (unsigned long long) f->pos.ordinal);
	note(m, text);
	if (m->fails != LH_OK)
		LH_FAIL(ctx, m->fails, "no");
	return m->unit_at_signal != NULL ? unit(m, &f->pos, m->unit_at_signal, false) : LH_OK;
}

static LhStatus
on_row(LhCtx *ctx, const LhFrame *f, bool of_unit, bool *drop, void *arg)
{
	Made *m = arg;
	LhFrameMessage message = {0};
	char text[64];
	size_t at = 0;

	if (f->nmessages > 0)
		LH_TRY(lh_frame_message(ctx, f->body, &at, &message));
	snprintf(text, sizeof(text), "%s%d:%.*s", of_unit ? "u" : "", f->kind, (int) message.value.len,
			 message.value.data != NULL ? (const char *) message.value.data : "");
	note(m, text);
	*drop = m->dropped != NULL && message.value.len == 1 &&
			strchr(m->dropped, message.value.data[0]) != NULL;
	if (m->spares != NULL && message.value.len == 1 &&
		strchr(m->spares, message.value.data[0]) != NULL)
		m->sinks[0].spared = true;
	return LH_OK;
}

static LhStatus
on_between(LhCtx *ctx, uint64_t commit_end, void *arg)
{
	Made *m = arg;
	char text[32];
	const char *rows = m->unit_between;

	snprintf(text, sizeof(text), "<%llx", (unsigned long long) commit_end);
	note(m, text);
	if (rows == NULL || commit_end <= m->between_at)
		return LH_OK;
	m->unit_between = NULL;
	return unit(m, &(LhChangePos){m->between_at, 100, 0}, rows, true);
}

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));
	LhDeliveryConfig config = {.slot = "s",
							   .nformats = 1,
							   .max_message = 1 << 20,
							   .signal = on_signal,
							   .row = on_row,
							   .between = on_between,
							   .arg = m};

	m->ctx = lh_ctx_create();
	m->out.framed = m->out.want_key = true;
	lh_buf_init(m->ctx, &m->out.buf, false);
	lh_buf_init(m->ctx, &m->packed, false);
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

	lh_ctx_destroy(m->ctx);
	free(m);
	return 0;
}

/* ---- units ---- */

static void
a_unit_is_one_event(void **state)
{
	Made *m = *state;

	assert_int_equal(unit(m, &(LhChangePos){0x20, 1, 0}, "abc", true), LH_OK);
	assert_int_equal(unit(m, &(LhChangePos){0x20, 2, 0}, "d", true), LH_OK);
	assert_string_equal(m->recorders[0].log,
						"t:20/1.0=a t:20/1.1=b t:20/1.2=c C20/1 t:20/2.0=d C20/2 ");
	assert_string_equal(m->recorders[1].log, m->recorders[0].log);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x10);
	assert_int_equal(lh_delivery_flush(m->ctx, m->d), LH_OK);
	assert_int_equal(lh_delivery_confirmed(m->d), 0x20);
}

/* Some sink lacks what is at pos. */
static bool
wanted(const Made *m, const LhChangePos *pos)
{
	return lh_change_pos_compare(pos, &m->sinks[0].put) > 0 ||
		   lh_change_pos_compare(pos, &m->sinks[1].put) > 0;
}

static void
a_unit_that_a_sink_holds_is_not_put_again(void **state)
{
	Made *m = *state;

	lh_delivery_recovered(&m->sinks[0], &(LhChangePos){0x20, 2, 0}, true);
	lh_delivery_recovered(&m->sinks[1], &(LhChangePos){0x20, 1, 0}, true);
	assert_false(wanted(m, &(LhChangePos){0x20, 1, 0}));
	assert_true(wanted(m, &(LhChangePos){0x20, 2, 0}));
	assert_true(wanted(m, &(LhChangePos){0x20, 3, 0}));
	for (uint64_t u = 1; u <= 3; u++)
		assert_int_equal(unit(m, &(LhChangePos){0x20, u, 0}, "ab", true), LH_OK);
	assert_string_equal(m->recorders[0].log, "t:20/3.0=a t:20/3.1=b C20/3 ");
	assert_string_equal(m->recorders[1].log,
						"t:20/2.0=a t:20/2.1=b C20/2 t:20/3.0=a t:20/3.1=b C20/3 ");
	assert_false(wanted(m, &(LhChangePos){0x20, 3, 0}));
}

static void
a_sink_can_be_spared(void **state)
{
	Made *m = *state;

	/* of the unit, or the frame, at hand alone */
	m->sinks[0].spared = true;
	assert_int_equal(unit(m, &(LhChangePos){0x20, 1, 0}, "a", false), LH_OK);
	assert_int_equal(unit(m, &(LhChangePos){0x20, 2, 0}, "b", true), LH_OK);
	assert_string_equal(m->recorders[0].log, "t:20/2.0=b C20/2 ");
	assert_string_equal(m->recorders[1].log, "t:20/1.0=a t:20/2.0=b C20/2 ");
	m->spares = "y";
	frame(m, LH_CHANGE_BEGIN, 0x30, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x30, 1, NULL);
	frame(m, LH_CHANGE_INSERT, 0x30, 1, "x");
	frame(m, LH_CHANGE_INSERT, 0x30, 2, "y");
	frame(m, LH_CHANGE_COMMIT, 0x30, 3, "end");
	m->recorders[0].log[0] = m->recorders[1].log[0] = '\0';
	sent(m);
	assert_string_equal(m->recorders[0].log, "t:30/1.0=x msg:30/3.0=end C30/3 ");
	assert_string_equal(m->recorders[1].log, "t:30/1.0=x t:30/2.0=y msg:30/3.0=end C30/3 ");
}

/* What a unit's batches tell of relations holds for it alone, and the stream's for the stream. */
static void
names_are_of_one_unit(void **state)
{
	Made *m = *state;

	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x20, 1, NULL);
	sent(m);
	assert_int_equal(unit(m, &(LhChangePos){0x18, 1, 0}, "a", false), LH_OK);
	frame(m, LH_CHANGE_INSERT, 0x20, 1, "i");
	sent(m);
	assert_int_equal(lh_delivery_unit_begin(m->ctx, m->d, &(LhChangePos){0x20, 2, 0}), LH_OK);
	assert_int_equal(unit_row(m, LH_CHANGE_READ, false, "x"), LH_CORRUPT);
	assert_non_null(strstr(m->ctx->error->message, "no schema frame"));
	assert_string_equal(m->recorders[0].log, "t:18/1.0=a t:20/1.0=i ");
}

static void
only_rows_are_in_a_unit(void **state)
{
	Made *m = *state;
	static const LhChangeOp ops[] = {LH_CHANGE_INSERT,   LH_CHANGE_UPDATE, LH_CHANGE_DELETE,
									 LH_CHANGE_TRUNCATE, LH_CHANGE_SIGNAL, LH_CHANGE_COMMIT,
									 LH_CHANGE_PROGRESS};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
	{
		assert_int_equal(lh_delivery_unit_begin(m->ctx, m->d, &(LhChangePos){0x20, 1, 0}), LH_OK);
		lh_error_clear(m->ctx);
		assert_int_equal(unit_row(m, ops[i], true, "x"), LH_CORRUPT);
		assert_non_null(strstr(m->ctx->error->message, "in a snapshot"));
	}
	assert_int_equal(lh_delivery_unit_begin(m->ctx, m->d, &(LhChangePos){0x20, 1, 0}), LH_OK);
	assert_int_equal(unit_row(m, LH_CHANGE_QUARANTINE, true, "q"), LH_OK);
	assert_string_equal(m->recorders[0].log, "t:20/1.0=q ");
}

static void
a_sinks_failure_in_a_unit_is_its_own(void **state)
{
	Made *m = *state;

	m->recorders[1].fails = LH_IO;
	assert_int_equal(unit(m, &(LhChangePos){0x20, 1, 0}, "a", true), LH_IO);
	assert_string_equal(m->ctx->error->message, "sink two: the sink is full");
	assert_true(lh_delivery_state(m->d)->sink_failed);
}

/* ---- signals ---- */

static void
a_signal_may_bring_a_unit(void **state)
{
	Made *m = *state;

	m->unit_at_signal = "xy";
	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SIGNAL, 0x20, 1, "s high");
	frame(m, LH_CHANGE_COMMIT, 0x20, 2, NULL);
	sent(m);
	assert_string_equal(m->seen, "<20 lakehouse.watermark:s high@20/1 u5:x u5:y ");
	assert_string_equal(m->recorders[0].log, "t:20/1.0=x t:20/1.1=y C20/2 ");
	/* the transaction goes on behind it */
	m->unit_at_signal = "z";
	frame(m, LH_CHANGE_BEGIN, 0x30, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x30, 1, NULL);
	frame(m, LH_CHANGE_INSERT, 0x30, 1, "a");
	frame(m, LH_CHANGE_SIGNAL, 0x30, 2, "s");
	frame(m, LH_CHANGE_INSERT, 0x30, 3, "b");
	m->recorders[0].log[0] = '\0';
	sent(m);
	assert_string_equal(m->recorders[0].log, "t:30/1.0=a t:30/2.0=z t:30/3.0=b ");
	assert_true(lh_delivery_state(m->d)->open);
}

/* After a lost connection the frame comes again; who has the unit does not get another. */
static void
a_signal_that_comes_again_repeats_nothing(void **state)
{
	Made *m = *state;

	for (int i = 0; i < 2; i++)
	{
		m->unit_at_signal = i == 0 ? "x" : "other";
		frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
		frame(m, LH_CHANGE_SIGNAL, 0x20, 1, "s");
		frame(m, LH_CHANGE_COMMIT, 0x20, 2, NULL);
		sent(m);
		assert_int_equal(lh_delivery_start(m->ctx, m->d, 0x10), LH_OK);
	}
	assert_string_equal(m->recorders[0].log, "t:20/1.0=x C20/2 ");
}

static void
a_signals_failure_ends_the_batch(void **state)
{
	Made *m = *state;

	m->fails = LH_LIMIT;
	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SIGNAL, 0x20, 1, "s");
	assert_int_equal(send(m), LH_LIMIT);
	assert_false(lh_delivery_state(m->d)->sink_failed);
}

static void
a_signal_in_another_frame_is_refused(void **state)
{
	Made *m = *state;
	LhChangeEvent ev = {
		.op = LH_CHANGE_INSERT, .pos = {0x20, 1, 7}, .transactional = true, .rel = &table};

	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x20, 1, NULL);
	assert_int_equal(lh_frame_begin(m->ctx, &m->out, &ev), LH_OK);
	assert_int_equal(lh_frame_signal(m->ctx, &m->out, "lakehouse.watermark", lh_slice("x", 1)),
					 LH_OK);
	assert_int_equal(lh_frame_end(m->ctx, &m->out, true), LH_OK);
	assert_int_equal(send(m), LH_CORRUPT);
	assert_non_null(strstr(m->ctx->error->message, "a signal in a change frame of kind"));
	assert_string_equal(m->seen, "<20 2:x ");
}

/* ---- rows, and what is between transactions ---- */

static void
rows_can_be_dropped(void **state)
{
	Made *m = *state;

	m->dropped = "bx";
	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x20, 1, NULL);
	frame(m, LH_CHANGE_INSERT, 0x20, 1, "a");
	frame(m, LH_CHANGE_INSERT, 0x20, 2, "b");
	frame(m, LH_CHANGE_TRUNCATE, 0x20, 3, "c");
	frame(m, LH_CHANGE_COMMIT, 0x20, 4, NULL);
	sent(m);
	assert_string_equal(m->seen, "<20 2:a 2:b 6:c ");
	assert_string_equal(m->recorders[0].log, "t:20/1.0=a t:20/3.0=c C20/4 ");
	/* of a unit, too: its names are taken note of all the same, and others move up */
	m->recorders[0].log[0] = '\0';
	assert_int_equal(unit(m, &(LhChangePos){0x20, 9, 0}, "xyz", false), LH_OK);
	assert_string_equal(m->recorders[0].log, "t:20/9.0=y t:20/9.1=z ");
}

static void
between_transactions_units_may_come(void **state)
{
	Made *m = *state;

	m->unit_between = "xy";
	m->between_at = 0x20;
	frame(m, LH_CHANGE_BEGIN, 0x20, 0, NULL);
	frame(m, LH_CHANGE_SCHEMA, 0x20, 1, NULL);
	frame(m, LH_CHANGE_INSERT, 0x20, 1, "a");
	frame(m, LH_CHANGE_COMMIT, 0x20, 2, NULL);
	frame(m, LH_CHANGE_BEGIN, 0x30, 0, NULL);
	frame(m, LH_CHANGE_INSERT, 0x30, 1, "b");
	frame(m, LH_CHANGE_COMMIT, 0x30, 2, NULL);
	sent(m);
	/* asked once a transaction, before anything of it */
	assert_string_equal(m->seen, "<20 2:a <30 u5:x u5:y 2:b ");
	assert_string_equal(m->recorders[0].log,
						"t:20/1.0=a C20/2 t:20/100.0=x t:20/100.1=y C20/100 t:30/1.0=b C30/2 ");
}

static void
an_idle_log_is_between_transactions(void **state)
{
	Made *m = *state;

	m->unit_between = "x";
	m->between_at = 0x20;
	assert_int_equal(lh_delivery_idle(m->ctx, m->d, 0x20), LH_OK);
	assert_int_equal(lh_delivery_idle(m->ctx, m->d, 0x28), LH_OK);
	assert_string_equal(m->seen, "<20 <28 u5:x ");
	assert_string_equal(m->recorders[0].log, "C20/0 t:20/100.0=x C20/100 C28/0 ");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_unit_is_one_event),
		T(a_unit_that_a_sink_holds_is_not_put_again),
		T(a_sink_can_be_spared),
		T(names_are_of_one_unit),
		T(only_rows_are_in_a_unit),
		T(a_sinks_failure_in_a_unit_is_its_own),
		T(a_signal_may_bring_a_unit),
		T(a_signal_that_comes_again_repeats_nothing),
		T(a_signals_failure_ends_the_batch),
		T(a_signal_in_another_frame_is_refused),
		T(rows_can_be_dropped),
		T(between_transactions_units_may_come),
		T(an_idle_log_is_between_transactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
