/*
 * test_cdc_json.c
 *		The format "json": lines as documented, and each line JSON for jansson.
 */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cdc_make.h"
#include "change/change.h"
#include "change/text.h"

typedef struct Made
{
	LhCtx *ctx;
	LhChangeOptions options;
	LhEncoder *enc;
	LhChangeOut out;
} Made;

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));

	m->ctx = lh_ctx_create();
	LH_OK_(m->ctx, lh_change_options_init(m->ctx, &m->options));
	LH_OK_(m->ctx, lh_change_format_find("json", 4)->create(m->ctx, &m->options, &m->enc));
	lh_buf_init(m->ctx, &m->out.buf, false);
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

static const LhChangeTxn txn = {
	.xid = 735, .commit_end = 0x16b3748, .commit_time = INT64_C(849301200123456), .nchanges = 4};

#define HEAD(op)    \
	"{\"op\":\"" op \
	"\",\"lsn\":\"0/16B3748\",\"n\":3,\"xid\":735,\"ts\":\"2026-11-29T21:00:00.123456Z\""
#define TABLE ",\"schema\":\"public\",\"table\":\"t\""

static LhChangeColumn columns[] = {
	{.name = "id",
	 .attnum = 1,
	 .base_typid = 20,
	 .kind = LH_CELL_INT,
	 .type_text = "bigint",
	 .not_null = true,
	 .key = 1,
	 .pk = 1},
	{.name = "na\"me",
	 .attnum = 2,
	 .base_typid = 1043,
	 .kind = LH_CELL_TEXT,
	 .type_text = "character varying(10)"},
	{.name = "big",
	 .attnum = 4,
	 .base_typid = 25,
	 .kind = LH_CELL_TEXT,
	 .type_text = "text",
	 .generated = true},
};
static const int keys[] = {0};

static LhChangeRel
table(LhIdentity identity)
{
	return (LhChangeRel){.relid = 16384,
						 .generation = 1,
						 .schema = "public",
						 .name = "t",
						 .identity = identity,
						 .ncolumns = 3,
						 .columns = columns,
						 .nkeys = identity == LH_IDENTITY_NOTHING ? 0 : 1,
						 .keys = keys,
						 .npk = 1,
						 .pk = keys};
}

static LhChangeEvent
event(LhChangeOp op, const LhChangeRel *rel)
{
	return (LhChangeEvent){.op = op,
						   .pos = {.commit_end = 0x16b3748, .ordinal = 3, .xid = 735},
						   .lsn = 0x16b3000,
						   .txn = &txn,
						   .rel = rel};
}

/* The bytes that the event makes; "" for none. */
static const char *
written(Made *m, LhChangeEvent ev)
{
	m->out.buf.len = 0;
	if (ev.rel != NULL)
		LH_OK_(m->ctx, m->enc->format->relation(m->ctx, m->enc, ev.rel, &ev.plan));
	LH_OK_(m->ctx, m->enc->format->event(m->ctx, m->enc, &ev, &m->out));
	LH_OK_(m->ctx, lh_buf_putc(m->ctx, &m->out.buf, '\0'));
	m->out.buf.len--;
	return (const char *) m->out.buf.data;
}

static LhCell
text(const char *s)
{
	return lh_cell_text(s, strlen(s));
}

