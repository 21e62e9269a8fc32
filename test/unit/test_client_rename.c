/*
 * test_client_rename.c
 *		Topics by other names, and topics that frames say: what reaches sinks, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "change/frame.h"
#include "change/text.h"
#include "change/transform.h"
#include "client/deliver.h"

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

/* ---- rules ---- */

static const char *
renamed(const char *rules, const char *topic)
{
	const char *items[8], *out;
	char *copy = lh_strdup(ctx, rules), *save;
	LhRenames *r;
	int n = 0;

	for (char *p = strtok_r(copy, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
		items[n++] = p;
	if (lh_renames_compile(ctx, n, items, &r) != LH_OK ||
		lh_rename_topic(ctx, r, topic, &out) != LH_OK)
	{
		assert_int_equal(ctx->error->code, LH_INVALID);
		out = lh_sprintf(ctx, "!%s", ctx->error->message);
		lh_error_clear(ctx);
	}
	return out;
}

static void
refused(const char *rules, const char *topic, const char *words)
{
	const char *got = renamed(rules, topic);

	if (got[0] != '!' || strstr(got, words) == NULL)
		fail_msg("%s: %s", rules, got);
}

static void
rules_match_whole_topics(void **state)
{
	(void) state;
	assert_string_equal(renamed("", "a.b"), "a.b");
	assert_string_equal(renamed("a=b", "a"), "b");
	assert_string_equal(renamed("a=b", "aa"), "aa");
	assert_string_equal(renamed("a=b", "xa"), "xa");
	assert_string_equal(renamed("a|ab=x", "ab"), "x"); /* the longest counts */
	assert_string_equal(renamed("s\\.(public|cdc)\\.(.*)_[0-9]+=all.\\2-\\1", "s.cdc.t_17"),
						"all.t-cdc");
	assert_string_equal(renamed("(a)|(b)=x\\1y\\2", "b"), "xyb");
	assert_string_equal(renamed("(.*)=\\0.\\0", "t"), "t.t");
	assert_string_equal(renamed("a=b b=c a=d", "a"), "b"); /* the first counts, once */
	assert_string_equal(renamed("a==x", "a="), "x");
	assert_string_equal(renamed("\\.\\.=ok", ".."), "ok");
}

static void
bad_rules_are_refused(void **state)
{
	char longest[LH_RENAME_MAX + 2];

	(void) state;
	refused("a", "a", "is not REGEX=REPLACEMENT");
	refused("=a", "a", "is not REGEX=REPLACEMENT");
	refused("a=", "a", "the replacement is empty");
	refused("(a=b", "a", "--topic-rename \"(a=b\": ");
	refused("a=b/c", "a", "\"/\" in the replacement");
	refused("a=\xc3\xa4", "a", "in the replacement");
	refused("a=\\x", "a", "in the replacement");
	refused("a=b\\", "a", "in the replacement");
	refused("(a)=\\2", "a", "\\2, but there are 1 groups");
	refused("(a)\\1=b", "aa", "a reference back (\\1)");
	assert_string_equal(renamed("a\\\\1=b", "a\\1"), "b"); /* none: a backslash and a one */
	memset(longest, 'x', sizeof(longest));
	memcpy(longest + 100, "=", 1);
	longest[LH_RENAME_MAX + 1] = '\0';
	refused(longest, "a", "at most 512");
	longest[LH_RENAME_MAX] = '\0';
	assert_string_equal(renamed(longest, "a"), "a");
}

static void
what_they_make_has_to_be_a_topic(void **state)
{
	char name[LH_TOPIC_MAX + 2];

	(void) state;
	refused("a(.*)=\\1", "a", "makes no topic of \"a\"");
	refused("(.)(.*)=\\1\\2", "a/", "makes no topic");
	refused("a(.*)=.\\1", "a.", "makes no topic");
	memset(name, 'x', sizeof(name));
	name[LH_TOPIC_MAX + 1] = '\0';
	refused("(.*)=\\1", name, "makes no topic");
	refused("(.*)=\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1", name + 1, "makes no topic");
	assert_string_equal(renamed("x(.*)=y\\1", name + 1) + 1, name + 2);
}

/* ---- frames that say a topic ---- */

typedef struct Recorder
{
	LhSink sink;
	LhBuf log;
} Recorder;

static LhStatus
rec_put(LhCtx *c, LhSink *sink, const LhSinkMessage *m)
{
	return lh_buf_printf(c, &((Recorder *) sink)->log, "%s:%.*s:%zu ", m->topic, (int) m->value.len,
						 (const char *) m->value.data, m->headers.len);
}

static LhStatus
rec_commit(LhCtx *c, LhSink *sink, const LhChangePos *pos)
{
	(void) c, (void) sink, (void) pos;
	return LH_OK;
}

static const LhSinkKind recorder_kind = {
	.scheme = "recorder", .put = rec_put, .commit = rec_commit};

typedef struct Made
{
	Recorder recorder;
	LhDeliverySink sink;
	LhDelivery *d;
	LhChangeOut out;
	LhBuf packed;
	LhBuf notices;
	uint64_t ordinal;
	uint64_t commit;
} Made;

static void
take_notice(const char *text, void *arg)
{
	assert_int_equal(lh_buf_printf(ctx, &((Made *) arg)->notices, "%s\n", text), LH_OK);
}

static void
open_made(Made *m, const char *rule)
{
	LhDeliveryConfig config = {
		.slot = "s", .nformats = 1, .max_message = 1 << 20, .notice = take_notice, .notice_arg = m};
	LhRenames *renames;

	memset(m, 0, sizeof(*m));
	m->out.framed = m->out.want_key = true;
	m->commit = 0x100;
	assert_int_equal(lh_buf_init(ctx, &m->out.buf, false), LH_OK);
	assert_int_equal(lh_buf_init(ctx, &m->packed, false), LH_OK);
	assert_int_equal(lh_buf_init(ctx, &m->notices, false), LH_OK);
	assert_int_equal(lh_buf_init(ctx, &m->recorder.log, false), LH_OK);
	assert_int_equal(lh_renames_compile(ctx, rule != NULL, &rule, &renames), LH_OK);
	config.renames = renames;
	assert_int_equal(lh_route_compile(ctx, "{schema}.{table}", true, &config.topic), LH_OK);
	assert_int_equal(lh_route_compile(ctx, "msg", false, &config.message_topic), LH_OK);
	m->recorder.sink.kind = &recorder_kind;
	m->sink = (LhDeliverySink){.name = "one", .sink = &m->recorder.sink};
	lh_delivery_recovered(&m->sink, &(LhChangePos){0}, false);
	assert_int_equal(lh_delivery_create(ctx, &config, 1, &m->sink, &m->d), LH_OK);
	assert_int_equal(lh_delivery_start(ctx, m->d, 0x10), LH_OK);
	assert_int_equal(lh_batch_begin(ctx, &m->out), LH_OK);
}

static void
begin(Made *m, LhChangeOp op, const LhChangeRel *rel)
{
	LhChangeEvent ev = {
		.op = op,
		.pos = {m->commit, op == LH_CHANGE_SCHEMA ? m->ordinal + 1 : ++m->ordinal, 7},
		.rel = rel};

	assert_int_equal(lh_frame_begin(ctx, &m->out, &ev), LH_OK);
	if (op == LH_CHANGE_SCHEMA)
		assert_int_equal(lh_frame_relation(ctx, &m->out, rel), LH_OK);
}

static void
value(Made *m, const char *text)
{
	m->out.format = 0;
	assert_int_equal(lh_out_message(ctx, &m->out), LH_OK);
	assert_int_equal(lh_out_value(ctx, &m->out), LH_OK);
	assert_int_equal(lh_put(ctx, &m->out.buf, text, strlen(text)), LH_OK);
	assert_int_equal(lh_out_end(ctx, &m->out), LH_OK);
}

static void
end(Made *m)
{
	assert_int_equal(lh_frame_end(ctx, &m->out, true), LH_OK);
}

static LhStatus
deliver(Made *m)
{
	LhSlice bytes;
	LhStatus status;

	assert_int_equal(lh_batch_end(ctx, &m->out, false, &m->packed, &bytes), LH_OK);
	status = lh_delivery_batch(ctx, m->d, bytes);
	assert_int_equal(lh_batch_begin(ctx, &m->out), LH_OK);
	return status;
}

static const char *
text_of(LhBuf *buf)
{
	assert_int_equal(lh_buf_putc(ctx, buf, '\0'), LH_OK);
	buf->len--;
	return (const char *) buf->data;
}

static const LhChangeRel box = {.relid = 1, .generation = 1, .schema = "public", .name = "box"};
static const LhChangeRel other = {.relid = 2, .generation = 1, .schema = "public", .name = "b_x"};
static const uint8_t header[] = {1, 0, 1, 0, 0, 0, 'a', 'b'};

static void
routed(Made *m, const char *topic, LhSlice headers, const char *text)
{
	begin(m, LH_CHANGE_INSERT, &box);
	assert_int_equal(lh_frame_route(ctx, &m->out, topic, headers), LH_OK);
	value(m, text);
	end(m);
}

static void
a_frame_may_say_its_topic(void **state)
{
	Made m;

	(void) state;
	open_made(&m, "o\\.(.*)=new.\\1");
	begin(&m, LH_CHANGE_SCHEMA, &box);
	end(&m);
	routed(&m, "o.a", lh_slice(header, sizeof(header)), "1");
	routed(&m, "o.a", lh_slice(NULL, 0), "2");
	begin(&m, LH_CHANGE_INSERT, &box);
	value(&m, "3"); /* the next frame is the table's own again */
	end(&m);
	routed(&m, "other", lh_slice(NULL, 0), "4");
	routed(&m, "o.a", lh_slice(NULL, 0), "5");
	assert_int_equal(deliver(&m), LH_OK);
	assert_string_equal(text_of(&m.recorder.log),
						"new.a:1:8 new.a:2:0 public.box:3:0 other:4:0 new.a:5:0 ");
	assert_string_equal(text_of(&m.notices), "");
}

static void
a_rule_that_makes_no_topic_of_a_rows_keeps_it(void **state)
{
	Made m;

	(void) state;
	open_made(&m, "o(.*)=\\1");
	begin(&m, LH_CHANGE_SCHEMA, &box);
	end(&m);
	routed(&m, "o", lh_slice(NULL, 0), "1");
	routed(&m, "oa", lh_slice(NULL, 0), "2");
	routed(&m, "o", lh_slice(NULL, 0), "3");
	assert_int_equal(deliver(&m), LH_OK);
	assert_string_equal(text_of(&m.recorder.log), "o:1:0 a:2:0 o:3:0 ");
	assert_non_null(strstr(text_of(&m.notices), "makes no topic of \"o\""));
	assert_ptr_equal(strchr(text_of(&m.notices), '\n')[1], NULL); /* once */
}

static void
topics_that_the_plugin_does_not_say_are_refused(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "a b", "\xc3\xa4"};
	static const uint8_t broken[] = {1, 0, 2, 0, 0, 0, 'a', 'b'};
	char longest[LH_TOPIC_MAX + 2];
	Made m;

	(void) state;
	memset(longest, 'x', sizeof(longest));
	longest[LH_TOPIC_MAX + 1] = '\0';
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) + 3; i++)
	{
		size_t n = sizeof(bad) / sizeof(bad[0]);

		open_made(&m, NULL);
		begin(&m, LH_CHANGE_SCHEMA, &box);
		end(&m);
		if (i < n)
			routed(&m, bad[i], lh_slice(NULL, 0), "1");
		else if (i == n)
			routed(&m, longest, lh_slice(NULL, 0), "1");
		else if (i == n + 1)
			routed(&m, "a", lh_slice(broken, sizeof(broken)), "1");
		else
		{
			begin(&m, LH_CHANGE_UPDATE, &box);
			assert_int_equal(lh_frame_route(ctx, &m.out, "a", lh_slice(NULL, 0)), LH_OK);
			value(&m, "1");
			end(&m);
		}
		assert_int_equal(deliver(&m), LH_CORRUPT);
		assert_int_equal(m.recorder.log.len, 0);
		lh_error_clear(ctx);
	}
	open_made(&m, NULL);
	begin(&m, LH_CHANGE_SCHEMA, &box);
	end(&m);
	routed(&m, longest + 1, lh_slice(NULL, 0), "1");
	assert_int_equal(deliver(&m), LH_OK);
}

