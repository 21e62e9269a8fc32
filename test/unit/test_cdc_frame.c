/*
 * test_cdc_frame.c
 *		Batches of frames: what is written is read back, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cdc_make.h"
#include "change/frame.h"
#include "change/text.h"

#define MAX_PLAIN ((size_t) 64 << 20)

typedef struct Made
{
	LhCtx *ctx;
	LhChangeOut out;
	LhBuf packed;
} Made;

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));

	m->ctx = lh_ctx_create();
	m->out.framed = true;
	m->out.want_key = true;
	lh_buf_init(m->ctx, &m->out.buf, false);
	lh_buf_init(m->ctx, &m->packed, false);
	lh_frame_max_body = LH_FRAME_MAX_BODY;
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	Made *m = *state;

	lh_ctx_destroy(m->ctx);
	free(m);
	lh_frame_max_body = LH_FRAME_MAX_BODY;
	return 0;
}

static const LhChangeRel rel = {.relid = 16384, .generation = 3, .schema = "public", .name = "t"};
static const LhChangeTxn txn = {
	.xid = 735, .commit_end = 0x16b3748, .commit_time = 849301261123456};

static LhChangeEvent
event(LhChangeOp op, uint64_t ordinal)
{
	return (LhChangeEvent){.op = op,
						   .pos = {.commit_end = 0x16b3748, .ordinal = ordinal, .xid = 735},
						   .lsn = 0x16b3000 + ordinal,
						   .txn = &txn,
						   .rel = op == LH_CHANGE_BEGIN || op == LH_CHANGE_COMMIT ? NULL : &rel,
						   .transactional = true,
						   .key_changed = op == LH_CHANGE_UPDATE};
}

static void
message(Made *m, int format, const char *key, const void *value, size_t n)
{
	m->out.format = format;
	LH_OK_(m->ctx, lh_out_message(m->ctx, &m->out));
	if (key != NULL)
		LH_OK_(m->ctx, lh_put(m->ctx, &m->out.buf, key, strlen(key)));
	if (value == NULL)
	{
		LH_OK_(m->ctx, lh_out_tombstone(m->ctx, &m->out));
		return;
	}
	LH_OK_(m->ctx, lh_out_value(m->ctx, &m->out));
	LH_OK_(m->ctx, lh_put(m->ctx, &m->out.buf, value, n));
	LH_OK_(m->ctx, lh_out_end(m->ctx, &m->out));
}

static void
frame(Made *m, LhChangeOp op, uint64_t ordinal, const char *key, const char *value)
{
	LhChangeEvent ev = event(op, ordinal);

	LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
	if (key != NULL || value != NULL)
		message(m, 0, key, value, value != NULL ? strlen(value) : 0);
	LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, op == LH_CHANGE_BEGIN || op == LH_CHANGE_COMMIT));
}

static void
check_frame(Made *m, LhFrameReader *reader, LhChangeOp op, uint64_t ordinal, int nmessages,
			LhFrame *f)
{
	bool end;

	LH_OK_(m->ctx, lh_batch_next(m->ctx, reader, f, &end));
	assert_false(end);
	assert_int_equal(f->kind, op);
	assert_int_equal(f->pos.commit_end, 0x16b3748);
	assert_int_equal(f->pos.ordinal, ordinal);
	assert_int_equal(f->pos.xid, 735);
	assert_int_equal(f->lsn, 0x16b3000 + ordinal);
	assert_int_equal(f->commit_time, 849301261123456);
	assert_int_equal(f->nmessages, nmessages);
	assert_int_equal(f->relid, op == LH_CHANGE_BEGIN || op == LH_CHANGE_COMMIT ? 0 : 16384);
	assert_int_equal(f->generation, op == LH_CHANGE_BEGIN || op == LH_CHANGE_COMMIT ? 0 : 3);
}

static void
check_message(Made *m, LhSlice body, size_t *at, int format, const char *key, const char *value)
{
	LhFrameMessage got;

	LH_OK_(m->ctx, lh_frame_message(m->ctx, body, at, &got));
	assert_int_equal(got.format, format);
	assert_int_equal(got.has_key, key != NULL);
	assert_int_equal(got.tombstone, value == NULL);
	assert_int_equal(got.key.len, key != NULL ? strlen(key) : 0);
	assert_memory_equal(got.key.data, key != NULL ? key : "", got.key.len);
	assert_int_equal(got.value.len, value != NULL ? strlen(value) : 0);
	assert_memory_equal(got.value.data, value != NULL ? value : "", got.value.len);
}

/* Five frames: BEGIN and COMMIT without messages, two rows, one of them of two formats and a tombstone. */
static LhSlice
some_batch(Made *m, bool zstd)
{
	LhChangeEvent ev = event(LH_CHANGE_UPDATE, 2);
	LhSlice bytes;

	LH_OK_(m->ctx, lh_batch_begin(m->ctx, &m->out));
	frame(m, LH_CHANGE_BEGIN, 0, NULL, NULL);
	frame(m, LH_CHANGE_INSERT, 1, "{\"id\":1}",
		  "{\"op\":\"insert\",\"new\":{\"id\":1,\"name\":\"x\"}}");
	LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
	message(m, 0, "k", "value of the first format", 25);
	message(m, 1, "k", NULL, 0);
	message(m, 1, NULL, "", 0);
	LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, false));
	/* a frame of an event that no format says anything of leaves no trace */
	frame(m, LH_CHANGE_TRUNCATE, 3, NULL, NULL);
	frame(m, LH_CHANGE_COMMIT, 4, NULL, NULL);
	assert_int_equal(lh_batch_frames(&m->out), 4);
	assert_int_equal(lh_batch_parts(&m->out), 1);
	LH_OK_(m->ctx, lh_batch_end(m->ctx, &m->out, zstd, &m->packed, &bytes));
	return bytes;
}

