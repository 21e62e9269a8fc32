/*
 * test_cdc_flat.c
 *		The formats "flat" and "upsert": lines as documented, each of them JSON for
 *		jansson, and nothing in a topic of upserts but rows and tombstones.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "change/flat.h"
#include "change/formats.h"
#include "unit/cdc_stream.h"

static LhCtx *ctx;
static CdcStream s;

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

/* id integer primary key, "na\"me" text, big text */
static const LhChangeRel *
table(LhIdentity identity)
{
	LhChangeColumn c[] = {cdc_int4(ctx, "id", identity == LH_IDENTITY_NOTHING ? 0 : 1),
						  cdc_textcol(ctx, "na\"me"), cdc_textcol(ctx, "big")};

	return cdc_rel(ctx, "public", "t", identity, 3, c);
}

static void
open_flat(const char *settings)
{
	cdc_open(ctx, &s, &lh_format_flat, settings);
}

static void
open_upsert(const char *settings, bool framed)
{
	cdc_open(ctx, &s, &lh_format_upsert, settings);
	if (framed)
	{
		s.out.framed = s.out.want_key = true;
		s.out.done = NULL;
	}
}

/* What was written since the last call; JSON in each part of a line that is not null or empty. */
static const char *
taken(void)
{
	const char *all;

	CDC_DO(ctx, lh_buf_putc(ctx, &s.text, '\0'));
	all = lh_strdup(ctx, (const char *) s.text.data);
	s.text.len = 0;
	for (char *copy = lh_strdup(ctx, all), *save, *line = strtok_r(copy, "\n", &save); line != NULL;
		 line = strtok_r(NULL, "\n", &save))
	{
		char *part;

		if (strncmp(line, "aside ", 6) == 0)
			line += 6;
		while ((part = strsep(&line, "\t")) != NULL)
		{
			json_t *json;

			if (*part == '\0')
				continue;
			json = json_loads(part, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
			if (json == NULL)
				fail_msg("no JSON: %s", part);
			json_decref(json);
		}
	}
	return all;
}

#define TAIL(op, n)                          \
	"\"__op\":\"" op "\",\"__lsn\":23803768" \
	",\"__seq\":" n ",\"__ts_us\":1714979289120000"

/* ---- flat ---- */

static void
rows_have_what_orders_them(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), cdc_text("x\n"), CDC_NULL};
	LhCell old[] = {cdc_int(7), CDC_ABSENT, CDC_ABSENT};
	void *plan;

	(void) state;
	open_flat("keys=on");
	plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, row);
	assert_string_equal(
		taken(), "{\"id\":1}\t{\"id\":1,\"na\\\"me\":\"x\\n\",\"big\":null," TAIL("c", "1") "}\n");
	row[2] = CDC_UNCHANGED;
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, NULL, row);
	assert_string_equal(taken(), "{\"id\":1}\t{\"id\":1,\"na\\\"me\":\"x\\n\"," TAIL(
									 "u", "2") ",\"__unchanged\":[\"big\"]}\n");
	row[1] = CDC_UNCHANGED;
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, old, row);
	assert_string_equal(taken(),
						"{\"id\":7}\t{\"id\":7," TAIL(
							"d", "3") "}\n"
									  "{\"id\":1}\t{\"id\":1," TAIL(
										  "u", "3") ",\"__unchanged\":[\"na\\\"me\",\"big\"]}\n");
	cdc_row(&s, LH_CHANGE_DELETE, rel, plan, old, NULL);
	assert_string_equal(taken(), "{\"id\":7}\t{\"id\":7," TAIL("d", "4") "}\n");
	cdc_row(&s, LH_CHANGE_READ, rel, plan, NULL, row);
	assert_string_equal(
		taken(),
		"{\"id\":1}\t{\"id\":1,\"__op\":\"r\",\"__lsn\":23803768,\"__seq\":5,\"__ts_us\":null,"
		"\"__unchanged\":[\"na\\\"me\",\"big\"]}\n");
	cdc_commit(&s);
	assert_string_equal(taken(), "");
}

