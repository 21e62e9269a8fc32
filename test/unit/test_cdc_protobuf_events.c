/*
 * test_cdc_protobuf_events.c
 *		The format "protobuf": envelopes, frames, what is too large.
 */
#include "unit/cdc_protobuf.h"

static void
open_stream(LhCtx *ctx, CdcStream *s, const char *settings, bool framed)
{
	cdc_open(ctx, s, &lh_format_protobuf, settings);
	s->end = "";
	s->out.framed = framed;
	s->out.want_key = framed;
}

/* What came since the last call. */
static const char *
came(CdcStream *s)
{
	const char *text = hex(s->ctx, lh_slice(s->text.data, s->text.len));

	s->text.len = 0;
	return text;
}

/* Fields of a source: of the transaction, of the relation. */
#define COMMIT "08f8eeac0b10bc0519003d53bbc3170600"
#define LSN    "30c8eeac0b"
#define TABLE  "4a067075626c6963520174"

static void
envelopes(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a"),
								cdc_textcol(ctx, "big")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 3, columns);
	LhCell one[] = {cdc_int(1), cdc_text("x"), CDC_NULL};
	LhCell two[] = {cdc_int(2), CDC_NULL, CDC_UNCHANGED};
	LhCell key[] = {cdc_int(1), CDC_ABSENT, CDC_ABSENT};
	CdcStream s;
	void *plan;

	open_stream(ctx, &s, "", false);
	plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	assert_string_equal(came(&s), "");
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, one);
	assert_string_equal(came(&s), "0801"
								  "1a05"
								  "0802120178"
								  "2a23" COMMIT "2801" LSN TABLE);
	cdc_event(&s,
			  (LhChangeEvent){.op = LH_CHANGE_UPDATE, .rel = rel, .plan = plan, .new_cells = two});
	assert_string_equal(came(&s), "0802"
								  "1a02"
								  "0804"
								  "220103"
								  "2a23" COMMIT "2801" LSN TABLE);
	cdc_row(&s, LH_CHANGE_DELETE, rel, plan, key, NULL);
	assert_string_equal(came(&s), "0803"
								  "1202"
								  "0802"
								  "2a23" COMMIT "2802" LSN TABLE);
	/* a changed key: both events say so, and the second where the row was */
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, key, two);
	assert_string_equal(came(&s), "0803"
								  "1202"
								  "0802"
								  "2a23" COMMIT "2803" LSN TABLE "3001"
								  "0801"
								  "1202"
								  "0802"
								  "1a02"
								  "0804"
								  "220103"
								  "2a23" COMMIT "2803" LSN TABLE "3001");
	/* a snapshot has no transaction */
	s.txn.commit_end = s.lsn = s.order = 0;
	s.txn.xid = 0;
	cdc_event(&s,
			  (LhChangeEvent){.op = LH_CHANGE_READ, .rel = rel, .plan = plan, .new_cells = one});
	assert_string_equal(came(&s), "0804"
								  "1a05"
								  "0802120178"
								  "2a0d"
								  "4001" TABLE);
	cdc_commit(&s);
	assert_string_equal(came(&s), "");
}

static void
other_events(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1)};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, columns);
	CdcStream s;
	void *plan;

	open_stream(ctx, &s, "provide.transaction.metadata=on", false);
	plan = cdc_plan(&s, rel);
	s.txn.origin_name = "elsewhere";
	cdc_begin(&s);
	assert_string_equal(came(&s), "0801"
								  "1221" COMMIT "2209656c73657768657265" LSN);
	s.order = 1;
	cdc_event(
		&s,
		(LhChangeEvent){
			.op = LH_CHANGE_TRUNCATE, .rel = rel, .plan = plan, .ntruncated = 2, .cascade = true});
	assert_string_equal(came(&s), "0805"
								  "2a30" COMMIT "2209656c73657768657265"
								  "2801" LSN "3801" TABLE "3a04"
								  "08021001");
	s.order = 2;
	cdc_event(
		&s, (LhChangeEvent){.op = LH_CHANGE_QUARANTINE, .rel = rel, .plan = plan, .reason = "why"});
	assert_string_equal(came(&s), "0806"
								  "2a30" COMMIT "2209656c73657768657265"
								  "2802" LSN "3802" TABLE "4203"
								  "776879");
	s.order = 3;
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE,
								  .transactional = true,
								  .prefix = "p",
								  .content = lh_slice("\0\xff", 2)});
	assert_string_equal(came(&s), "0803"
								  "1225" COMMIT "2209656c73657768657265"
								  "2803" LSN "3803"
								  "220170"
								  "2a0200ff"
								  "3001");
	cdc_commit(&s);
	assert_string_equal(came(&s), "0802"
								  "1225" COMMIT "2209656c73657768657265"
								  "2803" LSN "3803"
								  "1803");
	/* outside of a transaction, with nothing in it */
	s.txn.xid = 0;
	s.order = 0;
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "", .content = {0}});
	assert_string_equal(came(&s), "0803"
								  "120a"
								  "08f8eeac0b" LSN);
	/* schemas are not events here */
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_SCHEMA, .rel = rel, .plan = plan});
	assert_string_equal(came(&s), "");
}

