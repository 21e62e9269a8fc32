/*
 * test_cdc_debezium_avro.c
 *		The format debezium-avro against debezium-json, which is compared with Debezium itself.
 *
 * All changes of test_cdc_debezium.c are told in both formats, under each set of
 * options; the Avro records, decoded by their schemas, must be the JSON.  Schemas are
 * compared with what Confluent's converter makes of a table, by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>

#include "change/avro.h"
#include "change/formats.h"
#include "unit/avro_decode.h"
#include "unit/cdc_debezium_tables.h"

#define PARSE (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)

static LhCtx *ctx;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

/* ---- schemas and messages that a stream told ---- */

#define MAX_SCHEMAS  200
#define MAX_MESSAGES 2000

typedef struct Told
{
	int nschemas, nmessages;
	LhSchema schemas[MAX_SCHEMAS];
	json_t *parsed[MAX_SCHEMAS];
	const char *parts[MAX_SCHEMAS];
	json_t *keys[MAX_MESSAGES], *values[MAX_MESSAGES];
} Told;

static Told *told;

static LhStatus
take_schema(LhChangeOut *out, LhCtx *c, const LhSchema *schema)
{
	LhSchema again;

	(void) c;
	assert_int_equal(schema->kind, LH_SCHEMA_AVRO);
	assert_int_equal(schema->text.data[schema->text.len], '\0');
	LH_OK_(ctx, lh_avro_schema(ctx, schema->text, &again));
	assert_int_equal(again.fingerprint, schema->fingerprint);
	/* defaults and logical types are in no fingerprint: the last one told counts */
	for (int i = 0; i < told->nschemas; i++)
		if (told->schemas[i].fingerprint == schema->fingerprint)
			told->schemas[i].fingerprint = 0;
	assert_true(told->nschemas < MAX_SCHEMAS);
	told->schemas[told->nschemas] = *schema;
	told->parts[told->nschemas] = out->part;
	told->parsed[told->nschemas] = json_loadb((const char *) schema->text.data, schema->text.len,
											  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert_non_null(told->parsed[told->nschemas]);
	told->nschemas++;
	return LH_OK;
}

static json_t *
decode(LhSlice bytes)
{
	uint64_t fingerprint = 0;

	assert_true(lh_schema_head_read(LH_SCHEMA_AVRO, bytes, &fingerprint));
	for (int i = 0; i < told->nschemas; i++)
		if (told->schemas[i].fingerprint == fingerprint)
		{
			json_t *v =
				avro_decode(ctx, told->parsed[i],
							lh_slice(bytes.data + LH_SCHEMA_HEAD, bytes.len - LH_SCHEMA_HEAD));

			if (v == NULL)
				fail_msg("no value at \"%s\" of %s", avro_failed_at,
						 (const char *) told->schemas[i].text.data);
			return v;
		}
	fail_msg("nobody told of schema %016llx", (unsigned long long) fingerprint);
	return NULL;
}

static void
take_message(CdcStream *s, const LhFrameMessage *m)
{
	(void) s;
	assert_true(told->nmessages < MAX_MESSAGES);
	told->keys[told->nmessages] = m->has_key ? decode(m->key) : json_null();
	told->values[told->nmessages++] = m->tombstone ? json_null() : decode(m->value);
}

static void
tell(CdcStream *s, const LhChangeFormat *format, const char *settings)
{
	bool avro = format == &lh_format_debezium_avro;

	cdc_open(ctx, s, format, settings);
	/* the encoder made its texts with the options at hand */
	s->options.database = "debezium_capture";
	CDC_DO(ctx, format->create(ctx, &s->options, &s->enc));
	s->out.framed = true;
	s->out.want_key = true;
	s->lsn = 23804744;
	s->now = 768294489120001;
	if (avro)
	{
		told = lh_alloc0(ctx, sizeof(*told));
		s->out.schema = take_schema;
		s->take = take_message;
		CDC_DO(ctx, format->describe(ctx, s->enc, NULL, NULL, &s->out));
	}
	dbz_tell_all(ctx, s);
	CDC_DO(ctx, lh_buf_putc(ctx, &s->text, '\0'));
}

/* ---- the same? ---- */

static bool
same(const json_t *a, const json_t *b)
{
	const char *name;
	json_t *v;

	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b) ||
			   (float) json_number_value(a) == (float) json_number_value(b);
	/* a struct that may not be null has nothing in it */
	if (json_is_null(a) && json_is_object(b))
	{
		json_object_foreach((json_t *) b, name, v) if (!json_is_null(v)) return false;
		return true;
	}
	/* lists of lists have no Avro type */
	if (json_is_array(a) && json_is_null(b))
		return json_is_array(json_array_get(a, 0));
	if (json_is_array(a) && json_is_array(b))
	{
		bool equal = json_array_size(a) == json_array_size(b);

		for (size_t i = 0; equal && i < json_array_size(a); i++)
			equal = same(json_array_get(a, i), json_array_get(b, i));
		return equal;
	}
	if (!json_is_object(a) || !json_is_object(b))
		return json_equal(a, b);
	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach((json_t *) a, name, v)
	{
		if (json_object_get(b, name) == NULL || !same(v, json_object_get(b, name)))
		{
			char *x = json_dumps(v, JSON_ENCODE_ANY);
			char *y = json_dumps(json_object_get(b, name), JSON_ENCODE_ANY);

			print_error("%s: %.300s is not %.300s\n", name, x, y != NULL ? y : "there");
			free(x);
			free(y);
			return false;
		}
	}
	return true;
}

