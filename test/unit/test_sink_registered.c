/*
 * test_sink_registered.c
 *		Heads of schemas become a registry's, and all else is the inner sink's.
 */
#include "unit/registry_stub.h"

#include "change/text.h"
#include "sink/dead.h"
#include "sink/queue.h"

/* A sink that remembers what it was told, and answers as it is told. */
typedef struct Recorder
{
	LhSink sink;
	LhSinkRefusals refusals;
	LhStatus answer;
	char calls[256];
	bool has_key, tombstone;
	uint8_t key[64], value[64];
	size_t key_len, value_len;
	const char *topic;
} Recorder;

static Recorder rec;

static LhStatus
told(LhSink *sink, const char *call)
{
	Recorder *r = (Recorder *) sink;

	strcat(r->calls, call);
	r->sink.durable.ordinal++;
	r->sink.messages += 2;
	r->sink.bytes += 3;
	if (r->answer != LH_OK)
		LH_FAIL(ctx, r->answer, "the recorder says so");
	return LH_OK;
}

static LhStatus
rec_recover(LhCtx *c, LhSink *sink, LhChangePos *durable, bool *known)
{
	*durable = (LhChangePos){9, 8, 7};
	*known = true;
	return told(sink, "r");
}

static LhStatus
rec_put(LhCtx *c, LhSink *sink, const LhSinkMessage *m)
{
	Recorder *r = (Recorder *) sink;

	r->has_key = m->has_key;
	r->tombstone = m->tombstone;
	r->key_len = m->key.len;
	r->value_len = m->value.len;
	assert_true(m->key.len <= sizeof(r->key) && m->value.len <= sizeof(r->value));
	if (m->key.len > 0)
		memcpy(r->key, m->key.data, m->key.len);
	if (m->value.len > 0)
		memcpy(r->value, m->value.data, m->value.len);
	r->topic = m->topic;
	return told(sink, "p");
}

static LhStatus
rec_commit(LhCtx *c, LhSink *sink, const LhChangePos *pos)
{
	assert_int_equal(pos->ordinal, 3);
	return told(sink, "c");
}

static LhStatus
rec_flush(LhCtx *c, LhSink *sink)
{
	return told(sink, "f");
}

static LhStatus
rec_close(LhCtx *c, LhSink *sink)
{
	return told(sink, "x");
}

static int
rec_event(LhSink *sink)
{
	(void) told(sink, "e");
	return 42;
}

static LhStatus
rec_poll(LhCtx *c, LhSink *sink)
{
	return told(sink, "o");
}

static void
rec_refresh(LhSink *sink)
{
	(void) told(sink, "h");
}

static LhStatus
rec_settle(LhCtx *c, LhSink *sink)
{
	return told(sink, "s");
}

static void
rec_backlog(LhSink *sink, uint64_t *memory, uint64_t *spooled)
{
	*memory = 5;
	*spooled = 6;
}

static const LhSinkAsync rec_async = {rec_event, rec_poll, rec_refresh, rec_settle, rec_backlog};
static const LhSinkKind rec_kind = {.scheme = "recorder",
									.lines = true,
									.summary = "remembers",
									.recover = rec_recover,
									.put = rec_put,
									.commit = rec_commit,
									.flush = rec_flush,
									.close = rec_close};
static LhSinkKind rec_async_kind;

static int
start_group(void **state)
{
	rec_async_kind = rec_kind;
	rec_async_kind.async = &rec_async;
	return registry_start(state);
}

static int
set_up(void **state)
{
	memset(&rec, 0, sizeof(rec));
	rec.sink.kind = &rec_kind;
	return context_start(state);
}

/* What lh_sink_open does around a sink that is not in its table. */
static LhStatus
try_open(LhSchemaKind schemas, const char *uri, LhSinkConfig *inner, LhSink **out)
{
	LhSinkConfig config = {.stream = "slot", .format = "f", .schemas = schemas};
	LhRegistered *registered;
	const char *scheme;

	FINE(lh_sink_uri_parse(ctx, uri, &scheme, &config));
	LH_TRY(lh_registered_open(ctx, &config, scheme, inner, &registered));
	*out = registered != NULL ? lh_registered_wrap(registered, &rec.sink) : NULL;
	return LH_OK;
}

