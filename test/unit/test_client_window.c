/*
 * test_client_window.c
 *		Rows beside a stream: which go out, which an event said, which are read again.
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
#include "client/window.h"

#define RELID 16384
#define ROOT  16390

typedef struct Made
{
	LhCtx *ctx;
	LhChangeOut out;
	LhBuf packed;
	LhSeen *seen;
	LhWindow *w;
	LhFrameReader reader;
} Made;

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));
	static const uint32_t relids[] = {RELID, ROOT};

	m->ctx = lh_ctx_create();
	m->seen = calloc(1, sizeof(*m->seen));
	m->out.framed = m->out.want_key = true;
	lh_buf_init(m->ctx, &m->out.buf, false);
	lh_buf_init(m->ctx, &m->packed, false);
	assert_int_equal(lh_window_create(m->ctx, 1 << 20, 1 << 20, &m->w), LH_OK);
	assert_int_equal(lh_window_begin(m->ctx, m->w, 2, relids, 1), LH_OK);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	Made *m = *state;

	lh_ctx_destroy(m->ctx);
	free(m->seen);
	free(m);
	return 0;
}

/* A batch of one row's frame; keys: of formats 0, 1, ... as far as there are. */
static LhSlice
batch_of(Made *m, LhChangeOp op, uint32_t relid, uint32_t xid, bool incomplete, bool key_changed,
		 int nkeys, const char *const *keys, const uint8_t *formats)
{
	LhChangeRel rel = {.relid = relid, .generation = 1, .schema = "public", .name = "t"};
	LhChangeEvent ev = {.op = op,
						.pos = {0x100, 1, xid},
						.rel = &rel,
						.transactional = true,
						.incomplete = incomplete,
						.key_changed = key_changed};
	LhSlice bytes;

	assert_int_equal(lh_batch_begin(m->ctx, &m->out), LH_OK);
	assert_int_equal(lh_frame_begin(m->ctx, &m->out, &ev), LH_OK);
	if (op == LH_CHANGE_SCHEMA)
		assert_int_equal(lh_frame_relation(m->ctx, &m->out, &rel), LH_OK);
	for (int i = 0; i < nkeys; i++)
	{
		m->out.format = formats != NULL ? formats[i] : 0;
		assert_int_equal(lh_out_message(m->ctx, &m->out), LH_OK);
		if (keys[i] != NULL)
			assert_int_equal(lh_put(m->ctx, &m->out.buf, keys[i], strlen(keys[i])), LH_OK);
		assert_int_equal(lh_out_value(m->ctx, &m->out), LH_OK);
		assert_int_equal(lh_put(m->ctx, &m->out.buf, "v", 1), LH_OK);
		assert_int_equal(lh_out_end(m->ctx, &m->out), LH_OK);
	}
	assert_int_equal(lh_frame_end(m->ctx, &m->out, true), LH_OK);
	m->out.nmessages = 0;
	assert_int_equal(lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes), LH_OK);
	return bytes;
}

/* An event of the stream, as the delivery hands it on. */
static void
event_of(Made *m, LhSlice bytes)
{
	LhFrame f;
	bool end;

	assert_int_equal(lh_batch_open(m->ctx, bytes, 1 << 20, &m->reader), LH_OK);
	assert_int_equal(lh_batch_next(m->ctx, &m->reader, &f, &end), LH_OK);
	assert_false(end);
	lh_seen_add(m->seen, f.pos.xid);
	assert_int_equal(lh_window_event(m->ctx, m->w, &f), LH_OK);
}

static void
event(Made *m, LhChangeOp op, uint32_t xid, const char *key)
{
	event_of(m, batch_of(m, op, RELID, xid, false, false, 1, &key, NULL));
}

static void
incomplete(Made *m, uint32_t xid, const char *key)
{
	event_of(m, batch_of(m, LH_CHANGE_UPDATE, RELID, xid, true, false, 1, &key, NULL));
}