static void
check_some_batch(Made *m, LhSlice bytes, LhFrameReader *reader)
{
	LhFrame f;
	size_t at = 0;
	bool end;

	LH_OK_(m->ctx, lh_batch_open(m->ctx, bytes, MAX_PLAIN, reader));
	check_frame(m, reader, LH_CHANGE_BEGIN, 0, 0, &f);
	check_frame(m, reader, LH_CHANGE_INSERT, 1, 1, &f);
	assert_int_equal(f.flags, 0);
	check_message(m, f.body, &at, 0, "{\"id\":1}",
				  "{\"op\":\"insert\",\"new\":{\"id\":1,\"name\":\"x\"}}");
	assert_int_equal(at, f.body.len);
	check_frame(m, reader, LH_CHANGE_UPDATE, 2, 3, &f);
	assert_int_equal(f.flags, LH_FRAME_KEY_CHANGED);
	at = 0;
	check_message(m, f.body, &at, 0, "k", "value of the first format");
	check_message(m, f.body, &at, 1, "k", NULL);
	check_message(m, f.body, &at, 1, NULL, "");
	assert_int_equal(at, f.body.len);
	check_frame(m, reader, LH_CHANGE_COMMIT, 4, 0, &f);
	LH_OK_(m->ctx, lh_batch_next(m->ctx, reader, &f, &end));
	assert_true(end);
}

static void
the_head_is_as_documented(void **state)
{
	Made *m = *state;
	LhSlice bytes = some_batch(m, false);
	static const uint8_t head[] = {'L', 'H', 'F', '1', 0, 0, 0, 0};

	assert_memory_equal(bytes.data, head, 8);
	assert_int_equal(lh_load_u32(bytes.data + 8), bytes.len - LH_FRAME_BATCH_HEAD);
	/* the first frame is a head alone: 60 bytes with its length word */
	assert_int_equal(lh_load_u32(bytes.data + LH_FRAME_BATCH_HEAD), 56);
	assert_int_equal(LH_FRAME_HEAD, 4 + 1 + 1 + 2 + 3 * 8 + 5 * 4 + 8);
}

static void
batches_are_read_back(void **state)
{
	Made *m = *state;
	LhFrameReader reader = {0};
	LhSlice bytes;

	for (int i = 0; i < 3; i++)
	{
		check_some_batch(m, some_batch(m, false), &reader);
		check_some_batch(m, some_batch(m, true), &reader);
	}
	assert_true(some_batch(m, true).data[4] == LH_FRAME_ZSTD);
	/* nothing to gain: the plain batch */
	LH_OK_(m->ctx, lh_batch_begin(m->ctx, &m->out));
	LH_OK_(m->ctx, lh_batch_end(m->ctx, &m->out, true, &m->packed, &bytes));
	assert_int_equal(bytes.len, LH_FRAME_BATCH_HEAD);
	assert_int_equal(bytes.data[4], 0);
}

