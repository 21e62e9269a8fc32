/*
 * test_sink_files.c
 *		The file sink: exactly once and in order, whatever moment it is killed at.
 *
 * The stream is a function of a seed: transactions of a few events, events of one or
 * two messages, some tombstones.  A child puts it and is killed at a random
 * instant; what a loss of power may do to bytes that were not synced is done to the
 * directory then; the next child recovers, and goes on behind the position.  In the
 * end the files, joined in the order of their names, are the stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "codec/grow.h"
#include "sink/files.h"

static LhCtx *ctx;
static char dir[64];

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	/* in memory where that is possible: a kill does not ask for a disk, only its syncs cost */
	strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/lh_sink_XXXXXX" : "/tmp/lh_sink_XXXXXX");
	return ctx == NULL || mkdtemp(dir) == NULL;
}

static int
tear_down(void **state)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	(void) state;
	lh_ctx_destroy(ctx);
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return rmdir(dir);
}

/*
 * The stream of a seed
 */

static uint64_t
mix(uint64_t a, uint64_t b)
{
	return lh_hash_u64(a * UINT64_C(0x9E3779B97F4A7C15) + b + 1);
}

typedef struct Stream
{
	uint64_t seed;
	int ntxns;
	bool topics;
} Stream;

static int
events_of(const Stream *st, int txn)
{
	return txn == st->ntxns / 2 ? 60 : (int) (mix(st->seed, (uint64_t) txn) % 6);
}

static int
messages_of(const Stream *st, int txn, int event)
{
	return 1 + (mix(st->seed ^ 7, (uint64_t) txn * 1000 + (uint64_t) event) % 4 == 0);
}

/* One message; value is what the reader wants to find. */
static void
make_message(const Stream *st, int txn, int event, int sub, LhSinkMessage *m, char value[256])
{
	uint64_t r =
		mix(st->seed ^ 99, (uint64_t) txn * 100000 + (uint64_t) event * 10 + (uint64_t) sub);
	static const char *const topics[] = {"a", "public.orders", "x/y z"};
	int n;

	n = snprintf(value, 256, "{\"t\":%d,\"e\":%d,\"s\":%d,\"p\":\"%.*s\"}", txn, event, sub,
				 (int) (r % 60),
				 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop");
	*m = (LhSinkMessage){.op = LH_CHANGE_INSERT,
						 .pos = {(uint64_t) (txn + 1) * 256, (uint64_t) event + 1, 700},
						 .sub = sub,
						 .topic = topics[r / 64 % 3],
						 .tombstone = sub == 1 && r % 5 == 0,
						 .value = lh_slice(value, (size_t) n)};
}

/* Put all of the stream that is beyond the position. */
static LhStatus
feed(LhSink *sink, const Stream *st, const LhChangePos *from)
{
	LhSinkMessage m;
	char value[256];

	for (int t = 0; t < st->ntxns; t++)
	{
		LhChangePos end = {(uint64_t) (t + 1) * 256, (uint64_t) events_of(st, t) + 1, 700};

		for (int e = 0; e < events_of(st, t); e++)
		{
			for (int k = 0; k < messages_of(st, t, e); k++)
			{
				make_message(st, t, e, k, &m, value);
				if (lh_change_pos_compare(&m.pos, from) > 0)
					LH_TRY(sink->kind->put(ctx, sink, &m));
			}
			if (mix(st->seed ^ 5, (uint64_t) t * 1000 + (uint64_t) e) % 16 == 0)
				LH_TRY(sink->kind->flush(ctx, sink));
		}
		if (lh_change_pos_compare(&end, from) > 0)
			LH_TRY(sink->kind->commit(ctx, sink, &end));
		if (mix(st->seed ^ 3, (uint64_t) t) % 3 == 0)
			LH_TRY(sink->kind->flush(ctx, sink));
	}
	LH_TRY(sink->kind->flush(ctx, sink));
	return sink->kind->close(ctx, sink);
}

static LhStatus
open_recovered(const char *uri, LhSink **sink, LhChangePos *pos, bool *known)
{
	LH_TRY(lh_sink_open(ctx, uri, "slot", "json", true, sink));
	return (*sink)->kind->recover(ctx, *sink, pos, known);
}

static LhStatus
run(const char *uri, const Stream *st)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	LH_TRY(open_recovered(uri, &sink, &pos, &known));
	return feed(sink, st, &pos);
}

