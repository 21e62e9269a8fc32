/*
 * test_client_schemas.c
 *		Schemas of formats that need them: fingerprints, the store, and how messages get theirs.
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

#define FINE(call)                                  \
	do                                              \
	{                                               \
		if ((call) != LH_OK)                        \
			fail_msg("%s", m->ctx->error->message); \
	} while (0)

typedef struct Recorder
{
	LhSink sink;
	char log[4096];
} Recorder;

typedef struct Made
{
	LhCtx *ctx;
	LhChangeOut out;
	LhBuf packed;
	LhSchemaStore *store;
	LhDelivery *d;
	LhDeliverySink sinks[2];
	Recorder recorders[2];
} Made;

static const LhChangeRel table = {.relid = 16384, .generation = 1, .schema = "public", .name = "t"};

static const char *
schema_text(const LhSchema *s)
{
	return s != NULL ? (const char *) s->text.data : "-";
}

static LhStatus
rec_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *msg)
{
	Recorder *r = (Recorder *) sink;
	size_t n = strlen(r->log);
	size_t skip = msg->value_schema != NULL ? LH_SCHEMA_HEAD : 0;

	(void) ctx;
	snprintf(r->log + n, sizeof(r->log) - n, "%s:%s:%.*s ", schema_text(msg->key_schema),
			 schema_text(msg->value_schema), msg->tombstone ? 4 : (int) (msg->value.len - skip),
			 msg->tombstone ? "null" : (const char *) msg->value.data + skip);
	return LH_OK;
}

static LhStatus
rec_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	(void) ctx;
	(void) sink;
	(void) pos;
	return LH_OK;
}

static const LhSinkKind recorder_kind = {
	.scheme = "recorder", .put = rec_put, .commit = rec_commit};

/* Format 0 is Avro, format 1 has no schemas; a sink each. */
static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));
	LhDeliveryConfig config = {.slot = "s",
							   .nformats = 2,
							   .kinds = {LH_SCHEMA_AVRO, LH_SCHEMA_NONE},
							   .max_message = 1 << 20};

	m->ctx = lh_ctx_create();
	m->out.framed = m->out.want_key = true;
	FINE(lh_buf_init(m->ctx, &m->out.buf, false));
	FINE(lh_buf_init(m->ctx, &m->packed, false));
	FINE(lh_schema_store_create(m->ctx, &m->store));
	config.schemas = m->store;
	FINE(lh_route_compile(m->ctx, "{table}:", true, &config.topic));
	FINE(lh_route_compile(m->ctx, "msg:", false, &config.message_topic));
	for (int i = 0; i < 2; i++)
	{
		m->recorders[i].sink.kind = &recorder_kind;
		m->sinks[i] = (LhDeliverySink){.name = "r", .sink = &m->recorders[i].sink, .format = i};
		lh_delivery_recovered(&m->sinks[i], &(LhChangePos){0}, false);
	}
	FINE(lh_delivery_create(m->ctx, &config, 2, m->sinks, &m->d));
	FINE(lh_delivery_start(m->ctx, m->d, 0x10));
	FINE(lh_batch_begin(m->ctx, &m->out));
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

/* ---- what an encoder would write ---- */

static void
begin(Made *m, LhChangeOp op, uint64_t ordinal)
{
	LhChangeEvent ev = {.op = op, .pos = {0x20, ordinal, 7}};

	if (op != LH_CHANGE_BEGIN && op != LH_CHANGE_COMMIT)
		ev.rel = &table;
	FINE(lh_frame_begin(m->ctx, &m->out, &ev));
	if (op == LH_CHANGE_SCHEMA)
		FINE(lh_frame_relation(m->ctx, &m->out, &table));
}

static void
end(Made *m)
{
	FINE(lh_frame_end(m->ctx, &m->out, true));
}

static void
tell(Made *m, uint64_t fingerprint, const char *text)
{
	LhSchema s = {LH_SCHEMA_AVRO, fingerprint, lh_slice(text, strlen(text))};

	FINE(lh_out_schema(m->ctx, &m->out, &s));
}

/* fingerprint 0: no head.  value NULL: a tombstone. */
static void
message(Made *m, int format, uint64_t key, uint64_t fingerprint, const char *value)
{
	m->out.format = format;
	FINE(lh_out_message(m->ctx, &m->out));
	if (key != 0)
		FINE(lh_out_schema_head(m->ctx, &m->out, LH_SCHEMA_AVRO, key));
	if (value == NULL)
	{
		FINE(lh_out_tombstone(m->ctx, &m->out));
		return;
	}
	FINE(lh_out_value(m->ctx, &m->out));
	if (fingerprint != 0)
		FINE(lh_out_schema_head(m->ctx, &m->out, LH_SCHEMA_AVRO, fingerprint));
	FINE(lh_put(m->ctx, &m->out.buf, value, strlen(value)));
	FINE(lh_out_end(m->ctx, &m->out));
}

