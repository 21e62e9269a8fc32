/*
 * test_cdc_transform.c
 *		Transforms of change streams: their options taken apart, flat rows, outboxes, JSON that is none.
 *
 * What flat rows are in the format debezium-json was seen of Debezium 3.6.3's own
 * ExtractNewRecordState behind Kafka Connect's JSON converter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "change/formats.h"
#include "change/json.h"
#include "change/outbox.h"
#include "change/transform.h"
#include "unit/cdc_stream.h"

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

/* ---- topics ---- */

static bool
valid(const char *topic)
{
	return lh_topic_valid(topic, strlen(topic));
}

static void
topics_are_escaped_and_measured(void **state)
{
	char out[3 * 256 + 1], all[256], longest[LH_TOPIC_MAX + 2];

	(void) state;
	for (int i = 0; i < 256; i++)
		all[i] = (char) i;
	*lh_topic_escape(out, all, 256) = '\0';
	assert_int_equal(strlen(out), 65 + (256 - 65) * 3);
	assert_int_equal(
		strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"),
		strlen(out));
	*lh_topic_escape(out, "a/b\xc3\xa4 .", 7) = '\0';
	assert_string_equal(out, "a_2fb_c3_a4_20.");
	assert_true(valid("a") && valid("a.b_c-D9") && valid("...") && valid(".a"));
	assert_false(valid("") || valid(".") || valid("..") || valid("a/b") || valid("a b") ||
				 valid("\xc3\xa4"));
	memset(longest, 'x', sizeof(longest));
	assert_true(lh_topic_valid(longest, LH_TOPIC_MAX));
	assert_false(lh_topic_valid(longest, LH_TOPIC_MAX + 1));
	assert_false(lh_topic_valid("a\0b", 3));
}

/* ---- lists ---- */

/* "schema|table|condition;" of each item, or "!" and what is wrong */
static const char *
filters(const char *text)
{
	LhRowFilter *v;
	const char *out = "";
	int n;

	if (lh_row_filters_parse(ctx, text, &n, &v) != LH_OK)
	{
		assert_int_equal(ctx->error->code, LH_INVALID);
		out = lh_sprintf(ctx, "!%s", ctx->error->message);
		lh_error_clear(ctx);
		return out;
	}
	for (int i = 0; i < n; i++)
	{
		assert_int_equal(v[i].place, i + 1);
		out = lh_sprintf(ctx, "%s%s|%s|%s;", out, v[i].schema, v[i].table, v[i].condition);
	}
	return out;
}

static const char *
repeated(const char *what, int n)
{
	char *out = lh_alloc(ctx, strlen(what) * (size_t) n + 1), *p = out;

	*p = '\0';
	for (int i = 0; i < n; i++)
		p = stpcpy(p, what);
	return out;
}

static void
row_filters_are_taken_apart(void **state)
{
	(void) state;
	assert_string_equal(filters(NULL), "");
	assert_string_equal(filters(" ; ; "), "");
	assert_string_equal(filters("a.b:x=1"), "a|b|x=1;");
	assert_string_equal(filters(" A . B_9$ :\n x::int = 1 ; c.d: y;"), "a|b_9$|x::int = 1;c|d|y;");
	assert_string_equal(filters("\"A;:.\"\"\".\"b c\": x"), "A;:.\"|b c|x;");
	assert_string_equal(filters("a.b: x = ';' AND \";\" = 'it''s;' ; c.d: (y)"),
						"a|b|x = ';' AND \";\" = 'it''s;';c|d|(y);");
	assert_string_equal(filters("\xc3\xa4.b: x"), "\xc3\xa4|b|x;");
	/* whatever is cut off anywhere is an error or a shorter list, and nothing is read beyond it */
	for (const char *all = "\"a\"\"b\".c: x = ';' AND (y[1]) ; d . \"e\" : z", *p = all; *p != '\0';
		 p++)
		(void) filters(lh_strndup(ctx, all, (size_t) (p - all)));
}

