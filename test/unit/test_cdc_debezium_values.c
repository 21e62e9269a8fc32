/*
 * test_cdc_debezium_values.c
 *		What the captured lines of Debezium do not reach: numbers of any size, types of other
 *		extensions, structured times, texts that no output function writes, events beside rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>

#include "change/debezium.h"
#include "change/formats.h"
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

static bool
is_json(const char *text)
{
	json_t *v = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

	json_decref(v);
	return v != NULL;
}

/* Value of the only row of a table of one column, under "settings". */
static const char *
one(const char *settings, LhChangeColumn c, LhCell cell)
{
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_NOTHING, 1, &c);
	CdcStream s;
	char *at;

	cdc_open(ctx, &s, &lh_format_debezium_json, settings);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, &cell);
	CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
	assert_true(is_json((const char *) s.text.data));
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
	uint8_t bytes[32] = {0};
	size_t n = 0;
	size_t length = strlen(text);
	uint32_t word = 0;
	int have = 0;
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
	LhBuf buf;

	(void) state;
	CDC_DO(ctx, lh_buf_init(ctx, &buf, false));
	for (int i = 0; i < 20000; i++)
	{
		int digits = 1 + (int) random_below(34);
		int scale = (int) random_below((uint64_t) digits + 1);
		int more = (int) random_below(4);
		char text[64];
		char *p = text;
		__int128 want = 0;
		LhCell cell;

		if (random_below(2) == 0)
			*p++ = '-';
		if (digits == scale)
			*p++ = '0';
		for (int k = 0; k < digits; k++)
		{
			int digit = random_below(3) == 0 ? 0 : (int) random_below(10);

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
		int precision, scale;
		const char *want;
	} t[] = {/* Java: new BigDecimal(..).unscaledValue().toByteArray() */
			 {"9223372036854775807", 19, 0, "\"f/////////8=\""},
			 {"9223372036854775808", 19, 0, "\"AIAAAAAAAAAA\""},
			 {"-9223372036854775808", 19, 0, "\"gAAAAAAAAAA=\""},
			 {"-9223372036854775809", 19, 0, "\"/3//////////\""},
			 {"1000000000000000000000000000000000000000000000000000000000000", 70, 0,
			  "\"AJ9PJyYXmiJFAddiQiyUZZDZEAAAAAAAAAA=\""},
			 {"128", 10, 0, "\"AIA=\""},
			 {"-128", 10, 0, "\"gA==\""},
			 {"-129", 10, 0, "\"/38=\""},
			 {"12000", 4, -2, "\"eA==\""},
			 {"0", 4, 2, "\"AA==\""}};

	(void) state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
	{
		const char *got = one(
			"",
			column(1700, LH_CELL_NUMERIC, "numeric", dbz_numeric_mod(t[i].precision, t[i].scale)),
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
	} t[] = {{"$1,234.56", "\"1234.56\""},
			 {"-$0.05", "\"-0.05\""},
			 {"($0.05)", "\"-0.05\""},
			 {"1.234,56 \342\202\254", "\"1234.56\""},
			 {"\302\2451,234", "\"1234\""},
			 {"$1,234,567.89", "\"1234567.89\""},
			 {"", "\"0\""},
			 {"-92233720368547758.08", "\"-92233720368547758.08\""}};

	(void) state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(one("decimal.handling.mode=string",
								column(790, LH_CELL_OTHER, "money", -1), cdc_other(t[i].text)),
							t[i].want);
	assert_string_equal(
		one("", column(790, LH_CELL_OTHER, "money", -1), cdc_other("\302\2451,234")), "\"AeII\"");
	assert_string_equal(
		one("money.fraction.digits=0", column(790, LH_CELL_OTHER, "money", -1), cdc_other("$1.50")),
		"\"Ag==\"");
}

/* Text that a type's output function would not write is null, never broken JSON. */
static void
hostile_texts_are_null(void **state)
{
	static const char *const points[] = {"",     "(",     "(1",  "(1,",  "(1,2",
										 "1,2)", "(x,2)", "(,)", "(1;2)"};
	static const char *const hstores[] = {
		"\"", "\"a", "\"a\"", "\"a\"=>", "\"a\"=>\"", "\"a\"=>1", "a=>1", "\"a\"=>\"1\"x", "\"a\\"};
	static const char *const vectors[] = {"",    "[",      "]",    "[1",   "[1,]", "[,1]",
										  "[x]", "[1,,2]", "[{}]", "[1]]", "[\"]"};
	static const char *const geometries[] = {
		"", "0", "01", "0101000000", "zz01000000000000000000", "010100000000000000000000000"};

	(void) state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		assert_string_equal(one("", column(600, LH_CELL_OTHER, "point", -1), cdc_other(points[i])),
							"null");
	for (size_t i = 0; i < sizeof(hstores) / sizeof(hstores[0]); i++)
		assert_string_equal(
			one("", column(90020, LH_CELL_OTHER, "hstore", -1), cdc_other(hstores[i])), "null");
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_string_equal(
			one("", column(90050, LH_CELL_OTHER, "vector", -1), cdc_other(vectors[i])), "null");
	for (size_t i = 0; i < sizeof(geometries) / sizeof(geometries[0]); i++)
		assert_string_equal(
			one("", column(90060, LH_CELL_OTHER, "geometry", -1), cdc_other(geometries[i])),
			"null");
}

static void
types_of_other_extensions(void **state)
{
	(void) state;
	assert_string_equal(
		one("", column(90050, LH_CELL_OTHER, "vector", -1), cdc_other("[1,-2.5,1e-05]")),
		"[1,-2.5,1e-05]");
	assert_string_equal(one("", column(90050, LH_CELL_OTHER, "vector", -1), cdc_other("[]")), "[]");
	assert_string_equal(one("", column(90060, LH_CELL_OTHER, "geometry", -1),
							cdc_other("0101000020E6100000000000000000F03F0000000000000040")),
						"{\"wkb\":\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":4326}");
	assert_string_equal(one("", column(90060, LH_CELL_OTHER, "geography", -1),
							cdc_other("0101000000000000000000F03F0000000000000040")),
						"{\"wkb\":\"AQEAAAAAAAAAAADwPwAAAAAAAABA\",\"srid\":null}");
	assert_string_equal(one("hstore.handling.mode=map", column(90020, LH_CELL_OTHER, "hstore", -1),
							cdc_other("\"a\\\"\"=>\"b\\\\\", \"c\"=>NULL")),
						"{\"a\\\"\":\"b\\\\\",\"c\":null}");
	assert_string_equal(
		one("hstore.handling.mode=map", column(90020, LH_CELL_OTHER, "hstore", -1), cdc_other("")),
		"{}");
	assert_string_equal(
		one("", column(600, LH_CELL_OTHER, "point", -1), cdc_other("(NaN,Infinity)")),
		"{\"x\":\"NaN\",\"y\":\"Infinity\",\"wkb\":\"AQEAAAAAAAAAAAD4fwAAAAAAAPB/\",\"srid\":null}");
}

/* time.precision.mode structured, of 3.7 */
static void
structured_times(void **state)
{
	static const char mode[] = "time.precision.mode=structured";
	int64_t day = dbz_day(2024, 2, 29);
	int64_t clock = dbz_clock(12, 34, 56, 789012);

	(void) state;
	assert_string_equal(
		one(mode, column(1082, LH_CELL_DATE, "date", -1), cdc_time(LH_CELL_DATE, day)),
		"{\"year\":2024,\"month\":2,\"day\":29,\"specialValue\":null}");
	assert_string_equal(
		one(mode, column(1082, LH_CELL_DATE, "date", -1), cdc_time(LH_CELL_DATE, INT32_MIN)),
		"{\"year\":null,\"month\":null,\"day\":null,\"specialValue\":\"NEGATIVE_INFINITY\"}");
	assert_string_equal(
		one(mode, column(1083, LH_CELL_TIME, "time", 3), cdc_time(LH_CELL_TIME, clock)),
		"{\"hour\":12,\"minute\":34,\"second\":56,\"nanos\":789012000,\"precision\":3}");
	assert_string_equal(
		one(mode, column(1266, LH_CELL_TIMETZ, "timetz", -1),
			cdc_timetz(dbz_clock(24, 0, 0, 0), -7200)),
		"{\"hour\":24,\"minute\":0,\"second\":0,\"nanos\":0,\"offsetSeconds\":7200,\"precision\":6}");
	assert_string_equal(
		one(mode, column(1114, LH_CELL_TIMESTAMP, "timestamp", -1),
			dbz_stamp(LH_CELL_TIMESTAMP, day, clock)),
		"{\"year\":2024,\"month\":2,\"day\":29,\"hour\":12,\"minute\":34,\"second\":56,\"nanos\":789012000,"
		"\"specialValue\":null,\"precision\":6}");
	assert_string_equal(
		one(mode, column(1184, LH_CELL_TIMESTAMPTZ, "timestamptz", -1),
			dbz_stamp(LH_CELL_TIMESTAMPTZ, day, clock)),
		"{\"year\":2024,\"month\":2,\"day\":29,\"hour\":12,\"minute\":34,\"second\":56,\"nanos\":789012000,"
		"\"offsetSeconds\":0,\"zoneId\":\"Z\",\"specialValue\":null,\"precision\":6}");
	assert_string_equal(
		one(mode, column(1184, LH_CELL_TIMESTAMPTZ, "timestamptz", -1),
			cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MAX)),
		"{\"year\":null,\"month\":null,\"day\":null,\"hour\":null,\"minute\":null,\"second\":null,"
		"\"nanos\":null,\"offsetSeconds\":null,\"zoneId\":null,\"specialValue\":\"POSITIVE_INFINITY\",\"precision\":6}");
	assert_string_equal(
		one(mode, column(1186, LH_CELL_INTERVAL, "interval", -1), cdc_interval(-1500000, 3, 14)),
		"{\"years\":1,\"months\":2,\"days\":3,\"hours\":0,\"minutes\":0,\"seconds\":-1,\"nanos\":-500000000,"
		"\"precision\":6}");
}