static void
rows_are_as_documented(void **state)
{
	Made *m = *state;
	LhChangeRel rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), text("x"), text("y")};
	LhCell old[] = {cdc_int(7), {.kind = LH_CELL_ABSENT}, {.kind = LH_CELL_ABSENT}};
	LhCell whole[] = {cdc_int(1), text("o"), lh_cell_null()};
	LhChangeEvent ev = event(LH_CHANGE_INSERT, &rel);

	ev.new_cells = row;
	assert_string_equal(written(m, ev), HEAD("insert") TABLE
						",\"key\":{\"id\":1},\"new\":{\"id\":1,\"na\\\"me\":\"x\",\"big\":\"y\"}}");
	ev.op = LH_CHANGE_UPDATE;
	row[2].kind = LH_CELL_UNCHANGED;
	assert_string_equal(
		written(m, ev), HEAD("update") TABLE
		",\"key\":{\"id\":1},\"new\":{\"id\":1,\"na\\\"me\":\"x\"},\"unchanged\":[\"big\"]}");
	row[1].kind = LH_CELL_UNCHANGED;
	ev.old_cells = old;
	ev.old_is_key = ev.key_changed = true;
	assert_string_equal(
		written(m, ev), HEAD("update") TABLE
		",\"key\":{\"id\":7},\"new\":{\"id\":1},\"old\":{\"id\":7},\"unchanged\":[\"na\\\"me\",\"big\"]}");
	ev.key_changed = ev.old_is_key = false;
	ev.old_cells = whole;
	row[1] = row[2] = text("z");
	assert_string_equal(written(m, ev), HEAD("update") TABLE
						",\"key\":{\"id\":1},\"new\":{\"id\":1,\"na\\\"me\":\"z\",\"big\":\"z\"},"
						"\"old\":{\"id\":1,\"na\\\"me\":\"o\",\"big\":null}}");
	ev = event(LH_CHANGE_DELETE, &rel);
	ev.old_cells = old;
	ev.old_is_key = true;
	assert_string_equal(written(m, ev),
						HEAD("delete") TABLE ",\"key\":{\"id\":7},\"old\":{\"id\":7}}");
}

static void
relations_without_identity_say_so(void **state)
{
	Made *m = *state;
	LhChangeRel rel = table(LH_IDENTITY_NOTHING);
	LhCell row[] = {cdc_int(1), lh_cell_null(), lh_cell_null()};
	LhChangeEvent ev = event(LH_CHANGE_UPDATE, &rel);

	ev.new_cells = row;
	assert_string_equal(written(m, ev),
						HEAD("update") TABLE ",\"key\":null,\"identity\":\"nothing\","
											 "\"new\":{\"id\":1,\"na\\\"me\":null,\"big\":null}}");
	ev = event(LH_CHANGE_DELETE, &rel);
	assert_string_equal(written(m, ev),
						HEAD("delete") TABLE ",\"key\":null,\"identity\":\"nothing\"}");
	rel.identity = LH_IDENTITY_FULL;
	ev.old_cells = row;
	assert_string_equal(written(m, ev),
						HEAD("delete") TABLE ",\"key\":null,\"identity\":\"full\","
											 "\"old\":{\"id\":1,\"na\\\"me\":null,\"big\":null}}");
}

static void
a_key_that_is_not_in_the_new_row_is_taken_from_the_old(void **state)
{
	Made *m = *state;
	LhChangeRel rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {{.kind = LH_CELL_UNCHANGED}, text("x"), text("y")};
	LhCell old[] = {cdc_int(7), {.kind = LH_CELL_ABSENT}, {.kind = LH_CELL_ABSENT}};
	LhChangeEvent ev = event(LH_CHANGE_UPDATE, &rel);

	ev.new_cells = row;
	ev.old_cells = old;
	assert_non_null(strstr(written(m, ev), "\"key\":{\"id\":7},"));
}

static void
events_without_rows_are_as_documented(void **state)
{
	Made *m = *state;
	LhChangeRel rel = table(LH_IDENTITY_DEFAULT);
	LhChangeEvent ev = event(LH_CHANGE_TRUNCATE, &rel);

	ev.cascade = true;
	assert_string_equal(written(m, ev),
						HEAD("truncate") TABLE ",\"cascade\":true,\"restart_identity\":false}");
	ev = event(LH_CHANGE_SCHEMA, &rel);
	assert_string_equal(
		written(m, ev), HEAD("schema") TABLE
		",\"generation\":1,\"identity\":\"default\",\"columns\":["
		"{\"name\":\"id\",\"type\":\"bigint\",\"not_null\":true,\"key\":1},"
		"{\"name\":\"na\\\"me\",\"type\":\"character varying(10)\",\"not_null\":false},"
		"{\"name\":\"big\",\"type\":\"text\",\"not_null\":false,\"generated\":true}]}");
	ev = event(LH_CHANGE_QUARANTINE, &rel);
	ev.reason = "a \"reason\"";
	assert_string_equal(written(m, ev),
						HEAD("quarantine") TABLE ",\"reason\":\"a \\\"reason\\\"\"}");
}