static LhStatus
send(Made *m)
{
	LhSlice bytes;
	LhStatus status;

	lh_error_clear(m->ctx);
	FINE(lh_batch_end(m->ctx, &m->out, false, &m->packed, &bytes));
	status = lh_delivery_batch(m->ctx, m->d, bytes);
	m->out.nmessages = 0;
	FINE(lh_batch_begin(m->ctx, &m->out));
	return status;
}

static void
corrupt(Made *m, const char *text)
{
	assert_int_equal(send(m), LH_CORRUPT);
	if (strstr(m->ctx->error->message, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, m->ctx->error->message);
}

/* ---- tests ---- */

/* The values that the Avro specification's own test suite has for these schemas. */
static void
fingerprints_are_those_of_the_specification(void **state)
{
	(void) state;
	assert_int_equal(lh_schema_fingerprint("", 0), UINT64_C(0xc15d213aa4d7a795));
	assert_int_equal(lh_schema_fingerprint("\"null\"", 6), UINT64_C(7195948357588979594));
	assert_int_equal(lh_schema_fingerprint("\"int\"", 5), UINT64_C(8247732601305521295));
	assert_int_equal((int64_t) lh_schema_fingerprint("\"string\"", 8),
					 INT64_C(-8142146995180207161));
	assert_int_equal((int64_t) lh_schema_fingerprint("\"boolean\"", 9),
					 INT64_C(-6970731678124411036));
}

static void
messages_have_the_schemas_that_their_heads_name(void **state)
{
	Made *m = *state;

	begin(m, LH_CHANGE_BEGIN, 0);
	tell(m, 9, "fixed");
	message(m, 0, 0, 9, "begun");
	message(m, 1, 0, 0, "{}");
	end(m);
	begin(m, LH_CHANGE_SCHEMA, 1);
	tell(m, 1, "key");
	tell(m, 2, "value");
	end(m);
	begin(m, LH_CHANGE_INSERT, 1);
	message(m, 0, 1, 2, "row");
	message(m, 1, 0, 0, "[]");
	end(m);
	begin(m, LH_CHANGE_DELETE, 2);
	message(m, 0, 1, 0, NULL);
	end(m);
	FINE(send(m));
	assert_string_equal(m->recorders[0].log, "-:fixed:begun key:value:row key:-:null ");
	assert_string_equal(m->recorders[1].log, "-:-:{} -:-:[] ");
}

/* What one connection told is known in the next, and may be told again. */
static void
schemas_outlive_a_connection(void **state)
{
	Made *m = *state;

	begin(m, LH_CHANGE_BEGIN, 0);
	tell(m, 9, "fixed");
	end(m);
	FINE(send(m));
	FINE(lh_delivery_start(m->ctx, m->d, 0x10));
	begin(m, LH_CHANGE_BEGIN, 0);
	tell(m, 9, "fixed");
	message(m, 0, 0, 9, "again");
	end(m);
	FINE(send(m));
	assert_string_equal(m->recorders[0].log, "-:fixed:again ");
}

static void
what_goes_through_an_outbox_has_none(void **state)
{
	Made *m = *state;

	begin(m, LH_CHANGE_SCHEMA, 1);
	end(m);
	begin(m, LH_CHANGE_INSERT, 1);
	m->out.format = 0;
	FINE(lh_frame_route(m->ctx, &m->out, "orders", lh_slice(NULL, 0)));
	message(m, 0, 0, 0, "payload");
	end(m);
	FINE(send(m));
	assert_string_equal(m->recorders[0].log, "-:-:payload ");
}

static void
heads_that_lie_are_refused(void **state)
{
	Made *m = *state;

	begin(m, LH_CHANGE_BEGIN, 0);
	message(m, 0, 0, 7, "x");
	end(m);
	corrupt(m, "schema 0000000000000007, which no frame told of");
	FINE(lh_delivery_start(m->ctx, m->d, 0x10));
	begin(m, LH_CHANGE_BEGIN, 0);
	message(m, 0, 0, 0, "short");
	end(m);
	corrupt(m, "names no schema");
	/* Protobuf's head in an Avro stream */
	FINE(lh_delivery_start(m->ctx, m->d, 0x10));
	begin(m, LH_CHANGE_BEGIN, 0);
	message(m, 0, 0, 0, "\xc3\x02yyyyyyyyz");
	end(m);
	corrupt(m, "names no schema");
}

static void
schemas_that_lie_are_refused(void **state)
{
	static const uint8_t good[LH_FRAME_SCHEMA_KEY] = {1, 0, 0, 0, 0, 0, 0, 0, LH_SCHEMA_AVRO};
	Made *m = *state;
	LhFrameMessage msg = {.format = LH_MESSAGE_SCHEMA, .has_key = true, .value = lh_slice("s", 1)};
	LhSchema s;
	uint8_t bad[LH_FRAME_SCHEMA_KEY];

	msg.key = lh_slice(good, sizeof(good));
	FINE(lh_frame_schema(m->ctx, &msg, &s));
	assert_true(s.kind == LH_SCHEMA_AVRO && s.fingerprint == 1 && s.text.len == 1);
	for (int i = 8; i < LH_FRAME_SCHEMA_KEY; i++)
	{
		memcpy(bad, good, sizeof(bad));
		bad[i] = 3;
		msg.key = lh_slice(bad, sizeof(bad));
		assert_int_equal(lh_frame_schema(m->ctx, &msg, &s), LH_CORRUPT);
	}
	msg.key = lh_slice(good, sizeof(good) - 1);
	assert_int_equal(lh_frame_schema(m->ctx, &msg, &s), LH_CORRUPT);
	begin(m, LH_CHANGE_BEGIN, 0);
	tell(m, 6, "");
	end(m);
	corrupt(m, "with 0 bytes is none");
}

static void
the_store_keeps_what_it_gave(void **state)
{
	enum
	{
		N = 3000
	};
	Made *m = *state;
	const LhSchema *given[N];
	char text[32];

	for (int i = 0; i < N; i++)
	{
		LhSchemaKind kind = i % 2 == 0 ? LH_SCHEMA_AVRO : LH_SCHEMA_PROTOBUF;

		snprintf(text, sizeof(text), "text %d", i);
		/* pairs share a fingerprint, of two kinds */
		FINE(lh_schema_store_add(m->ctx, m->store, kind, (uint64_t) (i / 2) << 20,
								 lh_slice(text, strlen(text))));
		given[i] = lh_schema_store_find(m->store, kind, (uint64_t) (i / 2) << 20);
	}
	for (int i = 0; i < N; i++)
	{
		LhSchemaKind kind = i % 2 == 0 ? LH_SCHEMA_AVRO : LH_SCHEMA_PROTOBUF;

		snprintf(text, sizeof(text), "text %d", i);
		assert_ptr_equal(lh_schema_store_find(m->store, kind, (uint64_t) (i / 2) << 20), given[i]);
		assert_string_equal((const char *) given[i]->text.data, text);
	}
	assert_null(lh_schema_store_find(m->store, LH_SCHEMA_AVRO, 1));
	assert_int_equal(lh_schema_store_add(m->ctx, m->store, LH_SCHEMA_NONE, 1, lh_slice("x", 1)),
					 LH_CORRUPT);
	assert_int_equal(lh_schema_store_add(m->ctx, m->store, LH_SCHEMA_AVRO, 1, lh_slice("x\0y", 3)),
					 LH_CORRUPT);
}

/* Avro's fingerprints leave out defaults and logical types. */
static void
of_a_fingerprint_the_last_schema_told_counts(void **state)
{
	Made *m = *state;
	const LhSchema *one, *other;

	FINE(lh_schema_store_add(m->ctx, m->store, LH_SCHEMA_AVRO, 5, lh_slice("one", 3)));
	one = lh_schema_store_find(m->store, LH_SCHEMA_AVRO, 5);
	FINE(lh_schema_store_add(m->ctx, m->store, LH_SCHEMA_AVRO, 5, lh_slice("other", 5)));
	other = lh_schema_store_find(m->store, LH_SCHEMA_AVRO, 5);
	assert_string_equal((const char *) other->text.data, "other");
	assert_string_equal((const char *) one->text.data, "one");
	/* told again, it is where it was */
	FINE(lh_schema_store_add(m->ctx, m->store, LH_SCHEMA_AVRO, 5, lh_slice("one", 3)));
	assert_ptr_equal(lh_schema_store_find(m->store, LH_SCHEMA_AVRO, 5), one);
	FINE(lh_schema_store_add(m->ctx, m->store, LH_SCHEMA_AVRO, 5, lh_slice("other", 5)));
	assert_ptr_equal(lh_schema_store_find(m->store, LH_SCHEMA_AVRO, 5), other);
}

static void
bare_output_has_no_place_for_schemas(void **state)
{
	Made *m = *state;
	LhSchema s = {LH_SCHEMA_AVRO, 1, lh_slice("s", 1)};
	size_t before;

	m->out.framed = false;
	before = m->out.buf.len;
	FINE(lh_out_schema(m->ctx, &m->out, &s));
	FINE(lh_out_schema_head(m->ctx, &m->out, LH_SCHEMA_PROTOBUF, 1));
	assert_int_equal(m->out.buf.len, before);
	FINE(lh_out_schema_head(m->ctx, &m->out, LH_SCHEMA_AVRO, 0x0102));
	assert_int_equal(m->out.buf.len, before + LH_SCHEMA_HEAD);
	assert_memory_equal(m->out.buf.data + before, "\xc3\x01\x02\x01\0\0\0\0\0\0", LH_SCHEMA_HEAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		cmocka_unit_test(fingerprints_are_those_of_the_specification),
		T(messages_have_the_schemas_that_their_heads_name),
		T(schemas_outlive_a_connection),
		T(what_goes_through_an_outbox_has_none),
		T(heads_that_lie_are_refused),
		T(schemas_that_lie_are_refused),
		T(the_store_keeps_what_it_gave),
		T(of_a_fingerprint_the_last_schema_told_counts),
		T(bare_output_has_no_place_for_schemas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