static bool
held_as(Made *m, LhChangeOp op, const char *key)
{
	LhSlice k = lh_slice(key, key != NULL ? strlen(key) : 0);
	bool full;

	assert_int_equal(lh_window_hold(m->ctx, m->w,
									batch_of(m, op, RELID, 0, false, false, 1, &key, NULL), &k,
									&full),
					 LH_OK);
	return !full;
}

static void
hold(Made *m, const char *key)
{
	assert_true(held_as(m, LH_CHANGE_READ, key));
}

static LhOutcome
decide(Made *m, const char *snapshot)
{
	LhXidSnapshot s;
	LhOutcome outcome;

	assert_int_equal(lh_xids_parse(m->ctx, snapshot, &s), LH_OK);
	assert_int_equal(lh_window_decide(m->ctx, m->w, &s, m->seen, 0, NULL, &outcome), LH_OK);
	return outcome;
}

/* "key+" goes, "key-" is dropped, "key?" is read again. */
static const char *
verdicts(Made *m)
{
	static char text[512];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < lh_window_nrows(m->w); i++)
	{
		const LhHeldRow *r = lh_window_row(m->w, i);

		n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%.*s%c", i > 0 ? " " : "",
							   (int) r->keys[0].len, (const char *) r->keys[0].data,
							   "+-?"[r->verdict]);
	}
	return text;
}

/* ---- snapshots ---- */

static void
snapshots_see_what_had_ended(void **state)
{
	Made *m = *state;
	LhXidSnapshot s;

	assert_int_equal(lh_xids_parse(m->ctx, "10:20:10,14,19", &s), LH_OK);
	assert_true(lh_xids_see(&s, 9));
	assert_false(lh_xids_see(&s, 10));
	assert_true(lh_xids_see(&s, 11));
	assert_false(lh_xids_see(&s, 14));
	assert_true(lh_xids_see(&s, 18));
	assert_false(lh_xids_see(&s, 19));
	assert_false(lh_xids_see(&s, 20));
	assert_false(lh_xids_see(&s, 4000));
	assert_int_equal(lh_xids_parse(m->ctx, "5:5:", &s), LH_OK);
	assert_true(lh_xids_see(&s, 4));
	assert_false(lh_xids_see(&s, 5));
	/* of the third epoch, around its end: frames have the lower half alone */
	assert_int_equal(lh_xids_parse(m->ctx, "12884901885:12884901893:12884901889", &s), LH_OK);
	assert_true(lh_xids_see(&s, UINT32_MAX - 3));
	assert_true(lh_xids_see(&s, UINT32_MAX));
	assert_false(lh_xids_see(&s, 1));
	assert_true(lh_xids_see(&s, 3));
	assert_false(lh_xids_see(&s, 5));
}

static void
what_is_no_snapshot_is_refused(void **state)
{
	Made *m = *state;
	static const char *const texts[] = {"",
										"10",
										"10:20",
										"10:20:x",
										"a:20:",
										"10::",
										"10:20:9",
										"10:20:11,",
										"10:20:12,11",
										"10:20:11,11",
										"10:20:11 ",
										"99999999999999999999999:1:"};
	LhXidSnapshot s;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		lh_error_clear(m->ctx);
		if (lh_xids_parse(m->ctx, texts[i], &s) != LH_CORRUPT)
			fail_msg("\"%s\" was taken", texts[i]);
	}
}

static void
transactions_are_remembered_for_a_while(void **state)
{
	Made *m = *state;
	LhXidSnapshot s;

	assert_int_equal(lh_xids_parse(m->ctx, "100:200:150", &s), LH_OK);
	lh_seen_add(m->seen, 120);
	lh_seen_add(m->seen, 150);
	lh_seen_add(m->seen, 150);
	assert_int_equal(m->seen->n, 2);
	assert_false(lh_seen_before(m->seen, 1, &s));
	assert_true(lh_seen_before(m->seen, 2, &s));
	for (uint32_t i = 0; i < LH_SEEN_MAX; i++)
		lh_seen_add(m->seen, 10 + i % 50);
	assert_false(lh_seen_before(m->seen, m->seen->n, &s));
}

