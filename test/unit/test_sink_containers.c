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

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sink/files.h"
#include "unit/avro_make.h"
#include "unit/avro_show.h"
#include "unit/pq_file.h"
#include "unit/sink_crash.h"

/* Sanitizers make children dear: then a part of the steps. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 6
#else
#define STRIDE 1
#endif

#define META                                                                                     \
	"{\"name\":\"__op\",\"type\":\"string\"},{\"name\":\"__lsn\",\"type\":\"long\"},"            \
	"{\"name\":\"__seq\",\"type\":\"long\"},{\"name\":\"__ts_us\",\"type\":[\"null\",{\"type\":" \
	"\"long\",\"logicalType\":\"timestamp-micros\"}]},{\"name\":\"__unchanged\",\"type\":{"      \
	"\"type\":\"array\",\"items\":\"string\"},\"default\":[]}]}"
#define ORDERS                                                                                    \
	"{\"type\":\"record\",\"name\":\"orders\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"   \
	"{\"name\":\"note\",\"type\":[\"null\",\"string\"]},{\"name\":\"amount\",\"type\":[\"null\"," \
	"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":12,\"scale\":2}]},"            \
	"{\"name\":\"tags\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\",\"string\"]}]},"

enum
{
	ORDERS_1,
	ORDERS_2, /* the same with two columns more */
	KEYLESS,
	EVENTS,
	NSCHEMAS
};

static const char *const texts[NSCHEMAS] = {
	[ORDERS_1] = ORDERS META,
	[ORDERS_2] = ORDERS
	"{\"name\":\"ref\",\"type\":[\"null\",{\"type\":\"string\",\"logicalType\":\"uuid\"}]},"
	"{\"name\":\"day\",\"type\":[\"null\",{\"type\":\"int\",\"logicalType\":\"date\"}]}," META,
	[KEYLESS] = "{\"type\":\"record\",\"name\":\"keyless\",\"fields\":[{\"name\":\"v\",\"type\":"
				"[\"null\",\"double\"]},{\"name\":\"b\",\"type\":[\"null\",\"bytes\"]}," META,
	[EVENTS] = "{\"type\":\"record\",\"name\":\"event\",\"fields\":[{\"name\":\"what\",\"type\":"
			   "{\"type\":\"enum\",\"name\":\"kind\",\"symbols\":[\"begin\",\"end\"]}}," META,
};
static const char *const topics[NSCHEMAS] = {"public.orders", "public.orders", "x/y z", "events"};
static const uint32_t relids[NSCHEMAS] = {100, 100, 101, 0};

static LhCtx *ctx;
static char dir[64];
static LhSchema schemas[NSCHEMAS];

