/*
 * test_client_config.c
 *		Settings of lakehouse_cdc: flags, environment, file; topics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/config.h"
#include "client/route.h"

#define MAX_ARGS 32

typedef struct Made
{
	LhCtx *ctx;
	LhClientConfig c;
	char *environ[8];
	char file[64];
} Made;

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));

	m->ctx = lh_ctx_create();
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	Made *m = *state;

	if (m->file[0] != '\0')
		unlink(m->file);
	lh_ctx_destroy(m->ctx);
	free(m);
	return 0;
}

/* Words separated by blanks. */
static LhStatus
parse(Made *m, const char *line)
{
	char *argv[MAX_ARGS] = {"lakehouse_cdc"};
	char *copy = lh_strdup(m->ctx, line);
	int argc = 1;

	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		argv[argc++] = word;
	lh_error_clear(m->ctx);
	return lh_client_config_parse(m->ctx, argc, argv, m->environ, &m->c);
}

static void
accepted(Made *m, const char *line)
{
	if (parse(m, line) != LH_OK)
		fail_msg("%s: %s", line, m->ctx->error->message);
}

static void
refused(Made *m, const char *line, const char *message)
{
	if (parse(m, line) == LH_OK)
		fail_msg("%s was accepted", line);
	if (strstr(m->ctx->error->message, message) == NULL)
		fail_msg("%s: \"%s\" is not in \"%s\"", line, message, m->ctx->error->message);
}

