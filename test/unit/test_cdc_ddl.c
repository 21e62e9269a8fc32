/*
 * test_cdc_ddl.c
 *		Commands as JSON: what is written is read back, and nothing else is taken.
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
#include "change/ddl.h"
#include "change/frame.h"
#include "change/json.h"

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

static const uint32_t ancestors[] = {16400, 16500};
static const char *const publications[] = {"p", "q \"\\\n"};
static const char *const path[] = {"a \"quoted\" one", "public"};
static const LhDdlObject objects[] = {
	{.type = LH_DDL_TABLE,
	 .oid = 4294967295u,
	 .schema = "s\x01",
	 .name = "caf\xc3\xa9",
	 .rewritten = true,
	 .nancestors = 2,
	 .ancestors = ancestors},
	{.type = LH_DDL_PARTITIONED,
	 .oid = 1,
	 .schema = "",
	 .name = "",
	 .dropped = true,
	 .npublications = 2,
	 .publications = publications},
	{.type = LH_DDL_MATVIEW, .schema = "s", .name = "about to be"},
	{.type = LH_DDL_TYPE, .oid = 5, .schema = "s", .name = "t"},
	{.type = LH_DDL_SCHEMA, .oid = 6, .schema = "s"},
	{.type = LH_DDL_COLUMN, .oid = 7, .schema = "s", .name = "t", .column = "c", .dropped = true},
};
static const LhDdl whole = {
	.tag = "ALTER TABLE",
	.text = "ALTER TABLE \"t\"\n\tADD c text DEFAULT E'\\\\'",
	.query = true,
	.user = "me",
	.npath = 2,
	.path = path,
	.nobjects = 6,
	.objects = objects,
};

static LhSlice
written(const LhDdl *ddl, bool log)
{
	LhBuf buf;

	LH_OK_(ctx, lh_buf_init(ctx, &buf, false));
	LH_OK_(ctx, lh_ddl_write(ctx, &buf, ddl, log));
	assert_true(lh_json_is_valid(buf.data, buf.len, 10));
	assert_null(memchr(buf.data, '\n', buf.len));
	return lh_slice(buf.data, buf.len);
}

static void
what_the_log_has_is_read_back(void **state)
{
	LhSlice first = written(&whole, true), again;
	LhDdl read;

	(void) state;
	LH_OK_(ctx, lh_ddl_read(ctx, first, &read));
	again = written(&read, true);
	assert_int_equal(first.len, again.len);
	assert_memory_equal(first.data, again.data, first.len);
	assert_string_equal(read.text, whole.text);
	assert_true(read.query);
	assert_int_equal(read.objects[0].oid, 4294967295u);
	assert_int_equal(read.objects[0].ancestors[1], 16500);
	assert_string_equal(read.objects[1].publications[1], publications[1]);
	assert_true(read.objects[1].dropped);
	assert_int_equal(read.objects[2].oid, 0);
	assert_null(read.objects[4].name);
	assert_string_equal(read.objects[5].column, "c");
}

static void
consumers_see_nothing_of_how_it_was_chosen(void **state)
{
	LhDdl hidden = whole;
	LhSlice out;
	char *text;

	(void) state;
	hidden.text = NULL;
	hidden.withheld = true;
	out = written(&hidden, false);
	text = lh_strndup(ctx, (const char *) out.data, out.len);
	assert_null(strstr(text, "ancestors"));
	assert_null(strstr(text, "publications"));
	assert_null(strstr(text, "query"));
	assert_non_null(strstr(text, "\"text\":null,\"withheld\":true"));
}

static void
refused(const char *json)
{
	LhDdl ddl;

	if (lh_ddl_read(ctx, lh_slice(json, strlen(json)), &ddl) != LH_CORRUPT)
		fail_msg("taken: %.200s", json);
	assert_non_null(strstr(ctx->error->message, LH_DDL_PREFIX));
	lh_error_clear(ctx);
}

#define OBJECT "{\"type\":\"type\",\"schema\":\"s\",\"name\":\"t\",\"oid\":5}"
#define DDL(o) \
	"{\"tag\":\"X\",\"text\":\"x\",\"user\":\"u\",\"search_path\":[],\"objects\":[" o "]}"
#define MEMBERS(m) DDL("{\"type\":\"table column\"," m "}")

static void
what_is_none_is_refused(void **state)
{
	LhDdl ddl;
	char *large;

	(void) state;
	LH_OK_(ctx, lh_ddl_read(ctx, lh_slice(DDL(OBJECT), strlen(DDL(OBJECT))), &ddl));
	refused("");
	refused("7");
	refused("[]");
	refused("{}");
	refused(DDL(OBJECT) "x");
	refused(DDL(""));
	refused(DDL("7"));
	refused(DDL("[]"));
	refused(DDL("{}"));
	refused(DDL("{\"type\":7}"));
	refused(DDL("{\"type\":\"index\",\"schema\":\"s\",\"name\":\"t\"}"));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\""));
	refused(MEMBERS("\"schema\":\"s\",\"column\":\"c\""));
	refused(MEMBERS("\"name\":\"s\",\"column\":\"c\""));
	refused(MEMBERS("\"schema\":[],\"name\":\"s\",\"column\":\"c\""));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\",\"column\":\"c\",\"oid\":0"));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\",\"column\":\"c\",\"oid\":-1"));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\",\"column\":\"c\",\"oid\":4294967296"));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\",\"column\":\"c\",\"oid\":\"5\""));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\",\"column\":\"c\",\"dropped\":false"));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\",\"column\":\"c\",\"ancestors\":5"));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\",\"column\":\"c\",\"ancestors\":[\"5\"]"));
	refused(MEMBERS("\"schema\":\"s\",\"name\":\"t\",\"column\":\"c\",\"publications\":[5]"));
	refused("{\"tag\":\"X\",\"user\":\"u\",\"search_path\":5,\"objects\":[" OBJECT "]}");
	refused("{\"tag\":\"X\",\"search_path\":[],\"objects\":[" OBJECT "]}");
	refused("{\"user\":\"X\",\"search_path\":[],\"objects\":[" OBJECT "]}");
	refused("{\"tag\":\"X\",\"text\":[],\"user\":\"u\",\"objects\":[" OBJECT "]}");
	refused("{\"tag\":\"X\\u0000\",\"user\":\"u\",\"objects\":[" OBJECT "]}");
	refused("{\"tag\":\"\xff\",\"user\":\"u\",\"objects\":[" OBJECT "]}");

	large = malloc(LH_DDL_MAX + 2);
	memset(large, ' ', LH_DDL_MAX + 1);
	large[LH_DDL_MAX + 1] = '\0';
	memcpy(large, DDL(OBJECT), strlen(DDL(OBJECT)));
	refused(large);
	free(large);
}

/* Every byte of a message changed in several ways: it is read or refused, and what is read can be written. */
static void
damage_is_read_or_refused(void **state)
{
	LhSlice from = written(&whole, true);
	int taken = 0;

	(void) state;
	for (size_t i = 0; i < from.len; i++)
	{
		for (int k = 0; k < 12; k++)
		{
			LhArena *old = ctx->arena, *own = lh_arena_child(old);
			/* of just that size, so that a byte too many shows */
			uint8_t *copy = malloc(from.len);
			LhStatus status;
			LhDdl ddl;
			LhBuf buf;

			lh_use(ctx, own);
			memcpy(copy, from.data, from.len);
			copy[i] = k < 8 ? (uint8_t) "\"{}[],:0"[k] : (uint8_t) cdc_random();
			status = lh_ddl_read(ctx, lh_slice(copy, k == 11 ? i : from.len), &ddl);
			assert_true(status == LH_OK || status == LH_CORRUPT);
			if (status == LH_OK)
			{
				LH_OK_(ctx, lh_buf_init(ctx, &buf, false));
				LH_OK_(ctx, lh_ddl_write(ctx, &buf, &ddl, true));
				taken++;
			}
			lh_error_clear(ctx);
			free(copy);
			lh_use(ctx, old);
			lh_arena_destroy(own);
		}
	}
	assert_true(taken > 100);
}

