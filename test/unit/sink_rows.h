/*
 * sink_rows.h
 *		A stream of rows for containers, and what containers hold of it.
 *
 * Three tables and events of none; "orders" gets another schema in the middle of a
 * transaction.  Rows are a function of their place, so that what is found in files
 * can be compared with what should be there, for any position.
 */
#ifndef SINK_ROWS_H
#define SINK_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "sink/files.h"
#include "unit/avro_make.h"
#include "unit/avro_show.h"
#include "unit/pq_file.h"
#include "unit/sink_crash.h"

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

#endif
