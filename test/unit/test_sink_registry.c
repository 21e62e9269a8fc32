/*
 * test_sink_registry.c
 *		The client of a schema registry, against one that does as badly as it is told.
 */
#include "unit/registry_stub.h"

static LhHost host;
static int polls; /* until the host interrupts; -1: never */
static int waits; /* calls of the host's wait */

static bool
interrupted(void *arg)
{
	(void) arg;
	if (polls > 0)
		polls--;
	return polls == 0;
}

static int
wait_fds(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	LhCtx plain = {0};

	(void) arg;
	waits++;
	return lh_host_wait(&plain, fds, nfds, timeout_ms > 20 ? 20 : timeout_ms);
}

static int
set_up(void **state)
{
	context_start(state);
	polls = -1;
	waits = 0;
	host = (LhHost){.interrupted = interrupted, .wait = wait_fds};
	ctx->host = &host;
	return 0;
}

/* One question each for topic, side and fingerprint, and equal schemas have one id. */
static void
asks_once(void **state)
{
	LhSchema a = avro("A"), b = avro("B");
	LhRegistry *r = open_plain();
	LhRegistryCounts before, after;
	uint32_t id[8];

	(void) state;
	lh_registry_counts(&before);
	for (int i = 0; i < 3; i++)
	{
		FINE(lh_registry_id(ctx, r, "t", false, &a, &id[0]));
		FINE(lh_registry_id(ctx, r, "t", true, &a, &id[1]));
		FINE(lh_registry_id(ctx, r, "u", false, &a, &id[2]));
		FINE(lh_registry_id(ctx, r, "t", false, &b, &id[3]));
	}
	lh_registry_counts(&after);
	assert_int_equal(id[0], id[1]);
	assert_int_equal(id[0], id[2]);
	assert_int_not_equal(id[0], id[3]);
	assert_int_equal(stub_count(&stub, "POST"), 4);
	assert_int_equal(stub_count(&stub, "POST /subjects/t-value/versions "), 2);
	assert_int_equal(stub_count(&stub, "POST /subjects/t-key/versions "), 1);
	assert_int_equal(stub_count(&stub, "POST /subjects/u-value/versions "), 1);
	assert_int_equal(after.requests - before.requests, 4);
	assert_int_equal(after.hits - before.hits, 8);
}

/* Avro's fingerprints leave defaults out: a schema with another default is another one. */
static void
defaults_count(void **state)
{
	static const char form[] = "{\"type\":\"record\",\"name\":\"Defaults\",\"fields\":"
							   "[{\"name\":\"a\",\"type\":\"int\",\"default\":%d}]}";
	LhRegistry *r = open_plain();
	LhSchemaStore *store;
	uint32_t id[2], again;

	(void) state;
	FINE(lh_schema_store_create(ctx, &store));
	for (int i = 0; i < 2; i++)
	{
		const char *text = lh_sprintf(ctx, form, i);

		FINE(lh_schema_store_add(ctx, store, LH_SCHEMA_AVRO, 7, lh_slice(text, strlen(text))));
		FINE(lh_registry_id(ctx, r, "defaults", false,
							lh_schema_store_find(store, LH_SCHEMA_AVRO, 7), &id[i]));
	}
	assert_int_not_equal(id[0], id[1]);
	FINE(lh_registry_id(ctx, r, "defaults", false, lh_schema_store_find(store, LH_SCHEMA_AVRO, 7),
						&again));
	assert_int_equal(again, id[1]);
	assert_int_equal(stub_count(&stub, "POST"), 2);
}

/* More schemas than the table begins with; none gets another's id. */
static void
keeps_many(void **state)
{
	LhRegistry *r = open_plain();
	LhSchema all[100];
	uint32_t id[100], again;

	(void) state;
	for (int i = 0; i < 100; i++)
	{
		all[i] = avro(lh_sprintf(ctx, "Many%d", i));
		FINE(lh_registry_id(ctx, r, "many", i & 1, &all[i], &id[i]));
		for (int k = 0; k < i; k++)
			assert_int_not_equal(id[i], id[k]);
	}
	for (int i = 0; i < 100; i++)
	{
		FINE(lh_registry_id(ctx, r, "many", i & 1, &all[i], &again));
		assert_int_equal(again, id[i]);
	}
	assert_int_equal(stub_count(&stub, "POST"), 100);
}