static void
intervals_at_their_ends(void **state)
{
	LhCell infinite = cdc_interval(INT64_MAX, INT32_MAX, INT32_MAX);

	(void) state;
	assert_string_equal(one("", column(1186, LH_CELL_INTERVAL, "interval", -1), infinite),
						"9223372036854775807");
	assert_string_equal(one("", column(1186, LH_CELL_INTERVAL, "interval", -1),
							cdc_interval(INT64_MIN, INT32_MIN, INT32_MIN)),
						"-9223372036854775808");
	assert_string_equal(one("", column(1186, LH_CELL_INTERVAL, "interval", -1),
							cdc_interval(0, INT32_MAX, INT32_MAX)),
						"9223372036854775807");
	assert_string_equal(one("interval.handling.mode=string",
							column(1186, LH_CELL_INTERVAL, "interval", -1), infinite),
						"\"infinity\"");
	assert_string_equal(one("interval.handling.mode=string",
							column(1186, LH_CELL_INTERVAL, "interval", -1),
							cdc_interval(INT64_MIN, 0, 0)),
						"\"P0Y0M0DT-2562047788H0M-54.775808S\"");
}

/* A snapshot's rows and lone messages leave a transaction's facts as they were. */
static void
a_transaction_goes_on_after_a_read(void **state)
{
	LhChangeColumn c = cdc_int4(ctx, "v", 1);
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, &c);
	LhCell v = cdc_int(1);
	CdcStream s;
	void *plan;
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
	const LhChangeFormat *const formats[] = {&lh_format_debezium_json, &lh_format_wal2json_v1,
											 &lh_format_wal2json_v2};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		CdcStream s;
		void *plan;

		cdc_open(ctx, &s, formats[i], "");
		plan = cdc_plan(&s, rel);
		cdc_begin(&s);
		s.text.len = 0;
		cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_QUARANTINE,
									  .rel = rel,
									  .plan = plan,
									  .reason = "too \"large\""});
		if (i == 1)
			cdc_commit(&s);
		CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
		assert_true(is_json((const char *) s.text.data));
		assert_non_null(strstr((char *) s.text.data, "\"prefix\":\"lakehouse.quarantine\""));
		/* "public.t: too "large"" */
		assert_non_null(strstr((char *) s.text.data, i == 0 ? "cHVibGljLnQ6IHRvbyAibGFyZ2Ui"
															: "public.t: too \\\"large\\\""));
	}
}

/* A mask makes text of anything: the schema says so, and the default is not told. */
static void
masked_columns_are_strings(void **state)
{
	LhChangeColumn c = column(23, LH_CELL_TEXT, "int4", -1);
	LhChangeRel *rel;
	CdcStream s;
	LhCell v = cdc_text("***");

	(void) state;
	c.masked = true;
	c.not_null = true;
	rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_NOTHING, 1, &c);
	cdc_open(ctx, &s, &lh_format_debezium_json, "value.converter.schemas.enable=on");
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, &v);
	CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
	assert_non_null(
		strstr((char *) s.text.data, "{\"type\":\"string\",\"optional\":true,\"field\":\"v\"}"));
	assert_non_null(strstr((char *) s.text.data, "\"after\":{\"v\":\"***\"}"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
