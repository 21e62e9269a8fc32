/*
 * test_sink_uri.c
 *		URIs of sinks with one reading only, no secret in any message; stdout: and null:.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sink/internal.h"

static LhCtx *ctx;
static LhSinkConfig config;
static const char *scheme;

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
takes(const char *uri, const char *want_scheme, const char *host, const char *path, int noptions)
{
	if (lh_sink_uri_parse(ctx, uri, &scheme, &config) != LH_OK)
		fail_msg("%s: %s", uri, ctx->error->message);
	assert_string_equal(scheme, want_scheme);
	assert_string_equal(config.host, host);
	assert_string_equal(config.path, path);
	assert_int_equal(config.noptions, noptions);
}

static void
parts_are_found(void **state)
{
	(void) state;
	takes("stdout:", "stdout", "", "", 0);
	takes("STDOUT:?key=tab", "stdout", "", "", 1);
	takes("file:///var/lib/x?", "file", "", "/var/lib/x", 0);
	takes("file:/a%20b/%C3%A9", "file", "", "/a b/\xc3\xa9", 0);
	takes("kafka://h1:9092,[::1]:9093", "kafka", "h1:9092,[::1]:9093", "", 0);
	takes("kafka://h/p?a=1&b=&a=x%26y%3D=z", "kafka", "h", "/p", 3);
	assert_string_equal(lh_sink_option(&config, "a", "?"), "x&y==z");
	assert_string_equal(lh_sink_option(&config, "b", "?"), "");
	assert_string_equal(lh_sink_option(&config, "c", "?"), "?");
	takes("null:?x=a+b/c?d", "null", "", "", 1);
	assert_string_equal(lh_sink_option(&config, "x", ""), "a+b/c?d");
}

static void
what_is_ambiguous_is_refused(void **state)
{
	static const char *const bad[] = {"",
									  ":",
									  "file",
									  "1x:",
									  "//h",
									  "/path",
									  "file:path",
									  "kafka://user@h",
									  "kafka://u:p@h:1/",
									  "kafka://h\\x",
									  "kafka://h%41/",
									  "file:///a b",
									  "file:///a\nb",
									  "file:///a#b",
									  "file:///%",
									  "file:///%4",
									  "file:///%zz",
									  "file:///%00",
									  "file:///a%2Fb",
									  "file:///a%2fb",
									  "file:///../etc",
									  "file:///a/..",
									  "file:///a/./b",
									  "file:///%2e%2E/b",
									  "file:///.",
									  "file:///%ff",
									  "file:///\xff",
									  "null:?a",
									  "null:?=b",
									  "null:?a=b&",
									  "null:?&a=b",
									  "null:?a=b&&c=d",
									  "null:?a%41=b",
									  "null:?a=%00",
									  "null:?a=%c0%80",
									  "null:?a b=c",
									  "null:?a=\x7f",
									  NULL};

	(void) state;
	for (int i = 0; bad[i] != NULL; i++)
	{
		if (lh_sink_uri_parse(ctx, bad[i], &scheme, &config) == LH_OK)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(ctx->error->code, LH_INVALID);
	}
}

static void
length_and_number_of_options_are_bounded(void **state)
{
	static char text[LH_SINK_URI_MAX + 8];

	(void) state;
	memset(text, 'a', LH_SINK_URI_MAX + 1);
	memcpy(text, "null:/", 6);
	assert_int_equal(lh_sink_uri_parse(ctx, text, &scheme, &config), LH_INVALID);
	text[LH_SINK_URI_MAX] = '\0';
	assert_int_equal(lh_sink_uri_parse(ctx, text, &scheme, &config), LH_OK);

	strcpy(text, "null:?");
	for (int i = 0; i <= LH_SINK_OPTIONS_MAX; i++)
		strcat(text, i == 0 ? "a=b" : "&a=b");
	assert_int_equal(lh_sink_uri_parse(ctx, text, &scheme, &config), LH_INVALID);
	text[strlen(text) - 4] = '\0';
	assert_int_equal(lh_sink_uri_parse(ctx, text, &scheme, &config), LH_OK);
}

static void
secrets_are_in_no_message(void **state)
{
	static const char *const bad[] = {
		"kafka://h/?sasl.password=hunter2&bad option=1",
		"kafka://u:hunter2@h/",
		"kafka://h/?sasl.password=hunter2%zz",
		"nosuch://h/?x=1&token=hunter2",
		"file:///tmp?sasl.password=hunter2",
		"null:?client.secret=hunter2",
		"kafka://h/?sasl.jaas.config=hunter2&hunter",
		"kafka://h/?ssl.key.pem=hunter2&nosuch=1",
		"kafka://h/?sasl.mechanism=PLAIN&sasl.password=hunter2&nosuch.property=1",
		"null:?registry=http://u:hunter2@h/",
		"null:?registry=http://h/?api=hunter2",
		"null:?registry.password=hunter2",
		NULL};
	LhSink *sink;

	(void) state;
	for (int i = 0; bad[i] != NULL; i++)
	{
		assert_int_not_equal(lh_sink_open(ctx, bad[i], "s", "json", true, &sink), LH_OK);
		assert_null(strstr(ctx->error->message, "hunter2"));
		assert_null(strstr(ctx->error->detail, "hunter2"));
		assert_null(strstr(ctx->error->hint, "hunter2"));
	}
	takes("kafka://h/?a=1&SASL.Password=x%26y&b=%41&ssl.key.location=/k", "kafka", "h", "/", 4);
	assert_string_equal(config.uri, "kafka://h/?a=1&SASL.Password=***&b=%41&ssl.key.location=/k");
	takes("null:?registry=http://h:1/p&registry.password=x&registry.token.file=/t", "null", "", "", 3);
	assert_string_equal(config.uri,
						"null:?registry=http://h:1/p&registry.password=***&registry.token.file=/t");
	takes("null:?registry=http://u%3ax%40h/", "null", "", "", 1);
	assert_string_equal(config.uri, "null:?registry=***");
}

static void
schemes_and_options_are_named(void **state)
{
	LhSink *sink;

	(void) state;
	assert_int_equal(lh_sink_open(ctx, "nosuch:", "s", "json", true, &sink), LH_INVALID);
	assert_non_null(strstr(ctx->error->hint, "stdout:"));
	assert_int_equal(lh_sink_open(ctx, "stdout:?ke=tab", "s", "json", true, &sink), LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "\"ke\""));
	assert_int_equal(lh_sink_open(ctx, "stdout:?key=x", "s", "json", true, &sink), LH_INVALID);
	assert_int_equal(lh_sink_open(ctx, "stdout:", "", "json", true, &sink), LH_INVALID);
	assert_int_equal(lh_sink_open(ctx, "file:///?rotate.bytes=1x", "s", "json", true, &sink),
					 LH_INVALID);
	assert_int_equal(
		lh_sink_open(ctx, "file:///?rotate.bytes=18446744073709551616", "s", "json", true, &sink),
		LH_INVALID);
}

static void
lsns_are_read_back(void **state)
{
	static const char *const bad[] = {"",    "/",           "0",           "0/",    "/0", "0/0x",
									  "g/0", "000000000/0", "0/000000000", "0/0/0", NULL};
	static const uint64_t good[] = {0, 1, UINT64_C(0x16B374D848), UINT64_MAX};
	char text[LH_LSN_TEXT];
	uint64_t back;

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		assert_true(lh_sink_lsn_parse(lh_sink_lsn_text(good[i], text), &back));
		assert_true(back == good[i]);
	}
	for (int i = 0; bad[i] != NULL; i++)
		assert_false(lh_sink_lsn_parse(bad[i], &back));
}

/* Three messages, the third a tombstone, through a pipe. */
static size_t
through_stdout(const char *uri, bool text, char *out, size_t cap)
{
	LhSinkMessage m[3] = {{.op = LH_CHANGE_INSERT,
						   .pos = {100, 1, 7},
						   .has_key = true,
						   .key = lh_slice("k", 1),
						   .value = lh_slice("{\"a\":1}", 7)},
						  {.op = LH_CHANGE_MESSAGE, .pos = {100, 2, 7}, .value = lh_slice("v2", 2)},
						  {.op = LH_CHANGE_DELETE,
						   .pos = {100, 3, 7},
						   .has_key = true,
						   .tombstone = true,
						   .key = lh_slice("k", 1)}};
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
	{
		LhChangePos pos;
		LhSink *sink;
		bool known = true, good;

		dup2(fds[1], STDOUT_FILENO);
		good = lh_sink_open(ctx, uri, "s", "json", text, &sink) == LH_OK &&
			   sink->kind->recover(ctx, sink, &pos, &known) == LH_OK && !known;
		for (int i = 0; i < 3 && good; i++)
			good = sink->kind->put(ctx, sink, &m[i]) == LH_OK;
		good = good && sink->kind->commit(ctx, sink, &m[2].pos) == LH_OK &&
			   sink->durable.commit_end == 0 && sink->kind->flush(ctx, sink) == LH_OK &&
			   sink->durable.commit_end == 100 && sink->durable.ordinal == 3;
		_exit(good ? 0 : 1);
	}
	close(fds[1]);
	while ((n = read(fds[0], out + len, cap - len)) > 0)
		len += (size_t) n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return len;
}