static void
bad_row_filters_are_refused_with_their_place(void **state)
{
	static const char *const bad[][2] = {{"a", "item 1: \".\""},
										 {"a.b", "item 1: \":\""},
										 {"a.b:", "item 1: a condition"},
										 {"a.b:  ; c.d: x", "item 1: a condition"},
										 {"a.b: x; c: y", "item 2: \".\""},
										 {"a.b.c: x", "item 1: \":\""},
										 {".b: x", "item 1: a name"},
										 {"a.: x", "item 1: a name"},
										 {"\"a: x", "item 1: a name whose quotes"},
										 {"\"\".b: x", "item 1: a name whose quotes"},
										 {"a.b: 'x", "item 1: a quote or bracket"},
										 {"a.b: \"x", "item 1: a quote or bracket"},
										 {"a.b: (x", "item 1: a quote or bracket"},
										 {"a.b: x)", "item 1: a bracket that closes none"},
										 {"a.b: x] [", "item 1: a bracket that closes none"}};
	const char *deep = lh_sprintf(ctx, "a.b: %sx%s", repeated("(", LH_CONDITION_DEPTH),
								  repeated(")", LH_CONDITION_DEPTH));

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		const char *got = filters(bad[i][0]);

		if (got[0] != '!' || strstr(got, bad[i][1]) == NULL)
			fail_msg("%s: %s", bad[i][0], got);
	}
	assert_int_equal(filters(deep)[0], 'a');
	deep = lh_sprintf(ctx, "a.b: (%s)", deep + 5);
	assert_non_null(strstr(filters(deep), "nested too deep"));
	assert_int_equal(filters(repeated("a.b:x;", LH_TRANSFORM_ITEMS_MAX))[0], 'a');
	assert_non_null(
		strstr(filters(repeated("a.b:x;", LH_TRANSFORM_ITEMS_MAX + 1)), "more than 256"));
	assert_non_null(strstr(filters(lh_sprintf(ctx, "a.b:%s", repeated("x", LH_CONDITION_MAX + 1))),
						   "a condition of 8193 bytes"));
	assert_non_null(strstr(filters(repeated("x", LH_TRANSFORM_TEXT_MAX + 1)), "65537 bytes"));
}

static const char *
fields(const char *text, const char *prefix)
{
	LhChangeOptions o = {.add_fields = text, .add_fields_prefix = prefix};
	LhAddField *v;
	const char *out = "";
	int n;

	if (lh_add_fields_parse(ctx, &o, &n, &v) != LH_OK)
	{
		out = lh_sprintf(ctx, "!%s", ctx->error->message);
		lh_error_clear(ctx);
		return out;
	}
	for (int i = 0; i < n; i++)
		out = lh_sprintf(ctx, "%s%s=%s;", out, v[i].field, v[i].name);
	return out;
}

static void
fields_are_named_as_there(void **state)
{
	(void) state;
	assert_string_equal(fields("", "__"), "");
	assert_string_equal(fields("op,source.ts_ms , table:T", "__"),
						"op=__op;source.ts_ms=__source_ts_ms;table=__T;");
	assert_string_equal(fields("op,source.lsn:a.b", ""), "op=op;source.lsn=a.b;");
	assert_string_equal(fields("op", NULL), "op=op;");
	assert_int_equal(fields("op,,lsn", "__")[0], '!');
	assert_int_equal(fields("op:", "__")[0], '!');
	assert_int_equal(fields("a:b:c", "__")[0], '!');
	assert_int_equal(fields("a,b:a", "__")[0], '!');
	assert_int_equal(fields(lh_sprintf(ctx, "op:%s", repeated("x", LH_FIELD_NAME_MAX)), "")[0],
					 'o');
	assert_int_equal(fields(lh_sprintf(ctx, "op:%s", repeated("x", LH_FIELD_NAME_MAX)), "_")[0],
					 '!');
	assert_non_null(strstr(fields(repeated("x:,", 2), ""), "item 1"));
	for (int n = LH_ADD_FIELDS_MAX; n <= LH_ADD_FIELDS_MAX + 1; n++)
	{
		const char *many = "";

		for (int i = 0; i < n; i++)
			many = lh_sprintf(ctx, "%sf%d,", many, i);
		assert_int_equal(fields(many, "")[0], n > LH_ADD_FIELDS_MAX ? '!' : 'f');
	}
}

