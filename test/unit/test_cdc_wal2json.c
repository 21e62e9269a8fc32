/*
 * test_cdc_wal2json.c
 *		The formats of wal2json against its own lines (test/fixtures/cdc/wal2json.txt).
 *
 * The changes are those of test/fixtures/cdc/scenario.sql, made by hand; they
 * are told once for each set of options of the fixture.  Where wal2json's line
 * is no JSON, ours has to be, and ours has to be the line that repair() makes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include "change/format_wal2json.h"
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

static bool
is_json(const char *p, size_t n)
{
	json_t *v =
		json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);

	json_decref(v);
	return v != NULL;
}

/* ---- the scenario ---- */
static void
tell_types(CdcStream *s)
{
	LhChangeColumn c[26];
	LhCell v[26];
	LhCell old[26];
	LhChangeRel *rel;
	void *plan;
	int n = 0;

#define COL(name, oid, kind, bare, text) \
	c[n++] = cdc_col(ctx, name, oid, LH_CELL_##kind, bare, text)
	c[n++] = cdc_int4(ctx, "id", 1);
	COL("i2", 21, INT, "int2", "smallint");
	COL("i8", 20, INT, "int8", "bigint");
	COL("o", 26, INT, "oid", "oid");
	COL("f4", 700, FLOAT4, "float4", "real");
	COL("f8", 701, FLOAT8, "float8", "double precision");
	COL("n", 1700, NUMERIC, "numeric", "numeric(12,2)");
	COL("nn", 1700, NUMERIC, "numeric", "numeric");
	COL("s", 25, TEXT, "text", "text");
	COL("v", 1043, TEXT, "varchar", "character varying(10)");
	COL("c", 1042, TEXT, "bpchar", "character(5)");
	COL("b", 16, BOOL, "bool", "boolean");
	COL("y", 17, BYTES, "bytea", "bytea");
	COL("ts", 1114, TIMESTAMP, "timestamp", "timestamp(3) without time zone");
	COL("tz", 1184, TIMESTAMPTZ, "timestamptz", "timestamp with time zone");
	COL("d", 1082, DATE, "date", "date");
	COL("tt", 1083, TIME, "time", "time without time zone");
	COL("iv", 1186, OTHER, "interval", "interval");
	COL("u", 2950, UUID, "uuid", "uuid");
	COL("j", 114, JSON, "json", "json");
	COL("jb", 3802, JSON, "jsonb", "jsonb");
	COL("ia", 1007, ARRAY, "_int4", "integer[]");
	COL("ta", 1009, ARRAY, "_text", "text[]");
	COL("r", 3904, OTHER, "int4range", "int4range");
	COL("bt", 1560, OTHER, "bit", "bit(3)");
	COL("x", 28, INT, "xid", "xid");
#undef COL
	assert_int_equal(n, 26);
	rel = cdc_rel(ctx, "public", "types", LH_IDENTITY_DEFAULT, n, c);
	plan = cdc_plan(s, rel);

	cdc_begin(s);
	v[0] = cdc_int(1);
	v[1] = cdc_int(-2);
	v[2] = cdc_int(9007199254740993);
	v[3] = cdc_int(4000000000);
	v[4] = cdc_float4(1.5);
	v[5] = cdc_float8(0.1);
	v[6] = cdc_decimal(ctx, "12.30");
	v[7] = cdc_decimal(ctx, "100000000000000000000");
	v[8] = cdc_text("q\"\\/\b\f\n\r\t\001\177\303\251");
	v[9] = cdc_text("v");
	v[10] = cdc_text("c    ");
	v[11] = cdc_time(LH_CELL_BOOL, 1);
	v[12] = cdc_data(LH_CELL_BYTES, "\0\377", 2);
	v[13] = cdc_time(LH_CELL_TIMESTAMP, 762525296789000);
	v[14] = cdc_time(LH_CELL_TIMESTAMPTZ, 762518096700000);
	v[15] = cdc_time(LH_CELL_DATE, -746117);
	v[16] = cdc_time(LH_CELL_TIME, 86400000000);
	v[17] = cdc_other("1 year 2 days 03:04:05.6");
	v[18] = cdc_data(LH_CELL_UUID,
					 "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11", 16);
	v[19] = cdc_data(LH_CELL_JSON, "{\"a\" : 1}", 9);
	v[20] = cdc_data(LH_CELL_JSON, "{\"a\": \"x\"}", 10);
	v[21] = cdc_list(ctx, 3, (LhCell[]){cdc_int(1), CDC_NULL, cdc_int(-3)});
	v[22] = cdc_list(ctx, 2, (LhCell[]){cdc_text("a"), cdc_text("b \"c")});
	v[23] = cdc_other("[1,5)");
	v[24] = cdc_other("101");
	v[25] = cdc_int(77);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL, v);

	for (int i = 0; i < n; i++)
	{
		v[i] = CDC_NULL;
		old[i] = CDC_ABSENT;
	}
	v[0] = cdc_int(2);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL, v);
	v[0] = cdc_int(3);
	v[4] = cdc_float4(NAN);
	v[5] = cdc_float8(-INFINITY);
	v[6] = cdc_decimal(ctx, "NaN");
	v[7] = cdc_decimal(ctx, "Infinity");
	v[11] = cdc_time(LH_CELL_BOOL, 0);
	v[15] = cdc_time(LH_CELL_DATE, INT32_MAX);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL, v);
	v[4] = v[5] = v[6] = v[7] = v[11] = v[15] = CDC_NULL;
	v[0] = cdc_int(2);
	v[9] = cdc_text("w");
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan, NULL, v);
	v[0] = cdc_int(4);
	v[9] = cdc_text("x");
	old[0] = cdc_int(2);
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan, old, v);
	old[0] = cdc_int(4);
	cdc_row(s, LH_CHANGE_DELETE, rel, plan, old, NULL);
	cdc_commit(s);
}