/* ---- in formats ---- */

static const char *
said(const char *format)
{
	const LhChangeFormat *f = lh_change_format_find(format, strlen(format));
	LhChangeTxn txn = {.xid = 7, .commit_end = 0x20};
	LhChangeEvent ev = {
		.op = LH_CHANGE_BEGIN, .pos = {0x20, 1, 7}, .txn = &txn, .transactional = true};
	LhChangeOptions options;
	LhChangeOut out = {0};
	LhEncoder *enc;

	assert_non_null(f);
	LH_OK_(ctx, lh_change_options_init(ctx, &options));
	options.w_transaction = false;
	options.database = "db";
	LH_OK_(ctx, lh_buf_init(ctx, &out.buf, false));
	LH_OK_(ctx, f->create(ctx, &options, &enc));
	LH_OK_(ctx, f->event(ctx, enc, &ev, &out));
	ev.op = LH_CHANGE_DDL;
	ev.prefix = LH_DDL_PREFIX;
	ev.content = lh_slice(DDL(OBJECT), strlen(DDL(OBJECT)));
	LH_OK_(ctx, f->event(ctx, enc, &ev, &out));
	ev.op = LH_CHANGE_COMMIT;
	LH_OK_(ctx, f->event(ctx, enc, &ev, &out));
	/* as text: what is binary has zeros in it */
	for (size_t i = 0; i < out.buf.len; i++)
		out.buf.data[i] = out.buf.data[i] == 0 ? ' ' : out.buf.data[i];
	return lh_strndup(ctx, (const char *) out.buf.data, out.buf.len);
}