/*
 * Reading back
 */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Names in order; finished files only, or all. */
static int
list(char *names[4096], bool all)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' || strncmp(e->d_name, ".tmp-", 5) == 0)
			if (all || (e->d_name[0] >= '0' && e->d_name[0] <= '9') ||
				(e->d_name[0] >= 'A' && e->d_name[0] <= 'F'))
			{
				assert_true(n < 4096);
				names[n++] = lh_strdup(ctx, e->d_name);
			}
	closedir(d);
	qsort(names, (size_t) n, sizeof(*names), by_name);
	return n;
}

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
	long size;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	text = lh_alloc(ctx, (size_t) size + 1);
	assert_int_equal(fread(text, 1, (size_t) size, f), size);
	fclose(f);
	text[size] = '\0';
	*n = (size_t) size;
	return text;
}

static void
spit(const char *name, const char *text, size_t n)
{
	FILE *f = fopen(at(name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static bool
ends(const char *s, const char *end)
{
	return strlen(s) >= strlen(end) && strcmp(s + strlen(s) - strlen(end), end) == 0;
}

/* A file's text, unpacked as a whole: several members or frames. */
static char *
text_of(const char *name)
{
	size_t n;
	char *bytes = slurp(name, &n);
	LhGrow *grow;
	LhBuf out;

	if (ends(name, ".ndjson") || ends(name, ".bin"))
		return bytes;
	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	if (ends(name, ".zst"))
	{
		assert_int_equal(lh_grow_create(ctx, 1 << 20, 0, &grow), LH_OK);
		assert_int_equal(lh_grow_zstd(ctx, grow, (uint8_t *) bytes, n, &out), LH_OK);
	}
	else
	{
		z_stream z = {.next_in = (Bytef *) bytes, .avail_in = (uInt) n};
		int status = Z_OK;

		assert_int_equal(lh_buf_reserve(ctx, &out, 1 << 20), LH_OK);
		z.next_out = out.data;
		z.avail_out = 1 << 20;
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		while (status == Z_OK && z.avail_in > 0)
			if ((status = inflate(&z, Z_NO_FLUSH)) == Z_STREAM_END && z.avail_in > 0)
				status = inflateReset(&z);
		assert_int_equal(status, Z_STREAM_END);
		out.len = (1 << 20) - z.avail_out;
		inflateEnd(&z);
	}
	assert_int_equal(lh_buf_putc(ctx, &out, '\0'), LH_OK);
	return (char *) out.data;
}

/* Everything of the stream (of one topic) is in the files, once and in order. */
static void
assert_stream(const Stream *st, const char *topic)
{
	char *names[4096], value[256];
	int n = list(names, false), files = 0;
	LhSinkMessage m;
	LhBuf all;
	const char *p;

	assert_int_equal(lh_buf_init(ctx, &all, false), LH_OK);
	for (int i = 0; i < n; i++)
	{
		if (topic != NULL && strstr(names[i], topic) == NULL)
			continue;
		assert_int_equal(lh_buf_append_str(ctx, &all, text_of(names[i])), LH_OK);
		files++;
	}
	assert_int_equal(lh_buf_putc(ctx, &all, '\0'), LH_OK);
	assert_true(files > 1);
	p = (const char *) all.data;
	for (int t = 0; t < st->ntxns; t++)
		for (int e = 0; e < events_of(st, t); e++)
			for (int k = 0; k < messages_of(st, t, e); k++)
			{
				make_message(st, t, e, k, &m, value);
				if (m.tombstone ||
					(topic != NULL && strcmp(topic, "-a.") == 0 && strcmp(m.topic, "a") != 0))
					continue;
				if (strncmp(p, value, m.value.len) != 0 || p[m.value.len] != '\n')
					fail_msg("seed %llu: expected %s, found %.80s", (unsigned long long) st->seed,
							 value, p);
				p += m.value.len + 1;
			}
	assert_string_equal(p, "");
}

/* Every line of the manifest tells the truth, and every file has one. */
static void
assert_manifest(void)
{
	char *names[4096], *text, *line, *save;
	int n = list(names, false), lines = 0;
	size_t len;

	text = slurp(LH_FILES_MANIFEST, &len);
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
	{
		json_t *json = json_loads(line, 0, NULL);
		const char *name = json_string_value(json_object_get(json, "name"));
		char crc[9];
		char *bytes;

		assert_non_null(name);
		bytes = slurp(name, &len);
		assert_int_equal(len, json_integer_value(json_object_get(json, "bytes")));
		snprintf(crc, sizeof(crc), "%08x", lh_crc32(bytes, len));
		assert_string_equal(crc, json_string_value(json_object_get(json, "crc32")));
		json_decref(json);
		lines++;
	}
	assert_int_equal(lines, n);
}

/*
 * Crashes
 */

/* What a loss of power may do: bytes that were not synced are there, or garbage, or not. */
static void
lose_power(uint64_t r)
{
	char *names[4096];
	int n = list(names, true);

	for (int i = 0; i < n; i++)
	{
		bool temp = strncmp(names[i], ".tmp-", 5) == 0;
		static const char *const tails[] = {"garbage",
											"{\"stream\":\"slot\",\"position\":", "x\ny\n"};
		FILE *f;

		if (!temp && names[i][0] != '_')
			continue;
		if (strcmp(names[i], LH_FILES_LOCK) == 0 || (mix(r, (uint64_t) i) & 1))
			continue;
		f = fopen(at(names[i]), "ab");
		assert_non_null(f);
		fputs(tails[mix(r, (uint64_t) i) / 2 % 3], f);
		fclose(f);
	}
}

static int kills;

static void
kill_and_go_on(const char *options, uint64_t seed, bool topics)
{
	Stream st = {.seed = seed, .ntxns = 30, .topics = topics};
	const char *uri = lh_sprintf(ctx, "file://%s?%s", dir, options);
	int status = -1;

	for (int attempt = 0; attempt < 200; attempt++)
	{
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
		{
			LhStatus result = run(uri, &st);

			if (result != LH_OK)
				fprintf(stderr, "%s\n", ctx->error->message);
			_exit(result == LH_OK ? 0 : 1);
		}
		/* later attempts get more time, so that the end is reached */
		usleep((useconds_t) (mix(seed, (uint64_t) attempt) % (uint64_t) (1500 + attempt * 1000)));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status))
			break;
		kills++;
		lose_power(mix(seed ^ 77, (uint64_t) attempt));
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("seed %llu ended with status %d", (unsigned long long) seed, status);
	assert_stream(&st, topics ? "-a." : NULL);
	assert_manifest();
}

static void
is_exactly_once_across_kills(void **state)
{
	static const char *const options[] = {"rotate.bytes=300", "rotate.bytes=1500&compress=gzip",
										  "rotate.bytes=700&compress=zstd", "rotate.bytes=1",
										  "rotate.bytes=600&per=topic"};
	int seeds = getenv("LAKEHOUSE_SINK_SEEDS") != NULL ? atoi(getenv("LAKEHOUSE_SINK_SEEDS")) : 200;

	for (int seed = 0; seed < seeds; seed++)
	{
		if (seed > 0)
		{
			tear_down(state);
			set_up(state);
		}
		kill_and_go_on(options[seed % 5], (uint64_t) seed, seed % 5 == 4);
	}
	/* else this tested nothing */
	print_message("%d kills in %d runs\n", kills, seeds);
	assert_true(kills >= seeds / 2);
}

/*
 * Without crashes
 */

static void
files_sort_in_order_and_have_topics(void **state)
{
	Stream st = {.seed = 1, .ntxns = 40};
	char *names[4096];

	(void) state;
	assert_int_equal(run(lh_sprintf(ctx, "file://%s?rotate.bytes=500&per=topic", dir), &st), LH_OK);
	assert_true(list(names, false) > 3);
	assert_true(ends(names[0], ".ndjson"));
	assert_stream(&st, "-a.");
	assert_manifest();
	/* a topic that is no file name */
	for (int i = 0; names[i] != NULL && i < list(names, false); i++)
		if (strstr(names[i], "-x%2Fy%20z.ndjson") != NULL)
			return;
	fail_msg("no file of topic x/y z");
}

static void
binary_values_have_lengths(void **state)
{
	LhSinkMessage m = {.pos = {16, 1, 1}, .value = lh_slice("a\nb", 3)};
	LhChangePos pos;
	LhSink *sink;
	bool known = true;
	size_t n;
	char *text;

	(void) state;
	assert_int_equal(
		lh_sink_open(ctx, lh_sprintf(ctx, "file://%s", dir), "slot", "avro", false, &sink), LH_OK);
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_OK);
	assert_false(known);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_OK);
	assert_int_equal(sink->kind->commit(ctx, sink, &m.pos), LH_OK);
	assert_int_equal(sink->durable.commit_end, 0);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_OK);
	assert_int_equal(sink->durable.commit_end, 16);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
	text = slurp("0000000000000010-0000000000000001.bin", &n);
	assert_int_equal(n, 7);
	assert_memory_equal(text, "\3\0\0\0a\nb", 7);
}

