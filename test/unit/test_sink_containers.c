/*
 * test_sink_containers.c
 *		Files of Avro containers and Parquet: exactly once, whatever step is the last.
 *
 * The stream has three tables and events of none.  "orders" gets another schema in the
 * middle of a transaction; deletes, tombstones and truncations come, a table has no key.
 * A child puts it and is killed before one step on the directory after the other
 * (sink_crash.h), with and without loss of power.  What recovery keeps must be just
 * what lies before the position that it names, and that no less than what was promised;
 * then the stream goes on, and in the end the files hold all of it once, in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include "unit/sink_rows.h"

/* Sanitizers make children dear: then a part of the steps. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 6
#else
#define STRIDE 1
#endif

/*
 * Every step
 */

typedef struct Shared
{
	LhChangePos promised;
	LhChangePos recovered;
} Shared;

/* In a child that may be killed: recover, and go on or stop there. */
static bool
child_ended(const char *options, Shared *shared, bool go_on)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		LhSink *sink;
		LhStatus result = open_recovered(options, &sink, &shared->recovered);

		if (result == LH_OK && go_on)
			result = feed(sink, &shared->recovered, &shared->promised);
		else if (result == LH_OK)
			result = sink->kind->close(ctx, sink);
		if (result != LH_OK)
			fprintf(stderr, "%s\n", ctx->error->message);
		_exit(result == LH_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		fail_msg("a child ended with %d", WEXITSTATUS(status));
	return WIFEXITED(status);
}

/* Kill at one step, and perhaps at one of the recovery; true: there was no such step. */
static bool
kill_at(const char *options, const char *container, long step, Shared *shared)
{
	uint64_t r = mix((uint64_t) step, 77);
	bool power = r & 1;

	remove_dir();
	make_dir();
	crash_create(dir);
	memset(shared, 0, sizeof(*shared));
	crash_arm(step);
	if (child_ended(options, shared, true))
		return true;
	if (power)
		crash_lose_power(r);
	if (r & 2)
	{
		crash_arm(1 + (long) (r >> 8) % 25);
		if (!child_ended(options, shared, false) && (r & 4))
			crash_lose_power(r ^ 55);
	}
	crash_arm(0);
	assert_true(child_ended(options, shared, false));
	if (lh_change_pos_compare(&shared->recovered, &shared->promised) < 0)
		fail_msg("step %ld: %llx/%llu was promised, %llx/%llu recovered", step,
				 (unsigned long long) shared->promised.commit_end,
				 (unsigned long long) shared->promised.ordinal,
				 (unsigned long long) shared->recovered.commit_end,
				 (unsigned long long) shared->recovered.ordinal);
	assert_files(&shared->recovered, container);
	assert_int_equal(count_files(true), 0);
	assert_true(child_ended(options, shared, true));
	assert_files(&(LhChangePos){UINT64_MAX, 0, 0}, container);
	return false;
}

static void
kill_at_every_step(const char *options, const char *container)
{
	Shared *shared =
		mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	LhArena *work = lh_arena_child(ctx->arena), *old = lh_use(ctx, work);
	long step = 1;

	while (!kill_at(options, container, step, shared))
	{
		step += STRIDE;
		lh_arena_reset(work);
	}
	crash = NULL;
	lh_use(ctx, old);
	munmap(shared, sizeof(*shared));
	print_message("%ld steps with %s, each %d.\n", step - 1, options, STRIDE);
	assert_true(step > 100);
}

static void
avro_survives_a_kill_at_every_step(void **state)
{
	(void) state;
	kill_at_every_step("container=avro&rotate.bytes=1500&block.bytes=200", "avro");
}

static void
parquet_survives_a_kill_at_every_step(void **state)
{
	(void) state;
	kill_at_every_step("container=parquet&rotate.bytes=1500&block.bytes=200", "parquet");
}

/*
 * Without crashes
 */

static void
options_make_files_that_can_be_read(void **state)
{
	static const char *const options[][2] = {
		{"container=avro", "avro"},
		{"container=avro&compress=deflate&block.bytes=100", "avro"},
		{"container=avro&compress=zstd&per=topic", "avro"},
		{"container=avro&compress=snappy&rotate.bytes=1", "avro"},
		{"container=parquet", "parquet"},
		{"container=parquet&compress=none&rotate.bytes=500", "parquet"},
		{"container=parquet&compress=snappy&block.bytes=1", "parquet"},
		{"container=parquet&compress=gzip", "parquet"},
	};

	(void) state;
	for (int i = 0; i < 8; i++)
	{
		LhChangePos pos;

		remove_dir();
		make_dir();
		show(run(options[i][0], &pos));
		assert_true(assert_files(&pos, options[i][1]) >= NSCHEMAS);
		assert_int_equal(count_files(true), 0);
	}
}