static void
messages_are_text_or_base64(void **state)
{
	Made *m = *state;
	LhChangeEvent ev = event(LH_CHANGE_MESSAGE, NULL);

	ev.prefix = "pre\tfix";
	ev.transactional = true;
	ev.content = lh_slice("h\xc3\xa9\n", 4);
	assert_string_equal(
		written(m, ev),
		HEAD(
			"message") ",\"prefix\":\"pre\\tfix\",\"transactional\":true,\"content\":\"h\xc3\xa9\\n\"}");
	ev.content = lh_slice("a\0b", 3);
	assert_string_equal(
		written(m, ev),
		HEAD(
			"message") ",\"prefix\":\"pre\\tfix\",\"transactional\":true,\"content_base64\":\"YQBi\"}");
	ev.content = lh_slice("\xff", 1);
	ev.transactional = false;
	ev.txn = NULL;
	ev.pos = (LhChangePos){.commit_end = UINT64_C(0x16B374D848)};
	assert_string_equal(
		written(m, ev),
		"{\"op\":\"message\",\"lsn\":\"16/B374D848\",\"n\":0,\"prefix\":\"pre\\tfix\","
		"\"transactional\":false,\"content_base64\":\"/w==\"}");
	ev.content = lh_slice(NULL, 0);
	assert_non_null(strstr(written(m, ev), "\"content\":\"\"}"));
}

static void
transactions_are_events_when_asked_for(void **state)
{
	Made *m = *state;

	assert_string_equal(written(m, event(LH_CHANGE_BEGIN, NULL)), "");
	assert_string_equal(written(m, event(LH_CHANGE_COMMIT, NULL)), "");
	m->options.transactions = true;
	assert_string_equal(
		written(m, event(LH_CHANGE_BEGIN, NULL)),
		"{\"op\":\"begin\",\"lsn\":\"0/16B3748\",\"xid\":735,\"ts\":\"2026-11-29T21:00:00.123456Z\"}");
	assert_string_equal(
		written(m, event(LH_CHANGE_COMMIT, NULL)),
		"{\"op\":\"commit\",\"lsn\":\"0/16B3748\",\"xid\":735,\"ts\":\"2026-11-29T21:00:00.123456Z\",\"changes\":4}");
}

static void
heads_follow_the_transaction(void **state)
{
	Made *m = *state;
	LhChangeRel rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), lh_cell_null(), lh_cell_null()};
	LhChangeTxn other = {.xid = 736,
						 .commit_end = 0x16b3800,
						 .commit_time = 0,
						 .origin = 1,
						 .origin_name = "no\"de"};
	LhChangeEvent ev = event(LH_CHANGE_INSERT, &rel);

	ev.new_cells = row;
	assert_non_null(
		strstr(written(m, ev), "\"lsn\":\"0/16B3748\",\"n\":3,\"xid\":735,\"ts\":\"2026"));
	ev.txn = &other;
	ev.pos = (LhChangePos){.commit_end = 0x16b3800, .ordinal = UINT64_MAX, .xid = 736};
	assert_non_null(strstr(written(m, ev),
						   "\"lsn\":\"0/16B3800\",\"n\":18446744073709551615,\"xid\":736,"
						   "\"ts\":\"2000-01-01T00:00:00Z\",\"origin\":\"no\\\"de\",\"schema\""));
	/* rows of a snapshot have neither transaction nor time */
	ev.op = LH_CHANGE_READ;
	ev.txn = NULL;
	ev.pos.xid = 0;
	ev.pos.ordinal = 1;
	assert_string_equal(written(m, ev),
						"{\"op\":\"read\",\"lsn\":\"0/16B3800\",\"n\":1" TABLE
						",\"key\":{\"id\":1},\"new\":{\"id\":1,\"na\\\"me\":null,\"big\":null}}");
	ev = event(LH_CHANGE_INSERT, &rel);
	ev.new_cells = row;
	assert_non_null(
		strstr(written(m, ev), "\"lsn\":\"0/16B3748\",\"n\":3,\"xid\":735,\"ts\":\"2026"));
}