static char *
cut(char **at, char end)
{
	char *start = *at;
	char *p = strchr(start, end);

	assert_non_null(p);
	*p = '\0';
	*at = p + 1;
	return start;
}

static void
compare(const char *settings)
{
	CdcStream json, avro;
	char *text;

	tell(&json, &lh_format_debezium_json, settings);
	tell(&avro, &lh_format_debezium_avro, settings);
	text = (char *) json.text.data;
	for (int i = 0; i < told->nmessages; i++)
	{
		json_t *key, *value;

		if (*text == '\0')
			fail_msg("the JSON ends at message %d", i);
		key = json_loads(cut(&text, '\t'), PARSE, NULL);
		value = json_loads(cut(&text, '\n'), PARSE, NULL);
		if (!same(key, told->keys[i]) || !same(value, told->values[i]))
			fail_msg("%s: message %d differs: %s", settings, i,
					 json_dumps(told->values[i], JSON_ENCODE_ANY));
		json_decref(key);
		json_decref(value);
	}
	assert_string_equal(text, "");
	assert_true(told->nmessages >= 85);
	for (int i = 0; i < told->nmessages; i++)
	{
		json_decref(told->keys[i]);
		json_decref(told->values[i]);
	}
	for (int i = 0; i < told->nschemas; i++)
		json_decref(told->parsed[i]);
}

static void
records_are_what_debezium_json_says(void **state)
{
	static const char *const times[] = {"adaptive",     "adaptive_time_microseconds",
										"connect",      "isostring",
										"microseconds", "nanoseconds",
										"structured"};
	static const char *const rest[] = {
		"decimal.handling.mode=precise hstore.handling.mode=json binary.handling.mode=bytes",
		"decimal.handling.mode=string hstore.handling.mode=map binary.handling.mode=hex "
		"interval.handling.mode=string",
		"decimal.handling.mode=double hstore.handling.mode=json binary.handling.mode=base64 "
		"field.name.adjustment.mode=avro_unicode"};

	(void) state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		for (size_t k = 0; k < sizeof(rest) / sizeof(rest[0]); k++)
			compare(lh_sprintf(
				ctx,
				"topic.prefix=srv provide.transaction.metadata=on time.precision.mode=%s %s %s",
				times[i], rest[k], k < 2 ? "field.name.adjustment.mode=avro" : ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_are_what_debezium_json_says, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