static void
assert_refused_options(const char *options, const char *part)
{
	LhSink *sink;

	assert_int_equal(open_sink(options, &sink), LH_INVALID);
	if (strstr(ctx->error->message, part) == NULL)
		fail_msg("%s", ctx->error->message);
	lh_error_clear(ctx);
}

static void
what_does_not_go_together_is_refused(void **state)
{
	LhSink *sink;

	(void) state;
	assert_refused_options("container=orc", "container");
	assert_refused_options("container=avro&per=stream", "per=topic");
	assert_refused_options("container=avro&compress=gzip", "deflate");
	assert_refused_options("container=parquet&compress=deflate", "gzip");
	assert_refused_options("block.bytes=100", "only containers have blocks");
	assert_int_equal(lh_sink_open(ctx, lh_sprintf(ctx, "file://%s?container=avro", dir), "slot",
								  "json", true, &sink),
					 LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "needs a format with Avro schemas, not json"));
}

/* Old schema's file is finished with the event that brings the new one, though its transaction goes on. */
static void
a_new_schema_ends_the_file_of_the_old_one(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	LhSinkMessage m = make_message(NTXNS / 2, 0, 0);
	uint8_t head[LH_SCHEMA_HEAD];

	(void) state;
	show(open_recovered("container=avro", &sink, &pos));
	for (int i = 0; i < 4; i++)
	{
		int schema = i < 2 ? ORDERS_1 : ORDERS_2;
		AvroMake value = avro_new(ctx);

		lh_schema_head(LH_SCHEMA_AVRO, schemas[schema].fingerprint, head);
		avro_raw(&value, head, sizeof(head));
		make_record(&value, schema, 1, i, 0);
		m.pos = (LhChangePos){512, (uint64_t) i + 1, 7};
		m.relid = 100;
		m.topic = topics[schema];
		m.value = lh_slice(value.b.data, value.b.len);
		m.value_schema = &schemas[schema];
		show(sink->kind->put(ctx, sink, &m));
		assert_int_equal(count_files(false), i == 3);
	}
	/* a table of its own that shares the topic takes turns with it */
	for (int i = 4; i < 10; i++)
	{
		int schema = i % 2 ? ORDERS_2 : ORDERS_1;
		AvroMake value = avro_new(ctx);

		lh_schema_head(LH_SCHEMA_AVRO, schemas[schema].fingerprint, head);
		avro_raw(&value, head, sizeof(head));
		make_record(&value, schema, 1, i, 0);
		m.pos.ordinal = (uint64_t) i + 1;
		m.relid = schema == ORDERS_2 ? 100 : 200;
		m.value = lh_slice(value.b.data, value.b.len);
		m.value_schema = &schemas[schema];
		show(sink->kind->put(ctx, sink, &m));
	}
	assert_int_equal(count_files(false), 1);
	assert_int_equal(count_files(true), 2);
	m.pos.ordinal = 99;
	show(sink->kind->commit(ctx, sink, &m.pos));
	show(sink->kind->flush(ctx, sink));
	show(sink->kind->close(ctx, sink));
	assert_int_equal(count_files(false), 3);
}