static LhChangeColumn
domain(const char *name, uint32_t typid, const char *text, uint32_t under, const char *under_text,
	   const char *under_bare)
{
	bool word = under == 1043;
	LhChangeColumn c =
		word ? cdc_col(ctx, name, under, LH_CELL_TEXT, "varchar", "character varying(7)")
			 : cdc_col(ctx, name, 23, LH_CELL_INT, "int4", "integer");

	c.typid = typid;
	c.type_text = c.type_name = c.domain_bare = text;
	c.under_typid = under;
	c.under_text = under_text;
	c.under_bare = under_bare;
	return c;
}

static void
tell_names(CdcStream *s)
{
	LhChangeColumn c[5] = {
		cdc_int4(ctx, "k \"1", 1),
		cdc_col(ctx, "m", 99999, LH_CELL_TEXT, "Mood", "\"Mood\""),
		cdc_col(ctx, "ma", 99999, LH_CELL_ARRAY, "_Mood", "\"Mood\"[]"),
		cdc_col(ctx, "comp", 99999, LH_CELL_OTHER, "t", "\"My S\".t"),
		cdc_textcol(ctx, "a\tb"),
	};
	LhChangeColumn d[3] = {
		domain("id", 99999, "whole", 23, "integer", "int4"),
		domain("a", 99999, "wholer", 99999, "whole", "whole"),
		domain("w", 99999, "word", 1043, "character varying(7)", "varchar"),
	};
	LhChangeRel *rel = cdc_rel(ctx, "My S", "Q\"t", LH_IDENTITY_DEFAULT, 5, c);
	LhChangeRel *domains;

	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, rel, cdc_plan(s, rel), NULL,
			(LhCell[]){cdc_int(1), cdc_text("so \"so\""),
					   cdc_list(ctx, 2, (LhCell[]){cdc_text("sad"), cdc_text("so \"so\"")}),
					   cdc_other("(1,\"x y\")"), CDC_NULL});
	cdc_commit(s);

	d[0].pk = 1;
	d[0].not_null = true;
	domains = cdc_rel(ctx, "public", "domains", LH_IDENTITY_DEFAULT, 3, d);
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, domains, cdc_plan(s, domains), NULL,
			(LhCell[]){cdc_int(1), cdc_int(2), cdc_text("w")});
	cdc_commit(s);
}