/* ---- JSON ---- */

static bool
json(const char *s)
{
	return lh_json_is_valid(s, strlen(s), 4);
}

static void
json_is_told_from_what_is_none(void **state)
{
	static const char *const good[] = {
		"{}",       "[]",           " [ ] ",       "1",
		"-0.5e+10", "\"\\u00e9\"",  "true",        "[1,\n{\"a\":null}]",
		"[[[[]]]]", "\"\\\\\\\"\"", "{\"\":\"\"}", "1E5"};
	static const char *const bad[] = {
		"",           " ",          "{",           "}",        "[1,]",   "{\"a\"}", "{a:1}",
		"{\"a\":1,}", "01",         "1.",          ".5",       "+1",     "1e",      "\"",
		"\"\\x\"",    "tru",        "[1 2]",       "[]]",      "\"\n\"", "--1",     "[,1]",
		"nullx",      "[[[[[]]]]]", "\"\\u12g4\"", "\"\\u1\"", "\"\\",   "{\"a\":}"};

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!json(good[i]))
			fail_msg("%s is JSON", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json(bad[i]))
			fail_msg("%s is no JSON", bad[i]);
	assert_false(lh_json_is_valid("1\0", 2, 4));
	assert_false(lh_json_is_valid(repeated("[", 100000), 100000, 512));
	for (int i = 0; i < 20; i++)
		assert_false(lh_json_is_valid("{\"a\":[true,\"\\u0041\"]}", (size_t) i, 4));
	assert_true(lh_json_is_valid("{\"a\":[true,\"\\u0041\"]}", 21, 4));
}

/* ---- flat rows ---- */

static const LhChangeRel *
table(void)
{
	LhChangeColumn c[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "name")};

	return cdc_rel(ctx, "public", "t", LH_IDENTITY_FULL, 2, c);
}

/* An insert, updates that leave and change the key, a delete, a truncation, a snapshot's row; in frames. */
static const char *
flat(const LhChangeFormat *format, const char *settings)
{
	CdcStream s;
	const LhChangeRel *rel = table();
	LhCell one[] = {cdc_int(1), CDC_NULL}, two[] = {cdc_int(1), cdc_text("b")},
		   three[] = {cdc_int(2), cdc_text("b")};
	void *plan;

	cdc_open(ctx, &s, format, settings);
	s.out.framed = s.out.want_key = true;
	s.now = s.txn.commit_time + 1000000;
	plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, one);
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, one, two);
	s.key_changed = true;
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, two, three);
	s.key_changed = false;
	cdc_row(&s, LH_CHANGE_DELETE, rel, plan, three, NULL);
	cdc_row(&s, LH_CHANGE_DELETE, rel, plan, NULL, NULL);
	cdc_row(&s, LH_CHANGE_TRUNCATE, rel, plan, NULL, NULL);
	cdc_row(&s, LH_CHANGE_READ, rel, plan, NULL, one);
	LH_OK_(ctx, lh_buf_putc(ctx, &s.text, '\0'));
	return (const char *) s.text.data;
}

#define K1 "{\"id\":1}\t"
#define K2 "{\"id\":2}\t"