/* ---- rows ---- */

static void
rows_without_events_go_out(void **state)
{
	Made *m = *state;

	event(m, LH_CHANGE_UPDATE, 5, "a"); /* before low: the rows have it in them */
	lh_window_low(m->w, m->seen);
	hold(m, "a");
	hold(m, "b");
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "a+ b+");
}

static void
rows_that_an_event_said_are_dropped(void **state)
{
	Made *m = *state;

	hold(m, "a");
	hold(m, "b");
	hold(m, "c");
	hold(m, "d");
	lh_window_low(m->w, m->seen);
	event(m, LH_CHANGE_UPDATE, 10, "a");
	event(m, LH_CHANGE_DELETE, 11, "c");
	event(m, LH_CHANGE_INSERT, 12, "dd");
	/* whether the snapshot saw it or not */
	assert_int_equal(decide(m, "11:11:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "a- b+ c- d+");
}

static void
events_of_other_tables_do_not_count(void **state)
{
	Made *m = *state;
	const char *a = "a", *b = "b";

	lh_window_low(m->w, m->seen);
	event_of(m, batch_of(m, LH_CHANGE_UPDATE, 777, 10, false, false, 1, &a, NULL));
	event_of(m, batch_of(m, LH_CHANGE_TRUNCATE, 777, 10, false, false, 0, NULL, NULL));
	/* a partition's come under its root's name */
	event_of(m, batch_of(m, LH_CHANGE_UPDATE, ROOT, 10, false, false, 1, &b, NULL));
	hold(m, "a");
	hold(m, "b");
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "a+ b-");
}

/* The same bytes are another key in another format. */
static void
keys_are_of_their_format(void **state)
{
	Made *m = *state;
	const char *const keys[] = {"x", "y"};
	const uint8_t formats[] = {2, 0};
	LhSlice key = lh_slice("k", 1);
	bool full;

	lh_window_low(m->w, m->seen);
	event_of(m, batch_of(m, LH_CHANGE_UPDATE, RELID, 10, false, false, 2, keys, formats));
	hold(m, "x"); /* of format 0 */
	hold(m, "y");
	assert_int_equal(
		lh_window_hold(m->ctx, m->w,
					   batch_of(m, LH_CHANGE_READ, RELID, 0, false, false, 1, keys, formats), &key,
					   &full),
		LH_OK);
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "x+ y- k-");
}

/* Debezium's delete and create stand in one frame. */
static void
both_keys_of_an_update_are_collected(void **state)
{
	Made *m = *state;
	const char *const keys[] = {"a", "a", "b"};

	lh_window_low(m->w, m->seen);
	event_of(m, batch_of(m, LH_CHANGE_UPDATE, RELID, 10, true, true, 3, keys, NULL));
	hold(m, "a");
	hold(m, "b");
	hold(m, "c");
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "a- b- c+");
}