static void
flags_say_what_the_event_was(void **state)
{
	static const struct
	{
		LhChangeOp op;
		bool transactional;
		uint8_t flags;
	} cases[] = {{LH_CHANGE_READ, false, LH_FRAME_SNAPSHOT},
				 {LH_CHANGE_MESSAGE, true, LH_FRAME_TRANSACTIONAL},
				 {LH_CHANGE_MESSAGE, false, 0},
				 {LH_CHANGE_DELETE, true, 0}};
	Made *m = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhChangeEvent ev = {.op = cases[i].op, .transactional = cases[i].transactional};
		LhFrameReader reader = {0};
		LhSlice bytes;
		LhFrame f;
		bool end;

		LH_OK_(m->ctx, lh_batch_begin(m->ctx, &m->out));
		LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
		LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, true));
		LH_OK_(m->ctx, lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes));
		LH_OK_(m->ctx, lh_batch_open(m->ctx, bytes, MAX_PLAIN, &reader));
		LH_OK_(m->ctx, lh_batch_next(m->ctx, &reader, &f, &end));
		assert_int_equal(f.flags, cases[i].flags);
		assert_int_equal(f.commit_time, 0);
	}
}

static void
a_frame_too_large_goes_out_in_parts(void **state)
{
	Made *m = *state;
	char value[1000];
	LhBuf joined;

	lh_frame_max_body = 300;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char) ('a' + i / 50);
	lh_buf_init(m->ctx, &joined, false);
	for (int zstd = 0; zstd < 2; zstd++)
	{
		LhChangeEvent ev = event(LH_CHANGE_INSERT, 2);
		LhFrameReader reader = {0};
		LhSlice bytes;
		LhFrame f;
		size_t at = 0;
		LhFrameMessage got;
		bool end;

		LH_OK_(m->ctx, lh_batch_begin(m->ctx, &m->out));
		frame(m, LH_CHANGE_INSERT, 1, "k", "before");
		LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
		message(m, 0, "key", value, sizeof(value));
		LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, false));
		assert_int_equal(lh_batch_parts(&m->out), 4);

		LH_OK_(m->ctx, lh_batch_end(m->ctx, &m->out, zstd, &m->packed, &bytes));
		LH_OK_(m->ctx, lh_batch_open(m->ctx, bytes, MAX_PLAIN, &reader));
		check_frame(m, &reader, LH_CHANGE_INSERT, 1, 1, &f);
		LH_OK_(m->ctx, lh_batch_next(m->ctx, &reader, &f, &end));
		assert_true(end);

		joined.len = 0;
		for (uint32_t i = 0; i < 4; i++)
		{
			LH_OK_(m->ctx, lh_batch_part(m->ctx, &m->out, i, zstd, &m->packed, &bytes));
			LH_OK_(m->ctx, lh_batch_open(m->ctx, bytes, MAX_PLAIN, &reader));
			check_frame(m, &reader, LH_CHANGE_INSERT, 2, 1, &f);
			assert_int_equal(f.part, i);
			assert_int_equal(f.nparts, 4);
			LH_OK_(m->ctx, lh_buf_append(m->ctx, &joined, f.body.data, f.body.len));
		}
		LH_OK_(m->ctx, lh_frame_message(m->ctx, lh_slice(joined.data, joined.len), &at, &got));
		assert_int_equal(at, joined.len);
		assert_int_equal(got.value.len, sizeof(value));
		assert_memory_equal(got.value.data, value, sizeof(value));
		assert_int_equal(lh_batch_part(m->ctx, &m->out, 4, zstd, &m->packed, &bytes), LH_BUG);
	}
}