static void
tell_identities(CdcStream *s)
{
	LhChangeColumn c[4] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "big"), cdc_int4(ctx, "x", 0)};
	LhChangeRel *rel = cdc_rel(ctx, "public", "toasty", LH_IDENTITY_DEFAULT, 3, c);
	void *plan = cdc_plan(s, rel);
	char *big = lh_alloc(ctx, 2101);

	memset(big, 'b', 2100);
	big[2100] = '\0';
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text(big), cdc_int(1)});
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan, NULL,
			(LhCell[]){cdc_int(1), CDC_UNCHANGED, cdc_int(2)});
	cdc_commit(s);

	c[0] = cdc_int4(ctx, "a", 1);
	c[1] = cdc_textcol(ctx, "b");
	c[2] = cdc_textcol(ctx, "big");
	rel = cdc_rel(ctx, "public", "whole_row", LH_IDENTITY_FULL, 3, c);
	plan = cdc_plan(s, rel);
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL, (LhCell[]){cdc_int(1), CDC_NULL, CDC_NULL});
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan, (LhCell[]){cdc_int(1), CDC_NULL, CDC_NULL},
			(LhCell[]){cdc_int(1), cdc_text("x"), CDC_NULL});
	cdc_row(s, LH_CHANGE_DELETE, rel, plan, (LhCell[]){cdc_int(1), cdc_text("x"), CDC_NULL}, NULL);
	cdc_commit(s);

	c[0] = cdc_int4(ctx, "id", 1);
	c[1] = cdc_textcol(ctx, "code");
	c[2] = cdc_int4(ctx, "x", 0);
	c[3] = cdc_int4(ctx, "sub", 0);
	c[1].key = 2;
	c[3].key = 1;
	c[1].not_null = c[3].not_null = true;
	rel = cdc_rel(ctx, "public", "by_index", LH_IDENTITY_INDEX, 4, c);
	plan = cdc_plan(s, rel);
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text("c"), cdc_int(2), cdc_int(3)});
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text("c"), cdc_int(3), cdc_int(3)});
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan,
			(LhCell[]){CDC_ABSENT, cdc_text("c"), CDC_ABSENT, cdc_int(3)},
			(LhCell[]){cdc_int(1), cdc_text("d"), cdc_int(3), cdc_int(3)});
	cdc_row(s, LH_CHANGE_DELETE, rel, plan,
			(LhCell[]){CDC_ABSENT, cdc_text("d"), CDC_ABSENT, cdc_int(3)}, NULL);
	cdc_commit(s);

	c[0] = cdc_int4(ctx, "id", 1);
	c[1] = cdc_int4(ctx, "x", 0);
	cdc_begin(s);
	rel = cdc_rel(ctx, "public", "nothing", LH_IDENTITY_NOTHING, 2, c);
	plan = cdc_plan(s, rel);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL, (LhCell[]){cdc_int(1), cdc_int(1)});
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan, NULL, (LhCell[]){cdc_int(1), cdc_int(2)});
	cdc_row(s, LH_CHANGE_DELETE, rel, plan, NULL, NULL);
	rel = cdc_rel(ctx, "public", "no_key", LH_IDENTITY_DEFAULT, 1, c + 1);
	plan = cdc_plan(s, rel);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL, (LhCell[]){cdc_int(1)});
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan, NULL, (LhCell[]){cdc_int(2)});
	cdc_row(s, LH_CHANGE_DELETE, rel, plan, NULL, NULL);
	cdc_commit(s);
}

static void
tell_rest(CdcStream *s)
{
	LhChangeColumn c[4] = {cdc_textcol(ctx, "a"), cdc_int4(ctx, "id", 1), cdc_int4(ctx, "g", 0),
						   cdc_int4(ctx, "n", 0)};
	LhChangeColumn d[3] = {cdc_int4(ctx, "x", 0), cdc_int4(ctx, "b", 2), cdc_int4(ctx, "a", 1)};
	LhChangeColumn w = domain("id", 99999, "whole", 23, "integer", "int4");
	LhChangeRel *rel, *domains;
	void *plan;

	c[0].default_text = "'it''s'::text";
	c[1].default_text = "5";
	c[2].default_text = "(id * 2)";
	c[2].generated = true;
	c[3].default_text = "1";
	c[3].not_null = true;
	rel = cdc_rel(ctx, "public", "defaults", LH_IDENTITY_DEFAULT, 4, c);
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, rel, cdc_plan(s, rel), NULL,
			(LhCell[]){cdc_text("v"), cdc_int(5), cdc_int(10), cdc_int(1)});
	cdc_commit(s);

	rel = cdc_rel(ctx, "public", "two", LH_IDENTITY_DEFAULT, 3, d);
	plan = cdc_plan(s, rel);
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, rel, plan, NULL, (LhCell[]){cdc_int(1), cdc_int(2), cdc_int(3)});
	cdc_row(s, LH_CHANGE_UPDATE, rel, plan, NULL, (LhCell[]){cdc_int(4), cdc_int(2), cdc_int(3)});
	cdc_row(s, LH_CHANGE_DELETE, rel, plan, (LhCell[]){CDC_ABSENT, cdc_int(2), cdc_int(3)}, NULL);
	cdc_commit(s);

	w.pk = 1;
	domains = cdc_rel(ctx, "public", "domains", LH_IDENTITY_DEFAULT, 1, &w);
	cdc_begin(s);
	cdc_event(s,
			  (LhChangeEvent){.op = LH_CHANGE_TRUNCATE, .rel = rel, .plan = plan, .ntruncated = 2});
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_TRUNCATE,
								 .rel = domains,
								 .plan = cdc_plan(s, domains),
								 .ntruncated = 2});
	cdc_commit(s);

	cdc_begin(s);
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE,
								 .transactional = true,
								 .prefix = "p\"",
								 .content = lh_slice("\303\251\"x", 4)});
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .transactional = true, .prefix = "q"});
	cdc_commit(s);
	cdc_begin(s);
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE,
								 .transactional = true,
								 .prefix = "one",
								 .content = lh_slice("x", 1)});
	cdc_commit(s);
	cdc_event(
		s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "now", .content = lh_slice("y", 1)});
}