/* Files change between events, and between transactions unless one is too large. */
static void
rotation_splits_no_event(void **state)
{
	char *names[4096];
	LhChangePos pos;
	LhSink *sink;
	bool known;
	int n;

	(void) state;
	assert_int_equal(
		open_recovered(lh_sprintf(ctx, "file://%s?rotate.bytes=10", dir), &sink, &pos, &known),
		LH_OK);
	for (uint64_t e = 1; e <= 4; e++)
		for (int sub = 0; sub < 8; sub++)
		{
			LhSinkMessage m = {.pos = {32, e, 1}, .sub = sub, .value = lh_slice("0123456789", 10)};

			assert_int_equal(sink->kind->put(ctx, sink, &m), LH_OK);
		}
	pos = (LhChangePos){32, 5, 1};
	assert_int_equal(sink->kind->commit(ctx, sink, &pos), LH_OK);
	assert_int_equal(sink->durable.ordinal, 5);
	n = list(names, false);
	assert_int_equal(n, 4);
	for (int i = 0; i < n; i++)
		assert_int_equal(strlen(text_of(names[i])), 88);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
}

static void
a_second_writer_is_refused(void **state)
{
	const char *uri = lh_sprintf(ctx, "file://%s", dir);
	LhSink *first, *second;

	(void) state;
	assert_int_equal(lh_sink_open(ctx, uri, "slot", "json", true, &first), LH_OK);
	assert_int_equal(lh_sink_open(ctx, uri, "slot", "json", true, &second), LH_DENIED);
	assert_int_equal(first->kind->close(ctx, first), LH_OK);
	assert_int_equal(lh_sink_open(ctx, uri, "slot", "json", true, &second), LH_OK);
}