static void
more_headers_than_there_can_be_are_refused(void **state)
{
	Made m;

	(void) state;
	for (int n = LH_ADD_FIELDS_MAX + 1; n <= LH_ADD_FIELDS_MAX + 2; n++)
	{
		LhBuf many;

		assert_int_equal(lh_buf_init(ctx, &many, false), LH_OK);
		for (int i = 0; i < n; i++)
			assert_int_equal(lh_put(ctx, &many, header, sizeof(header)), LH_OK);
		open_made(&m, NULL);
		begin(&m, LH_CHANGE_SCHEMA, &box);
		end(&m);
		routed(&m, "a", lh_slice(many.data, many.len), "1");
		assert_int_equal(deliver(&m), n > LH_ADD_FIELDS_MAX + 1 ? LH_CORRUPT : LH_OK);
		lh_error_clear(ctx);
	}
}

static void
tables_may_share_a_topic_which_is_told_once(void **state)
{
	Made m;

	(void) state;
	open_made(&m, "public\\..*=all");
	for (int round = 0; round < 3; round++)
	{
		const LhChangeRel *rels[] = {&box, &other, &box};

		for (int i = 0; i < 3; i++)
		{
			LhChangeRel rel = *rels[i];

			rel.generation = (uint32_t) round + 1;
			begin(&m, LH_CHANGE_SCHEMA, &rel);
			end(&m);
			begin(&m, LH_CHANGE_INSERT, &rel);
			value(&m, rel.name);
			end(&m);
		}
		begin(&m, LH_CHANGE_COMMIT, NULL);
		end(&m);
		assert_int_equal(deliver(&m), LH_OK);
		m.commit += 0x100;
		m.ordinal = 0;
		if (round == 1) /* another connection, whose relations are told anew */
			assert_int_equal(lh_delivery_start(ctx, m.d, m.commit), LH_OK);
	}
	assert_string_equal(
		text_of(&m.recorder.log),
		"all:box:0 all:b_x:0 all:box:0 all:box:0 all:b_x:0 all:box:0 all:box:0 all:b_x:0 all:box:0 ");
	assert_string_equal(text_of(&m.notices),
						"tables public.box and public.b_x have the same topic \"all\"\n");
}

static void
a_rule_that_makes_no_topic_of_a_tables_is_an_error(void **state)
{
	Made m;

	(void) state;
	open_made(&m, "public\\.(.*)b.*=\\1");
	begin(&m, LH_CHANGE_SCHEMA, &box);
	end(&m);
	assert_int_equal(deliver(&m), LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "makes no topic of \"public.box\""));
	lh_error_clear(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(rules_match_whole_topics),
		TEST(bad_rules_are_refused),
		TEST(what_they_make_has_to_be_a_topic),
		TEST(a_frame_may_say_its_topic),
		TEST(a_rule_that_makes_no_topic_of_a_rows_keeps_it),
		TEST(topics_that_the_plugin_does_not_say_are_refused),
		TEST(more_headers_than_there_can_be_are_refused),
		TEST(tables_may_share_a_topic_which_is_told_once),
		TEST(a_rule_that_makes_no_topic_of_a_tables_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