/* ---- against the fixture ---- */
static char *
read_fixture(void)
{
	FILE *f = fopen("test/fixtures/cdc/wal2json.txt", "rb");
	char *text = lh_alloc(ctx, 1 << 20);
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, (1 << 20) - 1, f);
	assert_true(n > 0 && n < (1 << 20) - 1);
	fclose(f);
	text[n] = '\0';
	return text;
}

/* What wal2json should have written: its one kind of broken line here is a qualified type that is not escaped. */
static const char *
repair(const char *line)
{
	static const char bad[] = "\"My S\".t";
	const char *at = strstr(line, bad);

	if (at == NULL || at[-1] == '\\')
		return line;
	return lh_sprintf(ctx, "%.*s\"\\\"My S\\\".t\"%s", (int) (at - line), line,
					  at + sizeof(bad) - 1);
}

static void
show_difference(const char *settings, int n, const char *want, const char *ours)
{
	size_t at = 0;
	size_t from;

	while (want[at] != '\0' && want[at] == ours[at])
		at++;
	from = at > 100 ? at - 100 : 0;
	fail_msg("%s, value %d, byte %zu:\nwal2json: %.300s\nours:     %.300s", settings, n, at,
			 want + from, ours + from);
}

static void
compare(const char *settings, char *theirs, const char *ours)
{
	char *next;
	int n = 0;
	bool chunks = strstr(settings, "write-in-chunks") != NULL;

	for (char *line = theirs; *line != '\0'; line = next, n++)
	{
		char *end = strstr(line, "\n--\n");
		size_t length;
		const char *want;

		assert_non_null(end);
		next = end + 4;
		*end = '\0';
		want = repair(line);
		length = strlen(want);
		if (strncmp(ours, want, length) != 0 || strncmp(ours + length, "\n--\n", 4) != 0)
			show_difference(settings, n, want, ours);
		if (!chunks && !is_json(ours, length))
			fail_msg("%s, value %d is no JSON: %.*s", settings, n, (int) length, ours);
		ours += length + 4;
	}
	assert_string_equal(ours, "");
	assert_true(n > 5);
}

static void
says_what_wal2json_says(void **state)
{
	char *text = read_fixture();
	int n = 0;

	(void) state;
	while (text != NULL && *text != '\0')
	{
		char *settings = text + 3;
		char *lines = strchr(settings, '\n') + 1;
		CdcStream s;

		assert_memory_equal(text, "== ", 3);
		lines[-1] = '\0';
		text = strstr(lines, "\n== ");
		if (text != NULL)
			*text++ = '\0';
		cdc_open(ctx, &s, &lh_format_wal2json, settings);
		s.end = "\n--\n";
		tell_types(&s);
		tell_names(&s);
		tell_identities(&s);
		tell_rest(&s);
		CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
		/* the cut took the last newline */
		compare(settings, lh_sprintf(ctx, "%s%s", lines, text != NULL ? "\n" : ""),
				(const char *) s.text.data);
		n++;
	}
	assert_int_equal(n, 16);
}

/* ---- where wal2json is not followed ---- */
static const char *
told(CdcStream *s)
{
	CDC_DO(ctx, lh_buf_putc(ctx, &s->text, '\0'));
	s->text.len--;
	return (const char *) s->text.data;
}