/* The registry has what was sent, of the right type and under names that need escapes. */
static void
registers_the_text(void **state)
{
	static const char proto[] =
		"syntax = \"proto3\";\npackage shop;\nmessage Row { int32 a = 1; }\n";
	LhSchema p = schema(LH_SCHEMA_PROTOBUF, proto), a = avro("T\303\244");
	LhRegistry *r = open_plain();
	uint32_t id;
	char *text;

	(void) state;
	FINE(lh_registry_id(ctx, r, "a b?#%\303\244", false, &p, &id));
	text = stub_get(&stub, lh_sprintf(ctx, "/schemas/ids/%u", id));
	holds(text, "\"schemaType\":\"PROTOBUF\"");
	holds(
		text,
		"\"schema\":\"syntax = \\\"proto3\\\";\\npackage shop;\\nmessage Row { int32 a = 1; }\\n\"");
	holds(text, "\"subject\":\"a b?#%\303\244-value\"");
	free(text);
	assert_int_equal(lh_registry_id(ctx, r, "a/b", false, &p, &id), LH_INVALID);
	holds(ctx->error->message, "subject \"a/b-value\"");
	FINE(lh_registry_id(ctx, r, "x", false, &a, &id));
	text = stub_get(&stub, lh_sprintf(ctx, "/schemas/ids/%u", id));
	holds(text, "\"schemaType\":\"AVRO\"");
	holds(text, "T\303\244");
	free(text);
}

static void
subjects_by_strategy(void **state)
{
	LhRegistryOptions o = options_of(&stub);
	LhSchema a = avro("Row");
	LhRegistry *r;
	uint32_t id;

	(void) state;
	o.normalize = true;
	o.subjects = LH_SUBJECTS_RECORD;
	r = open_with(&o);
	FINE(lh_registry_id(ctx, r, "t", false, &a, &id));
	FINE(lh_registry_id(ctx, r, "u", true, &a, &id)); /* it is the same subject */
	o.subjects = LH_SUBJECTS_TOPIC_RECORD;
	o.normalize = false;
	r = open_with(&o);
	FINE(lh_registry_id(ctx, r, "t", false, &a, &id));
	FINE(lh_registry_id(ctx, r, "u", false, &a, &id));
	assert_int_equal(stub_count(&stub, "POST"), 3);
	assert_int_equal(stub_count(&stub, "POST /subjects/shop.public.Row/versions?normalize=true "),
					 1);
	assert_int_equal(stub_count(&stub, "POST /subjects/t-shop.public.Row/versions "), 1);
	assert_int_equal(stub_count(&stub, "POST /subjects/u-shop.public.Row/versions "), 1);
}