static void
keys_stand_before_values_when_asked_for(void **state)
{
	Made *m = *state;
	LhChangeRel rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), lh_cell_null(), lh_cell_null()};
	LhChangeEvent ev = event(LH_CHANGE_INSERT, &rel);
	const char *line;

	ev.new_cells = row;
	m->out.want_key = m->out.newline = true;
	line = written(m, ev);
	assert_memory_equal(line, "{\"id\":1}\t{\"op\":", 15);
	assert_non_null(strstr(line, ",\"key\":{\"id\":1},\"new\":{"));
	assert_int_equal(line[strlen(line) - 1], '\n');
	rel.nkeys = 0;
	assert_memory_equal(written(m, ev), "\t{\"op\":", 7);
	/* a row as large as that makes the buffer move between key and value */
	rel.nkeys = 1;
	for (int i = 1; i < 300; i++)
	{
		char *name = malloc((size_t) i + 1);

		memset(name, 'k', (size_t) i);
		name[i] = '\0';
		columns[0].name = name;
		lh_buf_free(&m->out.buf);
		lh_buf_init(m->ctx, &m->out.buf, false);
		line = written(m, ev);
		assert_int_equal(strcspn(line, "\t"), i + 6);
		assert_memory_equal(strstr(line, ",\"key\":") + 7, line, (size_t) i + 6);
		columns[0].name = "id";
		free(name);
	}
}

/* ---- values ---- */

/* A value as it stands in the row. */
static const char *
value_of(Made *m, LhCell c, uint32_t typid, uint32_t elem)
{
	static char got[65536];
	LhChangeColumn col = {
		.name = "v", .kind = c.kind, .base_typid = typid, .elem_typid = elem, .type_text = "x"};
	LhChangeRel rel = {.schema = "s",
					   .name = "t",
					   .identity = LH_IDENTITY_NOTHING,
					   .ncolumns = 1,
					   .columns = &col};
	LhChangeEvent ev = event(LH_CHANGE_INSERT, &rel);
	const char *line, *start;

	ev.new_cells = &c;
	line = written(m, ev);
	start = strstr(line, "\"new\":{\"v\":");
	assert_non_null(start);
	start += 11;
	snprintf(got, sizeof(got), "%.*s", (int) (strlen(start) - 2), start);
	return got;
}

