/*
 * test_cdc_avro.c
 *		The format avro: bytes of each kind of cell, what goes to __special, keys, schemas;
 *		and canonical forms and fingerprints of Avro's specification.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>

#include "change/avro.h"
#include "change/formats.h"
#include "unit/avro_decode.h"
#include "unit/cdc_table.h"

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

/* ---- schemas ---- */

/* Of Avro's own share/test/data/schema-tests.txt. */
static void
canonical_forms_and_fingerprints_are_those_of_avro(void **state)
{
	static const struct
	{
		const char *schema, *form;
		int64_t fingerprint;
	} all[] = {
		{"{\"type\":\"null\"}", "\"null\"", 7195948357588979594},
		{"\"long\"", "\"long\"", -3434872931120570953},
		{"{\"type\":\"float\"}", "\"float\"", 5583340709985441680},
		{"\"double\"", "\"double\"", -8181574048448539266},
		{"\"bytes\"", "\"bytes\"", 5746618253357095269},
		{"[ \"int\"  ]", "[\"int\"]", -5232228896498058493},
		{"[ \"int\" , {\"type\":\"boolean\"} ]", "[\"int\",\"boolean\"]", 5392556393470105090},
		{"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\"}",
		 "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", -4824392279771201922},
		{"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"namespace\":\"x.y\"}",
		 "{\"name\":\"x.y.foo\",\"type\":\"record\",\"fields\":[]}", 5916914534497305771},
		{"{\"fields\":[], \"type\":\"record\", \"name\":\"a.b.foo\", \"namespace\":\"x.y\"}",
		 "{\"name\":\"a.b.foo\",\"type\":\"record\",\"fields\":[]}", -4616218487480524110},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		LhSchema s;
		LhBuf form;

		LH_OK_(ctx, lh_buf_init(ctx, &form, false));
		LH_OK_(ctx, lh_avro_canonical(ctx, lh_slice(all[i].schema, strlen(all[i].schema)), &form));
		LH_OK_(ctx, lh_buf_putc(ctx, &form, '\0'));
		assert_string_equal((char *) form.data, all[i].form);
		LH_OK_(ctx, lh_avro_schema(ctx, lh_slice(all[i].schema, strlen(all[i].schema)), &s));
		if ((int64_t) s.fingerprint != all[i].fingerprint)
			fail_msg("%s: %lld", all[i].schema, (long long) s.fingerprint);
		assert_string_equal((const char *) s.text.data, all[i].schema);
	}
}

static void
canonical_forms_keep_what_readers_need(void **state)
{
	static const char schema[] =
		"{\"doc\":\"x\",\"type\":\"record\",\"name\":\"A\",\"namespace\":\"n.s\",\"lakehouse.x\":1,\"fields\":["
		"{\"doc\":\"d\",\"name\":\"a\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"},\"default\":3},"
		"{\"name\":\"b\",\"type\":{\"items\":[\"null\",{\"type\":\"record\",\"name\":\"B\",\"fields\":[]}],\"type\":\"array\"}},"
		"{\"name\":\"c\",\"type\":\"B\"},{\"name\":\"m\",\"type\":{\"values\":\"A\",\"type\":\"map\"}},"
		"{\"name\":\"e\",\"type\":{\"symbols\":[\"x\",\"y\"],\"name\":\"o.E\",\"type\":\"enum\",\"default\":\"x\"}},"
		"{\"name\":\"f\",\"type\":{\"size\":16,\"name\":\"F\",\"aliases\":[\"G\"],\"type\":\"fixed\"}}]}";
	static const char expected[] =
		"{\"name\":\"n.s.A\",\"type\":\"record\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
		"{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":[\"null\",{\"name\":\"n.s.B\",\"type\":\"record\",\"fields\":[]}]}},"
		"{\"name\":\"c\",\"type\":\"n.s.B\"},{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"n.s.A\"}},"
		"{\"name\":\"e\",\"type\":{\"name\":\"o.E\",\"type\":\"enum\",\"symbols\":[\"x\",\"y\"]}},"
		"{\"name\":\"f\",\"type\":{\"name\":\"n.s.F\",\"type\":\"fixed\",\"size\":16}}]}";
	static const char *const bad[] = {"",
									  "{",
									  "1",
									  "{}",
									  "{\"type\":\"record\"}",
									  "{\"type\":\"record\",\"name\":\"a\"}",
									  "{\"type\":\"record\",\"name\":\"a\",\"fields\":[{}]}",
									  "{\"type\":\"enum\",\"name\":\"a\"}",
									  "{\"type\":\"fixed\",\"name\":\"a\"}",
									  "{\"type\":\"enum\",\"name\":\"a\",\"symbols\":[1]}"};
	char deep[600];
	LhBuf form;

	(void) state;
	LH_OK_(ctx, lh_buf_init(ctx, &form, false));
	LH_OK_(ctx, lh_avro_canonical(ctx, lh_slice(schema, sizeof(schema) - 1), &form));
	LH_OK_(ctx, lh_buf_putc(ctx, &form, '\0'));
	assert_string_equal((char *) form.data, expected);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(lh_avro_canonical(ctx, lh_slice(bad[i], strlen(bad[i])), &form),
						 LH_CORRUPT);
	memset(deep, '[', 300);
	memset(deep + 300, ']', 300);
	assert_int_equal(lh_avro_canonical(ctx, lh_slice(deep, 600), &form), LH_LIMIT);
}

