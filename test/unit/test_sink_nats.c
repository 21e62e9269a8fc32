/*
 * test_sink_nats.c
 *		What of the NATS sink needs no server: subjects, headers, positions, options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sink/nats.h"

static LhCtx *ctx;

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static void
becomes(const char *prefix, const char *topic, const char *want)
{
	char subject[LH_NATS_SUBJECT_MAX + 1];

	assert_true(lh_nats_subject(prefix, topic, subject));
	assert_string_equal(subject, want);
}

static void
topics_become_subjects(void **state)
{
	char subject[LH_NATS_SUBJECT_MAX + 1], all[256], longest[LH_NATS_SUBJECT_MAX + 2];
	int n = 0;

	(void) state;
	becomes("", "slot.public.t", "slot.public.t");
	becomes("pg.", "slot.t", "pg.slot.t");
	becomes("", "a b\tc\r\nd", "a_b_c__d");
	becomes("", "*.>.a*b", "_._.a_b");
	becomes("", ".a..b.", "_.a._.b._");
	becomes("", ".", "_._");
	becomes("a.", ".b", "a._.b");
	becomes("", "$JS.API.STREAM.DELETE.S", "_JS.API.STREAM.DELETE.S");
	becomes("", "a.$b", "a.$b");
	becomes("", "\xc3\xa4.\xe2\x82\xac", "\xc3\xa4.\xe2\x82\xac");
	assert_false(lh_nats_subject("", "", subject));
	memset(longest, '.', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_false(lh_nats_subject("", longest, subject));
	/* whatever comes in, what comes out is a subject that nobody takes for a pattern */
	for (int c = 1; c < 256; c++)
		all[n++] = (char) c;
	all[n] = '\0';
	assert_true(lh_nats_subject("", all, subject));
	assert_int_equal(strcspn(subject, " \t\r\n*>"), strlen(subject));
	for (uint64_t seed = 0; seed < 20000; seed++)
	{
		uint64_t r = lh_hash_u64(seed + 1);
		char topic[12];
		int len = (int) (r % 11);

		for (int i = 0; i < len; i++)
			topic[i] = "..ab *>$_\x7f\t"[(r >> (5 * i + 4)) % 11];
		topic[len] = '\0';
		if (!lh_nats_subject("", topic, subject))
		{
			assert_int_equal(len, 0);
			continue;
		}
		assert_true(strlen(subject) > 0 && subject[0] != '.' && subject[0] != '$');
		assert_true(subject[strlen(subject) - 1] != '.' && strstr(subject, "..") == NULL);
		assert_int_equal(strcspn(subject, " \t\r\n*>\x7f"), strlen(subject));
		assert_true(lh_nats_subject_in(">", subject) && lh_nats_subject_in(subject, subject));
	}
}

static void
patterns_hold_subjects(void **state)
{
	(void) state;
	assert_true(lh_nats_subject_in("a.b", "a.b"));
	assert_true(lh_nats_subject_in("a.*", "a.b"));
	assert_true(lh_nats_subject_in("*.b", "a.b"));
	assert_true(lh_nats_subject_in("a.>", "a.b.c"));
	assert_true(lh_nats_subject_in("a.*.c", "a.b.c"));
	assert_true(lh_nats_subject_in(">", "a"));
	assert_false(lh_nats_subject_in("a.>", "a"));
	assert_false(lh_nats_subject_in("a.*", "a"));
	assert_false(lh_nats_subject_in("a.*", "a.b.c"));
	assert_false(lh_nats_subject_in("a", "a.b"));
	assert_false(lh_nats_subject_in("a.b", "a"));
	assert_false(lh_nats_subject_in("a.b", "a.bc"));
	assert_false(lh_nats_subject_in("a.bc", "a.b"));
	assert_false(lh_nats_subject_in("", "a"));
	assert_false(lh_nats_subject_in("a.", "a.b"));
}

static void
headers_are_printable(void **state)
{
	uint8_t all[256];
	char back[257];
	size_t n = 0;
	LhBuf out;

	(void) state;
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t) i;
	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	assert_int_equal(lh_nats_header_text(ctx, &out, lh_slice(all, 256)), LH_OK);
	for (const char *p = (const char *) out.data; *p != '\0'; n++)
	{
		char hex[3] = {0};

		assert_true(*p > ' ' && *p < 0x7f);
		if (*p != '%')
		{
			back[n] = *p++;
			continue;
		}
		memcpy(hex, p + 1, 2);
		back[n] = (char) strtol(hex, NULL, 16);
		p += 3;
	}
	assert_int_equal(n, 256);
	assert_memory_equal(back, all, 256);
	assert_int_equal(lh_nats_header_text(ctx, &out, lh_slice("", 0)), LH_OK);
	assert_string_equal((char *) out.data, "");
}