static LhSink *
wrap(LhSchemaKind schemas, const char *scheme, const char *options)
{
	char *uri = lh_sprintf(ctx, "%s:?registry=http://127.0.0.1:%d%s", scheme, stub.port, options);
	LhSinkConfig inner;
	LhSink *sink;

	FINE(try_open(schemas, uri, &inner, &sink));
	assert_non_null(sink);
	return sink;
}

/* A body behind a schema's head. */
static LhSlice
headed(const LhSchema *s, const char *body)
{
	size_t n = strlen(body);
	uint8_t *bytes = lh_alloc(ctx, LH_SCHEMA_HEAD + n + 1);

	lh_schema_head(s->kind, s->fingerprint, bytes);
	memcpy(bytes + LH_SCHEMA_HEAD, body, n);
	return lh_slice(bytes, LH_SCHEMA_HEAD + n);
}

static LhSinkMessage
message(const LhSchema *key, const LhSchema *value)
{
	return (LhSinkMessage){.op = LH_CHANGE_INSERT,
						   .pos = {16, 3, 7},
						   .sub = 2,
						   .topic = "t",
						   .has_key = true,
						   .key = headed(key, "K"),
						   .value = headed(value, "VALUE"),
						   .key_schema = key,
						   .value_schema = value};
}

static uint32_t
id_of(const uint8_t *bytes)
{
	assert_int_equal(bytes[0], 0);
	return (uint32_t) bytes[1] << 24 | (uint32_t) bytes[2] << 16 | (uint32_t) bytes[3] << 8 |
		   bytes[4];
}

/* What the registry has under an id. */
static void
is_registered(uint32_t id, const char *text)
{
	char *answer = stub_get(&stub, lh_sprintf(ctx, "/schemas/ids/%u", id));

	holds(answer, text);
	free(answer);
}

static void
avro_gets_ids(void **state)
{
	LhSchema k = avro("Key"), v = avro("Value");
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "recorder", "");
	LhSinkMessage m = message(&k, &v);

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		FINE(sink->kind->put(ctx, sink, &m));
		assert_int_equal(rec.key_len, 5 + 1);
		assert_int_equal(rec.value_len, 5 + 5);
		assert_memory_equal(rec.key + 5, "K", 1);
		assert_memory_equal(rec.value + 5, "VALUE", 5);
		is_registered(id_of(rec.key), "\\\"Key\\\"");
		is_registered(id_of(rec.value), "\\\"Value\\\"");
		assert_string_equal(rec.topic, "t");
	}
	/* what was given is as it was: it may be put once more */
	assert_memory_equal(m.value.data, headed(&v, "VALUE").data, m.value.len);
	assert_int_equal(stub_count(&stub, "POST"), 2);
	assert_int_equal(stub_count(&stub, "POST /subjects/t-key/versions "), 1);
	assert_int_equal(stub_count(&stub, "POST /subjects/t-value/versions "), 1);
}

static void
ids_of_four_bytes(void **state)
{
	LhSchema v = avro("Wide");
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "recorder", "");
	LhSinkMessage m = message(&v, &v);

	(void) state;
	stub_tell(&stub, "fault?kind=body&match=POST&arg={\"id\":305419896}");
	FINE(sink->kind->put(ctx, sink, &m));
	assert_memory_equal(rec.value,
						"\0\x12\x34\x56\x78"
						"VALUE",
						10);
}

static void
protobuf_gets_ids_and_an_index(void **state)
{
	LhSchema v = schema(LH_SCHEMA_PROTOBUF, "syntax = \"proto3\"; message Row {}");
	LhSink *sink = wrap(LH_SCHEMA_PROTOBUF, "recorder", "");
	LhSinkMessage m = message(&v, &v);

	(void) state;
	FINE(sink->kind->put(ctx, sink, &m));
	assert_int_equal(rec.value_len, 6 + 5);
	assert_int_equal(rec.value[5], 0);
	assert_memory_equal(rec.value + 6, "VALUE", 5);
	is_registered(id_of(rec.value), "\"schemaType\":\"PROTOBUF\"");
	/* an empty message is nothing but its header */
	m.value = headed(&v, "");
	FINE(sink->kind->put(ctx, sink, &m));
	assert_int_equal(rec.value_len, 6);
}