/* ---- a stream of the format ---- */

typedef struct Told
{
	LhSchema schemas[8];
	const char *parts[8];
	int nschemas;
	json_t *key, *value; /* of the last message */
	LhSlice bytes;       /* of the last value, behind its head */
	int nmessages;
} Told;

static Told told;

static LhStatus
take_schema(LhChangeOut *out, LhCtx *c, const LhSchema *schema)
{
	(void) c;
	assert_true(told.nschemas < 8);
	told.parts[told.nschemas] = out->part;
	told.schemas[told.nschemas++] = *schema;
	return LH_OK;
}

static json_t *
decode(LhSlice bytes)
{
	uint64_t fingerprint = 0;
	json_t *schema, *v = NULL;

	assert_true(lh_schema_head_read(LH_SCHEMA_AVRO, bytes, &fingerprint));
	for (int i = 0; i < told.nschemas && v == NULL; i++)
		if (told.schemas[i].fingerprint == fingerprint)
		{
			schema = json_loads((const char *) told.schemas[i].text.data, 0, NULL);
			assert_non_null(schema);
			v = avro_decode(ctx, schema,
							lh_slice(bytes.data + LH_SCHEMA_HEAD, bytes.len - LH_SCHEMA_HEAD));
			json_decref(schema);
			if (v == NULL)
				fail_msg("no value at \"%s\"", avro_failed_at);
		}
	assert_non_null(v);
	return v;
}

static void
take_message(CdcStream *s, const LhFrameMessage *m)
{
	(void) s;
	told.nmessages++;
	json_decref(told.key);
	json_decref(told.value);
	told.key = m->has_key ? decode(m->key) : NULL;
	told.value = decode(m->value);
	told.bytes = lh_slice(lh_memdup(ctx, m->value.data + LH_SCHEMA_HEAD, m->value.len),
						  m->value.len - LH_SCHEMA_HEAD);
}

static void
open_stream(CdcStream *s, const char *settings)
{
	memset(&told, 0, sizeof(told));
	cdc_open(ctx, s, &lh_format_avro, settings);
	s->out.framed = true;
	s->out.want_key = true;
	s->out.schema = take_schema;
	s->take = take_message;
	CDC_DO(ctx, s->enc->format->describe(ctx, s->enc, NULL, NULL, &s->out));
}

static const char *
text_of(const json_t *v)
{
	char *text = v != NULL ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	const char *copy = lh_strdup(ctx, text != NULL ? text : "none");

	free(text);
	return copy;
}