/* The next framed message without its heads; fingerprints are of these schemas. */
static LhFrameMessage
next_message(LhCtx *ctx, CdcStream *s, size_t *at, uint64_t *key, uint64_t *value)
{
	LhFrameMessage m;

	*key = *value = 0;
	LH_OK_(ctx, lh_frame_message(ctx, lh_slice(s->out.buf.data, s->out.buf.len), at, &m));
	if (m.format == LH_MESSAGE_SCHEMA)
		return m;
	if (m.has_key)
	{
		assert_true(lh_schema_head_read(LH_SCHEMA_PROTOBUF, m.key, key));
		m.key = lh_slice(m.key.data + LH_SCHEMA_HEAD, m.key.len - LH_SCHEMA_HEAD);
	}
	if (!m.tombstone)
	{
		assert_true(lh_schema_head_read(LH_SCHEMA_PROTOBUF, m.value, value));
		m.value = lh_slice(m.value.data + LH_SCHEMA_HEAD, m.value.len - LH_SCHEMA_HEAD);
	}
	return m;
}

/* Keys by attnum; schemas before all that names them; a tombstone behind each delete. */
static void
frames(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "b", 2), cdc_textcol(ctx, "a"),
								cdc_textcol(ctx, "c")};
	LhCell old[] = {cdc_int(1), cdc_text("big"), CDC_ABSENT};
	LhCell new[] = {cdc_int(2), CDC_UNCHANGED, CDC_NULL};
	uint64_t events = 0, key_schema = 0, value_schema = 0, key, value;
	LhSchemaStore *store;
	LhFrameMessage m;
	LhChangeRel *rel;
	LhChangeEvent ev;
	LhSchema schema;
	CdcStream s;
	size_t at = 0;
	void *plan;

	columns[1].pk = 1;
	rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 3, columns);
	open_stream(ctx, &s, "", true);
	plan = cdc_plan(&s, rel);
	LH_OK_(ctx, lh_schema_store_create(ctx, &store));
	LH_OK_(ctx, lh_format_protobuf.describe(ctx, s.enc, NULL, NULL, &s.out));
	LH_OK_(ctx, lh_format_protobuf.describe(ctx, s.enc, rel, plan, &s.out));
	for (int i = 0; at < s.out.buf.len; i++)
	{
		m = next_message(ctx, &s, &at, &key, &value);
		LH_OK_(ctx, lh_frame_schema(ctx, &m, &schema));
		assert_int_equal(schema.kind, LH_SCHEMA_PROTOBUF);
		assert_true(schema.fingerprint == lh_schema_fingerprint(schema.text.data, schema.text.len));
		LH_OK_(ctx, lh_schema_store_add(ctx, store, schema.kind, schema.fingerprint, schema.text));
		*(i == 0 ? &events : i == 1 ? &key_schema : &value_schema) = schema.fingerprint;
		assert_true(i < 3);
	}
	assert_true(events != 0 && key_schema != 0 && value_schema != 0);
	s.out.buf.len = at = 0;

	ev = (LhChangeEvent){.op = LH_CHANGE_UPDATE,
						 .pos = {1, 1, 1},
						 .rel = rel,
						 .plan = plan,
						 .old_cells = old,
						 .new_cells = new,
						 .old_is_key = true,
						 .key_changed = true,
						 .txn = &s.txn};
	LH_OK_(ctx, s.enc->format->event(ctx, s.enc, &ev, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(key == key_schema && value == value_schema && !m.tombstone);
	assert_string_equal(hex(ctx, m.key), "0802"
										 "1203626967");
	assert_memory_equal(m.value.data, "\x08\x03", 2);
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(key == key_schema && m.tombstone);
	assert_string_equal(hex(ctx, m.key), "0802"
										 "1203626967");
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(key == key_schema && value == value_schema && !m.tombstone);
	/* the part of the key that was not touched comes from the old one */
	assert_string_equal(hex(ctx, m.key), "0804"
										 "1203626967");
	assert_memory_equal(m.value.data, "\x08\x01", 2);
	assert_int_equal(at, s.out.buf.len);

	s.out.buf.len = at = 0;
	s.options.tombstones = false;
	ev.op = LH_CHANGE_DELETE;
	ev.new_cells = NULL;
	ev.key_changed = false;
	LH_OK_(ctx, s.enc->format->event(ctx, s.enc, &ev, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(!m.tombstone && at == s.out.buf.len);

	/* messages are of no relation, and have no key */
	s.out.buf.len = at = 0;
	ev = (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "p"};
	LH_OK_(ctx, s.enc->format->event(ctx, s.enc, &ev, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(!m.has_key && value == events);
}

/* A table without a key has no keys and no schema of them. */
static void
no_key(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_textcol(ctx, "a")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_FULL, 1, columns);
	LhCell cells[] = {cdc_text("a")};
	uint64_t key, value;
	LhFrameMessage m;
	LhChangeEvent ev;
	LhSchema schema;
	CdcStream s;
	size_t at = 0;
	void *plan;

	rel->keys = NULL;
	open_stream(ctx, &s, "", true);
	plan = cdc_plan(&s, rel);
	LH_OK_(ctx, lh_format_protobuf.describe(ctx, s.enc, rel, plan, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	LH_OK_(ctx, lh_frame_schema(ctx, &m, &schema));
	assert_non_null(strstr((const char *) schema.text.data, "message Envelope {"));
	assert_int_equal(at, s.out.buf.len);
	s.out.buf.len = at = 0;
	ev = (LhChangeEvent){
		.op = LH_CHANGE_DELETE, .rel = rel, .plan = plan, .old_cells = cells, .txn = &s.txn};
	LH_OK_(ctx, s.enc->format->event(ctx, s.enc, &ev, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(!m.has_key && !m.tombstone && at == s.out.buf.len && value == schema.fingerprint);
}

/* Rows whose lengths take one, two and three bytes, by turns: the length before them is always the shortest. */
static void
rows_of_all_lengths(void **state)
{
	static const size_t sizes[] = {1, 124, 125, 126, 20, 127, 16380, 3, 16381, 16382, 20000, 1};
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_textcol(ctx, "a")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_FULL, 1, columns);
	char *text = lh_alloc0(ctx, 20001);
	CdcStream s;
	void *plan;

	memset(text, 'x', 20000);
	open_stream(ctx, &s, "", false);
	plan = cdc_plan(&s, rel);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		LhCell old[] = {
			cdc_data(LH_CELL_TEXT, text, sizes[sizeof(sizes) / sizeof(sizes[0]) - 1 - i])};
		LhCell new[] = {cdc_data(LH_CELL_TEXT, text, sizes[i])};
		PbField f = {0};
		LhSlice bytes;

		cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, old, new);
		bytes = lh_slice(s.text.data, s.text.len);
		assert_true(pb_next(&bytes, &f) && f.number == 1);
		assert_true(pb_next(&bytes, &f) && f.number == 2);
		pb_check_row(ctx, 1, rel->columns, old, f.bytes);
		assert_true(pb_next(&bytes, &f) && f.number == 3);
		pb_check_row(ctx, 1, rel->columns, new, f.bytes);
		assert_true(pb_next(&bytes, &f) && f.number == 5);
		assert_false(pb_next(&bytes, &f));
		s.text.len = 0;
	}
}

/* What no reader would take is told as such. */
static void
too_large(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 2, columns);
	LhCell cells[] = {cdc_int(1), cdc_text("the value that is too large")};
	size_t max = lh_pb_message_max;
	PbField f = {0};
	LhSlice bytes;
	CdcStream s;
	void *plan;

	open_stream(ctx, &s, "", false);
	plan = cdc_plan(&s, rel);
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, cells);
	lh_pb_message_max = s.text.len;
	s.text.len = 0;
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, cells);
	bytes = lh_slice(s.text.data, s.text.len);
	assert_true(pb_next(&bytes, &f) && f.value == 1);
	lh_pb_message_max--;
	s.text.len = 0;
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, cells);
	lh_pb_message_max = max;
	bytes = lh_slice(s.text.data, s.text.len);
	assert_true(pb_next(&bytes, &f) && f.value == 6);
	assert_true(pb_next(&bytes, &f) && f.number == 5);
	assert_true(pb_next(&bytes, &f) && f.number == 8);
	assert_null(memmem(s.text.data, s.text.len, "too large", 9));
	assert_false(pb_next(&bytes, &f));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(envelopes, setup, teardown),
		cmocka_unit_test_setup_teardown(other_events, setup, teardown),
		cmocka_unit_test_setup_teardown(frames, setup, teardown),
		cmocka_unit_test_setup_teardown(no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_of_all_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(too_large, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