static void
without_a_registry(void **state)
{
	LhSchema p = schema(LH_SCHEMA_PROTOBUF, "message Row {}");
	LhSinkMessage m = message(&p, &p);
	LhSinkConfig inner;
	LhSink *sink;

	(void) state;
	FINE(try_open(LH_SCHEMA_PROTOBUF, "recorder:?a=b", &inner, &sink));
	FINE(sink->kind->put(ctx, sink, &m));
	assert_int_equal(rec.key_len, 1);
	assert_memory_equal(rec.key, "K", 1);
	assert_int_equal(rec.value_len, 5);
	assert_memory_equal(rec.value, "VALUE", 5);
	FINE(try_open(LH_SCHEMA_AVRO, "recorder:?a=b", &inner, &sink));
	assert_null(sink);
	assert_int_equal(inner.noptions, 1);
	FINE(try_open(LH_SCHEMA_NONE, "recorder:", &inner, &sink));
	assert_null(sink);
}

/* Messages without values, without keys, of an outbox. */
static void
what_has_no_schema_passes(void **state)
{
	LhSchema v = avro("Value");
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "recorder", "");
	LhSinkMessage m = message(&v, &v);

	(void) state;
	m.tombstone = true;
	m.value = lh_slice(NULL, 0);
	m.value_schema = NULL;
	FINE(sink->kind->put(ctx, sink, &m));
	assert_true(rec.tombstone && rec.has_key);
	assert_int_equal(rec.key_len, 6);
	m = message(&v, &v);
	m.has_key = false;
	m.key = lh_slice(NULL, 0);
	m.key_schema = NULL;
	FINE(sink->kind->put(ctx, sink, &m));
	assert_true(!rec.has_key && !rec.tombstone);
	m = (LhSinkMessage){.pos = {16, 3, 7},
						.topic = "t",
						.has_key = true,
						.key = lh_slice("outbox key", 10),
						.value = lh_slice("\303\001short", 7)};
	FINE(sink->kind->put(ctx, sink, &m));
	assert_memory_equal(rec.key, "outbox key", 10);
	assert_int_equal(rec.value_len, 7);
}

/* A head that is not the schema's is never written with that schema's id. */
static void
wrong_heads(void **state)
{
	LhSchema a = avro("A"), b = avro("B"), p = schema(LH_SCHEMA_PROTOBUF, "message R {}");
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "recorder", "");
	LhSinkMessage m = message(&a, &a);
	LhChangePos pos;
	bool known;

	(void) state;
	m.value = headed(&b, "VALUE");
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_CORRUPT);
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	m.value = lh_slice("\303\001", 2);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_CORRUPT);
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	m = message(&a, &p);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_CORRUPT);
	assert_string_equal(rec.calls, "rr");
}

/* Subjects are of the topics that Kafka really has. */
static void
topics_of_kafka(void **state)
{
	LhSchema v = avro("V");
	LhSinkMessage m = message(&v, &v);
	char longer[300];
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "kafka", "&topic.prefix=pre.");

	(void) state;
	m.topic = "shop.a b";
	FINE(sink->kind->put(ctx, sink, &m));
	m.topic = NULL;
	FINE(sink->kind->put(ctx, sink, &m));
	assert_int_equal(stub_count(&stub, "POST /subjects/pre.shop.a_b-value/versions "), 1);
	assert_int_equal(stub_count(&stub, "POST /subjects/pre.slot-value/versions "), 1);
	/* one that there cannot be is the inner sink's to refuse, and no subject's */
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	m.topic = longer;
	rec.answer = LH_SINK_REFUSED;
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_SINK_REFUSED);
	assert_int_equal(stub_count(&stub, "xxx"), 0);
}

/* Everything but keys and values is the inner sink's. */
static void
the_rest_passes(void **state)
{
	LhSchema v = avro("V");
	LhSinkMessage m = message(&v, &v);
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "recorder", "");
	LhChangePos pos;
	bool known;

	(void) state;
	assert_string_equal(sink->kind->scheme, "recorder");
	assert_true(sink->kind->lines);
	assert_null(sink->kind->async);
	assert_null(sink->refusals);
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_true(known && pos.commit_end == 9 && pos.ordinal == 8);
	FINE(sink->kind->put(ctx, sink, &m));
	FINE(sink->kind->commit(ctx, sink, &m.pos));
	FINE(sink->kind->flush(ctx, sink));
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(rec.calls, "rpcfx");
	assert_int_equal(sink->durable.ordinal, 5);
	assert_int_equal(sink->messages, 10);
	assert_int_equal(sink->bytes, 15);
	rec.answer = LH_SINK_RESTART;
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_SINK_RESTART);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_SINK_RESTART);
	assert_int_equal(sink->kind->commit(ctx, sink, &m.pos), LH_SINK_RESTART);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_SINK_RESTART);
	assert_int_equal(sink->kind->close(ctx, sink), LH_SINK_RESTART);
	assert_string_equal(ctx->error->message, "the recorder says so");
	/* durable moves in failed calls, too */
	assert_int_equal(sink->durable.ordinal, 10);
}