static const char *
hex_of(LhSlice bytes)
{
	char *text = lh_alloc0(ctx, bytes.len * 2 + 1);

	for (size_t i = 0; i < bytes.len; i++)
		sprintf(text + 2 * i, "%02x", bytes.data[i]);
	return text;
}

typedef struct Case
{
	uint32_t typid, elem;
	LhCellKind kind, elem_kind;
	const char *type;
	int typmod;
	const char *schema; /* of the field's type beside null */
	LhCell cell;
	const char *bytes;   /* with the branch, in hex */
	const char *special; /* NULL: none */
} Case;

#define DAY(n)          ((n) -INT64_C(10957))
#define STAMP(n)        ((n) -INT64_C(946684800000000))
#define LOG(type, name) "{\"type\":\"" type "\",\"logicalType\":\"" name "\"}"
#define DEC             "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":12,\"scale\":2}"
#define INTS            "{\"type\":\"array\",\"items\":[\"null\",\"int\"]}"

static void
check_case(const Case *c, const char *settings)
{
	LhChangeColumn column = cdc_col(ctx, "c", c->typid, c->kind, c->type, c->type);
	const char *field = lh_sprintf(
		ctx, "{\"name\":\"c\",\"type\":[\"null\",%s],\"default\":null,\"lakehouse.type\":\"%s\"}",
		c->schema, c->type);
	size_t n = strlen(c->bytes);
	CdcStream s;
	LhChangeRel *rel;
	void *plan;

	column.typmod = c->typmod;
	column.elem_typid = c->elem;
	column.elem_kind = c->elem_kind;
	open_stream(&s, settings);
	rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &column);
	plan = cdc_plan(&s, rel);
	assert_int_equal(told.nschemas, 4);
	assert_string_equal(told.parts[3], "value");
	if (strstr((const char *) told.schemas[3].text.data, field) == NULL)
		fail_msg("%s is not %s", (const char *) told.schemas[3].text.data, field);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, &c->cell);
	assert_int_equal(told.nmessages, 1);
	if (strncmp(hex_of(told.bytes), c->bytes, n) != 0)
		fail_msg("%s: %s is not %s", c->type, hex_of(told.bytes), c->bytes);
	/* behind it there is nothing but what each row has */
	assert_int_equal(told.bytes.data[n / 2], 2);
	assert_int_equal(told.bytes.data[n / 2 + 1], 'c');
	assert_string_equal(text_of(json_object_get(told.value, "__special")),
						c->special != NULL ? lh_sprintf(ctx, "{\"c\":\"%s\"}", c->special) : "{}");
	assert_string_equal(text_of(json_object_get(told.value, "__unchanged")), "[]");
}