static void
flat_rows_are_debeziums(void **state)
{
	const LhChangeFormat *f = &lh_format_debezium_json;

	(void) state;
	assert_string_equal(flat(f, "unwrap delete.tombstone.handling.mode=drop"),
						K1 "{\"id\":1,\"name\":null}\n" K1 "{\"id\":1,\"name\":\"b\"}\n" K2
						   "{\"id\":2,\"name\":\"b\"}\n" K1 "{\"id\":1,\"name\":null}\n");
	/* both are one tombstone, whether envelopes would have one or not */
	for (int i = 0; i < 3; i++)
		assert_string_equal(
			flat(f, i == 0   ? "unwrap"
					: i == 1 ? "unwrap tombstones=off"
							 : "unwrap delete.tombstone.handling.mode=delete-to-tombstone"),
			K1 "{\"id\":1,\"name\":null}\n" K1 "{\"id\":1,\"name\":\"b\"}\n" K1 "null\n" K2
			   "{\"id\":2,\"name\":\"b\"}\n" K2 "null\n" K1 "{\"id\":1,\"name\":null}\n");
	assert_string_equal(flat(f, "unwrap delete.tombstone.handling.mode=rewrite"),
						K1 "{\"id\":1,\"name\":null,\"__deleted\":\"false\"}\n" K1
						   "{\"id\":1,\"name\":\"b\",\"__deleted\":\"false\"}\n" K1
						   "{\"id\":1,\"name\":\"b\",\"__deleted\":\"true\"}\n" K2
						   "{\"id\":2,\"name\":\"b\",\"__deleted\":\"false\"}\n" K2
						   "{\"id\":2,\"name\":\"b\",\"__deleted\":\"true\"}\n" K1
						   "{\"id\":1,\"name\":null,\"__deleted\":\"false\"}\n");
	assert_non_null(strstr(flat(f, "unwrap delete.tombstone.handling.mode=rewrite-with-tombstone"),
						   K2 "{\"id\":2,\"name\":\"b\",\"__deleted\":\"true\"}\n" K2 "null\n"));
	assert_null(strstr(
		flat(f, "unwrap delete.tombstone.handling.mode=rewrite-with-tombstone tombstones=off"),
		"\tnull\n"));
}

static void
added_fields_are_debeziums(void **state)
{
	const LhChangeFormat *f = &lh_format_debezium_json;
	const char *got;

	(void) state;
	got = flat(f, "unwrap provide.transaction.metadata delete.tombstone.handling.mode=rewrite "
				  "add.fields=op,lsn,source.ts_ms,ts_ms,ts_us,ts_ns,table:TBL,source.snapshot,id,"
				  "transaction.total_order,data_collection_order,schema,db,version,connector,name,"
				  "txId,xmin,origin,origin_lsn,sequence,source.ts_us,source.ts_ns");
	got = strchr(strchr(got, '\n') + 1, '\t'); /* behind BEGIN */
	assert_int_equal(
		strncmp(
			got,
			"\t{\"id\":1,\"name\":null,\"__deleted\":\"false\",\"__op\":\"c\",\"__lsn\":23803720,"
			"\"__source_ts_ms\":1714979289120,\"__ts_ms\":1714979290120,\"__ts_us\":1714979290120000,"
			"\"__ts_ns\":1714979290120000000,\"__TBL\":\"t\",\"__source_snapshot\":\"false\","
			"\"__id\":\"700:23803648\",\"__transaction_total_order\":1,\"__data_collection_order\":1,"
			"\"__schema\":\"public\",\"__db\":\"\",\"__version\":\"" LAKEHOUSE_VERSION
			"\",\"__connector\":\"postgresql\",\"__name\":\"lakehouse\",\"__txId\":700,\"__xmin\":null,"
			"\"__origin\":null,\"__origin_lsn\":null,\"__sequence\":\"[null,\\\"23803720\\\"]\","
			"\"__source_ts_us\":1714979289120000,\"__source_ts_ns\":1714979289120000000}\n",
			strchr(got, '\n') + 1 - got),
		0);
	/* a changed key counts twice, a snapshot's row is of no transaction */
	assert_non_null(
		strstr(got, "\"__op\":\"d\",\"__lsn\":23803720,\"__source_ts_ms\":1714979289120,"));
	assert_non_null(strstr(got, "\"__transaction_total_order\":5,\"__data_collection_order\":5"));
	got = strstr(got, "\"__op\":\"r\"");
	assert_non_null(got);
	assert_non_null(strstr(
		got, "\"__source_snapshot\":\"true\",\"__id\":null,\"__transaction_total_order\":null"));
}