/* A large value that an event left out must come from somewhere. */
static void
incomplete_events_lose_no_row(void **state)
{
	Made *m = *state;

	lh_window_low(m->w, m->seen);
	incomplete(m, 10, "seen");
	incomplete(m, 10, "seen");
	incomplete(m, 20, "unseen");
	incomplete(m, 10, "both");
	incomplete(m, 20, "both");
	incomplete(m, 20, "whole");
	event(m, LH_CHANGE_UPDATE, 20, "whole");
	incomplete(m, 20, "whole before");
	event(m, LH_CHANGE_UPDATE, 21, "whole before");
	incomplete(m, 22, "whole before");
	event(m, LH_CHANGE_DELETE, 22, "whole before");
	hold(m, "seen");
	hold(m, "unseen");
	hold(m, "both");
	hold(m, "whole");
	hold(m, "whole before");
	hold(m, "other");
	assert_int_equal(decide(m, "15:16:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "seen+ unseen? both? whole- whole before- other+");
}

static void
exceptions_are_dropped(void **state)
{
	Made *m = *state;
	LhSlice except[] = {lh_slice("b", 1), lh_slice("cc", 2)};
	LhXidSnapshot s;
	LhOutcome outcome;

	lh_window_low(m->w, m->seen);
	hold(m, "a");
	hold(m, "b");
	hold(m, "c");
	assert_int_equal(lh_xids_parse(m->ctx, "10:10:", &s), LH_OK);
	assert_int_equal(lh_window_decide(m->ctx, m->w, &s, m->seen, 2, except, &outcome), LH_OK);
	assert_int_equal(outcome, LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "a+ b- c+");
}

static void
a_truncation_drops_all(void **state)
{
	Made *m = *state;

	lh_window_low(m->w, m->seen);
	hold(m, "a");
	hold(m, "b");
	event_of(m, batch_of(m, LH_CHANGE_TRUNCATE, RELID, 10, false, false, 0, NULL, NULL));
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "a- b-");
}

/* ---- windows that do not hold ---- */

static void
no_low_no_window(void **state)
{
	Made *m = *state;

	hold(m, "a");
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_VOID);
}

static void
an_unknown_key_makes_it_void(void **state)
{
	Made *m = *state;
	const char *none = NULL;

	lh_window_low(m->w, m->seen);
	hold(m, "a");
	event_of(m, batch_of(m, LH_CHANGE_QUARANTINE, RELID, 10, false, false, 0, NULL, NULL));
	assert_int_equal(decide(m, "11:11:"), LH_WINDOW_VOID);
	assert_int_equal(lh_window_begin(m->ctx, m->w, 1, (uint32_t[]){RELID}, 1), LH_OK);
	lh_window_low(m->w, m->seen);
	assert_int_equal(decide(m, "11:11:"), LH_WINDOW_GOOD);
	event_of(m, batch_of(m, LH_CHANGE_INSERT, RELID, 10, false, false, 1, &none, NULL));
	assert_int_equal(decide(m, "11:11:"), LH_WINDOW_VOID);
}

static void
too_many_keys_make_it_void(void **state)
{
	Made *m = *state;
	char key[32];

	lh_window_low(m->w, m->seen);
	for (int i = 0; i < 5000; i++)
	{
		snprintf(key, sizeof(key), "key %d", i);
		event(m, LH_CHANGE_INSERT, 10, key);
	}
	hold(m, "key 4999");
	hold(m, "key 5000");
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "key 4999- key 5000+");
	for (int i = 0; i < 10000; i++)
	{
		snprintf(key, sizeof(key), "more %d", i);
		event(m, LH_CHANGE_INSERT, 10, key);
	}
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_VOID);
}

/* One key that thousands of transactions touch costs memory, too, but no time. */
static void
a_busy_key_is_bounded(void **state)
{
	Made *m = *state;

	lh_window_low(m->w, m->seen);
	for (uint32_t i = 0; i < 10000; i++)
		incomplete(m, 100 + i, "busy");
	hold(m, "busy");
	assert_int_equal(decide(m, "50:50:"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "busy?");
	for (uint32_t i = 0; i < 30000; i++)
		incomplete(m, 20000 + i, "busy");
	assert_int_equal(decide(m, "50:50:"), LH_WINDOW_VOID);
}

/* In the log, but not yet visible: a synchronous standby is waited for. */
static void
rows_older_than_the_stream_are_not_taken(void **state)
{
	Made *m = *state;

	event(m, LH_CHANGE_UPDATE, 12, "a");
	lh_window_low(m->w, m->seen);
	hold(m, "a");
	assert_int_equal(decide(m, "12:20:12"), LH_WINDOW_EARLY);
	assert_int_equal(decide(m, "13:20:15"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "a+");
	/* behind low it is an event like any other */
	event(m, LH_CHANGE_UPDATE, 15, "a");
	assert_int_equal(decide(m, "13:20:15"), LH_WINDOW_GOOD);
	assert_string_equal(verdicts(m), "a-");
}

static void
rows_without_keys_are_told(void **state)
{
	Made *m = *state;

	lh_window_low(m->w, m->seen);
	hold(m, "a");
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_GOOD);
	assert_true(held_as(m, LH_CHANGE_QUARANTINE, NULL));
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_GOOD);
	assert_true(held_as(m, LH_CHANGE_READ, NULL));
	assert_int_equal(decide(m, "10:10:"), LH_WINDOW_KEYLESS);
}