static void
whole_old_rows_are_told(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_FULL);
	LhCell row[] = {cdc_int(2), cdc_text("x"), cdc_text("y")};
	LhCell old[] = {cdc_int(1), cdc_text("o"), CDC_NULL};
	void *plan;

	(void) state;
	open_flat("");
	plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, old, row);
	assert_string_equal(taken(),
						"{\"id\":2,\"na\\\"me\":\"x\",\"big\":\"y\"," TAIL("u", "1") "}\n");
	s.key_changed = true;
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, old, row);
	assert_string_equal(
		taken(), "{\"id\":1,\"na\\\"me\":\"o\",\"big\":null," TAIL(
					 "d", "2") "}\n"
							   "{\"id\":2,\"na\\\"me\":\"x\",\"big\":\"y\"," TAIL("u", "2") "}\n");
}

static void
a_row_that_the_log_does_not_have_is_told_of(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_NOTHING);

	(void) state;
	open_flat("keys=on");
	cdc_row(&s, LH_CHANGE_DELETE, rel, cdc_plan(&s, rel), NULL, NULL);
	assert_string_equal(taken(), "\t{" TAIL("d", "1") "}\n");
}

static void
events_without_rows_have_letters_too(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_DEFAULT);
	LhChangeEvent message = {.op = LH_CHANGE_MESSAGE, .transactional = true, .prefix = "p\""};
	void *plan;

	(void) state;
	open_flat("schema.events=on provide.transaction.metadata=on");
	plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	s.order = 9;
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_SCHEMA, .rel = rel, .plan = plan});
	assert_string_equal(taken(), "");
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_TRUNCATE, .rel = rel, .plan = plan});
	assert_string_equal(taken(), "{" TAIL("t", "9") "}\n");
	cdc_event(&s, (LhChangeEvent){
					  .op = LH_CHANGE_QUARANTINE, .rel = rel, .plan = plan, .reason = "no \"x\""});
	assert_string_equal(taken(), "{" TAIL("q", "9") ",\"__reason\":\"no \\\"x\\\"\"}\n");
	message.content = lh_slice("a\tb", 3);
	cdc_event(&s, message);
	assert_string_equal(
		taken(),
		"{" TAIL("m", "9") ",\"__prefix\":\"p\\\"\",\"__transactional\":true,\"__content\":"
						   "\"a\\tb\"}\n");
	message.content = lh_slice("a\0b", 3);
	message.transactional = false;
	cdc_event(&s, message);
	assert_string_equal(
		taken(), "{\"__op\":\"m\",\"__lsn\":23803768,\"__seq\":9,\"__ts_us\":null,\"__"
				 "prefix\":\"p\\\"\",\"__transactional\":false,\"__content_base64\":\"YQBi\"}\n");
	/* the transaction behind it has its own time again, and added fields are there where there is a table */
	open_flat("add.fields=table");
	plan = cdc_plan(&s, rel);
	s.order = 9;
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_TRUNCATE, .rel = rel, .plan = plan});
	assert_string_equal(taken(), "{" TAIL("t", "9") ",\"__table\":\"t\"}\n");
}

static void
fields_mean_what_they_say_whatever_columns_are_called(void **state)
{
	LhChangeColumn c[] = {cdc_int4(ctx, "__op", 1), cdc_textcol(ctx, "___op"),
						  cdc_textcol(ctx, "__lsn"), cdc_textcol(ctx, "__content")};
	const LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 4, c);
	LhCell row[] = {cdc_int(1), cdc_text("a"), cdc_text("b"), CDC_UNCHANGED};

	(void) state;
	open_flat("keys=on add.fields=op:__lsn,table:t,schema add.fields.prefix=_");
	cdc_row(&s, LH_CHANGE_UPDATE, rel, cdc_plan(&s, rel), NULL, row);
	assert_string_equal(taken(),
						"{\"____op\":1}\t{\"____op\":1,\"___op\":\"a\",\"___lsn\":\"b\"," TAIL(
							"u", "1") ",\"__unchanged\":[\"___content\"],\"_t\":\"t\",\"_schema\":"
									  "\"public\"}\n");
}