static void
values_are_as_documented(void **state)
{
	static const int16_t digits[] = {12, 3000}, big[] = {1234, 5678, 9012, 3456, 7890, 1234, 5678};
	static const uint8_t uuid[16] = {0x55, 0x0e, 0x84, 0x00, 0xe2, 0x9b, 0x41, 0xd4,
									 0xa7, 0x16, 0x44, 0x66, 0x55, 0x44, 0,    0};
	static const uint8_t bytes[] = {0xfb, 0xff, 0, 1};
	Made *m = *state;
	const struct
	{
		const char *text;
		LhCell cell;
	} cases[] = {
		{"null", {.kind = LH_CELL_NULL}},
		{"true", cdc_bool(true)},
		{"false", cdc_bool(false)},
		{"-9223372036854775808", cdc_int(INT64_MIN)},
		{"0.1", cdc_float4(0.1f)},
		{"1e+20", cdc_float8(1e20)},
		{"-0", cdc_float8(-0.0)},
		{"\"NaN\"", cdc_float8(NAN)},
		{"\"Infinity\"", cdc_float4(INFINITY)},
		{"\"-Infinity\"", cdc_float8(-INFINITY)},
		{"-12.30", cdc_numeric(LH_SIGN_MINUS, 0, 2, 2, digits)},
		{"1234567890123456789012345678", cdc_numeric(LH_SIGN_PLUS, 6, 0, 7, big)},
		{"\"NaN\"", cdc_numeric(LH_SIGN_NAN, 0, 0, 0, NULL)},
		{"\"-Infinity\"", cdc_numeric(LH_SIGN_MINUS_INFINITY, 0, 0, 0, NULL)},
		{"\"a\\\"b\"", cdc_string(LH_CELL_TEXT, "a\"b")},
		{"\"(1,2)\"", cdc_string(LH_CELL_OTHER, "(1,2)")},
		{"{ \"a\": 1 }", cdc_string(LH_CELL_JSON, "{\n\"a\": 1\n}")},
		{"\"+/8AAQ==\"", cdc_bytes(LH_CELL_BYTES, bytes, 4)},
		{"{\"base64\":\"+/8AAQ==\"}", cdc_bytes(LH_CELL_RAW, bytes, 4)},
		{"\"550e8400-e29b-41d4-a716-446655440000\"", cdc_bytes(LH_CELL_UUID, uuid, 16)},
		{"\"2026-11-29\"", cdc_time(LH_CELL_DATE, 9829)},
		{"\"0044-03-15 BC\"", cdc_time(LH_CELL_DATE, -746117)},
		{"\"12026-01-01\"", cdc_time(LH_CELL_DATE, 3661922)},
		{"\"infinity\"", cdc_time(LH_CELL_DATE, INT32_MAX)},
		{"\"24:00:00\"", cdc_time(LH_CELL_TIME, INT64_C(86400000000))},
		{"\"04:05:06.789+05:30\"", cdc_timetz(INT64_C(14706789000), -19800)},
		{"\"2026-11-29T21:00:00.123456\"", cdc_time(LH_CELL_TIMESTAMP, INT64_C(849301200123456))},
		{"\"2026-11-29T21:00:00.5Z\"", cdc_time(LH_CELL_TIMESTAMPTZ, INT64_C(849301200500000))},
		{"\"-infinity\"", cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MIN)},
		{"\"P1Y2M3DT4H5M6.789S\"", cdc_interval(INT64_C(14706789000), 3, 14)},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(value_of(m, cases[i].cell, 0, 0), cases[i].text);
	m->options.binary = LH_BINARY_HEX;
	assert_string_equal(value_of(m, cdc_bytes(LH_CELL_BYTES, bytes, 4), 0, 0), "\"fbff0001\"");
	m->options.binary = LH_BINARY_BASE64_URL;
	assert_string_equal(value_of(m, cdc_bytes(LH_CELL_BYTES, bytes, 4), 0, 0), "\"-_8AAQ==\"");
	m->options.json_native = false;
	assert_string_equal(value_of(m, cdc_string(LH_CELL_JSON, "{\n\"a\": 1\n}"), 0, 0),
						"\"{\\n\\\"a\\\": 1\\n}\"");
	m->options.int64_string = true;
	assert_string_equal(value_of(m, cdc_int(-5), 20, 0), "\"-5\"");
	assert_string_equal(value_of(m, cdc_int(-5), 23, 0), "-5");
}

static void
numerics_can_be_strings_or_doubles(void **state)
{
	static const int16_t digits[] = {12, 3000}, big[] = {1234, 5678, 9012, 3456, 7890, 1234, 5678},
						 small[] = {1};
	Made *m = *state;

	m->options.decimal = LH_DECIMAL_STRING;
	assert_string_equal(value_of(m, cdc_numeric(LH_SIGN_MINUS, 0, 2, 2, digits), 0, 0),
						"\"-12.30\"");
	m->options.decimal = LH_DECIMAL_DOUBLE;
	assert_string_equal(value_of(m, cdc_numeric(LH_SIGN_MINUS, 0, 2, 2, digits), 0, 0), "-12.3");
	assert_string_equal(value_of(m, cdc_numeric(LH_SIGN_PLUS, 6, 0, 7, big), 0, 0),
						"1.2345678901234569e+27");
	assert_string_equal(value_of(m, cdc_numeric(LH_SIGN_PLUS, -2, 8, 1, small), 0, 0), "1e-08");
	assert_string_equal(value_of(m, cdc_numeric(LH_SIGN_PLUS, 0, 4, 0, small), 0, 0), "0");
	assert_string_equal(value_of(m, cdc_numeric(LH_SIGN_PLUS, 200, 0, 1, small), 0, 0),
						"\"Infinity\"");
	assert_string_equal(value_of(m, cdc_numeric(LH_SIGN_NAN, 0, 0, 0, small), 0, 0), "\"NaN\"");
}