static void
rows_have_a_limit(void **state)
{
	Made *m = *state;
	static const uint32_t relid = RELID;
	int n = 0;

	assert_int_equal(lh_window_create(m->ctx, 4096, 1 << 20, &m->w), LH_OK);
	assert_int_equal(lh_window_begin(m->ctx, m->w, 1, &relid, 1), LH_OK);
	while (held_as(m, LH_CHANGE_READ, "key"))
		assert_true(++n < 100);
	assert_in_range(n, 8, 32);
	assert_int_equal(lh_window_nrows(m->w), n);
	assert_in_range(lh_window_bytes(m->w), 2048, 4096);
	/* one alone has none */
	assert_int_equal(lh_window_create(m->ctx, 16, 1 << 20, &m->w), LH_OK);
	assert_int_equal(lh_window_begin(m->ctx, m->w, 1, &relid, 1), LH_OK);
	assert_true(held_as(m, LH_CHANGE_READ, "key"));
	assert_false(held_as(m, LH_CHANGE_READ, "key"));
}

static void
schema_frames_are_noticed(void **state)
{
	Made *m = *state;
	LhSlice k = lh_slice("a", 1);
	bool full;

	lh_window_low(m->w, m->seen);
	assert_int_equal(
		lh_window_hold(m->ctx, m->w,
					   batch_of(m, LH_CHANGE_SCHEMA, RELID, 0, false, false, 0, NULL, NULL), &k,
					   &full),
		LH_OK);
	hold(m, "b");
	(void) decide(m, "10:10:");
	assert_true(lh_window_row(m->w, 0)->names);
	assert_false(lh_window_row(m->w, 1)->names);
}

static void
hostile_rows_are_refused(void **state)
{
	Made *m = *state;
	LhSlice k = lh_slice("a", 1), bytes;
	LhXidSnapshot s;
	LhOutcome outcome;
	bool full;

	assert_int_equal(lh_xids_parse(m->ctx, "10:10:", &s), LH_OK);
	for (size_t cut = 1;; cut++)
	{
		const char *key = "a";

		assert_int_equal(lh_window_begin(m->ctx, m->w, 1, (uint32_t[]){RELID}, 1), LH_OK);
		lh_window_low(m->w, m->seen);
		bytes = batch_of(m, LH_CHANGE_READ, RELID, 0, false, false, 1, &key, NULL);
		if (cut >= bytes.len - 12)
			break;
		bytes.len -= cut;
		lh_error_clear(m->ctx);
		assert_int_equal(lh_window_hold(m->ctx, m->w, bytes, &k, &full), LH_OK);
		assert_int_not_equal(lh_window_decide(m->ctx, m->w, &s, m->seen, 0, NULL, &outcome), LH_OK);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(snapshots_see_what_had_ended),
		T(what_is_no_snapshot_is_refused),
		T(transactions_are_remembered_for_a_while),
		T(rows_without_events_go_out),
		T(rows_that_an_event_said_are_dropped),
		T(events_of_other_tables_do_not_count),
		T(keys_are_of_their_format),
		T(both_keys_of_an_update_are_collected),
		T(incomplete_events_lose_no_row),
		T(exceptions_are_dropped),
		T(a_truncation_drops_all),
		T(no_low_no_window),
		T(an_unknown_key_makes_it_void),
		T(too_many_keys_make_it_void),
		T(a_busy_key_is_bounded),
		T(rows_older_than_the_stream_are_not_taken),
		T(rows_without_keys_are_told),
		T(rows_have_a_limit),
		T(schema_frames_are_noticed),
		T(hostile_rows_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