/* More topics than files may be open: all are finished, and none is lost. */
static void
there_may_be_more_topics_than_open_files(void **state)
{
	static const char *const containers[] = {"avro", "parquet"};

	(void) state;
	for (int k = 0; k < 2; k++)
	{
		LhSinkMessage m = make_message(0, 0, 0);
		AvroMake value = avro_new(ctx);
		uint8_t head[LH_SCHEMA_HEAD];
		LhChangePos pos;
		LhSink *sink;

		remove_dir();
		make_dir();
		lh_schema_head(LH_SCHEMA_AVRO, schemas[KEYLESS].fingerprint, head);
		avro_raw(&value, head, sizeof(head));
		make_record(&value, KEYLESS, 0, 1, 0);
		m.value = lh_slice(value.b.data, value.b.len);
		m.value_schema = &schemas[KEYLESS];
		show(open_recovered(lh_sprintf(ctx, "container=%s", containers[k]), &sink, &pos));
		for (int i = 0; i < LH_FILES_OPEN_MAX + 40; i++)
		{
			m.topic = lh_sprintf(ctx, "topic %d", i);
			m.pos = (LhChangePos){256, (uint64_t) i + 1, 7};
			m.relid = (uint32_t) i + 1;
			m.sub = 0;
			m.tombstone = false;
			show(sink->kind->put(ctx, sink, &m));
		}
		assert_int_equal(count_files(false), LH_FILES_OPEN_MAX);
		show(sink->kind->commit(ctx, sink, &m.pos));
		show(sink->kind->flush(ctx, sink));
		show(sink->kind->close(ctx, sink));
		assert_int_equal(count_files(false), LH_FILES_OPEN_MAX + 40);
		assert_int_equal(count_files(true), 0);
	}
}

/* A message that no container can take is refused alone; the sink goes on as if it had not come. */
static void
messages_without_schemas_are_refused_alone(void **state)
{
	LhSinkMessage good = make_message(0, 0, 0), bad = good;
	LhChangePos pos;
	LhSink *sink;

	(void) state;
	show(open_recovered("container=parquet", &sink, &pos));
	assert_non_null(sink->refusals);
	bad.value_schema = NULL;
	assert_int_equal(sink->kind->put(ctx, sink, &bad), LH_SINK_REFUSED);
	assert_true(sink->refusals->here && sink->refusals->n == 1);
	assert_int_equal(lh_change_pos_compare(&sink->refusals->v[0].pos, &bad.pos), 0);
	bad = good;
	bad.value_schema = &schemas[EVENTS == schema_of(0, 0) ? KEYLESS : EVENTS];
	assert_int_equal(sink->kind->put(ctx, sink, &bad), LH_SINK_REFUSED);
	bad = good;
	bad.value = lh_slice(good.value.data, LH_SCHEMA_HEAD - 1);
	assert_int_equal(sink->kind->put(ctx, sink, &bad), LH_SINK_REFUSED);
	good.tombstone = false;
	show(sink->kind->put(ctx, sink, &good));
	assert_false(sink->refusals->here);
	show(sink->kind->commit(ctx, sink, &good.pos));
	show(sink->kind->flush(ctx, sink));
	show(sink->kind->close(ctx, sink));
	assert_int_equal(count_files(false), 1);
}

/* A value that is no record of its schema fails before anything of it is durable. */
static void
bad_records_fail_before_they_are_durable(void **state)
{
	static const char *const containers[] = {"avro", "parquet"};

	(void) state;
	for (int k = 0; k < 2; k++)
		for (int how = 0; how < 3; how++)
		{
			const char *options = lh_sprintf(ctx, "container=%s", containers[k]);
			LhSinkMessage m = make_message(0, 0, 0);
			AvroMake value = avro_new(ctx);
			uint8_t head[LH_SCHEMA_HEAD];
			LhChangePos pos;
			LhSink *sink;
			LhStatus status;

			remove_dir();
			make_dir();
			lh_schema_head(LH_SCHEMA_AVRO, schemas[ORDERS_1].fingerprint, head);
			avro_raw(&value, head, sizeof(head));
			make_record(&value, ORDERS_1, 0, 2, 0);
			assert_non_null(memmem(value.b.data, value.b.len, "\xc3\xa4", 2));
			m = (LhSinkMessage){.pos = {256, 1, 7}, .topic = topics[ORDERS_1], .relid = 100};
			m.value_schema = &schemas[ORDERS_1];
			m.value = lh_slice(value.b.data, value.b.len);
			show(open_recovered(options, &sink, &pos));
			show(sink->kind->put(ctx, sink, &m));
			show(sink->kind->commit(ctx, sink, &m.pos));
			show(sink->kind->flush(ctx, sink));
			m.pos.commit_end = 512;
			if (how == 0)
				m.value.len--; /* cut off */
			else if (how == 1)
				avro_byte(&value, 0), m.value.len++; /* too long */
			else
				*(uint8_t *) memmem(value.b.data, value.b.len, "\xc3\xa4", 2) = 'a'; /* no UTF-8 */
			m.value.data = value.b.data;
			show(sink->kind->put(ctx, sink, &m));
			status = sink->kind->flush(ctx, sink);
			assert_int_equal(status, how == 2 ? LH_BAD_TEXT : LH_CORRUPT);
			assert_non_null(strstr(ctx->error->message, "public.orders"));
			lh_error_clear(ctx);
			/* what was durable is there, and nothing else */
			show(sink->kind->recover(ctx, sink, &pos, &(bool){false}));
			assert_int_equal(pos.commit_end, 256);
			show(sink->kind->close(ctx, sink));
			assert_int_equal(count_files(false), 1);
		}
}