static void
arrays_are_json_arrays_unless_their_bounds_are_not_one(void **state)
{
	LhCell items[] = {cdc_int(1), lh_cell_null(), cdc_int(3), cdc_int(4)};
	LhCell texts[] = {cdc_string(LH_CELL_TEXT, "a\"b"), lh_cell_null()};
	LhCellArray two = {
		.ndim = 2, .dims = {2, 2}, .lbound = {1, 1}, .nitems = 4, .delim = ',', .items = items};
	LhCellArray one = {
		.ndim = 1, .dims = {2}, .lbound = {1}, .nitems = 2, .delim = ',', .items = texts};
	LhCellArray none = {.delim = ','};
	LhCell self;
	LhCellArray loop = {
		.ndim = 1, .dims = {1}, .lbound = {1}, .nitems = 1, .delim = ',', .items = &self};
	LhChangeColumn col = {.name = "v", .kind = LH_CELL_ARRAY, .type_text = "x"};
	LhChangeRel rel = {.schema = "s",
					   .name = "t",
					   .identity = LH_IDENTITY_NOTHING,
					   .ncolumns = 1,
					   .columns = &col};
	LhChangeEvent ev = event(LH_CHANGE_INSERT, &rel);
	Made *m = *state;

	assert_string_equal(value_of(m, cdc_array(&two), 1016, 20), "[[1,null],[3,4]]");
	assert_string_equal(value_of(m, cdc_array(&one), 1009, 25), "[\"a\\\"b\",null]");
	assert_string_equal(value_of(m, cdc_array(&none), 1009, 25), "[]");
	m->options.int64_string = true;
	assert_string_equal(value_of(m, cdc_array(&two), 1016, 20), "[[\"1\",null],[\"3\",\"4\"]]");
	one.lbound[0] = 0;
	assert_string_equal(value_of(m, cdc_array(&one), 1009, 25),
						"\"[0:1]={\\\"a\\\\\\\"b\\\",NULL}\"");

	self = cdc_array(&loop);
	ev.new_cells = &self;
	LH_OK_(m->ctx, m->enc->format->relation(m->ctx, m->enc, &rel, &ev.plan));
	assert_int_equal(m->enc->format->event(m->ctx, m->enc, &ev, &m->out), LH_LIMIT);
}

/* ---- any row ---- */

/* Is the parsed value what the cell says?  Slowly, by the cell's own text. */
static void
check_value(Made *m, const LhCell *c, json_t *v)
{
	LhBuf b;
	const char *t;

	assert_non_null(v);
	lh_buf_init(m->ctx, &b, false);
	LH_OK_(m->ctx, lh_put_cell_text(m->ctx, &b, c));
	LH_OK_(m->ctx, lh_buf_putc(m->ctx, &b, '\0'));
	t = (const char *) b.data;
	switch ((LhCellKind) c->kind)
	{
		case LH_CELL_NULL: assert_true(json_is_null(v)); break;
		case LH_CELL_BOOL: assert_int_equal(json_is_true(v), *t == 't'); break;
		case LH_CELL_INT:
		case LH_CELL_FLOAT4:
		case LH_CELL_FLOAT8:
		case LH_CELL_NUMERIC:
			if (strchr("NI", t[*t == '-']) != NULL)
				assert_string_equal(json_string_value(v), t);
			else
				assert_true(json_real_value(v) == strtod(t, NULL));
			break;
		case LH_CELL_TEXT:
		case LH_CELL_OTHER:
		case LH_CELL_UUID:
		case LH_CELL_TIME:
		case LH_CELL_TIMETZ:
		case LH_CELL_INTERVAL: assert_string_equal(json_string_value(v), t); break;
		case LH_CELL_ARRAY:
			if (*t == '[')
				assert_string_equal(json_string_value(v), t);
			else if (c->array->ndim == 1)
			{
				assert_int_equal(json_array_size(v), c->array->nitems);
				for (int i = 0; i < c->array->nitems; i++)
					check_value(m, &c->array->items[i], json_array_get(v, (size_t) i));
			}
			else
				assert_true(json_is_array(v));
			break;
		case LH_CELL_DATE:
		case LH_CELL_TIMESTAMP:
		case LH_CELL_TIMESTAMPTZ:
		case LH_CELL_BYTES: assert_true(json_is_string(v)); break;
		case LH_CELL_RAW: assert_true(json_is_string(json_object_get(v, "base64"))); break;
		default: break;
	}
	lh_buf_free(&b);
}