static void
flat_schemas_are_debeziums(void **state)
{
	(void) state;
	assert_non_null(strstr(
		flat(
			&lh_format_debezium_json,
			"unwrap topic.prefix=srv value.converter.schemas.enable add.fields=op,lsn,source.snapshot"),
		"\t{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"},"
		"{\"type\":\"string\",\"optional\":true,\"field\":\"name\"},{\"type\":\"string\",\"optional\":true,"
		"\"field\":\"__op\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"__lsn\"},{\"type\":\"string\","
		"\"optional\":true,\"name\":\"io.debezium.data.Enum\",\"version\":1,\"parameters\":{\"allowed\":"
		"\"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental\"},"
		"\"field\":\"__source_snapshot\"}],\"optional\":false,\"name\":\"srv.public.t.Value\"},"
		"\"payload\":{\"id\":1,\"name\":null,\"__op\":\"c\",\"__lsn\":23803720,\"__source_snapshot\":"
		"\"false\"}}\n"));
	assert_non_null(strstr(
		flat(&lh_format_debezium_json,
			 "unwrap value.converter.schemas.enable delete.tombstone.handling.mode=rewrite"),
		"{\"type\":\"string\",\"optional\":true,\"field\":\"__deleted\"}],\"optional\":false,"));
}

static void
flat_rows_of_json(void **state)
{
	const LhChangeFormat *f = &lh_format_json;

	(void) state;
	assert_string_equal(flat(f, "unwrap"), K1
						"{\"id\":1,\"name\":null}\n" K1 "{\"id\":1,\"name\":\"b\"}\n" K1 "null\n" K2
						"{\"id\":2,\"name\":\"b\"}\n" K2 "null\n" K1 "{\"id\":1,\"name\":null}\n");
	assert_string_equal(
		flat(f, "unwrap delete.tombstone.handling.mode=rewrite add.fields=op,xid,ts,origin,lsn:at"),
		K1
		"{\"id\":1,\"name\":null,\"__deleted\":false,\"__op\":\"insert\",\"__xid\":700,\"__ts\":\"2024-05-06T07:08:09.12Z\",\"__origin\":null,\"__at\":\"0/16B3778\"}\n" K1
		"{\"id\":1,\"name\":\"b\",\"__deleted\":false,\"__op\":\"update\",\"__xid\":700,\"__ts\":\"2024-05-06T07:08:09.12Z\",\"__origin\":null,\"__at\":\"0/16B3778\"}\n" K1
		"{\"id\":1,\"name\":\"b\",\"__deleted\":true,\"__op\":\"delete\",\"__xid\":700,\"__ts\":\"2024-05-06T07:08:09.12Z\",\"__origin\":null,\"__at\":\"0/16B3778\"}\n" K2
		"{\"id\":2,\"name\":\"b\",\"__deleted\":false,\"__op\":\"insert\",\"__xid\":700,\"__ts\":\"2024-05-06T07:08:09.12Z\",\"__origin\":null,\"__at\":\"0/16B3778\"}\n" K2
		"{\"id\":2,\"name\":\"b\",\"__deleted\":true,\"__op\":\"delete\",\"__xid\":700,\"__ts\":\"2024-05-06T07:08:09.12Z\",\"__origin\":null,\"__at\":\"0/16B3778\"}\n" K1
		"{\"id\":1,\"name\":null,\"__deleted\":false,\"__op\":\"read\",\"__xid\":700,\"__ts\":null,\"__origin\":null,\"__at\":\"0/16B3778\"}\n");
}