static void
write_file(Made *m, const char *text)
{
	int fd;

	strcpy(m->file, "/tmp/test_client_config.XXXXXX");
	fd = mkstemp(m->file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static const char *
option(const Made *m, const char *name)
{
	const char *value = NULL;

	for (int i = 0; i < m->c.noptions; i++)
	{
		if (strcmp(m->c.options[i].name, name) == 0)
			value = m->c.options[i].value;
	}
	return value;
}

#define STREAM "stream --source dbname=x --slot s --sink null: "

static void
presets_and_flags(void **state)
{
	Made *m = *state;

	accepted(m, STREAM);
	assert_int_equal(m->c.command, LH_CLIENT_STREAM);
	assert_string_equal(m->c.source, "dbname=x");
	assert_int_equal(m->c.flush_ms, 100);
	assert_int_equal(m->c.flush_bytes, 8 << 20);
	assert_string_equal(option(m, "format"), "json");
	assert_string_equal(option(m, "frames"), "on");
	assert_string_equal(option(m, "batch.bytes"), "131072");
	assert_string_equal(option(m, "schema.events"), "off");
	assert_null(option(m, "zstd"));
	assert_string_equal(option(m, "hold"), "on");
	assert_string_equal(option(m, "filter-msg-prefixes"), "lakehouse.heartbeat");
	/* what keeps an idle slot at 64 MB */
	assert_int_equal(m->c.heartbeat_s, 60);
	assert_int_equal(m->c.heartbeat_bytes, 16 << 20);
	assert_null(m->c.primary);

	accepted(
		m, STREAM
		"--create --flush-bytes 64kB --flush-ms=5 --until 16/B374D848 --log json --zstd -o messages=off");
	assert_true(m->c.create && m->c.zstd && m->c.log_json);
	assert_int_equal(m->c.flush_bytes, 65536);
	assert_int_equal(m->c.flush_ms, 5);
	assert_true(m->c.until == UINT64_C(0x16b374d848));
	assert_null(option(m, "filter-msg-prefixes"));
	assert_null(option(m, "streaming"));
	assert_null(option(m, "two_phase"));
	accepted(m, STREAM "--streaming --two-phase --unfinished-memory 1MB --unfinished-size 0");
	assert_string_equal(option(m, "streaming"), "on");
	assert_string_equal(option(m, "two_phase"), "on");
	assert_int_equal(m->c.unfinished_memory, 1 << 20);
	assert_int_equal(m->c.unfinished_size, 0);
	accepted(m, STREAM "--heartbeat 0 --heartbeat-bytes 1GB --primary dbname=p");
	assert_int_equal(m->c.heartbeat_s, 0);
	assert_int_equal(m->c.heartbeat_bytes, 1 << 30);
	assert_string_equal(m->c.primary, "dbname=p");
	accepted(m, "status --source d --primary p");
	accepted(m, STREAM "-o filter-msg-prefixes=mine");
	assert_string_equal(option(m, "filter-msg-prefixes"), "mine,lakehouse.heartbeat");
	accepted(m, STREAM "--publication a --publication b --table public.t --table x.*");
	assert_string_equal(option(m, "publication_names"), "a,b");
	assert_string_equal(option(m, "table.include.list"), "public.t,x.*");
}

static void
sinks_have_formats(void **state)
{
	Made *m = *state;

	accepted(
		m,
		"stream --source d --slot s --sink null: --sink debezium-json=file:/tmp/x?a=b --sink stdout:");
	assert_int_equal(m->c.nsinks, 3);
	assert_int_equal(m->c.nformats, 2);
	assert_string_equal(option(m, "format"), "json,debezium-json");
	assert_int_equal(m->c.sinks[1].format, 1);
	assert_int_equal(m->c.sinks[2].format, 0);
	assert_string_equal(m->c.sinks[1].uri, "file:/tmp/x?a=b");
	refused(m, "stream --source d --slot s --sink nosuch=null:", "there is no format \"nosuch\"");
	refused(m, STREAM "--format nosuch", "there is no format \"nosuch\"");
}

static void
mistakes_are_told(void **state)
{
	Made *m = *state;

	refused(m, "", "no command");
	refused(m, "sing", "\"sing\" is no command");
	refused(m, "stream --slot s --sink null:", "no source");
	refused(m, "stream --source d --sink null:", "no slot");
	refused(m, "stream --source d --slot s", "no sink");
	refused(m, "stream --source d --slot S-1 --sink null:", "cannot be a slot's name");
	refused(
		m,
		"stream --source d --slot aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg --sink null:",
		"cannot be a slot's name");
	refused(m, STREAM "--flush", "\"--flush\" is no flag");
	refused(m, STREAM "extra", "\"extra\" is no flag");
	refused(m, STREAM "--flush-ms", "--flush-ms needs a value");
	refused(m, STREAM "--flush-ms -1", "from 0 to 3600000");
	refused(m, STREAM "--flush-ms 5x", "from 0 to 3600000");
	refused(m, STREAM "--flush-bytes 99999999999999999999", "--flush-bytes is");
	refused(m, STREAM "--flush-bytes 9000000000GB", "--flush-bytes is");
	refused(m, STREAM "--until 5", "such as 0/16B3748");
	refused(m, STREAM "--until 123456789/0", "such as 0/16B3748");
	refused(m, STREAM "--once --until 0/1", "exclude each other");
	refused(m, STREAM "--failover", "needs --create");
	refused(m, STREAM "--log loud", "text or json");
	refused(m, STREAM "--yes", "--yes does not go with \"stream\"");
	refused(m, STREAM "--option nosuch=1", "nosuch");
	refused(m, STREAM "-o hold", "cannot be given: use --hold=off");
	refused(m, STREAM "--option FRAMES=off", "cannot be given: the client always wants frames");
	refused(m, STREAM "--option streaming=on", "use --streaming");
	refused(m, STREAM "--option two_phase=off", "use --two-phase");
	/* what is told before its commit may be taken back, which not every format can say */
	refused(m, STREAM "--sink null: --streaming --format debezium-json", "cannot tell of transactions before their commit");
	refused(m, STREAM "--sink null: --sink debezium-json=null: --two-phase", "cannot tell of transactions before their commit");
	refused(m, STREAM "--sink null: --streaming --option unwrap=on", "contradicts \"unwrap\"");
	refused(m, STREAM "--sink null: --two-phase --option provide.transaction.metadata=on", "--two-phase contradicts");
	refused(m, STREAM "--option batch_bytes=1", "use --batch-bytes");
	/* sinks that leave out tombstones */
	refused(m, STREAM "--sink upsert=file:/tmp/x", "leaves out messages without a value");
	refused(m, STREAM "--sink stdout: --format upsert", "leaves out messages without a value");
	refused(m, "status --source d --sink null:", "one slot");
	refused(m, "drop --source d", "no slot");
	refused(m, "drop --source d --slot s --primary p", "does not go with");
	refused(m, STREAM "--heartbeat-bytes x", "--heartbeat-bytes is");
	accepted(m, "stream --source d --slot s --sink null: --help");
	assert_int_equal(m->c.command, LH_CLIENT_HELP);
	accepted(m, STREAM "--sink upsert=null: --sink flat=stdout:");
	accepted(m, "status --source d");
}

static void
snapshots(void **state)
{
	Made *m = *state;

	accepted(m, "run --source d --slot s --sink null:");
	assert_int_equal(m->c.command, LH_CLIENT_RUN);
	assert_true(m->c.create);
	assert_int_equal(m->c.jobs, 4);
	assert_int_equal(m->c.chunk_blocks, 1024);
	assert_int_equal(m->c.chunk_memory, 32 << 20);
	assert_string_equal(option(m, "format"), "json");
	accepted(m, "snapshot --source d --slot s --sink null: --jobs 64 --chunk-blocks 1 "
				"--chunk-memory 64kB --failover --table public.t --flush-ms 1");
	assert_int_equal(m->c.command, LH_CLIENT_SNAPSHOT);
	assert_int_equal(m->c.jobs, 64);
	accepted(m, "run --source d --slot s --sink null: --once --heartbeat 5");
	refused(m, "run --source d --slot s", "no sink");
	refused(m, "run --source d --sink null:", "no slot");
	refused(m, "run --source d --slot s --sink null: --jobs 65", "from 1 to 64");
	refused(m, "run --source d --slot s --sink null: --chunk-blocks 0", "from 1 to");
	refused(m, "run --source d --slot s --sink null: --chunk-memory 1kB", "from 65536 to");
	refused(m, "snapshot --source d --slot s --sink null: --once",
			"--once does not go with \"snapshot\"");
	refused(m, STREAM "--jobs 2", "--jobs does not go with \"stream\"");
}

static void
environment_and_file(void **state)
{
	Made *m = *state;
	char line[256];

	write_file(m, "# what we stream\n"
				  "source = 'host=a password=''x#y'' dbname=d' # quoted\n"
				  "slot = from_file\n"
				  "flush-ms\t=  7   # a comment\r\n"
				  "table = a.b#c\n"
				  "table = d.e\n"
				  "\n"
				  "yes = on\n"
				  "sink = null:");
	snprintf(line, sizeof(line), "stream --config %s", m->file);
	accepted(m, line);
	assert_string_equal(m->c.source, "host=a password='x#y' dbname=d");
	assert_string_equal(m->c.slot, "from_file");
	assert_int_equal(m->c.flush_ms, 7);
	assert_string_equal(option(m, "table.include.list"), "a.b#c,d.e");

	/* the environment is stronger, flags are strongest; lists are replaced whole */
	m->environ[0] = "LAKEHOUSE_CDC_FLUSH_MS=8";
	m->environ[1] = "LAKEHOUSE_CDC_SLOT=from_env";
	m->environ[2] = "LAKEHOUSE_CDC_TABLE=x.y  z.z";
	m->environ[3] = "LAKEHOUSE_CDCX=1";
	accepted(m, line);
	assert_int_equal(m->c.flush_ms, 8);
	assert_string_equal(m->c.slot, "from_env");
	assert_string_equal(option(m, "table.include.list"), "x.y,z.z");
	snprintf(line, sizeof(line), "stream --config %s --flush-ms 9 --table q.q", m->file);
	accepted(m, line);
	assert_int_equal(m->c.flush_ms, 9);
	assert_string_equal(option(m, "table.include.list"), "q.q");
	m->environ[3] = "LAKEHOUSE_CDC_FLUSHMS=1";
	refused(m, line, "environment variable LAKEHOUSE_CDC_FLUSHMS is no setting");
	m->environ[3] = NULL;
	refused(m, "stream --config /nonexistent/file", "cannot be opened: No such file");
}

static void
lines_of_the_file_are_named(void **state)
{
	static const struct
	{
		const char *text, *message;
	} cases[] = {{"source = d\nslto = x\n", "line 2: slto is no setting"},
				 {"source = 'd\n", "line 1: source: the value's quotes"},
				 {"source = 'd' e\n", "line 1: source: the value's quotes"},
				 {"\n\nflush-ms = many\n", "line 3: flush-ms is \"many\""},
				 {"flush-ms =\n", "line 1: flush-ms has no value"},
				 {"flush-ms = # 5\n", "line 1: flush-ms has no value"},
				 {"flush-ms", "line 1: flush-ms has no value"}};
	Made *m = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char line[128];

		write_file(m, cases[i].text);
		snprintf(line, sizeof(line), "stream --config %s", m->file);
		refused(m, line, cases[i].message);
		unlink(m->file);
	}
	m->file[0] = '\0';
}

static void
topics(void **state)
{
	static const struct
	{
		const char *template, *topic;
	} good[] = {{"{slot}.{schema}.{table}", "s.My_20Schema.t_c3_a4-1"},
				{"all", "all"},
				{"{{{table}}}", "{t_c3_a4-1}"},
				{"{table}{table}", "t_c3_a4-1t_c3_a4-1"}};
	static const struct
	{
		const char *template, *message;
	} bad[] = {{"", "empty"},
			   {"{tabel}", "\"{tabel}\" is not known"},
			   {"a}b", "without \"{\""},
			   {"{table", "is not known"},
			   {"{", "is not known"}};
	Made *m = *state;
	LhRoute route;
	const char *topic;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		assert_int_equal(lh_route_compile(m->ctx, good[i].template, true, &route), LH_OK);
		assert_int_equal(lh_route_topic(m->ctx, &route, "s", "My Schema", "t\xc3\xa4-1", &topic),
						 LH_OK);
		assert_string_equal(topic, good[i].topic);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		lh_error_clear(m->ctx);
		assert_int_equal(lh_route_compile(m->ctx, bad[i].template, true, &route), LH_INVALID);
		assert_non_null(strstr(m->ctx->error->message, bad[i].message));
	}
	lh_error_clear(m->ctx);
	assert_int_equal(lh_route_compile(m->ctx, "{slot}.{table}", false, &route), LH_INVALID);
	assert_int_equal(
		lh_route_compile(
			m->ctx,
			"a.b.c{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}{slot}",
			true, &route),
		LH_LIMIT);
}

/* Every setting is in the help, by its name, and has a name that the environment can carry. */
static void
help_names_all(void **state)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	lh_client_help(f, LH_CLIENT_HELP);
	fclose(f);
	for (int i = 0; i < lh_client_nsettings; i++)
	{
		char flag[64];

		snprintf(flag, sizeof(flag), "  --%s", lh_client_settings[i].name);
		assert_non_null(strstr(text, flag));
		assert_null(strchr(lh_client_settings[i].name, '_'));
	}
	assert_non_null(strstr(text, "stdout"));
	assert_true(lh_client_nsettings <= 64);
	free(text);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(presets_and_flags),
		T(sinks_have_formats),
		T(mistakes_are_told),
		T(environment_and_file),
		T(lines_of_the_file_are_named),
		T(topics),
		T(help_names_all),
		T(snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