static void
any_row_is_one_line_of_json(void **state)
{
	Made *m = *state;
	LhArena *row_arena = lh_arena_child(m->ctx->arena);

	for (int round = 0; round < 6000; round++)
	{
		LhArena *old = lh_use(m->ctx, row_arena);
		int n = 1 + (int) (cdc_random() % 20);
		LhChangeColumn *cols = lh_alloc0(m->ctx, sizeof(*cols) * (size_t) n);
		LhCell *row = lh_alloc0(m->ctx, sizeof(*row) * (size_t) n);
		LhChangeRel rel = {.schema = "a\"\\\n",
						   .name = "t",
						   .identity = LH_IDENTITY_DEFAULT,
						   .ncolumns = n,
						   .columns = cols,
						   .nkeys = (int) (cdc_random() % 2),
						   .keys = (int[]){(int) (cdc_random() % (uint64_t) n)}};
		LhChangeEvent ev = event(LH_CHANGE_UPDATE, &rel);
		json_t *parsed, *new;
		json_error_t error;
		int unchanged = 0;

		for (int i = 0; i < n; i++)
		{
			LhCell name = cdc_any_text(m->ctx, LH_CELL_TEXT);

			cols[i].name = lh_sprintf(m->ctx, "%d%.*s", i, (int) name.len, name.ptr);
			row[i] = cdc_any_cell(m->ctx, 0);
			unchanged += row[i].kind == LH_CELL_UNCHANGED;
		}
		ev.new_cells = row;
		if (cdc_random() % 2)
			ev.old_cells = row;
		m->out.newline = true;
		/* small buffers, so that they move at all places */
		m->out.buf.arena = row_arena;
		m->out.buf.data = NULL;
		m->out.buf.cap = 0;
		written(m, ev);
		assert_ptr_equal(strchr((char *) m->out.buf.data, '\n'),
						 m->out.buf.data + m->out.buf.len - 1);
		parsed = json_loadb((char *) m->out.buf.data, m->out.buf.len,
							JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, &error);
		if (parsed == NULL)
			fail_msg("%s at %d: %s", error.text, error.position, (char *) m->out.buf.data);
		new = json_object_get(parsed, "new");
		for (int i = 0; i < n; i++)
		{
			if (row[i].kind == LH_CELL_UNCHANGED || row[i].kind == LH_CELL_ABSENT)
				assert_null(json_object_get(new, cols[i].name));
			else
				check_value(m, &row[i], json_object_get(new, cols[i].name));
		}
		assert_int_equal(json_array_size(json_object_get(parsed, "unchanged")), unchanged);
		assert_int_equal(json_is_null(json_object_get(parsed, "key")), rel.nkeys == 0);
		json_decref(parsed);
		lh_use(m->ctx, old);
		lh_arena_reset(row_arena);
	}
	lh_buf_init(m->ctx, &m->out.buf, false);
}

/* Where transactions are told before their commit, no change says when that was, however it came. */
static void
changes_of_unfinished_transactions_know_no_commit(void **state)
{
	static const LhChangeRange back[] = {{2, 5}, {7, 7}};
	static const LhChangeTxn open = {.xid = 735, .origin = 1, .origin_name = "o\"n"};
	Made *m = *state;
	LhChangeRel rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), text("x"), lh_cell_null()};
	LhChangeEvent ev = event(LH_CHANGE_INSERT, &rel);

	m->options.streaming = true;
	ev.new_cells = row;