static void
make_dir(void)
{
	/* in memory where that is possible: steps are many, and their order is what counts */
	strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/lh_sink_XXXXXX" : "/tmp/lh_sink_XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void
remove_dir(void)
{
	for (int k = 1; k >= 0; k--)
	{
		const char *path = lh_sprintf(ctx, "%s/%s", dir, crash_folders[k]);
		DIR *d = opendir(path);
		struct dirent *e;

		while (d != NULL && (e = readdir(d)) != NULL)
			if (e->d_type == DT_REG)
				unlink(lh_sprintf(ctx, "%s/%s", path, e->d_name));
		if (d != NULL)
			closedir(d);
		rmdir(path);
	}
}

static int
set_up(void **state)
{
	(void) state;
	crash = NULL;
	ctx = lh_ctx_create();
	make_dir();
	for (int i = 0; i < NSCHEMAS; i++)
		schemas[i] = (LhSchema){LH_SCHEMA_AVRO, lh_schema_fingerprint(texts[i], strlen(texts[i])),
								lh_slice(texts[i], strlen(texts[i]))};
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	remove_dir();
	lh_ctx_destroy(ctx);
	return 0;
}

/*
 * The stream
 */

#define NTXNS 10

static uint64_t
mix(uint64_t a, uint64_t b)
{
	return lh_hash_u64(a * UINT64_C(0x9E3779B97F4A7C15) + b + 1);
}

static int
events_of(int txn)
{
	return txn == NTXNS / 2 ? 24 : (int) (mix(1, (uint64_t) txn) % 7);
}

static int
schema_of(int txn, int event)
{
	static const int kinds[] = {ORDERS_1, ORDERS_1, ORDERS_1, KEYLESS, EVENTS};
	int kind = kinds[mix(2, (uint64_t) txn * 100 + (uint64_t) event) % 5];
	bool later = txn > NTXNS / 2 || (txn == NTXNS / 2 && event >= 11);

	return kind == ORDERS_1 && later ? ORDERS_2 : kind;
}

static int
messages_of(int txn, int event)
{
	/* the second is a tombstone, or a row of its own */
	return 1 + (schema_of(txn, event) < KEYLESS &&
				mix(3, (uint64_t) txn * 100 + (uint64_t) event) % 3 == 0);
}

static LhChangePos
pos_of(int txn, int event)
{
	return (LhChangePos){(uint64_t) (txn + 1) * 256, (uint64_t) event + 1, 700};
}

/* The record of a row, without its head. */
static void
make_record(AvroMake *m, int schema, int txn, int event, int sub)
{
	uint64_t r = mix(9, (uint64_t) txn * 1000 + (uint64_t) event * 10 + (uint64_t) sub);
	bool gone = r % 5 == 0, truncate = r % 17 == 1;
	char text[80];

	snprintf(text, sizeof(text), "t%d e%d s%d \xc3\xa4 %.*s", txn, event, sub, (int) (r % 40),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop");
	if (schema == ORDERS_1 || schema == ORDERS_2)
	{
		avro_long(m, truncate ? 0 : (int64_t) (r >> 20));
		avro_long(m, !gone);
		if (!gone)
			avro_text(m, text);
		avro_long(m, !gone);
		if (!gone)
			avro_bytes(m, &(uint16_t){(uint16_t) r}, 2);
		avro_long(m, !gone);
		if (!gone)
		{
			avro_long(m, 2);
			avro_long(m, 1);
			avro_text(m, "a tag");
			avro_long(m, 0);
			avro_long(m, 0);
		}
	}
	if (schema == ORDERS_2)
	{
		avro_long(m, 1);
		avro_text(m, "f47ac10b-58cc-4372-a567-0e02b2c3d479");
		avro_long(m, 1);
		avro_long(m, (int64_t) (r % 40000) - 20000);
	}
	if (schema == KEYLESS)
	{
		avro_long(m, 1);
		avro_double(m, (double) (r % 1000) / 8);
		avro_long(m, !gone);
		if (!gone)
			avro_bytes(m, "\0\xff\x80", 3);
	}
	if (schema == EVENTS)
		avro_long(m, event % 2);
	avro_text(m, truncate ? "t" : gone ? "d" : "c");
	avro_long(m, (txn + 1) * 256);
	avro_long(m, event * 2 + sub);
	avro_long(m, 1);
	avro_long(m, INT64_C(1700000000000000) + txn);
	avro_long(m, 0);
}

static LhSinkMessage
make_message(int txn, int event, int sub)
{
	int schema = schema_of(txn, event);
	AvroMake m = avro_new(ctx);
	uint8_t head[LH_SCHEMA_HEAD];

	lh_schema_head(LH_SCHEMA_AVRO, schemas[schema].fingerprint, head);
	avro_raw(&m, head, sizeof(head));
	make_record(&m, schema, txn, event, sub);
	return (LhSinkMessage){.op = LH_CHANGE_INSERT,
						   .pos = pos_of(txn, event),
						   .sub = sub,
						   .relid = relids[schema],
						   .topic = topics[schema],
						   .tombstone = sub == 1 && mix(4, (uint64_t) event) % 2 == 0,
						   .value = lh_slice(m.b.data, m.b.len),
						   .value_schema = &schemas[schema]};
}

/*
 * Putting it
 */

static LhStatus
open_sink(const char *options, LhSink **out)
{
	return lh_sink_open(ctx, lh_sprintf(ctx, "file://%s?%s", dir, options), "slot", "avro", false,
						out);
}

static LhStatus
open_recovered(const char *options, LhSink **sink, LhChangePos *pos)
{
	bool known;

	LH_TRY(open_sink(options, sink));
	return (*sink)->kind->recover(ctx, *sink, pos, &known);
}

/* Put all that is beyond the position; *promised follows what the sink says is durable. */
static LhStatus
feed(LhSink *sink, const LhChangePos *from, LhChangePos *promised)
{
	for (int t = 0; t < NTXNS; t++)
	{
		LhChangePos end = pos_of(t, events_of(t));

		for (int e = 0; e < events_of(t); e++)
		{
			LhChangePos pos = pos_of(t, e);

			for (int k = 0; k < messages_of(t, e); k++)
				if (lh_change_pos_compare(&pos, from) > 0)
				{
					LhSinkMessage m = make_message(t, e, k);

					LH_TRY(sink->kind->put(ctx, sink, &m));
					*promised = sink->durable;
				}
			if (mix(5, (uint64_t) t * 100 + (uint64_t) e) % 8 == 0)
				LH_TRY(sink->kind->flush(ctx, sink));
			*promised = sink->durable;
		}
		if (lh_change_pos_compare(&end, from) > 0)
			LH_TRY(sink->kind->commit(ctx, sink, &end));
		if (mix(6, (uint64_t) t) % 3 == 0)
			LH_TRY(sink->kind->flush(ctx, sink));
		*promised = sink->durable;
	}
	LH_TRY(sink->kind->flush(ctx, sink));
	*promised = sink->durable;
	return sink->kind->close(ctx, sink);
}

static LhStatus
run(const char *options, LhChangePos *promised)
{
	LhChangePos pos;
	LhSink *sink;

	LH_TRY(open_recovered(options, &sink, &pos));
	return feed(sink, &pos, promised);
}

/*
 * Reading back
 */

static const char *
at(const char *name)
{
	return lh_sprintf(ctx, "%s/%s", dir, name);
}

static char *
slurp(const char *name, size_t *n)
{
	FILE *f = fopen(at(name), "rb");
	char *text;

	if (f == NULL)
		fail_msg("there is no %s", name);
	fseek(f, 0, SEEK_END);
	*n = (size_t) ftell(f);
	rewind(f);
	text = lh_alloc0(ctx, *n + LH_PADDING);
	assert_int_equal(fread(text, 1, *n, f), *n);
	fclose(f);
	return text;
}

static void
show(LhStatus status)
{
	if (status != LH_OK)
		fail_msg("%s", ctx->error->message);
}

/* Rows of a Parquet file as avro_show_rows has them. */
static void
show_parquet(const char *name, int64_t *rows, LhBuf *out)
{
	const LhPqMeta *meta;
	LhPqColumn *cols[32];
	LhVec vecs[32];
	LhPqFile *file;
	bool slot = false;

	show(pq_open_path(ctx, at(name), NULL, &file));
	meta = lh_pq_meta(file);
	*rows = meta->num_rows;
	for (int i = 0; i < meta->nkv; i++)
		slot |= strcmp(meta->kv[2 * i], "lakehouse.slot") == 0 &&
				strcmp(meta->kv[2 * i + 1], "slot") == 0;
	assert_true(slot);
	for (int g = 0; g < meta->ngroups; g++)
	{
		int64_t n = meta->groups[g].num_rows;
		int ncols = 0;

		for (int node = meta->nodes[0].first_child; node >= 0; node = meta->nodes[node].next)
			show(lh_pq_column_open(ctx, file, g, node, &cols[ncols++]));
		for (int64_t row = 0; row < n; row += LH_BATCH)
		{
			int k = n - row < LH_BATCH ? (int) (n - row) : LH_BATCH;

			for (int c = 0; c < ncols; c++)
				show(lh_pq_column_read(ctx, cols[c], row, k, NULL, &vecs[c]));
			for (int i = 0; i < k; i++)
				for (int c = 0; c < ncols; c++)
				{
					show(avro_show_vec(ctx, out, &vecs[c], i));
					show(lh_buf_putc(ctx, out, c == ncols - 1 ? '\n' : ' '));
				}
		}
	}
}

static void
show_avro(LhSlice bytes, const char *name, int64_t *rows, LhBuf *out)
{
	LhAvroWant wants[32] = {0};
	const LhAvroMeta *meta;
	LhAvroReader *reader;
	LhAvroFile *file;
	int n = 0;

	show(lh_avro_open_bytes(ctx, bytes, name, &file));
	show(avro_count(ctx, file, rows));
	meta = lh_avro_meta(file);
	for (int node = meta->nodes[0].first_child; node >= 0; node = meta->nodes[node].next)
		wants[n++].node = node;
	show(lh_avro_reader_open(ctx, file, n, wants, NULL, &reader));
	show(avro_show_rows(ctx, reader, out));
	out->len--; /* its NUL */
	lh_avro_reader_close(reader);
}

/* The rows of a schema that lie before a position, as they should be found. */
static const char *
expected(int schema, const LhChangePos *until, int64_t *rows)
{
	AvroMake file = avro_new(ctx), block = avro_new(ctx);
	int64_t n;
	LhBuf out;

	*rows = 0;
	for (int t = 0; t < NTXNS; t++)
		for (int e = 0; e < events_of(t); e++)
			for (int k = 0; k < messages_of(t, e); k++)
			{
				LhChangePos pos = pos_of(t, e);

				if (schema_of(t, e) != schema || make_message(t, e, k).tombstone ||
					lh_change_pos_compare(&pos, until) > 0)
					continue;
				make_record(&block, schema, t, e, k);
				++*rows;
			}
	avro_header(&file, texts[schema], NULL, NULL);
	if (*rows > 0)
		avro_block(&file, *rows, &block.b, NULL);
	show(lh_buf_init(ctx, &out, false));
	show_avro(lh_slice(file.b.data, file.b.len), "expected", &n, &out);
	show(lh_buf_putc(ctx, &out, '\0'));
	return (const char *) out.data;
}

/* Does the text of the schema lie where the manifest says? */
static int
schema_of_entry(const json_t *json)
{
	const char *name = json_string_value(json_object_get(json, "schema"));
	size_t n;
	char *text;

	assert_non_null(name);
	text = slurp(lh_sprintf(ctx, "_schemas/%s.avsc", name), &n);
	for (int i = 0; i < NSCHEMAS; i++)
		if (n == strlen(texts[i]) && memcmp(text, texts[i], n) == 0)
		{
			assert_string_equal(
				name, lh_sprintf(ctx, "%016llx", (unsigned long long) schemas[i].fingerprint));
			assert_string_equal(json_string_value(json_object_get(json, "topic")), topics[i]);
			return i;
		}
	fail_msg("%s is no schema of the stream", name);
	return -1;
}

/* Names that are data or on the way to be. */
static int
count_files(bool temporary)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL)
		n += temporary ? strncmp(e->d_name, ".tmp-", 5) == 0
					   : e->d_type == DT_REG && e->d_name[0] != '.' && e->d_name[0] != '_';
	closedir(d);
	return n;
}