static void
async_passes(void **state)
{
	LhSink *sink;
	uint64_t memory, spooled;

	(void) state;
	rec.sink.kind = &rec_async_kind;
	sink = wrap(LH_SCHEMA_AVRO, "recorder", "");
	assert_int_equal(sink->kind->async->event(sink), 42);
	FINE(sink->kind->async->poll(ctx, sink));
	assert_int_equal(sink->durable.ordinal, 2);
	sink->kind->async->refresh(sink);
	assert_int_equal(sink->durable.ordinal, 3);
	FINE(sink->kind->async->settle(ctx, sink));
	sink->kind->async->backlog(sink, &memory, &spooled);
	assert_true(memory == 5 && spooled == 6);
	assert_string_equal(rec.calls, "eohs");
	rec.answer = LH_IO;
	assert_int_equal(sink->kind->async->poll(ctx, sink), LH_IO);
	assert_int_equal(sink->kind->async->settle(ctx, sink), LH_IO);
}

/* Of the inner sink, with or without refusals of ours. */
static void
refusals_pass(void **state)
{
	LhSchema v = avro("V");
	LhSinkMessage m = message(&v, &v);

	(void) state;
	rec.sink.refusals = &rec.refusals;
	for (int i = 0; i < 2; i++)
	{
		LhSink *sink =
			wrap(LH_SCHEMA_AVRO, "recorder", i > 0 ? "&registry.refused=dead-letters" : "");
		const LhSinkRefusals *before = sink->refusals;

		rec.refusals = (LhSinkRefusals){
			.n = 1, .here = i > 0, .v = {{.pos = {16, 2, 7}, .sub = 5, .reason = "why"}}};
		rec.answer = LH_SINK_REFUSED;
		assert_int_equal(sink->kind->put(ctx, sink, &m), LH_SINK_REFUSED);
		assert_ptr_equal(sink->refusals, before);
		assert_int_equal(sink->refusals->n, 1);
		assert_int_equal(sink->refusals->here, i > 0);
		assert_int_equal(sink->refusals->v[0].pos.ordinal, 2);
		assert_int_equal(sink->refusals->v[0].sub, 5);
		assert_string_equal(sink->refusals->v[0].reason, "why");
		rec.answer = LH_OK;
	}
}

/* By default a person is asked; the inner sink does not hear of the message. */
static void
incompatible_stops(void **state)
{
	LhSchema v = avro("incompatible_column"), good = avro("Good");
	LhSinkMessage m = message(&v, &v);
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "recorder", "");
	LhChangePos pos;
	bool known;

	(void) state;
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_MISMATCH);
	holds(ctx->error->message, "\"t-key\"");
	assert_string_equal(rec.calls, "");
	/* nothing goes on around what is missing */
	m = message(&good, &good);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_BUG);
	assert_int_equal(sink->kind->commit(ctx, sink, &m.pos), LH_BUG);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_BUG);
	assert_string_equal(rec.calls, "");
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	FINE(sink->kind->put(ctx, sink, &m));
	assert_string_equal(rec.calls, "rp");
}

static void
incompatible_is_refused(void **state)
{
	LhSchema good = avro("Good"), bad = avro("incompatible_column");
	LhSinkMessage m = message(&good, &bad);
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "recorder", "&registry.refused=dead-letters");

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(sink->kind->put(ctx, sink, &m), LH_SINK_REFUSED);
		assert_int_equal(ctx->error->code, LH_SINK_REFUSED);
		assert_true(sink->refusals->here && sink->refusals->n == 1);
		assert_int_equal(sink->refusals->v[0].pos.ordinal, 3);
		assert_int_equal(sink->refusals->v[0].sub, 2);
		holds(sink->refusals->v[0].reason, "incompatible");
	}
	assert_int_equal(stub_count(&stub, "POST /subjects/t-value"), 1);
	assert_string_equal(rec.calls, "");
	/* a registry that is down refuses nothing */
	sink = wrap(LH_SCHEMA_AVRO, "recorder", "&registry.refused=dead-letters&registry.retries=0");
	stub_tell(&stub, "fault?kind=status&match=POST&status=503");
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_IO);
}