static void
a_whole_batch_has_no_parts(void **state)
{
	Made *m = *state;
	char value[1000] = {0};
	LhChangeEvent ev = event(LH_CHANGE_READ, 2);
	LhFrameReader reader = {0};
	LhSlice bytes;
	LhFrame f;
	bool end;

	lh_frame_max_body = 300;
	for (int dropped = 0; dropped < 2; dropped++)
	{
		LH_OK_(m->ctx, lh_batch_begin(m->ctx, &m->out));
		frame(m, LH_CHANGE_INSERT, 1, "k", "before");
		LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
		message(m, 0, "key", value, sizeof(value));
		LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, false));
		if (dropped)
			lh_frame_drop(&m->out);
		assert_int_equal(lh_batch_frames(&m->out), 2 - dropped);
		LH_OK_(m->ctx, lh_batch_whole(m->ctx, &m->out, &bytes));
		LH_OK_(m->ctx, lh_batch_open(m->ctx, bytes, MAX_PLAIN, &reader));
		check_frame(m, &reader, LH_CHANGE_INSERT, 1, 1, &f);
		if (!dropped)
		{
			check_frame(m, &reader, LH_CHANGE_READ, 2, 1, &f);
			assert_int_equal(f.nparts, 1);
			assert_int_equal(f.flags, LH_FRAME_SNAPSHOT);
			assert_int_equal(f.body.len, LH_FRAME_MESSAGE_HEAD + 3 + sizeof(value));
		}
		LH_OK_(m->ctx, lh_batch_next(m->ctx, &reader, &f, &end));
		assert_true(end);
	}
	/* a frame without messages that was taken back by itself, and one behind it */
	LH_OK_(m->ctx, lh_batch_begin(m->ctx, &m->out));
	frame(m, LH_CHANGE_INSERT, 1, "k", "before");
	LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
	LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, false));
	LH_OK_(m->ctx, lh_batch_whole(m->ctx, &m->out, &bytes));
	LH_OK_(m->ctx, lh_batch_open(m->ctx, bytes, MAX_PLAIN, &reader));
	check_frame(m, &reader, LH_CHANGE_INSERT, 1, 1, &f);
	LH_OK_(m->ctx, lh_batch_next(m->ctx, &reader, &f, &end));
	assert_true(end);
}

/* Read all there is; false when something was found wrong. */
static bool
read_all(Made *m, LhSlice bytes)
{
	LhFrameReader reader = {0};
	LhArena *arena = lh_arena_create(NULL), *old = lh_use(m->ctx, arena);
	LhStatus status = lh_batch_open(m->ctx, bytes, 1 << 20, &reader);

	for (bool end = false; status == LH_OK && !end;)
	{
		LhFrameMessage got;
		LhFrame f;
		size_t at = 0;

		status = lh_batch_next(m->ctx, &reader, &f, &end);
		for (int i = 0; status == LH_OK && !end && i < f.nmessages; i++)
			status = lh_frame_message(m->ctx, f.body, &at, &got);
	}
	if (status != LH_OK)
	{
		assert_true(status == LH_CORRUPT || status == LH_LIMIT);
		assert_true(m->ctx->error->message[0] != '\0');
		lh_error_clear(m->ctx);
	}
	lh_use(m->ctx, old);
	lh_arena_destroy(arena);
	return status == LH_OK;
}

static void
truncated_batches_are_corrupt(void **state)
{
	Made *m = *state;

	for (int zstd = 0; zstd < 2; zstd++)
	{
		LhSlice bytes = some_batch(m, zstd);

		for (size_t n = 0; n < bytes.len; n++)
		{
			uint8_t *cut = malloc(n > 0 ? n : 1);

			memcpy(cut, bytes.data, n);
			assert_false(read_all(m, lh_slice(cut, n)));
			free(cut);
		}
		assert_true(read_all(m, bytes));
	}
}