static void
each_kind_has_its_bytes(void **state)
{
	static const LhCell two[] = {{.kind = LH_CELL_INT, .i64 = -1}, {.kind = LH_CELL_NULL}};
	const int mod = dbz_numeric_mod(12, 2);
	LhCellArray bounds = {
		.ndim = 1, .dims = {2}, .lbound = {0}, .nitems = 2, .delim = ',', .items = two};
	LhCellArray square = {
		.ndim = 2, .dims = {1, 2}, .lbound = {1, 1}, .nitems = 2, .delim = ',', .items = two};
	LhCell nan[] = {cdc_decimal(ctx, "1.00"), cdc_decimal(ctx, "NaN")};
	char *long_text = lh_alloc0(ctx, 101);
	const Case all[] = {
		{16, 0, LH_CELL_BOOL, 0, "boolean", -1, "\"boolean\"", cdc_bool(true), "0201", NULL},
		{16, 0, LH_CELL_BOOL, 0, "boolean", -1, "\"boolean\"", cdc_bool(false), "0200", NULL},
		{16, 0, LH_CELL_BOOL, 0, "boolean", -1, "\"boolean\"", CDC_NULL, "00", NULL},
		{21, 0, LH_CELL_INT, 0, "smallint", -1, "\"int\"", cdc_int(-32768), "02ffff03", NULL},
		{23, 0, LH_CELL_INT, 0, "integer", -1, "\"int\"", cdc_int(INT32_MIN), "02ffffffff0f", NULL},
		{20, 0, LH_CELL_INT, 0, "bigint", -1, "\"long\"", cdc_int(INT64_MIN),
		 "02ffffffffffffffffff01", NULL},
		{20, 0, LH_CELL_INT, 0, "bigint", -1, "\"long\"", cdc_int(64), "028001", NULL},
		{26, 0, LH_CELL_INT, 0, "oid", -1, "\"long\"", cdc_int(4294967295), "02feffffff1f", NULL},
		{700, 0, LH_CELL_FLOAT4, 0, "real", -1, "\"float\"", cdc_float4(1.5f), "020000c03f", NULL},
		{701, 0, LH_CELL_FLOAT8, 0, "double precision", -1, "\"double\"", cdc_float8(-INFINITY),
		 "02000000000000f0ff", NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric", -1, "\"string\"", cdc_decimal(ctx, "12.30"),
		 "020a31322e3330", NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric", -1, "\"string\"", cdc_decimal(ctx, "NaN"),
		 "02064e614e", NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric(12,2)", mod, DEC, cdc_decimal(ctx, "0.00"), "020200",
		 NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric(12,2)", mod, DEC, cdc_decimal(ctx, "1.27"), "02027f",
		 NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric(12,2)", mod, DEC, cdc_decimal(ctx, "1.28"),
		 "02040080", NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric(12,2)", mod, DEC, cdc_decimal(ctx, "-1.28"),
		 "020280", NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric(12,2)", mod, DEC, cdc_decimal(ctx, "-9999999999.99"),
		 "020cff172b5af001", NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric(12,2)", mod, DEC, cdc_decimal(ctx, "NaN"), "00",
		 "NaN"},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric(2,5)", dbz_numeric_mod(2, 5), "\"string\"",
		 cdc_decimal(ctx, "0.00012"), "020e302e3030303132", NULL},
		{1700, 0, LH_CELL_NUMERIC, 0, "numeric(5,-2)", dbz_numeric_mod(5, -2), "\"string\"",
		 cdc_decimal(ctx, "100"), "0206313030", NULL},
		{25, 0, LH_CELL_TEXT, 0, "text", -1, "\"string\"", cdc_text(""), "0200", NULL},
		{25, 0, LH_CELL_TEXT, 0, "text", -1, "\"string\"", cdc_text("\xc3\xa9"), "0204c3a9", NULL},
		{25, 0, LH_CELL_TEXT, 0, "text", -1, "\"string\"", cdc_data(LH_CELL_RAW, "\xff", 1), "00",
		 "\\\\xff"},
		{114, 0, LH_CELL_JSON, 0, "json", -1, "\"string\"", dbz_json("{}"), "02047b7d", NULL},
		{600, 0, LH_CELL_OTHER, 0, "point", -1, "\"string\"", cdc_other("(1,2)"), "020a28312c3229",
		 NULL},
		{17, 0, LH_CELL_BYTES, 0, "bytea", -1, "\"bytes\"", cdc_data(LH_CELL_BYTES, "\0\xff", 2),
		 "020400ff", NULL},
		{2950, 0, LH_CELL_UUID, 0, "uuid", -1, LOG("string", "uuid"), dbz_uuid(),
		 "024861306565626339392d396330622d346566382d626236642d366262396264333830613131", NULL},
		{1082, 0, LH_CELL_DATE, 0, "date", -1, LOG("int", "date"), cdc_time(LH_CELL_DATE, DAY(0)),
		 "0200", NULL},
		{1082, 0, LH_CELL_DATE, 0, "date", -1, LOG("int", "date"),
		 cdc_time(LH_CELL_DATE, dbz_day(1, 1, 1)), "02f3e457", NULL},
		{1082, 0, LH_CELL_DATE, 0, "date", -1, LOG("int", "date"),
		 cdc_time(LH_CELL_DATE, dbz_day(9999, 12, 31)), "02c082e602", NULL},
		{1082, 0, LH_CELL_DATE, 0, "date", -1, LOG("int", "date"),
		 cdc_time(LH_CELL_DATE, dbz_day(0, 12, 31)), "00", "0001-12-31 BC"},
		{1082, 0, LH_CELL_DATE, 0, "date", -1, LOG("int", "date"),
		 cdc_time(LH_CELL_DATE, dbz_day(10000, 1, 1)), "00", "10000-01-01"},
		{1082, 0, LH_CELL_DATE, 0, "date", -1, LOG("int", "date"),
		 cdc_time(LH_CELL_DATE, INT32_MAX), "00", "infinity"},
		{1083, 0, LH_CELL_TIME, 0, "time", -1, LOG("long", "time-micros"),
		 cdc_time(LH_CELL_TIME, 1), "0202", NULL},
		{1083, 0, LH_CELL_TIME, 0, "time", -1, LOG("long", "time-micros"),
		 cdc_time(LH_CELL_TIME, 86400000000), "00", "24:00:00"},
		{1266, 0, LH_CELL_TIMETZ, 0, "timetz", -1, "\"string\"", cdc_timetz(0, -19800),
		 "021c30303a30303a30302b30353a3330", NULL},
		{1114, 0, LH_CELL_TIMESTAMP, 0, "timestamp", -1, LOG("long", "local-timestamp-micros"),
		 cdc_time(LH_CELL_TIMESTAMP, STAMP(-1)), "0201", NULL},
		{1114, 0, LH_CELL_TIMESTAMP, 0, "timestamp", -1, LOG("long", "local-timestamp-micros"),
		 cdc_time(LH_CELL_TIMESTAMP, INT64_MIN), "00", "-infinity"},
		{1114, 0, LH_CELL_TIMESTAMP, 0, "timestamp", -1, LOG("long", "local-timestamp-micros"),
		 dbz_stamp(LH_CELL_TIMESTAMP, dbz_day(1, 1, 1), -1), "00", "0001-12-31 23:59:59.999999 BC"},
		{1184, 0, LH_CELL_TIMESTAMPTZ, 0, "timestamptz", -1, LOG("long", "timestamp-micros"),
		 cdc_time(LH_CELL_TIMESTAMPTZ, STAMP(1)), "0202", NULL},
		{1184, 0, LH_CELL_TIMESTAMPTZ, 0, "timestamptz", -1, LOG("long", "timestamp-micros"),
		 dbz_stamp(LH_CELL_TIMESTAMPTZ, dbz_day(9999, 12, 31), 86400000000), "00",
		 "10000-01-01 00:00:00+00"},
		{1186, 0, LH_CELL_INTERVAL, 0, "interval", -1, "\"string\"", cdc_interval(0, -2, 1),
		 "020c50314d2d3244", NULL},
		{1007, 23, LH_CELL_ARRAY, LH_CELL_INT, "integer[]", -1, INTS, cdc_list(ctx, 2, two),
		 "020402010000", NULL},
		{1007, 23, LH_CELL_ARRAY, LH_CELL_INT, "integer[]", -1, INTS, cdc_list(ctx, 0, two), "0200",
		 NULL},
		{1007, 23, LH_CELL_ARRAY, LH_CELL_INT, "integer[]", -1, INTS, cdc_array(&bounds), "00",
		 "[0:1]={-1,NULL}"},
		{1007, 23, LH_CELL_ARRAY, LH_CELL_INT, "integer[]", -1, INTS, cdc_array(&square), "00",
		 "{{-1,NULL}}"},
		{1231, 1700, LH_CELL_ARRAY, LH_CELL_NUMERIC, "numeric(12,2)[]", mod,
		 "{\"type\":\"array\",\"items\":[\"null\"," DEC "]}", cdc_list(ctx, 2, nan), "00",
		 "{1.00,NaN}"},
		{90001, 90000, LH_CELL_ARRAY, LH_CELL_ARRAY, "ints[]", -1, "\"string\"", cdc_array(&square),
		 "02167b7b2d312c4e554c4c7d7d", NULL},
	};

	(void) state;
	memset(long_text, 'x', 100);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		check_case(&all[i], "");
	check_case(
		&(Case){
			25, 0, LH_CELL_TEXT, 0, "text", -1, "\"string\"", cdc_text(long_text),
			"02c80178787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878",
			NULL},
		"");
	check_case(&(Case){1700, 0, LH_CELL_NUMERIC, 0, "numeric(12,2)", mod, "\"double\"",
					   cdc_decimal(ctx, "-0.50"), "02000000000000e0bf", NULL},
			   "decimal.handling.mode=double");
	check_case(&(Case){1700, 0, LH_CELL_NUMERIC, 0, "numeric(12,2)", mod, "\"string\"",
					   cdc_decimal(ctx, "-0.50"), "020a2d302e3530", NULL},
			   "decimal.handling.mode=string");
}