static void
rows_without_columns_are_objects(void **state)
{
	LhChangeColumn none;
	const LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 0, &none);
	LhCell row[1] = {CDC_NULL};

	(void) state;
	open_flat("add.fields=table");
	cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, row);
	assert_string_equal(taken(), "{" TAIL("c", "1") ",\"__table\":\"t\"}\n");
}

static void
values_are_those_of_json(void **state)
{
	LhChangeColumn c[] = {cdc_int4(ctx, "id", 1),
						  cdc_col(ctx, "n", 1700, LH_CELL_NUMERIC, "numeric", "numeric"),
						  cdc_col(ctx, "b", 17, LH_CELL_BYTES, "bytea", "bytea"),
						  cdc_col(ctx, "l", 20, LH_CELL_INT, "int8", "bigint"),
						  cdc_col(ctx, "j", 3802, LH_CELL_JSON, "jsonb", "jsonb"),
						  cdc_col(ctx, "f", 701, LH_CELL_FLOAT8, "float8", "double precision")};
	const LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 6, c);
	LhCell row[] = {cdc_int(1),
					cdc_decimal(ctx, "12.30"),
					cdc_data(LH_CELL_BYTES, "\xff\x01", 2),
					cdc_int(INT64_C(9007199254740993)),
					cdc_string(LH_CELL_JSON, "{\"a\": [1]}"),
					{.kind = LH_CELL_FLOAT8, .f64 = 0.1}};
	static const char *const settings[] = {
		"keys=on",
		"keys=on decimal.handling.mode=string binary.handling.mode=hex bigint.as.string=on "
		"json.native=off"};
	static const char *const values[] = {
		"{\"id\":1,\"n\":12.30,\"b\":\"/wE=\",\"l\":9007199254740993,\"j\":{\"a\": [1]},\"f\":0.1",
		"{\"id\":1,\"n\":\"12.30\",\"b\":\"ff01\",\"l\":\"9007199254740993\",\"j\":\"{\\\"a\\\": "
		"[1]}\",\"f\":0.1"};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		open_flat(settings[i]);
		cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, row);
		assert_string_equal(taken(),
							lh_sprintf(ctx, "{\"id\":1}\t%s,%s}\n", values[i], TAIL("c", "1")));
		open_upsert(settings[i], false);
		cdc_row(&s, LH_CHANGE_INSERT, rel, cdc_plan(&s, rel), NULL, row);
		assert_string_equal(taken(), lh_sprintf(ctx, "{\"id\":1}\t%s}\n", values[i]));
	}
}

/* ---- upsert ---- */

static void
upserts_are_rows_and_tombstones(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), cdc_text("x"), CDC_NULL};
	LhCell old[] = {cdc_int(7), CDC_ABSENT, CDC_ABSENT};

	(void) state;
	for (int framed = 0; framed < 2; framed++)
	{
		void *plan;

		open_upsert("keys=on schema.events=on provide.transaction.metadata=on", framed);
		plan = cdc_plan(&s, rel);
		cdc_begin(&s);
		cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_SCHEMA, .rel = rel, .plan = plan});
		assert_string_equal(taken(), "");
		for (LhChangeOp op = LH_CHANGE_INSERT; op <= LH_CHANGE_READ; op++)
		{
			cdc_row(&s, op, rel, plan, op == LH_CHANGE_DELETE ? old : NULL,
					op == LH_CHANGE_DELETE ? NULL : row);
			assert_string_equal(taken(),
								op == LH_CHANGE_DELETE
									? (framed ? "{\"id\":7}\tnull\n" : "{\"id\":7}\t\n")
									: "{\"id\":1}\t{\"id\":1,\"na\\\"me\":\"x\",\"big\":null}\n");
		}
		cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, old, row);
		assert_string_equal(taken(),
							lh_sprintf(ctx,
									   "{\"id\":7}\t%s\n"
									   "{\"id\":1}\t{\"id\":1,\"na\\\"me\":\"x\",\"big\":null}\n",
									   framed ? "null" : ""));
		cdc_commit(&s);
		assert_string_equal(taken(), "");
	}
}

