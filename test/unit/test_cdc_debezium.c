/*
 * test_cdc_debezium.c
 *		The format debezium-json against what Debezium 3.6.3 itself wrote (test/fixtures/cdc/debezium).
 *
 * The same changes are told by hand for each captured set of options, and keys,
 * values and schemas compared as JSON: all literal types and values, in order.
 * "known" lists every place where we differ on purpose (docs/cdc-formats.md has
 * the reasons); one that no longer differs fails the test, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>

#include "change/formats.h"
#include "unit/cdc_debezium_tables.h"

#define LINES "test/fixtures/cdc/debezium/"
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

/* ---- where we differ ---- */
/* theirs, ours: JSON, "absent", or NULL for anything.  A path's first star stands for the table. */
typedef struct Known
{
	const char *set; /* NULL: any */
	const char *path;
	const char *theirs;
	const char *ours;
	bool used;
} Known;

static Known known[] = {
	{NULL, "*.value.source.version", "\"V\"", "\"" LAKEHOUSE_VERSION "\"", false},
	/* infinite dates: a year of minus 5.8 million there, PostgreSQL's own ends here */
	{NULL, "types.value.after.d", "-2147472692", "2147483647", false},
	{NULL, "types.value.after.d", "-2147472691", "-2147483648", false},
	{NULL, "arrays.value.after.d", NULL, "[-2147483648]", false},
	{"isostring", "types.value.after.d", NULL, "\"infinity\"", false},
	{"isostring", "types.value.after.d", NULL, "\"-infinity\"", false},
	{"isostring", "arrays.value.after.d", NULL, "[\"-infinity\"]", false},
	{"isostring", "types.value.after.ts0", NULL, "\"infinity\"", false},
	{"isostring", "types.value.after.ts3", NULL, "\"-infinity\"", false},
	{"isostring", "types.value.after.ts6", NULL, "\"infinity\"", false},
	{"isostring", "types.value.after.ts6", NULL, "\"-infinity\"", false},
	{"isostring", "arrays.value.after.ts6", NULL, "[\"infinity\"]", false},
	{"isostring", "types.value.after.t6", "\"00:00:00Z\"", "\"24:00:00Z\"", false},
	/* numbers that are none */
	{"adaptive_us", "types.value.after.n2", "\"NAN\"", "\"NaN\"", false},
	{"adaptive_us", "types.value.after.nn", "\"NAN\"", "\"NaN\"", false},
	{"adaptive_us", "types.value.after.nn", NULL, "\"Infinity\"", false},
	{"adaptive_us", "arrays.value.after.nn", NULL, "[\"NaN\",\"1\"]", false},
	{"connect", "arrays.value.after.nn", NULL, "[\"NaN\",1]", false},
	{NULL, "arrays.value.after.nn", "null", "[null,{\"scale\":0,\"value\":\"AQ==\"}]", false},
	/* its driver rewrites a box's numbers */
	{NULL, "types.value.after.bx", NULL, NULL, false},
	/* arrays */
	{NULL, "arrays.value.after.i4", "[null,null]", "[[1,2],[3,4]]", false},
	{NULL, "arrays.value.after.t6", NULL, NULL, false},
	{NULL, "arrays.value.after.ttz", "[\"10:34:56Z\"]", "[\"10:34:56.5Z\"]", false},
	{NULL, "arrays.value.after.iv", "absent", NULL, false},
	{NULL, "arrays.value.after.mo", "absent", NULL, false},
	{NULL, "arrays.value.after.dow", NULL, "[\"w\"]", false},
	{NULL, "arrays.schema.before.iv", "absent", NULL, false},
	{NULL, "arrays.schema.before.mo", "absent", NULL, false},
	{NULL, "arrays.schema.before.en.items.optional", "false", "true", false},
	{NULL, "arrays.schema.before.dow.items.type", NULL, "\"string\"", false},
	{NULL, "arrays.schema.before.dow.items.optional", "false", "true", false},
	{NULL, "arrays.schema.after.iv", "absent", NULL, false},
	{NULL, "arrays.schema.after.mo", "absent", NULL, false},
	{NULL, "arrays.schema.after.en.items.optional", "false", "true", false},
	{NULL, "arrays.schema.after.dow.items.type", NULL, "\"string\"", false},
	{NULL, "arrays.schema.after.dow.items.optional", "false", "true", false},
	/* a null is a null, whatever the column's default */
	{NULL, "defaults.value.after.f8", "0.5", "null", false},
	{NULL, "defaults.value.after.en", "\"ok\"", "null", false},
	{NULL, "defaults.value.after.u", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"", "null", false},
	{NULL, "defaults.value.after.c", "\"ab\"", "null", false},
	{NULL, "defaults.value.after.nn", NULL, "null", false},
	/* the key of a table with another identity is that identity */
	{NULL, "by_index.key", NULL, NULL, false},
	{NULL, "by_index.keyschema", NULL, NULL, false},
	/* unchanged bytes have the placeholder in every mode */
	{NULL, "toasty.value.after.y", "null", "\"__debezium_unavailable_value\"", false},
	{NULL, "toasty.value.after.ya", "null", "[\"__debezium_unavailable_value\"]", false},
	/* messages are no collections */
	{NULL, "transaction.value.data_collections", NULL, "[]", false},
};