/* Schemas that are none, or that Parquet has no columns for, fail with the first message. */
static void
bad_schemas_fail_at_once(void **state)
{
	static const struct
	{
		const char *text, *container, *part;
		LhStatus status;
	} bad[] = {
		{"{\"type\":\"recor", "avro", "no JSON", LH_CORRUPT},
		{"{\"type\":\"nonsense\"}", "avro", "nonsense", LH_CORRUPT},
		{"\"long\"", "parquet", "only records have", LH_UNSUPPORTED},
		{"{\"type\":\"record\",\"name\":\"r\",\"fields\":[]}", "parquet", "at least one column",
		 LH_INVALID},
	};

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		LhSchema schema = {LH_SCHEMA_AVRO, 1234, lh_slice(bad[i].text, strlen(bad[i].text))};
		LhSinkMessage m = {.pos = {256, 1, 7}, .topic = "t", .value_schema = &schema};
		uint8_t head[LH_SCHEMA_HEAD];
		LhChangePos pos;
		LhSink *sink;

		lh_schema_head(LH_SCHEMA_AVRO, 1234, head);
		m.value = lh_slice(head, sizeof(head));
		show(open_recovered(lh_sprintf(ctx, "container=%s", bad[i].container), &sink, &pos));
		if (sink->kind->put(ctx, sink, &m) != bad[i].status ||
			strstr(ctx->error->message, bad[i].part) == NULL)
			fail_msg("%d: %s", i, ctx->error->message);
		show(sink->kind->close(ctx, sink));
		lh_error_clear(ctx);
	}
	assert_int_equal(count_files(false), 0);
}

/* Two texts may have one fingerprint: each file's entry names its own. */
static void
texts_with_one_fingerprint_are_both_kept(void **state)
{
	LhSchema schema[2];
	char *text, *save, *line;
	size_t n;

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		const char *json = lh_sprintf(
			ctx,
			"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":"
			"\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":%d}}]}",
			i);
		uint8_t value[LH_SCHEMA_HEAD + 2];
		LhSinkMessage m = {.pos = {256 * ((uint64_t) i + 1), 1, 7}, .topic = "t"};
		LhChangePos pos;
		LhSink *sink;

		schema[i] = (LhSchema){LH_SCHEMA_AVRO, 0xAB, lh_slice(json, strlen(json))};
		lh_schema_head(LH_SCHEMA_AVRO, 0xAB, value);
		memcpy(value + LH_SCHEMA_HEAD, "\2\5", 2);
		m.value_schema = &schema[i];
		m.value = lh_slice(value, sizeof(value));
		show(open_recovered("container=parquet", &sink, &pos));
		show(sink->kind->put(ctx, sink, &m));
		show(sink->kind->commit(ctx, sink, &m.pos));
		show(sink->kind->flush(ctx, sink));
		show(sink->kind->close(ctx, sink));
	}
	text = slurp(LH_FILES_MANIFEST, &n);
	line = strtok_r(text, "\n", &save);
	for (int i = 0; i < 2; i++, line = strtok_r(NULL, "\n", &save))
	{
		json_t *json = json_loads(line, 0, NULL);
		const char *name = json_string_value(json_object_get(json, "schema"));
		char *kept = slurp(lh_sprintf(ctx, "_schemas/%s.avsc", name), &n);

		assert_int_equal(strncmp(name, "00000000000000ab", 16), 0);
		assert_int_equal(n, schema[i].text.len);
		assert_memory_equal(kept, schema[i].text.data, n);
		json_decref(json);
	}
}