static void
names_of_records(void **state)
{
	static const struct
	{
		LhSchemaKind kind;
		const char *text;
		const char *name; /* NULL: none */
	} cases[] = {
		{LH_SCHEMA_AVRO, "{\"name\":\"A\"}", "A"},
		{LH_SCHEMA_AVRO, "{\"namespace\":\"\",\"name\":\"A\"}", "A"},
		{LH_SCHEMA_AVRO,
		 " { \"namespace\" : \"n.m\" , \"fields\":[{\"name\":\"no\"}], \"name\":\"A\"}", "n.m.A"},
		{LH_SCHEMA_AVRO, "{\"namespace\":\"n\",\"name\":\"x.y.A\"}", "x.y.A"},
		{LH_SCHEMA_AVRO, "{\"fields\":[{\"name\":\"no\"}],\"type\":\"record\"}", NULL},
		{LH_SCHEMA_AVRO, "\"string\"", NULL},
		{LH_SCHEMA_AVRO, "[{\"name\":\"A\"}]", NULL},
		{LH_SCHEMA_AVRO, "{\"name\":1}", NULL},
		{LH_SCHEMA_AVRO, "{\"name\":\"..\"}", NULL},
		{LH_SCHEMA_AVRO, "{\"name\":\"A/../B\"}", NULL},
		{LH_SCHEMA_AVRO, "{\"name\":\"A\\u0042\"}", NULL},
		{LH_SCHEMA_AVRO, "{\"name\":\"\"}", NULL},
		{LH_SCHEMA_AVRO, "{\"name\":\"A", NULL},
		{LH_SCHEMA_AVRO, "{\"namespace\":\"n..m\",\"name\":\"A\"}", NULL},
		{LH_SCHEMA_PROTOBUF, "syntax = \"proto3\"; package a.b; message Row { message In {} }",
		 "a.b.Row"},
		{LH_SCHEMA_PROTOBUF, "message Row{}", "Row"},
		{LH_SCHEMA_PROTOBUF, "// message No {}\n/* message No {} */ message Row{}", "Row"},
		{LH_SCHEMA_PROTOBUF,
		 "option x = \"message No {\"; package p; enum E { message = 0; } message Row{} message R2{}",
		 "p.Row"},
		{LH_SCHEMA_PROTOBUF, "option x = 'a\\'message No {'; message Row {}", "Row"},
		{LH_SCHEMA_PROTOBUF, "option message = 3; import \"package q;\"; message Row {}", "Row"},
		{LH_SCHEMA_PROTOBUF, "syntax = \"proto3\"; package a.b;", NULL},
		{LH_SCHEMA_PROTOBUF, "message", NULL},
		{LH_SCHEMA_PROTOBUF, "message {}", NULL},
		{LH_SCHEMA_PROTOBUF, "/* message Row {}", NULL},
		{LH_SCHEMA_PROTOBUF, "package", NULL},
		{LH_SCHEMA_PROTOBUF, "package a..b; message R {}", NULL},
		{LH_SCHEMA_PROTOBUF, "message 1R {}", NULL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhSchema s = schema(cases[i].kind, cases[i].text);
		const char *name = NULL;
		LhStatus status = lh_registry_record_name(ctx, &s, &name);

		if (cases[i].name == NULL)
		{
			if (status != LH_INVALID)
				fail_msg("%s has the name %s", cases[i].text, name);
			continue;
		}
		if (status != LH_OK)
			fail_msg("%s: %s", cases[i].text, ctx->error->message);
		assert_string_equal(name, cases[i].name);
	}
}

/* Without leave to register nothing is. */
static void
looks_up_only(void **state)
{
	LhRegistryOptions o = options_of(&stub);
	LhSchema a = avro("Known"), b = avro("Unknown");
	LhRegistry *writer = open_plain(), *reader;
	uint32_t id, same_id;

	(void) state;
	FINE(lh_registry_id(ctx, writer, "look", false, &a, &id));
	o.look_up = true;
	reader = open_with(&o);
	FINE(lh_registry_id(ctx, reader, "look", false, &a, &same_id));
	assert_int_equal(id, same_id);
	assert_int_equal(lh_registry_id(ctx, reader, "look", false, &b, &id), LH_NOT_FOUND);
	holds(ctx->error->message, "\"look-value\"");
	holds(ctx->error->message, "Schema not found");
	holds(ctx->error->hint, "registry.register=on");
	assert_int_equal(stub_count(&stub, "/versions"), 1);
	assert_int_equal(stub_count(&stub, "POST /subjects/look-value "), 2);
	/* an address that is not the API's is another mistake */
	o.url = lh_sprintf(ctx, "http://127.0.0.1:%d/ui", stub.port);
	reader = open_with(&o);
	assert_int_equal(lh_registry_id(ctx, reader, "look", false, &a, &id), LH_INVALID);
	holds(ctx->error->message, "404");
	holds(ctx->error->hint, "/apis/ccompat/v7");
}

/* Incompatible: who is told can mend it, and the registry is left in peace meanwhile. */
static void
incompatible(void **state)
{
	LhSchema a = schema(LH_SCHEMA_AVRO, "{\"type\":\"record\",\"name\":\"incompatible_column\"}");
	LhRegistry *r = open_plain();
	LhRegistryCounts before, after;
	uint32_t id;

	(void) state;
	lh_registry_counts(&before);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(lh_registry_id(ctx, r, "orders", false, &a, &id), LH_MISMATCH);
		holds(ctx->error->message, "schema registry: ");
		holds(ctx->error->message, "\"orders-value\"");
		holds(ctx->error->message, "READER_FIELD_MISSING_DEFAULT_VALUE");
		holds(ctx->error->hint, "/config/orders-value");
	}
	lh_registry_counts(&after);
	assert_int_equal(stub_count(&stub, "POST"), 1);
	assert_int_equal(after.refused - before.refused, 1);
	/* the topic's others are as they were */
	a = avro("Fine");
	FINE(lh_registry_id(ctx, r, "orders", false, &a, &id));
	stub_tell(
		&stub,
		"fault?kind=body&match=POST&status=422&arg={\"error_code\":42201,\"message\":\"bad+schema\"}");
	a = avro("Invalid");
	assert_int_equal(lh_registry_id(ctx, r, "orders", false, &a, &id), LH_MISMATCH);
	holds(ctx->error->message, "takes no such schema");
}

