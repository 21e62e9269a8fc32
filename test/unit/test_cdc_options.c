/*
 * test_cdc_options.c
 *		Options of change streams: names, values, combinations, and their table.
 */
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

static LhChangeOptions options;

static int
setup(void **state)
{
	LhCtx *ctx = lh_ctx_create();

	*state = ctx;
	return ctx == NULL || lh_change_options_init(ctx, &options) != LH_OK;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static void
set(LhCtx *ctx, const char *name, const char *value)
{
	LH_OK_(ctx, lh_change_option_set(ctx, &options, name, value));
}

/* Refused with these words in message or hint. */
static void
refused(LhCtx *ctx, LhStatus status, const char *words)
{
	assert_int_equal(status, LH_INVALID);
	if (strstr(ctx->error->message, words) == NULL && strstr(ctx->error->hint, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\", \"%s\"", words, ctx->error->message, ctx->error->hint);
	lh_error_clear(ctx);
}

static void
bad(LhCtx *ctx, const char *name, const char *value, const char *words)
{
	refused(ctx, lh_change_option_set(ctx, &options, name, value), words);
}

static void
each_option_is_documented_and_takes_its_preset(void **state)
{
	LhCtx *ctx = *state;

	assert_true(lh_change_noptions > 50);
	for (int i = 0; i < lh_change_noptions; i++)
	{
		const LhOptionInfo *o = &lh_change_option_table[i];

		assert_true(strlen(o->summary) > 2 && strlen(o->avoids) > 10 && strlen(o->formats) > 0);
		set(ctx, o->name, o->preset);
		set(ctx, o->name, NULL);
		for (int k = 0; k < i; k++)
		{
			assert_string_not_equal(o->name, lh_change_option_table[k].name);
			/* no two options write the same place */
			assert_true(o->offset == LH_OPTION_IGNORED ||
						o->offset != lh_change_option_table[k].offset);
		}
		assert_int_equal(o->type == LH_OPT_ENUM,
						 o->choices != NULL && o->type != LH_OPT_TEXT && o->type != LH_OPT_LIST);
	}
	/* which "unwrap" excludes */
	set(ctx, "streaming", "off");
	set(ctx, "two_phase", "off");
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
}

/* Each option's row of the table is what the program says. */
static void
the_docs_list_each_option_as_it_is(void **state)
{
	FILE *f = fopen("docs/cdc-formats.md", "r");
	size_t n;
	char *docs = calloc(1, 1 << 20), row[2048];

	assert_non_null(f);
	n = fread(docs, 1, (1 << 20) - 1, f);
	fclose(f);
	assert_true(n > 1000);
	for (int i = 0; i < lh_change_noptions; i++)
	{
		const LhOptionInfo *o = &lh_change_option_table[i];
		const char *tick = *o->preset != '\0' ? "`" : "";

		snprintf(row, sizeof(row), "\n| `%s` | %s%s%s | %s | %s | %s |\n", o->name, tick, o->preset,
				 tick, o->formats, o->summary, o->avoids);
		if (strstr(docs, row) == NULL)
			fail_msg("docs/cdc-formats.md lacks:%s", row);
	}
	free(docs);
}

static void
presets_are_those_of_the_docs(void **state)
{
	assert_int_equal(options.nformats, 1);
	assert_string_equal(options.formats[0], "json");
	assert_string_equal(options.origin, "any");
	assert_string_equal(options.placeholder, "__debezium_unavailable_value");
	assert_null(options.include_tables);
	assert_null(options.publication_names);
	assert_true(options.json_native && options.tombstones && options.w_schemas && options.w_types &&
				options.w_typmod && options.w_transaction && options.schema_events);
	assert_false(options.frames || options.transactions || options.w_xids || options.w_lsn ||
				 options.int64_string);
	assert_int_equal(options.decimal, LH_DECIMAL_PRECISE);
	assert_int_equal(options.money_fraction_digits, 2);
	assert_int_equal(options.batch_bytes, 0);
}

static void
names_are_alike_with_any_separator_and_case(void **state)
{
	static const char *const names[] = {"decimal.handling.mode", "decimal_handling_mode",
										"DECIMAL-HANDLING-MODE", "Decimal.handling_Mode"};
	LhCtx *ctx = *state;

	for (int i = 0; i < 4; i++)
	{
		options.decimal = LH_DECIMAL_PRECISE;
		set(ctx, names[i], "string");
		assert_int_equal(options.decimal, LH_DECIMAL_STRING);
	}
	set(ctx, "tombstones", "off");
	assert_false(options.tombstones);
	set(ctx, "transactions", "true");
	assert_true(options.transactions);
	bad(ctx, "decimalhandlingmode", "string", "unknown option");
}

static void
each_enum_takes_its_choices_in_order(void **state)
{
	LhCtx *ctx = *state;

	for (int i = 0; i < lh_change_noptions; i++)
	{
		const LhOptionInfo *o = &lh_change_option_table[i];
		int got;

		for (int k = 0; o->type == LH_OPT_ENUM && o->choices[k] != NULL; k++)
		{
			set(ctx, o->name, o->choices[k]);
			memcpy(&got, (char *) &options + o->offset, sizeof(got));
			assert_int_equal(got, k);
		}
	}
	set(ctx, "time.precision.mode", "adaptive-time-microseconds");
	assert_int_equal(options.time, LH_TIME_ADAPTIVE_US);
	set(ctx, "time.precision.mode", "structured");
	assert_int_equal(options.time, LH_TIME_STRUCTURED);
	set(ctx, "binary.handling.mode", "base64-url-safe");
	assert_int_equal(options.binary, LH_BINARY_BASE64_URL);
	set(ctx, "binary.handling.mode", "bytes");
	assert_int_equal(options.binary, LH_BINARY_BYTES);
	set(ctx, "field.name.adjustment.mode", "avro_unicode");
	assert_int_equal(options.adjust, LH_ADJUST_AVRO_UNICODE);
	bad(ctx, "decimal.handling.mode", "precis", "precise, string, double");
}

static void
booleans_are_read_as_postgresql_reads_them(void **state)
{
	static const char *const yes[] = {"on", "true", "t", "TRUE", "yes", "y", "1", NULL};
	static const char *const no[] = {"off", "of", "false", "F", "no", "n", "0"};
	LhCtx *ctx = *state;

	for (int i = 0; i < 8; i++)
	{
		options.w_xids = false;
		set(ctx, "include-xids", yes[i]);
		assert_true(options.w_xids);
	}
	for (int i = 0; i < 7; i++)
	{
		options.w_xids = true;
		set(ctx, "include-xids", no[i]);
		assert_false(options.w_xids);
	}
	bad(ctx, "include-xids", "o", "neither on nor off");
	bad(ctx, "include-xids", "", "neither on nor off");
	bad(ctx, "include-xids", "onn", "neither on nor off");
}

static void
numbers_have_ranges_and_units(void **state)
{
	LhCtx *ctx = *state;

	set(ctx, "batch.bytes", "64kB");
	assert_int_equal(options.batch_bytes, 65536);
	set(ctx, "batch", "1 MB");
	assert_int_equal(options.batch_bytes, 1 << 20);
	set(ctx, "batch", "100");
	assert_int_equal(options.batch_bytes, 100);
	set(ctx, "money.fraction.digits", "4");
	assert_int_equal(options.money_fraction_digits, 4);
	bad(ctx, "batch", "64 kilo", "no number");
	bad(ctx, "batch", "9999999999GB", "no number");
	bad(ctx, "batch", "-1", "not between");
	bad(ctx, "batch", "1GB", "not between");
	bad(ctx, "batch", "-1kB", "no number");
	bad(ctx, "money.fraction.digits", "19", "not between 0 and 18");
	bad(ctx, "money.fraction.digits", "2kB", "no number");
	bad(ctx, "money.fraction.digits", "", "no number");
	bad(ctx, "format-version", "99999999999999999999", "no number");
}

static void
lists_are_looked_through(void **state)
{
	LhCtx *ctx = *state;

	set(ctx, "actions", "insert, delete");
	assert_string_equal(options.actions, "insert, delete");
	bad(ctx, "actions", "insert,upsert", "insert, update, delete, truncate");
	set(ctx, "skipped.operations", "t,m");
	bad(ctx, "skipped.operations", "x", "c, u, d, t, m, none");
	bad(ctx, "origin", "some", "any, none");
	set(ctx, "table.include.list", "public\\.a,other\\..*");
	assert_string_equal(options.include_tables, "public\\.a,other\\..*");
	set(ctx, "table.include.list", "");
	assert_null(options.include_tables);
	bad(ctx, "topic.prefix", "\xff", "UTF-8");
}

static void
names_that_are_nearly_right_get_a_hint(void **state)
{
	LhCtx *ctx = *state;

	bad(ctx, "include-xid", "on", "\"include-xids\"");
	bad(ctx, "inclde-timestmp", "on", "\"include-timestamp\"");
	bad(ctx, "table.includ.list", "x", "\"table.include.list\"");
	bad(ctx, "formt", "json", "\"format\"");
	bad(ctx, "quux", "json", "docs/cdc-formats.md");
	bad(ctx, "", "", "unknown option");
	/* longer than any name: no hint, no overrun */
	bad(ctx,
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"", "unknown option");
}

static void
wal2json_s_options_are_all_taken(void **state)
{
	static const char *const names[] = {"include-xids",
										"include-timestamp",
										"include-schemas",
										"include-types",
										"include-type-oids",
										"include-typmod",
										"include-domain-data-type",
										"include-pk",
										"pretty-print",
										"include-column-positions",
										"include-origin",
										"include-not-null",
										"include-default",
										"write-in-chunks",
										"include-lsn",
										"include-transaction",
										"include-unchanged-toast",
										"numeric-data-types-as-string"};
	LhCtx *ctx = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		set(ctx, names[i], "0");
		set(ctx, names[i], NULL);
	}
	set(ctx, "format-version", "2");
	set(ctx, "filter-tables", "public.a\\ b,*.c");
	set(ctx, "add-tables", "public.*");
	set(ctx, "filter-origins", "one,2");
	set(ctx, "filter-msg-prefixes", "a");
	set(ctx, "add-msg-prefixes", "b");
	assert_true(options.w_numeric_string && options.w_pretty && options.w_chunks &&
				options.w_positions);
	assert_string_equal(options.message_prefixes_add, "b");
	assert_string_equal(options.message_prefixes_filter, "a");
}

static void
formats_are_found_or_refused(void **state)
{
	LhCtx *ctx = *state;

	set(ctx, "format", " JSON ");
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
	assert_string_equal(options.formats[0], "json");
	set(ctx, "format", "jsn");
	refused(ctx, lh_change_options_check(ctx, &options), "Formats are avro, debezium-avro, debezium-json, flat, json, protobuf, upsert");
	set(ctx, "format", "json,json");
	options.frames = true;
	refused(ctx, lh_change_options_check(ctx, &options), "named twice");
	bad(ctx, "format", "", "names no format");
	bad(ctx, "format", "json,,json", "empty name");
	bad(ctx, "format", "a,b,c,d,e", "more than 4");
	set(ctx, "format-version", "1");
	set(ctx, "format", "wal2json-v2");
	refused(ctx, lh_change_options_check(ctx, &options), "contradicts option \"format-version\" 1");
}

static void
combinations_that_make_no_sense_are_refused(void **state)
{
	LhCtx *ctx = *state;

	options.zstd = true;
	refused(ctx, lh_change_options_check(ctx, &options), "frames");
	options.frames = true;
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
	options.frames = options.zstd = false;
	options.signals = true;
	refused(ctx, lh_change_options_check(ctx, &options), "signals");
	options.frames = true;
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
	options.frames = options.signals = false;
	options.hold = true;
	refused(ctx, lh_change_options_check(ctx, &options), "hold");
	options.frames = true;
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
	options.frames = options.hold = false;
	options.w_pretty = options.keys = true;
	refused(ctx, lh_change_options_check(ctx, &options), "newlines");
	options.w_pretty = false;
	set(ctx, "message.key.columns", "public.a:id,b;c:d;");
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
	set(ctx, "message.key.columns", "public.a:id;public.b");
	refused(ctx, lh_change_options_check(ctx, &options), "public.b");
	set(ctx, "message.key.columns", ":id");
	refused(ctx, lh_change_options_check(ctx, &options), "no table with columns");
	set(ctx, "message.key.columns", "a:");
	refused(ctx, lh_change_options_check(ctx, &options), "no table with columns");
}

/* What is told before its commit may be taken back: not every format can say so. */
static void
unfinished_transactions_need_a_format_that_can(void **state)
{
	LhCtx *ctx = *state;

	set(ctx, "streaming", "on");
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
	set(ctx, "two_phase", "on");
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
	for (int i = 0; lh_change_formats[i] != NULL; i++)
	{
		if (lh_change_formats[i]->streams || strcmp(lh_change_formats[i]->name, "wal2json") == 0)
			continue;
		options.frames = !lh_change_formats[i]->text || lh_change_formats[i]->tombstones;
		set(ctx, "format", lh_change_formats[i]->name);
		refused(ctx, lh_change_options_check(ctx, &options), "Formats that can: json");
	}
	options.frames = true;
	set(ctx, "format", "json,debezium-json");
	refused(ctx, lh_change_options_check(ctx, &options), "format \"debezium-json\"");
	set(ctx, "streaming", "off");
	refused(ctx, lh_change_options_check(ctx, &options), "option \"two_phase\"");
	set(ctx, "format", "json");
	set(ctx, "unwrap", "on");
	refused(ctx, lh_change_options_check(ctx, &options), "contradicts \"unwrap\"");
	set(ctx, "unwrap", "off");
	set(ctx, "outbox.table", "public.outbox");
	refused(ctx, lh_change_options_check(ctx, &options), "contradicts \"outbox.table\"");
	set(ctx, "two_phase", "off");
	LH_OK_(ctx, lh_change_options_check(ctx, &options));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(each_option_is_documented_and_takes_its_preset),
		T(the_docs_list_each_option_as_it_is),
		T(presets_are_those_of_the_docs),
		T(names_are_alike_with_any_separator_and_case),
		T(each_enum_takes_its_choices_in_order),
		T(booleans_are_read_as_postgresql_reads_them),
		T(numbers_have_ranges_and_units),
		T(lists_are_looked_through),
		T(names_that_are_nearly_right_get_a_hint),
		T(wal2json_s_options_are_all_taken),
		T(formats_are_found_or_refused),
		T(combinations_that_make_no_sense_are_refused),
		T(unfinished_transactions_need_a_format_that_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