static void
stdout_writes_lines_or_lengths(void **state)
{
	char out[256];
	size_t n;

	(void) state;
	n = through_stdout("stdout:", true, out, sizeof(out));
	assert_int_equal(n, 11);
	assert_memory_equal(out, "{\"a\":1}\nv2\n", n);
	n = through_stdout("stdout:?key=tab", true, out, sizeof(out));
	assert_int_equal(n, 14);
	assert_memory_equal(out, "k\t{\"a\":1}\n\tv2\n", n);
	n = through_stdout("stdout:", false, out, sizeof(out));
	assert_int_equal(n, 17);
	assert_memory_equal(out, "\7\0\0\0{\"a\":1}\2\0\0\0v2", n);
}

static void
a_closed_pipe_is_an_error(void **state)
{
	int fds[2], status;
	pid_t pid;

	(void) state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	pid = fork();
	if (pid == 0)
	{
		LhSinkMessage m = {.pos = {1, 1, 1}, .value = lh_slice("v", 1)};
		LhSink *sink;

		signal(SIGPIPE, SIG_IGN);
		dup2(fds[1], STDOUT_FILENO);
		_exit(lh_sink_open(ctx, "stdout:", "s", "json", true, &sink) == LH_OK &&
					  sink->kind->put(ctx, sink, &m) == LH_OK &&
					  sink->kind->flush(ctx, sink) == LH_IO
				  ? 0
				  : 1);
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
null_counts(void **state)
{
	LhSinkMessage m = {.pos = {5, 1, 1}, .value = lh_slice("abc", 3)};
	LhChangePos pos = {5, 2, 1};
	bool known = true;
	LhSink *sink;

	(void) state;
	assert_int_equal(lh_sink_open(ctx, "null:", "s", "json", true, &sink), LH_OK);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_OK);
	assert_int_equal(sink->kind->commit(ctx, sink, &pos), LH_OK);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_OK);
	assert_true(sink->messages == 1 && sink->bytes == 3 && sink->durable.ordinal == 2);
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_OK);
	assert_false(known);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parts_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_ambiguous_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(length_and_number_of_options_are_bounded, set_up,
										tear_down),
		cmocka_unit_test_setup_teardown(secrets_are_in_no_message, set_up, tear_down),
		cmocka_unit_test_setup_teardown(schemes_and_options_are_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lsns_are_read_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stdout_writes_lines_or_lengths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_closed_pipe_is_an_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(null_counts, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