static void
close_keeps_only_what_was_flushed(void **state)
{
	const char *uri = lh_sprintf(ctx, "file://%s", dir);
	LhSinkMessage m = {.pos = {16, 1, 1}, .value = lh_slice("one", 3)};
	char *names[4096];
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	assert_int_equal(open_recovered(uri, &sink, &pos, &known), LH_OK);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_OK);
	assert_int_equal(sink->kind->commit(ctx, sink, &m.pos), LH_OK);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_OK);
	m.pos.commit_end = 32;
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_OK);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
	assert_int_equal(list(names, false), 1);
	assert_string_equal(text_of(names[0]), "one\n");
	assert_int_equal(open_recovered(uri, &sink, &pos, &known), LH_OK);
	assert_true(known && pos.commit_end == 16 && pos.ordinal == 1 && pos.xid == 1);
}

/* A transaction without messages moves the position, too. */
static void
empty_transactions_move_the_position(void **state)
{
	const char *uri = lh_sprintf(ctx, "file://%s", dir);
	LhChangePos pos, end = {4096, 1, 9};
	LhSink *sink;
	bool known;

	(void) state;
	assert_int_equal(open_recovered(uri, &sink, &pos, &known), LH_OK);
	assert_int_equal(sink->kind->commit(ctx, sink, &end), LH_OK);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_OK);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
	assert_int_equal(open_recovered(uri, &sink, &pos, &known), LH_OK);
	assert_true(known && pos.commit_end == 4096);
}

/*
 * Damage that no crash does
 */

/* Make a directory of several files; then let damage() change it: recovery must give this. */
static void
refused_after(void (*damage)(void), const char *options, LhStatus want, const char *message)
{
	const char *uri = lh_sprintf(ctx, "file://%s?rotate.bytes=300%s", dir, options);
	Stream st = {.seed = 4, .ntxns = 20};
	LhChangePos pos;
	LhSink *sink;
	LhStatus got;
	bool known;

	assert_int_equal(run(uri, &st), LH_OK);
	damage();
	got = open_recovered(uri, &sink, &pos, &known);
	if (got != want || (want != LH_OK && strstr(ctx->error->message, message) == NULL))
		fail_msg("status %d: %s", got, ctx->error->message);
	(void) sink->kind->close(ctx, sink);
	for (char *names[4096]; list(names, true) > 0;)
		for (int i = 0, n = list(names, true); i < n; i++)
			unlink(at(names[i]));
}