static void
formats_say_it_as_they_can(void **state)
{
	const char *json = said("json");

	(void) state;
	assert_string_equal(
		json,
		"{\"op\":\"ddl\",\"lsn\":\"0/20\",\"n\":1,\"xid\":7,\"ts\":\"2000-01-01T00:00:00Z\","
		"\"tag\":\"X\",\"text\":\"x\",\"user\":\"u\",\"search_path\":[],\"objects\":[" OBJECT "]}");
	assert_non_null(strstr(said("avro"), LH_DDL_PREFIX));
	assert_non_null(strstr(said("debezium-avro"), LH_DDL_PREFIX));
	assert_non_null(strstr(said("protobuf"), LH_DDL_PREFIX));
	assert_non_null(strstr(said("debezium-json"), "\"op\":\"m\""));
	assert_non_null(
		strstr(said("wal2json-v1"),
			   "{\"kind\":\"message\",\"transactional\":true,\"prefix\":\"lakehouse.ddl\""));
	assert_non_null(
		strstr(said("wal2json-v2"),
			   "{\"action\":\"M\",\"transactional\":true,\"prefix\":\"lakehouse.ddl\""));
}

static void
frames_carry_it(void **state)
{
	LhChangeEvent ev = {.op = LH_CHANGE_DDL, .pos = {0x20, 1, 7}, .transactional = true};
	LhChangeOut out = {.framed = true, .want_key = true};
	LhFrameReader reader = {0};
	LhFrame f;
	LhSlice bytes;
	LhBuf packed;
	bool end;

	(void) state;
	LH_OK_(ctx, lh_buf_init(ctx, &out.buf, false));
	LH_OK_(ctx, lh_buf_init(ctx, &packed, false));
	LH_OK_(ctx, lh_batch_begin(ctx, &out));
	LH_OK_(ctx, lh_frame_begin(ctx, &out, &ev));
	LH_OK_(ctx, lh_frame_end(ctx, &out, false));
	assert_int_equal(lh_batch_frames(&out), 0); /* a format that says nothing leaves none */
	LH_OK_(ctx, lh_frame_begin(ctx, &out, &ev));
	LH_OK_(ctx, lh_frame_end(ctx, &out, true));
	LH_OK_(ctx, lh_batch_end(ctx, &out, false, &packed, &bytes));
	LH_OK_(ctx, lh_batch_open(ctx, bytes, 1 << 20, &reader));
	LH_OK_(ctx, lh_batch_next(ctx, &reader, &f, &end));
	assert_false(end);
	assert_int_equal(f.kind, 11); /* docs/cdc-formats.md */
	assert_int_equal(f.relid, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_log_has_is_read_back),
		cmocka_unit_test(consumers_see_nothing_of_how_it_was_chosen),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(damage_is_read_or_refused),
		cmocka_unit_test(formats_say_it_as_they_can),
		cmocka_unit_test(frames_carry_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