/* Digits beyond 64 bits, and as many as PostgreSQL has. */
static void
long_decimals_keep_all_digits(void **state)
{
	LhChangeColumn column = cdc_col(ctx, "c", 1700, LH_CELL_NUMERIC, "numeric", "numeric(30,0)");
	LhCell cell = cdc_decimal(ctx, "-170141183460469231731687303715");
	CdcStream s;
	LhChangeRel *rel;

	(void) state;
	column.typmod = dbz_numeric_mod(30, 0);
	open_stream(&s, "");
	rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &column);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, &cell);
	/* by Python's int.to_bytes */
	assert_memory_equal(hex_of(told.bytes), "021afdda3e82fb252d69a33a5fd5dd", 30);
	assert_string_equal(text_of(json_object_get(told.value, "__special")), "{}");
}

/* ---- keys, operations ---- */

static void
operations_are_rows(void **state)
{
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a b"),
								cdc_textcol(ctx, "a-b"), cdc_textcol(ctx, "__op")};
	LhCell row[] = {cdc_int(1), cdc_text("x"), CDC_UNCHANGED, cdc_text("o")};
	LhCell old[] = {cdc_int(2), CDC_ABSENT, CDC_ABSENT, CDC_ABSENT};
	LhCell whole[] = {cdc_int(1), cdc_text("old"), cdc_text("big"), CDC_NULL};
	CdcStream s;
	LhChangeRel *rel, *full;
	void *plan;

	(void) state;
	open_stream(&s, "topic.prefix=1srv");
	rel = cdc_rel(ctx, "pub-lic", "t", LH_IDENTITY_DEFAULT, 4, columns);
	plan = cdc_plan(&s, rel);
	assert_string_equal(told.parts[4], "key");
	assert_string_equal(
		(const char *) told.schemas[4].text.data,
		"{\"type\":\"record\",\"name\":\"Key\",\"namespace\":\"_1srv.pub_lic.t\","
		"\"fields\":[{\"name\":\"id\",\"type\":\"int\",\"lakehouse.type\":\"integer\"}]}");
	cdc_begin(&s);
	assert_int_equal(told.nmessages, 0);
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, NULL, row);
	assert_string_equal(text_of(told.key), "{\"id\":1}");
	assert_string_equal(
		text_of(told.value),
		"{\"id\":1,\"a_b\":\"x\",\"a_b_2\":null,\"__op_2\":\"o\",\"__op\":\"u\",\"__lsn\":23803768,"
		"\"__seq\":1,\"__ts_us\":1714979289120000,\"__unchanged\":[\"a_b_2\"],\"__special\":{}}");
	/* a key that changed is a delete and a row */
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, old, row);
	assert_int_equal(told.nmessages, 3);
	assert_string_equal(text_of(told.key), "{\"id\":1}");
	assert_string_equal(text_of(json_object_get(told.value, "__op")), "\"u\"");
	cdc_row(&s, LH_CHANGE_DELETE, rel, plan, old, NULL);
	assert_string_equal(text_of(told.key), "{\"id\":2}");
	assert_string_equal(
		text_of(told.value),
		"{\"id\":2,\"a_b\":null,\"a_b_2\":null,\"__op_2\":null,\"__op\":\"d\",\"__lsn\":23803768,"
		"\"__seq\":3,\"__ts_us\":1714979289120000,\"__unchanged\":[],\"__special\":{}}");
	cdc_row(&s, LH_CHANGE_TRUNCATE, rel, plan, NULL, NULL);
	assert_null(told.key);
	assert_string_equal(text_of(json_object_get(told.value, "__op")), "\"t\"");
	assert_string_equal(text_of(json_object_get(told.value, "id")), "null");
	cdc_row(&s, LH_CHANGE_READ, rel, plan, NULL, row);
	assert_string_equal(text_of(json_object_get(told.value, "__op")), "\"r\"");
	assert_string_equal(text_of(json_object_get(told.value, "__ts_us")), "null");
	/* the whole old row has what the log has not */
	told.nschemas = 3;
	full = cdc_rel(ctx, "pub-lic", "t", LH_IDENTITY_FULL, 4, columns);
	cdc_row(&s, LH_CHANGE_UPDATE, full, cdc_plan(&s, full), whole, row);
	assert_string_equal(text_of(json_object_get(told.value, "a_b_2")), "\"big\"");
	assert_string_equal(text_of(json_object_get(told.value, "__unchanged")), "[]");
}