static void
added_fields_stand_behind_the_columns(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), cdc_text("x"), CDC_NULL};

	(void) state;
	open_upsert("add.fields=op,n,table", true);
	cdc_row(&s, LH_CHANGE_UPDATE, rel, cdc_plan(&s, rel), NULL, row);
	assert_string_equal(taken(), "{\"id\":1}\t{\"id\":1,\"na\\\"me\":\"x\",\"big\":null,\"__op\":"
								 "\"update\",\"__n\":1,\"__table\":\"t\"}\n");
}

/* A line that is aside and has no key, with the op and the words. */
static void
is_aside(const char *line, const char *op, const char *words)
{
	assert_int_equal(strncmp(line, "aside null\t{\"op\":\"", 18), 0);
	assert_int_equal(strncmp(line + 18, op, strlen(op)), 0);
	if (strstr(line, words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", line, words);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void
what_an_upsert_cannot_say_is_said_aside(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), cdc_text("secret"), CDC_UNCHANGED};
	LhCell old[] = {cdc_int(7), CDC_ABSENT, CDC_ABSENT};
	LhChangeEvent update = {
		.op = LH_CHANGE_UPDATE, .rel = rel, .new_cells = row, .incomplete = true};
	const char *line;

	(void) state;
	open_upsert("", true);
	update.plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	cdc_event(&s, update);
	line = taken();
	is_aside(line, "quarantine", "column \\\"big\\\"");
	assert_null(strstr(line, "secret"));
	/* the old row is gone all the same */
	update.old_cells = old;
	update.old_is_key = update.key_changed = true;
	cdc_event(&s, update);
	line = taken();
	assert_int_equal(strncmp(line, "{\"id\":7}\tnull\n", 14), 0);
	is_aside(line + 14, "quarantine", "REPLICA IDENTITY FULL");
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_TRUNCATE, .rel = rel, .plan = update.plan});
	is_aside(taken(), "truncate", "\"schema\":\"public\",\"table\":\"t\",\"cascade\":false");
	cdc_event(&s,
			  (LhChangeEvent){
				  .op = LH_CHANGE_QUARANTINE, .rel = rel, .plan = update.plan, .reason = "why"});
	is_aside(taken(), "quarantine", "\"reason\":\"why\"");
	cdc_event(&s,
			  (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "p", .content = lh_slice("c", 1)});
	is_aside(taken(), "message", "\"prefix\":\"p\"");
	/* and rows are rows again */
	row[2] = CDC_NULL;
	cdc_row(&s, LH_CHANGE_INSERT, rel, update.plan, NULL, row);
	assert_int_equal(strncmp(taken(), "{\"id\":1}\t", 9), 0);
}

static void
a_table_without_a_key_is_told_of_once(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_NOTHING);
	LhCell row[] = {cdc_int(1), cdc_text("x"), CDC_NULL};
	void *plan;

	(void) state;
	open_upsert("", true);
	plan = cdc_plan(&s, rel);
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, row);
	is_aside(taken(), "quarantine", "has no key");
	cdc_row(&s, LH_CHANGE_READ, rel, plan, NULL, row);
	cdc_row(&s, LH_CHANGE_DELETE, rel, plan, NULL, NULL);
	assert_string_equal(taken(), "");
}

static void
a_key_that_old_rows_have_not_finds_no_row(void **state)
{
	LhChangeRel rel = *table(LH_IDENTITY_DEFAULT);
	LhCell row[] = {cdc_int(1), cdc_text("x"), CDC_NULL};
	void *plan;

	(void) state;
	rel.old_has_key = false;
	open_upsert("", true);
	plan = cdc_plan(&s, &rel);
	cdc_row(&s, LH_CHANGE_INSERT, &rel, plan, NULL, row);
	assert_int_equal(strncmp(taken(), "{\"id\":1}\t", 9), 0);
	cdc_row(&s, LH_CHANGE_UPDATE, &rel, plan, NULL, row);
	is_aside(taken(), "quarantine", "replica identity");
	cdc_row(&s, LH_CHANGE_DELETE, &rel, plan, NULL, NULL);
	is_aside(taken(), "quarantine", "replica identity");
}