/* ---- outboxes ---- */

typedef struct Box
{
	CdcStream s;
	const LhChangeRel *rel;
	LhOutbox *outbox;
	LhCell row[6];
} Box;

static void
open_box(Box *b, const char *formats, const char *settings)
{
	LhChangeColumn c[] = {cdc_int4(ctx, "id", 1),
						  cdc_textcol(ctx, "aggregatetype"),
						  cdc_textcol(ctx, "aggregateid"),
						  cdc_col(ctx, "payload", 3802, LH_CELL_JSON, "jsonb", "jsonb"),
						  cdc_col(ctx, "bin", 17, LH_CELL_BYTES, "bytea", "bytea"),
						  cdc_textcol(ctx, "note")};

	cdc_open(ctx, &b->s, &lh_format_json,
			 lh_sprintf(ctx, "outbox.table=x frames format=%s %s", formats, settings));
	LH_OK_(ctx, lh_change_options_check(ctx, &b->s.options));
	b->rel = cdc_rel(ctx, "public", "box", LH_IDENTITY_DEFAULT, 6, c);
	LH_OK_(ctx, lh_outbox_plan(ctx, &b->s.options, b->rel, &b->outbox));
	b->row[0] = cdc_int(7);
	b->row[1] = cdc_text("order");
	b->row[2] = cdc_text("k\n1");
	b->row[3] = cdc_string(LH_CELL_JSON, "{\"a\":\n [1]}");
	b->row[4] = cdc_data(LH_CELL_BYTES, "\0\xff\n", 3);
	b->row[5] = cdc_text("two\nlines");
}

/* "topic{name=value,...}key=value|key=value" of the messages of a row */
static const char *
boxed(Box *b)
{
	LhChangeEvent ev = {
		.op = LH_CHANGE_INSERT, .rel = b->rel, .new_cells = b->row, .txn = &b->s.txn};
	const char *out, *reason;
	size_t at = 0, header = 0;
	LhFrameMessage m;
	LhSlice body;

	LH_OK_(ctx, lh_outbox_topic(ctx, b->outbox, b->row, &ev.topic, &reason));
	if (reason != NULL)
	{
		assert_null(ev.topic);
		return lh_sprintf(ctx, "!%s", reason);
	}
	b->s.out.framed = b->s.out.want_key = true;
	b->s.out.buf.len = 0;
	LH_OK_(ctx, lh_outbox_write(ctx, b->outbox, &ev, ev.topic, &b->s.out));
	body = lh_slice(b->s.out.buf.data, b->s.out.buf.len);
	LH_OK_(ctx, lh_frame_message(ctx, body, &at, &m));
	assert_int_equal(m.format, LH_MESSAGE_ROUTE);
	out = lh_sprintf(ctx, "%.*s{", (int) m.key.len, (const char *) m.key.data);
	while (header < m.value.len)
	{
		LhSlice name, value;

		LH_OK_(ctx, lh_header_next(ctx, m.value, &header, &name, &value));
		out = lh_sprintf(ctx, "%s%.*s=%.*s,", out, (int) name.len, (const char *) name.data,
						 value.data != NULL ? (int) value.len : 4,
						 value.data != NULL ? (const char *) value.data : "NULL");
	}
	out = lh_sprintf(ctx, "%s}", out);
	for (int i = 0; at < body.len; i++)
	{
		LH_OK_(ctx, lh_frame_message(ctx, body, &at, &m));
		assert_int_equal(m.format, i);
		out = lh_sprintf(
			ctx, "%s%s%.*s=%.*s", out, i > 0 ? "|" : "", m.has_key ? (int) m.key.len : 4,
			m.has_key ? (const char *) m.key.data : "NULL", m.tombstone ? 4 : (int) m.value.len,
			m.tombstone ? "NULL" : (const char *) m.value.data);
	}
	return out;
}