/* What its type cannot say of a key is text in it, so that keys differ where rows do. */
static void
keys_say_special_values(void **state)
{
	LhChangeColumn columns[] = {cdc_col(ctx, "d", 1082, LH_CELL_DATE, "date", "date")};
	LhCell row[] = {cdc_time(LH_CELL_DATE, INT32_MIN)};
	CdcStream s;
	LhChangeRel *rel;

	(void) state;
	columns[0].pk = 1;
	columns[0].not_null = true;
	open_stream(&s, "");
	rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, columns);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, row);
	assert_string_equal(text_of(told.key), "{\"d\":null,\"__special\":{\"d\":\"-infinity\"}}");
	row[0] = cdc_time(LH_CELL_DATE, DAY(1));
	told.nschemas = 3;
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, row);
	assert_string_equal(text_of(told.key), "{\"d\":1,\"__special\":{}}");
}

static void
messages_of_no_row_are_records(void **state)
{
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1)};
	LhChangeRel *rel = cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, 1, columns);
	CdcStream s;

	(void) state;
	open_stream(&s, "provide.transaction.metadata=on");
	assert_string_equal(told.parts[0], "message");
	assert_string_equal(told.parts[1], "quarantine");
	assert_string_equal(told.parts[2], "transaction");
	cdc_begin(&s);
	assert_string_equal(
		text_of(told.value),
		"{\"__op\":\"b\",\"__lsn\":23803768,\"__seq\":0,\"__ts_us\":1714979289120000,"
		"\"xid\":700,\"changes\":0}");
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE,
								  .transactional = true,
								  .prefix = "p",
								  .content = lh_slice("\0\1", 2)});
	assert_string_equal(
		text_of(told.value),
		"{\"__op\":\"m\",\"__lsn\":23803768,\"__seq\":0,\"__ts_us\":1714979289120000,"
		"\"prefix\":\"p\",\"transactional\":true,\"content\":\"AAE=\"}");
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_QUARANTINE, .rel = rel, .reason = "r"});
	assert_string_equal(
		text_of(told.value),
		"{\"__op\":\"q\",\"__lsn\":23803768,\"__seq\":0,\"__ts_us\":1714979289120000,"
		"\"schema\":\"s\",\"table\":\"t\",\"reason\":\"r\"}");
	cdc_commit(&s);
	assert_string_equal(text_of(json_object_get(told.value, "__op")), "\"e\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(canonical_forms_and_fingerprints_are_those_of_avro),
		T(canonical_forms_keep_what_readers_need),
		T(each_kind_has_its_bytes),
		T(long_decimals_keep_all_digits),
		T(operations_are_rows),
		T(keys_say_special_values),
		T(messages_of_no_row_are_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
