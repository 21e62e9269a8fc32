/*
 * bench_sink_files.c
 *		Rows a CPU second of the file sink: lines, Avro containers, Parquet files.
 *
 *	bench_sink_files [-n REPEATS] [-r ROWS] [-t ROWS] [-d DIRECTORY]
 *
 * ROWS (default 1,000,000) rows of ten columns are made as "json" and as "avro" would
 * write them, in transactions of -t rows (1,000), and put into a sink each: what
 * encoding, the server and the client cost is not in it.  A flush comes every 10,000 rows.
 * The least CPU time of REPEATS (3) runs counts; the files go below DIRECTORY
 * ($TMPDIR or /tmp) and are removed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sink/files.h"
#include "unit/avro_make.h"

#define DISTINCT   65536
#define FLUSH_ROWS 10000
#define META                                                                                    \
	"{\"name\":\"__op\",\"type\":\"string\"},{\"name\":\"__lsn\",\"type\":\"long\"},"           \
	"{\"name\":\"__seq\",\"type\":\"long\"},{\"name\":\"__ts_us\",\"type\":[\"null\",{\"type\"" \
	":\"long\",\"logicalType\":\"timestamp-micros\"}]},{\"name\":\"__unchanged\",\"type\":{"    \
	"\"type\":\"array\",\"items\":\"string\"},\"default\":[]}]}"
#define NULLABLE(name, type) "{\"name\":\"" name "\",\"type\":[\"null\"," type "]},"

static const char schema_text[] =
	"{\"type\":\"record\",\"name\":\"row\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}," NULLABLE(
		"customer", "\"int\"") NULLABLE("price", "{\"type\":\"bytes\",\"logicalType\":"
												 "\"decimal\",\"precision\":12,\"scale\":2}")
		NULLABLE("discount", "\"double\"") NULLABLE("flag", "\"boolean\"")
			NULLABLE("at", "{\"type\":\"long\",\"logicalType\":"
						   "\"timestamp-micros\"}")
				NULLABLE("day", "{\"type\":\"int\",\"logicalType\":\"date\"}")
					NULLABLE("ref", "{\"type\":\"string\",\"logicalType\":\"uuid\"}")
						NULLABLE("status", "\"string\"") NULLABLE("comment", "\"string\"") META;

static LhCtx *ctx;
static LhSchema schema;
static LhSlice json[DISTINCT], avro[DISTINCT];
static int64_t rows = 1000000, in_transaction = 1000;
static const char *top;

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void
must(LhStatus status)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "%s\n", ctx->error->message);
	exit(1);
}

/* A row whose long and short fields differ from row to row; both forms say the same. */
static void
make_row(int i)
{
	static const char *const status[] = {"open", "paid", "shipped", "returned"};
	static const char words[] = "the quick brown fox jumps over the lazy dog and carefully sleeps ";
	uint64_t r = lh_hash_u64((uint64_t) i + 1);
	int length = 20 + (int) (r % 40);
	uint8_t head[LH_SCHEMA_HEAD];
	AvroMake m = avro_new(ctx);
	char ref[37], *text;

	snprintf(ref, sizeof(ref), "%08x-58cc-4372-a567-%012llx", (unsigned) r,
			 (unsigned long long) (r >> 16));
	text = lh_sprintf(
		ctx,
		"{\"op\":\"insert\",\"lsn\":\"0/%X\",\"n\":%d,\"table\":\"row\",\"new\":{\"id\":%d,"
		"\"customer\":%d,\"price\":%d.%02d,\"discount\":0.0%d,\"flag\":%s,\"at\":\"2026-11-30T19:"
		"42:25.%06dZ\",\"day\":\"2026-11-%02d\",\"ref\":\"%s\",\"status\":\"%s\",\"comment\":"
		"\"%.*s\"}}",
		(unsigned) r, i % 1000, i, (int) (r % 100000), (int) (r >> 40 & 0xffff), (int) (r % 100),
		(int) (r % 10), r & 1 ? "true" : "false", (int) (r % 1000000), 1 + (int) (r % 30), ref,
		status[r % 4], length, words);
	json[i] = lh_slice(text, strlen(text));

	lh_schema_head(LH_SCHEMA_AVRO, schema.fingerprint, head);
	avro_raw(&m, head, sizeof(head));
	avro_long(&m, i);
	avro_long(&m, 1);
	avro_long(&m, (int64_t) (r % 100000));
	avro_long(&m, 1);
	avro_bytes(&m, &(uint32_t){(uint32_t) (r >> 40)}, 3);
	avro_long(&m, 1);
	avro_double(&m, (double) (r % 10) / 100);
	avro_long(&m, 1);
	avro_byte(&m, r & 1);
	avro_long(&m, 1);
	avro_long(&m, INT64_C(1796067745000000) + (int64_t) (r % 1000000));
	avro_long(&m, 1);
	avro_long(&m, 20758 + (int64_t) (r % 30));
	avro_long(&m, 1);
	avro_text(&m, ref);
	avro_long(&m, 1);
	avro_text(&m, status[r % 4]);
	avro_long(&m, 1);
	avro_bytes(&m, words, (size_t) length);
	avro_text(&m, "c");
	avro_long(&m, (int64_t) (r & 0xffffffff));
	avro_long(&m, i % 1000);
	avro_long(&m, 1);
	avro_long(&m, INT64_C(1796067745000000));
	avro_long(&m, 0);
	avro[i] = lh_slice(m.b.data, m.b.len);
}