/* The letter has the message as the stream had it. */
static void
incompatible_becomes_a_letter(void **state)
{
	LhSchema bad = avro("incompatible_column"), good = avro("Good");
	LhSinkMessage m = message(&good, &bad), after = message(&good, &good);
	LhDeadConfig dead = {.tries = 3, .name = "recorder:", .format = "avro"};
	LhSink *sink = wrap(LH_SCHEMA_AVRO, "recorder", "&registry.refused=dead-letters"), *outer;
	char command[128], text[4096];
	LhBuf value;
	size_t n;
	FILE *f;

	(void) state;
	FINE(lh_dead_open(ctx, lh_sprintf(ctx, "file:%s/letters", root), "letters", "slot",
					  &dead.letters));
	FINE(lh_refused_create(ctx, &dead.refused));
	FINE(lh_dead_wrap(ctx, sink, &dead, &outer));
	FINE(outer->kind->put(ctx, outer, &m));
	after.pos.ordinal = 4;
	FINE(outer->kind->put(ctx, outer, &after));
	assert_string_equal(rec.calls, "p");
	assert_int_equal(lh_dead_count(dead.letters), 1);
	assert_int_equal(lh_refused_tries(dead.refused), 3);
	FINE(lh_dead_close(ctx, dead.letters));
	snprintf(command, sizeof(command), "cat %s/letters/*.ndjson", root);
	f = popen(command, "r");
	n = fread(text, 1, sizeof(text) - 1, f);
	pclose(f);
	text[n] = '\0';
	/* with its head, as without a registry */
	FINE(lh_buf_init(ctx, &value, false));
	FINE(lh_put_base64(ctx, &value, m.value.data, m.value.len, false));
	holds(text, lh_sprintf(ctx, "\"value\":\"%.*s\"", (int) value.len, (char *) value.data));
	holds(text, "incompatible with what subject");
}

typedef struct Opening
{
	LhSink *sink;
} Opening;

static LhStatus
open_wrapped(LhCtx *c, void *arg, LhSink **out)
{
	LhSinkConfig config = {.stream = "slot", .format = "f", .schemas = LH_SCHEMA_AVRO}, inner;
	LhRegistered *registered;
	const char *scheme;

	LH_TRY(lh_sink_uri_parse(c, arg, &scheme, &config));
	LH_TRY(lh_registered_open(c, &config, scheme, &inner, &registered));
	*out = lh_registered_wrap(registered, &rec.sink);
	return LH_OK;
}

/* Requests are the sink's thread's: a silent registry stops neither put nor close. */
static void
in_the_sinks_thread(void **state)
{
	LhSchema v = avro("Threaded");
	LhSinkMessage m = message(&v, &v);
	LhSinkQueueConfig config = {.memory = 1 << 20};
	LhChangePos pos;
	LhSink *queue;
	bool known;

	(void) state;
	FINE(lh_sink_queue_open(
		ctx, &config, open_wrapped,
		lh_sprintf(ctx, "recorder:?registry=http://127.0.0.1:%d&registry.timeout.ms=600000",
				   stub.port),
		&queue));
	FINE(queue->kind->recover(ctx, queue, &pos, &known));
	FINE(queue->kind->put(ctx, queue, &m));
	FINE(queue->kind->async->settle(ctx, queue));
	assert_string_equal(rec.calls, "rpf");
	is_registered(id_of(rec.value), "Threaded");
	stub_tell(&stub, "fault?kind=hang&match=POST");
	v = avro("Threaded2");
	m = message(&v, &v);
	FINE(queue->kind->put(ctx, queue, &m));
	FINE(queue->kind->flush(ctx, queue));
	while (stub_count(&stub, "POST") < 3)
		usleep(1000);
	FINE(queue->kind->close(ctx, queue));
	assert_string_equal(rec.calls, "rpfx");
}