static void
outboxes_are_messages(void **state)
{
	Box b;

	(void) state;
	open_box(&b, "json,debezium-json", "");
	assert_string_equal(boxed(&b), "outbox.event.order{id=7,}\"k\\n1\"={\"a\":  [1]}|"
								   "\"k\\n1\"=\"{\\\"a\\\":\\n [1]}\"");
	b.row[2] = b.row[3] = CDC_NULL;
	assert_string_equal(boxed(&b), "outbox.event.order{id=7,}NULL=null|NULL=null");
	open_box(&b, "json,debezium-json",
			 "table.expand.json.payload table.fields.additional.placement=note:header:n,bin:header,"
			 "note:envelope,id:envelope:no");
	b.row[4] = CDC_NULL;
	assert_string_equal(
		boxed(&b),
		"outbox.event.order{id=7,n=two\nlines,bin=NULL,}\"k\\n1\"={\"payload\":{\"a\":  [1]},\"note\":"
		"\"two\\nlines\",\"no\":7}|\"k\\n1\"={\"payload\":{\"a\":  [1]},\"note\":\"two\\nlines\",\"no\":7}");
	open_box(&b, "debezium-json", "value.converter.schemas.enable");
	assert_string_equal(
		boxed(&b),
		"outbox.event.order{id=7,}{\"schema\":{\"type\":\"string\",\"optional\":true},\"payload\":\"k\\n1\"}="
		"{\"schema\":{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Json\",\"version\":1},"
		"\"payload\":\"{\\\"a\\\":\\n [1]}\"}");
	open_box(&b, "debezium-json",
			 "value.converter.schemas.enable table.field.event.key= "
			 "table.fields.additional.placement=note:envelope:n");
	assert_string_equal(
		boxed(&b),
		"outbox.event.order{id=7,}NULL={\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\","
		"\"optional\":true,\"name\":\"io.debezium.data.Json\",\"version\":1,\"field\":\"payload\"},{\"type\":"
		"\"string\",\"optional\":true,\"field\":\"n\"}],\"optional\":false},\"payload\":{\"payload\":"
		"\"{\\\"a\\\":\\n [1]}\",\"n\":\"two\\nlines\"}}");
}

static void
raw_payloads_are_as_they_are(void **state)
{
	LhFrameMessage m;
	size_t at = 0;
	Box b;

	(void) state;
	open_box(&b, "json", "outbox.payload=raw");
	assert_string_equal(boxed(&b), "outbox.event.order{id=7,}k\n1={\"a\":\n [1]}");
	open_box(&b, "json",
			 "outbox.payload=raw table.field.event.payload=bin table.field.event.key=id");
	(void) boxed(&b);
	LH_OK_(ctx, lh_frame_message(ctx, lh_slice(b.s.out.buf.data, b.s.out.buf.len), &at, &m));
	LH_OK_(ctx, lh_frame_message(ctx, lh_slice(b.s.out.buf.data, b.s.out.buf.len), &at, &m));
	assert_int_equal(m.value.len, 3);
	assert_memory_equal(m.value.data, "\0\xff\n", 3);
	assert_true(m.key.len == 1 && m.key.data[0] == '7');
	/* bytes cannot say null */
	b.row[4] = CDC_NULL;
	assert_string_equal(boxed(&b), "outbox.event.order{id=7,}7=NULL");
	b.row[4] = cdc_data(LH_CELL_BYTES, "", 0);
	assert_string_equal(boxed(&b), "outbox.event.order{id=7,}7=");
}

static void
empty_payloads_may_be_tombstones(void **state)
{
	Box b;

	(void) state;
	open_box(&b, "json", "route.tombstone.on.empty.payload table.field.event.payload=note");
	assert_string_equal(boxed(&b), "outbox.event.order{id=7,}\"k\\n1\"=\"two\\nlines\"");
	b.row[5] = cdc_text(" \n");
	assert_string_equal(boxed(&b), "outbox.event.order{id=7,}\"k\\n1\"=NULL");
	b.row[5] = CDC_NULL;
	assert_string_equal(boxed(&b), "outbox.event.order{id=7,}\"k\\n1\"=NULL");
}