static void
flipped_bits_never_lead_astray(void **state)
{
	Made *m = *state;

	for (int zstd = 0; zstd < 2; zstd++)
	{
		LhSlice bytes = some_batch(m, zstd);
		uint8_t *copy = malloc(bytes.len);

		memcpy(copy, bytes.data, bytes.len);
		for (size_t bit = 0; bit < bytes.len * 8; bit++)
		{
			copy[bit / 8] ^= (uint8_t) (1 << bit % 8);
			/* flags and lengths of the batch leave no room for another meaning */
			if (bit < 12 * 8)
				assert_false(read_all(m, lh_slice(copy, bytes.len)));
			else
				read_all(m, lh_slice(copy, bytes.len));
			copy[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
		free(copy);
	}
}

static void
lengths_that_lie_are_refused_one_by_one(void **state)
{
	static const struct
	{
		size_t at;
		uint32_t value;
		const char *what;
	} lies[] = {
		{12, 55, "a length of 55 bytes"},   {12, UINT32_MAX, "a length of 4294967295 bytes"},
		{12 + 4, 0xff, "unknown kind 255"}, {12 + 44, 1, "part 1 of 1"},
		{12 + 48, 0, "part 0 of 0"},
	};
	Made *m = *state;
	LhSlice bytes = some_batch(m, false);
	LhFrameMessage got;
	size_t at = 0;
	uint8_t body[16] = {0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
	{
		uint8_t *copy = malloc(bytes.len);
		LhFrameReader reader = {0};
		LhFrame f;
		bool end;

		memcpy(copy, bytes.data, bytes.len);
		memcpy(copy + lies[i].at, &lies[i].value, 4);
		LH_OK_(m->ctx, lh_batch_open(m->ctx, lh_slice(copy, bytes.len), MAX_PLAIN, &reader));
		assert_int_equal(lh_batch_next(m->ctx, &reader, &f, &end), LH_CORRUPT);
		assert_non_null(strstr(m->ctx->error->message, lies[i].what));
		lh_error_clear(m->ctx);
		free(copy);
	}
	/* a key of 5 bytes where 4 are, one without its flag, a position outside */
	body[1] = LH_MESSAGE_KEY;
	assert_int_equal(lh_frame_message(m->ctx, lh_slice(body, 16), &at, &got), LH_CORRUPT);
	body[4] = 4;
	body[1] = 0;
	assert_int_equal(lh_frame_message(m->ctx, lh_slice(body, 16), &at, &got), LH_CORRUPT);
	body[1] = LH_MESSAGE_KEY;
	LH_OK_(m->ctx, lh_frame_message(m->ctx, lh_slice(body, 16), &at, &got));
	assert_int_equal(lh_frame_message(m->ctx, lh_slice(body, 16), &at, &got), LH_CORRUPT);
	at = 17;
	assert_int_equal(lh_frame_message(m->ctx, lh_slice(body, 16), &at, &got), LH_CORRUPT);
}

static void
a_batch_that_claims_too_much_is_refused(void **state)
{
	Made *m = *state;
	LhSlice bytes = some_batch(m, true);
	LhFrameReader reader = {0};

	assert_int_equal(lh_batch_open(m->ctx, bytes, 100, &reader), LH_LIMIT);
	assert_int_equal(reader.plain.cap, 0);
	assert_int_equal(lh_batch_open(m->ctx, lh_slice("{\"op\":\"insert\"}", 15), MAX_PLAIN, &reader),
					 LH_CORRUPT);
	assert_non_null(strstr(m->ctx->error->hint, "frames"));
}

/* ---- bare output ---- */

static LhStatus
note(LhChangeOut *out, LhCtx *ctx, void *arg)
{
	char *to = arg;

	strncat(to, (char *) out->buf.data, out->buf.len);
	strcat(to, "|");
	out->buf.len = 0;
	return LH_OK;
}

static void
bare_messages_are_values_or_keys_and_values(void **state)
{
	Made *m = *state;
	char got[256] = "";

	m->out.framed = false;
	m->out.want_key = false;
	m->out.newline = true;
	message(m, 0, NULL, "one", 3);
	message(m, 0, NULL, NULL, 0);
	message(m, 0, NULL, "two", 3);
	assert_int_equal(m->out.buf.len, 8);
	assert_memory_equal(m->out.buf.data, "one\ntwo\n", 8);
	assert_int_equal(m->out.nmessages, 2);

	m->out.buf.len = 0;
	m->out.want_key = true;
	m->out.newline = false;
	m->out.done = note;
	m->out.arg = got;
	message(m, 0, "k", "one", 3);
	message(m, 0, "k", NULL, 0);
	message(m, 0, NULL, "two", 3);
	assert_string_equal(got, "k\tone|\ttwo|");
}

/* A schema frame tells the relation's names before anything that a format says. */
static void
relation_names(void **state)
{
	Made *m = *state;
	LhChangeEvent ev = event(LH_CHANGE_SCHEMA, 1);
	LhChangeRel named = {
		.relid = 16384, .generation = 3, .schema = "My \"Schema\"", .name = "\xc3\xa4.b"};
	LhFrameReader reader = {0};
	LhSlice bytes;
	LhFrame f;
	size_t at = 0;

	ev.rel = &named;
	LH_OK_(m->ctx, lh_batch_begin(m->ctx, &m->out));
	LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
	LH_OK_(m->ctx, lh_frame_relation(m->ctx, &m->out, &named));
	message(m, 0, NULL, "{}", 2);
	LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, true));
	LH_OK_(m->ctx, lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes));

	LH_OK_(m->ctx, lh_batch_open(m->ctx, bytes, MAX_PLAIN, &reader));
	check_frame(m, &reader, LH_CHANGE_SCHEMA, 1, 2, &f);
	check_message(m, f.body, &at, LH_MESSAGE_RELATION, "My \"Schema\"", "\xc3\xa4.b");
	check_message(m, f.body, &at, 0, NULL, "{}");
	assert_int_equal(at, f.body.len);
}