static void
defaults_are_escaped(void **state)
{
	LhChangeColumn c = cdc_textcol(ctx, "a");
	LhChangeRel *rel;
	CdcStream s;

	(void) state;
	c.default_text = "'\"'::text";
	rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);
	cdc_open(ctx, &s, &lh_format_wal2json_v2, "include-default=1 include-transaction=0");
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, (LhCell[]){cdc_text("x")});
	assert_string_equal(
		told(&s),
		"{\"action\":\"I\",\"schema\":\"public\",\"table\":\"t\",\"columns\":[{\"name\":\"a\","
		"\"type\":\"text\",\"value\":\"x\",\"default\":\"'\\\"'::text\"}]}\n");
}

static void
type_names_are_json(void **state)
{
	static const char *const names[] = {"\"My S\".\"t\"", "\"W\"(10)", "\"a\\b\"", "\"S\".t[]",
										"\"Plain\""};
	static const char *const want[] = {"\"\\\"My S\\\".\\\"t\\\"\"", "\"\\\"W\\\"(10)\"",
									   "\"\\\"a\\\\b\\\"\"", "\"\\\"S\\\".t[]\"", "\"Plain\""};

	(void) state;
	for (int version = 1; version <= 2; version++)
		for (int i = 0; i < 5; i++)
		{
			LhChangeColumn c = cdc_col(ctx, "a", 99999, LH_CELL_OTHER, "t", names[i]);
			LhChangeRel *rel;
			CdcStream s;

			c.pk = 1;
			c.type_text = names[i];
			rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);
			cdc_open(ctx, &s, version == 2 ? &lh_format_wal2json_v2 : &lh_format_wal2json_v1,
					 "include-pk=1 include-transaction=0");
			cdc_begin(&s);
			cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, (LhCell[]){cdc_other("x")});
			cdc_commit(&s);
			assert_non_null(strstr(told(&s), want[i]));
			assert_true(is_json(told(&s), s.text.len));
		}
}

/* wal2json leaves a comma behind the bracket here */
static void
a_message_after_a_transaction_stands_alone(void **state)
{
	LhChangeColumn c = cdc_int4(ctx, "a", 1);
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);
	CdcStream s;
	void *plan;

	(void) state;
	cdc_open(ctx, &s, &lh_format_wal2json_v1, "");
	plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, (LhCell[]){cdc_int(1)});
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, (LhCell[]){cdc_int(2)});
	cdc_commit(&s);
	s.text.len = 0;
	cdc_event(&s,
			  (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "p", .content = lh_slice("c", 1)});
	assert_string_equal(
		told(&s), "{\"change\":[{\"kind\":\"message\",\"transactional\":false,\"prefix\":\"p\","
				  "\"content\":\"c\"}]}\n");
}

static void
contents_are_whole(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t n;
		const char *want;
	} t[] = {
		{"a\0b", 3, "\"a\\u0000b\""},   {"\0", 1, "\"\\u0000\""}, {"a\377", 2, "\"\\\\x61ff\""},
		{"\0\377", 2, "\"\\\\x00ff\""}, {"", 0, "\"\""},          {"\303", 1, "\"\\\\xc3\""}};

	(void) state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
	{
		CdcStream s;

		cdc_open(ctx, &s, &lh_format_wal2json_v2, "");
		cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE,
									  .prefix = "p",
									  .content = lh_slice(t[i].bytes, t[i].n)});
		assert_string_equal(told(&s),
							lh_sprintf(ctx,
									   "{\"action\":\"M\",\"transactional\":false,\"prefix\":\"p\","
									   "\"content\":%s}\n",
									   t[i].want));
		assert_true(is_json(told(&s), s.text.len));
	}
}

/* As numeric-data-types-as-string of wal2json 2.6. */
static void
numbers_as_strings_keep_nan(void **state)
{
	LhChangeColumn c[3] = {cdc_int4(ctx, "i", 0),
						   cdc_col(ctx, "f", 701, LH_CELL_FLOAT8, "float8", "double precision"),
						   cdc_col(ctx, "n", 1700, LH_CELL_NUMERIC, "numeric", "numeric")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 3, c);
	CdcStream s;

	(void) state;
	cdc_open(ctx, &s, &lh_format_wal2json_v2, "numeric-data-types-as-string=1 include-types=0");
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL,
			(LhCell[]){cdc_int(1), cdc_float8(NAN), cdc_decimal(ctx, "-Infinity")});
	assert_string_equal(told(&s),
						"{\"action\":\"I\",\"schema\":\"public\",\"table\":\"t\",\"columns\":["
						"{\"name\":\"i\",\"value\":\"1\"},{\"name\":\"f\",\"value\":\"NaN\"},"
						"{\"name\":\"n\",\"value\":\"-Infinity\"}]}\n");
}