/* Remove a directory of the sink; bytes of its data files. */
static int64_t
remove_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;
	int64_t bytes = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
	{
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISREG(st.st_mode) && e->d_name[0] != '_')
			bytes += st.st_size;
		if (S_ISREG(st.st_mode))
			unlinkat(dirfd(d), e->d_name, 0);
		else if (e->d_name[0] == '_')
			remove_dir(lh_sprintf(ctx, "%s/%s", path, e->d_name));
	}
	if (d != NULL)
		closedir(d);
	rmdir(path);
	return bytes;
}

static void
put_all(LhSink *sink, const LhSlice *values)
{
	LhSinkMessage m = {
		.op = LH_CHANGE_INSERT, .relid = 1, .topic = "public.row", .value_schema = &schema};

	for (int64_t i = 0; i < rows; i++)
	{
		m.pos = (LhChangePos){(uint64_t) (i / in_transaction + 1) * 64,
							  (uint64_t) (i % in_transaction) + 1, 1};
		m.value = values[i % DISTINCT];
		must(sink->kind->put(ctx, sink, &m));
		if (i % in_transaction == in_transaction - 1 || i == rows - 1)
		{
			m.pos.ordinal++;
			must(sink->kind->commit(ctx, sink, &m.pos));
		}
		if (i % FLUSH_ROWS == FLUSH_ROWS - 1)
			must(sink->kind->flush(ctx, sink));
	}
	must(sink->kind->flush(ctx, sink));
	must(sink->kind->close(ctx, sink));
}

static void
run(const char *options, const LhSlice *values, int repeats)
{
	const char *path = lh_sprintf(ctx, "%s/bench_sink_files.%d", top, (int) getpid());
	LhSinkConfig config = {0};
	LhArena *work = lh_arena_child(ctx->arena), *old;
	double best = 0;
	int64_t bytes = 0;
	const char *scheme;

	for (int i = 0; i < repeats; i++)
	{
		LhChangePos pos;
		LhSink *sink;
		double seconds;
		bool known;

		remove_dir(path);
		lh_arena_reset(work);
		old = lh_use(ctx, work);
		must(lh_sink_uri_parse(ctx, lh_sprintf(ctx, "file://%s?%s", path, options), &scheme,
							   &config));
		config.stream = "bench";
		config.text = values == json;
		config.schemas = values == json ? LH_SCHEMA_NONE : LH_SCHEMA_AVRO;
		must(lh_sink_file.open(ctx, &config, &sink));
		sink->kind = &lh_sink_file;
		must(sink->kind->recover(ctx, sink, &pos, &known));
		seconds = cpu_seconds();
		put_all(sink, values);
		seconds = cpu_seconds() - seconds;
		lh_use(ctx, old);
		best = i == 0 || seconds < best ? seconds : best;
		bytes = remove_dir(path);
	}
	printf("%-44s %8.0f k rows/s  %6.1f bytes/row\n", options, (double) rows / best / 1000,
		   (double) bytes / (double) rows);
	fflush(stdout);
	lh_arena_destroy(work);
}

int
main(int argc, char **argv)
{
	int repeats = 3, o;

	top = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	while ((o = getopt(argc, argv, "n:r:t:d:")) != -1)
	{
		if (o == 'n')
			repeats = atoi(optarg);
		else if (o == 'r')
			rows = atoll(optarg);
		else if (o == 't')
			in_transaction = atoll(optarg);
		else if (o == 'd')
			top = optarg;
		else
			return 2;
	}
	if (repeats < 1 || rows < 1 || in_transaction < 1 || (ctx = lh_ctx_create()) == NULL)
		return 2;
	schema = (LhSchema){LH_SCHEMA_AVRO, lh_schema_fingerprint(schema_text, strlen(schema_text)),
						lh_slice(schema_text, strlen(schema_text))};
	for (int i = 0; i < DISTINCT; i++)
		make_row(i);
	run("compress=none", json, repeats);
	run("compress=zstd", json, repeats);
	run("container=avro&compress=none", avro, repeats);
	run("container=avro&compress=snappy", avro, repeats);
	run("container=avro&compress=deflate", avro, repeats);
	run("container=avro&compress=zstd", avro, repeats);
	run("container=parquet&compress=none", avro, repeats);
	run("container=parquet&compress=zstd", avro, repeats);
	lh_ctx_destroy(ctx);
	return 0;
}