static void
positions_are_read_strictly(void **state)
{
	static const char *const bad_at[] = {"",
										 "0/100",
										 "0/100 1",
										 "0/100 1 0",
										 "0/100 1 0 ",
										 "0/100 1 0 7 ",
										 "0/100 1 0 7 unit ",
										 "0/100 1 0 7 units",
										 "0/100 1 0 7unit",
										 "0/100 1 -2 7",
										 "0/100 1 2147483648 7",
										 "0/100 1 0 4294967296",
										 "0/100 18446744073709551616 0 7",
										 "0/100 +1 0 7",
										 "0/100  1 0 7",
										 "0/G 1 0 7",
										 "100 1 0 7",
										 "0/123456789 1 0 7",
										 "00000000000000000000000000/1 1 0 7",
										 " unit",
										 NULL};
	static const char *const bad_done[] = {"",          "0/100",      "0/100 1",
										   "0/100 1 ",  "0/100 1 7 ", "0/100 1 7 unit",
										   "0/100 x 7", "x 1 7",      NULL};
	const LhChangePos pos = {UINT64_MAX, UINT64_MAX, UINT32_MAX};
	char text[LH_NATS_AT_TEXT];
	LhChangePos back;
	bool unit;
	int sub;

	(void) state;
	for (int u = 0; u < 2; u++)
		for (int s = -1; s < 2; s++)
		{
			int want = s == 1 ? INT32_MAX : s;

			lh_nats_at_write(&pos, want, u == 1, text);
			assert_true(lh_nats_at_read(text, &back, &sub, &unit));
			assert_true(lh_change_pos_compare(&back, &pos) == 0 && back.xid == pos.xid);
			assert_true(sub == want && unit == (u == 1));
		}
	lh_nats_done_write(&pos, text);
	assert_true(lh_nats_done_read(text, &back));
	assert_true(lh_change_pos_compare(&back, &pos) == 0 && back.xid == pos.xid);
	for (int i = 0; bad_at[i] != NULL; i++)
		if (lh_nats_at_read(bad_at[i], &back, &sub, &unit))
			fail_msg("\"%s\" was taken", bad_at[i]);
	for (int i = 0; bad_done[i] != NULL; i++)
		if (lh_nats_done_read(bad_done[i], &back))
			fail_msg("\"%s\" was taken", bad_done[i]);
}

static void
headers_are_found_in_a_block(void **state)
{
	static const char block[] = "NATS/1.0\r\nAb: 1\r\nA: two words\r\nEmpty:\r\nA: 3\r\n\r\n";

	(void) state;
	assert_string_equal(lh_nats_find_header(ctx, block, "A"), "two words");
	assert_string_equal(lh_nats_find_header(ctx, block, "Ab"), "1");
	assert_string_equal(lh_nats_find_header(ctx, block, "Empty"), "");
	assert_null(lh_nats_find_header(ctx, block, "B"));
	assert_null(lh_nats_find_header(ctx, block, "NATS/1.0"));
	assert_null(lh_nats_find_header(ctx, "", "A"));
	assert_null(lh_nats_find_header(ctx, "\r\nA", "A"));
	assert_string_equal(lh_nats_find_header(ctx, "\r\nA:x", "A"), "x");
}

static void
wrong_options_are_refused(void **state)
{
	static const struct
	{
		const char *uri, *word;
	} bad[] = {
		{"nats:", "nats://"},
		{"nats://h", "nats://"},
		{"nats://h/", "nats://"},
		{"tls://h", "tls://"},
		{"nats:///S", "nats://"},
		{"nats://h/a.b", "nats://"},
		{"nats://h/a/b", "nats://"},
		{"nats://h/a%20b", "nats://"},
		{"nats://h,,h2/S", "hosts"},
		{"nats://h/S?colour=red", "colour"},
		{"nats://h/S?create=maybe", "create"},
		{"nats://h/S?replicas=3", "create=yes"},
		{"nats://h/S?create=yes&replicas=0", "replicas"},
		{"nats://h/S?create=yes&subjects=", "subjects"},
		{"nats://h/S?create=yes&subjects=a,,b", "subjects"},
		{"nats://h/S?create=yes&subjects=a.b*", "subjects"},
		{"nats://h/S?create=yes&subjects=>.a", "subjects"},
		{"nats://h/S?position.subject=a.*", "position.subject"},
		{"nats://h/S?position.subject=", "position.subject"},
		{"nats://h/S?inbox.prefix=a.>", "inbox.prefix"},
		{"nats://h/S?domain=a.b", "domain"},
		{"nats://h/S?user=u", "password"},
		{"nats://h/S?password=sEcReT", "user"},
		{"nats://h/S?user=u&password=sEcReT&password.file=/x", "password"},
		{"nats://h/S?token=sEcReT&user=u&password=sEcReT", "one of"},
		{"nats://h/S?nkey=U", "nkey.file"},
		{"nats://h/S?tls.ca.file=/x", "tls://"},
		{"tls://h/S?tls.cert.file=/x", "tls.key.file"},
		{"tls://h/S?tls.ca.file=/nowhere/x", "tls.ca.file"},
		{"nats://h/S?token.file=/nowhere/x", "token.file"},
		{"nats://h/S?waiting.messages=0", "waiting.messages"},
		{"nats://h/S?timeout.ms=-1", "timeout.ms"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		LhSink *sink;

		if (lh_sink_open(ctx, bad[i].uri, "slot", "json", true, &sink) != LH_INVALID)
			fail_msg("%s was taken: %s", bad[i].uri, ctx->error->message);
		if (strstr(ctx->error->message, bad[i].word) == NULL)
			fail_msg("%s: no \"%s\" in: %s", bad[i].uri, bad[i].word, ctx->error->message);
		if (strstr(ctx->error->message, "sEcReT") != NULL ||
			strstr(ctx->error->hint, "sEcReT") != NULL)
			fail_msg("%s: a secret is shown", bad[i].uri);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(topics_become_subjects),       TEST(patterns_hold_subjects),
		TEST(headers_are_printable),        TEST(positions_are_read_strictly),
		TEST(headers_are_found_in_a_block), TEST(wrong_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