static void
options(void **state)
{
	static const struct
	{
		LhSchemaKind schemas;
		const char *uri;
		const char *says; /* NULL: it is fine */
	} cases[] = {
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1", NULL},
		{LH_SCHEMA_AVRO,
		 "r:?registry=https://h/apis/ccompat/v7&registry.user=u&registry.password=geheim&registry.register=off"
		 "&registry.normalize=on&registry.subject=topic-record&registry.timeout.ms=100&registry.retries=20"
		 "&registry.ca.file=/etc/ca.pem&registry.refused=dead-letters",
		 NULL},
		{LH_SCHEMA_PROTOBUF, "r:?registry=http://h:1&registry.token.file=/t", NULL},
		{LH_SCHEMA_NONE, "r:?registry=http://h:1", "no schemas"},
		{LH_SCHEMA_AVRO, "r:?registry.register=off", "registry=URL"},
		{LH_SCHEMA_PROTOBUF, "r:?registry.password=geheim", "registry=URL"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&registry.user=u", "go together"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&registry.password=geheim", "go together"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&registry.user=a:b&registry.password=geheim",
		 "colon"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&registry.auth.file=/a&registry.token.file=/t",
		 "not two"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&registry.subject=table", "must be one of"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&registry.timeout.ms=1", "whole number"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&registry.retries=21", "whole number"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&registry.tls=off", "has no option"},
		{LH_SCHEMA_AVRO, "r:?registry=http://u:geheim@h:1", "URL"},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1/?key=geheim", "query"},
		{LH_SCHEMA_AVRO, "r:?registry=", "registry"},
		{LH_SCHEMA_PROTOBUF, "r:?registry=http://h:1&registry.register=on", NULL},
		{LH_SCHEMA_AVRO, "r:?registry=http://h:1&container=avro", "containers"},
	};
	LhSinkConfig inner;
	LhSink *sink;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhStatus status = try_open(cases[i].schemas, cases[i].uri, &inner, &sink);

		if (cases[i].says == NULL)
		{
			if (status != LH_OK)
				fail_msg("%s: %s", cases[i].uri, ctx->error->message);
			assert_int_equal(inner.noptions, 0);
			continue;
		}
		if (status != LH_INVALID)
			fail_msg("%s is taken", cases[i].uri);
		holds(ctx->error->message, cases[i].says);
		assert_null(strstr(ctx->error->message, "geheim"));
		assert_null(strstr(ctx->error->detail, "geheim"));
		assert_null(strstr(ctx->error->hint, "geheim"));
	}
	FINE(try_open(LH_SCHEMA_AVRO, "r:?a=1&registry=http://h:1&b=2&registry.retries=0&a=3", &inner,
				  &sink));
	assert_int_equal(inner.noptions, 3);
	assert_string_equal(lh_sink_option(&inner, "a", ""), "3");
	assert_null(lh_sink_option(&inner, "registry", NULL));
	FINE(try_open(LH_SCHEMA_AVRO, "r:?registry=http://h:1&container=none", &inner, &sink));
	assert_int_equal(inner.noptions, 1);
}

/* By the front door: a format without schemas has no registry, and other sinks are not touched. */
static void
by_the_table_of_sinks(void **state)
{
	LhSink *sink;

	(void) state;
	assert_int_equal(lh_sink_open(ctx, "null:?registry=http://h:1", "slot", "json", true, &sink),
					 LH_INVALID);
	holds(ctx->error->message, "format \"json\" have no schemas");
	FINE(lh_sink_open(ctx, "null:", "slot", "json", true, &sink));
	assert_string_equal(sink->kind->scheme, "null");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, context_end)
	const struct CMUnitTest tests[] = {
		TEST(avro_gets_ids),
		TEST(ids_of_four_bytes),
		TEST(protobuf_gets_ids_and_an_index),
		TEST(without_a_registry),
		TEST(what_has_no_schema_passes),
		TEST(wrong_heads),
		TEST(topics_of_kafka),
		TEST(the_rest_passes),
		TEST(async_passes),
		TEST(refusals_pass),
		TEST(incompatible_stops),
		TEST(incompatible_is_refused),
		TEST(incompatible_becomes_a_letter),
		TEST(in_the_sinks_thread),
		TEST(options),
		TEST(by_the_table_of_sinks),
	};

	return cmocka_run_group_tests(tests, start_group, registry_end);
}
