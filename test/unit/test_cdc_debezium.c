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

#include "change/debezium.h"
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
	const char *set;			/* NULL: any */
	const char *path;
	const char *theirs;
	const char *ours;
	bool		used;
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

static char *
dump(const json_t *v)
{
	return v == NULL ? lh_strdup(ctx, "absent") : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
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
		Known	   *k = &known[i];

		if ((k->set == NULL || strcmp(k->set, set) == 0) && path_is(k->path, path) &&
			(k->theirs == NULL || strcmp(k->theirs, a) == 0) && (k->ours == NULL || strcmp(k->ours, b) == 0))
		{
			k->used = true;
			return true;
		}
	}
	return false;
}

/* ---- comparing ---- */
static int	ndifferences;

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
		bool		equal = json_array_size(a) == json_array_size(b);

		for (size_t i = 0; equal && i < json_array_size(a); i++)
			equal = same(json_array_get(a, i), json_array_get(b, i));
		return equal;
	}
	return same_scalar(a, b);
}

static json_t *
field_named(const json_t *fields, const char *name)
{
	size_t		i;
	json_t	   *f;

	json_array_foreach(fields, i, f)
		if (strcmp(json_string_value(json_object_get(f, "field")), name) == 0)
			return f;
	return NULL;
}

static void
compare(const char *set, const char *path, const json_t *theirs, const json_t *ours)
{
	if (theirs == NULL || ours == NULL || !json_is_object(theirs) || !json_is_object(ours))
	{
		if ((theirs == NULL || ours == NULL || !same(theirs, ours)) && !is_known(set, path, theirs, ours))
		{
			print_error("%s: %s\n  Debezium: %.400s\n  ours:     %.400s\n", set, path, dump(theirs), dump(ours));
			ndifferences++;
		}
		return;
	}
	if (is_known(set, path, theirs, ours))
		return;
	for (int side = 0; side < 2; side++)
	{
		const char *name;
		json_t	   *v;

		json_object_foreach((json_t *) (side == 0 ? theirs : ours), name, v)
		{
			const json_t *a = json_object_get(theirs, name);
			const json_t *b = json_object_get(ours, name);

			if (side == 1 && a != NULL)
				continue;
			/* a schema's fields go by name */
			if (strcmp(name, "fields") == 0 && json_is_array(a) && json_is_array(b))
			{
				size_t		i;
				json_t	   *f;
				size_t		next = 0;

				json_array_foreach(b, i, f)
				{
					const char *field = json_string_value(json_object_get(f, "field"));
					json_t	   *g = field_named(a, field);

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
	void	   *a = json_object_iter((json_t *) theirs);
	void	   *b = json_object_iter((json_t *) ours);

	for (; a != NULL && b != NULL; a = json_object_iter_next((json_t *) theirs, a), b = json_object_iter_next((json_t *) ours, b))
	{
		assert_string_equal(json_object_iter_key(a), json_object_iter_key(b));
		if (strcmp(json_object_iter_key(a), "source") == 0)
			check_order(json_object_iter_value(a), json_object_iter_value(b));
	}
}

/* A message of theirs with its schema looked up, beside ours. */
static void
compare_part(const char *set, const char *table, const char *part, const json_t *schemas, json_t *theirs, json_t *ours)
{
	json_t	   *id = json_object_get(theirs, "schema");

	if (json_is_null(theirs) || id == NULL || !json_is_integer(id))
	{
		compare(set, lh_sprintf(ctx, "%s.%s", table, part), theirs, ours);
		if (json_is_object(theirs) && strcmp(part, "value") == 0)
			check_order(theirs, ours);
		return;
	}
	assert_int_equal(json_object_size(ours), 2);
	compare(set, lh_sprintf(ctx, "%s.%s", table, strcmp(part, "key") == 0 ? "keyschema" : "schema"),
			json_array_get(schemas, (size_t) json_integer_value(id)), json_object_get(ours, "schema"));
	compare(set, lh_sprintf(ctx, "%s.%s", table, part), json_object_get(theirs, "payload"), json_object_get(ours, "payload"));
	if (strcmp(part, "value") == 0)
		check_order(json_object_get(theirs, "payload"), json_object_get(ours, "payload"));
}

/* ---- a set ---- */
static char *
read_lines(const char *set)
{
	FILE	   *f = fopen(lh_sprintf(ctx, LINES "%s.jsonl", set), "rb");
	size_t		room = 2 << 20;
	char	   *text = lh_alloc(ctx, room);
	size_t		n;

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
	const char *settings = lh_sprintf(ctx, "topic.prefix=srv provide.transaction.metadata=on tombstones.on.delete=on "
									  "hstore.handling.mode=json binary.handling.mode=bytes decimal.handling.mode=precise "
									  "time.precision.mode=adaptive interval.handling.mode=numeric money.fraction.digits=2 "
									  "value.converter.schemas.enable=%s", strcmp(set, "plain") == 0 ? "off" : "on");
	const char *name;
	json_t	   *v;

	json_object_foreach((json_t *) options, name, v)
		if (strstr(name, "schemas.enable") == NULL)
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
	s->txn = (LhChangeTxn) {.xid = 700, .first_lsn = 23804744, .commit_lsn = 23804744, .commit_end = 23804792,
		.commit_time = -LH_PG_EPOCH_US};
	s->now = -LH_PG_EPOCH_US;
	dbz_tell_all(ctx, s);
	CDC_DO(ctx, lh_buf_putc(ctx, &s->text, '\0'));
}

static char *
cut(char **at, char end)
{
	char	   *start = *at;
	char	   *p = strchr(start, end);

	assert_non_null(p);
	*p = '\0';
	*at = p + 1;
	return start;
}

static void
compare_set(const char *set)
{
	char	   *theirs = read_lines(set);
	json_t	   *schemas = json_array();
	json_t	   *head = json_loads(cut(&theirs, '\n'), 0, NULL);
	CdcStream	s;
	char	   *ours;
	int			n = 0;

	tell(&s, settings_of(set, json_object_get(head, "options")));
	ours = (char *) s.text.data;
	while (*theirs != '\0')
	{
		json_t	   *line = json_loads(cut(&theirs, '\n'), PARSE, NULL);
		const char *topic = json_string_value(json_object_get(line, "topic"));
		json_t	   *key;
		json_t	   *value;

		assert_non_null(line);
		if (topic == NULL)
		{
			json_array_append(schemas, json_object_get(line, "schema"));
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
	static const char *const sets[] = {"schema", "plain", "adaptive_us", "connect", "isostring", "microseconds", "nanoseconds",
		"avro", "unicode"};

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

/* ---- what the capture does not reach ---- */
/* Value of the only row of a table of one column, under "settings". */
static const char *
one(const char *settings, LhChangeColumn c, LhCell cell)
{
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_NOTHING, 1, &c);
	CdcStream	s;
	char	   *at;

	cdc_open(ctx, &s, &lh_format_debezium_json, settings);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, &cell);
	CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
	assert_non_null(json_loads((const char *) s.text.data, PARSE, NULL));
	at = strstr((char *) s.text.data, "\"after\":{\"v\":");
	assert_non_null(at);
	at += strlen("\"after\":{\"v\":");
	*strstr(at, "},\"source\"") = '\0';
	return at;
}

static LhChangeColumn
column(uint32_t oid, LhCellKind kind, const char *bare, int typmod)
{
	LhChangeColumn c = cdc_col(ctx, "v", oid, kind, bare, bare);

	c.typmod = typmod;
	return c;
}

static int
base64_value(char c)
{
	const char *all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return (int) (strchr(all, c) - all);
}

/* The number in quotes and base64, which must be in its shortest form. */
static __int128
decoded(const char *text)
{
	uint8_t		bytes[32] = {0};
	size_t		n = 0;
	size_t		length = strlen(text);
	uint32_t	word = 0;
	int			have = 0;
	unsigned __int128 v;

	assert_true(text[0] == '"' && text[length - 1] == '"' && length % 4 == 2);
	for (size_t i = 1; i < length - 1 && text[i] != '='; i++)
	{
		word = word << 6 | (uint32_t) base64_value(text[i]);
		have += 6;
		if (have >= 8)
		{
			have -= 8;
			bytes[n++] = (uint8_t) (word >> have);
			assert_true(n < sizeof(bytes));
		}
	}
	assert_true(n > 0 && n <= 16);
	if (n > 1)
		assert_false((bytes[0] == 0 && bytes[1] < 0x80) || (bytes[0] == 0xff && bytes[1] >= 0x80));
	v = bytes[0] >= 0x80 ? ~(unsigned __int128) 0 : 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | bytes[i];
	return (__int128) v;
}

static uint64_t
random_below(uint64_t n)
{
	return cdc_random() % n;
}

/* Short and long decimals against arithmetic on 128 bits. */
static void
decimals_are_their_unscaled_values(void **state)
{
	LhBuf		buf;

	(void) state;
	CDC_DO(ctx, lh_buf_init(ctx, &buf, false));
	for (int i = 0; i < 20000; i++)
	{
		int			digits = 1 + (int) random_below(34);
		int			scale = (int) random_below((uint64_t) digits + 1);
		int			more = (int) random_below(4);
		char		text[64];
		char	   *p = text;
		__int128	want = 0;
		LhCell		cell;

		if (random_below(2) == 0)
			*p++ = '-';
		if (digits == scale)
			*p++ = '0';
		for (int k = 0; k < digits; k++)
		{
			int			digit = random_below(3) == 0 ? 0 : (int) random_below(10);

			if (k == digits - scale)
				*p++ = '.';
			*p++ = (char) ('0' + digit);
			want = want * 10 + digit;
		}
		*p = '\0';
		for (int k = 0; k < more; k++)
			want *= 10;
		cell = cdc_decimal(ctx, text);
		buf.len = 0;
		CDC_DO(ctx, lh_dbz_unscaled(ctx, &buf, &cell, scale + more));
		CDC_DO(ctx, lh_buf_putc(ctx, &buf, '\0'));
		if (decoded((const char *) buf.data) != (text[0] == '-' ? -want : want))
			fail_msg("%s times 10^%d is not %s", text, scale + more, (const char *) buf.data);
	}
}

static void
decimals_of_any_size(void **state)
{
	static const struct
	{
		const char *number;
		int			precision,
					scale;
		const char *want;
	}			t[] = {
		/* Java: new BigDecimal(..).unscaledValue().toByteArray() */
		{"9223372036854775807", 19, 0, "\"f/////////8=\""},
		{"9223372036854775808", 19, 0, "\"AIAAAAAAAAAA\""},
		{"-9223372036854775808", 19, 0, "\"gAAAAAAAAAA=\""},
		{"-9223372036854775809", 19, 0, "\"/3//////////\""},
		{"1000000000000000000000000000000000000000000000000000000000000", 70, 0,
		"\"AJ9PJyYXmiJFAddiQiyUZZDZEAAAAAAAAAA=\""},
		{"128", 10, 0, "\"AIA=\""}, {"-128", 10, 0, "\"gA==\""}, {"-129", 10, 0, "\"/38=\""},
		{"12000", 4, -2, "\"eA==\""}, {"0", 4, 2, "\"AA==\""}};

	(void) state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
	{
		const char *got = one("", column(1700, LH_CELL_NUMERIC, "numeric", dbz_numeric_mod(t[i].precision, t[i].scale)),
							  cdc_decimal(ctx, t[i].number));

		assert_string_equal(got, t[i].want);
	}
}

static void
money_of_any_locale(void **state)
{
	static const struct
	{
		const char *text;
		const char *want;
	}			t[] = {
		{"$1,234.56", "\"1234.56\""}, {"-$0.05", "\"-0.05\""}, {"($0.05)", "\"-0.05\""}, {"1.234,56 \342\202\254", "\"1234.56\""},
		{"\302\2451,234", "\"1234\""}, {"$1,234,567.89", "\"1234567.89\""}, {"", "\"0\""}, {"-92233720368547758.08", "\"-92233720368547758.08\""}};

	(void) state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(one("decimal.handling.mode=string", column(790, LH_CELL_OTHER, "money", -1), cdc_other(t[i].text)),
							t[i].want);
	assert_string_equal(one("", column(790, LH_CELL_OTHER, "money", -1), cdc_other("\302\2451,234")), "\"AeII\"");
	assert_string_equal(one("money.fraction.digits=0", column(790, LH_CELL_OTHER, "money", -1), cdc_other("$1.50")), "\"Ag==\"");
}

/* Text that a type's output function would not write is null, never broken JSON. */
static void
hostile_texts_are_null(void **state)
{
	static const char *const points[] = {"", "(", "(1", "(1,", "(1,2", "1,2)", "(x,2)", "(,)", "(1;2)"};
	static const char *const hstores[] = {"\"", "\"a", "\"a\"", "\"a\"=>", "\"a\"=>\"", "\"a\"=>1", "a=>1", "\"a\"=>\"1\"x", "\"a\\"};
	static const char *const vectors[] = {"", "[", "]", "[1", "[1,]", "[,1]", "[x]", "[1,,2]", "[{}]", "[1]]", "[\"]"};
	static const char *const geometries[] = {"", "0", "01", "0101000000", "zz01000000000000000000", "010100000000000000000000000"};

	(void) state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		assert_string_equal(one("", column(600, LH_CELL_OTHER, "point", -1), cdc_other(points[i])), "null");
	for (size_t i = 0; i < sizeof(hstores) / sizeof(hstores[0]); i++)
		assert_string_equal(one("", column(90020, LH_CELL_OTHER, "hstore", -1), cdc_other(hstores[i])), "null");
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_string_equal(one("", column(90050, LH_CELL_OTHER, "vector", -1), cdc_other(vectors[i])), "null");
	for (size_t i = 0; i < sizeof(geometries) / sizeof(geometries[0]); i++)
		assert_string_equal(one("", column(90060, LH_CELL_OTHER, "geometry", -1), cdc_other(geometries[i])), "null");
}

static void
types_of_other_extensions(void **state)
{
	(void) state;
	assert_string_equal(one("", column(90050, LH_CELL_OTHER, "vector", -1), cdc_other("[1,-2.5,1e-05]")), "[1,-2.5,1e-05]");
	assert_string_equal(one("", column(90050, LH_CELL_OTHER, "vector", -1), cdc_other("[]")), "[]");
	assert_string_equal(one("", column(90060, LH_CELL_OTHER, "geometry", -1),
							cdc_other("0101000020E6100000000000000000F03F0000000000000040")),
						"{\"wkb\":\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":4326}");
	assert_string_equal(one("", column(90060, LH_CELL_OTHER, "geography", -1),
							cdc_other("0101000000000000000000F03F0000000000000040")),
						"{\"wkb\":\"AQEAAAAAAAAAAADwPwAAAAAAAABA\",\"srid\":null}");
	assert_string_equal(one("hstore.handling.mode=map", column(90020, LH_CELL_OTHER, "hstore", -1),
							cdc_other("\"a\\\"\"=>\"b\\\\\", \"c\"=>NULL")), "{\"a\\\"\":\"b\\\\\",\"c\":null}");
	assert_string_equal(one("hstore.handling.mode=map", column(90020, LH_CELL_OTHER, "hstore", -1), cdc_other("")), "{}");
	assert_string_equal(one("", column(600, LH_CELL_OTHER, "point", -1), cdc_other("(NaN,Infinity)")),
						"{\"x\":\"NaN\",\"y\":\"Infinity\",\"wkb\":\"AQEAAAAAAAAAAAD4fwAAAAAAAPB/\",\"srid\":null}");
}

/* time.precision.mode structured, of 3.7 */
static void
structured_times(void **state)
{
	static const char mode[] = "time.precision.mode=structured";
	int64_t		day = dbz_day(2024, 2, 29);
	int64_t		clock = dbz_clock(12, 34, 56, 789012);

	(void) state;
	assert_string_equal(one(mode, column(1082, LH_CELL_DATE, "date", -1), cdc_time(LH_CELL_DATE, day)),
						"{\"year\":2024,\"month\":2,\"day\":29,\"specialValue\":null}");
	assert_string_equal(one(mode, column(1082, LH_CELL_DATE, "date", -1), cdc_time(LH_CELL_DATE, INT32_MIN)),
						"{\"year\":null,\"month\":null,\"day\":null,\"specialValue\":\"NEGATIVE_INFINITY\"}");
	assert_string_equal(one(mode, column(1083, LH_CELL_TIME, "time", 3), cdc_time(LH_CELL_TIME, clock)),
						"{\"hour\":12,\"minute\":34,\"second\":56,\"nanos\":789012000,\"precision\":3}");
	assert_string_equal(one(mode, column(1266, LH_CELL_TIMETZ, "timetz", -1), cdc_timetz(dbz_clock(24, 0, 0, 0), -7200)),
						"{\"hour\":24,\"minute\":0,\"second\":0,\"nanos\":0,\"offsetSeconds\":7200,\"precision\":6}");
	assert_string_equal(one(mode, column(1114, LH_CELL_TIMESTAMP, "timestamp", -1), dbz_stamp(LH_CELL_TIMESTAMP, day, clock)),
						"{\"year\":2024,\"month\":2,\"day\":29,\"hour\":12,\"minute\":34,\"second\":56,\"nanos\":789012000,"
						"\"specialValue\":null,\"precision\":6}");
	assert_string_equal(one(mode, column(1184, LH_CELL_TIMESTAMPTZ, "timestamptz", -1),
							dbz_stamp(LH_CELL_TIMESTAMPTZ, day, clock)),
						"{\"year\":2024,\"month\":2,\"day\":29,\"hour\":12,\"minute\":34,\"second\":56,\"nanos\":789012000,"
						"\"offsetSeconds\":0,\"zoneId\":\"Z\",\"specialValue\":null,\"precision\":6}");
	assert_string_equal(one(mode, column(1184, LH_CELL_TIMESTAMPTZ, "timestamptz", -1),
							cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MAX)),
						"{\"year\":null,\"month\":null,\"day\":null,\"hour\":null,\"minute\":null,\"second\":null,"
						"\"nanos\":null,\"offsetSeconds\":null,\"zoneId\":null,\"specialValue\":\"POSITIVE_INFINITY\",\"precision\":6}");
	assert_string_equal(one(mode, column(1186, LH_CELL_INTERVAL, "interval", -1), cdc_interval(-1500000, 3, 14)),
						"{\"years\":1,\"months\":2,\"days\":3,\"hours\":0,\"minutes\":0,\"seconds\":-1,\"nanos\":-500000000,"
						"\"precision\":6}");
}

static void
intervals_at_their_ends(void **state)
{
	LhCell		infinite = cdc_interval(INT64_MAX, INT32_MAX, INT32_MAX);

	(void) state;
	assert_string_equal(one("", column(1186, LH_CELL_INTERVAL, "interval", -1), infinite), "9223372036854775807");
	assert_string_equal(one("", column(1186, LH_CELL_INTERVAL, "interval", -1), cdc_interval(INT64_MIN, INT32_MIN, INT32_MIN)),
						"-9223372036854775808");
	assert_string_equal(one("", column(1186, LH_CELL_INTERVAL, "interval", -1), cdc_interval(0, INT32_MAX, INT32_MAX)),
						"9223372036854775807");
	assert_string_equal(one("interval.handling.mode=string", column(1186, LH_CELL_INTERVAL, "interval", -1), infinite),
						"\"infinity\"");
	assert_string_equal(one("interval.handling.mode=string", column(1186, LH_CELL_INTERVAL, "interval", -1),
							cdc_interval(INT64_MIN, 0, 0)), "\"P0Y0M0DT-2562047788H0M-54.775808S\"");
}

/* A snapshot's rows and lone messages leave a transaction's facts as they were. */
static void
a_transaction_goes_on_after_a_read(void **state)
{
	LhChangeColumn c = cdc_int4(ctx, "v", 1);
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);
	LhCell		v = cdc_int(1);
	CdcStream	s;
	void	   *plan;
	const char *last;

	(void) state;
	cdc_open(ctx, &s, &lh_format_debezium_json, "provide.transaction.metadata=on");
	plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, &v);
	cdc_row(&s, LH_CHANGE_READ, rel, plan, NULL, &v);
	CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
	assert_non_null(strstr((char *) s.text.data, "\"snapshot\":\"true\""));
	assert_non_null(strstr((char *) s.text.data, "\"op\":\"r\""));
	s.text.len = 0;
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, &v);
	CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
	last = (const char *) s.text.data;
	assert_non_null(strstr(last, "\"snapshot\":\"false\""));
	assert_non_null(strstr(last, "\"total_order\":2,\"data_collection_order\":2"));
	assert_non_null(strstr(last, "\"ts_ms\":1714979289120,"));
}

static void
a_row_in_quarantine_is_a_message(void **state)
{
	LhChangeColumn c = cdc_int4(ctx, "v", 1);
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);
	const LhChangeFormat *const formats[] = {&lh_format_debezium_json, &lh_format_wal2json_v1, &lh_format_wal2json_v2};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		CdcStream	s;
		void	   *plan;

		cdc_open(ctx, &s, formats[i], "");
		plan = cdc_plan(&s, rel);
		cdc_begin(&s);
		s.text.len = 0;
		cdc_event(&s, (LhChangeEvent) {.op = LH_CHANGE_QUARANTINE, .rel = rel, .plan = plan, .reason = "too \"large\""});
		if (i == 1)
			cdc_commit(&s);
		CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
		assert_non_null(json_loads((const char *) s.text.data, PARSE, NULL));
		assert_non_null(strstr((char *) s.text.data, "\"prefix\":\"lakehouse.quarantine\""));
		/* "public.t: too "large"" */
		assert_non_null(strstr((char *) s.text.data, i == 0 ? "cHVibGljLnQ6IHRvbyAibGFyZ2Ui" : "public.t: too \\\"large\\\""));
	}
}