/* A full disk: an error, and after there is room everything comes once. */
static void
a_full_disk_loses_nothing(void **state)
{
	static const char *const containers[] = {"avro", "parquet"};

	(void) state;
	for (int k = 0; k < 2; k++)
	{
		const char *options = lh_sprintf(ctx, "container=%s&rotate.bytes=1000000", containers[k]);
		int failed = 0, status;

		remove_dir();
		make_dir();
		for (rlim_t limit = 300;; limit = limit * 5 / 4)
		{
			pid_t pid = fork();

			if (pid == 0)
			{
				struct rlimit r = {limit, limit};
				LhChangePos pos;
				LhStatus result;

				signal(SIGXFSZ, SIG_IGN);
				setrlimit(RLIMIT_FSIZE, &r);
				result = run(options, &pos);
				_exit(result == LH_OK ? 0 : result == LH_IO && ctx->error->hint[0] != '\0' ? 3 : 1);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status) &&
						(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3));
			if (WEXITSTATUS(status) == 0)
				break;
			failed++;
		}
		assert_true(failed > 2);
		assert_files(&(LhChangePos){UINT64_MAX, 0, 0}, containers[k]);
	}
}

/* A row log that is not as the journal has it: an error, and nothing is made of it. */
static void
damaged_logs_are_errors(void **state)
{
	(void) state;
	for (int how = 0; how < 3; how++)
	{
		LhSinkMessage m = make_message(NTXNS / 2, 0, 0);
		char log[256] = "";
		struct dirent *e;
		LhChangePos pos;
		LhSink *sink;
		DIR *d;
		char *bytes;
		size_t n;
		FILE *f;

		remove_dir();
		make_dir();
		show(open_recovered("container=parquet", &sink, &pos));
		show(sink->kind->put(ctx, sink, &m));
		show(sink->kind->commit(ctx, sink, &m.pos));
		show(sink->kind->flush(ctx, sink));
		d = opendir(dir);
		while ((e = readdir(d)) != NULL)
			if (strstr(e->d_name, LH_FILES_LOG) != NULL)
				snprintf(log, sizeof(log), "%.200s", e->d_name);
		closedir(d);
		bytes = slurp(log, &n);
		if (how == 0)
			bytes[n / 2] ^= 1;
		if (how == 1)
			n--;
		/* the process is gone: only its lock is left to let go */
		lh_files_drop_all((LhFiles *) sink);
		lh_files_release(sink);
		unlink(at(log));
		if (how < 2)
		{
			f = fopen(at(log), "wb");
			assert_int_equal(fwrite(bytes, 1, n, f), n);
			fclose(f);
		}
		assert_int_equal(open_recovered("container=parquet&verify=no", &sink, &pos), LH_CORRUPT);
		assert_non_null(strstr(ctx->error->message, how == 0   ? "CRC-32"
													: how == 1 ? "bytes where"
															   : "is missing"));
		assert_int_equal(count_files(false), 0);
		lh_error_clear(ctx);
		show(sink->kind->close(ctx, sink));
	}
}

static bool
stop_now(void *arg)
{
	(void) arg;
	return true;
}

/* A stop in the middle of the making: the log stays, the next start makes the file. */
static void
making_can_be_stopped(void **state)
{
	static const LhHost stopping = {.interrupted = stop_now};
	LhSinkMessage m = make_message(NTXNS / 2, 0, 0);
	LhChangePos pos;
	LhSink *sink;

	(void) state;
	show(open_recovered("container=parquet", &sink, &pos));
	show(sink->kind->put(ctx, sink, &m));
	show(sink->kind->commit(ctx, sink, &m.pos));
	show(sink->kind->flush(ctx, sink));
	ctx->host = &stopping;
	assert_int_equal(sink->kind->close(ctx, sink), LH_CANCELLED);
	ctx->host = NULL;
	lh_error_clear(ctx);
	assert_int_equal(count_files(false), 0);
	show(open_recovered("container=parquet", &sink, &pos));
	assert_int_equal(pos.commit_end, m.pos.commit_end);
	assert_int_equal(count_files(false), 1);
	assert_int_equal(count_files(true), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_make_files_that_can_be_read),
		TEST(what_does_not_go_together_is_refused),
		TEST(a_new_schema_ends_the_file_of_the_old_one),
		TEST(there_may_be_more_topics_than_open_files),
		TEST(messages_without_schemas_are_refused_alone),
		TEST(bad_records_fail_before_they_are_durable),
		TEST(bad_schemas_fail_at_once),
		TEST(texts_with_one_fingerprint_are_both_kept),
		TEST(a_full_disk_loses_nothing),
		TEST(damaged_logs_are_errors),
		TEST(making_can_be_stopped),
		TEST(avro_survives_a_kill_at_every_step),
		TEST(parquet_survives_a_kill_at_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