/* The files hold what lies before the position, once and in order, and the manifest tells the truth. */
static int
assert_files(const LhChangePos *until, const char *container)
{
	LhBuf found[NSCHEMAS];
	int64_t rows[NSCHEMAS] = {0}, n;
	char *text, *line, *save;
	int files = 0;
	size_t len;

	for (int i = 0; i < NSCHEMAS; i++)
		show(lh_buf_init(ctx, &found[i], false));
	text = slurp(LH_FILES_MANIFEST, &len);
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
	{
		json_t *json = json_loads(line, 0, NULL);
		const char *name = json_string_value(json_object_get(json, "name"));
		int schema = schema_of_entry(json);
		char crc[9];
		char *bytes = slurp(name, &len);

		assert_string_equal(json_string_value(json_object_get(json, "container")), container);
		assert_null(json_object_get(json, "log"));
		assert_int_equal(len, json_integer_value(json_object_get(json, "bytes")));
		snprintf(crc, sizeof(crc), "%08x", lh_crc32(bytes, len));
		assert_string_equal(crc, json_string_value(json_object_get(json, "crc32")));
		assert_string_equal(strrchr(name, '.') + 1, container);
		if (strcmp(container, "avro") == 0)
			show_avro(lh_slice(bytes, len), name, &n, &found[schema]);
		else
			show_parquet(name, &n, &found[schema]);
		assert_int_equal(json_integer_value(json_object_get(json, "rows")), n);
		rows[schema] += n;
		json_decref(json);
		files++;
	}
	assert_int_equal(files, count_files(false));
	for (int i = 0; i < NSCHEMAS; i++)
	{
		const char *want = expected(i, until, &n);

		show(lh_buf_putc(ctx, &found[i], '\0'));
		assert_string_equal((char *) found[i].data, want);
		assert_int_equal(rows[i], n);
	}
	return files;
}

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