static void
rows_choose_topics_within_bounds(void **state)
{
	Box b;

	(void) state;
	open_box(&b, "json", "route.topic.replacement=a.${routedByValue}.z");
	b.row[1] = cdc_text("../x\xc3\xa4");
	assert_int_equal(strncmp(boxed(&b), "a..._2fx_c3_a4.z{", 17), 0);
	b.row[1] = CDC_NULL;
	assert_string_equal(boxed(&b), "!the column that says the topic is null");
	b.row[1] = cdc_text("");
	assert_int_equal(boxed(&b)[0], '!');
	b.row[1] = cdc_text(repeated("x", LH_TOPIC_MAX - 4));
	assert_int_equal(boxed(&b)[0], 'a');
	b.row[1] = cdc_text(repeated("x", LH_TOPIC_MAX - 3));
	assert_int_equal(boxed(&b)[0], '!');
	b.row[1] = cdc_text(repeated(" ", LH_TOPIC_MAX / 3));
	assert_int_equal(boxed(&b)[0], '!');
	b.row[1] = cdc_text(repeated("x", 1 << 20));
	assert_null(strstr(boxed(&b), "xx"));
	open_box(&b, "json", "route.topic.replacement=${routedByValue}");
	b.row[1] = cdc_text("..");
	assert_int_equal(boxed(&b)[0], '!');
	open_box(&b, "json", "route.by.field=id route.topic.replacement=t${routedByValue}");
	assert_int_equal(strncmp(boxed(&b), "t7{", 3), 0);
}

static void
headers_are_held_against_their_bytes(void **state)
{
	const uint8_t good[] = {1, 0, 2, 0, 0, 0, 'a', 'b', 'c', 1, 0, 0xff, 0xff, 0xff, 0xff, 'n'};
	LhSlice all = lh_slice(good, sizeof(good)), name, value;
	size_t at = 0;

	(void) state;
	LH_OK_(ctx, lh_header_next(ctx, all, &at, &name, &value));
	assert_true(name.len == 1 && value.len == 2 && value.data[1] == 'c');
	LH_OK_(ctx, lh_header_next(ctx, all, &at, &name, &value));
	assert_true(name.data[0] == 'n' && value.data == NULL && at == sizeof(good));
	for (size_t n = 0; n < 9; n++)
	{
		at = 0;
		assert_int_equal(lh_header_next(ctx, lh_slice(good, n), &at, &name, &value), LH_CORRUPT);
	}
	for (int i = 0; i < 3; i++)
	{
		uint8_t bad[] = {0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};

		bad[i == 0 ? 0 : 3] = i == 0 ? 0 : 1; /* no name; too long a value */
		if (i == 2)
			bad[0] = 1, bad[3] = 0, bad[6] = '\0';
		at = 0;
		assert_int_equal(lh_header_next(ctx, lh_slice(bad, 9), &at, &name, &value), LH_CORRUPT);
	}
	lh_error_clear(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(topics_are_escaped_and_measured),
		TEST(row_filters_are_taken_apart),
		TEST(bad_row_filters_are_refused_with_their_place),
		TEST(fields_are_named_as_there),
		TEST(json_is_told_from_what_is_none),
		TEST(flat_rows_are_debeziums),
		TEST(added_fields_are_debeziums),
		TEST(flat_schemas_are_debeziums),
		TEST(flat_rows_of_json),
		TEST(outboxes_are_messages),
		TEST(raw_payloads_are_as_they_are),
		TEST(empty_payloads_may_be_tombstones),
		TEST(rows_choose_topics_within_bounds),
		TEST(headers_are_held_against_their_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