static void
or_it_ends_the_stream(void **state)
{
	const LhChangeRel *rel = table(LH_IDENTITY_DEFAULT), *keyless = table(LH_IDENTITY_NOTHING);
	LhCell row[] = {cdc_int(1), cdc_text("secret"), CDC_UNCHANGED};
	LhChangeEvent events[] = {
		{.op = LH_CHANGE_UPDATE, .rel = rel, .new_cells = row, .incomplete = true},
		{.op = LH_CHANGE_TRUNCATE, .rel = rel},
		{.op = LH_CHANGE_INSERT, .rel = keyless, .new_cells = row}};

	(void) state;
	open_upsert("upsert.invalid.behavior=fatal", true);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
	{
		events[i].plan = cdc_plan(&s, events[i].rel);
		events[i].txn = &s.txn;
		assert_int_equal(s.enc->format->event(ctx, s.enc, &events[i], &s.out), LH_INVALID);
		assert_non_null(strstr(ctx->error->message, "public.t"));
		assert_null(strstr(ctx->error->message, "secret"));
		assert_string_equal(taken(), "");
		lh_error_clear(ctx);
	}
	/* what somebody else could not say does not */
	cdc_event(&s,
			  (LhChangeEvent){
				  .op = LH_CHANGE_QUARANTINE, .rel = rel, .plan = events[0].plan, .reason = "why"});
	is_aside(taken(), "quarantine", "why");
}

/* ---- options ---- */

static const char *
refused(const char *settings)
{
	LhChangeOptions o;
	char *copy = lh_strdup(ctx, settings), *save;
	const char *out;

	CDC_DO(ctx, lh_change_options_init(ctx, &o));
	for (char *item = strtok_r(copy, " ", &save); item != NULL; item = strtok_r(NULL, " ", &save))
	{
		char *value = strchr(item, '=');

		*value++ = '\0';
		CDC_DO(ctx, lh_change_option_set(ctx, &o, item, value));
	}
	if (lh_change_options_check(ctx, &o) == LH_OK)
		return "";
	out = lh_strdup(ctx, ctx->error->message);
	lh_error_clear(ctx);
	return out;
}

static void
options_that_cannot_be_are_refused(void **state)
{
	(void) state;
	assert_string_equal(refused("format=flat add.fields=table,op:o"), "");
	assert_string_equal(refused("format=upsert keys=on add.fields=op"), "");
	assert_string_equal(refused("format=flat,upsert,json frames=on"), "");
	assert_non_null(strstr(refused("format=upsert"), "a key alone"));
	assert_non_null(strstr(refused("format=flat add.fields=op"), "\"__op\" already"));
	assert_non_null(strstr(refused("format=flat add.fields=lsn"), "\"__lsn\" already"));
	assert_non_null(strstr(refused("format=flat add.fields=source.ts_ms"), "no field"));
	assert_non_null(strstr(refused("format=flat,json frames=on add.fields=table"), "unwrap"));
	assert_non_null(strstr(refused("format=flat unwrap=on"), "does not go with format \"flat\""));
	assert_non_null(strstr(refused("format=upsert keys=on outbox.table=a.b"), "outbox.table"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(rows_have_what_orders_them),
		T(whole_old_rows_are_told),
		T(a_row_that_the_log_does_not_have_is_told_of),
		T(events_without_rows_have_letters_too),
		T(fields_mean_what_they_say_whatever_columns_are_called),
		T(rows_without_columns_are_objects),
		T(values_are_those_of_json),
		T(upserts_are_rows_and_tombstones),
		T(added_fields_stand_behind_the_columns),
		T(what_an_upsert_cannot_say_is_said_aside),
		T(a_table_without_a_key_is_told_of_once),
		T(a_key_that_old_rows_have_not_finds_no_row),
		T(or_it_ends_the_stream),
		T(options_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