/* A mask makes text of anything: the schema says so, and the default is not told. */
static void
masked_columns_are_strings(void **state)
{
	LhChangeColumn c = column(23, LH_CELL_TEXT, "int4", -1);
	LhChangeRel *rel;
	CdcStream	s;
	LhCell		v = cdc_text("***");

	(void) state;
	c.masked = true;
	c.not_null = true;
	rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_NOTHING, 1, &c);
	cdc_open(ctx, &s, &lh_format_debezium_json, "value.converter.schemas.enable=on");
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, &v);
	CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
	assert_non_null(strstr((char *) s.text.data, "{\"type\":\"string\",\"optional\":true,\"field\":\"v\"}"));
	assert_non_null(strstr((char *) s.text.data, "\"after\":{\"v\":\"***\"}"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(says_what_debezium_says, setup, teardown),
		cmocka_unit_test_setup_teardown(decimals_are_their_unscaled_values, setup, teardown),
		cmocka_unit_test_setup_teardown(decimals_of_any_size, setup, teardown),
		cmocka_unit_test_setup_teardown(money_of_any_locale, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_texts_are_null, setup, teardown),
		cmocka_unit_test_setup_teardown(types_of_other_extensions, setup, teardown),
		cmocka_unit_test_setup_teardown(structured_times, setup, teardown),
		cmocka_unit_test_setup_teardown(intervals_at_their_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(a_transaction_goes_on_after_a_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_row_in_quarantine_is_a_message, setup, teardown),
		cmocka_unit_test_setup_teardown(masked_columns_are_strings, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