static void
damage_nothing(void)
{
}

static void
remove_journal(void)
{
	unlink(at(LH_FILES_JOURNAL));
}

static void
truncate_manifest(void)
{
	assert_int_equal(truncate(at(LH_FILES_MANIFEST), 0), 0);
}

static void
flip(const char *name, size_t where)
{
	size_t n;
	char *text = slurp(name, &n);

	text[where % n] ^= 1;
	spit(name, text, n);
}

static void
flip_in_manifest(void)
{
	flip(LH_FILES_MANIFEST, 30);
}

static void
flip_in_newest(void)
{
	char *names[4096];
	int n = list(names, false);

	flip(names[n - 1], 3);
}

static void
shorten_newest(void)
{
	char *names[4096];
	int n = list(names, false);

	assert_int_equal(truncate(at(names[n - 1]), 5), 0);
}

static void
remove_newest(void)
{
	char *names[4096];
	int n = list(names, false);

	unlink(at(names[n - 1]));
}

static void
add_file_beyond(void)
{
	spit("00000000FFFFFFFF-0000000000000001.ndjson", "x\n", 2);
}

static void
damage_is_an_error(void **state)
{
	(void) state;
	refused_after(damage_nothing, "", LH_OK, "");
	refused_after(remove_journal, "", LH_CORRUPT, "no position");
	refused_after(truncate_manifest, "", LH_CORRUPT, "has no line of the file");
	refused_after(flip_in_manifest, "", LH_CORRUPT, "the line at byte 0 is damaged");
	refused_after(flip_in_newest, "", LH_CORRUPT, "CRC-32");
	refused_after(shorten_newest, "", LH_CORRUPT, "has 5 bytes");
	refused_after(remove_newest, "", LH_CORRUPT, "is missing");
	refused_after(remove_newest, "&verify=no", LH_OK, "");
	refused_after(add_file_beyond, "", LH_CORRUPT, "beyond the last position");
}

/* A journal cut or changed anywhere never yields a wrong position: an older one, none, or an error. */
static void
a_damaged_journal_yields_no_wrong_position(void **state)
{
	const char *uri = lh_sprintf(ctx, "file://%s?rotate.seconds=0", dir);
	LhSinkMessage m = {.value = lh_slice("v", 1)};
	LhChangePos pos;
	size_t n, size = 0;
	LhSink *sink;
	bool known;
	char *text = NULL;
	char *names[4096], *journal;
	int nfiles;

	(void) state;
	assert_int_equal(open_recovered(uri, &sink, &pos, &known), LH_OK);
	for (uint64_t t = 1; t <= 5; t++)
	{
		m.pos = (LhChangePos){t * 16, 1, 1};
		assert_int_equal(sink->kind->put(ctx, sink, &m), LH_OK);
		assert_int_equal(sink->kind->commit(ctx, sink, &m.pos), LH_OK);
		assert_int_equal(sink->kind->flush(ctx, sink), LH_OK);
	}
	/* copy what a crash would leave */
	journal = slurp(LH_FILES_JOURNAL, &n);
	nfiles = list(names, true);
	for (int i = 0; i < nfiles; i++)
		if (strncmp(names[i], ".tmp-", 5) == 0)
		{
			text = slurp(names[i], &size);
			names[0] = names[i];
		}
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);

	for (size_t i = 0; i < 2 * n; i++)
	{
		char *other[4096];
		LhStatus status;

		for (int k = 0, left = list(other, true); k < left; k++)
			unlink(at(other[k]));
		spit(names[0], text, size);
		if (i < n)
			spit(LH_FILES_JOURNAL, journal, i);
		else
		{
			char *changed = lh_strndup(ctx, journal, n);

			changed[i - n] ^= 0x10;
			spit(LH_FILES_JOURNAL, changed, n);
		}
		status = open_recovered(uri, &sink, &pos, &known);
		assert_true(status == LH_OK || status == LH_CORRUPT);
		if (status == LH_OK && known)
		{
			assert_true(pos.commit_end % 16 == 0 && pos.commit_end <= 80 && pos.commit_end > 0);
			assert_int_equal(list(other, false), 1);
			assert_int_equal(strlen(text_of(other[0])), pos.commit_end / 16 * 2);
		}
		if (status == LH_OK && !known)
			assert_int_equal(list(other, false), 0);
		assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
	}
}