static const char *
dump(const json_t *v)
{
	char *text = v != NULL ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	const char *copy = lh_strdup(ctx, text != NULL ? text : "absent");

	free(text);
	return copy;
}

static bool
path_is(const char *pattern, const char *path)
{
	if (pattern[0] != '*')
		return strcmp(pattern, path) == 0;
	path = strchr(path, '.');
	return path != NULL && strcmp(pattern + 1, path) == 0;
}

static bool
is_known(const char *set, const char *path, const json_t *theirs, const json_t *ours)
{
	const char *a = dump(theirs);
	const char *b = dump(ours);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		Known *k = &known[i];

		if ((k->set == NULL || strcmp(k->set, set) == 0) && path_is(k->path, path) &&
			(k->theirs == NULL || strcmp(k->theirs, a) == 0) &&
			(k->ours == NULL || strcmp(k->ours, b) == 0))
		{
			k->used = true;
			return true;
		}
	}
	return false;
}

/* ---- comparing ---- */
static int ndifferences;

static bool
same_scalar(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b) && (json_is_real(a) || json_is_real(b)))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

static bool
same(const json_t *a, const json_t *b)
{
	if (json_is_array(a) && json_is_array(b))
	{
		bool equal = json_array_size(a) == json_array_size(b);

		for (size_t i = 0; equal && i < json_array_size(a); i++)
			equal = same(json_array_get(a, i), json_array_get(b, i));
		return equal;
	}
	return same_scalar(a, b);
}

static json_t *
field_named(const json_t *fields, const char *name)
{
	size_t i;
	json_t *f;

	json_array_foreach(fields, i, f) if (strcmp(json_string_value(json_object_get(f, "field")),
												name) == 0) return f;
	return NULL;
}

static void
compare(const char *set, const char *path, const json_t *theirs, const json_t *ours)
{
	if (theirs == NULL || ours == NULL || !json_is_object(theirs) || !json_is_object(ours))
	{
		if ((theirs == NULL || ours == NULL || !same(theirs, ours)) &&
			!is_known(set, path, theirs, ours))
		{
			print_error("%s: %s\n  Debezium: %.400s\n  ours:     %.400s\n", set, path, dump(theirs),
						dump(ours));
			ndifferences++;
		}
		return;
	}
	if (is_known(set, path, theirs, ours))
		return;
	for (int side = 0; side < 2; side++)
	{
		const char *name;
		json_t *v;

		json_object_foreach((json_t *) (side == 0 ? theirs : ours), name, v)
		{
			const json_t *a = json_object_get(theirs, name);
			const json_t *b = json_object_get(ours, name);

			if (side == 1 && a != NULL)
				continue;
			/* a schema's fields go by name */
			if (strcmp(name, "fields") == 0 && json_is_array(a) && json_is_array(b))
			{
				size_t i;
				json_t *f;
				size_t next = 0;

				json_array_foreach(b, i, f)
				{
					const char *field = json_string_value(json_object_get(f, "field"));
					json_t *g = field_named(a, field);

					compare(set, lh_sprintf(ctx, "%s.%s", path, field), g, f);
					/* and stand in the same order */
					if (g != NULL)
						assert_ptr_equal(json_array_get(a, next++), g);
				}
				assert_int_equal(next, json_array_size(a));
				continue;
			}
			compare(set, lh_sprintf(ctx, "%s.%s", path, name), a, b);
		}
	}
}

/* The order of members, too, is Debezium's. */
static void
check_order(const json_t *theirs, const json_t *ours)
{
	void *a = json_object_iter((json_t *) theirs);
	void *b = json_object_iter((json_t *) ours);

	for (; a != NULL && b != NULL; a = json_object_iter_next((json_t *) theirs, a),
								   b = json_object_iter_next((json_t *) ours, b))
	{
		assert_string_equal(json_object_iter_key(a), json_object_iter_key(b));
		if (strcmp(json_object_iter_key(a), "source") == 0)
			check_order(json_object_iter_value(a), json_object_iter_value(b));
	}
}