/* The session's own rendering and a mask's text where numbers are expected. */
static void
texts_in_place_of_numbers(void **state)
{
	static const struct
	{
		LhCellKind kind;
		const char *text;
		const char *want;
	} t[] = {{LH_CELL_OTHER, "1.5e+20", "1.5e+20"}, {LH_CELL_OTHER, "NaN", "null"},
			 {LH_CELL_OTHER, "-Infinity", "null"},  {LH_CELL_OTHER, "", "\"\""},
			 {LH_CELL_OTHER, "1x", "\"1x\""},       {LH_CELL_TEXT, "12", "\"12\""}};
	LhChangeColumn c = cdc_col(ctx, "f", 701, LH_CELL_FLOAT8, "float8", "double precision");
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);

	(void) state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
	{
		CdcStream s;

		cdc_open(ctx, &s, &lh_format_wal2json_v2, "include-types=0");
		cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL,
				(LhCell[]){cdc_data(t[i].kind, t[i].text, strlen(t[i].text))});
		assert_non_null(strstr(told(&s), lh_sprintf(ctx, "\"value\":%s}", t[i].want)));
	}
}

/* A snapshot's rows and lone messages leave a transaction's facts as they were. */
static void
a_transaction_goes_on_after_a_lone_event(void **state)
{
	LhChangeColumn c = cdc_int4(ctx, "a", 1);
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);
	LhCell v = cdc_int(1);

	(void) state;
	for (int message = 0; message < 2; message++)
	{
		CdcStream s;
		void *plan;

		cdc_open(ctx, &s, &lh_format_wal2json_v2, "include-xids=1");
		plan = cdc_plan(&s, rel);
		cdc_begin(&s);
		s.text.len = 0;
		if (message)
			cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "p"});
		else
			cdc_row(&s, LH_CHANGE_READ, rel, plan, NULL, &v);
		assert_non_null(strstr(told(&s), "\"xid\":null"));
		s.text.len = 0;
		cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, &v);
		assert_non_null(strstr(told(&s), "\"xid\":700"));
	}
}

/* Past a size the value of version 1 goes out in pieces: joined, they are the value. */
static void
a_large_transaction_comes_in_pieces(void **state)
{
	LhChangeColumn c = cdc_int4(ctx, "a", 1);
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);

	(void) state;
	for (int pretty = 0; pretty < 2; pretty++)
	{
		const char *whole = NULL;

		for (int pieces = 0; pieces < 2; pieces++)
		{
			CdcStream s;
			void *plan;
			int ends = 0;

			cdc_open(ctx, &s, &lh_format_wal2json_v1, pretty ? "pretty-print=1" : "");
			if (pieces)
				((LhW2jEncoder *) s.enc)->most = 150;
			s.end = "\003";
			plan = cdc_plan(&s, rel);
			cdc_begin(&s);
			for (int i = 0; i < 10; i++)
				cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, (LhCell[]){cdc_int(i)});
			cdc_commit(&s);
			/* the marks between messages go */
			for (size_t i = 0; i < s.text.len;)
			{
				if (s.text.data[i] != 3)
				{
					i++;
					continue;
				}
				memmove(s.text.data + i, s.text.data + i + 1, --s.text.len - i);
				ends++;
			}
			assert_true(pieces ? ends > 4 : ends == 1);
			if (pieces)
				assert_string_equal(told(&s), whole);
			whole = lh_strdup(ctx, told(&s));
			assert_true(is_json(whole, strlen(whole)));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(says_what_wal2json_says, setup, teardown),
		cmocka_unit_test_setup_teardown(defaults_are_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(type_names_are_json, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_after_a_transaction_stands_alone, setup,
										teardown),
		cmocka_unit_test_setup_teardown(a_transaction_goes_on_after_a_lone_event, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_transaction_comes_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(contents_are_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_as_strings_keep_nan, setup, teardown),
		cmocka_unit_test_setup_teardown(texts_in_place_of_numbers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