#define NEW TABLE ",\"key\":{\"id\":1},\"new\":{\"id\":1,\"na\\\"me\":\"x\",\"big\":null}}"
	assert_string_equal(written(m, ev), "{\"op\":\"insert\",\"n\":3,\"xid\":735" NEW);
	ev.txn = &open;
	ev.pos.commit_end = 0;
	ev.sub = 735;
	assert_string_equal(written(m, ev),
						"{\"op\":\"insert\",\"n\":3,\"xid\":735,\"origin\":\"o\\\"n\"" NEW);
	ev.sub = 736;
	assert_string_equal(
		written(m, ev),
		"{\"op\":\"insert\",\"n\":3,\"xid\":735,\"sub\":736,\"origin\":\"o\\\"n\"" NEW);

	ev = (LhChangeEvent){
		.op = LH_CHANGE_STREAM_START, .pos.xid = 735, .sub = 735, .txn = &open, .first = true};
	assert_string_equal(
		written(m, ev),
		"{\"op\":\"stream_start\",\"xid\":735,\"origin\":\"o\\\"n\",\"first\":true}");
	ev.nback = 2;
	ev.back = back;
	assert_non_null(strstr(written(m, ev), ",\"first\":true,\"taken_back\":[[2,5],[7,7]]}"));
	ev.op = LH_CHANGE_STREAM_ABORT;
	ev.sub = 736;
	assert_string_equal(written(m, ev), "{\"op\":\"stream_abort\",\"xid\":735,\"sub\":736,"
										"\"origin\":\"o\\\"n\",\"taken_back\":[[2,5],[7,7]]}");
	ev.nback = 0;
	ev.op = LH_CHANGE_STREAM_STOP;
	ev.sub = 735;
	assert_string_equal(written(m, ev),
						"{\"op\":\"stream_stop\",\"xid\":735,\"origin\":\"o\\\"n\"}");

	ev = event(LH_CHANGE_STREAM_COMMIT, NULL);
#define END(op) \
	"{\"op\":\"" op "\",\"lsn\":\"0/16B3748\",\"xid\":735,\"ts\":\"2026-11-29T21:00:00.123456Z\""
	assert_string_equal(written(m, ev), END("stream_commit") ",\"changes\":4}");
	ev.gid = "a\"\xc3\xa4";
	ev.op = LH_CHANGE_PREPARE;
	assert_string_equal(written(m, ev), END("prepare") ",\"gid\":\"a\\\"\xc3\xa4\",\"changes\":4}");
	ev.op = LH_CHANGE_COMMIT_PREPARED;
	assert_string_equal(written(m, ev), END("commit_prepared") ",\"gid\":\"a\\\"\xc3\xa4\"}");
	ev.op = LH_CHANGE_ROLLBACK_PREPARED;
	assert_string_equal(written(m, ev), END("rollback_prepared") ",\"gid\":\"a\\\"\xc3\xa4\"}");

	/* whole ones say when they were committed at both ends, which frames do without */
	ev = event(LH_CHANGE_BEGIN, NULL);
	assert_string_equal(written(m, ev), END("begin") "}");
	ev.op = LH_CHANGE_COMMIT;
	assert_string_equal(written(m, ev), END("commit") ",\"changes\":4}");
	m->out.framed = true;
	assert_string_equal(written(m, ev), "");
	m->out.framed = false;
	/* of no transaction: it has a position of its own */
	ev = (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .pos = {0x16b3748, 0, 0}, .prefix = "p"};
	assert_non_null(strstr(written(m, ev), "\"lsn\":\"0/16B3748\",\"n\":0"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(rows_are_as_documented),
		T(relations_without_identity_say_so),
		T(a_key_that_is_not_in_the_new_row_is_taken_from_the_old),
		T(events_without_rows_are_as_documented),
		T(messages_are_text_or_base64),
		T(transactions_are_events_when_asked_for),
		T(heads_follow_the_transaction),
		T(keys_stand_before_values_when_asked_for),
		T(values_are_as_documented),
		T(numerics_can_be_strings_or_doubles),
		T(arrays_are_json_arrays_unless_their_bounds_are_not_one),
		T(changes_of_unfinished_transactions_know_no_commit),
		T(any_row_is_one_line_of_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