static void
another_stream_is_refused(void **state)
{
	const char *uri = lh_sprintf(ctx, "file://%s", dir);
	Stream st = {.seed = 2, .ntxns = 3};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	assert_int_equal(run(uri, &st), LH_OK);
	assert_int_equal(lh_sink_open(ctx, uri, "other", "json", true, &sink), LH_OK);
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_MISMATCH);
}

/* A full disk: an error, and after there is room everything comes once. */
static void
a_full_disk_loses_nothing(void **state)
{
	Stream st = {.seed = 11, .ntxns = 40};
	const char *uri = lh_sprintf(ctx, "file://%s?rotate.bytes=100000", dir);
	int failed = 0, status;

	(void) state;
	for (rlim_t limit = 150;; limit = limit * 3 / 2)
	{
		pid_t pid = fork();

		if (pid == 0)
		{
			struct rlimit r = {limit, limit};
			LhStatus result;

			signal(SIGXFSZ, SIG_IGN);
			setrlimit(RLIMIT_FSIZE, &r);
			result = run(uri, &st);
			_exit(result == LH_OK ? 0 : result == LH_IO && ctx->error->hint[0] != '\0' ? 3 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3));
		if (WEXITSTATUS(status) == 0)
			break;
		failed++;
	}
	assert_true(failed > 2);
	assert_stream(&st, NULL);
	assert_manifest();
}

/* After a failure the same sink refuses everything until it is recovered, then goes on. */
static void
a_failed_sink_wants_recovery(void **state)
{
	const char *uri = lh_sprintf(ctx, "file://%s?per=topic", dir);
	LhSinkMessage m = {.pos = {16, 1, 1}, .topic = "\xff", .value = lh_slice("v", 1)};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	assert_int_equal(lh_sink_open(ctx, uri, "slot", "json", true, &sink), LH_OK);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_BUG);
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_OK);
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_BAD_TEXT);
	assert_int_equal(sink->kind->flush(ctx, sink), LH_BUG);
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_OK);
	m.topic = "good";
	assert_int_equal(sink->kind->put(ctx, sink, &m), LH_OK);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
}

static void
the_journal_stays_small(void **state)
{
	const char *uri = lh_sprintf(ctx, "file://%s", dir);
	LhChangePos pos, end = {0, 1, 9};
	struct stat st;
	LhSink *sink;
	bool known;

	(void) state;
	assert_int_equal(open_recovered(uri, &sink, &pos, &known), LH_OK);
	((LhFiles *) sink)->journal_bytes = LH_FILES_JOURNAL_MAX - 1000;
	for (int i = 0; i < 100; i++)
	{
		end.commit_end += 16;
		assert_int_equal(sink->kind->commit(ctx, sink, &end), LH_OK);
		assert_int_equal(sink->kind->flush(ctx, sink), LH_OK);
	}
	assert_true(((LhFiles *) sink)->journal_bytes < LH_FILES_JOURNAL_MAX / 2);
	assert_int_equal(stat(at(LH_FILES_JOURNAL), &st), 0);
	assert_int_equal(st.st_size, ((LhFiles *) sink)->journal_bytes);
	assert_int_equal(sink->kind->close(ctx, sink), LH_OK);
	assert_int_equal(open_recovered(uri, &sink, &pos, &known), LH_OK);
	assert_true(known && pos.commit_end == 1600);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_sort_in_order_and_have_topics),
		TEST(binary_values_have_lengths),
		TEST(rotation_splits_no_event),
		TEST(a_second_writer_is_refused),
		TEST(close_keeps_only_what_was_flushed),
		TEST(empty_transactions_move_the_position),
		TEST(damage_is_an_error),
		TEST(a_damaged_journal_yields_no_wrong_position),
		TEST(another_stream_is_refused),
		TEST(a_full_disk_loses_nothing),
		TEST(a_failed_sink_wants_recovery),
		TEST(the_journal_stays_small),
		TEST(is_exactly_once_across_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