/* A message of theirs with its schema looked up, beside ours. */
static void
compare_part(const char *set, const char *table, const char *part, const json_t *schemas,
			 json_t *theirs, json_t *ours)
{
	json_t *id = json_object_get(theirs, "schema");

	if (json_is_null(theirs) || id == NULL || !json_is_integer(id))
	{
		compare(set, lh_sprintf(ctx, "%s.%s", table, part), theirs, ours);
		if (json_is_object(theirs) && strcmp(part, "value") == 0)
			check_order(theirs, ours);
		return;
	}
	assert_int_equal(json_object_size(ours), 2);
	compare(set, lh_sprintf(ctx, "%s.%s", table, strcmp(part, "key") == 0 ? "keyschema" : "schema"),
			json_array_get(schemas, (size_t) json_integer_value(id)),
			json_object_get(ours, "schema"));
	compare(set, lh_sprintf(ctx, "%s.%s", table, part), json_object_get(theirs, "payload"),
			json_object_get(ours, "payload"));
	if (strcmp(part, "value") == 0)
		check_order(json_object_get(theirs, "payload"), json_object_get(ours, "payload"));
}

/* ---- a set ---- */
static char *
read_lines(const char *set)
{
	FILE *f = fopen(lh_sprintf(ctx, LINES "%s.jsonl", set), "rb");
	size_t room = 2 << 20;
	char *text = lh_alloc(ctx, room);
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, room - 1, f);
	assert_true(n > 0 && n < room - 1);
	fclose(f);
	text[n] = '\0';
	return text;
}

static const char *
settings_of(const char *set, const json_t *options)
{
	const char *settings = lh_sprintf(
		ctx,
		"topic.prefix=srv provide.transaction.metadata=on tombstones.on.delete=on "
		"hstore.handling.mode=json binary.handling.mode=bytes decimal.handling.mode=precise "
		"time.precision.mode=adaptive interval.handling.mode=numeric money.fraction.digits=2 "
		"value.converter.schemas.enable=%s",
		strcmp(set, "plain") == 0 ? "off" : "on");
	const char *name;
	json_t *v;

	json_object_foreach((json_t *) options, name, v) if (strstr(name, "schemas.enable") == NULL)
		settings = lh_sprintf(ctx, "%s %s=%s", settings, name, json_string_value(v));
	return settings;
}

static void
tell(CdcStream *s, const char *settings)
{
	cdc_open(ctx, s, &lh_format_debezium_json, settings);
	/* the encoder made its texts with the options at hand */
	s->options.database = "debezium_capture";
	CDC_DO(ctx, lh_format_debezium_json.create(ctx, &s->options, &s->enc));
	s->out.framed = true;
	s->out.want_key = true;
	s->lsn = 23804744;
	s->txn = (LhChangeTxn){.xid = 700,
						   .first_lsn = 23804744,
						   .commit_lsn = 23804744,
						   .commit_end = 23804792,
						   .commit_time = -LH_PG_EPOCH_US};
	s->now = -LH_PG_EPOCH_US;
	dbz_tell_all(ctx, s);
	CDC_DO(ctx, lh_buf_putc(ctx, &s->text, '\0'));
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
compare_set(const char *set)
{
	char *theirs = read_lines(set);
	json_t *schemas = json_array();
	json_t *head = json_loads(cut(&theirs, '\n'), 0, NULL);
	CdcStream s;
	char *ours;
	int n = 0;

	tell(&s, settings_of(set, json_object_get(head, "options")));
	ours = (char *) s.text.data;
	while (*theirs != '\0')
	{
		json_t *line = json_loads(cut(&theirs, '\n'), PARSE, NULL);
		const char *topic = json_string_value(json_object_get(line, "topic"));
		json_t *key;
		json_t *value;

		assert_non_null(line);
		if (topic == NULL)
		{
			json_array_append(schemas, json_object_get(line, "schema"));
			json_decref(line);
			continue;
		}
		if (*ours == '\0')
			fail_msg("%s: ours ends at event %d", set, n);
		key = json_loads(cut(&ours, '\t'), PARSE, NULL);
		value = json_loads(cut(&ours, '\n'), PARSE, NULL);
		assert_non_null(key);
		assert_non_null(value);
		topic = strrchr(topic, '.') + 1;
		compare_part(set, topic, "key", schemas, json_object_get(line, "key"), key);
		compare_part(set, topic, "value", schemas, json_object_get(line, "value"), value);
		json_decref(line);
		json_decref(key);
		json_decref(value);
		n++;
	}
	/* hex and maps stop the connector at the delete of "required" */
	if (strcmp(set, "nanoseconds") != 0)
		assert_string_equal(ours, "");
	assert_true(n >= 85);
	json_decref(head);
	json_decref(schemas);
}

static void
says_what_debezium_says(void **state)
{
	static const char *const sets[] = {"schema",      "plain",     "adaptive_us",
									   "connect",     "isostring", "microseconds",
									   "nanoseconds", "avro",      "unicode"};

	(void) state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		compare_set(sets[i]);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!known[i].used)
		{
			print_error("no longer differs: %s\n", known[i].path);
			ndifferences++;
		}
	assert_int_equal(ndifferences, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(says_what_debezium_says, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