/* Who has changed the registry's mind need not begin anew. */
static void
refusals_expire(void **state)
{
	LhRegistryOptions o = options_of(&stub);
	LhSchema a = avro("Expiring");
	LhRegistry *r;
	LhStatus status;
	uint32_t id;

	(void) state;
	o.refused_ms = 50;
	r = open_with(&o);
	stub_tell(&stub, "fault?kind=body&match=POST&status=409&times=1&arg={}");
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &a, &id), LH_MISMATCH);
	while ((status = lh_registry_id(ctx, r, "t", false, &a, &id)) == LH_MISMATCH)
		usleep(1000);
	assert_int_equal(status, LH_OK);
	assert_int_equal(stub_count(&stub, "POST"), 2);
}

/* What a registry may say that is no id. */
static void
hostile_answers(void **state)
{
	static const char *const bodies[] = {
		"",
		"null",
		"[]",
		"7",
		"<html>it works</html>",
		"{}",
		"{\"id\":}",
		"{\"id\":0}",
		"{\"id\":-1}",
		"{\"id\":1.5}",
		"{\"id\":1e3}",
		"{\"id\":\"1\"}",
		"{\"id\":null}",
		"{\"id\":2147483648}",
		"{\"id\":99999999999999999999}",
		"{\"id\":{\"id\":1}}",
		"{\"x\":{\"id\":1}}",
		"{\"id\":1",
		"{\"id\":1}x",
		"[{\"id\":1}]",
		"{\"id\":01}",
		"{\"id\":[1]}",
		"{\"i\\u0064\":1}",
		"{\"id\":1,}",
		"{id:1}",
		"{\"x\":\"\377\",\"id\":1}",
	};
	LhRegistry *r = open_plain();
	LhSchema a = avro("Hostile");
	char tell[512];
	uint32_t id;

	(void) state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
	{
		int n = snprintf(tell, sizeof(tell), "fault?kind=body&match=POST&arg=");

		for (const uint8_t *p = (const uint8_t *) bodies[i]; *p != '\0'; p++)
			n += snprintf(tell + n, sizeof(tell) - (size_t) n, "%%%02x", *p);
		stub_tell(&stub, "reset");
		stub_tell(&stub, tell);
		if (lh_registry_id(ctx, r, "t", false, &a, &id) != LH_CORRUPT)
			fail_msg("%s: %s", bodies[i], ctx->error->message);
		assert_int_equal(stub_count(&stub, "POST"), 1);
	}
	/* deep enough for a parser that recurses to fall */
	{
		size_t n = 40000;
		char *deep = malloc(2 * n + 16);

		memcpy(deep, "{\"x\":", 5);
		memset(deep + 5, '[', n);
		memset(deep + 5 + n, ']', n);
		strcpy(deep + 5 + 2 * n, ",\"id\":1}");
		assert_int_equal(lh_registry_read_id(ctx, lh_slice(deep, strlen(deep)), &id), LH_CORRUPT);
		free(deep);
	}
	FINE(lh_registry_read_id(ctx, lh_slice("{\"x\":{\"id\":9},\"id\" : 2147483647 }", 33), &id));
	assert_int_equal(id, INT32_MAX);
}

/* More bytes than an answer can need: they are not kept. */
static void
huge_answers(void **state)
{
	LhRegistry *r = open_plain();
	LhSchema a = avro("Huge");
	uint32_t id;

	(void) state;
	stub_tell(&stub, "fault?kind=huge&match=POST&status=200&arg=8000000&times=1");
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &a, &id), LH_LIMIT);
	assert_true(lh_arena_used(ctx->arena) < 1 << 20);
	/* its message is cut, and still there */
	stub_tell(&stub, "fault?kind=huge&match=POST&status=409&arg=4000000&times=1");
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &a, &id), LH_MISMATCH);
	holds(ctx->error->message, "noxxxxxxxxx");
	assert_true(lh_arena_used(ctx->arena) < 1 << 20);
}

/* A lookup answers with the schema, however large that is. */
static void
large_schemas(void **state)
{
	size_t n = 3 << 20;
	char *text = lh_alloc(ctx, n + 64);
	LhRegistryOptions o = options_of(&stub);
	uint32_t id, again;
	LhSchema a;

	(void) state;
	strcpy(text, "{\"type\":\"record\",\"name\":\"Large\",\"doc\":\"");
	memset(text + strlen(text), '/', n);
	strcpy(text + n, "\"}");
	a = schema(LH_SCHEMA_AVRO, text);
	FINE(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id));
	o.look_up = true;
	FINE(lh_registry_id(ctx, open_with(&o), "t", false, &a, &again));
	assert_int_equal(id, again);
}