/* Frames of unfinished transactions have a sub-transaction for a commit's time, and say what is no more. */
static void
unfinished_transactions(void **state)
{
	static const LhChangeRange back[] = {{2, UINT64_C(0x100000005)}, {7, 7}};
	static const uint8_t ranges[] = {2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0,
									 7, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0};
	Made *m = *state;
	LhChangeEvent ev = event(LH_CHANGE_STREAM_START, 0);
	LhFrameReader reader = {0};
	LhFrameMessage got;
	LhSlice bytes;
	LhFrame f;
	size_t at = 0;
	bool end;

	ev.rel = NULL;
	ev.pos.commit_end = 0;
	ev.sub = 736;
	ev.first = true;
	LH_OK_(m->ctx, lh_batch_begin(m->ctx, &m->out));
	LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
	LH_OK_(m->ctx, lh_frame_unfinished(m->ctx, &m->out, &ev));
	LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, true));
	ev.op = LH_CHANGE_STREAM_ABORT;
	ev.first = false;
	ev.nback = 2;
	ev.back = back;
	LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
	LH_OK_(m->ctx, lh_frame_unfinished(m->ctx, &m->out, &ev));
	LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, true));
	ev = event(LH_CHANGE_PREPARE, 9);
	ev.rel = NULL;
	ev.gid = "g\xc3\xa4";
	LH_OK_(m->ctx, lh_frame_begin(m->ctx, &m->out, &ev));
	LH_OK_(m->ctx, lh_frame_unfinished(m->ctx, &m->out, &ev));
	LH_OK_(m->ctx, lh_frame_end(m->ctx, &m->out, true));
	LH_OK_(m->ctx, lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes));

	LH_OK_(m->ctx, lh_batch_open(m->ctx, bytes, MAX_PLAIN, &reader));
	LH_OK_(m->ctx, lh_batch_next(m->ctx, &reader, &f, &end));
	assert_int_equal(f.kind, LH_CHANGE_STREAM_START);
	assert_int_equal(f.flags, LH_FRAME_UNFINISHED | LH_FRAME_FIRST);
	assert_int_equal(f.pos.commit_end, 0);
	assert_int_equal(f.commit_time, 736);
	assert_int_equal(f.nmessages, 0);
	LH_OK_(m->ctx, lh_batch_next(m->ctx, &reader, &f, &end));
	assert_int_equal(f.kind, LH_CHANGE_STREAM_ABORT);
	assert_int_equal(f.flags, LH_FRAME_UNFINISHED);
	LH_OK_(m->ctx, lh_frame_message(m->ctx, f.body, &at, &got));
	assert_int_equal(got.format, LH_MESSAGE_UNFINISHED);
	assert_false(got.has_key);
	assert_int_equal(got.value.len, sizeof(ranges));
	assert_memory_equal(got.value.data, ranges, sizeof(ranges));
	LH_OK_(m->ctx, lh_batch_next(m->ctx, &reader, &f, &end));
	assert_int_equal(f.kind, LH_CHANGE_PREPARE);
	assert_int_equal(f.flags, 0);
	assert_int_equal(f.pos.commit_end, 0x16b3748);
	assert_int_equal(f.pos.ordinal, 9);
	assert_int_equal(f.commit_time, 849301261123456);
	at = 0;
	check_message(m, f.body, &at, LH_MESSAGE_UNFINISHED, "g\xc3\xa4", "");
	LH_OK_(m->ctx, lh_batch_next(m->ctx, &reader, &f, &end));
	assert_true(end);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(relation_names),
		T(unfinished_transactions),
		T(the_head_is_as_documented),
		T(batches_are_read_back),
		T(flags_say_what_the_event_was),
		T(a_frame_too_large_goes_out_in_parts),
		T(a_whole_batch_has_no_parts),
		T(truncated_batches_are_corrupt),
		T(flipped_bits_never_lead_astray),
		T(lengths_that_lie_are_refused_one_by_one),
		T(a_batch_that_claims_too_much_is_refused),
		T(bare_messages_are_values_or_keys_and_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