static void
texts_of_errors(void **state)
{
	static const struct
	{
		const char *body;
		int code;
		const char *text;
	} cases[] = {
		{"{\"error_code\":409,\"message\":\"a b\"}", 409, "a b"},
		{"{\"message\":\"a\\nb\\t\\\"c\\\" \\\\ \\u00e4\\u20ac\\u0007\\ud83d.\", \"error_code\": 42201 }",
		 42201, "a b \"c\" \\ \303\244\342\202\254 ?"},
		{"{\"error_code\":\"409\",\"message\":7}", 0, ""},
		{"{\"error_code\":409,\"message\":\"cut he", 409, "cut he"},
		{"{\"error_code\":409,\"message\":\"cut\\", 409, "cut"},
		{"{\"error_code\":409,\"message\":\"cut\\u00", 409, "cut00"},
		{"{\"error_code\":409,\"mess", 409, ""},
		{"{\"error_code\":12345678901,\"message\":\"x\"}", 0, "x"},
		{"{\"details\":{\"message\":\"no\"},\"message\":\"yes\"}", 0, "yes"},
		{"{\"message\":\"\033[31mred\001\"}", 0, "[31mred"},
		{"{\"message\":\"a\377b\"}", 0, "a"},
		{"<html>", 0, ""},
		{"", 0, ""},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char text[LH_REGISTRY_TEXT];
		const char *shown = text;
		int code;

		lh_registry_read_error(lh_slice(cases[i].body, strlen(cases[i].body)), &code, text);
		assert_int_equal(code, cases[i].code);
		while (*shown == ' ')
			shown++;
		assert_string_equal(shown, cases[i].text);
	}
}

/* What passes by itself is waited for; what does not is LH_IO in the end. */
static void
failures_of_the_registry(void **state)
{
	LhRegistryOptions o = options_of(&stub);
	LhSchema a = avro("Failing"), b = avro("Failing2"), c = avro("Failing3");
	LhRegistry *r = open_with(&o);
	uint32_t id;

	(void) state;
	stub_tell(&stub, "fault?kind=status&match=POST&status=503&times=2");
	FINE(lh_registry_id(ctx, r, "t", false, &a, &id));
	assert_int_equal(stub_count(&stub, "POST"), 3);
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=reset&match=POST&times=1");
	FINE(lh_registry_id(ctx, r, "t", false, &b, &id));
	assert_int_equal(stub_count(&stub, "POST"), 2);
	stub_tell(&stub, "reset");
	stub_tell(
		&stub,
		"fault?kind=body&match=POST&status=500&arg={\"error_code\":50001,\"message\":\"store\"}");
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &c, &id), LH_IO);
	holds(ctx->error->message, "500: store");
	assert_int_equal(stub_count(&stub, "POST"), 3);
	/* such a failure is not remembered */
	stub_tell(&stub, "reset");
	FINE(lh_registry_id(ctx, r, "t", false, &c, &id));

	o.url = "http://127.0.0.1:1";
	assert_int_equal(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id), LH_IO);
	o.url = "http://169.254.169.254/";
	assert_int_equal(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id), LH_DENIED);
}

/* A registry that never answers: time-outs; the host waits, and may stop it. */
static void
silence(void **state)
{
	LhRegistryOptions o = options_of(&stub);
	LhSchema a = avro("Silent");
	LhRegistryCounts before, after;
	LhRegistry *r;
	uint32_t id;

	(void) state;
	stub_tell(&stub, "fault?kind=hang&match=POST");
	o.timeout_ms = 150;
	r = open_with(&o);
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &a, &id), LH_IO);
	assert_true(waits > 3);
	assert_int_equal(stub_count(&stub, "POST"), 3);
	o.timeout_ms = 600000;
	r = open_with(&o);
	lh_registry_counts(&before);
	polls = 10;
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &a, &id), LH_CANCELLED);
	lh_registry_counts(&after);
	assert_int_equal(before.failures, after.failures);
	polls = -1;
	stub_tell(&stub, "reset");
	FINE(lh_registry_id(ctx, r, "t", false, &a, &id));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, context_end)
	const struct CMUnitTest tests[] = {
		TEST(asks_once),
		TEST(defaults_count),
		TEST(keeps_many),
		TEST(registers_the_text),
		TEST(subjects_by_strategy),
		TEST(names_of_records),
		TEST(looks_up_only),
		TEST(incompatible),
		TEST(refusals_expire),
		TEST(hostile_answers),
		TEST(huge_answers),
		TEST(large_schemas),
		TEST(texts_of_errors),
		TEST(failures_of_the_registry),
		TEST(silence),
	};

	return cmocka_run_group_tests(tests, registry_start, registry_end);
}
